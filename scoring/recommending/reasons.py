"""Why a number is what it is, in words; made for one target when somebody asks, never for the fleet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, IntFlag


class Path(IntEnum):
    """How the demand became replicas, or why it did not."""

    NO_DATA = 0
    NO_REQUEST = 1
    MEMORY_ONLY = 2
    NO_FORECAST = 3
    HISTORY = 4
    SKILL = 5
    SPIKE = 6
    FORECAST = 7
    WITHDRAWN = 8
    SCALED_TO_ZERO = 9


class Limit(IntFlag):
    """What changed the number after the demand had asked for it."""

    GUARD = 1
    EVENT = 2
    HELD = 4
    FROZEN = 8
    STEP_UP = 16
    STEP_DOWN = 32
    MAXIMUM = 64
    MINIMUM = 128
    PARTIAL = 256
    CENSORED = 512
    ROLLOUT = 1024


OUTCOMES = {path: path.name.lower().replace("_", "-") for path in Path}
"""The code of each path in reports and statuses."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """The figures behind one decision; None where unknown, ratios as ratios, times in seconds.

    `withdrawn` says why the forecast does not count, where it does not; `rollout` is the share that a roll-out allows, and `beside` the
    reactive number that it is a share of.
    """

    path: Path
    limits: Limit
    metric: str
    unit: str
    demand: float | None
    observed: float | None
    per_replica: float | None
    quantile: float
    lead_seconds: float
    max_utilization: float
    reactive_utilization: float
    guard_utilization: float
    points: int
    needed: int
    skill: float | None
    uncapped: int | None
    recommended: int | None
    cooldown_seconds: float
    kind: str
    withdrawn: str = "the forecast is withdrawn"
    rollout: float = 1.0
    beside: int | None = None


def explain(g: Grounds) -> str:
    """One sentence a person can act on, for every outcome."""
    if g.path is Path.NO_DATA:
        return f"No recommendation: {g.metric} has no recent samples, so the last decision expires and KEDA's fallback holds"
    if g.path is Path.NO_REQUEST:
        return (
            f"No recommendation: no {g.metric} request of the pods of this {g.kind} is known, so replicas cannot be "
            f"derived from demand; set resources.requests.{g.metric}, or perReplica on the metric"
        )
    if g.path is Path.MEMORY_ONLY:
        return (
            "No recommendation: memory is the only metric and grows with the replicas, or that is not known yet; "
            "name a demand such as cpu"
        )
    if g.path is Path.SCALED_TO_ZERO:
        return (
            f"Scaled to 0: there is no demand to observe until it has pods again; its minimum of {g.recommended} is asked for, "
            "or KEDA could not start it"
        )
    said = [_basis(g), *(words for limit, words in _limits(g) if limit in g.limits)]
    return "; ".join(said)


def _basis(g: Grounds) -> str:
    """What the demand itself asks for; what else raised or lowered the number is said after it."""
    if g.path is Path.FORECAST:
        return (
            f"{g.metric} may reach {amount(g.demand, g.unit)} within {minutes(g.lead_seconds)} "
            f"({_percent(g.quantile)} quantile): {_served(g, g.demand, g.max_utilization)}"
        )
    why = {
        Path.NO_FORECAST: "no forecast in this cycle",
        Path.HISTORY: f"{g.points} of {g.needed} points of history",
        Path.SKILL: "no skill over persistence yet"
        if g.skill is None
        else f"skill {round(g.skill, 2) + 0.0:+.2f} over persistence",
        Path.SPIKE: "a spike is under way",
        Path.WITHDRAWN: g.withdrawn,
    }
    verb = "lifted to" if Limit.EVENT in g.limits else "at"
    return (
        f"{g.metric} {verb} {amount(g.demand, g.unit)} needs {_served(g, g.demand, g.reactive_utilization)} "
        f"(reactive: {why.get(g.path, g.path.name)})"
    )


def _limits(g: Grounds) -> list[tuple[Limit, str]]:
    """What is said of each limit. Bounds come last in a decision, so what was recommended is the bound itself."""
    seen = amount(g.observed, g.unit)
    guard = f"the load of this moment alone ({seen}) needs {_served(g, g.observed, g.guard_utilization)}, the guard"
    censored = f"the pods are at their limit, so demand is at least {seen}: raised to {_replicas(g.uncapped)}"
    return [
        (Limit.EVENT, "an announced event lifts the demand"),
        (Limit.GUARD, guard),
        (Limit.CENSORED, censored),
        (Limit.HELD, f"a higher number of the last {minutes(g.cooldown_seconds)} is held"),
        (
            Limit.ROLLOUT,
            f"limited to {_percent(g.rollout)} beside the reactive {_replicas(g.beside)}: roll-out",
        ),
        (Limit.FROZEN, "scale-in is frozen by an anomaly"),
        (Limit.PARTIAL, "another driving metric is missing, so scale-in waits"),
        (Limit.STEP_UP, "the step limit for scaling up holds it back"),
        (Limit.STEP_DOWN, "the step limit for scaling down holds it back"),
        (Limit.MAXIMUM, f"capped at the maximum of {g.recommended}"),
        (Limit.MINIMUM, f"raised to the minimum of {g.recommended}"),
    ]


def _served(g: Grounds, demand: float | None, utilization: float) -> str:
    """How many replicas serve a demand at a utilisation, in words."""
    count = None
    if demand is not None and g.per_replica:
        count = max(0, math.ceil(demand / (utilization * g.per_replica) - 1e-4))
    return f"{_replicas(count)} at {_percent(utilization)} of {amount(g.per_replica, g.unit)} each"


def _replicas(count: int | None) -> str:
    if count is None:
        return "an unknown number of replicas"
    return f"{count:,} replica{'' if count == 1 else 's'}"


def _percent(ratio: float) -> str:
    return f"{100 * ratio:g}%"


def amount(value: float | None, unit: str, digits: int = 3) -> str:
    """A quantity as people write it: `2.5 cores`, `1.2 GiB`, `340`; in so many digits, or all whole ones."""
    if value is None:
        return "an unknown amount"
    if unit == "bytes":
        for name, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if value >= size:
                return f"{_short(value / size, digits)} {name}"
    number = _short(value, digits)
    if unit == "1":
        return number
    return f"{number} {unit.removesuffix('s') if number == '1' else unit}"


def _short(value: float, digits: int) -> str:
    """So many digits or all whole ones, never an exponent."""
    if value >= 10**digits - 0.5:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if value >= 0.001 or value == 0 else "under 0.001"


def minutes(seconds: float) -> str:
    """A span as people write it: `45 s`, `7 min`, `2 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.3g} h"
