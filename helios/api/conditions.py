"""The routes that say how the process is: health, readiness, liveness, models and metrics."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import generate_latest

from helios.api.answers import Health, Liveness, Models, Readiness
from helios.api.contexts import Context, not_loaded
from helios.api.problems import Problem, responses
from helios.api.renderings import json_response, short, time_of
from helios.models.folders import LoadedModel

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


def condition_routes(context: Context) -> APIRouter:
    """/health, /live and /healthz, /ready and /readyz, /models, /metrics."""
    router = APIRouter(tags=["conditions"])

    @router.get("/health", response_model=Health, responses=responses())
    async def health() -> Response:
        """Say that the process answers, and whether all is well. Probes use /live and /ready."""
        now = context.clock()
        faults = dict(context.live.faults())
        well = context.models.models and not is_hung(context, now) and not faults
        answer = {"status": "healthy" if well else "degraded", "timestamp": time_of(now)}
        return json_response(answer | ({"faults": faults} if faults else {}))

    @router.get("/healthz", response_model=Liveness, responses=responses(503))
    @router.get("/live", response_model=Liveness, responses=responses(503))
    async def live() -> Response:
        """Liveness: 503 if the scoring loop of this process has been silent for too long."""
        now = context.clock()
        age = context.live.heartbeat_age(now)
        if is_hung(context, now):
            limit = context.settings.heartbeat_limit_seconds
            raise Problem(503, f"the scoring loop has been silent for {age:.0f} s; the limit is {limit:g} s")
        return json_response({"alive": True, "heartbeat_age_seconds": short(age)})

    @router.get("/readyz", response_model=Readiness, responses=responses(503))
    @router.get("/ready", response_model=Readiness, responses=responses(503))
    async def ready() -> Response:
        """Readiness: 503 until a model is loaded and verified."""
        if not context.models.models:
            raise not_loaded(context.models)
        return json_response({"ready": True, "models_loaded": sorted(context.models.models)})

    @router.get("/models", response_model=Models, responses=responses())
    async def models() -> Response:
        """List the models in force, where they came from, and what is wrong with others."""
        loaded = context.models.models
        content = {
            "models": [describe(loaded[name]) for name in sorted(loaded)],
            "problems": list(context.models.problems),
        }
        return json_response(content)

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"description": "Prometheus text", "content": {EXPOSITION: {}}}, **responses()},
    )
    async def metrics() -> Response:
        """Metrics of the process, then the gauges of every target whose report has not expired."""
        # in a thread: once a report has expired the gauges are rendered anew, which takes a while for a large fleet
        body = await asyncio.to_thread(exposition, context)
        return Response(body, headers={"content-type": EXPOSITION})

    return router


def exposition(context: Context) -> bytes:
    """The text of /metrics."""
    return generate_latest(context.registry) + context.live.exposition(context.clock())


def is_hung(context: Context, now: float) -> bool:
    """Whether a loop runs in this process and has been silent for too long."""
    age = context.live.heartbeat_age(now)
    return age is not None and age > context.settings.heartbeat_limit_seconds


def describe(model: LoadedModel) -> dict[str, Any]:
    """A model as /models lists it."""
    return {
        "name": model.name,
        "version": model.version,
        "loaded_at": time_of(model.loaded_at),
        "metrics": model.metadata.metrics,
        "created_at": model.metadata.created_at,
        "source": model.source,
        "basis": model.metadata.basis,
    }
