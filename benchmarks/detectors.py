"""Other people's anomaly detectors behind our walk's signature, so that one evaluation judges all.

Each is causal: a row is judged by what came before it. `windowed_gaussian` is the Numenta Anomaly Benchmark's detector of
that name (a normal distribution of 6,400 rows that is moved on every 100), which there raises an alarm in every row over
the threshold; `refractory` gives any of them one alarm per event. A target of several metrics gets the mean of its five
highest scores, which is what did best in a prototype. Scores are normal scores, so that a threshold of 2.5 is the 2.5-sigma
rule that people write into their alert rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from scoring.anomalies.walks import Track, Walk, Walked
from scoring.evaluation.measures import Doubles
from scoring.panels import Floats

GAUSSIAN_ROWS, GAUSSIAN_MOVE = 6400, 100
ROLLING_ROWS = 288
LEAST_ROWS = 20
"""Before so many rows nothing is judged."""
HIGHEST = 5
MOST_SIGMAS = 100.0
HALF_A_DAY = 43_200.0
_CHUNK = 4096
_NORMAL_MAD = 1.4826
_DOUBLE = 1e-17
"""NAB's score is 1 - p, which is 1 from where on p is lost in a double."""

Scored = Callable[[Doubles], Doubles]
"""Values of one metric `[rows]` to scores `[rows]`."""


@dataclass(frozen=True, slots=True)
class Each:
    """A detector of single metrics, walked over targets; an alarm in every row."""

    scored: Scored

    def __call__(self, tracks: Sequence[Track], progress: Callable[[float], None]) -> list[Walked]:
        """As `scoring.anomalies.walks` says."""
        found = []
        for i, track in enumerate(tracks):
            progress(i / len(tracks))
            each = np.stack([self.scored(values.astype(np.float64)) for values in track.values])
            score = _joined(each).astype(np.float32)
            found.append(Walked(score, np.nan_to_num(score)))
        return found


@dataclass(frozen=True, slots=True)
class Refractory:
    """A detector whose alarms are those scores that beat all of the rows before, twelve hours of them at most."""

    walk: Walk

    def __call__(self, tracks: Sequence[Track], progress: Callable[[float], None]) -> list[Walked]:
        """As `scoring.anomalies.walks` says."""
        walked = self.walk(tracks, progress)
        return [
            Walked(one.score, emitted(one.score, track.step))
            for one, track in zip(walked, tracks, strict=True)
        ]


def emitted(score: Floats, step: float) -> Floats:
    """Scores in rows that beat each of the last 20 to 150 (a tenth of what has passed, at most 12 h), 0 elsewhere."""
    rows = np.arange(len(score))
    reach = np.minimum(np.clip(rows // 10, 20, 150), max(1, int(HALF_A_DAY / step)))
    reach = np.minimum(reach, rows)
    filled = np.nan_to_num(score, nan=-np.inf)
    before = np.full(len(score), -np.inf, np.float32)
    # maxima over runs of 1, 2, 4, … rows from each row on; two of them cover any run
    table, size = filled, 1
    while size <= reach.max(initial=0):
        fits = (reach >= size) & (reach < 2 * size)
        at = rows[fits]
        before[fits] = np.maximum(table[at - reach[fits]], table[at - size])
        table = np.maximum(table[: len(table) - size], table[size:])
        size *= 2
    return np.where(filled > before, np.nan_to_num(score), np.float32(0)).astype(np.float32)


def windowed_gaussian(values: Doubles) -> Doubles:
    """NAB's: normal scores of the tail that a value lies in, as finely as its own doubles tell them apart."""
    rows = np.arange(len(values))
    moved = np.maximum(rows - GAUSSIAN_ROWS, 0) // GAUSSIAN_MOVE * GAUSSIAN_MOVE
    mean, sigma = _moments(values, moved, np.minimum(rows, moved + GAUSSIAN_ROWS))
    z = np.abs(values - mean) / np.where(sigma == 0, 1e-6, sigma)
    tail = 1 - (1 - ndtr(-z))
    score: Doubles = np.where(rows == 0, 0, -ndtri(np.maximum(tail, _DOUBLE)))
    return score


def rolling_z(values: Doubles) -> Doubles:
    """Distance from the mean of the last 288 rows in their standard deviations."""
    rows = np.arange(len(values))
    mean, sigma = _moments(values, np.maximum(rows - ROLLING_ROWS, 0), rows)
    return _sigmas(values, mean, sigma, rows)


def rolling_mad(values: Doubles) -> Doubles:
    """Distance from the median of the last 288 rows in their median absolute deviations."""
    rows = np.arange(len(values))
    middle, spread = np.full(len(values), np.nan), np.full(len(values), np.nan)
    padded = np.concatenate([np.full(ROLLING_ROWS, np.nan), values])
    windows = sliding_window_view(padded, ROLLING_ROWS)[: len(values)]
    for begin in range(LEAST_ROWS, len(values), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        middle[part] = _median(windows[part])
        spread[part] = _NORMAL_MAD * _median(np.abs(windows[part] - middle[part, None]))
    return _sigmas(values, middle, spread, rows)


def random(seed: int) -> Scored:
    """Nothing but chance."""
    rng = np.random.default_rng(seed)

    def scored(values: Doubles) -> Doubles:
        return np.abs(rng.standard_normal(len(values)))

    return scored


def _median(windows: Doubles) -> Doubles:
    """Medians of rows, NaN left out: `[rows]`."""
    ordered = np.sort(windows, axis=1)  # NaN last
    count = windows.shape[1] - np.isnan(ordered).sum(axis=1)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, windows.shape[1] - 1)
    at = np.arange(len(windows))
    median: Doubles = (ordered[at, low] + ordered[at, high]) / 2
    return median


def _moments(values: Doubles, begin: NDArray[np.intp], end: NDArray[np.intp]) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation of rows `begin` to `end`, NaN left out; NaN where there is none."""
    seen = ~np.isnan(values)
    level = float(np.median(values[seen])) if seen.any() else 0.0
    centred = np.where(seen, values - level, 0)
    count, total, square = (
        np.concatenate([[0.0], np.cumsum(of)])[[end, begin]] for of in (seen, centred, centred * centred)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (total[0] - total[1]) / (count[0] - count[1])
        variance = (square[0] - square[1]) / (count[0] - count[1]) - mean * mean
    rounding = 1e-12 * np.abs(square[0]) / np.maximum(count[0], 1)
    found: tuple[Doubles, Doubles] = (
        mean + level,
        np.sqrt(np.where(variance > rounding, variance, variance * 0)),
    )
    return found


def _sigmas(values: Doubles, middle: Doubles, spread: Doubles, rows: NDArray[np.intp]) -> Doubles:
    """Distances in spreads, at most a hundred; NaN before there is anything to compare with."""
    away = np.abs(values - middle)
    least = 1e-9 + 1e-3 * np.abs(middle)
    score: Doubles = np.where(
        rows < LEAST_ROWS, np.nan, np.minimum(away / np.maximum(spread, least), MOST_SIGMAS)
    )
    return score


def _joined(scores: Doubles) -> Doubles:
    """The mean of the highest five of a target's metrics, as far as it has them: `[rows]`."""
    highest = -np.sort(-np.nan_to_num(scores), axis=0)[:HIGHEST]
    joined: Doubles = np.where(np.isnan(scores).all(axis=0), np.nan, highest.mean(axis=0))
    return joined
