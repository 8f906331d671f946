"""Where the operator's samples come from: demand from Prometheus, the present state of workloads from the API server.

Prometheus knows replicas and requests too, a scrape late; it speaks for them only while the API server is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import structlog

from helios.errors import ClusterUnreachable
from helios.operator.workloads import Workload, WorkloadReader
from scoring.metrics_stream import Source, Workloads
from scoring.panels import Floats, Panel, Series, is_demand

log = structlog.get_logger("helios.operator.sources")


class Metrics(Source, Protocol):
    """What `helios.sources.prometheus.PrometheusSource` does beside the protocol."""

    def problems(self) -> Mapping[Series, str]:
        """What is wrong with single series."""

    def close(self) -> None:
        """End every read."""


class ClusterSource:
    """Fulfils `scoring.metrics_stream.Source`.

    Args:
        metrics: demand, and the state of workloads while the API server is away; closed with this.
        reader: the state of workloads.
    """

    def __init__(self, metrics: Metrics, reader: WorkloadReader) -> None:
        self._metrics, self._reader = metrics, reader
        self._away = False
        self.points_per_read = metrics.points_per_read

    def close(self) -> None:
        """End every read of metrics; the door to the cluster belongs to whoever opened it."""
        self._metrics.close()

    def problems(self) -> Mapping[Series, str]:
        """What is wrong with single series."""
        return self._metrics.problems()

    def read(self, series: Sequence[Series], start: float, end: float, step: float) -> Panel:
        """Demand on the grid `start, start + step, …, end`.

        Raises:
            SourceUnavailable: as the source of metrics does.
        """
        return self._metrics.read(series, start, end, step)

    def observe(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        """Replicas, requests, limits and start-up time now, and who is scaled to zero; NaN where unknown, or where there is no such workload.

        A metric of a target's own has neither request nor limit here.

        Raises:
            SourceUnavailable: the API server is away, and the source of metrics does not know either.
        """
        try:
            found = self._reader.read(workloads)
        except ClusterUnreachable as error:
            if not self._away:
                log.warning("the API server is away: Prometheus speaks for the workloads", fault=str(error))
            self._away = True
            return self._metrics.observe(workloads, series)
        if self._away:
            log.info("the API server is back")
        self._away = False
        seen = [found.get((namespace, kind, name)) for namespace, name, kind in workloads]
        of_series = [found.get((one.namespace, one.kind, one.deployment)) for one in series]
        metrics = [one.metric for one in series]
        return Workloads(
            replicas=_column([one.current if one is not None else None for one in seen]),
            request=_column(
                [_of(one, "requests", metric) for one, metric in zip(of_series, metrics, strict=True)]
            ),
            limit=_column(
                [_of(one, "limits", metric) for one, metric in zip(of_series, metrics, strict=True)]
            ),
            start_seconds=_column([one.start_seconds if one is not None else None for one in seen]),
            off=np.array([one is not None and one.desired == 0 for one in seen], np.bool_),
        )


def _of(workload: Workload | None, part: str, metric: str) -> float | None:
    """A request or limit of a well-known metric."""
    if workload is None or metric not in ("cpu", "memory"):
        return None
    value: float | None = getattr(getattr(workload, part), metric)
    return value


def _column(values: Sequence[float | None]) -> Floats:
    column = np.array([np.nan if value is None else value for value in values], np.float64)
    column[~is_demand(column)] = np.nan
    return column.astype(np.float32)
