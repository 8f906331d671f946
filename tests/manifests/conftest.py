"""What the tests of the manifests need: a kubectl, and the kinds that are not Kubernetes' own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cluster.components import folder
from tests.manifests.builds import kubectl


@pytest.fixture(scope="session", autouse=True)
def _kustomize() -> None:
    """Skip with one line where there is no kubectl; fail in CI."""
    if kubectl() is None:
        lacking(
            "kubectl is not installed, and the end-to-end suite's is not built (make e2e): the manifests are not tested here"
        )


@pytest.fixture(scope="session")
def kinds() -> list[Path]:
    """The files of the CRDs: the prometheus-operator's, Google's and KEDA's."""
    found = [file for name in ("crds", "keda") for file in sorted((folder() / name).glob("*.yaml"))]
    if not found:
        lacking(
            "the CRDs of others are not there (make e2e fetches them): objects of theirs are not validated here"
        )
    return [file for file in found if "webhook" not in file.name]


def lacking(message: str) -> None:
    """Skip, or fail in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
