"""The rules fire when they should and not when they should not, and tell a person what to do."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from helios.api.middlewares import build_meters
from helios.loops import LoopMetrics
from helios.operator.leases import lease_gauge
from helios.operator.transports import request_counter
from helios.snapshots import HISTORY, STATE
from scoring.gauges import TARGET_GAUGES
from tests.alerts.rules import (
    RULES,
    UNIT_TESTS,
    Alert,
    alerts,
    checks,
    groups,
    instants_in,
    labels_in,
    metrics_in,
    recordings,
)

SEVERITIES = {"critical", "warning", "info"}
FOREIGN = {"kube_deployment_spec_replicas", "kube_statefulset_replicas"}
"""kube-state-metrics' own; where it is missing, no target is left out for it."""
ALSO = {
    "HeliosCycleDegraded": {"stage"},
    "HeliosSnapshotStale": {"file"},
    "HeliosTargetsRejected": {"state"},
    "HeliosKubernetesRefuses": {"verb", "resource"},
}
"""Labels beside the namespace that an alert about Helios keeps, as each is mended by itself."""
EACH = pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)


def known() -> dict[str, set[str]]:
    """Metric -> its labels, as the code registers them."""
    registry = CollectorRegistry()
    LoopMetrics.registered(registry).targets.labels("decided")
    build_meters(registry)
    request_counter(registry)
    lease_gauge(registry, lambda: True)
    found = {gauge.name: {"namespace", "deployment", *gauge.labels} for gauge in TARGET_GAUGES}
    for family in registry.collect():
        names = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        labels = {"stage", "state", "endpoint", "code", "le", "file", "verb", "resource"}
        found |= {family.name + name: labels for name in names}
    return found


def kept_by(expr: str) -> set[frozenset[str]]:
    """The labels that each aggregation of an expression keeps."""
    return {frozenset(found.split(", ")) for found in re.findall(r"\bby \(([^)]*)\)", expr)}


@pytest.mark.integration
@pytest.mark.parametrize("file", UNIT_TESTS, ids=lambda file: file.stem)
def test_the_rules_behave_as_their_unit_tests_say(file: Path, needs: Callable[[str], str]) -> None:
    """Each file of alerts/tests by the real promtool."""
    done = subprocess.run(
        [needs("promtool"), "test", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.integration
def test_promtool_has_nothing_to_remark(needs: Callable[[str], str]) -> None:
    """Neither an error nor a lint: duplicate rules are one."""
    done = subprocess.run(
        [needs("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(RULES)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr


@EACH
def test_an_alert_is_tested_both_ways(alert: Alert) -> None:
    """It fires in one unit test, and does not in another."""
    expected = [wanted for _, name, wanted in checks() if name == alert.name]
    assert any(expected), "no unit test in which it fires"
    assert not all(expected), "no unit test in which it does not"


@EACH
def test_an_alert_reads_only_metrics_and_labels_that_helios_exports(alert: Alert) -> None:
    """A misspelt name would be silent for ever."""
    metrics = known()
    read = metrics_in(alert.expr)
    assert read
    for name in read & recordings().keys():
        read |= metrics_in(recordings()[name])
    assert set() == read - recordings().keys() - metrics.keys() - FOREIGN
    possible = set().union(*(metrics[name] for name in read & metrics.keys()))
    assert set() == labels_in(alert.expr) - possible


@EACH
def test_an_alert_keeps_no_label_of_a_pod(alert: Alert) -> None:
    """It is aggregated, so that a second pod is not a second page; and it says whose it is."""
    kept = kept_by(alert.expr) or set().union(
        *(kept_by(recordings().get(one, "")) for one in metrics_in(alert.expr))
    )
    whose = {"namespace", "deployment"} if alert.group == "helios-targets" else {"namespace"}
    if alert.name == "HeliosAbsent":
        assert "helios" == alert.labels["namespace"]
    else:
        assert {frozenset(whose | ALSO.get(alert.name, set()))} == kept


@pytest.mark.parametrize("name", recordings())
def test_a_recording_keeps_the_labels_that_its_name_begins_with(name: str) -> None:
    """So that whoever reads it need not aggregate it again."""
    assert {frozenset(name.partition(":")[0].split("_"))} >= kept_by(recordings()[name])


def test_the_files_of_the_snapshot_are_called_as_the_rules_call_them() -> None:
    """Each has its own patience; under another name it would be watched by nobody."""
    [expr] = [alert.expr for alert in alerts() if alert.name == "HeliosSnapshotStale"]
    assert {STATE, HISTORY} == set(re.findall(r'file="([^"]+)"', expr))


@EACH
def test_an_alert_tells_a_person_who_what_and_where(alert: Alert) -> None:
    """Severity, a summary and a description that name the workload, a runbook, a dashboard."""
    assert alert.labels["severity"] in SEVERITIES
    said = alert.annotations
    assert {"summary", "description", "runbook_url", "dashboard_url"} == said.keys()
    assert len(said["summary"]) < 110
    assert "\n" not in said["description"]
    if alert.group == "helios-targets":
        for text in (said["summary"], said["description"]):
            assert "{{ $labels.namespace }}/{{ $labels.deployment }}" in text


@EACH
def test_no_gap_ends_an_alert(alert: Alert) -> None:
    """Every metric of Helios is read through a window, so that an alert outlives a restart."""
    assert instants_in(alert.expr) <= recordings().keys() | FOREIGN


def test_names_are_unique_and_speak_of_helios() -> None:
    """A route for `Helios.+` catches all of them."""
    names = [alert.name for alert in alerts()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"Helios([A-Z][a-z]+)+", name) for name in names)


def test_the_rules_hold_nothing_that_managed_prometheus_lacks() -> None:
    """GMP's ClusterRules knows neither keep_firing_for nor limit, and its templates ask no queries."""
    for group in groups():
        assert group.keys() <= {"name", "interval", "rules"}
        for rule in group["rules"]:
            assert rule.keys() <= {"alert", "record", "expr", "for", "labels", "annotations"}
            assert "query" not in str(rule.get("annotations", ""))
