"""From reports to statuses, ScaledObjects and Events: what is written, how often, and what a failure costs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from helios.errors import ClusterForbidden, ClusterMissing, ClusterRefused, ClusterUnreachable
from helios.operator.reconcilers import Reconciler, Terms
from helios.operator.registries import Registry
from scoring.reports import Report
from tests.operator.objects import NOW, Object
from tests.operator.targets import KEDA, Recorder, body, parsed, workload
from tests.ui.builders import report

STATUS_SECONDS = 300.0


class World:
    """Targets, their reports, a door that remembers, and time."""

    def __init__(self, *bodies: Object) -> None:
        self.registry = Registry(parsed)
        self.registry.take(bodies, 0)
        self.applied = {given["metadata"]["name"]: given for given in bodies}
        self.door = Recorder()
        self.now = NOW
        names = {b["spec"]["scaleTargetRef"]["name"] for b in bodies}
        self.reports = {name: self.scored(name) for name in names}
        self.workloads = {("shop", "Deployment", name): workload() for name in self.reports}
        self.reconciler = self.started()

    def started(self) -> Reconciler:
        """The operator, as after a start."""
        return Reconciler(
            self.registry,
            lambda: list(self.reports.values()),
            self.door,
            lambda: self.workloads,
            terms=Terms(KEDA, step=300.0, status_seconds=STATUS_SECONDS),
            clock=lambda: self.now,
        )

    def scored(self, name: str, **more: Any) -> Report:
        """A report on a workload."""
        return replace(report(name), namespace="shop", **more)

    def cycle(self, seconds: float = 300.0) -> int:
        """Time passes, one pass runs, and the watch brings back what was written; how many statuses were."""
        self.now += seconds
        before = len(self.door.statuses)
        self.reconciler.reconcile()
        for name, status in self.door.statuses[before:]:
            known = next(t for t in self.registry.roster().targets if t.name == name)
            told = {k: v for k, v in {**known.status, **status}.items() if v is not None}
            self.registry.see({**self.applied[name], "status": told})
        return len(self.door.statuses) - before

    def edit(self, given: Object) -> None:
        """A user applies a manifest."""
        held = next(
            (t.status for t in self.registry.roster().targets if t.name == given["metadata"]["name"]), {}
        )
        self.applied[given["metadata"]["name"]] = given
        self.registry.see({**given, "status": dict(held)})


def condition(status: Any, kind: str) -> tuple[str, str]:
    """Status and reason of one condition."""
    found = next(c for c in status["conditions"] if c["type"] == kind)
    return found["status"], found["reason"]


def test_the_first_pass_writes_a_whole_status() -> None:
    """Within a cycle `kubectl get ht` shows it."""
    world = World(body("web"))
    assert 1 == world.cycle()
    _, status = world.door.statuses[0]
    assert {"current": 2, "recommended": 4, "uncapped": 4} == status["replicas"]
    assert ("auto", "7 days: -14 % replica-hours, 2 minutes short; as it ran: 11; reactive: -3 %, 9") == (
        status["model"],
        status["ledger"],
    )
    assert "cpu: network at 5m: 12 % better than persistence lately" in status["why"]
    assert [("True", "Scored"), ("True", "Observed"), ("True", "Skilful"), ("False", "Observing")] == [
        condition(status, kind) for kind in ("Ready", "DataAvailable", "ForecastReady", "Scaling")
    ]
    assert 1 == status["observedGeneration"]


def test_a_steady_fleet_sends_no_patch() -> None:
    """Whatever changes in words, bands do not; nor is it news who forecasts."""
    world = World(*(body(f"web-{i}") for i in range(20)))
    assert 20 == world.cycle()
    for n in range(10):
        for name, said in world.reports.items():
            metrics = tuple(replace(m, why=f"another expert: {n} % better") for m in said.metrics)
            world.reports[name] = replace(
                said, reason=f"cpu may reach 2.{n} cores", confidence=0.9 + n / 1000, metrics=metrics
            )
        assert 0 == world.cycle()


def test_a_change_is_written_at_most_every_five_minutes() -> None:
    """A workload that scales all the time does not fill etcd."""
    world = World(body("web"))
    world.cycle()
    written = 0
    for n in range(60):
        world.reports["web"] = world.scored("web", current_replicas=n)
        written += world.cycle(15)
    assert 3 == written


def test_a_users_own_edit_is_answered_at_once() -> None:
    """Whoever applies looks for the answer now."""
    world = World(body("web"))
    world.cycle()
    world.edit(body("web", generation=2, replicas={"min": 2, "max": 5}))
    assert 1 == world.cycle(10)
    assert 2 == world.door.statuses[-1][1]["observedGeneration"]
    assert 0 == world.cycle(10)


def test_a_target_that_becomes_ready_says_so_at_once() -> None:
    """Whoever applied it looks; that it is not ready any more may wait its turn."""
    world = World(body("web"))
    said = world.reports.pop("web")
    assert 1 == world.cycle()
    world.reports["web"] = said
    assert 1 == world.cycle(5)
    assert ("True", "Scored") == condition(world.door.statuses[-1][1], "Ready")
    world.reports["web"] = replace(said, state="expired", problem="stopped")
    assert 0 == world.cycle(5)


def test_a_restart_makes_no_storm() -> None:
    """Statuses that stand are compared; what differs waits its turn, as if this process had written it."""
    world = World(*(body(f"web-{i}") for i in range(20)))
    world.cycle()
    for name, said in world.reports.items():
        world.reports[name] = replace(said, current_replicas=9)
    world.reconciler = world.started()
    assert 0 == world.cycle(5)
    assert 20 == world.cycle(STATUS_SECONDS)


def test_an_invalid_target_gets_a_condition_and_the_others_their_status() -> None:
    """One bad target costs nothing but itself."""
    world = World(body("bad", replicas={"min": 9, "max": 2}), body("web"))
    assert 2 == world.cycle()
    statuses = dict(world.door.statuses)
    assert ("False", "Invalid") == condition(statuses["bad"], "Ready")
    assert ("True", "Scored") == condition(statuses["web"], "Ready")


def test_a_conflict_is_told_to_the_younger_alone() -> None:
    """And nothing of its workload is claimed for it."""
    world = World(
        body("web", age=100), body("young", age=10, scaleTargetRef={"name": "web"}, mode="Autoscale")
    )
    world.cycle()
    statuses = dict(world.door.statuses)
    assert ("False", "Conflict") == condition(statuses["young"], "Ready")
    assert None is statuses["young"]["replicas"]
    assert ("True", "Scored") == condition(statuses["web"], "Ready")
    assert [] == world.door.applied


def test_autoscale_applies_a_scaled_object_and_says_so() -> None:
    """In the status, in the condition, and in an Event."""
    world = World(body("web", mode="Autoscale"))
    world.cycle()
    _, status = world.door.statuses[0]
    assert ("web", ("True", "Autoscaling")) == (status["scaledObject"], condition(status, "Scaling"))
    assert ["ScaledObjectApplied"] == world.door.told()
    world.cycle()
    assert 1 == len(world.door.applied)


def test_a_webhooks_refusal_is_told_in_its_own_words() -> None:
    """KEDA's admission knows best why."""
    world = World(body("web", mode="Autoscale"), body("api"))
    world.door.fails["apply"] = ClusterRefused("the workload 'web' is already managed by the hpa 'x'")
    world.cycle()
    status = dict(world.door.statuses)["web"]
    assert ("False", "Refused") == condition(status, "Scaling")
    assert ("True", "Scored") == condition(dict(world.door.statuses)["api"], "Ready")


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("patch web", ClusterMissing("gone")),
        ("patch web", ClusterForbidden("no")),
        ("patch web", ClusterRefused("conflict")),
        ("create events", ClusterForbidden("no")),
        ("list scaledobjects", ClusterForbidden("no")),
        ("list scaledobjects", ClusterMissing("no such resource")),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_what_fails_for_one_costs_the_others_nothing(what: str, error: Any) -> None:
    """The other target has its status in the same pass."""
    world = World(body("web"), body("worker"))
    world.door.fails[what] = error
    world.cycle()
    assert "worker" in dict(world.door.statuses)


def test_who_scales_what_being_unreadable_writes_nothing_about_scaling() -> None:
    """Not knowing is no leave to take over a workload."""
    world = World(body("web", mode="Autoscale"))
    world.door.fails["list horizontalpodautoscalers"] = ClusterForbidden("no")
    world.cycle()
    assert [] == world.door.applied
    assert ("Unknown", "Unknown") == condition(dict(world.door.statuses)["web"], "Scaling")


def test_an_api_server_that_is_away_ends_the_pass_and_the_next_goes_on() -> None:
    """No time-out per target; nothing is lost but time."""
    names = [f"web-{i}" for i in range(20)]
    world = World(*(body(name) for name in names))
    world.door.fails |= {f"patch {name}": ClusterUnreachable("away") for name in names}
    with pytest.raises(ClusterUnreachable):
        world.cycle()
    world.door.fails.clear()
    assert 20 == world.cycle(5)


def test_one_object_that_the_server_never_answers_for_costs_nobody_else_a_pass() -> None:
    """A webhook that times out for one ScaledObject is that one's trouble."""
    world = World(body("web", mode="Autoscale", age=100), body("worker", age=10))
    world.door.fails["apply"] = ClusterUnreachable("failed calling webhook")
    assert 1 == world.cycle()
    assert ["worker"] == [name for name, _ in world.door.statuses]


def test_a_silent_watch_brings_no_patch_in_every_pass() -> None:
    """What the API server answered to the write is known, though the watch never tells."""
    world = World(body("web"))
    world.now += 300
    world.reconciler.reconcile()
    world.now += 10
    world.reconciler.reconcile()
    assert 1 == len(world.door.statuses)


def test_an_edit_is_answered_without_a_cycle() -> None:
    """Leaving Autoscale must not wait for a Prometheus that hangs."""
    world = World(body("web", mode="Autoscale"))
    stop, cycled = threading.Event(), threading.Event()
    thread = threading.Thread(target=world.reconciler.run, args=(stop, cycled))
    thread.start()
    cycled.set()
    assert _comes(lambda: len(world.door.applied) == 1)
    world.registry.see(body("web", generation=2, mode="Observe"))
    assert _comes(lambda: len(world.door.applied) == 2)
    stop.set()
    cycled.set()
    thread.join(5)
    assert ["cpu"] == [t["type"] for t in world.door.applied[1]["spec"]["triggers"]]


def _comes(what: Callable[[], bool]) -> bool:
    for _ in range(1000):
        if what():
            return True
        threading.Event().wait(0.005)
    return False


def test_the_loser_of_a_conflict_keeps_its_workload_on_cpu_alone() -> None:
    """An older target was pointed at its workload: the younger's forecast is withdrawn, its HPA is not."""
    world = World(body("web", age=10, mode="Autoscale"))
    world.cycle()
    world.registry.see(body("older", age=100, scaleTargetRef={"name": "web"}))
    world.now += STATUS_SECONDS
    world.reconciler.reconcile()
    assert ["cpu"] == [t["type"] for t in world.door.applied[-1]["spec"]["triggers"]]
    status = dict(world.door.statuses)["web"]
    assert ("False", "Conflict") == condition(status, "Ready")
    assert (("False", "Released"), "web") == (condition(status, "Scaling"), status["scaledObject"])


def test_an_invalid_edit_leaves_the_scaled_object_and_its_name_in_the_status() -> None:
    """What was written stays as it is until the edit is mended."""
    world = World(body("web", mode="Autoscale"))
    world.cycle()
    world.edit(body("web", generation=2, mode="Autoscale", replicas={"min": 9, "max": 2}))
    world.now += 10
    world.reconciler.reconcile()
    status = dict(world.door.statuses)["web"]
    assert (("False", "Invalid"), "web") == (condition(status, "Ready"), status.get("scaledObject"))
    assert 1 == len(world.door.applied)
    assert ["web"] == [t.deployment for t in world.registry.roster().scored]


def test_the_thread_survives_whatever_happens_in_a_pass() -> None:
    """It says so, and does the next one."""
    world = World(body("web"))
    world.door.fails["list scaledobjects"] = ClusterUnreachable("away")
    stop, cycled = threading.Event(), threading.Event()
    thread = threading.Thread(target=world.reconciler.run, args=(stop, cycled))
    thread.start()
    cycled.set()
    while cycled.is_set():
        pass
    world.door.fails.clear()
    cycled.set()
    for _ in range(1000):
        if world.door.statuses:
            break
        threading.Event().wait(0.005)
    stop.set()
    cycled.set()
    thread.join(5)
    assert not thread.is_alive()
    assert ["web"] == [name for name, _ in world.door.statuses]


def test_a_recommendation_that_flutters_is_told_at_most_every_five_minutes() -> None:
    """Events are for people."""
    world = World(body("web"))
    for n in range(40):
        world.reports["web"] = world.scored("web", recommended_replicas=3 + n % 2)
        world.cycle(15)
    assert 2 <= world.door.told().count("RecommendationChanged") <= 3


def test_a_target_that_is_gone_is_forgotten() -> None:
    """A fleet that comes and goes does not grow the operator."""
    world = World(body("web"))
    world.cycle()
    world.registry.see(body("web"), deleted=True)
    world.cycle()
    assert ({}, {}) == (world.reconciler._written_at, world.reconciler._notices._told)
