"""What an API server keeps, and how it changes: versions, generations, merge patches, server-side apply, a log to watch.

As a kube-apiserver does it where the operator can tell the difference; without schemas and admission. What is deleted stays while
it has finalizers; what it owned goes, or is orphaned, when it does.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.operator.objects import NOW, Object, stamp

Path = tuple[str, ...]
_KEPT = ("uid", "creationTimestamp", "resourceVersion", "generation", "deletionTimestamp")
"""Of the metadata, the server's alone."""


@dataclass(frozen=True)
class Kind:
    """One resource that is served."""

    api_version: str
    kind: str
    plural: str
    scale: bool = False
    status: bool = False
    namespaced: bool = True


KINDS = (
    Kind("v1", "Pod", "pods", status=True),
    Kind("v1", "Event", "events"),
    Kind("v1", "Namespace", "namespaces", namespaced=False),
    Kind("events.k8s.io/v1", "Event", "events"),
    Kind("apps/v1", "Deployment", "deployments", scale=True, status=True),
    Kind("apps/v1", "StatefulSet", "statefulsets", scale=True, status=True),
    Kind("apps/v1", "DaemonSet", "daemonsets", status=True),
    Kind("apps/v1", "ReplicaSet", "replicasets", scale=True, status=True),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", status=True),
    Kind(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
    ),
    Kind("helios.dev/v1alpha1", "HeliosTarget", "heliostargets", status=True),
    Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects", status=True),
)
ROLLOUT = Kind("argoproj.io/v1alpha1", "Rollout", "rollouts", scale=True, status=True)
"""Served only where a test asks for it."""


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, reason: str, message: str, token: str = "", *, cause: str = "") -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.token = status, reason, message, token
        self.cause = cause


@dataclass
class Store:
    """Objects by kind, namespace and name. Hold `changed` while using more than one method in a row.

    Attributes:
        ending: namespaces that are being deleted: nothing can be created in them.
    """

    kinds: list[Kind] = field(default_factory=lambda: list(KINDS))
    version: int = 1000
    changed: threading.Condition = field(default_factory=threading.Condition)
    log: list[tuple[int, Kind, str, Object]] = field(default_factory=list)
    objects: dict[Kind, dict[tuple[str, str], Object]] = field(default_factory=dict)
    owned: dict[tuple[Kind, str, str], dict[str, set[Path]]] = field(default_factory=dict)
    ending: set[str] = field(default_factory=set)

    def kind(self, api_version: str, name: str) -> Kind:
        """The kind of this plural or kind's name."""
        for one in self.kinds:
            if one.api_version == api_version and name in (one.plural, one.kind):
                return one
        raise Refusal(404, "NotFound", "the server could not find the requested resource")

    def put(self, *objects: Object) -> None:
        """Make it so, as controllers and users do; what is given is taken whole."""
        for one in objects:
            kind = self.kind(one["apiVersion"], one["kind"])
            with self.changed:
                self._keep(kind, copy.deepcopy(one))

    def remove(self, plural: str, name: str, namespace: str = "shop") -> None:
        """Delete it."""
        with self.changed:
            kind = next(one for one in self.kinds if one.plural == plural)
            self.delete(kind, namespace, name, {})

    def all(self, plural: str, namespace: str | None = None) -> list[Object]:
        """Copies of every object of a plural."""
        with self.changed:
            return [
                copy.deepcopy(one)
                for kind, found in self.objects.items()
                for (space, _), one in sorted(found.items())
                if kind.plural == plural and namespace in (None, space)
            ]

    def one(self, plural: str, name: str, namespace: str = "shop") -> Object:
        """A copy of one object; KeyError if it is not there."""
        return {(o["metadata"].get("namespace", ""), o["metadata"]["name"]): o for o in self.all(plural)}[
            namespace, name
        ]

    def read(self, kind: Kind, namespace: str, name: str) -> Object:
        """The stored object itself."""
        try:
            return self.objects[kind][namespace, name]
        except KeyError:
            raise Refusal(404, "NotFound", f'{_full(kind)} "{name}" not found') from None

    def create(self, kind: Kind, namespace: str, body: Object) -> Object:
        """Create what does not exist."""
        name = body.get("metadata", {}).get("name")
        if not name:
            raise Refusal(422, "Invalid", f"{kind.kind}.metadata.name: Required value: name is required")
        if (namespace, name) in self.objects.get(kind, {}):
            raise Refusal(409, "AlreadyExists", f'{_full(kind)} "{name}" already exists')
        if namespace in self.ending:
            raise Refusal(
                403,
                "Forbidden",
                f"unable to create new content in namespace {namespace}: it is being terminated",
                cause="NamespaceTerminating",
            )
        body["metadata"]["namespace"] = namespace
        return self._keep(kind, body)

    def merge(self, kind: Kind, namespace: str, name: str, part: str, body: Object) -> Object:
        """A JSON merge patch of an object, or of its status alone."""
        old = self._unchanged(kind, namespace, name, body)
        if part == "status":
            body = {"status": body.get("status")}
        elif kind.status:
            body = {field: value for field, value in body.items() if field != "status"}
        return self._keep(kind, _merged(old, body))

    def replace(self, kind: Kind, namespace: str, name: str, body: Object) -> Object:
        """Put an object in the place of the one that is there; status and what the server keeps stay."""
        old = self._unchanged(kind, namespace, name, body)
        kept = {k: old["metadata"][k] for k in _KEPT if k in old["metadata"]}
        new = {**body, "metadata": {**body["metadata"], **kept}}
        if kind.status:
            new = {k: v for k, v in new.items() if k != "status"} | {
                k: v for k, v in old.items() if k == "status"
            }
        self.owned.pop((kind, namespace, name), None)
        return self._keep(kind, new)

    def _unchanged(self, kind: Kind, namespace: str, name: str, body: Object) -> Object:
        """The stored object, if it is the one that whoever sends `body` has read."""
        old = self.read(kind, namespace, name)
        known = old["metadata"]
        for field_, word in (("resourceVersion", "the object has been modified"), ("uid", "the UID differs")):
            if body.get("metadata", {}).get(field_) not in (None, known[field_]):
                what = f'Operation cannot be fulfilled on {_full(kind)} "{name}": {word}'
                raise Refusal(409, "Conflict", what)
        return old

    def apply(
        self, kind: Kind, namespace: str, name: str, body: Object, manager: str, *, force: bool
    ) -> Object:
        """Server-side apply: set what `manager` says, drop what it said before and says no more."""
        old = copy.deepcopy(self.objects.get(kind, {}).get((namespace, name)))
        new = old or {k: body[k] for k in ("apiVersion", "kind")} | {
            "metadata": {"name": name, "namespace": namespace}
        }
        wanted = {
            path: value
            for path, value in _leaves(body)
            if path[0] not in ("apiVersion", "kind")
            and path[:2] not in (("metadata", "name"), ("metadata", "namespace"))
        }
        owned = self.owned.setdefault((kind, namespace, name), {})
        if old is not None and not owned:  # as of whoever wrote it before anybody applied
            owned["before-first-apply"] = {path for path, _ in _leaves(old)}
        others = {path: who for who, paths in owned.items() if who != manager for path in paths}
        fights = [path for path in wanted if path in others and _at(new, path) != wanted[path]]
        if fights and not force:
            fields = ", ".join("." + ".".join(path) for path in fights)
            raise Refusal(
                409,
                "Conflict",
                f"Apply failed with 1 conflict: conflict with {others[fights[0]]!r}: {fields}",
            )
        for path in fights:
            owned[others[path]].discard(path)
        for path in owned.get(manager, set()) - set(wanted) - set(others):
            _put(new, path, None)
        for path, value in wanted.items():
            _put(new, path, value)
        owned[manager] = set(wanted)
        new["metadata"]["managedFields"] = [{"manager": who, "operation": "Apply"} for who in sorted(owned)]
        return self._keep(kind, new)

    def delete(self, kind: Kind, namespace: str, name: str, options: Mapping[str, Any]) -> Object:
        """Delete an object if it is the one that is meant, and what it owns; it stays while it has finalizers."""
        old = self.read(kind, namespace, name)
        uid = (options.get("preconditions") or {}).get("uid")
        if uid not in (None, old["metadata"]["uid"]):
            raise Refusal(
                409, "Conflict", f"the UID in the precondition ({uid}) does not match the UID in record"
            )
        if options.get("propagationPolicy") == "Orphan":
            self._disown(old)
        if old["metadata"].get("finalizers"):
            marked = {
                **old["metadata"],
                "deletionTimestamp": old["metadata"].get("deletionTimestamp") or stamp(NOW),
            }
            return self._keep(kind, {**old, "metadata": marked})
        self._end(kind, old)
        return old

    def _end(self, kind: Kind, old: Object) -> None:
        """It goes, and so does what it owns."""
        namespace = old["metadata"].get("namespace", "")
        self._drop(kind, namespace, old["metadata"]["name"])
        for other, one in self._dependents(old):
            self.delete(other, namespace, one["metadata"]["name"], {})

    def _disown(self, old: Object) -> None:
        """What it owned has no owner any more."""
        for other, one in self._dependents(old):
            metadata = dict(one["metadata"])
            owners = [o for o in metadata.pop("ownerReferences") if o.get("uid") != old["metadata"]["uid"]]
            self._keep(other, {**one, "metadata": metadata | ({"ownerReferences": owners} if owners else {})})

    def _dependents(self, old: Object) -> list[tuple[Kind, Object]]:
        uid, namespace = old["metadata"]["uid"], old["metadata"].get("namespace", "")
        return [
            (kind, one)
            for kind, found in list(self.objects.items())
            for (space, _), one in list(found.items())
            if space == namespace
            and any(o.get("uid") == uid for o in one["metadata"].get("ownerReferences") or ())
        ]

    def since(self, kind: Kind, namespace: str | None, version: int) -> Iterator[tuple[str, Object]]:
        """What happened after a version."""
        for when, one, event, body in self.log:
            if when > version and one == kind and namespace in (None, body["metadata"].get("namespace")):
                yield event, body

    def _keep(self, kind: Kind, new: Object) -> Object:
        metadata = new["metadata"] = dict(new["metadata"])
        key = (metadata.get("namespace", ""), metadata["name"])
        old = self.objects.setdefault(kind, {}).get(key)
        if old is not None:
            known = old["metadata"]
            for name in ("uid", "creationTimestamp", "resourceVersion", "generation"):
                metadata.setdefault(name, known.get(name))
            if metadata.get("generation") == known.get("generation") and new.get("spec") != old.get("spec"):
                metadata["generation"] = (known.get("generation") or 1) + 1
            if (
                known.get("finalizers")
                and metadata.get("deletionTimestamp")
                and not metadata.get("finalizers")
            ):
                self._end(kind, old)
                return new
            if new == old | {"metadata": {**known, "resourceVersion": metadata["resourceVersion"]}}:
                return old  # nothing changed: no new version, no event
        with self.changed:
            self.version += 1
            metadata.setdefault("uid", f"{kind.plural}-{self.version}")
            metadata.setdefault("creationTimestamp", stamp(NOW - 86_400))
            metadata.setdefault("generation", 1)
            metadata["resourceVersion"] = str(self.version)
            self.objects[kind][key] = new
            event = "ADDED" if old is None else "MODIFIED"
            self.log.append((self.version, kind, event, copy.deepcopy(new)))
            self.changed.notify_all()
        return new

    def _drop(self, kind: Kind, namespace: str, name: str) -> None:
        with self.changed:
            self.version += 1
            old = self.objects[kind].pop((namespace, name))
            self.owned.pop((kind, namespace, name), None)
            gone = copy.deepcopy(old)
            gone["metadata"]["resourceVersion"] = str(self.version)
            self.log.append((self.version, kind, "DELETED", gone))
            self.changed.notify_all()


def scale_of(kind: Kind, one: Object) -> Object:
    """The `scale` subresource of an object."""
    spec, status = one.get("spec", {}), one.get("status", {})
    if "replicas" not in spec:
        raise Refusal(500, "InternalError", 'the spec replicas field ".spec.replicas" does not exist')
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    selector = status.get("selector") or ",".join(f"{k}={v}" for k, v in sorted(labels.items()))
    wanted = {"replicas": spec["replicas"]} if spec["replicas"] else {}  # zero is left out on the wire
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {k: one["metadata"][k] for k in ("name", "namespace", "uid", "resourceVersion")},
        "spec": wanted,
        "status": {"replicas": status.get("replicas", 0), "selector": selector},
    }


def _full(kind: Kind) -> str:
    group = kind.api_version.rpartition("/")[0]
    return f"{kind.plural}.{group}" if group else kind.plural


def _merged(old: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    new = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = _merged(new.get(name), value)
    return new


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every path to what is no object with fields; lists are atomic here."""
    if isinstance(value, dict) and (value or not path):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    else:
        yield path, value


def _at(value: Any, path: Path) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _put(value: Object, path: Path, leaf: Any) -> None:
    for name in path[:-1]:
        value = value.setdefault(name, {})
    if leaf is None:
        value.pop(path[-1], None)
    else:
        value[path[-1]] = leaf
