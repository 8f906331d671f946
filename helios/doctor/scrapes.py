"""Whether what Helios reads is in Prometheus, with the labels it has in the kubelets and in kube-state-metrics.

Of the namespaces of the fleet alone, and only where pods run: a workload at zero has no samples, and no fault. One cause is one
finding, however many metrics and namespaces it costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from helios.doctor import queries
from helios.doctor.checks import Seen, counted, listed
from helios.doctor.findings import Finding, Severity
from helios.doctor.grounds import Ground
from helios.sources.answers import parts
from helios.sources.recipes import WELL_KNOWN, Selection

Parts = Mapping[str, Mapping[str, float]]
"""Namespace -> part -> how many series."""
Lacks = dict[str, list[str]]
"""Namespace -> metrics."""

_HONOR = """\
# the ServiceMonitor of {who}; in a scrape_config: honor_labels: true
spec:
  endpoints:
    - port: {port}
      honorLabels: true"""
_CADVISOR = """\
# the ServiceMonitor of the kubelets; in a scrape_config: metrics_path: /metrics/cadvisor
spec:
  endpoints:
    - port: https-metrics
      scheme: https
      path: /metrics/cadvisor
      honorLabels: true
      bearerTokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token"""


def present(ground: Ground) -> Seen:
    """Whether the metrics that cpu and memory are read from are there, and which recipe they allow.

    Raises:
        Skipped: no workload runs.
        QueryFailed: the store cannot be asked.
    """
    spaces = ground.spaces()
    signs: dict[str, Mapping[str, float]] = {}
    for answer in ground.answers("signs of a wrong scrape", queries.signs, parts):
        signs |= answer
    recipes = ", ".join(f"{metric} by the {ground.family(metric)} recipe" for metric in WELL_KNOWN)
    said = f"metrics of {counted(len(spaces), 'namespace')}: {recipes}"
    return Seen(said, (*_usage(ground, signs), *_state(ground, signs)))


def _usage(ground: Ground, signs: Parts) -> Iterable[Finding]:
    """What is wrong with the kubelets' cAdvisor."""
    lacks = _lacks(ground, "cAdvisor")
    renamed = _those_with("exported_usage", lacks, signs)
    if renamed:
        yield _exported(ground, "the kubelets", "https-metrics", "container_cpu_usage_seconds_total", renamed)
    elif lacks and (_those_with("bare_usage", lacks, signs) or _is_unlabelled(ground)):
        yield Finding(
            rule="prometheus-cadvisor-labels",
            severity=Severity.ERROR,
            where=ground.store.where,
            what=f"cpu and memory cannot be read: {listed(sorted(lacks))}",
            why="cAdvisor's series lack the labels namespace, pod or container: it runs on its own, or is older than "
            "Kubernetes 1.16, or metricRelabelings drop them",
            remedy=_CADVISOR,
        )
    elif lacks:
        yield _missing(ground, "the kubelets' cAdvisor is", lacks, _CADVISOR)


def _state(ground: Ground, signs: Parts) -> Iterable[Finding]:
    """What is wrong with kube-state-metrics."""
    lacks = _lacks(ground, "kube-state-metrics")
    renamed = _those_with("exported_owner", lacks, signs)
    if renamed:
        yield _exported(ground, "kube-state-metrics", "http", "kube_pod_owner", renamed)
        return
    for namespace, metrics in _untold(ground, signs).items():
        lacks[namespace] = [*lacks.get(namespace, ()), *metrics]
    if lacks:
        told = ", ".join(_metrics(lacks))
        honor = _HONOR.format(who="kube-state-metrics", port="http")
        remedy = f"{honor}\n# it must tell {told}: see --resources, --metric-allowlist, metricRelabelings"
        yield _missing(ground, "kube-state-metrics is", lacks, remedy)


def _lacks(ground: Ground, who: str) -> Lacks:
    found = {namespace: ground.lacks(who, namespace) for namespace in ground.spaces()}
    return {namespace: metrics for namespace, metrics in found.items() if metrics}


def _untold(ground: Ground, signs: Parts) -> Lacks:
    """What else kube-state-metrics should tell of the workloads that run: their replicas and requests."""
    lacks: dict[str, set[str]] = {}
    for one in ground.running:
        there, wanted = signs.get(one.namespace, {}), lacks.setdefault(one.namespace, set())
        if one.kind in queries.REPLICAS and one.kind not in there:
            wanted.add(queries.REPLICAS[one.kind])
        if one.requested and "requests" not in there:
            wanted.add(queries.REQUESTS)
    return {namespace: sorted(metrics) for namespace, metrics in lacks.items() if metrics}


def _missing(ground: Ground, who: str, lacks: Lacks, remedy: str) -> Finding:
    everywhere = len(lacks) == len(ground.spaces())
    whose = "any namespace of the fleet" if everywhere else f"namespaces {listed(sorted(lacks))}"
    return Finding(
        rule="prometheus-metrics-missing",
        severity=Severity.ERROR,
        where=ground.store.where,
        what=f"there are no series of {whose}: {', '.join(_metrics(lacks))}",
        why=f"{who} not scraped by this Prometheus{'' if everywhere else ', or not of these namespaces'}; or it is the "
        "Prometheus of another cluster, or prometheus.matchers matches nothing",
        remedy=remedy,
    )


def _exported(ground: Ground, who: str, port: str, metric: str, namespaces: list[str]) -> Finding:
    return Finding(
        rule="prometheus-exported-namespace",
        severity=Severity.ERROR,
        where=ground.store.where,
        what=f"{metric} is stored under exported_namespace, and not found by namespace: {listed(namespaces)}",
        why=f"{who} {'are' if who.startswith('the') else 'is'} scraped without honorLabels: true, so the scrape's own "
        "namespace and pod take the place of theirs",
        remedy=_HONOR.format(who=who, port=port),
    )


def _metrics(lacks: Lacks) -> list[str]:
    return sorted({metric for metrics in lacks.values() for metric in metrics})


def _those_with(part: str, lacks: Lacks, signs: Parts) -> list[str]:
    return sorted(namespace for namespace in lacks if part in signs.get(namespace, {}))


def _is_unlabelled(ground: Ground) -> bool:
    """Whether there is a cAdvisor that knows nothing of Kubernetes, or by names that it gave up long ago."""
    query = queries.unlabelled(Selection((), (), ground.matchers))
    return bool(ground.store.client.instant("cAdvisor without labels", query, parts))
