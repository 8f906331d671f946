"""An HPA and a ScaledObject taken over and given back, whenever the operator ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import pytest

from helios.operator.adoptions import ADOPTED, Original
from helios.operator.resources import API_VERSION, PLURAL
from tests.operator.adopted import (
    HPA,
    HPAS,
    SCALED_OBJECT,
    SCALED_OBJECTS,
    as_users,
    users_hpa,
    users_scaled_object,
)
from tests.operator.operators import comes_true
from tests.operator.scenes import TARGETS, Scene

# an HPA, there and back


def test_an_hpa_is_taken_over_only_once_it_is_kept(scene: Scene) -> None:
    """The original and the finalizer are written to the target first, in one request."""
    scene.apply()
    scene.look()
    assert ["patch heliostargets shop/web", "patch scaledobjects shop/web"] == scene.writes()
    assert ((True, True), "Adopting") == (scene.kept(), scene.said())
    kept = Original.parsed(scene.target()["metadata"]["annotations"][ADOPTED])
    assert kept is not None
    assert ("web-cpu", users_hpa()["spec"]) == (kept.name, kept.spec)


def test_an_adopted_hpa_is_kedas_then_and_scales_on_the_forecast(scene: Scene) -> None:
    """The same HPA: KEDA writes over it, and no second one comes."""
    uid = scene.hpa["metadata"]["uid"]
    scene.apply()
    scene.settle()
    assert (uid, "External", 20) == (
        scene.hpa["metadata"]["uid"],
        scene.hpa["spec"]["metrics"][0]["type"],
        scene.hpa["spec"]["maxReplicas"],
    )
    assert ("Autoscaling", "web") == (scene.said(), scene.target()["status"]["scaledObject"])
    assert ["Adopted", "ScaledObjectApplied"] == scene.told()
    assert 1 == len(scene.api.store.all(HPAS))


def test_what_is_adopted_is_written_once(scene: Scene) -> None:
    """A steady target costs two lists and nothing else."""
    scene.apply()
    scene.settle()
    scene.writes()
    scene.settle()
    assert [] == scene.writes()


def test_what_stands_in_its_place_is_nothing_for_the_garbage_collector(scene: Scene) -> None:
    """With an owner reference the target's end would take the workload's only autoscaler along."""
    scene.apply()
    scene.settle()
    assert "ownerReferences" not in scene.api.store.one(SCALED_OBJECTS, "web")["metadata"]


LEAVING: Mapping[str, Callable[[Scene], None]] = {
    "Observe": lambda scene: scene.apply(mode="Observe"),
    "Recommend": lambda scene: scene.apply(mode="Recommend"),
    "adopt taken away": lambda scene: scene.apply(keda={}),
    "adopt names another": lambda scene: scene.apply(keda={"adopt": {"kind": HPA, "name": "else"}}),
    "another workload": lambda scene: scene.apply(scaleTargetRef={"name": "api"}),
    "deleted": lambda scene: scene.api.store.remove(TARGETS, "web"),
    "an older target comes": lambda scene: scene.older(),
}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
def test_an_hpa_is_given_back_as_it_was(scene: Scene, leave: Callable[[Scene], None]) -> None:
    """Spec, labels, annotations and uid; then the target is free of what was kept."""
    before, uid = as_users(scene.hpa), scene.hpa["metadata"]["uid"]
    scene.apply()
    scene.settle()
    leave(scene)
    scene.settle(8)
    assert (before, uid) == (as_users(scene.hpa), scene.hpa["metadata"]["uid"])
    assert [] == [one for one in scene.api.store.all(SCALED_OBJECTS) if one["metadata"]["name"] == "web"]
    assert "GivenBack" in scene.told()
    if "web" in [one["metadata"]["name"] for one in scene.api.store.all(TARGETS)]:
        assert (False, False) == scene.kept()


def test_a_deleted_target_goes_when_its_hpa_is_back(scene: Scene) -> None:
    """It waits until then, and is not scored any more."""
    scene.apply()
    scene.settle()
    scene.api.store.remove(TARGETS, "web")
    scene.look()
    assert (["web"], ()) == (
        [t.name for t in scene.registry.roster().leaving],
        scene.registry.roster().targets,
    )
    scene.settle()
    assert [] == scene.api.store.all(TARGETS)
    scene.look()
    assert () == scene.registry.roster().leaving


def test_a_target_that_is_deleted_while_nobody_is_there_waits_for_the_next_operator(scene: Scene) -> None:
    """The finalizer holds it."""
    before = as_users(scene.hpa)
    scene.apply()
    scene.settle()
    scene.api.store.remove(TARGETS, "web")
    assert scene.target()["metadata"]["deletionTimestamp"]
    scene.start()
    scene.settle()
    assert (before, []) == (as_users(scene.hpa), scene.api.store.all(TARGETS))


def test_a_target_that_comes_and_goes_between_two_passes_costs_nothing(scene: Scene) -> None:
    """It was never seen."""
    scene.apply()
    scene.api.store.remove(TARGETS, "web")
    scene.look()
    assert ([], as_users(users_hpa())) == (scene.writes(), as_users(scene.hpa))


def test_it_can_be_taken_over_again(scene: Scene) -> None:
    """There and back, and there."""
    for mode, reason in (("Autoscale", "Autoscaling"), ("Observe", "Restored"), ("Autoscale", "Autoscaling")):
        scene.apply(mode=mode)
        scene.settle(8)
        assert reason == scene.said()
    assert ["Adopted", "GivenBack", "Adopted"] == [w for w in scene.told() if w != "ScaledObjectApplied"]


def test_a_change_of_mind_while_it_is_given_back_ends_well(scene: Scene) -> None:
    """At whatever step Autoscale comes again."""
    for steps in range(4):
        scene.apply()
        scene.settle(8)
        scene.apply(mode="Observe")
        scene.settle(steps)
        scene.apply()
        scene.settle(8)
        assert ("Autoscaling", "External") == (scene.said(), scene.hpa["spec"]["metrics"][0]["type"])
        kept = Original.parsed(scene.target()["metadata"]["annotations"][ADOPTED])
        assert kept is not None
        assert users_hpa()["spec"] == kept.spec
    scene.apply(mode="Observe")
    scene.settle(8)
    assert as_users(users_hpa()) == as_users(scene.hpa)


def test_a_maximum_that_would_take_replicas_away_is_raised_and_told(scene: Scene) -> None:
    """Twelve run where nine were allowed: a Warning says that it is twelve now."""
    scene.apply()
    scene.settle()
    scene.api.store.put({**scene.hpa, "status": {"currentReplicas": 12, "desiredReplicas": 12}})
    scene.apply(mode="Observe")
    scene.settle()
    assert (12, "Restored") == (scene.hpa["spec"]["maxReplicas"], scene.said())
    assert "GivenBackRaised" in scene.told()


# a ScaledObject, there and back


def test_a_scaled_object_is_taken_over_where_it_stands(own: Scene) -> None:
    """Its cron trigger goes on counting beside the forecast; the cpu guard takes the place of its cpu trigger."""
    own.apply()
    own.settle()
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    assert ["prometheus", "cpu", "cron"] == [t["type"] for t in live["spec"]["triggers"]]
    assert [2, 20, "80"] == [
        live["spec"]["minReplicaCount"],
        live["spec"]["maxReplicaCount"],
        live["spec"]["triggers"][1]["metadata"]["value"],
    ]
    assert {"team": "shop"} == live["metadata"]["labels"]
    assert ("Autoscaling", "web-so") == (own.said(), own.target()["status"]["scaledObject"])


@pytest.mark.parametrize("name", ["web-so", "web"], ids=["another name", "the target's name"])
def test_a_scaled_object_is_given_back_as_it_was(own: Scene, name: str) -> None:
    """In one write, in its place."""
    own.api.store.remove(SCALED_OBJECTS, "web-so")
    own.api.store.put(
        {**users_scaled_object(name), "metadata": {**users_scaled_object(name)["metadata"], "finalizers": []}}
    )
    own.wish = {"adopt": {"kind": SCALED_OBJECT, "name": name}}
    before, uid = as_users(own.api.store.one(SCALED_OBJECTS, name)), own.uid(SCALED_OBJECTS, name)
    own.apply()
    own.settle()
    assert "Autoscaling" == own.said()
    own.apply(mode="Observe")
    own.settle()
    assert (before, uid) == (as_users(own.api.store.one(SCALED_OBJECTS, name)), own.uid(SCALED_OBJECTS, name))
    assert ("Restored", (False, False)) == (own.said(), own.kept())


def test_a_scaled_object_that_somebody_deleted_is_made_again_with_all_it_had(own: Scene) -> None:
    """The target still says Autoscale: its cron trigger must not get lost."""
    own.apply()
    own.settle()
    own.gone("web-so")
    own.settle()
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    assert (["prometheus", "cpu", "cron"], {"team": "shop"}) == (
        [t["type"] for t in live["spec"]["triggers"]],
        live["metadata"]["labels"],
    )
    own.apply(mode="Observe")
    own.settle()
    assert users_scaled_object()["spec"] == own.api.store.one(SCALED_OBJECTS, "web-so")["spec"]


# whoever dies


@pytest.mark.parametrize("kind", [HPA, SCALED_OBJECT])
@pytest.mark.parametrize("leave", ["Observe", "deleted"])
def test_an_operator_may_die_before_any_of_its_writes(
    scene: Scene, request: pytest.FixtureRequest, kind: str, leave: str
) -> None:
    """Wherever it stopped, the next one goes on: the workload is never without its autoscaler, and has it back in the end."""
    if kind == SCALED_OBJECT:
        request.getfixturevalue("own")
    plural, name = (HPAS, "web-cpu") if kind == HPA else (SCALED_OBJECTS, "web-so")
    before = as_users(scene.api.store.one(plural, name))
    for deadly in range(7):
        scene.apply()
        scene.dying(after=deadly)
        scene.survive(lambda: len([o for o in scene.api.store.all(plural) if o["metadata"]["name"] == name]))
        assert "Autoscaling" == scene.said(), deadly
        if leave == "Observe":
            scene.apply(mode="Observe")
        else:
            scene.api.store.remove(TARGETS, "web")
        scene.dying(after=deadly)
        scene.survive(lambda: len([o for o in scene.api.store.all(plural) if o["metadata"]["name"] == name]))
        assert before == as_users(scene.api.store.one(plural, name)), deadly
        assert [] == [o for o in scene.api.store.all(SCALED_OBJECTS) if o["metadata"]["name"] == "web"], (
            deadly
        )
        if leave == "deleted":
            assert [] == scene.api.store.all(TARGETS), deadly
        else:
            assert (False, False) == scene.kept(), deadly


# time, and a fleet


def test_what_is_waited_for_is_looked_at_within_seconds(scene: Scene) -> None:
    """Not after a cycle of five minutes; and only in its namespace."""
    scene.apply()
    scene.registry.take(scene.cluster.list(API_VERSION, PLURAL), scene.registry.begin_listing())
    stop, cycled = threading.Event(), threading.Event()
    thread = threading.Thread(target=scene.reconciler.run, args=(stop, cycled))
    thread.start()
    try:
        cycled.set()
        assert comes_true(lambda: scene.kept()[0])
        assert comes_true(
            lambda: "web" in [o["metadata"]["name"] for o in scene.api.store.all(SCALED_OBJECTS)]
        )
        scene.keda.look()
        scene.now += 1.0
        assert comes_true(lambda: scene.said() == "Autoscaling")
    finally:
        stop.set()
        cycled.set()
        thread.join(10)
    lists = [str(one) for one in scene.api.requests if one.verb == "list" and one.resource == HPAS]
    assert ("list horizontalpodautoscalers", "list horizontalpodautoscalers shop") == (lists[0], lists[-1])


def test_a_fleet_without_adoption_costs_no_request_more(scene: Scene) -> None:
    """Two lists per pass, whatever its size."""
    for n in range(50):
        scene.apply(f"web-{n}", scaleTargetRef={"name": f"web-{n}"}, mode="Observe", keda={})
    scene.look()
    scene.api.requests.clear()
    scene.look()
    assert ["list heliostargets", "list scaledobjects", "list horizontalpodautoscalers"] == [
        str(one) for one in scene.api.requests
    ]


# a number to scale by


def test_what_scales_it_stays_until_there_is_a_number(scene: Scene) -> None:
    """A trigger that finds nothing beside cpu at the guard would be less than what the workload had."""
    scene.silent = True
    scene.apply()
    scene.settle()
    assert ("Undecided", (False, False), []) == (scene.said(), scene.kept(), scene.writes())
    assert users_hpa()["spec"] == scene.hpa["spec"]
    scene.silent = False
    scene.settle()
    assert "Autoscaling" == scene.said()


def test_what_was_taken_over_stays_so_while_there_is_none(scene: Scene) -> None:
    """KEDA's fallback and the guard hold it; an outage of Prometheus is no reason to change who scales."""
    scene.apply()
    scene.settle()
    scene.silent = True
    scene.writes()
    scene.settle()
    assert ("Autoscaling", []) == (scene.said(), scene.writes())
