"""The breaker, by hand: what a forecast may lose, and what it must win before it counts again."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.breakers import BUCKETS, Breaker, Terms, comparison
from scoring.ledgers import (
    COLUMNS,
    HOURS_AHEAD,
    HOURS_REACTIVE,
    SECONDS,
    SHORT_AHEAD,
    SHORT_REACTIVE,
)
from tests.scoring.builders import DAY, NOW

HOUR = 3600.0
TERMS = Terms()


def row(
    short: float = 0.0, bare: float = 0.0, hours: float = 10.0, seconds: float = HOUR
) -> NDArray[np.float64]:
    """What one cycle of an hour added for one target: minutes short of both paths, and what the forecast's costs against 10."""
    out = np.zeros((1, COLUMNS))
    out[0, [SECONDS, SHORT_AHEAD, SHORT_REACTIVE, HOURS_AHEAD, HOURS_REACTIVE]] = (
        seconds,
        short,
        bare,
        hours,
        10.0,
    )
    return out


NO_WEEK = row(seconds=7 * DAY)
"""A ledger of a week in which no path was short."""


def lived(
    breaker: Breaker,
    hours: int,
    added: NDArray[np.float64] | None = None,
    *,
    trusted: bool = True,
    terms: Terms = TERMS,
    week: NDArray[np.float64] = NO_WEEK,
) -> Breaker:
    """So many hours on, each of which adds the same."""
    at = breaker.at if math.isfinite(breaker.at) else NOW
    for i in range(hours):
        breaker = breaker.add(
            at + HOUR * (i + 1), row() if added is None else added, week, np.array([trusted]), terms
        )
    return breaker


def opened(after: int = 24) -> Breaker:
    """A breaker that has just opened on half an hour of shortage."""
    breaker = lived(lived(Breaker.none(1), after), 1, row(short=30))
    assert breaker.opened.all()
    return breaker


def test_a_forecast_that_loses_nothing_is_never_withdrawn() -> None:
    """A week in which both paths are as good."""
    breaker = lived(Breaker.none(1), 7 * 24, row(short=1, bare=1))
    assert not breaker.opened.any()
    assert np.isnan(breaker.since).all()


@pytest.mark.parametrize(
    ("short", "bare", "opens"),
    [
        pytest.param(10, 0, False, id="within the budget"),
        pytest.param(11, 0, True, id="beyond it"),
        pytest.param(60, 50, False, id="the reactive path was short too"),
        pytest.param(60, 49, True, id="though the reactive path was short too"),
        pytest.param(0, 60, False, id="the reactive path alone was short"),
    ],
)
def test_minutes_short_beyond_the_reactive_path_and_the_budget_open_it(
    short: float, bare: float, opens: bool
) -> None:
    """What counts is what the forecast was short more than an ordinary autoscaler would have been."""
    breaker = lived(lived(Breaker.none(1), 12), 1, row(short=short, bare=bare))
    assert opens == breaker.opened[0]


@pytest.mark.parametrize(
    ("hours", "opens"),
    [pytest.param(4, False, id="five hours seen"), pytest.param(5, True, id="six hours seen")],
)
def test_too_little_seen_opens_nothing(hours: int, opens: bool) -> None:
    """A quarter of the window must have been seen, however bad it was."""
    breaker = lived(lived(Breaker.none(1), hours), 1, row(short=60))
    assert opens == breaker.opened[0]


@pytest.mark.parametrize(
    ("hours", "short", "bare", "opens"),
    [
        pytest.param(13, 0, 0, True, id="dearer for nothing"),
        pytest.param(12, 0, 0, False, id="a little dearer"),
        pytest.param(13, 0, 1, False, id="dearer, and less short"),
        pytest.param(5, 0, 0, False, id="cheaper"),
    ],
)
def test_cost_without_use_opens_it(hours: float, short: float, bare: float, opens: bool) -> None:
    """A quarter more replica-hours than the reactive path, over the whole window, and not a minute less short."""
    breaker = lived(Breaker.none(1), 26, row(short, bare, hours))
    assert opens == breaker.opened[0]


def test_a_margin_is_no_waste_because_one_day_did_not_need_it() -> None:
    """Whoever was less short within the ledger's week may be dearer; minutes beyond the budget are never paid for so."""
    week = row(short=1, bare=5, seconds=7 * DAY)
    assert not lived(Breaker.none(1), 48, row(hours=20), week=week).opened.any()
    in_vain = row(short=5, bare=5, seconds=7 * DAY)
    assert lived(Breaker.none(1), 48, row(hours=20), week=in_vain).opened.all()
    assert lived(Breaker.none(1), 48, row(short=1), week=week).opened.all()
    dear = lived(Breaker.none(1), 24, row(hours=20))
    assert not lived(dear, 30, row(hours=20), week=week).opened.any()


@pytest.mark.parametrize(
    ("seconds", "short", "opens"),
    [
        pytest.param(7 * DAY, math.nan, False, id="days of an older version, which knew one path"),
        pytest.param(DAY, 0.0, False, id="a new target"),
        pytest.param(6 * DAY, 0.0, False, id="a target of six days"),
        pytest.param(6.5 * DAY, 0.0, True, id="a week but for a restart or two"),
    ],
)
def test_cost_is_not_judged_before_a_week_is_known(seconds: float, short: float, opens: bool) -> None:
    """The first calm day of a new target, or after an upgrade, says nothing of what a margin is good for; shortage counts at once."""
    week = row(short=short, bare=short, seconds=seconds)
    assert opens == lived(Breaker.none(1), 48, row(hours=20), week=week).opened[0]
    assert lived(Breaker.none(1), 48, row(short=1), week=week).opened.all()


def test_cost_is_judged_over_a_whole_day() -> None:
    """Whoever scales out in the morning is dearer until the evening."""
    assert not lived(Breaker.none(1), 21, row(hours=20)).opened.any()
    assert lived(Breaker.none(1), 23, row(hours=20)).opened.all()


def test_what_was_lost_long_ago_is_forgotten() -> None:
    """Ten minutes a day for a week are never more than the budget."""
    breaker = Breaker.none(1)
    for _ in range(7):
        breaker = lived(lived(breaker, 26), 1, row(short=9))
        assert not breaker.opened.any()


def test_it_closes_after_a_day_in_which_the_forecast_lost_nothing() -> None:
    """Counted from the last minute that was lost, not from the first."""
    breaker = opened()
    since, then = breaker.since[0], breaker.then[0].tolist()
    assert (30, 0) == (then[2], then[3])
    breaker = lived(breaker, 6, row(short=5))
    breaker = lived(breaker, 23)
    assert breaker.opened.all()
    assert since == breaker.since[0]
    breaker = lived(breaker, 4)
    assert not breaker.opened.any()
    assert 24 * HOUR <= breaker.since[0] - (since + 6 * HOUR) <= 27 * HOUR


def test_milliseconds_decide_nothing() -> None:
    """Both were short for one cycle, of which one was longer by the loop's jitter."""
    breaker = lived(lived(opened(), 1, row(short=5.01)), 1, row(bare=5.0))
    assert not lived(breaker, 24).opened.any()


@pytest.mark.parametrize(
    "added",
    [
        pytest.param(row(short=1), id="a minute an hour shorter"),
        pytest.param(row(hours=12), id="a fifth dearer"),
    ],
)
def test_between_winning_and_losing_it_stays_as_it_is(added: NDArray[np.float64]) -> None:
    """What is not enough to open it is too much to close it: it does not flap."""
    breaker = lived(opened(), 7 * 24, added / [[1, 1, 1, 1, 1, 1, 3, 1, 3]])
    assert breaker.opened.all()
    assert not lived(Breaker.none(1), 7 * 24, added / [[1, 1, 1, 1, 1, 1, 3, 1, 3]]).opened.any()


def test_it_does_not_close_without_anything_to_be_judged_by() -> None:
    """A forecast that would not have decided has not won; neither has one that nobody could compare."""
    assert lived(opened(), 7 * 24, trusted=False).opened.all()
    assert lived(opened(), 7 * 24, row(seconds=0)).opened.all()
    assert not lived(opened(), 30).opened.any()


def test_it_stays_open_for_at_least_a_window() -> None:
    """Whatever happens in shadow, it does not change its mind within a day."""
    breaker = replace(opened(), buckets=np.zeros((1, BUCKETS + 1, 6)))
    assert lived(breaker, 22).opened.all()


def test_a_clock_that_is_set_back_does_not_keep_it_open_for_ever() -> None:
    """The day counts from the time that is now."""
    breaker = replace(opened(), at=NOW - 1000 * DAY)
    assert lived(breaker, 23).opened.all()
    assert not lived(breaker, 28).opened.any()


def test_a_shorter_day_is_judged_by_a_shorter_budget() -> None:
    """A replay at sixty times real time has a day of 24 minutes, and ten seconds of budget."""
    terms = Terms(window=DAY / 60)
    breaker = Breaker.none(1)
    for i in range(60):
        short = 0.5 if i == 50 else 0.0
        breaker = breaker.add(NOW + 30 * i, row(short=short, seconds=30), NO_WEEK, np.array([True]), terms)
        assert breaker.opened[0] == (i >= 50)


def test_another_window_begins_anew() -> None:
    """Sums of one length say nothing about another; who is open stays open."""
    breaker = lived(opened(), 1, terms=Terms(window=7 * DAY))
    assert breaker.opened.all()
    assert HOUR == breaker.sums()[0, 0]


def test_breakers_follow_their_targets() -> None:
    """Those that stay keep what they are, and new ones are closed."""
    two = Breaker.none(2)
    for i in range(30):
        rows = np.concatenate([row(), row(short=5)])
        two = two.add(NOW + HOUR * i, rows, np.zeros((2, COLUMNS)), np.array([True, True]))
    assert [False, True] == two.opened.tolist()
    moved = two.for_rows(np.array([1, -1, 0]))
    assert [True, False, False] == moved.opened.tolist()
    assert [two.since[1], two.then[1, 2]] == [moved.since[0], moved.then[0, 2]]
    np.testing.assert_array_equal(two.sums()[[1, 0]], moved.sums()[[0, 2]])
    assert [1, 0, 0] == moved.posted(np.array([True] * 3))["breaker"].tolist()
    assert [0, 0, 0] == moved.posted(np.array([False] * 3))["breaker"].tolist()
    assert [1, 0, 0] == moved.posted(np.array([False] * 3))["losing"].tolist()


CYCLES = st.lists(
    st.tuples(st.integers(1, 120), st.integers(0, 3), st.integers(0, 3), st.integers(0, 20), st.booleans()),
    max_size=80,
)


@given(CYCLES)
def test_sums_are_those_of_a_naive_book(cycles: list[tuple[int, int, int, int, bool]]) -> None:
    """Whole buckets of the last day, and the oldest for as much of it as is still within."""
    breaker, book, at = Breaker.none(1), [], NOW
    for minutes, short, bare, hours, trusted in cycles:
        at += 60.0 * minutes
        breaker = breaker.add(at, row(short, bare, hours, 60.0 * minutes), NO_WEEK, np.array([trusted]))
        book.append((at, [60.0 * minutes, 60.0 * minutes * trusted, hours, 10.0, short, bare]))
    size, expected = DAY / BUCKETS, np.zeros(6)
    for then, added in book:
        age = at // size - then // size
        weight = 1.0 if age < BUCKETS else 1 - at / size % 1 if age == BUCKETS else 0.0
        expected += weight * np.array(added)
    np.testing.assert_allclose(breaker.sums()[0], expected if book else 0, atol=1e-6)


@given(CYCLES)
def test_it_never_turns_twice_within_a_window(cycles: list[tuple[int, int, int, int, bool]]) -> None:
    """Opened, it stays so for a day; and it opens on nothing but a loss that its own figures show."""
    breaker, at = Breaker.none(1), NOW
    for minutes, short, bare, hours, trusted in cycles:
        at += 60.0 * minutes
        before, breaker = (
            breaker,
            breaker.add(at, row(5 * short, bare, hours, 60.0 * minutes), NO_WEEK, np.array([trusted])),
        )
        dear, plain, lost, own, _ = breaker.figures()[0].tolist()
        if breaker.opened[0] and not before.opened[0]:
            assert lost - own > TERMS.budget or (dear > 1.25 * plain and lost >= own)
        if before.opened[0] and not breaker.opened[0]:
            assert at - before.since[0] >= DAY
            assert lost <= own


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        pytest.param(
            (100, 100, 14, 2, DAY),
            "in the last day the forecast was 14 minutes short, a reactive autoscaler 2",
            id="short",
        ),
        pytest.param(
            (130, 100, 0, 0, DAY),
            "in the last day the forecast was 0 minutes short, a reactive autoscaler 0, at +30 % replica-hours",
            id="dear",
        ),
        pytest.param(
            (90, 100, 1, 0, DAY / 60),
            "in the last 24 minutes the forecast was 1 minute short, a reactive autoscaler 0, at -10 % replica-hours",
            id="a day at speed",
        ),
        pytest.param(
            (5, 0, 0, 0, 7 * DAY),
            "in the last 7 days the forecast was 0 minutes short, a reactive autoscaler 0",
            id="a reactive path that cost nothing",
        ),
    ],
)
def test_both_paths_in_words(figures: tuple[float, float, float, float, float], words: str) -> None:
    """What an Event, a condition and a reason say of it."""
    assert words == comparison(figures)
