"""The first detector: scores, and events that begin once, last, and end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.anomalies.residuals import CRITICAL, HOLD_SECONDS, Onsets, ResidualDetector
from scoring.forecasting.forecasts import Ask
from scoring.policies import Fleet, Metric
from tests.scoring.builders import NAN, NOW, STEP, Values, fleet, forecast, panel, target
from tests.scoring.forecasters import Seasonal

REQUESTS = Metric("requests", "sum(rate(requests[5m]))", 50.0)


def score(
    of: Fleet,
    before: Onsets | None = None,
    *,
    now: float = NOW,
    threshold: float = 2.5,
    residual: Values = 0.0,
    sigma: Values = 1.0,
    last: Values = 10.0,
) -> Onsets:
    """One cycle of the detector."""
    thresholds = np.full(len(of), threshold, np.float32)
    said = forecast(of, residual=residual, sigma=sigma, last=last)
    return ResidualDetector().score(of, said, thresholds, before or Onsets.none(of), now)


def watched(demand: Sequence[float], *, expected: float = 10.0, sigma: float = 1.0) -> list[Onsets]:
    """The states of one target whose cpu does `demand` while persistence forecasts it; memory is silent."""
    of, state, before, states = fleet(), None, expected, []
    for i, value in enumerate(demand):
        state = score(
            of,
            state,
            now=NOW + i * STEP,
            residual={"cpu": value - before},
            sigma={"cpu": sigma},
            last={"cpu": value},
        )
        before = value
        states.append(state)
    return states


def detected(states: list[Onsets]) -> list[bool]:
    """Whether the target was abnormal, cycle by cycle."""
    return [bool(s.state.detected[0]) for s in states]


@pytest.mark.parametrize(
    ("residual", "expected"),
    [
        pytest.param({"cpu": 3.0, "memory": 0.0}, 3 / 2**0.25, id="one of two"),
        pytest.param({"cpu": 3.0}, 3.0, id="one alone"),
        pytest.param({"cpu": -3.0}, 3.0, id="below as well as above"),
        pytest.param({"cpu": 3.0, "memory": -3.0}, 3 * 2**0.25, id="two at once weigh more"),
        pytest.param({"cpu": 1e9}, 100.0, id="beyond a hundred nothing is distinguished"),
        pytest.param({"cpu": 0.0, "memory": 0.0}, 0.0, id="as expected"),
    ],
)
def test_the_score_is_the_distance_from_the_forecast_in_sigmas(residual: Values, expected: float) -> None:
    """The metrics of a target are joined by their squares."""
    assert expected == pytest.approx(
        float(score(fleet(), residual=residual, sigma=1.0).state.score[0]), rel=1e-5
    )


def test_nothing_to_judge_has_no_score() -> None:
    """Without a residual there is no score, no share and no event, and the others are scored."""
    of = fleet(target("api"), target("web"))
    state = score(of, residual=[NAN, NAN, 9.0, NAN]).state
    np.testing.assert_array_equal([NAN, 9], state.score)
    np.testing.assert_array_equal([NAN, NAN, 1, NAN], state.share)
    assert [False, True] == state.detected.tolist()


@given(
    st.lists(
        st.tuples(*[st.one_of(st.just(NAN), st.floats(-1e9, 1e9, width=32))] * 3), min_size=1, max_size=5
    )
)
def test_contributions_sum_to_one(residuals: list[tuple[float, float, float]]) -> None:
    """Over the metrics of each target that could be judged, whatever their size; of nothing, all alike."""
    of = fleet(*(target(f"api-{i}", metrics=(Metric("cpu"), REQUESTS)) for i in range(len(residuals))))
    state = score(of, residual=[r for row in residuals for r in row]).state
    for i, row in enumerate(residuals):
        share = state.share[3 * i : 3 * i + 3]
        assert np.isnan(share).tolist() == np.isnan(row).tolist()
        if not np.isnan(row).all():
            assert 1 == pytest.approx(float(np.nansum(share)), rel=1e-5)
            assert (share[~np.isnan(share)] >= 0).all()


def test_a_constant_series_first_wobble_is_no_event() -> None:
    """Its sigma is at least a hundredth of its level: two percent are not abnormal, four are."""
    assert not score(fleet(), residual={"cpu": 0.2}, sigma={"cpu": 0.0}, last={"cpu": 10.0}).state.detected[0]
    assert score(fleet(), residual={"cpu": 0.4}, sigma={"cpu": 0.0}, last={"cpu": 10.0}).state.detected[0]


def test_a_small_series_is_judged_by_its_own_size() -> None:
    """Ten times its usual wobble is ten sigmas, also for a hundredth of a core."""
    state = score(fleet(), residual={"cpu": 0.01}, sigma={"cpu": 0.001}, last={"cpu": 0.02}).state
    assert 10 == pytest.approx(float(state.score[0]), rel=1e-5)


def test_a_series_at_zero_is_no_event() -> None:
    """Nothing over nothing is nothing."""
    state = score(fleet(), residual=0.0, sigma=0.0, last=0.0).state
    assert (0.0, False) == (float(state.score[0]), bool(state.detected[0]))


@pytest.mark.parametrize(
    ("residual", "direction"),
    [
        pytest.param({"cpu": 5.0}, 1, id="a spike"),
        pytest.param({"cpu": -5.0}, -1, id="a drop"),
        pytest.param({"cpu": 4.0, "memory": -9.0}, 1, id="what drives decides"),
        pytest.param({"cpu": 1.0, "memory": -9.0}, 0, id="a wobble beside abnormal memory is neither"),
        pytest.param({"memory": -9.0}, 0, id="memory alone is neither"),
        pytest.param({"cpu": 0.5}, 0, id="normal is neither"),
    ],
)
def test_the_direction_is_that_of_the_driving_metrics(residual: Values, direction: int) -> None:
    """More is a spike, less is a drop."""
    assert direction == score(fleet(), residual=residual).state.direction[0]


@pytest.mark.parametrize(("sigmas", "critical"), [(2.6, False), (3.4, False), (3.5, True), (9.0, True)])
def test_from_three_and_a_half_on_it_is_critical(sigmas: float, critical: bool) -> None:
    """Only such an event freezes scale-in."""
    assert critical is bool(score(fleet(), residual={"cpu": sigmas}).state.critical[0])
    assert CRITICAL == 3.5


def test_a_target_has_its_own_threshold() -> None:
    """What is an event for one is none for a more patient one; nothing below the threshold is critical."""
    state = score(fleet(), residual={"cpu": 4.0}, threshold=5.0).state
    assert (False, False) == (bool(state.detected[0]), bool(state.critical[0]))
    assert 4 == state.score[0]


def test_an_event_lasts_while_the_value_stays_away() -> None:
    """After the jump nothing surprises any more, but the state holds, with its onset, severity and direction."""
    states = watched([10, 16, 16.2, 16.1, 15.9])
    assert [False, True, True, True, True] == detected(states)
    assert states[2].state.score[0] < 1
    for held in states[1:]:
        assert (NOW + STEP, True, 1) == (held.state.since[0], held.state.critical[0], held.state.direction[0])


def test_an_event_ends_when_the_value_is_back() -> None:
    """The way back is a jump too, but no event of its own: nobody is told of a drop where a spike ended."""
    states = watched([10, 16, 16, 10.2, 10, 10.1])
    assert [False, True, True, False, False, False] == detected(states)
    assert states[3].state.score[0] > CRITICAL
    assert (0, False) == (states[3].state.direction[0], bool(states[3].state.critical[0]))
    assert np.isnan(states[3].state.since[0])


def test_an_event_does_not_flap_around_the_threshold() -> None:
    """It begins at the threshold and ends well below it."""
    assert [True, True, True, False] == detected(watched([12.6, 12.3, 11.6, 11.4]))
    assert [False, False] == detected(watched([12.3, 11.6]))


def test_after_a_large_jump_the_ordinary_wandering_is_back_to_normal() -> None:
    """Within three tenths of the jump it has ended; a value that stays half way has not."""
    assert [False, True, True, False] == detected(watched([10, 40, 40, 18]))
    assert [False, True, True, True, False] == detected(watched([10, 40, 40, 25, 12]))


def test_an_event_may_become_critical() -> None:
    """What began as a warning and grew is critical from then on, with its first onset."""
    states = watched([13, 18, 18])
    assert [False, True, True] == [bool(s.state.critical[0]) for s in states]
    assert [NOW] * 3 == [float(s.state.since[0]) for s in states]


def test_a_level_that_lasts_an_hour_is_the_new_normal() -> None:
    """The state ends after an hour, and does not begin again until something else happens."""
    states = watched([10, *[16] * 15, 21])
    assert [False, *[True] * 12, False, False, False, True] == detected(states)
    assert 12 * STEP == HOLD_SECONDS
    assert NOW + 16 * STEP == states[-1].state.since[0]


def test_an_outage_is_a_drop_and_its_end_is_not_a_spike() -> None:
    """Ten minutes of nothing, then the load is back: one event."""
    states = watched([10, 0, 0, 10, 10])
    assert [False, True, True, False, False] == detected(states)
    assert [0, -1, -1, 0, 0] == [int(s.state.direction[0]) for s in states]


def test_a_metric_that_falls_silent_ends_nothing() -> None:
    """Whether the value is back cannot be known: the state waits for it, at most its hour."""
    states = watched([10, 0, *[NAN] * 14])
    assert [False, *[True] * 12, False, False, False] == detected(states)
    assert [False, True, True, False] == detected(watched([10, 0, NAN, 10]))


def test_a_clock_that_steps_back_ends_an_event() -> None:
    """An onset in the future would last until then."""
    of = fleet()
    state = score(of, residual={"cpu": 9.0}, last={"cpu": 19.0}, now=NOW + 1e6)
    assert not score(of, state, last={"cpu": 19.0}, now=NOW).state.detected[0]


def test_one_targets_event_is_not_anothers() -> None:
    """States are kept target by target."""
    of = fleet(target("api"), target("web"))
    first = score(of, residual=[9, NAN, 0, NAN], last=[19, 5, 10, 5])
    then = score(of, first, residual=[0, NAN, 9, NAN], last=[19, 5, 19, 5], now=NOW + STEP)
    assert [True, True] == then.state.detected.tolist()
    assert [NOW, NOW + STEP] == then.state.since.tolist()


def test_events_follow_their_targets() -> None:
    """When the fleet changes, those that stay keep their state and new ones begin without."""
    of = fleet(target("api"), target("web"))
    state = score(of, residual=[0, 0, 9, 0], last=[10, 5, 19, 5])
    other = fleet(target("web"), target("new"))
    moved = state.for_rows(np.array([1, -1]), np.array([2, 3, -1, -1]))
    then = score(other, moved, last=[19, 5, 7, 5], now=NOW + STEP)
    assert [True, False] == then.state.detected.tolist()
    assert NOW == then.state.since[0]


def test_an_empty_fleet_is_scored() -> None:
    """No targets, no events."""
    assert 0 == len(score(Fleet.of(())).state.score)


def test_a_level_shift_of_a_real_forecast_ends_after_an_hour() -> None:
    """With a forecaster's own residuals a jump to a new level alarms once."""
    x = 10 + np.random.default_rng(4).normal(0, 0.2, (1, 2016 + 40)).astype(np.float32)
    x[0, 2016:] += 4
    of, state, seen = fleet(), None, []
    for end in range(2010, 2056):
        rows = panel(np.stack([x[0, :end], np.full(end, np.nan)]), end=NOW + (end - 2017) * STEP)
        said = Seasonal().forecast(rows, Ask((1, 6), np.ones(2, np.int32)))
        state = ResidualDetector().score(
            of, said, np.full(1, 3.5, np.float32), state or Onsets.none(of), NOW + (end - 2017) * STEP
        )
        seen.append(bool(state.state.detected[0]))
    assert [False] * 7 == seen[:7]
    assert [True] * 12 == seen[7:19]
    assert not any(seen[19:])


def test_a_drop_of_demand_counts_over_an_anomaly_that_moves_no_demand() -> None:
    """Memory that is abnormal for hours must not keep an outage from being seen."""
    of = fleet()
    state = score(of, residual={"cpu": 0.0, "memory": 50.0}, last={"cpu": 10.0, "memory": 60.0})
    assert (True, 0) == (bool(state.state.detected[0]), int(state.state.direction[0]))
    drop = {"cpu": -9.0, "memory": 0.0}
    state = score(of, state, now=NOW + STEP, residual=drop, last={"cpu": 1.0, "memory": 60.0})
    assert (-1, NOW + STEP) == (int(state.state.direction[0]), float(state.state.since[0]))
    calm = {"cpu": 0.0, "memory": 0.0}
    state = score(of, state, now=NOW + 2 * STEP, residual=calm, last={"cpu": 1.0, "memory": 60.0})
    assert (True, -1) == (bool(state.state.critical[0]), int(state.state.direction[0]))
