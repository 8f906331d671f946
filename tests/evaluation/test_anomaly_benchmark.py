"""The benchmark's own parts: peers as they are published, causal and fair; what it measures it prints itself."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fleets
from benchmarks.anomaly import GAUSSIAN, RANDOM, detector_of, judged
from benchmarks.detectors import (
    Each,
    Refractory,
    emitted,
    random,
    rolling_mad,
    rolling_z,
    windowed_gaussian,
)
from helios.evaluation.suites import read_suite
from scoring.anomalies.walks import Track, Walk
from scoring.panels import Floats
from tests.evaluation.labelled import marked, nab_folder, series, spiked


def noise(rows: int, seed: int = 0) -> np.ndarray:
    return 10 + np.random.default_rng(seed).standard_normal(rows)


def track(values: np.ndarray) -> Track:
    values = np.atleast_2d(values).astype(np.float32)
    return Track(np.arange(values.shape[1]) * 300.0, values, 300.0)


def test_the_windowed_gaussian_is_nabs() -> None:
    """Row by row as published: a window of 6,400 that is moved on by 100; its score is 1 less the tail's probability."""
    values = noise(6900)
    window: list[float] = []
    later: list[float] = []
    mean = sigma = 0.0
    expected = []
    for value in values:
        if window:
            z = abs(value - mean) / sigma
            expected.append(1 - 0.5 * math.erfc(z / math.sqrt(2)))
        else:
            expected.append(0.5)
        target = window if len(window) < 6400 else later
        target.append(value)
        if len(later) == 100:
            window, later = window[100:] + later, []
        if len(window) < 400 or len(window) == 6400:  # the means in between are the same arithmetic
            mean, sigma = float(np.mean(window)), float(np.std(window)) or 1e-6
    found = 1 - np.array([0.5 * math.erfc(score / math.sqrt(2)) for score in windowed_gaussian(values)])
    at = [*range(400), *range(6400, 6900)]
    assert pytest.approx(np.array(expected)[at], abs=1e-9) == found[at]


@pytest.mark.parametrize(
    "walk",
    [
        pytest.param(Refractory(Each(windowed_gaussian)), id="windowed Gaussian"),
        pytest.param(Refractory(Each(rolling_z)), id="rolling z"),
        pytest.param(Refractory(Each(rolling_mad)), id="rolling MAD"),
    ],
)
def test_peers_see_nothing_of_what_comes(walk: Walk) -> None:
    """Cut off the end and the beginning says the same, gaps and several metrics included."""
    values = np.stack([noise(900), noise(900, seed=1)])
    values[:, 300:310] = np.nan
    whole, part = (walk([track(values[:, :rows])], lambda _: None)[0] for rows in (900, 700))
    np.testing.assert_allclose(whole.score[:700], part.score, rtol=1e-4)
    np.testing.assert_allclose(whole.alarm[:700], part.alarm, rtol=1e-4)


def test_rolling_peers_compare_with_the_last_day() -> None:
    """A value ten off, in standard deviations and in median absolute deviations of the 288 rows before."""
    values = noise(400)
    before, values[399] = values[399 - 288 : 399], 20.0
    mad = 1.4826 * np.median(np.abs(before - np.median(before)))
    assert pytest.approx((20 - before.mean()) / before.std()) == rolling_z(values)[399]
    assert pytest.approx((20 - np.median(before)) / mad) == rolling_mad(values)[399]


def test_an_alarm_beats_all_of_the_rows_before_it() -> None:
    """A tenth of what has passed, at least 20 rows and at most 150; against a slow version."""
    score = np.random.default_rng(0).random(2500).astype(np.float32)
    score[:30] = np.nan
    expected = np.zeros(2500, np.float32)
    for i in range(30, 2500):
        before = score[max(0, i - min(max(i // 10, 20), 150)) : i]
        known = before[~np.isnan(before)]
        expected[i] = score[i] if not len(known) or score[i] > known.max() else 0
    assert expected.tolist() == emitted(score, 60.0).tolist()


def test_an_alarm_is_silent_for_half_a_day_at_most() -> None:
    """Of hours: what is thirteen rows back does not hold a lower score down."""
    score = np.ones(40, np.float32)
    score[[20, 32, 33]] = [5, 3, 4]
    assert [20, 33] == [row for row in np.flatnonzero(emitted(score, 3600.0)).tolist() if row >= 20]


def test_on_nab_the_published_detectors_are_as_published(tmp_path: Path) -> None:
    """They raise an alarm in every row over the threshold; elsewhere once per event."""
    nab = read_suite(nab_folder(tmp_path / "nab", {"a.csv": spiked(50, 30)}, {"a.csv": []}))
    series(tmp_path / "csv" / "a.csv", spiked(50, 30), labels=marked(50))
    own = read_suite(tmp_path / "csv")
    assert [Each, Refractory] == [type(detector_of(GAUSSIAN, suite)) for suite in (nab, own)]


def test_a_line_says_what_is_published_beside_what_was_found(tmp_path: Path) -> None:
    """The random detector's ten runs on these files, and NAB's figure on all of its own."""
    suite = read_suite(nab_folder(tmp_path, {"a.csv": spiked(200, 60)}, {"a.csv": [(60, 69)]}))
    line = judged("nab", suite, RANDOM, lambda _: None)
    assert {"standard": 11.0} == line["published_on_all_58_files"]
    assert 0 <= line["over_runs"]["standard"]["least"] <= line["over_runs"]["standard"]["mean"] <= 100
    assert json.loads(json.dumps(line)) == line


def test_a_target_of_many_metrics_gets_the_mean_of_its_five_highest() -> None:
    """Six metrics, one of them far off."""
    values = np.stack([noise(300, seed) for seed in range(6)])
    values[0, 299] = 1e4
    each = np.sort([rolling_z(row.astype(np.float32).astype(float))[299] for row in values])
    found = Each(rolling_z)([track(values)], lambda _: None)[0].score[299]
    assert pytest.approx(each[1:].mean(), rel=1e-5) == found


def test_random_scores_are_the_same_from_run_to_run() -> None:
    """A seed fixes them."""
    assert random(3)(np.zeros(9)).tolist() == random(3)(np.zeros(9)).tolist()


class Counting:
    """A detector that keeps a number per series and says how often it was stepped."""

    def __init__(self, series: int) -> None:
        self.state = np.zeros(series, np.float32)
        self.steps = 0

    @property
    def nbytes(self) -> int:
        return self.state.nbytes

    def step(self, values: Floats, now: float) -> None:
        self.state += values
        self.steps += 1


def test_the_fleet_is_timed_after_it_has_warmed_up() -> None:
    """Bytes per series are those of the state; every row is stepped once."""
    made: list[Counting] = []

    def make(series: int) -> Counting:
        made.append(Counting(series))
        return made[0]

    line = fleets.measured(50, make, lambda _: None)
    assert ("fleet", 50, 4.0, fleets.WARM + fleets.TIMED) == (
        line["suite"],
        line["series"],
        line["state_bytes_per_series"],
        made[0].steps,
    )
    assert line["series_rows_per_second"] > 0


def test_without_a_detector_the_fleet_says_so() -> None:
    """Nothing is made up."""
    assert "not_measured" in fleets.measured(50, None, lambda _: None)


def test_the_fleet_has_a_daily_wave() -> None:
    """Half a day apart the series differ, a day apart they do not: what is timed is what a detector meets."""
    rows: Iterator[Floats] = fleets.rows(200)
    day = np.stack([next(rows) for _ in range(289)])
    assert np.abs(day[288] / day[0] - 1).mean() < 0.1 < np.abs(day[144] / day[0] - 1).mean()
