"""GIFT-Eval's protocol on its Bitbrains data: Helios beside naive, seasonal naive and the published table.

    python benchmarks/gift_eval.py --data DIR [--no-train] [--model auto] [--json]

Every `<dataset>_cpu_mhz.npy.xz` in DIR or DIR/gifteval that has its `<dataset>_cpu_pct.npy.xz` beside it is one data set
(5 minutes, term short): 48 steps, non-overlapping windows at the end, both variates pooled. MASE is the mean over windows'
points of the absolute error of the median over the machine's own mean change from day to day before the origin; CRPS is the
mean weighted quantile loss over the levels .1 to .9. Targets that were not observed are skipped; only history is filled.

With --train (the default) the network is trained first on the data's own columns before the walk begins, which most of the
published models are not: they are zero-shot, as Helios is with --no-train. All on one core.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = (
    "1"  # series a second are those of one core
)

import argparse
import csv
import io
import json
import lzma
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from scoring.evaluation.backtests import WINDOW, until
from scoring.evaluation.measures import EVEN, Doubles, at_levels, pinball, seasonal_scale
from scoring.forecasting.forecasts import LEVELS, Ask, Fitted, Forecaster, checked
from scoring.panels import Floats, Panel, Series

STEP = 300.0
HORIZON = 48
SEASON = 288
VARIATES = ("cpu_mhz", "cpu_pct")
MOST_WINDOWS, TEST_SHARE = 20, 0.1
"""GIFT-Eval tests the last tenth of a series, in at most twenty windows."""
WARM = 2 * SEASON
"""Columns that a forecaster walks before the first window, without its answers counting."""
STRIDE = 12

Told = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """One data set: `panel` has a row per machine and variate."""

    name: str
    panel: Panel

    @property
    def origins(self) -> range:
        """Columns known at each window's origin: GIFT-Eval's rule for the term short."""
        columns = self.panel.values.shape[1]
        count = min(MOST_WINDOWS, max(1, ceil(TEST_SHARE * columns / HORIZON)))
        return range(columns - count * HORIZON, columns, HORIZON)

    @property
    def begin(self) -> int:
        """Columns known when the walk begins; what is trained before sees no more."""
        return max(1, self.origins[0] - WARM)


class Marks:
    """Sums over windows, machines and steps; `figures` are GIFT-Eval's means of them."""

    def __init__(self) -> None:
        self._scaled, self._scalable = 0.0, 0
        self._loss, self._size = np.zeros(len(EVEN)), 0.0
        self._covered, self._points = 0, 0

    def add(self, came: Floats, quantiles: Doubles, scale: Doubles) -> None:
        """Count one window of all machines: what came `[rows, steps]`, `[rows, steps, EVEN]`, MASE's scale `[rows]`."""
        seen, y = ~np.isnan(came), came.astype(np.float64)
        scalable = seen & (scale > 0)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            scaled = np.abs(y - quantiles[..., EVEN.index(0.5)]) / scale[:, None]
        self._scaled += float(scaled[scalable].sum())
        self._scalable += int(scalable.sum())
        self._loss += 2 * pinball(y[seen], quantiles[seen], EVEN).sum(axis=0)
        self._size += float(np.abs(y[seen]).sum())
        self._covered += int(((quantiles[..., 0] <= y) & (y <= quantiles[..., -1]) & seen).sum())
        self._points += int(seen.sum())

    def figures(self) -> dict[str, float]:
        """MASE, CRPS and how often P10 to P90 held what came."""
        return {
            "mase": round(self._scaled / self._scalable, 5),
            "crps": round(float((self._loss / self._size).mean()), 5),
            "coverage": round(self._covered / self._points, 4),
        }


def main() -> None:
    """Measure every data set found and print one JSON line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with the .npy.xz pairs")
    parser.add_argument("--model", default="auto", help="a forecaster by name")
    parser.add_argument("--train", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--stride", type=int, default=STRIDE, help="columns between steps of the walk")
    parser.add_argument("--machines", type=int, help="only the first so many machines, to try things out")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON lines")
    options = parser.parse_args()
    found = pairs(options.data)
    if not found:
        sys.exit(f"{options.data}: no <dataset>_{VARIATES[0]}.npy.xz with its <dataset>_{VARIATES[1]}.npy.xz")
    for name, files in found.items():
        data = read(name, files, options.machines)
        with bar() as told:
            built = built_forecaster(options.model, data if options.train else None, told)
            line = measured(data, built, stride=options.stride, told=told)
        line["published"] = {} if options.machines else published(options.data, name)
        print(json.dumps(line), flush=True)
        if not options.json:
            print_table(line)


def pairs(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Data sets by name, with the file of each variate, from the folder itself or its `gifteval`."""
    found: dict[str, tuple[Path, ...]] = {}
    for place in (folder, folder / "gifteval"):
        for first in sorted(place.glob(f"*_{VARIATES[0]}.npy.xz")):
            name = first.name.removesuffix(f"_{VARIATES[0]}.npy.xz")
            files = tuple(place / f"{name}_{variate}.npy.xz" for variate in VARIATES)
            if all(file.exists() for file in files):
                found.setdefault(name, files)
    return found


def read(name: str, files: tuple[Path, ...], machines: int | None = None) -> DataSet:
    """A data set from its files, each `[machines, time]`."""
    arrays = [
        np.load(io.BytesIO(lzma.decompress(f.read_bytes())), allow_pickle=False)[:machines] for f in files
    ]
    epochs = files[0].parent / f"{name}_epoch_s.npy"
    start = float(np.load(epochs, allow_pickle=False)[0]) if epochs.exists() else 0.0
    return of_arrays(name, arrays, start)


def of_arrays(name: str, arrays: list[Floats], start: float = 0.0) -> DataSet:
    """A data set from one array per variate, `[machines, time]`, NaN where not observed."""
    values = np.concatenate(arrays).astype(np.float32)
    series = tuple(
        Series(name, f"machine-{row}", variate)
        for variate, array in zip(VARIATES, arrays, strict=False)
        for row in range(len(array))
    )
    return DataSet(name, Panel(series, start, STEP, values, np.zeros(values.shape, np.bool_)))


def built_forecaster(name: str, data: DataSet | None, told: Told) -> Forecaster:
    """A forecaster by name, from the bundled models; trained on a data set's own past first, if one is given."""
    from helios.forecasters import forecaster  # noqa: PLC0415 - the protocol is usable without Helios' own models
    from helios.models.stores import ModelStore  # noqa: PLC0415

    store = ModelStore(None)
    store.refresh(time.time())
    models = store.learned()
    if data is not None:
        from scoring.forecasting.trainings import train  # noqa: PLC0415

        models = train([until(data.panel, data.begin, data.begin)], base=models, progress=told, boost=False)
    return forecaster(name, models)


def measured(
    data: DataSet, forecaster: Forecaster, *, stride: int = STRIDE, told: Told = lambda *_: None
) -> dict[str, Any]:
    """Helios, seasonal naive and naive on one data set."""
    return {
        "dataset": data.name,
        "helios": helios(data, forecaster, stride=stride, told=told),
        "seasonal_naive": simple(data, seasonal_naive),
        "naive": simple(data, naive),
    }


def helios(
    data: DataSet, forecaster: Forecaster, *, stride: int = STRIDE, told: Told = lambda *_: None
) -> dict[str, float]:
    """A forecaster of ours: fitted on a week before the walk, then following to each window's origin.

    `series_per_second` counts the forecasts at windows and the following to them, not the fit.
    """
    panel, marks = data.panel, Marks()
    ask = Ask(steps=tuple(range(1, HORIZON + 1)), lead=np.ones(len(panel.series), np.int32))
    windows = set(data.origins)
    stops = sorted({*range(data.begin, data.origins[0], stride), *data.origins})
    fitted: Fitted | None = None
    seconds = 0.0
    for i, origin in enumerate(stops):
        seen = until(panel, origin, WINDOW)
        began = time.perf_counter()
        fitted = forecaster.fit(seen, ask) if fitted is None else fitted.after(seen, ask)
        if origin in windows:
            forecast = checked(fitted.forecast(seen, ask), seen, ask)
            seconds += time.perf_counter() - began
            quantiles = _or_last(forecast.curve.astype(np.float64), panel.values[:, :origin])
            marks.add(
                _came(data, origin),
                at_levels(quantiles, LEVELS, EVEN),
                seasonal_scale(panel.values[:, :origin], SEASON),
            )
        told("windows", (i + 1) / len(stops))
    return {**marks.figures(), "series_per_second": round(len(windows) * len(panel.series) / seconds, 1)}


def simple(data: DataSet, forecast: Callable[[Doubles], Doubles]) -> dict[str, float]:
    """A forecast of statsforecast's kind: from all history, the gaps in it filled with the last value."""
    marks, seconds = Marks(), 0.0
    for origin in data.origins:
        history = data.panel.values[:, :origin]
        began = time.perf_counter()
        quantiles = forecast(filled(history))
        seconds += time.perf_counter() - began
        marks.add(_came(data, origin), quantiles, seasonal_scale(history, SEASON))
    rate = len(data.origins) * len(data.panel.series) / seconds
    return {**marks.figures(), "series_per_second": round(rate, 1)}


def naive(history: Doubles) -> Doubles:
    """The last value; its band is that of a random walk: `[rows, steps, EVEN]`."""
    change = np.diff(history, axis=1)
    sigma = np.sqrt((change**2).sum(axis=1) / max(1, history.shape[1] - 1))
    grown = sigma[:, None] * np.sqrt(np.arange(1, HORIZON + 1))
    return _bell(np.repeat(history[:, -1:], HORIZON, axis=1), grown)


def seasonal_naive(history: Doubles) -> Doubles:
    """The same time yesterday; its band is that of changes from day to day: `[rows, steps, EVEN]`."""
    change = history[:, SEASON:] - history[:, :-SEASON]
    sigma = np.sqrt((change**2).mean(axis=1))
    return _bell(history[:, -SEASON:][:, :HORIZON], np.repeat(sigma[:, None], HORIZON, axis=1))


def filled(history: Floats) -> Doubles:
    """History without gaps: the last value stands on, the first one back; zero where nothing was ever observed."""
    seen = ~np.isnan(history)
    place = np.where(seen, np.arange(history.shape[1]), 0)
    np.maximum.accumulate(place, axis=1, out=place)
    place = np.maximum(place, seen.argmax(axis=1)[:, None])
    return np.nan_to_num(np.take_along_axis(history, place, axis=1).astype(np.float64), nan=0.0)


def published(folder: Path, name: str) -> dict[str, dict[str, float]]:
    """The published figures of a data set, from the tables in DIR/published or DIR/../published; empty without them."""
    wanted = f"{name.removesuffix('_5T')}/5T/short"
    found: dict[str, dict[str, float]] = {}
    for place in (folder / "published", folder.parent / "published"):
        for file in sorted(place.glob("*.csv")):
            for row in csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))):
                if row.get("dataset") == wanted:
                    figures = {"mase": float(row["MASE[0.5]"]), "crps": float(row["CRPS_wql"])}
                    found.setdefault(row["result_dir"], figures)
    return found


def _bell(centre: Doubles, sigma: Doubles) -> Doubles:
    scores = np.array([NormalDist().inv_cdf(level) for level in EVEN])
    quantiles: Doubles = centre[..., None] + sigma[..., None] * scores
    return quantiles


def _came(data: DataSet, origin: int) -> Floats:
    came: Floats = data.panel.values[:, origin : origin + HORIZON]
    return came


def _or_last(quantiles: Doubles, history: Floats) -> Doubles:
    """Where there is no forecast the last value stands in for every quantile."""
    missing = np.isnan(quantiles).any(axis=-1)
    if not missing.any():
        return quantiles
    return np.where(np.expand_dims(missing, -1), filled(history)[:, -1][:, None, None], quantiles)


@contextmanager
def bar() -> Iterator[Told]:
    """A progress bar on the error stream, one line per stage."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks: dict[str, Any] = {}

        def told(stage: str, done: float) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=1.0)
            progress.update(tasks[stage], completed=done)

        yield told


def print_table(line: dict[str, Any]) -> None:
    """Ours among the published, best MASE first, on the error stream."""
    rows = {f"published: {name}": figures for name, figures in line["published"].items()}
    rows |= {name: line[name] for name in ("helios", "seasonal_naive", "naive")}
    table = Table("", "MASE", "CRPS", "P10-P90", "series/s", title=line["dataset"])
    for name, figures in sorted(rows.items(), key=lambda row: row[1]["mase"]):
        cells = [f"{figures[key]:.4f}" if key in figures else "" for key in ("mase", "crps", "coverage")]
        rate = f"{figures['series_per_second']:,.0f}" if "series_per_second" in figures else ""
        table.add_row(name, *cells, rate, style="bold" if name == "helios" else "")
    Console(stderr=True).print(table)


if __name__ == "__main__":
    main()
