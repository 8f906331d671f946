"""What an autoscaler scales on: its cpu target as Helios' utilization, and what else decides today, which is said.

The line that must not be crossed and the guard are to a copied target what 90 and 80 are to 70, the defaults: whoever asked for
50 % keeps the room that he asked for. Nothing is forecast but cpu unless somebody puts it into `metrics[]`: a suggestion says how.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from helios.imports import remarks
from helios.imports.autoscalers import Autoscaler, Metric, Trigger
from helios.imports.remarks import Remark, Rule

QueryProblem = Callable[[str, str], str | None]
"""Why a namespace may not ask a query of its own; None if it may."""
_LINE, _REACTIVE = 90, 70
_WAYS = ("namespace", "customHeaders", "queryParameters")
"""Of a prometheus trigger: what goes along with the query (prometheus_scaler.go)."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What decides.

    Attributes:
        utilization, guard: of a HeliosTarget; None where nothing could be copied.
        said: what could not, and what to look at.
        suggestions: lines of YAML for `metrics[]`.
    """

    utilization: dict[str, int] | None
    guard: int | None
    said: tuple[Remark, ...]
    suggestions: tuple[str, ...] = ()


def utilization(percent: int) -> tuple[int, int, int]:
    """The line, the guard and the reactive figure that go with an HPA's target, integer percent, 1 to 100 each."""
    reactive = min(max(percent, 1), 100)
    line = max(min(_LINE, round(reactive * _LINE / _REACTIVE)), reactive)
    return line, math.ceil((line + reactive) / 2), reactive


def of_hpa(one: Autoscaler) -> Demand:
    """From an HPA's metrics; without any the API server puts cpu at 80 % there."""
    said: list[Remark] = []
    found: list[int] = []
    decided = False
    for i, metric in enumerate(one.spec.metrics):
        where, source = f"spec.metrics[{i}]", metric.source
        words = f"{where}: {_metric(metric)}"
        if metric.type not in ("Resource", "ContainerResource"):
            said.append(Remark(remarks.OTHER_METRIC, words))
        elif source.name != "cpu":
            said.append(Remark(remarks.MEMORY if source.name == "memory" else remarks.OTHER_METRIC, words))
        else:
            decided = True
            average = source.target.average_utilization
            if metric.type == "ContainerResource":
                said.append(Remark(remarks.ONE_CONTAINER, words))
            elif average is None:
                said.append(Remark(remarks.CPU_VALUE, words))
            else:
                found.append(average)
    return _demand(found, said, decided=decided, words=f"{one} has no cpu metric")


def of_scaled_object(one: Autoscaler, may_not: QueryProblem) -> Demand:
    """From a ScaledObject's triggers but cron, which `schedules` reads."""
    said: list[Remark] = []
    found: list[int] = []
    decided = False
    prometheus = []
    for i, trigger in enumerate(one.spec.triggers):
        words = f"spec.triggers[{i}]: {trigger}"
        if trigger.type == "prometheus":
            rule = remarks.PROMETHEUS if _per_pod(trigger) else remarks.PROMETHEUS_VALUE
            said.append(Remark(rule, f"{words}: {trigger.metadata.get('query', '')}"))
            prometheus.append((i, trigger))
        elif trigger.type == "cpu":
            decided = True
            percent, lost = _cpu_trigger(trigger)
            if lost is not None:
                said.append(Remark(lost, f"{words} {trigger.metadata.get('value', '')}"))
            else:
                found.append(percent)
        elif trigger.type != "cron":
            said.append(Remark(remarks.OTHER_TRIGGER, words))
    made = _demand(found, said, decided=decided, words=f"{one} has no cpu trigger")
    reactive = (made.utilization or {}).get("reactive", _REACTIVE)
    namespace = one.metadata.namespace
    lines: list[str] = []
    taken: set[str] = set()
    for i, trigger in prometheus:
        lines += suggested(i, trigger, reactive, namespace, may_not, taken)
        taken.add(_name(i, trigger, taken))
    return Demand(made.utilization, made.guard, made.said, (*_head(lines, decided=decided), *lines))


def suggested(
    number: int,
    trigger: Trigger,
    reactive: int,
    namespace: str,
    may_not: QueryProblem,
    taken: Collection[str] = (),
) -> Iterable[str]:
    """The entry of `metrics[]` that asks what a prometheus trigger asks, as lines of YAML.

    KEDA wants value / threshold replicas; Helios' reactive decision is value / (perReplica x reactive). Both are one where
    perReplica is threshold / reactive: what a replica serves at 100 %. Whom KEDA asks is said, as Helios asks its own Prometheus.
    """
    query, threshold = trigger.metadata.get("query", ""), trigger.metadata.get("threshold", "")
    if not _per_pod(trigger):
        return (
            f"# trigger {number} has metricType {trigger.metric_type}: what one replica serves is not known",
        )
    served = _served(threshold, reactive)
    if not query or served is None:
        return (f"# trigger {number} has no query, or no threshold that is a number",)
    refused = may_not(query, namespace)
    return (
        *((f"# {refused}",) if refused else ()),
        *_asked(trigger),
        f"- name: {_name(number, trigger, taken)}",
        f"  query: {json.dumps(query)}",
        f'  perReplica: "{served}"  # {threshold} at {reactive} %',
    )


def _name(number: int, trigger: Trigger, taken: Collection[str]) -> str:
    """Of the metric: the trigger's own in letters that may be, with its number where another one has that."""
    name = re.sub(r"\W+", "_", trigger.name or f"trigger_{number}", flags=re.ASCII)[:50]
    name = name if re.match(r"[a-zA-Z_]", name) and name not in ("cpu", "memory") else f"m_{name}"
    while name in taken:
        name += f"_{number}"
    return name


def _asked(trigger: Trigger) -> Iterable[str]:
    """Whom KEDA asks, without what may be secret, and by what the answer may be another than Helios' own Prometheus gives."""
    address = trigger.metadata.get("serverAddress", "")
    if not address:
        return ()
    ways = [name for name in _WAYS if trigger.metadata.get(name)]
    ways += ["authenticationRef"] if trigger.authentication_ref else []
    place = re.sub(r"//[^/@]*@", "//", address.split("?", maxsplit=1)[0])
    how = f" with {', '.join(ways)}" if ways else ""
    return (f"# KEDA asks {place}{how}, and Helios its own prometheus.url: see that both give one answer",)


def _per_pod(trigger: Trigger) -> bool:
    """Whether its threshold is for one pod, as KEDA's default is; under Value it is for all of them together."""
    return (trigger.metric_type or "AverageValue") == "AverageValue"


def _head(lines: Iterable[str], *, decided: bool) -> tuple[str, ...]:
    """What stands above the entries, if there are any: cpu beside them only where it decides today."""
    if not any(line.startswith("- ") for line in lines):
        return ()
    return (
        ("metrics:", "- name: cpu") if decided else ("metrics:  # without cpu, which does not decide today",)
    )


def _served(threshold: str, reactive: int) -> str | None:
    try:
        value = float(threshold) * 100 / reactive
    except ValueError:
        return None
    if not 1e-9 <= value < 1e15:
        return None
    return f"{value:.9f}".rstrip("0").rstrip(".")


def _demand(found: list[int], said: list[Remark], *, decided: bool, words: str) -> Demand:
    if not decided:
        return Demand(None, None, (*said, Remark(remarks.NO_CPU, words)))
    if not found:
        return Demand(None, None, tuple(said))
    target = min(found)  # the autoscaler takes the most replicas, which the lowest target wants
    line, guard, reactive = utilization(target)
    if target > 100:
        said = [*said, Remark(remarks.OVER_REQUEST, f"cpu at {target} % became {reactive} %")]
    elif line < _LINE:
        said = [*said, Remark(remarks.LINE, f"cpu at {target} %: max {line}, cpuGuard {guard}")]
    return Demand({"max": line, "reactive": reactive}, guard, tuple(said))


def _cpu_trigger(trigger: Trigger) -> tuple[int, Rule | None]:
    """Its percent, or why not; older ScaledObjects say the metric's type among the metadata."""
    if (trigger.metric_type or trigger.metadata.get("type")) != "Utilization":
        return 0, remarks.CPU_VALUE
    if trigger.metadata.get("containerName"):
        return 0, remarks.ONE_CONTAINER
    text = trigger.metadata.get("value", "")
    return (int(text), None) if re.fullmatch(r"[1-9][0-9]{0,8}", text) else (0, remarks.CPU_VALUE)


def _metric(metric: Metric) -> str:
    source = metric.source
    name: Any = source.name or source.metric.get("name", "")
    inside = f" of container {source.container}" if source.container else ""
    return f"{metric.type} {name}{inside} at {source.target}"
