"""Which recipe a namespace's metrics allow, and what is missing where one finds nothing.

Asks with `/query` alone (Managed Prometheus offers little else), remembers the answer, and asks again now and then:
recording rules come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from helios.sources.answers import parts
from helios.sources.clients import Client
from helios.sources.recipes import Family, presence
from helios.sources.shards import selections
from scoring.panels import Series

_NOTHING: Mapping[str, float] = {}
_RAW_OWNERS = "pod_owner"


class Families:
    """The state of each namespace's metrics, remembered for `recheck_seconds`.

    Args:
        client: the door to Prometheus.
        matchers: labels that every metric must carry besides.
        recheck_seconds: how long an answer is believed.
        clock: seconds that only move forward.
    """

    def __init__(
        self, client: Client, matchers: Mapping[str, str], recheck_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._matchers = matchers
        self._recheck = recheck_seconds
        self._clock = clock
        self._parts: dict[str, Mapping[str, float]] = {}
        self._asked: dict[str, float] = {}

    def look(self, namespaces: Iterable[str], at: float | None) -> None:
        """Ask about the namespaces that are new or were asked about long ago.

        Raises:
            QueryFailed: Prometheus cannot answer.
        """
        now = self._clock()
        old = sorted(one for one in set(namespaces) if now - self._asked.get(one, -1e18) >= self._recheck)
        for selection in selections(((one, "") for one in old), presence, self._matchers):
            found = self._client.instant("presence of metrics", presence(selection), parts, at)
            for namespace in selection.namespaces:
                self._parts[namespace] = found.get(namespace, _NOTHING)
                self._asked[namespace] = now

    def parts(self, namespace: str) -> Mapping[str, float]:
        """What `look` found of a namespace: part -> how many series, as `recipes.presence` names them."""
        return self._parts.get(namespace, _NOTHING)

    def family(self, metric: str, namespaces: Iterable[str]) -> Family:
        """The recipe for `metric` (or `owner`: only the join of pods to workloads) over these namespaces.

        The mixin's rules are taken where they cover every namespace that has the raw metrics.
        """
        seen = [self._parts.get(one, _NOTHING) for one in namespaces]
        rules = {
            "cpu": ((Family.MIXIN, "rate_rule"), (Family.MIXIN_IRATE, "irate_rule")),
            "memory": ((Family.MIXIN, "memory_rule"),),
            "owner": ((Family.MIXIN, "owner_rule"),),
        }[metric]
        raw = _RAW_OWNERS if metric == "owner" else metric
        for family, rule in rules:
            ruled = [{"owner_rule", rule} <= one.keys() for one in seen]
            needed = [{raw, _RAW_OWNERS} <= one.keys() for one in seen]
            covered = all(has or not need for has, need in zip(ruled, needed, strict=True))
            if covered and any(ruled):
                return family
        return Family.RAW

    def missing(self, series: Series) -> str:
        """Why the recipe may find nothing for a well-known series: what its namespace lacks, and what to do."""
        found = self._parts.get(series.namespace, _NOTHING)
        lacks = [
            sentence
            for kinds, (needed, sentence) in _NEEDS.items()
            if series.metric in kinds or series.kind in kinds
            if not found.keys() & needed
        ]
        if not found:
            return _NO_NAMESPACE.format(series.namespace)
        if lacks:
            return lacks[0].format(f"namespace {series.namespace}")
        return _NO_PODS.format(series.kind, series.namespace, series.deployment, series.metric)


_NEEDS = {
    ("cpu",): (
        {"cpu", "rate_rule", "irate_rule"},
        "no container_cpu_usage_seconds_total for {}: scrape the kubelets' /metrics/cadvisor",
    ),
    ("memory",): (
        {"memory", "memory_rule"},
        "no container_memory_working_set_bytes for {}: scrape the kubelets' /metrics/cadvisor",
    ),
    ("cpu", "memory"): (
        {"pod_owner", "owner_rule"},
        "no kube_pod_owner for {}: scrape kube-state-metrics, with honorLabels: true",
    ),
    ("Deployment",): (
        {"replicaset_owner", "owner_rule"},
        "no kube_replicaset_owner for {}: let kube-state-metrics watch replicasets",
    ),
}
_NO_NAMESPACE = (
    "neither cAdvisor nor kube-state-metrics has series for namespace {}: is the name right, and is this the "
    "Prometheus of that cluster? (kube-state-metrics scraped without honorLabels says exported_namespace)"
)
_NO_PODS = "no pod of {} {}/{} has {} samples: is the name right, and does it run any?"
