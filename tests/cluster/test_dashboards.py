"""Every query of the four dashboards, KEDA's and kube-state-metrics' too, while Helios scales a workload through both."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.cluster.conftest import NewPlace, Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import Traced
from tests.cluster.exhibits import Past
from tests.cluster.helioses import DAY_SECONDS, ROOT, SPEED, Helios, condition, helios_target
from tests.cluster.kedas import Keda
from tests.cluster.prometheuses import Prometheus
from tests.cluster.statemetrics import NAME, StateMetrics
from tests.cluster.waits import wait_until
from tests.dashboards.queries import UIDS, Window, dashboard, executed, failing
from tests.dashboards.visitors import visit

pytestmark = pytest.mark.timeout(600)

TRACE = ROOT / "helios" / "demos" / "trace.csv.gz"
RAMP = 1956 * 300
HORIZON = 60
"""The shortest that a target may have."""

SHOWN_SECONDS = 60.0
SCRAPE_SECONDS = 1.0
REQUEST, LINE, START_SECONDS = 0.5, 0.9, 2.0


@dataclass(frozen=True)
class Scene:
    """A workload that Helios scales, and all who tell of it."""

    namespace: str
    prometheus: Prometheus
    helios: Helios
    mark: int


@pytest.fixture(scope="module")
def scene(keda: Keda, new_place: NewPlace) -> Iterator[Scene]:
    """Four played days of a past, then Autoscale, until twelve predictions have come due: fewer are not judged."""
    place, now = new_place("dashboards"), time.time()
    plane, namespace = place.plane, place.namespace
    curve = Traced.of(
        "alibaba_cpu_util_percent", now=now, at=RAMP, low=1.0, high=6.0, speed=SPEED, trace=TRACE
    )
    replicas = math.ceil(curve(now) / (REQUEST * LINE))
    pods = {"web": Past(replicas=replicas, request=REQUEST, limit=1.0, ready_after=START_SECONDS)}
    workloads = place.serving({"web": curve}, pods)
    prometheus = Prometheus(place.folder / "prometheus", scrape_seconds=SCRAPE_SECONDS)
    place.remembering(prometheus, workloads, pods, seconds=4 * DAY_SECONDS)
    with ExitStack() as stack:
        states = stack.enter_context(StateMetrics(plane))
        prometheus.scrape("kube-state-metrics", states.address)
        prometheus.scrape("keda-operator", keda.metrics_address)
        stack.enter_context(prometheus)
        mark = plane.audit.mark()
        helios = stack.enter_context(place.helios(prometheus))
        plane.apply(helios_target(namespace, "web", mode="Autoscale", forecast={"horizons": [HORIZON, 300]}))
        scene = Scene(namespace, prometheus, helios, mark)
        told = f'helios_forecast_coverage{{namespace="{namespace}",metric="cpu"}}'
        wait_until(lambda: prometheus.value(told), 300, "predictions have come due and are judged")
        yield scene


def test_helios_scales_the_workload(plane: ControlPlane, scene: Scene) -> None:
    """What the dashboards show below is not of an idle cluster."""
    reason = condition(plane, scene.namespace, "web", "Scaling")
    assert ("True", "Autoscaling") == reason[:2], reason[2]
    signal = f'helios_scaling_signal{{namespace="{scene.namespace}"}}'
    assert scene.prometheus.value(signal) is not None


@pytest.mark.parametrize("uid", UIDS)
def test_every_query_of_a_dashboard_has_an_answer(scene: Scene, uid: str, tell: Tell) -> None:
    """None is left out: variables, annotations, and every panel, of all targets and of the one."""
    with httpx.Client(base_url=scene.helios.url, timeout=10, trust_env=False) as client:
        for _ in range(6):
            visit(client)
            time.sleep(SCRAPE_SECONDS)
    board, url = dashboard(uid), scene.prometheus.url
    window = Window(time.time(), SHOWN_SECONDS, SCRAPE_SECONDS)
    answers = executed(board, url, window)
    answers += executed(board, url, window, chosen={"namespace": [scene.namespace], "deployment": ["web"]})
    tell({"dashboard": uid, "queries": len(answers)})
    assert [] == failing(answers)


def test_keda_and_the_hpa_follow_what_is_recommended(scene: Scene) -> None:
    """The dashboard's lines meet: what KEDA read is the signal, and the HPA wants what was recommended."""
    where = f'namespace="{scene.namespace}"'
    value = scene.prometheus.value

    def seen() -> tuple[float | None, ...]:
        return (
            value(f"max(helios_scaling_signal{{{where}}})"),
            value(f'max(keda_scaler_metrics_value{{{where},metric="s0-prometheus"}})'),
            value(f"max(kube_horizontalpodautoscaler_status_desired_replicas{{{where}}})"),
            value(f'max(kube_deployment_status_replicas{{{where},job="kube-state-metrics"}})'),
        )

    wait_until(seen, 120, "all four agree", accept=lambda four: None not in four and len(set(four)) == 1)


def test_kube_state_metrics_was_forbidden_nothing(plane: ControlPlane, scene: Scene) -> None:
    """Two verbs on three kinds are enough for these dashboards."""
    user = f"system:serviceaccount:kube-system:{NAME}"
    assert [] == [(one.verb, one.resource) for one in plane.audit.forbidden(user=user, since=scene.mark)]
