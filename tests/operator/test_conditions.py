"""What `kubectl describe ht` says: every state of a target in a condition that explains itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from helios.operator.conditions import (
    Condition,
    Reason,
    Type,
    data_available,
    forecast_ready,
    ready,
    score_band,
    skill_band,
    written,
)
from scoring.reports import Report
from tests.operator.targets import body, parsed, target, workload
from tests.ui.builders import report, silent

STEP = 300.0


def with_metric(of: Report, **values: Any) -> Report:
    """The report with other figures of its driving metric."""
    return replace(of, metrics=(replace(of.metrics[0], **values), *of.metrics[1:]))


YOUNG = replace(with_metric(report(), points=72, skill=None), outcome="history")


def said(condition: Condition) -> tuple[bool | None, str]:
    """Status and reason."""
    return condition.status, str(condition.reason)


def test_a_scored_target_is_ready() -> None:
    """Also while its history is short: it is decided on, reactively."""
    assert (True, "Scored") == said(ready(target(), None, report(), workload()))
    assert (True, "Scored") == said(ready(target(), None, YOUNG, workload()))


def test_before_its_first_cycle_nothing_is_claimed() -> None:
    """Unknown is neither good nor bad."""
    assert (None, "Pending") == said(ready(target(), None, None, None))
    assert (None, "Pending") == said(data_available(None, None, STEP))


def test_an_invalid_target_says_field_value_and_remedy() -> None:
    """The same words that a file's target would get."""
    made = ready(parsed(body(replicas={"min": 9, "max": 2})), None, None, None)
    assert (False, "Invalid") == said(made)
    assert "min 9 is above max 2" in made.message


def test_a_query_that_is_not_allowed_is_not_called_invalid() -> None:
    """Whoever may change it is another person."""
    metrics = [{"name": "rps", "query": "sum(rate(http_requests_total[5m]))", "perReplica": "50"}]
    assert (False, "NotAllowed") == said(ready(parsed(body(metrics=metrics)), None, None, None))


def test_a_conflict_names_the_older_target() -> None:
    """So that one of the two can be removed."""
    made = ready(target("young", scaleTargetRef={"name": "web"}), target("old"), None, None)
    assert (False, "Conflict") == said(made)
    assert "HeliosTarget old" in made.message


def test_a_workload_that_does_not_exist_yet_is_waited_for() -> None:
    """It is named, and scored once it is there."""
    made = ready(target(), None, report(), workload(exists=False))
    assert (False, "WorkloadMissing") == said(made)
    assert "no Deployment web in namespace shop" in made.message


def test_a_workload_scaled_to_zero_by_hand_is_no_outage() -> None:
    """There is nothing to observe, and that is why."""
    made = data_available(silent(report()), workload(desired=0, current=0), STEP)
    assert (False, "ScaledToZero") == said(made)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("no-data", "NoSamples"),
        ("expired", "SamplesStopped"),
        ("no-request", "NoRequest"),
        ("memory-only", "MemoryOnly"),
    ],
)
def test_missing_data_is_named(state: str, reason: str) -> None:
    """With the source's own words of what to do."""
    of = replace(report(), state=state, problem="scrape it")
    made = data_available(of, workload(), STEP)
    assert ((False, reason), "scrape it") == (said(made), made.message)
    assert (False, "Undecided") == said(ready(target(), None, of, workload()))


def test_a_short_history_says_how_much_there_is() -> None:
    """`6h of 48h`, where the peers are silent."""
    made = data_available(YOUNG, workload(), STEP)
    assert ((False, "InsufficientHistory"), "6h of 48h of cpu history") == (said(made), made.message)
    forecast = forecast_ready(YOUNG, STEP)
    assert "6h of 48h of cpu history; decisions are reactive" == forecast.message


def test_a_message_is_steady_within_the_hour() -> None:
    """Twelve cycles an hour make one PATCH, not twelve."""
    messages = {data_available(with_metric(YOUNG, points=n), None, STEP).message for n in range(72, 84)}
    assert {"6h of 48h of cpu history"} == messages


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("forecast", (True, "Skilful")),
        ("history", (False, "InsufficientHistory")),
        ("skill", (False, "NoSkill")),
        ("spike", (False, "SpikeUnderWay")),
        ("no-forecast", (False, "NoForecast")),
    ],
)
def test_why_a_decision_is_reactive(outcome: str, expected: tuple[bool, str]) -> None:
    """Every path has its reason."""
    assert expected == said(forecast_ready(replace(report(), outcome=outcome), STEP))


@pytest.mark.parametrize(
    ("skill", "band"),
    [
        (None, "unknown"),
        (-0.2, "none"),
        (0.0, "none"),
        (0.2, "0 to 0.25"),
        (0.3, "0.25 to 0.5"),
        (0.8, "over 0.5"),
    ],
)
def test_skill_is_told_in_bands(skill: float | None, band: str) -> None:
    """A figure that moves every cycle is in the gauges."""
    assert band == skill_band(with_metric(report(), skill=skill))


def test_a_condition_that_stays_keeps_its_time() -> None:
    """And one that turns gets the present."""
    old = {
        "type": "Ready",
        "status": "True",
        "reason": "Scored",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    of = target(status={"conditions": [old]}, generation=3)
    stays = Condition(Type.READY, True, Reason.SCORED, "x")
    turns = Condition(Type.READY, False, Reason.UNDECIDED, "x")
    assert "2026-01-01T00:00:00Z" == written((stays,), of, "now")[0]["lastTransitionTime"]
    assert ("now", 3) == (
        (made := written((turns,), of, "now")[0])["lastTransitionTime"],
        made["observedGeneration"],
    )


@pytest.mark.parametrize(
    ("anomaly", "band"),
    [
        pytest.param({"score": None}, "unknown", id="nothing was judged"),
        pytest.param({"score": 2.4}, "under 2.5", id="normal"),
        pytest.param({"score": 2.5}, "2.5 to 3.5", id="one a week"),
        pytest.param({"score": 3.5}, "over 3.5", id="one in half a year"),
        pytest.param({"score": 0.3, "detected": True, "peak": 4.1}, "over 3.5", id="it lasts, and was worse"),
        pytest.param({"score": 9.0, "calibrated": False}, "calibrating", id="too early to say"),
    ],
)
def test_a_score_is_told_in_bands(anomaly: dict[str, Any], band: str) -> None:
    """While it lasts of its highest, so that the band does not flicker with every cycle."""
    assert band == score_band(replace(report().anomaly, **anomaly))
