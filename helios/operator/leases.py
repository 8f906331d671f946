"""Which of several operators acts: one holds a Lease, the others watch it and take it when it is given up or not renewed.

As `client-go/tools/leaderelection` does it: a record is judged by the own clock, from when it was seen to change, and never by
the times in it; every write is conditional on the version that was read. Stricter in one point: whoever holds the lease
believes so only for two thirds of its time, counted from before the renewal was asked for, by a clock that runs on while the
process is frozen or the machine sleeps. So it is silent before another can begin, even if it cannot know. A request that
was on its way when the process froze is the one thing that this does not stop.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Self

import structlog
from prometheus_client import CollectorRegistry, Gauge

from helios.errors import ClusterConflict, ClusterError, ClusterMissing

API_VERSION, KIND, PLURAL = "coordination.k8s.io/v1", "Lease", "leases"
URL = "helios.dev/url"
"""Annotation: where the holder's own server is."""

RENEWED = 2 / 3
"""Of the lease's time: so long a renewal counts for its holder; as with client-go's 10 s of 15."""
RETRY = 2 / 15
"""Of the lease's time: between two tries."""
JITTER = 0.2
"""Those who stand by wait up to so much longer, so that they do not all ask at once."""

log = structlog.get_logger("helios.operator")


def elapsed() -> float:
    """Seconds that only move forward, also while the machine sleeps, where it has such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def lease_gauge(registry: CollectorRegistry, held: Callable[[], bool]) -> None:
    """Tell in `registry` whether this operator acts, as of each scrape."""
    gauge = Gauge(
        "helios_lease_held",
        "Whether this operator publishes and writes (0/1): it holds the lease, or there is none",
        registry=registry,
    )
    gauge.set_function(lambda: float(held()))


class Door(Protocol):
    """What is asked of the API server here; `helios.operator.clusters.Cluster` does it."""

    def get(self, api_version: str, plural: str, namespace: str, name: str) -> Mapping[str, Any]:
        """One object."""

    def create(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """Create it."""

    def replace(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """Put it in the place of the version that it names."""

    def close(self) -> None:
        """End the connections."""


@dataclass(frozen=True, slots=True)
class Candidacy:
    """Who wants which lease.

    Attributes:
        namespace, name: of the Lease.
        identity: another one for each process that could run at the same time.
        url: where the own server is, for those who will stand by.
        seconds: of the lease.
    """

    namespace: str
    name: str
    identity: str
    url: str
    seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says; what it does not say, or says in nonsense, as if it were held by nobody.

    Attributes:
        holder: identity; empty: nobody.
        url: of the holder's own server, if it says so.
        seconds: of the lease, as its holder has it; NaN where it does not say.
        transitions: how often it changed hands.
        acquired: when the holder took it, as it wrote it.
    """

    holder: str = ""
    url: str | None = None
    seconds: float = math.nan
    transitions: int = 0
    acquired: str | None = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Read an object as the API server gives it."""
        spec = body.get("spec") or {}
        annotations = (body.get("metadata") or {}).get("annotations") or {}
        seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
        return cls(
            holder=str(spec.get("holderIdentity") or ""),
            url=annotations.get(URL),
            seconds=float(seconds) if isinstance(seconds, int) else math.nan,
            transitions=transitions if isinstance(transitions, int) else 0,
            acquired=spec.get("acquireTime"),
        )


class Elector:
    """One thread's work, and for all threads the word whether this operator acts.

    Attributes:
        looked: set once the lease was looked at for the first time, or could not be.

    Args:
        candidacy: who wants which lease.
        door: to the API server; closed at the end. Of its own, so that no list keeps a renewal waiting.
        follow: told after each look where the holder's server is; None where this is the holder, or nobody is known.
        won: called when the lease was taken.
        timer: seconds that only move forward.
        wall: UNIX seconds, for what people read in the Lease.
        chance: from 0 to 1, for the jitter.
    """

    def __init__(
        self,
        candidacy: Candidacy,
        door: Door,
        *,
        follow: Callable[[str | None], None] = lambda _: None,
        won: Callable[[], None] = lambda: None,
        timer: Callable[[], float] = elapsed,
        wall: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._candidacy, self._door, self._follow, self._won = candidacy, door, follow, won
        self._timer, self._wall, self._chance = timer, wall, chance
        self._until = -math.inf
        self._body: Mapping[str, Any] | None = None
        self._record, self._seen_at = Record(), -math.inf
        self._acting = False
        self._said: str | None = None
        self.looked = threading.Event()

    def held(self) -> bool:
        """Whether this operator acts just now; from any thread, and never wrong by more than a request on its way."""
        return self._timer() < self._until

    def lapsed(self) -> bool:
        """Whether this operator was the last one that held the lease, and could not renew it in time."""
        return self._is_mine() and not self.held()

    def run(self, stop: threading.Event) -> None:
        """Try until `stop` is set, then give the lease up."""
        try:
            while not stop.is_set():
                self.attempt()
                stop.wait(self.pause())
            self.release()
        finally:
            self._until = -math.inf
            self._follow(None)
            self._door.close()

    def attempt(self) -> bool:
        """Renew the lease, or take it if it may be taken; whether that worked. Why not is said once."""
        began = self._timer()
        try:
            worked = self._renewed_or_taken()
        except ClusterError as error:
            worked = False
            self._say(str(error))
        except Exception as error:  # noqa: BLE001 - whatever a server answers, the next try comes
            worked = False
            self._say(f"{type(error).__name__}: {error}")
        else:
            self._reached()
        if worked:
            self._until = began + RENEWED * self._candidacy.seconds
        self._tell()
        self.looked.set()
        return worked

    def pause(self) -> float:
        """Seconds until the next try; who stands by is there when the lease runs out."""
        retry = RETRY * self._candidacy.seconds
        if self._is_mine():
            return retry
        left = self._seen_at + self._seconds() - self._timer()
        waiting = retry * (1 + JITTER * self._chance())
        return min(waiting, left) if self._record.holder and left > 0 else waiting

    def release(self) -> None:
        """Give the lease up, if it is held; whoever stands by takes it with its next try. Silent from the beginning of this."""
        self._until = -math.inf
        if not self._is_mine():
            return
        try:
            body = self._door.get(API_VERSION, PLURAL, self._candidacy.namespace, self._candidacy.name)
            if Record.of(body).holder == self._candidacy.identity:
                self._see(self._door.replace(self._manifest(body, holder="")))
                log.info("lease released", lease=self._where)
        except ClusterError as error:
            log.warning("lease not released: another operator waits for its end", fault=str(error))
        self._acting = False

    @property
    def _where(self) -> str:
        return f"{self._candidacy.namespace}/{self._candidacy.name}"

    def _is_mine(self) -> bool:
        return self._record.holder == self._candidacy.identity

    def _seconds(self) -> float:
        """The lease's time as its holder promised it."""
        return self._candidacy.seconds if math.isnan(self._record.seconds) else self._record.seconds

    def _renewed_or_taken(self) -> bool:
        mine, where = self._candidacy, (self._candidacy.namespace, self._candidacy.name)
        # 1 who holds it renews what was seen last, without a look
        if self._is_mine() and self._body is not None:
            try:
                self._see(self._door.replace(self._manifest(self._body)))
            except (ClusterConflict, ClusterMissing):
                pass  # somebody else has written, or deleted it
            else:
                return True
        # 2 what there is
        there = True
        try:
            self._see(self._door.get(API_VERSION, PLURAL, *where))
        except ClusterMissing:  # whoever held it may not know that yet
            there = False
        # 3 another holds it, and its time is not over by the clock here
        if self._record.holder not in {"", mine.identity}:
            self._until = -math.inf
            if self._timer() < self._seen_at + self._seconds():
                return False
        if not there:
            self._see(self._door.create(self._manifest({})))
            return True
        # 4 it is free, run out, or one's own
        self._see(self._door.replace(self._manifest(self._body or {})))
        return True

    def _see(self, body: Mapping[str, Any]) -> None:
        """Keep what the API server says; its time begins anew where the record is another."""
        if self._body is None or body.get("spec") != self._body.get("spec"):
            self._seen_at = self._timer()
        self._body, self._record = body, Record.of(body)

    def _manifest(self, body: Mapping[str, Any], holder: str | None = None) -> dict[str, Any]:
        """The Lease as it is to be: held by this operator, or by `holder` (empty: nobody). The rest stays as it was."""
        mine, before, now = self._candidacy, Record.of(body), _stamp(self._wall())
        held_by = mine.identity if holder is None else holder
        stays = before.holder == held_by
        changed = not stays and bool(held_by) and bool(body)
        metadata = {**(body.get("metadata") or {}), "namespace": mine.namespace, "name": mine.name}
        annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != URL}
        metadata["annotations"] = annotations | ({URL: mine.url} if held_by else {})
        spec = {
            **(body.get("spec") or {}),
            "holderIdentity": held_by,
            "leaseDurationSeconds": round(mine.seconds) if held_by else 1,
            "acquireTime": before.acquired if stays and before.acquired else now,
            "renewTime": now,
            "leaseTransitions": before.transitions + changed,
        }
        return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}

    def _tell(self) -> None:
        """To the log, and to those who follow, where something has changed."""
        held, before = self.held(), self._acting
        self._acting = held
        if held and not before:
            log.info("lease taken: this operator publishes and writes", lease=self._where)
            self._won()
        elif before and not held:
            log.warning("lease lost: this operator is silent", lease=self._where, holder=self._record.holder)
        self._follow(None if self._is_mine() or not self._record.holder else self._record.url)

    def _say(self, fault: str) -> None:
        if fault != self._said:
            log.warning("lease not reached", lease=self._where, fault=fault)
        self._said = fault

    def _reached(self) -> None:
        if self._said is not None:
            log.info("lease reached again", lease=self._where, holder=self._record.holder)
        self._said = None


def _stamp(seconds: float) -> str:
    """As a MicroTime of Kubernetes."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
