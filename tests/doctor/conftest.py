"""A healthy cluster for the live checks to look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doctor.apis import Hospital, keda
from tests.operator.objects import deployment
from tests.operator.targets import body


@pytest.fixture
def api() -> Iterator[Hospital]:
    """Healthy: `shop/web`, three replicas, in Autoscale; and KEDA 2.21."""
    with Hospital() as server:
        server.store.put(deployment("web"), body("web", mode="Autoscale"), keda("2.21.0"))
        yield server
