"""A small real server for the page: its files under the strictest policy, canned reports, a stream of cycles."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

import helios.ui
from scoring.reports import History, Report
from tests.ui.builders import NOW, STEP, history, to_json

POLICY = "default-src 'self'"
FOLDER = Path(helios.ui.__file__).parent


class Served:
    """What the server answers with; a test changes it and calls `turn`."""

    def __init__(self, reports: Sequence[Report]) -> None:
        """Begin with these reports in cycle 1."""
        self.reports = list(reports)
        self.cycle = 1
        self.faults: dict[str, str] = {}
        self.status = 200
        self.history: Callable[[Report, int], History] = history
        self.generated_at = NOW
        self.step = STEP
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """The page's address, behind a path prefix as an ingress might give it."""
        return f"http://127.0.0.1:{self._port}/helios/"

    def turn(self, *reports: Report) -> None:
        """Post a new cycle, with other reports if any are given."""
        if reports:
            self.reports = list(reports)
        self.cycle += 1

    def start(self) -> None:
        """Listen; again on the same port after a stop."""
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app(), log_level="error", ws="none", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)

    def stop(self) -> None:
        """Close every connection and the port."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._server = self._thread = None

    def _app(self) -> Starlette:
        routes: list[BaseRoute] = [
            Route("/", lambda _: FileResponse(FOLDER / "index.html")),
            Mount("/static", StaticFiles(directory=FOLDER)),
            Route("/targets", self._targets),
            Route("/targets/{namespace}/{deployment}/history", self._history),
            Route("/events", self._events),
        ]
        app = Starlette(routes=[Mount("/helios", routes=routes)])

        async def guarded(scope: Any, receive: Any, send: Any) -> None:
            async def strict(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
                await send(message)

            await app(scope, receive, strict)

        return guarded  # type: ignore[return-value]  # an ASGI application is all that uvicorn asks for

    def _targets(self, _: Request) -> Response:
        if self.status != 200:
            return JSONResponse({"title": "Unavailable", "detail": "the loop is starting"}, self.status)
        return JSONResponse(
            {
                "targets": to_json(self.reports),
                "cycle": self.cycle,
                "generated_at": to_json(self.generated_at, "at"),
                "step_seconds": self.step,
                "faults": self.faults,
            }
        )

    def _history(self, request: Request) -> Response:
        wanted = (request.path_params["namespace"], request.path_params["deployment"])
        for report in self.reports:
            if (report.namespace, report.deployment) == wanted:
                points = int(request.query_params["points"])
                return JSONResponse(to_json(self.history(report, points)))
        return JSONResponse({"title": "Not found", "detail": "no such target"}, 404)

    async def _events(self, _: Request) -> Response:
        server = self._server

        async def cycles() -> AsyncIterator[str]:
            told, faults = 0, self.faults
            yield "retry: 300\n\n"
            while server is not None and not server.should_exit:
                if told != self.cycle:
                    told = self.cycle
                    yield f"event: cycle\ndata: {json.dumps({'cycle': told})}\n\n"
                if faults != self.faults:
                    faults = self.faults
                    yield f"event: faults\ndata: {json.dumps({'faults': len(faults)})}\n\n"
                await asyncio.sleep(0.02)

        return StreamingResponse(cycles(), media_type="text/event-stream")
