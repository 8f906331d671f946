"""Helios taken out with no operator running, or with one: everything it manages is given back, kept on cpu, or removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from helios.operator.adoptions import FINALIZER, Original
from helios.operator.clusters import Cluster
from tests.operator.adopted import (
    HPAS,
    KEDA_FINALIZER,
    SCALED_OBJECTS,
    Keda,
    as_users,
    collect,
    overwritten,
    taken,
    users_hpa,
    users_scaled_object,
)
from tests.operator.api_server import ApiServer
from tests.operator.objects import helios_target
from tests.operator.releasing import TARGETS, World, stands


@pytest.fixture
def world(api: ApiServer, cluster: Cluster) -> World:
    return World(api, cluster)


# what was adopted


def test_an_adopted_hpa_is_given_back_and_its_target_let_go(world: World) -> None:
    """Observe, as it was, no finalizer of Helios' and no annotation of its; others' stay."""
    world.adopted(taken)
    assert {"web": (True, "HorizontalPodAutoscaler web-cpu is as it was")} == world.release()
    assert as_users(users_hpa()) == stands(world, HPAS, "web-cpu")
    assert [] == world.api.store.all(SCALED_OBJECTS)
    target = world.target()
    assert "Observe" == target["spec"]["mode"]
    assert ({"team": "shop"}, ["a/b"]) == (
        target["metadata"]["annotations"],
        target["metadata"]["finalizers"],
    )
    assert {} == world.release()


def test_the_mode_is_the_first_thing_that_is_written(world: World) -> None:
    """An operator that is alive would otherwise take the autoscaler again."""
    world.adopted(taken)
    world.release()
    first, *_, last = [str(one) for one in world.api.requests if one.verb not in ("get", "list")]
    assert ("patch heliostargets shop/web", "patch heliostargets shop/web") == (first, last)
    assert {"spec": {"mode": "Observe"}} == world.api.asked("patch", TARGETS)[0].body


def test_an_adopted_scaled_object_is_given_back(world: World) -> None:
    """Where it stands."""
    world.adopted(overwritten)
    assert {"web": (True, "ScaledObject web-so is as it was")} == world.release()
    assert as_users(users_scaled_object()) == stands(world, SCALED_OBJECTS, "web-so")


def test_a_target_that_is_being_deleted_goes_once_its_original_is_back(world: World) -> None:
    """The operator is gone, and `kubectl delete ht` waits on the finalizer."""
    world.adopted(taken)
    held = world.target()
    held["metadata"]["finalizers"] = [FINALIZER]
    world.api.store.put(held)
    world.api.store.remove(TARGETS, "web")
    assert "Autoscale" == world.target()["spec"]["mode"]
    world.release("web", "shop")
    assert [] == world.api.store.all(TARGETS)
    assert as_users(users_hpa()) == stands(world, HPAS, "web-cpu")


@pytest.mark.parametrize("broken", range(1, 8))
def test_broken_off_after_any_write_it_goes_on_from_there(world: World, broken: int) -> None:
    """Whoever types it again ends with the same."""
    world.adopted(taken)
    for _ in range(20):
        steps = world.releaser.release(None)
        while len([one for one in world.api.requests if one.verb not in ("get", "list")]) < broken:
            if next(steps, None) is None:
                break
        world.sleep(1.0)
        broken += 1
    world.release()
    assert as_users(users_hpa()) == stands(world, HPAS, "web-cpu")
    assert ["a/b"] == world.target()["metadata"]["finalizers"]
    assert [] == world.api.store.all(SCALED_OBJECTS)


def test_a_raised_maximum_is_said(world: World) -> None:
    """With the number, for its user to lower it."""
    world.adopted(taken, most=3)
    (step,) = world.steps().values()
    assert 4 == step.raised
    assert step.said.endswith("its maximum is 4, so that no replica is cut")


@pytest.mark.parametrize("make", [taken, overwritten], ids=["hpa", "scaledobject"])
@pytest.mark.parametrize("without", ["target", "definition"])
def test_what_a_target_that_is_gone_has_left_is_given_back(
    world: World, make: Callable[..., Original], without: str
) -> None:
    """From the copy that stands with it, even where the very kind HeliosTarget is gone."""
    world.adopted(make)
    gone = world.target()
    gone["metadata"]["finalizers"] = []
    world.api.store.put(gone)
    world.api.store.remove(TARGETS, "web")
    if without == "definition":
        world.api.store.kinds = [one for one in world.api.store.kinds if one.plural != TARGETS]
    (done,) = world.release().values()
    assert done[0]
    plural, name, wanted = (
        (HPAS, "web-cpu", users_hpa()) if make is taken else (SCALED_OBJECTS, "web-so", users_scaled_object())
    )
    assert as_users(wanted) == stands(world, plural, name)
    assert {} == world.release()


def test_an_hpa_left_between_two_steps_is_found_by_its_own_copy(world: World, cluster: Cluster) -> None:
    """The target gone, the ScaledObject gone, and nobody had put the original back yet."""
    taken(world.api)
    uid = world.api.store.one(SCALED_OBJECTS, "web")["metadata"]["uid"]
    cluster.delete("keda.sh/v1alpha1", SCALED_OBJECTS, "shop", "web", uid, orphan=True)
    Keda(world.api).look()
    assert {"web-cpu": (True, "HorizontalPodAutoscaler web-cpu is as it was")} == world.release()
    assert as_users(users_hpa()) == stands(world, HPAS, "web-cpu")


# what was not


def test_a_scaled_object_of_helios_stays_on_cpu_alone_and_is_its_users(world: World) -> None:
    """Without owner, mark and fallback, and with the least that its target asks for."""
    world.managed("web", replicas=1)
    assert {"web": (True, "ScaledObject web stays, on cpu alone, and is yours")} == world.release()
    made = world.api.store.one(SCALED_OBJECTS, "web")
    assert {
        "scaleTargetRef": {"name": "web"},
        "minReplicaCount": 2,
        "maxReplicaCount": 20,
        "triggers": [{"type": "cpu", "name": "guard", "metadata": {"value": "80"}}],
        "advanced": {"restoreToOriginalReplicaCount": False},
    } == made["spec"]
    metadata = made["metadata"]
    assert ({"mine": "1"}, {"scaledobject.keda.sh/name": "web"}) == (
        metadata["annotations"],
        metadata["labels"],
    )
    assert ([], [KEDA_FINALIZER]) == (metadata["ownerReferences"], metadata["finalizers"])
    world.api.store.remove(TARGETS, "web")
    collect(world.api)
    assert 1 == len(world.api.store.all(SCALED_OBJECTS))


@pytest.mark.parametrize(
    ("running", "least"),
    [(12, 12), (2, 2), (40, 20), (None, 7)],
    ids=["more", "as asked for", "more than may", "nobody knows"],
)
def test_as_many_replicas_as_run_are_kept_and_that_is_said(
    world: World, running: int | None, least: int
) -> None:
    """Cpu alone may want fewer, and an operator's floor of an hour has nobody to lift it any more."""
    world.managed("web", replicas=running or 1)
    if running is None:
        world.api.store.remove("deployments", "web")
    done, said = world.release()["web"]
    assert done
    assert least == world.api.store.one(SCALED_OBJECTS, "web")["spec"]["minReplicaCount"]
    assert ("its minimum is" in said) == (least > 2)


@pytest.mark.parametrize(
    ("how", "mode"),
    [
        pytest.param({"cpu": False}, "Autoscale", id="nothing requests cpu"),
        pytest.param({"form": "paused"}, "Recommend", id="an offer"),
    ],
)
def test_what_cannot_scale_on_cpu_is_removed(world: World, how: dict[str, Any], mode: str) -> None:
    """The replicas stay."""
    world.managed("web", mode=mode, **how)
    assert {"web": (True, "ScaledObject web is removed; the replicas stay as they are")} == world.release()
    assert [] == world.api.store.all(SCALED_OBJECTS)
    assert "Observe" == world.target()["spec"]["mode"]


def test_what_has_left_autoscale_already_is_let_go(world: World) -> None:
    """The operator keeps its HPA on cpu, as the target's; it becomes its user's."""
    world.managed("web", mode="Observe", form="reactive")
    assert {"web": (True, "ScaledObject web stays, on cpu alone, and is yours")} == world.release()


def test_a_target_that_only_observes_is_no_concern(world: World) -> None:
    """And neither is somebody's ScaledObject."""
    world.api.store.put(helios_target("web"), users_scaled_object("web"))
    assert {} == world.release()
    assert [] == [one for one in world.api.requests if one.verb != "list"]


# what is asked for


def test_one_target_is_released_and_the_others_stay(world: World) -> None:
    """By its name in its namespace."""
    world.managed("web")
    world.managed("free")
    assert ["web"] == list(world.release("web", "shop"))
    assert "Autoscale" == world.target("free")["spec"]["mode"]


def test_it_is_foretold_in_words(world: World) -> None:
    """What is given back, kept, removed; nothing is written."""
    world.adopted(taken)
    world.managed("free")
    world.managed("bare", cpu=False)
    world.managed("offered", mode="Recommend", form="paused")
    assert {
        "web": "mode Autoscale becomes Observe; HorizontalPodAutoscaler web-cpu is given back as it was",
        "free": "mode Autoscale becomes Observe; ScaledObject free stays, on cpu alone, and is yours",
        "bare": (
            "mode Autoscale becomes Observe; ScaledObject bare is removed, as not every container requests cpu; the "
            "replicas stay as they are"
        ),
        "offered": (
            "mode Recommend becomes Observe; ScaledObject offered is removed, as it is paused; the replicas stay as they are"
        ),
    } == {one.name: one.fate() for one in world.releaser.found(None)}
    assert {"list"} == {one.verb for one in world.api.requests}
