"""What is expected of a metric, given its target's other metrics now, the hour and its own recent past (XGBoost).

One ensemble for all targets: it reads what `companions` describes, which is relative, and answers how far the metric should
have moved. What it did instead is the residual. A metric that moves with the others as it always has is expected, however far it
moves; one that moves alone, or stays alone, is not: so this is one opinion beside those that look at each metric by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies.companions import LAGS, NAMES, Moments, described
from scoring.anomalies.spreads import Doubles, Spread
from scoring.panels import Floats

if TYPE_CHECKING:
    import xgboost

ROUNDS = 120
MOST_MOVED = np.float32(10)
"""A lesson in which a metric moved farther counts as if it had moved so far."""
_SETTINGS = {
    "objective": "reg:absoluteerror",
    "tree_method": "hist",
    "max_depth": 5,
    "eta": 0.12,
    "min_child_weight": 50,
    "subsample": 0.7,
    "colsample_bytree": 0.6,
    "max_bin": 128,
    "nthread": 1,
    "verbosity": 0,
}

__all__ = ["LAGS", "Expectations", "grown"]


@dataclass(frozen=True, eq=False)
class Expectations:
    """A trained ensemble.

    Attributes:
        ensemble: an XGBoost model as UBJ; it is opened, and XGBoost loaded, when it is first asked.
        spread: how residuals were spread on targets that it never saw, in usual steps (`pasts.steps_of`); None: not measured.
        joint: how far two metrics of a target, three, … were off together.
    """

    ensemble: bytes
    spread: Spread | None = None
    joint: tuple[Spread, ...] = ()

    def residuals(self, recent: Floats, first_row: NDArray[np.intp], hours: Floats) -> Floats:
        """The newest value less what is expected of it, standardised as the values are: `[series]`.

        NaN where the newest value or every one before it is unknown, and for a target of which only one metric is known now.

        Args:
            recent: standardised values, newest last, NaN where not observed, `[series, lags]`; `LAGS` + 1 columns are
                enough, and fewer will do.
            first_row: where each target's series begin, and the end, `[targets + 1]`; each target has one or more.
            hours: local hour of the newest value, 0..24, `[series]`.
        """
        moments = described(recent, first_row, hours)
        out = np.full(len(recent), np.nan, np.float32)
        rows = np.flatnonzero(moments.judged)
        if len(rows):
            out[rows] = (moments.moved[rows] - self.expected(moments)) * moments.scale[rows]
        return out

    def expected(self, moments: Moments) -> Floats:
        """How far the metrics that can be judged should have moved, in units of `moments.scale`: `[judged]`."""
        out: Floats = self._booster.inplace_predict(moments.inputs[moments.judged])
        return out

    def contributions(self, moments: Moments) -> Doubles:
        """XGBoost's attributions of `expected` to the inputs, and to none in the last place: `[series, inputs + 1]`."""
        import xgboost  # noqa: PLC0415 - it takes a second, and most processes never ask

        data = xgboost.DMatrix(moments.inputs, nthread=1)
        out: Doubles = self._booster.predict(data, pred_contribs=True).astype(np.float64)
        return out

    def check(self) -> None:
        """Open the ensemble now.

        Raises:
            ValueError: it is no XGBoost model, or one of other inputs.
        """
        import xgboost  # noqa: PLC0415 - it takes a second, and most processes never ask

        try:
            said = self._booster.inplace_predict(np.zeros((1, len(NAMES)), np.float32))
        except (xgboost.core.XGBoostError, MemoryError) as error:
            raise ValueError(f"XGBoost cannot read it: {str(error).splitlines()[0]}") from error
        if said.shape != (1,) or self._booster.num_features() != len(NAMES):
            raise ValueError(f"it reads {self._booster.num_features()} inputs, Helios describes {len(NAMES)}")

    @cached_property
    def _booster(self) -> xgboost.Booster:
        import xgboost  # noqa: PLC0415 - it takes a second, and most processes never ask

        if not self.ensemble:  # of no bytes at all XGBoost ends the process
            raise ValueError("there is no ensemble in it")
        return xgboost.Booster({"nthread": 1}, model_file=bytearray(self.ensemble))


def grown(lessons: list[Moments], seed: int, progress: Callable[[float], None] = lambda _: None) -> bytes:
    """An ensemble grown on described moments, as UBJ; equal lessons, seed and XGBoost give equal bytes.

    Raises:
        ValueError: there is nothing to learn from.
    """
    import xgboost  # noqa: PLC0415 - as above

    judged = [lesson.judged for lesson in lessons]
    if not any(one.any() for one in judged):
        raise ValueError("nothing to learn from: no target has two metrics that are observed at once")
    table = np.concatenate([lesson.inputs[rows] for lesson, rows in zip(lessons, judged, strict=True)])
    moved = np.concatenate([lesson.moved[rows] for lesson, rows in zip(lessons, judged, strict=True)])
    data = xgboost.QuantileDMatrix(
        table, np.clip(moved, -MOST_MOVED, MOST_MOVED), max_bin=_SETTINGS["max_bin"], nthread=1
    )

    class Told(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            progress((epoch + 1) / ROUNDS)
            return False

    booster = xgboost.train(_SETTINGS | {"seed": seed}, data, ROUNDS, callbacks=[Told()])
    return bytes(booster.save_raw("ubj"))
