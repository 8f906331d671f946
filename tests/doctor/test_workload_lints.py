"""What is wrong between autoscalers and their workloads: memory alone, windows, rivals, bounds, scrapes, targets."""

from __future__ import annotations

from typing import Any

import pytest

from helios.doctor.findings import Severity
from helios.doctor.inventories import Inventory
from helios.doctor.lints import ACCEPTED, lint
from helios.doctor.manifests import Manifest
from tests.doctor.examples import (
    Body,
    broken,
    external,
    found,
    hpa,
    in_folders,
    inventory,
    prometheus,
    resource,
    scaled_object,
    utilization,
)


@pytest.mark.parametrize(
    ("scaler", "rules"),
    [
        (hpa(utilization("memory")), ["memory-alone"]),
        (hpa(utilization("memory"), utilization("cpu")), []),
        (hpa(), []),
        (scaled_object(resource("memory"), fallback=None), ["memory-alone"]),
        (scaled_object(resource("memory"), prometheus()), []),
    ],
)
def test_memory_as_the_only_metric_is_found(scaler: Body, rules: list[str]) -> None:
    """It does not fall when pods are added."""
    assert rules == broken(scaler)


@pytest.mark.parametrize(
    ("down", "rules"),
    [
        ({"stabilizationWindowSeconds": 0}, ["no-stabilization"]),
        ({"stabilizationWindowSeconds": 60}, []),
        ({"stabilizationWindowSeconds": 0, "selectPolicy": "Disabled"}, []),
        (
            {
                "stabilizationWindowSeconds": 0,
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
            },
            [],
        ),
        ({}, []),
    ],
    ids=str,
)
def test_a_window_of_zero_over_noise_is_found(down: Body, rules: list[str]) -> None:
    """Unless the step is limited instead."""
    behavior = {"scaleDown": down}
    advanced = {"horizontalPodAutoscalerConfig": {"behavior": behavior}}
    assert rules == broken(hpa(behavior=behavior))
    assert rules == broken(scaled_object(advanced=advanced))


@pytest.mark.parametrize(
    "trigger", [prometheus("max(queue_length)"), {"type": "rabbitmq", "metadata": {"queueName": "mail"}}]
)
def test_a_window_of_zero_over_a_count_is_right(trigger: Body) -> None:
    """A queue's length is no rate."""
    advanced = {
        "horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
    }
    assert [] == broken(scaled_object(trigger, advanced=advanced))


def handed_over(name: str) -> Body:
    """A ScaledObject that is to take over the HPA of this name."""
    return scaled_object(
        annotations={"scaledobject.keda.sh/transfer-hpa-ownership": "true"},
        advanced={"horizontalPodAutoscalerConfig": {"name": name}},
    )


def kedas_own() -> Body:
    """The HPA that KEDA makes."""
    body = hpa(name="keda-hpa-web")
    body["metadata"]["ownerReferences"] = [{"kind": "ScaledObject", "name": "web"}]
    return body


@pytest.mark.parametrize(
    ("bodies", "rules"),
    [
        ((scaled_object(), hpa()), ["two-autoscalers"]),
        ((hpa(), hpa(name="second")), ["two-autoscalers"]),
        ((scaled_object(), scaled_object(name="second")), ["two-autoscalers"]),
        ((scaled_object(), hpa(workload="other")), []),
        ((scaled_object(), scaled_object()), []),
        ((scaled_object(), kedas_own()), []),
        ((handed_over("web"), hpa()), []),
        ((handed_over("another"), hpa()), ["two-autoscalers"]),
    ],
    ids=["both", "HPAs", "ScaledObjects", "others", "twice", "KEDA's", "handed over", "wrong name"],
)
def test_two_autoscalers_of_one_workload_are_found(bodies: tuple[Body, ...], rules: list[str]) -> None:
    """Not KEDA's own HPA, nor one that is to be taken over."""
    assert rules == broken(*bodies)


def unminded() -> Body:
    """An HPA that KEDA's webhook is told to leave alone."""
    body = hpa()
    body["metadata"]["annotations"] = {"validations.keda.sh/hpa-ownership": "false"}
    return body


PAUSED = {"autoscaling.keda.sh/paused": "true"}


@pytest.mark.parametrize(
    ("bodies", "severities"),
    [
        ((scaled_object(annotations=PAUSED), hpa()), [Severity.WARNING]),
        ((scaled_object(annotations=PAUSED), scaled_object(name="second")), [Severity.WARNING]),
        ((scaled_object(annotations=PAUSED), unminded()), []),
        ((scaled_object(), unminded()), [Severity.ERROR]),
        ((scaled_object(annotations=PAUSED), hpa(), hpa(name="second")), [Severity.ERROR]),
    ],
    ids=["HPA", "ScaledObject", "unminded", "acting", "three"],
)
def test_a_paused_scaled_object_is_a_second_owner_to_keda(
    bodies: tuple[Body, ...], severities: list[Severity]
) -> None:
    """Its webhook refuses whichever comes second, paused or not; that they fight is said only of two that act."""
    several = [one for one in found(*bodies) if one.rule == "two-autoscalers"]
    assert severities == [one.severity for one in several]
    for one in several:
        assert ("AmbiguousSelector" in one.what) == (one.severity is Severity.ERROR)
        assert "KEDA's webhook refuses" in one.what


def test_overlays_beside_each_other_are_no_rivals() -> None:
    """What lies in different folders is not applied together."""
    assert ([], 0) == lint(in_folders(dev=hpa(), prod=scaled_object()))


@pytest.mark.parametrize(
    ("bounds", "rules"),
    [
        ({"minReplicas": 30}, ["bounds-impossible"]),
        ({"maxReplicas": 0, "minReplicas": None}, ["bounds-impossible"]),
        ({"minReplicas": 20}, []),
        ({"minReplicas": "${MIN}"}, []),
    ],
    ids=str,
)
def test_bounds_of_an_hpa_that_cannot_be_are_found(bounds: dict[str, Any], rules: list[str]) -> None:
    """The API server would refuse it."""
    assert rules == broken(hpa(**bounds))


@pytest.mark.parametrize(
    ("name", "target", "rules"),
    [
        ("helios_predicted_cpu", "AverageValue", ["ratio-under-average-value"]),
        ("helios_predicted_cpu", "Value", ["forecast-under-value"]),
        ("helios_scaling_signal", "Value", ["replicas-under-value"]),
        ("helios_scaling_signal", "AverageValue", []),
        ("queue_ratio", "AverageValue", []),
    ],
)
def test_a_gauge_that_an_adapter_serves_is_read_as_what_it_is(
    name: str, target: str, rules: list[str]
) -> None:
    """What an adapter makes of other names is not known."""
    assert rules == broken(hpa(external(name, target)))


def monitor(kind: str, field: str, name: str = "helios", **endpoint: Any) -> Body:
    """A scrape."""
    group = "monitoring.googleapis.com/v1" if kind.endswith("PodMonitoring") else "monitoring.coreos.com/v1"
    selector = {"matchLabels": {"app.kubernetes.io/name": name}}
    return {
        "apiVersion": group,
        "kind": kind,
        "metadata": {"name": "x", "namespace": "helios"},
        "spec": {"selector": selector, field: [{"port": "http", **endpoint}]},
    }


def everywhere(*labels: str) -> Body:
    """Google's scrape of all namespaces, which adds these labels."""
    body = monitor("ClusterPodMonitoring", "endpoints")
    return {**body, "spec": {**body["spec"], "targetLabels": {"metadata": list(labels)}}}


@pytest.mark.parametrize(
    ("scrape", "rules"),
    [
        (monitor("PodMonitor", "podMetricsEndpoints"), ["scrape-renames-labels"]),
        (monitor("PodMonitor", "podMetricsEndpoints", honorLabels=True), []),
        (monitor("ServiceMonitor", "endpoints", honorLabels=False), ["scrape-renames-labels"]),
        (monitor("ServiceMonitor", "endpoints", name="other"), []),
        (monitor("PodMonitoring", "endpoints"), ["scrape-renames-labels"]),
        (monitor("ClusterPodMonitoring", "endpoints"), ["scrape-renames-labels"]),
        (everywhere("pod"), []),
        (everywhere(), []),
        (everywhere("pod", "namespace"), ["scrape-renames-labels"]),
    ],
)
def test_a_scrape_of_helios_that_renames_labels_is_found(scrape: Body, rules: list[str]) -> None:
    """Google's PodMonitoring always does."""
    assert rules == broken(scrape)


@pytest.mark.parametrize(("least", "rules"), [(1, []), (9, ["target-invalid"])])
def test_a_target_that_is_not_scored_is_found(least: int, rules: list[str]) -> None:
    """Its minimum is above its maximum."""
    target = {
        "apiVersion": "helios.dev/v1alpha1",
        "kind": "HeliosTarget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"name": "web"}, "replicas": {"min": least, "max": 5}},
    }
    assert rules == broken(target)


@pytest.mark.parametrize(
    ("accepted", "left"),
    [
        ("maximum-unsaid", ["no-fallback"]),
        ("maximum-unsaid, no-fallback", []),
        ("paused", ["maximum-unsaid", "no-fallback"]),
    ],
)
def test_what_an_object_accepts_is_not_told_of_it(accepted: str, left: list[str]) -> None:
    """By name, and counted."""
    body = scaled_object(maxReplicaCount=None, fallback=None, annotations={ACCEPTED: accepted})
    told, count = lint(inventory(body))
    assert (left, 2 - len(left)) == ([one.rule for one in told], count)


def test_each_finding_names_its_object_and_line() -> None:
    """As `namespace/Kind/name`, after the file where there is one."""
    assert ["shop/ScaledObject/web"] == [one.where for one in found(scaled_object(fallback=None))]
    told, _ = lint(in_folders(prod=scaled_object(fallback=None)))
    assert ["prod/x.yaml:1 shop/ScaledObject/web"] == [one.where for one in told]


def test_nothing_is_said_of_nothing() -> None:
    """An empty cluster."""
    assert ([], 0) == lint(Inventory(()))


@pytest.mark.parametrize(
    ("places", "namespace", "severity"),
    [
        (("a/dev.yaml:1", "a/prod.yaml:1"), None, Severity.WARNING),
        (("a/dev.yaml:1", "a/prod.yaml:1"), "shop", Severity.ERROR),
        (("a/x.yaml:1", "a/x.yaml:20"), None, Severity.ERROR),
    ],
    ids=["files beside each other", "of one namespace", "one file"],
)
def test_two_autoscalers_in_files_beside_each_other_may_be_for_one_namespace_each(
    places: tuple[str, str], namespace: str | None, severity: Severity
) -> None:
    """As web-dev.yaml and web-prod.yaml are: a warning, and it says so."""
    manifests = []
    for place, name in zip(places, ("web-dev", "web-prod"), strict=True):
        body = hpa(name=name)
        del body["metadata"]["namespace"]
        manifests.append(Manifest(place, "a", body).within(namespace))
    (one,) = lint(Inventory(tuple(manifests)))[0]
    assert ("two-autoscalers", severity) == (one.rule, one.severity)
    assert (severity is Severity.WARNING) == ("if both are applied together" in one.what)


class Broken(dict[str, Any]):
    """A spec that fails whoever looks for its fallback, as a value nobody thought of would."""

    def get(self, key: str, default: Any = None) -> Any:
        """Anything but that."""
        if key == "fallback":
            raise ArithmeticError("hunter2")
        return super().get(key, default)


def test_an_object_that_a_rule_fails_on_hides_no_other() -> None:
    """It is named, with the kind of the failure alone: its words may repeat a value."""
    odd = scaled_object(name="odd", workload="odd")
    missed: list[tuple[str, str]] = []
    several = inventory({**odd, "spec": Broken(odd["spec"])}, scaled_object(maxReplicaCount=None))
    told, _ = lint(several, lambda where, reason: missed.append((where, reason)))
    assert ["maximum-unsaid"] == [one.rule for one in told]
    assert [("shop/ScaledObject/odd", "ArithmeticError")] == missed
