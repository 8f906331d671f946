"""What hides what, in a real Alertmanager with the shipped configuration; the alerts are posted as Prometheus would post them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.alerts.rules import alerts
from tests.alerts.test_routes import configuration
from tests.cluster.alertmanagers import Alertmanager
from tests.cluster.waits import wait_until
from tests.cluster.webhooks import Webhooks

pytestmark = pytest.mark.integration

SPEED = 600.0
HERE = {"cluster": "eu", "namespace": "saleor", "deployment": "api"}


def names(matcher: str) -> list[str]:
    """The alerts that a matcher of the configuration names."""
    return matcher.split('"')[1].split("|")


RULES = [
    (source, target, rule["equal"])
    for rule in configuration()["inhibit_rules"]
    for source in names(rule["source_matchers"][0])
    for target in names(rule["target_matchers"][0])
]


@pytest.fixture
def webhooks() -> Iterator[Webhooks]:
    """Who is told."""
    with Webhooks() as started:
        yield started


@pytest.fixture
def alertmanager(tmp_path: Path, webhooks: Webhooks, needs: Callable[[str], str]) -> Iterator[Alertmanager]:
    """A real one."""
    needs("prometheus-alertmanager")
    with Alertmanager(tmp_path, webhooks, speed=SPEED) as started:
        yield started


def alert(name: str, where: Mapping[str, str]) -> dict[str, Any]:
    """An alert of the rules as Prometheus sends it."""
    severity = next(one.labels["severity"] for one in alerts() if one.name == name)
    return {
        "labels": {"alertname": name, "severity": severity, **where},
        "annotations": {"dashboard_url": "/d/x"},
    }


@pytest.mark.parametrize(
    ("source", "target", "equal"), RULES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_alert_hides_what_follows_from_it_and_nobody_elses(
    source: str, target: str, equal: list[str], alertmanager: Alertmanager, webhooks: Webhooks
) -> None:
    """Where the labels that must be equal are; with another value of any one of them it is told."""
    others = [{**HERE, label: "other"} for label in equal]
    posted = [alert(source, HERE), alert(target, HERE), *(alert(target, where) for where in others)]
    httpx.post(f"{alertmanager.url}/api/v2/alerts", json=posted, trust_env=False).raise_for_status()

    def states() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {"active": [], "suppressed": []}
        for one in alertmanager.alerts(name=target):
            labels = one["labels"]
            found[one["status"]["state"]].append("/".join(labels[name] for name in HERE))
        return {state: sorted(where) for state, where in found.items()}

    wanted = {
        "active": sorted("/".join(where.values()) for where in others),
        "suppressed": ["/".join(HERE.values())],
    }
    wait_until(states, 10, f"{source} hides {target}", accept=lambda seen: seen == wanted, every=0.1)
    told = wait_until(
        lambda: [one["labels"] for hook in webhooks.got(target) for one in hook.alerts],
        20,
        "the others are told",
        accept=lambda seen: len(seen) >= len(others) or target == "HeliosForecastWithoutSkill",
        every=0.1,
    )
    assert HERE not in [{name: labels[name] for name in HERE} for labels in told]
