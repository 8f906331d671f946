"""The shapes of a target's recent past and near future for a chart, and how a history becomes them.

Times of series are UNIX seconds, as a chart wants them; a gap is null and never zero.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from helios.api.renderings import short_list
from scoring.reports import History, MetricHistory


class SeriesHistory(BaseModel):
    """One metric; lists run beside the history's `times`, `future_*` beside `future_times` (UNIX seconds)."""

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


class TargetHistory(BaseModel):
    """A target's recent past for a chart; every list runs beside `times` (UNIX seconds), null for gaps.

    But `anomaly_onsets`: the times at which an anomaly began.
    """

    namespace: str
    deployment: str
    step: float = Field(description="seconds")
    times: list[float]
    current_replicas: list[float | None]
    recommended_replicas: list[float | None]
    anomaly_score: list[float | None]
    anomaly_detected: list[bool]
    anomaly_onsets: list[float]
    anomaly_threshold: float
    metrics: list[SeriesHistory]


def render_history(history: History) -> dict[str, Any]:
    """A history as `TargetHistory`."""
    return {
        "namespace": history.namespace,
        "deployment": history.deployment,
        "step": history.step,
        "times": history.times,
        "current_replicas": history.current_replicas,
        "recommended_replicas": history.recommended_replicas,
        "anomaly_score": short_list(history.anomaly_score),
        "anomaly_detected": history.anomaly_detected,
        "anomaly_onsets": history.anomaly_onsets,
        "anomaly_threshold": history.anomaly_threshold,
        "metrics": [render_series(metric) for metric in history.metrics],
    }


def render_series(metric: MetricHistory) -> dict[str, Any]:
    """One metric's past and future as `SeriesHistory`."""
    return {
        "name": metric.name,
        "unit": metric.unit,
        "ahead_seconds": metric.ahead_seconds,
        "demand": short_list(metric.demand),
        "predicted_lower": short_list(metric.predicted_lower),
        "predicted": short_list(metric.predicted),
        "predicted_upper": short_list(metric.predicted_upper),
        "future_times": metric.future_times,
        "future_lower": short_list(metric.future_lower),
        "future_median": short_list(metric.future_median),
        "future_upper": short_list(metric.future_upper),
    }
