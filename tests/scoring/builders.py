"""Fleets, panels, forecasts and a source in memory, for every test of `scoring`.

Nothing here is random or reads a clock: what differs from test to test is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.breakers import FIGURES
from scoring.errors import SourceUnavailable
from scoring.forecasting.forecasts import LEVELS, Forecast
from scoring.gauges import TARGET_INFO
from scoring.metrics_stream import Workloads
from scoring.panels import Floats, Panel, Series
from scoring.policies import Fleet, Target
from scoring.publisher import Scores
from scoring.recommending.decisions import Decisions, Memory, Situation
from scoring.recommending.reasons import Path
from scoring.recommending.recommender import Recommender
from scoring.rollouts import COLUMNS as ROLLED

DAY = 86_400.0
STEP = 300.0
NOW = 20_500 * DAY
"""A midnight, UTC: 16 February 2026, a Monday."""
NAN = float("nan")

Values = float | Mapping[str, float] | Sequence[float]


def target(deployment: str = "api", **wishes: Any) -> Target:
    """A target in the namespace `shop`."""
    return Target(namespace="shop", deployment=deployment, **wishes)


def fleet(*targets: Target) -> Fleet:
    """The fleet of these targets, or of one."""
    return Fleet.of(targets or (target(),))


def series(count: int = 1, metric: str = "cpu") -> tuple[Series, ...]:
    """Rows of one metric of workloads `api-0`, `api-1` and so on."""
    return tuple(Series("shop", f"api-{i}", metric) for i in range(count))


def panel(
    values: ArrayLike, *, step: float = STEP, end: float = NOW, censored: ArrayLike | None = None
) -> Panel:
    """A panel of cpu rows whose last column is `end`."""
    grid = np.atleast_2d(np.asarray(values, np.float32))
    flags = (
        np.zeros(grid.shape, np.bool_) if censored is None else np.atleast_2d(np.asarray(censored, np.bool_))
    )
    return Panel(series(len(grid)), end - (grid.shape[1] - 1) * step, step, grid, flags)


def daily(rows: int = 1, *, days: float = 7, step: float = STEP, noise: float = 0.2, seed: int = 0) -> Floats:
    """Rows with a daily wave of 5 +- 2 and some noise."""
    t = np.arange(round(days * DAY / step)) * step
    wave = 5 + 2 * np.sin(2 * np.pi * t / DAY)
    return (wave + np.random.default_rng(seed).normal(0, noise, (rows, len(t)))).astype(np.float32)


def per_row(of: Fleet, values: Values) -> Floats:
    """One value for every series row: the same for all, by metric (NaN for those not named), or one by one."""
    if isinstance(values, Mapping):
        return np.array([values.get(m.name, NAN) for m in of.metrics], np.float32)
    if isinstance(values, Sequence):
        return np.array(values, np.float32)
    return np.full(len(of.series), values, np.float32)


def per_target(of: Fleet, values: float | Sequence[float]) -> Floats:
    """One value for every target."""
    return np.array(np.broadcast_to(np.asarray(values, np.float32), len(of)), np.float32)


def numbers_in(exposition: bytes) -> list[str]:
    """The samples of a text, but for the one that says that there is such a target."""
    lines = exposition.decode().splitlines()
    return [line for line in lines if not line.startswith(("#", TARGET_INFO.name))]


def forecast(
    of: Fleet,
    *,
    last: Values = 2.0,
    peak: Values | None = None,
    skill: Values = 0.3,
    points: int = 2016,
    residual: Values = 0.0,
    sigma: Values = 0.1,
    maximum: NDArray[Any] | None = None,
    steps: tuple[int, ...] = (1, 2, 3, 6, 9, 12),
) -> Forecast:
    """A forecast that says the same at every level: `peak` (by default what is there) within every lead time."""
    rows = len(of.series)
    seen = per_row(of, last)
    highest = seen if peak is None else per_row(of, peak)
    flat = np.repeat(highest[:, None], len(LEVELS), axis=1)
    return Forecast(
        issued_at=NOW,
        step=STEP,
        steps=steps,
        curve=np.repeat(flat[:, None], len(steps), axis=1),
        maximum=flat if maximum is None else np.asarray(maximum, np.float32),
        skill=np.repeat(per_row(of, skill)[:, None], len(steps), axis=1),
        lead_skill=per_row(of, skill),
        points=np.full(rows, points, np.int32),
        needed=np.full(rows, 576, np.int32),
        last=seen,
        residual=per_row(of, residual),
        sigma=per_row(of, sigma),
        model="canned",
        peaks=np.empty((rows, 0, len(LEVELS)), np.float32),
        experts=("canned",),
        chosen=np.zeros((rows, len(steps)), np.int8),
    )


def situation(
    of: Fleet,
    *,
    now: float = NOW,
    replicas: float | Sequence[float] = 4.0,
    request: Values = 1.0,
    lead: float = 465.0,
    critical: bool = False,
    direction: int = 0,
    since: float = NAN,
    censored: bool = False,
    **said: Any,
) -> Situation:
    """A moment; `said` are the arguments of `forecast`."""
    targets, rows = len(of), len(of.series)
    leads = per_target(of, lead)
    unknown = np.full(rows, np.nan, np.float32)
    return Situation(
        now=now,
        forecast=forecast(of, **said),
        workloads=Workloads(per_target(of, replicas), per_row(of, request), unknown, per_target(of, NAN)),
        policies=of.policies(now, leads),
        lead_seconds=leads,
        critical=np.full(targets, critical),
        direction=np.full(targets, direction, np.int8),
        since=np.full(targets, since),
        censored=np.full(rows, censored),
    )


def decide(
    of: Fleet,
    memory: Memory | None = None,
    *,
    withdrawn: bool | None = None,
    share: float | None = None,
    **moment: Any,
) -> tuple[Decisions, Memory]:
    """One decision, whose roll-out allows `share`; `moment` are the arguments of `situation`."""
    before = Memory.none(len(of), len(of.series)) if memory is None else memory
    out = None if withdrawn is None else np.full(len(of), withdrawn)
    near = None if share is None else per_target(of, share)
    return Recommender().decide(of, situation(of, **moment), before, out, near)


def steady(name: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """A demand that tells series and times apart, with a daily wave; `name` is the deployment."""
    offset = sum(name.encode()) % 7
    return 3 + offset + np.sin(2 * np.pi * at / DAY) + 0.01 * (at / STEP % 7)


@dataclass
class MemorySource:
    """A source of samples in memory that can be late, silent, down, or talk nonsense.

    Attributes:
        demand: `(deployment, times) -> values`; memory is 2**30 times that.
        down: what `read` raises, if anything; `blind`: the same for `observe`.
        silent: deployments of which nothing is known.
        until: samples after it have not arrived yet.
        reads: every stretch that was asked for.
        answer: changes a panel before it is given.
    """

    demand: Callable[[str, NDArray[np.float64]], NDArray[np.float64]] = steady
    points_per_read: int = 1_000_000
    replicas: float = 8.0
    request: float = 1.0
    start_seconds: float = NAN
    down: Exception | None = None
    blind: Exception | None = None
    silent: set[str] = field(default_factory=set)
    until: float = float("inf")
    reads: list[tuple[tuple[Series, ...], float, float]] = field(default_factory=list)
    answer: Callable[[Panel], Panel] = lambda panel: panel
    seen: Callable[[Workloads], Workloads] = lambda workloads: workloads

    def read(self, series: Sequence[Series], start: float, end: float, step: float) -> Panel:
        """The demand of `series`."""
        if self.down is not None:
            raise self.down
        rows, columns = tuple(series), round((end - start) / step) + 1
        assert len(rows) * columns <= self.points_per_read or columns == 1
        self.reads.append((rows, start, end))
        times = start + step * np.arange(columns)
        values = np.full((len(rows), columns), np.nan, np.float32)
        for i, one in enumerate(rows):
            if one.deployment not in self.silent:
                scale = 2.0**30 if one.metric == "memory" else 1.0
                values[i] = np.where(times <= self.until, scale * self.demand(one.deployment, times), np.nan)
        return self.answer(Panel(rows, start, step, values, np.zeros(values.shape, np.bool_)))

    def observe(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        """As many replicas, and requests, for everyone; a pod is asked for 2 GiB where it is asked for one core."""
        if self.blind is not None:
            raise self.blind
        request = [self.request * (2.0**31 if s.metric == "memory" else 1.0) for s in series]
        unknown = np.full(len(series), np.nan, np.float32)
        return self.seen(
            Workloads(
                np.full(len(workloads), self.replicas, np.float32),
                np.array(request, np.float32),
                unknown,
                np.full(len(workloads), self.start_seconds, np.float32),
            )
        )


DOWN = SourceUnavailable("prometheus did not answer: connection refused; check its address")


def scores(
    of: Fleet,
    *,
    at: float = NOW,
    lasts: float = 900.0,
    horizons: int = 2,
    experts: tuple[str, ...] = ("network", "persistence"),
    **given: Any,
) -> Scores:
    """Scores of a fleet as one cycle at `at` would post them: plain numbers that differ from gauge to gauge."""
    targets, rows = len(of), len(of.series)
    whole = {
        "scored_at": np.full(targets, at),
        "expires_at": np.full(targets, at + lasts),
        "since": np.full(targets, np.nan),
        "direction": np.zeros(targets, np.int8),
        "kind": np.zeros(targets, np.int8),
        "peak": np.full(targets, np.nan, np.float32),
        "culprit": np.full(targets, -1, np.intp),
        "expected": np.full(targets, np.nan, np.float32),
        "came": np.full(targets, np.nan, np.float32),
        "frozen_until": np.full(targets, np.nan),
        "ended": np.full(targets, np.nan),
        "path": np.full(targets, Path.FORECAST, np.int8),
        "limits": np.zeros(targets, np.int32),
        "driver": of.first_row[:-1].copy(),
        "hours": np.tile([100.0, 86.0, 98.0], (targets, 1)),
        "short": np.tile([11.0, 2.0, 9.0], (targets, 1)),
        "turned_at": np.full(targets, np.nan),
        "turned_by": np.full((targets, FIGURES), np.nan),
        "rollout_since": np.full(targets, np.nan),
        "rollout_stage": np.zeros((targets, ROLLED)),
        "versus": np.tile([12.0, 14.0, 0.0, 1.0, DAY], (targets, 1)),
        "seconds": np.full(targets, 7 * DAY),
        "points": np.full(rows, 2016, np.int32),
        "needed": np.full(rows, 576, np.int32),
        "skill": np.full((rows, horizons), 0.12, np.float32),
        "chosen": np.zeros((rows, horizons), np.int8),
        "ratio": np.full((rows, horizons), 0.48, np.float32),
        "curve": np.tile(np.array([1.5, 2.0, 2.5], np.float32), (rows, horizons, 1)),
        "maximum": np.tile(np.arange(1, 10, dtype=np.float32), (rows, 1)),
    }
    per_targets = {
        "replicas": 2.0,
        "recommended": 4.0,
        "uncapped": 4.0,
        "least": 1.0,
        "most": 10.0,
        "signal": 4.0,
        "confidence": 0.97,
        "score": 1.2,
        "detected": 0.0,
        "critical": 0.0,
        "alarms": 5.0,
        "calibrating": 2016.0,
        "calibrated_at": 288.0,
        "threshold": 2.5,
        "muted": 0.0,
        "alarming": 0.0,
        "alarming_critical": 0.0,
        "set_aside": 0.0,
        "breaker": 0.0,
        "losing": 0.0,
        "rollout": 1.0,
        "beside": 4.0,
        "demand": 3.4,
        "lead_seconds": 465.0,
    }
    per_rows = {
        "last": 1.6,
        "request": 1.0,
        "lead_skill": 0.25,
        "bias": -0.01,
        "coverage": 0.81,
        "share": 0.5,
    }
    arrays = whole | {k: per_target(of, v) for k, v in per_targets.items()}
    arrays |= {k: per_row(of, v) for k, v in per_rows.items()}
    said = {name: np.asarray(value, arrays[name].dtype) for name, value in given.items()}
    return Scores(experts=experts, **(arrays | said))
