"""A Kubernetes API server in few lines, over real HTTP on loopback, that can be told to fail.

It serves what the operator asks for: discovery, chunked lists, watches with bookmarks, `scale`, `status`, merge patches,
whole objects put in their place, server-side apply, finalizers, Events. Every request is in its log.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from kubernetes.client.configuration import Configuration

from tests.operator.api_handlers import ANY, Asked, Fault, Listener, status
from tests.operator.api_stores import Kind, Refusal, Store, scale_of
from tests.operator.objects import Object

VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")


class ApiServer:
    """A server on a port of its own; use it in a `with`.

    Attributes:
        store: what exists; `put` and `remove` play the world.
        requests: what came, in order.
        connections: how many were opened.
        token: a bearer token that is demanded, if any.
        page: most objects of a page, however many are asked for.
        bookmark_seconds: time between a watch's bookmarks, where they are asked for.
    """

    def __init__(self) -> None:
        self.store = Store()
        self.requests: list[Asked] = []
        self.connections = 0
        self.token: str | None = None
        self.page = 10_000
        self.bookmark_seconds = 60.0
        self.silent = False
        self.epoch = 0
        self.oldest = 0
        self.raw: dict[str, tuple[int, bytes]] = {}
        self._faults: list[Fault] = []
        self._healed = threading.Event()
        self._expiring: list[bool] = []
        self._server: Listener | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.heal()
        self.down()

    @property
    def url(self) -> str:
        """Where it listens; the same after `down` and `up`."""
        return f"http://127.0.0.1:{self._port}"

    def configuration(self) -> Configuration:
        """For the official client."""
        return Configuration(host=self.url, proxy="", no_proxy="*")

    def kube_config(self, folder: Path, *, context: str = "fake", token: str = "t0ken") -> Path:  # noqa: S107
        """A kube config with one context."""
        path = folder / f"kube-config-{context}"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": context, "cluster": {"server": self.url}}],
            "users": [{"name": context, "user": {"token": token}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        }
        path.write_text(json.dumps(content))
        return path

    def up(self) -> None:
        """Listen."""
        self._healed.clear()
        self._server = Listener(self, self._port)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections, and cut those that are open."""
        if self._server is not None:
            self.drop_watches()
            self._server.shutdown()
            self._server.server_close()
            self._server.cut()
            self._server = None

    def fail(
        self,
        resource: str = ANY,
        code: int = 500,
        *,
        verb: str = ANY,
        namespace: str = ANY,
        message: str | None = None,
        times: int | None = None,
    ) -> None:
        """Answer such requests so from now on; the first fault that meets one counts."""
        said = message or (
            f"{resource} is forbidden: User cannot {verb}" if code == 403 else f"told to say {code}"
        )
        self._faults.append(Fault(verb, resource, namespace, code, said, times))

    def hang(self, resource: str = ANY, *, verb: str = ANY) -> None:
        """Take such requests and say nothing."""
        self.fail(resource, 0, verb=verb)

    def hang_up(self, resource: str = ANY, *, verb: str = ANY, times: int | None = None) -> None:
        """Take such requests and close the connection."""
        self.fail(resource, 1, verb=verb, times=times)

    def heal(self) -> None:
        """Fail no more; what hangs is cut."""
        self._faults.clear()
        self._healed.set()
        self._healed = threading.Event()

    def expire_next_list(self, *, token: bool) -> None:
        """Answer the next page that continues a list with 410; with or without a token to go on."""
        self._expiring.append(token)

    def silence(self, *, silent: bool = True) -> None:
        """Watches stay open and say nothing; one that fell silent stays so until it is cut, as a dead connection does."""
        self.silent = silent

    def drop_watches(self) -> None:
        """Cut every watch that is open."""
        self.epoch += 1
        with self.store.changed:
            self.store.changed.notify_all()

    def compact(self) -> None:
        """Forget all history: whoever watches from an older version is told 410."""
        self.oldest = self.store.version

    def asked(self, verb: str = ANY, resource: str = ANY) -> list[Asked]:
        """The requests of such a kind."""
        return [r for r in self.requests if verb in (ANY, r.verb) and resource in (ANY, r.resource)]

    def fault(self, asked: Asked) -> Fault | None:
        """How this request is to fail, if so."""
        for one in self._faults:
            if one.meets(asked):
                if one.times is not None:
                    one.times -= 1
                return one
        return None

    def wait_healed(self) -> None:
        """Wait until `heal`."""
        self._healed.wait(60)

    def answer(self, asked: Asked, kind: Kind | None) -> Object:
        """What a request that is no watch is answered with."""
        if kind is None:
            return self._discovery(asked.path)
        with self.store.changed:
            return self._stored(asked, kind)

    def _stored(self, asked: Asked, kind: Kind) -> Object:
        store, space = self.store, asked.namespace or ""
        part = asked.resource.partition("/")[2]
        match asked.verb:
            case "list":
                return self._list(asked, kind)
            case "get":
                found = store.read(kind, space, asked.name)
                return scale_of(kind, found) if part == "scale" else found
            case "create":
                return store.create(kind, space, asked.body)
            case "update":
                return store.replace(kind, space, asked.name, asked.body)
            case "delete":
                return store.delete(kind, space, asked.name, asked.body or {})
            case "patch":
                return self._patched(asked, kind, space, part)
            case verb:
                raise Refusal(405, "MethodNotAllowed", f"{verb} is not served here")

    def _patched(self, asked: Asked, kind: Kind, space: str, part: str) -> Object:
        if "apply-patch" not in asked.headers.get("Content-Type", ""):
            return self.store.merge(kind, space, asked.name, part, asked.body)
        manager, force = asked.query.get("fieldManager", ""), asked.query.get("force") == "true"
        return self.store.apply(kind, space, asked.name, asked.body, manager, force=force)

    def _list(self, asked: Asked, kind: Kind) -> Object:
        query = asked.query
        after = base64.b64decode(query["continue"]).decode().split("/") if "continue" in query else []
        if after and self._expiring:
            token = query["continue"] if self._expiring.pop(0) else ""
            raise Refusal(410, "Expired", "The provided continue parameter is too old", token)
        wanted = [
            body
            for (space, name), body in sorted(self.store.objects.get(kind, {}).items())
            if asked.namespace in (None, space)
            and [space, name] > after
            and _selected(body, query.get("fieldSelector", ""))
        ]
        most = min(int(query.get("limit") or len(wanted) or 1), self.page)
        metadata = {"resourceVersion": str(self.store.version)}
        if len(wanted) > most:
            last = wanted[most - 1]["metadata"]
            metadata["continue"] = base64.b64encode(
                f"{last.get('namespace', '')}/{last['name']}".encode()
            ).decode()
        return {
            "apiVersion": kind.api_version,
            "kind": f"{kind.kind}List",
            "metadata": metadata,
            "items": wanted[:most],
        }

    def _discovery(self, path: str) -> Object:
        versions = sorted({kind.api_version for kind in self.store.kinds})
        if path == "/version":
            return {"major": "1", "minor": "36+", "gitVersion": "v1.36.3"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            groups = [
                {"name": v.split("/")[0], "versions": [_version(v)], "preferredVersion": _version(v)}
                for v in versions
                if "/" in v
            ]
            return {"kind": "APIGroupList", "groups": groups}
        api_version = path.removeprefix("/apis/").removeprefix("/api/")
        if api_version not in versions:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        resources = [
            {
                "name": name,
                "singularName": what.lower(),
                "kind": what,
                "namespaced": one.namespaced,
                "verbs": VERBS,
            }
            for one in self.store.kinds
            if one.api_version == api_version
            for name, what, served in (
                (one.plural, one.kind, True),
                (f"{one.plural}/status", one.kind, one.status),
                (f"{one.plural}/scale", "Scale", one.scale),
            )
            if served
        ]
        return {"kind": "APIResourceList", "groupVersion": api_version, "resources": resources}

    def watched(self, asked: Asked, kind: Kind) -> Iterator[Object | None]:
        """Events of a watch; None where there is nothing new."""
        epoch, seen = self.epoch, int(asked.query.get("resourceVersion") or 0)
        until = time.monotonic() + float(asked.query.get("timeoutSeconds") or 3600)
        bookmark = time.monotonic() + self.bookmark_seconds
        marks = asked.query.get("allowWatchBookmarks") == "true"
        if 0 < seen < self.oldest:
            gone = status(Refusal(410, "Expired", f"too old resource version: {seen} ({self.oldest})"))
            yield {"type": "ERROR", "object": gone}
            return
        store, mute = self.store, False
        if seen == 0:
            with store.changed:
                seen, found = store.version, list(store.objects.get(kind, {}).values())
            yield from ({"type": "ADDED", "object": one} for one in found)
        while time.monotonic() < until and epoch == self.epoch:
            with store.changed:
                mute |= self.silent
                events = [] if mute else list(store.since(kind, asked.namespace, seen))
                if not events:
                    store.changed.wait(0.05)
                seen = store.version if events else seen
            if mute:
                continue
            yield from ({"type": event, "object": body} for event, body in events)
            if marks and time.monotonic() > bookmark:
                bookmark = time.monotonic() + self.bookmark_seconds
                mark = {"apiVersion": kind.api_version, "kind": kind.kind}
                yield {"type": "BOOKMARK", "object": mark | {"metadata": {"resourceVersion": str(seen)}}}
            yield None


def _selected(body: Object, selector: str) -> bool:
    """Field selectors of equality alone."""
    for term in filter(None, selector.split(",")):
        path, _, wanted = term.partition("!=" if "!=" in term else "=")
        value: Any = body
        for name in path.split("."):
            value = value.get(name, "") if isinstance(value, dict) else ""
        if (value == wanted) == ("!=" in term):
            return False
    return True


def _version(api_version: str) -> Object:
    return {"groupVersion": api_version, "version": api_version.rpartition("/")[2]}
