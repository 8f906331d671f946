"""What every test may lean on."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

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


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Whatever a test does to logging, it is as it was afterwards."""
    root, urllib3, httpx = (logging.getLogger(name) for name in (None, "urllib3", "httpx"))
    before = (root.handlers, root.level, urllib3.level, httpx.level)
    yield
    root.handlers, root.level, urllib3.level, httpx.level = before
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
