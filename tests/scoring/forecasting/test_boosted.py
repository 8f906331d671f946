"""Boosted trees: they learn, they are read back, and what cannot be read is done without."""

from __future__ import annotations

import numpy as np
import pytest
import xgboost

from scoring.forecasting.boosted import Boosted, Trees, grown
from scoring.forecasting.features import AHEAD, INPUTS, described
from scoring.forecasting.forecasts import LEVELS, MEDIAN
from scoring.forecasting.learned import Models
from tests.scoring.builders import NAN, daily, panel
from tests.scoring.forecasting.builders import HOUR, KINDS, examples, forecast, forecaster, rows_of, trees

SPANS = ((1, 1), (6, 6), (1, 6))


def of_another_shape(columns: int, targets: int) -> bytes:
    """An ensemble that XGBoost can read, of so many features and answers."""
    random = np.random.default_rng(0)
    data = xgboost.DMatrix(random.random((30, columns)), random.random((30, targets)))
    return bytes(xgboost.train({"nthread": 1}, data, 1).save_raw("ubj"))


@pytest.mark.parametrize(
    "booster",
    [
        pytest.param(None, id="none"),
        pytest.param(b"", id="of no bytes"),
        pytest.param(b"not a model", id="something else"),
        pytest.param((trees().booster or b"")[:1000], id="cut off"),
        pytest.param(of_another_shape(3, 1), id="of other features"),
        pytest.param(of_another_shape(INPUTS + AHEAD, 1), id="of one answer"),
    ],
)
def test_without_trees_that_fit_past_values_stand_in(booster: bytes | None) -> None:
    """The forecast is the baseline's, and says so; nothing fails and no process ends."""
    of = panel(daily(2, days=1, step=HOUR), step=HOUR)
    found, plain = forecast(of, Boosted(Models({}, booster))), forecast(of, forecaster("baseline"))
    assert ("xgboost", ("persistence", "past values", "regression")) == (found.model, found.experts)
    np.testing.assert_array_equal(plain.curve, found.curve)


def test_trees_say_who_they_are() -> None:
    """The expert has the name that a user asked for."""
    found = forecast(panel(daily(1, days=1, step=HOUR), step=HOUR), Boosted(trees()))
    assert ("persistence", "xgboost", "regression") == found.experts


def test_trees_learn_what_moves() -> None:
    """On windows whose moves follow what describes them, trees say more than persistence, in order."""
    seen, new = examples(300), examples(100, seed=1)
    progress: list[float] = []
    read = Trees.of(Models({}, grown(seen, 300, 0, progress.append)))
    assert read is not None
    table = np.concatenate([np.repeat(new.inputs, 8, axis=0), new.ahead.reshape(-1, AHEAD)], axis=1)
    said = read.booster.inplace_predict(table)
    assert (-1, len(LEVELS)) == (-1, said.shape[1])
    came = new.moves.reshape(-1)
    assert np.abs(came - said[:, MEDIAN]).mean() < 0.7 * np.abs(came).mean()
    assert 1 == progress[-1]
    assert progress == sorted(progress)


def test_a_move_that_is_not_known_is_not_learned_from() -> None:
    """A gap after a window is no zero."""
    some = examples(40)
    some.moves[:, 3] = NAN
    assert Trees.of(Models({}, grown(some, 40, 0, lambda _done: None))) is not None


def test_quantiles_never_cross() -> None:
    """On every kind of series; a row that does not move stays."""
    model, rows = Trees.of(trees()), described(rows_of(KINDS, 100), day=24)
    assert model is not None
    said, known = model.quantiles(rows, SPANS), ~np.isnan(rows.last)
    assert (np.diff(said[known], axis=2) >= 0).all()
    assert (said[KINDS.index("flat")] == 3).all()
