"""Builds what cAdvisor and kube-state-metrics say of a small cluster, twice scraped as real ones are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.sources.prometheus_server import Metrics

SCRAPE_SECONDS = 60
STATE_SECONDS = 240
"""kube-state-metrics' constants may be sparser: a query looks back five minutes."""


@dataclass(frozen=True)
class Workload:
    """A workload whose pods share its demand evenly.

    Attributes:
        cores: demand in each step, total.
        memory: bytes in each step, total.
        replica_sets: names of the ReplicaSets that its pods belong to; two in the middle of a rollout.
    """

    namespace: str
    name: str
    cores: Sequence[float]
    memory: Sequence[float]
    kind: str = "Deployment"
    pods: int = 2
    replica_sets: tuple[str, ...] = ("7d9f",)
    request: float = 0.5
    limit: float = 2.0
    ready_after: float = 20.0


def load(metrics: Metrics, workload: Workload, start: float, step: float) -> None:
    """Write a workload's metrics; step i covers `[start + i * step, start + (i + 1) * step)`.

    State goes on for ten minutes more: a test that begins just before the next step still finds it.
    """
    end = start + step * len(workload.cores)
    steady = _every(start, end + 600, STATE_SECONDS)
    for number in range(workload.pods):
        pod = {"namespace": workload.namespace, "pod": _pod(workload, number)}
        _usage(metrics, workload, pod, start, step)
        _state(metrics, workload, pod, number, steady, start)
    label = workload.kind.lower()
    names = {"namespace": workload.namespace, label: workload.name}
    for instance in ("ksm-0", "ksm-1"):
        of_whom = {**names, "instance": instance}
        metrics.add(f"kube_{label}_status_replicas", of_whom, dict.fromkeys(steady, float(workload.pods)))


def _usage(metrics: Metrics, workload: Workload, pod: Mapping[str, str], start: float, step: float) -> None:
    used, counter, memory = 0.0, {}, {}
    ticks = int(step // SCRAPE_SECONDS)
    for i, (cores, size) in enumerate(zip(workload.cores, workload.memory, strict=True)):
        for tick in range(ticks):
            when = start + i * step + tick * SCRAPE_SECONDS
            counter[when], memory[when] = round(used, 6), size / workload.pods
            used += cores / workload.pods * SCRAPE_SECONDS
    end = start + step * len(workload.cores)
    counter[end], memory[end] = round(used, 6), workload.memory[-1] / workload.pods
    for container, share in (("", 1.0), ("app", 1.0), ("POD", 0.01)):
        labels = {**pod, "container": container, "cpu": "total", "job": "kubelet"}
        scaled = {when: value * share for when, value in counter.items()}
        metrics.add("container_cpu_usage_seconds_total", labels, scaled)
    memory_labels = {**pod, "container": "app", "job": "kubelet"}
    metrics.add("container_memory_working_set_bytes", memory_labels, memory)


def _state(
    metrics: Metrics,
    workload: Workload,
    pod: Mapping[str, str],
    number: int,
    steady: Sequence[float],
    start: float,
) -> None:
    def add(metric: str, labels: Mapping[str, str], value: float) -> None:
        for instance in ("ksm-0", "ksm-1"):
            metrics.add(metric, {**labels, "instance": instance}, dict.fromkeys(steady, value))

    direct = workload.kind != "Deployment"
    replica_set = f"{workload.name}-{workload.replica_sets[number % len(workload.replica_sets)]}"
    owner = {
        "owner_kind": workload.kind if direct else "ReplicaSet",
        "owner_name": workload.name if direct else replica_set,
        "owner_is_controller": "true",
    }
    add("kube_pod_owner", {**pod, **owner}, 1.0)
    if not direct and number < len(workload.replica_sets):
        of_set = {"namespace": workload.namespace, "replicaset": replica_set}
        whose = {"owner_kind": "Deployment", "owner_name": workload.name, "owner_is_controller": "true"}
        add("kube_replicaset_owner", {**of_set, **whose}, 1.0)
    container = {**pod, "container": "app"}
    add("kube_pod_container_info", container, 1.0)
    for metric, cores in (("requests", workload.request), ("limits", workload.limit)):
        for resource, unit, value in (("cpu", "core", cores), ("memory", "byte", cores * 2**30)):
            labels = {**container, "resource": resource, "unit": unit}
            add(f"kube_pod_container_resource_{metric}", labels, value)
    add("kube_pod_created", pod, start)
    add("kube_pod_status_ready_time", pod, start + workload.ready_after)


def _pod(workload: Workload, number: int) -> str:
    if workload.kind != "Deployment":
        return f"{workload.name}-{number}"
    return f"{workload.name}-{workload.replica_sets[number % len(workload.replica_sets)]}-{number}"


def _every(start: float, end: float, seconds: float) -> list[float]:
    return [start + i * seconds for i in range(int((end - start) // seconds) + 1)]
