"""The breaker: a forecast that loses to the reactive path is withdrawn, and comes back when it has won again.

Both paths are reckoned for every target in every cycle, whoever decides (`scoring.ledgers`), and compared over one window of time. It
is *open* while a target's forecast has lost; whether that withdraws anything is for those to say who know the target's mode.
No cluster, no clock: `now` is an argument, and so is what a cycle added to the ledger.

It opens when, within the window, the forecast's path was short by more than a budget beyond the reactive path, or cost a stated
share more replica-hours and was no less short: neither within the window nor in the whole ledger, for a margin is no waste
because one day did not need it; so cost is not judged before the ledger holds a week of both. It closes when a whole window has passed since, the forecast would have decided for half of it,
and lost nothing: no minute shorter than the reactive path, and not beyond half of that share in the same sense. What lies
between the two keeps it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.ledgers import (
    DAY,
    DAYS,
    HOURS_AHEAD,
    HOURS_REACTIVE,
    SECONDS,
    SHORT_AHEAD,
    SHORT_REACTIVE,
    span,
)
from scoring.panels import Bools, at_rows
from scoring.windows import summed, turned

BUCKETS = 12
SEEN, TRUSTED, HOURS, HOURS_BARE, SHORT, SHORT_BARE = range(6)
"""Columns: seconds seen, and of them those in which the forecast decided in its path; replica-hours and minutes short of the
forecast's path and of the reactive one."""
_OF_LEDGER = [HOURS_AHEAD, HOURS_REACTIVE, SHORT_AHEAD, SHORT_REACTIVE]
WINDOW = 4
"""Of figures the place of the window, in seconds, behind replica-hours and minutes short of the two paths."""
FIGURES = 5


@dataclass(frozen=True, slots=True)
class Terms:
    """When a forecast has lost, and when it has won again.

    Attributes:
        window: seconds that are judged: a day, or the day of a replay at speed.
        budget: minutes in a day that the forecast's path may be short beyond the reactive one; of another window its share.
        dearer: share of replica-hours that it may cost beyond the reactive one where it is no less short.
        seen: share of the window that must have been seen before shortage opens; cost is judged over nearly all of it.
        trusted: share of what was seen in which the forecast must have decided before the breaker closes.
    """

    window: float = DAY
    budget: float = 10.0
    dearer: float = 0.25
    seen: float = 0.25
    trusted: float = 0.5

    @property
    def minutes(self) -> float:
        """The budget of one window."""
        return self.budget * self.window / DAY


WHOLE = 0.9
"""Of a window; the rest may be lost to restarts and slow cycles."""
EVEN = 1e-4
"""Share of what is judged by which minutes short may differ and be even: 9 s of a day. No interval is as long as the next to the millisecond."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breakers of a fleet.

    Attributes:
        opened: which are open, `[targets]`.
        since: when each opened or closed last, UNIX seconds, `[targets]`; NaN: never.
        then: the figures at that time, `[targets, FIGURES]`.
        buckets: `[targets, BUCKETS + 1, 6]`: sums of the window, see `scoring.windows`.
        place: number of the newest bucket.
        at: when the last cycle was added, UNIX seconds.
        window: seconds of the window.
    """

    opened: Bools
    since: NDArray[np.float64]
    then: NDArray[np.float64]
    buckets: NDArray[np.float64]
    place: int
    at: float
    window: float = DAY

    @classmethod
    def none(cls, targets: int) -> Breaker:
        """All are closed, and nothing was seen yet."""
        return cls(
            np.zeros(targets, np.bool_),
            np.full(targets, np.nan),
            np.full((targets, FIGURES), np.nan),
            np.zeros((targets, BUCKETS + 1, 6)),
            0,
            -np.inf,
        )

    def for_rows(self, targets: NDArray[np.intp]) -> Breaker:
        """These breakers for another fleet: the old rows, or -1 for what is new."""
        return replace(
            self,
            opened=at_rows(self.opened, targets, np.False_),
            since=at_rows(self.since, targets, np.nan),
            then=at_rows(self.then, targets, np.nan),
            buckets=at_rows(self.buckets, targets, 0),
        )

    def add(
        self,
        now: float,
        row: NDArray[np.float64],
        week: NDArray[np.float64],
        trusted: Bools,
        terms: Terms | None = None,
    ) -> Breaker:
        """One more cycle.

        Args:
            now: UNIX seconds.
            row: what the cycle added to the ledger, `[targets, scoring.ledgers.COLUMNS]`.
            week: the ledger's sums, `[targets, scoring.ledgers.COLUMNS]`; NaN where a path is not known for all of it.
            trusted: where a forecast decided in the forecast's path, `[targets]`.
            terms: when a forecast has lost; by default as `Terms` has them.
        """
        terms = terms or Terms()
        size = terms.window / BUCKETS
        place = int(now // size)
        known = self.buckets if self.window == terms.window else np.zeros_like(self.buckets)
        buckets = turned(known, place - self.place if self.place else 0)
        seconds = row[:, SECONDS]
        added = np.concatenate(
            [np.stack([seconds, np.where(trusted, seconds, 0)], axis=1), row[:, _OF_LEDGER]], axis=1
        )
        buckets[:, 0] += added
        made = replace(self, buckets=buckets, place=place, at=now, window=terms.window)
        sums = made.sums()
        useless = _useless(week, terms)
        # a clock that was set back must not keep a breaker open until it has caught up
        since = np.minimum(self.since, now)
        opening = ~self.opened & _lost(sums, useless, terms)
        closing = self.opened & (now - since >= terms.window) & _won(sums, useless, terms)
        turning = opening | closing
        return replace(
            made,
            opened=(self.opened | opening) & ~closing,
            since=np.where(turning, now, since),
            then=np.where(turning[:, None], made.figures(), self.then),
        )

    def sums(self) -> NDArray[np.float64]:
        """What the window holds, `[targets, 6]`, the columns as of `SEEN` and so on."""
        return summed(self.buckets, self.at / (self.window / BUCKETS) - self.place)

    def figures(self) -> NDArray[np.float64]:
        """Replica-hours and minutes short of both paths in the window, and its seconds: `[targets, FIGURES]`; NaN: none seen."""
        sums = self.sums()
        seen = np.where(sums[:, [SEEN]] > 0, sums[:, HOURS:], np.nan)
        return np.concatenate([seen, np.full((len(sums), 1), self.window)], axis=1)

    def posted(self, acts: Bools) -> dict[str, NDArray[Any]]:
        """What is published of it; it withdraws a forecast where decisions scale the workload, `acts`."""
        return {
            "breaker": (self.opened & acts).astype(np.float32),
            "losing": self.opened.astype(np.float32),
            "turned_at": self.since,
            "turned_by": self.then,
            "versus": self.figures(),
        }


def _lost(sums: NDArray[np.float64], useless: Bools, terms: Terms) -> Bools:
    """Who lost by more than is allowed."""
    shorter = sums[:, SHORT] - sums[:, SHORT_BARE]
    short = (sums[:, SEEN] >= terms.seen * terms.window) & (shorter > terms.minutes)
    return short | _dear(sums, useless, terms, terms.dearer)


def _won(sums: NDArray[np.float64], useless: Bools, terms: Terms) -> Bools:
    """Who had something to be judged by, and lost nothing."""
    judged = sums[:, SEEN] >= WHOLE * terms.window
    judged &= sums[:, TRUSTED] >= terms.trusted * sums[:, SEEN]
    judged &= sums[:, SHORT] <= sums[:, SHORT_BARE] + EVEN * terms.window / 60
    return judged & ~_dear(sums, useless, terms, terms.dearer / 2)


def _useless(week: NDArray[np.float64], terms: Terms) -> Bools:
    """Whose forecast spared no minute in the ledger, where that holds seven windows of both paths; else it is not known."""
    with np.errstate(invalid="ignore"):
        spared_none: Bools = week[:, SHORT_AHEAD] >= week[:, SHORT_REACTIVE]
    return spared_none & (week[:, SECONDS] >= WHOLE * DAYS * terms.window)


def _dear(sums: NDArray[np.float64], useless: Bools, terms: Terms, share: float) -> Bools:
    """Who cost so much more over the whole window, and was no less short for it, being `useless` before."""
    dear: Bools = (
        useless
        & (sums[:, SEEN] >= WHOLE * terms.window)
        & (sums[:, SHORT] >= sums[:, SHORT_BARE] - EVEN * terms.window / 60)
        & (sums[:, HOURS] > (1 + share) * sums[:, HOURS_BARE])
    )
    return dear


def comparison(figures: tuple[float, float, float, float, float]) -> str:
    """Both paths in words: `in the last day the forecast was 14 minutes short, a reactive autoscaler 2`.

    Args:
        figures: replica-hours of the forecast and of the reactive path, their minutes short, seconds of the window; finite.
    """
    hours, bare, short, short_bare, window = figures
    minutes = f"{short:.0f} minute{'' if round(short) == 1 else 's'}"
    said = f"in the last {span(window).removeprefix('1 ')} the forecast was {minutes} short, a reactive autoscaler {short_bare:.0f}"
    change = round(100 * (hours / bare - 1)) if bare > 0 else 0
    return f"{said}, at {change:+d} % replica-hours" if change else said
