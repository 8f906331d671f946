"""Prophet, of the extra of that name: a trend with bends and a daily wave, as functions of time alone.

It takes a third of a second and more to fit one series, so a few are fitted in each cycle and each at most once a day,
on the newest week without the last quarter day. By that quarter day, and whatever came since, it is judged: its skill,
and how much its own uncertainty must be widened or narrowed so that four of five values fall between P10 and P90. What
it says of a time does not depend on the newest value: minutes ahead it seldom beats persistence, and says so. Until a
row has been fitted the baseline forecasts it, and `chosen` tells which. The library is imported when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from scoring.forecasting.baseline import Baseline
from scoring.forecasting.envelopes import highest_possible, is_flat, within
from scoring.forecasting.forecasts import LEVELS, LOWER, MEDIAN, UPPER, Ask, Forecast, Forecaster
from scoring.forecasting.quantiles import normal_scale, row_quantiles
from scoring.panels import Floats, Panel, at_rows

Rows = NDArray[np.intp]
Times = NDArray[np.float64]

Engine = Callable[[Times, Floats, Times, float], Floats]
"""Fits one series: times and values `[points]`, times ahead `[columns]`, seconds in a day -> quantiles `[columns, levels]`."""

MOST_DAYS = 7
FEWEST_POINTS = 144
FEWEST_ERRORS = 12
_SAMPLES = 200


def fitted_quantiles(times: Times, values: Floats, ahead: Times, day: float) -> Floats:
    """What the library says, from its own samples of bends to come and of noise.

    Raises:
        ModuleNotFoundError: it is not installed; the message says how it is.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - both take seconds, and most never need them
        from prophet import Prophet as Library  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "prophet is not installed: pip install 'helios-autoscaler[prophet]'"
        ) from error
    state = np.random.get_state()  # noqa: NPY002 - the library draws from what all share: the same panel, the same forecast
    np.random.seed(0)  # noqa: NPY002
    model = Library(
        daily_seasonality=False,
        weekly_seasonality=False,
        yearly_seasonality=False,
        uncertainty_samples=_SAMPLES,
    )
    model.add_seasonality("day", period=day / 86_400, fourier_order=10)
    model.fit(pd.DataFrame({"ds": pd.to_datetime(times, unit="s"), "y": values.astype(np.float64)}))
    samples = model.predictive_samples(pd.DataFrame({"ds": pd.to_datetime(ahead, unit="s")}))["yhat"]
    np.random.set_state(state)  # noqa: NPY002
    quantiles: Floats = np.quantile(samples, LEVELS, axis=1).T.astype(np.float32)
    return quantiles


@dataclass(frozen=True, slots=True)
class Prophet:
    """The forecaster.

    Attributes:
        engine: the library; tests pass another.
        standby: who forecasts rows that were not fitted yet.
        budget: how many series are fitted in one cycle.
        name: what users write.
    """

    engine: Engine = fitted_quantiles
    standby: Forecaster = field(default_factory=Baseline)
    budget: int = 2
    name: str = "prophet"

    def fit(self, panel: Panel, ask: Ask) -> Prophesied:
        """Fit the first few rows."""
        return Prophesied(self, _nothing(len(panel.series), panel, ask)).after(panel, ask)

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> Prophesied | None:
        """What was said of the days ahead, which took long."""
        path, start = arrays.get("path"), arrays.get("start")
        if (
            path is None
            or start is None
            or len(arrays) != 2
            or path.dtype != np.float32
            or start.dtype != np.float64
        ):
            return None
        if path.ndim != 3 or path.shape[::2] != (rows, len(LEVELS)) or start.shape != (rows,):
            return None
        return Prophesied(self, _Paths(path, start))


@dataclass(frozen=True, slots=True, eq=False)
class _Paths:
    """What was said, row by row, of the columns after those it was fitted on.

    Attributes:
        path: quantiles `[rows, columns, levels]`, ascending in the levels; NaN in rows that were not fitted yet.
        start: UNIX seconds of the first column, `[rows]`; NaN: never tried; rows that could not be fitted have no path.
    """

    path: Floats
    start: Times

    def of(self, rows: Rows) -> _Paths:
        """For other rows: each names its former row, or -1."""
        return _Paths(at_rows(self.path, rows, np.nan), at_rows(self.start, rows, np.nan))


@dataclass(frozen=True, slots=True, eq=False)
class Prophesied:
    """What was said of every row, and when."""

    forecaster: Prophet
    paths: _Paths

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The paths: some 20 KB a row."""
        return {"path": self.paths.path, "start": self.paths.start}

    def for_rows(self, rows: Rows) -> Prophesied:
        """The same for other rows; new ones wait for their turn."""
        return replace(self, paths=self.paths.of(rows))

    def after(self, panel: Panel, ask: Ask) -> Prophesied:
        """Fit the few rows that have waited longest."""
        paths, length = self.paths, _length(panel, ask)
        if paths.path.shape[1] != length:  # another step, or a day of another length
            paths = _nothing(len(panel.series), panel, ask)
        day = round(ask.day / panel.step)
        x = panel.training[:, -MOST_DAYS * day :]
        held_out = _held_out(panel, ask)
        known = x[:, :-held_out] if held_out < x.shape[1] else x[:, :0]
        start = panel.end - (held_out - 1) * panel.step
        due = np.isnan(paths.start) | (np.abs(start - paths.start) >= ask.day)  # clocks are set back too
        able = np.count_nonzero(~np.isnan(known), axis=1) >= FEWEST_POINTS
        rows = np.flatnonzero(due & able)
        rows = rows[np.argsort(np.nan_to_num(paths.start[rows], nan=-np.inf), kind="stable")]
        rows = rows[~is_flat(known[rows])][: self.forecaster.budget]
        if not len(rows):
            return replace(self, paths=paths)
        times = panel.times[-x.shape[1] :][: known.shape[1]]
        path, starts = paths.path.copy(), paths.start.copy()
        for row in rows:
            starts[row] = start
            seen = ~np.isnan(known[row])
            ahead = start + panel.step * np.arange(length, dtype=np.float64)
            path[row] = _said(self.forecaster.engine, times[seen], known[row, seen], ahead, ask.day)
        return replace(self, paths=_Paths(path, starts))

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """What was said of the columns ahead, as sure as it has turned out to be; else what the standby says."""
        standby = self.forecaster.standby
        out = standby.fit(panel, ask).forecast(panel, ask)
        out = replace(
            out,
            model=self.forecaster.name,
            experts=(self.forecaster.name, standby.name),
            chosen=np.ones_like(out.chosen),
        )
        if self.paths.path.shape[1] == _length(panel, ask):
            x = panel.training
            for row in np.flatnonzero(~np.isnan(self.paths.path[:, 0, 0])).tolist():
                _forecast_row(_Row.of(self.paths, row, panel, x[row]), row, panel, ask, out)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One row: what was said of columns, and what came in those that are over.

    Attributes:
        path: quantiles `[columns, levels]`.
        came: values of the first columns of the path, NaN for gaps, `[past]`.
        top: the highest value that may be forecast, `[1]`.
    """

    path: Floats
    came: Floats
    top: Floats

    @classmethod
    def of(cls, paths: _Paths, row: int, panel: Panel, x: Floats) -> _Row:
        """A row that was fitted."""
        past = max(0, round((panel.end - paths.start[row]) / panel.step) + 1)
        came = x[max(0, len(x) - past) :]
        gap = np.full(past - len(came), np.nan, np.float32)
        newest = panel.values[row : row + 1, -1]
        return cls(paths.path[row], np.concatenate([gap, came]), highest_possible(x[None], newest))

    @property
    def middle(self) -> Floats:
        """The median of every column."""
        median: Floats = self.path[:, MEDIAN]
        return median

    def reaches(self, ahead: int) -> bool:
        """Whether anything was said of so far ahead."""
        return len(self.came) + ahead <= len(self.path)

    def errors(self) -> Floats:
        """What came less the median, `[past]`."""
        past = min(len(self.came), len(self.path))
        return self.came[:past] - self.middle[:past]

    def band(self, ahead: int) -> Floats:
        """Quantiles of one horizon, `[levels]`; NaN where too little has come to judge them by."""
        said = self.path[len(self.came) - 1 + ahead]
        return self._sized(said[MEDIAN], said - said[MEDIAN], self.errors())

    def peak(self, lead: int) -> Floats:
        """Quantiles of the maximum over a lead time, judged as such: `[levels]`."""
        now = len(self.came)
        past = min(now, len(self.path))
        if past < lead:
            return np.full(len(LEVELS), np.nan, np.float32)
        made = sliding_window_view(self.middle, lead).max(axis=1)
        errors = sliding_window_view(self.came[:past], lead).max(axis=1) - made[: past - lead + 1]
        bias = (
            np.float32(np.median(errors[~np.isnan(errors)])) if not np.isnan(errors).all() else np.float32(0)
        )
        offsets = (self.path - self.middle[:, None])[now : now + lead].max(axis=0)
        return self._sized(made[now] + bias, offsets, errors - bias)

    def skill(self, ahead: int) -> np.float32:
        """Over the value at the origin."""
        errors = self.errors()[ahead:]
        held = self.came[ahead : ahead + len(errors)] - self.came[: len(errors)]
        both = ~np.isnan(errors) & ~np.isnan(held)
        theirs = np.abs(held[both]).sum()
        if np.count_nonzero(both) < FEWEST_ERRORS or theirs == 0:
            return np.float32(np.nan)
        return np.float32(1 - np.abs(errors[both]).sum() / theirs)

    def _sized(self, centre: np.float32, offsets: Floats, errors: Floats) -> Floats:
        """Offsets so large that four of five errors are within P10..P90, around a centre: `[levels]`."""
        size = row_quantiles(np.abs(errors)[None], (0.8,), fewest=FEWEST_ERRORS)[0, 0]
        half = (offsets[UPPER] - offsets[LOWER]) / 2
        scale = size / half if half > 0 else np.float32(np.nan)
        sized: Floats = within((centre + scale * offsets)[None], self.top)[0]
        return sized


def _said(engine: Engine, times: Times, values: Floats, ahead: Times, day: float) -> Floats:
    """What the engine says `[columns, levels]`; NaN where it found nothing; it is tried again after a day."""
    try:
        said = engine(times, values, ahead, day)
    except RuntimeError:  # the optimiser gave up on this series
        said = np.full((len(ahead), len(LEVELS)), np.nan, np.float32)
    return np.sort(said, axis=1) if np.isfinite(said).all() else np.full_like(said, np.nan)


def _forecast_row(said: _Row, row: int, panel: Panel, ask: Ask, out: Forecast) -> None:
    """Fill one row of `out`, where enough is known; what is not stays the standby's."""
    if np.isnan(out.last[row]):
        return
    for i, step in enumerate(ask.steps):
        if said.reaches(step) and not np.isnan(band := said.band(step)).any():
            out.curve[row, i], out.skill[row, i], out.chosen[row, i] = band, said.skill(step), 0
    lead = int(ask.lead[row])
    if said.reaches(lead) and not np.isnan(peak := said.peak(lead)).any():
        out.maximum[row], out.lead_skill[row] = peak, said.skill(lead)
    for i, further in enumerate(ask.peaks):
        if said.reaches(further) and not np.isnan(peak := said.peak(further)).any():
            out.peaks[row, i] = peak
    if said.reaches(0) and not np.isnan(
        sigma := normal_scale(said.errors()[None, :-1], fewest=FEWEST_ERRORS)[0]
    ):
        out.residual[row], out.sigma[row] = panel.values[row, -1] - said.middle[len(said.came) - 1], sigma


def _held_out(panel: Panel, ask: Ask) -> int:
    """The newest columns, which are not fitted on: a quarter of a day."""
    return max(2 * FEWEST_ERRORS, round(ask.day / 4 / panel.step))


def _length(panel: Panel, ask: Ask) -> int:
    """How many columns a path has: those held out, a day in which it serves, and a day ahead of that."""
    return _held_out(panel, ask) + 2 * round(ask.day / panel.step)


def _nothing(rows: int, panel: Panel, ask: Ask) -> _Paths:
    return _Paths(
        np.full((rows, _length(panel, ask), len(LEVELS)), np.nan, np.float32), np.full(rows, np.nan)
    )
