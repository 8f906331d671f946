"""Every rule has a remedy that is YAML and cures what it was found for, or a command to type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from helios.doctor.inventories import Inventory
from helios.doctor.manifests import parsed
from helios.doctor.rules import RULES
from tests.doctor.examples import (
    FRESH,
    SAFE,
    SIGNAL,
    Body,
    container,
    deployment,
    external,
    hpa,
    prometheus,
    resource,
    scaled_object,
    utilization,
)
from tests.doctor.treatments import command, findings, treated, uncured
from tests.operator.targets import body as target_body

PAUSED = {"autoscaling.keda.sh/paused": "true"}
RATIO = 'helios_predicted_cpu{namespace="shop",deployment="web",horizon="30m"}'
COUNT = 'kube_deployment_status_replicas{namespace="shop",deployment="web"}'
EXPIRING = f"max({SIGNAL} and {FRESH})"
RENAMED = EXPIRING.replace("{namespace=", "{exported_namespace=")
SCRAPE: Body = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "PodMonitor",
    "metadata": {"name": "helios", "namespace": "helios"},
    "spec": {
        "selector": {"matchLabels": {"app.kubernetes.io/name": "helios"}},
        "podMetricsEndpoints": [{"port": "http"}],
    },
}
GOOGLES: Body = {
    **SCRAPE,
    "apiVersion": "monitoring.googleapis.com/v1",
    "kind": "PodMonitoring",
    "spec": {"selector": SCRAPE["spec"]["selector"], "endpoints": [{"port": "http"}]},
}


def reading(query: str, threshold: str = "1", **said: Any) -> Body:
    """A ScaledObject that reads a query."""
    return scaled_object(prometheus(query, threshold=threshold, **said))


def window(seconds: int) -> Body:
    """What an HPA waits for before it scales in."""
    return {"scaleDown": {"stabilizationWindowSeconds": seconds}}


def sidecar() -> Body:
    """A workload with an init container that stays, and requests nothing."""
    body = deployment()
    body["spec"]["template"]["spec"]["initContainers"] = [
        {"name": "proxy", "image": "x", "restartPolicy": "Always"}
    ]
    return body


def impossible(**replicas: int) -> Body:
    """A HeliosTarget with bounds of any kind."""
    body = target_body("web")
    return {**body, "spec": {**body["spec"], "replicas": replicas}}


EXAMPLES: Mapping[str, Sequence[Sequence[Body]]] = {
    "ratio-under-average-value": (
        (reading("sum(rate(busy_total[5m])) / sum(rate(capacity_total[5m]))", "0.7"),),
        (reading(f"max({RATIO} and ignoring(horizon) {FRESH})", "70"),),
        (hpa(external("helios_predicted_cpu", "AverageValue")),),
    ),
    "replicas-under-value": (
        (scaled_object(prometheus(EXPIRING, threshold="1", metric_type="Value")),),
        (hpa(external("helios_scaling_signal", "Value")),),
    ),
    "forecast-under-value": (
        (scaled_object(prometheus("sum(rate(hits_total[5m] offset 1w))", metric_type="Value")),),
        (hpa(external("helios_predicted_cpu", "Value")),),
    ),
    "total-under-value": ((scaled_object(prometheus(metric_type="Value")),),),
    "replicas-threshold": (
        (reading(EXPIRING, "2"),),
        (
            hpa(
                {
                    "type": "External",
                    "external": {
                        "metric": {"name": "helios_scaling_signal"},
                        "target": {"type": "AverageValue", "averageValue": "2"},
                    },
                }
            ),
        ),
    ),
    "null-read-as-zero": (
        (scaled_object(prometheus(ignoreNullValues=None)),),
        (scaled_object(prometheus(), prometheus(ignoreNullValues="true"), resource()),),
    ),
    "or-vector-zero": ((reading("sum(rate(hits_total[5m])) or vector(0)"),),),
    "not-a-vector": ((reading("scalar(max(hits))"),), (reading("hits_total[5m]"),), (reading('"hits"'),)),
    "several-elements": ((reading("sum by (pod) (rate(hits_total[5m]))"),), (reading("queue_length"),)),
    "query-unreadable": ((reading("sum(rate('it'[5m])"),),),
    "no-expiry": ((reading(f"max({SIGNAL})"),), (reading(f"max({SIGNAL}) and max({FRESH})"),)),
    "labels-never-match": (
        (reading(f"max({RATIO} and {FRESH})", "70"),),
        (reading(f"max({SIGNAL}) and {FRESH}"),),
    ),
    "replicas-of-another-cycle": (
        (
            reading(
                f"max(100 * {RATIO} * on (namespace, deployment) {COUNT} and ignoring(horizon) {FRESH})", "70"
            ),
        ),
    ),
    "gauge-of-every-workload": (
        (reading("max(helios_scaling_signal and (helios_report_expires_timestamp_seconds > time()))"),),
    ),
    "exported-namespace": ((reading(RENAMED),),),
    "scrape-renames-labels": ((SCRAPE,), (GOOGLES,), ({**GOOGLES, "kind": "ClusterPodMonitoring"},)),
    "metric-type-refused": (
        (scaled_object(prometheus(metric_type="Utilization")),),
        (scaled_object(prometheus(), resource(metric_type=None, type="AverageValue", value="1")),),
    ),
    "threshold-unusable": (
        (scaled_object(prometheus(threshold="70%")),),
        (scaled_object(prometheus(), resource(value="0.7")),),
        (scaled_object(prometheus(), resource("memory", "AverageValue", value="much")),),
        (
            scaled_object(
                {**prometheus(), "name": "a"}, advanced={"scalingModifiers": {"formula": "a", "target": "0"}}
            ),
        ),
    ),
    "trigger-incomplete": (
        (scaled_object(prometheus(serverAddress=None)),),
        (scaled_object({"type": "prometheus", "metadata": {"threshold": "5", "ignoreNullValues": "false"}}),),
    ),
    "metadata-unusable": (
        (scaled_object(prometheus(customHeaders="Authorization=Basic eA==", timeout="soon")),),
        (scaled_object(prometheus(ignoreNullValues="no")),),
    ),
    "metadata-not-text": (
        (scaled_object(prometheus(threshold=50)),),
        (scaled_object(prometheus(unsafeSsl=True)),),
    ),
    "no-fallback": ((scaled_object(fallback=None),),),
    "fallback-lowers": (
        (scaled_object(fallback={"failureThreshold": 3, "replicas": 2}),),
        (scaled_object(fallback={**SAFE, "replicas": 0}, minReplicaCount=0),),
    ),
    "fallback-disabled": (
        (scaled_object(resource(), fallback=SAFE),),
        (scaled_object(fallback={"replicas": 2, "behavior": "whatever"}),),
        (
            scaled_object(
                {**prometheus(), "name": "a"},
                advanced={"scalingModifiers": {"formula": "a", "target": "0.5"}},
            ),
        ),
    ),
    "minimum-zero": (
        (scaled_object(minReplicaCount=None),),
        (scaled_object(prometheus(ignoreNullValues=None), minReplicaCount=1, idleReplicaCount=0),),
    ),
    "maximum-unsaid": ((scaled_object(maxReplicaCount=None),),),
    "bounds-impossible": (
        (scaled_object(minReplicaCount=30),),
        (scaled_object(minReplicaCount=-1, maxReplicaCount=0),),
        (scaled_object(idleReplicaCount=2),),
        (hpa(minReplicas=30),),
    ),
    "activation-ignored": ((scaled_object(prometheus(activationThreshold="500")),),),
    "cooldown-ignored": ((scaled_object(cooldownPeriod=900),),),
    "paused": ((scaled_object(annotations=PAUSED),),),
    "api-version-gone": (
        ({**hpa(), "apiVersion": "autoscaling/v2beta2"},),
        (
            {
                **hpa({"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 70}}),
                "apiVersion": "autoscaling/v2beta1",
            },
        ),
    ),
    "missing-requests": (
        (hpa(), sidecar()),
        (hpa(), deployment(container(), container("proxy", memory="64Mi"))),
        (scaled_object(prometheus(), resource("memory")), deployment(container(cpu="1"))),
        (
            scaled_object(prometheus(), resource("cpu", "AverageValue", value="1")),
            deployment(container(memory="1Gi")),
        ),
    ),
    "memory-alone": ((hpa(utilization("memory")),), (scaled_object(resource("memory"), fallback=None),)),
    "two-autoscalers": (
        (scaled_object(), hpa(name="own")),
        (scaled_object(annotations=PAUSED), hpa(name="own")),
        (hpa(), hpa(name="second")),
    ),
    "no-stabilization": (
        (hpa(behavior=window(0)),),
        (scaled_object(advanced={"horizontalPodAutoscalerConfig": {"behavior": window(0)}}),),
    ),
    "target-invalid": ((impossible(min=9, max=5),),),
}
"""Objects that break each rule, in the ways that have a remedy of their own."""

TYPED = {"query-unreadable", "target-invalid"}
"""Rules whose remedy is a command; and of two HPAs one is deleted by one."""


def test_there_is_an_example_of_every_rule() -> None:
    """So that none has a remedy that nobody has tried."""
    assert {one.name for one in RULES} == set(EXAMPLES)


@pytest.mark.parametrize(
    ("rule", "bodies"),
    [
        pytest.param(rule, bodies, id=f"{rule}-{i}")
        for rule, several in EXAMPLES.items()
        for i, bodies in enumerate(several, 1)
    ],
)
def test_a_remedy_cures_what_it_was_found_for(rule: str, bodies: Sequence[Body]) -> None:
    """Pasted in the place of what is wrong; the object is still one that is looked at."""
    own = [one for one in findings(bodies) if one.rule == rule]
    assert own
    for one in own:
        assert (
            rule in TYPED or len(bodies) == sum(body["kind"].startswith("Horizontal") for body in bodies) > 1
        ) == command(one)
        if not command(one):
            assert not uncured(bodies, one), one.remedy
            assert looked_at(bodies) == looked_at(treated(bodies, one))


def looked_at(bodies: Sequence[Body]) -> int:
    """How many of the objects are whole enough for rules."""
    inventory = Inventory(tuple(parsed("x/y.yaml", written(bodies))))
    return len(inventory.scaled_objects()) + len(inventory.autoscalers())


def written(bodies: Sequence[Body]) -> str:
    """As a file of several documents."""
    text: str = yaml.safe_dump_all(bodies, allow_unicode=True)
    return text
