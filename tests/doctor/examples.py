"""Builders of what the lints are asked about: right in everything but what a test changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helios.doctor.findings import Finding
from helios.doctor.inventories import Inventory
from helios.doctor.lints import lint
from helios.doctor.manifests import Manifest, of_cluster

MANIFESTS = Path(__file__).parent / "manifests"
LOAD = 'sum(rate(http_requests_total{service="web"}[2m]))'
SIGNAL = 'helios_scaling_signal{namespace="shop",deployment="web"}'
FRESH = '(helios_report_expires_timestamp_seconds{namespace="shop",deployment="web"} > time())'
SAFE = {"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"}

Body = dict[str, Any]


def prometheus(query: str = LOAD, *, metric_type: str | None = None, **metadata: Any) -> Body:
    """A prometheus trigger; a field of None is left out."""
    said = {
        "serverAddress": "http://prometheus:9090",
        "query": query,
        "threshold": "50",
        "ignoreNullValues": "false",
        **metadata,
    }
    found: Body = {
        "type": "prometheus",
        "metadata": {key: value for key, value in said.items() if value is not None},
    }
    return found if metric_type is None else {**found, "metricType": metric_type}


def resource(name: str = "cpu", metric_type: str | None = "Utilization", **metadata: Any) -> Body:
    """A cpu or memory trigger."""
    found: Body = {"type": name, "metadata": {"value": "70", **metadata}}
    return found if metric_type is None else {**found, "metricType": metric_type}


def scaled_object(
    *triggers: Body,
    name: str = "web",
    workload: str = "web",
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> Body:
    """A ScaledObject of `shop`; a field of None is left out."""
    said = {
        "scaleTargetRef": {"name": workload},
        "minReplicaCount": 2,
        "maxReplicaCount": 20,
        "fallback": SAFE,
        "triggers": list(triggers or (prometheus(),)),
        **spec,
    }
    metadata: Body = {"name": name, "namespace": "shop"}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata,
        "spec": {key: value for key, value in said.items() if value is not None},
    }


def hpa(*metrics: Body, name: str = "web", workload: str = "web", **spec: Any) -> Body:
    """An HPA of `shop`, on cpu where nothing else is said."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload},
            "minReplicas": 2,
            "maxReplicas": 20,
            "metrics": list(metrics or (utilization("cpu"),)),
            **spec,
        },
    }


def utilization(name: str) -> Body:
    """A Resource metric of an HPA."""
    return {
        "type": "Resource",
        "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": 70}},
    }


def external(name: str, target: str) -> Body:
    """An External metric of an HPA."""
    return {"type": "External", "external": {"metric": {"name": name}, "target": {"type": target}}}


def deployment(*containers: Body, name: str = "web") -> Body:
    """A Deployment of `shop`; its containers request both where nothing else is said."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": list(containers or (container(),))}}},
    }


def container(name: str = "app", **requests: str) -> Body:
    """A container with requests."""
    return {
        "name": name,
        "image": "registry.example/app",
        "resources": {"requests": requests or {"cpu": "1", "memory": "1Gi"}},
    }


def limit_range(**defaults: str) -> Body:
    """A LimitRange of `shop` that gives containers these requests."""
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "defaults", "namespace": "shop"},
        "spec": {"limits": [{"type": "Container", "defaultRequest": defaults}]},
    }


def inventory(*bodies: Body) -> Inventory:
    """Objects as a cluster has them."""
    return Inventory(tuple(of_cluster(bodies)))


def in_folders(**folders: Body) -> Inventory:
    """One object in each folder."""
    return Inventory(tuple(Manifest(f"{name}/x.yaml:1", name, body) for name, body in folders.items()))


def found(*bodies: Body) -> list[Finding]:
    """What is wrong with these objects together."""
    return lint(inventory(*bodies))[0]


def broken(*bodies: Body) -> list[str]:
    """The rules that they break."""
    return sorted({one.rule for one in found(*bodies)})
