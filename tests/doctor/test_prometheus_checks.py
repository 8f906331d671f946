"""What the doctor says of a Prometheus: nothing of a healthy one, and of each fault its name and its remedy."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helios.doctor.fleets import Fleet
from helios.doctor.prometheus_checks import NAMES, prometheus_checks
from helios.settings import Keda, KedaAuthentication, Settings
from tests.doctor.stores import HEALTHY, RAW, WEB, Shelf, examined, found, rules, store, unnamed
from tests.sources.certificates import certificates
from tests.sources.web_servers import Answer, error, refused, said, serve

SWITCHED = replace(WEB, switched=True)


def of(shelf: Answer, *subjects: Any, **more: Any) -> dict[str, Any]:
    """The checks of a server for as long as they take."""
    with serve(shelf) as served:
        return examined(served.url, *(subjects or (WEB,)), **more)


def test_a_healthy_prometheus_has_no_finding() -> None:
    """Every check is made, in order, and says in one line how it stands."""
    checks = of(Shelf())
    assert [] == rules(checks)
    assert list(NAMES) == list(checks)
    assert ["keda-prometheus"] == [name for name, check in checks.items() if check.skipped]
    assert checks["prometheus"].said.endswith(" answers")
    assert (
        "metrics of 1 namespace: cpu by the raw recipe, memory by the raw recipe"
        == checks["prometheus-metrics"].said
    )
    assert "168 h of 168 h are there" == checks["prometheus-history"].said
    assert all("\n" not in check.said for check in checks.values())


def test_without_an_address_everything_is_skipped_and_nothing_found() -> None:
    """`helios serve` alone, or a replay: no fault."""
    made = prometheus_checks(unnamed, unnamed, Fleet((WEB,)), Settings())
    checks = {one.name: one for one in made}
    assert [] == rules(checks)
    assert list(NAMES) == list(checks)
    assert all(check.skipped for check in made)
    assert "prometheus.url is not set" == checks["prometheus"].said


@pytest.mark.parametrize(
    ("answer", "why", "remedy"),
    [
        pytest.param(said(401, "no"), "HTTP 401", "bearer_token_file", id="401"),
        pytest.param(said(403, "no"), "HTTP 403", "bearer_token_file", id="403"),
        pytest.param(said(404, "nothing here"), "HTTP 404", "without /api/v1", id="404"),
        pytest.param(said(200, "<html>Sign in</html>"), "not JSON", "login page", id="login page"),
        pytest.param(said(200, '{"data": {"result": []}}'), "not Prometheus'", "login page", id="empty"),
        pytest.param(said(200, '{"ok": true}'), "not Prometheus'", "login page", id="another API"),
        pytest.param(lambda _: error(500, "internal", "disk full"), "disk full", "its own log", id="500"),
        pytest.param(Shelf(slow=1.5), "time-out", "timeout_seconds", id="slow"),
    ],
)
def test_a_server_that_is_no_help_is_one_finding_by_its_kind(answer: Answer, why: str, remedy: str) -> None:
    """With the address, what came, and what to set; everything else is skipped."""
    with serve(answer) as served:
        checks = examined(served.url, seconds=0.5)
    (finding,) = found(checks)
    assert ("prometheus-unreachable", f"Prometheus {served.url}") == (finding.rule, finding.where)
    assert why in finding.why
    assert remedy in finding.remedy
    assert "needs what it says of prometheus" == checks["prometheus-metrics"].said
    assert checks["prometheus-metrics"].skipped


@pytest.mark.parametrize(
    ("url", "why", "remedy"),
    [
        pytest.param("http://prometheus.invalid:9090", "resolve", "port-forward", id="no such name"),
        pytest.param(refused(), "refused", "does it run", id="refused"),
    ],
)
def test_nobody_there_is_one_finding_by_its_kind(url: str, why: str, remedy: str) -> None:
    """A name that is known inside the cluster alone, or a port that nobody listens on."""
    (finding,) = found(examined(url))
    assert "prometheus-unreachable" == finding.rule
    assert why in finding.why
    assert remedy in finding.remedy


def test_an_authority_that_is_not_trusted_is_told_as_such(tmp_path: Path) -> None:
    """The remedy is the setting."""
    made = certificates(tmp_path)
    with serve(Shelf(), made.server_context(wants_client=False)) as served:
        (finding,) = found(examined(served.url))
        trusted = examined(served.url, ca_file=made.ca)
    assert "TLS failed" in finding.why
    assert "ca_file" in finding.remedy
    assert [] == rules(trusted)


def test_a_token_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    """The file was there when the door was opened, and is empty."""
    file = tmp_path / "token"
    file.write_text("")
    with serve(Shelf()) as served:
        (finding,) = found(examined(served.url, bearer_token_file=file))
    assert "is empty" in finding.why
    assert "bearer_token_file" in finding.remedy


@pytest.mark.parametrize(
    ("ahead", "word"), [pytest.param(90, "ahead", id="ahead"), pytest.param(-90, "behind", id="behind")]
)
def test_clocks_that_differ_are_found(ahead: float, word: str) -> None:
    """By more than any that are kept do."""
    (finding,) = found(of(Shelf(ahead=ahead)))
    assert "prometheus-clock-skew" == finding.rule
    assert f"its clock is 90 s {word}" in finding.why


def test_a_store_that_answers_as_of_half_a_minute_ago_is_no_fault() -> None:
    """VictoriaMetrics does."""
    assert [] == rules(of(Shelf(ahead=-30)))


@pytest.mark.parametrize(
    ("shelf", "rule", "words"),
    [
        pytest.param(
            Shelf(parts=RAW[2:]),
            "prometheus-metrics-missing",
            "container_cpu_usage_seconds_total, container_memory_working_set_bytes",
            id="no cAdvisor",
        ),
        pytest.param(
            Shelf(parts=RAW[2:], signs=(*HEALTHY, "exported_usage")),
            "prometheus-exported-namespace",
            "container_cpu_usage_seconds_total",
            id="cAdvisor renamed",
        ),
        pytest.param(
            Shelf(parts=RAW[2:], signs=(*HEALTHY, "bare_usage")),
            "prometheus-cadvisor-labels",
            "cpu and memory",
            id="no container",
        ),
        pytest.param(
            Shelf(parts=RAW[2:], unlabelled=("standalone",)),
            "prometheus-cadvisor-labels",
            "cpu and memory",
            id="standalone cAdvisor",
        ),
        pytest.param(
            Shelf(parts=RAW[:2], signs=()),
            "prometheus-metrics-missing",
            "kube_deployment_status_replicas, kube_pod_container_resource_requests, kube_pod_owner, kube_replicaset_owner",
            id="no kube-state-metrics",
        ),
        pytest.param(
            Shelf(parts=RAW[:2], signs=("exported_owner",)),
            "prometheus-exported-namespace",
            "kube_pod_owner",
            id="kube-state-metrics renamed",
        ),
        pytest.param(
            Shelf(parts=RAW[:3]), "prometheus-metrics-missing", "kube_replicaset_owner", id="no ReplicaSets"
        ),
        pytest.param(
            Shelf(signs=("Deployment",)),
            "prometheus-metrics-missing",
            "kube_pod_container_resource_requests",
            id="no requests",
        ),
        pytest.param(
            Shelf(demand=()), "prometheus-workload-without-samples", "Deployment shop/web", id="not joined"
        ),
        pytest.param(Shelf(clusters=("eu", "us")), "prometheus-several-clusters", "shop", id="two clusters"),
        pytest.param(Shelf(samples=5), "prometheus-scrape-too-coarse", "noisy", id="coarse"),
        pytest.param(Shelf(samples=2), "prometheus-scrape-too-coarse", "has gaps", id="too coarse"),
    ],
)
def test_each_fault_of_a_scrape_is_one_finding(shelf: Shelf, rule: str, words: str) -> None:
    """And nothing else is found, whatever hangs on it."""
    (finding,) = found(of(shelf))
    assert rule == finding.rule
    assert words in finding.what
    assert finding.remedy


def test_a_fleet_at_zero_has_nothing_to_look_for() -> None:
    """Its metrics are gone with its pods, which is no fault."""
    checks = of(Shelf(parts=(), signs=(), demand=(), gauges=()), replace(WEB, runs=False, scored=False))
    assert [] == rules(checks)
    assert checks["prometheus-metrics"].skipped


def test_a_container_that_requests_nothing_is_no_fault_of_the_scrape() -> None:
    """Where no workload requests cpu there is no such metric either."""
    assert [] == rules(of(Shelf(signs=("Deployment",)), replace(WEB, requested=False)))


@pytest.mark.parametrize(
    ("flags", "since", "said_of"),
    [
        pytest.param(
            {"storage.tsdb.retention.time": "30d"},
            7200,
            "it keeps 720 h, so the rest comes with time",
            id="young",
        ),
        pytest.param({"storage.tsdb.retention.time": "0s"}, 7200, "it keeps 360 h", id="by default"),
        pytest.param(
            {"storage.tsdb.retention.time": "1w1d", "storage.tsdb.retention.size": "10GB"},
            7200,
            "unless its limit of size forgets sooner",
            id="by size too",
        ),
        pytest.param(
            {"storage.tsdb.retention.time": "0s", "storage.tsdb.retention.size": "1GB"},
            7200,
            "it does not tell",
            id="by size",
        ),
        pytest.param(
            None, 7200, "whether it is young or forgets, it does not tell: keep at least 168 h", id="Thanos"
        ),
        pytest.param(None, 8 * 86_400, "168 h of 168 h are there", id="all there"),
    ],
)
def test_a_young_history_is_told_and_is_no_finding(
    flags: Mapping[str, str] | None, since: float, said_of: str
) -> None:
    """How many hours of how many are there, and what becomes of the rest as far as is known."""
    checks = of(Shelf(flags=flags, since=dict.fromkeys(("usage", "owner"), since)))
    assert [] == rules(checks)
    assert said_of in checks["prometheus-history"].said
    if since == 7200:
        assert checks["prometheus-history"].said.startswith("4 h of 168 h are there")


def test_a_prometheus_that_scrapes_itself_says_how_long_it_keeps_samples() -> None:
    """Where its flags are not to be had: newer ones have a metric of it."""
    since = dict.fromkeys(("usage", "owner"), 7200.0)
    checks = of(Shelf(flags=None, kept=30 * 86_400.0, since=since))
    assert "it keeps 720 h, so the rest comes with time" in checks["prometheus-history"].said
    assert ["prometheus-retention-short"] == rules(of(Shelf(flags=None, kept=86_400.0, since=since)))


def test_a_prometheus_that_forgets_too_early_is_found() -> None:
    """By its flags, whatever is there: a block lingers beyond its time."""
    shelf = Shelf(
        flags={"storage.tsdb.retention.time": "1d"}, since=dict.fromkeys(("usage", "owner"), 90_000)
    )
    (finding,) = found(of(shelf))
    assert "prometheus-retention-short" == finding.rule
    assert "forgets after 24 h, and scoring.history_seconds is 604800" in finding.why
    assert "retention.time=8d" in finding.remedy


@pytest.mark.parametrize(
    ("gauges", "expected", "severity"),
    [
        pytest.param((), ["gauges-not-scraped"], "error", id="not scraped"),
        pytest.param(
            (({"namespace": "shop", "deployment": "api", "part": "all"}, 1),),
            ["gauges-missing"],
            "error",
            id="lost",
        ),
        pytest.param(
            (({"namespace": "helios", "deployment": "web", "part": "all"}, 1),),
            ["gauges-namespace-overwritten"],
            "error",
            id="PodMonitoring",
        ),
        pytest.param(
            tuple(
                ({"namespace": "helios", "exported_namespace": "shop", "deployment": "web", "part": part}, 1)
                for part in ("all", "fresh")
            ),
            ["gauges-exported-namespace"],
            "warning",
            id="not honoured",
        ),
        pytest.param(
            (({"namespace": "shop", "deployment": "web", "part": "all"}, 1),),
            ["gauges-expired"],
            "error",
            id="expired",
        ),
        pytest.param(
            tuple(({"namespace": "shop", "deployment": "web", "part": part}, 2) for part in ("all", "fresh")),
            ["gauges-twice"],
            "warning",
            id="twice",
        ),
    ],
)
def test_gauges_that_are_not_as_keda_reads_them_are_found(
    gauges: Any, expected: list[str], severity: str
) -> None:
    """Of a target in Autoscale; each fault by its own name."""
    checks = of(Shelf(gauges=gauges), SWITCHED)
    assert expected == rules(checks)
    assert severity == found(checks)[0].severity


def test_gauges_that_no_trigger_reads_are_a_warning() -> None:
    """In Observe only dashboards and alerts miss them."""
    (finding,) = found(of(Shelf(gauges=())))
    assert ("gauges-not-scraped", "warning") == (finding.rule, finding.severity)


def test_a_target_that_was_never_scored_has_no_gauge_to_miss() -> None:
    """It waits for its first cycle."""
    checks = of(Shelf(gauges=()), replace(WEB, scored=False))
    assert [] == rules(checks)
    assert checks["gauges"].skipped


def test_the_address_that_keda_asks_is_looked_at_by_itself() -> None:
    """The gauges are in the one, not in the other; the finding says in which."""
    with serve(Shelf(gauges=())) as other, serve(Shelf()) as own:
        checks = examined(own.url, SWITCHED, keda=lambda: store(other.url))
    (finding,) = found(checks)
    assert ("gauges-not-scraped", f"Prometheus {other.url}") == (finding.rule, finding.where)
    assert (finding,) == checks["keda-prometheus"].findings


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(said(502, "bad gateway"), id="away"),
        pytest.param(said(401, "no"), id="closed, in Observe"),
    ],
)
def test_an_address_of_kedas_own_that_cannot_be_asked_from_here_is_skipped(answer: Answer) -> None:
    """It may be open to KEDA alone."""
    with serve(answer) as other, serve(Shelf()) as own:
        checks = examined(own.url, keda=lambda: store(other.url))
    assert [] == rules(checks)
    assert checks["keda-prometheus"].skipped
    assert "cannot be asked from here" in checks["keda-prometheus"].said


def test_an_address_of_kedas_own_that_asks_for_credentials_nobody_gave_is_found() -> None:
    """KEDA would fall back; with credentials in the settings it cannot be told from here, and is skipped."""
    reference = KedaAuthentication(name="prometheus")
    with serve(said(401, "no")) as other, serve(Shelf()) as own:
        (finding,) = found(examined(own.url, SWITCHED, keda=lambda: store(other.url)))
        known = Settings(keda=Keda(authentication_ref=reference))
        checks = examined(own.url, SWITCHED, keda=lambda: store(other.url), settings=known)
    assert ("keda-prometheus-closed", f"Prometheus {other.url}") == (finding.rule, finding.where)
    assert [] == rules(checks)
    assert checks["keda-prometheus"].skipped


def test_time_that_is_used_up_skips_what_is_left() -> None:
    """One slow thing does not hang the doctor: after a minute nothing more is begun."""
    ticks = itertools.count()
    checks = of(Shelf(), clock=lambda: 25.0 * next(ticks))
    skipped = [name for name, check in checks.items() if check.skipped]
    assert list(NAMES[2:]) == skipped
    assert "the 60 s for these checks were used up" == checks["gauges"].said


def test_a_server_that_falls_silent_costs_each_check_its_own_time_out(tmp_path: Path) -> None:
    """No longer than the patience for one answer; what it costs is told as skipped."""

    def answer(request: Any) -> Any:
        return Shelf(slow=0.0 if "vector(time())" in request.query else 3.0)(request)

    began = time.monotonic()
    with serve(answer) as served:
        checks = examined(served.url, seconds=0.5)
    assert time.monotonic() - began < 10
    assert [] == rules(checks)
    assert "time-out" in checks["prometheus-metrics"].said
