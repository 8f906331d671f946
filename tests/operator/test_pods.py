"""How often the fleet's objects are asked for, and what its pods tell of their start."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helios.errors import ClusterUnreachable
from helios.operator.clusters import Cluster
from helios.operator.footprints import PerPod
from helios.operator.pods import PodReader
from helios.operator.selectors import Selector
from helios.operator.workloads import WorkloadReader
from tests.operator.objects import Object, container, deployment, pod, rollout
from tests.operator.worlds import WEB, World, rollouts

MIB = 2.0**20
ASKED = PerPod(0.1, 128 * MIB)


# how much it asks


def test_a_cycle_costs_one_list_per_kind(world: World) -> None:
    """However many targets there are; kinds that nobody names are not listed."""
    fleet = [(f"ns-{i % 10}", f"web-{i}", "Deployment") for i in range(200)]
    world.api.store.put(*(deployment(name, space) for space, name, _ in fleet))
    world.read(*fleet)
    assert ["list deployments", "list pods"] == world.asked()
    world.read(*fleet)
    assert ["list deployments"] == world.asked()


def test_few_namespaces_are_listed_one_by_one(world: World) -> None:
    """Three targets in a large cluster do not fetch all of it."""
    world.api.store.put(deployment("web"), deployment("api", "saleor"))
    world.read(WEB, ("saleor", "api", "Deployment"))
    lists = ["list deployments saleor", "list deployments shop", "list pods saleor", "list pods shop"]
    assert lists == world.asked()


def test_an_empty_fleet_asks_nothing(world: World) -> None:
    """And is no outage."""
    assert {} == world.reader.read([])
    assert [] == world.asked()


def test_pods_are_listed_every_five_minutes(world: World) -> None:
    """They are many and tell little."""
    world.api.store.put(deployment("web"), pod("web"))
    listed = []
    for now in (0.0, 60.0, 299.0, 300.0, 360.0, 601.0):
        world.now = now
        world.one()
        listed.append("list pods shop" in world.asked())
    assert [True, False, False, True, False, True] == listed


def test_a_new_workload_has_its_pods_looked_at_soon(world: World) -> None:
    """At once, but not every few seconds where many come one after the other."""
    world.api.store.put(*(deployment(f"web-{i}") for i in range(4)))
    fleet, listed = [("shop", "web-0", "Deployment")], []
    for number, now in enumerate((0.0, 10.0, 31.0, 45.0, 62.0)):
        world.now = now
        fleet += [("shop", f"web-{number}", "Deployment")] if number in (1, 3) else []
        world.read(*fleet)
        listed.append("list pods shop" in world.asked())
    assert [True, False, True, False, True] == listed


@pytest.mark.parametrize(
    ("cost", "tries"),
    [
        pytest.param(120.0, [0, 720, 2040, 4560, 8280, 12000], id="two minutes each"),
        pytest.param(5.0, [0, 60, 120, 180, 240, 300], id="soon"),
    ],
)
def test_a_list_of_pods_that_fails_is_not_paid_for_again_and_again(
    world: World, cost: float, tries: list[float]
) -> None:
    """Where it takes long, the time to the next try doubles up to an hour; new workloads do not hasten it."""
    tried = []

    class Slow(Cluster):
        def list(self, *_: Any, **__: Any) -> Iterator[Object]:
            tried.append(world.now)
            world.now += cost
            raise ClusterUnreachable("not complete in time")

    selector = Selector.of({"matchLabels": {"app": "web"}})
    assert selector is not None
    fleet = {("shop", "Deployment", name): selector for name in ("web", "api")}
    with Slow.of(world.api.configuration()) as slow:
        reader = PodReader(slow, lambda: world.now, every_seconds=300.0, new_seconds=30.0)
        for minute in range(300):
            world.now = max(world.now, 60.0 * minute)
            reader.look(fleet, fleet)
    assert tries == tried[: len(tries)]


def test_a_list_of_pods_that_failed_and_works_again_comes_as_usual(world: World) -> None:
    """The patience that was learned is forgotten, what was learned of pods is not."""
    cost = [0.0]

    class Slow(Cluster):
        def list(self, api_version: str, plural: str, *more: Any, **options: Any) -> Iterator[Object]:
            if plural == "pods" and cost[0]:
                world.now += cost[0]
                raise ClusterUnreachable("not complete in time")
            return super().list(api_version, plural, *more, **options)

    world.api.store.put(deployment("web"), pod("web", start=25.0))
    listed, starts = [], []
    with Slow.of(world.api.configuration()) as slow:
        reader = WorkloadReader(slow, dict, lambda: world.now)
        for now, cost[0] in ((0.0, 0.0), (300.0, 100.0), (800.0, 0.0), (1000.0, 0.0), (1300.0, 0.0)):
            world.now = now
            starts.append(reader.read([WEB])["shop", "Deployment", "web"].start_seconds)
            listed.append("list pods shop" in world.asked())
    assert ([True, False, False, True, True], [25.0] * 5) == (listed, starts)


# start-up times


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(starts=st.lists(st.one_of(st.none(), st.integers(0, 4000)), max_size=8))
def test_the_start_up_time_is_the_median_of_clean_starts(world: World, starts: list[int | None]) -> None:
    """Pods that are not ready, or became so again after an hour, do not count."""
    for kind in world.api.store.objects:
        world.api.store.objects[kind].clear()
    world.api.store.put(deployment("web"))
    world.api.store.put(*(pod("web", start=None if s is None else float(s)) for s in starts))
    clean = [float(s) for s in starts if s is not None and s < 3600]
    reader = WorkloadReader(world.cluster, dict)
    found = reader.read([WEB])["shop", "Deployment", "web"]
    assert (median(clean) if clean else None) == found.start_seconds


def test_a_learned_start_up_time_outlives_its_pods(world: World) -> None:
    """Scaled to zero by hand, the next start takes as long as the last one."""
    world.api.store.put(deployment("web"), pod("web", start=40.0, name="a"))
    learned = [world.one().start_seconds]
    world.api.store.remove("pods", "a")
    world.now = 301.0
    learned.append(world.one().start_seconds)
    world.api.store.remove("deployments", "web")
    world.one()
    world.api.store.put(deployment("web"))
    assert [40.0] * 3 == [*learned, world.one().start_seconds]


def test_a_pod_that_becomes_ready_again_started_only_once(world: World) -> None:
    """Overload that takes readiness away for minutes is no slow start."""
    world.api.store.put(deployment("web"))
    first = pod("web", start=40.0, name="a")
    world.api.store.put(first)
    world.one()
    again = pod("web", start=1800.0, name="a")
    again["metadata"]["uid"] = first["metadata"]["uid"]
    world.api.store.put(again)
    world.now = 301.0
    assert 40.0 == world.one().start_seconds


def test_a_target_that_left_is_forgotten(world: World) -> None:
    """What was learned of a workload goes with its target."""
    world.api.store.put(deployment("web"), deployment("api"), pod("web", start=40.0))
    world.one()
    world.read(("shop", "api", "Deployment"))
    world.api.store.remove("pods", world.api.store.all("pods")[0]["metadata"]["name"])
    world.now = 31.0
    assert world.one().start_seconds is None


def test_finished_pods_are_not_looked_at(world: World) -> None:
    """An evicted pod requests nothing any more."""
    asked = rollouts(world, "web")
    world.api.store.put(rollout("web"), pod("web", containers=[container("9")], phase="Failed"), pod("web"))
    assert ASKED == world.one(asked[0]).requests
