"""Figures told as sigmas: how they were spread where it was measured."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.anomalies.spreads import Opinion, Spread, blame_of, joint_of, spread_of, verdict_of

NORMAL = spread_of(np.random.default_rng(0).standard_normal(200_000))
figures = st.floats(-1e9, 1e9)


@pytest.mark.parametrize("sigma", [-6.0, -3.0, -1.25, 0.0, 0.6, 2.5, 3.0, 5.0])
def test_normal_figures_are_their_own_sigmas(sigma: float) -> None:
    """What is spread normally is told as it is, beyond what was measured too."""
    assert pytest.approx(sigma, abs=0.15 + 0.1 * max(0, abs(sigma) - 3)) == NORMAL.sigmas_of(sigma)


@pytest.mark.parametrize("threshold", [1.5, 2.5])
def test_a_sigma_says_how_rare_a_figure_is(threshold: float) -> None:
    """Of a skewed figure as many lie beyond 2.5 sigmas as of a normal one: one in 80."""
    draw = np.random.default_rng(1).lognormal(size=(2, 40_000))
    spread = spread_of(draw[0])
    rate = np.mean(np.abs(spread.sigmas_of_all(draw[1])) >= threshold)
    assert pytest.approx(2 * NormalDist().cdf(-threshold), rel=0.15) == rate


@given(figures, figures)
def test_a_farther_figure_never_has_fewer_sigmas(one: float, other: float) -> None:
    """Sigmas rise with the figure."""
    low, high = sorted((one, other))
    assert NORMAL.sigmas_of(low) <= NORMAL.sigmas_of(high)


def test_what_stands_for_many_sigmas_is_told_by_the_nearest_to_none() -> None:
    """A metric that is mostly 0 is ordinary at 0."""
    idle = spread_of(np.array([0.0] * 950 + [1.0] * 50))
    assert 0 == idle.sigmas_of(0.0)
    assert 1.5 < idle.sigmas_of(1.0) < 2
    assert idle.sigmas_of(1.0) < idle.sigmas_of(5.0)
    assert idle.sigmas_of(-1.0) < -3


@given(st.lists(st.floats(-1e6, 1e6), max_size=40), figures)
def test_any_figures_have_a_spread_that_rises(measured: list[float], figure: float) -> None:
    """However few or alike they are, the spread rises, its tails have a width, and every sigma is finite."""
    spread = spread_of(np.array(measured))
    assert (np.diff(spread.values) >= 0).all()
    assert min(spread.low, spread.high) > 0
    assert np.isfinite(spread.sigmas_of(figure))


def test_few_figures_say_nothing_of_what_is_rare() -> None:
    """Of a hundred figures the last is not three sigmas: beyond, the tail goes on as it was."""
    few = np.random.default_rng(2).standard_normal(100)
    assert spread_of(few).sigmas_of(float(few.max())) < 2.6


def test_the_joint_score_is_as_rare_as_a_normal_one() -> None:
    """Metrics that go together are not counted twice: one snapshot in 80 reaches 2.5."""
    random = np.random.default_rng(3)
    common = random.standard_normal(40_000)
    both = np.abs(np.stack([common, 0.95 * common + 0.3 * random.standard_normal(40_000)]))
    joint = joint_of(np.hypot(*both[:, :20_000]))
    scores = [verdict_of({"a": opinion(a), "b": opinion(b)}, [joint]).score for a, b in both[:, 20_000:].T]
    assert pytest.approx(0.0124, rel=0.3) == np.mean(np.array(scores) >= 2.5)


def opinion(residual: float, level: float | None = None) -> Opinion:
    """An opinion of one metric."""
    return Opinion(expected=0.5, level=level, residual=residual, blame={"a": 1.0})


def test_one_metric_keeps_its_own_figure() -> None:
    """Nothing is joined where there is one metric."""
    assert 2.75 == verdict_of({"a": opinion(-2.75)}, [NORMAL]).score


def test_the_more_metrics_there_are_the_farther_they_may_be_off_together() -> None:
    """Each number of metrics has a spread of its own, and more than were measured take the last."""
    pair, trio = (joint_of(np.linspace(0, most, 1000)) for most in (2, 8))
    opinions = {name: opinion(1.5) for name in "abcd"}
    two, three, four = (
        verdict_of(dict(list(opinions.items())[:count]), [pair, trio]).score for count in (2, 3, 4)
    )
    assert three < two
    assert three < four < two


@given(st.floats(-12, 12), st.floats(-12, 12))
def test_two_views_of_a_metric_are_no_more_than_the_larger(residual: float, level: float) -> None:
    """Looking twice does not make a value more unusual than the more telling look."""
    both = opinion(residual, level)
    assert 0 <= both.deviation <= both.extent + 1e-9


@given(st.lists(figures, min_size=1, max_size=6), st.data())
def test_blame_is_shared_out_whole(parts: list[float], data: st.DataObject) -> None:
    """Shares sum to 1, and none is negative; who works against the residual has none."""
    names = [f"m{k}" for k in range(len(parts))]
    place = data.draw(st.integers(0, len(parts) - 1))
    blame = blame_of(names, np.array(parts), place)
    assert pytest.approx(1) == sum(blame.values())
    assert min(blame.values()) >= 0


def test_a_spread_is_told_beyond_its_ends_by_its_tails() -> None:
    """One sigma per tail unit."""
    spread = Spread(np.linspace(-3, 3, 25), low=2.0, high=0.5)
    assert [-4.0, 5.0] == [spread.sigmas_of(-5.0), spread.sigmas_of(4.0)]
