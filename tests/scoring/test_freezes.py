"""Freezes of scale-in: how long one lasts, what it may not hold, and what ends it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.policies import StepLimit
from scoring.recommending import freezes
from scoring.recommending.decisions import Memory
from scoring.recommending.reasons import Limit, Path
from scoring.recommending.recommender import Recommender
from tests.scoring.builders import NAN, NOW, STEP, fleet, situation, target
from tests.scoring.test_bounds import load, numbers, story

DROP = {"critical": True, "direction": -1}
OF = fleet(target(cooldown_seconds=0, freeze_max_seconds=900))
"""Frozen for at most three cycles after the onset's."""


def drop(onset: int, *replicas: float) -> list[dict[str, Any]]:
    """Cycles of a drop that began at cycle `onset`, which ask for so many replicas."""
    return load(*replicas, since=NOW + onset * STEP, **DROP)


def test_a_feature_switched_off_for_good_is_scaled_in_and_stays_so() -> None:
    """However long a detector holds the state: the peak is paid for once, for `freezeMaxSeconds`."""
    said = story(OF, *load(8), *drop(1, *[2] * 12))
    assert [8] * 5 + [2] * 8 == numbers(said)
    assert [Limit.FROZEN] * 4 + [0] * 8 == [d.limits[0] for d in said][1:]


def test_a_detector_that_calls_the_same_level_abnormal_again_freezes_nothing() -> None:
    """A new onset at the level at which the freeze ran out holds no number, after a pause neither."""
    one_by_one = fleet(target(cooldown_seconds=0, freeze_max_seconds=900))
    again = story(one_by_one, *load(8), *drop(1, *[2] * 5), *load(2, 2), *load(2.2), *drop(9, 2, 2, 1.8))
    assert [8, 8, 8, 8, 8, 2] == numbers(again)[:6]
    assert not any(d.limits[0] & Limit.FROZEN for d in again[5:])


@pytest.mark.parametrize(
    ("between", "after"),
    [
        pytest.param(load(8, 8), 1, id="the load had come back"),
        pytest.param([], 0, id="it falls further"),
    ],
)
def test_another_level_is_another_freeze(between: list[dict[str, Any]], after: float) -> None:
    """An outage after a feature was switched off is an outage."""
    before = [*load(8), *drop(1, *[4] * 5), *between]
    onset = len(before)
    said = story(OF, *before, *drop(onset, *[after] * 5))
    held = numbers(said)[onset - 1]
    assert [held] * 4 == numbers(said)[onset : onset + 4]
    assert held > numbers(said)[-1]


def test_a_state_that_ends_before_its_freeze_leaves_the_level_behind() -> None:
    """A detector that takes what lasts for the new normal, and then finds it anew, freezes nothing: step by step it is scaled in."""
    of = fleet(target(cooldown_seconds=0, freeze_max_seconds=900, scale_down=StepLimit(pods=1)))
    story_of = [*load(8), *drop(1, 2, 2, 2), *load(2), *drop(5, *[2] * 5)]
    replicas = [8, 8, 8, 8, 8, 7, 6, 5, 4, 3]
    said = story(of, *({**moment, "replicas": n} for moment, n in zip(story_of, replicas, strict=True)))
    assert [8, 8, 8, 8, 7, 6, 5, 4, 3, 2] == numbers(said)


def test_onsets_that_follow_one_another_make_one_freeze() -> None:
    """A detector that begins the state anew every other cycle holds nothing longer."""
    said = story(OF, *load(8), *drop(1, 2, 2), *drop(3, 2, 2), *drop(5, 2, 2), *drop(7, 2))
    assert [8] * 5 + [2] * 3 == numbers(said)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=24))
def test_whatever_a_detector_says_a_lasting_level_is_held_no_longer(states: list[tuple[bool, bool]]) -> None:
    """Onsets that come, go, last and begin anew: of a load that stays low the peak is paid for `freezeMaxSeconds` in all."""
    moments, onset = load(8), 1
    for i, (critical, anew) in enumerate(states, start=1):
        onset = i if anew else onset
        moments += drop(onset, 2) if critical else load(2)
    held = [number for number in numbers(story(OF, *moments))[1:] if number > 2]
    assert len(held) <= 900 / STEP + 1


def test_a_state_that_a_failed_detector_left_behind_ends_in_time() -> None:
    """It says the same in every cycle; after `freezeMaxSeconds` the demand counts again."""
    said = story(OF, *load(8), *drop(1, 0, *[8] * 2, *[3] * 9))
    assert [8] * 5 + [3] * 8 == numbers(said)


def test_a_freeze_of_no_seconds_is_none() -> None:
    """`freezeMaxSeconds: 0` freezes in the cycle of the onset at most."""
    of = fleet(target(cooldown_seconds=0, freeze_max_seconds=0))
    assert [8, 8, 2, 2] == numbers(story(of, *load(8), *drop(1, 2, 2, 2)))


def test_an_onset_in_the_future_freezes_nothing() -> None:
    """A clock that was set back must not hold the peak until it has caught up."""
    assert [8, 2, 2] == numbers(story(OF, *load(8), *drop(10_000, 2, 2)))


def test_a_load_nobody_sees_forgets_nothing() -> None:
    """A gap in the samples is no new level."""
    said = story(OF, *load(8), *drop(1, *[2] * 5), {"last": NAN}, *drop(7, 2))
    assert 2 == said[-1].recommended[0]
    assert not said[-1].limits[0]


def test_a_spike_never_falls_below_what_the_forecast_asks_for() -> None:
    """The forecast may know of more to come; the larger of the two decides and says so."""
    of = fleet(target(cooldown_seconds=0))
    spike = {"critical": True, "direction": 1, "since": NOW}
    said = story(
        of,
        {"last": {"cpu": 2.1}, "peak": {"cpu": 7.2}, **spike},
        {"last": {"cpu": 6.3}, "peak": {"cpu": 7.2}, **spike},
    )
    assert [(8, Path.FORECAST), (9, Path.SPIKE)] == [(d.recommended[0], d.path[0]) for d in said]


def test_a_spike_that_has_lasted_an_hour_follows_the_load() -> None:
    """Until then it takes nothing away; what lasts longer is the new normal and may fall."""
    spike = {"critical": True, "direction": 1, "since": NOW + STEP}
    said = story(OF, *load(3), *load(9, **spike), *load(*[5] * 13, **spike))
    assert [3] + [9] * 13 + [5] == numbers(said)


def test_a_spike_that_is_a_warning_raises_and_freezes_nothing() -> None:
    """The load of the moment is served; when it goes the number follows, as after any other load."""
    spike = {"direction": 1, "since": NOW + STEP}
    said = story(OF, *load(3), *load(9, 5, **spike))
    assert [3, 9, 5] == numbers(said)
    assert Path.SPIKE == story(fleet(), {"last": {"cpu": 2.4}, "peak": {"cpu": 3.0}, **spike})[0].path[0]


def test_the_freezes_of_a_fleet_are_each_ones_own() -> None:
    """One in an outage, one switched off long ago, one at peace."""
    of = fleet(*(target(name, cooldown_seconds=0) for name in ("down", "off", "calm")))
    moment = {"last": [5.6, NAN] * 3, "points": 2}
    low = {"last": [0.7, NAN] * 3, "points": 2, "critical": True}
    onsets = [NOW + STEP, NOW - 7200, NAN]
    said = story(of, moment, low | {"direction": [-1, -1, 0], "since": onsets})
    np.testing.assert_array_equal([8, 1, 1], said[1].recommended)


def test_what_is_said_of_a_freeze_is_what_it_does() -> None:
    """Its end is a moment at which it still holds, and no later cycle is frozen; where nothing is frozen there is none."""
    memory, said = Memory.none(1, 2), []
    for i, moment in enumerate([*load(8), *drop(1, *[2] * 6)]):
        s = situation(OF, now=NOW + i * STEP, **moment)
        decisions, memory = Recommender().decide(OF, s, memory)
        ends = float(freezes.until(s, memory)[0])
        assert (ends >= s.now) == bool(decisions.limits[0] & Limit.FROZEN)
        said.append(ends)
    np.testing.assert_array_equal([NAN, *[NOW + STEP + 900] * 4, NAN, NAN], said)
