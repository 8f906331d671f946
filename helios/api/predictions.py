"""POST /predict: from a live target's own forecast, or from how such a snapshot usually changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helios.api.contexts import Context
from helios.api.live import MetricCurve
from helios.api.problems import Problem
from helios.api.questions import PredictQuestion
from helios.api.renderings import ratio_rows, short_ratio, time_of
from scoring.references import curve_for


@dataclass(frozen=True, slots=True)
class Outlook:
    """What lies ahead: P10, P50, P90 of each utilisation, `[periods, 3]`, or None where it is not known.

    Periods count from `start`, UNIX seconds; None: from now.
    """

    cpu: NDArray[np.float64] | None
    memory: NDArray[np.float64] | None
    step: float
    model: str
    confidence: float | None
    basis: str
    start: float | None = None


def predict(context: Context, question: PredictQuestion) -> dict[str, Any]:
    """The answer to a question.

    Raises:
        Problem: 404 for an unknown model or target, 422 for a target without utilisation, 503 where nothing can be
            said now.
    """
    if question.namespace is None or question.deployment is None:
        outlook = look_ahead(context, question)
    else:
        context.model(question.model)
        outlook = look_ahead_live(context, question.namespace, question.deployment, question.periods)
    return render(outlook, question.periods, context.clock())


def look_ahead(context: Context, question: PredictQuestion) -> Outlook:
    """From the snapshot alone: how utilisations changed in the model's trace."""
    model = context.model(question.model)
    values = {} if question.metrics is None else question.metrics.values()
    curves: dict[str, NDArray[np.float64]] = {}
    confidence = None
    for kind, name in (("memory", "memory_utilization"), ("cpu", "cpu_utilization")):  # CPU has the last word
        if name in values:
            curves[kind] = curve_for(model.bands[kind], values[name], question.periods)
            confidence = model.reference.changes[kind].confidence_of(values[name])
    basis = f"the snapshot, and how utilisation changed in {model.reference.basis}"
    step = model.reference.step
    return Outlook(curves.get("cpu"), curves.get("memory"), step, model.name, confidence, basis)


def look_ahead_live(context: Context, namespace: str, deployment: str, periods: int) -> Outlook:
    """From the target's own history, as the loop's forecaster sees it."""
    found = context.live.forecast(namespace, deployment, periods)
    if found is None:
        raise Problem(404, f"there is no target {namespace}/{deployment}; GET /targets lists them")
    curves = {curve.name: curve for curve in found if curve.capacity}
    cpu, memory = curves.get("cpu"), curves.get("memory")
    leading = cpu or memory
    if leading is None:
        raise no_forecast(context, namespace, deployment, found)
    missing = [name for name, curve in (("cpu", cpu), ("memory", memory)) if curve is None]
    basis = f"the history of {namespace}/{deployment}; metrics that were sent are not needed"
    if missing:
        basis += f"; nothing is known of {' and '.join(missing)} as a share of its request"
    return Outlook(
        utilization(cpu),
        utilization(memory),
        leading.step or context.live.step_seconds(),
        leading.model,
        leading.coverage,
        basis,
        leading.start,
    )


def no_forecast(context: Context, namespace: str, deployment: str, found: Sequence[MetricCurve]) -> Problem:
    """The target is known, and nothing can be said of its utilisation: 503 for now, 422 if it never can."""
    who = f"{namespace}/{deployment}"
    followed = context.followed(namespace, deployment)
    if followed is not None and not followed & {"cpu", "memory"}:
        names = ", ".join(sorted(followed))
        return Problem(
            422,
            f"{who} follows {names}, and neither cpu nor memory: there is no utilisation to forecast. GET "
            f"/targets/{who} has the forecast of {names}; or let the target follow cpu",
        )
    report = context.live.report(namespace, deployment)
    why = "its request or replicas are not known" if found else "too little history"
    if report is not None and report.problem:
        why = report.problem
    wait = {"Retry-After": f"{context.live.step_seconds():.0f}"}
    return Problem(503, f"no forecast of {who} yet: {why}", headers=wait)


def utilization(curve: MetricCurve | None) -> NDArray[np.float64] | None:
    """A curve of demand as a share of what is requested."""
    if curve is None or curve.capacity is None:
        return None
    return np.asarray(curve.curve, np.float64) / curve.capacity


def render(outlook: Outlook, periods: int, now: float) -> dict[str, Any]:
    """The requirements' shape, period by period."""
    start = now if outlook.start is None else outlook.start
    cpu = ratio_rows(outlook.cpu, periods)
    memory = ratio_rows(outlook.memory, periods)
    return {
        "predictions": [
            {
                "period": period,
                "timestamp": time_of(start + period * outlook.step),
                "cpu_utilization": middle,
                "memory_utilization": memory_middle,
                "confidence_lower": lower,
                "confidence_upper": upper,
                "memory_lower": memory_lower,
                "memory_upper": memory_upper,
            }
            for period, ((lower, middle, upper), (memory_lower, memory_middle, memory_upper)) in enumerate(
                zip(cpu, memory, strict=True), start=1
            )
        ],
        "model_used": outlook.model,
        "confidence": short_ratio(outlook.confidence),
        "basis": outlook.basis,
    }
