"""Several forecasters as one: each series by the one that its target names, and a fault costs nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from scoring.forecasting.assortments import Assorted, Assortment, united
from scoring.forecasting.forecasts import Ask, Forecast, Forecaster
from scoring.panels import Panel
from tests.scoring.builders import daily, panel
from tests.scoring.forecasters import Counting, Mood, Stateless

ROWS = 5
WISHES = ("auto", "slow", "auto", "slow", "auto")
PANEL = panel(daily(ROWS, days=1))


def ask(models: tuple[str, ...] | None = WISHES, rows: int = ROWS) -> Ask:
    """Two curve points and the name that each row asks for."""
    return Ask((1, 6), np.ones(rows, np.int32), models=models)


def assortment(auto: Mood | None = None, slow: Mood | None = None) -> Assortment:
    """Two forecasters that count how often they have seen each row."""
    return Assortment(
        {
            "auto": Counting("auto", "network", auto or Mood()),
            "slow": Counting("slow", "waves", slow or Mood()),
        }
    )


def counts(forecast: Forecast) -> list[float]:
    """What each row's forecast says."""
    return [float(count) for count in forecast.curve[:, 0, 0]]


def experts(forecast: Forecast) -> list[str | None]:
    """Who counts most in each row's first point."""
    return [forecast.experts[i] if i >= 0 else None for i in forecast.chosen[:, 0].tolist()]


def test_each_series_is_forecast_by_the_one_it_names() -> None:
    """With its own experts, in one list, and its own need of history."""
    found = assortment().fit(PANEL, ask()).forecast(PANEL, ask())
    assert ("persistence", "network", "waves") == found.experts
    assert ["network", "waves", "network", "waves", "network"] == experts(found)
    assert [1.0] * ROWS == counts(found)
    assert [2] * ROWS == found.needed.tolist()
    assert {} == found.faults


def test_each_forecaster_sees_its_own_rows_alone() -> None:
    """As if there were no others."""
    seen: dict[str, tuple[str, ...]] = {}

    class Looking(Stateless):
        def forecast(self, panel: Panel, ask: Ask) -> Forecast:
            seen[self.name] = tuple(s.deployment for s in panel.series)
            assert len(ask.lead) == len(panel.series)
            return super().forecast(panel, ask)

    both = Assortment({"auto": Looking("auto"), "slow": Looking("slow")})
    both.fit(PANEL, ask()).forecast(PANEL, ask())
    assert {"auto": ("api-0", "api-2", "api-4"), "slow": ("api-1", "api-3")} == seen


@pytest.mark.parametrize("models", [None, ("auto",) * ROWS])
def test_a_fleet_of_one_wish_is_not_copied(models: tuple[str, ...] | None) -> None:
    """The forecaster is given the very panel; whoever names nobody means auto."""
    given: list[Panel] = []

    class Looking(Stateless):
        def forecast(self, panel: Panel, ask: Ask) -> Forecast:
            given.append(panel)
            return super().forecast(panel, ask)

    Assortment({"auto": Looking("auto")}).fit(PANEL, ask(models)).forecast(PANEL, ask(models))
    assert given[0] is PANEL


def test_learning_goes_on_from_cycle_to_cycle() -> None:
    """Each `after` counts once, for everyone."""
    fitted = assortment().fit(PANEL, ask())
    for _ in range(3):
        fitted = fitted.after(PANEL, ask())
    assert [4.0] * ROWS == counts(fitted.forecast(PANEL, ask()))


@pytest.mark.parametrize("call", ["fit", "after", "forecast"])
def test_a_forecaster_that_raises_costs_its_own_rows_alone(call: str) -> None:
    """They are not forecast and it is said why; the others are."""
    mood = Mood()
    fitted = assortment(slow=mood)
    mood.raises[call] = ValueError("no convergence")
    found = fitted.fit(PANEL, ask()).after(PANEL, ask()).forecast(PANEL, ask())
    assert {"slow": "ValueError: no convergence"} == dict(found.faults)
    np.testing.assert_array_equal([False, True] * 2 + [False], np.isnan(found.curve).all(axis=(1, 2)))
    assert ["network", None, "network", None, "network"] == experts(found)
    assert [2.0, 2.0, 2.0] == found.curve[::2, 0, 0].tolist()


def test_a_forecaster_that_recovers_goes_on_from_its_last_good_state() -> None:
    """What it had learned before it failed is not lost."""
    mood = Mood()
    fitted = assortment(slow=mood).fit(PANEL, ask()).after(PANEL, ask())
    mood.raises["after"] = ValueError("no convergence")
    fitted = fitted.after(PANEL, ask()).after(PANEL, ask())
    mood.raises.clear()
    found = fitted.after(PANEL, ask()).forecast(PANEL, ask())
    assert ([5.0, 3.0, 5.0, 3.0, 5.0], {}) == (counts(found), found.faults)


def test_an_answer_of_another_shape_costs_its_own_rows_alone() -> None:
    """It is checked before it is merged."""

    class Short(Stateless):
        def forecast(self, panel: Panel, ask: Ask) -> Forecast:
            return super().forecast(panel.for_rows(slice(0, 1)), ask.for_rows(slice(0, 1)))

    both = Assortment({"auto": Counting("auto"), "slow": Short("slow")})
    found = both.fit(PANEL, ask()).forecast(PANEL, ask())
    assert "slow: curve has shape (1, 2, 9) instead of (2, 2, 9)" in found.faults["slow"]
    assert [1.0, 1.0, 1.0] == found.curve[::2, 0, 0].tolist()


def test_a_name_that_nobody_has_is_said_with_those_that_there_are() -> None:
    """A plug-in that was taken away."""
    fitted = assortment().fit(PANEL, ask(("auto", "gone", "auto", "auto", "auto")))
    found = fitted.forecast(PANEL, ask(("auto", "gone", "auto", "auto", "auto")))
    assert {"gone": "LookupError: there is no such forecaster; there are auto, slow"} == dict(found.faults)


def test_a_forecaster_that_cannot_be_made_costs_its_own_rows_alone() -> None:
    """An extra that is not installed is found out when it is first looked up."""

    class Shelf(dict[str, Forecaster]):
        def __missing__(self, name: str) -> Forecaster:
            raise ImportError(f"{name} needs its extra")

    both = Assortment(Shelf(auto=Counting("auto")))
    found = both.fit(PANEL, ask()).forecast(PANEL, ask())
    assert {"slow": "ImportError: slow needs its extra"} == dict(found.faults)


def test_a_series_that_names_another_begins_anew_there() -> None:
    """And the others keep what was learned of them."""
    fitted = assortment().fit(PANEL, ask()).after(PANEL, ask())
    changed = ("slow", *WISHES[1:])
    assert [0.0, 2.0, 2.0, 2.0, 2.0] == counts(fitted.forecast(PANEL, ask(changed)))
    assert [1.0, 3.0, 3.0, 3.0, 3.0] == counts(
        fitted.after(PANEL, ask(changed)).forecast(PANEL, ask(changed))
    )


def test_a_forecaster_that_is_named_for_the_first_time_learns_at_once() -> None:
    """Even within a cycle that learns nothing: its first forecast fits."""
    fitted = assortment().fit(PANEL, ask(None)).after(PANEL, ask(None))
    assert [2.0, 1.0, 2.0, 1.0, 2.0] == counts(fitted.forecast(PANEL, ask()))


def test_what_was_learned_follows_the_fleet() -> None:
    """Rows that stay keep it in whatever order, rows that come have none."""
    fitted = assortment().fit(PANEL, ask()).after(PANEL, ask()).for_rows(np.array([3, -1, 0]))
    other = panel(daily(3, days=1))
    assert [2.0, 0.0, 2.0] == counts(fitted.forecast(other, ask(("slow", "auto", "auto"), 3)))


def test_what_cannot_follow_the_fleet_is_learned_anew() -> None:
    """Of that forecaster alone."""
    mood = Mood()
    fitted = assortment(slow=mood).fit(PANEL, ask()).after(PANEL, ask())
    mood.raises["for_rows"] = IndexError("of no use")
    moved = fitted.for_rows(np.arange(ROWS)[::-1].copy())
    assert [2.0, 1.0, 2.0, 1.0, 2.0] == counts(moved.forecast(PANEL, ask()))


def restored(arrays: Mapping[str, np.ndarray], *, rows: int = ROWS, **moods: Mood) -> Assorted:
    """What an assortment makes of stored arrays."""
    found = assortment(**moods).restored(arrays, rows)
    assert found is not None
    return found


def test_a_stored_memory_is_taken_back() -> None:
    """Each forecaster's under its name, with the rows it is of."""
    stored = assortment().fit(PANEL, ask()).after(PANEL, ask()).arrays()
    assert {"auto/seen", "auto/rows", "slow/seen", "slow/rows"} == set(stored)
    found = restored(stored).after(PANEL, ask()).forecast(PANEL, ask())
    assert [3.0] * ROWS == counts(found)


DAMAGES = {
    "missing": {"slow/seen": None},
    "of another kind": {"slow/seen": np.zeros((2, 7))},
    "no rows": {"slow/rows": None},
    "rows out of range": {"slow/rows": np.array([1, 99])},
    "rows twice": {"slow/rows": np.array([1, 1])},
    "rows that are no numbers": {"slow/rows": np.array([0.5, 1.5])},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_memory_costs_that_forecaster_its_learning(damage: Mapping[str, np.ndarray | None]) -> None:
    """The others go on from theirs."""
    stored = {**assortment().fit(PANEL, ask()).after(PANEL, ask()).arrays(), **damage}
    found = restored({k: v for k, v in stored.items() if v is not None}).after(PANEL, ask())
    assert [3.0, 1.0, 3.0, 1.0, 3.0] == counts(found.forecast(PANEL, ask()))


def test_a_memory_that_a_forecaster_fails_on_costs_it_its_learning() -> None:
    """Whatever it raises."""
    stored = assortment().fit(PANEL, ask()).arrays()
    found = restored(stored, slow=Mood({"restored": KeyError("votes")})).after(PANEL, ask())
    assert [2.0, 1.0, 2.0, 1.0, 2.0] == counts(found.forecast(PANEL, ask()))


@pytest.mark.parametrize(
    ("names", "others", "every", "places"),
    [
        ((), ("a", "b"), ("a", "b"), [0, 1, -1]),
        (("p", "a"), ("a", "b", "p"), ("p", "a", "b"), [1, 2, 0, -1]),
        (("a",), (), ("a",), [-1]),
    ],
)
def test_lists_of_experts_are_united_without_moving_the_first(
    names: tuple[str, ...], others: tuple[str, ...], every: tuple[str, ...], places: list[int]
) -> None:
    """An index into the first stays good, nobody stays nobody."""
    found, where = united(names, others)
    assert (every, places) == (found, where.tolist())


def test_a_forecaster_that_cannot_say_what_it_learned_costs_its_own_memory() -> None:
    """It begins anew after a restart, the others do not; and the loop goes on."""
    fitted = assortment(slow=Mood({"arrays": RuntimeError("no memory")})).fit(PANEL, ask())
    found = assortment().restored(fitted.arrays(), ROWS)
    assert found is not None
    assert [2.0, 1.0, 2.0, 1.0, 2.0] == counts(found.after(PANEL, ask()).forecast(PANEL, ask()))


def test_a_forecaster_that_names_experts_it_has_not_costs_its_own_rows() -> None:
    """What it chose is checked where it is caught."""

    class Boasting(Stateless):
        name = "slow"

        def forecast(self, panel: Panel, ask: Ask) -> Forecast:
            blank = Stateless.forecast(self, panel, ask)
            return replace(blank, chosen=np.full(blank.chosen.shape, 3, np.int8))

    both = Assortment({"auto": Counting("auto", "network"), "slow": Boasting()})
    found = both.fit(PANEL, ask()).forecast(PANEL, ask())
    assert ["network", None, "network", None, "network"] == experts(found)
    assert "chosen names experts beyond the 1 that it has" in found.faults["slow"]
