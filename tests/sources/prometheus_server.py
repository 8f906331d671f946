"""A real Prometheus on loopback, loaded with history, for tests that must not trust an imitation.

    with prometheus(tmp_path, openmetrics) as url: …

It is started as a process of its own and ended by its own process id; it scrapes nothing.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

READY_SECONDS = 30.0


@contextmanager
def prometheus(
    folder: Path, metrics: str | Path, *, binary: str = "prometheus", promtool: str = "promtool"
) -> Iterator[str]:
    """Serve `metrics` (OpenMetrics text, or a file of it) from a real Prometheus; yields its base address.

    Args:
        folder: an empty folder for its data, configuration and log.
        metrics: samples with timestamps; the newest should be a few minutes old at most, for instant queries.
        binary: the server.
        promtool: its tool.
    """
    file = metrics if isinstance(metrics, Path) else folder / "metrics.txt"
    if isinstance(metrics, str):
        file.write_text(metrics, encoding="utf-8")
    data, config, log = folder / "data", folder / "prometheus.yml", folder / "prometheus.log"
    config.write_text("global: {scrape_interval: 1h}\nscrape_configs: []\n", encoding="utf-8")
    load = [promtool, "tsdb", "create-blocks-from", "--max-block-duration=384h", "openmetrics"]
    subprocess.run([*load, str(file), str(data)], check=True, capture_output=True, timeout=120)
    address = f"127.0.0.1:{free_port()}"
    command = [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=10y",
        f"--web.listen-address={address}",
    ]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        try:
            _wait_until_ready(f"http://{address}", server, log)
            yield f"http://{address}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if requests.get(f"{url}/-/ready", timeout=2).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"prometheus did not become ready:\n{log.read_text(errors='replace')[-2000:]}")


@dataclass
class Metrics:
    """Builds OpenMetrics text, one metric after the other as the format wants."""

    _lines: dict[str, list[str]] = field(default_factory=dict)

    def add(self, metric: str, labels: Mapping[str, str], samples: Mapping[float, float]) -> None:
        """Add one series: UNIX seconds -> value."""
        text = ",".join(f'{name}="{value}"' for name, value in labels.items())
        lines = self._lines.setdefault(metric, [])
        lines += [f"{metric}{{{text}}} {value!r} {when!r}" for when, value in samples.items()]

    def text(self) -> str:
        """All of it."""
        return "\n".join([*(line for lines in self._lines.values() for line in lines), "# EOF", ""])
