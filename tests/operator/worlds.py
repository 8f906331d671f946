"""A fleet's workloads on a fake API server, read at a time that the test sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from helios.operator.clusters import Cluster
from helios.operator.workloads import Workload, WorkloadReader
from tests.operator.api_server import ApiServer

WEB = ("shop", "web", "Deployment")


@dataclass
class World:
    """An API server, and a reader of its workloads at a time that the test sets."""

    api: ApiServer
    cluster: Cluster
    now: float = 0.0
    references: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reader = WorkloadReader(self.cluster, lambda: self.references, lambda: self.now)

    def read(self, *workloads: tuple[str, str, str]) -> Sequence[Workload | None]:
        """In the order asked for; by default the Deployment `shop/web`."""
        wanted = workloads or (WEB,)
        found = self.reader.read(wanted)
        return [found.get((namespace, kind, name)) for namespace, name, kind in wanted]

    def one(self, workload: tuple[str, str, str] = WEB) -> Workload:
        """One that must be known."""
        found = self.read(workload)[0]
        assert found is not None
        return found

    def asked(self) -> list[str]:
        """What was asked for since the last time."""
        said = [str(one) for one in self.api.requests]
        self.api.requests.clear()
        return said


def rollouts(world: World, *names: str) -> list[tuple[str, str, str]]:
    world.references |= {("shop", name): "argoproj.io/v1alpha1" for name in names}
    return [("shop", name, "Rollout") for name in names]
