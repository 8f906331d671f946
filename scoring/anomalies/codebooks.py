"""The values that a series takes, remembered as a few dozen: how far a new one is from all of them is its novelty.

An occupied place is moved to the end of the queue each time its value comes again; a value that is like none takes the place
that was longest unvisited. So a codebook forgets by being used, not by the clock, and a series that moves among several
levels knows all of them. What came once only is not yet ordinary: novelty is the distance to the second nearest, or to the nearest
that has come again. (Nearest-neighbour novelty as in LAVIN and AHMAD's NAB detectors; the codebook keeps it at a constant size.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats

PLACES = 64
NEAR = np.float32(0.1)
"""Within this many spreads of a remembered value a new one is the same."""
_NEVER = np.int32(-1)


@dataclass(frozen=True, slots=True)
class Codebooks:
    """Remembered values of several signals, updated in place.

    Attributes:
        values: an empty place holds the first that came; NaN before that, `[series, signals, PLACES]`.
        visited: the row number of the last visit, -1: never, `[series, signals, PLACES]`.
        again: whether it has come more than once, `[series, signals, PLACES]`.
    """

    values: Floats
    visited: NDArray[np.int32]
    again: Bools

    @classmethod
    def none(cls, series: int, signals: int) -> Codebooks:
        """Nothing is remembered."""
        shape = (series, signals, PLACES)
        return cls(
            np.full(shape, np.nan, np.float32), np.full(shape, _NEVER, np.int32), np.zeros(shape, np.bool_)
        )

    def meet(
        self, rows: slice, x: Floats, size: Floats, count: NDArray[np.int32]
    ) -> tuple[Floats, Floats, Floats]:
        """Judge the newest values by what is remembered, and remember them.

        Args:
            rows: which series.
            x: their newest values, `[rows, signals]`, NaN where there is none.
            size: their spreads, `[rows, signals]`, NaN where unknown.
            count: how many rows each has seen, this one too, `[rows]`.

        Returns:
            Novelty in spreads, `[rows, signals]`; and the lowest and the highest that was remembered of the first signal, `[rows]`.
            NaN where unknown.
        """
        values, visited, again = (
            a[rows].reshape(-1, PLACES) for a in (self.values, self.visited, self.again)
        )
        now, n = x.reshape(-1), np.arange(x.size)
        with np.errstate(invalid="ignore"):
            distance = np.abs(values - now[:, None])
        nearest = distance.argmin(axis=1)
        far = distance[n, nearest]
        ordinary = far <= NEAR * size.reshape(-1)
        low, high = self.values[rows, 0].min(axis=1), self.values[rows, 0].max(axis=1)
        # what came once only is not yet ordinary
        once = np.flatnonzero(~again[n, nearest] & ~np.isnan(far))
        others = distance[once]
        others[np.arange(len(once)), nearest[once]] = np.inf
        far[once] = others.min(axis=1)
        # remember: the same value again, or in place of the one longest unvisited; the first of all fills the book
        begun = ~np.isnan(values[:, 0])
        self._remember(rows, x, np.flatnonzero(~begun & ~np.isnan(now)), count)
        place = np.where(ordinary, nearest, 0)
        new = np.flatnonzero(begun & ~np.isnan(now) & ~ordinary)
        place[new] = visited[new].argmin(axis=1)
        values[new, place[new]] = now[new]
        met = np.flatnonzero(begun & ~np.isnan(now))
        again[met, place[met]] = ordinary[met]
        visited[met, place[met]] = np.repeat(count, x.shape[1])[met]
        with np.errstate(invalid="ignore"):
            novelty = far.reshape(x.shape) / size
        return novelty.astype(np.float32), low, high

    def _remember(self, rows: slice, x: Floats, firsts: NDArray[np.intp], count: NDArray[np.int32]) -> None:
        """Begin the books of `firsts`, numbered row by row, with the only value that is known."""
        values, visited = (a[rows].reshape(-1, PLACES) for a in (self.values, self.visited))
        values[firsts] = x.reshape(-1)[firsts, None]
        visited[firsts, 0] = np.repeat(count, x.shape[1])[firsts]
