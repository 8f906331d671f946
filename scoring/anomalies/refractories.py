"""Once per event: whether a figure is higher than any of the last twelve hours, which is when an alarm may be raised.

What is remembered is the highest figure of each block of time, so that a fine grid costs no more than a coarse one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats, at_rows

BLOCKS = 13
_LONGEST = 3600.0
_ROWS = 12.5
"""A block is one hour, or so many rows of a finer grid: 150 rows in all."""


@dataclass(frozen=True, slots=True)
class Refractory:
    """The highest figures of late.

    Attributes:
        highest: of each block, newest last, -inf where nothing came, `[targets, BLOCKS]`.
        block: number of the newest.
    """

    highest: Floats
    block: int

    @classmethod
    def none(cls, targets: int) -> Refractory:
        """Nothing has come."""
        return cls(np.full((targets, BLOCKS), -np.inf, np.float32), 0)

    def at(self, now: float, step: float) -> Refractory:
        """The same at `now` (UNIX seconds), on a grid of `step` seconds; a clock set back by hours begins anew."""
        block = int(now // min(_LONGEST, _ROWS * step))
        gone = block - self.block
        if -BLOCKS < gone <= 0:
            return self
        moved = np.full_like(self.highest, -np.inf)
        if 0 < gone < BLOCKS:
            moved[:, : BLOCKS - gone] = self.highest[:, gone:]
        return Refractory(moved, block)

    def beaten(self, figure: Floats) -> Bools:
        """Whether `figure` `[targets]` is above all that is remembered."""
        with np.errstate(invalid="ignore"):
            out: Bools = figure > self.highest.max(axis=1)
        return out

    def with_figure(self, figure: Floats) -> Refractory:
        """The same with the newest figures, `[targets]`."""
        highest = self.highest.copy()
        highest[:, -1] = np.fmax(highest[:, -1], figure)
        return replace(self, highest=highest)

    def for_rows(self, targets: NDArray[np.intp]) -> Refractory:
        """The same for other targets: their old rows, or -1 for what is new."""
        return Refractory(at_rows(self.highest, targets, -np.inf), self.block)
