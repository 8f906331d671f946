"""What a ScaledObject is accused of beside its queries."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from helios.doctor.findings import Severity
from helios.operator.scaledobjects import forecast_query
from tests.doctor.examples import SAFE, Body, broken, found, prometheus, resource, scaled_object

CRON: Body = {"type": "cron", "metadata": {"timezone": "UTC", "start": "0 8 * * *", "end": "0 9 * * *"}}
QUEUE: Body = {"type": "rabbitmq", "metadata": {"queueName": "mail", "mode": "QueueLength", "value": "20"}}


@pytest.mark.parametrize(
    ("said", "least", "rules"),
    [
        ("false", 2, []),
        ("False", 2, []),
        (None, 2, ["null-read-as-zero"]),
        ("true", 2, ["null-read-as-zero"]),
        (None, 0, ["minimum-zero", "null-read-as-zero"]),
        ("true", 0, []),
        ("{{ .Values.ignore }}", 2, []),
    ],
)
def test_nothing_read_as_zero_is_found(said: str | None, least: int, rules: list[str]) -> None:
    """By default, and where it is said; but for a workload that is meant to sleep, twice over."""
    assert rules == broken(scaled_object(prometheus(ignoreNullValues=said), minReplicaCount=least))


@pytest.mark.parametrize(
    ("triggers", "severity"),
    [
        ((prometheus(ignoreNullValues=None),), Severity.ERROR),
        ((prometheus(ignoreNullValues=None), resource()), Severity.WARNING),
    ],
    ids=["alone", "beside cpu"],
)
def test_nothing_read_as_zero_is_worse_alone(triggers: tuple[Body, ...], severity: Severity) -> None:
    """Beside cpu the HPA still has another metric."""
    assert [severity] == [one.severity for one in found(scaled_object(*triggers))]


@pytest.mark.parametrize(
    ("metadata", "rules"),
    [
        ({"threshold": "50"}, []),
        ({"threshold": "0.5"}, []),
        ({"threshold": "70%"}, ["threshold-unusable"]),
        ({"threshold": "500m"}, ["threshold-unusable"]),
        ({"threshold": "0"}, ["threshold-unusable"]),
        ({"threshold": None}, ["threshold-unusable"]),
        ({"threshold": "${THRESHOLD}"}, []),
        ({"threshold": 50}, ["metadata-not-text"]),
        ({"ignoreNullValues": False}, ["metadata-not-text"]),
    ],
    ids=str,
)
def test_a_threshold_that_is_no_number_is_found(metadata: dict[str, Any], rules: list[str]) -> None:
    """And a value that is no text, which the API server refuses."""
    assert rules == broken(scaled_object(prometheus(**metadata)))


@pytest.mark.parametrize(
    ("trigger", "rules"),
    [
        (prometheus(metric_type="Utilization"), ["metric-type-refused"]),
        (prometheus(metric_type="AverageValue"), []),
        (resource(metric_type="AverageValue", value="500m"), []),
        (resource(metric_type="Value"), ["metric-type-refused"]),
        (resource(metric_type=None), ["metric-type-refused"]),
        (resource(metric_type=None, type="Utilization"), ["metric-type-refused"]),
        (resource(value="70%"), ["threshold-unusable"]),
        (QUEUE, []),
    ],
    ids=["prometheus", "average", "cores", "value", "unsaid", "gone since 2.18", "percent", "queue"],
)
def test_a_trigger_that_keda_refuses_is_found(trigger: Body, rules: list[str]) -> None:
    """The metric type of cpu and memory is another than everybody else's."""
    assert rules == broken(scaled_object(trigger, CRON))


@pytest.mark.parametrize(
    ("triggers", "least", "rules"),
    [
        ((prometheus(),), None, ["minimum-zero"]),
        ((prometheus(),), 0, []),
        ((prometheus(),), 1, []),
        ((QUEUE,), None, ["minimum-zero"]),
        ((QUEUE,), 0, []),
        ((resource(),), None, ["minimum-zero"]),
        ((resource(),), 0, ["minimum-zero"]),
    ],
)
def test_a_minimum_of_zero_that_nobody_asked_for_is_found(
    triggers: tuple[Body, ...], least: int | None, rules: list[str]
) -> None:
    """KEDA's default is zero; where it is said, it is meant, if the triggers can do it."""
    fallback = SAFE if "prometheus" in {one["type"] for one in triggers} else None
    assert rules == broken(scaled_object(*triggers, minReplicaCount=least, fallback=fallback))


def test_a_minimum_of_zero_is_nothing_for_a_signal_of_helios() -> None:
    """It never asks for less than one: only an outage could take the workload there."""
    trigger = prometheus(forecast_query("shop", "web"), threshold="1")
    assert ["minimum-zero"] == broken(scaled_object(trigger, minReplicaCount=0))


@pytest.mark.parametrize(
    ("spec", "rules"),
    [
        ({"maxReplicaCount": None}, ["maximum-unsaid"]),
        ({"minReplicaCount": 30}, ["bounds-impossible"]),
        ({"idleReplicaCount": 2}, ["bounds-impossible"]),
        ({"idleReplicaCount": 1}, []),
        ({"minReplicaCount": 20}, []),
        ({"minReplicaCount": "${MIN}"}, []),
        ({"minReplicaCount": 200, "maxReplicaCount": "${MAX}"}, []),
        ({"minReplicaCount": -1}, ["bounds-impossible"]),
        ({"minReplicaCount": 1, "maxReplicaCount": 0}, ["bounds-impossible"]),
        ({"idleReplicaCount": -1}, ["bounds-impossible"]),
        ({"minReplicaCount": 0, "idleReplicaCount": 0}, []),
        ({"minReplicaCount": None, "idleReplicaCount": 0}, ["bounds-impossible", "minimum-zero"]),
    ],
    ids=str,
)
def test_bounds_that_cannot_be_or_are_not_said_are_found(spec: dict[str, Any], rules: list[str]) -> None:
    """A template's bounds are not known yet."""
    assert rules == broken(scaled_object(**spec))


@pytest.mark.parametrize(
    ("fallback", "rules"),
    [
        (SAFE, []),
        (None, ["no-fallback"]),
        ({"failureThreshold": 3, "replicas": 2}, ["fallback-lowers"]),
        ({"failureThreshold": 3, "replicas": 2, "behavior": "static"}, ["fallback-lowers"]),
        ({"failureThreshold": 3, "replicas": 20, "behavior": "static"}, []),
        ({"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicas"}, []),
        ({"failureThreshold": 3, "replicas": 9, "behavior": "currentReplicasIfLower"}, ["fallback-lowers"]),
        ({"replicas": 2, "behavior": "currentReplicasIfHigher"}, ["fallback-disabled"]),
        ({**SAFE, "replicas": None}, ["fallback-disabled"]),
        ({**SAFE, "failureThreshold": -1}, ["fallback-disabled"]),
        ({**SAFE, "behavior": "currentReplicasIfBetter"}, ["fallback-disabled"]),
        ({**SAFE, "behavior": "${BEHAVIOR}", "replicas": "${MIN}"}, []),
    ],
    ids=str,
)
def test_a_fallback_that_is_missing_or_lowers_is_found(fallback: Body | None, rules: list[str]) -> None:
    """The safe one only ever adds; a static one at the maximum does not lower either."""
    assert rules == broken(scaled_object(fallback=fallback))


@pytest.mark.parametrize(
    ("least", "idle", "said", "expected"),
    [
        (1, 0, None, [("minimum-zero", "error"), ("null-read-as-zero", "error")]),
        (1, 0, "true", []),
        (1, 0, "false", []),
        (5, 2, None, [("null-read-as-zero", "warning")]),
        ("${MIN}", None, None, [("null-read-as-zero", "warning")]),
        (None, None, None, [("minimum-zero", "error"), ("null-read-as-zero", "error")]),
    ],
)
def test_an_idle_count_of_zero_is_a_minimum_of_zero(
    least: Any, idle: int | None, said: str | None, expected: list[tuple[str, str]]
) -> None:
    """KEDA takes the workload there when no trigger is active, and cpu, which is no activity to it, holds nothing up."""
    triggers = (prometheus(ignoreNullValues=said), resource())
    body = scaled_object(*triggers, minReplicaCount=least, idleReplicaCount=idle)
    assert expected == sorted((one.rule, str(one.severity)) for one in found(body))


@pytest.mark.parametrize(
    ("triggers", "words"),
    [
        ((prometheus(),), ["to 2."]),
        ((prometheus(), resource()), ["to 2, or to what cpu or memory ask for where that is more."]),
        ((prometheus(), CRON), ["to 2."]),
        ((CRON, resource()), []),
    ],
    ids=["alone", "beside cpu", "beside a clock", "a clock and cpu"],
)
def test_a_fallback_lowers_to_what_the_other_metrics_ask_for(
    triggers: tuple[Body, ...], words: list[str]
) -> None:
    """The HPA takes the maximum over its metrics, and a clock does not fail."""
    several = found(scaled_object(*triggers, fallback={"failureThreshold": 3, "replicas": 2}))
    assert ["fallback-lowers"] * len(words) == [one.rule for one in several]
    assert words == [one.what.partition("is scaled in ")[2] for one in several]


def test_a_fallback_of_zero_replicas_takes_a_sleeper_to_zero_at_the_first_error() -> None:
    """KEDA's own condition for waiting is that its replicas are not zero."""
    body = scaled_object(minReplicaCount=0, fallback={**SAFE, "replicas": 0})
    assert [("fallback-lowers", Severity.ERROR)] == [(one.rule, one.severity) for one in found(body)]


def test_only_prometheus_triggers_are_asked_for_a_fallback() -> None:
    """Others fail by themselves, and what is best then is for their owners to say."""
    assert [] == broken(scaled_object(QUEUE, CRON, fallback=None))


@pytest.mark.parametrize(
    ("target", "fallback", "rules"),
    [
        ("4", SAFE, []),
        ("0.5", SAFE, ["fallback-disabled"]),
        ("2.0", SAFE, ["fallback-disabled"]),
        ("0.5", None, ["no-fallback"]),
        ("${TARGET}", SAFE, []),
    ],
)
def test_a_fallback_beside_a_fractional_target_is_found(
    target: str, fallback: Body | None, rules: list[str]
) -> None:
    """KEDA then takes it for invalid, in a line of its log."""
    modifiers = {"formula": "a", "target": target}
    body = scaled_object(
        {**prometheus(), "name": "a"}, advanced={"scalingModifiers": modifiers}, fallback=fallback
    )
    assert rules == broken(body)


@pytest.mark.parametrize(
    ("target", "rules"),
    [
        (None, ["threshold-unusable"]),
        ("0", ["threshold-unusable"]),
        ("-1", ["threshold-unusable"]),
        ("4 jobs", ["threshold-unusable"]),
        ("1e-999999999", ["threshold-unusable"]),
        ("9" * 30, ["fallback-disabled"]),
        ("+4", []),
    ],
)
def test_a_formula_without_a_target_is_found(target: str | None, rules: list[str]) -> None:
    """KEDA's webhook refuses it; one that is too large is a number, and no whole one of 64 bits."""
    modifiers = {"formula": "a", **({} if target is None else {"target": target})}
    body = scaled_object({**prometheus(), "name": "a"}, advanced={"scalingModifiers": modifiers})
    assert rules == broken(body)


def waiting(**down: Any) -> Body:
    """What an HPA is told of scaling in."""
    return {"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": down}}}


@pytest.mark.parametrize(
    ("spec", "rules"),
    [
        ({"cooldownPeriod": 300}, []),
        ({"cooldownPeriod": 600}, ["cooldown-ignored"]),
        ({"cooldownPeriod": 600, "minReplicaCount": 0}, []),
        ({"cooldownPeriod": 600, "idleReplicaCount": 0}, []),
        ({"cooldownPeriod": 600, "advanced": waiting(stabilizationWindowSeconds=900)}, []),
        ({"cooldownPeriod": 300, "advanced": waiting(stabilizationWindowSeconds=60)}, ["cooldown-ignored"]),
        ({"cooldownPeriod": 600, "advanced": waiting(selectPolicy="Disabled")}, []),
        ({"cooldownPeriod": "${COOLDOWN}"}, []),
    ],
    ids=str,
)
def test_a_cooldown_that_nothing_waits_for_is_found(spec: dict[str, Any], rules: list[str]) -> None:
    """It is for the step to zero alone; one that is no longer than the HPA's window takes nothing away."""
    assert rules == broken(scaled_object(**spec))


def test_the_remedy_of_a_cooldown_is_a_window_of_that_length() -> None:
    """Of an hour at most, which is all that an HPA takes."""
    (one,) = found(scaled_object(cooldownPeriod=7200))
    window = {"scaleDown": {"stabilizationWindowSeconds": 3600}}
    advanced = {"horizontalPodAutoscalerConfig": {"behavior": window}}
    assert {"cooldownPeriod": None, "advanced": advanced} == yaml.safe_load(one.remedy)["spec"]


def test_cpu_alone_is_refused_a_minimum_of_zero_where_the_webhook_knows_the_workload() -> None:
    """Of another kind than Deployment and StatefulSet it asks nothing, and the minimum is simply 1."""
    body = scaled_object(resource(), minReplicaCount=0, fallback=None)
    assert [Severity.ERROR] == [one.severity for one in found(body)]
    body["spec"]["scaleTargetRef"]["kind"] = "Rollout"
    assert [("minimum-zero", Severity.WARNING)] == [(one.rule, one.severity) for one in found(body)]


def test_the_remedy_multiplies_formula_target_and_activation() -> None:
    """The same replicas come out, and the target is whole."""
    modifiers = {"formula": "a + 1", "target": "0.25", "activationTarget": "0.1"}
    body = scaled_object({**prometheus(), "name": "a"}, advanced={"scalingModifiers": modifiers})
    (one,) = found(body)
    assert "formula: (a + 1) * 100" in one.remedy
    assert 'target: "25"' in one.remedy
    assert 'activationTarget: "10"' in one.remedy


def test_a_fallback_with_nothing_to_fall_back_from_is_found() -> None:
    """Cpu and memory are read by the HPA, without KEDA."""
    assert ["fallback-disabled"] == broken(scaled_object(resource(), fallback=SAFE))


@pytest.mark.parametrize(
    ("activation", "least", "rules"),
    [("50", 1, []), ("51", 1, ["activation-ignored"]), ("90", 2, []), ("51", 0, []), (None, 1, [])],
)
def test_an_activation_that_is_ignored_is_found_where_that_makes_a_difference(
    activation: str | None, least: int, rules: list[str]
) -> None:
    """Up to the threshold times the minimum, the workload would stay at its minimum anyway."""
    body = scaled_object(prometheus(activationThreshold=activation), minReplicaCount=least)
    assert rules == broken(body)


@pytest.mark.parametrize(
    ("annotations", "rules"),
    [
        ({"autoscaling.keda.sh/paused": "true"}, ["paused"]),
        ({"autoscaling.keda.sh/paused": "yes"}, ["paused"]),
        ({"autoscaling.keda.sh/paused": "false"}, []),
        ({"autoscaling.keda.sh/paused-replicas": "3"}, ["paused"]),
        ({"autoscaling.keda.sh/paused-scale-in": "true"}, []),
        ({"autoscaling.keda.sh/paused": "true", "helios.dev/form": "paused"}, []),
    ],
    ids=str,
)
def test_a_paused_object_is_found(annotations: dict[str, str], rules: list[str]) -> None:
    """KEDA deletes its HPA; what Helios offers is paused where nothing else scales, and is no fault."""
    assert rules == broken(scaled_object(annotations=annotations))


def test_a_piece_of_an_object_is_not_judged() -> None:
    """A kustomize patch says what it changes, and no more."""
    patch = scaled_object()
    del patch["spec"]["triggers"]
    assert [] == broken({**patch, "spec": {"minReplicaCount": 0}}, patch)
