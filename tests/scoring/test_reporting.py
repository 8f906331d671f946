"""Reports: all that is known of one target in plain values, and what is not known as None."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from scoring.anomalies.anomalies import Kind
from scoring.calendars import Event
from scoring.policies import Fleet, Metric
from scoring.recommending.reasons import Limit, Path
from scoring.reporting import conflict, report, unit_of
from scoring.reports import Report
from tests.scoring.builders import DAY, NAN, NOW, fleet, scores, target


def reported(
    of: Fleet | None = None,
    *,
    row: int = 0,
    now: float = NOW,
    horizons: tuple[int, ...] = (300, 1800),
    **said: Any,
) -> Report:
    """The report of one target."""
    whole = of or fleet()
    return report(
        whole,
        scores(whole, horizons=len(horizons), **said),
        row,
        now=now,
        horizons=horizons,
    )


def test_a_scored_target_is_told_whole() -> None:
    """Who it is, what is there, what is wanted and why."""
    said = reported(fleet(target(mode="Autoscale", max_replicas=12)))
    assert ("shop", "api", "Deployment", "Autoscale", "scored") == (
        said.namespace,
        said.deployment,
        said.kind,
        said.mode,
        said.state,
    )
    assert (2, 4, 4, 4, 1, 12) == (
        said.current_replicas,
        said.recommended_replicas,
        said.recommended_replicas_uncapped,
        said.scaling_signal,
        said.min_replicas,
        said.max_replicas,
    )
    assert (NOW, NOW + 900, 465.0, "auto", "forecast") == (
        said.scored_at,
        said.expires_at,
        said.lead_seconds,
        said.model,
        said.outcome,
    )
    assert 0.97 == pytest.approx(said.confidence)
    assert said.reason.startswith("cpu may reach 3.4 cores within 8 min (98% quantile): 4 replicas")
    assert said.problem is None


def test_every_metric_is_told() -> None:
    """Observed, per replica, as a utilisation, and how good its forecast is."""
    cpu, memory = reported().metrics
    assert ("cpu", "cores", True, "memory", "bytes", False) == (
        cpu.name,
        cpu.unit,
        cpu.drives,
        memory.name,
        memory.unit,
        memory.drives,
    )
    assert (1.6, 1.0, 0.8) == pytest.approx((cpu.observed, cpu.per_replica, cpu.utilization))
    assert (NOW, 2016, 576) == (cpu.observed_at, cpu.points, cpu.needed)
    assert (0.25, -0.01, 0.81) == pytest.approx((cpu.skill, cpu.bias, cpu.coverage))
    assert [("5m", NOW + 300), ("30m", NOW + 1800)] == [(h.horizon, h.at) for h in cpu.horizons]
    assert (1.5, 2.0, 2.5, 0.48) == pytest.approx(
        (cpu.horizons[0].lower, cpu.horizons[0].median, cpu.horizons[0].upper, cpu.horizons[0].ratio)
    )
    assert {"0.05": 1, "0.5": 4, "0.98": 8, "0.99": 9}.items() <= cpu.maximum.items()
    assert "1" == unit_of("requests")


def test_who_forecasts_each_horizon_is_told() -> None:
    """With the skill of that horizon, and in words."""
    cpu, _ = reported(chosen=[[0, 1], [0, 0]], skill=[[0.12, NAN], [0.3, 0.2]]).metrics
    assert [("network", 0.12), ("persistence", None)] == [(h.expert, h.skill) for h in cpu.horizons]
    assert (
        "network at 5m: 12 % better than persistence lately; persistence at 30m: nothing beats it here"
        == cpu.why
    )


@pytest.mark.parametrize(
    ("points", "expected"),
    [(70, "no forecast yet: 70 of 576 points"), (2016, "no forecast in the last cycle")],
)
def test_why_there_is_no_forecast_is_told(points: int, expected: str) -> None:
    """Too little history, or a fault that the cycle names; nobody has made what is not there."""
    cpu, _ = reported(points=[points] * 2, curve=np.full((2, 2, 3), NAN), chosen=[[-1, -1]] * 2).metrics
    assert ((), expected) == (cpu.horizons, cpu.why)


def test_the_model_is_the_one_that_was_asked_for() -> None:
    """Whom it chose changes from hour to hour and is said elsewhere."""
    assert "holt-winters" == reported(fleet(target(model="holt-winters"))).model


def test_a_target_tells_its_own_horizons() -> None:
    """Not those of others."""
    of = fleet(target(horizons=(1800,)))
    assert ["30m"] == [h.horizon for h in reported(of).metrics[0].horizons]


def test_what_is_not_known_is_none_never_zero() -> None:
    """Also in JSON: no NaN, no Inf."""
    rows = {name: [NAN, NAN] for name in ("last", "request", "lead_skill", "bias", "coverage", "share")}
    said = reported(
        **rows,
        replicas=[NAN],
        confidence=[NAN],
        score=[np.inf],
        curve=np.full((2, 2, 3), np.nan),
        ratio=np.full((2, 2), np.inf),
        maximum=np.full((2, 9), np.nan),
        hours=[[NAN, NAN]],
        short=[[NAN, NAN]],
        seconds=[NAN],
    )
    json.dumps(asdict(said), allow_nan=False)
    assert (None, None, None) == (said.current_replicas, said.confidence, said.anomaly.score)
    cpu = said.metrics[0]
    assert [None] * 6 == [
        cpu.observed,
        cpu.observed_at,
        cpu.per_replica,
        cpu.utilization,
        cpu.skill,
        cpu.coverage,
    ]
    assert ((), {}) == (cpu.horizons, cpu.maximum)
    assert ("nothing to compare yet", 0.0) == (said.ledger.line, said.ledger.seconds)


@pytest.mark.parametrize(("replicas", "each"), [(0.0, 1.0), (NAN, 1.0), (2.0, NAN), (2.0, 0.0)])
def test_a_utilisation_of_nothing_is_undefined(replicas: float, each: float) -> None:
    """At zero replicas or without a request there is no ratio."""
    assert reported(replicas=[replicas], request=[each] * 2).metrics[0].utilization is None


def test_after_its_expiry_nothing_is_recommended_any_more() -> None:
    """What was true of the moment is unknown; what has a time of its own stays; the reason says what happened."""
    before, after = (
        reported(now=NOW + 899, detected=[1], score=[4]),
        reported(now=NOW + 900, detected=[1], score=[4]),
    )
    assert ("scored", 4, True) == (before.state, before.recommended_replicas, before.anomaly.detected)
    assert "expired" == after.state
    unknown = (
        after.recommended_replicas,
        after.recommended_replicas_uncapped,
        after.scaling_signal,
        after.current_replicas,
        after.confidence,
        after.anomaly.score,
    )
    assert (None,) * 6 == unknown
    assert not after.anomaly.detected
    assert before.metrics == after.metrics
    assert before.ledger == after.ledger
    assert (
        "The samples of shop/api stopped; its gauges are gone until they come back"
        == after.problem
        == after.reason
    )


def test_a_target_that_was_never_scored_says_so() -> None:
    """And what to look at."""
    never = {
        "expires_at": [NAN],
        "scored_at": [NAN],
        "lead_seconds": [NAN],
        "path": [Path.NO_DATA],
        "driver": [-1],
    }
    said = reported(**never, points=[0, 0])
    assert ("no-data", None, None, 0.0) == (
        said.state,
        said.scored_at,
        said.recommended_replicas,
        said.lead_seconds,
    )
    assert "No samples of shop/api have been seen" in said.reason
    assert "check that the Deployment runs" in str(said.problem)
    stopped = reported(**never, points=[288, 0])
    assert ("no-data", 1) == (stopped.state, len(stopped.metrics))
    assert "288 points of history and none that is recent" in stopped.reason


@pytest.mark.parametrize(
    ("path", "state", "remedy"),
    [
        (Path.NO_DATA, "no-data", "cpu has no recent samples: check that it is scraped"),
        (Path.NO_REQUEST, "no-request", "set resources.requests.cpu or the metric's perReplica"),
        (Path.MEMORY_ONLY, "memory-only", "name a demand such as cpu"),
    ],
)
def test_a_target_without_a_decision_says_what_is_missing(path: Path, state: str, remedy: str) -> None:
    """State, outcome, reason and problem agree."""
    said = reported(path=[path], driver=[-1], recommended=[NAN], uncapped=[NAN], signal=[NAN], demand=[NAN])
    assert (state, state, None) == (said.state, said.outcome, said.recommended_replicas)
    assert remedy in str(said.problem)
    assert said.reason.startswith("No recommendation: ")


@pytest.mark.parametrize("path", [Path.SKILL, Path.HISTORY, Path.SPIKE, Path.NO_FORECAST])
def test_a_reactive_decision_names_no_model(path: Path) -> None:
    """The forecaster in force, or none."""
    assert "reactive" == reported(path=[path]).model


def test_the_driver_is_the_metric_of_the_reason() -> None:
    """The one that asked for most, in its own unit."""
    of = fleet(target(metrics=(Metric("cpu"), Metric("requests", "q", 50.0))))
    said = reported(of, driver=[1], demand=[340.0], request=[1.0, 50.0, 1.0], uncapped=[8])
    assert said.reason.startswith("requests may reach 340 within 8 min")
    assert "at 90% of 50 each" in said.reason


def test_a_bound_of_a_schedule_is_the_bound_that_is_named() -> None:
    """Not the target's own, which it replaces while it is on."""
    said = reported(limits=[Limit.MINIMUM], recommended=[6])
    assert said.reason.endswith("raised to the minimum of 6")
    assert 1 == said.min_replicas


@pytest.mark.parametrize(
    ("said", "severity", "direction"),
    [
        pytest.param({}, "normal", "none", id="normal"),
        pytest.param({"detected": [1], "score": [2.8], "direction": [1]}, "warning", "spike", id="warning"),
        pytest.param(
            {"detected": [1], "critical": [1], "direction": [-1]}, "critical", "drop", id="held critical"
        ),
        pytest.param({"detected": [1], "score": [3.5]}, "critical", "none", id="critical now"),
        pytest.param(
            {"detected": [0], "score": [9.0], "direction": [1]}, "normal", "none", id="not detected"
        ),
    ],
)
def test_an_anomaly_has_a_severity_and_a_direction(
    said: dict[str, Any], severity: str, direction: str
) -> None:
    """Held while it lasts, whatever the score of the moment."""
    anomaly = reported(**said).anomaly
    assert (severity, direction) == (anomaly.severity, anomaly.direction)


DROP: dict[str, Any] = {
    "detected": [1],
    "critical": [1],
    "direction": [-1],
    "kind": [Kind.DROP],
    "since": [NOW - 600],
    "score": [1.2],
    "peak": [4.1],
    "culprit": [0],
    "expected": [3.1],
    "came": [0.4],
    "recommended": [4],
}


def test_an_anomaly_is_told_whole() -> None:
    """Which metric, what came and what was expected, at its worst; how often a threshold is reached; how many there were."""
    said = reported(**DROP, frozen_until=[NOW + 3000], set_aside=[1], alarms=[7]).anomaly
    assert ("drop", "cpu", "cores") == (said.kind, said.metric, said.unit)
    assert (3.1, 0.4, 4.1, 2.5, 1.0) == pytest.approx(
        (said.expected, said.came, said.peak, said.threshold, said.alarms_per_week)
    )
    assert (7, 2016, 288, True) == (said.alarms, said.points, said.needed, said.calibrated)
    assert (
        "scale-in is frozen until 00:50 UTC at the latest",
        "the sample is left out of training",
    ) == said.effects
    assert said.text.startswith("Drop since 15 Feb 23:50 UTC: cpu came at 0.4 cores where 3.1 were expected")


def test_what_is_over_is_not_told_any_more() -> None:
    """A detector may remember its last state; a report does not."""
    said = reported(**{**DROP, "detected": [0]}).anomaly
    assert ("none", None, None, None, None, ()) == (
        said.kind,
        said.metric,
        said.unit,
        said.expected,
        said.peak,
        said.effects,
    )
    assert said.text.startswith("Nothing unusual: score 1.2")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({}, (), id="nothing is done"),
        pytest.param(
            {"frozen_until": [NOW + 60]}, ("scale-in is frozen until 00:01 UTC at the latest",), id="frozen"
        ),
        pytest.param({"frozen_until": [NOW + 60], "recommended": [NAN]}, (), id="no decision, no freeze"),
        pytest.param(
            {"path": [Path.SPIKE], "direction": [1]},
            ("the load of this moment decides, not the forecast",),
            id="reactive",
        ),
        pytest.param(
            {"path": [Path.SPIKE], "direction": [1], "critical": [0], "peak": [2.8]},
            ("the load of this moment decides, not the forecast",),
            id="reactive at a warning",
        ),
        pytest.param({"path": [Path.SKILL], "direction": [1]}, (), id="reactive for another reason"),
        pytest.param({"set_aside": [1]}, ("the sample is left out of training",), id="set aside"),
    ],
)
def test_an_effect_is_told_only_while_it_is_one(said: dict[str, Any], expected: tuple[str, ...]) -> None:
    """What the cycle did, not what a rule would have it do."""
    assert expected == reported(**{**DROP, **said}).anomaly.effects


@pytest.mark.parametrize(
    ("wishes", "muted", "until", "acknowledged"),
    [
        pytest.param({}, False, None, False, id="neither"),
        pytest.param({"muted_until": NOW + 60}, True, NOW + 60, False, id="muted"),
        pytest.param({"muted_until": NOW}, False, None, False, id="mute over"),
        pytest.param({"acknowledged": NOW - 600}, False, None, True, id="acknowledged"),
        pytest.param({"acknowledged": NOW - 601}, False, None, False, id="an older one acknowledged"),
        pytest.param({"events": (Event(NOW - 60, NOW + 60, 2.0),)}, True, None, False, id="announced"),
        pytest.param({"events": (Event(NOW + 60, NOW + 120, 2.0),)}, False, None, False, id="event to come"),
    ],
)
def test_an_anomaly_that_raises_no_alarm_says_so(
    wishes: dict[str, Any], muted: bool, until: float | None, acknowledged: bool
) -> None:
    """And for how long; it stays detected, with its severity and its score."""
    said = reported(fleet(target(**wishes)), **DROP).anomaly
    assert (muted, until, acknowledged) == (said.muted, said.muted_until, said.acknowledged)
    assert (True, "critical", pytest.approx(1.2)) == (said.detected, said.severity, said.score)
    assert (muted or acknowledged) == ("alarm" in said.text)


def test_a_score_that_is_not_calibrated_says_so() -> None:
    """Points of those needed, and no figure that nobody knows."""
    said = reported(score=[NAN], calibrating=[120]).anomaly
    assert (None, False, 120, 288) == (said.score, said.calibrated, said.points, said.needed)
    assert "Calibrating: 120 of 288 points; no alarm before that." == said.text


def test_a_state_of_an_older_detector_is_told_as_far_as_it_goes() -> None:
    """Restored without kind, culprit and threshold: the direction stands in, and the target's own threshold."""
    names = ("peak", "expected", "came", "threshold", "calibrating", "calibrated_at", "alarms")
    old = {**DROP, **{name: [NAN] for name in names}, "kind": [0], "culprit": [-1]}
    said = reported(fleet(target(anomaly_threshold=3.0)), **old).anomaly
    assert ("drop", None, 3.0, 0, True) == (
        said.kind,
        said.metric,
        said.threshold,
        said.alarms,
        said.calibrated,
    )
    assert "the metrics together are unusual (score 1.2, critical)" in said.text


def test_contributions_come_largest_first() -> None:
    """Of those that could be judged."""
    of = fleet(target(metrics=(Metric("cpu"), Metric("requests", "q", 50.0))))
    parts = reported(of, share=[0.3, 0.7, NAN]).anomaly.contributions
    assert [("requests", 0.7), ("cpu", 0.3)] == [(p.feature, pytest.approx(p.contribution)) for p in parts]


def test_the_ledger_is_one_line() -> None:
    """And its figures."""
    ledger = reported().ledger
    line = "7 days: -14 % replica-hours, 2 minutes short; as it ran: 11; reactive: -2 %, 9"
    assert line == ledger.line
    assert (100, 86, 11, 2) == (
        ledger.replica_hours_actual,
        ledger.replica_hours_recommended,
        ledger.short_minutes_actual,
        ledger.short_minutes_recommended,
    )

    assert (98, 9) == (ledger.replica_hours_reactive, ledger.short_minutes_reactive)


def test_a_reactive_path_that_is_not_known_is_left_out() -> None:
    """As after an upgrade from a version that did not reckon it: None, and not a word of it."""
    ledger = reported(hours=[[100, 86, NAN]], short=[[11, 2, NAN]]).ledger
    assert "7 days: -14 % replica-hours, 2 minutes short; as it ran: 11" == ledger.line
    assert (None, None) == (ledger.replica_hours_reactive, ledger.short_minutes_reactive)


LOST = [[12.0, 11.0, 14.0, 2.0, DAY]]
CAUSE = "in the last day the forecast was 14 minutes short, a reactive autoscaler 2, at +9 % replica-hours"


def test_a_closed_breaker_says_how_the_forecast_fares() -> None:
    """Both paths of the last day, in figures and in words."""
    said = reported().breaker
    assert (False, False, None, "") == (said.open, said.losing, said.since, said.cause)
    assert (12, 14, 0, 1, DAY) == (
        said.replica_hours_forecast,
        said.replica_hours_reactive,
        said.short_minutes_forecast,
        said.short_minutes_reactive,
        said.window_seconds,
    )
    words = (
        "in the last day the forecast was 0 minutes short, a reactive autoscaler 1, at -14 % replica-hours"
    )
    assert f"closed: {words}" == said.text


@pytest.mark.parametrize(
    ("acts", "text", "line"),
    [
        pytest.param(1, "open since 23:35 UTC", "the forecast is withdrawn", id="in Autoscale"),
        pytest.param(
            0,
            "would be open in Autoscale, since 23:35 UTC",
            "in Autoscale the forecast would be withdrawn",
            id="elsewhere",
        ),
    ],
)
def test_an_open_breaker_says_why_it_opened(acts: float, text: str, line: str) -> None:
    """By the figures of the time when it did, which do not change while it is open; the ledger's line has a word of it."""
    said = reported(
        breaker=[acts],
        losing=[1],
        turned_at=[NOW - 1500],
        turned_by=LOST,
        scored_at=[NOW - 1],
        path=[Path.WITHDRAWN],
    )
    assert f"{text}: {CAUSE}; closes when it has not lost for 1 day" == said.breaker.text
    assert (bool(acts), True, NOW - 1500, CAUSE) == (
        said.breaker.open,
        said.breaker.losing,
        said.breaker.since,
        said.breaker.cause,
    )
    assert said.ledger.line.endswith(f"; {line}")
    assert f"(reactive: withdrawn, as {CAUSE})" in said.reason
    assert ("withdrawn", "reactive", "scored") == (said.outcome, said.model, said.state)


def test_a_breaker_that_saw_nothing_says_nothing() -> None:
    """Before there is anything to compare, every figure is None."""
    said = reported(versus=[[NAN, NAN, NAN, NAN, DAY]]).breaker
    assert ("nothing to compare yet", None, None) == (
        said.text,
        said.short_minutes_forecast,
        said.replica_hours_reactive,
    )


def test_a_target_of_a_taken_name_is_in_conflict() -> None:
    """It is named, not scored, and told what to do."""
    said = conflict(target(kind="StatefulSet"))
    assert ("conflict", "conflict", "StatefulSet", None) == (
        said.state,
        said.outcome,
        said.kind,
        said.recommended_replicas,
    )
    assert "Another target already names shop/api" in said.reason
    assert said.reason == said.problem
    assert ((), (0, 0, 0, 0, 0)) == (said.metrics, tuple(asdict(said.ledger).values())[:5])


def test_times_are_numbers_of_seconds() -> None:
    """An onset while it lasts, None otherwise."""
    assert NOW - 600 == reported(since=[NOW - 600], detected=[1]).anomaly.since
    assert reported().anomaly.since is None
    assert math.isfinite(float(reported().expires_at or NAN))
