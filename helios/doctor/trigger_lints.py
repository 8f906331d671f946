"""What is wrong with one trigger of a ScaledObject beside its query: what KEDA refuses to build it from, what it reads as zero, what it ignores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from helios.doctor import readings, rules
from helios.doctor.expressions import has_template
from helios.doctor.findings import Finding, Severity
from helios.doctor.remedies import as_text, is_plain
from helios.doctor.remedies import trigger as fixed
from helios.doctor.scalers import RESOURCES, Scaled, Trigger, as_number
from helios.operator.footprints import quantity

_LOAD, _ADDRESS, _QUERY = "<LOAD-OF-ONE-POD>", "<ADDRESS-OF-PROMETHEUS>", "<QUERY>"
_LARGEST_PERCENT = 1000
_RESOURCE_TYPES = frozenset({"Utilization", "AverageValue"})
_OTHER_TYPES = frozenset({"AverageValue", "Value"})
_NOT_BUILT = "KEDA fails to build the trigger, and makes no HPA or leaves the old one as it is."
_REQUIRED = {"serverAddress": _ADDRESS, "query": _QUERY}
_FORMS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "ignoreNullValues": (lambda said: readings.truth(said) is not None, "neither true nor false"),
    "unsafeSsl": (lambda said: readings.truth(said) is not None, "neither true nor false"),
    "activationThreshold": (lambda said: readings.number(said) is not None, "no number"),
    "timeout": (readings.is_duration, "neither a duration (30s) nor a number of milliseconds"),
    "queryParameters": (readings.is_mapping, "not of the form a=b,c=d, each pair with one ="),
    "customHeaders": (readings.is_mapping, "not of the form a=b,c=d, each pair with one ="),
}
"""Fields of a prometheus trigger that may be left out, by what they must be (`prometheusMetadata` of prometheus_scaler.go)."""
_PAIRED = frozenset({"queryParameters", "customHeaders"})


def lints(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    """Everything but the query."""
    yield from _texts(scaled, trigger)
    yield from _metric_type(scaled, trigger)
    yield from _threshold(scaled, trigger)
    if trigger.type == "prometheus":
        yield from _required(scaled, trigger)
        yield from _forms(scaled, trigger)
        yield from _nulls(scaled, trigger)
        yield from _activation(scaled, trigger)


def _texts(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
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
        if said not in _OTHER_TYPES:
            yield rules.METRIC_TYPE.found(
                scaled.manifest.where,
                f"{trigger}: {_NOT_BUILT}",
                "metricType Utilization is for cpu and memory alone: it needs a request to be a ratio of."
                if said == "Utilization"
                else f"metricType is AverageValue or Value, and {said!r} is neither.",
                fixed(trigger.body, metric_type="AverageValue"),
            )
    elif said not in _RESOURCE_TYPES or readings.said(trigger.metadata.get("type")):
        yield rules.METRIC_TYPE.found(
            scaled.manifest.where,
            f"{trigger}: {_NOT_BUILT}",
            "A cpu or memory trigger says metricType Utilization or AverageValue; metadata.type is gone since KEDA 2.18.",
            fixed(
                trigger.body, {"type": None}, metric_type=said if said in _RESOURCE_TYPES else "Utilization"
            ),
        )


def _threshold(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    """The number that the value is divided by, of the triggers that are certain to need it under this name."""
    if trigger.type == "prometheus":
        key, kind = "threshold", "number above zero, of three decimals"
    elif trigger.type in RESOURCES and trigger.metric_type in _RESOURCE_TYPES:
        key, kind = "value", "whole number above zero" if trigger.metric_type == "Utilization" else "quantity"
    else:
        return
    said = readings.said(trigger.metadata.get(key))
    if has_template(said) or _is_usable(scaled, trigger, said):
        return
    units = "" if kind == "quantity" else "; units and percent signs are not read"
    if said:
        why = f"{key} is {said!r}, and no {kind}{units}."
    else:
        why = f"{key} is missing{_elsewhere(trigger, key)}."
    yield rules.THRESHOLD.found(
        scaled.manifest.where,
        f"{trigger}: {_NOT_BUILT}",
        why,
        fixed(trigger.body, {key: _usable(trigger, said)}),
    )


def _is_usable(scaled: Scaled, trigger: Trigger, said: str) -> bool:
    if trigger.type != "prometheus":
        return (
            quantity(said) is not None
            if trigger.metric_type == "AverageValue"
            else bool(readings.whole(said))
        )
    if scaled.modifiers.get(
        "formula"
    ):  # the HPA is told the formula's target; KEDA reads the threshold all the same
        return readings.number(said) is not None
    return readings.is_threshold(said)


def _usable(trigger: Trigger, said: str) -> str:
    """The nearest to what was meant."""
    number = said.rstrip("%").strip()
    if trigger.type == "prometheus":
        return number if readings.is_threshold(number) else _LOAD
    if trigger.metric_type == "AverageValue":
        return {"cpu": "500m", "memory": "512Mi"}[trigger.type]
    percent = as_number(number)
    return "70" if percent is None or not 0.5 <= percent < _LARGEST_PERCENT else str(max(round(percent), 1))


def _required(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    """`serverAddress` and `query`: of the trigger's metadata alone, in all ways to authenticate and for all clouds."""
    missing = [key for key in _REQUIRED if not readings.said(trigger.metadata.get(key))]
    if not missing:
        return
    named = " and ".join(missing)
    elsewhere = next((text for key in missing if (text := _elsewhere(trigger, key))), "")
    changes: dict[str, str | None] = {key: _REQUIRED[key] for key in missing}
    changes |= {f"{key}FromEnv": None for key in missing}
    if "serverAddress" in missing:
        changes["serverAddress"] = _address_beside(scaled) or _ADDRESS
    yield rules.INCOMPLETE.found(
        scaled.manifest.where,
        f"{trigger}: {_NOT_BUILT}",
        f"{named} {'is' if len(missing) == 1 else 'are'} missing{elsewhere}.",
        fixed(trigger.body, changes),
    )


def _elsewhere(trigger: Trigger, key: str) -> str:
    """Why what stands in another place does not count: `order=triggerMetadata` in KEDA's struct tags."""
    if f"{key}FromEnv" in trigger.metadata:
        return f": KEDA reads it from the trigger's metadata alone, and not by {key}FromEnv"
    if trigger.body.get("authenticationRef"):
        return ": KEDA reads it from the trigger's metadata alone, and not from what authenticationRef names"
    return ""


def _address_beside(scaled: Scaled) -> str | None:
    """Where the other prometheus triggers of the object ask, if they all ask there."""
    said = {
        readings.said(one.metadata.get("serverAddress"))
        for one in scaled.triggers
        if one.type == "prometheus"
    }
    said.discard("")
    (one,) = said if len(said) == 1 else (None,)
    return one if one is not None and is_plain("prometheus", "serverAddress", one) else None


def _forms(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    """Fields that may be left out, but not be anything."""
    for key, (fits, kind) in _FORMS.items():
        said = readings.said(trigger.metadata.get(key))
        if not said or has_template(said) or fits(said):
            continue
        yield rules.UNFIT.found(
            scaled.manifest.where, f"{trigger}: {_NOT_BUILT}", f"{key} is {kind}.", _fitted(trigger, key)
        )


def _fitted(trigger: Trigger, key: str) -> str:
    if key not in _PAIRED:
        return fixed(trigger.body, {key: "false" if key == "ignoreNullValues" else None})
    apart = "# a credential with = in it belongs into a TriggerAuthentication: authModes bearer, basic or custom\n"
    return (apart if key == "customHeaders" else "") + fixed(trigger.body, {key: "<NAME>=<VALUE>"})


def _nulls(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    said = readings.said(trigger.metadata.get("ignoreNullValues"))
    if not trigger.reads_nothing_as_zero or has_template(said):
        return
    if said and 0 in (scaled.minimum, scaled.idle):  # asked for twice: no series, no pods
        return
    held, to = _held(scaled)
    blind = " The fallback does not arm, as there is no error." if scaled.spec.get("fallback") else ""
    yield rules.NULLS.found(
        scaled.manifest.where,
        f"{trigger}: when its series are gone (Prometheus restarted, an exporter dead, a label renamed) {to}.{blind}",
        "ignoreNullValues is "
        + ("true" if said else "not said, and KEDA's default is true")
        + ": an empty answer, NaN and Inf are read as 0 without an error.",
        fixed(trigger.body, {"ignoreNullValues": "false"}),
        severity=Severity.WARNING if held else Severity.ERROR,
    )


def _held(scaled: Scaled) -> tuple[bool, str]:
    """Whether something else holds the workload up while nothing is read, and what then comes of it."""
    least = scaled.floor or 0
    if scaled.modifiers.get("formula") and len(scaled.triggers) > 1:
        return True, "the formula is told 0, at whatever load"
    others = {one.type for one in scaled.triggers} - {"prometheus", "cron"}
    # cpu and memory hold nothing up where there is a step to zero: they are no activity to KEDA
    if others - RESOURCES or (others and scaled.floor != 0):
        named = "cpu or memory" if others <= RESOURCES else "the other triggers"
        return True, f"the workload is scaled in to what {named} ask for, at least {least}, at whatever load"
    return False, f"the workload is scaled in to {least}, at whatever load"


def _activation(scaled: Scaled, trigger: Trigger) -> Iterator[Finding]:
    """Only where the workload scales out before the activation would let it: below, nothing is lost."""
    activation, threshold = as_number(trigger.metadata.get("activationThreshold")), trigger.threshold
    least = scaled.minimum
    if activation is None or not threshold or not least or scaled.modifiers.get("formula"):
        return
    if trigger.metric_type == "AverageValue" and activation > threshold * least:
        yield rules.ACTIVATION.found(
            scaled.manifest.where,
            f"{trigger}: the workload is scaled out from {threshold * least:g} on, not from {activation:g}.",
            f"activationThreshold is for the step from 0 to 1 replica alone, and minReplicaCount is {least}.",
            fixed(trigger.body, {"activationThreshold": None}),
        )
