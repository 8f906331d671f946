"""Floors, ceilings, announced events, clock changes and holidays in the wall time of a place.

A schedule's `start` and `end` are cron expressions in an IANA time zone, as KEDA's cron trigger has them; daylight
saving is the library's (`cronsim` follows Debian's cron). Public holidays are a library's as well (`holidays`), whose places
are checked at the doors. Nothing here reads a clock.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

_CLOCK_CHANGE = timedelta(hours=3)
"""More than any clock change moves the wall's time, and a second more than now."""
DAY_SECONDS = 86_400.0
PAST_DAYS = 7
"""How many past days a forecaster looks back on at the same time."""
_SUNDAY = 6
_MOST_LESSONS = 8
"""So many of the newest lessons count: what an event did years ago says little."""
_FARTHEST = 4.0
"""What was learned moves an announced lift by no more than this factor, either way."""
LEAST_LIFT, MOST_LIFT = 1.0, 100.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Between a firing of `start` and the next of `end`, replicas stay within `minimum`..`maximum`."""

    start: str
    end: str
    timezone: str
    minimum: int | None = None
    maximum: int | None = None

    def is_active(self, now: float) -> bool:
        """Whether the last firing at or before `now` (UNIX seconds) was a `start`; of both at once, the end counts."""
        return _last(self.start, now, self.timezone) > _last(self.end, now, self.timezone)


@dataclass(frozen=True, slots=True)
class Event:
    """An announced event: from `start` until `end` (UNIX seconds) demand is `expected_lift` times what it was before.

    Events of one target with the same `name` are of one kind: what the past ones did teaches the lift of the next. Those
    without a name are of one kind where they expect the same lift.
    """

    start: float
    end: float
    expected_lift: float
    name: str | None = None

    def is_active(self, now: float) -> bool:
        """Whether the event is on at `now`."""
        return self.start <= now < self.end


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a past event did: demand was `lift` times that of the same time on ordinary days.

    Attributes:
        namespace, deployment: of the target.
        name, announced: the event's own name and expected lift.
        start, end: of the event, UNIX seconds.
        lift: measured; where its pods were at their limit no less than announced, as demand was at least that.
    """

    namespace: str
    deployment: str
    name: str | None
    announced: float
    start: float
    end: float
    lift: float

    def is_about(self, event: Event) -> bool:
        """Whether `event` is of the same kind and comes later."""
        alike = self.name == event.name and (self.name is not None or self.announced == event.expected_lift)
        return alike and self.start < event.start


def taught_lift(event: Event, lessons: Sequence[Lesson]) -> float:
    """The announced lift blended with what past events of its kind did; `lessons` are those of its target.

    The announced one weighs as much as one past event: after one it counts half, after two a third. Of the newest eight
    the median counts; the result stays within a factor of four of what was announced and within 1..100.
    """
    past = sorted((lesson for lesson in lessons if lesson.is_about(event)), key=lambda lesson: lesson.start)
    if not past:
        return event.expected_lift
    newest = past[-_MOST_LESSONS:]
    own = 1 / (1 + len(newest))
    lift = own * event.expected_lift + (1 - own) * statistics.median(lesson.lift for lesson in newest)
    near = min(max(lift, event.expected_lift / _FARTHEST), event.expected_lift * _FARTHEST)
    return min(max(near, LEAST_LIFT), MOST_LIFT)


def highest_lift(events: Sequence[Event], now: float, lead: float, lessons: Sequence[Lesson] = ()) -> float:
    """The highest lift from `now` until `lead` seconds on; what is on at the same moment multiplies, 1 is none."""
    near = [event for event in events if event.start <= now + lead and now < event.end]
    taught = [replace(event, expected_lift=taught_lift(event, lessons)) for event in near]
    moments = [now, *(event.start for event in taught if now < event.start)]
    return max(math.prod(e.expected_lift for e in taught if e.is_active(moment)) for moment in moments)


def day_shifts(zone: str, end: float, step: float, day: float = DAY_SECONDS) -> tuple[int, ...]:
    """Where the same wall time of the past seven days lies on a grid that knows no clock changes.

    The same wall time `k + 1` days before the column `t` is the column ``t - (k + 1) * day_columns + shifts[k]``. A shift is
    positive where clocks went forward in between: those days were shorter. In Berlin they did on 2026-03-29 at 02:00; at
    10:00 on 30 March and in steps of 300 s the shifts are ``(0, 12, 12, 12, 12, 12, 12)``, as 10:00 on 28 March was 47 hours
    before. A week after 2026-10-25, when they went back, one is -12. Lord Howe moves by half an hour: 6.

    Args:
        zone: an IANA time zone.
        end: UNIX seconds of the column that is looked back from.
        step: seconds between columns; a shift is rounded to it.
        day: seconds of the daily season; other than a day's (a trace replayed at speed) has no wall time: no shifts.
    """
    if day != DAY_SECONDS or zone == "UTC":
        return (0,) * PAST_DAYS
    now = datetime.fromtimestamp(end, ZoneInfo(zone))
    # arithmetic within one zone is the wall's: the same time of another date, with that date's offset
    offsets = [
        _offset(now) - _offset((now - timedelta(days=k)).replace(fold=0)) for k in range(1, PAST_DAYS + 1)
    ]
    return tuple(round(offset / step) for offset in offsets)


def unlike_days(zone: str, place: str, at: float) -> tuple[bool, ...]:
    """Which of the past seven days were of another kind than the day of `at`: `[k]` is `k + 1` days before.

    On a holiday only past Sundays and holidays are alike. On any other day but a Sunday past holidays are not, unless they
    fell on a Sunday, when they were like any other. All seven may be unlike.

    Args:
        zone: an IANA time zone.
        place: whose holidays, as `holidays_of` takes it.
        at: UNIX seconds of a moment in that day.
    """
    today = datetime.fromtimestamp(at, ZoneInfo(zone)).date()
    past = [today - timedelta(days=k) for k in range(1, PAST_DAYS + 1)]
    holidays = frozenset[date]().union(*(holidays_of(place, year) for year in {today.year, past[-1].year}))
    if today.weekday() == _SUNDAY:
        return (False,) * PAST_DAYS
    if today in holidays:
        return tuple(d not in holidays and d.weekday() != _SUNDAY for d in past)
    return tuple(d in holidays and d.weekday() != _SUNDAY for d in past)


@cache
def holidays_of(place: str, year: int) -> frozenset[date]:
    """The public holidays of a country, `DE`, or of a part of it, `DE-BY`, in one year.

    Raises:
        NotImplementedError: the place is not known; the doors refuse it.
    """
    from holidays import country_holidays  # noqa: PLC0415 - it takes a tenth of a second, and most fleets have none

    country, _, part = place.partition("-")
    return frozenset(country_holidays(country, subdiv=part or None, years=year, expand=False))


def _offset(moment: datetime) -> float:
    """Seconds of wall time ahead of UTC."""
    offset = moment.utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def _last(expression: str, now: float, timezone: str) -> float:
    """UNIX seconds of the last firing at or before `now`; -inf if the library finds none in its fifty years.

    Sought from some way ahead, as a clock change makes wall times run back: in the hour that is repeated, cron's
    firings belong to the first pass.
    """
    ahead = datetime.fromtimestamp(now, ZoneInfo(timezone)) + _CLOCK_CHANGE
    firings = (firing.timestamp() for firing in CronSim(expression, ahead, reverse=True))
    return next((at for at in firings if at <= now), -math.inf)
