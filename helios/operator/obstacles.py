"""What stands in the way of a ScaledObject, and how KEDA fares with one that is there: a condition, with the remedy.

The same for what Helios makes and for what it takes over. Nothing is decided here.
"""

from __future__ import annotations

from helios.operator.conditions import Condition, Reason, Type
from helios.operator.decisions import Surroundings, no
from helios.operator.marks import Object, owner
from helios.operator.resources import HeliosTarget
from helios.operator.scaledobjects import lacking
from helios.operator.workloads import Workload


def unusable(target: HeliosTarget) -> tuple[Condition, str | None]:
    """Of a target that cannot be used: what was written for it before stays as it is, and its name goes on being said."""
    message = "nothing is done for this target: see Ready"
    return Condition(Type.SCALING, False, Reason.OBSERVING, message), target.status.get("scaledObject")


def elsewhere(target: HeliosTarget, around: Surroundings, *, but: str = "") -> Condition | None:
    """Who else scales the workload, if somebody does beside the one that is adopted."""
    others, (_, kind, name) = around.autoscalers.others(target, but=but), target.reference
    if not others:
        return None
    return no(
        Reason.OWNED_ELSEWHERE,
        f"{' and '.join(others)} already scales {kind} {name}: Helios leaves it alone. "
        "Name it in spec.keda.adopt to have it taken over, remove it, or stay in Observe",
    )


def unequipped(target: HeliosTarget, around: Surroundings) -> Condition | None:
    """Why KEDA could not act on the forecast, if so."""
    if not around.autoscalers.served:
        return no(
            Reason.KEDA_MISSING,
            "KEDA's ScaledObject is not installed in this cluster: install KEDA 2.19 or newer",
        )
    lack = lacking(target, around.defaults)
    return None if lack is None else no(Reason(lack[0]), lack[1])


def name_taken(target: HeliosTarget, around: Surroundings) -> Condition | None:
    """Whether somebody else's ScaledObject has the name that the target's would have."""
    taken = around.autoscalers.objects.get((target.namespace, target.name))
    if taken is None or owner(taken) == target.uid:
        return None
    return no(
        Reason.NAME_TAKEN,
        f"a ScaledObject named {target.name} exists that this target does not own: rename the HeliosTarget",
    )


def unseen(target: HeliosTarget, workload: Workload | None, around: Surroundings) -> Condition | None:
    """Why the workload cannot be used, if so."""
    _, kind, name = target.reference
    if workload is not None and not workload.exists:
        return no(Reason.WORKLOAD_MISSING, workload.problem or f"there is no {kind} {name} to scale")
    if workload is None and around.autoscalers.own(target) is None:
        return no(Reason.UNKNOWN, f"{kind} {name} has not been read from the API server yet")
    return None


def silent(target: HeliosTarget, around: Surroundings) -> Condition | None:
    """Whether there is no number to scale it by: what scales it now is the better one until there is."""
    if around.numbers is None or (target.namespace, target.reference[2]) in around.numbers:
        return None
    return no(
        Reason.UNDECIDED,
        "nothing is taken over before Helios has a number for this workload: see Ready and DataAvailable",
    )


def in_force(own: Object | None, name: str, *, guard: bool) -> Condition:
    """How KEDA fares with what was written; `name` is the ScaledObject's."""
    told = {c.get("type"): c for c in ((own or {}).get("status") or {}).get("conditions") or ()}
    ready, fallback = told.get("Ready", {}), told.get("Fallback", {})
    if fallback.get("status") == "True":
        return Condition(
            Type.SCALING,
            True,
            Reason.FALLBACK,
            "KEDA gets no number from Prometheus and holds the replicas by its fallback",
        )
    if ready.get("status") == "False":
        return no(
            Reason.KEDA_NOT_READY, f"KEDA: {ready.get('message') or ready.get('reason') or 'not ready'}"
        )
    if not guard:
        return Condition(
            Type.SCALING,
            True,
            Reason.NO_CPU_GUARD,
            f"ScaledObject {name} scales it without a cpu guard beside the forecast: not every container requests cpu",
        )
    return Condition(Type.SCALING, True, Reason.AUTOSCALING, f"ScaledObject {name} scales it")
