"""The daily profile: what this series did at the same time on past days. Causal; it never looks past a day back."""

from __future__ import annotations

import numpy as np

from scoring.panels import Floats

MOST_DAYS = 7


def daily_profile(x: Floats, *, day: int, ahead: int, since: int) -> Floats:
    """The mean of the same time on up to seven past days, for every column and `ahead` more.

    Args:
        x: values `[rows, time]`, NaN for gaps.
        day: columns in a day.
        ahead: how many columns past the last are wanted; beyond a day ahead the profile repeats itself.
        since: the first column that is wanted; those before it are left NaN.

    Returns:
        `[rows, time + ahead]`, NaN where no past day has a value.
    """
    rows, columns = x.shape
    first = max(0, since, day)
    profile = np.full((rows, columns + ahead), np.nan, np.float32)
    known = min(columns + ahead, columns + day)
    if known <= first:
        return profile
    total = np.zeros((rows, known - first), np.float32)
    count = np.zeros((rows, known - first), np.uint8)
    for back in range(day, MOST_DAYS * day + 1, day):
        start = max(first, back)
        stop = min(known, columns + back)
        if start >= stop:
            continue
        past = x[:, start - back : stop - back]
        seen = ~np.isnan(past)
        place = slice(start - first, stop - first)
        total[:, place] += np.where(seen, past, np.float32(0))
        count[:, place] += seen
    with np.errstate(invalid="ignore", divide="ignore"):
        profile[:, first:known] = np.where(count > 0, total / count, np.float32(np.nan))
    for column in range(known, columns + ahead, day):
        width = min(day, columns + ahead - column)
        profile[:, column : column + width] = profile[:, column - day : column - day + width]
    return profile


def recent_level(x: Floats, *, since: int) -> Floats:
    """The mean of the last twelve observed values up to and with each column: `[rows, time]`.

    Twelve are summed as eight and four, each from two halves. Columns before `since` are left NaN, as are those whose
    twelve are all gaps.
    """
    rows, columns = x.shape
    level = np.full((rows, columns), np.nan, np.float32)
    first = max(0, since)
    start = max(0, first - 11)
    window = x[:, start:]
    seen = ~np.isnan(window)
    if seen.all():
        count: Floats = np.minimum(np.arange(1, window.shape[1] + 1), 12).astype(np.float32)
        total = _last_twelve(window)
    else:
        count = _last_twelve(seen.astype(np.float32))
        total = _last_twelve(np.where(seen, window, np.float32(0)))
    with np.errstate(invalid="ignore", divide="ignore"):
        level[:, first:] = np.where(count > 0, total / count, np.float32(np.nan))[:, first - start :]
    return level


def _last_twelve(values: Floats) -> Floats:
    """Sums over up to twelve columns that end in each column."""
    two = _with_shifted(values, values, 1)
    four = _with_shifted(two, two, 2)
    return _with_shifted(_with_shifted(four, four, 4), four, 8)


def _with_shifted(values: Floats, others: Floats, by: int) -> Floats:
    out = values.copy()
    out[:, by:] += others[:, :-by]
    return out
