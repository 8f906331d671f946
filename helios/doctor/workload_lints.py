"""What is wrong between an autoscaler and its workload: requests that are missing, memory alone, a window that is off, a second autoscaler."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser as promql

from helios.doctor import rules
from helios.doctor.api_versions import BEHAVIOR, FIRST
from helios.doctor.expressions import TooLong, Unreadable, parsed, parts
from helios.doctor.findings import Finding, Severity
from helios.doctor.inventories import Inventory, lacking
from helios.doctor.manifests import SCALED_OBJECT, Manifest, items, part
from helios.doctor.remedies import pasted, scaling
from helios.doctor.scalers import RESOURCES, Autoscaler, Metric, Scaled

_ASKED = frozenset({"Deployment", "StatefulSet"})
_RATES = frozenset({"rate", "irate", "deriv", "delta", "idelta", "increase"})


def of_scaled_object(scaled: Scaled, inventory: Inventory) -> Iterator[Finding]:
    """What is wrong between a ScaledObject and its workload."""
    metrics = tuple(_metric(one.type, one.metric_type, one.metadata) for one in scaled.triggers)
    resources = tuple(one for one in metrics if one.name in RESOURCES)
    yield from _requests(scaled.manifest, scaled.workload, resources, inventory)
    yield from _memory(scaled.manifest, metrics)
    noisy = bool(resources) or any(_is_rate(one.query) for one in scaled.triggers)
    at = ("spec", "advanced", "horizontalPodAutoscalerConfig", "behavior")
    yield from _window(scaled.manifest, scaled.behavior, at, noisy=noisy)


def of_autoscaler(hpa: Autoscaler, inventory: Inventory) -> Iterator[Finding]:
    """What is wrong between an HPA and its workload."""
    yield from _requests(hpa.manifest, hpa.workload, hpa.metrics, inventory)
    yield from _memory(hpa.manifest, hpa.metrics)
    noisy = any(one.type in {"Resource", "ContainerResource"} for one in hpa.metrics)
    yield from _window(hpa.manifest, hpa.behavior, ("spec", "behavior"), noisy=noisy)


def rivals(inventory: Inventory) -> Iterator[Finding]:
    """Workloads with more than one autoscaler."""
    for several in inventory.rivals():
        scaled = [one for one in several if isinstance(one, Scaled)]
        # of several ScaledObjects a paused one is the one to leave
        last = max(scaled, key=lambda one: one.paused is None) if scaled else several[-1]
        others = [one for one in several if one is not last]
        acting = [one for one in several if not (isinstance(one, Scaled) and one.paused is not None)]
        kind, name = last.workload
        named = " and ".join(f"{one.manifest.kind} {one.manifest.name}" for one in [last, *others])
        # files without a namespace may be for one each, such as web-dev.yaml beside web-prod.yaml
        files = {one.manifest.place.rpartition(":")[0] for one in several}
        apart = not last.manifest.namespace and len(files) == len(several)
        has = f"{kind} {name} has {named}{', if both are applied together' if apart else ''}."
        if len(acting) > 1:
            what = (
                f"{has} Their HPAs stop each other (AmbiguousSelector), and before Kubernetes 1.27 they fought; KEDA's "
                "webhook refuses whichever ScaledObject comes second."
            )
            why = "An HPA scales on the maximum of its own metrics; two of them know nothing of each other."
        else:
            what = (
                f"{has} KEDA's webhook refuses whichever ScaledObject comes second, and every change of it."
            )
            why = "It asks who else has the workload, and not whether one of them is paused."
        yield rules.TWO.found(
            last.manifest.where,
            what,
            why,
            _joined(last, others[0]),
            severity=Severity.WARNING if apart or len(acting) < 2 else None,
        )


def _joined(one: Scaled | Autoscaler, other: Scaled | Autoscaler) -> str:
    if isinstance(one, Scaled) and isinstance(other, Autoscaler):
        return "# hand the HPA over to the ScaledObject, with its metrics as triggers\n" + pasted(
            {
                "metadata": {"annotations": {"scaledobject.keda.sh/transfer-hpa-ownership": "true"}},
                "spec": {"advanced": {"horizontalPodAutoscalerConfig": {"name": other.manifest.name}}},
            }
        )
    kept, gone = one.manifest, other.manifest
    field = "triggers" if isinstance(one, Scaled) else "metrics"
    scope = f" -n {gone.namespace}" if gone.namespace else ""
    return f"# put the {field} of {gone.name} into {kept.name}, then\nkubectl delete {gone.kind.lower()} {gone.name}{scope}"


def _requests(
    manifest: Manifest, workload: tuple[str, str], metrics: tuple[Metric, ...], inventory: Inventory
) -> Iterator[Finding]:
    kind, name = workload
    for metric in metrics:
        computed = metric.target == "Utilization"
        if metric.name not in RESOURCES or not (computed or manifest.kind == SCALED_OBJECT):
            continue
        shape = inventory.template(manifest, workload)
        without = [] if shape is None else lacking(shape, metric.name, metric.container)
        seen = inventory.seen.get((manifest.namespace, kind, name)) if metric.name == "cpu" else None
        if without and (seen is True or (seen is None and inventory.filled_in(manifest, metric.name))):
            continue
        if not without and (seen is not False or metric.container is not None):
            continue
        refused = _is_refused(manifest, workload, without, inventory)
        if not (computed or refused):
            continue
        who = (
            f"container{'s' * (len(without) > 1)} {', '.join(without)}"
            if without
            else "a container given at admission"
        )
        asked = without or [metric.container or "CONTAINER"]
        amount = {"cpu": "100m", "memory": "128Mi"}[metric.name]
        inits = inventory.sidecars(manifest, workload)
        pod: dict[str, list[dict[str, Any]]] = {}
        for one in asked:
            wanted = {"name": one, "resources": {"requests": {metric.name: amount}}}
            pod.setdefault("initContainers" if one in inits else "containers", []).append(wanted)
        unless = ", unless a LimitRange of the namespace gives one" if without and manifest.place else ""
        yield rules.REQUESTS.found(
            manifest.where,
            _without_requests(manifest, workload, metric, refused=refused),
            f"{who[:1].upper()}{who[1:]} of {kind} {name} requests no {metric.name}{unless}.",
            pasted({"spec": {"template": {"spec": pod}}}),
            severity=None if computed or manifest.place else Severity.WARNING,
        )


def _is_refused(
    manifest: Manifest, workload: tuple[str, str], without: list[str], inventory: Inventory
) -> bool:
    """Whether KEDA's webhook asks for the request (`verifyCPUMemoryScalers`).

    Of the containers in the template of a Deployment or a StatefulSet, by whatever metric type; not of init containers, nor of
    what admission adds to the pods; and not in a dry run.
    """
    own = set(without) - inventory.sidecars(manifest, workload)
    return manifest.kind == SCALED_OBJECT and workload[0] in _ASKED and bool(own)


def _without_requests(manifest: Manifest, workload: tuple[str, str], metric: Metric, *, refused: bool) -> str:
    """What comes of it: by the webhook, by the HPA, or by both."""
    kind, name = workload
    failing = (
        f"{metric.name} Utilization of {kind} {name} cannot be computed: the HPA reports an error, never scales in, and "
        "scales out on its other metrics alone."
    )
    if not refused:
        return failing
    if metric.target != "Utilization":
        said = "the object" if manifest.place else "every change of the object"
        return f"KEDA's webhook refuses {said}: it asks for a request of {metric.name} though an absolute amount needs none."
    if not manifest.place:
        return f"{failing} KEDA's webhook refuses every change of the object."
    return (
        "KEDA's webhook refuses the object. Where it got in before the webhook ran, or before the workload lost its request, "
        f"{failing}"
    )


def _memory(manifest: Manifest, metrics: tuple[Metric, ...]) -> Iterator[Finding]:
    if metrics and all(
        one.name == "memory" and one.type in {"Resource", "ContainerResource"} for one in metrics
    ):
        yield rules.MEMORY.found(
            manifest.where,
            "Once over the target the workload grows to its maximum and stays there: each new pod brings the same memory.",
            "memory is the only metric, and most of a pod's memory does not depend on how many share the load.",
            _with_cpu(manifest),
        )


def _with_cpu(manifest: Manifest) -> str:
    if manifest.kind == "ScaledObject":
        trigger = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}
        return pasted({"spec": {"triggers": [trigger]}})
    if manifest.body.get("apiVersion") == FIRST:
        return scaling(targetCPUUtilizationPercentage=70)
    target = {"type": "Utilization", "averageUtilization": 70}
    return pasted(
        {"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]}}
    )


def _window(
    manifest: Manifest, behavior: Mapping[str, Any], at: tuple[str, ...], *, noisy: bool
) -> Iterator[Finding]:
    """A window of zero, without a step limit in its place, over a metric that is noise in part."""
    down = part(behavior, "scaleDown")
    limited = down.get("selectPolicy") == "Disabled" or bool(items(down, "policies"))
    if not noisy or limited or down.get("stabilizationWindowSeconds") != 0:
        return
    remedy: dict[str, Any] = {"scaleDown": {"stabilizationWindowSeconds": 300}}
    if manifest.body.get("apiVersion") == FIRST:  # which has no field for it
        noted = {**behavior, "scaleDown": {**down, "stabilizationWindowSeconds": 300}}
        remedy, at = {BEHAVIOR: json.dumps(noted)}, ("metadata", "annotations")
    for name in reversed(at):
        remedy = {name: remedy}
    yield rules.NO_WINDOW.found(
        manifest.where,
        "One low sample is enough to take all superfluous pods away at the next sync, 15 s later; the load comes back, and "
        "they are started again.",
        "scaleDown.stabilizationWindowSeconds is 0, no policy limits the step, and cpu, memory and rates jump about.",
        pasted(remedy),
    )


def _metric(kind: str, target: str, metadata: Mapping[str, Any]) -> Metric:
    if kind not in RESOURCES:
        return Metric("External", kind, target)
    container = metadata.get("containerName")
    where = "Resource" if container is None else "ContainerResource"
    return Metric(where, kind, target, None if container is None else str(container))


def _is_rate(query: str | None) -> bool:
    """Whether a query is a rate, read over a window of its own."""
    if query is None or "helios_" in query:
        return False
    try:
        root = parsed(query)
    except (Unreadable, TooLong):
        return False
    return any(isinstance(one, promql.Call) and one.func.name in _RATES for one in parts(root))
