"""A target as a user writes it: the same keys in a file's `targets` list as in a HeliosTarget's `spec`.

Parsed and checked here once; behind this door it is a `scoring.policies.Target`. Durations are seconds, utilisations integer
percent, fractions quantity strings, as Kubernetes has them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from scoring.calendars import Event, Schedule
from scoring.forecasting.forecasts import LEVELS
from scoring.policies import Metric, StepLimit, Target

WELL_KNOWN = ("cpu", "memory")


def _cron(expression: str) -> str:
    try:
        CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(
            f"is not a cron expression of five fields such as '0 8 * * 1-5' ({error})"
        ) from error
    return expression


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is not an IANA time zone such as Europe/Berlin")
    return name


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Cron = Annotated[str, AfterValidator(_cron)]
Zone = Annotated[str, AfterValidator(_zone)]
Percent = Annotated[int, Field(ge=1, le=100)]
Name = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


class Strict(BaseModel):
    """Unknown keys are refused; names are camelCase as Kubernetes has them."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class Replicas(Strict):
    """Bounds that no recommendation leaves."""

    min: Annotated[int, Field(ge=1, le=100_000)] = 1
    max: Annotated[int, Field(ge=1, le=100_000)] = 10

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: swap them or raise max")
        return self


class MetricSpec(Strict):
    """A demand that replicas are decided on."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
    query: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    per_replica: Annotated[float, Field(gt=0, lt=1e15, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if self.name not in WELL_KNOWN and (self.query is None or self.per_replica is None):
            raise ValueError(
                f"metric {self.name} is neither cpu nor memory: give its query (PromQL of total demand, one "
                "element) and perReplica (what one replica serves at 100 %)"
            )
        return self


class Utilization(Strict):
    """The line not to be crossed, and the ordinary HPA figure; integer percent."""

    max: Percent = 90
    reactive: Percent = 70


class ForecastSpec(Strict):
    """How demand is forecast."""

    model: Literal["auto", "baseline"] = "auto"
    horizons: Annotated[
        tuple[Annotated[int, Field(ge=60, le=86_400)], ...], Field(min_length=1, max_length=8)
    ] = (300, 1800)
    quantile: Annotated[str, Field(pattern=r"^0?\.\d+$")] = "0.98"
    lead_time_seconds: Annotated[int, Field(ge=1, le=3600)] | None = None

    @model_validator(mode="after")
    def _forecastable(self) -> Self:
        if not LEVELS[0] <= float(self.quantile) <= LEVELS[-1]:
            raise ValueError(f"quantile {self.quantile} is outside {LEVELS[0]}..{LEVELS[-1]}")
        return self


class AnomalySpec(Strict):
    """From which score, in sigmas, a target counts as abnormal."""

    threshold: Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")] = "2.5"


class StepLimitSpec(Strict):
    """At most so many replicas per cycle: the larger of the two; neither means no limit."""

    pods: Annotated[int, Field(ge=1, le=100_000)] | None = None
    percent: Annotated[int, Field(ge=1, le=10_000)] | None = None


class Behavior(Strict):
    """How fast replicas may follow."""

    scale_up: StepLimitSpec = StepLimitSpec()
    scale_down: StepLimitSpec = StepLimitSpec()
    cooldown_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    freeze_max_seconds: Annotated[int, Field(ge=0, le=86_400)] = 3600


class ScheduleSpec(Strict):
    """A floor, a ceiling, or both, between two firings of cron."""

    start: Cron
    end: Cron
    timezone: Zone | None = None
    min: Annotated[int, Field(ge=1)] | None = None
    max: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("a schedule needs min, max, or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class EventSpec(Strict):
    """An announced event; wall times without an offset are in `timezone`."""

    start: datetime
    end: datetime
    timezone: Zone | None = None
    expected_lift: Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")]

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.end.replace(tzinfo=None) <= self.start.replace(tzinfo=None):
            raise ValueError("end is not after start")
        if not 1 <= float(self.expected_lift) <= 100:
            raise ValueError(
                f"expectedLift {self.expected_lift} is outside 1..100: an expected lull needs no preparation"
            )
        return self


class TargetSpec(Strict):
    """One workload and what is wanted for it."""

    namespace: Name
    deployment: Name
    kind: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$")] = "Deployment"
    mode: Literal["Observe", "Recommend", "Autoscale"] = "Observe"
    replicas: Replicas = Replicas()
    metrics: Annotated[
        tuple[Annotated[MetricSpec, BeforeValidator(_named)], ...], Field(min_length=1, max_length=8)
    ] = (MetricSpec(name="cpu"),)
    utilization: Utilization = Utilization()
    forecast: ForecastSpec = ForecastSpec()
    anomaly: AnomalySpec = AnomalySpec()
    behavior: Behavior = Behavior()
    schedules: tuple[ScheduleSpec, ...] = ()
    events: tuple[EventSpec, ...] = ()
    timezone: Zone = "UTC"

    @model_validator(mode="after")
    def _metrics_are_distinct(self) -> Self:
        names = [metric.name for metric in self.metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"metric {twice[0]} is named twice")
        return self

    def target(self) -> Target:
        """The parsed wish, as the core takes it."""
        lead = self.forecast.lead_time_seconds
        return Target(
            namespace=self.namespace,
            deployment=self.deployment,
            kind=self.kind,
            mode=self.mode,
            metrics=tuple(Metric(m.name, m.query, m.per_replica) for m in self.metrics),
            min_replicas=self.replicas.min,
            max_replicas=self.replicas.max,
            max_utilization=self.utilization.max / 100,
            reactive_utilization=self.utilization.reactive / 100,
            quantile=float(self.forecast.quantile),
            lead_seconds=None if lead is None else float(lead),
            horizons=tuple(sorted(set(self.forecast.horizons))),
            anomaly_threshold=float(self.anomaly.threshold),
            cooldown_seconds=float(self.behavior.cooldown_seconds),
            freeze_max_seconds=float(self.behavior.freeze_max_seconds),
            scale_up=_limit(self.behavior.scale_up),
            scale_down=_limit(self.behavior.scale_down),
            schedules=tuple(
                Schedule(s.start, s.end, s.timezone or self.timezone, s.min, s.max) for s in self.schedules
            ),
            events=tuple(self._event(e) for e in self.events),
            timezone=self.timezone,
        )

    def _event(self, event: EventSpec) -> Event:
        zone = ZoneInfo(event.timezone or self.timezone)
        start, end = (t if t.tzinfo else t.replace(tzinfo=zone) for t in (event.start, event.end))
        return Event(start.timestamp(), end.timestamp(), float(event.expected_lift))


def _limit(spec: StepLimitSpec) -> StepLimit:
    return StepLimit(spec.pods, spec.percent)
