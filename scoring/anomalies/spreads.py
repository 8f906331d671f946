"""How far figures were spread where it was measured, told as sigmas; and an opinion on one metric in them.

Sigmas are normal equivalents: as many ordinary figures lie beyond 2.5 of them as of a normal distribution, one in 80. That
is a rate per figure that is judged, whoever judges how often. It judges nothing by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from scoring.references import CAP, strongest

Doubles = NDArray[np.float64]

SIGMAS = np.arange(-3, 3.25, 0.25)
FARTHEST = 1e3
"""Beyond so many sigmas nothing is distinguished; nobody measured such values, nor those beyond `CAP`."""
_LEAST_TAIL = 0.02
_TAIL_FROM = 1.0
_FEWEST_BEYOND = 3


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """How a figure was spread where it was measured, as its normal equivalents.

    Attributes:
        values: the figure at each of `SIGMAS`, rising.
        low, high: the figure per sigma below the first and beyond the last, above 0.
    """

    values: Doubles
    low: float
    high: float

    def sigmas_of(self, value: float) -> float:
        """How unusual `value` is, at most `FARTHEST` to either side."""
        return float(self.sigmas_of_all(np.array([value]))[0])

    def sigmas_of_all(self, figures: Doubles) -> Doubles:
        """The same of many; of several sigmas that one figure stands for it is the nearest to 0."""
        first = np.searchsorted(self.values, figures, "left")
        stop = np.searchsorted(self.values, figures, "right")
        last = len(SIGMAS) - 1
        tied = np.clip(0.0, SIGMAS[np.minimum(first, last)], SIGMAS[np.maximum(stop, 1) - 1])
        out = np.where(first < stop, tied, np.interp(figures, self.values, SIGMAS))
        out = np.where(stop > last, SIGMAS[-1] + (figures - self.values[-1]) / self.high, out)
        out = np.where((stop == 0), SIGMAS[0] - (self.values[0] - figures) / self.low, out)
        tied_at_end = (first <= last) & (stop > last)
        out = np.where(tied_at_end, tied, out)
        return np.asarray(np.clip(out, -FARTHEST, FARTHEST), np.float64)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is thought of one metric.

    Attributes:
        expected: of it, in its own unit.
        level: sigmas of the value itself among its own usual values; None where these are not known.
        residual: sigmas of the value less what was expected.
        blame: metric -> its share of the residual, by the ensemble's own attributions; they sum to 1.
    """

    expected: float
    level: float | None
    residual: float
    blame: Mapping[str, float]

    @property
    def extent(self) -> float:
        """The larger of the two views, 0 or more."""
        return max(abs(self.residual), abs(self.level or 0.0))

    @property
    def deviation(self) -> float:
        """How unusual the metric is, by whichever view says most, 0 or more."""
        return strongest([self.residual] if self.level is None else [self.residual, self.level])

    @property
    def surprising(self) -> bool:
        """Whether it is the residual that says most, and not the height of the value."""
        return self.level is None or abs(self.residual) >= abs(self.level)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of a snapshot.

    Attributes:
        score: sigmas, 0..`CAP`.
        opinions: of each metric that was judged.
    """

    score: float
    opinions: Mapping[str, Opinion]


def verdict_of(opinions: Mapping[str, Opinion], joint: Sequence[Spread]) -> Verdict:
    """Join opinions: how far all of them are off together, as it was spread where so many were judged.

    Metrics of one service go together, so the squares of their deviations are no independent ones.

    Args:
        opinions: of one metric at least; one keeps its own figure.
        joint: the spreads for two metrics, three, and so on; the last for all above.
    """
    if len(opinions) == 1 or not joint:
        return Verdict(max(one.deviation for one in opinions.values()), opinions)
    off = math.hypot(*(one.extent for one in opinions.values()))
    sigmas = joint[min(len(opinions), len(joint) + 1) - 2].sigmas_of(off)
    return Verdict(float(np.clip(sigmas, 0.0, CAP)), opinions)


def joint_of(off: Doubles) -> Spread:
    """The spread of a figure that is 0 or more, so that its sigmas are those of both tails of a normal distribution."""
    return spread_of(np.concatenate([-off, off]))


def spread_of(figures: Doubles) -> Spread:
    """How figures are spread; what is rarer than their number can tell goes on as the rest of the tail does."""
    count = max(1, len(figures))
    reached = max(1.5, -NormalDist().inv_cdf(min(0.4, _FEWEST_BEYOND / count)))
    inside = np.abs(SIGMAS) <= min(3.0, reached) + 1e-9
    levels = np.array([NormalDist().cdf(sigma) for sigma in SIGMAS[inside]])
    values = np.quantile(figures, levels) if len(figures) else SIGMAS[inside]
    edge = SIGMAS[inside][-1]
    at = np.interp((-_TAIL_FROM, _TAIL_FROM), SIGMAS[inside], values)
    low = max(_LEAST_TAIL, float((at[0] - values[0]) / (edge - _TAIL_FROM)))
    high = max(_LEAST_TAIL, float((values[-1] - at[1]) / (edge - _TAIL_FROM)))
    beyond = SIGMAS[edge + 1e-9 < SIGMAS] - edge
    before, after = values[0] - low * beyond[::-1], values[-1] + high * beyond
    return Spread(np.concatenate([before, values, after]), low, high)


def blame_of(names: Sequence[str], parts: Doubles, place: int) -> dict[str, float]:
    """Who drives a residual: shares of the parts that point its way, summing to 1; a part against it has none.

    Args:
        names: the metrics.
        parts: what each adds to the residual, `[names]`.
        place: of the metric whose residual it is; it bears a residual of 0.
    """
    driving = np.maximum(0.0, parts * np.sign(parts.sum())) + 0.0
    total = driving.sum()
    if not total > 0:
        return {names[place]: 1.0}
    return dict(zip(names, (driving / total).tolist(), strict=True))
