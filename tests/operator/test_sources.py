"""What the loop observes comes from the API server, and from Prometheus only while that is away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from structlog.testing import capture_logs

from helios.operator.clusters import Cluster
from helios.operator.sources import ClusterSource
from helios.operator.workloads import WorkloadReader
from scoring.errors import SourceUnavailable
from scoring.metrics_stream import Workloads
from scoring.panels import Panel, Series
from tests.operator.api_server import ApiServer
from tests.operator.api_stores import ROLLOUT
from tests.operator.objects import container, deployment, pod, rollout, stateful_set

FLEET = [("shop", "web", "Deployment"), ("shop", "db", "StatefulSet"), ("saleor", "gone", "Deployment")]
SERIES = [
    Series("shop", "db", "memory", "StatefulSet"),
    Series("shop", "web", "cpu"),
    Series("shop", "web", "orders", query="sum(orders)"),
    Series("saleor", "gone", "cpu"),
    Series("shop", "web", "memory"),
]


@dataclass
class FakeMetrics:
    """A source of demand that knows something of workloads as well, or fails."""

    points_per_read: int = 42
    fails: bool = False
    asked: int = 0
    closed: bool = False
    wrong: dict[Series, str] = field(default_factory=dict)

    def read(self, series: Sequence[Series], start: float, end: float, step: float) -> Panel:
        shape = (len(series), round((end - start) / step) + 1)
        return Panel(tuple(series), start, step, np.ones(shape, np.float32), np.zeros(shape, np.bool_))

    def observe(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        self.asked += 1
        if self.fails:
            raise SourceUnavailable("Prometheus is away too")
        rows = np.full(len(workloads), 8.0, np.float32)
        return Workloads(rows, np.ones(len(series), np.float32), np.ones(len(series), np.float32), rows)

    def problems(self) -> Mapping[Series, str]:
        return self.wrong

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer() as server:
        server.store.put(
            deployment("web", replicas=4, containers=[container("250m", "1Gi", limits={"cpu": "1"})]),
            stateful_set("db", replicas=0),
            pod("web", start=12.0),
        )
        yield server


@pytest.fixture
def metrics() -> FakeMetrics:
    return FakeMetrics()


@pytest.fixture
def source(api: ApiServer, metrics: FakeMetrics) -> Iterator[ClusterSource]:
    with Cluster.of(api.configuration(), seconds=2.0) as cluster:
        yield ClusterSource(metrics, WorkloadReader(cluster, dict))


def test_the_state_of_the_fleet_comes_in_its_order(source: ClusterSource, metrics: FakeMetrics) -> None:
    """One value per target or series; what does not exist is unknown, what was scaled to zero is zero."""
    found = source.observe(FLEET, SERIES).checked(len(FLEET), len(SERIES))
    np.testing.assert_array_equal([4.0, 0.0, np.nan], found.replicas)
    np.testing.assert_array_equal([12.0, np.nan, np.nan], found.start_seconds)
    np.testing.assert_array_equal([False, True, False], found.off)
    request = np.array([128 * 2**20, 0.25, np.nan, np.nan, 2**30], np.float32)
    np.testing.assert_array_equal(request, found.request)
    np.testing.assert_array_equal(np.array([np.nan, 1.0, np.nan, np.nan, np.nan], np.float32), found.limit)
    assert 0 == metrics.asked


def test_a_reference_says_of_which_group_a_kind_is(api: ApiServer, metrics: FakeMetrics) -> None:
    """Whatever has a scale can be a target."""
    api.store.kinds.append(ROLLOUT)
    api.store.put(rollout("checkout", replicas=6))
    references = {("shop", "checkout"): "argoproj.io/v1alpha1"}
    with Cluster.of(api.configuration()) as cluster:
        source = ClusterSource(metrics, WorkloadReader(cluster, lambda: references))
        found = source.observe([("shop", "checkout", "Rollout")], [])
    assert [6.0] == found.replicas.tolist()


def test_while_the_api_server_is_away_prometheus_speaks_for_the_workloads(
    api: ApiServer, source: ClusterSource
) -> None:
    """A restart of the control plane costs no cycle; the log says so once, and once when it is over."""
    with capture_logs() as logs:
        seen = [source.observe(FLEET, SERIES).replicas[0]]
        api.down()
        seen += [source.observe(FLEET, SERIES).replicas[0] for _ in range(2)]
        api.up()
        seen += [source.observe(FLEET, SERIES).replicas[0] for _ in range(2)]
    assert [4.0, 8.0, 8.0, 4.0, 4.0] == seen
    assert ["the API server is away: Prometheus speaks for the workloads", "the API server is back"] == [
        entry["event"] for entry in logs
    ]


def test_when_both_are_away_nothing_is_invented(
    api: ApiServer, source: ClusterSource, metrics: FakeMetrics
) -> None:
    """The cycle is told, and degrades."""
    api.down()
    metrics.fails = True
    with pytest.raises(SourceUnavailable, match="Prometheus is away too"):
        source.observe(FLEET, SERIES)


def test_what_is_forbidden_is_not_asked_of_prometheus(
    api: ApiServer, source: ClusterSource, metrics: FakeMetrics
) -> None:
    """A missing right is shown, not papered over by numbers from elsewhere."""
    api.fail("deployments", 403)
    np.testing.assert_array_equal([np.nan, 0.0, np.nan], source.observe(FLEET, SERIES).replicas)
    assert 0 == metrics.asked


def test_demand_comes_from_the_source_of_metrics(source: ClusterSource, metrics: FakeMetrics) -> None:
    """Reads, their size and their problems are its affair; it is closed with this."""
    metrics.wrong[SERIES[0]] = "matches nothing"
    assert (1, 3) == source.read(SERIES[:1], 0.0, 120.0, 60.0).values.shape
    assert (42, {SERIES[0]: "matches nothing"}) == (source.points_per_read, source.problems())
    source.close()
    assert metrics.closed
