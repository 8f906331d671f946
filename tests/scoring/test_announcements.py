"""An anomaly from samples to words and gauges: what a user is told of it, and what is done meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.calendars import Event
from scoring.reports import AnomalyReport
from scoring.scorer import Pace
from tests.scoring.builders import DAY, NOW, STEP, MemorySource, target
from tests.scoring.test_expositions import parsed, value
from tests.scoring.test_scorer import Run

PACE = Pace(interval=STEP, step=STEP, columns=2016)
BEGIN = NOW + 4 * STEP
"""When the load falls away: the fourth cycle."""
SAID = ("helios_anomaly_detected", "helios_anomaly_muted", "helios_anomaly_alarms_total")


def at_the_outage(until: float = BEGIN + DAY, **wishes: Any) -> Run:
    """One target in the first cycle of its outage: a calm day of 8 cores with a ripple, then hardly anything."""

    def demand(name: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
        del name
        calm = 8 + np.sin(2 * np.pi * at / DAY) + 0.2 * np.sin(at / STEP * 2.4)
        return np.where((at >= BEGIN) & (at < until), 0.01, calm)

    source = MemorySource(demand=demand, replicas=10.0)
    of = Run(source, [target(max_replicas=100, **wishes)], pace=PACE).warm()
    assert {} == of.cycle(3).faults
    return of


def gauges(of: Run, names: Sequence[str] = SAID) -> list[float | None]:
    """What is exported of the target just now."""
    samples = parsed(of.scorer.board.exposition(of.now).decode())
    return [value(samples, name) for name in names]


def anomaly(of: Run) -> AnomalyReport:
    """What is said of the target's anomaly."""
    return of.report().anomaly


def test_an_outage_is_seen_explained_published_and_acted_on() -> None:
    """In the cycle in which it comes: in words, as gauges, in the decision and in what is learned from."""
    of = at_the_outage()
    said = anomaly(of)
    assert (True, "critical", "drop", "cpu") == (said.detected, said.severity, said.kind, said.metric)
    assert said.text.startswith("Drop since 00:20 UTC: cpu came at 0.01 cores where ")
    assert said.expected == pytest.approx(8, abs=1)
    assert (
        "scale-in is frozen until 01:20 UTC at the latest",
        "the sample is left out of training",
    ) == said.effects
    assert [1, 0, 1] == gauges(of)
    assert of.report().recommended_replicas == pytest.approx(10, abs=2)
    assert of.scorer.stream.panel().masked[0, -1]


def test_an_anomaly_that_is_over_is_told_as_the_last_one() -> None:
    """In words, with its end; it is no present anomaly any more, and later cycles still know it."""
    of = at_the_outage(until=BEGIN + 2 * STEP)
    during = anomaly(of)
    assert ("", None) == (during.last_text, during.last_until)
    assert {} == of.cycle(2).faults
    for _ in range(2):
        after = anomaly(of)
        assert (False, "normal", "none", None, None, ()) == (
            after.detected,
            after.severity,
            after.kind,
            after.since,
            after.metric,
            after.effects,
        )
        assert after.last_text.startswith("Drop from 00:20 UTC to 00:30 UTC: cpu came at 0.01 cores where ")
        assert after.last_text.endswith("critical).")
        assert BEGIN + 2 * STEP == after.last_until
        assert [0, 0, 1] == gauges(of)
        of.cycle()


def test_a_freeze_that_is_over_is_not_told_any_more() -> None:
    """What is said to be frozen is frozen, cycle by cycle, and nothing is said of a freeze that has run out."""
    of = at_the_outage(cooldown_seconds=0.0)
    before = of.report().recommended_replicas
    for _ in range(16):
        of.cycle()
        told = any("frozen" in effect for effect in anomaly(of).effects)
        assert told == (of.report().recommended_replicas == before)
    assert not told


@pytest.mark.parametrize(
    "wishes",
    [
        pytest.param({"muted_until": BEGIN + DAY}, id="muted"),
        pytest.param({"acknowledged": BEGIN}, id="acknowledged"),
        pytest.param({"events": (Event(BEGIN, BEGIN + DAY, 1.0),)}, id="announced"),
    ],
)
def test_who_wants_no_alarm_gets_none_and_loses_nothing(wishes: dict[str, Any]) -> None:
    """The 0/1 gauge is 0; score, words and decision are those of one who is alarmed."""
    heard, quiet = at_the_outage(), at_the_outage(**wishes)
    assert [1, 0, 1] == gauges(heard)
    assert [0, 1, 1] == gauges(quiet)
    assert gauges(heard, ["helios_anomaly_score"]) == gauges(quiet, ["helios_anomaly_score"])
    assert heard.report().recommended_replicas == quiet.report().recommended_replicas
    assert anomaly(quiet).text.startswith("Drop since 00:20 UTC: cpu came at 0.01 cores where ")
    assert "alarm" in anomaly(quiet).text


def test_the_threshold_in_force_is_exported() -> None:
    """So that a chart can draw it beside the score."""
    of = at_the_outage(anomaly_threshold=3.0)
    assert [3.0] == gauges(of, ["helios_anomaly_threshold"])
    assert 3.0 == anomaly(of).threshold
