"""The memory behind the panel: one buffer with slack, so that the panel is always one contiguous view.

It holds numbers and their grid; what is missing and who is asked for it is `scoring.metrics_stream`'s affair.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Panel, Series, is_demand

_SLACK = 8
"""One column in so many is slack: the whole buffer is moved once per `columns / _SLACK` steps."""


class Ring:
    """The last `columns` columns of `series`; changed in place by its one owner."""

    def __init__(self, series: tuple[Series, ...], *, step: float, columns: int) -> None:
        self.series = series
        self.step = step
        self.columns = columns
        self.started = False
        self.end = 0.0
        self._row = {s: i for i, s in enumerate(series)}
        capacity = columns + max(2, columns // _SLACK)
        self._values = np.full((len(series), capacity), np.nan, np.float32)
        self._censored = np.zeros((len(series), capacity), np.bool_)
        self._masked = np.zeros((len(series), capacity), np.bool_)
        self._head = columns

    @classmethod
    def empty(cls, series: Sequence[Series], *, step: float, columns: int) -> Ring:
        """A ring in which nothing was observed and time has not begun."""
        return cls(tuple(series), step=step, columns=columns)

    @property
    def start(self) -> float:
        """UNIX seconds of the first column."""
        return self.end - (self.columns - 1) * self.step

    def panel(self) -> Panel:
        """The panel as views of this memory."""
        window = slice(self._head - self.columns, self._head)
        return Panel(
            self.series,
            self.start,
            self.step,
            self._values[:, window],
            self._censored[:, window],
            self._masked[:, window],
        )

    def for_series(self, series: tuple[Series, ...]) -> Ring:
        """A ring for other rows that keeps the past of those it shares with this one."""
        other = Ring(series, step=self.step, columns=self.columns)
        other.started, other.end = self.started, self.end
        kept = [(i, self._row[s]) for i, s in enumerate(series) if s in self._row]
        if kept:
            to, frm = np.array(kept, np.intp).T
            window = slice(self._head - self.columns, self._head)
            other._values[to, : other._head] = self._values[frm, window]
            other._censored[to, : other._head] = self._censored[frm, window]
            other._masked[to, : other._head] = self._masked[frm, window]
        return other

    def roll_to(self, end: float) -> None:
        """Make `end` (a multiple of the step) the last column; new columns are gaps, future ones are dropped."""
        by = round((end - self.end) / self.step) if self.started else 0
        self.started, self.end = True, end
        if abs(by) >= self.columns:
            self._values[:], self._censored[:], self._masked[:] = np.nan, False, False
            self._head = self.columns
        elif by < 0:
            self._step_back(-by)
        elif by > 0:
            self._make_room(by)
            self._values[:, self._head : self._head + by] = np.nan
            self._censored[:, self._head : self._head + by] = False
            self._masked[:, self._head : self._head + by] = False
            self._head += by

    def write(self, block: Panel, *, replace: bool) -> None:
        """Copy a block's observed values where the grids meet; gaps of the block erase nothing, and no mask is lifted.

        Args:
            block: rows of any order; those not in this ring are passed over.
            replace: whether a value already here gives way.
        """
        offset = round((block.start - self.start) / self.step)
        width = block.values.shape[1]
        first, last = max(0, -offset), min(width, self.columns - offset)
        if first >= last or not block.series:
            return
        target = slice(self._head - self.columns + offset + first, self._head - self.columns + offset + last)
        rows, picked = self._rows_of(block.series)
        values, censored = block.values[picked, first:last], block.censored[picked, first:last]
        here, flags = self._values[rows, target], self._censored[rows, target]
        take = is_demand(values)
        if not replace:
            take &= np.isnan(here)
        self._values[rows, target] = np.where(take, values, here)
        self._censored[rows, target] = np.where(take, censored, flags)
        if block.masked.any():
            self._masked[rows, target] |= block.masked[picked, first:last]

    def mask(self, rows: NDArray[np.intp] | slice, first: int, last: int) -> None:
        """Mask the columns `first..last - 1` of the panel for some rows; what lies outside of it is passed over."""
        start, oldest = max(0, first), self._head - self.columns
        stop = min(last, self.columns)
        if start < stop:
            self._masked[rows, oldest + start : oldest + stop] = True

    def _rows_of(
        self, series: tuple[Series, ...]
    ) -> tuple[slice | NDArray[np.intp], slice | NDArray[np.intp]]:
        if series == self.series:
            return slice(None), slice(None)
        pairs = [(self._row[s], i) for i, s in enumerate(series) if s in self._row]
        rows = np.array(pairs, np.intp).reshape(-1, 2)
        return rows[:, 0], rows[:, 1]

    def _step_back(self, by: int) -> None:
        """Forget the newest `by` columns; the room that appears at the old end is a gap."""
        window = slice(self._head - self.columns, self._head)
        for array, nothing in ((self._values, np.nan), (self._censored, False), (self._masked, False)):
            kept = array[:, window][:, : self.columns - by].copy()
            array[:, :by] = nothing
            array[:, by : self.columns] = kept
        self._head = self.columns

    def _make_room(self, by: int) -> None:
        """Move what stays to the front of the buffer when `by` more columns would not fit behind it."""
        if self._head + by <= self._values.shape[1]:
            return
        window = slice(self._head - self.columns + by, self._head)
        for array in (self._values, self._censored, self._masked):
            array[:, : self.columns - by] = array[:, window].copy()
        self._head = self.columns - by
