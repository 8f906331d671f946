"""Every lint over everything that was read: pure, from objects to findings.

An object can have rules left out by an annotation of its own, where what they say is known and meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from helios.doctor import (
    hpa_lints,
    query_lints,
    scaledobject_lints,
    scrape_lints,
    target_lints,
    trigger_lints,
    workload_lints,
)
from helios.doctor.findings import Finding, arranged
from helios.doctor.inventories import Inventory

Missed = Callable[[str, str], None]
"""Is told of an object, or a file, and of why it was not looked at."""
ACCEPTED = "helios.dev/doctor-accept"
"""Names of rules, separated by commas, that are not to be told of the object that bears it."""


def lint(inventory: Inventory, missed: Missed | None = None) -> tuple[list[Finding], int]:
    """What is wrong, in order, and how many findings are left out because their object accepts them.

    Args:
        inventory: what was read.
        missed: is told of an object that a rule could not be asked about, and why; the others go on. None: it is an error.
    """
    accepted = {one.where: _names(str(one.annotations.get(ACCEPTED) or "")) for one in inventory.manifests}
    found = arranged(_found(inventory, missed))
    told = [one for one in found if one.rule not in accepted.get(one.where, frozenset())]
    return told, len(found) - len(told)


def _found(inventory: Inventory, missed: Missed | None) -> Iterator[Finding]:
    for where, looks in _looks(inventory):
        try:
            yield from looks
        except Exception as error:
            if missed is None:
                raise
            missed(where, f"{type(error).__name__}")


def _looks(inventory: Inventory) -> Iterator[tuple[str, Iterator[Finding]]]:
    """What is looked at, and what is found there once it is."""
    for scaled in inventory.scaled_objects():
        where = scaled.manifest.where
        yield where, scaledobject_lints.lints(scaled)
        for trigger in scaled.triggers:
            yield where, trigger_lints.lints(scaled, trigger)
            yield where, query_lints.lints(scaled, trigger)
        yield where, workload_lints.of_scaled_object(scaled, inventory)
    for hpa in inventory.autoscalers():
        yield hpa.manifest.where, hpa_lints.lints(hpa)
        yield hpa.manifest.where, workload_lints.of_autoscaler(hpa, inventory)
    yield "two-autoscalers", workload_lints.rivals(inventory)
    for target in inventory.of_kind("HeliosTarget"):
        yield target.where, target_lints.lints(target)
    for scrape in inventory.of_kind("ServiceMonitor", "PodMonitor", "PodMonitoring", "ClusterPodMonitoring"):
        yield scrape.where, scrape_lints.lints(scrape)


def _names(text: str) -> frozenset[str]:
    return frozenset(one.strip() for one in text.split(",") if one.strip())
