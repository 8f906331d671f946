"""The operator's threads: the watch, the lister, the reconciler, the elector, and the scoring loop; started and ended in order.

Each does one thing and none waits for another's outside system: an API server that is away does not stop the scoring, a
slow Prometheus does not stop the watch.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from helios.errors import ClusterError, ClusterMissing
from helios.operator.leases import Elector
from helios.operator.reconcilers import Door, Reconciler
from helios.operator.registries import Registry
from helios.operator.resources import API_VERSION, PLURAL

RETRY_SECONDS = 5.0
SETTLE_SECONDS = 2.0
"""A watch that lists anew tells of every object; the list of our own waits until that is over."""

ENDING_SECONDS = 10.0
"""So long the threads have, together, for what they are doing."""

LOOKING_SECONDS = 5.0
"""So long the first cycle waits for a look at the lease: without one it would not know whom to go on from."""

log = structlog.get_logger("helios.operator")


class Lister:
    """Lists all targets at the start, now and then, and when the watch had to begin anew.

    Args:
        registry: whom to tell.
        door: the API server.
        seconds: between two lists.
    """

    def __init__(
        self, registry: Registry, door: Door, *, seconds: float, retry: float = RETRY_SECONDS
    ) -> None:
        self._registry, self._door, self._seconds, self._retry = registry, door, seconds, retry
        self._wanted = threading.Event()
        self._said: str | None = None

    def nudge(self) -> None:
        """Ask for a list soon; from any thread."""
        self._wanted.set()

    def run(self, stop: threading.Event) -> None:
        """List until `stop` is set and somebody nudges."""
        due = 0.0
        while not stop.is_set():
            if time.monotonic() >= due:
                self._wanted.clear()
                due = time.monotonic() + (self._seconds if self.list() else self._retry)
            if self._wanted.wait(max(0.0, due - time.monotonic())):
                self._wanted.clear()
                due = min(due, time.monotonic() + SETTLE_SECONDS)
                stop.wait(min(SETTLE_SECONDS, max(0.0, due - time.monotonic())))

    def list(self) -> bool:
        """List once; whether it worked. Why not is said once."""
        since = self._registry.begin_listing()
        try:
            new, gone = self._registry.take(self._door.list(API_VERSION, PLURAL), since)
        except ClusterMissing:
            self._say("the HeliosTarget resource is not installed: helios crd | kubectl apply -f -")
        except ClusterError as error:
            self._say(str(error))
        except Exception as error:  # noqa: BLE001 - whatever a server lists, the next list comes
            self._say(f"{type(error).__name__}: {error}")
        else:
            self._said = None
            if new or gone:
                log.info("targets listed", known=len(self._registry), unseen=new, vanished=gone)
            return True
        return False

    def _say(self, fault: str) -> None:
        if fault != self._said:
            log.warning("targets not listed", fault=fault)
        self._said = fault


@dataclass(frozen=True, slots=True)
class Operator:
    """All threads of one operator.

    Attributes:
        registry: the targets.
        lister: lists them.
        reconciler: writes what was found out.
        watch: runs until the event is set.
        score: the scoring loop; runs in the calling thread until the event is set, and finishes its cycle.
        cycled: set by the scoring loop after each cycle.
        beat: called while the targets are waited for: who waits for an API server does not hang.
        elector: finds out whether this operator acts; None: it always does.
    """

    registry: Registry
    lister: Lister
    reconciler: Reconciler
    watch: Callable[[threading.Event], None]
    score: Callable[[threading.Event], None]
    cycled: threading.Event
    beat: Callable[[], None] = lambda: None
    elector: Elector | None = None

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set; a cycle once begun, and its writes, are finished, and then the lease is given up."""
        # 1 the targets: without them a warm start would find nobody to be warm for
        lister = _started("lister", self.lister.run, stop)
        while not self.registry.listed.wait(0.2):
            self.beat()
            if stop.is_set():
                return
        # 2 the lease: who could publish nothing yet does not ask for it
        with _electing(self.elector):
            self._act(stop, lister)

    def _act(self, stop: threading.Event, lister: threading.Thread) -> None:
        """Watch, write and score until `stop` is set."""
        # 3 the watch and the writer
        watch = _started("watch", self.watch, stop)
        writer = _started("reconciler", lambda ended: self.reconciler.run(ended, self.cycled), stop)
        # 4 the scoring, here
        self.score(stop)
        # 5 the end
        stop.set()
        self.cycled.set()
        self.lister.nudge()
        deadline = time.monotonic() + ENDING_SECONDS
        for thread in (writer, watch, lister):
            thread.join(max(0.0, deadline - time.monotonic()))


@contextlib.contextmanager
def _electing(elector: Elector | None) -> Iterator[None]:
    """Run the elector while the block lasts; afterwards the lease is given up."""
    if elector is None:
        yield
        return
    ended = threading.Event()
    thread = _started("elector", elector.run, ended)
    try:
        elector.looked.wait(LOOKING_SECONDS)
        yield
    finally:
        ended.set()
        thread.join(ENDING_SECONDS)


def _started(name: str, run: Callable[[threading.Event], None], stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=run, args=(stop,), name=f"helios-{name}", daemon=True)
    thread.start()
    return thread
