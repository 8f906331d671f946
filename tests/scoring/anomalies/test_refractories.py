"""Once per event: an alarm is for what is higher than anything of the last twelve hours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.anomalies.refractories import BLOCKS, Refractory
from tests.scoring.builders import NAN, NOW

FIGURES = st.lists(st.one_of(st.just(NAN), st.floats(0, 30, width=32)), min_size=1, max_size=60)
GAPS = st.lists(st.integers(0, 5), min_size=60, max_size=60)


def block_of(step: float) -> float:
    """Seconds of a block."""
    return min(3600.0, 12.5 * step)


def one(figure: float) -> np.ndarray:
    """Of one target."""
    return np.array([figure], np.float32)


def beaten(figures: list[float], times: list[float], step: float) -> list[bool]:
    """Whether each was above all that is remembered, one after the other."""
    lately, out = Refractory.none(1), []
    for figure, now in zip(figures, times, strict=True):
        lately = lately.at(now, step)
        out.append(bool(lately.beaten(one(figure))[0]))
        lately = lately.with_figure(one(figure))
    return out


@given(FIGURES, GAPS, st.sampled_from([10.0, 60.0, 300.0, 3600.0]))
def test_it_is_the_highest_of_the_last_blocks(figures: list[float], gaps: list[int], step: float) -> None:
    """As one would find by looking at every figure again."""
    block = block_of(step)
    times = NOW + np.cumsum(np.array(gaps[: len(figures)]) * block / 2)
    number = np.floor(times / block).astype(int)
    expected = []
    for i, figure in enumerate(figures):
        recent = np.array(figures[:i])[number[:i] > number[i] - BLOCKS]
        highest = np.max(recent, initial=-np.inf, where=~np.isnan(recent))
        expected.append(bool(figure > highest))
    assert expected == beaten(figures, times.tolist(), step)


@pytest.mark.parametrize("step", [300.0, 900.0, 3600.0])
def test_after_twelve_hours_the_same_is_an_event_again(step: float) -> None:
    """And within them it is not."""
    for begin in (NOW, NOW + 3500):  # early and late in an hour
        for hours, again in ((1.0, False), (11.9, False), (13.1, True)):
            assert [True, again] == beaten([5.0, 5.0], [begin, begin + hours * 3600], step)


def test_on_a_fine_grid_it_is_a_hundred_and_fifty_rows() -> None:
    """Twelve hours of a minute would be too long to be silent."""
    for rows, again in ((10, False), (149, False), (163, True)):
        assert [True, again] == beaten([5.0, 5.0], [NOW, NOW + rows * 60.0], 60.0)


def test_what_is_higher_is_an_event_at_once() -> None:
    """As high is not."""
    assert [True, False, False, True] == beaten([5.0, 4.0, 5.0, 5.5], [NOW + i for i in range(4)], 300.0)


def test_a_clock_that_is_set_back_a_little_forgets_nothing() -> None:
    """The same event is not called twice for it."""
    assert [True, False] == beaten([5.0, 5.0], [NOW, NOW - 7200], 300.0)


def test_a_clock_that_was_decades_ahead_silences_nobody() -> None:
    """What was remembered of a time that never was is no reason not to call."""
    lately = Refractory.none(1).at(NOW + 1e9, 300.0).with_figure(one(9.0))
    lately = lately.at(NOW, 300.0).with_figure(one(1.0))
    later = lately.at(NOW + 13 * 3600, 300.0)
    assert later.beaten(one(5.0))[0]


def test_it_follows_its_targets() -> None:
    """New ones have nothing behind them."""
    lately = Refractory.none(2).at(NOW, 300.0).with_figure(np.array([3, 6], np.float32))
    moved = lately.for_rows(np.array([1, -1]))
    assert [False, True] == moved.beaten(np.array([5, 5], np.float32)).tolist()
