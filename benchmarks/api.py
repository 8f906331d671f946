"""Latency and throughput of the API while a 1,000-target scoring loop runs back to back.

    python benchmarks/api.py [--targets 1000] [--seconds 3] [--json]

Twice: the loop in a process of its own beside `helios serve`, and the loop inside the serving process as in `helios run`.
Real HTTP over loopback on keep-alive connections from a third process; latency is what the client sees. The peer in the same
run is the same server answering GET /health with no loop anywhere: what the machine allows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sys
import threading
import time
from typing import Any

import numpy as np
from cycle import STEP, WEEK_COLUMNS, world_of

from helios.app import Application, build, listening, served
from helios.clocks import SteppedClock
from helios.logs import configure_logs
from helios.processes import SWITCH_SECONDS
from helios.settings import Settings

METRICS = {"cpu_utilization": 0.45, "memory_utilization": 0.62, "db_cpu": 0.30, "db_memory": 0.55}
REQUESTS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "/health": ("GET", None),
    "/predict": ("POST", {"metrics": METRICS, "periods": 12}),
    "/detect": ("POST", {"metrics": METRICS}),
    "/recommend": (
        "POST",
        {
            "namespace": "saleor",
            "deployment": "saleor-api",
            "current_replicas": 2,
            "current_metrics": {"cpu_utilization": 0.75, "memory_utilization": 0.60},
            "predicted_metrics": {"cpu_utilization": 0.85, "memory_utilization": 0.65},
            "anomaly_score": 1.2,
        },
    ),
}


def main() -> None:
    """Measure, then print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=3.0, help="per endpoint and number of connections")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON line")
    options = parser.parse_args()
    result: dict[str, Any] = {"targets": options.targets}
    for name, inside, beside in (("separate_process", False, True), ("inside_run", True, False)):
        result[name] = scenario(options.targets, options.seconds, inside=inside, beside=beside)
        if not options.json:
            print(name, json.dumps(result[name], indent=1))
    idle = scenario(options.targets, options.seconds, inside=False, beside=False, only="/health")
    result["peers"] = {"no_loop": idle}
    print(json.dumps(result))


def scenario(
    targets: int, seconds: float, *, inside: bool, beside: bool, only: str | None = None
) -> dict[str, Any]:
    """One arrangement of processes: latencies per endpoint and number of connections."""
    context = multiprocessing.get_context("spawn")
    port, cycles = context.Value("i", 0), context.Value("i", 0)
    server = context.Process(target=serve, args=(port, cycles, targets if inside else 0), daemon=True)
    server.start()
    looper = context.Process(target=loop, args=(cycles, targets), daemon=True) if beside else None
    if looper:
        looper.start()
    wanted = inside or beside
    while port.value == 0 or (wanted and cycles.value < 1):
        if not server.is_alive() or (looper and not looper.is_alive()):
            sys.exit("a benchmarked process ended before it was ready")
        time.sleep(0.05)
    before, began = cycles.value, time.perf_counter()
    answer: dict[str, Any] = {}
    for path in REQUESTS:
        if only in (None, path):
            answer[path] = {
                f"connections_{n}": asyncio.run(load(port.value, path, n, seconds)) for n in (1, 16)
            }
    if wanted:
        answer["cycles_per_second"] = round((cycles.value - before) / (time.perf_counter() - began), 2)
    for process in (server, looper):
        if process:
            process.terminate()
            process.join()
    return answer


def serve(port: Any, cycles: Any, targets: int) -> None:
    """Serve, and run cycles back to back in this process if there are targets."""
    configure_logs("WARNING")
    sys.setswitchinterval(SWITCH_SECONDS)
    built, clock = looped(targets) if targets else (build(Settings(), None), None)
    listener = listening("127.0.0.1", 0)
    with served(built.api, listener):
        port.value = listener.getsockname()[1]
        if clock is None:
            threading.Event().wait()
        else:
            cycle_for_ever(built, clock, cycles)


def loop(cycles: Any, targets: int) -> None:
    """Run cycles back to back and serve nothing."""
    configure_logs("WARNING")
    built, clock = looped(targets)
    cycle_for_ever(built, clock, cycles)


def looped(targets: int) -> tuple[Application, SteppedClock]:
    """An application over the benchmark's fleet, its history filled."""
    world = world_of(targets)
    clock = SteppedClock(world.start)
    built = build(Settings(), world.source(clock), clock=clock, targets=world.targets)
    if built.loop is None:
        sys.exit("no loop was built")
    built.loop.fill()
    return built, clock


def cycle_for_ever(built: Application, clock: SteppedClock, cycles: Any) -> None:
    """Back to back; at the trace's end the last hour is walked through again."""
    start = clock.now()
    while built.loop is not None:
        built.loop.cycle(clock.now())
        cycles.value += 1
        clock.wait_until(start + (cycles.value % (WEEK_COLUMNS // 4)) * STEP, threading.Event())


async def load(port: int, path: str, connections: int, seconds: float) -> dict[str, float]:
    """Keep-alive connections, each asking again as soon as it is answered."""
    method, document = REQUESTS[path]
    body = b"" if document is None else json.dumps(document).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    await asyncio.gather(*(asks(port, request, 0.3) for _ in range(connections)))  # warm
    began = time.perf_counter()
    runs = await asyncio.gather(*(asks(port, request, seconds) for _ in range(connections)))
    took = time.perf_counter() - began
    latencies = np.concatenate([np.array(run) for run in runs]) * 1000
    return {
        "p50_ms": round(float(np.percentile(latencies, 50)), 3),
        "p99_ms": round(float(np.percentile(latencies, 99)), 3),
        "requests_per_second": round(len(latencies) / took),
    }


async def asks(port: int, request: bytes, seconds: float) -> list[float]:
    """One connection's latencies, in seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    latencies = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit(f"not answered with 200: {head[:200]!r}")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        latencies.append(time.perf_counter() - began)
    writer.close()
    await writer.wait_closed()
    return latencies


if __name__ == "__main__":
    main()
