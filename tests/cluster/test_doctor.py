"""`helios doctor` over twenty wrong and right manifests: as files in a pipeline, and as objects that the real KEDA has let in.

Each wrong one is modelled on an incident of the peers' users and says so; tests/doctor holds each to exactly its rules.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from helios.doctor.inventories import Inventory
from helios.doctor.lints import lint
from helios.doctor.manifests import of_cluster
from tests.cluster.conftest import NewNamespace
from tests.cluster.control_planes import ControlPlane
from tests.cluster.helioses import called, install
from tests.cluster.kedas import Keda
from tests.cluster.waits import wait_until
from tests.doctor.examples import MANIFESTS

WRONG, RIGHT = (sorted((MANIFESTS / name).iterdir()) for name in ("wrong", "right"))


@dataclass(frozen=True)
class Told:
    """What the doctor said: its exit code, and the rules broken by each object, named `Kind/name`."""

    code: int
    rules: dict[str, list[str]]


def expected(file: Path) -> list[str]:
    """The rules that a manifest says it breaks."""
    said = re.search(r"^# expected: (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return sorted(said[1].split(", ")) if said else []


def told(plane: ControlPlane, *arguments: str) -> Told:
    """Run the doctor as an administrator would."""
    done = called(plane, "doctor", "--json", *arguments)
    assert done.returncode in {0, 1}, done.stderr
    rules: dict[str, list[str]] = {}
    for one in json.loads(done.stdout)["findings"]:
        rules.setdefault(one["where"], []).append(one["rule"])
    return Told(done.returncode, {where: sorted(found) for where, found in rules.items()})


def in_namespace(found: Told, namespace: str) -> list[str]:
    """The rules that objects of a namespace break, by the lint; live checks speak of other things."""
    of_objects = [rules for where, rules in found.rules.items() if where.startswith(f"{namespace}/")]
    return sorted(rule for rules in of_objects for rule in rules)


def test_the_folder_in_a_pipeline(plane: ControlPlane) -> None:
    """Without a word to the cluster: every wrong file is named with its rules, no right one, exit code 1; the right ones alone 0."""
    found = told(plane, "--file", str(MANIFESTS))
    by_file: dict[str, list[str]] = {}
    for where, rules in found.rules.items():
        by_file.setdefault(where.split(":")[0], []).extend(rules)
    assert {str(file): expected(file) for file in WRONG} == {
        file: sorted(rules) for file, rules in by_file.items()
    }
    assert 1 == found.code
    assert Told(0, {}) == told(plane, "--file", str(MANIFESTS / "right"))


def test_unusable_input_is_not_taken_for_a_good_one(plane: ControlPlane, tmp_path: Path) -> None:
    """Exit code 2, the file named; with --json nothing on standard output that might be read as a result."""
    chart = tmp_path / "scaledobject.yaml"
    chart.write_text("metadata: {name: {{ .Release.Name }}}\n", encoding="utf-8")
    done = called(plane, "doctor", "--json", "--file", str(chart))
    assert (2, "") == (done.returncode, done.stdout)
    assert "scaledobject.yaml" in done.stderr


@pytest.fixture(scope="module")
def applied(plane: ControlPlane, keda: Keda, new_namespace: NewNamespace) -> dict[Path, tuple[str, str]]:
    """Each manifest in a namespace of its own, and what was said against it.

    Workloads come first, as KEDA's webhook looks at their requests; the rest in the order of the file.
    """
    install(plane)
    places: dict[Path, tuple[str, str]] = {}
    for file in [*WRONG, *RIGHT]:
        namespace = new_namespace(file.stem)
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
        documents.sort(key=lambda one: one["apiVersion"] != "apps/v1")
        given = "\n---\n".join(json.dumps(one) for one in documents)
        try:
            plane.kubectl("apply", "-n", namespace, "-f", "-", given=given)
        except AssertionError as refused:
            places[file] = (namespace, str(refused))
        else:
            places[file] = (namespace, "")
    return places


@pytest.fixture(scope="module")
def found(plane: ControlPlane, applied: dict[Path, tuple[str, str]]) -> Told:
    """One look at the whole cluster, when KEDA has made its own HPAs."""
    namespace = applied[MANIFESTS / "right/ratio-under-value.yaml"][0]
    wait_until(
        lambda: plane.api.get("HorizontalPodAutoscaler", "keda-hpa-registry", namespace),
        60,
        "KEDA has made an HPA",
    )
    return told(plane)


@pytest.mark.parametrize("file", [*WRONG, *RIGHT], ids=lambda file: file.stem)
def test_the_cluster_is_told_the_same_as_the_files(
    file: Path, applied: dict[Path, tuple[str, str]], found: Told
) -> None:
    """What KEDA's webhook lets in, the doctor finds; what it refuses is not there to be found."""
    namespace, refused = applied[file]
    assert "" == refused
    assert expected(file) == in_namespace(found, namespace)


def test_one_namespace_can_be_looked_at_alone(
    plane: ControlPlane, applied: dict[Path, tuple[str, str]]
) -> None:
    """As its owners would: the other manifests are not theirs."""
    file = MANIFESTS / "wrong/open-vsx-10892-ratio.yaml"
    alone = told(plane, "--namespace", applied[file][0])
    linted = {where for where in alone.rules if "/ScaledObject/" in where}
    assert {f"{applied[file][0]}/ScaledObject/registry"} == linted


@pytest.mark.parametrize(
    ("change", "words", "rule"),
    [
        (
            {"kind": "HorizontalPodAutoscaler", "before": True},
            "already managed by the hpa",
            "two-autoscalers",
        ),
        ({"minReplicaCount": 30}, "minReplicaCount must be less than or equal", "bounds-impossible"),
        ({"idleReplicaCount": 5}, "IdleReplicaCount=5 must be less than", "bounds-impossible"),
        ({"cpu": True}, "doesn't have the cpu request defined", "missing-requests"),
        ({"fallback": True}, "at least one trigger", "fallback-disabled"),
        ({"threshold": 50}, "threshold", "metadata-not-text"),
        ({"cpu": "AverageValue"}, "doesn't have the cpu request defined", "missing-requests"),
        ({"target": ""}, "formula is given but target is empty", "threshold-unusable"),
        ({"behavior": "sometimes"}, "Unsupported value", "fallback-disabled"),
        ({"apiVersion": "autoscaling/v2beta2"}, "no matches for kind", "api-version-gone"),
    ],
    ids=[
        "second",
        "bounds",
        "idle",
        "requests",
        "fallback",
        "text",
        "cores",
        "target",
        "behavior",
        "version",
    ],
)
def test_what_the_real_webhook_refuses_the_doctor_finds_before(
    plane: ControlPlane,
    keda: Keda,
    namespace: str,
    tmp_path: Path,
    change: dict[str, Any],
    words: str,
    rule: str,
) -> None:
    """In the files, before anybody applies them; the API server's or the webhook's own words say that it is the same fault."""
    text = "\n---\n".join(json.dumps(one) for one in refused_objects(change))
    file = tmp_path / "objects.yaml"
    file.write_text(text, encoding="utf-8")
    assert [rule] == [one for rules in told(plane, "--file", str(file)).rules.values() for one in rules]
    with pytest.raises(AssertionError, match=re.escape(words)):
        plane.kubectl("apply", "-n", namespace, "-f", str(file))


UNBUILT: dict[str, tuple[dict[str, str | None], str]] = {
    "address": ({"serverAddress": None, "serverAddressFromEnv": "PROMETHEUS"}, "trigger-incomplete"),
    "query": ({"query": " "}, "trigger-incomplete"),
    "headers": ({"customHeaders": "Authorization=Basic eA=="}, "metadata-unusable"),
    "nulls": ({"ignoreNullValues": "no"}, "metadata-unusable"),
    "timeout": ({"timeout": "soon"}, "metadata-unusable"),
    "threshold": ({"threshold": ".5"}, "threshold-unusable"),
    "good": (
        {"threshold": " 5e0 ", "timeout": "1500", "customHeaders": "a=b,c=", "ignoreNullValues": "F"},
        "",
    ),
}
"""Fields of a trigger's metadata, and the rule that they break."""


def test_what_the_real_keda_fails_to_build_the_doctor_finds_before(
    plane: ControlPlane, keda: Keda, namespace: str, tmp_path: Path
) -> None:
    """The API server and the webhook let it in, and then there is no HPA: told by KEDA's own condition. A trigger as odd, which KEDA reads, is let be."""
    several = []
    for name, (fields, _) in UNBUILT.items():
        objects = refused_objects({"fields": fields})
        for one in objects:
            one["metadata"] = {"name": name, "namespace": namespace}
        objects[-1]["spec"]["scaleTargetRef"] = {"name": name}
        several += objects
    file = tmp_path / "objects.yaml"
    file.write_text("\n---\n".join(json.dumps(one) for one in several), encoding="utf-8")
    found = {
        where.rpartition("/")[2]: rules for where, rules in told(plane, "--file", str(file)).rules.items()
    }
    assert {name: [rule] for name, (_, rule) in UNBUILT.items() if rule} == found
    plane.kubectl("apply", "-f", str(file))

    def built(name: str) -> str | None:
        body = plane.api.get("ScaledObject", name, namespace) or {}
        conditions = body.get("status", {}).get("conditions") or []
        return next((str(one["status"]) for one in conditions if one["type"] == "Ready"), None)

    expected = {name: "False" if rule else "True" for name, (_, rule) in UNBUILT.items()}
    wait_until(lambda: expected == {name: built(name) for name in UNBUILT}, 60, f"KEDA tells {expected}")
    made = {
        name for name in UNBUILT if plane.api.get("HorizontalPodAutoscaler", f"keda-hpa-{name}", namespace)
    }
    assert {"good"} == made


def test_an_old_hpa_is_taken_by_the_real_api_server_once_its_remedy_is_applied(
    plane: ControlPlane, namespace: str
) -> None:
    """Metrics of all five kinds, and the behaviour that v2beta1 kept in an annotation."""
    picked = {"matchLabels": {"queue": "mail"}}
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"}
    metrics = {
        "Resource": {"name": "cpu", "targetAverageUtilization": 60},
        "ContainerResource": {"name": "memory", "container": "app", "targetAverageValue": "1Gi"},
        "Pods": {"metricName": "requests", "selector": picked, "targetAverageValue": "50"},
        "Object": {"metricName": "hits", "target": ingress, "targetValue": "0", "averageValue": "2k"},
        "External": {"metricName": "length", "metricSelector": picked, "targetValue": "30"},
    }
    note = '{"ScaleDown":{"StabilizationWindowSeconds":120,"Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":60}]}}'
    body = {**own_hpa(), "apiVersion": "autoscaling/v2beta1"}
    body["metadata"]["annotations"] = {"autoscaling.alpha.kubernetes.io/behavior": note}
    body["spec"]["metrics"] = [
        {"type": kind, f"{kind[0].lower()}{kind[1:]}": source} for kind, source in metrics.items()
    ]
    (one,) = lint(Inventory(tuple(of_cluster([body]))))[0]
    plane.kubectl("apply", "-n", namespace, "-f", "-", given=one.remedy)
    kept = plane.api.get("HorizontalPodAutoscaler", "own", namespace)
    assert kept is not None
    targets = {
        found["type"]: found[f"{found['type'][0].lower()}{found['type'][1:]}"]["target"]
        for found in kept["spec"]["metrics"]
    }
    assert {
        "Resource": {"type": "Utilization", "averageUtilization": 60},
        "ContainerResource": {"type": "AverageValue", "averageValue": "1Gi"},
        "Pods": {"type": "AverageValue", "averageValue": "50"},
        "Object": {"type": "AverageValue", "averageValue": "2k"},
        "External": {"type": "Value", "value": "30"},
    } == targets
    assert 120 == kept["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"]


def refused_objects(change: dict[str, Any]) -> list[dict[str, Any]]:
    """A Deployment and a good ScaledObject, with one thing wrong."""
    app: dict[str, Any] = {
        "name": "app",
        "image": "registry.example/app",
        "resources": {"requests": {"cpu": "1"}},
    }
    trigger: dict[str, Any] = {
        "type": "prometheus",
        "metadata": {
            "serverAddress": "http://prometheus:9090",
            "query": "sum(queue_length)",
            "threshold": "5",
            "ignoreNullValues": "false",
        },
    }
    kind = "AverageValue" if change.get("cpu") == "AverageValue" else "Utilization"
    cpu = {"type": "cpu", "metricType": kind, "metadata": {"value": "70"}}
    spec: dict[str, Any] = {
        "scaleTargetRef": {"name": "web"},
        "minReplicaCount": 2,
        "maxReplicaCount": 9,
        "fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"},
        "triggers": [trigger],
    }
    if change.get("cpu"):
        spec["triggers"], app["resources"] = [trigger, cpu], {}
    elif change.get("fallback"):
        spec["triggers"] = [cpu]
    elif "threshold" in change:
        trigger["metadata"] |= change
    elif "fields" in change:
        given = {**trigger["metadata"], **change["fields"]}
        trigger["metadata"] = {key: value for key, value in given.items() if value is not None}
    elif "target" in change:
        trigger["name"] = "a"
        spec["advanced"] = {"scalingModifiers": {"formula": "a", **change}}
    elif "behavior" in change:
        spec["fallback"] |= change
    elif not change.keys() & {"before", "apiVersion"}:
        spec |= change
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [app]}}
    objects: list[dict[str, Any]] = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
        {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "web"}, "spec": spec},
    ]
    if "apiVersion" in change:
        objects[1] = {**own_hpa(), **change}
    if "before" in change:
        objects.insert(1, own_hpa())
    return objects


def own_hpa() -> dict[str, Any]:
    """A user's own, of the same workload."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "own"},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 9},
    }
