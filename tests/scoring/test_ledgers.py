"""The ledger, by hand: what was there against what would have been there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.ledgers import (
    COLUMNS,
    DAYS,
    HOURS_AHEAD,
    HOURS_REACTIVE,
    SHORT_AHEAD,
    SHORT_REACTIVE,
    Ledger,
    ledger_line,
)
from tests.scoring.builders import DAY, NAN, NOW

HOUR = 3600.0


def floats(*values: float) -> np.ndarray:
    """One number per target."""
    return np.array(values, np.float32)


def added(
    ledger: Ledger,
    at: float,
    interval: float,
    *,
    needed: np.ndarray,
    replicas: np.ndarray,
    recommended: np.ndarray,
    start_seconds: np.ndarray,
) -> Ledger:
    """One more cycle in which every path asked for the same."""
    return ledger.add(
        at,
        interval,
        needed=needed,
        replicas=replicas,
        recommended=recommended,
        reactive=recommended,
        ahead=recommended,
        start_seconds=start_seconds,
    )


def booked(
    *cycles: tuple[float, float, float, float],
    lead: float = 300.0,
    interval: float = 300.0,
    start: float = NOW,
) -> list[float]:
    """The sums of one target after cycles of `(minutes since the start, needed, replicas, recommended)`."""
    ledger = Ledger.none(1)
    for at, needed, replicas, recommended in cycles:
        ledger = added(
            ledger,
            start + 60 * at,
            interval,
            needed=floats(needed),
            replicas=floats(replicas),
            recommended=floats(recommended),
            start_seconds=floats(lead),
        )
    return ledger.sums()[0, :5].tolist()


def approx(*values: float) -> object:
    """Sums in hours and minutes."""
    return pytest.approx(list(values), abs=1e-6)


def test_nothing_is_counted_before_recommendations_could_have_worked() -> None:
    """The first cycle has no before, and until the lead time has passed nobody would have been there."""
    assert approx(0, 0, 0, 0, 0) == booked((0, 1, 4, 2))
    assert approx(0, 0, 0, 0, 0) == booked((0, 1, 4, 2), (4, 1, 4, 2))


def test_replica_hours_and_minutes_short_are_summed() -> None:
    """Five minutes of 6 replicas against 3, in which 3.5 were needed."""
    assert approx(300, 0.5, 0.25, 0, 5) == booked((0, 3.5, 6, 3), (5, 3.5, 6, 3))


def test_short_is_what_exceeds_the_replicas() -> None:
    """Exactly as many as are needed are enough, unrounded; both ways can be short."""
    assert approx(300, 0.25, 0.25, 0, 0) == booked((0, 3, 3, 3), (5, 3, 3, 3))
    assert approx(300, 0.25, 0.25, 5, 5) == booked((0, 3.1, 3, 3), (5, 3.1, 3, 3))


def test_more_replicas_are_there_a_lead_time_after_they_were_asked_for() -> None:
    """They cost from the moment they were asked for, and serve ten minutes later."""
    sums = booked((0, 1, 4, 1), (5, 1, 4, 4), (10, 4, 4, 4), (15, 4, 4, 4), (20, 4, 4, 4), lead=600)
    # counted from minute 10 on (the first ask is ten minutes old): 3 x 5 minutes
    seconds, actual, recommended, short, would = sums
    assert (900, 1.0, 1.0) == (seconds, pytest.approx(actual), pytest.approx(recommended))
    assert (0, 5) == (short, would)


def test_fewer_replicas_are_gone_at_once() -> None:
    """What was given back serves nobody from that moment on, and costs nothing."""
    seconds, actual, recommended, short, would = booked(
        (0, 4, 4, 4), (5, 4, 4, 4), (10, 4, 4, 2), (15, 4, 4, 2), lead=300
    )
    assert (900, 0, 5) == (seconds, short, would)
    assert (1.0, pytest.approx((4 + 4 + 2) / 12)) == (pytest.approx(actual), recommended)


def test_a_dip_within_the_lead_time_counts() -> None:
    """Pods that were given back and asked for again have to start again."""
    sums = booked(
        (0, 4, 4, 4), (5, 4, 4, 4), (10, 4, 4, 2), (15, 4, 4, 4), (20, 4, 4, 4), (25, 4, 4, 4), lead=600
    )
    assert 10 == pytest.approx(sums[4])


@pytest.mark.parametrize(
    ("minutes", "seconds"),
    [
        pytest.param(5, 300, id="the interval"),
        pytest.param(10, 600, id="twice the interval: a slow cycle"),
        pytest.param(10.1, 0, id="longer than two: a pause"),
        pytest.param(600, 0, id="a night"),
    ],
)
def test_a_pause_is_not_counted(minutes: float, seconds: float) -> None:
    """What happened while nobody looked is in neither sum."""
    assert seconds == booked((0, 1, 4, 2), (minutes, 1, 4, 2))[0]


def test_a_clock_that_steps_back_counts_nothing() -> None:
    """Time that did not pass is not added, and time that passes after it is."""
    assert 300 == booked((0, 1, 4, 2), (-60, 1, 4, 2), (-55, 1, 4, 2), lead=0)[0]


@pytest.mark.parametrize(("needed", "replicas"), [(NAN, 4), (1, NAN)])
def test_what_is_not_known_is_in_neither_sum(needed: float, replicas: float) -> None:
    """Unknown demand or replicas leave the cycle out as a whole."""
    assert approx(300, 1 / 3, 1 / 6, 0, 0) == booked((0, 1, 4, 2), (5, needed, replicas, 2), (10, 1, 4, 2))


def test_without_a_recommendation_the_last_one_goes_on() -> None:
    """A cycle that decided nothing asked for no change."""
    assert approx(600, 2 / 3, 1 / 3, 0, 0) == booked((0, 1, 4, 2), (5, 1, 4, NAN), (10, 1, 4, NAN))


def test_a_lead_time_of_hundreds_of_cycles_is_kept_track_of() -> None:
    """Only changes are remembered: what was asked for long ago still counts as there."""
    minutes = [(0.5 * i, 1.0, 4.0, 2.0) for i in range(300)]
    assert 0 < booked(*minutes, lead=HOUR, interval=30)[0]


def weeks(days: float, *, step: float = HOUR) -> Ledger:
    """A ledger after so many days of 4 replicas against 2."""
    ledger = Ledger.none(1)
    for i in range(round(days * DAY / step) + 1):
        ledger = added(
            ledger,
            NOW + i * step,
            step,
            needed=floats(1),
            replicas=floats(4),
            recommended=floats(2),
            start_seconds=floats(0),
        )
    return ledger


@pytest.mark.parametrize("days", [1, 6.5, 7, 7.5, 7.96, 8, 9.25, 30])
def test_seven_days_count_and_no_more(days: float) -> None:
    """At any time of the day the sums span the last seven days: the oldest goes bit by bit."""
    seconds, actual, recommended, _, _ = weeks(days).sums()[0, :5].tolist()
    assert min(days, DAYS) * DAY == pytest.approx(seconds)
    assert (4 * seconds / HOUR, 2 * seconds / HOUR) == pytest.approx((actual, recommended))


def test_after_a_week_of_silence_nothing_is_left() -> None:
    """What is older than seven days is gone when the ledger goes on."""
    ledger = weeks(3)
    later = NOW + 20 * DAY
    for at in (later, later + HOUR):
        ledger = added(
            ledger,
            at,
            HOUR,
            needed=floats(1),
            replicas=floats(4),
            recommended=floats(2),
            start_seconds=floats(0),
        )
    assert HOUR == ledger.sums()[0, 0]


def test_midnight_divides_no_cycle() -> None:
    """The sum before and after midnight is one sum."""
    assert 1200 == booked(*((5 * i, 1, 4, 2) for i in range(5)), start=NOW - 600)[0]


def test_ledgers_follow_their_targets() -> None:
    """Those that stay keep their sums and what they asked for; new ones begin at nothing."""
    ledger = Ledger.none(2)
    for at in (0, 300):
        ledger = added(
            ledger,
            NOW + at,
            300,
            needed=floats(1, 1),
            replicas=floats(4, 8),
            recommended=floats(2, 6),
            start_seconds=floats(0, 0),
        )
    moved = ledger.for_rows(np.array([1, -1]))
    assert [300, 0] == moved.sums()[:, 0].tolist()
    then = added(
        moved,
        NOW + 600,
        300,
        needed=floats(1, 1),
        replicas=floats(8, 1),
        recommended=floats(6, 1),
        start_seconds=floats(0, 0),
    )
    assert [600, 0] == then.sums()[:, 0].tolist()


def test_a_ledger_that_saw_nothing_sums_to_nothing() -> None:
    """Before the first cycle."""
    assert np.zeros((2, COLUMNS)).tolist() == Ledger.none(2).sums().tolist()


PATHS = {
    "recommended": (2, 4),
    "reactive": (HOURS_REACTIVE, SHORT_REACTIVE),
    "ahead": (HOURS_AHEAD, SHORT_AHEAD),
}


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_booked_by_itself(path: str) -> None:
    """Six replicas of one path against two of the others: only their own hours and minutes differ."""
    ledger = Ledger.none(1)
    for at in (0, 300, 600):
        asked = {name: floats(6 if name == path else 2) for name in PATHS}
        ledger = ledger.add(
            NOW + at, 300, needed=floats(3), replicas=floats(4), start_seconds=floats(0), **asked
        )
    sums = ledger.sums()[0]
    for name, columns in PATHS.items():
        expected = approx(1.0, 0) if name == path else approx(1 / 3, 10)
        assert expected == sums[[*columns]].tolist()
    assert approx(*(sums / 2)) == ledger.newest[0].tolist()


def test_a_path_that_is_not_known_is_compared_with_nothing() -> None:
    """A cycle counts for all paths or for none, so that their sums are of the same time."""
    ledger = Ledger.none(1)
    for at, reactive in ((0, NAN), (300, NAN), (600, 2), (900, 2), (1200, 2)):
        ledger = ledger.add(
            NOW + at,
            300,
            needed=floats(3),
            replicas=floats(4),
            recommended=floats(2),
            reactive=floats(reactive),
            ahead=floats(2),
            start_seconds=floats(0),
        )
    assert 600 == ledger.sums()[0, 0]


@given(
    st.lists(
        st.tuples(st.floats(0, 9, width=16), st.integers(0, 9), st.integers(0, 9), st.integers(1, 9)),
        max_size=30,
    ),
    st.integers(0, 5),
)
def test_sums_are_those_of_a_naive_book(cycles: list[tuple[float, int, int, int]], lead: int) -> None:
    """Cycle by cycle: the least asked for since a lead time ago would have been there."""
    seconds = actual = recommended = short = would = 0.0
    minute, asks, book = 0, [], []
    for needed, replicas, ask, pause in cycles:
        minute += pause
        before = [n for at, n in asks if at <= minute - lead]
        if book and minute - book[-1][0] <= 10 and before:
            there = min([before[-1], *(n for at, n in asks if at > minute - lead)])
            passed = minute - book[-1][0]
            seconds += 60 * passed
            actual += replicas * passed / 60
            recommended += asks[-1][1] * passed / 60
            short += passed * (needed > replicas)
            would += passed * (needed > there)
        asks.append((minute, ask))
        book.append((minute, needed, replicas, ask))
    expected = pytest.approx([seconds, actual, recommended, short, would], rel=1e-4)
    assert expected == (booked(*book, lead=60.0 * lead) if book else [0.0] * 5)


@pytest.mark.parametrize(
    ("sums", "line"),
    [
        pytest.param((0, 0, 0, 0, 0), "nothing to compare yet", id="nothing yet"),
        pytest.param((600, 0, 0, 0, 0), "nothing to compare yet", id="nothing was running"),
        pytest.param(
            (7 * DAY, 100, 86, 11, 2),
            "7 days: -14 % replica-hours, 2 minutes short; as it ran: 11",
            id="a week",
        ),
        pytest.param(
            (6.96 * DAY, 100, 86, 11, 1),
            "7 days: -14 % replica-hours, 1 minute short; as it ran: 11",
            id="nearly",
        ),
        pytest.param(
            (DAY, 10, 13, 0, 0), "1 day: +30 % replica-hours, 0 minutes short; as it ran: 0", id="a day"
        ),
        pytest.param(
            (2 * HOUR, 10, 9.97, 0, 0),
            "2 hours: +0 % replica-hours, 0 minutes short; as it ran: 0",
            id="no change",
        ),
        pytest.param(
            (45, 10, 10, 0, 0), "45 seconds: +0 % replica-hours, 0 minutes short; as it ran: 0", id="seconds"
        ),
        pytest.param(
            (7 * DAY, 100, 86, 11, 2, (97, 9)),
            "7 days: -14 % replica-hours, 2 minutes short; as it ran: 11; reactive: -3 %, 9",
            id="beside the reactive path",
        ),
    ],
)
def test_the_ledger_in_one_line(sums: tuple[Any, ...], line: str) -> None:
    """How long, what it would have saved, and how often it would have been short."""
    assert line == ledger_line(*sums)
