"""What the routes may touch: one value, built once per app. No route reaches for anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from helios.api.live import Live
from helios.api.problems import Problem
from helios.models.folders import LoadedModel
from helios.models.stores import ModelStore
from scoring.recommending.advice import Thresholds


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What an operator may decide about the API.

    Attributes:
        thresholds: of /recommend and /detect.
        max_body_bytes: a larger request is refused.
        heartbeat_limit_seconds: a loop silent for longer is taken for hung: /live says so.
        event_poll_seconds: how often the event stream looks for a new cycle.
        event_heartbeat_seconds: how often it says that it is still there.
        fleet_seconds: so long the text of the whole fleet is used again while no new cycle has been posted.
        ui: the folder of the page (`index.html` and what it needs), or None for no page.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    max_body_bytes: int = 2**20
    heartbeat_limit_seconds: float = 900.0
    event_poll_seconds: float = 0.25
    event_heartbeat_seconds: float = 15.0
    fleet_seconds: float = 1.0
    ui: Path | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """The app's surroundings.

    Attributes:
        live: the running loop, or `Nothing`.
        models: the models in force.
        clock: UNIX seconds now.
        settings: what may be decided about the API.
        registry: the process' own metrics.
        closing: set when the server begins to shut down; open streams end then.
    """

    live: Live
    models: ModelStore
    clock: Callable[[], float]
    settings: ApiSettings
    registry: CollectorRegistry
    closing: asyncio.Event

    def model(self, name: str) -> LoadedModel:
        """The model of that name; `auto` is the baseline.

        Raises:
            Problem: 503 if nothing is loaded at all, 404 if this one is not.
        """
        loaded = self.models.models
        if not loaded:
            raise not_loaded(self.models)
        wanted = "baseline" if name == "auto" else name
        if wanted not in loaded:
            known = ", ".join(sorted(loaded))
            raise Problem(404, f"model {wanted!r} is not loaded; loaded: {known}. Name one of them or `auto`")
        return loaded[wanted]

    def followed(self, namespace: str, deployment: str) -> frozenset[str] | None:
        """The metrics that a live target drives by or has samples of; None where its report does not name any."""
        report = self.live.report(namespace, deployment)
        names = frozenset(metric.name for metric in report.metrics) if report is not None else frozenset()
        return names or None


def not_loaded(models: ModelStore) -> Problem:
    """503: no model is loaded, and why."""
    why = "; ".join(models.problems) or "not looked for yet"
    return Problem(503, f"no model is loaded: {why}", extra={"ready": False, "models_loaded": []})
