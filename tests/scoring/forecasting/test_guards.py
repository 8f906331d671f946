"""What every forecaster that learns online promises on any series, and what its rows owe to each other: nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.forecasting.forecasts import DAY, LEVELS, MEDIAN, Ask, Forecast, checked, newest
from scoring.panels import Floats, Panel
from tests.scoring.builders import NAN, daily, panel
from tests.scoring.forecasting.builders import (
    HOUR,
    KINDS,
    arrays,
    asked,
    forecast,
    forecaster,
    rows_of,
)

EVERY = pytest.mark.parametrize("name", ["auto", "baseline", "xgboost"])
HIGH = LEVELS.index(0.98)


@st.composite
def any_fleet(draw: st.DrawFn) -> tuple[Panel, Ask]:
    """A row of every kind, in any order, on any grid, with any flags; and what is asked of it."""
    columns = draw(st.sampled_from([1, 2, 5, 13, 26, 40]))
    seed = draw(st.integers(0, 99))
    random = np.random.default_rng(seed)
    values = rows_of(draw(st.permutations(KINDS)), columns, seed=seed)
    gaps, censored, masked = (random.random(values.shape) < draw(st.sampled_from([0, 0.2])) for _ in range(3))
    values[gaps] = np.nan
    of = panel(values, step=draw(st.sampled_from([300.0, 420.0, HOUR, DAY])), censored=censored)
    lead = draw(st.sampled_from([1, 2, 5, 30]))
    return replace(of, masked=masked), asked(of, steps=(1, 2, 6, 30), lead=lead, peaks=(3, 12))


def bands(of: Forecast) -> Floats:
    """All that is said of each row: `[rows, bands, levels]`."""
    return np.concatenate([of.curve, of.maximum[:, None], of.peaks], axis=1)


@EVERY
@settings(max_examples=10)
@given(any_fleet())
def test_any_series_is_forecast_within_what_is_possible(name: str, given_: tuple[Panel, Ask]) -> None:
    """Known where the newest value is and nowhere else; in order; at most twice as far as was seen, down to zero."""
    of, ask = given_
    found = forecast(of, forecaster(name), ask)
    checked(found, of, ask)
    known = ~np.isnan(newest(of.values))
    said = bands(found)
    assert np.isnan(said[~known]).all()
    assert np.isfinite(said[known]).all()
    assert (np.diff(said[known], axis=2) >= 0).all()
    high, low = (f(of.values[known], axis=1, initial=np.nan) for f in (np.fmax.reduce, np.fmin.reduce))
    top = high + np.maximum(high - low, np.abs(high))
    assert (said[known] <= (top + 1e-5 * np.abs(top))[:, None, None]).all()
    assert (said[known] >= np.minimum(low, 0)[:, None, None] * 1.00001).all()


@EVERY
@settings(max_examples=4)
@given(any_fleet())
def test_what_is_said_of_a_forecast_is_consistent(name: str, given_: tuple[Panel, Ask]) -> None:
    """Skill is at most 1, a choice is one of the experts, no scale is negative or infinite, the points are those seen."""
    of, ask = given_
    found = forecast(of, forecaster(name), ask)
    known = ~np.isnan(newest(of.values))
    assert (found.skill[~np.isnan(found.skill)] <= 1).all()
    np.testing.assert_array_equal(known, (found.chosen >= 0).all(axis=1))
    assert found.chosen.max(initial=-1) < len(found.experts)
    assert (found.sigma[~np.isnan(found.sigma)] >= 0).all()
    assert not np.isinf(found.sigma).any()
    np.testing.assert_array_equal(np.count_nonzero(~np.isnan(of.values), axis=1), found.points)


@EVERY
@settings(max_examples=4)
@given(any_fleet())
def test_the_highest_of_one_step_is_that_step(name: str, given_: tuple[Panel, Ask]) -> None:
    """A lead time of one step is the next point of the curve, on any series."""
    of, ask = given_
    found = forecast(of, forecaster(name), replace(ask, lead=np.ones_like(ask.lead), peaks=(1,)))
    np.testing.assert_array_equal(found.curve[:, 0], found.maximum)
    np.testing.assert_array_equal(found.curve[:, 0], found.peaks[:, 0])


@EVERY
def test_the_highest_to_come_is_above_what_is_expected_on_the_way(name: str) -> None:
    """After four days of a daily wave the Q.98 of the maximum is above the median of every step of the lead time."""
    of = panel(daily(5, days=4, step=HOUR), step=HOUR)
    found = forecast(of, forecaster(name), asked(of, steps=(1, 2, 3, 6, 12), lead=12))
    assert (found.maximum[:, [HIGH]] > found.curve[:, :, MEDIAN]).all()


@EVERY
@settings(max_examples=6)
@given(any_fleet())
def test_one_series_is_a_fleet_of_one(name: str, given_: tuple[Panel, Ask]) -> None:
    """Alone or before others, beside gaps and garbage, a row's numbers are the same but for rounding."""
    of, ask = given_
    rows = np.array([0])
    together = arrays(forecast(of, forecaster(name), ask))
    alone = arrays(forecast(of.for_rows(rows), forecaster(name), ask.for_rows(rows)))
    for what, values in alone.items():
        size = 1e-4 * np.nanmax(np.abs(values), initial=0)
        np.testing.assert_allclose(together[what][:1], values, rtol=1e-4, atol=size, err_msg=what)


@EVERY
@pytest.mark.parametrize("value", [0.0, 3.0, 1e9])
def test_a_constant_stays_where_it_is(name: str, value: float) -> None:
    """Every quantile is the constant, persistence is what counts, and nobody claims skill for it."""
    found = forecast(panel(np.full((1, 40), value), step=HOUR), forecaster(name))
    assert (bands(found) == np.float32(value)).all()
    assert "persistence" == found.experts[found.chosen[0, 0]]
    assert not (found.skill > 0).any()
    assert (found.residual == 0).all()


@EVERY
@pytest.mark.parametrize("columns", [1, 2, 5, 13])
def test_a_series_is_forecast_from_its_first_value_on(name: str, columns: int) -> None:
    """The points say that it is not to be trusted yet: a quarter of a day is needed."""
    found = forecast(panel(5 + np.arange(columns) % 3, step=300.0), forecaster(name))
    assert np.isfinite(bands(found)).all()
    assert ([columns], [72]) == (found.points.tolist(), found.needed.tolist())


@EVERY
@pytest.mark.parametrize(("missing", "known"), [(0, True), (1, True), (2, False), (9, False)])
def test_a_metric_that_stopped_is_not_forecast_from_the_past(name: str, missing: int, known: bool) -> None:
    """One missing sample is bridged; after two there is no ground to forecast from, and nothing is said."""
    values = rows_of(["daily"], 40)
    values[:, 40 - missing :] = NAN
    found = forecast(panel(values, step=HOUR), forecaster(name))
    assert known is bool(np.isfinite(bands(found)).all())
    assert known is bool(np.isfinite(found.last).all())
    assert known is bool((found.chosen >= 0).all())


@EVERY
def test_the_newest_value_counts_although_nothing_is_learned_from_it(name: str) -> None:
    """At the ceiling, also where the very newest sample has not come yet, one looks ahead from there."""
    values = np.full((2, 2), NAN)
    values[:, 0], values[0, 1] = 5, 9
    found = forecast(panel(values, step=HOUR, censored=~np.isnan(values)), forecaster(name))
    np.testing.assert_array_equal([9, 5], found.last)
    np.testing.assert_array_equal([9, 5], found.curve[:, 0, MEDIAN])


@EVERY
def test_an_empty_fleet_is_forecast_too(name: str) -> None:
    """Nothing is said, and nothing fails."""
    found = forecast(panel(np.empty((0, 30)), step=HOUR), forecaster(name))
    assert (0, 4, len(LEVELS)) == found.curve.shape


@EVERY
@settings(max_examples=4)
@given(any_fleet())
def test_a_longer_wait_never_needs_less(name: str, given_: tuple[Panel, Ask]) -> None:
    """The maximum over a longer lead time is nowhere below that over a shorter one, nor below the next step."""
    of, ask = given_
    found = forecast(of, forecaster(name), replace(ask, peaks=(1, 2, 3, 6, 12, 30)))
    said = found.peaks[~np.isnan(newest(of.values))]
    assert (np.diff(said, axis=1) >= 0).all()
    np.testing.assert_array_equal(found.curve[:, 0], found.peaks[:, 0])
