"""What the checks of one Prometheus stand on: the store, the fleet, and which recipe its metrics allow.

It asks what several checks need to know, and judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from helios.doctor.checks import Skipped
from helios.doctor.fleets import Fleet, Subject
from helios.doctor.stores import Store
from helios.sources.answers import Answer
from helios.sources.families import Families
from helios.sources.recipes import Family, Selection
from helios.sources.shards import selections

T = TypeVar("T")
Render = Callable[[Selection], str]

NEEDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "cAdvisor": {
        "container_cpu_usage_seconds_total": ("cpu", "rate_rule", "irate_rule"),
        "container_memory_working_set_bytes": ("memory", "memory_rule"),
    },
    "kube-state-metrics": {
        "kube_pod_owner": ("pod_owner", "owner_rule"),
        "kube_replicaset_owner": ("replicaset_owner", "owner_rule"),
    },
}
"""Who tells what, and the parts of `recipes.presence` of which one suffices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One store and the fleet that it must know.

    Attributes:
        store: which.
        fleet: of whom.
        matchers: labels that every metric must carry besides.
        window: seconds over which cpu is averaged.
        families: remembers what each namespace has.
    """

    store: Store
    fleet: Fleet
    matchers: Mapping[str, str]
    window: float
    families: Families

    @classmethod
    def of(cls, store: Store, fleet: Fleet, matchers: Mapping[str, str], window: float) -> Ground:
        """For one examination, within which what was found stays so."""
        families = Families(store.client, matchers, recheck_seconds=1.0, clock=lambda: 0.0)
        return cls(store=store, fleet=fleet, matchers=matchers, window=window, families=families)

    @property
    def running(self) -> list[Subject]:
        """Workloads that have pods, as far as is known."""
        return [one for one in self.fleet.subjects if one.runs is not False]

    def spaces(self) -> tuple[str, ...]:
        """Their namespaces, each asked about once.

        Raises:
            Skipped: there are none.
            QueryFailed: the store cannot be asked.
        """
        spaces = self.fleet.namespaces
        if not spaces:
            raise Skipped("no target is known whose workload runs: there is nothing to look for")
        self.families.look(spaces, None)
        return spaces

    def family(self, metric: str) -> Family:
        """The recipe for `cpu`, `memory` or `owner`."""
        return self.families.family(metric, self.spaces())

    def lacks(self, who: str, namespace: str) -> list[str]:
        """Metrics of `cAdvisor` or `kube-state-metrics` that a namespace has neither itself nor in a rule made of them."""
        there = self.families.parts(namespace)
        deployed = any(one.namespace == namespace and one.kind == "Deployment" for one in self.running)
        return [
            metric
            for metric, needed in NEEDS[who].items()
            if not there.keys() & set(needed) and (deployed or metric != "kube_replicaset_owner")
        ]

    def answers(
        self,
        name: str,
        render: Render,
        decode: Callable[[Answer], T],
        names: list[tuple[str, str]] | None = None,
    ) -> Iterator[T]:
        """The answers to one question, asked in as many requests as the fleet needs.

        Args:
            name: what an error calls it.
            render: the query for a part of the fleet.
            decode: reads one answer.
            names: `(namespace, workload)` where single workloads are meant; otherwise whole namespaces.

        Raises:
            QueryFailed: the store cannot be asked.
        """
        wanted = [(one, "") for one in self.spaces()] if names is None else names
        for selection in selections(wanted, render, self.matchers):
            yield self.store.client.instant(name, render(selection), decode)
