"""One autoscaler becomes one HeliosTarget in Observe: bounds, target, behaviour and hours are its, and nothing is bent in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from helios.imports.autoscalers import Autoscaler, UnreadableError
from helios.imports.conversions import ImpossibleError, imported, target_name
from helios.operator.resources import HeliosTarget, HeliosTargetSpec
from helios.targets import QueryPolicy
from tests.imports.objects import CYCLE, Object, converted, cron, hpa, rules, scaled, trigger


def spec(body: Object) -> dict[str, Any]:
    found: dict[str, Any] = dict(converted(body).manifest["spec"])
    return found


def test_an_hpa_becomes_a_target_that_observes_and_would_adopt_it() -> None:
    """All of it, as it is written."""
    down = {
        "stabilizationWindowSeconds": 600,
        "policies": [{"type": "Pods", "value": 2, "periodSeconds": 300}],
    }
    made = converted(hpa(behavior={"scaleDown": down}))
    assert () == made.said
    assert {
        "apiVersion": "helios.dev/v1alpha1",
        "kind": "HeliosTarget",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"helios.dev/imported": "true"}},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "mode": "Observe",
            "replicas": {"min": 2, "max": 10},
            "utilization": {"max": 90, "reactive": 70},
            "behavior": {"scaleDown": {"pods": 2}, "cooldownSeconds": 600, "rollout": {}},
            "keda": {"cpuGuard": 80, "adopt": {"kind": "HorizontalPodAutoscaler", "name": "web"}},
        },
    } == made.manifest


def test_a_scaled_object_becomes_a_target_with_its_hours() -> None:
    """Cron triggers are floors; its fallback and its HPA's behaviour come along."""
    behavior = {"scaleUp": {"policies": [{"type": "Pods", "value": 4, "periodSeconds": 300}]}}
    made = converted(
        scaled(
            trigger(),
            cron(zone="Europe/Berlin"),
            minReplicaCount=2,
            maxReplicaCount=20,
            advanced={"horizontalPodAutoscalerConfig": {"behavior": behavior}},
            fallback={"failureThreshold": 5, "replicas": 6, "behavior": "currentReplicasIfHigher"},
        )
    )
    assert () == made.said
    assert {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "mode": "Observe",
        "replicas": {"min": 2, "max": 20},
        "utilization": {"max": 90, "reactive": 70},
        "behavior": {"scaleUp": {"pods": 4}, "rollout": {}},
        "schedules": [{"start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "timezone": "Europe/Berlin", "min": 4}],
        "keda": {
            "cpuGuard": 80,
            "fallback": {"failureThreshold": 5, "replicas": 6},
            "adopt": {"kind": "ScaledObject", "name": "web"},
        },
    } == made.manifest["spec"]


def test_what_an_import_makes_is_what_the_operator_reads() -> None:
    """Through its own door, with the wish as the core takes it."""
    body = dict(converted(scaled(trigger(value="60"), cron(), minReplicaCount=1)).manifest)
    found = HeliosTarget.of(body, fill=lambda given: given, queries=QueryPolicy.REFUSED)
    assert found.problem is None
    assert found.spec is not None
    target = found.spec.target("shop")
    assert (0.6, 0.77, 0.69) == (
        target.reactive_utilization,
        target.max_utilization,
        target.guard_utilization,
    )
    assert 4 == target.schedules[0].minimum


@pytest.mark.parametrize(
    ("body", "bounds", "said"),
    [
        pytest.param(scaled(), {"min": 1, "max": 100}, ["min-zero"], id="KEDA's defaults"),
        pytest.param(scaled(minReplicaCount=0, maxReplicaCount=5), {"min": 1, "max": 5}, ["min-zero"], id="to zero"),
        pytest.param(scaled(minReplicaCount=2, idleReplicaCount=0), {"min": 2, "max": 100}, ["idle-replicas"], id="idle"),
        pytest.param(
            scaled(minReplicaCount=0, maxReplicaCount=0), {"min": 1, "max": 1}, ["min-zero", "min-zero"], id="a maximum of zero"
        ),
        pytest.param(hpa(minReplicas=None), {"min": 1, "max": 10}, [], id="an HPA's default"),
        pytest.param(hpa(minReplicas=0), {"min": 1, "max": 10}, ["min-zero"], id="an HPA to zero"),
    ],
)  # fmt: skip
def test_bounds_are_copied_and_zero_becomes_one(
    body: Object, bounds: dict[str, int], said: list[str]
) -> None:
    """And says so, with what it costs."""
    made = converted(body)
    assert (bounds, said) == (made.manifest["spec"]["replicas"], rules(made.said))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(scaled(trigger(), cron(end="0 8 * * 1-5"), minReplicaCount=1), ["cron-invalid"], id="start is end"),
        pytest.param(scaled(trigger(), cron(replicas="some"), minReplicaCount=1), ["cron-invalid"], id="no count"),
        pytest.param(scaled(trigger(), cron(start="0 8 * * *"), minReplicaCount=1), ["cron-differs"], id="other hours"),
        pytest.param(scaled(cron(), minReplicaCount=1), ["no-cpu"], id="nothing but hours"),
        pytest.param(
            scaled(minReplicaCount=1, fallback={"failureThreshold": 3, "replicas": 500}), ["fallback"], id="a static fallback"
        ),
        pytest.param(
            scaled(minReplicaCount=1, advanced={"scalingModifiers": {"formula": "a + b"}}), ["scaling-modifiers"], id="a formula"
        ),
        pytest.param(
            scaled(minReplicaCount=1, advanced={"restoreToOriginalReplicaCount": True}), ["restore-replicas"], id="restoring"
        ),
        pytest.param(
            scaled(minReplicaCount=1, metadata={"annotations": {"autoscaling.keda.sh/paused-scale-in": "true"}}),
            ["paused-scaling"],
            id="scale-in paused",
        ),
        pytest.param(
            hpa(metadata={"ownerReferences": [{"kind": "Service", "name": "web", "controller": True}]}), ["owned"], id="owned"
        ),
        pytest.param(
            hpa(metadata={"annotations": {"argocd.argoproj.io/tracking-id": "shop"}}), ["in-git"], id="Argo CD"
        ),
        pytest.param(hpa("w" * 64, workload="web"), ["hpa-name-long"], id="a long HPA's name"),
    ],
)  # fmt: skip
def test_what_does_not_carry_over_is_listed(body: Object, said: list[str]) -> None:
    """By its rule."""
    assert said == rules(converted(body).said)


@pytest.mark.parametrize(
    ("fallback", "kept", "words"),
    [
        pytest.param({"failureThreshold": 3, "replicas": 0}, None, "static 0 became replicas.min or more", id="none"),
        pytest.param(
            {"failureThreshold": 3, "replicas": 0, "behavior": "currentReplicasIfHigher"},
            None,
            "currentReplicasIfHigher 0 became replicas.min or more",
            id="none, or more",
        ),
        pytest.param(
            {"failureThreshold": 5000, "replicas": 6, "behavior": "currentReplicasIfHigher"},
            {"failureThreshold": 1000, "replicas": 6},
            "failureThreshold: 5000 became 1000",
            id="very patient",
        ),
    ],
)  # fmt: skip
def test_a_fallback_that_is_bent_says_so(fallback: Object, kept: Object | None, words: str) -> None:
    """With what it was and what it is."""
    made = converted(scaled(trigger(), minReplicaCount=1, fallback=fallback))
    assert kept == made.manifest["spec"]["keda"].get("fallback")
    (said,) = made.said
    assert "fallback" == said.rule.name
    assert words in said.what


def test_a_target_of_a_workload_with_a_long_name_says_its_own() -> None:
    """Cut to the 63 characters that KEDA takes, with a digest that is the same the next time."""
    body = hpa(workload="w" * 64, name="web")
    one = Autoscaler.of("HorizontalPodAutoscaler", body)
    name = target_name(one, frozenset())
    assert (63, "w" * 54) == (len(name), name[:54])
    made = imported(one, name, cycle=CYCLE, may_not=lambda _query, _namespace: None)
    assert ["renamed"] == rules(made.said)
    assert name == made.name


@pytest.mark.parametrize(
    ("given", "written", "said"),
    [
        pytest.param("apps/v1beta2", "apps/v1", ["api-version"], id="an old chart's"),
        pytest.param("apps/v1alpha1", "apps/v1", ["api-version"], id="older still"),
        pytest.param("apps/v1", "apps/v1", [], id="today's"),
        pytest.param("argoproj.io/v1alpha1", "argoproj.io/v1alpha1", [], id="another group's"),
    ],
)
@pytest.mark.parametrize("make", [hpa, scaled], ids=["HPA", "ScaledObject"])
def test_a_workload_that_is_found_by_its_kind_today_is_found_by_helios_too(
    make: Callable[..., Object], given: str, written: str, said: list[str]
) -> None:
    """The HPA controller and KEDA do not look at the version that an old chart names, and no API server serves it any more."""
    reference = {"apiVersion": given, "kind": "StatefulSet", "name": "web"}
    made = converted(
        make(**{"scaleTargetRef": reference, **({"minReplicaCount": 1} if make is scaled else {})})
    )
    assert {**reference, "apiVersion": written} == made.manifest["spec"]["scaleTargetRef"]
    assert said == rules(made.said)


def test_an_hpa_that_does_not_work_today_says_so() -> None:
    """In its controller's words; one that is switched off by zero replicas works."""
    broken = {
        "type": "ScalingActive",
        "status": "False",
        "reason": "FailedGetResourceMetric",
        "message": "no metrics",
    }
    idle = {"type": "ScalingActive", "status": "False", "reason": "ScalingDisabled"}
    (said,) = converted({**hpa(), "status": {"conditions": [broken, idle]}}).said
    assert ("not-working", "FailedGetResourceMetric: no metrics") == (said.rule.name, said.what)


def test_fifty_schedules_are_copied_and_the_others_listed() -> None:
    """As many as a HeliosTarget takes."""
    crons = [cron(f"{minute} 8 * * *", f"{minute} 9 * * *") for minute in range(52)]
    made = converted(scaled(trigger(), *crons, minReplicaCount=1))
    assert 50 == len(made.manifest["spec"]["schedules"])
    assert ["too-many-schedules"] * 2 == rules(made.said)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(hpa(maxReplicas=None), "spec.maxReplicas", id="no maximum"),
        pytest.param(hpa(minReplicas=20), "min 20 is above max 10", id="bounds crossed"),
        pytest.param(hpa(maxReplicas=200_000), "100000", id="more than a target takes"),
        pytest.param(hpa(kind="deployment"), "scaleTargetRef.kind", id="a kind that is none"),
    ],
)
def test_what_no_target_can_say_is_refused_with_the_field(body: Object, words: str) -> None:
    """It costs itself alone."""
    with pytest.raises(ImpossibleError, match=words):
        converted(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"metadata": {"name": "web", "namespace": "shop"}}, id="no spec"),
        pytest.param({**hpa(), "metadata": {}}, id="no name"),
        pytest.param(hpa(metrics=[{"resource": {}}]), id="a metric without a type"),
        pytest.param(hpa(behavior={"scaleUp": {"policies": [{"type": "Both"}]}}), id="a policy of no type"),
        pytest.param("text", id="no object"),
    ],
)
def test_what_has_not_the_form_of_its_kind_is_unreadable(body: object) -> None:
    """With the first field."""
    with pytest.raises(UnreadableError):
        Autoscaler.of("HorizontalPodAutoscaler", body)


@pytest.mark.parametrize(
    ("taken", "expected"),
    [((), "web"), (("web",), "web-deployment"), (("web", "web-deployment"), "web-")],
    ids=["free", "taken", "taken twice"],
)
def test_a_target_is_named_after_its_workload_where_that_is_free(
    taken: tuple[str, ...], expected: str
) -> None:
    """And in the same way the next time."""
    body = hpa()
    one = Autoscaler.of("HorizontalPodAutoscaler", body)
    found = target_name(one, frozenset(taken))
    assert found == target_name(one, frozenset(taken))
    assert found.startswith(expected)
    assert found not in taken


def test_the_rollout_is_written_as_its_defaults() -> None:
    """Autoscale begins near the reactive decision."""
    found = HeliosTargetSpec.model_validate(spec(hpa())).behavior.rollout
    assert found is not None
    assert 20 == found.start_percent
