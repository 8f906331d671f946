"""The ledger: what was there against what would have been there, from the first day and for every target.

Running sums in day buckets, of which the last seven days count: the oldest bucket for as much of it as is still within
them. Recommended replicas would have been there a start-up time after they were
asked for and gone at once when they were not; they cost from the moment they were asked for. Demand is *short*
where it exceeds what the replicas can serve at `maxUtilization`. It is arithmetic on what was observed: had the
recommendation been followed, demand itself might have differed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Floats, at_rows

DAYS = 7
DAY = 86_400.0
_ASKED = 64
SECONDS, HOURS_ACTUAL, HOURS_RECOMMENDED, SHORT_ACTUAL, SHORT_RECOMMENDED = range(5)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Sums and the recommendations still on their way.

    Attributes:
        buckets: `[targets, DAYS + 1, 5]`: seconds seen, replica-hours actual and recommended, minutes short of both.
        day: the day (UNIX days) that the newest bucket counts.
        asked, asked_at: past recommendations where they changed, newest first, `[targets, 64]`.
        at: when the last cycle was added, UNIX seconds.
    """

    buckets: NDArray[np.float64]
    day: int
    asked: Floats
    asked_at: NDArray[np.float64]
    at: float

    @classmethod
    def none(cls, targets: int) -> Ledger:
        """Nothing was seen yet."""
        return cls(
            np.zeros((targets, DAYS + 1, 5)),
            0,
            np.full((targets, _ASKED), np.nan, np.float32),
            np.full((targets, _ASKED), -np.inf),
            -np.inf,
        )

    def for_rows(self, targets: NDArray[np.intp]) -> Ledger:
        """This ledger for another fleet: its old rows, or -1 for what is new."""
        return replace(
            self,
            buckets=at_rows(self.buckets, targets, 0),
            asked=at_rows(self.asked, targets, np.nan),
            asked_at=at_rows(self.asked_at, targets, -np.inf),
        )

    def add(
        self,
        now: float,
        interval: float,
        *,
        needed: Floats,
        replicas: Floats,
        recommended: Floats,
        start_seconds: Floats,
    ) -> Ledger:
        """One more cycle.

        Args:
            now: UNIX seconds.
            interval: the scoring interval; a pause longer than two is not counted at all.
            needed: replicas that the observed demand takes at `maxUtilization`, not rounded, `[targets]`.
            replicas: current replicas, `[targets]`.
            recommended: this cycle's recommendation, `[targets]`.
            start_seconds: from asking for a pod until it is ready, `[targets]`: the lead time less the interval.
        """
        there = self._would_be_there(now, start_seconds)
        seconds = now - self.at if 0 < now - self.at <= 2 * interval else 0.0
        known = ~np.isnan(needed) & ~np.isnan(replicas) & ~np.isnan(there)
        minutes, hours = seconds / 60, seconds / 3600
        with np.errstate(invalid="ignore"):
            row = np.stack(
                [
                    np.full(len(needed), seconds),
                    replicas * hours,
                    self.asked[:, 0] * hours,
                    (needed > replicas) * minutes,
                    (needed > there) * minutes,
                ],
                axis=1,
            )
        day, buckets = int((now - seconds / 2) // DAY), self.buckets.copy()
        for _ in range(min(max(day - self.day, 0), DAYS + 1) if self.day else 0):
            buckets = np.roll(buckets, 1, axis=1)
            buckets[:, 0] = 0
        buckets[:, 0] += np.where(known[:, None], row, 0)
        changed = (recommended != self.asked[:, 0]) | (self.asked_at[:, 0] > now)
        fresh = ~np.isnan(recommended) & changed
        asked, asked_at = self.asked.copy(), self.asked_at.copy()
        asked[fresh, 1:], asked[fresh, 0] = self.asked[fresh, :-1], recommended[fresh]
        asked_at[fresh, 1:], asked_at[fresh, 0] = self.asked_at[fresh, :-1], now
        return Ledger(buckets, day, asked, asked_at, now)

    def sums(self) -> NDArray[np.float64]:
        """All targets' sums over the last seven days: `[targets, 5]`, the columns as of `SECONDS` and so on."""
        weights = np.ones(DAYS + 1)
        weights[DAYS] = 1 - np.clip(self.at / DAY - self.day, 0, 1)
        total: NDArray[np.float64] = np.einsum("tdk,d->tk", self.buckets, weights)
        return total

    def _would_be_there(self, now: float, start_seconds: Floats) -> Floats:
        """The least that was asked for at any time of the last start-up time: what has had time to start."""
        cutoff = now - start_seconds.astype(np.float64)
        before = np.where(self.asked_at <= cutoff[:, None], self.asked_at, -np.inf).max(
            axis=1, initial=-np.inf
        )
        counted = (self.asked_at >= before[:, None]) & np.isfinite(self.asked_at) & (self.asked_at <= now)
        least = np.fmin.reduce(np.where(counted, self.asked, np.float32(np.nan)), axis=1)
        return np.where(np.isfinite(before), least, np.float32(np.nan))


def ledger_line(seconds: float, actual: float, recommended: float, short: float, would: float) -> str:
    """The ledger in one line: `7 days: -14 % replica-hours, 2 minutes short; as it ran: 11.`."""
    if seconds <= 0 or actual <= 0:
        return "nothing to compare yet"
    change = round(100 * (recommended / actual - 1))
    return (
        f"{_span(seconds)}: {change:+d} % replica-hours, {would:.0f} minute{'' if round(would) == 1 else 's'} short; "
        f"as it ran: {short:.0f}"
    )


def _span(seconds: float) -> str:
    """In the largest unit of which there is one; a twentieth of it missed (a restart, a slow cycle) does not count."""
    for size, name in ((DAY, "day"), (3600.0, "hour"), (60.0, "minute")):
        count = int(seconds / size + 0.05)
        if count:
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds:.0f} seconds"
