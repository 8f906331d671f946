"""Alarms against labelled events: how many were seen, how soon, and at the price of how many false alarms a week.

An event is a run of labelled rows. It is seen if an alarm is raised in one of its rows; an alarm in any other row is a
false one. There is no point adjustment: rows of an event that nobody marked are not counted as found because one was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.evaluation.measures import Doubles, Spread, spread
from scoring.evaluation.volumes import runs_of
from scoring.panels import Bools

WEEK = 604_800.0
RATES = (0.25, 0.5, 1.0, 2.0)
"""False alarms per series and week at which recall is told."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One target's rows.

    Attributes:
        alarm: the score in rows where an alarm would be raised, 0 elsewhere, `[rows]`; NaN is none.
        labels: whether the row belongs to an event, `[rows]`.
        step: seconds between rows.
    """

    alarm: NDArray[np.floating]
    labels: Bools
    step: float

    @property
    def weeks(self) -> float:
        """How long it is."""
        return len(self.alarm) * self.step / WEEK


@dataclass(frozen=True, slots=True)
class Figures:
    """What one threshold got on all series.

    Attributes:
        threshold: alarms from it on count; infinite where even the strongest one would be too much.
        events: how many there are, and `seen` how many got an alarm.
        recall: seen / events; NaN where there is no event.
        false_alarms: alarms outside of every event.
        false_alarms_per_week: the same per series and week.
        precision: seen / (seen + false alarms): further alarms in an event seen count for nothing; NaN without any.
        delay: median seconds from an event's first row to its first alarm, over those seen; NaN where none was.
        alarms_per_week: of each series all its alarms per week: median and 90th percentile over the series.
    """

    threshold: float
    events: int
    seen: int
    recall: float
    false_alarms: int
    false_alarms_per_week: float
    precision: float
    delay: float
    alarms_per_week: Spread


def figures(series: Sequence[Judged], threshold: float) -> Figures:
    """What a threshold gets on some series together."""
    events = seen = false_alarms = 0
    delays: list[float] = []
    for one in series:
        raised = one.alarm >= threshold
        runs = runs_of(one.labels)
        rows = np.flatnonzero(raised & one.labels)
        firsts = (
            rows[np.minimum(np.searchsorted(rows, runs[:, 0]), max(len(rows) - 1, 0))] if len(rows) else rows
        )
        hit = (firsts >= runs[:, 0]) & (firsts <= runs[:, 1]) if len(rows) else np.zeros(len(runs), np.bool_)
        events, seen = events + len(runs), seen + int(hit.sum())
        false_alarms += int((raised & ~one.labels).sum())
        if hit.any():
            delays.extend((firsts - runs[:, 0])[hit] * one.step)
    weeks = sum(one.weeks for one in series)
    return Figures(
        threshold=threshold,
        events=events,
        seen=seen,
        recall=seen / events if events else float("nan"),
        false_alarms=false_alarms,
        false_alarms_per_week=false_alarms / weeks if weeks else float("nan"),
        precision=seen / (seen + false_alarms) if seen + false_alarms else float("nan"),
        delay=float(np.median(delays)) if delays else float("nan"),
        alarms_per_week=alarms_per_week(series, threshold),
    )


def at_rate(series: Sequence[Judged], rate: float) -> Figures:
    """The most that one threshold over all series gets at no more than `rate` false alarms per series and week."""
    return figures(series, threshold_at(series, rate))


def threshold_at(series: Sequence[Judged], rate: float) -> float:
    """The lowest alarm score at which all series together raise at most `rate` false alarms per series and week.

    Infinite where even the strongest alarm would be too much, or nothing was ever raised.
    """
    every = [one.alarm[one.alarm > 0].astype(np.float64) for one in series]
    wrong = [one.alarm[(one.alarm > 0) & ~one.labels].astype(np.float64) for one in series]
    levels = np.unique(np.concatenate(every)) if every else np.empty(0)
    false = np.sort(np.concatenate(wrong)) if wrong else np.empty(0)
    allowed = rate * sum(one.weeks for one in series)
    raised: NDArray[Any] = len(false) - np.searchsorted(false, levels, "left")
    fit = levels[raised <= allowed + 1e-9]
    return float(fit[0]) if len(fit) else float("inf")


def alarms_per_week(series: Sequence[Judged], threshold: float) -> Spread:
    """Alarms, right or wrong, per week of each series: the median over the series and the 90th percentile."""
    rates: Doubles = np.array(
        [(one.alarm >= threshold).sum() / one.weeks for one in series if len(one.alarm)]
    )
    return spread(rates)
