"""Panels: loose samples on an even grid, and views of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.panels import ABSURD, Panel, at_rows, is_demand
from tests.scoring.builders import NAN, NOW, STEP, panel, series


def on_grid(
    samples: list[tuple[int, float, float]],
    *,
    rows: int = 1,
    columns: int = 4,
    censored: list[bool] | None = None,
) -> Panel:
    """Samples `(row, seconds after the start, value)` on a grid that starts at `NOW`."""
    table = np.array(samples, np.float64).reshape(-1, 3)
    return Panel.from_samples(
        series(rows),
        NOW,
        STEP,
        columns,
        table[:, 0].astype(np.intp),
        NOW + table[:, 1],
        table[:, 2],
        censored=None if censored is None else np.array(censored),
    )


@pytest.mark.parametrize(
    ("seconds", "column"),
    [
        pytest.param(0, 0, id="at the beginning of a column"),
        pytest.param(299.9, 0, id="just before its end"),
        pytest.param(300, 1, id="at the beginning of the next"),
        pytest.param(299.99999, 1, id="a rounding error before it"),
        pytest.param(1199, 3, id="in the last one"),
    ],
)
def test_a_sample_belongs_to_the_column_that_covers_it(seconds: float, column: int) -> None:
    """A column covers the time from itself up to the next."""
    values = on_grid([(0, seconds, 7.0)]).values[0]
    assert [column] == np.flatnonzero(~np.isnan(values)).tolist()


@pytest.mark.parametrize("seconds", [-1, 1200, 1e9, -1e9, NAN])
def test_samples_outside_the_grid_are_dropped(seconds: float) -> None:
    """What lies before or behind the grid, or at no time at all, goes nowhere."""
    assert np.isnan(on_grid([(0, seconds, 7.0)]).values).all()


@pytest.mark.parametrize("value", [NAN, np.inf, -np.inf, -0.1, 1e18, 1e300])
def test_impossible_values_count_as_not_observed(value: float) -> None:
    """NaN, Inf, negative and absurd samples leave a gap, never a zero, and do not hide a good sample of the cell."""
    assert np.isnan(on_grid([(0, 0, value)]).values).all()
    assert 3.0 == on_grid([(0, 0, 3.0), (0, 10, value)]).values[0, 0]


def test_zero_is_a_value() -> None:
    """No load is an observation; only what was not observed is a gap."""
    assert 0.0 == on_grid([(0, 0, 0.0)]).values[0, 0]


def test_the_latest_sample_of_a_cell_wins() -> None:
    """Whatever the order in which they come."""
    assert 2.0 == on_grid([(0, 100, 2.0), (0, 50, 9.0)]).values[0, 0]


def test_a_series_returned_twice_never_lowers_a_decision() -> None:
    """Of samples at the same time the larger wins, in either order."""
    assert 9.0 == on_grid([(0, 100, 9.0), (0, 100, 2.0)]).values[0, 0]
    assert 9.0 == on_grid([(0, 100, 2.0), (0, 100, 9.0)]).values[0, 0]


def test_the_flag_of_the_winning_sample_stays() -> None:
    """A censored sample that another replaces leaves no flag behind."""
    assert not on_grid([(0, 0, 9.0), (0, 10, 2.0)], censored=[True, False]).censored[0, 0]
    assert on_grid([(0, 0, 9.0), (0, 10, 2.0)], censored=[False, True]).censored[0, 0]


def test_no_samples_make_a_panel_of_gaps() -> None:
    """An empty answer is a grid of NaN."""
    empty = on_grid([], rows=2)
    assert (2, 4) == empty.values.shape
    assert np.isnan(empty.values).all()


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1))
def test_demand_is_finite_and_not_negative(values: list[float]) -> None:
    """Whatever comes in, only numbers from zero to the absurd count as demand."""
    expected = [np.isfinite(v) and 0 <= v < float(ABSURD) for v in values]
    assert expected == is_demand(np.array(values, np.float32)).tolist()


def test_times_run_from_start_to_end() -> None:
    """Every column has a time, the last one being the end."""
    one = panel([[1, 2, 3]])
    assert [NOW - 600, NOW - 300, NOW] == one.times.tolist()
    assert NOW == one.end


def test_the_last_columns_are_a_panel_of_their_own() -> None:
    """`for_last` keeps the end and never asks for more than there is."""
    one = panel([[1, 2, 3]])
    assert [2, 3] == one.for_last(2).values[0].tolist()
    assert (NOW - 300, NOW) == (one.for_last(2).start, one.for_last(2).end)
    assert one.values.shape == one.for_last(10).values.shape


def test_some_rows_are_a_panel_of_their_own() -> None:
    """Rows are picked with their identities, by slice or by index."""
    three = panel([[1], [2], [3]])
    assert [2, 3] == three.for_rows(slice(1, 3)).values[:, 0].tolist()
    picked = three.for_rows(np.array([2, 0]))
    assert [3, 1] == picked.values[:, 0].tolist()
    assert ("api-2", "api-0") == tuple(s.deployment for s in picked.series)


def test_memory_follows_rows() -> None:
    """Old rows go to their new places and new rows begin with nothing."""
    moved = at_rows(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, -1, 0]), np.nan)
    np.testing.assert_array_equal([[3, 4], [np.nan, np.nan], [1, 2]], moved)
    assert (2,) == at_rows(np.zeros(0), np.array([-1, -1]), np.nan).shape


def test_what_is_censored_or_masked_is_not_learned_from() -> None:
    """Training sees gaps there; the values stay what was observed."""
    of = panel([[1, 2, 3, 4]], censored=[[False, True, False, False]])
    of = replace(of, masked=np.array([[False, False, True, False]]))
    np.testing.assert_array_equal([[1, NAN, NAN, 4]], of.training)
    np.testing.assert_array_equal([[1, 2, 3, 4]], of.values)


def test_a_panel_without_masks_trains_on_its_very_values() -> None:
    """Nothing is copied, and nothing is masked."""
    of = panel([[1, 2, 3, 4]])
    assert of.training is of.values
    assert [[False] * 4] == of.masked.tolist()


def test_masks_follow_rows_and_columns() -> None:
    """A part of a panel has its part of the mask, and other values of another shape have none."""
    of = replace(panel([[1, 2, 3], [4, 5, 6]]), masked=np.array([[True, False, False], [False, False, True]]))
    assert [[False, False, True]] == of.for_rows(np.array([1])).masked.tolist()
    assert [[False, True]] == of.for_rows(slice(1, 2)).for_last(2).masked.tolist()
    unmasked = panel([[1, 2, 3], [4, 5, 6]])
    assert [[False] * 3] == unmasked.for_rows(np.array([1])).masked.tolist()
    wider = np.ones((2, 5), np.float32)
    assert (2, 5) == replace(unmasked, values=wider, censored=wider > 1).masked.shape
