"""Who counts: whoever does well on this series at this horizon, and persistence where nobody does better."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.forecasting.forecasts import LOWER, MEDIAN, UPPER, Forecast
from scoring.forecasting.online import Online
from scoring.forecasting.selection import EXPERTS, FEWEST, PRIOR, Votes, pinball
from scoring.panels import Floats
from tests.scoring.builders import NOW, STEP, panel
from tests.scoring.forecasting.builders import Bell, asked, following

KNOWN = np.array([True])
EACH = 20


def judged(votes: Votes, losses: tuple[float, float, float], times: int) -> Votes:
    """After so many labels of these losses."""
    for _ in range(times):
        votes = votes.learned(np.array([losses], np.float32), np.ones((1, 2), np.float32), KNOWN)
    return votes


def test_before_anything_is_known_all_count() -> None:
    """Experience with other fleets says how much."""
    np.testing.assert_allclose([PRIOR, PRIOR], Votes.none(2).weights(), rtol=1e-6)
    assert EXPERTS == len(PRIOR)


@pytest.mark.parametrize("better", [1, 2])
def test_the_better_expert_comes_to_count(better: int) -> None:
    """The more labels speak for it the more."""
    losses = (1.0, 0.7, 1.0) if better == 1 else (1.0, 1.0, 0.7)
    some = judged(Votes.none(1), losses, 12).weights()[0]
    more = judged(Votes.none(1), losses, 60).weights()[0]
    assert PRIOR[better] < some[better] < more[better]
    assert more[better] > 0.95
    np.testing.assert_allclose(1, more.sum(), rtol=1e-5)


def test_where_nobody_is_better_persistence_alone_counts() -> None:
    """As soon as there are enough labels to say so."""
    losses = (1.0, 1.0, 1.1)
    assert judged(Votes.none(1), losses, FEWEST - 1).weights()[0, 0] < 1
    np.testing.assert_array_equal([[1, 0, 0]], judged(Votes.none(1), losses, FEWEST).weights())


def test_a_choice_does_not_flicker() -> None:
    """What closes the gate is not what opens it: about as good as persistence changes nothing either way."""
    closed = judged(Votes.none(1), (1.0, 1.05, 1.2), 100)
    assert [True] == judged(closed, (1.0, 0.99, 1.2), 3000).gated.tolist()
    opened = judged(closed, (1.0, 0.8, 1.2), 200)
    assert [False] == opened.gated.tolist()
    assert [False] == judged(opened, (1.0, 0.99, 1.2), 3000).gated.tolist()
    assert [True] == judged(opened, (1.0, 1.02, 1.2), 1000).gated.tolist()


def test_noise_around_the_threshold_does_not_flicker_either() -> None:
    """Over 3,000 labels of an expert that is one hundredth better on average."""
    random, votes, flips = np.random.default_rng(0), judged(Votes.none(1), (1.0, 1.05, 1.2), 100), 0
    for loss in random.normal(0.9875, 0.05, 3000):
        after = judged(votes, (1.0, loss, 1.2), 1)
        flips += int(after.gated[0] != votes.gated[0])
        votes = after
    assert flips <= 1


def test_one_surprise_does_not_decide() -> None:
    """A loss beyond all measure counts as a large one."""
    votes = judged(judged(Votes.none(1), (1.0, 0.5, 1.0), 300), (1.0, 1e30, 1.0), 1)
    assert np.isfinite(votes.loss).all()
    assert 1 == judged(votes, (1.0, 0.5, 1.0), 100).weights()[0].argmax()


def test_a_row_without_a_label_is_as_it_was() -> None:
    """Whatever stands in its place."""
    votes = Votes.none(2)
    after = votes.learned(
        np.array([[1, 2, 3], [np.nan] * 3], np.float32),
        np.array([[1, 2], [np.nan] * 2], np.float32),
        np.array([True, False]),
    )
    assert [1, 0] == after.count.tolist()
    assert [0, 0, 0] == after.loss[1].tolist()
    np.testing.assert_array_equal([[1, 2, 3]], after.loss[:1])


def test_skill_is_what_is_gained_over_persistence() -> None:
    """1 - MAE / persistence's, and not known before a day's worth of labels; nor where persistence never errs."""
    votes, errors = Votes.none(2), np.array([[0.6, 0.8], [0, 0]], np.float32)
    for count in range(1, FEWEST + 1):
        votes = votes.learned(np.ones((2, EXPERTS), np.float32), errors, np.array([True, True]))
        assert np.isnan(votes.skill()[0]) is np.bool_(count < FEWEST)
    np.testing.assert_allclose([0.25, np.nan], votes.skill(), rtol=1e-5)


def test_an_expert_is_judged_by_its_whole_band() -> None:
    """Pinball loss at P10, P50 and P90 around each centre."""
    distance, shape = np.array([[0.0, 2.0, -1.0]], np.float32), np.array([[-1.0, 0.0, 1.0]], np.float32)
    by_hand = [0.1 + 0 + 0.1, 0.3 + 1.0 + 0.9, 0 + 0.5 + 0.2]
    np.testing.assert_allclose([by_hand], pinball(distance, shape), rtol=1e-5)


# In a forecast


@pytest.fixture(scope="module")
def moments() -> list[tuple[Forecast, Floats]]:
    """Noise around a level that the model knows, and random walks; the last hundred forecasts with what came next.

    The model believes that the noise is half as wide as it is.
    """
    random = np.random.default_rng(2)
    noise = random.normal(5, 1, (EACH, 420))
    walks = 100 + np.cumsum(random.normal(0, 0.5, (EACH, 420)), axis=1)
    values = np.concatenate([noise, walks]).astype(np.float32)
    begun = Online.none("auto", Bell(5, 0.5), 2 * EACH).after(
        panel(values[:, :290], end=NOW + 289 * STEP), asked(2 * EACH)
    )
    return [
        (fitted.forecast(of, asked(of)), values[:, of.values.shape[1] :][:, :2])
        for fitted, of in following(begun, values[:, :-2], range(290, 418), step=STEP)
    ][-100:]


def chosen(of: Forecast, step: int) -> list[str]:
    """Who counts most at a curve point, by row."""
    return [of.experts[i] for i in of.chosen[:, step].tolist()]


def test_a_model_that_knows_the_level_is_chosen_on_noise(moments: list[tuple[Forecast, Floats]]) -> None:
    """And is worth what it is worth: a third less error than the newest value."""
    found = moments[-1][0]
    assert {"persistence"} & set(chosen(found, 0)[:EACH]) == set()
    np.testing.assert_allclose(1 - 1 / np.sqrt(2), found.skill[:EACH].mean(axis=0), atol=0.06)


def test_where_the_model_is_wrong_persistence_is_chosen(moments: list[tuple[Forecast, Floats]]) -> None:
    """A walk far from the model's level is forecast to stay where it is."""
    found = moments[-1][0]
    names = chosen(found, 0)[EACH:]
    assert names.count("persistence") > 0.7 * EACH
    assert "bell" not in names
    alone = found.chosen[EACH:, 0] == 0
    assert np.abs(found.curve[EACH:, 0, MEDIAN] - found.last[EACH:])[alone].max() < 0.4


def test_the_band_holds_what_it_says_although_the_model_is_too_sure(
    moments: list[tuple[Forecast, Floats]],
) -> None:
    """About 80 % of what came next, in noise and in walks; the maximum exceeds its Q.98 in a few of a hundred."""
    inside, above = [], []
    for found, came in moments:
        band = found.curve[:, 0]
        inside.append((band[:, LOWER] <= came[:, 0]) & (came[:, 0] <= band[:, UPPER]))
        above.append(came.max(axis=1) > found.maximum[:, -2])
    assert 0.74 < np.mean(np.array(inside)[:, :EACH]) < 0.86
    assert np.mean(np.array(above)[:, :EACH]) < 0.06
