"""A whole cluster: who is imported, who is not and why, and that nobody costs anybody else anything."""

from __future__ import annotations

from typing import Any

import pytest

from helios.imports.fleets import Fleet, Listed, Terms, sifted
from tests.imports.objects import CYCLE, Object, hpa, made_by_keda, scaled
from tests.operator.objects import helios_target


def fleet(**listed: Any) -> Fleet:
    return sifted(Listed(**listed), Terms(CYCLE, lambda _query, _namespace: None))


def names(found: Fleet) -> list[str]:
    return [f"{made.autoscaler.metadata.namespace}/{made.name}" for made in found.imports]


def skipped(found: Fleet) -> dict[str, str]:
    return {f"{skip.kind} {skip.namespace}/{skip.name}": skip.remark.rule.name for skip in found.skipped}


def test_hpas_and_scaled_objects_are_imported_by_namespace_and_name() -> None:
    """An HPA that KEDA made counts as its ScaledObject."""
    found = fleet(
        hpas=[hpa("web"), hpa("api"), hpa("web", "bank"), made_by_keda("queue")],
        scaled_objects=[scaled(name="queue")],
    )
    assert ["bank/web", "shop/api", "shop/queue", "shop/web"] == names(found)
    assert {} == skipped(found)


def test_two_autoscalers_on_one_workload_are_both_left_and_named() -> None:
    """Whatever they are."""
    found = fleet(
        hpas=[hpa("a", workload="web"), hpa("b", workload="web"), hpa("other")], scaled_objects=None
    )
    assert ["shop/other"] == names(found)
    assert {
        "HorizontalPodAutoscaler shop/a": "two-autoscalers",
        "HorizontalPodAutoscaler shop/b": "two-autoscalers",
    } == skipped(found)
    assert "Deployment web is scaled by" in found.skipped[0].remark.what


def test_a_workload_that_has_a_target_is_left_and_what_is_known_of_it_stays() -> None:
    """For the ranking; also where the target has a name of its own."""
    target = helios_target("mine", scaleTargetRef={"kind": "Deployment", "name": "web"})
    low = {"type": "Resource", "resource": {"name": "memory", "target": {"averageUtilization": 80}}}
    found = fleet(hpas=[hpa(metrics=[low])], targets=[target])
    assert [] == names(found)
    assert {"HorizontalPodAutoscaler shop/web": "has-target"} == skipped(found)
    assert ["memory", "no-cpu"] == [remark.rule.name for remark in found.known["shop", "Deployment", "web"]]


def test_what_helios_itself_wrote_is_not_somebodys_autoscaler() -> None:
    """A target's own ScaledObject is not named at all."""
    own = scaled(metadata={"annotations": {"helios.dev/form": "forecast"}})
    found = fleet(hpas=[made_by_keda()], scaled_objects=[own], targets=[helios_target()])
    assert ([], {}, {}) == (names(found), skipped(found), dict(found.known))


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        pytest.param(
            {"scaled_objects": [scaled(metadata={"annotations": {"autoscaling.keda.sh/paused": "true"}})]},
            {"ScaledObject shop/web": "paused"},
            id="paused",
        ),
        pytest.param(
            {"scaled_objects": [scaled(metadata={"annotations": {"autoscaling.keda.sh/paused-replicas": "3"}})]},
            {"ScaledObject shop/web": "paused"},
            id="paused at a count",
        ),
        pytest.param(
            {"scaled_jobs": [{"metadata": {"name": "nightly", "namespace": "shop"}}]},
            {"ScaledJob shop/nightly": "scaled-job"},
            id="jobs",
        ),
        pytest.param({"hpas": [made_by_keda()]}, {"HorizontalPodAutoscaler shop/keda-hpa-web": "owner-unseen"}, id="no ScaledObjects to be seen"),
        pytest.param({"hpas": [hpa(maxReplicas=None)]}, {"HorizontalPodAutoscaler shop/web": "impossible"}, id="impossible"),
        pytest.param({"hpas": [{**hpa(), "spec": 7}]}, {"HorizontalPodAutoscaler shop/web": "unreadable"}, id="unreadable"),
        pytest.param({"hpas": [{}]}, {"HorizontalPodAutoscaler /": "unreadable"}, id="empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_costs_itself_alone(listed: dict[str, Any], expected: dict[str, str]) -> None:
    """Beside it another one is imported."""
    found = fleet(**{**listed, "hpas": [*listed.get("hpas", ()), hpa("fine")]})
    assert (["shop/fine"], expected) == (names(found), skipped(found))


def test_an_annotation_that_says_no_pauses_nothing() -> None:
    """As KEDA reads it."""
    found = fleet(scaled_objects=[scaled(metadata={"annotations": {"autoscaling.keda.sh/paused": "false"}})])
    assert ["shop/web"] == names(found)


def test_of_a_deployment_and_a_statefulset_of_one_name_the_deployment_is_imported() -> None:
    """Helios could not tell their gauges apart; one that has a target goes first."""
    hpas = [hpa("set", workload="web", kind="StatefulSet"), hpa("deploy", workload="web")]
    found = fleet(hpas=hpas)
    assert ["shop/web"] == names(found)
    assert {"HorizontalPodAutoscaler shop/set": "same-name"} == skipped(found)
    target = helios_target(scaleTargetRef={"kind": "StatefulSet", "name": "web"})
    watched = fleet(hpas=hpas, targets=[target])
    assert {
        "HorizontalPodAutoscaler shop/set": "has-target",
        "HorizontalPodAutoscaler shop/deploy": "same-name",
    } == skipped(watched)


def taken() -> list[tuple[dict[str, Any], str]]:
    other: Object = helios_target("web", scaleTargetRef={"kind": "Deployment", "name": "api"})
    return [
        ({"targets": [other]}, "another target"),
        ({"scaled_objects": [scaled(name="web", workload="api")]}, "another ScaledObject"),
    ]


@pytest.mark.parametrize(("listed", "_"), taken(), ids=[name for _, name in taken()])
def test_a_name_that_is_taken_is_gone_round_and_said(listed: dict[str, Any], _: str) -> None:
    """A target's name is its ScaledObject's."""
    found = fleet(hpas=[hpa("web")], **listed)
    made = next(one for one in found.imports if one.autoscaler.kind == "HorizontalPodAutoscaler")
    assert "web-deployment" == made.name
    assert "renamed" in [remark.rule.name for remark in made.said]


def test_workloads_whose_long_names_begin_alike_get_different_targets() -> None:
    """Cut to KEDA's 63 characters."""
    found = fleet(hpas=[hpa(f"h{i}", workload="w" * 70 + str(i)) for i in range(3)])
    made = [one.name for one in found.imports]
    assert 3 == len(set(made))
    assert all(len(name) <= 63 for name in made)
