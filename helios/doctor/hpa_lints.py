"""What is wrong with an HPA of somebody's own: its bounds, and Helios' gauges read as external metrics of a kind they are not."""

from __future__ import annotations

import math
from collections.abc import Iterator

from helios.doctor import rules
from helios.doctor.api_versions import GONE, served
from helios.doctor.findings import Finding
from helios.doctor.meanings import Kind, of_metric
from helios.doctor.remedies import pasted, scaling
from helios.doctor.scalers import Autoscaler, Metric, as_count
from scoring.gauges import RECOMMENDED, SIGNAL, TARGET_GAUGES, UNCAPPED

_COUNTS = frozenset({SIGNAL.name, RECOMMENDED.name, UNCAPPED.name})
_OURS = frozenset(one.name for one in TARGET_GAUGES)


def lints(hpa: Autoscaler) -> Iterator[Finding]:
    """Everything but what its workload says."""
    yield from _version(hpa)
    yield from _bounds(hpa)
    for metric in hpa.metrics:
        if metric.type in {"External", "Object"} and metric.name in _OURS:
            yield from _gauge(hpa, metric)


def _version(hpa: Autoscaler) -> Iterator[Finding]:
    """Of files alone: the API server lists its objects in the version that is asked for."""
    version = str(hpa.manifest.body.get("apiVersion"))
    since = GONE.get(version)
    if since is not None:
        yield rules.VERSION.found(
            hpa.manifest.where,
            f"kubectl finds no such kind, and nothing scales {' '.join(hpa.workload)}; an HPA that is there already stays as it is.",
            f"Kubernetes serves {version} no more since {since}.",
            pasted(served(hpa.manifest.body)),
        )


def _bounds(hpa: Autoscaler) -> Iterator[Finding]:
    spec = hpa.manifest.spec
    least, most = as_count(spec.get("minReplicas")), as_count(spec.get("maxReplicas"))
    if most is None or (least is None and spec.get("minReplicas") is not None):
        return
    least = 1 if least is None else least
    if most < 1 or not 0 <= least <= most:
        yield rules.BOUNDS.found(
            hpa.manifest.where,
            "The API server refuses the object, and the one before it stays in force.",
            f"minReplicas {least} and maxReplicas {most}: the minimum may not be above the maximum, and the maximum is 1 at least.",
            scaling(minReplicas=max(min(least, most), 1), maxReplicas=max(least, most, 1)),
        )


def _gauge(hpa: Autoscaler, metric: Metric) -> Iterator[Finding]:
    """As an adapter serves it under its own name."""
    found = of_metric(metric.name, metric.selector or {}, hpa.workload[1])
    why = f"{found.because or metric.name}, and the target's type is {metric.target}."
    remedy = _signal(metric)
    if metric.target == "AverageValue" and metric.name in _COUNTS and metric.amount not in (None, 1):
        yield rules.THRESHOLD_NOT_ONE.found(
            hpa.manifest.where,
            f"{metric.name}: 10 replicas recommended become {math.ceil(10 / metric.amount):g}.",
            f"{found.because}. AverageValue divides it by the target, {metric.amount:g}.",
            remedy,
        )
    elif metric.target == "AverageValue" and found.kind is Kind.RATIO:
        yield rules.RATIO.found(
            hpa.manifest.where,
            f"{metric.name}: AverageValue asks for ceil(value / target) replicas, whatever the fleet's size.",
            why,
            remedy,
        )
    elif metric.target == "Value" and found.kind is Kind.REPLICAS:
        yield rules.REPLICAS.found(
            hpa.manifest.where,
            f"{metric.name}: the count is multiplied by the pods there are, every 15 s, up to the maximum.",
            why,
            remedy,
        )
    elif metric.target == "Value" and found.forecast:
        yield rules.FORECAST.found(
            hpa.manifest.where,
            f"{metric.name}: the workload runs away to its maximum as soon as the value is over the target.",
            f"{why} A forecast does not fall when pods are added.",
            remedy,
        )


def _signal(metric: Metric) -> str:
    """The scaling signal as it is meant to be read."""
    chosen = {"selector": {"matchLabels": dict(metric.selector)}} if metric.selector else {}
    return pasted(
        {
            "spec": {
                "metrics": [
                    {
                        "type": "External",
                        "external": {
                            "metric": {"name": SIGNAL.name, **chosen},
                            "target": {"type": "AverageValue", "averageValue": "1"},
                        },
                    }
                ]
            }
        }
    )
