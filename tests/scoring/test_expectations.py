"""What is expected of a metric beside its companions, as the detector asks it: by the ensemble that is shipped."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helios.models.stores import ModelStore
from scoring.anomalies.companions import LAGS, NAMES, TOGETHER, described
from scoring.anomalies.expectations import Expectations, grown
from scoring.anomalies.lessons import Recording, drawn, judged, ridge_of, standardised
from scoring.panels import Floats

ONE = np.array([0, 4])


@lru_cache(maxsize=1)
def shipped() -> Expectations:
    """The bundled ensemble."""
    store = ModelStore(None)
    store.refresh(0.0)
    found = store.expectations()
    assert found is not None
    return found


def together(random: np.random.Generator, targets: int = 1, metrics: int = 4) -> Floats:
    """Recent values of targets whose metrics go up and down together, each with a little of its own."""
    common = np.repeat(np.cumsum(random.standard_normal((targets, LAGS + 1)), axis=1), metrics, axis=0) / 3
    return (common + 0.05 * random.standard_normal(common.shape)).astype(np.float32)


def hours(recent: Floats) -> Floats:
    """Noon."""
    return np.full(len(recent), 12, np.float32)


def residuals(recent: Floats, first_row: np.ndarray | None = None) -> Floats:
    """By the shipped ensemble, of one target of four unless told otherwise."""
    return shipped().residuals(recent, ONE if first_row is None else first_row, hours(recent))


def test_a_metric_that_moves_alone_surprises_more_than_one_that_moves_with_the_others() -> None:
    """The same jump is half expected where all companions make it, and not at all where none does."""
    random = np.random.default_rng(0)
    alone, joined = [], []
    for _ in range(40):
        recent = together(random)
        recent[:, -1] = recent[:, -2]
        one, all_of_them = recent.copy(), recent.copy()
        one[0, -1] += 2
        all_of_them[:, -1] += 2
        alone.append(abs(residuals(one)[0]))
        joined.append(abs(residuals(all_of_them)[0]))
    assert np.median(joined) < 0.7 * np.median(alone)


def test_a_metric_that_stays_alone_surprises_too() -> None:
    """Where all others have jumped, standing still is below what was expected."""
    recent = together(np.random.default_rng(1))
    recent[:, -1] = recent[:, -2]
    recent[1:, -1] += 2
    assert residuals(recent)[0] < -0.2


def test_nothing_is_said_where_nothing_can_be() -> None:
    """No newest value, no earlier one, or no other metric now: NaN, and the others of the target are judged."""
    recent = together(np.random.default_rng(2))
    recent[0, -1] = np.nan
    recent[1, :-1] = np.nan
    said = residuals(recent)
    assert [True, True, False, False] == np.isnan(said).tolist()
    recent[2, -1] = np.nan
    assert np.isnan(residuals(recent)).all()
    assert np.isnan(residuals(recent[:, :0])).all()
    assert np.isnan(residuals(recent[:1], np.array([0, 1]))).all()


@pytest.mark.parametrize("lags", [2, 5, LAGS, LAGS + 1, LAGS + 40])
def test_a_short_past_will_do_and_a_long_one_is_cut(lags: int) -> None:
    """Every target with one earlier value is judged, and what is older than the lags changes nothing."""
    random = np.random.default_rng(3)
    old = random.standard_normal((4, 60)).astype(np.float32)
    recent = np.concatenate([old, together(random)], axis=1)[:, -lags:]
    assert np.isfinite(residuals(recent)).all()
    assert np.array_equal(residuals(recent[:, -LAGS - 1 :]), residuals(recent))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 5), min_size=1, max_size=8), st.floats(0, 0.5))
def test_targets_do_not_see_each_other(seed: int, sizes: list[int], gaps: float) -> None:
    """Asked in one call or one by one, with gaps and without, a target's answer is the same, and never infinite."""
    random = np.random.default_rng(seed)
    first_row = np.cumsum([0, *sizes])
    recent = random.standard_normal((first_row[-1], LAGS + 1)).astype(np.float32)
    recent[random.random(recent.shape) < gaps] = np.nan
    whole = residuals(recent, first_row)
    for first, end in pairwise(first_row):
        part = residuals(recent[first:end], np.array([0, end - first]))
        assert np.allclose(whole[first:end], part, rtol=1e-3, atol=1e-3, equal_nan=True)
    assert not np.isinf(whole).any()


def test_faults_of_a_source_never_come_out_as_infinite() -> None:
    """Infinite and absurd values are no values, or large ones."""
    recent = together(np.random.default_rng(4))
    recent[0, -3:] = (np.inf, -np.inf, np.nan)
    recent[1, -1] = 1e30
    recent[2, :] = 1e18
    recent[3, :] = 0
    assert np.isfinite(residuals(recent)[1:]).all()


def test_a_target_of_very_many_metrics_is_judged() -> None:
    """More than are compared with each other at once."""
    recent = together(np.random.default_rng(5), metrics=3 * TOGETHER + 1)
    assert np.isfinite(residuals(recent, np.array([0, len(recent)]))).all()


def test_the_newest_value_is_in_none_of_its_own_inputs() -> None:
    """What is expected of a metric does not hang on what it did."""
    recent = together(np.random.default_rng(6))
    before = described(recent, ONE, hours(recent)).inputs[0]
    recent[0, -1] += 5
    after = described(recent, ONE, hours(recent)).inputs[0]
    assert (len(NAMES),) == after.shape
    assert np.array_equal(before, after, equal_nan=True)


def recording(seed: int, rows: int = 900) -> Recording:
    """Three metrics that follow one wandering level."""
    random = np.random.default_rng(seed)
    level = 50 + np.cumsum(random.standard_normal(rows))
    values = np.stack([level, 3 * level, 200 - level]) + random.standard_normal((3, rows))
    return Recording(values.astype(np.float32), start=0.0, step=300.0)


def test_what_is_learned_beats_persistence_on_targets_it_never_saw() -> None:
    """On another target of the same kind its error is well below that of expecting the value before."""
    lessons = [drawn(recording(seed), 300, np.random.default_rng(seed)) for seed in range(4)]
    unseen = drawn(recording(9), 300, np.random.default_rng(9), whole=True)
    learned = Expectations(grown(lessons, 0))
    learned.check()
    found = judged(learned.expected(unseen), ridge_of(lessons, unseen), unseen)
    assert found.error < 0.9 * found.persistence
    assert found.ridge < found.persistence


def test_the_same_lessons_give_the_same_ensemble() -> None:
    """Byte for byte."""
    lessons = [drawn(recording(0), 50, np.random.default_rng(0))]
    assert grown(lessons, 3) == grown(lessons, 3)


def test_an_ensemble_that_is_none_is_refused() -> None:
    """By whoever opens it on purpose."""
    with pytest.raises(ValueError, match="no ensemble"):
        Expectations(b"").check()
    with pytest.raises(ValueError, match="nothing to learn from"):
        grown([described(np.full((1, 3), 1, np.float32), np.array([0, 1]), np.zeros(1, np.float32))], 0)


def test_standardising_looks_at_the_past_alone() -> None:
    """Cutting the end off changes nothing before it; a gap stays a gap."""
    values = recording(1).values.copy()
    values[0, 400:420] = np.nan
    whole, cut = standardised(values, 300), standardised(values[:, :600], 300)
    assert np.array_equal(whole[:, :600], cut, equal_nan=True)
    assert np.isnan(whole[0, 400:420]).all()


def test_too_short_a_recording_is_refused() -> None:
    """With what would do."""
    with pytest.raises(ValueError, match=r"3 metrics of 40 rows: at least 2 of \d+ rows"):
        drawn(recording(0, rows=40), 1, np.random.default_rng(0))
