"""Every YAML that a page shows is taken by whom it is for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from helios.operator.crds import crd
from helios.operator.resources import HeliosTarget
from helios.settings import Settings, load_settings
from helios.targets import QueryPolicy
from tests.docs.pages import ROOT, Page, pages

SECTIONS = set(Settings.model_fields)


def closed(schema: Any) -> Any:
    """A structural schema that refuses what it does not name, as the API server does when it is asked to be strict."""
    if isinstance(schema, dict):
        inner = {key: closed(value) for key, value in schema.items() if not key.startswith("x-kubernetes")}
        if isinstance(inner.get("properties"), dict) and "type" in inner:
            return {"additionalProperties": False, **inner}
        return inner
    return [closed(one) for one in schema] if isinstance(schema, list) else schema


def validator() -> jsonschema_rs.Validator:
    """Of a HeliosTarget; metadata is the API server's own."""
    schema = closed(crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    schema["properties"] |= {"metadata": {"type": "object"}, "apiVersion": {}, "kind": {}}
    return jsonschema_rs.validator_for(schema)


def documents() -> Iterator[tuple[str, Any]]:
    """Where it stands, and each YAML document."""
    for page in pages():
        for number, block in enumerate(page.blocks("yaml", "yml")):
            for one in yaml.safe_load_all(block):
                yield f"{page.name} {number}", one


SHOWN = list(documents())
TARGETS = [
    (where, one) for where, one in SHOWN if isinstance(one, dict) and one.get("kind") == "HeliosTarget"
]
SETTINGS = [(where, one) for where, one in SHOWN if isinstance(one, dict) and set(one) <= SECTIONS]


@pytest.mark.parametrize(("where", "target"), TARGETS, ids=[where for where, _ in TARGETS])
def test_every_helios_target_shown_is_taken(where: str, target: dict[str, Any]) -> None:
    """By the schema that the API server has, every field named by it, and by the operator."""
    assert [] == [error.message for error in validator().iter_errors(target)], where
    assert HeliosTarget.of(target, fill=dict, queries=QueryPolicy.OWN_NAMESPACE).problem is None


@pytest.mark.parametrize(("where", "settings"), SETTINGS, ids=[where for where, _ in SETTINGS])
def test_all_settings_shown_can_be_loaded(where: str, settings: dict[str, Any], tmp_path: Path) -> None:
    """As a file of that content would be."""
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    load_settings(file, {})


def test_there_is_something_to_hold() -> None:
    """Pages show both, and the two tests above would pass over none."""
    assert len(TARGETS) >= 4
    assert len(SETTINGS) >= 2


def test_a_field_that_there_is_not_is_found() -> None:
    """The first test above can fail."""
    wrong = {"spec": {"scaleTargetRef": {"name": "a"}, "replica": {"min": 1}}}
    assert any("replica" in error.message for error in validator().iter_errors(wrong))


@pytest.mark.parametrize(
    ("where", "one"),
    [(where, one) for where, one in SHOWN if isinstance(one, dict) and one.get("kind") == "Kustomization"],
)
def test_every_kustomization_shown_names_what_there_is(where: str, one: dict[str, Any]) -> None:
    """From a folder of deploy/kustomize/overlays, or from one beside the repository."""
    folder = ROOT / "deploy/kustomize/overlays/mine"
    named = [*one.get("resources", []), *one.get("components", [])]
    paths = [ROOT / each[each.index("deploy/") :] if "deploy/" in each else folder / each for each in named]
    assert [] == [path for path in paths if not path.resolve().exists()], where


def test_what_kubectl_prints_has_the_columns_of_the_resource() -> None:
    """The head of each table of `kubectl get ht` that a page shows."""
    columns = crd()["spec"]["versions"][0]["additionalPrinterColumns"]
    usual = [column["name"].upper() for column in columns if not column.get("priority")]
    heads = [
        line.split()
        for page in pages()
        for block in page.blocks("")
        for line in block.splitlines()
        if line.startswith("NAMESPACE ") and " LEDGER " in line
    ]
    assert heads
    assert all(head == ["NAMESPACE", "NAME", *usual] for head in heads), usual


def test_a_page_is_read_as_a_page(tmp_path: Path) -> None:
    """Blocks by language, also indented ones; commands without prompt and comment; nothing of them in the prose."""
    path = tmp_path / "page.md"
    path.write_text(
        "# A `b`: c!\n- x\n  ```sh\n  make it \\\n    so   # why\n  ```\n```yaml\na: 1\n```\n## A b c\n## A b c\n`q`\n"
    )
    page = Page(path)
    assert ["a: 1\n"] == page.blocks("yaml")
    assert ["make it    so"] == page.commands()
    assert {"a-b-c", "a-b-c-1", "a-b-c-2"} == page.anchors()
    assert ["b", "q"] == page.quoted()
