"""What any forecast of a series is held to, whoever made it: from zero to well above what was ever seen of it."""

from __future__ import annotations

import numpy as np

from scoring.panels import Bools, Floats


def highest_possible(seen: Floats, newest: Floats) -> Floats:
    """The highest value seen in each row and as much again of its range, `[rows]`; NaN where nothing was seen.

    Args:
        seen: values `[rows, time]`, NaN for gaps.
        newest: the newest value `[rows]`, which counts although nothing may be learned from it.
    """
    high = np.fmax.reduce(seen, axis=1, initial=np.nan)
    low = np.fmin.reduce(seen, axis=1, initial=np.nan)
    top: Floats = np.fmax(high + np.maximum(high - low, np.abs(high)), newest).astype(np.float32)
    return top


def within(quantiles: Floats, top: Floats) -> Floats:
    """Quantiles `[rows, levels]` held between zero and the top of each row `[rows]`; NaN where there is none."""
    held: Floats = np.clip(quantiles, np.float32(0), top[:, None]).astype(np.float32)
    return held


def is_flat(seen: Floats) -> Bools:
    """Whether all that was observed in a row is one value, `[rows]`; a row without any is not flat."""
    return np.asarray(
        np.fmax.reduce(seen, axis=1, initial=np.nan) == np.fmin.reduce(seen, axis=1, initial=np.nan)
    )
