"""Targets as arrays: every row knows its owner, and two targets of one name do not collide."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.calendars import Event, Lesson
from scoring.panels import Stretch
from scoring.policies import Fleet, Metric, StepLimit
from tests.scoring.builders import DAY, NOW, STEP, fleet, per_target, target

REQUESTS = Metric("requests", "sum(rate(http_requests_total[5m]))", 50.0)


def test_cpu_and_memory_are_always_followed() -> None:
    """They are published even where replicas are decided on something else, and then do not drive."""
    followed = target(metrics=(REQUESTS,)).followed()
    assert [("requests", True), ("cpu", False), ("memory", False)] == [(m.name, m.drives) for m in followed]


@pytest.mark.parametrize(
    ("metrics", "drives"),
    [
        pytest.param((Metric("cpu"),), [True, False], id="cpu by default"),
        pytest.param((Metric("memory"),), [True, False], id="memory where it is named"),
        pytest.param((REQUESTS, Metric("cpu")), [True, True, False], id="both"),
    ],
)
def test_what_is_named_drives(metrics: tuple[Metric, ...], drives: list[bool]) -> None:
    """Rows are the target's own metrics in its order, then what is only published."""
    assert drives == fleet(target(metrics=metrics)).drives.tolist()


def test_rows_are_grouped_by_target() -> None:
    """Every series row finds its target and every target its rows."""
    of = fleet(target("api"), target("web", metrics=(Metric("cpu"), REQUESTS)), target("job"))
    assert [0, 2, 5, 7] == of.first_row.tolist()
    assert [0, 0, 1, 1, 1, 2, 2] == of.owner.tolist()
    assert [[0, 1, -1], [2, 3, 4], [5, 6, -1]] == of.row_of.tolist()
    assert {("shop", "api"): 0, ("shop", "web"): 1, ("shop", "job"): 2} == of.index
    assert "requests" == of.series[3].metric == of.metrics[3].name
    assert REQUESTS.query == of.series[3].query


def test_the_older_of_two_targets_on_one_workload_wins() -> None:
    """The other is named, not scored; so is a StatefulSet of a Deployment's name, as their gauges would collide."""
    older, newer = target("api", max_replicas=3), target("api", max_replicas=30)
    stateful, web = target("api", kind="StatefulSet"), target("web")
    of = Fleet.of([older, newer, web, stateful])
    assert (older, web) == of.targets
    assert (newer, stateful) == of.conflicts


def test_an_empty_fleet_has_empty_arrays() -> None:
    """No targets are a fleet too."""
    of = Fleet.of(())
    assert 0 == len(of)
    assert (0, 2) == of.row_of.shape
    assert (0, 2) == of.wishes.up.shape
    assert of.wishes.minimum.shape == of.policies(NOW, per_target(of, 1)).minimum.shape == (0,)


def test_wishes_become_arrays() -> None:
    """Numbers as they are, what is not wished as NaN or without limit."""
    of = fleet(
        target("api"),
        target("web", lead_seconds=90, scale_up=StepLimit(4, 100), scale_down=StepLimit(pods=1)),
    )
    np.testing.assert_array_equal([np.nan, 90], of.wishes.lead_seconds)
    np.testing.assert_array_equal([[np.inf, np.inf], [4, 100]], of.wishes.up)
    np.testing.assert_array_equal([[np.inf, np.inf], [1, 0]], of.wishes.down)


def test_defaults_are_the_designs() -> None:
    """90 % is the line, 70 % reactive, 80 % the guard, 0.98 the quantile; cpu drives, nothing is touched."""
    one = target()
    assert (0.9, 0.7, 0.8, 0.98) == (
        one.max_utilization,
        one.reactive_utilization,
        one.guard_utilization,
        one.quantile,
    )
    assert ("Observe", 2.5, 300, 3600) == (
        one.mode,
        one.anomaly_threshold,
        one.cooldown_seconds,
        one.freeze_max_seconds,
    )
    assert ((300, 1800), ("cpu",)) == (one.horizons, tuple(m.name for m in one.metrics))


def test_what_one_replica_serves_is_the_targets_or_the_pods() -> None:
    """`perReplica` where it is given, else unknown here and asked of the source."""
    of = fleet(target(metrics=(Metric("cpu"), REQUESTS)))
    np.testing.assert_array_equal([np.nan, 50, np.nan], of.per_replica)


def test_who_is_muted_is_a_matter_of_the_moment() -> None:
    """Until the moment that a user gave, to the second, and while an announced event is on; nobody else."""
    event = Event(NOW + 60, NOW + 120, 2.0)
    of = fleet(target("api", muted_until=NOW + 1.0), target("job", events=(event,)), target("web"))

    def muted(now: float) -> list[bool]:
        return of.policies(now, per_target(of, 600)).muted.tolist()

    assert [True, False, False] == muted(NOW)
    assert [False, False, False] == muted(NOW + 1.0)
    assert [[False, True, False]] * 2 + [[False] * 3] == [muted(NOW + after) for after in (60, 119, 120)]
    assert [True, False, False] == of.muted(NOW).tolist()


def test_what_is_acknowledged_is_kept_to_the_second() -> None:
    """A moment does not fit a float32."""
    of = fleet(target("api", acknowledged=NOW + 1.0), target("web"))
    said = of.policies(NOW, per_target(of, 600)).acknowledged
    assert np.float64 == said.dtype
    np.testing.assert_array_equal([NOW + 1.0, np.nan], said)


BERLIN, AFTER_THE_CHANGE = "Europe/Berlin", 1774861200.0
"""10:00 on 30 March 2026 in Berlin; the clocks went forward the day before."""
SALE = Event(NOW - 3 * DAY, NOW - 3 * DAY + 7200, 3.0, "sale")
ASCENSION_DAY = 1778752800.0
"""12:00 on 14 May 2026 in Berlin."""


def test_each_series_has_the_forecaster_that_its_target_asks_for() -> None:
    """By name, for every row; auto is the default."""
    of = fleet(target("api", model="baseline"), target("web"))
    assert ("baseline", "baseline", "auto", "auto") == of.models


def test_clock_changes_shift_the_rows_of_their_zone_alone() -> None:
    """Every series row, in grid steps."""
    of = fleet(target("api", timezone=BERLIN), target("web"), target("job", timezone=BERLIN))
    shifts = of.shifts(AFTER_THE_CHANGE, STEP)
    assert shifts is not None
    forward = [0, 12, 12, 12, 12, 12, 12]
    assert [forward, forward, [0] * 7, [0] * 7, forward, forward] == shifts.tolist()


def test_without_a_clock_change_there_are_no_shifts() -> None:
    """Nothing is built in ordinary weeks, on a replay, or for nobody."""
    of = fleet(target(timezone=BERLIN))
    assert of.shifts(NOW, STEP) is None
    assert of.shifts(AFTER_THE_CHANGE, STEP, 3600.0) is None
    assert Fleet.of(()).shifts(AFTER_THE_CHANGE, STEP) is None


def test_days_of_another_kind_are_left_out() -> None:
    """A holiday's and an event's same time tell nothing of an ordinary day; of those who have neither nothing is left out."""
    of = fleet(target("api", timezone=BERLIN, holidays="DE"), target("web"), target("job", events=(SALE,)))
    day_after, on_the_day = of.unlike(ASCENSION_DAY + DAY), of.unlike(ASCENSION_DAY)
    assert day_after is not None
    assert on_the_day is not None
    assert [[True] + [False] * 6] * 2 + [[False] * 7] * 4 == day_after.tolist()
    assert 6 == on_the_day[0].sum()
    sale = of.unlike(NOW + 3600)
    assert sale is not None
    assert [[False] * 7] * 4 + [[False, False, True] + [False] * 4] * 2 == sale.tolist()


def test_ordinary_days_leave_nothing_out() -> None:
    """No array is built, whoever keeps holidays."""
    of = fleet(target("api", timezone=BERLIN, holidays="DE"), target("job", events=(SALE,)))
    assert of.unlike(NOW + 3 * 3600) is None
    assert of.unlike(ASCENSION_DAY, 3600.0) is None


def test_events_that_have_begun_are_covered() -> None:
    """All rows of their target, to their end; a longer one is what ordinary is, and a later one has not come."""
    later, week = Event(NOW + 1, NOW + 2, 2.0), Event(NOW - 7 * DAY, NOW + DAY, 2.0)
    of = fleet(target("api"), target("job", events=(SALE, later, week)))
    assert (Stretch(slice(2, 4), SALE.start, SALE.end),) == of.stretches(NOW)


def test_lessons_lift_their_own_target() -> None:
    """What the past sale of one workload did says nothing of another's."""
    coming = Event(NOW, NOW + 3600, 3.0, "sale")
    of = fleet(target("api", events=(coming,)), target("job", events=(coming,)))
    taught = [Lesson("shop", "job", "sale", 3.0, NOW - DAY, NOW - DAY + 3600, 2.0)]
    assert [3.0, 2.5] == of.policies(NOW, per_target(of, 465), taught).lift.tolist()
