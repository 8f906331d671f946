"""schemathesis asks the real server whatever its OpenAPI document allows, and what it does not."""

from __future__ import annotations

import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

from helios.api.live import Deviation
from tests.api.builders import KEY, CannedLive
from tests.api.conftest import Served
from tests.ui.builders import report

ENDLESS = "/events"
"""A stream without an end is not for a fuzzer; it has tests of its own."""


def test_openapi_is_kept(serve: Callable[..., Served], tmp_path: Path) -> None:
    """No answer contradicts the OpenAPI document: statuses, types, shapes and refusals, over the whole of it."""
    sigmas = [Deviation("cpu", 1.0, 1), Deviation("memory", -2.0, -1)]
    api = serve(live=CannedLive({KEY: report()}, sigmas=sigmas))
    command = [f"{sysconfig.get_path('scripts')}/schemathesis", "run", f"{api.url}/openapi.json"]
    options = ["--exclude-path", ENDLESS, "--max-examples", "20", "--seed", "1", "--no-color"]
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert 0 == done.returncode, done.stdout[-6000:]
    assert "Selected: 14/15" in done.stdout
