"""What a person sees in the terminal: progress, the address, the fleet as a table; and the same as JSON for scripts."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import orjson
from rich.console import Console
from rich.live import Live as Screen
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from helios.app import Application
from helios.clocks import TraceClock
from scoring.reports import Report
from scoring.scorer import Summary

CyclePrinter = Callable[[Summary, Sequence[Report]], None]
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
    for stage, fault in summary.faults.items():
        console.print(f"{stage}: {fault}", style="red", markup=False)


def fleet_table(reports: Sequence[Report], caption: str) -> Table:
    """The fleet: replicas now and recommended, why, how abnormal, and what the ledger says."""
    table = Table(caption=caption, expand=True)
    table.add_column("target", no_wrap=True)
    table.add_column("replicas", justify="right", no_wrap=True)
    table.add_column("why", ratio=3)
    table.add_column("anomaly", justify="right", no_wrap=True)
    table.add_column("ledger", ratio=2)
    for report in reports:
        table.add_row(
            Text(f"{report.namespace}/{report.deployment}"),
            replicas(report),
            Text(report.problem or report.reason),
            _anomaly(report),
            Text(report.ledger.line),
        )
    return table


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
def serving(host: str, port: int, title: str, built: Application, clock: TraceClock | None) -> Iterator[None]:
    """The address, and in a terminal the fleet, kept up to date while the block lasts."""
    console = Console(stderr=True)
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    address = f"http://{shown}:{port}"
    console.print(
        f"Helios ({title}) at [bold]{address}/[/]  ·  gauges {address}/metrics  ·  API {address}/docs"
    )
    if clock is None or not console.is_terminal:
        console.print("Ctrl-C ends it.")
        yield
        return

    def drawn() -> Table:
        when = moment(clock.now())
        ended = "; the trace has ended" if clock.ended else ""
        return fleet_table(
            built.live.reports(), f"cycle {built.live.cycles()} · {when}{ended} · Ctrl-C ends it"
        )

    with Screen(get_renderable=drawn, console=console, refresh_per_second=2, transient=True):
        yield
    console.print(f"ended after {built.live.cycles()} cycles", highlight=False)


def moment(now: float) -> str:
    """A time as people write it."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _anomaly(report: Report) -> Text:
    anomaly = report.anomaly
    if anomaly.score is None:
        return Text("–", style="dim")
    style = {"critical": "bold red", "warning": "yellow"}.get(anomaly.severity, "")
    name = f" {anomaly.direction}" if anomaly.detected else ""
    return Text(f"{anomaly.score:.1f}σ{name}", style=style)
