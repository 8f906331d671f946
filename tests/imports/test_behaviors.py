"""An HPA's behaviour becomes step limits per cycle that allow what the HPA could do in one, or is listed."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.imports.autoscalers import Behavior, Direction, Policy
from helios.imports.behaviors import copied, limits, per_cycle
from tests.imports.objects import CYCLE, rules


def policy(value: int, seconds: int, kind: str = "Pods") -> dict[str, Any]:
    return {"type": kind, "value": value, "periodSeconds": seconds}


@pytest.mark.parametrize(
    ("direction", "limit", "said"),
    [
        pytest.param({"policies": [policy(4, 300)]}, {"pods": 4}, [], id="one period a cycle"),
        pytest.param({"policies": [policy(20, 300, "Percent")]}, {"percent": 20}, [], id="percent"),
        pytest.param({"policies": [policy(4, 60)]}, {"pods": 20}, ["policy-per-cycle"], id="five periods"),
        pytest.param({"policies": [policy(10, 60, "Percent")]}, {"percent": 62, "pods": 7}, ["policy-per-cycle"], id="percents compound"),
        pytest.param({"policies": [policy(4, 60), policy(100, 60, "Percent")]}, {"percent": 3100, "pods": 124}, ["policy-per-cycle"], id="pods grow too"),
        pytest.param({"policies": [policy(10, 300), policy(5, 30, "Percent")]}, {}, ["policy-period"], id="two periods"),
        pytest.param({"policies": [policy(4, 300), policy(10, 300, "Percent")]}, {"pods": 4, "percent": 10}, [], id="the larger of two"),
        pytest.param({"policies": [policy(4, 15), policy(100, 15, "Percent")]}, {}, [], id="the default is no limit"),
        pytest.param({"policies": [policy(1, 600)]}, {}, ["policy-period"], id="longer than a cycle"),
        pytest.param({"policies": [policy(1, 70), policy(9, 300)]}, {}, ["policy-period"], id="one of two is foreign"),
        pytest.param({"policies": [policy(4, 300), policy(1, 300)], "selectPolicy": "Min"}, {}, ["select-min"], id="the smaller"),
        pytest.param({"policies": [policy(4, 300)], "selectPolicy": "Min"}, {"pods": 4}, [], id="the smaller of one"),
        pytest.param({"policies": [policy(4, 300)], "selectPolicy": "Disabled"}, {}, ["direction-disabled"], id="never"),
        pytest.param({"tolerance": "0.05"}, {}, ["tolerance"], id="tolerance"),
        pytest.param({}, {}, [], id="nothing"),
    ],
)  # fmt: skip
def test_a_direction_becomes_a_step_limit_or_is_listed(
    direction: dict[str, Any], limit: dict[str, int], said: list[str]
) -> None:
    """Of scaling up, in cycles of five minutes."""
    found, remarks = limits(Direction.model_validate(direction), CYCLE, "spec.behavior.scaleUp", down=False)
    assert (limit, said) == (found, rules(remarks))


def test_all_pods_at_once_is_no_limit_downwards() -> None:
    """As Kubernetes has it by default."""
    field = Direction.model_validate({"policies": [policy(100, 15, "Percent")]})
    assert ({}, []) == limits(field, CYCLE, "spec.behavior.scaleDown", down=True)


def test_the_window_downwards_is_the_hold_down_and_the_one_upwards_is_listed() -> None:
    """Zero is a window too, and says that nothing is held."""
    behavior = Behavior.model_validate(
        {
            "scaleUp": {"stabilizationWindowSeconds": 60},
            "scaleDown": {"stabilizationWindowSeconds": 0, "policies": [policy(2, 300)]},
        }
    )
    spec, said = copied(behavior, CYCLE, "spec.behavior")
    assert {"scaleDown": {"pods": 2}, "cooldownSeconds": 0} == spec
    assert ["scale-up-window"] == rules(said)


def by_hpa(policies: list[Policy], replicas: int, *, down: bool) -> int:
    """How far the HPA goes in a cycle, where nothing else holds it: horizontal.go, calculateScale{Up,Down}LimitWithBehaviors.

    It looks every 15 s; each policy counts the changes of its own last period.
    """
    count, changes = replicas, list[tuple[int, int]]()
    for now in range(0, CYCLE, 15):
        bounds = []
        for one in policies:
            recent = sum(size for at, size in changes if at > now - one.period_seconds)
            start = count + recent if down else count - recent
            step = one.value if one.type == "Pods" else math.ceil(start * one.value / 100 - 1e-9)
            bounds.append(start - step if down else start + step)
        reached = max(min(count, *bounds), 0) if down else max(count, *bounds)
        changes.append((now, abs(reached - count)))
        count = reached
    return abs(count - replicas)


@given(
    policies=st.lists(
        st.tuples(st.sampled_from(["Pods", "Percent"]), st.integers(1, 100)), min_size=1, max_size=3
    ),
    seconds=st.sampled_from([15, 30, 60, 75, 150, 300]),
    replicas=st.integers(1, 500),
    down=st.booleans(),
)
def test_a_limit_allows_about_what_the_hpa_could_do_in_one_cycle(
    policies: list[tuple[str, int]], seconds: int, replicas: int, down: bool
) -> None:
    """Never less than half of it, nor e times as much: that is how pods and percents of the smallest fleet may differ."""
    chosen = [
        Policy.model_validate({"type": kind, "value": value, "period_seconds": seconds})
        for kind, value in policies
    ]
    made = per_cycle(chosen, CYCLE // seconds, down=down)
    wanted = by_hpa(chosen, replicas, down=down)
    if not made:
        assert wanted >= (0.99 if down else 99) * replicas
        return
    allowed = max(made.get("pods", 0), math.ceil(replicas * made.get("percent", 0) / 100))
    allowed = min(allowed, replicas) if down else allowed
    assert wanted / 2 <= allowed <= math.e * wanted + 1
    if seconds == CYCLE or (
        not down and len({kind for kind, _ in policies}) == 1 and policies[0][0] == "Pods"
    ):
        assert wanted == allowed
