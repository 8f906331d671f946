"""Operators for a relay to ask: the real app behind a real server."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
from prometheus_client import CollectorRegistry, Gauge

from helios.api.doors import Held, create_operator_app
from helios.api.live import Live
from helios.api.servers import ApiServer, build_server
from helios.loops import LoopMetrics
from tests.api.builders import KEY, CannedLive
from tests.ui.builders import NOW, report

LIMIT = 60.0


@dataclass
class Operator:
    """A running operator's server; `now` is what its clock says, `age` that of a loop that has not begun."""

    live: Live
    server: ApiServer
    thread: threading.Thread
    port: int
    moment: list[float] = field(default_factory=lambda: [NOW])
    age: list[float] = field(default_factory=lambda: [0.0])

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it and wait for it."""
        self.server.should_exit = True
        self.thread.join(10)


@contextlib.contextmanager
def operating(live: Live | None = None, port: int = 0, held: Held | None = None) -> Iterator[Operator]:
    """An operator, by default with one target; on a port of its choice."""
    moment, age = [NOW], [0.0]
    process, loop = CollectorRegistry(), CollectorRegistry()
    Gauge("process_start_time_seconds", "As the process collector has it", registry=process).set(NOW)
    LoopMetrics.registered(loop).targets.labels("decided").set(1)
    known = CannedLive({KEY: report()}) if live is None else live
    app = create_operator_app(
        live=known,
        clock=lambda: moment[0],
        heartbeat_limit_seconds=LIMIT,
        registry=process,
        loop_registry=loop,
        timer=lambda: age[0],
        held=held,
    )
    # named as TCP, or asyncio leaves Nagle's algorithm on and each answer waits 40 ms
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(2048)
    server = build_server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    give_up = time.monotonic() + 10
    while not server.started and time.monotonic() < give_up:
        time.sleep(0.005)
    # FastAPI builds its routes at the first request, under another filter of warnings: not while a test builds an app
    httpx.get(f"http://127.0.0.1:{listener.getsockname()[1]}/nothing")
    operator = Operator(known, server, thread, listener.getsockname()[1], moment, age)
    try:
        yield operator
    finally:
        operator.stop()
        assert not thread.is_alive()


if __name__ == "__main__":
    with operating() as running:
        print(running.port, flush=True)  # noqa: T201 - whoever started this process reads it
        sys.stdin.read()
