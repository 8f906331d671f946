"""The routes of the live targets.

Those of one target are plain functions on purpose: a report or a history takes a moment to write down, and does so in
a thread, where it keeps no other request waiting for long. The whole fleet is written down once for all: see `fleets`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from helios.api.answers import Replicas
from helios.api.contexts import Context
from helios.api.fleets import FleetTexts, takes_gzip
from helios.api.history_answers import TargetHistory, render_history
from helios.api.problems import Problem, responses
from helios.api.renderings import json_response
from helios.api.target_answers import Target, Targets, render_report
from scoring.reports import Report

Namespace = Annotated[str, Path(examples=["saleor"])]
Name = Annotated[str, Path(examples=["saleor-api"])]
Points = Annotated[int, Query(ge=1, le=20_160, description="how many grid steps back")]


def target_routes(context: Context) -> APIRouter:
    """/targets and what is below it."""
    router = APIRouter(prefix="/targets", tags=["targets"])

    fleet = FleetTexts(context.live, context.clock, context.settings.fleet_seconds)

    @router.get("", response_model=Targets, responses=responses(503))
    async def targets(request: Request) -> Response:
        """List the latest report of every target, by namespace and name; up to a second old within a cycle."""
        text = await fleet.latest()
        headers = {"vary": "Accept-Encoding"}
        if text.packed is None or not takes_gzip(request.headers.get("accept-encoding", "")):
            return Response(text.body, media_type="application/json", headers=headers)
        headers["content-encoding"] = "gzip"
        return Response(text.packed, media_type="application/json", headers=headers)

    @router.get("/{namespace}/{name}", response_model=Target, responses=responses(404, 422, 503))
    def target(namespace: Namespace, name: Name) -> Response:
        """Give the latest report of one target."""
        return json_response(render_report(find(context, namespace, name)))

    @router.get(
        "/{namespace}/{name}/history", response_model=TargetHistory, responses=responses(404, 422, 503)
    )
    def history(namespace: Namespace, name: Name, points: Points = 288) -> Response:
        """Give one target's recent past and its forecast, for a chart."""
        found = context.live.history(namespace, name, points)
        if found is None:
            raise unknown(namespace, name)
        return json_response(render_history(found))

    @router.get("/{namespace}/{name}/replicas", response_model=Replicas, responses=responses(404, 422, 503))
    def replicas(namespace: Namespace, name: Name) -> Response:
        """Give the replicas to scale to, for KEDA's `metrics-api` trigger; 503 rather than a stale number.

        It is the scaling signal: the recommendation, nudged past the HPA's dead band where it would be ignored.
        """
        return json_response({"replicas": replicas_now(context, find(context, namespace, name))})

    return router


def find(context: Context, namespace: str, name: str) -> Report:
    """The report of a target.

    Raises:
        Problem: 404 if there is no such target.
    """
    report = context.live.report(namespace, name)
    if report is None:
        raise unknown(namespace, name)
    return report


def unknown(namespace: str, name: str) -> Problem:
    """404: no such target."""
    return Problem(404, f"there is no target {namespace}/{name}; GET /targets lists them")


def replicas_now(context: Context, report: Report) -> int:
    """The number to scale to.

    Raises:
        Problem: 503 if there is no decision, or it has expired.
    """
    who = f"{report.namespace}/{report.deployment}"
    number = report.recommended_replicas if report.scaling_signal is None else report.scaling_signal
    if report.expires_at is not None and context.clock() >= report.expires_at:
        raise Problem(
            503,
            f"the decision about {who} has expired: the scoring loop is late or has lost its metrics{failed(context)}",
        )
    if number is None or report.state != "scored":
        raise Problem(
            503,
            f"there is no decision about {who} ({report.state}): {report.problem or report.reason}{failed(context)}",
        )
    return number


def failed(context: Context) -> str:
    """What the last cycle could not do, to be added to a sentence; nothing after a good cycle."""
    faults = "; ".join(f"{stage}: {fault}" for stage, fault in context.live.faults().items())
    return f". The last cycle failed in part: {faults}" if faults else ""
