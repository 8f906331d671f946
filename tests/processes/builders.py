"""Small worlds for the processes' tests: a source in memory, a loop over it, settings without files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from prometheus_client import CollectorRegistry

from helios.app import build_loop
from helios.clocks import Clock, SteppedClock
from helios.loops import ScoringLoop, Wanted
from helios.settings import Scoring, Settings
from scoring.errors import SourceUnavailable
from scoring.metrics_stream import Workloads
from scoring.panels import Panel, Series
from scoring.policies import Target
from scoring.scorer import Summary

START = 1_800_000_000.0
STEP = 300.0


@dataclass
class DailySource:
    """A fleet with a daily rhythm around 5 cores; `down` makes every question fail, `garbage` is what it answers."""

    down: bool = False
    garbage: float | None = None
    reads: int = 0
    points_per_read: int = 4096
    seen: list[tuple[float, float]] = field(default_factory=list)

    def read(self, series: Sequence[Series], start: float, end: float, step: float) -> Panel:
        """The rhythm, or what is wrong."""
        self.reads += 1
        if self.down:
            raise SourceUnavailable("the test's source is down")
        self.seen.append((start, end))
        times = np.arange(start, end + step / 2, step)
        wave = 5 + 2 * np.sin(2 * np.pi * times / 86_400) + 0.1 * np.sin(times)
        values = np.tile(wave, (len(series), 1)).astype(np.float32)
        if self.garbage is not None:
            values[0] = self.garbage
        return Panel(tuple(series), start, step, values, np.zeros(values.shape, np.bool_))

    def observe(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        """Eight replicas of one core each."""
        if self.down:
            raise SourceUnavailable("the test's source is down")
        unknown = np.full(len(series), np.nan, np.float32)
        return Workloads(
            np.full(len(workloads), 8, np.float32),
            np.full(len(series), 1, np.float32),
            unknown,
            np.full(len(workloads), np.nan, np.float32),
        )


def settings_with(**scoring: object) -> Settings:
    """Settings without a file; three days of history keep tests quick."""
    return Settings(scoring=Scoring.model_validate({"history_seconds": 3 * 86_400, **scoring}))


def loop_over(
    source: DailySource,
    clock: Clock | None = None,
    settings: Settings | None = None,
    *,
    targets: int = 2,
    summaries: list[Summary] | None = None,
    wanted: Callable[[], Wanted] | None = None,
) -> ScoringLoop:
    """A loop over `targets` workloads of namespace saleor."""
    told = [] if summaries is None else summaries
    return build_loop(
        settings or settings_with(),
        source,
        clock or SteppedClock(START),
        tuple(Target(namespace="saleor", deployment=f"service-{i}") for i in range(targets)),
        CollectorRegistry(),
        told.append,
        wanted,
    )
