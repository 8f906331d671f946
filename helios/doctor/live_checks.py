"""Everything that the doctor looks at in a running installation: the cluster first, then Prometheus as its targets need it.

It changes nothing and raises nothing for outside reasons: what cannot be looked at is a skipped check.
"""

from __future__ import annotations

from collections.abc import Callable

from helios.doctor import cluster_checks, fleets, prometheus_checks
from helios.doctor.checks import Check
from helios.doctor.cluster_checks import Terms
from helios.doctor.doors import Doors
from helios.settings import Settings

NAMES = (*cluster_checks.NAMES, *prometheus_checks.NAMES)
"""Of the checks, in the order in which they are told."""

RULES = frozenset(
    {
        "adopted-original-unreadable",
        "cluster-unreachable",
        "crd-missing",
        "crd-outdated",
        "gauges-expired",
        "gauges-exported-namespace",
        "gauges-missing",
        "gauges-namespace-overwritten",
        "gauges-not-scraped",
        "gauges-twice",
        "keda-authentication-missing",
        "keda-down",
        "keda-metrics-unavailable",
        "keda-missing",
        "keda-no-way-to-prometheus",
        "keda-prometheus-closed",
        "keda-too-old",
        "lease-not-held",
        "prometheus-cadvisor-labels",
        "prometheus-clock-skew",
        "prometheus-exported-namespace",
        "prometheus-metrics-missing",
        "prometheus-retention-short",
        "prometheus-scrape-too-coarse",
        "prometheus-several-clusters",
        "prometheus-unreachable",
        "prometheus-workload-without-samples",
        "rbac-missing",
        "resource-metrics-unavailable",
        "target-conflict",
        "target-invalid",
        "target-without-workload",
        "workload-without-requests",
    }
)
"""Of their findings."""

__all__ = ["NAMES", "RULES", "Check", "Doors", "Terms", "live_checks"]


def live_checks(
    settings: Settings,
    doors: Doors,
    terms: Terms,
    *,
    namespace: str | None = None,
    tell: Callable[[Check], None] = lambda _: None,
) -> list[Check]:
    """Look at everything; a check for each of `NAMES`.

    Args:
        settings: the operator's.
        doors: to the outside.
        terms: the operator's own rules.
        namespace: whose targets are read where not all may be listed.
        tell: is given each check as it ends, in the thread of the caller.
    """
    checks, fleet = cluster_checks.cluster_checks(
        doors.cluster, settings, terms, namespace=namespace, tell=tell
    )
    if fleet is None:
        # without a cluster it is `helios run` that scores; with one, it scores HeliosTargets alone
        alone = checks[0].skipped or bool(checks[0].findings)
        specs = settings.target_specs() if alone else ()
        fleet = fleets.of_settings(spec.target() for spec in specs)
    return checks + prometheus_checks.prometheus_checks(
        doors.prometheus, doors.keda, fleet, settings, tell=tell
    )
