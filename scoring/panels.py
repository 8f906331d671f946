"""The panel: demand of the whole fleet on one even time grid.

A value, never a store: the ring buffer that it is a view of lives in `scoring.metrics_stream`. Gaps are NaN
and are never filled with zero here or anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

ABSURD = np.float32(1e18)
"""Beyond this a sample is a fault of its source (an overflow, a unit mistaken twice), not demand."""


@dataclass(frozen=True, slots=True)
class Series:
    """The identity of one row: one metric of one workload.

    Attributes:
        namespace: the workload's namespace.
        deployment: the workload's name (the requirements call it deployment, whatever its kind).
        metric: `cpu` (cores), `memory` (bytes) or a target's own name for a demand.
        kind: the workload's kind; needed to join pods to it.
        query: the target's own PromQL for total demand, or None for the well-known recipe.
    """

    namespace: str
    deployment: str
    metric: str
    kind: str = "Deployment"
    query: str | None = None


_NOTHING = np.zeros((0, 0), np.bool_)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some neighbouring rows from `start` until before `end` (UNIX seconds)."""

    rows: slice
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Panel:
    """`values[series, time]` on the grid `start, start + step, …`.

    Attributes:
        series: one identity per row.
        start: UNIX seconds of column 0, a multiple of `step`.
        step: seconds between columns.
        values: float32 `[series, time]`, NaN where nothing was observed.
        censored: bool `[series, time]`: demand was *at least* the value (pods at their limit).
        masked: bool `[series, time]`: not an ordinary time (an anomaly, an announced event), so nothing to learn from.
            Without it nothing is masked, at no cost: a view of one False.
    """

    series: tuple[Series, ...]
    start: float
    step: float
    values: Floats
    censored: Bools
    masked: Bools = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        costless = self.masked is _NOTHING or not any(self.masked.strides)
        if costless and self.masked.shape != self.values.shape:
            object.__setattr__(self, "masked", np.broadcast_to(np.False_, self.values.shape))

    @property
    def training(self) -> Floats:
        """The values that a forecaster learns from: without the censored and the masked, `[series, time]`.

        The values themselves where nothing is left out, else a new array: ask once. What is judged, the newest value and
        the residuals, are the values.
        """
        flags = [flag for flag in (self.censored, self.masked) if _any(flag)]
        if not flags:
            return self.values
        learnable = self.values.copy()
        for flag in flags:
            np.copyto(learnable, np.float32(np.nan), where=flag)
        return learnable

    @property
    def end(self) -> float:
        """UNIX seconds of the last column."""
        return self.start + self.step * (int(self.values.shape[1]) - 1)

    @property
    def times(self) -> NDArray[np.float64]:
        """UNIX seconds of every column, `[time]`."""
        return self.start + self.step * np.arange(self.values.shape[1], dtype=np.float64)

    def for_rows(self, rows: NDArray[np.intp] | slice) -> Panel:
        """The panel of some rows alone; a slice gives views, an index array copies."""
        picked = range(len(self.series))[rows] if isinstance(rows, slice) else rows.tolist()
        return replace(
            self,
            series=tuple(self.series[i] for i in picked),
            values=self.values[rows],
            censored=self.censored[rows],
            masked=self.masked[rows] if _any(self.masked) else _NOTHING,
        )

    def for_last(self, columns: int) -> Panel:
        """The panel's last `columns` columns, as views."""
        return self.for_columns(max(0, self.values.shape[1] - columns), self.values.shape[1])

    def for_columns(self, first: int, stop: int) -> Panel:
        """The columns from `first` until before `stop`, as views."""
        return replace(
            self,
            start=self.start + first * self.step,
            values=self.values[:, first:stop],
            censored=self.censored[:, first:stop],
            masked=self.masked[:, first:stop],
        )

    @classmethod
    def from_samples(
        cls,
        series: Sequence[Series],
        start: float,
        step: float,
        columns: int,
        rows: NDArray[np.intp],
        times: NDArray[np.float64],
        values: NDArray[np.float64],
        *,
        censored: Bools | None = None,
    ) -> Panel:
        """Put loose samples on the grid.

        A sample of time t belongs to the column that covers `[column, column + step)`. What lies outside the
        grid is dropped. Of several samples in one cell the latest wins, of equals the larger: a series
        returned twice must never lower a decision. NaN, Inf, negative and absurd values count as not observed.

        Args:
            series: the rows' identities.
            start: UNIX seconds of column 0.
            step: seconds between columns.
            columns: the number of columns.
            rows: row of each sample, `[samples]`.
            times: UNIX seconds of each sample, `[samples]`.
            values: demand of each sample, `[samples]`.
            censored: whether each sample is censored, `[samples]`.
        """
        grid = np.full((len(series), columns), np.nan, np.float32)
        flags = np.zeros((len(series), columns), np.bool_)
        slots = np.floor((times - start) / step + 1e-6)
        good = is_demand(values) & (slots >= 0) & (slots < columns)
        order = np.lexsort((values[good], times[good]))
        row, slot = rows[good][order], slots[good].astype(np.intp)[order]
        grid[row, slot] = values[good][order]
        if censored is not None:
            flags[row, slot] = censored[good][order]
        return cls(tuple(series), start, step, grid, flags)


def _any(flags: Bools) -> bool:
    """Whether any flag is set; of the view of one False that stands for none, without looking at every cell."""
    return bool(flags.any() if any(flags.strides) else flags[:1, :1].any())


def is_demand(values: NDArray[np.floating]) -> Bools:
    """Which values can be demand at all: finite, not negative, not absurd."""
    with np.errstate(invalid="ignore"):
        return np.asarray((values >= 0) & (values < ABSURD))


def at_rows(values: NDArray[Any], rows: NDArray[np.intp], nothing: object) -> NDArray[Any]:
    """`values[rows]`, and `nothing` where a row is -1: how memory follows targets that come and go."""
    out = np.full((len(rows), *values.shape[1:]), nothing, values.dtype)
    known = rows >= 0
    out[known] = values[rows[known]]
    return out
