"""The breaker in Kubernetes: a condition with its figures, and one Event each way."""

from __future__ import annotations

from dataclasses import replace

from helios.operator.conditions import forecast_ready
from scoring.reports import BreakerReport, Report
from tests.operator.objects import NOW
from tests.operator.targets import body
from tests.operator.test_reconcilers import World
from tests.ui.builders import report

LOST = "in the last day the forecast was 14 minutes short, a reactive autoscaler 2"
WON = "in the last day the forecast was 0 minutes short, a reactive autoscaler 2"


def autoscaled(of: Report, breaker: BreakerReport | None = None) -> Report:
    """The report of a target in Autoscale, with a breaker."""
    made = replace(of, mode="Autoscale", breaker=breaker or BreakerReport())
    return replace(made, outcome="withdrawn", model="reactive") if made.breaker.open else made


def opened(since: float = NOW) -> BreakerReport:
    """A breaker that withdraws a forecast."""
    return BreakerReport(open=True, losing=True, since=since, cause=LOST)


def closed(since: float = NOW + 86_400) -> BreakerReport:
    """A breaker that gave it back."""
    return BreakerReport(since=since, cause=WON)


def told(world: World) -> list[tuple[str, str, str]]:
    """The Events of the breaker."""
    events = [(e["reason"], e["type"], e["message"]) for e in world.door.events.values()]
    return [event for event in events if event[0].startswith("Breaker")]


OPENED = (
    "BreakerOpened",
    "Warning",
    f"The forecast is withdrawn: {LOST}. Decisions are reactive until it has won again in shadow",
)
CLOSED = ("BreakerClosed", "Normal", f"The forecast decides again: in shadow, {WON}")


def test_a_withdrawn_forecast_says_what_it_lost() -> None:
    """In the condition, in figures that stay the same while it is withdrawn."""
    made = forecast_ready(autoscaled(report(), opened()), 300.0)
    assert (False, "Withdrawn") == (made.status, str(made.reason))
    assert f"withdrawn by the breaker: {LOST}; decisions are reactive" == made.message


def test_opened_and_closed_are_told_once_each() -> None:
    """A Warning when the forecast is withdrawn, and no more than a word when it decides again."""
    world = World(body("web"))
    base = world.reports["web"]
    world.reports["web"] = autoscaled(base)
    world.cycle()
    assert [] == told(world)
    world.reports["web"] = autoscaled(base, opened())
    world.cycle(300)
    world.cycle(300)
    assert [OPENED] == told(world)
    world.reports["web"] = autoscaled(base, closed())
    world.cycle(300)
    world.cycle(300)
    assert [OPENED, CLOSED] == told(world)
    world.reports["web"] = autoscaled(base, opened(NOW + 3 * 86_400))
    world.cycle(300)
    assert [OPENED, CLOSED, OPENED] == told(world)


def test_a_restarted_operator_goes_on_from_the_status() -> None:
    """What is open is not told again, and what closed meanwhile is."""
    world = World(body("web"))
    base = world.reports["web"]
    world.reports["web"] = autoscaled(base, opened())
    world.cycle(300)
    world.reconciler = world.started()
    world.cycle(300)
    assert [OPENED] == told(world)
    world.reconciler = world.started()
    world.reports["web"] = autoscaled(base, closed())
    world.cycle(300)
    assert [OPENED, CLOSED] == told(world)


def test_a_start_without_a_snapshot_says_that_it_forgot() -> None:
    """The status says that the forecast was withdrawn, and nobody knows by what: it decides again, and not in silence."""
    world = World(body("web"))
    base = world.reports["web"]
    world.reports["web"] = autoscaled(base, opened())
    world.cycle(300)
    world.reconciler = world.started()
    world.reports["web"] = autoscaled(base)
    world.cycle(300)
    forgot = ("BreakerClosed", "Normal", "The forecast decides again: what it had lost is not remembered")
    assert [OPENED, forgot] == told(world)


def test_what_would_be_withdrawn_is_no_news() -> None:
    """Outside Autoscale nothing is withdrawn; whoever leaves Autoscale did not win anything."""
    world = World(body("web"))
    base = world.reports["web"]
    losing = BreakerReport(losing=True, since=NOW, cause=LOST)
    world.reports["web"] = replace(base, breaker=losing)
    world.cycle(300)
    assert [] == told(world)
    world.reports["web"] = autoscaled(base, opened())
    world.cycle(300)
    world.reports["web"] = replace(base, breaker=losing)
    world.cycle(300)
    world.reports["web"] = replace(base, breaker=closed())
    world.cycle(300)
    assert [OPENED] == told(world)


def test_of_a_silent_target_nothing_is_told() -> None:
    """Whether its forecast has won is not known before it is scored again."""
    world = World(body("web"))
    base = world.reports["web"]
    world.reports["web"] = autoscaled(base, opened())
    world.cycle(300)
    world.reports["web"] = replace(autoscaled(base, closed()), state="expired", problem="stopped")
    world.cycle(300)
    assert [OPENED] == told(world)
