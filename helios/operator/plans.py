"""What to do about a workload's autoscaler: a decision, and the condition that explains it. Nothing is written here.

A workload that something else scales is never touched. Leaving Autoscale keeps the HPA in force on cpu alone, and for an
hour no lower than the workload was: a HeliosTarget must never be the reason for fewer replicas. See
`docs/heliostarget.md`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from helios.operator.conditions import Condition, Reason, Type
from helios.operator.resources import HeliosTarget
from helios.operator.scaledobjects import Form, KedaDefaults, lacking, scaled_object
from helios.operator.workloads import Workload

FORM, FLOOR, FLOOR_UNTIL, DIGEST = (
    f"helios.dev/{name}" for name in ("form", "floor", "floor-until", "digest")
)
PAUSED = "autoscaling.keda.sh/paused"
FLOOR_SECONDS = 3600.0
"""How long a workload that left Autoscale keeps at least the replicas it had."""

Object = Mapping[str, Any]
Place = tuple[str, str, str]
"""Namespace, kind and name of a workload."""


@dataclass(frozen=True, slots=True)
class Autoscalers:
    """Who scales what, as listed once per pass.

    Attributes:
        served: whether KEDA's resources exist in this cluster.
        objects: every ScaledObject by namespace and name.
        scalers: workload -> who scales it: (`ScaledObject x`, uid of the HeliosTarget that manages it or "").
    """

    served: bool = False
    objects: Mapping[tuple[str, str], Object] = field(default_factory=dict)
    scalers: Mapping[Place, Sequence[tuple[str, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, scaled_objects: Iterable[Object] | None, hpas: Iterable[Object]) -> Autoscalers:
        """From the lists; None where KEDA's resources do not exist. An HPA that KEDA made counts as its ScaledObject."""
        objects: dict[tuple[str, str], Object] = {}
        scalers: dict[Place, list[tuple[str, str]]] = {}
        for one in scaled_objects or ():
            name, namespace = one["metadata"]["name"], one["metadata"]["namespace"]
            objects[namespace, name] = one
            scalers.setdefault(_scaled(one), []).append((f"ScaledObject {name}", _owner(one)))
        for one in hpas:
            owners = one["metadata"].get("ownerReferences") or ()
            if any(owner.get("kind") == "ScaledObject" for owner in owners):
                continue
            who = f"HorizontalPodAutoscaler {one['metadata']['name']}"
            scalers.setdefault(_scaled(one), []).append((who, ""))
        return cls(scaled_objects is not None, objects, scalers)

    def own(self, target: HeliosTarget) -> Object | None:
        """The ScaledObject that this target manages: its owner, and the operator's own mark."""
        found = self.objects.get((target.namespace, target.name))
        return found if found is not None and _owner(found) == target.uid else None

    def others(self, target: HeliosTarget) -> list[str]:
        """Who else scales the target's workload."""
        _, kind, name = target.reference
        found = self.scalers.get((target.namespace, kind, name), ())
        return [who for who, owner in found if owner != target.uid]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write, if anything, and what to say.

    Attributes:
        condition: of type Scaling, true once the writes are done.
        apply: a manifest for server-side apply.
        delete: the ScaledObject to be removed.
        why: for the Event that tells of the write.
    """

    condition: Condition
    apply: Object | None = None
    delete: Object | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan stands on beside the target itself; `now` is UNIX seconds."""

    autoscalers: Autoscalers
    defaults: KedaDefaults
    tolerance: bool
    now: float


def plan(target: HeliosTarget, workload: Workload | None, around: Surroundings) -> Plan:
    """Decide about one valid target that has its workload to itself."""
    mode, own = target.spec.mode if target.spec else "Observe", around.autoscalers.own(target)
    # 1 what Helios manages belongs to the workload that the target names now
    if own is not None and own["metadata"].get("deletionTimestamp"):
        return _said(None, Reason.RELEASING, "the ScaledObject is being removed")
    if own is not None and _scaled(own)[1:] != target.reference[1:]:
        gone = f"{_scaled(own)[1]} {_scaled(own)[2]} is not named any more; its replicas stay as they are"
        return _removed(own, Reason.RELEASING, gone)
    # 2 out of Autoscale: never fewer replicas for it
    offered = own is not None and _annotation(own, FORM) == Form.PAUSED.value
    running = own is not None and not (offered and _annotation(own, PAUSED) == "true")
    if own is not None and (running if mode == "Observe" else mode == "Recommend" and not offered):
        return _released(target, own, workload, around)
    if mode == "Observe":
        message = "mode is Observe: nothing is touched"
        return (
            _said(False, Reason.OBSERVING, message)
            if own is None
            else _removed(own, Reason.OBSERVING, message)
        )
    # 3 what stands in the way
    obstacle = _obstacle(target, workload, around)
    if obstacle is not None:
        withdrawn = not running and obstacle.reason is Reason.OWNED_ELSEWHERE
        if running and obstacle.reason is Reason.OWNED_ELSEWHERE:
            both = f"{obstacle.message}. ScaledObject {target.name} is in force too: two autoscalers stop each other"
            obstacle = replace(obstacle, message=both)
        return Plan(obstacle, delete=own if withdrawn else None, why=obstacle.message)
    # 4 Recommend offers, Autoscale acts
    return _written(target, own, workload, around, Form.FORECAST if mode == "Autoscale" else Form.PAUSED)


def _obstacle(target: HeliosTarget, workload: Workload | None, around: Surroundings) -> Condition | None:
    """Why nothing can be written for this target, if so."""
    others, (_, kind, name) = around.autoscalers.others(target), target.reference
    if others:
        return _no(
            Reason.OWNED_ELSEWHERE,
            f"{' and '.join(others)} already scales {kind} {name}: Helios leaves it alone. Remove it, or stay in Observe",
        )
    if not around.autoscalers.served:
        return _no(
            Reason.KEDA_MISSING,
            "KEDA's ScaledObject is not installed in this cluster: install KEDA 2.19 or newer",
        )
    lack = lacking(target, around.defaults)
    if lack is not None:
        return _no(Reason(lack[0]), lack[1])
    return _unusable(target, workload, around)


def _unusable(target: HeliosTarget, workload: Workload | None, around: Surroundings) -> Condition | None:
    """Why the name or the workload cannot be used, if so."""
    _, kind, name = target.reference
    taken = around.autoscalers.objects.get((target.namespace, target.name))
    if taken is not None and _owner(taken) != target.uid:
        return _no(
            Reason.NAME_TAKEN,
            f"a ScaledObject named {target.name} exists that this target does not own: rename the HeliosTarget",
        )
    if workload is not None and not workload.exists:
        return _no(Reason.WORKLOAD_MISSING, workload.problem or f"there is no {kind} {name} to scale")
    if workload is None and around.autoscalers.own(target) is None:
        return _no(Reason.UNKNOWN, f"{kind} {name} has not been read from the API server yet")
    return None


def _written(
    target: HeliosTarget, own: Object | None, workload: Workload | None, around: Surroundings, form: Form
) -> Plan:
    guard = _guarded(own, workload)
    manifest = _marked(
        scaled_object(target, around.defaults, form=form, cpu_guard=guard, tolerance=around.tolerance),
        {FORM: form.value},
    )
    apply, why = _due(own, manifest)
    if form is Form.PAUSED:
        message = f"ScaledObject {target.name} is there, paused: set mode to Autoscale to put it in force"
        return Plan(_no(Reason.OFFERED, message), apply, why=why)
    if own is not None and _annotation(own, PAUSED) == "true" and _annotation(own, FORM) == form.value:
        return Plan(
            _no(
                Reason.PAUSED,
                f"ScaledObject {target.name} is paused by its annotation {PAUSED}: take it away",
            ),
            apply,
            why=why,
        )
    return Plan(_in_force(target, own, guard=guard), apply, why=why)


def _in_force(target: HeliosTarget, own: Object | None, *, guard: bool) -> Condition:
    """How KEDA fares with what was written."""
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
        return _no(
            Reason.KEDA_NOT_READY, f"KEDA: {ready.get('message') or ready.get('reason') or 'not ready'}"
        )
    if not guard:
        return Condition(
            Type.SCALING,
            True,
            Reason.NO_CPU_GUARD,
            f"ScaledObject {target.name} scales it without a cpu guard beside the forecast: not every container requests cpu",
        )
    return Condition(Type.SCALING, True, Reason.AUTOSCALING, f"ScaledObject {target.name} scales it")


def leave(target: HeliosTarget, workload: Workload | None, around: Surroundings) -> Plan | None:
    """For a target that has lost its workload to an older one: what it had in force stays on cpu alone."""
    own = around.autoscalers.own(target)
    if own is None:
        return None
    made = _released(target, own, workload, around)
    words = f"the workload belongs to an older HeliosTarget; {made.condition.message}. Delete one of the two"
    return replace(made, condition=replace(made.condition, message=words))


def _released(target: HeliosTarget, own: Object, workload: Workload | None, around: Surroundings) -> Plan:
    """Out of Autoscale: the HPA stays on cpu alone, for an hour not below what the workload has."""
    already = _annotation(own, FORM) == Form.REACTIVE.value
    if workload is None and not already:
        waits = "Autoscale was left: the ScaledObject follows once its workload can be read"
        return _said(False, Reason.RELEASING, waits)
    if not already and not _guarded(own, workload):
        message = "no autoscaler is left, as not every container requests cpu; the replicas stay as they are"
        return _removed(own, Reason.RELEASED, message)
    floor, until = _number(_annotation(own, FLOOR)), _number(_annotation(own, FLOOR_UNTIL))
    if not already and workload is not None:
        # the surge of a rollout goes by itself
        counts = (None if workload.rolling else workload.current, workload.desired)
        least = own.get("spec", {}).get("minReplicaCount") or 1
        floor, until = float(max([least, *(n for n in counts if n is not None)])), around.now + FLOOR_SECONDS
    held = int(floor) if floor is not None and until is not None and around.now < until else None
    manifest = _marked(
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
    apply, why = _due(own, manifest)
    message = f"Autoscale was left: ScaledObject {target.name} keeps the HPA in force on cpu alone"
    return Plan(_no(Reason.RELEASED, message), apply, why=why)


def _guarded(own: Object | None, workload: Workload | None) -> bool:
    """Whether a cpu trigger can work; what is not known now stays as it was written."""
    if workload is not None and workload.cpu_requested is not None:
        return workload.cpu_requested
    triggers = ((own or {}).get("spec") or {}).get("triggers") or ()
    return any(trigger.get("type") == "cpu" for trigger in triggers)


def _marked(manifest: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    """The manifest with annotations, and a digest of all of it."""
    metadata = dict(manifest["metadata"])
    metadata["annotations"] = {**metadata.get("annotations", {}), **annotations}
    whole = {**manifest, "metadata": metadata}
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]
    metadata["annotations"][DIGEST] = digest
    return whole


def _due(own: Object | None, manifest: Object) -> tuple[Object | None, str]:
    """Whether the manifest is to be applied, and why: it is new, it has changed, or somebody edited the live one."""
    if own is None:
        return manifest, "created"
    if _annotation(own, DIGEST) != manifest["metadata"]["annotations"][DIGEST]:
        return manifest, "updated"
    marks = own["metadata"].get("annotations")
    if not _holds(own.get("spec"), manifest["spec"]) or not _holds(
        marks, manifest["metadata"]["annotations"]
    ):
        return manifest, "restored, as it had been edited"
    return None, ""


def _holds(live: Any, wanted: Any) -> bool:
    """Whether `live` has everything of `wanted`; what others added beside it does not matter."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(_holds(live.get(k), v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(_holds(a, b) for a, b in zip(live, wanted, strict=True))
        )
    return bool(live == wanted)


def _scaled(autoscaler: Object) -> Place:
    """The workload that a ScaledObject or an HPA scales."""
    ref = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    return autoscaler["metadata"]["namespace"], ref.get("kind") or "Deployment", ref.get("name", "")


def _owner(one: Object) -> str:
    """The uid of the HeliosTarget that manages a ScaledObject; "" without the operator's mark, whoever wrote it."""
    if _annotation(one, FORM) is None:
        return ""
    owners = one["metadata"].get("ownerReferences") or ()
    return next((str(o.get("uid", "")) for o in owners if o.get("controller")), "")


def _annotation(one: Object, name: str) -> str | None:
    return (one["metadata"].get("annotations") or {}).get(name)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _no(reason: Reason, message: str) -> Condition:
    return Condition(Type.SCALING, False, reason, message)


def _said(status: bool | None, reason: Reason, message: str) -> Plan:
    return Plan(Condition(Type.SCALING, status, reason, message))


def _removed(own: Object, reason: Reason, message: str) -> Plan:
    return Plan(_no(reason, message), delete=own, why=message)
