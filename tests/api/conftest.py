"""The real app behind a real server on a free port of the loopback."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from helios.api.apps import HeliosApi, create_app
from helios.api.contexts import ApiSettings
from helios.api.live import Live
from helios.api.relays import Patience, relaying
from helios.api.servers import ApiServer, build_server
from helios.models.stores import ModelStore
from tests.api.builders import KEY, CannedLive, bundled
from tests.ui.builders import NOW, report

QUICK = Patience(between=0.02, news=0.15, answer=0.3, fleet=0.5, gauges=0.3)
"""Of a relay that no test waits for."""
STEADY = replace(QUICK, news=10.0)
"""Of one whose operator is there, however busy the machine is."""


@dataclass
class Served:
    """A running server; `now` is what its clock says."""

    live: Live
    app: HeliosApi
    server: ApiServer
    thread: threading.Thread
    moment: list[float] = field(default_factory=lambda: [NOW])
    client: httpx.Client = field(default_factory=httpx.Client)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def get(self, path: str) -> httpx.Response:
        """GET."""
        return self.client.get(self.url + path)

    def post(self, path: str, body: object) -> httpx.Response:
        """POST JSON."""
        return self.client.post(self.url + path, json=body)

    def families(self, **headers: str) -> list[str]:
        """The names of the families of /metrics, which must parse."""
        answer = self.client.get(self.url + "/metrics", headers=headers)
        assert 200 == answer.status_code
        return [family.name for family in text_string_to_metric_families(answer.text)]

    def stop(self) -> None:
        """End the server and wait for it."""
        self.server.should_exit = True
        self.thread.join(10)


@contextlib.contextmanager
def serving(
    live: Live | None = None, models: ModelStore | None = None, settings: ApiSettings | None = None
) -> Iterator[Served]:
    """Serve the app; by default a loop with one target, the bundled model and default settings."""
    loop = CannedLive({KEY: report()}) if live is None else live
    moment = [NOW]
    app = create_app(
        live=loop,
        models=bundled() if models is None else models,
        clock=lambda: moment[0],
        settings=ApiSettings() if settings is None else settings,
        registry=CollectorRegistry(),
    )
    server = build_server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    give_up = time.monotonic() + 10
    while not server.started and time.monotonic() < give_up:
        time.sleep(0.005)
    served = Served(loop, app, server, thread, moment)
    try:
        yield served
    finally:
        served.client.close()
        served.stop()
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def api() -> Iterator[Served]:
    """The API as most tests want it; not to be changed by them."""
    with serving() as served:
        yield served


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Serve the app with a loop, models or settings of the test's own."""
    with contextlib.ExitStack() as stack:
        yield lambda **given: stack.enter_context(serving(**given))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What a test opens is closed after it, the last first."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def beside(stack: ExitStack) -> Callable[..., Served]:
    """Serve the API beside the operator at an address."""

    def serve(url: str, patience: Patience = STEADY) -> Served:
        relay = stack.enter_context(relaying(url, patience))
        settings = ApiSettings(event_poll_seconds=0.01, fleet_seconds=3600)
        return stack.enter_context(serving(relay, settings=settings))

    return serve


def eventually(holds: Callable[[], bool], seconds: float = 2.0) -> None:
    """Wait until it holds.

    Raises:
        AssertionError: it does not within so many seconds.
    """
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)
