"""`helios release`: what it takes, does and prints.

It works with the credentials of whoever types, whether an operator runs or not: what Helios manages is given back, kept on cpu
alone, or removed, and each HeliosTarget is left in Observe. It may be broken off and run again any time.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from helios.errors import ClusterMissing, SettingsError
from helios.operator.clusters import Cluster
from helios.operator.namespaces import existing
from helios.operator.releasers import Releaser, Step
from helios.operator.releases import Key, Release
from helios.settings import load_settings

Name = Annotated[str | None, typer.Argument(help="The HeliosTarget; or --all.")]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Its namespace, default if not given; with --all this one alone."),
]
All = Annotated[
    bool, typer.Option("--all", help="Every HeliosTarget, and what those that are gone have left.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be done.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document, for scripts.")]
Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="The settings file; names the kube config's context.")
]


def release(
    name: Name = None,
    namespace: Namespace = None,
    all_: All = False,
    dry_run: DryRun = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Undo all that Helios manages, with the operator or without; give NAME or --all.

    Exit code 1 if something is left, 2 if it could not begin, 0 otherwise.
    An adopted autoscaler is given back as it was, a ScaledObject of Helios' own stays on cpu alone, and the HeliosTarget observes.
    """
    if (name is None) == (not all_):
        raise SettingsError("give one of NAME, for one HeliosTarget, and --all")
    where = namespace if all_ else namespace or "default"
    with Cluster.connected(load_settings(config, os.environ).operator.context) as cluster:
        releaser = Releaser(cluster)
        found = releaser.found(where, name)
        if name is not None and not found and not releaser.exists(str(where), name):
            raise ClusterMissing(
                f"there is no HeliosTarget {where}/{name}, and nothing that one has left behind"
            )
        if name is None and where is not None and not found and (unknown := existing(cluster, where)):
            typer.echo(unknown, err=True)
        if dry_run:
            _foretell(found, json=json)
        elif carried_out(releaser, where, name, json=json):
            raise typer.Exit(1)


def _foretell(found: list[Release], *, json: bool) -> None:
    if json:
        _dump([{"namespace": one.namespace, "name": one.name, "would": one.fate()} for one in found])
        return
    for one in found:
        typer.echo(f"{one.namespace}/{one.name}: {one.fate()}")
    typer.echo(f"{_many(len(found))} to be released; nothing was written")


def carried_out(releaser: Releaser, namespace: str | None, name: str | None, *, json: bool) -> bool:
    """Release what is found, and print it; whether something is left.

    Raises:
        ClusterError: it cannot be listed.
    """
    last: dict[Key, Step] = {}
    with _shown() as progress:
        for one, step in releaser.release(namespace, name):
            last[one.key] = step
            progress(
                len(last),
                sum(step.done for step in last.values()),
                f"{one.namespace}/{one.name}: {step.said}",
            )
    left = {key: step for key, step in last.items() if not step.done}
    if json:
        _dump(
            [
                {
                    "namespace": key[0],
                    "name": key[1],
                    "released": step.done,
                    "said": step.said,
                    "raised": step.raised,
                }
                for key, step in last.items()
            ]
        )
        return bool(left)
    for (space, what, _), step in last.items():
        if step.done:
            typer.echo(f"{space}/{what}: {step.said}")
    for (space, what, _), step in left.items():
        typer.echo(f"{space}/{what} is not released: {step.said}", err=True)
    raised = sum(step.raised is not None for step in last.values())
    if raised:
        typer.echo(
            f"{_many(raised)} got a higher maximum than its own, as more replicas run: lower it when they are fewer",
            err=True,
        )
    typer.echo(
        f"{_many(len(last) - len(left))} released" + (f", {len(left)} left: run it again" if left else "")
    )
    return bool(left)


@contextlib.contextmanager
def _shown() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on the error stream; without a terminal a line for each thing that is new."""
    console = Console(stderr=True)
    columns = (
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f}"),
        TextColumn("{task.description}", markup=False),
    )
    said: set[str] = set()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        task = bars.add_task("", total=0)

        def told(total: int, done: int, words: str) -> None:
            bars.update(task, total=total, completed=done, description=words)
            if not console.is_terminal and words not in said:
                typer.echo(words, err=True)
            said.add(words)

        yield told


def _many(count: int) -> str:
    return "1 HeliosTarget" if count == 1 else f"{count} HeliosTargets"


def _dump(document: Any) -> None:
    sys.stdout.write(orjson.dumps(document).decode() + "\n")
