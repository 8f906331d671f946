"""Which expert counts, per series and horizon: by how well each has done lately, persistence always among them.

Each expert's pinball loss is averaged with a discount; weights fall exponentially with what it loses beside persistence
(exponentially weighted averages: Cesa-Bianchi and Lugosi, 2006). Where none is clearly better the forecast is
persistence, and it stays that until one is: a gate with hysteresis. It hides nothing: the weights are part of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.forecasting.forecasts import LEVELS, LOWER, MEDIAN, UPPER
from scoring.panels import Bools, Floats

PERSISTENCE, REGRESSION = "persistence", "regression"
EXPERTS = 3
"""Persistence, the learned model under its own name, the regression."""
PRIOR = np.array([0.3, 0.5, 0.2], np.float32)
"""What each counts before anything is known."""
FEWEST = 24
"""Labels before anything is said of skill, and before the gate closes."""
_EAGER = np.float32(20)
_DECAY = 0.995
_CLOSES, _OPENS = np.float32(0.995), np.float32(0.98)
"""Of persistence's loss: an expert above the first is not better, one below the second is again."""
_TRUSTED = 48
_WORST = np.float32(50)
_JUDGED = np.array([LEVELS[i] for i in (LOWER, MEDIAN, UPPER)], np.float32)


@dataclass(frozen=True, slots=True)
class Votes:
    """How the experts have done at one horizon.

    Attributes:
        loss: discounted mean pinball loss of each expert, in the row's scale, `[rows, experts]`.
        errors: discounted mean absolute error of the blend and of persistence, in the row's scale, `[rows, 2]`.
        count: labels so far, `[rows]`.
        gated: where persistence alone counts, `[rows]`.
    """

    loss: Floats
    errors: Floats
    count: Floats
    gated: Bools

    @classmethod
    def none(cls, rows: int) -> Votes:
        """Nothing is known."""
        return cls(
            np.zeros((rows, EXPERTS), np.float32),
            np.zeros((rows, 2), np.float32),
            np.zeros(rows, np.float32),
            np.zeros(rows, np.bool_),
        )

    def weights(self) -> Floats:
        """What each expert counts: `[rows, experts]`, summing to 1."""
        held = np.maximum(self.loss[:, :1], np.float32(1e-6))
        trust = np.minimum(1, self.count / _TRUSTED)[:, None]
        score = -_EAGER * trust * (self.loss / held - 1) + np.log(PRIOR)
        weight = np.exp(score - score.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        weight[self.gated] = np.eye(1, EXPERTS, dtype=np.float32)
        out: Floats = weight.astype(np.float32)
        return out

    def skill(self) -> Floats:
        """1 - MAE / persistence's MAE, discounted; NaN before enough labels came: `[rows]`."""
        ours, plain = self.errors.T
        out: Floats = np.full(ours.shape, np.nan, np.float32)
        np.divide(plain - ours, plain, out=out, where=(plain > 0) & (self.count >= FEWEST))
        return out

    def learned(self, losses: Floats, errors: Floats, known: Bools) -> Votes:
        """The votes after labels came.

        Args:
            losses: of each expert, in the row's scale, `[rows, experts]`.
            errors: absolute errors of blend and persistence in the row's scale, `[rows, 2]`.
            known: rows that have a label.
        """
        count = self.count + known
        rate = np.where(known, np.maximum(1 - _DECAY, 1 / np.maximum(count, 1)), 0)[:, None]
        loss = self.loss + rate * np.where(known[:, None], np.minimum(losses, _WORST) - self.loss, 0)
        mean = self.errors + rate * np.where(known[:, None], np.minimum(errors, _WORST) - self.errors, 0)
        best, held = loss[:, 1:].min(axis=1), loss[:, 0]
        gated = np.where(self.gated, best > _OPENS * held, best > _CLOSES * held) & (count >= FEWEST)
        return Votes(loss.astype(np.float32), mean.astype(np.float32), count.astype(np.float32), gated)


def pinball(distance: Floats, shape: Floats) -> Floats:
    """Mean pinball loss at P10, P50 and P90: `[rows, experts]`.

    Args:
        distance: label less each expert's centre, `[rows, experts]`.
        shape: P10, P50, P90 as distances from the centre, `[rows, 3]`.
    """
    error = distance[:, :, None] - shape[:, None, :]
    out: Floats = np.maximum(_JUDGED * error, (_JUDGED - 1) * error).sum(axis=2)
    return out
