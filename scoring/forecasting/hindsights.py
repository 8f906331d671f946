"""Past forecasts of the smoothing recursion beside what came: the width of its bands, and its skill.

Every forecast that is judged is the one that was made then, from the recursion's track. Nothing here is learned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.envelopes import within
from scoring.forecasting.forecasts import LEVELS
from scoring.forecasting.quantiles import row_quantiles
from scoring.forecasting.smoothings import Track
from scoring.panels import Bools, Floats

MOST_ORIGINS = 288
"""Past forecasts that are looked at: every second of two days at 5 minutes."""
FEWEST_ERRORS = 12
"""Below so many own errors a band would be a guess: the series has no forecast."""


@dataclass(frozen=True, slots=True, eq=False)
class Hindsight:
    """Rows whose season has one period, and what came in the columns that their track keeps.

    Attributes:
        track: what the recursion went through.
        x: what came, `[rows, kept]`, NaN for gaps.
        last: the newest value, `[rows]`; NaN: no ground to forecast from.
        top: the highest value that may be forecast, `[rows]`.
        flat: rows whose newest day was one value, which stays: `[rows]`.
        phi: how trends fade, `[rows]`.
        period: of all rows, in columns.
    """

    track: Track
    x: Floats
    last: Floats
    top: Floats
    flat: Bools
    phi: Floats
    period: int

    def for_rows(self, rows: NDArray[np.intp]) -> Hindsight:
        """Some rows alone."""
        return Hindsight(
            self.track.for_rows(rows),
            self.x[rows],
            self.last[rows],
            self.top[rows],
            self.flat[rows],
            self.phi[rows],
            self.period,
        )

    def now(self, ahead: int) -> Floats:
        """What is forecast: `[rows]`."""
        found = self.track.forecast(ahead, slice(self.track.kept - 1, None), self.period, self.phi)[:, 0]
        centre: Floats = np.where(self.flat, self.last, found)
        return np.where(np.isnan(self.last), np.float32(np.nan), centre)

    def before(self) -> Floats:
        """What was forecast for the newest column one before it: `[rows]`."""
        return self._made(1, slice(self.track.kept - 2, self.track.kept - 1))[:, 0]

    def errors(self, ahead: int) -> tuple[Floats, Floats]:
        """What came less what was forecast, `[rows, origins]`, and the skill over the value at the origin, `[rows]`."""
        origins, came = self._origins(ahead), self._came(ahead, self._origins(ahead))
        errors: Floats = came - self._made(ahead, origins)
        held = came - self.x[:, origins]
        both = ~np.isnan(errors) & ~np.isnan(held)
        ours = np.where(both, np.abs(errors), 0).sum(axis=1, dtype=np.float32)
        theirs = np.where(both, np.abs(held), 0).sum(axis=1, dtype=np.float32)
        share = np.full(len(errors), np.nan, np.float32)
        np.divide(ours, theirs, out=share, where=(both.sum(axis=1) >= FEWEST_ERRORS) & (theirs > 0))
        return errors, 1 - share

    def band(self, ahead: int, errors: Floats) -> Floats:
        """Quantiles of one horizon, as wide as its errors were: `[rows, levels]`."""
        return self._band(self.now(ahead), errors)

    def peak(self, lead: int) -> Floats:
        """Quantiles of the maximum over a lead time, as wide as the errors of its forecasts were: `[rows, levels]`."""
        origins, ahead = self._origins(lead), range(1, lead + 1)
        came, made, centre = self._came(1, origins), self._made(1, origins), self.now(1)
        for step in ahead[1:]:
            came = np.maximum(came, self._came(step, origins))
            made = np.maximum(made, self._made(step, origins))
            centre = np.maximum(centre, self.now(step))
        return self._band(centre, came - made)

    def _origins(self, ahead: int) -> slice:
        """The columns whose forecast for so many ahead can be judged, as a slice of those kept."""
        stride = max(1, -(-self.track.kept // MOST_ORIGINS))
        last = self.track.kept - 1 - ahead
        return slice(last % stride, last + 1, stride) if last >= 0 else slice(0, 0, stride)

    def _came(self, ahead: int, origins: slice) -> Floats:
        return (
            self.x[:, origins.start + ahead : origins.stop + ahead : origins.step]
            if origins.stop
            else self.x[:, :0]
        )

    def _made(self, ahead: int, origins: slice) -> Floats:
        """What was forecast at some columns: `[rows, columns]`."""
        found = self.track.forecast(ahead, origins, self.period, self.phi)
        if self.flat.any():
            found[self.flat] = self.x[self.flat, origins]
        return found

    def _band(self, centre: Floats, errors: Floats) -> Floats:
        return within(centre[:, None] + row_quantiles(errors, LEVELS, fewest=FEWEST_ERRORS), self.top)
