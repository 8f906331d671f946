"""Schedules and events of a HeliosTarget in Berlin and New York, on the days when the clocks change there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from helios.operator.resources import HeliosTarget
from helios.targets import QueryPolicy
from scoring.policies import Fleet
from tests.operator.examples import SALE, manifest, spec

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
SPRING = {BERLIN: "2026-03-29", NEW_YORK: "2026-03-08"}
AUTUMN = {BERLIN: "2026-10-25", NEW_YORK: "2026-11-01"}
REPEATED = {BERLIN: "02:30:00", NEW_YORK: "01:30:00"}
"""A wall time that comes twice in autumn."""

both = pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])


def at(zone: str, day: str, time: str, *, fold: int = 0) -> float:
    """UNIX seconds of a wall time; `fold=1` is the second pass of a repeated hour."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def policies(now: float, lead: float = 0.0, **wishes: Any) -> tuple[float, float, float]:
    """Floor, ceiling and lift of a HeliosTarget with 2 to 10 replicas at a moment."""
    body = manifest(spec(replicas={"min": 2, "max": 10}, **wishes))
    target = HeliosTarget.of(body, fill=dict, queries=QueryPolicy.REFUSED)
    assert target.spec is not None, target.problem
    made = Fleet.of([target.spec.target(target.namespace)]).policies(now, np.array([lead], np.float32))
    return float(made.minimum[0]), float(made.maximum[0]), float(made.lift[0])


def bounds(now: float, **wishes: Any) -> tuple[float, float]:
    """Floor and ceiling."""
    return policies(now, **wishes)[:2]


def lift(now: float, event: Mapping[str, str], lead: float = 0.0) -> float:
    """The lift of one event."""
    return policies(now, lead, events=[{**SALE, **event}])[2]


@both
def test_a_schedule_without_a_zone_is_in_the_targets(zone: str) -> None:
    """And one with a zone of its own is there."""
    office = {"start": "0 8 * * *", "end": "0 18 * * *", "min": 4}
    now = at(zone, "2026-06-01", "08:00")
    assert (4, 10) == bounds(now, schedules=[office], timezone=zone)
    assert (4, 10) == bounds(now, schedules=[{**office, "timezone": zone}], timezone="Asia/Tokyo")
    assert (2, 10) == bounds(now - 1, schedules=[office], timezone=zone)


@both
@pytest.mark.parametrize("days", [SPRING, AUTUMN], ids=["spring", "autumn"])
@pytest.mark.parametrize(
    ("bound", "on"), [pytest.param("min", (5, 10), id="floor"), pytest.param("max", (2, 5), id="ceiling")]
)
def test_a_night_through_the_change_is_bounded_by_the_wall(
    zone: str, days: dict[str, str], bound: str, on: tuple[int, int]
) -> None:
    """From 00:30 until 06:00, whether five and a half hours lie between, or four and a half, or six and a half."""
    night = [{"start": "30 0 * * *", "end": "0 6 * * *", bound: 5}]
    begin, end = at(zone, days[zone], "00:30"), at(zone, days[zone], "06:00")
    assert end - begin in {4.5 * 3600, 6.5 * 3600}
    moments = (begin - 1, begin, (begin + end) / 2, end - 1, end)
    seen = [bounds(now, schedules=night, timezone=zone) for now in moments]
    assert [(2, 10), on, on, on, (2, 10)] == seen


@both
def test_a_floor_that_begins_in_the_missing_hour_holds_after_it(zone: str) -> None:
    """At 02:30 on that day no clock ever stands."""
    early = [{"start": "30 2 * * *", "end": "0 5 * * *", "min": 5}]
    assert (5, 10) == bounds(at(zone, SPRING[zone], "03:30"), schedules=early, timezone=zone)
    assert (2, 10) == bounds(at(zone, SPRING[zone], "01:59"), schedules=early, timezone=zone)


@both
def test_an_event_by_the_wall_is_as_long_as_the_day(zone: str) -> None:
    """23 hours in spring, 25 in autumn."""
    for days, hours in ((SPRING, 23), (AUTUMN, 25)):
        day = datetime.fromisoformat(days[zone])
        following = day.replace(day=day.day + 1).isoformat()
        event = {"start": day.isoformat(), "end": following, "timezone": zone}
        begin = at(zone, days[zone], "00:00")
        seen = [h for h in range(-2, 28) if lift(begin + h * 3600, event) == 2.5]
        assert list(range(hours)) == seen


@both
def test_an_event_that_starts_in_the_repeated_hour_starts_with_its_first_pass(zone: str) -> None:
    """Replicas too early cost little, too late cost what the event is for."""
    time = REPEATED[zone]
    event = {"start": f"{AUTUMN[zone]}T{time}", "end": f"{AUTUMN[zone]}T12:00:00", "timezone": zone}
    first = at(zone, AUTUMN[zone], time)
    assert [1, 2.5] == [lift(first - 1, event), lift(first, event)]


@both
def test_an_event_that_ends_in_the_repeated_hour_ends_with_its_second_pass(zone: str) -> None:
    """For the same reason."""
    time = REPEATED[zone]
    event = {"start": f"{AUTUMN[zone]}T00:00:00", "end": f"{AUTUMN[zone]}T{time}", "timezone": zone}
    second = at(zone, AUTUMN[zone], time, fold=1)
    assert [2.5, 1] == [lift(second - 1, event), lift(second, event)]


@both
@pytest.mark.parametrize(
    ("start", "end"), [("02:15:00", "02:45:00"), ("02:30:00", "03:00:00"), ("01:30:00", "02:30:00")]
)
def test_an_event_in_the_missing_hour_is_not_lost(zone: str, start: str, end: str) -> None:
    """It is on at the moment when the clocks are put forward."""
    event = {"start": f"{SPRING[zone]}T{start}", "end": f"{SPRING[zone]}T{end}", "timezone": zone}
    assert 2.5 == lift(at(zone, SPRING[zone], "03:00") - 1, event)


@both
def test_an_event_with_offsets_is_exact_in_every_zone(zone: str) -> None:
    """The target's zone does not move it."""
    event = {"start": f"{AUTUMN[zone]}T00:00:00Z", "end": f"{AUTUMN[zone]}T01:00:00+00:00", "timezone": zone}
    begin = at("UTC", AUTUMN[zone], "00:00")
    assert [1, 2.5, 2.5, 1] == [lift(begin + s, event) for s in (-1, 0, 3599, 3600)]


@both
def test_an_event_counts_from_a_lead_time_before_it_across_the_change(zone: str) -> None:
    """The lead time is in real seconds, not in those of the wall."""
    event = {"start": f"{SPRING[zone]}T03:10:00", "end": f"{SPRING[zone]}T12:00:00", "timezone": zone}
    start = at(zone, SPRING[zone], "03:10")
    assert at(zone, SPRING[zone], "01:50") == start - 1200
    assert [1, 2.5] == [lift(start - 1201, event, 1200.0), lift(start - 1200, event, 1200.0)]


@pytest.mark.parametrize(("zone", "expected"), [(BERLIN, 1774738800.0), (NEW_YORK, 1774756800.0)])
def test_a_wall_time_is_the_zones_own(zone: str, expected: float) -> None:
    """Midnight of 29 March 2026: in Berlin 23:00 UTC the day before, in New York, four weeks into summer, 04:00."""
    event = {"start": "2026-03-29T00:00:00", "end": "2026-03-29T12:00:00", "timezone": zone}
    assert [1, 2.5] == [lift(expected - 1, event), lift(expected, event)]
