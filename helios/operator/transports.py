"""One request to the Kubernetes API, and its answer or an error that says what to do.

Over the official client's `ApiClient`, for its credentials and its TLS; its generated models are not used, as they take ten
times as long as the JSON does. It bounds every request in time, size and tries, counts it, and ends it when the door is closed. It knows no kind.
"""

from __future__ import annotations

import contextlib
import math
import re
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.client.rest import RESTResponse
from prometheus_client import CollectorRegistry, Counter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from helios.errors import (
    ClusterConflict,
    ClusterError,
    ClusterForbidden,
    ClusterMissing,
    ClusterRefused,
    ClusterUnreachable,
)
from helios.sources.sessions import MAX_BYTES, PoliteRetry

REMEDY = "apply the ClusterRole helios and bind it to who the operator is"
"""Where the operator itself may not."""
PERSONS = (
    "ask for that right, or run it as somebody who has it: docs/adopt.md shows a ClusterRole for import, doctor and release, and "
    "where it is bound in one namespace alone -n names that one"
)
"""Where whoever types a command may not."""
CONNECT_SECONDS = 5.0

_PIECE = 2**18
_MOST_WORDS = 2_000
_METHODS = {"list": "GET", "create": "POST", "update": "PUT"}
_WRITES = ("create", "update", "patch", "delete")
_OBJECT = re.compile(r"^<?\w+\(host=[^)]*\)( at 0x\w+>)?: ")
_DENIED = re.compile(r"admission webhook .* denied|denied request|(exceeded|failed) quota", re.DOTALL)


class ListExpired(ClusterRefused):
    """A list took so long that the server has forgotten how it began.

    Attributes:
        token: where to go on in the server's present state; empty where it offers none.
    """

    def __init__(self, message: str, token: str) -> None:
        super().__init__(message)
        self.token = token


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked for.

    Attributes:
        verb: as in RBAC: get, list, create, update, patch, delete.
        resource: as in RBAC: `deployments`, `heliostargets/status`.
        path: of the URL, quoted.
        where: the object or the namespace, for people: `saleor/saleor-api`; empty for the whole cluster.
        query: parameters of the URL.
        body: what is sent, as JSON.
        content: the type of `body`.
    """

    verb: str
    resource: str
    path: str
    where: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content: str = "application/json"

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f" {self.where}" if self.where else "")


def request_counter(registry: CollectorRegistry) -> Counter:
    """The count of requests to the API server by verb, resource and HTTP status (`none`: no answer came)."""
    return Counter(
        "helios_kubernetes_requests",
        "Requests to the Kubernetes API",
        ["verb", "resource", "code"],
        registry=registry,
    )


class Transport:
    """Sends requests; from any thread.

    Args:
        configuration: address and credentials; its retries are replaced by few and polite ones.
        seconds: an answer must be complete in about so long.
        counter: from `request_counter`, or None.
        clock: seconds that only move forward.
        writes: whether this process may write; asked before each request that does.
        remedy: what to do about a right that is missing.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        seconds: float = 30.0,
        counter: Counter | None = None,
        clock: Callable[[], float] = time.monotonic,
        writes: Callable[[], bool] = lambda: True,
        remedy: str = REMEDY,
    ) -> None:
        # a connection that was dropped is worth another try; a server that is away or busy is asked in the next cycle
        polite = PoliteRetry.few().new(backoff_factor=0.05, status_forcelist=(502,))
        # an API server redirects nobody: what does is a login page, or not the API server
        configuration.retries = polite.new(redirect=False)
        self._api = ApiClient(configuration)
        self._api.user_agent = "helios"
        self._sockets = _Sockets()
        manager = self._api.rest_client.pool_manager
        manager.pool_classes_by_scheme = {
            scheme: _tracked(pool, self._sockets) for scheme, pool in manager.pool_classes_by_scheme.items()
        }
        self._host = str(configuration.host)
        self._seconds, self._counter, self._clock, self._writes = seconds, counter, clock, writes
        self._remedy = remedy
        self._credentials = threading.Lock()

    def close(self) -> None:
        """End the connections; from any thread, and for good.

        Who waits for an answer is told so at once, or within `CONNECT_SECONDS` while the connection is still being made;
        whether a write under way was carried out is not known then.
        """
        self._sockets.close()
        self._api.close()  # type: ignore[no-untyped-call]

    def send(self, call: Call, *, seconds: float = math.inf) -> dict[str, Any]:
        """The answer's JSON object.

        Args:
            call: what is asked for.
            seconds: patience for this very call, where it is less than usual.

        Raises:
            ClusterUnreachable: no complete answer in time, HTTP 429 or 5xx, credentials that cannot be read, the door
                is closed, or this process may not write.
            ClusterForbidden: HTTP 401 or 403.
            ClusterMissing: HTTP 404, or 403 as the namespace is being deleted.
            ClusterConflict: HTTP 409: it has changed since it was read, or its name is taken.
            ClusterRefused: any other refusal, with the server's own words; also a 403 by a webhook or a quota, and a
                write whose webhook does not answer.
        """
        if self._sockets.closed:
            raise self._unreachable(call, "")
        if call.verb in _WRITES and not self._writes():
            raise self._unreachable(call, "is not asked: this operator does not hold the lease any more")
        patience = min(seconds, self._seconds)
        method, url, headers, sent = self._prepared(call)
        code = "none"
        try:
            response = self._api.call_api(
                method, url, headers, sent, _request_timeout=(min(CONNECT_SECONDS, patience), patience)
            )
            code = str(response.status)
            body = self._body(response, call, self._clock() + patience)
        except (HTTPError, ApiException, OSError) as error:
            raise self._unreachable(call, f"does not answer: {_words(error)}") from error
        finally:
            if self._counter is not None:
                self._counter.labels(call.verb, call.resource, code).inc()
        if not 200 <= response.status <= 299:
            raise self._failure(call, response, body)
        answer = _json(body)
        if answer is None:
            raise self._unreachable(call, "answers something that is not Kubernetes': check the address")
        return answer

    def _prepared(self, call: Call) -> tuple[str, str, dict[str, str], Any]:
        """Method, address, headers and body; tokens are refreshed by one thread at a time."""
        method = _METHODS.get(call.verb, call.verb.upper())
        headers = {"Accept": "application/json"}
        if call.body is not None:
            headers["Content-Type"] = call.content
        with self._credentials:
            try:
                method, url, headers, body, _ = self._api.param_serialize(
                    method,
                    call.path,
                    query_params=list(call.query.items()),
                    header_params=headers,
                    body=call.body,
                    auth_settings=["BearerToken"],
                )
            except (
                Exception
            ) as error:  # token files, cloud log-ins and plug-ins fail each in a way of its own
                what = f"is not asked, as the credentials cannot be read ({type(error).__name__}: {error})"
                raise self._unreachable(call, what) from error
        return method, url, headers, body

    def _body(self, response: RESTResponse, call: Call, deadline: float) -> bytes:
        """The whole answer: a server that drips must not hold a cycle."""
        raw, whole, fault = response.response, bytearray(), ""
        try:
            while not fault and (piece := raw.read1(_PIECE, decode_content=True)):
                whole += piece
                if len(whole) > MAX_BYTES:
                    fault = f"answers with more than {MAX_BYTES} bytes"
                elif self._clock() > deadline:
                    fault = "answers too slowly: not complete in time"
        finally:
            raw.close()  # a connection whose answer was read to its end is back in the pool by now
        if fault:
            raise self._unreachable(call, fault)
        return bytes(whole)

    def _failure(self, call: Call, response: RESTResponse, body: bytes) -> ClusterError:
        """An HTTP status as an error."""
        said = _json(body) or {}
        message = str(said.get("message") or body.decode(errors="replace").strip() or response.reason)[
            :_MOST_WORDS
        ]
        # of one object, whatever the status: no ClusterRole helps, and other objects may fare better
        match 422 if _is_admissions(call, response.status, message) else response.status:
            case 401:
                return ClusterForbidden(
                    f"may not {call}: the API server does not accept these credentials ({message}): renew the "
                    "kube config's token or certificate, or the service account"
                )
            case 403 if not _is_ending(said):
                return ClusterForbidden(f"may not {call}: {message}: {self._remedy}")
            case 403 | 404:  # of a namespace that is being deleted no right would help
                return ClusterMissing(f"{call}: {message}")
            case 410 if call.verb == "list":
                metadata = said.get("metadata")
                token = metadata.get("continue") if isinstance(metadata, Mapping) else None
                return ListExpired(f"{call}: {message}", str(token or ""))
            case status if status in (408, 429) or status >= 500 or status < 400:
                place = str(response.response.headers.get("Location") or "").partition("?")[0]
                elsewhere = f"redirects to {place}: check the address, and whether a login is needed"
                failed = f"fails with HTTP {status}: {message}"
                return self._unreachable(call, elsewhere if place and status < 400 else failed)
            case status:
                return (ClusterConflict if status == 409 else ClusterRefused)(message)

    def _unreachable(self, call: Call, what: str) -> ClusterUnreachable:
        if self._sockets.closed:
            what = "is not asked any more: the door to it is closed"
        return ClusterUnreachable(f"{call}: the API server at {self._host} {what}")


class _Sockets:
    """The sockets of one transport: urllib3 has no way to end a read that another thread waits in."""

    def __init__(self) -> None:
        self.closed = False
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[Any] = weakref.WeakSet()

    def add(self, one: Any) -> None:
        """Keep it in mind.

        Raises:
            HTTPError: too late; of a kind that urllib3 does not try again.
        """
        with self._lock:
            if self.closed:
                raise HTTPError("closed")
            self._open.add(one)

    def close(self) -> None:
        """Let no new one in, and end every read and write on those that are open."""
        with self._lock:
            self.closed = True
            for one in self._open:
                plain = getattr(one, "socket", one)  # TLS within TLS is wrapped around it
                with contextlib.suppress(OSError):  # gone already
                    # past TLS, whose own way to end is not made for two threads
                    socket.socket.shutdown(plain, socket.SHUT_RDWR)


class _TrackedConnection(HTTPConnection):
    """Says which socket it opened."""

    sockets: ClassVar[_Sockets]

    def connect(self) -> None:
        super().connect()
        self.sockets.add(self.sock)


def _tracked(pool: type[HTTPConnectionPool], sockets: _Sockets) -> type[HTTPConnectionPool]:
    """The same kind of pool, whose connections are in `sockets`."""
    connection = type("TrackedConnection", (_TrackedConnection, pool.ConnectionCls), {"sockets": sockets})
    return type("TrackedPool", (pool,), {"ConnectionCls": connection})


def _json(body: bytes) -> dict[str, Any] | None:
    """A JSON object, or None."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _is_admissions(call: Call, status: int, message: str) -> bool:
    """Whether a webhook, a policy or a quota refused this one object, or its webhook does not answer."""
    if status == 403:
        return _DENIED.search(message) is not None
    return status >= 500 and call.verb in _WRITES and "failed calling webhook" in message


def _is_ending(said: Mapping[str, Any]) -> bool:
    """Whether a 403 is the end of the namespace and no lack of rights."""
    details = said.get("details")
    causes = details.get("causes") if isinstance(details, Mapping) else None
    return isinstance(causes, list) and any(
        isinstance(cause, Mapping) and cause.get("reason") == "NamespaceTerminating" for cause in causes
    )


def _words(error: Exception) -> str:
    """What a library's exception says, in one line, without the names of its own objects."""
    reason = getattr(error, "reason", None)
    return _OBJECT.sub("", " ".join(str(reason or error).split())) or type(error).__name__
