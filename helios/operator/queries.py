"""Whether a HeliosTarget may ask Prometheus what it asks: queries run with the operator's credentials, not the tenant's.

Where a namespace's own numbers are allowed, every selector of the PromQL must name that namespace, wherever it stands. What
this parser does not read, and every function that selects series of its own, is refused: Prometheus may know more than it.
"""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser as promql

from helios.targets import QueryPolicy
from helios.values import LONGEST_QUERY

LABELS = ("namespace", "exported_namespace")
"""Either may name the namespace: a scrape that does not honour labels writes the second."""

_IMPLICIT = frozenset({"info"})
"""Functions that read series no selector of the query names."""

_MOST_PARTS = 200
"""More than anybody writes; a query nested thousands deep takes seconds to read."""


class _Refused(Exception):
    """Why a query is not allowed."""


def problem(query: str, namespace: str, policy: QueryPolicy) -> str | None:
    """Why a target of `namespace` may not ask `query`, with the remedy; None if it may."""
    if policy is QueryPolicy.ANY:
        return None
    if policy is QueryPolicy.REFUSED:
        return (
            "queries of one's own are refused here: use cpu or memory without a query, or have the operator's setting "
            "operator.custom_queries allow them (own-namespace or any)"
        )
    if len(query) > LONGEST_QUERY:
        return f"has more than {LONGEST_QUERY} characters: record it as a rule and ask for that"
    try:
        parsed = promql.parse(query)
    except ValueError as error:
        return f"is not PromQL that can be checked: {error}"
    try:
        for selector in _selectors(parsed):
            _check(selector, namespace)
    except _Refused as refused:
        return str(refused)
    return None


def _selectors(root: promql.Expr) -> Iterator[promql.VectorSelector]:
    """Every selector below `root`; with a stack of its own, as a query may nest deeper than Python recurses.

    Raises:
        _Refused: there is something whose selectors are not known.
    """
    pending, seen = [root], 0
    while pending:
        seen += 1
        if seen > _MOST_PARTS:
            raise _Refused(f"has more than {_MOST_PARTS} parts: record it as a rule and ask for that")
        part = pending.pop()
        if isinstance(part, promql.VectorSelector):
            yield part
        else:
            pending += _inside(part)


def _inside(part: promql.Expr) -> list[promql.Expr]:
    """What a part that is no vector selector is made of."""
    match part:
        case promql.NumberLiteral() | promql.StringLiteral():
            return []
        case promql.MatrixSelector():
            return [part.vector_selector]
        case promql.SubqueryExpr() | promql.ParenExpr() | promql.UnaryExpr():
            return [part.expr]
        case promql.AggregateExpr():
            return [part.expr] if part.param is None else [part.expr, part.param]
        case promql.BinaryExpr():
            return [part.lhs, part.rhs]
        case promql.Call():
            if part.func.name in _IMPLICIT:
                raise _Refused(f"{part.func.name}() reads series that the query does not name: leave it out")
            return list(part.args)
        case _:
            raise _Refused(f"has a part that cannot be checked ({type(part).__name__}): leave it out")


def _check(selector: promql.VectorSelector, namespace: str) -> None:
    """Refuse a selector that may match series of another namespace."""
    matchers = selector.matchers
    own = any(
        m.name in LABELS and m.op == promql.MatchOp.Equal and m.value == namespace for m in matchers.matchers
    )
    if matchers.or_matchers or not own:
        shown = " ".join(selector.prettify().split())
        raise _Refused(
            f'the selector {shown} is not bound to this namespace: write namespace="{namespace}" in it'
        )
