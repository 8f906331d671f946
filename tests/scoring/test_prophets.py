"""Prophet as a forecaster: whose turn it is, what it is judged by, and what stands in for it. The library is passed in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helios.forecasters import forecaster
from scoring.forecasting.baseline import Baseline
from scoring.forecasting.forecasts import (
    LEVELS,
    LOWER,
    MEDIAN,
    UPPER,
    Ask,
    Fitted,
    Forecast,
    Forecaster,
    checked,
)
from scoring.forecasting.learned import Models
from scoring.forecasting.prophets import Prophesied, Prophet
from scoring.panels import Floats, Panel
from tests.scoring.builders import DAY, NAN, NOW, STEP, daily, panel
from tests.scoring.forecasters import Seasonal

STEPS = (1, 6)
SIGMAS = np.array([-1.645, -1.282, -0.674, 0, 0.674, 1.282, 1.645, 2.054, 2.326], np.float32)
"""Of `LEVELS`, for a bell."""
QUARTER = 72

Times = NDArray[np.float64]


@dataclass
class Oracle:
    """Knows the daily wave of `builders.daily`, and how wide it wants its band; remembers what it was given."""

    width: float = 0.2
    given: list[tuple[Times, Floats]] = field(default_factory=list)

    def __call__(self, times: Times, values: Floats, ahead: Times, day: float) -> Floats:
        """The wave itself."""
        self.given.append((times, values))
        began = NOW - 2015 * STEP
        middle = 5 + 2 * np.sin(2 * np.pi * (ahead - began) / day)
        return (middle[:, None] + self.width * SIGMAS).astype(np.float32)


def gave_up(times: Times, values: Floats, ahead: Times, day: float) -> Floats:
    """An optimiser that finds nothing."""
    raise RuntimeError("Optimization terminated abnormally")


def asked(rows: int, *, lead: int = 2, steps: tuple[int, ...] = STEPS) -> Ask:
    """The same of every row."""
    return Ask(steps, np.full(rows, lead, np.int32), peaks=(5,))


def later(x: Floats, columns: int) -> Panel:
    """The panel that ends so many columns after `NOW`; the first 2,016 columns of `x` end at `NOW`."""
    return panel(x[:, columns : 2016 + columns], end=NOW + columns * STEP)


def fitted_rows(of: Fitted) -> list[int]:
    """The rows that the library has spoken of."""
    assert isinstance(of, Prophesied)
    return np.flatnonzero(~np.isnan(of.arrays()["path"][:, 0, 0])).tolist()


def forecast(of: Panel, by: Forecaster, **wishes: int) -> Forecast:
    """A forecast of a panel that was never seen before."""
    ask = asked(len(of.series), **wishes)
    return checked(by.fit(of, ask).forecast(of, ask), of, ask)


def test_it_forecasts_what_the_library_says() -> None:
    """The median of every step and a band around it, with the skill of a wave that is known."""
    x = daily(1, days=8)
    found = forecast(later(x, 0), Prophet(Oracle()))
    wave = 5 + 2 * np.sin(2 * np.pi * (np.arange(2016, 2022)) / 288)
    np.testing.assert_allclose(wave[[0, 5]], found.curve[0, :, MEDIAN], atol=0.01)
    assert (found.skill > 0.2).all()
    assert (("prophet", "baseline"), [[0, 0]]) == (found.experts, found.chosen.tolist())
    assert "prophet" == found.model
    assert (np.diff(found.curve, axis=-1) >= 0).all()
    assert found.maximum[0, MEDIAN] > found.curve[0, 0, MEDIAN]


@pytest.mark.parametrize("width", [0.01, 0.2, 5.0], ids=["far too sure", "right", "far too wide"])
def test_its_band_is_as_wide_as_it_has_turned_out_to_be(width: float) -> None:
    """Four of five values of the days that it was judged by lie within P10..P90, whatever it thinks of itself."""
    found = forecast(later(daily(20, days=8), 0), Prophet(Oracle(width), budget=20))
    half = (found.curve[:, :, UPPER] - found.curve[:, :, LOWER]) / 2
    np.testing.assert_allclose(0.2 * 1.282, np.median(half), rtol=0.1)


def test_the_maximum_is_judged_as_such() -> None:
    """That of two noisy values is above both medians; of 600 waves about one in fifty exceeds Q.98."""
    x = daily(60, days=8)
    ask = asked(60)
    seen: Fitted = Prophet(Oracle(), budget=60, standby=Seasonal()).fit(later(x, 0), ask)
    above = []
    for columns in range(0, 240, 24):
        of = later(x, columns)
        seen = seen.after(of, ask)
        above.append(x[:, 2016 + columns : 2018 + columns].max(axis=1) > seen.forecast(of, ask).maximum[:, 7])
    assert 0.005 < np.mean(above) < 0.05


def test_the_newest_quarter_day_is_kept_to_judge_by() -> None:
    """The library never sees it, nor what is older than a week, nor gaps and what teaches nothing."""
    x = daily(1, days=8)
    x[0, 300:310] = NAN
    flags = np.zeros(x.shape, np.bool_)
    flags[0, 400:420] = True
    oracle = Oracle()
    forecast(panel(x, censored=flags), Prophet(oracle))
    ((times, values),) = oracle.given
    assert 2016 - QUARTER - 10 - 20 == len(values) == len(times)
    assert NOW - QUARTER * STEP == times[-1]
    assert NOW - 2015 * STEP == times[0]


def test_a_few_rows_are_fitted_in_each_cycle_and_none_twice_a_day() -> None:
    """It takes long; whoever waited longest comes first."""
    x = daily(5, days=9.5)
    x[3] = 4.0
    ask = asked(5)
    oracle = Oracle()
    seen: Fitted = Prophet(oracle, budget=2).fit(later(x, 0), ask)
    turns = [fitted_rows(seen)]
    for columns in (1, 2, 287):
        seen = seen.after(later(x, columns), ask)
        turns.append(fitted_rows(seen))
    assert [[0, 1], [0, 1, 2, 4], [0, 1, 2, 4], [0, 1, 2, 4]] == turns
    assert 4 == len(oracle.given)
    seen = seen.after(later(x, 288), ask)
    assert 6 == len(oracle.given)


def test_until_its_turn_a_row_is_forecast_by_the_baseline() -> None:
    """And the forecast says so."""
    of = later(daily(3), 0)
    found, plain = forecast(of, Prophet(Oracle(), budget=1)), forecast(of, Baseline())
    assert [[0, 0], [1, 1], [1, 1]] == found.chosen.tolist()
    np.testing.assert_array_equal(plain.curve[1:], found.curve[1:])
    np.testing.assert_array_equal(plain.lead_skill[1:], found.lead_skill[1:])


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: daily()[:, :200], id="short"),
        pytest.param(lambda: np.full((1, 2016), 3.0), id="constant"),
        pytest.param(lambda: np.full((1, 2016), NAN), id="unseen"),
    ],
)
def test_what_cannot_be_fitted_is_not(make: Callable[[], Floats]) -> None:
    """The library is not asked, and the baseline stands in."""
    oracle = Oracle()
    of = panel(make())
    np.testing.assert_array_equal(forecast(of, Baseline()).curve, forecast(of, Prophet(oracle)).curve)
    assert not oracle.given


def test_a_series_that_the_library_gives_up_on_costs_nobody_else() -> None:
    """It is forecast by the baseline, and tried again after a day."""
    of = later(daily(2), 0)
    found = forecast(of, Prophet(gave_up))
    np.testing.assert_array_equal(forecast(of, Baseline()).curve, found.curve)


def test_beyond_what_was_said_the_baseline_goes_on() -> None:
    """A row that was not fitted again for two days has nothing left of its path."""
    x = daily(1, days=11)
    ask = asked(1)
    seen = Prophet(Oracle()).fit(later(x, 0), ask)
    assert [[0, 0]] == seen.forecast(later(x, 400), ask).chosen.tolist()
    assert [[1, 1]] == seen.forecast(later(x, 700), ask).chosen.tolist()


@pytest.mark.parametrize(("missing", "known"), [(1, True), (2, False)])
def test_a_metric_that_stopped_is_not_forecast_from_the_past(missing: int, known: bool) -> None:
    """One missing sample is bridged; after two there is no ground to forecast from."""
    x = daily()
    x[:, 2016 - missing :] = NAN
    assert known is bool(np.isfinite(forecast(panel(x), Prophet(Oracle())).curve).all())


def test_rows_keep_their_paths_when_targets_come_and_go() -> None:
    """A new row waits for its turn."""
    x = daily(3, days=8)
    ask = asked(2)
    seen = Prophet(Oracle(), budget=2).fit(later(x[[0, 1]], 0), ask)
    assert [0, 2] == fitted_rows(seen.for_rows(np.array([1, -1, 0])))


def test_a_snapshot_keeps_what_took_long() -> None:
    """After a restart nothing is fitted again before its day is over."""
    of = later(daily(2, days=8), 0)
    ask = asked(2)
    seen = Prophet(Oracle()).fit(of, ask)
    oracle = Oracle()
    back = Prophet(oracle).restored(dict(seen.arrays()), 2)
    assert back is not None
    np.testing.assert_array_equal(seen.forecast(of, ask).curve, back.after(of, ask).forecast(of, ask).curve)
    assert not oracle.given
    assert Prophet(oracle).restored(dict(seen.arrays()), 3) is None
    assert Prophet(oracle).restored({}, 2) is None


def test_another_step_begins_anew() -> None:
    """A path of five-minute columns says nothing of minutes."""
    ask = asked(1)
    oracle = Oracle()
    seen = Prophet(oracle).fit(later(daily(), 0), ask)
    other = panel(daily(step=600.0)[:, -1008:], step=600.0)
    found = seen.after(other, ask)
    assert 2 == len(oracle.given)
    assert [[0, 0]] == found.forecast(other, ask).chosen.tolist()


@given(
    shape=st.sampled_from(["on and off", "growing", "huge", "gappy"]),
    width=st.sampled_from([0.0, 1e-9, 1.0, 1e9]),
    lead=st.integers(1, 40),
)
def test_on_any_series_quantiles_are_in_order_and_possible(shape: str, width: float, lead: int) -> None:
    """Whatever the library says: never crossing, negative or infinite; at most twice what was seen."""
    t = np.arange(500)
    x = {
        "on and off": np.where(t // 7 % 2, 4.0, 0.0),
        "growing": np.exp(t / 100),
        "huge": 1e15 * (1 + t % 5),
        "gappy": np.where(t % 3, NAN, t % 24),
    }[shape]
    of = panel(x, step=3600.0)
    found = forecast(of, Prophet(Oracle(width), standby=Seasonal()), lead=lead)
    for band in (*found.curve[0], found.maximum[0], *found.peaks[0]):
        if not np.isnan(band).all():
            assert np.isfinite(band).all()
            assert (np.diff(band) >= 0).all()
            assert 0 <= band[0] <= band[-1] <= 2.001 * np.nanmax(x)


@pytest.mark.integration
def test_the_real_library_forecasts_a_daily_wave() -> None:
    """Built as users get it, by name; two series of a week, silently, and the same each time."""
    by = forecaster("prophet", Models.none())
    of = later(daily(2, noise=0.1), 0)
    found = forecast(of, by, lead=6)
    ahead = 5 + 2 * np.sin(2 * np.pi * (2015 + np.array(STEPS)) / 288)
    np.testing.assert_allclose(found.curve[:, :, MEDIAN], np.tile(ahead, (2, 1)), atol=0.2)
    assert (found.chosen == 0).all()
    assert (found.skill[:, 1] > 0.1).all()
    assert LEVELS.index(0.98) == 7
    assert (found.maximum[:, 7] < 6).all()
    np.testing.assert_array_equal(found.curve, forecast(of, by, lead=6).curve)
    assert logging.getLogger("cmdstanpy").disabled


@pytest.mark.integration
def test_a_day_of_another_length_is_told_to_the_library() -> None:
    """A trace that is replayed at speed has a wave of its own length."""
    by = forecaster("prophet", Models.none())
    t = np.arange(1008)
    of = panel(5 + 2 * np.sin(2 * np.pi * t / 144))
    ask = Ask((12,), np.array([1], np.int32), day=DAY / 2)
    found = by.fit(of, ask).forecast(of, ask)
    np.testing.assert_allclose(
        5 + 2 * np.sin(2 * np.pi * (1007 + 12) / 144), found.curve[0, 0, MEDIAN], atol=0.1
    )
