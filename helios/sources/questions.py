"""Questions to Prometheus, two at a time: cut to size, halved where a server finds them too much.

A question that many targets share must be answered; one that a single target brought may fail, and costs that target
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from helios.sources.answers import Samples, merged
from helios.sources.clients import Client, Fault, Grid, QueryFailed
from helios.sources.shards import windows

T = TypeVar("T")

AT_ONCE = 2
"""Requests under way at a time: back-fill must not crowd out the people who look at dashboards."""

HALVINGS = 6
"""How often a range is halved before the server's limit is believed."""

FIRST_REST_SECONDS = 60.0
LONGEST_REST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Question:
    """One query over one grid.

    Attributes:
        name: what an error calls it.
        query: PromQL.
        width: how many series are expected.
        shared: whether its failure fails the whole read.
    """

    name: str
    query: str
    width: int
    shared: bool


@dataclass(frozen=True, slots=True)
class Allowance:
    """So much time some questions have together; those that have not begun by then are not asked.

    Args:
        seconds: how much.
        clock: seconds that only move forward.
        until: when it is used up.
    """

    seconds: float
    clock: Callable[[], float]
    until: float

    @classmethod
    def of(cls, seconds: float, clock: Callable[[], float]) -> Allowance:
        """An allowance that begins now."""
        return cls(seconds, clock, clock() + seconds)

    def is_used_up(self) -> bool:
        """Whether nothing more may begin."""
        return self.clock() >= self.until


def ask(
    client: Client, questions: Sequence[Question], grid: Grid, allowance: Allowance | None = None
) -> list[Samples | QueryFailed]:
    """Answer every question over the whole grid, in order.

    Raises:
        QueryFailed: a shared question failed, or nobody answers at all.
        SourceUnavailable: the client was closed.
    """
    pieces = [
        (number, question, grid.cut(first, columns))
        for number, question in enumerate(questions)
        for first, columns in windows(grid.columns, question.width)
    ]
    calls = [_call(client, question, part, allowance) for _, question, part in pieces]
    answers = together(calls, [question.shared for _, question, _ in pieces])
    found: list[Samples | QueryFailed] = []
    for number in range(len(questions)):
        mine = [answer for (owner, _, _), answer in zip(pieces, answers, strict=True) if owner == number]
        failed = next((one for one in mine if isinstance(one, QueryFailed)), None)
        found.append(failed or merged(one for one in mine if isinstance(one, Samples)))
    return found


def together(calls: Sequence[Callable[[], T]], must: Sequence[bool]) -> list[T | QueryFailed]:
    """Run calls two at a time; a failure that is allowed stands in its place.

    Raises:
        QueryFailed: one that must not fail did, or nobody answers at all; what had not begun is dropped.
    """
    with ThreadPoolExecutor(AT_ONCE, "prometheus") as pool:
        futures = [pool.submit(call) for call in calls]
        found: list[T | QueryFailed] = []
        try:
            for future, shared in zip(futures, must, strict=True):
                answer: T | QueryFailed = _result(future, shared=shared)
                found.append(answer)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return found


def _result(future: Future[T], *, shared: bool) -> T | QueryFailed:
    try:
        return future.result()
    except QueryFailed as error:
        if shared or error.fault is Fault.UNREACHABLE:
            raise
        return error


def _call(
    client: Client, question: Question, grid: Grid, allowance: Allowance | None
) -> Callable[[], Samples]:
    def call() -> Samples:
        if allowance is not None and allowance.is_used_up():
            raise client.failure(question.name, Fault.SKIPPED, _SKIPPED.format(allowance.seconds))
        return _matrix(client, question, grid)

    return call


_SKIPPED = (
    "not asked: within {:g} s the targets' own queries had no time left for it; make the slow ones among them "
    "cheaper, with recording rules"
)


def _matrix(client: Client, question: Question, grid: Grid, halvings: int = HALVINGS) -> Samples:
    """One request, or two of half the length where it is too much for the server."""
    try:
        return client.matrix(question.name, question.query, grid)
    except QueryFailed as error:
        if error.fault is not Fault.TOO_MUCH or grid.columns == 1 or halvings == 0:
            raise
    half = grid.columns // 2
    parts = (grid.cut(0, half), grid.cut(half, grid.columns - half))
    return merged([_matrix(client, question, part, halvings - 1) for part in parts])


class Rests:
    """Queries that lately took too long are left alone for a while, longer each time, up to ten minutes.

    Args:
        clock: seconds that only move forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[str, tuple[float, float, str]] = {}

    def why(self, query: str) -> str | None:
        """What went wrong with a query that rests now; None where it may be asked."""
        until, _, problem = self._until.get(query, (0.0, 0.0, ""))
        # no countdown: the same fault in the same words is logged once
        return (
            f"{problem} (it rests up to ten minutes before it is asked again)"
            if self._clock() < until
            else None
        )

    def is_suspect(self, query: str) -> bool:
        """Whether a query has not worked since it failed last."""
        return query in self._until

    def failed(self, query: str, problem: str) -> None:
        """Let a query rest."""
        _, last, _ = self._until.get(query, (0.0, FIRST_REST_SECONDS / 2, ""))
        pause = min(LONGEST_REST_SECONDS, 2 * last)
        self._until[query] = (self._clock() + pause, pause, problem)

    def worked(self, query: str) -> None:
        """Forget what was wrong with a query."""
        self._until.pop(query, None)
