"""What is decided for the fleet in one cycle, and what the recommender remembers of the cycles before."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.forecasts import Forecast
from scoring.metrics_stream import Workloads
from scoring.panels import Bools, Floats, at_rows
from scoring.policies import Policies

REMEMBERED = 128
"""Proposals kept for the hold-down; beyond so many cycles it reaches back only that far."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision stands on.

    Attributes:
        now: UNIX seconds.
        forecast: per series.
        workloads: replicas `[targets]`; request `[series]`, already in the driving unit.
        policies: wishes at this moment, `[targets]`.
        lead_seconds: the lead time in force, `[targets]`.
        critical, direction: of the anomaly in force, `[targets]`; `since` its onset.
        censored: whether the newest value is only a lower bound, `[series]`.
    """

    now: float
    forecast: Forecast
    workloads: Workloads
    policies: Policies
    lead_seconds: Floats
    critical: Bools
    direction: NDArray[np.int8]
    since: NDArray[np.float64]
    censored: Bools


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions of one cycle, `[targets]` unless said otherwise; NaN where none can be made.

    Attributes:
        recommended: replicas, within bounds, after steps, hold-down and freeze.
        uncapped: what the demand alone asks for.
        signal: what generated triggers read: `recommended`, nudged past the HPA's dead-band.
        confidence: probability that demand stays under the recommended capacity over the lead time.
        path: code of `scoring.recommending.reasons.Path`.
        limits: bit set of `scoring.recommending.reasons.Limit`.
        driver: the series row that asked for most, -1 where none did.
        demand: the demand that the driver was decided on, in its unit.
        ahead: replicas that the forecast's path would have had by itself, whoever decides now.
        reactive: the same of the reactive path.
        trusted: whether a forecast decided in the forecast's path.
        beside: what the reactive decision of this moment would be, which a roll-out keeps the published one beside.
    """

    recommended: Floats
    uncapped: Floats
    signal: Floats
    confidence: Floats
    path: NDArray[np.int8]
    limits: NDArray[np.int32]
    driver: NDArray[np.intp]
    demand: Floats
    ahead: Floats
    reactive: Floats
    trusted: Bools
    beside: Floats


@dataclass(frozen=True, slots=True)
class Memory:
    """What the recommender remembers.

    Attributes:
        proposals: replicas wanted in past cycles before the hold-down, `[targets, REMEMBERED]`, newest first.
        at: when each was made, UNIX seconds, `[targets, REMEMBERED]`.
        recommended: the last recommendation, `[targets]`.
        usual: demand that was expected when an announced event came into view, before its lift, `[series]`; NaN
            outside events.
        sums: discounted sums of memory against replicas, `[series, 6]` (see `scoring.recommending.footprints`).
        frozen_since: onset that the drop now in force counts from, UNIX seconds, `[targets]`; NaN while there is none.
        settled: load at which a freeze ended, `[targets]`; NaN where none has, or the load has left that level since (see
            `scoring.recommending.freezes`).
        reactive: what the reactive path wanted when `proposals` were made, `[targets, REMEMBERED]`.
        alone: the last number of the forecast's path and of the reactive one, each by itself, `[targets, 2]`.
        withdrawn: whose forecast did not count in the last cycle, `[targets]`; `turned`: since when that is so, UNIX
            seconds, -inf where it always was.
    """

    proposals: Floats
    at: NDArray[np.float64]
    recommended: Floats
    usual: Floats
    sums: NDArray[np.float64]
    frozen_since: NDArray[np.float64]
    settled: Floats
    reactive: Floats
    alone: Floats
    withdrawn: Bools
    turned: NDArray[np.float64]

    @classmethod
    def none(cls, targets: int, series: int) -> Memory:
        """Nothing was decided yet."""
        return cls(
            np.full((targets, REMEMBERED), np.nan, np.float32),
            np.full((targets, REMEMBERED), -np.inf),
            np.full(targets, np.nan, np.float32),
            np.full(series, np.nan, np.float32),
            np.zeros((series, 6)),
            np.full(targets, np.nan, np.float64),
            np.full(targets, np.nan, np.float32),
            np.full((targets, REMEMBERED), np.nan, np.float32),
            np.full((targets, 2), np.nan, np.float32),
            np.zeros(targets, np.bool_),
            np.full(targets, -np.inf),
        )

    def for_rows(self, targets: NDArray[np.intp], series: NDArray[np.intp]) -> Memory:
        """This memory for another fleet: its old rows, or -1 for what is new."""
        return Memory(
            at_rows(self.proposals, targets, np.nan),
            at_rows(self.at, targets, -np.inf),
            at_rows(self.recommended, targets, np.nan),
            at_rows(self.usual, series, np.nan),
            at_rows(self.sums, series, 0),
            at_rows(self.frozen_since, targets, np.nan),
            at_rows(self.settled, targets, np.nan),
            at_rows(self.reactive, targets, np.nan),
            at_rows(self.alone, targets, np.nan),
            at_rows(self.withdrawn, targets, np.False_),
            at_rows(self.turned, targets, -np.inf),
        )

    def with_proposals(self, wanted: Floats, reactive: Floats, now: float) -> Memory:
        """This memory with one more proposal of each path; a target without one keeps its past as it is."""
        known = ~np.isnan(wanted)
        at = self.at.copy()
        at[known, 1:], at[known, 0] = self.at[known, :-1], now
        both = (_pushed(self.proposals, wanted, known), _pushed(self.reactive, reactive, known))
        return replace(self, proposals=both[0], reactive=both[1], at=at)

    def highest_of(self, seconds: Floats, now: float) -> tuple[Floats, Floats]:
        """The highest proposal of the last `seconds`, by the forecast's path and by the reactive one: `[targets]`, NaN if none.

        A proposal exactly so old still counts, as in the HPA; one that a clock put into the future does not.
        """
        age = now - self.at
        recent, unknown = (age >= 0) & (age <= seconds[:, None]), np.float32(np.nan)
        highest: Floats = np.fmax.reduce(np.where(recent, self.proposals, unknown), axis=1)
        reactive: Floats = np.fmax.reduce(np.where(recent, self.reactive, unknown), axis=1)
        return highest, reactive

    def with_withdrawn(self, withdrawn: Bools, now: float) -> Memory:
        """This memory with those whose forecast does not count now."""
        return replace(
            self, withdrawn=withdrawn, turned=np.where(withdrawn != self.withdrawn, now, self.turned)
        )


def _pushed(past: Floats, newest: Floats, known: Bools) -> Floats:
    """`past` with one more column in front, where there is one."""
    out = past.copy()
    out[known, 1:], out[known, 0] = past[known, :-1], newest[known]
    return out


def undecided(targets: int) -> Decisions:
    """No decision for anyone."""
    unknown = np.full(targets, np.nan, np.float32)
    return Decisions(
        **{
            f.name: unknown
            for f in fields(Decisions)
            if f.name not in {"path", "limits", "driver", "trusted"}
        },
        path=np.zeros(targets, np.int8),
        limits=np.zeros(targets, np.int32),
        driver=np.full(targets, -1, np.intp),
        trusted=np.zeros(targets, np.bool_),
    )
