"""Running centres and spreads: what a signal's ordinary size is, so that every series is judged in its own units.

Both follow slowly, and what is far out moves them no farther than a few spreads: an anomaly does not become its own measure.
Everything is updated in place, a slice of rows at a time; NaN leaves a row as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats

LEAST_RELATIVE = np.float32(0.01)
"""A spread is no smaller than one percent of its centre: the wobble of a constant is no event."""


VALUE, MEAN, CHANGE = 0, 1, 2
FAST, SLOW, RESTLESS, COMPANIONS = 3, 4, 5, 6
SIGNALS = 7
"""The ordinary size of three signals; and what the value (twice), its restlessness and its companions' residual were lately."""

_CENTRE = np.array([1 / 4000] * 3 + [0.2, 0.005, 0.01, 0.01], np.float32)
_SPREAD = np.array([1 / 4000] * 3 + [0.005, 0.002, 0.005, 0.005], np.float32)
"""How far centre and spread go towards the newest value, once a level is older than that: two weeks of five-minute rows at most."""
_CLIP = np.array([4] * 3 + [5] * 4, np.float32)
"""Spreads beyond which a value counts as if it had come so far."""
_SETTLED = np.array([20] * 3 + [10] * 4, np.float32)
"""Rows before anything is clipped."""
_CLIPPED = np.array([True] * 3 + [False] * 4)
"""Whether the centre is held back as well, not the spread alone."""

_LEAST_RESTLESS, _LEAST_ALONE = 0.3, 0.05
"""Of what has no unit: 0.3 in the logarithm of restlessness, a twentieth of a spread beside the companions."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Centres and spreads, each `[series, SIGNALS]`, updated in place; `count` values have been seen."""

    centre: Floats
    spread: Floats
    count: Floats

    @classmethod
    def none(cls, series: int) -> Levels:
        """Nothing has been seen."""
        return cls(*(np.zeros((series, SIGNALS), np.float32) for _ in range(3)))

    def sizes(self, rows: slice | NDArray[np.intp]) -> tuple[Floats, Bools]:
        """The spread of each signal, and whether it is the least that counts, for the signal hardly moves: `[rows, SIGNALS]`.

        NaN where there is none: nothing came twice, or a constant is zero.
        """
        centre, spread = self.centre[rows], self.spread[rows]
        least = np.abs(centre) * LEAST_RELATIVE
        least[:, CHANGE] = least[:, VALUE]
        least[:, [RESTLESS, COMPANIONS]] = _LEAST_RESTLESS, _LEAST_ALONE
        size = np.maximum(spread, least)
        known = (size > 0) & (self.count[rows] > 1)
        return np.where(known, size, np.float32(np.nan)), spread <= least

    def deviations(self, rows: slice, x: Floats, sizes: Floats) -> Floats:
        """How far `x` is from the centre, in spreads, 0 and more: `[rows, SIGNALS]`; NaN where either is unknown."""
        with np.errstate(invalid="ignore", over="ignore"):
            out: Floats = np.abs(x - self.centre[rows]) / sizes
        return out

    def learn(self, rows: slice, x: Floats) -> None:
        """Take in the newest values, `[rows, SIGNALS]`, NaN where there is none."""
        centre, spread, count = self.centre[rows], self.spread[rows], self.count[rows]
        seen = ~np.isnan(x)
        first = seen & (count == 0)
        centre[first] = x[first]
        count += seen
        share = np.float32(1) / np.maximum(count, 1)
        away = np.where(seen, x - centre, np.float32(0))
        limit = np.where((count > _SETTLED) & (spread > 0), _CLIP * spread, np.float32(np.inf))
        near = np.minimum(np.maximum(away, -limit), limit)
        centre += np.maximum(share, _CENTRE) * np.where(_CLIPPED, near, away)
        # the first value has nothing to be away from
        growth = np.maximum(share, _SPREAD) * (np.abs(near) - spread)
        spread += np.where(seen & ~first, growth, np.float32(0))
