"""Sums over the recent past: buckets of equal length, the newest first, and one more than the window is long.

The oldest bucket counts for as much of it as is still within the window, so that a sum moves without steps. Whose rows these are
and what is summed is not known here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def turned(buckets: NDArray[np.float64], places: int) -> NDArray[np.float64]:
    """A copy of `buckets`, `[rows, window + 1, columns]`, so many places later: what came since is zero."""
    moved = np.zeros_like(buckets)
    kept = max(0, buckets.shape[1] - max(0, places))
    moved[:, buckets.shape[1] - kept :] = buckets[:, :kept]
    return moved


def summed(buckets: NDArray[np.float64], passed: float) -> NDArray[np.float64]:
    """What the window holds: `[rows, columns]`.

    Args:
        buckets: `[rows, window + 1, columns]`.
        passed: how much of the newest bucket's time has passed, a share; so much of the oldest is out.
    """
    out: NDArray[np.float64] = buckets[:, :-1].sum(axis=1)
    left = 1 - min(max(passed, 0.0), 1.0)
    return out + left * buckets[:, -1] if left else out
