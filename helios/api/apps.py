"""The app: routes, errors and headers put together around what it is given."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic.json_schema import models_json_schema

import helios
from helios.api import problems
from helios.api.conditions import condition_routes
from helios.api.contexts import ApiSettings, Context
from helios.api.events import event_routes
from helios.api.inference import inference_routes
from helios.api.live import Live
from helios.api.middlewares import Envelope, build_meters
from helios.api.pages import install_pages
from helios.api.targets import target_routes
from helios.models.stores import ModelStore

log = structlog.get_logger("helios.api")

_DESCRIPTION = (
    "Forecasts, anomaly scores and scaling advice for Kubernetes workloads. Definitions: docs/api.md."
)


class HeliosApi(FastAPI):
    """The app, with the shape of its errors in the OpenAPI document.

    Attributes:
        closing: set it (in the app's own event loop) when the server begins to shut down; open streams end.
    """

    closing: asyncio.Event

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, problem details included."""
        if not self.openapi_schema:
            template = "#/components/schemas/{model}"
            _, found = models_json_schema([(problems.ProblemDetail, "serialization")], ref_template=template)
            super().openapi()["components"]["schemas"].update(found["$defs"])
        return super().openapi()


def create_app(
    *,
    live: Live,
    models: ModelStore,
    clock: Callable[[], float],
    settings: ApiSettings,
    registry: CollectorRegistry,
) -> HeliosApi:
    """Build the app.

    Args:
        live: the running loop, or `Nothing`.
        models: where models come from; looked at on start and then as often as it says.
        clock: UNIX seconds now.
        settings: what may be decided about the API.
        registry: the process' own metrics; the API's are added to it.
    """
    context = Context(live, models, clock, settings, registry, asyncio.Event())

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await look(models, clock)
        task = asyncio.create_task(keep_fresh(models, clock))
        yield
        task.cancel()

    app = HeliosApi(
        title="Helios",
        version=helios.__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.closing = context.closing
    problems.install(app)
    for routes in (condition_routes, inference_routes, target_routes, event_routes):
        app.include_router(routes(context))
    install_pages(app, settings.ui)
    app.add_middleware(Envelope, limit=settings.max_body_bytes, meters=build_meters(registry))
    return app


async def keep_fresh(models: ModelStore, clock: Callable[[], float]) -> None:
    """Let the store look for newer models, in a thread, for as long as the app runs."""
    while True:
        await asyncio.sleep(min(models.interval, 60.0))
        await look(models, clock)


async def look(models: ModelStore, clock: Callable[[], float]) -> None:
    """Look for newer models in a thread; whatever goes wrong, those in force stay, and the next look comes."""
    try:
        await asyncio.to_thread(models.refresh, clock())
    except Exception:
        log.exception("models could not be looked for; those in force stay")
