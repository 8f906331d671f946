"""What is shipped, run as it is shipped: the saleor overlay's pod, from the built image, under restricted admission.

Its own control plane, for the overlay's operator looks after the whole cluster. kubectl applies the overlay; the StatefulSet's controller
makes the pod; a kubelet runs its two containers from the image as the pod says. Prometheus has the shipped rules, Alertmanager
the shipped configuration, both at the speed of the trace.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster import images
from tests.cluster.alertmanagers import AlertingPrometheus, Alertmanager
from tests.cluster.conftest import Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import Traced
from tests.cluster.exhibits import Past, past, present
from tests.cluster.helioses import DAY_SECONDS, SPEED, USER
from tests.cluster.kedas import Keda
from tests.cluster.kubelets import Kubelet
from tests.cluster.manifests import deployment
from tests.cluster.meters import GROUP_VERSION, meter
from tests.cluster.overlays import add_kinds, apply, paced
from tests.cluster.proxies import Proxy
from tests.cluster.servers import Server, texts
from tests.cluster.shops import Shop
from tests.cluster.statemetrics import StateMetrics
from tests.cluster.volumes import provide
from tests.cluster.waits import wait_until
from tests.cluster.webhooks import Webhooks
from tests.dashboards.queries import UIDS, Window, dashboard, executed, failing
from tests.dashboards.visitors import visit
from tests.image import builds

pytestmark = pytest.mark.timeout(1800)

NAMESPACE = "saleor"
COLUMN, MOMENT = "google_assigned_mem_percent", 3 * 86_400 + 6 * 3600
NAMES = ("saleor-api", "saleor-worker", "saleor-dashboard")
REPLICAS = 4
HORIZONS = [60, 300]
"""A panel looks back by as much as a forecast looked ahead: at this pace half an hour would be a day and a quarter of the trace."""


@dataclass(frozen=True)
class Scene:
    """The cluster after `kubectl apply -k`.

    Attributes:
        way: by which the pod, and it alone, reaches Prometheus.
        mark: of the audit log, before the pod began.
    """

    plane: ControlPlane
    pod: Kubelet
    prometheus: AlertingPrometheus
    way: Proxy
    webhooks: Webhooks
    mark: int

    def ready(self) -> dict[str, str]:
        """Each target of the overlay, and its Ready condition."""
        listed = self.plane.api.objects("HeliosTarget", NAMESPACE)
        return {one["metadata"]["name"]: _condition(one, "Ready") for one in listed}


def _condition(target: dict[str, Any], kind: str) -> str:
    found = target.get("status", {}).get("conditions", [])
    return next((f"{one['status']} {one['reason']}" for one in found if one["type"] == kind), "")


@pytest.fixture(scope="module")
def image() -> Iterator[images.Image]:
    """The image of this checkout, from buildah's store; what runs is what is shipped."""
    if lacks := builds.lacks():
        if os.environ.get("CI") == "true":
            pytest.fail(lacks)
        pytest.skip(lacks)
    with images.built(builds.image()) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def scene(built: Path, image: images.Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A shop of three workloads with four days of the trace behind it, KEDA, and the overlay applied."""
    folder = tmp_path_factory.mktemp("shipping")
    with ExitStack() as stack:
        # 1 a cluster with a shop in it
        plane = stack.enter_context(ControlPlane(built / "bin", folder / "plane"))
        keda = stack.enter_context(Keda(plane, built / "bin", built / "keda"))
        shop = stack.enter_context(Shop(plane.api))
        metrics = stack.enter_context(Server(meter(shop), tls=plane.certificate("meter")))
        plane.aggregate(GROUP_VERSION, "kube-system", "metrics-server", metrics.port)
        add_kinds(plane, built)
        plane.api.create("Namespace", {"metadata": {"name": NAMESPACE}})
        demand = Traced.of(COLUMN, now=time.time(), at=MOMENT, low=0.5, high=3.0, speed=SPEED)
        workloads = [shop.open(NAMESPACE, name, demand) for name in NAMES]
        plane.apply(*(deployment(NAMESPACE, name, replicas=REPLICAS) for name in NAMES))
        wait_until(
            lambda: [len(one.ready) for one in workloads],
            60,
            "all pods are ready",
            accept=lambda ready: ready == [REPLICAS] * len(NAMES),
        )
        # 2 what watches it
        webhooks = stack.enter_context(Webhooks())
        alertmanager = stack.enter_context(Alertmanager(folder / "alertmanager", webhooks, speed=SPEED))
        prometheus = AlertingPrometheus(folder / "prometheus", alertmanager, speed=SPEED)
        how, now = Past(replicas=REPLICAS, request=0.5, limit=1.0), time.time()
        for one in workloads:
            file, start = folder / f"{one.name}.txt", now - 4 * DAY_SECONDS
            prometheus.load(past(file, one, how, start=start, end=now, labels={"job": "shop"}))
        exposition = stack.enter_context(Server(texts(lambda _: present(shop, NAMESPACE))))
        prometheus.scrape("shop", exposition.address)
        prometheus.scrape("keda", keda.metrics_address)
        state_metrics = stack.enter_context(StateMetrics(plane))
        prometheus.scrape("kube-state-metrics", state_metrics.address)
        # 3 Helios, as shipped
        provide(plane, "helios-state", folder / "volume")
        mark = plane.audit.mark()
        apply(plane, paced(folder / "overlay", NAMESPACE))
        for name in NAMES:
            wish = {"spec": {"forecast": {"horizons": HORIZONS}}}
            plane.kubectl("patch", "ht", name, "-n", NAMESPACE, "--type=merge", "--patch", json.dumps(wish))
        way = stack.enter_context(Proxy(prometheus.url))
        services = {"prometheus.monitoring.svc:9090": way.url}
        pod = Kubelet(plane, "helios", "helios-0", folder, image=image, services=services, seconds=120)
        stack.enter_context(prometheus)
        stack.enter_context(pod)
        pod.wait()
        prometheus.scrape("helios", pod.address("http"))
        yield Scene(plane, pod, prometheus, way, webhooks, mark)


def test_the_operator_takes_the_overlays_targets(scene: Scene, tell: Tell) -> None:
    """From kubectl apply to three targets that are scored, in Observe: nothing is scaled that nobody asked for."""
    began = time.time()
    ready = wait_until(
        scene.ready,
        90,
        "the targets are scored",
        accept=lambda seen: seen == dict.fromkeys(NAMES, "True Scored"),
    )
    assert set(NAMES) == set(ready)
    for name in NAMES:
        gauge = f'helios_recommended_replicas{{namespace="{NAMESPACE}",deployment="{name}"}}'
        wait_until(lambda gauge=gauge: scene.prometheus.value(gauge), 30, gauge)  # type: ignore[misc]
    modes = {one["spec"]["mode"] for one in scene.plane.api.objects("HeliosTarget", NAMESPACE)}
    assert ({"Observe"}, []) == (modes, scene.plane.api.objects("ScaledObject", NAMESPACE))
    memory = {name: round(one.peak_bytes / 2**20) for name, one in scene.pod.containers.items()}
    tell({"scored_after_seconds": round(time.time() - began, 1), "peak_mib": memory})


def test_the_pod_writes_and_reads_what_its_service_account_may(scene: Scene) -> None:
    """As user 65532 on a read-only file system, with the token of the service account: nothing it asks for is forbidden."""
    assert [] == [one.faults for one in scene.pod.containers.values() if one.faults]
    refused = scene.plane.audit.forbidden(user=USER, since=scene.mark)
    assert [] == [(one.verb, one.resource, one.namespace) for one in refused]


def test_it_scales_when_it_is_told_to(scene: Scene) -> None:
    """One patch, and KEDA and the HPA follow the number of this very pod."""
    wish = {"spec": {"mode": "Autoscale"}}
    where = ("ht", NAMES[0], "--namespace", NAMESPACE)
    scene.plane.kubectl("patch", *where, "--type=merge", "--patch", json.dumps(wish))

    def follows() -> list[int | None]:
        hpas = scene.plane.api.objects("HorizontalPodAutoscaler", NAMESPACE)
        wanted = scene.prometheus.value(f'helios_scaling_signal{{deployment="{NAMES[0]}"}}')
        seen = [hpa.get("status", {}).get("desiredReplicas") for hpa in hpas]
        return [*seen, None if wanted is None else round(wanted)]

    wait_until(follows, 120, "the HPA follows", accept=lambda seen: len(seen) == 2 and seen[0] == seen[1])


@pytest.mark.parametrize("uid", UIDS)
def test_every_query_of_every_dashboard_is_answered(scene: Scene, uid: str, tell: Tell) -> None:
    """KEDA, the HPA and kube-state-metrics included; nothing is empty, nothing is an error."""
    due = (f'helios_predicted_demand{{horizon="1m"}} offset {HORIZONS[0]}s', "helios_forecast_coverage")
    wait_until(lambda: [scene.prometheus.query(one) for one in due], 240, "enough has come due", accept=all)
    with httpx.Client(base_url=f"http://{scene.pod.address('http')}", timeout=10, trust_env=False) as client:
        for _ in range(6):
            visit(client)
            time.sleep(1)
    window = Window(time.time(), 60.0, 1.0)
    answers = executed(dashboard(uid), scene.prometheus.url, window)
    tell({"dashboard": uid, "queries": len(answers)})
    assert [] == failing(answers)


def test_an_alert_fires_and_is_resolved(scene: Scene, tell: Tell) -> None:
    """The way to Prometheus is cut: somebody is woken once, with the runbook; it is back: they are told so. Nothing is restarted."""
    name, began = "HeliosPrometheusUnreachable", time.time()
    scene.way.hang()
    woken = wait_until(lambda: scene.webhooks.got(name), 120, "somebody is woken")[0]
    assert ("firing", "/on-call") == (woken.status, woken.path)
    (alert,) = woken.alerts
    assert alert["annotations"]["runbook_url"].endswith("/helios-prometheus-unreachable.html")
    healed = time.time()
    scene.way.heal()
    told = wait_until(
        lambda: scene.webhooks.got(name), 120, "it is over", accept=lambda seen: seen[-1].status == "resolved"
    )
    assert ["firing", "resolved"] == [one.status for one in told]
    assert [0, 0] == [one.restarts for one in scene.pod.containers.values()]
    tell(
        {
            "woken_seconds": round(woken.at - began, 1),
            "resolved_seconds": round(told[-1].at - healed, 1),
        }
    )


def test_its_namespace_refuses_a_pod_that_is_less_careful(scene: Scene) -> None:
    """Restricted admission is on: what runs there was admitted by it."""
    wrong = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "careless", "namespace": "helios"},
        "spec": {"containers": [{"name": "one", "image": "helios"}]},
    }
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        scene.plane.apply(wrong)
