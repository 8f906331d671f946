"""What an adopted autoscaler was before Helios wrote to it: kept with the HeliosTarget, and given back from there.

The original stands in an annotation of the HeliosTarget, beside a finalizer, before the first write: whoever finds it there, this
operator, the next one or `helios release`, can give it back. Values alone: nothing is read from or written to Kubernetes here.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

ADOPTED = "helios.dev/adopted"
"""Annotation of a HeliosTarget: the original as JSON; and on what Helios writes in its place, as a second copy."""
FINALIZER = "helios.dev/adopted"
"""Of a HeliosTarget that has adopted something, and of no other."""

KEDAS = "autoscaling.keda.sh/"
"""Annotations that ask KEDA for something, such as a pause, begin so."""

HPA_VERSION, KEDA_VERSION = "autoscaling/v2", "keda.sh/v1alpha1"
PLURALS = {"HorizontalPodAutoscaler": "horizontalpodautoscalers", "ScaledObject": "scaledobjects"}
MAXIMA = {"HorizontalPodAutoscaler": "maxReplicas", "ScaledObject": "maxReplicaCount"}
_MOVES: Mapping[str, Any] = {"behavior": {"scaleUp": {}, "scaleDown": {}}}
_METRICS = ("resource", "containerResource", "pods", "object", "external")
_SHAPE: Mapping[str, Any] = {
    "name": str,
    "labels": {"*": str},
    "annotations": {"*": str},
    "owners": [{}],
    "spec": {
        "scaleTargetRef": {"apiVersion": str, "kind": str, "name": str},
        "triggers": [{"metadata": {}, "authenticationRef": {}}],
        "metrics": [{name: {"target": {}, "metric": {}} for name in _METRICS}],
        "advanced": {"horizontalPodAutoscalerConfig": _MOVES},
        **_MOVES,
    },
}
"""An original as JSON, as far as anything looks into it: a type, a list of one shape, or an object, in which `*` is every field."""

Kind = Literal["HorizontalPodAutoscaler", "ScaledObject"]
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """An autoscaler as it was: what its user wrote, without what servers add.

    Attributes:
        kind, name: what it is; its namespace is the target's.
        uid: of the object then; another one of its name is not it.
        labels, annotations, owners: of its metadata.
        spec: whole.
    """

    kind: Kind
    name: str
    uid: str
    spec: Object
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[Object, ...] = ()

    @classmethod
    def of(cls, kind: Kind, body: Object) -> Self:
        """From the live object, before anything was written to it."""
        metadata = body["metadata"]
        return cls(
            kind=kind,
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            spec=copy.deepcopy(dict(body.get("spec") or {})),
            labels=dict(metadata.get("labels") or {}),
            annotations=dict(metadata.get("annotations") or {}),
            owners=tuple(metadata.get("ownerReferences") or ()),
        )

    @classmethod
    def parsed(cls, text: str | None) -> Self | None:
        """What an annotation holds; None where there is none, or where it is not of the form that is read here.

        Whoever may write a HeliosTarget may write one: what an API server would never have let in must not reach who relies on it.
        """
        try:
            found = json.loads(text or "", parse_constant=_no_number)
            if found["kind"] not in PLURALS or not _fits(found, _SHAPE):
                return None
            if not (found["name"] and found["spec"]["scaleTargetRef"]["name"]):
                return None
            return cls(
                kind=found["kind"],
                name=found["name"],
                uid=str(found.get("uid", "")),
                spec=found["spec"],
                labels=dict(found.get("labels") or {}),
                annotations=dict(found.get("annotations") or {}),
                owners=tuple(found.get("owners") or ()),
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def text(self) -> str:
        """As an annotation holds it."""
        said = {
            name: getattr(self, name) for name in ("kind", "name", "uid", "spec", "labels", "annotations")
        }
        return json.dumps(said | {"owners": list(self.owners)}, separators=(",", ":"), sort_keys=True)

    @property
    def api_version(self) -> str:
        """Of its kind, as Helios reads and writes it."""
        return HPA_VERSION if self.kind == "HorizontalPodAutoscaler" else KEDA_VERSION

    @property
    def cluster_credentials(self) -> list[str]:
        """The ClusterTriggerAuthentications that its triggers use: who makes it sends the cluster's credentials somewhere."""
        refs = (trigger.get("authenticationRef") or {} for trigger in self.spec.get("triggers") or ())
        return [str(ref.get("name")) for ref in refs if ref.get("kind") == "ClusterTriggerAuthentication"]

    @property
    def plural(self) -> str:
        """Its kind in paths."""
        return PLURALS[self.kind]

    def manifest(self, namespace: str, live: Object | None, replicas: int | None) -> dict[str, Any]:
        """The object that gives it back: as it was, but that its maximum takes no replica away.

        Args:
            namespace: the target's.
            live: what stands in its place now, whose identity and finalizers are kept, and of a ScaledObject what KEDA was asked
                for by annotation: a pause; None: nothing does.
            replicas: of the workload now; None where unknown.
        """
        held = (live or {}).get("metadata") or {}
        annotations = dict(self.annotations)
        if live is not None and self.kind == "ScaledObject":  # a pause is a person's, and not Helios' to lift
            annotations = {k: v for k, v in annotations.items() if not k.startswith(KEDAS)}
            annotations |= {k: v for k, v in (held.get("annotations") or {}).items() if k.startswith(KEDAS)}
        metadata: dict[str, Any] = {
            "name": self.name,
            "namespace": namespace,
            "labels": dict(self.labels),
            "annotations": annotations,
            "ownerReferences": [dict(owner) for owner in self.owners],
        }
        for name in ("uid", "resourceVersion", "finalizers"):
            if held.get(name):
                metadata[name] = held[name]
        spec = copy.deepcopy(dict(self.spec))
        if self.raised(replicas):
            spec[MAXIMA[self.kind]] = replicas
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, "spec": spec}

    def raised(self, replicas: int | None) -> bool:
        """Whether as many replicas run as its maximum would not allow: the HPA would cut them at once."""
        most = self.spec.get(MAXIMA[self.kind], 100 if self.kind == "ScaledObject" else None)
        return replicas is not None and isinstance(most, int) and replicas > most


def _no_number(name: str) -> float:
    """NaN and the infinities are Python's own: no JSON has them, and no manifest may."""
    raise ValueError(name)


def _fits(value: Any, shape: Any) -> bool:
    """Whether a value has the types of a shape; what the shape does not name may be anything."""
    if shape is None or isinstance(shape, type):
        return shape is None or isinstance(value, shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(one, shape[0]) for one in value)
    if not isinstance(value, dict):
        return False
    every = shape.get("*")
    return all(_fits(one, shape.get(name, every)) for name, one in value.items() if one is not None)
