"""Seasons are found as they are: neither their multiples nor their parts, in rows that are anything but clean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.forecasting.seasons import periods, seasons
from scoring.panels import Floats
from tests.scoring.builders import NAN

Shape = Callable[[int], Floats]
DAY, WEEK = 288, 2016
HOUR = 12
T = np.arange(WEEK)


def noise(size: float = 1.0, *, seed: int = 0, columns: int = WEEK) -> Floats:
    """Plain noise."""
    return np.random.default_rng(seed).normal(0, size, columns).astype(np.float32)


def wave(period: float, *, columns: int = WEEK) -> Floats:
    """A sine of variance one half."""
    return np.sin(2 * np.pi * np.arange(columns) / period).astype(np.float32)


def pulses(period: int, share: float = 0.2) -> Floats:
    """On for a share of each period, else off."""
    return (T % period < max(1, share * period)).astype(np.float32)


def period_of(row: Floats) -> int:
    """The period of one row."""
    return int(periods(np.asarray(row, np.float32)[None], day=DAY)[0])


@pytest.mark.parametrize("period", [4, 6, HOUR, 3 * HOUR, 96, 144, DAY])
@pytest.mark.parametrize("shape", [wave, pulses])
def test_a_period_of_the_clock_is_found_in_noise(period: int, shape: Shape) -> None:
    """Exactly, whatever the shape; it is not one of its multiples."""
    row = shape(period)
    assert period == period_of(10 + row + noise(float(row.std())))


@pytest.mark.parametrize("period", [13, 50, 101, 250])
def test_any_other_period_is_found_as_well(period: int) -> None:
    """To the column where it has edges; as near as noise allows where it is smooth."""
    assert period == period_of(pulses(period) + noise(0.2))
    assert period == pytest.approx(period_of(wave(period) + noise(0.7)), rel=0.05)


@pytest.mark.parametrize(
    ("row", "period"),
    [
        pytest.param(pulses(96), 96, id="8 h is not 24 h"),
        pytest.param(pulses(HOUR), HOUR, id="1 h is not 8 h"),
        pytest.param(pulses(HOUR) + 0.2 * wave(DAY), HOUR, id="1 h on a small daily wave"),
        pytest.param(wave(DAY) + wave(96), DAY, id="a day with a harmonic of 8 h is a day"),
        pytest.param(wave(DAY) + 1.5 * wave(144), DAY, id="a day with a larger one of 12 h"),
        pytest.param(pulses(DAY, 0.1) + np.roll(pulses(DAY, 0.1), 100), DAY, id="a day with two peaks"),
        pytest.param(wave(DAY) + 0.2 * pulses(HOUR), DAY, id="a daily wave with small hourly jobs"),
    ],
)
def test_neither_multiples_nor_harmonics_stand_for_a_period(row: Floats, period: int) -> None:
    """What explains most with the shortest memory is the season."""
    assert period == period_of(row + noise(0.1))


@pytest.mark.parametrize("period", [12.5, 13.09, 40.4])
def test_a_period_between_columns_is_a_whole_number_that_repeats(period: float) -> None:
    """The nearest column, or a multiple that fits better."""
    times = period_of(wave(period) + noise(0.2)) / period
    assert round(times) >= 1
    assert abs(times - round(times)) * period < 1.01


def gappy(row: Floats) -> Floats:
    """A third of the columns missing, and a whole day."""
    out = np.where(np.random.default_rng(1).random(WEEK) < 0.33, np.float32(NAN), row)
    out[500:788] = NAN
    return out.astype(np.float32)


def spiky(row: Floats) -> Floats:
    """Ten columns a thousand times as high."""
    out = row.copy()
    out[np.random.default_rng(2).integers(0, WEEK, 10)] = 1000
    return out


@pytest.mark.parametrize("period", [HOUR, 96, DAY])
@pytest.mark.parametrize(
    "harmed",
    [
        pytest.param(gappy, id="gaps"),
        pytest.param(spiky, id="spikes"),
        pytest.param(lambda row: row + T / 100, id="a trend of ten times the wave"),
        pytest.param(lambda row: row + 10 * (T > 1200), id="a shift of level"),
        pytest.param(lambda row: row * np.where(T > 1200, 3, 1), id="growth"),
        pytest.param(lambda row: row * 1e15 + 1e17, id="huge"),
        pytest.param(lambda row: row * 1e-9, id="tiny"),
        pytest.param(lambda row: np.maximum(row, 0), id="idle half of the time"),
    ],
)
def test_a_row_that_is_not_clean_keeps_its_season(period: int, harmed: Callable[[Floats], Floats]) -> None:
    """What happens to real series does not hide it."""
    row = harmed(wave(period) + noise(0.3))
    assert period == period_of(row)


def walk(seed: int) -> Floats:
    """A random walk: alike at every short distance, and seasonal at none."""
    return np.cumsum(noise(seed=seed)).astype(np.float32)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(np.zeros(WEEK), id="nothing"),
        pytest.param(np.full(WEEK, 7.0), id="constant"),
        pytest.param(np.full(WEEK, NAN), id="never observed"),
        pytest.param(np.where(T == 5, 1.0, NAN), id="observed once"),
        pytest.param(np.where(T == 900, 1.0, 0.0), id="one spike on nothing"),
        pytest.param(T * 1.0, id="a trend"),
        pytest.param((T > 1000) * 1.0, id="one step"),
    ],
)
def test_what_has_no_season_has_none(row: Floats) -> None:
    """No period, no strength, no warning."""
    found = seasons(np.asarray(row, np.float32)[None], day=DAY)
    assert [0] == found.period.tolist()
    assert [0.0] == found.strength.tolist()


def test_chance_is_seldom_a_season() -> None:
    """Of noise none in a hundred, of random walks one in ten at most, and those weak."""
    white = np.array([noise(seed=i) for i in range(100)])
    assert 0 == (periods(white, day=DAY) > 0).sum()
    walks = seasons(np.array([walk(i) for i in range(100)]), day=DAY)
    assert (walks.period > 0).mean() <= 0.1
    assert np.quantile(walks.strength, 0.95) < 0.4


def test_three_periods_must_have_been_seen() -> None:
    """A day needs three days, an hour three hours."""
    row = wave(DAY) + noise(0.1)
    assert DAY == period_of(row[: 3 * DAY])
    assert DAY != period_of(row[: 3 * DAY - 1])
    assert HOUR == period_of((wave(HOUR) + noise(0.1))[:100])
    assert 0 == period_of(row[:3])


def test_a_week_is_found_where_weeks_were_seen() -> None:
    """Quiet weekends of an even demand are weekly; a daily wave without them is daily however long it is seen."""
    columns = 4 * WEEK
    t = np.arange(columns)
    working = (t // DAY % 7 < 5).astype(np.float32)
    even, busy = (
        working + noise(0.2, columns=columns),
        wave(DAY, columns=columns) + noise(0.2, columns=columns),
    )
    assert [WEEK, DAY] == periods(np.array([even, busy]), day=DAY).tolist()


def test_strength_is_what_the_season_explains() -> None:
    """Nearly all of a clean wave, half of one in as much noise, less where it has just ended."""
    clean, half = wave(DAY) + noise(0.05), wave(DAY) + noise(np.sqrt(0.5))
    ended = np.where(T < 1400, wave(DAY), 0) + noise(0.3)
    strength = seasons(np.array([clean, half, ended], np.float32), day=DAY).strength
    assert 0.97 < strength[0] <= 1
    assert 0.3 < strength[1] < 0.55
    assert strength[2] < 0.6


def test_rows_are_judged_alone() -> None:
    """The same in a fleet as by itself, with and without gaps, in more than one block."""
    rows = np.array([wave(p) + noise(0.3, seed=i) for i, p in enumerate([12, 96, DAY, 40] * 20)], np.float32)
    rows[::3, 100:130] = NAN
    together = seasons(rows, day=DAY)
    for i in (0, 1, 2, 3, 66, 79):
        alone = seasons(rows[i : i + 1], day=DAY)
        assert alone.period[0] == together.period[i]
        assert alone.strength[0] == pytest.approx(together.strength[i], abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 700),
    st.integers(2, 60),
    st.sampled_from([0.0, 1.0, 1e-30, 1e17]),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_any_row_has_an_answer_within_bounds(
    columns: int, day: int, scale: float, gaps: float, seed: int
) -> None:
    """Whatever the length, the scale and the gaps: 0 or a period that fits three times, and a share."""
    rng = np.random.default_rng(seed)
    values = (scale * rng.random((3, columns))).astype(np.float32)
    values[rng.random(values.shape) < gaps] = NAN
    found = seasons(values, day=day)
    some = found.period[found.period > 0]
    assert ((some >= 4) & (some <= min(7 * day, columns // 3))).all()
    assert ((found.strength >= 0) & (found.strength <= 1)).all()
    assert (found.strength[found.period == 0] == 0).all()
