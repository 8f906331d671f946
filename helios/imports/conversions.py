"""An HPA or a ScaledObject, with its workload, as a HeliosTarget in Observe; and all that could not be copied, with why.

Bounds, target utilization, behaviour and hours are copied; the autoscaler itself is named in `keda.adopt`, so that Autoscale
takes it over instead of standing beside it. Nothing is bent in silence. Values alone: nothing is read or written here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from helios.imports import behaviors, metrics, remarks
from helios.imports.autoscalers import Autoscaler
from helios.imports.crons import CronDiffersError, CronRefusedError, hours
from helios.imports.metrics import Demand, QueryProblem
from helios.imports.remarks import Remark
from helios.operator.marks import is_set
from helios.operator.resources import API_VERSION, KIND, NAME_LENGTH, HeliosTargetSpec

IMPORTED = "helios.dev/imported"
"""Label of what an import made, to list it or to take it back."""
_KEDA_LEAST, _KEDA_MOST = 0, 100
"""KEDA's own defaults (`scaledobject_types.go: GetHPAMinReplicas, GetHPAMaxReplicas`)."""
_MOST_SCHEDULES = 50
_MOST_FAILURES = 1000
_HPA_NAME_LENGTH = 63
_AGED = re.compile("apps/v1(alpha|beta)[0-9]+")
"""Versions that no API server serves since Kubernetes 1.16, and that old charts still name."""


class ImpossibleError(ValueError):
    """No HeliosTarget can say this; the message says what."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an autoscaler becomes.

    Attributes:
        autoscaler: what it was.
        manifest: of the HeliosTarget.
        said: what was not copied, what was changed, and what to look at.
        suggestions: lines of YAML below `spec` that somebody may want.
    """

    autoscaler: Autoscaler
    manifest: Mapping[str, Any]
    said: tuple[Remark, ...]
    suggestions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the HeliosTarget."""
        return str(self.manifest["metadata"]["name"])


def imported(one: Autoscaler, name: str, *, cycle: int, may_not: QueryProblem) -> Imported:
    """The HeliosTarget of one autoscaler.

    Args:
        one: it alone scales its workload.
        name: of the target, see `target_name`.
        cycle: seconds between two of Helios' decisions.
        may_not: whether a namespace may bring PromQL of its own.

    Raises:
        ImpossibleError: no HeliosTarget can say it.
    """
    scaled = one.kind == "ScaledObject"
    demand = metrics.of_scaled_object(one, may_not) if scaled else metrics.of_hpa(one)
    bounds, bent = _bounds(one)
    where = "spec.advanced.horizontalPodAutoscalerConfig.behavior" if scaled else "spec.behavior"
    behavior, steps = behaviors.copied(one.behavior, cycle, where)
    schedules, crons = _schedules(one)
    keda, fallback = _keda(one, demand, bounds["max"])
    reference = one.spec.scale_target_ref
    version, aged = _version(reference.api_version)
    spec: dict[str, Any] = {
        "scaleTargetRef": {
            "apiVersion": version,
            "kind": reference.kind,
            "name": reference.name,
        },
        "mode": "Observe",
        "replicas": bounds,
        **({} if demand.utilization is None else {"utilization": demand.utilization}),
        "behavior": {**behavior, "rollout": {}},
        **({"schedules": schedules} if schedules else {}),
        "keda": keda,
    }
    try:
        HeliosTargetSpec.model_validate(spec)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ImpossibleError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
    metadata = {
        "name": name,
        "namespace": one.metadata.namespace,
        "labels": {IMPORTED: "true"},
    }
    manifest = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}
    renamed = [Remark(remarks.RENAMED, f"the target is named {name}")] if name != reference.name else []
    said = (*aged, *bent, *demand.said, *steps, *crons, *fallback, *surroundings(one), *renamed)
    return Imported(one, manifest, said, demand.suggestions)


def target_name(one: Autoscaler, taken: frozenset[str]) -> str:
    """The workload's own name where it is free and short enough, otherwise one that will be the same the next time.

    Args:
        one: the autoscaler.
        taken: names of other targets and ScaledObjects of its namespace.
    """
    _, kind, name = one.place
    candidates = [name, f"{name}-{kind.lower()}"]
    digest = hashlib.sha256(f"{kind}/{name}".encode()).hexdigest()[:8]
    candidates += [f"{name[: NAME_LENGTH - 9].rstrip('-.')}-{digest}"]
    return next((c for c in candidates if len(c) <= NAME_LENGTH and c not in taken), candidates[-1])


def surroundings(one: Autoscaler) -> list[Remark]:
    """What to look at before Autoscale that no field of a target is about."""
    said = []
    marks, advanced = one.metadata.annotations, one.spec.advanced
    if one.kind == "HorizontalPodAutoscaler" and len(one.metadata.name) > _HPA_NAME_LENGTH:
        said.append(Remark(remarks.LONG_NAME, f"metadata.name has {len(one.metadata.name)} characters"))
    if one.controller is not None:
        said.append(Remark(remarks.OWNED, f"owned by {one.controller.kind} {one.controller.name}"))
    if one.deployer:
        said.append(Remark(remarks.IN_GIT, f"deployed by {one.deployer}"))
    for condition in one.status.conditions:
        broken = condition.type in ("AbleToScale", "ScalingActive", "Ready") and condition.status == "False"
        if broken and condition.reason != "ScalingDisabled":
            said.append(Remark(remarks.NOT_WORKING, f"{condition.reason}: {condition.message}"))
    if one.kind == "ScaledObject":
        if advanced.scaling_modifiers is not None and advanced.scaling_modifiers.formula:
            said.append(Remark(remarks.MODIFIERS, f"formula: {advanced.scaling_modifiers.formula}"))
        if advanced.restore_to_original_replica_count:
            said.append(Remark(remarks.RESTORE, "spec.advanced.restoreToOriginalReplicaCount: true"))
        said += [
            Remark(remarks.PAUSED_SCALING, f"annotation {name}")
            for name in ("autoscaling.keda.sh/paused-scale-in", "autoscaling.keda.sh/paused-scale-out")
            if is_set(marks, name)
        ]
    return said


def _version(given: str) -> tuple[str, list[Remark]]:
    """The workload's group and version, as this age serves them."""
    if not _AGED.fullmatch(given):
        return given, []
    return "apps/v1", [Remark(remarks.API_VERSION, f"spec.scaleTargetRef.apiVersion: {given} became apps/v1")]


def _bounds(one: Autoscaler) -> tuple[dict[str, int], list[Remark]]:
    spec = one.spec
    said = []
    if one.kind == "ScaledObject":
        field = "minReplicaCount"
        least = _KEDA_LEAST if spec.min_replica_count is None else spec.min_replica_count
        most = _KEDA_MOST if spec.max_replica_count is None else spec.max_replica_count
        if spec.idle_replica_count is not None:
            said.append(Remark(remarks.IDLE, f"spec.idleReplicaCount: {spec.idle_replica_count}"))
        absent = spec.min_replica_count is None
    else:
        field, absent = "minReplicas", False
        least = 1 if spec.min_replicas is None else spec.min_replicas
        if spec.max_replicas is None:
            raise ImpossibleError("spec.maxReplicas is missing")
        most = spec.max_replicas
    if least == 0:
        said.append(Remark(remarks.ZERO, f"spec.{field}: 0{', as it is not given' if absent else ''}"))
    if most == 0:
        said.append(Remark(remarks.ZERO, f"spec.{field.replace('min', 'max')}: 0 became 1"))
    return {"min": max(least, 1), "max": max(most, 1)}, said


def _schedules(one: Autoscaler) -> tuple[list[dict[str, Any]], list[Remark]]:
    """Cron triggers as floors, and those that are none."""
    made: list[dict[str, Any]] = []
    said = []
    for i, trigger in enumerate(one.spec.triggers):
        if trigger.type != "cron":
            continue
        start, end, zone, wanted = (
            trigger.metadata.get(name, "").strip() for name in ("start", "end", "timezone", "desiredReplicas")
        )
        words = f"spec.triggers[{i}]: {start!r} to {end!r} {zone}, {wanted} replicas"
        if not re.fullmatch("[0-9]{1,5}", wanted) or int(wanted) < 1:
            said.append(Remark(remarks.CRON_INVALID, f"{words}: desiredReplicas is no count"))
            continue
        try:
            found = hours(start, end, zone)
        except CronRefusedError as error:
            said.append(Remark(remarks.CRON_INVALID, f"{words}: {error}"))
        except CronDiffersError as error:
            said.append(Remark(remarks.CRON_DIFFERS, f"{words}: {error}"))
        else:
            made.append(
                {"start": found.start, "end": found.end, "timezone": found.timezone, "min": int(wanted)}
            )
    more = [Remark(remarks.SCHEDULES, f"{s['start']} to {s['end']}") for s in made[_MOST_SCHEDULES:]]
    return made[:_MOST_SCHEDULES], [*said, *more]


def _keda(one: Autoscaler, demand: Demand, most: int) -> tuple[dict[str, Any], list[Remark]]:
    keda: dict[str, Any] = {} if demand.guard is None else {"cpuGuard": demand.guard}
    said = []
    fallback = one.spec.fallback
    if fallback is not None:
        behavior = fallback.behavior or "static"
        threshold = min(max(fallback.failure_threshold, 0), _MOST_FAILURES)
        kept = min(fallback.replicas, most)
        if kept >= 1:
            keda["fallback"] = {"failureThreshold": threshold, "replicas": kept}
        if behavior != "currentReplicasIfHigher" or kept != fallback.replicas or kept < 1:
            became = f"{kept} or more" if kept >= 1 else "replicas.min or more"
            words = f"spec.fallback: {behavior} {fallback.replicas} became {became}"
            said.append(Remark(remarks.FALLBACK, words))
        if kept >= 1 and threshold != fallback.failure_threshold:
            words = f"spec.fallback.failureThreshold: {fallback.failure_threshold} became {threshold}"
            said.append(Remark(remarks.FALLBACK, words))
    keda["adopt"] = {"kind": one.kind, "name": one.metadata.name}
    return keda, said
