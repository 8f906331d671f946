"""The generated tables are what the code says, and a new metric or field cannot be left out of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, Info

from scripts.make_references import DOCS, TABLES, MarksError, begin, end, placed, stale
from scripts.references import default, metric_rows, schema, takes
from tests.docs.pages import Page


def test_the_pages_are_what_the_code_says() -> None:
    """Nobody edits them by hand; `python scripts/make_references.py` mends this."""
    assert [] == stale(write=False)


def test_a_page_that_is_stale_is_named_and_written_anew(tmp_path: Path) -> None:
    """And only that."""
    for name in TABLES:
        shutil.copy(DOCS / name, tmp_path / name)
    stale(tmp_path, write=True)
    page = tmp_path / "gauges.md"
    good = page.read_text(encoding="utf-8")
    page.write_text(good.replace("Current anomaly score in sigmas", "made up"), encoding="utf-8")
    assert ["gauges.md"] == stale(tmp_path, write=False)
    assert ["gauges.md"] == stale(tmp_path, write=True)
    assert good == page.read_text(encoding="utf-8")


def test_a_page_without_its_marks_is_refused() -> None:
    """Nothing is written at a guess."""
    assert f"a\n{begin('x')}\nnew\n{end('x')}\nb" == placed(
        f"a\n{begin('x')}\nold\n{end('x')}\nb", "x", "new"
    )
    with pytest.raises(MarksError, match="marks of x are gone"):
        placed("a page of somebody's own", "x", "new")


def test_whatever_a_process_registers_has_a_row_as_it_is_exported() -> None:
    """Name with its ending, type, labels, help; what is not ours is left out."""
    registry = CollectorRegistry()
    Counter("helios_things", "Things seen", ["kind", "code"], registry=registry)
    Histogram("helios_wait_seconds", "Waited", registry=registry)
    Info("helios_made", "What it is", registry=registry).info({"version": "1"})
    Counter("python_things", "Somebody else's", registry=registry)
    assert [
        ["`helios_things_total`", "counter", "kind, code", "Things seen"],
        ["`helios_wait_seconds`", "histogram", "", "Waited"],
        ["`helios_made_info`", "info", "version", "What it is"],
    ] == list(metric_rows(registry))


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"type": "string", "enum": ["A", "B", "C"]}, "`A`, `B` or `C`"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "1 to 9"),
        (
            {"type": "array", "items": {"type": "integer", "minimum": 60, "maximum": 90}},
            "list, 60 to 90 each",
        ),
        ({"type": "array", "items": {"type": "object", "properties": {}}}, "list"),
        ({"type": "string", "pattern": "^a$"}, "text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_field_takes_is_said_in_words(field: dict[str, object], words: str) -> None:
    """Of each kind that the schema has."""
    assert words == takes(field)


def test_a_default_is_told_as_it_would_be_written() -> None:
    """The object's own, the operator's, or none, and then whether the field must be there."""
    spec = schema("spec")
    replicas = spec["properties"]["replicas"]
    assert ("`Observe`", "required", "the operator's", "") == (
        default(spec, "mode"),
        default(spec, "scaleTargetRef"),
        default(replicas, "min"),
        default(spec, "events"),
    )


def test_every_field_of_the_status_is_explained() -> None:
    """In the table of docs/heliostarget.md, by its name or behind its parent's."""
    status = Page(DOCS / "heliostarget.md").text.split("## Status")[1]
    for name, field in schema("status")["properties"].items():
        inner = field.get("properties", {})
        assert all(f"`{name}.{each}`" in status or f"`.{each}`" in status for each in inner)
        assert inner or f"`{name}`" in status
