"""What the API asks of a running scoring loop; the loop fulfils it, a test passes another.

`helios serve` has no loop: beside an operator it is given a relay to the operator's, alone it is given `Nothing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from scoring.reports import History, Report


@dataclass(frozen=True, slots=True)
class MetricCurve:
    """A live forecast of one metric: rows of `(lower, median, upper)` per period, in the metric's unit.

    Attributes:
        name: the metric.
        capacity: replicas x request now, same unit, so that value / capacity is a utilisation; None if unknown.
        curve: one `(P10, P50, P90)` per period, nearest first.
        coverage: measured share of recent first periods inside their band; None before it is known.
        model: the forecaster that answered; where it chose another, both: `auto: network`.
        start: UNIX seconds of the newest step of the history: period k is at `start` + k x step; None counts from now.
        step: seconds of a period; None is `Live.step_seconds`.
    """

    name: str
    capacity: float | None
    curve: Sequence[tuple[float, float, float]]
    coverage: float | None
    model: str
    start: float | None = None
    step: float | None = None


@dataclass(frozen=True, slots=True)
class Deviation:
    """How unusual a value is for a live target: `score` in sigmas, `direction` +1 above, -1 below, 0 neither."""

    feature: str
    score: float
    direction: int


class Live(Protocol):
    """The running loop as the API sees it; every method is quick and may be called from any thread.

    Raises:
        helios.api.problems.Problem: 503, where the loop runs in another process that is away. `exposition` never raises; `step_seconds` and all
            below it never raise and never wait: they are called from event loops.
    """

    def reports(self) -> Sequence[Report]:
        """The latest report of every target, by namespace and name."""

    def report(self, namespace: str, deployment: str) -> Report | None:
        """The latest report of one target; None if there is no such target."""

    def history(self, namespace: str, deployment: str, points: int) -> History | None:
        """The last `points` grid steps of one target; None if there is no such target."""

    def forecast(self, namespace: str, deployment: str, periods: int) -> Sequence[MetricCurve] | None:
        """Forecast one target `periods` steps of the grid ahead from its own history; None if no such target."""

    def deviations(
        self, namespace: str, deployment: str, utilization: dict[str, float]
    ) -> Sequence[Deviation] | None:
        """How unusual these utilisations (metric name -> ratio of request) are for this target just now."""

    def exposition(self, now: float) -> bytes:
        """The target gauges as Prometheus text; empty once they have expired at `now`."""

    def step_seconds(self) -> float:
        """The grid step: the length of one period."""

    def cycles(self) -> int:
        """How many cycles have been posted; the page's stream tells each new one."""

    def heartbeat_age(self, now: float) -> float | None:
        """Seconds since the loop last began or ended a cycle; None where no loop runs in this process."""

    def faults(self) -> Mapping[str, str]:
        """Stage -> what the last cycle could not do, in words; empty in a good cycle."""


@runtime_checkable
class Relayed(Protocol):
    """What a loop in another process offers beside: it has its texts written down already."""

    def fleet(self) -> tuple[bytes, bytes | None]:
        """The answer of /targets, plain and packed by gzip (None where that is not worth it); all of one moment."""

    def gauges(self, within: float) -> bytes:
        """`Live.exposition`, or nothing where it would take longer than `within` seconds."""


class Nothing:
    """No loop in this process: no targets, no gauges, no history."""

    def reports(self) -> Sequence[Report]:
        """No targets."""
        return ()

    def report(self, namespace: str, deployment: str) -> Report | None:
        """No target."""
        return None

    def history(self, namespace: str, deployment: str, points: int) -> History | None:
        """No history."""
        return None

    def forecast(self, namespace: str, deployment: str, periods: int) -> Sequence[MetricCurve] | None:
        """No forecast."""
        return None

    def deviations(
        self, namespace: str, deployment: str, utilization: dict[str, float]
    ) -> Sequence[Deviation] | None:
        """No history to deviate from."""
        return None

    def exposition(self, now: float) -> bytes:
        """No gauges."""
        return b""

    def step_seconds(self) -> float:
        """The requirements' period."""
        return 300.0

    def cycles(self) -> int:
        """Never a cycle."""
        return 0

    def heartbeat_age(self, now: float) -> float | None:
        """No loop that could hang."""
        return None

    def faults(self) -> Mapping[str, str]:
        """No cycle that could fail."""
        return {}
