"""Curves of demand over wall time, in cores: what users want, whatever serves them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helios.sources.traces import Trace

Demand = Callable[[float], float]
"""UNIX seconds -> cores."""

TRACE = Path(__file__).parents[1] / "data" / "trace.csv.gz"


def steady(cores: float) -> Demand:
    """Always the same."""
    return lambda _: cores


@dataclass(frozen=True, eq=False)
class Traced:
    """A real trace at speed, repeated without end before and after.

    Attributes:
        values: cores in each of the trace's steps; a step's value holds until the next.
        origin: UNIX seconds at which the trace's first value is played.
        seconds: how long each value is played.
    """

    values: tuple[float, ...]
    origin: float
    seconds: float

    @classmethod
    def of(
        cls,
        column: str,
        *,
        now: float,
        at: float,
        low: float,
        high: float,
        speed: float = 60.0,
        trace: Path = TRACE,
    ) -> Traced:
        """A column of a trace, moved and stretched to lie between two figures.

        Args:
            column: its name.
            now: UNIX seconds at which the trace's slot `at` is played.
            at: trace seconds since its beginning, such as `3 * 86_400 + 6 * 3600` for four days in, at six.
            low: cores at the trace's minimum.
            high: cores at its maximum.
            speed: trace seconds per second: at 60 five minutes are 5 s and a day is 1,440 s.
            trace: its file.
        """
        opened = Trace.from_csv(trace)
        raw = opened.values[opened.index(column)].astype(float)
        raw = raw[np.isfinite(raw)]
        scaled = low + (raw - raw.min()) / (raw.max() - raw.min()) * (high - low)
        seconds = opened.step / speed
        return cls(tuple(scaled.tolist()), now - at / opened.step * seconds, seconds)

    def __call__(self, when: float) -> float:
        """Cores wanted then."""
        return self.values[int((when - self.origin) // self.seconds) % len(self.values)]


class Interrupted:
    """A demand that can be cut to a share of itself, and given back: an outage in front of the workload.

    Both take effect now; what is past stays what it was.
    """

    def __init__(self, demand: Demand) -> None:
        self._demand = demand
        self._shares: list[tuple[float, float]] = []

    def cut(self, share: float, when: float) -> None:
        """From `when` (UNIX seconds, not before an earlier cut) demand is this share of what it would be."""
        self._shares.append((when, share))

    def restore(self, when: float) -> None:
        """From `when` demand is whole again."""
        self.cut(1.0, when)

    def whole(self, when: float) -> float:
        """Cores that would be wanted without a cut."""
        return self._demand(when)

    def __call__(self, when: float) -> float:
        """Cores wanted then."""
        share = next((share for since, share in reversed(self._shares) if since <= when), 1.0)
        return self._demand(when) * share
