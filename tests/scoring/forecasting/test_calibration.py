"""Bands come to hold what they say, whatever the model that drew them believes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from scoring.forecasting.calibration import calibrated, learned
from scoring.forecasting.forecasts import LEVELS, LOWER, MEDIAN, UPPER
from scoring.panels import Floats
from tests.scoring.forecasting.builders import BELL

ROWS, WARM, JUDGED = 300, 700, 400
HIGH = LEVELS.index(0.98)


def outside(came: Floats, shape: Floats, *, centred: bool = False) -> tuple[Floats, Floats]:
    """How often, after a while, what came lay outside of each quantile, over all rows; and the last band.

    Args:
        came: what comes, step by step, `[steps, rows]`.
        shape: the model's band around zero, `[levels]`.
        centred: whether the median is calibrated too.
    """
    rows = came.shape[1]
    widths = np.zeros((rows, len(LEVELS)), np.float32)
    centre, scale, known = np.zeros((rows, 1), np.float32), np.ones(rows, np.float32), np.ones(rows, np.bool_)
    wide = np.tile(shape.astype(np.float32), (rows, 1, 1))
    beyond = np.zeros(len(LEVELS))
    for step, label in enumerate(came):
        band = calibrated(centre, wide, scale, widths[:, None])[:, 0]
        if step >= len(came) - JUDGED:
            over = np.where(np.arange(len(LEVELS)) < MEDIAN, label[:, None] < band, label[:, None] > band)
            beyond += over.mean(axis=0) / JUDGED
        widths = learned(widths, band, label, known, centred=centred)
    return beyond.astype(np.float32), band


def noise(*, seed: int = 0) -> Floats:
    """Independent, of a normal distribution: `[steps, rows]`."""
    return np.random.default_rng(seed).normal(0, 1, (WARM + JUDGED, ROWS)).astype(np.float32)


@pytest.mark.parametrize("factor", [1 / 3, 1, 3], ids=["too narrow", "right", "too wide"])
def test_a_band_comes_to_hold_what_it_says(factor: float) -> None:
    """P10 to P90 holds 80 %, a tenth lies on either side, however wide the model's band is."""
    beyond, band = outside(noise(), BELL * factor)
    np.testing.assert_allclose(0.1, beyond[[LOWER, UPPER]], atol=0.01)
    np.testing.assert_allclose(BELL[[LOWER, UPPER]], band[:, [LOWER, UPPER]].mean(axis=0), rtol=0.1)


@pytest.mark.parametrize("factor", [0.5, 1, 2])
def test_the_maximum_is_exceeded_as_often_as_is_said(factor: float) -> None:
    """Q.98 of the highest of three: in about two of a hundred."""
    highest = np.random.default_rng(3).normal(0, 1, (3000, ROWS, 3)).max(axis=2).astype(np.float32)
    beyond, _ = outside(highest, BELL * factor)
    np.testing.assert_allclose(0.02, beyond[HIGH], atol=0.004)


def test_each_side_is_as_wide_as_it_must_be() -> None:
    """Demand that jumps up and seldom falls: more room above, less below, and a tenth outside on each side."""
    came = np.random.default_rng(1).exponential(1, (WARM + JUDGED, ROWS)) - np.log(2)  # its median is zero
    beyond, band = outside(came.astype(np.float32), BELL)
    np.testing.assert_allclose(0.1, beyond[[LOWER, UPPER]], atol=0.01)
    assert (band[:, UPPER] > 2 * -band[:, LOWER]).mean() > 0.95


def test_a_band_of_no_width_opens() -> None:
    """A model that was too sure of itself cannot stay so: what has no width cannot be multiplied, it is opened."""
    beyond, _ = outside(0.1 * noise(), 0 * BELL)
    np.testing.assert_allclose(0.1, beyond[[LOWER, UPPER]], atol=0.015)


def test_the_centre_does_not_move() -> None:
    """The median is where the experts put it, whatever lies beside it."""
    _, band = outside(noise() + 5, BELL)
    assert (band[:, MEDIAN] == 0).all()


def test_without_a_label_nothing_is_learned() -> None:
    """Neither where none came, nor where nothing was said."""
    widths = np.full((2, len(LEVELS)), 0.3, np.float32)
    came, band = np.array([np.nan, 9], np.float32), np.array([BELL, np.full(len(LEVELS), np.nan)])
    np.testing.assert_array_equal(widths, learned(widths, band, came, np.array([False, False]), centred=True))


@given(
    npst.arrays(np.float32, (3, 2, len(LEVELS)), elements=st.floats(-3, 3, width=16)),
    npst.arrays(np.float32, (3, 2, len(LEVELS)), elements=st.floats(0, 100, width=16)),
    st.floats(0, 1000, width=16),
)
def test_quantiles_never_cross(widths: Floats, distances: Floats, scale: float) -> None:
    """Whatever each of them has learned by itself."""
    shape = np.cumsum(distances, axis=2)
    shape -= shape[:, :, [MEDIAN]]
    band = calibrated(
        np.ones((3, 2), np.float32),
        shape,
        np.full(3, scale, np.float32),
        widths * (BELL != 0).astype(np.float32),
    )
    assert (np.diff(band, axis=2) >= 0).all()
    assert (band[:, :, MEDIAN] == 1).all()


def test_the_median_of_a_maximum_is_calibrated_that_of_the_curve_is_not() -> None:
    """Experts who say where demand will be are wrong about its maximum; half of the maxima come to lie above the median."""
    highest = np.random.default_rng(5).normal(0, 1, (2000, ROWS, 3)).max(axis=2).astype(np.float32)
    moved, _ = outside(highest, BELL, centred=True)
    left, _ = outside(highest, BELL)
    np.testing.assert_allclose([0.5, 0.8], [moved[MEDIAN], left[MEDIAN]], atol=0.1)
