"""The site: these pages as HTML, with search and a dark mode, nothing from another host.

    make docs        # build/site/index.html; a warning is an error

The pages are written to be read in the repository, where this file does nothing. What the site needs beside them is made here: the
order of the pages is that of docs/index.md, and a link that leaves docs/ leads to a page of its own, to the file itself, or, for a
folder, to its name.
"""

# ruff: noqa: INP001 - a folder of pages is no package
from __future__ import annotations

import re
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

project = "Helios"
author = "the Helios authors"
copyright = "the Helios authors; Apache-2.0"  # noqa: A001 - Sphinx' own name
extensions = ["myst_parser"]
exclude_patterns = ["evidence/**"]
myst_heading_anchors = 4
nitpicky = True
templates_path: list[str] = []

html_theme = "furo"
html_title = "Helios"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

ELSEWHERE = {
    "contributing": "CONTRIBUTING.md",
    "changelog": "CHANGELOG.md",
    "cluster-tests": "tests/cluster/README.md",
    "manifests": "deploy/kustomize/README.md",
}
"""Page of the site -> the file of the repository that it is."""

GLOBBED = {"alerts": "runbooks/*"}
"""Page -> the pages below it."""

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]+)?\)")
_FENCE = re.compile(r"^(```.*?^```)", flags=re.MULTILINE | re.DOTALL)


def setup(app: Sphinx) -> None:
    """What Sphinx calls first."""
    app.add_lexer("promql", TextLexer)
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", read)


def read(app: Sphinx, page: str, source: list[str]) -> None:
    """Make a page of the repository one of the site."""
    at, text = DOCS / f"{page}.md", source[0]
    if page in ELSEWHERE:
        at = ROOT / ELSEWHERE[page]
        text = at.read_text(encoding="utf-8")
        app.env.note_dependency(str(at))
    here = (DOCS / page).parent
    parts = _FENCE.split(text)
    text = "".join(
        part if part.startswith("```") else _LINK.sub(lambda m: moved(m, at, here), part) for part in parts
    )
    if page == "index":
        text += trees(text)
    if page in GLOBBED:
        text += tree(page, [GLOBBED[page]], glob=True)
    source[0] = text


def moved(match: re.Match[str], at: Path, here: Path) -> str:
    """A link of the file `at`, as the page that lies in `here` needs it."""
    words, target, anchor = match[1], match[2], match[3] or ""
    if "://" in target or target.startswith("mailto:"):
        return match[0]
    file = (at.parent / target).resolve()
    own = {ROOT / name: DOCS / f"{page}.md" for page, name in ELSEWHERE.items()}
    file = own.get(file, own.get(file / "README.md", file))
    if file.is_dir():
        return f"{words} (`{file.relative_to(ROOT)}/`)"
    if file.suffix == ".md" and not file.is_relative_to(DOCS):
        return f"{words} (`{file.relative_to(ROOT)}`)"
    return f"[{words}]({relative(file, here)}{anchor})"


def relative(file: Path, here: Path) -> str:
    """The way from a folder to a file."""
    up = 0
    while not file.is_relative_to(here):
        here, up = here.parent, up + 1
    return "../" * up + file.relative_to(here).as_posix()


def trees(text: str) -> str:
    """The navigation: under each heading of the index the pages that it links, in its order and words."""
    sections = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    found = []
    for head, body in zip(sections[::2], sections[1::2], strict=True):
        links = re.findall(r"^- \[([^\]]*)\]\(([^)#\s]+)\.md\)", body, flags=re.MULTILINE)
        found.append(tree(head, [f"{words} <{page}>" for words, page in links]))
    return "".join(found)


def tree(caption: str, pages: list[str], *, glob: bool = False) -> str:
    """A hidden table of contents; none where there are no pages."""
    if not pages:
        return ""
    options = [":hidden:", *([":glob:"] if glob else [f":caption: {caption}"])]
    return "\n\n" + "\n".join(["```{toctree}", *options, "", *pages, "```"]) + "\n"
