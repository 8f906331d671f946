"""The PromQL of the doctor: what tells a scrape that is wrong from a fleet that is quiet. Text only; each is one instant query.

Metric names are exact, and every selector names the fleet's namespaces: Managed Prometheus matches no others, and a large
store is not counted through for a look.
"""

from __future__ import annotations

from dataclasses import replace

from helios.sources.recipes import (
    IRATE_RULE,
    OWNER_RULE,
    RATE_RULE,
    Family,
    Selection,
)
from scoring.gauges import EXPIRES, SIGNAL

CLOCK = "vector(time())"
"""1 element, whatever is stored: the server's own time."""

USAGE = "container_cpu_usage_seconds_total"
OWNER = "kube_pod_owner"
REQUESTS = "kube_pod_container_resource_requests"
REPLICAS = {
    "Deployment": "kube_deployment_status_replicas",
    "StatefulSet": "kube_statefulset_status_replicas",
    "DaemonSet": "kube_daemonset_status_current_number_scheduled",
}

WINDOWS = 2
"""Samples are counted over so many windows, so that one scrape more or less says little."""
LOOKED_WINDOWS = 6
"""The best count of so many windows tells: while Prometheus was away nothing was scraped, however often it is."""
SLICES = 84
"""A history is looked at in so many places: every two hours of a week."""


def usage_metric(family: Family) -> str:
    """The metric that a recipe reads cpu from."""
    return {Family.RAW: USAGE, Family.MIXIN: RATE_RULE, Family.MIXIN_IRATE: IRATE_RULE}[family]


def owner_metric(family: Family) -> str:
    """The metric that it finds a pod's workload by."""
    return OWNER if family is Family.RAW else OWNER_RULE


def signs(selection: Selection) -> str:
    """What a wrong scrape leaves behind, and what `presence` does not ask for; by namespace and `part`.

    `exported_owner` and `exported_usage`: the namespace has become `exported_namespace`; `bare_usage`: cAdvisor's series
    are there, without the label `container`; `requests` and one part for each kind of workload: kube-state-metrics has them.
    """
    found = {
        "exported_owner": _exported(OWNER, selection),
        "exported_usage": _exported(USAGE, selection),
        "bare_usage": _counted(selection.of(USAGE, 'container=""')),
        "requests": _counted(selection.of(REQUESTS, 'resource="cpu"')),
        **{kind: _counted(selection.of(metric)) for kind, metric in REPLICAS.items()},
    }
    return _parts(found)


def unlabelled(selection: Selection) -> str:
    """How many of cAdvisor's series have no namespace at all: those of cgroups that are no pod's, or of a cAdvisor without Kubernetes."""
    anywhere = replace(selection, namespaces=(), workloads=())
    old = _of_all(USAGE, anywhere, 'namespace=""', 'pod_name!=""')
    alone = _of_all(USAGE, anywhere, 'namespace=""', 'container_label_io_kubernetes_pod_namespace!=""')
    return _parts({"old_labels": f"count({old})", "standalone": f"count({alone})"})


def clusters(selection: Selection, family: Family) -> str:
    """How many series of each namespace each value of the label `cluster` has."""
    owners = selection.of(owner_metric(family), 'cluster!=""')
    return f"count by (namespace, cluster) ({owners})"


def samples(selection: Selection, family: Family, window: float) -> str:
    """How many samples a container's usage has in `WINDOWS` windows, in the median; of those that are so old and still there."""
    usage, seconds, step = selection.of(usage_metric(family)), round(WINDOWS * window), round(window)
    counts = f"max_over_time(count_over_time({usage}[{seconds}s])[{LOOKED_WINDOWS * step}s:{step}s])"
    return f"quantile(0.5, {counts} and {usage} offset {seconds}s and {usage})"


def history(selection: Selection, family: Family, seconds: float, step: float) -> str:
    """Since when usage, and owners of pods, are there within the last `seconds`, looked at every `step`.

    UNIX seconds; `part` says of which of the two.
    """
    found = {}
    for part, metric in (("usage", usage_metric(family)), ("owner", owner_metric(family))):
        there = f"vector(time()) and on () count({selection.of(metric)})"
        found[part] = f"min_over_time(({there})[{round(seconds)}s:{round(step)}s])"
    return _parts(found)


def retention() -> str:
    """How long a Prometheus that scrapes itself keeps samples, in seconds; newer ones alone say so."""
    return "max(prometheus_tsdb_retention_limit_seconds)"


def gauges() -> str:
    """Helios' scaling signals by workload: how many series of each there are, and how many of them are fresh.

    The second is what a generated trigger reads of all workloads at once.
    """
    by = "namespace, exported_namespace, deployment"
    fresh = f"{SIGNAL.name} and ({EXPIRES.name} > time())"
    return _parts({"all": f"count by ({by}) ({SIGNAL.name})", "fresh": f"count by ({by}) ({fresh})"})


def _exported(metric: str, selection: Selection) -> str:
    """Series whose namespace a scrape has renamed, counted under their own."""
    matcher = selection.of(metric).replace("namespace=~", "exported_namespace=~", 1)
    return f'label_replace(count by (exported_namespace) ({matcher}), "namespace", "$1", "exported_namespace", "(.*)")'


def _counted(selector: str) -> str:
    return f"count by (namespace) ({selector})"


def _of_all(metric: str, selection: Selection, *matchers: str) -> str:
    own = [f'{label}="{value}"' for label, value in sorted(selection.matchers.items())]
    return f"{metric}{{{','.join((*matchers, *own))}}}"


def _parts(found: dict[str, str]) -> str:
    """Several answers in one, told apart by the label `part`."""
    return " or ".join(
        f'label_replace({query}, "part", "{part}", "namespace", ".*")' for part, query in found.items()
    )
