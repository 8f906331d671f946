"""Scrapes of Helios that rename the label `namespace` of its gauges: queries that ask for it then find nothing."""

from __future__ import annotations

from collections.abc import Iterator

from helios.doctor import rules
from helios.doctor.findings import Finding
from helios.doctor.manifests import Manifest, items, part
from helios.doctor.remedies import pasted

_LISTS = {"ServiceMonitor": "endpoints", "PodMonitor": "podMetricsEndpoints"}


def lints(manifest: Manifest) -> Iterator[Finding]:
    """A monitor that selects Helios and does not keep its labels."""
    labels = part(manifest.spec, "selector", "matchLabels")
    if labels.get("app.kubernetes.io/name", labels.get("app")) != "helios":
        return
    what = (
        "Every workload's gauges bear the namespace of Helios; a query for the workload's own finds nothing."
    )
    field = _LISTS.get(manifest.kind)
    if field is None:
        everywhere = manifest.kind == "ClusterPodMonitoring"
        added = part(manifest.spec, "targetLabels").get("metadata")
        if everywhere and isinstance(added, list) and "namespace" not in added:
            return
        yield rules.SCRAPE.found(
            manifest.where,
            what,
            "ClusterPodMonitoring overwrites the label namespace, unless targetLabels.metadata leaves it out."
            if everywhere
            else "PodMonitoring always overwrites the label namespace, and renames ours to exported_namespace.",
            pasted(
                {
                    "apiVersion": "monitoring.googleapis.com/v1",
                    "kind": "ClusterPodMonitoring",
                    "metadata": {"name": manifest.name},
                    "spec": {**manifest.spec, "targetLabels": {"metadata": []}},
                }
            ),
        )
        return
    endpoints = items(manifest.spec, field)
    if any(one.get("honorLabels") is not True for one in endpoints):
        yield rules.SCRAPE.found(
            manifest.where,
            what,
            "honorLabels is not true, so the scrape's own namespace wins and ours becomes exported_namespace.",
            pasted({"spec": {field: [{**one, "honorLabels": True} for one in endpoints]}}),
        )
