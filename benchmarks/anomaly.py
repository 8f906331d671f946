"""Helios' anomaly detector beside simple ones on labelled recordings, and what it costs.

    python benchmarks/anomaly.py --data DIR [--suites nab,mscloud,asd,kpi] [--detectors NAME,NAME] [--fleet 10000] [--json]

DIR holds nab/ (NAB's layout), mscloud/, asd/ and kpi/ (labelled CSVs; asd has a row every 5 minutes and no timestamps). Each
suite is walked by each detector, judged as `helios evaluate anomaly` judges, and gives one JSON line. On NAB the windowed
Gaussian and the random detector raise an alarm in every row over the threshold, as they are published, so that the scorer
can be checked; everywhere else all of them raise one alarm per event, by the same rule (`benchmarks.detectors.emitted`). The
last line is the fleet: what a step of the detector takes for many series at once, and the state that it keeps. On one core.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import fleets
from benchmarks.detectors import Each, Refractory, random, rolling_mad, rolling_z, windowed_gaussian
from helios.evaluation.anomaly_commands import shipped
from helios.evaluation.judgement_documents import judgement_document
from helios.evaluation.judgements import judge
from helios.evaluation.suites import Suite, read_suite
from scoring.anomalies.walks import Track, Walk, Walked
from scoring.evaluation import nab

SUITES = ("nab", "mscloud", "asd", "kpi")
WITHOUT_STAMPS: Mapping[str, float] = {"asd": 300.0}
"""Seconds between rows where a suite's files do not say it."""
TOLD = ("layout", "rows", "default_threshold", "alarms_per_week", "profiles", "groups", "vus_pr_window_rows")
RUNS = 10
"""So many random detectors; one of them says little."""
HELIOS, GAUSSIAN, MAD, Z, RANDOM = "Helios", "windowed Gaussian", "rolling MAD", "rolling z", "random"
PUBLISHED: Mapping[str, Mapping[str, float]] = {
    GAUSSIAN: {"standard": 39.6, "reward_low_FP_rate": 20.9, "reward_low_FN_rate": 47.4},
    RANDOM: {"standard": 11.0},
}
"""NAB's own results, which are of all 58 files."""
_RAW: Mapping[str, Walk] = {
    GAUSSIAN: Each(windowed_gaussian),
    MAD: Each(rolling_mad),
    Z: Each(rolling_z),
    RANDOM: Each(random(0)),
}
STEPPED: Callable[[int], fleets.Stepped] | None = fleets.Shipped
"""Makes Helios' detector over so many series, row by row, for the fleet's line."""
Told = Callable[[float], None]


def main() -> None:
    """Judge suite after suite; print one JSON line for each detector on each, and one for the fleet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder with nab/, mscloud/, asd/ and kpi/"
    )
    parser.add_argument("--suites", default=",".join(SUITES), help="which of them, with commas")
    parser.add_argument("--detectors", default=",".join((HELIOS, *_RAW)), help="which, with commas")
    parser.add_argument("--fleet", type=int, default=10_000, help="series of the fleet; 0: no fleet")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON lines")
    options = parser.parse_args()
    lines = []
    for name in options.suites.split(","):
        with bar(f"{name}: reading") as told:
            suite = read_suite(options.data / name, step=WITHOUT_STAMPS.get(name), told=told)
        for why in suite.faults.values():
            print(why, file=sys.stderr)
        for detector in options.detectors.split(","):
            with bar(f"{name}: {detector}") as told:
                line = judged(name, suite, detector, told)
            lines.append(line)
            print(json.dumps(line), flush=True)
    if options.fleet:
        with bar(f"a fleet of {options.fleet:,} series") as told:
            print(json.dumps(rounded(fleets.measured(options.fleet, STEPPED, told))), flush=True)
    if not options.json:
        print_table(lines)


def judged(name: str, suite: Suite, detector: str, told: Told) -> dict[str, Any]:
    """One suite's line for one detector."""
    walk = Timed(detector_of(detector, suite))
    found = judge(suite, walk, told=told)
    document = judgement_document(found, None)
    line: dict[str, Any] = {"suite": name, "detector": detector}
    line |= {key: document[key] for key in TOLD if key in document}
    line["series_rows_per_second"] = walk.series_rows_per_second
    if suite.layout == "nab" and detector in PUBLISHED:
        line["published_on_all_58_files"] = PUBLISHED[detector]
    if suite.layout == "nab" and detector == RANDOM:
        line["over_runs"] = over_runs(suite)
    return rounded(line)


def detector_of(name: str, suite: Suite) -> Walk:
    """A detector by its name, as it is judged on a suite.

    Raises:
        SystemExit: there is none of this name.
    """
    if name == HELIOS:
        return shipped()
    if name not in _RAW:
        sys.exit(f"--detectors {name!r}: choose from {', '.join((HELIOS, *_RAW))}")
    published = suite.layout == "nab" and name in PUBLISHED
    return _RAW[name] if published else Refractory(_RAW[name])


def over_runs(suite: Suite) -> dict[str, dict[str, float]]:
    """NAB's scores of several random detectors at the corpus-optimal threshold of each: their mean and their range."""
    corpus = nab.Corpus.of([len(case.labels) for case in suite.cases], [case.windows for case in suite.cases])
    rngs = [np.random.default_rng(seed) for seed in range(RUNS)]
    runs = [[rng.random(len(case.labels)) for case in suite.cases] for rng in rngs]
    found = {}
    for profile in nab.PROFILES:
        scores = [corpus.best(run, profile).score for run in runs]
        found[profile.name] = {"mean": float(np.mean(scores)), "least": min(scores), "most": max(scores)}
    return found


class Timed:
    """A detector that is timed while it walks.

    Attributes:
        series_rows_per_second: values taken in per second, of the last walk.
    """

    series_rows_per_second = float("nan")

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def __call__(self, tracks: Sequence[Track], progress: Told) -> list[Walked]:
        """As the detector does."""
        began = time.perf_counter()
        walked = self._walk(tracks, progress)
        self.series_rows_per_second = sum(one.values.size for one in tracks) / (time.perf_counter() - began)
        return walked


def rounded(told: dict[str, Any]) -> dict[str, Any]:
    """Numbers to four digits, all the way down."""
    found: dict[str, Any] = json.loads(
        json.dumps(told), parse_float=lambda number: float(f"{float(number):.4g}")
    )
    return found


def print_table(lines: Sequence[Mapping[str, Any]]) -> None:
    """The figures that decide, on the error stream."""
    console = Console(stderr=True, width=max(110, Console(stderr=True).width))
    table = Table(
        "NAB", "standard", "low FP", "low FN", "standard at the default", "alarms a week", "90th", "values/s"
    )
    for line in (one for one in lines if one["layout"] == "nab"):
        best = [f"{one['optimal']['score']:.1f}" for one in line["profiles"].values()]
        default, alarms = line["profiles"]["standard"]["default"]["score"], line["alarms_per_week"]
        table.add_row(
            line["detector"],
            *best,
            f"{default:.1f}",
            _cell(alarms["median"]),
            _cell(alarms["p90"]),
            f"{line['series_rows_per_second']:,.0f}",
        )
    console.print(table)
    table = Table(
        "recall at false alarms a week", "of", "0.25", "0.5", "1", "2", "VUS-PR", "alarms a week", "90th"
    )
    for line in lines:
        groups = [one for one in line.get("groups", ()) if one["kind"] in ("all", "step")]
        for group in groups if len(groups) > 2 else groups[:1]:
            recalls = [_cell(one["recall"]) for one in group["at_false_alarms_per_week"].values()]
            default = group["default"]
            alarms = [_cell(default["alarms_per_week_median"]), _cell(default["alarms_per_week_p90"])]
            table.add_row(
                f"{line['suite']} {group['name']}",
                line["detector"],
                *recalls,
                _cell(group["vus_pr"]),
                *alarms,
            )
    console.print(table)


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


@contextmanager
def bar(name: str) -> Iterator[Told]:
    """One line on the error stream: what is done, and how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield partial(_tell, progress, progress.add_task(name, total=1.0))


def _tell(progress: Progress, task: Any, done: float) -> None:
    progress.update(task, completed=done)


if __name__ == "__main__":
    main()
