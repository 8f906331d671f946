"""A target as a user writes it: the same keys in a file's `targets` list as in a HeliosTarget's `spec`.

Parsed and checked here once; behind this door it is a `scoring.policies.Target`. Durations are seconds, utilisations integer
percent, fractions quantity strings, as Kubernetes has them. Every field's description is what `kubectl explain` and
docs/heliostarget.md say of it. What a field means for a decision is not decided here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from helios.occasions import EventSpec, ScheduleSpec, instants
from helios.values import (
    DECIMAL,
    LONGEST_QUERY,
    Count,
    ForecasterName,
    HolidayPlace,
    Moment,
    PerReplica,
    Strict,
    Zone,
)
from scoring.anomalies.sigmas import LEAST_PER_WEEK, MOST_PER_WEEK, threshold_of
from scoring.calendars import Schedule
from scoring.forecasting.forecasts import LEVELS
from scoring.policies import Metric, Rollout, StepLimit, Target

WELL_KNOWN = ("cpu", "memory")

Percent = Annotated[int, Field(ge=1, le=100)]
Name = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


class QueryPolicy(StrEnum):
    """Whether a HeliosTarget may bring PromQL of its own, which runs with the operator's credentials."""

    REFUSED = "refused"
    OWN_NAMESPACE = "own-namespace"
    """Every selector must name the target's own namespace."""
    ANY = "any"


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _written(value: object) -> object:
    """A number as a quantity string: a file's reader has made a number of what stands there without quotes."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Replicas(Strict):
    """Bounds that no recommendation leaves."""

    min: Count = Field(
        1, description="Never fewer. Without it the operator's setting scaling.min_replicas counts."
    )
    max: Count = Field(
        10, description="Never more. Without it the operator's setting scaling.max_replicas counts."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: swap them or raise max")
        return self


class MetricSpec(Strict):
    """A demand that replicas are decided on."""

    name: str = Field(
        min_length=1,
        max_length=63,
        pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$",
        description="cpu, memory, or a name of your own, which then needs query and perReplica.",
    )
    query: Annotated[str, Field(min_length=1, max_length=LONGEST_QUERY)] | None = Field(
        None,
        description="PromQL of total demand, one element. What it may ask is the operator's setting "
        "operator.custom_queries.",
    )
    per_replica: PerReplica | None = Field(
        None,
        description='What one replica serves at 100 %, in the unit of the query: a quantity such as "50", "0.5" or '
        '"250m". Without it: the request of the pods.',
    )

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

    max: Percent = Field(
        90, description="With a forecast that has skill: the line that predicted demand must not cross."
    )
    reactive: Percent = Field(70, description="Without one: the utilization that replicas are sized for.")


class ForecastSpec(Strict):
    """How demand is forecast."""

    model: ForecasterName = Field(
        "auto",
        description="Which forecaster: auto weighs several by how they do, for each series and horizon. Others are baseline, "
        "holt-winters, xgboost, prophet (an extra) and those of installed plug-ins.",
    )
    horizons: Annotated[
        tuple[Annotated[int, Field(ge=60, le=86_400)], ...], Field(min_length=1, max_length=8)
    ] = Field((300, 1800), description="How far ahead predictions are published; seconds.")
    quantile: str = Field(
        "0.98",
        max_length=12,
        pattern=r"^0?\.[0-9]+$",
        description="Which quantile of the highest demand over the lead time replicas are decided on: the margin.",
    )
    lead_time_seconds: Annotated[int, Field(ge=1, le=3600)] | None = Field(
        None,
        description="How long a decision takes to become ready pods. Without it: learned from the pods.",
    )

    @model_validator(mode="after")
    def _forecastable(self) -> Self:
        if not LEVELS[0] <= float(self.quantile) <= LEVELS[-1]:
            raise ValueError(f"quantile {self.quantile} is outside {LEVELS[0]}..{LEVELS[-1]}")
        return self


class AnomalySpec(Strict):
    """From which score, in sigmas, a target counts as abnormal, and until when that alarms nobody."""

    threshold: Annotated[str, BeforeValidator(_written)] = Field(
        "2.5",
        max_length=19,
        pattern=DECIMAL,
        description="From which score, in sigmas, the target counts as abnormal; 2.5 is about one alarm a week. Without it "
        "and alarmsPerWeek the operator's setting thresholds.anomaly_sigma counts.",
    )
    alarms_per_week: (
        Annotated[str, BeforeValidator(_written), Field(max_length=19, pattern=DECIMAL)] | None
    ) = Field(
        None,
        description='The same in words of a week: about how many alarms are wanted, "1" or "0.2"; 0.001 to 40. In place '
        "of threshold.",
    )
    muted_until: Moment | None = Field(
        None,
        description="Until then nothing raises an alarm; scores and decisions stay as they are. Written as an event's "
        "start is: wall time in the target's timezone, or exact.",
    )

    @model_validator(mode="after")
    def _detectable(self) -> Self:
        if not 0 < float(self.threshold) <= 100:
            raise ValueError(f"threshold {self.threshold} is outside 0..100: 2.5 is about one alarm a week")
        if self.alarms_per_week is None:
            return self
        if "threshold" in self.model_fields_set:
            raise ValueError(
                f"threshold {self.threshold} and alarmsPerWeek {self.alarms_per_week} are both given: they say the "
                "same thing in two ways, so remove one"
            )
        if not LEAST_PER_WEEK <= float(self.alarms_per_week) <= MOST_PER_WEEK:
            raise ValueError(
                f"alarmsPerWeek {self.alarms_per_week} is outside {LEAST_PER_WEEK:g}..{MOST_PER_WEEK:g}: "
                "1 is the default, 0.2 one in five weeks"
            )
        return self

    def sigmas(self) -> float:
        """The threshold, whichever way it was said."""
        return (
            float(self.threshold)
            if self.alarms_per_week is None
            else threshold_of(float(self.alarms_per_week))
        )


class StepLimitSpec(Strict):
    """At most so many replicas per cycle: the larger of the two; neither means no limit."""

    pods: Count | None = Field(None, description="At most so many replicas per cycle.")
    percent: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="At most so many percent of the current count per cycle, rounded up."
    )


class RolloutSpec(Strict):
    """How far Autoscale may depart from the reactive decision at first, and how that widens."""

    start_percent: Percent = Field(
        20,
        description="How far the published number may be from the reactive one when Autoscale begins, in percent of it, "
        "rounded up.",
    )
    step_percent: Percent = Field(
        20, description="How much is added each time; from 100 percent on nothing is limited."
    )
    every_seconds: Annotated[int, Field(ge=1, le=2_592_000)] = Field(
        86_400,
        description="How long the forecast must have decided for each step, in which it was not a minute more short than a "
        "reactive autoscaler, nor a quarter dearer without having been less short.",
    )


class Behavior(Strict):
    """How fast replicas may follow."""

    scale_up: StepLimitSpec = Field(
        StepLimitSpec(),
        description="Largest step up per cycle: the larger of pods and percent. Empty: no limit.",
    )
    scale_down: StepLimitSpec = Field(
        StepLimitSpec(),
        description="Largest step down per cycle: the larger of pods and percent. Empty: no limit.",
    )
    cooldown_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        300,
        description="How long a higher recommendation is held before a lower one counts. Without it the operator's "
        "setting scaling.cooldown_seconds counts.",
    )
    freeze_max_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        3600, description="How long, at most, an unexplained drop of demand forbids scaling in."
    )
    rollout: RolloutSpec | None = Field(
        None,
        description="Progressive roll-out of Autoscale: the published number stays near the reactive one at first, and may "
        "depart further as the ledger wins. Without it: no limit; {} takes the defaults.",
    )


class Wishes(Strict):
    """What is wanted for a workload, whichever it is."""

    mode: Literal["Observe", "Recommend", "Autoscale"] = Field(
        "Observe",
        description="Observe publishes and reports and touches nothing. Recommend also offers the ScaledObject, paused, "
        "where nothing else scales the workload. Autoscale lets KEDA scale on the forecast.",
    )
    replicas: Replicas = Field(Replicas(), description="Bounds that no recommendation leaves.")
    metrics: Annotated[
        tuple[Annotated[MetricSpec, BeforeValidator(_named)], ...], Field(min_length=1, max_length=8)
    ] = Field(
        (MetricSpec(name="cpu"),),
        description="The demands that replicas are decided on; the highest of them counts.",
    )
    utilization: Utilization = Field(Utilization(), description="How full replicas may be; integer percent.")
    forecast: ForecastSpec = Field(ForecastSpec(), description="How demand is forecast.")
    anomaly: AnomalySpec = Field(AnomalySpec(), description="When demand counts as abnormal.")
    behavior: Behavior = Field(Behavior(), description="How fast replicas may follow.")
    schedules: Annotated[tuple[ScheduleSpec, ...], Field(max_length=50)] = Field(
        (), description="Floors and ceilings in wall time."
    )
    events: Annotated[tuple[EventSpec, ...], Field(max_length=100)] = Field(
        (), description="Announced events that multiply demand."
    )
    timezone: Zone = Field("UTC", description="IANA time zone of schedules and events that name none.")
    holidays: HolidayPlace | None = Field(
        None,
        description="Whose public holidays the forecast knows of: a country's ISO 3166 code, DE, or with a "
        "subdivision, DE-BY. Without it: none.",
    )

    @model_validator(mode="after")
    def _metrics_are_distinct(self) -> Self:
        names = [metric.name for metric in self.metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"metric {twice[0]} is named twice")
        return self

    def _muted_until(self) -> float | None:
        """UNIX seconds; of a wall time that comes twice, or never, the later reading."""
        until = self.anomaly.muted_until
        return None if until is None else max(instants(until, ZoneInfo(self.timezone)))

    def parsed(self, namespace: str, deployment: str, kind: str, *, guard: int = 80) -> Target:
        """The wish for one workload, as the core takes it; `guard` is the reactive guard's utilization in percent."""
        lead = self.forecast.lead_time_seconds
        return Target(
            namespace=namespace,
            deployment=deployment,
            kind=kind,
            mode=self.mode,
            metrics=tuple(Metric(m.name, m.query, m.per_replica) for m in self.metrics),
            min_replicas=self.replicas.min,
            max_replicas=self.replicas.max,
            max_utilization=self.utilization.max / 100,
            reactive_utilization=self.utilization.reactive / 100,
            guard_utilization=guard / 100,
            quantile=float(self.forecast.quantile),
            lead_seconds=None if lead is None else float(lead),
            horizons=tuple(sorted(set(self.forecast.horizons))),
            anomaly_threshold=self.anomaly.sigmas(),
            muted_until=self._muted_until(),
            cooldown_seconds=float(self.behavior.cooldown_seconds),
            freeze_max_seconds=float(self.behavior.freeze_max_seconds),
            scale_up=_limit(self.behavior.scale_up),
            scale_down=_limit(self.behavior.scale_down),
            rollout=_rollout(self.behavior.rollout),
            schedules=tuple(
                Schedule(s.start, s.end, s.timezone or self.timezone, s.min, s.max) for s in self.schedules
            ),
            events=tuple(e.event(self.timezone) for e in self.events),
            timezone=self.timezone,
            model=self.forecast.model,
            holidays=self.holidays,
        )


class TargetSpec(Wishes):
    """One workload and what is wanted for it."""

    namespace: Name = Field(description="Namespace of the workload.")
    deployment: Name = Field(description="Name of the workload.")
    kind: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$")] = Field(
        "Deployment", description="Kind of the workload."
    )

    def target(self) -> Target:
        """The parsed wish, as the core takes it."""
        return self.parsed(self.namespace, self.deployment, self.kind)


def _limit(spec: StepLimitSpec) -> StepLimit:
    return StepLimit(spec.pods, spec.percent)


def _rollout(spec: RolloutSpec | None) -> Rollout | None:
    return (
        None
        if spec is None
        else Rollout(spec.start_percent / 100, spec.step_percent / 100, float(spec.every_seconds))
    )
