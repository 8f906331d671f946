"""An HPA or a ScaledObject as its user wrote it: the parts that an import reads, checked at this door.

Read as `autoscaling/v2` (`k8s.io/api/autoscaling/v2/types.go`) and KEDA 2.21 (`apis/keda/v1alpha1/scaledobject_types.go`) have
them; what is not read is ignored. One that has another form is an error of its own and costs no other. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from helios.operator.adoptions import Kind
from helios.operator.marks import FORM, PAUSED, PAUSED_AT, is_set

Place = tuple[str, str, str]
"""Namespace, kind and name of a workload."""

_TRACES = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "meta.helm.sh/release-name": "Helm",
}
"""What those who deploy write on what they deploy."""


class UnreadableError(ValueError):
    """The object has not the form of its kind; the message names the first field."""


class Part(BaseModel):
    """Some of what Kubernetes has there; null is absent, as servers read it."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)


class Reference(Part):
    """A workload."""

    name: str = Field(min_length=1)
    kind: str = "Deployment"
    api_version: str = "apps/v1"


class MetricTarget(Part):
    """What a metric is held against."""

    average_utilization: int | None = None
    average_value: str | int | float | None = None
    value: str | int | float | None = None

    def __str__(self) -> str:
        if self.average_utilization is not None:
            return f"{self.average_utilization} % of the request"
        return str(self.value) if self.average_value is None else f"{self.average_value} per pod"


class Source(Part):
    """One of an HPA's metrics, whichever its type: `resource`, `containerResource`, `pods`, `object`, `external`."""

    name: str = ""
    container: str = ""
    metric: Mapping[str, Any] = {}
    target: MetricTarget = MetricTarget()


class Metric(Part):
    """One of an HPA's metrics."""

    type: str
    resource: Source | None = None
    container_resource: Source | None = None
    pods: Source | None = None
    object: Source | None = None
    external: Source | None = None

    @property
    def source(self) -> Source:
        """The part that its type names."""
        named = {
            "Resource": self.resource,
            "ContainerResource": self.container_resource,
            "Pods": self.pods,
            "Object": self.object,
            "External": self.external,
        }
        return named.get(self.type) or Source()


class Policy(Part):
    """So many pods or percent in so many seconds."""

    type: Literal["Pods", "Percent"]
    value: int = Field(ge=1)
    period_seconds: int = Field(ge=1)


class Direction(Part):
    """How an HPA scales in one direction."""

    stabilization_window_seconds: int | None = None
    select_policy: Literal["Max", "Min", "Disabled"] | None = None
    policies: tuple[Policy, ...] | None = None
    tolerance: str | int | float | None = None


class Behavior(Part):
    """How an HPA scales."""

    scale_up: Direction | None = None
    scale_down: Direction | None = None


class Trigger(Part):
    """One of a ScaledObject's."""

    type: str
    name: str = ""
    metric_type: str | None = None
    metadata: Mapping[str, str] = {}
    authentication_ref: Mapping[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.type} {self.name}".rstrip()


class Fallback(Part):
    """What KEDA does while its triggers fail."""

    failure_threshold: int
    replicas: int
    behavior: str | None = None


class Modifiers(Part):
    """A formula over triggers."""

    formula: str | None = None


class HpaConfig(Part):
    """What the HPA that KEDA makes is told."""

    behavior: Behavior | None = None


class Advanced(Part):
    """A ScaledObject's finer points."""

    horizontal_pod_autoscaler_config: HpaConfig | None = None
    restore_to_original_replica_count: bool = False
    scaling_modifiers: Modifiers | None = None


class Spec(Part):
    """Of an HPA or of a ScaledObject; what the other kind alone has is absent."""

    scale_target_ref: Reference
    min_replicas: int | None = None
    max_replicas: int | None = None
    metrics: tuple[Metric, ...] = ()
    behavior: Behavior | None = None
    min_replica_count: int | None = None
    max_replica_count: int | None = None
    idle_replica_count: int | None = None
    triggers: tuple[Trigger, ...] = ()
    advanced: Advanced = Advanced()
    fallback: Fallback | None = None


class Owner(Part):
    """Whose an object is."""

    kind: str
    name: str
    controller: bool = False


class Condition(Part):
    """What a controller says."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


class Metadata(Part):
    """Whose and what it is."""

    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    owner_references: tuple[Owner, ...] = ()


class Status(Part):
    """What controllers say of it."""

    conditions: tuple[Condition, ...] = ()


class Autoscaler(Part):
    """An HPA or a ScaledObject."""

    kind: Kind
    metadata: Metadata
    spec: Spec
    status: Status = Status()

    @classmethod
    def of(cls, kind: Kind, body: object) -> Self:
        """From the object as listed, whose items do not say their kind.

        Raises:
            UnreadableError: it has another form.
        """
        try:
            return cls.model_validate({**_present(body), "kind": kind})
        except (ValidationError, TypeError, RecursionError) as error:
            raise UnreadableError(_worded(error)) from error

    def __str__(self) -> str:
        return f"{self.kind} {self.metadata.name}"

    @property
    def place(self) -> Place:
        """The workload."""
        reference = self.spec.scale_target_ref
        return self.metadata.namespace, reference.kind, reference.name

    @property
    def behavior(self) -> Behavior:
        """How it scales, wherever its kind says so."""
        config = self.spec.advanced.horizontal_pod_autoscaler_config
        found = self.spec.behavior if config is None else config.behavior
        return found or Behavior()

    @property
    def maker(self) -> str:
        """The ScaledObject that KEDA made this HPA for; empty for any other."""
        owners = self.metadata.owner_references
        return next((owner.name for owner in owners if owner.kind == "ScaledObject"), "")

    @property
    def is_managed(self) -> bool:
        """Whether the operator of Helios wrote it."""
        return FORM in self.metadata.annotations

    @property
    def controller(self) -> Owner | None:
        """Another controller that owns it, and may write it back."""
        return next((owner for owner in self.metadata.owner_references if owner.controller), None)

    @property
    def deployer(self) -> str:
        """Who deploys it from Git or a chart, by its marks; empty where there are none."""
        marks = {**self.metadata.labels, **self.metadata.annotations}
        return next((who for mark, who in _TRACES.items() if mark in marks), "")

    @property
    def paused(self) -> bool:
        """Whether KEDA has taken its HPA away; as KEDA reads its annotations, where any word but a no is a yes."""
        marks = self.metadata.annotations
        return PAUSED_AT in marks or is_set(marks, PAUSED)


def _present(body: object) -> dict[str, Any]:
    """Without what is null, however deep."""
    if not isinstance(body, Mapping):
        raise TypeError("it is no object")
    return {str(name): _without_null(value) for name, value in body.items() if value is not None}


def _without_null(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _without_null(one) for name, one in value.items() if one is not None}
    return [_without_null(one) for one in value] if isinstance(value, list) else value


def _worded(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
