"""The rolling origin: who sees what, what counts, and what it adds up to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scoring.evaluation.backtests import Split, ask_of, backtest, until
from scoring.evaluation.tallies import Scores
from scoring.forecasting.baseline import Baseline
from scoring.forecasting.forecasts import Ask, Forecast, Forecaster
from scoring.panels import Panel
from tests.evaluation.builders import Mindful, Shifted, ticking
from tests.scoring.builders import DAY, NAN, STEP, daily, panel


def walked(
    forecaster: Forecaster,
    values: Any,
    *,
    steps: tuple[int, ...] = (1,),
    day: float = 4 * STEP,
    **options: Any,
) -> Scores:
    """A walk over values whose day has four columns; the last half counts."""
    trace = values if isinstance(values, Panel) else panel(values)
    options.setdefault("split", Split.of(trace.values.shape[1], share=0.5))
    ask = ask_of(trace, steps, leads=(STEP, 2 * STEP), day=day)
    return backtest(forecaster, trace, ask, timer=options.pop("timer", ticking(0.0)), **options)


def recorded(values: np.ndarray, split: Split) -> list[Forecast]:
    """Every forecast of a walk; with a cut at 700 the last origin before it is among them."""
    forecaster, trace = Mindful(), panel(values)
    backtest(forecaster, trace, ask_of(trace, (1, 6)), timer=ticking(0.0), split=split, every=2)
    return forecaster.kept


@pytest.mark.parametrize("future", [pytest.param(NAN, id="gone"), pytest.param(0.0, id="nothing"), 1e6])
def test_the_future_changes_no_forecast(future: float) -> None:
    """Whatever comes later, or nothing at all: what was forecast before is the same to the bit."""
    values = daily(2, days=3)
    split, cut = Split.of(values.shape[1], warm=60), 700
    altered = values.copy()
    altered[:, cut:] = future
    whole, other = recorded(values, split), recorded(altered, split)
    short = recorded(values[:, :cut], replace(split, end=cut))
    before = len(short)
    assert 0 < before < len(whole)
    for one, two, three in zip(whole[:before], other[:before], short, strict=True):
        for name in ("curve", "peaks"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
            np.testing.assert_array_equal(getattr(one, name), getattr(three, name))
    assert not np.array_equal(whole[-1].curve, other[-1].curve)


def test_a_window_holds_nothing_behind_its_last_column() -> None:
    """Not even memory that a view could be widened to."""
    seen = until(panel(np.arange(10.0)), 6, 4)
    np.testing.assert_array_equal([[2, 3, 4, 5]], seen.values)
    assert seen.values.base is None
    assert panel(np.arange(10.0)).start + 2 * STEP == seen.start


def test_a_forecaster_is_fitted_once_and_then_follows_every_step() -> None:
    """Fitted at the first origin, followed through the warm stretch, asked only where it counts."""
    forecaster, trace = Shifted(), panel(np.arange(1.0, 9.0))
    walked(forecaster, trace, split=Split(2, 5, 8), window=3)
    at = [(name, round((end - trace.start) / STEP)) for name, _, end in forecaster.calls]
    expected = [("fit", 2), ("after", 3), ("after", 4)]
    expected += [(name, column) for column in (5, 6, 7) for name in ("after", "forecast")]
    assert expected == at
    assert {3} == {1 + round((end - start) / STEP) for _, start, end in forecaster.calls}


def test_a_trace_is_split_into_past_warm_and_scored() -> None:
    """The last 30 % count, the week before warms, and training sees what is before both."""
    split = Split.of(10_000)
    assert Split(begin=4_984, first=7_000, end=10_000) == split
    trace = panel(np.arange(10_000.0))
    np.testing.assert_array_equal(trace.values[:, :4_984], split.past(trace).values)


def test_a_short_trace_is_warmed_on_half_of_what_there_is() -> None:
    """Else nothing would be left to train on."""
    assert Split(begin=350, first=700, end=1000) == Split.of(1000)


def test_the_figures_of_a_growing_series_are_those_computed_by_hand() -> None:
    """One step up each time: persistence is 1 short, a forecast of half a step more is half as wrong."""
    scores = walked(Shifted(by=0.5, width=2.0), np.arange(1.0, 17.0))
    # origins 8..15 hold 9..16; the last has no target: 10..16 come, 91 in all
    np.testing.assert_array_equal([[7]], scores.points)
    np.testing.assert_allclose([[0.5]], scores.relative_mae)
    np.testing.assert_allclose([[0.5 / 4]], scores.mase)  # in four columns it grows by 4
    np.testing.assert_allclose([[-3.5 / 91]], scores.bias)
    np.testing.assert_allclose([[1.0]], scores.coverage)  # P10 to P90 is 1.6 to each side
    np.testing.assert_allclose([[1 / 4]], scores.persistence_mase)
    np.testing.assert_allclose([[7 / 91]], scores.persistence_wql)
    np.testing.assert_allclose([[-7 / 91]], scores.persistence_bias)
    # Q.98 is last + .5 + 1.92; the maximum is 1 or 2 above the last: never above it
    np.testing.assert_array_equal([[7, 6]], scores.windows)
    np.testing.assert_allclose([[0.0, 0.0]], scores.exceedance)


def test_a_maximum_above_its_quantile_is_an_exceedance() -> None:
    """Two steps ahead it grows by 2 where 1.9 was the most expected, one step ahead by 1."""
    scores = walked(Shifted(by=1.9), np.arange(1.0, 17.0))
    np.testing.assert_allclose([[0.0, 1.0]], scores.exceedance)


@pytest.mark.parametrize("width", [0.0, 1.0])
def test_wql_of_a_walk_is_that_of_its_own_quantiles(width: float) -> None:
    """Without a width it is the error over what came, as persistence's is."""
    scores = walked(Shifted(width=width), np.arange(1.0, 17.0))
    assert (width == 0) == bool(np.isclose(scores.wql, scores.persistence_wql).all())


def test_gaps_and_lower_bounds_are_not_scored() -> None:
    """A target that was not observed, or only bounded, judges nobody; nor does an origin without a last value."""
    values = np.arange(1.0, 17.0)
    values[10] = NAN  # no target at origin 9; origin 10 falls back on the value before
    censored = np.zeros(16, np.bool_)
    censored[12] = True
    scores = walked(Shifted(), panel(values, censored=censored))
    np.testing.assert_array_equal([[5]], scores.points)
    np.testing.assert_array_equal([[5, 2]], scores.windows)
    values[10:12] = NAN  # origin 11 has no fresh value
    np.testing.assert_array_equal([[4]], walked(Shifted(), values).points)


def test_a_missing_forecast_counts_as_the_last_value_and_is_told() -> None:
    """Silence is not an advantage: of two alike the one without forecasts is as good as persistence."""
    rows = np.tile(np.arange(1.0, 17.0), (2, 1))
    scores = walked(Shifted(by=0.5, width=9.0, unknown=(1,)), rows)
    np.testing.assert_allclose([[0.5], [1.0]], scores.relative_mae)
    np.testing.assert_allclose([[0.0], [1.0]], scores.unforecast)
    np.testing.assert_allclose([[1.0], [0.0]], scores.coverage)
    np.testing.assert_allclose([[0, 0], [1, 1]], scores.exceedance)


def test_a_series_that_was_never_observed_has_no_figures() -> None:
    """Unknown, and no cost to the other."""
    scores = walked(Shifted(), np.array([np.arange(1.0, 17.0), np.full(16, NAN)]))
    np.testing.assert_array_equal([[7], [0]], scores.points)
    for figure in (scores.relative_mae, scores.mase, scores.wql, scores.bias, scores.coverage):
        np.testing.assert_array_equal([[False], [True]], np.isnan(figure))
    np.testing.assert_array_equal([[False, False], [True, True]], np.isnan(scores.exceedance))


@pytest.mark.parametrize(("every", "points"), [(1, 7), (3, 3), (100, 1)])
def test_every_so_many_th_origin_can_be_scored(every: int, points: int) -> None:
    """The forecaster still follows each step."""
    forecaster = Shifted()
    scores = walked(forecaster, np.arange(1.0, 17.0), every=every)
    np.testing.assert_array_equal([[points]], scores.points)
    assert 11 == sum(name == "after" for name, _, _ in forecaster.calls)


def test_speed_counts_following_and_forecasting_of_what_is_scored() -> None:
    """Two looks of 50 ms at each origin, three series: 30 a second; every second origin forecast makes no difference."""
    rows = np.tile(np.arange(1.0, 17.0), (3, 1))
    for every in (1, 2):
        found = walked(Shifted(), rows, every=every, timer=ticking(0.05)).series_per_second
        assert pytest.approx(30.0) == found


def test_progress_ends_at_one() -> None:
    """It grows with each origin."""
    told: list[float] = []
    walked(Shifted(), np.arange(1.0, 17.0), progress=told.append)
    assert sorted(told) == told
    assert 1.0 == told[-1]


def test_a_forecaster_of_another_shape_is_named() -> None:
    """A plug-in that answers for other horizons is refused, with its name."""

    class Wrong(Shifted):
        def forecast(self, panel: Panel, ask: Ask) -> Forecast:
            return super().forecast(panel, replace(ask, steps=(1, 2, 3)))

    with pytest.raises(ValueError, match="forecaster shifted: curve has shape"):
        walked(Wrong(), np.arange(1.0, 17.0))


def test_the_baseline_beats_persistence_on_a_daily_wave() -> None:
    """And its band holds about what it should: the whole path, with a real forecaster."""
    trace = panel(daily(4, days=8, step=900, noise=0.3), step=900)
    ask = ask_of(trace, (1, 6), day=DAY)
    scores = backtest(Baseline(), trace, ask, timer=ticking(0.0), split=Split(560, 600, 768))
    assert (scores.relative_mae < 1).all()
    assert (np.abs(scores.coverage.mean(axis=0) - 0.8) < 0.12).all()
    assert (scores.exceedance.mean(axis=0) < 0.08).all()
