"""What keeps an autoscaler from being taken over, and what is said before it is: each with what to do."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from helios.operator.adoptions import ADOPTED, FINALIZER, Original
from helios.operator.marks import OWNER
from helios.operator.plans import Autoscalers, Plan, Surroundings, named, plan
from helios.operator.resources import HeliosTarget
from helios.operator.workloads import Workload
from tests.operator.adopted import HPA, SCALED_OBJECT, managed_by, users_hpa, users_scaled_object
from tests.operator.objects import NOW, Object
from tests.operator.objects import scaled_object as somebodys
from tests.operator.targets import KEDA, body, parsed, workload


class World:
    """One target that is to adopt `web-cpu` or `web-so`, and what is listed."""

    def __init__(self, kind: str = HPA) -> None:
        self.kind, self.name = kind, "web-cpu" if kind == HPA else "web-so"
        self.mode, self.spec = "Autoscale", dict[str, Any]()
        self.workload: Workload | None = workload()
        self.hpas = [users_hpa()] if kind == HPA else []
        self.objects = [] if kind == HPA else [users_scaled_object()]
        self.served, self.keda = True, KEDA
        self.metadata: Object = {}

    @property
    def target(self) -> HeliosTarget:
        """The target as its user has it."""
        adopt = {"kind": self.kind, "name": self.name}
        given = body(mode=self.mode, replicas={"min": 2, "max": 20}, keda={"adopt": adopt})
        given["spec"] |= self.spec
        given["metadata"] |= self.metadata
        return parsed(given)

    @property
    def live(self) -> Object:
        """What is to be adopted."""
        return (self.hpas or self.objects)[0]

    def plan(self) -> Plan:
        """What is decided."""
        target = self.target
        found = Autoscalers.of(self.objects if self.served else None, self.hpas, named([target]))
        return plan(target, self.workload, Surroundings(found, self.keda, tolerance=False, now=NOW))


def edited(**changes: Any) -> Callable[[World], None]:
    """The autoscaler's spec says otherwise."""

    def edit(world: World) -> None:
        world.live["spec"] |= copy.deepcopy(changes)

    return edit


def lived(**changes: Any) -> Callable[[World], None]:
    """The autoscaler's metadata says otherwise."""

    def edit(world: World) -> None:
        world.live["metadata"] |= copy.deepcopy(changes)

    return edit


def having(**changes: Any) -> Callable[[World], None]:
    """The world is another."""

    def edit(world: World) -> None:
        for name, value in changes.items():
            setattr(world, name, value)

    return edit


def bare(world: World) -> None:
    """Memory counts, and a container requests none."""
    world.workload = workload(without_memory="app")
    target = {"type": "AverageValue", "averageValue": "500Mi"}
    memory = {"type": "Resource", "resource": {"name": "memory", "target": target}}
    world.live["spec"]["metrics"].append(memory)


PODS = {"type": "Pods", "pods": {"metric": {"name": "packets"}, "target": {"type": "AverageValue"}}}
LONG = "w" * 64
KEDAS = [{"kind": SCALED_OBJECT, "name": "theirs", "uid": "so", "controller": True}]
OTHERS = {
    "helios.dev/form": "forecast",
    OWNER: "uid-of-another",
    ADOPTED: Original.of(SCALED_OBJECT, users_scaled_object()).text(),
}


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        (HPA, having(hpas=[]), "there is no HorizontalPodAutoscaler web-cpu in namespace shop"),
        (SCALED_OBJECT, having(objects=[]), "there is no ScaledObject web-so in namespace shop"),
        (HPA, having(name=LONG, hpas=[users_hpa(LONG)]), "has 64 characters"),
        (HPA, lived(deletionTimestamp="now"), "is being deleted"),
        (
            HPA,
            having(hpas=[users_hpa(ownerReferences=KEDAS)], objects=[users_scaled_object("theirs")]),
            "made for ScaledObject theirs: name that one, kind: ScaledObject",
        ),
        (
            HPA,
            edited(scaleTargetRef={"kind": "Deployment", "name": "api"}),
            "scales Deployment api, not Deployment web",
        ),
        (HPA, edited(metrics=[PODS]), "scales on Pods packets too"),
        (
            HPA,
            bare,
            "scales on memory too, which KEDA takes only where every container requests memory, and app does not",
        ),
        (HPA, having(workload=workload(current=21)), "raise it to 21 or more"),
        (SCALED_OBJECT, having(workload=workload(desired=21)), "raise it to 21 or more"),
        (SCALED_OBJECT, edited(advanced={"scalingModifiers": {"formula": "a"}}), "scalingModifiers"),
        (SCALED_OBJECT, edited(idleReplicaCount=0), "idleReplicaCount"),
        (SCALED_OBJECT, lived(annotations={"autoscaling.keda.sh/paused": "true"}), "is paused"),
        (SCALED_OBJECT, lived(annotations={"autoscaling.keda.sh/paused-replicas": "3"}), "is paused"),
        (SCALED_OBJECT, lived(annotations=OTHERS), "belongs to another HeliosTarget"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_taken_over_is_refused_and_nothing_is_written(
    kind: str, change: Callable[[World], None], words: str
) -> None:
    """AdoptionRefused names what is in the way; in Observe the same is said of what Autoscale would do."""
    world = World(kind)
    change(world)
    made = world.plan()
    assert (None, None, None, None, False) == (
        made.store,
        made.apply,
        made.delete,
        made.restore,
        made.pending,
    )
    assert "AdoptionRefused" == made.condition.reason
    assert words in made.condition.message
    world.mode = "Observe"
    made = world.plan()
    assert (None, None, "Adoptable") == (made.store, made.apply, made.condition.reason)
    assert words in made.condition.message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (having(served=False), "KedaMissing"),
        (having(keda=replace(KEDA, server_address=None)), "NoServerAddress"),
        (having(workload=None), "Unknown"),
        (having(workload=workload(exists=False)), "WorkloadMissing"),
        (having(objects=[somebodys("web", deployment="else")]), "NameTaken"),
        (having(hpas=[users_hpa(), users_hpa("second")]), "OwnedElsewhere"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_stands_in_the_way_of_any_target_does_so_here(
    change: Callable[[World], None], reason: str
) -> None:
    """In the same words, and nothing is written."""
    world = World()
    change(world)
    made = world.plan()
    assert (None, None, reason) == (made.store, made.apply, made.condition.reason)


@pytest.mark.parametrize("mode", ["Observe", "Recommend"])
@pytest.mark.parametrize("kind", [HPA, SCALED_OBJECT])
def test_out_of_autoscale_it_is_said_what_would_be_taken_over(mode: str, kind: str) -> None:
    """And nothing is written: not even an offer, as something scales the workload."""
    world = World(kind)
    world.mode = mode
    made = world.plan()
    assert (None, None, None, False) == (made.store, made.apply, made.delete, made.pending)
    words = f"mode is {mode}: nothing is touched. In Autoscale Helios takes over {kind} {world.name}"
    bounds = ", with spec.replicas 2 to 20 in place of its 2 to 9"
    assert ("Adoptable", words + bounds) == (made.condition.reason, made.condition.message)
    world.live["spec"] |= {"maxReplicas": 20} if kind == HPA else {"maxReplicaCount": 20}
    assert words == world.plan().condition.message


def test_the_copy_of_the_operators_own_counts_more_than_the_targets_annotation() -> None:
    """Who may edit HeliosTargets and no ScaledObjects could otherwise have any trigger written."""
    world = World()
    original = Original.of(HPA, users_hpa())
    forged = replace(original, spec={**original.spec, "maxReplicas": 99})
    world.metadata = {"annotations": {ADOPTED: forged.text()}, "finalizers": [FINALIZER]}
    world.objects = [managed_by(original, owner="uid-shop-web")]
    world.hpas = [users_hpa(ownerReferences=[{"kind": SCALED_OBJECT, "name": "web"}])]
    made = world.plan()
    assert original == made.store
    world.mode = "Observe"
    assert original == world.plan().restore


def test_a_scaled_object_with_the_clusters_credentials_is_not_made_on_a_targets_word() -> None:
    """A tenant could have them sent to a server of its own."""
    world = World(SCALED_OBJECT)
    theirs = users_scaled_object()
    theirs["spec"]["triggers"].append(
        {"type": "kafka", "authenticationRef": {"kind": "ClusterTriggerAuthentication", "name": "kafka"}}
    )
    world.metadata = {
        "annotations": {ADOPTED: Original.of(SCALED_OBJECT, theirs).text()},
        "finalizers": [FINALIZER],
    }
    world.objects = []
    made = world.plan()
    assert (None, "AdoptionRefused") == (made.apply, made.condition.reason)
    assert "apply it again" in made.condition.message


def test_a_copy_of_one_of_ours_that_somebody_made_is_not_ours() -> None:
    """Marks and all, under another name: it scales the workload too, and is named."""
    world = World()
    original = Original.of(HPA, users_hpa())
    ours = managed_by(original, owner="uid-shop-web")
    copied = managed_by(original, "copy", owner="uid-shop-web")
    copied["spec"]["advanced"] = {}
    world.objects = [ours, copied]
    world.hpas = [users_hpa(ownerReferences=[{"kind": SCALED_OBJECT, "name": "web"}])]
    made = world.plan()
    assert (None, "OwnedElsewhere") == (made.apply, made.condition.reason)
    assert made.condition.message.startswith("ScaledObject copy already scales")


def test_what_nobody_can_read_any_more_stays_in_force() -> None:
    """Both copies were garbled: nothing is guessed, and the target says what to do."""
    world = World()
    ours = managed_by(Original.of(HPA, users_hpa()), owner="uid-shop-web")
    ours["metadata"]["annotations"][ADOPTED] = "{"
    world.objects = [ours]
    for mode in ("Autoscale", "Observe"):
        world.mode = mode
        made = world.plan()
        assert (None, None, None, False) == (made.apply, made.delete, made.restore, made.forget)
        assert "AdoptionRefused" == made.condition.reason


def test_a_scaled_object_of_helios_own_is_nothing_to_adopt() -> None:
    """It goes on as without the field."""
    world = World(SCALED_OBJECT)
    world.spec = {"keda": {}}
    world.objects = []
    first = world.plan().apply
    assert first is not None
    world.objects = [{**first, "metadata": {**first["metadata"], "uid": "so"}}]
    world.spec, world.name = {}, "web"
    made = world.plan()
    assert ("Autoscaling", None) == (made.condition.reason, made.store)
    assert made.apply is None


def test_a_person_may_pause_what_is_adopted() -> None:
    """Paused, as of any other ScaledObject."""
    world = World(SCALED_OBJECT)
    first = world.plan().apply
    assert first is not None
    live = copy.deepcopy(dict(first))
    live["metadata"]["annotations"]["autoscaling.keda.sh/paused"] = "true"
    world.objects = [live]
    assert "Paused" == world.plan().condition.reason


def test_kedas_own_trouble_is_passed_on() -> None:
    """Before it has taken the HPA over too."""
    world = World()
    first = world.plan().apply
    assert first is not None
    world.objects = [
        {**first, "status": {"conditions": [{"type": "Ready", "status": "False", "message": "no secret"}]}}
    ]
    made = world.plan()
    assert ("KedaNotReady", "KEDA: no secret") == (made.condition.reason, made.condition.message)


def test_without_keda_an_adopted_hpa_is_given_back() -> None:
    """Its external metric would fail for ever."""
    world = World()
    world.metadata = {
        "annotations": {ADOPTED: Original.of(HPA, users_hpa()).text()},
        "finalizers": [FINALIZER],
    }
    world.served, world.hpas = False, []
    made = world.plan()
    assert ("Restoring", True, "web-cpu") == (
        made.condition.reason,
        made.pending,
        made.restore and made.restore.name,
    )
