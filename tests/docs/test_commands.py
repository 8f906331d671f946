"""Every command that a page shows is one that there is, with options that it has and files that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
from typer.main import get_command

from helios.cli import app
from tests.docs.pages import ROOT, Page, pages

HELIOS = get_command(app)
PLACEHOLDERS = {"OVERLAY", "DIR", "mine", "<one>"}
"""What a reader puts a word of his own in place of."""
FILES = re.compile(r"(?:deploy|scripts|benchmarks|loadtest|dashboards|alerts)/[\w./-]+")


def invocations(page: Page, program: str) -> Iterator[list[str]]:
    """Words after the program's name, of each time that it stands in a command or alone in back-quotes."""
    whole = [*page.commands(), *(quoted for quoted in page.quoted() if quoted.startswith(f"{program} "))]
    for line in whole:
        for part in re.split(r"\s*(?:\||&&|;|&)\s*", line):
            words = (
                shlex.split(part, comments=True)
                if part.count("'") % 2 == 0 and part.count('"') % 2 == 0
                else []
            )
            while words and re.fullmatch(r"[A-Z_]+=\S*|export|exec|time", words[0]):
                words = words[1:]
            if "--" in words:  # kubectl exec … -- helios …
                words = words[words.index("--") + 1 :]
            if words and words[0].rsplit("/", 1)[-1] == program:
                yield words[1:]


def misused(words: list[str]) -> list[str]:
    """What of a `helios` line the command does not know."""
    command = HELIOS
    for word in words:
        inner = getattr(command, "commands", None)
        if inner is not None and not word.startswith("-"):
            if word not in inner:
                return [] if word == "…" else [word]
            command = inner[word]
    options = {option for one in command.params for option in [*one.opts, *one.secondary_opts]} | {"--help"}
    given = [word.partition("=")[0] for word in words if word.startswith("-") and len(word) > 1]
    return [option for option in given if option not in options]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_helios_command_shown_exists_with_its_options(page: Page) -> None:
    """As the command line itself says."""
    assert [] == [(words, misused(words)) for words in invocations(page, "helios") if misused(words)]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("mute NAME -n NAMESPACE --for 2h", []),
        ("evaluate forecast traces/ --horizons 5m", []),
        ("mute NAME --forever", ["--forever"]),
        ("evaluate everything", ["everything"]),
        ("simulate", ["simulate"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_command_that_there_is_not_is_found(line: str, wrong: list[str]) -> None:
    """The test above can fail, on a command and on an option."""
    assert wrong == misused(line.split())


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_make_target_shown_exists(page: Page) -> None:
    """`make X` of a page is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = {
        words[0]
        for words in invocations(page, "make")
        if words and re.fullmatch(r"[a-z][a-z0-9-]*", words[0])
    }
    assert set() == {
        target for target in wanted if not re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
    }


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_file_in_a_command_exists(page: Page) -> None:
    """Overlays, manifests, scripts, benchmarks."""
    named = {path.rstrip("./") for line in page.commands() for path in FILES.findall(line)}
    missing = {
        path for path in named if not (ROOT / path).exists() and not PLACEHOLDERS & set(path.split("/"))
    }
    assert set() == missing


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_option_of_a_script_shown_is_in_it(page: Page) -> None:
    """`python benchmarks/x.py --option`: the file says that option."""
    for words in invocations(page, "python"):
        scripts = [word for word in words if word.endswith(".py")]
        if scripts and (ROOT / scripts[0]).exists():
            source = (ROOT / scripts[0]).read_text(encoding="utf-8")
            options = [word.partition("=")[0] for word in words if word.startswith("--")]
            assert [] == [option for option in options if f'"{option}"' not in source], (scripts[0], options)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_overlay_that_is_applied_can_be_built_from(page: Page) -> None:
    """`kubectl apply -k FOLDER`: there is a kustomization in it."""
    folders = {
        words[i + 1]
        for words in invocations(page, "kubectl")
        for i, word in enumerate(words[:-1])
        if word == "-k"
    }
    folders = {folder for folder in folders if not PLACEHOLDERS & set(folder.split("/"))}
    assert set() == {folder for folder in folders if not (ROOT / folder / "kustomization.yaml").exists()}
