"""Train what is expected of a snapshot's metrics on recordings, and measure how far off it may be.

The measure is taken as it will be used, forwards: the recording is cut into `FOLDS` stretches, and each after the first `KNOWN` is
judged by what was trained on those before it. What is kept is trained on all of them. It writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from scoring.anomalies.snapshots import (
    PAST,
    SITUATIONS,
    Snapshots,
    inputs_of,
    row_of,
)
from scoring.anomalies.spreads import Doubles, Spread, joint_of, spread_of

ROUNDS = 100
FOLDS, KNOWN = 6, 2
LEAST_ROWS = 500
"""Fewer say nothing about what happens once in a hundred times."""
MOST_JOINT = 2_000
"""Of each stretch so many snapshots of each size say how far metrics are off together."""
MOST_ROWS = 12_000
"""Of a longer recording so many rows are drawn for each situation."""
_MISSING = 0.3
_SETTINGS = {
    "objective": "reg:absoluteerror",
    "tree_method": "hist",
    "max_depth": 4,
    "eta": 0.1,
    "min_child_weight": 20,
    "subsample": 0.7,
    "max_bin": 128,
    "nthread": 1,
    "verbosity": 0,
}
Joint = tuple[Sequence[Spread], Sequence[Spread]]
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """Metrics of one service, row by row.

    Attributes:
        values: `[rows, known]`, NaN where not observed; in the metrics' own units.
        hours: UTC hour of the day, NaN where it is not to be told, `[rows]`.
    """

    values: Doubles
    hours: Doubles

    def some(self, rows: slice) -> Recorded:
        """A stretch of it."""
        return Recorded(self.values[rows], self.hours[rows])


def learn(
    known: Sequence[str], recorded: Recorded, *, seed: int, progress: Progress = lambda _: None
) -> Snapshots:
    """Learn from one's own service.

    Args:
        known: the metrics' names, `[known]`.
        recorded: all that is learned from.
        seed: of what is drawn; equal data, seed and XGBoost give equal ensembles.
        progress: told how much is done, 0..1.

    Raises:
        ValueError: there are too few rows, or a metric was never observed.
    """
    rows = len(recorded.values)
    if rows < LEAST_ROWS:
        raise ValueError(f"{rows} rows: at least {LEAST_ROWS} are needed")
    for place, name in enumerate(known):
        if np.count_nonzero(~np.isnan(recorded.values[:, place])) < LEAST_ROWS // 2:
            raise ValueError(
                f"{name} was observed in fewer than {LEAST_ROWS // 2} rows: leave the column out"
            )
    centre, scale = measure_of(recorded.values)
    scaled = Recorded((recorded.values - centre) / scale, recorded.hours)
    cuts = np.linspace(0, rows, FOLDS + 1).astype(int)
    stretches = [scaled.some(slice(a, b)) for a, b in pairwise(cuts)]
    errors: dict[str, list[list[Doubles]]] = {s: [[] for _ in known] for s in SITUATIONS}
    folds = []
    for k, held in enumerate(stretches[KNOWN:]):
        folds.append(grow(known, stretches[: KNOWN + k], SITUATIONS, seed))
        for situation in SITUATIONS:
            for place, found in enumerate(residuals_of(known, folds[k], held, situation, seed)):
                errors[situation][place].append(found)
        progress((k + 1) / (FOLDS - KNOWN + 1))
    spreads = {s: tuple(spread_of(np.concatenate(one)) for one in errors[s]) for s in SITUATIONS}

    def snapshots(ensembles: Mapping[str, bytes], seen: Sequence[Recorded], joint: Joint) -> Snapshots:
        values = np.concatenate([one.values for one in seen])
        levels = tuple(spread_of(column[~np.isnan(column)]) for column in values.T)
        return Snapshots(tuple(known), ensembles, centre, scale, spreads, levels, joint)

    judges = [snapshots(fold, stretches[: KNOWN + k], ((), ())) for k, fold in enumerate(folds)]
    joint = (
        joint_spreads(judges, stretches[KNOWN:], seed, past=False),
        joint_spreads(judges, stretches[KNOWN:], seed, past=True),
    )
    learned = snapshots(grow(known, stretches, SITUATIONS, seed), stretches, joint)
    progress(1.0)
    return learned


def joint_spreads(
    judges: Sequence[Snapshots], stretches: Sequence[Recorded], seed: int, *, past: bool
) -> tuple[Spread, ...]:
    """How far two metrics, three, … are off together in stretches that their judges were not shown."""
    random = default_rng((seed, 2))
    out = []
    for size in range(2, len(judges[0].known) + 1):
        off = []
        for judge, held in zip(judges, stretches, strict=True):
            now, last, mean = _sized(held, size, random, past=past)
            extents = judge.extents(now.values, last, mean, now.hours)
            off.append(np.sqrt(np.nansum(np.square(extents), axis=1)))
        out.append(joint_of(np.concatenate(off)))
    return tuple(out)


def measure_of(values: Doubles) -> tuple[Doubles, Doubles]:
    """Where each metric lies and how it is spread: `[known]` each; a constant is measured by itself."""
    low, centre, high = np.nanquantile(values, (0.1, 0.5, 0.9), axis=0)
    reach = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
    floor = np.maximum(np.maximum(0.01 * np.abs(centre), 0.02 * reach), 1e-6)
    return centre, np.maximum((high - low) / 2.56, floor)


def grow(
    known: Sequence[str], stretches: Sequence[Recorded], situations: Sequence[str], seed: int
) -> Mapping[str, bytes]:
    """An ensemble per metric, as UBJ, from standardised stretches; each row is learned in every situation."""
    import xgboost  # noqa: PLC0415 - it takes a second

    out = {}
    for place, name in enumerate(known):
        random = default_rng((seed, place))
        most = max(1, MOST_ROWS // len(stretches))
        parts = [_examples(one, place, s, random, most) for one in stretches for s in situations]
        data = xgboost.QuantileDMatrix(
            np.concatenate([inputs for inputs, _ in parts]).astype(np.float32),
            np.concatenate([moved for _, moved in parts]),
            max_bin=_SETTINGS["max_bin"],
            nthread=1,
        )
        booster = xgboost.train(_SETTINGS | {"seed": seed}, data, ROUNDS)
        out[name] = bytes(booster.save_raw("ubj"))
    return out


def residuals_of(
    known: Sequence[str], ensembles: Mapping[str, bytes], held: Recorded, situation: str, seed: int
) -> list[Doubles]:
    """What each metric of a standardised stretch was, less what was expected of it in a situation."""
    import xgboost  # noqa: PLC0415 - as above

    out = []
    for place, name in enumerate(known):
        inputs, moved = _examples(held, place, situation, default_rng((seed, place, 1)), MOST_ROWS)
        booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(ensembles[name]))
        said = booster.inplace_predict(inputs.astype(np.float32)) if len(inputs) else np.zeros(0)
        out.append(np.asarray(moved - said, np.float64))
    return out


def _sized(held: Recorded, size: int, random: Generator, *, past: bool) -> tuple[Recorded, Doubles, Doubles]:
    """Snapshots of `size` metrics each, where so many were observed, with what was before them: `[rows, known]` each."""
    values = held.values
    known = ~np.isnan(values[PAST:])
    if past:
        known &= ~np.isnan(values[PAST - 1 : -1])
    rows = np.flatnonzero(np.count_nonzero(known, axis=1) >= size)
    if len(rows) > MOST_JOINT:
        rows = np.sort(random.choice(rows, MOST_JOINT, replace=False))
    lots = np.where(known[rows], random.random((len(rows), values.shape[1])), 2.0)
    gone = lots.argsort(axis=1).argsort(axis=1) >= size
    rows = rows + PAST
    now = Recorded(np.where(gone, np.nan, values[rows]), held.hours[rows])
    last, mean = _before(values, rows, gone) if past else (np.full(now.values.shape, np.nan),) * 2
    return now, last, mean


def _before(values: Doubles, rows: NDArray[np.intp], gone: NDArray[np.bool_]) -> tuple[Doubles, Doubles]:
    """Of rows the values one row before and the mean of the rows before, NaN where gone: `[rows, known]` each."""
    before = values[rows[:, None] - np.arange(PAST, 0, -1)]
    seen = ~np.isnan(before)
    count = seen.sum(axis=1)
    mean = np.where(seen, before, 0).sum(axis=1) / np.maximum(count, 1)
    return np.where(gone, np.nan, values[rows - 1]), np.where(gone | (count == 0), np.nan, mean)


def _examples(
    recorded: Recorded, place: int, situation: str, random: Generator, most: int
) -> tuple[Doubles, Doubles]:
    """Inputs `[rows, …]` and how far one metric moved from what is its base in this situation, `[rows]`."""
    values = recorded.values
    others, past = situation in {"others", "others_past"}, situation in {"past", "others_past"}
    rows = np.flatnonzero(~np.isnan(values[:, place]))
    rows = rows[rows >= PAST]
    if past:
        rows = rows[~np.isnan(values[rows - 1, place])]
    if others:
        rows = rows[np.count_nonzero(~np.isnan(values[rows]), axis=1) > 1]
    if len(rows) > most:
        rows = np.sort(random.choice(rows, most, replace=False))
    now = values[rows]
    gone = (random.random(now.shape) < _MISSING) if others else np.ones(now.shape, np.bool_)
    gone[:, place] = False
    if others:  # never all that there is
        gone[np.count_nonzero(~np.isnan(now) & ~gone, axis=1) < 2] = False
    now = np.where(gone, np.nan, now)
    last, mean = np.full(now.shape, np.nan), np.full(now.shape, np.nan)
    if past:
        last, mean = _before(values, rows, gone)
    inputs = row_of(inputs_of(now, last, mean, recorded.hours[rows]), last, place)
    base = last[:, place] if past else np.zeros(len(rows))
    return inputs, now[:, place] - base
