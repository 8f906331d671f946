"""The ways in which a row can be abnormal, and how their rarities become one figure.

Each channel is judged by its own past (`tails`), so that none needs a scale of its own; what is joined is the root of their weighted
mean square. The weights were chosen by groups, on the open half of the labelled benchmarks, from a wide plateau: novelty, season and
residual count alike. On grids finer than five minutes, where novelty of a single row says little, residuals count more.
"""

from __future__ import annotations

import numpy as np

from scoring.panels import Floats

OUTSIDE, NOVEL, NOVEL_MEAN = 0, 1, 2
DAILY, DAILY_MEAN, WEEKLY = 3, 4, 5
FAST, SLOW, RESTLESS, FORECAST = 6, 7, 8, 9
CHANGE, COMPANIONS = 10, 11
NAMES = (
    "outside of all seen",
    "value never seen",
    "level never seen",
    "not at this hour",
    "level not at this hour",
    "not at this hour of the week",
    "off the last rows",
    "off its level",
    "restlessness",
    "off the forecast",
    "change never seen",
    "off its companions",
)
COUNT = len(NAMES)
SIGNAL = (0, 0, 1, 0, 1, 0, 3, 4, 5, 5, 2, 6)
"""Of `levels`: in whose spreads each channel is told; a forecast's residual has its own, whatever stands here."""
_SHARED = 300.0
_LEAST_SHARED = 0.2
_FINE = (OUTSIDE, NOVEL, NOVEL_MEAN, DAILY, DAILY_MEAN, WEEKLY)
_WEIGHTS = (1 / 3,) * 9 + (1 / 3, 1 / 4, 1 / 2)


def weights(step: float) -> Floats:
    """How much each channel counts on a grid of `step` seconds: `[channels]`."""
    out = np.array(_WEIGHTS, np.float32)
    out[list(_FINE)] *= np.clip(step / _SHARED, _LEAST_SHARED, 1)
    return out


def joined(rarity: Floats, weight: Floats, *, weekly: bool) -> Floats:
    """One figure in decades, `[rows]`, from the rarities `[rows, channels]`; NaN where no channel says anything.

    A channel that has not enough past yet counts as ordinary: until it has, the figure is the lower for it. One that can
    have none does not count: weeks on a grid that remembers none (`weekly`), forecasts and companions where there are none.
    """
    known = ~np.isnan(rarity)
    counted = known.copy()
    counted[:, :FORECAST] = True
    counted[:, WEEKLY] &= weekly
    counted[:, CHANGE] = True
    total = (counted * weight).sum(axis=1)
    squares = (np.where(known, rarity * rarity, np.float32(0)) * weight).sum(axis=1)
    return np.where(known.any(axis=1), np.sqrt(squares / total), np.float32(np.nan)).astype(np.float32)
