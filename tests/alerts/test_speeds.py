"""What the end-to-end scenes change of the shipped files is what they say, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.alerts.rules import ALERTMANAGER, RULES
from tests.cluster.alertmanagers import addressed, hastened, scaled, shorter

DURATION = re.compile(r"\b(?:\d+(?:ms|[smhdw]))+\b")
WITHIN = re.compile(r"(?:(?<=\[)|(?<=offset ))\w+")
"""What an expression reads over, or how long ago."""
OUTSIDE = re.compile(rf"{WITHIN.pattern}|^\w+$")


@pytest.mark.parametrize(
    ("duration", "speed", "expected"),
    [
        ("5m", 60, "5000ms"),
        ("1h30m", 60, "90000ms"),
        ("6m", 1, "360000ms"),
        ("30s", 600, "50ms"),
        ("3d", 60, "4320000ms"),
    ],
)
def test_a_duration_is_divided(duration: str, speed: float, expected: str) -> None:
    """Whatever it is written in."""
    assert expected == shorter(duration, speed)


def test_of_the_rules_only_durations_are_changed() -> None:
    """Each of them, by the same number: as text, all else is what it was."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group, fast in zip(rules["groups"], scaled(rules, 60)["groups"], strict=True):
        for one, other in zip(group["rules"], fast["rules"], strict=True):
            assert one.keys() == other.keys()
            assert {k: v for k, v in one.items() if k not in {"expr", "for"}} == {
                k: v for k, v in other.items() if k not in {"expr", "for"}
            }
            for key in {"expr", "for"} & one.keys():
                ranges = DURATION.findall(one[key]) if key == "for" else WITHIN.findall(one[key])
                assert [shorter(d, 60) for d in ranges] == re.findall(r"\d+ms", other[key])
                assert OUTSIDE.sub("", one[key]) == OUTSIDE.sub("", other[key])


def test_of_the_configuration_only_waits_and_addresses_are_changed() -> None:
    """Routes, groups, inhibitions, templates and texts are the shipped ones."""
    shipped = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))
    changed = addressed(hastened(shipped, 60), "http://127.0.0.1:1", Path("/slack"))
    assert shipped.keys() == changed.keys()
    for key in shipped.keys() - {"route", "receivers"}:
        assert shipped[key] == changed[key]
    [before], [after] = shipped["route"]["routes"], changed["route"]["routes"]
    for one, other in zip(before["routes"], after["routes"], strict=True):
        differing = {key for key in one if one[key] != other[key]}
        assert {"group_wait", "group_interval", "repeat_interval"} == differing
    for one, other in zip(shipped["receivers"], changed["receivers"], strict=True):
        for kind in one.keys() - {"name"}:
            for was, now in zip(one[kind], other[kind], strict=True):
                assert {key for key in was if was[key] != now[key]} <= {"url", "api_url_file"}
    hooks = [hook["url"] for one in changed["receivers"] for hook in one.get("webhook_configs", ())]
    assert ["http://127.0.0.1:1/on-call", "http://127.0.0.1:1/team", "http://127.0.0.1:1/digest"] == hooks
