"""What keeps an autoscaler from being taken over, in words that say what to do. Nothing is decided here beyond that.

Refused is whatever would get lost on the way: a metric that KEDA could not go on with, a replica that runs now.
"""

from __future__ import annotations

from helios.operator import obstacles
from helios.operator.adoptions import Kind, Original
from helios.operator.conditions import Condition, Reason
from helios.operator.decisions import Surroundings, no
from helios.operator.marks import DIGEST, FORM, Object, annotation, keda_owner, owner, paused, scaled
from helios.operator.resources import AdoptRef, HeliosTarget
from helios.operator.successors import lost
from helios.operator.workloads import Workload

_HPA_NAME_LENGTH = 63
"""KEDA's webhook takes no longer one (scaledobject_webhook.go, verifyName)."""


def refused(
    target: HeliosTarget, kind: Kind, name: str, workload: Workload | None, around: Surroundings
) -> Condition | None:
    """Why the autoscaler of that kind and name cannot be taken over, and what to do; None where it can."""
    what, hpa = f"{kind} {name}", kind == "HorizontalPodAutoscaler"
    first = obstacles.unequipped(target, around)
    if first is not None:
        return first
    live = (around.autoscalers.hpas if hpa else around.autoscalers.objects).get((target.namespace, name))
    words = _missing(target, kind, name, live)
    if live is not None and not words:
        words = (
            _unfit(target, what, live, around, hpa=hpa)
            or uncarried(Original.of(kind, live), what)
            or _unrequested(what, live, workload)
            or too_few(target, workload, _hpa(target, live, around, hpa=hpa))
        )
    if words:
        return no(Reason.ADOPTION_REFUSED, words)
    return (
        obstacles.elsewhere(target, around, but=what)
        or (obstacles.name_taken(target, around) if hpa else None)
        or obstacles.unseen(target, workload, around)
    )


def _missing(target: HeliosTarget, kind: Kind, name: str, live: Object | None) -> str:
    """That it does not exist, or is on its way out, or cannot have that name."""
    what = f"{kind} {name}"
    if live is None:
        return (
            f"spec.keda.adopt: there is no {what} in namespace {target.namespace}: correct the name, or take the field "
            "away to have Helios make a ScaledObject of its own"
        )
    if live["metadata"].get("deletionTimestamp"):
        return f"spec.keda.adopt: {what} is being deleted: name another, or take the field away"
    if kind == "HorizontalPodAutoscaler" and len(name) > _HPA_NAME_LENGTH:
        return (
            f"spec.keda.adopt: {what} has {len(name)} characters, and KEDA takes over no name longer than "
            f"{_HPA_NAME_LENGTH}: give the HPA a shorter one"
        )
    return ""


def _unfit(target: HeliosTarget, what: str, live: Object, around: Surroundings, *, hpa: bool) -> str:
    """Whose it is, and what it scales."""
    keeper = keda_owner(live) if hpa else None
    if keeper is not None and (target.namespace, keeper) in around.autoscalers.objects:
        return f"spec.keda.adopt: {what} is KEDA's, made for ScaledObject {keeper}: name that one, kind: ScaledObject"
    if not hpa and annotation(live, FORM) is not None:
        if owner(live) == target.uid:
            return f"spec.keda.adopt: {what} is Helios' own already: take the field away"
        return (
            f"spec.keda.adopt: {what} belongs to another HeliosTarget: set that one to Observe, or delete it; it is "
            "given back then"
        )
    _, kind, name = scaled(live)
    if (kind, name) != target.reference[1:]:
        _, own_kind, own_name = target.reference
        return f"spec.keda.adopt: {what} scales {kind} {name}, not {own_kind} {own_name}: name the one that scales it"
    if not hpa and paused(live):
        return (
            f"spec.keda.adopt: {what} is paused by its annotations and scales nothing: take them away first"
        )
    return ""


def uncarried(original: Original, what: str) -> str:
    """What would get lost on the way."""
    metrics = lost(original)
    if metrics:
        return (
            f"spec.keda.adopt: {what} scales on {' and '.join(metrics)} too, which would not count any more: bring it to "
            "KEDA as a trigger of a ScaledObject and name that one, or take the metric away"
        )
    if (original.spec.get("advanced") or {}).get("scalingModifiers"):
        return (
            f"spec.keda.adopt: {what} has spec.advanced.scalingModifiers, whose formula leaves no place for a forecast: "
            "take it away first"
        )
    if original.kind == "ScaledObject" and original.spec.get("idleReplicaCount") is not None:
        return f"spec.keda.adopt: {what} has spec.idleReplicaCount, below which Helios does not forecast: take it away first"
    return ""


def _unrequested(what: str, live: Object, workload: Workload | None) -> str:
    """That KEDA's webhook would not take an HPA's memory metric as a trigger; of a ScaledObject it has done so."""
    container = "" if workload is None else workload.without_memory
    metrics = (live.get("spec") or {}).get("metrics") or ()
    sources = [one.get("resource") or {} for one in metrics if one.get("type") == "Resource"]
    if not container or not any(source.get("name") == "memory" for source in sources):
        return ""
    return (
        f"spec.keda.adopt: {what} scales on memory too, which KEDA takes only where every container requests memory, and "
        f"{container} does not: give it resources.requests.memory"
    )


def _hpa(target: HeliosTarget, live: Object, around: Surroundings, *, hpa: bool) -> Object:
    """The HPA that scales the workload now; empty where none is known."""
    name = (live.get("status") or {}).get("hpaName", "")
    return live if hpa else around.autoscalers.hpas.get((target.namespace, name), {})


def too_few(target: HeliosTarget, workload: Workload | None, hpa: Object | None = None) -> str:
    """Why Autoscale would take replicas away by beginning, and what to do; empty where it would not: the HPA cuts to its maximum.

    Args:
        target: a valid one.
        workload: as last seen.
        hpa: the one that scales the workload now, if any does.
    """
    running, most = _running(workload, hpa), target.spec.replicas.max if target.spec else 0
    if target.spec is None or running <= most:
        return ""
    return f"spec.replicas.max is {most} and {running} replicas run: Autoscale would cut them; raise it to {running} or more"


def raised_by_hand(live: Object | None, manifest: Object, workload: Workload | None) -> str:
    """Why a maximum that somebody has raised is not set back, and what to do; empty where it may be.

    In an incident so many replicas run for a reason, and the HPA would cut them at once. A target that was edited is obeyed.

    Args:
        live: the ScaledObject as it stands; None: it does not.
        manifest: as it is to be.
        workload: as last seen.
    """
    if live is None or annotation(live, DIGEST) != annotation(manifest, DIGEST):
        return ""
    most, running = manifest["spec"]["maxReplicaCount"], _running(workload, None)
    given = (live.get("spec") or {}).get("maxReplicaCount", 100)
    if given <= most or running <= most:
        return ""
    return (
        f"ScaledObject {live['metadata']['name']} was given a maximum of {given} by hand, and {running} replicas run: it stays as it "
        f"is until no more than {most} do. To keep them set spec.replicas.max to {running} or more"
    )


def _running(workload: Workload | None, hpa: Object | None) -> int:
    """How many replicas there are; 0 where that is not known.

    The workload's counts are those of the last cycle, with the surge of a rolling update; the HPA's are seconds old, and
    without (horizontal.go, reconcileAutoscaler).
    """
    if workload is None:
        return 0
    status = (hpa or {}).get("status") or {}
    told = [workload.desired, status.get("currentReplicas"), status.get("desiredReplicas")]
    return max(n or 0 for n in [*told, None if workload.rolling else workload.current])


def standing(target: HeliosTarget, what: Original | AdoptRef, around: Surroundings) -> Object | None:
    """What has its kind and name now."""
    place = target.namespace, what.name
    hpas, objects = around.autoscalers.hpas, around.autoscalers.objects
    return hpas.get(place) if what.kind == "HorizontalPodAutoscaler" else objects.get(place)
