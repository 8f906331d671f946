"""What a person is led to is there: a runbook and a dashboard for each alert, and a table of all of them."""

from __future__ import annotations

import json
import re

import pytest

from helios.operator.conditions import Reason, Type
from tests.alerts.rules import ROOT, SITE, Alert, alerts, metrics_in, recordings
from tests.alerts.test_routes import configuration
from tests.alerts.test_rules import known

RUNBOOKS, DASHBOARDS = ROOT / "docs" / "runbooks", ROOT / "dashboards"
HEADINGS = ["What it means", "Why it matters", "How to look", "What to do", "When to silence", "False alarms"]
SCRAPED = re.compile(r"^(up|container_\w+|kube_\w+|kubelet_\w+)$")
"""Metrics of others that a runbook may ask for."""
KUBERNETES = frozenset(
    [
        "HeliosTarget",
        "HeliosTargets",
        "StatefulSet",
        "ScaledObject",
        "ScaledObjects",
        "StatefulSets",
        "ClusterRole",
        "NotReady",
        "NoExecute",
        "PodMonitor",
        "ClusterPodMonitoring",
        "NetworkPolicy",
        "ScalingActive",
        "AbleToScale",
        "ScalingLimited",
    ]
)
"""Kinds, and conditions of an HPA and of a node."""
EACH = pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)


@EACH
def test_an_alert_has_a_runbook_of_its_name(alert: Alert) -> None:
    """Where its link leads, with the same six questions answered in each."""
    assert f"{SITE}runbooks/{alert.slug}.html" == alert.annotations["runbook_url"]
    text = (RUNBOOKS / f"{alert.slug}.md").read_text(encoding="utf-8")
    assert f"# {alert.name}" == text.splitlines()[0]
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == HEADINGS
    assert all(part.strip() for part in re.split(r"^## .+$", text, flags=re.MULTILINE))


@EACH
def test_an_alert_leads_to_a_dashboard_with_its_workload(alert: Alert) -> None:
    """Whose uid exists, and whose variables are called so."""
    path, _, query = alert.annotations["dashboard_url"].partition("?")
    found = json.loads((DASHBOARDS / f"{path.removeprefix('/d/')}.json").read_text(encoding="utf-8"))
    assert path == f"/d/{found['uid']}"
    variables = {f"var-{variable['name']}" for variable in found["templating"]["list"]}
    asked = dict(part.split("=", 1) for part in query.split("&")) if query else {}
    assert asked.keys() <= variables
    if alert.group == "helios-targets":
        assert {
            "var-namespace": "{{ $labels.namespace }}",
            "var-deployment": "{{ $labels.deployment }}",
        } == asked


@EACH
def test_the_queries_of_a_runbook_read_what_is_there(alert: Alert) -> None:
    """Each parses, and names no metric that does not exist."""
    text = (RUNBOOKS / f"{alert.slug}.md").read_text(encoding="utf-8")
    queries = re.findall(r"```promql\n(.*?)```", text, flags=re.DOTALL)
    assert queries or alert.slug.startswith("helios-anomaly")
    names = known().keys() | recordings().keys() | {"helios_build_info"}
    for query in queries:
        assert set() == {name for name in metrics_in(query) - names if not SCRAPED.match(name)}


@EACH
def test_the_conditions_that_a_runbook_names_exist(alert: Alert) -> None:
    """Types and reasons of HeliosTargets, other alerts, or Kubernetes' own words."""
    text = (RUNBOOKS / f"{alert.slug}.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", text))
    known_here = {str(word) for word in (*Type, *Reason)} | {one.name for one in alerts()}
    assert set() == named - known_here - KUBERNETES


def test_no_runbook_is_left_behind() -> None:
    """Each page is some alert's."""
    assert {alert.slug for alert in alerts()} == {page.stem for page in RUNBOOKS.glob("*.md")}


def test_the_table_of_alerts_is_the_rules() -> None:
    """Name, runbook, severity and `for`, in their order."""
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| \[(\w+)\]\(runbooks/([\w-]+)\.md\) \| (\w+) \| (\w*) ?\|", text, flags=re.MULTILINE
    )
    assert [(a.name, a.slug, a.labels["severity"], a.wait) for a in alerts()] == rows


def test_the_table_of_inhibitions_is_the_configuration() -> None:
    """Every alert that may be hidden is named in it, beside what hides it."""
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8").split("| this | hides |")[1]
    rows = [line for line in text.split("\n\n")[0].splitlines() if line.startswith("| Helios")]
    for rule in configuration()["inhibit_rules"]:
        [source], [target] = rule["source_matchers"], rule["target_matchers"]
        sources, targets = (set(side.split('"')[1].split("|")) for side in (source, target))
        slow = any(name.endswith("BurnSlow") for name in targets)
        assert any(
            all(name in row for name in sources) and (slow or all(name in row for name in targets))
            for row in rows
        ), rule
