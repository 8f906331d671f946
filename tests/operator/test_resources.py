"""A HeliosTarget as the operator sees it: what is wanted, or why it cannot be used, but never an exception."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.operator.resources import HeliosTarget
from helios.settings import Settings, with_defaults
from helios.targets import QueryPolicy
from scoring.calendars import Event, Schedule
from scoring.policies import Metric, Rollout, StepLimit, Target
from tests.operator.examples import (
    ACCEPTED,
    FULL,
    MODEL_ONLY,
    REFUSED,
    RPS,
    UNKNOWN,
    Example,
    manifest,
    spec,
)


def of(body: Any, queries: QueryPolicy = QueryPolicy.ANY, **settings: Any) -> HeliosTarget:
    """The body as an operator with these settings takes it."""
    known = Settings.model_validate(settings)
    return HeliosTarget.of(body, fill=lambda raw: with_defaults(raw, known), queries=queries)


def parsed(given_spec: dict[str, Any], **settings: Any) -> Target:
    """A good spec as the core takes it."""
    target = of(manifest(given_spec), **settings)
    assert target.spec is not None, target.problem
    return target.spec.target(target.namespace)


def examples(*tables: Sequence[Example]) -> pytest.MarkDecorator:
    """One case for each example."""
    every = [example for table in tables for example in table]
    return pytest.mark.parametrize("example", every, ids=lambda example: example.id)


@examples(ACCEPTED)
def test_a_good_spec_is_taken(example: Example) -> None:
    """It has no problem, and the core can use it."""
    target = of(manifest(example.spec))
    assert target.problem is None
    assert target.spec is not None
    assert example.spec["scaleTargetRef"]["name"] == target.spec.target("saleor").deployment


@examples(REFUSED, MODEL_ONLY, UNKNOWN)
def test_a_bad_spec_is_explained(example: Example) -> None:
    """In one line that names the field; the object itself is known all the same."""
    target = of(manifest(example.spec))
    assert target.spec is None
    assert not target.not_allowed
    assert target.problem is not None
    assert target.problem.startswith("spec")
    assert example.part in target.problem
    assert "\n" not in target.problem
    assert ("saleor", "saleor-api") == (target.namespace, target.name)


def test_several_problems_are_counted() -> None:
    """The first is told; whoever mends it learns of the next."""
    target = of(manifest(spec(mode="Auto", timezone="Mars/Olympus")))
    assert (
        target.problem == "spec.mode = 'Auto': should be 'Observe', 'Recommend' or 'Autoscale' (and 1 more)"
    )


def test_a_long_value_is_not_repeated_in_full() -> None:
    """A condition's message has its limits."""
    target = of(manifest(spec(metrics=[{**RPS, "query": "x" * 5000}])))
    assert target.problem is not None
    assert len(target.problem) < 200


def test_the_whole_spec_reaches_the_core() -> None:
    """Every wish, in the core's units."""
    whole = parsed(FULL)
    assert (
        Target(
            namespace="saleor",
            deployment="saleor-api",
            kind="StatefulSet",
            mode="Autoscale",
            metrics=(Metric("cpu"), Metric("rps", RPS["query"], 50.0)),
            min_replicas=2,
            max_replicas=20,
            max_utilization=0.85,
            reactive_utilization=0.65,
            guard_utilization=0.75,
            quantile=0.95,
            lead_seconds=120.0,
            horizons=(300, 900),
            anomaly_threshold=3.0,
            muted_until=1_795_906_800.0,  # midnight in Berlin
            cooldown_seconds=600.0,
            freeze_max_seconds=1800.0,
            scale_up=StepLimit(4, 100),
            scale_down=StepLimit(2, None),
            rollout=Rollout(0.1, 0.3, 43_200.0),
            schedules=(Schedule("0 8 * * 1-5", "0 18 * * 1-5", "Europe/Berlin", 4, 20),),
            # midnight in New York is 05:00 UTC
            events=(Event(1_795_755_600.0, 1_795_842_000.0, 2.5, "Black Friday"),),
            timezone="Europe/Berlin",
            model="baseline",
            holidays="DE-BY",
        )
        == whole
    )


@pytest.mark.parametrize(
    ("per_replica", "expected"),
    [
        pytest.param("50", 50.0, id="a whole number"),
        pytest.param("0.5", 0.5, id="a fraction"),
        pytest.param("250m", 0.25, id="thousandths"),
        pytest.param("2k", 2000.0, id="thousands"),
        pytest.param("64Mi", 67_108_864.0, id="bytes"),
        pytest.param(50, 50.0, id="a number, in a file"),
    ],
)
def test_what_a_replica_serves_is_a_quantity(per_replica: object, expected: float) -> None:
    """As Kubernetes writes them; a file of targets may say a number."""
    metrics = parsed(spec(metrics=[{**RPS, "perReplica": per_replica}])).metrics
    assert (expected,) == tuple(metric.per_replica for metric in metrics)


def test_the_operators_settings_are_under_what_a_target_does_not_say() -> None:
    """Bounds, cooldown and threshold: the target's own words win one by one."""
    settings = {
        "scaling": {"min_replicas": 3, "max_replicas": 30, "cooldown_seconds": 60},
        "thresholds": {"anomaly_sigma": 3.5},
    }
    target = parsed(spec(replicas={"max": 20}), **settings)
    assert (3, 20, 60.0, 3.5) == (
        target.min_replicas,
        target.max_replicas,
        target.cooldown_seconds,
        target.anomaly_threshold,
    )


@pytest.mark.parametrize(
    ("anomaly", "sigmas"),
    [
        pytest.param({}, 3.5, id="the operator's"),
        pytest.param({"threshold": "3"}, 3.0, id="in sigmas"),
        pytest.param({"threshold": 3}, 3.0, id="a number, in a file"),
        pytest.param({"alarmsPerWeek": "1"}, 2.5, id="one alarm a week"),
        pytest.param({"alarmsPerWeek": 1}, 2.5, id="one alarm a week, a number, in a file"),
        pytest.param({"alarmsPerWeek": None}, 3.5, id="not said"),
        pytest.param({"alarmsPerWeek": "0.217"}, 3.0, id="one in five weeks"),
        pytest.param({"alarmsPerWeek": "40"}, 0.68, id="the most"),
    ],
)
def test_a_threshold_is_said_in_sigmas_or_in_alarms_a_week(anomaly: dict[str, Any], sigmas: float) -> None:
    """Both mean a score; without either the operator's setting counts."""
    found = parsed(spec(anomaly=anomaly), thresholds={"anomaly_sigma": 3.5})
    assert sigmas == pytest.approx(found.anomaly_threshold, abs=0.005)


@pytest.mark.parametrize(
    ("anomaly", "words"),
    [
        (
            {"alarmsPerWeek": "50"},
            "alarmsPerWeek 50 is outside 0.001..40: 1 is the default, 0.2 one in five weeks",
        ),
        (
            {"threshold": "3", "alarmsPerWeek": "1"},
            "threshold 3 and alarmsPerWeek 1 are both given: they say the same thing in two ways, so remove one",
        ),
        ({"mutedUntil": "tomorrow"}, "spec.anomaly.mutedUntil = 'tomorrow': is not a date and time such as"),
    ],
    ids=["out of range", "both", "no moment"],
)
def test_what_is_wrong_about_anomalies_is_named_with_its_remedy(anomaly: dict[str, Any], words: str) -> None:
    """Field, value, what to do."""
    assert words in str(of(manifest(spec(anomaly=anomaly))).problem)


@pytest.mark.parametrize(
    ("policy", "query", "part"),
    [
        pytest.param(QueryPolicy.REFUSED, RPS["query"], "operator.custom_queries", id="none is allowed"),
        pytest.param(QueryPolicy.OWN_NAMESPACE, RPS["query"], None, id="its own namespace's"),
        pytest.param(QueryPolicy.OWN_NAMESPACE, "sum(x)", 'namespace="saleor"', id="the whole cluster's"),
        pytest.param(QueryPolicy.ANY, "sum(x)", None, id="any is allowed"),
    ],
)
def test_a_query_is_taken_where_the_operator_allows_it(
    policy: QueryPolicy, query: str, part: str | None
) -> None:
    """It runs with the operator's credentials, so the tenant alone does not decide."""
    target = of(manifest(spec(metrics=[{"name": "cpu"}, {**RPS, "query": query}])), policy)
    if part is None:
        assert (None, False) == (target.problem, target.not_allowed)
    else:
        assert target.not_allowed
        assert target.spec is None
        assert target.problem is not None
        assert target.problem.startswith("spec.metrics.1.query: ")
        assert part in target.problem


@pytest.mark.parametrize(
    ("given_spec", "reference"),
    [
        pytest.param(FULL, ("apps/v1", "StatefulSet", "saleor-api"), id="of a good spec"),
        pytest.param(spec(mode="Auto"), ("apps/v1", "Deployment", "saleor-api"), id="of a bad spec"),
        pytest.param({"scaleTargetRef": {"name": 5}}, ("", "", ""), id="of a name that is none"),
        pytest.param({"scaleTargetRef": "saleor-api"}, ("", "", ""), id="of a reference that is none"),
        pytest.param({}, ("", "", ""), id="of nothing"),
    ],
)
def test_the_workload_is_known_from_a_bad_spec_too(
    given_spec: dict[str, Any], reference: tuple[str, str, str]
) -> None:
    """So that an invalid target can still be shown with what it is about."""
    assert reference == of(manifest(given_spec)).reference


def test_identity_and_age_come_from_the_metadata() -> None:
    """With them the older of two targets is told, and what belongs to which."""
    body = manifest(spec())
    body["metadata"] |= {"uid": "u-1", "generation": 7, "creationTimestamp": "2026-03-01T12:00:00Z"}
    target = of({**body, "status": {"model": "baseline"}})
    assert ("u-1", 7, 1772366400.0) == (target.uid, target.generation, target.created)
    assert {"model": "baseline"} == target.status
    assert {
        "apiVersion": "helios.dev/v1alpha1",
        "kind": "HeliosTarget",
        "name": "saleor-api",
        "uid": "u-1",
        "controller": True,
    } == target.owner_reference()


def test_a_name_that_keda_cannot_take_is_told() -> None:
    """The ScaledObject has the target's name, and KEDA puts it into a label."""
    assert of(manifest(spec(), name="a" * 63)).problem is None
    target = of(manifest(spec(), name="a" * 64))
    assert target.problem == "metadata.name has 64 characters: KEDA takes no name longer than 63"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"metadata": None, "spec": None}, id="nulls"),
        pytest.param({"metadata": [], "spec": []}, id="lists"),
        pytest.param({"metadata": "x", "spec": "y", "status": "z"}, id="text"),
        pytest.param(
            {"metadata": {"name": 5, "generation": "7", "creationTimestamp": "soon"}}, id="other types"
        ),
        pytest.param({"spec": {1: 2}}, id="keys that are no text"),
        pytest.param(None, id="no object at all"),
    ],
)
def test_whatever_the_object_is_it_becomes_a_value(body: Any) -> None:
    """One bad object never costs the others their cycle."""
    target = of(body)
    assert target.spec is None
    assert target.problem


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PATHS = [
    (key, inner) for key, value in FULL.items() for inner in (value if isinstance(value, dict) else {"": 0})
]


@given(path=st.sampled_from(PATHS), value=JSON)
def test_whatever_a_field_holds_is_taken_or_explained(path: tuple[str, str], value: Any) -> None:
    """Never an exception, never a target that has neither a spec nor a problem."""
    key, inner = path
    target = of(manifest({**FULL, key: {**FULL[key], inner: value} if inner else value}))
    assert (target.spec is None) == bool(target.problem)
