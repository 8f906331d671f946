"""Floors, ceilings and announced events in the wall time of a place, on days that are 23 and 25 hours long too."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from scoring.calendars import (
    Event,
    Lesson,
    Schedule,
    day_shifts,
    highest_lift,
    holidays_of,
    taught_lift,
    unlike_days,
)
from tests.scoring.builders import DAY, NOW, STEP, fleet, per_target, target

BERLIN = "Europe/Berlin"
OFFICE = Schedule("0 8 * * 1-5", "0 18 * * 1-5", BERLIN, minimum=4)
NIGHT = Schedule("0 22 * * *", "0 6 * * *", BERLIN, maximum=2)


def berlin(day: str, time: str, *, fold: int = 0) -> float:
    """UNIX seconds of a wall time in Berlin; `fold=1` is the second pass of a repeated hour."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(BERLIN), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("day", "time", "active"),
    [
        pytest.param("2026-02-16", "07:59:59", False, id="a second before it opens"),
        pytest.param("2026-02-16", "08:00:00", True, id="at the very start"),
        pytest.param("2026-02-16", "12:00:00", True, id="in the midst"),
        pytest.param("2026-02-16", "17:59:59", True, id="a second before it closes"),
        pytest.param("2026-02-16", "18:00:00", False, id="at the very end"),
        pytest.param("2026-02-14", "12:00:00", False, id="on a Saturday"),
        pytest.param("2026-07-15", "08:00:00", True, id="in summer, by the wall"),
        pytest.param("2026-07-15", "07:30:00", False, id="not an hour early in summer"),
    ],
)
def test_a_schedule_is_on_from_its_start_until_its_end(day: str, time: str, active: bool) -> None:
    """In the wall time of its place."""
    assert active is OFFICE.is_active(berlin(day, time))


@pytest.mark.parametrize(
    ("time", "active"), [("21:59", False), ("22:00", True), ("03:00", True), ("06:00", False)]
)
def test_a_schedule_may_pass_midnight(time: str, active: bool) -> None:
    """The last firing decides, whatever the day."""
    assert active is NIGHT.is_active(berlin("2026-02-17", time))


@pytest.mark.parametrize(
    ("start", "end", "time", "fold", "active"),
    [
        pytest.param("30 2 * * *", "0 4 * * *", "01:59", 0, False, id="before"),
        pytest.param("30 2 * * *", "0 4 * * *", "02:29", 0, False, id="first pass, not yet"),
        pytest.param("30 2 * * *", "0 4 * * *", "02:30", 0, True, id="first pass, begun"),
        pytest.param("30 2 * * *", "0 4 * * *", "02:10", 1, True, id="second pass, before its wall time"),
        pytest.param("30 2 * * *", "0 4 * * *", "02:59", 1, True, id="second pass"),
        pytest.param("30 2 * * *", "0 4 * * *", "04:00", 0, False, id="ended"),
        pytest.param("0 2 * * *", "30 2 * * *", "02:45", 0, False, id="ended in the first pass"),
        pytest.param("0 2 * * *", "30 2 * * *", "02:15", 1, False, id="does not begin again in the second"),
    ],
)
def test_the_repeated_hour_of_autumn_fires_once(
    start: str, end: str, time: str, fold: int, active: bool
) -> None:
    """On 25 October 2026 the hour from 2 to 3 comes twice; a schedule runs once, through both passes if need be."""
    assert active is Schedule(start, end, BERLIN).is_active(berlin("2026-10-25", time, fold=fold))


@pytest.mark.parametrize(
    ("start", "time", "active"),
    [
        pytest.param("0 2 * * *", "01:59", False, id="before the missing hour"),
        pytest.param("0 2 * * *", "03:00", True, id="a start in the missing hour fires after it"),
        pytest.param("30 2 * * *", "03:30", True, id="a start in the midst of it too"),
        pytest.param("0 2 * * *", "04:00", False, id="the end is where the wall says"),
    ],
)
def test_the_missing_hour_of_spring_loses_no_floor(start: str, time: str, active: bool) -> None:
    """On 29 March 2026 the hour from 2 to 3 does not exist; a floor that begins in it still holds."""
    assert active is Schedule(start, "0 4 * * *", BERLIN).is_active(berlin("2026-03-29", time))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_whole_day_is_as_long_as_it_is(day: str, hours: int) -> None:
    """A floor for one weekday covers 23, 24 or 25 hours."""
    number = datetime.fromisoformat(day).isoweekday() % 7
    whole = Schedule(f"0 0 * * {number}", f"0 0 * * {(number + 1) % 7}", BERLIN)
    begin = berlin(day, "00:00")
    held = [h for h in range(-3, 30) if whole.is_active(begin + h * 3600)]
    assert list(range(hours)) == held


@pytest.mark.parametrize(
    ("day", "time", "active"),
    [
        pytest.param("2026-02-13", "17:00", True, id="Friday before the end"),
        pytest.param("2026-02-13", "19:00", False, id="Friday after it"),
        pytest.param("2026-02-14", "12:00", False, id="Saturday, when only an end is due"),
        pytest.param("2026-02-15", "12:00", False, id="Sunday"),
        pytest.param("2026-02-16", "12:00", True, id="Monday"),
    ],
)
def test_an_end_without_a_start_before_it_begins_nothing(day: str, time: str, active: bool) -> None:
    """Starting on weekdays and ending every day is a schedule for weekdays."""
    assert active is Schedule("0 8 * * 1-5", "0 18 * * *", BERLIN).is_active(berlin(day, time))


def test_a_start_that_comes_once_in_decades() -> None:
    """A 29 February that is a fifth Monday came in 2016: nothing fails, and it has long ended."""
    assert not Schedule("0 0 * 2 1#5", "0 8 * * *", BERLIN).is_active(NOW)
    assert Schedule("0 0 * 2 1#5", "0 0 1 1 *", BERLIN).is_active(berlin("2016-03-01", "00:00"))


def test_both_at_once_is_off() -> None:
    """A schedule that ends when it begins bounds nothing."""
    assert not Schedule("0 8 * * *", "0 8 * * *", BERLIN).is_active(berlin("2026-02-16", "08:00"))


@pytest.mark.parametrize(
    ("at", "lift"),
    [
        pytest.param(-601, 1, id="too early"),
        pytest.param(-600, 3, id="a lead time before, so that pods are ready"),
        pytest.param(0, 3, id="at its start"),
        pytest.param(3599, 3, id="until its end"),
        pytest.param(3600, 1, id="no longer"),
    ],
)
def test_an_event_counts_from_a_lead_time_before_it(at: float, lift: float) -> None:
    """Pods are asked for early enough to be ready."""
    assert lift == highest_lift([Event(NOW, NOW + 3600, 3.0)], NOW + at, 600)


def test_events_at_the_same_moment_multiply() -> None:
    """A sale on a holiday is both."""
    both = [Event(NOW, NOW + 3600, 2.0), Event(NOW + 1800, NOW + 7200, 3.0)]
    assert [2, 6, 3] == [highest_lift(both, NOW + at, 0) for at in (0, 1800, 3600)]


def test_events_in_a_row_do_not_multiply() -> None:
    """The lead time of the second overlaps the first, but they are never on together."""
    row = [Event(NOW, NOW + 3600, 2.0), Event(NOW + 3600, NOW + 7200, 3.0)]
    assert [2, 3, 3, 3] == [highest_lift(row, NOW + at, 600) for at in (0, 3000, 3599, 3600)]


def test_no_events_lift_nothing() -> None:
    """One is the lift of an ordinary day."""
    assert 1 == highest_lift((), NOW, 600)


def lesson(lift: float, *, days_ago: float = 7, name: str | None = "sale", announced: float = 3.0) -> Lesson:
    """What an event some days ago did."""
    start = NOW - days_ago * DAY
    return Lesson("shop", "api", name, announced, start, start + 3600, lift)


@pytest.mark.parametrize(
    ("lessons", "lift"),
    [
        pytest.param((), 3.0, id="nothing was learned"),
        pytest.param((lesson(2.0),), 2.5, id="after one, half"),
        pytest.param((lesson(2.0), lesson(1.0)), 2.0, id="after two, a third"),
        pytest.param((lesson(2.0), lesson(2.0), lesson(90.0)), 2.25, id="an odd one does not pull"),
        pytest.param((lesson(900.0),), 12.0, id="no farther than four times"),
        pytest.param((lesson(0.1),) * 8, 1.0, id="never below one"),
        pytest.param((lesson(2.0, name="match"), lesson(2.0, name=None)), 3.0, id="those of another kind"),
        pytest.param((lesson(2.0, days_ago=-1),), 3.0, id="one that came later"),
        pytest.param(
            tuple(lesson(2.0 if i < 8 else 4.0, days_ago=i + 1) for i in range(20)),
            3 / 9 + 2 * 8 / 9,
            id="the newest eight",
        ),
    ],
)
def test_past_events_teach_the_lift_of_the_next(lessons: tuple[Lesson, ...], lift: float) -> None:
    """What was measured outweighs what is announced, the more the oftener it was."""
    assert lift == pytest.approx(taught_lift(Event(NOW, NOW + 3600, 3.0, "sale"), lessons))


def test_events_without_a_name_are_alike_where_they_expect_the_same() -> None:
    """A weekly sale that nobody named still learns; an event of another size does not learn from it."""
    past = [lesson(2.0, name=None, announced=3.0)]
    assert 2.5 == taught_lift(Event(NOW, NOW + 3600, 3.0), past)
    assert 9.0 == taught_lift(Event(NOW, NOW + 3600, 9.0), past)


def test_a_taught_lift_is_what_counts() -> None:
    """It takes the announced one's place from a lead time before the start."""
    assert 2.5 == highest_lift([Event(NOW, NOW + 3600, 3.0, "sale")], NOW - 600, 600, [lesson(2.0)])


@pytest.mark.parametrize(
    ("zone", "day", "time", "shifts"),
    [
        pytest.param("Europe/Berlin", "2026-02-16", "10:00", (0,) * 7, id="no change"),
        pytest.param("UTC", "2026-03-30", "10:00", (0,) * 7, id="no clocks to change"),
        pytest.param("Europe/Berlin", "2026-03-29", "01:00", (0,) * 7, id="just before they go forward"),
        pytest.param("Europe/Berlin", "2026-03-29", "10:00", (12,) * 7, id="forward this morning"),
        pytest.param("Europe/Berlin", "2026-03-30", "10:00", (0, *(12,) * 6), id="forward yesterday"),
        pytest.param("Europe/Berlin", "2026-04-04", "10:00", (0,) * 6 + (12,), id="forward six days ago"),
        pytest.param("Europe/Berlin", "2026-04-06", "10:00", (0,) * 7, id="long ago"),
        pytest.param("Europe/Berlin", "2026-10-26", "10:00", (0, *(-12,) * 6), id="back yesterday"),
        pytest.param("Australia/Lord_Howe", "2026-10-04", "10:00", (6,) * 7, id="forward by half an hour"),
        pytest.param("Australia/Lord_Howe", "2026-04-05", "10:00", (-6,) * 7, id="back by half an hour"),
    ],
)
def test_local_time_is_found_after_a_clock_change(
    zone: str, day: str, time: str, shifts: tuple[int, ...]
) -> None:
    """In steps of five minutes; positive where clocks went forward, as those days were shorter."""
    end = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(zone)).timestamp()
    assert shifts == day_shifts(zone, end, STEP)


@pytest.mark.parametrize("day", ["2026-03-30", "2026-10-26"])
@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
@pytest.mark.parametrize("hour", [0, 9, 23])
def test_a_shifted_column_has_the_same_wall_time(zone: str, day: str, hour: int) -> None:
    """Column t - (k + 1) days + shift reads what the clock on the wall reads now."""
    now = datetime.fromisoformat(f"{day}T{hour:02}:30").replace(tzinfo=ZoneInfo(zone))
    for k, shift in enumerate(day_shifts(zone, now.timestamp(), STEP)):
        then = datetime.fromtimestamp(now.timestamp() - (k + 1) * DAY + shift * STEP, ZoneInfo(zone))
        assert (now - timedelta(days=k + 1)).replace(tzinfo=None) == then.replace(tzinfo=None)


def test_a_replayed_day_has_no_clock_changes() -> None:
    """Where a day is an hour, wall time means nothing."""
    assert (0,) * 7 == day_shifts(BERLIN, berlin("2026-03-29", "10:00"), STEP, 3600.0)


@pytest.mark.parametrize(
    ("day", "unlike"),
    [
        pytest.param("2026-05-13", [], id="an ordinary week"),
        pytest.param("2026-05-14", [1, 2, 3, 5, 6, 7], id="Ascension Day, a Thursday, is like the Sunday"),
        pytest.param("2026-05-15", [1], id="the day after it"),
        pytest.param("2026-05-17", [], id="a Sunday is like a holiday"),
        pytest.param("2026-05-21", [7], id="a week after it"),
        pytest.param("2026-05-22", [], id="and no longer"),
        pytest.param("2027-01-02", [1, 7], id="New Year and Boxing Day, in two years"),
    ],
)
def test_a_holiday_looks_at_sundays_and_holidays_alone(day: str, unlike: list[int]) -> None:
    """And nobody looks at a holiday from an ordinary day."""
    found = unlike_days(BERLIN, "DE", berlin(day, "12:00"))
    assert unlike == [k + 1 for k in range(7) if found[k]]


def test_the_day_is_that_of_the_place() -> None:
    """Half past eleven at night in UTC is the holiday's morning in Berlin."""
    assert unlike_days(BERLIN, "DE", berlin("2026-05-14", "00:30")) != unlike_days(
        "UTC", "DE", berlin("2026-05-14", "00:30")
    )


def test_a_part_of_a_country_has_holidays_of_its_own() -> None:
    """Corpus Christi is one in Bavaria, and none in Hamburg."""
    corpus_christi = date(2026, 6, 4)
    assert corpus_christi in holidays_of("DE-BY", 2026)
    assert corpus_christi not in holidays_of("DE-HH", 2026)


def bounds(now: float, **wishes: object) -> tuple[float, float]:
    """The floor and the ceiling of a target at a moment."""
    of = fleet(target(**wishes))
    policies = of.policies(now, per_target(of, 465))
    return float(policies.minimum[0]), float(policies.maximum[0])


@pytest.mark.parametrize(
    ("schedules", "expected"),
    [
        pytest.param((), (2, 10), id="none"),
        pytest.param((OFFICE,), (4, 10), id="a floor"),
        pytest.param((Schedule("0 9 * * *", "0 18 * * *", BERLIN, 4),), (2, 10), id="one that has not begun"),
        pytest.param(
            (Schedule("0 8 * * *", "0 9 * * *", BERLIN, 1),), (2, 10), id="a floor below the target's own"
        ),
        pytest.param((Schedule("0 8 * * *", "0 9 * * *", BERLIN, None, 6),), (2, 6), id="a ceiling"),
        pytest.param(
            (Schedule("0 8 * * *", "0 9 * * *", BERLIN, None, 60),), (2, 10), id="one above the target's own"
        ),
        pytest.param(
            (Schedule("0 8 * * *", "0 9 * * *", BERLIN, None, 1),),
            (1, 1),
            id="a ceiling below the floor wins",
        ),
        pytest.param(
            (Schedule("0 8 * * *", "0 9 * * *", BERLIN, 60),), (10, 10), id="a floor above the ceiling is cut"
        ),
        pytest.param((Schedule("0 8 * * *", "0 9 * * *", BERLIN, None, 0),), (0, 0), id="nobody at all"),
        pytest.param(
            (OFFICE, Schedule("0 8 * * *", "0 9 * * *", BERLIN, 6, 8)),
            (6, 8),
            id="the highest floor of several",
        ),
    ],
)
def test_calendars_bound_replicas(schedules: tuple[Schedule, ...], expected: tuple[int, int]) -> None:
    """Floors raise the minimum and ceilings lower the maximum while they are on."""
    now = berlin("2026-02-16", "08:30")
    assert expected == bounds(now, min_replicas=2, schedules=schedules)


def test_a_calendar_touches_nobody_else() -> None:
    """Only the target that has one."""
    of = fleet(target("web"), target("api", schedules=(OFFICE,), events=(Event(NOW, NOW + DAY, 2.0),)))
    policies = of.policies(berlin("2026-02-16", "08:30"), per_target(of, 465))
    assert [1, 4] == policies.minimum.tolist()
    assert [1, 2] == policies.lift.tolist()
    np.testing.assert_array_equal([1, 1], of.wishes.minimum)
