"""What kind of number a query yields, for whoever scales on it: a ratio, a count of replicas, a total, a forecast.

Followed through the query from the names of its metrics and what is done with them. Whatever it does not know for certain is
`OTHER`, of which nothing is said: it errs on the side of silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto

import promql_parser as promql

from helios.doctor.expressions import bare, children, kind, metric, number, pinned, selectors, vector_argument
from scoring.gauges import (
    CURRENT,
    PREDICTED_CPU,
    PREDICTED_DEMAND,
    PREDICTED_MEMORY,
    RECOMMENDED,
    SIGNAL,
    UNCAPPED,
)


class Kind(Enum):
    """What a number counts."""

    RATIO = auto()
    """A ratio, a percentage or a mean per pod: it does not grow with the fleet."""
    REPLICAS = auto()
    """Replicas that are wanted."""
    PODS = auto()
    """Pods there are."""
    QUOTIENT = auto()
    """One quantity over another of which too little is known."""
    EACH = auto()
    """A series for each pod, of something that adds up."""
    TOTAL = auto()
    """A sum over everything there is."""
    NUMBER = auto()
    """A constant."""
    OTHER = auto()
    """Not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a query, or a part of one, yields.

    Attributes:
        kind: what it counts.
        forecast: whether it tells of a time to come, or of one long past in place of it: it does not fall when pods are added.
        flow: whether it is work arriving per second: it does not fall when pods are added either.
        sure: of a quotient: whether names alone tell that it is a ratio. If not, its threshold may.
        factor: the constant that it is multiplied by.
        because: what makes it so, in words.
    """

    kind: Kind = Kind.OTHER
    forecast: bool = False
    flow: bool = False
    sure: bool = True
    factor: float = 1.0
    because: str = ""


OTHER = Meaning()
NUMBER = Meaning(kind=Kind.NUMBER)

_RATIOS = (PREDICTED_CPU.name, PREDICTED_MEMORY.name)
_WANTED = (SIGNAL.name, RECOMMENDED.name, UNCAPPED.name)
_RATIO_NAME = re.compile(r"_(ratio|percent|percentage|utilization|utilisation)$")
_WANTED_NAME = re.compile(r"(desired|recommended|wanted|target|needed|predicted)_(replicas|pods)$")
_PODS_NAME = re.compile(
    r"^kube_(deployment|statefulset|replicaset)_(spec|status)_replicas|^kube_pod_(info|status_ready|status_phase)$|^up$"
)
_EACH_NAME = re.compile(r"^container_|^kube_pod_container_resource_")
_RUNTIME_NAME = re.compile(r"^(process|jvm|go|nodejs|dotnet)_")
_FORECAST_NAME = re.compile(r"(^|_)(forecast|forecasted|predicted|prediction)(_|$)")
_CAPACITY_NAME = re.compile(
    r"(^|_)(max|maximum|limit|limits|capacity|quota|request|requests|allocatable|available|size|total)(_|$)"
)
_OWN_LIMIT_NAME = re.compile(r"(^|_)(max|maximum|limit|limits|quota)$")
_SYMPTOM_NAME = re.compile(
    r"error|fail|reject|drop|throttl|timeout|retr|wait|lag|late|duration|queue|seconds|pending"
)
_SYMPTOM_LABELS = frozenset(
    {"code", "status", "status_code", "result", "outcome", "response_code", "grpc_code"}
)
_CPU_TIME = re.compile(r"cpu.*_seconds")
_LONG_AGO = timedelta(hours=1)
_RATES = frozenset({"rate", "irate", "increase"})
_MEANS = frozenset({"avg", "max", "min", "quantile"})
_NOTHING_NEW = frozenset(
    {"label_replace", "label_join", "scalar", "vector", "abs", "ceil", "floor", "round", "sort", "sort_desc"}
)


def meaning(root: promql.Expr, workload: str) -> Meaning:
    """What a query yields.

    Args:
        root: the query, parsed.
        workload: name of what is scaled by it; pods are known to be its own where a label says that name.
    """
    found = _meaning(root, workload)
    past = [one.offset for one in selectors(root)]
    if past and all(isinstance(one, timedelta) and one >= _LONG_AGO for one in past):
        return replace(
            found, forecast=True, because=found.because or "all it reads lies an hour or more back"
        )
    return found


def of_metric(name: str, labels: Mapping[str, str], workload: str) -> Meaning:
    """What a metric of this name yields, selected by these labels (their values, or regular expressions)."""
    forecast = name.startswith("helios_predicted_") or _FORECAST_NAME.search(name) is not None
    if name in _RATIOS:
        because = f"{name} is a ratio of request, 0.72 where people say 72 %, and a mean over the pods"
        return Meaning(kind=Kind.RATIO, forecast=True, because=because)
    if name in _WANTED:
        return Meaning(kind=Kind.REPLICAS, forecast=True, because=f"{name} is a count of replicas")
    if name == PREDICTED_DEMAND.name:
        return Meaning(kind=Kind.TOTAL, forecast=True, because=f"{name} is the demand to come")
    found = Meaning(forecast=forecast, because=f"{name} is a forecast" if forecast else "")
    own = bool(workload) and any(workload in value for value in labels.values())
    if name == CURRENT.name or (own and _PODS_NAME.search(name)):
        found = replace(found, kind=Kind.PODS)
    elif _RATIO_NAME.search(name):
        found = replace(found, kind=Kind.RATIO, because=f"{name} is a ratio by its name")
    elif _WANTED_NAME.search(name):
        found = replace(found, kind=Kind.REPLICAS, because=f"{name} is a count of replicas by its name")
    elif _EACH_NAME.search(name) or (own and ("pod" in labels or _RUNTIME_NAME.search(name))):
        found = replace(found, kind=Kind.EACH)
    return found


def _meaning(root: promql.Expr, workload: str) -> Meaning:
    root = bare(root)
    found = OTHER
    match root:
        case promql.NumberLiteral():
            found = NUMBER
        case promql.VectorSelector():
            found = of_metric(metric(root), {one.name: one.value for one in root.matchers.matchers}, workload)
        case promql.MatrixSelector() | promql.SubqueryExpr() | promql.UnaryExpr():
            found = _meaning(children(root)[0], workload)
        case promql.AggregateExpr():
            found = _aggregated(root, workload)
        case promql.Call():
            found = _called(root, workload)
        case promql.BinaryExpr():
            found = _joined(root, workload)
    return found


def _aggregated(root: promql.AggregateExpr, workload: str) -> Meaning:
    inner, op = _meaning(root.expr, workload), str(root.op)
    names = {metric(one) for one in selectors(root.expr)}
    found = replace(inner, kind=Kind.OTHER)
    if op in {"sum", "count"} and inner.kind is Kind.PODS:
        found = replace(inner, kind=Kind.PODS)
    elif op in _MEANS | {"topk", "bottomk"}:
        found = inner
        if inner.kind is Kind.EACH and op in _MEANS:
            because = f"{op}() over series of single pods is a figure per pod"
            found = replace(inner, kind=Kind.RATIO, flow=False, because=because)
        elif inner.kind is Kind.QUOTIENT and op == "avg":
            found = replace(
                inner, kind=Kind.RATIO, because="the mean of a quotient does not grow with the fleet"
            )
    elif op == "sum":
        # a sum over one series is the series: there is one ratio of Helios for each workload
        alone = inner.kind in {Kind.RATIO, Kind.REPLICAS} and all(
            name.startswith("helios_") for name in names
        )
        found = inner if alone else replace(inner, kind=Kind.TOTAL)
    return found


def _called(root: promql.Call, workload: str) -> Meaning:
    name, inner = root.func.name, vector_argument(root)
    if inner is None:
        return _meaning(root.args[0], workload) if name == "vector" else OTHER
    found = _meaning(inner, workload)
    if name in _RATES:
        return replace(found, flow=not any(_symptom(one) for one in selectors(inner)))
    if name == "histogram_quantile":
        because = "a quantile of a latency does not grow with the fleet"
        return replace(found, kind=Kind.RATIO, flow=False, because=because)
    if name.endswith("_over_time") and name.split("_")[0] in {"avg", "max", "min", "quantile", "last"}:
        return found
    if name in _NOTHING_NEW or name.startswith("clamp"):
        return found
    return replace(found, kind=Kind.OTHER, flow=False)


def _joined(root: promql.BinaryExpr, workload: str) -> Meaning:
    left, right, op = _meaning(root.lhs, workload), _meaning(root.rhs, workload), str(root.op)
    if op in {"and", "unless"}:
        return left
    if op == "or":
        return left if right.kind is Kind.NUMBER or left.kind is right.kind else OTHER
    if op in {"==", "!=", "<", ">", "<=", ">="}:
        counted = root.modifier is not None and root.modifier.return_bool
        return OTHER if counted else (right if left.kind is Kind.NUMBER else left)
    forecast = left.forecast or right.forecast
    if op == "/":
        found = _quotient(root, left, right)
    elif op == "*":
        found = _product(root, left, right)
    elif op in {"+", "-"}:
        found = _sum(left, right)
    else:
        found = OTHER
    return replace(found, forecast=forecast)


def _product(root: promql.BinaryExpr, left: Meaning, right: Meaning) -> Meaning:
    for one, other, side in ((left, right, root.rhs), (right, left, root.lhs)):
        if other.kind is Kind.NUMBER:
            return replace(one, factor=one.factor * (number(side) or 1.0))
        if one.kind is Kind.RATIO and other.kind is Kind.PODS:
            return replace(one, kind=Kind.TOTAL)
    return OTHER


def _sum(left: Meaning, right: Meaning) -> Meaning:
    for one, other in ((left, right), (right, left)):
        if other.kind is Kind.NUMBER:
            return replace(one, flow=False)
    return replace(left, flow=left.flow and right.flow) if left.kind is right.kind else OTHER


def _quotient(root: promql.BinaryExpr, left: Meaning, right: Meaning) -> Meaning:
    if right.kind is Kind.NUMBER:
        return replace(left, factor=left.factor / (number(root.rhs) or 1.0))
    if kind(root.lhs) == "scalar" and left.kind is Kind.NUMBER:
        return OTHER
    if right.kind is Kind.PODS:
        because = "a total divided by the count of pods is a figure per pod"
        return Meaning(kind=Kind.RATIO, because=because, factor=left.factor)
    above, below = ({metric(one) for one in selectors(side)} for side in (root.lhs, root.rhs))
    if left.kind is right.kind and left.kind in {Kind.TOTAL, Kind.EACH, Kind.OTHER, Kind.RATIO}:
        known = _mean(above, below) or all(_OWN_LIMIT_NAME.search(name) for name in below)
        return Meaning(
            kind=Kind.QUOTIENT if left.kind is Kind.OTHER and not known else Kind.RATIO,
            sure=known or _share(below),
            factor=left.factor / right.factor,
            because="a quotient of this kind does not grow with the fleet",
        )
    return OTHER


def _mean(above: set[str], below: set[str]) -> bool:
    """Whether names tell that one is a part of the other, or a sum over its own count."""
    sums = {name.removesuffix("_sum") for name in above}
    return "" not in above | below and (
        above == below or sums == {one.removesuffix("_count") for one in below}
    )


def _share(below: set[str]) -> bool:
    """Whether names tell that what is divided by is a capacity."""
    return all(_CAPACITY_NAME.search(name.removesuffix("_total")) for name in below)


def _symptom(selector: promql.VectorSelector) -> bool:
    """Whether a counter counts what goes wrong or waits: that may fall when pods are added."""
    name = metric(selector)
    if _CPU_TIME.search(name):
        return False
    return (
        not name or _SYMPTOM_NAME.search(name) is not None or bool(_SYMPTOM_LABELS & pinned(selector).keys())
    )
