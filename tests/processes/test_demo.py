"""The demo's trace holds a real incident: it is seen, explained, published and acted on."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest

from helios.app import Application, build
from helios.cli import DEMO_CYCLES
from helios.clocks import SteppedClock
from helios.demos.saleor import demo_world
from helios.settings import Scoring, Settings
from scoring.reports import Report
from tests.scoring.test_expositions import parsed

STEP = 300.0
PAGE_SECONDS = 120.0
"""So long a reader of the page is made to wait for it, at most."""
SPEED = 600.0
SERVICES = {"saleor-media": "network_out", "saleor-storefront": "network_in"}
"""Whose traffic leaps."""

pytestmark = pytest.mark.integration


def reports(of: Application) -> Mapping[str, Report]:
    """The latest report of each service."""
    return {report.deployment: report for report in of.live.reports()}


def gauge(of: Application, name: str, deployment: str, now: float) -> float:
    """What is exported of one service."""
    samples = parsed(of.live.exposition(now).decode())
    return samples[name, frozenset({"namespace": "saleor", "deployment": deployment}.items())]


def test_the_incident_of_the_trace_is_seen_explained_published_and_acted_on() -> None:
    """Within two minutes of the page: in words, as gauges, in the decision, and in what is learned from."""
    world = demo_world(STEP)
    clock = SteppedClock(world.start)
    built = build(Settings(scoring=Scoring()), world.source(clock), clock=clock, targets=world.targets)
    assert built.loop is not None
    built.loop.fill()
    for cycle in range(DEMO_CYCLES + round(PAGE_SECONDS * SPEED / STEP)):
        before = reports(built) if cycle else {}
        assert {} == built.loop.cycle(clock.now()).faults
        now, after = clock.now(), reports(built)
        if cycle >= DEMO_CYCLES and all(after[name].anomaly.severity == "critical" for name in SERVICES):
            break
        clock.wait_until(now + STEP, threading.Event())
    else:
        pytest.fail("nothing was seen")
    for name, metric in SERVICES.items():
        said = after[name].anomaly
        assert ("spike", metric, "1") == (said.kind, said.metric, said.unit)
        assert said.came == pytest.approx(390, abs=40)
        assert said.expected == pytest.approx(335, abs=45)
        assert said.text.startswith("Spike since ")
        assert (
            f": {metric} came at {said.came:.0f} where {said.expected:.0f} were expected (score " in said.text
        )
        assert "the sample is left out of training" in said.effects
        assert 1 == gauge(built, "helios_anomaly_detected", name, now)
        assert gauge(built, "helios_anomaly_score", name, now) >= 3.5
        replicas, calm = after[name].recommended_replicas, before[name].recommended_replicas
        assert replicas is not None
        assert calm is not None
        assert replicas > calm
