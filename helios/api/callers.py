"""Asks one operator over HTTP, from a thread of its own, each question with a time within which all of it is over.

A time-out between two bytes would not do: an operator that trickles, or that accepts and never answers, must not keep a
scrape waiting. Every failure is a `Problem` in words; nothing is repeated, nothing is kept.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

import httpx

from helios.api import wires
from helios.api.problems import Problem
from helios.errors import SettingsError

JSON = "application/json"
RETRY_SECONDS = 2
_PROBLEM_BYTES = 2**16
_IDLE_SECONDS = 2.0
"""An idle connection is given up before uvicorn closes it (5 s): one closed under a question costs its answer."""

Parameters = Sequence[tuple[str, str | int | float]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An operator's answer, complete; `packed`: by gzip."""

    body: bytes
    packed: bool


class Caller:
    """Asks the operator at `url`; from any thread but its own.

    Args:
        url: its address, without a path.
        prefix: of what is asked for.
        setting: what to check where the address is wrong.

    Raises:
        SettingsError: the address is none.
    """

    def __init__(
        self, url: str, *, prefix: str = wires.PREFIX, setting: str = "operator.url (HELIOS_OPERATOR_URL)"
    ) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise SettingsError(
                f"{setting.partition(' ')[0]} {url!r} is no address ({error}): give one such as http://127.0.0.1:8081"
            ) from error
        self._setting = setting
        self.url = str(parsed.copy_with(username=None, password=None)).rstrip("/")
        # its address is that of this pod, or of this cluster: no proxy lies between
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/") + prefix,
            timeout=None,  # noqa: S113 - the whole of a question is timed
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
            trust_env=False,
            verify=parsed.scheme == "https",  # nothing to verify with is loaded in vain
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, errand: Callable[[], Awaitable[None]]) -> None:
        """Begin, and run `errand` in the caller's own event loop until `close`."""
        begun = threading.Event()

        async def work() -> None:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            async with self._client:
                begun.set()
                await errand()

        self._thread = threading.Thread(
            target=_until_cancelled, args=(work,), name="helios-relay", daemon=True
        )
        self._thread.start()
        begun.wait()

    def close(self) -> None:
        """End; whoever waits for an answer is told so."""
        if self._loop is None or self._thread is None or self._task is None:
            return
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
        self._loop = None

    def ask(
        self,
        path: str,
        parameters: Parameters = (),
        *,
        within: float,
        kind: str = JSON,
        most: float = math.inf,
    ) -> Reply:
        """The answer to one question; see `fetch`."""
        if (loop := self._loop) is None:
            raise self.away("is not asked any more: this process is ending, or asks another by now")
        question = self.fetch(path, parameters, within=within, kind=kind, most=most)
        try:
            return asyncio.run_coroutine_threadsafe(question, loop).result()
        except (CancelledError, RuntimeError):  # it ended meanwhile, or just before
            question.close()
            raise self.away("is not asked any more: this process is ending, or asks another by now") from None

    async def fetch(
        self,
        path: str,
        parameters: Parameters = (),
        *,
        within: float,
        kind: str = JSON,
        most: float = math.inf,
    ) -> Reply:
        """The answer to one question, in the caller's own event loop.

        Args:
            path: below the door's prefix.
            parameters: of the query.
            within: seconds after which it is given up.
            kind: how the content type must begin.
            most: bytes, as they come over the wire; a longer answer is given up.

        Raises:
            Problem: 503: it did not answer, or not as an operator of this version does; which, and what to do.
        """
        try:
            async with (
                asyncio.timeout(within),
                self._client.stream(
                    "GET", path, params=list(parameters), headers={"accept-encoding": "gzip"}
                ) as answer,
            ):
                await self._believe(answer, kind)
                body = await self._whole(answer, most)
                return Reply(body, answer.headers.get("content-encoding") == "gzip")
        except TimeoutError:
            raise self.away(f"gave no answer within {within:g} s: it hangs, or is overloaded") from None
        except httpx.ConnectError as error:
            raise self.away(
                f"cannot be reached ({_reason(error)}): see that it runs, and that {self._setting} is its address"
            ) from None
        except httpx.TransportError as error:
            raise self.away(
                f"broke off its answer ({error}): it may be restarting; its log says more"
            ) from None
        except Exception as error:  # whatever else: the next look must come, and a scrape succeed
            if isinstance(error, Problem):
                raise
            raise self.away(
                f"cannot be asked ({type(error).__name__}: {error}): check {self._setting}"
            ) from None

    def away(self, what: str) -> Problem:
        """503: the operator at this address, and what is the matter with it."""
        return Problem(503, f"the operator at {self.url} {what}", headers={"Retry-After": str(RETRY_SECONDS)})

    def stranger(self, why: str) -> Problem:
        """503: somebody else answers there."""
        return self.away(
            f"does not answer as an operator of this version ({why}): check that {self._setting} is its address, "
            "and that both are of one version"
        )

    async def _whole(self, answer: httpx.Response, most: float) -> bytes:
        """The body as it comes.

        Raises:
            Problem: 503, it is longer than `most` bytes.
        """
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > most:
                raise self.away(f"answers with more than {most:.0f} bytes")
        return bytes(body)

    async def _believe(self, answer: httpx.Response, kind: str) -> None:
        """Refuse what is not an operator's answer, before its body is read.

        Raises:
            Problem: 503; in the operator's own words where it says why it cannot answer.
        """
        if answer.status_code == 503 and answer.headers.get(wires.HEADER) == wires.VERSION:
            raise _passed_on(await self._whole(answer, _PROBLEM_BYTES))
        if answer.status_code >= 500:
            raise self.away(f"failed to answer (HTTP {answer.status_code}): its log says why")
        found = answer.headers.get("content-type", "no type")
        known = answer.headers.get(wires.HEADER) == wires.VERSION and found.startswith(kind)
        if answer.status_code != 200 or not known:
            raise self.stranger(f"HTTP {answer.status_code}, {found}")
        # a body that ends with its connection could end anywhere
        if not {"content-length", "transfer-encoding"} & set(answer.headers):
            raise self.stranger("an answer without a length")


def _passed_on(body: bytes) -> Problem:
    """503: an operator's own word for why it cannot answer."""
    try:
        detail = str(json.loads(body)["detail"])
    except (ValueError, LookupError, TypeError):
        detail = "the operator cannot answer, and does not say why"
    return Problem(503, detail, headers={"Retry-After": str(RETRY_SECONDS)})


def _reason(error: BaseException) -> str:
    """Why there is no connection: what the system said, which others have wrapped."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number is not None and number > 0 else str(error)


def _until_cancelled(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        asyncio.run(work())
    except asyncio.CancelledError:
        return
