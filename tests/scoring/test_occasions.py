"""What is no ordinary time is masked, so that nobody learns ordinary days from it, and events teach their lift."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from scoring.calendars import Event
from scoring.forecasting.forecasts import Ask, Forecast
from scoring.panels import Panel
from scoring.states import decided, restore_decided
from tests.scoring.builders import DAY, NOW, STEP, MemorySource, steady, target
from tests.scoring.forecasters import Stateless
from tests.scoring.test_scorer import PACE, Run

HOUR = 3600.0


def lifted(start: float, end: float, by: float, whose: str = "api") -> MemorySource:
    """Demand of one deployment that is `by` times the usual between two moments."""
    return MemorySource(
        demand=lambda name, at: (
            np.where((at >= start) & (at < end) & (name == whose), by, 1.0) * steady(name, at)
        )
    )


def masked(run: Run, deployment: str = "api") -> list[float]:
    """The times of the masked columns of a deployment's cpu."""
    panel = run.scorer.stream.panel()
    row = next(i for i, s in enumerate(panel.series) if (s.deployment, s.metric) == (deployment, "cpu"))
    return [float(t) for t in panel.times[panel.masked[row]]]


def test_a_spike_is_masked_while_it_lasts() -> None:
    """Of the series that carries it, and of no other target."""
    run = Run(lifted(NOW + 4 * 1800, NOW + 6 * 1800, 6.0), [target("api"), target("web")]).warm()
    run.cycle(8)
    assert NOW + 4 * 1800 in masked(run)
    assert set(masked(run)) <= {NOW + i * 1800 for i in range(4, 8)}
    assert [] == masked(run, "web")


def test_an_announced_event_is_masked_and_teaches_its_lift() -> None:
    """It was announced as fivefold and was threefold; the next of its name is expected in between."""
    events = (
        Event(NOW + 4 * HOUR, NOW + 8 * HOUR, 5.0, "sale"),
        Event(NOW + 2 * DAY, NOW + 2 * DAY + HOUR, 5.0, "sale"),
    )
    run = Run(lifted(NOW + 4 * HOUR, NOW + 8 * HOUR, 3.0), [target("api", events=events)]).warm()
    run.cycle(24)
    assert {NOW + 4 * HOUR + i * 1800 for i in range(8)} <= set(masked(run))
    (lesson,) = run.scorer.lessons
    assert ("sale", 5.0, NOW + 4 * HOUR) == (lesson.name, lesson.announced, lesson.start)
    assert 3.0 == pytest.approx(lesson.lift, rel=0.05)
    lead = np.array([600.0], np.float32)
    lift = run.scorer.fleet.policies(NOW + 2 * DAY, lead, run.scorer.lessons).lift
    assert 4.0 == pytest.approx(lift[0], rel=0.05)


def test_lessons_outlive_a_restart() -> None:
    """They are few, and stored with every cycle."""
    events = (Event(NOW + 4 * HOUR, NOW + 8 * HOUR, 5.0, "sale"),)
    run = Run(lifted(NOW + 4 * HOUR, NOW + 8 * HOUR, 3.0), [target("api", events=events)]).warm()
    run.cycle(24)
    after = Run(MemorySource(), run.scorer.fleet.targets)
    restore_decided(after.scorer, decided(run.scorer), run.now)
    assert len(run.scorer.lessons) == 1
    assert run.scorer.lessons == after.scorer.lessons


def test_an_event_that_was_on_when_helios_came_is_not_lifted_twice() -> None:
    """Demand is lifted already: five times that would be twenty-five times the usual."""
    start = NOW - 2 * HOUR
    event = Event(start, NOW + 4 * HOUR, 5.0)
    source = lifted(start, NOW + 4 * HOUR, 5.0)
    run = Run(source, [target("api", events=(event,), max_replicas=1000)])
    run.cycle()
    seen = float(source.demand("api", np.array([NOW]))[0])
    recommended = run.report().recommended_replicas
    assert recommended is not None
    assert recommended <= np.ceil(2 * seen / 0.7)


def test_a_clock_change_is_told_to_the_forecaster() -> None:
    """Where clocks went forward, the same time of the days before lies an hour off."""
    asked: list[Ask] = []

    @dataclass(frozen=True)
    class Heard(Stateless):
        def forecast(self, panel: Panel, ask: Ask) -> Forecast:
            asked.append(ask)
            return super().forecast(panel, ask)

    march = 1_774_857_600.0  # 30 March 2026, 08:00 UTC: the day after
    run = Run(
        MemorySource(),
        [target("api", timezone="Europe/Berlin"), target("web")],
        forecaster=Heard(),
        pace=replace(PACE, interval=STEP, step=STEP),
    )
    run.now = march
    run.cycle()
    assert asked[0].shifts is not None
    assert [0, 12, 12, 12, 12, 12, 12] == asked[0].shifts[0].tolist()
    assert [0] * 7 == asked[0].shifts[-1].tolist()
