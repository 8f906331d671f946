"""What the experts say of one origin, before anybody weighs them: centres, the model's band, and what corrects it.

Every forecast of `auto` begins here, in evaluation as in the loop; labels are compared with it when they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.features import WEEK, Described, Span, described, mean_known
from scoring.forecasting.forecasts import MEDIAN, Ask, newest
from scoring.forecasting.regressions import TERMS, bounded
from scoring.panels import Bools, Floats, Panel

BLOCK = 512
"""Rows that are described at once, so that intermediate arrays stay in the processor's cache."""
_SEASONS = 4
"""Past seasons whose same phase is read."""


class Learned(Protocol):
    """A model that was trained on whole fleets."""

    @property
    def name(self) -> str:
        """What it is called where experts are named."""

    def quantiles(self, rows: Described, spans: Sequence[Span]) -> Floats:
        """Quantiles of every span, in the series' unit, never crossing: `[rows, spans, levels]`."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is said of `spans` at one origin.

    Attributes:
        spans: what was asked about.
        quantiles: the model's, `[rows, spans, levels]`, in the series' unit.
        terms: the regression's, of each span's last step, in the row's scale, `[rows, spans, terms]`.
        last, scale: the newest value and the scale, `[rows]`; NaN in `last` where nothing is known.
        low, high: the range of the past week, `[rows]`.
        flat: rows that have not moved for a day, `[rows]`.
    """

    spans: tuple[Span, ...]
    quantiles: Floats
    terms: Floats
    last: Floats
    scale: Floats
    low: Floats
    high: Floats
    flat: Bools


def opinion(
    model: Learned, panel: Panel, ask: Ask, spans: Sequence[Span], periods: NDArray[np.int32]
) -> Opinion:
    """Ask a learned model about every row of a panel, from its last column on.

    Args:
        model: the learned one.
        panel: its last week counts.
        ask: for the day, clock changes and days of another kind.
        spans: what is asked about.
        periods: the season that was found in each row, in columns; 0: none, `[rows]`.
    """
    day = round(ask.day / panel.step)
    week, parts = panel.for_last(WEEK * day), []
    for first in range(0, max(1, len(panel.series)), BLOCK):
        rows = slice(first, first + BLOCK)
        shifts = None if ask.shifts is None else ask.shifts[rows]
        unlike = None if ask.unlike is None else ask.unlike[rows]
        seen = described(_read(week.for_rows(rows)), day=day, shifts=shifts, unlike=unlike)
        quantiles = model.quantiles(seen, spans)
        terms = _terms(seen, spans, quantiles[:, :, MEDIAN], periods[rows])
        parts.append((quantiles, terms, seen.last, seen.scale, seen.low, seen.high, seen.flat))
    return Opinion(tuple(spans), *(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _read(panel: Panel) -> Floats:
    """What models read: nothing censored or masked, but for the newest value, from which they look ahead."""
    x = panel.training
    if x is panel.values:
        return x
    x = x.copy() if x.base is not None else x
    x[:, -1] = newest(panel.values)
    return x


def _terms(rows: Described, spans: Sequence[Span], said: Floats, periods: NDArray[np.int32]) -> Floats:
    """The changes that a regression weighs, in the row's scale: `[rows, spans, terms]`.

    The model's; the profile's own; the way back to it; yesterday's; that of a week ago; the ways back to the levels of
    the last hour and quarter of an hour; the last move; and what a found season says.
    """
    steps = np.array([0, *(last for _, last in spans)])
    days = rows.days(steps)
    usual = mean_known(days, axis=1)
    now, last = usual[:, :1], rows.last[:, None]
    hour = max(1, round(rows.day / 24))
    recent = [rows.past[:, -max(1, hour * part // 12) :].mean(axis=1)[:, None] - last for part in (12, 3)]
    before = rows.past[:, -2:-1] if rows.past.shape[1] > 1 else last
    wide = (said - last).shape
    columns = [
        said - last,
        usual[:, 1:] - now,
        usual[:, 1:] - last,
        days[:, 0, 1:] - days[:, 0, :1],
        days[:, -1, 1:] - days[:, -1, :1],
        *(np.broadcast_to(part, wide) for part in (recent[0], last - before, recent[1])),
        *_seasons_before(rows.past, steps, periods),
    ]
    out = np.empty((*wide, TERMS), np.float32)
    for i, column in enumerate(columns):
        np.divide(column, rows.scale[:, None], out=out[:, :, i])
    return bounded(out)


def _seasons_before(x: Floats, steps: NDArray[np.intp], periods: NDArray[np.int32]) -> tuple[Floats, ...]:
    """What a found season says of each step ahead: `[rows, steps]` each; NaN without one.

    The way to the mean of the same phase in past seasons, the way to the last one's, and that one's own change.
    """
    period = np.maximum(periods, 1)[:, None, None]
    back = -(-steps[1:] // period) + np.arange(_SEASONS)[None, :, None]
    end, row = x.shape[1] - 1, np.arange(len(x))[:, None, None]

    def came(at: NDArray[np.intp]) -> Floats:
        known = (periods > 0)[:, None, None] & (at >= 0)
        return np.where(known, x[row, np.maximum(at, 0)], np.float32(np.nan))

    then = came(end + steps[1:] - period * back)
    before = came(end - period * back[:, :1])[:, 0]
    last = x[:, -1:]
    return mean_known(then, axis=1) - last, then[:, 0] - last, then[:, 0] - before
