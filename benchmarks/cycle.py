"""Time and memory of one full scoring cycle over a replayed fleet, beside peers forecasting the same series.

    python benchmarks/cycle.py --targets 1000 [--model auto] [--json]

The fleet plays the bundled trace's columns, each target one column at an offset of its own (targets x 2 metrics x 7 days
at 5 minutes). Real columns repeat: this measures time and memory, not accuracy. Peers: statsforecast's SeasonalNaive on
all series, and AutoETS on a stated sample of 20.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helios.app import build_forecaster, model_store
from helios.clocks import SteppedClock
from helios.demos.saleor import TRACE
from helios.demos.worlds import World
from helios.settings import Settings
from helios.sources.replay import Column
from helios.sources.traces import Trace
from scoring.panels import Panel, Series
from scoring.policies import Fleet, Target
from scoring.scorer import Pace, Scorer

WEEK_COLUMNS = 2016
STEP = 300.0
PEER_SAMPLE = 20


def main() -> None:
    """Measure, then print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--model", default="auto", help="what the targets ask for as forecast.model")
    parser.add_argument("--cycles", type=int, default=5, help="cycles after the first; their median counts")
    parser.add_argument("--no-peers", action="store_true", help="leave statsforecast out")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON line")
    options = parser.parse_args()
    result, panel = measure(options.targets, options.cycles, options.model)
    if not options.no_peers:
        result["peers"] = peers(panel)
    if not options.json:
        print(
            f"{options.targets} targets: {result['cycle_seconds']:.3f} s a cycle, {result['rss_mib']:.0f} MiB"
        )
    print(json.dumps(result))


def measure(targets: int, cycles: int, model: str) -> tuple[dict[str, Any], Panel]:
    """Run cycles over the whole fleet, back-fill first."""
    world = world_of(targets, model)
    clock = SteppedClock(world.start)
    scorer = Scorer(
        world.source(clock),
        build_forecaster(model_store(Settings(), clock)),
        Pace(interval=STEP, step=STEP, columns=WEEK_COLUMNS, trail_columns=288),
        timer=time.perf_counter,
    )
    scorer.follow(world.targets)
    scorer.stream.advance(clock.now())
    began = time.perf_counter()
    while scorer.stream.fill():
        pass
    filled = time.perf_counter() - began
    scorer.cycle(clock.now())  # the first allocates
    walls, processor, stages = [], [], []
    for _ in range(cycles):
        clock.wait_until(clock.now() + STEP, threading.Event())
        wall, cpu = time.perf_counter(), time.process_time()
        summary = scorer.cycle(clock.now())
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - cpu)
        stages.append(summary.seconds)
        if summary.faults or summary.decided != targets:
            sys.exit(f"not a full cycle: {summary}")
    series = len(scorer.fleet.series)
    seconds = float(np.median(walls))
    return {
        "targets": targets,
        "model": model,
        "series": series,
        "cycle_seconds": round(seconds, 4),
        "cpu_seconds": round(float(np.median(processor)), 4),
        "rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "backfill_seconds": round(filled, 3),
        "stages": {name: round(float(np.median([s[name] for s in stages])), 4) for name in stages[0]},
        "forecast_series_per_second": round(series / float(np.median([s["forecast"] for s in stages]))),
        "exposition_mib": round(len(scorer.board.exposition(clock.now())) / 2**20, 2),
    }, scorer.stream.panel()


def world_of(targets: int, model: str = "auto") -> World:
    """A fleet of real columns: cpu and memory of each target from two columns, moved in time by whole steps."""
    trace = Trace.from_csv(TRACE)
    full = [name for name in trace.columns if not np.isnan(trace.values[trace.index(name)]).any()]
    fleet = tuple(
        Target(namespace="bench", deployment=f"workload-{i}", max_replicas=100, model=model)
        for i in range(targets)
    )
    moves = np.random.default_rng(0).integers(0, 1200, targets) * -STEP
    columns: dict[Series, Column] = {}
    for row, series in enumerate(Fleet.of(fleet).series):
        target, offset = divmod(row, 2)
        columns[series] = Column(
            trace, full[(target + offset) % len(full)], 1.0, float(moves[target]) % 86_400.0
        )
    requests = {
        series: float(np.nanmedian(c.trace.values[c.trace.index(c.name)])) / 6
        for series, c in columns.items()
    }
    start = trace.start + (WEEK_COLUMNS + 600) * STEP
    return World("benchmark", fleet, columns, requests, start, trace.end, 0.0, STEP)


def peers(panel: Panel) -> dict[str, Any]:
    """The same forecasts by statsforecast, as series per second."""
    from statsforecast.models import AutoETS, SeasonalNaive  # noqa: PLC0415 - compiled on import, not our start-up

    def rows(count: int) -> Iterator[NDArray[np.float64]]:
        for row in panel.values[:count].astype(np.float64):
            yield np.where(np.isnan(row), np.nanmean(row), row)

    naive = SeasonalNaive(season_length=288)
    naive.forecast(next(rows(1)), h=12, level=[80])  # compiles
    began = time.perf_counter()
    for row in rows(len(panel.series)):
        naive.forecast(row, h=12, level=[80])
    seasonal = len(panel.series) / (time.perf_counter() - began)
    ets = AutoETS(season_length=1)
    ets.forecast(next(rows(1)), h=12, level=[80])  # compiles
    sample = list(rows(PEER_SAMPLE))
    began = time.perf_counter()
    for row in sample:
        ets.forecast(row, h=12, level=[80])
    return {
        "statsforecast_seasonal_naive": {"series_per_second": round(seasonal), "series": len(panel.series)},
        "statsforecast_auto_ets": {
            "series_per_second": round(len(sample) / (time.perf_counter() - began), 2),
            "series": len(sample),
            "season_length": 1,
        },
    }


if __name__ == "__main__":
    main()
