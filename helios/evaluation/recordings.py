"""Recorded fleets: CSV files as panels on one grid, each file one fleet.

A file is refused rather than repaired: a clock that runs backwards or says a time twice is a sign that two recordings
were mixed, and figures of a mixture would look as good as any.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from helios.errors import TraceError
from helios.sources.traces import Trace
from scoring.evaluation.measures import Doubles, over
from scoring.forecasting.forecasts import DAY
from scoring.panels import Panel, Series, is_demand

_ENDINGS = (".csv", ".csv.gz")
LEAST_DAYS = 2.0
"""Below two days nothing is learned and nothing is judged that means anything."""
_COARSE = 1.5
"""Rows so many times further apart than the steps leave every other step empty."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One file's fleet.

    Attributes:
        file: where it came from.
        name: the file's, without its endings.
        sha256: of the file's bytes.
        panel: its series on the grid, those that were observed at all.
        empty: the columns in which nothing was observed; they are left out.
    """

    file: Path
    name: str
    sha256: str
    panel: Panel
    empty: tuple[str, ...] = ()

    @property
    def days(self) -> float:
        """How long it is."""
        return float(self.panel.values.shape[1] * self.panel.step / DAY)

    def sample(self, series: int | None) -> Recording:
        """So many of its series, evenly spread over the columns; all where there are no more, or None is asked."""
        rows = len(self.panel.series)
        if series is None or series >= rows:
            return self
        picked = np.linspace(0, rows - 1, series).round().astype(np.intp)
        return Recording(self.file, self.name, self.sha256, self.panel.for_rows(picked), self.empty)


def files_in(paths: Sequence[Path]) -> list[Path]:
    """The `.csv` and `.csv.gz` files that the paths are or hold, at any depth, each once.

    Raises:
        TraceError: a path is not there, or is a folder without such a file.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.name.endswith(_ENDINGS) and one.is_file())
            if not inside:
                raise TraceError(
                    f"{path}: no .csv or .csv.gz file in this folder: name the folder that has them"
                )
            found.update(dict.fromkeys(inside))
        elif not path.exists():
            raise TraceError(f"{path}: there is no such file or folder: check the path")
        else:
            found[path] = None
    return list(found)


def read_recording(file: Path, step: float) -> Recording:
    """One file on a grid of `step` seconds: each column the mean of what was observed in it, NaN where nothing was.

    Raises:
        TraceError: it cannot be read, its clock is not in order, nothing was observed, or it is too coarse or short;
            the message names the file, the line or column and the remedy.
    """
    trace = Trace.from_csv(file)  # whatever is wrong with a line it says by name
    raw = file.read_bytes()
    times, cells = _samples(file, raw, len(trace.columns))
    observed = np.atleast_1d(~np.isnan(cells).all(axis=0))
    empty = tuple(name for name, seen in zip(trace.columns, observed, strict=True) if not seen)
    if not observed.any():
        raise TraceError(
            f"{file}: column {empty[0]}{' and all others' if len(empty) > 1 else ''}: nothing was observed, every "
            "cell is empty, negative or not finite: export demand itself, as numbers"
        )
    if trace.step > _COARSE * step:
        raise TraceError(
            f"{file}: a row every {trace.step:g} s, the grid has a column every {step:g} s: nothing is interpolated, "
            "take a coarser --step"
        )
    names = [name for name in trace.columns if name not in empty]
    panel = _on_grid(trace.name, names, times, cells[:, observed], step, fine=trace.step < step / _COARSE)
    recording = Recording(file, trace.name, hashlib.sha256(raw).hexdigest(), panel, empty)
    if recording.days < LEAST_DAYS:
        raise TraceError(
            f"{file}: {recording.days:.1f} days, an evaluation wants at least {LEAST_DAYS:g}: record for longer"
        )
    return recording


def _samples(file: Path, raw: bytes, columns: int) -> tuple[Doubles, Doubles]:
    """Times `[rows]` and cells `[rows, columns]` of a file that has been parsed before; what is no demand is NaN.

    Raises:
        TraceError: the clock stands still or runs backwards; the first line at which it does is named.
    """
    text = (gzip.decompress(raw) if file.name.endswith(".gz") else raw).decode("utf-8-sig")
    rows = csv.reader(io.StringIO(text, newline=""))
    next(rows)
    times: list[float] = []
    cells: list[list[float]] = []
    for row in rows:
        if not row:
            continue
        now = _seconds(row[0])
        if times and now <= times[-1]:
            wrong = "the same time as the row before" if now == times[-1] else "earlier than the row before"
            raise TraceError(
                f"{file}: line {rows.line_num}, column timestamp: {row[0].strip()} is {wrong}: sort the rows by "
                "time and keep one row for each; if two recordings were joined, give each series a column"
            )
        times.append(now)
        cells.append([float(cell) if cell.strip() else np.nan for cell in row[1:]])
    found = np.array(cells, np.float64).reshape(-1, columns)
    found[~is_demand(found)] = np.nan
    return np.array(times), found


def _on_grid(
    name: str, columns: Sequence[str], times: Doubles, cells: Doubles, step: float, *, fine: bool
) -> Panel:
    """Means of what was observed in each step.

    Rows about as far apart as the steps go to the nearest one by their usual place within it: a clock that wavers
    around full steps would else leave some empty and put two rows into others.
    """
    if fine:
        slots = np.floor(times / step + 1e-6).astype(np.int64)
    else:
        turn = np.exp(2j * np.pi * (times % step) / step).mean()
        slots = np.rint(times / step - np.angle(turn) / (2 * np.pi)).astype(np.int64)
    firsts = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))
    count = np.add.reduceat(~np.isnan(cells), firsts, axis=0, dtype=np.int64)
    values = np.full((len(columns), int(slots[-1] - slots[0]) + 1), np.nan, np.float32)
    values[:, slots[firsts] - slots[0]] = over(np.add.reduceat(np.nan_to_num(cells), firsts, axis=0), count).T
    series = tuple(Series(name, column, "demand") for column in columns)
    return Panel(series, float(slots[0] * step), step, values, np.zeros(values.shape, np.bool_))


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
