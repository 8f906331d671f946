"""What users had before Helios, what a HeliosTarget that takes it over says, and how either is compared."""

from __future__ import annotations

from typing import Any

from tests.cluster.apis import Object
from tests.cluster.helioses import helios_target

FINALIZER = "helios.dev/adopted"


def users(hpa: Object) -> Object:
    """What its user wrote of it, and its identity."""
    if not hpa:
        return {}
    metadata = hpa["metadata"]
    return {
        "spec": hpa["spec"],
        **{k: metadata.get(k) for k in ("uid", "labels", "annotations", "ownerReferences")},
    }


def held(target: Object | None) -> tuple[bool, list[str]]:
    """Whether a HeliosTarget keeps an original, and its finalizers."""
    metadata: Object = (target or {}).get("metadata", {})
    return FINALIZER in metadata.get("annotations", {}), metadata.get("finalizers", [])


def adopts(namespace: str, name: str, kind: str, what: str, **spec: Any) -> Object:
    """A HeliosTarget in Autoscale that takes over what scales the workload."""
    adopt = {"adopt": {"kind": kind, "name": what}}
    return helios_target(
        namespace, name, mode="Autoscale", keda=adopt, replicas={"min": 2, "max": 20}, **spec
    )


def users_hpa(namespace: str, name: str, most: int) -> Object:
    """As `kubectl apply` had it for years: autoscaling/v1."""
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "namespace": namespace,
            "name": f"{name}-cpu",
            "labels": {"team": "shop"},
            "annotations": {"why": "cpu"},
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": 2,
            "maxReplicas": most,
            "targetCPUUtilizationPercentage": 70,
        },
    }


def triggers() -> list[Object]:
    """A floor for the whole day, and cpu."""
    day = {"timezone": "Etc/UTC", "start": "0 0 * * *", "end": "59 23 * * *", "desiredReplicas": "6"}
    return [
        {"type": "cron", "metadata": day},
        {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}},
    ]
