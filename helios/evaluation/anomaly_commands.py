"""`helios evaluate anomaly`: what it takes, calls and prints."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from helios.errors import SettingsError
from helios.evaluation.durations import seconds_of
from helios.evaluation.judgement_documents import judgement_document
from helios.evaluation.judgement_tables import tables
from helios.evaluation.judgements import judge
from helios.evaluation.score_files import write_scores
from helios.evaluation.suites import Suite, read_suite
from helios.models.stores import ModelStore
from helios.settings import load_settings
from scoring.anomalies.walks import Walk

Told = Callable[[str, float], None]


def anomaly_command(detector: Callable[[], Walk]) -> Callable[..., None]:
    """The command that judges a detector.

    Args:
        detector: gives it, when the recordings have been read.
    """

    def evaluate_anomaly(
        path: Annotated[
            Path,
            typer.Argument(
                metavar="PATH", help="A folder in NAB's layout, one of labelled CSV files, or a file."
            ),
        ],
        labels: Annotated[
            Path | None, typer.Option(help="NAB's windows as JSON, if not at labels/combined_windows.json.")
        ] = None,
        scores: Annotated[
            Path | None, typer.Option(help="Write the scores of each file below this folder.")
        ] = None,
        continuous: Annotated[
            bool | None,
            typer.Option(
                "--continuous/--alarms",
                help="What --scores writes: every row's score, or 0 where no alarm would be raised. Default: alarms, and every "
                "row's of targets with several metrics.",
                show_default=False,
            ),
        ] = None,
        threshold: Annotated[
            float | None, typer.Option(help="One more threshold at which to judge, in sigmas.")
        ] = None,
        step: Annotated[
            str, typer.Option(help="Time between rows, such as 5m, for files without timestamps.")
        ] = "5m",
        json: Annotated[bool, typer.Option("--json", help="One JSON document, for scripts.")] = False,
    ) -> None:
        """Walk the anomaly detector over labelled recordings, row by row, and judge its alarms by their labels.

        NAB's layout is judged by NAB's rules. Elsewhere a file has the columns timestamp, label (1 in rows of an anomaly) and
        one for each metric of a target; name_train.csv beside name_test.csv is its unlabelled past. Exit code 1: some files
        have no figures; 2: none has.
        """
        if threshold is not None and not threshold > 0:
            raise SettingsError(f"--threshold {threshold:g}: give a number of sigmas above 0, such as 2.5")
        every = seconds_of("--step", step)
        with _shown() as told:
            suite = read_suite(path, labels, every, lambda done: told("reading", done))
            if suite.cases:
                found = judge(suite, detector(), threshold, lambda done: told("walking", done))
        if suite.cases:
            if scores is not None:
                write_scores(scores, found.verdicts, continuous=continuous)
            if json:
                sys.stdout.write(orjson.dumps(judgement_document(found, threshold)).decode() + "\n")
            else:
                console = Console()
                for table in tables(found, threshold):
                    console.print(table)
        raise typer.Exit(_told_faults(suite))

    return evaluate_anomaly


def shipped() -> Walk:
    """The detector that the scoring loop runs, with the trained model in force."""
    from scoring.anomalies.walks import walk  # noqa: PLC0415 - only who walks it needs all that it imports

    store = ModelStore(load_settings(None, os.environ).models.path)
    store.refresh(time.time())
    return partial(walk, expectations=store.expectations())


def _told_faults(suite: Suite) -> int:
    """Say which files have no figures; the exit code."""
    errors = Console(stderr=True)
    for why in suite.faults.values():
        errors.print(f"helios: {why}", style="red", markup=False, highlight=False, soft_wrap=True)
    return 2 if not suite.cases else int(bool(suite.faults))


@contextlib.contextmanager
def _shown() -> Iterator[Told]:
    """On the error stream: a bar over what is being done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        task = bars.add_task("reading", total=1.0)
        yield lambda stage, done: bars.update(task, description=stage, completed=done)
