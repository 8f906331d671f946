"""Labelled recordings as files, and a detector simple enough to know what it says of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from scoring.anomalies.walks import Track, Walked

FIRST = datetime(2026, 1, 5, tzinfo=UTC).timestamp()


def saved(file: Path, lines: Sequence[str]) -> Path:
    """A file of these lines, packed if its name says so."""
    text = "\n".join([*lines, ""])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode()) if file.name.endswith(".gz") else text.encode())
    return file


def stamp(row: int, step: float = 300.0) -> str:
    """A row's time as NAB writes it."""
    return datetime.fromtimestamp(FIRST + row * step, UTC).strftime("%Y-%m-%d %H:%M:%S")


def series(
    file: Path, values: Sequence[float], *, labels: Sequence[int] | None = None, step: float = 300.0
) -> Path:
    """A labelled CSV file, or one of NAB's without labels."""
    header = "timestamp,value" if labels is None else "timestamp,value,label"
    ends = [""] * len(values) if labels is None else [f",{label}" for label in labels]
    rows = zip(values, ends, strict=True)
    return saved(file, [header, *(f"{stamp(i, step)},{value:g}{end}" for i, (value, end) in enumerate(rows))])


def spiked(rows: int, *spikes: int) -> list[float]:
    """Flat at 1, with a value of 9 in some rows."""
    return [9.0 if i in spikes else 1.0 for i in range(rows)]


def marked(rows: int, *events: tuple[int, int]) -> list[int]:
    """Labels of events from the first to the last row."""
    return [int(any(first <= i <= last for first, last in events)) for i in range(rows)]


def nab_folder(
    folder: Path, files: Mapping[str, Sequence[float]], windows: Mapping[str, Sequence[tuple[int, int]]]
) -> Path:
    """A folder in NAB's layout; windows in rows."""
    for name, values in files.items():
        series(folder / "data" / name, values)
    times = {name: [[stamp(a), stamp(b)] for a, b in of] for name, of in windows.items()}
    saved(folder / "labels" / "combined_windows.json", [json.dumps(times)])
    return folder


def by_size(tracks: Sequence[Track], progress: Callable[[float], None]) -> list[Walked]:
    """A detector whose score is the first metric's value less one, and an alarm wherever that is above zero."""
    progress(1.0)
    found = []
    for track in tracks:
        score = (track.values[0] - 1).astype(np.float32)
        found.append(Walked(score, np.nan_to_num(np.maximum(score, 0))))
    return found
