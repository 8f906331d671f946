"""helios-anomalies: which targets behave as they never did, since when, how far beyond their threshold, and how often before."""

from __future__ import annotations

from scoring.gauges import (
    ANOMALY_ALARMS,
    ANOMALY_CRITICAL,
    ANOMALY_DETECTED,
    ANOMALY_MUTED,
    ANOMALY_SCORE,
    ANOMALY_THRESHOLD,
    DEMAND,
)
from scripts.dashboards.frames import (
    ANOMALIES,
    PREDICTIONS,
    RECOMMENDATIONS,
    Band,
    Board,
    Cell,
    horizon,
    metric,
)
from scripts.dashboards.panels import (
    GREEN,
    GREY,
    ORANGE,
    RED,
    Scale,
    coloured,
    drawn,
    lines,
    numbers,
    rows,
    states,
    worded,
)
from scripts.dashboards.queries import (
    HIGH,
    LOW,
    METRIC,
    MIDDLE,
    Query,
    largest,
    most,
    of_target,
    over_range,
    predicted_for_now,
    rise,
    series,
    total,
)

STATES = {
    "0": ("calm", GREEN),
    "1": ("detected", ORANGE),
    "2": ("critical", RED),
    "3": ("muted", GREY),
}
STATE = f"{of_target(ANOMALY_DETECTED)} + {of_target(ANOMALY_CRITICAL)} + 3 * {of_target(ANOMALY_MUTED)}"
"""Muted targets say 0 of the first two."""

PEAK = over_range("max_over_time", ANOMALY_SCORE)


def anomalies() -> Board:
    """The dashboard."""
    return Board(
        ANOMALIES,
        "Helios / Anomalies",
        "Which targets behave as they never did, since when, and how often before.",
        (
            Band("Now", (*_counts(), _table())),
            Band("When", _when()),
            Band("What was different", _what()),
        ),
        variables=(metric(), horizon()),
    )


def _counts() -> tuple[Cell, ...]:
    def count(title: str, description: str, expr: str, colour: str) -> Cell:
        scale = Scale(steps=((None, GREEN), (1, colour)), decimals=0)
        return Cell(numbers(title, description, [Query(expr, "targets")], scale), 6, 4)

    return (
        count(
            "Detected",
            "Targets with an anomaly that is not muted. Several at once: look for a common cause first.",
            total(ANOMALY_DETECTED),
            ORANGE,
        ),
        count(
            "Critical",
            "Of them those that are critical. Look at them first: what changed at that time?",
            total(ANOMALY_CRITICAL),
            RED,
        ),
        count(
            "Muted",
            "Anomalies that nobody is told of: muted, announced or acknowledged. `helios unmute` ends it.",
            total(ANOMALY_MUTED),
            GREY,
        ),
        count(
            "Alarms in this range",
            "Raised once per event, muted ones included. More than you can look at: raise the targets' threshold, or set alarmsPerWeek.",
            f"round(sum({rise(ANOMALY_ALARMS)}))",
            ORANGE,
        ),
    )


def _table() -> Cell:
    ratios = coloured((None, GREEN), (0.8, ORANGE), (1, RED))
    table = rows(
        "Targets",
        "From 1 on, score / threshold is an anomaly. The peak tells what you missed. A drop keeps replicas, at most for an hour: see Recommendations.",
        [
            Query(STATE, "state"),
            Query(of_target(ANOMALY_SCORE), "score"),
            Query(of_target(ANOMALY_THRESHOLD), "threshold"),
            Query(f"{of_target(ANOMALY_SCORE)} / {of_target(ANOMALY_THRESHOLD)}", "score / threshold"),
            Query(largest(f"max_over_time({series(ANOMALY_SCORE, window='$__range')})"), "peak in range"),
            Query(f"round({rise(ANOMALY_ALARMS)})", "alarms in range"),
        ],
        Scale(no_value="-"),
        sort="score / threshold",
        columns={
            "state": worded(STATES),
            "score": {"decimals": 2},
            "score / threshold": {"decimals": 2, **ratios},
            "peak in range": {"decimals": 2},
        },
        leads_to={PREDICTIONS: "Predictions", RECOMMENDATIONS: "Recommendations"},
    )
    return Cell(table, 24, 9)


def _when() -> tuple[Cell, ...]:
    score = lines(
        "Score against threshold",
        "In sigmas; the ten targets with the highest peaks. 2.5 is about one alarm a week per series, 3.5 one in half a year.",
        [
            Query(most(of_target(ANOMALY_SCORE), PEAK)),
            Query(f"min({of_target(ANOMALY_THRESHOLD)})", "lowest threshold"),
        ],
        Scale(decimals=2, least=0),
    )
    timeline = states(
        "State",
        "The ten targets with the highest peaks. A long bar: still so, and worth a look at what Helios expected. Short ones, often: the threshold is low.",
        [Query(most(f"({STATE})", PEAK))],
        STATES,
    )
    alarms = lines(
        "Alarms",
        "Raised since the target was first seen: a step is an event. The ten targets with the highest peaks.",
        [Query(most(of_target(ANOMALY_ALARMS), PEAK))],
        Scale(decimals=0, least=0),
    )
    return (
        Cell(drawn(score, "lowest threshold", RED, width=2, dashed=True), 24, 10),
        Cell(timeline, 16, 9),
        Cell(alarms, 8, 9),
    )


def _what() -> tuple[Cell, ...]:
    by = ("metric",)
    low, middle, high = (predicted_for_now(level, by=by) for level in (LOW, MIDDLE, HIGH))
    away = f"({of_target(DEMAND, by=by)} - {middle}) / (({high} - {low}) / 2)"
    against = lines(
        "Demand away from what was predicted",
        "Every metric of the ten targets with the highest peaks, in half widths of the band predicted $horizon before: 0 is as predicted, 1 and -1 "
        "are its edges. The metric furthest out is where to look.",
        [Query(most(away, PEAK), "{{namespace}}/{{deployment}} {{metric}}")],
        Scale(
            steps=((None, ORANGE), (-1, GREEN), (1, ORANGE)),
            decimals=1,
            no_value="nothing forecast: choose another horizon, or wait for history",
        ),
        line=True,
    )
    itself = lines(
        "$metric",
        "Demand of the ten targets with the highest peaks: cores, bytes, or the metric's own unit.",
        [Query(most(of_target(DEMAND, METRIC), PEAK))],
        Scale(unit="sishort", no_value="no demand of this metric: choose another"),
    )
    return (Cell(against, 12, 9), Cell(itself, 12, 9))
