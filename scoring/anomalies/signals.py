"""What is looked at of a series: its value, a mean of the last rows, its change, and how restless it is.

Pure functions of the window that ends with the row in question; they see nothing after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.panels import Floats

SPAN = 13
"""Columns that the signals are read from."""
_MEAN_OF, _LEAST_OF = 6, 3
_RESTLESS_LEAST = 6
_QUIET = np.float32(0.05)
"""So many spreads are added to a restlessness, of which the logarithm is taken."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Of the newest row: each `[rows]`, NaN where it is not known.

    Attributes:
        value: as observed.
        mean: of what was observed in the last six rows, three at least.
        change: from the last value observed before.
        restless: mean size of the changes from row to row among the last twelve.
    """

    value: Floats
    mean: Floats
    change: Floats
    restless: Floats


def signals(recent: Floats, seen: np.typing.NDArray[np.bool_]) -> Signals:
    """The signals of the newest row.

    Args:
        recent: the last `SPAN` columns, newest last, `[rows, SPAN]`, NaN where not observed.
        seen: whether the newest row counts, `[rows]`.
    """
    unknown = np.float32(np.nan)
    value = np.where(seen, recent[:, -1], unknown)
    present = ~np.isnan(recent)
    count = present[:, -_MEAN_OF:].sum(axis=1)
    whole = np.where(present, recent, np.float32(0))
    mean = whole[:, -_MEAN_OF:].sum(axis=1) / np.maximum(count, 1)
    before = present[:, :-1]
    last = before.shape[1] - 1 - before[:, ::-1].argmax(axis=1)
    earlier = np.where(before.any(axis=1), recent[np.arange(len(recent)), last], unknown)
    step = np.abs(np.diff(recent, axis=1))
    moved = ~np.isnan(step)
    steps = moved.sum(axis=1)
    total = np.where(moved, step, np.float32(0)).sum(axis=1)
    restless = np.where(steps >= _RESTLESS_LEAST, total / np.maximum(steps, 1), unknown)
    known = seen & ~np.isnan(value)
    return Signals(
        value=value,
        mean=np.where(known & (count >= _LEAST_OF), mean, unknown).astype(np.float32),
        change=(value - earlier).astype(np.float32),
        restless=np.where(known, restless, unknown).astype(np.float32),
    )


def restlessness(restless: Floats, size: Floats) -> Floats:
    """The logarithm of it in spreads of the series (`size`), with a floor; `[rows]`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        out: Floats = np.log(restless / size + _QUIET)
    return np.where(np.isfinite(out), out, np.float32(np.nan))
