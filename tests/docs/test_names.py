"""Names that pages lean on are those of the code: metrics, conditions, settings, log lines, files."""

from __future__ import annotations

import re

import promql_parser
import pytest

from helios.operator.conditions import Reason, Type
from helios.settings import ENVIRONMENT, Replay, Settings
from scripts.references import field_rows, schema
from tests.docs.pages import ROOT, Page, pages

DOCS = ROOT / "docs"
ALL = pages()
GOOD = {"Scored", "Observed", "Skilful", "Observing", "Offered", "Released", "Releasing", "Unknown"}
"""Reasons of which nobody is in trouble."""
_METRIC = re.compile(r"(?<!:)\bhelios_[a-z0-9_]+\b(?![./-])")
_FILE = re.compile(
    r"(?:helios|scoring|scripts|benchmarks|docs|loadtest|deploy|dashboards|alerts|tests)/[\w./-]+"
)


def sources() -> str:
    """All of the two packages."""
    folders = (ROOT / "helios", ROOT / "scoring")
    return "\n".join(
        path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.rglob("*.py"))
    )


CODE = sources()
METRICS = set(re.findall(r"^\| `(helios_\w+)`", Page(DOCS / "gauges.md").text, flags=re.MULTILINE))


def ours(page: Page) -> list[str]:
    """What a page quotes of this repository: the first column of a table of the requirements' names is theirs."""
    if page.name not in {"docs/requirements.md", "docs/architecture.md"}:
        return page.quoted()
    return re.findall(r"`([^`\n]+)`", re.sub(r"^\| [^|]+\|", "|", page.prose, flags=re.MULTILINE))


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_every_metric_named_is_exported(page: Page) -> None:
    """It is in the generated table, or a part of a histogram in it."""
    named = {re.sub(r"_(bucket|sum|count)$", "", name) for name in _METRIC.findall(page.text)}
    assert set() == {name for name in named if name not in METRICS and not name.endswith("_")}


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_every_promql_shown_is_promql(page: Page) -> None:
    """As its own parser has it; OWNER and RULED stand for another expression of the page."""
    for block in page.blocks("promql"):
        for one in re.split(r"\n\n|(?<=\))\n(?=count\()", block.strip()):
            promql_parser.parse(re.sub(r"\b(?:OWNER|RULED)\b", "up", one))


def test_troubleshooting_has_a_row_for_every_bad_reason_of_every_condition() -> None:
    """And no row for a condition or a reason that there is not."""
    table = Page(DOCS / "operations.md").text.split("## Troubleshooting")[1].split("\n## ")[0]
    found = re.findall(r"\| (Ready|DataAvailable|ForecastReady|Scaling): ([\w, ]+) \|", table)
    reasons = {reason for _, names in found for reason in names.split(", ")}
    assert {str(kind) for kind in Type} == {kind for kind, _ in found}
    assert {str(reason) for reason in Reason} - GOOD == reasons - GOOD


def test_every_log_line_of_the_table_is_written_by_the_code() -> None:
    """With the level that the table says."""
    table = Page(DOCS / "operations.md").text.split("## Log lines")[1]
    levels = {"info": ("info",), "warning": ("warning", "_say"), "error": ("exception", "error")}
    for events, told in re.findall(r"^\| (`[^|]+`) \| ([a-z, ]+) \|", table, flags=re.MULTILINE):
        names, said = re.findall(r"`([^`]+)`", events), told.split(", ")
        for event, level in zip(names, said * (len(names) if len(said) == 1 else 1), strict=True):
            calls = "|".join(levels[level])
            assert re.search(rf'(?:log\.|self\.)(?:{calls})\(\s*"{re.escape(event)}"', CODE), (event, level)


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_every_setting_named_is_one(page: Page) -> None:
    """`section.key` of the file, or a field of a HeliosTarget that is written like one; HELIOS_ names of the environment."""
    sections = {}
    for name, field in Settings.model_fields.items():
        model = Replay if name == "replay" else field.annotation
        sections[name] = set(getattr(model, "model_fields", {}))
    fields = {row[0].strip("`").replace("[]", "") for row in field_rows(schema("spec"))}
    wrong = []
    for quoted in ours(page):
        match = re.fullmatch(r"(\w+)\.([a-z][A-Za-z_]+)", quoted)
        if match and match[1] in sections and match[1] != "targets":
            known = match[2] in sections[match[1]] or quoted in fields
            wrong += [] if known else [quoted]
    known = set(ENVIRONMENT) | {"HELIOS_PORT"}
    wrong += [name for name in re.findall(r"\bHELIOS_[A-Z_]*[A-Z]\b", page.text) if name not in known]
    assert [] == wrong


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_every_file_named_exists(page: Page) -> None:
    """Whatever stands in back-quotes and looks like one of ours; `DIR/` and the like are the reader's own."""
    named = {quoted for quoted in ours(page) if _FILE.fullmatch(quoted)}
    assert set() == {path for path in named if not (ROOT / path).exists() and "mine" not in path}
