"""A real anomaly in a replayed real trace: seen, explained, published, acted on; muted and acknowledged by whoever is on call."""

from __future__ import annotations

import json
import math
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.apis import Object
from tests.cluster.conftest import NewPlace, Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import Traced
from tests.cluster.exhibits import Past
from tests.cluster.helioses import COMMAND, DAY_SECONDS, ROOT, SPEED, STEP_SECONDS, USER, helios_target
from tests.cluster.prometheuses import Prometheus
from tests.cluster.waits import hold, wait_until

pytestmark = pytest.mark.timeout(600)

TRACE = ROOT / "helios" / "demos" / "trace.csv.gz"
COLUMN, ONSET = "google_assigned_mem_percent", 1197 * 300
"""Memory assigned in one of Google's clusters, May 2019: from 64.0 % to 50.3 % within five minutes, and back hours later. Nothing
in the four days before is like it; here it is played as cores."""

REPLICAS, FREEZE_SECONDS = 14, 45
SETUP_SECONDS = 80
ALARMS = "4"
"""A week: of four days alone the rarest thing in them is known to come about twice a week, and no rarer."""
SEVERE = ("warning", "critical")
ON_CALL: Object = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "on-call"},
    "rules": [{"apiGroups": ["helios.dev"], "resources": ["heliostargets"], "verbs": ["get", "patch"]}],
}
"""What docs/operator.md says is needed."""


@dataclass(frozen=True)
class Scene:
    """Two workloads of one demand, one of them muted, and a person on call."""

    plane: ControlPlane
    namespace: str
    prometheus: Prometheus
    person: Path
    began: float
    mark: int

    def gauge(self, name: str, deployment: str) -> float | None:
        """A gauge as Prometheus has it."""
        return self.prometheus.value(f'{name}{{namespace="{self.namespace}",deployment="{deployment}"}}')

    def anomaly(self, name: str) -> dict[str, str]:
        """What the status says of anomalies."""
        found = self.plane.api.get("HeliosTarget", name, self.namespace) or {}
        return dict(found.get("status", {}).get("anomaly") or {})

    def told(self, name: str) -> dict[str, tuple[str, str]]:
        """Reason -> type and message of the Events about anomalies of one target since it began, each told once."""
        listed = self.plane.kubectl("get", "events", "--namespace", self.namespace, "--output=json")
        about = [e for e in json.loads(listed)["items"] if e["involvedObject"]["name"] == name]
        # what came before is the change from past to present pods
        about = [e for e in about if datetime.fromisoformat(e["firstTimestamp"]).timestamp() >= self.began]
        found = [(e["reason"], (e["type"], e["message"])) for e in about if e["reason"][:2] == "An"]
        assert len(found) == len(dict(found)), found
        return dict(found)

    def ran(self, *arguments: str) -> str:
        """What a command of Helios prints to the person on call."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HELIOS_")}
        done = subprocess.run(
            [*COMMAND, *arguments, "--namespace", self.namespace],
            env={**environment, "KUBECONFIG": str(self.person)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert 0 == done.returncode, done.stderr
        return done.stdout


def on_call(plane: ControlPlane, namespace: str) -> Path:
    """A person with the rights that muting needs, and no others."""
    who = {"kind": "ServiceAccount", "name": "on-call", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "on-call"}
    place: dict[str, Any] = {"name": "on-call", "namespace": namespace}
    plane.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place},
        {**ON_CALL, "metadata": place},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": place,
            "roleRef": role,
            "subjects": [who],
        },
    )
    return plane.service_account(namespace, "on-call")


@pytest.fixture(scope="module")
def scene(new_place: NewPlace) -> Iterator[Scene]:
    """Four days of the trace are past; what Google saw begins when all is ready."""
    place = new_place("anomalies")
    plane, namespace = place.plane, place.namespace
    # on the grid, so that the whole step is between two rows of it, as it was in Google's
    began = math.ceil(time.time() / STEP_SECONDS) * STEP_SECONDS + SETUP_SECONDS
    demand = Traced.of(COLUMN, now=began, at=ONSET, low=1.0, high=8.0, speed=SPEED, trace=TRACE)
    pods = dict.fromkeys(("api", "quiet"), Past(replicas=REPLICAS, request=0.5, limit=1.0))
    workloads = place.serving(dict.fromkeys(pods, demand), pods)
    prometheus = Prometheus(place.folder / "prometheus")
    with ExitStack() as stack:
        stack.enter_context(place.remembering(prometheus, workloads, pods, seconds=4 * DAY_SECONDS))
        mark, person = plane.audit.mark(), on_call(plane, namespace)
        stack.enter_context(place.helios(prometheus))
        behavior = {"cooldownSeconds": 10, "freezeMaxSeconds": FREEZE_SECONDS}
        # the median: what is published after the drop is to follow it, with or without a forecast that has skill
        forecast = {"horizons": [60, 300], "quantile": "0.5"}
        wishes: dict[str, Any] = {
            "behavior": behavior,
            "forecast": forecast,
            "anomaly": {"alarmsPerWeek": ALARMS},
        }
        plane.apply(*(helios_target(namespace, name, **wishes) for name in workloads))
        yield Scene(plane, namespace, prometheus, person, began, mark)


def test_before_it_all_is_calm_and_says_so(scene: Scene) -> None:
    """Calibrated by its history, normal, no Event; whoever expects trouble mutes a target with two verbs on one resource."""
    for name in ("api", "quiet"):
        wait_until(
            lambda name=name: scene.anomaly(name),  # type: ignore[misc] # bound here
            60,
            f"{name} is calibrated",
            accept=lambda said: (said.get("severity"), said.get("score")) == ("normal", "under 2.5"),
        )
        assert 0 == wait_until(
            lambda name=name: scene.gauge("helios_anomaly_detected", name),  # type: ignore[misc]
            15,
            "its gauge is scraped",
            accept=lambda value: value is not None,
        )
    assert "raises no alarm until" in scene.ran("mute", "quiet", "--for", "1h")
    wait_until(
        lambda: scene.anomaly("quiet").get("muted", ""), 20, "it is muted", accept=lambda s: "until" in s
    )
    assert time.time() < scene.began, f"the set-up takes longer than {SETUP_SECONDS} s here"


def test_it_is_seen_explained_and_published(scene: Scene, tell: Tell) -> None:
    """Status, Event and gauges say what was expected, what came, since when, and what Helios does about it."""
    status = wait_until(
        lambda: scene.anomaly("api"),
        2 * SETUP_SECONDS,
        "the drop is seen",
        accept=lambda said: said.get("severity") in SEVERE and said["metric"] == "cpu",
    )
    tell({"seen_seconds": round(time.time() - scene.began, 1), "status": status})
    assert time.time() > scene.began
    assert status["kind"] in {"drop", "shift"}
    assert "expected" in status["text"]
    kind, message = wait_until(lambda: scene.told("api"), 15, "the Event")["AnomalyDetected"]
    assert "Warning" == kind
    assert "expected" in message
    assert "cale-in is frozen until" in message
    for name, least in (("helios_anomaly_detected", 1.0), ("helios_anomaly_score", 1.0)):
        wait_until(
            lambda name=name: scene.gauge(name, "api"),  # type: ignore[misc] # bound here
            15,
            name,
            accept=lambda value, least=least: value is not None and value >= least,  # type: ignore[misc]
        )


def test_who_acknowledges_it_is_paged_no_more(scene: Scene) -> None:
    """The alarm's gauge is 0 with the next cycle; the score is published as before."""
    assert "raises no alarm any more" in scene.ran("acknowledge", "api")
    wait_until(lambda: scene.gauge("helios_anomaly_detected", "api"), 20, "no alarm", accept=lambda v: v == 0)
    wait_until(
        lambda: scene.anomaly("api").get("muted"), 15, "the status", accept=lambda s: s == "acknowledged"
    )
    assert scene.gauge("helios_anomaly_score", "api") is not None
    assert "Normal" == wait_until(lambda: scene.told("api").get("AnomalyAcknowledged"), 10, "the Event")[0]  # type: ignore[index]


def test_no_replica_is_taken_away_while_it_is_frozen_and_then_it_is(scene: Scene, tell: Tell) -> None:
    """The published number stays for `freezeMaxSeconds`, whoever has acknowledged or muted what; then demand counts."""
    onset = datetime.fromisoformat(scene.anomaly("api")["since"]).timestamp()

    def number(name: str = "api") -> float:
        return scene.gauge("helios_recommended_replicas", name) or 0

    where = f'helios_recommended_replicas{{namespace="{scene.namespace}",deployment="api"}}'
    before = scene.prometheus.value(f"{where} @ {scene.began:.3f}") or 0
    held = number()
    assert held >= before - 1 > 8
    left = onset + FREEZE_SECONDS - STEP_SECONDS - time.time()
    assert left > 0, "the tests before this one take too long here"
    hold(number, left, "nothing scales in", accept=lambda n: n == held)
    released = wait_until(
        lambda: [number(name) for name in ("api", "quiet")],
        30,
        "the freeze ends",
        accept=lambda seen: 1 <= min(seen) <= max(seen) <= 0.75 * held,
    )
    tell(
        {"before": before, "frozen": held, "released": released, "after_seconds": round(time.time() - onset)}
    )


def test_a_muted_target_keeps_its_score_and_its_protection(scene: Scene) -> None:
    """Of the same demand: no alarm and no Warning; scored, explained and frozen like the other."""
    status = wait_until(lambda: scene.anomaly("quiet"), 30, "it is seen", accept=lambda s: s.get("since"))
    assert status["severity"] in SEVERE
    assert status["muted"].startswith("until ")
    told = wait_until(lambda: scene.told("quiet"), 15, "the Event")
    assert "Normal" == told["AnomalyMuted"][0]
    assert "AnomalyDetected" not in told
    assert "cale-in is frozen until" in told["AnomalyMuted"][1]
    name = f'namespace="{scene.namespace}",deployment="quiet"'
    span = f"[{time.time() - scene.began:.0f}s]"
    assert 0 == scene.prometheus.value(f"max_over_time(helios_anomaly_detected{{{name}}}{span})")
    threshold = scene.gauge("helios_anomaly_threshold", "quiet") or 0
    highest = scene.prometheus.value(f"max_over_time(helios_anomaly_score{{{name}}}{span})") or 0
    assert 1.5 < threshold <= highest


def test_an_annotation_that_cannot_be_read_is_told(scene: Scene) -> None:
    """By name, value and remedy, and the mute beside it stands."""
    where = ("--namespace", scene.namespace)
    scene.plane.kubectl("annotate", "heliostarget", "quiet", *where, "helios.dev/acknowledged=yesterday")
    said = wait_until(lambda: scene.anomaly("quiet").get("problem", ""), 20, "it is told")
    assert said.startswith("annotation helios.dev/acknowledged = 'yesterday' is not an RFC 3339 time")
    assert ("Warning", said) == wait_until(
        lambda: scene.told("quiet").get("AnnotationIgnored"), 10, "the Event"
    )
    scene.plane.kubectl("annotate", "heliostarget", "quiet", *where, "helios.dev/acknowledged-")
    wait_until(
        lambda: "problem" in scene.anomaly("quiet"), 20, "it is mended", accept=lambda wrong: not wrong
    )


def test_nothing_was_forbidden(scene: Scene) -> None:
    """The shipped ClusterRole is enough for the operator."""
    refused = scene.plane.audit.forbidden(user=USER, since=scene.mark)
    assert [] == [(one.verb, one.resource, one.namespace) for one in refused]
