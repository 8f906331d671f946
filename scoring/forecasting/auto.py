"""`auto`: a network that has seen many fleets, weighed online against a regression on this series and persistence.

Without a network it is the baseline. It never hides what it chose: the expert that counts most stands in the forecast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from scoring.forecasting.baseline import PastValues
from scoring.forecasting.forecasts import Ask, Fitted
from scoring.forecasting.learned import Models
from scoring.forecasting.networks import Network
from scoring.forecasting.online import Online, restored
from scoring.forecasting.opinions import Learned
from scoring.panels import Panel


@dataclass(frozen=True, slots=True)
class Auto:
    """The forecaster."""

    models: Models
    name: str = "auto"

    @property
    def model(self) -> Learned:
        """The network that was learned, or else past values."""
        return Network.of(self.models.network) if self.models.network else PastValues()

    def fit(self, panel: Panel, ask: Ask) -> Fitted:
        """Walk through the panel's past, then stand at its end."""
        return Online.none(self.name, self.model, len(panel.series)).after(panel, ask)

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> Fitted | None:
        """What was learned before; None if it is not of this kind."""
        return restored(self.name, self.model, arrays, rows)
