"""ScaledObjects and HPAs as the rules see them: defaults filled in as KEDA and the API server would.

A piece of one (a kustomize patch without triggers) is none. Whatever is of the wrong type counts as not said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from helios.doctor import readings
from helios.doctor.api_versions import in_v2
from helios.doctor.manifests import Manifest, items, part
from helios.operator.footprints import quantity

RESOURCES = frozenset({"cpu", "memory"})
DEFAULT_MAXIMUM = 100
"""KEDA's, where maxReplicaCount is not said (`GetHPAMaxReplicas`)."""
_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger of a ScaledObject.

    Attributes:
        number: from one.
        body: as it is written.
    """

    number: int
    body: Mapping[str, Any]

    @property
    def type(self) -> str:
        """Such as `prometheus`."""
        return str(self.body.get("type") or "")

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the scaler is told."""
        return part(self.body, "metadata")

    @property
    def metric_type(self) -> str:
        """With KEDA's default, which cpu and memory have none of; there alone `metadata.type` says it as well."""
        if self.type in RESOURCES:
            return str(self.body.get("metricType") or self.metadata.get("type") or "")
        return str(self.body.get("metricType") or "AverageValue")

    @property
    def query(self) -> str | None:
        """The PromQL of a prometheus trigger."""
        query = self.metadata.get("query")
        return query if self.type == "prometheus" and isinstance(query, str) and query.strip() else None

    @property
    def threshold(self) -> float | None:
        """What the value is divided by; None where it is no number yet."""
        return as_number(self.metadata.get("threshold"))

    @property
    def reads_nothing_as_zero(self) -> bool:
        """Whether an empty result is a zero to KEDA, and no error."""
        said = self.metadata.get("ignoreNullValues")
        return self.type == "prometheus" and (readings.truth(said) is True or not readings.said(said))

    def __str__(self) -> str:
        name = self.body.get("name")
        return f"trigger {self.number} ({self.type}{f' {name!r}' if name else ''})"


@dataclass(frozen=True, slots=True)
class Scaled:
    """One ScaledObject.

    Attributes:
        manifest: it.
        triggers: in their order.
    """

    manifest: Manifest
    triggers: tuple[Trigger, ...]

    @classmethod
    def of(cls, manifest: Manifest) -> Self | None:
        """None where it is only a piece of one."""
        spec = manifest.spec
        triggers = tuple(Trigger(i, one) for i, one in enumerate(items(spec, "triggers"), 1))
        complete = bool(triggers) and bool(part(spec, "scaleTargetRef").get("name"))
        return cls(manifest, triggers) if complete else None

    @property
    def spec(self) -> Mapping[str, Any]:
        """What is wanted."""
        return self.manifest.spec

    def says(self, field: str) -> bool:
        """Whether the spec has a field; one of null is not said, as the API server has it."""
        return self.spec.get(field) is not None

    @property
    def workload(self) -> tuple[str, str]:
        """Kind and name of what it scales."""
        return reference(self.spec)

    @property
    def outside(self) -> tuple[Trigger, ...]:
        """Triggers that KEDA asks somebody for: all but cpu and memory."""
        return tuple(one for one in self.triggers if one.type not in RESOURCES)

    @property
    def minimum(self) -> int | None:
        """As it is said; KEDA's default is zero."""
        return as_count(self.spec.get("minReplicaCount"))

    @property
    def idle(self) -> int | None:
        """What it is taken to while no trigger is active, in the place of the minimum."""
        return as_count(self.spec.get("idleReplicaCount"))

    @property
    def floor(self) -> int | None:
        """The least that it can come to, with KEDA's default; None where that is not known yet."""
        if self.idle is not None:
            return self.idle
        return self.minimum if self.says("minReplicaCount") else 0

    @property
    def maximum(self) -> int:
        """With KEDA's default."""
        said = as_count(self.spec.get("maxReplicaCount"))
        return DEFAULT_MAXIMUM if said is None else said

    @property
    def modifiers(self) -> Mapping[str, Any]:
        """`scalingModifiers`: where there is a formula, the HPA sees nothing else."""
        return part(self.spec, "advanced", "scalingModifiers")

    @property
    def behavior(self) -> Mapping[str, Any]:
        """What the HPA that KEDA makes is told of its steps."""
        return part(self.spec, "advanced", "horizontalPodAutoscalerConfig", "behavior")

    @property
    def paused(self) -> str | None:
        """The annotation that pauses it, and with it deletes its HPA (`NeedToBePausedByAnnotation`)."""
        annotations = self.manifest.annotations
        if "autoscaling.keda.sh/paused-replicas" in annotations:
            return "autoscaling.keda.sh/paused-replicas"
        said = annotations.get("autoscaling.keda.sh/paused")
        return None if said is None or readings.truth(said) is False else "autoscaling.keda.sh/paused"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of an HPA.

    Attributes:
        type: `Resource`, `ContainerResource`, `External`, `Pods` or `Object`.
        name: of the resource or of the metric.
        target: `Utilization`, `AverageValue` or `Value`.
        container: of a ContainerResource.
        selector: labels an external metric is chosen by.
        amount: that its value is compared with; None where that is not known.
    """

    type: str
    name: str
    target: str
    container: str | None = None
    selector: Mapping[str, str] | None = None
    amount: float | None = None


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """One HPA, of whatever version of its API.

    Attributes:
        manifest: it.
        metrics: with the API server's default: cpu, where none is said.
        behavior: what it is told of its steps.
    """

    manifest: Manifest
    metrics: tuple[Metric, ...]
    behavior: Mapping[str, Any]

    @classmethod
    def of(cls, manifest: Manifest) -> Self | None:
        """None where it is only a piece of one."""
        spec = manifest.spec
        if not part(spec, "scaleTargetRef").get("name") or "maxReplicas" not in spec:
            return None
        converted = in_v2(manifest.body)
        metrics = tuple(_metric(one) for one in items(converted, "metrics"))
        return cls(
            manifest, metrics or (Metric("Resource", "cpu", "Utilization"),), part(converted, "behavior")
        )

    @property
    def workload(self) -> tuple[str, str]:
        """Kind and name of what it scales."""
        return reference(self.manifest.spec)

    @property
    def owner(self) -> str | None:
        """The ScaledObject that KEDA has made it from."""
        for one in items(self.manifest.metadata, "ownerReferences"):
            if one.get("kind") == "ScaledObject":
                return str(one.get("name"))
        return None


def reference(spec: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and name of `scaleTargetRef`; KEDA's default kind is Deployment."""
    found = part(spec, "scaleTargetRef")
    return str(found.get("kind") or "Deployment"), str(found.get("name") or "")


def as_number(value: Any) -> float | None:
    """A number, written as text or not."""
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def as_count(value: Any) -> int | None:
    """A whole number that is not yet a template, and of the 32 bits that the API server takes."""
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST
    return value if whole else None


def _metric(body: Mapping[str, Any]) -> Metric:
    kind = str(body.get("type") or "")
    source = part(body, kind[:1].lower() + kind[1:])
    name, target = source.get("name") or part(source, "metric").get("name") or "", part(source, "target")
    said = str(target.get("type") or "Value")
    amount = quantity(target.get(said[:1].lower() + said[1:]))
    chosen = part(source, "metric", "selector", "matchLabels")
    container = source.get("container")
    return Metric(
        kind,
        str(name),
        said,
        None if container is None else str(container),
        {str(key): str(value) for key, value in chosen.items()},
        None if amount is None else float(amount),
    )
