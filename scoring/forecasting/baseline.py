"""The baseline: what this series did lately, and at the same time on past days, as one weighted sample.

The last values, the newer the heavier, are pooled with those of the same time one, two, three and seven days ago; the
quantiles of that sample are the forecast. It reads a fixed few values whatever the history, and nothing was trained for
it. What is learned online (who counts beside persistence, how wide the band is) is `online`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from scoring.forecasting.features import Described, Span
from scoring.forecasting.forecasts import LEVELS, Ask, Fitted
from scoring.forecasting.online import Online, restored
from scoring.panels import Floats, Panel

LATELY = 32
"""Values of the recent past that are pooled."""
_HALF_FORGOTTEN = 8.0
_DAYS = (0, 1, 2, 6)
_DAYS_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Baseline:
    """The forecaster."""

    name: str = "baseline"

    def fit(self, panel: Panel, ask: Ask) -> Fitted:
        """Walk through the panel's past, then stand at its end."""
        return Online.none(self.name, PastValues(), len(panel.series)).after(panel, ask)

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> Fitted | None:
        """What was learned before; None if it is not of this kind."""
        return restored(self.name, PastValues(), arrays, rows)


@dataclass(frozen=True, slots=True)
class PastValues:
    """A model that needs no training: empirical quantiles."""

    name: str = "past values"

    def quantiles(self, rows: Described, spans: Sequence[Span]) -> Floats:
        """Quantiles of every span, in the series' unit, never crossing: `[rows, spans, levels]`."""
        furthest = max(last for _, last in spans)
        days = rows.days(np.arange(1, furthest + 1))[:, _DAYS]
        out = np.empty((len(rows.last), len(spans), len(LEVELS)), np.float32)
        for i, (first, last) in enumerate(spans):
            lately = _highest(rows.past[:, -(LATELY + last - first) :], last - first + 1)
            age = np.arange(lately.shape[1])[::-1]
            weight = np.exp(-age / _HALF_FORGOTTEN).astype(np.float32)
            weight *= (1 - _DAYS_SHARE) / weight.sum()
            then = days[:, :, first - 1 : last].max(axis=2)
            sample = np.concatenate([lately, then], axis=1)
            weights = np.concatenate([weight, np.full(len(_DAYS), _DAYS_SHARE / len(_DAYS), np.float32)])
            out[:, i] = weighted_quantiles(sample, weights)
        return np.where(np.isnan(out), rows.last[:, None, None], out)


def weighted_quantiles(sample: Floats, weights: Floats) -> Floats:
    """The least value at or below which each level's share of the known weight lies: `[rows, levels]`, NaN without any.

    Args:
        sample: `[rows, values]`, NaN where there is none.
        weights: `[values]`.
    """
    order = np.argsort(sample, axis=1)  # NaN goes last
    ordered = np.take_along_axis(sample, order, axis=1)
    weight = np.where(np.isnan(ordered), 0, weights[order])
    share = np.cumsum(weight, axis=1)
    total = share[:, -1:]
    last = np.maximum(np.count_nonzero(weight > 0, axis=1) - 1, 0)
    out = np.empty((len(sample), len(LEVELS)), np.float32)
    index = np.arange(len(sample))
    for j, level in enumerate(LEVELS):
        place = np.count_nonzero(share < np.float32(level) * total, axis=1)
        out[:, j] = ordered[index, np.minimum(place, last)]
    return out


def _highest(values: Floats, width: int) -> Floats:
    """The highest of every `width` neighbouring values: `[rows, time - width + 1]`; of fewer, of all."""
    width = min(width, values.shape[1])
    if width == 1:
        return values
    out: Floats = sliding_window_view(values, width, axis=1).max(axis=2)
    return out
