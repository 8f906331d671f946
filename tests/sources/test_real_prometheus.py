"""Two weeks of metrics in a real Prometheus come back as what they were."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from helios.sources.access import Access
from helios.sources.clients import Client
from helios.sources.prometheus import PrometheusSource
from helios.sources.traces import Trace
from scoring.panels import Series
from tests.sources.clusters import Workload, load
from tests.sources.prometheus_server import Metrics, prometheus

pytestmark = pytest.mark.integration

STEP = 300.0
COLUMNS = 14 * 288
BUNDLED = Path(__file__).parents[2] / "helios" / "demos" / "trace.csv.gz"


class Cluster:
    """What was loaded, and where it runs."""

    def __init__(self, url: str, workloads: Sequence[Workload], end: float) -> None:
        self.url = url
        self.workloads = workloads
        self.end = end
        self.start = end - COLUMNS * STEP

    def series(self, *metrics: str) -> list[Series]:
        """The rows of these metrics, workload by workload."""
        return [
            Series(one.namespace, one.name, metric, one.kind) for one in self.workloads for metric in metrics
        ]


@pytest.fixture(scope="module")
def start_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Cluster]]:
    """Starts the server at the first call; it ends with the module."""
    with ExitStack() as stack:

        @cache
        def start() -> Cluster:
            end = time.time() // STEP * STEP
            workloads = fleet()
            metrics = Metrics()
            for one in workloads:
                load(metrics, one, end - COLUMNS * STEP, STEP)
            folder = tmp_path_factory.mktemp("prometheus")
            return Cluster(stack.enter_context(prometheus(folder, metrics.text())), workloads, end)

        yield start


@pytest.fixture
def cluster(needs: Callable[[str], str], start_once: Callable[[], Cluster]) -> Cluster:
    """A server with three workloads, two weeks long, that ends now; skipped where there is no Prometheus."""
    needs("prometheus")
    needs("promtool")
    return start_once()


def fleet() -> list[Workload]:
    """A Deployment in a rollout, one more, and a StatefulSet, shaped like real clusters."""
    trace = Trace.from_csv(BUNDLED)
    shapes = [trace.values[trace.index(name)] for name in ("google_cpu_util_percent", "azure_cpu_usage")]
    shapes = [np.tile(one[np.isfinite(one)], 3)[:COLUMNS] for one in shapes]
    cores = [(shape / shape.max() * 4).round(4).tolist() for shape in shapes]
    memory = [round(2**30 * share) for share in np.linspace(0.5, 1.5, COLUMNS)]
    return [
        Workload("saleor", "web", cores[0], memory, pods=3, replica_sets=("6b7", "9f4"), request=2.0),
        Workload("saleor", "api", cores[1], memory, request=0.25, limit=1.0, ready_after=42.0),
        Workload("data", "db", cores[0][::-1], memory, kind="StatefulSet", pods=1, limit=64.0),
    ]


@pytest.fixture
def source(cluster: Cluster) -> Iterator[PrometheusSource]:
    """A source that reads it."""
    with PrometheusSource(Client.to(Access(url=cluster.url))) as opened:
        yield opened


def test_two_weeks_come_back_as_they_were_loaded(cluster: Cluster, source: PrometheusSource) -> None:
    """Through the raw recipe: a Deployment in a rollout, one more, a StatefulSet; cpu and memory."""
    panel = source.read(cluster.series("cpu", "memory"), cluster.start + STEP, cluster.end, STEP)
    assert source.problems() == {}
    for number, one in enumerate(cluster.workloads):
        # A column at g tells of [g - 5 min, g]: the step of the trace that ends there.
        np.testing.assert_allclose(panel.values[2 * number], one.cores, rtol=1e-4)
        # Memory is a gauge: the value at g itself, the first of its step.
        np.testing.assert_allclose(panel.values[2 * number + 1, :-1], one.memory[1:], rtol=1e-6)


def test_usage_at_the_limits_is_censored(cluster: Cluster, source: PrometheusSource) -> None:
    """Api has two pods of one core: from 1.94 cores on, demand may have been more."""
    panel = source.read(cluster.series("cpu"), cluster.start + STEP, cluster.end, STEP)
    np.testing.assert_array_equal(panel.values[1] >= 0.97 * 2, panel.censored[1])
    assert panel.censored[1].any()
    assert not panel.censored[[0, 2]].any()


def test_a_live_read_brings_the_newest_columns(cluster: Cluster, source: PrometheusSource) -> None:
    """Beside a query of a target's own, and one that is wrong."""
    own = Series("saleor", "web", "pods", query='count(kube_pod_owner{namespace="saleor"}) / 2')
    wrong = Series("saleor", "web", "oops", query="sum(")
    panel = source.read((*cluster.series("cpu"), own, wrong), cluster.end - STEP, cluster.end, STEP)
    expected = [one.cores[-2:] for one in cluster.workloads]
    np.testing.assert_allclose(panel.values[:3], expected, rtol=1e-4)
    assert panel.values[3].tolist() == [5.0, 5.0]
    assert {wrong} == source.problems().keys()
    assert "parse error" in source.problems()[wrong]


def test_replicas_and_requests_are_those_of_now(cluster: Cluster, source: PrometheusSource) -> None:
    """Three pods of two ReplicaSets are three replicas."""
    asked = [(one.namespace, one.name, one.kind) for one in cluster.workloads]
    seen = source.observe([*asked, ("saleor", "gone", "Deployment")], cluster.series("cpu", "memory"))
    np.testing.assert_array_equal([3, 2, 1, np.nan], seen.replicas)
    np.testing.assert_array_equal([2, 2 * 2**30, 0.25, 2**28, 0.5, 2**29], seen.request)
    np.testing.assert_array_equal([2, 2 * 2**30, 1, 2**30, 64, 64 * 2**30], seen.limit)
    np.testing.assert_array_equal([20, 42, 20, np.nan], seen.start_seconds)


def test_a_finer_grid_is_fetched_in_pieces(cluster: Cluster, source: PrometheusSource) -> None:
    """20,000 columns are more than Prometheus answers at once."""
    panel = source.read(cluster.series("cpu")[:1], cluster.start + STEP, cluster.end, 60.0)
    assert panel.values.shape == (1, (COLUMNS - 1) * 5 + 1)
    assert np.isfinite(panel.values).all()
    np.testing.assert_allclose(panel.values[0, ::5], cluster.workloads[0].cores, rtol=1e-4)
