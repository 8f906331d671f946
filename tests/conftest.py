"""What every test may lean on."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PACKAGES = {"amtool": "prometheus-alertmanager", "promtool": "prometheus"}
"""Debian's package where it is not named for the binary."""


@pytest.fixture(scope="session")
def needs() -> Callable[[str], str]:
    """The path of a real component; the test skips with one line where it is missing, and fails in CI."""

    def find(binary: str) -> str:
        path = shutil.which(binary, path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
        if path is None:
            package = PACKAGES.get(binary, binary)
            message = (
                f"{binary} is not installed: its tests are skipped here (Debian: apt-get install {package})"
            )
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        return path

    return find
