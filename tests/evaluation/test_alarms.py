"""Alarms against labelled events, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scoring.evaluation.alarms import Judged, at_rate, figures, threshold_at

HOUR = 3600.0
WEEK = 168


def judged(
    alarms: dict[int, float], *events: tuple[int, int], rows: int = WEEK, step: float = HOUR
) -> Judged:
    """Alarm scores by row, and events from the first to the last row."""
    alarm, labels = np.zeros(rows, np.float32), np.zeros(rows, np.bool_)
    alarm[list(alarms)] = list(alarms.values())
    for first, last in events:
        labels[first : last + 1] = True
    return Judged(alarm, labels, step)


def test_an_event_is_seen_by_an_alarm_in_one_of_its_rows() -> None:
    """One seen in its last row, one missed by a row, which is a false alarm, however near."""
    found = figures([judged({13: 3.0, 51: 3.0}, (10, 13), (52, 55))], 2.5)
    assert (2, 1, 0.5, 1, 0.5) == (
        found.events,
        found.seen,
        found.recall,
        found.false_alarms,
        found.precision,
    )


def test_further_alarms_in_an_event_count_for_nothing() -> None:
    """Neither as found nor as false."""
    found = figures([judged({10: 3.0, 11: 4.0, 12: 5.0}, (10, 13))], 2.5)
    assert (1, 0, 1.0) == (found.seen, found.false_alarms, found.precision)


def test_alarms_below_the_threshold_do_not_count() -> None:
    """Nor does what is not known."""
    found = figures([judged({10: 2.4, 11: np.nan}, (10, 13))], 2.5)
    assert (0, 0) == (found.seen, found.false_alarms)
    assert math.isnan(found.precision)


def test_delay_is_the_median_over_events_seen() -> None:
    """From the first row to the first alarm: one, three and no hours; the event that was missed has none."""
    found = figures([judged({11: 3.0, 33: 3.0, 50: 3.0}, (10, 13), (30, 35), (50, 51), (90, 91))], 2.5)
    assert HOUR == found.delay


def test_false_alarms_are_per_series_and_week_whatever_the_step() -> None:
    """A week of hours and half a week of minutes: three false alarms in a week and a half."""
    hours, minutes = judged({1: 3.0, 2: 3.0}), judged({5: 3.0}, rows=5040, step=60.0)
    assert 2.0 == figures([hours, minutes], 2.5).false_alarms_per_week


def test_without_events_recall_is_not_known() -> None:
    """Nothing to see is not the same as nothing seen."""
    assert math.isnan(figures([judged({})], 2.5).recall)


def test_alarms_a_week_are_of_each_series() -> None:
    """Nine quiet series and a loud one: the median is quiet, the 90th percentile is one of the series."""
    series = [judged(dict.fromkeys(range(i), 3.0)) for i in range(1, 11)]
    spread = figures(series, 2.5).alarms_per_week
    assert (5.5, 10.0) == (spread.median, spread.worst)


def test_one_threshold_over_all_series_keeps_the_rate() -> None:
    """Two weeks, one false alarm a week: two may pass, the third strongest may not, and 3.5 is the lowest alarm above it."""
    series = [judged({1: 5.0, 2: 3.0, 20: 3.5}, (20, 22)), judged({3: 4.0, 30: 2.0}, (30, 31))]
    found = at_rate(series, 1.0)
    assert (3.5, 2, 1, 0.5, 1.0) == (
        found.threshold,
        found.false_alarms,
        found.seen,
        found.recall,
        found.false_alarms_per_week,
    )


def test_alarms_of_one_score_pass_together_or_not_at_all() -> None:
    """Three false alarms of one score do not fit into two."""
    series = [judged({1: 3.0, 2: 3.0, 3: 3.0, 20: 5.0}, (20, 21)), judged({})]
    assert 5.0 == threshold_at(series, 1.0)


@pytest.mark.parametrize(
    "alarms", [pytest.param({}, id="none at all"), pytest.param({1: 9.0}, id="too many")]
)
def test_where_no_alarm_fits_the_threshold_is_infinite(alarms: dict[int, float]) -> None:
    """One false alarm in a week is too many for a quarter of one."""
    found = at_rate([judged(alarms, (20, 21))], 0.25)
    assert (math.inf, 0.0) == (found.threshold, found.recall)
