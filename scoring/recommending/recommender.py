"""Demand to replicas, for the whole fleet at once.

With a forecast that has skill, the quantile of the maximum over the lead time is the margin; without one the ordinary
HPA figure stands. Both are reckoned for everyone, always: what was not followed is what a ledger compares with. Every bound is
applied in a stated order and leaves a trace, so that each number can say why. Nothing here is smoothed, learned or read
from outside, and whether a forecast is to be withdrawn is told to it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.forecasts import LEVELS
from scoring.forecasting.quantiles import at_level, probability_below
from scoring.panels import Bools, Floats
from scoring.policies import Fleet, Policies
from scoring.recommending import footprints, freezes
from scoring.recommending.decisions import Decisions, Memory, Situation
from scoring.recommending.leeways import Leeway
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
class _Wants:
    """What each target asks for, by one path: that of the series that needs most, and what must not be undercut."""

    replicas: Floats
    held: Floats
    path: NDArray[np.int8]
    limits: NDArray[np.int32]
    driver: NDArray[np.intp]
    demand: Floats

    def where(self, own: Bools, other: _Wants) -> _Wants:
        """These where `own`, else the other path's."""
        return _Wants(*(np.where(own, getattr(self, f.name), getattr(other, f.name)) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Recommender:
    """Decides for a fleet; its memory is an argument and a result."""

    def decide(
        self,
        fleet: Fleet,
        s: Situation,
        memory: Memory,
        withdrawn: Bools | None = None,
        share: Floats | None = None,
    ) -> tuple[Decisions, Memory]:
        """One decision per target.

        Args:
            fleet: the targets and their series.
            s: what is known now.
            memory: what the last call returned.
            withdrawn: whose forecast is not to count, `[targets]`; None: nobody's. They are decided reactively, and for a cooldown
                after such a change not below what either path asked for.
            share: how far the number may be from the reactive one, as a share of it, `[targets]`, infinite: as far as it likes;
                None: everybody's may. The forecast's path is reckoned without it.
        """
        owner, policies, replicas = fleet.owner, s.policies, s.workloads.replicas
        out = np.zeros(len(fleet), np.bool_) if withdrawn is None else withdrawn
        # 1 what each series asks for, with the forecast and without, then the largest per target
        memory = replace(memory, sums=footprints.observed(memory.sums, replicas[owner], s.forecast.last))
        memory = replace(memory, usual=_usual(fleet, s, memory)).with_withdrawn(out, s.now)
        needs, plain = _needs(fleet, s, memory.usual * policies.lift[owner])
        drives = fleet.drives & (~fleet.is_memory | footprints.is_independent(memory.sums))
        ahead, reactive = _wants(fleet, needs, drives), _wants(fleet, plain, drives)
        known = ahead.driver >= 0
        # 2 hold-down: a lower number waits until no proposal of the cooldown was higher
        memory = memory.with_proposals(ahead.replicas, reactive.replicas, s.now)
        held, bare = memory.highest_of(policies.cooldown, s.now)
        ahead, reactive = replace(ahead, held=held), replace(reactive, held=bare)
        wants = reactive.where(out, ahead)
        turning = (memory.turned <= s.now) & (s.now - memory.turned <= policies.cooldown)
        wants = replace(wants, held=np.where(turning, np.fmax(held, bare), wants.held))
        # 3 freeze: a drop that looks like an outage, a spike, or a driving metric that is missing (as in the HPA, which
        #   then scales up on the others and never down) takes no replicas away
        frozen, memory = freezes.frozen(s, freezes.load(fleet, s, drives), memory)
        stays = np.where(frozen, Limit.FROZEN, 0)
        stays = np.where(~frozen & _any(fleet, drives & np.isnan(needs.replicas)), Limit.PARTIAL, stays)
        # 4 a roll-out keeps the number near the reactive one; then step limits and bounds: bounds always win. What is published
        #   steps from the replicas that there are; the two paths that are compared each from its own last number, or whatever else
        #   holds the workload would be laid to one of them
        before = np.where(np.isnan(memory.recommended), replicas, memory.recommended)
        count = np.where(np.isnan(replicas), memory.recommended, replicas)
        recommended, limits = _bounded(wants, policies, stays, before, count)
        leeway = Leeway.of(_bounds(reactive, policies), share, np.where(turning, before, np.float32(np.nan)))
        if leeway.limited:
            near, marks = _bounded(wants, policies, stays, before, count, leeway)
            limits = np.where(known & (near != recommended), marks | Limit.ROLLOUT, limits)
            recommended = near
        own = np.where(np.isnan(memory.alone), replicas[:, None], memory.alone)
        alone = np.stack(
            [_bounded(w, policies, stays, n, n)[0] for w, n in zip((ahead, reactive), own.T, strict=True)],
            axis=1,
        )
        memory = replace(
            memory,
            recommended=np.where(known, recommended, memory.recommended),
            alone=np.where(known[:, None], alone, memory.alone),
        )
        signal = leeway.signal(
            recommended, nudged(recommended, replicas), nudged(leeway.beside, replicas), stays > 0
        )
        # 5 without pods there is no demand to see, and without a number KEDA never starts one: the minimum, for whom Helios scales
        off = _off(fleet, s) & ~known
        path = np.where(out & known, Path.WITHDRAWN, _path(fleet, s, wants, drives))
        return Decisions(
            recommended=np.where(off, policies.minimum, recommended).astype(np.float32),
            uncapped=wants.replicas,
            signal=np.where(off, policies.minimum, signal).astype(np.float32),
            confidence=_confidence(fleet, s, drives, recommended),
            path=np.where(off, Path.SCALED_TO_ZERO, path).astype(np.int8),
            limits=np.where(off, Limit.MINIMUM, limits).astype(np.int32),
            driver=wants.driver,
            demand=wants.demand,
            ahead=alone[:, 0],
            reactive=alone[:, 1],
            trusted=known & (ahead.path == Path.FORECAST),
            beside=leeway.beside,
        ), memory


def _off(fleet: Fleet, s: Situation) -> Bools:
    """Whom a decision scales and who is scaled to zero: KEDA starts nothing while its trigger fails.

    (pkg/scaling/executor/scale_scaledobjects.go, RequestScale: with an error and a fallback it only logs; the HPA is off at zero.)
    """
    off = s.workloads.off
    return fleet.acts & off if off is not None else np.zeros(len(fleet), np.bool_)


def nudged(recommended: Floats, replicas: Floats) -> Floats:
    """The number that an HPA would not ignore: ``floor(1.1 n) + 1`` where ``n < recommended <= 1.1 n``.

    Only upwards: below the current count an ignored recommendation costs replicas, a nudged one would cost
    capacity. (The HPA's tolerance is a tenth of `status.replicas`: pkg/controller/podautoscaler/replica_calculator.go.)
    """
    with np.errstate(invalid="ignore"):
        dead = (recommended > replicas) & (recommended <= replicas * np.float32(1.1) + _EPSILON)
        past = np.floor(replicas * np.float32(1.1) + _EPSILON) + 1
    return np.where(dead, past, recommended).astype(np.float32)


def _needs(fleet: Fleet, s: Situation, lifted: Floats) -> tuple[_Needs, _Needs]:
    """Replicas per series: by the forecast where it is trusted, else reactive, and reactive throughout; never below the guard.

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
        guard = _ceil(f.last / (p.guard_utilization[owner] * request))
        # demand was at least what is seen: the reactive margin, and one pod more than there are
        seen = _ceil(f.last / (p.reactive_utilization[owner] * request))
        least = np.where(s.censored, np.fmax(seen, s.workloads.replicas[owner] + 1), guard)
        lifts = lifted > np.where(trusted, peak, f.last), lifted > f.last
    path = np.select(
        [trusted, spike[owner], short, blind, poor],
        [Path.FORECAST, Path.SPIKE, Path.HISTORY, Path.NO_FORECAST, Path.SKILL],
        Path.SKILL,
    ).astype(np.int8)
    unknown = np.isnan(request) | np.isnan(f.last)

    def needs(need: Floats, demand: Floats, raised: Bools) -> _Needs:
        with np.errstate(invalid="ignore"):
            limits = np.where(least > need, np.where(s.censored, Limit.CENSORED, Limit.GUARD), 0)
        limits |= np.where(raised, Limit.EVENT, 0)
        replicas = np.where(unknown, np.float32(np.nan), np.fmax(need, least))
        return _Needs(replicas, demand, path, limits.astype(np.int32))

    return (
        needs(np.where(trusted, by_forecast, by_load), np.where(trusted, ahead, now), lifts[0]),
        needs(by_load, now, lifts[1]),
    )


def _wants(fleet: Fleet, needs: _Needs, drives: Bools) -> _Wants:
    """The largest need of each target; NaN and a driver of -1 where it has none."""
    driver = _largest(fleet, np.where(drives, needs.replicas, np.float32(np.nan)))
    picked, known, unknown = np.maximum(driver, 0), driver >= 0, np.float32(np.nan)
    replicas = np.where(known, needs.replicas[picked], unknown)
    return _Wants(
        replicas=replicas,
        held=replicas,
        path=needs.path[picked],
        limits=np.where(known, needs.limits[picked], 0).astype(np.int32),
        driver=driver,
        demand=np.where(known, needs.demand[picked], unknown),
    )


def _bounds(wants: _Wants, policies: Policies) -> Floats:
    """What a want is within bounds, were there no steps and no freeze."""
    wanted = np.fmax(wants.replicas, wants.held)
    return np.clip(wanted, policies.minimum, policies.maximum).astype(np.float32)


def _bounded(
    wants: _Wants,
    policies: Policies,
    stays: Bits,
    before: Floats,
    count: Floats,
    leeway: Leeway | None = None,
) -> tuple[Floats, NDArray[np.int32]]:
    """What comes of a want: replicas and the limits that changed it.

    Args:
        wants: of one path.
        policies: the wishes at this moment.
        stays: why nothing may be taken away, as a limit's bit; 0 where it may.
        before: the number that is not undercut then.
        count: what step limits count from; NaN: they do not count.
        leeway: what a roll-out allows; None: whatever is wanted.
    """
    known = wants.driver >= 0
    wanted = np.where(known, np.fmax(wants.replicas, wants.held), wants.replicas)
    limits = wants.limits | np.where(wanted > wants.replicas, Limit.HELD, 0)
    if leeway is not None:
        wanted = np.clip(wanted, leeway.lowest, leeway.highest)
    floor = np.where((stays > 0) & known, before, np.float32(np.nan))
    limits |= np.where(floor > wanted, stays, 0)
    wanted, stepped = _stepped(np.fmax(wanted, floor), count, policies.up, policies.down)
    recommended = np.clip(wanted, policies.minimum, policies.maximum)
    limits |= stepped
    limits |= np.where(recommended < wanted, Limit.MAXIMUM, 0)
    limits |= np.where(recommended > wanted, Limit.MINIMUM, 0)
    return recommended, limits.astype(np.int32)


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


def _path(fleet: Fleet, s: Situation, wants: _Wants, drives: Bools) -> NDArray[np.int8]:
    """The driver's path; without a driver, what is missing."""
    observed = ~np.isnan(s.forecast.last)
    missing = np.select(
        [~_any(fleet, observed & fleet.drives), ~_any(fleet, drives), ~_any(fleet, observed & drives)],
        [Path.NO_DATA, Path.MEMORY_ONLY, Path.NO_DATA],
        Path.NO_REQUEST,
    )
    return np.where(wants.driver >= 0, wants.path, missing).astype(np.int8)


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
