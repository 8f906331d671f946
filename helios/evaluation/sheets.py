"""One labelled recording in a CSV file: times, metrics and labels as their publishers wrote them.

Judging wants the file as it is: any number may be a metric's value, negative ones too, and no grid is laid over the rows.
Column names count in any letter case. What cannot be read is refused by name, never guessed.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helios.errors import TraceError
from helios.sources.traces import text_of
from scoring.evaluation.measures import Doubles
from scoring.panels import Bools

STAMP, LABEL = "timestamp", "label"
_SET_BACK = 86_400.0
"""Clocks are set back, by an hour each autumn or when they were wrong; what goes back further was not one recording."""
_MOST_REPEATED = 0.1
"""Published recordings repeat up to one time in twenty."""
_HAIR = 1e-6
"""A row that repeats a time is put so many seconds behind the one before: rows keep their order."""
_LATEST = 1e11
"""UNIX seconds beyond it are milliseconds."""
_WORDS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One file's rows.

    Attributes:
        file: where it came from.
        columns: names of the metrics, as they are written.
        times: UNIX seconds, rising, `[rows]`; counted from 0 where the file has no timestamps.
        stamps: the timestamps as they are written; the times where there are none.
        cells: values, `[rows, metrics]`, NaN where not observed.
        first: the first metric's values as they are written.
        labels: whether a row belongs to an event, `[rows]`; None without such a column.
        step: seconds between rows: the median gap.
        timed: whether the file has timestamps.
    """

    file: Path
    columns: tuple[str, ...]
    times: Doubles
    stamps: Sequence[str]
    cells: Doubles
    first: Sequence[str]
    labels: Bools | None
    step: float
    timed: bool


def read_sheet(file: Path, step: float | None = None) -> Sheet:
    """Read one `.csv` or `.csv.gz` file.

    Args:
        file: its columns are `timestamp`, `label` and metrics, in any order.
        step: seconds between rows, for a file without timestamps.

    Raises:
        TraceError: the file cannot be read; the message names file, line or column, value and remedy.
    """
    header, lines, rows = _table(file)
    names = [name.strip().casefold() for name in header]
    stamp, label = (names.index(name) if name in names else None for name in (STAMP, LABEL))
    metrics = [i for i in range(len(names)) if i not in (stamp, label)]
    if not metrics:
        raise TraceError(f"{file}: line 1: no column of values beside {', '.join(names)}: add one")
    cells: Doubles = np.stack(
        [np.array(_column(file, lines, rows, header, i), np.float64) for i in metrics], axis=1
    )
    cells[np.abs(cells) > np.finfo(np.float32).max] = np.nan
    if np.isnan(cells).all():
        raise TraceError(f"{file}: column {header[metrics[0]]}: nothing was observed: every cell is empty")
    labels = None if label is None else _labels(file, lines, rows, header[label], label)
    if stamp is None and step is None:
        raise TraceError(
            f"{file}: line 1: no column timestamp: add one, or give the time between rows by --step"
        )
    if stamp is None:
        times: Doubles = np.arange(len(rows), dtype=np.float64) * float(step or 0)
        stamps: Sequence[str] = [f"{time:.15g}" for time in times]
        usual = float(step or 0)
    else:
        stamps = [row[stamp].strip() for row in rows]
        times, usual = _clock(file, lines, stamps)
    columns = tuple(header[i].strip() for i in metrics)
    first = [row[metrics[0]].strip() for row in rows]
    return Sheet(file, columns, times, stamps, cells, first, labels, usual, stamp is not None)


def _table(file: Path) -> tuple[list[str], list[int], list[list[str]]]:
    """The header, and the number of each line below it with its cells, as many as the header has."""
    try:
        reader = csv.reader(io.StringIO(text_of(file), newline=""), strict=True)
        header = next(reader, [])
        lines, rows = [], []
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise TraceError(
                    f"{file}: line {reader.line_num}: {len(row)} cells where the header has {len(header)}: "
                    "complete the row"
                )
            lines.append(reader.line_num)
            rows.append(row)
    except csv.Error as error:
        raise TraceError(f"{file}: not a CSV file ({error}): write commas between cells, UTF-8") from error
    names = [name.strip().casefold() for name in header]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        wrong = f"column {twice[0]!r} twice" if twice else "a column without a name"
        raise TraceError(f"{file}: line 1: {wrong}: give each column one name")
    if len(rows) < 2:
        raise TraceError(f"{file}: {len(rows)} rows below the header: there must be at least two")
    return header, lines, rows


def _column(
    file: Path, lines: Sequence[int], rows: Sequence[Sequence[str]], header: Sequence[str], at: int
) -> list[float]:
    """One column as numbers, NaN for an empty cell."""
    found = []
    for line, row in zip(lines, rows, strict=True):
        cell = row[at].strip()
        try:
            found.append(float(cell) if cell else math.nan)
        except ValueError:
            raise TraceError(
                f"{file}: line {line}, column {header[at].strip()}: {cell!r} is not a number: write a number, or "
                "leave the cell empty"
            ) from None
    return found


def _labels(file: Path, lines: Sequence[int], rows: Sequence[Sequence[str]], name: str, at: int) -> Bools:
    found = np.zeros(len(rows), np.bool_)
    for i, row in enumerate(rows):
        cell = row[at].strip()
        try:
            value = _WORDS.get(cell.casefold())
            value = float(cell) if value is None else value
        except ValueError:
            value = math.nan
        if value not in (0.0, 1.0):
            raise TraceError(
                f"{file}: line {lines[i]}, column {name.strip()}: {cell!r} is no label: write 1 in rows of an "
                "anomaly, 0 in all others"
            )
        found[i] = bool(value)
    return found


def _clock(file: Path, lines: Sequence[int], stamps: Sequence[str]) -> tuple[Doubles, float]:
    """UNIX seconds of the rows, rising, and the usual gap.

    Raises:
        TraceError: a timestamp cannot be read, or the clock runs backwards or stands still more than a clock does.
    """
    numeric = _is_number(stamps[0])
    raw = np.array(
        [_seconds(file, line, text, numeric=numeric) for line, text in zip(lines, stamps, strict=True)]
    )
    gaps = np.diff(raw)
    if not (gaps > 0).any():
        raise TraceError(
            f"{file}: column timestamp: fewer than two different times: record more than one moment"
        )
    step = float(np.median(gaps[gaps > 0]))
    latest = np.maximum.accumulate(raw)
    late = np.concatenate([[False], raw[1:] <= latest[:-1]])
    if (latest - raw).max() > _SET_BACK or late.sum() > max(1.0, _MOST_REPEATED * len(raw)):
        first = int(np.argmax(late))
        raise TraceError(
            f"{file}: line {lines[first]}, column timestamp: {stamps[first]} is not later than the row before: sort "
            "the rows by time and keep one row for each"
        )
    # rows that repeat a time follow one another by a hair: their order is what was recorded
    place = np.arange(len(raw))
    since = place - np.maximum.accumulate(np.where(late, 0, place))
    return latest + since * _HAIR, step


def _is_number(text: str) -> bool:
    try:
        return float(text) >= 1e8 or len(text.lstrip("-").partition(".")[0]) < 8  # 20260131 is a date
    except ValueError:
        return False


def _seconds(file: Path, line: int, text: str, *, numeric: bool) -> float:
    try:
        if numeric:
            seconds = float(text)
        else:
            moment = datetime.fromisoformat(text)
            seconds = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        seconds = math.nan
    if not abs(seconds) < _LATEST:
        raise TraceError(
            f"{file}: line {line}, column timestamp: {text!r} is no time: write 2026-01-31T13:05:00Z or UNIX seconds, "
            "one of them in all rows"
        )
    return seconds


def joined(past: Sheet, now: Sheet) -> tuple[Doubles, Doubles]:
    """Times `[rows]` and cells `[rows, metrics]` of a recording and what came before it, by the names of its columns.

    Raises:
        TraceError: the metrics differ, only one has timestamps, or the past does not end before.
    """
    if sorted(past.columns) != sorted(now.columns):
        other = min({*past.columns} ^ {*now.columns})
        raise TraceError(
            f"{past.file}: column {other}: {now.file.name} has other metrics: give both the same"
        )
    if past.timed != now.timed:
        raise TraceError(
            f"{past.file}: column timestamp: {now.file.name} and it must both have one, or neither"
        )
    times = now.times
    if not now.timed:
        times = past.times[-1] + now.step + now.times
    elif past.times[-1] >= times[0]:
        raise TraceError(
            f"{past.file}: column timestamp: its last row, {past.stamps[-1]}, is not before the first of "
            f"{now.file.name}, {now.stamps[0]}: it must be the past"
        )
    order: NDArray[np.intp] = np.array([past.columns.index(name) for name in now.columns])
    return np.concatenate([past.times, times]), np.concatenate([past.cells[:, order], now.cells])
