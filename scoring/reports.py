"""What is said of one target after a cycle: plain values for people, the API and the status.

Built on demand from the board's arrays, one target at a time; nothing on the hot path makes these. Every number
that is not known is None, never zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


def number(value: float) -> float | None:
    """A float32 with the digits that it has; None where it is not finite."""
    plain = float(value)
    return float(f"{plain:.7g}") if math.isfinite(plain) else None


def time_of(value: float) -> float | None:
    """UNIX seconds; None where unknown."""
    plain = float(value)
    return plain if math.isfinite(plain) else None


def whole(value: float) -> int | None:
    """A count; None where unknown."""
    plain = number(value)
    return None if plain is None else round(plain)


@dataclass(frozen=True, slots=True)
class HorizonForecast:
    """Demand some time ahead: `median` inside the band `lower`..`upper` (P10..P90), in the metric's unit.

    `ratio` is the median as a share of what the current replicas request (0..1 and beyond, not clipped); None
    where replicas or request are unknown or zero. `expert` is who counts most in it, `skill` 1 - error / persistence's
    error so far ahead, out of sample; None where it is not known.
    """

    horizon: str
    at: float
    lower: float
    median: float
    upper: float
    ratio: float | None
    expert: str | None
    skill: float | None


@dataclass(frozen=True, slots=True)
class MetricReport:
    """One metric of a target.

    Attributes:
        name: `cpu`, `memory` or the target's own name.
        unit: `cores`, `bytes`, or `1` for a metric of the target's own.
        observed: total demand at `observed_at` (UNIX seconds).
        per_replica: what one replica is meant to serve (its request), same unit.
        utilization: observed / (replicas x per_replica).
        drives: whether replicas are decided on it.
        points: observed points in the window; `needed`: how many the forecast wants.
        skill: 1 - error / persistence's error at the lead time, out of sample; negative is worse than persistence.
        bias: mean signed error over the mean demand.
        coverage: share of recent points that fell inside their P10..P90 band.
        horizons: forecasts, nearest first.
        maximum: quantile label ("0.98") -> demand, of the maximum over the lead time.
        why: in words, who forecasts each horizon and how that compares with persistence, or why there is no forecast.
    """

    name: str
    unit: str
    observed: float | None
    observed_at: float | None
    per_replica: float | None
    utilization: float | None
    drives: bool
    points: int
    needed: int
    skill: float | None
    bias: float | None
    coverage: float | None
    horizons: tuple[HorizonForecast, ...]
    maximum: dict[str, float]
    why: str


@dataclass(frozen=True, slots=True)
class Contribution:
    """A feature's share of an anomaly score; shares sum to 1, the largest first."""

    feature: str
    contribution: float


@dataclass(frozen=True, slots=True)
class AnomalyReport:
    """What is unusual of one target; times are UNIX seconds.

    Attributes:
        score: in sigmas; continuous, and there whether it is unusual or not.
        detected: held while abnormal.
        severity: `normal`, `warning` or `critical`; of the state while it lasts.
        direction: of demand: `spike` above what was expected, `drop` below it, or `none`.
        since: when it began.
        contributions: each metric's share of the score, the largest first.
        kind: what it looks like: `none`, `spike`, `drop`, `shift` or `drift`; it can change while it lasts.
        peak: the highest score since its onset.
        metric, unit: the metric that says most about it, and the unit of `expected` and `came`: what was expected of it
            and what came, at its worst.
        threshold: the score from which an alarm is raised; `alarms_per_week`: how many that makes of an ordinary series.
        muted: no alarm is raised now: a user muted it (`muted_until`), or an announced event is on.
        acknowledged: somebody has seen this anomaly, which raises no alarm any more.
        alarms: how many were raised since the target was first seen, muted ones included.
        points, needed: what the score's calibration rests on, and how much it must be before any alarm; `calibrated`:
            whether it is.
        effects: what Helios does about it, each in a few words: "the sample is left out of training".
        text: all of it in words.
        last_text: the last anomaly that is over, in words; empty while there was none. `last_until`: when it was seen to be.
    """

    score: float | None
    detected: bool
    severity: str
    direction: str
    since: float | None
    contributions: tuple[Contribution, ...]
    kind: str = "none"
    peak: float | None = None
    metric: str | None = None
    unit: str | None = None
    expected: float | None = None
    came: float | None = None
    threshold: float = 2.5
    alarms_per_week: float = 1.0
    muted: bool = False
    muted_until: float | None = None
    acknowledged: bool = False
    alarms: int = 0
    points: int = 0
    needed: int = 0
    calibrated: bool = True
    effects: tuple[str, ...] = ()
    text: str = ""
    last_text: str = ""
    last_until: float | None = None


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """Actual against recommended over the last `seconds` (at most 7 days); `line` says it in one line.

    The reactive path is what an ordinary reactive decision would have had in the same time; None where it is not known.
    """

    seconds: float
    replica_hours_actual: float
    replica_hours_recommended: float
    short_minutes_actual: float
    short_minutes_recommended: float
    line: str
    replica_hours_reactive: float | None = None
    short_minutes_reactive: float | None = None


@dataclass(frozen=True, slots=True)
class BreakerReport:
    """How the forecast fares against the reactive path, and whether it is withdrawn for it.

    Attributes:
        open: the forecast is withdrawn and decisions are reactive; in Autoscale alone.
        losing: it has lost, in whatever mode: in Autoscale it would be withdrawn.
        since: when that began or ended, UNIX seconds; None where it never did.
        cause: the figures of that time in words; empty where it never did.
        window_seconds: what is compared; the figures are those of the last so many seconds, None where nothing was seen.
        text: all of it in words.
    """

    open: bool = False
    losing: bool = False
    since: float | None = None
    cause: str = ""
    window_seconds: float | None = None
    replica_hours_forecast: float | None = None
    replica_hours_reactive: float | None = None
    short_minutes_forecast: float | None = None
    short_minutes_reactive: float | None = None
    text: str = "nothing to compare yet"


@dataclass(frozen=True, slots=True)
class RolloutReport:
    """How far Autoscale may depart from the reactive decision.

    Attributes:
        ratio: of the reactive number, 0..1; 1: it is not limited. None where nothing was decided yet.
        since: since when that is so, UNIX seconds; None where nothing is rolled out.
        reactive_replicas: that number, of the last cycle.
        step_ratio, every_seconds: how much is added, after how long in which the forecast was no more short than the reactive path;
            None where nothing is added any more.
        seen_seconds: how much of that time has been seen; `short_minutes_forecast`, `short_minutes_reactive`: the minutes short in it.
        text: all of it in words.
    """

    ratio: float | None = None
    since: float | None = None
    reactive_replicas: int | None = None
    step_ratio: float | None = None
    every_seconds: float | None = None
    seen_seconds: float | None = None
    short_minutes_forecast: float | None = None
    short_minutes_reactive: float | None = None
    text: str = "nothing was decided yet"


@dataclass(frozen=True, slots=True)
class Report:
    """All that one cycle found out about one target.

    Attributes:
        state: `scored`, or why there is no decision: `no-data`, `no-request`, `memory-only`, `conflict`, `expired`.
        reason: the decision in words.
        outcome: the decision's code, one of `scoring.recommending.reasons.OUTCOMES`, or `conflict`.
        confidence: probability that demand stays under the recommended capacity over the lead time; None
            where it is not known.
        model: the forecaster that the target asks for, where it decides, or `reactive`; who forecasts within `auto` is
            said by metric.
        problem: what is wrong and what to do, or None.
    """

    namespace: str
    deployment: str
    kind: str
    mode: str
    state: str
    scored_at: float | None
    expires_at: float | None
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
    metrics: tuple[MetricReport, ...]
    anomaly: AnomalyReport
    ledger: LedgerReport
    problem: str | None
    breaker: BreakerReport = BreakerReport()
    rollout: RolloutReport = RolloutReport()


@dataclass(frozen=True, slots=True)
class MetricHistory:
    """One metric's past and future on the page; lists run beside `History.times`, None for gaps.

    Attributes:
        demand: what came, total.
        predicted: what had been forecast for each of these times, one `ahead_seconds` before.
        predicted_lower, predicted_upper: its band.
        future_times: UNIX seconds of the forecast now in force.
        future_lower, future_median, future_upper: its curve.
    """

    name: str
    unit: str
    ahead_seconds: float
    demand: list[float | None]
    predicted_lower: list[float | None]
    predicted: list[float | None]
    predicted_upper: list[float | None]
    future_times: list[float]
    future_lower: list[float | None]
    future_median: list[float | None]
    future_upper: list[float | None]


@dataclass(frozen=True, slots=True)
class History:
    """A target's recent past for a chart; every list runs beside `times` (UNIX seconds), None for gaps.

    But `anomaly_onsets`: the times at which an anomaly began. `anomaly_threshold`: the score from which one does, now.
    """

    namespace: str
    deployment: str
    step: float
    times: list[float]
    current_replicas: list[float | None]
    recommended_replicas: list[float | None]
    anomaly_score: list[float | None]
    anomaly_detected: list[bool]
    anomaly_onsets: list[float]
    anomaly_threshold: float
    metrics: tuple[MetricHistory, ...]
