"""The baseline forecaster: what it reaches on the series it is made for, and what a forecast says of the present."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from scoring.forecasting.baseline import PastValues, weighted_quantiles
from scoring.forecasting.features import described
from scoring.forecasting.forecasts import LEVELS, MEDIAN, Forecast, newest, newest_censored, unforecast
from scoring.panels import Floats, Panel
from tests.scoring.builders import DAY, NAN, STEP, daily, panel
from tests.scoring.forecasting.builders import HOUR, asked, forecast, forecaster

COLUMNS = 2016
EACH = 15
BASELINE = forecaster("baseline")
HIGH = LEVELS.index(0.98)


def walk(rows: int, *, seed: int = 1) -> Floats:
    """Random walks far above zero."""
    steps = np.random.default_rng(seed).normal(0, 0.2, (rows, COLUMNS))
    return (100 + np.cumsum(steps, axis=1)).astype(np.float32)


def fleet() -> dict[str, Floats]:
    """A week of each kind of series that the baseline is judged by."""
    random = np.random.default_rng(5)
    gappy = daily(EACH)
    gappy[:, :-1][random.random((EACH, COLUMNS - 1)) < 0.1] = NAN
    spiked, ended = daily(2), daily(EACH, noise=0.05)
    spiked[:, 1000] = 500
    ended[:, -577:] = walk(EACH)[:, -577:]
    return {
        "daily": daily(EACH),
        "walk": walk(EACH),
        "noise": (5 + random.normal(0, 0.5, (EACH, COLUMNS))).astype(np.float32),
        "gappy": gappy,
        "ended": ended,
        "spiked": spiked,
        "growing": (2 ** (np.arange(COLUMNS)[None] / 288)).astype(np.float32),
    }


@cache
def judged() -> tuple[Forecast, dict[str, slice]]:
    """The forecast of all of them, and which rows are whose."""
    every = fleet()
    ends = np.cumsum([len(values) for values in every.values()]).tolist()
    places = {name: slice(end - len(every[name]), end) for name, end in zip(every, ends, strict=True)}
    return forecast(panel(np.concatenate(list(every.values()))), BASELINE), places


def skill(name: str) -> Floats:
    """Of one kind, by curve point."""
    found, places = judged()
    return found.skill[places[name]]


def test_a_daily_pattern_is_worth_more_the_farther_one_looks() -> None:
    """Nearly every such series beats persistence, and an hour ahead by far."""
    assert (np.median(skill("daily"), axis=0) > 0.1).all()
    assert (skill("daily")[:, -1] > 0.25).all()
    assert (skill("daily")[:, -1] > skill("daily")[:, 0]).all()


def test_gaps_cost_accuracy_not_the_forecast() -> None:
    """With a tenth of the samples missing a daily pattern is still seen."""
    found, places = judged()
    assert np.isfinite(found.curve[places["gappy"]]).all()
    assert (skill("gappy")[:, -1] > 0.25).all()


def test_a_random_walk_has_no_skill_and_is_forecast_by_persistence() -> None:
    """Nothing can be said of it but where it is: that is what is said, and no series is taken for much better."""
    found, places = judged()
    assert (np.abs(np.median(skill("walk"), axis=0)) < 0.06).all()
    assert skill("walk").max() < 0.05
    assert (found.chosen[places["walk"]] == 0).mean() > 0.95
    assert ("persistence", "past values", "regression") == found.experts
    off = np.abs(found.curve[places["walk"], 0, MEDIAN] - found.last[places["walk"]])
    assert np.median(off) < 0.02


def test_a_pattern_that_has_ended_has_no_skill() -> None:
    """What worked before the last two days is judged by the last two days too."""
    assert np.median(skill("ended")[:, 1]) < 0.02


def test_noise_around_a_level_is_forecast_by_the_level() -> None:
    """Persistence repeats the noise; past values do not, which is skill too."""
    found, places = judged()
    assert (skill("noise") > 0.1).all()
    np.testing.assert_allclose(5, found.curve[places["noise"], :, MEDIAN].mean(), atol=0.05)


def test_one_spike_does_not_send_the_forecast_away() -> None:
    """What happened once, days ago, is not what is expected."""
    found, places = judged()
    assert found.curve[places["spiked"]].max() < 20


def test_growth_is_not_cut_off() -> None:
    """A series that doubles every day is forecast above its newest value, though it has never been higher."""
    found, places = judged()
    last = found.last[places["growing"]]
    assert (found.maximum[places["growing"], HIGH] > last).all()
    assert (found.curve[places["growing"], -1, MEDIAN] > last).all()


@pytest.mark.parametrize("scale", [2.0**-10, 2.0**33, 2.0**50], ids=["small", "bytes", "huge"])
def test_the_unit_does_not_matter(scale: float) -> None:
    """Bytes are forecast as well as cores: skill is the same and the curve only scaled."""
    values = daily(2, days=2, step=HOUR)
    plain, scaled = (forecast(panel(values * np.float32(by), step=HOUR), BASELINE) for by in (1, scale))
    np.testing.assert_array_equal(plain.skill, scaled.skill)
    np.testing.assert_array_equal(plain.curve * np.float32(scale), scaled.curve)


@pytest.mark.parametrize(("step", "needed"), [(60.0, 360), (420.0, 51), (1700.0, 13)])
def test_any_step_will_do(step: float, needed: int) -> None:
    """A minute, and steps that do not divide a day: there is a forecast, and a quarter of a day is needed to trust it."""
    found = forecast(panel(daily(2, days=60 * step / DAY, step=step), step=step), BASELINE)
    assert np.isfinite(found.curve).all()
    assert {needed} == set(found.needed.tolist())


def test_a_window_shorter_than_the_lead_time_is_survived() -> None:
    """A small memory and a long lead time: the highest of what is there stands for what may come."""
    of = panel(daily(2, step=60.0)[:, :40], step=60.0)
    found = forecast(of, BASELINE, asked(of, lead=120))
    assert np.isfinite(found.maximum).all()
    assert (found.maximum[:, HIGH] >= np.quantile(of.values, 0.5, axis=1)).all()


def test_every_series_has_its_own_lead_time() -> None:
    """The maximum over a longer time is higher, and each row gets the one it asked for."""
    of = panel(np.repeat(walk(1)[:, :60], 3, axis=0))
    ask = asked(of, peaks=(1, 6, 12))
    ask.lead[:] = (1, 6, 12)
    found = forecast(of, BASELINE, ask)
    assert (np.diff(found.maximum[:, HIGH]) > 0).all()
    np.testing.assert_array_equal(found.peaks[range(3), range(3)], found.maximum)


# What it says before anything was learned


def test_the_nearer_past_weighs_more() -> None:
    """After a change of level most of what is expected is the new one, and the old one is still possible."""
    values = np.concatenate([np.full(200, 9.0), np.full(24, 1.0)])[None].astype(np.float32)
    said = PastValues().quantiles(described(values, day=288), ((1, 1),))[0, 0]
    assert (1, 9) == (said[MEDIAN], said[-1])


def test_the_same_time_of_past_days_is_a_quarter_of_it() -> None:
    """A daily peak that comes next is in the band, also where the last hours knew nothing of it."""
    values = np.ones((1, 7 * 24 + 1), np.float32)
    values[0, 1::24] = 9  # one column from now, on every day before
    said = PastValues().quantiles(described(values, day=24), ((1, 1), (2, 2), (1, 2)))[0]
    assert [9, 1, 9] == said[:, LEVELS.index(0.9)].tolist()


@pytest.mark.parametrize(
    ("sample", "weights", "median"),
    [
        pytest.param([1, 2, 3], [1, 1, 1], 2, id="alike"),
        pytest.param([3, 1, 2], [3, 1, 1], 3, id="by weight, in any order"),
        pytest.param([NAN, 1, 2], [9, 1, 1], 1, id="what is not known has none"),
        pytest.param([NAN, NAN, NAN], [1, 1, 1], NAN, id="nothing is known"),
    ],
)
def test_a_quantile_is_the_least_value_with_enough_weight_below_it(
    sample: list[float], weights: list[float], median: float
) -> None:
    """Of the weight that is known."""
    found = weighted_quantiles(np.array([sample], np.float32), np.array(weights, np.float32))
    np.testing.assert_array_equal(median, found[0, MEDIAN])


# What every forecast says of the present


def test_whether_the_newest_value_is_a_lower_bound() -> None:
    """The flag is that of the sample that counts, also where the very last one has not come yet."""
    x: list[list[float]] = [[1, 2, 3], [1, 2, NAN], [1, 2, NAN], [1, NAN, NAN], [NAN, NAN, NAN]]
    flags = [[1, 1, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1], [1, 1, 1]]
    of = panel(x, censored=flags)
    np.testing.assert_array_equal([3, 2, 2, NAN, NAN], newest(of.values))
    assert [False, True, False, False, False] == newest_censored(of).tolist()
    assert [True] == newest_censored(panel([[1]], censored=[[1]])).tolist()


def stands_in(of: Panel) -> Forecast:
    """What replaces a forecaster that failed."""
    return unforecast(of, asked(of), "none")


@pytest.mark.parametrize("rows", [1, 5])
def test_a_stand_in_knows_the_present_and_nothing_ahead(rows: int) -> None:
    """Newest values and points, NaN ahead."""
    of = panel(daily(rows))
    blank = stands_in(of)
    np.testing.assert_array_equal(of.values[:, -1], blank.last)
    assert [COLUMNS] * rows == blank.points.tolist()
    for values in (blank.curve, blank.maximum, blank.skill, blank.lead_skill, blank.residual, blank.sigma):
        assert np.isnan(values).all()
    assert (of.end, STEP) == (blank.issued_at, blank.step)
    assert {576} == set(blank.needed.tolist())
