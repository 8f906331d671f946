"""The twenty manifests: every wrong one is found by exactly its rules, no right one is accused, and nothing of ours either."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from helios.doctor.inventories import Inventory
from helios.doctor.lints import lint
from helios.doctor.manifests import Manifest, parsed, read
from helios.doctor.rules import RULES
from tests.docs.pages import ROOT, pages
from tests.doctor.examples import MANIFESTS

WRONG, RIGHT = (sorted((MANIFESTS / name).iterdir()) for name in ("wrong", "right"))


def expected(file: Path) -> list[str]:
    """The rules that a manifest says it breaks."""
    said = re.search(r"^# expected: (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return sorted(said[1].split(", ")) if said else []


def rules_of(*files: Path) -> list[str]:
    """The rules that files break, read together."""
    manifests, _ = read([str(one) for one in files])
    return sorted(one.rule for one in lint(Inventory(tuple(manifests)))[0])


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_a_wrong_manifest_is_found_by_exactly_the_rules_it_breaks(file: Path) -> None:
    """No rule too few, none too many, each once."""
    assert expected(file) == rules_of(file)
    assert expected(file)


@pytest.mark.parametrize("file", RIGHT, ids=lambda file: file.stem)
def test_a_right_manifest_is_not_accused(file: Path) -> None:
    """Of anything."""
    assert [] == rules_of(file)


def test_there_are_twenty_and_each_wrong_one_says_what_it_is_modelled_on() -> None:
    """The peers' incidents, by repository and number, and Helios' own first design."""
    assert (12, 8) == (len(WRONG), len(RIGHT))
    told = [file.read_text(encoding="utf-8").partition("# expected")[0] for file in WRONG]
    assert 11 == sum(bool(re.search(r"Modelled on [\w.-]+/[\w.-]+#\d+", text)) for text in told)


def test_the_whole_folder_is_read_at_once_with_the_same_result() -> None:
    """A file says nothing about the one beside it."""
    apart = sorted(rule for file in WRONG for rule in expected(file))
    assert apart == rules_of(MANIFESTS)


def test_every_rule_that_the_issue_names_is_broken_by_one_of_them() -> None:
    """A ratio, replicas, nulls, no fallback, zero, several elements, no expiry, or vector(0), a scalar, requests, labels, a target."""
    named = {
        "ratio-under-average-value",
        "replicas-under-value",
        "null-read-as-zero",
        "no-fallback",
        "minimum-zero",
        "several-elements",
        "no-expiry",
        "or-vector-zero",
        "not-a-vector",
        "missing-requests",
        "exported-namespace",
        "fallback-disabled",
    }
    assert set() == named - {rule for file in WRONG for rule in expected(file)}
    assert set() == named - {rule.name for rule in RULES}


def test_nothing_that_we_ship_is_accused() -> None:
    """Every manifest of deploy/, of the benchmarks and of the load test."""
    manifests, files = read([str(ROOT / "deploy")])
    assert [] == lint(Inventory(tuple(manifests)))[0]
    assert len(files) > 20
    assert {"ScaledObject", "HeliosTarget", "PodMonitor"} <= {one.kind for one in manifests}


def test_nothing_that_our_pages_show_is_accused() -> None:
    """But for what docs/doctor.md shows as wrong, which stands in fences of its own."""
    shown: list[Manifest] = []
    for page in pages():
        for number, block in enumerate(page.blocks("yaml", "yml")):
            shown += parsed(f"{page.name}-{number}/x.yaml", block)
    assert [] == lint(Inventory(tuple(shown)))[0]
    assert "HeliosTarget" in {one.kind for one in shown}


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_every_remedy_is_yaml_or_a_command(file: Path) -> None:
    """Ready to paste: a mapping with the fields of a manifest."""
    manifests, _ = read([str(file)])
    for one in lint(Inventory(tuple(manifests)))[0]:
        assert {"spec", "metadata"} & set(yaml.safe_load(one.remedy)), one.remedy
