"""What can be said of one snapshot without a history: how such values change, and how high is unusual.

Pure arithmetic over arrays that `scripts/make_reference.py` derived from a real trace and `helios.models` loads; no
file is read here. It says nothing about one particular workload: whoever has a history asks the forecaster and the
detector instead, and an answer from here always names its basis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from scoring.reports import Contribution

Doubles = NDArray[np.float64]

FLOOR = 0.01
"""Below 1 % a relative change says nothing (any change of zero is zero): the band is then that of 1 %."""

CRITICAL = 3.5
"""From this score on a deviation is critical."""

CAP = 12.0
"""Beyond twelve sigmas nothing is distinguished: the trace knows nothing of such values."""

LOWER, MEDIAN, UPPER = 0.1, 0.5, 0.9

REFERENCE_OF = {
    "cpu_utilization": "cpu",
    "memory_utilization": "memory",
    "db_cpu": "cpu",
    "db_memory": "memory",
}
"""Which reference answers for which metric of a snapshot."""

SNAPSHOT_METRICS = (*REFERENCE_OF, "memory_bytes", "db_connections")
"""The metrics of a snapshot."""

_KNOW = "send `recent`, or train a model on your own history (`helios train --anomaly`)"
WITHOUT_REFERENCE = {
    "memory_bytes": f"an absolute number: what is unusual depends on the pod's size: {_KNOW}",
    "db_connections": f"an absolute number: what is unusual depends on the database's limit: {_KNOW}",
}
"""Metrics of a snapshot that no reference can judge, and why."""

_NORMAL = NormalDist()
_NOBODY: Mapping[str, Mapping[str, float]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """How a utilisation changed over h periods in the trace: quantiles of x[t+h] / x[t].

    Attributes:
        levels: the quantiles' levels, rising, with 0.1, 0.5 and 0.9 among them, `[levels]`.
        ratios: the quantiles, row h-1 for h periods, from the earlier part of the trace, `[periods, levels]`.
        reached: share of the changes in the later, held-out part at or below each ratio, `[periods, levels]`.
    """

    levels: Doubles
    ratios: Doubles
    reached: Doubles

    @property
    def band(self) -> Doubles:
        """The P10, P50 and P90 ratios, `[periods, 3]`."""
        return self.ratios[:, np.searchsorted(self.levels, (LOWER, MEDIAN, UPPER))]

    @property
    def coverage(self) -> Doubles:
        """Share of the held-out changes inside P10..P90, per horizon, `[periods]`."""
        low, high = np.searchsorted(self.levels, (LOWER, UPPER))
        return np.asarray(self.reached[:, high] - self.reached[:, low])

    def confidence_of(self, value: float) -> float | None:
        """Probability that the first period falls inside its band; None below `FLOOR`, where it was not measured."""
        low, high = np.searchsorted(self.levels, (LOWER, UPPER))
        return float(self.reached[0, high] - self.reached[0, low]) if value >= FLOOR else None

    def probability_below(self, periods: int, ratio: float) -> float:
        """Probability that a value grows by no more than `ratio` over `periods`.

        Interpolated between the shares measured on the held-out part; outside the measured quantiles it is the
        outermost share: no more is claimed than was seen.
        """
        row = periods - 1
        return float(np.interp(ratio, self.ratios[row], self.reached[row]))


@dataclass(frozen=True, slots=True, eq=False)
class Heights:
    """How high a utilisation was in the trace, as its normal equivalents.

    Attributes:
        sigmas: standard normal quantiles, rising, `[points]`.
        values: the utilisation at each, rising, `[points]`.
        tail: utilisation per sigma beyond the last point.
    """

    sigmas: Doubles
    values: Doubles
    tail: float

    def sigmas_of(self, value: float) -> float:
        """How unusually high `value` is, 0..`CAP`.

        Only what is above the median counts. How low is normal depends on how generously the pod was sized, and
        no other fleet's trace can tell: an idle service is no anomaly without a history of its own.
        """
        if value > self.values[-1]:
            return min(CAP, float(self.sigmas[-1] + (value - self.values[-1]) / self.tail))
        return max(0.0, float(np.interp(value, self.values, self.sigmas)))


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """All that a snapshot is answered from.

    Attributes:
        step: seconds of one period.
        changes: by `cpu` and `memory`.
        heights: by `cpu` and `memory`.
        basis: in words, what trace this is.
    """

    step: float
    changes: Mapping[str, Changes]
    heights: Mapping[str, Heights]
    basis: str

    @property
    def periods(self) -> int:
        """The longest horizon, in periods."""
        return min(len(changes.ratios) for changes in self.changes.values())


def curve_for(band: Doubles, value: float, periods: int) -> Doubles:
    """The P10, P50 and P90 of a utilisation over the next `periods`, `[periods, 3]`, never negative.

    Args:
        band: ratios, `[horizons, 3]`, as of `Changes.band`.
        value: the utilisation now, 0 or more; not clipped at 1.
        periods: how many periods, at most `horizons`.
    """
    return np.asarray(np.maximum(0.0, value + max(value, FLOOR) * (band[:periods] - 1.0)))


def combined_sigmas(sigmas: Sequence[float]) -> float:
    """One score of several deviations, in sigmas.

    The sum of their squares is compared with what as many independent normal values would give (chi-square), and
    its tail probability is put on the sigma scale again. A single deviation keeps its own figure; four of 2 each are
    2.97 together, and so is one of 4 among three of 0.

    Args:
        sigmas: at least one deviation, of either sign.
    """
    if len(sigmas) == 1:
        return min(CAP, abs(sigmas[0]))
    tail = chi_square_tail(sum(min(CAP, abs(sigma)) ** 2 for sigma in sigmas), len(sigmas))
    return min(CAP, max(0.0, -_NORMAL.inv_cdf(tail / 2))) if tail < 1 else 0.0


def chi_square_tail(total: float, count: int) -> float:
    """Probability that the squares of `count` standard normal values sum to more than `total`."""
    half = total / 2
    if count % 2 == 0:
        return math.exp(-half) * sum(math.pow(half, j) / math.factorial(j) for j in range(count // 2))
    odd = sum(math.pow(half, j - 0.5) / math.gamma(j + 0.5) for j in range(1, (count + 1) // 2))
    return min(1.0, math.erfc(math.sqrt(half)) + math.exp(-half) * odd)


def strongest(sigmas: Sequence[float]) -> float:
    """The largest of several deviations of one value, made smaller for having been looked for among several (Bonferroni).

    Two views of one value are anything but independent: their squares are not added.

    Args:
        sigmas: at least one, of either sign.
    """
    largest = min(CAP, max(abs(sigma) for sigma in sigmas))
    if len(sigmas) == 1 or largest == 0:
        return largest
    tail = len(sigmas) * math.erfc(largest / math.sqrt(2))
    return -_NORMAL.inv_cdf(tail / 2) if tail < 1 else 0.0


def contributions_of(
    sigmas: Mapping[str, float], blame: Mapping[str, Mapping[str, float]] = _NOBODY
) -> tuple[Contribution, ...]:
    """Each feature's share of the sum of squares, largest first, in ten-thousandths that sum to one.

    With nothing unusual at all every share is alike.

    Args:
        sigmas: feature -> its own deviation.
        blame: feature -> who drives its deviation: feature -> share; itself where nothing is said. What is not one of
            `sigmas` bears nothing.
    """
    squares = dict.fromkeys(sigmas, 0.0)
    for name, sigma in sigmas.items():
        bearers = {who: share for who, share in blame.get(name, {}).items() if who in sigmas and share > 0}
        whole = sum(bearers.values())
        for who, share in (bearers or {name: 1.0}).items():
            squares[who] += min(CAP, abs(sigma)) ** 2 * share / (whole or 1.0)
    total = sum(squares.values())
    exact = {
        name: 10_000 * (square / total if total else 1 / len(squares)) for name, square in squares.items()
    }
    parts = {name: math.floor(share) for name, share in exact.items()}
    short = 10_000 - sum(parts.values())
    for name in sorted(exact, key=lambda name: parts[name] - exact[name])[:short]:
        parts[name] += 1
    ordered = sorted(parts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Contribution(name, part / 10_000) for name, part in ordered)


def severity_of(score: float, threshold: float) -> str:
    """`normal` below the threshold, `critical` from `CRITICAL` on (or from the threshold, if that is higher)."""
    if score < threshold:
        return "normal"
    return "warning" if score < CRITICAL else "critical"
