"""A replayed world: demand from a trace's columns, replicas from a reactive autoscaler in arithmetic.

The autoscaler is what Helios is compared with: the ordinary HPA at 70 %. It acts on what was demanded, and Helios
never moves it: a replay only observes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helios.clocks import Clock
from helios.errors import TraceError
from helios.settings import Settings
from helios.sources.replay import Column, ReplaySource
from helios.sources.traces import Trace
from scoring.metrics_stream import Workloads
from scoring.panels import Floats, Series
from scoring.policies import Fleet, Target
from scoring.simulation.autoscalers import ReactiveAutoscalers

HPA_TARGET = 0.70
WEEK = 7 * 86_400.0
USUAL_REPLICAS = 6
"""A replayed column without a stated request gets one that its median demand keeps so many replicas busy with."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything a replay needs.

    Attributes:
        title: what is replayed, for the terminal.
        targets: the fleet.
        columns: which column plays each series.
        requests: what one replica is meant to serve, in the series' unit.
        start, end: UNIX seconds between which time passes; what lies before `start` is history.
        shift_seconds: replay time = trace time + this.
        step: the grid step, seconds.
    """

    title: str
    targets: tuple[Target, ...]
    columns: Mapping[Series, Column]
    requests: Mapping[Series, float]
    start: float
    end: float
    shift_seconds: float
    step: float

    def source(self, clock: Clock) -> ReplaySource:
        """The source of this world's samples and workloads at the clock's time."""
        demand = ReplaySource(self.columns, shift_seconds=self.shift_seconds, now=clock.now)
        workloads = PlayedWorkloads(Fleet.of(self.targets), self.requests, demand, clock.now, self.step)
        return ReplaySource(self.columns, shift_seconds=self.shift_seconds, observer=workloads, now=clock.now)


class PlayedWorkloads:
    """Replicas as a reactive autoscaler would have set them, stepped whenever they are looked at.

    What it asks for now is there at the next look: pods take time to start, for it as for the recommendation.
    """

    def __init__(
        self,
        fleet: Fleet,
        requests: Mapping[Series, float],
        demand: ReplaySource,
        now: Callable[[], float],
        step: float,
    ) -> None:
        self._request = np.array([requests.get(s, math.nan) for s in fleet.series], np.float32)
        drivers = [
            next(i for i in range(int(a), int(b)) if fleet.metrics[i].drives)
            for a, b in zip(fleet.first_row[:-1], fleet.first_row[1:], strict=True)
        ]
        self._drivers = tuple(fleet.series[i] for i in drivers)
        self._per_replica = self._request[drivers]
        self._fleet, self._demand, self._now, self._step = fleet, demand, now, step
        self._autoscalers: ReactiveAutoscalers | None = None

    def observe(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        """The fleet's state now; it must be asked for whole."""
        del workloads, series
        now = self._now()
        slot = math.floor(now / self._step) * self._step
        demand = self._demand.read(self._drivers, slot, slot, self._step).values[:, 0]
        before = self._autoscalers or self._started(demand)
        self._autoscalers = before.step(now, demand, self._per_replica)
        unknown = np.full(len(self._request), np.nan, np.float32)
        starts = np.full(len(self._fleet), np.nan, np.float32)
        return Workloads(before.replicas, self._request, unknown, starts)

    def _started(self, demand: Floats) -> ReactiveAutoscalers:
        wishes = self._fleet.wishes
        with np.errstate(invalid="ignore"):
            enough = np.ceil(demand / (HPA_TARGET * self._per_replica))
        replicas = np.clip(np.nan_to_num(enough, nan=1), wishes.minimum, wishes.maximum).astype(np.float32)
        return ReactiveAutoscalers.started(replicas, wishes.minimum, wishes.maximum, HPA_TARGET)


def replay_world(settings: Settings) -> World:
    """The world of `replay.path`: its columns play the targets of the file, or a target each where there are none.

    A column plays the target whose deployment, or `deployment:metric`, it is named for.

    Raises:
        TraceError: the trace cannot be read, or no column plays a target.
    """
    replay = settings.replay
    if replay is None:
        raise TraceError("replay.path is not set: name a CSV file or a folder of them")
    traces = Trace.from_folder(replay.path)
    by_name = {name: trace for trace in traces for name in trace.columns}
    specs = settings.target_specs()
    targets = tuple(spec.target() for spec in specs) or tuple(
        Target(namespace="replay", deployment=name, max_replicas=settings.scaling.max_replicas * 5)
        for name in by_name
    )
    columns: dict[Series, Column] = {}
    for series in Fleet.of(targets).series:
        for name in (
            f"{series.deployment}:{series.metric}",
            series.deployment if series.metric == "cpu" else "",
        ):
            if name in by_name:
                columns.setdefault(series, Column(by_name[name], name))
    silent = [
        t
        for t in targets
        if not any((s.namespace, s.deployment) == (t.namespace, t.deployment) for s in columns)
    ]
    if silent:
        known = ", ".join(sorted(by_name)[:20])
        raise TraceError(
            f"{replay.path}: no column plays {silent[0].namespace}/{silent[0].deployment}; name one "
            f"{silent[0].deployment} or {silent[0].deployment}:cpu (columns: {known})"
        )
    step = float(settings.scoring.step_seconds)
    begin, end = min(t.start for t in traces), max(t.end for t in traces)
    start = min(begin + settings.scoring.history_seconds, begin + (end - begin) / 2)
    start = math.ceil(start / step) * step
    return World(
        title=f"replay of {Path(replay.path).name}",
        targets=targets,
        columns=columns,
        requests={s: replay.per_replica or usual_request(c) for s, c in columns.items()},
        start=start,
        end=math.floor(end / step) * step,
        shift_seconds=0.0,
        step=step,
    )


def usual_request(column: Column) -> float:
    """A request per replica at which the column's median demand keeps a usual number of replicas at the HPA's target."""
    values = column.trace.values[column.trace.index(column.name)]
    seen = values[~np.isnan(values) & (values > 0)]
    middle = float(np.median(seen)) * column.scale if len(seen) else 1.0
    return float(f"{middle / (USUAL_REPLICAS * HPA_TARGET):.3g}")
