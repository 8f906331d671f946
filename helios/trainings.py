"""Training on one's own traces: read, hold the last stretch out, train, and compare with the model there was before.

What is learned is `scoring.forecasting.trainings`' affair, and where it is stored `helios.models.writers`'. Nothing is
promoted here: a version is written whether it is better or not, and whether it is stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from helios.errors import TraceError
from helios.forecasters import forecaster
from helios.models.forecasters import Source
from helios.sources.traces import Trace
from scoring.evaluation.backtests import Split, ask_of, backtest
from scoring.evaluation.summaries import summary
from scoring.evaluation.tallies import Scores
from scoring.forecasting.forecasts import DAY, Forecaster
from scoring.forecasting.learned import Models
from scoring.panels import Panel, Series

HELD_OUT = 0.2
"""The share of each trace, its last, that is judged on and not trained on."""
STEP = 300.0
"""Models are trained on a grid of five minutes (`scoring.forecasting.trainings.STEP`, which takes a second to import)."""
LEAST_DAYS = 4.0
HORIZONS = (300.0, 600.0, 900.0, 1800.0)
JUDGED_DAYS, JUDGED_SERIES = 3.0, 24
"""A new model is judged on so much of what was held out, at most: the last days, and series that are evenly spread."""
TOLERANCE = 0.005
"""Losses this close are the same: the lots of two trainings differ by as much."""
OWN = "own"
FIGURES = ("relative_mae", "wql", "coverage")
"""What is kept of a judgement, at the nearest and the farthest horizon."""

Progress = Callable[[str, float], None]
Judged = tuple[Scores, Scores]


class Train(Protocol):
    """How models are trained: `scoring.forecasting.trainings.train`."""

    def __call__(
        self, panels: Sequence[Panel], *, base: Models | None, seed: int, progress: Progress
    ) -> Models:
        """Models trained on panels of any length."""


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """One body of data.

    Attributes:
        source: what it is.
        panel: all of it.
        held_out: the share of its columns, the last, that is judged on and not trained on.
    """

    source: Source
    panel: Panel
    held_out: float = HELD_OUT

    @property
    def split(self) -> Split:
        """What is trained on and what is judged on; a day between them warms the online gate."""
        columns, step = self.panel.values.shape[1], self.panel.step
        return Split.of(columns, share=self.held_out, warm=round(DAY / step))


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of a training.

    Attributes:
        models: what was learned.
        held_out: figures on each source's last stretch: source -> figure -> value.
        before: the same of the base.
        metrics: the new model's figures over all sources.
        ratio: its quantile loss over the base's: the geometric mean over series and horizons; below 1 is better.
    """

    models: Models
    held_out: dict[str, dict[str, float]]
    before: dict[str, dict[str, float]]
    metrics: dict[str, float]
    ratio: float

    @property
    def worse(self) -> bool:
        """Whether the new model loses to the base on what neither was shown."""
        return not self.ratio <= 1 + TOLERANCE


def own_corpus(name: str, sha256: str, panel: Panel) -> Corpus:
    """A trace of one's own.

    Args:
        name: the file's.
        sha256: of its bytes.
        panel: its series on a grid.

    Raises:
        TraceError: it is too short.
    """
    rows, columns = panel.values.shape
    days = columns * panel.step / DAY
    if days < LEAST_DAYS:
        raise TraceError(
            f"{name}: {days:.1f} days: training wants at least {LEAST_DAYS:g}, of which the last {HELD_OUT:.0%} is "
            "held out"
        )
    return Corpus(Source(name=name, licence=OWN, sha256=sha256, series=rows, steps=columns), panel)


def on_grid(trace: Trace, step: float) -> Panel:
    """A trace as a panel: the mean of what was observed in each step, if that is half of it or more.

    Args:
        trace: its steps are no longer than `step`.
        step: seconds.

    Raises:
        TraceError: it is coarser than that: between its rows nothing is known.
    """
    if trace.step > step * 1.01:
        raise TraceError(
            f"trace {trace.name} has a row every {trace.step:g} s, the grid a column every {step:g} s: "
            "nothing is interpolated; take a coarser step"
        )
    rows, columns = trace.values.shape
    times = trace.start + trace.step * np.arange(columns)
    slots = np.floor(times / step + 1e-6).astype(np.int64)
    firsts = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))
    seen = np.add.reduceat(~np.isnan(trace.values), firsts, axis=1, dtype=np.int64)
    sums = np.add.reduceat(np.nan_to_num(trace.values, nan=0.0).astype(np.float64), firsts, axis=1)
    values = np.full((rows, int(slots[-1] - slots[0]) + 1), np.nan, np.float32)
    enough = (seen > 0) & (2.01 * seen * trace.step >= step)
    with np.errstate(invalid="ignore", divide="ignore"):
        values[:, slots[firsts] - slots[0]] = np.where(enough, sums / seen, np.nan)
    series = tuple(Series(trace.name, column, "demand") for column in trace.columns)
    return Panel(series, float(slots[0] * step), step, values, np.zeros(values.shape, np.bool_))


def learn(
    corpora: Sequence[Corpus],
    *,
    base: Models | None,
    seed: int,
    timer: Callable[[], float],
    progress: Progress = lambda _, __: None,
    train: Train | None = None,
    build: Callable[[Models], Forecaster] | None = None,
) -> Outcome:
    """Train on the earlier part of every corpus and judge on the later, beside the base.

    Args:
        corpora: what there is.
        base: what training goes on from and what it is compared with; None: from nothing, and with a forecaster that
            has not learned anything from fleets.
        seed: equal seeds, data and libraries give equal models, as far as the libraries do.
        timer: seconds that only grow.
        progress: is told the stage and the share of it that is done.
        train: how; `scoring.forecasting.trainings.train` otherwise.
        build: makes the forecaster that is judged; `auto` otherwise, which is what users get.
    """
    past = [corpus.split.past(corpus.panel) for corpus in corpora]
    try:
        models = (train or _train)(past, base=base, seed=seed, progress=progress)
    except ValueError as error:
        names = ", ".join(corpus.source.name for corpus in corpora)
        raise TraceError(f"{names}: {error}") from error
    build = build or (lambda learned: forecaster("auto", learned))
    judged: dict[str, Judged] = {}
    for k, corpus in enumerate(corpora):
        both = (base or Models.none(), models)
        scores = [
            _judged(build(one), corpus, timer, _part(progress, 2 * k + j, 2 * len(corpora)))
            for j, one in enumerate(both)
        ]
        judged[corpus.source.name] = (scores[0], scores[1])
    return Outcome(
        models=models,
        held_out={name: figures([new]) for name, (_, new) in judged.items()},
        before={name: figures([old]) for name, (old, _) in judged.items()},
        metrics=figures([new for _, new in judged.values()]),
        ratio=_ratio(list(judged.values())),
    )


def figures(scores: Sequence[Scores]) -> dict[str, float]:
    """Means of the fleets' medians at the nearest and the farthest horizon, and how often the maximum exceeded its Q.98.

    Named for figure and horizon, such as `wql_30m`; what is not known is left out.
    """
    over = summary(scores)
    found: dict[str, float] = {}
    for seconds in sorted({min(over.horizons), max(over.horizons)}):
        label = f"{seconds / 60:g}m"
        found |= {f"{name}_{label}": over.horizons[seconds][name].mean for name in FIGURES}
        if seconds in over.exceedance:
            found[f"exceedance_{label}"] = over.exceedance[seconds].mean
    return {name: round(value, 4) for name, value in found.items() if math.isfinite(value)}


def _train(panels: Sequence[Panel], *, base: Models | None, seed: int, progress: Progress) -> Models:
    from scoring.forecasting.trainings import train  # noqa: PLC0415 - it needs xgboost, which takes a second

    return train(panels, base=base, seed=seed, progress=progress)


def _judged(
    made: Forecaster, corpus: Corpus, timer: Callable[[], float], progress: Callable[[float], None]
) -> Scores:
    held, step = corpus.split, corpus.panel.step
    rows = np.linspace(0, len(corpus.panel.series) - 1, JUDGED_SERIES).round().astype(np.intp)
    panel = corpus.panel.for_rows(np.unique(rows))
    first = max(held.first, held.end - round(JUDGED_DAYS * DAY / step))
    split = replace(held, begin=max(held.begin, first - round(DAY / step)), first=first)
    steps = tuple(sorted({max(1, round(seconds / step)) for seconds in HORIZONS}))
    return backtest(made, panel, ask_of(panel, steps), timer=timer, split=split, progress=progress)


def _part(progress: Progress, number: int, of: int) -> Callable[[float], None]:
    """Progress of one of several equal parts of the judging."""
    return lambda done: progress("judging on what was held out", (number + done) / of)


def _ratio(judged: Sequence[Judged]) -> float:
    """The geometric mean of new over old loss; 1 where neither ever loses anything."""
    logs: list[NDArray[np.float64]] = []
    for old, new in judged:
        with np.errstate(invalid="ignore", divide="ignore"):
            both = np.log(new.wql) - np.log(old.wql)
        logs.append(both[np.isfinite(both)])
    pooled = np.concatenate(logs)
    return float(np.exp(pooled.mean())) if len(pooled) else 1.0
