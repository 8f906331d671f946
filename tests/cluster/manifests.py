"""Objects that tests put into the cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.cluster.apis import Object

START_DELAY = "e2e.helios.dev/start-delay"
"""See `stages.yaml`."""


def deployment(
    namespace: str,
    name: str,
    *,
    replicas: int = 1,
    cpu: str | None = "500m",
    limit: str | None = "1",
    start_seconds: float = 1.0,
    kind: str = "Deployment",
) -> Object:
    """A workload of one container each.

    Args:
        namespace: its own.
        name: also its pods' label `app`.
        replicas: to begin with.
        cpu: request per pod; None asks for nothing.
        limit: cores that a pod cannot exceed.
        start_seconds: from a pod's start to its readiness.
        kind: Deployment or StatefulSet.
    """
    resources = {"requests": {"cpu": cpu, "memory": "256Mi"} if cpu else {}, "limits": {}}
    if limit:
        resources["limits"] = {"cpu": limit}
    labels = {"app": name}
    annotations = {START_DELAY: f"{round(start_seconds * 1000)}ms"}
    container = {"name": "app", "image": "shop.invalid/app:1", "resources": resources}
    spec: dict[str, Any] = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": {"containers": [container]},
        },
    }
    if kind == "StatefulSet":
        spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


def scaled_object(
    namespace: str,
    name: str,
    triggers: Sequence[Mapping[str, Any]],
    *,
    target: str,
    least: int = 1,
    most: int = 10,
    **spec: Any,
) -> Object:
    """A ScaledObject of a user's own; `spec` is put beside what is named here."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "scaleTargetRef": {"name": target},
            "minReplicaCount": least,
            "maxReplicaCount": most,
            "triggers": [dict(one) for one in triggers],
            **spec,
        },
    }


def prometheus_trigger(url: str, query: str, threshold: str, **metadata: str) -> dict[str, Any]:
    """KEDA's `prometheus` trigger; `metadata` is put beside what is named here."""
    return {
        "type": "prometheus",
        "metadata": {"serverAddress": url, "query": query, "threshold": threshold, **metadata},
    }
