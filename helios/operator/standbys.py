"""Two operators on one cluster: what the one that stands by shows, and how it stays ready to take over.

It runs its own loop on its own history, and shows nothing of it: gauges it has none, and whatever else it is asked it passes
on to the holder of the lease. Before each cycle it takes what the holder has decided, so that ledger, breaker, hold-downs and
anomalies go on where they are. A holder that cannot be asked costs nothing but itself. Who holds is not decided here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from helios import snapshots
from helios.api import wires
from helios.api.fleets import written
from helios.api.live import Deviation, Live, MetricCurve
from helios.api.problems import Problem
from helios.api.relays import Patience, Relay, relaying
from helios.errors import SettingsError, SnapshotError
from scoring.errors import InvalidState
from scoring.reports import History, Report
from scoring.scorer import Scorer
from scoring.successions import succeed

MOST_BYTES = 2**30
"""Longest state that is read: of 10,000 targets it is some 60 MB."""
SETTING = "operator.lease.url (HELIOS_LEASE_URL) of that operator"
NOBODY = (
    "this operator does not hold the lease, and cannot tell who does: the API server does not answer, "
    "or nobody has taken it yet; nothing is published meanwhile"
)
LAPSED = (
    "this operator could not renew its lease in time, and cannot know whether another acts: it publishes and writes nothing "
    "until the API server answers; what is shown is its own"
)

log = structlog.get_logger("helios.operator")


class Predecessor(Protocol):
    """Who is asked for what was decided; `helios.api.relays.Relay` is."""

    def state(self, most: int) -> bytes:
        """As `helios.snapshots` stores it; empty where nothing is kept."""


class Office(Protocol):
    """Whether this operator acts; `helios.operator.leases.Elector` finds out."""

    def held(self) -> bool:
        """Whether it holds the lease just now."""

    def lapsed(self) -> bool:
        """Whether it was the last that did, and could not renew it."""


class Peer:
    """A relay to whoever holds the lease, for as long as another does.

    Args:
        patience: how long it is waited for.
    """

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience(between=1.0)
        self._url: str | None = None
        self._stack = contextlib.ExitStack()
        self.relay: Relay | None = None

    def follow(self, url: str | None) -> None:
        """The holder is there now; from one thread. None: nobody else is."""
        if url == self._url:
            return
        self._url, self.relay = url, None
        self._stack.close()
        if url is None:
            return
        try:
            self.relay = self._stack.enter_context(
                relaying(url, self._patience, prefix=wires.HELD, setting=SETTING)
            )
        except SettingsError as error:
            log.warning("the holder of the lease cannot be asked", fault=str(error))


class Heir:
    """Takes what the holder has decided.

    Args:
        held: whether this operator holds the lease itself.
        holder: who holds it otherwise, if that is known.
    """

    def __init__(self, held: Callable[[], bool], holder: Callable[[], Predecessor | None]) -> None:
        self._held, self._holder = held, holder
        self._said: str | None = None

    def inherit(self, scorer: Scorer, now: float) -> None:
        """Give `scorer` what the holder has decided; where that fails its own memory stays, and why is said once."""
        holder = self._holder()
        if self._held() or holder is None:
            return
        try:
            content = holder.state(MOST_BYTES)
            if not content:
                self._say("it keeps no state: set scoring.state_path (HELIOS_STATE_PATH) of every operator")
                return
            succeed(scorer, snapshots.read(content, "the holder's state"), now)
        except Problem as problem:
            self._say(problem.detail)
        except (SnapshotError, InvalidState) as error:
            self._say(str(error).removesuffix(": starting cold"))
        except Exception as error:  # noqa: BLE001 - whatever another process sends, the cycle comes
            self._say(f"{type(error).__name__}: {error}")
        else:
            if self._said is not None:
                log.info("the holder's decisions are taken again")
            self._said = None

    def _say(self, fault: str) -> None:
        if fault != self._said:
            log.warning("nothing taken from the holder of the lease", fault=fault)
        self._said = fault


class LeasedView:
    """Fulfils `helios.api.live.Live` and `helios.api.live.Relayed`: the own loop of who holds the lease, else the holder's.

    Who was the last to hold it and could not renew it goes on showing its own, as an API server that is away is when people
    look; but as expired, so that nobody acts on it.

    Args:
        own: the loop of this process.
        office: whether it holds the lease.
        holder: a relay to who holds it otherwise, if that is known.
        clock: UNIX seconds now.
    """

    def __init__(
        self,
        own: Live,
        office: Office,
        holder: Callable[[], Relay | None],
        clock: Callable[[], float],
    ) -> None:
        self._own, self._office, self._holder, self._clock = own, office, holder, clock

    def refuse(self) -> None:
        """Refuse to answer for whoever holds the lease, or held it last, where that is another.

        Raises:
            Problem: 503.
        """
        if not self._office.held() and not self._office.lapsed():
            raise Problem(503, "this operator does not hold the lease", headers={"Retry-After": "2"})

    def exposition(self, now: float) -> bytes:
        """The target gauges of who holds the lease, before they were written and after; else none."""
        if not self._office.held():
            return b""
        text = self._own.exposition(now)
        return text if self._office.held() else b""

    def gauges(self, within: float) -> bytes:
        """The same: a holder's gauges are never passed on."""
        del within
        return self.exposition(self._clock())

    def fleet(self) -> tuple[bytes, bytes | None]:
        """The answer of /targets."""
        live = self._shown()
        if isinstance(live, Relay):
            return live.fleet()
        return written(self, self._clock(), live.cycles(), dict(self.faults()))

    def reports(self) -> Sequence[Report]:
        """The latest report of every target."""
        reports = self._shown().reports()
        return [self._expired(one) for one in reports] if self._is_shown_lapsed() else reports

    def report(self, namespace: str, deployment: str) -> Report | None:
        """The latest report of one target."""
        report = self._shown().report(namespace, deployment)
        return report if report is None or not self._is_shown_lapsed() else self._expired(report)

    def history(self, namespace: str, deployment: str, points: int) -> History | None:
        """The last `points` grid steps of one target."""
        return self._shown().history(namespace, deployment, points)

    def forecast(self, namespace: str, deployment: str, periods: int) -> Sequence[MetricCurve] | None:
        """Forecast one target."""
        return self._shown().forecast(namespace, deployment, periods)

    def deviations(
        self, namespace: str, deployment: str, utilization: dict[str, float]
    ) -> Sequence[Deviation] | None:
        """How unusual these utilisations are for one target."""
        return self._shown().deviations(namespace, deployment, utilization)

    def step_seconds(self) -> float:
        """The grid step; both have the same."""
        return self._own.step_seconds()

    def cycles(self) -> int:
        """How many cycles have been posted by whose reports are shown."""
        live = self._live()
        return self._own.cycles() if live is None else live.cycles()

    def heartbeat_age(self, now: float) -> float | None:
        """Of the loop of this process, whoever holds the lease."""
        return self._own.heartbeat_age(now)

    def faults(self) -> Mapping[str, str]:
        """What the last cycle could not do of whose reports are shown."""
        live = self._live()
        if live is None:
            return {"lease": NOBODY}
        return {**live.faults(), "lease": LAPSED} if self._is_shown_lapsed() else live.faults()

    def _live(self) -> Live | None:
        if self._office.held():
            return self._own
        return self._holder() or (self._own if self._office.lapsed() else None)

    def _is_shown_lapsed(self) -> bool:
        return self._holder() is None and self._office.lapsed()

    def _expired(self, report: Report) -> Report:
        """A report that nobody may act on any more."""
        now = self._clock()
        return (
            report if report.expires_at is None else replace(report, expires_at=min(report.expires_at, now))
        )

    def _shown(self) -> Live:
        """Whose reports are shown.

        Raises:
            Problem: 503, nobody's.
        """
        live = self._live()
        if live is None:
            raise Problem(503, NOBODY, headers={"Retry-After": "2"})
        return live
