"""From scores per series to figures per fleet, and from fleets to one line: what tables and documents show.

A fleet of a thousand series weighs as much as a fleet of one: figures over fleets are means of the fleets' medians, with
the worst fleet beside them. The worst decile over fleets is that of all their series together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scoring.evaluation.measures import Doubles, Spread, spread
from scoring.evaluation.tallies import Scores

Worst = Literal["high", "low"]
MEASURES: dict[str, Worst] = {
    "relative_mae": "high",
    "mase": "high",
    "wql": "high",
    "bias": "high",
    "coverage": "low",
    "unforecast": "high",
}
"""The figures of a horizon, and which end of each is bad; of the bias it is the size that is bad."""
PERSISTENCE = "persistence"


@dataclass(frozen=True, slots=True)
class Horizon:
    """A fleet at one horizon.

    Attributes:
        seconds: how far ahead.
        points: scored points of all series.
        relative_mae: MAE over persistence's MAE.
        mase, wql, bias, coverage, unforecast: as `measures` and `Scores` say.
    """

    seconds: float
    points: int
    relative_mae: Spread
    mase: Spread
    wql: Spread
    bias: Spread
    coverage: Spread
    unforecast: Spread


@dataclass(frozen=True, slots=True)
class Lead:
    """How often the maximum over one lead time exceeded its Q.98."""

    seconds: float
    windows: int
    exceedance: Spread


@dataclass(frozen=True, slots=True)
class Figures:
    """One forecaster on one fleet; `series_per_second` is NaN where no time was taken."""

    model: str
    series: int
    horizons: tuple[Horizon, ...]
    leads: tuple[Lead, ...]
    series_per_second: float


@dataclass(frozen=True, slots=True)
class OverFleets:
    """One figure over fleets.

    Attributes:
        mean: of the fleets' medians.
        lowest: of the fleets' medians, and `highest`.
        worst: the decile of all fleets' series that do worst.
    """

    mean: float
    lowest: float
    highest: float
    worst: float


@dataclass(frozen=True, slots=True)
class Summary:
    """One forecaster over fleets.

    Attributes:
        model: its name.
        fleets: how many there are.
        horizons: seconds -> figure -> over fleets.
        exceedance: seconds of a lead time -> over fleets.
        series_per_second: over all fleets, each series once.
    """

    model: str
    fleets: int
    horizons: dict[float, dict[str, OverFleets]]
    exceedance: dict[float, OverFleets]
    series_per_second: float


def figures(scores: Scores) -> Figures:
    """A fleet's figures from those of its series."""
    horizons = tuple(
        Horizon(
            step * scores.step,
            int(scores.points[:, i].sum()),
            **{name: _spread(getattr(scores, name)[:, i], name) for name in MEASURES},
        )
        for i, step in enumerate(scores.steps)
    )
    leads = tuple(
        Lead(peak * scores.step, int(scores.windows[:, i].sum()), spread(scores.exceedance[:, i]))
        for i, peak in enumerate(scores.peaks)
    )
    return Figures(scores.model, len(scores.points), horizons, leads, scores.series_per_second)


def persistence(scores: Scores) -> Figures:
    """Persistence's own figures on the same points: it has no band, and no maximum."""
    horizons = []
    for i, step in enumerate(scores.steps):
        known = np.isfinite(scores.persistence_wql[:, i])
        none = Spread(np.nan, np.nan)
        horizons.append(
            Horizon(
                step * scores.step,
                int(scores.points[:, i].sum()),
                relative_mae=spread(np.where(known, 1.0, np.nan)),
                mase=spread(scores.persistence_mase[:, i]),
                wql=spread(scores.persistence_wql[:, i]),
                bias=_spread(scores.persistence_bias[:, i], "bias"),
                coverage=none,
                unforecast=none,
            )
        )
    return Figures(PERSISTENCE, len(scores.points), tuple(horizons), (), float("nan"))


def summary(fleets: Sequence[Scores]) -> Summary:
    """One forecaster's figures over fleets that were asked for the same horizons.

    Raises:
        ValueError: there is no fleet.
    """
    if not fleets:
        raise ValueError("no fleet to summarise")
    first = fleets[0]
    horizons = {
        step * first.step: {
            name: _over([getattr(one, name)[:, i] for one in fleets], name) for name in MEASURES
        }
        for i, step in enumerate(first.steps)
    }
    exceedance = {
        peak * first.step: _over([one.exceedance[:, i] for one in fleets], "exceedance")
        for i, peak in enumerate(first.peaks)
    }
    timed = [one for one in fleets if one.seconds > 0]
    seconds = sum(one.seconds for one in timed)
    rate = sum(len(one.points) for one in timed) / seconds if seconds else float("nan")
    return Summary(first.model, len(fleets), horizons, exceedance, rate)


def _over(parts: Sequence[Doubles], name: str) -> OverFleets:
    """A figure over fleets, of each of which there are the series' values; a fleet without it is left out."""
    medians = np.array([spread(part).median for part in parts])
    known = medians[~np.isnan(medians)]
    worst = _spread(np.concatenate(parts), name).worst
    if not len(known):
        return OverFleets(np.nan, np.nan, np.nan, worst)
    return OverFleets(float(known.mean()), float(known.min()), float(known.max()), worst)


def _spread(values: Doubles, name: str) -> Spread:
    found = spread(values, MEASURES.get(name, "high"))
    if name == "bias":
        return Spread(found.median, spread(np.abs(values)).worst)
    return found
