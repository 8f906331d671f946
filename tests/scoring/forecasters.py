"""Small forecasters for tests: without a memory, with one that can be read off the forecast, and one to decide on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.forecasts import LEVELS, Ask, Forecast, unforecast
from scoring.forecasting.quantiles import normal_scale, row_quantiles
from scoring.panels import Floats, Panel, at_rows


@dataclass(frozen=True)
class Stateless:
    """Keeps nothing; a test says what `forecast` gives."""

    name: str = "stateless"

    def fit(self, panel: Panel, ask: Ask) -> Self:
        """Ready."""
        return self

    def after(self, panel: Panel, ask: Ask) -> Self:
        """Nothing is kept."""
        return self

    def for_rows(self, rows: NDArray[np.intp]) -> Self:
        """Nothing is kept of any row."""
        return self

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Nothing is kept."""
        return {}

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> Self | None:
        """Nothing was kept."""
        return self

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """Nothing ahead."""
        return unforecast(panel, ask, self.name)


@dataclass
class Mood:
    """What a test changes about a `Counting` forecaster: what its calls raise, by name, and which calls there were."""

    raises: dict[str, Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def enter(self, call: str) -> None:
        """Note a call, and raise if it is to."""
        self.calls.append(call)
        if call in self.raises:
            raise self.raises[call]


@dataclass(frozen=True)
class Counting:
    """Learns how many panels it has seen of each row, and forecasts that number: 1 after `fit`, one more after each `after`.

    It chooses `expert` for all it forecasts.
    """

    name: str = "counting"
    expert: str = "count"
    mood: Mood = field(default_factory=Mood)

    def fit(self, panel: Panel, ask: Ask) -> Counted:
        """Seen once."""
        self.mood.enter("fit")
        return Counted(self, np.ones(len(panel.series), np.int32))

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> Counted | None:
        """As often as then."""
        self.mood.enter("restored")
        seen = arrays.get("seen")
        return None if seen is None or seen.shape != (rows,) else Counted(self, seen)


@dataclass(frozen=True)
class Counted:
    """What `Counting` has learned."""

    by: Counting
    seen: NDArray[np.int32]

    def after(self, panel: Panel, ask: Ask) -> Counted:
        """Once more."""
        self.by.mood.enter("after")
        return replace(self, seen=self.seen + 1)

    def for_rows(self, rows: NDArray[np.intp]) -> Counted:
        """A new row was never seen."""
        self.by.mood.enter("for_rows")
        return replace(self, seen=at_rows(self.seen, rows, 0))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The counts."""
        self.by.mood.enter("arrays")
        return {"seen": self.seen}

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """The counts, as if they were demand."""
        self.by.mood.enter("forecast")
        blank = unforecast(panel, ask, self.by.name)
        count = self.seen.astype(np.float32)
        return replace(
            blank,
            curve=np.broadcast_to(count[:, None, None], blank.curve.shape).copy(),
            maximum=np.broadcast_to(count[:, None], blank.maximum.shape).copy(),
            skill=np.full(blank.skill.shape, 0.25, np.float32),
            lead_skill=np.full(blank.lead_skill.shape, 0.25, np.float32),
            needed=np.full(len(count), 2, np.int32),
            experts=("persistence", self.by.expert),
            chosen=np.ones(blank.chosen.shape, np.int8),
        )


@dataclass(frozen=True)
class Seasonal(Stateless):
    """A forecaster good enough to decide on: the usual change at this time of day, or none where that was no better.

    Errors, skill and quantiles are those of the last two days; all is read from the panel, so each cycle stands by itself.
    """

    name: str = "seasonal"

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """One horizon at a time."""
        out = unforecast(panel, ask, self.name)
        x = np.where(panel.censored | panel.masked, np.float32(np.nan), panel.values)
        day = round(ask.day / panel.step)
        usual = _usual(x, day, max(*ask.steps, int(ask.lead.max(initial=1))))
        top = 3 * np.fmax.reduce(x, axis=1, initial=0)[:, None]
        for i, step in enumerate(ask.steps):
            centre, errors, out.skill[:, i] = _ahead(x, out.last, usual, step, day)
            out.curve[:, i] = np.clip(centre[:, None] + row_quantiles(errors, LEVELS, fewest=12), 0, top)
        for lead in np.unique(ask.lead):
            rows = np.flatnonzero(ask.lead == lead)
            centre, errors, skill = _ahead(x, out.last, usual, int(lead), day, maximum=True)
            band = np.clip(centre[:, None] + row_quantiles(errors, LEVELS, fewest=12), 0, top)
            out.maximum[rows], out.lead_skill[rows] = band[rows], skill[rows]
        _, errors, _ = _ahead(panel.values, out.last, usual, 1, day)
        if errors.shape[1] > 1:
            out.residual[:] = errors[:, -1]
            out.sigma[:] = normal_scale(errors[:, :-1], fewest=12)
        return out


def _usual(x: Floats, day: int, ahead: int) -> Floats:
    """The mean of the same time on past days, for past and future columns: `[rows, time + ahead]`."""
    rows, columns = x.shape
    total, count = np.zeros((2, rows, columns + ahead), np.float32)
    for back in range(day, columns + ahead, day):
        then = x[:, : columns + ahead - back]
        total[:, back : back + then.shape[1]] += np.nan_to_num(then)
        count[:, back : back + then.shape[1]] += ~np.isnan(then)
    usual: Floats = np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))
    return usual


def _ahead(
    x: Floats, last: Floats, usual: Floats, ahead: int, day: int, *, maximum: bool = False
) -> tuple[Floats, Floats, Floats]:
    """One horizon: its centre `[rows]`, its errors on the last two days `[rows, origins]`, its skill `[rows]`."""
    columns = x.shape[1]
    first = max(0, columns - ahead - 2 * day)
    now = x[:, first : max(first, columns - ahead)]
    change = np.nan_to_num(usual[:, first + ahead : columns] - usual[:, first : columns - ahead])
    if change.shape != now.shape:
        change = np.zeros_like(now)
    came = x[:, first + ahead :][:, : now.shape[1]]
    held, moved = came - now, came - now - change
    both = ~np.isnan(moved)
    plain = np.where(both, np.abs(held), 0).sum(axis=1)
    ours = np.where(both, np.abs(moved), 0).sum(axis=1)
    skill = np.full(len(x), np.nan, np.float32)
    np.divide(plain - ours, plain, out=skill, where=(both.sum(axis=1) >= 12) & (plain > 0))
    used = skill > 0
    if maximum:
        for step in range(1, ahead):
            came = np.maximum(came, x[:, first + step :][:, : now.shape[1]])
        held, moved = came - now, came - np.maximum(now, now + change)
    centre = last + np.where(used, np.nan_to_num(usual[:, columns + ahead - 1] - usual[:, columns - 1]), 0)
    errors = np.where(used[:, None], moved, held)
    return np.fmax(centre, last) if maximum else centre, errors, skill
