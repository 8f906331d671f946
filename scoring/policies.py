"""What each target wants: one value per target for people, the same as arrays for the fleet.

Parsed and checked at the doors (`helios.targets`); here it is trusted. Calendars are evaluated at a given `now`,
never by a clock of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from scoring.calendars import (
    DAY_SECONDS,
    PAST_DAYS,
    Event,
    Lesson,
    Schedule,
    day_shifts,
    highest_lift,
    unlike_days,
)
from scoring.panels import Bools, Floats, Series, Stretch

LONGEST_COVERED = 3 * DAY_SECONDS
"""A longer event stays in profiles and training: of a week it would leave too little to learn from."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A demand of a target.

    Attributes:
        name: `cpu`, `memory`, or a name of the target's own.
        query: PromQL of total demand (one element), or None for the well-known recipe.
        per_replica: what one replica serves at 100 %, in the query's unit; None: the pods' request.
        drives: whether replicas are decided on it.
    """

    name: str
    query: str | None = None
    per_replica: float | None = None
    drives: bool = True


@dataclass(frozen=True, slots=True)
class StepLimit:
    """At most so many replicas per cycle: the larger of `pods` and `percent` of the current count (as the HPA's Max).

    A percentage is rounded up. Without either there is no limit; 0 in one and nothing in the other lets none through.
    """

    pods: int | None = None
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far Autoscale may depart from the reactive decision: a share of it at first, and how much is added how often."""

    start: float = 0.2
    step: float = 0.2
    every: float = DAY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One workload and what is wanted for it; utilisations are ratios, times are seconds.

    `model` is the name of a forecaster; `holidays` is whose public holidays count, a country or a part of it (`DE`, `DE-BY`).

    Until `muted_until` (UNIX seconds) nothing of this target raises an alarm; an anomaly whose onset is not later than
    `acknowledged` (UNIX seconds) raises none either. Both leave scores and decisions as they are.
    """

    namespace: str
    deployment: str
    kind: str = "Deployment"
    mode: str = "Observe"
    metrics: tuple[Metric, ...] = (Metric("cpu"),)
    min_replicas: int = 1
    max_replicas: int = 10
    max_utilization: float = 0.90
    reactive_utilization: float = 0.70
    guard_utilization: float = 0.80
    quantile: float = 0.98
    lead_seconds: float | None = None
    horizons: tuple[int, ...] = (300, 1800)
    anomaly_threshold: float = 2.5
    muted_until: float | None = None
    acknowledged: float | None = None
    cooldown_seconds: float = 300.0
    freeze_max_seconds: float = 3600.0
    scale_up: StepLimit = StepLimit()
    scale_down: StepLimit = StepLimit()
    rollout: Rollout | None = None
    schedules: tuple[Schedule, ...] = ()
    events: tuple[Event, ...] = ()
    timezone: str = "UTC"
    model: str = "auto"
    holidays: str | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """`(namespace, deployment, kind)`."""
        return self.namespace, self.deployment, self.kind

    def followed(self) -> tuple[Metric, ...]:
        """The metrics that are forecast: the target's own and always cpu and memory, which are published."""
        named = {metric.name for metric in self.metrics}
        extra = tuple(Metric(name, drives=False) for name in ("cpu", "memory") if name not in named)
        return self.metrics + extra


@dataclass(frozen=True)
class Fleet:
    """All targets as arrays. Rows of `series` are grouped by target, its own metrics first.

    Two targets on one `(namespace, deployment)` would collide in every gauge: the first wins, the others are
    named in `conflicts` and not scored.
    """

    targets: tuple[Target, ...]
    conflicts: tuple[Target, ...] = field(default=())

    @classmethod
    def of(cls, targets: Sequence[Target]) -> Fleet:
        """The fleet of these targets, the older first."""
        kept: dict[tuple[str, str], Target] = {}
        lost = tuple(t for t in targets if kept.setdefault((t.namespace, t.deployment), t) is not t)
        return cls(tuple(kept.values()), lost)

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def index(self) -> dict[tuple[str, str], int]:
        """`(namespace, deployment)` -> row of the target."""
        return {(t.namespace, t.deployment): i for i, t in enumerate(self.targets)}

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The metric of every series row."""
        return tuple(chain.from_iterable(target.followed() for target in self.targets))

    @cached_property
    def series(self) -> tuple[Series, ...]:
        """The identity of every series row."""
        return tuple(
            Series(t.namespace, t.deployment, m.name, t.kind, m.query)
            for t in self.targets
            for m in t.followed()
        )

    @cached_property
    def first_row(self) -> NDArray[np.intp]:
        """First series row of each target and, last, the number of rows: `[targets + 1]`."""
        counts = [len(target.followed()) for target in self.targets]
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)

    @cached_property
    def owner(self) -> NDArray[np.intp]:
        """The target of every series row, `[series]`."""
        return np.repeat(np.arange(len(self.targets)), np.diff(self.first_row))

    @cached_property
    def row_of(self) -> NDArray[np.intp]:
        """Series rows of each target, padded with -1: `[targets, most metrics]`."""
        counts = np.diff(self.first_row)
        wide = int(counts.max(initial=2))
        columns = np.arange(wide)
        rows: NDArray[np.intp] = np.where(
            columns < counts[:, None], self.first_row[:-1, None] + columns, -1
        ).astype(np.intp)
        return rows

    @cached_property
    def horizons(self) -> tuple[int, ...]:
        """Every horizon that some target asks for, in seconds, ascending."""
        return tuple(sorted({h for target in self.targets for h in target.horizons}))

    @cached_property
    def drives(self) -> Bools:
        """Which series rows replicas are decided on, `[series]`."""
        return np.array([metric.drives for metric in self.metrics], np.bool_)

    @cached_property
    def acts(self) -> Bools:
        """Whose decisions scale the workload, `[targets]`."""
        return np.array([target.mode == "Autoscale" for target in self.targets], np.bool_)

    @cached_property
    def rollouts(self) -> NDArray[np.float64]:
        """How Autoscale is rolled out, `[targets, (start, step, every)]`; NaN where it is not."""
        rows = [(w.start, w.step, w.every) if (w := t.rollout) else (np.nan,) * 3 for t in self.targets]
        return np.array(rows, np.float64).reshape(-1, 3)

    @cached_property
    def is_memory(self) -> Bools:
        """Which series rows are memory, `[series]`."""
        return np.array([metric.name == "memory" for metric in self.metrics], np.bool_)

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The forecaster that every series row asks for, by name."""
        return tuple(chain.from_iterable([t.model] * len(t.followed()) for t in self.targets))

    @cached_property
    def per_replica(self) -> Floats:
        """What one replica serves where the target says so, else NaN: `[series]`."""
        return np.array(
            [np.nan if m.per_replica is None else m.per_replica for m in self.metrics], np.float32
        )

    def floats(self, name: str) -> Floats:
        """One numeric wish of every target, None as NaN: `[targets]`."""
        values = [getattr(target, name) for target in self.targets]
        return np.array([np.nan if v is None else v for v in values], np.float32)

    def _moments(self, name: str) -> NDArray[np.float64]:
        """One moment of every target, None as NaN: float64, or UNIX seconds would be minutes off: `[targets]`."""
        values = [getattr(target, name) for target in self.targets]
        return np.array([np.nan if v is None else v for v in values], np.float64)

    @cached_property
    def wishes(self) -> Policies:
        """The targets' wishes as arrays, calendars aside."""
        up, down = [t.scale_up for t in self.targets], [t.scale_down for t in self.targets]
        return Policies(
            minimum=self.floats("min_replicas"),
            maximum=self.floats("max_replicas"),
            max_utilization=self.floats("max_utilization"),
            reactive_utilization=self.floats("reactive_utilization"),
            guard_utilization=self.floats("guard_utilization"),
            quantile=self.floats("quantile"),
            lead_seconds=self.floats("lead_seconds"),
            threshold=self.floats("anomaly_threshold"),
            cooldown=self.floats("cooldown_seconds"),
            freeze_max=self.floats("freeze_max_seconds"),
            up=_limits(up),
            down=_limits(down),
            lift=np.ones(len(self.targets), np.float32),
            muted=np.zeros(len(self.targets), np.bool_),
            acknowledged=self._moments("acknowledged"),
        )

    def policies(self, now: float, lead: Floats, taught: Iterable[Lesson] = ()) -> Policies:
        """The targets' wishes at `now`, floors, ceilings and lifts of their calendars included.

        An announced event counts from `lead` (seconds, `[targets]`) before its start, so that pods are ready. What past
        events did (`scoring.lifts.learned`) is blended with what is announced. Of a floor and a ceiling that contradict
        each other the ceiling wins.
        """
        wishes = replace(self.wishes, muted=self.muted(now))
        if not self._calendar_rows:
            return wishes
        lessons = _by_target(taught)
        minimum, maximum, lift = wishes.minimum.copy(), wishes.maximum.copy(), wishes.lift.copy()
        for row in self._calendar_rows:  # only the few targets that have a calendar
            target = self.targets[row]
            for schedule in target.schedules:
                if schedule.is_active(now):
                    minimum[row] = max(minimum[row], schedule.minimum or 0)
                    maximum[row] = min(maximum[row], np.inf if schedule.maximum is None else schedule.maximum)
            known = lessons.get((target.namespace, target.deployment), ())
            lift[row] = highest_lift(target.events, now, float(lead[row]), known)
        return replace(wishes, minimum=np.minimum(minimum, maximum), maximum=maximum, lift=lift)

    def muted(self, now: float) -> Bools:
        """Whose anomalies raise no alarm at `now`: a user muted them, or an announced event is on: `[targets]`."""
        muted: Bools = self._muted_until > now  # never where it is NaN
        for row in self.eventful:
            muted[row] |= any(event.is_active(now) for event in self.targets[row].events)
        return muted

    def shifts(self, now: float, step: float, day: float = DAY_SECONDS) -> NDArray[np.int32] | None:
        """`scoring.calendars.day_shifts` of every series row, `[series, 7]`; None where nobody's clocks have changed."""
        zones, of_row = self._zones
        table = np.array([day_shifts(zone, now, step, day) for zone in zones], np.int32)
        return table[of_row] if table.any() else None

    def unlike(self, at: float, day: float = DAY_SECONDS) -> Bools | None:
        """Which past days tell nothing of the moment `at`, as they were of another kind: `[series, 7]`, or None for none.

        `[row, k]` is `k + 1` days before. One was a holiday and this day is not, or the other way round
        (`scoring.calendars.unlike_days`); or it was, at that time, in an announced event. There is no wall time where `day`
        is another than a day's (a trace replayed at speed), and then there are no holidays.
        """
        unlike = np.zeros((len(self), PAST_DAYS), np.bool_)
        if day == DAY_SECONDS:
            for (zone, place), rows in self._holidays.items():
                unlike[rows] = unlike_days(zone, place, at)
        for row, event in self._covered():
            then = at - day * np.arange(1, PAST_DAYS + 1)
            unlike[row] |= (event.start <= then) & (then < event.end)
        return unlike[self.owner] if unlike.any() else None

    def stretches(self, now: float) -> tuple[Stretch, ...]:
        """The announced events that have begun by `now`, for `MetricsStream.cover`: nobody learns ordinary days from them."""
        first = self.first_row
        return tuple(
            Stretch(slice(int(first[row]), int(first[row + 1])), event.start, event.end)
            for row, event in self._covered()
            if event.start <= now
        )

    def _covered(self) -> Iterator[tuple[int, Event]]:
        """The announced events that are no ordinary days, each with the row of its target."""
        return (
            (row, event)
            for row in self.eventful
            for event in self.targets[row].events
            if event.end - event.start <= LONGEST_COVERED
        )

    @cached_property
    def eventful(self) -> tuple[int, ...]:
        """The targets that announce events."""
        return tuple(i for i, target in enumerate(self.targets) if target.events)

    @cached_property
    def _muted_until(self) -> NDArray[np.float64]:
        """UNIX seconds, NaN for no mute: `[targets]`."""
        return self._moments("muted_until")

    @cached_property
    def _calendar_rows(self) -> tuple[int, ...]:
        return tuple(i for i, t in enumerate(self.targets) if t.schedules or t.events)

    @cached_property
    def _zones(self) -> tuple[tuple[str, ...], NDArray[np.intp]]:
        """The distinct time zones, and for every series row which of them is its own."""
        place: dict[str, int] = {}
        of_target = [place.setdefault(target.timezone, len(place)) for target in self.targets]
        return tuple(place), np.array(of_target, np.intp)[self.owner]

    @cached_property
    def _holidays(self) -> Mapping[tuple[str, str], list[int]]:
        """The targets that keep holidays, by time zone and place."""
        rows = defaultdict(list)
        for i, target in enumerate(self.targets):
            if target.holidays is not None:
                rows[target.timezone, target.holidays].append(i)
        return rows


@dataclass(frozen=True, slots=True)
class Policies:
    """Every wish as float32 `[targets]`; NaN in `lead_seconds` means learned; `up`, `down` are `[targets, (pods, percent)]`.

    Attributes:
        muted: whose anomalies raise no alarm at this moment; of the wishes alone, calendars and clock aside, nobody's.
        acknowledged: UNIX seconds, float64: an anomaly that began no later raises no alarm; NaN for none.
    """

    minimum: Floats
    maximum: Floats
    max_utilization: Floats
    reactive_utilization: Floats
    guard_utilization: Floats
    quantile: Floats
    lead_seconds: Floats
    threshold: Floats
    cooldown: Floats
    freeze_max: Floats
    up: Floats
    down: Floats
    lift: Floats
    muted: Bools
    acknowledged: NDArray[np.float64]


def _by_target(lessons: Iterable[Lesson]) -> Mapping[tuple[str, str], list[Lesson]]:
    """The lessons of each target, by namespace and deployment."""
    by_target = defaultdict(list)
    for lesson in lessons:
        by_target[lesson.namespace, lesson.deployment].append(lesson)
    return by_target


def _limits(limits: Sequence[StepLimit]) -> Floats:
    """Step limits as `[targets, (pods, percent)]`; without any limit both are infinite."""
    rows = []
    for limit in limits:
        if limit.pods is None and limit.percent is None:
            rows.append((np.inf, np.inf))
        else:
            rows.append((limit.pods or 0, limit.percent or 0))
    return np.array(rows, np.float32).reshape(-1, 2)
