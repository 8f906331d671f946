"""Remedies: pasted over what is wrong they cure it, whatever stands beside it, and no secret gets into a log."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from helios.doctor.findings import Finding
from helios.doctor.inventories import Inventory
from helios.doctor.lints import lint
from helios.doctor.manifests import parsed
from tests.doctor.examples import MANIFESTS, Body, broken, found, prometheus, resource, scaled_object

ODD_TEXTS = [
    '{__name__="x",job="y"} > 0',
    "{{ .Values.query }}",
    "X-A: b: c",
    "*x",
    "%NS%",
    "@eu",
    "sum(x)\t+ sum(y)",
    "2026-99-99",
    "yes",
    "[" * 500,
    "",
]


def trigger_of(finding: Finding) -> Body:
    """The trigger that a remedy shows."""
    (shown,) = yaml.safe_load(finding.remedy)["spec"]["triggers"]
    found: Body = shown
    return found


def cured(body: Body, finding: Finding) -> list[str]:
    """The rules that an object of one trigger breaks once a remedy is pasted into it."""
    fixed = copy.deepcopy(body)
    for name, value in yaml.safe_load(finding.remedy)["spec"].items():
        fixed["spec"] = {**fixed["spec"], name: value}
    fixed["spec"] = {name: value for name, value in fixed["spec"].items() if value is not None}
    return broken(fixed)


@pytest.mark.parametrize("text", ODD_TEXTS, ids=lambda text: text[:20] or "empty")
@pytest.mark.parametrize("field", ["query", "customHeaders", "namespace"])
def test_any_text_may_stand_beside_what_is_wrong(field: str, text: str) -> None:
    """What is no YAML by itself is quoted: a query in braces, a template in quotes."""
    body = scaled_object(prometheus(**{"ignoreNullValues": None, field: text}))
    one = next(one for one in found(body) if one.rule == "null-read-as-zero")
    shown = trigger_of(one)["metadata"]
    assert "false" == shown["ignoreNullValues"]
    assert ("…" if field == "customHeaders" else text.strip()) == str(shown[field]).strip()


@pytest.mark.parametrize(
    "trigger",
    [
        prometheus(ignoreNullValues=None, serverAddress="http://admin:hunter2@prometheus:9090"),
        prometheus(ignoreNullValues=None, serverAddress="http://prometheus:9090?token=hunter2"),
        prometheus(ignoreNullValues=None, customHeaders="Authorization=Bearer hunter2"),
        prometheus(ignoreNullValues=None, queryParameters="key=hunter2"),
        {"type": "rabbitmq", "metadata": {"host": "amqp://user:hunter2@mq", "queueLength": 5}},
        {"type": "redis", "metadata": {"password": "hunter2", "listLength": 5}},
        {"type": "external", "metadata": {"scalerAddress": "x:1", "headers": {"Authorization": "hunter2"}}},
        {"type": "postgresql", "metadata": {"query": "select 'hunter2'", "targetQueryValue": 5}},
    ],
    ids=[
        "address",
        "address's query",
        "headers",
        "parameters",
        "host",
        "password",
        "a mapping",
        "another query",
    ],
)
def test_no_secret_of_a_trigger_is_printed(trigger: Body) -> None:
    """Not on the terminal, not in JSON: both end in the logs of a pipeline."""
    several = found(scaled_object(trigger, fallback=None))
    assert several
    for one in several:
        assert "hunter2" not in str(one.document())
    assert any("…" in one.remedy for one in several)


def test_a_number_of_a_secret_field_is_no_exception() -> None:
    """A password of digits is one too."""
    (one,) = found(scaled_object({"type": "redis", "metadata": {"password": 12345, "listLength": "5"}}))
    assert ("metadata-not-text", False) == (one.rule, "12345" in str(one.document()))
    assert {"password": "…", "listLength": "5"} == trigger_of(one)["metadata"]


def test_a_remedy_keeps_what_else_the_trigger_says() -> None:
    """Its name, its cache, its credentials by name."""
    said = {"name": "load", "useCachedMetrics": True, "authenticationRef": {"name": "prometheus"}}
    body = scaled_object({**prometheus(ignoreNullValues=None), **said})
    (one,) = found(body)
    assert said == {key: value for key, value in trigger_of(one).items() if key in said}
    assert [] == cured(body, one)


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        (
            {"on": "x", True: "y", 5: 6, "targetValue": "1"},
            {"true": "…", "5": "6", "targetValue": "1", "on": "…"},
        ),
        ({"scalerAddress": "x:1", "body": 5}, {"scalerAddress": "…", "body": "5"}),
        ({"metric_type": 5}, {"metric_type": "5"}),
        ({"queueLength": "5", "identityOwner": None}, {"queueLength": "5"}),
    ],
    ids=["keys that are no text", "body", "metric_type", "null"],
)
def test_a_metadata_key_of_any_kind_is_shown(metadata: dict[Any, Any], shown: dict[str, str]) -> None:
    """YAML reads `on` and `5` as something else than texts; nothing is left out but what says nothing."""
    body = scaled_object({"type": "external", "metadata": metadata})
    (one,) = found(body)
    assert ("metadata-not-text", shown) == (one.rule, trigger_of(one)["metadata"])
    assert [] == cured(body, one)


@pytest.mark.parametrize(
    ("trigger", "query"),
    [
        (prometheus('sum(rate(a_total{x="y"}[2m])) or (vector(0))'), 'sum(rate(a_total{x="y"}[2m]))'),
        (prometheus("sum(rate(a_total[2m])) or on(app) vector(0)"), "sum(rate(a_total[2m]))"),
        (prometheus("sum(rate(a_total[2m])) or 0 * vector(1)"), "sum(rate(a_total[2m]))"),
        (prometheus("rate(a_total[2m])[5m:1m]"), "sum(avg_over_time(rate(a_total[2m])[5m:1m]))"),
        (prometheus("a_total[5m]"), "sum(rate(a_total[5m]))"),
        (prometheus('"text"'), "<QUERY>"),
    ],
    ids=["in parentheses", "on", "arithmetic", "subquery", "range", "text"],
)
def test_a_query_of_a_remedy_is_another_one(trigger: Body, query: str) -> None:
    """And the finding is gone with it."""
    body = scaled_object(trigger)
    (one,) = found(body)
    assert query == trigger_of(one)["metadata"]["query"]
    assert [] == cured(body, one)


@pytest.mark.parametrize(
    ("trigger", "threshold"),
    [
        (resource(value="72.5"), "72"),
        (resource(value="70%"), "70"),
        (resource(value="much"), "70"),
        (prometheus(threshold="70%"), "70"),
        (prometheus(threshold="500m"), "<LOAD-OF-ONE-POD>"),
        (prometheus(threshold=None), "<LOAD-OF-ONE-POD>"),
    ],
    ids=["fraction", "percent", "words", "percent of a query", "milli", "unsaid"],
)
def test_a_threshold_of_a_remedy_is_one_that_keda_reads(trigger: Body, threshold: str) -> None:
    """What one pod serves only its owner knows: a 1 would take the workload to its maximum."""
    body = scaled_object(
        trigger, fallback=None if trigger["type"] == "cpu" else {"failureThreshold": 3, "replicas": 20}
    )
    (one,) = found(body)
    key = "value" if trigger["type"] == "cpu" else "threshold"
    assert threshold == trigger_of(one)["metadata"][key]
    assert [] == cured(body, one)


def test_a_maximum_of_a_remedy_takes_nothing_away() -> None:
    """A lower one would cut a larger workload at once."""
    body = scaled_object(maxReplicaCount=None)
    (one,) = found(body)
    assert {"maxReplicaCount": 100} == yaml.safe_load(one.remedy)["spec"]
    assert [] == cured(body, one)


@pytest.mark.parametrize("target", ["NaN", "Infinity", "0." + "1" * 5000, "9" * 5000 + ".5"])
def test_a_target_of_scaling_modifiers_may_be_any_text(target: str) -> None:
    """The remedy is then a target to choose."""
    modifiers = {"formula": "a", "target": target}
    body = scaled_object({**prometheus(), "name": "a"}, advanced={"scalingModifiers": modifiers})
    (one,) = found(body)
    assert ("fallback-disabled", []) == (one.rule, cured(body, one))


@pytest.mark.parametrize(
    "spec",
    [
        {"minReplicaCount": 10**400, "triggers": [prometheus(activationThreshold="9")]},
        {"triggers": [prometheus(threshold=10**400)]},
        {"triggers": [resource(value="9" * 5000)]},
        {"triggers": [{"type": "prometheus", "metadata": "x"}]},
        {
            "triggers": [
                {"type": ["a"], "name": {}, "metadata": {"a": [1], None: b"x"}, "authenticationRef": 5}
            ]
        },
    ],
    ids=["minimum", "threshold", "value", "metadata", "everything"],
)
def test_no_value_ends_the_look(spec: Body) -> None:
    """However odd it is; what is said of it is text."""
    for one in found(scaled_object(**spec)):
        assert {str} == {type(value) for value in one.document().values()}


def test_remedies_of_the_wrong_manifests_name_no_credentials() -> None:
    """All twelve, as they are printed."""
    for file in sorted((MANIFESTS / "wrong").iterdir()):
        for one in lint(Inventory(tuple(parsed(str(file), file.read_text(encoding="utf-8")))))[0]:
            assert "@" not in one.remedy
