"""The requirements' load test runs, and nothing fails under it."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.api.conftest import Served

FILE = Path(__file__).parents[2] / "loadtest" / "inference_test.py"


@pytest.mark.integration
def test_the_load_test_finds_no_failure(api: Served, tmp_path: Path) -> None:
    """Three seconds of `locust -f loadtest/inference_test.py`: every request is answered, and rightly."""
    command = [f"{sysconfig.get_path('scripts')}/locust", "-f", str(FILE), f"--host={api.url}", "--headless"]
    options = ["--users", "8", "--spawn-rate", "8", "--run-time", "3s", "--stop-timeout", "2", "--json"]
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert 0 == done.returncode, done.stderr[-3000:]
    entries = json.loads(done.stdout)
    assert {"/predict", "/detect", "/recommend", "/health", "/metrics"} <= {
        entry["name"] for entry in entries
    }
    assert {0} == {entry["num_failures"] for entry in entries}
