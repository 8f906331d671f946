"""A world without an operator, in which a releaser works: KEDA and the garbage collector act whenever it waits."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from helios.operator.adoptions import ADOPTED, FINALIZER, Original
from helios.operator.clusters import Cluster
from helios.operator.releasers import Releaser, Step
from helios.operator.releases import Key
from tests.operator.adopted import (
    KEDA_FINALIZER,
    SCALED_OBJECTS,
    Keda,
    as_users,
    collect,
)
from tests.operator.api_server import ApiServer
from tests.operator.objects import Object, deployment, helios_target, meta

TARGETS = "heliostargets"
Outcomes = dict[str, tuple[bool, str]]


class World:
    """An API server, a KEDA and a collector that act whenever the releaser waits; no operator."""

    def __init__(self, api: ApiServer, cluster: Cluster) -> None:
        self.api, self.now, self.keda = api, 0.0, True
        self.releaser = Releaser(cluster, lambda: self.now, self.sleep)
        self.meanwhile: list[Callable[[], object]] = []

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        for one in self.api.store.all(SCALED_OBJECTS) if self.keda else ():
            if one["metadata"].get("deletionTimestamp"):
                Keda(self.api).look(one["metadata"]["name"])
        collect(self.api)
        for act in self.meanwhile:
            act()

    def release(self, name: str | None = None, namespace: str | None = None) -> Outcomes:
        """How each ended."""
        return {key[1]: (step.done, step.said) for key, step in self.steps(name, namespace).items()}

    def steps(self, name: str | None = None, namespace: str | None = None) -> dict[Key, Step]:
        """The last step of each."""
        return {one.key: step for one, step in self.releaser.release(namespace, name)}

    def target(self, name: str = "web") -> Object:
        """As it stands."""
        return self.api.store.one(TARGETS, name)

    def adopted(self, make: Callable[..., Original], name: str = "web", **more: Any) -> Original:
        """A HeliosTarget in Autoscale that has adopted something."""
        self.api.store.put(
            deployment("web", replicas=4), helios_target(name, mode="Autoscale", replicas={"min": 2})
        )
        original = make(self.api, owner=self.target(name)["metadata"]["uid"], **more)
        held = copy.deepcopy(self.target(name))
        held["metadata"] |= {
            "annotations": {ADOPTED: original.text(), "team": "shop"},
            "finalizers": [FINALIZER, "a/b"],
        }
        self.api.store.put(held)
        return original

    def managed(
        self,
        name: str,
        *,
        mode: str = "Autoscale",
        form: str = "forecast",
        cpu: bool = True,
        replicas: int = 2,
    ) -> None:
        """A HeliosTarget with a ScaledObject that Helios made."""
        target = helios_target(name, mode=mode, replicas={"min": 2})
        self.api.store.put(deployment(name, replicas=replicas), target)
        uid = self.target(name)["metadata"]["uid"]
        paused = {"autoscaling.keda.sh/paused": "true"} if form == "paused" else {}
        owner = {"kind": "HeliosTarget", "name": name, "uid": uid, "controller": True}
        metadata = meta(
            name,
            labels={"app.kubernetes.io/managed-by": "helios", "scaledobject.keda.sh/name": name},
            annotations={
                "helios.dev/form": form,
                "helios.dev/digest": "0",
                "helios.dev/floor": "7",
                "mine": "1",
                **paused,
            },
            ownerReferences=[owner],
            finalizers=[KEDA_FINALIZER],
        )
        guard = [{"type": "cpu", "name": "guard", "metadata": {"value": "80"}}] if cpu else []
        spec = {
            "scaleTargetRef": {"name": name},
            "minReplicaCount": 7,
            "maxReplicaCount": 20,
            "fallback": {"replicas": 2},
            "triggers": [{"type": "prometheus"}, *guard],
            "advanced": {"restoreToOriginalReplicaCount": False},
        }
        one = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec}
        self.api.store.put(one)


def stands(world: World, plural: str, name: str) -> Object:
    return as_users(world.api.store.one(plural, name))
