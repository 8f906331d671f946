"""The load: workloads whose pods live in the API server and whose demand follows a curve.

A shop looks at the live pods every second and shares each workload's demand among those that are ready. A pod cannot
use more than its limit, so shortage shows: in the metrics as a ceiling, and in the workload's own record as what was
not served. What it knows is told in two ways, see `exhibits` (Prometheus) and `meters` (metrics.k8s.io).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from tests.cluster.apis import Api, Object, Refused
from tests.cluster.demands import Demand
from tests.cluster.pods import Key, Pod

LOOK_SECONDS = 1.0
METER_SECONDS = 15.0
"""metrics.k8s.io tells the mean use of these, as metrics-server does at its usual resolution."""
FEW = 3
"""Up to so many namespaces are listed one by one; beyond it the whole cluster at once."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a workload.

    Attributes:
        when: UNIX seconds.
        demand: cores wanted.
        used: cores served, at most the limits of the ready pods.
        ready, pods: how many pods are ready, and how many there are.
        wanted: `spec.replicas`, None while the workload does not exist.
    """

    when: float
    demand: float
    used: float
    ready: int
    pods: int
    wanted: int | None

    @property
    def short(self) -> float:
        """Cores wanted and not served."""
        return max(0.0, self.demand - self.used)


@dataclass(eq=False)
class Workload:
    """One workload and its record.

    Attributes:
        namespace, name, kind: of a Deployment or StatefulSet; it need not exist yet.
        demand: its curve.
        memory: bytes of working set that each pod holds.
        samples: one a second since it was opened.
        pods: those seen at the last look.
        body: the object itself at the last look.
    """

    namespace: str
    name: str
    demand: Demand
    kind: str = "Deployment"
    memory: float = 200 * 2**20
    samples: list[Sample] = field(default_factory=list)
    pods: tuple[Pod, ...] = ()
    body: Object | None = None

    @property
    def wanted(self) -> int | None:
        """`spec.replicas` at the last look."""
        return None if self.body is None else self.body["spec"].get("replicas")

    @property
    def ready(self) -> tuple[Pod, ...]:
        """The pods that serve."""
        return tuple(pod for pod in self.pods if pod.ready_since is not None)

    def since(self, when: float) -> list[Sample]:
        """Its record from a moment on."""
        return [one for one in self.samples if one.when >= when]

    def short_seconds(self, since: float = 0.0) -> int:
        """In how many looks (one a second) more was wanted than served."""
        return sum(one.short > 1e-6 for one in self.since(since))


@dataclass(slots=True)
class _Use:
    """What a pod has used: core-seconds in total, and how they grew lately."""

    total: float = 0.0
    lately: deque[tuple[float, float]] = field(default_factory=deque)

    def add(self, amount: float, now: float) -> None:
        """So much more was used until `now`."""
        self.total += amount
        self.lately.append((now, self.total))
        while self.lately[0][0] < now - METER_SECONDS and len(self.lately) > 2:
            self.lately.popleft()

    def rate(self) -> float:
        """Cores, lately."""
        if len(self.lately) < 2:
            return 0.0
        (began, before), (ended, now) = self.lately[0], self.lately[-1]
        return (now - before) / (ended - began)


class Shop:
    """Looks while the block lasts. Its methods may be called from any thread."""

    def __init__(self, api: Api) -> None:
        """Nothing is looked at yet."""
        self._api = api
        self._lock = threading.RLock()
        self._workloads: list[Workload] = []
        self._replica_sets: dict[Key, str] = {}
        self._uses: dict[Key, _Use] = {}
        self._until = time.time()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shop", daemon=True)

    def open(self, namespace: str, name: str, demand: Demand, **more: Any) -> Workload:
        """Give a workload this demand from now on; `more` as in `Workload`."""
        workload = Workload(namespace, name, demand, **more)
        with self._lock:
            self._workloads.append(workload)
        return workload

    def close(self, namespace: str) -> None:
        """Forget a namespace's workloads."""
        with self._lock:
            self._workloads = [one for one in self._workloads if one.namespace != namespace]
            self._replica_sets = {key: of for key, of in self._replica_sets.items() if key[0] != namespace}

    def workloads(self, namespace: str | None = None) -> list[Workload]:
        """Those of a namespace, or all."""
        with self._lock:
            return [one for one in self._workloads if namespace in (None, one.namespace)]

    def replica_sets(self, namespace: str | None = None) -> dict[Key, str]:
        """(namespace, name) of a ReplicaSet -> its Deployment."""
        with self._lock:
            return {key: of for key, of in self._replica_sets.items() if namespace in (None, key[0])}

    def used(self) -> dict[Key, float]:
        """Core-seconds that each pod has used since it is there."""
        with self._lock:
            self._advance(time.time())
            return {key: use.total for key, use in self._uses.items()}

    def rates(self) -> dict[Key, float]:
        """Cores that each pod used in the last `METER_SECONDS`, or since it is there."""
        with self._lock:
            self._advance(time.time())
            return {key: use.rate() for key, use in self._uses.items()}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            # Without an API server pods go on as they were, and are still measured.
            try:
                seen = self._look()
            except (httpx.HTTPError, Refused):
                seen = None
            with self._lock:
                now = time.time()
                self._advance(now)
                if seen is not None:
                    self._take(*seen)
                for one in self._workloads:
                    one.samples.append(_sample(one, now))

    def _look(self) -> tuple[list[Object], list[Object], list[Object]]:
        """Pods, ReplicaSets, workloads of the namespaces that matter."""
        namespaces = sorted({one.namespace for one in self.workloads()})
        kinds = sorted({one.kind for one in self.workloads()})
        where: list[str | None] = [*namespaces] if len(namespaces) <= FEW else [None]

        def objects(kind: str) -> list[Object]:
            return [{"kind": kind, **one} for place in where for one in self._api.objects(kind, place)]

        return objects("Pod"), objects("ReplicaSet"), [one for kind in kinds for one in objects(kind)]

    def _take(self, pods: list[Object], sets: list[Object], bodies: list[Object]) -> None:
        for replica_set in sets:
            owners = replica_set["metadata"].get("ownerReferences", [])
            if owners:
                self._replica_sets[_key(replica_set)] = owners[0]["name"]
        found = {(body["kind"], *_key(body)): body for body in bodies}
        owned: dict[tuple[str, str, str], list[Pod]] = {}
        for pod in filter(None, map(Pod.of, pods)):
            owned.setdefault((pod.namespace, *self._workload_of(pod)), []).append(pod)
        for one in self._workloads:
            one.body = found.get((one.kind, one.namespace, one.name))
            one.pods = tuple(owned.get((one.namespace, one.kind, one.name), ()))
        alive = {pod.key for one in self._workloads for pod in one.pods}
        self._uses = {key: use for key, use in self._uses.items() if key in alive}

    def _workload_of(self, pod: Pod) -> tuple[str, str]:
        kind, name = pod.owner
        deployment = self._replica_sets.get((pod.namespace, name)) if kind == "ReplicaSet" else None
        return ("Deployment", deployment) if deployment is not None else (kind, name)

    def _advance(self, now: float) -> None:
        """Let every pod use its share of what was wanted since the last time."""
        seconds = now - self._until
        if seconds <= 0:
            return
        middle, self._until = now - seconds / 2, now
        for one in self._workloads:
            share = _share(one, middle)
            for pod in one.pods:
                use = self._uses.setdefault(pod.key, _Use())
                use.add(share.get(pod.name, 0.0) * seconds, now)


def _share(workload: Workload, when: float) -> dict[str, float]:
    """Cores that each ready pod uses: evenly, and at most its limit."""
    ready = workload.ready
    each = workload.demand(when) / len(ready) if ready else 0.0
    return {pod.name: min(each, pod.cpu_limit) for pod in ready}


def _sample(workload: Workload, now: float) -> Sample:
    used = sum(_share(workload, now).values())
    demand, ready = workload.demand(now), len(workload.ready)
    return Sample(now, demand, used, ready, len(workload.pods), workload.wanted)


def _key(body: Object) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]
