"""`helios release` at the worst moments: while KEDA is still writing, and with the HeliosTargets' definition deleted already. No Helios runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from helios.operator.adoptions import ADOPTED, FINALIZER, Original
from helios.operator.marks import DIGEST, FORM, OWNER, TRANSFER
from tests.cluster.apis import Object
from tests.cluster.conftest import NewNamespace
from tests.cluster.control_planes import ControlPlane
from tests.cluster.helioses import called, helios_target, install
from tests.cluster.manifests import deployment, scaled_object
from tests.cluster.waits import wait_until

pytestmark = pytest.mark.timeout(300)

NAMES = tuple(f"shop-{number}" for number in range(8))
CRD = "heliostargets.helios.dev"


@dataclass(frozen=True)
class Fleet:
    """Workloads whose HPAs are taken over as the operator does it, which then is gone.

    Attributes:
        before: what users had, before anything was taken over.
    """

    plane: ControlPlane
    namespace: str
    before: Mapping[str, Any]

    def hpa(self, name: str) -> Object:
        """The user's, wherever it stands."""
        return self.plane.api.get("HorizontalPodAutoscaler", f"{name}-cpu", self.namespace) or {
            "metadata": {}
        }

    def users(self) -> dict[str, Any]:
        """What its user wrote of each HPA, and its identity."""
        found = {name: self.hpa(name) for name in NAMES}
        return {
            name: (one.get("spec"), *(one["metadata"].get(k) for k in ("uid", "labels", "ownerReferences")))
            for name, one in found.items()
        }

    def begin(self) -> None:
        """A Deployment with an HPA each."""
        metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
        for name in NAMES:
            ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
            spec = {"scaleTargetRef": ref, "minReplicas": 2, "maxReplicas": 9}
            metadata = {"name": f"{name}-cpu", "labels": {"team": "shop"}}
            self.plane.api.create("Deployment", deployment(self.namespace, name, replicas=3), self.namespace)
            self.plane.api.create(
                "HorizontalPodAutoscaler",
                {
                    "metadata": metadata,
                    "spec": {**spec, "metrics": [{"type": "Resource", "resource": metric}]},
                },
                self.namespace,
            )

    def take(self) -> None:
        """Keep each original with its target, and put a ScaledObject in its place; KEDA has its hands full."""
        day = {"timezone": "Etc/UTC", "start": "0 0 * * *", "end": "59 23 * * *", "desiredReplicas": "3"}
        cpu = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "80"}}
        for name in NAMES:
            text = Original.of("HorizontalPodAutoscaler", self.hpa(name)).text()
            target = helios_target(self.namespace, name, mode="Autoscale")
            target["metadata"] |= {"annotations": {ADOPTED: text}, "finalizers": [FINALIZER]}
            self.plane.api.delete("HeliosTarget", name, self.namespace)
            uid = self.plane.api.create("HeliosTarget", target, self.namespace)["metadata"]["uid"]
            # a tolerance is a part of what the API server fills up, so KEDA finds a difference each time it looks
            behavior = {way: {"tolerance": "0"} for way in ("scaleUp", "scaleDown")}
            advanced = {"horizontalPodAutoscalerConfig": {"name": f"{name}-cpu", "behavior": behavior}}
            made = scaled_object(
                self.namespace,
                name,
                [{"type": "cron", "metadata": day}, cpu],
                target=name,
                most=20,
                advanced=advanced,
            )
            marks = {FORM: "forecast", OWNER: uid, DIGEST: "0", ADOPTED: text, TRANSFER: "true"}
            made["metadata"]["annotations"] = marks
            self.plane.api.create("ScaledObject", made, self.namespace)

    def owned(self, accept: Callable[[Iterable[object]], bool], *, every: float = 0.5) -> None:
        """Wait until any, or all, of the HPAs are a ScaledObject's; looked at every so many seconds."""
        wait_until(
            lambda: [self.hpa(name)["metadata"].get("ownerReferences") for name in NAMES],
            60,
            f"KEDA has {accept.__name__} of them",
            accept=accept,
            every=every,
        )


@pytest.fixture
def fleet(keda: object, plane: ControlPlane, new_namespace: NewNamespace) -> Fleet:
    """Taken over a moment ago; KEDA is only about to write."""
    install(plane)
    begun = Fleet(plane, new_namespace("releasing"), {})
    begun.begin()
    taken = replace(begun, before=begun.users())
    taken.take()
    return taken


def test_released_while_keda_is_writing_no_hpa_is_lost(fleet: Fleet) -> None:
    """Not even its uid: a reconcile under way writes it with an owner that goes; the collector must not take it."""
    fleet.owned(any, every=0.05)
    done = called(fleet.plane, "release", "--all", "--namespace", fleet.namespace)
    assert 0 == done.returncode, done.stderr
    assert fleet.before == fleet.users()
    assert [] == fleet.plane.api.objects("ScaledObject", fleet.namespace)


def test_a_definition_that_was_deleted_first_hangs_until_what_it_holds_is_released(fleet: Fleet) -> None:
    """`kubectl delete crd` waits for the targets that have adopted something; then every HPA is back, and it ends."""
    plane = fleet.plane
    fleet.owned(all)
    plane.kubectl("delete", "crd", CRD, "--wait=false")
    wait_until(
        lambda: plane.api.objects("HeliosTarget", fleet.namespace),
        30,
        "the targets are to go",
        accept=lambda found: (
            len(found) == len(NAMES) and all("deletionTimestamp" in one["metadata"] for one in found)
        ),
    )
    done = called(plane, "release", "--all")
    assert 0 == done.returncode, done.stderr
    assert fleet.before == fleet.users()
    wait_until(
        lambda: plane.api.get("CustomResourceDefinition", CRD),
        30,
        "the definition goes",
        accept=lambda one: one is None,
    )
    install(plane)
