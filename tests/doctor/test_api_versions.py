"""HPAs of versions that no cluster serves any more are found, and the remedy is the same HPA as autoscaling/v2."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from tests.doctor.examples import Body, broken, container, deployment, external, found, hpa, utilization
from tests.doctor.treatments import findings, uncured

PICKED = {"matchLabels": {"queue": "mail"}}
INGRESS = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"}


def old(version: str, *metrics: Body, **spec: Any) -> Body:
    """An HPA of an old version."""
    return {**hpa(*metrics, **spec), "apiVersion": f"autoscaling/{version}"}


def metric(kind: str, **source: Any) -> Body:
    """One metric of an HPA, of whatever version."""
    return {"type": kind, kind[:1].lower() + kind[1:]: source}


@pytest.mark.parametrize(
    ("version", "rules"),
    [("v2beta1", ["api-version-gone"]), ("v2beta2", ["api-version-gone"]), ("v2", []), ("v1", [])],
)
def test_an_hpa_that_no_cluster_serves_is_found(version: str, rules: list[str]) -> None:
    """v2beta1 is gone since Kubernetes 1.25, v2beta2 since 1.26."""
    assert rules == broken(old(version))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            metric("Resource", name="cpu", targetAverageUtilization=60),
            metric("Resource", name="cpu", target={"type": "Utilization", "averageUtilization": 60}),
        ),
        (
            metric("Resource", name="memory", targetAverageValue="1Gi"),
            metric("Resource", name="memory", target={"type": "AverageValue", "averageValue": "1Gi"}),
        ),
        (
            metric("ContainerResource", name="cpu", container="app", targetAverageUtilization=60),
            metric(
                "ContainerResource",
                name="cpu",
                container="app",
                target={"type": "Utilization", "averageUtilization": 60},
            ),
        ),
        (
            metric("Pods", metricName="requests", targetAverageValue="50", selector=PICKED),
            metric(
                "Pods",
                metric={"name": "requests", "selector": PICKED},
                target={"type": "AverageValue", "averageValue": "50"},
            ),
        ),
        (
            metric("External", metricName="length", metricSelector=PICKED, targetValue="30"),
            metric(
                "External",
                metric={"name": "length", "selector": PICKED},
                target={"type": "Value", "value": "30"},
            ),
        ),
        (
            metric("External", metricName="length", targetAverageValue="30"),
            metric(
                "External", metric={"name": "length"}, target={"type": "AverageValue", "averageValue": "30"}
            ),
        ),
        (
            metric("Object", target=INGRESS, metricName="requests", targetValue="2k"),
            metric(
                "Object",
                describedObject=INGRESS,
                metric={"name": "requests"},
                target={"type": "Value", "value": "2k"},
            ),
        ),
        (
            metric("Object", target=INGRESS, metricName="requests", targetValue="0", averageValue="100"),
            metric(
                "Object",
                describedObject=INGRESS,
                metric={"name": "requests"},
                target={"type": "AverageValue", "averageValue": "100"},
            ),
        ),
        (utilization("cpu"), utilization("cpu")),
    ],
    ids=[
        "cpu",
        "memory",
        "container",
        "pods",
        "external",
        "average",
        "object",
        "object's average",
        "v2 already",
    ],
)
def test_the_remedy_translates_each_kind_of_metric(before: Body, after: Body) -> None:
    """As Kubernetes' own conversion did, before these versions were taken away."""
    one = next(one for one in found(old("v2beta1", before)) if one.rule == "api-version-gone")
    given = yaml.safe_load(one.remedy)
    assert [after] == given["spec"]["metrics"]
    assert "api-version-gone" not in broken(given)


def test_the_remedy_is_the_same_hpa_without_what_the_server_adds() -> None:
    """Bounds, behaviour, labels and annotations stay; the status and what kubectl remembers do not."""
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 120, "selectPolicy": "Min"}}
    body = old("v2beta2", behavior=behavior)
    labels, kept = {"app": "web"}, {"team": "shop"}
    body["metadata"] |= {"labels": labels, "uid": "1", "resourceVersion": "2", "managedFields": []}
    body["metadata"]["annotations"] = {**kept, "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    body["status"] = {"currentReplicas": 3}
    before = copy.deepcopy(body)
    (one,) = found(body)
    expected = hpa(behavior=behavior)
    expected["metadata"] |= {"labels": labels, "annotations": kept}
    assert expected == yaml.safe_load(one.remedy)
    assert before == body


@pytest.mark.parametrize("version", ["v2beta1", "v2beta2"])
def test_an_old_hpa_is_held_to_the_other_rules_too(version: str) -> None:
    """Its metrics are read in the form they have."""
    cpu = (
        metric("Resource", name="cpu", targetAverageUtilization=60)
        if version == "v2beta1"
        else utilization("cpu")
    )
    assert ["api-version-gone", "missing-requests"] == broken(
        old(version, cpu), deployment(container("proxy", memory="1Gi"))
    )
    ratio = (
        metric("External", metricName="helios_predicted_cpu", targetAverageValue="700m")
        if version == "v2beta1"
        else external("helios_predicted_cpu", "AverageValue")
    )
    assert ["api-version-gone", "ratio-under-average-value"] == broken(old(version, ratio))


@pytest.mark.parametrize(
    ("amount", "rules"), [("1", []), ("1000m", []), ("2", ["replicas-threshold"]), (None, [])]
)
def test_a_count_of_replicas_that_an_adapter_serves_is_divided_by_nothing_but_one(
    amount: str | None, rules: list[str]
) -> None:
    """Of 10 replicas recommended, 5 would come at a target of 2."""
    body = external("helios_scaling_signal", "AverageValue")
    if amount is not None:
        body["external"]["target"]["averageValue"] = amount
    assert rules == broken(hpa(body))


@pytest.mark.parametrize(
    ("bounds", "rules"),
    [
        ({"maxReplicas": 0}, ["bounds-impossible"]),
        ({"minReplicas": -1}, ["bounds-impossible"]),
        ({"minReplicas": 0}, []),
        ({"minReplicas": "${MIN}", "maxReplicas": 1}, []),
    ],
    ids=str,
)
def test_bounds_that_the_api_server_refuses_are_found(bounds: dict[str, Any], rules: list[str]) -> None:
    """A minimum of zero is let in where its feature gate is on."""
    assert rules == broken(hpa(**bounds))


def first(metrics: str | None = None, behavior: str | None = None, **spec: Any) -> Body:
    """An HPA as `kubectl get hpa.v1.autoscaling -o yaml` writes it."""
    body = {**hpa(**spec), "apiVersion": "autoscaling/v1"}
    del body["spec"]["metrics"]
    said = {"metrics": metrics, "behavior": behavior}
    body["metadata"]["annotations"] = {
        f"autoscaling.alpha.kubernetes.io/{name}": text for name, text in said.items() if text is not None
    }
    return body


MEMORY = '[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":80}}]'


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        (first(MEMORY), ["memory-alone"]),
        (first(MEMORY, targetCPUUtilizationPercentage=70), []),
        (first(behavior='{"ScaleDown":{"StabilizationWindowSeconds":0}}'), ["no-stabilization"]),
        (first(behavior='{"ScaleDown":{"StabilizationWindowSeconds":60}}'), []),
        (first("no JSON", behavior="[1]"), []),
    ],
    ids=["memory", "memory and cpu", "window", "another window", "neither"],
)
def test_what_the_first_version_keeps_in_annotations_is_read(body: Body, rules: list[str]) -> None:
    """Metrics but cpu, and the behaviour; what cannot be read the API server passes over too."""
    assert rules == broken(body)
    for one in findings([body]):
        assert not uncured([body], one), one.remedy


def test_the_remedy_takes_the_behaviour_out_of_its_annotation() -> None:
    """v2beta1 had no field for it, and v2 reads no annotation."""
    body = old("v2beta1")
    body["metadata"]["annotations"] = {
        "autoscaling.alpha.kubernetes.io/behavior": '{"ScaleDown":{"StabilizationWindowSeconds":120}}'
    }
    given = yaml.safe_load(next(one.remedy for one in found(body)))
    assert {"scaleDown": {"stabilizationWindowSeconds": 120}} == given["spec"]["behavior"]
    assert "annotations" not in given["metadata"]
