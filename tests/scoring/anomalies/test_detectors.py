"""The detector in its loop: each column judged once, when it is there, whatever came late, joined, left or was missed."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.anomalies.anomalies import Kind
from scoring.anomalies.backlogs import LATE
from scoring.anomalies.detectors import Detection, Detector
from scoring.anomalies.sigmas import WARNING
from scoring.anomalies.walks import rows_needed
from scoring.panels import Floats
from scoring.policies import Fleet
from tests.scoring.anomalies.builders import (
    HOUR,
    Watch,
    alone,
    arrays,
    assert_sound,
    grid,
    ordinary,
    scores,
    singles,
    walked,
)
from tests.scoring.builders import NAN, NOW, fleet

NEEDED = rows_needed(HOUR)
OF = singles(2)
LONG = 90
"""Columns after which there is enough to be scored."""


WILD = st.one_of(st.just(NAN), st.sampled_from([0.0, 1e-30, 1.0, 10.0, 1e9, 1e17]))
"""Anything but ordinary."""


def two(columns: int = LONG + 40, *, seed: int = 0) -> Floats:
    """The memory of `OF`: two ordinary demands."""
    return grid(OF, ordinary(2, columns, step=HOUR, seed=seed))


def missing(values: Floats, *columns: int) -> Floats:
    """As long as these have not come."""
    out = values.copy()
    out[:, list(columns)] = NAN
    return out


def watched(values: Floats, first: int = 0, stop: int = LONG) -> Watch:
    """A watch that has seen these columns come."""
    watch = Watch(OF)
    watch.through(values, first, stop)
    return watch


def assert_as(one: Watch, other: Watch) -> None:
    """The same is remembered, and was said last."""
    assert one.detection is not None
    assert other.detection is not None
    theirs = dict(arrays(other.detection.memory))
    for name, values in arrays(one.detection.memory):
        np.testing.assert_array_equal(theirs[name], values, err_msg=name)
    np.testing.assert_array_equal(one.detection.state.score, other.detection.state.score)


# One column after the other


def test_the_loop_says_what_is_said_of_a_recorded_past() -> None:
    """What was measured on records holds for what runs."""
    rows = ordinary(2, LONG, step=HOUR, seed=3)
    rows[0, 80] += 9
    live = scores(Watch(OF).through(grid(OF, rows), 0, LONG))
    for said, recorded in zip(live, walked(*rows), strict=True):
        both = np.isfinite(said) & np.isfinite(recorded.score)
        assert np.count_nonzero(both) >= LONG - NEEDED - 2
        np.testing.assert_array_equal(recorded.score[both], said[both])


def test_before_there_is_enough_it_says_how_much_is_lacking() -> None:
    """No score, no state; so many rows of so many."""
    states = Watch(OF).through(two(), 0, NEEDED + 6)
    points = np.array([s.points[0] for s in states])
    # of the first two rows there is nothing to be said yet
    np.testing.assert_array_equal(np.maximum(np.arange(NEEDED + 6) - 1, 0), points)
    assert {NEEDED} == {int(s.needed[0]) for s in states}
    for said_ in scores(states):
        np.testing.assert_array_equal(points >= NEEDED, np.isfinite(said_))


def test_a_target_of_a_few_rows_is_not_abnormal() -> None:
    """Whatever it does."""
    wild = np.random.default_rng(0).lognormal(0, 3, (2, NEEDED - 1))
    states = Watch(OF).through(grid(OF, wild), 0, NEEDED - 1)
    assert not any(s.detected.any() or s.alarms.any() for s in states)


def test_an_outage_is_found_described_and_ended() -> None:
    """In the cycle in which it comes; the other target is as it was, and the way back is no event."""
    rows = ordinary(2, 125, step=900.0, seed=1)
    rows[0, 120:122] = 0
    watch = Watch(OF, step=900.0)
    watch.through(grid(OF, rows), 119, 120)
    found, still, back, then = watch.through(grid(OF, rows), 120, 124)
    assert [True, False] == found.detected.tolist() == still.detected.tolist()
    assert (Kind.DROP, -1, NOW + 120 * 900) == (found.kind[0], found.direction[0], found.since[0])
    assert (alone(OF)[0], 0, 1) == (found.culprit[0], found.came[0], found.alarms[0])
    assert 5 < found.expected[0] < 15
    assert found.peak[0] == found.score[0] >= WARNING
    assert found.since[0] == still.since[0]
    assert not back.detected.any()
    assert not then.detected.any()
    assert [1, 0] == then.alarms.tolist()


@pytest.mark.parametrize(("times", "direction"), [(3.0, 1), (0.1, -1)])
def test_demand_has_a_direction_beside_a_metric_that_is_more_abnormal(times: float, direction: int) -> None:
    """Twice the replicas are wanted whether or not memory has gone farther; so are they not fewer where memory fell."""
    of = fleet()
    values = ordinary(2, LONG + 1, step=HOUR, seed=1)
    assert ["cpu", "memory"] == [metric.name for metric in of.metrics]
    values[:, LONG] *= times, times**3
    state = Watch(of).through(values, LONG - 1, LONG + 1)[-1]
    assert state.share[1] > state.share[0]
    assert (True, direction) == (bool(state.detected[0]), int(state.direction[0]))


def test_a_target_is_alarmed_at_its_own_threshold() -> None:
    """The same outage is nothing to one who wants to be called once a year."""
    rows = ordinary(2, LONG + 1, step=HOUR, seed=1)
    rows[0, LONG] = 0
    patient = Watch(OF, threshold=8.0)
    state = patient.through(grid(OF, rows), 0, LONG + 1)[-1]
    assert WARNING <= state.score[0] < 8
    assert not state.detected.any()
    assert not state.alarms.any()


def test_a_new_level_is_one_alarm_and_then_ordinary() -> None:
    """The state ends, and nobody is called on the next day."""
    rows = ordinary(2, LONG + 40, step=HOUR, seed=6)
    rows[0, LONG:] += 12
    states = Watch(OF).through(grid(OF, rows), 0, LONG + 40)
    assert 0 == states[LONG - 1].alarms[0]
    assert {1} == {int(s.alarms[0]) for s in states[LONG:]}
    assert not any(s.detected.any() for s in states[-12:])


def test_a_target_that_was_always_idle_begins_with_one_alarm_at_most() -> None:
    """And with no score that only zeros could explain."""
    rows = np.zeros((2, LONG + 60))
    rows[:, LONG:] = ordinary(2, 60, step=HOUR, seed=6)
    states = Watch(OF).through(grid(OF, rows), LONG - 1, LONG + 60)
    assert np.isfinite(states[-1].score).all()
    assert np.nanmax(scores(states)) < 6
    assert states[-1].alarms.max() <= 1


@cache
def warm() -> Watch:
    """A watch that has just seen enough; to be copied."""
    return watched(two(60), 58, 60)


@settings(max_examples=25)
@given(st.lists(st.tuples(WILD, WILD), min_size=1, max_size=12))
def test_whatever_comes_what_is_said_is_sound(wild: list[tuple[float, float]]) -> None:
    """Numbers where there are any, and each state with all that belongs to it."""
    values = np.concatenate([two(60), grid(OF, np.array(wild).T)], axis=1)
    for state in copy.deepcopy(warm()).through(values, 60, values.shape[1]):
        assert_sound(state)


# What comes late


def test_a_source_that_is_always_one_step_late_has_scores() -> None:
    """Each a cycle later, and the same."""
    values = two()
    values[:, 80] *= 3
    plain = scores(Watch(OF).through(values, 0, LONG))
    watch = Watch(OF)
    late = scores([watch.see(missing(values, c), c) for c in range(LONG)])
    np.testing.assert_array_equal(plain[:, NEEDED:-1], late[:, NEEDED + 1 :])
    assert np.isfinite(late[:, NEEDED + 3 :]).all()


def test_a_sample_that_comes_late_is_judged_when_it_comes() -> None:
    """Up to two columns late; what was said and remembered in the end is the same."""
    values = two()
    plain = watched(values, 0, LONG + 1)
    assert LATE == 2
    for ago in (1, 2):
        watch = watched(values, 0, LONG - ago)
        gone = [LONG - back for back in range(ago, -1, -1)]
        for column in gone[:-1]:
            watch.see(missing(values, *gone), column)
        watch.see(values, LONG)
        assert_as(plain, watch)


def test_an_outage_that_is_told_one_step_late_is_found() -> None:
    """In the cycle in which it is told."""
    values = two()
    values[alone(OF)[0], LONG] = 0
    watch = watched(values)
    assert not watch.see(missing(values, LONG), LONG).detected.any()
    state = watch.see(missing(values, LONG + 1), LONG + 1)
    assert state.score[0] >= WARNING


def test_what_was_not_observed_for_long_has_no_score() -> None:
    """The last one stands while the sample may still come, and no longer."""
    values = missing(two(), *range(LONG, LONG + 10))
    states = watched(values).through(values, LONG, LONG + 10)
    assert np.isnan(scores(states)[:, LATE:]).all()
    later = two()
    later[:, LONG : LONG + 10] = NAN
    watch = watched(later, 0, LONG + 10)
    assert np.isfinite(watch.see(later, LONG + 10).score).all()


def test_the_same_column_twice_is_judged_once() -> None:
    """Scoring more often than the grid teaches nothing twice, and calls nobody twice."""
    values = two()
    values[alone(OF)[0], LONG] = 0
    watch = watched(values, 0, LONG + 1)
    once = copy.deepcopy(watch)
    again = watch.see(values, LONG)
    assert_as(once, watch)
    assert 1 == again.alarms[0]


# What was missed


@pytest.mark.parametrize("gap", [1, 2, 3, 4, 30])
def test_columns_that_were_missed_are_caught_up_with(gap: int) -> None:
    """After an outage of the loop, of any length, all is as if there had been none."""
    values = two()
    watch = watched(values, 0, LONG - gap)
    watch.see(values, LONG)
    assert_as(watched(values, 0, LONG + 1), watch)


def test_whoever_scores_more_seldom_than_the_grid_misses_no_column() -> None:
    """Each is judged, five at a time, in every cycle."""
    values, watch = two(), Watch(OF)
    for column in range(50, LONG + 1, 5):
        watch.see(values, column)
    assert_as(watched(values, 0, LONG + 1), watch)


def test_a_large_fleet_is_caught_up_with_in_several_cycles_and_after_a_short_gap_in_one() -> None:
    """So that a cycle stays short; who waits has no score, and who lacks little does not wait for who lacks all."""
    of = singles(12)
    watch = Watch(of, columns=200, detector=Detector(cells=9 * 200))
    values = grid(of, ordinary(12, LONG + 1, step=HOUR))
    for column, ready in ((70, 9), (71, 12), (72, 12), (80, 12)):
        state = watch.see(values, column)
        assert ready == np.count_nonzero(np.isfinite(state.score))
    assert len(set(state.points.tolist())) == 1


def test_a_target_that_brings_history_is_scored_at_once() -> None:
    """In its first cycle, as if it had been there."""
    values = two()
    assert_as(watched(values, 0, LONG + 1), watched(values, LONG, LONG + 1))


def test_history_that_arrives_behind_a_young_row_is_walked_through() -> None:
    """What it had seen in the meantime is seen anew, in its place."""
    values = two()
    young = missing(values, *range(LONG - 8))
    watch = watched(young, LONG - 8, LONG)
    assert watch.detection is not None
    assert np.isnan(watch.detection.state.score).all()
    watch.see(values, LONG)
    assert_as(watched(values, 0, LONG + 1), watch)


@pytest.mark.parametrize("back", [1, 10, 80])
def test_a_clock_that_is_set_back_goes_on_from_there(back: int) -> None:
    """What is known stays; nothing is judged twice, and what comes anew is judged again."""
    values = two(LONG + 40)
    watch = watched(values)
    points = watch.see(values, LONG - 1).points.copy()
    state = watch.see(values, LONG - 1 - back)
    np.testing.assert_array_equal(points, state.points)
    states = watch.through(values, LONG - back, LONG + 10)
    np.testing.assert_array_equal(points + back + 10, states[-1].points)
    for state in states:
        assert_sound(state)
        assert np.isfinite(state.score).all()


def test_a_clock_that_leaps_ahead_and_comes_back_calls_again() -> None:
    """After decades that never were, an outage is still an alarm."""
    values = two()
    watch = watched(values, 0, 70)
    ahead = np.full_like(values, NAN)
    watch.see(ahead, 70 + 10**6)
    watch.through(values, 71, LONG)
    values[:, LONG] = np.where(np.isnan(values[:, LONG]), NAN, 0)
    state = watch.see(values, LONG)
    assert [1, 1] == state.alarms.tolist()


# Who joins and who leaves


def test_who_stays_is_scored_as_if_nobody_had_come_or_gone() -> None:
    """And who comes, as if it had been there; in whatever order."""
    rows = ordinary(3, LONG + 10, step=HOUR, seed=5)
    watch = watched(grid(OF, rows[:2]))
    assert watch.detection is not None
    other = Fleet.of((replace(OF.targets[0], deployment="new"), OF.targets[1]))
    place = {series: i for i, series in enumerate(OF.series)}
    moved = watch.detection.for_rows(
        np.array([-1, 1]), np.array([place.get(series, -1) for series in other.series])
    )
    then = Watch(other, detection=moved)
    found = scores(then.through(grid(other, rows[[2, 1]]), LONG, LONG + 10))
    for row, said in zip(rows[[2, 1]], found, strict=True):
        own = Watch(singles(1))
        expected = scores(own.through(grid(own.of, row), LONG, LONG + 10))
        np.testing.assert_array_equal(expected[0], said)


def test_a_target_is_scored_the_same_beside_whatever_others() -> None:
    """A silent one, a rough one and one that has just begun cost it nothing, digit for digit."""
    row = ordinary(1, LONG, step=HOUR)[0]
    rough = np.random.default_rng(1).lognormal(0, 3, LONG)
    begun = np.where(np.arange(LONG) < LONG - 5, NAN, 7)
    of = singles(4)
    among = scores(Watch(of).through(grid(of, [np.full(LONG, NAN), rough, row, begun]), 0, LONG))
    own = Watch(singles(1))
    np.testing.assert_array_equal(scores(own.through(grid(own.of, row), 0, LONG))[0], among[2])
    assert np.isnan(among[[0, 3]]).all()


def test_an_empty_fleet_is_scored() -> None:
    """No targets, no events."""
    watch = Watch(Fleet.of(()))
    assert 0 == len(watch.see(np.zeros((0, 5), np.float32), 4).score)


# What others say of it


def test_a_series_that_is_hidden_is_not_judged_then_or_later() -> None:
    """Its column is passed over, not put off; what comes after it is judged."""
    values = two()
    values[:, LONG] *= 5
    watch = watched(values)
    hidden = np.zeros(len(OF.series), np.bool_)
    hidden[alone(OF)[0]] = True
    state = watch.see(values, LONG, hidden=hidden)
    assert np.isnan(state.score[0])
    assert [False, True] == state.detected.tolist()
    waiting = watch.see(missing(values, LONG + 1), LONG + 1)
    assert np.isnan(waiting.score[0])
    assert not waiting.detected[0]
    then = watch.see(values, LONG + 2)
    assert np.isfinite(then.score).all()
    assert 1 == then.points[1] - then.points[0]


def said(watch: Watch, values: Floats, column: int, residual: float) -> float:
    """The first target's score where a forecast was so far off, in sigmas."""
    known = ~np.isnan(values[:, column])
    off = np.where(known, residual, NAN).astype(np.float32)
    one = np.where(known, 1, NAN).astype(np.float32)
    return float(watch.see(values, column, residual=off, sigma=one).score[0])


def test_a_forecast_that_was_far_off_adds_to_the_score() -> None:
    """One that is never off says that all is ordinary; what no forecast can be is not believed."""
    values, noise = two(), np.random.default_rng(3).normal(0, 1, LONG)
    watch = Watch(OF)
    for column in range(LONG):
        said(watch, values, column, noise[column])
    ordinary_, off, infinite, unknown = (
        said(copy.deepcopy(watch), values, LONG, r) for r in (0.0, 30.0, np.inf, NAN)
    )
    assert off > ordinary_ + 0.3
    assert unknown == infinite


def test_what_is_expected_is_the_forecast_where_there_is_one() -> None:
    """And the usual level where there is none."""
    values = two()
    row = alone(OF)[0]
    values[row, LONG] = 60
    for residual, tolerance in ((50.0, 0.0), (NAN, 3.0)):
        watch = watched(values)
        off = np.where(np.isnan(values[:, LONG]), NAN, residual).astype(np.float32)
        state = watch.see(values, LONG, residual=off, sigma=np.ones_like(off))
        assert (60, True) == (state.came[0], bool(state.detected[0]))
        assert pytest.approx(10, abs=tolerance) == float(state.expected[0])


def test_a_cycle_that_could_not_be_judged_has_no_score_and_keeps_its_states() -> None:
    """The onset and the alarms stay."""
    values = two()
    values[alone(OF)[0], LONG] = 0
    watch = watched(values, 0, LONG + 1)
    assert watch.detection is not None
    state = watch.detection.unjudged().state
    assert np.isnan(state.score).all()
    assert ([True, False], [1, 0]) == (state.detected.tolist(), state.alarms.tolist())


def test_a_day_that_goes_by_faster_is_a_day() -> None:
    """A replay at twenty-four times the speed is scored as what it replays."""
    values = two()
    fast = Watch(OF, step=HOUR / 24, detector=Detector(day=HOUR))
    np.testing.assert_array_equal(
        scores(Watch(OF).through(values, LONG, LONG + 5)), scores(fast.through(values, LONG, LONG + 5))
    )


def test_nothing_was_said_of_a_fleet_that_was_never_scored() -> None:
    """No score, no state, no alarm; and sound."""
    state = Detection.none(fleet()).state
    assert_sound(state)
    assert np.isnan(state.score).all()
    assert not state.detected.any()
