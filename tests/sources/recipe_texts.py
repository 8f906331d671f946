"""Every recipe by a name, rendered for the two namespaces that the documentation and promtool's tests use."""

from __future__ import annotations

from helios.sources.recipes import (
    Family,
    Selection,
    demand,
    per_pod,
    presence,
    replicas,
    saturation,
    starts,
)

FLEET = Selection(("saleor", "shop"))
ONE = Selection(("saleor", "shop"), ("web",))


def texts() -> dict[str, str]:
    """Name -> PromQL."""
    found = {"replicas": replicas(FLEET), "presence": presence(FLEET)}
    for family in Family:
        found[f"{family} cpu"] = demand(family, "cpu", FLEET, 300)
        found[f"{family} cpu of web"] = demand(family, "cpu", ONE, 300)
        found[f"{family} cpu over an hour"] = demand(family, "cpu", FLEET, 3600)
        found[f"{family} memory"] = demand(family, "memory", FLEET, 300)
        found[f"{family} starts"] = starts(family, FLEET)
        found[f"{family} saturation"] = saturation(family, FLEET, 300)
        for resource in ("cpu", "memory"):
            for metric in ("requests", "limits"):
                found[f"{family} {metric} {resource}"] = per_pod(family, metric, resource, FLEET)
    return found
