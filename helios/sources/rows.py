"""Which query answers which row of a panel, and the panel put together from what came back. No network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from helios.sources.answers import Key, Samples, key, key_of
from helios.sources.clients import Grid, QueryFailed
from helios.sources.recipes import WELL_KNOWN
from scoring.panels import Panel, Series


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows of a panel each query answers.

    Attributes:
        known: well-known metric -> workload -> row.
        own: a target's own query -> row and metric.
        twins: a row that asks for the very same as an earlier one -> the earlier one.
    """

    known: dict[str, dict[Key, int]]
    own: dict[str, tuple[int, str]]
    twins: dict[int, int]

    @classmethod
    def of(cls, series: Iterable[Series]) -> Rows:
        """Group a panel's rows by the query that answers them."""
        found = cls({}, {}, {})
        for row, one in enumerate(series):
            if one.query is not None:
                first = found.own.setdefault(one.query, (row, one.metric))[0]
            elif one.metric in WELL_KNOWN:
                known = found.known.setdefault(one.metric, {})
                first = known.setdefault(key(one.namespace, one.kind, one.deployment), row)
            else:
                continue
            if first != row:
                found.twins[row] = first
        return found


@dataclass(slots=True)
class Findings:
    """What came back, as loose samples with their rows."""

    rows: list[NDArray[np.intp]] = field(default_factory=list)
    parts: list[Samples] = field(default_factory=list)
    returned: set[int] = field(default_factory=set)
    problems: dict[int, str] = field(default_factory=dict)

    def add_known(self, rows: Mapping[Key, int], answer: Samples | QueryFailed) -> None:
        """Take the answer of a recipe; workloads that nobody asked for are dropped."""
        if isinstance(answer, QueryFailed):
            return
        of_series = [rows.get(found, -1) if (found := key_of(one)) else -1 for one in answer.labels]
        self._add(np.array(of_series, np.intp), answer)

    def add_own(self, row: int, answer: Samples | QueryFailed) -> None:
        """Take the answer of a target's own query, if it is one series."""
        if isinstance(answer, QueryFailed):
            self.problems[row] = answer.problem
        elif len(answer.labels) > 1:
            self.problems[row] = (
                f"query returned {len(answer.labels)} series: aggregate it with sum(…), or max(…), so that one is left"
            )
        else:
            self._add(np.full(len(answer.labels), row, np.intp), answer)

    def _add(self, of_series: NDArray[np.intp], answer: Samples) -> None:
        self.rows.append(of_series[answer.owner])
        self.parts.append(answer)
        self.returned.update(of_series.tolist())

    def panel(self, series: Sequence[Series], grid: Grid) -> Panel:
        """All of it on the grid."""
        none = np.empty(0)
        rows = np.concatenate([*self.rows, np.empty(0, np.intp)])
        times = np.concatenate([*(part.times for part in self.parts), none])
        values = np.concatenate([*(part.values for part in self.parts), none])
        mine = rows >= 0
        return Panel.from_samples(
            series, grid.start, grid.step, grid.columns, rows[mine], times[mine], values[mine]
        )
