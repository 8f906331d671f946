"""What a roll-out costs and spares: every column of a trace as two targets in Autoscale, one of them rolled out.

    python benchmarks/rollouts.py TRACE.csv.gz ... [--columns 20] [--days 9] [--bad blind|wild] [--json]

A column plays the demand of one workload whose pods are sized so that eight of them serve its 99th percentile; the first two days are
history. Per file, side by side: replica-hours and minutes short of the reactive path alone (the peer: an ordinary autoscaler),
of the forecast alone, of Autoscale with its breaker and no roll-out, and of Autoscale with `behavior.rollout` as it comes; the most minutes that
one series was short beyond the reactive path; and how wide the roll-out was after each day. `--bad` puts a forecast in place of the shipped
one that claims skill and has none: `blind` takes demand to stay as it is, `wild` to treble.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from breakers import DAY, PODS, STEP, Blind, world_of
from numpy.typing import NDArray

from helios.app import build_forecaster, model_store
from helios.clocks import SteppedClock
from helios.demos.worlds import World
from helios.settings import Settings
from scoring.forecasting.forecasts import Ask, Forecast
from scoring.ledgers import (
    HOURS_AHEAD,
    HOURS_REACTIVE,
    HOURS_RECOMMENDED,
    SHORT_AHEAD,
    SHORT_REACTIVE,
    SHORT_RECOMMENDED,
)
from scoring.panels import Panel
from scoring.policies import Rollout
from scoring.scorer import Pace, Scorer

ROLLED = "-rolled"
PATHS = {
    "reactive": (HOURS_REACTIVE, SHORT_REACTIVE, 0),
    "forecast": (HOURS_AHEAD, SHORT_AHEAD, 0),
    "autoscale": (HOURS_RECOMMENDED, SHORT_RECOMMENDED, 0),
    "autoscale_rolled_out": (HOURS_RECOMMENDED, SHORT_RECOMMENDED, 1),
}
"""Columns of the ledger, and whose: of the target without a roll-out, or of the one with."""


class Wild(Blind):
    """Demand will treble, with skill."""

    name = "wild"

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """Three times what is there."""
        plain = super().forecast(panel, ask)
        return replace(plain, maximum=3 * plain.maximum)


BAD = {"blind": Blind, "wild": Wild}


def main() -> None:
    """Measure, then print one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("traces", nargs="+", type=Path, help="CSV files in the form of the replay source")
    parser.add_argument(
        "--columns", type=int, default=20, help="at most so many of each file, drawn by seed 0"
    )
    parser.add_argument("--days", type=float, default=9, help="to live through, after two of history")
    parser.add_argument(
        "--bad", choices=["blind", "wild"], help="a forecast that knows nothing and claims skill"
    )
    parser.add_argument("--pods", type=float, default=PODS, help="how many serve a column's 99th percentile")
    parser.add_argument("--reactive", type=float, default=0.7, help="the reactive path's utilization")
    parser.add_argument(
        "--rollout",
        type=float,
        nargs=2,
        default=(Rollout().start, Rollout().step),
        metavar=("START", "STEP"),
        help="shares; a step a day",
    )
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON line")
    options = parser.parse_args()
    results = {}
    for path in options.traces:
        name = path.name.partition(".")[0]
        world = world_of(path, options.columns, options.days)
        world = doubled(world, Rollout(*options.rollout), options.pods / PODS, options.reactive)
        results[name] = lived(world, options.bad)
        if not options.json:
            print(name, results[name], flush=True)
    asked = {
        "bad": options.bad,
        "pods": options.pods,
        "reactive": options.reactive,
        "rollout": options.rollout,
    }
    print(json.dumps({**asked, "files": results, "all": added(list(results.values()))}))


def doubled(world: World, rollout: Rollout, larger: float, reactive: float) -> World:
    """The same world with so many times as many pods and every workload twice, the second one rolled out."""
    targets = tuple(replace(t, reactive_utilization=reactive) for t in world.targets)
    twins = tuple(replace(t, deployment=f"{t.deployment}{ROLLED}", rollout=rollout) for t in targets)
    pairs = {s: replace(s, deployment=f"{s.deployment}{ROLLED}") for s in world.columns}
    requests = {s: request / larger for s, request in world.requests.items()}
    return replace(
        world,
        targets=(*targets, *twins),
        columns=world.columns | {pairs[s]: column for s, column in world.columns.items()},
        requests=requests | {pairs[s]: request for s, request in requests.items()},
    )


def lived(world: World, bad: str | None) -> dict[str, Any]:
    """Every cycle of a world, and what came of it."""
    clock = SteppedClock(world.start)
    forecaster = BAD[bad]() if bad else build_forecaster(model_store(Settings(), clock))
    scorer = Scorer(world.source(clock), forecaster, Pace(interval=STEP, step=STEP), timer=time.perf_counter)
    scorer.follow(world.targets)
    scorer.stream.advance(clock.now())
    while scorer.stream.fill():
        pass
    sums, shares, half = 0.0 * scorer.ledger.newest, [], len(world.targets) // 2
    while clock.now() <= world.end:
        faults = scorer.cycle(clock.now()).faults
        if faults:
            raise SystemExit(f"not a full cycle: {faults}")
        sums = sums + scorer.ledger.newest
        shares.append(np.minimum(scorer.rollouts.share(scorer.fleet)[half:], 1))
        clock.wait_until(clock.now() + STEP, threading.Event())
    return told(sums.reshape(2, half, -1), np.array(shares))


def told(sums: NDArray[np.float64], shares: NDArray[np.floating[Any]]) -> dict[str, Any]:
    """The figures of a file.

    Args:
        sums: of the ledger, `[without and with, series, columns]`.
        shares: what the roll-outs allowed, `[cycles, series]`.
    """
    per_day = round(DAY / STEP)
    beyond = sums[:, :, SHORT_RECOMMENDED] - sums[:, :, SHORT_REACTIVE]
    return {
        "series": sums.shape[1],
        "days": round(len(shares) / per_day, 1),
        "paths": {
            name: {
                "replica_hours": round(float(sums[twin, :, hours].sum()), 1),
                "short_minutes": round(float(sums[twin, :, short].sum())),
            }
            for name, (hours, short, twin) in PATHS.items()
        },
        "short_beyond_reactive": {
            name: {"most_of_a_series": round(float(of.max(initial=0))), "sum": round(float(of.clip(0).sum()))}
            for name, of in zip(("autoscale", "autoscale_rolled_out"), beyond, strict=True)
        },
        "share_by_day": [round(float(s), 3) for s in shares[per_day - 1 :: per_day].mean(axis=1)],
        "complete": int((shares[-1] >= 1).sum()),
    }


def added(files: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of all files together."""
    paths = {
        name: {unit: round(sum(f["paths"][name][unit] for f in files), 1) for unit in files[0]["paths"][name]}
        for name in PATHS
    }
    beyond = {
        name: {
            "most_of_a_series": max(f["short_beyond_reactive"][name]["most_of_a_series"] for f in files),
            "sum": sum(f["short_beyond_reactive"][name]["sum"] for f in files),
        }
        for name in ("autoscale", "autoscale_rolled_out")
    }
    return {
        "series": sum(f["series"] for f in files),
        "series_days": round(sum(f["series"] * f["days"] for f in files), 1),
        "paths": paths,
        "short_beyond_reactive": beyond,
        "complete": sum(f["complete"] for f in files),
    }


if __name__ == "__main__":
    main()
