"""The rolling origin: a forecaster walks over a recorded fleet exactly as the scorer would have walked it.

Every step of the last part is an origin, at which the forecaster holds a window that ends there and nothing else;
what came later is read by the judge alone. The stretch before is walked too, without its answers counting, so that
what a forecaster learns online is as warm as it is in service.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from scoring.evaluation.measures import Doubles, seasonal_scale
from scoring.evaluation.tallies import Came, Scores, Tally
from scoring.forecasting.forecasts import DAY, Ask, Fitted, Forecaster, checked, newest
from scoring.panels import Floats, Panel

WINDOW = 2016
"""Columns that a forecaster holds in the loop: a week of five minutes."""
SHARE = 0.3
LEADS = (300.0, 600.0, 1800.0)
"""Lead times whose maximum is judged, in seconds."""


@dataclass(frozen=True, slots=True)
class Split:
    """How a trace is divided, in columns.

    Attributes:
        begin: the first origin; all before and including it may be learned from at once, and what is trained before
            the walk may see the columns before it only.
        first: the first origin that counts; MASE's scale is taken before it.
        end: one behind the last origin.
    """

    begin: int
    first: int
    end: int

    @classmethod
    def of(cls, columns: int, *, share: float = SHARE, warm: int = WINDOW) -> Split:
        """The last `share` of the columns counts; before it up to `warm` columns, at most half of what is there."""
        first = max(0, columns - max(1, round(columns * share)))
        return cls(max(0, first - min(warm, first // 2)), first, columns)

    def past(self, panel: Panel) -> Panel:
        """What may be trained on before the walk: nothing that it is warmed or judged on."""
        return until(panel, self.begin, panel.values.shape[1])


def backtest(
    forecaster: Forecaster,
    panel: Panel,
    ask: Ask,
    *,
    timer: Callable[[], float],
    split: Split | None = None,
    every: int = 1,
    window: int = WINDOW,
    progress: Callable[[float], None] = lambda _: None,
) -> Scores:
    """Walk a forecaster over a panel and judge each of its forecasts by what came, beside persistence.

    A point counts if it was observed, was not censored and there is a last value to carry forward; persistence is
    judged on just the same points. A forecast that is missing there counts as the last value, and as unforecast.

    Args:
        forecaster: is fitted on the window at the first origin and follows from there.
        panel: the whole trace, `[series, time]`.
        ask: what is forecast: `ask_of` makes it for a panel.
        timer: seconds that only grow; read around the following and the forecasting of the origins that count.
        split: what counts; None: the last 30 %, after a week of walking.
        every: of the origins that count every so many-th is forecast; the forecaster follows each.
        window: columns that it holds at each origin.
        progress: is told the share that is done, often.

    Raises:
        ValueError: the forecaster answered in another shape than was asked.
    """
    split = split or Split.of(panel.values.shape[1])
    truth = _Truth.of(panel, ask)
    tally = Tally(len(panel.series), len(ask.steps), len(ask.peaks))
    fitted: Fitted | None = None
    following, forecasting = [], []
    for origin in range(split.begin, split.end):
        seen = until(panel, origin + 1, window)
        began = timer()
        fitted = forecaster.fit(seen, ask) if fitted is None else fitted.after(seen, ask)
        followed = timer()
        if origin > max(split.begin, split.first - 1):  # the first fit is no cycle's work
            following.append(followed - began)
        if origin >= split.first and (origin - split.first) % every == 0:
            forecast = fitted.forecast(seen, ask)
            forecasting.append(timer() - followed)
            tally.add(checked(forecast, seen, ask), newest(seen.values), truth.after(origin))
        progress((origin + 1 - split.begin) / (split.end - split.begin))
    return tally.scores(
        forecaster.name,
        step=panel.step,
        steps=ask.steps,
        peaks=ask.peaks,
        scale=_scale(panel, split, ask),
        seconds=_mean(following) + _mean(forecasting),
    )


def ask_of(
    panel: Panel, steps: tuple[int, ...], *, leads: tuple[float, ...] = LEADS, day: float = DAY
) -> Ask:
    """What is asked of a panel: a curve of these steps, and the maxima over these lead times, in seconds."""
    peaks = tuple(sorted({max(1, round(lead / panel.step)) for lead in leads}))
    lead = np.full(len(panel.series), peaks[len(peaks) // 2] if peaks else 1, np.int32)
    return Ask(steps=tuple(sorted(steps)), lead=lead, day=day, peaks=peaks)


def until(panel: Panel, end: int, columns: int) -> Panel:
    """The last `columns` columns before column `end`, as a copy: behind it there is no memory to look into."""
    kept = panel.for_columns(max(0, end - columns), end)
    return replace(kept, values=kept.values.copy(), censored=kept.censored.copy())


@dataclass(frozen=True, slots=True, eq=False)
class _Truth:
    """What the judge knows: values that count `[series, time]`, and the maxima of the columns after each."""

    values: Floats
    maxima: tuple[Floats, ...]
    ask: Ask

    @classmethod
    def of(cls, panel: Panel, ask: Ask) -> _Truth:
        values = np.where(panel.censored, np.float32(np.nan), panel.values)
        return cls(values, tuple(_maxima(values, peak) for peak in ask.peaks), ask)

    def after(self, origin: int) -> Came:
        rows, columns = self.values.shape
        came = np.full((rows, len(self.ask.steps)), np.nan, np.float32)
        for i, step in enumerate(self.ask.steps):
            if origin + step < columns:
                came[:, i] = self.values[:, origin + step]
        highest = np.full((rows, len(self.ask.peaks)), np.nan, np.float32)
        for i, maxima in enumerate(self.maxima):
            if origin < maxima.shape[1]:
                highest[:, i] = maxima[:, origin]
        return Came(came, highest)


def _maxima(values: Floats, ahead: int) -> Floats:
    """The maximum of the `ahead` columns after each column, NaN if any of them is a gap: `[rows, time - ahead]`."""
    if values.shape[1] <= ahead:
        return np.empty((len(values), 0), np.float32)
    highest: Floats = sliding_window_view(values[:, 1:], ahead, axis=1).max(axis=-1)
    return highest


def _scale(panel: Panel, split: Split, ask: Ask) -> Doubles:
    return seasonal_scale(panel.values[:, : split.first], max(1, round(ask.day / panel.step)))


def _mean(seconds: Sequence[float]) -> float:
    return sum(seconds) / len(seconds) if seconds else 0.0
