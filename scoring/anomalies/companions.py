"""A moment of one metric, described beside the other metrics of its target, for a model that fits any target.

All of it is relative: to the metric's own newest past value and in steps of its own usual movement, so that one model reads
smooth and rough metrics, and two of them as well as forty. The newest value of the metric itself is nowhere in it: that
is what is to be expected. Nothing is learned here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Floats

LAGS = 24
"""So many values before the newest are looked at."""
OWN_INPUTS = (
    "level", "back_2", "back_3", "back_6", "back_12", "mean_6", "mean_24", "lowest", "highest", "rough_6", "rough_24",
)  # fmt: skip
"""What a metric's own past says."""
NAMES = (
    *OWN_INPUTS, "others", "others_moved", "others_rose", "others_fell", "others_away", "others_stirred", "alike_moved",
    "alike_level", "likest_moved", "likest_level", "likeness_moved", "likeness_level", "hour_sin", "hour_cos",
)  # fmt: skip
"""What each input is."""
TOGETHER = 32
"""Metrics of a target beyond so many are compared with each other in lots: their pairs would be too many."""
_FLOOR = np.float32(0.02)
_MOST = np.float32(50)
_TINY = np.float32(1e-6)


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Described metrics; rows are series.

    Attributes:
        inputs: float32 `[series, len(NAMES)]`, NaN where not known.
        last: the newest value before now, `[series]`; NaN where there is none.
        moved: what came now less `last`, in units of `scale`, `[series]`; NaN where either is unknown.
        scale: the metric's usual movement from row to row, `[series]`.
        judged: whether the metric and another one of its target are known now, `[series]`.
    """

    inputs: Floats
    last: Floats
    moved: Floats
    scale: Floats
    judged: NDArray[np.bool_]


def described(recent: Floats, first_row: NDArray[np.intp], hours: Floats) -> Moments:
    """Describe the newest moment of every metric.

    Args:
        recent: standardised values, newest last, NaN where not observed, `[series, lags]`.
        first_row: where each target's series begin, and the end, `[targets + 1]`.
        hours: local hour of the newest value, 0..24, `[series]`.
    """
    own = _Own.of(np.where(np.isfinite(recent), recent, np.float32(np.nan)))
    others = _others(own, first_row)
    alike = _alike(own, first_row)
    angle = hours * np.float32(np.pi / 12)
    inputs = np.concatenate(
        [own.inputs, others, alike, np.sin(angle)[:, None], np.cos(angle)[:, None]], axis=1
    )
    count = np.add.reduceat(np.append(own.known, False), first_row[:-1], dtype=np.intp)
    judged = own.known & (np.repeat(count, np.diff(first_row)) > 1)
    bounded: Floats = np.clip(inputs, -_MOST, _MOST).astype(np.float32)
    return Moments(bounded, own.last, own.moved, own.scale, judged)


@dataclass(frozen=True, slots=True, eq=False)
class _Own:
    """Each series by itself: what it did, and how far it moved now.

    Attributes:
        inputs: `[series, 11]`.
        last, scale, moved: as in `Moments`.
        known: whether both the newest value and one before it are known.
        away: the newest value less the past mean, in units of `scale`; NaN where not known.
        changes, values: past changes and past values about their mean, of length 1, `[series, LAGS]`; 0 where not known.
        swing_changes, swing_values: the lengths that they had, in units of `scale`.
        mean: the past mean less `last`, in units of `scale`.
    """

    inputs: Floats
    last: Floats
    scale: Floats
    moved: Floats
    known: NDArray[np.bool_]
    away: Floats
    changes: Floats
    values: Floats
    swing_changes: Floats
    swing_values: Floats
    mean: Floats

    @classmethod
    def of(cls, recent: Floats) -> _Own:
        now = recent[:, -1] if recent.shape[1] else np.full(len(recent), np.nan, np.float32)
        past = _padded(recent[:, :-1])
        last = _newest(past)
        seen = ~np.isnan(past)
        level = np.where(seen, past - last[:, None], np.float32(0))
        counts = np.cumsum(seen[:, ::-1], axis=1, dtype=np.float32)
        sums = np.cumsum(level[:, ::-1], axis=1, dtype=np.float32)
        steps = np.diff(past, axis=1)
        moves = np.abs(steps)
        rough_24, rough_6 = _mean(moves), _mean(moves[:, -6:])
        scale: Floats = np.maximum(np.where(np.isnan(rough_24), np.float32(1), rough_24), _FLOOR)
        means: Floats = (sums / np.maximum(counts, 1)).astype(np.float32)
        mean_6, mean = means[:, 5], means[:, -1]
        apart = past - last[:, None]
        relative = np.stack(
            [*(apart[:, -k] for k in (2, 3, 6, 12)), mean_6, mean, level.min(axis=1), level.max(axis=1)],
            axis=1,
        )
        inputs = np.concatenate(
            [last[:, None], relative / scale[:, None], (rough_6 / scale)[:, None], np.log(scale)[:, None]],
            axis=1,
        )
        moved = (now - last) / scale
        centred = np.where(seen, level - mean[:, None], np.float32(0))
        values, swing_values = _unit(centred)
        known_steps = ~np.isnan(steps)
        changes, swing_changes = _unit(np.where(known_steps, steps, np.float32(0)))
        return cls(
            inputs, last, scale, moved, ~np.isnan(moved), moved - mean / scale,
            changes, values, swing_changes / scale, swing_values / scale, mean / scale,
        )  # fmt: skip


def _others(own: _Own, first_row: NDArray[np.intp]) -> Floats:
    """What the target's other metrics do now, all together: `[series, 6]`."""
    sizes = np.diff(first_row)
    of = np.repeat(np.arange(len(sizes)), sizes)
    starts = first_row[:-1]
    count = _sum(own.known.astype(np.float32), starts)[of] - own.known
    some = count > 0
    safe = np.maximum(count, 1)

    def mean(values: Floats) -> Floats:
        filled = np.where(own.known, values, np.float32(0))
        out: Floats = np.where(some, (_sum(filled, starts)[of] - filled) / safe, np.float32(np.nan))
        return out

    moved = np.clip(own.moved, -_MOST, _MOST)
    rose = _largest_of_others(np.where(own.known, moved, -np.inf).astype(np.float32), starts, of)
    fell = -_largest_of_others(np.where(own.known, -moved, -np.inf).astype(np.float32), starts, of)
    unknown = np.float32(np.nan)
    return np.stack(
        [
            np.log1p(count),
            mean(moved),
            np.where(some, rose, unknown),
            np.where(some, fell, unknown),
            mean(np.clip(own.away, -_MOST, _MOST)),
            mean(np.minimum(np.abs(moved), 10)),
        ],
        axis=1,
    ).astype(np.float32)


def _alike(own: _Own, first_row: NDArray[np.intp]) -> Floats:
    """What the metrics that moved with this one in the past let expect of it: `[series, 6]`."""
    out = np.full((len(own.known), 6), np.nan, np.float32)
    starts, sizes = _lots(first_row)
    for size in np.unique(sizes[sizes > 1]):
        rows = starts[sizes == size][:, None] + np.arange(size)
        known = own.known[rows]
        both = known[:, None, :] & ~np.eye(size, dtype=np.bool_)
        moved = np.where(known, np.clip(own.moved[rows], -_MOST, _MOST), 0)
        away = np.where(known, np.clip(own.away[rows], -_MOST, _MOST), 0)
        parts = []
        for unit, swing, now, offset in (
            (own.changes[rows], own.swing_changes[rows], moved, np.zeros_like(moved)),
            (own.values[rows], own.swing_values[rows], away, own.mean[rows]),
        ):
            like = unit @ unit.transpose(0, 2, 1)
            weight = np.where(both, like * like, np.float32(0))
            # the slope of one on the other is their likeness times the ratio of their swings
            reach = like * (swing[:, :, None] / np.maximum(swing[:, None, :], np.float32(0.1)))
            said = np.clip(reach * now[:, None, :], -_MOST, _MOST) + offset[:, :, None]
            best = weight.argmax(axis=2)[:, :, None]
            total = weight.sum(axis=2)
            together = (weight * said).sum(axis=2) / np.maximum(total, _TINY)
            likest = np.take_along_axis(said, best, axis=2)[:, :, 0]
            likeness = np.take_along_axis(like, best, axis=2)[:, :, 0]
            none = ~(total > _TINY)
            parts += [
                np.where(none, np.nan, together),
                np.where(none, np.nan, likest),
                np.where(none, np.nan, likeness),
            ]
        order = (0, 3, 1, 4, 2, 5)
        out[rows] = np.stack([parts[k] for k in order], axis=2)
    return out


def _lots(first_row: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Starts and sizes of targets, the large ones cut into lots of `TOGETHER`."""
    sizes = np.diff(first_row)
    lots = np.maximum(1, -(-sizes // TOGETHER))
    of = np.repeat(np.arange(len(sizes)), lots)
    number = np.arange(len(of)) - np.repeat(np.cumsum(lots) - lots, lots)
    starts = first_row[:-1][of] + number * TOGETHER
    return starts, np.minimum(TOGETHER, first_row[1:][of] - starts)


def _largest_of_others(values: Floats, starts: NDArray[np.intp], of: NDArray[np.intp]) -> Floats:
    """The largest value among a target's other rows; of equal ones one is another's."""
    largest = np.maximum.reduceat(values, starts)
    at = values == largest[of]
    ties = _sum(at.astype(np.float32), starts)
    without = np.where(at, -np.inf, values).astype(np.float32)
    second = np.where(ties > 1, largest, np.maximum.reduceat(without, starts))
    out: Floats = np.where(at, second[of], largest[of])
    return out


def _sum(values: Floats, starts: NDArray[np.intp]) -> Floats:
    out: Floats = np.add.reduceat(values, starts)
    return out


def _padded(past: Floats) -> Floats:
    """Exactly `LAGS` columns, NaN to the left."""
    missing = LAGS - past.shape[1]
    return past[:, -LAGS:] if missing <= 0 else np.pad(past, ((0, 0), (missing, 0)), constant_values=np.nan)


def _newest(past: Floats) -> Floats:
    """The newest value that is known, `[series]`."""
    seen = ~np.isnan(past[:, ::-1])
    place = past.shape[1] - 1 - seen.argmax(axis=1)
    out: Floats = past[np.arange(len(past)), place]
    return out


def _mean(values: Floats) -> Floats:
    """The mean of what is known, NaN where nothing is."""
    seen = ~np.isnan(values)
    count = seen.sum(axis=1, dtype=np.float32)
    total = np.where(seen, values, np.float32(0)).sum(axis=1, dtype=np.float32)
    out: Floats = np.full(len(values), np.nan, np.float32)
    np.divide(total, count, out=out, where=count > 0)
    return out


def _unit(values: Floats) -> tuple[Floats, Floats]:
    """Rows of length 1 (0 where nothing moved), and the lengths that they had per root of the columns."""
    length = np.sqrt((values * values).sum(axis=1))
    unit: Floats = values / np.maximum(length, _TINY)[:, None]
    swing: Floats = length / np.float32(np.sqrt(values.shape[1]))
    return unit, swing
