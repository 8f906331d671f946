"""The trail: what was said and done, step by step, and how past forecasts fared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.trails import Trail
from tests.scoring.builders import NAN

AHEAD, COLUMNS = 3, 20


def row(*values: float) -> np.ndarray:
    """One series or target."""
    return np.array([values], np.float32)


def add(
    trail: Trail,
    slot: int,
    came: float = 10.0,
    *,
    first: tuple[float, float, float] = (NAN, NAN, NAN),
    later: tuple[float, float, float] = (NAN, NAN, NAN),
    done: tuple[float, ...] | None = None,
) -> None:
    """One cycle of one target with one series."""
    trail.add(
        slot,
        came=row(came)[:, 0],
        first=row(*first),
        later=row(*later),
        done=row(*(done or (slot, slot + 0.5, 0, 0))),
    )


def trail(targets: int = 1, series: int = 1) -> Trail:
    """A trail of twenty steps, forecasts three steps before."""
    return Trail(targets, series, columns=COLUMNS, ahead=AHEAD)


def test_what_was_said_stands_beside_what_came() -> None:
    """A forecast is found at the time that it was made for."""
    of = trail()
    for slot in range(10, 20):
        add(of, slot, later=(slot, slot + 1, slot + 2))
    seen = of.stretch(0, slice(0, 1), 19, 5)
    assert [15, 16, 17, 18, 19] == seen.done[:, 0].tolist()
    assert [12, 13, 14, 15, 16] == seen.said[0, :, 0].tolist()
    assert [14, 15, 16, 17, 18] == seen.said[0, :, 2].tolist()


def test_before_anything_was_said_there_are_gaps() -> None:
    """Also before the first cycle, and for longer than is remembered."""
    of = trail()
    assert np.isnan(of.stretch(0, slice(0, 1), 100, 5).done).all()
    add(of, 100)
    seen = of.stretch(0, slice(0, 1), 100, 60)
    assert 1 == np.count_nonzero(~np.isnan(seen.done[:, 0]))
    assert np.isnan(seen.said).all()


@given(
    st.lists(st.one_of(st.integers(0, 3), st.integers(0, 45)), min_size=12, max_size=30),
    st.integers(1, 30),
    st.integers(-3, 30),
)
def test_steps_that_were_left_out_are_gaps(jumps: list[int], columns: int, behind: int) -> None:
    """Whatever the loop slept, nothing old appears as new and what is shown is what was done."""
    of, done, slot = trail(), {}, 1000
    for jump in jumps:
        slot += jump
        add(of, slot, later=(slot, slot, slot))
        done[slot] = slot
    seen = of.stretch(0, slice(0, 1), slot - behind, columns)
    wanted = range(slot - behind - columns + 1, slot - behind + 1)
    for at, value, said in zip(wanted, seen.done[:, 0], seen.said[0, :, 0], strict=True):
        assert np.isnan(value) or value == done.get(at)
        assert np.isnan(said) or said == done.get(at - AHEAD)
        if slot - COLUMNS + AHEAD < at <= slot:
            assert (at in done) == (not np.isnan(value))
            assert (at - AHEAD in done) == (not np.isnan(said))


def test_a_stretch_does_not_change_any_more() -> None:
    """Another thread holds a copy."""
    of = trail()
    add(of, 10)
    seen = of.stretch(0, slice(0, 1), 10, 1)
    add(of, 10, done=(7, 7, 7, 7))
    assert 10 == seen.done[0, 0]


def judged(inside: int, outside: int) -> Trail:
    """A trail whose forecasts of 10 +- 1 held so often and were missed so often."""
    of = trail()
    for slot in range(AHEAD):
        add(of, slot, came=NAN, first=(9, 10, 11), later=(9, 10, 11))
    for i in range(inside + outside):
        add(of, AHEAD + i, came=10.5 if i < inside else 12.5, first=(9, 10, 11), later=(9, 10, 11))
    return of


def test_coverage_and_bias_are_measured_on_what_came() -> None:
    """The share inside P10 to P90, and the mean error over the mean demand; discounted, so nearly."""
    of = judged(30, 10)
    assert 0.75 == pytest.approx(float(of.coverage()[0]), abs=0.03)
    assert -1 / 11 == pytest.approx(float(of.bias()[0]), abs=0.01)
    assert 0.75 == pytest.approx(of.first_coverage(0), abs=0.03)


def test_a_dozen_forecasts_are_needed_to_judge() -> None:
    """Before that nobody knows."""
    few, many = judged(10, 0), judged(14, 0)
    assert np.isnan(few.coverage()[0])
    assert np.isnan(few.bias()[0])
    assert few.first_coverage(0) is None
    assert (1.0, 1.0) == (float(many.coverage()[0]), many.first_coverage(0))


def test_old_judgements_are_forgotten() -> None:
    """A forecast that was good three days ago and is bad today is bad."""
    assert judged(300, 900).coverage()[0] < 0.1


def test_a_second_cycle_within_one_step_judges_nothing_twice() -> None:
    """Scoring each minute on a grid of five counts each step once."""
    of = trail()
    for slot in range(11):
        for _ in range(5):
            add(of, slot, came=10.0, first=(9, 10, 11), later=(9, 10, 11))
    assert np.isnan(of.coverage()[0])
    assert of.first_coverage(0) is None


def test_after_a_pause_only_forecasts_for_that_very_step_are_judged() -> None:
    """What was said one step ahead is not compared with what came five steps later."""
    of = trail()
    for i in range(40):
        add(of, 5 * i, came=10.0, first=(9, 10, 11), later=(9, 10, 11))
    assert of.first_coverage(0) is None
    assert np.isnan(of.coverage()[0])


def test_a_missing_sample_or_forecast_is_not_judged() -> None:
    """Neither counts as a hit or a miss."""
    of = trail()
    for slot in range(60):
        add(of, slot, came=NAN if slot % 2 else 10.0, later=(9, 10, 11) if slot % 3 else (NAN, NAN, NAN))
    assert 1.0 == of.coverage()[0]


def test_of_no_demand_there_is_no_bias() -> None:
    """A share of nothing is not known; coverage is."""
    of = trail()
    for slot in range(40):
        add(of, slot, came=0.0, later=(0, 0, 1))
    assert np.isnan(of.bias()[0])
    assert 1.0 == of.coverage()[0]


def test_moments_without_demand_do_not_hide_the_bias() -> None:
    """A service that is idle every other step and always forecast at its mean is unbiased."""
    of = trail()
    for slot in range(80):
        add(of, slot, came=10.0 * (slot % 2), later=(4, 5, 6))
    assert 0 == pytest.approx(float(of.bias()[0]), abs=0.02)


def test_a_clock_that_steps_back_shows_no_future() -> None:
    """What was done in steps that have not happened yet is not shown."""
    of = trail()
    for slot in range(10, 20):
        add(of, slot)
    add(of, 15)
    assert [14, 15] == of.stretch(0, slice(0, 1), 15, 2).done[:, 0].tolist()
    assert np.isnan(of.stretch(0, slice(0, 1), 17, 2).done).all()


def test_trails_follow_their_targets_and_are_stored() -> None:
    """Those that stay keep what was said and judged; a stored trail is the same trail."""
    of = trail(2, 2)
    for slot in range(20):
        of.add(
            slot,
            came=np.array([10, 20], np.float32),
            first=np.array([[9, 10, 11], [1, 2, 3]], np.float32),
            later=np.array([[9, 10, 11], [1, 2, 3]], np.float32),
            done=np.array([[1, 1, 1, 1], [2, 2, 2, 2]], np.float32),
        )
    again = Trail.of(of.arrays()).for_rows(np.array([1, -1]), np.array([-1, 0]), COLUMNS)
    np.testing.assert_array_equal([NAN, 1], again.coverage())
    assert [1.0, None] == [again.first_coverage(1), again.first_coverage(0)]
    assert 2 == again.stretch(0, slice(1, 2), 19, 1).done[0, 0]
    assert 10 == again.stretch(0, slice(1, 2), 19, 1).said[0, 0, 1]
    assert np.isnan(again.stretch(1, slice(0, 1), 19, 1).done).all()


@pytest.mark.parametrize("columns", [8, COLUMNS, 40], ids=["fewer", "as many", "more"])
def test_another_length_of_memory_keeps_the_newest(columns: int) -> None:
    """A fleet that grows remembers less of each; what it still remembers stands where it stood."""
    of = trail()
    for slot in range(10, 45):
        add(of, slot, later=(slot, slot + 1, slot + 2))
    resized = of.for_rows(np.array([0]), np.array([0]), columns)
    kept = min(columns, COLUMNS)
    seen, before = (t.stretch(0, slice(0, 1), 44, kept - AHEAD) for t in (resized, of))
    assert before.done.tolist() == seen.done.tolist()
    assert before.said.tolist() == seen.said.tolist()
    add(resized, 45, later=(45, 46, 47))
    assert 45 == resized.stretch(0, slice(0, 1), 45, 1).done[0, 0]
