"""The whole operator, in threads of the test's process, against a fake API server over real HTTP."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from helios.app import OperatorApplication, Registries, build_operator, listening, served
from helios.settings import Settings
from scoring.panels import Series
from tests.operator.api_server import ApiServer
from tests.operator.objects import Object, deployment, helios_target
from tests.processes.builders import DailySource


class Metrics(DailySource):
    """A daily rhythm for whoever is asked for, in place of Prometheus."""

    def problems(self) -> Mapping[Series, str]:
        """All is well."""
        return {}

    def close(self) -> None:
        """Nothing is open."""


class Running:
    """A running operator, and what can be seen of it; `end` tells its threads to, its server goes on."""

    def __init__(
        self, api: ApiServer, built: OperatorApplication, url: str, end: Callable[[], None] = lambda: None
    ) -> None:
        self.api, self.built, self.url, self.end = api, built, url, end

    def status(self, name: str = "web") -> Mapping[str, Any]:
        """As it stands at the API server; empty where there is none."""
        try:
            return self.api.store.one("heliostargets", name).get("status") or {}
        except KeyError:
            return {}

    def condition(self, kind: str, name: str = "web") -> str:
        """The reason of a condition, or nothing."""
        found = (c for c in self.status(name).get("conditions", ()) if c["type"] == kind)
        return next((str(c["reason"]) for c in found), "")

    def gauges(self) -> str:
        """What is served on the operator's port."""
        return httpx.get(f"{self.url}/metrics").text

    def patches(self) -> int:
        """How many statuses were written."""
        return len(self.api.asked("patch", "heliostargets/status"))


def settings_with(tmp: Path, **operator: Any) -> Settings:
    """A second per cycle and per step, two minutes as a day, and a snapshot after every cycle."""
    return Settings.model_validate(
        {
            "scoring": {
                "interval_seconds": 1,
                "step_seconds": 1,
                "day_seconds": 60,
                "history_seconds": 600,
                "state_path": str(tmp),
                "snapshot_seconds": 1,
            },
            "operator": {"status_seconds": 0, "relist_seconds": 600, **operator},
            "keda": {"server_address": "http://prometheus:9090"},
        }
    )


@contextlib.contextmanager
def running(api: ApiServer, tmp: Path, source: Metrics | None = None, **operator: Any) -> Iterator[Running]:
    """An operator until the block ends; it ends in order."""
    stop = threading.Event()
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        if "lease" in operator:
            operator["lease"] = {"namespace": "helios", "url": url, **operator["lease"]}
        built = build_operator(
            settings_with(tmp, **operator),
            api.configuration(),
            source or Metrics(),
            Registries.new(),  # type: ignore[arg-type] # in place of the door
        )
        with served(built.api, listener):
            thread = threading.Thread(target=built.operator.run, args=(stop,))
            thread.start()
            try:
                yield Running(api, built, url, stop.set)
            finally:
                stop.set()
                thread.join(20)
                assert not thread.is_alive()


def shop(*names: str, **spec: Any) -> list[Object]:
    """Deployments, and a HeliosTarget on each."""
    return [one for name in names for one in (deployment(name), applied(name, **spec))]


def applied(name: str = "web", **spec: Any) -> Object:
    """A HeliosTarget as a user applies it."""
    return helios_target(name, **spec)


def comes_true(what: Callable[[], Any], seconds: float = 10.0) -> bool:
    """Whether it does, within so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.02)
    return False
