"""The state that an anomaly is: it begins with a score, holds while demand stays away from what was expected, and ends.

The return to what was expected is the end, not another event; an alarm is raised once, at the beginning, and not again for what is no
higher within twelve hours. Nothing here says how abnormal a row is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies.anomalies import Anomalies, Kind
from scoring.panels import Bools, Floats, at_rows
from scoring.policies import Fleet
from scoring.references import CRITICAL

HELD_SHARE = np.float32(0.6)
"""A state ends when its value is back within this share of the threshold: hysteresis against flapping."""
BACK_SHARE = np.float32(0.3)
"""Or within this share of the jump that began it: after a large one, the ordinary wandering of an hour is back to normal."""
HOLD_SECONDS, HOLD_STEPS = 3600.0, 3
"""A state that lasts longer is the new normal: an hour, and three steps of a coarse grid."""
SHIFT_SECONDS = 1800.0
"""A spike or a drop that has lasted so long is a shift of level,"""
STAYED = 0.5
"""if so much of what it moved by is still there."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one cycle found; rows are targets, but for the last four, which are series.

    Attributes:
        judged: whether anything new was judged in this cycle; a score that only stands begins nothing.
        score: sigmas, NaN where nothing was judged; `moving`: the same of the metrics that drive alone.
        fresh: whether the score is higher than any of the last twelve hours.
        culprit: the series row with the largest share, -1: none.
        points, needed: rows that the calibration rests on, and how many it wants.
        share: of each series; `moving_share`: of those that drive in `moving`.
        last, expected: demand, and what was expected of it; `size`: what is a small deviation of it.
        abrupt: whether it came at once, not by and by.
    """

    judged: Bools
    score: Floats
    moving: Floats
    fresh: Bools
    culprit: NDArray[np.intp]
    points: Floats
    needed: Floats
    share: Floats
    moving_share: Floats
    last: Floats
    expected: Floats
    size: Floats
    abrupt: Bools


@dataclass(frozen=True, slots=True)
class Onsets:
    """The state, and per series the value expected at its onset and what is near to it."""

    state: Anomalies
    expected: Floats
    scale: Floats

    @classmethod
    def none(cls, fleet: Fleet) -> Onsets:
        """Nothing abnormal has been seen."""
        unknown = np.full(len(fleet.series), np.nan, np.float32)
        return cls(Anomalies.none(len(fleet), len(fleet.series)), unknown, unknown)

    def for_rows(self, targets: NDArray[np.intp], series: NDArray[np.intp]) -> Onsets:
        """This memory for another fleet: its old rows, or -1 for what is new."""
        return Onsets(
            self.state.for_rows(targets, series),
            at_rows(self.expected, series, np.nan),
            at_rows(self.scale, series, np.nan),
        )

    def after(
        self, fleet: Fleet, found: Found, thresholds: Floats, now: float, *, hold: float = HOLD_SECONDS
    ) -> Onsets:
        """The state after one more cycle at `now` (UNIX seconds).

        Args:
            fleet: the targets and their series.
            found: what the cycle found.
            thresholds: sigmas from which a target is abnormal, `[targets]`.
            now: UNIX seconds.
            hold: seconds after which a state is the new normal.
        """
        was, of = self.state, fleet.owner
        away = found.last - found.expected
        # 1 which way demand went, where demand itself is abnormal
        pull = np.where(fleet.drives, np.nan_to_num(found.moving_share * np.sign(away)), 0)
        leaning = np.sign(np.add.reduceat(pull, fleet.first_row[:-1]))
        with np.errstate(invalid="ignore"):
            leaning = np.where(found.moving >= thresholds, leaning, 0).astype(np.int8)
            # 2 those that are away from normal: newly, or still as far from what was expected at the onset
            lasting, back = self._lasting(fleet, found.last, thresholds, now, hold)
            held = lasting & ~back
            # the way back is no event of its own; but what moves demand counts over a state that does not
            turns = (was.direction == 0) & (leaning != 0)
            begins = found.judged & (found.score >= thresholds) & (~lasting | turns)
            worse = begins | (held & (found.score > was.peak))
            critical = (begins | held) & ((found.score >= CRITICAL) | (held & ~begins & was.critical))
        # 3 a state that lasts keeps its onset; at its worst it is described anew
        direction = np.where(begins, leaning, np.where(held, was.direction, 0)).astype(np.int8)
        since = np.where(begins, now, np.where(held, was.since, np.nan))
        at = np.maximum(found.culprit, 0)
        state = Anomalies(
            score=found.score,
            detected=begins | held,
            critical=critical,
            direction=direction,
            kind=self._kinds(found, begins=begins, held=held, age=now - since),
            since=since,
            peak=np.where(worse, found.score, np.where(held, was.peak, np.float32(np.nan))),
            culprit=np.where(worse, found.culprit, np.where(held, was.culprit, -1)),
            expected=_told(worse, held, found.expected[at], was.expected),
            came=_told(worse, held, found.last[at], was.came),
            alarms=was.alarms + (begins & found.fresh),
            points=found.points,
            needed=found.needed,
            share=found.share,
        )
        first = begins[of]
        jump = np.abs(away) * BACK_SHARE / (HELD_SHARE * thresholds[of])
        return replace(
            self,
            state=state,
            expected=np.where(first, found.expected, self.expected),
            scale=np.where(first, np.fmax(found.size, jump), self.scale),
        )

    def _kinds(
        self, found: Found, *, begins: Bools, held: Bools, age: NDArray[np.float64]
    ) -> NDArray[np.int8]:
        """Spike or drop by which way the culprit went, drift where nothing came at once; a shift once it has stayed there."""
        was, at = self.state, np.maximum(found.culprit, 0)
        stayed = np.maximum(was.culprit, 0)
        with np.errstate(invalid="ignore"):
            lower = found.last[at] < found.expected[at]
            moved = np.full(len(was.came), np.nan, np.float32)
            away, jump = (found.last - self.expected)[stayed], was.came - was.expected
            np.divide(away, jump, out=moved, where=jump != 0)
            shifts = (age >= SHIFT_SECONDS) & (was.kind != Kind.DRIFT) & (moved >= STAYED)
        first = np.where(found.abrupt[at], np.where(lower, Kind.DROP, Kind.SPIKE), Kind.DRIFT)
        later = np.where(shifts, Kind.SHIFT, was.kind)
        return np.where(begins, first, np.where(held, later, Kind.NONE)).astype(np.int8)

    def _lasting(
        self, fleet: Fleet, last: Floats, thresholds: Floats, now: float, hold: float
    ) -> tuple[Bools, Bools]:
        """Which states are not older than a new normal, and which of them are back; a silent metric ends nothing."""
        farthest = np.fmax.reduceat(np.abs(last - self.expected) / self.scale, fleet.first_row[:-1])
        age = now - self.state.since
        lasting: Bools = self.state.detected & (age >= 0) & (age < hold)
        return lasting, lasting & (farthest < HELD_SHARE * thresholds)


def _told(worse: Bools, held: Bools, new: Floats, old: Floats) -> Floats:
    """What is said of the worst moment: `[targets]`."""
    out: Floats = np.where(worse, new, np.where(held, old, np.float32(np.nan)))
    return out
