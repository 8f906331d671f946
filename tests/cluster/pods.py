"""The live pods as the API server has them, and whose they are: what cAdvisor and kube-state-metrics would see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from tests.cluster.apis import Object

_SUFFIXES = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod that exists.

    Attributes:
        owner: (kind, name) of its controller; ("", "") without one.
        created, ready_since: UNIX seconds; None while it is not ready.
        requests, limits: (container, resource) -> cores or bytes.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    owner: tuple[str, str]
    containers: tuple[str, ...]
    created: float
    ready_since: float | None
    requests: Mapping[tuple[str, str], float]
    limits: Mapping[tuple[str, str], float]

    @classmethod
    def of(cls, body: Object) -> Self | None:
        """A pod as the API server writes it; None for one that is going or gone."""
        metadata, status = body["metadata"], body.get("status", {})
        if "deletionTimestamp" in metadata or status.get("phase") in ("Succeeded", "Failed"):
            return None
        containers = body["spec"]["containers"]
        owners: list[Object] = [one for one in metadata.get("ownerReferences", []) if one.get("controller")]
        owner = owners[0] if owners else {}
        ready = next(
            (
                seconds(one["lastTransitionTime"])
                for one in status.get("conditions", [])
                if one["type"] == "Ready" and one["status"] == "True"
            ),
            None,
        )
        return cls(
            metadata["namespace"],
            metadata["name"],
            metadata.get("labels", {}),
            (owner.get("kind", ""), owner.get("name", "")),
            tuple(one["name"] for one in containers),
            seconds(metadata["creationTimestamp"]),
            ready,
            _resources(containers, "requests"),
            _resources(containers, "limits"),
        )

    @property
    def key(self) -> Key:
        """Which one it is."""
        return self.namespace, self.name

    @property
    def cpu_limit(self) -> float:
        """Cores that it cannot use more than; infinite where a container has no limit."""
        return sum(self.limits.get((container, "cpu"), float("inf")) for container in self.containers)


def seconds(text: str) -> float:
    """UNIX seconds of a time as the API server writes it."""
    return datetime.fromisoformat(text).timestamp()


def quantity(text: str) -> float:
    """Cores or bytes: `500m`, `2`, `1Gi`."""
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * _SUFFIXES[suffix]
    return float(text)


def _resources(containers: list[dict[str, Any]], what: str) -> dict[tuple[str, str], float]:
    return {
        (container["name"], resource): quantity(text)
        for container in containers
        for resource, text in container.get("resources", {}).get(what, {}).items()
    }
