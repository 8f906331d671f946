"""Small real HTTP(S) servers on loopback, good and bad ones."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What came."""

    path: str
    parameters: dict[str, str]
    headers: dict[str, str]
    target: str

    @property
    def query(self) -> str:
        return self.parameters.get("query", "")


@dataclass(frozen=True)
class Reply:
    """What goes back; `pieces` are sent one by one as they are made."""

    status: int = 200
    pieces: Iterable[bytes] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


@dataclass
class Served:
    """A running server."""

    url: str
    requests: list[Request]

    def queries(self, part: str = "") -> list[Request]:
        """Requests whose PromQL holds `part`."""
        return [one for one in self.requests if part in one.query]


Answer = Callable[[Request], Reply]


@contextmanager
def serve(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    """Answer every request by `answer`, each in a thread of its own."""
    seen: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or headers and body of an answer come 40 ms apart

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            request = Request(parts.path, dict(parse_qsl(parts.query)), dict(self.headers.items()), self.path)
            seen.append(request)
            reply = answer(request)
            pieces = list(reply.pieces) if reply.length is None else reply.pieces
            length = reply.length if reply.length is not None else sum(map(len, pieces))
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(length), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            sent = 0
            try:
                for piece in pieces:
                    sent += self.wfile.write(piece)
                    self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):
                sent = -1
            self.close_connection = self.close_connection or sent != length

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that hangs up is no fault of the server's."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        scheme, host = ("http", "127.0.0.1") if tls is None else ("https", "localhost")
        yield Served(f"{scheme}://{host}:{server.server_address[1]}", seen)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refused() -> str:
    """An address where nothing listens."""
    with serve(lambda _: Reply()) as gone:
        return gone.url


def said(status: int, body: str | bytes) -> Answer:
    """Always the same."""
    raw = body if isinstance(body, bytes) else body.encode()
    return lambda _: Reply(status, [raw])


def json_reply(content: Any, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status, [json.dumps(content).encode()], {"Content-Type": "application/json"})


def result(kind: str, series: list[dict[str, Any]] | list[Any]) -> Reply:
    """A successful answer of Prometheus."""
    return json_reply({"status": "success", "data": {"resultType": kind, "result": series}})


def error(status: int, kind: str, text: str) -> Reply:
    """A failure in Prometheus' own form."""
    return json_reply({"status": "error", "errorType": kind, "error": text}, status)
