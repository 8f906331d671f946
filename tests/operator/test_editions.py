"""A pipeline applies an adopted ScaledObject anew: what its user wrote last counts, and is what is given back."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from helios.operator.adoptions import ADOPTED, Original
from helios.operator.editions import applied_anew
from helios.operator.marks import WROTE
from helios.operator.releasers import Releaser
from tests.operator.adopted import SCALED_OBJECTS, users_scaled_object
from tests.operator.objects import Object, deployment
from tests.operator.scenes import TARGETS, Scene
from tests.operator.targets import workload

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
CRON = {"timezone": "Etc/UTC", "start": "0 3 * * *", "end": "0 23 * * *", "desiredReplicas": "15"}


def edited(own: Scene, **fields: Any) -> None:
    """Somebody writes fields of the ScaledObject's spec."""
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    live["spec"] |= copy.deepcopy(fields)
    own.api.store.put(live)


def written(own: Scene) -> Object:
    """The ScaledObject's spec now."""
    spec: Object = own.api.store.one(SCALED_OBJECTS, "web-so")["spec"]
    return spec


def deployed(own: Scene, *, most: int = 30) -> Object:
    """A pipeline applies the user's own ScaledObject anew, with other triggers and bounds; what it says."""
    mine: Object = users_scaled_object()["spec"]
    mine |= {"minReplicaCount": 7, "maxReplicaCount": most}
    mine["triggers"][0] = {"type": "cron", "metadata": CRON}
    edited(own, **mine)
    return mine


@pytest.mark.parametrize("leave", ["at once", "later"])
def test_what_a_pipeline_applies_meanwhile_counts_and_is_what_is_given_back(own: Scene, leave: str) -> None:
    """`kubectl apply` at each deployment: a new cron trigger must count, and an old one never come back."""
    own.apply()
    own.settle()
    spec = deployed(own)
    if leave == "later":
        own.settle()
        live = own.api.store.one(SCALED_OBJECTS, "web-so")
        assert ["prometheus", "cpu", "cron"] == [t["type"] for t in live["spec"]["triggers"]]
        assert ("15", 20) == (
            live["spec"]["triggers"][2]["metadata"]["desiredReplicas"],
            live["spec"]["maxReplicaCount"],
        )
        assert "Autoscaling" == own.said()
    own.apply(mode="Observe")
    own.settle()
    assert (spec, "Restored") == (written(own), own.said())


def test_a_pipeline_that_applies_the_same_again_changes_nothing(own: Scene) -> None:
    """Helios' triggers are put back, and the original stays."""
    own.apply()
    own.settle()
    kept = own.target()["metadata"]["annotations"][ADOPTED]
    edited(own, **users_scaled_object()["spec"])
    own.settle()
    assert kept == own.target()["metadata"]["annotations"][ADOPTED]
    assert "prometheus" == written(own)["triggers"][0]["type"]


def test_a_newer_form_with_which_more_run_is_not_cut(own: Scene) -> None:
    """It allows forty and thirty run; the target allows twenty: to take it over again is to begin again."""
    own.apply()
    own.settle()
    spec = deployed(own, most=40)
    own.workloads["shop", "Deployment", "web"] = workload(desired=30, current=30)
    own.settle(2)
    assert (40, "AdoptionRefused") == (
        written(own)["maxReplicaCount"],
        own.said(),
    )
    assert "raise it to 30 or more" in own.condition()["message"]
    own.apply(mode="Observe")
    own.settle()
    assert spec == written(own)


def test_a_formula_that_somebody_adds_beside_the_forecast_is_said(own: Scene) -> None:
    """It leaves the forecast out: Autoscaling would be a lie. The field is theirs to take away."""
    own.apply()
    own.settle()
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    live["spec"]["advanced"]["scalingModifiers"] = {"formula": "guard"}
    own.api.store.put(live)
    own.settle(2)
    assert "AdoptionRefused" == own.said()
    assert "whose formula leaves no place for a forecast: take it away" in own.condition()["message"]
    del live["spec"]["advanced"]["scalingModifiers"]
    own.api.store.put(live)
    own.settle(2)
    assert "Autoscaling" == own.said()


@pytest.mark.parametrize("gone", [["helios"], ["helios", "guard"]], ids=str)
def test_an_edit_by_hand_is_undone(own: Scene, gone: list[str]) -> None:
    """Who takes Helios' triggers out has not applied anew: the cpu trigger that the guard had replaced is not given up for it."""
    own.apply()
    own.settle()
    kept = own.target()["metadata"]["annotations"][ADOPTED]
    edited(own, triggers=[one for one in written(own)["triggers"] if one.get("name") not in gone])
    own.settle()
    assert kept == own.target()["metadata"]["annotations"][ADOPTED]
    assert "prometheus" == written(own)["triggers"][0]["type"]


def test_an_edit_by_hand_does_not_lose_the_cpu_trigger(own: Scene) -> None:
    """In an incident both of Helios' triggers go, and the cron's figure is raised: that counts, and cpu is given back beside it."""
    own.apply()
    own.settle()
    edited(own, triggers=[{"type": "cron", "metadata": CRON}])
    own.settle()
    own.apply(mode="Observe")
    own.settle()
    given = written(own)["triggers"]
    assert [{"type": "cron", "metadata": CRON}, users_scaled_object()["spec"]["triggers"][1]] == given


def test_a_manifest_without_the_cpu_trigger_is_their_users_where_kubectl_says_so(own: Scene) -> None:
    """What is left looks as if Helios' triggers had been taken out by hand; kubectl's own account tells it apart."""
    own.apply()
    own.settle()
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    spec = users_scaled_object()["spec"]
    del spec["triggers"][1]
    live["spec"] |= spec
    live["metadata"]["annotations"][APPLIED] = json.dumps({"spec": spec})
    own.api.store.put(live)
    own.settle()
    own.apply(mode="Observe")
    own.settle()
    assert spec == written(own)


def test_a_renamed_workload_is_followed(own: Scene) -> None:
    """One chart renames the Deployment, its ScaledObject's reference and the target's: the new one has its autoscaler."""
    own.apply()
    own.settle()
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    live["spec"] |= users_scaled_object()["spec"] | {"scaleTargetRef": {"name": "web2"}}
    own.api.store.put(live, deployment("web2"))
    own.api.store.remove("deployments", "web")
    own.workloads = {("shop", "Deployment", "web2"): workload()}
    own.apply(scaleTargetRef={"name": "web2"})
    own.settle()
    stands = written(own)
    assert ("web2", "Autoscaling") == (stands["scaleTargetRef"]["name"], own.said())
    own.apply(mode="Observe", scaleTargetRef={"name": "web2"})
    own.settle()
    assert "web2" == written(own)["scaleTargetRef"]["name"]


@pytest.mark.parametrize(
    "edit",
    [{"replicas": {"min": 3, "max": 25}}, {"mode": "Observe"}, {"replicas": {"min": 9, "max": 3}}],
    ids=["bounds", "Observe", "invalid"],
)
def test_one_apply_may_hold_the_target_and_the_scaled_object(own: Scene, edit: dict[str, Any]) -> None:
    """One chart or repository has both: whatever is edited in the target, the newest form is what is given back."""
    own.apply()
    own.settle()
    spec = deployed(own)
    own.apply(**edit)
    own.settle()
    if "mode" not in edit:
        own.apply()
        own.settle()
        live = written(own)["triggers"]
        assert ("Autoscaling", "15") == (own.said(), live[2]["metadata"]["desiredReplicas"])
    own.apply(mode="Observe")
    own.settle()
    assert (spec, "Restored") == (written(own), own.said())
    assert (False, False) == own.kept()


def test_an_operator_with_other_settings_knows_what_the_last_one_wrote(own: Scene) -> None:
    """Another address of Prometheus, or a newer Helios: the pipeline's form is not taken for Helios' own."""
    own.apply()
    own.settle()
    spec = deployed(own)
    own.apply(keda=own.wish | {"serverAddress": "http://other:9090"})
    own.settle()
    own.api.store.remove(TARGETS, "web")
    own.settle()
    assert spec == written(own)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"advanced": {"scalingModifiers": {"formula": "a", "target": "1"}}},
            "whose formula leaves no place",
        ),
        ({"idleReplicaCount": 0}, "idleReplicaCount"),
    ],
    ids=["scalingModifiers", "idleReplicaCount"],
)
def test_what_could_not_have_been_taken_over_is_given_back_as_it_was_applied(
    own: Scene, changes: Object, words: str
) -> None:
    """Not as it was before that, and not half: it scales as its user says, and the target says why it is without a forecast."""
    own.apply()
    own.settle()
    spec = deployed(own)
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    live["spec"] = spec | {"fallback": {"failureThreshold": 9, "replicas": 9}, **changes}
    own.api.store.put(live)
    own.settle()
    stands = own.api.store.one(SCALED_OBJECTS, "web-so")
    assert (live["spec"], "AdoptionRefused", (False, False)) == (stands["spec"], own.said(), own.kept())
    assert words in own.condition()["message"]
    assert {} == {name: text for name, text in stands["metadata"]["annotations"].items() if "helios" in name}


def test_a_scaled_object_that_its_user_points_at_another_workload_is_given_back_so(own: Scene) -> None:
    """It scales that one from then on."""
    own.apply()
    own.settle()
    deployed(own)
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    live["spec"]["scaleTargetRef"]["name"] = "api"
    own.api.store.put(live)
    own.settle()
    stands = written(own)
    assert ("api", 7, "AdoptionRefused") == (
        stands["scaleTargetRef"]["name"],
        stands["minReplicaCount"],
        own.said(),
    )


@pytest.mark.parametrize("how", ["release", "orphan", "deleted"])
def test_what_is_applied_while_no_operator_runs_is_what_is_given_back(own: Scene, how: str) -> None:
    """`helios release` with the operator gone, a finalizer taken off by hand, and a target deleted meanwhile."""
    own.apply()
    own.settle()
    spec = deployed(own, most=40)
    if how == "release":
        steps = list(Releaser(own.cluster, sleep=lambda _: None).release(None))
        assert steps[-1][1].done
    else:
        if how == "orphan":
            own.strip()
        own.api.store.remove(TARGETS, "web")
        own.start()
        own.settle()
    stands = own.api.store.one(SCALED_OBJECTS, "web-so")
    assert (spec, {}) == (stands["spec"], stands["metadata"]["annotations"])


def test_what_helios_wrote_and_its_user_does_not_mention_goes_with_helios(own: Scene) -> None:
    """The manifest has no fallback, so `kubectl apply` leaves Helios' one there: it is not taken for theirs."""
    own.apply()
    own.settle()
    deployed(own)
    assert "currentReplicasIfHigher" == written(own)["fallback"]["behavior"]
    own.apply(mode="Observe")
    own.settle()
    assert "fallback" not in written(own)


def test_labels_and_annotations_of_the_newer_form_come_back_too(own: Scene) -> None:
    """Whose it is, a tool's own account of it: with the older one the next `kubectl apply` would leave fields behind."""
    own.apply()
    own.settle()
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    live["spec"]["triggers"] = users_scaled_object()["spec"]["triggers"]
    live["metadata"]["labels"] = {"team": "checkout"}
    live["metadata"]["annotations"] |= {"argocd.argoproj.io/tracking-id": "shop:2", APPLIED: "{}"}
    own.api.store.put(live)
    own.settle()
    assert "Autoscaling" == own.said()
    own.apply(mode="Observe")
    own.settle()
    given = own.api.store.one(SCALED_OBJECTS, "web-so")["metadata"]
    assert {"team": "checkout"} == given["labels"]
    assert {"argocd.argoproj.io/tracking-id": "shop:2", APPLIED: "{}"} == given["annotations"]


def test_bounds_that_happen_to_be_the_targets_are_their_users_where_kubectl_says_so(own: Scene) -> None:
    """Who brings both into line, 2 to 20, gets 2 to 20 back."""
    own.apply()
    own.settle()
    spec = deployed(own, most=20)
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    live["metadata"]["annotations"][APPLIED] = json.dumps({"spec": spec})
    own.api.store.put(live)
    own.settle()
    own.apply(mode="Observe")
    own.settle()
    assert spec == written(own)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "7"], ids=str)
def test_without_helios_own_account_nothing_is_taken_for_its_users(text: str | None) -> None:
    """Somebody took the annotation off: what was kept is what counts."""
    live = users_scaled_object()
    original = Original.of("ScaledObject", live)
    live["spec"]["triggers"] = [{"type": "cron", "metadata": CRON}]
    live["metadata"]["annotations"] = {} if text is None else {WROTE: text}
    assert None is applied_anew(original, live)
    live["metadata"]["annotations"] = {WROTE: json.dumps({"fallback": {}})}
    assert applied_anew(original, live) is not None
