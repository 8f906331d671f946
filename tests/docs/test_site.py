"""The site is built without a warning, and asks nobody else for anything."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

SECONDS = 240


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    out = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        "html",
        "-W",
        "--keep-going",
        "-n",
        "-q",
        "-d",
        out / "trees",
    ]
    done = subprocess.run(
        [*command, ROOT / "docs", out / "html"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return out / "html"


def html(site: Path) -> dict[str, str]:
    """Every page of it."""
    return {
        path.relative_to(site).as_posix(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")
    }


@pytest.mark.integration
def test_every_page_of_docs_is_in_the_navigation_and_has_its_pictures(site: Path) -> None:
    """Also a runbook; a picture is a file of the site."""
    made = html(site)
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert name in made
    for name, text in made.items():
        for picture in re.findall(r'<img [^>]*src="([^"]+)"', text):
            assert (site / name).parent.joinpath(picture).resolve().is_file(), (name, picture)


@pytest.mark.integration
def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    """No script, style, font or picture: it works on a machine without a network."""
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]*src="(https?:)?//|<link[^>]*rel="(?:stylesheet|preload|preconnect)"[^>]*href="https?:'
    )
    assert [] == [name for name, text in html(site).items() if loaded.search(text)]
    styles = [
        path
        for path in site.rglob("*.css")
        if re.search(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", path.read_text())
    ]
    assert [] == styles


@pytest.mark.integration
def test_the_site_has_a_search_and_a_dark_mode(site: Path) -> None:
    """Both of the theme's own, from the site's own files."""
    index = (site / "index.html").read_text(encoding="utf-8")
    assert (site / "searchindex.js").stat().st_size > 10_000
    assert "theme-toggle" in index
    assert "Quick start on a cluster" in index


@pytest.mark.integration
def test_a_page_of_the_repository_is_a_page_of_the_site_with_its_links(site: Path) -> None:
    """The changelog's links lead into the site, as they lead into docs/ in the repository."""
    changelog = (site / "changelog.html").read_text(encoding="utf-8")
    assert "Keep a Changelog" in changelog
    assert 'href="anomalies.html"' in changelog
    assert "(<code" in (site / "quickstart.html").read_text(encoding="utf-8"), (
        "a folder is named, as a site has none"
    )
    operator = (site / "operator.html").read_text(encoding="utf-8")
    found = re.findall(r'href="(_downloads/[^"]*rbac\.yaml)"', operator)
    assert found
    assert (site / found[0]).is_file()
