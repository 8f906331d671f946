"""The roll-out of Autoscale in Kubernetes: one Event each time that it widens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scoring.reports import RolloutReport
from tests.operator.objects import NOW
from tests.operator.targets import body
from tests.operator.test_reconcilers import World

DAY = 86_400.0


def at(ratio: float | None, since: float | None = NOW) -> RolloutReport:
    """A roll-out that allows so much since then."""
    return RolloutReport(ratio, since)


def told(*lived: RolloutReport) -> list[tuple[str, str, str]]:
    """The Events of these cycles."""
    world = World(body("web"))
    base = world.reports["web"]
    for rollout in lived:
        world.reports["web"] = replace(base, mode="Autoscale", rollout=rollout)
        world.cycle(300)
    events = [(e["reason"], e["type"], e["message"]) for e in world.door.events.values()]
    return [event for event in events if event[0].startswith("Rollout")]


def test_each_step_is_told_once_and_so_is_the_last() -> None:
    """What is allowed now, what was, and why."""
    days = (at(0.2), at(0.2), at(0.4, NOW + DAY), at(0.4, NOW + DAY), at(1.0, NOW + 2 * DAY))
    why = "the forecast was no more short than a reactive autoscaler"
    wider = f"The roll-out of Autoscale widened: within 40 % of the reactive decision, after 20 %: {why}"
    whole = f"The roll-out of Autoscale is complete: nothing is limited any more, after 40 %: {why}"
    assert [("RolloutWidened", "Normal", wider), ("RolloutWidened", "Normal", whole)] == told(
        *days, at(1.0, NOW + 2 * DAY)
    )


@pytest.mark.parametrize(
    "lived",
    [
        pytest.param((at(0.4),), id="as an operator starts"),
        pytest.param((at(1.0, None), at(0.2)), id="it begins"),
        pytest.param((at(0.6), at(0.2, NOW + DAY)), id="the breaker took it back"),
        pytest.param((at(0.2), at(0.4)), id="the spec was edited"),
        pytest.param((at(0.2), at(1.0, None)), id="Autoscale was left"),
        pytest.param((at(None, None), at(0.4)), id="after an upgrade"),
    ],
)
def test_what_the_ledger_did_not_win_is_not_told(lived: tuple[RolloutReport, ...]) -> None:
    """An edit, a beginning, an end and a breaker have their own words."""
    assert [] == told(*lived)
