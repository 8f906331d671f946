"""POST /detect: how unusual a snapshot is.

Who knows most of a metric judges it: a live target's own history, a model that was trained on the service, the snapshot's own
recent past, and at last the reference trace, which knows no service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from helios.api.contexts import Context
from helios.api.problems import Problem
from helios.api.questions import DetectQuestion
from helios.api.renderings import short
from scoring.anomalies import pasts
from scoring.anomalies.spreads import Verdict
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

    `scores` are what is joined to one: a metric's own deviation, or that of several which were judged together.
    `waiting` are those of the unscored that may be scored later; `expected` and `blame` come from trained models.
    """

    sigmas: dict[str, float] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    expected: dict[str, float] = field(default_factory=dict)
    blame: dict[str, Mapping[str, float]] = field(default_factory=dict)
    unscored: dict[str, str] = field(default_factory=dict)
    basis: list[str] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)

    def left(self, values: Mapping[str, float]) -> list[str]:
        """Which metrics nobody has judged yet."""
        return [name for name in values if name not in self.sigmas and name not in self.unscored]

    def take(self, verdict: Verdict, names: list[str]) -> list[str]:
        """Take over a trained model's verdict on these metrics; return those that it has an opinion of.

        Its score is of all its metrics together, and they are one in the answer's; where others have judged one of them
        already, each counts by itself.
        """
        judged = [name for name in names if name in verdict.opinions]
        for name in judged:
            opinion = verdict.opinions[name]
            self.sigmas[name] = opinion.deviation
            self.expected[name] = opinion.expected
            if opinion.surprising:
                self.blame[name] = opinion.blame
        whole = len(judged) == len(verdict.opinions)
        self.scores += [verdict.score] if whole else [self.sigmas[name] for name in judged]
        return judged


def detect(context: Context, question: DetectQuestion) -> dict[str, Any]:
    """The answer to a question.

    Raises:
        Problem: 404 for an unknown target, 422 where nothing can ever be judged, 503 where nothing can be now.
    """
    values = question.metrics.values()
    found = Findings()
    if question.namespace is not None and question.deployment is not None:
        judge_by_history(context, question.namespace, question.deployment, values, found)
    recent = [row.values() for row in question.recent]
    hour = context.clock() % 86_400 / 3600 if question.hour is None else question.hour
    judge_by_training(context, values, recent, hour, found)
    judge_by_past(context, values, recent, hour, found)
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
            found.scores.append(found.sigmas[name])
            judged.append(name)
        elif own in asked and followed is not None and own not in followed:
            found.unscored[name] = f"{who} does not follow {own}, but {', '.join(sorted(followed))}"
        elif own in asked:
            found.unscored[name] = f"too little history of {own} of {who}"
            found.waiting.add(name)
    if judged:
        found.basis.append(f"{', '.join(judged)}: the history of {who}, high and low")


def judge_by_training(
    context: Context, values: dict[str, float], recent: list[dict[str, float]], hour: float, found: Findings
) -> None:
    """Judge what is left by what a model expects that was trained on the service, if there is one."""
    loaded, left = context.models.snapshots, found.left(values)
    if loaded is None or not set(left) & set(loaded.snapshots.known):
        return
    try:
        verdict = loaded.snapshots.judge(values, recent, hour)
    except ValueError as error:  # XGBoost's own, too: its files are verified, but not opened before
        found.basis.append(f"{loaded.name} {loaded.version} cannot be used: {str(error).splitlines()[0]}")
        return
    judged = found.take(verdict, left) if verdict is not None else []
    beside = "the others, the hour and the recent past" if recent else "the others and the hour"
    found.basis.append(
        f"{', '.join(judged)}: {loaded.name} {loaded.version}, trained on {loaded.metadata.basis}; beside {beside}"
    )


def judge_by_past(
    context: Context, values: dict[str, float], recent: list[dict[str, float]], hour: float, found: Findings
) -> None:
    """Judge what is left by how it moved lately, beside the other metrics of the snapshot."""
    expectations, left = context.models.expectations(), found.left(values)
    if not (left and recent) or expectations is None:
        return
    verdict = pasts.judge(expectations, values, recent, hour)
    judged = found.take(verdict, left) if verdict is not None else []
    if judged:
        found.basis.append(f"{', '.join(judged)}: the recent past that was sent, each beside the others")


def judge_by_reference(context: Context, values: dict[str, float], found: Findings) -> None:
    """Judge what is left by how high such utilisations were in the model's trace."""
    reference = context.model("auto").reference
    judged = []
    for name in found.left(values):
        kind = REFERENCE_OF.get(name)
        if kind is None:
            found.unscored[name] = WITHOUT_REFERENCE[name]
            found.waiting.add(name)
            continue
        found.sigmas[name] = reference.heights[kind].sigmas_of(values[name])
        found.scores.append(found.sigmas[name])
        judged.append(name if name.startswith(kind) else f"{name} (as {kind})")
    if judged:
        found.basis.append(f"{', '.join(judged)}: how high utilisation was in {reference.basis}")


def render(found: Findings, threshold: float) -> dict[str, Any]:
    """The requirements' shape. What is shown is what is compared: the rounded score."""
    score = round(combined_sigmas(found.scores), 3)
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
                "expected": short(found.expected.get(part.feature)),
            }
            for part in contributions_of(found.sigmas, found.blame)
        ],
        "basis": "; ".join(found.basis),
        "unscored": [{"feature": name, "reason": reason} for name, reason in found.unscored.items()],
    }
