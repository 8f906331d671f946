"""A real incident of the bundled trace, from its sample to a person: real Prometheus, real Alertmanager, the shipped rules and configuration."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helios.app import build, listening, served
from helios.cli import DEMO_CYCLES
from helios.clocks import TraceClock
from helios.demos.saleor import demo_world
from helios.settings import Settings
from tests.alerts.rules import SITE
from tests.cluster.alertmanagers import AlertingPrometheus, Alertmanager
from tests.cluster.waits import hold, wait_until
from tests.cluster.webhooks import Webhooks

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

STEP, SPEED = 300.0, 60.0
"""Five minutes of the trace are five seconds."""
BEFORE_INCIDENT = DEMO_CYCLES + 73
"""Cycles of the demo before the one that finds a sixth more network traffic, in and out; the next one finds it over."""
HIT = ["saleor-media", "saleor-storefront"]


@contextmanager
def demo(go: threading.Event) -> Iterator[str]:
    """The demo on the eve of its incident, served at the address that is yielded; with `go` time begins to run."""
    world, stop = demo_world(STEP), threading.Event()
    clock = TraceClock(world.start, speed=SPEED, end=world.end, stride=STEP)
    built = build(Settings(), world.source(clock), clock=clock, targets=world.targets)
    loop = built.loop
    assert loop is not None
    loop.fill()
    for _ in range(BEFORE_INCIDENT):
        loop.cycle(clock.now())
        clock.wait_until(clock.now() + STEP, stop)

    def live() -> None:
        go.wait()
        if not stop.is_set():
            clock.begin()
            loop.run(stop)

    with listening("127.0.0.1", 0) as listener, served(built.api, listener):
        thread = threading.Thread(target=live)
        thread.start()
        try:
            yield "{}:{}".format(*listener.getsockname()[:2])
        finally:
            stop.set()
            go.set()
            thread.join(timeout=60)


def test_an_incident_is_told_once_for_both_services_without_its_warning_and_told_to_be_over(
    tmp_path: Path, needs: Callable[[str], str]
) -> None:
    """Two workloads, two alerts each: one message to who is on call, one that it is over; the team hears nothing of it."""
    needs("prometheus")
    needs("prometheus-alertmanager")
    go = threading.Event()
    with (
        demo(go) as address,
        Webhooks() as webhooks,
        Alertmanager(tmp_path / "alertmanager", webhooks, speed=SPEED) as alertmanager,
    ):
        prometheus = AlertingPrometheus(tmp_path / "prometheus", alertmanager, speed=SPEED)
        prometheus.scrape("helios", address)
        with prometheus:
            wait_until(lambda: prometheus.query("helios_anomaly_alarms_total"), 20, "its gauges are scraped")
            alertmanager.settle(60)
            known, read = len(webhooks.got()), len(webhooks.messages())
            hold(webhooks.got, 5, "all is calm", accept=lambda got: len(got) == known)
            go.set()
            warnings = wait_until(
                lambda: alertmanager.alerts(name="HeliosAnomalyWarning"),
                20,
                "the warnings are hidden by what is critical",
                accept=lambda found: {"suppressed"} == {one["status"]["state"] for one in found},
                every=0.1,
            )
            wait_until(lambda: len(webhooks.got()), 30, "it is over", accept=lambda n: n == known + 2)
            hold(webhooks.got, 20, "that was all", accept=lambda got: len(got) == known + 2)
        told = webhooks.got()[known:]
    assert HIT == sorted(one["labels"]["deployment"] for one in warnings)
    assert [("/on-call", "firing"), ("/on-call", "resolved")] == [(one.path, one.status) for one in told]
    for one in told:
        assert "HeliosAnomalyCritical" == one.alert
        assert HIT == one.workloads
        assert {"alertname", "severity", "namespace", "deployment"} == set(one.alerts[0]["labels"])
    first, last = webhooks.messages()[read:]
    assert first.startswith("[FIRING:2] HeliosAnomalyCritical saleor\n")
    assert "saleor/saleor-media reached 4.0 sigmas within the last hour" in first
    assert f"{SITE}runbooks/helios-anomaly-critical.html" in first
    assert ":3000/d/helios-anomalies?var-namespace=saleor&var-deployment=saleor-storefront|" in first
    assert last.startswith("[RESOLVED] HeliosAnomalyCritical saleor\n")
    assert "(over since " in last
