"""The Holt-Winters forecaster: what it promises on any series, and what it reaches on those it is made for."""

from __future__ import annotations

import time
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.forecasting.forecasts import LEVELS, MEDIAN, Ask, Fitted, Forecast, checked
from scoring.forecasting.holt_winters import DEFAULTS, HoltWinters, Smoothed
from scoring.panels import Panel
from tests.scoring.builders import DAY, NAN, NOW, STEP, daily, panel

STEPS = (1, 2, 6, 12)
UNFITTED = HoltWinters(budget=0)
"""Without statsmodels, whose import alone takes seconds."""


def asked(rows: int, *, lead: int = 2, steps: tuple[int, ...] = STEPS, peaks: tuple[int, ...] = ()) -> Ask:
    """The same of every row."""
    return Ask(steps, np.full(rows, lead, np.int32), peaks=peaks)


def forecast(
    of: Panel, *, lead: int = 2, steps: tuple[int, ...] = STEPS, by: HoltWinters = UNFITTED
) -> Forecast:
    """A forecast of a panel that was never seen before."""
    ask = asked(len(of.series), lead=lead, steps=steps)
    return by.fit(of, ask).forecast(of, ask)


def smoothed(fitted: Fitted) -> Smoothed:
    """What is known to be ours."""
    assert isinstance(fitted, Smoothed)
    return fitted


def arrays(of: Forecast) -> dict[str, NDArray[np.generic]]:
    """Everything in a forecast that has rows."""
    return {f.name: v for f in fields(of) if isinstance(v := getattr(of, f.name), np.ndarray)}


def assert_same(one: Forecast, other: Forecast, rtol: float = 2e-4) -> None:
    """The same numbers but for rounding."""
    for name, values in arrays(one).items():
        np.testing.assert_allclose(values, arrays(other)[name], rtol=rtol, atol=2e-4, err_msg=name)


@st.composite
def any_series(draw: st.DrawFn) -> Panel:
    """Rows as bad as they come: flat, on and off, growing, huge, tiny, gappy, short, censored, masked."""
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
    censored = rng.random((len(rows), columns)) < draw(st.sampled_from([0.0, 0.2]))
    return panel(np.array(rows), step=draw(st.sampled_from([3600.0, 420.0, 7200.0, DAY])), censored=censored)


@settings(deadline=None)
@given(any_series(), st.integers(1, 40))
def test_on_any_series_quantiles_are_in_order_and_possible(of: Panel, lead: int) -> None:
    """Never crossing, never negative, never infinite; known as a whole or not at all; at most twice what was seen."""
    found = forecast(of, lead=lead)
    seen = np.where(np.isnan(of.values), 0, of.values).max(axis=1)
    for band in (*found.curve.swapaxes(0, 1), found.maximum):
        known = ~np.isnan(band)
        assert (known.all(axis=1) == known.any(axis=1)).all()
        assert np.isfinite(band[known]).all()
        assert (band[known] >= 0).all()
        assert (np.diff(band[known.all(axis=1)], axis=1) >= 0).all()
        assert (np.nan_to_num(band) <= 2.001 * seen[:, None]).all()
    assert not np.isinf(found.sigma).any()
    assert (found.skill[~np.isnan(found.skill)] <= 1).all()


@settings(max_examples=30, deadline=None)
@given(any_series())
def test_one_series_is_a_fleet_of_one(of: Panel) -> None:
    """Alone or among others, beside gaps and garbage, a row's numbers are the same."""
    together = arrays(forecast(of))
    for row in range(len(of.series)):
        alone = arrays(forecast(of.for_rows(slice(row, row + 1))))
        for name, values in alone.items():
            np.testing.assert_allclose(together[name][row : row + 1], values, rtol=1e-4, err_msg=name)


def test_what_comes_after_changes_nothing() -> None:
    """A panel that is a view into a longer memory is forecast as if that memory ended with it."""
    memory = daily(3, days=9)
    cut = 7 * 288
    before = forecast(panel(memory[:, :cut]))
    memory[:, cut:] = 1e9
    after = forecast(panel(memory[:, :cut]))
    for name, values in arrays(before).items():
        np.testing.assert_array_equal(values, arrays(after)[name], err_msg=name)


def test_a_past_forecast_did_not_know_what_came() -> None:
    """What it is judged by are the forecasts that were made: the error of each is what came less what was said then."""
    x = daily(2)
    row = panel(x)
    ask = asked(2, steps=(3,))
    then = panel(x[:, :-3], end=NOW - 3 * STEP)
    said = UNFITTED.fit(then, ask).forecast(then, ask)
    track = smoothed(UNFITTED.fit(row, ask)).track
    assert track is not None
    phi = np.full(2, DEFAULTS[3], np.float32)
    made = track.forecast(3, slice(track.kept - 4, track.kept - 3), 288, phi)[:, 0]
    middle = said.curve[:, 0, MEDIAN]
    assert np.abs(made - middle).max() < 0.2  # apart by what the median of its errors corrects
    np.testing.assert_allclose(
        x[:, -1] - track.forecast(1, slice(-2, -1), 288, phi)[:, 0], forecast(row).residual, rtol=1e-4
    )


def test_cycle_by_cycle_is_as_all_at_once() -> None:
    """Columns that come one by one, and two at a time, lead to the same forecast as the whole panel."""
    x = daily(3, days=8)
    x[1, 2100:2110] = NAN
    ask = asked(3)
    seen: Fitted = UNFITTED.fit(panel(x[:, :2200], end=NOW), ask)
    for columns in (2201, 2202, 2204, 2208):
        of = panel(x[:, columns - 2200 : columns], end=NOW + (columns - 2200) * STEP)
        seen = seen.after(of, ask)
    assert_same(UNFITTED.fit(panel(x[:, :2208], end=of.end), ask).forecast(of, ask), seen.forecast(of, ask))


def test_a_sample_that_came_late_is_not_lost() -> None:
    """The newest column was a gap in one cycle and is known in the next."""
    x = daily(1, days=8)
    ask = asked(1)
    gappy = x[:, :2016].copy()
    gappy[0, -1] = NAN
    seen = UNFITTED.fit(panel(gappy), ask)
    of = panel(x[:, 1:2017], end=NOW + STEP)
    assert_same(
        UNFITTED.fit(panel(x[:, :2017], end=of.end), ask).forecast(of, ask),
        seen.after(of, ask).forecast(of, ask),
    )


def test_a_forecast_may_ask_for_more_than_the_last_cycle_did() -> None:
    """A page asks for another horizon than the loop; a lead time is another by now."""
    of = panel(daily(2))
    seen = UNFITTED.fit(of, asked(2))
    far = seen.forecast(of, asked(2, lead=20, steps=(1, 288), peaks=(5, 30)))
    assert (2, 2, len(LEVELS)) == far.curve.shape
    assert np.isfinite(far.curve).all()
    assert np.isfinite(far.peaks).all()
    assert (far.peaks[:, 1, -1] >= far.peaks[:, 0, -1]).all()
    assert checked(far, of, asked(2, lead=20, steps=(1, 288), peaks=(5, 30))) is not None


@pytest.mark.parametrize("columns", [1, 12, 13, 100], ids=lambda c: f"{c} columns")
def test_a_panel_that_was_not_announced_is_followed_on_the_spot(columns: int) -> None:
    """Whoever forecasts without telling of the cycle first gets the same."""
    x = daily(1, days=8)
    ask = asked(1)
    seen = UNFITTED.fit(panel(x[:, :2016]), ask)
    of = panel(x[:, columns : 2016 + columns], end=NOW + columns * STEP)
    np.testing.assert_array_equal(seen.after(of, ask).forecast(of, ask).curve, seen.forecast(of, ask).curve)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e9])
def test_a_constant_series_stays_where_it_is(value: float) -> None:
    """Every quantile is the constant, and nobody claims skill for it."""
    found = forecast(panel(np.full((1, 2016), value)))
    assert (found.curve == value).all()
    assert (found.maximum == value).all()
    assert not (found.lead_skill > 0).any()
    assert (found.residual == 0).all()


def test_after_a_flat_day_the_last_value_stands() -> None:
    """Whatever was there before: a workload that was switched off is not forecast to come back on its own."""
    x = daily(2)
    x[:, -288:] = 0.0
    np.testing.assert_array_equal(0, forecast(panel(x)).curve[:, :, MEDIAN])


@pytest.mark.parametrize(
    ("columns", "known"), [(2, False), (12, False), (20, False), (30, True), (100, True), (600, True)]
)
def test_a_short_history_has_no_band(columns: int, known: bool) -> None:
    """An hour gives no forecast; half a day does, without a season."""
    found = forecast(panel(daily()[:, :columns]), steps=(1,), lead=1)
    assert known is bool(np.isfinite(found.curve).all())
    assert [columns] == found.points.tolist()
    assert daily()[0, columns - 1] == found.last[0]


def test_before_two_periods_there_is_no_season() -> None:
    """And from then on there is: the forecast of six hours ahead is another."""
    ask = asked(1)
    without = smoothed(UNFITTED.fit(panel(daily(days=1.9)), ask)).track
    with_it = smoothed(UNFITTED.fit(panel(daily(days=2.1)), ask)).track
    assert without is not None
    assert with_it is not None
    assert not without.season.any()
    assert with_it.season.any()


def test_rows_without_data_are_unknown_and_cost_nobody_else() -> None:
    """NaN for the one, the same numbers for the others."""
    x = daily(2)
    found = forecast(panel([x[0], np.full(2016, np.nan), x[1]]))
    for name, values in arrays(found).items():
        if name not in {"points", "needed", "chosen"}:
            assert np.isnan(values[1].astype(float)).all(), name
    np.testing.assert_allclose(forecast(panel(x)).curve, found.curve[[0, 2]], rtol=1e-5)


@pytest.mark.parametrize(("missing", "known"), [(0, True), (1, True), (2, False), (50, False)])
def test_a_metric_that_stopped_is_not_forecast_from_the_past(missing: int, known: bool) -> None:
    """One missing sample is bridged; after two there is no ground to forecast from."""
    x = daily()
    x[:, 2016 - missing :] = np.nan
    found = forecast(panel(x))
    assert known is bool(np.isfinite(found.curve).all())
    assert known is bool(np.isfinite(found.maximum).all())


def test_gaps_cost_accuracy_not_the_forecast() -> None:
    """With a tenth of the samples missing a daily pattern is still seen."""
    x = daily(20, noise=0.05)
    x[:, :-1][np.random.default_rng(5).random((20, 2015)) < 0.1] = np.nan
    found = forecast(panel(x))
    assert np.isfinite(found.curve).all()
    assert (found.skill[:, -1] > 0.3).all()


def test_what_is_no_ordinary_time_teaches_nothing() -> None:
    """Stretches at the ceiling and stretches marked as anomalies are passed over as gaps are."""
    x = daily(2, noise=0.05)
    flags = np.zeros(x.shape, np.bool_)
    flags[:, 1500:1600] = True
    wild = np.where(flags, 50, x)
    plain = forecast(panel(np.where(flags, NAN, x)))
    censored = panel(wild, censored=flags)
    masked = Panel(censored.series, censored.start, STEP, censored.values, np.zeros_like(flags), masked=flags)
    np.testing.assert_array_equal(plain.curve, forecast(censored).curve)
    np.testing.assert_array_equal(plain.curve, forecast(masked).curve)


def test_a_daily_pattern_is_worth_more_the_farther_one_looks() -> None:
    """Every such series beats persistence, and an hour ahead by far."""
    skill = forecast(panel(daily(50, noise=0.05))).skill
    assert (skill[:, -1] > 0.5).all()
    assert (skill[:, -1] > skill[:, 0]).all()


def test_a_season_of_an_hour_is_found() -> None:
    """What runs every hour is forecast by the hour, where a day's season knows less of it."""
    x = 2 + 5 * (np.arange(2016) % 12 == 3) + np.random.default_rng(2).normal(0, 0.1, (3, 2016))
    by_day = HoltWinters(periods=lambda x, day: np.full(len(x), day, np.int32), budget=0)
    hourly, other = forecast(panel(np.abs(x))), forecast(panel(np.abs(x)), by=by_day)
    assert (hourly.skill[:, 0] > 0.5).all()
    assert (hourly.skill[:, 0] > other.skill[:, 0]).all()


def test_without_skill_it_says_so() -> None:
    """A random walk has none, and nothing is put in place of the forecast."""
    steps = np.random.default_rng(1).normal(0, 0.2, (40, 2016))
    found = forecast(panel(100 + np.cumsum(steps, axis=1)))
    assert np.median(found.lead_skill) < 0.02
    assert np.isfinite(found.curve).all()


def test_the_band_holds_what_comes() -> None:
    """Four of five values lie between P10 and P90, and the maximum is above its Q.98 in about one case of fifty."""
    rows, x = 60, daily(60, days=8)
    inside, above = [], []
    ask = asked(rows, lead=2, steps=(1, 6))
    seen: Fitted = UNFITTED.fit(panel(x[:, :2016]), ask)
    for now in range(2016, 2280, 24):
        of = panel(x[:, now - 2016 : now], end=NOW + (now - 2016) * STEP)
        seen = seen.after(of, ask)
        found = seen.forecast(of, ask)
        came = x[:, [now, now + 5]]
        inside.append((came >= found.curve[:, :, 1]) & (came <= found.curve[:, :, 5]))
        above.append(x[:, now : now + 2].max(axis=1) > found.maximum[:, 7])
    assert 0.75 < np.mean(inside) < 0.85
    assert 0.005 < np.mean(above) < 0.045


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**33], ids=["tiny", "bytes"])
def test_the_unit_does_not_matter(scale: float) -> None:
    """Bytes are forecast as well as cores: skill is the same and the curve only scaled."""
    x = daily(4)
    plain, scaled = forecast(panel(x)), forecast(panel(x * scale))
    np.testing.assert_allclose(plain.skill, scaled.skill, atol=1e-4)
    np.testing.assert_allclose(plain.curve * np.float32(scale), scaled.curve, rtol=1e-4)


def test_growth_is_not_cut_off() -> None:
    """A series that doubles every day is forecast above its newest value, though it has never been higher."""
    found = forecast(panel(2.0 ** (np.arange(2016) / 288)))
    assert (found.maximum[:, LEVELS.index(0.98)] > found.last).all()


def test_every_series_has_its_own_lead_time() -> None:
    """The maximum over a longer time is no lower, and each row gets the one it asked for."""
    x = 100 + np.cumsum(np.random.default_rng(1).normal(0, 0.2, (1, 2016)), axis=1)
    of = panel(np.repeat(x, 3, axis=0))
    ask = Ask(STEPS, np.array([1, 6, 12], np.int32))
    found = UNFITTED.fit(of, ask).forecast(of, ask)
    assert (np.diff(found.maximum[:, LEVELS.index(0.98)]) > 0).all()
    np.testing.assert_allclose(
        forecast(of.for_rows(slice(1, 2)), lead=6).maximum[0], found.maximum[1], rtol=1e-5
    )


def test_new_targets_learn_from_their_past_and_the_others_stay() -> None:
    """When targets come, go and change places, each row is as it would have been."""
    x = daily(4, days=8)
    ask = asked(3)
    seen = UNFITTED.fit(panel(x[[0, 1, 2], :2016]), ask)
    of = panel(x[[2, 3, 0], 1:2017], end=NOW + STEP)
    found = seen.for_rows(np.array([2, -1, 0])).after(of, ask).forecast(of, ask)
    anew = UNFITTED.fit(of, ask).forecast(of, ask)
    np.testing.assert_allclose(anew.curve, found.curve, rtol=2e-2)  # its season began one column later
    np.testing.assert_allclose(anew.curve[1], found.curve[1], rtol=1e-5)


def test_a_few_series_are_fitted_in_each_cycle() -> None:
    """Those with most skill first, until all have had their turn; nobody is fitted again before a day is over."""
    x = daily(5, days=9.1, noise=0.05)
    x[3] = 7.0
    ask = asked(5)
    by = HoltWinters(budget=2)
    counts = []
    seen: Fitted = by.fit(panel(x[:, :2016]), ask)
    for cycle in range(5):
        counts.append(np.count_nonzero(~np.isnan(smoothed(seen).parameters[:, 0])))
        seen = seen.after(panel(x[:, cycle + 1 : cycle + 2017], end=NOW + (cycle + 1) * STEP), ask)
    assert [2, 4, 4, 4, 4] == counts
    assert np.isnan(smoothed(seen).fitted[3])
    before = smoothed(seen).fitted.copy()
    seen = seen.after(panel(x[:, 290:2306], end=NOW + 290 * STEP), ask)
    assert [2] == [np.count_nonzero(smoothed(seen).fitted > np.nan_to_num(before))]


def test_until_its_turn_a_row_has_what_others_were_found_to_have() -> None:
    """The median of at least three; before, the defaults."""
    x = daily(6, noise=0.4)
    of = panel(x)
    ask = asked(6)
    unfitted = smoothed(UNFITTED.fit(of, ask))
    few = smoothed(HoltWinters(budget=3).fit(of, ask))
    waiting = np.flatnonzero(np.isnan(few.parameters[:, 0]))
    assert 3 == len(waiting)
    np.testing.assert_array_equal(unfitted.forecast(of, ask).curve[waiting], forecast(of).curve[waiting])
    following = panel(daily(6, days=7.01, noise=0.4)[:, -2016:], end=NOW + 2 * STEP)
    assert (
        np.abs(
            few.after(following, ask).forecast(following, ask).curve
            - unfitted.after(following, ask).forecast(following, ask).curve
        )[waiting].max()
        > 0
    )


def test_fitting_is_worth_it() -> None:
    """A noisy daily wave is followed too nervously by the defaults."""
    of = panel(daily(8, noise=0.6))
    fitted, plain = forecast(of, by=HoltWinters()), forecast(of)
    assert (fitted.skill[:, 0] > plain.skill[:, 0] + 0.05).all()


def test_what_it_is_judged_by_was_not_seen_by_the_fit() -> None:
    """Another last two days: the same parameters."""
    x = daily(2)
    other = x.copy()
    other[:, -576:] = 5 + np.random.default_rng(9).normal(0, 2, (2, 576))
    ask = asked(2)
    by = HoltWinters(periods=lambda x, day: np.full(len(x), day, np.int32))
    one, two = (smoothed(by.fit(panel(v), ask)).parameters for v in (x, other))
    np.testing.assert_array_equal(one, two)
    assert not np.isnan(one).any()


def test_a_snapshot_keeps_the_parameters() -> None:
    """After a restart nothing has to be fitted again, and the forecast is that of one who followed the panel now."""
    of = panel(daily(3))
    ask = asked(3)
    seen = smoothed(HoltWinters().fit(of, ask))
    back = HoltWinters().restored(dict(seen.arrays()), 3)
    assert back is not None
    np.testing.assert_array_equal(seen.forecast(of, ask).curve, back.after(of, ask).forecast(of, ask).curve)
    np.testing.assert_array_equal(seen.fitted, back.after(of, ask).fitted)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"parameters": np.zeros((2, 4), np.float32)}, id="other rows"),
        pytest.param({"parameters": np.zeros((3, 4))}, id="another type"),
        pytest.param({"more": np.zeros(3)}, id="another version"),
    ],
)
def test_a_snapshot_of_another_kind_is_not_taken(change: dict[str, NDArray[np.generic]]) -> None:
    """Whoever wrote it, it does not harm."""
    of = panel(daily(3)[:, :300])
    kept = dict(UNFITTED.fit(of, asked(3)).arrays())
    assert UNFITTED.restored(kept, 3) is not None
    assert UNFITTED.restored({**kept, **change}, 3) is None
    assert UNFITTED.restored({}, 3) is None


def test_impossible_numbers_in_a_snapshot_are_found_anew() -> None:
    """Parameters outside 0..1 would let a level run away."""
    of = panel(daily(2)[:, :300])
    kept = dict(UNFITTED.fit(of, asked(2)).arrays())
    kept["parameters"] = np.full((2, 4), 5.0, np.float32)
    kept["period"] = np.array([-3, 10**6], np.int32)
    back = UNFITTED.restored(kept, 2)
    assert back is not None
    assert np.isfinite(back.after(of, asked(2)).forecast(of, asked(2)).curve).all()


@pytest.mark.parametrize("step", [60.0, 420.0, 900.0, 1700.0], ids=lambda s: f"{s:g}s")
def test_any_step_will_do(step: float) -> None:
    """A minute, and steps that do not divide a day."""
    x = daily(2, step=step)[:, -2016:]
    found = forecast(panel(x, step=step), steps=(1, 3))
    assert np.isfinite(found.curve).all()


def test_a_fleet_is_forecast_in_a_breath() -> None:
    """Far more than the thousand series a second that this machine must reach with others at work on it."""
    rows, x = 2000, daily(2000, days=7.1)
    steps = (1, 2, 3, 4, 5, 6)
    by_day = HoltWinters(periods=lambda x, day: np.full(len(x), day, np.int32), budget=0)
    seen = by_day.fit(panel(x[:, :2016]), asked(rows, steps=steps))
    of = panel(x[:, 1:2017], end=NOW + STEP)
    began = time.process_time()
    seen.after(of, asked(rows, steps=steps)).forecast(of, asked(rows, steps=steps))
    assert rows / (time.process_time() - began) > 3000


def test_history_that_arrives_behind_a_row_is_followed_from_its_beginning() -> None:
    """A back-filled row knows what one knows that had its history at once: its season, its skill, its band."""
    x = daily(2)
    young = x.copy()
    young[0, :-12] = NAN
    ask = asked(2)
    late = UNFITTED.fit(panel(young), ask).after(panel(x), ask).forecast(panel(x), ask)
    assert_same(forecast(panel(x)), late)
