"""Moments of recorded targets to learn from: values standardised by their own running past, and drawn at random.

Each moment is described by the function that describes it in the loop. Some rows are left out of a target, and some rows of
time, so that a model learns targets of two metrics and of twenty, and steps of five minutes and of half an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from scoring.anomalies.companions import LAGS, Moments, described
from scoring.anomalies.expectations import Expectations
from scoring.anomalies.pasts import rescaled, steps_of
from scoring.anomalies.spreads import Doubles
from scoring.panels import Floats

HALF_LIFE = 86_400.0
"""Seconds in which the running mean and spread forget half."""
STRIDES = (1, 1, 2, 6)
_DAY, _WARM_ROWS = 86_400.0, 50
_CLIPPED, _MOST = 6.0, 30.0
_WHOLE, _SHORT = 0.3, 0.33


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Metrics of one target, or of strangers that stand in for one.

    Attributes:
        values: float32 `[metrics, time]`, NaN where not observed.
        start: UNIX seconds of column 0.
        step: seconds between columns.
        first: columns before it are a past, and no moment of their own.
    """

    values: Floats
    start: float
    step: float
    first: int = 0


def standardised(values: Floats, step: float) -> Floats:
    """Values less their running mean, over their running spread, each known before the value came: `[metrics, time]`."""
    keep = 0.5 ** (step / HALF_LIFE)
    out = np.full(values.shape, np.nan, np.float32)
    weight, first, second = np.zeros((3, len(values)))
    for column in range(values.shape[1]):
        x = values[:, column].astype(np.float64)
        seen = ~np.isnan(x)
        known = seen & (weight > 0)
        mean = first / np.maximum(weight, 1e-9)
        spread = np.sqrt(np.maximum(second / np.maximum(weight, 1e-9) - mean * mean, 0))
        spread = np.maximum(spread, np.maximum(1e-3 * np.abs(mean), 1e-9))
        out[known, column] = np.clip((x - mean) / spread, -_MOST, _MOST)[known]
        warm = weight > _WARM_ROWS
        taken = np.where(warm, np.clip(x, mean - _CLIPPED * spread, mean + _CLIPPED * spread), x)
        taken = np.where(seen, taken, 0)
        weight = np.where(seen, weight * keep + 1, weight)
        first = np.where(seen, first * keep + taken, first)
        second = np.where(seen, second * keep + taken * taken, second)
    return out


def drawn(recording: Recording, count: int, random: Generator, *, whole: bool = False) -> Moments:
    """Describe about `count` moments of a recording, drawn at random.

    A third of them is standardised by its own few rows, as a snapshot's past is.

    Args:
        recording: of two metrics or more.
        count: how many moments; each is one of every metric that takes part.
        random: draws.
        whole: take all metrics and every row of time each time, as a judge would.

    Raises:
        ValueError: it is too short or has one metric alone.
    """
    metrics, columns = recording.values.shape
    strides = (1,) if whole else STRIDES
    begin = max(recording.first, LAGS * max(strides) + _WARM_ROWS)
    if metrics < 2 or begin >= columns:
        raise ValueError(f"{metrics} metrics of {columns} rows: at least 2 of {begin + 1} rows are needed")
    values = standardised(recording.values, recording.step)
    recent: list[Floats] = []
    hours: list[Floats] = []
    sizes = [0]
    for _ in range(count):
        at, stride = int(random.integers(begin, columns)), int(random.choice(strides))
        rows = np.arange(metrics)
        if not whole and random.random() >= _WHOLE:
            rows = random.permutation(metrics)[: random.integers(2, metrics + 1)]
        window = values[np.ix_(rows, at - stride * np.arange(LAGS, -1, -1))]
        if not whole and random.random() < _SHORT:
            window, _, _ = rescaled(_filled(window))
        recent.append(window)
        hour = (recording.start + at * recording.step) % _DAY / 3600
        hours.append(np.full(len(rows), hour, np.float32))
        sizes.append(len(rows))
    return described(np.concatenate(recent), np.cumsum(sizes, dtype=np.intp), np.concatenate(hours))


def steps_off(
    expectations: Expectations, recording: Recording, sizes: Sequence[int], random: Generator
) -> list[Doubles]:
    """How far snapshots of a recording were from what was expected beside their past, as `pasts.judge` tells it.

    Args:
        expectations: of which the recording is to be judged.
        recording: of two metrics or more.
        sizes: of how many metrics each snapshot is; a recording that has fewer gives none.
        random: draws.
    """
    metrics, columns = recording.values.shape
    out = []
    for size in sizes:
        at = int(random.integers(max(recording.first, LAGS), columns))
        rows = random.permutation(metrics)[:size]
        window = recording.values[rows, at - LAGS : at + 1]
        if size > metrics or np.isnan(window).any():
            continue
        standard, mean, spread = rescaled(window)
        hours = np.full(len(rows), (recording.start + at * recording.step) % _DAY / 3600, np.float32)
        moments = described(standard, np.array([0, len(rows)]), hours)
        out.append(steps_of(moments, expectations.expected(moments), mean, spread))
    return out


def _filled(window: Floats) -> Floats:
    """A metric without any past is taken for one that stands still."""
    unseen = np.all(np.isnan(window[:, :-1]), axis=1, keepdims=True)
    out: Floats = np.where(unseen, np.float32(0), window)
    return out


@dataclass(frozen=True, slots=True)
class Judgement:
    """How far off an expectation is, beside what costs nothing and what is linear; each the mean absolute error in steps.

    Attributes:
        error: of the expectations.
        persistence: of expecting the value before.
        ridge: of a ridge regression on the same inputs, fitted to the same lessons; NaN where none was asked for.
    """

    error: float
    persistence: float
    ridge: float


def judged(said: Floats, ridge: Floats | None, moments: Moments) -> Judgement:
    """Judge expectations `[judged moments]` in units of the metrics' usual steps; beyond 20 of them an error is 20."""
    came = moments.moved[moments.judged]

    def error(of: NDArray[np.floating]) -> float:
        return float(np.minimum(np.abs(came - of), 20).mean())

    return Judgement(error(said), error(np.zeros_like(came)), float("nan") if ridge is None else error(ridge))


def ridge_of(lessons: Sequence[Moments], held: Moments) -> Floats:
    """What a ridge regression on the lessons expects of the judged moments of `held`; what is unknown is 0 to it."""
    inputs = _bounded(np.concatenate([one.inputs[one.judged] for one in lessons]))
    moved = np.clip(np.concatenate([one.moved[one.judged] for one in lessons]), -10, 10)
    square = inputs.T @ inputs + 10 * np.eye(inputs.shape[1])
    weights = np.linalg.solve(square, inputs.T @ moved)
    out: Floats = (_bounded(held.inputs[held.judged]) @ weights).astype(np.float32)
    return out


def _bounded(inputs: Floats) -> NDArray[np.float64]:
    table = np.clip(np.nan_to_num(inputs.astype(np.float64)), -10, 10)
    return np.concatenate([table, np.ones((len(table), 1))], axis=1)
