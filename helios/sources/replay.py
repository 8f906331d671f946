"""Replay: measured traces played as the demand of a fleet, at any speed and on any grid.

Each series is a real column, moved in time and scaled; no noise is added and nothing is interpolated. Never is a
sample told before its time has come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from helios.errors import TraceError
from helios.sources.traces import Trace
from scoring.metrics_stream import Workloads
from scoring.panels import Bools, Floats, Panel, Series

_NEAR = 1e-6
"""Two times are equal when they differ by less than this share of a step."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a trace, as the demand of one series.

    Attributes:
        trace: where it is from.
        name: the column.
        scale: demand = value x scale.
        shift_seconds: replay time = trace time + this + the source's own shift.
    """

    trace: Trace
    name: str
    scale: float = 1.0
    shift_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.trace.index(self.name)
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise TraceError(f"column {self.name}: scale {self.scale} is not a positive number: give one")


class Observer(Protocol):
    """Who knows the replicas and requests of workloads that exist only in a replay."""

    def observe(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        """The present state of `(namespace, deployment, kind)` and of each series' pods."""


class Unobserved:
    """Knows nothing: every workload's state is NaN."""

    def observe(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        """NaN throughout."""
        of_targets, of_series = (np.full(len(rows), np.nan, np.float32) for rows in (workloads, series))
        return Workloads(of_targets, of_series, of_series.copy(), of_targets.copy())


class ReplaySource:
    """Fulfils `scoring.metrics_stream.Source` from traces.

    A column of the panel at g covers `[g, g + step)`. Where the trace is finer, it is the mean of what was observed in
    there and has been reached by the time of reading; where it is as coarse or coarser, it is the trace's value at g,
    which holds for one step of the trace. A series without a column is a row of NaN.

    Args:
        assignments: which column each series plays; several series may play one.
        shift_seconds: replay time = trace time + this.
        observer: tells replicas and requests.
        now: the time of reading; None takes the end of what is asked for.
    """

    points_per_read: int = 100_000_000

    def __init__(
        self,
        assignments: Mapping[Series, Column],
        *,
        shift_seconds: float = 0.0,
        observer: Observer | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._assignments = dict(assignments)
        self._shift = shift_seconds
        self._observer = observer or Unobserved()
        self._now = now
        self._plan: tuple[tuple[Series, ...], tuple[_Part, ...]] = ((), ())

    def read(self, series: Sequence[Series], start: float, end: float, step: float) -> Panel:
        """Demand of `series` on the grid `start, start + step, …, end`."""
        columns = round((end - start) / step) + 1
        times = start + step * np.arange(columns, dtype=np.float64)
        reached = end if self._now is None else self._now()
        values = np.full((len(series), columns), np.nan, np.float32)
        for part in self._parts(series):
            part.fill(values, times, step, reached)
        censored: Bools = np.zeros(values.shape, np.bool_)
        return Panel(tuple(series), start, step, values, censored)

    def observe(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        """What the observer says."""
        return self._observer.observe(workloads, series)

    def problems(self) -> Mapping[Series, str]:
        """Series of the latest read that no column plays."""
        asked, _ = self._plan
        return {
            one: "no column of a trace is assigned to it: assign one"
            for one in asked
            if one not in self._assignments
        }

    def _parts(self, series: Sequence[Series]) -> tuple[_Part, ...]:
        """The rows by trace; kept, as the same series are asked for cycle after cycle."""
        asked = tuple(series)
        if asked != self._plan[0]:
            groups: dict[tuple[int, float], list[tuple[int, Column]]] = {}
            for row, one in enumerate(asked):
                column = self._assignments.get(one)
                if column is not None:
                    groups.setdefault((id(column.trace), column.shift_seconds), []).append((row, column))
            self._plan = (asked, tuple(_Part.of(members, self._shift) for members in groups.values()))
        return self._plan[1]


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows that play one trace.

    Attributes:
        trace: which.
        start: replay time of its first slot.
        rows: of the panel, `[rows]`.
        used: the trace's columns that are played, each once, `[used]`.
        which: index into `used`, `[rows]`.
        scale: `[rows]`.
    """

    trace: Trace
    start: float
    rows: NDArray[np.intp]
    used: NDArray[np.intp]
    which: NDArray[np.intp]
    scale: Floats

    @classmethod
    def of(cls, members: Sequence[tuple[int, Column]], shift: float) -> _Part:
        first = members[0][1]
        numbers = {name: i for i, name in enumerate(first.trace.columns)}
        columns = np.array([numbers[column.name] for _, column in members], np.intp)
        used, which = np.unique(columns, return_inverse=True)
        return cls(
            first.trace,
            first.trace.start + first.shift_seconds + shift,
            np.array([row for row, _ in members], np.intp),
            used,
            which.astype(np.intp),
            np.array([column.scale for _, column in members], np.float32),
        )

    def fill(self, values: Floats, times: NDArray[np.float64], step: float, reached: float) -> None:
        """Write the rows' demand at `times` into `values`, as far as it is known when time is `reached`."""
        finer = self.trace.step < step * (1 - _NEAR)
        played = self._means(times, step, reached) if finer else self._latest(times)
        if len(self.rows) == len(values) and (self.rows == np.arange(len(values))).all():
            np.take(played, self.which, axis=0, out=values, mode="clip")
            values *= self.scale[:, np.newaxis]
        else:
            values[self.rows] = played[self.which] * self.scale[:, np.newaxis]

    def _latest(self, times: NDArray[np.float64]) -> Floats:
        """The slot that each time lies in, `[used, times]`; its sample is at most one step of the trace old."""
        slots = np.floor((times - self.start) / self.trace.step + _NEAR).astype(np.int64)
        inside = (slots >= 0) & (slots < self.trace.values.shape[1])
        played = np.full((len(self.used), len(times)), np.nan, np.float32)
        if inside.any():
            first, last = int(np.argmax(inside)), int(len(inside) - np.argmax(inside[::-1]))
            block = self.trace.values[self.used, slots[first] : slots[last - 1] + 1]
            played[:, first:last] = block[:, slots[first:last] - slots[first]]
        return played

    def _means(self, times: NDArray[np.float64], step: float, reached: float) -> Floats:
        """The mean of the slots inside `[time, time + step)` that are observed and reached, `[used, times]`."""
        many = self.trace.values.shape[1]
        until = np.minimum(
            self._slot(times + step), np.floor((reached - self.start) / self.trace.step + _NEAR) + 1
        )
        low = np.clip(self._slot(times), 0, many).astype(np.int64)
        high = np.clip(until, low, many).astype(np.int64)
        first, last = int(low.min(initial=many)), int(high.max(initial=0))
        if last <= first:
            return np.full((len(self.used), len(times)), np.nan, np.float32)
        block = self.trace.values[self.used, first:last]
        seen = ~np.isnan(block)
        sums = _running(np.where(seen, block, 0.0))
        counts = _running(seen)
        low, high = np.clip(low - first, 0, last - first), np.clip(high - first, 0, last - first)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (sums[:, high] - sums[:, low]) / (counts[:, high] - counts[:, low])
        return np.maximum(means, 0.0).astype(np.float32)

    def _slot(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """The first slot at or after each time."""
        return np.ceil((times - self.start) / self.trace.step - _NEAR)


def _running(values: NDArray[np.floating] | Bools) -> NDArray[np.float64]:
    """Sums from the left with a zero before them, `[rows, columns + 1]`."""
    sums = np.zeros((values.shape[0], values.shape[1] + 1), np.float64)
    np.cumsum(values, axis=1, dtype=np.float64, out=sums[:, 1:])
    return sums
