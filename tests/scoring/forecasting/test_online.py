"""Learning from column to column: nothing before it came, nothing twice, and each row for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.forecasting.evidence import TASKS
from scoring.forecasting.forecasts import MEDIAN, Fitted, Forecast
from scoring.forecasting.online import FEWEST_WALKED, MOST_WALKED, SETTLED, Online
from scoring.panels import Floats, Panel
from tests.scoring.builders import NAN, NOW, STEP, daily, panel
from tests.scoring.forecasting.builders import (
    HOUR,
    KINDS,
    arrays,
    asked,
    assert_same,
    following,
    forecast,
    forecaster,
    rows_of,
)

EVERY = pytest.mark.parametrize("name", ["auto", "baseline"])
ANY = pytest.mark.parametrize("name", ["auto"])
"""Most of it is the same whatever the model."""
ENDED = 30
"""Columns after which most tests look."""


def memory(rows: int = 3, columns: int = 60) -> Floats:
    """Days of 24 columns."""
    return daily(rows, days=columns / 24, step=HOUR)


def until(values: Floats, column: int, **flags: Any) -> Panel:
    """The panel whose last column is that of a memory which begins at `NOW`."""
    return panel(values[:, : column + 1], step=HOUR, end=NOW + column * HOUR, **flags)


def learned(name: str, values: Floats, columns: Sequence[int]) -> Online:
    """What is known after these columns were the last, one by one."""
    *_, (fitted, _) = following(forecaster(name), values, columns)
    return fitted


@cache
def begun(name: str) -> Online:
    """What is known when three ordinary rows stand at `ENDED`."""
    return learned(name, memory(), [ENDED])


def said(fitted: Fitted, of: Panel) -> Forecast:
    """Its forecast."""
    return fitted.forecast(of, asked(of))


def labels(fitted: Online, row: int = 0) -> dict[tuple[int, int], int]:
    """How many labels each task of a row has had."""
    return {span: int(part.votes.count[row]) for span, part in zip(TASKS, fitted.evidence, strict=True)}


def assert_equal(one: Online, other: Online, *, but: tuple[str, ...] = ()) -> None:
    """The same was learned."""
    kept: dict[str, NDArray[Any]] = dict(other.arrays())
    for name, values in one.arrays().items():
        if name not in but:
            np.testing.assert_array_equal(kept[name], values, err_msg=name)


# What is known, and when


@EVERY
def test_what_comes_after_changes_nothing(name: str) -> None:
    """A panel that is a view into a longer memory is forecast as if that memory ended with it."""
    values = np.concatenate([rows_of(KINDS, 48), np.ones((len(KINDS), 40), np.float32)], axis=1)
    before = forecast(until(values, 47), forecaster(name))
    values[:, 48:] = 1e9
    assert_same(before, forecast(until(values, 47), forecaster(name)))


@ANY
def test_a_label_is_learned_from_a_column_after_it_has_come_and_not_before(name: str) -> None:
    """Of every column walked, each task has as many labels as whole spans have settled, whatever its length."""
    fitted = begun(name)
    # the walk begins with the second column
    assert {span: ENDED - span[1] - SETTLED for span in TASKS} == labels(fitted)
    *_, (later, _) = following(fitted, memory(), range(ENDED + 1, ENDED + 4))
    assert {span: ENDED + 3 - span[1] - SETTLED for span in TASKS} == labels(later)


@ANY
def test_what_is_not_over_yet_waits(name: str) -> None:
    """A forecast is kept until the last column of its span has settled, and no longer."""
    fitted = begun(name)
    now = round(NOW / HOUR) + ENDED
    waiting = {span: [s.slot for s in line] for span, line in zip(TASKS, fitted.pending, strict=True)}
    assert {span: list(range(now - span[1] - SETTLED + 1, now + 1)) for span in TASKS} == waiting


@EVERY
def test_a_past_that_is_walked_is_as_one_that_was_lived(name: str) -> None:
    """What history teaches at once is what it would have taught column by column, from the forecasts made then."""
    values = rows_of(["daily", "rough", "on and off"], 40)
    walked, lived = learned(name, values, [38]), learned(name, values, range(ENDED, 39))
    assert_equal(walked, lived)
    of, before = until(values, 38), until(values, 37)
    assert_same(said(walked, of), said(lived, of))
    expected = forecast(before, forecaster(name)).curve[:, 0, MEDIAN]
    np.testing.assert_array_equal(values[:, 38] - expected, said(walked, of).residual)


@ANY
def test_the_newest_surprise_is_what_was_not_expected(name: str) -> None:
    """The residual, known at once, is the newest value less the median that was forecast; its scale is of the time before."""
    values = memory()
    before, of = begun(name), until(values, ENDED)
    expected = values[:, ENDED + 1] - said(before, of).curve[:, 0, MEDIAN]
    (after, now), (later, _) = following(before, values, [ENDED + 1, ENDED + 2])
    np.testing.assert_array_equal(expected, said(after, now).residual)
    np.testing.assert_array_equal(before.residuals[:, 1:], after.residuals[:, :-1])
    np.testing.assert_array_equal(expected, later.residuals[:, -1])
    jumped = values.copy()
    jumped[:, ENDED + 1] += 100
    after, now = next(following(before, jumped, [ENDED + 1]))
    np.testing.assert_allclose(expected + 100, said(after, now).residual, rtol=1e-5)
    assert (said(after, now).sigma < 3).all()


# Time that does not go from column to column


@ANY
def test_columns_that_were_missed_are_caught_up_with(name: str) -> None:
    """After five columns at once the labels that waited are learned, and no residual is made up."""
    values = memory()
    before = begun(name)
    after, of = next(following(before, values, [ENDED + 5]))
    # one-step forecasts were not made in between: of those there is one; of farther ones all that were waiting
    grown = {span: min(5, span[1] + SETTLED) for span in TASKS}
    assert {s: n + grown[s] for s, n in labels(before).items()} == labels(after)
    found = said(after, of)
    assert np.isnan(found.residual).all()
    assert np.isfinite(found.curve).all()
    *_, (later, of) = following(after, values, [ENDED + 6])
    assert np.isfinite(said(later, of).residual).all()


@ANY
def test_the_same_column_twice_teaches_nothing_twice(name: str) -> None:
    """Nothing is counted again, not even where the fleet changed in between; the forecast is the same."""
    values = memory()
    once, of = next(following(begun(name), values, [ENDED + 1]))
    for fitted in (once, once.for_rows(np.arange(3))):
        again = fitted.after(of, asked(of))
        assert isinstance(again, Online)
        assert_equal(once, again)
        assert [len(line) for line in once.pending] == [len(line) for line in again.pending]
        assert_same(said(once, of), said(again, of))


@ANY
def test_a_clock_that_goes_back_forgets_nothing_and_goes_on(name: str) -> None:
    """What was learned stays; what was said of times that are to come anew is dropped; labels come again."""
    values = memory()
    before, _ = next(following(begun(name), values, [ENDED + 1]))
    back, of = next(following(before, values, [ENDED - 9]))
    assert labels(before) == labels(back)
    assert all(said_.slot <= (back.slot or 0) for line in back.pending for said_ in line)
    assert np.isfinite(said(back, of).curve).all()
    assert np.isnan(said(back, of).residual).all()
    *_, (on, _) = following(back, values, range(ENDED - 8, ENDED + 6))
    assert all(count > labels(before)[span] for span, count in labels(on).items())


# Rows that come and go


@EVERY
def test_what_was_learned_follows_the_rows(name: str) -> None:
    """In another order, some gone, each row goes on as it would have: among those that wait for labels too."""
    values, rows = memory(4), np.array([2, 0, 3])
    ((fitted, _),) = following(forecaster(name), values, [ENDED])
    kept, there = next(following(fitted, values, [ENDED + 1]))
    moved, here = next(following(fitted.for_rows(rows), values[rows], [ENDED + 1]))
    picked = {k: v[rows] for k, v in arrays(said(kept, there)).items()}
    for what, found in arrays(said(moved, here)).items():
        np.testing.assert_allclose(found, picked[what], rtol=1e-5, atol=1e-5, err_msg=what)
    assert [labels(kept, row) for row in rows] == [labels(moved, row) for row in range(3)]


@ANY
def test_a_new_row_begins_with_its_own_past(name: str) -> None:
    """It is forecast, and judged, as if it had been there; the others do not notice."""
    values = memory(3)
    ((fitted, _),) = following(forecaster(name), values[:2], [ENDED])
    grown, of = next(following(fitted.for_rows(np.array([1, -1])), values[1:], [ENDED + 1]))
    alone = learned(name, values[2:], [ENDED + 1])
    assert [labels(alone)] == [labels(grown, 1)]
    new, own = said(grown, of), said(alone, until(values[2:], ENDED + 1))
    np.testing.assert_allclose(own.curve[0], new.curve[1], rtol=1e-4)
    kept, there = next(following(fitted, values[:2], [ENDED + 1]))
    np.testing.assert_array_equal(said(kept, there).residual[1], new.residual[0])
    np.testing.assert_allclose(said(kept, there).curve[1], new.curve[0], rtol=1e-4)


@ANY
def test_history_that_arrives_behind_a_row_is_walked_through(name: str) -> None:
    """Within one column: the row is judged by it from then on, the others keep what they know, residuals too."""
    values = memory()
    late = values.copy()
    late[0, : ENDED - 4] = NAN
    now = ENDED + 2
    early = learned(name, late, [ENDED, ENDED + 1, now])
    assert 1 == labels(early)[1, 1]
    of = until(values, now)
    filled = early.after(of, asked(of))
    assert isinstance(filled, Online)
    assert {span: now - span[1] - SETTLED for span in TASKS} == labels(filled, 0)
    assert labels(early, 1) == labels(filled, 1)
    before, after = said(early, until(late, now)), said(filled, of)
    np.testing.assert_array_equal(before.residual[1:], after.residual[1:])
    assert np.isfinite(after.residual).all()
    np.testing.assert_allclose(
        forecast(until(values[:1], now), forecaster(name)).curve[0], after.curve[0], rtol=1e-4
    )


@ANY
def test_a_row_that_is_walked_costs_the_others_no_surprise(name: str) -> None:
    """In the cycle in which history arrives behind one row, all have the residuals of the newest column."""
    values = memory()
    late = values.copy()
    late[0, : ENDED - 4] = NAN
    ((early, _),) = following(forecaster(name), late, [ENDED])
    filled, of = next(following(early, values, [ENDED + 1]))
    plain, _ = next(following(begun(name), values, [ENDED + 1]))
    np.testing.assert_allclose(plain.residual, said(filled, of).residual, rtol=1e-4, atol=1e-5)
    assert [len(line) for line in plain.pending] == [len(line) for line in filled.pending]


@ANY
def test_a_few_columns_of_history_are_no_reason_to_begin_anew(name: str) -> None:
    """Some late samples count as points and leave what was learned as it is."""
    values = memory()
    gappy = values.copy()
    gappy[:, ENDED - 12 : ENDED - 8] = NAN
    early = learned(name, gappy, [ENDED])
    of = until(values, ENDED)
    again = early.after(of, asked(of))
    assert isinstance(again, Online)
    assert_equal(early, again, but=("points",))
    assert [ENDED + 1] * 3 == again.points.tolist()


@ANY
def test_a_series_of_a_few_columns_has_learned_nothing_yet(name: str) -> None:
    """Below a day's worth of hours there is no walk: it is forecast from where it stands, without skill."""
    fitted = learned(name, memory(), [FEWEST_WALKED - 2])
    assert {0} == set(labels(fitted).values())
    assert np.isnan(said(fitted, until(memory(), FEWEST_WALKED - 2)).skill).all()


# Samples from which nothing is to be learned


@pytest.mark.parametrize("flag", ["censored", "masked"])
def test_what_is_not_ordinary_is_no_label_but_a_residual(flag: str) -> None:
    """A stretch at the ceiling, or an anomaly, teaches nothing; that it surprised is known, and it counts as newest."""
    values = memory()
    values[:, ENDED - 6 : ENDED + 1] = 40
    flags = values == 40
    flagged = replace(until(values, ENDED), **{flag: flags[:, : ENDED + 1]})
    fitted = forecaster("auto").fit(flagged, asked(flagged))
    assert isinstance(fitted, Online)
    # only spans that ended before the stretch
    assert {span: ENDED - 7 - span[1] for span in TASKS} == labels(fitted)
    found = said(fitted, flagged)
    assert [40] * 3 == found.last.tolist()
    assert np.isfinite(found.curve).all()
    # the newest of them is remembered with the next column
    assert (fitted.residuals[:, -6] > 30).all()
    assert (fitted.residuals[:, -7] < 30).all()


def test_an_anomaly_that_is_marked_in_the_cycle_in_which_it_comes_teaches_nothing() -> None:
    """A label is learned a column after it came, and the column is known by then for what it is; nor do spans over it."""
    values, at = memory(), ENDED + 3
    values[:, at] = 40
    flags = values == 40
    fitted, last = begun("auto"), at + 16
    for column in range(ENDED + 1, last + 1):
        of = until(values, column)
        # the detector marks a column once it has seen it: in its own cycle it is not marked yet
        of = replace(of, masked=flags[:, : column + 1] & (np.arange(column + 1) < column))
        grown = fitted.after(of, asked(of))
        assert isinstance(grown, Online)
        fitted = grown
    lived = learned("auto", memory(), [ENDED, *range(ENDED + 1, last + 1)])
    # as many origins saw it within their span as the span has columns
    assert {(first, end): labels(lived)[first, end] - (end - first + 1) for first, end in TASKS} == labels(
        fitted
    )
    assert (np.abs(fitted.residuals[:, at - last + SETTLED - 1]) > 30).all()


def test_an_anomaly_that_nobody_marks_is_learned() -> None:
    """So the test before this one can fail: the experts' weights are others."""
    values, at = memory(), ENDED + 3
    ordinary = learned("auto", values, range(ENDED, at + 4))
    values[:, at] = 40
    abnormal = learned("auto", values, range(ENDED, at + 4))
    assert labels(ordinary) == labels(abnormal)
    assert not np.array_equal(ordinary.evidence[0].votes.loss, abnormal.evidence[0].votes.loss)


@ANY
def test_a_source_that_is_always_one_step_late_teaches(name: str) -> None:
    """Each value is there a column after its own, and is learned then: as many labels as from one that is not late."""
    values = memory()
    fitted = begun(name)
    for column in range(ENDED + 1, ENDED + 9):
        late = values[:, : column + 1].copy()
        late[:, -1] = NAN
        of = until(late, column)
        grown = fitted.after(of, asked(of))
        assert isinstance(grown, Online)
        fitted = grown
    assert {span: ENDED + 8 - span[1] - SETTLED for span in TASKS} == labels(fitted)
    assert np.isfinite(fitted.residuals[:, -8:]).all()
    assert np.isnan(said(fitted, of).residual).all()
    assert np.isfinite(said(fitted, of).sigma).all()


# Restarts


@EVERY
def test_what_was_learned_survives_a_restart(name: str) -> None:
    """The same forecast from the same panel; only the newest residual is not known until the next column."""
    values, by = memory(), forecaster(name)
    *_, (before, of) = following(begun(name), values, range(ENDED + 1, ENDED + 4))
    back = by.restored(dict(before.arrays()), 3)
    assert isinstance(back, Online)
    assert_equal(before, back)
    assert_same(said(before, of), said(back, of), apart=("residual",))
    *_, (later, there) = following(back, values, [ENDED + 4, ENDED + 5, ENDED + 6])
    assert np.isfinite(said(later, there).residual).all()
    # what waited is lost; of what was said since, what has settled is learned
    grown = {span: max(0, 3 - span[1] - SETTLED) for span in TASKS}
    assert 1 == grown[1, 1]
    assert {span: n + grown[span] for span, n in labels(before).items()} == labels(later)


Kept = dict[str, NDArray[Any]]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _: {}, id="nothing"),
        pytest.param(lambda _: {"seen": np.ones(3)}, id="another forecaster's"),
        pytest.param(lambda k: {n: k[n] for n in k if n != "1-1.regression.gram"}, id="one is missing"),
        pytest.param(lambda k: k | {"1-1.regression.gram": np.ones((3, 2, 2))}, id="another version's"),
        pytest.param(lambda k: {n: v[:2] for n, v in k.items()}, id="other rows"),
    ],
)
def test_what_is_of_another_kind_is_not_restored(spoil: Callable[[Kept], Kept]) -> None:
    """It begins anew rather than from what it cannot read."""
    assert forecaster("auto").restored(spoil(dict(begun("auto").arrays())), 3) is None


@pytest.mark.parametrize("array", ["6-6.widths", "1-1.regression.weights", "1-6.votes.loss"])
def test_a_damaged_row_begins_anew_and_costs_nobody_else(array: str) -> None:
    """It is walked again; the others go on with what they knew."""
    damaged = {k: v.copy() for k, v in begun("auto").arrays().items()}
    damaged[array][1] = NAN
    back = forecaster("auto").restored(damaged, 3)
    assert isinstance(back, Online)
    assert [labels(begun("auto"))[1, 1], 0] == [labels(back, r)[1, 1] for r in (0, 1)]
    of = until(memory(), ENDED)
    again = back.after(of, asked(of))
    before = said(begun("auto"), of)
    assert_same(before, said(again, of), rtol=1e-4, apart=("residual", "sigma"))


def test_a_step_of_five_minutes_is_walked_in_strides() -> None:
    """A week of history costs as many origins as twelve hours: enough to be judged by."""
    ((fitted, _),) = following(forecaster("auto"), daily(1), [2015], step=STEP)
    assert MOST_WALKED == labels(fitted)[1, 1]
    assert np.isfinite(said(fitted, panel(daily(1), end=NOW + 2015 * STEP)).skill).all()
