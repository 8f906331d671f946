"""The anomaly detector: from a panel and its forecast to scores, states and alarms, for the whole fleet.

Streaming and causal: a column is judged by what came before it, once, when it is there. Nothing here acts on what it finds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies import channels, levels
from scoring.anomalies.anomalies import Anomalies
from scoring.anomalies.backlogs import CELLS, LATE, catch_up, rows_behind
from scoring.anomalies.episodes import HOLD_SECONDS, HOLD_STEPS, Found, Onsets
from scoring.anomalies.expectations import LAGS, Expectations
from scoring.anomalies.footings import Footing, Replicas
from scoring.anomalies.joints import joined
from scoring.anomalies.levels import LEAST_RELATIVE
from scoring.anomalies.memories import CHUNK, Memory
from scoring.anomalies.refractories import Refractory
from scoring.anomalies.sigmas import sigmas_of
from scoring.anomalies.signals import SPAN
from scoring.anomalies.surprises import FEWEST, surprises
from scoring.anomalies.walks import rows_needed
from scoring.forecasting.forecasts import Forecast
from scoring.panels import Bools, Floats, Panel, at_rows
from scoring.policies import Fleet

_DAY = 86_400.0
_LEAST = np.float32(1e-6)


@dataclass(frozen=True, slots=True)
class Detection:
    """What the detector remembers, and what it said last; its memory is updated in place by the next cycle.

    Attributes:
        onsets: the states in force.
        lately: figures of the last twelve hours.
        memory: what every series is like.
        figure: how rare the newest row of each series was, in decades, NaN where unknown, `[series]`.
        abrupt: whether it came at once, `[series]`.
    """

    onsets: Onsets
    lately: Refractory
    memory: Memory
    figure: Floats
    abrupt: Bools

    @property
    def state(self) -> Anomalies:
        """What is abnormal now."""
        return self.onsets.state

    @classmethod
    def none(cls, fleet: Fleet) -> Detection:
        """Nothing has been seen."""
        series = len(fleet.series)
        return cls(
            Onsets.none(fleet),
            Refractory.none(len(fleet)),
            Memory.none(series),
            np.full(series, np.nan, np.float32),
            np.zeros(series, np.bool_),
        )

    def for_rows(self, targets: NDArray[np.intp], series: NDArray[np.intp]) -> Detection:
        """The same for another fleet: its old rows, or -1 for what is new."""
        return Detection(
            self.onsets.for_rows(targets, series),
            self.lately.for_rows(targets),
            self.memory.for_rows(series),
            at_rows(self.figure, series, np.nan),
            at_rows(self.abrupt, series, False),
        )

    def unjudged(self) -> Detection:
        """The same after a cycle in which nothing could be judged: states last, scores are unknown."""
        unknown = np.full_like(self.state.score, np.nan)
        return replace(self, onsets=replace(self.onsets, state=replace(self.state, score=unknown)))


@dataclass(frozen=True, slots=True)
class Detector:
    """Scores a fleet.

    Attributes:
        expectations: the trained model of metrics given their companions; None: it is not asked.
        day: seconds of the daily season.
        cells: of pasts that were not seen, walked through in one cycle.
    """

    expectations: Expectations | None = None
    day: float = _DAY
    cells: int = CELLS

    def score(
        self,
        fleet: Fleet,
        panel: Panel,
        forecast: Forecast,
        thresholds: Floats,
        before: Detection,
        *,
        now: float,
        hidden: Bools | None = None,
        replicas: Replicas | None = None,
    ) -> Detection:
        """Score every target at `now`; the result is both the answer and the memory for the next cycle.

        Args:
            fleet: the targets and their series.
            panel: their past; the last column is the present.
            forecast: carries `residual`, `sigma` and `last` of the last column, each `[series]`.
            thresholds: score from which a target counts as abnormal, `[targets]`.
            before: what the previous cycle returned; its memory is used up.
            now: UNIX seconds.
            hidden: series whose present is not to be judged, `[series]`.
            replicas: how many pods there were, by which memory is judged; None: it is judged as it is.
        """
        memory, known = before.memory, before.memory.judged.copy()
        # 1 what has come since, judged by what came before it
        footing = Footing(panel.values, fleet.is_memory, replicas, fleet.owner)
        expected, size = _expected(forecast, memory, footing)
        seen = self._columns(fleet, panel, forecast, before, footing, hidden, now)
        # 2 the metrics of a target as one, once there is enough to compare with
        step = self._ordinary(panel.step)
        needed = rows_needed(step)
        judged = memory.judged
        figure = np.where(judged >= needed, seen.figure, np.float32(np.nan))
        joint = joined(figure, fleet.first_row)
        moving = joined(np.where(fleet.drives, figure, np.float32(np.nan)), fleet.first_row)
        # 3 in sigmas, and whether that is new
        lately = before.lately.at(self._ordinary(now), step)
        found = Found(
            judged=np.logical_or.reduceat(memory.judged != known, fleet.first_row[:-1]),
            score=sigmas_of(joint.decades, step, joint.metrics),
            moving=sigmas_of(moving.decades, step, moving.metrics),
            fresh=lately.beaten(joint.decades),
            culprit=joint.culprit,
            points=np.maximum.reduceat(judged, fleet.first_row[:-1]).astype(np.float32),
            needed=np.full(len(fleet), needed, np.float32),
            share=joint.share,
            moving_share=moving.share,
            last=forecast.last,
            expected=expected,
            size=size,
            abrupt=seen.abrupt,
        )
        # 4 states: begun, held, ended
        hold = max(HOLD_SECONDS, HOLD_STEPS * panel.step)
        onsets = before.onsets.after(fleet, found, thresholds, now, hold=hold)
        return replace(seen, onsets=onsets, lately=lately.with_figure(joint.decades))

    def _columns(
        self,
        fleet: Fleet,
        panel: Panel,
        forecast: Forecast,
        before: Detection,
        footing: Footing,
        hidden: Bools | None,
        now: float,
    ) -> Detection:
        """Judge the columns that have come; of those behind as many as a cycle can take."""
        memory, values, end = before.memory, panel.values, round(panel.end / panel.step)
        day, weight = round(self.day / panel.step), channels.weights(self._ordinary(panel.step))
        figure, abrupt = before.figure.copy(), before.abrupt.copy()
        behind = rows_behind(memory, values, end, rows_needed(self._ordinary(panel.step)), self.cells)
        if len(behind):
            catch_up(memory, footing, end, behind, day=day, weight=weight)
        figure[memory.slot < end - LATE - 1] = np.nan  # what was said of them is over
        observed = ~np.isnan(values[:, -LATE - 1 :])
        if hidden is not None:  # passed over, not put off
            memory.slot[hidden & (memory.slot >= end - LATE - 1)] = end
            figure[hidden] = np.nan
        for ago in range(min(LATE, values.shape[1] - 1), -1, -1):
            there = observed[:, observed.shape[1] - 1 - ago]
            due = (memory.slot < end - ago) & (memory.slot >= end - LATE - 1) & (there | (ago == LATE))
            if not due.any():
                continue
            others = np.full((len(values), 2), np.nan, np.float32)
            if ago == 0:
                others = self._others(fleet, footing, forecast, memory, now)
            for begin in range(0, len(values), CHUNK):
                rows = slice(begin, min(begin + CHUNK, len(values)))
                if due[rows].any():
                    said, sudden = memory.learn(
                        rows, _long(footing.rows(rows, ago)), (due & there)[rows], day, others[rows], weight
                    )
                    figure[rows] = np.where(due[rows], said, figure[rows])
                    abrupt[rows] = np.where(due[rows], sudden, abrupt[rows])
            memory.slot[due] = end - ago
        return replace(before, figure=figure, abrupt=abrupt)

    def _ordinary(self, seconds: float) -> float:
        """Seconds as they are where a day has 86,400 of them: a week of alarms is seven days, however fast they go by."""
        return seconds * (_DAY / self.day)

    def _others(
        self, fleet: Fleet, footing: Footing, forecast: Forecast, memory: Memory, now: float
    ) -> Floats:
        """What the forecast and a target's other metrics say of the last column: residuals, `[series, 2]`."""
        out = np.full((len(footing.values), 2), np.nan, np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            off = forecast.residual / _floored(forecast.sigma, forecast.last)
        out[:, 0] = np.where(np.isfinite(off), off, np.float32(np.nan))
        if self.expectations is not None and (np.diff(fleet.first_row) >= FEWEST).any():
            recent, hour = footing.last(LAGS + 1), now % self.day / self.day * 24
            out[:, 1] = surprises(self.expectations, memory, recent, fleet.first_row, hour)
        return out


def _expected(forecast: Forecast, memory: Memory, footing: Footing) -> tuple[Floats, Floats]:
    """What demand should have been, and what is a small deviation from it: `[series]`; by its level where nothing forecasts."""
    pods = np.ones(len(forecast.last), np.float32)
    if footing.replicas is not None:
        pods[footing.shared] = footing.replicas(footing.owner[footing.shared], 1)[:, -1]
    told = np.isfinite(forecast.residual)
    level, spread = memory.levels.centre[:, levels.SLOW], memory.levels.spread[:, levels.VALUE]
    expected = np.where(told, forecast.last - forecast.residual, level * pods)
    usual = np.where(np.isfinite(forecast.sigma), forecast.sigma, spread * pods)
    return expected.astype(np.float32), _floored(usual, forecast.last)


def _floored(sigma: Floats, level: Floats) -> Floats:
    """Sigmas no smaller than one percent of the level: a constant series' first wobble is no event."""
    out: Floats = np.maximum(sigma, np.fmax(np.abs(level) * LEAST_RELATIVE, _LEAST))
    return out


def _long(window: Floats) -> Floats:
    """A window with as many columns as the signals read."""
    short = SPAN - window.shape[1]
    if short <= 0:
        return window
    return np.pad(window, ((0, 0), (short, 0)), constant_values=np.float32(np.nan))
