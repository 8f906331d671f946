"""What Helios does about a workload's autoscaler: when it writes, what it leaves alone, and what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from helios.operator.plans import FLOOR_SECONDS, FORM, PAUSED
from tests.operator.objects import NOW, Object, scaled_object
from tests.operator.planning import World, hpa, said
from tests.operator.targets import KEDA, workload


def test_observe_touches_nothing() -> None:
    """Nothing is written, and the condition says so."""
    world = World("Observe")
    made = world.step()
    assert (None, None, (False, "Observing")) == (made.apply, made.delete, said(made))


def test_autoscale_writes_a_scaled_object_once() -> None:
    """The first pass applies it, the next finds it as it should be."""
    world = World()
    assert "created" == world.step().why
    assert ["prometheus", "cpu"] == world.triggers
    again = world.step()
    assert (None, (True, "Autoscaling")) == (again.apply, said(again))


def test_the_hpa_that_keda_makes_is_not_taken_for_somebody_elses() -> None:
    """It belongs to our own ScaledObject."""
    world = World()
    world.step()
    world.hpas = [hpa("keda-hpa-web", owner="web")]
    assert (True, "Autoscaling") == said(world.step())


@pytest.mark.parametrize("mode", ["Autoscale", "Recommend"])
@pytest.mark.parametrize(
    ("objects", "hpas", "who"),
    [
        ([], [hpa("own")], "HorizontalPodAutoscaler own"),
        ([scaled_object("theirs", deployment="web")], [], "ScaledObject theirs"),
    ],
    ids=["an HPA", "a ScaledObject"],
)
def test_what_something_else_scales_is_left_alone(
    mode: str, objects: list[Object], hpas: list[Object], who: str
) -> None:
    """Scaling is False, OwnedElsewhere names it, nothing is written."""
    world = World(mode)
    world.objects, world.hpas = objects, hpas
    made = world.step()
    assert (None, None, (False, "OwnedElsewhere")) == (made.apply, made.delete, said(made))
    assert who in made.condition.message


@pytest.mark.parametrize(
    "other",
    [hpa(of="api"), hpa(kind="StatefulSet")],
    ids=["another workload's", "another kind's"],
)
def test_autoscalers_of_others_do_not_matter(other: Object) -> None:
    """Only who scales this very workload."""
    world = World()
    world.hpas = [other]
    assert "created" == world.step().why


def test_recommend_offers_a_paused_scaled_object() -> None:
    """It is there to be looked at; Autoscale takes the pause away."""
    world = World("Recommend")
    made = world.step()
    assert ((False, "Offered"), "true") == (said(made), world.own["metadata"]["annotations"][PAUSED])
    assert None is world.step().apply
    world.into("Autoscale")
    assert PAUSED not in world.own["metadata"]["annotations"]
    assert (True, "Autoscaling") == said(world.step())


def test_from_recommend_back_to_observe_the_offer_is_taken_away() -> None:
    """A paused ScaledObject scales nothing: nothing is lost."""
    world = World("Recommend")
    world.step()
    assert "web" == world.into("Observe").delete["metadata"]["name"]  # type: ignore[index]
    assert (False, "Observing") == said(world.step())


def test_an_offer_is_withdrawn_when_something_else_takes_the_workload() -> None:
    """Paused or not, KEDA would refuse the other a ScaledObject for it."""
    world = World("Recommend")
    world.step()
    world.hpas = [hpa("own")]
    made = world.step()
    assert ("web", (False, "OwnedElsewhere")) == (made.delete["metadata"]["name"], said(made))  # type: ignore[index]


@pytest.mark.parametrize("mode", ["Observe", "Recommend"])
def test_leaving_autoscale_keeps_the_hpa_on_cpu_alone_and_no_lower(mode: str) -> None:
    """For an hour the floor is what was there; after it the HPA decides from the minimum on."""
    world = World(replicas={"min": 1, "max": 10})
    world.step()
    world.workload = workload(desired=7, current=6)
    assert (False, "Released") == said(world.into(mode, replicas={"min": 1, "max": 10}))
    assert (["cpu"], 7) == (world.triggers, world.own["spec"]["minReplicaCount"])
    world.workload, world.now = workload(desired=4, current=4), NOW + FLOOR_SECONDS / 2
    assert None is world.step().apply
    world.now = NOW + FLOOR_SECONDS + 1
    world.step()
    assert (["cpu"], 1) == (world.triggers, world.own["spec"]["minReplicaCount"])
    assert None is world.step().apply


def test_a_maximum_that_was_raised_by_hand_holds_for_that_hour_too() -> None:
    """Sixty run where ten are allowed: leaving Autoscale is no reason for fewer at once."""
    world = World()
    world.step()
    world.objects = [{**world.own, "spec": {**world.own["spec"], "maxReplicaCount": 70}}]
    world.workload = workload(desired=60, current=60)
    world.into("Observe")
    assert (60, 60) == (world.own["spec"]["minReplicaCount"], world.own["spec"]["maxReplicaCount"])
    world.now = NOW + FLOOR_SECONDS + 1
    world.step()
    assert (1, 10) == (world.own["spec"]["minReplicaCount"], world.own["spec"]["maxReplicaCount"])


@pytest.mark.parametrize("word", ["nan", "inf", "1e400", "x", ""])
def test_a_mark_that_is_no_number_stops_nothing(word: str) -> None:
    """Anybody may write an annotation: the target is followed all the same."""
    world = World()
    world.step()
    world.into("Observe")
    marks = {**world.own["metadata"]["annotations"], "helios.dev/floor": word}
    world.objects = [{**world.own, "metadata": {**world.own["metadata"], "annotations": marks}}]
    assert (False, "Released") == said(world.step())
    assert 1 == world.own["spec"]["minReplicaCount"]


def test_the_surge_of_a_rollout_is_no_floor() -> None:
    """Its pods go by themselves when the rollout is done."""
    world = World()
    world.step()
    world.workload = workload(desired=4, current=5, rolling=True)
    world.into("Observe")
    assert 4 == world.own["spec"]["minReplicaCount"]


def test_autoscale_again_after_leaving_it() -> None:
    """The forecast is back in force and the floor is gone."""
    world = World()
    world.step()
    world.into("Observe")
    assert "updated" == world.into("Autoscale").why
    assert (["prometheus", "cpu"], "forecast") == (world.triggers, world.own["metadata"]["annotations"][FORM])
    assert 1 == world.own["spec"]["minReplicaCount"]


def test_leaving_autoscale_where_cpu_cannot_drive_leaves_the_replicas_as_they_are() -> None:
    """An HPA without a working metric would do nothing but complain."""
    world = World()
    world.workload = workload(cpu_requested=False)
    world.step()
    assert ["prometheus"] == world.triggers
    made = world.into("Observe")
    assert ("web", (False, "Released")) == (made.delete["metadata"]["name"], said(made))  # type: ignore[index]


def test_without_a_cpu_request_there_is_no_guard_and_the_condition_says_so() -> None:
    """A cpu trigger would be a metric error, and the HPA would never scale in."""
    world = World()
    world.workload = workload(cpu_requested=False)
    world.step()
    assert (["prometheus"], (True, "NoCpuGuard")) == (world.triggers, said(world.step()))


def test_a_guard_does_not_come_and_go_with_what_is_unknown() -> None:
    """Requests that cannot be read just now leave the trigger as it stands."""
    world = World()
    world.step()
    world.workload = workload(cpu_requested=None)
    assert None is world.step().apply
    world.workload = None
    assert None is world.step().apply


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("maxReplicaCount",), 99),
        (("minReplicaCount",), 0),
        (("triggers",), []),
        (("fallback", "replicas"), 0),
        (("advanced", "restoreToOriginalReplicaCount"), True),
    ],
    ids=str,
)
def test_what_somebody_edited_is_restored(path: tuple[str, ...], value: object) -> None:
    """In Autoscale the ScaledObject is Helios' own; what others add beside its fields stays."""
    world = World()
    world.step()
    spec = place = {**world.own["spec"], "pollingInterval": 7}
    for part in path[:-1]:
        place[part] = dict(place[part])
        place = place[part]
    place[path[-1]] = value
    world.objects = [{**world.own, "spec": spec}]
    assert "restored, as it had been edited" == world.step().why


def test_what_keda_leaves_out_as_it_is_false_is_no_edit() -> None:
    """It writes the whole object when it adds its finalizer; nobody is to be looked for who has edited."""
    world = World()
    world.step()
    advanced = {"scalingModifiers": {}, **world.own["spec"]["advanced"]}
    assert False is advanced.pop("restoreToOriginalReplicaCount")
    world.objects = [{**world.own, "spec": {**world.own["spec"], "advanced": advanced}}]
    assert None is world.step().apply


def test_defaults_that_keda_adds_are_no_edit() -> None:
    """Fields beside ours do not matter."""
    world = World()
    world.step()
    world.objects = [{**world.own, "spec": {**world.own["spec"], "cooldownPeriod": 300}}]
    assert None is world.step().apply


def test_a_deleted_scaled_object_is_made_again() -> None:
    """As long as the mode is Autoscale."""
    world = World()
    world.step()
    world.objects = []
    assert "created" == world.step().why


def test_another_workload_in_the_target_ref_releases_the_old_one_first() -> None:
    """The old one keeps its replicas, the new one gets its own ScaledObject in the pass after."""
    world = World()
    world.step()
    gone = world.into("Autoscale", scaleTargetRef={"name": "api"})
    assert ("web", None) == (gone.delete["metadata"]["name"], gone.apply)  # type: ignore[index]
    assert "created" == world.step().why
    assert "api" == world.own["spec"]["scaleTargetRef"]["name"]


def test_a_scaled_object_on_its_way_out_is_waited_for() -> None:
    """Applying to it would be lost with it."""
    world = World()
    world.step()
    world.objects = [{**world.own, "metadata": {**world.own["metadata"], "deletionTimestamp": "now"}}]
    assert (None, (None, "Releasing")) == ((made := world.step()).apply, said(made))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"served": False}, "KedaMissing"),
        ({"keda": replace(KEDA, server_address=None)}, "NoServerAddress"),
        ({"keda": replace(KEDA, needs_authentication=True)}, "NoAuthentication"),
        ({"workload": workload(exists=False)}, "WorkloadMissing"),
        ({"workload": None}, "Unknown"),
        ({"objects": [scaled_object("web", deployment="other")]}, "NameTaken"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_stands_in_the_way_is_said_and_nothing_is_written(change: dict[str, Any], reason: str) -> None:
    """Each in its own words, instead of failing later."""
    world = World()
    for name, value in change.items():
        setattr(world, name, value)
    made = world.step()
    assert (None, None, (False, reason)) == (made.apply, made.delete, said(made))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([{"type": "Ready", "status": "False", "message": "no such secret"}], (False, "KedaNotReady")),
        ([{"type": "Ready", "status": "True"}, {"type": "Fallback", "status": "True"}], (True, "Fallback")),
        (
            [{"type": "Ready", "status": "True"}, {"type": "Fallback", "status": "False"}],
            (True, "Autoscaling"),
        ),
    ],
    ids=["not ready", "fallback", "well"],
)
def test_how_keda_fares_is_passed_on(conditions: list[Object], expected: tuple[bool, str]) -> None:
    """Whoever looks at the HeliosTarget need not look at the ScaledObject too."""
    world = World()
    world.step()
    world.objects = [{**world.own, "status": {"conditions": conditions}}]
    assert expected == said(world.step())


def test_a_pause_that_a_person_put_there_is_respected() -> None:
    """In the midst of an incident nobody wants an operator that knows better."""
    world = World()
    world.step()
    annotations = {**world.own["metadata"]["annotations"], PAUSED: "true"}
    world.objects = [{**world.own, "metadata": {**world.own["metadata"], "annotations": annotations}}]
    made = world.step()
    assert (None, (False, "Paused")) == (made.apply, said(made))


def test_an_hpa_that_comes_later_is_named_and_ours_stays() -> None:
    """Taking ours away could leave the workload with fewer replicas; two HPAs are for a person to sort out."""
    world = World()
    world.step()
    world.hpas = [hpa("own")]
    made = world.step()
    assert (None, None, (False, "OwnedElsewhere")) == (made.apply, made.delete, said(made))


def test_a_scaled_object_that_somebody_applied_by_hand_is_somebodys() -> None:
    """As `helios scaledobject` printed it, owner reference and all: without the operator's mark it is left alone."""
    world = World()
    world.step()
    metadata = {**world.own["metadata"], "annotations": {}}
    world.objects = [{**world.own, "metadata": metadata}]
    for mode in ("Observe", "Recommend", "Autoscale"):
        made = world.into(mode)
        assert (None, None) == (made.apply, made.delete)
    assert (False, "OwnedElsewhere") == said(world.step())


def test_leaving_autoscale_waits_until_the_workload_is_known() -> None:
    """Without its count there is no floor; what is in force stays so long."""
    world = World()
    world.step()
    world.workload = None
    made = world.into("Observe")
    assert (None, None, (False, "Releasing")) == (made.apply, made.delete, said(made))
    world.workload = workload(current=6, desired=6)
    world.step()
    assert 6 == world.own["spec"]["minReplicaCount"]


def test_what_was_released_stays_when_requests_cannot_be_seen() -> None:
    """A passing doubt about cpu requests never takes the HPA away."""
    world = World()
    world.step()
    world.into("Observe")
    world.workload = workload(cpu_requested=False)
    assert (None, (False, "Released")) == ((made := world.step()).delete, said(made))


def test_two_autoscalers_in_force_are_said_to_stop_each_other() -> None:
    """The HPA controller scales with neither."""
    world = World()
    world.step()
    world.hpas = [hpa("own")]
    assert "stop each other. To have the other taken over, name it and delete this one" in (
        world.step().condition.message
    )
