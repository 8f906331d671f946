"""What `auto` has learned of every series, horizon by horizon, and how a label that came changes it.

A task is a span that is forecast at every step whether somebody asks or not, so that there is evidence for what is asked.
A prediction waits in `Said` until its label is there; what is censored, or masked by then, is no label. It forecasts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.calibration import learned as widened
from scoring.forecasting.features import Span
from scoring.forecasting.forecasts import LEVELS, LOWER, MEDIAN, UPPER
from scoring.forecasting.regressions import Regression
from scoring.forecasting.selection import Votes, pinball
from scoring.panels import Bools, Floats, at_rows

STEPS = (1, 2, 3, 6, 12)
LEADS = (2, 3, 6, 12)
TASKS: tuple[Span, ...] = (*((step, step) for step in STEPS), *((1, lead) for lead in LEADS))
"""Curve points and maxima for which evidence is gathered; what lies between them is interpolated."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one task at one origin, until its label comes.

    Attributes:
        slot: the origin's column, counted from 1970.
        centres: of each expert, `[rows, experts]`.
        shape: P10, P50, P90 as distances from the centre, `[rows, 3]`.
        band: as published, `[rows, levels]`.
        terms: the regression's, `[rows, terms]`.
        last, scale: `[rows]`.
    """

    slot: int
    centres: Floats
    shape: Floats
    band: Floats
    terms: Floats
    last: Floats
    scale: Floats

    @property
    def expected(self) -> Floats:
        """The median that was published, `[rows]`; NaN where nothing was said."""
        return np.where(np.isnan(self.last), np.float32(np.nan), self.band[:, MEDIAN])

    def where(self, chosen: Bools, other: Said) -> Said:
        """These rows where `chosen`, the other's elsewhere; both are of one slot."""
        mixed = {}
        for name in (f.name for f in fields(self) if f.name != "slot"):
            own: Floats = getattr(self, name)
            mixed[name] = np.where(chosen.reshape(-1, *([1] * (own.ndim - 1))), own, getattr(other, name))
        return Said(slot=self.slot, **mixed)

    def for_rows(self, rows: NDArray[np.intp]) -> Said:
        """The same for other rows; a new one was told nothing."""
        moved = {
            f.name: at_rows(getattr(self, f.name), rows, np.nan) for f in fields(self) if f.name != "slot"
        }
        return Said(slot=self.slot, **moved)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was learned of one task; a maximum has no regression of its own, it is corrected by the curve's."""

    votes: Votes
    widths: Floats
    regression: Regression | None

    @classmethod
    def none(cls, rows: int, span: Span) -> Evidence:
        """Nothing."""
        widths = np.zeros((rows, len(LEVELS)), np.float32)
        return cls(Votes.none(rows), widths, Regression.none(rows) if span[0] == span[1] else None)

    def learned(self, said: Said, came: Floats) -> Evidence:
        """What is known after the labels of one origin came, `[rows]`; NaN where there is none."""
        known = ~np.isnan(came) & ~np.isnan(said.last)
        with np.errstate(invalid="ignore"):
            distance = (came[:, None] - said.centres) / said.scale[:, None]
            shape = said.shape / said.scale[:, None]
            ours = np.abs(came - said.band[:, MEDIAN]) / said.scale
            errors = np.stack([ours, np.abs(distance[:, 0])], axis=1)
            change = (came - said.last) / said.scale
            return Evidence(
                self.votes.learned(pinball(distance, shape), errors, known),
                widened(self.widths, said.band, came, known, centred=self.regression is None),
                self.regression and self.regression.learned(said.terms, change, known),
            )

    def solved(self) -> Evidence:
        """With the regression's weights as the equations have them."""
        return Evidence(self.votes, self.widths, self.regression and self.regression.solved())

    def for_rows(self, rows: NDArray[np.intp]) -> Evidence:
        """The same for other rows; of a new one nothing is known."""
        return Evidence.of({name: at_rows(array, rows, 0) for name, array in self.arrays().items()}, rows < 0)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it by name, rows first."""
        out: dict[str, NDArray[Any]] = {"widths": self.widths}
        out |= {f"votes.{f.name}": getattr(self.votes, f.name) for f in fields(Votes)}
        if self.regression is not None:
            out |= {f"regression.{f.name}": getattr(self.regression, f.name) for f in fields(Regression)}
        return out

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], fresh: NDArray[np.bool_]) -> Evidence:
        """From its arrays; `fresh` rows know nothing."""
        span = (1, 1) if "regression.gram" in arrays else (1, 2)
        given = {}
        for name, empty in cls.none(1, span).arrays().items():
            array = arrays[name].astype(empty.dtype)
            array[fresh] = empty[0]
            given[name] = array
        votes = Votes(**{f.name: given[f"votes.{f.name}"] for f in fields(Votes)})
        if span != (1, 1):
            return cls(votes, given["widths"], None)
        regression = Regression(**{f.name: given[f"regression.{f.name}"] for f in fields(Regression)})
        return cls(votes, given["widths"], regression)


def label(values: Floats, column: int, span: Span) -> Floats:
    """What came of a span after the origin in `column`: `[rows]`; NaN where any of it is not known."""
    first, last = span
    came: Floats = values[:, column + first : column + last + 1].max(axis=1)
    return came


def shape_of(band: Floats) -> Floats:
    """P10, P50, P90 as distances from the median: `[rows, 3]`."""
    out: Floats = band[:, [LOWER, MEDIAN, UPPER]] - band[:, MEDIAN : MEDIAN + 1]
    return out
