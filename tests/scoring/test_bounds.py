"""What may change a number after the demand has asked for it: hold-down, freeze, step limits, bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scoring.calendars import Event, Schedule
from scoring.policies import Fleet, Metric, StepLimit
from scoring.recommending.decisions import Decisions, Memory
from scoring.recommending.reasons import Limit, Path
from tests.scoring.builders import NAN, NOW, STEP, decide, fleet, target

REQUESTS = Metric("requests", "sum(rate(requests[5m]))", 50.0)
BOTH = (Metric("cpu"), REQUESTS)


def story(of: Fleet, *moments: dict[str, Any], every: float = STEP) -> list[Decisions]:
    """Decisions of successive cycles."""
    memory, said = Memory.none(len(of), len(of.series)), []
    for i, moment in enumerate(moments):
        decisions, memory = decide(of, memory, **({"now": NOW + i * every} | moment))
        said.append(decisions)
    return said


def numbers(decisions: list[Decisions]) -> list[int]:
    """What was recommended, cycle by cycle."""
    return [int(d.recommended[0]) for d in decisions]


def load(*cores: float, **more: Any) -> list[dict[str, Any]]:
    """Moments in which cpu is observed and nothing forecast: so many cores are as many replicas at 70 %."""
    return [{"last": {"cpu": 0.7 * c}, "points": 2, **more} for c in cores]


@pytest.mark.parametrize(
    ("cores", "expected", "limit"),
    [
        pytest.param(20, 10, Limit.MAXIMUM, id="capped at the maximum"),
        pytest.param(1, 3, Limit.MINIMUM, id="raised to the minimum"),
        pytest.param(5, 5, Limit(0), id="between them untouched"),
        pytest.param(10, 10, Limit(0), id="at the maximum untouched"),
    ],
)
def test_no_recommendation_leaves_the_bounds(cores: float, expected: int, limit: Limit) -> None:
    """And the uncapped number stays what the demand asks for."""
    (said,) = story(fleet(target(min_replicas=3)), *load(cores))
    assert (expected, cores, limit) == (said.recommended[0], said.uncapped[0], said.limits[0])


def test_a_schedule_bounds_as_the_target_does() -> None:
    """A floor of the calendar is a minimum while it is on."""
    floor = Schedule("0 0 * * *", "10 0 * * *", "UTC", minimum=6)
    said = story(fleet(target(schedules=(floor,), cooldown_seconds=0)), *load(2, 2, 2))
    assert [6, 6, 2] == numbers(said)
    assert Limit.MINIMUM == said[0].limits[0]


@pytest.mark.parametrize(
    ("up", "replicas", "wanted", "expected"),
    [
        pytest.param(StepLimit(), 2, 10, 10, id="without a limit at once"),
        pytest.param(StepLimit(pods=2), 2, 10, 4, id="pods"),
        pytest.param(StepLimit(pods=2), 1, 10, 3, id="pods, from one"),
        pytest.param(StepLimit(percent=100), 4, 10, 8, id="percent"),
        pytest.param(StepLimit(4, 100), 2, 10, 6, id="the larger of both, pods"),
        pytest.param(StepLimit(4, 100), 5, 10, 10, id="the larger of both, percent"),
        pytest.param(StepLimit(percent=10), 2, 10, 3, id="a percentage is rounded up, as in the HPA"),
        pytest.param(StepLimit(percent=10), 15, 20, 17, id="16.5 is 17"),
        pytest.param(StepLimit(pods=0), 2, 10, 2, id="none at all"),
        pytest.param(StepLimit(pods=1), 0, 10, 10, id="from zero without a limit"),
        pytest.param(StepLimit(pods=1), NAN, 10, 10, id="from an unknown count without a limit"),
        pytest.param(StepLimit(pods=1), 12, 10, 10, id="not downwards"),
    ],
)
def test_scaling_up_takes_steps(up: StepLimit, replicas: float, wanted: int, expected: int) -> None:
    """At most so many more than there are."""
    (said,) = story(fleet(target(scale_up=up, max_replicas=20)), *load(wanted, replicas=replicas))
    assert expected == said.recommended[0]
    assert (Limit.STEP_UP if expected < wanted else 0) == said.limits[0]


@pytest.mark.parametrize(
    ("down", "replicas", "wanted", "expected"),
    [
        pytest.param(StepLimit(), 10, 2, 2, id="without a limit at once"),
        pytest.param(StepLimit(pods=3), 10, 2, 7, id="pods"),
        pytest.param(StepLimit(percent=50), 10, 2, 5, id="percent"),
        pytest.param(StepLimit(percent=10), 5, 2, 4, id="a percentage is rounded up, as in the HPA"),
        pytest.param(StepLimit(1, 50), 10, 2, 5, id="the larger of both"),
        pytest.param(StepLimit(pods=0), 10, 2, 10, id="none at all"),
        pytest.param(StepLimit(pods=100), 10, 2, 2, id="a limit that is none"),
    ],
)
def test_scaling_down_takes_steps(down: StepLimit, replicas: float, wanted: int, expected: int) -> None:
    """At most so many fewer than there are."""
    (said,) = story(fleet(target(scale_down=down, max_replicas=20)), *load(wanted, replicas=replicas))
    assert expected == said.recommended[0]
    assert (Limit.STEP_DOWN if expected > wanted else 0) == said.limits[0]


def test_steps_are_taken_from_the_last_recommendation_where_the_count_is_unknown() -> None:
    """A cycle without kube-state-metrics does not take forty pods away at once."""
    of = fleet(target(scale_down=StepLimit(pods=2), max_replicas=50, cooldown_seconds=0))
    said = story(of, *load(40, replicas=40), *load(5, replicas=NAN))
    assert [40, 38] == numbers(said)


def test_bounds_win_over_steps() -> None:
    """A maximum that was lowered is kept at once, and so is a minimum that was raised."""
    slow = {"scale_up": StepLimit(pods=1), "scale_down": StepLimit(pods=1)}
    (low,) = story(fleet(target(max_replicas=3, **slow)), *load(10, replicas=9))
    (high,) = story(fleet(target(min_replicas=7, **slow)), *load(1, replicas=2))
    assert (3, 7) == (low.recommended[0], high.recommended[0])
    assert Limit.MAXIMUM in Limit(int(low.limits[0]))
    assert Limit.MINIMUM in Limit(int(high.limits[0]))


@pytest.mark.parametrize(
    ("cooldown", "expected"),
    [
        pytest.param(0, [8, 3, 3, 3, 3], id="none"),
        pytest.param(300, [8, 8, 3, 3, 3], id="one cycle: a proposal exactly so old still counts"),
        pytest.param(299, [8, 3, 3, 3, 3], id="a little less than a cycle"),
        pytest.param(900, [8, 8, 8, 8, 3], id="three cycles"),
    ],
)
def test_a_lower_number_waits_for_the_cooldown(cooldown: float, expected: list[int]) -> None:
    """Until no proposal of the cooldown was higher; that is said."""
    said = story(fleet(target(cooldown_seconds=cooldown)), *load(8, 3, 3, 3, 3))
    assert expected == numbers(said)
    assert [Limit.HELD if n == 8 else 0 for n in expected][1:] == [d.limits[0] for d in said][1:]
    assert [8, 3, 3, 3, 3] == [d.uncapped[0] for d in said]


def test_the_highest_proposal_of_the_cooldown_is_held_not_the_newest() -> None:
    """And a higher number never waits."""
    said = story(fleet(target(cooldown_seconds=600)), *load(5, 8, 4, 3, 3, 9))
    assert [5, 8, 8, 8, 4, 9] == numbers(said)


def test_a_proposal_from_a_wrong_future_holds_nothing() -> None:
    """After a clock was set back, what was proposed in its future does not keep pods for days."""
    said = story(fleet(target()), {"now": NOW + 1e6, **load(9)[0]}, *load(3))
    assert [9, 3] == numbers(said)


def test_the_hold_down_is_of_the_demand_not_of_the_bounds() -> None:
    """A number that was capped is not held above the cap, nor one that was raised."""
    floor = Schedule("0 0 * * *", "5 0 * * *", "UTC", minimum=9)
    said = story(fleet(target(schedules=(floor,), cooldown_seconds=900)), *load(2, 2))
    assert [9, 2] == numbers(said)


def test_a_cycle_without_data_decides_nothing_and_forgets_nothing() -> None:
    """After a gap the hold-down still knows what was proposed before it."""
    said = story(fleet(target(cooldown_seconds=900)), *load(8), {"last": NAN}, *load(3))
    assert [8, 8] == [int(said[0].recommended[0]), int(said[2].recommended[0])]
    assert np.isnan(said[1].recommended[0])


DROP = {"critical": True, "direction": -1, "since": NOW + STEP}
SPIKE = {"critical": True, "direction": 1, "since": NOW + STEP}


def test_a_drop_freezes_scale_in() -> None:
    """An outage upstream looks like no load: the last recommendation stands while it lasts."""
    of = fleet(target(cooldown_seconds=0))
    said = story(of, *load(8), *load(0, 0, 0, **DROP), *load(2))
    assert [8, 8, 8, 8, 2] == numbers(said)
    assert [0, Limit.FROZEN, Limit.FROZEN, Limit.FROZEN, 0] == [d.limits[0] for d in said]


def test_a_freeze_ends_after_its_time() -> None:
    """An hour by default; whoever is really out of load is scaled in then."""
    of = fleet(target(cooldown_seconds=0, freeze_max_seconds=900))
    assert [8, 8, 8, 8, 8, 1] == numbers(story(of, *load(8), *load(0, 0, 0, 0, 0, **DROP)))
    assert 3600 == target().freeze_max_seconds


def test_a_freeze_holds_no_number_down() -> None:
    """A drop in one metric does not keep another from asking for more."""
    assert [3, 9] == numbers(story(fleet(), *load(3), *load(9, **DROP)))


def test_a_warning_freezes_too() -> None:
    """How rare a drop is says nothing of what it would cost to believe it."""
    of = fleet(target(cooldown_seconds=0))
    assert [8, 8] == numbers(story(of, *load(8), *load(2, direction=-1, since=NOW)))


def test_an_event_of_what_does_not_drive_freezes_nothing() -> None:
    """Memory may be critical and neither a drop nor a spike of the demand."""
    of = fleet(target(cooldown_seconds=0))
    said = story(of, *load(8), *load(2, critical=True, direction=0, since=NOW))
    assert [8, 2] == numbers(said)
    assert Path.HISTORY == said[1].path[0]


def test_a_freeze_keeps_what_there_is_where_nothing_was_recommended_yet() -> None:
    """Helios has just started in the midst of an outage: no pod goes."""
    assert [6] == numbers(story(fleet(), *load(1, replicas=6, **DROP | {"since": NOW})))


def test_a_spike_raises_and_never_lowers() -> None:
    """It takes the reactive path where that asks for more, and what was recommended before it stands."""
    of = fleet(target(cooldown_seconds=0))
    moment = {"last": {"cpu": 2.1}, "peak": {"cpu": 5.4}}
    low = {"last": {"cpu": 2.1}, "peak": {"cpu": 1.8}}
    said = story(of, moment, low | SPIKE, {"last": {"cpu": 5.6}, **SPIKE}, low | SPIKE, moment)
    assert [6, 6, 8, 8, 6] == numbers(said)
    assert [Path.FORECAST, Path.SPIKE, Path.SPIKE, Path.SPIKE, Path.FORECAST] == [d.path[0] for d in said]
    assert Limit.FROZEN == said[1].limits[0]
    assert not said[2].limits[0]


def test_a_freeze_stays_within_the_bounds() -> None:
    """The maximum may fall while scale-in is frozen."""
    ceiling = Schedule("5 0 * * *", "0 1 * * *", "UTC", maximum=4)
    assert [8, 4] == numbers(story(fleet(target(schedules=(ceiling,))), *load(8), *load(0, **DROP)))


def test_a_missing_metric_scales_up_but_never_down() -> None:
    """As the HPA does with one failing metric of several."""
    of = fleet(target(metrics=BOTH, cooldown_seconds=0))
    both = {"request": {"cpu": 1.0, "requests": 50.0}, "points": 2}
    said = story(
        of,
        {"last": {"cpu": 2.1, "requests": 280.0}, **both},
        {"last": {"cpu": 2.1}, **both},
        {"last": {"cpu": 6.3}, **both},
        {"last": {"cpu": 2.1, "requests": 35.0}, **both},
    )
    assert [8, 8, 9, 3] == numbers(said)
    assert [0, Limit.PARTIAL, 0, 0] == [d.limits[0] for d in said]


def test_a_metric_missing_from_the_start_takes_nothing_away() -> None:
    """Nothing was recommended yet, so what there is stays."""
    of = fleet(target(metrics=BOTH))
    (said,) = story(of, {"last": {"cpu": 1.0}, "request": {"cpu": 1.0}, "points": 2, "replicas": 8})
    assert (8, Limit.PARTIAL) == (said.recommended[0], said.limits[0])


def test_an_unseen_memory_is_not_a_missing_metric() -> None:
    """What does not drive may be missing."""
    assert [8, 2] == numbers(story(fleet(target(cooldown_seconds=0)), *load(8, 2)))


EVENT = Event(NOW + 600, NOW + 1800, 3.0)


def test_an_announced_event_multiplies_what_was_expected_before_it() -> None:
    """Once: its own load does not multiply again, and after it the demand alone counts."""
    of = fleet(target(events=(EVENT,), max_replicas=100, cooldown_seconds=0))
    said = story(of, *load(4, 4, 8, 12, 12, 12, 4, lead=465))
    assert [4, 12, 12, 12, 12, 12, 4] == numbers(said)
    assert [0, Limit.EVENT] == [d.limits[0] for d in said][:2]
    assert 12 * 0.7 == pytest.approx(float(said[1].demand[0]))


def test_an_event_with_a_forecast_multiplies_the_peak() -> None:
    """The quantile of the maximum is what is lifted, and served at 90 %."""
    of = fleet(target(events=(EVENT,), max_replicas=100))
    moment = {"last": {"cpu": 1.0}, "peak": {"cpu": 1.8}}
    said = story(of, moment, moment)
    assert [2, 6] == numbers(said)
    assert (Path.FORECAST, Limit.EVENT) == (said[1].path[0], said[1].limits[0])


def test_a_demand_beyond_the_announced_one_counts() -> None:
    """If the event draws more than was announced, more is recommended and the event is not the reason."""
    of = fleet(target(events=(EVENT,), max_replicas=100))
    said = story(of, *load(4, 4, 20, lead=465))
    assert [4, 12, 20] == numbers(said)
    assert not said[2].limits[0]


def test_a_second_event_has_its_own_lift() -> None:
    """It multiplies what was usual before the first, not what the first has caused."""
    row = (Event(NOW + 600, NOW + 1200, 2.0), Event(NOW + 1200, NOW + 1800, 3.0))
    of = fleet(target(events=row, max_replicas=100, cooldown_seconds=0))
    assert [4, 8, 8, 12, 12, 12, 4] == numbers(story(of, *load(4, 4, 8, 8, 12, 12, 4, lead=300.0)))


def test_an_event_nobody_could_measure_lifts_nothing() -> None:
    """Without any demand before it there is nothing to multiply; once there is, it is."""
    of = fleet(target(events=(Event(NOW, NOW + 3600, 2.0),), max_replicas=100))
    said = story(of, {"last": NAN}, *load(4))
    assert np.isnan(said[0].recommended[0])
    assert 8 == said[1].recommended[0]


def test_memories_follow_their_targets() -> None:
    """When the fleet changes, those that stay keep their hold-down and new ones begin without."""
    of = fleet(target("api"), target("web"))
    _, memory = decide(of, last=[2.1, NAN, 5.6, NAN], points=2)
    other = fleet(target("web"), target("new"))
    moved = memory.for_rows(np.array([1, -1]), np.array([2, 3, -1, -1]))
    said, _ = decide(other, moved, last=[2.1, NAN, 2.1, NAN], points=2, now=NOW + STEP)
    assert [8, 3] == said.recommended.tolist()
