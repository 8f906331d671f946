"""Other people's forecasters behind our protocol, so that one walk judges all on the same points.

statsforecast's models are fitted anew to each series at each origin, as their authors use them; LightGBM (by mlforecast) is
one global model, trained once on the fleet's past. Their bands are taken as bells around the mean and are cut off at zero,
as demand is. They want no gaps: the last value stands in.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scoring.evaluation.measures import Doubles
from scoring.forecasting.forecasts import LEVELS, Ask, Forecast, Forecaster, unforecast
from scoring.panels import Floats, Panel

DAY_STEPS = 288
MOST_ROWS = 250_000
"""So many points of its past a global model is trained on at most, the newest."""
_BELL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
_P90 = NormalDist().inv_cdf(0.9)


class Stateless:
    """What learns nothing on the way."""

    name: str

    def fit(self, panel: Panel, ask: Ask) -> Self:
        """Ready as it is."""
        return self

    def after(self, panel: Panel, ask: Ask) -> Self:
        """Nothing is kept."""
        return self

    def for_rows(self, rows: NDArray[np.intp]) -> Self:
        """Nothing is kept of any row."""
        return self

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Nothing is kept."""
        return {}

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> Self:
        """Nothing was kept."""
        return self


@dataclass(frozen=True)
class Statistical(Stateless):
    """One of statsforecast's models, fitted to the window of each series at each origin."""

    name: str
    model: Any

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """Mean and P10 to P90 of each row."""
        rows, ahead = len(panel.series), max(ask.steps)
        mean, sigma = np.full((rows, ahead), np.nan), np.full((rows, ahead), np.nan)
        for row, history in enumerate(filled(panel.values)):
            if not np.isnan(history).any():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = self.model.forecast(history, h=ahead, level=[80])
                mean[row], sigma[row] = found["mean"], (found["hi-80"] - found["lo-80"]) / (2 * _P90)
        return _forecast(panel, ask, self.name, mean, sigma)


class LightGbm(Stateless):
    """One global LightGBM by mlforecast: lags, rolling means, each series scaled by itself; no band.

    Args:
        past: what it is trained on.

    Attributes:
        training_seconds: what that took.
    """

    name = "LightGBM (mlforecast)"

    def __init__(self, past: Panel) -> None:
        import lightgbm  # noqa: PLC0415 - a peer is imported where it is wanted
        from mlforecast import MLForecast  # noqa: PLC0415
        from mlforecast.lag_transforms import RollingMean  # noqa: PLC0415
        from mlforecast.target_transforms import LocalStandardScaler  # noqa: PLC0415

        model = lightgbm.LGBMRegressor(
            n_estimators=200, learning_rate=0.05, objective="l1", num_threads=1, random_state=0, verbosity=-1
        )
        self._model = MLForecast(
            models={"y": model},
            freq=1,
            lags=[*range(1, 13), 24, DAY_STEPS, DAY_STEPS + 1],
            lag_transforms={1: [RollingMean(12), RollingMean(DAY_STEPS)]},
            target_transforms=[LocalStandardScaler()],
            num_threads=1,
        )
        began = time.perf_counter()
        columns = max(2 * DAY_STEPS, MOST_ROWS // max(1, len(past.series)))
        self._model.fit(_long(filled(past.for_last(columns).values)))
        self.training_seconds = time.perf_counter() - began

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """The mean of each row, step after step from its own forecasts."""
        rows, ahead = len(panel.series), max(ask.steps)
        mean = np.full((rows, ahead), np.nan)
        history = filled(panel.values)
        known = np.flatnonzero(~np.isnan(history[:, 0]))
        if len(known):
            found = self._model.predict(ahead, new_df=_long(history, known))
            mean[known] = found.sort_values(["unique_id", "ds"])["y"].to_numpy().reshape(len(known), ahead)
        return _forecast(panel, ask, self.name, mean, np.zeros_like(mean))


def peers() -> tuple[Forecaster, ...]:
    """The models of statsforecast; the two that know no long season are given none."""
    from statsforecast.models import MSTL, AutoETS, AutoTheta, SeasonalNaive  # noqa: PLC0415 - compiled on import

    return (
        Statistical("SeasonalNaive", SeasonalNaive(season_length=DAY_STEPS)),
        Statistical("AutoETS", AutoETS(season_length=1)),
        Statistical("MSTL", MSTL(season_length=[DAY_STEPS])),
        Statistical("AutoTheta", AutoTheta(season_length=DAY_STEPS)),
    )


def filled(values: Floats) -> Doubles:
    """Without gaps: the last value stands on, the first one back; NaN where nothing was ever observed: `[rows, time]`."""
    seen = ~np.isnan(values)
    place = np.where(seen, np.arange(values.shape[1]), 0)
    np.maximum.accumulate(place, axis=1, out=place)
    place = np.maximum(place, seen.argmax(axis=1)[:, None])
    return np.take_along_axis(values, place, axis=1).astype(np.float64)


def _long(values: Doubles, rows: NDArray[np.intp] | None = None) -> Any:
    """One line per series and time, as mlforecast wants it; rows without any value are left out."""
    import pandas as pd  # noqa: PLC0415

    rows = np.flatnonzero(~np.isnan(values[:, 0])) if rows is None else rows
    columns = values.shape[1]
    return pd.DataFrame(
        {
            "unique_id": np.repeat(rows, columns),
            "ds": np.tile(np.arange(columns), len(rows)),
            "y": values[rows].ravel(),
        }
    )


def _forecast(panel: Panel, ask: Ask, name: str, mean: Doubles, sigma: Doubles) -> Forecast:
    steps = np.array(ask.steps) - 1
    curve = mean[:, steps, None] + np.nan_to_num(sigma[:, steps, None]) * _BELL
    return replace(unforecast(panel, ask, name), curve=np.maximum(curve, 0).astype(np.float32))
