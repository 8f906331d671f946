"""The dashboards against Grafana's own types, by TypeScript's compiler."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.queries import UIDS, dashboard
from tests.dashboards.schemas import installed, problems, which

pytestmark = pytest.mark.integration

Types = tuple[str, Path]
"""node, and the folder with the types."""

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def types() -> Types:
    """Skipped with one line without node, a failure in CI."""
    node, npm = which("node"), which("npm")
    if node is None or npm is None:
        message = "node and npm are not installed: the dashboards' types are not checked here (Debian: apt-get install npm)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return node, installed(npm)


def panel(board: dict[str, Any], kind: str) -> dict[str, Any]:
    """The first panel of a kind."""
    found: dict[str, Any] = next(one for one in board["panels"] if one["type"] == kind)
    return found


def test_grafana_knows_every_field_of_every_dashboard(types: Types, tmp_path: Path) -> None:
    """Itself, variables, annotations, links, rows, panels, their options, fields, queries and transformations."""
    node, folder = types
    assert [] == problems({uid: dashboard(uid) for uid in UIDS}, folder, node, tmp_path)


WRONG: dict[str, tuple[Edit, str]] = {
    "of the dashboard": (lambda b: b.update(colour="red"), "itself (Whole)"),
    "of a wrong kind": (lambda b: b.update(refresh=60), "itself (Whole)"),
    "of a variable": (lambda b: b["templating"]["list"][1].update(sort=99), "variable namespace"),
    "of an annotation": (lambda b: b["annotations"]["list"][0].update(step="1m"), "annotation Anomalies"),
    "of a link": (lambda b: b["links"][0].pop("url") and b["links"][0].update(href="/d"), "link "),
    "of a panel": (lambda b: panel(b, "stat").update(heigth=3), "panel "),
    "of a panel's options": (
        lambda b: panel(b, "timeseries")["options"]["legend"].update(displayMode="tabel"),
        "options",
    ),
    "of a table's options": (lambda b: panel(b, "table")["options"].update(sortedBy=[]), "options"),
    "of a query": (lambda b: panel(b, "stat")["targets"][0].update(query="up"), "query A"),
    "of a field": (lambda b: panel(b, "stat")["fieldConfig"]["defaults"].update(units="s"), "fields"),
    "of a line": (
        lambda b: panel(b, "timeseries")["fieldConfig"]["defaults"]["custom"].update(lineWith=2),
        "custom",
    ),
    "of an override": (
        lambda b: panel(b, "table")["fieldConfig"]["overrides"].append(
            {"matcher": {"id": "byName", "options": "skill"}, "properties": [{"id": "decimal", "value": 2}]}
        ),
        "field skill",
    ),
}


@pytest.fixture(scope="module")
def found(types: Types, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is found in dashboards of which each has one wrong field, all in one run of the compiler."""
    boards = {name: copy.deepcopy(dashboard("helios-overview")) for name in WRONG}
    for name, (edit, _) in WRONG.items():
        edit(boards[name])
    node, folder = types
    return problems(boards, folder, node, tmp_path_factory.mktemp("wrong"))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_field_is_found_and_named(found: list[str], name: str) -> None:
    """Wherever it is: the check would be worth nothing if it passed."""
    (problem,) = (one for one in found if one.startswith(f"{name}: "))
    assert WRONG[name][1] in problem


def test_the_lock_names_no_registry() -> None:
    """It is found by whatever registry the machine uses."""
    lock = (Path(__file__).parent / "schema" / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert "://" not in lock
