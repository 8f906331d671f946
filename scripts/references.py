"""The tables of the reference pages, as the code has them: what `scripts/make_references.py` writes.

Fields come from the CRD's schema, target gauges from the table that they are rendered from, and every other metric from the
registries that the processes themselves are built with, so that there is no second list to forget a metric in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from kubernetes.client import Configuration
from prometheus_client import CollectorRegistry

from helios.app import Registries, build, build_operator, prometheus_source
from helios.operator.crds import GOVERNED, crd
from helios.settings import Prometheus, Settings
from scoring.gauges import TARGET_GAUGES

OPERATORS = {name for _, name in GOVERNED}
"""Fields whose default is a setting of the operator."""

Schema = dict[str, Any]
Rows = Iterator[list[str]]


def rendered(head: Sequence[str], rows: Iterator[list[str]]) -> str:
    """A Markdown table; an empty cell is one space."""
    lines = [list(head), ["---"] * len(head), *rows]
    return "\n".join("|" + "|".join(f" {cell} " if cell else " " for cell in line) + "|" for line in lines)


def fields() -> str:
    """Every field of a HeliosTarget's spec: name, what it takes, default, meaning."""
    return rendered(("field", "takes", "default", "meaning"), field_rows(schema("spec")))


def schema(part: str) -> Schema:
    """The schema of a HeliosTarget's `spec` or `status`."""
    whole: Schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: Schema = whole["properties"][part]
    return found


def field_rows(of: Schema, path: str = "") -> Rows:
    """One row for each field inside a schema, those inside it below it."""
    for name, field in of["properties"].items():
        inner = field.get("items", field)
        elements = "[]" if "properties" in field.get("items", {}) else ""
        yield [f"`{path}{name}{elements}`", takes(field), default(of, name), field["description"]]
        if "properties" in inner:
            yield from field_rows(inner, f"{path}{name}{elements}.")


def takes(field: Schema) -> str:
    """What a field takes, in words."""
    kind = field.get("type")
    if "enum" in field:
        *others, last = (f"`{value}`" for value in field["enum"])
        return f"{', '.join(others)} or {last}" if others else last
    if kind == "array":
        inner = field["items"]
        return f"list, {takes(inner)} each" if "properties" not in inner else "list"
    if kind == "integer":
        return f"{field['minimum']} to {field['maximum']}" if "maximum" in field else "integer"
    return {"object": "object", "string": "text"}[str(kind)]


def default(of: Schema, name: str) -> str:
    """What holds without a field."""
    field = of["properties"][name]
    if "default" in field:
        shown = yaml.safe_dump(field["default"], default_flow_style=True).removesuffix("...\n").strip()
        return f"`{shown}`"
    governed = name in OPERATORS and "operator's setting" in field["description"]
    return "the operator's" if governed else "required" if name in of.get("required", []) else ""


def target_gauges() -> str:
    """What is exported of every target."""
    rows = ([f"`{gauge.name}`", ", ".join(gauge.labels), gauge.help] for gauge in TARGET_GAUGES)
    return rendered(("gauge", "more labels", "meaning"), rows)


def loop_metrics() -> str:
    """What the scoring loop says of itself, in an operator."""
    registries = Registries.new()
    settings = Settings(prometheus=Prometheus(url="http://prometheus.monitoring:9090"))
    source = prometheus_source(settings)
    try:
        built = build_operator(settings, Configuration(), source, registries)
        built.cluster.close()
    finally:
        source.close()
    return metrics(registries.loop)


def api_metrics() -> str:
    """What the API says of itself."""
    return metrics(build(Settings(), None).registry)


def metrics(registry: CollectorRegistry) -> str:
    """Every metric of ours in a registry, as it is exported."""
    return rendered(("metric", "type", "labels", "meaning"), metric_rows(registry))


def metric_rows(registry: CollectorRegistry) -> Rows:
    """One row for each, in the order in which they were registered."""
    endings = {"counter": "_total", "info": "_info"}
    # the library tells neither its collectors nor the labels of a family without children in public
    for collector in registry._collector_to_names:  # noqa: SLF001
        for family in collector.collect():
            if family.name.startswith("helios_"):
                labels = collector._labelnames  # noqa: SLF001
                if family.type == "info":
                    labels = [label for sample in family.samples for label in sample.labels]
                name = f"{family.name}{endings.get(family.type, '')}"
                yield [f"`{name}`", family.type, ", ".join(labels), family.documentation]
