"""What the workloads look like now: replicas, requests, limits, start-up times, and whether they exist at all.

Deployments and StatefulSets by one list per kind, anything else with a `scale` subresource by one request each. It decides
nothing; what it could not find out is left out, never zero.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from helios.errors import ClusterError, ClusterForbidden, ClusterMissing, ClusterRefused, ClusterUnreachable
from helios.operator.clusters import SCALE_SECONDS, Cluster
from helios.operator.footprints import UNKNOWN, PerPod, PodShape, asks_for_cpu, together, without_memory
from helios.operator.pods import PodReader, scopes
from helios.operator.selectors import Place, Selector

log = structlog.get_logger("helios.operator.workloads")

APPS = "apps/v1"
LISTED = {(APPS, "Deployment"): "deployments", (APPS, "StatefulSet"): "statefulsets"}
"""Kinds whose objects say all that is to be known; every other kind is asked for its `scale`."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload as it was last seen; None where unknown.

    Attributes:
        exists: whether Helios can see and scale it; if not, `problem` says why, unless it is just not there.
        desired: `spec.replicas`.
        current: `status.replicas`, as the HPA counts them.
        cpu_requested: whether every container requests cpu, those included that pods were given at admission: without
            that the HPA's cpu trigger fails.
        without_memory: a container that has no memory request and no limit, without which KEDA's webhook takes no memory trigger
            (scaledobject_webhook.go, verifyCPUMemoryScalers); empty where none is known.
        requests: cores and bytes per pod, sidecars included.
        limits: cores and bytes per pod.
        start_seconds: from a pod's creation to its readiness, median; stays known while no pod is there.
        rolling: whether a new template is being rolled out.
        problem: why it cannot be scaled, and what to do.
    """

    exists: bool
    desired: int | None = None
    current: int | None = None
    cpu_requested: bool | None = None
    without_memory: str = ""
    requests: PerPod = UNKNOWN
    limits: PerPod = UNKNOWN
    start_seconds: float | None = None
    rolling: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """A workload, how to find its pods, and what its template says of them, if it has one."""

    workload: Workload
    selector: Selector | None = None
    template: PodShape | None = None


class WorkloadReader:
    """Reads the workloads of the fleet; `read` from one thread, `observed` and `problems` from any.

    Args:
        cluster: the door.
        references: `(namespace, name)` -> apiVersion of the workload; `apps/v1` where it is not named.
        clock: seconds that only move forward.
        pods_seconds: pods are listed at most this often.
        new_seconds: and at most this often where a workload is new.
    """

    def __init__(
        self,
        cluster: Cluster,
        references: Callable[[], Mapping[tuple[str, str], str]],
        clock: Callable[[], float] = time.monotonic,
        *,
        pods_seconds: float = 300.0,
        new_seconds: float = 30.0,
    ) -> None:
        self._cluster, self._references, self._clock = cluster, references, clock
        self._pods = PodReader(cluster, clock, every_seconds=pods_seconds, new_seconds=new_seconds)
        self._observed: Mapping[Place, Workload] = {}
        self._problems: Mapping[str, str] = {}

    def observed(self) -> Mapping[Place, Workload]:
        """The last reading by namespace, kind and name; what could not be found out is not in it."""
        return self._observed

    def problems(self) -> Mapping[str, str]:
        """What could not be read last time: `deployments`, `pods`, `rollouts`, and why."""
        return self._problems

    def read(self, workloads: Sequence[tuple[str, str, str]]) -> Mapping[Place, Workload]:
        """Read `(namespace, name, kind)`; the same as `observed` afterwards.

        Raises:
            ClusterUnreachable: the API server did not answer; what was read before stays.
        """
        references = self._references()
        kinds: dict[tuple[str, str], list[Place]] = {}
        for namespace, name, kind in workloads:
            api_version = references.get((namespace, name)) or APPS
            kinds.setdefault((api_version, kind), []).append((namespace, kind, name))
        # 1 the workloads, kind by kind: one that cannot be read costs the others nothing
        found: dict[Place, _Found] = {}
        problems: dict[str, ClusterError] = {}
        for (api_version, kind), places in kinds.items():
            plural = LISTED.get((api_version, kind))
            try:
                if plural is not None:
                    found |= self._listed(api_version, plural, places)
                else:
                    found |= self._scaled(api_version, kind, places, problems)
            except ClusterError as error:
                problems[plural or f"{kind} of {api_version}"] = error
        self._refuse_if_unreachable(found, problems)
        # 2 their pods, now and then
        selectors = {place: one.selector for place, one in found.items() if one.selector is not None}
        self._pods.look(selectors, {place for places in kinds.values() for place in places})
        if selectors and self._pods.problem is not None:
            problems["pods"] = self._pods.problem
        # 3 both together
        self._say(problems)
        self._observed = {place: self._with_pods(place, one) for place, one in found.items()}
        return self._observed

    def _listed(self, api_version: str, plural: str, places: Sequence[Place]) -> dict[Place, _Found]:
        """From one list, or one for each of a few namespaces."""
        wanted = {(namespace, name): (namespace, kind, name) for namespace, kind, name in places}
        found = dict.fromkeys(places, _Found(Workload(exists=False)))
        for scope in scopes([place[0] for place in places]):
            for body in self._cluster.list(api_version, plural, scope):
                metadata = body.get("metadata") or {}
                place = wanted.get((str(metadata.get("namespace")), str(metadata.get("name"))))
                if place is not None:
                    found[place] = _of_template(body, ordered=plural == "statefulsets")
        return found

    def _scaled(
        self, api_version: str, kind: str, places: Sequence[Place], problems: dict[str, ClusterError]
    ) -> dict[Place, _Found]:
        """From one `scale` each; failures may cost so much time together, then the rest waits for the next reading."""
        try:
            plural, has_scale, _ = self._cluster.plural_of(api_version, kind)
        except ClusterMissing as error:
            return dict.fromkeys(places, _Found(Workload(exists=False, problem=str(error))))
        if not has_scale:
            problem = (
                f"{kind} has no scale subresource, so nothing can scale it: name a Deployment, a StatefulSet or "
                "another kind that has one"
            )
            return dict.fromkeys(places, _Found(Workload(exists=False, problem=problem)))
        found, lost = {}, 0.0
        for place in places:
            if lost > SCALE_SECONDS:
                break
            began = self._clock()
            try:
                scale = self._cluster.get_scale(api_version, plural, place[0], place[2])
                found[place] = _of_scale(scale)
            except ClusterMissing:
                found[place] = _Found(Workload(exists=False))
            except ClusterError as error:
                problems[plural] = error
                lost += self._clock() - began
        return found

    def _with_pods(self, place: Place, found: _Found) -> Workload:
        """A workload together with what its pods tell."""
        workload = found.workload
        if not workload.exists:
            return workload
        facts = self._pods.facts(place)
        footprint = together(found.template, facts.shapes)
        return replace(
            workload,
            requests=footprint.requests,
            limits=footprint.limits,
            cpu_requested=asks_for_cpu(found.template, facts.shapes),
            without_memory=without_memory(found.template, facts.shapes),
            start_seconds=facts.start_seconds,
        )

    def _refuse_if_unreachable(
        self, found: Mapping[Place, _Found], problems: Mapping[str, ClusterError]
    ) -> None:
        """Tell an API server that is away from a kind that is broken.

        Raises:
            ClusterUnreachable: Deployments or StatefulSets were not answered for, or it answers nothing at all.
        """
        away = {what: one for what, one in problems.items() if isinstance(one, ClusterUnreachable)}
        for what, error in away.items():
            if what in LISTED.values():
                raise error
        if away and not found:
            with contextlib.suppress(ClusterForbidden, ClusterMissing, ClusterRefused):  # answers as well
                self._cluster.version()

    def _say(self, problems: Mapping[str, ClusterError]) -> None:
        """Tell once of what cannot be read, and once when it can be again."""
        for what, error in problems.items():
            if what not in self._problems:
                log.warning("cannot be read", what=what, fault=str(error))
        for what in self._problems.keys() - problems.keys():
            log.info("can be read again", what=what)
        self._problems = {what: str(error) for what, error in problems.items()}


def _of_template(body: Mapping[str, Any], *, ordered: bool) -> _Found:
    """A Deployment, or a StatefulSet (`ordered`)."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    # a count of zero is left out on the wire: it is one only where the controller has seen the object at all
    seen = "observedGeneration" in status
    current = int(status.get("replicas") or 0) if seen else None
    workload = Workload(
        exists=True,
        desired=_count(spec.get("replicas")),
        current=current,
        rolling=_rolling(body, ordered=ordered),
    )
    template = PodShape.of((spec.get("template") or {}).get("spec") or {})
    return _Found(workload, Selector.of(spec.get("selector")), template)


def _rolling(body: Mapping[str, Any], *, ordered: bool) -> bool:
    """Whether pods of an older template are being replaced, or the controller has not seen the newest yet."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    generation = (body.get("metadata") or {}).get("generation") or 0
    if (status.get("observedGeneration") or 0) < generation:
        return True
    held = 0
    if ordered:
        strategy = spec.get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":  # waits for a person, for as long as it takes
            return False
        held = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    return bool((status.get("updatedReplicas") or 0) < (status.get("replicas") or 0) - held)


def _of_scale(scale: Mapping[str, Any]) -> _Found:
    """A `scale` subresource; zero wanted is left out on the wire."""
    spec, status = scale.get("spec") or {}, scale.get("status") or {}
    workload = Workload(
        exists=True, desired=_count(spec.get("replicas", 0)), current=_count(status.get("replicas"))
    )
    return _Found(workload, Selector.parsed(str(status.get("selector") or "")))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
