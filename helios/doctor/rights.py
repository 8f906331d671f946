"""What the operator must be allowed to do, each with what it is for; a test holds the list to deploy/kustomize/base/rbac.yaml.

The API server is asked about each verb by a review: what a role says does not tell what is bound to whom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from helios.doctor.accounts import ACCOUNT, Holder, Sight
from helios.doctor.checks import Seen, Skipped, counted, listed
from helios.doctor.findings import Finding, Severity
from helios.doctor.fleets import Fleet
from helios.errors import ClusterError, ClusterForbidden
from helios.operator.clusters import Cluster
from helios.operator.workloads import LISTED

AUTHORIZATION = "authorization.k8s.io/v1"


class Need(Enum):
    """When a right is needed."""

    ALWAYS = auto()
    SCALING = auto()
    """By targets in Recommend or Autoscale."""
    OTHER_KINDS = auto()
    """By targets whose workload is neither a Deployment nor a StatefulSet."""
    LEASE = auto()
    """Where the settings name a lease; in its namespace alone."""


@dataclass(frozen=True, slots=True)
class Right:
    """Some verbs on one resource.

    Attributes:
        group, resource: as in a role's rule; `heliostargets/status` is a subresource.
        verbs: each is asked about.
        purpose: what fails without it.
        need: when it is needed.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    purpose: str
    need: Need = Need.ALWAYS


RIGHTS = (
    Right("helios.dev", "heliostargets", ("list", "watch"), "no target is found"),
    Right("helios.dev", "heliostargets", ("patch",), "no autoscaler is adopted or given back", Need.SCALING),
    Right("helios.dev", "heliostargets/status", ("patch",), "kubectl shows no status of any target"),
    Right("apps", "deployments", ("list",), "Deployments are not scored"),
    Right("apps", "statefulsets", ("list",), "StatefulSets are not scored"),
    Right("", "pods", ("list",), "requests that admission adds, and start-up times, stay unknown"),
    Right("*", "*/scale", ("get",), "workloads of other kinds are not scored", Need.OTHER_KINDS),
    Right("autoscaling", "horizontalpodautoscalers", ("list",), "it is not seen who else scales a workload"),
    Right("keda.sh", "scaledobjects", ("list",), "it is not seen who else scales a workload"),
    Right(
        "keda.sh", "scaledobjects", ("create", "patch", "delete"), "no ScaledObject is written", Need.SCALING
    ),
    Right(
        "autoscaling",
        "horizontalpodautoscalers",
        ("get", "create", "update"),
        "an adopted HPA is not given back",
        Need.SCALING,
    ),
    Right(
        "keda.sh",
        "scaledobjects",
        ("get", "update"),
        "an adopted ScaledObject is not given back",
        Need.SCALING,
    ),
    Right("", "events", ("create",), "kubectl describe shows no Event of Helios"),
    Right(
        "coordination.k8s.io",
        "leases",
        ("get", "create", "update"),
        "no pod gets the lease: nobody publishes or writes",
        Need.LEASE,
    ),
)
"""All that the operator ever asks of the API server."""


def granted(cluster: Cluster, sight: Sight, fleet: Fleet | None, lease: str | None) -> Seen:
    """Whether the operator may do what it must; every verb that it may not is a finding.

    Where no operator is to be seen, who asks is asked about, and never accused: his rights need not be the operator's.

    Args:
        cluster: the door.
        sight: who the operator is.
        fleet: for whom; None: unknown, so that every right but those of single kinds may be needed.
        lease: namespace of the lease, if there is one and it is known.

    Raises:
        Skipped: nobody may ask here what the operator may do, or no operator is to be seen.
        ClusterError: reviews fail.
    """
    holder = sight.operator or sight.asker
    missing, asked = [], 0
    for right, group, resource, verb in _needed(cluster, fleet, lease):
        asked += 1
        space = lease if right.need is Need.LEASE else None
        if _allowed(cluster, holder, (group, resource, verb, space)):
            continue
        if sight.operator is None and sight.hidden:
            raise Skipped(_hidden(holder))
        missing.append((right, group, resource, verb))
    if missing and sight.operator is None:
        lost = listed([f"{verb} {resource}" for _, _, resource, verb in missing])
        raise Skipped(
            f"no operator is installed; one that ran as {holder.name} would lack {len(missing)} of {counted(asked, 'right')}: {lost}"
        )
    said = f"{holder.name} has {asked - len(missing)} of {counted(asked, 'right')}"
    if len(missing) == asked:
        return Seen(said, (_unbound(holder),))
    return Seen(said, tuple(_finding(holder, fleet, *one) for one in missing))


def _needed(
    cluster: Cluster, fleet: Fleet | None, lease: str | None
) -> Iterator[tuple[Right, str, str, str]]:
    """Right, group, resource and verb of each review."""
    for right in RIGHTS:
        if right.need is Need.LEASE and lease is None:
            continue
        for group, resource in _resources(right, cluster, fleet):
            for verb in right.verbs:
                yield right, group, resource, verb


def _hidden(asker: Holder) -> str:
    namespace, name = ACCOUNT
    return (
        f"you may not see the operator's account (get serviceaccounts {name} in namespace {namespace}; list statefulsets), and the "
        f"rights of {asker.name} say nothing of it: run helios doctor in the operator's pod, or as an administrator"
    )


def _resources(right: Right, cluster: Cluster, fleet: Fleet | None) -> Iterator[tuple[str, str]]:
    """Group and resource to ask about: of other kinds those that targets name, each by its own."""
    if right.need is not Need.OTHER_KINDS:
        yield right.group, right.resource
        return
    owners = fleet.roster.owners.values() if fleet is not None else ()
    for api_version, kind in sorted({target.reference[:2] for target in owners}):
        if (api_version, kind) not in LISTED:
            try:
                plural = cluster.plural_of(api_version, kind).plural
            except ClusterError:
                continue  # there is no such kind: told of the target
            yield api_version.rpartition("/")[0], f"{plural}/scale"


def _allowed(cluster: Cluster, holder: Holder, what: tuple[str, str, str, str | None]) -> bool:
    group, resource, verb, namespace = what
    plural, _, part = resource.partition("/")
    attributes = {"group": group, "resource": plural, "subresource": part, "verb": verb}
    if namespace is not None:
        attributes["namespace"] = namespace
    spec: dict[str, object] = {"resourceAttributes": attributes}
    kind = "SelfSubjectAccessReview"
    if not holder.own:
        kind, spec["user"] = "SubjectAccessReview", holder.name
        spaces = [f"system:serviceaccounts:{holder.account[0]}"] if holder.account else []
        spec["groups"] = ["system:serviceaccounts", *spaces, "system:authenticated"]
    try:
        answer = cluster.create({"apiVersion": AUTHORIZATION, "kind": kind, "spec": spec})
    except ClusterForbidden as error:
        raise Skipped(
            f"you may not ask what {holder.name} may do: run helios doctor in the pod, or as an administrator ({error})"
        ) from None
    return bool((answer.get("status") or {}).get("allowed"))


def _finding(
    holder: Holder, fleet: Fleet | None, right: Right, group: str, resource: str, verb: str
) -> Finding:
    idle = right.need is Need.SCALING and fleet is not None and not fleet.switched
    role = "Role helios-lease" if right.need is Need.LEASE else "ClusterRole helios"
    named = f"{resource}.{group}" if group else resource
    return Finding(
        rule="rbac-missing",
        severity=Severity.WARNING if idle else Severity.ERROR,
        where=f"{role}, {verb} {named}",
        what=f"{right.purpose}{', as soon as a target leaves Observe' if idle else ''}",
        why=f"{holder.name} may not {verb} {named}",
        remedy=f'# one more of the rules of {role}:\n- apiGroups: ["{group}"]\n  resources: ["{resource}"]\n'
        f'  verbs: ["{verb}"]',
    )


def _unbound(holder: Holder) -> Finding:
    namespace, name = holder.account or ACCOUNT
    return Finding(
        rule="rbac-missing",
        severity=Severity.ERROR,
        where="ClusterRoleBinding helios",
        what="the operator can do nothing at all",
        why=f"{holder.name} has none of its rights: no role is bound to it",
        remedy="kubectl apply -f deploy/kustomize/base/rbac.yaml\n# the subject of its bindings: "
        f"{{kind: ServiceAccount, namespace: {namespace}, name: {name}}}",
    )
