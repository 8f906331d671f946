"""Kubernetes Events of a HeliosTarget: anomalies, changed recommendations, what was written; each told once.

An Event's name is made of what it tells, so that telling it again, after a restart too, is a name that is taken already.
Recommendations that change often are told at most once in a while. Nothing here sends anything.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from helios.operator.conditions import stamp
from helios.operator.resources import API_VERSION, KIND, HeliosTarget
from scoring.reports import Report

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
        held = target.status.get("replicas")
        before = held.get("recommended") if isinstance(held, dict) else None
        told = self._told.setdefault(target.uid, _Told(before, now - self._pause))
        return [*self._anomaly(report, told), *self._recommendation(report, told, now)]

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

    def _anomaly(self, report: Report, told: _Told) -> list[Notice]:
        anomaly = report.anomaly
        if anomaly.detected and anomaly.since is not None:
            if told.since == anomaly.since:
                return []
            told.since = anomaly.since
            parts = ", ".join(f"{c.feature} {c.contribution:.0%}" for c in anomaly.contributions)
            score = "" if anomaly.score is None else f", {anomaly.score:.1f} sigma"
            message = f"Anomalous {anomaly.direction}{score}" + (f" ({parts})" if parts else "")
            return [Notice("AnomalyDetected", message, f"{anomaly.since:.0f}", warning=True)]
        if told.since is not None and report.scored_at is not None and not anomaly.detected:
            since, told.since = told.since, None
            return [Notice("AnomalyEnded", "Demand is as expected again", f"{since:.0f}")]
        return []


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
