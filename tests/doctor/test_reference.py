"""What KEDA and the HPA do with a number, statement by statement: who goes against one is found, who heeds it is not accused.

The statements are those that Helios' generated triggers are built on. What no manifest can show (tolerances, what an outage looks
like) has no case here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from helios.operator.scaledobjects import forecast_query
from tests.doctor.examples import (
    FRESH,
    SAFE,
    SIGNAL,
    Body,
    broken,
    container,
    deployment,
    hpa,
    prometheus,
    resource,
    scaled_object,
)

OWN = '{namespace="shop",deployment="web"}'
AHEAD = OWN.replace("}", ',horizon="30m"}')
PERCENTS = f"100 * helios_predicted_cpu{AHEAD} * ignoring(horizon) helios_current_replicas{OWN}"
TOTAL = f"max({PERCENTS} and ignoring(horizon) {FRESH})"
DIRECT = '{namespace="shop",exported_namespace="",deployment="web"}'
RENAMED = '{exported_namespace="shop",deployment="web"}'


def either(gauge: str) -> str:
    """A gauge under whichever name its namespace has."""
    return f"({gauge}{DIRECT} or {gauge}{RENAMED})"


ROBUST = f"max({either('helios_scaling_signal')} and ({either('helios_report_expires_timestamp_seconds')} > time()))"
TRANSFER = {"scaledobject.keda.sh/transfer-hpa-ownership": "true"}
PAUSED = {"autoscaling.keda.sh/paused": "true"}
LACKING = deployment(container(), container("proxy", memory="64Mi"))


def reading(query: str, threshold: str = "1", metric_type: str | None = None, **spec: Any) -> Body:
    """A ScaledObject on one query."""
    return scaled_object(prometheus(query, metric_type=metric_type, threshold=threshold), **spec)


def composed(target: str) -> Body:
    """A ScaledObject with a formula."""
    trigger = {**prometheus(), "name": "a"}
    return scaled_object(trigger, advanced={"scalingModifiers": {"formula": "a", "target": target}})


STATEMENTS: Sequence[tuple[str, Sequence[Body], str | None]] = (
    (
        "more than one element is an error",
        [reading("sum by (pod) (rate(hits_total[5m]))")],
        "several-elements",
    ),
    ("aggregate, always", [reading("sum(rate(hits_total[5m]))", "50")], None),
    (
        "an empty vector is read as 0 by default",
        [scaled_object(prometheus(ignoreNullValues=None))],
        "null-read-as-zero",
    ),
    ("with false it is an error", [scaled_object(prometheus(ignoreNullValues="false"))], None),
    ("a scalar fails to parse", [reading("scalar(max(queue))")], "not-a-vector"),
    ("wrap it in vector()", [reading("vector(scalar(max(queue)))")], None),
    ("never write or vector(0)", [reading("sum(rate(hits_total[5m])) or vector(0)", "50")], "or-vector-zero"),
    ("precision is three decimals", [scaled_object(prometheus(threshold="0.0001"))], "threshold-unusable"),
    ("it never looks at a sample's age", [reading(f"max({SIGNAL})")], "no-expiry"),
    ("hence the expiry", [reading(f"max({SIGNAL} and {FRESH})")], None),
    (
        "activation is ignored from 1 on",
        [scaled_object(prometheus(activationThreshold="900"))],
        "activation-ignored",
    ),
    (
        "and below the threshold it matters to nobody",
        [scaled_object(prometheus(activationThreshold="50"))],
        None,
    ),
    (
        "Utilization is an error outside cpu and memory",
        [scaled_object(prometheus(metric_type="Utilization"))],
        "metric-type-refused",
    ),
    (
        "recommended replicas under AverageValue at 1 are right",
        [reading(forecast_query("shop", "web"))],
        None,
    ),
    (
        "at another threshold they are divided",
        [reading(forecast_query("shop", "web"), "2")],
        "replicas-threshold",
    ),
    (
        "under Value they double",
        [reading(forecast_query("shop", "web"), metric_type="Value")],
        "replicas-under-value",
    ),
    ("a total under AverageValue is right", [scaled_object()], None),
    ("under Value it is wrong", [scaled_object(prometheus(metric_type="Value"))], "total-under-value"),
    (
        "a mean under AverageValue is wrong",
        [reading('100 * avg(rate(container_cpu_usage_seconds_total{pod=~"web-.*"}[5m]))', "70")],
        "ratio-under-average-value",
    ),
    (
        "a forecast of it under Value runs away",
        [reading(f"max(helios_predicted_cpu{AHEAD} and ignoring(horizon) {FRESH})", "0.7", "Value")],
        "forecast-under-value",
    ),
    ("the total of percents is right", [reading(TOTAL, "70")], None),
    (
        "and of one cycle only",
        [
            reading(
                TOTAL.replace(
                    "ignoring(horizon) helios_current_replicas",
                    "on (namespace, deployment) kube_deployment_status_replicas",
                ),
                "70",
            )
        ],
        "replicas-of-another-cycle",
    ),
    (
        "without ignoring(horizon) it returns nothing",
        [reading(TOTAL.replace("* ignoring(horizon)", "*"), "70")],
        "labels-never-match",
    ),
    (
        "on (namespace, deployment) lets a hung pod's number pass",
        [reading(f"max({SIGNAL} and on (namespace, deployment) {FRESH})")],
        "no-expiry",
    ),
    (
        "a query for the renamed label alone finds nothing",
        [reading(f"max({SIGNAL} and {FRESH})".replace("{namespace=", "{exported_namespace="))],
        "exported-namespace",
    ),
    ("one for either is robust", [reading(ROBUST)], None),
    ("no fallback", [scaled_object(fallback=None)], "no-fallback"),
    (
        "the behaviour that never lowers is the safe one",
        [scaled_object(fallback={**SAFE, "behavior": "static"})],
        "fallback-lowers",
    ),
    ("a target that is no whole number disables the fallback", [composed("0.5")], "fallback-disabled"),
    ("a whole one does not", [composed("5")], None),
    ("there is none for cpu and memory", [scaled_object(resource(), fallback=SAFE)], "fallback-disabled"),
    ("the minimum defaults to 0", [scaled_object(minReplicaCount=None)], "minimum-zero"),
    ("cooldown is for the step to zero", [scaled_object(cooldownPeriod=1800)], "cooldown-ignored"),
    ("which there is from a minimum of 0", [scaled_object(cooldownPeriod=1800, minReplicaCount=0)], None),
    ("paused deletes the HPA", [scaled_object(annotations=PAUSED)], "paused"),
    (
        "paused-scale-in keeps it",
        [scaled_object(annotations={"autoscaling.keda.sh/paused-scale-in": "true"})],
        None,
    ),
    ("a second owner is refused", [scaled_object(), hpa()], "two-autoscalers"),
    (
        "whether paused or not",
        [scaled_object(annotations={**PAUSED, "helios.dev/doctor-accept": "paused"}), hpa()],
        "two-autoscalers",
    ),
    (
        "an HPA is taken over by name",
        [
            scaled_object(annotations=TRANSFER, advanced={"horizontalPodAutoscalerConfig": {"name": "web"}}),
            hpa(),
        ],
        None,
    ),
    ("and only by name", [scaled_object(annotations=TRANSFER), hpa()], "two-autoscalers"),
    (
        "a cpu guard beside the signal",
        [scaled_object(prometheus(ROBUST, threshold="1"), resource(value="80")), deployment()],
        None,
    ),
    (
        "only where every container has a request",
        [scaled_object(prometheus(ROBUST, threshold="1"), resource(value="80")), LACKING],
        "missing-requests",
    ),
    (
        "KEDA needs its own way to Prometheus",
        [scaled_object(prometheus(serverAddress=None))],
        "trigger-incomplete",
    ),
    (
        "with credentials of its own",
        [scaled_object({**prometheus(), "authenticationRef": {"name": "prometheus"}})],
        None,
    ),
)


@pytest.mark.parametrize(
    ("bodies", "rule"), [pytest.param(bodies, rule, id=said) for said, bodies, rule in STATEMENTS]
)
def test_who_goes_against_a_statement_is_found_and_who_heeds_it_is_not(
    bodies: Sequence[Body], rule: str | None
) -> None:
    """By exactly the rule that says so."""
    assert [rule] * (rule is not None) == broken(*bodies)
