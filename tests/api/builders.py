"""A running loop as a test wishes it, and models as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from helios.api.live import Deviation, MetricCurve
from helios.models.stores import ModelStore
from scoring.reports import History, Report
from tests.ui.builders import NOW, STEP, history

KEY = ("saleor", "saleor-api")
GAUGE = b"""# HELP helios_recommended_replicas Recommended replica count
# TYPE helios_recommended_replicas gauge
helios_recommended_replicas{namespace="saleor",deployment="saleor-api"} 4
"""


def curve(name: str = "cpu", *, capacity: float | None = 2.0, coverage: float | None = 0.79) -> MetricCurve:
    """A forecast of 288 periods that rises by a hundredth of a unit each; its band is a fifth of a unit wide."""
    middle = [1.0 + 0.01 * period for period in range(288)]
    return MetricCurve(name, capacity, [(m - 0.1, m, m + 0.1) for m in middle], coverage, "auto: network")


@dataclass
class CannedLive:
    """Fulfils `helios.api.live.Live` with what it was given; unknown targets are unknown."""

    known: dict[tuple[str, str], Report] = field(default_factory=dict)
    curves: Sequence[MetricCurve] = (curve(), curve("memory", capacity=4.0))
    sigmas: Sequence[Deviation] = ()
    cycle: int = 7
    age: float | None = 12.0
    wrong: Mapping[str, str] = field(default_factory=dict)

    def reports(self) -> Sequence[Report]:
        """All of them."""
        return list(self.known.values())

    def report(self, namespace: str, deployment: str) -> Report | None:
        """One, if it is known."""
        return self.known.get((namespace, deployment))

    def history(self, namespace: str, deployment: str, points: int) -> History | None:
        """A wave for what is known."""
        found = self.report(namespace, deployment)
        return None if found is None else history(found, points)

    def forecast(self, namespace: str, deployment: str, periods: int) -> Sequence[MetricCurve] | None:
        """The beginning of each curve."""
        if (namespace, deployment) not in self.known:
            return None
        return [replace(c, curve=c.curve[:periods]) for c in self.curves]

    def deviations(
        self, namespace: str, deployment: str, utilization: dict[str, float]
    ) -> Sequence[Deviation] | None:
        """Those of the metrics that were asked for."""
        if (namespace, deployment) not in self.known:
            return None
        return [deviation for deviation in self.sigmas if deviation.feature in utilization]

    def exposition(self, now: float) -> bytes:
        """One gauge, until it expires."""
        return GAUGE if now < NOW + 3 * STEP else b""

    def step_seconds(self) -> float:
        """Five minutes."""
        return STEP

    def cycles(self) -> int:
        """As given."""
        return self.cycle

    def heartbeat_age(self, now: float) -> float | None:
        """As given."""
        return self.age

    def faults(self) -> Mapping[str, str]:
        """As given."""
        return self.wrong


def bundled(now: float = NOW) -> ModelStore:
    """The bundled model, loaded."""
    store = ModelStore(None)
    store.refresh(now)
    return store
