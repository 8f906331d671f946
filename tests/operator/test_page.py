"""The examples of docs/heliostarget.md are taken, and leave no field out; its table is held by tests/docs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from helios.operator.crds import crd
from helios.operator.resources import HeliosTarget
from helios.targets import QueryPolicy

PAGE = (Path(__file__).parents[2] / "docs/heliostarget.md").read_text(encoding="utf-8")
SPEC = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def examples() -> list[dict[str, Any]]:
    """The YAML blocks of the page."""
    return [yaml.safe_load(block.split("```")[0]) for block in PAGE.split("```yaml\n")[1:]]


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
