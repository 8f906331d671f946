"""The ScaledObject that Helios writes for a HeliosTarget: what KEDA and the HPA need to act on the forecast, and no more.

Pure functions. Every field is one that Helios wants to own by server-side apply; what it leaves out stays somebody else's.
Step limits and hold-down are in the published number already and are not repeated in the HPA.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from helios.operator.resources import AuthenticationRef, HeliosTarget, HeliosTargetSpec
from scoring.gauges import EXPIRES, SIGNAL

FIELD_MANAGER = "helios"
API_VERSION = "keda.sh/v1alpha1"
KIND = "ScaledObject"
MANAGED_BY = {"app.kubernetes.io/managed-by": "helios"}
PAUSED = {"autoscaling.keda.sh/paused": "true"}
"""KEDA deletes the HPA, so this is only ever put where nothing scaled the workload before."""

_HPA_NAME_LENGTH = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class KedaDefaults:
    """The operator's settings, for targets that do not say.

    Attributes:
        server_address: Prometheus as KEDA reaches it.
        authentication: KEDA's credentials for that address, and for no other.
        needs_authentication: whether that address asks for credentials.
    """

    server_address: str | None = None
    authentication: AuthenticationRef | None = None
    needs_authentication: bool = False


class Form(Enum):
    """What the ScaledObject does."""

    FORECAST = "forecast"
    """Autoscale: follows the forecast, guarded by cpu."""
    PAUSED = "paused"
    """Recommend: the same, out of force."""
    REACTIVE = "reactive"
    """Autoscale was left: cpu alone."""


def forecast_query(namespace: str, workload: str) -> str:
    """The PromQL of a workload's scaling signal: one element while its report has not expired, otherwise none.

    A scrape that does not honour our labels renames `namespace` to `exported_namespace`; either form is read. Labels are
    matched in full, so that a hung pod's number cannot pass on a fresh pod's timestamp.
    """
    signal, expires = (_either(gauge.name, namespace, workload) for gauge in (SIGNAL, EXPIRES))
    return f"max({signal} and ({expires} > time()))"


def lacking(target: HeliosTarget, defaults: KedaDefaults) -> tuple[str, str] | None:
    """The reason and the message why Autoscale cannot be: KEDA would have no way to Prometheus."""
    address, authentication = _connection(target, defaults)
    if address is None:
        message = (
            "KEDA does not know where Prometheus is: set spec.keda.serverAddress or the operator's setting "
            "keda.server_address"
        )
        return "NoServerAddress", message
    if (
        authentication is not None
        and authentication.kind == "ClusterTriggerAuthentication"
        and address != defaults.server_address
    ):
        message = (
            f"ClusterTriggerAuthentication {authentication.name} is the cluster's and goes to the operator's "
            f"keda.server_address alone, not to {address}: use a TriggerAuthentication of this namespace"
        )
        return "NotAllowed", message
    if authentication is None and defaults.needs_authentication and address == defaults.server_address:
        message = (
            f"Prometheus at {address} asks for credentials and KEDA has none: set spec.keda.authenticationRef or the "
            "operator's setting keda.authentication_ref"
        )
        return "NoAuthentication", message
    return None


def scaled_object(
    target: HeliosTarget,
    defaults: KedaDefaults,
    *,
    form: Form,
    cpu_guard: bool,
    floor: int | None = None,
    tolerance: bool = False,
) -> dict[str, Any]:
    """The manifest for server-side apply, named as the target.

    Args:
        target: a valid one.
        defaults: the operator's settings.
        form: what it is to do.
        cpu_guard: whether every container asks for cpu, without which a cpu trigger is an error at KEDA and the HPA. The
            reactive form is nothing but that trigger and takes no notice.
        floor: replicas that the reactive form keeps at least, whatever the target's bounds.
        tolerance: whether this cluster's HPA has a tolerance of its own. Zero in both directions then: the forecast
            trigger is a count of replicas, not a noisy ratio, so there is nothing to tolerate. Upwards the signal is
            nudged past the dead-band of the count it saw, but surge pods may have moved that since; downwards nothing
            nudges, and a dead-band would keep surge pods for good. For cpu, 80 then means 80, as in the published number,
            and the HPA's five minutes of stabilization on the way down hold against noise.

    Raises:
        ValueError: the target's spec cannot be used, or `lacking` has a reason.
    """
    if target.spec is None:
        raise ValueError(f"{target.namespace}/{target.name} has no valid spec: {target.problem}")
    api_version, kind, name = target.reference
    least, most = target.spec.replicas.min, target.spec.replicas.max
    spec: dict[str, Any] = {
        "scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": name},
        "minReplicaCount": least,
        "maxReplicaCount": most,
    }
    if form is Form.REACTIVE:
        spec["minReplicaCount"] = max(least, floor or 0)
        spec["maxReplicaCount"] = max(most, floor or 0)
        spec["triggers"] = [_cpu_trigger(target.spec)]
    else:
        guard = [_cpu_trigger(target.spec)] if cpu_guard else []
        spec["fallback"] = _fallback(target.spec)
        spec["triggers"] = [_forecast_trigger(target, defaults), *guard]
    # KEDA's default, and ours to keep: otherwise a delete could take replicas away
    spec["advanced"] = {"restoreToOriginalReplicaCount": False}
    hpa = _hpa(target.name, tolerance=tolerance)
    if hpa:
        spec["advanced"]["horizontalPodAutoscalerConfig"] = hpa
    metadata = {
        "name": target.name,
        "namespace": target.namespace,
        "labels": dict(MANAGED_BY),
        "ownerReferences": [target.owner_reference()],
    }
    if form is Form.PAUSED:
        metadata["annotations"] = dict(PAUSED)
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}


def _connection(target: HeliosTarget, defaults: KedaDefaults) -> tuple[str | None, AuthenticationRef | None]:
    """Address and credentials.

    The operator's credentials go to the operator's address alone: a tenant could otherwise have them sent to a server of
    its own.
    """
    keda = target.spec.keda if target.spec else None
    if keda is None or keda.server_address in (None, defaults.server_address):
        own = keda.authentication_ref if keda else None
        return defaults.server_address, own or defaults.authentication
    return keda.server_address, keda.authentication_ref


def _forecast_trigger(target: HeliosTarget, defaults: KedaDefaults) -> dict[str, Any]:
    address, authentication = _connection(target, defaults)
    lack = lacking(target, defaults)
    if lack is not None:
        raise ValueError(lack[1])
    trigger: dict[str, Any] = {
        "type": "prometheus",
        "name": "helios",
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": address,
            "query": forecast_query(target.namespace, target.reference[2]),
            "threshold": "1",
            "ignoreNullValues": "false",
        },
    }
    if authentication is not None:
        trigger["authenticationRef"] = {"name": authentication.name, "kind": authentication.kind}
    return trigger


def _cpu_trigger(spec: HeliosTargetSpec) -> dict[str, Any]:
    return {
        "type": "cpu",
        "name": "guard",
        "metricType": "Utilization",
        "metadata": {"value": str(spec.keda.cpu_guard)},
    }


def _fallback(spec: HeliosTargetSpec) -> dict[str, Any]:
    fallback = spec.keda.fallback
    return {
        "failureThreshold": fallback.failure_threshold,
        "replicas": fallback.replicas or spec.replicas.min,
        "behavior": "currentReplicasIfHigher",
    }


def _hpa(name: str, *, tolerance: bool) -> dict[str, Any]:
    """What the HPA that KEDA makes must be told."""
    config: dict[str, Any] = {}
    made = f"keda-hpa-{name}"
    if len(made) > _HPA_NAME_LENGTH:  # KEDA refuses a longer one
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        config["name"] = f"{made[: _HPA_NAME_LENGTH - 9].rstrip('-.')}-{digest}"
    if tolerance:
        config["behavior"] = {"scaleUp": {"tolerance": "0"}, "scaleDown": {"tolerance": "0"}}
    return config


def _either(gauge: str, namespace: str, workload: str) -> str:
    """A workload's gauge as it is scraped with our labels honoured, or with them renamed."""
    own, name = json.dumps(namespace), json.dumps(workload)
    return (
        f'({gauge}{{namespace={own},exported_namespace="",deployment={name}}} '
        f"or {gauge}{{exported_namespace={own},deployment={name}}})"
    )
