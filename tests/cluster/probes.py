"""A container's probes: real requests to the pod's address, at the pace of the manifest."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.apis import Object
from tests.cluster.networks import Network


@dataclass
class Probe:
    """One of a container's probes, and how it stands; `reset` when the container starts.

    Attributes:
        kind: startup, liveness or readiness.
        path, port: what is asked for.
        period, timeout, delay: seconds.
        failures, successes: so many in a row change its mind.
        asked: how often, over all restarts.
        fault: the last failure in words; None after a success and before the first question.
        passing: None until it has made up its mind.
    """

    kind: str
    path: str
    port: int
    period: float
    timeout: float
    delay: float
    failures: int
    successes: int
    asked: int = 0
    fault: str | None = None
    passing: bool | None = None
    _due: float = field(default=0.0, repr=False)
    _row: int = field(default=0, repr=False)

    @classmethod
    def of(cls, kind: str, container: Object) -> Probe | None:
        """Of a container's manifest, as the API server has completed it; None where it has none.

        Raises:
            AssertionError: it is no HTTP probe.
        """
        body: Mapping[str, Any] | None = container.get(f"{kind}Probe")
        if body is None:
            return None
        assert "httpGet" in body, f"{container['name']}: this kubelet asks over HTTP alone, not {body}"
        port = body["httpGet"]["port"]
        ports = {one["name"]: one["containerPort"] for one in container.get("ports", []) if "name" in one}
        return cls(
            kind,
            body["httpGet"]["path"],
            ports[port] if isinstance(port, str) else port,
            body["periodSeconds"],
            body["timeoutSeconds"],
            body.get("initialDelaySeconds", 0),
            body["failureThreshold"],
            body["successThreshold"],
        )

    def reset(self) -> None:
        """The container has just started."""
        self._due, self._row, self.passing = time.monotonic() + self.delay, 0, None

    def look(self, network: Network) -> bool | None:
        """Ask if it is time: whether it passes now; None where nothing new is known."""
        now = time.monotonic()
        if now < self._due:
            return None
        self._due = now + self.period
        self.fault = self._ask(network)
        self.asked += 1
        good = self.fault is None
        kept = self._row if good == (self._row > 0) else 0
        self._row = kept + (1 if good else -1)
        if self._row >= self.successes:
            self.passing = True
        elif -self._row >= self.failures:
            self.passing = False
        return self.passing

    def _ask(self, network: Network) -> str | None:
        connection = http.client.HTTPConnection(network.ip, self.port, timeout=self.timeout)
        try:
            connection.sock = network.connect(self.port, self.timeout)
            connection.request(
                "GET", self.path, headers={"User-Agent": "kube-probe/1.36", "Connection": "close"}
            )
            answer = connection.getresponse()
            return None if 200 <= answer.status < 400 else f"{answer.status}: {answer.read(500)!r}"
        except (OSError, http.client.HTTPException) as problem:
            return f"{type(problem).__name__}: {problem}"
        finally:
            connection.close()
