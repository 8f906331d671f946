"""What the cluster has of what is linted: lists, one of each kind, and for workloads scaled on cpu what their pods say.

What may not be listed is named and left out; what is not there (KEDA, Helios) is no fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helios.doctor.inventories import Inventory, Place
from helios.doctor.manifests import of_cluster
from helios.doctor.scalers import RESOURCES
from helios.errors import ClusterError, ClusterMissing
from helios.operator.clusters import Cluster
from helios.operator.workloads import LISTED, WorkloadReader

_KINDS = {
    "scaledobjects": ("keda.sh/v1alpha1", "ScaledObject"),
    "horizontalpodautoscalers": ("autoscaling/v2", "HorizontalPodAutoscaler"),
    "heliostargets": ("helios.dev/v1alpha1", "HeliosTarget"),
    "deployments": ("apps/v1", "Deployment"),
    "statefulsets": ("apps/v1", "StatefulSet"),
    "limitranges": ("v1", "LimitRange"),
}
"""By what each is listed: group and version, kind. Items of a list do not say it themselves."""


def listed(cluster: Cluster, namespace: str | None = None) -> tuple[Inventory, dict[str, str]]:
    """All that is linted, of one namespace or of all, and what could not be listed, with the reason.

    Raises:
        ClusterError: neither ScaledObjects nor HPAs can be listed.
    """
    bodies: list[Mapping[str, Any]] = []
    problems: dict[str, ClusterError] = {}
    for plural, (api_version, kind) in _KINDS.items():
        try:
            found = list(cluster.list(api_version, plural, namespace))
        except ClusterMissing:
            continue  # not installed
        except ClusterError as error:
            problems[plural] = error
        else:
            bodies += [{**one, "apiVersion": api_version, "kind": kind} for one in found]
    if {"scaledobjects", "horizontalpodautoscalers"} <= problems.keys():
        raise problems["horizontalpodautoscalers"]
    known = Inventory(tuple(of_cluster(bodies)), limits_known="limitranges" not in problems)
    seen = _seen(cluster, known)
    told = {plural: " ".join(str(error).split()) for plural, error in problems.items()}
    return Inventory(known.manifests, known.limits_known, seen), told


def _seen(cluster: Cluster, inventory: Inventory) -> dict[Place, bool]:
    """Whether the pods of workloads scaled on cpu utilization request cpu, as far as they tell."""
    wanted: set[tuple[str, str, str]] = set()
    for scaled in inventory.scaled_objects():
        if any(one.type in RESOURCES for one in scaled.triggers):
            wanted.add((scaled.manifest.namespace, *scaled.workload))
    for hpa in inventory.autoscalers():
        if any(one.name in RESOURCES for one in hpa.metrics):
            wanted.add((hpa.manifest.namespace, *hpa.workload))
    kinds = {kind for _, kind in LISTED}
    asked = sorted((space, name, kind) for space, kind, name in wanted if kind in kinds)
    if not asked:
        return {}
    try:
        found = WorkloadReader(cluster, dict).read(asked)
    except ClusterError:
        return {}
    return {place: one.cpu_requested for place, one in found.items() if one.cpu_requested is not None}
