"""POST /recommend: the requirements' stateless advice. The deciding is in `scoring.recommending.advice`."""

from __future__ import annotations

from typing import Any

from helios.api.contexts import Context
from helios.api.questions import RecommendQuestion
from helios.api.renderings import short_ratio, time_of
from scoring.recommending.advice import Advice, Snapshot, advise


def recommend(context: Context, question: RecommendQuestion) -> dict[str, Any]:
    """The answer to a question.

    Raises:
        Problem: 503 while no model is loaded.
    """
    reference = context.model("auto").reference
    current, predicted = question.current_metrics, question.predicted_metrics
    snapshot = Snapshot(
        question.current_replicas,
        current.cpu_utilization,
        current.memory_utilization,
        None if predicted is None else predicted.cpu_utilization,
        None if predicted is None else predicted.memory_utilization,
        question.anomaly_score,
    )
    thresholds = context.settings.thresholds
    verdict = advise(snapshot, thresholds, reference.changes["cpu"], reference.step)
    now = context.clock()
    return {
        "recommendations": [render(advice, now) for advice in verdict.advice],
        "summary": verdict.summary,
        "basis": (
            f"thresholds: CPU {thresholds.scale_up:g} up, {thresholds.scale_down:g} down, replicas counted for "
            f"{thresholds.cpu_target:g}; memory {thresholds.memory_warning:g}. Confidence and band: how utilisation "
            f"changed in {reference.basis}"
        ),
    }


def render(advice: Advice, now: float) -> dict[str, Any]:
    """The requirements' shape of one recommendation."""
    band = advice.band
    return {
        "type": advice.type,
        "action": advice.action,
        "target_replicas": advice.target_replicas,
        "reason": advice.reason,
        "confidence": short_ratio(advice.confidence),
        "urgency": advice.urgency,
        "execute_by": time_of(now + advice.act_within),
        "band": None if band is None else {"lower": round(band[0], 4), "upper": round(band[1], 4)},
        "request_factor": short_ratio(advice.request_factor),
    }
