"""The ScaledObject in the place of an adopted autoscaler: what counted before counts on, and KEDA's webhook takes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helios.operator.adoptions import ADOPTED, Original
from helios.operator.marks import OWNER, TRANSFER
from helios.operator.scaledobjects import Form, scaled_object
from helios.operator.successors import anew, lost, successor
from tests.operator.adopted import HPA, SCALED_OBJECT, users_hpa, users_scaled_object
from tests.operator.objects import Object
from tests.operator.targets import KEDA, target

TARGET = target(mode="Autoscale", replicas={"min": 2, "max": 20})


def of_hpa(*, guard: bool = True, tolerance: bool = False, **spec: Any) -> Object:
    """What stands in the place of an HPA."""
    one = users_hpa()
    one["spec"] |= spec
    return successor(TARGET, Original.of(HPA, one), KEDA, cpu_guard=guard, tolerance=tolerance)


def of_scaled_object(*, guard: bool = True, tolerance: bool = False, **spec: Any) -> Object:
    """What stands in the place of a ScaledObject."""
    one = users_scaled_object()
    one["spec"] |= spec
    return successor(TARGET, Original.of(SCALED_OBJECT, one), KEDA, cpu_guard=guard, tolerance=tolerance)


def kinds(manifest: Object) -> list[str]:
    """Its triggers, by kind and container."""
    return [
        "/".join(filter(None, (t["type"], t["metadata"].get("containerName"))))
        for t in manifest["spec"]["triggers"]
    ]


def metric(name: str, value: int | str = 70, container: str = "") -> Object:
    """A metric of an HPA."""
    key, word = (
        ("Utilization", "averageUtilization") if isinstance(value, int) else ("AverageValue", "averageValue")
    )
    inner = {"name": name, "target": {"type": key, word: value}}
    if container:
        return {"type": "ContainerResource", "containerResource": inner | {"container": container}}
    return {"type": "Resource", "resource": inner}


def test_an_hpa_is_named_and_asked_for() -> None:
    """As verifyHpas of KEDA's webhook demands; the bounds are the target's."""
    made = of_hpa()
    assert ("web", "true", "web-cpu", (2, 20)) == (
        made["metadata"]["name"],
        made["metadata"]["annotations"][TRANSFER],
        made["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["name"],
        (made["spec"]["minReplicaCount"], made["spec"]["maxReplicaCount"]),
    )


@pytest.mark.parametrize("made", [of_hpa(), of_scaled_object()], ids=[HPA, SCALED_OBJECT])
def test_it_carries_a_second_copy_and_its_owner_but_no_owner_reference(made: Object) -> None:
    """The garbage collector must not take it."""
    marks = made["metadata"]["annotations"]
    kept = Original.parsed(marks[ADOPTED])
    assert kept is not None
    assert ("uid-shop-web", False) == (marks[OWNER], "ownerReferences" in made["metadata"])


@pytest.mark.parametrize(
    ("metrics", "guard", "expected"),
    [
        ([metric("cpu")], True, ["prometheus", "cpu"]),
        ([metric("cpu"), metric("memory", 80)], True, ["prometheus", "cpu", "memory"]),
        ([metric("cpu", "500m")], True, ["prometheus", "cpu", "cpu"]),
        ([metric("cpu", container="app")], True, ["prometheus", "cpu"]),
        ([metric("cpu", container="app")], False, ["prometheus", "cpu/app"]),
        ([metric("cpu")], False, ["prometheus"]),
        ([metric("memory", "1Gi", container="app")], True, ["prometheus", "cpu", "memory/app"]),
    ],
    ids=[
        "cpu",
        "memory",
        "cpu in cores",
        "a container's cpu",
        "a container's cpu, no guard",
        "no guard",
        "bytes",
    ],
)
def test_an_hpas_metrics_become_triggers(metrics: list[Object], guard: bool, expected: list[str]) -> None:
    """All but those on cpu utilization, which the cpu guard replaces, where there is one."""
    assert expected == kinds(of_hpa(guard=guard, metrics=metrics))


def test_a_metric_keeps_its_figure() -> None:
    """In KEDA's words."""
    assert [
        {"type": "memory", "metricType": "AverageValue", "metadata": {"value": "1Gi"}},
        {"type": "memory", "metricType": "Utilization", "metadata": {"value": "80"}},
    ] == of_hpa(metrics=[metric("memory", "1Gi"), metric("memory", 80)])["spec"]["triggers"][2:]


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ([metric("cpu"), metric("memory", "1Gi")], []),
        ([{"type": "External", "external": {"metric": {"name": "queue"}}}], ["External queue"]),
        ([{"type": "Object", "object": {"metric": {"name": "hits"}}}], ["Object hits"]),
        ([metric("nvidia.com/gpu")], ["Resource nvidia.com/gpu"]),
        (
            [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}],
            ["Resource cpu"],
        ),
    ],
    ids=["none", "external", "object", "another resource", "no figure"],
)
def test_what_a_scaled_object_cannot_carry_is_named(metrics: list[Object], expected: list[str]) -> None:
    """It would not count any more."""
    one = users_hpa()
    one["spec"]["metrics"] = metrics
    assert expected == lost(Original.of(HPA, one))


def test_how_an_hpa_may_move_stays_as_it_was() -> None:
    """With the dead-band taken out where the cluster has one."""
    behavior = {
        "scaleDown": {"stabilizationWindowSeconds": 600, "tolerance": "200m"},
        "scaleUp": {"selectPolicy": "Min"},
    }
    known = of_hpa(behavior=behavior, tolerance=True)["spec"]["advanced"]["horizontalPodAutoscalerConfig"][
        "behavior"
    ]
    assert {
        "scaleDown": {"stabilizationWindowSeconds": 600, "tolerance": "0"},
        "scaleUp": {"selectPolicy": "Min", "tolerance": "0"},
    } == known
    unknown = of_hpa(behavior=behavior)["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert {"scaleDown": {"stabilizationWindowSeconds": 600}, "scaleUp": {"selectPolicy": "Min"}} == unknown


def test_a_scaled_object_keeps_all_but_what_is_the_targets() -> None:
    """Its interval, its HPA's name, its behavior and its credentials are its user's."""
    advanced = {
        "restoreToOriginalReplicaCount": True,
        "horizontalPodAutoscalerConfig": {"name": "mine", "behavior": {"scaleUp": {"selectPolicy": "Min"}}},
    }
    made = of_scaled_object(
        pollingInterval=7,
        advanced=advanced,
        fallback={"failureThreshold": 9, "replicas": 9},
        scaleTargetRef={"name": "web", "envSourceContainerName": "app"},
    )["spec"]
    assert (7, {"name": "mine", "behavior": {"scaleUp": {"selectPolicy": "Min"}}}, "app") == (
        made["pollingInterval"],
        made["advanced"]["horizontalPodAutoscalerConfig"],
        made["scaleTargetRef"]["envSourceContainerName"],
    )
    plain = scaled_object(TARGET, KEDA, form=Form.FORECAST, cpu_guard=True)["spec"]
    for name in ("minReplicaCount", "maxReplicaCount", "fallback"):
        assert plain[name] == made[name]
    assert made["advanced"]["restoreToOriginalReplicaCount"] is False


def test_trigger_names_are_unique() -> None:
    """ValidateTriggers of KEDA's webhook refuses two of one name."""
    triggers = [
        {"type": "cron", "name": "helios", "metadata": {}},
        {"type": "kafka", "name": "guard", "metadata": {}},
    ]
    made = of_scaled_object(triggers=triggers)["spec"]["triggers"]
    assert ["helios", "guard", "helios-2", "guard-2"] == [t["name"] for t in made]


def test_a_trigger_on_helios_own_number_is_there_once() -> None:
    """As where the manifest of `helios scaledobject` was applied by hand, and is adopted now."""
    before = scaled_object(TARGET, KEDA, form=Form.FORECAST, cpu_guard=True)["spec"]["triggers"]
    assert ["prometheus", "cpu"] == kinds(of_scaled_object(triggers=before))


def test_no_value_is_left_open() -> None:
    """Neither null nor NaN is in what is sent."""
    for made in (of_hpa(tolerance=True), of_scaled_object(tolerance=True)):
        assert "null" not in json.dumps(made, allow_nan=False)


def test_one_that_is_made_anew_has_what_its_user_gave_it() -> None:
    """Labels, owners and annotations, but no tool's account of it; the digest does not change for it."""
    owner = {"apiVersion": "example.com/v1", "kind": "App", "name": "shop", "uid": "1"}
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "shop"}
    one = users_scaled_object(annotations=annotations, ownerReferences=[owner])
    original = Original.of(SCALED_OBJECT, one)
    made = successor(TARGET, original, KEDA, cpu_guard=True, tolerance=False)
    again = anew(made, original)["metadata"]
    assert ({"team": "shop"}, [owner], "shop") == (
        again["labels"],
        again["ownerReferences"],
        again["annotations"]["team"],
    )
    assert "kubectl.kubernetes.io/last-applied-configuration" not in again["annotations"]
    assert made["metadata"]["annotations"].items() <= again["annotations"].items()
