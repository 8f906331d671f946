"""The scoring loop: waits, runs cycles, fetches history in between, stores its memory, and tells how it fares.

What a cycle does is `scoring.scorer`'s affair. Nothing that goes wrong in a cycle ends the loop.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from helios import snapshots
from helios.clocks import Clock
from helios.errors import SnapshotError
from scoring.errors import InvalidState, SourceUnavailable
from scoring.scorer import Scorer, Summary
from scoring.states import restore, stored

log = structlog.get_logger("helios.loop")


@dataclass(frozen=True, slots=True)
class LoopMetrics:
    """What the process says of its loop; served even when the targets' gauges have expired."""

    duration: Gauge
    stages: Gauge
    cycles: Counter
    faults: Counter
    last: Gauge
    targets: Gauge
    pending: Gauge

    @classmethod
    def registered(cls, registry: CollectorRegistry) -> LoopMetrics:
        """The metrics, registered."""
        return cls(
            Gauge("helios_cycle_duration_seconds", "Duration of the last scoring cycle", registry=registry),
            Gauge(
                "helios_cycle_stage_duration_seconds",
                "Duration of each stage of the last cycle",
                ["stage"],
                registry=registry,
            ),
            Counter("helios_cycles", "Scoring cycles run", registry=registry),
            Counter(
                "helios_cycle_faults", "Stages that failed and were degraded", ["stage"], registry=registry
            ),
            Gauge("helios_cycle_timestamp_seconds", "UNIX time of the last scoring cycle", registry=registry),
            Gauge("helios_targets", "Targets by state", ["state"], registry=registry),
            Gauge(
                "helios_backfill_pending_points", "Points of history still to be fetched", registry=registry
            ),
        )

    def observe(self, summary: Summary, conflicts: int) -> None:
        """Take one cycle's summary."""
        self.duration.set(sum(summary.seconds.values()))
        for stage, seconds in summary.seconds.items():
            self.stages.labels(stage).set(seconds)
        for stage in summary.faults:
            self.faults.labels(stage).inc()
        self.cycles.inc()
        self.last.set(summary.now)
        self.targets.labels("decided").set(summary.decided)
        self.targets.labels("undecided").set(summary.scored - summary.decided)
        self.targets.labels("no-data").set(summary.targets - summary.scored)
        self.targets.labels("conflict").set(conflicts)
        self.pending.set(summary.pending_points)


class ScoringLoop:
    """One thread's work.

    Args:
        scorer: the cycle.
        clock: the time; a test or the demo passes its own.
        timer: monotonic seconds, for the heartbeat: whether the loop is alive is a matter of real time.
        metrics: where the process tells of the loop.
        state_path: folder of the snapshot; None keeps nothing.
        snapshot_seconds: time between snapshots.
        on_cycle: called after every cycle, in the loop's thread.
    """

    def __init__(
        self,
        scorer: Scorer,
        clock: Clock,
        metrics: LoopMetrics,
        *,
        timer: Callable[[], float] = time.monotonic,
        state_path: Path | None = None,
        snapshot_seconds: float = 3600.0,
        on_cycle: Callable[[Summary], None] = lambda _: None,
    ) -> None:
        self.scorer = scorer
        self.clock = clock
        self.timer = timer
        self.heartbeat: float | None = None
        self.faults: dict[str, str] = {}
        self._metrics, self._on_cycle = metrics, on_cycle
        self._state_path, self._snapshot_seconds = state_path, snapshot_seconds
        self._stored_at = -math.inf
        self._said: dict[str, str] = {}

    def run(self, stop: threading.Event, *, most_cycles: int | None = None) -> None:
        """Run until `stop` is set, or for so many cycles; a cycle once begun is finished."""
        # 1 the memory of the last run
        self._wake()
        interval, done = self.scorer.pace.interval, 0
        self._stored_at = self.clock.now()
        while not stop.is_set():
            # 2 a cycle
            began = self.clock.now()
            self.cycle(began)
            done += 1
            if most_cycles is not None and done >= most_cycles:
                break
            # 3 history, while there is time; a cycle follows at once when it is complete
            due = min((math.floor(began / interval) + 1) * interval, self.clock.now() + interval)
            if self._fill(due, stop):
                continue
            # 4 the memory of this run, now and then
            if self.clock.now() - self._stored_at >= self._snapshot_seconds:
                self._store()
            # 5 the next interval
            if self.clock.wait_until(due, stop):
                break
        self._store()

    def cycle(self, now: float) -> Summary:
        """One cycle, told to the metrics, the log and whoever listens."""
        self.heartbeat = self.timer()
        summary = self.scorer.cycle(now)
        self.heartbeat = self.timer()
        self._metrics.observe(summary, len(self.scorer.fleet.conflicts))
        for stage, fault in summary.faults.items():
            if self.faults.get(stage) != fault:
                log.warning("stage degraded", stage=stage, fault=fault)
        for stage in self.faults.keys() - summary.faults.keys():
            log.info("stage recovered", stage=stage)
        self.faults = dict(summary.faults)
        log.debug("cycle", targets=summary.targets, scored=summary.scored, decided=summary.decided)
        self._on_cycle(summary)
        return summary

    def fill(self, progress: Callable[[int], None] = lambda _: None) -> None:
        """Read the present and all of its history now, telling how many points are left.

        Raises:
            scoring.errors.SourceUnavailable: the source failed; what has come stays.
        """
        self.scorer.stream.advance(self.clock.now())
        left = self.scorer.stream.pending_points
        while left:
            progress(left)
            left = self.scorer.stream.fill()
        progress(0)

    def _fill(self, due: float, stop: threading.Event) -> bool:
        """Fetch history until it is complete or the next cycle is due; whether it was completed just now."""
        stream = self.scorer.stream
        had = stream.pending_points
        if not had:
            return False
        try:
            while stream.pending_points and not stop.is_set() and self.clock.now() < due:
                stream.fill()
                self.heartbeat = self.timer()
        except SourceUnavailable as error:
            self._say("back-fill waits", str(error))
            return False
        except Exception as error:  # noqa: BLE001 - whatever a source does, the loop goes on
            self._say("back-fill waits", f"{type(error).__name__}: {error}")
            return False
        self._said.pop("back-fill waits", None)
        if stream.pending_points == 0:
            log.info("history complete", points=had)
        return stream.pending_points == 0

    def _wake(self) -> None:
        if self._state_path is None:
            return
        try:
            state = snapshots.load(self._state_path)
            if state is not None:
                restore(self.scorer, state, self.clock.now())
                log.info("warm start", folder=str(self._state_path))
        except (SnapshotError, InvalidState) as error:
            log.warning("cold start", fault=str(error))

    def _store(self) -> None:
        if self._state_path is None:
            return
        self._stored_at = self.clock.now()
        try:
            snapshots.save(self._state_path, stored(self.scorer))
            self._said.pop("no snapshot", None)
        except SnapshotError as error:
            self._say("no snapshot", str(error))

    def _say(self, what: str, fault: str) -> None:
        """Warn once of what goes on being wrong in the same words."""
        if self._said.get(what) != fault:
            log.warning(what, fault=fault)
        self._said[what] = fault
