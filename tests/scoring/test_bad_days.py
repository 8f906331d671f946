"""Bad days: whatever fails, the cycle goes on, healthy targets are decided, and the fault is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from scoring.calendars import Schedule
from scoring.errors import SourceUnavailable
from scoring.forecasting.forecasts import Ask, Forecast
from scoring.metrics_stream import Workloads
from scoring.panels import Panel
from scoring.policies import Metric
from tests.scoring.builders import DOWN, NAN, NOW, MemorySource, numbers_in, target
from tests.scoring.forecasters import Seasonal, Stateless
from tests.scoring.test_expositions import parsed
from tests.scoring.test_scorer import TARGETS, Run


@dataclass(frozen=True)
class Odd(Stateless):
    """A forecaster that spoils the baseline's answer."""

    name: str = "odd"
    spoil: Callable[[Forecast], Forecast] = lambda forecast: forecast

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        return self.spoil(Seasonal().forecast(panel, ask))


def fail(forecast: Forecast) -> Forecast:
    """Raise."""
    raise ZeroDivisionError("of no use")


def no_nan_or_inf(run: Run) -> None:
    """Nothing that is not a number stands in the text."""
    text = run.scorer.board.exposition(run.now).decode()
    assert " nan" not in text.lower()
    assert "inf\n" not in text.lower()
    parsed(text)


def test_a_source_that_is_down_at_the_start() -> None:
    """Nothing is known, nothing is published, and the user can read why; then it comes up and all is as always."""
    run = Run(MemorySource(down=DOWN, blind=DOWN))
    summary = run.cycle()
    assert (3, 0, 0) == (summary.targets, summary.scored, summary.decided)
    assert {"advance": str(DOWN), "observe": str(DOWN)} == dict(summary.faults)
    assert [] == numbers_in(run.scorer.board.exposition(run.now))
    assert "No samples of shop/api have been seen" in run.report().reason
    run.source.down = run.source.blind = None
    run.warm()
    assert {} == run.cycle().faults
    assert "forecast" == run.report().outcome


def test_a_source_that_goes_down_later() -> None:
    """The last numbers stand until they expire, then every gauge is gone; nothing freezes and nothing is zero."""
    run = Run(MemorySource()).warm()
    before = run.report().recommended_replicas
    run.source.down = run.source.blind = DOWN
    for cycle in range(1, 6):
        summary = run.cycle()
        assert {"advance", "observe"} == summary.faults.keys()
        assert (0, 0) == (summary.scored, summary.decided)
        expected = before if cycle < 3 else None
        assert expected == run.gauge("helios_recommended_replicas") == run.report().recommended_replicas
    assert [] == numbers_in(run.scorer.board.exposition(run.now))
    assert "expired" == run.report().state
    assert "its gauges are gone until they come back" in run.report().reason


def test_after_an_outage_everything_goes_on() -> None:
    """History and present are complete again, and the forecast is back at once."""
    run = Run(MemorySource()).warm()
    run.source.down = run.source.blind = DOWN
    run.cycle(30)
    run.source.down = run.source.blind = None
    run.warm()
    assert ("scored", "forecast") == (run.report().state, run.report().outcome)
    assert not np.isnan(run.scorer.stream.panel().values).any()


@pytest.mark.parametrize(
    "error", [DOWN, ValueError("garbage"), RuntimeError("half an answer"), MemoryError()]
)
def test_whatever_a_source_raises_is_a_fault_with_a_name(error: Exception) -> None:
    """On purpose or not, the loop does not stop."""
    run = Run(MemorySource()).warm()
    run.source.down = run.source.blind = error
    faults = run.cycle().faults
    assert {"advance", "observe"} == faults.keys()
    assert str(error) in faults["advance"]


def test_without_kube_state_metrics_replicas_are_unknown() -> None:
    """Requests are remembered for a few cycles and decide on; the count is not, so no ratio is published."""
    run = Run(MemorySource()).warm()
    before = run.report().recommended_replicas
    run.source.blind = DOWN
    for cycle in range(1, 6):
        summary = run.cycle()
        assert {"observe": str(DOWN)} == dict(summary.faults)
        assert run.gauge("helios_current_replicas") is None
        assert run.gauge("helios_predicted_cpu", horizon="5m") is None
        assert (3 if cycle <= 3 else 0) == summary.decided
    assert before is not None
    assert "no-request" == run.report().state


def test_what_a_target_says_itself_needs_no_kube_state_metrics() -> None:
    """`perReplica` is known also where nothing was ever observed."""
    requests = Metric("requests", "sum(rate(requests[5m]))", 0.5)
    run = Run(MemorySource(blind=DOWN), [target(metrics=(requests,))])
    assert 1 == run.cycle().decided


@pytest.mark.parametrize("garbage", [NAN, np.inf, -np.inf, -1.0, 1e19])
def test_impossible_samples_are_gaps(garbage: float) -> None:
    """A target whose values cannot be demand is as silent as one without any, and costs nobody else."""
    run = Run(MemorySource()).warm()
    plain = run.source.demand
    run.source.demand = lambda name, at: np.where(
        (name == "api") & (at > NOW + 1800), garbage, plain(name, at)
    )
    summary = run.cycle(3)
    assert (3, 2, 2, {}) == (summary.targets, summary.scored, summary.decided, summary.faults)
    assert ["web", "job"] == [
        n for n in ("api", "web", "job") if run.report(n).expires_at == run.now - 1800 + 5400
    ]
    no_nan_or_inf(run)


@pytest.mark.parametrize("value", [0.0, 1e-30, 3.0, 1e17])
def test_a_constant_series_is_decided(value: float) -> None:
    """Also one of nothing, next to nothing, or next to absurd."""
    run = Run(MemorySource(demand=lambda _, at: np.full(at.shape, value))).warm()
    summary = run.cycle(3)
    assert (3, {}) == (summary.decided, summary.faults)
    said = run.report()
    assert ("scored", False) == (said.state, said.anomaly.detected)
    no_nan_or_inf(run)


def test_a_metric_that_stops() -> None:
    """After two missing samples the target says what is missing; the others go on."""
    run = Run(MemorySource()).warm()
    run.source.silent = {"api"}
    assert [3, 2, 2, 2] == [run.cycle().scored for _ in range(4)]
    assert "expired" == run.report("api").state
    assert "scored" == run.report("web").state
    assert run.gauge("helios_recommended_replicas", "api") is None
    assert run.gauge("helios_recommended_replicas", "web") is not None


def test_a_query_that_matches_nothing() -> None:
    """Such a target never held a number, and its report says where to look."""
    run = Run(MemorySource(silent={"api"})).warm()
    assert "no-data" == run.report("api").state
    assert "check that the Deployment runs and that its metrics are scraped" in str(run.report("api").problem)
    assert run.gauge("helios_recommended_replicas", "api") is None


OTHER = [
    pytest.param(lambda p: p.for_last(1), id="fewer columns"),
    pytest.param(lambda p: p.for_rows(slice(0, 1)), id="fewer rows"),
    pytest.param(lambda p: replace(p, step=60.0), id="another step"),
]


@pytest.mark.parametrize("answer", OTHER)
def test_a_source_that_answers_another_question(answer: Callable[[Panel], Panel]) -> None:
    """A panel that does not fit counts as no answer, in words."""
    run = Run(MemorySource()).warm()
    run.source.answer = answer
    assert "asked for" in run.cycle().faults["advance"]
    run.source.answer = lambda panel: panel
    assert {} == run.cycle().faults


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(lambda w: replace(w, replicas=w.replicas[:1]), id="fewer targets"),
        pytest.param(lambda w: replace(w, request=w.request[:1]), id="fewer series"),
        pytest.param(lambda w: replace(w, start_seconds=np.zeros((3, 2), np.float32)), id="another shape"),
    ],
)
def test_workloads_that_do_not_fit(seen: Callable[[Workloads], Workloads]) -> None:
    """Fewer rows than asked for are no answer; the last requests stand in."""
    run = Run(MemorySource()).warm()
    run.source.seen = seen
    summary = run.cycle()
    assert {"observe"} == summary.faults.keys()
    assert 3 == summary.decided


@pytest.mark.parametrize("garbage", [np.inf, -np.inf, -3.0, 1e30])
def test_impossible_workloads_are_unknown(garbage: float) -> None:
    """An infinite request would ask for no replicas, a negative one for fewer than none."""
    run = Run(MemorySource()).warm()

    def seen(w: Workloads) -> Workloads:
        spoiled = [
            np.where(np.arange(len(a)) == 0, garbage, a).astype(np.float32) for a in (w.replicas, w.request)
        ]
        return replace(w, replicas=spoiled[0], request=spoiled[1], start_seconds=spoiled[0])

    run.source.seen = seen
    summary = run.cycle()
    assert {} == summary.faults
    assert 2 == summary.decided
    assert ("no-request", None) == (run.report("api").state, run.report("api").current_replicas)
    no_nan_or_inf(run)


SHAPES = [
    pytest.param(lambda f: replace(f, last=f.last[:1]), id="last"),
    pytest.param(lambda f: replace(f, curve=f.curve[:, :1]), id="curve"),
    pytest.param(lambda f: replace(f, maximum=f.maximum[:, :2]), id="maximum"),
    pytest.param(lambda f: replace(f, residual=f.residual[:, None]), id="residual"),
    pytest.param(lambda _: None, id="nothing"),
    pytest.param(fail, id="raised"),
]


@pytest.mark.parametrize("spoil", SHAPES)
def test_a_forecaster_that_fails_leaves_the_reactive_decision(spoil: Callable[[Forecast], Any]) -> None:
    """For everyone, with the reason; the fault is named."""
    run = Run(MemorySource(), forecaster=Odd(spoil=spoil)).warm()
    summary = run.cycle()
    assert (3, {"forecast"}) == (summary.decided, summary.faults.keys())
    said = run.report()
    assert ("scored", "no-forecast", "reactive") == (said.state, said.outcome, said.model)
    assert "no forecast in this cycle" in said.reason


NONSENSE = [
    pytest.param(lambda f: replace(f, maximum=f.maximum * np.inf), "no-forecast", id="an infinite maximum"),
    pytest.param(lambda f: replace(f, maximum=-f.maximum), "no-forecast", id="a negative maximum"),
    pytest.param(lambda f: replace(f, curve=f.curve * np.inf), "forecast", id="an infinite curve"),
    pytest.param(lambda f: replace(f, sigma=-f.sigma), "forecast", id="a negative scale"),
    pytest.param(lambda f: replace(f, residual=f.residual + np.inf), "forecast", id="an infinite residual"),
    pytest.param(lambda f: replace(f, lead_skill=f.lead_skill * np.nan), "skill", id="a skill of nothing"),
]


@pytest.mark.parametrize(("spoil", "outcome"), NONSENSE)
def test_a_forecast_of_nonsense_is_not_believed(spoil: Callable[[Forecast], Forecast], outcome: str) -> None:
    """What cannot be is not known: the decision is made on the rest, and no gauge shows it."""
    run = Run(MemorySource(), forecaster=Odd(spoil=spoil)).warm()
    summary = run.cycle()
    assert (3, {}) == (summary.decided, summary.faults)
    assert outcome == run.report().outcome
    no_nan_or_inf(run)


def test_nonsense_about_one_target_costs_no_other_its_forecast() -> None:
    """Row by row, what cannot be is not known."""

    def spoil(f: Forecast) -> Forecast:
        return replace(f, maximum=np.where(np.arange(len(f.maximum))[:, None] < 2, np.inf, f.maximum))

    run = Run(MemorySource(), forecaster=Odd(spoil=spoil)).warm()
    assert ["no-forecast", "forecast", "forecast"] == [
        run.report(name).outcome for name in ("api", "web", "job")
    ]


def test_a_detector_that_breaks_costs_the_scores_not_the_decisions() -> None:
    """A state that does not fit is named as a fault of its stage; replicas are decided."""
    run = Run(MemorySource()).warm()
    spoil_detection(run)
    summary = run.cycle()
    assert (3, {"detect"}) == (summary.decided, summary.faults.keys())
    assert run.gauge("helios_anomaly_score") is None
    assert run.gauge("helios_recommended_replicas") is not None


def spoil_detection(run: Run) -> None:
    """From now on detection fails in every cycle: its memory does not fit."""
    detection = run.scorer.detection
    run.scorer.detection = replace(detection, figure=detection.figure[:1])


def test_a_freeze_outlives_a_detector_that_breaks_and_ends_in_time() -> None:
    """In the midst of an outage: what was found goes on to count, for `freezeMaxSeconds` from its onset and no longer."""
    begin = NOW + 4 * 1800

    def outage(name: str, at: np.ndarray) -> np.ndarray:
        return np.where(at >= begin, 0.01, MemorySource().demand(name, at))

    api = target("api", max_replicas=50, cooldown_seconds=0.0, freeze_max_seconds=3 * 1800.0)
    run = Run(MemorySource(demand=outage), [api]).warm()
    run.cycle(2)
    before = run.report().recommended_replicas
    run.cycle()
    assert ("drop", begin) == (run.report().anomaly.direction, run.report().anomaly.since)
    spoil_detection(run)
    seen = []
    for _ in range(5):
        assert {"detect"} == run.cycle().faults.keys()
        seen.append(run.report().recommended_replicas)
    assert [before] * 3 + [1, 1] == seen


@pytest.mark.parametrize("stage", ["decide", "ledger", "trail"])
def test_a_stage_that_breaks_is_named_and_the_rest_goes_on(stage: str) -> None:
    """Without a decision the last numbers stand until they expire; without ledger or trail all else is published."""
    run = Run(MemorySource()).warm()
    before = run.report()
    scorer = run.scorer
    if stage == "decide":
        scorer.memory = replace(scorer.memory, proposals=scorer.memory.proposals[:1])
    elif stage == "ledger":
        scorer.ledger = replace(scorer.ledger, asked=scorer.ledger.asked[:1])
    else:
        scorer.trail = scorer.trail.for_rows(np.array([0]), np.array([0]), scorer.trail.columns)
    for _ in range(3):
        faults = run.cycle().faults
        assert stage in faults
        assert ":" in faults[stage]
    after = run.report()
    if stage == "decide":
        assert (before.scored_at, "expired") == (after.scored_at, after.state)
        assert run.gauge("helios_recommended_replicas") is None
    elif stage == "ledger":
        assert "scored" == after.state


def test_a_calendar_that_breaks_leaves_the_plain_bounds() -> None:
    """A time zone that this machine does not know is a fault of its stage, not the end of the fleet."""
    lost = target("api", schedules=(Schedule("0 8 * * *", "0 9 * * *", "Mars/Olympus", 3),))
    summary = Run(MemorySource(), [lost, *TARGETS[1:]]).cycle()
    assert (3, {"calendar"}) == (summary.decided, summary.faults.keys())
    assert "Mars/Olympus" in summary.faults["calendar"]


@pytest.mark.parametrize("leap", [-1e9, -86_400, -1800, 0, 5400, 86_400, 1e9])
def test_a_clock_that_jumps(leap: float) -> None:
    """Forward or back, by an hour or by decades: the next cycles score everyone again."""
    run = Run(MemorySource()).warm()
    run.now += leap
    run.warm()
    summary = run.cycle(2)
    assert (3, {}) == (summary.decided, summary.faults)
    assert ("scored", "forecast") == (run.report().state, run.report().outcome)
    no_nan_or_inf(run)


def test_one_bad_target_costs_no_other_its_cycle() -> None:
    """The numbers of the healthy are the same, digit for digit, beside targets that have gone wrong in every way."""
    alone = Run(MemorySource(), [TARGETS[0]]).warm()
    bad = [target("gone"), target("odd"), target("mad", schedules=()), target("huge", lead_seconds=3600.0)]

    def demand(name: str, at: np.ndarray) -> np.ndarray:
        wrong = {"odd": at * np.inf, "mad": -at, "huge": at * 1e8}
        return wrong.get(name, MemorySource().demand(name, at))

    among = Run(MemorySource(demand=demand, silent={"gone"}), [*bad[:2], TARGETS[0], *bad[2:]]).warm()
    alone.cycle(3)
    among.cycle(3)
    assert alone.report("api") == among.report("api")


def test_a_target_with_ten_minutes_of_history_is_decided_reactively() -> None:
    """It says how many points there are of how many."""
    run = Run(
        MemorySource(demand=lambda name, at: np.where(at < NOW, NAN, MemorySource().demand(name, at)))
    ).warm()
    said = run.report()
    assert ("scored", "history", "2 of 96 points of history") == (
        said.state,
        said.outcome,
        said.reason.split("reactive: ")[1].split(")")[0],
    )


def test_a_stand_in_forecast_can_be_detected_and_decided_on() -> None:
    """What replaces a failed forecaster goes through every later stage without a fault."""
    run = Run(MemorySource(), forecaster=Stateless()).warm()
    assert (3, {}) == (run.cycle().decided, run.cycle().faults)


def test_source_unavailable_is_the_only_error_a_source_means() -> None:
    """Its words reach the user as they are; what was not meant carries its kind."""
    run = Run(MemorySource(down=SourceUnavailable("prometheus said 503")))
    assert "prometheus said 503" == run.cycle().faults["advance"]
    run.source.down = KeyError("matrix")
    assert "KeyError: 'matrix'" == run.cycle().faults["advance"]
