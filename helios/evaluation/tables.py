"""An evaluation as tables, for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from helios.evaluation.comparisons import Plan, Result
from helios.evaluation.documents import label
from scoring.evaluation.measures import Spread
from scoring.evaluation.summaries import Figures, OverFleets, Summary, figures, persistence, summary

COLUMNS = ("MAE ratio", "MASE", "wQL", "bias", "P10-P90", "max>Q.98", "series/s")
"""MAE ratio: over persistence's. P10-P90: how often it held what came. max>Q.98: how often the maximum exceeded it."""
_NONE = "–"


def fleet_table(result: Result) -> Table:
    """One file: each forecaster at each horizon, the median over the series and, behind it, the worst decile."""
    recording = result.recording
    columns = recording.panel.values.shape[1]
    title = f"{recording.name}: {len(recording.panel.series)} series, {recording.days:.1f} days of {columns} steps"
    table = _table(title)
    for scores in result.scores.values():
        _add(table, figures(scores))
    if result.scores:
        _add(table, persistence(next(iter(result.scores.values()))))
    notes = [f"{model} failed: {why}" for model, why in result.faults.items()]
    for model, scores in result.scores.items():
        share = float(
            (scores.unforecast * scores.points)[scores.points > 0].sum() / max(1, scores.points.sum())
        )
        if share:
            notes.append(f"{model} had no forecast for {share:.1%} of the points; the last value stood in")
    if result.seen_in_training:
        notes.append("the learned models were trained on this file: their figures here flatter them")
    if result.trained:
        notes.append("the learned models were first trained on this fleet's own past")
    if recording.empty:
        notes.append(f"left out, for nothing was observed in it: {', '.join(recording.empty)}")
    table.caption = Text("\n".join(notes), style="yellow") if notes else None
    return table


def summary_table(results: Sequence[Result], plan: Plan) -> Table:
    """Over fleets: the mean of their medians, and behind it the worst decile of all their series."""
    table = _table(f"over {len(results)} fleets: mean of fleet medians (worst decile of all series)")
    for model in plan.models:
        fleets = [result.scores[model] for result in results if model in result.scores]
        if fleets:
            _add_summary(table, summary(fleets))
    seen = sum(result.seen_in_training for result in results)
    if seen:
        table.caption = Text(
            f"the learned models were trained on {seen} of the {len(results)} files", style="yellow"
        )
    return table


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", box=box.SIMPLE)
    table.add_column("model", no_wrap=True)
    table.add_column("ahead", justify="right", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right")
    return table


def _add(table: Table, of: Figures) -> None:
    exceedance = {lead.seconds: lead.exceedance for lead in of.leads}
    for i, one in enumerate(of.horizons):
        table.add_row(
            of.model if i == 0 else "",
            label(one.seconds),
            _ratio(one.relative_mae),
            _number(one.mase.median),
            _number(one.wql.median),
            _signed(one.bias),
            _share(one.coverage),
            _fine_share(exceedance.get(one.seconds, Spread(math.nan, math.nan))),
            _rate(of.series_per_second) if i == 0 else "",
            end_section=i == len(of.horizons) - 1,
        )


def _add_summary(table: Table, of: Summary) -> None:
    for i, (seconds, measures) in enumerate(of.horizons.items()):
        found: Mapping[str, Spread] = {name: _pair(one) for name, one in measures.items()}
        exceedance = of.exceedance.get(seconds)
        table.add_row(
            of.model if i == 0 else "",
            label(seconds),
            _ratio(found["relative_mae"]),
            _number(found["mase"].median),
            _number(found["wql"].median),
            _signed(found["bias"]),
            _share(found["coverage"]),
            _NONE if exceedance is None else _fine_share(_pair(exceedance)),
            _rate(of.series_per_second) if i == 0 else "",
            end_section=i == len(of.horizons) - 1,
        )


def _pair(of: OverFleets) -> Spread:
    return Spread(of.mean, of.worst)


def _ratio(of: Spread) -> str:
    return _both(of, lambda value: f"{value:.2f}")


def _number(value: float) -> str:
    return _NONE if math.isnan(value) else f"{value:.2f}"


def _signed(of: Spread) -> str:
    return _NONE if math.isnan(of.median) else f"{of.median:+.1%} (±{of.worst:.0%})"


def _share(of: Spread) -> str:
    return _both(of, lambda value: f"{value:.0%}")


def _fine_share(of: Spread) -> str:
    return _both(of, lambda value: f"{value:.1%}")


def _both(of: Spread, said: Callable[[float], str]) -> str:
    return _NONE if math.isnan(of.median) else f"{said(of.median)} ({said(of.worst)})"


def _rate(value: float) -> str:
    return _NONE if math.isnan(value) else f"{value:,.0f}"
