"""The API server's audit log: who asked for what, how often, and what was forbidden."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - {level: None, users: [harness, kube-controller-manager, kube-scheduler, kwok, "system:apiserver"]}
  - {level: None, nonResourceURLs: ["/readyz*", "/livez*", "/healthz*", "/openapi*"]}
  - {level: Metadata}
"""
"""Everybody but the harness and the control plane itself; a watch is written down when it ends."""


@dataclass(frozen=True)
class Request:
    """One request, answered.

    Attributes:
        user: as authenticated, such as `system:serviceaccount:helios-system:helios`.
        verb: Kubernetes' word: get, list, watch, create, update, patch, delete.
        resource: `plural.group`, with `/subresource` where there is one; the path where it is none.
        namespace, name: "" where there is none.
        code: HTTP status of the answer.
        agent: the client's User-Agent.
        source: the address that it came from.
        when: as the server wrote it, RFC 3339.
    """

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    code: int
    agent: str
    source: str
    when: str


class Audit:
    """Reads the log as it grows."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def mark(self) -> int:
        """This moment, for `since`."""
        return self._file.stat().st_size if self._file.exists() else 0

    def requests(self, *, user: str | None = None, agent: str | None = None, since: int = 0) -> list[Request]:
        """Requests since a mark, of a user, or of agents whose name contains `agent`."""
        if not self._file.exists():
            return []
        with self._file.open("rb") as log:
            log.seek(since)
            lines = log.read().splitlines(keepends=True)
        found = [_parsed(line) for line in lines if line.endswith(b"\n")]
        return [
            one
            for one in found
            if (user is None or one.user == user) and (agent is None or agent in one.agent)
        ]

    def counts(
        self, *, user: str | None = None, agent: str | None = None, since: int = 0
    ) -> Counter[tuple[str, str, int]]:
        """How many by (verb, resource, code)."""
        found = self.requests(user=user, agent=agent, since=since)
        return Counter((one.verb, one.resource, one.code) for one in found)

    def forbidden(self, *, user: str, since: int = 0) -> list[Request]:
        """What a user asked for and was not allowed."""
        return [one for one in self.requests(user=user, since=since) if one.code in (401, 403)]


def _parsed(line: bytes) -> Request:
    event = json.loads(line)
    reference = event.get("objectRef") or {}
    resource = reference.get("resource", "")
    if group := reference.get("apiGroup"):
        resource += f".{group}"
    if subresource := reference.get("subresource"):
        resource += f"/{subresource}"
    return Request(
        user=event["user"].get("username", ""),
        verb=event["verb"],
        resource=resource or event["requestURI"].partition("?")[0],
        namespace=reference.get("namespace", ""),
        name=reference.get("name", ""),
        code=(event.get("responseStatus") or {}).get("code", 0),
        agent=event.get("userAgent", ""),
        source=next(iter(event.get("sourceIPs") or ()), ""),
        when=event["stageTimestamp"],
    )
