"""What is wrong with a ScaledObject beside its queries: triggers that KEDA refuses, bounds, fallback, what pauses it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from helios.doctor import rules
from helios.doctor.expressions import has_template
from helios.doctor.findings import Finding, Severity
from helios.doctor.manifests import part
from helios.doctor.remedies import as_text, pasted, scaling
from helios.doctor.remedies import trigger as fixed
from helios.doctor.scalers import DEFAULT_MAXIMUM, RESOURCES, Scaled, Trigger, as_count, as_number
from helios.operator.marks import FORM
from helios.operator.scaledobjects import Form

_SAFE = "currentReplicasIfHigher"
_TO_FILL_IN = "<LOAD-OF-ONE-POD>"
_DIGITS = 18
_LARGEST_PERCENT = 1000
_RESOURCE_TYPES = frozenset({"Utilization", "AverageValue"})


def lints(scaled: Scaled) -> Iterator[Finding]:
    """Everything but the queries."""
    for trigger in scaled.triggers:
        yield from _metadata(scaled, trigger)
        yield from _metric_type(scaled, trigger)
        yield from _threshold(scaled, trigger)
        yield from _nulls(scaled, trigger)
        yield from _activation(scaled, trigger)
    yield from _bounds(scaled)
    yield from _minimum(scaled)
    yield from _maximum(scaled)
    yield from _fallback(scaled)
    yield from _paused(scaled)


def _metadata(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    wrong = [as_text(key) for key, value in trigger.metadata.items() if not isinstance(value, str)]
    if wrong:
        named = ", ".join(wrong)
        yield rules.NOT_TEXT.found(
            scaled.manifest.where,
            f"{trigger}: the API server refuses the object, and the one before it stays in force.",
            f"Every value of a trigger's metadata is text; {named} {'is' if len(wrong) == 1 else 'are'} not quoted.",
            fixed(trigger.body),
        )


def _metric_type(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    said = trigger.metric_type
    if has_template(said):
        return
    if trigger.type not in RESOURCES:
        if said == "Utilization":
            yield rules.METRIC_TYPE.found(
                scaled.manifest.where,
                f"{trigger}: KEDA fails to build the trigger, and makes no HPA or leaves the old one as it is.",
                "metricType Utilization is for cpu and memory alone: it needs a request to be a ratio of.",
                fixed(trigger.body, metric_type="AverageValue"),
            )
    elif said not in _RESOURCE_TYPES or "type" in trigger.metadata:
        yield rules.METRIC_TYPE.found(
            scaled.manifest.where,
            f"{trigger}: KEDA fails to build the trigger, and makes no HPA or leaves the old one as it is.",
            "A cpu or memory trigger says metricType Utilization or AverageValue; metadata.type is gone since KEDA 2.18.",
            fixed(
                trigger.body,
                {"type": None},
                metric_type=said if said in _RESOURCE_TYPES else "Utilization",
            ),
        )


def _threshold(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    """The number that the value is divided by, of the triggers that are certain to need it under this name."""
    if trigger.type == "prometheus":
        key, good = "threshold", _positive(trigger.metadata.get("threshold"))
    elif trigger.type in RESOURCES and trigger.metric_type == "Utilization":
        key, good = "value", _whole(trigger.metadata.get("value"))
    else:
        return
    said = trigger.metadata.get(key)
    if good or has_template(str(said)) or scaled.modifiers.get("formula"):
        return
    what = (
        f"{said!r} is no {'whole ' if key == 'value' else ''}number above zero"
        if key in trigger.metadata
        else "is missing"
    )
    yield rules.THRESHOLD.found(
        scaled.manifest.where,
        f"{trigger}: KEDA fails to build the trigger, and makes no HPA or leaves the old one as it is.",
        f"{key} {what}; units and percent signs are not read.",
        fixed(trigger.body, {key: _whole_percent(said) if key == "value" else _digits(said) or _TO_FILL_IN}),
    )


def _nulls(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    said = trigger.metadata.get("ignoreNullValues")
    if not trigger.reads_nothing_as_zero or has_template(str(said)):
        return
    if said is not None and 0 in (scaled.minimum, scaled.idle):  # asked for twice: no series, no pods
        return
    # cpu and memory hold nothing up where there is a step to zero: they are no activity to KEDA
    guarded = any(one.type in RESOURCES for one in scaled.triggers) and scaled.floor != 0
    least = scaled.floor or 0
    to = f"what cpu or memory ask for, at least {least}" if guarded else f"{least}"
    blind = " The fallback does not arm, as there is no error." if scaled.spec.get("fallback") else ""
    yield rules.NULLS.found(
        scaled.manifest.where,
        f"{trigger}: when its series are gone (Prometheus restarted, an exporter dead, a label renamed) the workload is "
        f"scaled in to {to}, at whatever load.{blind}",
        "ignoreNullValues is "
        + ("not said, and KEDA's default is true" if said is None else "true")
        + ": an empty answer, NaN and Inf are read as 0 without an error.",
        fixed(trigger.body, {"ignoreNullValues": "false"}),
        severity=Severity.WARNING if guarded else Severity.ERROR,
    )


def _activation(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    """Only where the workload scales out before the activation would let it: below, nothing is lost."""
    activation, threshold = as_number(trigger.metadata.get("activationThreshold")), trigger.threshold
    least = scaled.minimum
    if trigger.type != "prometheus" or activation is None or not threshold or not least:
        return
    if trigger.metric_type == "AverageValue" and activation > threshold * least:
        yield rules.ACTIVATION.found(
            scaled.manifest.where,
            f"{trigger}: the workload is scaled out from {threshold * least:g} on, not from {activation:g}.",
            f"activationThreshold is for the step from 0 to 1 replica alone, and minReplicaCount is {least}.",
            fixed(trigger.body, {"activationThreshold": None}),
        )


def _bounds(scaled: Scaled) -> Iterator[Finding]:
    least, idle = scaled.minimum, as_count(scaled.spec.get("idleReplicaCount"))
    if least is not None and max(least, 1) > scaled.maximum:
        yield rules.BOUNDS.found(
            scaled.manifest.where,
            "KEDA's webhook refuses the object, and the one before it stays in force.",
            f"minReplicaCount {least} is above maxReplicaCount {scaled.maximum}.",
            scaling(minReplicaCount=scaled.maximum, maxReplicaCount=max(least, 1)),
        )
    if idle is not None and idle >= (least or 0):
        yield rules.BOUNDS.found(
            scaled.manifest.where,
            "KEDA's webhook refuses the object, and the one before it stays in force.",
            f"idleReplicaCount {idle} is not below minReplicaCount {least or 0}.",
            scaling(idleReplicaCount=0, minReplicaCount=max(least or 0, 1)),
        )


def _minimum(scaled: Scaled) -> Iterator[Finding]:
    idle = scaled.idle == 0 and bool(scaled.minimum)
    if "minReplicaCount" in scaled.spec and scaled.minimum != 0 and not idle:
        return
    meant = idle or scaled.minimum == 0
    said = (
        f"{'idleReplicaCount' if idle else 'minReplicaCount'} is 0"
        if meant
        else "minReplicaCount is not said, and KEDA's default is 0"
    )
    blind = [
        one for one in scaled.triggers if one.reads_nothing_as_zero and "ignoreNullValues" not in one.metadata
    ]
    if not scaled.outside:
        if idle:
            return
        what = "KEDA's webhook refuses the object: cpu and memory cannot wake a workload that has no pods."
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
        severity=Severity.WARNING if scaled.outside and not blind else Severity.ERROR,
    )


def _maximum(scaled: Scaled) -> Iterator[Finding]:
    if "maxReplicaCount" not in scaled.spec:
        yield rules.MAXIMUM.found(
            scaled.manifest.where,
            "A wrong or a runaway metric takes the workload to 100 replicas.",
            "maxReplicaCount is not said, and KEDA's default is 100.",
            f"{scaling(maxReplicaCount=DEFAULT_MAXIMUM)}   # as it is now; lower it to what you would pay for",
        )


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
    if scaled.outside or scaled.modifiers:
        yield from _disabled(scaled)
        yield from _lowering(scaled)
    else:
        yield rules.FALLBACK_OFF.found(
            scaled.manifest.where,
            "KEDA's webhook refuses the object; older ones took it, and the fallback never worked.",
            "There are only cpu and memory triggers, which the HPA reads by itself, without KEDA.",
            "# leave out spec.fallback",
        )


def _disabled(scaled: Scaled) -> Iterator[Finding]:
    """`HasValidFallback`: the target is parsed as an integer there, and as a float everywhere else."""
    target = scaled.modifiers.get("target")
    if not scaled.modifiers or target is None or has_template(str(target)) or _whole(target):
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


def _positive(value: object) -> bool:
    number = as_number(value)
    return number is not None and 0 < number < float("inf")


def _whole(value: object) -> bool:
    text = str(value).removeprefix("+")
    return text.isascii() and text.isdigit() and bool(text.strip("0"))


def _digits(value: object) -> str | None:
    """The number in front of a percent sign."""
    text = str(value or "").strip().rstrip("%").strip()
    return text if _positive(text) else None


def _whole_percent(value: object) -> str:
    """A utilisation as KEDA reads it, the nearest to what was meant."""
    number = as_number(_digits(value))
    return "70" if number is None or not 0.5 <= number < _LARGEST_PERCENT else str(max(round(number), 1))
