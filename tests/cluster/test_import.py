"""`helios import` on a real cluster: autoscalers of users' become targets that observe, and the ledger says whom to switch on first.

A web under an HPA, a queue's worker under a ScaledObject with hours, a workload with two HPAs, and one whose ScaledObject is paused;
the web's demand goes up and down four times in a day of 24 minutes, and four such days are its past.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cluster.apis import Object
from tests.cluster.conftest import NewPlace, Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import Demand, steady
from tests.cluster.exhibits import Past
from tests.cluster.helioses import COMMAND, DAY_SECONDS, Helios, condition
from tests.cluster.manifests import scaled_object
from tests.cluster.prometheuses import Prometheus
from tests.cluster.waits import wait_until

pytestmark = pytest.mark.timeout(600)

USER = "importer"
REPLICAS = 10
WATCHED_SECONDS = 25.0
CPU = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}
CRON = {
    "type": "cron",
    "metadata": {"timezone": "Europe/Berlin", "start": "0 0 ? * *", "end": "59 23 ? * *", "desiredReplicas": "3"},
}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """The cluster that a platform team has, and a Helios beside it.

    Attributes:
        namespace: of the workloads.
        user: the kube config of who imports.
        helios: runs, with nothing to score yet.
    """

    plane: ControlPlane
    namespace: str
    user: Path
    helios: Helios

    def imported(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`helios import` in this namespace, as a user types it."""
        return subprocess.run(
            [*COMMAND, "import", "--namespace", self.namespace, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "KUBECONFIG": str(self.user), "COLUMNS": "200"},
        )

    def targets(self) -> dict[str, Object]:
        """By name."""
        found = self.plane.api.objects("HeliosTarget", self.namespace)
        return {one["metadata"]["name"]: one for one in found}

    def ready(self, name: str) -> None:
        """Wait until a target is scored."""
        wait_until(
            lambda: condition(self.plane, self.namespace, name, "Ready")[:2],
            60,
            f"{name} is ready",
            accept=lambda seen: seen == ("True", "Scored"),
        )

    def switch(self, name: str, mode: str, reason: str) -> None:
        """Set a target's mode as the ranking's command does, and wait until its condition Scaling has this reason."""
        patch = json.dumps({"spec": {"mode": mode}})
        where = ["--namespace", self.namespace, "--type", "merge", "--patch", patch]
        self.plane.kubectl("patch", "heliostarget", name, *where)
        wait_until(
            lambda: condition(self.plane, self.namespace, name, "Scaling")[1:],
            90,
            f"{name} is {reason}",
            accept=lambda seen: seen[0] == reason,
        )

    def autoscalers(self) -> dict[tuple[str, str], Object]:
        """Spec and generation of each; its status is its controller's to change."""
        return {
            (kind, one["metadata"]["name"]): {
                "spec": one["spec"],
                "generation": one["metadata"].get("generation"),
                "labels": one["metadata"].get("labels"),
                "annotations": one["metadata"].get("annotations"),
                "owners": one["metadata"].get("ownerReferences"),
            }
            for kind in ("HorizontalPodAutoscaler", "ScaledObject")
            for one in self.plane.api.objects(kind, self.namespace)
        }

    def asked(self, since: int) -> set[str]:
        """What whoever imports has asked of the API server, but for discovery."""
        return {
            f"{one.verb} {one.resource}" for one in self.plane.audit.requests(user=USER, since=since) if not one.resource.startswith("/")
        }  # fmt: skip


def tide(when: float) -> float:
    """2.6 to 3.4 cores, four times a day: what is known of it beats "as a moment ago"."""
    return 3.0 + 0.4 * math.sin(8 * math.pi * when / DAY_SECONDS)


def hpa(namespace: str, name: str, workload: str) -> Object:
    """An HPA of a user's at 60 % cpu, that gives back two pods in five minutes."""
    down = {
        "stabilizationWindowSeconds": 10,
        "policies": [{"type": "Pods", "value": 2, "periodSeconds": 300}],
    }
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload},
            "minReplicas": 2,
            "maxReplicas": 20,
            "metrics": [{"type": "Resource", "resource": cpu}],
            "behavior": {"scaleDown": down},
        },
    }


@pytest.fixture(scope="module")
def scene(keda: object, new_place: NewPlace) -> Iterator[Scene]:
    """Workloads with a past and their autoscalers; then Helios."""
    place = new_place("import")
    plane, namespace = place.plane, place.namespace
    curves: dict[str, Demand] = {"web": tide, "worker": steady(0.5), "torn": steady(0.2), "kept": steady(0.2)}
    few, many = (Past(replicas=count, request=0.5, limit=1.0) for count in (2, REPLICAS))
    workloads = place.serving(curves, dict.fromkeys(curves, few) | {"web": many})
    prometheus = Prometheus(place.folder / "prometheus")
    with place.remembering(prometheus, workloads, {"web": many}, seconds=4 * DAY_SECONDS):
        paused = scaled_object(namespace, "kept", [CPU], target="kept", least=2)
        paused["metadata"]["annotations"] = {"autoscaling.keda.sh/paused": "true"}
        plane.apply(
            hpa(namespace, "web-hpa", "web"),
            hpa(namespace, "torn-a", "torn"),
            hpa(namespace, "torn-b", "torn"),
            scaled_object(namespace, "worker-so", [CPU, CRON], target="worker", least=0),
            paused,
        )
        wait_until(
            lambda: plane.api.get("HorizontalPodAutoscaler", "keda-hpa-worker-so", namespace),
            60,
            "KEDA has made its HPA",
        )
        with place.helios(prometheus) as helios:
            yield Scene(plane, namespace, plane.user(USER), helios)


def test_a_dry_run_prints_what_the_api_server_would_take_and_writes_nothing(scene: Scene) -> None:
    """Manifests on one stream, to be piped into kubectl; on the other what could not be copied, and why."""
    since = scene.plane.audit.mark()
    ran = scene.imported("--dry-run")
    assert 0 == ran.returncode, ran.stderr
    assert ["web", "worker"] == [one["metadata"]["name"] for one in yaml.safe_load_all(ran.stdout)]
    taken = scene.plane.kubectl("apply", "--dry-run=server", "--filename=-", given=ran.stdout)
    assert {"heliostarget.helios.dev/web created", "heliostarget.helios.dev/worker created"} == {
        line.removesuffix(" (server dry run)") for line in taken.splitlines()
    }
    for rule in ("two-autoscalers, 2", "paused, 1", "min-zero, 1"):
        assert f"({rule})" in ran.stderr
    assert {} == scene.targets()
    assert {
        "list heliostargets.helios.dev",
        "list horizontalpodautoscalers.autoscaling",
        "list scaledjobs.keda.sh",
        "list scaledobjects.keda.sh",
    } == scene.asked(since)


def test_an_import_makes_targets_that_observe_and_touches_no_autoscaler(scene: Scene) -> None:
    """Bounds, target, behaviour and hours are the autoscaler's own; two writes in all, each of a new target."""
    before, since = scene.autoscalers(), scene.plane.audit.mark()
    ran = scene.imported()
    assert 0 == ran.returncode, ran.stderr
    assert "2 became HeliosTargets in Observe, 3 left as they are; no autoscaler was touched" in ran.stdout
    assert before == scene.autoscalers()
    assert {"create heliostargets.helios.dev"} == {
        what for what in scene.asked(since) if not what.startswith("list")
    }
    web, worker = (scene.targets()[name]["spec"] for name in ("web", "worker"))
    assert {"min": 2, "max": 20} == web["replicas"]
    assert {"max": 77, "reactive": 60} == web["utilization"]
    assert {"scaleDown": {"pods": 2}, "cooldownSeconds": 10} == {
        name: web["behavior"][name] for name in ("scaleDown", "cooldownSeconds")
    }
    assert {"kind": "HorizontalPodAutoscaler", "name": "web-hpa"} == web["keda"]["adopt"]
    assert {"min": 1, "max": 10} == worker["replicas"]
    assert [{"start": "0 0 * * *", "end": "59 23 * * *", "timezone": "Europe/Berlin", "min": 3}] == worker[
        "schedules"
    ]
    assert {"kind": "ScaledObject", "name": "worker-so"} == worker["keda"]["adopt"]
    for name in ("web", "worker"):
        scene.ready(name)
        assert "Observe" == scene.targets()[name]["spec"]["mode"]


def test_a_second_import_writes_nothing(scene: Scene) -> None:
    """Targets that are there stay as they are."""
    before, since = scene.targets(), scene.plane.audit.mark()
    ran = scene.imported()
    assert 0 == ran.returncode, ran.stderr
    assert "0 became HeliosTargets in Observe" in ran.stdout
    assert "(has-target, 2)" in ran.stderr
    assert {name: one["spec"] for name, one in before.items()} == {
        name: one["spec"] for name, one in scene.targets().items()
    }
    assert all(what.startswith("list") for what in scene.asked(since))


def test_once_there_is_a_ledger_it_says_whom_to_switch_on_first(scene: Scene, tell: Tell) -> None:
    """With the ledger's own figures, and a command that kubectl takes; a target without skill waits."""

    def watched() -> float:
        return float(scene.helios.target(scene.namespace, "web")["ledger"]["seconds"])

    wait_until(watched, 180, "there is a ledger", accept=lambda seconds: seconds >= WATCHED_SECONDS)
    days = str(WATCHED_SECONDS / 2 / 86_400)

    def ranked() -> dict[str, Object]:
        ran = scene.imported("--url", scene.helios.url, "--least-days", days, "--json")
        return {one["target"]: one for one in map(json.loads, ran.stdout.splitlines()) if "verdict" in one}

    rows = wait_until(  # at high tide there is nothing to gain, and what is gained first is rounded away
        ranked,
        300,
        "there is a gain",
        accept=lambda seen: seen["web"]["verdict"] == "ready" and seen["web"]["replica_hours_saved"] > 0,
        every=5,
    )
    tell({"web": rows["web"], "worker": rows["worker"]})
    web = rows["web"]
    assert ("ready", 1) == (web["verdict"], web["rank"]), web
    assert web["replica_hours_saved"] > 0
    assert web["ledger"]["replica_hours_actual"] > web["ledger"]["replica_hours_recommended"]
    assert "no longer scales to zero in Autoscale" in rows["worker"]["risks"]
    told = scene.imported("--url", scene.helios.url, "--least-days", days)
    assert "Switch this one on first" in told.stdout or "Switch these 2 on first" in told.stdout
    assert web["command"] in told.stdout.splitlines()
    words = ["--dry-run=server", *(word.strip("'") for word in web["command"].split()[1:])]
    assert "patched" in scene.plane.kubectl(*words)
    assert "Observe" == scene.targets()["web"]["spec"]["mode"]
    young = scene.imported("--url", scene.helios.url)
    assert "None of 2 targets should be switched on yet" in young.stdout


def test_an_imported_target_goes_to_autoscale_and_back_as_it_is(scene: Scene) -> None:
    """With nothing but the mode changed: the HPA is taken over, follows the forecast, and is as it was afterwards."""
    place = ("HorizontalPodAutoscaler", "web-hpa")
    before = scene.autoscalers()[place]
    scene.switch("web", "Autoscale", "Autoscaling")
    owners = scene.autoscalers()[place]["owners"]
    assert [("ScaledObject", "web")] == [(owner["kind"], owner["name"]) for owner in owners]
    assert "helios.dev/adopted" in scene.targets()["web"]["metadata"]["finalizers"]
    scene.switch("web", "Observe", "Restored")
    after = scene.autoscalers()[place]
    assert before | {"generation": after["generation"]} == after
    assert not scene.targets()["web"]["metadata"].get("finalizers")
