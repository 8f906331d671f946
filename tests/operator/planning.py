"""One target, what is listed, and what is decided about it, pass by pass."""

from __future__ import annotations

from typing import Any

from helios.operator.plans import Autoscalers, Plan, Surroundings, plan
from helios.operator.resources import HeliosTarget
from helios.operator.workloads import Workload
from tests.operator.objects import NOW, Object
from tests.operator.targets import KEDA, target, workload


class World:
    """One target, what is listed, and time."""

    def __init__(self, mode: str = "Autoscale", **spec: Any) -> None:
        self.target: HeliosTarget = target(mode=mode, **spec)
        self.workload: Workload | None = workload()
        self.objects: list[Object] = []
        self.hpas: list[Object] = []
        self.now = NOW
        self.served = True
        self.keda = KEDA

    def step(self) -> Plan:
        """One pass: the plan, carried out."""
        found = Autoscalers.of(self.objects if self.served else None, self.hpas)
        made = plan(self.target, self.workload, Surroundings(found, self.keda, tolerance=False, now=self.now))
        if made.delete is not None:
            self.objects = [
                o for o in self.objects if o["metadata"]["name"] != made.delete["metadata"]["name"]
            ]
        if made.apply is not None:
            self.objects = [o for o in self.objects if o["metadata"]["name"] != "web"]
            self.objects.append({**made.apply, "metadata": {**made.apply["metadata"], "uid": "so"}})
        return made

    def into(self, mode: str, **spec: Any) -> Plan:
        """The user changes the mode; one pass."""
        self.target = target(mode=mode, generation=self.target.generation + 1, **spec)
        return self.step()

    @property
    def own(self) -> Object:
        """The ScaledObject as it stands."""
        return next(o for o in self.objects if o["metadata"]["name"] == "web")

    @property
    def triggers(self) -> list[str]:
        """The kinds of its triggers."""
        return [t["type"] for t in self.own["spec"]["triggers"]]


def hpa(name: str = "web", *, kind: str = "Deployment", of: str = "web", owner: str | None = None) -> Object:
    """An HPA of somebody's, or one that KEDA made for a ScaledObject."""
    metadata: Object = {"name": name, "namespace": "shop"}
    if owner:
        metadata["ownerReferences"] = [
            {"kind": "ScaledObject", "name": owner, "uid": "so", "controller": True}
        ]
    return {"metadata": metadata, "spec": {"scaleTargetRef": {"kind": kind, "name": of}}}


def said(made: Plan) -> tuple[bool | None, str]:
    """Status and reason of the condition."""
    return made.condition.status, str(made.condition.reason)
