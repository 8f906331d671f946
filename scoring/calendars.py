"""Floors, ceilings and announced events in the wall time of a place.

A schedule's `start` and `end` are cron expressions in an IANA time zone, as KEDA's cron trigger has them; daylight
saving is the library's (`cronsim` follows Debian's cron). Nothing here reads a clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

_CLOCK_CHANGE = timedelta(hours=3)
"""More than any clock change moves the wall's time, and a second more than now."""


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
    """An announced event: from `start` until `end` (UNIX seconds) demand is `expected_lift` times what it was before."""

    start: float
    end: float
    expected_lift: float

    def is_active(self, now: float) -> bool:
        """Whether the event is on at `now`."""
        return self.start <= now < self.end


def highest_lift(events: Sequence[Event], now: float, lead: float) -> float:
    """The highest lift from `now` until `lead` seconds on; what is on at the same moment multiplies, 1 is none."""
    moments = [now, *(event.start for event in events if now < event.start <= now + lead)]
    return max(math.prod(e.expected_lift for e in events if e.is_active(moment)) for moment in moments)


def _last(expression: str, now: float, timezone: str) -> float:
    """UNIX seconds of the last firing at or before `now`; -inf if the library finds none in its fifty years.

    Sought from some way ahead, as a clock change makes wall times run back: in the hour that is repeated, cron's
    firings belong to the first pass.
    """
    ahead = datetime.fromtimestamp(now, ZoneInfo(timezone)) + _CLOCK_CHANGE
    firings = (firing.timestamp() for firing in CronSim(expression, ahead, reverse=True))
    return next((at for at in firings if at <= now), -math.inf)
