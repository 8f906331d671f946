"""A fake API server, the door to it, and a fleet on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helios.operator.clusters import Cluster
from tests.operator.adopted import HPAS, SCALED_OBJECT, users_hpa, users_scaled_object
from tests.operator.api_server import ApiServer
from tests.operator.api_stores import ROLLOUT
from tests.operator.scenes import Scene
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


@pytest.fixture
def scene(api: ApiServer) -> Iterator[Scene]:
    """A workload with an HPA of its user's, `web-cpu`."""
    api.store.put(users_hpa())
    made = Scene(api)
    yield made
    made.cluster.close()


@pytest.fixture
def own(scene: Scene) -> Scene:
    """A workload with a ScaledObject of its user's in place of an HPA, `web-so`."""
    scene.api.store.remove(HPAS, "web-cpu")
    scene.api.store.put(users_scaled_object())
    scene.wish = {"adopt": {"kind": SCALED_OBJECT, "name": "web-so"}}
    return scene
