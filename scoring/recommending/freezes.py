"""When an anomaly forbids scaling in: while it lasts, at most so long, and not twice for one level of load.

No load looks the same whether a service upstream is down or a feature was switched off for good. The first comes back within
the hour; of the second nobody shall pay for the old peak for ever, however often a detector calls it abnormal. So a freeze runs
out, and what it ran out at is no reason for another. Nothing here decides what is abnormal or how many replicas there are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats
from scoring.policies import Fleet
from scoring.recommending.decisions import Memory, Situation

LONGEST = 3600.0
"""A critical spike that has lasted for so many seconds is the new normal: from then on the number may fall with the load."""
ALIKE = np.float32(0.25)
"""Loads within this share of one another are of one level,"""
LEAST_ALIKE = np.float32(0.25)
"""and so are those that differ by less than this share of one replica."""


def load(fleet: Fleet, s: Situation, drives: Bools) -> Floats:
    """Demand of this moment in replicas that are full, the largest of the driving metrics: `[targets]`, NaN if unknown."""
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(drives & (s.workloads.request > 0), s.forecast.last / s.workloads.request, np.nan)
    out: Floats = np.fmax.reduceat(each, fleet.first_row[:-1]).astype(np.float32)
    return out


def frozen(s: Situation, load: Floats, memory: Memory) -> tuple[Bools, Memory]:
    """Who must not lose replicas now, `[targets]`, and what is remembered of it.

    Any drop of demand freezes, whether it is critical or not: how rare it is says nothing of what it would cost to believe it. It
    does so until `freeze_max` after its onset; one that follows another without a break counts from the first. When a freeze
    ends, the load is remembered, and as long as it stays at that level no drop freezes: not the same state, however long a
    detector holds it, and not one that it begins anew. A spike freezes where it is critical: what it costs to believe that one
    is over is seen at once, and answered.

    Args:
        s: what is known now; an onset that a detector keeps while it fails ends like any other.
        load: of this moment, see `load`.
        memory: the recommender's.
    """
    drop = s.direction < 0
    with np.errstate(invalid="ignore"):
        apart = np.abs(load - memory.settled) > np.maximum(ALIKE * memory.settled, LEAST_ALIKE)
        another = ~(memory.frozen_since <= s.now) | apart
        since = np.where(drop, np.where(another, s.since, memory.frozen_since), np.nan)
        settled = np.where(apart, np.float32(np.nan), memory.settled)
        over = drop & ~((since <= s.now) & (s.now - since <= s.policies.freeze_max))
    ended = over | (~drop & ~np.isnan(memory.frozen_since))
    settled = np.where(ended & ~np.isnan(load), load, settled)
    memory = replace(memory, frozen_since=since, settled=settled.astype(np.float32))
    return ~np.isnan(until(s, memory)), memory


def until(s: Situation, memory: Memory) -> NDArray[np.float64]:
    """UNIX seconds until which, at the latest, each freeze now in force holds: `[targets]`, NaN where none is.

    Args:
        s: what is known now; an onset that a clock put into the future freezes nothing.
        memory: as `frozen` gave it.
    """
    drop, spike = (s.direction < 0) & np.isnan(memory.settled), s.critical & (s.direction > 0)
    since = np.select([drop, spike], [memory.frozen_since, s.since], np.nan)
    ends = since + np.where(drop, s.policies.freeze_max, LONGEST)
    with np.errstate(invalid="ignore"):
        return np.where((since <= s.now) & (s.now <= ends), ends, np.nan)
