"""POST /detect: how unusual a snapshot is, by a live target's own history or by the reference trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from helios.api.contexts import Context
from helios.api.problems import Problem
from helios.api.questions import DetectQuestion
from scoring.references import (
    REFERENCE_OF,
    WITHOUT_REFERENCE,
    combined_sigmas,
    contributions_of,
    severity_of,
)

_OWN = {"cpu_utilization": "cpu", "memory_utilization": "memory"}
"""Which of a target's metrics has the history for which of a snapshot's."""


@dataclass(slots=True)
class Findings:
    """What was found out, metric by metric: deviations in sigmas, and why there is none of some.

    `waiting` are those of the unscored that may be scored later.
    """

    sigmas: dict[str, float] = field(default_factory=dict)
    unscored: dict[str, str] = field(default_factory=dict)
    basis: list[str] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)


def detect(context: Context, question: DetectQuestion) -> dict[str, Any]:
    """The answer to a question.

    Raises:
        Problem: 404 for an unknown target, 422 where nothing can ever be judged, 503 where nothing can be now.
    """
    values = question.metrics.values()
    found = Findings()
    if question.namespace is not None and question.deployment is not None:
        judge_by_history(context, question.namespace, question.deployment, values, found)
    judge_by_reference(context, values, found)
    if not found.sigmas:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in found.unscored.items())
        if not found.waiting:
            raise Problem(422, f"nothing can be judged: {reasons}")
        raise Problem(503, f"nothing can be judged yet: {reasons}")
    return render(found, context.settings.thresholds.anomaly)


def judge_by_history(
    context: Context, namespace: str, deployment: str, values: dict[str, float], found: Findings
) -> None:
    """Judge CPU and memory by what the target itself usually does, just now."""
    asked = {own: values[name] for name, own in _OWN.items() if name in values}
    deviations = context.live.deviations(namespace, deployment, asked)
    if deviations is None:
        raise Problem(404, f"there is no target {namespace}/{deployment}; GET /targets lists them")
    who, followed = f"{namespace}/{deployment}", context.followed(namespace, deployment)
    by_name = {deviation.feature: deviation for deviation in deviations}
    judged = []
    for name, own in _OWN.items():
        if own in by_name:
            found.sigmas[name] = abs(by_name[own].score)
            judged.append(name)
        elif own in asked and followed is not None and own not in followed:
            found.unscored[name] = f"{who} does not follow {own}, but {', '.join(sorted(followed))}"
        elif own in asked:
            found.unscored[name] = f"too little history of {own} of {who}"
            found.waiting.add(name)
    if judged:
        found.basis.append(f"{', '.join(judged)}: the history of {who}, high and low")


def judge_by_reference(context: Context, values: dict[str, float], found: Findings) -> None:
    """Judge what is left by how high such utilisations were in the model's trace."""
    reference = context.model("auto").reference
    left = [name for name in values if name not in found.sigmas and name not in found.unscored]
    judged = []
    for name in left:
        kind = REFERENCE_OF.get(name)
        if kind is None:
            found.unscored[name] = WITHOUT_REFERENCE[name]
            continue
        found.sigmas[name] = reference.heights[kind].sigmas_of(values[name])
        judged.append(name if name.startswith(kind) else f"{name} (as {kind})")
    if judged:
        found.basis.append(f"{', '.join(judged)}: how high utilisation was in {reference.basis}")


def render(found: Findings, threshold: float) -> dict[str, Any]:
    """The requirements' shape. What is shown is what is compared: the rounded score."""
    score = round(combined_sigmas(list(found.sigmas.values())), 3)
    return {
        "anomaly_score": score,
        "is_anomaly": score >= threshold,
        "threshold": threshold,
        "severity": severity_of(score, threshold),
        "contributing_features": [
            {
                "feature": part.feature,
                "contribution": part.contribution,
                "sigmas": round(found.sigmas[part.feature], 3),
            }
            for part in contributions_of(found.sigmas)
        ],
        "basis": "; ".join(found.basis),
        "unscored": [{"feature": name, "reason": reason} for name, reason in found.unscored.items()],
    }
