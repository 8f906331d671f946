"""A judgement as tables, for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from helios.evaluation.judgements import Group, Judgement, Verdict
from scoring.anomalies.sigmas import WARNING
from scoring.evaluation.alarms import RATES, Figures
from scoring.evaluation.nab import Outcome

_NONE = "–"
_MENTIONED = 3


def tables(judgement: Judgement, threshold: float | None) -> list[Table]:
    """What the layout's rules say, file by file and in total."""
    if judgement.suite.layout == "nab":
        return [_nab_files(judgement), _nab_profiles(judgement, threshold)]
    found = [_files(judgement.verdicts), _rates(judgement.groups)]
    found.append(
        _at(
            judgement.groups,
            f"at {WARNING:g} sigmas, the shipped default",
            [one.shipped for one in judgement.groups],
        )
    )
    given = [one.given for one in judgement.groups if one.given is not None]
    if threshold is not None:
        found.append(_at(judgement.groups, f"at {threshold:g} sigmas", given))
    return found


def _nab_files(judgement: Judgement) -> Table:
    table = _table(f"by file, at {WARNING:g} sigmas, the shipped default", "file")
    for column in ("rows", "windows found", "false alarms", "standard score", "alarms a week"):
        table.add_column(column, justify="right")
    for one in judgement.verdicts:
        found = one.nab
        if found is not None:
            table.add_row(
                one.case.name,
                f"{len(one.case.labels):,}",
                f"{found.found} of {found.windows}",
                f"{found.false_alarms}",
                _number(found.score, 1),
                _number(one.shipped.alarms_per_week.median, 2),
            )
    notes = []
    if judgement.suite.absent:
        notes.append(f"labels without a file here: {_some(judgement.suite.absent)}")
    if judgement.suite.unlabelled:
        notes.append(f"files without labels, taken to have no window: {_some(judgement.suite.unlabelled)}")
    table.caption = Text("\n".join(notes), style="yellow") if notes else None
    return table


def _nab_profiles(judgement: Judgement, threshold: float | None) -> Table:
    table = _table("NAB score, 100: every window at once and nothing else, 0: silence", "profile")
    table.add_column("best for these labels", justify="right")
    table.add_column(f"at {WARNING:g}, the default", justify="right")
    if threshold is not None:
        table.add_column(f"at {threshold:g}", justify="right")
    for one in judgement.profiles:
        cells = [_outcome(one.optimal, told=True), _outcome(one.shipped)]
        table.add_row(one.name, *cells, *([] if one.given is None else [_outcome(one.given)]))
    alarms = judgement.groups[0].shipped.alarms_per_week
    table.caption = Text(
        f"alarms a week per series at {WARNING:g}: median {alarms.median:.2f}, 90th percentile {alarms.worst:.2f}"
    )
    return table


def _files(verdicts: Sequence[Verdict]) -> Table:
    table = _table(f"by target, at {WARNING:g} sigmas, the shipped default", "file")
    for column in ("rows", "events seen", "false alarms", "alarms a week", "VUS-PR"):
        table.add_column(column, justify="right")
    for one in verdicts:
        of = one.shipped
        table.add_row(
            one.case.name,
            f"{len(one.case.labels):,}",
            f"{of.seen} of {of.events}",
            f"{of.false_alarms}",
            _number(of.alarms_per_week.median, 2),
            _number(one.volume, 2),
        )
    return table


def _rates(groups: Sequence[Group]) -> Table:
    table = _table("recall (threshold) at so many false alarms per series and week", "group")
    for column in ("series", "events", *(f"{rate:g}" for rate in RATES), "VUS-PR"):
        table.add_column(column, justify="right")
    for i, one in enumerate(groups):
        table.add_row(
            one.name,
            f"{one.series}",
            f"{one.shipped.events}",
            *(f"{_number(of.recall, 2)} ({_number(of.threshold, 2)})" for of in one.at_rates),
            _number(one.volume, 3),
            end_section=_ends(groups, i),
        )
    return table


def _at(groups: Sequence[Group], title: str, found: Sequence[Figures]) -> Table:
    table = _table(title, "group")
    for column in (
        "events seen",
        "recall",
        "precision",
        "delay",
        "false a week",
        "alarms a week",
        "90th percentile",
    ):
        table.add_column(column, justify="right")
    for i, (one, of) in enumerate(zip(groups, found, strict=True)):
        table.add_row(
            one.name,
            f"{of.seen} of {of.events}",
            _number(of.recall, 2),
            _number(of.precision, 2),
            _NONE if math.isnan(of.delay) else f"{of.delay / 60:.0f} min",
            _number(of.false_alarms_per_week, 2),
            _number(of.alarms_per_week.median, 2),
            _number(of.alarms_per_week.worst, 2),
            end_section=_ends(groups, i),
        )
    return table


def _ends(groups: Sequence[Group], i: int) -> bool:
    return i + 1 < len(groups) and groups[i + 1].kind != groups[i].kind


def _table(title: str, first: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", box=box.SIMPLE)
    table.add_column(first, overflow="fold")
    return table


def _outcome(of: Outcome, *, told: bool = False) -> str:
    at = f" at {of.threshold:.2f}" if told and math.isfinite(of.threshold) else ""
    return f"{_number(of.score, 1)}{at} ({of.found} of {of.windows}, {of.false_alarms} false)"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else _NONE


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MENTIONED} more" if len(names) > _MENTIONED else ""
    return ", ".join(names[:_MENTIONED]) + more
