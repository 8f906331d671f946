"""The ledger: what was there against what would have been there, from the first day and for every target.

Beside what ran, three paths: what was recommended, as it was published, and two that are compared, each as if it alone had always
been followed: what an ordinary reactive decision would have been, and what the forecast asked for. Running sums in day buckets, of which the last seven days
count. Replicas of a path would have been there a start-up time after they were asked for and gone at once when they were not; they
cost from the moment they were asked for. Demand is *short* where it exceeds what the replicas can serve at
`maxUtilization`. It is arithmetic on what was observed: had a path been followed, demand itself might have differed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Floats, at_rows
from scoring.windows import summed, turned

DAYS = 7
DAY = 86_400.0
_ASKED = 64
(
    SECONDS,
    HOURS_ACTUAL,
    HOURS_RECOMMENDED,
    SHORT_ACTUAL,
    SHORT_RECOMMENDED,
    HOURS_REACTIVE,
    SHORT_REACTIVE,
    HOURS_AHEAD,
    SHORT_AHEAD,
) = range(9)
HOURS = (HOURS_ACTUAL, HOURS_RECOMMENDED, HOURS_REACTIVE)
SHORT = (SHORT_ACTUAL, SHORT_RECOMMENDED, SHORT_REACTIVE)
"""What is published: as it ran, as recommended, reactive."""
COLUMNS = 9
"""Of a row of the ledger: seconds seen; replica-hours and minutes short of what ran and of each path."""
PATHS = 3
"""Recommended, reactive, and by the forecast."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Sums and the recommendations still on their way.

    Attributes:
        buckets: `[targets, DAYS + 1, COLUMNS]`; NaN where a path was not known throughout a day.
        day: the day (UNIX days) that the newest bucket counts.
        asked, asked_at: past numbers of the paths, `[targets, 64, PATHS]`, where one of them changed, newest first, and when,
            `[targets, 64]`.
        at: when the last cycle was added, UNIX seconds.
        newest: what the last cycle added, `[targets, COLUMNS]`.
    """

    buckets: NDArray[np.float64]
    day: int
    asked: Floats
    asked_at: NDArray[np.float64]
    at: float
    newest: NDArray[np.float64]

    @classmethod
    def none(cls, targets: int) -> Ledger:
        """Nothing was seen yet."""
        return cls(
            np.zeros((targets, DAYS + 1, COLUMNS)),
            0,
            np.full((targets, _ASKED, PATHS), np.nan, np.float32),
            np.full((targets, _ASKED), -np.inf),
            -np.inf,
            np.zeros((targets, COLUMNS)),
        )

    def for_rows(self, targets: NDArray[np.intp]) -> Ledger:
        """This ledger for another fleet: its old rows, or -1 for what is new."""
        return replace(
            self,
            buckets=at_rows(self.buckets, targets, 0),
            asked=at_rows(self.asked, targets, np.nan),
            asked_at=at_rows(self.asked_at, targets, -np.inf),
            newest=at_rows(self.newest, targets, 0),
        )

    def add(
        self,
        now: float,
        interval: float,
        *,
        needed: Floats,
        replicas: Floats,
        recommended: Floats,
        reactive: Floats,
        ahead: Floats,
        start_seconds: Floats,
    ) -> Ledger:
        """One more cycle.

        Args:
            now: UNIX seconds.
            interval: the scoring interval; a pause longer than two is not counted at all.
            needed: replicas that the observed demand takes at `maxUtilization`, not rounded, `[targets]`.
            replicas: current replicas, `[targets]`.
            recommended: this cycle's recommendation, as published, `[targets]`; NaN where none was decided.
            reactive: what an ordinary reactive decision would have been, by itself, `[targets]`.
            ahead: what the forecast asked for, by itself, whether or not it was withdrawn, `[targets]`.
            start_seconds: from asking for a pod until it is ready, `[targets]`: the lead time less the interval.
        """
        there = self._would_be_there(now, start_seconds)
        seconds = now - self.at if 0 < now - self.at <= 2 * interval else 0.0
        known = ~np.isnan(needed) & ~np.isnan(replicas) & ~np.isnan(there).any(axis=1)
        minutes, hours = seconds / 60, seconds / 3600
        row = np.empty((len(needed), COLUMNS))
        row[:, SECONDS], row[:, HOURS_ACTUAL] = seconds, replicas * hours
        row[:, [HOURS_RECOMMENDED, HOURS_REACTIVE, HOURS_AHEAD]] = self.asked[:, 0] * hours
        with np.errstate(invalid="ignore"):
            row[:, SHORT_ACTUAL] = (needed > replicas) * minutes
            short = (needed[:, None] > there) * minutes
        row[:, [SHORT_RECOMMENDED, SHORT_REACTIVE, SHORT_AHEAD]] = short
        newest = np.where(known[:, None], row, 0)
        day = int((now - seconds / 2) // DAY)
        buckets = turned(self.buckets, day - self.day if self.day else 0)
        buckets[:, 0] += newest
        asks = np.stack([recommended, reactive, ahead], axis=1)
        changed = (asks != self.asked[:, 0]).any(axis=1) | (self.asked_at[:, 0] > now)
        fresh = ~np.isnan(asks).any(axis=1) & changed
        asked, asked_at = self.asked.copy(), self.asked_at.copy()
        asked[fresh, 1:], asked[fresh, 0] = self.asked[fresh, :-1], asks[fresh]
        asked_at[fresh, 1:], asked_at[fresh, 0] = self.asked_at[fresh, :-1], now
        return Ledger(buckets, day, asked, asked_at, now, newest)

    def sums(self) -> NDArray[np.float64]:
        """All targets' sums over the last seven days: `[targets, COLUMNS]`, the columns as of `SECONDS` and so on."""
        return summed(self.buckets, self.at / DAY - self.day)

    def _would_be_there(self, now: float, start_seconds: Floats) -> Floats:
        """The least that each path asked for at any time of the last start-up time: what has had time to start."""
        cutoff = now - start_seconds.astype(np.float64)
        before = np.where(self.asked_at <= cutoff[:, None], self.asked_at, -np.inf).max(
            axis=1, initial=-np.inf
        )
        counted = (self.asked_at >= before[:, None]) & np.isfinite(self.asked_at) & (self.asked_at <= now)
        least = np.where(counted[:, :, None], self.asked, np.float32(np.inf)).min(axis=1)
        return np.where(np.isfinite(before)[:, None], least, np.float32(np.nan))


def ledger_line(
    seconds: float,
    actual: float,
    recommended: float,
    short: float,
    would: float,
    reactive: tuple[float, float] | None = None,
) -> str:
    """The ledger in one line: `7 days: -14 % replica-hours, 2 minutes short; as it ran: 11; reactive: -3 %, 9`.

    Args:
        seconds: what it spans.
        actual: replica-hours as it ran.
        recommended: replica-hours as recommended.
        short: minutes short as it ran.
        would: minutes short as recommended.
        reactive: replica-hours and minutes short of the reactive path; None where they are not known.
    """
    if seconds <= 0 or actual <= 0:
        return "nothing to compare yet"
    line = (
        f"{span(seconds)}: {_change(recommended, actual)} replica-hours, "
        f"{would:.0f} minute{'' if round(would) == 1 else 's'} short; as it ran: {short:.0f}"
    )
    return (
        line if reactive is None else f"{line}; reactive: {_change(reactive[0], actual)}, {reactive[1]:.0f}"
    )


def _change(hours: float, actual: float) -> str:
    return f"{round(100 * (hours / actual - 1)):+d} %"


def span(seconds: float) -> str:
    """In the largest unit of which there is one; a twentieth of it missed (a restart, a slow cycle) does not count."""
    for size, name in ((DAY, "day"), (3600.0, "hour"), (60.0, "minute")):
        count = int(seconds / size + 0.05)
        if count:
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds:.0f} seconds"
