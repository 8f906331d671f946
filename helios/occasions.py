"""Schedules and announced events as a user writes them, and what a wall time is in UNIX seconds.

Parts of a target (`targets.py`). Which of them hold at a moment, and what they do to a decision, is not decided here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from helios.values import DECIMAL, Count, Cron, Moment, Strict, Zone
from scoring.calendars import Event


class ScheduleSpec(Strict):
    """A floor, a ceiling, or both, between two firings of cron."""

    start: Cron = Field(description="Cron expression of five fields: when the bounds begin to hold.")
    end: Cron = Field(
        description="Cron expression of five fields: when they end. Where both fire at once, the end counts."
    )
    timezone: Zone | None = Field(
        None, description="IANA time zone of start and end. Without it: the target's timezone."
    )
    min: Count | None = Field(None, description="Floor while it holds; cut to replicas.max.")
    max: Count | None = Field(None, description="Ceiling while it holds. Against a floor the ceiling wins.")

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("a schedule needs min, max, or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class EventSpec(Strict):
    """An announced event; wall times without an offset are in `timezone`."""

    start: Moment = Field(
        description="When it begins: 2026-11-27T00:00:00 is wall time in timezone, with Z or an offset it is exact."
    )
    end: Moment = Field(description="When it ends; written in the same way as start.")
    timezone: Zone | None = Field(
        None, description="IANA time zone of wall times. Without it: the target's timezone."
    )
    expected_lift: str = Field(
        max_length=19,
        pattern=DECIMAL,
        description='How many times the usual demand is expected: "2.5"; 1 to 100.',
    )
    name: Annotated[str, Field(min_length=1, max_length=63)] | None = Field(
        None,
        description="What kind of event it is: past events of the same name teach the lift of the next. Without it: those "
        "that expect the same lift do.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.start.tzinfo is None) != (self.end.tzinfo is None):
            raise ValueError("only one of start and end has an offset: give both one, or neither")
        if self.end <= self.start:
            raise ValueError("end is not after start")
        if not 1 <= float(self.expected_lift) <= 100:
            raise ValueError(
                f"expectedLift {self.expected_lift} is outside 1..100: an expected lull needs no preparation"
            )
        return self

    def event(self, timezone: str) -> Event:
        """The event in UNIX seconds. A wall time that comes twice, or never, is read so that the event is longer."""
        zone = ZoneInfo(self.timezone or timezone)
        start, end = min(instants(self.start, zone)), max(instants(self.end, zone))
        return Event(start, end, float(self.expected_lift), self.name)


def instants(moment: datetime, zone: ZoneInfo) -> tuple[float, ...]:
    """UNIX seconds of what was written; both readings of a wall time where the clocks change."""
    if moment.tzinfo is not None:
        return (moment.timestamp(),)
    return tuple(moment.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
