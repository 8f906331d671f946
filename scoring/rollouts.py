"""The progressive roll-out of Autoscale: how far the published number may depart from the reactive decision.

A share of it at first, and a step more each time that the forecast has proven itself on the target's own ledger: when it has decided for a
stated time in which its path was not a minute more short than the reactive one, nor a quarter dearer without having been less short. A time that
was lost leaves the share as it is and another one begins; the breaker takes all of it back. What is counted is the forecast's path as if it alone had been followed
(`scoring.ledgers`), so a narrow share hides nothing of what it would do. Only time that the ledger saw and in which a forecast decided
counts: without data or skill nothing is proven.

What is remembered is how many steps were won: the share itself follows from the wishes, so an edit of them takes effect at once.
What a share does to a number is not decided here (`scoring.recommending.recommender`). No cluster, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.breakers import EVEN, Terms
from scoring.ledgers import HOURS_AHEAD, HOURS_REACTIVE, SECONDS, SHORT_AHEAD, SHORT_REACTIVE
from scoring.panels import Bools, Floats, at_rows
from scoring.policies import Fleet

DECIDED, SHORT, SHORT_BARE, HOURS, HOURS_BARE = range(5)
"""Columns of a stage: seconds in which a forecast decided; minutes short and replica-hours of the forecast's path and of the reactive one."""
COLUMNS = 5
_OF_LEDGER = [SHORT_AHEAD, SHORT_REACTIVE, HOURS_AHEAD, HOURS_REACTIVE]
_WHOLE = 1 - 1e-9
"""From this share on nothing is limited; five times 0.2 is no matter of rounding."""


@dataclass(frozen=True, slots=True)
class Rollouts:
    """The roll-outs of a fleet.

    Attributes:
        since: since when the share is what it is, UNIX seconds, `[targets]`; NaN where nothing is rolled out.
        steps: how many were won, `[targets]`.
        stage: what was seen since the last of them, or since a stage was lost, `[targets, COLUMNS]`, the columns as of `DECIDED` and so on.
    """

    since: NDArray[np.float64]
    steps: NDArray[np.float64]
    stage: NDArray[np.float64]

    @classmethod
    def none(cls, targets: int) -> Rollouts:
        """Nothing is rolled out."""
        return cls(np.full(targets, np.nan), np.zeros(targets), np.zeros((targets, COLUMNS)))

    def for_rows(self, targets: NDArray[np.intp]) -> Rollouts:
        """These roll-outs for another fleet: the old rows, or -1 for what is new."""
        return Rollouts(
            at_rows(self.since, targets, np.nan),
            at_rows(self.steps, targets, 0),
            at_rows(self.stage, targets, 0),
        )

    def share(self, fleet: Fleet) -> Floats:
        """How far each number may be from the reactive one, as a share of it, `[targets]`; infinite: as far as it likes."""
        allowed = self._allowed(fleet)
        return np.where(allowed >= _WHOLE, np.inf, allowed).astype(np.float32)

    def add(
        self, now: float, row: NDArray[np.float64], trusted: Bools, opened: Bools, fleet: Fleet
    ) -> Rollouts:
        """One more cycle.

        Args:
            now: UNIX seconds.
            row: what the cycle added to the ledger, `[targets, scoring.ledgers.COLUMNS]`.
            trusted: where a forecast decided in the forecast's path, `[targets]`.
            opened: whose breaker is open now, `[targets]`.
            fleet: the targets, with the wishes of now.
        """
        running = _running(fleet)
        if not running.any():
            return Rollouts.none(len(fleet))
        # the cycle in which it begins ends an interval in which it was not on
        begins = running & (np.isnan(self.since) | opened)
        counts = running & ~begins & (self._allowed(fleet) < _WHOLE)
        added = np.concatenate([(row[:, SECONDS] * trusted)[:, None], row[:, _OF_LEDGER]], axis=1)
        # what is no number proves nothing, and would stay in the sums for good
        added = np.where(np.isfinite(added).all(axis=1, keepdims=True), added, 0)
        stage = np.where(counts[:, None], self.stage + added, 0)
        over = counts & (stage[:, DECIDED] >= fleet.rollouts[:, 2])
        won = over & ~_lost(stage)
        return Rollouts(
            since=np.where(running, np.where(begins | won, now, self.since), np.nan),
            steps=np.where(running & ~begins, self.steps + won, 0),
            stage=np.where(over[:, None], 0, stage),
        )

    def posted(self, fleet: Fleet) -> dict[str, NDArray[Any]]:
        """What is published of it."""
        return {
            "rollout": np.minimum(self._allowed(fleet), 1).astype(np.float32),
            "rollout_since": self.since,
            "rollout_stage": self.stage,
        }

    def _allowed(self, fleet: Fleet) -> NDArray[np.float64]:
        """The share, which may be more than all; 1 where nothing is rolled out."""
        start, step = fleet.rollouts[:, 0], fleet.rollouts[:, 1]
        return np.where(_running(fleet), start + step * self.steps, 1.0)


def _lost(stage: NDArray[np.float64]) -> Bools:
    """Who was more short, or no less short and dearer by more than a breaker would bear."""
    shorter, even = stage[:, SHORT] - stage[:, SHORT_BARE], EVEN * stage[:, DECIDED] / 60
    dear = stage[:, HOURS] > (1 + Terms().dearer) * stage[:, HOURS_BARE]
    lost: Bools = (shorter > even) | ((shorter >= -even) & dear)
    return lost


def _running(fleet: Fleet) -> Bools:
    """Who is rolled out: what wants it, and decides over replicas."""
    running: Bools = fleet.acts & ~np.isnan(fleet.rollouts[:, 0])
    return running
