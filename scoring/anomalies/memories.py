"""All that the detector remembers of each series, and one row's learning: what is streamed, a slice of rows at a time.

Causal: a row is judged by what came before it, then remembered. The arrays are updated in place, for a fleet's are large;
`for_rows` gives those of another fleet.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies import channels, levels
from scoring.anomalies.codebooks import Codebooks
from scoring.anomalies.levels import Levels
from scoring.anomalies.recurrences import recurrences
from scoring.anomalies.signals import SPAN, Signals, restlessness, signals
from scoring.anomalies.tails import Tails, octaves_of
from scoring.panels import Bools, Floats, at_rows

RARE = np.float32(-np.log10(0.02))
"""From here on a channel is in its tail."""
ABRUPT = np.float32(1)
"""A change or a deviation from the last rows that one row in ten reaches is abrupt."""
OUTAGE_SHARE, OUTAGE = np.float32(0.1), np.float32(2.45)
"""Less than a tenth of the least that was seen is an outage, however restless the series: so many decades at least."""
STEADY_SHARE = np.float32(0.2)
"""Of a series only whose least is no less than this share of its level: for the others nothing is ordinary."""
_FORGOTTEN = np.float32(1 / 20_000)
"""So much nearer to the newest value the least that was seen comes with each row."""
AWAKE = 24
"""So many rows after its first move a series is not judged: a constant zero has no measure for it."""
STILL = np.float32(2)
"""So many of the least spreads of a signal that hardly moves count for nothing."""
CHUNK = 1024
"""Rows that are worked on at a time: what they need stays in the cache."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered, updated in place.

    Attributes:
        count: rows seen, `[series]`.
        judged: rows that could be compared with others, `[series]`.
        awake: rows since the series first moved, `[series]`.
        slot: the grid column last learned, -1: none, `[series]`.
        lowest: the least value of late, NaN before the first, `[series]`.
        levels: the ordinary size of each signal, and what it was lately.
        books: the values, six-row means and changes that have come.
        tails: of each channel.
    """

    count: NDArray[np.int32]
    judged: NDArray[np.int32]
    awake: NDArray[np.int32]
    slot: NDArray[np.int64]
    lowest: Floats
    levels: Levels
    books: Codebooks
    tails: Tails

    @classmethod
    def none(cls, series: int) -> Memory:
        """Nothing is remembered."""
        return cls(
            count=np.zeros(series, np.int32),
            judged=np.zeros(series, np.int32),
            awake=np.zeros(series, np.int32),
            slot=np.full(series, -1, np.int64),
            lowest=np.full(series, np.nan, np.float32),
            levels=Levels.none(series),
            books=Codebooks.none(series, levels.CHANGE + 1),
            tails=Tails.none(series, channels.COUNT),
        )

    def for_rows(self, rows: NDArray[np.intp]) -> Memory:
        """This memory for other series: their old rows, or -1 for what is new."""
        blank = Memory.none(1)
        picked: Memory = _picked(self, blank, rows)
        return picked

    def learn(
        self, rows: slice, window: Floats, seen: Bools, day: int, others: Floats, weight: Floats
    ) -> tuple[Floats, Bools]:
        """Judge and remember the newest column of some series.

        Args:
            rows: which series.
            window: their past and present, newest last, `[rows, columns]`, NaN where not observed; at least `SPAN` columns.
            seen: whose newest column counts; the others stay as they are and are NaN, `[rows]`.
            day: columns of a day.
            others: residuals of the forecast, in sigmas, and of what the companions let expect, in any unit: `[rows, 2]`,
                NaN where they say nothing.
            weight: of each channel, `[channels]`.

        Returns:
            How rare the row is, in decades, NaN where there is none; and whether it came at once, not by and by: `[rows]`.
        """
        with np.errstate(over="ignore"):  # what is too large to be squared is rare enough
            return self._learned(rows, window, signals(window[:, -SPAN:], seen), day, others, weight)

    def _learned(
        self, rows: slice, window: Floats, now: Signals, day: int, others: Floats, weight: Floats
    ) -> tuple[Floats, Bools]:
        """`learn` with the signals of the newest column."""
        known = ~np.isnan(now.value)
        self.count[rows] += known
        count = self.count[rows]
        # 1 each channel, by what is remembered
        x, sizes, still = self._sized(rows, now, others)
        out = self._said(rows, x, sizes, count, recurrences(window, day, now.value, now.mean))
        out[:, channels.FORECAST] = np.where(known, np.abs(others[:, 0]), np.float32(np.nan))
        # of a constant, what is within two percent is no event
        out = np.where(still, np.maximum(out - STILL, 0), out)
        # 2 how rare each is, and all of them together
        octaves, there = octaves_of(out), ~np.isnan(out)
        rarity = np.where(there, self.tails.rarity(rows, octaves), np.float32(np.nan))
        decades = channels.joined(rarity, weight, weekly=window.shape[1] > 7 * day)
        decades = np.where(known, self._told(rows, now.value, decades), np.float32(np.nan))
        abrupt: Bools = np.any(rarity[:, [channels.FAST, channels.CHANGE]] >= ABRUPT, axis=1)
        # 3 remember
        self.tails.learn(rows, octaves, there, count, np.any(rarity > RARE, axis=1))
        self.levels.learn(rows, x)
        self.judged[rows] += ~np.isnan(decades)
        least = self.lowest[rows]
        nearer = least + _FORGOTTEN * (now.value - least)
        self.lowest[rows] = np.where(known, np.fmin(nearer, now.value), least)
        return decades, abrupt

    def _sized(self, rows: slice, now: Signals, others: Floats) -> tuple[Floats, Floats, Bools]:
        """The signals and their sizes, `[rows, SIGNALS]`, and whose channels are of a signal that hardly moves, `[rows, channels]`."""
        known = ~np.isnan(now.value)
        sizes, least = self.levels.sizes(rows)
        # a constant zero has no spreads: it is ordinary, and so is its first move
        idle = np.isnan(sizes) & (self.levels.count[rows] > 1)
        sizes[idle] = np.inf
        self.awake[rows] += known & ~idle[:, levels.VALUE]
        x = np.empty_like(sizes)
        x[:, levels.VALUE], x[:, levels.MEAN], x[:, levels.CHANGE] = now.value, now.mean, now.change
        x[:, levels.FAST] = x[:, levels.SLOW] = now.value
        x[:, levels.RESTLESS] = restlessness(now.restless, sizes[:, levels.VALUE])
        x[:, levels.COMPANIONS] = np.where(known, others[:, 1], np.float32(np.nan))
        still = least[:, channels.SIGNAL]
        still[:, channels.FORECAST] = False  # told in sigmas of its own
        return x, sizes, still

    def _said(
        self,
        rows: slice,
        x: Floats,
        sizes: Floats,
        count: NDArray[np.int32],
        before: tuple[Floats, Floats, Floats],
    ) -> Floats:
        """What the channels say, in spreads, but for the forecast's: `[rows, channels]`; `before` are `recurrences`."""
        out = np.full((len(x), channels.COUNT), np.nan, np.float32)
        value, size = x[:, levels.VALUE], sizes[:, levels.VALUE]
        three = slice(0, levels.CHANGE + 1)
        novelty, low, high = self.books.meet(rows, x[:, three], sizes[:, three], count)
        out[:, channels.OUTSIDE] = np.maximum(np.maximum(value - high, low - value), 0) / size
        out[:, [channels.NOVEL, channels.NOVEL_MEAN, channels.CHANGE]] = novelty
        daily, daily_mean, weekly = before
        out[:, channels.DAILY], out[:, channels.WEEKLY] = daily / size, weekly / size
        out[:, channels.DAILY_MEAN] = daily_mean / sizes[:, levels.MEAN]
        away = self.levels.deviations(rows, x, sizes)
        out[:, channels.FAST : channels.RESTLESS + 1] = away[:, levels.FAST : levels.RESTLESS + 1]
        out[:, channels.COMPANIONS] = away[:, levels.COMPANIONS]
        return out

    def _told(self, rows: slice, value: Floats, decades: Floats) -> Floats:
        """The figure, which two things are told apart from: an outage, and the first rows of a series that stood still."""
        usual, least = self.levels.centre[rows, levels.SLOW], self.lowest[rows]
        outage = (usual > 0) & (least > STEADY_SHARE * usual) & (value < OUTAGE_SHARE * least)
        figure = np.where(self.awake[rows] < AWAKE, np.minimum(decades, 0), decades)
        return np.where(outage, np.maximum(figure, OUTAGE), figure)

    def put(self, rows: NDArray[np.intp], part: Memory) -> None:
        """Take over what `part`, which was `for_rows(rows)`, has learned meanwhile."""
        _put(self, part, rows)


def _put(value: Any, part: Any, rows: NDArray[np.intp]) -> None:
    for f in fields(value):
        own, new = getattr(value, f.name), getattr(part, f.name)
        if isinstance(own, np.ndarray):
            own[rows] = new
        else:
            _put(own, new, rows)


def _picked(value: Any, blank: Any, rows: NDArray[np.intp]) -> Any:
    """A dataclass of arrays for other rows; `blank` has one row of what is new."""
    picked = []
    for f in fields(value):
        own, new = getattr(value, f.name), getattr(blank, f.name)
        if isinstance(own, np.ndarray):
            taken = at_rows(own, rows, 0)
            taken[rows < 0] = new[0]
            picked.append(taken)
        else:
            picked.append(_picked(own, new, rows))
    return type(value)(*picked)
