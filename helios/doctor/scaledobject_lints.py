"""What is wrong with a ScaledObject beside its triggers: bounds, fallback, cooldown, what pauses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from helios.doctor import readings, rules
from helios.doctor.expressions import has_template
from helios.doctor.findings import Finding, Severity
from helios.doctor.manifests import part
from helios.doctor.remedies import pasted, scaling
from helios.doctor.scalers import DEFAULT_MAXIMUM, RESOURCES, Scaled, as_count, as_number
from helios.operator.marks import FORM
from helios.operator.scaledobjects import Form

_SAFE = "currentReplicasIfHigher"
_BEHAVIORS = ("static", "currentReplicas", _SAFE, "currentReplicasIfLower", "scalingModifiers")
_DIGITS = 18
_WINDOW, _LARGEST_WINDOW = 300, 3600
"""Seconds that an HPA waits before it scales in, where nothing is said, and the most that may be said."""


def lints(scaled: Scaled) -> Iterator[Finding]:
    """Everything but its triggers."""
    yield from _bounds(scaled)
    yield from _minimum(scaled)
    yield from _maximum(scaled)
    yield from _target(scaled)
    yield from _fallback(scaled)
    yield from _cooldown(scaled)
    yield from _paused(scaled)


def _bounds(scaled: Scaled) -> Iterator[Finding]:
    """What the API server refuses by the resource's schema, and KEDA's webhook (`CheckReplicaCountBoundsAreValid`)."""
    least, most, idle = _count(scaled, "minReplicaCount", 0), scaled.maximum, scaled.idle
    known = _count(scaled, "maxReplicaCount", most) is not None
    if (known and least is not None and not 0 <= least <= most) or most < 1:
        yield rules.BOUNDS.found(
            scaled.manifest.where,
            "The object is refused, and the one before it stays in force.",
            f"minReplicaCount {least or 0} and maxReplicaCount {most}: 0 ≤ minimum ≤ maximum, and a maximum of 1 at least.",
            scaling(minReplicaCount=max(min(least or 0, most), 0), maxReplicaCount=max(least or 0, most, 1)),
        )
    if idle is None or least is None:
        return
    above = max(least, 1) if scaled.says("minReplicaCount") else 0  # where 0 is said, KEDA compares with 1
    if not 0 <= idle < above:
        yield rules.BOUNDS.found(
            scaled.manifest.where,
            "KEDA's webhook refuses the object, and the one before it stays in force.",
            f"idleReplicaCount {idle} is not below minReplicaCount {above}.",
            scaling(idleReplicaCount=0, minReplicaCount=max(least, 1)),
        )


def _count(scaled: Scaled, field: str, default: int) -> int | None:
    """A count as it is said, or the default; None where that is not known yet."""
    return as_count(scaled.spec[field]) if scaled.says(field) else default


def _minimum(scaled: Scaled) -> Iterator[Finding]:
    idle = scaled.idle == 0 and bool(scaled.minimum)
    if scaled.says("minReplicaCount") and scaled.minimum != 0 and not idle:
        return
    meant = idle or scaled.minimum == 0
    said = (
        f"{'idleReplicaCount' if idle else 'minReplicaCount'} is 0"
        if meant
        else "minReplicaCount is not said, and KEDA's default is 0"
    )
    blind = [
        one
        for one in scaled.triggers
        if one.reads_nothing_as_zero and not readings.said(one.metadata.get("ignoreNullValues"))
    ]
    refused = scaled.workload[0] in {"Deployment", "StatefulSet"}  # of others the webhook knows nothing
    if not scaled.outside:
        if idle:
            return
        what = (
            "KEDA's webhook refuses the object: cpu and memory cannot wake a workload that has no pods."
            if refused
            else "Nothing goes to 0: cpu and memory are always active to KEDA, and the HPA's minimum is 1."
        )
    elif meant and any("helios_" in (one.query or "") for one in scaled.triggers):
        what = "Helios never asks for less than one replica: only an outage of its gauges can take the workload to 0."
    elif not meant or blind:
        what = (
            "When no trigger is active for cooldownPeriod (300 s), the workload goes from however many to 0 in one step"
            + (": an outage of the metrics is enough." if blind else ".")
        )
    else:
        return
    yield rules.MINIMUM.found(
        scaled.manifest.where,
        what,
        f"{said}.",
        scaling(idleReplicaCount=None) if idle else scaling(minReplicaCount=1),
        severity=Severity.ERROR if blind or (refused and not scaled.outside) else Severity.WARNING,
    )


def _maximum(scaled: Scaled) -> Iterator[Finding]:
    if not scaled.says("maxReplicaCount"):
        yield rules.MAXIMUM.found(
            scaled.manifest.where,
            "A wrong or a runaway metric takes the workload to 100 replicas.",
            "maxReplicaCount is not said, and KEDA's default is 100.",
            f"{scaling(maxReplicaCount=DEFAULT_MAXIMUM)}   # as it is now; lower it to what you would pay for",
        )


def _target(scaled: Scaled) -> Iterator[Finding]:
    """What a formula yields is divided by its target (`validateScalingModifiersTarget`)."""
    target = scaled.modifiers.get("target")
    if not scaled.modifiers.get("formula") or has_template(str(target)) or _is_target(target):
        return
    yield rules.THRESHOLD.found(
        scaled.manifest.where,
        "KEDA's webhook refuses the object, and the one before it stays in force.",
        f"Of scalingModifiers the target {'is missing' if target in (None, '') else f'{str(target)!r} is no number above zero'}.",
        pasted({"spec": {"advanced": {"scalingModifiers": {"target": "1"}}}})
        + "   # what one pod serves of the formula",
    )


def _is_target(value: object) -> bool:
    """NaN passes there."""
    number = as_number(value)
    return number is not None and not number <= 0


def _fallback(scaled: Scaled) -> Iterator[Finding]:
    fallback = scaled.spec.get("fallback")
    if not isinstance(fallback, dict):
        if any(one.type == "prometheus" for one in scaled.triggers):
            yield rules.NO_FALLBACK.found(
                scaled.manifest.where,
                "While Prometheus does not answer, the workload keeps the replicas of that moment, or follows cpu upwards "
                "alone, for as long as it takes.",
                "There is no fallback.",
                _safe(scaled),
            )
        return
    if not scaled.outside and not scaled.modifiers:
        yield rules.FALLBACK_OFF.found(
            scaled.manifest.where,
            "KEDA's webhook refuses the object; older ones took it, and the fallback never worked.",
            "There are only cpu and memory triggers, which the HPA reads by itself, without KEDA.",
            scaling(fallback=None),
        )
        return
    unfit = list(_unfit(fallback))
    if unfit:
        yield rules.FALLBACK_OFF.found(
            scaled.manifest.where,
            "The API server refuses the object, and the one before it stays in force.",
            f"Of the fallback {' and '.join(unfit)}.",
            _safe(scaled, replicas=as_count(fallback.get("replicas"))),
        )
    yield from _disabled(scaled)
    yield from _lowering(scaled)


def _unfit(fallback: Mapping[str, Any]) -> Iterator[str]:
    """What the resource's schema does not let pass."""
    for field in ("failureThreshold", "replicas"):
        said, count = fallback.get(field), as_count(fallback.get(field))
        if said is None:
            yield f"{field} is missing"
        elif count is not None and count < 0:
            yield f"{field} is below 0"
    behavior = fallback.get("behavior")
    if behavior is not None and behavior not in _BEHAVIORS and not has_template(str(behavior)):
        yield f"behavior {str(behavior)!r} is none of {', '.join(_BEHAVIORS)}"


def _disabled(scaled: Scaled) -> Iterator[Finding]:
    """`HasValidFallback`: the target is parsed as an integer there, and as a float everywhere else."""
    target = scaled.modifiers.get("target")
    if not scaled.modifiers or not _is_target(target) or has_template(str(target)):
        return
    if readings.whole(target, bits=64) is not None:
        return
    yield rules.FALLBACK_OFF.found(
        scaled.manifest.where,
        "The fallback never arms, and nothing says so but a line in KEDA's log: on an error the HPA just stops.",
        f"With scalingModifiers KEDA takes the fallback for valid only where the target is a whole number; {target!r} is not.",
        pasted({"spec": {"advanced": {"scalingModifiers": _scaled_up(scaled, str(target))}}}),
    )


def _lowering(scaled: Scaled) -> Iterator[Finding]:
    if all(one.type == "cron" for one in scaled.outside):  # a clock does not fail
        return
    fallback = part(scaled.spec, "fallback")
    behavior, replicas = str(fallback.get("behavior") or "static"), as_count(fallback.get("replicas"))
    if replicas == 0 and not scaled.minimum:
        yield rules.FALLBACK_LOWERS.found(
            scaled.manifest.where,
            "At the first error without an active trigger KEDA takes the workload to 0, before the fallback arms.",
            "fallback.replicas is 0, which KEDA treats like no load, and the minimum is 0.",
            _safe(scaled, replicas=1),
            severity=Severity.ERROR,
        )
    elif behavior == "currentReplicasIfLower" or (
        behavior == "static" and replicas is not None and replicas < scaled.maximum
    ):
        to = f"{replicas}" if behavior == "static" else f"no more than {replicas}"
        if any(one.type in RESOURCES for one in scaled.triggers):
            to += ", or to what cpu or memory ask for where that is more"
        said = "" if fallback.get("behavior") else ", KEDA's default"
        yield rules.FALLBACK_LOWERS.found(
            scaled.manifest.where,
            f"When the metrics fail at a peak, the workload is scaled in to {to}.",
            f"The fallback's behavior is {behavior}{said}.",
            _safe(scaled, replicas=replicas),
            severity=Severity.ERROR if behavior != "static" else None,
        )


def _cooldown(scaled: Scaled) -> Iterator[Finding]:
    """Only where it is longer than what scaling in waits for anyway: otherwise nothing is lost."""
    cooldown, least = as_count(scaled.spec.get("cooldownPeriod")), scaled.minimum
    down = part(scaled.behavior, "scaleDown")
    window = as_count(down.get("stabilizationWindowSeconds", _WINDOW))
    if cooldown is None or not least or scaled.says("idleReplicaCount") or window is None:
        return
    if (
        FORM in scaled.manifest.annotations
    ):  # the minimum is Helios', and the cooldown somebody's who gets it back
        return
    if (
        cooldown <= window
        or down.get("selectPolicy") == "Disabled"
        or has_template(str(down.get("selectPolicy")))
    ):
        return
    behavior = {"scaleDown": {"stabilizationWindowSeconds": min(cooldown, _LARGEST_WINDOW)}}
    yield rules.COOLDOWN.found(
        scaled.manifest.where,
        f"The workload is scaled in when the load has been low for {window} s, and not for {cooldown} s.",
        f"cooldownPeriod is for the step to zero alone, and minReplicaCount is {least}; between 1 and more the HPA's window counts.",
        scaling(cooldownPeriod=None, advanced={"horizontalPodAutoscalerConfig": {"behavior": behavior}}),
    )


def _paused(scaled: Scaled) -> Iterator[Finding]:
    annotation = scaled.paused
    offered = scaled.manifest.annotations.get(FORM) == Form.PAUSED.value
    if annotation is None or offered:  # Helios pauses what it offers where nothing else scales
        return
    yield rules.PAUSED.found(
        scaled.manifest.where,
        "KEDA has deleted its HPA: the workload stays as it is, at whatever load, until somebody remembers.",
        f"It bears the annotation {annotation}. To forbid scale-in alone there is another, which keeps the HPA.",
        pasted({"metadata": {"annotations": {"autoscaling.keda.sh/paused-scale-in": "true"}}}),
    )


def _safe(scaled: Scaled, replicas: int | None = None) -> str:
    least = max(scaled.minimum or 0, 1)
    chosen = least if replicas is None else max(replicas, 1)
    return scaling(fallback={"failureThreshold": 3, "replicas": chosen, "behavior": _SAFE})


def _scaled_up(scaled: Scaled, target: str) -> dict[str, str]:
    """The same formula and target, both times the power of ten that makes the target whole."""
    modifiers = {str(key): str(value) for key, value in scaled.modifiers.items()}
    try:
        number = Decimal(target)
    except InvalidOperation:
        return {**modifiers, "target": "1"}
    if not number.is_finite() or number.adjusted() < -_DIGITS or len(number.as_tuple().digits) > _DIGITS:
        return {**modifiers, "target": "1"}
    factor = 10 ** max(-int(number.normalize().as_tuple().exponent), 0)
    activation = as_number(modifiers.get("activationTarget"))
    return {
        **modifiers,
        "formula": f"({modifiers.get('formula', '')}) * {factor}",
        "target": f"{(number * factor).normalize():f}",
        **({} if activation is None else {"activationTarget": f"{activation * factor:g}"}),
    }
