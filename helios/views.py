"""The running loop as the API sees it: copies and plain values, safe from any thread."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from helios.api.live import Deviation, MetricCurve
from helios.api.problems import Problem
from helios.loops import ScoringLoop
from scoring.choices import model_used
from scoring.forecasting.forecasts import LOWER, MEDIAN, UPPER, Forecast, checked
from scoring.panels import Floats, Panel, Series
from scoring.policies import Fleet
from scoring.publisher import Scores
from scoring.reporting import conflict, report, unit_of
from scoring.reports import History, MetricHistory, Report
from scoring.trails import DETECTED, RECOMMENDED, REPLICAS, SCORE

CURVE_NODES = (1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 96, 144, 192, 240, 288)
"""Horizons that are forecast for one target on demand; between them the curve is interpolated."""
FUTURE_PERIODS = 12
CHANGES, CHANGE_SECONDS = 40, 0.05
"""A fleet of thousands takes a second to become another."""

Answer = TypeVar("Answer")


@runtime_checkable
class Explaining(Protocol):
    """A source that can say what is wrong with single series."""

    def problems(self) -> Mapping[Series, str]:
        """Series -> what is wrong and what to do; a healthy one is not in it."""


class _FleetChanged(Exception):
    """Between two looks at the loop's memory its fleet became another one: the rows are no longer the same targets'."""


def _steadily(ask: Callable[[], Answer]) -> Answer:
    """Ask again while the fleet changes; nobody is ever given another target's past.

    Raises:
        Problem: 503, it went on changing.
    """
    for _ in range(CHANGES):
        try:
            return ask()
        except (_FleetChanged, IndexError):
            time.sleep(CHANGE_SECONDS)
    raise Problem(503, "the fleet is changing: ask again in a moment")


class LoopView:
    """Fulfils `helios.api.live.Live`.

    Args:
        loop: the running loop.
        problems: what the source says is wrong with single series.
    """

    def __init__(self, loop: ScoringLoop, problems: Callable[[], Mapping[Series, str]]) -> None:
        self._loop, self._scorer, self._problems = loop, loop.scorer, problems

    def reports(self) -> Sequence[Report]:
        """The latest report of every target, by namespace and name."""
        latest = self._scorer.board.latest()
        if latest is None:
            return ()
        fleet, scores = latest
        problems = self._problems()
        made = [self._report(fleet, scores, row, problems) for row in range(len(fleet))]
        made += [conflict(target) for target in fleet.conflicts]
        return sorted(made, key=lambda r: (r.namespace, r.deployment))

    def report(self, namespace: str, deployment: str) -> Report | None:
        """The latest report of one target."""
        found = self._find(namespace, deployment)
        return None if found is None else self._report(*found, self._problems())

    def history(self, namespace: str, deployment: str, points: int) -> History | None:
        """The last `points` grid steps of one target, with the forecast now in force."""
        return _steadily(lambda: self._history(namespace, deployment, points))

    def _history(self, namespace: str, deployment: str, points: int) -> History | None:
        found = self._find(namespace, deployment)
        if found is None:
            return None
        fleet, _, row = found
        whole, rows = self._panel(fleet, row)
        panel = whole.for_last(points)
        columns = panel.values.shape[1]
        trail = self._scorer.trail
        slot = round(panel.end / panel.step)
        stretch = trail.stretch(row, rows, slot, columns)
        if self._scorer.stream.series[rows] != whole.series:  # it is the first to change
            raise _FleetChanged
        curves = _curves(self._outlook(fleet, whole, rows, FUTURE_PERIODS), FUTURE_PERIODS)
        done = [_listed(stretch.done[:, i]) for i in range(4)]
        return History(
            namespace=namespace,
            deployment=deployment,
            step=panel.step,
            times=panel.times.tolist(),
            current_replicas=done[REPLICAS],
            recommended_replicas=done[RECOMMENDED],
            anomaly_score=done[SCORE],
            anomaly_detected=[bool(v) for v in done[DETECTED]],
            anomaly_onsets=_onsets(panel.times, stretch.done[:, DETECTED]),
            anomaly_threshold=fleet.targets[row].anomaly_threshold,
            metrics=tuple(
                MetricHistory(
                    name=series.metric,
                    unit=unit_of(series.metric),
                    ahead_seconds=trail.ahead * panel.step,
                    demand=_listed(panel.values[i]),
                    predicted_lower=_listed(stretch.said[i, :, 0]),
                    predicted=_listed(stretch.said[i, :, 1]),
                    predicted_upper=_listed(stretch.said[i, :, 2]),
                    future_times=[panel.end + panel.step * (k + 1) for k in range(FUTURE_PERIODS)],
                    future_lower=_listed(curves[i, :, 0]),
                    future_median=_listed(curves[i, :, 1]),
                    future_upper=_listed(curves[i, :, 2]),
                )
                for i, series in enumerate(panel.series)
                if fleet.metrics[rows.start + i].drives or not np.isnan(panel.values[i]).all()
            ),
        )

    def forecast(self, namespace: str, deployment: str, periods: int) -> Sequence[MetricCurve] | None:
        """Forecast one target `periods` steps ahead from its own history."""
        return _steadily(lambda: self._forecast(namespace, deployment, periods))

    def _forecast(self, namespace: str, deployment: str, periods: int) -> Sequence[MetricCurve] | None:
        found = self._find(namespace, deployment)
        if found is None:
            return None
        fleet, scores, row = found
        panel, rows = self._panel(fleet, row)
        outlook = self._outlook(fleet, panel, rows, periods)
        curves = _curves(outlook, periods)
        replicas = float(scores.replicas[row])
        out = []
        for i, series in enumerate(panel.series):
            if not np.isfinite(curves[i]).all():
                continue
            request = float(scores.request[rows.start + i])
            capacity = replicas * request
            out.append(
                MetricCurve(
                    name=series.metric,
                    capacity=capacity if math.isfinite(capacity) and capacity > 0 else None,
                    curve=[(low, mid, high) for low, mid, high in curves[i].tolist()],
                    coverage=self._scorer.trail.first_coverage(rows.start + i),
                    model=model_used(fleet.targets[row].model, _first_expert(outlook, i)),
                    start=panel.end,
                )
            )
        return out

    def deviations(
        self, namespace: str, deployment: str, utilization: dict[str, float]
    ) -> Sequence[Deviation] | None:
        """How many sigmas each utilisation lies from what was forecast for the newest step of this target."""
        return _steadily(lambda: self._deviations(namespace, deployment, utilization))

    def _deviations(
        self, namespace: str, deployment: str, utilization: dict[str, float]
    ) -> Sequence[Deviation] | None:
        found = self._find(namespace, deployment)
        if found is None:
            return None
        fleet, scores, row = found
        panel, rows = self._panel(fleet, row)
        forecast = self._ahead(fleet, panel, rows, (1,))
        out = []
        for i, series in enumerate(panel.series):
            ratio = utilization.get(series.metric)
            capacity = float(scores.replicas[row] * scores.request[rows.start + i])
            expected, sigma = float(forecast.curve[i, 0, MEDIAN]), float(forecast.sigma[i])
            if ratio is None or not all(map(math.isfinite, (capacity, expected, sigma))) or capacity <= 0:
                continue
            z = (ratio * capacity - expected) / max(sigma, 0.01 * abs(expected), 1e-6)
            out.append(Deviation(series.metric, min(abs(z), 100.0), int(np.sign(z))))
        return out

    def exposition(self, now: float) -> bytes:
        """The target gauges as Prometheus text."""
        return self._scorer.board.exposition(now)

    def step_seconds(self) -> float:
        """The grid step."""
        return self._scorer.pace.step

    def cycles(self) -> int:
        """How many cycles have been posted."""
        return self._scorer.board.posted

    def heartbeat_age(self, now: float) -> float | None:
        """Real seconds since the loop last began or ended a cycle, or fetched a piece of history."""
        del now  # a trace's time, or a wall clock that was set, says nothing about a thread that hangs
        beat = self._loop.heartbeat
        return None if beat is None else max(0.0, self._loop.timer() - beat)

    def faults(self) -> Mapping[str, str]:
        """What the last cycle could not do: stage -> what went wrong, in words."""
        return self._loop.faults

    def _find(self, namespace: str, deployment: str) -> tuple[Fleet, Scores, int] | None:
        latest = self._scorer.board.latest()
        if latest is None:
            return None
        fleet, scores = latest
        row = fleet.index.get((namespace, deployment))
        return None if row is None else (fleet, scores, row)

    def _report(self, fleet: Fleet, scores: Scores, row: int, problems: Mapping[Series, str]) -> Report:
        made = report(
            fleet,
            scores,
            row,
            now=self._loop.clock.now(),
            horizons=fleet.horizons,
        )
        rows = range(int(fleet.first_row[row]), int(fleet.first_row[row + 1]))
        said = [
            f"{fleet.metrics[i].name}: {problems[fleet.series[i]]}"
            for i in rows
            if fleet.metrics[i].drives and fleet.series[i] in problems
        ]
        if made.state in {"no-data", "expired"} and not said:
            said = [fault for stage, fault in self._loop.faults.items() if stage in {"advance", "observe"}][
                :1
            ]
        return replace(made, problem="; ".join(said)) if said else made

    def _panel(self, fleet: Fleet, row: int) -> tuple[Panel, slice]:
        rows = slice(int(fleet.first_row[row]), int(fleet.first_row[row + 1]))
        panel = self._scorer.stream.copy_of(rows)
        if panel.series != fleet.series[rows]:
            raise _FleetChanged
        return panel, rows

    def _outlook(self, fleet: Fleet, panel: Panel, rows: slice, periods: int) -> Forecast:
        """Forecast one target at the `CURVE_NODES` before the last period, and there."""
        return self._ahead(fleet, panel, rows, (*(n for n in CURVE_NODES if n < periods), periods))

    def _ahead(self, fleet: Fleet, panel: Panel, rows: slice, steps: tuple[int, ...]) -> Forecast:
        """Forecast one target with what the loop has learned of it up to its last cycle."""
        ask = self._scorer.asked(fleet, np.ones(len(panel.series), np.int32), steps, panel.end, rows)
        try:
            learned = self._scorer.experience.about(rows, panel.series)
        except LookupError as error:
            raise _FleetChanged from error
        fitted = self._scorer.forecaster.fit(panel, ask) if learned is None else learned
        return checked(fitted.forecast(panel, ask), panel, ask)


def _curves(forecast: Forecast, periods: int) -> Floats:
    """P10, P50, P90 of each period: `[metrics, periods, 3]`, interpolated between what was forecast."""
    curve = forecast.curve[:, :, [LOWER, MEDIAN, UPPER]]
    wanted = np.arange(1, periods + 1)
    out: Floats = np.empty((len(curve), periods, 3), np.float32)
    for i in range(len(curve)):
        for j in range(3):
            out[i, :, j] = np.interp(wanted, forecast.steps, curve[i, :, j])
    return out


def _first_expert(forecast: Forecast, i: int) -> str | None:
    place = int(forecast.chosen[i, 0])
    return forecast.experts[place] if place >= 0 else None


def _onsets(times: NDArray[np.float64], detected: Floats) -> list[float]:
    """When a state began that had not been there one step before; what was before the first step is not known."""
    on = detected > 0  # NaN is no state
    onsets: list[float] = times[1:][on[1:] & ~on[:-1]].tolist()
    return onsets


def _listed(values: Floats) -> list[float | None]:
    return [v if math.isfinite(v) else None for v in values.tolist()]
