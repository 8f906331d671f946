"""Derive the bundled model (`helios/models/bundled/baseline/<version>`) from the bundled trace.

    python scripts/make_reference.py [--trace helios/demos/trace.csv.gz] [--out helios/models/bundled]

It measures, it fits nothing: quantiles of x[t+h] / x[t] for 1..288 periods, and quantiles of the utilisation itself,
over the columns that are utilisations in percent. They come from the first 70 % of every column; how often they held
is measured on the rest. Every column weighs alike, however long it is. The bytes are the same at every run.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.references import Changes, Heights, combined_sigmas

Doubles = NDArray[np.float64]

ROOT = Path(__file__).parent.parent
TRACE = ROOT / "helios" / "demos" / "trace.csv.gz"
OUT = ROOT / "helios" / "models" / "bundled"
VERSION = "1.0.0"
CREATED_AT = "2026-01-01T00:00:00Z"
"""Fixed, so that equal data gives equal bytes."""
STEP, PERIODS = 300, 288
TRAIN = 0.7
LEVELS = np.array([0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99])
SIGMAS = np.arange(-3, 3.25, 0.25)
TAIL_FROM = 1.5
"""The tail's scale is the slope between 1.5 and 3 sigmas: the highest 7 % and not the last few points."""
ALARM = 2.5
COLUMNS = {
    "cpu": ("google_cpu_util_percent", "alibaba_cpu_util_percent"),
    "memory": ("google_mem_util_percent", "alibaba_mem_util_percent"),
}
BASIS = (
    "two whole clusters (Google 2019, Alibaba 2018, 12 and 8 days at 5 minutes); a single service may vary more: "
    "name its namespace and deployment to be answered from its own history"
)
LICENCE = (
    "derived from helios/demos/trace.csv.gz; see helios/demos/LICENSE (Google cluster-usage traces 2019: CC-BY 4.0; "
    "Alibaba cluster-trace-v2018: research or study)"
)


@dataclass(frozen=True, slots=True)
class Split:
    """A column's earlier part, to measure on, and its later part, to judge by."""

    train: Doubles
    test: Doubles


def main() -> int:
    """Write the model folder; print what it holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trace", type=Path, default=TRACE)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    folder = arguments.out / "baseline" / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    metadata = write_model(folder, arguments.trace)
    print(json.dumps(metadata["metrics"], indent=2))
    return 0


def write_model(folder: Path, trace: Path) -> dict[str, Any]:
    """Measure, write `arrays.npz` and `metadata.json` into `folder`, and return the metadata."""
    splits = {name: read_splits(trace, columns) for name, columns in COLUMNS.items()}
    changes = {name: measure_changes(parts) for name, parts in splits.items()}
    heights = {name: measure_heights(parts) for name, parts in splits.items()}
    arrays = io.BytesIO()
    np.savez(arrays, allow_pickle=False, **pack_arrays(changes, heights))
    (folder / "arrays.npz").write_bytes(arrays.getvalue())
    metadata = {
        "format": "helios-reference/1",
        "name": "baseline",
        "version": VERSION,
        "created_at": CREATED_AT,
        "step_seconds": STEP,
        "basis": BASIS,
        "columns": {name: list(columns) for name, columns in COLUMNS.items()},
        "trace_sha256": hashlib.sha256(trace.read_bytes()).hexdigest(),
        "trained_on": f"the first {TRAIN:.0%} of every column; metrics are of the rest",
        "licence": LICENCE,
        "metrics": measure_metrics(splits, changes, heights),
        "files": {"arrays.npz": hashlib.sha256(arrays.getvalue()).hexdigest()},
    }
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
    return metadata


def pack_arrays(changes: dict[str, Changes], heights: dict[str, Heights]) -> dict[str, Any]:
    """The arrays by the names under which `helios.models` looks for them, float32 where large."""
    arrays: dict[str, Any] = {"levels": LEVELS, "sigmas": SIGMAS}
    for name in COLUMNS:
        arrays[f"{name}_ratios"] = changes[name].ratios.astype(np.float32)
        arrays[f"{name}_reached"] = changes[name].reached.astype(np.float32)
        arrays[f"{name}_values"] = heights[name].values
        arrays[f"{name}_tail"] = np.array(heights[name].tail)
    return arrays


def read_splits(trace: Path, columns: tuple[str, ...]) -> list[Split]:
    """The columns as ratios of capacity, each split in time."""
    with gzip.open(trace, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    series = [np.array([float(row[column]) for row in rows if row[column]]) / 100 for column in columns]
    return [
        Split(values[: int(TRAIN * len(values))], values[int(TRAIN * len(values)) :]) for values in series
    ]


def measure_changes(parts: list[Split]) -> Changes:
    """Quantiles of the change over 1..288 periods, and how often the held-out part stayed below each."""
    ratios, reached = np.empty((2, PERIODS, len(LEVELS)))
    for row in range(PERIODS):
        train, test = ([relative_changes(part, row + 1) for part in side] for side in sides(parts))
        ratios[row] = weighted_quantiles(train, LEVELS)
        reached[row] = np.mean([(change[:, None] <= ratios[row]).mean(axis=0) for change in test], axis=0)
    return Changes(LEVELS, ratios, reached)


def measure_heights(parts: list[Split]) -> Heights:
    """The utilisation at each normal quantile, and the scale of the upper tail."""
    values = weighted_quantiles(sides(parts)[0], np.array([NormalDist().cdf(sigma) for sigma in SIGMAS]))
    rise = values[-1] - np.interp(TAIL_FROM, SIGMAS, values)
    return Heights(SIGMAS, values, float(rise / (SIGMAS[-1] - TAIL_FROM)))


def sides(parts: list[Split]) -> tuple[list[Doubles], list[Doubles]]:
    """All earlier parts, all later parts."""
    return [part.train for part in parts], [part.test for part in parts]


def relative_changes(values: Doubles, periods: int) -> Doubles:
    """x[t + periods] / x[t]."""
    return np.asarray(values[periods:] / values[:-periods])


def weighted_quantiles(samples: list[Doubles], levels: Doubles) -> Doubles:
    """Quantiles of all samples together, every sample set weighing alike."""
    values = np.concatenate(samples)
    weights = np.concatenate([np.full(len(sample), 1 / len(sample)) for sample in samples]) / len(samples)
    order = np.argsort(values, kind="stable")
    places = np.cumsum(weights[order]) - weights[order] / 2
    return np.asarray(np.interp(levels, places, values[order]))


def measure_metrics(
    splits: dict[str, list[Split]], changes: dict[str, Changes], heights: dict[str, Heights]
) -> dict[str, float]:
    """What the model page shows, all on the held-out part; `mape` and `coverage` are of CPU, one period ahead."""
    found: dict[str, float] = {}
    for name, prefix in (("cpu", ""), ("memory", "memory_")):
        for periods, suffix in ((1, ""), (6, "_30m")):
            median = changes[name].band[periods - 1, 1]
            actual = [relative_changes(part.test, periods) for part in splits[name]]
            found[f"{prefix}mape{suffix}"] = float(np.mean([np.abs(median / a - 1).mean() for a in actual]))
            found[f"{prefix}coverage{suffix}"] = float(changes[name].coverage[periods - 1])
    alarms = [
        combined_sigmas([heights["cpu"].sigmas_of(cpu), heights["memory"].sigmas_of(memory)]) >= ALARM
        for first, second in zip(splits["cpu"], splits["memory"], strict=True)
        for cpu, memory in zip(first.test.tolist(), second.test.tolist(), strict=True)
    ]
    found["anomaly_rate"] = sum(alarms) / len(alarms)
    return {name: round(figure, 4) for name, figure in found.items()}


if __name__ == "__main__":
    raise SystemExit(main())
