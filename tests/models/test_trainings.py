"""Training on one's own traces: what is held out, what is compared, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from helios.errors import TraceError
from helios.models.forecasters import Source
from helios.sources.traces import Trace
from helios.trainings import Corpus, Outcome, Progress, learn, on_grid, own_corpus
from scoring.forecasting.learned import Models
from scoring.panels import Panel
from tests.evaluation.builders import Shifted
from tests.models.builders import SOURCE, learned, weight_of

COLUMNS = 1440
"""Five days of five minutes."""


def write_trace(path: Path, values: Sequence[float | None], step: float = 300.0, start: float = 0.0) -> Path:
    """A CSV of one series."""
    lines = ["timestamp,shop"]
    for k, value in enumerate(values):
        moment = datetime.fromtimestamp(start + k * step, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines.append(f"{moment},{'' if value is None else f'{value:g}'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def waves(columns: int = COLUMNS) -> list[float | None]:
    """Demand that swings every day around 10."""
    return [10 + 3 * float(np.sin(2 * np.pi * k / 288)) for k in range(columns)]


def corpus(tmp_path: Path, *, held_out: float = 0.2) -> Corpus:
    """Five days of one series."""
    panel = on_grid(Trace.from_csv(write_trace(tmp_path / "shop.csv", waves())), 300)
    return Corpus(SOURCE, panel, held_out)


def compared(tmp_path: Path, before: float | None, after: float) -> Outcome:
    """Train a forecaster that is wrong by `after`, going on from one that is wrong by `before`."""

    def train(panels: Sequence[Panel], *, base: Models | None, seed: int, progress: Progress) -> Models:
        return learned(after)

    return learn(
        [corpus(tmp_path)],
        base=None if before is None else learned(before),
        seed=0,
        timer=lambda: 0.0,
        train=train,
        build=lambda models: Shifted(by=weight_of(models) or 0.0),
    )


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        pytest.param(2.0, 1.0, False, id="better than the base"),
        pytest.param(1.0, 1.0, False, id="as good as the base"),
        pytest.param(1.0, 2.0, True, id="worse than the base"),
        pytest.param(None, 2.0, True, id="worse than one that learned nothing"),
    ],
)
def test_a_model_that_loses_to_its_base_is_called_worse(
    tmp_path: Path, before: float | None, after: float, worse: bool
) -> None:
    """Both are judged by quantile loss on what neither was shown, and the verdict is theirs."""
    outcome = compared(tmp_path, before, after)
    assert (worse, worse) == (outcome.worse, outcome.ratio > 1.005)
    then, now = outcome.before["shop"]["wql_30m"], outcome.held_out["shop"]["wql_30m"]
    assert worse == (now > then)
    assert after == weight_of(outcome.models)


def test_the_figures_are_those_of_the_held_out_part(tmp_path: Path) -> None:
    """A forecaster that is wrong by 1 has a loss of 1 over the mean demand of 10, and the figures say so."""
    outcome = compared(tmp_path, 1.0, 1.0)
    assert pytest.approx(0.1, rel=0.25) == outcome.metrics["wql_5m"]
    assert outcome.held_out["shop"] == outcome.metrics
    assert {"coverage_5m", "coverage_30m", "relative_mae_5m", "relative_mae_30m", "exceedance_30m"} < set(
        outcome.metrics
    )


def test_a_loss_that_is_no_number_is_no_pass(tmp_path: Path) -> None:
    """Where the comparison cannot be made out the model is not called as good."""
    outcome = compared(tmp_path, 1.0, 1.0)
    broken = Outcome(outcome.models, {}, {}, {}, float("nan"))
    assert broken.worse


@pytest.mark.parametrize("held_out", [0.2, 0.3])
def test_what_is_judged_on_is_never_trained_on(tmp_path: Path, held_out: float) -> None:
    """Training sees the first part, a day stays between, and the last part alone is judged."""
    seen: list[Panel] = []

    def train(panels: Sequence[Panel], *, base: Models | None, seed: int, progress: Progress) -> Models:
        seen.extend(panels)
        return learned()

    one = corpus(tmp_path, held_out=held_out)
    judge = Shifted()
    learn([one], base=None, seed=0, timer=lambda: 0.0, train=train, build=lambda _: judge)
    kept = round(COLUMNS * (1 - held_out))
    assert [(0.0, kept - 288)] == [(panel.start, panel.values.shape[1]) for panel in seen]
    forecasts = [end for call, _, end in judge.calls if call == "forecast"]
    assert kept * 300.0 == min(forecasts)


def test_seed_and_base_reach_the_training(tmp_path: Path) -> None:
    """What the user asked for is what is trained with."""
    asked: list[tuple[float | None, int]] = []

    def train(panels: Sequence[Panel], *, base: Models | None, seed: int, progress: Progress) -> Models:
        asked.append((None if base is None else weight_of(base), seed))
        progress("network", 1.0)
        return learned()

    stages: list[tuple[str, float]] = []
    learn(
        [corpus(tmp_path)],
        base=learned(0.75),
        seed=11,
        timer=lambda: 0.0,
        progress=lambda stage, done: stages.append((stage, done)),
        train=train,
        build=lambda _: Shifted(),
    )
    assert [(0.75, 11)] == asked
    assert (("network", 1.0), 1.0) == (stages[0], stages[-1][1])


def test_finer_rows_become_means_of_what_was_observed(tmp_path: Path) -> None:
    """Of five minutes the mean; a step of which less than half was observed is a gap, not a guess."""
    minutes: list[float | None] = [1, 2, 3, 4, 5, 6, None, None, 8, None, None, None, None, 7, None]
    panel = on_grid(Trace.from_csv(write_trace(tmp_path / "a.csv", minutes, step=60)), 300)
    np.testing.assert_array_equal(panel.values, np.array([[3, np.nan, np.nan]], np.float32))
    coarse = on_grid(Trace.from_csv(write_trace(tmp_path / "b.csv", [1, 2, None, None, 5], step=60)), 300)
    np.testing.assert_allclose(coarse.values, [[8 / 3]], rtol=1e-6)


def test_rows_beside_the_grid_belong_to_the_step_that_they_fall_into(tmp_path: Path) -> None:
    """A trace that starts at 21:42 stands on the grid of 21:40."""
    panel = on_grid(Trace.from_csv(write_trace(tmp_path / "a.csv", [1, 2, 3], start=720)), 300)
    assert (600.0, [[1, 2, 3]]) == (panel.start, panel.values.tolist())


def test_a_gap_stays_a_gap(tmp_path: Path) -> None:
    """Nothing is filled, neither with zero nor with neighbours."""
    panel = on_grid(Trace.from_csv(write_trace(tmp_path / "a.csv", [1, None, None, 4])), 300)
    np.testing.assert_array_equal(panel.values, np.array([[1, np.nan, np.nan, 4]], np.float32))


def test_a_trace_that_is_coarser_than_the_grid_is_refused(tmp_path: Path) -> None:
    """Between its rows nothing is known, and the message says so."""
    with pytest.raises(TraceError, match="a row every 3600 s"):
        on_grid(Trace.from_csv(write_trace(tmp_path / "a.csv", waves(200), step=3600)), 300)


def test_a_trace_that_is_too_short_is_refused(tmp_path: Path) -> None:
    """Less than four days cannot be divided into a part to learn from and one to judge by."""
    panel = on_grid(Trace.from_csv(write_trace(tmp_path / "a.csv", waves(1100))), 300)
    with pytest.raises(TraceError, match=r"shop: 3\.8 days: training wants at least 4"):
        own_corpus("shop", "ab" * 32, panel)


def test_a_trace_of_ones_own_is_its_owners(tmp_path: Path) -> None:
    """Name, SHA-256 and size are what the metadata tells; its licence is nobody else's affair."""
    panel = on_grid(Trace.from_csv(write_trace(tmp_path / "a.csv", waves())), 300)
    assert (
        Source(name="shop", licence="own", sha256="ab" * 32, series=1, steps=COLUMNS)
        == own_corpus("shop", "ab" * 32, panel).source
    )
