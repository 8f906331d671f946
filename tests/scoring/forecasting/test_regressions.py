"""What a series teaches about itself: weights that are found, held to the model where nothing speaks against it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.forecasting.forecasts import Forecast
from scoring.forecasting.online import Online
from scoring.forecasting.regressions import TERMS, Regression, bounded
from scoring.panels import Floats, Panel
from tests.scoring.builders import NAN, STEP, panel
from tests.scoring.forecasting.builders import HOUR, Bell, asked

KNOWN = np.array([True])


def taught(weights: NDArray[np.float64], labels: int, *, outlier: float = 0.0) -> Regression:
    """After labels that follow these weights, but for some noise and perhaps one outlier."""
    random, found = np.random.default_rng(0), Regression.none(1)
    for i in range(labels):
        terms = random.normal(0, 1, (1, TERMS)).astype(np.float32)
        change = terms @ weights + random.normal(0, 0.05, 1) + (outlier if i == labels // 2 else 0)
        found = found.learned(terms, change.astype(np.float32), KNOWN).solved()
    return found


WEIGHTS = np.linspace(-0.5, 0.5, TERMS)


def test_before_labels_the_model_is_believed() -> None:
    """The change that the model expects is the answer, whatever else is said."""
    terms = np.array([[0.7, *range(1, TERMS)]], np.float32)
    np.testing.assert_allclose([0.7], Regression.none(1).change(terms), rtol=1e-6)


@pytest.mark.parametrize("outlier", [0, 1e6], ids=["", "with an outlier"])
def test_weights_are_found(outlier: float) -> None:
    """After two hundred labels, also where one of them is beyond all measure."""
    np.testing.assert_allclose([WEIGHTS], taught(WEIGHTS, 200, outlier=outlier).weights, atol=0.08)


def test_what_is_not_known_teaches_nothing() -> None:
    """A row without a label is as it was, beside one with a label."""
    before = Regression.none(2)
    after = before.learned(
        np.ones((2, TERMS), np.float32), np.array([3, NAN], np.float32), np.array([True, False])
    ).solved()
    assert (after.weights[0] != before.weights[0]).any()
    np.testing.assert_array_equal(before.gram[1], after.gram[1])
    np.testing.assert_array_equal(before.weights[1], after.weights[1])


def test_what_is_long_ago_is_forgotten_and_the_model_is_not() -> None:
    """After weeks in which nothing moves a series is back at the model's own answer."""
    found, still = taught(WEIGHTS, 200), np.zeros((1, TERMS), np.float32)
    for _ in range(8000):
        found = found.learned(still, np.zeros(1, np.float32), KNOWN)
    np.testing.assert_allclose(Regression.none(1).weights, found.solved().weights, atol=0.01)
    np.testing.assert_allclose(Regression.none(1).gram, found.gram, atol=0.02)


def test_terms_are_bounded() -> None:
    """What is not known says nothing; what is beyond measure counts as eight scales."""
    assert [0, 8, -8, 1] == bounded(np.array([NAN, np.inf, -1e30, 1], np.float32)).tolist()


# In a forecast whose model knows nothing but a level


def judged(of: Panel) -> Forecast:
    """The forecast of a panel that was walked through."""
    rows = len(of.series)
    return Online.none("auto", Bell(12, 2), rows).after(of, asked(of)).forecast(of, asked(of))


def sawtooth(period: int, columns: int = 400) -> Floats:
    """A ramp that falls back after so many columns, with some noise, twice."""
    noise = np.random.default_rng(0).normal(0, 0.1, (2, columns))
    return (10 + np.arange(columns) % period / period * 5 + noise).astype(np.float32)


@pytest.mark.parametrize("period", [17, 37])
def test_a_season_that_no_model_knows_is_learned(period: int) -> None:
    """Of an odd number of columns: found while the past is walked, in whatever strides, and worth most of the error."""
    found = judged(panel(sawtooth(period), step=STEP))
    assert {"regression"} == {found.experts[i] for i in found.chosen[:, 1:].ravel()}
    assert (found.skill[:, 1:] > 0.4).all()
    assert (found.skill[:, 2:] > 0.7).all()


def test_a_daily_profile_is_learned() -> None:
    """From a week of hours."""
    t = np.arange(168)
    wave = 12 + 3 * np.sin(t / 24 * 2 * np.pi) + np.random.default_rng(1).normal(0, 0.1, (2, 168))
    found = judged(panel(wave, step=HOUR))
    assert {"regression"} == {found.experts[i] for i in found.chosen.ravel()}
    assert (found.skill > 0.5).all()
