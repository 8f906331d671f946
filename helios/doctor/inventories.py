"""All objects that are looked at together: who scales what, and what the workloads say of themselves.

What lies in one folder belongs together; a folder beside it may be another version of the same (an overlay), so that nothing is
concluded across folders but where there is one answer only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from helios.doctor.manifests import HPA, SCALED_OBJECT, Manifest, items, part
from helios.doctor.scalers import Autoscaler, Scaled
from helios.operator.footprints import PodShape, Quantities, quantity

Place = tuple[str, str, str]
"""Namespace, kind and name of a workload."""
_LEFT = "validations.keda.sh/hpa-ownership"
"""At `false` on an HPA, KEDA's webhook does not mind it (`verifyHpas`)."""
WORKLOADS = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})


@dataclass(frozen=True)
class Inventory:
    """What was read.

    Attributes:
        manifests: all of it.
        limits_known: whether LimitRanges were read where there are any: in files they may lie elsewhere, which is said.
        seen: whether all containers of a workload's pods request cpu, as the pods say; where it is known.
    """

    manifests: tuple[Manifest, ...]
    limits_known: bool = True
    seen: Mapping[Place, bool] = field(default_factory=dict)

    def scaled_objects(self) -> list[Scaled]:
        """Those that are whole."""
        found = (Scaled.of(one) for one in self.manifests if one.kind == SCALED_OBJECT)
        return [one for one in found if one is not None]

    def autoscalers(self) -> list[Autoscaler]:
        """HPAs that are whole and not KEDA's: what is wrong with those is wrong with their ScaledObject."""
        found = (Autoscaler.of(one) for one in self.manifests if one.kind == HPA)
        return [one for one in found if one is not None and one.owner is None]

    def of_kind(self, *kinds: str) -> list[Manifest]:
        """Objects of these kinds."""
        return [one for one in self.manifests if one.kind in kinds]

    def template(self, scaler: Manifest, workload: tuple[str, str]) -> PodShape | None:
        """What the pods of a workload ask for, by its template; None where it is not among what was read."""
        try:
            shapes = {PodShape.of(part(one.spec, "template", "spec")) for one in self._near(scaler, workload)}
        except (
            AttributeError,
            TypeError,
            ValueError,
            ArithmeticError,
        ):  # the API server refuses such a workload
            return None
        return shapes.pop() if len(shapes) == 1 else None

    def sidecars(self, scaler: Manifest, workload: tuple[str, str]) -> frozenset[str]:
        """Names of a workload's init containers, of which KEDA's webhook knows nothing and the HPA does."""
        pods = [part(one.spec, "template", "spec") for one in self._near(scaler, workload)]
        return frozenset(str(one.get("name")) for pod in pods for one in items(pod, "initContainers"))

    def _near(self, scaler: Manifest, workload: tuple[str, str]) -> list[Manifest]:
        """Whole manifests of a workload: of the autoscaler's own folder, where there are any."""
        found = self._workloads.get((scaler.namespace, *workload), [])
        near = [one for one in found if one.folder == scaler.folder] or found
        return [one for one in near if _has_template(one)]

    @cached_property
    def _workloads(self) -> Mapping[Place, list[Manifest]]:
        """By place: a large cluster has thousands of them."""
        found: dict[Place, list[Manifest]] = defaultdict(list)
        for one in self.of_kind(*WORKLOADS):
            found[(one.namespace, one.kind, one.name)].append(one)
        return found

    def filled_in(self, scaler: Manifest, resource: str) -> bool:
        """Whether a LimitRange gives containers without a request one of their own, or may do so unseen."""
        if not self.limits_known:
            return True
        for one in self.of_kind("LimitRange"):
            if one.namespace != scaler.namespace:
                continue
            for limit in items(one.spec, "limits"):
                said = {**part(limit, "default"), **part(limit, "defaultRequest")}
                if limit.get("type") == "Container" and quantity(said.get(resource)) is not None:
                    return True
        return False

    def rivals(self) -> list[list[Scaled | Autoscaler]]:
        """Autoscalers of one workload, where there are several; a paused ScaledObject is one of them, as KEDA's webhook sees it."""
        groups: dict[tuple[str, str, str, str], dict[tuple[str, str], Scaled | Autoscaler]] = defaultdict(
            dict
        )
        everybody: Iterable[Scaled | Autoscaler] = [*self.scaled_objects(), *self.autoscalers()]
        for one in everybody:
            manifest = one.manifest
            group = groups[(manifest.folder, manifest.namespace, *one.workload)]
            group.setdefault((manifest.kind, manifest.name), one)
        return [several for group in groups.values() if len(several := _unhanded(list(group.values()))) > 1]


def lacking(shape: PodShape, resource: str, container: str | None) -> list[str]:
    """Containers without a request for a resource, as the HPA will look for it.

    Args:
        shape: of the pods.
        resource: `cpu` or `memory`.
        container: the one that is meant; None for all of the pod, whose own request then comes first.
    """
    if container is None and _request(shape.whole, resource):
        return []
    return [
        name for name, said in shape.containers if container in (None, name) and not _request(said, resource)
    ]


def _request(said: Quantities, resource: str) -> bool:
    return (said.cpu_request if resource == "cpu" else said.memory_request) is not None


def _has_template(workload: Manifest) -> bool:
    """A patch of a Deployment often names no containers, or some of them without an image."""
    containers = items(part(workload.spec, "template", "spec"), "containers")
    return bool(containers) and all(one.get("image") for one in containers)


def _unhanded(several: list[Scaled | Autoscaler]) -> list[Scaled | Autoscaler]:
    """Without the HPAs that a ScaledObject of the same workload is to take over, or that KEDA is told to leave beside a paused one."""
    taken = {
        str(part(one.spec, "advanced", "horizontalPodAutoscalerConfig").get("name"))
        for one in several
        if isinstance(one, Scaled)
        and one.manifest.annotations.get("scaledobject.keda.sh/transfer-hpa-ownership") == "true"
    }
    resting = all(one.paused is not None for one in several if isinstance(one, Scaled))
    return [
        one
        for one in several
        if isinstance(one, Scaled)
        or not (
            one.manifest.name in taken or (resting and str(one.manifest.annotations.get(_LEFT)) == "false")
        )
    ]
