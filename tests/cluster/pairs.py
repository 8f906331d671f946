"""Two pods of Helios beside one workload in Autoscale, and one lease: what tests of a takeover share.

Which pod runs, which ends and how, and what is to become of it are each test file's own.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import steady
from tests.cluster.exhibits import Past
from tests.cluster.helioses import DAY_SECONDS, STEP_SECONDS, Helios, helios_target
from tests.cluster.places import Place
from tests.cluster.prometheuses import Prometheus
from tests.cluster.waits import wait_until

DEMAND, REQUEST, UTILIZATION = 2.6, 0.5, 70
REPLICAS = math.ceil(DEMAND / (UTILIZATION / 100 * REQUEST))
"""By the reactive path and by a forecast alike, whichever is trusted. The cpu trigger, at 80 %, would have one less."""

NAMES = ("helios-0", "helios-1")
LEASE_SECONDS = 6
RETRY_SECONDS = LEASE_SECONDS * 2 / 15
SCRAPE_SECONDS = 1.0
SLACK_SECONDS = 2.0
"""Of two busy cores."""
TAKEOVER_SECONDS = LEASE_SECONDS + 1.2 * RETRY_SECONDS + SCRAPE_SECONDS + SLACK_SECONDS
"""From the holder's last word to the API server until the other's number is in Prometheus, at most."""


class Watch:
    """The replicas of a workload, looked at each second while the block lasts."""

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
class Pair:
    """A workload in Autoscale, and two pods, of which either may be the holder.

    Attributes:
        pods: by name, which is their job in Prometheus, too.
        began: before anything ran.
        mark: the same moment, of the audit log.
        outages: when the API server was ended and when it was back, by turns.
    """

    plane: ControlPlane
    namespace: str
    prometheus: Prometheus
    pods: Mapping[str, Helios]
    began: float
    mark: int
    outages: list[float] = field(default_factory=list)

    @property
    def holder(self) -> str:
        """Which pod the lease names; empty: none."""
        found = self.plane.api.get("Lease", "helios", "helios") or {}
        return str(found.get("spec", {}).get("holderIdentity") or "").partition("_")[0]

    def standby(self) -> str:
        """The other one."""
        return next(name for name in self.pods if name != self.holder)

    def start(self, name: str) -> None:
        """Start what does not run of a pod."""
        for process in (self.pods[name].operator, self.pods[name].serve):
            process.thaw() if process.running else process.start()

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
        stored = self.prometheus.samples(f"{self.signal()}[{self._seconds()}s]")
        return {labels["job"]: [when for when, _ in samples] for labels, samples in stored}

    def speakers(self) -> list[str]:
        """Who said the number, by turns, from every stored sample: two at a time would change from one to the next and back."""
        words = sorted((when, job) for job, times in self.spoken().items() for when in times)
        return [job for n, (_, job) in enumerate(words) if n == 0 or words[n - 1][1] != job]

    def most_at_a_time(self) -> float | None:
        """How many said the number at one time, as Prometheus sees it, at most."""
        together = f"count(count by (job) ({self.signal()}))"
        return self.prometheus.value(f"max_over_time(({together})[{self._seconds()}s:1s])")

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
        """The standby has ended two more cycles, so begun one at least, and has no fault to find with what it took before it."""
        pod = self.pods[self.standby()]
        before = _cycles(pod)
        wait_until(
            lambda: (_cycles(pod) - before, _inherits(pod)),
            60,
            "the standby is warm",
            accept=lambda seen: seen[0] >= 2 and seen[1],
            every=0.2,
        )

    def fallback(self) -> str:
        """KEDA's condition."""
        made = self.plane.api.get("ScaledObject", "web", self.namespace) or {}
        found = (c["status"] for c in made.get("status", {}).get("conditions", []) if c["type"] == "Fallback")
        return next(found, "")

    def most(self) -> int:
        """How many replicas the ScaledObject allows, as an operator has written it."""
        made = self.plane.api.get("ScaledObject", "web", self.namespace) or {}
        return int(made.get("spec", {}).get("maxReplicaCount", 0))

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

    def shown(self, name: str, path: str) -> Any:
        """What a pod answers, but for the time at which it was written down."""
        answer = httpx.get(f"{self.pods[name].url}{path}", timeout=10, trust_env=False).raise_for_status()
        found = answer.json()
        found.pop("generated_at", None)
        return found

    def show_the_same(self, path: str = "/targets") -> Any:
        """Wait until both pods answer the same, and return it."""
        both = wait_until(
            lambda: [self.shown(name, path) for name in self.pods],
            20,
            f"both show the same at {path}",
            accept=lambda seen: seen[0] == seen[1],
            every=0.1,
        )
        return both[0]

    def _seconds(self) -> int:
        """Since the scene began, and a little before."""
        return math.ceil(time.time() - self.began) + 5


def _cycles(pod: Helios) -> float:
    """How many cycles it has ended; from itself, as what Prometheus has is of before."""
    text = httpx.get(f"{pod.operator_url}/metrics", timeout=10, trust_env=False).text
    return next(
        float(line.split()[1]) for line in text.splitlines() if line.startswith("helios_cycles_total ")
    )


def _inherits(pod: Helios) -> bool:
    """Whether its present process has no fault to find with what it takes from the holder, by its log."""
    faulty = False
    for line in pod.operator.log.read_text(encoding="utf-8").splitlines():
        if "Started server process" in line or "the holder's decisions are taken again" in line:
            faulty = False
        elif "nothing taken from the holder of the lease" in line:
            faulty = True
    return not faulty


@contextmanager
def paired(place: Place, ways: Mapping[str, str] | None = None) -> Iterator[Pair]:
    """The workload serves, Prometheus knows its past, the target is there; the pods do not run yet. They end with the block.

    Args:
        place: an empty one.
        ways: where a pod finds the API server, by the pod's name; it goes there directly where there is none.
    """
    pods = {"web": Past(replicas=REPLICAS, request=REQUEST, limit=1.0)}
    began, mark = time.time(), place.plane.audit.mark()
    workloads = place.serving({"web": steady(DEMAND)}, pods)
    prometheus = Prometheus(place.folder / "prometheus")
    with ExitStack() as stack:
        stack.enter_context(place.remembering(prometheus, workloads, pods, seconds=2 * DAY_SECONDS))
        made = {name: _pod(place, prometheus, name, (ways or {}).get(name)) for name in NAMES}
        for one in made.values():
            stack.push(one)
        both = {"max": UTILIZATION, "reactive": UTILIZATION}
        place.plane.apply(helios_target(place.namespace, "web", mode="Autoscale", utilization=both))
        yield Pair(place.plane, place.namespace, prometheus, made, began, mark)
        place.plane.kubectl("delete", "heliostargets", "--all", "--namespace", place.namespace, "--wait=true")


def _pod(place: Place, prometheus: Prometheus, name: str, server: str | None) -> Helios:
    """One pod: a volume of its own, and the lease that both know."""
    own = place.folder / name
    own.mkdir()
    lease: dict[str, Any] = {
        "name": "helios",
        "namespace": "helios",
        "seconds": LEASE_SECONDS,
        "identity": f"{name}_uid",
    }
    return Helios(place.plane, prometheus, own, job=name, server=server, operator={"lease": lease})
