"""One cycle for the whole fleet: from samples to gauges, in numbered steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from scoring.forecasting.forecasts import Ask, Forecast, Forecaster
from scoring.panels import Panel
from scoring.policies import Metric, Target
from scoring.recommending.reasons import OUTCOMES
from scoring.reporting import report
from scoring.reports import Report
from scoring.scorer import Pace, Scorer, Summary
from tests.scoring.builders import NAN, NOW, MemorySource, numbers_in, target
from tests.scoring.forecasters import Seasonal, Stateless
from tests.scoring.test_expositions import parsed, value

PACE = Pace(interval=1800.0, step=1800.0, columns=336, trail_columns=48)
TARGETS = (target("api", max_replicas=50), target("web", max_replicas=50), target("job", max_replicas=50))
STAGES = ["advance", "observe", "calendar", "forecast", "detect", "decide", "ledger", "trail", "publish"]


@dataclass(frozen=True)
class Soaring(Stateless):
    """A forecaster that expects great things of what is the target's own, and only that."""

    name: str = "soaring"

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """The baseline's forecast, but for the maximum of `requests`."""
        plain = Seasonal().forecast(panel, ask)
        own = np.array([s.metric == "requests" for s in panel.series])
        maximum = np.where(own[:, None], np.float32(8000), plain.maximum)
        return replace(plain, maximum=maximum, lead_skill=np.full(len(own), 0.5, np.float32))


class Run:
    """A scorer over a source in memory, and the time."""

    def __init__(
        self,
        source: MemorySource,
        targets: Sequence[Target] = TARGETS,
        *,
        forecaster: Forecaster | None = None,
        pace: Pace = PACE,
    ) -> None:
        self.source, self.now = source, NOW
        ticks = count()
        self.scorer = Scorer(source, forecaster or Seasonal(), pace, timer=lambda: float(next(ticks)))
        self.scorer.follow(targets)

    def cycle(self, times: int = 1) -> Summary:
        """Cycles an interval apart; the last one's summary."""
        for _ in range(times):
            summary = self.scorer.cycle(self.now)
            self.now += self.scorer.pace.interval
        return summary

    def warm(self) -> Run:
        """After a first cycle, all history fetched, and another cycle."""
        self.cycle()
        while self.scorer.stream.fill():
            pass
        self.cycle()
        return self

    def report(self, deployment: str = "api", *, later: float = 0.0) -> Report:
        """What is said of a target after the last cycle, or some time later."""
        latest = self.scorer.board.latest()
        assert latest is not None
        fleet, scores = latest
        return report(
            fleet,
            scores,
            fleet.index["shop", deployment],
            now=self.now - self.scorer.pace.interval + later,
            horizons=self.scorer.fleet.horizons,
        )

    def gauge(self, name: str, deployment: str = "api", *, later: float = 0.0, **labels: str) -> float | None:
        """A number as it is served after the last cycle, or some time later."""
        text = self.scorer.board.exposition(self.now - self.scorer.pace.interval + later)
        return value(parsed(text.decode()), name, deployment, **labels)


def test_a_first_cycle_decides_at_once() -> None:
    """Before any history is there: reactively, for everyone, with the reason."""
    run = Run(MemorySource())
    summary = run.cycle()
    assert (3, 3, 3, {}) == (summary.targets, summary.scored, summary.decided, summary.faults)
    assert 3 * 2 * (336 - 2) == summary.pending_points
    said = run.report()
    assert ("scored", "history", "reactive") == (said.state, said.outcome, said.model)
    assert "2 of 96 points of history" in said.reason


def test_with_its_history_a_target_is_forecast() -> None:
    """The daily wave is seen, and every number of the design is published."""
    run = Run(MemorySource()).warm()
    said = run.report()
    assert ("scored", "forecast", "auto") == (said.state, said.outcome, said.model)
    cpu = said.metrics[0]
    assert 336 == cpu.points
    assert cpu.skill is not None
    assert cpu.skill > 0.2
    assert said.recommended_replicas == run.gauge("helios_recommended_replicas")
    assert 8 == run.gauge("helios_current_replicas")
    assert run.now - 1800 + 3 * 1800 == run.gauge("helios_report_expires_timestamp_seconds")
    predicted = run.gauge("helios_predicted_demand", metric="cpu", horizon="30m", quantile="0.5")
    assert predicted is not None
    assert predicted / 8 == pytest.approx(run.gauge("helios_predicted_cpu", horizon="30m"), rel=1e-4)
    memory = run.gauge("helios_predicted_demand", metric="memory", horizon="30m", quantile="0.5")
    assert memory is not None
    assert memory / (8 * 2.0**31) == pytest.approx(
        run.gauge("helios_predicted_memory", horizon="30m"), rel=1e-4
    )


def test_the_stages_are_timed_by_the_timer_that_is_passed() -> None:
    """Every one, in their order; no clock is read."""
    summary = Run(MemorySource()).cycle()
    assert dict.fromkeys(STAGES, 1.0) == dict(summary.seconds)
    assert STAGES == list(summary.seconds)


def test_one_read_and_one_look_per_cycle_serve_the_whole_fleet() -> None:
    """However many targets there are."""
    run = Run(MemorySource(), [target(f"api-{i}") for i in range(50)]).warm()
    run.source.reads.clear()
    run.cycle()
    assert 1 == len(run.source.reads)
    assert 100 == len(run.source.reads[0][0])


@pytest.mark.parametrize(
    ("wished", "start", "expected"),
    [
        pytest.param(None, 60.0, 60 + 1800 + 30 + 15, id="learned"),
        pytest.param(None, NAN, 120 + 1800 + 30 + 15, id="not learned yet"),
        pytest.param(90.0, 60.0, 90, id="wished"),
        pytest.param(None, 1e7, 3600 + 1800 + 30 + 15, id="a pod that hangs is not slow"),
        pytest.param(None, -5.0, 120 + 1800 + 30 + 15, id="impossible"),
    ],
)
def test_the_lead_time_is_start_interval_scrape_and_sync(
    wished: float | None, start: float, expected: float
) -> None:
    """Or what the target says."""
    run = Run(MemorySource(start_seconds=start), [target(lead_seconds=wished)])
    run.cycle()
    assert expected == run.report().lead_seconds


def test_the_maximum_is_asked_for_over_whole_steps_of_the_lead_time() -> None:
    """Rounded up, at least one, for every series of a target; the curve at every horizon that someone asks for."""
    asked: list[Ask] = []

    @dataclass(frozen=True)
    class Heard(Soaring):
        def forecast(self, panel: Panel, ask: Ask) -> Forecast:
            asked.append(ask)
            return Seasonal().forecast(panel, ask)

    leads = [target(f"api-{i}", lead_seconds=lead) for i, lead in enumerate((1.0, 1800.0, 1801.0))]
    Run(MemorySource(), [*leads, target(horizons=(7200, 9000))], forecaster=Heard()).cycle()
    assert [1, 1, 1, 1, 2, 2, 2, 2] == asked[0].lead.tolist()
    assert {1, 4, 5} <= set(asked[0].steps)
    assert sorted(set(asked[0].steps)) == list(asked[0].steps)


def test_ratios_and_replicas_are_of_the_same_cycle() -> None:
    """A ratio is what was forecast over what was there in that very cycle, never a later count."""
    run = Run(MemorySource()).warm()
    run.source.replicas = 4.0
    run.cycle()
    assert 4 == run.gauge("helios_current_replicas")
    predicted = run.gauge("helios_predicted_demand", metric="cpu", horizon="5m", quantile="0.5")
    assert predicted is not None
    assert predicted / 4 == pytest.approx(run.gauge("helios_predicted_cpu", horizon="5m"), rel=1e-4)


def test_at_zero_replicas_a_ratio_is_left_out() -> None:
    """It is undefined; the demand and the number are not."""
    run = Run(MemorySource(replicas=0.0)).warm()
    assert run.gauge("helios_predicted_cpu", horizon="5m") is None
    assert 0 == run.gauge("helios_current_replicas")
    assert run.gauge("helios_recommended_replicas") is not None


def test_a_metric_of_ones_own_is_served_as_it_says() -> None:
    """`perReplica` stands for the request that pods do not have."""
    requests = Metric("requests", "sum(rate(requests[5m]))", 0.5)
    run = Run(MemorySource(request=NAN), [target(metrics=(requests,), max_replicas=100)])
    run.cycle()
    said = run.report()
    assert "requests at" in said.reason
    assert 0.5 == said.metrics[0].per_replica


def test_two_targets_on_one_workload_are_a_conflict() -> None:
    """The older is scored, the other is named and published nowhere."""
    twin = target("api", kind="StatefulSet", max_replicas=1)
    run = Run(MemorySource(), [*TARGETS, twin])
    assert 3 == run.cycle().targets
    assert (twin,) == run.scorer.fleet.conflicts
    assert "Deployment" == run.report().kind


def test_when_the_older_of_two_goes_the_other_is_scored() -> None:
    """A conflict ends with its cause."""
    twin = target("api", kind="StatefulSet", max_replicas=1)
    run = Run(MemorySource(), [*TARGETS, twin])
    run.cycle()
    run.scorer.follow([*TARGETS[1:], twin])
    run.cycle()
    assert () == run.scorer.fleet.conflicts
    assert "StatefulSet" == run.report().kind


def test_an_empty_fleet_is_a_fleet() -> None:
    """No target: a cycle, no fault, no text. Then some: they are scored."""
    run = Run(MemorySource(), [])
    summary = run.cycle(3)
    assert (0, 0, 0, {}, 0) == (
        summary.targets,
        summary.scored,
        summary.decided,
        summary.faults,
        summary.pending_points,
    )
    assert [] == numbers_in(run.scorer.board.exposition(run.now))
    run.scorer.follow(TARGETS)
    run.warm()
    assert "forecast" == run.report().outcome
    run.scorer.follow([])
    assert {} == run.cycle().faults
    assert [] == numbers_in(run.scorer.board.exposition(run.now))


def test_a_change_of_the_fleet_forgets_nobody() -> None:
    """Panel, hold-down, event, ledger, trail and board of those that stay go with them, in whatever order."""
    run = Run(MemorySource()).warm()
    run.cycle(20)
    scorer = run.scorer
    before = {name: run.report(name) for name in ("api", "web")}
    proposals = scorer.memory.proposals.copy()
    ledger = scorer.ledger.sums().copy()
    coverage = scorer.trail.coverage()
    assert np.isfinite(coverage).all()
    scorer.follow([target("new"), TARGETS[1], TARGETS[0]])
    np.testing.assert_array_equal(proposals[[1, 0]], scorer.memory.proposals[1:])
    assert np.isnan(scorer.memory.proposals[0]).all()
    np.testing.assert_array_equal(ledger[[1, 0]], scorer.ledger.sums()[1:])
    np.testing.assert_array_equal(coverage[[2, 3, 0, 1]], scorer.trail.coverage()[2:])
    for name, said in before.items():
        assert said == run.report(name)
        assert said.recommended_replicas == run.gauge("helios_recommended_replicas", name)
    summary = run.cycle()
    assert {} == summary.faults
    assert "forecast" == run.report("api").outcome
    assert ("history", None) == (run.report("new").outcome, run.report("new").problem)


def test_a_new_policy_changes_the_next_decision_alone() -> None:
    """History and hold-down stay where only a wish has changed."""
    run = Run(MemorySource()).warm()
    before = run.report().recommended_replicas
    run.scorer.follow([target("api", max_replicas=2), *TARGETS[1:]])
    assert before == run.report().recommended_replicas
    assert 0 == run.cycle().pending_points
    assert 2 == run.report().recommended_replicas


def test_another_horizon_is_forecast_from_the_next_cycle_on() -> None:
    """And nobody's gauges vanish until then."""
    run = Run(MemorySource()).warm()
    run.scorer.follow([target("api", max_replicas=50, horizons=(7200,)), *TARGETS[1:]])
    assert (300, 1800, 7200) == run.scorer.fleet.horizons
    assert run.gauge("helios_recommended_replicas", "web") is not None
    assert run.gauge("helios_predicted_cpu", "web", horizon="30m") is not None
    run.cycle()
    assert run.gauge("helios_predicted_cpu", horizon="2h") is not None
    assert run.gauge("helios_predicted_cpu", horizon="30m") is None


def test_a_second_cycle_within_one_step_goes_on() -> None:
    """Scoring more often than the grid is a setting of its own."""
    run = Run(MemorySource(), pace=Pace(interval=60.0, step=1800.0, columns=336))
    run.warm()
    summary = run.cycle(40)
    assert (3, {}) == (summary.decided, summary.faults)
    assert 60 + 120 + 45 == run.report().lead_seconds


def test_the_page_finds_what_was_said_and_done() -> None:
    """The trail holds replicas, recommendation and forecasts for the times that they were made for."""
    run = Run(MemorySource()).warm()
    run.cycle(10)
    slot = round((run.now - 1800) / 1800)
    stretch = run.scorer.trail.stretch(0, slice(0, 2), slot, 12)
    assert [8.0] * 12 == stretch.done[:, 0].tolist()
    assert np.isfinite(stretch.done[:, 1]).all()
    assert np.isfinite(stretch.said[:, -4:]).all()


def test_the_ledger_counts_from_the_first_day() -> None:
    """After two cycles and a lead time there is something to compare."""
    run = Run(MemorySource(), [target(lead_seconds=60.0)])
    run.cycle()
    assert "nothing to compare yet" == run.report().ledger.line
    run.cycle(3)
    said = run.report().ledger
    assert 3 * 1800 == said.seconds
    assert 3 * 0.5 * 8 == pytest.approx(said.replica_hours_actual)
    assert "1 hour" in said.line


@pytest.mark.parametrize(("cores", "short"), [(7.1, 0), (7.3, 90)])
def test_the_ledger_is_short_beyond_the_line(cores: float, short: float) -> None:
    """Eight pods of a core serve 7.2 cores at 90 %."""
    run = Run(MemorySource(demand=lambda _, at: np.full(at.shape, cores)), [target(lead_seconds=1.0)])
    run.cycle(4)
    assert short == run.report().ledger.short_minutes_actual


def test_the_ledger_is_short_where_any_driving_metric_is() -> None:
    """Also where another metric, whose forecast is higher, decides on the replicas."""
    requests = Metric("requests", "sum(rate(requests[5m]))", 1000.0)
    source = MemorySource(replicas=2.0, request=1.5)
    run = Run(source, [target(metrics=(Metric("cpu"), requests), lead_seconds=1.0)], forecaster=Soaring())
    run.warm()
    run.cycle(3)
    assert run.report().reason.startswith("requests may reach")
    said = run.report().ledger
    assert said.seconds == 60 * said.short_minutes_actual > 0


def test_every_outcome_is_reported_with_a_reason() -> None:
    """Over days of load, silence and return no report is without words or with impossible ones."""
    run = Run(MemorySource(), TARGETS).warm()
    changes: list[Callable[[MemorySource], Any]] = [
        lambda s: s.silent.add("api"),
        lambda s: s.silent.clear(),
        lambda s: setattr(s, "request", NAN),
        lambda s: setattr(s, "request", 0.25),
        lambda s: setattr(s, "replicas", NAN),
        lambda s: setattr(s, "demand", lambda _, at: 40.0 + 0 * at),
    ]
    for change in changes:
        change(run.source)
        for _ in range(4):
            run.cycle()
            for name in ("api", "web", "job"):
                said = run.report(name)
                assert said.reason[0].isalpha()
                assert said.outcome in OUTCOMES.values()
                assert "None" not in said.reason
                assert "nan" not in said.reason


def test_a_target_that_names_another_kind_begins_anew() -> None:
    """A StatefulSet of the Deployment's name has neither its numbers nor its ledger."""
    run = Run(MemorySource(), [target("api")]).warm()
    run.cycle(3)
    assert run.report().ledger.seconds > 0
    run.scorer.follow([target("api", kind="StatefulSet")])
    assert None is run.gauge("helios_scaling_signal")
    run.cycle()
    assert 0 == run.report().ledger.seconds
