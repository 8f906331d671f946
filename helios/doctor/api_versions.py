"""HPAs of other versions as autoscaling/v2 has them: the same metrics and targets under other names, or in annotations.

As Kubernetes' own conversion does it, or did it. What is not known is kept as it stands: whether it is right is for other rules to
say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

GONE: Mapping[str, str] = {"autoscaling/v2beta1": "1.25", "autoscaling/v2beta2": "1.26"}
"""Versions of the HPA by the Kubernetes that serves them no more."""
SERVED, FIRST = "autoscaling/v2", "autoscaling/v1"
METRICS, BEHAVIOR = "autoscaling.alpha.kubernetes.io/metrics", "autoscaling.alpha.kubernetes.io/behavior"
"""Annotations that hold what a version has no field for."""
_OF_THE_SERVER = frozenset(
    {"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
)
_LEFT = frozenset({"kubectl.kubernetes.io/last-applied-configuration", METRICS, BEHAVIOR})
"""Annotations that kubectl writes, and those that say the same as fields of v2."""
_TARGETS: Mapping[str, tuple[str, str]] = {
    "targetAverageUtilization": ("Utilization", "averageUtilization"),
    "targetAverageValue": ("AverageValue", "averageValue"),
    "averageValue": ("AverageValue", "averageValue"),  # of an Object, where it comes before targetValue
    "targetValue": ("Value", "value"),
}
"""What v2beta1 said beside the metric, and v2 says in its `target`; the first that is there counts."""
_SELECTORS = ("selector", "metricSelector")


def served(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same HPA as autoscaling/v2, without what the API server has put to it.

    Args:
        body: of v2beta1 or v2beta2.
    """
    metadata = body.get("metadata")
    found: dict[str, Any] = {"apiVersion": SERVED, "kind": body.get("kind")}
    if isinstance(metadata, Mapping):
        found["metadata"] = _own(metadata)
    if isinstance(body.get("spec"), Mapping):
        found["spec"] = in_v2(body)
    return found


def in_v2(body: Mapping[str, Any]) -> dict[str, Any]:
    """The `spec` of an HPA of whatever version, as autoscaling/v2 has it."""
    spec = body.get("spec")
    found = dict(spec) if isinstance(spec, Mapping) else {}
    version, notes = str(body.get("apiVersion")), _annotations(body)
    metrics = found.get("metrics")
    if version == FIRST:
        percent = found.pop("targetCPUUtilizationPercentage", None)
        target = {"type": "Utilization", "averageUtilization": percent}
        own = [] if percent is None else [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        metrics = [*_noted(notes, METRICS, list), *own]
    if isinstance(metrics, list):
        found["metrics"] = [metric(one) if isinstance(one, Mapping) else one for one in metrics]
    noted = _camel(_noted(notes, BEHAVIOR, dict)) if version != SERVED else {}
    return {"behavior": noted, **found} if noted else found


def metric(body: Mapping[str, Any]) -> dict[str, Any]:
    """One metric in the form of v2, in whatever form it comes."""
    found = dict(body)
    kind = str(body.get("type") or "")
    field = kind[:1].lower() + kind[1:]
    if isinstance(body.get(field), Mapping):
        found[field] = _source(body[field])
    return found


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    """What is measured, and against what."""
    target, described = source.get("target"), {}
    if (
        isinstance(target, Mapping) and "type" not in target and "kind" in target
    ):  # of an Object: what it is a metric of
        described, target = {"describedObject": target}, None
    gone = {"metricName", *_SELECTORS, *_TARGETS}
    kept = {key: value for key, value in source.items() if key not in gone and key != "target"}
    named = {}
    if "metricName" in source:
        selector = next((source[one] for one in _SELECTORS if source.get(one) is not None), None)
        named = {
            "metric": {"name": source["metricName"], **({} if selector is None else {"selector": selector})}
        }
    if target is None:
        target = next(
            (
                {"type": kind, field: source[old]}
                for old, (kind, field) in _TARGETS.items()
                if source.get(old) is not None
            ),
            None,
        )
    return {**described, **kept, **named, **({} if target is None else {"target": target})}


def _annotations(body: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = body.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _noted(annotations: Mapping[str, Any], name: str, kind: type) -> Any:
    """What an annotation holds as JSON; nothing where it is of another kind, which the API server passes over too."""
    try:
        found = json.loads(str(annotations.get(name) or "null"))
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, kind) else kind()


def _camel(value: Any) -> Any:
    """Names of fields as v2 writes them: the annotation has those of Go, and Go reads either."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _camel(one) for key, one in value.items()}
    return [_camel(one) for one in value] if isinstance(value, list) else value


def _own(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What its author wrote."""
    found = {key: value for key, value in metadata.items() if key not in _OF_THE_SERVER}
    annotations = metadata.get("annotations")
    if isinstance(annotations, Mapping):
        found["annotations"] = {key: value for key, value in annotations.items() if key not in _LEFT}
        if not found["annotations"]:
            del found["annotations"]
    return found
