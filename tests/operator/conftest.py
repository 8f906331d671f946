"""A fake API server, the door to it, and a fleet on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helios.operator.clusters import Cluster
from tests.operator.api_server import ApiServer
from tests.operator.api_stores import ROLLOUT
from tests.operator.worlds import World


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture
def cluster(api: ApiServer) -> Iterator[Cluster]:
    with Cluster.of(api.configuration(), seconds=2.0) as door:
        yield door


@pytest.fixture
def world(api: ApiServer, cluster: Cluster) -> World:
    api.store.kinds.append(ROLLOUT)
    return World(api, cluster)
