"""What a query of Helios' gauges is accused of."""

from __future__ import annotations

import pytest

from helios.doctor.findings import Severity
from helios.operator.scaledobjects import forecast_query
from tests.doctor.examples import FRESH, SIGNAL, broken, found, prometheus, scaled_object

RATIO = 'helios_predicted_cpu{namespace="shop",deployment="web",horizon="30m"}'
REPLICAS = 'helios_current_replicas{namespace="shop",deployment="web"}'


def rules_of(query: str, threshold: str = "1") -> list[str]:
    """The rules that a ScaledObject breaks by this query."""
    return broken(scaled_object(prometheus(query, threshold=threshold)))


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        (f"max({SIGNAL})", ["no-expiry"]),
        (f"max({SIGNAL} and {FRESH.replace('> time()', '> 0')})", ["no-expiry"]),
        (f"max({SIGNAL} and {FRESH})", []),
        (forecast_query("shop", "web"), []),
        ("max(helios_up)", []),
    ],
)
def test_a_gauge_without_its_expiry_is_found(query: str, rules: list[str]) -> None:
    """A hung Helios' number would be followed for ever; what is no gauge of a target has none."""
    assert rules == rules_of(query)


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        (f"max({SIGNAL} and on (namespace, deployment) {FRESH})", ["no-expiry"]),
        (f"max({SIGNAL}) and max({FRESH})", ["no-expiry"]),
        (f"max({SIGNAL} and on (instance, namespace, deployment) {FRESH})", []),
        (f"max(max by (instance) ({SIGNAL}) and max by (instance) ({FRESH}))", []),
        (f"max(max without (job) ({SIGNAL}) and max without (job) ({FRESH}))", []),
        (f"max({SIGNAL} and ignoring (job) {FRESH})", []),
    ],
)
def test_a_time_stamp_of_another_pod_is_found(query: str, rules: list[str]) -> None:
    """A pod that hangs beside a fresh one: its number must not pass on the other's time stamp. A warning, as there may be one pod only."""
    several = found(scaled_object(prometheus(query, threshold="1")))
    assert [(rule, Severity.WARNING) for rule in rules] == [(one.rule, one.severity) for one in several]


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        (f"max({SIGNAL}) and {FRESH}", ["labels-never-match"]),
        (f"max({SIGNAL}) and on () {FRESH}", []),
        (f"max(max({SIGNAL}) and max({FRESH}))", []),
    ],
)
def test_an_aggregate_that_is_joined_to_a_series_is_found(query: str, rules: list[str]) -> None:
    """It has no labels to be matched by: the result is empty for good."""
    assert rules == [one for one in rules_of(query) if one == "labels-never-match"]


@pytest.mark.parametrize(
    ("count", "rules"),
    [
        (f"ignoring(horizon) {REPLICAS}", []),
        (
            'on (namespace, deployment) kube_deployment_status_replicas{namespace="shop",deployment="web"}',
            ["replicas-of-another-cycle"],
        ),
        (
            'ignoring(horizon) group_left () count(kube_pod_info{namespace="shop"})',
            ["replicas-of-another-cycle"],
        ),
    ],
    ids=["Helios' own", "kube-state-metrics'", "pods"],
)
def test_a_ratio_times_replicas_of_another_moment_is_found(count: str, rules: list[str]) -> None:
    """Ratio and count must come from the same cycle of Helios, or each new pod makes the demand larger."""
    query = f"max(100 * {RATIO} * {count} and ignoring(horizon) {FRESH})"
    assert rules == [one for one in rules_of(query, "70") if one == "replicas-of-another-cycle"]


def test_a_time_stamp_of_every_workload_lets_no_other_pass() -> None:
    """It is matched label by label: only the workload's own counts."""
    assert [] == rules_of(f"max({SIGNAL} and (helios_report_expires_timestamp_seconds > time()))")


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        (f"max(100 * {RATIO} * {REPLICAS} and ignoring(horizon) {FRESH})", ["labels-never-match"]),
        (f"max(100 * {RATIO} * ignoring(horizon) {REPLICAS} and {FRESH})", []),
        (f"max(100 * {RATIO} * ignoring(horizon) {REPLICAS} and ignoring(horizon) {FRESH})", []),
        (f"max({RATIO} * on (namespace, deployment) {REPLICAS} and ignoring(horizon) {FRESH})", []),
    ],
)
def test_labels_that_can_never_match_are_found(query: str, rules: list[str]) -> None:
    """A horizon on one side alone: the result is empty for good."""
    assert rules == [one for one in rules_of(query, "70") if one == "labels-never-match"]


def test_an_expiry_that_can_never_match_is_found() -> None:
    """As in the requirements' query with an expiry put beside it: nothing would ever come of it."""
    assert "labels-never-match" in rules_of(f"max({RATIO} and {FRESH})", "70")


@pytest.mark.parametrize(
    ("selector", "wrong"),
    [
        ("", True),
        ('{deployment="web"}', True),
        ('{namespace="shop"}', True),
        ('{namespace="shop",deployment="web"}', False),
        ('{namespace=~"shop|store",deployment="web"}', False),
        ('{namespace=~".*",deployment="web"}', True),
        ('{exported_namespace="shop",namespace="helios",deployment="web"}', False),
    ],
)
def test_gauges_of_every_workload_are_found(selector: str, wrong: bool) -> None:
    """A series for each target: one has to be chosen."""
    expires = f"helios_report_expires_timestamp_seconds{selector} > time()"
    rules = rules_of(f"max(helios_scaling_signal{selector} and ({expires}))")
    assert (["gauge-of-every-workload"] if wrong else []) == rules


@pytest.mark.parametrize(
    ("label", "rules"),
    [("namespace", []), ("exported_namespace", ["exported-namespace"])],
)
def test_a_query_for_renamed_labels_alone_is_found(label: str, rules: list[str]) -> None:
    """With the shipped scrapes it finds nothing."""
    query = f"max({SIGNAL} and {FRESH})".replace("{namespace=", f"{{{label}=")
    assert rules == rules_of(query)


def test_the_remedy_reads_the_workloads_own_signal() -> None:
    """Whichever namespace the file leaves open, the query names it."""
    body = scaled_object(prometheus(f"max({SIGNAL})", threshold="1"))
    del body["metadata"]["namespace"]
    (one,) = found(body)
    assert forecast_query("shop", "web") in one.remedy
