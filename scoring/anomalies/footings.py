"""What is judged of each series: demand as it is, memory by the pod.

Total memory comes and goes with the pods, each with its footprint, and says nothing abnormal by that; one pod's share does. Rows are
divided as they are asked for: a fleet's panel is not copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats

Replicas = Callable[[NDArray[np.intp], int], Floats]
"""How many replicas some targets had in so many columns up to the present: `[rows, columns]`."""


@dataclass(frozen=True, slots=True)
class Footing:
    """A panel's values, and what some of its rows are divided by.

    Attributes:
        values: `[series, columns]`, NaN where not observed.
        shared: the rows that pods share, `[series]`.
        replicas: how many pods there were; None: nothing is divided.
        owner: the target of each series, `[series]`.
    """

    values: Floats
    shared: Bools
    replicas: Replicas | None
    owner: NDArray[np.intp]

    def rows(self, rows: slice | NDArray[np.intp], ago: int = 0) -> Floats:
        """The values of some rows without the last `ago` columns, oldest first; not to be changed."""
        columns = self.values.shape[1]
        out = self.values[rows, : columns - ago]
        divided = np.flatnonzero(self.shared[rows])
        if self.replicas is None or not len(divided):
            return out
        out = out.copy()
        pods = self.replicas(self.owner[rows][divided], columns)
        out[divided] /= pods[:, : columns - ago]
        return out

    def last(self, columns: int) -> Floats:
        """The last columns of all rows, oldest first."""
        out = self.values[:, -columns:].copy()
        if self.replicas is not None:
            out[self.shared] /= self.replicas(self.owner[self.shared], out.shape[1])
        return out
