"""A Prometheus in few lines: knows what each workload uses, answers the recipes, and can be told to fail.

It reads of a query only which metric it is about; that the recipes themselves are right is tested with promtool and a
real server.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.sources.web_servers import Reply, Request, result

Value = Callable[[float], float | None]
RAW = ("cpu", "memory", "pod_owner", "replicaset_owner")


@dataclass
class FakePrometheus:
    """Answers requests.

    Attributes:
        demand: (metric, namespace, name) -> value at a time, None for no sample.
        own: a target's own query -> its series, or a reply as it is.
        parts: what `presence` finds in each namespace.
        state: name of a fact -> (namespace, name) -> value.
        held: `(sign, namespace, name)` -> value at a time, for the ceilings.
        broken: substring of a query -> a reply instead.
        kind: of all workloads.
    """

    demand: dict[tuple[str, str, str], Value] = field(default_factory=dict)
    own: dict[str, Sequence[tuple[Mapping[str, str], Value]] | Reply] = field(default_factory=dict)
    parts: Sequence[str] = RAW
    state: dict[str, dict[tuple[str, str], float]] = field(default_factory=dict)
    held: dict[tuple[str, str, str], Value] = field(default_factory=dict)
    broken: dict[str, Callable[[], Reply]] = field(default_factory=dict)
    kind: str = "Deployment"

    def __call__(self, request: Request) -> Reply:
        query = request.query
        for part, reply in self.broken.items():
            if part in query:
                return reply()
        if query in self.own:
            answer = self.own[query]
            return answer if isinstance(answer, Reply) else self._matrix(request, answer)
        if '"part"' in query:
            return self._presence(query)
        if request.path.endswith("query_range"):
            return self._range(request)
        return self._instant(query)

    def _range(self, request: Request) -> Reply:
        query = request.query
        if '"sign"' in query:
            held = [
                ({**self._labels(space, name), "sign": sign}, value)
                for (sign, space, name), value in self.held.items()
            ]
            return self._matrix(request, held)
        metric = "cpu" if "cpu_usage" in query else "memory"
        chosen = [
            (self._labels(space, name), value)
            for (what, space, name), value in self.demand.items()
            if what == metric and space in _namespaces(query)
        ]
        return self._matrix(request, chosen)

    def _instant(self, query: str) -> Reply:
        facts = {
            "kube_deployment_status_replicas": "replicas",
            "kube_pod_status_ready_time": "starts",
            'resource_requests{namespace=~"': "requests",
            'resource_limits{namespace=~"': "limits",
        }
        fact = next(name for part, name in facts.items() if part in query)
        found = re.search(r'resource="(\w+)"', query)
        values = self.state.get(f"{fact} {found[1]}" if found else fact, {})
        return result(
            "vector",
            [
                {"metric": self._labels(space, name), "value": [0, repr(value)]}
                for (space, name), value in values.items()
            ],
        )

    def _presence(self, query: str) -> Reply:
        have = {space for _, space, _ in self.demand}
        return result(
            "vector",
            [
                {"metric": {"namespace": space, "part": part}, "value": [0, "3"]}
                for space in sorted(_namespaces(query) & have)
                for part in self.parts
            ],
        )

    def _labels(self, namespace: str, name: str) -> dict[str, str]:
        return {"namespace": namespace, "owner_kind": self.kind, "owner_name": name}

    def _matrix(self, request: Request, series: Sequence[tuple[Mapping[str, str], Value]]) -> Reply:
        start, end, step = (float(request.parameters[name]) for name in ("start", "end", "step"))
        times = [start + i * step for i in range(round((end - start) / step) + 1)]
        answer = []
        for labels, value in series:
            samples = [[when, _text(one)] for when in times if (one := value(when)) is not None]
            if samples:
                answer.append({"metric": dict(labels), "values": samples})
        return result("matrix", answer)


def _namespaces(query: str) -> set[str]:
    found = re.search(r'namespace=~"([^"]*)"', query)
    return set(found[1].replace("\\", "").split("|")) if found else set()


def _text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return ("+Inf" if value > 0 else "-Inf") if math.isinf(value) else repr(value)
