"""Running sums of a backtest: what must be kept of millions of forecasts to judge them.

A month of a thousand series at every step is too much to keep; sums per series and horizon are not. The owner of a
tally adds to it in place and reads its `Scores` at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from scoring.evaluation.measures import (
    EVEN,
    Doubles,
    at_levels,
    bias,
    mase,
    over,
    pinball,
    relative_mae,
    share,
    weighted_quantile_loss,
)
from scoring.forecasting.forecasts import LEVELS, LOWER, MEDIAN, UPPER, Forecast
from scoring.panels import Bools, Floats

GUARD = LEVELS.index(0.98)
"""The quantile of the maximum that replicas hang on."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """How well a forecaster did on each series; NaN where a series has no points.

    Attributes:
        model: the forecaster's name.
        step: seconds per grid step.
        steps: grid steps ahead of each curve point.
        peaks: lead times in grid steps whose maximum was forecast.
        points: scored points, `[series, steps]`.
        relative_mae, mase, wql, bias, coverage: `[series, steps]`, as in `measures`; coverage of P10 to P90.
        unforecast: share of points at which it had no forecast and the last value stood in, `[series, steps]`.
        exceedance: share of windows whose maximum exceeded its Q.98, `[series, peaks]`; `windows` how many there were.
        persistence_mase, persistence_wql, persistence_bias: of the last value on the same points, `[series, steps]`.
        seconds: what one origin took on average, following it and forecasting all series from it.
    """

    model: str
    step: float
    steps: tuple[int, ...]
    peaks: tuple[int, ...]
    points: NDArray[np.int64]
    relative_mae: Doubles
    mase: Doubles
    wql: Doubles
    bias: Doubles
    coverage: Doubles
    unforecast: Doubles
    exceedance: Doubles
    windows: NDArray[np.int64]
    persistence_mase: Doubles
    persistence_wql: Doubles
    persistence_bias: Doubles
    seconds: float

    @property
    def series_per_second(self) -> float:
        """Series forecast per second, all horizons and quantiles of each; NaN if no time was taken."""
        return len(self.points) / self.seconds if self.seconds > 0 else float("nan")

    def for_rows(self, rows: NDArray[np.intp]) -> Scores:
        """The scores of some series; the time is their share of it."""
        arrays = {
            one.name: value[rows]
            for one in fields(self)
            if isinstance(value := getattr(self, one.name), np.ndarray)
        }
        seconds = self.seconds * len(rows) / max(1, len(self.points))
        return replace(self, seconds=seconds, **arrays)  # type: ignore[arg-type] # every array is of series


@dataclass(frozen=True, slots=True, eq=False)
class Came:
    """What came after one origin.

    Attributes:
        values: `[series, steps]`, NaN where it was not observed or only a lower bound.
        maxima: `[series, peaks]`, NaN where any value of the window is.
    """

    values: Floats
    maxima: Floats


class Tally:
    """Sums per series and horizon; changed in place by its one owner."""

    def __init__(self, rows: int, steps: int, peaks: int) -> None:
        self._points = np.zeros((rows, steps), np.int64)
        self._missing = np.zeros((rows, steps), np.int64)
        self._covered = np.zeros((rows, steps), np.int64)
        self._size, self._error, self._signed = (np.zeros((rows, steps)) for _ in range(3))
        self._last_error, self._last_signed = np.zeros((rows, steps)), np.zeros((rows, steps))
        self._loss = np.zeros((rows, steps, len(EVEN)))
        self._windows = np.zeros((rows, peaks), np.int64)
        self._exceeded = np.zeros((rows, peaks), np.int64)

    def add(self, forecast: Forecast, last: Floats, came: Came) -> None:
        """Count one origin: every point that came and for which there is a last value.

        Args:
            forecast: of all series, for the steps and peaks of `came`.
            last: persistence's forecast, `[series]`.
            came: what came.
        """
        y = came.values.astype(np.float64)
        now = last.astype(np.float64)[:, None]
        scored: Bools = np.isfinite(y + now)
        quantiles = forecast.curve.astype(np.float64)
        missing = np.isnan(quantiles).any(axis=-1)
        quantiles = np.where(np.expand_dims(missing, -1), now[..., None], quantiles)
        middle = quantiles[..., MEDIAN]
        self._points += scored
        self._missing += scored & missing
        self._covered += scored & (quantiles[..., LOWER] <= y) & (y <= quantiles[..., UPPER])
        self._size += np.where(scored, np.abs(y), 0)
        self._error += np.where(scored, np.abs(middle - y), 0)
        self._signed += np.where(scored, middle - y, 0)
        self._last_error += np.where(scored, np.abs(now - y), 0)
        self._last_signed += np.where(scored, now - y, 0)
        self._loss += np.where(
            np.expand_dims(scored, -1), pinball(y, at_levels(quantiles, LEVELS, EVEN), EVEN), 0
        )
        self._add_maxima(forecast, last, came.maxima)

    def _add_maxima(self, forecast: Forecast, last: Floats, maxima: Floats) -> None:
        guard = forecast.peaks[..., GUARD]
        guard = np.where(np.isnan(guard), last[:, None], guard)
        scored = ~np.isnan(maxima) & ~np.isnan(guard)
        self._windows += scored
        self._exceeded += scored & (maxima > guard)

    def scores(
        self,
        model: str,
        *,
        step: float,
        steps: tuple[int, ...],
        peaks: tuple[int, ...],
        scale: Doubles,
        seconds: float,
    ) -> Scores:
        """What the sums say.

        Args:
            model: the forecaster's name.
            step: seconds per grid step.
            steps: grid steps of the curve's points.
            peaks: grid steps of the lead times.
            scale: MASE's, `[series]`.
            seconds: time taken for one origin on average.
        """
        points, size = self._points, np.where(self._points > 0, self._size, np.nan)
        return Scores(
            model=model,
            step=step,
            steps=steps,
            peaks=peaks,
            points=points.copy(),
            relative_mae=relative_mae(self._error, self._last_error, size),
            mase=mase(over(self._error, points), scale[:, None]),
            wql=weighted_quantile_loss(self._loss, size),
            bias=bias(self._signed, size),
            coverage=share(self._covered, points),
            unforecast=share(self._missing, points),
            exceedance=share(self._exceeded, self._windows),
            windows=self._windows.copy(),
            persistence_mase=mase(over(self._last_error, points), scale[:, None]),
            persistence_wql=over(self._last_error, size),
            persistence_bias=bias(self._last_signed, size),
            seconds=seconds,
        )
