"""What one pod asks for and may use, read from its spec or from a pod template; and how long it took to become ready.

As the HPA adds it up: containers and restartable init containers (sidecars); a pod-level request comes first. What is not
said for every container is not known for the pod. A template says what pods will be, pods say what admission made of it.
Nothing here asks a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, DecimalException
from statistics import fmean
from typing import Any, NamedTuple, Self

from kubernetes.utils.quantity import parse_quantity

STARTUP_SECONDS = 3600.0
"""Longer is no start-up: the pod lost its readiness later and found it again."""

_ABSURD = Decimal(10) ** 18


@dataclass(frozen=True, slots=True)
class PerPod:
    """One pod's cores and bytes; None where unknown or unlimited."""

    cpu: float | None = None
    memory: float | None = None

    def filled(self, other: PerPod) -> PerPod:
        """The same, with what is unknown taken from another."""
        return PerPod(
            other.cpu if self.cpu is None else self.cpu,
            other.memory if self.memory is None else self.memory,
        )

    @classmethod
    def mean(cls, pods: Sequence[PerPod]) -> PerPod:
        """The mean over pods; unknown where it is for one of them."""
        return cls(_mean([pod.cpu for pod in pods]), _mean([pod.memory for pod in pods]))


UNKNOWN = PerPod()


@dataclass(frozen=True, slots=True)
class Footprint:
    """Requests and limits of one pod."""

    requests: PerPod = UNKNOWN
    limits: PerPod = UNKNOWN

    @classmethod
    def of(cls, pod_spec: Mapping[str, Any]) -> Footprint:
        """Of a pod's spec, or of a template's."""
        return PodShape.of(pod_spec).footprint()

    @classmethod
    def mean(cls, pods: Sequence[Footprint]) -> Footprint:
        """The mean over pods; unknown where it is for one of them, or there is none."""
        return cls(PerPod.mean([pod.requests for pod in pods]), PerPod.mean([pod.limits for pod in pods]))

    def filled(self, other: Footprint) -> Footprint:
        """The same, with what is unknown taken from another."""
        return Footprint(self.requests.filled(other.requests), self.limits.filled(other.limits))


class Quantities(NamedTuple):
    """What one container says, exactly, or the pod as a whole; None where it does not."""

    cpu_request: Decimal | None
    memory_request: Decimal | None
    cpu_limit: Decimal | None
    memory_limit: Decimal | None

    @classmethod
    def of(cls, resources: Any) -> Self:
        """Of `resources`, in whatever form it comes."""
        return cls(
            _said(resources, "requests", "cpu"),
            _said(resources, "requests", "memory"),
            _said(resources, "limits", "cpu"),
            _said(resources, "limits", "memory"),
        )


@dataclass(frozen=True, slots=True)
class PodShape:
    """What a pod, or a template, says of its resources; the pods of one workload share one or two of these.

    Attributes:
        whole: for the pod as a whole; it comes before what the containers say.
        containers: names of the containers that run as long as the pod does, and what each says.
    """

    whole: Quantities
    containers: tuple[tuple[str, Quantities], ...]

    @classmethod
    def of(cls, pod_spec: Mapping[str, Any]) -> Self:
        """Of a pod's spec, or of a template's."""
        containers = (
            (str(one.get("name")), Quantities.of(one.get("resources"))) for one in _running(pod_spec)
        )
        return cls(Quantities.of(pod_spec.get("resources")), tuple(containers))

    def names(self) -> frozenset[str]:
        """Of the containers."""
        return frozenset(name for name, _ in self.containers)

    def joined(self, pod: PodShape) -> PodShape:
        """The same, with the containers that a pod has beside them."""
        known = self.names()
        return PodShape(self.whole, self.containers + tuple(c for c in pod.containers if c[0] not in known))

    def footprint(self) -> Footprint:
        """What all containers have together; unknown where one says nothing."""
        said = [quantities for _, quantities in self.containers]
        cpu, memory, most_cpu, most_memory = (
            _total(whole, [one[i] for one in said]) for i, whole in enumerate(self.whole)
        )
        return Footprint(PerPod(cpu, memory), PerPod(most_cpu, most_memory))


def together(template: PodShape | None, pods: Mapping[PodShape, int]) -> Footprint:
    """Requests and limits per pod, by the template and by the pods that were seen.

    The template's containers, and beside them those that its pods were given at admission (sidecars): so a rollout that
    changes requests counts at once, though pods are seen rarely. What the template does not say for each of its containers
    comes from the pods (a LimitRange's defaults). Pods that lack a container of the template are of an older one, and
    say nothing.

    Args:
        template: None where the workload has none.
        pods: how many there are of each shape.
    """
    each: list[Footprint] = []
    for pod, count in _present(template, pods).items():
        joined = pod if template is None else template.joined(pod)
        each += [joined.footprint().filled(pod.footprint())] * count
    if each or template is None:
        return Footprint.mean(each)
    return template.footprint()


def asks_for_cpu(template: PodShape | None, pods: Mapping[PodShape, int]) -> bool | None:
    """Whether every container requests cpu, which the HPA's cpu trigger needs; None where that cannot be known.

    No, where a container of any pod does not: the HPA fails on that one. Otherwise yes, where the template or a pod of
    it asks for each. A template alone that is silent says nothing, as a LimitRange may fill it in.
    """
    if any(pod.footprint().requests.cpu is None for pod in pods):
        return False
    templated = template is not None and template.footprint().requests.cpu is not None
    return True if templated or _present(template, pods) else None


def without_memory(template: PodShape | None, pods: Mapping[PodShape, int]) -> str:
    """A container that neither its template nor admission gives any memory, as a request or a limit; empty where none is known."""
    if template is None or _has_memory(template.whole):
        return ""
    seen = [container for pod in pods for container in pod.containers]
    bare = {name for name, _ in seen} - {name for name, said in seen if _has_memory(said)}
    return next((name for name, said in template.containers if name in bare and not _has_memory(said)), "")


def _has_memory(said: Quantities) -> bool:
    return said.memory_request is not None or said.memory_limit is not None


def _present(template: PodShape | None, pods: Mapping[PodShape, int]) -> Mapping[PodShape, int]:
    """The pods that have every container of the template."""
    if template is None:
        return pods
    named = template.names()
    return {pod: count for pod, count in pods.items() if named <= pod.names()}


def quantity(text: Any) -> Decimal | None:
    """A Kubernetes quantity (`100m`, `1Gi`, `1e3`), exactly; None where it is none, or is not positive."""
    if not isinstance(text, str | int | float) or isinstance(text, bool):
        return None
    try:
        value: Decimal = parse_quantity(text)  # type: ignore[no-untyped-call]
    except (ValueError, DecimalException):
        return None
    return value if value.is_finite() and 0 < value < _ABSURD else None


def start_seconds(pod: Mapping[str, Any]) -> float | None:
    """From a pod's creation to its readiness; None where it is not ready, or has a container that was restarted."""
    status = pod.get("status") or {}
    if any(one.get("restartCount") for one in status.get("containerStatuses") or ()):
        return None
    created = _moment((pod.get("metadata") or {}).get("creationTimestamp"))
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") == "True":
            ready = _moment(condition.get("lastTransitionTime"))
            if created is not None and ready is not None and 0 <= ready - created < STARTUP_SECONDS:
                return ready - created
    return None


def _total(whole: Decimal | None, each: Sequence[Decimal | None]) -> float | None:
    """What the pod says, or its containers together; None where one says nothing."""
    if whole is None:
        known = [one for one in each if one is not None]
        whole = sum(known, Decimal(0)) if known and len(known) == len(each) else None
    return None if whole is None else float(whole)


def _running(pod_spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The containers that run as long as the pod does."""
    yield from pod_spec.get("containers") or ()
    for one in pod_spec.get("initContainers") or ():
        if one.get("restartPolicy") == "Always":
            yield one


def _said(resources: Any, part: str, resource: str) -> Decimal | None:
    """A request or limit; where only a limit is given, the API server makes it the pod's request too."""
    if not isinstance(resources, Mapping):
        return None
    said = (resources.get(part) or {}).get(resource)
    if said is None and part == "requests":
        said = (resources.get("limits") or {}).get(resource)
    return quantity(said)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _moment(text: Any) -> float | None:
    """UNIX seconds of a time stamp."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return None
