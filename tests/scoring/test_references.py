"""What is said of a snapshot without a history: bands, sigmas and shares."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.references import (
    CAP,
    Changes,
    Heights,
    chi_square_tail,
    combined_sigmas,
    contributions_of,
    curve_for,
    severity_of,
    strongest,
)

LEVELS = np.array([0.1, 0.5, 0.9])
CHANGES = Changes(
    LEVELS,
    ratios=np.array([[0.9, 1.0, 1.2], [0.8, 1.0, 1.4]]),
    reached=np.array([[0.12, 0.5, 0.91], [0.1, 0.5, 0.85]]),
)
HEIGHTS = Heights(np.array([-1.0, 0.0, 1.0, 2.0]), np.array([0.2, 0.4, 0.5, 0.7]), tail=0.1)

utilizations = st.floats(0, 1000)
sigmas = st.floats(-50, 50)


def test_a_curve_is_the_value_times_its_usual_changes() -> None:
    """0.5 becomes the quantiles of change times 0.5, period by period."""
    assert np.allclose([[0.45, 0.5, 0.6], [0.4, 0.5, 0.7]], curve_for(CHANGES.band, 0.5, 2))


@given(utilizations, st.integers(1, 2))
def test_a_curve_keeps_its_order_and_never_goes_below_zero(value: float, periods: int) -> None:
    """P10 <= P50 <= P90, zero or more, whatever the value."""
    curve = curve_for(CHANGES.band, value, periods)
    assert (periods, 3) == curve.shape
    assert np.all(curve >= 0)
    assert np.all(np.diff(curve, axis=1) >= 0)


def test_an_idle_value_still_has_a_band() -> None:
    """A change of zero is always zero; the band of 0 is that of 1 %, and no confidence is claimed for it."""
    assert np.allclose([[0, 0, 0.002]], curve_for(CHANGES.band, 0.0, 1))
    assert CHANGES.confidence_of(0.0) is None


def test_confidence_is_the_measured_coverage() -> None:
    """What the held-out part showed: 0.91 at or below P90 less 0.12 at or below P10."""
    assert pytest.approx(0.79) == CHANGES.confidence_of(0.5)
    assert np.allclose([0.79, 0.75], CHANGES.coverage)


@pytest.mark.parametrize(
    ("ratio", "wanted"),
    [
        pytest.param(1.0, 0.5, id="median"),
        pytest.param(1.2, 0.675, id="between"),
        pytest.param(5.0, 0.85, id="no more than was seen"),
        pytest.param(0.0, 0.1, id="no less than was seen"),
    ],
)
def test_the_probability_to_stay_below_is_the_share_that_was_seen(ratio: float, wanted: float) -> None:
    """It is interpolated between measured shares, and never claims more than they."""
    assert pytest.approx(wanted) == CHANGES.probability_below(2, ratio)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        pytest.param(0.4, 0.0, id="median"),
        pytest.param(0.0, 0.0, id="low does not count"),
        pytest.param(0.6, 1.5, id="inside"),
        pytest.param(0.9, 4.0, id="beyond the data"),
        pytest.param(1000.0, CAP, id="absurd"),
    ],
)
def test_sigmas_of_a_height(value: float, wanted: float) -> None:
    """Normal equivalents inside the data, the tail's scale beyond, nothing below the median."""
    assert pytest.approx(wanted) == HEIGHTS.sigmas_of(value)


@given(sigmas)
def test_one_deviation_keeps_its_own_figure(sigma: float) -> None:
    """With one metric the score is its deviation."""
    assert min(CAP, abs(sigma)) == combined_sigmas([sigma])


@pytest.mark.parametrize("values", [[2.0] * 4, [4.0, 0.0, 0.0, 0.0]])
def test_several_deviations_are_one_score(values: list[float]) -> None:
    """Four of 2 sigmas are as unusual together as one of 4 among four: 2.97."""
    assert pytest.approx(2.966, abs=1e-3) == combined_sigmas(values)


@pytest.mark.parametrize(
    ("total", "count", "wanted"),
    [
        pytest.param(3.841459, 1, 0.05, id="1"),
        pytest.param(5.991465, 2, 0.05, id="2"),
        pytest.param(11.344867, 3, 0.01, id="3"),
        pytest.param(13.276704, 4, 0.01, id="4"),
        pytest.param(15.086272, 5, 0.01, id="5"),
        pytest.param(0.0, 3, 1.0, id="nothing"),
    ],
)
def test_the_tail_is_that_of_the_published_tables(total: float, count: int, wanted: float) -> None:
    """Chi-square tail probabilities agree with any table."""
    assert math.isclose(wanted, chi_square_tail(total, count), rel_tol=1e-5)


@given(st.lists(sigmas, min_size=1, max_size=6), st.floats(0, 50))
def test_a_larger_deviation_never_lowers_the_score(values: list[float], more: float) -> None:
    """The score is finite, 0 to 12, and rises with every deviation."""
    before = combined_sigmas(values)
    after = combined_sigmas([abs(values[0]) + more, *values[1:]])
    assert 0 <= before <= CAP
    assert after >= before - 1e-9


def test_the_score_keeps_its_false_alarm_rate() -> None:
    """Of ordinary snapshots with four metrics as many pass 2 sigmas as of a bell: 4.6 %."""
    draws = np.random.default_rng(1).standard_normal((20_000, 4))
    rate = np.mean([combined_sigmas(row) >= 2 for row in draws.tolist()])
    assert 0.041 < rate < 0.051


@given(st.dictionaries(st.sampled_from("abcdef"), sigmas, min_size=1))
def test_contributions_sum_to_one_the_largest_first(values: dict[str, float]) -> None:
    """Shares sum to 1 exactly in ten-thousandths, sorted, one for each feature, largest where the deviation is."""
    parts = contributions_of(values)
    shares = [part.contribution for part in parts]
    assert 10_000 == sum(round(share * 10_000) for share in shares)
    assert math.isclose(1, math.fsum(shares), abs_tol=1e-12)
    assert sorted(shares, reverse=True) == shares
    assert set(values) == {part.feature for part in parts}
    largest = max(min(CAP, abs(value)) for value in values.values())
    assert any(
        min(CAP, abs(values[part.feature])) == largest for part in parts if part.contribution == shares[0]
    )


def test_who_drives_a_deviation_bears_its_square() -> None:
    """3 of a and 4 of b, of which a drives three quarters: a bears 9 + 12 of 25."""
    parts = contributions_of({"a": 3, "b": -4}, {"b": {"a": 0.75, "b": 0.25}})
    assert [("a", 0.84), ("b", 0.16)] == [(part.feature, part.contribution) for part in parts]


def test_what_is_not_among_the_features_bears_nothing() -> None:
    """Its share goes to those that are; where none is, to the feature itself."""
    parts = contributions_of({"a": 3, "b": 4}, {"b": {"c": 1.0}, "a": {"b": 0.2, "c": 0.6, "d": 0.2}})
    assert [("b", 1.0), ("a", 0.0)] == [(part.feature, part.contribution) for part in parts]


@given(st.lists(sigmas, min_size=1, max_size=5))
def test_looking_several_times_makes_nothing_more_unusual(views: list[float]) -> None:
    """The strongest of several looks counts, and less than if it had been the only one."""
    assert 0 <= strongest(views) <= min(CAP, max(map(abs, views)))


def test_two_looks_are_one_chance_in_two_times() -> None:
    """2.5 of two looks is as rare as 2.244 of one."""
    assert pytest.approx(2.2439, abs=1e-3) == strongest([2.5, -1.0])
    assert 2.5 == strongest([-2.5])


@pytest.mark.parametrize(
    ("score", "threshold", "wanted"),
    [
        pytest.param(2.49, 2.5, "normal", id="below"),
        pytest.param(2.5, 2.5, "warning", id="at the threshold"),
        pytest.param(3.49, 2.5, "warning", id="below critical"),
        pytest.param(3.5, 2.5, "critical", id="critical"),
        pytest.param(3.9, 4.0, "normal", id="high threshold"),
        pytest.param(4.0, 4.0, "critical", id="at a high threshold"),
    ],
)
def test_severity_has_written_limits(score: float, threshold: float, wanted: str) -> None:
    """Normal below the threshold, warning below 3.5, critical from there."""
    assert wanted == severity_of(score, threshold)
