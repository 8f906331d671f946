"""Seasonality found, not assumed: after how many columns each row repeats itself, and how well.

A row repeats itself after p columns if values p apart are alike, and more so than values that are somewhat nearer or
farther apart: a slow series is alike at every short distance and has no season. So autocorrelation is judged against its
own mean around each lag. The shortest lag that repeats nearly as well as the best, of which it is a part, is the period:
multiples do not stand for it, and a harmonic that explains less does not either. What was found is then tried on the newer
half of the row, against what a day before would have said.

Run it now and then: a season is a matter of days. Not looked for are several seasons at once and what is longer than a week.
A period that is no whole number of columns is found as the whole number, or its multiple, that repeats best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats

SHORTEST = 4
"""Columns: less has no shape."""
FEWEST_REPEATS = 3
"""A period must fit so often into the row: two alike are chance."""
OFTEN = 6
"""What repeats seldomer must explain more: a walk at random often seems to come back a few times."""
LEAST_SCORE, CLEAR_SCORE = np.float32(0.1), np.float32(0.4)
"""Autocorrelation above its surroundings: what is looked at, and what often repeated is a period whatever the newer half says."""
LEAST_STRENGTH, LEAST_OF_FEW = np.float32(0.15), np.float32(0.3)
NEARLY = np.float32(0.85)
"""A shorter period stands for one of its multiples if it repeats so nearly as well."""
AS_ALIKE = np.float32(0.5)
DAY_BETTER = np.float32(0.7)
"""A day stands for a shorter period if that explains less than this share of what the day explains."""
LEAST_STEP = 0.3
"""A shift of level is taken out if it explains this share of variance."""
_CLOSE, _CLOSE_ALIKE, _BROAD = 0.04, np.float32(0.95), 0.02
"""A smooth peak is broad: of two lags so close, relative to their size, noise decides which is the higher."""
_FEWEST_PAIRS = 24
_MOST_SCALES = np.float32(5)
_BLOCK_CELLS = 260_000
_TINY = np.float32(1e-6)


@dataclass(frozen=True, slots=True)
class Seasons:
    """What was found.

    Attributes:
        period: columns, `[rows]`; 0: none.
        strength: the share of variance around its level that the same phase of the two periods before explains on the
            newer half of the row, weighed on the older: 0..1, `[rows]`; 0 without a period.
    """

    period: NDArray[np.int32]
    strength: Floats


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows in work: values in robust scales, gaps 0; which were observed; whether all were."""

    x: Floats
    seen: Bools
    whole: bool

    def for_rows(self, rows: NDArray[np.intp]) -> _Rows:
        """Some rows alone."""
        return _Rows(self.x[rows], self.seen[rows], self.whole)

    def above_level(self, width: int) -> Floats:
        """Values less the mean of the `width` columns around each, or at the end next to it; gaps 0: `[rows, time]`."""
        columns = self.x.shape[1]
        start = np.clip(np.arange(columns) - width // 2, 0, max(0, columns - width))
        stop = np.minimum(start + width, columns)
        sums = _between(self.x, start, stop)
        counts = (stop - start) if self.whole else np.maximum(_between(self.seen, start, stop), 1)
        above: Floats = self.x - (sums / counts).astype(np.float32)
        return above if self.whole else np.where(self.seen, above, np.float32(0))


def periods(values: Floats, *, day: int) -> NDArray[np.int32]:
    """The dominant period of each row in columns, 4 to `7 * day`, 0 where there is none: see `seasons`."""
    return seasons(values, day=day).period


def seasons(values: Floats, *, day: int) -> Seasons:
    """The dominant period of each row and its strength, from nothing but `values`.

    Trends, shifts of level, spikes and gaps are borne; a row needs three periods, so a daily one three days.

    Args:
        values: `[rows, time]`, NaN for gaps.
        day: columns in a day; of fewer than four nothing is found.
    """
    rows, columns = values.shape
    period, strength = np.zeros(rows, np.int32), np.zeros(rows, np.float32)
    longest = min(7 * day, columns // FEWEST_REPEATS)
    if min(day, longest) < SHORTEST:
        return Seasons(period, strength)
    gappy = np.isnan(values).any(axis=1)
    height = max(1, _BLOCK_CELLS // columns)
    for chosen in (np.flatnonzero(~gappy), np.flatnonzero(gappy)):
        for first in range(0, len(chosen), height):
            block = chosen[first : first + height]
            period[block], strength[block] = _found(_tamed(values[block]), day, longest)
    return Seasons(period, strength)


def _found(rows: _Rows, day: int, longest: int) -> tuple[NDArray[np.int32], Floats]:
    """Periods and strengths of a block of rows."""
    # 1 up to a day; what is slower than a day is level
    lag, score = _candidates(rows.above_level(day), rows, day, min(day, longest))
    period, strength = _tried(rows, lag, score)
    if longest >= day:
        again = np.flatnonzero((period > 0) & (period < day))
        daily = np.full(len(again), day, np.int32)
        other, explained = _tried(rows.for_rows(again), daily, np.zeros(len(again), np.float32))
        better = DAY_BETTER * explained > strength[again]
        period[again[better]], strength[again[better]] = other[better], explained[better]
    # 2 longer: of rows that have none, and, where weeks can be told, of all
    if longest > day:
        rest = np.flatnonzero(period == 0) if longest < 7 * day else np.arange(len(period))
        some = rows.for_rows(rest)
        lag, score = _candidates(some.above_level(7 * day), some, day, longest)
        lag[lag <= day] = 0
        other, explained = _tried(some, lag, score)
        better = NEARLY * explained > strength[rest]
        period[rest[better]], strength[rest[better]] = other[better], explained[better]
    return period, strength


def _tamed(values: Floats) -> _Rows:
    """Rows in robust scales, spikes cut; where one shift of level says more than a trend, it is taken out first."""
    seen = ~np.isnan(values)
    x = _scaled(values, seen)
    shifted, level = _shifted(x, seen)
    if len(shifted):
        x[shifted] = _scaled(np.where(seen[shifted], x[shifted] - level, np.float32(np.nan)), seen[shifted])
    return _Rows(x, seen, bool(seen.all()))


def _scaled(values: Floats, seen: Bools) -> Floats:
    """Values around their median in units of their spread (that of a bell), cut at five of them; gaps 0."""
    count = np.count_nonzero(seen, axis=1)
    ordered = np.sort(values, axis=1)  # NaN goes last
    index = np.arange(len(values))
    lowest, low, middle, high, highest = (
        ordered[index, (count * share).astype(np.intp)] for share in (0.05, 0.25, 0.5, 0.75, 0.95)
    )
    top = np.fmax(ordered[index, np.maximum(count - 1, 0)] - middle, middle - ordered[:, 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.nan_to_num((values - middle[:, None]) / top[:, None])
        spread = np.fmax((high - low) / np.float32(1.349), (highest - lowest) / np.float32(3.29)) / top
        rare = np.sqrt(np.einsum("ij,ij->i", x, x) / count)  # only a few columns differ at all
        scale = np.where(spread > 0, spread, rare)[:, None]
        tamed: Floats = np.nan_to_num(np.clip(x / scale, -_MOST_SCALES, _MOST_SCALES)).astype(np.float32)
    return tamed


def _shifted(x: Floats, seen: Bools) -> tuple[NDArray[np.intp], Floats]:
    """The rows in which one shift of level explains much, and more than a trend; and their level, `[such rows, time]`."""
    columns = x.shape[1]
    t = np.linspace(-1, 1, columns, dtype=np.float32)
    total, count = np.cumsum(x, axis=1, dtype=np.float64), np.cumsum(seen, axis=1, dtype=np.float64)
    whole, all_seen = total[:, -1:], np.maximum(count[:, -1:], 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = (total - count * whole / all_seen) ** 2 / (count * (1 - count / all_seen))
        at = np.nan_to_num(between, nan=0.0, posinf=0.0).argmax(axis=1)
        index = np.arange(len(x))
        variance = np.einsum("ij,ij->i", x, x) - whole[:, 0] ** 2 / all_seen[:, 0]
        step = between[index, at] / variance
        slope = (x @ t - whole[:, 0] * (seen @ t) / all_seen[:, 0]) ** 2 / (seen @ (t * t)) / variance
        rows = np.flatnonzero((step > LEAST_STEP) & (step > slope))
        before = total[rows, at[rows]] / count[rows, at[rows]]
        after = (whole[rows, 0] - total[rows, at[rows]]) / (all_seen[rows, 0] - count[rows, at[rows]])
    level = np.where(np.arange(columns) <= at[rows, None], before[:, None], after[:, None])
    return rows, level.astype(np.float32)


def _candidates(y: Floats, rows: _Rows, day: int, longest: int) -> tuple[NDArray[np.int32], Floats]:
    """The lag at which each row repeats itself best, reduced to its fundamental, and its score; lag 0: none."""
    r = _correlations(y, rows, longest + longest // 2)
    lags = np.arange(SHORTEST, longest + 1)
    # 1 a lag's score: correlation above its mean from half to one and a half of the lag; peaks alone count
    around = _between(r, lags - lags // 2, lags + lags // 2 + 1) / (2 * (lags // 2) + 1)
    alike = r[:, lags]
    scores = alike - around.astype(np.float32)
    peak = (alike >= r[:, lags - 1]) & (alike >= r[:, lags + 1])
    scores = np.where(peak, scores, np.float32(0))
    best = scores.max(axis=1)
    # 2 the shortest that is a whole part of the best (rounding adds up over multiples, and smooth peaks are broad), and
    #   nearly as good, or at least half as good where values are no less alike (on top of a slow season)
    place = scores.argmax(axis=1)[:, None]
    top, share = lags[place], scores / np.maximum(best, _TINY)[:, None]
    good = (share >= NEARLY) | ((share >= AS_ALIKE) & (alike >= np.take_along_axis(alike, place, axis=1)))
    times = np.round(top / lags)
    allowed = np.maximum(np.minimum(times / 2, lags / 8) + 1, _BROAD * top)
    part = np.abs(top - times * lags) <= allowed
    lag = lags[(part & good).argmax(axis=1)]
    # 3 a better one next to it: the best divided, and then a round one
    lag = _nearby(r, lag, np.round(top[:, 0] / np.round(top[:, 0] / lag)), longest)
    parts = np.maximum(1, np.round(day / lag))
    round_one = np.where(lag < day, np.round(day / parts), np.round(lag / day) * day)
    lag = _nearby(r, lag, round_one, longest)
    return np.where(best >= LEAST_SCORE, lag, 0).astype(np.int32), best


def _nearby(r: Floats, lag: NDArray[np.intp], other: NDArray[np.float64], longest: int) -> NDArray[np.intp]:
    """The other lag where it is close and values are nearly as alike, as on a broad peak, else the first: `[rows]`."""
    place = np.clip(other, SHORTEST, longest).astype(np.intp)
    index = np.arange(len(r))
    close = np.abs(place - lag) <= _CLOSE * lag
    return np.where(close & (r[index, place] >= _CLOSE_ALIKE * r[index, lag]), place, lag)


def _correlations(y: Floats, rows: _Rows, most: int) -> Floats:
    """How alike values 0..most columns apart are, ``2 sum(ab) / sum(aa + bb)`` over observed pairs: `[rows, most + 1]`."""
    columns = y.shape[1]
    size = _size(columns + most)
    spectrum = np.fft.rfft(y, size)
    both = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size)[:, : most + 1]
    square, lags = y * y, np.arange(most + 1)
    if rows.whole:
        total = np.cumsum(square, axis=1, dtype=np.float64)
        energy = total[:, columns - 1 - lags] + total[:, -1:]
        energy[:, 1:] -= total[:, :most]
        pairs = np.asarray(columns - lags, np.float64)
    else:
        seen = np.fft.rfft(rows.seen.astype(np.float32), size)
        energy = np.fft.irfft(2 * (np.fft.rfft(square, size) * seen.conj()).real, size)[:, : most + 1]
        pairs = np.fft.irfft(seen.real**2 + seen.imag**2, size)[:, : most + 1]
    known = (pairs > _FEWEST_PAIRS) & (energy > _TINY * columns)
    alike: Floats = np.where(known, 2 * both / np.where(known, energy, 1), 0).astype(np.float32)
    return alike


def _tried(rows: _Rows, lag: NDArray[np.int32], score: Floats) -> tuple[NDArray[np.int32], Floats]:
    """Which lags are periods, else 0, and their strength; `score` is what `_candidates` said of them."""
    strength = np.zeros(len(lag), np.float32)
    for one in np.unique(lag[lag > 0]).tolist():
        same = np.flatnonzero(lag == one)
        strength[same] = _strength(rows.for_rows(same), one)
    often = OFTEN * lag <= rows.x.shape[1]
    explains = strength >= np.where(often, LEAST_STRENGTH, LEAST_OF_FEW)
    holds = (lag > 0) & (explains | (often & (score >= CLEAR_SCORE)))
    return np.where(holds, lag, 0).astype(np.int32), np.where(holds, strength, 0).astype(np.float32)


def _strength(rows: _Rows, lag: int) -> Floats:
    """The share of variance that the two periods before explain on the newer half, 0..1: `[rows]`."""
    above = rows.above_level(lag)
    came, once, seen = above[:, lag:], above[:, :-lag], rows.seen
    said = once.copy()
    said[:, lag:] += above[:, : -2 * lag]
    if rows.whole:
        said[:, lag:] /= 2
    else:
        count = seen[:, :-lag].astype(np.float32)
        count[:, lag:] += seen[:, : -2 * lag]
        said /= np.maximum(count, 1)
        came = np.where(count > 0, came, np.float32(0))
    half = came.shape[1] // 2
    old, new = (came[:, :half], said[:, :half]), (came[:, half:], said[:, half:])
    weight: Floats = np.clip(_dots(*old) / np.maximum(_dots(old[1], old[1]), _TINY), 0, 1).astype(np.float32)
    missed = new[0] - weight[:, None] * new[1]
    explained = 1 - _dots(missed, missed) / np.maximum(_dots(new[0], new[0]), _TINY)
    share: Floats = np.clip(explained, 0, 1).astype(np.float32)
    return share


def _between(
    values: Floats | Bools, start: NDArray[np.integer], stop: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Sums of each row over the columns `start..stop - 1`, one pair after the other: `[rows, pairs]`."""
    total = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=total[:, 1:])
    return np.asarray(total[:, stop] - total[:, start])


def _dots(one: Floats, other: Floats) -> Floats:
    """Row by row inner products: `[rows]`."""
    return np.asarray(np.einsum("ij,ij->i", one, other))


def _size(least: int) -> int:
    """The smallest even product of 2, 3 and 5 that is no less: lengths that transform fast."""
    odd: list[int] = [3**i * 5**j for i in range(5) for j in range(4)]
    return min(one << max(1, (-(-least // one) - 1).bit_length()) for one in odd)
