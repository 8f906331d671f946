"""Taking Helios out where something stands in the way: each is told by name, and costs no other anything."""

from __future__ import annotations

import copy
import json

import pytest

from helios.errors import ClusterForbidden
from helios.operator.adoptions import ADOPTED, FINALIZER, Original
from helios.operator.clusters import Cluster
from tests.operator.adopted import (
    HPAS,
    SCALED_OBJECTS,
    Keda,
    as_users,
    overwritten,
    taken,
    users_hpa,
    users_scaled_object,
)
from tests.operator.api_server import ApiServer
from tests.operator.objects import Object, helios_target
from tests.operator.releasing import TARGETS, World, stands


@pytest.fixture
def world(api: ApiServer, cluster: Cluster) -> World:
    return World(api, cluster)


# what stands in the way


def test_what_one_may_not_do_costs_the_others_nothing(world: World) -> None:
    """The right is named; nobody is asked twice."""
    world.adopted(overwritten)
    world.managed("free")
    world.api.fail(SCALED_OBJECTS, 403, verb="update", times=1)
    found = world.release()
    done, said = found.pop("free")
    assert not done
    assert "may not update scaledobjects" in said
    assert {"web": (True, "ScaledObject web-so is as it was")} == found
    assert world.release()["free"][0]


def test_what_may_not_be_listed_ends_it(world: World) -> None:
    """There is nothing that could be done then."""
    world.api.fail(TARGETS, 403)
    with pytest.raises(ClusterForbidden, match="may not list heliostargets"):
        world.release()


def test_a_keda_that_is_down_delays_and_does_not_prevent(world: World) -> None:
    """After half a minute the HPA is put back; a ScaledObject that is to go is told as left, and a second run ends it.

    A KEDA that was frozen and writes late would otherwise take the HPA with it.
    """
    world.keda = False
    world.adopted(taken)
    world.managed("bare", cpu=False)
    found = world.release()
    done, said = found["web"]
    assert not done
    assert (
        "ScaledObject web waits for KEDA, which does not answer, and goes once it does: run this again"
        in said
    )
    assert as_users(users_hpa()) == stands(world, HPAS, "web-cpu")
    assert (False, "ScaledObject bare is being removed: KEDA has still to let go of it") == found["bare"]
    assert 30 < world.now < 180
    world.keda = True
    Keda(world.api).write()
    assert (True, "HorizontalPodAutoscaler web-cpu is as it was") == world.release()["web"]
    assert as_users(users_hpa()) == stands(world, HPAS, "web-cpu")
    assert [] == world.api.store.all(SCALED_OBJECTS)


def test_an_api_server_that_goes_away_is_not_awaited_for_ever(world: World) -> None:
    """Three times in a row; what is left is told."""
    for name in ("web", "free"):
        world.managed(name)
    world.api.fail(SCALED_OBJECTS, 503, verb="get")
    found = world.release()
    assert {"web", "free"} == found.keys()
    assert all(not done and "fails with HTTP 503" in said for done, said in found.values())
    assert 3 == len(world.api.asked("get", SCALED_OBJECTS))


def test_a_refusal_in_the_same_words_is_not_awaited_for_ever(world: World) -> None:
    """A webhook that does not want it: its words, after some tries."""
    world.managed("web")
    world.api.fail(SCALED_OBJECTS, 422, verb="update", message="the webhook says no")
    assert {"web": (False, "the webhook says no")} == world.release()
    assert 10 == len(world.api.asked("update", SCALED_OBJECTS))


def test_what_an_operator_takes_again_is_released_again(world: World) -> None:
    """A pass that it had begun before writes once more."""
    world.managed("web")
    before = copy.deepcopy(world.api.store.one(SCALED_OBJECTS, "web"))
    again = [before]

    def late() -> None:
        done = world.api.store.one(SCALED_OBJECTS, "web")["metadata"]["annotations"] == {"mine": "1"}
        if again and done:
            world.api.store.put({**again.pop(), "metadata": {**before["metadata"], "resourceVersion": "1"}})

    world.meanwhile.append(late)
    assert {"web": (True, "ScaledObject web stays, on cpu alone, and is yours")} == world.release()
    assert [] == again
    assert ["cpu"] == [one["type"] for one in world.api.store.one(SCALED_OBJECTS, "web")["spec"]["triggers"]]


def test_who_keeps_the_target_in_autoscale_is_told(world: World) -> None:
    """A tool that applies it from Git says so every second: three rounds, and a remedy."""
    world.managed("web")

    def applied() -> None:
        target = world.target()
        world.api.store.put({**target, "spec": {**target["spec"], "mode": "Autoscale"}})

    world.meanwhile.append(applied)
    done, said = world.release()["web"]
    assert not done
    assert "must say mode: Observe there" in said


@pytest.mark.parametrize(
    "broken",
    [
        {"spec": {"scaleTargetRef": "x"}},
        {"spec": {"scaleTargetRef": {"name": "web"}, "triggers": ["a"]}},
        {"spec": {"scaleTargetRef": {"name": "web"}, "advanced": 3}},
        {"spec": {"scaleTargetRef": {"name": ["web"]}}},
        {"owners": ["x"]},
        {"labels": {"a": 1}},
        {"annotations": "none"},
    ],
    ids=["ref", "triggers", "advanced", "name", "owners", "labels", "annotations"],
)
def test_one_that_nobody_can_make_sense_of_holds_up_no_other(world: World, broken: Object) -> None:
    """Whoever may write a HeliosTarget may write such an annotation."""
    world.managed("free")
    text = {"kind": "ScaledObject", "name": "web-so", "spec": users_scaled_object()["spec"]} | broken
    one = helios_target("evil", mode="Autoscale")
    one["metadata"]["annotations"] = {ADOPTED: json.dumps(text)}
    world.api.store.put(one)
    found = world.release()
    assert {"evil", "free"} == {name for name, (done, _) in found.items() if done}


def test_what_nobody_foresaw_is_said_and_costs_the_others_nothing(world: World) -> None:
    """A ScaledObject of a form that there cannot be: it is left, by name."""
    for name in ("odd", "web"):
        world.managed(name)
    one = world.api.store.one(SCALED_OBJECTS, "odd")
    one["spec"]["triggers"] = ["cpu"]
    world.api.store.put(one)
    found = world.release()
    assert (False, True) == (found["odd"][0], found["web"][0])
    assert found["odd"][1].startswith("AttributeError")


def test_a_target_that_nobody_may_change_costs_its_autoscaler_nothing(world: World) -> None:
    """A stricter definition, a policy: its mode stays, which is said, and what it held is given back all the same."""
    world.adopted(taken)
    world.api.fail(TARGETS, 422, verb="patch", message="spec.forecast.model: Unsupported value", times=4)
    done, said = world.release()["web"]
    assert done
    assert said == (
        "HorizontalPodAutoscaler web-cpu is as it was; its mode could not be set to Observe: spec.forecast.model: "
        "Unsupported value"
    )
    assert as_users(users_hpa()) == stands(world, HPAS, "web-cpu")
    assert ["a/b"] == world.target()["metadata"]["finalizers"]


def test_what_was_left_behind_is_told_beside_a_target_of_its_name(world: World) -> None:
    """Neither hides how the other ended."""
    taken(world.api, owner="gone")
    world.api.store.put(helios_target("web", mode="Autoscale"))
    world.api.fail(HPAS, 422, verb="update", message="no")
    ended = {one.uid != "": step.done for one, step in world.releaser.release(None)}
    assert {True: True, False: False} == ended


def test_nobody_speaks_for_another_namespace(world: World) -> None:
    """An HPA elsewhere that bears the mark of a target's is no part of it."""
    world.adopted(overwritten)
    uid = world.target()["metadata"]["uid"]
    evil = users_hpa("evil", most=1)
    evil["metadata"] |= {"namespace": "other"}
    text = Original.of("HorizontalPodAutoscaler", evil).text()
    evil["metadata"]["annotations"] = {ADOPTED: text, "helios.dev/owner": uid, "helios.dev/form": "forecast"}
    world.api.store.put(evil)
    found = {(one.namespace, one.name): one.parts for one in world.releaser.found(None)}
    assert ["web-so"] == [part.name for part in found["shop", "web"]]
    world.release()
    assert ["other"] == [one["metadata"]["namespace"] for one in world.api.store.all(HPAS)]


def test_what_nobody_can_read_is_left_as_it_is(world: World) -> None:
    """The copies are broken: what to do is said, and nothing is written but the mode."""
    world.adopted(overwritten)
    for plural, name in ((TARGETS, "web"), (SCALED_OBJECTS, "web-so")):
        one = world.api.store.one(plural, name)
        one["metadata"]["annotations"][ADOPTED] = "{"
        world.api.store.put(one)
    done, said = world.release()["web"]
    assert not done
    assert said.startswith("what ScaledObject web-so stands for cannot be read any more")
    assert [] == world.api.asked("update")
    assert FINALIZER in world.target()["metadata"]["finalizers"]
