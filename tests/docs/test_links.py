"""Every link leads somewhere, in the repository and, for all that is in docs/, on the site."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Page, pages

ALL = pages()
BY_PATH = {page.path: page for page in ALL}


def broken(page: Page) -> list[str]:
    """Relative links that lead nowhere."""
    found = []
    for link in page.links():
        if "://" in link or link.startswith(("mailto:", "/")):
            continue
        target, _, anchor = link.partition("#")
        path = (page.path.parent / target).resolve() if target else page.path
        if (
            not path.exists()
            or not path.is_relative_to(ROOT)
            or (anchor and (path not in BY_PATH or anchor not in BY_PATH[path].anchors()))
        ):
            found.append(link)
    return found


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_every_relative_link_and_anchor_exists(page: Page) -> None:
    """Whoever clicks arrives."""
    assert [] == broken(page)


@pytest.mark.parametrize(
    ("link", "reason"),
    [("gone.md", "no such page"), ("index.md#gone", "no such heading"), ("../../../etc/passwd", "not ours")],
    ids=lambda value: value,
)
def test_a_link_that_leads_nowhere_is_found(link: str, reason: str) -> None:
    """The test above can fail."""
    page = Page(ROOT / "docs" / "made-up.md")
    page.__dict__["text"] = f"see [there]({link}) and [here](index.md)"
    assert [link] == broken(page), reason


def test_every_page_of_docs_is_reached_from_the_index() -> None:
    """By links of pages that are reached."""
    docs, index = ROOT / "docs", ROOT / "docs" / "index.md"
    reached: set[Path] = set()
    todo = [index]
    while todo:
        path = todo.pop()
        if path in reached or path not in BY_PATH:
            continue
        reached.add(path)
        todo += [
            (path.parent / link.partition("#")[0]).resolve()
            for link in BY_PATH[path].links()
            if "://" not in link
        ]
    assert set() == {page.name for page in ALL if page.path.is_relative_to(docs)} - {
        path.relative_to(ROOT).as_posix() for path in reached
    }
