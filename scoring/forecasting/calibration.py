"""Bands whose stated coverage is what comes: adaptive conformal offsets per series, horizon and quantile.

Each quantile widens when more came beyond it than it says, and narrows when less did (Gibbs and Candès, 2021, online and
asymmetric; here on the logarithm of the distance from the centre). Labels count when they come, never before. Of a maximum
the median is calibrated as well.
"""

from __future__ import annotations

import numpy as np

from scoring.forecasting.forecasts import LEVELS, MEDIAN
from scoring.panels import Bools, Floats

_LEVELS = np.asarray(LEVELS, np.float32)
_BEYOND = np.minimum(_LEVELS, 1 - _LEVELS)
"""How often what comes should lie outside."""
_STEP = np.float32(0.03)
_MOST = np.float32(4)
_OPENING = np.float32(0.05)
"""A band of no width cannot widen by a factor: it opens by so much of the series' scale."""
_SIDE = np.sign(_LEVELS - LEVELS[MEDIAN]).astype(np.float32)
_MIDDLE = np.float32(0.5)
"""A maximum's median moves by so much of the series' scale for each unit of its width."""


def calibrated(centre: Floats, shape: Floats, scale: Floats, widths: Floats) -> Floats:
    """A band around `centre`, as wide as has proved right; never crossing: `[rows, tasks, levels]`.

    Args:
        centre: `[rows, tasks]`.
        shape: distances from the centre, rising through 0 at the median, `[rows, tasks, levels]`.
        scale: of each row, in its unit, `[rows]`.
        widths: the logarithms of the factors, `[rows, tasks, levels]`; the median's is how far it moves.
    """
    centre = centre + widths[:, :, MEDIAN] * (_MIDDLE * scale[:, None])
    opened = np.expm1(np.maximum(widths, 0)) * (_SIDE * _OPENING) * scale[:, None, None]
    band = centre[:, :, None] + shape * np.exp(widths) + opened
    low, high = band[:, :, : MEDIAN + 1], band[:, :, MEDIAN:]
    low = np.minimum.accumulate(low[:, :, ::-1], axis=2)[:, :, ::-1]
    return np.concatenate([low, np.maximum.accumulate(high, axis=2)[:, :, 1:]], axis=2)


def learned(widths: Floats, band: Floats, came: Floats, known: Bools, *, centred: bool) -> Floats:
    """The widths after a label came: `[rows, levels]`.

    Args:
        widths: before, `[rows, levels]`.
        band: what was said, `[rows, levels]`.
        came: the label, `[rows]`.
        known: whether there is one, and a band, `[rows]`.
        centred: whether the median is calibrated too. That of a maximum is, for experts who say where demand will be are
            wrong about its maximum; that of the curve is theirs.
    """
    beyond = np.where(_SIDE >= 0, came[:, None] > band, came[:, None] < band)
    step = _STEP * (beyond - _BEYOND)
    if not centred:
        step[:, MEDIAN] = 0
    moved = np.clip(widths + step, -_MOST, _MOST)
    return np.where(known[:, None], moved, widths).astype(np.float32)
