"""What is waited for, how often it is looked at, and what is said of it."""

from __future__ import annotations

import itertools

from helios.operator.adoptions import Original
from helios.operator.conditions import Reason
from helios.operator.decisions import Plan, no
from helios.operator.handovers import Pending, told
from helios.operator.restorations import Progress
from helios.operator.takeovers import given_back
from tests.operator.adopted import HPA, users_hpa
from tests.operator.objects import NOW

WEB = ("shop", "web")
RESTORING = given_back(Original.of(HPA, users_hpa()), None, "mode is Observe")


def test_what_takes_long_is_looked_at_more_seldom() -> None:
    """Every second at first; an API server is not asked every second for what KEDA does not do for an hour."""
    pending, looks = Pending(1.0), []
    pending.note(WEB, waits=True, now=NOW)
    for second in range(3600):
        if pending.due(NOW + second):
            pending.looked(NOW + second)
            looks.append(second)
    assert [0, 1, 2, 3, 4] == looks[:5]
    assert len(looks) < 100
    assert max(b - a for a, b in itertools.pairwise(looks)) <= 360


def test_who_waits_for_nothing_is_not_looked_at() -> None:
    """Nor who is gone."""
    pending = Pending(1.0)
    pending.note(WEB, waits=True, now=NOW)
    pending.note(("shop", "api"), waits=True, now=NOW)
    assert {WEB, ("shop", "api")} == pending.due(NOW + 9)
    pending.note(WEB, waits=False, now=NOW)
    assert {("shop", "api")} == pending.due(NOW + 9)
    pending.keep({WEB})
    assert set() == pending.due(NOW + 9)


def test_a_new_one_is_looked_at_at_once_beside_an_old_one() -> None:
    """Whoever edits now looks now."""
    pending = Pending(1.0)
    pending.note(WEB, waits=True, now=NOW)
    pending.looked(NOW + 3000)
    assert set() == pending.due(NOW + 3002)
    pending.note(("shop", "api"), waits=True, now=NOW + 3002)
    assert {WEB, ("shop", "api")} == pending.due(NOW + 3002)


def test_what_is_waited_for_is_said() -> None:
    """And the target goes on waiting."""
    made, notices = told(RESTORING, Progress(done=False, said="KEDA lets go of it"), NOW)
    assert (
        True,
        "HorizontalPodAutoscaler web-cpu is being given back: mode is Observe; KEDA lets go of it",
        [],
    ) == (
        made.pending,
        made.condition.message,
        notices,
    )


def test_that_it_is_back_is_told_and_a_raised_maximum_is_a_warning() -> None:
    """Once, in an Event."""
    said = "HorizontalPodAutoscaler web-cpu is as it was"
    made, notices = told(RESTORING, Progress(done=True, said=said), NOW)
    assert (False, Reason.RESTORED, [("GivenBack", False)]) == (
        made.pending,
        made.condition.reason,
        [(n.reason, n.warning) for n in notices],
    )
    _, notices = told(RESTORING, Progress(done=True, said=said, raised=12), NOW)
    assert [("GivenBackRaised", True)] == [(n.reason, n.warning) for n in notices]
    assert "a maximum of 12 now" in notices[0].message


def test_nothing_is_said_where_nothing_is_given_back() -> None:
    """The plan stands as it was."""
    plan = Plan(no(Reason.OBSERVING, "mode is Observe"))
    assert (plan, []) == told(plan, None, NOW)
