"""Autoscalers that Helios has taken over, as they stand then; and a KEDA and a garbage collector of a few lines that act on them."""

from __future__ import annotations

import copy
from typing import Any, Final

from helios.operator.adoptions import ADOPTED, HPA_VERSION, KEDA_VERSION, Original
from tests.operator.api_server import ApiServer
from tests.operator.objects import Object, deployment, meta

HPA: Final = "HorizontalPodAutoscaler"
SCALED_OBJECT: Final = "ScaledObject"
HPAS, SCALED_OBJECTS = "horizontalpodautoscalers", "scaledobjects"
KEDA_FINALIZER = "finalizer.keda.sh"


def users_hpa(name: str = "web-cpu", *, most: int = 9, **metadata: Any) -> Object:
    """An HPA as a user keeps it."""
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    return {
        "apiVersion": HPA_VERSION,
        "kind": HPA,
        "metadata": meta(
            name,
            labels={"team": "shop"},
            annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}"},
            **metadata,
        ),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2,
            "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": cpu}],
        },
    }


def users_scaled_object(name: str = "web-so", *, most: int = 9, **metadata: Any) -> Object:
    """A ScaledObject as a user keeps it."""
    cron = {"timezone": "Etc/UTC", "start": "0 6 * * *", "end": "0 20 * * *", "desiredReplicas": "5"}
    return {
        "apiVersion": KEDA_VERSION,
        "kind": SCALED_OBJECT,
        "metadata": meta(name, labels={"team": "shop"}, finalizers=[KEDA_FINALIZER], **metadata),
        "spec": {
            "scaleTargetRef": {"name": "web"},
            "minReplicaCount": 2,
            "maxReplicaCount": most,
            "triggers": [{"type": "cron", "metadata": cron}, {"type": "cpu", "metadata": {"value": "70"}}],
        },
    }


def marks(original: Original, owner: str = "uid-of-web") -> dict[str, str]:
    """What Helios writes on what stands in an original's place."""
    return {
        "helios.dev/form": "forecast",
        "helios.dev/owner": owner,
        "helios.dev/digest": "0123456789abcdef",
        ADOPTED: original.text(),
    }


def managed_by(original: Original, name: str = "web", *, most: int = 20, owner: str = "uid-of-web") -> Object:
    """The ScaledObject that Helios writes in an HPA's place."""
    return {
        "apiVersion": KEDA_VERSION,
        "kind": SCALED_OBJECT,
        "metadata": meta(
            name,
            labels={"app.kubernetes.io/managed-by": "helios"},
            annotations=marks(original, owner) | {"scaledobject.keda.sh/transfer-hpa-ownership": "true"},
            finalizers=[KEDA_FINALIZER],
        ),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicaCount": 1,
            "maxReplicaCount": most,
            "triggers": [{"type": "prometheus"}, {"type": "cpu"}],
            "advanced": {"horizontalPodAutoscalerConfig": {"name": original.name}},
        },
    }


def taken(api: ApiServer, *, replicas: int = 4, most: int = 9, owner: str = "uid-of-web") -> Original:
    """An HPA `web-cpu` that the ScaledObject `web` has taken over; what it was before."""
    api.store.put(deployment("web", replicas=replicas))
    api.store.put(
        {**users_hpa(most=most), "status": {"currentReplicas": replicas, "desiredReplicas": replicas}}
    )
    original = Original.of(HPA, api.store.one(HPAS, "web-cpu"))
    api.store.put(managed_by(original, owner=owner))
    Keda(api).write("web")
    return original


def overwritten(api: ApiServer, *, most: int = 9, owner: str = "uid-of-web") -> Original:
    """A ScaledObject `web-so` over which Helios has written; what it was before."""
    api.store.put(deployment("web", replicas=4), users_scaled_object(most=most))
    original = Original.of(SCALED_OBJECT, api.store.one(SCALED_OBJECTS, "web-so"))
    live = copy.deepcopy(api.store.one(SCALED_OBJECTS, "web-so"))
    live["metadata"]["annotations"] = marks(original, owner)
    live["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "helios"
    live["spec"] |= {"maxReplicaCount": 20, "fallback": {"failureThreshold": 3, "replicas": 1}}
    live["spec"]["triggers"].insert(0, {"type": "prometheus", "metadata": {"threshold": "1"}})
    api.store.put(live)
    return original


class Keda:
    """What KEDA does to an HPA that is not its own, and how it lets go of it; a step at a time."""

    def __init__(self, api: ApiServer) -> None:
        self.store = api.store

    def write(self, name: str = "web", *, read: Object | None = None) -> None:
        """Put the HPA as the ScaledObject says, whoever has changed it since: controllers/keda/hpa.go, updateHPAIfNeeded."""
        one = read or self.store.one(SCALED_OBJECTS, name)
        hpa = one["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["name"]
        try:
            live = self.store.one(HPAS, hpa)
        except KeyError:
            return
        owner = {"kind": SCALED_OBJECT, "name": name, "uid": one["metadata"]["uid"], "controller": True}
        external = {"name": "s0-prometheus", "selector": {"matchLabels": {"scaledobject.keda.sh/name": name}}}
        live["metadata"] |= {
            "annotations": one["metadata"]["annotations"],
            "labels": {"app.kubernetes.io/managed-by": "keda-operator"},
            "ownerReferences": [owner],
        }
        live["spec"] |= {
            "minReplicas": one["spec"]["minReplicaCount"],
            "maxReplicas": one["spec"]["maxReplicaCount"],
            "metrics": [{"type": "External", "external": {"metric": external}}],
        }
        self.store.put(live)

    def look(self, name: str = "web") -> None:
        """Write the HPA, or let go of a ScaledObject that is being deleted."""
        try:
            one = self.store.one(SCALED_OBJECTS, name)
        except KeyError:
            return
        if not one["metadata"].get("deletionTimestamp"):
            self.write(name)
        elif KEDA_FINALIZER in one["metadata"]["finalizers"]:
            one["metadata"]["finalizers"].remove(KEDA_FINALIZER)
            self.store.put(one)


def collect(api: ApiServer) -> None:
    """The garbage collector: what has an owner that is gone goes."""
    uids = {one["metadata"]["uid"] for one in api.store.all(SCALED_OBJECTS)}
    for one in api.store.all(HPAS):
        owners = one["metadata"].get("ownerReferences") or ()
        if owners and all(owner["uid"] not in uids for owner in owners):
            api.store.remove(HPAS, one["metadata"]["name"])


def as_users(one: Object) -> Object:
    """What its user wrote of it."""
    return {
        "spec": one["spec"],
        "labels": one["metadata"].get("labels", {}),
        "annotations": one["metadata"].get("annotations", {}),
        "ownerReferences": one["metadata"].get("ownerReferences") or [],
    }
