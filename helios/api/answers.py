"""The shapes of what is answered, for the OpenAPI document; the routes write the JSON itself.

Fields of the requirements come first, those of our own after them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """The process answers. `degraded`: no model is loaded, the loop has been silent for too long, or has `faults`."""

    status: Literal["healthy", "degraded"] = Field(examples=["healthy"])
    timestamp: datetime
    faults: dict[str, str] = Field(
        {}, description="stage -> what the last cycle could not do; only where there is any"
    )


class Liveness(BaseModel):
    """The process is alive; `heartbeat_age_seconds` is null where no loop runs in it."""

    alive: bool
    heartbeat_age_seconds: float | None


class Readiness(BaseModel):
    """A model is loaded and verified. Says nothing about Prometheus."""

    ready: bool
    models_loaded: list[str] = Field(examples=[["baseline"]])


class Model(BaseModel):
    """A model in force; `source` is its folder, or `bundled`."""

    name: str
    version: str
    format: str = Field(
        description="what it is for: `helios-reference/1` answers for snapshots, `helios-forecaster/1` knows fleets, "
        "`helios-expectations/1` metrics beside each other, `helios-snapshots/1` the snapshots of one service"
    )
    loaded_at: datetime
    metrics: dict[str, float] = Field(description="measured on the held-out part of its data")
    created_at: str
    source: str
    basis: str


class Models(BaseModel):
    """The models in force, and what is wrong with others."""

    models: list[Model]
    problems: list[str]


class Period(BaseModel):
    """One step ahead. `confidence_lower` and `_upper` are the P10 and P90 of CPU; null where CPU is not known."""

    period: int
    timestamp: datetime
    cpu_utilization: float | None
    memory_utilization: float | None
    confidence_lower: float | None
    confidence_upper: float | None
    memory_lower: float | None
    memory_upper: float | None


class Prediction(BaseModel):
    """`confidence`: probability that the first period falls inside its band, as measured; null where unknown."""

    predictions: list[Period]
    model_used: str = Field(
        examples=["auto: network"],
        description="who answered; of a forecaster that chooses, after a colon, who counts most in the first period",
    )
    confidence: float | None
    basis: str = Field(description="in words, what the answer rests on")


class Feature(BaseModel):
    """A metric's share of the score, its own deviation, and what was expected of it; null where nothing was."""

    feature: str
    contribution: float
    sigmas: float
    expected: float | None


class Unscored(BaseModel):
    """A metric that could not be judged, and why."""

    feature: str
    reason: str


class Detection(BaseModel):
    """`anomaly_score` in sigmas; contributions sum to 1, the largest first."""

    anomaly_score: float
    is_anomaly: bool
    threshold: float
    severity: Literal["normal", "warning", "critical"]
    contributing_features: list[Feature]
    basis: str
    unscored: list[Unscored]


class Band(BaseModel):
    """P10 and P90 of CPU utilisation at `execute_by`, at the present replicas."""

    lower: float
    upper: float


class Recommendation(BaseModel):
    """One thing to do; `target_replicas`, `confidence` and `band` are null unless it is about scaling."""

    type: Literal["scaling", "resource", "anomaly"]
    action: str = Field(examples=["scale_up"])
    target_replicas: int | None
    reason: str = Field(examples=["Predicted CPU 85% exceeds threshold 80%"])
    confidence: float | None = Field(
        description="probability that demand at `execute_by` stays under what `target_replicas` can serve"
    )
    urgency: Literal["low", "medium", "high"]
    execute_by: datetime
    band: Band | None
    request_factor: float | None = Field(description="for `resource`: multiply the present request by this")


class Recommendations(BaseModel):
    """What to do, the most urgent first."""

    recommendations: list[Recommendation]
    summary: str
    basis: str


class Replicas(BaseModel):
    """For KEDA's `metrics-api` trigger: `valueLocation: replicas`, `targetValue: "1"`, AverageValue."""

    replicas: int = Field(examples=[4])
