"""GIFT-Eval's protocol, on small arrays by hand and, where it is there, on its own data against the published figures."""

from __future__ import annotations

import io
import lzma
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gift_eval
from benchmarks.gift_eval import DataSet, helios, measured, naive, of_arrays, pairs, published, read, simple
from scoring.forecasting.baseline import Baseline
from tests.evaluation.builders import Shifted
from tests.scoring.builders import NAN, daily

DATA = Path(os.environ.get("HELIOS_DATA", "/work/shared/data"))
"""The folder with the real data; it is part of no repository."""


def data_set(*, days: float = 12, machines: int = 2) -> DataSet:
    """Daily waves as both variates."""
    return of_arrays("waves", [daily(machines, days=days, seed=seed) for seed in (0, 1)])


def stored(folder: Path, name: str, array: np.ndarray) -> None:
    """One file as the data folder has it."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(lzma.compress(buffer.getvalue(), preset=0))


@pytest.mark.parametrize(
    ("columns", "windows"),
    [
        pytest.param(8640, 18, id="30 days"),
        (480, 1),
        (9600, 20),
        pytest.param(20_000, 20, id="at most twenty"),
    ],
)
def test_the_last_tenth_is_cut_into_windows_that_end_with_the_trace(columns: int, windows: int) -> None:
    """GIFT-Eval's rule for 48 steps."""
    data = of_arrays("a", [np.ones((1, columns), np.float32)])
    assert windows == len(data.origins)
    assert columns == data.origins[-1] + 48


def test_the_naive_forecast_is_the_last_value_with_a_random_walks_band() -> None:
    """Changes of 1: sigma is 1 after a step and 2 after four."""
    found = naive(np.array([[1.0, 2.0, 1.0, 2.0]]))
    np.testing.assert_allclose(2.0, found[0, :, 4])
    np.testing.assert_allclose(2 * (found[0, 0, 8] - 2), found[0, 3, 8] - 2)
    np.testing.assert_allclose(1.2815515655446004, found[0, 0, 8] - 2)


def test_a_gap_in_history_is_filled_with_the_value_before_it_or_else_the_first() -> None:
    """Nothing observed at all is zero, so that it counts."""
    history = np.array([[NAN, 1, NAN, 3, NAN], [NAN] * 5], np.float32)
    np.testing.assert_array_equal([[1, 1, 1, 3, 3], [0, 0, 0, 0, 0]], gift_eval.filled(history))


def test_a_repeating_day_is_forecast_by_the_seasonal_naive_without_error() -> None:
    """And by no other: MASE has nothing to divide by only where the past did not change at all."""
    trace = np.tile(np.arange(288, dtype=np.float32), 6)
    trace[:288] += 1  # so that the scale is not zero
    data = of_arrays("saw", [trace[None]])
    found = simple(data, gift_eval.seasonal_naive)
    assert (0.0, 1.0) == (found["mase"], found["coverage"])
    assert simple(data, naive)["mase"] > 0


def test_targets_that_were_not_observed_are_skipped() -> None:
    """One window of which the first step alone is there: it is 3 off, where a day changes by 288."""
    trace = np.arange(480, dtype=np.float32)
    trace[433:], trace[432] = NAN, 431 + 3
    assert round(3 / 288, 5) == simple(of_arrays("ramp", [trace[None]]), naive)["mase"]


def test_a_forecaster_sees_a_week_and_is_asked_at_each_window() -> None:
    """Fitted two days before the first window, then every so many columns, then window by window."""
    data, forecaster = data_set(days=14), Shifted()
    helios(data, forecaster, stride=96)
    at = [(name, round((end - data.panel.start) / 300) + 1) for name, _, end in forecaster.calls]
    walk = [(name, column) for column in data.origins for name in ("after", "forecast")]
    first = data.origins[0]
    assert [("fit", first - 576), *(("after", first - 576 + 96 * i) for i in range(1, 6)), *walk] == at
    assert max(round((end - start) / 300) + 1 for _, start, end in forecaster.calls) == 2016


def test_persistence_without_a_band_scores_as_naive_does_in_mase() -> None:
    """The walk adds nothing and loses nothing: a forecaster that says the last value is naive."""
    data = data_set()
    assert simple(data, naive)["mase"] == helios(data, Shifted())["mase"]


def test_rows_without_a_forecast_count_as_the_last_value() -> None:
    """They cannot be left out."""
    data = data_set()
    silent = helios(data, Shifted(by=1.0, unknown=(0, 1, 2, 3)))
    assert helios(data, Shifted())["mase"] == silent["mase"]


def test_one_data_set_gives_the_promised_keys() -> None:
    """What a script may read; `published` is added by the command."""
    found = measured(data_set(), Baseline(), stride=288)
    assert ["dataset", "helios", "seasonal_naive", "naive"] == list(found)
    for name in ("helios", "seasonal_naive", "naive"):
        assert ["mase", "crps", "coverage", "series_per_second"] == list(found[name])


def test_data_sets_are_named_by_their_files(tmp_path: Path) -> None:
    """In the folder or its `gifteval`; one variate alone is no data set."""
    array = np.ones((3, 480), np.float32)
    for variate in gift_eval.VARIATES:
        stored(tmp_path / "gifteval", f"bitbrains_rnd_5T_{variate}.npy.xz", array)
    stored(tmp_path, f"alone_5T_{gift_eval.VARIATES[0]}.npy.xz", array)
    found = pairs(tmp_path)
    assert ["bitbrains_rnd_5T"] == list(found)
    assert (6, 480) == read("bitbrains_rnd_5T", found["bitbrains_rnd_5T"]).panel.values.shape


def test_the_published_table_is_found_beside_the_data(tmp_path: Path) -> None:
    """Only the rows of this data set and of the term short."""
    lines = ["dataset,result_dir,MASE[0.5],CRPS_wql"]
    lines += [
        "bitbrains_rnd/5T/short,naive,2.5,.9",
        "bitbrains_rnd/5T/long,naive,3.5,1.9",
        "other/5T/short,naive,1,1",
    ]
    (tmp_path / "published").mkdir()
    (tmp_path / "published/table.csv").write_text("\n".join(lines))
    wanted = {"naive": {"mase": 2.5, "crps": 0.9}}
    for place in (tmp_path, tmp_path / "gifteval"):
        assert wanted == published(place, "bitbrains_rnd_5T")
    assert {} == published(tmp_path, "unknown_5T")


@pytest.mark.integration
@pytest.mark.skipif(not pairs(DATA), reason=f"the real data is not in {DATA} (set HELIOS_DATA to its folder)")
@pytest.mark.parametrize("name", ["naive", "seasonal_naive"])
def test_naive_figures_are_the_published_ones(name: str) -> None:
    """A harness that cannot reproduce them is not to be trusted with ours."""
    for dataset, files in pairs(DATA).items():
        table = published(DATA, dataset)
        if name not in table:
            pytest.skip(f"no published figures of {dataset}")
        found = simple(read(dataset, files), getattr(gift_eval, name))
        assert pytest.approx(table[name]["mase"], rel=1e-4) == found["mase"]
        assert pytest.approx(table[name]["crps"], rel=1e-4) == found["crps"]
