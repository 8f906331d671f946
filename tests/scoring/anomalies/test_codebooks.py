"""Remembered values: what came before is no novelty, however long ago, and what came once is not yet ordinary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.anomalies.codebooks import NEAR, PLACES, Codebooks
from tests.scoring.builders import NAN

LEVEL = st.integers(-1000, 1000).map(float)


def met(values: Sequence[float], *, size: float = 1.0) -> tuple[list[float], list[tuple[float, float]]]:
    """Novelty of each of these values of one series, and the lowest and highest that were remembered before it."""
    book, novel, ranges = Codebooks.none(1, 1), [], []
    spread = np.array([[size]], np.float32)
    for i, value in enumerate(values):
        one = np.array([[value]], np.float32)
        new, low, high = book.meet(slice(0, 1), one, spread, np.array([i + 1], np.int32))
        novel.append(float(new[0, 0]))
        ranges.append((float(low[0]), float(high[0])))
    return novel, ranges


@given(st.lists(LEVEL, max_size=PLACES // 2), LEVEL, st.lists(LEVEL, max_size=PLACES // 2 - 2))
def test_a_value_met_twice_has_no_novelty(before: list[float], value: float, between: list[float]) -> None:
    """Whatever came before and in between, as long as there was a place for all."""
    novel, _ = met([*before, value, *between, value, value])
    assert 0 == novel[-1]


@given(st.lists(LEVEL, min_size=1, max_size=PLACES), LEVEL)
def test_novelty_is_the_distance_to_the_second_nearest(before: list[float], value: float) -> None:
    """Or to the nearest that has come again: once is not yet ordinary, but for the very first, which is all there was."""
    novel, ranges = met([*before, value])
    again = [abs(value - other) for other in before if other == before[0] or before.count(other) > 1]
    apart = sorted(abs(value - other) for other in dict.fromkeys(before))
    assert min([*again, *apart[1:2]]) == novel[-1]
    assert (min(before), max(before)) == ranges[-1]


def test_a_series_that_moves_among_levels_knows_them_all() -> None:
    """A level that is visited once a day is no novelty, though hundreds of rows lie in between."""
    day = [1.0] * 150 + [5.0] * 100 + [9.0]
    novel, _ = met(day * 4)
    assert 0 == max(novel[2 * len(day) :])


def test_what_comes_seldom_is_forgotten_by_what_is_new() -> None:
    """Not by the clock: a full codebook gives up the place that was longest unvisited."""
    news = [100.0 + 3 * i for i in range(PLACES)]
    assert 0 == met([7.0, 7.0, *news[:-2], 7.0])[0][-1]
    assert 90 < met([7.0, 7.0, *news, 7.0])[0][-1]


def test_a_value_that_is_nearly_the_same_is_the_same() -> None:
    """Within a tenth of a spread it takes no place of its own."""
    wobble = [5 + float(NEAR) * (-1) ** i * 0.4 for i in range(400)]
    assert 0.1 > max(met([1.0, 1.0, *wobble, 1.0])[0][-1:])


def test_novelty_is_in_spreads() -> None:
    """The same step is half as new for a series that moves twice as much."""
    past = [1.0, 1.0, 2.0, 2.0]
    assert met([*past, 8.0])[0][-1] == pytest.approx(2 * met([*past, 8.0], size=2.0)[0][-1])


def test_signals_are_remembered_apart() -> None:
    """What one of them knows is new to the other."""
    book, size = Codebooks.none(1, 2), np.ones((1, 2), np.float32)
    for i, pair in enumerate([(1, 7), (1, 7), (7, 7), (1, 1)]):
        novel, *_ = book.meet(slice(0, 1), np.array([pair], np.float32), size, np.array([i + 1], np.int32))
    assert [0, 6] == novel[0].tolist()


def test_a_gap_is_neither_new_nor_remembered() -> None:
    """And a series without a spread yet has no novelty."""
    novel, ranges = met([3.0, 3.0, NAN, 3.0])
    assert np.isnan([novel[0], novel[2], *ranges[0]]).all()
    assert (0, (3, 3)) == (novel[3], ranges[3])
    assert np.isnan(met([3.0, 3.0, 4.0], size=NAN)[0][-1])
