"""How often the breaker opens: every column of a trace as a target in Autoscale, lived through cycle by cycle.

    python benchmarks/breakers.py TRACE.csv.gz ... [--columns 20] [--days 9] [--blind] [--json]

A column plays the demand of one workload whose pods are sized so that eight of them serve its 99th percentile. The first two days are
history. Per file: how often a forecast was withdrawn and given back, the share of time that it was, and replica-hours and minutes
short of the forecast alone, of the reactive path alone, and of what the breaker made of the two. `--blind` puts a forecast in place
of the shipped one that takes demand to stay as it is and claims skill: that one must be found out.
"""

from __future__ import annotations

import argparse
import json
import math
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from peers import Stateless

from helios.app import build_forecaster, model_store
from helios.clocks import SteppedClock
from helios.demos.worlds import World
from helios.settings import Settings
from helios.sources.replay import Column
from helios.sources.traces import Trace
from scoring.forecasting.forecasts import LEVELS, Ask, Forecast, unforecast
from scoring.ledgers import (
    HOURS_AHEAD,
    HOURS_REACTIVE,
    HOURS_RECOMMENDED,
    SHORT_AHEAD,
    SHORT_REACTIVE,
    SHORT_RECOMMENDED,
)
from scoring.panels import Panel, Series
from scoring.policies import Target
from scoring.scorer import Pace, Scorer

STEP, DAY, PODS = 300.0, 86_400.0, 8.0
OBSERVED = 0.9
"""Share of a column that must have been observed for it to play."""
PATHS = {
    "forecast": (HOURS_AHEAD, SHORT_AHEAD),
    "reactive": (HOURS_REACTIVE, SHORT_REACTIVE),
    "with_breaker": (HOURS_RECOMMENDED, SHORT_RECOMMENDED),
}


class Blind(Stateless):
    """Demand stays as it is, with skill."""

    name = "blind"

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """At most what is there."""
        plain, rows = unforecast(panel, ask, self.name), len(panel.series)
        return replace(
            plain,
            maximum=np.repeat(plain.last[:, None], len(LEVELS), axis=1),
            lead_skill=np.full(rows, 0.5, np.float32),
            needed=np.zeros(rows, np.int32),
        )


def main() -> None:
    """Measure, then print one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("traces", nargs="+", type=Path, help="CSV files in the form of the replay source")
    parser.add_argument(
        "--columns", type=int, default=20, help="at most so many of each file, drawn by seed 0"
    )
    parser.add_argument("--days", type=float, default=9, help="to live through, after two of history")
    parser.add_argument("--blind", action="store_true", help="a forecast that knows nothing and claims skill")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON line")
    options = parser.parse_args()
    results = {}
    for path in options.traces:
        name = path.name.partition(".")[0]
        results[name] = lived(world_of(path, options.columns, options.days), blind=options.blind)
        if not options.json:
            print(name, results[name], flush=True)
    print(json.dumps({"blind": options.blind, "files": results}))


def world_of(path: Path, most: int, days: float) -> World:
    """The columns of a trace as the demand of as many workloads."""
    trace = Trace.from_csv(path)
    columns = {name: trace.values[trace.index(name)] for name in trace.columns}
    names = [n for n, v in columns.items() if np.isfinite(v).mean() > OBSERVED and np.nanmax(v) > 0]
    if len(names) > most:
        drawn = np.random.default_rng(0).choice(len(names), most, replace=False)
        names = [names[i] for i in sorted(drawn)]
    series = {name: Series("trace", f"workload-{i}", "cpu") for i, name in enumerate(names)}
    start = math.ceil((trace.start + 2 * DAY) / STEP) * STEP
    return World(
        title=path.name,
        targets=tuple(
            Target(namespace="trace", deployment=s.deployment, mode="Autoscale", max_replicas=1000)
            for s in series.values()
        ),
        columns={s: Column(trace, name) for name, s in series.items()},
        requests={s: float(np.nanpercentile(columns[name], 99)) / PODS or 1.0 for name, s in series.items()},
        start=start,
        end=min(trace.end, start + days * DAY),
        shift_seconds=0.0,
        step=STEP,
    )


def lived(world: World, *, blind: bool) -> dict[str, Any]:
    """Every cycle of a world, and what came of it."""
    clock = SteppedClock(world.start)
    forecaster = Blind() if blind else build_forecaster(model_store(Settings(), clock))
    scorer = Scorer(world.source(clock), forecaster, Pace(interval=STEP, step=STEP), timer=time.perf_counter)
    scorer.follow(world.targets)
    scorer.stream.advance(clock.now())
    while scorer.stream.fill():
        pass
    sums, cycles = 0.0 * scorer.ledger.newest, 0
    was, opened = scorer.breaker.opened, np.zeros((len(world.targets), 3))
    while clock.now() <= world.end:
        faults = scorer.cycle(clock.now()).faults
        if faults:
            raise SystemExit(f"not a full cycle: {faults}")
        now = scorer.breaker.opened
        opened += np.stack([now & ~was, was & ~now, now], axis=1)
        sums, cycles, was = sums + scorer.ledger.newest, cycles + 1, now
        clock.wait_until(clock.now() + STEP, threading.Event())
    return {
        "series": len(world.targets),
        "days": round(cycles * STEP / DAY, 1),
        "series_opened": int((opened[:, 0] > 0).sum()),
        "opened": int(opened[:, 0].sum()),
        "closed": int(opened[:, 1].sum()),
        "open_share": round(float(opened[:, 2].mean()) / max(1, cycles), 4),
        "paths": {
            name: {
                "replica_hours": round(float(sums[:, hours].sum()), 1),
                "short_minutes": round(float(sums[:, short].sum())),
            }
            for name, (hours, short) in PATHS.items()
        },
    }


if __name__ == "__main__":
    main()
