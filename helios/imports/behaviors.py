"""An HPA's behaviour as step limits of Helios, where they mean the same per cycle; what does not is said.

The HPA lets a policy's value pass once in each of its periods and takes, by default, the policy that allows most
(`pkg/controller/podautoscaler/horizontal.go: calculateScaleUpLimitWithScalingRules`); Helios takes the larger of pods and
percent once per cycle. A cycle that is several periods long allows about what the HPA could do in as many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from helios.imports import remarks
from helios.imports.autoscalers import Behavior, Direction, Policy
from helios.imports.remarks import Remark

_MOST_PERCENT = 10_000
"""What a HeliosTarget takes; more is no limit."""
_MOST_PODS = 100_000
_ENDLESS = 100.0
"""A logarithm beyond which no fleet grows."""


def copied(behavior: Behavior, cycle: int, where: str) -> tuple[dict[str, Any], list[Remark]]:
    """The `behavior` of a HeliosTarget, and what it cannot say.

    Args:
        behavior: as it stands.
        cycle: seconds between two of Helios' decisions.
        where: the path of the field, for the remarks.
    """
    spec: dict[str, Any] = {}
    said: list[Remark] = []
    for name, field, down in (
        ("scaleUp", behavior.scale_up, False),
        ("scaleDown", behavior.scale_down, True),
    ):
        if field is None:
            continue
        limit, more = limits(field, cycle, f"{where}.{name}", down=down)
        spec |= {name: limit} if limit else {}
        said += more
    window = None if behavior.scale_up is None else behavior.scale_up.stabilization_window_seconds
    if window:
        said.append(Remark(remarks.WINDOW_UP, f"{where}.scaleUp.stabilizationWindowSeconds: {window}"))
    window = None if behavior.scale_down is None else behavior.scale_down.stabilization_window_seconds
    if window is not None:
        spec["cooldownSeconds"] = window
    return spec, said


def limits(field: Direction, cycle: int, where: str, *, down: bool) -> tuple[dict[str, int], list[Remark]]:
    """`pods` and `percent` of one direction, empty where there is no limit; and what is lost.

    Args:
        field: as it stands.
        cycle: seconds.
        where: its path, for the remarks.
        down: whether it is about fewer replicas.
    """
    said = [Remark(remarks.TOLERANCE, f"{where}.tolerance: {field.tolerance}")] if field.tolerance else []
    if field.select_policy == "Disabled":
        return {}, [*said, Remark(remarks.DISABLED, f"{where}.selectPolicy: Disabled")]
    policies = field.policies or ()
    if field.select_policy == "Min" and len(policies) > 1:
        words = " and ".join(_worded(policy) for policy in policies)
        return {}, [*said, Remark(remarks.SELECT_MIN, f"{where}.selectPolicy: Min of {words}")]
    if not policies:
        return {}, said
    words, seconds = " and ".join(_worded(policy) for policy in policies), policies[0].period_seconds
    # of several the HPA takes the one that allows most: without one of them the others would be too strict
    if cycle % seconds or any(policy.period_seconds != seconds for policy in policies):
        return {}, [*said, Remark(remarks.PERIOD, f"{where}: {words}, cycles of {cycle} s")]
    limit = per_cycle(policies, cycle // seconds, down=down)
    if limit and seconds != cycle:
        made = " or ".join(f"{count} {'pods' if name == 'pods' else '%'}" for name, count in limit.items())
        said.append(Remark(remarks.PER_CYCLE, f"{where}: {words} became {made} per {cycle} s"))
    return limit, said


def per_cycle(policies: Sequence[Policy], periods: int, *, down: bool) -> dict[str, int]:
    """About what policies of one period allow together in so many of it; empty where there is no limit.

    In each period the larger of them counts. Percents compound and are rounded up; upwards what pods have brought grows with them
    too. A percentage is good for one pod at least in each period, as the HPA rounds away from what is there.
    """
    count = max((one.value for one in policies if one.type == "Pods"), default=0)
    share = max((one.value for one in policies if one.type == "Percent"), default=0) / 100
    if down and share >= 1:
        return {}
    whole = abs(math.expm1(min(periods * math.log1p(-share if down else share), _ENDLESS)))
    percent = math.ceil(100 * whole - 1e-9)
    if percent >= (100 if down else _MOST_PERCENT):
        return {}
    least = max(count, 1) if share and periods > 1 else count
    pods = math.ceil(least * (whole / share if share and not down else periods) - 1e-9)
    return {name: most for name, most in (("pods", min(pods, _MOST_PODS)), ("percent", percent)) if most}


def _worded(policy: Policy) -> str:
    what = "pods" if policy.type == "Pods" else "%"
    return f"{policy.value} {what} in {policy.period_seconds} s"
