"""An anomaly as Kubernetes shows it: Events that are told once, a status at once, and silence where somebody asked for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scoring.reports import AnomalyReport, Report
from tests.operator.objects import NOW
from tests.operator.targets import body
from tests.operator.test_reconcilers import World, condition


def anomalous(of: Report, since: float | None, **said: Any) -> Report:
    """The report in or out of an anomaly."""
    detected = since is not None
    anomaly = AnomalyReport(
        score=4.0 if detected else 0.5,
        detected=detected,
        severity="critical" if detected else "normal",
        direction="drop" if detected else "none",
        since=since,
        contributions=(),
        kind="drop" if detected else "none",
        peak=4.2 if detected else None,
        metric="cpu" if detected else None,
        text="Drop since 12:00 UTC: cpu came at 0.1 cores where 2 were expected. Scale-in is frozen until 13:00 UTC.",
    )
    return replace(of, anomaly=replace(anomaly, **said))


def test_an_anomaly_is_told_once_and_so_is_its_end() -> None:
    """However long it lasts; after a restart the API server knows the name already."""
    world = World(body("web"))
    world.cycle()
    world.reports["web"] = anomalous(world.reports["web"], NOW)
    for _ in range(5):
        world.cycle()
    world.reconciler = world.started()
    world.cycle()
    world.reports["web"] = anomalous(world.reports["web"], None)
    for _ in range(3):
        world.cycle()
    assert ["AnomalyDetected", "AnomalyEnded"] == world.door.told()


def test_an_anomaly_is_told_in_words_and_stands_in_the_status() -> None:
    """What was expected, what came, what Helios did: in a Warning, and at once in the status, where it ends at once too."""
    world = World(body("web"))
    world.cycle()
    assert {"severity": "normal", "score": "under 2.5"} == stands(world)
    world.reports["web"] = anomalous(world.reports["web"], NOW - 0.5)
    assert 1 == world.cycle(5)
    told = next(iter(world.door.events.values()))
    assert ("AnomalyDetected", "Warning") == (told["reason"], told["type"])
    assert "cpu came at 0.1 cores where 2 were expected. Scale-in is frozen" in told["message"]
    assert {
        "severity": "critical",
        "score": "over 3.5",
        "kind": "drop",
        "since": "2026-03-01T12:00:00Z",  # rounded up: whoever acknowledges it acknowledges this one
        "metric": "cpu",
        "text": told["message"],
    } == stands(world)
    world.reports["web"] = anomalous(world.reports["web"], NOW - 0.5, score=3.6, text="Drop: other words")
    assert 0 == world.cycle(300)
    world.reports["web"] = anomalous(world.reports["web"], None)
    assert 1 == world.cycle(5)
    assert {"severity": "normal", "score": "under 2.5"} == stands(world)


def stands(world: World) -> dict[str, Any]:
    """What the status says of anomalies."""
    found: dict[str, Any] = {}
    for _, status in world.door.statuses:
        found = found | status["anomaly"]
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("quiet", "reason", "words"),
    [
        ({"muted": True, "muted_until": NOW + 3600}, "AnomalyMuted", "until 2026-03-01T13:00:00Z"),
        ({"muted": True}, "AnomalyMuted", "an announced event is on"),
        ({"acknowledged": True}, "AnomalyAcknowledged", "acknowledged"),
    ],
    ids=["muted", "announced", "acknowledged"],
)
def test_what_is_muted_warns_nobody(quiet: dict[str, Any], reason: str, words: str) -> None:
    """It is told without a warning, once, and the status says why; if the quiet ends before it, it warns."""
    world = World(body("web"))
    world.cycle()
    world.reports["web"] = anomalous(world.reports["web"], NOW, **quiet)
    assert [1, 0, 0] == [world.cycle(), world.cycle(), world.cycle()]
    assert [(reason, "Normal")] == [(e["reason"], e["type"]) for e in world.door.events.values()]
    assert words == stands(world)["muted"]
    world.reports["web"] = anomalous(world.reports["web"], NOW)
    assert 1 == world.cycle(5)
    assert [reason, "AnomalyDetected"] == world.door.told()


def test_a_mute_in_the_midst_of_an_anomaly_is_told_at_once() -> None:
    """Whoever has asked for quiet looks whether it is."""
    world = World(body("web"))
    world.cycle()
    world.reports["web"] = anomalous(world.reports["web"], NOW)
    world.cycle()
    world.reports["web"] = anomalous(world.reports["web"], NOW, acknowledged=True)
    assert 1 == world.cycle(5)
    assert ["AnomalyDetected", "AnomalyAcknowledged"] == world.door.told()
    world.reconciler = world.started()
    assert 0 == world.cycle()
    assert 2 == len(world.door.events)


def test_what_goes_silent_has_not_ended() -> None:
    """Nobody knows; when samples come again the same anomaly is not told again."""
    world = World(body("web"))
    world.reports["web"] = anomalous(world.reports["web"], NOW)
    world.cycle()
    before = world.reports["web"]
    world.reports["web"] = replace(anomalous(before, None), state="expired", problem="stopped")
    world.cycle()
    world.reports["web"] = before
    world.cycle()
    assert ["AnomalyDetected"] == world.door.told()


def test_an_end_that_came_while_the_operator_was_away_is_told() -> None:
    """The status still says that it lasts."""
    world = World(body("web"))
    world.reports["web"] = anomalous(world.reports["web"], NOW)
    world.cycle()
    world.reports["web"] = anomalous(world.reports["web"], None)
    world.reconciler = world.started()
    world.cycle()
    assert ["AnomalyDetected", "AnomalyEnded"] == world.door.told()


def test_a_target_that_is_not_calibrated_yet_says_so_once() -> None:
    """It raises no alarm before; how many points there are is told along with other news."""
    world = World(body("web"))
    for points in range(10, 14):
        text = f"Calibrating: {points} of 288 points; no alarm before that."
        early = anomalous(world.reports["web"], None, calibrated=False, text=text)
        world.reports["web"] = early
        world.cycle()
    assert ("calibrating", "Calibrating: 10 of 288 points; no alarm before that.") == (
        stands(world)["score"],
        stands(world)["text"],
    )
    assert 1 == len(world.door.statuses)


def test_an_annotation_that_cannot_be_read_is_told_and_costs_nothing_else() -> None:
    """A Warning and a line of the status with name, value and remedy; the target is scored, and when it is mended all is well."""
    wrong = body("web")
    wrong["metadata"]["annotations"] = {"helios.dev/muted-until": "tomorrow"}
    world = World(wrong)
    said = "annotation helios.dev/muted-until = 'tomorrow' is not an RFC 3339 time, and is passed over: "
    assert [1, 0] == [world.cycle(), world.cycle()]
    ((warning, message),) = [(e["type"], e["message"]) for e in world.door.events.values()]
    assert "Warning" == warning
    assert message == stands(world)["problem"]
    assert message.startswith(said)
    assert ("True", "Scored") == condition(world.door.statuses[-1][1], "Ready")
    world.edit(body("web"))
    assert 1 == world.cycle(5)
    assert "problem" not in stands(world)


def test_an_annotation_that_cannot_be_read_is_told_of_a_target_without_a_report() -> None:
    """Nobody has scored it yet."""
    wrong = body("web")
    wrong["metadata"]["annotations"] = {"helios.dev/acknowledged": ""}
    world = World(wrong)
    world.reports.clear()
    world.cycle()
    assert {"problem"} == stands(world).keys()
