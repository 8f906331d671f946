"""What Helios itself writes is accused of nothing, in whatever form, for whatever target."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from helios.operator.adoptions import Original
from helios.operator.scaledobjects import Form, KedaDefaults
from helios.operator.scaledobjects import scaled_object as written
from helios.operator.successors import successor
from tests.doctor.examples import Body, broken, deployment, prometheus, resource, scaled_object, utilization
from tests.operator.adopted import HPA, SCALED_OBJECT, users_hpa
from tests.operator.targets import KEDA, target

DEFAULTS = KedaDefaults(server_address="http://prometheus.monitoring.svc:9090")


@pytest.mark.parametrize("tolerance", [True, False], ids=["tolerance", "plain"])
@pytest.mark.parametrize("guard", [True, False], ids=["guarded", "alone"])
@pytest.mark.parametrize("form", [Form.FORECAST, Form.PAUSED, Form.REACTIVE])
@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"replicas": {"min": 1, "max": 1}},
        {"replicas": {"min": 3, "max": 300}},
        {"keda": {"fallback": {"replicas": 9, "failureThreshold": 1}, "cpuGuard": 60}},
    ],
    ids=["plain", "one", "many", "fallback"],
)
def test_the_scaled_object_of_a_target_is_right(
    wishes: dict[str, Any], form: Form, guard: bool, tolerance: bool
) -> None:
    """Applied, offered, and left behind."""
    made = written(target(**wishes), DEFAULTS, form=form, cpu_guard=guard, tolerance=tolerance)
    made["metadata"].setdefault("annotations", {})["helios.dev/form"] = form.value
    assert [] == broken(yaml.safe_load(yaml.safe_dump(made)), deployment())


@pytest.mark.parametrize("tolerance", [True, False], ids=["tolerance", "plain"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (HPA, users_hpa()),
        (
            HPA,
            {
                **users_hpa(),
                "spec": {**users_hpa()["spec"], "metrics": [utilization("cpu"), utilization("memory")]},
            },
        ),
        (SCALED_OBJECT, scaled_object(resource(), fallback=None)),
        (SCALED_OBJECT, scaled_object(prometheus(), minReplicaCount=0, cooldownPeriod=1800)),
    ],
    ids=["HPA", "HPA of memory", "ScaledObject of cpu", "sleeper"],
)
def test_what_stands_in_the_place_of_an_adopted_autoscaler_is_right(
    kind: str, body: Body, tolerance: bool
) -> None:
    """If that was. The cooldown of a workload that slept is kept to be given back, and is no fault while Helios has the minimum."""
    wanted = target(mode="Autoscale", replicas={"min": 2, "max": 20})
    made = successor(wanted, Original.of(kind, body), KEDA, cpu_guard=True, tolerance=tolerance)
    assert [] == broken(yaml.safe_load(yaml.safe_dump(made)), deployment())
