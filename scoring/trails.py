"""The trail: what was said and done in each step of the recent past, and how past forecasts fared.

A ring on the panel's grid. From it come the page's "past forecasts against what came", and the measured coverage and
bias of every series; the forecaster's own account stays its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats, at_rows

REPLICAS, RECOMMENDED, SCORE, DETECTED = range(4)
_FEWEST = 12
_FORGET = 1 - 1 / 288


@dataclass(frozen=True, slots=True)
class Stretch:
    """A copy of one target's trail: `[columns, 4]` and `[metrics, columns, 3]` beside `times`."""

    done: Floats
    said: Floats


class Trail:
    """Changed in place by the loop; `stretch` copies for other threads.

    Args:
        targets: rows of what was done.
        series: rows of what was forecast.
        columns: grid steps remembered.
        ahead: how many steps before its time a forecast was made, to be shown and judged.
    """

    def __init__(self, targets: int, series: int, *, columns: int, ahead: int) -> None:
        self.columns, self.ahead = columns, ahead
        self._slot = -1
        self._done = np.full((targets, columns, 4), np.nan, np.float32)
        self._said = np.full((series, columns, 3), np.nan, np.float32)
        self._first = np.full((series, 3), np.nan, np.float32)
        self._judged = np.zeros((series, 6))

    def for_rows(self, targets: NDArray[np.intp], series: NDArray[np.intp], columns: int) -> Trail:
        """This trail for another fleet: its old rows, or -1 for what is new; with `columns` of memory."""
        other = Trail(0, 0, columns=columns, ahead=self.ahead)
        other._slot = self._slot
        other._done = self._laid_out(at_rows(self._done, targets, np.nan), self._slot, columns)
        other._said = self._laid_out(at_rows(self._said, series, np.nan), self._slot + self.ahead, columns)
        other._first = at_rows(self._first, series, np.nan)
        other._judged = at_rows(self._judged, series, 0)
        return other

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that it remembers, by name; `Trail.of` takes it back."""
        about = np.array([self.columns, self.ahead, self._slot], np.int64)
        return {
            "about": about,
            "done": self._done,
            "said": self._said,
            "first": self._first,
            "judged": self._judged,
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Trail:
        """A trail from its `arrays`."""
        columns, ahead, slot = (int(v) for v in arrays["about"])
        trail = cls(0, 0, columns=columns, ahead=ahead)
        trail._slot = slot
        trail._done, trail._said = arrays["done"], arrays["said"]
        trail._first, trail._judged = arrays["first"], arrays["judged"]
        return trail

    def add(self, slot: int, *, came: Floats, first: Floats, later: Floats, done: Floats) -> None:
        """One more cycle.

        Args:
            slot: the grid step of now (UNIX seconds / step).
            came: the demand observed in it, `[series]`.
            first: lower, median, upper one step ahead, `[series, 3]`.
            later: the same `ahead` steps ahead.
            done: replicas, recommended, score, detected, `[targets, 4]`.
        """
        gone = min(max(slot - self._slot, 0), self.columns) if self._slot >= 0 else 0
        for passed in range(slot - gone + 1, slot + 1):
            self._done[:, passed % self.columns] = np.nan
            self._said[:, (passed + self.ahead) % self.columns] = np.nan
        if gone:  # a second cycle within one step judges nothing twice
            self._judge(came, self._said[:, slot % self.columns], slice(0, 4))
            if gone == 1:
                self._judge(came, self._first, slice(4, 6))
        self._slot = slot
        self._done[:, slot % self.columns] = done
        self._said[:, (slot + self.ahead) % self.columns] = later
        self._first = first

    def steady(self, replicas: Floats, cycles: int, apart: int = 1) -> Bools:
        """Targets that had these very replicas in each of the last `cycles` cycles, `apart` steps from each other: `[targets]`."""
        if self._slot < 0:
            return np.zeros(len(self._done), np.bool_)
        past = self._done[:, (self._slot - np.arange(cycles * apart)) % self.columns, REPLICAS]
        known = ~np.isnan(past)
        same: Bools = (known.sum(axis=1) >= cycles) & ((past == replicas[:, None]) | ~known).all(axis=1)
        return same

    def replicas(self, targets: NDArray[np.intp], now: Floats, slot: int, columns: int) -> Floats:
        """How many replicas some targets had in the `columns` steps up to `slot`: `[rows, columns]`.

        Where it is not known it is what was known last; before anything was known, what was known first; 1 if nothing is.

        Args:
            targets: which.
            now: how many they have in the last step, `[rows]`.
            slot: the last step.
            columns: how many steps.
        """
        wanted = np.arange(slot - columns + 1, slot + 1)
        past = self._done[targets, :, REPLICAS][:, wanted % self.columns]
        past[:, (wanted <= self._slot - self.columns) | (wanted > self._slot)] = np.nan
        past[:, -1] = now
        known = past > 0
        begun = known.argmax(axis=1)
        first = np.where(known.any(axis=1), past[np.arange(len(past)), begun], np.float32(1))
        before = np.arange(columns) < begun[:, None]
        past = np.where(known, past, np.where(before, first[:, None], np.float32(np.nan)))
        gap = 1
        while gap < columns and np.isnan(past).any():  # what was known last, ever further back
            past[:, gap:] = np.where(np.isnan(past[:, gap:]), past[:, :-gap], past[:, gap:])
            gap *= 2
        return np.where(np.isnan(past), first[:, None], past)

    def coverage(self) -> Floats:
        """Share of values inside their P10..P90 made `ahead` steps before, `[series]`; NaN before it is known."""
        return self._share(1, 0)

    def bias(self) -> Floats:
        """Mean of forecast (`ahead` steps before) less what came, over the mean of what came, `[series]`."""
        return self._share(2, 3)

    def first_coverage(self, row: int) -> float | None:
        """Share of one series' values inside the band made one step before; None before it is known."""
        count, inside = self._judged[row, 4:6]
        return float(inside / count) if count >= _FEWEST else None

    def stretch(self, target: int, rows: slice, slot: int, columns: int) -> Stretch:
        """Copy what was done and said in the `columns` steps up to `slot`, oldest first."""
        wanted = np.arange(slot - columns + 1, slot + 1)
        place = wanted % self.columns
        old = (wanted <= self._slot - self.columns + self.ahead) | (wanted > self._slot)
        done, said = self._done[target, place], self._said[rows][:, place]
        done[old], said[:, old] = np.nan, np.nan
        return Stretch(done, said)

    def _laid_out(self, ring: Floats, newest: int, columns: int) -> Floats:
        """A ring of `self.columns` whose newest slot is given, as one of `columns`: a shorter one forgets the oldest."""
        if columns == self.columns:
            return ring
        other = np.full((len(ring), columns, ring.shape[2]), np.nan, np.float32)
        slots = np.arange(newest - min(columns, self.columns) + 1, newest + 1)
        other[:, slots % columns] = ring[:, slots % self.columns]
        return other

    def _judge(self, came: Floats, band: Floats, place: slice) -> None:
        """Add one value per series to the discounted sums at `place`: count, inside, and then, if wanted, error and value."""
        known = ~np.isnan(came) & ~np.isnan(band[:, 1])
        with np.errstate(invalid="ignore"):
            inside = (came >= band[:, 0]) & (came <= band[:, 2])
        terms = np.stack([np.ones_like(came), inside, band[:, 1] - came, came], axis=1, dtype=np.float64)
        sums = self._judged[:, place]
        sums[known] = sums[known] * _FORGET + terms[known, : sums.shape[1]]

    def _share(self, part: int, whole: int) -> Floats:
        """One sum over another, NaN before enough was judged or where the whole is nothing."""
        enough = (self._judged[:, 0] >= _FEWEST) & (self._judged[:, whole] > 0)
        share: Floats = np.full(len(enough), np.nan, np.float32)
        share[enough] = self._judged[enough, part] / self._judged[enough, whole]
        return share
