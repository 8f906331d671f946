"""The CustomResourceDefinition, generated from the HeliosTarget's models so that the two cannot differ.

The API server refuses what the models refuse as far as a structural schema and CEL can say it; the rest (time zones, cron,
calendar days, a bound against an operator's default, whose query it is) becomes a condition. What the operator's settings
govern has no default here, or the API server would write it into every object and the settings would never count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from helios.operator.resources import (
    GROUP,
    KIND,
    NAME_LENGTH,
    PLURAL,
    VERSION,
    HeliosTargetSpec,
    HeliosTargetStatus,
)
from helios.targets import WELL_KNOWN
from helios.values import OFFSET
from scoring.anomalies.sigmas import LEAST_PER_WEEK, MOST_PER_WEEK
from scoring.forecasting.forecasts import LEVELS

Schema = dict[str, Any]

GOVERNED = frozenset(
    {("Replicas", "min"), ("Replicas", "max"), ("Behavior", "cooldownSeconds"), ("AnomalySpec", "threshold")}
)
"""Model and field of what an operator's setting is the default of."""

MAP_KEYS: Mapping[tuple[str, str], str] = {
    ("HeliosTargetSpec", "metrics"): "name",
    ("HeliosTargetStatus", "conditions"): "type",
}
"""Lists whose elements are told apart by a key, which must not come twice."""

_OFFSETS = f"self.start.matches(r'{OFFSET}') == self.end.matches(r'{OFFSET}')"
_KNOWN = ", ".join(f"'{name}'" for name in WELL_KNOWN)

RULES: Mapping[str, Mapping[str, str]] = {
    "Replicas": {
        "min is above max: swap them or raise max": "!has(self.min) || !has(self.max) || self.min <= self.max",
    },
    "MetricSpec": {
        "a metric that is neither cpu nor memory needs its query (PromQL of total demand) and perReplica (what one "
        "replica serves at 100 %)": f"self.name in [{_KNOWN}] || (has(self.query) && has(self.perReplica))",
        "perReplica is outside 0..1e15: give what one replica serves at 100 %": (
            "!has(self.perReplica) || (quantity(self.perReplica).isGreaterThan(quantity('0')) && "
            "quantity(self.perReplica).isLessThan(quantity('1P')))"
        ),
    },
    "ForecastSpec": {
        f"quantile is outside {LEVELS[0]}..{LEVELS[-1]}": (
            f"!has(self.quantile) || (double(self.quantile) >= {LEVELS[0]} && double(self.quantile) <= {LEVELS[-1]})"
        ),
    },
    "AnomalySpec": {
        "threshold is outside 0..100: 2.5 is about one alarm a week": (
            "!has(self.threshold) || (double(self.threshold) > 0.0 && double(self.threshold) <= 100.0)"
        ),
        "threshold and alarmsPerWeek are both given: they say the same thing in two ways, so remove one": (
            "!has(self.threshold) || !has(self.alarmsPerWeek)"
        ),
        f"alarmsPerWeek is outside {LEAST_PER_WEEK:g}..{MOST_PER_WEEK:g}: 1 is the default, 0.2 one in five weeks": (
            f"!has(self.alarmsPerWeek) || (double(self.alarmsPerWeek) >= {LEAST_PER_WEEK} && "
            f"double(self.alarmsPerWeek) <= {MOST_PER_WEEK})"
        ),
    },
    "ScheduleSpec": {
        "a schedule needs min, max, or both": "has(self.min) || has(self.max)",
        "min is above max": "!has(self.min) || !has(self.max) || self.min <= self.max",
    },
    "EventSpec": {
        "only one of start and end has an offset: give both one, or neither": _OFFSETS,
        "end is not after start": (
            f"!({_OFFSETS}) || (self.start.matches(r'{OFFSET}') ? timestamp(self.end) > timestamp(self.start) : "
            "timestamp(self.end + 'Z') > timestamp(self.start + 'Z'))"
        ),
        "expectedLift is outside 1..100: an expected lull needs no preparation": (
            "double(self.expectedLift) >= 1.0 && double(self.expectedLift) <= 100.0"
        ),
    },
    "HeliosTargetSpec": {
        "keda.fallback.replicas is above replicas.max": (
            "!has(self.keda) || !has(self.keda.fallback) || !has(self.keda.fallback.replicas) || "
            "!has(self.replicas) || !has(self.replicas.max) || self.keda.fallback.replicas <= self.replicas.max"
        ),
    },
}
"""Model -> message -> CEL: what its validators refuse across fields."""

COLUMNS: tuple[tuple[str, str, str, int], ...] = (
    ("Target", "string", ".spec.scaleTargetRef.name", 0),
    ("Mode", "string", ".spec.mode", 0),
    ("Current", "integer", ".status.replicas.current", 0),
    ("Recommended", "integer", ".status.replicas.recommended", 0),
    ("Model", "string", ".status.model", 0),
    ("Ledger", "string", ".status.ledger", 0),
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Scaling", "string", '.status.conditions[?(@.type=="Scaling")].reason', 1),
    ("DataAvailable", "string", '.status.conditions[?(@.type=="DataAvailable")].reason', 1),
    ("Anomaly", "string", ".status.anomaly.severity", 1),
)
"""Of `kubectl get`: name, type, path, priority; 1 is for `-o wide`."""

_COPIED = (
    "type",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "format",
)
_DROPPED = ("title", "additionalProperties", "description", "default", "properties", "required", "items")


def crd() -> Schema:
    """The CustomResourceDefinition as the API server takes it."""
    names = {"kind": KIND, "listKind": f"{KIND}List", "plural": PLURAL, "singular": KIND.lower()}
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root()},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": of, "jsonPath": path, "priority": priority}
            for name, of, path, priority in COLUMNS
        ],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {**names, "shortNames": ["ht"], "categories": ["helios"]},
            "versions": [version],
        },
    }


def crd_yaml() -> str:
    """The same as YAML, for `kubectl apply -f -`."""
    return yaml.safe_dump(crd(), sort_keys=False, width=110, allow_unicode=True)


def _root() -> Schema:
    return {
        "type": "object",
        "description": "A workload, and what Helios is to do about it.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this schema."},
            "kind": {"type": "string", "description": f"Always {KIND}."},
            "metadata": {"type": "object"},
            "spec": structural(HeliosTargetSpec),
            "status": structural(HeliosTargetStatus),
        },
        "x-kubernetes-validations": _rules(
            {
                f"metadata.name is too long: KEDA takes no name longer than {NAME_LENGTH}": (
                    f"size(self.metadata.name) <= {NAME_LENGTH}"
                )
            }
        ),
    }


def structural(model: type[BaseModel]) -> Schema:
    """A model as a structural schema.

    Raises:
        ValueError: a field says of itself what has no place there, or is not passed on yet; named.
    """
    raw = model.model_json_schema(by_alias=True)
    return _object(raw, raw.get("$defs", {}), model.__name__)


def _object(raw: Mapping[str, Any], models: Mapping[str, Any], name: str) -> Schema:
    """One model: its fields, its rules."""
    out: Schema = {"type": "object"}
    if "description" in raw:
        out["description"] = raw["description"]
    if raw.get("required"):
        out["required"] = raw["required"]
    needed_first = sorted(
        raw.get("properties", {}).items(), key=lambda item: item[0] not in raw.get("required", ())
    )
    out["properties"] = {key: _field(value, models, (name, key)) for key, value in needed_first}
    if name in RULES:
        out["x-kubernetes-validations"] = _rules(RULES[name])
    return out


def _field(raw: Mapping[str, Any], models: Mapping[str, Any], place: tuple[str, str]) -> Schema:
    """One field of a model; `place` is the model's name and the field's."""
    flat = _flat(raw)
    if "$ref" in flat:
        name = flat["$ref"].rpartition("/")[2]
        out = _object(models[name], models, name)
    else:
        unknown = flat.keys() - {*_COPIED, *_DROPPED}
        if unknown:
            raise ValueError(f"{'.'.join(place)}: {sorted(unknown)} has no place in a structural schema yet")
        out = {key: flat[key] for key in _COPIED if key in flat}
    if "description" in flat:
        out["description"] = flat["description"]
    if out["type"] == "integer":
        out["format"] = "int32" if out.get("maximum", 2**31) < 2**31 else "int64"
    if out["type"] == "array":
        out["items"] = _field(flat["items"], models, place)
    default = _plain(flat.get("default"))
    if default not in (None, []) and out["type"] != "object" and place not in GOVERNED:
        out["default"] = default
    if out["type"] == "array" and place in MAP_KEYS:
        out |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [MAP_KEYS[place]]}
    return out


def _rules(rules: Mapping[str, str]) -> list[Schema]:
    return [{"rule": rule, "message": message} for message, rule in rules.items()]


def _flat(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A field that may be left out, without its null: leaving it out is how Kubernetes says that."""
    choices = [choice for choice in raw.get("anyOf", ()) if choice != {"type": "null"}]
    if not choices:
        return dict(raw)
    (only,) = choices
    return {**only, **{key: value for key, value in raw.items() if key != "anyOf"}}


def _plain(value: Any) -> Any:
    """A default without what it leaves open."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
