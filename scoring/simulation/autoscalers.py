"""A reactive autoscaler in arithmetic, for demonstrations and comparisons: no cluster, no clock.

It follows the HorizontalPodAutoscaler on CPU utilisation: the ratio rule with its tolerance
(pkg/controller/podautoscaler/replica_calculator.go), the default scale-up rate and the scale-down stabilisation
window. Pods are ready at once; start delays belong to the later simulator.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Floats

TOLERANCE = 0.1
STABILISATION_SECONDS = 300.0
_KEPT = 24
"""Enough for the stabilisation window at the HPA's own period of 15 s."""


@dataclass(frozen=True, slots=True)
class ReactiveAutoscalers:
    """One autoscaler per workload.

    Attributes:
        replicas: `[targets]`.
        minimum, maximum: `[targets]`.
        target: utilisation it aims at, a ratio.
        proposals, at: past proposals, newest first, and when they were made, `[targets, kept]`.
    """

    replicas: Floats
    minimum: Floats
    maximum: Floats
    target: float
    proposals: Floats
    at: NDArray[np.float64]

    @classmethod
    def started(
        cls, replicas: Floats, minimum: Floats, maximum: Floats, target: float
    ) -> ReactiveAutoscalers:
        """Autoscalers that have just been created over `replicas`."""
        shape = (len(replicas), _KEPT)
        return cls(
            replicas, minimum, maximum, target, np.full(shape, np.nan, np.float32), np.full(shape, -np.inf)
        )

    def step(self, now: float, demand: Floats, request: Floats) -> ReactiveAutoscalers:
        """One sync at `now`; at the first, the replicas that it finds count as a proposal, as in the HPA.

        Args:
            now: UNIX seconds.
            demand: total, `[targets]`; where it is NaN nothing changes, as when the HPA gets no metric; nor at zero
                replicas, where it is switched off.
            request: per pod, same unit, `[targets]`.
        """
        n = self.replicas
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = demand / (n * request * self.target)
            asked = np.where(np.abs(ratio - 1) <= TOLERANCE, n, np.ceil(n * ratio - 1e-4)).astype(np.float32)
        asked = np.where(np.isinf(self.at[:, 0]), np.fmax(asked, n), asked)
        proposals = np.concatenate([asked[:, None], self.proposals[:, :-1]], axis=1)
        at = np.concatenate([np.full((len(n), 1), now), self.at[:, :-1]], axis=1)
        recent = np.where(at >= now - STABILISATION_SECONDS, proposals, np.float32(np.nan))
        stable = np.where(asked < n, np.minimum(np.fmax.reduce(recent, axis=1), n), asked)
        up = np.where(np.isfinite(asked), np.minimum(stable, n + np.maximum(4, n)), n)
        return replace(
            self,
            replicas=np.where(n > 0, np.clip(up, self.minimum, self.maximum), n).astype(np.float32),
            proposals=proposals,
            at=at,
        )
