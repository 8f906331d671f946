"""The one door to the Kubernetes API: plain JSON objects in and out, every failure one of `helios.errors`.

It knows verbs and pages; it keeps no object, watches nothing (kopf does) and decides nothing. One may be shared
by all threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from kubernetes.client.configuration import Configuration
from prometheus_client import Counter

from helios.errors import ClusterMissing, ClusterUnreachable
from helios.operator import paths
from helios.operator.connections import configuration
from helios.operator.discoveries import Discovery, Resource
from helios.operator.transports import PERSONS, REMEDY, Call, ListExpired, Transport

FIELD_MANAGER = "helios"
PAGE = 500
"""Objects per page of a list: large enough to be few, small enough for the server's memory and ours."""
SCALE_SECONDS = 10.0
"""Patience for one `scale`: there is one request for each workload."""

_MANAGED = {"fieldManager": FIELD_MANAGER}
_MERGE = "application/merge-patch+json"

Object = dict[str, Any]


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
        self._clock = clock
        self._discovery = Discovery(
            transport, found_seconds=found_seconds, missed_seconds=missed_seconds, clock=clock
        )

    @classmethod
    def connected(
        cls,
        context: str | None = None,
        *,
        counter: Counter | None = None,
        seconds: float = 30.0,
        environment: Mapping[str, str] | None = None,
    ) -> Self:
        """A door for whoever types a command, to the cluster this process belongs to; nothing is sent yet.

        Args:
            context: of the kube config; None is the pod's service account or else the current context.
            counter: counts requests, see `transports.request_counter`.
            seconds: an answer must be complete in about so long.
            environment: by default the process' own.

        Raises:
            SettingsError: there is neither a service account nor a usable kube config.
        """
        found = configuration(context, os.environ if environment is None else environment)
        return cls.of(found, counter=counter, seconds=seconds, remedy=PERSONS)

    @classmethod
    def of(
        cls,
        found: Configuration,
        *,
        counter: Counter | None = None,
        seconds: float = 30.0,
        writes: Callable[[], bool] = lambda: True,
        remedy: str = REMEDY,
    ) -> Self:
        """A door by the client's own configuration; `writes`: whether this process may, asked before each such request.

        `remedy`: what a missing right's error says is to be done.
        """
        return cls(Transport(found, seconds=seconds, counter=counter, writes=writes, remedy=remedy))

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
        path = paths.many(api_version, plural, namespace)
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

    def get(self, api_version: str, plural: str, namespace: str | None, name: str) -> Object:
        """One object; without a namespace where its kind has none.

        Raises:
            ClusterError: it does not exist, or cannot be had.
        """
        return self._transport.send(paths.one("get", api_version, plural, namespace, name))

    def get_scale(self, api_version: str, plural: str, namespace: str, name: str) -> Object:
        """The `scale` subresource of one object.

        Raises:
            ClusterError: there is no such object, or it cannot be had.
        """
        call = paths.one("get", api_version, plural, namespace, name, "scale")
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
            ClusterError: ClusterConflict if it has changed since, ClusterMissing if it is gone.
        """
        return self.patch(
            namespace,
            name,
            {"status": status},
            resource_version,
            api_version=api_version,
            plural=plural,
            part="status",
        )

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
        body = {"metadata": {"annotations": dict(annotations)}}
        return self.patch(namespace, name, body, api_version=api_version, plural=plural)

    def patch(
        self,
        namespace: str,
        name: str,
        body: Mapping[str, Any],
        resource_version: str | None = None,
        *,
        api_version: str = "helios.dev/v1alpha1",
        plural: str = "heliostargets",
        part: str = "",
    ) -> Object:
        """A JSON merge patch: what `body` names is set, None takes away, a list is replaced whole. The object as it is then.

        Args:
            namespace: of the object.
            name: of the object.
            body: such as `{"metadata": {"finalizers": [...], "annotations": {...}}}`.
            resource_version: refuse if the object has changed since.
            api_version: of the object, a HeliosTarget by default.
            plural: of the object, a HeliosTarget by default.
            part: a subresource.

        Raises:
            ClusterError: ClusterConflict if it has changed since, ClusterMissing if it is gone.
        """
        whole = dict(body)
        if resource_version is not None:
            whole["metadata"] = {**(body.get("metadata") or {}), "resourceVersion": resource_version}
        call = paths.one("patch", api_version, plural, namespace, name, part)
        return self._transport.send(replace(call, body=whole, content=_MERGE, query=_MANAGED))

    def mark(
        self,
        namespace: str,
        name: str,
        annotations: Mapping[str, str | None],
        finalizers: Sequence[str],
        resource_version: str,
    ) -> Object:
        """Merge annotations into a HeliosTarget's and make `finalizers` its own, in one request. The object as it is then.

        Raises:
            ClusterError: ClusterConflict if it has changed since it had `resource_version`, ClusterMissing if it is gone.
        """
        metadata = {"annotations": dict(annotations), "finalizers": list(finalizers)}
        return self.patch(namespace, name, {"metadata": metadata}, resource_version)

    def apply(self, manifest: Mapping[str, Any], *, force: bool = True) -> Object:
        """Server-side apply as field manager `helios`: create it, or make the fields in `manifest` so.

        Args:
            manifest: an object with apiVersion, kind, name and, where the kind has one, namespace.
            force: take fields from other managers; otherwise such a conflict is refused.

        Raises:
            ClusterError: ClusterRefused with the server's or a webhook's words.
        """
        query = _MANAGED | {"force": "true" if force else "false"}
        content = "application/apply-patch+yaml"
        return self._transport.send(replace(self._about("patch", manifest), content=content, query=query))

    def create(self, manifest: Mapping[str, Any]) -> Object:
        """Create an object, or ask for a review, which has no metadata; the server's answer.

        Raises:
            ClusterError: ClusterConflict if its name is taken, ClusterMissing if its namespace is gone or on its way out.
        """
        plural, namespace, name = self._place(manifest)
        where = "/".join(part for part in (namespace, name) if part)
        path = paths.many(str(manifest["apiVersion"]), plural, namespace)
        return self._transport.send(Call("create", plural, path, where, _MANAGED, manifest))

    def replace(self, manifest: Mapping[str, Any]) -> Object:
        """Put a whole object in the place of the one that is there; its status stays. The object as it is then.

        Args:
            manifest: with the `resourceVersion` of the object that was read, or else whatever is there is overwritten.

        Raises:
            ClusterError: ClusterConflict if it has changed since, ClusterMissing if it is gone.
        """
        return self._transport.send(self._about("update", manifest))

    def delete(
        self, api_version: str, plural: str, namespace: str, name: str, uid: str, *, orphan: bool = False
    ) -> None:
        """Delete exactly the object with this uid.

        Args:
            api_version: of the object.
            plural: of the object.
            namespace: of the object.
            name: of the object.
            uid: of the object.
            orphan: leave what it owns, without an owner; otherwise that goes in the background.

        Raises:
            ClusterError: ClusterMissing if it is gone, ClusterConflict if another one has its name now.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Orphan" if orphan else "Background",
        }
        self._transport.send(replace(paths.one("delete", api_version, plural, namespace, name), body=body))

    def create_event(self, namespace: str, body: Mapping[str, Any]) -> Object:
        """Create an Event (`v1` or `events.k8s.io/v1`, as its apiVersion says).

        Raises:
            ClusterError: it was not taken.
        """
        path = paths.many(str(body.get("apiVersion") or "v1"), "events", namespace)
        return self._transport.send(Call("create", "events", path, f"in {namespace}", _MANAGED, body))

    def plural_of(self, api_version: str, kind: str) -> Resource:
        """How a kind is called in paths, and whether it has a `scale` subresource.

        Remembered; that there is no such kind is forgotten after a minute, as it may be installed any time.

        Raises:
            ClusterMissing: the API server serves no such kind.
            ClusterError: discovery failed.
        """
        kinds = self._discovery.kinds(api_version, kind)
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
        return self._discovery.kinds(api_version) is not None

    def schema(self, api_version: str, kind: str) -> Object:
        """The OpenAPI schema of a kind, as the API server publishes it; empty where it has none.

        Raises:
            ClusterError: it could not be asked.
        """
        return self._discovery.schema(api_version, kind)

    def version(self) -> tuple[int, int]:
        """Major and minor version of the API server.

        Raises:
            ClusterError: it could not be asked, or says nothing of the kind.
        """
        return self._discovery.version()

    def _about(self, verb: str, manifest: Mapping[str, Any]) -> Call:
        """A request that sends a whole object, by its own apiVersion, kind, name and namespace."""
        plural, namespace, name = self._place(manifest)
        call = paths.one(verb, str(manifest["apiVersion"]), plural, namespace, name)
        return replace(call, body=manifest, query=_MANAGED)

    def _place(self, manifest: Mapping[str, Any]) -> tuple[str, str | None, str]:
        """The plural of its kind, its namespace where the kind has one, its name where it has one."""
        resource = self.plural_of(str(manifest["apiVersion"]), str(manifest["kind"]))
        metadata = manifest.get("metadata") or {}
        namespace = str(metadata["namespace"]) if resource.namespaced else None
        return resource.plural, namespace, str(metadata.get("name", ""))
