"""The page of dashboards shows each of them, and what draws the pictures knows all that is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "dashboards.md"
PICTURES = ROOT / "docs" / "pictures"
PROJECT = ROOT / "scripts" / "pictures"
DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))
UIDS = [file.stem for file in DASHBOARDS]
MOST_BYTES = 400_000


def dashboard(uid: str) -> dict[str, Any]:
    """One of them."""
    read: dict[str, Any] = json.loads((ROOT / "dashboards" / f"{uid}.json").read_text(encoding="utf-8"))
    return read


def panels(uid: str) -> Iterator[dict[str, Any]]:
    """Its panels, those in rows too."""
    for panel in dashboard(uid)["panels"]:
        yield panel
        yield from panel.get("panels", [])


def table(heading: str) -> list[list[str]]:
    """The rows of a section's table on the page, cell by cell; before the first heading for an empty one."""
    text = PAGE.read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    found = next(part for part in section if part.startswith(heading))
    rows = [line for line in found.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]


def test_the_page_names_every_dashboard_and_no_other() -> None:
    """Who reads the page finds what is in the folder."""
    assert UIDS == sorted(name.strip("`") for name, _ in table("# Dashboards"))


@pytest.mark.parametrize("uid", UIDS)
def test_the_page_shows_a_picture_of_every_dashboard(uid: str) -> None:
    """It is there, a PNG, and small enough for a page."""
    assert f"](pictures/{uid}.png)" in PAGE.read_text(encoding="utf-8")
    picture = (PICTURES / f"{uid}.png").read_bytes()
    assert b"\x89PNG\r\n\x1a\n" == picture[:8]
    assert len(picture) <= MOST_BYTES


def test_no_picture_is_left_over() -> None:
    """Every picture in the folder is of a dashboard."""
    assert UIDS == sorted(file.stem for file in PICTURES.iterdir())


@pytest.mark.parametrize("uid", UIDS)
def test_the_page_names_every_variable(uid: str) -> None:
    """Each variable is in the table, in the row that says it is of this dashboard."""
    told = {
        name.strip("`")
        for names, where, _ in table("Variables")
        for name in names.split(", ")
        if where == "all" or uid.removeprefix("helios-") in where.split(", ")
    }
    assert {variable["name"] for variable in dashboard(uid)["templating"]["list"]} == told


@pytest.mark.parametrize("uid", UIDS)
def test_what_draws_the_pictures_knows_every_type_of_panel(uid: str) -> None:
    """A panel of another type would be an empty frame."""
    known = json.loads((PROJECT / "src" / "panel_types.json").read_text(encoding="utf-8"))
    assert set() == {panel["type"] for panel in panels(uid)} - set(known)


def test_the_drawing_is_locked_without_an_address() -> None:
    """Each package has its hash, and none the host it came from."""
    lock = json.loads((PROJECT / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert [] == [name for name, one in packages.items() if "integrity" not in one and not one.get("link")]
    assert [] == [name for name, one in packages.items() if "resolved" in one]
