"""What is looked at in the cluster, in order, within a time; under the operator's own rights, or an administrator's.

Where the API server does not answer nothing more is asked. What an account may not see is skipped and told, never guessed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from helios.doctor import fleets, installations, rights, schemas, target_checks, tenures
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
    tell: Callable[[Check], None] = lambda _: None,
    clock: Clock = time.monotonic,
) -> tuple[list[Check], Fleet | None]:
    """Look at everything; a check for each of `NAMES`, and the fleet where it could be read.

    Args:
        door: opens the cluster. Raises HeliosError where there is none.
        settings: the lease.
        terms: the operator's own rules.
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
    rounds.look("resource", lambda: schemas.resource(cluster))
    read: list[Fleet] = []

    def targets() -> Seen:
        try:
            read.append(fleets.of_cluster(cluster, terms.parse))
        except ClusterMissing:
            raise Skipped("there are no HeliosTargets here") from None
        return target_checks.sound(read[0])

    rounds.look("targets", targets)
    fleet = read[0] if read else None
    needed = fleet is not None and bool(fleet.switched)
    lease = settings.operator.lease

    def namespace() -> str:
        return lease.namespace or _own_namespace(cluster)

    steps: dict[str, Callable[[], Seen]] = {
        "adopted": lambda: target_checks.adopted(_known(fleet)),
        "rights": lambda: rights.granted(cluster, fleet, namespace() if lease.name is not None else None),
        "keda": lambda: installations.keda(cluster, needed=needed),
        "keda-metrics": lambda: installations.external_metrics(cluster),
        "resource-metrics": lambda: installations.resource_metrics(cluster, needed=needed),
        "keda-connection": lambda: target_checks.connected(cluster, _known(fleet), terms.keda),
        "lease": lambda: (
            tenures.held(cluster, namespace(), lease.name)
            if lease.name is not None
            else _skip("operator.lease.name is not set: this operator always acts")
        ),
    }
    for name in NAMES[3:]:
        rounds.look(name, steps[name])
    return rounds.checks, fleet


def _own_namespace(cluster: Cluster) -> str:
    """The operator's: that of its account, or of the pod that this runs in.

    Raises:
        Skipped: it is not to be found out from here.
    """
    account = rights.holder_of(cluster).account
    if account is not None:
        return account[0]
    try:
        return pod_namespace()
    except SettingsError as error:
        raise Skipped(str(error)) from None


def _known(fleet: Fleet | None) -> Fleet:
    if fleet is None:
        raise Skipped("needs the targets")
    return fleet


def _skip(reason: str) -> Seen:
    raise Skipped(reason)
