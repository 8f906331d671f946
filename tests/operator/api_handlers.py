"""The HTTP side of the fake API server: what a request asks for, and how its answer, watch or fault is sent."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.operator.api_stores import Kind, Refusal
from tests.operator.objects import Object

if TYPE_CHECKING:
    from tests.operator.api_server import ApiServer

ANY = "*"
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Asked:
    """A request: `resource` is as in RBAC, such as `heliostargets/status`."""

    verb: str
    resource: str
    namespace: str | None
    name: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    path: str
    at: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        where = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {self.resource} {where}".rstrip()


@dataclass
class Fault:
    """A way to fail; `times` counts down, None is for ever. Status 0 hangs until healed, 1 hangs up."""

    verb: str
    resource: str
    namespace: str
    status: int
    message: str
    times: int | None

    def meets(self, asked: Asked) -> bool:
        """Whether this request fails so."""
        pairs = ((self.verb, asked.verb), (self.resource, asked.resource), (self.namespace, asked.namespace))
        return self.times != 0 and all(wanted in (ANY, given) for wanted, given in pairs)


class Listener(ThreadingHTTPServer):
    """One port, a thread per connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, api: ApiServer, port: int) -> None:
        self.api = api
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.api.connections += 1
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        for one in list(self.open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no fault of the server's."""


class Handler(BaseHTTPRequestHandler):
    """Reads requests, and sends what the server answers or how it is told to fail."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or headers and body of an answer come 40 ms apart
    server: Listener

    def _serve(self) -> None:
        api = self.server.api
        asked, kind = self._read(api)
        api.requests.append(asked)
        fault = api.fault(asked)
        if fault is not None and fault.status in (0, 1):
            if fault.status == 0:
                api.wait_healed()
            self.close_connection = True
            return
        if asked.path in api.raw:
            self._send_bytes(*api.raw[asked.path])
            return
        try:
            if fault is not None:
                raise Refusal(fault.status, "Fault", fault.message)  # noqa: TRY301
            if api.token is not None and asked.headers.get("Authorization") != f"Bearer {api.token}":
                raise Refusal(401, "Unauthorized", "Unauthorized")  # noqa: TRY301
            if kind is None and asked.resource != "discovery":
                raise Refusal(404, "NotFound", "the server could not find the requested resource")  # noqa: TRY301
            if asked.verb == "watch" and kind is not None:
                self._stream(api.watched(asked, kind))
            else:
                self._send(201 if asked.verb == "create" else 200, api.answer(asked, kind))
        except Refusal as refusal:
            self._send(refusal.status, status(refusal))

    do_GET = _serve  # noqa: N815
    do_POST = _serve  # noqa: N815
    do_PUT = _serve  # noqa: N815
    do_PATCH = _serve  # noqa: N815
    do_DELETE = _serve  # noqa: N815

    def _read(self, api: ApiServer) -> tuple[Asked, Kind | None]:
        url = urlsplit(self.path)
        query, path = dict(parse_qsl(url.query)), url.path.rstrip("/")
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(sent) if sent else None
        api_version, namespace, plural, name, part = _parsed(path)
        kind = None
        if plural:
            with contextlib.suppress(Refusal):
                kind = api.store.kind(api_version, plural)
        verb = _VERBS.get(self.command, "get")
        if verb == "get" and plural and not name:
            verb = "watch" if query.get("watch") in ("true", "1") else "list"
        resource = (f"{plural}/{part}" if part else plural) or "discovery"
        headers = {name.title(): value for name, value in self.headers.items()}
        return Asked(verb, resource, namespace, name, query, headers, body, path), kind

    def _send(self, status: int, content: Object) -> None:
        self._send_bytes(status, json.dumps(content).encode())

    def _send_bytes(self, status: int, raw: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _stream(self, events: Iterator[Object | None]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for event in events:
            if event is not None:
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def _parsed(path: str) -> tuple[str, str | None, str, str, str]:
    """Group and version, namespace, plural, name, subresource; no plural is discovery."""
    parts = [unquote(part) for part in path.split("/")[1:]]
    size = 2 if parts[:1] == ["api"] else 3
    api_version = "/".join(parts[1:size])
    rest, namespace = parts[size:], None
    if parts[:1] not in (["api"], ["apis"]):
        return "", None, "", "", ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    plural, name, part = (*rest, "", "", "")[:3]
    return api_version, namespace, plural, name, part


def status(refusal: Refusal) -> Object:
    """An error as the API server says it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {"continue": refusal.token} if refusal.token else {},
        "status": "Failure",
        "message": refusal.message,
        "reason": refusal.reason,
        "code": refusal.status,
        **({"details": {"causes": [{"reason": refusal.cause}]}} if refusal.cause else {}),
    }
