"""Who an operator is to the others of its cluster."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from helios.errors import SettingsError
from helios.operator.connections import pod_namespace
from helios.settings import Lease
from helios.standings import address_of, candidacy


def test_without_a_name_there_is_no_lease() -> None:
    """Whatever else is set."""
    assert candidacy(Lease(namespace="helios", seconds=30), 8081) is None


def test_no_two_processes_are_the_same_unless_told_so() -> None:
    """Not even on one machine: a process that comes back must not believe that the lease is its own."""
    one, two = (candidacy(Lease(name="helios", namespace="helios"), 8081) for _ in range(2))
    assert one is not None
    assert two is not None
    assert one.identity != two.identity
    assert one.identity.startswith(socket.gethostname())
    named = candidacy(Lease(name="helios", namespace="helios", identity="helios-0_uid"), 8081)
    assert named is not None
    assert "helios-0_uid" == named.identity


def test_others_are_told_where_its_own_server_is() -> None:
    """By the setting, or by this machine's address and the port that it listens on."""
    told = candidacy(Lease(name="helios", namespace="helios", url="http://10.0.0.7:8081"), 1)
    found = candidacy(Lease(name="helios", namespace="helios"), 9090)
    assert told is not None
    assert found is not None
    assert ("http://10.0.0.7:8081", f"http://{address_of(socket.gethostname())}:9090") == (
        told.url,
        found.url,
    )


def test_a_machine_without_an_address_of_its_own_goes_by_its_name() -> None:
    """Loopback would lead the others to themselves."""
    assert ["localhost", "no.such.host.invalid"] == [
        address_of(name) for name in ("localhost", "no.such.host.invalid")
    ]


def test_the_namespace_is_the_pods_own(tmp_path: Path) -> None:
    """Where it is no pod, the setting is asked for by name."""
    file = tmp_path / "namespace"
    with pytest.raises(SettingsError, match="HELIOS_LEASE_NAMESPACE"):
        pod_namespace(file)
    file.write_text("helios\n")
    assert "helios" == pod_namespace(file)
