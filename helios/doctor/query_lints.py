"""What is wrong with the query of a prometheus trigger, and with what KEDA and the HPA make of its answer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser as promql

from helios.doctor import gauge_lints, rules
from helios.doctor.expressions import TooLong, Unreadable, bare, has_template, kind, parsed, selectors
from helios.doctor.extents import extent, zero_when_absent
from helios.doctor.findings import Finding, Severity
from helios.doctor.meanings import Kind, Meaning, meaning
from helios.doctor.remedies import followed
from helios.doctor.remedies import trigger as fixed
from helios.doctor.scalers import Scaled, Trigger

_NOTHING = r"vector\s*\(\s*0+(?:\.0*)?\s*\)"
_OR_ZERO = re.compile(
    rf"\s+or\s+(?:(?:on|ignoring)\s*\([^()]*\)\s*)?(?:{_NOTHING}|\(\s*{_NOTHING}\s*\))", re.IGNORECASE
)
_OTHER_DIALECTS = re.compile(r"victoria|vmselect|vmauth|vmsingle|:8428\b|:8481\b", re.IGNORECASE)
"""Addresses behind which MetricsQL is spoken: more than PromQL, and not ours to judge."""
_YIELDS = {
    "scalar": "a scalar, which KEDA cannot read: it wants a vector of one element",
    "string": "a text",
    "matrix": "a range of samples, of which KEDA finds no value",
}


@dataclass(frozen=True, slots=True)
class _Case:
    """One query in its place."""

    scaled: Scaled
    trigger: Trigger
    query: str
    root: promql.Expr
    meaning: Meaning

    @property
    def where(self) -> str:
        return self.scaled.manifest.where


def lints(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    """Everything that is wrong with one prometheus trigger's query."""
    query = trigger.query
    if query is None:
        return
    try:
        root = parsed(query)
    except Unreadable as error:
        yield from _unreadable(scaled, trigger, query, error)
        return
    except TooLong:
        return
    if has_template(query) and not selectors(root):  # all that matters is still to be filled in
        return
    case = _Case(scaled, trigger, query, root, meaning(root, scaled.workload[1]))
    yield from _type(case)
    yield from _extent(case)
    yield from _zero(case)
    yield from gauge_lints.lints(scaled, trigger, root)
    if not scaled.modifiers.get("formula"):  # with a formula the HPA does not see this trigger by itself
        yield from _arithmetic(case)


def _unreadable(scaled: Scaled, trigger: Trigger, query: str, error: Unreadable) -> Iterator[Finding]:
    address = str(trigger.metadata.get("serverAddress") or "")
    if _OTHER_DIALECTS.search(address) or has_template(query):
        return
    yield rules.UNREADABLE.found(
        scaled.manifest.where,
        f"{trigger}: Prometheus refuses the query, so KEDA gets an error each time and the workload does not follow it.",
        f"It cannot be parsed: {error}",
        "# ask Prometheus itself:\npromtool promql format " + shlex.quote(query.strip()),
    )


def _type(case: _Case) -> Iterator[Finding]:
    yields = kind(case.root)
    if yields == "vector":
        return
    query, body = case.query.strip(), case.trigger.body
    if yields == "scalar":
        remedy = fixed(body, {"query": f"vector({query})"})
    elif yields == "matrix":
        over = "rate" if isinstance(bare(case.root), promql.MatrixSelector) else "avg_over_time"
        remedy = fixed(body, {"query": f"sum({over}({query}))"})
    else:
        remedy = "# a query that yields a number\n" + fixed(body, {"query": "<QUERY>"})
    yield rules.NO_VECTOR.found(
        case.where,
        f"{case.trigger}: the query yields {_YIELDS[yields]}. The trigger fails or reads nothing, for ever.",
        "KEDA runs an instant query and takes the value of its one element.",
        remedy,
    )


def _extent(case: _Case) -> Iterator[Finding]:
    found = extent(case.root)
    if found.single or kind(case.root) != "vector":
        return
    each = f" (one for each {', '.join(found.by)})" if found.by else ""
    ours = any(one.name and one.name.startswith("helios_") for one in selectors(case.root))
    what = f"yields several elements{each}" if found.certain else "may yield several elements"
    yield rules.SEVERAL.found(
        case.where,
        f"{case.trigger}: the query {what}. KEDA takes that for an error, and the workload stops following it.",
        "It is not aggregated to one: another pod, a second exporter or a rollout adds a series.",
        fixed(case.trigger.body, {"query": f"{'max' if ours else 'sum'}({case.query.strip()})"}),
        severity=Severity.ERROR if found.certain else Severity.WARNING,
    )


def _zero(case: _Case) -> Iterator[Finding]:
    if not zero_when_absent(case.root):
        return
    changes = {"ignoreNullValues": "false"}
    without = _without_zero(case)
    remedy = (
        fixed(case.trigger.body, {"query": without, **changes})
        if without is not None
        else "# in the query, leave out `or` and what follows it\n" + fixed(case.trigger.body, changes)
    )
    yield rules.ZERO.found(
        case.where,
        f"{case.trigger}: when its series are gone, the query answers 0, and the workload is scaled in to "
        f"{case.scaled.floor or 0} at whatever load.",
        "`or vector(0)` turns an outage into a number: KEDA sees no error, and no fallback arms.",
        remedy,
    )


def _without_zero(case: _Case) -> str | None:
    """The query without its `or vector(0)`; None where that is not as simple."""
    cut = [_OR_ZERO.sub("", case.query.strip())]
    root = bare(case.root)
    if isinstance(root, promql.BinaryExpr) and str(root.op) == "or" and not has_template(case.query):
        cut.append(root.lhs.prettify())
    for query in cut:
        try:
            if not zero_when_absent(parsed(query)):
                return query
        except (Unreadable, TooLong):
            continue
    return None


def _arithmetic(case: _Case) -> Iterator[Finding]:
    """What AverageValue and Value make of a number of this kind."""
    found, target = case.meaning, case.trigger.metric_type
    if target == "AverageValue":
        if found.kind is Kind.RATIO and _certain(found, case.trigger.threshold):
            yield _ratio(case)
        if found.kind is Kind.REPLICAS and found.forecast and found.factor == 1.0:
            yield from _not_one(case)
    elif target == "Value":
        yield from _value(case)


def _certain(found: Meaning, threshold: float | None) -> bool:
    """Whether it is a ratio: by its names, or as its threshold is a fraction, or a percentage of it."""
    if found.sure:
        return True
    return threshold is not None and (
        (found.factor == 1.0 and threshold < 1.0) or (found.factor == 100.0 and threshold <= 100.0)
    )


def _ratio(case: _Case) -> Finding:
    remedy = _default(case) if case.meaning.forecast else fixed(case.trigger.body, metric_type="Value")
    return rules.RATIO.found(
        case.where,
        f"{case.trigger}: AverageValue asks for ceil(value / threshold) replicas, whatever the fleet's size.{_reach(case)}",
        f"{_sentence(case.meaning.because)} AverageValue divides it by the replicas once more.",
        remedy,
    )


def _reach(case: _Case) -> str:
    """How far it can get, where the threshold shows that the value is a fraction or a percentage."""
    threshold, top = case.trigger.threshold, case.meaning.factor
    fraction = case.meaning.forecast or (threshold is not None and threshold <= top)
    if threshold is None or threshold <= 0 or not fraction or top not in {1.0, 100.0}:
        return ""
    most = -(-top // threshold)
    return f" At {top:g}, a fleet used in full, that is {most:g} replica{'' if most == 1 else 's'}."


def _not_one(case: _Case) -> Iterator[Finding]:
    threshold = case.trigger.threshold
    if threshold is None or threshold <= 0 or threshold == 1.0:
        return
    yield rules.THRESHOLD_NOT_ONE.found(
        case.where,
        f"{case.trigger}: 10 replicas recommended become {-(-10 // threshold):g}.",
        f"{_sentence(case.meaning.because)} AverageValue divides it by the threshold, {threshold:g}.",
        fixed(case.trigger.body, {"threshold": "1"}),
    )


def _value(case: _Case) -> Iterator[Finding]:
    found, why = (
        case.meaning,
        f"{_sentence(case.meaning.because)} Value multiplies by the ready pods at every sync.",
    )
    if found.kind is Kind.REPLICAS:
        yield rules.REPLICAS.found(
            case.where,
            f"{case.trigger}: the count is multiplied by the pods there are, every 15 s, up to the maximum.",
            why,
            fixed(case.trigger.body, {"threshold": "1"}, metric_type="AverageValue"),
        )
    elif found.forecast:
        yield rules.FORECAST.found(
            case.where,
            f"{case.trigger}: the workload runs away to its maximum (10 → 15 → 23 → 35 …) as soon as the value is over "
            "the threshold, and to its minimum below it.",
            f"{why} A forecast does not fall when pods are added.",
            _default(case),
        )
    elif found.kind is Kind.TOTAL and found.flow:
        yield rules.TOTAL.found(
            case.where,
            f"{case.trigger}: the workload runs away to its maximum while the load is over the threshold.",
            "The query adds up all that arrives. Value multiplies it by the ready pods at every sync, and what arrives "
            "does not fall when pods are added.",
            fixed(case.trigger.body, metric_type="AverageValue"),
        )


def _default(case: _Case) -> str:
    namespace = gauge_lints.namespace_of(case.scaled, case.root)
    return followed(case.trigger.body, namespace, case.scaled.workload[1])


def _sentence(because: str) -> str:
    """A reason as a sentence of its own."""
    return (
        f"{because[:1].upper()}{because[1:]}."
        if because and not because.startswith("helios_")
        else f"{because}."
    )
