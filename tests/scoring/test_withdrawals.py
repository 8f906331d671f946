"""A forecast that loses is withdrawn, and comes back when it has won again: days of cycles of one fleet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.forecasting.forecasts import Ask, Forecast
from scoring.metrics_stream import Workloads
from scoring.panels import Panel
from scoring.policies import StepLimit, Target
from scoring.recommending.reasons import Limit, Path
from scoring.states import decided, history, restore_decided, restore_history
from tests.scoring.builders import DAY, NAN, NOW, MemorySource, decide, fleet, target
from tests.scoring.forecasters import Seasonal, Stateless
from tests.scoring.test_scorer import Run

HOUR = 3600.0


def sawtooth(_: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eight cores, and for every other half-hour a fifth more: within what 70 % leaves free, not within what 80 % does."""
    return np.where(at / 1800 % 2 < 1, 8.0, 9.6)


@dataclass
class Sight:
    """Whether a forecaster sees what comes, or takes it to stay as it is; and what it claims."""

    clear: bool = True
    skill: float = 0.5


@dataclass(frozen=True)
class Seer(Stateless):
    """A forecaster that knows the sawtooth while its sight is clear, and claims skill in any case."""

    name: str = "seer"
    sight: Sight = field(default_factory=Sight)

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """The maximum until the next column but one, for all."""
        plain = Seasonal().forecast(panel, ask)
        ahead = sawtooth("", panel.end + 1800 * np.arange(1.0, 3.0)).max()
        peak = np.full(plain.maximum.shape, ahead, np.float32)
        if not self.sight.clear:
            peak = np.repeat(plain.last[:, None], plain.maximum.shape[1], axis=1)
        skill = np.full(len(panel.series), self.sight.skill, np.float32)
        return replace(plain, maximum=peak, lead_skill=skill)


AUTOSCALE = target("api", mode="Autoscale", max_replicas=50)
OBSERVE = target("web", mode="Observe", max_replicas=50)


class Days(Run):
    """A fleet over the sawtooth, of which one target is scaled and one is looked at."""

    def __init__(self, targets: tuple[Target, ...] = (AUTOSCALE, OBSERVE)) -> None:
        self.sight = Sight()
        source = MemorySource(demand=sawtooth, replicas=11.0)
        super().__init__(source, targets, forecaster=Seer(sight=self.sight))

    def hours(self, count: float) -> list[str]:
        """The outcomes of `api` over so many hours."""
        seen = []
        for _ in range(round(2 * count)):
            assert {} == self.cycle().faults
            seen.append(self.report().outcome)
        return seen


def withdrawn() -> Days:
    """A fleet whose forecast was good for a day, turned bad, and is withdrawn."""
    days = Days()
    days.warm()
    days.hours(24)
    days.sight.clear = False
    days.hours(3)
    assert "withdrawn" == days.report().outcome
    return days


def test_a_forecast_that_wins_is_never_withdrawn() -> None:
    """Four days of a forecast that knows what comes: never short, and cheaper than a reactive autoscaler."""
    days = Days()
    days.warm()
    assert {"forecast"} == set(days.hours(96))
    said = days.report()
    assert (False, False, None) == (said.breaker.open, said.breaker.losing, said.breaker.since)
    assert (0, 0) == (said.ledger.short_minutes_recommended, said.breaker.short_minutes_forecast)
    assert said.ledger.replica_hours_reactive is not None
    assert said.ledger.replica_hours_recommended < said.ledger.replica_hours_reactive
    assert said.breaker.text.startswith("closed: in the last day the forecast was 0 minutes short")


def test_a_trace_that_turns_against_the_forecast_opens_the_breaker() -> None:
    """Within two hours of the first shortage the decision is the reactive one, and says why."""
    days = Days()
    days.warm()
    assert {"forecast"} == set(days.hours(24))
    days.sight.clear = False
    outcomes = days.hours(3)
    assert "withdrawn" == outcomes[-1]
    assert outcomes.index("withdrawn") <= 4
    said = days.report()
    assert "reactive" == said.model
    assert (
        "70% of 1 core each (reactive: withdrawn, as in the last day the forecast was 30 minutes short"
        in said.reason
    )
    assert "a reactive autoscaler 0" in said.reason
    assert said.breaker.open
    assert said.breaker.text.startswith("open since ")
    assert said.ledger.line.endswith("; the forecast is withdrawn")
    assert 1 == days.gauge("helios_breaker_open")


def test_while_it_is_open_the_decisions_are_those_of_an_ordinary_autoscaler() -> None:
    """Demand over 70 %, half-hour by half-hour: and nothing is short any more."""
    days = withdrawn()
    for _ in range(20):
        days.cycle()
        cores = sawtooth("", np.array([days.now - 1800]))[0]
        assert np.ceil(cores / 0.7 - 1e-4) == days.report().recommended_replicas
    before = days.report().ledger.short_minutes_recommended
    days.hours(12)
    assert before == days.report().ledger.short_minutes_recommended


def test_it_closes_when_the_forecast_has_won_in_shadow_for_a_day() -> None:
    """What is withdrawn is reckoned all the same; a day after its last shortage it decides again."""
    days = withdrawn()
    days.hours(6)
    lost = days.report().breaker.short_minutes_forecast
    assert lost is not None
    assert lost > 60
    days.sight.clear = True
    assert {"withdrawn"} == set(days.hours(23))
    outcomes = days.hours(5)
    assert "forecast" == outcomes[-1]
    said = days.report()
    assert (False, False) == (said.breaker.open, said.breaker.losing)
    assert said.breaker.since is not None
    assert "in the last day the forecast was 0 minutes short" in said.breaker.cause
    assert 0 == days.gauge("helios_breaker_open")
    assert {"forecast"} == set(days.hours(48))


def test_it_does_not_close_while_the_forecast_goes_on_losing() -> None:
    """However good the reactive decisions are meanwhile: it is the shadow that is judged."""
    days = withdrawn()
    assert {"withdrawn"} == set(days.hours(72))


def test_it_does_not_close_while_the_forecast_has_no_skill() -> None:
    """A forecast that would not decide has nothing to be judged by."""
    days = withdrawn()
    days.sight.clear, days.sight.skill = True, -0.1
    assert {"withdrawn"} == set(days.hours(60))
    days.sight.skill = 0.5
    assert "forecast" == days.hours(28)[-1]


def test_in_observe_it_is_said_and_nothing_is_withdrawn() -> None:
    """The recommendation stays the forecast's, and whoever thinks of Autoscale reads what would happen."""
    days = withdrawn()
    said = days.report("web")
    assert "forecast" == said.outcome
    assert (False, True) == (said.breaker.open, said.breaker.losing)
    assert said.ledger.line.endswith("; in Autoscale the forecast would be withdrawn")
    assert said.breaker.text.startswith("would be open in Autoscale, since ")
    assert 0 == days.gauge("helios_breaker_open", "web")
    days.scorer.follow((AUTOSCALE, replace(OBSERVE, mode="Autoscale")))
    days.cycle()
    assert "withdrawn" == days.report("web").outcome
    days.scorer.follow((replace(AUTOSCALE, mode="Recommend"), OBSERVE))
    days.cycle()
    assert ("forecast", "forecast") == (days.report().outcome, days.report("web").outcome)
    assert 0 == days.gauge("helios_breaker_open")


def test_a_restart_keeps_it_open() -> None:
    """Decision, figures and the day that it must win are as if there had been no restart."""
    before = withdrawn()
    after = Days()
    after.now, after.sight.clear = before.now, False
    restore_history(after.scorer, {k: v.copy() for k, v in history(before.scorer).items()}, after.now)
    restore_decided(after.scorer, {k: v.copy() for k, v in decided(before.scorer).items()}, after.now)
    assert 1 == after.gauge("helios_breaker_open")
    assert before.report() == after.report()
    for days in (before, after):
        days.sight.clear = True
        days.hours(20)
        assert "withdrawn" == days.report().outcome
        days.hours(8)
        assert "forecast" == days.report().outcome
    assert before.report().breaker == after.report().breaker


def test_a_change_of_the_fleet_keeps_each_to_its_own() -> None:
    """Who is open stays open, in whatever row; who comes begins closed; who left and came back too."""
    days = withdrawn()
    new = target("new", mode="Autoscale", max_replicas=50)
    before = days.report().breaker
    days.scorer.follow((new, OBSERVE, AUTOSCALE))
    assert before == days.report().breaker
    days.cycle()
    assert ("withdrawn", False) == (days.report().outcome, days.report("new").breaker.losing)
    days.scorer.follow((OBSERVE,))
    days.scorer.follow((AUTOSCALE, OBSERVE))
    days.cycle()
    assert (False, True) == (days.report().breaker.losing, days.report("web").breaker.losing)


@pytest.mark.parametrize("known", [True, False])
def test_a_pause_neither_opens_nor_closes_it(known: bool) -> None:
    """Two days without metrics: nothing was seen, so nothing was won."""
    days = withdrawn()
    days.sight.clear = True
    days.source.silent = {"api"} if known else set()
    if known:
        for _ in range(96):
            days.cycle()
    else:
        days.now += 2 * DAY
    days.source.silent = set()
    days.warm()
    assert "withdrawn" == days.report().outcome
    assert days.report().breaker.open


OF = fleet(target(max_replicas=100, cooldown_seconds=600))


def test_withdrawn_the_load_of_this_moment_decides() -> None:
    """Whatever the forecast says; what it says is reckoned beside it."""
    _, memory = decide(OF, now=NOW - 1200, peak={"cpu": 2.0}, withdrawn=True)
    said, _ = decide(OF, memory, peak={"cpu": 9.0}, last={"cpu": 2.0}, withdrawn=True)
    assert (3, Path.WITHDRAWN) == (said.recommended[0], said.path[0])
    assert (10, 3, True) == (said.ahead[0], said.reactive[0], said.trusted[0])
    said, _ = decide(OF, peak={"cpu": 9.0}, last={"cpu": 2.0})
    assert (10, Path.FORECAST) == (said.recommended[0], said.path[0])
    assert (10, 3, True) == (said.ahead[0], said.reactive[0], said.trusted[0])


def test_without_data_a_withdrawn_forecast_is_not_the_reason() -> None:
    """What is missing is said first."""
    said, _ = decide(OF, last={"cpu": NAN}, withdrawn=True)
    assert Path.NO_DATA == said.path[0]
    assert np.isnan(said.recommended[0])


@pytest.mark.parametrize("opens", [True, False])
def test_no_replica_is_lost_by_the_change_itself(opens: bool) -> None:
    """For a cooldown the number is not below what either path asked for, then it follows the one that decides."""
    loads: dict[str, Any] = (
        {"peak": {"cpu": 9.0}, "last": {"cpu": 2.0}}
        if opens
        else {"peak": {"cpu": 2.0}, "last": {"cpu": 7.0}}
    )
    low = {"peak": {"cpu": 2.0}, "last": {"cpu": 2.0}}
    _, memory = decide(OF, now=NOW, withdrawn=not opens, **loads)
    numbers = []
    for i in range(1, 5):
        said, memory = decide(OF, memory, now=NOW + 300 * i, withdrawn=opens, **low)
        numbers.append(int(said.recommended[0]))
    assert [10, 10, 3, 3] == numbers


@pytest.mark.parametrize("out", [False, True], ids=["forecast", "withdrawn"])
def test_each_path_steps_from_its_own_number(out: bool) -> None:
    """What is published steps from the replicas that there are, and what is compared from what each path had, whoever decides."""
    of = fleet(target(max_replicas=100, scale_up=StepLimit(pods=2), cooldown_seconds=0))
    memory, seen = None, []
    for i in range(3):
        said, memory = decide(
            of, memory, now=NOW + 300 * i, replicas=4, peak={"cpu": 3.0}, last={"cpu": 9.0}, withdrawn=out
        )
        seen.append((int(said.recommended[0]), int(said.ahead[0]), int(said.reactive[0])))
        assert said.limits[0] & Limit.STEP_UP
    assert [(6, 6, 6), (6, 8, 8), (6, 10, 10)] == seen


@dataclass
class Held:
    """Replicas that do not follow: a quota, a slow rollout, pending pods, somebody else's HPA."""

    at: float

    def __call__(self, workloads: Workloads) -> Workloads:
        """The same few, whoever asks for more."""
        return replace(workloads, replicas=np.full_like(workloads.replicas, self.at))


ONE_POD = {"scale_up": StepLimit(pods=1), "scale_down": StepLimit(pods=1)}


@pytest.mark.parametrize(
    ("held", "next_step"), [pytest.param(4, 5, id="too few"), pytest.param(30, 29, id="too many")]
)
def test_replicas_that_do_not_follow_are_laid_to_neither_path(held: float, next_step: int) -> None:
    """Steps of one pod, and for three days nobody follows: a quota in Autoscale, another's HPA in Observe. Neither path lost."""
    days = Days((replace(AUTOSCALE, **ONE_POD), replace(OBSERVE, **ONE_POD)))
    days.source.seen = Held(held)
    days.warm()
    assert {"forecast"} == set(days.hours(72))
    for name in ("api", "web"):
        said, now = days.report(name), days.report(name).breaker
        assert next_step == said.recommended_replicas
        assert (False, False, None) == (now.open, now.losing, now.since)
        assert now.short_minutes_forecast == now.short_minutes_reactive
        assert now.replica_hours_forecast is not None
        assert now.replica_hours_reactive is not None
        assert now.replica_hours_forecast < now.replica_hours_reactive
        assert 0 == days.gauge("helios_breaker_open", name)
