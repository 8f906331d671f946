"""An adoption while its users edit, delete and refuse: what was adopted comes back, whatever they do."""

from __future__ import annotations

import pytest

from helios.operator.adoptions import ADOPTED, FINALIZER, Original
from helios.operator.resources import API_VERSION, PLURAL
from tests.operator.adopted import (
    HPA,
    HPAS,
    SCALED_OBJECTS,
    as_users,
    collect,
    users_hpa,
    users_scaled_object,
)
from tests.operator.scenes import TARGETS, Killed, Scene
from tests.operator.targets import workload

# whoever edits meanwhile


def test_the_copy_on_the_scaled_object_serves_where_the_annotation_was_lost(scene: Scene) -> None:
    """`kubectl replace` drops what a manifest does not have; it is kept again at once."""
    scene.apply()
    scene.settle()
    scene.strip()
    scene.look()
    assert (True, True) == scene.kept()
    scene.strip()
    scene.apply(mode="Observe")
    scene.settle()
    assert as_users(users_hpa()) == as_users(scene.hpa)


def test_what_nobody_owns_any_more_is_given_back(scene: Scene) -> None:
    """The finalizer was taken off by hand, and the target deleted."""
    scene.apply()
    scene.settle()
    scene.strip()
    scene.api.store.remove(TARGETS, "web")
    assert [] == scene.api.store.all(TARGETS)
    scene.settle()
    assert as_users(users_hpa()) == as_users(scene.hpa)


def test_a_target_that_is_not_known_yet_loses_nothing(scene: Scene) -> None:
    """After a takeover from another operator the watch may be behind: the API server is asked before anything is given back."""
    scene.apply()
    scene.settle()
    scene.start()
    scene.reconciler.reconcile()
    scene.writes()
    assert "External" == scene.hpa["spec"]["metrics"][0]["type"]


def test_a_namespace_that_is_restored_beside_the_first_has_its_own_forecast(scene: Scene) -> None:
    """A backup gives new uids and old annotations: what stands in the copy must not go on by the first one's number for good."""
    scene.apply()
    scene.settle()
    for plural in (TARGETS, SCALED_OBJECTS, HPAS, "deployments"):
        for one in scene.api.store.all(plural):
            copied = {k: v for k, v in one["metadata"].items() if k not in ("uid", "resourceVersion")}
            for owner in copied.get("ownerReferences", ()):
                owner["uid"] = f"{owner['uid']}-copied"
            copied |= {"namespace": "copy", "uid": f"{one['metadata']['uid']}-copied"}
            scene.api.store.put({**one, "metadata": copied, "status": {}})
    scene.workloads["copy", "Deployment", "web"] = workload()
    for _ in range(6):
        scene.look()
    made = scene.api.store.one(SCALED_OBJECTS, "web", "copy")
    assert made["metadata"]["annotations"]["helios.dev/owner"].endswith("-copied")
    assert 'namespace="copy"' in made["spec"]["triggers"][0]["metadata"]["query"]
    assert "Autoscaling" == scene.said()


@pytest.mark.parametrize("left", ["finalizer", "annotation", "garbled"])
def test_what_is_left_of_no_adoption_is_tidied_away(scene: Scene, left: str) -> None:
    """A finalizer without an annotation, and the reverse: nothing of ours stands there, so it goes."""
    scene.apply(mode="Observe")
    one = scene.target()
    if left == "finalizer":
        one["metadata"]["finalizers"] = ["example.com/theirs", FINALIZER]
    else:
        text = Original.of(HPA, scene.hpa).text() if left == "annotation" else '{"kind": NaN'
        one["metadata"]["annotations"] = {ADOPTED: text}
    scene.api.store.put(one)
    scene.settle(4)
    assert (False, False) == scene.kept()
    assert as_users(users_hpa()) == as_users(scene.hpa)
    assert (["example.com/theirs"] if left == "finalizer" else []) == scene.target()["metadata"].get(
        "finalizers", []
    )


def test_a_target_whose_spec_became_invalid_keeps_what_it_has(scene: Scene) -> None:
    """A slip of the hand gives nothing back."""
    scene.apply()
    scene.settle()
    scene.apply(replicas={"min": 9, "max": 3})
    scene.writes()
    scene.settle()
    assert ([], "External") == (scene.writes(), scene.hpa["spec"]["metrics"][0]["type"])
    scene.api.store.remove(TARGETS, "web")
    scene.settle()
    assert as_users(users_hpa()) == as_users(scene.hpa)


def test_an_hpa_that_its_user_edits_before_it_is_written_is_kept_as_edited(scene: Scene) -> None:
    """The operator ended after the original was kept; a day later another one goes on."""
    scene.apply()
    scene.dying(after=1)
    with pytest.raises(Killed):
        scene.look()
    edited = scene.hpa
    edited["spec"]["maxReplicas"] = 7
    scene.api.store.put(edited)
    scene.start()
    scene.settle()
    assert "Autoscaling" == scene.said()
    scene.apply(mode="Observe")
    scene.settle()
    assert 7 == scene.hpa["spec"]["maxReplicas"]


def test_a_scaled_object_that_lost_its_marks_is_not_taken_for_the_users_own(own: Scene) -> None:
    """What stands there is on the forecast: the original stays the one that was kept."""
    own.apply()
    own.settle()
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    live["metadata"]["annotations"] = {}
    own.api.store.put(live)
    own.settle()
    own.apply(mode="Observe")
    own.settle()
    assert users_scaled_object()["spec"] == own.api.store.one(SCALED_OBJECTS, "web-so")["spec"]


def test_an_edit_between_seeing_and_keeping_is_seen_first(scene: Scene) -> None:
    """The API server refuses the stale write, nothing is taken over, and the next look knows the edit."""
    scene.apply()
    scene.now += 1
    scene.registry.take(scene.cluster.list(API_VERSION, PLURAL), scene.registry.begin_listing())
    scene.apply(mode="Observe")
    scene.reconciler.reconcile()
    assert ["patch heliostargets shop/web"] == scene.writes()
    scene.settle()
    assert ("Adoptable", (False, False), []) == (scene.said(), scene.kept(), scene.writes())


def test_an_adopted_hpa_that_is_deleted_comes_back(scene: Scene) -> None:
    """With the ScaledObject that somebody deleted the collector takes the HPA; KEDA makes one of its name for the new one."""
    scene.apply()
    scene.settle()
    scene.gone("web")
    collect(scene.api)
    assert [] == scene.api.store.all(HPAS)
    scene.look()
    assert "Adopting" == scene.said()
    scene.apply(mode="Observe")
    scene.settle()
    assert as_users(users_hpa()) == as_users(scene.hpa)


def test_two_targets_on_one_workload_share_nothing(scene: Scene) -> None:
    """The younger gives the HPA back, then the older takes it."""
    scene.apply()
    scene.settle()
    scene.older(mode="Autoscale")
    scene.settle(10)
    assert ("Autoscaling", "Conflict", (False, False)) == (
        scene.said("elder"),
        next(c["reason"] for c in scene.target()["status"]["conditions"] if c["type"] == "Ready"),
        scene.kept(),
    )
    assert 1 == len(scene.api.store.all(HPAS))
    scene.api.store.remove(TARGETS, "elder")
    scene.api.store.remove(TARGETS, "web")
    scene.settle(8)
    assert as_users(users_hpa()) == as_users(scene.hpa)


def test_an_hpa_that_comes_beside_helios_own_scaled_object_is_taken_over_once_that_is_deleted(
    scene: Scene,
) -> None:
    """Two autoscalers stop each other; the message says what ends it, and that does."""
    theirs = scene.hpa
    scene.api.store.remove(HPAS, "web-cpu")
    scene.apply(keda={})
    scene.settle()
    scene.api.store.put(theirs)
    scene.apply()
    scene.settle(2)
    assert "OwnedElsewhere" == scene.said()
    assert "To have the other taken over, name it and delete this one" in scene.condition()["message"]
    scene.gone("web")
    scene.settle()
    assert ("Autoscaling", "External") == (scene.said(), scene.hpa["spec"]["metrics"][0]["type"])


def test_what_another_target_has_adopted_is_refused(own: Scene) -> None:
    """And what to do about it is said."""
    own.apply()
    own.settle()
    own.workloads["shop", "Deployment", "api"] = workload()
    own.apply("api", scaleTargetRef={"name": "api"})
    own.settle()
    assert "AdoptionRefused" == own.said("api")
    assert "belongs to another HeliosTarget" in own.condition("api")["message"]


def test_nothing_is_written_while_another_operator_has_the_lease(scene: Scene) -> None:
    """Asked before each pass and before each target."""
    scene.apply()
    scene.leads = False
    scene.settle()
    assert ([], (False, False)) == (scene.writes(), scene.kept())
    scene.leads = True
    scene.settle()
    assert "Autoscaling" == scene.said()


# whoever refuses


def test_a_give_back_that_is_refused_is_told_and_tried_again(scene: Scene) -> None:
    """In the server's words; what stands there stays."""
    before = as_users(scene.hpa)
    scene.apply()
    scene.settle()
    scene.api.fail(HPAS, 422, verb="update", message="admission webhook says no")
    scene.apply(mode="Observe")
    scene.settle()
    assert ("Restoring", (True, True)) == (scene.said(), scene.kept())
    assert "admission webhook says no" in scene.condition()["message"]
    assert 1 == scene.told().count("GiveBackRefused")
    scene.api.heal()
    scene.settle(3)
    assert (before, "Restored") == (as_users(scene.hpa), scene.said())


def test_a_deleted_target_waits_while_its_autoscaler_cannot_be_given_back(scene: Scene) -> None:
    """Forbidden is no reason to let it go."""
    scene.apply()
    scene.settle()
    scene.api.fail(HPAS, 403, verb="update")
    scene.api.store.remove(TARGETS, "web")
    scene.settle()
    assert scene.target()["metadata"]["deletionTimestamp"]
    scene.api.heal()
    scene.settle(3)
    assert ([], as_users(users_hpa())) == (scene.api.store.all(TARGETS), as_users(scene.hpa))


def test_without_the_lists_nothing_is_taken_and_nothing_given_back(scene: Scene) -> None:
    """Who scales what cannot be known then."""
    scene.apply()
    scene.settle()
    scene.writes()
    scene.api.fail(HPAS, 403, verb="list")
    scene.apply(mode="Observe")
    scene.settle()
    assert ([], "Unknown") == (scene.writes(), scene.said())


def test_a_takeover_that_kedas_webhook_refuses_changes_nothing(scene: Scene) -> None:
    """Its words are told, and the user's HPA scales on."""
    scene.api.fail(SCALED_OBJECTS, 422, verb="patch", message="the workload is already managed")
    scene.apply()
    scene.settle()
    assert ("Refused", as_users(users_hpa())) == (scene.said(), as_users(scene.hpa))
    scene.api.store.remove(TARGETS, "web")
    scene.settle()
    assert ([], as_users(users_hpa())) == (scene.api.store.all(TARGETS), as_users(scene.hpa))


def test_when_keda_is_uninstalled_the_hpa_is_given_back(scene: Scene) -> None:
    """With its definition KEDA's objects go, and with them the HPA."""
    scene.apply()
    scene.settle()
    scene.gone("web")
    collect(scene.api)
    scene.api.store.kinds = [one for one in scene.api.store.kinds if one.plural != SCALED_OBJECTS]
    scene.settle()
    assert as_users(users_hpa()) == as_users(scene.hpa)
    assert ("KedaMissing", (False, False)) == (scene.said(), scene.kept())


def test_what_nobody_owns_any_more_is_given_back_by_its_own_word(scene: Scene) -> None:
    """The ScaledObject is gone too, orphaning what it owned: nothing but KEDA's copy on the HPA tells of it."""
    scene.apply()
    scene.settle()
    scene.strip()
    scene.api.store.remove(TARGETS, "web")
    scene.api.store.put({**scene.hpa, "metadata": {**scene.hpa["metadata"], "ownerReferences": []}})
    scene.api.store.remove(SCALED_OBJECTS, "web")
    scene.settle(2)
    assert as_users(users_hpa()) == as_users(scene.hpa)
