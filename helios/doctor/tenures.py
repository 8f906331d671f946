"""Whether one of several operators acts: the lease is held, and renewed.

As those who stand by judge it: by whether the record changes while it is watched, as a time in it may be of another clock. The
wait is short, and only where the record looks old.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from helios.doctor.checks import Seen
from helios.doctor.findings import Finding, Severity
from helios.errors import ClusterMissing
from helios.operator.clusters import Cluster
from helios.operator.leases import API_VERSION, PLURAL, Record

WATCHED_SECONDS = 15.0
"""At most, even where the lease is longer."""
SHOWN = 2.0
"""A record that is younger than so many times of the lease needs no watching."""


def held(
    cluster: Cluster,
    namespace: str,
    name: str,
    *,
    wall: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Seen:
    """Whether somebody holds the lease and renews it.

    Args:
        cluster: the door.
        namespace: of the Lease.
        name: its own.
        wall: UNIX seconds.
        sleep: waits.

    Raises:
        ClusterError: it cannot be read.
    """
    try:
        body = cluster.get(API_VERSION, PLURAL, namespace, name)
    except ClusterMissing:
        return Seen(
            "the lease is not there", (_finding(namespace, name, "no operator has ever asked for it"),)
        )
    record = Record.of(body)
    if not record.holder:
        return Seen("nobody holds the lease", (_finding(namespace, name, "its last holder has given it up"),))
    seconds = record.seconds if record.seconds > 0 else 15.0
    age = wall() - _renewed(body)
    if age <= SHOWN * seconds:
        return Seen(f"{record.holder} holds the lease")
    sleep(min(seconds, WATCHED_SECONDS))
    again = cluster.get(API_VERSION, PLURAL, namespace, name)
    if again["metadata"].get("resourceVersion") != body["metadata"].get("resourceVersion"):
        return Seen(f"{Record.of(again).holder} holds the lease")
    why = f"{record.holder} has it and does not renew it, and nobody takes it over"
    return Seen("the lease has run out", (_finding(namespace, name, why),))


def _renewed(body: Mapping[str, Any]) -> float:
    """UNIX seconds of the last renewal, as its holder wrote it; 0 where it cannot be read."""
    try:
        return datetime.fromisoformat(str((body.get("spec") or {}).get("renewTime"))).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _finding(namespace: str, name: str, why: str) -> Finding:
    return Finding(
        rule="lease-not-held",
        severity=Severity.ERROR,
        where=f"{namespace}/Lease/{name}",
        what="no operator publishes gauges or writes: KEDA falls back",
        why=why,
        remedy=f"kubectl -n {namespace} get pods -l app.kubernetes.io/name=helios   # do they run? then their logs:\n"
        f"kubectl -n {namespace} logs -l app.kubernetes.io/name=helios --container operator --tail=50",
    )
