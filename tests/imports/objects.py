"""HPAs and ScaledObjects as the API server gives them, and the figures of a running Helios, in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from helios.imports.autoscalers import Autoscaler
from helios.imports.conversions import Imported, imported
from helios.imports.fleets import Existing
from helios.imports.rankings import TargetFigures
from helios.imports.remarks import Remark

Object = dict[str, Any]
CYCLE = 300


def cpu(percent: int = 70) -> Object:
    """An HPA's cpu metric."""
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def hpa(
    name: str = "web",
    namespace: str = "shop",
    *,
    workload: str | None = None,
    kind: str = "Deployment",
    metrics: Sequence[Object] | None = None,
    metadata: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Object:
    """An HPA on the workload of its name; 2 to 10 replicas at 70 % cpu."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"hpa-{namespace}-{name}",
            **(metadata or {}),
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": workload or name},
            "minReplicas": 2,
            "maxReplicas": 10,
            "metrics": [cpu()] if metrics is None else list(metrics),
            **spec,
        },
    }


def trigger(kind: str = "cpu", metric_type: str | None = None, **metadata: str) -> Object:
    """A ScaledObject's trigger; cpu at 70 % unless said otherwise."""
    if kind == "cpu":
        return {
            "type": "cpu",
            "metricType": metric_type or "Utilization",
            "metadata": {"value": "70", **metadata},
        }
    return {"type": kind, "metadata": metadata, **({"metricType": metric_type} if metric_type else {})}


def cron(
    start: str = "0 8 * * 1-5", end: str = "0 18 * * 1-5", replicas: str = "4", zone: str = "UTC"
) -> Object:
    """A cron trigger: office hours."""
    return trigger("cron", start=start, end=end, timezone=zone, desiredReplicas=replicas)


def scaled(
    *triggers: Object,
    name: str = "web",
    namespace: str = "shop",
    workload: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Object:
    """A ScaledObject on the Deployment of its name."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"so-{namespace}-{name}",
            **(metadata or {}),
        },
        "spec": {
            "scaleTargetRef": {"name": workload or name},
            "triggers": list(triggers or [trigger()]),
            **spec,
        },
    }


def made_by_keda(name: str = "web", namespace: str = "shop") -> Object:
    """The HPA that KEDA keeps for a ScaledObject."""
    owner = {"kind": "ScaledObject", "name": name, "controller": True}
    return hpa(f"keda-hpa-{name}", namespace, workload=name, metadata={"ownerReferences": [owner]})


def converted(body: Object, *, cycle: int = CYCLE) -> Imported:
    """What becomes of one autoscaler, where any query is allowed."""
    one = Autoscaler.of(body["kind"], body)
    return imported(one, one.spec.scale_target_ref.name, cycle=cycle, may_not=lambda _query, _where: None)


def rules(said: Sequence[Remark]) -> list[str]:
    """Their names."""
    return [remark.rule.name for remark in said]


def existing(name: str = "web", namespace: str = "shop", mode: str = "Observe") -> Existing:
    """A HeliosTarget on the Deployment of its name."""
    return Existing(namespace, name, (namespace, "Deployment", name), mode)


def figures(
    name: str = "web",
    *,
    namespace: str = "shop",
    days: float = 7,
    short: tuple[float, float] = (10, 2),
    hours: tuple[float, float] = (100, 90),
    reactive: float | None = 8,
    skill: float | None = 0.3,
    **more: Any,
) -> TargetFigures:
    """What a running Helios says of a target that would have done well; `short` and `hours` as it ran, as recommended."""
    return TargetFigures.model_validate(
        {
            "namespace": namespace,
            "deployment": name,
            "kind": "Deployment",
            "state": "scored",
            "current_replicas": 6,
            "recommended_replicas": 5,
            "reason": "forecast",
            "model": "auto",
            "metrics": [{"name": "cpu", "drives": True, "skill": skill}],
            "ledger": {
                "seconds": days * 86_400,
                "replica_hours_actual": hours[0],
                "replica_hours_recommended": hours[1],
                "short_minutes_actual": short[0],
                "short_minutes_recommended": short[1],
                "short_minutes_reactive": reactive,
            },
            **more,
        }
    )
