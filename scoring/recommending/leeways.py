"""How far a number may be from the reactive one, where a roll-out says so: the arithmetic of a share, for the whole fleet.

The reactive number is the one of this moment: held and bounded as any, from what the workload needs now. What is published lies between it
and what the forecast asks for, so a leeway takes no replica away that both want, and none below the guard, which both obey.
Which share is allowed is not known here (`scoring.rollouts`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.panels import Bools, Floats

_EPSILON = np.float32(1e-4)
"""A fifth of five is one replica, whatever float32 makes of it."""
_ENDLESS = np.float32(np.inf)


@dataclass(frozen=True, slots=True)
class Leeway:
    """From `lowest` to `highest`, on both sides of the reactive number `beside`, `[targets]`; infinite: no limit."""

    beside: Floats
    lowest: Floats
    highest: Floats

    @classmethod
    def of(cls, beside: Floats, share: Floats | None, least: Floats) -> Leeway:
        """What a share allows: a replica at least, for a share of a few is less than one.

        Args:
            beside: the reactive number, within bounds, `[targets]`; NaN: there is none, and no limit.
            share: of it, `[targets]`, infinite where there is no limit; None: nowhere.
            least: what was published and is not to be cut for a limit's sake, `[targets]`; NaN: it may be.
        """
        if share is None:
            return cls(beside, np.full_like(beside, -np.inf), np.full_like(beside, np.inf))
        finite = np.isfinite(share) & ~np.isnan(beside)
        room = np.maximum(1, np.ceil(np.where(finite, share, 0) * beside - _EPSILON))
        return cls(
            beside,
            np.where(finite, beside - room, -_ENDLESS),
            np.where(finite, np.fmax(beside + room, least), _ENDLESS),
        )

    @property
    def limited(self) -> bool:
        """Whether anybody is limited."""
        return bool(np.isfinite(self.highest).any())

    def signal(self, recommended: Floats, nudged: Floats, reactive: Floats, free: Bools) -> Floats:
        """What triggers read: a number past the HPA's dead-band, where the leeway allows it.

        Args:
            recommended: the number, `[targets]`.
            nudged: the same past the dead-band.
            reactive: `beside` past the dead-band: what a reactive autoscaler would get is always allowed.
            free: where no limit holds, `[targets]`.
        """
        with np.errstate(invalid="ignore"):
            within = free | ~(nudged > np.fmax(self.highest, reactive))
        return np.where(within, nudged, recommended).astype(np.float32)
