"""Small web servers on loopback that run in a thread of the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.cluster.certificates import Pair
from tests.cluster.processes import LOOPBACK, free_port
from tests.cluster.waits import wait_until

Answer = Callable[[Request], Awaitable[Response]]


class Server:
    """Serves while the block lasts, always on its own port.

    Attributes:
        address: host and port.
        port: the port.
    """

    def __init__(self, answer: Answer, *, tls: Pair | None = None) -> None:
        """`answer` is asked for every GET."""
        self.port = free_port()
        self.address = f"{LOOPBACK}:{self.port}"
        config = uvicorn.Config(
            Starlette(routes=[Route("/{path:path}", answer)]),
            host=LOOPBACK,
            port=self.port,
            log_config=None,
            log_level="error",
            access_log=False,
            lifespan="off",
            ssl_certfile=None if tls is None else str(tls.certificate),
            ssl_keyfile=None if tls is None else str(tls.key),
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name=f"server {self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started, 10, f"a server on {self.address}", every=0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()


def texts(render: Callable[[str], str | None]) -> Answer:
    """Answers every path with text; None is a 404."""

    async def answer(request: Request) -> Response:
        text = render(request.url.path)
        return PlainTextResponse(text or "", status_code=404 if text is None else 200)

    return answer


class Exporter:
    """Gauges that a test sets, for Prometheus to scrape."""

    def __init__(self) -> None:
        """It has none yet."""
        self._values: dict[str, float] = {}
        self._server = Server(texts(self._render))

    @property
    def address(self) -> str:
        """Host and port."""
        return self._server.address

    def set(self, metric: str, value: float, **labels: str) -> None:
        """Serve `metric{labels} value` from now on."""
        self._values[_series(metric, labels)] = value

    def clear(self, metric: str, **labels: str) -> None:
        """Serve it no more."""
        self._values.pop(_series(metric, labels), None)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def _render(self, _: str) -> str:
        return "".join(f"{series} {value!r}\n" for series, value in self._values.copy().items())


def _series(metric: str, labels: dict[str, str]) -> str:
    inner = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{metric}{{{inner}}}"
