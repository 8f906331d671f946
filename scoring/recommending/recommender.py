"""Demand to replicas, for the whole fleet at once.

With a forecast that has skill, the quantile of the maximum over the lead time is the margin; without one the ordinary
HPA figure stands. Every bound is applied in a stated order and leaves a trace, so that each number can say why.
Nothing here is smoothed, learned or read from outside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.forecasts import LEVELS
from scoring.forecasting.quantiles import at_level, probability_below
from scoring.panels import Bools, Floats
from scoring.policies import Fleet
from scoring.recommending import footprints, freezes
from scoring.recommending.decisions import Decisions, Memory, Situation
from scoring.recommending.reasons import Limit, Path

Bits = NDArray[np.integer[Any]]

_EPSILON = np.float32(1e-4)
"""A demand this little over a whole number of replicas is rounding, not demand."""


@dataclass(frozen=True, slots=True)
class _Needs:
    """What each series asks for: replicas, the demand behind them, by which path."""

    replicas: Floats
    demand: Floats
    path: NDArray[np.int8]
    limits: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Recommender:
    """Decides for a fleet; its memory is an argument and a result."""

    def decide(self, fleet: Fleet, s: Situation, memory: Memory) -> tuple[Decisions, Memory]:
        """One decision per target.

        Args:
            fleet: the targets and their series.
            s: what is known now.
            memory: what the last call returned.
        """
        owner, policies = fleet.owner, s.policies
        replicas = s.workloads.replicas
        # 1 what each series asks for, then the largest per target
        memory = replace(memory, sums=footprints.observed(memory.sums, replicas[owner], s.forecast.last))
        memory = replace(memory, usual=_usual(fleet, s, memory))
        needs = _needs(fleet, s, memory.usual * policies.lift[owner])
        drives = fleet.drives & (~fleet.is_memory | footprints.is_independent(memory.sums))
        driver = _largest(fleet, np.where(drives, needs.replicas, np.float32(np.nan)))
        picked = np.maximum(driver, 0)
        known = driver >= 0
        uncapped = np.where(known, needs.replicas[picked], np.float32(np.nan))
        limits = np.where(known, needs.limits[picked], 0)
        # 2 hold-down: a lower number waits until no proposal of the cooldown was higher
        memory = memory.with_proposal(uncapped, s.now)
        held = memory.highest_of(policies.cooldown, s.now)
        wanted = np.where(known, np.fmax(uncapped, held), uncapped)
        limits |= np.where(wanted > uncapped, Limit.HELD, 0)
        # 3 freeze: a drop that looks like an outage, a spike, or a driving metric that is missing (as in the HPA, which
        #   then scales up on the others and never down) takes no replicas away
        frozen, memory = freezes.frozen(s, freezes.load(fleet, s, drives), memory)
        partial = _any(fleet, drives & np.isnan(needs.replicas))
        before = np.where(np.isnan(memory.recommended), replicas, memory.recommended)
        floor = np.where((frozen | partial) & known, before, np.float32(np.nan))
        limits |= np.where(floor > wanted, np.where(frozen, Limit.FROZEN, Limit.PARTIAL), 0)
        wanted = np.fmax(wanted, floor)
        # 4 step limits, then bounds: bounds always win
        count = np.where(np.isnan(replicas), memory.recommended, replicas)
        wanted, stepped = _stepped(wanted, count, policies.up, policies.down)
        recommended = np.clip(wanted, policies.minimum, policies.maximum)
        limits |= stepped
        limits |= np.where(recommended < wanted, Limit.MAXIMUM, 0)
        limits |= np.where(recommended > wanted, Limit.MINIMUM, 0)
        memory = replace(memory, recommended=np.where(known, recommended, memory.recommended))
        return Decisions(
            recommended=recommended,
            uncapped=uncapped,
            signal=nudged(recommended, replicas),
            confidence=_confidence(fleet, s, drives, recommended),
            path=_path(fleet, s, needs, drives, driver),
            limits=limits.astype(np.int32),
            driver=driver,
            demand=np.where(known, needs.demand[picked], np.float32(np.nan)),
        ), memory


def nudged(recommended: Floats, replicas: Floats) -> Floats:
    """The number that an HPA would not ignore: ``floor(1.1 n) + 1`` where ``n < recommended <= 1.1 n``.

    Only upwards: below the current count an ignored recommendation costs replicas, a nudged one would cost
    capacity. (The HPA's tolerance is a tenth of `status.replicas`: pkg/controller/podautoscaler/replica_calculator.go.)
    """
    with np.errstate(invalid="ignore"):
        dead = (recommended > replicas) & (recommended <= replicas * np.float32(1.1) + _EPSILON)
        past = np.floor(replicas * np.float32(1.1) + _EPSILON) + 1
    return np.where(dead, past, recommended).astype(np.float32)


def _needs(fleet: Fleet, s: Situation, lifted: Floats) -> _Needs:
    """Replicas per series: by the forecast where it is trusted, else reactive; never below the guard.

    A spike is answered reactively where that asks for more: the forecast does not know it, and may know of more to come.
    """
    owner, p, f = fleet.owner, s.policies, s.forecast
    request = np.where(s.workloads.request > 0, s.workloads.request, np.float32(np.nan))
    peak = at_level(f.maximum, LEVELS, p.quantile[owner])
    spike = s.direction > 0
    short = f.points < f.needed
    with np.errstate(invalid="ignore", over="ignore"):
        poor = ~(f.lead_skill > 0)
        blind = np.isnan(peak)
        ahead, now = np.fmax(peak, lifted), np.fmax(f.last, lifted)
        by_forecast = _ceil(ahead / (p.max_utilization[owner] * request))
        by_load = _ceil(now / (p.reactive_utilization[owner] * request))
        able = ~short & ~poor & ~blind
        trusted = able & (~spike[owner] | (by_forecast > by_load))
        raised = lifted > np.where(trusted, peak, f.last)
        need = np.where(trusted, by_forecast, by_load)
        guard = _ceil(f.last / (p.guard_utilization[owner] * request))
        # demand was at least what is seen: the reactive margin, and one pod more than there are
        reactive = _ceil(f.last / (p.reactive_utilization[owner] * request))
        least = np.where(s.censored, np.fmax(reactive, s.workloads.replicas[owner] + 1), guard)
        limits = np.where(least > need, np.where(s.censored, Limit.CENSORED, Limit.GUARD), 0)
        limits |= np.where(raised, Limit.EVENT, 0)
    path = np.select(
        [trusted, spike[owner], short, blind, poor],
        [Path.FORECAST, Path.SPIKE, Path.HISTORY, Path.NO_FORECAST, Path.SKILL],
        Path.SKILL,
    ).astype(np.int8)
    replicas = np.where(np.isnan(request), np.float32(np.nan), np.fmax(need, least))
    replicas = np.where(np.isnan(f.last), np.float32(np.nan), replicas)
    return _Needs(replicas, np.where(trusted, ahead, now), path, limits.astype(np.int32))


def _usual(fleet: Fleet, s: Situation, memory: Memory) -> Floats:
    """Demand expected when an announced event came into view, kept while it lasts so that its lift counts once."""
    on = (s.policies.lift > 1)[fleet.owner]
    peak = at_level(s.forecast.maximum, LEVELS, s.policies.quantile[fleet.owner])
    entering = np.fmax(peak, s.forecast.last)
    usual: Floats = np.where(on, np.where(np.isnan(memory.usual), entering, memory.usual), np.float32(np.nan))
    return usual


def _largest(fleet: Fleet, needs: Floats) -> NDArray[np.intp]:
    """The row of the largest need of each target, -1 where no row has one: `[targets]`."""
    rows = fleet.row_of
    table = np.where(rows >= 0, np.nan_to_num(needs, nan=-1)[rows], -1)
    best = table.argmax(axis=1)
    index = np.arange(len(rows))
    return np.where(table[index, best] >= 0, rows[index, best], -1)


def _any(fleet: Fleet, rows: Bools) -> Bools:
    """Targets of which some series is meant: `[targets]`."""
    return np.asarray(np.logical_or.reduceat(rows, fleet.first_row[:-1]))


def _stepped(wanted: Floats, replicas: Floats, up: Floats, down: Floats) -> tuple[Floats, Bits]:
    """Step limits per cycle from the current count; unlimited where it is unknown or zero.

    A percentage is rounded up, as the HPA does: a small fleet is never stuck.
    """
    n = np.where(replicas > 0, replicas, np.float32(np.nan))
    with np.errstate(invalid="ignore"):
        highest = n + np.maximum(up[:, 0], _ceil(n * up[:, 1] / 100))
        lowest = n - np.maximum(down[:, 0], _ceil(n * down[:, 1] / 100))
    limited = np.fmin(wanted, np.where(np.isnan(highest), np.inf, highest))
    limited = np.fmax(limited, np.where(np.isnan(lowest), -np.inf, lowest))
    limited = np.where(np.isnan(wanted), wanted, limited).astype(np.float32)
    bits = np.where(limited < wanted, Limit.STEP_UP, 0) | np.where(limited > wanted, Limit.STEP_DOWN, 0)
    return limited, bits.astype(np.int32)


def _path(
    fleet: Fleet, s: Situation, needs: _Needs, drives: Bools, driver: NDArray[np.intp]
) -> NDArray[np.int8]:
    """The driver's path; without a driver, what is missing."""
    observed = ~np.isnan(s.forecast.last)
    missing = np.select(
        [~_any(fleet, observed & fleet.drives), ~_any(fleet, drives), ~_any(fleet, observed & drives)],
        [Path.NO_DATA, Path.MEMORY_ONLY, Path.NO_DATA],
        Path.NO_REQUEST,
    )
    return np.where(driver >= 0, needs.path[np.maximum(driver, 0)], missing).astype(np.int8)


def _confidence(fleet: Fleet, s: Situation, drives: Bools, recommended: Floats) -> Floats:
    """The least, over driving series, of the probability that demand stays under what `recommended` can serve.

    NaN where it is not known of one of them: what is not known may be what breaks.
    """
    capacity = recommended[fleet.owner] * s.workloads.request * s.policies.max_utilization[fleet.owner]
    chance = probability_below(s.forecast.maximum, LEVELS, capacity)
    least = np.minimum.reduceat(np.where(drives, chance, np.float32(np.inf)), fleet.first_row[:-1])
    return np.where(np.isinf(least), np.float32(np.nan), least)


def _ceil(replicas: NDArray[np.floating[Any]]) -> Floats:
    """Whole replicas; what is over by rounding alone does not count, and zero has no sign."""
    whole: Floats = np.maximum(np.ceil(replicas - _EPSILON), 0).astype(np.float32)
    return whole
