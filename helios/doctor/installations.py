"""Whether what Helios works with is installed and works: the API server, KEDA, and the two metrics APIs of the HPA.

By what the API server tells everybody: discovery and the published schemas; the operator's own rights suffice for all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from helios.doctor.checks import Seen, Skipped
from helios.doctor.findings import Finding, Severity
from helios.errors import ClusterError, ClusterMissing, ClusterUnreachable
from helios.operator import scaledobjects
from helios.operator.clusters import Cluster

LEAST_KEDA = (2, 19)
"""Before it KEDA's own loop knows no fallback (kedacore/keda#7239)."""
EXTERNAL, RESOURCE = "external.metrics.k8s.io/v1beta1", "metrics.k8s.io/v1beta1"

_MARK = ("status", "triggersActivity")
"""A field that ScaledObjects have since 2.19 (kedacore/keda#7347)."""
_VERSION = re.compile(r"v?(\d+)\.(\d+)(\.\d+)?")


def answering(cluster: Cluster) -> Seen:
    """Whether the API server answers, and which version it is.

    Raises:
        ClusterError: it answers, but refuses.
    """
    try:
        major, minor = cluster.version()
    except ClusterUnreachable as error:
        finding = Finding(
            rule="cluster-unreachable",
            severity=Severity.ERROR,
            where="Kubernetes API",
            what="no target is found, and nothing is written",
            why=str(error),
            remedy="kubectl version   # with the same kube config or context (operator.context); in the pod: "
            "kubectl -n helios describe networkpolicy",
        )
        return Seen("the API server does not answer", (finding,))
    return Seen(f"the API server answers: Kubernetes {major}.{minor}")


def keda(cluster: Cluster, *, needed: bool) -> Seen:
    """Whether KEDA is installed, runs, and is new enough.

    Args:
        cluster: the door.
        needed: whether a target is in Recommend or Autoscale.

    Raises:
        ClusterError: it cannot be found out.
    """
    if not cluster.served(scaledobjects.API_VERSION):
        said = "KEDA is not installed; it is needed for Recommend and Autoscale alone"
        return Seen(said, (_no_keda("is not served", "install"),) if needed else ())
    if not _scales(cluster):
        said = (
            "KEDA is not whole: it has no ScaledObjects, which are needed for Recommend and Autoscale alone"
        )
        return Seen(
            said, (_no_keda("is served without ScaledObjects", "upgrade --install"),) if needed else ()
        )
    body = _operator(cluster)
    version = _version(body)
    findings = []
    if body is not None and _is_down(body):
        findings.append(_keda_down(body))
    if version is not None:
        told = ".".join(map(str, version))
        if version < LEAST_KEDA:
            findings.append(_old_keda(f"its version is {told}", needed=needed))
        return Seen(f"KEDA {told} is installed", tuple(findings))
    if not _has(cluster.schema(scaledobjects.API_VERSION, scaledobjects.KIND), _MARK):
        findings.append(
            _old_keda(f"its ScaledObjects have no {'.'.join(_MARK)}, which came with 2.19", needed=needed)
        )
        return Seen("KEDA is installed, older than 2.19", tuple(findings))
    return Seen(
        "KEDA is installed: 2.19 or later, by its ScaledObjects; its version is not to be seen",
        tuple(findings),
    )


def external_metrics(cluster: Cluster) -> Seen:
    """Whether the HPA can ask KEDA.

    Raises:
        Skipped: KEDA is not installed, or not whole.
        ClusterError: it cannot be found out.
    """
    if not cluster.served(scaledobjects.API_VERSION) or not _scales(cluster):
        raise Skipped("KEDA is not installed, or its ScaledObjects are gone")
    problem = _problem(cluster, EXTERNAL)
    if problem is None:
        return Seen(f"{EXTERNAL} is served")
    finding = Finding(
        rule="keda-metrics-unavailable",
        severity=Severity.ERROR,
        where=f"APIService v1beta1.{EXTERNAL.partition('/')[0]}",
        what="no HPA gets a number from KEDA: none scales in, and only cpu and memory scale out",
        why=problem,
        remedy="kubectl describe apiservice v1beta1.external.metrics.k8s.io\nkubectl -n keda get pods   # "
        "keda-operator-metrics-apiserver serves it; only one may: remove another that claims it (prometheus-adapter, Datadog)",
    )
    return Seen(f"{EXTERNAL} is not served", (finding,))


def resource_metrics(cluster: Cluster, *, needed: bool) -> Seen:
    """Whether the HPA can ask for cpu, as the guard beside each forecast does.

    Args:
        cluster: the door.
        needed: whether a target is in Recommend or Autoscale.

    Raises:
        ClusterError: it cannot be found out.
    """
    problem = _problem(cluster, RESOURCE)
    if problem is None:
        return Seen(f"{RESOURCE} is served")
    if not needed:
        return Seen(f"{RESOURCE} is not served; it is needed for Autoscale alone")
    finding = Finding(
        rule="resource-metrics-unavailable",
        severity=Severity.ERROR,
        where=f"APIService v1beta1.{RESOURCE.partition('/')[0]}",
        what="the cpu guard is an error at every HPA: it does not act, and nothing scales in",
        why=problem,
        remedy="kubectl describe apiservice v1beta1.metrics.k8s.io\nkubectl -n kube-system get pods -l k8s-app=metrics-server",
    )
    return Seen(f"{RESOURCE} is not served", (finding,))


def _problem(cluster: Cluster, api_version: str) -> str | None:
    """Why an aggregated API is not there; None where it is."""
    try:
        return None if cluster.served(api_version) else "no APIService is registered for it"
    except ClusterUnreachable as error:
        return f"what is registered for it does not answer: {error}"


def _operator(cluster: Cluster) -> Mapping[str, Any] | None:
    """KEDA's Deployment; None where it has none of that name, or it may not be seen."""
    try:
        found = list(cluster.list("apps/v1", "deployments", field_selector="metadata.name=keda-operator"))
    except ClusterError:
        return None
    return found[0] if found else None


def _version(body: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """By the label that its chart and its manifests set, or by its image's tag."""
    if body is None:
        return None
    labels = body["metadata"].get("labels") or {}
    spec = ((body.get("spec") or {}).get("template") or {}).get("spec") or {}
    tags = [
        str(one.get("image", "")).partition("@")[0].rpartition(":")[2] for one in spec.get("containers") or ()
    ]
    for text in (str(labels.get("app.kubernetes.io/version", "")), *tags):
        found = _VERSION.match(text)
        if found:
            return int(found[1]), int(found[2])
    return None


def _is_down(body: Mapping[str, Any]) -> bool:
    wanted = (body.get("spec") or {}).get("replicas", 1)
    return not (body.get("status") or {}).get("readyReplicas") or wanted == 0


def _has(schema: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        schema = (schema.get("properties") or {}).get(part) if isinstance(schema, Mapping) else None
    return schema is not None


def _scales(cluster: Cluster) -> bool:
    """Whether there are ScaledObjects: of a KEDA that is half deleted other kinds of its group may be left."""
    try:
        cluster.plural_of(scaledobjects.API_VERSION, scaledobjects.KIND)
    except ClusterMissing:
        return False
    return True


def _no_keda(how: str, command: str) -> Finding:
    return Finding(
        rule="keda-missing",
        severity=Severity.ERROR,
        where="KEDA",
        what="no target scales on its forecast",
        why=f"a target is in Recommend or Autoscale, and {scaledobjects.API_VERSION} {how}",
        remedy=f"helm {command} keda kedacore/keda --namespace keda --create-namespace   # https://keda.sh/docs/latest/deploy",
    )


def _old_keda(why: str, *, needed: bool) -> Finding:
    return Finding(
        rule="keda-too-old",
        severity=Severity.ERROR if needed else Severity.WARNING,
        where="KEDA",
        what="ScaledObjects that Helios writes may be refused, and their fallback does not act everywhere",
        why=f"{why}; Helios needs {'.'.join(map(str, LEAST_KEDA))} or later",
        remedy="helm upgrade keda kedacore/keda --namespace keda",
    )


def _keda_down(body: Mapping[str, Any]) -> Finding:
    namespace = body["metadata"].get("namespace", "keda")
    return Finding(
        rule="keda-down",
        severity=Severity.ERROR,
        where=f"{namespace}/Deployment/keda-operator",
        what="no ScaledObject is acted on: HPAs are neither made nor told a number",
        why="none of its pods is ready",
        remedy=f"kubectl -n {namespace} describe pods -l app=keda-operator",
    )
