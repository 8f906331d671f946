"""What a trained model of a target's metrics makes of each of them: the residual given its companions, the hour and its own past.

Of a pair the companion says next to nothing (measured): from three metrics on they are asked.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies import levels
from scoring.anomalies.expectations import LAGS, Expectations
from scoring.anomalies.memories import Memory
from scoring.panels import Floats

FEWEST = 3


def surprises(
    expectations: Expectations,
    memory: Memory,
    recent: Floats,
    first_row: NDArray[np.intp],
    hour: float | Floats,
) -> Floats:
    """Residuals of the newest column, standardised by what `memory` says of each series: `[series]`; NaN where nobody is asked.

    Args:
        expectations: the trained model.
        memory: of these very series, before it has learned the newest column.
        recent: the last columns, newest last, NaN where not observed, `[series, columns]`.
        first_row: where each target's series begin, and the end, `[targets + 1]`.
        hour: of the newest column, 0..24, one for all or `[series]`.
    """
    out = np.full(len(recent), np.nan, np.float32)
    counts = np.diff(first_row)
    many = counts >= FEWEST
    if not many.any():
        return out
    asked = np.flatnonzero(np.repeat(many, counts))
    size = memory.levels.sizes(asked)[0][:, levels.SLOW, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        own = (recent[asked, -LAGS - 1 :] - memory.levels.centre[asked, levels.SLOW, None]) / size
    firsts = np.concatenate(([0], counts[many].cumsum()))
    hours = np.broadcast_to(np.asarray(hour, np.float32), len(recent))[asked]
    out[asked] = expectations.residuals(own.astype(np.float32), firsts, np.ascontiguousarray(hours))
    return out
