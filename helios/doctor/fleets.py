"""Which workloads Helios is to score, and how they stand now: the ground on which live checks tell a fault from a quiet workload.

From the cluster's HeliosTargets, or from the settings' targets where `helios run` scores without one. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from helios.errors import ClusterForbidden
from helios.operator.clusters import Cluster
from helios.operator.registries import Registry, Roster
from helios.operator.resources import API_VERSION, PLURAL, HeliosTarget
from helios.operator.selectors import Place
from helios.operator.workloads import Workload, WorkloadReader
from scoring.policies import Target

Parse = Callable[[Mapping[str, Any]], HeliosTarget]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One workload that is to be scored.

    Attributes:
        namespace, kind, name: of the workload.
        runs: whether it has pods now; None where unknown.
        requested: whether its containers request cpu; None where unknown.
        scored: whether Helios has scored it lately, by the target's status; None where unknown.
        switched: whether KEDA is to read its signal: Recommend or Autoscale.
        drivers: names of the metrics that it is decided on.
    """

    namespace: str
    kind: str
    name: str
    runs: bool | None = None
    requested: bool | None = None
    scored: bool | None = None
    switched: bool = False
    drivers: tuple[str, ...] = ("cpu",)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Fleet:
    """All of them.

    Attributes:
        subjects: those that are scored.
        roster: the HeliosTargets, valid or not.
        bodies: the same as the API server gave them.
        workloads: how their workloads stand, by namespace, kind and name.
        alone: the one namespace that could be read; None: all.
    """

    subjects: tuple[Subject, ...] = ()
    roster: Roster = field(default_factory=Roster)
    bodies: tuple[Mapping[str, Any], ...] = ()
    workloads: Mapping[Place, Workload] = field(default_factory=dict)
    alone: str | None = None

    @property
    def switched(self) -> tuple[HeliosTarget, ...]:
        """Valid targets in Recommend or Autoscale that have their workload to themselves."""
        return tuple(
            target
            for target in self.roster.owners.values()
            if target.spec is not None and target.spec.mode != "Observe"
        )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where there are pods that Prometheus must know of."""
        return tuple(sorted({one.namespace for one in self.subjects if one.runs is not False}))


def of_settings(targets: Iterable[Target]) -> Fleet:
    """The targets of `helios run`; how their workloads stand is unknown."""
    return Fleet(
        tuple(
            Subject(namespace=t.namespace, kind=t.kind, name=t.deployment, drivers=_drivers(t))
            for t in targets
        )
    )


def of_cluster(cluster: Cluster, parse: Parse, namespace: str | None = None) -> Fleet:
    """The cluster's HeliosTargets and their workloads.

    Args:
        cluster: the door.
        parse: how an object of the API server becomes a target.
        namespace: that is read alone where not all of them may be.

    Raises:
        ClusterError: targets cannot be listed, or the API server does not answer.
    """
    registry = Registry(parse)
    alone = None
    try:
        bodies = tuple(cluster.list(API_VERSION, PLURAL))
    except ClusterForbidden:
        if namespace is None:
            raise
        alone, bodies = namespace, tuple(cluster.list(API_VERSION, PLURAL, namespace))
    registry.take(bodies, registry.begin_listing())
    roster = registry.roster()
    references = {place: target.reference[0] for place, target in roster.owners.items()}
    reader = WorkloadReader(cluster, lambda: references)
    workloads = reader.read([(t.namespace, t.deployment, t.kind) for t in roster.scored])
    subjects = tuple(
        _subject(
            target,
            roster.owners[target.namespace, target.deployment],
            workloads.get((target.namespace, target.kind, target.deployment)),
        )
        for target in roster.scored
    )
    return Fleet(subjects, roster, bodies, workloads, alone)


def _subject(target: Target, owner: HeliosTarget, workload: Workload | None) -> Subject:
    return Subject(
        namespace=target.namespace,
        kind=target.kind,
        name=target.deployment,
        runs=_runs(workload),
        requested=None if workload is None else workload.cpu_requested,
        scored=_is_ready(owner),
        switched=target.mode != "Observe",
        drivers=_drivers(target),
    )


def _runs(workload: Workload | None) -> bool | None:
    if workload is None:
        return None
    if not workload.exists:
        return False
    return None if workload.current is None else workload.current > 0


def _is_ready(target: HeliosTarget) -> bool:
    conditions = target.status.get("conditions")
    return any(
        isinstance(one, Mapping) and one.get("type") == "Ready" and one.get("status") == "True"
        for one in (conditions if isinstance(conditions, list) else ())
    )


def _drivers(target: Target) -> tuple[str, ...]:
    return tuple(metric.name for metric in target.metrics)
