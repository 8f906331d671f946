"""Series whose past the detector has not seen: it is walked through, as much in a cycle as time allows.

So after a restart, for a new target, or when history was fetched late, a score rests on all there is, not on the hours since.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies.footings import Footing
from scoring.anomalies.memories import CHUNK, Memory
from scoring.panels import Floats

LATE = 2
"""So many columns a sample may come late and still be judged when it comes."""
LONGEST = 1008
"""Columns that are walked through at most: half a week of five-minute rows tells what is ordinary, in half the time of a whole one."""
CELLS = 600_000
"""Walked through in one cycle: two to four seconds."""
_MORE = 24
"""A series that is not calibrated begins anew when so many more of its rows are known than it has seen."""


def rows_behind(
    memory: Memory, values: Floats, end: int, needed: int, cells: int = CELLS
) -> NDArray[np.intp]:
    """The series that have more past than was seen: as many as one cycle can take.

    Args:
        memory: what was seen; those that begin anew forget it, those without a past go on from here.
        values: the panel, `[series, columns]`.
        end: number of its last column on the grid.
        needed: rows that a calibration wants.
        cells: walked through in one cycle.
    """
    np.minimum(memory.slot, end, out=memory.slot)  # a clock was set back: go on from there
    young = np.flatnonzero((memory.slot >= 0) & (memory.count < needed))
    if len(young):
        observed = (~np.isnan(values[young])).sum(axis=1)
        anew = young[observed > memory.count[young] + _MORE]
        if len(anew):
            memory.put(anew, Memory.none(len(anew)))
    behind = np.flatnonzero(memory.slot < end - LATE - 1)
    past = (~np.isnan(values[behind, : -LATE - 1])).any(axis=1)
    memory.slot[behind[~past]] = end - LATE - 1
    behind = behind[past]
    lacking = np.minimum(end - LATE - 1 - memory.slot[behind], min(values.shape[1], LONGEST))
    order = np.argsort(
        lacking, kind="stable"
    )  # whoever lacks little is not kept waiting by those who lack all
    fit = np.cumsum(lacking[order]) <= cells
    fit[:1] = True
    return behind[order[fit]]


def catch_up(
    memory: Memory, footing: Footing, end: int, rows: NDArray[np.intp], *, day: int, weight: Floats
) -> None:
    """Walk `rows` through their columns up to `LATE` before the last; their memory is updated in place."""
    columns = footing.values.shape[1]
    for begin in range(0, len(rows), CHUNK):
        some = rows[begin : begin + CHUNK]
        part = memory.for_rows(some)
        past = np.full((len(some), 2 * columns), np.nan, np.float32)
        past[:, columns:] = footing.rows(some)
        every, nothing = slice(0, len(some)), np.full((len(some), 2), np.nan, np.float32)
        begun = int((~np.isnan(past[:, columns:])).any(axis=0).argmax())
        unseen_from = columns - 1 - (end - int(part.slot.min()) - 1)
        first = max(begun, unseen_from, columns - LATE - 1 - LONGEST)
        for column in range(first, columns - LATE - 1):
            slot = end - (columns - 1 - column)
            unseen = (part.slot < slot) & ~np.isnan(past[:, columns + column])
            window = past[:, column + 1 : column + 1 + columns]
            if unseen.any():
                part.learn(every, window, unseen, day, nothing, weight)
        np.maximum(part.slot, end - LATE - 1, out=part.slot)
        memory.put(some, part)
