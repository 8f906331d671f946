"""What is looked at in the cluster, in order, within a time; under the operator's own rights, or an administrator's.

Where the API server does not answer nothing more is asked. What an account may not see is skipped and told, never guessed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from helios.doctor import accounts, fleets, installations, rights, schemas, target_checks, tenures
from helios.doctor.accounts import Sight
from helios.doctor.checks import Check, Clock, Rounds, Seen, Skipped
from helios.doctor.fleets import Fleet, Parse
from helios.errors import ClusterMissing, SettingsError
from helios.operator.clusters import Cluster
from helios.operator.connections import pod_namespace
from helios.operator.scaledobjects import KedaDefaults
from helios.settings import Settings

SECONDS = 60.0
"""All of these together; one that has begun ends within its own time-out."""

NAMES = (
    "kubernetes",
    "resource",
    "targets",
    "adopted",
    "rights",
    "keda",
    "keda-metrics",
    "resource-metrics",
    "keda-connection",
    "lease",
)


@dataclass(frozen=True, slots=True)
class Terms:
    """The operator's own rules.

    Attributes:
        parse: how an object of the API server becomes a target.
        keda: what ScaledObjects need to know where their target does not say.
    """

    parse: Parse
    keda: KedaDefaults


def cluster_checks(
    door: Callable[[], Cluster],
    settings: Settings,
    terms: Terms,
    *,
    namespace: str | None = None,
    tell: Callable[[Check], None] = lambda _: None,
    clock: Clock = time.monotonic,
) -> tuple[list[Check], Fleet | None]:
    """Look at everything; a check for each of `NAMES`, and the fleet where it could be read.

    Args:
        door: opens the cluster. Raises HeliosError where there is none.
        settings: the lease.
        terms: the operator's own rules.
        namespace: whose targets are read where not all may be listed.
        tell: is given each check as it ends.
        clock: seconds that only move forward.
    """
    rounds = Rounds(tell, SECONDS, clock)
    first = rounds.look(NAMES[0], lambda: installations.answering(door()))
    if first.skipped or first.findings:
        for name in NAMES[1:]:
            rounds.look(name, lambda: _skip("needs the API server"))
        return rounds.checks, None
    cluster = door()
    lease = settings.operator.lease
    sight = cache(lambda: accounts.seen(cluster, lease.identity))
    rounds.look("resource", lambda: schemas.resource(cluster, sight, meant=lease.name is not None))
    read: list[Fleet] = []

    def targets() -> Seen:
        try:
            read.append(fleets.of_cluster(cluster, terms.parse, namespace))
        except ClusterMissing:
            raise Skipped("there are no HeliosTargets here") from None
        return target_checks.sound(read[0])

    rounds.look("targets", targets)
    fleet = read[0] if read else None
    needed = fleet is not None and bool(fleet.switched)

    def place() -> str | None:
        return lease.namespace or _own_namespace(sight())

    steps: dict[str, Callable[[], Seen]] = {
        "adopted": lambda: target_checks.adopted(_known(fleet)),
        "rights": lambda: rights.granted(
            cluster, sight(), fleet, place() if lease.name is not None else None
        ),
        "keda": lambda: installations.keda(cluster, needed=needed),
        "keda-metrics": lambda: installations.external_metrics(cluster),
        "resource-metrics": lambda: installations.resource_metrics(cluster, needed=needed),
        "keda-connection": lambda: target_checks.connected(cluster, _known(fleet), terms.keda),
        "lease": lambda: (
            tenures.held(cluster, place() or _nowhere(), lease.name)
            if lease.name is not None
            else _skip("operator.lease.name is not set: this operator always acts")
        ),
    }
    for name in NAMES[3:]:
        rounds.look(name, steps[name])
    return rounds.checks, fleet


def _own_namespace(sight: Sight) -> str | None:
    """The operator's: that of its account, or of the pod that this runs in; None where it is not to be found out from here."""
    if sight.operator is None:
        return None
    if sight.operator.account is not None:
        return sight.operator.account[0]
    try:
        return pod_namespace()
    except SettingsError:
        return None


def _nowhere() -> str:
    raise Skipped(
        "operator.lease.namespace is not set, and where the operator runs is not to be seen from here"
    )


def _known(fleet: Fleet | None) -> Fleet:
    if fleet is None:
        raise Skipped("needs the targets")
    return fleet


def _skip(reason: str) -> Seen:
    raise Skipped(reason)
