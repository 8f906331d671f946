"""Exponential smoothing with a damped trend and an additive season, for a whole fleet at once.

One step for one column: with level l, trend b and the season s of the same time one period ago, the forecast is
l + phi b + s; its error e moves the level by alpha e, the trend by alpha beta e, the season by gamma e. These are
Holt and Winters' equations in their error form; statsmodels' `ExponentialSmoothing` is the same and finds the four
parameters (`fitted_parameters`). A gap is passed over on the forecast itself.

What the recursion went through is kept as far back as forecasts are judged (`Track`), so that a forecast of any past
column can be made again as it was then: the season of a column, once updated, stands where the column stands, so the
season that was known at column o for column o + h is found whole periods before it. Nothing here reads ahead.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats, at_rows

Ints = NDArray[np.int32]

ALPHA, BETA, GAMMA, PHI = range(4)
"""Of `parameters[rows, 4]`: how fast level, trend (within the level's change) and season follow, and how the trend fades."""

_ROWS_AT_ONCE = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """What the recursion went through.

    Attributes:
        end: the last column seen, counted in steps since 1970, as `born` and `begun` are.
        level, trend: `[rows, kept]` after each column; NaN before a row's first value.
        season: `[rows, longest + kept]`: the season as each column updated it; zero before there is one.
        born: `[rows]`: the column of the first value; NaN: none yet.
        begun: `[rows]`: the column from which on there is a season; NaN: none yet.
    """

    end: int
    level: Floats
    trend: Floats
    season: Floats
    born: NDArray[np.float64]
    begun: NDArray[np.float64]

    @classmethod
    def blank(cls, rows: int, *, kept: int, longest: int, end: int) -> Track:
        """Of rows of which nothing was seen until `end`, with room for `kept` columns and a season of `longest`."""
        nothing = np.full((rows, kept), np.nan, np.float32)
        never = np.full(rows, np.nan)
        return cls(end, nothing, nothing, np.zeros((rows, longest + kept), np.float32), never, never)

    @property
    def kept(self) -> int:
        """How many columns are kept."""
        return int(self.level.shape[1])

    @property
    def longest(self) -> int:
        """The longest period that there is room for, in columns."""
        return int(self.season.shape[1]) - self.kept

    def for_rows(self, rows: NDArray[np.intp] | slice) -> Track:
        """Some rows alone."""
        return self._each(lambda array: array[rows])

    def moved(self, rows: NDArray[np.intp]) -> Track:
        """The same for other rows: each names its former row, or -1 where it is new."""
        moved = self._each(lambda array: at_rows(array, rows, np.nan))
        moved.season[rows < 0] = 0
        return moved

    def put(self, rows: NDArray[np.intp], others: Track) -> Track:
        """The same with some rows from another track."""
        out = self._each(np.copy)
        for name in _ROWWISE:
            getattr(out, name)[rows] = getattr(others, name)
        return out

    def until(self, end: int) -> Track:
        """As it was at an earlier column; the oldest columns, which are not known any more, are blank."""
        lost = self.end - end
        if not lost:
            return self
        gap = np.full((len(self.born), lost), np.nan, np.float32)
        return Track(
            end,
            np.concatenate([gap, self.level[:, :-lost]], axis=1),
            np.concatenate([gap, self.trend[:, :-lost]], axis=1),
            np.concatenate([np.zeros_like(gap), self.season[:, :-lost]], axis=1),
            np.where(self.born <= end, self.born, np.nan),
            np.where(self.begun <= end, self.begun, np.nan),
        )

    def forecast(self, ahead: int, columns: slice, period: int, phi: Floats) -> Floats:
        """What was forecast at some of the kept columns for `ahead` columns later: `[rows, columns]`.

        Args:
            ahead: how many columns ahead.
            columns: from which columns, as a slice of the kept ones.
            period: the season's, of every row here, in columns.
            phi: how the trend of each row fades, `[rows]`.
        """
        start, stop, step = columns.indices(self.kept)
        back = self.longest + ahead - period * -(-ahead // period)
        fading = np.minimum(phi.astype(np.float64), 1 - 1e-6)
        reach = (fading * (1 - fading**ahead) / (1 - fading)).astype(np.float32)  # phi + phi^2 + ...
        found: Floats = self.level[:, columns] + reach[:, None] * self.trend[:, columns]
        found += self.season[:, start + back : stop + back : step]
        return found

    def _each(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Track:
        return Track(self.end, *(change(getattr(self, name)) for name in _ROWWISE))


_ROWWISE = ("level", "trend", "season", "born", "begun")


def followed(track: Track, x: Floats, end: int, period: Ints, parameters: Floats) -> Track:
    """The track up to the column `end`.

    Args:
        track: up to an earlier column.
        x: values `[rows, time]`, gaps as NaN, of which the last is of the column `end`; what was seen before begins
            seasons. Columns between the track and `x`, if any, are gaps.
        end: in steps since 1970.
        period: of each row's season, in columns, from 2 to the longest that there is room for, `[rows]`.
        parameters: `[rows, 4]`.
    """
    missing = end - track.end - x.shape[1]
    if missing > 0:
        x = np.concatenate([np.full((len(x), missing), np.nan, np.float32), x], axis=1)
    if end == track.end:
        return track
    blocks = [slice(first, first + _ROWS_AT_ONCE) for first in range(0, max(1, len(x)), _ROWS_AT_ONCE)]
    parts = [_run(track.for_rows(rows), x[rows], end, period[rows], parameters[rows]) for rows in blocks]
    if len(parts) == 1:
        return parts[0]
    return Track(end, *(np.concatenate([getattr(part, name) for part in parts]) for name in _ROWWISE))


def _run(track: Track, x: Floats, end: int, period: Ints, parameters: Floats) -> Track:
    """A block of rows, column after column, as steps; inside, time is the first axis."""
    # 1 what is new, and what happens in it: rows that begin, and rows whose season begins
    new = end - track.end
    fresh = np.ascontiguousarray(x[:, -new:].T)
    gaps = np.isnan(fresh)
    gappy: Bools = np.asarray(gaps.any(axis=1))
    born, births = _births(track, gaps)
    begun, starts = _starts(track, born, period, oldest=end + 1 - x.shape[1], end=end)
    # 2 room for it; a row without a season has no gamma
    levels, trends = (np.empty((new, len(x)), np.float32) for _ in range(2))
    seasons = np.empty((track.longest + new, len(x)), np.float32)
    seasons[: track.longest] = track.season[:, track.kept :].T
    level, trend = track.level[:, -1].copy(), track.trend[:, -1].copy()
    alpha, beta, gamma, phi = np.ascontiguousarray(parameters.T)
    beta, gains = alpha * beta, np.where(np.isnan(track.begun), np.float32(0), gamma)
    one = int(period[0]) if len(period) and (period == period[0]).all() else None
    every = np.arange(len(x))
    # 3 one column after the other
    for t in range(new):
        at = track.longest + t
        season = seasons[at - period, every] if one is None else seasons[at - one]
        trend *= phi
        level += trend
        error = fresh[t] - level - season
        if gappy[t]:
            error[gaps[t]] = 0
        level += alpha * error
        trend += beta * error
        seasons[at] = season + gains * error
        if t in births:
            rows = births[t]
            level[rows], trend[rows], seasons[: at + 1, rows] = fresh[t, rows], 0, 0
        for rows in starts.get(t, ()):
            length = int(period[rows[0]])
            shape = first_season(x[rows, : x.shape[1] - new + t + 1], length)
            seasons[at + 1 - length : at + 1, rows] = shape.T
            level[rows], trend[rows], gains[rows] = level[rows] - shape[:, -1], 0, gamma[rows]
        levels[t], trends[t] = level, trend
    # 4 the newest of what was known and what came
    kept, room = track.kept, track.season.shape[1]
    return Track(
        end,
        np.concatenate([track.level[:, new:], levels[-kept:].T], axis=1),
        np.concatenate([track.trend[:, new:], trends[-kept:].T], axis=1),
        np.concatenate([track.season[:, new : track.kept], seasons[-room:].T], axis=1),
        born,
        begun,
    )


def _births(track: Track, gaps: Bools) -> tuple[NDArray[np.float64], dict[int, NDArray[np.intp]]]:
    """When each row began `[rows]`, and which rows begin in which of the new columns; `gaps` is `[new, rows]`."""
    first = gaps.argmin(axis=0)
    begin = np.isnan(track.born) & ~gaps.all(axis=0)
    born = np.where(begin, track.end + 1 + first, track.born)
    return born, {int(t): np.flatnonzero(begin & (first == t)) for t in np.unique(first[begin])}


def _starts(
    track: Track, born: NDArray[np.float64], period: Ints, *, oldest: int, end: int
) -> tuple[NDArray[np.float64], dict[int, list[NDArray[np.intp]]]]:
    """When each row's season begins `[rows]`, and whose begins in which of the new columns, by period.

    Two whole periods must have been seen, and be there to be looked at, from the column `oldest` on.
    """
    earliest = np.fmax(np.maximum(born, oldest) + 2 * period - 1, track.end + 1)
    begin = np.isnan(track.begun) & ~np.isnan(born) & (earliest <= end)
    starts: dict[int, list[NDArray[np.intp]]] = {}
    for column, length in sorted(set(zip(earliest[begin], period[begin], strict=True))):
        rows = np.flatnonzero(begin & (earliest == column) & (period == length))
        starts.setdefault(int(column) - track.end - 1, []).append(rows)
    return np.where(begin, earliest, track.begun), starts


def first_season(x: Floats, period: int) -> Floats:
    """The season of the last two periods, ending in the last column, with a mean of zero: `[rows, period]`.

    Two periods are mostly noise: the season is as large as what both have in common says, and none where that is
    nothing; neighbours are mixed in a little. What was never seen is as usual.
    """
    two = x[:, -2 * period :].reshape(len(x), 2, period)
    deviation = two - _mean(two, axis=2)[:, :, None]
    shape = _mean(deviation, axis=1)
    one, other = np.nan_to_num(deviation).astype(np.float64).swapaxes(0, 1)
    common, all_of_it = (one * other).sum(axis=1), (one**2 + other**2).sum(axis=1) / 2
    share = np.zeros(len(x))
    np.divide(common, all_of_it, out=share, where=(all_of_it > 0) & (common > 0))
    sure = np.nan_to_num(shape) * (2 * share / (1 + share))[:, None]  # as reliable as the mean of two is
    mixed = sure / 2 + (np.roll(sure, 1, axis=1) + np.roll(sure, -1, axis=1)) / 4
    centred: Floats = (mixed - mixed.mean(axis=1, keepdims=True)).astype(np.float32)
    return centred


def _mean(values: Floats, axis: int) -> Floats:
    """The mean of what is known; NaN of nothing."""
    seen = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        total = np.where(seen, values, np.float32(0)).sum(axis=axis, dtype=np.float32)
        return np.asarray(total / seen.sum(axis=axis), np.float32)


def fitted_parameters(x: Floats, period: int | None, *, level: float, season: Floats) -> Floats | None:
    """The four parameters that statsmodels finds for one series: those of the least squared one-step errors.

    Args:
        x: values `[time]`; gaps are bridged by lines.
        period: of the season, in columns; None: without one.
        level: before the first value; taken as it is.
        season: of one period before the first value, `[period]`; taken as it is.

    Returns:
        `[4]`, or None where nothing sensible is found.
    """
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # noqa: PLC0415 - takes seconds to import

    seen = np.flatnonzero(~np.isnan(x))
    y = np.interp(np.arange(len(x)), seen, x[seen]).astype(np.float64)
    scale = float(np.abs(y - y.mean()).mean()) or 1.0  # the optimiser's tolerance is an absolute one
    known: dict[str, Any] = {"initial_level": level / scale, "initial_trend": 0.0}
    if period is not None:
        known |= {
            "seasonal": "add",
            "seasonal_periods": period,
            "initial_seasonal": season.astype(np.float64) / scale,
        }
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # that it did not converge; what it found is better than what there was
        model = ExponentialSmoothing(
            y / scale, trend="add", damped_trend=True, initialization_method="known", **known
        )
        found = model.fit(optimized=True, use_brute=False).params
    gamma = found["smoothing_seasonal"] if period is not None else 0.0
    parameters: Floats = np.nan_to_num(
        np.array([found["smoothing_level"], found["smoothing_trend"], gamma, found["damping_trend"]]), nan=-1
    ).astype(np.float32)
    return parameters if ((parameters >= 0) & (parameters <= 1)).all() else None
