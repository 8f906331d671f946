"""A judgement as one JSON document, for scripts; what is not known, and a threshold that nothing may pass, is null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from helios.evaluation.judgements import Group, Judgement, Verdict
from scoring.anomalies.sigmas import WARNING
from scoring.evaluation.alarms import RATES, Figures
from scoring.evaluation.nab import Outcome
from scoring.evaluation.volumes import WINDOW


def judgement_document(judgement: Judgement, threshold: float | None) -> dict[str, Any]:
    """Everything that was found.

    Args:
        judgement: of one suite.
        threshold: what was asked for beside the shipped default.
    """
    suite = judgement.suite
    alarms = judgement.groups[0].shipped.alarms_per_week
    found: dict[str, Any] = {
        "layout": suite.layout,
        "default_threshold": WARNING,
        "given_threshold": threshold,
        "rows": sum(len(case.labels) for case in suite.cases),
        "alarms_per_week": {"threshold": WARNING, "median": alarms.median, "p90": alarms.worst},
    }
    if suite.layout == "nab":
        found["profiles"] = {
            one.name: {
                "optimal": outcome(one.optimal),
                "default": outcome(one.shipped),
                "given": None if one.given is None else outcome(one.given),
            }
            for one in judgement.profiles
        }
        found["absent"], found["without_labels"] = suite.absent, suite.unlabelled
    else:
        found["vus_pr_window_rows"] = WINDOW
        found["groups"] = [_group(one) for one in judgement.groups]
    found["series"] = [_verdict(one) for one in judgement.verdicts]
    found["failed"] = {str(file): why for file, why in suite.faults.items()}
    return found


def outcome(of: Outcome) -> dict[str, Any]:
    """NAB's figures at one threshold."""
    return {
        "threshold": _finite(of.threshold),
        "score": _finite(of.score),
        "windows": of.windows,
        "found": of.found,
        "false_alarms": of.false_alarms,
    }


def events(of: Figures) -> dict[str, Any]:
    """Event figures at one threshold."""
    found = {name: _finite(value) for name, value in asdict(of).items() if name != "alarms_per_week"}
    found["delay_seconds"] = found.pop("delay")
    spread = of.alarms_per_week
    return found | {
        "alarms_per_week_median": _finite(spread.median),
        "alarms_per_week_p90": _finite(spread.worst),
    }


def _group(of: Group) -> dict[str, Any]:
    return {
        "name": of.name,
        "kind": of.kind,
        "series": of.series,
        "weeks": of.weeks,
        "events": of.shipped.events,
        "vus_pr": _finite(of.volume),
        "at_false_alarms_per_week": _by_rate(of.at_rates),
        "at_threshold_of_all": _by_rate(of.at_total),
        "default": events(of.shipped),
        "given": None if of.given is None else events(of.given),
    }


def _by_rate(of: tuple[Figures, ...]) -> Mapping[str, Any]:
    return {f"{rate:g}": events(one) for rate, one in zip(RATES, of, strict=True)}


def _verdict(of: Verdict) -> dict[str, Any]:
    case = of.case
    found = {
        "name": case.name,
        "rows": len(case.labels),
        "rows_before": case.begin,
        "metrics": len(case.track.values),
        "step_seconds": case.track.step,
        "alarms_per_week": _finite(of.shipped.alarms_per_week.median),
    }
    if of.nab is not None:
        return found | {"default": outcome(of.nab)}
    return found | {"vus_pr": _finite(of.volume), "default": events(of.shipped)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
