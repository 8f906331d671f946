"""One look at every autoscaler of the cluster, or of some namespaces: two lists, whatever the fleet's size."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from helios.errors import ClusterMissing
from helios.operator.adoptions import HPA_VERSION, KEDA_VERSION
from helios.operator.autoscalers import Autoscalers, Name
from helios.operator.marks import Object


class Door(Protocol):
    """What is asked of the API server here; `helios.operator.clusters.Cluster` does it."""

    def list(self, api_version: str, plural: str, namespace: str | None = None) -> Iterable[Object]:
        """Every object of a kind, or of that kind in a namespace."""


def survey(door: Door, named: Collection[Name], namespaces: Collection[str] | None) -> Autoscalers:
    """Who scales what.

    Args:
        door: the API server.
        named: the HPAs to be kept whole, see `Autoscalers.of`.
        namespaces: where to look; None: everywhere.

    Raises:
        ClusterError: one of the lists cannot be had.
    """
    places: list[str | None] = [None] if namespaces is None else list(namespaces)
    objects: list[Object] | None
    try:
        objects = [one for place in places for one in door.list(KEDA_VERSION, "scaledobjects", place)]
    except ClusterMissing:
        objects = None
    hpas = (one for place in places for one in door.list(HPA_VERSION, "horizontalpodautoscalers", place))
    return Autoscalers.of(objects, hpas, named)
