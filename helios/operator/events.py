"""Kubernetes Events of a HeliosTarget: anomalies, changed recommendations, the breaker, what was written; each told once.

An Event's name is made of what it tells, so that telling it again, after a restart too, is a name that is taken already.
Recommendations that change often are told at most once in a while. Nothing here sends anything.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

from helios.operator.annotations import moment
from helios.operator.conditions import ACKNOWLEDGED, Reason, quiet, stamp
from helios.operator.resources import API_VERSION, KIND, HeliosTarget
from scoring.reports import Report, RolloutReport

_MESSAGE_CHARACTERS = 1024
"""More than that the API server refuses."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One Event to be.

    Attributes:
        reason: CamelCase, as in `kubectl get events`.
        message: in words.
        key: what it tells of; the same key of one target and reason is never told twice.
        warning: whether it is a Warning or Normal.
    """

    reason: str
    message: str
    key: str
    warning: bool = False


@dataclass(slots=True)
class _Told:
    """What was told of one target."""

    recommended: int | None
    at: float
    since: float | None = None
    """Onset of the anomaly that was told last, until its end is told."""
    reason: str = ""
    """What was told of it."""
    withdrawn: bool = False
    """Whether the forecast was withdrawn by the breaker when that was told last."""
    rollout: RolloutReport | None = None
    """The roll-out as of the last cycle; None before the first one."""


class Notices:
    """Finds out what is new about targets; remembers what it has told.

    Args:
        pause_seconds: between two changed recommendations of one target.
    """

    def __init__(self, pause_seconds: float) -> None:
        self._pause = pause_seconds
        self._told: dict[str, _Told] = {}

    def of(self, target: HeliosTarget, report: Report, now: float) -> list[Notice]:
        """What is to be told of a target after a cycle."""
        told = self._told.get(target.uid)
        if told is None:  # an operator that starts anew goes on from what the status says
            before, since = _held(target, "replicas", "recommended"), _held(target, "anomaly", "since")
            reason = _reason(_held(target, "anomaly", "muted"))
            withdrawn = _withdrawn(target)
            told = self._told[target.uid] = _Told(before, now - self._pause, moment(since), reason, withdrawn)
        return [
            *self._anomaly(report, told),
            *self._breaker(report, told),
            *self._rollout(report, told),
            *self._recommendation(report, told, now),
        ]

    def forget(self, uids: set[str]) -> None:
        """Forget every target but these."""
        self._told = {uid: told for uid, told in self._told.items() if uid in uids}

    def _recommendation(self, report: Report, told: _Told, now: float) -> list[Notice]:
        wanted = report.recommended_replicas
        if told.recommended is None:  # the first is no change
            told.recommended = wanted
        if wanted in {None, told.recommended} or now - told.at < self._pause:
            return []
        change = f"{told.recommended} to {wanted}"
        told.recommended, told.at = wanted, now
        return [
            Notice(
                "RecommendationChanged",
                f"Recommended replicas {change}: {report.reason}",
                f"{change} {now // 3600:.0f}",
            )
        ]

    def _breaker(self, report: Report, told: _Told) -> list[Notice]:
        """That it opened, a Warning, and that it closed; not that a target whose forecast is withdrawn left Autoscale."""
        breaker = report.breaker
        if report.state != "scored" or breaker.open == told.withdrawn:
            return []
        told.withdrawn = breaker.open
        key = f"{breaker.since or 0:.0f}"
        if breaker.open:
            words = f"The forecast is withdrawn: {breaker.cause}. Decisions are reactive until it has won again in shadow"
            return [Notice("BreakerOpened", words, key, warning=True)]
        if breaker.losing or report.mode != "Autoscale":
            return []
        words = f"The forecast decides again: in shadow, {breaker.cause}"
        if breaker.since is None:  # as after a start without a snapshot
            words = "The forecast decides again: what it had lost is not remembered"
        return [Notice("BreakerClosed", words, key)]

    def _rollout(self, report: Report, told: _Told) -> list[Notice]:
        """That it widened; not that a wish of it was edited, nor that the breaker took it back, which is told of the breaker."""
        now, before, told.rollout = report.rollout, told.rollout, report.rollout
        if before is None or None in {now.since, before.since, now.ratio, before.ratio}:
            return []
        share, was = now.ratio or 0.0, before.ratio or 0.0
        if now.since == before.since or share <= was:
            return []
        what = (
            "is complete: nothing is limited any more"
            if share >= 1
            else f"widened: within {100 * share:g} % of the reactive decision"
        )
        words = f"The roll-out of Autoscale {what}, after {100 * was:g} %: the forecast was no more short than a reactive autoscaler"
        return [Notice("RolloutWidened", words, f"{now.since:.0f}")]

    def _anomaly(self, report: Report, told: _Told) -> list[Notice]:
        """Its onset, that it was muted or acknowledged, its end; each once, and only what alarms is a Warning."""
        anomaly = report.anomaly
        if anomaly.detected and anomaly.since is not None:
            reason = _reason(quiet(anomaly))
            onset = float(math.ceil(anomaly.since))  # as a status holds it
            if (told.since, told.reason) == (onset, reason):
                return []
            told.since, told.reason = onset, reason
            return [Notice(reason, anomaly.text, f"{onset:.0f}", warning=reason == "AnomalyDetected")]
        if told.since is not None and not anomaly.detected and report.state == "scored":
            since, told.since = told.since, None
            words = f"What began at {stamp(since)} is over: what comes now is as expected, or the new normal"
            return [Notice("AnomalyEnded", words, f"{since:.0f}")]
        return []


def misread(target: HeliosTarget) -> list[Notice]:
    """Each annotation that cannot be read, in words."""
    return [Notice("AnnotationIgnored", problem, problem, warning=True) for problem in target.asked.problems]


def _reason(muted: str | None) -> str:
    """What is told of an anomaly, by why it raises no alarm."""
    if muted is None:
        return "AnomalyDetected"
    return "AnomalyAcknowledged" if muted == ACKNOWLEDGED else "AnomalyMuted"


def _withdrawn(target: HeliosTarget) -> bool:
    """Whether the status says that the forecast is withdrawn."""
    held = target.status.get("conditions")
    return any(
        condition.get("reason") == Reason.WITHDRAWN
        for condition in (held if isinstance(held, list) else [])
        if isinstance(condition, dict)
    )


def _held(target: HeliosTarget, part: str, name: str) -> Any:
    """What the status says of something."""
    held = target.status.get(part)
    return held.get(name) if isinstance(held, dict) else None


def body(target: HeliosTarget, notice: Notice, now: float) -> dict[str, Any]:
    """The Event as the API server takes it (core v1)."""
    at = stamp(now)
    digest = hashlib.sha256(f"{target.uid} {notice.reason} {notice.key}".encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{target.name[:200]}.{digest}", "namespace": target.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": target.namespace,
            "name": target.name,
            "uid": target.uid,
        },
        "reason": notice.reason,
        "message": notice.message[:_MESSAGE_CHARACTERS],
        "type": "Warning" if notice.warning else "Normal",
        "source": {"component": "helios"},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
