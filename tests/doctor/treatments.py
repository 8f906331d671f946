"""What a reader does with a remedy: puts it in the place of what is wrong. So that a test can ask whether that helped."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

import yaml

from helios.doctor.findings import Finding
from helios.doctor.inventories import Inventory
from helios.doctor.lints import lint
from helios.doctor.manifests import Manifest, part
from tests.doctor.examples import Body

COMMANDS = ("kubectl ", "promtool ")
_TRIGGER = re.compile(r"trigger (\d+) \(")


def command(finding: Finding) -> bool:
    """Whether its remedy is something to type, and no YAML."""
    return any(line.startswith(COMMANDS) for line in finding.remedy.splitlines())


def findings(bodies: Sequence[Body]) -> list[Finding]:
    """What is wrong with objects of one folder, each in a file of its own."""
    return lint(Inventory(tuple(Manifest(f"x/{i}.yaml:1", "x", body) for i, body in enumerate(bodies))))[0]


def treated(bodies: Sequence[Body], finding: Finding) -> list[Body]:
    """The same objects with a remedy applied.

    A trigger takes the place of the one that is meant, a metric the place of the one of its name; containers are found by name; the
    rest is a merge patch.
    """
    changed = copy.deepcopy(list(bodies))
    found = re.match(r"x/(\d+)\.yaml:1", finding.where)
    assert found is not None, finding.where
    own = changed[int(found[1])]
    remedy = yaml.safe_load(finding.remedy)
    assert isinstance(remedy, dict), finding.remedy
    if "kind" in remedy:
        changed[int(found[1])] = remedy
    elif "template" in (remedy.get("spec") or {}):
        _requested(changed, own, remedy["spec"]["template"]["spec"])
    else:
        _merged(own, _placed(own, remedy, finding))
    if finding.rule == "paused":
        for name in ("autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas"):
            own["metadata"]["annotations"].pop(name, None)
    return changed


def uncured(bodies: Sequence[Body], finding: Finding) -> bool:
    """Whether what was found is found again once the remedy is applied."""
    said = (finding.rule, finding.where, finding.what, finding.why)
    after = findings(treated(bodies, finding))
    return said in {(one.rule, one.where, one.what, one.why) for one in after}


def _placed(own: Body, remedy: Body, finding: Finding) -> Body:
    """A remedy whose lists are whole."""
    spec = dict(remedy.get("spec") or {})
    for field in ("triggers", "metrics"):
        if field not in spec:
            continue
        (shown,) = spec[field]
        several = [one for one in own["spec"].get(field) or [] if isinstance(one, dict)]
        number = _TRIGGER.match(finding.what)
        if field == "triggers" and number is not None:
            several[int(number[1]) - 1] = shown
        elif field == "metrics" and finding.rule != "memory-alone":
            name = finding.what.partition(":")[0]
            several = [shown if f"'{name}'" in str(one) else one for one in several]
        else:
            several.append(shown)
        spec[field] = several
    return {**remedy, "spec": spec} if spec else remedy


def _merged(into: Body, patch: Body) -> None:
    """As a merge patch: null takes a field away."""
    for name, value in patch.items():
        if value is None:
            into.pop(name, None)
        elif isinstance(value, dict):
            if not isinstance(into.get(name), dict):
                into[name] = {}
            _merged(into[name], value)
        else:
            into[name] = value


def _requested(bodies: list[Body], scaler: Body, shown: Body) -> None:
    """Requests, in the template of the workload that is scaled: containers and init containers by name."""
    target = scaler["spec"]["scaleTargetRef"]
    wanted = (str(target.get("kind") or "Deployment"), str(target["name"]))
    for body in bodies:
        if (str(body.get("kind")), str(part(body, "metadata").get("name"))) != wanted:
            continue
        pod: dict[str, Any] = body["spec"]["template"]["spec"]
        for field, several in shown.items():
            for one in several:
                for own in pod[field]:
                    if str(own.get("name")) == one["name"]:
                        _merged(own, {"resources": one["resources"]})
