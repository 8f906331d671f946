"""What Helios manages, as found in lists, and what becomes of it when Helios is taken out. Values alone: nothing is asked or written here.

What an adopted autoscaler was stands three times: with its HeliosTarget, with the ScaledObject in its place, and, by KEDA's copy,
with the HPA. So neither an operator nor the HeliosTarget is needed to find it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helios.operator.adoptions import ADOPTED, FINALIZER, Original
from helios.operator.autoscalers import Autoscalers
from helios.operator.marks import (
    DIGEST,
    FLOOR,
    FLOOR_UNTIL,
    FORM,
    OWNER,
    PAUSED,
    WROTE,
    annotation,
    owner,
    paused,
)
from helios.operator.scaledobjects import MANAGED_BY, Form

Object = Mapping[str, Any]
Key = tuple[str, str, str]
"""Namespace, name, and whose."""

_OURS = (FORM, FLOOR, FLOOR_UNTIL, DIGEST, OWNER, WROTE, ADOPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One autoscaler that Helios manages.

    Attributes:
        namespace, name: of it.
        original: what is to be given back; None: nothing was there before, or it cannot be read any more.
        managed: the ScaledObject that Helios wrote; None: there is none, or none any more.
    """

    namespace: str
    name: str
    original: Original | None = None
    managed: Object | None = None

    @property
    def unreadable(self) -> bool:
        """Whether it stands in the place of something, and nobody knows of what."""
        return (
            self.original is None and self.managed is not None and annotation(self.managed, OWNER) is not None
        )

    def fate(self) -> str:
        """What becomes of it, in words."""
        if self.original is not None:
            hpa = self.original.kind == "HorizontalPodAutoscaler"
            awake = (
                "; it is paused now, and will not be" if hpa and self.managed and paused(self.managed) else ""
            )
            return f"{self.original.kind} {self.original.name} is given back as it was{awake}"
        if self.unreadable:
            return (
                f"what ScaledObject {self.name} stands for cannot be read any more (annotation {ADOPTED}): put it right, or "
                f"take {OWNER} and {FORM} off the ScaledObject to keep it as your own"
            )
        if self.managed is None or not stays(self.managed):
            why = (
                "it is paused"
                if self.managed and _offered(self.managed)
                else "not every container requests cpu"
            )
            return f"ScaledObject {self.name} is removed, as {why}; the replicas stay as they are"
        return f"ScaledObject {self.name} stays, on cpu alone, and is yours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A HeliosTarget that is to be released, or what one that is gone has left behind.

    Attributes:
        namespace, name: of the HeliosTarget, or of what it has left.
        uid: of the HeliosTarget; empty where it is gone.
        mode: of the HeliosTarget.
        guarded: whether the HeliosTarget holds an original, or its finalizer.
        parts: what Helios manages for it.
    """

    namespace: str
    name: str
    uid: str = ""
    mode: str = "Observe"
    guarded: bool = False
    parts: tuple[Part, ...] = ()

    @property
    def key(self) -> Key:
        """What it is told from others by: what a HeliosTarget that is gone has left may have the name of another."""
        left = () if self.uid else (part.original.kind if part.original else "" for part in self.parts)
        return self.namespace, self.name, self.uid or "/".join(["left", *left])

    @property
    def due(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.parts or self.guarded or self.mode != "Observe")

    @property
    def waits(self) -> bool:
        """Whether all that is left are ScaledObjects on their way out, for which KEDA alone has something to do."""
        going = (part.managed and part.managed["metadata"].get("deletionTimestamp") for part in self.parts)
        return self.mode == "Observe" and not self.guarded and all(going)

    def fate(self) -> str:
        """What would be done, in words."""
        said = [f"mode {self.mode} becomes Observe"] if self.mode != "Observe" else []
        return "; ".join([*said, *(part.fate() for part in self.parts)]) or "its finalizer is taken off"


def releases(targets: Sequence[Object], objects: Sequence[Object], hpas: Sequence[Object]) -> list[Release]:
    """Everything that is to be released, by HeliosTarget; then what HeliosTargets that are gone have left behind.

    Args:
        targets: HeliosTargets as the API server has them, of the cluster or of a namespace.
        objects: the ScaledObjects of the same.
        hpas: the HPAs of the same.
    """
    parts = _parts(objects, hpas)
    keys = [(one["metadata"]["namespace"], one["metadata"]["uid"]) for one in targets]
    made = [_release(target, parts.pop(key, [])) for target, key in zip(targets, keys, strict=True)]
    for left in parts.values():
        made += [Release(namespace=part.namespace, name=part.name, parts=(part,)) for part in left]
    return [one for one in made if one.due]


def mode_of(target: Object) -> str:
    """Of a HeliosTarget; the default where it does not say."""
    return str((target.get("spec") or {}).get("mode") or "Observe")


def stays(managed: Object) -> bool:
    """Whether a ScaledObject that Helios made is in force and can scale on cpu alone."""
    triggers = (managed.get("spec") or {}).get("triggers") or ()
    return not _offered(managed) and any(one.get("type") == "cpu" for one in triggers)


def on_cpu(live: Object, least: int | None) -> dict[str, Any]:
    """A ScaledObject that Helios made, as its user's own: on cpu alone, without mark, owner and field of Helios.

    Args:
        live: as it stands, whose identity and finalizers are kept.
        least: of replicas from now on, at most its maximum; None: as it is.
    """
    old, spec = live["metadata"], dict(live["spec"])
    uid = owner(live)
    metadata = {
        **{k: old[k] for k in ("name", "namespace", "uid", "resourceVersion", "finalizers") if k in old},
        "labels": {k: v for k, v in (old.get("labels") or {}).items() if MANAGED_BY.get(k) != v},
        "annotations": {k: v for k, v in (old.get("annotations") or {}).items() if k not in _OURS},
        "ownerReferences": [one for one in old.get("ownerReferences") or () if one.get("uid") != uid],
    }
    spec["triggers"] = [one for one in spec["triggers"] if one.get("type") == "cpu"]
    spec.pop("fallback", None)  # KEDA has none for cpu
    if least is not None:
        spec["minReplicaCount"] = min(least, spec.get("maxReplicaCount", least))
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata, "spec": spec}


def _release(target: Object, parts: list[Part]) -> Release:
    metadata = target["metadata"]
    original = Original.parsed(annotation(target, ADOPTED))
    if original is not None and not any(_is(part, original) for part in parts):
        unreadable = next((part for part in parts if part.unreadable), None)
        managed = unreadable.managed if unreadable else None
        part = Part(namespace=metadata["namespace"], name=original.name, original=original, managed=managed)
        parts = [one for one in parts if one is not unreadable] + [part]
    return Release(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        mode=mode_of(target),
        guarded=original is not None or FINALIZER in (metadata.get("finalizers") or ()),
        parts=tuple(parts),
    )


def _parts(objects: Sequence[Object], hpas: Sequence[Object]) -> dict[tuple[str, str], list[Part]]:
    """What Helios manages, by the namespace and the uid of the HeliosTarget: nobody speaks for another namespace."""
    found: dict[tuple[str, str], list[Part]] = {}
    for successors in Autoscalers.of(objects, ()).successors.values():
        for one in successors:
            part = _part(one, Original.parsed(annotation(one, ADOPTED)))
            found.setdefault((part.namespace, owner(one)), []).append(part)
    for one in objects:
        if annotation(one, OWNER) is None and owner(one):
            part = _part(one, None)
            found.setdefault((part.namespace, owner(one)), []).append(part)
    for hpa in hpas:
        copy, name = Original.parsed(annotation(hpa, ADOPTED)), hpa["metadata"]["name"]
        if copy is None or (copy.kind, copy.name) != ("HorizontalPodAutoscaler", name):
            continue
        namespace = hpa["metadata"]["namespace"]
        known = found.setdefault((namespace, annotation(hpa, OWNER) or ""), [])
        if not any(_is(part, copy) for part in known):
            known.append(Part(namespace=namespace, name=name, original=copy))
    return found


def _part(managed: Object, original: Original | None) -> Part:
    metadata = managed["metadata"]
    return Part(namespace=metadata["namespace"], name=metadata["name"], original=original, managed=managed)


def _is(part: Part, original: Original) -> bool:
    known = part.original
    return known is not None and (known.kind, known.name) == (original.kind, original.name)


def _offered(managed: Object) -> bool:
    """Whether it is out of force, as Recommend writes it."""
    return annotation(managed, FORM) == Form.PAUSED.value and annotation(managed, PAUSED) == "true"
