"""An HPA's behaviour as step limits of Helios, where they mean the same per cycle; what does not is said.

The HPA lets a policy's value pass once in each of its periods and takes, by default, the policy that allows most
(`pkg/controller/podautoscaler/horizontal.go: calculateScaleUpLimitWithScalingRules`); Helios takes the larger of pods and
percent once per cycle. A cycle that is several periods long allows what the HPA could do in as many.
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
    parts = [policy for policy in policies if cycle % policy.period_seconds == 0]
    foreign = [policy for policy in policies if policy not in parts]
    # of several the HPA takes the one that allows most: without one of them the others would be too strict
    if foreign:
        words = " and ".join(_worded(policy) for policy in foreign)
        return {}, [*said, Remark(remarks.PERIOD, f"{where}: {words}, cycles of {cycle} s")]
    limit = _largest([per_cycle(policy, cycle // policy.period_seconds, down=down) for policy in parts])
    if limit and any(policy.period_seconds != cycle for policy in parts):
        words = " and ".join(_worded(policy) for policy in parts)
        made = " or ".join(f"{count} {'pods' if name == 'pods' else '%'}" for name, count in limit.items())
        said.append(Remark(remarks.PER_CYCLE, f"{where}: {words} became {made} per {cycle} s"))
    return limit, said


def per_cycle(policy: Policy, periods: int, *, down: bool) -> dict[str, int] | None:
    """What a policy allows in so many of its periods; None is no limit.

    Percents compound and are rounded up. In each period a percentage is good for one pod at least, as the HPA rounds away
    from what is there.
    """
    if policy.type == "Pods":
        return {"pods": policy.value * periods}
    share = policy.value / 100
    if down:
        percent = 100.0 if share >= 1 else 100 * (1 - (1 - share) ** periods)
    else:
        percent = 100 * (math.exp(min(periods * math.log1p(share), 100.0)) - 1)
    rounded = math.ceil(percent - 1e-9)
    if rounded >= (100 if down else _MOST_PERCENT):
        return None
    return {"percent": rounded} | ({"pods": periods} if periods > 1 else {})


def _largest(parts: Sequence[dict[str, int] | None]) -> dict[str, int]:
    """What the most generous of them allow; empty where one of them sets no limit."""
    made: dict[str, int] = {}
    for part in parts:
        if part is None:
            return {}
        for name, count in part.items():
            made[name] = max(made.get(name, 0), count)
    return {name: min(count, 100_000) for name, count in made.items()}


def _worded(policy: Policy) -> str:
    what = "pods" if policy.type == "Pods" else "%"
    return f"{policy.value} {what} in {policy.period_seconds} s"
