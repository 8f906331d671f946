"""The door to a Prometheus-compatible API: one query out, one answer in, every failure a sentence.

Built on `prometheus_api_client.PrometheusConnect`. It knows no recipe, no target and no panel; it neither splits nor
repeats a query. Only `/query` and `/query_range` are needed: Managed Prometheus has little else; `flags` may come back empty.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, Self, TypeVar

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests.auth import AuthBase

from helios.sources.abandonment import Abandonable
from helios.sources.access import Access, open_session
from helios.sources.answers import Answer, Samples, samples
from helios.sources.sessions import AnswerTooLong, PoliteRetry, SentElsewhere
from scoring.errors import SourceUnavailable

T = TypeVar("T")


class Fault(Enum):
    """What kind of failure it was: it decides whom it costs."""

    UNREACHABLE = auto()
    """Nobody answers there, or will not let us in: it concerns every query."""
    TIMEOUT = auto()
    """This query took too long."""
    QUERY = auto()
    """This query is wrong."""
    TOO_MUCH = auto()
    """This query is right but asks for too much at once."""
    SERVER = auto()
    """The server failed over this query."""
    GARBAGE = auto()
    """The answer is not one."""
    SKIPPED = auto()
    """It was not asked: the time for such queries was up."""


class QueryFailed(SourceUnavailable):
    """One query failed.

    Attributes:
        fault: what kind of failure.
        problem: what came and what to do, without the address: fit for a target's status.
    """

    def __init__(self, url: str, name: str, fault: Fault, problem: str) -> None:
        super().__init__(f"Prometheus at {url}, query {name}: {problem}")
        self.fault = fault
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Grid:
    """The columns `start, start + step, …` of one query."""

    start: float
    step: float
    columns: int

    @property
    def end(self) -> float:
        """UNIX seconds of the last column."""
        return self.start + self.step * (self.columns - 1)

    def cut(self, first: int, columns: int) -> Grid:
        """Some columns of it."""
        return Grid(self.start + self.step * first, self.step, columns)


class Client:
    """Asks one Prometheus; thread-safe, every request bounded in time.

    Raises:
        QueryFailed: from both queries, for whatever goes wrong.
        SourceUnavailable: from both queries, at once, when the client is or gets closed.
    """

    def __init__(
        self, connect: PrometheusConnect, session: requests.Session, url: str, timeout_seconds: float
    ) -> None:
        self._connect, self._session = connect, session
        self._url = url
        self._timeout = timeout_seconds
        self._requests = Abandonable("prometheus-request")
        self._limits = {"timeout": f"{max(1, round(timeout_seconds))}s"}

    @classmethod
    def to(cls, access: Access, auth: AuthBase | None = None) -> Self:
        """A client for what `access` says."""
        session = open_session(access, auth)
        connect = PrometheusConnect(
            url=access.base_url, session=session, retry=PoliteRetry.few(), timeout=access.timeout_seconds
        )
        return cls(connect, session, access.base_url, access.timeout_seconds)

    def instant(self, name: str, query: str, decode: Callable[[Answer], T], at: float | None = None) -> T:
        """The vector of `query` at `at` (UNIX seconds), or now by the server's clock, as `decode` reads it."""
        when = {} if at is None else {"time": f"{at:.3f}"}
        return self._ask(
            name,
            "value",
            lambda: self._connect.custom_query(query=query, params={**self._limits, **when}),
            decode,
        )

    def matrix(self, name: str, query: str, grid: Grid) -> Samples:
        """The matrix of `query` on `grid`."""
        return self._ask(
            name,
            "values",
            lambda: self._connect.custom_query_range(
                query=query,
                start_time=datetime.fromtimestamp(grid.start, UTC),
                end_time=datetime.fromtimestamp(grid.end, UTC),
                step=f"{grid.step:.3f}",
                params={**self._limits, "start": f"{grid.start:.3f}", "end": f"{grid.end:.3f}"},
            ),
            samples,
        )

    def flags(self) -> dict[str, str]:
        """The server's own flags, such as `storage.tsdb.retention.time`; empty where it does not tell them.

        Prometheus alone does: no query needs them, and what stands before it or speaks like it answers 404.
        """
        url = f"{self._url}/api/v1/status/flags"
        try:
            answer = self._requests.run(lambda: self._session.get(url, timeout=self._timeout))
            told = answer.json()["data"] if answer.ok else {}
            return {str(name): str(value) for name, value in told.items()}
        except (requests.RequestException, LookupError, TypeError, ValueError, AttributeError):
            return {}

    def close(self) -> None:
        """End the connections; whoever waits for an answer, in any thread, waits no longer."""
        self._requests.close()
        self._connect.close()

    def failure(self, name: str, fault: Fault, problem: str) -> QueryFailed:
        """The failure of a query that is not asked at all, in the words of those that are."""
        return QueryFailed(self._url, name, fault, problem)

    def _ask(self, name: str, field: str, call: Callable[[], Any], decode: Callable[[Answer], T]) -> T:
        try:
            return decode(_checked(self._requests.run(call), field))
        except PrometheusApiClientException as error:
            fault, problem = _status_fault(str(error))
        except requests.exceptions.JSONDecodeError as error:
            fault, problem = Fault.GARBAGE, f"the answer is not JSON ({error}): {_NOT_THERE}"
        except (requests.RequestException, UnicodeError) as error:
            fault, problem = self._transport_fault(error)
        except (RecursionError, MemoryError):
            fault, problem = (
                Fault.GARBAGE,
                f"the answer is nested too deeply, or too large, to be read: {_NOT_THERE}",
            )
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            fault, problem = Fault.GARBAGE, f"the answer is not Prometheus' ({error}): {_NOT_THERE}"
        raise QueryFailed(self._url, name, fault, problem) from None

    def _transport_fault(self, error: Exception) -> tuple[Fault, str]:
        text, seconds = _reason(error), f"{self._timeout:g} s"
        kinds: list[tuple[tuple[type[Exception], ...], Fault, str]] = [
            (
                (requests.exceptions.SSLError,),
                Fault.UNREACHABLE,
                f"TLS failed ({text}): check ca_file, cert_file, key_file and the host name",
            ),
            (
                (requests.ConnectTimeout,),
                Fault.UNREACHABLE,
                f"no connection within {seconds}: check the address and the network",
            ),
            (
                (requests.ReadTimeout,),
                Fault.TIMEOUT,
                f"time-out after {seconds}: raise timeout_seconds, or relieve the server",
            ),
            (
                (SentElsewhere,),
                Fault.UNREACHABLE,
                f"it redirects to {text}, and no redirect is followed: correct the address, or let Helios past the login page",
            ),
            (
                (AnswerTooLong,),
                Fault.TOO_MUCH,
                f"the answer is too long ({text}): ask for fewer series",
            ),
            (
                (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError),
                Fault.GARBAGE,
                f"the answer broke off ({text}): is a proxy between, or the server out of memory?",
            ),
            (
                (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError),
                Fault.UNREACHABLE,
                f"the request cannot be sent ({text}): check the address, the headers and the token",
            ),
        ]
        for types, fault, problem in kinds:
            if isinstance(error, types):
                return fault, problem
        return Fault.UNREACHABLE, f"no connection ({text}): is it running, and is the address right?"


_NOT_THERE = "is this the address of a Prometheus API, without a login page before it?"
_TOO_MUCH = re.compile(
    r"too many (samples|points|series|data)|maximum resolution|exceed\w*.{0,60}(limit|maximum|\d)|"
    r"limit.{0,20}exceed|more than -search\.max|resource_exhausted",
    re.IGNORECASE,
)
"""How Prometheus, Thanos, Mimir, VictoriaMetrics and Google say that less should be asked for at once."""


def _checked(result: Any, field: str) -> Answer:
    """The result if it is of the type asked for.

    Raises:
        TypeError: it is of another type; the message says which.
    """
    if not isinstance(result, list):
        raise TypeError(f"result is {type(result).__name__}, not a list")
    for item in result:
        if not isinstance(item, dict):
            raise TypeError("result is a scalar or string: wrap a scalar in vector(…)")
        if field not in item:
            found = next(
                (known for known in ("value", "values", "histogram", "histograms") if known in item), None
            )
            raise TypeError(f"result type is wrong: expected {field!r}, got {found or sorted(item)!r}")
        labels = item.get("metric")
        if not isinstance(labels, Mapping) or not isinstance(item[field], list):
            raise TypeError("a series has no labels or no samples")
        if not all(isinstance(text, str) for text in labels.values()):
            raise TypeError("a label is not a string")
    return result


def _status_fault(message: str) -> tuple[Fault, str]:
    """Read the library's `HTTP Status Code 422 (b'…')` back into a status and what the server said."""
    match = re.fullmatch(r"HTTP Status Code (\d+) \((b.*)\)", message, re.DOTALL)
    if match is None:
        return Fault.SERVER, message[:300]
    status, said = int(match[1]), _said(ast.literal_eval(match[2]))
    text = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    rules = [
        (status in {401, 403, 407}, Fault.UNREACHABLE, ": check token, password, certificate and headers"),
        (
            status in {413, 414} or (status in {400, 422} and _TOO_MUCH.search(said) is not None),
            Fault.TOO_MUCH,
            ": the server's limit is lower than one query needs",
        ),
        (status in {400, 422}, Fault.QUERY, ""),
        (
            status < 500 and status != 429,
            Fault.UNREACHABLE,
            ": is this the base address of a Prometheus API, without /api/v1?",
        ),
        (
            status in {503, 504} and "time" in said.lower(),
            Fault.TIMEOUT,
            ": the query is too heavy for the server",
        ),
        (True, Fault.SERVER, ": look into the server's own log"),
    ]
    return next((fault, text + remedy) for applies, fault, remedy in rules if applies)


def _said(body: bytes) -> str:
    """The server's own words, in one line of sane length."""
    try:
        text = str(json.loads(body)["error"])
    except (ValueError, LookupError, TypeError, RecursionError, MemoryError):
        text = re.sub(r"<[^>]*>", " ", body[:2000].decode("utf-8", "replace"))
    return " ".join(text.split())[:300]


def _reason(error: BaseException) -> str:
    """The innermost reason of a transport error, without the libraries' wrapping."""
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        parts = (getattr(error, "reason", None), *error.args)
        inner = next((part for part in parts if isinstance(part, BaseException)), None)
    text = re.sub(r"^.*: (?=\[Errno)|\[[^\]]*\] ?|\(_ssl\.c:\d+\)", "", str(error))
    return " ".join(text.split())[:200]
