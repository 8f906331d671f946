"""An AlertmanagerConfig says what alerts/alertmanager-config.yaml says, in the prometheus-operator's words."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.make_manifests import ROUTES, TEMPLATES
from scripts.routes import alertmanager_spec

NATIVE = yaml.safe_load(ROUTES.read_text(encoding="utf-8"))
TEXTS = "".join(file.read_text(encoding="utf-8") for file in sorted(TEMPLATES.glob("*.tmpl")))
USED = sorted(
    {
        text
        for receiver in NATIVE["receivers"]
        for settings in receiver.get("slack_configs", [])
        for text in settings.values()
        if isinstance(text, str) and "{{ template" in text
    }
)


def routed(**receiver: Any) -> dict[str, Any]:
    """The least configuration with one receiver."""
    route = {"receiver": "nobody", "routes": [{"matchers": ['alertname =~ "Helios.+"'], "receiver": "team"}]}
    return {"route": route, "receivers": [{"name": "nobody"}, {"name": "team", **receiver}]}


@pytest.mark.integration
@pytest.mark.parametrize("text", USED)
def test_a_text_written_out_says_what_the_template_says(
    text: str, needs: Callable[[str], str], tmp_path: Path
) -> None:
    """Rendered by Alertmanager's own tool, for the alerts that it has as an example."""
    spec = alertmanager_spec(routed(slack_configs=[{"text": text}]), TEXTS)
    ours = spec["receivers"][0]["slackConfigs"][0]["text"]
    assert "{{ template" not in ours

    def rendered(what: str) -> str:
        command = [
            needs("amtool"),
            "template",
            "render",
            f"--template.glob={TEMPLATES}/*.tmpl",
            f"--template.text={what}",
        ]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout

    assert rendered(text) == rendered(ours) != ""


def test_a_secret_is_read_from_the_secret_of_the_namespace() -> None:
    """A file becomes a key of it."""
    spec = alertmanager_spec(
        routed(slack_configs=[{"api_url_file": "/etc/alertmanager/secrets/helios-alerts/slack-url"}]), ""
    )
    assert [{"apiURL": {"name": "helios-alerts", "key": "slack-url"}}] == spec["receivers"][0]["slackConfigs"]


def test_only_receivers_that_something_goes_to_come_along() -> None:
    """An example that nobody uses would want a Secret that nobody has."""
    spec = alertmanager_spec(NATIVE, TEXTS)
    assert {"on-call", "team", "digest"} == {one["name"] for one in spec["receivers"]}
    assert ["working-hours"] == [one["name"] for one in spec["muteTimeIntervals"]]


def test_matchers_and_names_are_translated() -> None:
    """`severity = "critical"` in three fields, and camel case."""
    spec = alertmanager_spec(NATIVE, TEXTS)
    assert [{"name": "alertname", "matchType": "=~", "value": "Helios.+"}] == spec["route"]["matchers"]
    assert {"sourceMatch", "targetMatch", "equal"} == spec["inhibitRules"][0].keys()
    assert "4h" == spec["route"]["routes"][0]["repeatInterval"]


@pytest.mark.parametrize(
    ("native", "templates", "words"),
    [
        pytest.param({"global": {}, **routed()}, "", "global", id="global"),
        pytest.param(
            routed(slack_configs=[{"api_url_file": "/etc/x"}]),
            "",
            "is not where a Secret is mounted",
            id="a file elsewhere",
        ),
        pytest.param(
            routed(slack_configs=[{"text": '{{ template "x" . }}'}]),
            "",
            "x is defined nowhere",
            id="no template",
        ),
        pytest.param(
            routed(slack_configs=[{"text": ""}]),
            '{{ define "x" }}{{ $.Status }}{{ end }}',
            r"\$",
            id="a root",
        ),
        pytest.param(
            routed(slack_configs=[{"location": "Europe/Berlin"}]), "", "UTC alone", id="a time zone"
        ),
    ],
)
def test_what_cannot_be_said_is_refused(native: dict[str, Any], templates: str, words: str) -> None:
    """By name, rather than left out."""
    with pytest.raises(ValueError, match=words):
        alertmanager_spec(native, templates)
