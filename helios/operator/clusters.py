"""The one door to the Kubernetes API: plain JSON objects in and out, every failure one of `helios.errors`.

It knows paths, pages and discovery; it keeps no object, watches nothing (kopf does) and decides nothing. One may be shared
by all threads.
"""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from kubernetes.client.configuration import Configuration
from prometheus_client import Counter

from helios.errors import ClusterMissing, ClusterUnreachable
from helios.operator.connections import configuration
from helios.operator.transports import Call, ListExpired, Transport

FIELD_MANAGER = "helios"
PAGE = 500
"""Objects per page of a list: large enough to be few, small enough for the server's memory and ours."""
SCALE_SECONDS = 10.0
"""Patience for one `scale`: there is one request for each workload."""

_MANAGED = {"fieldManager": FIELD_MANAGER}

Object = dict[str, Any]


class Resource(NamedTuple):
    """What discovery knows of a kind."""

    plural: str
    has_scale: bool
    namespaced: bool = True


class Cluster:
    """The Kubernetes API.

    Args:
        transport: sends requests; closed with this.
        list_seconds: a whole list, all of its pages, may take so long.
        found_seconds: how long discovery's word for a kind is kept.
        missed_seconds: how long its word that there is no such kind is kept.
        clock: seconds that only move forward.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        list_seconds: float = 120.0,
        found_seconds: float = 600.0,
        missed_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._list_seconds = list_seconds
        self._found_seconds, self._missed_seconds = found_seconds, missed_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[float, Mapping[str, Resource] | None]] = {}  # when asked, what was found

    @classmethod
    def connected(
        cls,
        context: str | None = None,
        *,
        counter: Counter | None = None,
        seconds: float = 30.0,
        environment: Mapping[str, str] | None = None,
    ) -> Self:
        """A door to the cluster this process belongs to; nothing is sent yet.

        Args:
            context: of the kube config; None is the pod's service account or else the current context.
            counter: counts requests, see `transports.request_counter`.
            seconds: an answer must be complete in about so long.
            environment: by default the process' own.

        Raises:
            SettingsError: there is neither a service account nor a usable kube config.
        """
        found = configuration(context, os.environ if environment is None else environment)
        return cls.of(found, counter=counter, seconds=seconds)

    @classmethod
    def of(cls, found: Configuration, *, counter: Counter | None = None, seconds: float = 30.0) -> Self:
        """A door by the client's own configuration."""
        return cls(Transport(found, seconds=seconds, counter=counter))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections; from any thread: whatever is under way, or comes later, is ClusterUnreachable."""
        self._transport.close()

    def list(
        self,
        api_version: str,
        plural: str,
        namespace: str | None = None,
        *,
        field_selector: str | None = None,
    ) -> Iterator[Object]:
        """Every object of a kind, page by page; only one page is in memory.

        Where the server forgets the list's beginning it goes on in the present state, or starts over once if that
        cannot be: an object may then come twice, and one that exists throughout always comes.

        Raises:
            ClusterError: also between pages; a list that takes longer than `list_seconds` is ClusterUnreachable.
        """
        where = "" if namespace is None else f"in {namespace}"
        path = _path(api_version, plural, namespace)
        query = {"limit": str(PAGE)} | ({"fieldSelector": field_selector} if field_selector else {})
        deadline = self._clock() + self._list_seconds
        token, restarted = "", False
        while True:
            more = {"continue": token} if token else {}
            call = Call("list", plural, path, where, query | more)
            try:
                page = self._transport.send(call, seconds=max(1.0, deadline - self._clock()))
            except ListExpired as error:
                if not error.token and (restarted or not token):
                    raise
                restarted |= not error.token
                token = error.token
            else:
                yield from page.get("items") or ()
                token = (page.get("metadata") or {}).get("continue") or ""
                if not token:
                    return
            if self._clock() > deadline:
                raise ClusterUnreachable(
                    f"{call}: not complete after {self._list_seconds:g} s: the API server is too slow"
                )

    def get(self, api_version: str, plural: str, namespace: str, name: str) -> Object:
        """One object.

        Raises:
            ClusterError: it does not exist, or cannot be had.
        """
        return self._transport.send(_one("get", api_version, plural, namespace, name))

    def get_scale(self, api_version: str, plural: str, namespace: str, name: str) -> Object:
        """The `scale` subresource of one object.

        Raises:
            ClusterError: there is no such object, or it cannot be had.
        """
        call = _one("get", api_version, plural, namespace, name, "scale")
        return self._transport.send(call, seconds=SCALE_SECONDS)

    def patch_status(
        self,
        namespace: str,
        name: str,
        status: Mapping[str, Any],
        resource_version: str | None = None,
        *,
        api_version: str = "helios.dev/v1alpha1",
        plural: str = "heliostargets",
    ) -> Object:
        """Merge `status` into an object's status; None takes a field away.

        Args:
            namespace: of the object.
            name: of the object.
            status: the fields to be changed.
            resource_version: refuse if the object has changed since.
            api_version: of the object, a HeliosTarget by default.
            plural: of the object, a HeliosTarget by default.

        Raises:
            ClusterError: ClusterRefused on a conflict, ClusterMissing if it is gone.
        """
        body: Object = {"status": status}
        if resource_version is not None:
            body["metadata"] = {"resourceVersion": resource_version}
        call = _one("patch", api_version, plural, namespace, name, "status")
        content = "application/merge-patch+json"
        return self._transport.send(replace(call, body=body, content=content, query=_MANAGED))

    def annotate(
        self,
        namespace: str,
        name: str,
        annotations: Mapping[str, str | None],
        *,
        api_version: str = "helios.dev/v1alpha1",
        plural: str = "heliostargets",
    ) -> Object:
        """Merge `annotations` into an object's, a HeliosTarget's by default; None takes one away. The object as it is then.

        Raises:
            ClusterError: ClusterMissing if there is no such object.
        """
        call = _one("patch", api_version, plural, namespace, name)
        body = {"metadata": {"annotations": dict(annotations)}}
        content = "application/merge-patch+json"
        return self._transport.send(replace(call, body=body, content=content, query=_MANAGED))

    def apply(self, manifest: Mapping[str, Any], *, force: bool = True) -> Object:
        """Server-side apply as field manager `helios`: create it, or make the fields in `manifest` so.

        Args:
            manifest: an object with apiVersion, kind, name and, where the kind has one, namespace.
            force: take fields from other managers; otherwise such a conflict is refused.

        Raises:
            ClusterError: ClusterRefused with the server's or a webhook's words.
        """
        api_version, kind = str(manifest["apiVersion"]), str(manifest["kind"])
        metadata = manifest["metadata"]
        resource = self.plural_of(api_version, kind)
        namespace = metadata["namespace"] if resource.namespaced else None
        call = _one("patch", api_version, resource.plural, namespace, metadata["name"])
        query = _MANAGED | {"force": "true" if force else "false"}
        content = "application/apply-patch+yaml"
        return self._transport.send(replace(call, body=manifest, content=content, query=query))

    def delete(self, api_version: str, plural: str, namespace: str, name: str, uid: str) -> None:
        """Delete exactly the object with this uid, and in the background what it owns.

        Raises:
            ClusterError: ClusterMissing if it is gone, ClusterRefused if another one has its name now.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        self._transport.send(replace(_one("delete", api_version, plural, namespace, name), body=body))

    def create_event(self, namespace: str, body: Mapping[str, Any]) -> Object:
        """Create an Event (`v1` or `events.k8s.io/v1`, as its apiVersion says).

        Raises:
            ClusterError: it was not taken.
        """
        path = _path(str(body.get("apiVersion") or "v1"), "events", namespace)
        return self._transport.send(Call("create", "events", path, f"in {namespace}", _MANAGED, body))

    def plural_of(self, api_version: str, kind: str) -> Resource:
        """How a kind is called in paths, and whether it has a `scale` subresource.

        Remembered; that there is no such kind is forgotten after a minute, as it may be installed any time.

        Raises:
            ClusterMissing: the API server serves no such kind.
            ClusterError: discovery failed.
        """
        kinds = self._discovered(api_version, kind)
        if kinds is None:
            raise ClusterMissing(
                f"apiVersion {api_version} is not served by this cluster: correct it, or install what brings it"
            )
        if kind not in kinds:
            raise ClusterMissing(
                f"there is no kind {kind} in {api_version}: correct scaleTargetRef.kind or apiVersion"
            )
        return kinds[kind]

    def served(self, api_version: str) -> bool:
        """Whether this cluster has a group and version, such as `keda.sh/v1alpha1`.

        Raises:
            ClusterError: discovery failed.
        """
        return self._discovered(api_version, None) is not None

    def schema(self, api_version: str, kind: str) -> Object:
        """The OpenAPI schema of a kind, as the API server publishes it; empty where it has none.

        Raises:
            ClusterError: it could not be asked.
        """
        path = f"/openapi/v3{_group(api_version)}"
        said = self._transport.send(Call("get", "openapi", path, api_version))
        group, _, version = api_version.rpartition("/")
        wanted = {"group": group, "version": version, "kind": kind}
        for found in ((said.get("components") or {}).get("schemas") or {}).values():
            if wanted in (found.get("x-kubernetes-group-version-kind") or ()):
                return dict(found)
        return {}

    def version(self) -> tuple[int, int]:
        """Major and minor version of the API server.

        Raises:
            ClusterError: it could not be asked, or says nothing of the kind.
        """
        said = self._transport.send(Call("get", "version", "/version"))
        major, minor = (re.match(r"\d+", str(said.get(part, ""))) for part in ("major", "minor"))
        if major is None or minor is None:
            raise ClusterUnreachable(f"get version: {said!r} names no version: check the address")
        return int(major[0]), int(minor[0])

    def _discovered(self, api_version: str, kind: str | None) -> Mapping[str, Resource] | None:
        """Every kind of a group and version; None where there is no such version."""
        now = self._clock()
        with self._lock:
            asked, kinds = self._kinds.get(api_version, (-math.inf, None))
        missed = kinds is None or (kind is not None and kind not in kinds)
        if now - asked >= (self._missed_seconds if missed else self._found_seconds):
            kinds = self._discover(api_version)
            with self._lock:
                self._kinds[api_version] = (now, kinds)
        return kinds

    def _discover(self, api_version: str) -> Mapping[str, Resource] | None:
        try:
            answer = self._transport.send(Call("get", "discovery", _group(api_version), api_version))
        except ClusterMissing:
            return None
        listed = [one for one in answer.get("resources") or () if isinstance(one, Mapping)]
        names = {str(one.get("name")) for one in listed}
        return {
            str(one.get("kind")): Resource(
                str(one["name"]), f"{one['name']}/scale" in names, bool(one.get("namespaced", True))
            )
            for one in listed
            if "/" not in str(one.get("name", "/"))
        }


def _one(verb: str, api_version: str, plural: str, namespace: str | None, name: str, part: str = "") -> Call:
    """A request about one object, or about a subresource of it."""
    path = f"{_path(api_version, plural, namespace)}/{_segment(name)}"
    where = name if namespace is None else f"{namespace}/{name}"
    if part:
        return Call(verb, f"{plural}/{part}", f"{path}/{part}", where)
    return Call(verb, plural, path, where)


def _path(api_version: str, plural: str, namespace: str | None) -> str:
    space = "" if namespace is None else f"/namespaces/{_segment(namespace)}"
    return f"{_group(api_version)}{space}/{_segment(plural)}"


def _group(api_version: str) -> str:
    """Where a group and version live; `v1` alone is the core's."""
    group, _, version = api_version.rpartition("/")
    return f"/apis/{_segment(group)}/{_segment(version)}" if group else f"/api/{_segment(version)}"


def _segment(text: str) -> str:
    """One part of a path: what users wrote must not lead anywhere else.

    Raises:
        ClusterMissing: nothing can have this name.
    """
    if text in ("", ".", "..") or "/" in text or "%" in text:
        raise ClusterMissing(f"{text!r} is neither a name nor a version of anything in Kubernetes")
    return quote(text, safe="")
