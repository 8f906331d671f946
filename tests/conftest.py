"""What every test may lean on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest

PACKAGES = {"promtool": "prometheus"}
"""Debian's package where it is not named for the binary."""


@pytest.fixture
def needs() -> Callable[[str], str]:
    """The path of a real component; the test skips with one line where it is missing, and fails in CI."""

    def find(binary: str) -> str:
        path = shutil.which(binary)
        if path is None:
            message = (
                f"{binary} is not installed: its tests are skipped here (Debian: apt-get install {binary})"
            )
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        return path

    return find
