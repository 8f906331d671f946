"""Several forecasters as one: each series is forecast by the one that its target names.

Each sees its own rows alone, and one that raises costs those rows alone: they have no forecast in that cycle, which
says so, and it goes on from what it had learned before. Nobody is stopped for being slow, for a thread cannot be: the
cycle waits, so a forecaster whose fit takes seconds must fit now and then by itself, a few series in each `after`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.forecasts import Ask, Fitted, Forecast, Forecaster, checked, unforecast
from scoring.panels import Panel, at_rows

Rows = NDArray[np.intp]
Given = ParamSpec("Given")
Answer = TypeVar("Answer")

AUTO = "auto"
_ROWS = "rows"
_ROWWISE = (
    "curve",
    "maximum",
    "skill",
    "lead_skill",
    "points",
    "needed",
    "last",
    "residual",
    "sigma",
    "peaks",
)


@dataclass(frozen=True, slots=True)
class Assortment:
    """Forecasters by name; fulfils `Forecaster`.

    Attributes:
        forecasters: whom a target may name; one that cannot be made may raise when it is looked up.
        name: whose are the rows of an `Ask` that names nobody.
    """

    forecasters: Mapping[str, Forecaster]
    name: str = AUTO

    def fit(self, panel: Panel, ask: Ask) -> Assorted:
        """Each learns from its own rows."""
        return Assorted(self, len(panel.series)).after(panel, ask)

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> Assorted | None:
        """What each had learned; one whose arrays are missing, damaged or not its own learns anew, the others do not."""
        parts: dict[str, _Part] = {}
        for name in self.forecasters:
            own = {
                key.removeprefix(f"{name}/"): array
                for key, array in arrays.items()
                if key.startswith(f"{name}/")
            }
            place = own.pop(_ROWS, None)
            if place is None or not _are_rows(place, rows):
                continue
            fitted = _attempt(self._restored, name, own, len(place))
            if not isinstance(fitted, str) and fitted is not None:
                parts[name] = _Part(place.astype(np.intp), fitted)
        return Assorted(self, rows, parts) if parts else None

    def _restored(self, name: str, arrays: Mapping[str, NDArray[Any]], rows: int) -> Fitted | None:
        return self.forecasters[name].restored(arrays, rows)


class _Unready(Exception):
    """A forecaster could not go on from what it had learned."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One forecaster's rows among all, ascending; what it has learned of them (None: nothing), and why it could not go on."""

    rows: Rows
    fitted: Fitted | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Assorted:
    """What each forecaster has learned of its rows; fulfils `Fitted`.

    Attributes:
        assortment: the forecasters.
        count: rows in all; one that nobody has learned of yet is in no part.
        parts: by the forecaster's name.
    """

    assortment: Assortment
    count: int
    parts: Mapping[str, _Part] = field(default_factory=dict)

    def after(self, panel: Panel, ask: Ask) -> Assorted:
        """Each has seen its rows; one that raises stays as it was. A series that names another now begins anew there."""
        parts = {}
        for name, rows in self._groups(ask).items():
            part = self._laid_out(name, rows)
            found = _attempt(self._seen, name, part, panel, ask)
            parts[name] = replace(part, fault=found) if isinstance(found, str) else _Part(rows, found)
        return replace(self, parts=parts)

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """Each forecasts its rows; experts are united, and whoever could not is named in `faults`."""
        out = unforecast(panel, ask, self.assortment.name)
        experts: tuple[str, ...] = ()
        faults: dict[str, str] = {}
        chosen = np.full(out.chosen.shape, -1, np.int8)
        for name, rows in self._groups(ask).items():
            part = self._laid_out(name, rows)
            found = _attempt(self._said, name, part, panel, ask)
            if isinstance(found, str):
                faults[name] = found
                continue
            if len(rows) == self.count:
                return found
            for array in _ROWWISE:
                getattr(out, array)[rows] = getattr(found, array)
            experts, places = united(experts, found.experts)
            chosen[rows] = places[found.chosen]
            faults |= found.faults
        return replace(out, experts=experts, chosen=chosen, faults=faults)

    def for_rows(self, rows: Rows) -> Assorted:
        """The same for other rows; whose the new ones are is said by the next `Ask`."""
        parts = {}
        for name, part in self.parts.items():
            former = at_rows(part_places(part.rows, self.count), rows, -1)
            kept = np.flatnonzero(former >= 0)
            if len(kept):
                parts[name] = _moved(part, kept, former[kept])
        return Assorted(self.assortment, len(rows), parts)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What each has learned, under its name, and of which rows."""
        out: dict[str, NDArray[Any]] = {}
        for name, part in self.parts.items():
            own = {} if part.fitted is None else _attempt(part.fitted.arrays)
            # one that cannot say what it learned, or says it in objects, costs its own memory only
            if own and not isinstance(own, str) and not any(array.dtype.hasobject for array in own.values()):
                out |= {f"{name}/{key}": array for key, array in own.items()}
                out[f"{name}/{_ROWS}"] = part.rows
        return out

    def _groups(self, ask: Ask) -> dict[str, Rows]:
        """The rows of each forecaster that is asked for."""
        names = set(ask.models or ()) or {self.assortment.name}
        if len(names) == 1:
            return {names.pop(): np.arange(self.count)}
        asked = np.array(ask.models)
        return {name: np.flatnonzero(asked == name) for name in sorted(names)}

    def _laid_out(self, name: str, rows: Rows) -> _Part:
        """What one forecaster has learned, for these rows."""
        part = self.parts.get(name)
        if part is None:
            return _Part(rows)
        if np.array_equal(part.rows, rows):
            return part
        return _moved(part, rows, part_places(part.rows, self.count)[rows])

    def _seen(self, name: str, part: _Part, panel: Panel, ask: Ask) -> Fitted:
        forecaster = self._named(name)
        own, asked = self._own(part.rows, panel, ask)
        return forecaster.fit(own, asked) if part.fitted is None else part.fitted.after(own, asked)

    def _said(self, name: str, part: _Part, panel: Panel, ask: Ask) -> Forecast:
        forecaster = self._named(name)
        if part.fault is not None:
            raise _Unready(part.fault)
        own, asked = self._own(part.rows, panel, ask)
        fitted = forecaster.fit(own, asked) if part.fitted is None else part.fitted
        return checked(fitted.forecast(own, asked), own, asked)

    def _named(self, name: str) -> Forecaster:
        known = self.assortment.forecasters
        try:
            return known[name]
        except KeyError:
            raise LookupError(f"there is no such forecaster; there are {', '.join(sorted(known))}") from None

    def _own(self, rows: Rows, panel: Panel, ask: Ask) -> tuple[Panel, Ask]:
        """What one forecaster sees; the whole panel is not copied."""
        return (panel, ask) if len(rows) == self.count else (panel.for_rows(rows), ask.for_rows(rows))


def united(names: tuple[str, ...], others: tuple[str, ...]) -> tuple[tuple[str, ...], NDArray[np.int8]]:
    """Both lists as one that begins with the first, and where each of `others` stands in it.

    Returns:
        The names, and `[others + 1]` places, of which the last, found by the index -1, is -1.
    """
    every = (*names, *(name for name in dict.fromkeys(others) if name not in names))
    return every, np.array([*(every.index(name) for name in others), -1], np.int8)


def part_places(rows: Rows, count: int) -> Rows:
    """Where each of `count` rows stands among `rows`, or -1."""
    places = np.full(count, -1, np.intp)
    places[rows] = np.arange(len(rows))
    return places


def _moved(part: _Part, rows: Rows, former: Rows) -> _Part:
    """A part for other rows, of which each has a former place in it, or -1; what cannot be moved is learned anew."""
    fitted = part.fitted
    moved = None if fitted is None else _attempt(fitted.for_rows, former)
    return _Part(rows, None, part.fault) if isinstance(moved, str) else _Part(rows, moved, part.fault)


def _attempt(run: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer | str:
    """What `run` answers, or why it could not, in words; this is the one place where a forecaster's failure is caught."""
    try:
        return run(*given, **named)
    except _Unready as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever one forecaster does, the others' rows are forecast
        return f"{type(error).__name__}: {error}"


def _are_rows(place: NDArray[Any], count: int) -> bool:
    """Whether these can be ascending rows among so many."""
    if place.ndim != 1 or place.dtype.kind not in "iu":
        return False
    return bool(len(place) == 0 or (place[0] >= 0 and place[-1] < count and (np.diff(place) > 0).all()))
