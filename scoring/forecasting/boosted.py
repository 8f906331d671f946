"""Boosted trees that have seen many fleets (XGBoost), for those who ask for them by name.

One multi-quantile ensemble, applied to the whole fleet in one call; it reads what the network reads and answers in the
same measure. What is learned online about it (who counts, how wide) is `auto`'s. It is slower than the network and no
better, so `auto` does without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from scoring.forecasting.baseline import PastValues
from scoring.forecasting.features import AHEAD, INPUTS, Described, Span
from scoring.forecasting.forecasts import LEVELS, Ask, Fitted
from scoring.forecasting.learned import Models
from scoring.forecasting.online import Online, restored
from scoring.forecasting.opinions import Learned
from scoring.forecasting.samples import Examples
from scoring.panels import Floats, Panel

ROUNDS = 60
_SETTINGS = {
    "objective": "reg:quantileerror",
    "quantile_alpha": list(LEVELS),
    "tree_method": "hist",
    "max_depth": 6,
    "eta": 0.12,
    "min_child_weight": 20,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "max_bin": 128,
    "nthread": 1,
    "verbosity": 0,
}


@dataclass(frozen=True, slots=True)
class Boosted:
    """The forecaster; without an ensemble, or with one that XGBoost cannot read, it is the baseline."""

    models: Models
    name: str = "xgboost"

    @property
    def model(self) -> Learned:
        """The ensemble that was learned, or else past values."""
        return Trees.of(self.models) or PastValues()

    def fit(self, panel: Panel, ask: Ask) -> Fitted:
        """Walk through the panel's past, then stand at its end."""
        return Online.none(self.name, self.model, len(panel.series)).after(panel, ask)

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> Fitted | None:
        """What was learned before; None if it is not of this kind."""
        return restored(self.name, self.model, arrays, rows)


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """An ensemble that was read."""

    booster: xgboost.Booster
    name: str = "xgboost"

    @classmethod
    def of(cls, models: Models) -> Trees | None:
        """The models' ensemble; None if there is none, or none that fits."""
        if not models.booster:  # of no bytes at all XGBoost ends the process
            return None
        try:
            booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(models.booster))
            said = booster.inplace_predict(np.zeros((1, INPUTS + AHEAD), np.float32))
        except (xgboost.core.XGBoostError, ValueError, MemoryError):
            return None
        return cls(booster) if said.shape == (1, len(LEVELS)) else None

    def quantiles(self, rows: Described, spans: Sequence[Span]) -> Floats:
        """Quantiles of every span, in the series' unit, never crossing: `[rows, spans, levels]`."""
        table = _table(rows.inputs, rows.ahead(spans))
        moved = self.booster.inplace_predict(table).reshape(-1, len(spans), len(LEVELS))
        return rows.answered(moved)


def grown(examples: Examples, windows: int, seed: int, progress: Callable[[float], None]) -> bytes:
    """An ensemble grown on the first `windows` examples, as UBJ."""
    few = slice(0, windows)
    table = _table(examples.inputs[few], examples.ahead[few])
    came = examples.moves[few].reshape(-1)
    known = ~np.isnan(came)
    data = xgboost.QuantileDMatrix(table[known], came[known], max_bin=_SETTINGS["max_bin"], nthread=1)

    class Told(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            progress((epoch + 1) / ROUNDS)
            return False

    booster = xgboost.train(_SETTINGS | {"seed": seed}, data, ROUNDS, callbacks=[Told()])
    return bytes(booster.save_raw("ubj"))


def _table(inputs: Floats, ahead: Floats) -> Floats:
    """One row per window and span: what is known of the window, then of the span."""
    spans = ahead.shape[1]
    return np.concatenate([np.repeat(inputs, spans, axis=0), ahead.reshape(-1, AHEAD)], axis=1)
