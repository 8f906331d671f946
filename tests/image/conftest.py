"""The image of this checkout, for the tests of this folder that are marked `image`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.images import Image
from tests.cluster.images import built as mounted
from tests.image import builds
from tests.image.runs import Container


@pytest.fixture(scope="session")
def image() -> str:
    """Its name in buildah's store; skipped with one line where this machine cannot build it, a failure in CI."""
    if lacks := builds.lacks():
        if os.environ.get("CI") == "true":
            pytest.fail(lacks)
        pytest.skip(lacks)
    return builds.image()


@pytest.fixture(scope="session")
def files(image: str) -> Iterator[Image]:
    """Its files and its configuration."""
    with mounted(image) as there:
        yield there


@pytest.fixture
def container(files: Image, tmp_path: Path) -> Container:
    """A container of it that has written nothing yet."""
    tmp_path.chmod(0o711)  # pytest's own folders are for this user alone
    return Container(files, tmp_path)


@pytest.fixture
def hadolint() -> str:
    """The linter's path; it comes with the development requirements."""
    found = shutil.which("hadolint", path=f"{Path(sys.prefix) / 'bin'}:{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip("hadolint is not installed: its test is skipped here (make install-dev)")
    return found
