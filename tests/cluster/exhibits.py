"""What Prometheus would be told of a shop: the present as an exposition, the past as OpenMetrics with timestamps.

The names and labels are cAdvisor's and kube-state-metrics'; what Helios' recipes do not read is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.pods import Key, Pod
from tests.cluster.shops import Shop, Workload
from tests.sources.prometheus_server import Metrics

Labels = Mapping[str, str]
Row = tuple[str, Labels, float]
"""Metric, labels, value."""

STATE_SECONDS = 5.0
"""Between two samples of what never changes, in the past."""


def present(shop: Shop, namespace: str | None = None) -> str:
    """The exposition of one namespace, or of all."""
    used = shop.used()
    rows = [row for one in shop.workloads(namespace) for row in _rows(used, one)]
    rows += [_replica_set(*key, deployment) for key, deployment in shop.replica_sets(namespace).items()]
    return "".join(f"{metric}{{{_text(labels)}}} {value!r}\n" for metric, labels, value in rows)


@dataclass(frozen=True)
class Past:
    """How a workload was before the test began.

    Attributes:
        replicas: always so many; they were never short.
        request, limit: cores of each.
        ready_after: seconds from a pod's creation to its readiness.
    """

    replicas: int
    request: float
    limit: float
    ready_after: float = 1.0


def past(
    file: Path,
    workload: Workload,
    how: Past,
    *,
    start: float,
    end: float,
    labels: Labels,
    seconds: float = 1.0,
) -> Path:
    """Write a workload's past for `Prometheus.load`; `file` itself.

    Args:
        file: to be written.
        workload: whose.
        how: what its pods were like.
        start: UNIX seconds of the first sample.
        end: UNIX seconds before which the last one is.
        labels: what a scrape adds (`job`, `instance`), so that the series go on as the same ones.
        seconds: between two samples of use: at least four must fit into a window of Helios' recipes.
    """
    metrics = Metrics()
    times = [start + i * seconds for i in range(math.ceil((end - start) / seconds))]
    steady = [when for i, when in enumerate(times) if i % max(1, round(STATE_SECONDS / seconds)) == 0]
    used, counter = 0.0, {}
    for when in times:
        counter[when] = round(used, 6)
        used += workload.demand(when + seconds / 2) / how.replicas * seconds
    for pod in _pods_of_the_past(workload, how, start):
        metrics.add("container_cpu_usage_seconds_total", {**_container(pod, "app"), **labels}, counter)
        for metric, of, value in (*_pod_rows(pod), *_use_rows(pod, workload)):
            metrics.add(metric, {**of, **labels}, dict.fromkeys(steady, value))
    sets = [_replica_set(workload.namespace, f"{workload.name}-past", workload.name)]
    own = [row for row in sets if workload.kind == "Deployment"]
    for metric, of, value in (*_replica_rows(workload, how.replicas, how.replicas), *own):
        metrics.add(metric, {**of, **labels}, dict.fromkeys(steady, value))
    file.write_text(metrics.text(), encoding="utf-8")
    return file


def _rows(used: Mapping[Key, float], workload: Workload) -> Iterator[Row]:
    for pod in workload.pods:
        for number, container in enumerate(pod.containers):
            # The first container does the work.
            busy = used.get(pod.key, 0.0) if number == 0 else 0.0
            yield "container_cpu_usage_seconds_total", _container(pod, container), busy
        yield from _use_rows(pod, workload)
        yield from _pod_rows(pod)
    if workload.body is not None:
        status = workload.body.get("status", {})
        yield from _replica_rows(workload, workload.wanted or 0, status.get("replicas", 0))


def _use_rows(pod: Pod, workload: Workload) -> Iterator[Row]:
    for container in pod.containers:
        share = workload.memory / len(pod.containers)
        yield "container_memory_working_set_bytes", _container(pod, container), share


def _pod_rows(pod: Pod) -> Iterator[Row]:
    who = {"namespace": pod.namespace, "pod": pod.name}
    kind, name = pod.owner
    owner = {"owner_kind": kind, "owner_name": name, "owner_is_controller": "true"}
    yield "kube_pod_owner", {**who, **owner}, 1.0
    yield "kube_pod_created", who, pod.created
    if pod.ready_since is not None:
        yield "kube_pod_status_ready_time", who, pod.ready_since
    for container in pod.containers:
        yield "kube_pod_container_info", _container(pod, container), 1.0
    for metric, amounts in (("requests", pod.requests), ("limits", pod.limits)):
        for (container, resource), amount in amounts.items():
            unit = "core" if resource == "cpu" else "byte"
            labels = {**_container(pod, container), "resource": resource, "unit": unit}
            yield f"kube_pod_container_resource_{metric}", labels, amount


def _replica_rows(workload: Workload, wanted: float, current: float) -> Iterator[Row]:
    label = workload.kind.lower()
    labels = {"namespace": workload.namespace, label: workload.name}
    spec = "spec_replicas" if workload.kind == "Deployment" else "replicas"
    yield f"kube_{label}_{spec}", labels, float(wanted)
    yield f"kube_{label}_status_replicas", labels, float(current)


def _replica_set(namespace: str, name: str, deployment: str) -> Row:
    owner = {"owner_kind": "Deployment", "owner_name": deployment, "owner_is_controller": "true"}
    return "kube_replicaset_owner", {"namespace": namespace, "replicaset": name, **owner}, 1.0


def _container(pod: Pod, container: str) -> dict[str, str]:
    return {"namespace": pod.namespace, "pod": pod.name, "container": container}


def _pods_of_the_past(workload: Workload, how: Past, start: float) -> list[Pod]:
    direct = workload.kind != "Deployment"
    owner = (workload.kind, workload.name) if direct else ("ReplicaSet", f"{workload.name}-past")
    return [
        Pod(
            workload.namespace,
            f"{workload.name}-{'' if direct else 'past-'}{number}",
            {},
            owner,
            ("app",),
            start,
            start + how.ready_after,
            {("app", "cpu"): how.request},
            {("app", "cpu"): how.limit},
        )
        for number in range(how.replicas)
    ]


def _text(labels: Labels) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels.items())
