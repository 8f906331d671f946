"""Whether the samples of the fleet's workloads are what a forecast can stand on: there, of one cluster, often enough, for long enough.

What is lacking as a whole is told by `scrapes`; here it is about workloads whose metrics are there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from helios.doctor import queries
from helios.doctor.checks import Seen, Skipped, counted, listed
from helios.doctor.findings import Finding, Severity
from helios.doctor.fleets import Subject
from helios.doctor.grounds import NEEDS, Ground
from helios.sources.answers import Answer, key, vector
from helios.sources.clients import QueryFailed
from helios.sources.recipes import WELL_KNOWN, Family, Selection, demand

LEAST_SAMPLES = 3.5
"""In a window: four, with some grace for scrapes that come late."""
DEFAULT_RETENTION = "15d"
"""Of a Prometheus whose flags name neither time nor size."""

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_DURATION = re.compile(rf"({_PART.pattern})+")


def joined(ground: Ground) -> Seen:
    """Whether every workload that runs has samples of its own, by the very queries of the scoring loop.

    Raises:
        Skipped: no workload runs.
        QueryFailed: the store cannot be asked.
    """
    complete = {
        namespace for namespace in ground.spaces() if not any(ground.lacks(who, namespace) for who in NEEDS)
    }
    running = [one for one in ground.running if one.namespace in complete]
    if not running:
        raise Skipped("no namespace has all metrics: see prometheus-metrics")
    silent: dict[Subject, list[str]] = {}
    for metric in WELL_KNOWN:
        render = partial(_demand, ground.family(metric), metric, ground.window)
        names = [(one.namespace, one.name) for one in running]
        known = {
            found for answer in ground.answers(f"{metric} demand", render, vector, names) for found in answer
        }
        for one in running:
            if key(one.namespace, one.kind, one.name) not in known:
                silent.setdefault(one, []).append(metric)
    said = f"{len(running) - len(silent)} of {counted(len(running), 'running workload')} have samples"
    if not silent:
        return Seen(said)
    first, metrics = next(iter(silent.items()))
    finding = Finding(
        rule="prometheus-workload-without-samples",
        severity=Severity.ERROR,
        where=ground.store.where,
        what=f"nothing can be forecast: no sample of {' or '.join(metrics)} finds its way to "
        f"{listed([str(one) for one in silent])}",
        why="their namespaces have the metrics: so these pods are not scraped, or kube_pod_owner and kube_replicaset_owner do "
        "not lead from them to the workload (kube-state-metrics lacks a shard, a namespace or a resource)",
        remedy=f"kubectl -n {first.namespace} get pods -o wide   # do they run, and on which nodes? then, in Prometheus:\n"
        f'count by (owner_kind, owner_name) (kube_pod_owner{{namespace="{first.namespace}"}})\n'
        f'count by (node, pod) (container_cpu_usage_seconds_total{{namespace="{first.namespace}",container!=""}})',
    )
    return Seen(said, (finding,))


def single(ground: Ground) -> Seen:
    """Whether each namespace is one cluster's: what several clusters store under one name would be added up.

    Raises:
        Skipped: no workload runs.
        QueryFailed: the store cannot be asked.
    """
    found: dict[str, set[str]] = {}
    render = partial(queries.clusters, family=ground.family("owner"))
    for answer in ground.answers("clusters of a namespace", render, _clusters):
        for namespace, cluster in answer:
            found.setdefault(namespace, set()).add(cluster)
    mixed = sorted(namespace for namespace, names in found.items() if len(names) > 1)
    if not mixed:
        return Seen("no namespace is stored of more than one cluster")
    names = sorted(found[mixed[0]])
    finding = Finding(
        rule="prometheus-several-clusters",
        severity=Severity.ERROR,
        where=ground.store.where,
        what=f"demand of workloads of one name is added up over clusters, in {listed(mixed)}",
        why=f"the store holds {listed(names)}, and prometheus.matchers names none of them",
        remedy=f"prometheus:\n  matchers: {{cluster: {names[0]}}}   # the one that this operator lives in",
    )
    return Seen(f"{counted(len(mixed), 'namespace')} of more than one cluster", (finding,))


def frequent(ground: Ground) -> Seen:
    """Whether usage is scraped often enough for the window it is averaged over.

    Raises:
        Skipped: no workload runs, or none has done so for long enough.
        QueryFailed: the store cannot be asked.
    """
    family, window = ground.family("cpu"), ground.window
    render = partial(queries.samples, family=family, window=window)
    counts = [one for answer in ground.answers("samples per window", render, _values) for one in answer]
    if not counts:
        raise Skipped("no container has been scraped for long enough to tell how often")
    # one less: so many intervals lie between them, and a window of Prometheus 2 holds both of its ends
    each = max(1.0, min(counts) - 1) / queries.WINDOWS
    interval = window / each
    said = f"usage is sampled about every {interval:.3g} s, for windows of {window:g} s"
    # a rule of the mixin is a rate already: one in each step is enough
    if each >= (1.0 if family is Family.MIXIN else LEAST_SAMPLES):
        return Seen(said)
    gaps = each < 2
    finding = Finding(
        rule="prometheus-scrape-too-coarse",
        severity=Severity.ERROR if gaps else Severity.WARNING,
        where=ground.store.where,
        what="cpu demand has gaps" if gaps else "cpu demand is noisy, and has a gap where a scrape is missed",
        why=f"a container has {each:.2g} samples in a window of {window:g} s: rate() needs two, and four to survive a missed scrape",
        remedy=f"prometheus:\n  window_seconds: {round(4 * interval)}\n"
        f"# or scrape the kubelets every {max(1, round(window / 4))} s",
    )
    return Seen(said, (finding,))


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a store keeps samples.

    Attributes:
        seconds: None where it does not say.
        by_size: whether a limit of size may forget them sooner.
    """

    seconds: float | None = None
    by_size: bool = False


def remembered(ground: Ground, seconds: float, step: float) -> Seen:
    """Whether the history that Helios reads is kept: a young Prometheus is no fault, one that forgets too early is.

    Args:
        ground: whom and what to ask.
        seconds: how far back Helios reads.
        step: of its grid.

    Raises:
        Skipped: no workload runs.
        QueryFailed: the store cannot be asked.
    """
    retention = _retention(ground)
    slice_ = max(step, seconds / queries.SLICES)
    render = partial(queries.history, family=ground.family("cpu"), seconds=seconds, step=slice_)
    firsts: dict[str, float] = {}
    for answer in ground.answers("history", render, _firsts):
        for part, first in answer.items():
            firsts[part] = min(first, firsts.get(part, first))
    now = ground.store.client.instant("the server's time", queries.CLOCK, _values)[0]
    wanted = _span(seconds)
    # between two looks there may be samples that none of them met
    first = max(firsts.values()) if len(firsts) == 2 else now
    there = min(seconds, now - first + slice_)
    whole = now - first >= seconds - 2 * slice_
    said = f"{wanted if whole else _span(there)} of {wanted} are there"
    if retention.seconds is not None and retention.seconds < seconds:
        return Seen(said, (_forgets(ground, retention.seconds, seconds, there),))
    if whole:
        return Seen(said)
    if retention.seconds is None:
        return Seen(f"{said}; whether it is young or forgets, it does not tell: keep at least {wanted}")
    limit = ", unless its limit of size forgets sooner" if retention.by_size else ""
    return Seen(f"{said}; it keeps {_span(retention.seconds)}, so the rest comes with time{limit}")


def _forgets(ground: Ground, kept: float, seconds: float, there: float) -> Finding:
    return Finding(
        rule="prometheus-retention-short",
        severity=Severity.WARNING,
        where=ground.store.where,
        what=f"Helios finds {_span(there)} of the {_span(seconds)} that it reads after a restart without a snapshot, and never more "
        f"than {_span(kept)}",
        why=f"Prometheus forgets after {_span(kept)}, and scoring.history_seconds is {seconds:g}",
        remedy=f"prometheus --storage.tsdb.retention.time={max(1, -(-round(seconds) // 86_400) + 1)}d\n"
        "# Prometheus resource of the prometheus-operator: spec.retention",
    )


def _retention(ground: Ground) -> Retention:
    """By its flags, or by its own metrics where it scrapes itself; unknown behind Thanos, Mimir, Google and others."""
    client = ground.store.client
    flags = client.flags()
    time = flags.get("storage.tsdb.retention.time", "")
    size = flags.get("storage.tsdb.retention.size", "0B")
    by_size = size not in ("", "0", "0B")
    told = _seconds(time)
    if told is not None:
        if told == 0 and not by_size:
            told = _seconds(DEFAULT_RETENTION)
        return Retention(told or None, by_size)
    try:
        values = client.instant("retention", queries.retention(), _values)
    except QueryFailed:
        values = []
    return Retention(values[0] if values and values[0] > 0 else None)


def _seconds(duration: str) -> float | None:
    """`1w2d` in seconds; None where it is no duration of Prometheus'."""
    if not _DURATION.fullmatch(duration):
        return None
    return float(sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(duration)))


def _span(seconds: float) -> str:
    """`38 h`, or minutes where that says little."""
    return f"{seconds / 3600:.0f} h" if seconds >= 2 * 3600 else f"{seconds / 60:.0f} min"


def _demand(family: Family, metric: str, window: float, selection: Selection) -> str:
    return demand(family, metric, selection, window)


def _clusters(answer: Answer) -> list[tuple[str, str]]:
    return [(item["metric"].get("namespace", ""), item["metric"].get("cluster", "")) for item in answer]


def _values(answer: Answer) -> list[float]:
    return [float(item["value"][1]) for item in answer]


def _firsts(answer: Answer) -> Mapping[str, float]:
    return {item["metric"].get("part", ""): float(item["value"][1]) for item in answer}
