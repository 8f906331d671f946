"""What a forecast is, and what a forecaster must be able to do.

A forecaster is fitted on a panel and gives a fitted thing; "not fitted" cannot be expressed. Replicas hang on the
maximum over the lead time, which is a target of its own: the maximum of per-step quantiles is not its quantile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats, Panel

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
"""The quantile levels of every forecast; P10, P50 and P90 make the published band."""

DAY = 86_400.0
FRESH_COLUMNS = 2
"""A newest value that is not among so many last columns is no ground to forecast from."""

LOWER, MEDIAN, UPPER = LEVELS.index(0.1), LEVELS.index(0.5), LEVELS.index(0.9)


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be forecast.

    Attributes:
        steps: grid steps ahead of the curve, ascending.
        lead: grid steps of the lead time of each series, `[series]`.
        day: seconds of the daily season; other than a day's only for a trace that is replayed at speed.
        peaks: further lead times, in grid steps, whose maximum is wanted of every series (evaluation asks for several).
        shifts: `[series, 7]`: the same local time k + 1 days before column t is column ``t - (k + 1) * day + shifts[k]``;
            positive where clocks went forward in between. None: nowhere.
        unlike: `[series, 7]`: which of the past seven days are of another kind than what is forecast (a holiday, an
            ordinary day before one), so that its same times say nothing. None: none.
        models: the forecaster that each series asks for, by name, `[series]`; heeded by `assortments` alone.
    """

    steps: tuple[int, ...]
    lead: NDArray[np.int32]
    day: float = DAY
    peaks: tuple[int, ...] = ()
    shifts: NDArray[np.int32] | None = None
    unlike: Bools | None = None
    models: tuple[str, ...] | None = None

    def for_rows(self, rows: NDArray[np.intp] | slice) -> Ask:
        """What is asked of some rows."""
        shifts = None if self.shifts is None else self.shifts[rows]
        unlike = None if self.unlike is None else self.unlike[rows]
        models = self.models
        if models is not None:
            models = models[rows] if isinstance(rows, slice) else tuple(models[i] for i in rows.tolist())
        return replace(self, lead=self.lead[rows], shifts=shifts, unlike=unlike, models=models)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Demand ahead, with its own account of how good it is; NaN where there is no forecast.

    Attributes:
        issued_at: UNIX seconds of the last column that it has seen.
        step: seconds per grid step.
        steps: grid steps ahead of each curve point.
        curve: `[series, steps, levels]`, in the series' unit, never crossing, never negative.
        maximum: `[series, levels]`: quantiles of the maximum over the series' lead time.
        skill: `[series, steps]`: 1 - MAE / persistence's MAE, out of sample; NaN where it is not known.
        lead_skill: `[series]`: the skill at the lead time.
        points: `[series]`: observed columns; `needed`: how many a trusted forecast wants, `[series]`.
        last: `[series]`: the newest observed demand, NaN when it is too old.
        residual: `[series]`: newest demand less what was forecast for it one step before.
        sigma: `[series]`: robust scale of such residuals.
        model: the forecaster's name.
        peaks: `[series, peaks, levels]`: quantiles of the maximum over each further lead time that was asked for.
        experts: who may have made a row's forecast, by name; of a forecaster that does not choose only itself.
        chosen: `[series, steps]`: the expert that counts most at each curve point, an index into `experts`; -1: none.
        faults: forecaster -> what went wrong with it, in words; the rows that asked for it are not forecast.
    """

    issued_at: float
    step: float
    steps: tuple[int, ...]
    curve: Floats
    maximum: Floats
    skill: Floats
    lead_skill: Floats
    points: NDArray[np.int32]
    needed: NDArray[np.int32]
    last: Floats
    residual: Floats
    sigma: Floats
    model: str
    peaks: Floats
    experts: tuple[str, ...]
    chosen: NDArray[np.int8]
    faults: Mapping[str, str] = field(default_factory=dict)


def points_needed(step: float, day: float = DAY) -> int:
    """How many observed columns a trusted forecast wants: two days."""
    return 2 * round(day / step)


class Fitted(Protocol):
    """A forecaster that has seen a panel: a value that any thread may read, and that `after` follows with another."""

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """Forecast every row of `panel` from its last column on; nothing behind that column is read."""

    def after(self, panel: Panel, ask: Ask) -> Fitted:
        """The same forecaster having seen `panel`, which goes on where the last one ended; at most once per cycle, cheap.

        A panel that ends where the last one did brings older history that has arrived; no column may count twice.
        """

    def for_rows(self, rows: NDArray[np.intp]) -> Fitted:
        """The same for other rows: each names its former row, or -1 where it is new and nothing was learned yet."""

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What was learned, rows first, for a snapshot; empty where the panel is all its memory."""


class Forecaster(Protocol):
    """A way to forecast."""

    @property
    def name(self) -> str:
        """What users write in `forecast.model`."""

    def fit(self, panel: Panel, ask: Ask) -> Fitted:
        """Learn from a panel; always succeeds: a row without data is forecast as NaN."""

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> Fitted | None:
        """What `arrays` once held for so many rows; None where they are of another version or kind."""


def unforecast(panel: Panel, ask: Ask, name: str) -> Forecast:
    """A forecast that knows the present and nothing ahead: what forecasters fill, and what stands in for one that failed."""
    rows = len(panel.series)

    def unknown(*shape: int) -> Floats:
        return np.full((rows, *shape), np.nan, np.float32)

    return Forecast(
        issued_at=panel.end,
        step=panel.step,
        steps=ask.steps,
        curve=unknown(len(ask.steps), len(LEVELS)),
        maximum=unknown(len(LEVELS)),
        skill=unknown(len(ask.steps)),
        lead_skill=unknown(),
        points=np.count_nonzero(~np.isnan(panel.values), axis=1).astype(np.int32),
        needed=np.full(rows, points_needed(panel.step, ask.day), np.int32),
        last=newest(panel.values),
        residual=unknown(),
        sigma=unknown(),
        model=name,
        peaks=unknown(len(ask.peaks), len(LEVELS)),
        experts=(name,),
        chosen=np.zeros((rows, len(ask.steps)), np.int8),
    )


def checked(forecast: Forecast, panel: Panel, ask: Ask) -> Forecast:
    """The forecast, if it answers for every row of the panel and everything that was asked.

    Quantiles that cannot be (infinite, negative) are not known, row by row.

    Raises:
        ValueError: an array has another shape; whoever reads it would fail on the whole fleet.
    """
    rows, steps, levels = len(panel.series), len(ask.steps), len(LEVELS)
    shapes = {"curve": (rows, steps, levels), "maximum": (rows, levels), "skill": (rows, steps)}
    shapes |= {"peaks": (rows, len(ask.peaks), levels), "chosen": (rows, steps)}
    shapes |= dict.fromkeys(("lead_skill", "points", "needed", "last", "residual", "sigma"), (rows,))
    for name, wanted in shapes.items():
        found = np.shape(getattr(forecast, name))
        if found != wanted:
            raise ValueError(f"forecaster {forecast.model}: {name} has shape {found} instead of {wanted}")
    chosen, most = forecast.chosen, len(forecast.experts) - 1
    if chosen.dtype.kind != "i" or (chosen.size and not -1 <= chosen.min() <= chosen.max() <= most):
        raise ValueError(
            f"forecaster {forecast.model}: chosen names experts beyond the {most + 1} that it has"
        )
    return replace(
        forecast,
        curve=_possible(forecast.curve),
        maximum=_possible(forecast.maximum),
        peaks=_possible(forecast.peaks),
    )


def _possible(quantiles: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        wrong = ((quantiles < 0) | np.isinf(quantiles)).any(axis=-1, keepdims=True)
    return np.where(wrong, np.float32(np.nan), quantiles) if wrong.any() else quantiles


def newest(values: Floats) -> Floats:
    """The newest observed value of each row if it is among the last few columns, else NaN: `[rows]`."""
    last: Floats = values[:, -1].copy()
    for back in range(2, min(FRESH_COLUMNS, values.shape[1]) + 1):
        last = np.where(np.isnan(last), values[:, -back], last)
    return last


def newest_censored(panel: Panel) -> Bools:
    """Whether the value that `newest` gives is only a lower bound: `[rows]`."""
    fresh = panel.for_last(FRESH_COLUMNS)
    observed = ~np.isnan(fresh.values)[:, ::-1]
    index = np.arange(len(panel.series))
    flags: Bools = fresh.censored[:, ::-1][index, observed.argmax(axis=1)] & observed.any(axis=1)
    return flags
