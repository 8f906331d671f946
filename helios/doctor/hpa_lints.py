"""What is wrong with an HPA of somebody's own: its bounds, and Helios' gauges read as external metrics of a kind they are not."""

from __future__ import annotations

from collections.abc import Iterator

from helios.doctor import rules
from helios.doctor.findings import Finding
from helios.doctor.meanings import Kind, of_metric
from helios.doctor.remedies import pasted, scaling
from helios.doctor.scalers import Autoscaler, Metric, as_count
from scoring.gauges import SIGNAL, TARGET_GAUGES

_OURS = frozenset(one.name for one in TARGET_GAUGES)


def lints(hpa: Autoscaler) -> Iterator[Finding]:
    """Everything but what its workload says."""
    yield from _bounds(hpa)
    for metric in hpa.metrics:
        if metric.type in {"External", "Object"} and metric.name in _OURS:
            yield from _gauge(hpa, metric)


def _bounds(hpa: Autoscaler) -> Iterator[Finding]:
    spec = hpa.manifest.spec
    least, most = as_count(spec.get("minReplicas")), as_count(spec.get("maxReplicas"))
    if most is not None and max(1 if least is None else least, 1) > most:
        yield rules.BOUNDS.found(
            hpa.manifest.where,
            "The API server refuses the object, and the one before it stays in force.",
            f"minReplicas {1 if least is None else least} is above maxReplicas {most}.",
            scaling(minReplicas=max(most, 1), maxReplicas=max(least or 1, 1)),
        )


def _gauge(hpa: Autoscaler, metric: Metric) -> Iterator[Finding]:
    """As an adapter serves it under its own name."""
    found = of_metric(metric.name, metric.selector or {}, hpa.workload[1])
    why = f"{found.because or metric.name}, and the target's type is {metric.target}."
    remedy = _signal(metric)
    if metric.target == "AverageValue" and found.kind is Kind.RATIO:
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
