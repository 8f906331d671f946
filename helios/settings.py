"""Settings: one file (the requirements' `config.yaml`), the environment over it, both checked by name.

Read once at start and passed on as values; nothing else in the program reads the environment or this file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from helios.errors import SettingsError
from helios.targets import Name, QueryPolicy, TargetSpec

ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "HELIOS_HOST": ("service", "host"),
    "HELIOS_PORT": ("service", "port"),
    "HELIOS_LOG_LEVEL": ("service", "log_level"),
    "HELIOS_MODEL_PATH": ("models", "path"),
    "HELIOS_MODEL_REFRESH_INTERVAL": ("models", "refresh_seconds"),
    "HELIOS_METRICS_NAMESPACE": ("scoring", "namespace"),
    "HELIOS_METRICS_DEPLOYMENT": ("scoring", "deployment"),
    "HELIOS_SCORING_INTERVAL": ("scoring", "interval_seconds"),
    "HELIOS_STEP_SECONDS": ("scoring", "step_seconds"),
    "HELIOS_STATE_PATH": ("scoring", "state_path"),
    "HELIOS_CPU_SCALE_UP": ("thresholds", "cpu_scale_up"),
    "HELIOS_CPU_SCALE_DOWN": ("thresholds", "cpu_scale_down"),
    "HELIOS_MEMORY_WARNING": ("thresholds", "memory_warning"),
    "HELIOS_ANOMALY_THRESHOLD": ("thresholds", "anomaly_sigma"),
    "HELIOS_PROMETHEUS_URL": ("prometheus", "url"),
    "HELIOS_OPERATOR_URL": ("operator", "url"),
    "HELIOS_OPERATOR_PORT": ("operator", "port"),
    "HELIOS_LEASE_NAME": ("operator", "lease", "name"),
    "HELIOS_LEASE_NAMESPACE": ("operator", "lease", "namespace"),
    "HELIOS_LEASE_SECONDS": ("operator", "lease", "seconds"),
    "HELIOS_LEASE_IDENTITY": ("operator", "lease", "identity"),
    "HELIOS_LEASE_URL": ("operator", "lease", "url"),
    "HELIOS_KEDA_SERVER_ADDRESS": ("keda", "server_address"),
    "GCP_PROJECT_ID": ("prometheus", "gcp_project_id"),
}
"""Environment name -> key of the file."""

_SERVICE_LINK = re.compile(r"^HELIOS.*_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP).*)?)$")
"""What Kubernetes puts into a pod for each Service whose name begins with helios."""

Ratio = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class Section(BaseModel):
    """Unknown keys are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Service(Section):
    """Where the API listens."""

    host: str = "0.0.0.0"  # noqa: S104 - a container's port is reached from outside it
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Scoring(Section):
    """The loop's pace, its memory, and the single target of the requirements."""

    interval_seconds: Annotated[int, Field(ge=1, le=3600)] = 300
    step_seconds: Annotated[int, Field(ge=1, le=3600)] = 300
    history_seconds: Annotated[int, Field(ge=600, le=60 * 86_400)] = 7 * 86_400
    day_seconds: Annotated[int, Field(ge=60, le=86_400)] = 86_400
    namespace: Name | None = None
    deployment: Name | None = None
    state_path: Path | None = None
    snapshot_seconds: Annotated[int, Field(ge=1)] = 3600

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.namespace is None) != (self.deployment is None):
            raise ValueError("namespace and deployment go together: give both or neither")
        return self

    @model_validator(mode="after")
    def _day_of_steps(self) -> Self:
        if self.day_seconds < 4 * self.step_seconds:
            raise ValueError(
                f"day_seconds {self.day_seconds} is less than four of step_seconds {self.step_seconds}: "
                "a day needs steps to have a shape"
            )
        return self


class Thresholds(Section):
    """The stateless API's thresholds; `anomaly_sigma` is also every target's default."""

    cpu_scale_up: Ratio = 0.80
    cpu_scale_down: Ratio = 0.20
    memory_warning: Ratio = 0.85
    anomaly_sigma: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 2.5

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.cpu_scale_down >= self.cpu_scale_up:
            raise ValueError(
                f"cpu_scale_down {self.cpu_scale_down} is not below cpu_scale_up {self.cpu_scale_up}"
            )
        return self


class Scaling(Section):
    """Defaults of every target that does not say otherwise."""

    min_replicas: Annotated[int, Field(ge=1)] = 1
    max_replicas: Annotated[int, Field(ge=1)] = 10
    cooldown_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is above max_replicas {self.max_replicas}")
        return self


class Models(Section):
    """Where model folders live and how often they are looked at."""

    path: Path = Path("/app/models")
    refresh_seconds: Annotated[int, Field(ge=1)] = 3600


class Prometheus(Section):
    """How to reach Prometheus, or anything with its query API."""

    url: str | None = None
    gcp_project_id: str | None = None
    bearer_token_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    headers: dict[str, str] = {}
    parameters: dict[str, str] = {}
    matchers: dict[str, str] = {}
    verify: bool = True
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    window_seconds: Annotated[int, Field(ge=1, le=3600)] = 300

    @property
    def authenticates(self) -> bool:
        """Whether Helios itself needs credentials here; KEDA then needs its own."""
        return bool(
            self.bearer_token_file or self.username or self.cert_file or self.headers or self.gcp_project_id
        )


class Lease(Section):
    """Which Lease decides which of several operators publishes and writes; without a name this one always does."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")] | None = None
    namespace: Name | None = None
    seconds: Annotated[int, Field(ge=3, le=600)] = 15
    identity: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    url: Annotated[str, Field(pattern=r"^https?://")] | None = None


class Operator(Section):
    """The operator's own server, where `helios serve` finds it, and what it lets targets do."""

    host: str = "0.0.0.0"  # noqa: S104 - probes reach it from outside the pod
    port: Annotated[int, Field(ge=0, le=65_535)] = 8081
    url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    custom_queries: QueryPolicy = QueryPolicy.REFUSED
    relist_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    status_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    context: str | None = None
    lease: Lease = Lease()


class KedaAuthentication(Section):
    """KEDA's own way into Prometheus: a TriggerAuthentication of the target's namespace, or one for all."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    kind: Literal["TriggerAuthentication", "ClusterTriggerAuthentication"] = "ClusterTriggerAuthentication"


class Keda(Section):
    """What the ScaledObjects that Helios writes need to know; a target may say otherwise."""

    server_address: Annotated[str, Field(pattern=r"^https?://")] | None = None
    authentication_ref: KedaAuthentication | None = None


class Replay(Section):
    """A trace to replay instead of Prometheus: a CSV, or a folder of them, in the form of docs/replay.md."""

    path: Path
    per_replica: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    speed: Annotated[float, Field(gt=0, le=1e6)] = 1.0


class Settings(Section):
    """Everything that can be set."""

    service: Service = Service()
    scoring: Scoring = Scoring()
    thresholds: Thresholds = Thresholds()
    scaling: Scaling = Scaling()
    models: Models = Models()
    prometheus: Prometheus = Prometheus()
    operator: Operator = Operator()
    keda: Keda = Keda()
    replay: Replay | None = None
    targets: tuple[TargetSpec, ...] = ()

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.replay is not None and (self.prometheus.url or self.prometheus.gcp_project_id):
            raise ValueError("replay and prometheus are both set: a loop has one source, remove one of them")
        return self

    def target_specs(self) -> tuple[TargetSpec, ...]:
        """The list of the file and, first, the single target of the requirements if it is named."""
        namespace, deployment = self.scoring.namespace, self.scoring.deployment
        if namespace is None or deployment is None:
            return self.targets
        if any((t.namespace, t.deployment) == (namespace, deployment) for t in self.targets):
            return self.targets
        single = TargetSpec.model_validate(
            with_defaults({"namespace": namespace, "deployment": deployment}, self)
        )
        return (single, *self.targets)


def load_settings(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Settings of a file (None: defaults alone) with the environment over it.

    Raises:
        SettingsError: the file cannot be read, or a key or value is refused: named, with the remedy.
    """
    values = _file(path) if path is not None else {}
    for name, keys in ENVIRONMENT.items():
        if name in environment and not (_SERVICE_LINK.match(name) and environment[name].startswith("tcp://")):
            _put(values, keys, environment[name])
    _refuse_unknown(environment)
    defaults = _parsed({k: v for k, v in values.items() if k != "targets"}, path)
    targets = values.get("targets", [])
    if isinstance(targets, list):
        values["targets"] = [with_defaults(t, defaults) if isinstance(t, dict) else t for t in targets]
    return _parsed(values, path)


def with_defaults(target: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A target's own words over the file's `scaling` and `thresholds`."""
    filled = dict(target)
    replicas, behavior, anomaly = (
        {} if filled.get(k) is None else filled[k] for k in ("replicas", "behavior", "anomaly")
    )
    scaling = settings.scaling
    if isinstance(replicas, dict):
        filled["replicas"] = {"min": scaling.min_replicas, "max": scaling.max_replicas, **replicas}
    if isinstance(behavior, dict) and "cooldown_seconds" not in behavior:
        filled["behavior"] = {"cooldownSeconds": scaling.cooldown_seconds, **behavior}
    if isinstance(anomaly, dict) and all(
        anomaly.get(k) is None for k in ("alarmsPerWeek", "alarms_per_week")
    ):
        filled["anomaly"] = {"threshold": f"{settings.thresholds.anomaly_sigma:g}", **anomaly}
    return filled


def _file(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror or error}); give --config a readable file"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise SettingsError(
            f"{path}: holds a {type(loaded).__name__} where a mapping of sections is wanted (service, scoring, …)"
        )
    return loaded


def _put(values: dict[str, Any], keys: tuple[str, ...], value: str) -> None:
    *sections, last = keys
    place = values
    for section in sections:
        inner = place.get(section)
        place[section] = dict(inner) if isinstance(inner, dict) else {}
        place = place[section]
    place[last] = value


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    for name in environment:
        if name.startswith("HELIOS_") and name not in ENVIRONMENT and not _SERVICE_LINK.match(name):
            close = difflib.get_close_matches(name, ENVIRONMENT, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(ENVIRONMENT))}"
            raise SettingsError(f"environment: {name} is not a setting; {hint}")


def _parsed(values: dict[str, Any], path: Path | None) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        by_key = {keys: name for name, keys in ENVIRONMENT.items()}
        lines = []
        for e in error.errors():
            where = ".".join(str(part) for part in e["loc"]) or "settings"
            name = by_key.get(tuple(str(part) for part in e["loc"]))
            shown = f" (also {name} in the environment)" if name else ""
            secret = {"headers", "parameters", "username"} & set(map(str, e["loc"]))
            value = "" if secret or isinstance(e["input"], dict) else f" = {e['input']!r}"
            what = (
                "is not a setting"
                if e["type"] == "extra_forbidden"
                else e["msg"]
                .removeprefix("Value error, ")
                .replace("valid tuple", "list")
                .replace("a valid dictionary", "a mapping")
                .replace(" or object to extract fields from", "")
            )
            lines.append(f"{where}{shown}{value}: {what}")
        raise SettingsError(f"{path or 'settings'}: " + "; ".join(lines)) from error
