"""How many elements a query can yield, and what it answers when none of its series is there.

KEDA takes exactly one element. What cannot be known is not claimed: each answer says on which side it errs.
"""

from __future__ import annotations

from dataclasses import dataclass

import promql_parser as promql

from helios.doctor.expressions import (
    bare,
    calculated,
    children,
    kind,
    metric,
    narrowed,
    number,
    parts,
    pinned,
    selectors,
    vector_argument,
)

_FEW = frozenset({"topk", "bottomk", "limitk"})
_KEEP_NOTHING = frozenset({"label_replace", "label_join"})
_THROUGH = frozenset({"ceil", "floor", "round", "abs", "clamp_max", "sort", "sort_desc"})
_AGGREGATES = frozenset({"sum", "max", "min", "avg", "topk", "bottomk"})


@dataclass(frozen=True, slots=True)
class Extent:
    """How many elements a query yields.

    Attributes:
        single: it is certain to be one at most.
        by: labels for each of whose values it yields an element; empty where that is not how it came about.
        certain: that there are several is how the query is meant, not only what may happen.
        labels: names of the labels that the one element has, where they are known.
    """

    single: bool
    by: tuple[str, ...] = ()
    certain: bool = False
    labels: frozenset[str] | None = None


ONE = Extent(single=True, labels=frozenset())
AT_MOST_ONE = Extent(single=True)
MANY = Extent(single=False)


def extent(root: promql.Expr) -> Extent:
    """How many elements a query yields; errs on the side of many, without certainty."""
    root = bare(root)
    found = ONE
    match root:
        case promql.VectorSelector():
            # a recording rule may have added everything up already: it is not accused
            found = Extent(single=":" in metric(root))
        case promql.UnaryExpr() | promql.MatrixSelector() | promql.SubqueryExpr():
            found = extent(children(root)[0])
        case promql.AggregateExpr():
            found = _aggregated(root)
        case promql.Call():
            found = _called(root)
        case promql.BinaryExpr():
            found = _joined(root)
    return found


def zero_when_absent(root: promql.Expr) -> bool:
    """Whether the query answers zero when none of its series is there; errs on the side of no.

    That is so where `or` joins a zero to the whole of it, whatever is done with the whole afterwards.
    """
    answer = _when_absent(root) if selectors(root) else None
    return answer is not None and answer <= 0


def _aggregated(root: promql.AggregateExpr) -> Extent:
    op, modifier = str(root.op), root.modifier
    inner = extent(root.expr)
    first = op in _FEW and root.param is not None and number(root.param) == 1
    if op == "count_values":
        found = Extent(single=False, certain=True)
    elif modifier is not None and (modifier.labels or modifier.type == promql.AggModifierType.Without):
        found = AT_MOST_ONE if inner.single else _grouped(root.expr, modifier)
    elif op in _FEW | {"limit_ratio"}:
        found = AT_MOST_ONE if first else inner
    else:
        found = ONE
    return found


def _grouped(inner: promql.Expr, modifier: promql.AggModifier) -> Extent:
    """One element for each value of the labels that the selectors leave open."""
    if modifier.type == promql.AggModifierType.Without:
        return MANY
    sources, labels = [pinned(one) for one in selectors(inner)], tuple(modifier.labels)
    free = tuple(label for label in labels if not sources or any(label not in source for source in sources))
    if free:
        # a regular expression may be met by one value alone
        meant = any(all(label not in narrowed(one) for one in selectors(inner)) for label in free)
        return Extent(single=False, by=free, certain=meant)
    return Extent(single=True, labels=frozenset(labels))


def _called(root: promql.Call) -> Extent:
    name, inner = root.func.name, vector_argument(root)
    if inner is None or name == "scalar":
        return ONE
    if name in {"absent", "absent_over_time"}:
        return AT_MOST_ONE
    found = extent(inner)
    if name.startswith("histogram_") and found.by:
        left = tuple(label for label in found.by if label != "le")
        return Extent(single=not left, by=left, certain=bool(left))
    return AT_MOST_ONE if found.single and name in _KEEP_NOTHING else found


def _joined(root: promql.BinaryExpr) -> Extent:
    left, right, op = extent(root.lhs), extent(root.rhs), str(root.op)
    if kind(root.lhs) != "vector" or kind(root.rhs) != "vector":
        found = right if kind(root.lhs) == "scalar" else left
    elif op == "or":
        found = _either(root, left, right)
    elif op in {"and", "unless"} or _card(root) == promql.VectorMatchCardinality.ManyToOne:
        found = left
    elif _card(root) == promql.VectorMatchCardinality.OneToMany:
        found = right
    elif left.single or right.single:  # one to one: no more than the smaller side has
        found = Extent(single=True, labels=left.labels if left.labels == right.labels else None)
    else:
        found = left if left.by else right
    return found


def _either(root: promql.BinaryExpr, left: Extent, right: Extent) -> Extent:
    """Of `or`: what is on the right comes beside what is on the left, unless it has the same labels."""
    alike = left.labels is not None and left.labels == right.labels
    if left.single and right.single and (alike or _on_nothing(root) or _absence(root.rhs)):
        return Extent(single=True, labels=left.labels if alike else None)
    worse = right if left.single else left
    return Extent(single=False, by=worse.by, certain=worse.certain)


def _absence(root: promql.Expr) -> bool:
    """Something that is there only while something else is not."""
    return any(isinstance(one, promql.Call) and one.func.name.startswith("absent") for one in parts(root))


def _on_nothing(root: promql.BinaryExpr) -> bool:
    """`on ()`: everything matches everything."""
    matching = None if root.modifier is None else root.modifier.matching
    return matching is not None and str(matching.type).endswith("Include") and not matching.labels


def _card(root: promql.BinaryExpr) -> promql.VectorMatchCardinality | None:
    return None if root.modifier is None else root.modifier.card


def _when_absent(root: promql.Expr) -> float | None:
    """What a query answers when no series is there; None where it answers nothing, or that is not known."""
    root = bare(root)
    found = number(root)
    match root:
        case promql.AggregateExpr() if str(root.op) in _AGGREGATES:
            found = _when_absent(root.expr)
        case promql.Call() if root.func.name in _THROUGH:
            found = _when_absent(root.args[0])
        case promql.BinaryExpr():
            left, right = _when_absent(root.lhs), _when_absent(root.rhs)
            found = calculated(str(root.op), left, right)
            if str(root.op) == "or":
                found = right if left is None else left
    return found
