"""The benchmark's own parts: samples, peers and what may be learned from whom. What it measures it prints itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.figures import pooled
from benchmarks.forecast import Course, Kept, Learned, Replayed, Spot, origin_of
from benchmarks.peers import LightGbm, Statistical, filled
from helios.evaluation.recordings import Recording
from scoring.evaluation.backtests import ask_of, backtest
from scoring.forecasting.forecasts import LEVELS
from scoring.forecasting.learned import Models
from scoring.panels import Panel
from tests.evaluation.builders import Shifted, ticking
from tests.scoring.builders import NAN, daily, panel


def course(*, train: bool = False, apart: bool = False, sample: int = 2, origins: int = 4) -> Course:
    return Course(names=("auto",), train=train, apart=apart, every=1, sample=sample, origins=origins)


def recording(name: str, *, level: float = 1.0) -> Recording:
    """Two days of one level."""
    return Recording(Path(f"{name}.csv"), name, name, panel(np.full((1, 576), level)))


def trained(panels: Sequence[Panel], base: Models | None, told: object) -> Models:
    """Models that say what they were trained on, and on top of what."""
    levels = sorted(float(one.values[0, 0]) for one in panels)
    before = [] if base is None else list(base.network.get("levels", []))
    return Models({"levels": np.array([*before, *levels], np.float32)})


@pytest.mark.parametrize(
    ("train", "apart", "expected"),
    [
        pytest.param(False, False, [], id="the models in force"),
        pytest.param(False, True, [3.0], id="fleets of other origin"),
        pytest.param(True, True, [3.0, 1.0], id="those, then its own past"),
    ],
)
def test_a_cold_start_learns_from_no_relative(train: bool, apart: bool, expected: list[float]) -> None:
    """Memory and cpu of the same machines are of one origin; its own past comes in only when asked for."""
    ours = recording("cpu_bank_5m", level=1)
    fleets = {"bank": [ours, recording("mem_bank_5m", level=2)], "web": [recording("rr_web_1m", level=3)]}
    learned = Learned(Models.none(), frozenset(), fleets, trained)
    found = learned.models(ours, course(train=train, apart=apart), lambda *_: None)
    assert expected == list(found.network.get("levels", []))


def test_an_origin_is_the_second_word_of_a_files_name() -> None:
    """What has no second word is its own."""
    assert ["bitbrains", "own"] == [origin_of(recording(name)) for name in ("mem_bitbrains_fs_5m", "own")]


def test_the_sample_is_spread_over_series_and_origins() -> None:
    """First and last series; origins in even distances from the first that counts."""
    spot = Spot.of(panel(np.ones((9, 1000))), course(sample=3, origins=4))
    assert ([0, 4, 8], 4, 75, 700) == (spot.rows.tolist(), spot.origins, spot.every, spot.split.first)


def test_ours_is_judged_on_the_sample_by_what_it_said_on_the_walk() -> None:
    """The same curves at the same origins: the figures are those of a walk that scores the sample alone."""
    trace = panel(daily(3, days=4))
    spot, ask = Spot.of(trace, course(sample=3)), ask_of(trace, (1, 2, 3, 6, 9, 12))
    kept = Kept(Shifted(by=0.2, width=1.0), spot.ends(trace))
    backtest(kept, trace, ask, timer=ticking(0.0))
    again = spot.judged(Replayed("shifted", kept.curves), trace)
    alone = spot.judged(Shifted(by=0.2, width=1.0), trace)
    np.testing.assert_array_equal(alone.relative_mae, again.relative_mae)
    np.testing.assert_array_equal(alone.coverage, again.coverage)


def test_the_sample_is_pooled_in_each_series_own_changes() -> None:
    """A series a thousand times larger counts no more: all alike give what one gives."""
    small = np.arange(1.0, 1001.0) % 7 + np.arange(1000) / 100
    ratios = []
    for values in (small[None], np.vstack([small, 1000 * small])):
        trace = panel(values)
        scores = Spot.of(trace, course(sample=2)).judged(Shifted(by=0.0), trace)
        ratios.append(pooled([scores])["relative_mae"])
    assert ratios[0] == ratios[1]
    assert {"5m": 1.0, "10m": 1.0, "15m": 1.0, "30m": 1.0} == ratios[0]


class Model:
    """What statsforecast's models look like: 10, between 8 and 12 in eight of ten cases."""

    def forecast(self, y: np.ndarray, h: int, level: list[int]) -> dict[str, np.ndarray]:
        assert not np.isnan(y).any()
        return {"mean": np.full(h, 10.0), "lo-80": np.full(h, 8.0), "hi-80": np.full(h, 12.0)}


def test_a_peers_band_becomes_our_quantiles() -> None:
    """P10, P50 and P90 as it says; what was never observed is not forecast, a gap is filled."""
    values = np.ones((2, 20))
    values[0, 5], values[1] = NAN, NAN
    trace = panel(values)
    curve = Statistical("peer", Model()).forecast(trace, ask_of(trace, (1, 6))).curve
    assert (2, 2, len(LEVELS)) == curve.shape
    np.testing.assert_allclose(
        [8, 10, 12], curve[0, 1][[LEVELS.index(p) for p in (0.1, 0.5, 0.9)]], rtol=1e-6
    )
    assert np.isnan(curve[1]).all()


def test_gaps_are_filled_with_the_value_before() -> None:
    """Or the first; nothing stays nothing."""
    np.testing.assert_array_equal(
        [[2, 2, 2, 3], [NAN] * 4], filled(np.array([[NAN, 2, NAN, 3], [NAN] * 4], np.float32))
    )


@pytest.mark.integration
def test_the_global_lightgbm_learns_a_daily_wave() -> None:
    """Trained on a fleet's past it beats persistence at half an hour; a row without data is not forecast."""
    values = daily(4, days=8, noise=0.2)
    values[3] = NAN
    trace = panel(values)
    spot = Spot.of(trace, course(sample=4, origins=6))
    peer = LightGbm(spot.split.past(trace))
    scores = spot.judged(peer, trace)
    assert np.nanmedian(scores.relative_mae[:, -1]) < 1
    assert peer.training_seconds > 0
    assert 0 == scores.points[3].sum()
