"""What dies, hangs or goes away under a workload that Helios scales: nothing scales in for it, and all comes back."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.conftest import NewNamespace
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import Interrupted, steady
from tests.cluster.exhibits import Past, past
from tests.cluster.helioses import DAY_SECONDS, STEP_SECONDS, USER, Helios, condition, helios_target, install
from tests.cluster.manifests import deployment
from tests.cluster.prometheuses import Prometheus
from tests.cluster.proxies import Proxy
from tests.cluster.servers import Server
from tests.cluster.shops import Shop
from tests.cluster.waits import hold, wait_until

pytestmark = pytest.mark.timeout(900)

DEMAND, REQUEST = 2.7, 0.5
REPLICAS = math.ceil(DEMAND / (0.7 * REQUEST))
"""Reactive, as a steady demand has no skill over persistence."""
SERVING = math.ceil(DEMAND / (0.8 * REQUEST))
"""The guard: a demand that was cut and came back so often may have taught the forecast something."""

EXPIRY_SECONDS = 3 * STEP_SECONDS


@dataclass(frozen=True)
class Scene:
    """One workload in Autoscale, and everything it hangs on."""

    plane: ControlPlane
    namespace: str
    prometheus: Prometheus
    proxy: Proxy
    helios: Helios
    demand: Interrupted
    folder: Path
    mark: int
    outages: list[float]

    @property
    def signal(self) -> str:
        """The gauge that KEDA's query reads."""
        return f'helios_scaling_signal{{namespace="{self.namespace}",deployment="web"}}'

    def published(self) -> bool:
        """Whether Prometheus has the gauge now."""
        return bool(self.prometheus.query(self.signal))

    def replicas(self) -> int:
        """`spec.replicas` of the workload."""
        return self.plane.replicas(self.namespace, "web") or 0

    def keda(self, kind: str) -> str:
        """Status of a condition of the ScaledObject."""
        made = self.plane.api.get("ScaledObject", "web", self.namespace) or {}
        found = (c["status"] for c in made.get("status", {}).get("conditions", []) if c["type"] == kind)
        return next(found, "")

    def settled(self) -> None:
        """All is well again: the number is there, KEDA uses it, the replicas serve the load."""
        self.demand.restore(time.time())
        wait_until(self.published, 60, "the gauge is there", every=0.5)
        wait_until(
            lambda: self.keda("Fallback"), 90, "KEDA is out of its fallback", accept=lambda s: s == "False"
        )
        wait_until(self.replicas, 120, "the replicas serve the load", accept=lambda n: n >= SERVING)

    def held(self, seconds: float) -> None:
        """Though demand falls to a fifth, nothing scales in."""
        self.demand.cut(0.2, time.time())
        hold(self.replicas, seconds, "nothing scales in", accept=lambda n: n >= SERVING)


@pytest.fixture(scope="module")
def scene(
    keda: object,
    plane: ControlPlane,
    shop: Shop,
    new_namespace: NewNamespace,
    exposition: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """The past is loaded and the workload scaled before anything fails."""
    install(plane)
    namespace, folder = new_namespace("failures"), tmp_path_factory.mktemp("failures")
    demand = Interrupted(steady(DEMAND))
    workload = shop.open(namespace, "web", demand)
    plane.apply(deployment(namespace, "web", replicas=REPLICAS, limit="1"))
    wait_until(lambda: len(workload.ready), 60, "all pods are ready", accept=lambda n: n == REPLICAS)
    now = time.time()
    how = Past(replicas=REPLICAS, request=REQUEST, limit=1.0)
    start = now - 3 * DAY_SECONDS
    history = past(folder / "past.txt", workload, how, start=start, end=now, labels={"job": "shop"})
    with ExitStack() as stack:
        prometheus = Prometheus(folder / "prometheus")
        prometheus.load(history)
        prometheus.scrape("shop", exposition.address, f"/metrics/{namespace}")
        stack.enter_context(prometheus)
        proxy, mark = stack.enter_context(Proxy(prometheus.url)), plane.audit.mark()
        settings = {"operator": {"status_seconds": 300}, "prometheus": {"timeout_seconds": 120}}
        helios = stack.enter_context(Helios(plane, prometheus, folder, source=proxy.url, **settings))
        plane.apply(helios_target(namespace, "web", mode="Autoscale"))
        made = Scene(plane, namespace, prometheus, proxy, helios, demand, folder, mark, [])
        wait_until(lambda: made.keda("Ready"), 120, "KEDA is ready", accept=lambda s: s == "True")
        made.settled()
        yield made
        proxy.heal()
        plane.kubectl("delete", "heliostargets", "--all", "--namespace", namespace, "--wait=true")


def test_an_operator_that_is_killed_takes_its_gauges_with_it_and_nothing_scales_in(scene: Scene) -> None:
    """`serve` lives on without them, KEDA falls back to what is there, and demand may fall as it likes."""
    scene.helios.operator.kill()
    wait_until(scene.published, 10, "the gauge vanishes", accept=lambda there: not there, every=0.2)
    assert 200 == httpx.get(f"{scene.helios.url}/live", trust_env=False).status_code
    assert "helios_scaling_signal{" not in scene.helios.metrics()
    scene.held(45)
    wait_until(lambda: scene.keda("Fallback"), 90, "KEDA falls back", accept=lambda s: s == "True")
    scene.held(45)
    scene.helios.operator.start()
    scene.settled()


def test_a_restart_publishes_at_once_what_has_not_expired_and_writes_nothing(scene: Scene) -> None:
    """Killed and started while its Prometheus is silent: the numbers are the snapshot's, and no status is patched."""
    user = {"user": USER, "since": scene.plane.audit.mark()}
    scene.proxy.hang()
    scene.helios.operator.kill()
    killed = time.time()
    scene.helios.operator.start()
    wait_until(lambda: scene.signal in scene.helios.metrics(), 10, "the snapshot's number", every=0.1)
    assert time.time() - killed < EXPIRY_SECONDS
    wait_until(
        lambda: scene.signal in scene.helios.metrics(),
        20,
        "and expires as it would have",
        accept=lambda there: not there,
    )
    scene.proxy.heal()
    scene.settled()
    patches = [
        r for r in scene.plane.audit.requests(**user) if r.resource == "heliostargets.helios.dev/status"
    ]  # type: ignore[arg-type]
    assert [] == patches
    assert "warm start" in scene.helios.operator.log.read_text()


def test_a_loop_that_hangs_does_not_hold_keda_on_a_frozen_value(scene: Scene) -> None:
    """The process lives and answers; its numbers are gone when they expire, and KEDA holds what is there."""
    scene.proxy.hang()
    wait_until(
        scene.published, EXPIRY_SECONDS + 15, "the gauge vanishes", accept=lambda there: not there, every=0.2
    )
    assert scene.helios.operator.running
    assert 200 == httpx.get(f"{scene.helios.url}/health", trust_env=False).status_code
    scene.held(60)
    wait_until(lambda: scene.keda("Fallback"), 60, "KEDA falls back", accept=lambda s: s == "True")
    scene.proxy.heal()
    scene.settled()


def test_a_prometheus_that_is_killed_scales_nothing_in(scene: Scene) -> None:
    """Helios' numbers expire, KEDA's query fails, the replicas stay; all is back when it is."""
    scene.prometheus.process.kill()
    scene.held(75)
    assert "True" == scene.keda("Fallback")
    assert "helios_scaling_signal{" not in scene.helios.metrics()
    scene.prometheus.process.start()
    scene.settled()


def said(plane: ControlPlane, namespace: str) -> dict[str, Any]:
    """What of the status of `web` is no wording: it may have been waiting for its turn when the server went away."""
    status = (plane.api.get("HeliosTarget", "web", namespace) or {})["status"]
    reasons = {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}
    return {"reasons": reasons, "skill": status.get("skill"), "score": status["anomaly"]["score"]}


def test_an_api_server_that_restarts_costs_nothing_but_the_time(scene: Scene, shop: Shop) -> None:
    """Scoring goes on by Prometheus alone; afterwards the watch goes on, and nothing is written that stands."""
    plane = scene.plane
    stood = said(plane, scene.namespace)
    plane.apiserver.kill()
    scene.outages.append(time.time())
    hold(scene.published, 60, "the gauge stays", accept=bool)
    mark = plane.audit.mark()
    plane.apiserver.start()
    scene.outages.append(time.time())
    late = shop.open(scene.namespace, "late", steady(0.5))
    plane.apply(deployment(scene.namespace, "late"), helios_target(scene.namespace, "late"))
    wait_until(lambda: len(late.ready), 180, "its pod is ready: controllers come back in their own time")
    wait_until(
        lambda: condition(plane, scene.namespace, "late", "Ready"),
        90,
        "a new one is scored",
        accept=lambda seen: seen[1] == "Scored",
    )
    scene.settled()
    requests = plane.audit.requests(user=USER, since=mark)
    patched = {r.name for r in requests if r.resource == "heliostargets.helios.dev/status"}
    stands = said(plane, scene.namespace)
    assert {"late"} >= patched or stood != stands, f"written again: {stands}"


def test_an_operator_that_is_told_to_end_finishes_its_cycle(scene: Scene) -> None:
    """Exit code 0, a snapshot on disk, and no trace of an error."""
    assert 0 == scene.helios.operator.stop()
    assert time.time() - (scene.folder / "state" / "state.npz").stat().st_mtime < 30
    assert "Traceback" not in scene.helios.operator.log.read_text()
    scene.helios.operator.start()
    scene.settled()


def test_a_workload_scaled_to_zero_by_hand_is_brought_back_by_keda(scene: Scene) -> None:
    """In Autoscale its minimum holds: whoever wants zero pauses the ScaledObject first."""
    scene.plane.kubectl("scale", "deployment/web", "--replicas=0", "--namespace", scene.namespace)
    wait_until(scene.replicas, 90, "KEDA brings it back", accept=lambda n: n >= 1)
    scene.settled()


def test_a_maintenance_at_zero_lasts_as_long_as_the_pause_and_ends_with_it(scene: Scene) -> None:
    """However long its samples are gone by then: the minimum is published, or KEDA's trigger failed and it would start nothing."""
    pause = "autoscaling.keda.sh/paused"
    scene.plane.kubectl("annotate", "scaledobject/web", f"{pause}=true", "--namespace", scene.namespace)
    wait_until(lambda: scene.keda("Paused"), 60, "KEDA has paused", accept=lambda s: s == "True")
    scene.plane.kubectl("scale", "deployment/web", "--replicas=0", "--namespace", scene.namespace)
    hold(scene.replicas, 4 * EXPIRY_SECONDS, "it stays at zero", accept=lambda n: n == 0)
    assert [1.0] == [value for _, value in scene.prometheus.query(scene.signal)]
    scene.plane.kubectl("annotate", "scaledobject/web", f"{pause}-", "--namespace", scene.namespace)
    wait_until(scene.replicas, 90, "KEDA brings it back", accept=lambda n: n >= 1)
    scene.settled()


def test_nothing_of_all_this_was_forbidden(scene: Scene) -> None:
    """Not one request of the operator's, under the shipped ClusterRole; a server that has just begun knows no roles yet."""
    began, ready = scene.outages
    refused = scene.plane.audit.forbidden(user=USER, since=scene.mark)
    assert [] == [
        one for one in refused if not began <= datetime.fromisoformat(one.when).timestamp() <= ready + 5
    ]
