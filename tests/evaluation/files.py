"""Recordings as files, as users have them."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

FIRST = datetime(2026, 1, 5, tzinfo=UTC).timestamp()


def stamp(seconds: float) -> str:
    """ISO 8601 of a time after the first."""
    return datetime.fromtimestamp(FIRST + seconds, UTC).isoformat()


def rows(values: np.ndarray, *, step: float = 300.0, offset: float = 0.0) -> list[str]:
    """Lines of `values[series, time]`, an empty cell for a gap."""
    return [
        ",".join([stamp(offset + i * step), *("" if np.isnan(cell) else f"{cell:g}" for cell in column)])
        for i, column in enumerate(values.T)
    ]


def recorded(
    folder: Path, lines: Sequence[str], *, columns: Sequence[str] = ("a", "b"), name: str = "fleet.csv"
) -> Path:
    """A file of these lines under a header."""
    text = "\n".join([",".join(["timestamp", *columns]), *lines, ""])
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file
