"""A learned model, a regression that sees this series, and persistence, weighed as they prove themselves from step to step.

Each says where demand will be at every horizon; how far each counts is learned online from what came, per series and
horizon, and where none beats persistence the forecast is persistence. The band is the model's, made as wide as has proved
right. A series that brings history along is walked through it first, so that its first forecast is judged already. The
experts are weighed by their mean, not their median: with centres that share one band the mean measured better. Which
model it is (a network, trees, past values) makes the forecaster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.blends import Blend, blended
from scoring.forecasting.evidence import TASKS, Evidence, Said, label, shape_of
from scoring.forecasting.features import Span
from scoring.forecasting.forecasts import Ask, Forecast, newest, unforecast
from scoring.forecasting.opinions import Learned, Opinion, opinion
from scoring.forecasting.quantiles import normal_scale
from scoring.forecasting.seasons import periods as found_periods
from scoring.forecasting.selection import PERSISTENCE, REGRESSION
from scoring.panels import Floats, Panel, at_rows

NEEDED_DAYS = 0.25
"""Observed columns that a trusted forecast wants: a quarter of a day's; what beats persistence is measured beside it."""
MOST_WALKED, LEAST_WALKED = 144, 48
"""Origins in the past through which a series that brings history along is walked; of many series, fewer."""
WALKED_ROWS = 12_000
"""Rows times origins that are walked in one call, so that a cycle stays seconds long; whoever is left over comes next."""
FEWEST_WALKED = 24
RESIDUALS = 288
"""One-step residuals that are remembered, for their scale."""
_SOLVED_EVERY = 4
_LOOKED_BACK = 48
"""Columns in which labels are looked for: the longest task, and a gap of a few hours."""
SETTLED = 1
"""A label is learned so many columns after it came: by then it is known whether it was abnormal, and what came late is there."""
_SOUGHT_PER_DAY, _SOUGHT_TOGETHER = 2, 2048
"""How often a day the season of each row is sought anew."""
_KEPT = ("residuals", "points", "periods", "sought")


@dataclass(frozen=True, slots=True)
class Online:
    """What was learned of every row; fulfils `Fitted`.

    Attributes:
        name: the forecaster's.
        model: the learned one.
        evidence: by task.
        pending: by task: what waits for its label, oldest first.
        residuals: the newest one-step residuals, newest last, NaN where there is none, `[rows, RESIDUALS]`.
        points: observed columns when last looked, `[rows]`; -1: never.
        periods: the season that was found in each row, in columns, 0: none, `[rows]`.
        sought: the slot at which it was last sought, `[rows]`; -1: never.
        residual: of the newest column, `[rows]`.
        slot: the column that was last looked at, counted from 1970; None: none yet.
        opinion: what the experts say of that column.
    """

    name: str
    model: Learned
    evidence: tuple[Evidence, ...]
    pending: tuple[tuple[Said, ...], ...]
    residuals: Floats
    points: NDArray[np.int32]
    periods: NDArray[np.int32]
    sought: NDArray[np.int64]
    residual: Floats
    slot: int | None = None
    opinion: Opinion | None = None

    @classmethod
    def none(cls, name: str, model: Learned, rows: int) -> Online:
        """Nothing was learned."""
        return cls(
            name,
            model,
            tuple(Evidence.none(rows, span) for span in TASKS),
            tuple(() for _ in TASKS),
            np.full((rows, RESIDUALS), np.nan, np.float32),
            np.full(rows, -1, np.int32),
            np.zeros(rows, np.int32),
            np.full(rows, -1, np.int64),
            np.full(rows, np.nan, np.float32),
        )

    def after(self, panel: Panel, ask: Ask) -> Online:
        """Learn what came, walk through history that is new, and ask the experts about the present."""
        slot = round(panel.end / panel.step)
        points = observed(panel)
        # 1 a row whose past is new: it joined, or history arrived behind it
        passed = 0 if self.slot is None else max(0, slot - self.slot)
        brought = points > np.maximum(self.points, 0) + passed + FEWEST_WALKED // 2
        brought &= (points >= FEWEST_WALKED) & (self.evidence[0].votes.count < LEAST_WALKED)
        waiting = np.flatnonzero(brought)
        taken, left = np.split(waiting, [WALKED_ROWS // LEAST_WALKED])
        points[left] = self.points[left]
        fitted = self._walked(taken, panel, ask) if len(taken) else self
        # 2 the labels that came, and what the experts say now
        if fitted.slot != slot or fitted.opinion is None:
            fitted = fitted.stepped(panel, ask)
        return replace(fitted, points=points)

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """The curve, the maxima and what they are worth."""
        said, spans = self.opinion, wanted(ask)
        if said is None or self.slot != round(panel.end / panel.step) or not set(spans) <= set(said.spans):
            said = opinion(self.model, panel, ask, spans, self.periods)
        out = unforecast(panel, ask, self.name)
        blend = blended(self.evidence, said, spans)
        known = ~np.isnan(out.last)
        place = {span: i for i, span in enumerate(spans)}
        out.curve[known] = blend.bands[known][:, [place[s, s] for s in ask.steps]]
        out.peaks[known] = blend.bands[known][:, [place[1, p] for p in ask.peaks]]
        for lead in np.unique(ask.lead):
            rows = np.flatnonzero(known & (ask.lead == lead))
            out.maximum[rows] = blend.bands[rows, place[1, int(lead)]]
            out.lead_skill[rows] = blend.skill_at(int(lead))[rows]
        for i, step in enumerate(ask.steps):
            out.skill[:, i] = np.where(known, blend.skill_at(step), np.nan)
            out.chosen[:, i] = np.where(known, blend.weights[:, place[step, step]].argmax(axis=1), -1)
        out.residual[:] = self.residual
        out.sigma[:] = normal_scale(self.residuals, fewest=12)
        needed = np.full(len(known), round(NEEDED_DAYS * ask.day / panel.step), np.int32)
        return replace(out, experts=(PERSISTENCE, self.model.name, REGRESSION), needed=needed)

    def for_rows(self, rows: NDArray[np.intp]) -> Online:
        """The same for other rows."""
        return Online(
            self.name,
            self.model,
            tuple(part.for_rows(rows) for part in self.evidence),
            tuple(tuple(said.for_rows(rows) for said in line) for line in self.pending),
            at_rows(self.residuals, rows, np.nan),
            at_rows(self.points, rows, -1),
            at_rows(self.periods, rows, 0),
            at_rows(self.sought, rows, -1),
            at_rows(self.residual, rows, np.nan),
            self.slot,
        )

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The evidence of every task, the residuals and the points; what is pending is not kept."""
        out: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _KEPT}
        for span, part in zip(TASKS, self.evidence, strict=True):
            out |= {f"{span[0]}-{span[1]}.{name}": array for name, array in part.arrays().items()}
        return out

    def holding(self, arrays: Mapping[str, NDArray[Any]], fresh: NDArray[np.bool_]) -> Online:
        """With what was kept."""
        evidence = []
        for first, last in TASKS:
            prefix = f"{first}-{last}."
            own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            evidence.append(Evidence.of(own, fresh))
        return replace(
            self,
            evidence=tuple(evidence),
            residuals=arrays["residuals"].astype(np.float32),
            points=arrays["points"].astype(np.int32),
            periods=arrays["periods"].astype(np.int32),
            sought=arrays["sought"].astype(np.int64),
        )

    def _walked(self, rows: NDArray[np.intp], panel: Panel, ask: Ask) -> Online:
        """The rows anew, walked through the panel's past; the others as they are."""
        own, asked = panel.for_rows(rows), ask.for_rows(rows)
        # the clock changes and holidays of today are not those of its past
        fresh = Online.none(self.name, self.model, len(rows))
        columns = panel.values.shape[1]
        origins = max(1, min(max(LEAST_WALKED, WALKED_ROWS // len(rows)), MOST_WALKED, columns - 1))
        stride = max(1, (columns - 1) // origins)
        for column in range(columns - 1 - stride * origins, columns - 1, stride):
            if column >= 1:
                fresh = fresh.stepped(
                    own.for_columns(0, column + 1),
                    replace(asked, steps=(1,), peaks=(), shifts=None, unlike=None),
                    stride,
                )
        places = np.full(len(self.points), -1, np.intp)
        places[rows] = np.arange(len(rows))
        mixed = fresh.for_rows(places)
        return mixed.where(places >= 0, self)

    def where(self, chosen: NDArray[np.bool_], other: Online) -> Online:
        """These rows where `chosen`, the other's elsewhere; what is pending of both is kept."""
        arrays = other.arrays()
        mixed = {
            k: np.where(chosen.reshape(-1, *([1] * (v.ndim - 1))), v, arrays[k])
            for k, v in self.arrays().items()
        }
        held = other.holding(mixed, np.zeros(len(chosen), np.bool_))
        pending = [
            _merged(own, others, chosen) for own, others in zip(self.pending, other.pending, strict=True)
        ]
        return replace(held, pending=tuple(pending), opinion=None)

    def stepped(self, panel: Panel, ask: Ask, stride: int = 1) -> Online:
        """One look at a panel that has gone on, usually by so many columns: every task gets its turn to be solved."""
        slot = round(panel.end / panel.step)
        recent = panel.for_last(_LOOKED_BACK + SETTLED + stride)
        start = slot - (recent.values.shape[1] - 1)
        values = recent.training
        evidence, pending = list(self.evidence), []
        misses: list[Floats] = []
        # within one slot a row whose past was walked anew costs the others nothing
        residual = self.residual if slot == self.slot else np.full(len(values), np.nan, np.float32)
        # 1 what came: labels whose whole span is on the panel now; a clock that went back drops what waits
        for i, (span, waiting) in enumerate(zip(TASKS, self.pending, strict=True)):
            last_due = slot - span[1] - SETTLED
            due = [said for said in waiting if start <= said.slot <= last_due]
            for said in due:
                evidence[i] = evidence[i].learned(said, label(values, said.slot - start, span))
            if i == 0:  # a residual is of what was observed, ordinary or not, and known at once
                wide = recent.values
                misses = [label(wide, said.slot - start, span) - said.expected for said in due]
                for said in (said for said in waiting if start <= said.slot == slot - 1):
                    miss = label(wide, said.slot - start, span) - said.expected
                    residual = np.where(np.isnan(miss), residual, miss)
            if due and (i == 0 or (slot // stride + i) % _SOLVED_EVERY == 0 or len(due) > 1):
                evidence[i] = evidence[i].solved()
            pending.append(tuple(said for said in waiting if last_due < said.slot < slot))
        # 2 what the experts say of the present
        periods, sought = self._seasons(panel, ask, slot)
        opinions = opinion(self.model, panel, ask, wanted(ask), periods)
        blend = blended(evidence, opinions, TASKS)
        last = np.where(np.isnan(newest(panel.values)), np.float32(np.nan), opinions.last)
        for i, span in enumerate(TASKS):
            pending[i] += (said_of(opinions, blend, i, span, slot, last),)
        return replace(
            self,
            evidence=tuple(evidence),
            pending=tuple(pending),
            residuals=_appended(self.residuals, misses),
            residual=residual,
            periods=periods,
            sought=sought,
            slot=slot,
            opinion=opinions,
        )

    def _seasons(self, panel: Panel, ask: Ask, slot: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The season of each row, sought anew for those whose turn it is: periods and when each was sought."""
        day = round(ask.day / panel.step)
        every = max(1, day // _SOUGHT_PER_DAY)
        # a clock that went back seeks at once
        due = np.flatnonzero((self.sought < 0) | (np.abs(slot - self.sought) >= every))
        if not len(due):
            return self.periods, self.sought
        found, sought = self.periods.copy(), self.sought.copy()
        for rows in np.array_split(due, -(-len(due) // _SOUGHT_TOGETHER)):
            found[rows] = found_periods(panel.for_rows(rows).training, day=day)
        # the first time all are sought at once, from then on a few in each cycle
        first = sought[due] < 0
        sought[due] = np.where(first, slot - np.arange(len(due)) % every, slot)
        return found, sought


def restored(name: str, model: Learned, arrays: Mapping[str, NDArray[Any]], rows: int) -> Online | None:
    """What `arrays` once held; None if they are of another kind. A row that is damaged begins anew."""
    blank = Online.none(name, model, rows)
    kept = {k: arrays[k] for k in blank.arrays() if k in arrays}
    if {k: v.shape for k, v in kept.items()} != {k: v.shape for k, v in blank.arrays().items()}:
        return None
    # a damaged row begins anew, and costs nobody else
    finite = [np.isfinite(v).reshape(rows, -1).all(axis=1) for k, v in kept.items() if k != "residuals"]
    sound = np.logical_and.reduce(finite)
    grams = [v for k, v in kept.items() if k.endswith(".gram")]
    sound &= np.all([(np.diagonal(gram, axis1=1, axis2=2) > 0).all(axis=1) for gram in grams], axis=0)
    held = blank.holding(kept, ~sound)
    return held if sound.all() else held.for_rows(np.where(sound, np.arange(rows), -1))


def wanted(ask: Ask) -> tuple[Span, ...]:
    """Every span that is forecast: the tasks, and what is asked beside them."""
    leads = {*ask.peaks, *np.unique(ask.lead).tolist()}
    asked = {*((step, step) for step in ask.steps), *((1, int(lead)) for lead in leads)}
    return (*TASKS, *sorted(asked - set(TASKS)))


def observed(panel: Panel) -> NDArray[np.int32]:
    """Observed columns of each row: `[rows]`."""
    points: NDArray[np.int32] = np.count_nonzero(~np.isnan(panel.values), axis=1).astype(np.int32)
    return points


def said_of(opinions: Opinion, blend: Blend, task: int, span: Span, slot: int, last: Floats) -> Said:
    """What is said of one task now, to be kept until its label comes."""
    place = opinions.spans.index(span)
    return Said(
        slot,
        blend.centres[:, task],
        shape_of(opinions.quantiles[:, place]),
        blend.bands[:, task],
        opinions.terms[:, place],
        last,
        opinions.scale,
    )


def _appended(residuals: Floats, misses: Sequence[Floats]) -> Floats:
    """The newest residuals behind the others; as many fall out at the front."""
    if not misses:
        return residuals
    new = np.stack(misses[-RESIDUALS:], axis=1)
    return np.concatenate([residuals[:, new.shape[1] :], new], axis=1).astype(np.float32)


def _merged(own: tuple[Said, ...], others: tuple[Said, ...], chosen: NDArray[np.bool_]) -> tuple[Said, ...]:
    """What waits for labels, once per slot: of the chosen rows our own, of the rest the others'."""
    places = np.arange(len(chosen))
    mine = {said.slot: said.for_rows(np.where(chosen, places, -1)) for said in own}
    theirs = {said.slot: said.for_rows(np.where(chosen, -1, places)) for said in others}
    both = {slot: mine[slot].where(chosen, theirs[slot]) for slot in mine.keys() & theirs.keys()}
    every = mine | theirs | both
    return tuple(every[slot] for slot in sorted(every))
