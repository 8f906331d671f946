"""docs/heliostarget.md says of every field what the schema says, and its examples are taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from helios.operator.crds import GOVERNED, crd
from helios.operator.resources import HeliosTarget
from helios.targets import QueryPolicy

PAGE = (Path(__file__).parents[2] / "docs/heliostarget.md").read_text(encoding="utf-8")
SPEC = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
OPERATORS = {name for _, name in GOVERNED}


def rows(schema: dict[str, Any], path: str = "") -> Iterator[list[str]]:
    """Name, default and meaning of every field inside a schema."""
    for name, field in schema["properties"].items():
        inner = field.get("items", field)
        list_of = "[]" if "properties" in field.get("items", {}) else ""
        yield [f"`{path}{name}{list_of}`", default(schema, name), field["description"]]
        if "properties" in inner:
            yield from rows(inner, f"{path}{name}{list_of}.")


def default(schema: dict[str, Any], name: str) -> str:
    """What holds without it."""
    field = schema["properties"][name]
    if "default" in field:
        return f"`{yaml.safe_dump(field['default'], default_flow_style=True).removesuffix('...' + chr(10)).strip()}`"
    governed = name in OPERATORS and "operator's setting" in field["description"]
    return "the operator's" if governed else "required" if name in schema.get("required", []) else ""


def examples() -> list[dict[str, Any]]:
    """The YAML blocks of the page."""
    return [yaml.safe_load(block.split("```")[0]) for block in PAGE.split("```yaml\n")[1:]]


def test_every_field_is_on_the_page_as_it_is_in_the_schema() -> None:
    """In the same order, with the same default and the same words."""
    shown = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in PAGE.split("## Status")[0].splitlines()
        if line.startswith("| `")
    ]
    assert list(rows(SPEC)) == shown


def test_every_example_of_the_page_is_taken() -> None:
    """As a user would copy it, under an operator that allows queries of one's own namespace."""
    assert len(examples()) == 2
    for example in examples():
        target = HeliosTarget.of(example, fill=dict, queries=QueryPolicy.OWN_NAMESPACE)
        assert target.problem is None


def test_the_full_example_leaves_no_field_out() -> None:
    """Whoever looks for a field finds it used."""

    def named(schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
        for name, field in schema["properties"].items():
            inner = value.get(name) if isinstance(value, dict) else None
            if inner is None:
                yield f"{path}{name}"
            elif "properties" in field.get("items", {}):
                merged = {key: of for element in inner for key, of in element.items()}
                yield from named(field["items"], merged, f"{path}{name}[].")
            elif "properties" in field:
                yield from named(field, inner, f"{path}{name}.")

    # it stands in place of anomaly.threshold
    assert ["anomaly.alarmsPerWeek"] == list(named(SPEC, examples()[1]["spec"], ""))
