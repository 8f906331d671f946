"""The doctor's queries on a real Prometheus: each namespace has one fault, and `fine` has none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache

import pytest

from helios.doctor.fleets import Fleet, Subject
from helios.doctor.prometheus_checks import prometheus_checks
from helios.settings import Prometheus, Scoring, Settings
from tests.doctor.stores import closed, found, rules, store
from tests.sources.clusters import Workload, load
from tests.sources.prometheus_server import Metrics, prometheus

pytestmark = pytest.mark.integration

STEP = 300.0
HOURS = 26
KUBE_STATE = (
    "kube_pod_owner",
    "kube_replicaset_owner",
    "kube_pod_container_resource_requests",
    "kube_deployment_status_replicas",
)
RENAMED = {"namespace": "exported_namespace", "pod": "exported_pod", "container": "exported_container"}


class Edited:
    """Takes a workload's metrics with some series changed, or left out.

    Args:
        metrics: where they go.
        edit: metric and labels -> labels, or None for no such series.
        every: keeps one of so many samples.
    """

    def __init__(
        self,
        metrics: Metrics,
        edit: Callable[[str, Mapping[str, str]], Mapping[str, str] | None] = lambda _, labels: labels,
        every: int = 1,
    ) -> None:
        self._metrics, self._edit, self._every = metrics, edit, every

    def add(self, metric: str, labels: Mapping[str, str], samples: Mapping[float, float]) -> None:
        """Add one series, if it is to be."""
        edited = self._edit(metric, labels)
        if edited is not None:
            fewer = dict(list(samples.items())[:: self._every if metric.startswith("container_") else 1])
            self._metrics.add(metric, edited, fewer)


def renamed(prefix: str) -> Callable[[str, Mapping[str, str]], Mapping[str, str]]:
    """As a scrape without honorLabels stores the metrics that begin so."""

    def edit(metric: str, labels: Mapping[str, str]) -> Mapping[str, str]:
        if not metric.startswith(prefix):
            return labels
        other = {RENAMED.get(name, name): value for name, value in labels.items()}
        return {**other, "namespace": "monitoring", "pod": "scraped-0", "container": "main"}

    return edit


def without(*metrics: str) -> Callable[[str, Mapping[str, str]], Mapping[str, str] | None]:
    """Some metrics are not there."""
    return lambda metric, labels: None if metric in metrics else labels


def bare(metric: str, labels: Mapping[str, str]) -> Mapping[str, str]:
    """Of cAdvisor the label `container` was dropped."""
    return {**labels, "container": ""} if metric.startswith("container_") else labels


def astray(metric: str, labels: Mapping[str, str]) -> Mapping[str, str]:
    """The owners that are told are those of other pods."""
    return {**labels, "pod": f"old-{labels['pod']}"} if metric == "kube_pod_owner" else labels


@pytest.fixture(scope="module")
def start_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Starts the server at the first call; it ends with the module."""
    with ExitStack() as stack:

        @cache
        def start() -> str:
            folder = tmp_path_factory.mktemp("prometheus")
            return stack.enter_context(prometheus(folder, stored().text()))

        yield start


@pytest.fixture
def url(needs: Callable[[str], str], start_once: Callable[[], str]) -> str:
    """A server with a day of metrics, up to now and a little further."""
    needs("prometheus")
    needs("promtool")
    return start_once()


def stored() -> Metrics:
    """Namespaces, each with the Deployment `web`."""
    metrics = Metrics()
    # some steps ahead of now: whenever a test runs, the newest samples are fresh
    end = time.time() // STEP * STEP + 2 * STEP
    columns = HOURS * 12

    def add(namespace: str, into: Edited, steps: int = columns) -> None:
        one = Workload(namespace, "web", [1.0] * steps, [2.0**30] * steps)
        load(into, one, end - steps * STEP, STEP)  # type: ignore[arg-type]

    add("fine", Edited(metrics))
    add("young", Edited(metrics), steps=36)
    add("renamed-state", Edited(metrics, renamed("kube_")), steps=24)
    add("renamed-usage", Edited(metrics, renamed("container_")), steps=24)
    add("bare", Edited(metrics, bare), steps=24)
    add(
        "no-usage",
        Edited(metrics, without("container_cpu_usage_seconds_total", "container_memory_working_set_bytes")),
        steps=24,
    )
    add("no-state", Edited(metrics, without(*KUBE_STATE)), steps=24)
    add("astray", Edited(metrics, astray), steps=24)
    add("coarse", Edited(metrics, every=2), steps=24)
    for cluster in ("eu", "us"):
        add("twice", Edited(metrics, lambda _, labels, name=cluster: {**labels, "cluster": name}), steps=24)
    for metric, value in (
        ("helios_scaling_signal", 3.0),
        ("helios_report_expires_timestamp_seconds", end + 3600),
    ):
        times = [end - 3600 + 60 * i for i in range(60)]
        for labels in (
            {"namespace": "fine", "deployment": "web"},
            {"namespace": "helios", "exported_namespace": "young", "deployment": "web"},
        ):
            metrics.add(metric, labels, dict.fromkeys(times, value))
    return metrics


def examined(url: str, namespace: str, *, matchers: Mapping[str, str] | None = None, hours: int = 24) -> dict:  # type: ignore[type-arg]
    """The checks of one namespace's Deployment, which was scored where it has gauges."""
    scored = namespace in ("fine", "young")
    subject = Subject(
        namespace=namespace, kind="Deployment", name="web", runs=True, requested=True, scored=scored
    )
    settings = Settings(
        scoring=Scoring(history_seconds=hours * 3600),
        prometheus=Prometheus(url=url, matchers=dict(matchers or {})),
    )
    door = store(url, seconds=10.0)
    try:
        checks = prometheus_checks(lambda: door, closed, Fleet((subject,)), settings)
    finally:
        door.client.close()
    return {one.name: one for one in checks}


def test_a_day_of_a_healthy_namespace_has_no_finding(url: str) -> None:
    """All of it is there, and each check says so."""
    checks = examined(url, "fine")
    assert [] == rules(checks)
    assert "24 h of 24 h are there" == checks["prometheus-history"].said
    assert checks["prometheus-scrape-interval"].said in {
        f"usage is sampled about every {seconds} s, for windows of 300 s" for seconds in ("60", "66.7")
    }
    assert "1 of 1 running workload have samples" == checks["prometheus-workloads"].said
    assert checks["gauges"].said.endswith("has fresh gauges of 1 of 1 scored target")


def test_the_hours_that_are_there_are_counted(url: str) -> None:
    """Three of a day; the server keeps ten years, so it is young."""
    checks = examined(url, "young")
    assert ["gauges-exported-namespace"] == rules(checks)
    assert (
        "3 h of 24 h are there; it keeps 87600 h, so the rest comes with time"
        == checks["prometheus-history"].said
    )


@pytest.mark.parametrize(
    ("namespace", "rule", "words"),
    [
        ("renamed-state", "prometheus-exported-namespace", "kube_pod_owner"),
        ("renamed-usage", "prometheus-exported-namespace", "container_cpu_usage_seconds_total"),
        ("bare", "prometheus-cadvisor-labels", "bare"),
        ("no-usage", "prometheus-metrics-missing", "container_memory_working_set_bytes"),
        ("no-state", "prometheus-metrics-missing", "kube_pod_owner"),
        ("astray", "prometheus-workload-without-samples", "Deployment astray/web"),
        ("coarse", "prometheus-scrape-too-coarse", "noisy"),
        ("twice", "prometheus-several-clusters", "twice"),
    ],
)
def test_each_fault_is_found_by_its_name_and_nothing_else(
    url: str, namespace: str, rule: str, words: str
) -> None:
    """By the real PromQL, on what a scrape with that fault really stores."""
    (finding,) = found(examined(url, namespace))
    assert rule == finding.rule
    assert words in finding.what


def test_a_matcher_tells_clusters_apart(url: str) -> None:
    """The remedy of the finding is one."""
    assert [] == rules(examined(url, "twice", matchers={"cluster": "eu"}))
