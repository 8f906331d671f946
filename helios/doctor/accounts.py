"""Who the operator is to the API server, as far as who asks may see it: nobody is taken for the operator for want of another.

Its StatefulSet says which account it runs as, or the shipped account is there, or who asks is the operator itself. What may not be
seen is told from what is not there. It judges nobody's rights.
"""

from __future__ import annotations

from dataclasses import dataclass

from helios.errors import ClusterError, ClusterForbidden, ClusterMissing
from helios.operator.clusters import Cluster

AUTHENTICATION = "authentication.k8s.io/v1"
ACCOUNT = ("helios", "helios")
"""Namespace and name of the shipped service account, and name of the StatefulSet that uses it."""

_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has rights.

    Attributes:
        name: of the user.
        own: whether that is who asks.
    """

    name: str
    own: bool

    @property
    def account(self) -> tuple[str, str] | None:
        """Namespace and name, where it is a service account."""
        return _account(self.name)


@dataclass(frozen=True, slots=True)
class Sight:
    """What is to be seen of the operator.

    Attributes:
        asker: who looks.
        operator: who it is; None where none is to be seen.
        hidden: whether, where none is to be seen, there may be one all the same.
    """

    asker: Holder
    operator: Holder | None
    hidden: bool = False


def seen(cluster: Cluster, identity: str | None = None) -> Sight:
    """Look for the operator.

    Args:
        cluster: the door.
        identity: `operator.lease.identity`, which the shipped StatefulSet sets for its own pods alone.

    Raises:
        ClusterError: the API server does not answer.
    """
    name = _own_name(cluster)
    asker = Holder(name, own=True)
    found, hidden = _installed(cluster)
    if found is not None:
        operator = _PREFIX + ":".join(found)
        return Sight(asker, Holder(operator, own=operator == name))
    account = asker.account
    itself = identity is not None or (account is not None and account[1] == ACCOUNT[1])
    return Sight(asker, asker if itself else None, hidden)


def _installed(cluster: Cluster) -> tuple[tuple[str, str] | None, bool]:
    """Namespace and name of an installed operator's account; without one, whether it may be hidden."""
    namespace, name = ACCOUNT
    hidden = False
    try:
        for body in cluster.list("apps/v1", "statefulsets", field_selector=f"metadata.name={name}"):
            spec = ((body.get("spec") or {}).get("template") or {}).get("spec") or {}
            if any("operator" in (one.get("args") or ()) for one in spec.get("containers") or ()):
                return (body["metadata"]["namespace"], spec.get("serviceAccountName") or "default"), False
    except ClusterForbidden:
        hidden = True  # the account itself may be seen
    try:
        cluster.get("v1", "serviceaccounts", namespace, name)
    except ClusterMissing:
        return None, hidden
    except ClusterForbidden:
        return None, True
    return ACCOUNT, False


def _own_name(cluster: Cluster) -> str:
    """The user that asks; `you` where the API server is too old to say."""
    review = {"apiVersion": AUTHENTICATION, "kind": "SelfSubjectReview"}
    try:
        status = cluster.create(review).get("status") or {}
    except ClusterError:
        return "you"
    return str((status.get("userInfo") or {}).get("username") or "you")


def _account(name: str) -> tuple[str, str] | None:
    namespace, _, account = name.removeprefix(_PREFIX).partition(":")
    return (namespace, account) if name.startswith(_PREFIX) and account else None
