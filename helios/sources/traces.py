"""Traces: measured series from CSV files, each file on its own even grid.

The form is simple enough for anyone's data: the first column `timestamp` (ISO 8601, UTC), one column per series, an
empty cell where nothing was observed. Nothing is interpolated, filled or made up.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helios.errors import TraceError
from scoring.panels import Floats, is_demand

_ENDINGS = (".csv", ".csv.gz")
_EMPTY_SHARE = 200
"""A grid may have this many times more slots than there are rows; beyond it a timestamp is wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Series on one even grid.

    Attributes:
        name: the file's, without its endings.
        columns: names of the series.
        start: UNIX seconds of the first slot.
        step: seconds between slots: the median distance of the file's rows.
        values: float32 `[columns, slots]`, NaN where not observed.
    """

    name: str
    columns: tuple[str, ...]
    start: float
    step: float
    values: Floats

    @property
    def end(self) -> float:
        """UNIX seconds of the last slot."""
        return self.start + self.step * (int(self.values.shape[1]) - 1)

    def index(self, column: str) -> int:
        """The row of `values` that holds a column.

        Raises:
            TraceError: there is no such column.
        """
        try:
            return self.columns.index(column)
        except ValueError:
            known = ", ".join(self.columns[:20]) + (", …" if len(self.columns) > 20 else "")
            raise TraceError(f"trace {self.name} has no column {column!r}: choose one of {known}") from None

    @classmethod
    def from_csv(cls, path: str | Path) -> Trace:
        """Read one `.csv` or `.csv.gz` file.

        A row between two grid points goes to the nearer one; of two rows at one point the later value wins. NaN,
        infinite, negative and absurd values count as not observed.

        Raises:
            TraceError: the file cannot be read; the message names file, line, column, value and remedy.
        """
        file = Path(path)
        columns, lines, times, cells = _parsed(file)
        order = np.argsort(times, kind="stable")
        times, lines = times[order], lines[order]
        cells = cells[order]
        cells[~is_demand(cells)] = np.nan
        gaps = np.diff(times)
        if not (gaps > 0).any():
            raise TraceError(f"{file}: fewer than two different timestamps: a trace needs at least two rows")
        step = float(np.quantile(gaps[gaps > 0], 0.5, method="lower"))
        slots = np.rint((times - times[0]) / step).astype(np.int64)
        if slots[-1] > _EMPTY_SHARE * len(times):
            jump = int(np.argmax(gaps))
            raise TraceError(
                f"{file}: lines {lines[jump]} and {lines[jump + 1]} are {gaps[jump]:.0f} s apart, where {step:g} s "
                "are usual: correct their timestamps"
            )
        return cls(_stem(file), columns, float(times[0]), step, _on_grid(slots, cells))

    @classmethod
    def from_folder(cls, path: str | Path) -> tuple[Trace, ...]:
        """Read a folder's `.csv` and `.csv.gz` files in order of their names, or the one file that `path` is.

        Raises:
            TraceError: there is none, or one cannot be read.
        """
        place = Path(path)
        if place.is_dir():
            files = sorted(one for one in place.iterdir() if one.name.endswith(_ENDINGS))
            if not files:
                raise TraceError(
                    f"{place}: no .csv or .csv.gz file in this folder: name the folder that has them"
                )
            return tuple(cls.from_csv(one) for one in files)
        return (cls.from_csv(place),)


def _stem(file: Path) -> str:
    return file.name.removesuffix(".gz").removesuffix(".csv")


def _parsed(
    file: Path,
) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Names of the columns, line numbers `[rows]`, times `[rows]` and cells `[rows, columns]`."""
    try:
        content = text_of(file)
        rows = csv.reader(io.StringIO(content, newline=""), strict=True)
        columns = _header(file, next(rows, []))
        lines, times, cells = [], [], []
        for row in rows:
            if row:
                lines.append(rows.line_num)
                times.append(_time(file, rows.line_num, row[0]))
                cells.append(_numbers(file, rows.line_num, row, columns))
    except csv.Error as error:
        raise TraceError(f"{file}: not a CSV file ({error}): write commas between cells, UTF-8") from error
    if not times:
        raise TraceError(f"{file}: no rows below the header: a trace needs at least two")
    return columns, np.array(lines, np.int64), np.array(times), np.array(cells, np.float64)


def text_of(file: Path) -> str:
    """A file's text, unpacked where its name ends in `.gz`.

    Raises:
        TraceError: it cannot be read, or is not UTF-8; the message names the file and the remedy.
    """
    try:
        raw = file.read_bytes()
        return (gzip.decompress(raw) if file.name.endswith(".gz") else raw).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise TraceError(f"{file}: cannot be read: {error}: check the path and the file") from error
    except UnicodeDecodeError as error:
        raise TraceError(f"{file}: not UTF-8 at byte {error.start}: save it as UTF-8") from error


def _header(file: Path, header: list[str]) -> tuple[str, ...]:
    names = [name.strip() for name in header]
    if not names or names[0] != "timestamp":
        first = names[0] if names else ""
        raise TraceError(f"{file}: line 1: the first column is {first!r}: it must be named timestamp")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or len(names) < 2 or "" in names:
        wrong = f"column {twice[0]!r} twice" if twice else "a column without a name, or no column at all"
        raise TraceError(f"{file}: line 1: {wrong}: give each series one name")
    return tuple(names[1:])


def _time(file: Path, line: int, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise TraceError(
            f"{file}: line {line}: timestamp {text!r} is not ISO 8601: write it as 2026-01-31T13:05:00Z"
        ) from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _numbers(file: Path, line: int, row: list[str], columns: tuple[str, ...]) -> list[float]:
    if len(row) != len(columns) + 1:
        raise TraceError(
            f"{file}: line {line}: {len(row)} cells where the header has {len(columns) + 1}: complete the row"
        )
    try:
        return [float(cell) if cell else math.nan for cell in row[1:]]
    except ValueError:
        return [_number(file, line, name, cell) for name, cell in zip(columns, row[1:], strict=True)]


def _number(file: Path, line: int, column: str, cell: str) -> float:
    try:
        return float(cell) if cell.strip() else math.nan
    except ValueError:
        raise TraceError(
            f"{file}: line {line}, column {column}: {cell!r} is not a number: write a number, or leave the cell empty"
        ) from None


def _on_grid(slots: NDArray[np.int64], cells: NDArray[np.float64]) -> Floats:
    """Rows to `[columns, slots]`; of several rows in a slot the latest observed value of each column."""
    grid = np.full((cells.shape[1], int(slots[-1]) + 1), np.nan, np.float32)
    alone = np.concatenate([[True], np.diff(slots) > 0])
    grid[:, slots[alone]] = cells[alone].T
    for row in np.flatnonzero(~alone):
        seen = ~np.isnan(cells[row])
        grid[seen, slots[row]] = cells[row][seen]
    return grid
