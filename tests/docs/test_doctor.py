"""docs/doctor.md explains every rule that there is, once, and none that there is not."""

from __future__ import annotations

import re

import pytest

from helios.doctor import live_checks
from helios.doctor.lints import ACCEPTED
from helios.doctor.rules import RULES
from tests.docs.pages import ROOT, Page

PAGE = Page(ROOT / "docs/doctor.md")
NAMES = re.findall(r"^### ([a-z][a-z-]+)$", PAGE.prose, flags=re.MULTILINE)
SECTIONS = re.split(r"^### ", PAGE.text, flags=re.MULTILINE)[1:]


def test_every_rule_has_its_section_and_every_section_its_rule() -> None:
    """Those of the lint and those of the live checks; each once."""
    assert sorted({rule.name for rule in RULES} | live_checks.RULES) == sorted(NAMES)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.splitlines()[0])
def test_every_rule_says_what_happens_why_and_what_to_do(section: str) -> None:
    """Three paragraphs; the last may be YAML."""
    body = re.split(r"^## ", section, flags=re.MULTILINE)[0].split("\n", 1)[1].strip()
    assert len(re.split(r"\n\n(?!  )", body)) >= 3


def test_names_of_rules_are_used_once() -> None:
    """So that a finding has one explanation."""
    assert len(RULES) == len({rule.name for rule in RULES})
    assert {"target-invalid"} == {rule.name for rule in RULES} & live_checks.RULES


def test_the_page_names_the_annotation_that_is_read() -> None:
    """By which an object accepts a rule."""
    assert f"{ACCEPTED}:" in PAGE.text
