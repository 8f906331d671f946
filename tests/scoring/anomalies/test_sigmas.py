"""The scale: a number of sigmas names a rate of alarms, whatever the step and however many metrics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.anomalies.sigmas import (
    LEAST_PER_WEEK,
    MOST_PER_WEEK,
    ONE_A_WEEK,
    WARNING,
    alarms_per_week,
    sigmas_of,
    threshold_of,
)
from scoring.references import CRITICAL

STEPS = (10.0, 60.0, 300.0, 900.0, 3600.0)


def sigmas(decades: float, *, step: float = 300.0, metrics: int = 1) -> float:
    """The score of one figure."""
    return float(sigmas_of(np.array([decades]), step, np.array([metrics]))[0])


@pytest.mark.parametrize(
    ("threshold", "rate"),
    [
        pytest.param(WARNING, 1.0, id="a week"),
        pytest.param(3.0, 1 / 4.6, id="five weeks"),
        pytest.param(CRITICAL, 1 / 26.7, id="half a year"),
    ],
)
def test_a_threshold_is_a_rate_of_alarms(threshold: float, rate: float) -> None:
    """2.5 is one a week, 3 one in five weeks, 3.5 one in half a year; and back."""
    assert rate == pytest.approx(alarms_per_week(threshold), rel=0.01)
    assert threshold == pytest.approx(threshold_of(rate), abs=0.01)


@given(st.floats(LEAST_PER_WEEK, MOST_PER_WEEK))
def test_a_rate_and_its_threshold_are_two_names_of_one_thing(rate: float) -> None:
    """There and back it is the same."""
    assert rate == pytest.approx(alarms_per_week(threshold_of(rate)), rel=1e-6)


@given(st.floats(0, 8), st.floats(0.01, 2))
def test_a_higher_threshold_alarms_less(threshold: float, more: float) -> None:
    """Strictly."""
    assert alarms_per_week(threshold + more) < alarms_per_week(threshold)


@pytest.mark.parametrize("rate", [0.0, -1.0, 41.0, float("nan"), float("inf")])
def test_a_rate_that_cannot_be_had_is_refused(rate: float) -> None:
    """With the range that can."""
    with pytest.raises(ValueError, match=r"alarms a week is outside 0\.001\.\.40"):
        threshold_of(rate)


def test_the_figure_of_one_alarm_a_week_is_two_and_a_half_sigmas() -> None:
    """On the grid on which it was measured."""
    assert WARNING == pytest.approx(sigmas(ONE_A_WEEK), abs=1e-3)


@given(
    st.lists(st.floats(0, 30), min_size=2, max_size=20),
    st.sampled_from(STEPS),
    st.integers(1, 40),
)
def test_what_is_rarer_scores_higher(decades: list[float], step: float, metrics: int) -> None:
    """At any step and for any number of metrics; never below zero, never infinite."""
    rising = np.sort(np.array(decades))
    found = sigmas_of(rising, step, np.full(len(rising), metrics))
    assert (np.diff(found) >= 0).all()
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    apart = np.diff(rising) > 0.01
    above = found[:-1] > 0
    assert (np.diff(found)[apart & above] > 0).all()


@given(st.floats(1, 10))
def test_the_same_rarity_means_less_on_a_finer_grid(decades: float) -> None:
    """More rows a week come as far."""
    found = [sigmas(decades, step=step) for step in STEPS]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_an_alarm_of_a_coarse_grid_is_as_rare_as_one_of_a_fine_grid() -> None:
    """Ten times as many rows a week want up to ten times the rarity."""
    for fine, coarse in ((30.0, 300.0), (360.0, 3600.0)):
        far = np.linspace(0, 10, 2001)
        one = np.ones(len(far), np.intp)
        needed = [far[np.searchsorted(sigmas_of(far, step, one), WARNING)] for step in (fine, coarse)]
        assert 0.5 <= needed[0] - needed[1] <= 1.01


def test_nothing_judged_has_no_score() -> None:
    """Not zero: nothing is known."""
    assert np.isnan(sigmas(float("nan")))
    assert np.isnan(sigmas(float("nan"), metrics=0))


def test_what_could_not_be_rarer_still_has_a_finite_score() -> None:
    """The rarest that tails can say is some ten sigmas, not a hundred."""
    assert 5 < sigmas(30.0) < 15
