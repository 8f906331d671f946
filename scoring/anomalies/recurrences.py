"""How far a value is from all that came around the same time on the days and weeks before.

The nearest counts: a job that runs on some days only is no novelty on the others. The past is the panel's own; nothing is kept.
"""

from __future__ import annotations

import numpy as np

from scoring.panels import Floats

DAYS, WEEKS = 7, 4
AROUND = 2
"""Rows before and after the same time that count as the same time."""
_MEAN_OF, _LEAST_OF = 6, 3


def recurrences(window: Floats, day: int, value: Floats, mean: Floats) -> tuple[Floats, Floats, Floats]:
    """Distances to the nearest of earlier days (value, six-row mean) and of earlier weeks (value): each `[rows]`.

    Args:
        window: past and present, newest last, `[rows, columns]`, NaN where not observed.
        day: columns of a day.
        value: of the newest row, `[rows]`.
        mean: of the newest six rows, `[rows]`.

    Returns:
        In the series' own unit; NaN where that past is not there.
    """
    last = window.shape[1] - 1
    days = [last - d * day for d in range(1, DAYS + 1) if last - d * day - AROUND - _MEAN_OF + 1 >= 0]
    weeks = [last - 7 * w * day for w in range(1, WEEKS + 1) if last - 7 * w * day - AROUND >= 0]
    unknown = np.full(len(window), np.nan, np.float32)
    by_value, by_mean, by_week = unknown, unknown, unknown
    if days and day > 2 * AROUND:
        reach = np.arange(-AROUND - _MEAN_OF + 1, AROUND + 1)
        past = window[:, np.add.outer(days, reach)]
        by_value = _nearest(past[:, :, _MEAN_OF - 1 :], value)
        by_mean = _nearest(_means(past), mean)
    if weeks and day > 2 * AROUND:
        past = window[:, np.add.outer(weeks, np.arange(-AROUND, AROUND + 1))]
        by_week = _nearest(past, value)
    return by_value, by_mean, by_week


def _nearest(past: Floats, now: Floats) -> Floats:
    """The smallest distance of `now` `[rows]` to any of `past` `[rows, times, around]`."""
    distance = np.abs(past - now[:, None, None]).reshape(len(now), -1)
    out: Floats = np.fmin.reduce(distance, axis=1)
    return out


def _means(past: Floats) -> Floats:
    """Running means of six columns, where three were observed and the newest was."""
    known = ~np.isnan(past)
    if known.all():
        return _sums(past) / np.float32(_MEAN_OF)
    many = _sums(known.astype(np.float32))
    good = (many >= _LEAST_OF) & known[..., _MEAN_OF - 1 :]
    total = _sums(np.where(known, past, np.float32(0)))
    out: Floats = np.where(good, total / np.maximum(many, 1), np.float32(np.nan))
    return out


def _sums(values: Floats) -> Floats:
    """Running sums of six columns."""
    width = values.shape[-1] - _MEAN_OF + 1
    total = values[..., :width].copy()
    for k in range(1, _MEAN_OF):
        total += values[..., k : k + width]
    return total
