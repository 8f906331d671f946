"""A restorer at a time that a test sets, and what stands there then."""

from __future__ import annotations

from helios.operator.adoptions import Original
from helios.operator.clusters import Cluster
from helios.operator.restorations import Progress, Restorer
from tests.operator.adopted import HPA, HPAS, SCALED_OBJECTS, as_users
from tests.operator.api_server import ApiServer
from tests.operator.objects import Object

WRITES = ("create", "update", "patch", "delete")
HELD, DELETED = "update scaledobjects shop/web", "delete scaledobjects shop/web"
PUT = "update horizontalpodautoscalers shop/web-cpu"


class Work:
    """A restorer, at a time that the test sets."""

    def __init__(self, api: ApiServer, cluster: Cluster, original: Original) -> None:
        self.api, self.original, self.now = api, original, 100.0
        self.restorer = Restorer(cluster, lambda: self.now)

    def step(self, *, replicas: int | None = None, managed: bool = True) -> Progress:
        """One call, with what was listed just before."""
        found = {one["metadata"]["name"]: one for one in self.api.store.all(SCALED_OBJECTS)}
        name = "web" if self.original.kind == HPA else self.original.name
        return self.restorer.restore("shop", self.original, found.get(name) if managed else None, replicas)

    def writes(self) -> list[str]:
        """What was written, in order."""
        return [str(one) for one in self.api.requests if one.verb in WRITES]


def stands(api: ApiServer, name: str = "web-cpu") -> Object:
    """The HPA, or the ScaledObject, as its user wrote it."""
    return as_users(api.store.one(HPAS if name == "web-cpu" else SCALED_OBJECTS, name))
