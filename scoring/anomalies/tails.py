"""How rare a value of a channel is, by that channel's own past: -log10 of the share of rows that reach it.

Each channel of each series keeps a histogram over log2, of some 2,000 rows and fading. Beyond what two percent reach the tail
is a power law (Hill, Annals of Statistics 1975) with a weak prior, so that values never seen are told apart. The shape is
read from the histogram when something rare has come, and else every sixteenth row: reading is what costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats

LOWEST, PER_OCTAVE, BUCKETS = -4.0, 4, 80
"""Buckets of a quarter of an octave from 1/16 of a spread to 65,536 spreads; what is outside counts as the last."""
FADING = 0.0005
"""Of the weight, per row: 2,000 rows."""
EVERY = 16
SHARES = (0.5, 0.2, 0.1, 0.05)
TAIL = 0.02
_PRIOR_ROWS, _PRIOR_INDEX = 3.0, 0.5
"""The tail begins as that of a power law with this index (1 / alpha), known from so many rows."""
_LEAST_INDEX = 0.02
_HEAVIEST = 15.0
"""The growing weight is scaled back at exp of this."""
_SMALLEST, _LARGEST = np.float32(2.0**LOWEST), np.float32(2.0 ** (LOWEST + BUCKETS / PER_OCTAVE))
_LN2, _LN10 = np.float32(np.log(2)), np.float32(np.log(10))
MOST = np.float32(30)
"""No value is rarer than 1e-30."""


@dataclass(frozen=True, slots=True)
class Tails:
    """Histograms and what was read from them, updated in place.

    Attributes:
        weight: of the rows in each bucket, the highest first, `[series, channels, BUCKETS]`.
        total: of all rows, `[series, channels]`.
        grown: log of the weight of the next row, `[series]`.
        knots: log2 of the values that `SHARES` of the rows reach, and of the tail's beginning, `[series, channels, 5]`.
        base: -log10 of the share that reaches the tail's beginning, `[series, channels]`.
        index: of the tail, natural log per natural log, `[series, channels]`.
    """

    weight: Floats
    total: Floats
    grown: Floats
    knots: Floats
    base: Floats
    index: Floats

    @classmethod
    def none(cls, series: int, channels: int) -> Tails:
        """No row has been seen."""
        return cls(
            np.zeros((series, channels, BUCKETS), np.float32),
            np.zeros((series, channels), np.float32),
            np.zeros(series, np.float32),
            np.full((series, channels, len(SHARES) + 1), LOWEST, np.float32),
            np.zeros((series, channels), np.float32),
            np.full((series, channels), _PRIOR_INDEX, np.float32),
        )

    def rarity(self, rows: slice, octaves: Floats) -> Floats:
        """-log10 of the share of past rows that reached a value, given as `octaves_of` it, `[rows, channels]`."""
        knots, base, index = self.knots[rows], self.base[rows], self.index[rows]
        out = np.zeros_like(octaves)
        below, level = np.full_like(octaves, LOWEST), np.float32(0)
        for i, share in enumerate(SHARES):
            to, upto = knots[..., i], np.float32(-np.log10(share))
            out += (upto - level) * _between(octaves, below, to)
            below, level = to, upto
        to = knots[..., -1]
        out += np.maximum(base - level, 0) * _between(octaves, below, to)
        out += np.maximum(octaves - to, 0) * (_LN2 / _LN10) / index
        return np.minimum(out, MOST)

    def learn(
        self, rows: slice, octaves: Floats, known: Bools, count: NDArray[np.int32], rare: Bools
    ) -> None:
        """Count the newest values; read the shape anew where it is time.

        Args:
            rows: which series.
            octaves: of their channels, `[rows, channels]`.
            known: whether there is a value, `[rows, channels]`.
            count: rows seen, `[rows]`.
            rare: where a channel reached its tail, which has changed by that, `[rows]`.
        """
        weight, total, grown = self.weight[rows], self.total[rows], self.grown[rows]
        seen = known.any(axis=1)
        bucket = ((octaves - np.float32(LOWEST)) * PER_OCTAVE).astype(np.intp)
        bucket = BUCKETS - 1 - np.minimum(bucket, BUCKETS - 1)
        flat = bucket + (np.arange(known.size) * BUCKETS).reshape(known.shape)
        newest = known * np.exp(grown)[:, None]
        weight.reshape(-1)[flat] += newest
        total += newest
        grown += seen * np.float32(FADING)
        heavy = np.flatnonzero(grown > _HEAVIEST)
        if len(heavy):
            lighter = np.exp(-grown[heavy])
            weight[heavy] *= lighter[:, None, None]
            total[heavy] *= lighter[:, None]
            grown[heavy] = 0
        young = count < 4 * EVERY
        due = np.flatnonzero(seen & (young | (count % EVERY == 0)))
        if len(due):
            self._read(due + rows.start, weight[due].cumsum(axis=-1), total[due], grown[due])
        due = np.flatnonzero(seen & rare & ~young & (count % EVERY != 0))
        if len(due):
            self._read_tail(due + rows.start, weight[due].cumsum(axis=-1), total[due], grown[due])

    def _read(self, rows: NDArray[np.intp], above: Floats, total: Floats, grown: Floats) -> None:
        """The knots and the tail of some rows, whose weight at and above each bucket is `above`."""
        for i, share in enumerate(SHARES):
            # the bucket within which the share is reached, and the place in it
            wanted = (np.float32(share) * total)[..., None]
            full = np.minimum((above < wanted).sum(axis=-1), BUCKETS - 1)[..., None]
            top = np.take_along_axis(above, full, -1)
            over = np.where(full > 0, np.take_along_axis(above, np.maximum(full - 1, 0), -1), 0)
            part = (top - wanted) / np.maximum(top - over, np.float32(1e-30))
            place = (BUCKETS - 1 - full) + np.clip(part, 0, 1)
            self.knots[rows, :, i] = LOWEST + place[..., 0] / PER_OCTAVE
        self._read_tail(rows, above, total, grown)

    def _read_tail(self, rows: NDArray[np.intp], above: Floats, total: Floats, grown: Floats) -> None:
        """The tail alone: what is above the bucket within which two percent are reached."""
        one = np.exp(grown)[:, None]
        inside = above < TAIL * total[..., None]
        edge = np.minimum(inside.sum(axis=-1), BUCKETS - 1)
        # mean excess over the edge: each bucket's weight lies half a bucket above its lower end
        heights = np.where(inside, above, np.float32(0)).sum(axis=-1)
        beyond = np.take_along_axis(above, np.maximum(edge - 1, 0)[..., None], -1)[..., 0] * (edge > 0)
        excess = np.maximum(heights - beyond / 2, 0) / PER_OCTAVE * _LN2
        index = (excess + _PRIOR_ROWS * _PRIOR_INDEX * one) / (beyond + _PRIOR_ROWS * one)
        begin = LOWEST + (BUCKETS - edge) / PER_OCTAVE
        self.knots[rows, :, -1] = np.maximum(begin, self.knots[rows, :, -2])
        self.index[rows] = np.maximum(index, _LEAST_INDEX)
        self.base[rows] = -np.log10((beyond + one / 2) / (total + one))


def octaves_of(values: Floats) -> Floats:
    """log2 of what channels say (0 and more), within the buckets; of NaN it is the lowest."""
    with np.errstate(invalid="ignore"):
        within = np.minimum(np.fmax(values, _SMALLEST), _LARGEST)
    out: Floats = np.log2(within)
    return out


def _between(x: Floats, low: Floats, high: Floats) -> Floats:
    """How far `x` is on the way from `low` to `high`, 0..1."""
    width = np.maximum(high - low, np.float32(1e-6))
    out: Floats = np.minimum(np.maximum((x - low) / width, 0), 1)
    return out
