"""What is no ordinary time, announced events and anomalies: nobody learns from it what ordinary days are like.

What past events did is learned as well, and teaches the lift of the next. Nothing here decides what is abnormal.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scoring.anomalies.episodes import HELD_SHARE, Onsets
from scoring.calendars import Lesson
from scoring.lifts import learned, resumed
from scoring.metrics_stream import MetricsStream
from scoring.panels import Bools, Floats
from scoring.policies import Fleet, Policies
from scoring.recommending.decisions import Memory

Lessons = tuple[Lesson, ...]


def of_calendar(
    fleet: Fleet, stream: MetricsStream, memory: Memory, taught: Lessons, now: float, lead: Floats, day: float
) -> tuple[Policies, Memory, Lessons]:
    """The wishes of `now`; announced events are masked in the stream, and those that have ended are measured.

    Args:
        fleet: the targets.
        stream: their recent past.
        memory: the recommender's; an event that nobody saw begin finds its ordinary demand there.
        taught: the lessons so far.
        now: UNIX seconds.
        lead: the lead time of each target, seconds, `[targets]`.
        day: seconds of the daily season.
    """
    panel = stream.panel()
    if not fleet.eventful:
        return fleet.policies(now, lead), memory, ()
    taught = learned(fleet, panel, now, day=day, before=taught)
    stream.cover(fleet.stretches(now))
    policies, usual = resumed(
        fleet, fleet.policies(now, lead, taught), memory.usual, panel, now, lead, day=day
    )
    return policies, memory if usual is memory.usual else replace(memory, usual=usual), taught


def abnormal_rows(fleet: Fleet, onsets: Onsets, last: Floats, thresholds: Floats) -> Bools:
    """Which series carry the anomaly of their target just now: `[series]`.

    Args:
        fleet: the targets.
        onsets: what was detected, and what had been expected at the onset.
        last: the newest demand, `[series]`.
        thresholds: of each target, in sigmas.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.abs(last - onsets.expected) / onsets.scale
        abnormal: Bools = onsets.state.detected[fleet.owner] & (away >= HELD_SHARE * thresholds[fleet.owner])
    return abnormal
