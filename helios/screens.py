"""What a person sees in the terminal: progress, the address, the fleet as a table; and the same as JSON for scripts."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import orjson
from rich import box
from rich.console import Console, Group
from rich.live import Live as Screen
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from helios.api.live import Live
from helios.clocks import LiveClock, TraceClock
from scoring.reports import Report
from scoring.scorer import Summary

CyclePrinter = Callable[[Summary, Sequence[Report]], None]
_WIDE = 110
"""Columns from which the ledger has a place of its own."""
_FRAME_LINES = 8
"""Lines around the rows: the address, the head, the caption and some air."""
_ANOMALY_LINES = 3
"""Room beneath the rows for what is unusual now."""
_ARROWS = {1: "↑", 0: "=", -1: "↓"}


def cycle_printer(json: bool) -> CyclePrinter:
    """Prints each cycle: one JSON document per line, or a line for people."""

    def as_json(summary: Summary, reports: Sequence[Report]) -> None:
        document = {**asdict(summary), "reports": [asdict(report) for report in reports]}
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
        sys.stdout.buffer.flush()

    def as_table(summary: Summary, reports: Sequence[Report]) -> None:
        print_fleet(reports, summary)

    return as_json if json else as_table


def print_fleet(reports: Sequence[Report], summary: Summary) -> None:
    """One cycle as a table, with what went wrong beneath it."""
    console = Console()
    console.print(fleet_table(reports, moment(summary.now)))
    for line in anomalies(reports, len(reports)):
        console.print(line)
    for stage, fault in summary.faults.items():
        console.print(f"{stage}: {fault}", style="red", markup=False)


def fleet_table(reports: Sequence[Report], caption: str, room: tuple[int, int] | None = None) -> Table:
    """The fleet: replicas now and recommended, why, how abnormal, and what the ledger says.

    Args:
        reports: the targets.
        caption: beneath it.
        room: columns and lines there are; None shows all in full. In little room each target has one line.
    """
    short = room is not None
    rows = reports if room is None else reports[: max(1, room[1] - _FRAME_LINES)]
    hidden = len(reports) - len(rows)
    table = Table(
        caption=f"{caption} · {hidden} more on the page" if hidden else caption, expand=True, box=box.SIMPLE
    )
    table.add_column("target", no_wrap=True)
    table.add_column("replicas", justify="right", no_wrap=True)
    table.add_column("why", ratio=3, no_wrap=short, overflow="ellipsis")
    table.add_column("anomaly", justify="right", no_wrap=True)
    wide = room is None or room[0] >= _WIDE
    if wide:
        table.add_column("ledger", ratio=2, no_wrap=short, overflow="ellipsis")
    for report in rows:
        cells = [Text(f"{report.namespace}/{report.deployment}"), replicas(report)]
        cells += [Text(report.problem or report.reason), _anomaly(report)]
        table.add_row(*cells, *([Text(report.ledger.line)] if wide else []))
    return table


def anomalies(reports: Sequence[Report], most: int) -> list[Text]:
    """What is unusual now, each in words, the worst first; of more than `most` the last line says how many."""
    unusual = sorted(
        (r for r in reports if r.anomaly.detected), key=lambda r: (_quiet(r), -(r.anomaly.peak or 0))
    )
    hidden = len(unusual) - most
    shown = unusual if hidden <= 0 else unusual[: most - 1]
    lines = [
        Text.assemble(
            (f"{r.namespace}/{r.deployment}: ", "bold"), (r.anomaly.text, "" if not _quiet(r) else "dim")
        )
        for r in shown
    ]
    return (
        lines if hidden <= 0 else [*lines, Text(f"{len(unusual) - len(shown)} more are unusual", style="dim")]
    )


def replicas(report: Report) -> Text:
    """`4 ↑ 6`: current, direction, recommended."""
    now, wanted = report.current_replicas, report.recommended_replicas
    if now is None or wanted is None:
        return Text(f"{'?' if now is None else now} → {'?' if wanted is None else wanted}", style="dim")
    direction = (wanted > now) - (wanted < now)
    return Text(f"{now} {_ARROWS[direction]} {wanted}", style=("yellow", "dim", "green")[direction + 1])


@contextlib.contextmanager
def filling() -> Iterator[Callable[[int], None]]:
    """A progress bar over points of history, on the error stream."""
    console = Console(stderr=True)
    columns = (TextColumn("history"), BarColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("history", total=None, said="")

        def told(left: int) -> None:
            whole = max(bar.tasks[task].total or 0, left)
            said = f"{whole - left:,.0f} of {whole:,.0f} points"
            bar.update(task, total=whole, completed=whole - left, said=said)

        yield told


@contextlib.contextmanager
def walking(cycles: int, what: str = "first day") -> Iterator[Callable[[], None]]:
    """A progress bar over the cycles that are walked through at once."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.completed} of {task.total} cycles"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("cycles", total=cycles)
        yield lambda: bar.advance(task)


@contextlib.contextmanager
def serving(
    host: str,
    port: int,
    title: str,
    live: Live,
    clock: TraceClock | LiveClock | None = None,
    pages: Sequence[str] = ("/metrics",),
) -> Iterator[None]:
    """The address, and in a terminal the fleet, kept up to date while the block lasts."""
    console = Console(stderr=True)
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
    more = "".join(f"  ·  {page}" for page in pages[1:])
    words = Text.assemble(f"Helios ({title}) at ", (f"{address}{pages[0]}", "bold"), more)
    if clock is None or not console.is_terminal:
        console.print(words, soft_wrap=True)
        console.print("Ctrl-C ends it.", soft_wrap=True)
        yield
        return

    told: dict[int, Sequence[Report]] = {}

    def drawn() -> Group:
        cycle = live.cycles()
        if cycle not in told:  # a fleet's reports are made once a cycle, however often the screen is drawn
            told.clear()
            told[cycle] = live.reports()
        when = moment(clock.now()) + (" · the trace has ended" if clock.ended else "")
        caption = f"cycle {cycle} · {when} · Ctrl-C ends it"
        said = anomalies(told[cycle], _ANOMALY_LINES)
        for line in said:
            line.truncate(console.width, overflow="ellipsis")
        room = (console.width, console.height - len(said))
        return Group(words, fleet_table(told[cycle], caption, room), *said)

    with Screen(get_renderable=drawn, console=console, refresh_per_second=2, transient=True):
        yield
    console.print(f"ended after {live.cycles()} cycles", highlight=False)


def moment(now: float) -> str:
    """A time as people write it."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _anomaly(report: Report) -> Text:
    anomaly = report.anomaly
    if not anomaly.calibrated:
        return Text(f"{anomaly.points:,} of {anomaly.needed:,}", style="dim")
    if anomaly.score is None:
        return Text("–", style="dim")
    style = {"critical": "bold red", "warning": "yellow"}.get(anomaly.severity, "")
    name = f" {anomaly.kind if anomaly.kind != 'none' else 'unusual'}" if anomaly.detected else ""
    muted = " (muted)" if anomaly.muted else " (seen)" if anomaly.acknowledged else ""
    return Text(f"{anomaly.score:.1f}σ{name}{muted}", style="dim" if _quiet(report) else style)


def _quiet(report: Report) -> bool:
    """Whether it raises no alarm, however unusual it is."""
    return report.anomaly.muted or report.anomaly.acknowledged
