"""The first detector: how many robust sigmas the newest value lies from what was forecast for it.

It joins a target's metrics, says which contributed, and holds the state while the value stays away from what
was expected at its onset; the return to it is the end, not another event. It does not calibrate alarms in time: the anomaly engine will.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.forecasts import Forecast
from scoring.panels import Bools, Floats, at_rows
from scoring.policies import Fleet

WARNING, CRITICAL = 2.5, 3.5
MOST_SIGMAS = np.float32(100)
HELD_SHARE = np.float32(0.6)
"""A state ends when its value is back within this share of the threshold: hysteresis against flapping."""
BACK_SHARE = np.float32(0.3)
"""Or within this share of the jump that began it: after a large one, the ordinary wandering of an hour is back to normal."""
HOLD_SECONDS = 3600.0
"""A state that lasts longer is the new normal."""
_LEAST_RELATIVE = np.float32(0.01)
_LEAST = np.float32(1e-6)


@dataclass(frozen=True, slots=True)
class Anomalies:
    """What is abnormal now.

    Attributes:
        score: sigmas, NaN where there was nothing to judge, `[targets]`.
        detected: held while abnormal, `[targets]`.
        critical: whether the state began at, or has since reached, the critical score, `[targets]`.
        direction: +1 spike, -1 drop, 0 neither, of the state while it lasts, `[targets]`.
        since: UNIX seconds of the onset, NaN while normal, `[targets]`.
        share: each series' share of its target's score, summing to 1 per scored target, `[series]`.
    """

    score: Floats
    detected: Bools
    critical: Bools
    direction: NDArray[np.int8]
    since: NDArray[np.float64]
    share: Floats


@dataclass(frozen=True, slots=True)
class Onsets:
    """What the detector remembers: the state, and per series the value expected at its onset and what is near to it."""

    state: Anomalies
    expected: Floats
    scale: Floats

    @classmethod
    def none(cls, fleet: Fleet) -> Onsets:
        """Nothing abnormal has been seen."""
        targets, series = len(fleet), len(fleet.series)
        unknown = np.full(series, np.nan, np.float32)
        return cls(nothing(targets, series), unknown, unknown)

    def for_rows(self, targets: NDArray[np.intp], series: NDArray[np.intp]) -> Onsets:
        """This memory for another fleet: its old rows, or -1 for what is new."""
        s, t = self.state, targets
        return Onsets(
            Anomalies(
                at_rows(s.score, t, np.nan),
                at_rows(s.detected, t, False),
                at_rows(s.critical, t, False),
                at_rows(s.direction, t, 0),
                at_rows(s.since, t, np.nan),
                at_rows(s.share, series, np.nan),
            ),
            at_rows(self.expected, series, np.nan),
            at_rows(self.scale, series, np.nan),
        )


def nothing(targets: int, series: int) -> Anomalies:
    """Nothing could be judged."""
    return Anomalies(
        np.full(targets, np.nan, np.float32),
        np.zeros(targets, np.bool_),
        np.zeros(targets, np.bool_),
        np.zeros(targets, np.int8),
        np.full(targets, np.nan, np.float64),
        np.full(series, np.nan, np.float32),
    )


@dataclass(frozen=True, slots=True)
class ResidualDetector:
    """Scores a fleet from a forecast's newest residuals."""

    def score(
        self, fleet: Fleet, forecast: Forecast, thresholds: Floats, before: Onsets, now: float
    ) -> Onsets:
        """Score every target at `now`; the result is both the answer and the memory for the next cycle.

        Args:
            fleet: the targets and their series.
            forecast: carries `residual`, `sigma` and `last`, each `[series]`.
            thresholds: score from which a target counts as abnormal, `[targets]`.
            before: what the previous cycle returned.
            now: UNIX seconds.
        """
        # 1 sigmas per series, joined per target
        sigma = _floored(forecast.sigma, forecast.last)
        with np.errstate(invalid="ignore"):
            z = np.clip(forecast.residual / sigma, -MOST_SIGMAS, MOST_SIGMAS)
        score, share = _join(fleet, z)
        moving, _ = _join(fleet, np.where(fleet.drives, z, np.float32(np.nan)))
        side = np.sign(_per_target(fleet, np.sign(z) * z * z * fleet.drives))
        # a direction is one of demand, and only where demand itself is abnormal
        leaning = np.where(moving >= thresholds, side, 0).astype(np.int8)
        # 2 those that are away from normal: newly, or still as far from what was expected at the onset
        with np.errstate(invalid="ignore"):
            away = np.abs(forecast.last - before.expected) / before.scale
            farthest = np.fmax.reduceat(away, fleet.first_row[:-1])
            age = now - before.state.since
            lasting = before.state.detected & (age >= 0) & (age < HOLD_SECONDS)
            back = lasting & (farthest < HELD_SHARE * thresholds)
            held = lasting & ~back  # a metric that falls silent ends nothing
            # the way back is no event of its own; but what moves demand counts over a state that does not
            turns = (before.state.direction == 0) & (leaning != 0)
            begins = (score >= thresholds) & (~lasting | turns)
        detected = begins | held
        # 3 onsets: a state that lasts keeps its own
        fresh = begins[fleet.owner]
        jump = np.abs(forecast.residual) * BACK_SHARE / (HELD_SHARE * thresholds[fleet.owner])
        return Onsets(
            Anomalies(
                score=score,
                detected=detected,
                critical=detected & ((score >= CRITICAL) | (held & before.state.critical)),
                direction=np.where(begins, leaning, np.where(held, before.state.direction, 0)).astype(
                    np.int8
                ),
                since=np.where(begins, now, np.where(held, before.state.since, np.nan)),
                share=share,
            ),
            expected=np.where(fresh, forecast.last - forecast.residual, before.expected),
            scale=np.where(fresh, np.maximum(sigma, jump), before.scale),
        )


def _floored(sigma: Floats, level: Floats) -> Floats:
    """Sigmas no smaller than one percent of the level: a constant series' first wobble is no event."""
    out: Floats = np.maximum(sigma, np.fmax(np.abs(level) * _LEAST_RELATIVE, _LEAST))
    return out


def _join(fleet: Fleet, z: Floats) -> tuple[Floats, Floats]:
    """Scores `[targets]` and shares `[series]` from one set of terms: root of the summed squares over root n."""
    seen = ~np.isnan(z)
    terms = np.where(seen, z * z, np.float32(0))
    total = _per_target(fleet, terms)
    count = _per_target(fleet, seen.astype(np.float32))
    score = np.where(count > 0, np.sqrt(total / np.sqrt(np.maximum(count, 1))), np.nan).astype(np.float32)
    of = fleet.owner
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(total[of] > 0, terms / total[of], seen / count[of])
    return score, np.where(seen, share, np.nan).astype(np.float32)


def _per_target(fleet: Fleet, values: Floats) -> Floats:
    """Sums over each target's rows, NaN counted as nothing: `[targets]`."""
    return np.add.reduceat(np.nan_to_num(values), fleet.first_row[:-1])
