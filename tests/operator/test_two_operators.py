"""Two whole operators on one API server: one acts, the other is ready to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.operator.api_server import ApiServer
from tests.operator.api_stores import Kind
from tests.operator.operators import Running, comes_true, running, shop

pytestmark = pytest.mark.integration

LEASE = {"name": "helios", "seconds": 3}
SIGNAL = 'helios_scaling_signal{namespace="shop",deployment="web"}'


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """An API server with a workload and its target."""
    with ApiServer() as server:
        server.store.kinds.append(Kind("coordination.k8s.io/v1", "Lease", "leases"))
        server.store.put(*shop("web"))
        yield server


def held(operator: Running) -> bool:
    """Whether it says that it holds the lease."""
    return "helios_lease_held 1.0" in operator.gauges()


def test_one_publishes_and_writes_and_the_other_takes_over_when_it_ends(
    api: ApiServer, tmp_path: Path
) -> None:
    """The second one is silent and shows what the first says; when it is its turn, its numbers are there at once."""
    with ExitStack() as stack, running(api, tmp_path / "a", lease=LEASE) as first:
        assert comes_true(lambda: SIGNAL in first.gauges())
        second = stack.enter_context(running(api, tmp_path / "b", lease=LEASE))
        assert comes_true(lambda: second.built.live.cycles() > 2)
        assert [True, False] == [held(first), held(second)]
        assert SIGNAL not in second.gauges()
        asked = {"namespace": "shop", "deployment": "web"}
        for one in (first, second):
            assert b"null" != httpx.get(f"{one.url}/live/v1/report", params=asked).content
        first.end()
        assert comes_true(lambda: held(second), 5)
        assert SIGNAL in second.gauges()


def test_who_stands_by_writes_nothing(api: ApiServer, tmp_path: Path) -> None:
    """No status, no ScaledObject, no Event: somebody else holds the lease and does nothing."""
    api.store.put(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "helios", "namespace": "helios"},
            "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 600, "leaseTransitions": 4},
        }
    )
    with running(api, tmp_path, lease=LEASE) as operator:
        assert comes_true(lambda: "helios_cycles_total 3.0" in operator.gauges())
        assert SIGNAL not in operator.gauges()
    assert {"get", "list", "watch"} == {asked.verb for asked in api.requests}


def test_without_a_lease_an_operator_always_acts(api: ApiServer, tmp_path: Path) -> None:
    """As ever; it asks for no Lease, and says that it publishes."""
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: SIGNAL in operator.gauges())
        assert held(operator)
    assert [] == api.asked(resource="leases")
