"""Rarity: by a channel's own past, higher for what is farther, and bounded."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.anomalies.tails import MOST, Tails, octaves_of
from scoring.panels import Floats
from tests.scoring.builders import NAN

ONE = slice(0, 1)
SIZES = st.floats(0, 2.0**40, width=32)


def learned(values: Floats) -> Tails:
    """What is known after these rows of one channel, `[rows]`."""
    tails, given = Tails.none(1, 1), values.astype(np.float32)
    octaves, known, rare = octaves_of(given), ~np.isnan(given), np.ones(1, np.bool_)
    for i in range(len(given)):
        tails.learn(ONE, octaves[i].reshape(1, 1), known[i].reshape(1, 1), count(i + 1), rare)
    return tails


def count(rows: int) -> NDArray[np.int32]:
    """So many rows of one series were seen."""
    return np.array([rows], np.int32)


def rarity(tails: Tails, values: Any) -> Floats:
    """Of each of these values, by the same past."""
    octaves = octaves_of(np.atleast_1d(np.asarray(values, np.float32)))
    return np.array([tails.rarity(ONE, one.reshape(1, 1))[0, 0] for one in octaves])


def exponential(rows: int = 2000, seed: int = 0) -> Floats:
    """Rows whose shares are known."""
    out: Floats = np.random.default_rng(seed).exponential(1.0, rows).astype(np.float32)
    return out


@cache
def usual() -> Tails:
    """What is known after two thousand rows whose shares are known."""
    return learned(exponential())


@given(
    st.lists(SIZES, min_size=1, max_size=80),
    st.lists(SIZES, min_size=2, max_size=10),
)
def test_what_is_farther_is_no_less_rare(past: list[float], values: list[float]) -> None:
    """Whatever came before; from 0 up to the most that is told."""
    found = rarity(learned(np.array(past)), sorted(values))
    assert (np.diff(found) >= -1e-5).all()
    assert (found >= 0).all()
    assert (found <= MOST).all()


@pytest.mark.parametrize(("share", "tolerance"), [(0.5, 0.08), (0.1, 0.12), (0.02, 0.25), (0.001, 0.7)])
def test_rarity_is_the_share_of_rows_that_come_as_far(share: float, tolerance: float) -> None:
    """-log10 of it, also beyond what is seen often."""
    found = rarity(usual(), -np.log(share))[0]
    assert -np.log10(share) == pytest.approx(float(found), abs=tolerance)


def test_what_was_never_seen_is_told_apart() -> None:
    """Twice as far is rarer, not just as unseen."""
    far = rarity(usual(), [20.0, 40.0, 80.0, 1000.0])
    assert (np.diff(far) > 0.1).all()


def test_a_heavy_tail_makes_the_same_value_less_rare() -> None:
    """Where large ones come now and then, one more is less of a surprise."""
    wild = exponential()
    wild[::40] *= 30
    assert rarity(learned(wild), 50.0)[0] < rarity(usual(), 50.0)[0] - 1


def test_a_channel_that_begins_to_speak_late_is_ordinary_at_first() -> None:
    """A week has to pass before there is a last week: its first word is no alarm."""
    tails, rows = Tails.none(1, 2), exponential(200)
    known, rare = np.array([[True, False]]), np.zeros(1, np.bool_)
    for i, value in enumerate(rows):
        tails.learn(ONE, octaves_of(np.array([[value, NAN]], np.float32)), known, count(i + 1), rare)
    assert tails.rarity(ONE, octaves_of(np.array([[1.0, 5.0]], np.float32)))[0, 1] < 0.3


@given(st.lists(st.one_of(st.just(NAN), SIZES), min_size=1, max_size=40))
def test_what_is_not_known_teaches_nothing(past: list[float]) -> None:
    """A gap has no weight, and nothing becomes NaN by it."""
    tails = learned(np.array(past))
    assert np.isfinite(rarity(tails, 1.0)[0])
    for name in ("weight", "total", "knots", "base", "index"):
        assert np.isfinite(getattr(tails, name)).all(), name
    assert np.isclose(tails.weight.sum(), np.count_nonzero(~np.isnan(past)), rtol=0.05)


def test_a_past_that_is_long_ago_fades() -> None:
    """A wild day makes a large value less rare, and weeks later it is rare again; the weights stay finite."""
    calm, wild = exponential(6000), 30 * exponential(300, seed=1)
    soon, late = learned(np.concatenate([wild, calm[:600]])), learned(np.concatenate([wild, calm]))
    assert rarity(soon, 30.0)[0] < 1
    assert rarity(late, 30.0)[0] > 2.2
    assert np.isfinite(late.weight).all()


def test_each_channel_is_judged_by_its_own_past() -> None:
    """What one has learned is not the other's."""
    tails, both = Tails.none(2, 2), slice(0, 2)
    known, rare = np.ones((2, 2), np.bool_), np.ones(2, np.bool_)
    scale = np.array([[1, 10], [100, 1000]], np.float32)
    for i, value in enumerate(exponential(500)):
        tails.learn(both, octaves_of(value * scale), known, np.full(2, i + 1, np.int32), rare)
    own = tails.rarity(both, octaves_of(4 * scale))
    assert np.ptp(own) < 0.2
    foreign = tails.rarity(both, octaves_of(np.full((2, 2), 40, np.float32)))
    assert foreign[0, 0] > foreign[0, 1] > foreign[1, 0] >= foreign[1, 1]
