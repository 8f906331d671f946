"""States that begin once, last, are told by their worst moment, and end; alarms that are raised once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from scoring.anomalies.anomalies import Anomalies, Kind
from scoring.anomalies.episodes import HOLD_SECONDS, SHIFT_SECONDS
from scoring.anomalies.sigmas import WARNING
from scoring.policies import Fleet
from scoring.references import CRITICAL
from tests.scoring.anomalies.builders import REQUESTS, after, found, surprised
from tests.scoring.builders import NAN, NOW, STEP, Values, fleet, target


def detected(states: Sequence[Anomalies]) -> list[bool]:
    """Whether the target was abnormal, cycle by cycle."""
    return [bool(state.detected[0]) for state in states]


def kinds(states: Sequence[Anomalies]) -> list[Kind]:
    """What it looked like, cycle by cycle."""
    return [Kind(int(state.kind[0])) for state in states]


# When a state begins


def test_a_score_of_the_threshold_begins_a_state() -> None:
    """Its onset is the moment; below the threshold there is none."""
    of = fleet(target("api"), target("web"))
    state = after(of, found(of, [WARNING, 2.4])).state
    assert [True, False] == state.detected.tolist()
    np.testing.assert_array_equal([NOW, NAN], state.since)
    assert [1, 0] == state.alarms.tolist()


def test_nothing_to_judge_begins_nothing() -> None:
    """Without a score there is no state, and the others have theirs."""
    of = fleet(target("api"), target("web"))
    state = after(of, found(of, [NAN, 9.0], moving=[NAN, 9.0], culprit=[-1, 2])).state
    np.testing.assert_array_equal([NAN, 9], state.score)
    assert [False, True] == state.detected.tolist()
    assert [-1, 2] == state.culprit.tolist()


@pytest.mark.parametrize(("sigmas", "critical"), [(2.6, False), (3.4, False), (3.5, True), (9.0, True)])
def test_from_three_and_a_half_on_it_is_critical(sigmas: float, critical: bool) -> None:
    """Only such a state freezes scale-in."""
    of = fleet()
    assert critical is bool(after(of, found(of, sigmas)).state.critical[0])
    assert CRITICAL == 3.5


def test_a_target_has_its_own_threshold() -> None:
    """What is abnormal for one is not for a more patient one; nothing below the threshold is critical."""
    of = fleet()
    state = after(of, found(of, 4.0), threshold=5.0).state
    assert (False, False) == (bool(state.detected[0]), bool(state.critical[0]))
    assert 4 == state.score[0]


def test_a_score_that_only_stands_begins_nothing() -> None:
    """Where nothing new has come, what was said of the last column is no news; a state that is in force holds."""
    of = fleet()
    nothing = found(of, 9.0, last={"cpu": 19.0}, judged=False)
    assert not after(of, nothing).state.detected[0]
    onsets = after(of, found(of, 9.0, last={"cpu": 19.0}))
    state = after(of, nothing, onsets, now=NOW + STEP).state
    assert (True, NOW, 1) == (bool(state.detected[0]), float(state.since[0]), state.alarms[0])


# How long it lasts


def test_a_state_lasts_while_the_value_stays_away() -> None:
    """After the jump nothing surprises any more, but the state holds, with its onset, severity and direction."""
    states = surprised([10, 16, 16.2, 16.1, 15.9])
    assert [False, True, True, True, True] == detected(states)
    assert states[2].score[0] < 1
    for held in states[1:]:
        assert (NOW + STEP, True, 1) == (held.since[0], held.critical[0], held.direction[0])


def test_a_state_ends_when_the_value_is_back() -> None:
    """The way back is a jump too, but no event of its own: nobody is told of a drop where a spike ended."""
    states = surprised([10, 16, 16, 10.2, 10, 10.1])
    assert [False, True, True, False, False, False] == detected(states)
    back = states[3]
    assert back.score[0] > CRITICAL
    assert (0, False, Kind.NONE, -1) == (
        back.direction[0],
        bool(back.critical[0]),
        back.kind[0],
        back.culprit[0],
    )
    for unknown in (back.since, back.peak, back.expected, back.came):
        assert np.isnan(unknown[0])
    assert 1 == states[-1].alarms[0]


def test_a_state_does_not_flap_around_the_threshold() -> None:
    """It begins at the threshold and ends well below it."""
    assert [True, True, True, False] == detected(surprised([12.6, 12.3, 11.6, 11.4]))
    assert [False, False] == detected(surprised([12.3, 11.6]))


def test_after_a_large_jump_the_ordinary_wandering_is_back_to_normal() -> None:
    """Within three tenths of the jump it has ended; a value that stays half way has not."""
    assert [False, True, True, False] == detected(surprised([10, 40, 40, 18]))
    assert [False, True, True, True, False] == detected(surprised([10, 40, 40, 25, 12]))


def test_a_state_may_become_critical() -> None:
    """What began as a warning and grew is critical from then on, with its first onset."""
    states = surprised([13, 18, 18])
    assert [False, True, True] == [bool(s.critical[0]) for s in states]
    assert [NOW] * 3 == [float(s.since[0]) for s in states]


def test_a_level_that_lasts_an_hour_is_the_new_normal() -> None:
    """The state ends after an hour, and does not begin again until something else happens."""
    states = surprised([10, *[16] * 15, 21])
    assert [False, *[True] * 12, False, False, False, True] == detected(states)
    assert 12 * STEP == HOLD_SECONDS
    assert NOW + 16 * STEP == states[-1].since[0]


def test_on_a_coarse_grid_a_state_may_last_longer() -> None:
    """An hour would be one row."""
    of = fleet()
    onsets = after(of, found(of, 9.0, last={"cpu": 19.0}))
    away = found(of, 0.0, last={"cpu": 19.0}, expected={"cpu": 19.0})
    ended, held = (after(of, away, onsets, now=NOW + 3600, hold=hold).state for hold in (3600.0, 10_800.0))
    assert ([False], [True]) == (ended.detected.tolist(), held.detected.tolist())


def test_an_outage_is_a_drop_and_its_end_is_not_a_spike() -> None:
    """Ten minutes of nothing, then the load is back: one event."""
    states = surprised([10, 0, 0, 10, 10])
    assert [False, True, True, False, False] == detected(states)
    assert [0, -1, -1, 0, 0] == [int(s.direction[0]) for s in states]
    assert [Kind.NONE, Kind.DROP, Kind.DROP, Kind.NONE, Kind.NONE] == kinds(states)


def test_a_metric_that_falls_silent_ends_nothing() -> None:
    """Whether the value is back cannot be known: the state waits for it, at most its hour."""
    states = surprised([10, 0, *[NAN] * 14])
    assert [False, *[True] * 12, False, False, False] == detected(states)
    assert [False, True, True, False] == detected(surprised([10, 0, NAN, 10]))


def test_a_cycle_without_a_score_keeps_what_was_said_of_the_worst_moment() -> None:
    """Nothing new is known, and nothing is forgotten."""
    state = surprised([10, 0, NAN])[-1]
    assert (10, 0, 10, 0) == (state.peak[0], state.culprit[0], state.expected[0], state.came[0])
    assert np.isnan(state.score[0])


def test_a_clock_that_steps_back_ends_a_state() -> None:
    """An onset in the future would last until then."""
    of = fleet()
    onsets = after(of, found(of, 9.0, last={"cpu": 19.0}), now=NOW + 1e6)
    assert not after(of, found(of, last={"cpu": 19.0}), onsets, now=NOW).state.detected[0]


# Which way demand went


@pytest.mark.parametrize(
    ("last", "share", "moving", "direction"),
    [
        pytest.param({"cpu": 15.0}, {"cpu": 1.0}, 5.0, 1, id="more"),
        pytest.param({"cpu": 5.0}, {"cpu": 1.0}, 5.0, -1, id="less"),
        pytest.param({"cpu": 14.0, "memory": 1.0}, {"cpu": 0.2, "memory": 0.8}, 4.0, 1, id="what drives"),
        pytest.param({"cpu": 11.0, "memory": 1.0}, {"cpu": 0.1, "memory": 0.9}, 1.0, 0, id="only a wobble"),
        pytest.param({"memory": 1.0}, {"memory": 1.0}, NAN, 0, id="memory alone"),
    ],
)
def test_the_direction_is_that_of_the_driving_metrics(
    last: Values, share: Values, moving: float, direction: int
) -> None:
    """More or less, where demand itself is abnormal; else neither."""
    of = fleet()
    state = after(of, found(of, 9.0, moving=moving, last=last, share=share)).state
    assert (True, direction) == (bool(state.detected[0]), int(state.direction[0]))


def test_of_two_that_drive_the_one_with_the_larger_share_says_which_way() -> None:
    """Fewer requests beside a little more cpu is a drop of demand."""
    of = fleet(target(metrics=(REQUESTS, target().followed()[0])))
    names = [metric.name for metric in of.metrics if metric.drives]
    assert ["requests", "cpu"] == names
    last, share = {"requests": 2.0, "cpu": 11.0}, {"requests": 0.9, "cpu": 0.1}
    assert -1 == after(of, found(of, 9.0, last=last, share=share)).state.direction[0]


def test_demand_has_a_direction_however_small_its_share() -> None:
    """Memory alone made the target abnormal, and cpu would have: it is its own share among those that drive that counts."""
    of = fleet()
    state = after(
        of,
        found(
            of,
            9.0,
            moving=4.0,
            last={"cpu": 15.0, "memory": 60.0},
            share={"cpu": 0.0, "memory": 1.0},
            moving_share={"cpu": 1.0},
            culprit=[1],
        ),
    ).state
    assert (1, 1) == (int(state.direction[0]), int(state.culprit[0]))


def test_a_normal_target_has_no_direction() -> None:
    """However far from what was expected, below the threshold it is neither."""
    of = fleet()
    assert 0 == after(of, found(of, 1.0, last={"cpu": 11.0})).state.direction[0]


def test_a_drop_of_demand_counts_over_an_anomaly_that_moves_no_demand() -> None:
    """Memory that is abnormal for hours must not keep an outage from being seen."""
    of = fleet()
    leak = found(of, 9.0, moving=0.0, last={"cpu": 10.0, "memory": 60.0}, share={"memory": 1.0}, culprit=[1])
    onsets = after(of, leak)
    assert (True, 0) == (bool(onsets.state.detected[0]), int(onsets.state.direction[0]))
    drop = found(of, 9.0, last={"cpu": 1.0, "memory": 60.0})
    onsets = after(of, drop, onsets, now=NOW + STEP)
    assert (-1, NOW + STEP) == (int(onsets.state.direction[0]), float(onsets.state.since[0]))
    calm = found(of, 0.0, last={"cpu": 1.0, "memory": 60.0}, expected={"cpu": 1.0, "memory": 60.0})
    onsets = after(of, calm, onsets, now=NOW + 2 * STEP)
    assert (True, -1) == (bool(onsets.state.critical[0]), int(onsets.state.direction[0]))


# What it looks like


@pytest.mark.parametrize(
    ("last", "abrupt", "kind"),
    [
        pytest.param(16.0, True, Kind.SPIKE, id="more, at once"),
        pytest.param(4.0, True, Kind.DROP, id="less, at once"),
        pytest.param(16.0, False, Kind.DRIFT, id="more, by and by"),
        pytest.param(4.0, False, Kind.DRIFT, id="less, by and by"),
    ],
)
def test_an_anomaly_has_the_kind_it_looks_like(last: float, abrupt: bool, kind: Kind) -> None:
    """A spike or a drop where it came at once, else a drift."""
    of = fleet()
    assert kind == after(of, found(of, 9.0, last={"cpu": last}, abrupt=abrupt)).state.kind[0]


def test_the_kind_is_that_of_the_culprit() -> None:
    """Memory that leaps beside cpu that is a little below is a spike."""
    of = fleet()
    what = found(of, 9.0, last={"cpu": 9.0, "memory": 60.0}, share={"cpu": 0.1, "memory": 0.9}, culprit=[1])
    state = after(of, what).state
    assert (Kind.SPIKE, 1) == (state.kind[0], state.culprit[0])


def test_a_spike_that_lasts_half_an_hour_is_a_shift() -> None:
    """It keeps its onset; and a drop becomes one as well."""
    for level, kind in ((16, Kind.SPIKE), (4, Kind.DROP)):
        states = surprised([10, *[level] * 12])
        assert [Kind.NONE, *[kind] * 6, *[Kind.SHIFT] * 6] == kinds(states)
        assert {NOW + STEP} == {float(s.since[0]) for s in states[1:]}
    assert 6 * STEP == SHIFT_SECONDS


def test_a_drift_stays_a_drift() -> None:
    """What came by and by was no change of level, however long it lasts."""
    assert [Kind.DRIFT] * 12 == kinds(surprised([16] * 12, abrupt=False))


def test_what_came_as_expected_did_not_shift() -> None:
    """Such as a rhythm that is another: judged abnormal as a whole, its level is where it was, and nothing is divided by zero."""
    of, onsets = fleet(), None
    for i in range(12):
        moment = found(of, 9.0, last={"cpu": 10.0 + i}, expected={"cpu": 10.0 + i})
        onsets = after(of, moment, onsets, now=NOW + i * STEP)
        assert (True, Kind.SHIFT) != (bool(onsets.state.detected[0]), Kind(int(onsets.state.kind[0])))


# Alarms, and what is said of them


def test_an_alarm_is_raised_once_per_event() -> None:
    """The state that lasts raises none; the next event does."""
    states = surprised([10, 16, 16.2, 16.1, 10, 10, 10, 16])
    assert [0, 1, 1, 1, 1, 1, 1, 2] == [s.alarms[0] for s in states]


def test_a_state_that_is_not_fresh_raises_no_alarm() -> None:
    """What was as abnormal within the last hours begins a state, and nobody is called again."""
    states = surprised([10, 16, 10, 16], fresh=False)
    assert [False, True, False, True] == detected(states)
    assert {0} == {s.alarms[0] for s in states}


def test_an_anomaly_is_described_by_its_worst_moment() -> None:
    """Peak, culprit, and what was expected of it and came: of the highest score since the onset."""
    of = fleet()
    moments = [
        found(of, 4.0, last={"cpu": 15.0, "memory": 5.0}, share={"cpu": 1.0, "memory": 0.0}),
        found(of, 3.0, last={"cpu": 16.0, "memory": 5.0}, share={"cpu": 1.0, "memory": 0.0}),
        found(
            of,
            6.0,
            last={"cpu": 15.0, "memory": 50.0},
            expected={"cpu": 10.0, "memory": 5.0},
            share={"cpu": 0.2, "memory": 0.8},
            culprit=[1],
        ),
        found(of, 2.0, last={"cpu": 15.0, "memory": 40.0}),
    ]
    onsets, told = None, []
    for i, moment in enumerate(moments):
        onsets = after(of, moment, onsets, now=NOW + i * STEP)
        s = onsets.state
        told.append((s.score[0], s.peak[0], s.culprit[0], s.expected[0], s.came[0]))
    assert [(4, 4, 0, 10, 15), (3, 4, 0, 10, 15), (6, 6, 1, 5, 50), (2, 6, 1, 5, 50)] == told
    assert NOW == s.since[0]


def test_a_new_state_is_described_anew() -> None:
    """What was worse in the one before has ended with it."""
    states = surprised([10, 30, 10, 10, 14])
    assert (4, 10, 14) == (states[-1].peak[0], states[-1].expected[0], states[-1].came[0])


# The fleet


def test_one_targets_state_is_not_anothers() -> None:
    """They are kept target by target."""
    of = fleet(target("api"), target("web"))
    first = after(of, found(of, [9, 0], last=[19, 5, 10, 5], expected=[10, 5, 10, 5]))
    then = found(of, [0, 9], last=[19, 5, 19, 5], expected=[19, 5, 10, 5])
    state = after(of, then, first, now=NOW + STEP).state
    assert [True, True] == state.detected.tolist()
    assert [NOW, NOW + STEP] == state.since.tolist()
    assert [1, 1] == state.alarms.tolist()


def test_states_follow_their_targets() -> None:
    """When the fleet changes, those that stay keep state, alarms and culprit, and new ones begin without."""
    of = fleet(target("api"), target("web"))
    onsets = after(of, found(of, [0, 9], last=[10, 5, 19, 5], culprit=[0, 2]))
    assert [-1, 2] == onsets.state.culprit.tolist()
    other = fleet(target("web"), target("new"))
    moved = onsets.for_rows(np.array([1, -1]), np.array([2, 3, -1, -1]))
    assert [0, -1] == moved.state.culprit.tolist()
    state = after(other, found(other, 0.0, last=[19, 5, 7, 5]), moved, now=NOW + STEP).state
    assert [True, False] == state.detected.tolist()
    assert NOW == state.since[0]
    assert [1, 0] == state.alarms.tolist()


def test_a_culprit_that_left_is_nobody() -> None:
    """The metric is not followed any more: the state stays, and names none."""
    of = fleet()
    onsets = after(of, found(of, 9.0, last={"cpu": 10.0, "memory": 60.0}, culprit=[1]))
    moved = onsets.for_rows(np.array([0]), np.array([0, -1]))
    assert (-1, True) == (moved.state.culprit[0], bool(moved.state.detected[0]))


def test_an_empty_fleet_has_no_states() -> None:
    """No targets, no events."""
    of = Fleet.of(())
    assert 0 == len(after(of, found(of)).state.detected)
