"""Events teach: what they did is measured against ordinary days, once, and an event nobody saw begin is not lifted twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scoring.calendars import Event, Lesson
from scoring.lifts import MOST_KEPT, learned, measured, ordinary, resumed
from scoring.panels import Floats, Panel
from scoring.policies import Fleet
from tests.scoring.builders import DAY, NAN, NOW, STEP, daily, fleet, panel, per_target, target

HOUR = 12
SALE = Event(NOW - DAY, NOW - DAY + 2 * 3600, 3.0, "sale")
COLUMNS = 2016


def week(lift: float = 2.0, event: Event = SALE) -> Floats:
    """A week with a daily wave, and `lift` times it in an event."""
    values = daily(noise=0.05)[:, :COLUMNS]
    values[:, within(event)] *= lift
    return values


def within(event: Event) -> slice:
    """The columns of an event in a panel that ends `NOW`."""
    first, last = (round((at - NOW) / STEP) + COLUMNS - 1 for at in (event.start, event.end))
    return slice(max(0, first), last)


def of_fleet(of: Fleet, values: Floats) -> Panel:
    """The same row for all series of a fleet."""
    return replace(panel(np.repeat(values, len(of.series), axis=0)), series=of.series)


@pytest.mark.parametrize("lift", [0.5, 2.0, 10.0])
def test_a_lift_is_told_from_the_daily_wave(lift: float) -> None:
    """Against the same time of other days, however high demand is at that time of day."""
    for hour in (0, 6, 12, 18):
        event = replace(SALE, start=SALE.start - hour * 3600, end=SALE.end - hour * 3600)
        assert lift == pytest.approx(measured(panel(week(lift, event)), event, day=DAY), rel=0.05)


def test_other_events_and_anomalies_are_no_ordinary_days() -> None:
    """Sales on three days before would halve the lift, and so would a masked outage."""
    others = tuple(replace(SALE, start=SALE.start - k * DAY, end=SALE.end - k * DAY) for k in (1, 2, 3))
    values = week()
    for other in others:
        values[:, within(other)] *= 2
    of = panel(values)
    masked = np.zeros(of.values.shape, np.bool_)
    for k in (4, 5):
        gone = replace(SALE, start=SALE.start - k * DAY, end=SALE.end - k * DAY)
        values[:, within(gone)], masked[:, within(gone)] = 40.0, True
    of = replace(of, values=values, masked=masked)
    assert 2.0 == pytest.approx(measured(of, SALE, others, day=DAY), rel=0.05)


def test_an_event_within_another_is_not_measured() -> None:
    """Nobody can tell which of both did it."""
    assert measured(panel(week()), SALE, [replace(SALE, name="match")], day=DAY) is None


@pytest.mark.parametrize(
    ("gaps", "known"),
    [
        pytest.param(slice(0, 12), True, id="half of it"),
        pytest.param(slice(0, 13), False, id="less than half"),
    ],
)
def test_an_event_that_was_hardly_observed_says_nothing(gaps: slice, known: bool) -> None:
    """Half of its columns must be there."""
    values = week()
    values[:, within(SALE)][:, gaps] = NAN
    assert known is (measured(panel(values), SALE, day=DAY) is not None)


def test_a_short_event_says_nothing() -> None:
    """Five columns are chance."""
    short = replace(SALE, end=SALE.start + 5 * STEP)
    assert measured(panel(week(2.0, short)), short, day=DAY) is None


def test_an_event_without_ordinary_days_says_nothing() -> None:
    """A workload that is a day old, or idle at that time on all others."""
    young, idle = week(), np.zeros((1, COLUMNS), np.float32)
    young[:, : within(SALE).start] = NAN
    young[:, within(SALE).stop :] = NAN
    idle[:, within(SALE)] = 5.0
    assert measured(panel(young), SALE, day=DAY) is None
    assert measured(panel(idle), SALE, day=DAY) is None


def test_pods_at_their_limit_hide_the_lift() -> None:
    """Demand was at least that: an event that was capped does not teach less than was announced."""
    values = week(1.5)
    capped = np.zeros(values.shape, np.bool_)
    capped[:, within(SALE)] = True
    assert 3.0 == measured(panel(values, censored=capped), SALE, day=DAY)


def test_what_is_ordinary_ahead_is_known_from_past_days() -> None:
    """Columns behind the last, as many as a day, and gaps where nothing was seen."""
    of = panel(week())
    ahead = ordinary(of, np.array([COLUMNS, COLUMNS + 71]), [SALE], day=DAY)
    np.testing.assert_allclose([[5, 7]], ahead, atol=0.2)
    nothing = ordinary(panel(np.full((1, 300), NAN, np.float32)), np.array([299]), [], day=DAY)
    assert np.isnan(nothing).all()


def test_an_event_is_measured_once_when_it_has_ended() -> None:
    """Not before its end, and afterwards it is remembered, even when it has left the panel or the target's wishes."""
    of = fleet(target("api", events=(SALE,)), target("web"))
    values = of_fleet(of, week())
    assert () == learned(of, values, SALE.end - 1, day=DAY)
    (lesson,) = learned(of, values, NOW, day=DAY)
    assert ("shop", "api", "sale", 3.0) == (
        lesson.namespace,
        lesson.deployment,
        lesson.name,
        lesson.announced,
    )
    assert 2.0 == pytest.approx(lesson.lift, rel=0.05)
    assert (lesson,) == learned(of, of_fleet(of, week(9.0)), NOW, day=DAY, before=(lesson,))
    assert (lesson,) == learned(fleet(target("api")), values, NOW + 30 * DAY, day=DAY, before=(lesson,))
    assert () == learned(fleet(target("web")), values, NOW, day=DAY, before=(lesson,))


def test_memory_does_not_teach() -> None:
    """It grows with the pods; the lift is that of what replicas are decided on."""
    of = fleet(target(events=(SALE,)))
    values = of_fleet(of, week())
    values.values[1, within(SALE)] *= 20
    (lesson,) = learned(of, values, NOW, day=DAY)
    assert 2.0 == pytest.approx(lesson.lift, rel=0.05)


def test_what_is_learned_is_bounded() -> None:
    """Of a sale of every day the newest are kept."""
    past = tuple(
        Lesson("shop", "api", "sale", 3.0, NOW - k * DAY, NOW - k * DAY + 60, 2.0) for k in range(40, 2, -1)
    )
    of = fleet(target("api", events=(SALE,)))
    lessons = learned(of, of_fleet(of, week()), NOW, day=DAY, before=past)
    assert MOST_KEPT == len(lessons)
    assert SALE.start == lessons[-1].start


ON = Event(NOW - 3600, NOW + 3600, 3.0)
UNKNOWN = np.full(2, NAN, np.float32)


def test_an_event_that_nobody_saw_begin_lifts_ordinary_demand() -> None:
    """A restart in the midst of a sale does not lift what is lifted already."""
    of = fleet(target(events=(ON,)))
    lead = per_target(of, 465)
    policies, usual = resumed(
        of, of.policies(NOW, lead), UNKNOWN, of_fleet(of, week(3.0, ON)), NOW, lead, day=DAY
    )
    assert [3.0] == policies.lift.tolist()
    np.testing.assert_allclose([5, 5], usual, atol=0.3)


def test_an_event_that_nobody_saw_begin_is_not_lifted_before_history_is_there() -> None:
    """In the first cycles of a cold start demand is decided on as it is."""
    of = fleet(target(events=(ON,)), target("web", events=(replace(ON, start=NOW + 60),)))
    values = week(3.0, ON)
    values[:, :-3] = NAN
    lead = per_target(of, 465)
    unknown = np.full(4, NAN, np.float32)
    policies, usual = resumed(of, of.policies(NOW, lead), unknown, of_fleet(of, values), NOW, lead, day=DAY)
    assert [1.0, 3.0] == policies.lift.tolist()
    assert np.isnan(usual).all()


@pytest.mark.parametrize(
    ("event", "usual"),
    [
        pytest.param(ON, [4.0, NAN], id="one that was seen to begin"),
        pytest.param(replace(ON, start=NOW - STEP), [NAN, NAN], id="one that has just begun"),
        pytest.param(replace(ON, start=NOW + 60), [NAN, NAN], id="one to come"),
        pytest.param(replace(ON, end=NOW), [NAN, NAN], id="one that has ended"),
    ],
)
def test_what_the_recommender_remembers_is_left_alone(event: Event, usual: list[float]) -> None:
    """The very arguments come back."""
    of = fleet(target(events=(event,)))
    lead, remembered = per_target(of, 465), np.array(usual, np.float32)
    before = of.policies(NOW, lead)
    policies, after = resumed(of, before, remembered, of_fleet(of, week()), NOW, lead, day=DAY)
    assert policies is before
    assert after is remembered
