"""The scale of the anomaly score: a number of sigmas names how often an ordinary series reaches it.

The scale is calibrated in time, not in rows: 2.5 is one alarm a week per series, whatever the step of the grid. Between
and beyond that point it follows the two tails of the normal distribution, so 3 is one in about five weeks and 3.5 one in
half a year. Nothing here looks at a sample.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import special

from scoring.panels import Floats

WARNING = 2.5
"""The shipped threshold: one alarm a week."""
MOST_PER_WEEK = 40.0
"""So many alarms a week are the highest rate that can be asked for: a score of 0.68 sigmas."""
LEAST_PER_WEEK = 1e-3

_NORMAL = NormalDist()
_ONE_A_WEEK = 2 * _NORMAL.cdf(-WARNING)


def alarms_per_week(threshold: float) -> float:
    """How many alarms a week an ordinary series raises at a threshold in sigmas; 80 at 0, where every score counts."""
    return 2 * _NORMAL.cdf(-threshold) / _ONE_A_WEEK


def threshold_of(rate: float) -> float:
    """The threshold in sigmas at which an ordinary series raises so many alarms a week.

    Raises:
        ValueError: `rate` is not within 0.001..40.
    """
    if not LEAST_PER_WEEK <= rate <= MOST_PER_WEEK:
        raise ValueError(f"{rate:g} alarms a week is outside {LEAST_PER_WEEK:g}..{MOST_PER_WEEK:g}")
    return -_NORMAL.inv_cdf(rate * _ONE_A_WEEK / 2)


ONE_A_WEEK = 2.30
"""Decades (`channels.joined`) that an ordinary series reaches once a week on a grid of five minutes."""
_PER_DECADE = 0.7
"""Decades of the rate of alarms per decade of the figure: a steeper one would be that of independent rows."""
_FINER, _COARSER = 1.0, 0.6
"""How the figure of one alarm a week grows per decade of rows in a week: below and above five-minute grids."""
_JOINING = (0.0, 0.0, 0.05, 0.2, -0.25)
"""By how much more (the highest of two or three), or less (the mean of several) a joint figure reaches at one alarm a week than that of
one metric; by how many there are, four and more alike. Measured on subsets of the open half of ASD."""
_ROWS, _SHARED_STEP, _WEEK = 2016, 300.0, 604_800.0


def sigmas_of(decades: NDArray[np.floating], step: float, metrics: NDArray[np.integer]) -> Floats:
    """The score in sigmas of figures in decades, where so many `metrics` were joined on a grid of `step` seconds.

    Measured on the open half of the labelled benchmarks: the pooled rate of alarms falls by 0.7 decades per decade, on
    grids of one minute, five minutes and one hour alike.
    """
    growth = (_FINER if step < _SHARED_STEP else _COARSER) * np.log10(_WEEK / step / _ROWS)
    rate = -_PER_DECADE * (decades - ONE_A_WEEK - growth - _joining(metrics))
    with np.errstate(invalid="ignore", over="ignore"):
        log_tail = np.log(10.0) * rate + np.log(_ONE_A_WEEK / 2)
        sigmas = -special.ndtri_exp(np.minimum(log_tail, -np.log(2.0)))
    out: Floats = np.where(np.isnan(decades), np.nan, sigmas).astype(np.float32)
    return out


def _joining(metrics: NDArray[np.integer]) -> NDArray[np.float64]:
    """Decades by which several metrics together reach higher, or lower, than one."""
    more: NDArray[np.float64] = np.asarray(_JOINING)[np.clip(metrics, 0, len(_JOINING) - 1)]
    return more
