"""What the API server must not take: one thing wrong in each kind that is shipped."""

from __future__ import annotations

import copy
from typing import Any

from tests.cluster.apis import Object

WRONG: list[tuple[str, str, str, Any, str]] = [
    (
        "saleor",
        "StatefulSet",
        "spec.template.spec.containers.0.resources.requests.memory",
        "512 MB",
        "quantities must match",
    ),
    (
        "saleor",
        "StatefulSet",
        "spec.template.spec.containers.0.livenessProb",
        {},
        "unknown field|field not declared",
    ),
    ("saleor", "NetworkPolicy", "spec.ingress.0.ports.0.protocol", "HTTP", "supported values"),
    ("saleor", "PodDisruptionBudget", "spec.minAvailable", 1, "cannot be both set"),
    ("saleor", "Service", "spec.ports.0.port", 80_800, "must be between 1 and 65535"),
    ("saleor", "ClusterRole", "rules.0.verbs", [], "verbs must contain at least one value|Required value"),
    ("saleor", "HeliosTarget", "spec.replicas", {"min": 5, "max": 2}, "min"),
    ("saleor", "PodMonitor", "spec.podMetricsEndpoints.0.interval", "half a minute", "should match"),
    ("saleor", "PrometheusRule", "spec.groups.0.rules.0.for", "soon", "should match"),
    (
        "saleor",
        "AlertmanagerConfig",
        "spec.muteTimeIntervals.0.timeIntervals.0.weekdays",
        ["someday"],
        "should match",
    ),
    (
        "gmp",
        "ClusterPodMonitoring",
        "spec.endpoints.0.interval",
        30,
        "must be of type",
    ),
    ("gmp", "ClusterRules", "spec.groups.0.rules.0", {"expr": "1"}, "exactly one of Record or Alert"),
    ("keda", "ScaledObject", "spec.maxReplicaCount", "ten", "integer|int32|number"),
]
"""Overlay, kind, place, what is put there, and what the API server says to it."""


def with_value(body: Object, place: str, value: Any) -> Object:
    """A copy under a name that is not taken, with another value at a place such as `spec.ports.0.port`."""
    changed = copy.deepcopy(body)
    changed["metadata"]["name"] = "wrong"
    inner: Any = changed
    *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    for part in path:
        inner = inner[part]
    inner[last] = value
    return changed
