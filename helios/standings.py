"""Whether this operator acts, or another of the same cluster does: joins the lease, the loop, and what is shown.

Nothing is decided here: `helios.operator.leases` finds out who holds the lease, `helios.operator.standbys` has what follows.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kubernetes.client.configuration import Configuration
from prometheus_client import Counter

from helios import snapshots
from helios.api.doors import Held
from helios.api.live import Live
from helios.loops import ScoringLoop
from helios.operator.clusters import Cluster
from helios.operator.connections import pod_namespace
from helios.operator.leases import Candidacy, Elector
from helios.operator.standbys import Heir, LeasedView, Peer
from helios.settings import Lease


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether this operator acts, and what it shows.

    Attributes:
        live: what is shown.
        elector: finds out; None: it always acts.
        refuse: raises a Problem where another acts.
    """

    live: Live
    elector: Elector | None = None
    refuse: Callable[[], None] = lambda: None

    def held(self) -> bool:
        """Whether this operator acts just now."""
        return self.elector is None or self.elector.held()

    def told(self, folder: Path | None) -> Held | None:
        """What it tells those who stand by, its state of `folder` among it."""
        if self.elector is None:
            return None
        return Held(self.live, lambda: snapshots.stored(folder, snapshots.STATE), self.refuse)


def standing_of(
    candidate: Candidacy | None, credentials: Configuration, counter: Counter, own: Live, loop: ScoringLoop
) -> Standing:
    """How this operator stands; where it is one of several, `loop` goes on from what the holder of the lease has decided.

    Args:
        candidate: who it is to the others; None: there are none.
        credentials: of the API server.
        counter: of requests to it.
        own: the loop as it is shown.
        loop: the loop.
    """
    if candidate is None:
        return Standing(own)
    # a door of its own, and little patience: no list keeps a renewal waiting, and one that is late is asked for again
    door = Cluster.of(credentials, counter=counter, seconds=candidate.seconds / 3)
    peer = Peer()
    elector = Elector(candidate, door, follow=peer.follow, won=loop.hurry)
    loop.before = Heir(elector.held, lambda: peer.relay).inherit
    view = LeasedView(own, elector, lambda: peer.relay, loop.clock.now)
    return Standing(view, elector, view.refuse)


def candidacy(lease: Lease, port: int) -> Candidacy | None:
    """Who this operator is to the others; None where there is no lease.

    Raises:
        SettingsError: the lease has no namespace, and this is no pod.
    """
    if lease.name is None:
        return None
    host = socket.gethostname()
    return Candidacy(
        namespace=lease.namespace or pod_namespace(),
        name=lease.name,
        identity=lease.identity or f"{host}_{uuid.uuid4()}",
        url=lease.url or f"http://{address_of(host)}:{port}",
        seconds=float(lease.seconds),
    )


def address_of(host: str) -> str:
    """The address by which others reach this machine, as a URL wants it; its name where it has none but loopback."""
    with contextlib.suppress(OSError):
        for family, *_, where in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            address = str(where[0])
            if not ipaddress.ip_address(address).is_loopback:
                return f"[{address}]" if family == socket.AF_INET6 else address
    return host
