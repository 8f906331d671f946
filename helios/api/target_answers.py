"""The shapes of what is said of live targets, for the OpenAPI document, and how reports become them.

Times are ISO 8601. What is charted has its own: `history_answers.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from helios.api.renderings import short, short_ratio, time_of, time_or_none
from scoring.reports import (
    AnomalyReport,
    BreakerReport,
    HorizonForecast,
    LedgerReport,
    MetricReport,
    Report,
    RolloutReport,
)


class Horizon(BaseModel):
    """Demand some time ahead, P10..P90 around the median; `ratio`: of what is requested now.

    `expert`: who counts most in it; `skill`: 1 - error / persistence's error so far ahead.
    """

    horizon: str
    at: datetime
    lower: float
    median: float
    upper: float
    ratio: float | None
    expert: str | None
    skill: float | None


class TargetMetric(BaseModel):
    """One metric of a target; `needed`: points that a forecast wants; `maximum`: over the lead time, by quantile.

    `why`: in words, who forecasts each horizon and how that compares with persistence.
    """

    name: str
    unit: str
    observed: float | None
    observed_at: datetime | None
    per_replica: float | None
    utilization: float | None
    drives: bool
    points: int
    needed: int
    skill: float | None
    bias: float | None
    coverage: float | None
    horizons: list[Horizon]
    maximum: dict[str, float | None]
    why: str


class TargetFeature(BaseModel):
    """A metric's share of the anomaly score."""

    feature: str
    contribution: float


class TargetAnomaly(BaseModel):
    """`detected` is held while abnormal; `since` when it began; `text` says all of it in words.

    `expected`, `came`: of `metric`, which says most about it, at its worst, in its `unit`. `threshold`: the score from which
    an alarm is raised, which makes `alarms_per_week` of an ordinary series; `alarms`: how many there were so far.
    `muted`, `acknowledged`: it raises none. `points` of `needed`: before it is `calibrated` nothing is detected.
    """

    score: float | None
    detected: bool
    severity: str
    direction: str
    kind: str
    since: datetime | None
    peak: float | None
    metric: str | None
    unit: str | None
    expected: float | None
    came: float | None
    threshold: float
    alarms_per_week: float
    alarms: int
    muted: bool
    muted_until: datetime | None
    acknowledged: bool
    points: int
    needed: int
    calibrated: bool
    effects: list[str] = Field(description="what Helios does about it")
    text: str
    last_text: str = Field(description="the last anomaly that is over, in words")
    last_until: datetime | None
    contributions: list[TargetFeature]


class TargetLedger(BaseModel):
    """Actual against recommended over the last `seconds`."""

    seconds: float
    replica_hours_actual: float
    replica_hours_recommended: float
    short_minutes_actual: float
    short_minutes_recommended: float
    replica_hours_reactive: float | None
    short_minutes_reactive: float | None
    line: str


class TargetBreaker(BaseModel):
    """How the forecast fares against the reactive path over the last `window_seconds`; `open`: it is withdrawn for it."""

    open: bool
    losing: bool = Field(
        description="it has lost, in whatever mode; only in Autoscale it is withdrawn for it"
    )
    since: datetime | None
    cause: str
    window_seconds: float | None
    replica_hours_forecast: float | None
    replica_hours_reactive: float | None
    short_minutes_forecast: float | None
    short_minutes_reactive: float | None
    text: str


class TargetRollout(BaseModel):
    """How far Autoscale may depart from the reactive decision; `ratio` 1: as far as it likes."""

    ratio: float | None
    since: datetime | None
    reactive_replicas: int | None
    step_ratio: float | None
    every_seconds: float | None
    seen_seconds: float | None
    short_minutes_forecast: float | None
    short_minutes_reactive: float | None
    text: str


class Target(BaseModel):
    """The latest report of one target."""

    namespace: str
    deployment: str
    kind: str
    mode: str
    state: str
    scored_at: datetime | None
    expires_at: datetime | None
    current_replicas: int | None
    recommended_replicas: int | None
    recommended_replicas_uncapped: int | None
    scaling_signal: int | None
    min_replicas: int
    max_replicas: int
    outcome: str
    reason: str
    confidence: float | None
    lead_seconds: float
    model: str
    metrics: list[TargetMetric]
    anomaly: TargetAnomaly
    ledger: TargetLedger
    breaker: TargetBreaker
    rollout: TargetRollout
    problem: str | None


class Targets(BaseModel):
    """The latest report of every target, by namespace and name.

    `cycle`: how many cycles have been posted; `faults`: stage -> what the last one could not do, empty if all went well.
    """

    cycle: int
    generated_at: datetime
    step_seconds: float
    faults: dict[str, str]
    targets: list[Target]


def render_report(report: Report) -> dict[str, Any]:
    """A report as `Target`."""
    return {
        "namespace": report.namespace,
        "deployment": report.deployment,
        "kind": report.kind,
        "mode": report.mode,
        "state": report.state,
        "scored_at": time_or_none(report.scored_at),
        "expires_at": time_or_none(report.expires_at),
        "current_replicas": report.current_replicas,
        "recommended_replicas": report.recommended_replicas,
        "recommended_replicas_uncapped": report.recommended_replicas_uncapped,
        "scaling_signal": report.scaling_signal,
        "min_replicas": report.min_replicas,
        "max_replicas": report.max_replicas,
        "outcome": report.outcome,
        "reason": report.reason,
        "confidence": short_ratio(report.confidence),
        "lead_seconds": report.lead_seconds,
        "model": report.model,
        "metrics": [render_metric(metric) for metric in report.metrics],
        "anomaly": render_anomaly(report.anomaly),
        "ledger": render_ledger(report.ledger),
        "breaker": render_breaker(report.breaker),
        "rollout": render_rollout(report.rollout),
        "problem": report.problem,
    }


def render_metric(metric: MetricReport) -> dict[str, Any]:
    """A metric as `TargetMetric`."""
    return {
        "name": metric.name,
        "unit": metric.unit,
        "observed": short(metric.observed),
        "observed_at": time_or_none(metric.observed_at),
        "per_replica": short(metric.per_replica),
        "utilization": short_ratio(metric.utilization),
        "drives": metric.drives,
        "points": metric.points,
        "needed": metric.needed,
        "skill": short_ratio(metric.skill),
        "bias": short_ratio(metric.bias),
        "coverage": short_ratio(metric.coverage),
        "horizons": [render_horizon(horizon) for horizon in metric.horizons],
        "maximum": {quantile: short(value) for quantile, value in metric.maximum.items()},
        "why": metric.why,
    }


def render_horizon(horizon: HorizonForecast) -> dict[str, Any]:
    """A horizon as `Horizon`."""
    return {
        "horizon": horizon.horizon,
        "at": time_of(horizon.at),
        "lower": short(horizon.lower),
        "median": short(horizon.median),
        "upper": short(horizon.upper),
        "ratio": short_ratio(horizon.ratio),
        "expert": horizon.expert,
        "skill": short_ratio(horizon.skill),
    }


def render_anomaly(anomaly: AnomalyReport) -> dict[str, Any]:
    """An anomaly as `TargetAnomaly`."""
    return {
        "score": short_ratio(anomaly.score),
        "detected": anomaly.detected,
        "severity": anomaly.severity,
        "direction": anomaly.direction,
        "kind": anomaly.kind,
        "since": time_or_none(anomaly.since),
        "peak": short_ratio(anomaly.peak),
        "metric": anomaly.metric,
        "unit": anomaly.unit,
        "expected": short(anomaly.expected),
        "came": short(anomaly.came),
        "threshold": anomaly.threshold,
        "alarms_per_week": anomaly.alarms_per_week,
        "alarms": anomaly.alarms,
        "muted": anomaly.muted,
        "muted_until": time_or_none(anomaly.muted_until),
        "acknowledged": anomaly.acknowledged,
        "points": anomaly.points,
        "needed": anomaly.needed,
        "calibrated": anomaly.calibrated,
        "effects": list(anomaly.effects),
        "text": anomaly.text,
        "last_text": anomaly.last_text,
        "last_until": time_or_none(anomaly.last_until),
        "contributions": [
            {"feature": part.feature, "contribution": short_ratio(part.contribution)}
            for part in anomaly.contributions
        ],
    }


def render_ledger(ledger: LedgerReport) -> dict[str, Any]:
    """A ledger as `TargetLedger`."""
    return {
        "seconds": ledger.seconds,
        "replica_hours_actual": short(ledger.replica_hours_actual),
        "replica_hours_recommended": short(ledger.replica_hours_recommended),
        "short_minutes_actual": short(ledger.short_minutes_actual),
        "short_minutes_recommended": short(ledger.short_minutes_recommended),
        "replica_hours_reactive": short(ledger.replica_hours_reactive),
        "short_minutes_reactive": short(ledger.short_minutes_reactive),
        "line": ledger.line,
    }


def render_breaker(breaker: BreakerReport) -> dict[str, Any]:
    """A breaker as `TargetBreaker`."""
    return {
        "open": breaker.open,
        "losing": breaker.losing,
        "since": time_or_none(breaker.since),
        "cause": breaker.cause,
        "window_seconds": breaker.window_seconds,
        "replica_hours_forecast": short(breaker.replica_hours_forecast),
        "replica_hours_reactive": short(breaker.replica_hours_reactive),
        "short_minutes_forecast": short(breaker.short_minutes_forecast),
        "short_minutes_reactive": short(breaker.short_minutes_reactive),
        "text": breaker.text,
    }


def render_rollout(rollout: RolloutReport) -> dict[str, Any]:
    """A roll-out as `TargetRollout`."""
    return {
        "ratio": short_ratio(rollout.ratio),
        "since": time_or_none(rollout.since),
        "reactive_replicas": rollout.reactive_replicas,
        "step_ratio": short_ratio(rollout.step_ratio),
        "every_seconds": rollout.every_seconds,
        "seen_seconds": short(rollout.seen_seconds),
        "short_minutes_forecast": short(rollout.short_minutes_forecast),
        "short_minutes_reactive": short(rollout.short_minutes_reactive),
        "text": rollout.text,
    }
