"""The baseline forecaster: what it promises on any series, and what it reaches on those it is made for."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.forecasting.baseline import Baseline
from scoring.forecasting.forecasts import LEVELS, Ask, Forecast, newest, newest_censored, unforecast
from scoring.panels import Floats, Panel
from tests.scoring.builders import DAY, NAN, STEP, daily, panel

STEPS = (1, 2, 6, 12)


def forecast(of: Panel, *, lead: int = 2, steps: tuple[int, ...] = STEPS) -> Forecast:
    """The baseline's forecast of a panel."""
    return Baseline().fit(of).forecast(of, Ask(steps, np.full(len(of.series), lead, np.int32)))


def walk(rows: int, *, columns: int = 2016, seed: int = 1) -> Floats:
    """Random walks far above zero."""
    steps = np.random.default_rng(seed).normal(0, 0.2, (rows, columns))
    return (100 + np.cumsum(steps, axis=1)).astype(np.float32)


def arrays(of: Forecast) -> dict[str, Floats]:
    """Everything in a forecast that has rows."""
    return {f.name: v for f in fields(of) if isinstance(v := getattr(of, f.name), np.ndarray)}


@st.composite
def any_series(draw: st.DrawFn) -> Panel:
    """Rows as bad as they come: flat, on and off, growing, huge, tiny, gappy, short, censored."""
    columns = draw(st.one_of(st.integers(1, 60), st.just(24 * 7)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    t = np.arange(columns)
    shapes = {
        "flat": np.full(columns, 3.0),
        "nothing": np.zeros(columns),
        "on and off": np.where(t // 7 % 2, 4.0, 0.0),
        "growing": np.exp(t / 10),
        "daily": 5 + 3 * np.sin(t / 24 * 2 * np.pi) + rng.normal(0, 0.3, columns),
        "rough": rng.lognormal(0, 3, columns),
        "unseen": np.full(columns, np.nan),
    }
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        row = shapes[draw(st.sampled_from(sorted(shapes)))] * draw(
            st.sampled_from([1e-12, 1.0, 2.0**33, 1e15])
        )
        gaps = draw(st.sampled_from([0.0, 0.1, 0.9]))
        rows.append(np.where(rng.random(columns) < gaps, np.nan, row))
    flags = rng.random((len(rows), columns)) < draw(st.sampled_from([0.0, 0.2]))
    return panel(
        np.array(rows), step=draw(st.sampled_from([3600.0, 420.0, 7200.0, 86_400.0])), censored=flags
    )


@given(any_series(), st.integers(1, 40))
def test_on_any_series_quantiles_are_in_order_and_possible(of: Panel, lead: int) -> None:
    """Never crossing, never negative, never infinite; known as a whole or not at all; at most twice what was seen."""
    found = forecast(of, lead=lead)
    for band in (*found.curve.swapaxes(0, 1), found.maximum):
        known = ~np.isnan(band)
        assert (known.all(axis=1) == known.any(axis=1)).all()
        assert np.isfinite(band[known]).all()
        assert (band[known] >= 0).all()
        assert (np.diff(band[known.all(axis=1)], axis=1) >= 0).all()
    assert not np.isinf(found.sigma).any()
    assert (found.skill[~np.isnan(found.skill)] <= 1).all()


@settings(max_examples=30)
@given(any_series())
def test_one_series_is_a_fleet_of_one(of: Panel) -> None:
    """Alone or among others, beside gaps and garbage, a row's numbers are the same."""
    together = arrays(forecast(of))
    for row in range(len(of.series)):
        alone = arrays(forecast(of.for_rows(slice(row, row + 1))))
        for name, values in alone.items():
            np.testing.assert_allclose(together[name][row : row + 1], values, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**33, 2.0**50], ids=["tiny", "bytes", "huge"])
def test_the_unit_does_not_matter(scale: float) -> None:
    """Bytes are forecast as well as cores: skill is the same and the curve only scaled."""
    x = daily(4)
    plain, scaled = forecast(panel(x)), forecast(panel(x * scale))
    np.testing.assert_array_equal(plain.skill, scaled.skill)
    np.testing.assert_array_equal(plain.curve * np.float32(scale), scaled.curve)


def test_what_comes_after_changes_nothing() -> None:
    """A panel that is a view into a longer memory is forecast as if that memory ended with it."""
    x = daily(3, days=9)
    memory = x.copy()
    cut = 7 * 288
    before = arrays(forecast(panel(memory[:, :cut])))
    memory[:, cut:] = 1e9
    after = arrays(forecast(panel(memory[:, :cut])))
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


def test_a_daily_pattern_is_worth_more_the_farther_one_looks() -> None:
    """Every such series beats persistence, and an hour ahead by far."""
    skill = forecast(panel(daily(50))).skill
    assert (skill > 0.1).all()
    assert (skill[:, -1] > 0.4).all()
    assert (skill[:, -1] > skill[:, 0]).all()


def test_a_random_walk_has_no_skill() -> None:
    """Nothing can be said of it but where it is; no series is taken for more than a trifle better."""
    found = forecast(panel(walk(100)))
    assert np.median(found.lead_skill) <= 0.001
    assert found.lead_skill.max() < 0.03
    assert found.skill.max() < 0.1


def test_without_skill_the_forecast_is_persistence() -> None:
    """The last value, with the quantiles of what it changed by in the past two days."""
    x = walk(100)
    found = forecast(panel(x))
    for i, step in enumerate(STEPS):
        plain = np.flatnonzero(~(found.skill[:, i] > 0))
        assert len(plain) > 20
        changes = x[:, step:][:, -576:] - x[:, :-step][:, -576:]
        expected = x[plain, -1:] + np.quantile(changes[plain], LEVELS, axis=1).T
        np.testing.assert_allclose(expected, found.curve[plain, i], rtol=1e-4)


def test_a_pattern_that_has_ended_has_no_skill() -> None:
    """What worked before the last two days is judged on the last two days."""
    x = daily(30, noise=0.05)
    x[:, -577:] = walk(30)[:, -577:]
    assert np.median(forecast(panel(x)).lead_skill) < 0.02


def test_noise_around_a_level_is_forecast_by_the_level() -> None:
    """Persistence repeats the noise; the mean of past days does not, which is skill too."""
    noise = 5 + np.random.default_rng(3).normal(0, 0.5, (30, 2016))
    found = forecast(panel(noise))
    assert (found.skill > 0.1).all()
    np.testing.assert_allclose(5, found.curve[:, :, LEVELS.index(0.5)].mean(), atol=0.05)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e9])
def test_a_constant_series_stays_where_it_is(value: float) -> None:
    """Every quantile is the constant, and nobody claims skill for it."""
    found = forecast(panel(np.full((1, 2016), value)))
    assert (found.curve == value).all()
    assert (found.maximum == value).all()
    assert not (found.lead_skill > 0).any()
    assert (found.residual == 0).all()


@pytest.mark.parametrize(("columns", "known"), [(2, False), (12, False), (14, True), (100, True)])
def test_a_short_history_has_no_band(columns: int, known: bool) -> None:
    """Ten minutes give no forecast; the points counted and the newest value say where it stands."""
    found = forecast(panel(daily()[:, :columns]), steps=(1,), lead=1)
    assert known is bool(np.isfinite(found.curve).all())
    assert [columns] == found.points.tolist()
    assert 576 == found.needed
    assert daily()[0, columns - 1] == found.last[0]


def test_rows_without_data_are_unknown_and_cost_nobody_else() -> None:
    """NaN for the one, the same numbers for the others."""
    x = daily(2)
    found = forecast(panel([x[0], np.full(2016, np.nan), x[1]]))
    for name, values in arrays(found).items():
        if name != "points":
            assert np.isnan(values[1]).all(), name
    assert 0 == found.points[1]
    np.testing.assert_array_equal(forecast(panel(x)).curve, found.curve[[0, 2]])


@pytest.mark.parametrize(("missing", "known"), [(0, True), (1, True), (2, False), (50, False)])
def test_a_metric_that_stopped_is_not_forecast_from_the_past(missing: int, known: bool) -> None:
    """One missing sample is bridged; after two there is no ground to forecast from."""
    x = daily()
    x[:, 2016 - missing :] = np.nan
    found = forecast(panel(x))
    assert known is bool(np.isfinite(found.curve).all())
    assert known is bool(np.isfinite(found.maximum).all())
    assert known is bool(np.isfinite(found.last).all())


def test_gaps_cost_accuracy_not_the_forecast() -> None:
    """With a tenth of the samples missing a daily pattern is still seen."""
    x = daily(20)
    x[:, :-1][np.random.default_rng(5).random((20, 2015)) < 0.1] = np.nan
    found = forecast(panel(x))
    assert np.isfinite(found.curve).all()
    assert (found.skill[:, -1] > 0.3).all()


def test_censored_samples_stay_out_of_training() -> None:
    """At the ceiling nothing is learned: the forecast is that of a series with gaps there, but the newest value counts."""
    x = daily(3)
    flags = x > 6.5
    capped = np.where(flags, 6.5, x)
    capped[:, -1], flags[:, -1] = 6.5, True
    gappy = np.where(flags, np.nan, x).astype(np.float32)
    found, plain = forecast(panel(capped, censored=flags)), forecast(panel(gappy))
    np.testing.assert_array_equal(plain.skill, found.skill)
    assert [6.5] * 3 == found.last.tolist()
    assert np.isnan(found.residual).all()


def test_whether_the_newest_value_is_a_lower_bound() -> None:
    """The flag is that of the sample that counts, also where the very last one has not come yet."""
    x = [[1, 2, 3], [1, 2, NAN], [1, 2, NAN], [1, NAN, NAN], [NAN, NAN, NAN]]
    flags = [[1, 1, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1], [1, 1, 1]]
    of = panel(x, censored=flags)
    np.testing.assert_array_equal([3, 2, 2, NAN, NAN], newest(of.values))
    assert [False, True, False, False, False] == newest_censored(of).tolist()
    assert [True] == newest_censored(panel([[1]], censored=[[1]])).tolist()


@pytest.mark.parametrize("step", [60.0, 420.0, 900.0, 1700.0], ids=lambda s: f"{s:g}s")
def test_any_step_will_do(step: float) -> None:
    """A minute, and steps that do not divide a day: the daily pattern is found."""
    found = forecast(panel(daily(3, step=step), step=step), steps=(1, round(3600 / step)))
    assert (found.skill[:, -1] > 0.1).all()
    assert 2 * round(DAY / step) == found.needed


def test_a_window_shorter_than_the_lead_time_is_survived() -> None:
    """A small memory and a long lead time give no forecast of the maximum, and nothing fails."""
    found = forecast(panel(daily(2, step=60.0)[:, :100], step=60.0), lead=120)
    assert np.isnan(found.maximum).all()
    assert np.isfinite(found.curve[:, 0]).all()


def test_every_series_has_its_own_lead_time() -> None:
    """The maximum over a longer time is no lower, and each row gets the one it asked for."""
    x = walk(1)
    of = panel(np.repeat(x, 3, axis=0))
    found = Baseline().forecast(of, Ask(STEPS, np.array([1, 6, 12], np.int32)))
    assert (np.diff(found.maximum[:, LEVELS.index(0.98)]) > 0).all()
    np.testing.assert_array_equal(forecast(of.for_rows(slice(1, 2)), lead=6).maximum[0], found.maximum[1])


@pytest.mark.parametrize("lead", [1, 2, 6])
def test_the_maximum_is_not_below_persistence(lead: int) -> None:
    """Without skill, no quantile of the maximum over the lead time is below that of its last step."""
    found = forecast(panel(walk(60)), lead=lead, steps=(lead,))
    plain = ~(found.lead_skill > 0)
    assert (found.maximum[plain] >= found.curve[plain, 0] - 1e-4).all()


def test_the_newest_surprise_is_what_was_not_expected() -> None:
    """A jump in the last sample is the residual; the scale is that of the time before it."""
    x = walk(20)
    calm = forecast(panel(x))
    x[:, -1] += 10
    found = forecast(panel(x))
    np.testing.assert_allclose(10, found.residual - calm.residual, rtol=0.02)
    np.testing.assert_allclose(calm.sigma, found.sigma, rtol=0.05)
    np.testing.assert_allclose(0.2, found.sigma, rtol=0.25)


def test_growth_is_not_cut_off() -> None:
    """A series that doubles every day is forecast above its newest value, though it has never been higher."""
    t = np.arange(2016)
    found = forecast(panel(2.0 ** (t / 288)))
    assert (found.maximum[:, LEVELS.index(0.98)] > found.last).all()


def test_one_spike_does_not_send_the_forecast_away() -> None:
    """Whatever was seen, nothing is forecast beyond twice the highest value of the window."""
    x = daily(10)
    x[:, 1000] = 500.0
    assert forecast(panel(x)).curve.max() < 20


@pytest.mark.parametrize("rows", [1, 5])
def test_a_stand_in_knows_the_present_and_nothing_ahead(rows: int) -> None:
    """What replaces a forecaster that failed: newest values and points, NaN ahead."""
    of = panel(daily(rows))
    blank = unforecast(of, Ask(STEPS, np.ones(rows, np.int32)), "none")
    np.testing.assert_array_equal(of.values[:, -1], blank.last)
    assert [2016] * rows == blank.points.tolist()
    for values in (blank.curve, blank.maximum, blank.skill, blank.lead_skill, blank.residual, blank.sigma):
        assert np.isnan(values).all()
    assert (of.end, STEP, 576) == (blank.issued_at, blank.step, blank.needed)
