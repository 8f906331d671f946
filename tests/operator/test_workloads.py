"""The fleet's workloads as they are now: few requests, and nothing invented where something is not known."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from helios.errors import ClusterUnreachable
from helios.operator.clusters import Cluster
from helios.operator.footprints import PerPod
from helios.operator.workloads import Workload, WorkloadReader
from tests.operator.objects import Object, container, deployment, pod, rollout, stateful_set
from tests.operator.worlds import WEB, World, rollouts

MIB = 2.0**20
ASKED = PerPod(0.1, 128 * MIB)


# what an object says


def test_a_deployment_says_what_it_has_and_wants(world: World) -> None:
    """Replicas as the HPA counts them, requests from the template, the start-up time from its pods."""
    limits = {"cpu": "1", "memory": "256Mi"}
    world.api.store.put(deployment("web", replicas=5, current=3, containers=[container(limits=limits)]))
    world.api.store.put(pod("web", start=10.0), pod("web", start=30.0), pod("other", start=99.0))
    wanted = Workload(
        exists=True,
        desired=5,
        current=3,
        cpu_requested=True,
        requests=ASKED,
        limits=PerPod(1.0, 256 * MIB),
        start_seconds=20.0,
    )
    assert wanted == world.one()
    assert {("shop", "Deployment", "web"): wanted} == world.reader.observed()


def test_a_stateful_set_is_another_kind_of_its_name(world: World) -> None:
    """Two kinds of one name are told apart."""
    world.api.store.put(deployment("web", replicas=2), stateful_set("web", replicas=7))
    found = world.read(WEB, ("shop", "web", "StatefulSet"))
    assert [2, 7] == [one and one.current for one in found]


def test_what_does_not_exist_has_no_replicas(world: World) -> None:
    """Nothing is not zero."""
    world.api.store.put(deployment("web", "other"))
    assert Workload(exists=False) == world.one()


def test_a_workload_that_is_deleted_and_made_again_is_followed(world: World) -> None:
    """No restart is needed."""
    world.api.store.put(deployment("web", replicas=2))
    seen = [world.one().current]
    world.api.store.remove("deployments", "web")
    seen.append(world.one().current)
    world.api.store.put(deployment("web", replicas=4))
    assert [2, None, 4] == [*seen, world.one().current]


def test_scaled_to_zero_by_hand_is_zero(world: World) -> None:
    """A count that the wire leaves out is a zero that was counted."""
    world.api.store.put(deployment("web", replicas=0))
    assert (0, 0) == (world.one().desired, world.one().current)


def test_what_no_controller_has_seen_is_not_counted(world: World) -> None:
    """A Deployment of this very second has an unknown number of pods."""
    world.api.store.put(deployment("web", replicas=3) | {"status": {}})
    found = world.one()
    assert (3, None, True) == (found.desired, found.current, found.rolling)


@pytest.mark.parametrize(
    ("body", "rolling"),
    [
        pytest.param(deployment(), False, id="rolled out"),
        pytest.param(deployment(updated=1), True, id="pods of the old template"),
        pytest.param(deployment(generation=2, observed=1), True, id="not yet observed"),
        pytest.param(deployment(replicas=5, current=3), False, id="scaling is no roll-out"),
        pytest.param(deployment(replicas=0), False, id="nothing to roll out"),
        pytest.param(stateful_set("web", updated=1), True, id="a StatefulSet"),
        pytest.param(
            stateful_set("web", updated=1, updateStrategy={"rollingUpdate": {"partition": 2}}),
            False,
            id="held by a partition",
        ),
        pytest.param(
            stateful_set("web", updated=0, updateStrategy={"type": "OnDelete"}),
            False,
            id="waits for a person",
        ),
    ],
)
def test_a_roll_out_under_way_is_seen(world: World, body: Object, rolling: bool) -> None:
    """And what stands still is not taken for one."""
    world.api.store.put(body)
    assert rolling == world.one(("shop", "web", body["kind"])).rolling


def test_a_container_without_a_cpu_request_leaves_the_guard_out(world: World) -> None:
    """The HPA's cpu trigger would fail on it."""
    containers = [container(), container(None, name="proxy")]
    world.api.store.put(deployment("web", containers=containers), pod("web", containers=containers))
    found = world.one()
    assert (False, PerPod(None, 256 * MIB)) == (found.cpu_requested, found.requests)


def test_a_request_that_a_limit_range_gives_the_pods_is_seen(world: World) -> None:
    """The template says nothing, the pods do: theirs is what the HPA divides by."""
    world.api.store.put(deployment("web", containers=[container(None)]))
    world.api.store.put(
        pod("web", containers=[container("250m")]), pod("web", containers=[container("250m")])
    )
    found = world.one()
    assert (True, 0.25) == (found.cpu_requested, found.requests.cpu)


@pytest.mark.parametrize("why", ["no pod", "no list"])
def test_a_silent_template_alone_does_not_say_whether_cpu_is_requested(world: World, why: str) -> None:
    """A LimitRange may fill it in: a restart during an outage takes no guard away."""
    world.api.store.put(deployment("web", containers=[container(None)]))
    if why == "no list":
        world.api.store.put(pod("web", containers=[container("250m")]))
        world.api.fail("pods", 503)
    found = world.one()
    assert (None, PerPod(None, 128 * MIB)) == (found.cpu_requested, found.requests)


@pytest.mark.parametrize(
    ("cpu", "requested", "cores"),
    [
        pytest.param("50m", True, 0.15, id="it asks for cpu"),
        pytest.param(None, False, None, id="it does not"),
    ],
)
def test_a_sidecar_that_only_the_pods_have_is_counted(
    world: World, cpu: str | None, requested: bool, cores: float | None
) -> None:
    """The HPA looks at pods, not at templates."""
    world.api.store.put(deployment("web"))
    world.api.store.put(pod("web", containers=[container(), container(cpu, "32Mi", name="istio-proxy")]))
    found = world.one()
    assert (requested, PerPod(cores, 160 * MIB)) == (found.cpu_requested, found.requests)


def test_a_rollout_that_changes_requests_counts_at_once(world: World) -> None:
    """Though its pods, and their sidecars, were last seen before it."""
    world.api.store.put(deployment("web"))
    world.api.store.put(pod("web", containers=[container(), container("50m", "32Mi", name="istio-proxy")]))
    seen = [world.one().requests.cpu]
    world.api.store.put(deployment("web", containers=[container("200m")]))
    assert [0.15, 0.25] == [*seen, world.one().requests.cpu]


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"app": "web", "track": "stable"}},
        {
            "matchExpressions": [
                {"key": "app", "operator": "In", "values": ["web"]},
                {"key": "track", "operator": "NotIn", "values": ["canary"]},
            ]
        },
    ],
)
def test_pods_are_found_by_the_whole_selector(world: World, selector: Object) -> None:
    """A canary's start-up time is not the stable one's."""
    world.api.store.put(deployment("web", selector=selector))
    world.api.store.put(
        pod("web", start=10.0, labels={"track": "stable"}), pod("web", start=90.0, labels={"track": "canary"})
    )
    assert 10.0 == world.one().start_seconds


# other kinds


def test_any_kind_with_a_scale_is_read_by_it(world: World) -> None:
    """Replicas from the subresource, requests and limits from the pods that it selects."""
    asked = rollouts(world, "web")
    world.api.store.put(rollout("web", replicas=4, selector="app=web,!canary"))
    world.api.store.put(
        pod("web", start=15.0, containers=[container("200m", limits={"cpu": "1"})]),
        pod("web", labels={"canary": ""}, containers=[container("900m")]),
    )
    assert Workload(
        exists=True,
        desired=4,
        current=4,
        cpu_requested=True,
        requests=PerPod(0.2, 128 * MIB),
        limits=PerPod(1.0, None),
        start_seconds=15.0,
    ) == world.one(asked[0])


def test_a_kind_without_pods_to_look_at_does_not_say_whether_cpu_is_requested(world: World) -> None:
    """Whether a cpu trigger would work is not known, rather than no."""
    asked = rollouts(world, "web")
    world.api.store.put(rollout("web", replicas=0))
    found = world.one(asked[0])
    assert (None, PerPod(), 0, 0) == (found.cpu_requested, found.requests, found.desired, found.current)


def test_pods_that_request_nothing_say_so(world: World) -> None:
    """Their cpu trigger would fail, and that is known."""
    asked = rollouts(world, "web")
    world.api.store.put(rollout("web"), pod("web", containers=[container(None, None)]))
    assert False is world.one(asked[0]).cpu_requested


def test_an_object_that_is_not_there_does_not_exist_for_any_kind(world: World) -> None:
    """As for Deployments."""
    assert Workload(exists=False) == world.one(rollouts(world, "web")[0])


@pytest.mark.parametrize(
    ("api_version", "kind", "words"),
    [
        pytest.param("apps/v1", "DaemonSet", "DaemonSet has no scale subresource", id="DaemonSet"),
        pytest.param("apps/v1", "Deploymnet", "no kind Deploymnet in apps/v1: correct", id="a typing error"),
        pytest.param(
            "extensions/v1beta1", "Deployment", "extensions/v1beta1 is not served", id="an old apiVersion"
        ),
        pytest.param("a/b/c", "Deployment", "apiVersion a/b/c is not served", id="no apiVersion"),
        pytest.param("../../v1", "Secret", "is not served", id="a way out"),
    ],
)
def test_what_cannot_be_scaled_says_why_and_what_to_do(
    world: World, api_version: str, kind: str, words: str
) -> None:
    """And costs the others nothing."""
    world.references["shop", "odd"] = api_version
    world.api.store.put(deployment("web"))
    odd, web = world.read(("shop", "odd", kind), WEB)
    assert odd is not None
    assert odd.problem is not None
    assert words in odd.problem
    assert (False, None) == (odd.exists, odd.current)
    assert web is not None
    assert 3 == web.current


def test_one_object_whose_scale_is_broken_costs_the_others_nothing(world: World) -> None:
    """The API server fails where spec.replicas is missing; that object alone is unknown."""
    asked = rollouts(world, *"abcdef")
    world.api.store.put(*(rollout(name, replicas=None if name in "abc" else 2) for name in "abcdef"))
    assert [None] * 3 + [2] * 3 == [one and one.current for one in world.read(*asked)]
    assert ["rollouts"] == list(world.reader.problems())


def test_a_fleet_whose_only_workload_is_broken_is_no_outage(world: World) -> None:
    """The API server is asked whether it is there."""
    asked = rollouts(world, "a")
    world.api.store.put(rollout("a", replicas=None))
    assert [None] == world.read(*asked)


def test_a_kind_whose_server_hangs_costs_its_time_once(world: World) -> None:
    """An extension's server that is away does not hold the cycle for each of its objects."""
    asked = rollouts(world, *(f"web-{i}" for i in range(20)))

    class Slow(Cluster):
        def get_scale(self, *place: str) -> dict[str, Any]:
            world.now += 4.0
            raise ClusterUnreachable("no answer")

    slow = WorkloadReader(Slow.of(world.api.configuration()), lambda: world.references, lambda: world.now)
    world.api.store.put(deployment("web"))
    assert {("shop", "Deployment", "web")} == set(slow.read([*asked, WEB]))
    assert 12.0 == world.now


# failures


def test_one_kind_that_is_forbidden_costs_the_others_nothing(world: World) -> None:
    """Its workloads are unknown, which is not the same as missing; the log says it once."""
    world.api.store.put(deployment("web"), stateful_set("db"))
    world.api.fail("statefulsets", 403)
    with capture_logs() as logs:
        for _ in range(3):
            web, db = world.read(WEB, ("shop", "db", "StatefulSet"))
        world.api.heal()
        _, back = world.read(WEB, ("shop", "db", "StatefulSet"))
    assert web is not None
    assert (3, None) == (web.current, db)
    assert back is not None
    assert [("warning", "statefulsets"), ("info", "statefulsets")] == [
        (e["log_level"], e["what"]) for e in logs
    ]
    assert "apply the ClusterRole helios" in logs[0]["fault"]


def test_forbidden_pods_cost_only_what_they_tell(world: World) -> None:
    """Replicas and requests are known without them."""
    world.api.store.put(deployment("web"), pod("web"))
    world.api.fail("pods", 403)
    found = world.one()
    assert (3, ASKED, None) == (found.current, found.requests, found.start_seconds)
    assert "may not list pods" in world.reader.problems()["pods"]


def test_pods_that_cannot_be_listed_are_said_so_until_they_can(world: World) -> None:
    """Also in the cycles between two tries."""
    world.api.store.put(deployment("web"), pod("web"))
    world.api.fail("pods", 403)
    with capture_logs() as logs:
        for world.now in (0.0, 10.0, 40.0):
            world.one()
            assert "pods" in world.reader.problems()
        world.api.heal()
        world.now = 80.0
        world.one()
    assert [("warning", "pods"), ("info", "pods")] == [(e["log_level"], e["what"]) for e in logs]


def test_pods_that_come_too_slowly_take_nothing_away(world: World) -> None:
    """What was learned stays, and is tried again."""
    world.api.store.put(deployment("web"), pod("web", start=25.0))
    world.one()
    world.api.fail("pods", 504)
    world.now = 301.0
    assert 25.0 == world.one().start_seconds


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_api_server_that_is_away_is_told_and_the_last_reading_stays(world: World, status: int) -> None:
    """Whoever reads may ask somebody else meanwhile."""
    world.api.store.put(deployment("web"))
    before = world.one()
    world.api.fail(code=status)
    with pytest.raises(ClusterUnreachable):
        world.one()
    assert {("shop", "Deployment", "web"): before} == world.reader.observed()


def test_an_api_server_that_is_away_is_told_for_other_kinds_too(world: World) -> None:
    """A fleet without Deployments has outages as well."""
    asked = rollouts(world, "a", "b")
    world.api.store.put(rollout("a"), rollout("b"))
    world.read(*asked)
    world.api.down()
    with pytest.raises(ClusterUnreachable):
        world.read(*asked)
