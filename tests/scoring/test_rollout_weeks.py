"""A roll-out of Autoscale over days of cycles of one fleet: what is published, told, stored and served."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scoring.policies import Rollout, Target
from scoring.states import decided, history, restore_decided, restore_history
from tests.scoring.builders import DAY
from tests.scoring.test_withdrawals import AUTOSCALE, OBSERVE, Days

SLOW = Rollout(0.05, 0.05, DAY)
"""A twentieth more a day: of the 14 replicas that a reactive autoscaler asks for one at first, then two; the forecast asks for 12."""
ROLLED = replace(AUTOSCALE, rollout=SLOW)


def week(*targets: Target) -> Days:
    """A fleet whose forecast knows what comes, after its first cycle in Autoscale."""
    days = Days((*(targets or (ROLLED,)), OBSERVE))
    days.warm()
    return days


def test_a_week_of_autoscale_comes_nearer_to_the_forecast_day_by_day() -> None:
    """A replica below the reactive decision on the first day, two on the second; from then on the forecast is within it."""
    days = week()
    shares = []
    for _ in range(7):
        said = days.report()
        shares.append(said.rollout.ratio)
        assert said.rollout.ratio == days.gauge("helios_rollout_ratio")
        for _ in range(48):
            days.cycle()
            now, free = days.report(), days.report("web")
            allowed, beside = now.rollout.ratio, now.rollout.reactive_replicas
            assert allowed is not None
            assert beside is not None
            assert now.recommended_replicas is not None
            assert free.recommended_replicas is not None
            room = max(1, np.ceil(allowed * beside - 1e-4))
            assert max(free.recommended_replicas, beside - room) == now.recommended_replicas
            assert ("limited to" in now.reason) == (now.recommended_replicas != free.recommended_replicas)
    assert pytest.approx([0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35]) == shares
    assert 1 == days.gauge("helios_rollout_ratio", "web")


def test_the_reason_says_what_it_is_limited_to() -> None:
    """And the report how it goes on."""
    days = week()
    days.hours(1)
    while "limited" not in days.report().reason:
        days.cycle()
    said = days.report()
    assert "; limited to 5% beside the reactive 14 replicas: roll-out" in said.reason
    assert said.rollout.text.startswith("within 5 % of the reactive decision since ")
    assert (
        "; 10 % after 1 day in which the forecast is neither more short than a reactive autoscaler nor dearer"
        in (said.rollout.text)
    )
    assert (14, 0.05, DAY) == (
        said.rollout.reactive_replicas,
        said.rollout.step_ratio,
        said.rollout.every_seconds,
    )
    assert said.rollout.seen_seconds is not None
    assert 3600 <= said.rollout.seen_seconds <= 3 * 3600


def test_a_forecast_that_loses_wins_no_share_and_the_breaker_takes_back_what_it_won() -> None:
    """Two days won, then it turns bad: withdrawn within hours; when it is back it begins with the first share."""
    days = week()
    days.hours(48)
    assert pytest.approx(0.15) == days.report().rollout.ratio
    days.sight.clear = False
    assert "withdrawn" == days.hours(3)[-1]
    said = days.report().rollout
    assert pytest.approx(0.05) == said.ratio
    assert said.text.endswith("the forecast is withdrawn, and it begins anew when the breaker closes")
    days.sight.clear = True
    days.hours(23)
    assert "forecast" == days.hours(5)[-1]
    assert pytest.approx(0.05) == days.report().rollout.ratio
    days.hours(24)
    assert pytest.approx(0.1) == days.report().rollout.ratio


def test_leaving_autoscale_and_coming_back_begins_anew() -> None:
    """Outside it the number is the forecast's own, and nothing is counted."""
    days = week()
    days.hours(49)
    assert pytest.approx(0.15) == days.report().rollout.ratio
    days.scorer.follow((replace(ROLLED, mode="Observe"), OBSERVE))
    days.hours(48)
    said = days.report()
    assert (1.0, None, "not limited: a roll-out begins with Autoscale, at 5 %") == (
        said.rollout.ratio,
        said.rollout.since,
        said.rollout.text,
    )
    assert days.report("web").recommended_replicas == said.recommended_replicas
    days.scorer.follow((ROLLED, OBSERVE))
    days.cycle()
    assert pytest.approx(0.05) == days.report().rollout.ratio


def test_a_complete_roll_out_says_so() -> None:
    """Half and half: after a day nothing is limited any more."""
    days = week(replace(AUTOSCALE, rollout=Rollout(0.5, 0.5, DAY)))
    days.hours(25)
    said = days.report().rollout
    assert (1.0, None) == (said.ratio, said.every_seconds)
    assert said.text.startswith("not limited since ")
    assert said.text.endswith(": the roll-out is complete")
    assert "not limited" == days.report("web").rollout.text


def test_a_restart_goes_on_with_it() -> None:
    """Share, and what was seen for the next one, are as if there had been no restart; the fleet may have changed."""
    before, after = week(), Days((OBSERVE, ROLLED))
    before.hours(36)
    after.now = before.now
    restore_history(after.scorer, {k: v.copy() for k, v in history(before.scorer).items()}, after.now)
    restore_decided(after.scorer, {k: v.copy() for k, v in decided(before.scorer).items()}, after.now)
    assert before.report().rollout == after.report().rollout
    for days in (before, after):
        days.hours(11)
        assert pytest.approx(0.1) == days.report().rollout.ratio
        days.hours(1.5)
        assert pytest.approx(0.15) == days.report().rollout.ratio
    assert before.report().rollout == after.report().rollout


def test_days_without_data_win_nothing() -> None:
    """Nothing was seen: the share stays as it is, and the rest of the day is to be won when data is back."""
    days = week()
    days.hours(20)
    days.source.silent = {"api", "web"}
    for _ in range(96):
        days.cycle()
    assert pytest.approx(0.05) == days.scorer.rollouts.share(days.scorer.fleet)[0]
    days.source.silent = set()
    days.hours(4)
    assert pytest.approx(0.1) == days.report().rollout.ratio
