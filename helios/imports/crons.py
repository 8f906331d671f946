"""KEDA's cron triggers as schedules: the same hours, or none at all, but for one hour a year.

KEDA 2.21 reads an expression with robfig/cron v3 (`pkg/scalers/cron_scaler.go: Validate`; `parser.go: getRange`), Helios with
cronsim, which follows Debian's. They differ: KEDA takes `?`, a `TZ=` in front, knows no weekday 7, and reads `*/2` beside a
weekday as "or". What means the same is written so that cronsim reads it so; what does not is refused with the reason.

KEDA's trigger counts while its next firing is an end (`GetMetricsAndActivity`), a schedule of Helios while its last one was a
start. That is the same where start and end alternate, and only there.

In the hour that a clock change leaves out KEDA skips a firing and holds its state until the next one, Helios fires right after. A
schedule that begins or ends in that hour is copied all the same: it is what was meant, and the trigger itself stays with KEDA.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from heapq import merge
from itertools import groupby, islice, pairwise, takewhile
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError

_DAYS = {name: i for i, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_MONTHS = {
    name: i + 1
    for i, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split())  # noqa: SIM905 - twelve words
}
_FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_ZONED = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.*)", re.DOTALL)
_ALIKE = re.compile(r"[A-Za-z0-9-]+(?:,[A-Za-z0-9-]+)*")
"""Days that both read alike; a step may run into cronsim's weekday 7, and a star is more than its days."""
_ALIKE_WITH_STEPS = re.compile(r"(?:[A-Za-z0-9-]+|\*/[0-9]+)(?:,(?:[A-Za-z0-9-]+|\*/[0-9]+))*")
_LONGEST = 100
"""Characters of an expression that a HeliosTarget takes."""
_FROM = datetime(2026, 1, 1, tzinfo=UTC)
_SPAN = timedelta(days=366)
_MOST_FIRINGS = 3_000
"""Twice a day for four years: whoever alternates so long alternates."""


class CronRefusedError(ValueError):
    """KEDA refuses the expression as well; the message says why."""


class CronDiffersError(ValueError):
    """KEDA reads it, and means something that a schedule does not; the message says what."""


@dataclass(frozen=True, slots=True)
class Hours:
    """When a trigger counts, in words that cronsim reads as KEDA reads its own."""

    start: str
    end: str
    timezone: str


def hours(start: str, end: str, timezone: str) -> Hours:
    """The hours of a cron trigger.

    Raises:
        CronRefusedError: KEDA would not take it.
        CronDiffersError: KEDA takes it, and no schedule of Helios means the same.
    """
    start, end, timezone = (text.strip() for text in (start, end, timezone))
    (first, zone), (last, other) = _expression(start, timezone), _expression(end, timezone)
    if start == end:
        raise CronRefusedError("start and end are the same")
    if max(len(first), len(last)) > _LONGEST:
        raise CronDiffersError(f"it takes more than {_LONGEST} characters to write")
    if "Local" in (zone, other):
        raise CronDiffersError("Local is the clock of KEDA's own pod: name its time zone, mostly UTC")
    if zone != other:
        raise CronDiffersError(f"start is in {zone} and end in {other}")
    if zone not in _zones():
        raise CronRefusedError(f"{zone} is no IANA time zone")
    _alternate(first, last)
    return Hours(first, last, zone)


def _expression(text: str, timezone: str) -> tuple[str, str]:
    """An expression as cronsim reads it, and its time zone."""
    zoned = _ZONED.fullmatch(text)
    zone, rest = (zoned[1], zoned[2]) if zoned else (timezone, text)
    parts = rest.split()
    if len(parts) != len(_FIELDS):
        raise CronRefusedError(f"{text!r} has not five fields")
    return " ".join(_field(part, *field) for part, field in zip(parts, _FIELDS, strict=True)), zone


def _field(text: str, name: str, least: int, most: int, names: Mapping[str, int]) -> str:
    """One field, its values spelled out where the two would read it differently.

    A field counts as a star where a part of it is `*` or `?` without a step: beside such a one days must match both ways.
    """
    values: set[int] = set()
    star = False
    for part in filter(None, text.split(",")):
        found, starred = _range(part, name, least, most, names)
        values |= found
        star |= starred
    if not values:
        raise CronRefusedError(f"{name} {text!r} names nothing")
    if star:
        return "*"
    alike = _ALIKE if "day" in name else _ALIKE_WITH_STEPS
    return text if alike.fullmatch(text) else _listed(values)


def _range(text: str, name: str, least: int, most: int, names: Mapping[str, int]) -> tuple[set[int], bool]:
    """`number | number-number [/number]`; whether it is a star."""

    def number(word: str, known: Mapping[str, int] = names) -> int:
        if word.lower() in known:
            return known[word.lower()]
        if not re.fullmatch(r"\+?[0-9]{1,9}", word, re.ASCII):
            raise CronRefusedError(f"{name} {text!r} is no number or name")
        return int(word)

    body, *steps = text.split("/")
    low, *highs = body.split("-")
    if len(steps) > 1 or (len(highs) > 1 and low not in ("*", "?")):
        raise CronRefusedError(f"{name} {text!r} has too many parts")
    step = number(steps[0], {}) if steps else 1
    if low in ("*", "?"):
        first, last = least, most
    else:
        first = number(low)
        last = number(highs[0]) if highs else (most if steps else first)
    if not (least <= first <= last <= most and step > 0):
        raise CronRefusedError(f"{name} {text!r} is outside {least} to {most}")
    return set(range(first, last + 1, step)), low in ("*", "?") and step == 1


def _listed(values: set[int]) -> str:
    """`1-5,7`."""
    runs = []
    for _, run in groupby(enumerate(sorted(values)), lambda one: one[1] - one[0]):
        found = [value for _, value in run]
        runs.append(str(found[0]) if len(found) == 1 else f"{found[0]}-{found[-1]}")
    return ",".join(runs)


@cache
def _zones() -> frozenset[str]:
    """Once per process, as it walks a folder."""
    return frozenset(available_timezones())


@cache
def _alternate(start: str, end: str) -> None:
    """Hold that start and end take turns, over a year or as many firings as say enough.

    Raises:
        CronDiffersError: they do not, or one of them never fires.
    """
    (first, days), (last, others) = _split(start), _split(end)
    if (
        days == others
        and first != last
        and None not in (first, last)
        and next(_firings(start, "start"), None)
    ):
        return  # once each on the same days: nothing to walk through
    both = merge(_firings(start, "start"), _firings(end, "end"))
    events = list(islice(both, _MOST_FIRINGS))
    if {"start", "end"} != {kind for _, kind in events}:
        raise CronDiffersError("start or end does not fire within a year")
    for (at, kind), (later, other) in pairwise(events):
        if at == later:
            raise CronDiffersError(f"both fire at once ({at:%A %d %B %H:%M})")
        if kind == other:
            twice = f"{at:%A %d %B %H:%M} and {later:%A %d %B %H:%M}"
            raise CronDiffersError(f"{kind} fires twice in a row ({twice})")


def _split(expression: str) -> tuple[tuple[int, int] | None, list[str]]:
    """Minute and hour where there is one a day, else None; and which days."""
    minute, hour, *days = expression.split()
    once = minute.isdecimal() and hour.isdecimal()
    return (int(minute), int(hour)) if once else None, days


def _firings(expression: str, kind: str) -> Iterator[tuple[datetime, str]]:
    """Of a year, in wall time, as the zone is the same for both."""
    try:
        found = CronSim(expression, _FROM)
    except CronSimError as error:
        raise CronDiffersError(f"{expression!r} never fires ({error})") from error
    return ((at, kind) for at in takewhile(lambda at: at < _FROM + _SPAN, found))
