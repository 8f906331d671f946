"""The gauges of a replayed shop as a real Helios serves them, minute by minute of the trace, as a file for promtool.

The loop, the detector and the API are the product's own: cycles are run one after the other, and in the last day before
the moment that is shown the real server is asked over HTTP, and scraped, once a minute of trace time. No number is made
here, but that the last cycle's moment is told in trace time; what has no source in a replay (KEDA, the HPA) is not in the file.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from helios.app import build, listening, served
from helios.clocks import SteppedClock
from helios.demos.saleor import demo_world
from helios.demos.worlds import World
from helios.errors import HeliosError
from helios.loops import ScoringLoop
from helios.settings import Scoring, Settings

DAY = 86_400.0
STEP = 300.0
EARLIER_SECONDS = 3.5 * DAY
"""So long before the demo's own beginning this replay begins: with less history, and some days in the ledger."""

INCIDENT_SECONDS = 361 * STEP
"""From the demo's beginning to the one incident that anybody can see: for five minutes more network traffic, in and out."""

SCRAPED_SECONDS = 26 * 3600.0
"""So long before the moment shown scrapes begin: a day, and what the panels look back to from its beginning."""

SCRAPE_SECONDS = 60.0
CYCLE_TIME = "helios_cycle_timestamp_seconds"


class TraceTime(SteppedClock):
    """Trace time that says it runs as fast as the wall's, so that Helios tells an interval of five minutes."""

    speed = 1.0


class Scrapes:
    """Samples by series, as a Prometheus would have stored them."""

    def __init__(self) -> None:
        """Nothing was scraped."""
        self._by_name: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self.count = 0

    def take(self, exposition: str, now: float, cycled: float) -> None:
        """Take one answer of /metrics.

        Args:
            exposition: Prometheus' text format; of it the lines of Helios are kept.
            now: when it was scraped, UNIX seconds of the trace.
            cycled: when the last cycle ran, in the same time. Helios tells that moment on the wall, also in a
                replay; here the trace is the wall.
        """
        for line in exposition.splitlines():
            if not line.startswith("helios_"):
                continue
            series, value = line.rsplit(" ", 1)
            name = series.split("{", 1)[0]
            text = repr(cycled) if name == CYCLE_TIME else value
            self._by_name[name][series].append(f"{series} {text} {now}\n")
            self.count += 1

    def write(self, file: Path) -> None:
        """Write OpenMetrics text: a metric's series stand together, the older samples first."""
        with file.open("w", encoding="utf-8") as out:
            for name in sorted(self._by_name):
                for lines in self._by_name[name].values():
                    out.writelines(lines)
            out.write("# EOF\n")


def replay(file: Path) -> int:
    """Replay the shop until its incident, and write what was scraped of it; the number of samples.

    Raises:
        HeliosError: the loop has not scored the shop.
    """
    demo = demo_world(STEP)
    incident = demo.start + INCIDENT_SECONDS
    world = replace(demo, start=demo.start - EARLIER_SECONDS)
    clock = TraceTime(world.start)
    built = build(Settings(scoring=Scoring()), world.source(clock), clock=clock, targets=world.targets)
    if built.loop is None:
        raise HeliosError("a replay needs a loop")
    built.loop.fill()
    scrapes = Scrapes()
    with listening("127.0.0.1", 0) as listener, served(built.api, listener):
        host, port = listener.getsockname()[:2]
        with httpx.Client(base_url=f"http://{host}:{port}", timeout=30, trust_env=False) as client:
            for now in _cycles(built.loop, clock, incident):
                if now < incident - SCRAPED_SECONDS:
                    continue
                for minute in range(int(STEP / SCRAPE_SECONDS)):
                    then = now + minute * SCRAPE_SECONDS
                    clock.wait_until(then, threading.Event())
                    _ask(client, world, minute)
                    scrapes.take(client.get("/metrics").raise_for_status().text, then, now)
    scrapes.write(file)
    return scrapes.count


def _cycles(loop: ScoringLoop, clock: TraceTime, until: float) -> Iterator[float]:
    """Run a cycle, then give its moment; up to the one at `until`."""
    now = clock.now()
    while now <= until:
        loop.cycle(now)
        yield now
        now += STEP
        clock.wait_until(now, threading.Event())


def _ask(client: httpx.Client, world: World, minute: int) -> None:
    """What clients of the API do, of each target with CPU: its curve is read, a snapshot of it judged, its replicas advised."""
    for target in world.targets:
        place = {"namespace": target.namespace, "deployment": target.deployment}
        told: dict[str, Any] = (
            client.get(f"/targets/{target.namespace}/{target.deployment}").raise_for_status().json()
        )
        ratios = {
            f"{m['name']}_utilization": m["utilization"] for m in told["metrics"] if m.get("utilization")
        }
        snapshot = {
            name: value for name, value in ratios.items() if name in {"cpu_utilization", "memory_utilization"}
        }
        if not snapshot:  # only CPU and memory are asked of the three routes
            continue
        client.post("/predict", json={**place, "periods": 12 + minute}).raise_for_status()
        client.post("/detect", json={**place, "metrics": snapshot}).raise_for_status()
        body = {**place, "current_replicas": told["current_replicas"], "current_metrics": snapshot}
        client.post("/recommend", json=body).raise_for_status()
