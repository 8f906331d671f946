"""`helios import`: what it takes, does and prints.

It reads autoscalers and creates HeliosTargets in Observe, with the credentials of whoever types; nothing that scales is written. It
may be run again any time: what has a target is left as it is, and ranked by its ledger where a running Helios can be asked.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from helios.errors import ClusterMissing
from helios.imports.documents import documents, manifests, plain, summary, told, waiting
from helios.imports.doors import Outcome, listed, planned, unserved, written
from helios.imports.fleets import Fleet, Terms, sifted
from helios.imports.ledgers import LedgersAwayError, figures
from helios.imports.rankings import Row, Verdict, ranked
from helios.operator.clusters import Cluster
from helios.operator.queries import problem
from helios.settings import Settings, load_settings
from scoring.ledgers import span

_WIDE = 200
"""Columns of a table that no terminal limits."""

Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="This namespace alone; all of them otherwise.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Write nothing; print the HeliosTargets for kubectl apply -f -.")
]
Url = Annotated[
    str | None,
    typer.Option(help="Address of helios serve, for the ledgers; this machine's service.port otherwise."),
]
LeastDays = Annotated[
    float, typer.Option(min=0, max=7, metavar="DAYS", help="Rank only what was watched for so long.")
]
First = Annotated[int, typer.Option(min=1, max=1000, help="Name so many to be switched on first.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document per line, for scripts.")]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The settings file: the scoring interval, the kube config's context."
    ),
]


def import_(
    namespace: Namespace = None,
    dry_run: DryRun = False,
    url: Url = None,
    least_days: LeastDays = 1.0,
    first: First = 5,
    json: Json = False,
    config: Config = None,
) -> None:
    """Make a HeliosTarget in Observe of each HPA and ScaledObject, and say by their ledgers whom to switch on first.

    Exit code 1 if a target could not be created, 2 if it could not begin, 0 otherwise.
    """
    settings = load_settings(config, os.environ)
    with Cluster.connected(settings.operator.context) as cluster:
        found, notes = listed(cluster, namespace)
        if found.targets is None and not dry_run:
            raise ClusterMissing(
                "HeliosTarget is not installed in this cluster: run helios crd | kubectl apply -f - first, or look with --dry-run"
            )
        rules = settings.operator.custom_queries
        cycle = settings.scoring.interval_seconds
        terms = Terms(
            cycle, lambda query, where: problem(query, where, rules), functools.partial(unserved, cluster)
        )
        fleet = sifted(found, terms)
        if dry_run:
            done = list(planned(fleet.imports))
        else:
            with _progress(len(fleet.imports)) as step:
                done = written(cluster, fleet.imports, step)
    rows, away = _ranking(fleet, settings, url, least_days)
    if json:
        for document in documents(done, fleet.skipped, rows):
            sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
        sys.stdout.buffer.flush()
        notes = (*notes, *away)
    else:
        if dry_run:
            for text in manifests(one.made for one in done):
                typer.echo(text, nl=False)
        said = told(done, fleet.skipped, notes)
        _print(Console(stderr=True), said)
        console = Console(stderr=dry_run)
        _print(console, [summary(done, fleet.skipped, dry_run=dry_run)])
        _tell(console, rows, least_days, first)
        notes = away
    _print(Console(stderr=True), notes)
    if any(one.outcome is Outcome.FAILED for one in done):
        raise typer.Exit(1)


def _ranking(
    fleet: Fleet, settings: Settings, url: str | None, least_days: float
) -> tuple[list[Row], tuple[str, ...]]:
    """Those that had a target before, by their ledgers; or why there are no ledgers."""
    if not fleet.existing:
        return [], ()
    try:
        found = figures(url or f"http://127.0.0.1:{settings.service.port}")
    except LedgersAwayError as error:
        return [], (f"not ranked: {error}",)
    return ranked(fleet.existing, found, fleet.known, least_days=least_days), ()


def _tell(console: Console, rows: Sequence[Row], least_days: float, first: int) -> None:
    """Whom to switch on first, with the figures and the commands; and what the others wait for."""
    if not rows:
        return
    ready = [row for row in rows if row.verdict is Verdict.READY]
    if ready:
        chosen = ready[:first]
        words = f"Switch {'this one' if len(chosen) == 1 else f'these {len(chosen)}'} on first"
        _print(console, ["", f"{words}, of {len(ready)} that are ready and {len(rows)} in all:"])
        Console(stderr=console.stderr, width=None if console.is_terminal else _WIDE).print(_table(chosen))
        _print(console, [row.command for row in chosen])
    else:
        _print(console, ["", f"None of {len(rows)} targets should be switched on yet:"])
    _print(console, waiting(rows, least_days))


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=box.SIMPLE)
    table.add_column("target", overflow="fold")
    table.add_column("ledger", no_wrap=True)
    for title in ("minutes short", "replica-hours", "skill", "replicas"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("risk")
    for row in rows:
        if row.figures is None:
            continue
        one = row.figures
        reactive = one.short_minutes_reactive
        short = f"{one.short_minutes_actual:.0f} → {one.short_minutes_recommended:.0f}"
        now, wanted = ("?" if count is None else str(count) for count in row.replicas)
        table.add_row(
            Text(f"{row.target.namespace}/{row.target.name}"),
            Text(span(one.seconds)),
            Text(short if reactive is None else f"{short} (reactive {reactive:.0f})"),
            Text(f"{one.replica_hours_actual:.1f} → {one.replica_hours_recommended:.1f}"),
            Text("" if row.skill is None else f"{row.skill:.2f}"),
            Text(f"{now} → {wanted}"),
            Text(plain("; ".join(row.risks)) or "none seen"),
        )
    return table


def _print(console: Console, lines: Sequence[str] | Iterator[str]) -> None:
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


@contextlib.contextmanager
def _progress(count: int) -> Iterator[Callable[[], None]]:
    """A bar over the targets that are created, on the error stream."""
    console = Console(stderr=True)
    columns = (TextColumn("import"), BarColumn(), TextColumn("{task.completed} of {task.total} targets"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("targets", total=count)
        yield lambda: bar.advance(task)
