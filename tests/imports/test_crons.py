"""KEDA's cron triggers become schedules of the same hours, or are refused with the reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from helios.imports.crons import CronDiffersError, CronRefusedError, Hours, hours
from scoring.calendars import Schedule


@pytest.mark.parametrize(
    ("start", "end", "written"),
    [
        pytest.param("0 8 * * 1-5", "0 18 * * 1-5", ("0 8 * * 1-5", "0 18 * * 1-5"), id="as it is"),
        pytest.param("0 8 ? * MON-FRI", "0 18 ? * 1-5", ("0 8 * * MON-FRI", "0 18 * * 1-5"), id="question mark"),
        pytest.param("*/20 * * * *", "10/20 * * * *", ("*/20 * * * *", "10,30,50 * * * *"), id="steps"),
        pytest.param("0 8 * * 1/2", "0 9 * * 1/2", ("0 8 * * 1,3,5", "0 9 * * 1,3,5"), id="no seventh weekday"),
        pytest.param("0 8 1-3/2 * 0", "0 9 1-3/2 * 0", ("0 8 1,3 * 0", "0 9 1,3 * 0"), id="either day"),
        pytest.param("0 8 1-31 * *", "0 9 1-31 * *", ("0 8 1-31 * *", "0 9 1-31 * *"), id="all days by number"),
    ],
)  # fmt: skip
def test_an_expression_is_written_so_that_it_means_the_same(
    start: str, end: str, written: tuple[str, str]
) -> None:
    """Where KEDA's parser and ours read alike it stays as it is."""
    assert Hours(*written, "Europe/Berlin") == hours(start, end, "Europe/Berlin")


def test_every_second_day_beside_a_weekday_is_either_as_in_keda() -> None:
    """A step makes of a star a list, which KEDA joins with the weekday by "or"; Debian's cron would by "and"."""
    found = hours("0 8 */2 * 1", "0 9 */2 * 1", "UTC")
    assert found.start.startswith("0 8 1,3,5,7,")
    tuesday = datetime(2026, 9, 1, 8, tzinfo=UTC)  # the first, so odd, and no Monday
    assert tuesday == next(CronSim(found.start, tuesday - timedelta(minutes=1)))


def test_a_zone_in_front_of_the_expression_counts() -> None:
    """KEDA's parser knows that form too."""
    found = hours("TZ=Asia/Tokyo 0 6 * * *", "CRON_TZ=Asia/Tokyo 0 9 * * *", "UTC")
    assert Hours("0 6 * * *", "0 9 * * *", "Asia/Tokyo") == found


@pytest.mark.parametrize(
    ("start", "end", "zone", "words"),
    [
        pytest.param("0 8 * *", "0 9 * * *", "UTC", "five fields", id="four fields"),
        pytest.param("@daily", "0 9 * * *", "UTC", "five fields", id="descriptor"),
        pytest.param("0 8 * * 7", "0 9 * * 7", "UTC", "outside 0 to 6", id="weekday seven"),
        pytest.param("0 8 L * *", "0 9 L * *", "UTC", "no number or name", id="last day"),
        pytest.param("0 24 * * *", "0 9 * * *", "UTC", "outside 0 to 23", id="hour 24"),
        pytest.param("0 8-6 * * *", "0 9 * * *", "UTC", "outside", id="backwards"),
        pytest.param("0 8 1-2-3 * *", "0 9 * * *", "UTC", "too many parts", id="two hyphens"),
        pytest.param("0 8 , * *", "0 9 * * *", "UTC", "names nothing", id="a comma alone"),
        pytest.param("0 8 * * *", "0 8 * * *", "UTC", "the same", id="start is end"),
        pytest.param("0 8 * * *", "0 9 * * *", "Middle/Earth", "time zone", id="no zone"),
        pytest.param("0 8 * * *", "0 9 * * *", " ", "time zone", id="a zone that is blank"),
        pytest.param("", "0 9 * * *", "UTC", "five fields", id="missing"),
    ],
)
def test_what_keda_refuses_is_refused_with_the_reason(start: str, end: str, zone: str, words: str) -> None:
    """It has never counted there, so there is nothing to copy."""
    with pytest.raises(CronRefusedError, match=words):
        hours(start, end, zone)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        pytest.param("0 8 * * *", "0 18 * * 1-5", "start fires twice in a row", id="weekend without an end"),
        pytest.param("0 8 * * *", "0,30 18 * * *", "end fires twice in a row", id="two ends"),
        pytest.param("0 * * * *", "0 */2 * * *", "both fire at once", id="at once"),
        pytest.param("0 0 30 2 *", "0 0 1 3 *", "never fires", id="a day that never comes"),
        pytest.param("TZ=UTC 0 8 * * *", "TZ=Asia/Tokyo 0 9 * * *", "start is in UTC", id="two zones"),
        pytest.param("0 0 29 2 *", "0 0 1 3 *", "within a year", id="a leap year alone"),
        pytest.param("0 8 1/2 * 1/2", "7/2 9 1/2 * 1/2", "characters", id="too long to write"),
    ],
)
def test_what_keda_means_otherwise_is_not_copied(start: str, end: str, words: str) -> None:
    """A schedule that says almost the same would hold at hours at which the trigger does not."""
    with pytest.raises(CronDiffersError, match=words):
        hours(start, end, "UTC")


def test_the_clock_of_kedas_own_pod_is_asked_for_by_name() -> None:
    """KEDA takes `Local`; which zone that is nobody here can see."""
    with pytest.raises(CronDiffersError, match="Local is the clock of KEDA's own pod"):
        hours("0 8 * * *", "0 9 * * *", "Local")


def test_blanks_around_a_value_are_not_part_of_it() -> None:
    """As KEDA trims each."""
    assert Hours("0 6 * * *", "0 9 * * *", "Asia/Tokyo") == hours(
        " TZ=Asia/Tokyo 0 6 * * *", "0 9 * * * ", " Asia/Tokyo "
    )


def test_an_end_in_the_hour_that_a_clock_change_leaves_out_comes_right_after_it() -> None:
    """KEDA's would not come at all that day, and its trigger holds on until the next."""
    found = hours("0 10 * * *", "59 2 * * *", "Europe/Berlin")
    schedule = Schedule(found.start, found.end, found.timezone)
    change = datetime(2027, 3, 28, 1, tzinfo=UTC)  # 02:00 becomes 03:00
    assert [True, False, False] == [
        schedule.is_active((change + timedelta(minutes=m)).timestamp()) for m in (-1, 1, 90)
    ]


times = st.tuples(st.integers(0, 59), st.integers(0, 23))


@given(
    start=times,
    end=times,
    days=st.sampled_from(["*", "1-5", "6,0", "?", "mon,WED"]),
    moment=st.integers(0, 366 * 24 * 60),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
)
def test_a_copied_schedule_holds_exactly_while_kedas_trigger_counts(
    start: tuple[int, int], end: tuple[int, int], days: str, moment: int, zone: str
) -> None:
    """KEDA's own rule is that the next firing is an end; away from clock changes, at any minute of a year."""
    first, last = (f"{minute} {hour} {'?' if days == '?' else '*'} * {days}" for minute, hour in (start, end))
    try:
        found = hours(first, last, zone)
    except (CronRefusedError, CronDiffersError):
        return
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=moment, seconds=30)
    there = now.astimezone(ZoneInfo(zone))
    offsets = {(there + timedelta(days=days)).utcoffset() for days in (-8, 0, 8)}
    if len(offsets) > 1:
        return
    counts = next(CronSim(found.start, there)) >= next(CronSim(found.end, there))
    assert counts == Schedule(found.start, found.end, found.timezone).is_active(now.timestamp())
