"""Whether Helios' own gauges are in Prometheus as KEDA's triggers, the dashboards and the alerts read them.

Of targets that Helios has scored, as their status says; one that waits for its first cycle has no gauge, and no fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from helios.doctor import queries
from helios.doctor.checks import Seen, Skipped, counted, listed
from helios.doctor.findings import Finding, Severity
from helios.doctor.fleets import Fleet, Subject
from helios.doctor.stores import Store
from helios.sources.answers import Answer

Workload = tuple[str, str]
"""Namespace and name."""

_SCRAPE = """\
kubectl apply -k deploy/kustomize/overlays/prometheus-operator   # brings a PodMonitor; or a scrape_config:
- job_name: helios
  honor_labels: true
  kubernetes_sd_configs: [{role: pod, namespaces: {names: [helios]}}]
  relabel_configs:
    - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: http, action: keep}"""
_HONOR = """\
# the PodMonitor of Helios; in a scrape_config: honor_labels: true
spec:
  podMetricsEndpoints:
    - port: http
      honorLabels: true"""
_GOOGLE = """\
# PodMonitoring always overwrites namespace: use deploy/kustomize/overlays/gmp, which is
kind: ClusterPodMonitoring
spec:
  targetLabels: {metadata: []}"""


@dataclass(slots=True)
class Gauges:
    """What a store has of the scaling signal.

    Attributes:
        series: workload -> how many series.
        fresh: those of which one has not expired.
        renamed: those whose namespace a scrape has renamed to `exported_namespace`.
    """

    series: dict[Workload, float] = field(default_factory=dict)
    fresh: set[Workload] = field(default_factory=set)
    renamed: set[Workload] = field(default_factory=set)

    @classmethod
    def of(cls, answer: Answer) -> Gauges:
        """From the answer to `queries.gauges`.

        Raises:
            ValueError, TypeError, IndexError: a sample is not `[time, "value"]`.
        """
        found = cls()
        for item in answer:
            labels: Mapping[str, str] = item["metric"]
            exported = labels.get("exported_namespace", "")
            workload = (exported or labels.get("namespace", ""), labels.get("deployment", ""))
            if labels.get("part") == "fresh":
                found.fresh.add(workload)
                continue
            found.series[workload] = found.series.get(workload, 0) + float(item["value"][1])
            if exported:
                found.renamed.add(workload)
        return found


def scraped(store: Store, fleet: Fleet) -> Seen:
    """Whether the gauges of every scored target are there, once, fresh, and under their own labels.

    Raises:
        Skipped: no target was scored yet.
        QueryFailed: the store cannot be asked.
    """
    scored = [one for one in fleet.subjects if one.scored is not False]
    if not scored:
        raise Skipped("no target has been scored yet: there is no gauge to look for")
    gauges = store.client.instant("scaling signals", queries.gauges(), Gauges.of)
    known = sum((one.namespace, one.name) in gauges.fresh for one in scored)
    said = f"{store.url} has fresh gauges of {known} of {counted(len(scored), 'scored target')}"
    return Seen(said, tuple(_findings(store, scored, gauges)))


def _findings(store: Store, scored: list[Subject], gauges: Gauges) -> Iterator[Finding]:
    wanted = {(one.namespace, one.name): one for one in scored}
    lost = [one for place, one in wanted.items() if place not in gauges.series]
    bad = Severity.ERROR if any(one.switched for one in lost) else Severity.WARNING
    if not gauges.series:
        yield Finding(
            rule="gauges-not-scraped",
            severity=bad,
            where=store.where,
            what=f"KEDA, the dashboards and the alerts find nothing of Helios: helios_scaling_signal has no series, and "
            f"{counted(len(scored), 'target')} should have one",
            why="this Prometheus does not scrape port 8080 of helios' pod, or cannot reach it",
            remedy=_SCRAPE,
        )
        return
    spaces = {one.namespace for one in scored}
    overwritten = [one for one in lost if any(n == one.name and s not in spaces for s, n in gauges.series)]
    if overwritten:
        yield Finding(
            rule="gauges-namespace-overwritten",
            severity=bad,
            where=store.where,
            what=f"triggers, dashboards and alerts find no gauge of {listed(_named(overwritten))}",
            why="the scrape has put a namespace of its own over the gauges' label namespace",
            remedy=_GOOGLE,
        )
    elif lost:
        yield Finding(
            rule="gauges-missing",
            severity=bad,
            where=store.where,
            what=f"KEDA falls back: helios_scaling_signal has no series of {listed(_named(lost))}",
            why="Helios has scored them, and this Prometheus scrapes another Helios, has scraped this one too long ago, or drops "
            "some of its series (sampleLimit, metricRelabelings)",
            remedy="kubectl -n helios port-forward helios-0 8080 & curl -s localhost:8080/metrics | grep helios_scaling_signal",
        )
    renamed = [wanted[place] for place in sorted(gauges.renamed & wanted.keys())]
    if renamed:
        yield Finding(
            rule="gauges-exported-namespace",
            severity=Severity.WARNING,
            where=store.where,
            what="dashboards, alerts and queries of your own find no gauge by its namespace; the triggers that Helios writes do: "
            f"{listed(_named(renamed))}",
            why="Helios is scraped without honorLabels: true, so the gauges' label namespace is called exported_namespace",
            remedy=_HONOR,
        )
    stale = [one for place, one in wanted.items() if place in gauges.series and place not in gauges.fresh]
    if stale:
        yield Finding(
            rule="gauges-expired",
            severity=Severity.ERROR if any(one.switched for one in stale) else Severity.WARNING,
            where=store.where,
            what=f"KEDA falls back: the reports have expired of {listed(_named(stale))}",
            why="Helios has not scored them for three cycles and something still repeats the old gauges: a hung process, a proxy, a "
            "Pushgateway, or a recording rule",
            remedy="kubectl -n helios logs helios-0 --container operator --tail=50",
        )
    twice = [one for place, one in wanted.items() if gauges.series.get(place, 0) > 1]
    if twice:
        yield Finding(
            rule="gauges-twice",
            severity=Severity.WARNING,
            where=store.where,
            what=f"of two signals for one workload KEDA takes the larger: {listed(_named(twice))}",
            why="two scrape jobs find the same pod, or two operators without a lease between them score the same targets",
            remedy="count by (job, instance) (helios_scaling_signal)   # in Prometheus; of two operators: "
            "kubectl get pods -A -l app.kubernetes.io/name=helios",
        )


def _named(subjects: list[Subject]) -> list[str]:
    return [str(one) for one in subjects]
