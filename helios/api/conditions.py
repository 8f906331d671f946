"""The routes that say how the process is: health, readiness, liveness, models and metrics."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import generate_latest

from helios.api.answers import Health, Liveness, Models, Readiness
from helios.api.contexts import Context, not_loaded
from helios.api.live import Relayed
from helios.api.problems import Problem, responses
from helios.api.renderings import json_response, short, time_of
from helios.models.folders import Loaded

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
SCRAPE_TIMEOUT = "x-prometheus-scrape-timeout-seconds"
LONGEST_SECONDS = 5.0
"""Half of the time that Prometheus waits for a scrape unless told otherwise."""


def condition_routes(context: Context) -> APIRouter:
    """/health, /live and /healthz, /ready and /readyz, /models, /metrics."""
    router = APIRouter(tags=["conditions"])

    @router.get("/health", response_model=Health, responses=responses())
    async def health() -> Response:
        """Say that the process answers, and whether all is well. Probes use /live and /ready."""
        now = context.clock()
        faults = dict(context.live.faults())
        hung = is_hung(context.live.heartbeat_age(now), context.settings.heartbeat_limit_seconds)
        well = context.models.models and not hung and not faults
        answer = {"status": "healthy" if well else "degraded", "timestamp": time_of(now)}
        return json_response(answer | ({"faults": faults} if faults else {}))

    @router.get("/readyz", response_model=Readiness, responses=responses(503))
    @router.get("/ready", response_model=Readiness, responses=responses(503))
    async def ready() -> Response:
        """Readiness: 503 until a model is loaded and verified."""
        if not context.models.models:
            raise not_loaded(context.models)
        return json_response({"ready": True, "models_loaded": sorted(context.models.models)})

    @router.get("/models", response_model=Models, responses=responses())
    async def models() -> Response:
        """List the models in force, of snapshots and of fleets, where they came from, and what is wrong with others."""
        content = {
            "models": [describe(model) for model in context.models.listed()],
            "problems": list(context.models.problems),
        }
        return json_response(content)

    def silence() -> float | None:
        return context.live.heartbeat_age(context.clock())

    router.include_router(liveness_routes(silence, context.settings.heartbeat_limit_seconds))
    router.include_router(metrics_routes(lambda within: exposition(context, within)))
    return router


def liveness_routes(silence: Callable[[], float | None], limit: float) -> APIRouter:
    """/live and /healthz.

    Args:
        silence: seconds since the loop's last sign of life; None where no loop runs in this process.
        limit: silent for longer, it is hung.
    """
    router = APIRouter(tags=["conditions"])

    @router.get("/healthz", response_model=Liveness, responses=responses(503))
    @router.get("/live", response_model=Liveness, responses=responses(503))
    async def live() -> Response:
        """Liveness: 503 if the scoring loop of this process has been silent for too long."""
        age = silence()
        if is_hung(age, limit):
            raise Problem(503, f"the scoring loop has been silent for {age:.0f} s; the limit is {limit:g} s")
        return json_response({"alive": True, "heartbeat_age_seconds": short(age)})

    return router


def metrics_routes(write: Callable[[float], bytes]) -> APIRouter:
    """/metrics.

    Args:
        write: the text, given the seconds that it may wait for another process.
    """
    router = APIRouter(tags=["conditions"])

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"description": "Prometheus text", "content": {EXPOSITION: {}}}, **responses()},
    )
    async def metrics(request: Request) -> Response:
        """Metrics of the process, then the gauges of every target whose report has not expired."""
        # in a thread: once a report has expired the gauges are rendered anew, which takes a while for a large fleet
        body = await asyncio.to_thread(write, waiting_time(request.headers.get(SCRAPE_TIMEOUT, "")))
        return Response(body, headers={"content-type": EXPOSITION})

    return router


def waiting_time(timeout: str) -> float:
    """How long a scrape may wait for another process: half of its time-out, a header's text, and 5 s at most."""
    try:
        seconds = float(timeout)
    except ValueError:
        return LONGEST_SECONDS
    return min(LONGEST_SECONDS, seconds / 2) if 0 < seconds < math.inf else LONGEST_SECONDS


def exposition(context: Context, within: float) -> bytes:
    """The text of /metrics, after waiting no longer than `within` seconds for another process' part of it."""
    live = context.live
    gauges = live.gauges(within) if isinstance(live, Relayed) else live.exposition(context.clock())
    return generate_latest(context.registry) + gauges


def is_hung(age: float | None, limit: float) -> bool:
    """Whether a loop runs in this process and has been silent for too long."""
    return age is not None and age > limit


def describe(model: Loaded) -> dict[str, Any]:
    """A model as /models lists it."""
    return {
        "name": model.name,
        "version": model.version,
        "format": model.metadata.format,
        "loaded_at": time_of(model.loaded_at),
        "metrics": model.metadata.metrics,
        "created_at": model.metadata.created_at,
        "source": model.source,
        "basis": model.metadata.basis,
    }
