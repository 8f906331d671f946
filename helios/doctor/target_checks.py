"""Whether the HeliosTargets themselves are sound: usable, alone with their workload, able to be given back what they adopted.

By what is written in them, not by what their status says: a status is as old as the operator that wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from helios.doctor.checks import Seen, Skipped, counted, listed
from helios.doctor.findings import Finding, Severity
from helios.doctor.fleets import Fleet
from helios.errors import ClusterForbidden, ClusterMissing
from helios.operator.adoptions import ADOPTED, FINALIZER, Original
from helios.operator.clusters import Cluster
from helios.operator.resources import HeliosTarget
from helios.operator.scaledobjects import API_VERSION, KedaDefaults, lacking

_PLURALS = {
    "TriggerAuthentication": "triggerauthentications",
    "ClusterTriggerAuthentication": "clustertriggerauthentications",
}


def sound(fleet: Fleet) -> Seen:
    """Whether every target is valid, has its workload to itself, and has one that can be scored."""
    roster = fleet.roster
    where = f" in namespace {fleet.alone}; those of others may not be listed" if fleet.alone else ""
    if not roster.targets:
        return Seen(f"there is no HeliosTarget yet{where}")
    findings = [*_invalid(fleet), *_in_conflict(fleet), *_without_workload(fleet), *_without_requests(fleet)]
    switched = len(fleet.switched)
    said = f"{counted(len(roster.targets), 'HeliosTarget')}, {switched} in Recommend or Autoscale{where}"
    return Seen(said, tuple(findings))


def adopted(fleet: Fleet) -> Seen:
    """Whether every original of an adopted autoscaler can be read, or it could never be given back."""
    holding = [body for body in fleet.bodies if _holds(body)]
    lost = [body for body in holding if Original.parsed(_annotations(body).get(ADOPTED)) is None]
    said = f"{counted(len(holding), 'target')} with an adopted autoscaler"
    return Seen(said, tuple(_unreadable(body) for body in lost))


def connected(cluster: Cluster, fleet: Fleet, defaults: KedaDefaults) -> Seen:
    """Whether KEDA has a way to Prometheus for every target that it is to scale.

    Raises:
        Skipped: no target is in Recommend or Autoscale.
        ClusterError: credentials cannot be looked up.
    """
    if not fleet.switched:
        raise Skipped("no target is in Recommend or Autoscale: KEDA asks for nothing")
    lost: dict[tuple[str, str], list[str]] = {}
    references: dict[tuple[str, str | None, str], list[str]] = {}
    for target in fleet.switched:
        where = f"{target.namespace}/{target.name}"
        lack = lacking(target, defaults)
        if lack is not None:
            lost.setdefault(lack, []).append(where)
            continue
        reference = _reference(target, defaults)
        if reference is not None:
            references.setdefault(reference, []).append(where)
    findings = [_no_way(reason, message, targets) for (reason, message), targets in lost.items()]
    unseen = False
    for (kind, namespace, name), targets in references.items():
        try:
            cluster.get(API_VERSION, _PLURALS[kind], namespace, name)
        except ClusterMissing:
            findings.append(_no_credentials(kind, namespace, name, targets))
        except ClusterForbidden:
            unseen = True
    said = f"KEDA's way to Prometheus, for {counted(len(fleet.switched), 'target')}"
    return Seen(said + ("; credentials may not be seen by this account" if unseen else ""), tuple(findings))


def _invalid(fleet: Fleet) -> Iterator[Finding]:
    for target in fleet.roster.targets:
        if target.spec is None:
            yield Finding(
                rule="target-invalid",
                severity=Severity.ERROR,
                where=_where(target),
                what="it is not scored; where it was before, its last valid spec stays in force until the operator restarts",
                why=target.problem or "its spec cannot be read",
                remedy=f"kubectl -n {target.namespace} edit heliostarget {target.name}   # kubectl explain heliostarget.spec",
            )


def _in_conflict(fleet: Fleet) -> Iterator[Finding]:
    targets = {(target.namespace, target.name): target for target in fleet.roster.targets}
    for place, older in fleet.roster.conflicts.items():
        target = targets[place]
        yield Finding(
            rule="target-conflict",
            severity=Severity.ERROR,
            where=_where(target),
            what="it is not scored",
            why=f"HeliosTarget {older.name} is older and already speaks for {target.reference[2]}: their gauges would collide",
            remedy=f"kubectl -n {target.namespace} delete heliostarget {target.name}   # or {older.name}",
        )


def _without_workload(fleet: Fleet) -> Iterator[Finding]:
    for (namespace, kind, name), workload in fleet.workloads.items():
        if workload.exists:
            continue
        owner = fleet.roster.owners[namespace, name]
        yield Finding(
            rule="target-without-workload",
            severity=Severity.WARNING,
            where=_where(owner),
            what="it is not scored until there is its workload",
            why=workload.problem or f"there is no {kind} {name} in namespace {namespace}",
            remedy=f"kubectl -n {namespace} get {kind.lower()}s\nspec:\n  scaleTargetRef: {{kind: {kind}, name: {name}}}   # as it is called",
        )


def _without_requests(fleet: Fleet) -> Iterator[Finding]:
    lacking_cpu = [one for one in fleet.subjects if one.requested is False and "cpu" in one.drivers]
    for one in lacking_cpu:
        owner = fleet.roster.owners[one.namespace, one.name]
        yield Finding(
            rule="workload-without-requests",
            severity=Severity.ERROR if one.switched else Severity.WARNING,
            where=_where(owner),
            what="no replicas can be recommended on cpu, and an HPA's cpu trigger is an error",
            why=f"a container of {one} requests no cpu, so nobody knows what a full pod is",
            remedy=f"# {one}, each of its containers\nresources:\n  requests: {{cpu: 250m}}",
        )


def _holds(body: Mapping[str, Any]) -> bool:
    finalizers = (body.get("metadata") or {}).get("finalizers") or ()
    return ADOPTED in _annotations(body) or FINALIZER in finalizers


def _annotations(body: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = (body.get("metadata") or {}).get("annotations") or {}
    return found


def _unreadable(body: Mapping[str, Any]) -> Finding:
    namespace, name = body["metadata"].get("namespace", ""), body["metadata"]["name"]
    there = ADOPTED in _annotations(body)
    return Finding(
        rule="adopted-original-unreadable",
        severity=Severity.ERROR,
        where=f"{namespace}/HeliosTarget/{name}",
        what="what it adopted cannot be given back, and the target cannot be deleted",
        why=f"its annotation {ADOPTED} {'holds no autoscaler' if there else 'is gone'}: somebody has edited it",
        remedy=f"# a second copy is on the ScaledObject:\nkubectl -n {namespace} get scaledobjects -o "
        f"jsonpath='{{.items[*].metadata.annotations.helios\\.dev/adopted}}'\n"
        f"kubectl -n {namespace} annotate --overwrite heliostarget {name} {ADOPTED}='…'",
    )


def _no_way(reason: str, message: str, targets: list[str]) -> Finding:
    remedies = {
        "NoServerAddress": "keda:\n  server_address: http://prometheus.monitoring.svc:9090",
        "NoAuthentication": "keda:\n  authentication_ref: {kind: ClusterTriggerAuthentication, name: prometheus}",
    }
    return Finding(
        rule="keda-no-way-to-prometheus",
        severity=Severity.ERROR,
        where=f"HeliosTarget {listed(targets)}",
        what="no ScaledObject is written: the target stays as it is",
        why=message,
        remedy=remedies.get(
            reason, "spec:\n  keda:\n    authenticationRef: {kind: TriggerAuthentication, name: prometheus}"
        ),
    )


def _reference(target: HeliosTarget, defaults: KedaDefaults) -> tuple[str, str | None, str] | None:
    """Kind, namespace and name of KEDA's credentials for this target's Prometheus."""
    keda = target.spec.keda if target.spec is not None else None
    if keda is None:
        return None
    shared = keda.server_address in (None, defaults.server_address)
    found = keda.authentication_ref or (defaults.authentication if shared else None)
    if found is None:
        return None
    return found.kind, target.namespace if found.kind == "TriggerAuthentication" else None, found.name


def _no_credentials(kind: str, namespace: str | None, name: str, targets: list[str]) -> Finding:
    place = f"  namespace: {namespace}\n" if namespace else ""
    return Finding(
        rule="keda-authentication-missing",
        severity=Severity.ERROR,
        where=f"{f'{namespace}/' if namespace else ''}{kind}/{name}",
        what=f"KEDA's trigger is an error and its fallback holds: {listed(targets)}",
        why=f"there is no {kind} {name}{f' in namespace {namespace}' if namespace else ''}",
        remedy=f"apiVersion: keda.sh/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\n{place}"
        "spec:\n  secretTargetRef:\n    - {parameter: bearerToken, name: prometheus-token, key: token}",
    )


def _where(target: HeliosTarget) -> str:
    return f"{target.namespace}/HeliosTarget/{target.name}"
