"""What a forecaster has learned so far, of which series and up to when: what the loop takes from cycle to cycle.

A value: another thread may forecast from it while the loop makes the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.forecasts import Ask, Fitted, Forecast, Forecaster, checked
from scoring.panels import Panel, Series


@dataclass(frozen=True, slots=True)
class Experience:
    """A fitted forecaster, or none yet.

    Attributes:
        series: its rows.
        fitted: what was learned; None: nothing, it begins with the next panel.
        end: UNIX seconds of the last column that it has learned from.
        lacking: cells of history that were still to be fetched then.
    """

    series: tuple[Series, ...] = ()
    fitted: Fitted | None = None
    end: float = -np.inf
    lacking: int = 0

    def forecast(
        self, forecaster: Forecaster, panel: Panel, ask: Ask, *, lacking: int = 0
    ) -> tuple[Forecast, Experience]:
        """Learn what is new in `panel`, then forecast it.

        Within one grid step only history that has arrived is new. After a clock was set back it learns on from there.

        Args:
            forecaster: whose experience it is.
            panel: as it is now.
            ask: what is wanted.
            lacking: cells of history that are still to be fetched.

        Returns:
            The forecast and what the next cycle begins with; whatever the forecaster raises costs that alone.
        """
        if self.fitted is None:
            fitted = forecaster.fit(panel, ask)
        elif panel.end > self.end or lacking < self.lacking:
            fitted = self.fitted.after(panel, ask)
        else:
            fitted = self.fitted
        forecast = checked(fitted.forecast(panel, ask), panel, ask)
        return forecast, Experience(panel.series, fitted, panel.end, lacking)

    def for_series(self, series: tuple[Series, ...], rows: NDArray[np.intp]) -> Experience:
        """The same for other series: `rows` are their former rows, or -1."""
        fitted = None if self.fitted is None else self.fitted.for_rows(rows)
        return replace(self, series=series, fitted=fitted)

    def about(self, rows: slice, series: tuple[Series, ...]) -> Fitted | None:
        """What was learned of these rows.

        Raises:
            LookupError: they are other series by now.
        """
        if self.fitted is None:
            return None
        if self.series[rows] != series:
            raise LookupError("other series")
        return self.fitted.for_rows(np.arange(rows.start, rows.stop))
