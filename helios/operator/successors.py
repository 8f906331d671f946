"""The ScaledObject in the place of an adopted autoscaler: the forecast beside whatever else made that one scale.

What counted before goes on counting, as the HPA takes the maximum over all triggers: every trigger and metric stays but those on
cpu utilization, which Helios' own cpu guard replaces. What KEDA's webhook demands is kept: trigger names are unique
(scaletriggers_types.go, ValidateTriggers), the HPA to be taken over is named (scaledobject_webhook.go, verifyHpas). Pure functions.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from helios.operator.adoptions import ADOPTED, Original
from helios.operator.editions import Trigger, forecast, wrote
from helios.operator.marks import FORM, OWNER, TRANSFER, WROTE, marked
from helios.operator.resources import HeliosTarget
from helios.operator.scaledobjects import Form, KedaDefaults, scaled_object

_RESOURCES = ("cpu", "memory")
_FOREIGN = ("kubectl.kubernetes.io/",)
"""Annotations of tools, which keep their own account of an object."""


def successor(
    target: HeliosTarget, original: Original, defaults: KedaDefaults, *, cpu_guard: bool, tolerance: bool
) -> dict[str, Any]:
    """The manifest for server-side apply; of an adopted ScaledObject it is that object's own.

    Args:
        target: a valid one, its workload that of the original.
        original: what is adopted.
        defaults: the operator's settings.
        cpu_guard: whether every container asks for cpu.
        tolerance: whether this cluster's HPA has a tolerance of its own; see `scaledobjects.scaled_object`.

    Raises:
        ValueError: the target's spec cannot be used, or KEDA would have no way to Prometheus.
    """
    made = scaled_object(target, defaults, form=Form.FORECAST, cpu_guard=cpu_guard, tolerance=tolerance)
    spec, marks = made["spec"], {FORM: Form.FORECAST.value, OWNER: target.uid, ADOPTED: original.text()}
    advanced = spec["advanced"]
    advanced.pop("horizontalPodAutoscalerConfig", None)
    metadata: dict[str, Any] = {"namespace": target.namespace}
    if original.kind == "HorizontalPodAutoscaler":
        config = _behavior(original.spec.get("behavior"), tolerance=tolerance, known=tolerance)
        advanced["horizontalPodAutoscalerConfig"] = config | {"name": original.name}
        metadata |= {"name": target.name, "labels": made["metadata"]["labels"]}
        marks[TRANSFER] = "true"
        kept: Iterable[Trigger] = (_trigger(metric) for metric in original.spec.get("metrics") or ())
    else:
        before = copy.deepcopy(dict(original.spec))
        kept = before.get("triggers") or ()
        config = dict((before.get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {})
        config |= _behavior(config.get("behavior"), tolerance=tolerance, known=True)
        advanced = {**(before.get("advanced") or {}), **advanced}
        if config:
            advanced["horizontalPodAutoscalerConfig"] = config
        reference = {**(before.get("scaleTargetRef") or {}), **spec["scaleTargetRef"]}
        spec = {**before, **spec, "advanced": advanced, "scaleTargetRef": reference}
        metadata["name"] = original.name
    spec["triggers"] = _together(spec["triggers"], kept, cpu_guard=cpu_guard)
    if original.kind == "ScaledObject":
        marks[WROTE] = wrote(spec, original)
    return marked({**made, "metadata": metadata, "spec": spec}, marks)


def anew(manifest: Mapping[str, Any], original: Original) -> Mapping[str, Any]:
    """The manifest for an adopted ScaledObject that is not there any more: its labels, annotations and owners with it."""
    if original.kind != "ScaledObject":
        return manifest
    metadata = dict(manifest["metadata"])
    own = {k: v for k, v in original.annotations.items() if not k.startswith(_FOREIGN)}
    metadata["annotations"] = {**own, **metadata["annotations"]}
    if original.labels:
        metadata["labels"] = dict(original.labels)
    if original.owners:
        metadata["ownerReferences"] = [dict(owner) for owner in original.owners]
    return {**manifest, "metadata": metadata}


def lost(original: Original) -> list[str]:
    """What of an HPA would not count any more in a ScaledObject: its metrics of other APIs than the resources'."""
    if original.kind != "HorizontalPodAutoscaler":
        return []
    return [
        f"{metric.get('type')} {_named(metric)}".strip()
        for metric in original.spec.get("metrics") or ()
        if _resource(metric).get("name") not in _RESOURCES or _wanted(metric) is None
    ]


def cpu_driven(original: Original) -> bool:
    """Whether cpu was among what it scaled on."""
    if original.kind == "ScaledObject":
        return any(trigger.get("type") == "cpu" for trigger in original.spec.get("triggers") or ())
    metrics = original.spec.get("metrics")
    return not metrics or any(_resource(metric).get("name") == "cpu" for metric in metrics)


def _together(ours: Sequence[Trigger], theirs: Iterable[Trigger], *, cpu_guard: bool) -> list[dict[str, Any]]:
    """Our triggers and what stays of theirs, each of its own name."""
    out = [dict(trigger) for trigger in ours]
    for trigger in theirs:
        if _replaced(trigger, cpu_guard=cpu_guard):
            continue
        taken, name = {one.get("name") for one in out}, trigger.get("name")
        free = (f"{name}-{n}" for n in range(2, len(out) + 3) if f"{name}-{n}" not in taken)
        out.append({**trigger, "name": next(free)} if name and name in taken else dict(trigger))
    return out


def _replaced(trigger: Trigger, *, cpu_guard: bool) -> bool:
    """Whether a trigger gives way to ours.

    Where there is no guard, as not every container requests cpu, one on a single container works all the same and stays.
    """
    if forecast(trigger):
        return True  # what `helios scaledobject` printed, applied by hand
    metadata = trigger.get("metadata") or {}
    utilization = trigger.get("type") == "cpu" and trigger.get("metricType") in {None, "", "Utilization"}
    return utilization and (cpu_guard or not metadata.get("containerName"))


def _trigger(metric: Mapping[str, Any]) -> Trigger:
    """An HPA's metric of cpu or memory as KEDA's trigger for it (cpu_memory_scaler.go)."""
    resource = _resource(metric)
    metadata = {"value": str(_wanted(metric))}
    if resource.get("container"):
        metadata["containerName"] = str(resource["container"])
    kind = (resource.get("target") or {}).get("type")
    return {"type": resource.get("name"), "metricType": kind, "metadata": metadata}


def _wanted(metric: Mapping[str, Any]) -> Any:
    """What an HPA's metric is to be: percent or a quantity; None where it says neither."""
    target = _resource(metric).get("target") or {}
    return target.get("averageUtilization", target.get("averageValue"))


def _resource(metric: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of an HPA's metric that says which resource it is of; empty where it is of none."""
    kinds = {"Resource": "resource", "ContainerResource": "containerResource"}
    return metric.get(kinds.get(str(metric.get("type")), "")) or {}


def _named(metric: Mapping[str, Any]) -> str:
    """The name of an HPA's metric."""
    kind = str(metric.get("type"))
    part = metric.get(kind[:1].lower() + kind[1:]) or {}
    return str((part.get("metric") or {}).get("name") or part.get("name") or "")


def _behavior(before: Any, *, tolerance: bool, known: bool) -> dict[str, Any]:
    """How the HPA may move: as before, but without a dead-band where the cluster knows such a thing.

    Args:
        before: the behavior so far, if any.
        tolerance: whether ours is to be written.
        known: whether one that was there may stay; KEDA before 2.19 has no place for it.
    """
    behavior = copy.deepcopy(dict(before or {}))
    for direction in ("scaleUp", "scaleDown"):
        if tolerance:
            behavior.setdefault(direction, {})["tolerance"] = "0"
        elif not known and direction in behavior:
            behavior[direction].pop("tolerance", None)
    return {"behavior": behavior} if behavior else {}
