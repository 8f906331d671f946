"""The harness itself, without Helios: what is served reaches the replicas through the real Prometheus, KEDA and HPA.

The HPA looks every 15 s, so everything is applied at once and the tests wait side by side.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from helios.sources.recipes import Family, Selection, demand
from tests.cluster.apis import Refused
from tests.cluster.conftest import NewNamespace, NewPrometheus
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import Interrupted, Traced, steady
from tests.cluster.exhibits import Past, past
from tests.cluster.manifests import deployment, prometheus_trigger, scaled_object
from tests.cluster.prometheuses import Prometheus
from tests.cluster.servers import Exporter, Server
from tests.cluster.shops import Shop
from tests.cluster.waits import wait_until

LITERAL = """
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: literal
  namespace: {namespace}
spec:
  scaleTargetRef:
    name: literal
  minReplicaCount: 1
  maxReplicaCount: 10
  pollingInterval: 30
  cooldownPeriod: 300
  triggers:
    - type: prometheus
      metadata:
        serverAddress: {server}
        metricName: helios_predicted_cpu
        query: |
          helios_predicted_cpu{{
            namespace="saleor",
            deployment="saleor-api",
            horizon="30m"
          }}
        threshold: "70"
        activationThreshold: "50"
"""
"""The requirements' own, but for names and the server's address."""

WORKING = (
    "max(100 * helios_predicted_cpu{namespace='saleor',deployment='saleor-api',horizon='30m'}"
    " * ignoring(horizon) helios_current_replicas{namespace='saleor',deployment='saleor-api'}"
    " and ignoring(horizon)"
    " (helios_report_expires_timestamp_seconds{namespace='saleor',deployment='saleor-api'} > time()))"
)
RATIO, REPLICAS = 1.2, 4
"""Predicted at 120 % of what four replicas request: 480 / 70 is 6.9."""


@pytest.fixture(scope="module")
def scene(new_namespace: NewNamespace) -> str:
    """The namespace in which everything happens at once."""
    return new_namespace("harness")


@pytest.fixture(scope="module")
def scaled(
    keda: object,
    plane: ControlPlane,
    shop: Shop,
    scene: str,
    exposition: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    """Four workloads, each scaled by another trigger, and the Prometheus that the triggers ask."""
    with ExitStack() as stack:
        prometheus = Prometheus(tmp_path_factory.mktemp("prometheus"))
        exporter = stack.enter_context(Exporter())
        who = {"namespace": "saleor", "deployment": "saleor-api"}
        exporter.set("wanted", 6)
        exporter.set("helios_predicted_cpu", RATIO, horizon="30m", **who)
        exporter.set("helios_current_replicas", REPLICAS, **who)
        exporter.set("helios_report_expires_timestamp_seconds", time.time() + 3600, **who)
        prometheus.scrape("exporter", exporter.address)
        prometheus.scrape("shop", exposition.address, f"/metrics/{scene}")
        stack.enter_context(prometheus)
        shop.open(scene, "cpu", steady(2.8))
        begin = {"gauge": 2, "cpu": 2, "literal": REPLICAS, "working": REPLICAS}
        plane.apply(*(deployment(scene, name, replicas=count) for name, count in begin.items()))
        wait_until(lambda: prometheus.value(WORKING), 15, "the gauges are scraped", every=0.1)
        gauge = prometheus_trigger(prometheus.url, "max(wanted)", "1", ignoreNullValues="false")
        working = prometheus_trigger(
            prometheus.url, WORKING, "70", activationThreshold="50", ignoreNullValues="false"
        )
        cpu = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}
        plane.apply(
            scaled_object(scene, "gauge", [gauge], target="gauge"),
            scaled_object(scene, "cpu", [cpu], target="cpu"),
            scaled_object(scene, "working", [working], target="working"),
            LITERAL.format(namespace=scene, server=prometheus.url),
        )
        yield prometheus


@pytest.mark.usefixtures("scaled")
def test_a_gauge_moves_a_deployment(plane: ControlPlane, scene: str) -> None:
    """From 2 to 6, and the pods become ready."""
    wait_until(lambda: plane.replicas(scene, "gauge"), 60, "six replicas", accept=lambda n: n == 6)
    wait_until(lambda: plane.ready(scene, "gauge"), 20, "six are ready", accept=lambda n: n == 6)


@pytest.mark.usefixtures("scaled")
def test_the_requirements_trigger_in_its_working_form_scales_to_the_ceiling_of_its_expression(
    plane: ControlPlane, scene: str
) -> None:
    """Total percents over a threshold per pod: the ceiling of 100 * ratio * replicas / 70."""
    wait_until(lambda: plane.replicas(scene, "working"), 60, "seven replicas", accept=lambda n: n == 7)


@pytest.mark.usefixtures("scaled")
def test_the_cpu_trigger_alone_works(plane: ControlPlane, shop: Shop, scene: str) -> None:
    """2.8 cores at 70 % of half a core need eight pods; two were short, and that shows."""
    wait_until(lambda: plane.replicas(scene, "cpu"), 120, "eight replicas", accept=lambda n: n == 8)
    (workload,) = shop.workloads(scene)
    wait_until(lambda: workload.samples[-1].ready, 10, "eight are ready", accept=lambda n: n == 8)
    assert workload.short_seconds() > 0
    assert pytest.approx(2.8) == workload.samples[-1].used


@pytest.mark.usefixtures("scaled")
def test_the_requirements_trigger_as_written_scales_in_under_load(plane: ControlPlane, scene: str) -> None:
    """At a predicted 120 % it takes four replicas down to one: the ratio 1.2 is far below a threshold of 70."""
    wait_until(lambda: plane.replicas(scene, "literal"), 120, "one replica", accept=lambda n: n == 1)


@pytest.mark.usefixtures("scaled")
def test_a_workload_has_one_owner(plane: ControlPlane, scene: str) -> None:
    """KEDA's own webhook is asked, and refuses a second ScaledObject."""
    second = scaled_object(
        scene, "second", [prometheus_trigger("http://127.0.0.1:9", "vector(1)", "1")], target="gauge"
    )
    with pytest.raises(AssertionError, match="is already managed by"):
        plane.apply(second)


def test_a_past_and_a_present_of_one_curve_come_back_as_demand(
    plane: ControlPlane, shop: Shop, namespace: str, new_prometheus: NewPrometheus, tmp_path: Path
) -> None:
    """Helios' own recipe reads the trace from the loaded past, and from the pods of now; a cut shows at once."""
    now = time.time()
    curve = Interrupted(Traced.of("azure_cpu_usage", now=now, at=3 * 86_400, low=1.0, high=6.0))
    workload = shop.open(namespace, "web", curve)
    plane.apply(deployment(namespace, "web", replicas=8, limit="2"))
    wait_until(lambda: len(workload.ready), 20, "eight are ready", accept=lambda n: n == 8)
    start, end = now - 600, time.time()
    how = Past(replicas=8, request=0.5, limit=2.0)
    history = past(tmp_path / "past.txt", workload, how, start=start, end=end, labels={"job": "shop"})
    prometheus = new_prometheus(namespace, history)
    recipe = demand(Family.RAW, "cpu", Selection((namespace,)), 5.0)

    long_ago = prometheus.query(f"max_over_time(({recipe})[120s:5s] @ {start + 300})")
    wanted = max(curve(start + 180 + i) for i in range(120))
    assert [pytest.approx(wanted, rel=0.05)] == [value for _, value in long_ago]

    def apart() -> float:
        """By which share the recipe's value differs from the curve's mean over the same window."""
        then = time.time()
        mean = sum(curve(then - 0.5 - second) for second in range(5)) / 5
        return abs((prometheus.value(recipe) or 0.0) / mean - 1)

    wait_until(apart, 15, "the present's demand", accept=lambda share: share < 0.1)
    curve.cut(0.1, time.time())
    low = pytest.approx(0.1 * curve.whole(time.time()), rel=0.25)
    wait_until(lambda: prometheus.value(recipe), 15, "the cut demand", accept=lambda cores: cores == low)


def test_a_service_account_may_do_what_its_roles_say(plane: ControlPlane, namespace: str) -> None:
    """Nothing, here; and the audit log tells of it."""
    mark = plane.audit.mark()
    user = plane.service_account(namespace, "default")
    with pytest.raises(AssertionError, match="Forbidden"):
        plane.kubectl("get", "pods", "--namespace", namespace, user=user)
    refused = plane.audit.forbidden(user=f"system:serviceaccount:{namespace}:default", since=mark)
    assert [("list", "pods", namespace)] == [(one.verb, one.resource, one.namespace) for one in refused]


def test_the_api_server_comes_back(plane: ControlPlane, namespace: str) -> None:
    """Killed and started again on its port, it knows what it knew, and pods still start."""
    plane.apply(deployment(namespace, "web", replicas=1))
    plane.apiserver.kill()
    with pytest.raises(Exception, match="refused"):
        plane.api.get("Deployment", "web", namespace)
    plane.apiserver.start()
    plane.api.patch("Deployment", "web", {"spec": {"replicas": 3}}, namespace)
    wait_until(lambda: plane.ready(namespace, "web"), 60, "three are ready", accept=lambda n: n == 3)


def test_the_api_says_what_it_refuses(plane: ControlPlane, namespace: str) -> None:
    """A wrong object is an error with the server's own words, a missing one is None."""
    with pytest.raises(Refused, match="Invalid value"):
        plane.api.create("Deployment", deployment(namespace, "Not A Name"), namespace)
    assert plane.api.get("Deployment", "nobody", namespace) is None
