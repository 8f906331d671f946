"""What every request passes through: a limit on its body, a few headers, and the meters of the inference routes.

Plain ASGI: a middleware of the framework's request-and-response kind costs more than a whole answer here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from helios.api.problems import Problem

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
TIMED = ("/predict", "/detect", "/recommend")
CODES = ("200", "300", "400", "404", "405", "413", "422", "500", "503")

_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
_DRAIN = 32 * 2**20
"""So much of a body that is too large is read and dropped, so that the client gets to read why."""


@dataclass(frozen=True, slots=True)
class Meter:
    """What is measured of one route: how long answers took, and how many there were of each status code."""

    seconds: Histogram
    answers: Mapping[str, Counter]

    def observe(self, seconds: float, code: int) -> None:
        """Take one answer; a code that no route of ours gives counts as its class does."""
        self.seconds.observe(seconds)
        self.answers.get(str(code), self.answers[f"{code // 100}00"]).inc()


def build_meters(registry: CollectorRegistry) -> dict[str, Meter]:
    """`helios_inference_duration_seconds` and `helios_inference_requests`, all children there from the start.

    A counter that appears with its first error has no rate of it: the alerts on errors would miss the first ones.
    """
    histogram = Histogram(
        "helios_inference_duration_seconds",
        "Inference latency",
        ["endpoint"],
        buckets=BUCKETS,
        registry=registry,
    )
    counter = Counter(
        "helios_inference_requests",
        "Answers of the inference routes by status code",
        ["endpoint", "code"],
        registry=registry,
    )
    return {
        path: Meter(histogram.labels(path), {code: counter.labels(path, code) for code in CODES})
        for path in TIMED
    }


class Envelope:
    """Bounds, times and labels each HTTP exchange.

    Args:
        app: the next in line.
        limit: bytes that a body may have.
        meters: a meter by path, for the paths to be measured.
    """

    def __init__(self, app: ASGIApp, *, limit: int, meters: Mapping[str, Meter]) -> None:
        self.app = app
        self.limit = limit
        self.meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One exchange."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        code = 500  # an exchange that ends without an answer failed here

        async def send_with_headers(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        meter = self.meters.get(scope["path"])
        if meter is None:
            await self.app(scope, receive, send_with_headers)
            return
        bounded = BoundedBody(receive, self.limit, Headers(scope=scope).get("content-length", ""))
        started = time.perf_counter()
        try:
            await self.app(scope, bounded, send_with_headers)
        finally:
            meter.observe(time.perf_counter() - started, code)


class BoundedBody:
    """A `receive` that refuses a body above the limit, whether its length was declared or not.

    Args:
        receive: where the body comes from.
        limit: bytes that it may have.
        declared: the Content-Length header, or an empty text.
    """

    def __init__(self, receive: Receive, limit: int, declared: str) -> None:
        self.receive = receive
        self.limit = limit
        self.declared = int(declared) if declared.isdecimal() else 0
        self.total = 0

    async def __call__(self) -> Message:
        """The next message of the body."""
        if self.declared > self.limit:
            await self._refuse(more=self.declared <= _DRAIN)
        message = await self.receive()
        if message["type"] == "http.request":
            self.total += len(message.get("body", b""))
            if self.total > self.limit:
                await self._refuse(more=bool(message.get("more_body")))
        return message

    async def _refuse(self, *, more: bool) -> None:
        """Drop the rest of the body, then raise.

        Raises:
            Problem: 413, always.
        """
        while more and self.total <= _DRAIN:
            message = await self.receive()
            self.total += len(message.get("body", b""))
            more = message["type"] == "http.request" and bool(message.get("more_body"))
        raise Problem(413, f"the body is larger than {self.limit} bytes: send less, one snapshot at a time")
