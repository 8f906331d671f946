"""Every gauge (and counter) of a target: its name, its help, its labels. Dashboards, alerts and docs are held to this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric family.

    Attributes:
        name: as exported.
        help: one sentence, with the unit.
        field: the array of `scoring.publisher.Scores` it is rendered from; empty where it is 1 for as long as there is the target.
        labels: labels beside `namespace` and `deployment`.
        per: `target` or `series`: what the array's rows are.
        type: `gauge` or `counter`, as Prometheus knows them.
    """

    name: str
    help: str
    field: str
    labels: tuple[str, ...] = ()
    per: str = "target"
    type: str = "gauge"


TARGET_INFO = Gauge(
    "helios_target_info",
    "What the target's spec says, as labels; always 1, also of a target that is not scored",
    "",
    ("kind", "mode", "model"),
)
PREDICTED_CPU = Gauge(
    "helios_predicted_cpu",
    "Predicted CPU utilization: median demand as a ratio of request at the replica count of the same cycle",
    "ratio",
    ("horizon",),
    "series",
)
PREDICTED_MEMORY = Gauge(
    "helios_predicted_memory",
    "Predicted memory utilization: median demand as a ratio of request at the replica count of the same cycle",
    "ratio",
    ("horizon",),
    "series",
)
ANOMALY_SCORE = Gauge("helios_anomaly_score", "Current anomaly score in sigmas", "score")
ANOMALY_DETECTED = Gauge("helios_anomaly_detected", "Whether anomaly is detected (0/1)", "alarming")
ANOMALY_CRITICAL = Gauge(
    "helios_anomaly_critical", "Whether the detected anomaly is critical (0/1)", "alarming_critical"
)
ANOMALY_MUTED = Gauge(
    "helios_anomaly_muted",
    "Whether an anomaly raises no alarm now: muted, announced or acknowledged (0/1)",
    "muted",
)
ANOMALY_THRESHOLD = Gauge(
    "helios_anomaly_threshold", "Anomaly score from which an alarm is raised, in sigmas", "threshold"
)
ANOMALY_ALARMS = Gauge(
    "helios_anomaly_alarms_total",
    "Alarms raised since the target was first seen, muted ones included",
    "alarms",
    type="counter",
)
RECOMMENDED = Gauge("helios_recommended_replicas", "Recommended replica count", "recommended")
SIGNAL = Gauge(
    "helios_scaling_signal",
    "The recommended replica count, nudged past the HPA's dead-band where it would be ignored; what triggers read",
    "signal",
)
CURRENT = Gauge("helios_current_replicas", "Replica count as seen in the same cycle", "replicas")
UNCAPPED = Gauge(
    "helios_recommended_replicas_uncapped",
    "Replica count that demand alone asks for, before bounds, steps and hold-down",
    "uncapped",
)
MINIMUM = Gauge("helios_min_replicas", "Fewest replicas allowed now, schedules included", "least")
MAXIMUM = Gauge("helios_max_replicas", "Most replicas allowed now, schedules included", "most")
CONFIDENCE = Gauge(
    "helios_recommendation_confidence",
    "Probability that demand stays under the recommended capacity over the lead time",
    "confidence",
)
EXPIRES = Gauge(
    "helios_report_expires_timestamp_seconds",
    "UNIX time after which this target's numbers must not be used",
    "expires_at",
)
DEMAND = Gauge(
    "helios_demand",
    "Observed total demand: cores, bytes, or the metric's own unit",
    "last",
    ("metric",),
    "series",
)
PREDICTED_DEMAND = Gauge(
    "helios_predicted_demand",
    "Predicted total demand: cores, bytes, or the metric's own unit",
    "curve",
    ("metric", "horizon", "quantile"),
    "series",
)
SKILL = Gauge(
    "helios_forecast_skill",
    "1 - error / persistence's error over the lead time, measured out of sample; 0 and below is no skill",
    "lead_skill",
    ("metric",),
    "series",
)
HORIZON_SKILL = Gauge(
    "helios_forecast_horizon_skill",
    "1 - error / persistence's error so far ahead, measured out of sample; 0 and below is no skill",
    "skill",
    ("metric", "horizon"),
    "series",
)
BIAS = Gauge(
    "helios_forecast_bias",
    "Mean of forecast less observed demand, over observed",
    "bias",
    ("metric",),
    "series",
)
COVERAGE = Gauge(
    "helios_forecast_coverage",
    "Share of observed demand that fell inside its P10 to P90 band",
    "coverage",
    ("metric",),
    "series",
)
LEDGER_HOURS = Gauge(
    "helios_ledger_replica_hours",
    "Replica-hours of the last 7 days: as they ran, as recommended, and as a reactive autoscaler would have had them",
    "hours",
    ("path",),
)
LEDGER_SHORT = Gauge(
    "helios_ledger_short_minutes",
    "Minutes of the last 7 days in which demand exceeded capacity: as it ran, as recommended, and with a reactive autoscaler",
    "short",
    ("path",),
)
BREAKER_OPEN = Gauge(
    "helios_breaker_open",
    "Whether the forecast is withdrawn, as it lost to the reactive path, and decisions are reactive (0/1); Autoscale alone",
    "breaker",
)

ROLLOUT = Gauge(
    "helios_rollout_ratio",
    "How far the scaling signal may be from the reactive decision, as a ratio of it; 1: it is not limited (behavior.rollout)",
    "rollout",
)

TARGET_GAUGES = (
    TARGET_INFO,
    PREDICTED_CPU,
    PREDICTED_MEMORY,
    ANOMALY_SCORE,
    ANOMALY_DETECTED,
    ANOMALY_CRITICAL,
    ANOMALY_MUTED,
    ANOMALY_THRESHOLD,
    ANOMALY_ALARMS,
    RECOMMENDED,
    SIGNAL,
    CURRENT,
    UNCAPPED,
    MINIMUM,
    MAXIMUM,
    CONFIDENCE,
    EXPIRES,
    DEMAND,
    PREDICTED_DEMAND,
    SKILL,
    HORIZON_SKILL,
    BIAS,
    COVERAGE,
    LEDGER_HOURS,
    LEDGER_SHORT,
    BREAKER_OPEN,
    ROLLOUT,
)
"""In the order of the exposition."""

PATHS = ("actual", "recommended", "reactive")
QUANTILES = ("0.1", "0.5", "0.9")


def horizon_label(seconds: int) -> str:
    """A horizon as the requirements write it: `5m`, `30m`, `90s`, `2h`."""
    for size, letter in ((3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"
