"""Two pods of Helios, one lease: only its holder publishes and writes, and whoever takes over goes on where it was."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.cluster.conftest import NewNamespace, Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import steady
from tests.cluster.exhibits import Past, past
from tests.cluster.helioses import DAY_SECONDS, STEP_SECONDS, USER, Helios, helios_target, install
from tests.cluster.manifests import deployment
from tests.cluster.prometheuses import Prometheus
from tests.cluster.servers import Server
from tests.cluster.shops import Shop
from tests.cluster.waits import wait_until

pytestmark = pytest.mark.timeout(900)

DEMAND, REQUEST, UTILIZATION = 2.6, 0.5, 70
REPLICAS = math.ceil(DEMAND / (UTILIZATION / 100 * REQUEST))
"""By the reactive path and by a forecast alike, whichever is trusted. The cpu trigger, at 80 %, would have one less."""

LEASE_SECONDS = 6
RETRY_SECONDS = LEASE_SECONDS * 2 / 15
SCRAPE_SECONDS = 1.0
SLACK_SECONDS = 2.0
"""Of two busy cores."""


class Watch:
    """The replicas of a workload, looked at each second while the block lasts, and what was written meanwhile."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._plane, self._namespace = plane, namespace
        self._stop = threading.Event()
        self.seen: list[int] = []
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._stop.wait(1.0):
            self.seen.append(self._plane.replicas(self._namespace, "web") or 0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@dataclass(frozen=True)
class Scene:
    """A workload in Autoscale, and two pods, of which either may be the holder."""

    plane: ControlPlane
    namespace: str
    prometheus: Prometheus
    pods: dict[str, Helios]
    began: float
    mark: int
    outages: list[float]

    @property
    def holder(self) -> str:
        """Which pod the lease names; empty: none."""
        found = self.plane.api.get("Lease", "helios", "helios") or {}
        return str(found.get("spec", {}).get("holderIdentity") or "").partition("_")[0]

    def standby(self) -> str:
        """The other one."""
        return next(name for name in self.pods if name != self.holder)

    def signal(self, job: str = "") -> str:
        """The gauge that KEDA's query reads, by whoever says it or by one."""
        of = f',job="{job}"' if job else ""
        return f'helios_scaling_signal{{namespace="{self.namespace}",deployment="web"{of}}}'

    def published(self) -> bool:
        """Whether Prometheus has the gauge now."""
        return bool(self.prometheus.query(self.signal()))

    def ledger_hours(self) -> float:
        """Replica-hours as they ran, as published."""
        one = f'helios_ledger_replica_hours{{namespace="{self.namespace}",deployment="web",path="actual"}}'
        return self.prometheus.value(f"max({one})") or 0.0

    def spoken(self) -> dict[str, list[float]]:
        """When each pod said the number, as stored: every sample's own time, since the scene began."""
        seconds = math.ceil(time.time() - self.began) + 5
        stored = self.prometheus.samples(f"{self.signal()}[{seconds}s]")
        return {labels["job"]: [when for when, _ in samples] for labels, samples in stored}

    def settled(self) -> None:
        """One publishes, the other stands by, KEDA uses the number, the replicas fit."""
        wait_until(self.published, 60, "the gauge is there", every=0.2)
        wait_until(
            lambda: {job: self.prometheus.value(f'helios_lease_held{{job="{job}"}}') for job in self.pods},
            60,
            "one holds the lease, the other does not",
            accept=lambda held: sorted(map(str, held.values())) == ["0.0", "1.0"],
        )
        wait_until(self.fallback, 90, "KEDA is out of its fallback", accept=lambda s: s == "False")
        wait_until(
            lambda: self.plane.replicas(self.namespace, "web"),
            120,
            "the replicas fit",
            accept=lambda n: n is not None and n >= REPLICAS,
        )

    def warmed(self) -> None:
        """The standby has begun two more cycles, and has taken before each what the holder decided."""
        cycles = f'helios_cycles_total{{job="{self.standby()}"}}'
        before = self.prometheus.value(cycles) or 0.0
        wait_until(
            lambda: self.prometheus.value(cycles) or 0.0,
            60,
            "the standby is warm",
            accept=lambda now: now >= before + 2,
            every=0.2,
        )

    def fallback(self) -> str:
        """KEDA's condition."""
        made = self.plane.api.get("ScaledObject", "web", self.namespace) or {}
        found = (c["status"] for c in made.get("status", {}).get("conditions", []) if c["type"] == "Fallback")
        return next(found, "")

    def ledger_goes_on(self, hours: float) -> float:
        """Wait, two cycles at most, until the ledger spans what it did; a cold one would be as late as it began."""
        return wait_until(
            self.ledger_hours, 2 * STEP_SECONDS, "the ledger goes on", accept=lambda h: h >= hours, every=0.2
        )

    def taken_over(self, by: str, since: float, seconds: float) -> float:
        """Wait until the number of this pod is in Prometheus; seconds from `since` until it was said."""
        said = wait_until(
            lambda: [when for when in self.spoken().get(by, ()) if when > since],
            seconds + 10,
            f"{by} publishes",
            every=0.2,
        )
        return min(said) - since


def pod(plane: ControlPlane, prometheus: Prometheus, folder: Path, name: str) -> Helios:
    """One pod: a volume of its own, and the lease that both know."""
    own = folder / name
    own.mkdir()
    lease: dict[str, Any] = {
        "name": "helios",
        "namespace": "helios",
        "seconds": LEASE_SECONDS,
        "identity": f"{name}_uid",
    }
    return Helios(plane, prometheus, own, job=name, operator={"lease": lease})


@pytest.fixture(scope="module")
def scene(
    keda: object,
    plane: ControlPlane,
    shop: Shop,
    new_namespace: NewNamespace,
    exposition: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """The first pod has scored for a while when the second, which knows nothing, comes beside it."""
    install(plane)
    namespace, folder = new_namespace("two-pods"), tmp_path_factory.mktemp("two-pods")
    workload = shop.open(namespace, "web", steady(DEMAND))
    plane.apply(deployment(namespace, "web", replicas=REPLICAS, limit="1"))
    wait_until(lambda: len(workload.ready), 60, "all pods are ready", accept=lambda n: n == REPLICAS)
    now = time.time()
    how = Past(replicas=REPLICAS, request=REQUEST, limit=1.0)
    history = past(
        folder / "past.txt", workload, how, start=now - 2 * DAY_SECONDS, end=now, labels={"job": "shop"}
    )
    with ExitStack() as stack:
        prometheus = Prometheus(folder / "prometheus")
        prometheus.load(history)
        prometheus.scrape("shop", exposition.address, f"/metrics/{namespace}")
        stack.enter_context(prometheus)
        mark = plane.audit.mark()
        pods = {name: pod(plane, prometheus, folder, name) for name in ("helios-0", "helios-1")}
        made = Scene(plane, namespace, prometheus, pods, now, mark, [])
        stack.enter_context(pods["helios-0"])
        both = {"max": UTILIZATION, "reactive": UTILIZATION}
        plane.apply(helios_target(namespace, "web", mode="Autoscale", utilization=both))
        wait_until(made.ledger_hours, 90, "the first has a ledger", accept=lambda h: h > 0, every=0.5)
        time.sleep(4 * STEP_SECONDS)
        stack.enter_context(pods["helios-1"])
        made.settled()
        yield made
        plane.kubectl("delete", "heliostargets", "--all", "--namespace", namespace, "--wait=true")


@pytest.fixture(autouse=True)
def _whole(scene: Scene) -> None:
    """What a test before this one has killed, frozen or ended is there again, and one of the two holds the lease."""
    if not scene.plane.apiserver.running:
        scene.plane.apiserver.start()
    for one in scene.pods.values():
        for process in (one.operator, one.serve):
            process.thaw() if process.running else process.start()
    scene.settled()
    scene.warmed()


def test_the_second_pod_stands_by_and_shows_what_the_first_one_says(scene: Scene) -> None:
    """It has no gauge of a target, holds no lease, and answers as the holder does; its page's stream goes on."""
    assert "helios-0" == scene.holder
    other = scene.pods["helios-1"]
    for url in (other.url, other.operator_url):
        text = httpx.get(f"{url}/metrics", trust_env=False).text
        assert "helios_scaling_signal{" not in text
        assert "helios_lease_held 0.0" in text
    for path in ("/targets", f"/targets/{scene.namespace}/web", f"/targets/{scene.namespace}/web/history"):
        wait_until(
            lambda path=path: [shown(one, path) for one in scene.pods.values()],
            20,
            f"both show the same at {path}",
            accept=lambda seen: seen[0] == seen[1],
            every=0.1,
        )
    with httpx.stream("GET", f"{other.url}/events", timeout=20, trust_env=False) as stream:
        cycles = (line for line in stream.iter_lines() if line.startswith("data:"))
        assert next(cycles) != next(cycles)


def shown(one: Helios, path: str) -> Any:
    """What a pod answers, but for the time at which it was written down."""
    answer = httpx.get(f"{one.url}{path}", timeout=10, trust_env=False).raise_for_status().json()
    answer.pop("generated_at", None)
    return answer


def test_a_holder_that_is_killed_is_followed_within_the_leases_time(scene: Scene, tell: Tell) -> None:
    """-9, the whole pod: the other publishes, nothing scales in, and the ledger goes on, though it began later."""
    gone, heir = scene.holder, scene.standby()
    hours = scene.ledger_hours()
    with Watch(scene.plane, scene.namespace) as watch:
        scene.pods[gone].operator.kill()
        scene.pods[gone].serve.kill()
        killed = time.time()
        took = scene.taken_over(heir, killed, LEASE_SECONDS)
        taken = scene.ledger_goes_on(hours)
        time.sleep(30)  # two periods of the HPA, and as long as its window for scale-in
    tell({"seconds_to_takeover": round(took, 1), "hours_before": hours, "hours_after": taken})
    assert LEASE_SECONDS + 1.2 * RETRY_SECONDS + SCRAPE_SECONDS + SLACK_SECONDS >= took
    assert min(watch.seen) >= REPLICAS
    scene.pods[gone].operator.start()
    scene.pods[gone].serve.start()
    scene.settled()
    assert heir == scene.holder


def test_a_holder_that_freezes_is_silent_with_its_first_answer_after_the_thaw(scene: Scene) -> None:
    """The other has taken over meanwhile; the old one writes and publishes nothing more, and follows it."""
    frozen, heir = scene.holder, scene.standby()
    with Watch(scene.plane, scene.namespace) as watch:
        scene.pods[frozen].operator.freeze()
        since = time.time()
        scene.taken_over(heir, since, LEASE_SECONDS)
        scene.pods[frozen].operator.thaw()
        for _ in range(50):
            text = httpx.get(f"{scene.pods[frozen].operator_url}/metrics", trust_env=False).text
            assert "helios_scaling_signal{" not in text
            assert "helios_lease_held 0.0" in text
        scene.settled()
    assert min(watch.seen) >= REPLICAS
    assert heir == scene.holder
    wait_until(
        lambda: [shown(one, "/targets") for one in scene.pods.values()],
        20,
        "the thawed one shows what the other says",
        accept=lambda seen: seen[0] == seen[1],
        every=0.1,
    )


def test_a_holder_that_is_told_to_end_gives_the_lease_up(scene: Scene, tell: Tell) -> None:
    """After its last pass: the other takes over in about a retry period, not in the lease's time."""
    ended, heir = scene.holder, scene.standby()
    hours = scene.ledger_hours()
    with Watch(scene.plane, scene.namespace) as watch:
        told = time.time()
        assert 0 == scene.pods[ended].operator.stop()
        scene.taken_over(heir, told, LEASE_SECONDS)
        words = scene.spoken()
        scene.ledger_goes_on(hours)
    took = min(when for when in words[heir] if when > told) - max(words[ended])
    tell({"seconds_between_their_last_and_first_numbers": round(took, 1)})
    assert 1.2 * RETRY_SECONDS + SCRAPE_SECONDS + SLACK_SECONDS >= took
    assert min(watch.seen) >= REPLICAS
    assert "Traceback" not in scene.pods[ended].operator.log.read_text()


def test_without_an_api_server_both_are_silent_and_one_goes_on_when_it_is_back(scene: Scene) -> None:
    """Nobody could take over, and nobody can know: nothing is published, nothing scales, and the page goes on."""
    scene.plane.apiserver.kill()
    scene.outages.append(time.time())
    wait_until(
        scene.published, LEASE_SECONDS, "the gauge vanishes", accept=lambda there: not there, every=0.2
    )
    for one in scene.pods.values():
        assert "helios_lease_held 0.0" in httpx.get(f"{one.operator_url}/metrics", trust_env=False).text
    both = wait_until(
        lambda: [shown(one, "/targets") for one in scene.pods.values()],
        20,
        "both pages go on, and say so",
        accept=lambda seen: all("lease" in one["faults"] for one in seen),
        every=0.2,
    )
    assert [["web"]] * 2 == [[target["deployment"] for target in one["targets"]] for one in both]
    scene.plane.apiserver.start()
    scene.outages.append(time.time())
    wait_until(scene.published, 30, "the gauge is back", every=0.2)
    scene.settled()  # whoever asks first after an outage longer than the lease may have it


def test_never_did_two_speak_at_a_time(scene: Scene, tell: Tell) -> None:
    """By every sample that Prometheus has stored: a pod's numbers end before another's begin."""
    words = sorted((when, job) for job, times in scene.spoken().items() for when in times)
    speakers = [job for n, (_, job) in enumerate(words) if n == 0 or words[n - 1][1] != job]
    assert {"helios-0", "helios-1"} == set(speakers)
    assert 6 >= len(speakers)
    seconds = math.ceil(time.time() - scene.began)
    together = f"count(count by (job) ({scene.signal()}))"
    assert 1.0 == scene.prometheus.value(f"max_over_time(({together})[{seconds}s:1s])")
    tell({"speakers": speakers})


def test_nothing_of_all_this_was_forbidden(scene: Scene) -> None:
    """Not one request, under the shipped roles; a server that has just begun knows no roles yet."""
    began, ready = scene.outages
    refused = scene.plane.audit.forbidden(user=USER, since=scene.mark)
    assert [] == [
        one for one in refused if not began <= datetime.fromisoformat(one.when).timestamp() <= ready + 5
    ]
