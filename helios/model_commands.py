"""`helios train`, `helios models list` and `helios models show`: what they take, call and print."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from helios import snapshot_trainings, trainings
from helios.errors import ModelError, SettingsError, TraceError
from helios.evaluation.recordings import files_in, read_recording
from helios.models.catalogues import Catalogue, Version, catalogue
from helios.models.folders import ForecasterMetadata, LoadedForecaster, TrainedMetadata, load_folder
from helios.models.forecasters import FLEET
from helios.models.stores import BUNDLED, BUNDLED_SOURCE
from helios.models.writers import Origin, write_version
from helios.settings import load_settings
from helios.snapshot_trainings import SnapshotOutcome
from helios.trainings import Corpus, Outcome

models = typer.Typer(help="Look at the models that there are.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON document, for scripts.")]
Folder = Annotated[
    Path | None,
    typer.Option("--path", help="The folder of models; HELIOS_MODEL_PATH otherwise.", show_default=False),
]
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_STEP = re.compile(r"(\d+)([smh])")
_SHOWN = 3
"""So many figures fit a line; `show` has all."""
_FIGURES = {
    "relative_mae_5m": "MAE/persistence 5m",
    "relative_mae_30m": "30m",
    "wql_30m": "wQL 30m",
    "coverage_30m": "P10-P90 holds 30m",
}


def train(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="CSV files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="The folder of models that the version is written to.")] = Path(
        "models"
    ),
    base: Annotated[
        str,
        typer.Option(help="What training goes on from: bundled, none, or a version in HELIOS_MODEL_PATH."),
    ] = BUNDLED_SOURCE,
    step: Annotated[str, typer.Option(help="The grid that the traces are put on, such as 5m.")] = "5m",
    seed: Annotated[int, typer.Option(min=0, help="Of the lots that training draws.")] = 0,
    anomaly: Annotated[
        bool,
        typer.Option(
            "--anomaly",
            help="Train what POST /detect expects of one service instead: one CSV file, its columns named as in a snapshot.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Train the fleet model on your own traces, compare it with its base on what was held out, and write a version."""
    seconds = seconds_of(step)
    if anomaly:
        _train_snapshots(paths, out, seconds, seed, json=json)
    if seconds != trainings.STEP:
        raise SettingsError(f"--step {step!r}: models are trained on a grid of 5m only: leave it out")
    now = time.time()
    corpora = _corpora(paths, seconds)
    started = _base(base, now)
    with _shown() as progress:
        outcome = trainings.learn(
            corpora,
            base=None if started is None else started.models,
            seed=seed,
            timer=time.perf_counter,
            progress=progress,
        )
    named = "" if started is None else f"{started.name}/{started.version} ({started.source})"
    folder = write_version(
        out,
        outcome.models,
        _origin(corpora, outcome, seconds, seed, named),
        now=now,
        above="" if started is None else started.version,
    )
    _print_outcome(folder, outcome, named, json=json)
    raise typer.Exit(1 if outcome.worse else 0)


def _train_snapshots(paths: list[Path], out: Path, step: float, seed: int, *, json: bool) -> None:
    """Train on one service's snapshots; ends the command."""
    corpora = _corpora(paths, step)
    if len(corpora) != 1:
        raise TraceError(f"--anomaly learns one service: give one file, not {len(corpora)}")
    with _shown() as progress:
        outcome = snapshot_trainings.learn_snapshots(corpora[0], seed=seed, progress=progress)
    folder = snapshot_trainings.write(out, corpora[0], outcome, seed=seed, now=time.time())
    told = {"name": folder.parent.name, "version": folder.name, "path": str(folder), "worse": outcome.worse}
    if json:
        _dump(told | {"metrics": outcome.metrics, "held_out": outcome.held_out})
    else:
        _print_snapshots(folder, outcome)
    raise typer.Exit(1 if outcome.worse else 0)


@models.command("list")
def list_models(path: Folder = None, json: Json = False) -> None:
    """List every version of every model, and which are in force; exit code 1 if one is damaged."""
    found = _catalogue(path)
    if json:
        _dump({"models": [_described(one) for one in found.versions], "problems": list(found.problems)})
    else:
        _print_catalogue(found)
    raise typer.Exit(1 if any(one.problem for one in found.versions) else 0)


@models.command("show")
def show_model(
    wanted: Annotated[str, typer.Argument(metavar="NAME[/VERSION]", help="Such as fleet, or fleet/1.0.0.")],
    path: Folder = None,
    json: Json = False,
) -> None:
    """Show what one model was made of and how good it was found; without a version the one in force."""
    version = _catalogue(path).picked(wanted)
    if version.metadata is None:
        raise ModelError(version.problem or f"{version.folder}: cannot be read")
    if json:
        _dump(_described(version) | {"metadata": version.metadata.model_dump()})
    else:
        _print_version(version)
    raise typer.Exit(1 if version.problem else 0)


def seconds_of(text: str) -> float:
    """The seconds of `5m`, `300s` or `1h`.

    Raises:
        SettingsError: it is no such duration, or not of use: under a second or over an hour.
    """
    match = _STEP.fullmatch(text.strip())
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 1 <= seconds <= 3600:
        raise SettingsError(f"--step {text!r}: write a duration from 1s to 1h, such as 5m")
    return seconds


def _corpora(paths: list[Path], step: float) -> list[Corpus]:
    """One's own traces, each file one body of data.

    Raises:
        TraceError: one cannot be trained on, or two have one name.
    """
    recordings = [read_recording(file, step) for file in files_in(paths)]
    names = [recording.name for recording in recordings]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TraceError(f"{twice[0]} is the name of two files: rename one, figures are told by it")
    return [trainings.own_corpus(one.name, one.sha256, one.panel) for one in recordings]


def _base(wanted: str, now: float) -> LoadedForecaster | None:
    """The model that training goes on from.

    Raises:
        ModelError: there is no such version, or it is damaged.
    """
    if wanted == "none":
        return None
    path = None if wanted == BUNDLED_SOURCE else load_settings(None, os.environ).models.path
    found = catalogue(path, now=now)
    if wanted == BUNDLED_SOURCE and not any(one.name == FLEET for one in found.versions):
        raise ModelError("this package has no bundled fleet model: train with --base none")
    version = found.picked(FLEET if wanted == BUNDLED_SOURCE else f"{FLEET}/{wanted}")
    loaded = load_folder(version.folder, source=version.source, now=now)
    if not isinstance(loaded, LoadedForecaster):
        raise ModelError(f"{version.folder}: it was not learned from fleets: choose another base, or none")
    return loaded


def _origin(corpora: list[Corpus], outcome: Outcome, step: float, seed: int, base: str) -> Origin:
    series = sum(corpus.source.series for corpus in corpora)
    return Origin(
        step_seconds=step,
        sources=[corpus.source for corpus in corpora],
        basis=f"{series} series of one's own" + (f", going on from {base}" if base else ""),
        settings={"seed": seed, "held_out": trainings.HELD_OUT},
        metrics=outcome.metrics | {"loss_over_base": round(outcome.ratio, 4)},
        held_out=outcome.held_out,
        base=base,
    )


def _catalogue(path: Path | None) -> Catalogue:
    return catalogue(path or load_settings(None, os.environ).models.path, now=time.time(), bundled=BUNDLED)


def _described(version: Version) -> dict[str, Any]:
    """A version for scripts."""
    told = {k: v for k, v in asdict(version).items() if k not in {"metadata", "folder"}}
    known = version.metadata
    about = {"kind": known.format, "created_at": known.created_at, "metrics": known.metrics} if known else {}
    return told | {"folder": str(version.folder)} | about


def _dump(document: dict[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(document).decode() + "\n")


@contextlib.contextmanager
def _shown() -> Iterator[trainings.Progress]:
    """A bar per stage on the error stream."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def told(stage: str, done: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0)
            bars.update(tasks[stage], completed=done)

        yield told


def _print_outcome(folder: Path, outcome: Outcome, base: str, *, json: bool) -> None:
    against = base or "a forecaster that has learned from no fleet"
    if json:
        _dump(
            {
                "name": folder.parent.name,
                "version": folder.name,
                "path": str(folder),
                "base": base or None,
                "loss_over_base": outcome.ratio,
                "worse": outcome.worse,
                "metrics": outcome.metrics,
                "held_out": outcome.held_out,
                "before": outcome.before,
            }
        )
        return
    console = Console()
    table = Table(box=box.SIMPLE, caption="on the held-out last stretch, before → now")
    table.add_column("trace")
    for title in _FIGURES.values():
        table.add_column(title, justify="right")
    for name, now in outcome.held_out.items():
        then = outcome.before[name]
        table.add_row(name, *(f"{_figure(then, key)} → {_figure(now, key)}" for key in _FIGURES))
    console.print(table)
    verdict = "worse than" if outcome.worse else "no worse than"
    console.print(
        f"{verdict} {against}: its quantile loss is {outcome.ratio - 1:+.1%}", markup=False, soft_wrap=True
    )
    console.print(f"written to {folder}", markup=False, soft_wrap=True)
    use = "it is written all the same; to use it" if outcome.worse else "to use it"
    console.print(f"{use}: HELIOS_MODEL_PATH={folder.parent.parent.resolve()}", markup=False, soft_wrap=True)


def _print_snapshots(folder: Path, outcome: SnapshotOutcome) -> None:
    console = Console()
    table = Table(
        box=box.SIMPLE, caption="mean absolute error on the held-out last stretch; below 1 is better"
    )
    for title in ("metric", "beside the others, over its usual value's", "with its past, over persistence's"):
        table.add_column(title, justify="left" if title == "metric" else "right")
    for name, found in outcome.held_out.items():
        table.add_row(name, _figure(found, "error_over_usual"), _figure(found, "error_over_persistence"))
    console.print(table)
    rates = (outcome.metrics["anomaly_rate"], outcome.metrics["anomaly_rate_past"])
    console.print(
        f"of held-out snapshots {rates[0]:.1%} reach 2.5 sigmas alone, {rates[1]:.1%} with their past; 1.2% are meant to",
        markup=False,
        soft_wrap=True,
    )
    console.print(f"written to {folder}", markup=False, soft_wrap=True)
    use = "it knows no more than the usual values; to use it all the same" if outcome.worse else "to use it"
    console.print(f"{use}: HELIOS_MODEL_PATH={folder.parent.parent.resolve()}", markup=False, soft_wrap=True)


def _figure(figures: dict[str, float], key: str) -> str:
    return f"{figures[key]:.3f}" if key in figures else "–"


def _print_catalogue(found: Catalogue) -> None:
    console = Console()
    table = Table(box=box.SIMPLE)
    for title in ("model", "version", "state", "from", "created", "figures"):
        table.add_column(title, no_wrap=title in {"model", "version", "state", "created"}, overflow="fold")
    for one in found.versions:
        state = "damaged" if one.problem else "in force" if one.in_force else "intact"
        known = one.metadata
        first = list(known.metrics.items())[:_SHOWN] if known else []
        figures = ", ".join(f"{k} {v:g}" for k, v in first) or "–"
        created = known.created_at[:10] if known else "–"
        table.add_row(one.name, one.version, state, one.source, created, figures)
    console.print(table)
    for problem in found.problems:
        console.print(problem, style="red", markup=False, soft_wrap=True)


def _print_version(version: Version) -> None:
    console = Console()
    known = version.metadata
    if known is None:
        return
    state = version.problem or ("in force" if version.in_force else "intact, not in force")
    about = {
        "model": f"{known.name}/{known.version}",
        "state": state,
        "folder": str(version.folder),
        "kind": known.format,
        "created": known.created_at,
        "step": f"{known.step_seconds:g} s",
        "basis": known.basis,
        "figures": ", ".join(f"{k} {v:g}" for k, v in known.metrics.items()),
    }
    if isinstance(known, TrainedMetadata):
        about |= {
            "trained after": known.base or "nothing",
            "settings": ", ".join(f"{k} {v}" for k, v in known.settings.items()),
            "libraries": ", ".join(f"{k} {v}" for k, v in known.libraries.items()),
        }
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for title, said in about.items():
        table.add_row(title, said)
    console.print(table)
    if isinstance(known, ForecasterMetadata):
        console.print(_sources(known))
    elif isinstance(known, TrainedMetadata):
        console.print(_origins(known))


def _sources(known: ForecasterMetadata) -> Table:
    """What it was trained on, and how it did on the last stretch of each."""
    table = Table(box=box.SIMPLE)
    for title in ("source", "licence", "series", "steps", "SHA-256", *_FIGURES.values()):
        table.add_column(title)
    for one in known.sources:
        figures = known.held_out.get(one.name, {})
        cells = (one.name, one.licence, f"{one.series}", f"{one.steps}", one.sha256[:12])
        table.add_row(*cells, *(_figure(figures, key) for key in _FIGURES))
    return table


def _origins(known: TrainedMetadata) -> Table:
    """What it was trained on, and beneath it what was measured, of what."""
    table = Table(box=box.SIMPLE)
    for title in ("source", "licence", "series", "steps", "SHA-256"):
        table.add_column(title)
    for one in known.sources:
        table.add_row(one.name, one.licence, f"{one.series}", f"{one.steps}", one.sha256[:12])
    for name, found in known.held_out.items():
        table.add_row(name, *(f"{key} {value:g}" for key, value in list(found.items())[:4]))
    return table
