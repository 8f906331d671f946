"""An adoption as it happens: an API server, KEDA, a garbage collector, and an operator that looks when told, and may die."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from helios.operator.adoptions import ADOPTED, FINALIZER
from helios.operator.clusters import Cluster
from helios.operator.reconcilers import Reconciler, Terms
from helios.operator.registries import Registry
from helios.operator.resources import API_VERSION, PLURAL
from helios.operator.transports import Call, Transport
from scoring.reports import Report
from tests.operator.adopted import HPA, HPAS, SCALED_OBJECTS, Keda, collect
from tests.operator.api_server import ApiServer
from tests.operator.objects import NOW, Object, deployment, helios_target
from tests.operator.targets import KEDA, parsed, workload
from tests.ui.builders import report

TARGETS = PLURAL


class Killed(BaseException):
    """The operator's process ended: nothing catches that."""


class Mortal(Transport):
    """Sends so many writes more, and then ends the process.

    Attributes:
        left: how many.
        then: what somebody does, once, after the first request of a verb for a resource.
    """

    left: float = math.inf
    then: tuple[str, str, Callable[[], None]] | None = None

    def send(self, call: Call, *, seconds: float = math.inf) -> dict[str, Any]:
        """As the real one, as long as it lives."""
        if call.verb not in ("list", "get") and call.resource != "events":
            if self.left <= 0:
                raise Killed
            self.left -= 1
        answer = super().send(call, seconds=seconds)
        if self.then is not None and (call.verb, call.resource) == self.then[:2]:
            then, self.then = self.then[2], None
            then()
        return answer


class Scene:
    """An API server with KEDA and a garbage collector, a target on a Deployment of three, and an operator that looks when told."""

    def __init__(self, api: ApiServer) -> None:
        self.api, self.now, self.leads, self.silent = api, NOW, True, False
        self.transport = Mortal(api.configuration(), seconds=2.0)
        self.cluster, self.keda = Cluster(self.transport), Keda(api)
        self.wish: Object = {"adopt": {"kind": HPA, "name": "web-cpu"}}
        api.store.put(deployment("web", replicas=3))
        self.workloads = {("shop", "Deployment", "web"): workload()}
        self.start()

    def start(self) -> None:
        """A new operator, which knows nothing but what the API server has."""
        self.transport.left = math.inf
        self.registry = Registry(parsed)
        self.reconciler = Reconciler(
            self.registry,
            self.reports,
            self.cluster,
            lambda: self.workloads,
            terms=Terms(KEDA, step=300.0, status_seconds=0.0),
            clock=lambda: self.now,
            writes=lambda: self.leads,
        )

    def reports(self) -> list[Report]:
        """Of every workload that a target names, or, where Helios is silent, of none."""
        specs = [target.spec for target in self.registry.roster().targets if target.spec is not None]
        names = () if self.silent else {spec.scale_target_ref.name for spec in specs}
        return [replace(report(name), namespace="shop") for name in names]

    def apply(self, name: str = "web", **spec: Any) -> None:
        """A user applies a HeliosTarget that adopts the HPA, unless it says otherwise."""
        wish = {"mode": "Autoscale", "replicas": {"min": 2, "max": 20}, "keda": self.wish}
        made = helios_target(name, **(wish | spec))
        with contextlib.suppress(KeyError):
            before = self.target(name)
            made["metadata"] |= before["metadata"]
            made["metadata"]["generation"] = before["metadata"]["generation"] + (
                before["spec"] != made["spec"]
            )
            made["status"] = before.get("status", {})
        self.api.store.put(made)

    def older(self, mode: str = "Observe") -> None:
        """Another target for the same workload, from long ago."""
        self.apply("elder", mode=mode, scaleTargetRef={"name": "web"})
        one = self.target("elder")
        one["metadata"]["creationTimestamp"] = "2025-01-01T00:00:00Z"
        self.api.store.put(one)

    def strip(self) -> None:
        """Somebody takes off the target what is kept with it."""
        one = self.target()
        one["metadata"] |= {"annotations": {}, "finalizers": []}
        self.api.store.put(one)

    def gone(self, name: str) -> None:
        """Somebody deletes a ScaledObject, and KEDA lets go of it."""
        self.api.store.remove(SCALED_OBJECTS, name)
        self.keda.look(name)

    def dying(self, after: int) -> None:
        """The operator ends before the write after so many."""
        self.transport.left = after

    def survive(self, standing: Callable[[], int]) -> None:
        """Things take their course; an operator that ends is followed by a new one, and something stands all the time."""
        for _ in range(10):
            try:
                self.settle(1)
            except Killed:
                self.start()
            assert 1 == standing()

    @property
    def hpa(self) -> Object:
        """The workload's HPA as it stands."""
        return self.api.store.one(HPAS, "web-cpu")

    def uid(self, plural: str, name: str) -> str:
        """Of an object."""
        return str(self.api.store.one(plural, name)["metadata"]["uid"])

    def look(self) -> None:
        """One pass of the operator, by what the API server has."""
        self.now += 1.0
        self.registry.take(self.cluster.list(API_VERSION, PLURAL), self.registry.begin_listing())
        self.reconciler.reconcile()

    def settle(self, times: int = 6) -> None:
        """Operator, KEDA and garbage collector, in turn."""
        for _ in range(times):
            self.look()
            for one in self.api.store.all(SCALED_OBJECTS):
                if one["metadata"].get("deletionTimestamp") or HPA in json.dumps(one["metadata"]):
                    self.keda.look(one["metadata"]["name"])
            collect(self.api)

    def target(self, name: str = "web") -> Object:
        """The HeliosTarget as it stands."""
        return self.api.store.one(TARGETS, name)

    def said(self, name: str = "web") -> str:
        """The reason of its condition Scaling."""
        return str(self.condition(name)["reason"])

    def condition(self, name: str = "web") -> Mapping[str, Any]:
        """Its condition Scaling."""
        held = self.target(name).get("status", {}).get("conditions", ())
        return next((c for c in held if c["type"] == "Scaling"), {"reason": ""})

    def told(self) -> list[str]:
        """The reasons of the Events, in their order."""
        found = sorted(self.api.store.all("events"), key=lambda one: int(one["metadata"]["resourceVersion"]))
        return [one["reason"] for one in found]

    def kept(self, name: str = "web") -> tuple[bool, bool]:
        """Whether an original is kept with the target, and the target kept from going."""
        metadata = self.target(name)["metadata"]
        return ADOPTED in metadata.get("annotations", {}), FINALIZER in metadata.get("finalizers", ())

    def writes(self) -> list[str]:
        """What was written but for statuses and Events, since the last time."""
        found = [
            str(one)
            for one in self.api.requests
            if one.verb in ("create", "update", "patch", "delete")
            and "status" not in str(one)
            and "events" not in str(one)
        ]
        self.api.requests.clear()
        return found
