"""What is wrong between an autoscaler and its workload: requests that are missing, memory alone, a window that is off, a second autoscaler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser as promql

from helios.doctor import rules
from helios.doctor.expressions import TooLong, Unreadable, parsed, parts
from helios.doctor.findings import Finding, Severity
from helios.doctor.inventories import Inventory, lacking
from helios.doctor.manifests import Manifest, items, part
from helios.doctor.remedies import pasted
from helios.doctor.scalers import RESOURCES, Autoscaler, Metric, Scaled

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
    yield from _window(hpa.manifest, part(hpa.manifest.spec, "behavior"), ("spec", "behavior"), noisy=noisy)


def rivals(inventory: Inventory) -> Iterator[Finding]:
    """Workloads with more than one autoscaler."""
    for several in inventory.rivals():
        last = next((one for one in several if isinstance(one, Scaled)), several[-1])
        others = [one for one in several if one is not last]
        kind, name = last.workload
        named = " and ".join(f"{one.manifest.kind} {one.manifest.name}" for one in [last, *others])
        # files without a namespace may be for one each, such as web-dev.yaml beside web-prod.yaml
        files = {one.manifest.place.rpartition(":")[0] for one in several}
        apart = not last.manifest.namespace and len(files) == len(several)
        yield rules.TWO.found(
            last.manifest.where,
            f"{kind} {name} has {named}{', if both are applied together' if apart else ''}. Their HPAs stop each other (AmbiguousSelector), and before Kubernetes 1.27 they "
            "fought; KEDA's webhook refuses whichever ScaledObject comes second.",
            "An HPA scales on the maximum of its own metrics; two of them know nothing of each other.",
            _joined(last, others[0]),
            severity=Severity.WARNING if apart else None,
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
        if metric.target != "Utilization" or metric.name not in RESOURCES:
            continue
        shape = inventory.template(manifest, workload)
        without = [] if shape is None else lacking(shape, metric.name, metric.container)
        seen = inventory.seen.get((manifest.namespace, kind, name)) if metric.name == "cpu" else None
        if without and (seen is True or (seen is None and inventory.filled_in(manifest, metric.name))):
            continue
        if not without and (seen is not False or metric.container is not None):
            continue
        who = (
            f"container{'s' * (len(without) > 1)} {', '.join(without)}"
            if without
            else "a container given at admission"
        )
        asked = without or [metric.container or "CONTAINER"]
        amount = {"cpu": "100m", "memory": "128Mi"}[metric.name]
        containers = [{"name": one, "resources": {"requests": {metric.name: amount}}} for one in asked]
        unless = ", unless a LimitRange of the namespace gives one" if without and manifest.place else ""
        yield rules.REQUESTS.found(
            manifest.where,
            f"{metric.name} Utilization of {kind} {name} cannot be computed: the HPA reports an error, never scales in, and "
            "scales out on its other metrics alone.",
            f"{who[:1].upper()}{who[1:]} of {kind} {name} requests no {metric.name}{unless}.",
            pasted({"spec": {"template": {"spec": {"containers": containers}}}}),
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
