"""Profiles and levels: the past alone, whatever its gaps."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from scoring.forecasting.profiles import daily_profile, recent_level
from tests.scoring.builders import NAN

DAY = 6
VALUES = st.one_of(st.just(NAN), st.floats(0, 100, width=32))
ROWS = npst.arrays(np.float32, st.tuples(st.integers(1, 2), st.integers(1, 60)), elements=VALUES)


@given(ROWS, st.integers(0, 20))
def test_the_profile_is_the_mean_of_the_same_time_on_past_days(x: np.ndarray, ahead: int) -> None:
    """Up to seven days back, of what was observed; beyond a day ahead it repeats itself."""
    columns = x.shape[1]
    found = daily_profile(x, day=DAY, ahead=ahead, since=0)
    for row, values in enumerate(x):
        for t in range(columns + ahead):
            source = t if t < columns + DAY else columns + (t - columns) % DAY
            past = [values[source - d * DAY] for d in range(1, 8) if 0 <= source - d * DAY < columns]
            seen = [v for v in past if not np.isnan(v)]
            np.testing.assert_allclose(np.mean(seen) if seen else np.nan, found[row, t], rtol=1e-4)


@given(ROWS, st.integers(1, 60))
def test_the_profile_never_sees_what_comes_after(x: np.ndarray, cut: int) -> None:
    """Cutting the series short changes nothing before the cut."""
    whole = daily_profile(x, day=DAY, ahead=0, since=0)
    short = daily_profile(x[:, :cut], day=DAY, ahead=0, since=0)
    np.testing.assert_array_equal(whole[:, : short.shape[1]], short)


@given(ROWS)
def test_the_level_is_the_mean_of_the_last_twelve(x: np.ndarray) -> None:
    """Of what was observed among them, itself included; nothing after it is seen."""
    found = recent_level(x, since=0)
    for row, values in enumerate(x):
        for t in range(x.shape[1]):
            seen = [v for v in values[max(0, t - 11) : t + 1] if not np.isnan(v)]
            np.testing.assert_allclose(np.mean(seen) if seen else np.nan, found[row, t], rtol=1e-4, atol=1e-4)


@given(ROWS, st.integers(-5, 70))
def test_what_is_not_wanted_is_left_out(x: np.ndarray, since: int) -> None:
    """From the first wanted column on nothing changes; before it there is nothing."""
    first = max(0, since)
    for whole, part in (
        (daily_profile(x, day=DAY, ahead=3, since=0), daily_profile(x, day=DAY, ahead=3, since=since)),
        (recent_level(x, since=0), recent_level(x, since=since)),
    ):
        np.testing.assert_allclose(whole[:, first:], part[:, first:], rtol=1e-5)
        assert np.isnan(part[:, :first]).all()
