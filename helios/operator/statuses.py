"""The status of a HeliosTarget: what is worth a write, and when.

What changes every cycle is in gauges and the API. Here stand coarse fields alone; words and the ledger's line go along when
something else is written, and an hour's growth of the ledger is not news. A steady fleet sends no PATCH.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from helios.operator.annotations import written as rounded_up
from helios.operator.conditions import Condition, Reason, quiet, score_band, skill_band, written
from helios.operator.resources import AnomalyStatus, HeliosTarget
from scoring.reports import Report

_CHARACTERS = 1024
"""Of words; more the schema refuses."""
_WORDS = ("reason", "why", "ledger", "text")
"""Fields that change all the time: written along with others, never by themselves."""
_ANOMALY = tuple(AnomalyStatus.model_fields)
_CHANGING_HANDS = (Reason.ADOPTING, Reason.RESTORING)
"""Of Scaling: it is on its way to another reason, and somebody looks at it."""
_URGENT = ("since", "muted", "problem")
"""Of an anomaly: who is paged, or has asked for quiet, looks now."""


@dataclass(frozen=True, slots=True)
class Write:
    """A status to be written, and whether it may wait for its turn."""

    status: Mapping[str, Any]
    urgent: bool


def status(
    target: HeliosTarget,
    report: Report | None,
    conditions: tuple[Condition, ...],
    *,
    scaled_object: str | None,
    now: str,
) -> dict[str, Any]:
    """The status as it should stand; None takes a field away (a merge patch)."""
    stands: dict[str, Any] = {
        "observedGeneration": target.generation,
        "conditions": written(conditions, target, now),
        "scaledObject": scaled_object,
        "anomaly": _anomaly(target, report),
    }
    if report is None:
        return stands | dict.fromkeys(("replicas", "model", "ledger", "reason", "why", "skill"))
    return stands | {
        "replicas": {
            "current": report.current_replicas,
            "recommended": report.recommended_replicas,
            "uncapped": report.recommended_replicas_uncapped,
        },
        "model": report.model,
        "ledger": report.ledger.line,
        "reason": report.reason,
        "why": "; ".join(f"{m.name}: {m.why}" for m in report.metrics if m.drives)[:_CHARACTERS] or None,
        "skill": skill_band(report),
    }


def _anomaly(target: HeliosTarget, report: Report | None) -> dict[str, str | None] | None:
    """How unusual demand is, why that alarms nobody, and what of the annotations cannot be read."""
    problem = "; ".join(target.asked.problems)[:_CHARACTERS] or None
    if report is None:
        return None if problem is None else dict.fromkeys(_ANOMALY) | {"problem": problem}
    a = report.anomaly
    return {
        "severity": a.severity,
        "score": score_band(a),
        "kind": a.kind if a.detected else None,
        "since": rounded_up(a.since) if a.detected and a.since is not None else None,
        "metric": a.metric if a.detected else None,
        "muted": quiet(a),
        "text": a.text[:_CHARACTERS] or None if a.detected or not a.calibrated else None,
        "problem": problem,
    }


def news(target: HeliosTarget, wanted: Mapping[str, Any]) -> Write | None:
    """What is to be written over the status that stands, if anything; who waits for it is told at once.

    That is whoever has just applied or edited a target, whoever waits for one to become ready or for an autoscaler to be taken
    over or given back, and whoever is paged.
    """
    held = target.status
    if _coarse(wanted) == _coarse(held):
        return None
    edited = not held or held.get("observedGeneration") != target.generation
    ready = _is_ready(wanted) and not _is_ready(held)
    scaling, before = _scaling(wanted), _scaling(held)
    changes_hands = scaling != before and not {scaling, before}.isdisjoint(_CHANGING_HANDS)
    urgent = edited or ready or changes_hands or _alarming(wanted) != _alarming(held)
    return Write(wanted, urgent=urgent)


def _alarming(status: Mapping[str, Any]) -> tuple[Any, ...]:
    anomaly = status.get("anomaly")
    return tuple(anomaly.get(name) if isinstance(anomaly, Mapping) else None for name in _URGENT)


def _is_ready(status: Mapping[str, Any]) -> bool:
    return _held(status, "Ready").get("status") == "True"


def _scaling(status: Mapping[str, Any]) -> str:
    return str(_held(status, "Scaling").get("reason", ""))


def _held(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """A condition of a status; empty where it has none of that type."""
    held = status.get("conditions")
    found = (
        condition
        for condition in (held if isinstance(held, list) else [])
        if isinstance(condition, Mapping) and condition.get("type") == kind
    )
    return next(found, {})


def _coarse(status: Mapping[str, Any]) -> Any:
    """What counts of a status: without words, times and what is not there."""
    kept = {k: v for k, v in status.items() if k not in _WORDS and v is not None}
    for name in ("replicas", "anomaly"):
        inner = kept.get(name)
        if isinstance(inner, Mapping):
            kept[name] = {k: v for k, v in inner.items() if v is not None and k not in _WORDS}
        if not kept.get(name):
            kept.pop(name, None)
    held = kept.get("conditions")
    if isinstance(held, list):
        kept["conditions"] = [
            {k: v for k, v in c.items() if k != "lastTransitionTime"} for c in held if isinstance(c, Mapping)
        ]
    return kept
