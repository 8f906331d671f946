"""What may be asked: the bodies of /predict, /detect and /recommend.

Unknown names, text where a number is due, NaN and absurd numbers are refused. A metric that is null counts as not
given. What a body must hold at least is said in its JSON schema too, so that a client's generator knows it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Utilization = Annotated[float | None, Field(ge=0, le=1000)]
Amount = Annotated[float | None, Field(ge=0, le=1e18)]


def _whole(value: Any) -> Any:
    """2.0 is an integer in JSON; 2.5, "2" and true are not."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
Name = Annotated[str | None, Field(min_length=1, max_length=253)]

PREDICTABLE = ("cpu_utilization", "memory_utilization")
SCORABLE = (*PREDICTABLE, "memory_bytes", "db_cpu", "db_memory", "db_connections")


def _holds(*names: str) -> dict[str, Any]:
    """JSON schema: these are there and not null."""
    return {"required": list(names), "properties": {name: {"not": {"type": "null"}} for name in names}}


def _lacks(*names: str) -> dict[str, Any]:
    """JSON schema: these are null or not there."""
    return {"properties": {name: {"type": "null"} for name in names}}


def _any_metric(*names: str) -> dict[str, Any]:
    """JSON schema: `metrics` is there and holds at least one of these."""
    metrics = {"type": "object", "anyOf": [_holds(name) for name in names]}
    return {"required": ["metrics"], "properties": {"metrics": metrics}}


_TARGET, _NO_TARGET = _holds("namespace", "deployment"), _lacks("namespace", "deployment")


class Question(BaseModel):
    """The strictness that all bodies share."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Metrics(Question):
    """A snapshot. Utilisations are ratios: 0.45 is 45 %, above 1 is more than what was requested."""

    cpu_utilization: Utilization = Field(None, description="CPU used / CPU requested", examples=[0.45])
    memory_utilization: Utilization = Field(
        None, description="memory used / memory requested", examples=[0.62]
    )
    memory_bytes: Amount = Field(None, examples=[536870912])
    db_cpu: Utilization = Field(None, description="the database's CPU utilisation", examples=[0.30])
    db_memory: Utilization = Field(None, description="the database's memory utilisation", examples=[0.55])
    db_connections: Amount = Field(None, examples=[15])

    def values(self) -> dict[str, float]:
        """What was given, by name."""
        return {name: value for name, value in self.__dict__.items() if value is not None}


class PredictQuestion(Question):
    """A snapshot, or the namespace and deployment of a live target (then metrics are not needed)."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"allOf": [_any_metric(*PREDICTABLE), _NO_TARGET]}, _TARGET],
            "examples": [{"metrics": {"cpu_utilization": 0.45, "memory_utilization": 0.62}, "periods": 12}],
        }
    )

    metrics: Metrics | None = None
    periods: Whole = Field(12, ge=1, le=288, description="how many periods (of 5 minutes, for a snapshot)")
    model: Literal["baseline", "prophet", "auto"] = Field(
        "auto", description="which model answers a snapshot"
    )
    namespace: Name = None
    deployment: Name = None

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if not _whole_target(self.namespace, self.deployment):
            _require(self.metrics, PREDICTABLE)
        return self


class DetectQuestion(Question):
    """A snapshot to be judged: by a live target's own history if its namespace and deployment are given, and by `recent`."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [_any_metric(*SCORABLE), {"anyOf": [_TARGET, _NO_TARGET]}],
            "examples": [{"metrics": {"cpu_utilization": 0.95, "memory_utilization": 0.88}}],
        }
    )

    metrics: Metrics
    recent: Annotated[list[Metrics], Field(max_length=288)] = Field(
        [],
        description="earlier snapshots, the oldest first, evenly apart (five minutes, as models are trained)",
    )
    hour: Annotated[float | None, Field(ge=0, lt=24)] = Field(
        None,
        description="UTC hour of the day at which it was taken; now, where it is not given",
        examples=[14.5],
    )
    namespace: Name = None
    deployment: Name = None

    @model_validator(mode="after")
    def _enough(self) -> Self:
        _whole_target(self.namespace, self.deployment)
        _require(self.metrics, SCORABLE)
        return self


class RecommendQuestion(Question):
    """A workload's present, and what somebody predicts for it. Nothing is looked up: see /targets for decisions."""

    namespace: Name = Field(None, examples=["saleor"])
    deployment: Name = Field(None, examples=["saleor-api"])
    current_replicas: Whole = Field(ge=1, le=100_000, examples=[2])
    current_metrics: Metrics = Field(examples=[{"cpu_utilization": 0.75, "memory_utilization": 0.60}])
    predicted_metrics: Metrics | None = Field(
        None, examples=[{"cpu_utilization": 0.85, "memory_utilization": 0.65}]
    )
    anomaly_score: Annotated[float | None, Field(ge=0, le=1e6)] = Field(None, examples=[1.2])


def _whole_target(namespace: str | None, deployment: str | None) -> bool:
    """Whether a live target is meant; half a name is refused."""
    if (namespace is None) != (deployment is None):
        missing = "namespace" if namespace is None else "deployment"
        raise ValueError(f"a live target needs namespace and deployment: add {missing} or leave both out")
    return namespace is not None


def _require(metrics: Metrics | None, names: tuple[str, ...]) -> None:
    """Refuse a snapshot that holds none of `names`."""
    if metrics is None or all(getattr(metrics, name) is None for name in names):
        raise ValueError(f"metrics must hold at least one of {', '.join(names)}")
