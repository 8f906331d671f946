"""PromQL as it is parsed: its parts, what it selects, the type of what it yields. Template variables are tolerated.

What it means for scaling is for others to say: how many elements (`extents.py`), what kind of number (`meanings.py`).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator

import promql_parser as promql

from helios.values import LONGEST_QUERY

_PLACEHOLDER = "TEMPLATE"
_TEMPLATES = re.compile(r"\{\{.*?\}\}|\$\{[^}]*\}|\$\(\w+\)|\$\w+|<[A-Z][A-Z_-]+>", re.DOTALL)
"""Helm, envsubst, kustomize and Grafana variables, and places a reader is to fill in."""
_RENAMED = {"holt_winters": "double_exponential_smoothing"}
"""Prometheus 2's names, which the parser knows by their new ones."""
_PLAIN = re.compile(r"[\w-]+")
_LIMIT = 250
"""Parts of a query that are looked at; more is nothing a person wrote, and nests deeper than we follow."""


class Unreadable(Exception):
    """A query is not PromQL that can be read; the message is the parser's."""


class TooLong(Exception):
    """A query is nothing that a person wrote; nothing is said of it."""


def parsed(query: str) -> promql.Expr:
    """A query, template variables in it replaced by something of their kind.

    Raises:
        Unreadable: it is not PromQL.
        TooLong: it has more characters than a target's query may, or more parts than are looked at.
    """
    if len(query) > LONGEST_QUERY:
        raise TooLong(f"it has more than {LONGEST_QUERY} characters")
    text = _TEMPLATES.sub(_stand_in(query), query)
    for old, new in _RENAMED.items():
        text = re.sub(rf"\b{old}\s*\(", f"{new}(", text)
    try:
        found = promql.parse(text)
    except ValueError as error:
        raise Unreadable(" ".join(str(error).split())) from error
    if sum(1 for _ in parts(found)) > _LIMIT:
        raise TooLong(f"it has more than {_LIMIT} parts")
    return found


def has_template(text: str) -> bool:
    """Whether something is still to be filled in."""
    return _TEMPLATES.search(text) is not None


def parts(root: promql.Expr) -> Iterator[promql.Expr]:
    """The query and everything in it, whatever its depth."""
    pending = [root]
    while pending:
        part = pending.pop()
        yield part
        pending += children(part)


def children(part: promql.Expr) -> list[promql.Expr]:
    """What a part is made of."""
    match part:
        case promql.MatrixSelector():
            return [part.vector_selector]
        case promql.SubqueryExpr() | promql.ParenExpr() | promql.UnaryExpr():
            return [part.expr]
        case promql.AggregateExpr():
            return [part.expr] if part.param is None else [part.expr, part.param]
        case promql.BinaryExpr():
            return [part.lhs, part.rhs]
        case promql.Call():
            return list(part.args)
    return []


def selectors(root: promql.Expr) -> list[promql.VectorSelector]:
    """Every selector of a query."""
    return [part for part in parts(root) if isinstance(part, promql.VectorSelector)]


def metric(selector: promql.VectorSelector) -> str:
    """The metric it names; empty where it names none exactly."""
    return selector.name or pinned(selector).get("__name__", "")


def pinned(selector: promql.VectorSelector) -> dict[str, str]:
    """Labels that have one value in every series it selects; also by a regular expression that is a plain word."""
    if selector.matchers.or_matchers:
        return {}
    return {
        one.name: one.value
        for one in selector.matchers.matchers
        if one.op == promql.MatchOp.Equal
        or (one.op == promql.MatchOp.Re and one.value and _PLAIN.fullmatch(one.value))
    }


def narrowed(selector: promql.VectorSelector) -> set[str]:
    """Labels that it matches by something, whatever their values come to."""
    either = [one for group in selector.matchers.or_matchers for one in group]
    wanted = (promql.MatchOp.Equal, promql.MatchOp.Re)
    return {one.name for one in [*selector.matchers.matchers, *either] if one.op in wanted}


def bare(root: promql.Expr) -> promql.Expr:
    """Without the parentheses around it."""
    while isinstance(root, promql.ParenExpr):
        root = root.expr
    return root


def vector_argument(call: promql.Call) -> promql.Expr | None:
    """What a function is applied to: its first argument that is no number and no text."""
    return next((one for one in call.args if kind(one) not in {"scalar", "string"}), None)


def kind(root: promql.Expr) -> str:
    """`vector`, `scalar`, `string` or `matrix`: what the query API calls the result."""
    root = bare(root)
    found = "vector"
    match root:
        case promql.NumberLiteral():
            found = "scalar"
        case promql.StringLiteral():
            found = "string"
        case promql.MatrixSelector() | promql.SubqueryExpr():
            found = "matrix"
        case promql.UnaryExpr():
            found = kind(root.expr)
        case promql.BinaryExpr() if kind(root.lhs) == kind(root.rhs) == "scalar":
            found = "scalar"
        case promql.Call() if root.func.return_type == promql.ValueType.Scalar:
            found = "scalar"
    return found


def number(root: promql.Expr) -> float | None:
    """The number that an expression of numbers alone is; None for any other."""
    root = bare(root)
    found = None
    match root:
        case promql.NumberLiteral():
            found = root.val
        case promql.UnaryExpr():
            found = calculated("*", number(root.expr), -1.0)
        case promql.Call() if root.func.name == "vector":
            found = number(root.args[0])
        case promql.BinaryExpr():
            found = calculated(str(root.op), number(root.lhs), number(root.rhs))
    return found


def calculated(op: str, left: float | None, right: float | None) -> float | None:
    """The four kinds of arithmetic; None where a side is not known, or it is none of them."""
    if left is None or right is None:
        return None
    if op == "/":
        return left / right if right else None
    operations = {"*": operator.mul, "+": operator.add, "-": operator.sub}
    return float(operations[op](left, right)) if op in operations else None


def _stand_in(query: str) -> Callable[[re.Match[str]], str]:
    """What to put in place of a variable, by where it stands."""

    def chosen(match: re.Match[str]) -> str:
        before = query[: match.start()]
        quoted = before.count('"') % 2 or before.count("'") % 2 or before.count("`") % 2
        if quoted:
            return _PLACEHOLDER
        if before.rstrip().endswith(("[", ":")):
            return "5m"
        if before.rstrip().endswith(("{", ",")) and before.count("{") > before.count("}"):
            return f'template="{_PLACEHOLDER}"'
        word = re.search(r"\w$", before) or re.match(r"\w", query[match.end() :])
        return _PLACEHOLDER if word else "1"

    return chosen
