"""A real Prometheus that scrapes loopback every second, and may have a past."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from tests.cluster.components import which
from tests.cluster.control_planes import answers
from tests.cluster.processes import LOOPBACK, Process, free_port
from tests.cluster.waits import wait_until

LOOKBACK_SECONDS = 15
"""Prometheus' five minutes fit scrapes of a minute, not of a second: the past's pods would haunt the present."""


class Prometheus:
    """Started with the block and ended with it.

    Its targets are scraped once before the block begins.

    Attributes:
        url: its address, for KEDA and Helios too.
        process: to be killed and started again; what it stored stays.
    """

    def __init__(self, folder: Path, *, scrape_seconds: float = 1.0) -> None:
        """Nothing runs yet.

        Args:
            folder: an empty one, for its data, configuration and log.
            scrape_seconds: between two scrapes; also the time-out of each.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._targets: dict[str, tuple[str, str]] = {}
        address = f"{LOOPBACK}:{free_port()}"
        self.url = f"http://{address}"
        scrape = f"{round(scrape_seconds * 1000)}ms"
        config = {
            "global": {"scrape_interval": scrape, "scrape_timeout": scrape},
            "scrape_configs": [
                {
                    "job_name": "loopback",
                    "honor_labels": True,
                    "file_sd_configs": [{"files": [str(folder / "targets.json")]}],
                }
            ],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
        self._write_targets()
        command = [
            str(which("prometheus")),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=10y",
            f"--query.lookback-delta={LOOKBACK_SECONDS}s",
            f"--web.listen-address={address}",
        ]
        self.process = Process("prometheus", command, folder, ready=answers(f"{self.url}/-/ready"))
        self._client = httpx.Client(base_url=self.url, timeout=10, trust_env=False)

    def load(self, history: Path) -> None:
        """Take in a file of OpenMetrics text with timestamps; before the start, once.

        Raises:
            subprocess.CalledProcessError: promtool would not have it.
        """
        command = [str(which("promtool")), "tsdb", "create-blocks-from", "--max-block-duration=384h"]
        data = str(self._folder / "data")
        subprocess.run(
            [*command, "openmetrics", str(history), data], check=True, capture_output=True, timeout=120
        )

    def scrape(self, job: str, address: str, path: str = "/metrics") -> None:
        """Scrape `http://address/path`, with `honor_labels`; a job has one address.

        Prometheus takes up a new target within five seconds.
        """
        self._targets[job] = (address, path)
        self._write_targets()

    def forget(self, job: str) -> None:
        """Scrape it no more."""
        self._targets.pop(job, None)
        self._write_targets()

    def query(self, promql: str) -> list[tuple[dict[str, str], float]]:
        """An instant query: labels and value of each element.

        Raises:
            httpx.HTTPError: no answer, or the query is refused.
        """
        answer = self._client.get("/api/v1/query", params={"query": promql}).raise_for_status()
        return [(one["metric"], float(one["value"][1])) for one in answer.json()["data"]["result"]]

    def samples(self, selector: str) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        """What is stored, of a range such as `up[60s]`: labels of each series, and time and value of each of its samples.

        Raises:
            httpx.HTTPError: no answer, or the query is refused.
        """
        answer = self._client.get("/api/v1/query", params={"query": selector}).raise_for_status()
        return [
            (one["metric"], [(float(when), float(value)) for when, value in one["values"]])
            for one in answer.json()["data"]["result"]
        ]

    def value(self, promql: str) -> float | None:
        """The value of a query that has one element; None where it has none.

        Raises:
            AssertionError: it has several.
        """
        found = self.query(promql)
        assert len(found) <= 1, f"{promql} has {len(found)} elements"
        return found[0][1] if found else None

    def up(self) -> Mapping[str, float]:
        """Job -> 1 where its last scrape was answered, else 0."""
        return {labels["job"]: value for labels, value in self.query("up")}

    def __enter__(self) -> Self:
        self.process.start()
        wait_until(lambda: self.up().keys() >= self._targets.keys(), 20, "a first scrape", every=0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self.process.stop()

    def _write_targets(self) -> None:
        """Replaced in one step: Prometheus watches the file and must not read half of it."""
        groups = [
            {"targets": [address], "labels": {"job": job, "__metrics_path__": path}}
            for job, (address, path) in self._targets.items()
        ]
        fresh = self._folder / "targets.json.new"
        fresh.write_text(json.dumps(groups), encoding="utf-8")
        fresh.replace(self._folder / "targets.json")
