"""What a step of the anomaly detector takes for a whole fleet, and how much it remembers.

The fleet is made up: targets of one metric with a daily wave and noise, five minutes a row. Only time and size are measured on
it, never accuracy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, Protocol

import numpy as np

from scoring.anomalies import channels
from scoring.anomalies.memories import CHUNK, Memory
from scoring.panels import Floats

STEP = 300.0
WEEK = 2016
WARM, TIMED = 288, 60
"""Rows that are walked before the clock runs, so that what grows has grown; and rows that are timed."""


class Stepped(Protocol):
    """A detector over a fleet, as it is timed: one row in, its memory readable."""

    def step(self, values: Floats, now: float) -> object:
        """Take in one row of all series, `[series]`, at `now` in UNIX seconds."""

    @property
    def nbytes(self) -> int:
        """Bytes of the state that it carries from row to row."""


def measured(
    series: int, make: Callable[[int], Stepped] | None, told: Callable[[float], None]
) -> dict[str, Any]:
    """The fleet's figures; `make` gives a detector over so many series that knows nothing yet, None if there is none."""
    if make is None:
        return {"suite": "fleet", "series": series, "not_measured": "there is no detector to step"}
    return {"suite": "fleet", "series": series, **cost(make(series), rows(series), told)}


def cost(detector: Stepped, fleet: Iterator[Floats], told: Callable[[float], None]) -> dict[str, float]:
    """Seconds of a step, series-rows per second and bytes of state per series."""
    seconds, count = [], 0
    for i in range(WARM + TIMED):
        told(i / (WARM + TIMED))
        values = next(fleet)
        count = len(values)
        began = time.perf_counter()
        detector.step(values, i * STEP)
        seconds.append(time.perf_counter() - began)
    usual = float(np.median(seconds[WARM:]))
    return {
        "step_seconds": usual,
        "series_rows_per_second": count / usual,
        "state_bytes_per_series": detector.nbytes / count,
    }


def rows(series: int) -> Iterator[Floats]:
    """Row after row of the fleet."""
    rng = np.random.default_rng(0)
    level, phase = rng.lognormal(3, 1, series), rng.uniform(0, 2 * np.pi, series)
    row = 0
    while True:
        wave = 1 + 0.4 * np.sin(2 * np.pi * row / 288 + phase)
        yield (level * wave * (1 + 0.05 * rng.standard_normal(series))).astype(np.float32)
        row += 1


class Shipped:
    """The shipped detector over a fleet, with a full week behind it, so that all its channels are at work.

    Args:
        series: how many.
    """

    def __init__(self, series: int) -> None:
        past, self._row = rows(series), WEEK
        self._grid = np.empty((series, WEEK + WARM + TIMED), np.float32)
        for column in range(WEEK):
            self._grid[:, column] = next(past)
        self._memory, self._weight = Memory.none(series), channels.weights(STEP)
        self._nothing = np.full((CHUNK, 2), np.nan, np.float32)

    def step(self, values: Floats, now: float) -> object:
        """Judge and remember one row."""
        self._grid[:, self._row] = values
        self._row += 1
        for begin in range(0, len(values), CHUNK):
            rows_ = slice(begin, min(begin + CHUNK, len(values)))
            window = self._grid[rows_, self._row - WEEK : self._row]
            seen = np.ones(len(window), np.bool_)
            self._memory.learn(rows_, window, seen, 288, self._nothing[: len(window)], self._weight)
        return now

    @property
    def nbytes(self) -> int:
        """Bytes that are remembered beside the panel, which the forecaster needs as well."""
        parts = (self._memory, self._memory.levels, self._memory.books, self._memory.tails)
        return sum(
            array.nbytes
            for part in parts
            for f in fields(part)
            if isinstance(array := getattr(part, f.name), np.ndarray)
        )
