"""What a forecast is judged by, as arithmetic on arrays.

Each measure has one definition here, so that a table, a benchmark and a test cannot mean different things by one
name. Nothing is averaged over series of different size: a figure is per series first, then its median and worst
decile over the series. What cannot be known (no points, nothing to divide by) is NaN, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

WORST = 0.1
"""The worst decile: one series in ten is at least as bad."""
EVEN = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""The levels over which wQL is meaned, as in GIFT-Eval."""
_EXACT = 1e-6
"""An error below this share of the series' own size is rounding, not an error."""


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over the series of a fleet.

    Attributes:
        median: of the series that have the figure; NaN where none has.
        worst: the decile of the series that do worst: the 90th percentile, of a coverage the 10th.
    """

    median: float
    worst: float


def relative_mae(errors: Doubles, persistence: Doubles, size: Doubles) -> Doubles:
    """MAE over persistence's MAE on the same points: below 1 is better than the last value carried forward.

    The relative MAE of Hyndman & Koehler (2006), "Another look at measures of forecast accuracy", with persistence as
    the benchmark: at 5 to 30 minutes it is harder to beat than a seasonal naive. Where persistence was never wrong
    there is nothing to win: NaN if the forecast was not wrong either, infinite if it was.

    Args:
        errors: sums of absolute errors, any shape.
        persistence: the same of persistence, on the same points.
        size: sums of absolute values of what came, on the same points: what rounding is measured by.
    """
    exact = errors <= _EXACT * size
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = errors / persistence
    return np.where((persistence == 0) & exact, np.nan, ratio)


def seasonal_scale(values: NDArray[np.floating], season: int) -> Doubles:
    """The mean absolute change over one season of each row, over observed pairs: `[rows]`; NaN where there is none.

    The scale of MASE (Hyndman & Koehler 2006) and of GIFT-Eval (Aksu et al. 2024).

    Args:
        values: `[rows, time]`, gaps as NaN.
        season: columns of a season.
    """
    if values.shape[1] <= season:
        return np.full(len(values), np.nan)
    change = np.abs(values[:, season:].astype(np.float64) - values[:, :-season])
    count = np.count_nonzero(~np.isnan(change), axis=1)
    return over(np.nansum(change, axis=1), count)


def mase(mae: Doubles, scale: Doubles) -> Doubles:
    """MAE in units of the seasonal change of the past: Hyndman & Koehler (2006). NaN where the past did not change."""
    return over(mae, scale)


def pinball(came: Doubles, quantiles: Doubles, levels: Sequence[float]) -> Doubles:
    """The loss of each quantile: `[..., levels]` (Koenker & Bassett 1978).

    Args:
        came: what was observed, `[...]`.
        quantiles: `[..., levels]`.
        levels: between 0 and 1.
    """
    short = came[..., None] - quantiles
    at = np.asarray(levels, np.float64)
    loss: Doubles = np.maximum(at * short, (at - 1) * short)
    return loss


def at_levels(quantiles: Doubles, levels: Sequence[float], wanted: Sequence[float]) -> Doubles:
    """Quantiles at other levels, between their neighbours as those of a bell would lie: `[..., wanted]`.

    The weights are the levels' distances in normal scores; what does not cross does not cross afterwards.

    Args:
        quantiles: `[..., levels]`, not crossing.
        levels: ascending, between 0 and 1.
        wanted: ascending; outside of `levels` the outermost quantile is held.
    """
    have, want = (np.array([NormalDist().inv_cdf(level) for level in of]) for of in (levels, wanted))
    above = np.clip(np.searchsorted(have, want), 1, len(have) - 1)
    part = np.clip((want - have[above - 1]) / (have[above] - have[above - 1]), 0, 1)
    low, high = quantiles[..., above - 1], quantiles[..., above]
    between: Doubles = low + part * (high - low)
    return between


def weighted_quantile_loss(loss: Doubles, size: Doubles) -> Doubles:
    """wQL: twice the pinball loss over the sum of what came, meaned over levels; of one exact line: MAE / mean.

    As GIFT-Eval (Aksu et al. 2024) and GluonTS (Alexandrov et al. 2020) define it; over nine even levels it stands in
    for the CRPS.

    Args:
        loss: sums of pinball losses, `[..., levels]`.
        size: sums of absolute values of what came, `[...]`.
    """
    return over(2 * loss.mean(axis=-1), size)


def bias(errors: Doubles, size: Doubles) -> Doubles:
    """Forecast less what came, as a share of what came: above 0 is too high (Hyndman & Athanasopoulos, FPP3, 5.8).

    Args:
        errors: sums of signed errors of the median, forecast less observed.
        size: sums of absolute values of what came.
    """
    return over(errors, size)


def share(hits: NDArray[np.integer], points: NDArray[np.integer]) -> Doubles:
    """How often something was so: the coverage of a band (Christoffersen 1998), or the exceedance of a quantile.

    A band of P10 to P90 should hold 80 % of what comes; 2 % should exceed a Q.98 (Kupiec 1995).
    """
    return over(hits.astype(np.float64), points)


def spread(values: Doubles, worst: Literal["high", "low"] = "high") -> Spread:
    """Median and worst decile over the series; the decile is one of the values, not between two.

    Args:
        values: one per series; NaN: has none.
        worst: which end is bad.
    """
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return Spread(np.nan, np.nan)
    place = (1 - WORST if worst == "high" else WORST) * (len(known) - 1)
    at = np.ceil(place - 1e-9) if worst == "high" else np.floor(place + 1e-9)
    return Spread(float(np.median(known)), float(known[int(at)]))


def over(of: NDArray[np.floating], by: NDArray[np.number]) -> Doubles:
    """`of / by`, NaN where `by` is zero or unknown."""
    out = np.full(np.broadcast_shapes(of.shape, by.shape), np.nan)
    np.divide(of, by, out=out, where=np.asarray(by > 0))
    return out
