"""`helios evaluate forecast`: what it takes, calls and prints; `helios evaluate anomaly` joins it from its own module."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from helios import forecasters
from helios.errors import SettingsError
from helios.evaluation import comparisons
from helios.evaluation.anomaly_commands import anomaly_command, shipped
from helios.evaluation.comparisons import Bench, Plan, Result
from helios.evaluation.documents import document
from helios.evaluation.durations import seconds_of
from helios.evaluation.recordings import files_in
from helios.evaluation.tables import fleet_table, summary_table
from helios.models.folders import LoadedForecaster
from helios.models.forecasters import FLEET
from helios.models.stores import ModelStore
from helios.settings import load_settings
from scoring.evaluation.backtests import SHARE
from scoring.forecasting.learned import Models
from scoring.panels import Panel

evaluate = typer.Typer(help="Judge Helios on recordings of your own.", no_args_is_help=True)

_LONGEST = 86_400.0
TRAINED_STEP = 300.0


@evaluate.callback()
def _group() -> None:
    """Judge Helios on recordings of your own."""


evaluate.command("anomaly")(anomaly_command(shipped))


@evaluate.command("forecast")
def evaluate_forecast(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="CSV files, or folders that are searched for them."),
    ],
    models: Annotated[str, typer.Option(help="Forecasters by name, with commas.")] = "auto,baseline",
    horizons: Annotated[str, typer.Option(help="How far ahead, with commas.")] = "5m,10m,15m,30m",
    share: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="The last part of each trace, which counts.")
    ] = SHARE,
    step: Annotated[str, typer.Option(help="The grid that the traces are put on.")] = "5m",
    train: Annotated[
        bool, typer.Option("--train", help="Train the learned models on each fleet's own past first.")
    ] = False,
    series: Annotated[
        int | None, typer.Option(min=1, help="So many series of each file, evenly spread; all otherwise.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document, for scripts.")] = False,
) -> None:
    """Walk forecasters over recorded demand, every step an origin, and compare them with persistence.

    Each file is one fleet: the first column `timestamp` (ISO 8601), one column per series, an empty cell where nothing was
    observed. Exit code 1: some files have no figures; 2: none has.
    """
    plan = plan_of(models, horizons, share, step, train=train, series=series)
    files = files_in(paths)
    store = ModelStore(load_settings(None, os.environ).models.path)
    store.refresh(time.time())
    learned = store.forecasters.get(FLEET)
    with _shown(len(files)) as progress:
        results, faults = comparisons.compare(files, plan, _bench(store, learned, plan), progress)
    if json:
        found = document(results, faults, plan, _described(learned))
        sys.stdout.write(orjson.dumps(found).decode() + "\n")
    else:
        _print(results, plan)
    errors = Console(stderr=True)
    for why in faults.values():
        errors.print(f"helios: {why}", style="red", markup=False, highlight=False, soft_wrap=True)
    failed = bool(faults) or any(result.faults for result in results)
    raise typer.Exit(2 if not any(result.scores for result in results) else int(failed))


def plan_of(models: str, horizons: str, share: float, step: str, *, train: bool, series: int | None) -> Plan:
    """What the options ask for.

    Raises:
        SettingsError: an option cannot be understood or met; the message names it, its value and the remedy.
    """
    names = tuple(dict.fromkeys(name for name in (part.strip() for part in models.split(",")) if name))
    if not names:
        raise SettingsError(f"--models {models!r}: name at least one, of {', '.join(forecasters.names())}")
    grid = seconds_of("--step", step)
    if not 1 <= grid <= 3600:
        raise SettingsError(f"--step {step!r}: give a duration from 1s to 1h")
    ahead = tuple(
        sorted({seconds_of("--horizons", part.strip()) for part in horizons.split(",") if part.strip()})
    )
    if not ahead:
        raise SettingsError(f"--horizons {horizons!r}: name at least one, such as 30m")
    for seconds in ahead:
        if seconds % grid or not grid <= seconds <= _LONGEST:
            raise SettingsError(
                f"--horizons {horizons!r}: each must be a multiple of --step {step} and at most a day: "
                f"{seconds:g} s is not"
            )
    if train and grid != TRAINED_STEP:
        raise SettingsError(
            f"--step {step!r}: models are trained on a grid of 5m only: leave --step or --train out"
        )
    return Plan(names, ahead, share, grid, train, series)


def _bench(store: ModelStore, learned: LoadedForecaster | None, plan: Plan) -> Bench:
    sources = frozenset() if learned is None else frozenset(one.sha256 for one in learned.metadata.sources)
    train = partial(_train, boost="xgboost" in plan.models)
    return Bench(store.learned(), sources, forecasters.forecaster, time.perf_counter, train)


def _train(
    panels: Sequence[Panel], *, base: Models | None, progress: Callable[[str, float], None], boost: bool
) -> Models:
    from scoring.forecasting.trainings import train  # noqa: PLC0415 - it needs xgboost, which takes a second

    return train(panels, base=base, progress=progress, boost=boost)


def _described(learned: LoadedForecaster | None) -> Mapping[str, str] | None:
    if learned is None:
        return None
    return {"name": learned.name, "version": learned.version, "source": learned.source}


def _print(results: Sequence[Result], plan: Plan) -> None:
    console = Console()
    for result in results:
        console.print(fleet_table(result))
    if len(results) > 1:
        console.print(summary_table(results, plan))


@contextlib.contextmanager
def _shown(files: int) -> Iterator[comparisons.Progress]:
    """On the error stream: a bar over the files, and one over what is done with the present one."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    shown = Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
    )
    with shown as bars:
        whole = bars.add_task("files", total=files)
        present = bars.add_task("", total=1.0)
        seen: dict[str, Any] = {}

        def told(name: str, stage: str, done: float) -> None:
            seen.setdefault(name, None)
            bars.update(whole, completed=len(seen) - 1)
            bars.update(present, description=f"{name}: {stage}", completed=done)

        yield told
