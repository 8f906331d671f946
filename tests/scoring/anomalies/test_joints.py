"""Several metrics as one figure: no more alarms for more metrics, and the one to blame has the largest share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.anomalies.joints import Joint, joined
from tests.scoring.builders import NAN

DECADES = st.one_of(st.just(NAN), st.floats(0, 30, width=32))
TARGETS = st.lists(st.lists(DECADES, min_size=1, max_size=8), min_size=1, max_size=5)


def joint(targets: list[list[float]]) -> Joint:
    """Of targets with so many metrics each."""
    firsts = np.concatenate([[0], np.cumsum([len(one) for one in targets])])
    return joined(np.array([v for one in targets for v in one], np.float32), firsts)


@given(TARGETS)
def test_shares_sum_to_one_and_the_culprit_has_the_largest(targets: list[list[float]]) -> None:
    """Of every target that was judged; what was not judged has none."""
    found, place = joint(targets), 0
    for i, one in enumerate(targets):
        values, share = np.array(one, np.float32), found.share[place : place + len(one)]
        assert np.isnan(values).tolist() == np.isnan(share).tolist()
        if np.isnan(values).all():
            assert (0, -1) == (found.metrics[i], found.culprit[i])
            assert np.isnan(found.decades[i])
        else:
            assert 1 == pytest.approx(float(np.nansum(share)), rel=1e-5)
            assert np.nanmin(share) >= 0
            assert found.share[found.culprit[i]] == np.nanmax(share)
            assert values[found.culprit[i] - place] == np.nanmax(values)
        place += len(one)


@given(TARGETS)
def test_a_target_is_judged_as_if_it_were_alone(targets: list[list[float]]) -> None:
    """Whatever stands beside it."""
    together = joint(targets)
    for i, one in enumerate(targets):
        own = joint([one])
        np.testing.assert_array_equal(own.decades[0], together.decades[i])
        assert own.metrics[0] == together.metrics[i]


@given(st.lists(st.floats(0, 30, width=32), min_size=1, max_size=12))
def test_the_figure_is_the_mean_of_the_highest_third(values: list[float]) -> None:
    """Of three at most it is the highest."""
    highest = sorted(values, reverse=True)[: -(-len(values) // 3)]
    assert np.mean(highest) == pytest.approx(float(joint([values]).decades[0]), rel=1e-5)


@given(st.lists(st.floats(0, 30, width=32), min_size=1, max_size=9), st.integers(1, 8))
def test_metrics_that_were_not_observed_change_nothing(values: list[float], silent: int) -> None:
    """They neither thin the figure out nor add to it."""
    with_gaps, without = joint([[*values, *[NAN] * silent]]), joint([values])
    assert without.decades[0] == with_gaps.decades[0]
    np.testing.assert_array_equal(without.share, with_gaps.share[: len(values)])
    assert len(values) == with_gaps.metrics[0]


def test_one_metric_of_three_that_is_far_out_is_seen() -> None:
    """The mean of all would not see it."""
    found = joint([[0.1, 6.0, 0.2]])
    assert (6, 1, 1) == (found.decades[0], found.culprit[0], found.share[1])


def test_no_target_has_no_figure() -> None:
    """An empty fleet is joined."""
    found = joined(np.zeros(0, np.float32), np.zeros(1, np.intp))
    assert (0, 0) == (len(found.decades), len(found.share))
