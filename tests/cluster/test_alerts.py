"""From what happens in a cluster to a person: the operator, a real Prometheus with the shipped rules, a real Alertmanager, a webhook.

The scene runs sixty times as fast as the trace, and every duration of rules and routes is a thirtieth. What is told when two workloads of a real
trace are hit at once, and that a critical alert hides its warning, is shown in tests/alerts/test_notifications.py.
"""

from __future__ import annotations

import math
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.alertmanagers import AlertingPrometheus, Alertmanager
from tests.cluster.conftest import NewPlace, Tell
from tests.cluster.demands import Traced
from tests.cluster.exhibits import Past
from tests.cluster.helioses import COMMAND, DAY_SECONDS, SPEED, STEP_SECONDS, Helios, helios_target
from tests.cluster.proxies import Proxy
from tests.cluster.test_anomalies import ALARMS, COLUMN, ONSET, REPLICAS, SETUP_SECONDS, TRACE, on_call
from tests.cluster.waits import hold, wait_until
from tests.cluster.webhooks import Notification, Webhooks

pytestmark = pytest.mark.timeout(600)

NAME = "api"
RULES_SPEED = SPEED / 2
"""Ten minutes of the rules are twenty seconds here: a restart must be over in them, also on a machine that is busy."""
TIMEOUT_SECONDS = 1
"""Of a question to Prometheus; by default it is a tenth of the interval too."""


SEAM_SECONDS = 30
"""Where the loaded past meets the present some samples are missing: an anomaly of the scene's making, and past before anybody looks."""


@dataclass(frozen=True)
class Scene:
    """One workload, Helios, and whoever is told."""

    namespace: str
    began: float
    helios: Helios
    prometheus: AlertingPrometheus
    alertmanager: Alertmanager
    webhooks: Webhooks
    way: Proxy
    person: Path

    def mark(self) -> int:
        """How much has been told by now."""
        return len(self.webhooks.got())

    def told(self, alert: str, times: int, seconds: float, *, since: int) -> list[Notification]:
        """The notifications after a mark, once there are so many; each must be of this alert."""
        found = wait_until(
            lambda: self.webhooks.got()[since:],
            seconds,
            f"{alert} is told",
            accept=lambda got: len(got) >= times,
            every=0.2,
        )
        assert [alert] * times == [one.alert for one in found]
        return found

    def calm(self, seconds: float, *, since: int) -> None:
        """Nobody is told anything more."""
        hold(lambda: self.webhooks.got()[since:], seconds, "nobody is told", accept=lambda got: got == [])


@pytest.fixture(scope="module")
def scene(new_place: NewPlace) -> Iterator[Scene]:
    """Four days of the trace are past; what Google saw begins when all is ready."""
    place = new_place("alerts")
    plane, namespace, folder = place.plane, place.namespace, place.folder
    began = math.ceil(time.time() / STEP_SECONDS) * STEP_SECONDS + SETUP_SECONDS + SEAM_SECONDS
    demand = Traced.of(COLUMN, now=began, at=ONSET, low=1.0, high=8.0, speed=SPEED, trace=TRACE)
    pods = {NAME: Past(replicas=REPLICAS, request=0.5, limit=1.0)}
    workloads = place.serving({NAME: demand}, pods)
    with ExitStack() as stack:
        webhooks = stack.enter_context(Webhooks())
        alertmanager = stack.enter_context(Alertmanager(folder / "alertmanager", webhooks, speed=RULES_SPEED))
        prometheus = AlertingPrometheus(folder / "prometheus", alertmanager, speed=RULES_SPEED)
        stack.enter_context(place.remembering(prometheus, workloads, pods, seconds=4 * DAY_SECONDS))
        way = stack.enter_context(Proxy(prometheus.url))
        time.sleep(SEAM_SECONDS)
        reach = {"url": way.url, "timeout_seconds": TIMEOUT_SECONDS}
        helios = stack.enter_context(place.helios(prometheus, prometheus=reach))
        plane.apply(helios_target(namespace, NAME, anomaly={"alarmsPerWeek": ALARMS}))
        person = on_call(plane, namespace)
        yield Scene(namespace, began, helios, prometheus, alertmanager, webhooks, way, person)


def test_the_team_is_told_of_an_anomaly_once(scene: Scene, tell: Tell) -> None:
    """With the workload and nothing of a pod; nobody is told anything before it."""
    wait_until(lambda: scene.prometheus.query("helios_anomaly_alarms_total"), 60, "it is scored")
    scene.alertmanager.settle(60)
    assert time.time() < scene.began, f"the set-up takes longer than {SETUP_SECONDS} s here"
    mark = scene.mark()
    scene.calm(scene.began - time.time(), since=mark)
    [told] = scene.told("HeliosAnomalyWarning", 1, 60, since=mark)
    tell({"told_seconds": round(told.at - scene.began, 1)})
    assert ("/team", "firing") == (told.path, told.status)
    [alert] = told.alerts
    wanted = {"alertname": "HeliosAnomalyWarning", "severity": "warning", "namespace": scene.namespace}
    assert {**wanted, "deployment": NAME} == alert["labels"]
    assert f"{scene.namespace}/{NAME} reached " in alert["annotations"]["description"]


def test_a_restart_of_the_operator_tells_nobody_anything(scene: Scene, tell: Tell) -> None:
    """Nothing new, and not the anomaly a second time: every rule looks back far enough."""
    mark, began = scene.mark(), time.time()
    scene.helios.operator.kill()
    scene.helios.operator.start()
    tell({"restart_seconds": round(time.time() - began, 1)})
    scene.calm(32, since=mark)
    assert scene.prometheus.firing("HeliosAnomalyWarning")


def test_who_acknowledges_it_ends_the_alert(scene: Scene) -> None:
    """`helios acknowledge`: told to be over, while the anomaly itself goes on."""
    mark = scene.mark()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HELIOS_")}
    subprocess.run(
        [*COMMAND, "acknowledge", NAME, "--namespace", scene.namespace],
        env={**environment, "KUBECONFIG": str(scene.person)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    [told] = scene.told("HeliosAnomalyWarning", 1, 60, since=mark)
    assert "resolved" == told.status


def test_who_is_on_call_hears_that_prometheus_does_not_answer_and_nothing_of_what_follows(
    scene: Scene, tell: Tell
) -> None:
    """The target is stale by then; that alert is there, and hidden. Both are over when Prometheus is back."""
    mark, lost = scene.mark(), time.time()
    scene.way.hang()
    [told] = scene.told("HeliosPrometheusUnreachable", 1, 90, since=mark)
    assert ("/on-call", "firing") == (told.path, told.status)
    [stale] = wait_until(
        lambda: scene.alertmanager.alerts(name="HeliosTargetStale"), 120, "the target is stale", every=0.2
    )
    tell({"told_seconds": round(told.at - lost, 1), "stale_seconds": round(time.time() - lost, 1)})
    assert NAME == stale["labels"]["deployment"]
    assert "suppressed" == stale["status"]["state"]
    scene.calm(15, since=mark + 1)
    scene.way.heal()
    [_, told] = scene.told("HeliosPrometheusUnreachable", 2, 60, since=mark)
    assert "resolved" == told.status
    scene.calm(15, since=mark + 2)


def test_an_operator_that_is_away_is_told_and_is_over_when_it_is_back(scene: Scene) -> None:
    """`helios serve` goes on answering; what is absent is the loop."""
    mark = scene.mark()
    scene.helios.operator.kill()
    [told] = scene.told("HeliosAbsent", 1, 90, since=mark)
    assert ("/on-call", "firing") == (told.path, told.status)
    assert 1 == scene.prometheus.value("helios_build_info")
    scene.helios.operator.start()
    assert ["firing", "resolved"] == [one.status for one in scene.told("HeliosAbsent", 2, 60, since=mark)]
