"""alerts/ as values: the rules, their unit tests, and what an expression reads. Judges nothing; the tests do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "alerts"
RULES = FOLDER / "helios-rules.yaml"
ALERTMANAGER = FOLDER / "alertmanager-config.yaml"
UNIT_TESTS = sorted((FOLDER / "tests").glob("*.yaml"))
SITE = "https://docs.helios.dev/"

_INNER = ("expr", "lhs", "rhs", "vector_selector")


@dataclass(frozen=True)
class Alert:
    """One alerting rule.

    Attributes:
        group: the name of its group.
        name, expr: as in the file.
        wait: its `for`, empty where it has none.
        labels, annotations: with their templates.
    """

    group: str
    name: str
    expr: str
    wait: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def slug(self) -> str:
        """Its name in kebab-case: that of its runbook."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", self.name).lower()


def groups() -> list[dict[str, Any]]:
    """The groups of the file, as they stand there."""
    found: list[dict[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return found


def alerts() -> list[Alert]:
    """All alerting rules, in the file's order."""
    return [
        Alert(
            group["name"],
            rule["alert"],
            rule["expr"],
            rule.get("for", ""),
            rule["labels"],
            rule["annotations"],
        )
        for group in groups()
        for rule in group["rules"]
        if "alert" in rule
    ]


def recordings() -> dict[str, str]:
    """Recorded name -> expression."""
    return {rule["record"]: rule["expr"] for group in groups() for rule in group["rules"] if "record" in rule}


def metrics_in(expr: str) -> set[str]:
    """The names of all metrics that an expression reads."""
    return {node.name for node in _nodes(promql_parser.parse(expr)) if getattr(node, "name", None)}


def labels_in(expr: str) -> set[str]:
    """The labels that an expression selects by."""
    matchers = [
        node.matchers.matchers for node in _nodes(promql_parser.parse(expr)) if hasattr(node, "matchers")
    ]
    return {matcher.name for found in matchers for matcher in found}


def instants_in(expr: str) -> set[str]:
    """The names of the metrics that an expression reads as they are at one moment, not over a window."""
    return {
        node.name for node in _nodes(promql_parser.parse(expr), windows=False) if getattr(node, "name", None)
    }


def checks() -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """File, alert and expected alerts of every check in the unit tests."""
    for file in UNIT_TESTS:
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            for check in test.get("alert_rule_test", ()):
                yield file.name, check["alertname"], check["exp_alerts"]


def _nodes(node: Any, *, windows: bool = True) -> Iterator[Any]:
    if isinstance(node, promql_parser.MatrixSelector) and not windows:
        return
    yield node
    for name in _INNER:
        if (inner := getattr(node, name, None)) is not None:
            yield from _nodes(inner, windows=windows)
    for argument in getattr(node, "args", None) or ():
        yield from _nodes(argument, windows=windows)
