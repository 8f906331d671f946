"""The repository's pages, and what can be read out of them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)```([a-z]*)[^\n]*\n(.*?)^\1```", flags=re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", flags=re.MULTILINE)
_SKIPPED = {".venv", ".git", "node_modules", "build", ".pytest_cache"}


@dataclass(frozen=True)
class Page:
    """One Markdown file.

    Attributes:
        path: absolute.
    """

    path: Path

    @property
    def name(self) -> str:
        """Its place in the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """It without what stands in fences."""
        return _FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[str]:
        """What stands in fences of these languages, unindented by what its fence is."""
        found = []
        for indent, language, body in _FENCE.findall(self.text):
            if language in languages:
                found.append(re.sub(rf"^{indent}", "", body, flags=re.MULTILINE))
        return found

    def links(self) -> list[str]:
        """Targets of links and pictures."""
        return _LINK.findall(re.sub(r"`[^`\n]*`", "", self.prose))

    def anchors(self) -> set[str]:
        """What a link can jump to: headings, as the repository's page and the site name them."""
        seen: dict[str, int] = {}
        found = set()
        for heading in _HEADING.findall(self.prose):
            shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
            slug = re.sub(r"[^\w\- ]", "", shown.lower()).strip().replace(" ", "-")
            number = seen.get(slug, 0)
            seen[slug] = number + 1
            found.add(f"{slug}-{number}" if number else slug)
        return found

    def commands(self) -> list[str]:
        """Shell lines of its fences, without prompt, comment and what they print; a continued line is one."""
        lines = [line for block in self.blocks("sh") for line in block.replace("\\\n", " ").splitlines()]
        for block in self.blocks("console"):
            lines += [line.strip()[2:] for line in block.splitlines() if line.strip().startswith("$ ")]
        return [
            line
            for line in (re.sub(r"\s+#.*$", "", line).strip() for line in lines)
            if line and line[0] != "#"
        ]

    def quoted(self) -> list[str]:
        """What stands in back-quotes in its prose."""
        return re.findall(r"`([^`\n]+)`", self.prose)


def pages() -> list[Page]:
    """Every page of the repository."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        found += [Path(folder) / name for name in files if name.endswith(".md")]
    return [Page(path) for path in sorted(found)]
