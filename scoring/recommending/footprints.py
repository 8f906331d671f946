"""Whether memory may drive replicas: only where it does not grow with them.

Each pod brings a fixed footprint, so scaling on memory adds bytes and runs away. The slope of memory against replicas is kept as
discounted sums, one cycle at a time; it is known once replicas have varied.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats

_FORGET = 0.999
_FEWEST = 24.0
_NEAR_ZERO = 0.1
"""Share of memory that follows replicas below which it counts as a demand of its own."""


def observed(sums: NDArray[np.float64], replicas: Floats, memory: Floats) -> NDArray[np.float64]:
    """The sums after one more cycle; unknown values change nothing.

    Args:
        sums: `[series, 6]`: count, replicas, memory, replicas^2, replicas x memory, changes of replicas.
        replicas: of each series' target, `[series]`.
        memory: total demand, `[series]`.
    """
    known = ~np.isnan(replicas) & ~np.isnan(memory)
    r, m = np.where(known, replicas, 0).astype(np.float64), np.where(known, memory, 0).astype(np.float64)
    mean = sums[:, 1] / np.maximum(sums[:, 0], 1e-9)
    changed = known & (sums[:, 0] > 0) & (np.abs(r - mean) >= 0.5)
    added = np.stack([np.ones_like(r), r, m, r * r, r * m, changed.astype(np.float64)], axis=1)
    return np.where(known[:, None], sums * _FORGET + added, sums)


def is_independent(sums: NDArray[np.float64]) -> Bools:
    """Which series are known not to grow with replicas: `[series]`; without evidence they are not."""
    n, r, m, rr, rm, changes = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = rr / n - (r / n) ** 2
        slope = (rm / n - (r / n) * (m / n)) / variance
        share = slope * (r / n) / (m / n)
        independent = (n >= _FEWEST) & (changes >= 2) & (variance > 0) & (np.abs(share) < _NEAR_ZERO)
    return np.asarray(independent)
