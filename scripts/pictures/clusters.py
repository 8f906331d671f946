"""A real KEDA and a real HPA that follow Helios for some minutes, on the end-to-end suite's control plane, all of it scraped.

What a replay cannot show. The shop's demand is the bundled trace at sixty times its speed, so that minutes hold hours of it,
and Helios' step and day are shortened alike; nothing else differs from a cluster but that kwok plays the pods.
"""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from helios.demos.saleor import TRACE
from tests.cluster import components
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import Traced
from tests.cluster.exhibits import Past, past, present
from tests.cluster.helioses import DAY_SECONDS, SPEED, Helios, helios_target, install
from tests.cluster.kedas import Keda
from tests.cluster.manifests import deployment
from tests.cluster.meters import GROUP_VERSION, meter
from tests.cluster.prometheuses import Prometheus
from tests.cluster.servers import Server, texts
from tests.cluster.shops import Shop, Workload
from tests.cluster.statemetrics import StateMetrics
from tests.cluster.waits import wait_until

NAMESPACE = "saleor"
PROMETHEUS = "prometheus"
"""Folder of its configuration and data; started again there, it answers for what it saw."""

MORNING = 1956 * 300
"""Trace seconds at which Alibaba's morning begins: within six hours demand is 3.7 times as much."""

BEFORE_SECONDS, HISTORY_DAYS = 90.0, 4
REQUEST, LINE, START_SECONDS = 0.5, 0.9, 15.0


@dataclass(frozen=True, slots=True)
class Service:
    """A Deployment of the shop: the column that plays its demand, between so many cores, and who may scale it."""

    name: str
    column: str
    low: float
    high: float
    mode: str


SERVICES = (
    Service("saleor-api", "alibaba_cpu_util_percent", 1.0, 8.0, "Autoscale"),
    Service("saleor-worker", "google_cpu_util_percent", 1.5, 4.5, "Autoscale"),
    Service("saleor-dashboard", "azure_cpu_usage", 1.0, 2.0, "Observe"),
)


def scaled(folder: Path, *, seconds: float) -> float:
    """Let the shop be scaled for so long; what Prometheus saw of it is in `folder / PROMETHEUS`.

    Args:
        folder: an empty one, for everybody's data and logs.
        seconds: from the moment at which the targets are applied.

    Returns:
        UNIX seconds of the end.
    """
    binaries = components.folder()
    began = time.time() + BEFORE_SECONDS
    with ExitStack() as stack:
        # 1 a control plane, KEDA, and who tells of them
        plane = stack.enter_context(ControlPlane(binaries / "bin", folder))
        keda = stack.enter_context(Keda(plane, binaries / "bin", binaries / "keda"))
        shop = stack.enter_context(Shop(plane.api))
        server = stack.enter_context(Server(meter(shop), tls=plane.certificate("meter")))
        plane.aggregate(GROUP_VERSION, "kube-system", "metrics-server", server.port)
        wait_until(lambda: plane.serves(GROUP_VERSION), 60, "the shop's metrics are served", every=0.2)
        exposition = stack.enter_context(Server(texts(lambda _: present(shop, NAMESPACE))))
        state = stack.enter_context(StateMetrics(plane))
        # 2 the shop, and its past
        install(plane)
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        workloads = [_opened(service, plane, shop, began) for service in SERVICES]
        wait_until(lambda: all(one.ready for one in workloads), 60, "all workloads have pods")
        prometheus = Prometheus(folder / PROMETHEUS)
        for workload in workloads:
            _load(prometheus, folder / f"{workload.name}.txt", workload, began)
        for job, address in (
            ("shop", exposition.address),
            ("kube-state-metrics", state.address),
            ("keda-operator", keda.metrics_address),
        ):
            prometheus.scrape(job, address)
        stack.enter_context(prometheus)
        # 3 Helios
        stack.enter_context(Helios(plane, prometheus, folder))
        plane.apply(*(helios_target(NAMESPACE, one.name, mode=one.mode) for one in SERVICES))
        time.sleep(seconds)
        return time.time()


def _opened(service: Service, plane: ControlPlane, shop: Shop, began: float) -> Workload:
    """Its demand, and as many pods as that needs."""
    curve = Traced.of(
        service.column, now=began, at=MORNING, low=service.low, high=service.high, speed=SPEED, trace=TRACE
    )
    workload = shop.open(NAMESPACE, service.name, curve)
    plane.apply(
        deployment(
            NAMESPACE, service.name, replicas=_enough(workload, began), limit="1", start_seconds=START_SECONDS
        )
    )
    return workload


def _load(prometheus: Prometheus, file: Path, workload: Workload, began: float) -> None:
    """Days of its past, up to now."""
    how = Past(replicas=_enough(workload, began), request=REQUEST, limit=1.0, ready_after=START_SECONDS)
    now = time.time()
    start = now - HISTORY_DAYS * DAY_SECONDS
    prometheus.load(past(file, workload, how, start=start, end=now, labels={"job": "shop"}))


def _enough(workload: Workload, when: float) -> int:
    return math.ceil(workload.demand(when) / (REQUEST * LINE))
