"""Time and bytes of what a restart needs: the small file of every cycle, the large one of every hour, and the warm start.

    python benchmarks/snapshots.py --targets 1000 [--json]

The fleet of benchmarks/cycle.py after a few cycles, its trail filled; files are written with fsync into a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from cycle import STEP, WEEK_COLUMNS, world_of

from helios import snapshots
from helios.app import build_forecaster, model_store
from helios.clocks import SteppedClock
from helios.demos.worlds import World
from helios.logs import configure_logs
from helios.settings import Settings
from scoring.scorer import Pace, Scorer
from scoring.states import decided, history, restore_decided, restore_history


def main() -> None:
    """Measure, then print one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--times", type=int, default=5, help="writes of each file; their median counts")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON line")
    options = parser.parse_args()
    configure_logs("WARNING")
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.targets, options.times)
    if not options.json:
        print(
            f"{options.targets} targets: {result['decided']['seconds']:.3f} s a cycle, "
            f"{result['history']['seconds']:.3f} s an hour"
        )
    print(json.dumps(result))


def measure(folder: Path, targets: int, times: int) -> dict[str, Any]:
    """Live for a few cycles, write both files, and start again from them."""
    world = world_of(targets)
    clock = SteppedClock(world.start)
    scorer = scorer_of(world, clock)
    scorer.stream.advance(clock.now())
    while scorer.stream.fill():
        pass
    for _ in range(4):
        clock.wait_until(clock.now() + STEP, threading.Event())
        scorer.cycle(clock.now())
    fitted = scorer.fitted
    learned = 0 if fitted is None else sum(array.nbytes for array in fitted.arrays().values())
    for name, array in scorer.trail.arrays().items():
        if name in {"done", "said"}:
            array[:] = 1  # memory that was never touched would be free
    series = len(scorer.fleet.series)
    result: dict[str, Any] = {"targets": targets, "series": series}
    result["learned_bytes_per_series"] = round(learned / series)
    parts = {"decided": (snapshots.STATE, decided), "history": (snapshots.HISTORY, history)}
    for part, (name, arrays) in parts.items():
        seconds = []
        for _ in range(times):
            began = time.perf_counter()
            path = snapshots.save(folder, name, arrays(scorer))
            seconds.append(time.perf_counter() - began)
        result[part] = {
            "seconds": round(statistics.median(seconds), 4),
            "most_seconds": round(max(seconds), 4),
            "mib": round(path.stat().st_size / 2**20, 2),
        }
    again = scorer_of(world, clock)
    began = time.perf_counter()
    for name, restore in ((snapshots.HISTORY, restore_history), (snapshots.STATE, restore_decided)):
        state = snapshots.load(folder, name)
        if state is None:
            raise SystemExit(f"{name} was not written")
        restore(again, state, clock.now())
    again.board.exposition(clock.now())
    result["warm_start_seconds"] = round(time.perf_counter() - began, 3)
    return result


def scorer_of(world: World, clock: SteppedClock) -> Scorer:
    """A cold scorer of the whole fleet, with a week of panel and trail."""
    pace = Pace(interval=STEP, step=STEP, columns=WEEK_COLUMNS, trail_columns=WEEK_COLUMNS)
    scorer = Scorer(
        world.source(clock), build_forecaster(model_store(Settings(), clock)), pace, timer=time.perf_counter
    )
    scorer.follow(world.targets)
    return scorer


if __name__ == "__main__":
    main()
