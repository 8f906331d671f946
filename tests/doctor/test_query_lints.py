"""What a prometheus trigger's query is accused of, and what it is not: precision first."""

from __future__ import annotations

from typing import Any

import pytest

from helios.doctor.expressions import TooLong, parsed
from helios.doctor.findings import Severity
from tests.doctor.examples import FRESH, LOAD, SIGNAL, broken, found, prometheus, scaled_object

HELIOS = f"max({SIGNAL} and {FRESH})"
RATIO = 'helios_predicted_cpu{namespace="shop",deployment="web",horizon="30m"}'
REPLICAS = 'helios_current_replicas{namespace="shop",deployment="web"}'
CPU = 'rate(container_cpu_usage_seconds_total{pod=~"web-.*"}[2m])'
REQUESTS = 'kube_pod_container_resource_requests{pod=~"web-.*",resource="cpu"}'


def rules_of(query: str, metric_type: str | None = None, **metadata: Any) -> list[str]:
    """The rules that a ScaledObject breaks by this query."""
    return broken(scaled_object(prometheus(query, metric_type=metric_type, **metadata)))


@pytest.mark.parametrize(
    ("query", "threshold"),
    [
        (f"avg({CPU})", "0.7"),
        (f"sum({CPU}) / sum({REQUESTS})", "0.7"),
        (f"100 * sum({CPU}) / sum({REQUESTS})", "70"),
        (f"sum({CPU}) / sum({REQUESTS}) * 100", "70"),
        ("avg(node_disk_utilization)", "0.8"),
        ("1 - avg(cache_hit_ratio)", "0.2"),
        ("max(busy_workers / workers_max)", "0.8"),
        ("avg_over_time(avg(busy_workers / started_workers)[5m:])", "0.8"),
        ("sum(rate(errors_total[5m])) / sum(rate(requests_total[5m]))", "0.05"),
        ('sum(rate(http_requests_total{app="web"}[1m])) / count(kube_pod_info{pod=~"web-.*"})', "50"),
        ("sum(rate(latency_seconds_sum[5m])) / sum(rate(latency_seconds_count[5m]))", "2"),
        ("histogram_quantile(0.95, sum by (le) (rate(latency_seconds_bucket[5m])))", "0.5"),
        ("sum(jobs_running) / sum(jobs_slots)", "0.75"),
        (f"max({RATIO} and ignoring(horizon) {FRESH})", "70"),
        (f"sum({RATIO} * 100 and ignoring(horizon) {FRESH})", "70"),
    ],
)
def test_a_ratio_under_average_value_is_found(query: str, threshold: str) -> None:
    """It settles far below what is needed, or never fires."""
    assert ["ratio-under-average-value"] == rules_of(query, threshold=threshold)


@pytest.mark.parametrize(
    ("query", "threshold"),
    [
        (LOAD, "50"),
        (f"sum({CPU})", "0.7"),
        (f"sum({CPU}) / avg({REQUESTS})", "0.7"),
        ('sum(rate(http_requests_total{app="web"}[1m])) / 50', "1"),
        ("sum(jobs_waiting) / sum(jobs_per_worker)", "1"),
        ("max(rabbitmq_queue_messages)", "20"),
        ('avg(rabbitmq_queue_messages{pod="rabbitmq-0"})', "20"),
        ("max(jobs_waiting / jobs_started)", "6"),
        ("sum(cpu_utilization)", "0.7"),
        (f"max(100 * {RATIO} * ignoring(horizon) {REPLICAS} and ignoring(horizon) {FRESH})", "70"),
        (f"max({RATIO} * ignoring(horizon) {REPLICAS} and ignoring(horizon) {FRESH})", "0.7"),
        ('sum(avg by (pod) (load_ratio{pod=~"web-.*"}))', "0.7"),
        ('avg(up{job="web"})', "1"),
    ],
)
def test_a_total_under_average_value_is_right(query: str, threshold: str) -> None:
    """Whatever it looks like."""
    assert [] == rules_of(query, threshold=threshold)


@pytest.mark.parametrize(
    "query", [f"avg({CPU})", f"sum({CPU}) / sum({REQUESTS})", "avg(cache_miss_ratio)", "max(queue_length)"]
)
def test_a_ratio_under_value_is_right(query: str) -> None:
    """It falls when pods are added; so does a queue in the end."""
    assert [] == rules_of(query, "Value", threshold="0.7")


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        (HELIOS, "replicas-under-value"),
        ("max(planner_desired_replicas)", "replicas-under-value"),
        (f"max({RATIO} and ignoring(horizon) {FRESH})", "forecast-under-value"),
        ("max(orders_forecast)", "forecast-under-value"),
        ('sum(rate(http_requests_total{service="web"}[2m] offset 1w))', "forecast-under-value"),
        (LOAD, "total-under-value"),
        (f"{LOAD} * 2", "total-under-value"),
        (f"sum({CPU})", "total-under-value"),
    ],
)
def test_what_does_not_fall_when_pods_are_added_is_found_under_value(query: str, rule: str) -> None:
    """It is multiplied by the pods at every sync, up to the maximum."""
    assert [rule] == rules_of(query, "Value", threshold="10")


@pytest.mark.parametrize(
    "query",
    [
        'sum(rate(http_requests_total{code="503"}[2m]))',
        "sum(rate(request_errors_total[2m]))",
        "sum(rate(queue_seconds_total[2m]))",
    ],
)
def test_what_may_fall_when_pods_are_added_is_not_accused_under_value(query: str) -> None:
    """Errors and waiting do, often enough."""
    assert [] == rules_of(query, "Value", threshold="10")


@pytest.mark.parametrize(("threshold", "rules"), [("1", []), ("1.0", []), ("2", ["replicas-threshold"])])
def test_a_count_of_replicas_goes_with_a_threshold_of_one(threshold: str, rules: list[str]) -> None:
    """Otherwise a part of them is asked for."""
    assert rules == rules_of(HELIOS, threshold=threshold)


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        ("7", ["not-a-vector"]),
        ("scalar(sum(up))", ["not-a-vector"]),
        ("time() / 2", ["not-a-vector"]),
        ('"seven"', ["not-a-vector"]),
        ("requests_total[5m]", ["not-a-vector"]),
        ("vector(7)", []),
        ("vector(scalar(sum(queue_length)))", []),
    ],
)
def test_what_is_no_vector_is_found(query: str, rules: list[str]) -> None:
    """KEDA reads the one element of a vector, and nothing else."""
    assert rules == rules_of(query)


@pytest.mark.parametrize(
    ("query", "severity"),
    [
        ("sum by (service) (queue_length)", Severity.ERROR),
        ("sum(queue_length) by (a, b)", Severity.ERROR),
        ('sum by (queue) (queue_length{queue=~"mail.*"})', Severity.WARNING),
        ("sum without (pod) (queue_length)", Severity.WARNING),
        ("queue_length", Severity.WARNING),
        ("rate(jobs_total[5m])", Severity.WARNING),
        ("topk(3, queue_length)", Severity.WARNING),
        ("queue_length * on (queue) queue_weight", Severity.WARNING),
        ("sum(queue_length) or queue_length", Severity.WARNING),
        ("sum(a) * on () group_right b", Severity.WARNING),
    ],
)
def test_more_than_one_element_is_found(query: str, severity: Severity) -> None:
    """An error where the query means it, a warning where it may come about."""
    (one,) = found(scaled_object(prometheus(query)))
    assert ("several-elements", severity) == (one.rule, one.severity)


@pytest.mark.parametrize(
    "query",
    [
        'sum by (queue) (queue_length{queue="mail"})',
        'max by (queue, host) (queue_length{queue="mail",host="a"})',
        "topk(1, queue_length)",
        "sum(queue_length) + on () group_left sum(other_length)",
        "sum(a) or sum(b)",
        "sum(a) or absent(a) * 3",
        'sum by (queue) (queue_length{queue=~"mail"})',
        "max(a) or on () vector(3)",
        "shop:queue_length:sum",
        "absent(up)",
        "round(sum(queue_length))",
        "sum(a) * b",
        "label_replace(sum(a), 'x', 'y', '', '')",
    ],
)
def test_a_query_of_one_element_is_right(query: str) -> None:
    """Also where labels are kept, if their values are given."""
    assert [] == rules_of(query)


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        (f"{LOAD} or vector(0)", ["or-vector-zero"]),
        (f"{LOAD} or on() vector(0)", ["or-vector-zero"]),
        (f"ceil(({LOAD} or vector(0)) / 10)", ["or-vector-zero"]),
        (f"max({LOAD} or vector(0.0))", ["or-vector-zero"]),
        (f"({LOAD} or vector(0)) + (sum(other_total) or vector(0))", ["or-vector-zero"]),
        (f"{LOAD} or vector(5)", []),
        (f"(sum(bonus_jobs) or vector(0)) + {LOAD}", []),
        ("vector(0)", []),
    ],
)
def test_a_query_that_makes_an_outage_a_zero_is_found(query: str, rules: list[str]) -> None:
    """Where the whole of it does; a zero inside, or a number that holds the workload, is right."""
    assert rules == rules_of(query)


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        ("sum(rate(x))", ["query-unreadable"]),
        ("sum(x", ["query-unreadable"]),
        ('sum(rate(x{app="{{ .Values.app }}"}[{{ .Values.window }}]))', []),
        ('sum(rate(x{app="$app"}[$__rate_interval]))', []),
        ('sum(x{app="${APP}"}) / ${PER_POD}', []),
        ("sum(x{{{ .Values.selector }}})", []),
        ("sum(<METRIC>)", []),
        ("{{ .Values.query }}", []),
        ("holt_winters(sum(x)[1h:], 0.5, 0.5)", []),
        ("sum(x) # a comment", []),
    ],
)
def test_a_query_that_is_no_promql_is_found_and_templates_are_not(query: str, rules: list[str]) -> None:
    """Variables stand for something of their kind."""
    assert rules == rules_of(query)


@pytest.mark.parametrize(
    "address", ["http://victoria:8428", "http://vmselect.monitoring:8481/select/0/prometheus"]
)
def test_a_dialect_behind_an_address_of_its_own_is_not_judged(address: str) -> None:
    """VictoriaMetrics speaks more than PromQL."""
    assert [] == rules_of("sum(rate(x)) default 0", serverAddress=address)


@pytest.mark.parametrize(
    "query", ["(" * 5000 + "a" + ")" * 5000, " + ".join(["sum(a)"] * 500), "sum(" * 240 + "a" + ")" * 240]
)
def test_a_query_that_nobody_wrote_does_no_harm(query: str) -> None:
    """However deep, however long."""
    assert rules_of(query) in ([], ["several-elements"])


def test_triggers_of_a_formula_are_not_judged_one_by_one() -> None:
    """The HPA sees the formula's value alone: a ratio may be multiplied in it."""
    modifiers = {"formula": "load * pods", "target": "1", "metricType": "AverageValue"}
    body = scaled_object(
        {**prometheus(f"avg({CPU})", threshold="0.7"), "name": "load"},
        {**prometheus("max(kube_deployment_status_replicas)"), "name": "pods"},
        advanced={"scalingModifiers": modifiers},
    )
    assert [] == broken(body)


@pytest.mark.parametrize(
    ("query", "metric_type", "said"),
    [
        (f"{LOAD} or vector(0)", None, LOAD),
        ("scalar(sum(up))", None, "vector(scalar(sum(up)))"),
        ("queue_length", None, "sum(queue_length)"),
        (f"avg({CPU})", None, "metricType: Value"),
        (LOAD, "Value", "metricType: AverageValue"),
        (HELIOS, "Value", 'threshold: "1"'),
        (f"max({RATIO} and ignoring(horizon) {FRESH})", None, "helios_scaling_signal"),
    ],
)
def test_a_remedy_is_the_trigger_as_it_should_be(query: str, metric_type: str | None, said: str) -> None:
    """With the field that is wrong, put right."""
    (one,) = found(scaled_object(prometheus(query, metric_type=metric_type, threshold="0.7")))
    assert said in one.remedy
    assert "or vector(0)" not in one.remedy


@pytest.mark.parametrize(
    "query", ["x" + "+x" * 100_000, "(" * 100_000 + "x" + ")" * 100_000, "-" * 100_000 + "x"]
)
def test_a_query_longer_than_a_target_may_have_is_not_parsed(query: str) -> None:
    """The parser recurses in C, and ends the process: one object would end the lint of all."""
    with pytest.raises(TooLong, match="more than 4096 characters"):
        parsed(query)
