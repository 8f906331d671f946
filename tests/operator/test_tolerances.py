"""A ScaledObject is given a tolerance only where the HPA and KEDA both know the field."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from helios.operator.clusters import Cluster
from helios.operator.tolerances import Tolerances
from tests.operator.api_server import ApiServer

OPENAPI = "/openapi/v3/apis/keda.sh/v1alpha1"


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """An API server."""
    with ApiServer() as server:
        yield server


def document(*path: str) -> bytes:
    """KEDA's OpenAPI with a ScaledObject that has this field."""
    schema: dict[str, object] = {"type": "string"}
    for part in reversed(path):
        schema = {"type": "object", "properties": {part: schema}}
    kind = {"group": "keda.sh", "version": "v1alpha1", "kind": "ScaledObject"}
    return orjson.dumps(
        {"components": {"schemas": {"so": {"x-kubernetes-group-version-kind": [kind], **schema}}}}
    )


FULL = document("spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleDown", "tolerance")


def version(minor: str) -> bytes:
    """What /version says."""
    return orjson.dumps({"major": "1", "minor": minor})


@pytest.mark.parametrize(
    ("minor", "openapi", "expected"),
    [
        ("36+", FULL, True),
        ("34", FULL, False),
        ("36", document("spec", "advanced", "horizontalPodAutoscalerConfig", "behavior"), False),
        ("36", b'{"components": {}}', False),
    ],
    ids=["both know it", "an older Kubernetes", "an older KEDA", "no KEDA"],
)
def test_it_is_written_where_both_know_it(api: ApiServer, minor: str, openapi: bytes, expected: bool) -> None:
    """A field that KEDA lacks would have the whole ScaledObject refused."""
    api.raw |= {"/version": (200, version(minor)), OPENAPI: (200, openapi)}
    assert expected is Tolerances(Cluster.of(api.configuration())).are_known()


def test_an_answer_is_kept_for_an_hour_and_a_failure_is_not(api: ApiServer) -> None:
    """An API server that is away for a moment changes nothing that was written."""
    now = [0.0]
    api.raw |= {"/version": (200, version("36")), OPENAPI: (503, b"{}")}
    tolerances = Tolerances(Cluster.of(api.configuration()), clock=lambda: now[0])
    assert False is tolerances.are_known()
    api.raw[OPENAPI] = (200, FULL)
    assert True is tolerances.are_known()
    api.raw[OPENAPI] = (503, b"{}")
    now[0] = 3601
    assert True is tolerances.are_known()
