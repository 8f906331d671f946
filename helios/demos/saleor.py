"""The demo's fleet: six services of a shop, each played by measured columns of the bundled trace.

Every series is a real column scaled to a service's size; no column plays twice and nothing is added to one. A column
that is not CPU plays as what it is, or says in its service's title that it stands in. Licence and sources:
LICENSE in this folder.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

from helios.demos.worlds import WEEK, World
from helios.sources.replay import Column
from helios.sources.traces import Trace
from scoring.panels import Series
from scoring.policies import Metric, Target

TRACE = Path(__file__).parent / "trace.csv.gz"
NAMESPACE = "saleor"
HISTORY_SECONDS = 4.6 * 86_400.0
"""History before the first cycle. A day is walked through before the page is served; half a minute later, at 600 times real
time, comes the one incident of the trace that anybody can see: for five minutes a sixth more network traffic, in and
out, and nothing like it in all the other days.
"""
LEAST_HISTORY_SECONDS = 1.1 * 86_400.0
"""A day, and a little more: so much the detector and the forecast want before they speak."""
GIB = 2.0**30


@dataclass(frozen=True, slots=True)
class Part:
    """A column as one metric of a service: `demand = column x scale`, `per_replica` of it served by one pod."""

    metric: str
    column: str
    scale: float
    per_replica: float


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the shop; the metrics after `drives` are forecast and published only."""

    name: str
    drives: str
    maximum: int
    parts: tuple[Part, ...]


FLEET = (
    Service(
        "saleor-api",
        "cpu",
        30,
        (
            Part("cpu", "azure_cpu_usage", 2e-6, 1.0),
            Part("memory", "azure_assigned_mem", 12e3, 1.6 * GIB),
        ),
    ),
    Service(
        "saleor-worker",
        "cpu",
        30,
        (
            Part("cpu", "google_cpu_util_percent", 0.1, 0.5),
            Part("memory", "google_mem_util_percent", 0.4 * GIB, 1.5 * GIB),
        ),
    ),
    Service(
        "saleor-dashboard",
        "cpu",
        30,
        (
            Part("cpu", "alibaba_cpu_util_percent", 0.05, 0.25),
            Part("memory", "alibaba_mem_util_percent", 0.05 * GIB, 0.5 * GIB),
        ),
    ),
    Service(
        "saleor-search",
        "assigned_memory",
        20,
        (Part("assigned_memory", "google_assigned_mem_percent", 1.0, 10.0),),
    ),
    Service("saleor-media", "network_out", 20, (Part("network_out", "alibaba_net_out", 10.0, 60.0),)),
    Service("saleor-storefront", "network_in", 20, (Part("network_in", "alibaba_net_in", 10.0, 60.0),)),
)


def demo_world(step: float, *, history_seconds: float = HISTORY_SECONDS) -> World:
    """The bundled trace as the demand of the shop, moved by whole weeks to the present so that days keep their names.

    Args:
        step: of the grid, seconds.
        history_seconds: how much of the trace is history when time begins to pass.
    """
    return _moved(Trace.from_csv(TRACE), step, history_seconds)


def live_world(step: float, now: float, *, seconds: float) -> World:
    """The same world, where time began to pass so many `seconds` before `now`; later where the trace has not so much history.

    It ends after `now`: as much of the trace is still to come as the demo's own world has.
    """
    trace = Trace.from_csv(TRACE)
    world = _moved(trace, step, HISTORY_SECONDS, now)
    start = max(trace.start + world.shift_seconds + LEAST_HISTORY_SECONDS, now - seconds)
    return replace(world, start=math.ceil(start / step) * step)


def _moved(trace: Trace, step: float, history_seconds: float, now: float | None = None) -> World:
    start = math.ceil((trace.start + history_seconds) / step) * step
    shift = math.floor(((time.time() if now is None else now) - start) / WEEK) * WEEK
    targets, columns, requests = [], {}, {}
    for service in FLEET:
        own = tuple(
            Metric(p.metric, None if p.metric == "cpu" else f"demo_{p.metric}", p.per_replica)
            for p in service.parts
            if p.metric == service.drives
        )
        target = Target(
            namespace=NAMESPACE,
            deployment=service.name,
            metrics=own,
            min_replicas=2,
            max_replicas=service.maximum,
        )
        targets.append(target)
        by_name = {m.name: m for m in target.followed()}
        for part in service.parts:
            series = Series(NAMESPACE, service.name, part.metric, query=by_name[part.metric].query)
            columns[series] = Column(trace, part.column, part.scale)
            requests[series] = part.per_replica
    return World(
        title="bundled trace: Azure, Google and Alibaba clusters",
        targets=tuple(targets),
        columns=columns,
        requests=requests,
        start=start + shift,
        end=math.floor(trace.end / step) * step + shift,
        shift_seconds=shift,
        step=step,
    )
