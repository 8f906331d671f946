"""The fleet's recent past: a ring buffer of demand, and what a source of samples must be able to do.

It asks the source for what is missing and nothing else; it does not decide, forecast or wait. History is
fetched in chunks, newest first, and a chunk that failed is asked for again: back-fill is resumable.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from scoring.errors import SourceUnavailable
from scoring.panels import Bools, Floats, Panel, Series, Stretch, is_demand
from scoring.rings import Ring

CATCH_UP_COLUMNS = 12
"""A gap up to this long is read together with the present; a longer one is left to back-fill."""
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Workloads:
    """What the workloads looked like in this very cycle; NaN where unknown.

    Attributes:
        replicas: current replicas, `[targets]`.
        request: per pod, in the series' own unit (cores, bytes, or what one replica serves), `[series]`.
        limit: per pod, in the series' own unit, `[series]`.
        start_seconds: the pods' start-to-ready time, `[targets]`.
        off: whose wanted replicas are zero: no pod is there or to come, and the HPA is switched off, `[targets]`; None: nobody's, as far as is known.
    """

    replicas: Floats
    request: Floats
    limit: Floats
    start_seconds: Floats
    off: Bools | None = None

    def checked(self, targets: int, series: int) -> Workloads:
        """The same, with whatever cannot be a count or a quantity as not known.

        Raises:
            scoring.errors.SourceUnavailable: it does not describe so many targets and series.
        """
        rows = {"replicas": targets, "request": series, "limit": series, "start_seconds": targets}
        values = {}
        for name, wanted in rows.items():
            given = getattr(self, name)
            if given.shape != (wanted,):
                raise SourceUnavailable(
                    f"the source observed {name} of {given.shape} rows instead of {wanted}"
                )
            values[name] = np.where(is_demand(given), given, np.nan).astype(np.float32)
        off = self.off if self.off is not None and self.off.shape == (targets,) else None
        return Workloads(**values, off=off)


class Source(Protocol):
    """Where samples come from: Prometheus, a replayed trace, a test's array.

    Every method raises `scoring.errors.SourceUnavailable` when it cannot answer; it never returns zeros for
    what it does not know.
    """

    points_per_read: int
    """How many cells (series x columns) one `read` may ask for."""

    def read(self, series: Sequence[Series], start: float, end: float, step: float) -> Panel:
        """Demand of `series` on the grid `start, start + step, …, end` (both multiples of `step`).

        Rows come in the order asked for; a series of which nothing is known is a row of NaN.
        """

    def observe(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        """The present state of `(namespace, deployment, kind)` and of each series' pods."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of history still to be fetched: `series` on `start..end`, both multiples of the step."""

    series: tuple[Series, ...]
    start: float
    end: float


class MetricsStream:
    """The live panel of a fleet.

    Args:
        source: where samples come from.
        step: seconds between columns.
        columns: how many columns are remembered.
        late_columns: how many columns before the newest are read again, so that late samples still count.
    """

    def __init__(self, source: Source, *, step: float, columns: int, late_columns: int = 1) -> None:
        self._source = source
        self._late = late_columns
        self._ring = Ring.empty((), step=step, columns=columns)
        self._read_until = -math.inf
        self._pending: list[Span] = []
        self._lock = threading.Lock()

    @property
    def series(self) -> tuple[Series, ...]:
        """The rows of the panel."""
        return self._ring.series

    @property
    def pending_points(self) -> int:
        """How many cells of history are still to be fetched."""
        step = self._ring.step
        return sum(len(s.series) * (round((s.end - s.start) / step) + 1) for s in self._pending)

    def panel(self) -> Panel:
        """The present panel as views: for the thread that advances, until it advances again."""
        return self._ring.panel()

    def copy_of(self, rows: slice) -> Panel:
        """A copy of some rows, safe from any thread."""
        with self._lock:
            panel = self._ring.panel().for_rows(rows)
            return replace(
                panel,
                values=panel.values.copy(),
                censored=panel.censored.copy(),
                masked=panel.masked.copy(),
            )

    def follow(self, series: Sequence[Series]) -> None:
        """Make `series` the rows: keep the past of those that stay, plan the back-fill of those that come."""
        wanted = tuple(series)
        if wanted == self._ring.series:
            return
        known, followed = set(self._ring.series), set(wanted)
        with self._lock:
            self._ring = self._ring.for_series(wanted)
        left = [
            Span(tuple(s for s in span.series if s in followed), span.start, span.end)
            for span in self._pending
        ]
        self._pending = [span for span in left if span.series]
        new = tuple(s for s in wanted if s not in known)
        if self._ring.started:
            self._plan(new, self._ring.start, self._ring.end)

    def advance(self, now: float) -> None:
        """Bring the panel to `now`: roll the grid, then read what is missing at its end.

        A clock that steps back drops the columns that have not happened yet; one that leaps forward leaves a
        gap, which is read again. A late or repeated sample replaces the older; NaN never erases a value.

        Raises:
            scoring.errors.SourceUnavailable: the source did not answer; the panel has rolled on with a gap.
        """
        ring, step = self._ring, self._ring.step
        slot = math.floor(now / step) * step
        # 1 the grid
        oldest = ring.start if ring.started else -math.inf
        with self._lock:
            ring.roll_to(slot)
        self._pending = [
            Span(span.series, max(span.start, ring.start), min(span.end, slot))
            for span in self._pending
            if span.end >= ring.start and span.start <= slot
        ]
        if ring.start < oldest:
            self._plan(ring.series, ring.start, min(oldest - step, slot))
        # 2 what was missed: a little is read with the present, much is left to back-fill
        start = max(slot - self._late * step, ring.start)
        missed = max(self._read_until + step, ring.start)
        if slot - missed < CATCH_UP_COLUMNS * step:
            start = min(start, missed)
        else:
            self._plan(ring.series, missed, start - step)
        self._read_until = start - step
        # 3 the present
        for span in self._cut(ring.series, start, slot):
            self._fetch(span, replace=True)
        self._read_until = slot

    def fill(self, reads: int = 1) -> int:
        """Fetch up to `reads` chunks of history, newest first; the number of cells still missing.

        Raises:
            scoring.errors.SourceUnavailable: the source did not answer; the chunk stays planned.
        """
        for _ in range(min(reads, len(self._pending))):
            self._fetch(self._pending[-1], replace=False)
            self._pending.pop()
        return self.pending_points

    def mark(self, rows: Bools, columns: int = 1, *, most: int | None = None) -> None:
        """Mask the newest columns of `rows` (`[series]`): what is abnormal is not what a forecaster learns from.

        What lasts is the new normal, and nobody is starved: of the last 2 x `most` columns of a row no more than `most`
        are masked, and no more than half of those that were observed. A row beyond that is left as it is.

        Args:
            rows: which rows are abnormal now.
            columns: how many of the newest columns are meant.
            most: columns; None: a day's.
        """
        picked = np.flatnonzero(rows)
        if not len(picked):
            return
        allowed = round(DAY_SECONDS / self._ring.step) if most is None else most
        panel = self._ring.panel().for_last(2 * allowed)
        already = panel.masked[picked].sum(axis=1)
        observed = np.count_nonzero(~np.isnan(panel.values[picked]), axis=1)
        bounded = picked[already + columns <= np.minimum(allowed, observed // 2)]
        with self._lock:
            self._ring.mask(bounded, self._ring.columns - columns, self._ring.columns)

    def cover(self, stretches: Iterable[Stretch]) -> None:
        """Mask stretches of time, as those of announced events; what has not come yet is masked when it has."""
        start, step = self._ring.start, self._ring.step
        with self._lock:
            for stretch in stretches:
                first, last = ((at - start) / step for at in (stretch.start, stretch.end))
                self._ring.mask(stretch.rows, math.floor(first + 1e-6), math.ceil(last - 1e-6))

    def restore(self, panel: Panel) -> None:
        """Take a stored panel's samples for the series that are followed; what it lacks is planned as usual.

        A panel of another step is not taken: its grid says nothing about this one's.
        """
        if panel.step != self._ring.step or not panel.series:
            return
        fresh = not self._ring.started
        with self._lock:
            if fresh:
                self._ring.roll_to(panel.end)
            self._ring.write(panel, replace=False)
        if fresh:
            self._read_until = panel.end
            self._plan_gaps()

    def _fetch(self, span: Span, *, replace: bool) -> None:
        """Read one stretch into the ring."""
        step = self._ring.step
        block = self._source.read(span.series, span.start, span.end, step)
        shape = (len(span.series), round((span.end - span.start) / step) + 1)
        if (block.start, block.step) != (span.start, step) or block.values.shape != shape:
            raise SourceUnavailable(
                f"the source answered with {block.values.shape} values from {block.start:.0f} in steps of "
                f"{block.step:g} s where {shape} from {span.start:.0f} in steps of {step:g} s were asked for"
            )
        with self._lock:
            self._ring.write(block, replace=replace)

    def _plan(self, series: tuple[Series, ...], start: float, end: float) -> None:
        """Leave a stretch to back-fill; the newest ends up last, where `fill` takes it."""
        self._pending.extend(self._cut(series, start, end))
        self._pending.sort(key=lambda span: span.end)

    def _cut(self, series: tuple[Series, ...], start: float, end: float) -> Iterator[Span]:
        """Cut a stretch into reads that the source can answer, oldest first."""
        step, most = self._ring.step, self._source.points_per_read
        for first in range(0, len(series), most):
            rows = series[first : first + most]
            width = max(1, most // len(rows)) * step
            for at in np.arange(start, end + step / 2, width).tolist():
                yield Span(rows, at, min(at + width - step, end))

    def _plan_gaps(self) -> None:
        """Plan what a stored panel lacks: each row's beginning, and every column in which nothing was observed.

        Beginnings are planned by eighths of the window, so that rows of many ages make few reads.
        """
        ring, values = self._ring, self._ring.panel().values
        columns = values.shape[1]
        observed = ~np.isnan(values)
        first = np.where(observed.any(axis=1), observed.argmax(axis=1), columns)
        part = max(1, columns // 8)
        eighths = -(-first // part)
        for eighth in np.unique(eighths[first > 0]):
            rows = np.flatnonzero(eighths == eighth)
            lacking = int(first[rows].max())
            self._plan(
                tuple(ring.series[i] for i in rows), ring.start, ring.start + (lacking - 1) * ring.step
            )
        silent = np.flatnonzero(~observed.any(axis=0))
        silent = silent[silent > first.min(initial=columns)]
        for run in np.split(silent, np.flatnonzero(np.diff(silent) > 1) + 1):
            if len(run):
                self._plan(ring.series, ring.start + run[0] * ring.step, ring.start + run[-1] * ring.step)
