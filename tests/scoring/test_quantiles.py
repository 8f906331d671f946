"""Empirical quantiles, scales and probabilities of arrays with gaps, against numpy's own, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from scoring.forecasting.forecasts import LEVELS
from scoring.forecasting.quantiles import at_level, normal_scale, probability_below, row_quantiles
from tests.scoring.builders import NAN

NUMBERS = st.one_of(st.just(NAN), st.floats(-1e6, 1e6, width=32))
TABLES = npst.arrays(
    np.float32, npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30), elements=NUMBERS
)


@given(TABLES)
def test_quantiles_are_numpys_without_the_gaps(errors: np.ndarray) -> None:
    """Linear interpolation between observed values; gaps count for nothing."""
    found = row_quantiles(errors, LEVELS, fewest=1)
    for row, values in zip(found, errors, strict=True):
        seen = values[~np.isnan(values)].astype(np.float64)
        expected = np.quantile(seen, LEVELS) if len(seen) else np.full(len(LEVELS), np.nan)
        np.testing.assert_allclose(
            expected, row, rtol=1e-5, atol=1e-1 if len(seen) and np.ptp(seen) > 1e5 else 1e-2
        )


@given(TABLES)
def test_quantiles_never_cross(errors: np.ndarray) -> None:
    """A higher level is never lower."""
    found = row_quantiles(errors, LEVELS, fewest=1)
    assert (np.diff(found[~np.isnan(found[:, 0])], axis=1) >= 0).all()


@pytest.mark.parametrize(("values", "known"), [(11, False), (12, True)])
def test_too_few_values_have_no_quantiles(values: int, known: bool) -> None:
    """Below the fewest wanted a quantile would be a guess."""
    errors = np.full((1, 40), np.nan, np.float32)
    errors[0, :values] = 1.0
    assert known is bool(np.isfinite(row_quantiles(errors, LEVELS, fewest=12)).all())


def test_no_columns_have_no_quantiles() -> None:
    """An empty stretch of errors is NaN for every row."""
    found = row_quantiles(np.zeros((3, 0), np.float32), LEVELS, fewest=1)
    assert (3, len(LEVELS)) == found.shape
    assert np.isnan(found).all()


def test_the_scale_of_a_bell_is_its_sigma() -> None:
    """Of normal values the robust sigma is the ordinary one."""
    errors = np.random.default_rng(0).normal(0, 3.0, (20, 2000)).astype(np.float32)
    np.testing.assert_allclose(3.0, normal_scale(errors, fewest=12), rtol=0.15)


def test_rare_large_surprises_widen_the_scale() -> None:
    """A series that jumps once in fifty steps has a small MAD, and would alarm all day by it."""
    errors = np.full((1, 1000), 0.1, np.float32)
    errors[0, ::50] = 10.0
    assert 3 < normal_scale(errors, fewest=12)[0] < 10


def test_one_outlier_does_not_widen_the_scale() -> None:
    """A single accident within days changes nothing."""
    errors = np.random.default_rng(0).normal(0, 1.0, (1, 1000)).astype(np.float32)
    plain = normal_scale(errors, fewest=12)[0]
    errors[0, 0] = 1000.0
    np.testing.assert_allclose(plain, normal_scale(errors, fewest=12)[0], rtol=0.05)


QUANTILES = np.array([[1, 2, 3, 4, 5, 6, 7, 8, 9]], np.float32)


@pytest.mark.parametrize(
    ("level", "value"),
    [
        pytest.param(0.98, 8.0, id="a level that is there"),
        pytest.param(0.5, 4.0, id="the median"),
        pytest.param(0.965, 7.5, id="between two levels"),
        pytest.param(0.01, 1.0, id="below the lowest it is held"),
        pytest.param(0.999, 9.0, id="above the highest too"),
    ],
)
def test_a_level_of_ones_own_is_interpolated(level: float, value: float) -> None:
    """Each row may ask for its own quantile."""
    np.testing.assert_allclose([value], at_level(QUANTILES, LEVELS, np.array([level], np.float32)), rtol=1e-5)


@pytest.mark.parametrize(
    ("value", "chance"),
    [
        pytest.param(0.5, 0.05, id="below all: no less than the lowest level is claimed"),
        pytest.param(1.0, 0.05, id="at the lowest"),
        pytest.param(4.0, 0.5, id="at the median"),
        pytest.param(4.5, 0.625, id="between"),
        pytest.param(9.0, 0.99, id="at the highest"),
        pytest.param(50.0, 0.99, id="above all: no more than the highest level is claimed"),
    ],
)
def test_the_probability_to_stay_below_a_value(value: float, chance: float) -> None:
    """Read off the quantiles, and held within what they know."""
    np.testing.assert_allclose(
        [chance], probability_below(QUANTILES, LEVELS, np.array([value], np.float32)), rtol=1e-5
    )


def test_a_constant_demand_stays_at_its_own_level() -> None:
    """Where every quantile is the same, the value itself is at or below them all."""
    flat = np.full((1, len(LEVELS)), 5.0, np.float32)
    assert [0.99] == pytest.approx(probability_below(flat, LEVELS, np.array([5.0], np.float32)))
    assert [0.05] == pytest.approx(probability_below(flat, LEVELS, np.array([4.9], np.float32)))


def test_what_is_not_known_has_no_probability() -> None:
    """Neither without quantiles nor without a value."""
    assert np.isnan(probability_below(QUANTILES * NAN, LEVELS, np.array([4.0], np.float32)))[0]
    assert np.isnan(probability_below(QUANTILES, LEVELS, np.array([NAN], np.float32)))[0]


@given(npst.arrays(np.float32, (4, 9), elements=st.floats(0, 100, width=32)), st.floats(0, 100, width=32))
def test_level_and_probability_are_each_others_inverse(table: np.ndarray, value: float) -> None:
    """The probability to stay below the quantile of a level is at least that level."""
    quantiles = np.sort(table, axis=1)
    level = np.full(4, 0.75, np.float32)
    reached = probability_below(quantiles, LEVELS, at_level(quantiles, LEVELS, level))
    assert (reached >= 0.75 - 1e-3).all()
    chance = probability_below(quantiles, LEVELS, np.full(4, value, np.float32))
    assert ((chance >= 0.05 - 1e-6) & (chance <= 0.99 + 1e-6)).all()
