"""Whether this cluster's autoscalers can be given a tolerance of their own: both the HPA and KEDA's ScaledObject must know it.

An HPA ignores a change within 10 % of the current count unless told otherwise; `behavior.*.tolerance` tells it, since
Kubernetes 1.35 by default (gate HPAConfigurableTolerance) and in newer KEDA releases. A field that KEDA's schema lacks
would be refused with the whole ScaledObject, so it is looked for before it is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog

from helios.errors import ClusterError
from helios.operator.clusters import Cluster
from helios.operator.scaledobjects import API_VERSION, KIND

SINCE = (1, 35)
_PATH = ("spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleDown", "tolerance")

log = structlog.get_logger("helios.operator")


class Tolerances:
    """Asks the API server, and remembers the answer for a while.

    Args:
        cluster: the door.
        seconds: how long an answer is believed; clusters and KEDA are upgraded.
        clock: seconds that only move forward.
    """

    def __init__(
        self, cluster: Cluster, *, seconds: float = 3600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cluster, self._seconds, self._clock = cluster, seconds, clock
        self._asked_at: float | None = None
        self._known = False

    def are_known(self) -> bool:
        """Whether a ScaledObject may have one; what cannot be found out stays as it was."""
        now = self._clock()
        if self._asked_at is None or now - self._asked_at >= self._seconds:
            try:
                self._known = self._cluster.version() >= SINCE and _has(
                    self._cluster.schema(API_VERSION, KIND)
                )
                self._asked_at = now
            except ClusterError as error:
                log.debug("tolerance of autoscalers unknown", fault=str(error))
        return self._known


def _has(schema: Any) -> bool:
    """Whether the schema of a ScaledObject has the field."""
    for part in _PATH:
        schema = (schema.get("properties") or {}).get(part) if isinstance(schema, dict) else None
    return schema is not None
