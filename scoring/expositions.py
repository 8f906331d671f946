"""The gauges as Prometheus text (format 0.0.4), rendered once per cycle from arrays.

Labels are rendered once per fleet and only numbers change from cycle to cycle: an order of magnitude faster than one object
per sample. A value that is not finite is left out: absence is the failure signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scoring.gauges import (
    PATHS,
    PREDICTED_CPU,
    PREDICTED_MEMORY,
    QUANTILES,
    TARGET_GAUGES,
    Gauge,
    horizon_label,
)
from scoring.panels import Bools
from scoring.policies import Fleet

OWN = frozenset({"metric", "kind", "mode", "model"})
"""Labels whose values a target's spec gives; those of the others are the same for all."""
_METRIC_OF = {PREDICTED_CPU: "cpu", PREDICTED_MEMORY: "memory"}


class Rendered(Protocol):
    """Anything that holds the arrays which the gauges name."""

    def __getattribute__(self, name: str, /) -> Any:
        """The array called `name`."""


@dataclass(frozen=True, slots=True)
class _Column:
    """Samples of one family that differ in their last labels only: one per row, taken from `[row, *place]`."""

    rows: NDArray[np.intp]
    prefixes: tuple[str, ...]
    place: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """Everything in the text that is not a number."""

    families: tuple[tuple[Gauge, tuple[_Column, ...]], ...]

    @classmethod
    def of(cls, fleet: Fleet, horizons: tuple[int, ...]) -> Labels:
        """Render the labels of a fleet; `horizons` are the curve's, in seconds."""
        targets = [
            f'namespace="{_escaped(t.namespace)}",deployment="{_escaped(t.deployment)}"'
            for t in fleet.targets
        ]
        wanted = [set(t.horizons) for t in fleet.targets]
        columns = _Columns(fleet, targets, horizons, wanted)
        return cls(tuple((gauge, columns.of(gauge)) for gauge in TARGET_GAUGES))


@dataclass(frozen=True, slots=True)
class _Columns:
    fleet: Fleet
    targets: list[str]
    horizons: tuple[int, ...]
    wanted: list[set[int]]

    def of(self, gauge: Gauge) -> tuple[_Column, ...]:
        """The columns of one family."""
        if gauge.per == "target":
            rows = list(range(len(self.targets)))
            if "path" not in gauge.labels:
                return (self._column(gauge, rows, "", ()),)
            return tuple(self._column(gauge, rows, f',path="{path}"', (i,)) for i, path in enumerate(PATHS))
        rows = [
            i
            for i, m in enumerate(self.fleet.metrics)
            if gauge not in _METRIC_OF or m.name == _METRIC_OF[gauge]
        ]
        if "horizon" not in gauge.labels:
            return (self._column(gauge, rows, "", ()),)
        columns = []
        for h, seconds in enumerate(self.horizons):
            asked = [i for i in rows if seconds in self.wanted[self.fleet.owner[i]]]
            extra = f',horizon="{horizon_label(seconds)}"'
            if "quantile" not in gauge.labels:
                columns.append(self._column(gauge, asked, extra, (h,)))
                continue
            columns += [
                self._column(gauge, asked, f'{extra},quantile="{q}"', (h, j)) for j, q in enumerate(QUANTILES)
            ]
        return tuple(columns)

    def _column(self, gauge: Gauge, rows: list[int], extra: str, place: tuple[int, ...]) -> _Column:
        prefixes = []
        for row in rows:
            target = self.fleet.owner[row] if gauge.per == "series" else row
            own = "".join(
                f',{label}="{_escaped(self._said(label, row, target))}"'
                for label in gauge.labels
                if label in OWN
            )
            prefixes.append(f"{gauge.name}{{{self.targets[target]}{own}{extra}}} ")
        return _Column(np.array(rows, np.intp), tuple(prefixes), place)

    def _said(self, label: str, row: int, target: int) -> str:
        if label == "metric":
            return self.fleet.metrics[row].name
        said: str = getattr(self.fleet.targets[target], label)
        return said


def render(labels: Labels, scores: Rendered | None, holds: Bools, owner: NDArray[np.intp]) -> bytes:
    """The text of every sample that is finite and whose target holds, and of what is true of every target.

    Args:
        labels: of the fleet.
        scores: its numbers; None before there are any.
        holds: whose numbers may be used, `[targets]`.
        owner: the target of every series row, `[series]`.
    """
    parts = []
    for gauge, columns in labels.families:
        alive = holds[owner] if gauge.per == "series" else holds
        lines: list[str] = []
        for column in columns:
            if not gauge.field:
                lines += [prefix + "1" for prefix in column.prefixes]
            elif scores is not None:
                values = getattr(scores, gauge.field)[(column.rows, *column.place)]
                lines += _finite(column, values, alive[column.rows], gauge)
        if lines:
            parts.append(f"# HELP {gauge.name} {gauge.help}\n# TYPE {gauge.name} {gauge.type}\n")
            parts.append("\n".join(lines))
            parts.append("\n")
    return "".join(parts).encode()


def _finite(column: _Column, values: NDArray[Any], alive: Bools, gauge: Gauge) -> list[str]:
    """A line for each value that is a number and alive."""
    form = "%.3f" if gauge.field == "expires_at" else "%.6g"
    shown = alive & np.isfinite(values)
    if shown.all():
        return [p + form % v for p, v in zip(column.prefixes, values.tolist(), strict=True)]
    rows = zip(column.prefixes, values.tolist(), shown.tolist(), strict=True)
    return [p + form % v for p, v, s in rows if s]


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
