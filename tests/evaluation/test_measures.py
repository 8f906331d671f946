"""Each measure against values computed by hand, and against what must hold whatever the values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from scoring.evaluation.measures import (
    EVEN,
    Spread,
    at_levels,
    bias,
    mase,
    pinball,
    relative_mae,
    seasonal_scale,
    share,
    spread,
    weighted_quantile_loss,
)
from scoring.forecasting.forecasts import LEVELS

NAN, INF = float("nan"), float("inf")

ROWS = npst.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6))
LINES = npst.arrays(
    np.float64, st.tuples(st.integers(1, 5), st.just(len(LEVELS))), elements=st.floats(0, 1e6)
).map(lambda values: np.sort(values, axis=1))


def doubles(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


@pytest.mark.parametrize(
    ("errors", "persistence", "expected"),
    [
        pytest.param(6.0, 8.0, 0.75, id="better"),
        pytest.param(8.0, 8.0, 1.0, id="as good"),
        pytest.param(0.0, 0.0, NAN, id="neither was wrong: nothing to win"),
        pytest.param(1e-6, 0.0, NAN, id="wrong by rounding alone"),
        pytest.param(5.0, 0.0, INF, id="wrong where persistence was not"),
    ],
)
def test_mae_over_persistence_is_their_ratio(errors: float, persistence: float, expected: float) -> None:
    """Sums over the same points, of values that add up to 100."""
    found = relative_mae(doubles(errors), doubles(persistence), doubles(100.0))
    np.testing.assert_array_equal(doubles(expected), found)


def test_the_scale_is_the_mean_change_over_a_season_of_observed_pairs() -> None:
    """|3-1|, |5-2|; the pair with a gap is left out."""
    values = np.array([[1, 2, 9, 3, 5, NAN], [1, 1, 1, 1, 1, 1], [NAN] * 6], np.float32)
    np.testing.assert_array_equal(doubles(2.5, 0.0, NAN), seasonal_scale(values, 3))


def test_a_past_shorter_than_a_season_has_no_scale() -> None:
    """There is no pair to take it from."""
    np.testing.assert_array_equal(doubles(NAN), seasonal_scale(np.ones((1, 3), np.float32), 3))


def test_mase_is_mae_in_seasonal_changes() -> None:
    """2 of 4 is a half; a past that did not change measures nothing."""
    np.testing.assert_array_equal(doubles(0.5, NAN), mase(doubles(2.0, 2.0), doubles(4.0, 0.0)))


def test_the_pinball_loss_weighs_what_falls_short_by_the_level() -> None:
    """10 came: 8 at level .9 costs .9 x 2, 12 costs .1 x 2."""
    found = pinball(doubles(10.0), np.array([[8.0, 12.0]]), (0.9, 0.9))
    np.testing.assert_allclose([[1.8, 0.2]], found)


def test_wql_is_twice_the_loss_over_what_came_meaned_over_levels() -> None:
    """Losses 1 and 3 of 8 that came: 2 x 2 / 8."""
    np.testing.assert_allclose(0.5, weighted_quantile_loss(np.array([[1.0, 3.0]]), doubles(8.0)))


@given(ROWS, st.floats(-1e6, 1e6))
def test_wql_of_one_exact_line_is_its_error_over_what_came(came: np.ndarray, line: float) -> None:
    """Where all quantiles are one value, twice the loss meaned over even levels is the absolute error."""
    loss = pinball(came, np.full((len(came), len(EVEN)), line), EVEN)
    np.testing.assert_allclose(
        np.abs(came - line).sum(),
        weighted_quantile_loss(loss.sum(axis=0)[None], doubles(1.0))[0],
        rtol=1e-9,
        atol=1e-6,
    )


@given(ROWS, st.sampled_from(EVEN))
def test_no_constant_loses_less_than_the_empirical_quantile(came: np.ndarray, level: float) -> None:
    """The pinball loss is least at the quantile of its level: that is what it is for."""
    best = np.quantile(came, level, method="inverted_cdf")
    losses = [pinball(came, np.full((len(came), 1), value), (level,)).sum() for value in (best, *came)]
    assert losses[0] <= min(losses) * (1 + 1e-9) + 1e-6


def test_bias_is_the_signed_error_as_a_share_of_what_came() -> None:
    """3 too high of 12 is a quarter; of nothing it is unknown."""
    np.testing.assert_array_equal(doubles(0.25, NAN), bias(doubles(3.0, 3.0), doubles(12.0, 0.0)))


def test_a_share_of_no_points_is_unknown() -> None:
    """8 of 10, and none of none."""
    np.testing.assert_array_equal(doubles(0.8, NAN), share(np.array([8, 0]), np.array([10, 0])))


@pytest.mark.parametrize(
    ("values", "worst", "expected"),
    [
        pytest.param(range(11), "high", Spread(5.0, 9.0), id="high is bad"),
        pytest.param(range(11), "low", Spread(5.0, 1.0), id="low is bad"),
        pytest.param([1.0, NAN, 3.0], "high", Spread(2.0, 3.0), id="those without are left out"),
        pytest.param([1.0, 2.0, INF], "high", Spread(2.0, INF), id="an infinite one is not hidden"),
        pytest.param([1.0, *[1.0] * 19, INF], "high", Spread(1.0, 1.0), id="one in twenty is no decile"),
    ],
)
def test_the_worst_decile_is_a_value_of_the_series(values: list[float], worst: str, expected: Spread) -> None:
    """Of eleven the second from the bad end; never between two."""
    assert expected == spread(doubles(*values), worst)  # type: ignore[arg-type]


def test_a_fleet_without_a_known_figure_has_no_spread() -> None:
    """Unknown, not zero."""
    found = spread(doubles(NAN, NAN))
    assert np.isnan([found.median, found.worst]).all()


@given(LINES)
def test_quantiles_between_levels_lie_between_their_neighbours(quantiles: np.ndarray) -> None:
    """Nothing crosses, the ends hold, and levels that are there stay as they are."""
    found = at_levels(quantiles, LEVELS, EVEN)
    assert (np.diff(found, axis=1) >= -1e-9).all()
    for level in (0.1, 0.5, 0.9):
        np.testing.assert_allclose(
            quantiles[:, LEVELS.index(level)], found[:, EVEN.index(level)], rtol=1e-9, atol=1e-9
        )
    np.testing.assert_allclose(quantiles[:, [0, -1]], at_levels(quantiles, LEVELS, (0.01, 0.999)), rtol=1e-12)


def test_quantiles_of_a_bell_stay_those_of_the_bell() -> None:
    """The .2 of a normal distribution is found from its .1 and .25."""
    from statistics import NormalDist  # noqa: PLC0415

    bell = NormalDist(10, 3)
    quantiles = np.array([[bell.inv_cdf(level) for level in LEVELS]])
    np.testing.assert_allclose([[bell.inv_cdf(level) for level in EVEN]], at_levels(quantiles, LEVELS, EVEN))
