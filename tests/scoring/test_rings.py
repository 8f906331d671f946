"""The ring: the same as a table that remembers everything, whatever is rolled and written."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.panels import Panel, is_demand
from scoring.rings import Ring
from tests.scoring.builders import NAN, series

ROWS = series(3)
SAMPLES = np.array([NAN, 0.0, 1.5, 7.0, np.inf, -1.0, 1e20], np.float32)
MASKS = st.tuples(st.just("mask"), st.integers(-3, 22), st.integers(0, 8), st.integers(0, 2))
ROLLS = st.tuples(st.just("roll"), st.integers(-12, 30))
WRITES = st.tuples(
    st.just("write"), st.integers(-25, 3), st.booleans(), st.integers(1, 30), st.integers(0, 999)
)


class Table:
    """What a ring promises, in the most naive way: every cell by row and slot."""

    def __init__(self, columns: int) -> None:
        self.columns, self.end = columns, 0
        self.cells: dict[tuple[int, int], tuple[float, bool]] = {}
        self.masked: set[tuple[int, int]] = set()

    def roll_to(self, end: int) -> None:
        self.end = end
        self.cells = {k: v for k, v in self.cells.items() if end - self.columns < k[1] <= end}
        self.masked = {k for k in self.masked if end - self.columns < k[1] <= end}

    def mask(self, row: int, first: int, last: int) -> None:
        oldest = self.end - self.columns + 1
        self.masked |= {(row, oldest + c) for c in range(max(0, first), min(last, self.columns))}

    def write(
        self, first: int, rows: list[int], values: np.ndarray, flags: np.ndarray, *, replace: bool
    ) -> None:
        for i, row in enumerate(rows):
            for j in range(values.shape[1]):
                slot, good = first + j, bool(is_demand(values[i, j]))
                inside = self.end - self.columns < slot <= self.end
                if good and inside and (replace or (row, slot) not in self.cells):
                    self.cells[row, slot] = (float(values[i, j]), bool(flags[i, j]))

    def grid(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        values, flags = np.full((3, self.columns), np.nan, np.float32), np.zeros((3, self.columns), bool)
        masked = np.zeros_like(flags)
        for row, slot in self.masked:
            masked[row, slot - (self.end - self.columns + 1)] = True
        for (row, slot), (value, flag) in self.cells.items():
            column = slot - (self.end - self.columns + 1)
            values[row, column], flags[row, column] = value, flag
        return values, flags, masked


@settings(max_examples=150)
@given(st.integers(1, 20), st.lists(st.one_of(ROLLS, WRITES, MASKS), min_size=4, max_size=20))
def test_a_ring_is_a_window_over_everything_written(columns: int, actions: list[tuple]) -> None:
    """Rolling on, back, far and around the slack loses nothing in the window and invents nothing."""
    ring, table = Ring.empty(ROWS, step=10.0, columns=columns), Table(columns)
    ring.roll_to(0.0)
    for action, by, *rest in actions:
        if action == "roll":
            ring.roll_to(10.0 * (table.end + by))
            table.roll_to(table.end + by)
        elif action == "mask":
            width, row = rest
            ring.mask(slice(row, row + 1), by, by + width)
            table.mask(row, by, by + width)
        else:
            replace, width, seed = rest
            rng = np.random.default_rng(seed)
            values, flags = rng.choice(SAMPLES, (3, width)), rng.random((3, width)) < 0.3
            first = table.end + by
            ring.write(Panel(ROWS, 10.0 * first, 10.0, values, flags), replace=replace)
            table.write(first, [0, 1, 2], values, flags, replace=replace)
        values, flags, masked = table.grid()
        np.testing.assert_array_equal(values, ring.panel().values)
        np.testing.assert_array_equal(flags, ring.panel().censored)
        np.testing.assert_array_equal(masked, ring.panel().masked)
        assert 10.0 * table.end == ring.panel().end


def test_the_panel_is_always_one_contiguous_view() -> None:
    """No copy is made when it is looked at, also long after the slack was used up."""
    ring = Ring.empty(ROWS, step=10.0, columns=16)
    for slot in range(100):
        ring.roll_to(10.0 * slot)
        ring.write(
            Panel(ROWS, 10.0 * slot, 10.0, np.full((3, 1), slot, np.float32), np.zeros((3, 1), bool)),
            replace=True,
        )
    one, two = ring.panel(), ring.panel()
    assert np.shares_memory(one.values, two.values)
    assert list(range(84, 100)) == one.values[0].tolist()


def test_rows_of_any_order_find_their_place() -> None:
    """A block of other, fewer or unknown rows is written where it belongs, and the unknown are passed over."""
    ring = Ring.empty(ROWS, step=10.0, columns=2)
    ring.roll_to(0.0)
    strangers = series(5)
    block = Panel(
        (strangers[4], ROWS[2], ROWS[0]),
        0.0,
        10.0,
        np.array([[9], [2], [1]], np.float32),
        np.zeros((3, 1), bool),
    )
    ring.write(block, replace=True)
    np.testing.assert_array_equal([1, np.nan, 2], ring.panel().values[:, -1])


def test_a_ring_for_other_rows_keeps_the_past_of_those_they_share() -> None:
    """Who stays keeps its window, who comes has none."""
    ring = Ring.empty(ROWS, step=10.0, columns=3)
    for slot in range(5):
        ring.roll_to(10.0 * slot)
        ring.write(
            Panel(
                ROWS, 10.0 * slot, 10.0, np.array([[1], [2], [3]], np.float32) * slot, np.ones((3, 1), bool)
            ),
            replace=True,
        )
    ring.mask(slice(1, 2), 0, 1)
    other = ring.for_series((series(4)[3], ROWS[1]))
    np.testing.assert_array_equal([[np.nan] * 3, [4, 6, 8]], other.panel().values)
    assert [[False] * 3, [True] * 3] == other.panel().censored.tolist()
    assert [[False] * 3, [True, False, False]] == other.panel().masked.tolist()
    assert ring.panel().end == other.panel().end
    other.roll_to(50.0)
    np.testing.assert_array_equal([6, 8, np.nan], other.panel().values[1])


def test_an_empty_fleet_has_an_empty_ring() -> None:
    """No rows are a panel too."""
    ring = Ring.empty((), step=10.0, columns=4)
    ring.roll_to(100.0)
    ring.write(Panel(ROWS, 100.0, 10.0, np.ones((3, 1), np.float32), np.zeros((3, 1), bool)), replace=True)
    assert (0, 4) == ring.panel().values.shape


def test_a_stored_mask_is_taken_back_and_no_reading_lifts_it() -> None:
    """A late sample of a masked column counts as what was seen, and stays out of training."""
    ring = Ring.empty(ROWS, step=10.0, columns=2)
    ring.roll_to(10.0)
    ones, off = np.ones((3, 2), np.float32), np.zeros((3, 2), bool)
    ring.write(Panel(ROWS, 0.0, 10.0, ones, off, np.array([[True, False]] * 3)), replace=False)
    ring.write(Panel(ROWS, 0.0, 10.0, 2 * ones, off), replace=True)
    assert [[2, 2]] * 3 == ring.panel().values.tolist()
    assert [[True, False]] * 3 == ring.panel().masked.tolist()
