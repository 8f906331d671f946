"""HeliosTargets as the operator knows them, workloads as it read them, and a door that remembers what was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from helios.errors import ClusterError, ClusterRefused
from helios.operator.resources import HeliosTarget
from helios.operator.scaledobjects import KedaDefaults
from helios.operator.workloads import Workload
from helios.targets import QueryPolicy
from tests.operator.objects import NOW, Object, helios_target, stamp

PROMETHEUS = "http://prometheus.monitoring:9090"
KEDA = KedaDefaults(server_address=PROMETHEUS, authentication=None, needs_authentication=False)


def body(
    name: str = "web",
    namespace: str = "shop",
    *,
    age: float = 3600.0,
    generation: int = 1,
    uid: str | None = None,
    status: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Object:
    """A HeliosTarget as the API server gives it."""
    made = helios_target(name, namespace, **spec)
    made["metadata"] |= {
        "uid": uid or f"uid-{namespace}-{name}",
        "generation": generation,
        "creationTimestamp": stamp(NOW - age),
    }
    return made | ({"status": dict(status)} if status is not None else {})


def parsed(given: Mapping[str, Any], queries: QueryPolicy = QueryPolicy.REFUSED) -> HeliosTarget:
    """The body as the operator takes it."""
    return HeliosTarget.of(given, fill=dict, queries=queries)


def target(name: str = "web", namespace: str = "shop", **more: Any) -> HeliosTarget:
    """A parsed HeliosTarget."""
    return parsed(body(name, namespace, **more))


def workload(**more: Any) -> Workload:
    """A rolled-out Deployment of three."""
    values: dict[str, Any] = {
        "exists": True,
        "desired": 3,
        "current": 3,
        "cpu_requested": True,
        "requests": {"cpu": 1.0},
        "limits": {},
        "start_seconds": 20.0,
        "rolling": False,
    }
    return Workload(**(values | more))


@dataclass
class Recorder:
    """Stands in for the API server's door: what is listed, what fails, and what was written."""

    lists: dict[str, list[Object]] = field(default_factory=dict)
    fails: dict[str, ClusterError] = field(default_factory=dict)
    statuses: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    applied: list[Mapping[str, Any]] = field(default_factory=list)
    deleted: list[tuple[str, str, str]] = field(default_factory=list)
    events: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def list(self, api_version: str, plural: str, namespace: str | None = None) -> Iterable[Object]:
        """What was put there."""
        self._may(f"list {plural}")
        return iter(self.lists.get(plural, []))

    def patch_status(self, namespace: str, name: str, status: Mapping[str, Any]) -> Mapping[str, Any]:
        """Remember it."""
        self._may(f"patch {name}")
        self.statuses.append((name, status))
        return {"status": {k: v for k, v in status.items() if v is not None}}

    def apply(self, manifest: Mapping[str, Any], *, force: bool) -> None:
        """Remember it, and list it from now on as a live object."""
        self._may("apply")
        self.applied.append(manifest)
        live = {**manifest, "metadata": {**manifest["metadata"], "uid": "so"}}
        others = [
            o
            for o in self.lists.get("scaledobjects", [])
            if o["metadata"]["name"] != live["metadata"]["name"]
        ]
        self.lists["scaledobjects"] = [*others, live]

    def delete(
        self, api_version: str, plural: str, namespace: str, name: str, uid: str, *, orphan: bool
    ) -> None:
        """Remember it, and list it no more."""
        self._may("delete")
        self.deleted.append((plural, name, uid))
        self.lists[plural] = [o for o in self.lists.get(plural, []) if o["metadata"]["name"] != name]

    def create_event(self, namespace: str, body: Mapping[str, Any]) -> None:
        """Remember it; a name once taken is refused, as the API server does."""
        self._may("create events")
        if body["metadata"]["name"] in self.events:
            raise ClusterRefused("already exists")
        self.events[body["metadata"]["name"]] = body

    def told(self) -> list[str]:
        """The reasons of the Events so far."""
        return [str(event["reason"]) for event in self.events.values()]

    def _may(self, what: str) -> None:
        if what in self.fails:
            raise self.fails[what]
