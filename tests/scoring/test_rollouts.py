"""The roll-out of Autoscale: near the reactive decision at first, and further as the ledger wins."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.ledgers import COLUMNS, HOURS_AHEAD, HOURS_REACTIVE, SECONDS, SHORT_AHEAD, SHORT_REACTIVE
from scoring.policies import Fleet, Rollout, Schedule, StepLimit
from scoring.recommending.decisions import Memory
from scoring.recommending.reasons import Limit
from scoring.rollouts import Rollouts
from tests.scoring.builders import DAY, NAN, NOW, decide, fleet, target

HOUR = 3600.0
ACTING = fleet(target(mode="Autoscale", rollout=Rollout()))


def row(
    short: float = 0.0, bare: float = 0.0, seconds: float = HOUR, hours: float = 10.0
) -> NDArray[np.float64]:
    """What one cycle of an hour added for one target: minutes short of both paths, and what the forecast's costs against 10."""
    out = np.zeros((1, COLUMNS))
    out[0, [SECONDS, SHORT_AHEAD, SHORT_REACTIVE, HOURS_AHEAD, HOURS_REACTIVE]] = (
        seconds,
        short,
        bare,
        hours,
        10,
    )
    return out


def lived(
    rollouts: Rollouts,
    hours: int,
    added: NDArray[np.float64] | None = None,
    *,
    of: Fleet = ACTING,
    trusted: bool = True,
    opened: bool = False,
    at: float = NOW,
) -> Rollouts:
    """So many hours on, each of which adds the same."""
    for i in range(hours):
        rollouts = rollouts.add(
            at + HOUR * i, row() if added is None else added, np.array([trusted]), np.array([opened]), of
        )
    return rollouts


def begun() -> Rollouts:
    """The first cycle in Autoscale."""
    return lived(Rollouts.none(1), 1)


def share(rollouts: Rollouts, of: Fleet = ACTING) -> float:
    """The share of one target, with the digits that it has."""
    return round(float(rollouts.share(of)[0]), 6)


def test_it_begins_narrow_and_widens_with_each_day_that_is_won() -> None:
    """A fifth, and a fifth more each day, until nothing is limited; the interval before Autoscale is no part of it."""
    rollouts, shares = begun(), []
    for _ in range(5):
        rollouts = lived(rollouts, 23)
        shares.append(share(rollouts))
        rollouts = lived(rollouts, 1)
    assert [0.2, 0.4, 0.6, 0.8, math.inf] == shares
    assert 4 == lived(rollouts, 200).steps[0]


@pytest.mark.parametrize(
    ("short", "bare", "hours", "widens"),
    [
        pytest.param(0, 0, 10, True, id="nobody was short"),
        pytest.param(1, 1, 10, True, id="both were"),
        pytest.param(1.01, 1, 10, True, id="both were, for a cycle of which one was 600 ms longer"),
        pytest.param(1, 1.01, 71, False, id="dearer for 600 ms"),
        pytest.param(0, 1, 10, True, id="the reactive path was"),
        pytest.param(1, 0, 10, False, id="the forecast was"),
        pytest.param(3, 2, 10, False, id="the forecast was for longer"),
        pytest.param(0, 0, 70, True, id="a quarter dearer over the day"),
        pytest.param(0, 0, 71, False, id="dearer for nothing"),
        pytest.param(0, 1, 71, True, id="dearer and less short"),
        pytest.param(1, 0, 0, False, id="cheaper and short"),
    ],
)
def test_a_time_that_the_forecast_lost_wins_nothing(
    short: float, bare: float, hours: float, widens: bool
) -> None:
    """The share stays, and another day begins, which can be won."""
    rollouts = lived(lived(begun(), 1, row(short, bare, hours=hours)), 23)
    assert (0.4 if widens else 0.2) == share(rollouts)
    assert not rollouts.stage.any()
    assert (0.6 if widens else 0.4) == share(lived(rollouts, 24))


def test_what_nobody_saw_and_what_no_forecast_decided_proves_nothing() -> None:
    """Hours without data or without skill are not counted; the day is complete when the rest of it has come."""
    rollouts = lived(lived(begun(), 12), 100, row(seconds=0))
    rollouts = lived(lived(rollouts, 100, trusted=False), 11)
    assert 0.2 == share(rollouts)
    assert 0.4 == share(lived(rollouts, 1))


def test_an_hour_that_is_no_number_proves_nothing() -> None:
    """Nor does it keep the days after it from being won."""
    rollouts = lived(lived(begun(), 12), 1, row(hours=NAN))
    rollouts = lived(rollouts, 11)
    assert 0.2 == share(rollouts)
    assert 0.4 == share(lived(rollouts, 1))


def test_minutes_short_count_whoever_decided() -> None:
    """Replicas that a forecast gave away are missed in the cycle after it as well."""
    rollouts = lived(lived(begun(), 1, row(short=5), trusted=False), 24)
    assert 0.2 == share(rollouts)


def test_the_breaker_takes_it_all_back() -> None:
    """When it opens, and for as long as it is open nothing is won; then it begins anew."""
    rollouts = lived(begun(), 48)
    assert 0.6 == share(rollouts)
    rollouts = lived(rollouts, 48, opened=True, at=NOW + 2 * DAY)
    assert 0.2 == share(rollouts)
    assert NOW + 2 * DAY + 47 * HOUR == rollouts.since[0]
    assert [0.2, 0.4] == [share(lived(rollouts, hours)) for hours in (23, 24)]


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(target(mode="Recommend", rollout=Rollout()), id="Autoscale was left"),
        pytest.param(target(mode="Autoscale"), id="the roll-out was taken out of the spec"),
    ],
)
def test_coming_back_begins_anew(meanwhile: Any) -> None:
    """What was won is forgotten with the first cycle without it, in which nothing is limited."""
    won, other = lived(begun(), 48), fleet(meanwhile)
    assert math.inf == share(won, other)
    left = lived(won, 1, of=other)
    assert (math.inf, True) == (share(left, other), bool(np.isnan(left.since[0])))
    assert 0.2 == share(left)
    assert 0.2 == share(lived(left, 1))


@pytest.mark.parametrize(
    ("wish", "allowed"),
    [
        pytest.param(Rollout(start=0.1), 0.5, id="a lower start"),
        pytest.param(Rollout(step=0.05), 0.3, id="smaller steps"),
        pytest.param(Rollout(start=0.7), math.inf, id="a start that is the rest"),
        pytest.param(Rollout(every=7 * DAY), 0.6, id="slower"),
    ],
)
def test_an_edit_of_the_numbers_counts_at_once(wish: Rollout, allowed: float) -> None:
    """The share is the start and the steps that were won, as they are wished now."""
    assert allowed == share(lived(begun(), 48), fleet(target(mode="Autoscale", rollout=wish)))


def test_a_shorter_time_is_over_with_the_next_cycle() -> None:
    """Whoever turns a day into an hour after half of it does not wait for the other half."""
    quick = fleet(target(mode="Autoscale", rollout=Rollout(every=HOUR)))
    assert 0.4 == share(lived(lived(begun(), 12), 1, of=quick))


def test_a_roll_out_that_was_complete_can_be_narrowed_again() -> None:
    """Smaller steps than were won with: it goes on from there."""
    done = lived(begun(), 4 * 24)
    assert math.inf == share(done)
    slow = fleet(target(mode="Autoscale", rollout=Rollout(0.05, 0.05)))
    assert [0.25, 0.3] == [share(lived(done, hours, of=slow), slow) for hours in (23, 24)]


def test_each_target_has_its_own() -> None:
    """In whatever row; who comes begins with nothing, and who acts without a roll-out, or does not act, is not limited."""
    one, other = target("one", mode="Autoscale", rollout=Rollout()), target("two", mode="Autoscale")
    looked = target("three", rollout=Rollout())
    of, moved = fleet(one, other, looked), fleet(target("new"), looked, one)
    rollouts = Rollouts.none(3)
    for i in range(26):
        added = np.concatenate([row(), row(short=9), row()])
        rollouts = rollouts.add(NOW + HOUR * i, added, np.ones(3, np.bool_), np.zeros(3, np.bool_), of)
    assert pytest.approx([0.4, math.inf, math.inf]) == rollouts.share(of).tolist()
    rollouts = rollouts.for_rows(np.array([-1, 2, 0]))
    assert pytest.approx([math.inf, math.inf, 0.4]) == rollouts.share(moved).tolist()
    assert [0, 0, HOUR] == rollouts.stage[:, 0].tolist()


@pytest.mark.parametrize(
    ("peak", "last", "allowed", "replicas"),
    [
        pytest.param(18.0, 7.0, 0.2, 12, id="a fifth above ten"),
        pytest.param(18.0, 7.0, 0.5, 15, id="half above ten"),
        pytest.param(9.5, 7.0, 0.2, 11, id="within it"),
        pytest.param(18.0, 0.7, 0.2, 2, id="a replica at least"),
        pytest.param(18.0, 7.1, 0.2, 14, id="rounded up"),
        pytest.param(60.0, 70.0, 0.02, 98, id="below, by no more than two"),
        pytest.param(60.0, 70.0, 0.2, 88, id="below, by no more than the guard lets it"),
    ],
)
def test_the_number_stays_near_the_reactive_one(
    peak: float, last: float, allowed: float, replicas: int
) -> None:
    """By a share of it, on either side; what the forecast alone would have is reckoned as ever."""
    of = fleet(target(max_replicas=1000))
    said, _ = decide(of, share=allowed, peak={"cpu": peak}, last={"cpu": last})
    free, _ = decide(of, peak={"cpu": peak}, last={"cpu": last})
    assert replicas == said.recommended[0]
    assert (replicas != free.recommended[0]) == bool(said.limits[0] & Limit.ROLLOUT)
    assert (free.ahead[0], free.reactive[0], free.uncapped[0]) == (
        said.ahead[0],
        said.reactive[0],
        said.uncapped[0],
    )


LOADS = st.lists(st.tuples(st.floats(0, 120), st.floats(0, 120)), min_size=1, max_size=6)
SHARES = st.sampled_from([0.01, 0.1, 0.2, 0.4, 0.6, 0.8])


@given(LOADS, SHARES, st.integers(1, 30), st.integers(30, 200), st.sampled_from([0.0, 600.0, 1200.0]))
@settings(max_examples=200)
def test_it_lies_between_what_both_ask_for_and_within_the_share(
    loads: list[tuple[float, float]], allowed: float, least: int, most: int, cooldown: float
) -> None:
    """Cycle by cycle, with bounds and hold-down: never less than both want, nor more, nor than the guard."""
    of = fleet(target(min_replicas=least, max_replicas=most, cooldown_seconds=cooldown))
    memories: list[Memory | None] = [None, None, None]
    for i, (peak, last) in enumerate(loads):
        moment = {"now": NOW + 300 * i, "last": {"cpu": last}, "peak": {"cpu": peak}, "replicas": 20.0}
        near, memories[0] = decide(of, memories[0], share=allowed, **moment)
        free, memories[1] = decide(of, memories[1], **moment)
        bare, memories[2] = decide(of, memories[2], points=2, **moment)
        said, one, other = near.recommended[0], free.recommended[0], bare.recommended[0]
        assert min(one, other) <= said <= max(one, other)
        assert abs(said - other) <= max(1, math.ceil(allowed * other - 1e-3))
        assert said >= min(most, math.ceil(last / 0.8 - 1e-3))
        assert other == near.beside[0]
        assert (said != one) == bool(near.limits[0] & Limit.ROLLOUT)
        assert said <= near.signal[0] <= max(said + 2, 1.1 * said + 1)


@given(LOADS, st.sampled_from([NAN, 1.0, 20.0]), st.booleans(), st.booleans())
def test_without_a_limit_nothing_changes(
    loads: list[tuple[float, float]], replicas: float, frozen: bool, out: bool
) -> None:
    """Every number of every cycle, and all that is remembered, is the same as without a roll-out."""
    of = fleet(target(max_replicas=50, cooldown_seconds=600, scale_up=StepLimit(4), scale_down=StepLimit(2)))
    memories: list[Memory | None] = [None, None]
    for i, (peak, last) in enumerate(loads):
        now = NOW + 300 * i
        moment = {"now": now, "last": {"cpu": last}, "peak": {"cpu": peak}, "replicas": replicas}
        moment |= {"direction": -1, "since": now} if frozen and i else {}
        one, memories[0] = decide(of, memories[0], withdrawn=out and i > 1, share=math.inf, **moment)
        other, memories[1] = decide(of, memories[1], withdrawn=out and i > 1, **moment)
        for f in fields(one):
            np.testing.assert_array_equal(getattr(one, f.name), getattr(other, f.name), err_msg=f.name)
        for f in fields(Memory):
            np.testing.assert_array_equal(getattr(memories[0], f.name), getattr(memories[1], f.name))


def test_a_freeze_holds_against_it() -> None:
    """What a drop forbids to take away is not taken away because a share became narrow."""
    of = fleet(target(max_replicas=100, cooldown_seconds=0))
    _, memory = decide(of, now=NOW - 300, peak={"cpu": 18.0}, last={"cpu": 14.0})
    said, _ = decide(
        of, memory, share=0.2, peak={"cpu": 2.0}, last={"cpu": 2.0}, direction=-1, since=NOW, replicas=20
    )
    assert (20, True) == (said.recommended[0], bool(said.limits[0] & Limit.FROZEN))
    assert not said.limits[0] & Limit.ROLLOUT


@pytest.mark.parametrize(("peak", "replicas"), [(9.0, 10), (8.0, 9), (7.0, 8), (18.0, 10)])
def test_a_calendar_floor_counts_as_what_the_reactive_decision_would_be(peak: float, replicas: int) -> None:
    """A floor of eight is obeyed, and what is allowed is a fifth of it."""
    floor = Schedule("0 0 * * *", "0 12 * * *", "UTC", 8, None)
    of = fleet(target(max_replicas=100, schedules=(floor,)))
    said, _ = decide(of, now=NOW + 60, share=0.2, peak={"cpu": peak}, last={"cpu": 0.7})
    assert (replicas, 8) == (said.recommended[0], said.beside[0])


def test_pods_that_run_are_not_taken_away_below_what_both_want() -> None:
    """Twenty run, the load of this moment needs ten and the forecast knows of twenty: the share is of ten, the limit twelve."""
    of = fleet(target(max_replicas=100, scale_down=StepLimit(3)))
    said, _ = decide(of, share=0.2, peak={"cpu": 18.0}, last={"cpu": 7.0}, replicas=20)
    assert 17 == said.recommended[0]
    assert said.limits[0] & Limit.STEP_DOWN


def test_a_hold_down_holds_against_it() -> None:
    """The reactive number that a share is of is held as any: what fell a moment ago is not followed at once."""
    of = fleet(target(max_replicas=100, cooldown_seconds=600))
    _, memory = decide(of, now=NOW - 300, share=0.2, peak={"cpu": 18.0}, last={"cpu": 7.0})
    said, memory = decide(of, memory, share=0.2, peak={"cpu": 18.0}, last={"cpu": 3.5})
    assert (12, 10) == (said.recommended[0], said.beside[0])
    said, _ = decide(of, memory, now=NOW + 600, share=0.2, peak={"cpu": 18.0}, last={"cpu": 3.5})
    assert (6, 5) == (said.recommended[0], said.beside[0])


def test_the_breaker_takes_no_replica_by_narrowing_it() -> None:
    """It opens and the share falls from three fifths to one: for a cooldown what was published stays, and is not raised."""
    of = fleet(target(max_replicas=100, cooldown_seconds=600))
    moment: dict[str, Any] = {"peak": {"cpu": 27.0}, "last": {"cpu": 7.0}}
    said, memory = decide(of, now=NOW - 300, share=0.6, **moment)
    assert 16 == said.recommended[0]
    for now, replicas in ((NOW, 16), (NOW + 300, 16), (NOW + 600, 16), (NOW + 900, 10)):
        said, memory = decide(of, memory, now=now, share=0.2, withdrawn=True, **moment)
        assert replicas == said.recommended[0]


@pytest.mark.parametrize(
    ("peak", "last", "replicas", "allowed", "signal"),
    [
        pytest.param(27.0, 14.0, 20, 0.2, 24, id="past the dead-band already"),
        pytest.param(18.5, 14.0, 20, 0.2, 23, id="nudged within the share"),
        pytest.param(18.5, 14.0, 20, 0.05, 21, id="not nudged beyond it"),
        pytest.param(27.0, 14.6, 20, 0.01, 23, id="nudged as the reactive number would be"),
    ],
)
def test_the_signal_is_nudged_no_further_than_is_allowed(
    peak: float, last: float, replicas: int, allowed: float, signal: int
) -> None:
    """What the HPA would ignore is made more where the share has room for it, or a reactive autoscaler would get it."""
    of = fleet(target(max_replicas=100))
    said, _ = decide(of, share=allowed, peak={"cpu": peak}, last={"cpu": last}, replicas=replicas)
    assert signal == said.signal[0]


def test_without_a_demand_there_is_no_number_to_limit() -> None:
    """Unknown stays unknown, and nothing is said of a limit."""
    said, _ = decide(fleet(), share=0.2, last={"cpu": NAN})
    assert np.isnan(said.recommended[0])
    assert np.isnan(said.signal[0])
    assert not said.limits[0] & Limit.ROLLOUT


def test_a_wish_is_an_array_of_the_fleet() -> None:
    """Who wishes none is not a number."""
    of = replace(fleet(target("a", rollout=Rollout(0.1, 0.3, HOUR)), target("b")))
    np.testing.assert_array_equal([[0.1, 0.3, HOUR], [NAN] * 3], of.rollouts)
    assert (0, 3) == fleet(target()).rollouts[:0].shape
