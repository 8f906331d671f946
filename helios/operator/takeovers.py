"""Whether a target takes over the autoscaler that `spec.keda.adopt` names, holds what it has, or gives it back. Nothing is written here.

The original is kept with the target before the first write, and whatever is found there, by this operator or by the next one,
leads on from where the last one was: stored and not written yet, written and not taken by KEDA yet, being given back. The copy on
the ScaledObject in its place counts more than the target's own: only who may write ScaledObjects could have changed that one.
"""

from __future__ import annotations

from dataclasses import replace

from helios.operator import obstacles, refusals
from helios.operator.adoptions import ADOPTED, FINALIZER, Original
from helios.operator.conditions import Condition, Reason, Type
from helios.operator.decisions import Plan, Surroundings, no
from helios.operator.editions import applied_anew, forecasts
from helios.operator.marks import FORM, OWNER, Object, annotation, due, keda_owner, paused, scaled
from helios.operator.refusals import standing
from helios.operator.resources import AdoptRef, HeliosTarget
from helios.operator.successors import anew, cpu_driven, successor
from helios.operator.workloads import Workload


def takeover(
    target: HeliosTarget, workload: Workload | None, around: Surroundings, *, speaks: bool = True
) -> Plan | None:
    """What is to be done about the adopted autoscaler, or the one to be adopted; None where the target has neither.

    Args:
        target: with a spec that can be used, or on its way out.
        workload: as last seen.
        around: who scales what.
        speaks: whether the target has its workload to itself.
    """
    held = around.autoscalers.successor(target)
    wish = target.spec.keda.adopt if target.spec and speaks and not target.deleting else None
    original = kept(target, held, around)
    if original is not None:
        return _adopted(target, original, held, wish, workload, around, speaks=speaks)
    if held is not None:
        return _unknown(target, held)
    if target.deleting:
        return _parted(target)
    if wish is None or around.autoscalers.own(target) is not None:
        return None
    return _wished(target, wish, workload, around)


def kept(target: HeliosTarget, held: Object | None, around: Surroundings) -> Original | None:
    """What was adopted: by the copy on what stands in its place, by KEDA's copy of that on an HPA, or by the target's annotation."""
    for one in (held, around.autoscalers.halfway.get((target.namespace, target.uid))):
        copied = Original.parsed(annotation(one, ADOPTED)) if one is not None else None
        if copied is not None:
            return copied
    return target.original


def given_back(original: Original, held: Object | None, why: str) -> Plan:
    """It is given back as it was, and then forgotten."""
    message = f"{original.kind} {original.name} is being given back: {why}"
    return Plan(
        no(Reason.RESTORING, message), why=why, restore=original, managed=held, forget=True, pending=True
    )


def _adopted(
    target: HeliosTarget,
    original: Original,
    held: Object | None,
    wish: AdoptRef | None,
    workload: Workload | None,
    around: Surroundings,
    *,
    speaks: bool,
) -> Plan:
    """Something is: as its user has it now, it stays adopted, or is given back."""
    newest = applied_anew(original, held)
    stands = newest or original
    gone = _no_more(target, stands, wish, around, speaks=speaks) or (newest and _unfit(newest))
    if gone:
        made = given_back(stands, held, gone)
        return replace(made, store=newest if target.guarded else None)
    made = _held(target, stands, held, workload, around)
    if newest is None or made.apply is None:
        return made
    few = refusals.too_few(target, workload)  # to take it over again is to begin again
    if few:
        return Plan(no(Reason.ADOPTION_REFUSED, few))
    return replace(made, why="updated, as its user had applied it anew; that is what is given back one day")


def _no_more(
    target: HeliosTarget, original: Original, wish: AdoptRef | None, around: Surroundings, *, speaks: bool
) -> str:
    """Why what was adopted is to be given back; empty where it stays."""
    mode, hpa = target.spec.mode if target.spec else "Observe", original.kind == "HorizontalPodAutoscaler"
    named = wish is not None and (wish.kind, wish.name) == (original.kind, original.name)
    _, kind, name = scaled({"metadata": {"namespace": target.namespace}, "spec": original.spec})
    reasons = {
        "the target is being deleted": target.deleting,
        "the workload belongs to an older HeliosTarget": not speaks,
        f"mode is {mode}": mode != "Autoscale",
        "spec.keda.adopt does not name it any more": not named,
        "spec.scaleTargetRef names another workload than it": (kind, name) != target.reference[1:],
        "KEDA's ScaledObject is not installed any more": hpa and not around.autoscalers.served,
    }
    return next((why for why, holds in reasons.items() if holds), "")


def _held(
    target: HeliosTarget,
    original: Original,
    held: Object | None,
    workload: Workload | None,
    around: Surroundings,
) -> Plan:
    """It stays adopted: what stands in its place is written, or kept as it is to be."""
    if held is not None and held["metadata"].get("deletionTimestamp"):
        if FINALIZER in (held["metadata"].get("finalizers") or ()):
            return given_back(original, held, "that was begun, and is finished before it is taken over again")
        name = held["metadata"]["name"]
        message = f"ScaledObject {name} is being removed; it is written anew once it is gone"
        return Plan(Condition(Type.SCALING, None, Reason.ADOPTING, message), pending=True)
    if held is None:  # nothing is in its place yet, or any more
        found = _afresh(target, original, workload, around)
        if isinstance(found, Condition):
            live = standing(target, original, around)
            # of an HPA that KEDA has written, what is kept is all that is left
            theirs = original.kind == "ScaledObject" and live is not None and not forecasts(live)
            return Plan(found, forget=theirs)
        original = found
    obstacle = (
        obstacles.elsewhere(target, around, but=f"{original.kind} {original.name}")
        or obstacles.unequipped(target, around)
        or obstacles.unseen(target, workload, around)
    )
    if obstacle is None and held is None and original.kind == "HorizontalPodAutoscaler":
        obstacle = obstacles.name_taken(target, around)
    stored = target.original == original and target.guarded
    if obstacle is not None:
        return Plan(obstacle, store=None if stored or held is None else original)
    return _written(target, original, held, workload, around)


def _afresh(
    target: HeliosTarget, original: Original, workload: Workload | None, around: Surroundings
) -> Original | Condition:
    """The original where nothing stands in its place: as its user has it now, if it is there; or why it cannot be taken over."""
    live = standing(target, original, around)
    if live is not None and annotation(live, OWNER) == target.uid:
        return original  # half given back, or robbed of a mark
    if live is not None:
        refusal = refusals.refused(target, original.kind, original.name, workload, around)
        if refusal is not None:
            return refusal
        if forecasts(original) or not forecasts(live):
            return Original.of(original.kind, live)
    return _not_anew(original) if original.cluster_credentials else original


def _written(
    target: HeliosTarget,
    original: Original,
    held: Object | None,
    workload: Workload | None,
    around: Surroundings,
) -> Plan:
    """The ScaledObject in its place, once the original is kept."""
    guard = _guarded(original, held, workload)
    manifest = successor(target, original, around.defaults, cpu_guard=guard, tolerance=around.tolerance)
    apply, why = due(held, manifest)
    adopts, creates = None, False
    if apply is not None and held is None:
        live = standing(target, original, around)
        creates = live is None or original.kind == "HorizontalPodAutoscaler"
        apply = manifest if live is not None else anew(manifest, original)
        adopts = original if live is not None and Original.of(original.kind, live) == original else None
    store = None if target.original == original and target.guarded else original
    name = manifest["metadata"]["name"]
    if held is not None and paused(held):
        message = f"ScaledObject {name} is paused by its annotations: take them away"
        return Plan(no(Reason.PAUSED, message), apply, why=why, store=store)
    raised = refusals.raised_by_hand(held, manifest, workload)
    if raised:
        return Plan(no(Reason.TOO_MANY_RUN, raised), store=store)
    words = held is not None and refusals.uncarried(Original.of("ScaledObject", held), f"ScaledObject {name}")
    if words:  # of a field that is not Helios', and that somebody has added
        return Plan(no(Reason.ADOPTION_REFUSED, words), apply, why=why, store=store)
    fares = obstacles.in_force(held, name, guard=guard)
    if fares.reason is not Reason.KEDA_NOT_READY and not _taken(target, original, held, around):
        message = f"{original.kind} {original.name} is kept as it was, and is being taken over"
        adopting = Condition(Type.SCALING, None, Reason.ADOPTING, message)
        return Plan(adopting, apply, why=why, store=store, creates=creates, adopts=adopts, pending=True)
    return Plan(fares, apply, why=why, store=store, creates=creates)


def _unfit(newest: Original) -> str:
    """Why what its user has applied meanwhile could not have been taken over; empty where it could."""
    words = refusals.uncarried(newest, f"{newest.kind} {newest.name}")
    return f"its user has applied it anew. {words}" if words else ""


def _wished(
    target: HeliosTarget, wish: AdoptRef, workload: Workload | None, around: Surroundings
) -> Plan | None:
    """Nothing is adopted yet, and something is to be."""
    refusal = refusals.refused(target, wish.kind, wish.name, workload, around)
    live = standing(target, wish, around)
    mode, what = target.spec.mode if target.spec else "Observe", f"{wish.kind} {wish.name}"
    if mode != "Autoscale":
        back = _restored(target)
        if back:
            return Plan(no(Reason.RESTORED, back))
        if refusal is None:
            message = f"mode is {mode}: nothing is touched. In Autoscale Helios takes over {what}{_rebound(target, live)}"
        else:
            message = f"mode is {mode}: nothing is touched. Autoscale could not take over: {refusal.message}"
        return Plan(no(Reason.ADOPTABLE, message))
    obstacle = refusal or obstacles.silent(target, around)
    if obstacle is not None:
        return Plan(obstacle)
    return None if live is None else _written(target, Original.of(wish.kind, live), None, workload, around)


def _rebound(target: HeliosTarget, live: Object | None) -> str:
    """That the bounds become others, if so: who did not think of them has the operator's."""
    spec = (live or {}).get("spec") or {}
    before = (
        (spec.get("minReplicas", 1), spec.get("maxReplicas"))
        if "maxReplicas" in spec
        else (spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100))
    )
    bounds = target.spec.replicas if target.spec else None
    if bounds is None or before == (bounds.min, bounds.max):
        return ""
    return f", with spec.replicas {bounds.min} to {bounds.max} in place of its {before[0]} to {before[1]}"


def _unknown(target: HeliosTarget, held: Object) -> Plan:
    """A ScaledObject of ours stands in the place of something, and nobody knows any more of what."""
    name = held["metadata"]["name"]
    message = (
        f"what ScaledObject {name} stands for cannot be read any more (annotation {ADOPTED} here and there): it stays as it "
        f"is. Put the annotation right, or take {OWNER} and {FORM} off the ScaledObject to keep it as your own"
    )
    return Plan(no(Reason.ADOPTION_REFUSED, message), why=message, forget=target.deleting)


def _parted(target: HeliosTarget) -> Plan:
    """A target on its way out that has adopted nothing."""
    message = f"nothing is adopted: finalizer {FINALIZER} is taken off"
    return Plan(no(Reason.RESTORED, message), forget=target.guarded)


def _not_anew(original: Original) -> Condition:
    """Of a ScaledObject of which nothing is left but the target's word, and that only its user may make again."""
    return no(
        Reason.ADOPTION_REFUSED,
        f"ScaledObject {original.name} is gone, or not as Helios left it, and Helios does not write one that uses "
        f"ClusterTriggerAuthentication {original.cluster_credentials[0]} on the target's word: apply it again",
    )


def _restored(target: HeliosTarget) -> str:
    """What the status says of something that was given back under the present spec; empty where nothing was."""
    held = target.status.get("conditions")
    for condition in held if isinstance(held, list) else []:
        if (
            isinstance(condition, dict)
            and condition.get("reason") == Reason.RESTORED
            and condition.get("observedGeneration") == target.generation
        ):
            return str(condition.get("message", ""))
    return ""


def _guarded(original: Original, held: Object | None, workload: Workload | None) -> bool:
    """Whether a cpu trigger can work; what is not known now stays as it was."""
    if workload is not None and workload.cpu_requested is not None:
        return workload.cpu_requested
    if held is None:
        return cpu_driven(original)
    triggers = (held.get("spec") or {}).get("triggers") or ()
    return any(trigger.get("type") == "cpu" and trigger.get("name") == "guard" for trigger in triggers)


def _taken(target: HeliosTarget, original: Original, held: Object | None, around: Surroundings) -> bool:
    """Whether KEDA has made the adopted autoscaler its own; a ScaledObject is one already."""
    if held is None or original.kind == "ScaledObject":
        return held is not None
    live = around.autoscalers.hpas.get((target.namespace, original.name))
    return live is not None and keda_owner(live) == target.name
