"""What a window of the past looks like to a model that was trained on other fleets: centred, scaled, and put in numbers.

One function serves training, evaluation and the loop, and it sees a window that ends at the origin: causality needs no
care elsewhere. A row is centred on its last day's median and scaled by how far it moves within a day and from day to
day, then squeezed by asinh, so that bytes and requests look alike. What does not depend on how far one looks ahead is
described once (`inputs`), what does for every span ahead (`ahead`). It forecasts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.quantiles import row_quantiles
from scoring.panels import Bools, Floats

WEEK = 7
RECENT = 48
_DAY_LEVELS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_WEEK_LEVELS = (0.0, 0.1, 0.5, 0.9, 1.0)
_BLOCKS = (3, 6, 12, 24)
_SPANS = (6, 12, 48)
_BESIDE = 2
_MOST = 20.0
_FLOOR = np.float32(1e-6)
INPUTS = RECENT + 2 * len(_BLOCKS) + len(_DAY_LEVELS) + len(_WEEK_LEVELS) + len(_SPANS) + 1 + 4
"""How many numbers describe a window."""
AHEAD = WEEK + 4 + 2 * _BESIDE + 4 + 4
"""How many describe one span ahead of it."""

Span = tuple[int, int]
"""First and last step ahead: `(h, h)` asks for the value after h steps, `(1, lead)` for the maximum over a lead time."""


@dataclass(frozen=True, slots=True)
class Described:
    """Rows as a model sees them.

    Attributes:
        inputs: `[rows, INPUTS]`, all finite.
        last: the newest value, in the series' unit, `[rows]`.
        centre, scale: of the squeeze, in the series' unit, `[rows]`.
        flat: rows that have not moved for a day: no model is asked about them, `[rows]`.
        low, high: the range of the past week, in the series' unit, `[rows]`.
        past: the week that is described, gaps filled, `[rows, time]`.
        day: columns in a day.
        shifts, unlike: `[rows, 7]`, as in `Ask`.
    """

    inputs: Floats
    last: Floats
    centre: Floats
    scale: Floats
    flat: NDArray[np.bool_]
    low: Floats
    high: Floats
    past: Floats
    day: int
    shifts: NDArray[np.int32] | None
    unlike: Bools | None

    def squeezed(self, values: Floats) -> Floats:
        """Values `[rows, ...]` in the model's measure."""
        wide = (slice(None), *([None] * (values.ndim - 1)))
        out: Floats = np.arcsinh((values - self.centre[wide]) / self.scale[wide])
        return out

    def unsqueezed(self, squeezed: Floats) -> Floats:
        """Back in the series' unit, within the widened range of the week: `[rows, ...]`."""
        wide = (slice(None), *([None] * (squeezed.ndim - 1)))
        reach = (self.high - self.low)[wide]
        values = np.sinh(np.clip(squeezed, -12, 12)) * self.scale[wide] + self.centre[wide]
        out: Floats = np.clip(values, self.low[wide] - reach, self.high[wide] + reach).astype(np.float32)
        return out

    def answered(self, moves: Floats) -> Floats:
        """A model's answer in the series' unit, never crossing: `[rows, spans, levels]`.

        A row that has not moved for a day stays where it is, whatever the model says.

        Args:
            moves: quantiles of the way from the newest value, squeezed, `[rows, spans, levels]`.
        """
        values = self.unsqueezed(np.sort(moves, axis=2) + self.squeezed(self.last[:, None])[:, :, None])
        return np.where(self.flat[:, None, None], self.last[:, None, None], values)

    def days(self, steps: NDArray[np.intp]) -> Floats:
        """What came after so many steps at the same time on each of the past seven days: `[rows, 7, steps]`."""
        days = _past_days(self.past, self.day, steps, self.shifts)
        if self.unlike is not None:
            days[self.unlike] = np.nan
        return days

    def ahead(self, spans: Sequence[Span]) -> Floats:
        """What is known of each span ahead from the same time on past days and hours: `[rows, spans, AHEAD]`."""
        furthest = max(last for _, last in spans)
        days = self.days(np.arange(-_BESIDE, furthest + _BESIDE + 1))
        # 1 the span itself on each day, and how far that was from where the day then stood
        came = _stacked(days, spans, 0, np.max)
        change = came - days[:, :, _BESIDE : _BESIDE + 1]
        moved = mean_known(change, axis=1)
        spread = mean_known(np.abs(change - moved[:, None]), axis=1)
        # 2 a little wider, yesterday
        yesterday = days[:, :1]
        beside = [
            _stacked(yesterday, spans, by, f)[:, 0] for by in range(1, _BESIDE + 1) for f in (np.max, np.min)
        ]
        # 3 the same phase of eight hours, and of the hour
        phases = np.stack([self._phases(span) for span in spans], axis=2)
        last = self.last[:, None]
        values = np.concatenate(
            [
                came,
                np.stack(
                    [mean_known(came, axis=1), _median(came), last + moved, last + _median(change), *beside],
                    axis=1,
                ),
                phases,
            ],
            axis=1,
        )
        squeezed = self.squeezed(values)
        squeezed = np.where(np.isnan(squeezed), self.squeezed(self.last[:, None, None]), squeezed)
        known = mean_known((~np.isnan(came)).astype(np.float32), axis=1)
        about = np.array([(np.log(end), end > first) for first, end in spans], np.float32).T
        out = np.empty((len(last), AHEAD, len(spans)), np.float32)
        out[:, :-4] = squeezed
        out[:, -4] = np.log1p(np.nan_to_num(spread) / self.scale[:, None])
        out[:, -3] = known
        out[:, -2:] = about
        bounded: Floats = np.clip(np.nan_to_num(out), -_MOST, _MOST).transpose(0, 2, 1)
        return np.ascontiguousarray(bounded)

    def _phases(self, span: Span) -> Floats:
        """The highest value of a span at the same phase of eight hours and of the hour, two of each: `[rows, 4]`."""
        first, last = span
        lags = [round(self.day / 3), round(2 * self.day / 3)]
        lags += [max(1, round(self.day / 24)) * hours for hours in _hours(last, self.day)]
        return np.stack([_lagged(self.past, first, last, lag) for lag in lags], axis=1)


def _stacked(days: Floats, spans: Sequence[Span], by: int, f: Callable[..., Floats]) -> Floats:
    """`f` of every span, made wider by so many columns on both sides: `[rows, days, spans]`."""
    parts = [days[:, :, first + _BESIDE - by : last + _BESIDE + by + 1] for first, last in spans]
    return np.stack([part[:, :, 0] if part.shape[2] == 1 else f(part, axis=2) for part in parts], axis=2)


def _hours(last: int, day: int) -> tuple[int, int]:
    """How many whole hours back the same phase of an hour is known: the latest, and the one before."""
    hour = max(1, round(day / 24))
    back = -(-last // hour)
    return back, back + 1


def _lagged(x: Floats, first: int, last: int, lag: int) -> Floats:
    """The highest value of a span so many columns before it: `[rows]`; NaN where it is not known."""
    start, stop = x.shape[1] - 1 + first - lag, x.shape[1] + last - lag
    if start < 0 or stop > x.shape[1]:
        return np.full(len(x), np.nan, np.float32)
    out: Floats = x[:, start:stop].max(axis=1)
    return out


def described(
    values: Floats, *, day: int, shifts: NDArray[np.int32] | None = None, unlike: Bools | None = None
) -> Described:
    """Describe rows by their windows' ends.

    Args:
        values: `[rows, time]`, gaps as NaN; the last week of it counts.
        day: columns in a day.
        shifts: `[rows, 7]`, as in `Ask`.
        unlike: `[rows, 7]`, as in `Ask`.
    """
    x = filled(values[:, -WEEK * day :])
    last = x[:, -1]
    # 1 where it stands and how far it moves: the last day, the last week, and from day to day
    daily = row_quantiles(x[:, -day:][:, :: -max(1, day // 96)], _DAY_LEVELS, fewest=1)
    weekly = row_quantiles(x[:, :: -max(1, WEEK * day // 288)], _WEEK_LEVELS, fewest=1)
    centre = daily[:, 3]
    # the extremes of every column: a burst of one step each hour is in none of the sampled ones
    low, high = np.fmin.reduce(x, axis=1), np.fmax.reduce(x, axis=1)
    swing = np.fmax.reduce(x[:, -day:], axis=1) - np.fmin.reduce(x[:, -day:], axis=1)
    scale = _scale(x, daily, swing, high - low, day)
    # 2 how it moved lately
    recent = x[:, -RECENT:]
    moves = np.abs(np.diff(x[:, -day:], axis=1))
    blocks = [f(x[:, -n:], axis=1) for n in _BLOCKS for f in (np.fmin.reduce, np.fmax.reduce)]
    rough = np.stack([mean_known(moves[:, -n:], axis=1) for n in (*_SPANS, day)], axis=1)
    about = [
        mean_known((~np.isnan(recent)).astype(np.float32), axis=1),
        np.minimum(1, np.count_nonzero(~np.isnan(x), axis=1) / np.float32(WEEK * day)),
        np.nan_to_num(mean_known(np.where(np.isnan(moves), np.nan, moves <= 0).astype(np.float32), axis=1)),
        np.log(scale / (np.abs(centre) + scale)),
    ]
    # 3 as numbers
    values = np.concatenate([_widened(recent, RECENT), np.stack(blocks, axis=1), daily, weekly], axis=1)
    squeezed = np.arcsinh((values - centre[:, None]) / scale[:, None])
    inputs = np.concatenate(
        [squeezed, np.log1p(np.nan_to_num(rough) / scale[:, None]), np.stack(about, axis=1)], axis=1
    )
    inputs = np.clip(np.nan_to_num(inputs), -_MOST, _MOST).astype(np.float32)
    return Described(inputs, last, centre, scale, ~(swing > 0), low, high, x, day, shifts, unlike)


def filled(values: Floats) -> Floats:
    """The last value carried over gaps; what is before the first stays NaN: `[rows, time]`."""
    rows = np.flatnonzero(np.isnan(values.sum(axis=1)))
    if not len(rows):
        return values
    out = values.copy()
    part = values[rows]
    source = np.where(np.isnan(part), 0, np.arange(values.shape[1], dtype=np.int32))
    np.maximum.accumulate(source, axis=1, out=source)
    out[rows] = np.take_along_axis(part, source, axis=1)
    return out


def _scale(x: Floats, daily: Floats, swing: Floats, reach: Floats, day: int) -> Floats:
    """Half of a day's spread and half of the change from day to day; never below what float32 tells apart.

    Args:
        x: the week, `[rows, time]`.
        daily: quantiles of the last day, `[rows, levels]`.
        swing: highest less lowest of the day, `[rows]`.
        reach: the same of the week, `[rows]`.
        day: columns in a day.
    """
    spread = (daily[:, 4] - daily[:, 2]) * np.float32(0.74)
    apart = spread
    if x.shape[1] > day:
        apart = mean_known(np.abs(x[:, day::7] - x[:, : x.shape[1] - day : 7]), axis=1)
        apart = np.where(np.isnan(apart), spread, apart)
    # a row that did not move for a day may move as far as it did in the week
    share = np.where(swing > 0, np.float32(0.02), np.float32(1))
    floor = share * np.maximum(swing, np.float32(0.25) * reach)
    floor = np.maximum(floor, np.maximum(np.abs(daily[:, 3]) * np.float32(1e-4), _FLOOR))
    scale = np.maximum(np.float32(0.5) * (spread + apart), floor)
    out: Floats = np.where(np.isnan(scale), 1, scale).astype(np.float32)
    return out


def _past_days(x: Floats, day: int, steps: NDArray[np.intp], shifts: NDArray[np.int32] | None) -> Floats:
    """What came after so many steps at the same time on each of the past seven days: `[rows, 7, steps]`."""
    columns = x.shape[1]
    place = columns - 1 + steps - day * np.arange(1, WEEK + 1)[:, None]
    if shifts is None:
        known = (place >= 0) & (place < columns)
        out = x[:, np.where(known, place, 0)]
        out[:, ~known] = np.nan
        return out
    at = place + shifts[:, :, None]
    known = (at >= 0) & (at < columns)
    rows = np.arange(len(x))[:, None, None]
    shifted: Floats = np.where(known, x[rows, np.where(known, at, 0)], np.float32(np.nan))
    return shifted


def _median(values: Floats) -> Floats:
    """The lower median of what is known along the second axis: `[rows, ...]`."""
    count = np.count_nonzero(~np.isnan(values), axis=1)
    ordered = np.sort(values, axis=1)
    place = np.expand_dims(np.maximum(count - 1, 0) // 2, 1)
    out: Floats = np.take_along_axis(ordered, place, axis=1)[:, 0]
    return out


def mean_known(values: Floats, axis: int) -> Floats:
    """The mean of what is known; NaN where nothing is."""
    seen = ~np.isnan(values)
    count = np.count_nonzero(seen, axis=axis).astype(np.float32)
    total = np.where(seen, values, np.float32(0)).sum(axis=axis, dtype=np.float32)
    out: Floats = np.full(total.shape, np.nan, np.float32)
    np.divide(total, count, out=out, where=count > 0)
    return out


def _widened(values: Floats, columns: int) -> Floats:
    """At least so many columns, NaN to the left."""
    missing = columns - values.shape[1]
    return values if missing <= 0 else np.pad(values, ((0, 0), (missing, 0)), constant_values=np.nan)
