"""Helios beside persistence, statsforecast and a global LightGBM on recorded fleets: accuracy and series per second.

    python benchmarks/forecast.py --data DIR [--models auto,baseline] [--train | --leave-one-out] [--json]

Every `.csv.gz` in DIR/traces (or DIR) is one fleet, put on a grid of 5 minutes. Helios' forecasters walk the last 30 % of
each, every step an origin, six horizons and three lead times at once; figures are fleet medians over the series with the
worst decile beside them. The peers forecast a stated sample (--sample series of each fleet, evenly spread, at --origins
origins, evenly spread over the part that counts), for they do a few series a second at best; ours and persistence are
judged on just the same points there. LightGBM (mlforecast) is one global model per fleet, trained on the fleet's own past.
All on one core.

Cold start is measured with --leave-one-out: for each fleet a network is trained on all fleets of other origin (two traces
of the same machines or of the same publisher are one origin). The bundled models may have been trained on some of these
files; then their lines say so.
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
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.figures import STEP, TOLD, over_fleets, pooled, print_table, told_of
from benchmarks.peers import LightGbm, Stateless, peers
from helios.evaluation.recordings import Recording, files_in, read_recording
from helios.forecasters import forecaster
from helios.models.forecasters import FLEET
from helios.models.stores import ModelStore
from scoring.evaluation.backtests import Split, ask_of, backtest
from scoring.evaluation.summaries import figures, summary
from scoring.evaluation.tallies import Scores
from scoring.forecasting.forecasts import Ask, Fitted, Forecast, Forecaster, unforecast
from scoring.forecasting.learned import Models
from scoring.panels import Floats, Panel

NODES = (1, 2, 3, 6, 9, 12)
"""What the loop asks for each cycle: six horizons up to an hour."""
APART_WINDOWS = 160_000
"""Windows that a network is trained on where a fleet is left out; eleven such networks are trained."""
FORECASTING = Path(__file__).resolve().parent.parent / "scoring" / "forecasting"
CODE = ("features.py", "networks.py", "samples.py", "trainings.py")
"""What a network hangs on: one that was kept is of no use after a change here."""
Told = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Course:
    """What is measured.

    Attributes:
        names: forecasters of ours.
        train: train on each fleet's own past first.
        apart: learn from the fleets of other origin only; else the models in force are taken.
        every: of the origins that count every so many-th is forecast by ours.
        sample, origins: series of each fleet and origins at which the peers are judged; 0 series: no peers.
        networks: where networks that have not seen an origin are kept from run to run.
    """

    names: tuple[str, ...]
    train: bool
    apart: bool
    every: int
    sample: int
    origins: int
    networks: Path | None = None

    @property
    def said(self) -> str:
        """What the learned models were learned from, in words."""
        base = "fleets of other origin" if self.apart else "the models in force"
        return f"{base}, then the fleet's own past" if self.train else base


def main() -> None:
    """Measure fleet after fleet; print one JSON line for each and one for all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with traces/*.csv.gz")
    parser.add_argument("--models", default="auto,baseline", help="forecasters by name, with commas")
    parser.add_argument("--train", action="store_true", help="train on each fleet's own past first")
    parser.add_argument("--leave-one-out", action="store_true", help="learn from fleets of other origin only")
    parser.add_argument(
        "--sample", type=int, default=3, help="series of each fleet for the peers; 0: no peers"
    )
    parser.add_argument("--origins", type=int, default=4, help="origins of each fleet for the peers")
    parser.add_argument("--every", type=int, default=1, help="forecast at every so many-th origin")
    parser.add_argument("--series", type=int, help="so many series of each fleet, evenly spread")
    parser.add_argument("--fleets", default="", help="only files whose name holds one of these, with commas")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON lines")
    parser.add_argument("--networks", type=Path, help="a folder where networks of --leave-one-out are kept")
    options = parser.parse_args()
    course = Course(
        tuple(options.models.split(",")),
        options.train,
        options.leave_one_out,
        options.every,
        options.sample,
        options.origins,
        options.networks,
    )
    folder = options.data / "traces" if (options.data / "traces").is_dir() else options.data
    every = [read_recording(file, STEP) for file in files_in([folder])]
    wanted = [part for part in options.fleets.split(",") if part]
    chosen = [one for one in every if not wanted or any(part in one.name for part in wanted)]
    if not chosen:
        sys.exit(f"{folder}: no file whose name holds {' or '.join(wanted)}")
    ours, theirs = Many(), Many()
    learned = Learned.of(every)
    for recording in chosen:
        with bar(recording.name) as told:
            line = measured(recording.sample(options.series), course, learned, (ours, theirs), told)
        print(json.dumps(line), flush=True)
    over = {name: over_fleets(summary(fleets)) for name, fleets in ours.scores.items()}
    sampled = {name: pooled(fleets) for name, fleets in theirs.scores.items()}
    print(json.dumps({"summary": over, "sample": sampled}), flush=True)
    if not options.json:
        print_table(over, sampled)


class Many:
    """Scores of several fleets, by forecaster."""

    def __init__(self) -> None:
        self.scores: dict[str, list[Scores]] = {}

    def add(self, name: str, scores: Scores) -> Scores:
        """Keep the scores of one more fleet."""
        self.scores.setdefault(name, []).append(scores)
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """Where the learned models come from.

    Attributes:
        force: the models in force, and `sources` the SHA-256 of what they were trained on.
        fleets: all fleets by origin.
        train: how models are trained: panels, what to go on from, progress.
        apart: origin -> models that were trained on all others; filled as they are needed.
    """

    force: Models
    sources: frozenset[str]
    fleets: Mapping[str, list[Recording]]
    train: Callable[[Sequence[Panel], Models | None, Told], Models]
    apart: dict[str, Models] = field(default_factory=dict)

    @classmethod
    def of(cls, recordings: Sequence[Recording]) -> Learned:
        """The models in force, and fleets to learn from."""
        store = ModelStore(None)
        store.refresh(time.time())
        known = store.forecasters.get(FLEET)
        sources = frozenset(one.sha256 for one in known.metadata.sources) if known else frozenset()
        fleets: dict[str, list[Recording]] = {}
        for recording in recordings:
            fleets.setdefault(origin_of(recording), []).append(recording)
        return cls(store.learned(), sources, fleets, _train)

    def models(self, recording: Recording, course: Course, told: Told) -> Models:
        """What a fleet's forecasters may know."""
        origin, models = origin_of(recording), self.force
        if course.apart:
            if origin not in self.apart:
                others = [one.panel for name, some in self.fleets.items() if name != origin for one in some]
                self.apart[origin] = self._kept(
                    origin, course.networks, lambda: self.train(others, None, told)
                )
            models = self.apart[origin]
        if course.train:
            past = Split.of(recording.panel.values.shape[1]).past(recording.panel)
            models = self.train([past], models, told)
        return models

    def _kept(self, origin: str, folder: Path | None, train: Callable[[], Models]) -> Models:
        """The network without one origin: as another run of the same code on the same fleets left it, or trained now."""
        if folder is None:
            return train()
        digest = sha256(b"".join((FORECASTING / name).read_bytes() for name in CODE))
        digest.update("".join(sorted(one.sha256 for some in self.fleets.values() for one in some)).encode())
        file = folder / f"{origin}-{digest.hexdigest()[:16]}.npz"
        if file.exists():
            with np.load(file, allow_pickle=False) as arrays:
                return Models(dict(arrays))
        models = train()
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(file, **models.network)
        return models


def origin_of(recording: Recording) -> str:
    """The second word of a file's name: machines or publisher, shared by traces that are no strangers."""
    return recording.name.split("_")[1] if "_" in recording.name else recording.name


def measured(
    recording: Recording, course: Course, learned: Learned, many: tuple[Many, Many], told: Told
) -> dict[str, Any]:
    """One fleet's line: ours on all of it, and everyone on the sample."""
    panel, (ours, theirs) = recording.panel, many
    split, spot = Split.of(panel.values.shape[1]), Spot.of(panel, course)
    models = learned.models(recording, course, told)
    line: dict[str, Any] = {
        "fleet": recording.name,
        "series": len(panel.series),
        "days": round(recording.days, 1),
        "learned_from": course.said,
        "seen_in_training": not course.apart and recording.sha256 in learned.sources,
        "models": {},
    }
    for name in course.names:
        kept = Kept(forecaster(name, models), spot.ends(panel))
        scores = backtest(
            kept,
            panel,
            ask_of(panel, NODES),
            timer=time.perf_counter,
            split=split,
            every=course.every,
            progress=partial(told, name),
        )
        ours.add(name, scores)
        line["models"][name] = told_of(figures(scores))
        if course.sample:
            again = spot.judged(Replayed(name, kept.curves), panel).for_rows(spot.rows)
            theirs.add(name, replace(again, seconds=scores.seconds * len(spot.rows) / len(panel.series)))
    if course.sample:
        _peers(panel, split, spot, theirs, told)
        sampled = {name: pooled(fleets[-1:]) for name, fleets in theirs.scores.items()}
        line["sample"] = {"series": len(spot.rows), "origins": spot.origins, "models": sampled}
    return line


def _peers(panel: Panel, split: Split, spot: Spot, theirs: Many, told: Told) -> None:
    """Everyone else on the sample; the global model forecasts the whole fleet at each origin, as it would."""
    for peer in peers():
        theirs.add(peer.name, spot.judged(peer, panel.for_rows(spot.rows), partial(told, peer.name)))
    told(LightGbm.name, 0.0)
    lightgbm = LightGbm(split.past(panel))
    theirs.add(lightgbm.name, spot.judged(lightgbm, panel, partial(told, lightgbm.name)).for_rows(spot.rows))


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """The sample: `rows`, and the origins `first, first + every, …` before `end`."""

    rows: NDArray[np.intp]
    split: Split
    every: int

    @classmethod
    def of(cls, panel: Panel, course: Course) -> Spot:
        """Series evenly spread over the rows, origins over what counts and among those that ours forecast."""
        rows, columns = panel.values.shape
        whole = Split.of(columns)
        picked = np.unique(np.linspace(0, rows - 1, min(rows, max(1, course.sample))).round().astype(np.intp))
        every = course.every * ceil((whole.end - whole.first) / (course.origins * course.every))
        return cls(picked, replace(whole, begin=whole.first), every)

    @property
    def origins(self) -> int:
        """How many there are."""
        return len(range(self.split.first, self.split.end, self.every))

    def ends(self, panel: Panel) -> frozenset[int]:
        """The origins in UNIX seconds."""
        columns = range(self.split.first, self.split.end, self.every)
        return frozenset(round(panel.start + column * panel.step) for column in columns)

    def judged(
        self, judged: Forecaster, panel: Panel, progress: Callable[[float], None] = lambda _: None
    ) -> Scores:
        """A forecaster on the sample's origins; on its rows if the panel is theirs or the scores are cut to them."""
        ask = ask_of(panel, TOLD, leads=())
        return backtest(
            judged,
            panel,
            ask,
            timer=time.perf_counter,
            split=self.split,
            every=self.every,
            progress=progress,
        )


class Kept:
    """A forecaster of whose forecasts at some origins the curves are kept, so that they can be judged once more.

    Attributes:
        curves: UNIX seconds of the origin -> `[series, NODES, levels]`.
    """

    def __init__(self, forecaster: Forecaster, ends: frozenset[int]) -> None:
        self.name = forecaster.name
        self.curves: dict[int, Floats] = {}
        self._forecaster, self._ends = forecaster, ends

    def fit(self, panel: Panel, ask: Ask) -> Fitted:
        """As it does."""
        return _KeptFitted(self._forecaster.fit(panel, ask), self.curves, self._ends)

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> None:
        """Nothing is stored here."""


@dataclass(frozen=True, slots=True, eq=False)
class _KeptFitted:
    fitted: Fitted
    curves: dict[int, Floats]
    ends: frozenset[int]

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        made = self.fitted.forecast(panel, ask)
        if round(panel.end) in self.ends:
            self.curves[round(panel.end)] = made.curve
        return made

    def after(self, panel: Panel, ask: Ask) -> _KeptFitted:
        return replace(self, fitted=self.fitted.after(panel, ask))

    def for_rows(self, rows: NDArray[np.intp]) -> _KeptFitted:
        return replace(self, fitted=self.fitted.for_rows(rows))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return self.fitted.arrays()


@dataclass(frozen=True)
class Replayed(Stateless):
    """What was forecast before, once more."""

    name: str
    curves: Mapping[int, Floats]

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """The kept curve of this origin, the nodes that are told."""
        curve = self.curves[round(panel.end)][:, : len(ask.steps)]
        return replace(unforecast(panel, ask, self.name), curve=curve)


def _train(panels: Sequence[Panel], base: Models | None, told: Told) -> Models:
    from scoring.forecasting.trainings import train  # noqa: PLC0415 - only who trains needs it

    windows = APART_WINDOWS if base is None else None
    return train(panels, base=base, progress=told, boost=False, windows=windows)


@contextmanager
def bar(name: str) -> Iterator[Told]:
    """One line on the error stream: what is done with which fleet."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=1.0)
        yield lambda stage, done: progress.update(task, description=f"{name}: {stage}", completed=done)


if __name__ == "__main__":
    main()
