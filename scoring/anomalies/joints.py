"""Several metrics of one target as one figure, and which of them made it so.

The mean of the highest third: the highest of all would alarm once for every metric there is, the mean of all would not see one
metric alone. A target of up to three metrics is as abnormal as the most abnormal of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Floats

_LEAST = np.float32(1e-30)


@dataclass(frozen=True, slots=True)
class Joint:
    """One figure for each target.

    Attributes:
        decades: NaN where nothing was judged, `[targets]`.
        metrics: how many were, `[targets]`.
        share: each series' share, 0 where it did not count, summing to 1 per target; NaN where it was not judged, `[series]`.
        culprit: the series row with the largest share, -1: none, `[targets]`.
    """

    decades: Floats
    metrics: NDArray[np.intp]
    share: Floats
    culprit: NDArray[np.intp]


def joined(decades: Floats, first_row: NDArray[np.intp]) -> Joint:
    """Join figures `[series]`, grouped by target as `first_row` `[targets + 1]` says; every target has a series."""
    counts = np.diff(first_row)
    owner = np.repeat(np.arange(len(counts)), counts)
    judged = ~np.isnan(decades)
    value = np.where(judged, decades, np.float32(-1))
    order = np.lexsort((-value, owner))
    place = np.empty(len(value), np.intp)
    place[order] = np.arange(len(value)) - np.repeat(first_row[:-1], counts)
    metrics = np.add.reduceat(judged, first_row[:-1], dtype=np.intp)
    taken = -(-metrics // 3)
    counted = judged & (place < taken[owner])
    terms = np.where(counted, value, np.float32(0))
    total = np.add.reduceat(terms, first_row[:-1])
    figure = np.where(metrics > 0, total / np.maximum(taken, 1), np.float32(np.nan))
    squares = terms * terms
    whole = np.add.reduceat(squares, first_row[:-1])[owner]
    even = counted / np.maximum(taken, 1)[owner]
    share = np.where(whole > _LEAST, squares / np.maximum(whole, _LEAST), even)
    highest = order[first_row[:-1]]
    return Joint(
        decades=figure.astype(np.float32),
        metrics=metrics,
        share=np.where(judged, share, np.float32(np.nan)).astype(np.float32),
        culprit=np.where(metrics > 0, highest, -1).astype(np.intp),
    )
