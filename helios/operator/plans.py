"""What to do about a workload's autoscaler: a decision, and the condition that explains it. Nothing is written here.

A workload that something else scales is left alone unless `keda.adopt` names that. Leaving Autoscale keeps the HPA in force on
cpu alone, and for an hour no lower than the workload was: a HeliosTarget must never be the reason for fewer replicas. See
`docs/heliostarget.md`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from helios.operator import obstacles, refusals, takeovers
from helios.operator.autoscalers import Autoscalers
from helios.operator.conditions import Condition, Reason
from helios.operator.decisions import Plan, Surroundings, no, removed, said
from helios.operator.marks import (
    DIGEST,
    FLOOR,
    FLOOR_UNTIL,
    FORM,
    PAUSED,
    PAUSED_AT,
    Object,
    annotation,
    due,
    marked,
    paused,
    scaled,
)
from helios.operator.resources import HeliosTarget
from helios.operator.scaledobjects import Form, scaled_object
from helios.operator.workloads import Workload

__all__ = [
    "DIGEST",
    "FLOOR_SECONDS",
    "FORM",
    "PAUSED",
    "Autoscalers",
    "Plan",
    "Surroundings",
    "leave",
    "named",
    "part",
    "plan",
]

FLOOR_SECONDS = 3600.0
"""How long a workload that left Autoscale keeps at least the replicas it had."""


def plan(target: HeliosTarget, workload: Workload | None, around: Surroundings) -> Plan:
    """Decide about one valid target that has its workload to itself."""
    made = takeovers.takeover(target, workload, around) or _managed(target, workload, around)
    return _tidied(target, made, around)


def leave(target: HeliosTarget, workload: Workload | None, around: Surroundings) -> Plan | None:
    """For a target that has lost its workload to an older one: what it adopted is given back, what it had in force stays on cpu alone."""
    made = takeovers.takeover(target, workload, around, speaks=False)
    if made is not None:
        return made
    own = around.autoscalers.own(target)
    if own is None:
        return None
    made = _released(target, own, workload, around)
    words = f"the workload belongs to an older HeliosTarget; {made.condition.message}. Delete one of the two"
    return replace(made, condition=replace(made.condition, message=words))


def part(target: HeliosTarget, around: Surroundings) -> Plan:
    """For a target on its way out that waits for us: what it adopted is given back, and it may go."""
    made = takeovers.takeover(target, None, around)
    return made or Plan(no(Reason.RESTORED, "nothing is adopted"), forget=target.guarded)


def named(targets: Iterable[HeliosTarget]) -> set[tuple[str, str]]:
    """Namespaces and names of the HPAs that targets have adopted, or are to adopt: of no other is the whole needed."""
    found = set()
    for target in targets:
        if target.original is not None and target.original.kind == "HorizontalPodAutoscaler":
            found.add((target.namespace, target.original.name))
        if target.spec is not None and (wish := target.spec.keda.adopt) is not None:
            found.add((target.namespace, wish.name))
    return found


def _tidied(target: HeliosTarget, made: Plan, around: Surroundings) -> Plan:
    """With what is left of an adoption that nothing else tells of taken off the target."""
    left = target.original is None and (target.guarded or target.garbled)
    if left and made.store is None and around.autoscalers.successor(target) is None:
        return replace(made, forget=True)
    return made


def _managed(target: HeliosTarget, workload: Workload | None, around: Surroundings) -> Plan:
    """About the ScaledObject that Helios makes itself."""
    mode, own = target.spec.mode if target.spec else "Observe", around.autoscalers.own(target)
    offered = own is not None and annotation(own, FORM) == Form.PAUSED.value
    running = own is not None and not (offered and paused(own))
    # 1 what Helios manages belongs to the workload that the target names now
    if own is not None and own["metadata"].get("deletionTimestamp"):
        return said(None, Reason.RELEASING, "the ScaledObject is being removed")
    if own is not None and scaled(own)[1:] != target.reference[1:]:
        gone = f"{scaled(own)[1]} {scaled(own)[2]} is not named any more; its replicas stay as they are"
        return removed(own, Reason.RELEASING, gone)
    # 2 out of Autoscale: never fewer replicas for it
    if own is not None and (running if mode == "Observe" else mode == "Recommend" and not offered):
        return _released(target, own, workload, around)
    if mode == "Observe":
        message = f"mode is Observe: nothing is touched{_before(target, workload)}"
        return (
            said(False, Reason.OBSERVING, message) if own is None else removed(own, Reason.OBSERVING, message)
        )
    # 3 what stands in the way; then Recommend offers, and Autoscale acts
    obstacle = _obstacle(target, workload, around)
    if obstacle is not None:
        return _obstructed(target, own, obstacle, running=running)
    return _begun(target, own, workload, around, running=running)


def _obstructed(target: HeliosTarget, own: Object | None, obstacle: Condition, *, running: bool) -> Plan:
    """Something is in the way: an offer gives way to whatever scales the workload, what is in force stays."""
    elsewhere = obstacle.reason is Reason.OWNED_ELSEWHERE
    if running and elsewhere:
        both = (
            f"{obstacle.message}. ScaledObject {target.name} is in force too: two autoscalers stop each other. To have the "
            "other taken over, name it and delete this one"
        )
        obstacle = replace(obstacle, message=both)
    return Plan(obstacle, delete=own if elsewhere and not running else None, why=obstacle.message)


def _begun(
    target: HeliosTarget,
    own: Object | None,
    workload: Workload | None,
    around: Surroundings,
    *,
    running: bool,
) -> Plan:
    """Recommend offers, Autoscale acts, and neither takes a replica away by beginning."""
    autoscale = target.spec is not None and target.spec.mode == "Autoscale"
    if not autoscale and running:  # an offer that somebody has taken up: a pause would take its HPA away
        fares = obstacles.in_force(own, target.name, guard=_guarded(own, workload))
        words = "its pause was taken off by hand, and nothing is written: set mode to Autoscale, or pause it again"
        return Plan(replace(fares, message=f"{fares.message}; {words}"))
    few = refusals.too_few(target, workload) if autoscale and not running else ""
    if few:
        return Plan(no(Reason.TOO_MANY_RUN, few))
    return _written(target, own, workload, around, Form.FORECAST if autoscale else Form.PAUSED)


def _obstacle(target: HeliosTarget, workload: Workload | None, around: Surroundings) -> Condition | None:
    """Why nothing can be written for this target, if so."""
    return (
        obstacles.elsewhere(target, around)
        or obstacles.unequipped(target, around)
        or obstacles.name_taken(target, around)
        or obstacles.unseen(target, workload, around)
    )


def _written(
    target: HeliosTarget, own: Object | None, workload: Workload | None, around: Surroundings, form: Form
) -> Plan:
    guard = _guarded(own, workload)
    manifest = marked(
        scaled_object(target, around.defaults, form=form, cpu_guard=guard, tolerance=around.tolerance),
        {FORM: form.value},
    )
    apply, why = due(own, manifest)
    if form is Form.PAUSED:
        message = f"ScaledObject {target.name} is there, paused: set mode to Autoscale to put it in force"
        message += _before(target, workload)
        return Plan(no(Reason.OFFERED, message), apply, why=why, creates=own is None)
    if own is not None and paused(own) and annotation(own, FORM) == form.value:
        return Plan(
            no(
                Reason.PAUSED,
                f"ScaledObject {target.name} is paused by its annotation {PAUSED} or {PAUSED_AT}: take it away",
            ),
            apply,
            why=why,
        )
    raised = refusals.raised_by_hand(own, manifest, workload)
    if raised:
        return Plan(no(Reason.TOO_MANY_RUN, raised))
    return Plan(obstacles.in_force(own, target.name, guard=guard), apply, why=why, creates=own is None)


def _before(target: HeliosTarget, workload: Workload | None) -> str:
    """What is to be done before Autoscale, if anything; without the count, which would be news with each replica."""
    if target.spec is None or not refusals.too_few(target, workload):
        return ""
    return (
        f". Before Autoscale raise spec.replicas.max: it is {target.spec.replicas.max}, and more replicas run"
    )


def _released(target: HeliosTarget, own: Object, workload: Workload | None, around: Surroundings) -> Plan:
    """Out of Autoscale: the HPA stays on cpu alone, for an hour not below what the workload has."""
    already = annotation(own, FORM) == Form.REACTIVE.value
    if workload is None and not already:
        waits = "Autoscale was left: the ScaledObject follows once its workload can be read"
        return said(False, Reason.RELEASING, waits)
    if not already and not _guarded(own, workload):
        message = "no autoscaler is left, as not every container requests cpu; the replicas stay as they are"
        return removed(own, Reason.RELEASED, message)
    floor, until = _number(annotation(own, FLOOR)), _number(annotation(own, FLOOR_UNTIL))
    if not already and workload is not None:
        # the surge of a rollout goes by itself
        counts = (None if workload.rolling else workload.current, workload.desired)
        least = own.get("spec", {}).get("minReplicaCount") or 1
        floor, until = float(max([least, *(n for n in counts if n is not None)])), around.now + FLOOR_SECONDS
    most = max(
        target.spec.replicas.max if target.spec else 1, own.get("spec", {}).get("maxReplicaCount") or 1
    )
    held = min(int(floor), most) if floor is not None and until is not None and around.now < until else None
    manifest = marked(
        scaled_object(
            target,
            around.defaults,
            form=Form.REACTIVE,
            cpu_guard=True,
            floor=held,
            tolerance=around.tolerance,
        ),
        {FORM: Form.REACTIVE.value}
        | ({FLOOR: str(held), FLOOR_UNTIL: str(int(until or 0))} if held is not None else {}),
    )
    apply, why = due(own, manifest)
    message = f"Autoscale was left: ScaledObject {target.name} keeps the HPA in force on cpu alone"
    return Plan(no(Reason.RELEASED, message), apply, why=why)


def _guarded(own: Object | None, workload: Workload | None) -> bool:
    """Whether a cpu trigger can work; what is not known now stays as it was written."""
    if workload is not None and workload.cpu_requested is not None:
        return workload.cpu_requested
    triggers = ((own or {}).get("spec") or {}).get("triggers") or ()
    return any(trigger.get("type") == "cpu" for trigger in triggers)


def _number(text: str | None) -> float | None:
    """What a mark says, which anybody may have written."""
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if math.isfinite(found) else None
