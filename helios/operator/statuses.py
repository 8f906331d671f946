"""The status of a HeliosTarget: what is worth a write, and when.

What changes every cycle is in gauges and the API. Here stand coarse fields alone; words and the ledger's line go along when
something else is written, and an hour's growth of the ledger is not news. A steady fleet sends no PATCH.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from helios.operator.conditions import Condition, score_band, skill_band, written
from helios.operator.resources import HeliosTarget
from scoring.reports import Report

_CHARACTERS = 1024
"""Of words; more the schema refuses."""
_WORDS = ("reason", "why", "ledger")
"""Fields that change all the time: written along with others, never by themselves."""


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
    }
    if report is None:
        return stands | dict.fromkeys(("replicas", "model", "ledger", "reason", "why", "skill", "anomaly"))
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
        "anomaly": {"severity": report.anomaly.severity, "score": score_band(report.anomaly.score)},
    }


def news(target: HeliosTarget, wanted: Mapping[str, Any]) -> Write | None:
    """What is to be written over the status that stands, if anything; who waits for it is told at once.

    That is whoever has just applied or edited a target, and whoever waits for one to become ready.
    """
    held = target.status
    if _coarse(wanted) == _coarse(held):
        return None
    edited = not held or held.get("observedGeneration") != target.generation
    return Write(wanted, urgent=edited or (_is_ready(wanted) and not _is_ready(held)))


def _is_ready(status: Mapping[str, Any]) -> bool:
    held = status.get("conditions")
    return any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in (held if isinstance(held, list) else [])
        if isinstance(condition, Mapping)
    )


def _coarse(status: Mapping[str, Any]) -> Any:
    """What counts of a status: without words, times and what is not there."""
    kept = {k: v for k, v in status.items() if k not in _WORDS and v is not None}
    for name in ("replicas", "anomaly"):
        inner = kept.get(name)
        if isinstance(inner, Mapping):
            kept[name] = {k: v for k, v in inner.items() if v is not None}
    if not kept.get("replicas"):
        kept.pop("replicas", None)
    held = kept.get("conditions")
    if isinstance(held, list):
        kept["conditions"] = [
            {k: v for k, v in c.items() if k != "lastTransitionTime"} for c in held if isinstance(c, Mapping)
        ]
    return kept
