"""The PromQL of the dashboards: how a target's series are selected and made one, whoever else publishes them.

A gauge's name comes from `scoring.gauges`; a name of another program stands here once. Every query of a target's gauge takes
the maximum by target: two pods, or a restart inside the look-back, publish the same target twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from scoring.gauges import (
    CURRENT,
    LEDGER_HOURS,
    MAXIMUM,
    PATHS,
    PREDICTED_DEMAND,
    QUANTILES,
    TARGET_INFO,
    UNCAPPED,
    Gauge,
)

TOP = 10
"""Rows of a top list, and lines of a picture of the whole fleet: more cannot be told apart."""

SELECTED = ('namespace=~"$namespace"', 'deployment=~"$deployment"')
TARGET = ("namespace", "deployment")
ACTUAL, WANTED, REACTIVE = (f'path="{path}"' for path in PATHS)
"""As it ran, as Helios recommended, as a plain HPA would have run it."""

METRIC, HORIZON = 'metric="$metric"', 'horizon="$horizon"'
LOW, MIDDLE, HIGH = (f'quantile="{quantile}"' for quantile in QUANTILES)

INTERVAL = "helios_scoring_interval_seconds"
CYCLE_SECONDS = "helios_cycle_duration_seconds"
CYCLE_AT = "helios_cycle_timestamp_seconds"
STAGE_SECONDS = "helios_cycle_stage_duration_seconds"
FAULTS = "helios_cycle_faults_total"
SOURCE_UP = "helios_source_up"
LEASE_HELD = "helios_lease_held"
TARGETS = "helios_targets"
PENDING = "helios_backfill_pending_points"
SNAPSHOT_AT = "helios_snapshot_timestamp_seconds"
KUBERNETES_REQUESTS = "helios_kubernetes_requests_total"
REQUESTS = "helios_inference_requests_total"
LATENCY_BUCKETS = "helios_inference_duration_seconds_bucket"

KEDA_VALUE = "keda_scaler_metrics_value"
KEDA_ERRORS = "keda_scaler_detail_errors_total"
KEDA_PAUSED = "keda_scaled_object_paused"
HPA_INFO = "kube_horizontalpodautoscaler_info"
HPA_DESIRED = "kube_horizontalpodautoscaler_status_desired_replicas"
HPA_CURRENT = "kube_horizontalpodautoscaler_status_current_replicas"
HPA_MINIMUM = "kube_horizontalpodautoscaler_spec_min_replicas"
HPA_MAXIMUM = "kube_horizontalpodautoscaler_spec_max_replicas"
HPA_CONDITION = "kube_horizontalpodautoscaler_status_condition"
DEPLOYMENT_REPLICAS = "kube_deployment_status_replicas"
STATEFUL_SET_REPLICAS = "kube_statefulset_status_replicas"

FOREIGN = (
    KEDA_VALUE,
    KEDA_ERRORS,
    KEDA_PAUSED,
    HPA_INFO,
    HPA_DESIRED,
    HPA_CURRENT,
    HPA_MINIMUM,
    HPA_MAXIMUM,
    HPA_CONDITION,
    DEPLOYMENT_REPLICAS,
    STATEFUL_SET_REPLICAS,
)
"""Of KEDA 2.21's operator and kube-state-metrics 2.19."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel.

    Attributes:
        expr: PromQL, with Grafana's variables.
        legend: how its series are named; the column's name in a table.
    """

    expr: str
    legend: str = "{{namespace}}/{{deployment}}"


def of_large(*queries: Query) -> list[Query]:
    """The same of the one deployment that a repeated panel is of."""
    return [replace(query, expr=query.expr.replace("$deployment", "$large")) for query in queries]


def series(gauge: Gauge, *matchers: str, window: str = "", offset: str = "") -> str:
    """A gauge's series of the chosen targets; `window` as in `5m`, `offset` likewise."""
    inside = ",".join((*SELECTED, *matchers))
    return f"{gauge.name}{{{inside}}}{window and f'[{window}]'}{offset and f' offset {offset}'}"


def of_target(gauge: Gauge, *matchers: str, by: tuple[str, ...] = (), offset: str = "") -> str:
    """One element per chosen target, and per further label of `by`."""
    return largest(series(gauge, *matchers, offset=offset), by)


def predicted_for_now(quantile: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """What was predicted for this moment, a horizon ago: a horizon's label is a duration of PromQL."""
    return of_target(PREDICTED_DEMAND, *matchers, HORIZON, quantile, by=by, offset="$horizon")


def at_end(gauge: Gauge) -> str:
    """One element per chosen target: as it is at the end of the range, whatever the moment."""
    return largest(f"{series(gauge)} @ end()")


def over_range(function: str, gauge: Gauge, *matchers: str) -> str:
    """One element per chosen target: `max_over_time` and the like over the whole range, whatever the moment."""
    return largest(f"{function}({series(gauge, *matchers, window='$__range')} @ end())")


def largest(expr: str, by: tuple[str, ...] = ()) -> str:
    """The maximum by target, and by further labels."""
    return f"max by ({', '.join((*TARGET, *by))}) ({expr})"


def total(gauge: Gauge, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """The sum over the chosen targets, each counted once; `by` keeps labels apart."""
    kept = f" by ({', '.join(by)})" if by else ""
    return f"sum{kept} ({of_target(gauge, *matchers, by=by)})"


def publishing() -> str:
    """How many pods publish: those that hold the lease, and those that know of none (`helios run`)."""
    return f"sum({LEASE_HELD} or {CYCLE_AT} * 0 + 1)"


def of_holder(metric: str, *labels: str) -> str:
    """A metric of the loop without the pods that stand by, or of all where nobody holds the lease; `labels` are the metric's own."""
    apart = f"ignoring ({', '.join(labels)}) " if labels else ""
    return f"({metric} unless {apart}{LEASE_HELD} == 0 or on () {metric})"


def rise(gauge: Gauge) -> str:
    """How much a target's counter has grown over the range; a restarted pod goes on counting as another series."""
    return f"increase(({of_target(gauge)})[$__range:$__interval])"


def compared(gauge: Gauge, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """The sum of a ledger over the targets that have all of its paths: sums over different targets cannot be compared."""
    kept = f" by ({', '.join(by)})" if by else ""
    return f"sum{kept} ({of_target(gauge, *matchers, by=('path',))} and on (namespace, deployment) ({comparable()}))"


def comparable() -> str:
    """An element for each chosen target whose ledger has all paths: one that was there before an upgrade lacks one at first."""
    known = f"{of_target(LEDGER_HOURS, by=('path',))} >= 0"
    return f"count by (namespace, deployment) ({known}) == {len(PATHS)}"


def above_maximum() -> str:
    """How many targets ask for more replicas than they may have, and than run: without Helios more may run than `max`."""
    uncapped = of_target(UNCAPPED)
    return f"sum(({uncapped} > bool {of_target(MAXIMUM)}) * ({uncapped} > bool {of_target(CURRENT)}))"


def most(expr: str, judged: str) -> str:
    """Of `expr` the targets that stand out in the whole time range: the ten with the largest `judged`, not ten at each moment.

    Args:
        expr: what is drawn, by target.
        judged: the same at every moment, as of `at_end` and `over_range`.
    """
    return f"{expr} and on (namespace, deployment) topk({TOP}, {judged})"


def autoscaled(condition: str) -> str:
    """How many targets in Autoscale fulfil a condition (1 or 0 by target); 0 where there is none in Autoscale."""
    moved = of_target(TARGET_INFO, 'mode="Autoscale"')
    return f"sum(({moved} or 0 * {of_target(TARGET_INFO)}) * ({condition}))"


def of_keda(metric: str, *labels: str, window: str = "") -> str:
    """A metric of KEDA's operator by `namespace`, `scaledObject` and `labels`, scraped with honorLabels or without."""
    spoiled, plain = (
        f"{metric}{{{inside}}}{window and f'[{window}]'}"
        for inside in ('exported_namespace=~"$namespace"', 'exported_namespace="",namespace=~"$namespace"')
    )
    if window:
        spoiled, plain = f"increase({spoiled})", f"increase({plain})"
    renamed = f'label_replace({spoiled}, "namespace", "$1", "exported_namespace", "(.+)")'
    return f"max by ({', '.join(('namespace', 'scaledObject', *labels))}) ({renamed} or {plain})"


def of_hpa(metric: str, *matchers: str) -> str:
    """A metric of kube-state-metrics about an HPA, under the name of the workload that it scales."""
    inside = ",".join(('namespace=~"$namespace"', *matchers))
    own = f"max by (namespace, horizontalpodautoscaler) ({metric}{{{inside}}})"
    info = f'{HPA_INFO}{{namespace=~"$namespace",scaletargetref_name=~"$deployment"}}'
    named = f'label_replace({info}, "deployment", "$1", "scaletargetref_name", "(.+)")'
    scaled = f"max by (namespace, horizontalpodautoscaler, deployment) ({named})"
    return largest(f"{own} * on (namespace, horizontalpodautoscaler) group_right () {scaled}")


def of_workload() -> str:
    """Replicas of the workload itself, as kube-state-metrics tells them."""
    deployments = f"{DEPLOYMENT_REPLICAS}{{{','.join(SELECTED)}}}"
    sets = f'{STATEFUL_SET_REPLICAS}{{namespace=~"$namespace",statefulset=~"$deployment"}}'
    renamed = f'label_replace({sets}, "deployment", "$1", "statefulset", "(.+)")'
    return largest(f"{deployments} or {renamed}")
