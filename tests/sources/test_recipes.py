"""The PromQL's text: what the documentation prints is what is asked, and names cannot break out of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.sources.recipes import Family, Selection, demand
from tests.sources.recipe_texts import texts

DOCUMENT = Path(__file__).parents[2] / "docs" / "prometheus.md"
BLOCKS = re.findall(
    r"<!-- recipe: (.+?) -->\s*```promql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL
)
PARTS = {name: text for name, text in BLOCKS if name.isupper()}
RECIPES = [(name, text) for name, text in BLOCKS if not name.isupper()]


def squeezed(text: str) -> str:
    """Without white space."""
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize(("name", "text"), RECIPES, ids=[name for name, _ in RECIPES])
def test_the_documentation_prints_the_recipe_that_is_asked(name: str, text: str) -> None:
    """But for line breaks, to the letter; a part that it names is put in."""
    for part, content in PARTS.items():
        text = text.replace(part, content)
    assert squeezed(texts()[name]) == squeezed(text)


def test_the_documentation_prints_every_kind_of_recipe() -> None:
    """Nothing is asked that a reader cannot look up."""
    printed = {name for name, _ in RECIPES}
    needed = {
        *("raw cpu", "raw memory", "mixin cpu", "mixin-irate cpu", "mixin memory"),
        *("replicas", "raw requests cpu", "raw starts", "raw saturation", "presence"),
    }
    assert needed <= printed


@given(names=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=5))
def test_any_name_is_matched_exactly_and_never_breaks_out(names: list[str]) -> None:
    """Quotes, backslashes, line ends and regular expressions in a name are only characters."""
    text = Selection(tuple(names)).of("up")
    match = re.fullmatch(r'up\{namespace=~"((?:[^"\\\n]|\\.)*)"\}', text)
    assert match is not None
    pattern = re.sub(r"\\(.)", lambda one: {"n": "\n"}.get(one[1], one[1]), match[1])
    for name in names:
        assert re.fullmatch(pattern, name) is not None
        assert re.fullmatch(pattern, f"{name}x") is None or f"{name}x" in names


def test_a_coarse_grid_averages_over_its_whole_step() -> None:
    """Nothing between two columns is overlooked, and the window is never below what was asked for."""
    selection = Selection(("shop",))
    assert "[1h]" in demand(Family.RAW, "cpu", selection, 3600).replace("60m", "1h")
    assert "[150s]" in demand(Family.RAW, "cpu", selection, 150)
    assert "[10m]" in demand(Family.MIXIN, "cpu", selection, 600)
