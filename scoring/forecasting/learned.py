"""What was learned from whole fleets: a small network and a boosted ensemble, as the arrays and bytes that are stored.

A value: it is made by `trainings`, kept by `helios.models` and read by the forecasters. Nothing here is unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """Learned models; a forecaster that misses its own does without.

    Attributes:
        network: name -> weights, float32; empty: none.
        booster: an XGBoost model as UBJ; None: none.
    """

    network: Mapping[str, NDArray[np.float32]]
    booster: bytes | None = None

    @classmethod
    def none(cls) -> Models:
        """Nothing was learned."""
        return cls({})
