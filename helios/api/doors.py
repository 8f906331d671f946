"""The operator's own small server: its metrics, its liveness, and the door through which `helios serve` sees its loop.

The door answers everything that `helios.api.live.Live` asks, for a `helios.api.relays.Relay` in another process. It
writes nothing and decides nothing. What takes a moment is done in threads: the operator's probes never wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import TypeAdapter

import helios
from helios.api import problems, wires
from helios.api.apps import HeliosApi
from helios.api.conditions import EXPOSITION, liveness_routes, metrics_routes
from helios.api.fleets import FleetTexts
from helios.api.live import Live
from helios.api.middlewares import Envelope
from helios.api.problems import Problem
from helios.api.renderings import json_response

_BODY_LIMIT = 2**20


@dataclass(frozen=True, slots=True)
class Held:
    """What whoever holds the lease tells those who stand by.

    Attributes:
        live: the loop of this very process.
        state: what was decided, as it is stored; empty where nothing is kept. Takes a moment.
        refuse: raises a Problem where this process does not hold the lease; quick.
    """

    live: Live
    state: Callable[[], bytes]
    refuse: Callable[[], None]


def create_operator_app(
    *,
    live: Live,
    clock: Callable[[], float],
    heartbeat_limit_seconds: float,
    registry: CollectorRegistry,
    loop_registry: CollectorRegistry,
    timer: Callable[[], float] = time.monotonic,
    held: Held | None = None,
) -> HeliosApi:
    """Build the operator's app, to be served by `helios.api.servers.build_server`.

    Args:
        live: the running loop.
        clock: UNIX seconds now.
        heartbeat_limit_seconds: a loop silent for longer is hung, and so is one that has not begun after so long.
        registry: the process' own metrics; they are not relayed.
        loop_registry: the loop's metrics, relayed beside the targets' gauges: none may be of a name that
            `helios serve` has itself.
        timer: monotonic seconds, for a loop that never begins.
        held: what other operators may ask, where there are others.
    """
    born = timer()

    def silence() -> float:
        age = live.heartbeat_age(clock())
        return timer() - born if age is None else age

    def gauges() -> bytes:
        return generate_latest(loop_registry) + live.exposition(clock())

    app = HeliosApi(
        title="Helios operator", version=helios.__version__, openapi_url=None, redirect_slashes=False
    )
    app.closing = asyncio.Event()
    problems.install(app)
    app.add_exception_handler(Problem, _signed)
    app.include_router(liveness_routes(silence, heartbeat_limit_seconds))
    app.include_router(metrics_routes(lambda _: generate_latest(registry) + gauges()))
    app.include_router(_readiness_routes(live, clock))
    app.include_router(_door_routes(live, clock, gauges, wires.PREFIX))
    if held is not None:
        only = [Depends(_holding(held))]
        app.include_router(_door_routes(held.live, clock, gauges, wires.HELD), dependencies=only)
        app.include_router(_state_routes(held), dependencies=only)
    app.add_middleware(Envelope, limit=_BODY_LIMIT, meters={})
    return app


def _readiness_routes(live: Live, clock: Callable[[], float]) -> APIRouter:
    router = APIRouter()

    @router.get("/readyz")
    @router.get("/ready")
    async def ready() -> Response:
        """Readiness: 503 until the loop has begun its first cycle. Says nothing about Prometheus."""
        if live.heartbeat_age(clock()) is None:
            raise Problem(503, "the scoring loop has not begun its first cycle yet", extra={"ready": False})
        return json_response({"ready": True})

    return router


def _holding(held: Held) -> Callable[[], Awaitable[None]]:
    async def refuse() -> None:
        held.refuse()

    return refuse


async def _signed(request: Request, error: Exception) -> Response:
    """A problem in the words of an operator: a relay passes them on."""
    if not isinstance(error, Problem):
        raise error
    answer = problems.render(request, error)
    answer.headers[wires.HEADER] = wires.VERSION
    return answer


def _state_routes(held: Held) -> APIRouter:
    router = APIRouter(prefix=wires.HELD)

    @router.get("/state")
    def state() -> Response:
        return _answer(held.state(), **{"content-type": wires.STATE})

    return router


def _door_routes(
    live: Live, clock: Callable[[], float], gauges: Callable[[], bytes], prefix: str
) -> APIRouter:
    """What a relay asks. Names go as parameters: in a path a slash would make another route of them."""
    router = APIRouter(prefix=prefix)
    # whoever asks keeps the text for a while: one kept here too would be twice as old
    fleet = FleetTexts(live, clock, seconds=0.0)

    @router.get("/status")
    async def status() -> Response:
        return _told(wires.STATUS, wires.Status(live.cycles(), live.step_seconds(), live.faults()))

    @router.get("/targets")
    async def targets() -> Response:
        text = await fleet.latest()
        if text.packed is None:
            return _answer(text.body)
        return _answer(text.packed, **{"content-encoding": "gzip"})

    @router.get("/reports")
    def reports() -> Response:
        return _told(wires.REPORTS, tuple(live.reports()))

    @router.get("/report")
    def report(namespace: str, deployment: str) -> Response:
        return _told(wires.REPORT, live.report(namespace, deployment))

    @router.get("/history")
    def history(namespace: str, deployment: str, points: int) -> Response:
        return _told(wires.HISTORY, live.history(namespace, deployment, points))

    @router.get("/forecast")
    def forecast(namespace: str, deployment: str, periods: int) -> Response:
        curves = live.forecast(namespace, deployment, periods)
        return _told(wires.OUTLOOK, None if curves is None else wires.Outlook(live.step_seconds(), curves))

    @router.get("/deviations")
    def deviations(
        namespace: str,
        deployment: str,
        metric: Annotated[tuple[str, ...], Query()] = (),
        ratio: Annotated[tuple[float, ...], Query()] = (),
    ) -> Response:
        asked = dict(zip(metric, ratio, strict=True))
        return _told(wires.DEVIATIONS, live.deviations(namespace, deployment, asked))

    @router.get("/exposition")
    async def exposition() -> Response:
        return _answer(await asyncio.to_thread(gauges), **{"content-type": EXPOSITION})

    return router


def _told(adapter: TypeAdapter[Any], value: object) -> Response:
    return _answer(adapter.dump_json(value))


def _answer(body: bytes, **headers: str) -> Response:
    media = headers.pop("content-type", "application/json")
    return Response(body, media_type=media, headers={wires.HEADER: wires.VERSION, **headers})
