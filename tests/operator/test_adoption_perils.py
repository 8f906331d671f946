"""What others can do to an adoption, on purpose or not: forged marks, edits while it is taken over, pipelines, pauses, a lost lease."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from helios.operator.adoptions import ADOPTED, Original
from tests.operator.adopted import (
    HPA,
    HPAS,
    SCALED_OBJECT,
    SCALED_OBJECTS,
    as_users,
    users_hpa,
    users_scaled_object,
)
from tests.operator.objects import Object
from tests.operator.scenes import TARGETS, Scene
from tests.operator.targets import workload

PAUSE = "autoscaling.keda.sh/paused"


def forged(original: Mapping[str, object], owner: str) -> dict[str, str]:
    """Helios' marks as anybody can write them."""
    return {"helios.dev/form": "forecast", "helios.dev/owner": owner, ADOPTED: json.dumps(original)}


# forged marks


def test_an_hpa_of_another_namespace_is_nobodys_original_here(scene: Scene) -> None:
    """Whoever knows a target's uid must not have an HPA written into that target's namespace."""
    scene.api.store.remove(HPAS, "web-cpu")
    scene.wish = {}
    scene.apply(mode="Observe")
    scene.look()
    evil = users_hpa("evil", most=1)
    evil["metadata"] |= {
        "namespace": "tenant",
        "annotations": forged(
            {"kind": HPA, "name": "evil", "spec": evil["spec"]}, scene.target()["metadata"]["uid"]
        ),
    }
    scene.api.store.put(evil)
    scene.settle(3)
    assert ["tenant"] == [one["metadata"]["namespace"] for one in scene.api.store.all(HPAS)]
    assert "Observing" == scene.said()


def test_an_hpa_that_claims_to_have_been_a_scaled_object_has_none_made(scene: Scene) -> None:
    """Whoever may write HPAs alone must not have a ScaledObject written."""
    evil = users_hpa("evil")
    evil["spec"]["scaleTargetRef"]["name"] = "other"
    spec = {"scaleTargetRef": {"name": "other"}, "triggers": []}
    evil["metadata"]["annotations"] = forged({"kind": SCALED_OBJECT, "name": "evil", "spec": spec}, "nobody")
    scene.api.store.put(evil)
    scene.settle(3)
    assert [] == scene.api.store.all(SCALED_OBJECTS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"owners": ["x"]},
        {"spec": {"scaleTargetRef": "x"}},
        {"spec": {"scaleTargetRef": {"name": 7}}},
        {"spec": {"triggers": ["a"]}},
        {"spec": {"triggers": [{"metadata": "a"}]}},
        {"spec": {"advanced": {"horizontalPodAutoscalerConfig": 3}}},
        {"labels": {"a": 3}},
    ],
    ids=json.dumps,
)
def test_forged_marks_stop_no_other_target(scene: Scene, wrong: Object) -> None:
    """Of one tenant's object at most that object suffers: the others are taken over as ever."""
    evil = users_scaled_object("evil")
    evil["spec"]["scaleTargetRef"] = {"name": "other"}
    evil["metadata"] |= {
        "namespace": "tenant",
        "annotations": forged({"kind": SCALED_OBJECT, "name": "evil", "spec": {}} | wrong, "nobody"),
    }
    scene.api.store.put(evil)
    scene.apply()
    scene.settle()
    assert "Autoscaling" == scene.said()


@pytest.mark.parametrize("count", [1, 5])
def test_orphans_that_cannot_be_given_back_stop_no_target(scene: Scene, count: int) -> None:
    """The API server fails for those objects alone."""
    for n in range(count):
        left = users_scaled_object(f"left-{n}")
        left["spec"]["scaleTargetRef"] = {"name": "other"}
        copied = json.loads(Original.of(SCALED_OBJECT, left).text())
        left["metadata"]["annotations"] = forged(copied, "nobody")
        scene.api.store.put(left)
    scene.api.fail(SCALED_OBJECTS, 500, verb="get")
    scene.apply()
    scene.settle()
    assert "Autoscaling" == scene.said()


# replicas


@pytest.mark.parametrize("how", ["rolling", "since the last cycle"])
def test_nothing_is_taken_over_with_a_maximum_below_what_runs_now(scene: Scene, how: str) -> None:
    """In a rolling update too, and though the last cycle saw fewer: the HPA would cut them at once."""
    if how == "rolling":
        scene.workloads["shop", "Deployment", "web"] = workload(current=44, desired=40, rolling=True)
    else:
        scene.api.store.put({**scene.hpa, "status": {"currentReplicas": 40, "desiredReplicas": 40}})
    before = as_users(scene.hpa)
    scene.apply()
    scene.settle()
    assert (before, "AdoptionRefused") == (as_users(scene.hpa), scene.said())
    assert "40 replicas run" in scene.condition()["message"]


def test_nor_is_a_scaled_object_by_the_word_of_its_hpa(own: Scene) -> None:
    """KEDA's HPA knows what runs, seconds ago."""
    own.api.store.put(
        {**own.api.store.one(SCALED_OBJECTS, "web-so"), "status": {"hpaName": "keda-hpa-web-so"}}
    )
    kedas = users_hpa(
        "keda-hpa-web-so",
        ownerReferences=[{"kind": SCALED_OBJECT, "name": "web-so", "uid": own.uid(SCALED_OBJECTS, "web-so")}],
    )
    own.api.store.put({**kedas, "status": {"currentReplicas": 40, "desiredReplicas": 40}})
    own.apply()
    own.look()
    assert "AdoptionRefused" == own.said()


def test_a_surge_keeps_nobody_out(scene: Scene) -> None:
    """It goes by itself."""
    scene.workloads["shop", "Deployment", "web"] = workload(current=24, desired=19, rolling=True)
    scene.apply()
    scene.settle()
    assert "Autoscaling" == scene.said()


@pytest.mark.parametrize("kind", ["hpa", "scaledobject", "own"])
def test_a_maximum_that_was_raised_in_an_incident_is_not_set_back_under_what_runs(
    scene: Scene, request: pytest.FixtureRequest, kind: str
) -> None:
    """The HPA would cut sixty to twenty at once; it is set back when twenty run, and a target that is edited is obeyed."""
    if kind == "scaledobject":
        request.getfixturevalue("own")
    if kind == "own":
        scene.api.store.remove(HPAS, "web-cpu")
        scene.wish = {}
    scene.apply()
    scene.settle()
    name = "web-so" if kind == "scaledobject" else "web"
    live = scene.api.store.one(SCALED_OBJECTS, name)
    live["spec"]["maxReplicaCount"] = 60
    scene.api.store.put(live)
    scene.workloads["shop", "Deployment", "web"] = workload(desired=60, current=60)
    scene.settle(2)
    assert (60, "TooManyRun") == (most(scene, name), scene.said())
    assert f"ScaledObject {name} was given a maximum of 60 by hand" in scene.condition()["message"]
    scene.apply(replicas={"min": 2, "max": 40})
    scene.settle(2)
    assert (40, "Autoscaling") == (most(scene, name), scene.said())
    scene.api.store.put(live)
    scene.workloads["shop", "Deployment", "web"] = workload(desired=20, current=20)
    scene.settle(2)
    assert (40, "Autoscaling") == (most(scene, name), scene.said())


def most(scene: Scene, name: str) -> int:
    """A ScaledObject's maximum."""
    return int(scene.api.store.one(SCALED_OBJECTS, name)["spec"]["maxReplicaCount"])


# edits


@pytest.mark.parametrize("kind", [HPA, SCALED_OBJECT])
def test_an_edit_while_a_pass_is_under_way_is_kept(
    scene: Scene, request: pytest.FixtureRequest, kind: str
) -> None:
    """A pass over thousands of targets takes minutes: what is taken over is looked at again directly before."""
    if kind == SCALED_OBJECT:
        request.getfixturevalue("own")
    plural, name = (HPAS, "web-cpu") if kind == HPA else (SCALED_OBJECTS, "web-so")
    field = "minReplicas" if kind == HPA else "minReplicaCount"
    scene.apply()
    scene.transport.then = ("list", HPAS, lambda: edit(scene, plural, name, field))
    scene.settle()
    assert "Autoscaling" == scene.said()
    scene.apply(mode="Observe")
    scene.settle()
    assert 6 == scene.api.store.one(plural, name)["spec"][field]


def edit(scene: Scene, plural: str, name: str, field: str) -> None:
    """`kubectl edit`."""
    one = scene.api.store.one(plural, name)
    one["spec"][field] = 6
    scene.api.store.put(one)


# names


@pytest.mark.parametrize("kind", ["own", "offer", "adoption"])
def test_a_scaled_object_that_appears_while_a_pass_is_under_way_stays_its_users(
    scene: Scene, kind: str
) -> None:
    """It has the target's name and scales another workload: by the list of minutes ago the name was free."""
    if kind != "adoption":
        scene.api.store.remove(HPAS, "web-cpu")
        scene.wish = {}
    theirs = users_scaled_object("web")
    theirs["spec"]["scaleTargetRef"] = {"name": "api"}
    scene.apply(mode="Recommend" if kind == "offer" else "Autoscale")
    scene.transport.then = ("list", HPAS, lambda: scene.api.store.put(theirs))
    scene.settle()
    assert as_users(theirs) == as_users(scene.api.store.one(SCALED_OBJECTS, "web"))
    assert "NameTaken" == scene.said()
    assert "ScaledObjectRefused" not in scene.told()


# a pause


def test_a_pause_outlives_helios(own: Scene) -> None:
    """Who paused it in an incident, and then takes Helios out, must not have it scale in for that."""
    own.apply()
    own.settle()
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    live["metadata"]["annotations"][PAUSE] = "true"
    own.api.store.put(live)
    own.settle(2)
    own.apply(mode="Observe")
    own.settle()
    assert {PAUSE: "true"} == own.api.store.one(SCALED_OBJECTS, "web-so")["metadata"]["annotations"]


@pytest.mark.parametrize("word", ["true", "True", "1", "t", "incident-42"])
def test_a_pause_is_read_as_keda_reads_it(own: Scene, word: str) -> None:
    """Whatever is no clear no: there is no HPA then, and Autoscaling would be a lie."""
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    live["metadata"]["annotations"] = {PAUSE: word}
    own.api.store.put(live)
    own.apply()
    own.look()
    assert ("AdoptionRefused", (False, False)) == (own.said(), own.kept())


@pytest.mark.parametrize("word", ["false", "False", "0"])
def test_a_pause_that_says_no_is_none(own: Scene, word: str) -> None:
    """As KEDA reads it."""
    live = own.api.store.one(SCALED_OBJECTS, "web-so")
    live["metadata"]["annotations"] = {PAUSE: word}
    own.api.store.put(live)
    own.apply()
    own.settle()
    assert "Autoscaling" == own.said()


# the lease


def test_who_loses_the_lease_in_the_middle_of_a_target_writes_no_more(scene: Scene) -> None:
    """Keeping the original hung for as long: another operator may have gone on, and given it back."""
    scene.apply()

    def deposed() -> None:
        scene.leads = False

    scene.transport.then = ("patch", TARGETS, deposed)
    scene.look()
    assert (["patch heliostargets shop/web"], "") == (scene.writes(), scene.said())


def test_who_loses_the_lease_gives_nothing_back_any_more(scene: Scene) -> None:
    """Of two that belong to no target any more, the second is the next operator's."""
    for name in ("a", "b"):
        left = users_scaled_object(name)
        left["spec"]["scaleTargetRef"] = {"name": name}
        left["metadata"]["annotations"] = forged(
            json.loads(Original.of(SCALED_OBJECT, left).text()), "nobody"
        )
        scene.api.store.put(left)

    def deposed() -> None:
        scene.leads = False

    scene.transport.then = ("update", SCALED_OBJECTS, deposed)
    scene.look()
    assert ["update scaledobjects shop/a"] == scene.writes()
