"""HTTP sessions whose requests end: in time, in size, and after few retries.

`requests` bounds only the pause between two bytes, so that a server which drips would hold a cycle for ever. Knows
nothing of Prometheus.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError, SSLError
from urllib3.util.retry import Retry

MAX_BYTES = 256 * 2**20
"""Longest answer that is read: a million points are about 35 MB."""

_PIECE = 2**18


class AnswerTooLong(requests.RequestException):
    """The body is longer than a right answer can be."""


class SentElsewhere(requests.RequestException):
    """The answer is a redirect; the message says where to, without user, query or fragment, which may be secret."""


class BoundedSession(requests.Session):
    """A session whose answers arrive within `seconds` and `max_bytes`, or not at all.

    No redirect is followed: the headers that a user has set would go along, and they may be credentials.
    """

    def __init__(
        self,
        seconds: float,
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._clock = clock

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send, and read the whole body before the deadline."""
        deadline = self._clock() + self._seconds
        response = super().send(request, **{**kwargs, "stream": True})
        try:
            body = self._body(response, deadline)
        except BaseException:
            response.close()
            raise
        response._content = body  # noqa: SLF001 - requests has no public way to hand over a body read under a deadline
        return response

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere.

        Raises:
            SentElsewhere: the answer leads somewhere.
        """
        found = super().get_redirect_target(resp)
        if found is not None:
            resp.close()
            parts = urlsplit(urljoin(resp.url, found))
            raise SentElsewhere(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        pieces: list[bytes] = []
        left = self._max_bytes
        try:
            while piece := response.raw.read1(_PIECE, decode_content=True):
                pieces.append(piece)
                left -= len(piece)
                if left < 0:
                    raise AnswerTooLong(f"more than {self._max_bytes} bytes")
                if self._clock() > deadline:
                    raise requests.ReadTimeout(f"the answer was not complete after {self._seconds:g} s")
        except ReadTimeoutError as error:
            raise requests.ReadTimeout(str(error)) from error
        except DecodeError as error:
            raise requests.exceptions.ContentDecodingError(str(error)) from error
        except HTTPError as error:
            raise requests.exceptions.ChunkedEncodingError(str(error)) from error
        return b"".join(pieces)


class PoliteRetry(Retry):
    """Tries again where that can help and costs the server nothing: refused, reset, 429 and 502.

    Never after a time-out nor after 503 and 504 (the query was too heavy, and asking again would make it worse), nor after
    a certificate was refused.
    """

    @classmethod
    def few(cls) -> Self:
        """Two more tries, the second half a second later; an error status is handed on as an answer."""
        return cls(
            total=2,
            backoff_factor=0.25,
            status_forcelist=(429, 502),
            allowed_methods=None,
            raise_on_status=False,
            respect_retry_after_header=False,
        )

    def increment(self, method: str | None = None, url: str | None = None, *args: Any, **kwargs: Any) -> Self:
        """Count one failure; a time-out while reading or a TLS fault ends the tries."""
        error = kwargs.get("error")
        if isinstance(error, ReadTimeoutError | SSLError):
            raise error
        return super().increment(method, url, *args, **kwargs)
