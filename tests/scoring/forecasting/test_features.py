"""What a model is told of a series: the same in any unit, always finite, and of local time rather than of seconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.forecasting.baseline import PastValues
from scoring.forecasting.features import AHEAD, INPUTS, WEEK, described, filled
from scoring.panels import Floats
from tests.scoring.builders import NAN, daily
from tests.scoring.forecasting.builders import KINDS, rows_of

DAY = 24
SPANS = ((1, 1), (2, 2), (6, 6), (30, 30), (1, 6))
AHEAD_STEPS = np.arange(0, 7)


def counted(columns: int = WEEK * DAY) -> Floats:
    """A row whose values are the numbers of its columns, the newest being 0."""
    return np.arange(1 - columns, 1, dtype=np.float32)[None]


@settings(max_examples=20)
@given(st.integers(1, 200), st.integers(0, 99), st.sampled_from([1, 3, 24, 288]))
def test_whatever_a_series_is_its_description_is_finite(columns: int, seed: int, day: int) -> None:
    """Of every kind, of any length, with days of any number of columns; and of the declared size."""
    rows = described(rows_of(KINDS, columns, seed=seed), day=day)
    ahead = rows.ahead(SPANS)
    assert ((len(KINDS), INPUTS), (len(KINDS), len(SPANS), AHEAD)) == (rows.inputs.shape, ahead.shape)
    assert np.isfinite(rows.inputs).all()
    assert np.isfinite(ahead).all()


@pytest.mark.parametrize("unit", [2.0**-10, 2.0**10, 2.0**33])
def test_the_unit_does_not_matter(unit: float) -> None:
    """Cores, thousandths of them and bytes look alike."""
    plain, scaled = (described(daily(3) * np.float32(by), day=288) for by in (1, unit))
    np.testing.assert_allclose(plain.inputs, scaled.inputs, atol=1e-5)
    np.testing.assert_allclose(plain.ahead(SPANS), scaled.ahead(SPANS), atol=1e-5)


def test_what_is_older_than_a_week_does_not_count() -> None:
    """However much of it there is."""
    older, week = daily(2, days=9, step=3600.0), WEEK * DAY
    older[:, :-week] = 1e9
    long, short = described(older, day=DAY), described(older[:, -week:], day=DAY)
    np.testing.assert_array_equal(short.inputs, long.inputs)
    np.testing.assert_array_equal(short.ahead(SPANS), long.ahead(SPANS))


def test_a_gap_is_bridged_by_the_last_value_before_it() -> None:
    """What lies before the first value stays unknown."""
    values = np.array([[NAN, 1, NAN, NAN, 4, NAN], [1, 2, 3, 4, 5, 6]], np.float32)
    np.testing.assert_array_equal([[NAN, 1, 1, 1, 4, 4], [1, 2, 3, 4, 5, 6]], filled(values))


def test_the_measure_of_a_row_has_a_way_back() -> None:
    """What is squeezed for a model comes back in the series' unit, held within the widened range of its week."""
    values = daily(3)
    rows = described(values, day=288)
    np.testing.assert_allclose(values[:, -50:], rows.unsqueezed(rows.squeezed(values[:, -50:])), rtol=1e-4)
    far = rows.unsqueezed(np.full((3, 1), 12, np.float32))[:, 0]
    np.testing.assert_allclose(2 * rows.high - rows.low, far, rtol=1e-5)


@pytest.mark.parametrize(("value", "flat"), [(3, True), (4, False)])
def test_a_row_that_has_not_moved_for_a_day_is_flat(value: float, flat: bool) -> None:
    """However it moved before."""
    values = np.concatenate([daily(1, days=3, step=3600.0), np.full((1, DAY), 3, np.float32)], axis=1)
    values[0, -5] = value
    assert [flat] == described(values, day=DAY).flat.tolist()


# The same time on past days


def test_the_same_time_on_past_days_is_read() -> None:
    """So many steps after it on each of the past seven days; what is not over there yet is not known."""
    days = described(counted(), day=DAY).days(AHEAD_STEPS)
    np.testing.assert_array_equal(AHEAD_STEPS - DAY, days[0, 0])
    np.testing.assert_array_equal(AHEAD_STEPS - 6 * DAY, days[0, 5])
    assert np.isnan(days[0, 6, 0])  # a week ago begins one column before the oldest
    np.testing.assert_array_equal(
        [-1, 0, NAN], described(counted(), day=DAY).days(np.array([23, 24, 25]))[0, 0]
    )


@pytest.mark.parametrize("hours", [1, -1], ids=["clocks went forward", "clocks went back"])
def test_a_clock_change_moves_the_same_time_by_an_hour(hours: int) -> None:
    """Of the days before it; the days since are read as ever, and each row by its own time zone."""
    shifts = np.array([[0, 0, hours, hours, hours, hours, hours], [0] * 7], np.int32)
    values = np.repeat(counted(WEEK * DAY), 2, axis=0)
    plain = described(values, day=DAY).days(AHEAD_STEPS)
    moved = described(values, day=DAY, shifts=shifts).days(AHEAD_STEPS)
    np.testing.assert_array_equal(plain[1], moved[1])
    np.testing.assert_array_equal(plain[0, :2], moved[0, :2])
    np.testing.assert_array_equal(plain[0, 2:6] + hours, moved[0, 2:6])


def test_a_daily_peak_is_expected_at_its_local_time() -> None:
    """Clocks went forward last night: a peak at eight comes an hour earlier than a day of seconds after the last one."""
    values = np.ones((1, WEEK * DAY), np.float32)
    values[0, np.arange(0, WEEK * DAY - 1, DAY)] = (
        9  # the next one would be in the second next column, one less now
    )
    shifts = np.ones((1, 7), np.int32)
    rows = described(values, day=DAY, shifts=shifts)
    plain = described(values, day=DAY)
    assert [1, 9] == [plain.days(np.array([s]))[0, :6, 0].max() for s in (0, 1)]
    assert [9, 1] == [rows.days(np.array([s]))[0, :6, 0].max() for s in (0, 1)]


def test_days_of_another_kind_say_nothing() -> None:
    """What a holiday did at this time is left out of what an ordinary day is expected to do."""
    values = daily(2, step=3600.0)
    values[:, -3 * DAY : -2 * DAY] = 1000  # the third day back
    unlike = np.zeros((2, 7), np.bool_)
    unlike[0, 2] = True
    rows = described(values, day=DAY, unlike=unlike)
    days = rows.days(np.arange(1, 7))
    assert np.isnan(days[0, 2]).all()
    assert (days[1, 2] == 1000).all()
    assert not np.isnan(days[0, [0, 1, 3, 4, 5]]).any()
    highest = PastValues().quantiles(rows, ((1, 1), (1, 6)))[:, :, -1]
    assert (highest[0] < 10).all()
    assert (highest[1] == 1000).all()
    usual, mean, third = rows.ahead(SPANS), 7, 2  # the seven days, and then their mean
    assert (np.abs(usual[0, :, [third, mean]]) < 1.5).all()
    assert usual[1, :, third].max() > 2


def test_a_burst_of_one_step_an_hour_is_no_flat_day() -> None:
    """Whatever the phase in which the day is sampled; and its height is known."""
    for phase in range(12):
        x = np.full((1, WEEK * 288), 0.1, np.float32)
        x[0, phase::12] = 4.0
        rows = described(x, day=288)
        assert not rows.flat[0]
        assert 4.0 == rows.high[0]
