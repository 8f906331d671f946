"""Where a scene is played: a namespace of its own with workloads that serve, a Prometheus that knows their past, and Helios beside it.

What is played there, who scales the workloads and who is told are each test file's own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import Demand
from tests.cluster.exhibits import Past, past
from tests.cluster.helioses import Helios
from tests.cluster.manifests import deployment
from tests.cluster.prometheuses import Prometheus
from tests.cluster.servers import Server
from tests.cluster.shops import Shop, Workload
from tests.cluster.waits import wait_until

AnyPrometheus = TypeVar("AnyPrometheus", bound=Prometheus)


@dataclass(frozen=True)
class Place:
    """A namespace on a control plane that has Helios' resource and rights.

    Attributes:
        plane: the control plane.
        shop: serves the workloads.
        exposition: what cAdvisor and kube-state-metrics say of them.
        namespace: of the workloads.
        folder: for data and logs; it was empty.
    """

    plane: ControlPlane
    shop: Shop
    exposition: Server
    namespace: str
    folder: Path

    def serving(self, demands: Mapping[str, Demand], pods: Mapping[str, Past]) -> dict[str, Workload]:
        """Deployments under these demands, once all their pods are ready: while they start it would look like an outage.

        Args:
            demands: by name.
            pods: what each begins with, by name; what it had in the past, if it is given one.
        """
        workloads = {name: self.shop.open(self.namespace, name, demand) for name, demand in demands.items()}
        self.plane.apply(*(self._deployment(name, how) for name, how in pods.items()))
        counts = {name: how.replicas for name, how in pods.items()}
        wait_until(
            lambda: {name: len(one.ready) for name, one in workloads.items()},
            60,
            "all pods are ready",
            accept=lambda ready: ready == counts,
        )
        return workloads

    def remembering(
        self,
        prometheus: AnyPrometheus,
        workloads: Mapping[str, Workload],
        pods: Mapping[str, Past],
        *,
        seconds: float,
    ) -> AnyPrometheus:
        """The same Prometheus, which runs not yet: it will scrape this namespace, and know so many seconds of the past up to now.

        Args:
            prometheus: whose folder is empty.
            workloads: by name.
            pods: what those were like that have a past, by name.
            seconds: how long a past.
        """
        now = time.time()
        for name, how in pods.items():
            file, start = self.folder / f"{name}.txt", now - seconds
            prometheus.load(past(file, workloads[name], how, start=start, end=now, labels={"job": "shop"}))
        prometheus.scrape("shop", self.exposition.address, f"/metrics/{self.namespace}")
        return prometheus

    @contextmanager
    def helios(self, prometheus: Prometheus, /, **more: Any) -> Iterator[Helios]:
        """Helios while the block lasts; before it ends, the targets of the namespace go.

        Args:
            prometheus: that scrapes it, and that KEDA asks; it runs.
            more: as `Helios` takes it.
        """
        with Helios(self.plane, prometheus, self.folder, **more) as running:
            yield running
            self.plane.kubectl(
                "delete", "heliostargets", "--all", "--namespace", self.namespace, "--wait=true"
            )

    def _deployment(self, name: str, how: Past) -> dict[str, Any]:
        return deployment(
            self.namespace,
            name,
            replicas=how.replicas,
            cpu=f"{how.request:g}",
            limit=f"{how.limit:g}",
            start_seconds=how.ready_after,
        )
