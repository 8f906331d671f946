"""What one series teaches about itself: a small regression per series and horizon, learned label by label.

It corrects the network by what this very series did: its daily and weekly changes, its found season, its way back to profile and level, its
last moves. Recursive least squares with a forgetting factor, held to the network's own answer by a ridge and weighted so that
it comes near the least absolute error (Ljung, 1999; Street, Carroll and Ruppert, 1988). It gives a centre and no band.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scoring.panels import Bools, Floats

TERMS = 11
_FORGET = np.float32(0.9985)
_RIDGE = np.float32(2)
_MOST = np.float32(8)
_LEAST_ERROR = np.float32(0.2)
_PRIOR = np.eye(1, TERMS, dtype=np.float32)[0]
"""The network's own answer counts in full, nothing else does."""


@dataclass(frozen=True, slots=True)
class Regression:
    """The normal equations of every series at one horizon, and what they were last solved to.

    Attributes:
        gram: `[rows, terms, terms]`.
        pull: `[rows, terms]`.
        weights: `[rows, terms]`.
    """

    gram: Floats
    pull: Floats
    weights: Floats

    @classmethod
    def none(cls, rows: int) -> Regression:
        """Nothing was learned: the network's own answer."""
        prior = np.tile(_PRIOR, (rows, 1))
        return cls(np.tile(_RIDGE * np.eye(TERMS, dtype=np.float32), (rows, 1, 1)), _RIDGE * prior, prior)

    def change(self, terms: Floats) -> Floats:
        """The change that is expected from the newest value on, in the row's scale: `[rows]`."""
        out: Floats = np.einsum("rt,rt->r", terms, self.weights)
        return out

    def learned(self, terms: Floats, change: Floats, known: Bools) -> Regression:
        """The equations after labels came.

        Args:
            terms: as they were at the origin, `[rows, terms]`.
            change: what came, less the value at the origin, in the row's scale, `[rows]`.
            known: rows that have a label.
        """
        # a row without a label may have no terms either, and 0 x NaN would stay for good
        terms = np.where(known[:, None], terms, np.float32(0))
        change = np.clip(np.where(known, change, 0), -_MOST, _MOST)
        weight = np.where(known, 1 / np.clip(np.abs(change - self.change(terms)), _LEAST_ERROR, _MOST), 0)
        keep = np.where(known, _FORGET, 1).astype(np.float32)
        weighted = terms * weight.astype(np.float32)[:, None]
        # what is forgotten of the ridge is given back
        lost = (1 - keep) * _RIDGE
        gram = self.gram * keep[:, None, None] + weighted[:, :, None] * terms[:, None, :]
        gram[:, np.arange(TERMS), np.arange(TERMS)] += lost[:, None]
        pull = self.pull * keep[:, None] + weighted * change[:, None] + lost[:, None] * _PRIOR
        return replace(self, gram=gram, pull=pull.astype(np.float32))

    def solved(self) -> Regression:
        """The weights that the equations have come to."""
        return replace(self, weights=np.linalg.solve(self.gram, self.pull[:, :, None])[:, :, 0])


def bounded(terms: Floats) -> Floats:
    """Terms as the equations take them: finite, and no outlier of theirs counts for more than eight scales."""
    out: Floats = np.clip(np.nan_to_num(terms), -_MOST, _MOST).astype(np.float32)
    return out
