"""How many replicas a workload has now, by its `scale`: asked where no HPA tells, and an old number could cost some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from helios.errors import ClusterMissing
from helios.operator.discoveries import Resource

Object = Mapping[str, Any]


class Door(Protocol):
    """What is asked of the API server here; `helios.operator.clusters.Cluster` does it."""

    def plural_of(self, api_version: str, kind: str) -> Resource:
        """How a kind is called in paths."""

    def get_scale(self, api_version: str, plural: str, namespace: str, name: str) -> Object:
        """The `scale` of a workload."""


@dataclass(frozen=True, slots=True)
class Running:
    """What is known.

    Attributes:
        exists: whether there is such a workload, as far as can be told.
        count: the replicas that are wanted of it; None where unknown.
    """

    exists: bool = True
    count: int | None = None


def running(door: Door, namespace: str, spec: Object) -> Running:
    """Of the workload that an autoscaler with this `spec` scales.

    Raises:
        ClusterError: it cannot be asked.
    """
    ref = spec.get("scaleTargetRef") or {}
    version, kind = ref.get("apiVersion") or "apps/v1", ref.get("kind") or "Deployment"
    try:
        plural = door.plural_of(version, kind).plural
    except ClusterMissing:  # an HPA goes by group and kind, whatever the version: it may work all the same
        return Running()
    try:
        scale = door.get_scale(version, plural, namespace, str(ref.get("name", "")))
    except ClusterMissing:
        return Running(exists=False)
    return Running(count=int((scale.get("spec") or {}).get("replicas") or 0))  # zero is left out on the wire
