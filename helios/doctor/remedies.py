"""Remedies as YAML ready to paste: what is wrong, written as it should be, in its place. No secret is repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from helios.doctor.manifests import part
from helios.doctor.scalers import as_number
from helios.operator.scaledobjects import forecast_query

MASK = "…"
_MASK_SAID = f"# {MASK} stands for the text that is there, and is not printed here"
_SHOWN: Mapping[str, frozenset[str]] = {
    "prometheus": frozenset(
        {"query", "threshold", "activationThreshold", "ignoreNullValues", "namespace", "authModes", "timeout"}
    ),
    "cpu": frozenset({"type", "value", "containerName"}),
    "memory": frozenset({"type", "value", "containerName"}),
    "cron": frozenset({"timezone", "start", "end", "desiredReplicas"}),
}
"""Fields of a trigger's metadata that hold no secret, by the trigger's type; numbers and truth values are shown as well."""
_SECRET = re.compile(r"pass|secret|token|key|cred|auth|pin|connection|sas", re.IGNORECASE)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks; lists indented as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    if "\n" in value:
        block = "\n".join(line.rstrip() for line in value.strip("\n").split("\n")) + "\n"
        return dumper.represent_scalar("tag:yaml.org,2002:str", block, style="|")
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if _is_itself(value) else '"')


def _is_itself(value: str) -> bool:
    """Whether YAML reads it, unquoted, as this very text: `{a}`, `@x`, `2026-99-99` and `yes` are something else, or nothing."""
    try:
        return bool(value) and yaml.safe_load(value) == value
    except (yaml.YAMLError, ValueError, RecursionError):
        return False


_Dumper.add_representer(str, _text)


def pasted(value: Mapping[str, Any]) -> str:
    """A piece of a manifest as YAML."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
    return text.rstrip("\n")


def trigger(
    body: Mapping[str, Any],
    changes: Mapping[str, str | None] | None = None,
    *,
    metric_type: str | None = None,
) -> str:
    """A trigger of a ScaledObject as it should be, in the place of the one that is there.

    What may be a secret (headers, connections, an address with credentials) is masked: this is printed into logs.

    Args:
        body: as it is.
        changes: fields of `metadata` by name, as they should be, and shown as they are; None takes a field away.
        metric_type: of the trigger; None leaves it as it is.
    """
    kind = str(body.get("type") or "")
    said = {as_text(key): value for key, value in part(body, "metadata").items()}
    masked = {key: _masked(kind, key, value) for key, value in said.items() if value is not None}
    shown = {key: value for key, value in {**masked, **(changes or {})}.items() if value is not None}
    metrics = {"metricType": metric_type or body.get("metricType")}
    fixed = {
        "type": body.get("type"),
        **{key: value for key in ("name",) if (value := body.get(key))},
        **{key: value for key, value in metrics.items() if value},
        **{key: value for key in ("useCachedMetrics",) if (value := body.get(key)) is not None},
        "metadata": shown,
        **{key: value for key in ("authenticationRef",) if (value := body.get(key))},
    }
    text = pasted({"spec": {"triggers": [fixed]}})
    return f"{_MASK_SAID}\n{text}" if MASK in shown.values() else text


def as_text(value: object) -> str:
    """A value as it is written in YAML, where a text is wanted."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _masked(kind: str, key: str, value: object) -> str:
    """A value of a trigger's metadata, if it is certain that it is no secret."""
    if isinstance(value, int | float) and not _SECRET.search(key):
        return as_text(value)
    if not isinstance(value, str) or not is_plain(kind, key, value):
        return MASK
    return value


def is_plain(kind: str, key: str, value: str) -> bool:
    """Whether a field of a trigger's metadata is certain to hold no secret, by its name and what it says."""
    if value.lower() in {"true", "false"} or (as_number(value) is not None and not _SECRET.search(key)):
        return True
    if key == "serverAddress":
        return kind == "prometheus" and not set("@?#") & set(value)
    return key in _SHOWN.get(kind, ())


def followed(body: Mapping[str, Any], namespace: str, workload: str) -> str:
    """Helios' own trigger in place of one that reads its gauges another way."""
    changes = {
        "query": forecast_query(namespace or "NAMESPACE", workload),
        "threshold": "1",
        "activationThreshold": None,
        "ignoreNullValues": "false",
    }
    return trigger(body, changes, metric_type="AverageValue")


def scaling(**fields: Any) -> str:
    """Fields of the `spec`."""
    return pasted({"spec": fields})
