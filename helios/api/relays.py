"""The loop of another process as this one's API sees it: `helios serve` shows what `helios operator` knows.

Nothing is kept beyond a question but what waits for news (how many cycles, which faults), which one thread asks for
again and again. An operator that is away costs a clear 503, or the gauges of one scrape as a whole; never a wrong
number, and never this process. Whether the operator is alive is not for this process' liveness.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog
from pydantic import TypeAdapter

from helios.api import wires
from helios.api.callers import RETRY_SECONDS, Caller, Parameters
from helios.api.live import Deviation, MetricCurve
from helios.api.problems import Problem
from scoring.reports import History, Report

log = structlog.get_logger("helios.relay")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an operator is waited for, seconds.

    Attributes:
        between: from one look for news to the next.
        news: for an answer to it; then the operator is away, and no question is asked until it is back.
        answer: for an answer about one target.
        fleet: for that about the whole fleet, which takes seconds to write down where it is large.
        gauges: for the gauges, unless the scrape says otherwise.
        state: for what was decided.
    """

    between: float = 0.5
    news: float = 2.0
    answer: float = 5.0
    fleet: float = 30.0
    gauges: float = 5.0
    state: float = 10.0


@dataclass(frozen=True, slots=True)
class News:
    """What the looks brought: the last status that there was, and why the last look brought none (`away`, in words)."""

    status: wires.Status | None = None
    away: str | None = None


@contextlib.contextmanager
def relaying(
    url: str,
    patience: Patience | None = None,
    *,
    prefix: str = wires.PREFIX,
    setting: str = "operator.url (HELIOS_OPERATOR_URL)",
) -> Iterator[Relay]:
    """A relay to the operator at `url` (`http://127.0.0.1:8081`) while the block lasts.

    Args:
        url: its address, without a path.
        patience: how long it is waited for.
        prefix: of what is asked for: `wires.HELD` where an operator asks another.
        setting: what to check where the address is wrong.

    Raises:
        SettingsError: the address is none.
    """
    caller = Caller(url, prefix=prefix, setting=setting)
    relay = Relay(caller, patience or Patience())
    caller.start(relay.keep_fresh)
    try:
        yield relay
    finally:
        caller.close()


class Relay:
    """Fulfils `helios.api.live.Live` and `helios.api.live.Relayed`.

    Raises:
        Problem: 503, from whatever asks the operator, where it does not answer.

    Args:
        caller: how it is asked.
        patience: how long it is waited for.
    """

    def __init__(self, caller: Caller, patience: Patience) -> None:
        self._caller, self._patience = caller, patience
        self._news = News()

    async def keep_fresh(self) -> None:
        """Look for news for ever; a change from away to back is logged, and the other way round."""
        while True:
            before = self._news
            self._news = await self._look(before.status)
            if self._news.away and not before.away:
                log.warning("operator away", fault=self._news.away)
            elif before.away and not self._news.away:
                log.info("operator back", url=self._caller.url)
            await asyncio.sleep(self._patience.between)

    async def _look(self, known: wires.Status | None) -> News:
        try:
            reply = await self._caller.fetch("status", within=self._patience.news)
            return News(wires.STATUS.validate_json(reply.body))
        except Problem as problem:
            return News(known, problem.detail)
        except ValueError:
            return News(known, self._caller.stranger("a status of another shape").detail)

    def reports(self) -> Sequence[Report]:
        """The latest report of every target."""
        return self._ask(wires.REPORTS, "reports", within=self._patience.fleet)

    def report(self, namespace: str, deployment: str) -> Report | None:
        """The latest report of one target."""
        return self._ask(wires.REPORT, "report", _named(namespace, deployment))

    def history(self, namespace: str, deployment: str, points: int) -> History | None:
        """The last `points` grid steps of one target."""
        return self._ask(wires.HISTORY, "history", (*_named(namespace, deployment), ("points", points)))

    def forecast(self, namespace: str, deployment: str, periods: int) -> Sequence[MetricCurve] | None:
        """Forecast one target; each curve carries the step of the operator that made it."""
        asked = (*_named(namespace, deployment), ("periods", periods))
        found = self._ask(wires.OUTLOOK, "forecast", asked)
        if found is None:
            return None
        return [replace(curve, step=found.step_seconds) for curve in found.curves]

    def deviations(
        self, namespace: str, deployment: str, utilization: dict[str, float]
    ) -> Sequence[Deviation] | None:
        """How unusual these utilisations are for one target."""
        metrics = [("metric", name) for name in utilization]
        ratios = [("ratio", value) for value in utilization.values()]
        asked = (*_named(namespace, deployment), *metrics, *ratios)
        return self._ask(wires.DEVIATIONS, "deviations", asked)

    def exposition(self, now: float) -> bytes:
        """The target gauges and the loop's metrics; whether they have expired is the operator's to say."""
        return self.gauges(self._patience.gauges)

    def gauges(self, within: float) -> bytes:
        """The same, within so many seconds; empty where the operator is away. It is asked even if it seems to be."""
        try:
            seconds = min(within, self._patience.gauges)
            return self._caller.ask("exposition", within=seconds, kind="text/plain").body
        except Problem as problem:
            log.debug("gauges cut", fault=problem.detail)
            return b""

    def fleet(self) -> tuple[bytes, bytes | None]:
        """The answer of /targets as the operator wrote it, plain and packed."""
        self._refuse_away()
        reply = self._caller.ask("targets", within=self._patience.fleet)
        if not reply.packed:
            return reply.body, None
        try:
            return gzip.decompress(reply.body), reply.body
        except (OSError, EOFError, zlib.error):
            raise self._caller.stranger("targets that cannot be unpacked") from None

    def state(self, most: int) -> bytes:
        """What was decided, as `helios.snapshots` stores it, of at most so many bytes; empty where the operator keeps nothing.

        Raises:
            Problem: 503.
        """
        self._refuse_away()
        return self._caller.ask("state", within=self._patience.state, kind=wires.STATE, most=most).body

    def step_seconds(self) -> float:
        """The operator's grid step; the requirements' period before it has said."""
        status = self._news.status
        return 300.0 if status is None else status.step_seconds

    def cycles(self) -> int:
        """How many cycles the operator had posted when it was last heard of."""
        status = self._news.status
        return 0 if status is None else status.cycles

    def heartbeat_age(self, now: float) -> float | None:
        """No loop runs in this process."""
        return None

    def faults(self) -> Mapping[str, str]:
        """What the operator's last cycle could not do, or that it is away."""
        news = self._news
        if news.away is not None:
            return {"operator": news.away}
        return {} if news.status is None else news.status.faults

    def _ask(
        self, adapter: TypeAdapter[T], path: str, parameters: Parameters = (), within: float | None = None
    ) -> T:
        self._refuse_away()
        reply = self._caller.ask(path, parameters, within=within or self._patience.answer)
        try:
            return adapter.validate_json(reply.body)
        except ValueError:
            raise self._caller.stranger(f"{path} of another shape") from None

    def _refuse_away(self) -> None:
        """A hung operator would keep each question waiting, and with them the threads that others need.

        Raises:
            Problem: 503.
        """
        away = self._news.away
        if away is not None:
            raise Problem(503, away, headers={"Retry-After": str(RETRY_SECONDS)})


def _named(namespace: str, deployment: str) -> Parameters:
    return (("namespace", namespace), ("deployment", deployment))
