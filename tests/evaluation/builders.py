"""Forecasters that can be checked by hand, and a timer that does not run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.forecasts import LEVELS, Ask, Forecast, newest, unforecast
from scoring.panels import Panel


@dataclass(frozen=True)
class Shifted:
    """The last value plus `by`, with quantiles `width` to each side of it; remembers every call.

    Attributes:
        by: added to the last value.
        width: from the median to where level 1 would be; evenly spread.
        unknown: row -> nothing is forecast for it.
        calls: what was called with which first and last column, in order.
    """

    by: float = 0.0
    width: float = 0.0
    unknown: tuple[int, ...] = ()
    calls: list[tuple[str, float, float]] = field(default_factory=list)
    name: str = "shifted"

    def fit(self, panel: Panel, ask: Ask) -> Shifted:
        self.calls.append(("fit", panel.start, panel.end))
        return self

    def after(self, panel: Panel, ask: Ask) -> Shifted:
        self.calls.append(("after", panel.start, panel.end))
        return self

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        self.calls.append(("forecast", panel.start, panel.end))
        around = 2 * self.width * (np.array(LEVELS, np.float32) - 0.5)
        band = (newest(panel.values) + np.float32(self.by))[:, None] + around
        band[list(self.unknown)] = np.nan
        none = unforecast(panel, ask, self.name)
        return replace(
            none,
            curve=np.repeat(band[:, None], len(ask.steps), axis=1),
            peaks=np.repeat(band[:, None], len(ask.peaks), axis=1),
        )

    def for_rows(self, rows: NDArray[np.intp]) -> Shifted:
        return self

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {}

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> Shifted:
        return self


@dataclass(frozen=True)
class Mindful(Shifted):
    """Forecasts the mean of all that it was ever shown, so that nothing it sees leaves no trace; keeps its forecasts.

    Attributes:
        sums: of all values seen so far, and how many.
        kept: every forecast, in order.
    """

    sums: tuple[float, int] = (0.0, 0)
    kept: list[Forecast] = field(default_factory=list)

    def fit(self, panel: Panel, ask: Ask) -> Mindful:
        total, count = self.sums
        seen = panel.values[~np.isnan(panel.values)]
        return replace(self, sums=(total + float(seen.sum()), count + len(seen)))

    def after(self, panel: Panel, ask: Ask) -> Mindful:
        return self.fit(panel, ask)

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        mean = np.float32(self.sums[0] / self.sums[1])
        made = super().forecast(panel, ask)
        self.kept.append(replace(made, curve=made.curve + mean, peaks=made.peaks + mean))
        return self.kept[-1]


def ticking(seconds: float) -> Callable[[], float]:
    """A timer that says so many seconds more at each look."""
    now = 0.0

    def look() -> float:
        nonlocal now
        now += seconds
        return now

    return look
