"""Memory and time of `helios serve` while it relays an operator's gauges to whoever scrapes it.

    python benchmarks/relays.py --targets 10000 [--json]

The fleet of benchmarks/cycle.py after some cycles, behind the operator's own door in this process; `helios serve` in another. Scraped by one
client at a time, then by three at once: two replicas of a Prometheus, and a person. Reads /proc, so Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from cycle import STEP, world_of
from prometheus_client import CollectorRegistry

from helios.api.doors import create_operator_app
from helios.app import build, listening, served
from helios.clocks import SteppedClock
from helios.logs import configure_logs
from helios.settings import Settings

AT_ONCE = (1, 3)
CYCLES = 24
"""What looks back, the ledger for one, has something to say by then."""


def main() -> None:
    """Measure, then print one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--times", type=int, default=3, help="scrapes of each client")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON line")
    options = parser.parse_args()
    configure_logs("WARNING")
    result = measure(options.targets, options.times)
    if not options.json:
        print(f"{options.targets} targets: {result['text_mib']} MiB of text, {result['idle_mib']} MiB idle")
    print(json.dumps(result))


def measure(targets: int, times: int) -> dict[str, Any]:
    """What is scraped, and what `helios serve` holds meanwhile at most; bytes in MiB."""
    world = world_of(targets)
    clock = SteppedClock(world.start)
    built = build(Settings(), world.source(clock), clock=clock, targets=world.targets)
    if built.loop is None:
        sys.exit("no loop was built")
    built.loop.fill()
    for _ in range(CYCLES):
        built.loop.cycle(clock.now())
        clock.wait_until(clock.now() + STEP, threading.Event())
    door = create_operator_app(
        live=built.live,
        clock=clock.now,
        heartbeat_limit_seconds=1e9,
        registry=CollectorRegistry(),
        loop_registry=CollectorRegistry(),
    )
    with listening("127.0.0.1", 0) as listener, served(door, listener):
        with serving(f"http://127.0.0.1:{listener.getsockname()[1]}") as (process, url):
            text = httpx.get(f"{url}/metrics", timeout=60, trust_env=False).content
            result: dict[str, Any] = {
                "targets": targets,
                "series": sum(not line.startswith(b"#") for line in text.splitlines()),
                "text_mib": round(len(text) / 2**20, 1),
            }
        # another one, for what the first question left behind is not idle
        with serving(f"http://127.0.0.1:{listener.getsockname()[1]}") as (process, url):
            result["idle_mib"] = mib(process, "VmRSS")
            for clients in AT_ONCE:
                with ThreadPoolExecutor(clients) as pool:
                    seconds = list(pool.map(lambda _: scrape(url), range(clients * times)))
                peak = mib(process, "VmHWM")
                result[f"clients_{clients}"] = {"peak_mib": peak, "most_seconds": round(max(seconds), 2)}
    return result


@contextmanager
def serving(operator: str) -> Iterator[tuple[int, str]]:
    """A `helios serve` beside an operator, while the block lasts: its process and its address."""
    with listening("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "HELIOS_OPERATOR_URL": operator, "HELIOS_PORT": str(port)}
    command = [str(Path(sys.executable).with_name("helios")), "serve"]
    with subprocess.Popen(
        command, env=environment | {"HELIOS_LOG_LEVEL": "ERROR"}, stderr=subprocess.DEVNULL
    ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            while not ready(url):
                if process.poll() is not None:
                    sys.exit("helios serve ended before it was ready")
                time.sleep(0.2)
            yield process.pid, url
        finally:
            process.terminate()


def ready(url: str) -> bool:
    """Whether a model is loaded."""
    try:
        return httpx.get(f"{url}/ready", timeout=60, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def scrape(url: str) -> float:
    """Seconds until the text has come as a whole."""
    began = time.perf_counter()
    answer = httpx.get(f"{url}/metrics", timeout=60, trust_env=False)
    if b"helios_recommended_replicas{" not in answer.content:
        sys.exit("the operator's gauges were not relayed")
    return time.perf_counter() - began


def mib(process: int, name: str) -> int:
    """A line of /proc/<process>/status: `VmRSS` is what it holds, `VmHWM` what it has held at most."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(value) // 1024


if __name__ == "__main__":
    main()
