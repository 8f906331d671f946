"""The PromQL that turns a cluster's metrics into demand, replicas, requests and the like, for a whole fleet at once.

Text only: nothing here sends a query. Every recipe answers one series per workload and survives two
kube-state-metrics replicas, a kubelet scraped twice, a restarted container and a rollout in progress (the pods of both
ReplicaSets add up). `docs/prometheus.md` prints them; a test holds the two together.

Two families differ in how a pod finds its workload: `MIXIN` uses the kubernetes-mixin's recording rules, `RAW` joins
kube-state-metrics' owners. Metric names are always exact: Managed Prometheus matches no others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

WELL_KNOWN = ("cpu", "memory")
"""Metrics that need no query of a target's own: cores and working-set bytes."""

THROTTLED_SHARE = 0.25
"""Above this share of throttled periods a workload would have used more: its demand is censored."""

STARTUP_SECONDS = 3600
"""Longer is no start-up: the pod lost its readiness later and found it again."""

RATE_RULE = "node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate5m"
IRATE_RULE = "node_namespace_pod_container:container_cpu_usage_seconds_total:sum_irate"
MEMORY_RULE = "node_namespace_pod_container:container_memory_working_set_bytes"
OWNER_RULE = "namespace_workload_pod:kube_pod_owner:relabel"

_RULE_SECONDS = 300.0
_CONTAINER = 'container!~"POD|"'
_CONTROLLER = 'owner_is_controller!="false"'


class Family(StrEnum):
    """Where demand comes from."""

    RAW = "raw"
    """cAdvisor's counters and kube-state-metrics' owners."""
    MIXIN = "mixin"
    """The kubernetes-mixin's rules, cpu as a five-minute rate (newer releases)."""
    MIXIN_IRATE = "mixin-irate"
    """The kubernetes-mixin's rules, cpu as an instant rate (older releases): averaged here."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of a cluster a query is about.

    Attributes:
        namespaces: never empty.
        workloads: names of workloads; empty means all in these namespaces.
        matchers: labels that every metric must carry besides, such as `cluster`.
    """

    namespaces: tuple[str, ...]
    workloads: tuple[str, ...] = ()
    matchers: Mapping[str, str] = field(default_factory=dict)

    def of(self, metric: str, *more: str, named: str | None = None) -> str:
        """`metric{…}` with the selection's matchers, `more`, and the label `named` holding one of the workloads."""
        matchers = [f'namespace=~"{_one_of(self.namespaces)}"', *more]
        matchers += [f'{label}="{_quoted(value)}"' for label, value in sorted(self.matchers.items())]
        if named is not None and self.workloads:
            matchers.append(f'{named}=~"{_one_of(self.workloads)}"')
        return f"{metric}{{{','.join(matchers)}}}"


def demand(family: Family, metric: str, selection: Selection, window: float) -> str:
    """Total demand per workload: cores used (`cpu`) or working-set bytes (`memory`).

    Args:
        family: where it comes from.
        metric: one of `WELL_KNOWN`.
        selection: for which workloads.
        window: seconds over which cpu is averaged: at least four scrapes, and at least the grid's step.
    """
    pods = _cpu_by_pod(family, selection, window) if metric == "cpu" else _memory_by_pod(family, selection)
    return _by_workload("sum", pods, family, selection)


def per_pod(family: Family, metric: str, resource: str, selection: Selection) -> str:
    """What one pod of a workload requests or is limited to: the mean over its pods.

    Args:
        family: how pods find their workload.
        metric: `requests` or `limits`.
        resource: `cpu` (cores) or `memory` (bytes).
        selection: for which workloads.
    """
    return _by_workload("avg", f"({_resources(metric, resource, selection)})", family, selection)


def replicas(selection: Selection) -> str:
    """Replicas that exist now, as the HPA counts them; the kind is the name of the label that holds the name."""
    kinds = (
        ("deployment", "kube_deployment_status_replicas"),
        ("statefulset", "kube_statefulset_status_replicas"),
        ("daemonset", "kube_daemonset_status_current_number_scheduled"),
    )
    return " or ".join(
        f"max by (namespace, {kind}) ({selection.of(metric, named=kind)})" for kind, metric in kinds
    )


def starts(family: Family, selection: Selection) -> str:
    """Median seconds from a pod's creation to its readiness, over a workload's present pods."""
    ready, created = (
        f"max by (namespace, pod) ({selection.of(metric)})"
        for metric in ("kube_pod_status_ready_time", "kube_pod_created")
    )
    pods = f"({ready} - {created} >= 0 < {STARTUP_SECONDS})"
    return _by_workload("quantile", pods, family, selection, "0.5, ")


def saturation(family: Family, selection: Selection, window: float) -> str:
    """Where cpu is held back: the throttled share where it is high, and the total of the pods' limits.

    The label `sign` says which of the two a series is: `throttled` (0.25 < share <= 1) or `limit` (cores).
    """
    seconds = _duration(window)
    throttled, periods = (
        _by_pod(f"rate({selection.of(f'container_cpu_cfs_{part}_total', _CONTAINER)}[{seconds}])")
        for part in ("throttled_periods", "periods")
    )
    share = _by_workload("avg", f"({throttled} / {periods})", family, selection)
    limit = _by_workload("sum", f"({_resources('limits', 'cpu', selection)})", family, selection)
    signs = (("throttled", f"{share} > {THROTTLED_SHARE}"), ("limit", limit))
    return " or ".join(f'label_replace({expr}, "sign", "{sign}", "namespace", ".*")' for sign, expr in signs)


def presence(selection: Selection) -> str:
    """How many series of each metric that the recipes stand on exist per namespace; the label `part` names it."""
    parts = {
        "cpu": selection.of("container_cpu_usage_seconds_total", _CONTAINER),
        "memory": selection.of("container_memory_working_set_bytes", _CONTAINER),
        "pod_owner": selection.of("kube_pod_owner"),
        "replicaset_owner": selection.of("kube_replicaset_owner"),
        "owner_rule": selection.of(OWNER_RULE),
        "rate_rule": selection.of(RATE_RULE),
        "irate_rule": selection.of(IRATE_RULE),
        "memory_rule": selection.of(MEMORY_RULE),
    }
    return " or ".join(
        f'label_replace(count by (namespace) ({metric}), "part", "{part}", "namespace", ".*")'
        for part, metric in parts.items()
    )


def _cpu_by_pod(family: Family, selection: Selection, window: float) -> str:
    if family is Family.RAW:
        rate = f"rate({selection.of('container_cpu_usage_seconds_total', _CONTAINER)}[{_duration(window)}])"
        # Old kubelets split by cpu; the maximum drops what a second scrape or a container's former life adds.
        return f"sum by (namespace, pod) (max by (namespace, pod, container, cpu) ({rate}))"
    if family is Family.MIXIN and window <= _RULE_SECONDS:
        return _by_pod(selection.of(RATE_RULE, _CONTAINER))
    rule = RATE_RULE if family is Family.MIXIN else IRATE_RULE
    return _by_pod(f"avg_over_time({selection.of(rule, _CONTAINER)}[{_duration(window)}])")


def _memory_by_pod(family: Family, selection: Selection) -> str:
    name = "container_memory_working_set_bytes" if family is Family.RAW else MEMORY_RULE
    return _by_pod(selection.of(name, _CONTAINER))


def _resources(metric: str, resource: str, selection: Selection) -> str:
    """Per pod, what its containers request in sum; nothing where one of them requests nothing.

    A sidecar's request alone would make the workload look tiny and its replicas too many.
    """
    asked = selection.of(f"kube_pod_container_resource_{metric}", f'resource="{resource}"')
    containers, asking = (
        f"count by (namespace, pod) (count by (namespace, pod, container) ({metric}))"
        for metric in (selection.of("kube_pod_container_info"), asked)
    )
    return f"{_by_pod(asked)} unless on (namespace, pod) {containers} > {asking}"


def _by_pod(expr: str) -> str:
    return f"sum by (namespace, pod) (max by (namespace, pod, container) ({expr}))"


def _by_workload(how: str, pods: str, family: Family, selection: Selection, argument: str = "") -> str:
    """Join `pods` (one value per namespace and pod) to their workloads and aggregate."""
    labels = "owner_kind, owner_name" if family is Family.RAW else "workload_type, workload"
    owner = _raw_owner(selection) if family is Family.RAW else _mixin_owner(selection)
    joined = f"{pods} * on (namespace, pod) group_left ({labels}) {owner}"
    return f"{how} by (namespace, {labels}) ({argument}{joined})"


def _raw_owner(selection: Selection) -> str:
    """1 per pod, labelled with its workload; `topk` drops duplicates, and a disputed pod fails nothing."""
    owned = selection.of("kube_pod_owner", 'owner_kind="ReplicaSet"', _CONTROLLER)
    direct = selection.of(
        "kube_pod_owner", 'owner_kind!~"ReplicaSet|Node|<none>|"', _CONTROLLER, named="owner_name"
    )
    owners = selection.of("kube_replicaset_owner", 'owner_kind!~"<none>|"', _CONTROLLER, named="owner_name")
    one = f"topk by (namespace, replicaset) (1, {owners})"
    through = (
        f'label_replace({owned}, "replicaset", "$1", "owner_name", "(.+)")'
        f" * on (namespace, replicaset) group_left (owner_kind, owner_name) {one}"
    )
    return f"topk by (namespace, pod) (1, {through} or {direct})"


def _mixin_owner(selection: Selection) -> str:
    rule = selection.of(OWNER_RULE, named="workload")
    return f"topk by (namespace, pod) (1, {rule})"


def _duration(seconds: float) -> str:
    whole = max(1, round(seconds))
    return f"{whole // 60}m" if whole % 60 == 0 else f"{whole}s"


def _one_of(names: tuple[str, ...]) -> str:
    """An anchored regular expression (Prometheus anchors all) for exactly these names, as PromQL string content."""
    return _quoted("|".join(re.sub(r"([^A-Za-z0-9_-])", r"\\\1", name) for name in sorted(set(names))))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
