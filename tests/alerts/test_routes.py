"""Alertmanager takes the configuration, and routes, groups and inhibits as docs/alerts.md says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.rules import ALERTMANAGER, Alert, alerts

RECEIVERS = {"critical": "on-call", "warning": "team", "info": "digest"}
REAL = pytest.mark.integration
"""By Alertmanager's own tool."""


def configuration() -> dict[str, Any]:
    """The file."""
    found: dict[str, Any] = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))
    return found


def routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A route and all below it."""
    yield route
    for child in route.get("routes", ()):
        yield from routes(child)


def amtool(needs: Callable[[str], str], *arguments: str | Path) -> str:
    """What amtool prints; it must be content."""
    done = subprocess.run(
        [needs("amtool"), *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


@REAL
def test_alertmanager_takes_the_configuration_and_its_templates(needs: Callable[[str], str]) -> None:
    """By its own tool."""
    said = amtool(needs, "check-config", ALERTMANAGER)
    assert "SUCCESS" in said
    assert "1 templates" in said


@REAL
@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_an_alert_comes_to_whom_its_severity_says(alert: Alert, needs: Callable[[str], str]) -> None:
    """Critical to who is on call, a warning to the team, information to the digest."""
    labels = [f"{name}={value}" for name, value in alert.labels.items()]
    labels += [f"alertname={alert.name}", *(() if "namespace" in alert.labels else ("namespace=saleor",))]
    said = amtool(needs, "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels)
    assert RECEIVERS[alert.labels["severity"]] == said.strip()


@REAL
@pytest.mark.parametrize("alert", ["Watchdog", "KubePodCrashLooping", "NotHeliosAtAll"])
def test_what_is_not_of_helios_is_left_to_whoever_it_belongs_to(
    alert: str, needs: Callable[[str], str]
) -> None:
    """The root's receiver, which tells nobody here."""
    said = amtool(
        needs,
        "config",
        "routes",
        "test",
        f"--config.file={ALERTMANAGER}",
        f"alertname={alert}",
        "severity=critical",
    )
    assert "nobody" == said.strip()


def test_no_secret_stands_in_the_file() -> None:
    """Whatever is one is a file's name."""
    for receiver in configuration()["receivers"]:
        for kind, configs in receiver.items():
            for config in configs if kind != "name" else ():
                secrets = {
                    "api_url",
                    "routing_key",
                    "service_key",
                    "auth_password",
                    "http_config",
                } & config.keys()
                assert set() == secrets
                assert all(
                    value.startswith("/etc/alertmanager/secrets/")
                    for key, value in config.items()
                    if key.endswith("_file")
                )


def test_what_is_told_is_also_told_to_be_over() -> None:
    """Every receiver that a route names sends resolved notifications."""
    named = {route["receiver"] for route in routes(configuration()["route"])}
    for receiver in configuration()["receivers"]:
        if receiver["name"] in named:
            for configs in (value for key, value in receiver.items() if key != "name"):
                assert all(config["send_resolved"] for config in configs)


def test_inhibitions_and_intervals_speak_of_alerts_and_receivers_that_exist() -> None:
    """A name that was changed in one place only would inhibit nothing, silently."""
    known = {alert.name for alert in alerts()}
    for rule in configuration()["inhibit_rules"]:
        for side in ("source_matchers", "target_matchers"):
            [matcher] = rule[side]
            names = matcher.split('"')[1].split("|")
            assert set() == set(names) - known
    intervals = {interval["name"] for interval in configuration()["time_intervals"]}
    named = [
        name
        for route in routes(configuration()["route"])
        for key in ("active_time_intervals", "mute_time_intervals")
        for name in route.get(key, ())
    ]
    assert set() == set(named) - intervals
    assert "helios.dashboard" in ALERTMANAGER.read_text(encoding="utf-8")


def test_nothing_is_repeated_more_seldom_than_alertmanager_remembers() -> None:
    """It forgets after 120 hours what it has told, and would tell it as new."""
    hours = {"h": 1, "d": 24, "m": 1 / 60, "s": 1 / 3600}
    for route in routes(configuration()["route"]):
        if "repeat_interval" in route:
            wait = route["repeat_interval"]
            assert int(wait[:-1]) * hours[wait[-1]] < 120
