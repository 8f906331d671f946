"""One cycle for the whole fleet, as numbered steps.

A straight line: what is fed back goes through the next window. A stage that fails degrades the cycle and is named in its
summary; it never stops it. The clock, the source and the timer are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies.detectors import Detection, Detector
from scoring.breakers import Breaker, Terms
from scoring.errors import SourceUnavailable
from scoring.forecasting.experiences import Experience
from scoring.forecasting.forecasts import (
    DAY,
    LOWER,
    MEDIAN,
    UPPER,
    Ask,
    Fitted,
    Forecast,
    Forecaster,
    newest,
    newest_censored,
    unforecast,
)
from scoring.ledgers import HOURS, SECONDS, SHORT, Ledger
from scoring.metrics_stream import MetricsStream, Source, Workloads
from scoring.occasions import Lessons, abnormal_rows, of_calendar
from scoring.panels import Floats, Panel
from scoring.policies import Fleet, Policies, Target
from scoring.postings import posting
from scoring.publisher import CYCLES_UNTIL_EXPIRY, Board, Scores
from scoring.recommending import freezes
from scoring.recommending.decisions import Decisions, Memory, Situation, undecided
from scoring.recommending.reasons import Path
from scoring.recommending.recommender import Recommender
from scoring.rollouts import Rollouts
from scoring.trails import Trail

Answer = TypeVar("Answer")

DEFAULT_START_SECONDS = 120.0
MOST_START_SECONDS = 3600.0
"""A pod that takes longer to start is stuck, not slow: nobody's lead time is learned from it."""
SCRAPE_SECONDS, HPA_SYNC_SECONDS = 30.0, 15.0
NODES = (1, 2, 3, 6, 9, 12)
"""Curve points of every cycle, beside the targets' own horizons; between them it is interpolated."""
SETTLED_STEPS = 3
"""So many cycles after a change of replicas total memory is not judged."""
MASKED_DAYS = 0.125
"""An anomaly that lasts longer is the new normal, and is learned from."""
REMEMBERED_CYCLES = 3
"""How long requests seen once stand in for those that cannot be read."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How time passes, and how much of it is remembered; seconds.

    Attributes:
        interval: between two cycles.
        step: of the grid.
        columns: of it that are remembered.
        trail_columns: of what was said and done: no more than these, and for a large fleet no more cells than
            `trail_cells`, but always a day's 288.
        day: the daily season.
    """

    interval: float = 300.0
    step: float = 300.0
    columns: int = 2016
    trail_columns: int = 288
    trail_cells: int = 20_000_000
    day: float = DAY

    def trail(self, targets: int, series: int) -> int:
        """Columns of the trail for so many rows."""
        most = min(self.trail_columns, self.trail_cells // max(1, 4 * targets + 3 * series))
        return max(min(288, self.trail_columns), most)


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened in one cycle.

    Attributes:
        now: UNIX seconds of the cycle.
        targets, scored, decided: how many there are, had data, got a recommendation.
        seconds: stage -> duration by the timer that was passed in.
        faults: stage -> what went wrong, in words; empty in a good cycle.
        pending_points: cells of history still to be fetched.
    """

    now: float
    targets: int
    scored: int
    decided: int
    seconds: Mapping[str, float]
    faults: Mapping[str, str]
    pending_points: int


class Scorer:
    """The scoring loop's body: call `cycle` once per interval.

    Args:
        source: where samples and workloads come from.
        forecaster: how demand is forecast.
        pace: interval, grid and memory.
        timer: monotonic seconds, for the durations in the summary alone.
        detector: what is abnormal; without one, the shipped detector without a trained model.
    """

    def __init__(
        self,
        source: Source,
        forecaster: Forecaster,
        pace: Pace,
        *,
        timer: Callable[[], float],
        detector: Detector | None = None,
    ) -> None:
        self.pace = pace
        self.board = Board()
        self.stream = MetricsStream(source, step=pace.step, columns=pace.columns)
        self.fleet = Fleet(())
        self.steps: tuple[int, ...] = NODES
        self.trail = Trail(0, 0, columns=pace.trail_columns, ahead=NODES[3])
        self.detector, self.detection = detector or Detector(day=pace.day), Detection.none(self.fleet)
        self.memory, self.ledger = Memory.none(0, 0), Ledger.none(0)
        self.breaker, self.rollouts, self.terms = Breaker.none(0), Rollouts.none(0), Terms(window=pace.day)
        self.forecaster, self.experience = forecaster, Experience()
        self.lessons: Lessons = ()
        self._source, self._timer = source, timer
        self._workloads: Workloads | None = None
        self._observed_at = -np.inf
        self._stages: dict[str, float] = {}
        self._faults: dict[str, str] = {}

    @property
    def fitted(self) -> Fitted | None:
        """What the forecaster has learned; None before the first cycle."""
        return self.experience.fitted

    def follow(self, targets: Sequence[Target]) -> None:
        """Make `targets` the fleet; what is remembered of those that stay is kept."""
        fleet = Fleet.of(targets)
        if fleet.targets == self.fleet.targets:
            self.fleet = fleet
            return
        old_series = {s: i for i, s in enumerate(self.fleet.series)}
        old = {x.identity: i for i, x in enumerate(self.fleet.targets)}
        t = np.array([old.get(x.identity, -1) for x in fleet.targets], np.intp)
        s = np.array([old_series.get(x, -1) for x in fleet.series], np.intp)
        experience = self.experience.for_series(fleet.series, s)
        self.stream.follow(fleet.series)
        self.experience = experience
        self.detection, self.memory = self.detection.for_rows(t, s), self.memory.for_rows(t, s)
        self.ledger, self.breaker, self.rollouts, self.trail = (
            self.ledger.for_rows(t),
            self.breaker.for_rows(t),
            self.rollouts.for_rows(t),
            self.trail.for_rows(t, s, self.pace.trail(len(fleet), len(fleet.series))),
        )
        self.fleet, self._workloads = fleet, None
        horizons = fleet.horizons
        self.steps = tuple(sorted({*NODES, *(self._steps(h) for h in horizons)}))
        self.board.follow(fleet, horizons, t, s)

    def asked(
        self,
        fleet: Fleet,
        lead: NDArray[np.int32],
        steps: tuple[int, ...],
        end: float,
        rows: slice = slice(None),
    ) -> Ask:
        """What is to be forecast of a fleet's rows from the column of `end` on; `lead` is of those rows. From any thread."""
        shifts = fleet.shifts(end, self.pace.step, self.pace.day)
        shifts = None if shifts is None else shifts[rows]
        unlike = fleet.unlike(end + self.pace.step * NODES[3], self.pace.day)
        unlike = None if unlike is None else unlike[rows]
        return Ask(steps, lead, self.pace.day, shifts=shifts, unlike=unlike, models=fleet.models[rows])

    def cycle(self, now: float) -> Summary:
        """One cycle at `now` (UNIX seconds)."""
        fleet = self.fleet
        self._stages, self._faults = {}, {}
        # 1 the fleet's recent past
        self._stage("advance", lambda: self.stream.advance(now), lambda: None)
        panel = self.stream.panel()
        # 2 the workloads as they are now
        workloads = self._stage("observe", lambda: self._observe(now), lambda: self._remembered(now))
        lead = self._lead_seconds(workloads)
        policies = self._stage(
            "calendar",
            lambda: self._calendar(lead, now),
            lambda: replace(fleet.wishes, muted=fleet.muted(now)),
        )
        # 3 what will be needed
        ask = self.asked(
            fleet,
            np.maximum(1, np.ceil(lead / self.pace.step)).astype(np.int32)[fleet.owner],
            self.steps,
            panel.end,
        )
        forecast = self._stage(
            "forecast",
            lambda: self._forecast(panel, ask),
            lambda: unforecast(panel, ask, self.forecaster.name),
        )
        # 4 what is abnormal
        self.detection = self._stage(
            "detect",
            lambda: self._detected(panel, forecast, workloads, policies, now),
            self.detection.unjudged,
        )
        state = self.detection.state
        # 5 replicas
        situation = Situation(
            now,
            forecast,
            workloads,
            policies,
            lead,
            state.critical,
            state.direction,
            state.since,
            newest_censored(panel),
        )
        decisions, self.memory = self._stage(
            "decide",
            lambda: Recommender().decide(
                fleet, situation, self.memory, self.breaker.opened & fleet.acts, self.rollouts.share(fleet)
            ),
            lambda: (undecided(len(fleet)), self.memory),
        )
        # 6 actual against recommended, whose forecast counts from the next cycle on and how far, and past ones against what came
        self._stage("ledger", lambda: self._enter(situation, decisions), lambda: None)
        self._stage("trail", lambda: self._trailed(situation, decisions), lambda: None)
        # 7 publish; who was not observed (without pods nobody is), or not decided on because a stage failed, keeps what was said before
        scored = np.logical_or.reduceat(~np.isnan(newest(panel.values)), fleet.first_row[:-1])
        scored |= decisions.path == Path.SCALED_TO_ZERO
        scored &= not {"advance", "decide"} & self._faults.keys()
        self._stage(
            "publish", lambda: self.board.post(self._posting(situation, decisions), scored, now), lambda: None
        )
        decided = int((scored & np.isfinite(decisions.recommended)).sum())
        return Summary(
            now,
            len(fleet),
            int(scored.sum()),
            decided,
            self._stages,
            self._faults,
            self.stream.pending_points,
        )

    def _stage(self, name: str, run: Callable[[], Answer], otherwise: Callable[[], Answer]) -> Answer:
        """Run one stage; this is the one place where a stage's failure is caught."""
        began = self._timer()
        try:
            return run()
        except SourceUnavailable as error:
            self._faults[name] = str(error)
        except Exception as error:  # noqa: BLE001 - whatever fails in one stage must not stop the loop
            self._faults[name] = f"{type(error).__name__}: {error}"
        finally:
            self._stages[name] = self._timer() - began
        return otherwise()

    def _observe(self, now: float) -> Workloads:
        fleet = self.fleet
        seen = self._source.observe([target.identity for target in fleet.targets], fleet.series)
        seen, own = seen.checked(len(fleet), len(fleet.series)), fleet.per_replica
        request = np.where(np.isnan(own), seen.request, own).astype(np.float32)
        self._workloads, self._observed_at = replace(seen, request=request), now
        return self._workloads

    def _remembered(self, now: float) -> Workloads:
        """Requests as last seen, for a few cycles; replicas are never remembered: they may have changed."""
        unknown = np.full(len(self.fleet), np.nan, np.float32)
        fresh = now - self._observed_at <= REMEMBERED_CYCLES * self.pace.interval
        if self._workloads is None or not fresh:
            blank = np.full(len(self.fleet.series), np.nan, np.float32)
            return Workloads(unknown, self.fleet.per_replica, blank, unknown)
        return replace(self._workloads, replicas=unknown, off=None)

    def _lead_seconds(self, workloads: Workloads) -> Floats:
        """Start-to-ready + scoring interval + scrape + HPA sync, unless the target says otherwise: `[targets]`."""
        start = np.nan_to_num(workloads.start_seconds, nan=DEFAULT_START_SECONDS)
        learned = (
            np.minimum(start, MOST_START_SECONDS) + self.pace.interval + SCRAPE_SECONDS + HPA_SYNC_SECONDS
        )
        wished = self.fleet.wishes.lead_seconds
        return np.where(np.isnan(wished), learned, wished).astype(np.float32)

    def _forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """Forecast from what was learned up to now; a cycle that fails leaves the last good experience."""
        forecast, self.experience = self.experience.forecast(
            self.forecaster, panel, ask, lacking=self.stream.pending_points
        )
        if forecast.faults:
            self._faults["forecast"] = "; ".join(
                f"{name}: {fault}" for name, fault in forecast.faults.items()
            )
        return forecast

    def _calendar(self, lead: Floats, now: float) -> Policies:
        policies, self.memory, self.lessons = of_calendar(
            self.fleet, self.stream, self.memory, self.lessons, now, lead, self.pace.day
        )
        return policies

    def _detected(
        self, panel: Panel, forecast: Forecast, workloads: Workloads, policies: Policies, now: float
    ) -> Detection:
        """What is abnormal; not memory that grew or fell with the pods: scaling itself explains it."""
        slot = round(panel.end / panel.step)
        apart = max(1, -(-round(self.pace.interval) // round(self.pace.step)))
        moved = ~self.trail.steady(workloads.replicas, SETTLED_STEPS, apart)[self.fleet.owner]
        found = self.detector.score(
            self.fleet,
            panel,
            forecast,
            policies.threshold,
            self.detection,
            now=now,
            hidden=self.fleet.is_memory & moved,
            replicas=lambda targets, columns: self.trail.replicas(
                targets, workloads.replicas[targets], slot, columns
            ),
        )
        most = max(1, round(MASKED_DAYS * self.pace.day / self.pace.step))
        rows = abnormal_rows(self.fleet, found.onsets, forecast.last, policies.threshold)
        self.stream.mark(rows, most=most)
        return found

    def _enter(self, s: Situation, d: Decisions) -> None:
        fleet, owner, request = self.fleet, self.fleet.owner, s.workloads.request
        # memory counts where it was decided on; of several metrics the one that needs most now, whichever decided
        counted = (
            fleet.drives & (~fleet.is_memory | (d.driver[owner] == np.arange(len(owner)))) & (request > 0)
        )
        each = np.full(len(owner), np.nan, np.float32)
        np.divide(s.forecast.last, s.policies.max_utilization[owner] * request, out=each, where=counted)
        needed = np.fmax.reduceat(each, fleet.first_row[:-1])
        ledger = self.ledger.add(
            s.now,
            self.pace.interval,
            needed=np.where(d.driver >= 0, needed, np.float32(np.nan)),
            replicas=s.workloads.replicas,
            recommended=d.recommended,
            reactive=d.reactive,
            ahead=d.ahead,
            start_seconds=np.maximum(s.lead_seconds - np.float32(self.pace.interval), 0),
        )
        breaker = self.breaker.add(s.now, ledger.newest, ledger.sums(), d.trusted, self.terms)
        rollouts = self.rollouts.add(s.now, ledger.newest, d.trusted, breaker.opened, fleet)
        self.ledger, self.breaker, self.rollouts = ledger, breaker, rollouts

    def _trailed(self, s: Situation, d: Decisions) -> None:
        state, curve = self.detection.state, s.forecast.curve[:, :, [LOWER, MEDIAN, UPPER]]
        self.trail.add(
            round(s.forecast.issued_at / self.pace.step),
            came=self.stream.panel().values[:, -1],
            first=curve[:, self.steps.index(1)],
            later=curve[:, self.steps.index(self.trail.ahead)],
            done=np.stack([s.workloads.replicas, d.recommended, state.score, state.detected], axis=1).astype(
                np.float32
            ),
        )

    def _posting(self, s: Situation, d: Decisions) -> Scores:
        fleet, state, sums = self.fleet, self.detection.state, self.ledger.sums()
        masked = np.logical_or.reduceat(self.stream.panel().masked[:, -1], fleet.first_row[:-1])
        others = {
            "expires_at": np.full(len(fleet), s.now + CYCLES_UNTIL_EXPIRY * self.pace.interval),
            "set_aside": (state.detected & masked).astype(np.float32),
            "frozen_until": freezes.until(s, self.memory),
            **self.breaker.posted(fleet.acts),
            **self.rollouts.posted(fleet),
            "hours": sums[:, HOURS],
            "short": sums[:, SHORT],
            "seconds": sums[:, SECONDS],
            "bias": self.trail.bias(),
            "coverage": self.trail.coverage(),
        }
        places = [self.steps.index(self._steps(h)) for h in fleet.horizons]
        return posting(fleet, s, d, state, places=places, others=others)

    def _steps(self, seconds: int) -> int:
        return max(1, -(-seconds // round(self.pace.step)))
