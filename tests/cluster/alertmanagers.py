"""The shipped rules in a real Prometheus, the shipped configuration in a real Alertmanager, at speed.

    with Webhooks() as webhooks, Alertmanager(folder / "am", webhooks, speed=60) as alertmanager:
        prometheus = AlertingPrometheus(folder / "prometheus", alertmanager, speed=60)
        prometheus.scrape("helios", address)
        with prometheus:
            wait_until(lambda: webhooks.got("HeliosAnomalyCritical"), 60, "somebody is woken")

Two things are changed, and nothing else. Every duration of both files is divided by one number, so that each keeps its relation to all
others and to cycles that come so much faster (`scaled`, `hastened`); and the receivers' addresses are those of the test
(`addressed`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from tests.cluster.components import which
from tests.cluster.control_planes import answers
from tests.cluster.processes import LOOPBACK, Process, free_port
from tests.cluster.prometheuses import LOOKBACK_SECONDS, Prometheus
from tests.cluster.waits import wait_until
from tests.cluster.webhooks import SLACK, Webhooks

FOLDER = Path(__file__).parents[2] / "alerts"
RULES = FOLDER / "helios-rules.yaml"
CONFIGURATION = FOLDER / "alertmanager-config.yaml"

RESEND_SECONDS = 2
"""Prometheus tells a firing alert again after so long; after four times that without it Alertmanager takes it for over."""

_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_RANGE = re.compile(rf"(?<=\[){_DURATION.pattern}(?=\])|(?<=\boffset ){_DURATION.pattern}\b")
_WAITS = ("group_wait", "group_interval", "repeat_interval")


def shorter(duration: str, speed: float) -> str:
    """A duration of Prometheus, such as `1h30m`, divided by `speed`; a millisecond at least."""
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(duration))
    return f"{max(1, round(1000 * seconds / speed))}ms"


def scaled(rules: Mapping[str, Any], speed: float) -> dict[str, Any]:
    """Rules whose every duration is divided by `speed`: `for`, a group's `interval`, and each range and offset of an expression."""

    def rule(one: Mapping[str, Any]) -> dict[str, Any]:
        waits = {"for": shorter(one["for"], speed)} if "for" in one else {}
        expr = _RANGE.sub(lambda found: shorter(found[0], speed), one["expr"])
        return {**one, **waits, "expr": expr}

    def group(one: Mapping[str, Any]) -> dict[str, Any]:
        interval = {"interval": shorter(one["interval"], speed)} if "interval" in one else {}
        return {**one, **interval, "rules": [rule(each) for each in one["rules"]]}

    return {"groups": [group(one) for one in rules["groups"]]}


def hastened(configuration: Mapping[str, Any], speed: float) -> dict[str, Any]:
    """A configuration whose routes wait `speed` times shorter."""

    def route(one: Mapping[str, Any]) -> dict[str, Any]:
        waits = {name: shorter(one[name], speed) for name in _WAITS if name in one}
        return {**one, **waits, **({"routes": [route(r) for r in one["routes"]]} if "routes" in one else {})}

    return {**configuration, "route": route(configuration["route"])}


def addressed(configuration: Mapping[str, Any], url: str, slack: Path) -> dict[str, Any]:
    """A configuration whose receivers are at `url`: webhooks at the paths they have, Slack's address in the file `slack`."""

    def receiver(one: Mapping[str, Any]) -> dict[str, Any]:
        changed = dict(one)
        if "webhook_configs" in one:
            changed["webhook_configs"] = [
                {**hook, "url": url + httpx.URL(hook["url"]).path} for hook in one["webhook_configs"]
            ]
        if "slack_configs" in one:
            changed["slack_configs"] = [{**s, "api_url_file": str(slack)} for s in one["slack_configs"]]
        return changed

    return {**configuration, "receivers": [receiver(one) for one in configuration["receivers"]]}


class Alertmanager:
    """Started with the block and ended with it; it tells `webhooks`.

    Attributes:
        url: its address.
        process: to be killed and started again.
    """

    def __init__(
        self, folder: Path, webhooks: Webhooks, *, speed: float, configuration: Path = CONFIGURATION
    ) -> None:
        """Nothing runs yet.

        Args:
            folder: an empty one, for its data, configuration and log.
            webhooks: who is told.
            speed: every wait is divided by it.
            configuration: the file, with its templates beside it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._webhooks = webhooks
        slack = folder / "slack-url"
        slack.write_text(webhooks.url + SLACK, encoding="utf-8")
        loaded = yaml.safe_load(configuration.read_text(encoding="utf-8"))
        loaded = addressed(hastened(loaded, speed), webhooks.url, slack)
        loaded["templates"] = [str(configuration.parent / name) for name in loaded.get("templates", ())]
        (folder / "alertmanager.yml").write_text(json.dumps(loaded), encoding="utf-8")
        self.address = f"{LOOPBACK}:{free_port()}"
        self.url = f"http://{self.address}"
        command = [
            str(which("prometheus-alertmanager") or which("alertmanager")),
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]
        self.process = Process("alertmanager", command, folder, ready=answers(f"{self.url}/-/ready"))

    def alerts(self, *, name: str | None = None) -> list[dict[str, Any]]:
        """Its present alerts, inhibited ones too: `labels`, `status.state` (active, suppressed), `status.inhibitedBy`.

        Raises:
            httpx.HTTPError: no answer.
        """
        answer = httpx.get(f"{self.url}/api/v2/alerts", timeout=10, trust_env=False).raise_for_status()
        return [one for one in answer.json() if name in {None, one["labels"]["alertname"]}]

    def settle(self, seconds: float) -> None:
        """Wait until nothing is active and whatever was told is told to be over.

        A Prometheus that begins before it has scraped Helios says so at this speed.

        Raises:
            AssertionError: something goes on.
        """
        wait_until(
            lambda: [self.alerts(), self._webhooks.open()],
            seconds,
            "all is calm",
            accept=lambda s: s == [[], []],
        )

    def __enter__(self) -> Self:
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()


class AlertingPrometheus(Prometheus):
    """A Prometheus that evaluates the shipped rules with every scrape and tells an Alertmanager."""

    def __init__(
        self,
        folder: Path,
        alertmanager: Alertmanager,
        *,
        speed: float,
        rules: Path = RULES,
        scrape_seconds: float = 1.0,
    ) -> None:
        """Nothing runs yet.

        Args:
            folder: as of `Prometheus`.
            alertmanager: who is told.
            speed: every duration of the rules is divided by it.
            rules: the rule file.
            scrape_seconds: between two scrapes, and between two evaluations.
        """
        super().__init__(folder, scrape_seconds=scrape_seconds)
        file, config = folder / "rules.yml", folder / "prometheus.yml"
        shortened = scaled(yaml.safe_load(rules.read_text(encoding="utf-8")), speed)
        file.write_text(json.dumps(shortened), encoding="utf-8")
        settings = json.loads(config.read_text(encoding="utf-8"))
        settings["global"]["evaluation_interval"] = settings["global"]["scrape_interval"]
        settings["rule_files"] = [str(file)]
        settings["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]}
        config.write_text(json.dumps(settings), encoding="utf-8")
        command = [
            str(which("prometheus")),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=10y",
            f"--query.lookback-delta={LOOKBACK_SECONDS}s",
            f"--rules.alert.resend-delay={RESEND_SECONDS}s",
            f"--web.listen-address={httpx.URL(self.url).netloc.decode()}",
        ]
        self.process = Process("prometheus", command, folder, ready=answers(f"{self.url}/-/ready"))

    def firing(self, name: str) -> list[dict[str, str]]:
        """The labels of each firing alert of a name."""
        return [labels for labels, _ in self.query(f'ALERTS{{alertname="{name}",alertstate="firing"}}')]
