"""The CustomResourceDefinition: what the API server takes for one, and what it has in common with the models."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import yaml
from pydantic import BaseModel, Field

from helios.operator.crds import COLUMNS, GOVERNED, RULES, crd, crd_yaml, structural
from helios.operator.resources import HeliosTarget, HeliosTargetSpec, HeliosTargetStatus
from helios.settings import Settings, with_defaults
from helios.targets import QueryPolicy
from helios.values import Strict
from tests.operator.examples import ACCEPTED, FULL, MODEL_ONLY, REFUSED, spec
from tests.operator.test_resources import of

Schema = dict[str, Any]
VERSION = crd()["spec"]["versions"][0]
ROOT: Schema = VERSION["schema"]["openAPIV3Schema"]
SPEC: Schema = ROOT["properties"]["spec"]
SCHEMA = jsonschema_rs.validator_for(SPEC)


def parts(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every schema inside this one, with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from parts(inner, f"{path}.{name}")
    if "items" in schema:
        yield from parts(schema["items"], f"{path}[]")


EVERY = [*parts(SPEC, "spec"), *parts(ROOT["properties"]["status"], "status")]


def offending(wrong: Any) -> list[str]:
    """The paths of the parts that are wrong."""
    return [path for path, part in EVERY if wrong(part)]


def test_it_is_of_the_group_and_the_names_that_users_type() -> None:
    """`kubectl get ht`, `kubectl get helios`, one per namespace, with a status of its own."""
    made = crd()
    names = made["spec"]["names"]
    assert made["metadata"]["name"] == "heliostargets.helios.dev"
    assert made["spec"]["scope"] == "Namespaced"
    assert (["ht"], ["helios"], "HeliosTarget") == (names["shortNames"], names["categories"], names["kind"])
    assert (True, True, {"status": {}}) == (VERSION["served"], VERSION["storage"], VERSION["subresources"])


def test_it_is_a_structural_schema() -> None:
    """None of what the API server refuses in one, and a type everywhere."""
    allowed = {
        "type",
        "description",
        "properties",
        "required",
        "items",
        "default",
        "enum",
        "pattern",
        "format",
    }
    allowed |= {
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "x-kubernetes-validations",
    }
    allowed |= {"x-kubernetes-list-type", "x-kubernetes-list-map-keys"}
    assert [] == offending(lambda part: part.keys() - allowed)
    assert [] == offending(lambda part: part.get("type") not in {"object", "array", "string", "integer"})
    assert [] == offending(
        lambda part: part["type"] == "integer" and part["format"] not in {"int32", "int64"}
    )
    assert [] == offending(lambda part: part["type"] == "array" and "items" not in part)


def test_everything_is_bounded_so_that_cel_stays_in_its_budget() -> None:
    """The API server reckons with the longest list and text there may be."""
    assert [] == offending(lambda part: part["type"] == "array" and "maxItems" not in part)
    assert [] == offending(
        lambda part: part["type"] == "string" and not part.keys() & {"maxLength", "enum", "format"}
    )


def test_there_is_no_float_in_it() -> None:
    """A fraction is text, as Kubernetes' habits want it."""
    assert [] == offending(lambda part: part["type"] == "number")


def test_every_field_is_explained() -> None:
    """`kubectl explain` has a sentence for each; elements of lists of numbers need none."""
    told = [
        path
        for path, part in EVERY
        if not part.get("description", "").endswith(".") and not path.endswith("[]")
    ]
    assert [] == told


def test_every_rule_has_a_message() -> None:
    """One that says what is wrong, without the bare expression."""
    rules = [rule for _, part in [("", ROOT), *EVERY] for rule in part.get("x-kubernetes-validations", [])]
    assert len(rules) > len(RULES)
    assert [] == [rule for rule in rules if not rule["message"] or "self." in rule["message"]]


def models(model: type[Strict]) -> Iterator[type[Strict]]:
    """Every model that a model is made of."""
    yield model
    for field in model.model_fields.values():
        for name in re.findall(r"\w+", str(field.annotation)):
            for inner in Strict.__subclasses__():
                if inner.__name__ == name:
                    yield from models(inner)


def test_every_check_across_fields_is_said_in_cel_too() -> None:
    """A model with a validator has rules; metrics that are named twice are the list's own matter."""
    checked = {
        one.__name__
        for one in models(HeliosTargetSpec)
        if vars(one)["__pydantic_decorators__"].model_validators
    }
    assert checked == RULES.keys()


def test_metrics_and_conditions_are_told_apart_by_their_names() -> None:
    """The API server then refuses a metric that comes twice, and two writers can each own a condition."""
    status = ROOT["properties"]["status"]["properties"]
    for part, key in ((SPEC["properties"]["metrics"], "name"), (status["conditions"], "type")):
        assert ("map", [key]) == (part["x-kubernetes-list-type"], part["x-kubernetes-list-map-keys"])
        assert key in part["items"]["required"]


def defaulted(schema: Schema, value: Any) -> Any:
    """A value with the schema's defaults, put in as the API server does."""
    if schema["type"] == "array":
        return [defaulted(schema["items"], inner) for inner in value]
    if schema["type"] != "object":
        return value
    own = {
        name: copy.deepcopy(part["default"])
        for name, part in schema["properties"].items()
        if "default" in part
    }
    return {name: defaulted(schema["properties"][name], inner) for name, inner in (own | value).items()}


@pytest.mark.parametrize("example", ACCEPTED, ids=lambda example: example.id)
def test_the_api_servers_defaults_are_the_models(example: Any) -> None:
    """What it writes into an object changes nothing of what is meant, whatever the operator's settings are."""
    settings = {"scaling": {"max_replicas": 30, "cooldown_seconds": 60}, "thresholds": {"anomaly_sigma": 3.5}}
    known = Settings.model_validate(settings)
    told, stored = (
        HeliosTargetSpec.model_validate(with_defaults(given, known))
        for given in (example.spec, defaulted(SPEC, example.spec))
    )
    assert told == stored


def test_every_default_is_shown_but_those_of_the_operators_settings() -> None:
    """A default in the schema is written into every object, and the operator's setting would never count."""
    shown = {path for path, part in EVERY if "default" in part}
    assert {
        "spec.mode",
        "spec.metrics",
        "spec.utilization.max",
        "spec.utilization.reactive",
        "spec.forecast.model",
        "spec.forecast.horizons",
        "spec.forecast.quantile",
        "spec.behavior.freezeMaxSeconds",
        "spec.behavior.rollout.startPercent",
        "spec.behavior.rollout.stepPercent",
        "spec.behavior.rollout.everySeconds",
        "spec.timezone",
        "spec.scaleTargetRef.apiVersion",
        "spec.scaleTargetRef.kind",
        "spec.keda.authenticationRef.kind",
        "spec.keda.cpuGuard",
        "spec.keda.fallback.failureThreshold",
    } == shown
    governed = [
        part
        for path, part in EVERY
        for _, name in GOVERNED
        if path.endswith(f".{name}") and "setting" in part["description"]
    ]
    assert len(GOVERNED) == len(governed)


def test_every_column_shows_what_there_is() -> None:
    """Its path leads to a field of the schema, or to a condition."""
    known = {f".{path}" for path, _ in EVERY} | {".metadata.creationTimestamp"}
    plain = [path for _, _, path, _ in COLUMNS if "?(" not in path]
    assert [] == [path for path in plain if path not in known]
    assert {"Ready", "Scaling", "DataAvailable"} == {
        found for _, _, path, _ in COLUMNS for found in re.findall(r'@\.type=="(\w+)"', path)
    }


def test_the_yaml_is_the_same() -> None:
    """What `helios crd` prints is what was made."""
    assert crd() == yaml.safe_load(crd_yaml())


class Odd(BaseModel):
    """A model that a structural schema cannot hold yet."""

    step: int = Field(1, multiple_of=5)


def test_what_cannot_be_said_is_not_left_out_in_silence() -> None:
    """Whoever gives a field a new check learns at once that the API server would not make it."""
    with pytest.raises(ValueError, match=r"Odd.step: \['multipleOf'\]"):
        structural(Odd)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, within in inner:
        yield (*path, key)
        yield from leaves(within, (*path, key))


def put(path: tuple[Any, ...], value: Any) -> Any:
    """The full spec with another value somewhere."""
    changed = copy.deepcopy(FULL)
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


ODD_VALUES: tuple[Any, ...] = (
    0,
    -1,
    10**9,
    10**20,
    "",
    "x",
    "X y",
    "-1",
    "0",
    "1e9",
    "7",
    "x" * 5000,
    [],
    {},
    [None],
    [{}],
    {"x": 1},
)
SAID_IN_CEL = re.compile(
    "above max|outside|not after|has an offset|neither cpu nor memory|less than 1000000000000000|greater than 0|"
    "named twice|min, max, or both|time zone|cron|replicas.max|datetime|no forecaster|holidays"
)
"""What the models say beyond a schema."""


@pytest.mark.parametrize("path", list(leaves(FULL)), ids=lambda path: ".".join(map(str, path)))
def test_schema_and_models_agree_on_whatever_stands_in_a_field(path: tuple[Any, ...]) -> None:
    """What the API server refuses the models refuse, and the reverse, but for what only they can say.

    A reader of files takes a number that is text, and a text that is a metric's name; the API server does not.
    """
    for value in ODD_VALUES:
        given = put(path, value)
        body = {"metadata": {"name": "a"}, "spec": given}
        problem = HeliosTarget.of(body, fill=dict, queries=QueryPolicy.ANY).problem
        if SCHEMA.is_valid(given):
            unknown = problem is not None and "is not a field" in problem  # the API server prunes it
            assert problem is None or unknown or SAID_IN_CEL.search(problem), (value, problem)
        else:
            lenient = isinstance(value, str) or path[-1] in {"perReplica", "threshold", "mutedUntil"}
            assert problem is not None or lenient, value


@pytest.mark.parametrize("example", [*ACCEPTED, *MODEL_ONLY], ids=lambda example: example.id)
def test_the_schema_takes_what_the_examples_promise(example: Any) -> None:
    """As far as it goes without CEL; the end-to-end suite asks the real API server."""
    assert SCHEMA.is_valid(example.spec)


def test_the_examples_name_every_rule() -> None:
    """Each message of CEL is met by a bad example, so that the real API server is asked about each."""
    said = " | ".join(example.part for example in REFUSED)
    messages = [message for rules in RULES.values() for message in rules]
    known = (
        "swap",
        "one replica serves",
        "outside",
        "needs min",
        "above max",
        "give both",
        "not after",
        "replicas.max",
        "remove one",
    )
    assert [] == [m for m in messages if not any(part in m and part in said for part in known)]


def test_a_status_that_is_written_is_one_that_the_schema_has() -> None:
    """The models of the status are as strict as those of the spec."""
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Scored",
        "message": "scored, and decided on",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-03-01T12:00:00Z",
    }
    status = {"replicas": {"current": 3, "recommended": 4, "uncapped": 4}, "conditions": [condition]}
    assert HeliosTargetStatus.model_validate(status).conditions[0].type == "Ready"
    schema = jsonschema_rs.validator_for(ROOT["properties"]["status"])
    assert schema.is_valid(status)
    assert not schema.is_valid({"conditions": [{**condition, "reason": ""}]})
    assert of({"metadata": {"name": "a"}, "spec": spec(), "status": status}).status == status
