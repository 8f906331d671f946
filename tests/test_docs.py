"""What the documents say is what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from typer.main import get_command

from helios.api.middlewares import build_meters
from helios.cli import app
from helios.evaluation.commands import evaluate
from helios.evaluation.tables import COLUMNS
from helios.loops import LoopMetrics
from helios.operator.conditions import Reason, Type
from helios.operator.transports import request_counter
from helios.settings import ENVIRONMENT, Replay, Settings
from helios.targets import TargetSpec
from scoring.evaluation.summaries import MEASURES
from scoring.gauges import TARGET_GAUGES

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]


def table(page: str) -> list[list[str]]:
    """The rows of a page's tables, cell by cell."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]


def test_every_gauge_of_a_target_is_documented_as_it_is_exported() -> None:
    """Name, labels and help of docs/gauges.md are the code's."""
    documented = {row[0].strip("`"): row[1:] for row in table("gauges.md")}
    for gauge in TARGET_GAUGES:
        assert [", ".join(gauge.labels), gauge.help] == documented[gauge.name]


def test_every_metric_of_the_process_is_documented() -> None:
    """Name and help of docs/gauges.md are those of the registry."""
    registry = CollectorRegistry()
    LoopMetrics.registered(registry)
    build_meters(registry)
    request_counter(registry)
    documented = {row[0].strip("`").removesuffix("_total"): row[-1] for row in table("gauges.md")}
    for family in registry.collect():
        assert family.documentation.startswith(documented[family.name])


def test_every_condition_and_reason_is_documented() -> None:
    """docs/operator.md lists each, and no other."""
    text = (ROOT / "docs/operator.md").read_text(encoding="utf-8").split("## Conditions")[1].split("##")[0]
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ")][1:]
    assert [str(kind) for kind in Type] == [row[0].strip() for row in rows]
    assert {str(reason) for reason in Reason} == {
        word for row in rows for word in re.sub(r"\(.*?\)", "", row[1]).replace(" ", "").split(",")
    }


def settings_of(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each key of a section, and of the sections inside it, with its default as the page writes it."""
    for key, of in model.model_fields.items():
        default = None if of.is_required() else of.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield from settings_of(type(default), (*path, key))
        else:
            shown = str(default).lower() if isinstance(default, bool) else str(default)
            yield (*path, key), "" if default is None else shown


def test_every_setting_is_documented_with_its_environment_name_and_default() -> None:
    """docs/settings.md lists each key once, and no other."""
    names = {keys: name for name, keys in ENVIRONMENT.items()}
    wanted = []
    for section, field in Settings.model_fields.items():
        if section == "targets":
            continue
        model = Replay if section == "replay" else field.annotation
        for keys, default in settings_of(model, (section,)):  # type: ignore[arg-type] # every section is a model
            name = names.get(keys)
            wanted.append([f"`{'.'.join(keys)}`", f"`{name}`" if name else "", default])
    assert wanted == [row[:3] for row in table("settings.md")]


def test_every_option_of_an_evaluation_is_documented_with_its_default() -> None:
    """docs/evaluation.md lists each once, in the command's order, and no other."""
    command = get_command(evaluate).commands["forecast"]  # type: ignore[attr-defined] # a group has commands
    own = {"False": "off", "None": "all"}
    options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
    wanted = [[f"`{one.opts[0]}`", own.get(str(one.default), f"`{one.default}`")] for one in options]
    assert wanted == [row[:2] for row in table("evaluation.md") if row[0].startswith("`--")]


def test_every_figure_of_an_evaluation_is_documented_with_its_column() -> None:
    """docs/evaluation.md lists those of the JSON, and shows where the table has them."""
    rows = [row for row in table("evaluation.md") if not row[0].startswith("`--")]
    assert {*MEASURES, "exceedance", "series_per_second"} == {row[0].strip("`") for row in rows}
    assert [row[1] for row in rows if row[1] != "below the table"] == list(COLUMNS)


def test_the_target_of_the_settings_page_is_the_default_target() -> None:
    """What the page shows with its defaults parses, and says nothing else than the defaults."""
    text = (ROOT / "docs/settings.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    shown = yaml.safe_load(text)["targets"][0]
    assert TargetSpec(namespace="saleor", deployment="saleor-api") == TargetSpec.model_validate(shown)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_every_file_named_exists(page: Path) -> None:
    """Relative links resolve, and so does every path in back-quotes that looks like one of ours."""
    text = page.read_text(encoding="utf-8")
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    missing = [link for link in links if link and not (page.parent / link).exists()]
    paths = re.findall(r"`((?:helios|scoring|scripts|benchmarks|docs|loadtest)/[\w./-]+)`", text)
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert [] == missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_named_exists(page: Path) -> None:
    """`helios …` and `make …` in the documents are commands that there are."""
    text = page.read_text(encoding="utf-8")
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}  # type: ignore[union-attr] # all are functions
    commands |= {str(group.name) for group in app.registered_groups}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    used = set(re.findall(r"(?:`|^|\$ )helios ([a-z]+)", text, flags=re.MULTILINE))
    targets = set(re.findall(r"(?:`|^|\$ )make ([a-z][a-z0-9-]*)", text, flags=re.MULTILINE))
    assert set() == used - commands
    assert {t for t in targets if not re.search(rf"^{t}:", makefile, flags=re.MULTILINE)} == set()


def test_no_lock_file_names_a_host() -> None:
    """The requirements are hashes and versions; where they come from is the user's own setting."""
    for lock in ROOT.glob("requirements*.txt"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        assert text.count("--hash=sha256:") > text.count("==")
