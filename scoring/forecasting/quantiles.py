"""Empirical quantiles and robust scales, row by row over arrays with gaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scoring.panels import Floats

_MAD_TO_SIGMA = np.float32(1.4826)
_TAIL, _TAIL_SIGMAS = 0.995, np.float32(2.807)
"""|N(0, 1)| stays below 2.807 in 99.5 % of draws."""


def row_quantiles(errors: Floats, levels: Sequence[float], *, fewest: int) -> Floats:
    """Quantiles of each row's observed values, linearly interpolated: `[rows, levels]`.

    A row with fewer than `fewest` values is NaN. The result never crosses.
    """
    rows, width = errors.shape
    out = np.full((rows, len(levels)), np.nan, np.float32)
    if width == 0:
        return out
    ordered = np.sort(errors, axis=1)  # NaN goes last
    count = width - np.isnan(ordered).sum(axis=1)
    enough = count >= max(1, fewest)
    for j, level in enumerate(levels):
        place = level * np.maximum(count - 1, 0)
        below = np.floor(place).astype(np.intp)
        above = np.minimum(below + 1, np.maximum(count - 1, 0))
        part = (place - below).astype(np.float32)
        index = np.arange(rows)
        low, high = ordered[index, below], ordered[index, above]
        out[:, j] = np.where(enough, low + part * (high - low), np.float32(np.nan))
    return np.maximum.accumulate(out, axis=1)  # rounding alone could cross equal neighbours


def normal_scale(errors: Floats, *, fewest: int) -> Floats:
    """A robust sigma of each row: the larger of the MAD's and of what the tail says, `[rows]`.

    A bell's MAD and tail agree; a series of rare large surprises has a small MAD, and would alarm all day by it.
    """
    size = row_quantiles(np.abs(errors), (0.5, _TAIL), fewest=fewest)
    sigma: Floats = np.maximum(size[:, 0] * _MAD_TO_SIGMA, size[:, 1] / _TAIL_SIGMAS)
    return sigma


def at_level(quantiles: Floats, levels: Sequence[float], wanted: Floats) -> Floats:
    """Each row's quantile at its own level, interpolated between `levels` and held at their ends: `[rows]`."""
    grid = np.asarray(levels, np.float32)
    above = np.clip(np.searchsorted(grid, wanted), 1, len(grid) - 1)
    index = np.arange(len(wanted))
    low, high = quantiles[index, above - 1], quantiles[index, above]
    part = np.clip((wanted - grid[above - 1]) / (grid[above] - grid[above - 1]), 0, 1)
    value: Floats = (low + part * (high - low)).astype(np.float32)
    return value


def probability_below(quantiles: Floats, levels: Sequence[float], value: Floats) -> Floats:
    """The probability that each row stays at or below its `value`, held within the outermost levels: `[rows]`.

    NaN where the quantiles or the value are.
    """
    grid = np.asarray(levels, np.float32)
    above = (quantiles <= value[:, None]).sum(axis=1)
    inner = np.clip(above, 1, len(grid) - 1)
    index = np.arange(len(value))
    low, high = quantiles[index, inner - 1], quantiles[index, inner]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(high > low, (value - low) / (high - low), np.float32(1))
    inside = grid[inner - 1] + np.clip(part, 0, 1) * (grid[inner] - grid[inner - 1])
    chance = np.where(above == 0, grid[0], np.where(above == len(grid), grid[-1], inside))
    known = ~np.isnan(quantiles[:, 0]) & ~np.isnan(value)
    result: Floats = np.where(known, chance, np.float32(np.nan)).astype(np.float32)
    return result
