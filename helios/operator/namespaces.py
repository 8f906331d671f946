"""Whether a namespace that somebody typed is there: every list of one that is not is empty, and looks like success.

Asked only where nothing was found in it, so that it costs who has named it rightly neither a request nor a right.
"""

from __future__ import annotations

from typing import Protocol

from helios.errors import ClusterForbidden, ClusterMissing


class Door(Protocol):
    """What is asked of the API server here; `helios.operator.clusters.Cluster` does it."""

    def get(self, api_version: str, plural: str, namespace: str | None, name: str) -> object:
        """One object."""


def existing(door: Door, namespace: str) -> str:
    """Hold that there is this namespace; empty, or in words that it may not be looked up.

    Raises:
        ClusterMissing: there is none.
        ClusterError: it could not be asked.
    """
    try:
        door.get("v1", "namespaces", None, namespace)
    except ClusterMissing as error:
        raise ClusterMissing(
            f"there is no namespace {namespace!r} in this cluster: correct --namespace, or the kube config's context"
        ) from error
    except ClusterForbidden:
        return f"nothing was found in namespace {namespace}, and you may not look up whether there is one: check its name"
    return ""
