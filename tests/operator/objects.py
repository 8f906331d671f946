"""Kubernetes objects as the API server gives them, in few words; every part can be said otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()
"""When the tests take place."""

_numbers = itertools.count(1)


def stamp(seconds: float) -> str:
    """UNIX seconds as Kubernetes writes them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def container(
    cpu: str | None = "100m",
    memory: str | None = "128Mi",
    *,
    limits: Mapping[str, str] | None = None,
    name: str = "app",
    **more: Any,
) -> Object:
    """A container that requests so much; None requests nothing of it."""
    requests = {k: v for k, v in {"cpu": cpu, "memory": memory}.items() if v is not None}
    resources: Object = {"requests": requests} if requests else {}
    if limits:
        resources["limits"] = dict(limits)
    return {"name": name, "image": "shop/app:1", "resources": resources, **more}


def meta(name: str, namespace: str | None = "shop", **more: Any) -> Object:
    """Metadata."""
    return {"name": name, **({"namespace": namespace} if namespace is not None else {}), **more}


def deployment(
    name: str = "web",
    namespace: str = "shop",
    *,
    replicas: int = 3,
    current: int | None = None,
    updated: int | None = None,
    containers: Sequence[Object] | None = None,
    selector: Object | None = None,
    generation: int = 1,
    observed: int | None = None,
    kind: str = "Deployment",
    pod_spec: Object | None = None,
    **more: Any,
) -> Object:
    """A Deployment, or another kind of its form, rolled out unless said otherwise.

    Args:
        name: of it, and the value of its pods' label `app`.
        namespace: of it.
        replicas: wanted.
        current: that exist; as wanted if None.
        updated: of the newest template; all that exist if None.
        containers: of the template; one that requests 100m and 128Mi if None.
        selector: `{"matchLabels": {"app": name}}` if None.
        generation: of the spec.
        observed: the generation that the controller has seen; the present one if None.
        kind: `Deployment`, `StatefulSet`, or one of a test's own.
        pod_spec: more of the template's spec.
        more: fields of the spec.
    """
    here = replicas if current is None else current
    labels = {"app": name}
    status: Object = {"observedGeneration": generation if observed is None else observed}
    counts = {"replicas": here, "updatedReplicas": here if updated is None else updated}
    status |= {field: count for field, count in counts.items() if count}  # zero is left out on the wire
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": list(containers or [container()]), **(pod_spec or {})},
    }
    spec = {
        "replicas": replicas,
        "selector": selector or {"matchLabels": labels},
        "template": template,
        **more,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": meta(name, namespace, generation=generation),
        "spec": spec,
        "status": status,
    }


def stateful_set(name: str = "db", namespace: str = "shop", **more: Any) -> Object:
    """A StatefulSet; see `deployment`."""
    return deployment(name, namespace, kind="StatefulSet", **more)


def rollout(name: str = "web", namespace: str = "shop", *, replicas: int | None = 3, **more: Any) -> Object:
    """A custom resource with a `scale` subresource."""
    spec: Object = {} if replicas is None else {"replicas": replicas}
    status = {"replicas": replicas, "selector": f"app={name}"} | more
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": meta(name, namespace),
        "spec": spec,
        "status": status,
    }


def pod(
    app: str = "web",
    namespace: str = "shop",
    *,
    start: float | None = 20.0,
    created: float = NOW - 7200,
    restarts: int = 0,
    containers: Sequence[Object] | None = None,
    labels: Mapping[str, str] | None = None,
    phase: str = "Running",
    name: str | None = None,
    pod_spec: Object | None = None,
) -> Object:
    """A pod that became ready `start` seconds after it was created; None: it is not ready."""
    chosen = list(containers or [container()])
    ready: Object = {"type": "Ready", "status": "False" if start is None else "True"}
    ready["lastTransitionTime"] = stamp(created + (start or 0.0))
    number = next(_numbers)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(
            name or f"{app}-{number}",
            namespace,
            uid=f"pod-{number}",
            creationTimestamp=stamp(created),
            labels={"app": app, **(labels or {})},
        ),
        "spec": {"containers": chosen, **(pod_spec or {})},
        "status": {
            "phase": phase,
            "conditions": [{"type": "Initialized", "status": "True"}, ready],
            "containerStatuses": [{"name": c["name"], "restartCount": restarts} for c in chosen],
        },
    }


def helios_target(name: str = "web", namespace: str = "shop", **spec: Any) -> Object:
    """A HeliosTarget on the Deployment of its name."""
    return {
        "apiVersion": "helios.dev/v1alpha1",
        "kind": "HeliosTarget",
        "metadata": meta(name, namespace),
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}, **spec},
    }


def scaled_object(name: str = "web", namespace: str = "shop", *, deployment: str | None = None) -> Object:
    """A ScaledObject of somebody's."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": meta(name, namespace),
        "spec": {"scaleTargetRef": {"name": deployment or name}, "triggers": [{"type": "cpu"}]},
    }
