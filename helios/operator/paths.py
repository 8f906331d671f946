"""Where the Kubernetes API keeps what: the paths of requests, quoted, so that no name leads anywhere else."""

from __future__ import annotations

from urllib.parse import quote

from helios.errors import ClusterMissing
from helios.operator.transports import Call


def one(verb: str, api_version: str, plural: str, namespace: str | None, name: str, part: str = "") -> Call:
    """A request about one object, or about a subresource of it.

    Raises:
        ClusterMissing: nothing can have this name.
    """
    path = f"{many(api_version, plural, namespace)}/{_segment(name)}"
    where = name if namespace is None else f"{namespace}/{name}"
    if part:
        return Call(verb, f"{plural}/{part}", f"{path}/{part}", where)
    return Call(verb, plural, path, where)


def many(api_version: str, plural: str, namespace: str | None) -> str:
    """Where the objects of a kind live; of one namespace, or of the cluster.

    Raises:
        ClusterMissing: nothing can have this name.
    """
    space = "" if namespace is None else f"/namespaces/{_segment(namespace)}"
    return f"{group(api_version)}{space}/{_segment(plural)}"


def group(api_version: str) -> str:
    """Where a group and version live; `v1` alone is the core's.

    Raises:
        ClusterMissing: nothing can have this name.
    """
    name, _, version = api_version.rpartition("/")
    return f"/apis/{_segment(name)}/{_segment(version)}" if name else f"/api/{_segment(version)}"


def _segment(text: str) -> str:
    """One part of a path: what users wrote must not lead anywhere else."""
    if text in ("", ".", "..") or "/" in text or "%" in text:
        raise ClusterMissing(f"{text!r} is neither a name nor a version of anything in Kubernetes")
    return quote(text, safe="")
