"""The figures of benchmarks/forecast.py, as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.peers import LightGbm
from helios.evaluation.documents import label
from scoring.evaluation.summaries import Figures, Summary
from scoring.evaluation.tallies import Scores

STEP = 300.0
TOLD = (1, 2, 3, 6)
"""What is reported: 5, 10, 15 and 30 minutes."""
_MEASURES = ("relative_mae", "wql", "coverage", "unforecast")


def told_of(of: Figures) -> dict[str, Any]:
    """A forecaster's figures on one fleet: medians and worst deciles by horizon."""
    told: dict[str, Any] = {
        name: {
            label(one.seconds): asdict(getattr(one, name))
            for one in of.horizons
            if one.seconds / STEP in TOLD
        }
        for name in _MEASURES
    }
    told["exceedance"] = {label(one.seconds): asdict(one.exceedance) for one in of.leads}
    return _rounded(told | {"series_per_second": of.series_per_second})


def over_fleets(of: Summary) -> dict[str, Any]:
    """A forecaster's figures over fleets: means of the fleets' medians, the best and the worst of them, all series' decile."""
    told: dict[str, Any] = {
        name: {label(s): asdict(measures[name]) for s, measures in of.horizons.items() if s / STEP in TOLD}
        for name in _MEASURES
    }
    told["exceedance"] = {label(seconds): asdict(one) for seconds, one in of.exceedance.items()}
    return _rounded({"fleets": of.fleets, **told, "series_per_second": of.series_per_second})


def pooled(fleets: Sequence[Scores]) -> dict[str, Any]:
    """A forecaster's figures on the sample, all its points together: so few of each series make no medians.

    The MAE is in each series' own seasonal changes (as MASE), or the largest series would be all that counts.
    """
    first = fleets[0]
    ratio, coverage = {}, {}
    for i, step in enumerate(first.steps):
        points = np.concatenate([one.points[:, i] for one in fleets])
        own = np.concatenate([one.mase[:, i] for one in fleets]) * points
        last = np.concatenate([one.persistence_mase[:, i] for one in fleets]) * points
        held = np.concatenate([one.coverage[:, i] for one in fleets]) * points
        ratio[label(step * STEP)] = float(np.nansum(own) / np.nansum(last))
        coverage[label(step * STEP)] = float(np.nansum(held) / points.sum())
    told = {"points": int(sum(one.points.sum() for one in fleets)), "relative_mae": ratio}
    if first.model != LightGbm.name:  # it has no band
        told["coverage"] = coverage
    seconds = sum(one.seconds for one in fleets)
    return _rounded(told | {"series_per_second": sum(len(one.points) for one in fleets) / seconds})


def _rounded(told: dict[str, Any]) -> dict[str, Any]:
    """To four digits, and null for what is not known."""
    text = json.dumps(told)
    found: dict[str, Any] = json.loads(
        text,
        parse_float=lambda number: float(f"{float(number):.4g}"),
        parse_constant=lambda _: None,
    )
    return found


def print_table(over: Mapping[str, Any], sampled: Mapping[str, Any]) -> None:
    """MAE over persistence's, on the error stream: means of fleet medians, and of the sample all together."""
    table = Table("MAE over persistence", *(label(step * STEP) for step in TOLD), "series/s")
    for name, told in over.items():
        cells = [f"{one['mean']:.3f}" for one in told["relative_mae"].values()]
        table.add_row(name, *cells, f"{told['series_per_second']:,.0f}")
    table.add_section()
    for name, told in sampled.items():
        cells = [f"{one:.3f}" for one in told["relative_mae"].values()]
        table.add_row(f"{name} (sample)", *cells, f"{told['series_per_second']:,.1f}")
    Console(stderr=True).print(table)
