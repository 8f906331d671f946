"""Selectors mean here what they mean to Kubernetes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.operator.selectors import Selector, SelectorIndex

WEB = {"app": "web", "tier": "front"}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("app=web", True),
        ("app==web", True),
        ("app=api", False),
        ("app!=api", True),
        ("app!=web", False),
        ("canary!=yes", True),
        ("app", True),
        ("canary", False),
        ("!canary", True),
        ("!app", False),
        ("app in (web, api)", True),
        ("app in (api)", False),
        ("app notin (api, db)", True),
        ("app notin (web)", False),
        ("canary notin (yes)", True),
        ("app=web,tier=front", True),
        ("app=web,tier=back", False),
        (" app = web , !canary", True),
        ("app in (web),tier notin (back),canary!=yes", True),
        ("app.kubernetes.io/name=", False),
    ],
)
def test_the_text_of_a_scale_selects_the_same_pods(text: str, selected: bool) -> None:
    """Every form of a label selector's text is understood."""
    selector = Selector.parsed(text)
    assert selector is not None
    assert selected == selector.matches(WEB)


@pytest.mark.parametrize("text", ["", "   ", "app=web)", "=web", "app in web", "!app=web", "app=(web)"])
def test_a_text_that_is_no_selector_selects_nothing(text: str) -> None:
    """Other workloads' pods are never taken for this one's."""
    assert Selector.parsed(text) is None


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({"matchLabels": WEB}, True),
        ({"matchLabels": {"app": "api"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": WEB, "matchExpressions": [{"key": "canary", "operator": "Exists"}]}, False),
    ],
)
def test_labels_and_expressions_select_together(selector: dict[str, Any], selected: bool) -> None:
    """All parts of a selector must pass."""
    found = Selector.of(selector)
    assert found is not None
    assert selected == found.matches(WEB)


@pytest.mark.parametrize(
    "selector",
    [None, {}, {"matchLabels": {}}, {"matchExpressions": [{"key": "a", "operator": "Near"}]}, "app=web"],
)
def test_an_empty_or_strange_selector_selects_nothing(selector: Any) -> None:
    """What would select a whole namespace is no workload's selector."""
    assert Selector.of(selector) is None


labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=3)
terms = st.sampled_from(["a=x", "b=y", "a!=x", "c in (x,y)", "b notin (z)", "!a", "c", "a=y", "c=z"])
texts = st.lists(terms, min_size=1, max_size=3).map(",".join)


@given(texts=st.lists(texts, max_size=8), pods=st.lists(st.tuples(st.sampled_from("nm"), labels), max_size=8))
def test_the_index_finds_what_trying_every_selector_finds(
    texts: list[str], pods: list[tuple[str, dict[str, str]]]
) -> None:
    """Being fast changes nothing."""
    selectors = {}
    for i, text in enumerate(texts):
        selector = Selector.parsed(text)
        assert selector is not None
        selectors["nm"[i % 2], "Deployment", f"web-{i}"] = selector
    index = SelectorIndex(selectors)
    for namespace, pod in pods:
        wanted = {place for place, one in selectors.items() if place[0] == namespace and one.matches(pod)}
        assert sorted(wanted) == sorted(index.of(namespace, pod))
