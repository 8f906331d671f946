"""The scoring loop: waits, runs cycles, fetches history in between, stores its memory, and tells how it fares.

Its targets stand, or come and go: then whoever knows them is asked before each cycle, and a change brings one forward.

What a cycle does is `scoring.scorer`'s affair. Nothing that goes wrong in a cycle ends the loop.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from helios import snapshots
from helios.clocks import Clock
from helios.errors import SnapshotError
from scoring.errors import InvalidState, SourceUnavailable
from scoring.policies import Target
from scoring.scorer import Scorer, Summary
from scoring.states import State, decided, history, restore_decided, restore_history

SETTLE_SECONDS = 1.0
"""A fleet that changed is scored once it has stood for so long: many targets applied at once make one cycle."""
WORTH_STORING = 1.1
"""The history is stored before its time when it is complete for so many times as many series: new ones make few writes."""

LEAST_SECONDS = 5.0
"""Between two cycles, however often targets are edited: one who edits all day must not wear out everybody's Prometheus."""

log = structlog.get_logger("helios.loop")


@dataclass(frozen=True, slots=True)
class LoopMetrics:
    """What the process says of its loop; served even when the targets' gauges have expired.

    `wall` is UNIX seconds in real time, whatever the loop's own clock plays.
    """

    duration: Gauge
    stages: Gauge
    cycles: Counter
    faults: Counter
    last: Gauge
    interval: Gauge
    source: Gauge
    targets: Gauge
    pending: Gauge
    stored: Gauge
    wall: Callable[[], float] = time.time

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
            Gauge(
                "helios_cycle_timestamp_seconds",
                "UNIX time of the last scoring cycle, on the wall also where a trace is replayed; 0 before the first ever",
                registry=registry,
            ),
            Gauge(
                "helios_scoring_interval_seconds",
                "Time between two scoring cycles, on the wall",
                registry=registry,
            ),
            Gauge(
                "helios_source_up", "Whether the last cycle could read its source (0/1)", registry=registry
            ),
            Gauge("helios_targets", "Targets by state", ["state"], registry=registry),
            Gauge(
                "helios_backfill_pending_points", "Points of history still to be fetched", registry=registry
            ),
            Gauge(
                "helios_snapshot_timestamp_seconds",
                "UNIX time at which the file of the snapshot was last written, on the wall; absent before",
                ["file"],
                registry=registry,
            ),
        )

    def begin(self, interval: float) -> None:
        """Tell the loop's pace, seconds on the wall; no cycle has been run, and no source has failed."""
        self.interval.set(interval)
        self.source.set(1)

    def observe(self, summary: Summary, unscored: Mapping[str, int]) -> None:
        """Take one cycle's summary, and how many targets are not scored for which reason."""
        self.duration.set(sum(summary.seconds.values()))
        for stage, seconds in summary.seconds.items():
            self.stages.labels(stage).set(seconds)
            self.faults.labels(stage)  # there before its first fault, or that one would have no rate
        for stage in summary.faults:
            self.faults.labels(stage).inc()
        self.cycles.inc()
        self.last.set(self.wall())
        self.source.set("advance" not in summary.faults)
        self.targets.labels("decided").set(summary.decided)
        self.targets.labels("undecided").set(summary.scored - summary.decided)
        self.targets.labels("no-data").set(summary.targets - summary.scored)
        for state, count in unscored.items():
            self.targets.labels(state).set(count)
        self.pending.set(summary.pending_points)


class Wanted(Protocol):
    """What is to be scored just now."""

    @property
    def version(self) -> int:
        """Another number whenever `scored` is another."""

    @property
    def scored(self) -> Sequence[Target]:
        """The targets, the older first."""

    @property
    def unscored(self) -> Mapping[str, int]:
        """Reason -> how many there are beside them."""


class ScoringLoop:
    """One thread's work.

    Attributes:
        before: called before every cycle, in the loop's thread, with the scorer and the time: it may give the scorer
            another memory. It must not raise, and not take long.

    Args:
        scorer: the cycle.
        clock: the time; a test or the demo passes its own.
        timer: monotonic seconds, for the heartbeat: whether the loop is alive is a matter of real time.
        metrics: where the process tells of the loop.
        state_path: folder of the snapshots; None keeps nothing.
        snapshot_seconds: time between snapshots of the history; what was decided is stored after every cycle.
        on_cycle: called after every cycle, in the loop's thread.
        wanted: asked before every cycle, and every second between them; None: the scorer's targets stand.
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
        wanted: Callable[[], Wanted] | None = None,
    ) -> None:
        self.scorer = scorer
        self.clock = clock
        self.timer = timer
        self.heartbeat: float | None = None
        self.faults: dict[str, str] = {}
        self._metrics, self._on_cycle = metrics, on_cycle
        metrics.begin(scorer.pace.interval / clock.speed)
        self._state_path, self._snapshot_seconds = state_path, snapshot_seconds
        self._history_at, self._history_series = -math.inf, 0
        self._unstored: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self._wanted, self._version = wanted, -1
        self.before: Callable[[Scorer, float], None] = lambda _, __: None
        self._hurried = threading.Event()
        self._began = -math.inf
        self._unscored: Mapping[str, int] = {}

    def run(self, stop: threading.Event, *, most_cycles: int | None = None) -> None:
        """Run until `stop` is set, or for so many cycles; a cycle once begun is finished."""
        # 1 the memory of the last run
        self._follow()
        self._wake()
        interval, done = self.scorer.pace.interval, 0
        while not stop.is_set():
            # 2 a cycle, whose decisions a crash does not cost
            self._hurried.clear()
            self._follow()
            self.before(self.scorer, self.clock.now())
            began = self.clock.now()
            self.cycle(began)
            self._store(snapshots.STATE, decided)
            done += 1
            if most_cycles is not None and done >= most_cycles:
                break
            # 3 history, while there is time; a cycle follows at once when it is complete
            due = min((math.floor(began / interval) + 1) * interval, self.clock.now() + interval)
            if self._fill(due, stop):
                continue
            # 4 the history of this run, now and then
            if self._history_due():
                self._store_history()
            # 5 the next interval
            if self._wait(due, stop):
                break
        if done:
            self._store_history()

    def hurry(self) -> None:
        """Let the next cycle come within seconds, where targets come and go; from any thread."""
        self._hurried.set()

    def cycle(self, now: float) -> Summary:
        """One cycle, told to the metrics, the log and whoever listens."""
        self._began = now
        self.heartbeat = self.timer()
        summary = self.scorer.cycle(now)
        self.heartbeat = self.timer()
        self._metrics.observe(summary, {"conflict": len(self.scorer.fleet.conflicts)} | dict(self._unscored))
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

    def _follow(self) -> None:
        """Make what is wanted now the fleet."""
        if self._wanted is None:
            return
        wanted = self._wanted()
        self._unscored = wanted.unscored
        if wanted.version != self._version:
            self._version = wanted.version
            try:
                self.scorer.follow(wanted.scored)
            except Exception:
                log.exception("the targets could not be taken over; those before them stay")
                return
            log.info("targets", scored=len(wanted.scored), **wanted.unscored)

    def _wait(self, due: float, stop: threading.Event) -> bool:
        """Wait until `due`, until another fleet has been wanted for a second, or until hurried; whether `stop` was set."""
        if self._wanted is None:
            return self.clock.wait_until(due, stop)
        seen, least = self._version, min(LEAST_SECONDS, self.scorer.pace.interval)
        while (now := self.clock.now()) < due:
            if self.clock.wait_until(min(due, now + SETTLE_SECONDS), stop):
                return True
            version, soon = self._wanted().version, self.clock.now() < self._began + least
            if not soon and (version == seen != self._version or self._hurried.is_set()):
                break
            seen = version
        return stop.is_set()

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
        """Take what the last run has stored: each file by itself, for one may be missing, older or damaged."""
        self._history_at = self.clock.now()
        if self._state_path is None:
            return
        found = []
        for name, restore in ((snapshots.HISTORY, restore_history), (snapshots.STATE, restore_decided)):
            try:
                state = snapshots.load(self._state_path, name)
                if state is not None:
                    restore(self.scorer, state, self.clock.now())
                    found.append(name)
            except (SnapshotError, InvalidState) as error:
                log.warning("cold start", file=name, fault=str(error))
        if found:
            log.info("warm start", folder=str(self._state_path), files=found)
        if snapshots.HISTORY in found:
            self._history_at, self._history_series = self.scorer.stream.panel().end, self._complete_series()
        posted = self.scorer.board.latest()
        if posted is not None and self.clock.speed == 1:
            # a loop that hangs in each cycle, and is restarted for it, must not look fresh
            self._metrics.last.set(np.nan_to_num(posted[1].scored_at).max(initial=0.0))

    def _history_due(self) -> bool:
        """After its time, and before it when a back-fill is done that would be worth doing only once."""
        aged = abs(self.clock.now() - self._history_at) >= self._snapshot_seconds  # a clock may be set back
        return aged or self._complete_series() > WORTH_STORING * self._history_series

    def _complete_series(self) -> int:
        return 0 if self.scorer.stream.pending_points else len(self.scorer.stream.series)

    def _store_history(self) -> None:
        self._history_at, self._history_series = self.clock.now(), self._complete_series()
        self._store(snapshots.HISTORY, history)

    def _store(self, name: str, part: Callable[[Scorer], State]) -> None:
        """Write one file; warn once of a folder that cannot be written, whichever file it is that fails."""
        if self._state_path is None:
            return
        try:
            snapshots.save(self._state_path, name, part(self.scorer))
            self._metrics.stored.labels(name).set(self._metrics.wall())
            self._unstored.pop(name, None)
        except SnapshotError as error:
            if str(error) not in self._unstored.values():
                log.warning("no snapshot", fault=str(error))
            self._unstored[name] = str(error)

    def _say(self, what: str, fault: str) -> None:
        """Warn once of what goes on being wrong in the same words."""
        if self._said.get(what) != fault:
            log.warning(what, fault=fault)
        self._said[what] = fault
