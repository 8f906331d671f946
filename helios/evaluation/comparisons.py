"""Forecasters walked over recorded fleets, one after the other, each beside persistence on the same points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from helios.errors import HeliosError, TraceError
from helios.evaluation.recordings import Recording, read_recording
from scoring.evaluation.backtests import SHARE, Split, ask_of, backtest
from scoring.evaluation.tallies import Scores
from scoring.forecasting.forecasts import DAY, Forecaster
from scoring.forecasting.learned import Models
from scoring.panels import Panel

Progress = Callable[[str, str, float], None]
"""Is told the file, what is done with it, and the share of it that is done."""


class Train(Protocol):
    """How models are trained: `scoring.forecasting.trainings.train`."""

    def __call__(
        self, panels: Sequence[Panel], *, base: Models | None, progress: Callable[[str, float], None]
    ) -> Models:
        """Models trained on panels of any length."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be compared.

    Attributes:
        models: forecasters by name, in the order in which they are shown.
        horizons: seconds ahead, whole steps; the maximum over each is judged as well.
        share: the last part of each trace, which counts.
        step: seconds of the grid.
        train: whether the learned models are trained on each fleet's own past first.
        series: how many series of each file; None: all.
    """

    models: tuple[str, ...]
    horizons: tuple[float, ...]
    share: float = SHARE
    step: float = 300.0
    train: bool = False
    series: int | None = None

    @property
    def steps(self) -> tuple[int, ...]:
        """The horizons in grid steps."""
        return tuple(round(seconds / self.step) for seconds in self.horizons)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One file's figures.

    Attributes:
        recording: the fleet, as far as it was evaluated.
        seen_in_training: whether the models in force were trained on this very file; then the figures flatter them.
        trained: whether they were trained on its own past first.
        scores: by forecaster.
        faults: forecaster -> why it has no scores.
    """

    recording: Recording
    seen_in_training: bool
    trained: bool
    scores: Mapping[str, Scores]
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a comparison needs from outside.

    Attributes:
        models: the learned models in force.
        sources: SHA-256 of the files that they were trained on.
        build: forecasters by name.
        timer: seconds that only grow.
        train: how models are trained.
    """

    models: Models
    sources: AbstractSet[str]
    build: Callable[[str, Models], Forecaster]
    timer: Callable[[], float]
    train: Train


def compare(
    files: Sequence[Path], plan: Plan, bench: Bench, progress: Progress = lambda *_: None
) -> tuple[list[Result], dict[Path, str]]:
    """Every file's figures; a file that cannot be evaluated costs the others nothing.

    Returns:
        The results, and the reasons of the files that have none.

    Raises:
        HeliosError: a forecaster's name is unknown or it is not installed: that is wrong for every file.
    """
    for name in plan.models:
        bench.build(name, bench.models)
    results, faults = [], {}
    for file in files:
        try:
            results.append(evaluate(read_recording(file, plan.step), plan, bench, progress))
        except HeliosError as error:
            faults[file] = str(error)
        except MemoryError:
            faults[file] = f"{file}: not enough memory: take fewer with --series, or a part of the trace"
    return results, faults


def evaluate(recording: Recording, plan: Plan, bench: Bench, progress: Progress = lambda *_: None) -> Result:
    """One fleet's figures.

    Raises:
        TraceError: it is too short for what was asked.
    """
    recording = recording.sample(plan.series)
    panel, name = recording.panel, recording.name
    split = Split.of(panel.values.shape[1], share=plan.share)
    _check_length(recording, plan, split)
    models = bench.models
    if plan.train:
        models = _trained(recording, split, bench, partial(progress, name))
    ask = ask_of(panel, plan.steps, leads=plan.horizons)
    scores: dict[str, Scores] = {}
    faults: dict[str, str] = {}
    for model in plan.models:
        try:
            scores[model] = backtest(
                bench.build(model, models),
                panel,
                ask,
                timer=bench.timer,
                split=split,
                progress=partial(progress, name, model),
            )
        except Exception as error:  # noqa: BLE001 - a plug-in's failure on one fleet costs nobody else
            faults[model] = f"{type(error).__name__}: {error}"
    seen = recording.sha256 in bench.sources
    return Result(recording, seen, plan.train, scores, faults)


def _trained(
    recording: Recording, split: Split, bench: Bench, progress: Callable[[str, float], None]
) -> Models:
    """What is learned from the fleet's own past, going on from the models in force."""
    try:
        return bench.train([split.past(recording.panel)], base=bench.models, progress=progress)
    except ValueError as error:
        raise TraceError(f"{recording.file}: cannot be trained on: {error}") from error


def _check_length(recording: Recording, plan: Plan, split: Split) -> None:
    step, file = recording.panel.step, recording.file
    scored = (split.end - split.first) * step
    longest = max(plan.horizons)
    if scored <= longest:
        raise TraceError(
            f"{file}: its last {plan.share:.0%} are {scored / 3600:.1f} h, no longer than the horizon of "
            f"{longest / 3600:.1f} h: give a longer trace, a larger --share or a shorter horizon"
        )
    if plan.train and split.begin * step < DAY:
        raise TraceError(
            f"{file}: {split.begin * step / 3600:.1f} h come before what is warmed and judged on, training wants a "
            "day: give a longer trace, or leave --train out"
        )
