"""An evaluation as one JSON document, for scripts; what is not known is null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from helios.evaluation.comparisons import Plan, Result
from scoring.evaluation.summaries import MEASURES, Figures, figures, persistence, summary


def label(seconds: float) -> str:
    """A duration as it is asked for: `5m`, `2h`, `90s`."""
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def document(
    results: Sequence[Result], faults: Mapping[Path, str], plan: Plan, learned: Mapping[str, str] | None
) -> dict[str, Any]:
    """Everything that was found.

    Args:
        results: by file.
        faults: files without figures, and why.
        plan: what was asked.
        learned: name, version and source of the learned models in force; None: there are none.
    """
    unseen = [result for result in results if not result.seen_in_training]
    return {
        "step_seconds": plan.step,
        "share": plan.share,
        "horizons": [label(seconds) for seconds in plan.horizons],
        "trained": plan.train,
        "learned_models": learned,
        "fleets": [_fleet(result) for result in results],
        "summary": _summaries(results, plan),
        "summary_unseen": _summaries(unseen, plan),
        "errors": [{"file": str(file), "error": why} for file, why in faults.items()],
    }


def _fleet(result: Result) -> dict[str, Any]:
    recording, panel = result.recording, result.recording.panel
    models = {name: _figures(figures(scores)) for name, scores in result.scores.items()}
    if result.scores:
        models["persistence"] = _figures(persistence(next(iter(result.scores.values()))))
    return {
        "file": str(recording.file),
        "name": recording.name,
        "sha256": recording.sha256,
        "seen_in_training": result.seen_in_training,
        "trained": result.trained,
        "series": len(panel.series),
        "days": round(recording.days, 2),
        "left_out": list(recording.empty),
        "models": models,
        "errors": dict(result.faults),
    }


def _figures(of: Figures) -> dict[str, Any]:
    return {
        "horizons": {
            label(one.seconds): {"points": one.points}
            | {name: asdict(getattr(one, name)) for name in MEASURES}
            for one in of.horizons
        },
        "exceedance": {
            label(one.seconds): {"windows": one.windows} | asdict(one.exceedance) for one in of.leads
        },
        "series_per_second": of.series_per_second,
    }


def _summaries(results: Sequence[Result], plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for model in plan.models:
        fleets = [result.scores[model] for result in results if model in result.scores]
        if not fleets:
            continue
        over = summary(fleets)
        found[model] = {
            "fleets": over.fleets,
            "horizons": {
                label(seconds): {name: asdict(one) for name, one in measures.items()}
                for seconds, measures in over.horizons.items()
            },
            "exceedance": {label(seconds): asdict(one) for seconds, one in over.exceedance.items()},
            "series_per_second": over.series_per_second,
        }
    return found
