"""Reports and histories as a scoring loop would post them, for the page to show.

Plain arithmetic and no randomness: a daily wave, a forecast that lags a little behind it, one anomaly.
"""

from __future__ import annotations

import math
from dataclasses import asdict, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

from scoring.reports import (
    AnomalyReport,
    Contribution,
    History,
    HorizonForecast,
    LedgerReport,
    MetricHistory,
    MetricReport,
    Report,
)

NOW = datetime(2026, 3, 12, 14, 35, tzinfo=UTC).timestamp()
STEP = 300.0
DAY = 86400.0


def metric(
    name: str = "cpu", unit: str = "cores", observed: float = 1.6, *, drives: bool = True
) -> MetricReport:
    """One metric with two horizons; `observed` is served by two replicas of `observed / 1.6` each."""
    horizons = tuple(
        HorizonForecast(
            horizon, NOW + ahead, observed * 0.9, observed * 1.1, observed * 1.4, 0.88, expert, skill
        )
        for horizon, ahead, expert, skill in (
            ("5m", 300.0, "network", 0.12),
            ("30m", 1800.0, "persistence", -0.01),
        )
    )
    return MetricReport(
        name=name,
        unit=unit,
        observed=observed,
        observed_at=NOW,
        per_replica=observed / 1.6,
        utilization=0.8,
        drives=drives,
        points=2016,
        needed=576,
        skill=0.24,
        bias=-0.012,
        coverage=0.81,
        horizons=horizons,
        maximum={"0.98": observed * 1.5},
        why="network at 5m: 12 % better than persistence lately; persistence at 30m: nothing beats it here",
    )


def report(deployment: str = "saleor-api", *, current: int | None = 2, recommended: int | None = 4) -> Report:
    """A scored target that needs two replicas more; change it with `dataclasses.replace`."""
    return Report(
        namespace="saleor",
        deployment=deployment,
        kind="Deployment",
        mode="Observe",
        state="scored",
        scored_at=NOW,
        expires_at=NOW + 3 * STEP,
        current_replicas=current,
        recommended_replicas=recommended,
        recommended_replicas_uncapped=recommended,
        scaling_signal=recommended,
        min_replicas=1,
        max_replicas=10,
        outcome="forecast",
        reason="demand is expected to reach 2.4 cores within 6 minutes, which 4 replicas serve at 90 %",
        confidence=0.97,
        lead_seconds=360.0,
        model="auto",
        metrics=(metric(), metric("memory", "bytes", 3.2 * 2**30, drives=False)),
        anomaly=AnomalyReport(
            0.7,
            False,
            "normal",
            "none",
            None,
            (Contribution("cpu", 0.8), Contribution("memory", 0.2)),
            alarms=3,
            points=2016,
            needed=288,
            text="Nothing unusual: score 0.7; an alarm is raised from 2.5, about one alarm a week.",
        ),
        ledger=LedgerReport(
            7 * DAY,
            512.0,
            440.3,
            11.0,
            2.0,
            "7 days: -14 % replica-hours, 2 minutes short; as it ran: 11; reactive: -3 %, 9",
            496.6,
            9.0,
        ),
        problem=None,
    )


def critical(base: Report, **said: Any) -> Report:
    """The same target in the midst of a drop of its demand; `said` changes what its anomaly says."""
    drop = AnomalyReport(
        4.2,
        True,
        "critical",
        "drop",
        NOW - 900,
        (Contribution("cpu", 0.9), Contribution("memory", 0.1)),
        kind="drop",
        peak=4.6,
        metric="cpu",
        unit="cores",
        expected=3.1,
        came=0.4,
        alarms=4,
        points=2016,
        needed=288,
        effects=(
            "scale-in is frozen until 15:20 UTC at the latest",
            "the sample is left out of training",
        ),
        text="Drop since 14:20 UTC: cpu came at 0.4 cores where 3.1 were expected (score 4.6 at its worst and 4.2 now, "
        "critical). Scale-in is frozen until 15:20 UTC at the latest. The sample is left out of training.",
    )
    return replace(base, anomaly=replace(drop, **said))


def after(base: Report, ago: float) -> Report:
    """The same target, so many seconds after a drop of its demand."""
    last = "Drop from 13:20 UTC to 13:50 UTC: cpu came at 0.4 cores where 3.1 were expected (score 4.6, critical)."
    return replace(base, anomaly=replace(base.anomaly, last_text=last, last_until=NOW - ago))


def calibrating(base: Report) -> Report:
    """The same target before its score can be trusted."""
    young = AnomalyReport(
        None,
        False,
        "normal",
        "none",
        None,
        (),
        points=120,
        needed=288,
        calibrated=False,
        text="Calibrating: 120 of 288 points; no alarm before that.",
    )
    return replace(base, anomaly=young)


def silent(base: Report) -> Report:
    """The same target with nothing known of it: every number that can be None is None."""
    return replace(
        base,
        state="no-data",
        scored_at=None,
        expires_at=None,
        current_replicas=None,
        recommended_replicas=None,
        recommended_replicas_uncapped=None,
        scaling_signal=None,
        confidence=None,
        model="",
        reason="no samples of cpu",
        metrics=(),
        anomaly=AnomalyReport(None, False, "normal", "none", None, ()),
        ledger=LedgerReport(0.0, 0.0, 0.0, 0.0, 0.0, "nothing to compare yet"),
        problem="the query of cpu matches nothing: check that kube-state-metrics is scraped",
    )


def history(target: Report, points: int) -> History:
    """`points` steps of a daily wave up to now, with a gap, an anomaly and half an hour of forecast."""
    times = [NOW - STEP * (points - 1 - i) for i in range(points)]
    wave = [1.2 + 0.8 * math.sin(2 * math.pi * t / DAY) for t in times]
    demand: list[float | None] = [*wave]
    if points > 40:
        demand[points // 3] = None
        demand[-20] = 3.1
    future = [NOW + STEP * (i + 1) for i in range(6)]
    ahead = [1.2 + 0.8 * math.sin(2 * math.pi * t / DAY) for t in future]

    def curve(name: str, unit: str, factor: float) -> MetricHistory:
        return MetricHistory(
            name=name,
            unit=unit,
            ahead_seconds=1800.0,
            demand=[None if v is None else v * factor for v in demand],
            predicted_lower=[v * factor * 0.9 for v in wave],
            predicted=[v * factor * 1.02 for v in wave],
            predicted_upper=[v * factor * 1.2 for v in wave],
            future_times=future,
            future_lower=[v * factor * 0.9 for v in ahead],
            future_median=[v * factor for v in ahead],
            future_upper=[v * factor * 1.2 for v in ahead],
        )

    return History(
        namespace=target.namespace,
        deployment=target.deployment,
        step=STEP,
        times=times,
        current_replicas=[math.ceil(v / 0.7) for v in wave],
        recommended_replicas=[math.ceil(v * 1.1 / 0.9) for v in wave],
        anomaly_score=[4.4 if v == 3.1 else 0.5 for v in demand],
        anomaly_detected=[v == 3.1 for v in demand],
        anomaly_onsets=[t for t, v in zip(times, demand, strict=True) if v == 3.1],
        anomaly_threshold=2.5,
        metrics=(curve("cpu", "cores", 1.0), curve("memory", "bytes", 2.0**31)),
    )


def to_json(value: Any, name: str = "") -> Any:
    """Field for field, as the API serialises: moments as ISO 8601, everything else as it is."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key: to_json(each, key) for key, each in asdict(value).items()}
    if isinstance(value, dict):
        return {key: to_json(each, key) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    if isinstance(value, float) and (
        name in {"at", "since", "muted_until", "last_until"} or name.endswith("_at")
    ):
        return datetime.fromtimestamp(value, UTC).isoformat()
    return value
