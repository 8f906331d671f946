"""What Helios itself writes is accused of nothing, in whatever form, for whatever target."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from helios.operator.scaledobjects import Form, KedaDefaults, scaled_object
from tests.doctor.examples import broken, deployment
from tests.operator.targets import target

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
    made = scaled_object(target(**wishes), DEFAULTS, form=form, cpu_guard=guard, tolerance=tolerance)
    made["metadata"].setdefault("annotations", {})["helios.dev/form"] = form.value
    assert [] == broken(yaml.safe_load(yaml.safe_dump(made)), deployment())
