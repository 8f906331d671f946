"""A server that takes the notifications of an Alertmanager: what each said, and when it came."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.cluster.processes import LOOPBACK, free_port

SLACK = "/slack"
"""Where the messages for people come, as Slack would take them; all other paths take Alertmanager's own webhooks."""


@dataclass(frozen=True)
class Notification:
    """One message.

    Attributes:
        at: UNIX seconds of its arrival.
        path: where it came, which says to which receiver.
        body: its JSON.
    """

    at: float
    path: str
    body: Mapping[str, Any]

    @property
    def status(self) -> str:
        """`firing` or `resolved`; empty for Slack's."""
        return str(self.body.get("status", ""))

    @property
    def alert(self) -> str:
        """The alert that its group has in common; empty for Slack's."""
        return str(self.body.get("groupLabels", {}).get("alertname", ""))

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """Its alerts: labels, annotations, status, startsAt, endsAt."""
        return list(self.body.get("alerts", ()))

    @property
    def workloads(self) -> list[str]:
        """The deployments of its alerts, sorted."""
        return sorted(one["labels"].get("deployment", "") for one in self.alerts)


class Webhooks:
    """Serves while the block lasts.

    Attributes:
        url: its address, without a path.
    """

    def __init__(self) -> None:
        self.url = f"http://{LOOPBACK}:{free_port()}"
        self._got: list[Notification] = []
        self._lock = threading.Lock()

    def got(self, alert: str | None = None, *, path: str | None = None) -> list[Notification]:
        """The webhooks that have come, in their order.

        Args:
            alert: of this alert only.
            path: at this path only.
        """
        with self._lock:
            found = [one for one in self._got if one.path != SLACK]
        return [one for one in found if alert in {None, one.alert} and path in {None, one.path}]

    def open(self) -> list[str]:
        """The alerts that were told and not yet told to be over."""
        last = {str(one.body["groupKey"]): one for one in self.got()}
        return sorted(one.alert for one in last.values() if one.status == "firing")

    def messages(self) -> list[str]:
        """Title and text of each message for people that has come."""
        with self._lock:
            found = [part for one in self._got if one.path == SLACK for part in one.body["attachments"]]
        return [f"{part['title']}\n{part['title_link']}\n{part['text']}" for part in found]

    def __enter__(self) -> Self:
        self._running = self._served()
        self._running.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.__exit__(None, None, None)

    @contextmanager
    def _served(self) -> Iterator[None]:
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                take(Notification(time.time(), self.path, body))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
                """Nothing: what came is asked for."""

        port = int(self.url.rsplit(":", 1)[1])
        with ThreadingHTTPServer((LOOPBACK, port), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()

    def _take(self, one: Notification) -> None:
        with self._lock:
            self._got.append(one)
