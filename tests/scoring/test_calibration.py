"""Bands, quantiles and confidence against what came, on simulated days that no forecast had seen."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.forecasting.baseline import Baseline
from scoring.forecasting.forecasts import LEVELS, LOWER, MEDIAN, UPPER, Ask, Forecast
from scoring.panels import Floats
from scoring.recommending.decisions import Memory
from scoring.recommending.recommender import Recommender
from tests.scoring.builders import NOW, fleet, panel, situation, target

STEP, DAY_COLUMNS, LEAD = 900.0, 96, 2


def days(rows: int = 30) -> Floats:
    """Eight days of a daily wave with noise that remembers itself, of many sizes."""
    rng = np.random.default_rng(11)
    columns = 8 * DAY_COLUMNS
    noise, level = np.empty((rows, columns)), np.zeros(rows)
    for t in range(columns):
        level = 0.8 * level + rng.normal(0, 0.25, rows)
        noise[:, t] = level
    wave = 6 + rng.uniform(1, 3, (rows, 1)) * np.sin(
        2 * np.pi * (np.arange(columns) / DAY_COLUMNS + rng.random((rows, 1)))
    )
    return ((wave + noise) * rng.uniform(0.5, 8, (rows, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def held_out() -> list[tuple[Forecast, Floats]]:
    """Two days of forecasts, after six days of learning, with the twelve steps that came after each."""
    x = days()
    ask = Ask((1, 6, 12), np.full(len(x), LEAD, np.int32))
    pairs, fitted = [], None
    for now in range(2 * DAY_COLUMNS, 8 * DAY_COLUMNS - 13):
        of = panel(x[:, :now], step=STEP, end=NOW + now * STEP)
        fitted = Baseline().fit(of, ask) if fitted is None else fitted.after(of, ask)
        if now > 6 * DAY_COLUMNS and now % 3 == 0:
            pairs.append((fitted.forecast(of, ask), x[:, now : now + 12]))
    return pairs


@pytest.mark.parametrize(("place", "step"), [(0, 1), (1, 6), (2, 12)])
def test_the_band_holds_what_it_says(held_out: list[tuple[Forecast, Floats]], place: int, step: int) -> None:
    """P10 to P90 holds 80 % of what came, give or take 7 points, at every horizon."""
    inside = [
        (f.curve[:, place, LOWER] <= came[:, step - 1]) & (came[:, step - 1] <= f.curve[:, place, UPPER])
        for f, came in held_out
    ]
    assert 0.73 <= np.mean(inside) <= 0.87


@pytest.mark.parametrize(("level", "near"), [(0.5, 0.06), (0.9, 0.03), (0.98, 0.012)])
def test_the_maximum_over_the_lead_time_stays_below_its_quantile(
    held_out: list[tuple[Forecast, Floats]], level: float, near: float
) -> None:
    """As often as the level says: 0.98 is exceeded in about two of a hundred."""
    place = LEVELS.index(level)
    below = np.mean([came[:, :LEAD].max(axis=1) <= f.maximum[:, place] for f, came in held_out])
    assert abs(below - level) <= near


def test_skill_is_what_comes_true(held_out: list[tuple[Forecast, Floats]]) -> None:
    """The skill that is claimed an hour and a half ahead is the one that is reached, within a tenth."""
    claimed = np.mean([f.skill[:, 1] for f, _ in held_out])
    ours = np.mean([np.abs(f.curve[:, 1, MEDIAN] - came[:, 5]) for f, came in held_out])
    plain = np.mean([np.abs(f.last - came[:, 5]) for f, came in held_out])
    assert abs(claimed - (1 - ours / plain)) < 0.1


def test_confidence_is_an_observed_frequency(held_out: list[tuple[Forecast, Floats]]) -> None:
    """Where demand is said to stay under the recommended capacity with some probability, it does so that often."""
    x = days()
    of = fleet(*(target(f"api-{i}", max_replicas=i % 9 + 2) for i in range(len(x))))
    rows = np.repeat(np.arange(len(x)), 2)
    request = np.repeat(x.mean(axis=1) / 4, 2)
    said, came_true = [], []
    for f, came in held_out:
        moment = situation(
            of, last=f.last[rows].tolist(), maximum=f.maximum[rows], skill=0.5, request=request.tolist()
        )
        decisions, _ = Recommender().decide(of, moment, Memory.none(len(of), len(rows)))
        capacity = decisions.recommended * request[::2] * 0.9
        said.append(decisions.confidence)
        came_true.append(came[:, :LEAD].max(axis=1) <= capacity)
    chance, true = np.concatenate(said), np.concatenate(came_true)
    for low, high, near in (
        (0, 0.2, 0.12),
        (0.2, 0.5, 0.2),
        (0.5, 0.8, 0.12),
        (0.8, 0.95, 0.08),
        (0.95, 1, 0.03),
    ):
        some = (chance >= low) & (chance <= high)
        assert some.sum() > 15
        assert abs(chance[some].mean() - true[some].mean()) < near
