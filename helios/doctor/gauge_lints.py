"""What is wrong with a query that reads Helios' gauges: no expiry, labels that never match, other workloads' numbers, renamed labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import promql_parser as promql

from helios.doctor import rules
from helios.doctor.expressions import bare, children, kind, metric, parts, pinned, selectors
from helios.doctor.findings import Finding, Severity
from helios.doctor.remedies import followed
from helios.doctor.scalers import Scaled, Trigger
from scoring.gauges import CURRENT, EXPIRES, PREDICTED_CPU, PREDICTED_MEMORY, TARGET_GAUGES

_EXTRA: Mapping[str, frozenset[str]] = {one.name: frozenset(one.labels) for one in TARGET_GAUGES}
"""Labels of each gauge beside those of every one."""
_RATIOS = frozenset({PREDICTED_CPU.name, PREDICTED_MEMORY.name})
_COUNT_NAME = re.compile(r"^kube_.*(replicas|pod_info|pod_status)|^up$")
_PODS = frozenset({"instance", "pod", "exported_instance", "exported_pod"})
_NAMESPACES = ("namespace", "exported_namespace")
_JOINING = frozenset({"and", "unless", "*", "/", "+", "-", "%", ">", "<", ">=", "<=", "==", "!="})


def lints(scaled: Scaled, trigger: Trigger, root: promql.Expr) -> Iterator[Finding]:
    """Everything that is wrong with how a query reads Helios' gauges; nothing where it reads none."""
    ours = [one for one in selectors(root) if metric(one) in _EXTRA]
    names = sorted({metric(one) for one in ours} - {EXPIRES.name})
    if not names:
        return
    where, remedy = (
        scaled.manifest.where,
        followed(trigger.body, namespace_of(scaled, root), scaled.workload[1]),
    )
    clocked = any(isinstance(one, promql.Call) and one.func.name == "time" for one in parts(root))
    if not clocked or EXPIRES.name not in {metric(one) for one in ours}:
        yield rules.NO_EXPIRY.found(
            where,
            f"{trigger}: if Helios hangs and still answers its scrape, its last number is followed for ever.",
            f"{names[0]} is read without `and ({EXPIRES.name} > time())`; KEDA never looks at a sample's age.",
            remedy,
        )
    else:
        yield from _loose(scaled, trigger, root, remedy)
    for one in _mismatches(root):
        yield rules.NO_MATCH.found(
            where,
            f"{trigger}: the query yields nothing, ever, so the fallback is armed for good or 0 is read.",
            f"`{one.op}` matches all labels, and {_said(_difference(one))} stands on one side alone: "
            f"write `{one.op} ignoring({', '.join(_difference(one))})`."
            if _difference(one)
            else f"`{one.op}` matches all labels, and one side is aggregated and has none: aggregate what it yields.",
            remedy,
        )
    yield from _unbound(scaled, trigger, [one for one in _counting(root) if metric(one) in _EXTRA], remedy)
    yield from _foreign(scaled, trigger, root, remedy)
    if all(_pinned_to(one) == {"exported_namespace"} for one in ours):
        yield rules.RENAMED.found(
            where,
            f"{trigger}: the query yields nothing where the scrape keeps Helios' labels, as the shipped ones do.",
            "The label is exported_namespace only where a scrape without honorLabels has renamed it; the query asks for no other.",
            remedy,
        )


def _loose(scaled: Scaled, trigger: Trigger, root: promql.Expr, remedy: str) -> Iterator[Finding]:
    """A number that another pod's time stamp lets pass."""
    for one in parts(root):
        if not isinstance(one, promql.BinaryExpr) or str(one.op) != "and":
            continue
        left, right = ({metric(it) for it in selectors(side)} for side in (one.lhs, one.rhs))
        if EXPIRES.name not in right or not left & _EXTRA.keys() - {EXPIRES.name} or not _is_loose(one):
            continue
        yield rules.NO_EXPIRY.found(
            scaled.manifest.where,
            f"{trigger}: if one pod of Helios hangs beside a fresh one, its last number passes on the other's time stamp.",
            f"{EXPIRES.name} is not matched series by series: `{one.op}` without `on`, within the aggregation.",
            remedy,
            severity=Severity.WARNING,
        )
        return


def _is_loose(join: promql.BinaryExpr) -> bool:
    """Whether it matches time stamps by less than the pod that they come from."""
    matching = None if join.modifier is None else join.modifier.matching
    if matching is not None and matching.type == promql.LabelModifierType.Include:
        return not _PODS & set(matching.labels)
    return any(isinstance(one, promql.AggregateExpr) and not _keeps_pods(one) for one in parts(join.rhs))


def _keeps_pods(root: promql.AggregateExpr) -> bool:
    if root.modifier is None:
        return False
    named = _PODS & set(root.modifier.labels)
    return not named if root.modifier.type == promql.AggModifierType.Without else bool(named)


def _foreign(scaled: Scaled, trigger: Trigger, root: promql.Expr, remedy: str) -> Iterator[Finding]:
    """A ratio of Helios' times a count of pods of somebody else's."""
    for one in parts(root):
        if not isinstance(one, promql.BinaryExpr) or str(one.op) != "*":
            continue
        for ratio, count in ((one.lhs, one.rhs), (one.rhs, one.lhs)):
            ratios = sorted({metric(it) for it in selectors(ratio)} & _RATIOS)
            counts = sorted({metric(it) for it in selectors(count) if _COUNT_NAME.search(metric(it))})
            if ratios and counts:
                yield rules.FOREIGN.found(
                    scaled.manifest.where,
                    f"{trigger}: each scale-out makes the product larger until Helios has seen it, and the next one comes of that.",
                    f"{ratios[0]} is the mean over the pods of Helios' last cycle, and {counts[0]} counts those of now: "
                    f"{CURRENT.name} is of the same cycle.",
                    remedy,
                )
                return


def _counting(root: promql.Expr) -> list[promql.VectorSelector]:
    """The selectors that decide what is read: a time stamp that is matched label by label lets no other series pass."""
    if isinstance(root, promql.BinaryExpr) and str(root.op) == "and" and not _is_loose(root):
        others = [one for one in selectors(root.rhs) if metric(one) != EXPIRES.name]
        return [*_counting(root.lhs), *others]
    if isinstance(root, promql.VectorSelector):
        return [root]
    return [one for child in children(root) for one in _counting(child)]


def namespace_of(scaled: Scaled, root: promql.Expr) -> str:
    """The namespace of what is scaled; where the file leaves it open, the one that the query names."""
    named = {one for selector in selectors(root) for one in _named(selector)}
    return scaled.manifest.namespace or (named.pop() if len(named) == 1 else "")


def _unbound(
    scaled: Scaled, trigger: Trigger, ours: list[promql.VectorSelector], remedy: str
) -> Iterator[Finding]:
    """Gauges of a target that are not bound to one workload."""
    for one in ours:
        labels = {name for name, value in pinned(one).items() if value}
        lacking = [] if "deployment" in labels or _narrowed(one, "deployment") else ["deployment"]
        if not any(name in labels or _narrowed(one, name) for name in _NAMESPACES):
            lacking.append("namespace")
        if lacking:
            yield rules.WHOLE_FLEET.found(
                scaled.manifest.where,
                f"{trigger}: every workload of the {'cluster' if 'namespace' in lacking else 'namespace'} that matches is "
                "read, and this one is scaled by another's number.",
                f"{metric(one)} is selected without {' and '.join(lacking)}; there is a series for each target.",
                remedy,
            )
            return


def _narrowed(selector: promql.VectorSelector, label: str) -> bool:
    """Whether a label is matched in some other way, which may well be what is meant."""
    matchers = selector.matchers
    return bool(matchers.or_matchers) or any(
        one.name == label and one.op == promql.MatchOp.Re and one.value not in {"", ".*", ".+"}
        for one in matchers.matchers
    )


def _pinned_to(selector: promql.VectorSelector) -> set[str]:
    return {name for name, value in pinned(selector).items() if name in _NAMESPACES and value}


def _named(selector: promql.VectorSelector) -> set[str]:
    found = pinned(selector)
    return {found[name] for name in _NAMESPACES if found.get(name)}


def _mismatches(root: promql.Expr) -> list[promql.BinaryExpr]:
    """Joins of two vectors of Helios' whose labels can never be equal."""
    joins = [one for one in parts(root) if isinstance(one, promql.BinaryExpr)]
    return [one for one in joins if _difference(one) or _is_bared(one)]


def _difference(join: promql.BinaryExpr) -> tuple[str, ...]:
    """Labels that one side has and the other has not, though they are matched."""
    if str(join.op) not in _JOINING or kind(join.lhs) != "vector" or kind(join.rhs) != "vector":
        return ()
    left, right = _extra(join.lhs), _extra(join.rhs)
    if left is None or right is None:
        return ()
    matching = None if join.modifier is None else join.modifier.matching
    differing = left ^ right
    if matching is not None:
        named = frozenset(matching.labels)
        included = matching.type == promql.LabelModifierType.Include
        differing = differing & named if included else differing - named
    return tuple(sorted(differing))


def _is_bared(join: promql.BinaryExpr) -> bool:
    """Whether one side is aggregated to no labels, and the other is a gauge of Helios' with its own."""
    matching = None if join.modifier is None else join.modifier.matching
    if str(join.op) not in _JOINING - {"unless"} or matching is not None:
        return False
    return any(
        isinstance(one, promql.AggregateExpr) and one.modifier is None and _extra(other) is not None
        for one, other in ((bare(join.lhs), join.rhs), (bare(join.rhs), join.lhs))
    )


def _extra(root: promql.Expr) -> frozenset[str] | None:
    """Labels beside those that every gauge of a target has; None where that is not known."""
    root = bare(root)
    found: frozenset[str] | None = None
    match root:
        case promql.VectorSelector():
            found = _EXTRA.get(metric(root))
        case promql.UnaryExpr() | promql.MatrixSelector():
            found = _extra(children(root)[0])
        case promql.BinaryExpr():
            found = _joined(root)
    return found


def _joined(root: promql.BinaryExpr) -> frozenset[str] | None:
    """Of what two sides yield together."""
    if kind(root.lhs) == "scalar" or kind(root.rhs) == "scalar":
        return _extra(root.rhs if kind(root.lhs) == "scalar" else root.lhs)
    left, right, op = _extra(root.lhs), _extra(root.rhs), str(root.op)
    if op in {"and", "unless"}:
        return left
    if op == "or":
        return left if left == right else None
    matching = None if root.modifier is None else root.modifier.matching
    if matching is None:
        return left
    if left is None or matching.type == promql.LabelModifierType.Include:
        return None
    return left - frozenset(matching.labels)


def _said(labels: tuple[str, ...]) -> str:
    return " and ".join(f"`{one}`" for one in labels)
