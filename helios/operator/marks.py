"""The marks by which Helios knows what it wrote, whose it is, and whether somebody has edited it since.

Annotations, and the owner reference of what goes with its HeliosTarget. What was adopted has no owner reference: the garbage
collector must never take it. Nothing is decided here, and nothing is written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

FORM, FLOOR, FLOOR_UNTIL, DIGEST, OWNER, WROTE = (
    f"helios.dev/{name}" for name in ("form", "floor", "floor-until", "digest", "owner", "wrote")
)
"""`OWNER` is the uid of the HeliosTarget that has adopted what carries it; `WROTE` is what Helios wrote over an adopted ScaledObject."""
PAUSED = "autoscaling.keda.sh/paused"
PAUSED_AT = "autoscaling.keda.sh/paused-replicas"
"""KEDA's: both take the HPA away."""
TRANSFER = "scaledobject.keda.sh/transfer-hpa-ownership"
"""KEDA's: the HPA named in `advanced.horizontalPodAutoscalerConfig` may be taken over (scaledobject_webhook.go, verifyHpas)."""

Object = Mapping[str, Any]
Place = tuple[str, str, str]
"""Namespace, kind and name of a workload."""


def annotation(one: Object, name: str) -> str | None:
    """One annotation of an object; None where it has none of that name."""
    found = (one["metadata"].get("annotations") or {}).get(name)
    return found if isinstance(found, str) else None


def owner(one: Object) -> str:
    """The uid of the HeliosTarget that manages a ScaledObject; "" without the operator's mark, whoever wrote it."""
    if annotation(one, FORM) is None:
        return ""
    adopter = annotation(one, OWNER)
    if adopter is not None:
        return adopter
    owners = one["metadata"].get("ownerReferences") or ()
    return next((str(o.get("uid", "")) for o in owners if o.get("controller")), "")


def keda_owner(hpa: Object) -> str | None:
    """The name of the ScaledObject for which KEDA keeps an HPA; None where it keeps none."""
    owners = hpa["metadata"].get("ownerReferences") or ()
    return next((str(o.get("name", "")) for o in owners if o.get("kind") == "ScaledObject"), None)


def scaled(autoscaler: Object) -> Place:
    """The workload that a ScaledObject or an HPA scales."""
    ref = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    return autoscaler["metadata"]["namespace"], ref.get("kind") or "Deployment", ref.get("name", "")


def is_set(annotations: Mapping[str, str], name: str) -> bool:
    """As KEDA reads a boolean annotation (scaledobject_types.go, getBoolAnnotation): what is not a no is a yes."""
    return annotations.get(name, "false") not in ("0", "f", "F", "false", "False", "FALSE")


def paused(one: Object) -> bool:
    """Whether KEDA keeps no HPA for a ScaledObject, as somebody asked it to."""
    marks = one["metadata"].get("annotations") or {}
    return PAUSED_AT in marks or is_set(marks, PAUSED)


def marked(manifest: Object, annotations: Mapping[str, str]) -> dict[str, Any]:
    """The manifest with annotations, and a digest of all of it."""
    metadata = dict(manifest["metadata"])
    metadata["annotations"] = {**metadata.get("annotations", {}), **annotations}
    whole = {**manifest, "metadata": metadata}
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]
    metadata["annotations"][DIGEST] = digest
    return whole


def due(own: Object | None, manifest: Object) -> tuple[Object | None, str]:
    """Whether the manifest is to be applied, and why: it is new, it has changed, or somebody edited the live one."""
    if own is None:
        return manifest, "created"
    if annotation(own, DIGEST) != manifest["metadata"]["annotations"][DIGEST]:
        return manifest, "updated"
    marks = own["metadata"].get("annotations")
    if not _holds(own.get("spec"), manifest["spec"]) or not _holds(
        marks, manifest["metadata"]["annotations"]
    ):
        return manifest, "restored, as it had been edited"
    return None, ""


def _holds(live: Any, wanted: Any) -> bool:
    """Whether `live` has everything of `wanted`; what others added beside it does not matter.

    No is held by an absent field too: KEDA's own update, of its finalizer, drops a false as Go's `omitempty` does
    (scaledobject_types.go, RestoreToOriginalReplicaCount).
    """
    if wanted is False:
        return live is None or live is False
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(_holds(live.get(k), v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(_holds(a, b) for a, b in zip(live, wanted, strict=True))
        )
    return bool(live == wanted)
