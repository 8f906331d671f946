"""The HeliosTarget as Kubernetes holds it: its spec, its status, and one value for an object as it was last seen.

The CustomResourceDefinition is generated from these models. An object that cannot be used becomes a value too, with the
problem in words, so that one bad target never costs another its cycle. Nothing here talks to Kubernetes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from helios.operator.adoptions import ADOPTED, FINALIZER, Original
from helios.operator.annotations import NOTHING, Asked, asked
from helios.operator.queries import problem as query_problem
from helios.targets import Name, Percent, QueryPolicy, Wishes
from helios.values import Count, Strict
from scoring.policies import Target

GROUP = "helios.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "HeliosTarget"
PLURAL = "heliostargets"

NAME_LENGTH = 63
"""A HeliosTarget's name is its ScaledObject's, which KEDA puts into a label."""

Fill = Callable[[dict[str, Any]], dict[str, Any]]
"""Puts the operator's own defaults under what a target does not say."""


class ScaleTargetRef(Strict):
    """The workload, always of the target's own namespace: there is no `namespace` here on purpose."""

    api_version: Annotated[
        str, Field(max_length=253, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9][a-z0-9]*$")
    ] = Field("apps/v1", description="API group and version of the workload.")
    kind: Annotated[str, Field(max_length=63, pattern=r"^[A-Z][A-Za-z0-9]*$")] = Field(
        "Deployment", description="Kind of the workload: anything with a scale subresource."
    )
    name: Name = Field(description="Name of the workload, in the target's own namespace.")


class AuthenticationRef(Strict):
    """KEDA's credentials for Prometheus."""

    name: Name = Field(description="Name of the TriggerAuthentication or ClusterTriggerAuthentication.")
    kind: Literal["TriggerAuthentication", "ClusterTriggerAuthentication"] = Field(
        "TriggerAuthentication", description="One of the target's namespace, or one of the cluster."
    )


class FallbackSpec(Strict):
    """What KEDA does while the forecast is absent."""

    failure_threshold: Annotated[int, Field(ge=0, le=1000)] = Field(
        3, description="After more than so many failed queries in a row KEDA falls back."
    )
    replicas: Count | None = Field(
        None,
        description="To at least so many replicas; never below the current count. Without it: replicas.min.",
    )


class AdoptRef(Strict):
    """The autoscaler that the workload has, and that Helios is to take over."""

    kind: Literal["HorizontalPodAutoscaler", "ScaledObject"] = Field(
        description="What it is. Of an HPA that KEDA made, name the ScaledObject."
    )
    name: Name = Field(description="Its name, in the target's own namespace.")


class KedaSpec(Strict):
    """What the ScaledObject that Helios writes needs to know."""

    server_address: Annotated[str, Field(max_length=2048, pattern=r"^https?://\S+$")] | None = Field(
        None,
        description="Address of Prometheus as KEDA reaches it. Without it the operator's setting "
        "keda.server_address counts.",
    )
    authentication_ref: AuthenticationRef | None = Field(
        None,
        description="KEDA's credentials for that address. Without both, the operator's setting "
        "keda.authentication_ref counts.",
    )
    cpu_guard: Percent = Field(
        80,
        description="CPU utilization, in percent, at which the reactive trigger beside the forecast scales up.",
    )
    fallback: FallbackSpec = Field(FallbackSpec(), description="What KEDA does while the forecast is absent.")
    adopt: AdoptRef | None = Field(
        None,
        description="The autoscaler to take over while mode is Autoscale; it is given back as it was when Autoscale is "
        "left, or the target is deleted.",
    )


class HeliosTargetSpec(Wishes):
    """What is wanted for one workload."""

    scale_target_ref: ScaleTargetRef = Field(description="The workload, in the target's own namespace.")
    keda: KedaSpec = Field(KedaSpec(), description="What the ScaledObject that Helios writes needs to know.")

    @model_validator(mode="after")
    def _fallback_fits(self) -> Self:
        replicas = self.keda.fallback.replicas
        if replicas is not None and replicas > self.replicas.max:
            raise ValueError(f"keda.fallback.replicas {replicas} is above replicas.max {self.replicas.max}")
        return self

    def target(self, namespace: str) -> Target:
        """The wish for this workload of `namespace`, as the core takes it."""
        ref = self.scale_target_ref
        return self.parsed(namespace, ref.name, ref.kind, guard=self.keda.cpu_guard)


class ConditionStatus(Strict):
    """One condition, as all of Kubernetes writes them."""

    type: Annotated[str, Field(max_length=316)] = Field(
        description="Ready, DataAvailable, ForecastReady or Scaling."
    )
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="Why, in one word for machines."
    )
    message: Annotated[str, Field(max_length=32768)] = Field(description="Why, in words for people.")
    observed_generation: Annotated[int, Field(ge=0)] | None = Field(
        None, description="The generation of the spec that this is about."
    )
    last_transition_time: datetime = Field(description="When status last changed.")


class ReplicaStatus(Strict):
    """Replica counts of the last cycle that changed something."""

    current: Annotated[int, Field(ge=0)] | None = Field(None, description="As they are.")
    recommended: Annotated[int, Field(ge=0)] | None = Field(
        None, description="As recommended, within bounds and steps."
    )
    uncapped: Annotated[int, Field(ge=0)] | None = Field(
        None, description="As demand alone asks for, before bounds, steps and hold-down."
    )


class AnomalyStatus(Strict):
    """How unusual demand is."""

    severity: Annotated[str, Field(max_length=63)] | None = Field(
        None, description="normal, warning or critical."
    )
    score: Annotated[str, Field(max_length=63)] | None = Field(
        None,
        description="Band of the score in sigmas, while abnormal of its highest; the exact score is a gauge.",
    )
    kind: Annotated[str, Field(max_length=63)] | None = Field(
        None, description="spike, drop, shift or drift; absent while normal."
    )
    since: Annotated[str, Field(max_length=63)] | None = Field(
        None, description="When it began; absent while normal."
    )
    metric: Annotated[str, Field(max_length=63)] | None = Field(
        None, description="The metric that says most about it; absent while normal."
    )
    muted: Annotated[str, Field(max_length=1024)] | None = Field(
        None, description="Why it raises no alarm: acknowledged, or muted until when; absent where it would."
    )
    text: Annotated[str, Field(max_length=1024)] | None = Field(
        None, description="What was expected and what came, and what Helios did; as of the last write."
    )
    problem: Annotated[str, Field(max_length=1024)] | None = Field(
        None, description="An annotation that cannot be read, and what to write; absent where there is none."
    )


class HeliosTargetStatus(Strict):
    """What Helios last said of the target; written when a coarse field changes, not every cycle."""

    observed_generation: Annotated[int, Field(ge=0)] | None = Field(
        None, description="The generation of the spec that this status is about."
    )
    conditions: Annotated[tuple[ConditionStatus, ...], Field(max_length=16)] = Field(
        (), description="Ready, DataAvailable, ForecastReady and Scaling, each with its reason."
    )
    replicas: ReplicaStatus | None = Field(None, description="Replica counts: current and recommended.")
    model: Annotated[str, Field(max_length=253)] | None = Field(
        None, description="The forecaster that decides, or reactive."
    )
    ledger: Annotated[str, Field(max_length=1024)] | None = Field(
        None, description="Actual against recommended, in one line."
    )
    reason: Annotated[str, Field(max_length=1024)] | None = Field(None, description="The decision in words.")
    why: Annotated[str, Field(max_length=1024)] | None = Field(
        None, description="Who forecasts, and how that compares with persistence; as of the last write."
    )
    skill: Annotated[str, Field(max_length=63)] | None = Field(
        None, description="Band of the forecast's skill over persistence."
    )
    anomaly: AnomalyStatus | None = Field(None, description="How unusual demand is.")
    scaled_object: Annotated[str, Field(max_length=253)] | None = Field(
        None, description="Name of the ScaledObject that Helios manages; absent where there is none."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeliosTarget:
    """One object as it was last seen.

    Attributes:
        namespace: its own, and its workload's.
        name: its own.
        uid: its identity; empty where the object has none.
        generation: of its spec; 0 where the object has none.
        created: UNIX seconds; 0 where the object does not say.
        reference: apiVersion, kind and name of the workload, read from an invalid spec too; empty where absent.
        spec: what is wanted, the operator's defaults included; None where it cannot be used.
        problem: why `spec` is None: field, value and remedy in one line.
        not_allowed: whether the problem is one of tenancy, not of shape.
        asked: what its annotations ask for.
        status: as last seen.
        original: what it has adopted, as it was before; None where nothing, or where the annotation cannot be read.
        garbled: whether there is such an annotation that cannot be read.
        finalizers: all of them.
        deleting: whether it is on its way out, and waits for its finalizers.
        resource_version: of the object as it was seen.
    """

    namespace: str
    name: str
    uid: str = ""
    generation: int = 0
    created: float = 0.0
    reference: tuple[str, str, str] = ("", "", "")
    spec: HeliosTargetSpec | None = None
    problem: str | None = None
    not_allowed: bool = False
    asked: Asked = NOTHING
    status: Mapping[str, Any] = field(default_factory=dict)
    original: Original | None = None
    garbled: bool = False
    finalizers: tuple[str, ...] = ()
    deleting: bool = False
    resource_version: str = ""

    @classmethod
    def of(cls, body: Mapping[str, Any], *, fill: Fill, queries: QueryPolicy) -> HeliosTarget:
        """The value of an object as the API server gave it. Never raises, whatever it is.

        Args:
            body: the object.
            fill: puts the operator's own defaults under what the spec does not say.
            queries: whether the spec may bring PromQL of its own.
        """
        metadata, status = _mapping(body, "metadata"), _mapping(body, "status")
        namespace = _text(metadata, "namespace")
        name = _text(metadata, "name")
        spec, problem = _parsed(body.get("spec") if isinstance(body, Mapping) else None, name, fill)
        refused = _refused(spec, namespace, queries) if spec else None
        generation, kept = metadata.get("generation"), _mapping(metadata, "annotations").get(ADOPTED)
        original = Original.parsed(kept if isinstance(kept, str) else None)
        return cls(
            namespace=namespace,
            name=name,
            uid=_text(metadata, "uid"),
            generation=generation if isinstance(generation, int) else 0,
            created=_seconds(metadata.get("creationTimestamp")),
            reference=_reference(_mapping(body, "spec")),
            spec=None if refused else spec,
            problem=refused or problem,
            not_allowed=refused is not None,
            asked=asked(metadata),
            status=status,
            original=original,
            garbled=original is None and kept is not None,
            finalizers=_texts(metadata, "finalizers"),
            deleting=bool(metadata.get("deletionTimestamp")),
            resource_version=_text(metadata, "resourceVersion"),
        )

    @property
    def guarded(self) -> bool:
        """Whether it waits for us before it goes: it has adopted something, or was about to."""
        return FINALIZER in self.finalizers

    def owner_reference(self) -> dict[str, Any]:
        """What makes this object the owner of another: the other goes when this goes."""
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
        }


def _mapping(body: object, key: str) -> Mapping[str, Any]:
    found = body.get(key) if isinstance(body, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _text(body: Mapping[str, Any], key: str) -> str:
    found = body.get(key)
    return found if isinstance(found, str) else ""


def _texts(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = body.get(key)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list | tuple) else ()


def _seconds(timestamp: object) -> float:
    try:
        return datetime.fromisoformat(timestamp).timestamp() if isinstance(timestamp, str) else 0.0
    except (ValueError, OverflowError):
        return 0.0


def _reference(spec: Mapping[str, Any]) -> tuple[str, str, str]:
    """The workload's apiVersion, kind and name, from whatever the spec is; empty where there is no name."""
    ref = _mapping(spec, "scaleTargetRef")
    name = _text(ref, "name")
    return (
        (_text(ref, "apiVersion") or "apps/v1", _text(ref, "kind") or "Deployment", name)
        if name
        else ("", "", "")
    )


def _parsed(raw: object, name: str, fill: Fill) -> tuple[HeliosTargetSpec | None, str | None]:
    """The spec, or why there is none."""
    if len(name) > NAME_LENGTH:
        return None, f"metadata.name has {len(name)} characters: KEDA takes no name longer than {NAME_LENGTH}"
    if not isinstance(raw, Mapping):
        return None, "spec is missing: give at least spec.scaleTargetRef.name"
    try:
        return HeliosTargetSpec.model_validate(fill(dict(raw))), None
    except ValidationError as error:
        first, *others = error.errors(include_url=False)
        more = f" (and {len(others)} more)" if others else ""
        return None, _worded(first) + more


def _worded(error: ErrorDetails) -> str:
    """One of pydantic's errors as field, value and remedy."""
    where = ".".join(("spec", *(str(part) for part in error["loc"])))
    if error["type"] == "extra_forbidden":
        return f"{where} is not a field: see kubectl explain {KIND.lower()}.spec"
    if error["type"] == "missing":
        return f"{where} is missing"
    value = "" if isinstance(error["input"], Mapping | list | tuple) else f" = {_short(error['input'])}"
    return f"{where}{value}: {error['msg'].removeprefix('Value error, ').removeprefix('Input ')}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _refused(spec: HeliosTargetSpec, namespace: str, policy: QueryPolicy) -> str | None:
    """Why this spec may not be used here, although it is well formed."""
    for i, metric in enumerate(spec.metrics):
        problem = query_problem(metric.query, namespace, policy) if metric.query is not None else None
        if problem:
            return f"spec.metrics.{i}.query: {problem}"
    return None
