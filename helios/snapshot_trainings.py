"""Training on the snapshots of one service: hold the last stretch out, train, judge, and write a version for /detect.

What is learned is `scoring.anomalies.snapshot_trainings`' affair. As with fleets nothing is promoted: a version is written
whether it is of use or not, and whether it is stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helios.errors import TraceError
from helios.models.writers import Origin, write_snapshots
from helios.trainings import HELD_OUT, Corpus, Progress
from scoring.anomalies.sigmas import WARNING
from scoring.anomalies.snapshot_trainings import Recorded, learn
from scoring.anomalies.snapshots import PAST, Snapshots
from scoring.forecasting.forecasts import DAY
from scoring.references import SNAPSHOT_METRICS

MOST_JUDGED = 600
"""So many of the held-out snapshots are judged, evenly spread, alone and with a past."""


@dataclass(frozen=True, slots=True, eq=False)
class SnapshotOutcome:
    """What came of training on the snapshots of one service.

    Attributes:
        snapshots: what was learned.
        metrics: `anomaly_rate`, how many of the held-out snapshots reach 2.5 sigmas, alone and with a past, and the means
            over metrics of the errors below.
        held_out: metric -> its mean absolute error over that of its usual value, and with a past over persistence's.
    """

    snapshots: Snapshots
    metrics: dict[str, float]
    held_out: dict[str, dict[str, float]]

    @property
    def worse(self) -> bool:
        """Whether it knows no more of a metric than its usual value, on what it was not shown."""
        return not self.metrics["error_over_usual"] < 1


def learn_snapshots(corpus: Corpus, *, seed: int, progress: Progress = lambda _, __: None) -> SnapshotOutcome:
    """Train what /detect expects of the metrics of one service on the earlier part, and judge on the later.

    Args:
        corpus: its series are named for metrics of a snapshot.
        seed: equal seeds, data and libraries give equal models, as far as the libraries do.
        progress: is told the stage and the share of it that is done.

    Raises:
        TraceError: a column is no metric of a snapshot, there are too few rows, or one was hardly ever observed.
    """
    known = tuple(series.deployment for series in corpus.panel.series)
    unknown = sorted(set(known) - set(SNAPSHOT_METRICS))
    if unknown:
        raise TraceError(
            f"{corpus.source.name}: {unknown[0]} is no metric of a snapshot: name the columns {', '.join(SNAPSHOT_METRICS)}, or "
            "some of them"
        )
    values = corpus.panel.values.T.astype(np.float64)
    recorded = Recorded(values, corpus.panel.times % DAY / 3600)
    cut = round(len(values) * (1 - corpus.held_out))
    try:
        found = learn(
            known, recorded.some(slice(0, cut)), seed=seed, progress=lambda d: progress("training", d)
        )
    except ValueError as error:
        raise TraceError(f"{corpus.source.name}: {error}") from error
    tests = judged(found, recorded.some(slice(cut, None)), lambda d: progress("judging", d))
    means = {
        name: float(np.mean([figures[name] for figures in tests.errors.values() if name in figures] or [1.0]))
        for name in ("error_over_usual", "error_over_persistence")
    }
    rounded = {name: round(value, 4) for name, value in (tests.rates | means).items()}
    return SnapshotOutcome(found, rounded, tests.errors)


@dataclass(frozen=True, slots=True, eq=False)
class Tests:
    """How held-out snapshots were judged; members as in `SnapshotOutcome`."""

    rates: dict[str, float]
    errors: dict[str, dict[str, float]]


def judged(snapshots: Snapshots, held: Recorded, progress: Callable[[float], None]) -> Tests:
    """Judge rows that were not learned from, each by itself and again with the rows before it."""
    known = snapshots.known
    rows = np.unique(np.linspace(PAST, len(held.values) - 1, MOST_JUDGED).astype(int))
    rows = rows[np.any(~np.isnan(held.values[rows]), axis=1)]
    given = [
        {name: value for name, value in zip(known, row, strict=True) if value == value}  # noqa: PLR0124 - not NaN
        for row in held.values.tolist()
    ]
    loud = {"anomaly_rate": 0, "anomaly_rate_past": 0}
    off = {name: np.zeros(4) for name in known}
    for done, row in enumerate(rows.tolist()):
        past = given[row - PAST : row]
        for place, (rate, recent) in enumerate(zip(loud, ([], past), strict=True)):
            found = snapshots.judge(given[row], recent, float(held.hours[row]))
            if found is None:
                continue
            loud[rate] += found.score >= WARNING
            for name, opinion in found.opinions.items():
                usual = past[-1].get(name) if recent else float(snapshots.centre[known.index(name)])
                if usual is not None:
                    came = given[row][name]
                    off[name][2 * place : 2 * place + 2] += abs(came - opinion.expected), abs(came - usual)
        progress((done + 1) / len(rows))
    ratios = ("error_over_usual", "error_over_persistence")
    errors = {
        name: {
            ratio: round(float(sums[2 * k] / sums[2 * k + 1]), 4)
            for k, ratio in enumerate(ratios)
            if sums[2 * k + 1] > 0
        }
        for name, sums in off.items()
    }
    return Tests({rate: count / max(1, len(rows)) for rate, count in loud.items()}, errors)


def write(
    root: Path, corpus: Corpus, outcome: SnapshotOutcome, *, seed: int, now: float, above: str = ""
) -> Path:
    """Write what was learned as the next version under `root`, and return its folder.

    Raises:
        ModelError: it cannot be written.
    """
    known = outcome.snapshots.known
    origin = Origin(
        step_seconds=corpus.panel.step,
        sources=[corpus.source],
        basis=f"{corpus.source.steps} rows of {corpus.source.name} ({', '.join(known)})",
        settings={"seed": seed, "held_out": HELD_OUT},
        metrics=outcome.metrics,
        held_out=outcome.held_out,
    )
    return write_snapshots(root, outcome.snapshots, origin, now=now, above=above)
