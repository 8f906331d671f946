"""From what scales a workload today to Autoscale and back, with the real KEDA, webhook, HPA controller and garbage collector.

One scene in the order of the tests: taken over, given back by the operator, by the command line, and with the operator gone.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.adopters import FINALIZER, adopts, held, triggers, users, users_hpa
from tests.cluster.apis import Object, Refused
from tests.cluster.conftest import NewPlace, Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import Interrupted, steady
from tests.cluster.helioses import Helios, called, condition, helios_target, install
from tests.cluster.kedas import Keda
from tests.cluster.manifests import deployment, scaled_object
from tests.cluster.prometheuses import Prometheus
from tests.cluster.shops import Workload
from tests.cluster.waits import hold, wait_until

pytestmark = pytest.mark.timeout(600)

CRD = "heliostargets.helios.dev"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
HPAS = {"web": 10, "peak": 4, "gone": 10, "left": 10, "late": 10, "slow": 10, "taken": 10}
"""Workloads that an HPA of their user's scales, and its maximum."""
DEMAND, REPLICAS = 1.6, 5
"""Cores, and what 70 % of 0.5 a pod makes of them."""
GUARDED = (4, 5)
"""What the cpu guard makes of them, at 80 %, and before its HPA has come down to it."""


@dataclass(frozen=True)
class Scene:
    """One namespace, a Helios, what its users had before, and who looks at it every second."""

    plane: ControlPlane
    namespace: str
    helios: Helios
    folder: Path
    began: float
    workloads: Mapping[str, Workload]
    demands: Mapping[str, Interrupted]
    before: Mapping[str, Object]

    def hpa(self, name: str) -> Object:
        """The user's HPA on a workload; empty if it is not there."""
        return self.plane.api.get("HorizontalPodAutoscaler", f"{name}-cpu", self.namespace) or {}

    def scaled_object(self, name: str) -> Object | None:
        """As it stands."""
        return self.plane.api.get("ScaledObject", name, self.namespace)

    def target(self, name: str) -> Object | None:
        """The HeliosTarget."""
        return self.plane.api.get("HeliosTarget", name, self.namespace)

    def observe(self, *names: str) -> None:
        """Leave Autoscale, as a user does."""
        for name in names:
            self.plane.api.patch("HeliosTarget", name, {"spec": {"mode": "Observe"}}, self.namespace)

    def is_back(self, name: str) -> None:
        """The HPA is as it was before, in its own place, and its target holds nothing."""
        wait_until(
            lambda: users(self.hpa(name)),
            60,
            f"{name}-cpu is as it was",
            accept=lambda one: one == self.before[name],
        )
        wait_until(
            lambda: held(self.target(name)), 30, "nothing is held", accept=lambda one: one == (False, [])
        )
        assert self.scaled_object(name) is None

    def never_fewer(self, name: str, least: int) -> None:
        """Of all looks since the beginning, one each second."""
        assert least == min(one.wanted or 0 for one in self.workloads[name].since(self.began))

    def applies(self, manifest: Object) -> None:
        """As its user does, server-side: a field that somebody else manages would be a conflict."""
        self.plane.kubectl("apply", "--server-side", "--filename=-", given=json.dumps(manifest))

    def release(self, *arguments: str, user: Path | None = None) -> subprocess.CompletedProcess[str]:
        """`helios release`, by an administrator unless said otherwise."""
        return called(self.plane, "release", *arguments, user=user)


@pytest.fixture(scope="module")
def scene(keda: object, new_place: NewPlace) -> Iterator[Scene]:
    """Workloads that scale as they have for years; then Helios, which takes over what its targets name."""
    place = new_place("adoption")
    plane, namespace, folder = place.plane, place.namespace, place.folder
    demands = {
        name: Interrupted(steady(2.4 if name == "peak" else DEMAND)) for name in (*HPAS, "queue", "made")
    }
    workloads = {name: place.shop.open(namespace, name, demand) for name, demand in demands.items()}
    for name in workloads:
        count = {"peak": 4, "queue": 6}.get(name, REPLICAS)
        plane.apply(deployment(namespace, name, replicas=count))
    for name, most in HPAS.items():
        plane.kubectl("apply", "--filename=-", given=json.dumps(users_hpa(namespace, name, most)))
    plane.apply(
        scaled_object(namespace, "queue-so", triggers(), target="queue", least=2, most=12, pollingInterval=10)
    )
    plane.api.patch("ScaledObject", "queue-so", {"metadata": {"labels": {"team": "shop"}}}, namespace)
    with Prometheus(folder / "prometheus") as prometheus:
        prometheus.scrape("shop", place.exposition.address, f"/metrics/{namespace}")
        helios = Helios(plane, prometheus, folder)
        made = Scene(plane, namespace, helios, folder, time.time(), workloads, demands, {})
        wait_until(
            lambda: [made.hpa(name).get("status", {}).get("currentMetrics") for name in HPAS],
            90,
            "every HPA knows the cpu",
            accept=all,
        )
        wait_until(
            lambda: made.scaled_object("queue-so"),
            60,
            "KEDA is at it",
            accept=lambda one: one and one["status"]["hpaName"],
        )
        before = {name: users(made.hpa(name)) for name in HPAS}
        before["queue"] = users(made.scaled_object("queue-so") or {})
        scene = Scene(plane, namespace, helios, folder, time.time(), workloads, demands, before)
        with helios:
            hpa = "HorizontalPodAutoscaler"
            plane.apply(
                *(adopts(namespace, name, hpa, f"{name}-cpu") for name in HPAS if name != "taken"),
                adopts(namespace, "queue", "ScaledObject", "queue-so"),
                helios_target(namespace, "made", mode="Autoscale", replicas={"min": 2, "max": 20}),
                helios_target(namespace, "taken", mode="Autoscale"),
            )
            wait_until(
                lambda: {
                    name: condition(plane, namespace, name, "Scaling")[1]
                    for name in workloads
                    if name != "taken"
                },
                120,
                "they autoscale",
                accept=lambda seen: set(seen.values()) == {"Autoscaling"},
            )
            yield scene
        plane.kubectl("delete", "heliostargets", "--all", "--namespace", namespace, "--wait=false")
        if helios.operator.running:
            return
        scene.release("--all", "--namespace", namespace)


def test_an_hpa_is_taken_over_where_it_stands(scene: Scene) -> None:
    """The same object, by KEDA now, with the forecast beside cpu; what it was stands with the target, which holds on to it."""
    now = scene.hpa("web")
    assert scene.before["web"]["uid"] == now["metadata"]["uid"]
    assert ["web"] == [one["name"] for one in now["metadata"]["ownerReferences"]]
    assert {"External", "Resource"} == {one["type"] for one in now["spec"]["metrics"]}
    assert (True, [FINALIZER]) == held(scene.target("web"))
    made = scene.scaled_object("web")
    assert made is not None
    assert "ownerReferences" not in made["metadata"]


def test_a_scaled_object_is_taken_over_with_what_it_scales_on(scene: Scene) -> None:
    """Its cron goes on counting beside the forecast; its name, its HPA and its labels stay."""
    now = scene.scaled_object("queue-so")
    assert now is not None
    assert scene.before["queue"]["uid"] == now["metadata"]["uid"]
    assert {"prometheus", "cron", "cpu"} == {one["type"] for one in now["spec"]["triggers"]}
    assert "shop" == now["metadata"]["labels"]["team"]
    assert "keda-hpa-queue-so" == now["status"]["hpaName"]


def test_a_second_owner_is_refused(scene: Scene) -> None:
    """By Helios, which says so; and by KEDA's webhook, whoever tries, with an HPA there and with a ScaledObject."""
    status, reason, message = wait_until(
        lambda: condition(scene.plane, scene.namespace, "taken", "Scaling"),
        30,
        "it is said",
        accept=lambda one: one[1],
    )
    assert ("False", "OwnedElsewhere") == (status, reason)
    assert "HorizontalPodAutoscaler taken-cpu already scales Deployment taken" in message
    assert scene.before["taken"] == users(scene.hpa("taken"))
    cpu = triggers()[1:]
    with pytest.raises(Refused, match="already managed by the hpa 'taken-cpu'"):
        scene.plane.api.create(
            "ScaledObject", scaled_object(scene.namespace, "taken", cpu, target="taken"), scene.namespace
        )
    with pytest.raises(Refused, match=r"already managed by the (hpa 'web-cpu'|ScaledObject 'web')"):
        scene.plane.api.create(
            "ScaledObject", scaled_object(scene.namespace, "mine", cpu, target="web"), scene.namespace
        )


def test_out_of_autoscale_an_hpa_is_as_it_was(scene: Scene, tell: Tell) -> None:
    """Spec, labels, annotations, owner and uid; it scales again, and at no moment were there fewer replicas."""
    began = time.time()
    scene.observe("web")
    scene.is_back("web")
    tell({"given_back_seconds": round(time.time() - began, 1)})
    assert LAST_APPLIED in scene.hpa("web")["metadata"]["annotations"]
    wait_until(
        lambda: {one["type"]: one["status"] for one in scene.hpa("web")["status"]["conditions"]},
        60,
        "it scales",
        accept=lambda seen: seen.get("ScalingActive") == "True",
    )
    scene.never_fewer("web", REPLICAS)
    scene.plane.kubectl("apply", "--filename=-", given=json.dumps(users_hpa(scene.namespace, "web", 10)))
    assert scene.before["web"] == users(scene.hpa("web"))


def test_out_of_autoscale_a_scaled_object_is_as_it_was(scene: Scene) -> None:
    """Cron, cpu, bounds and labels; no fewer replicas; and nobody else manages its fields."""
    scene.observe("queue")
    wait_until(
        lambda: users(scene.scaled_object("queue-so") or {}),
        60,
        "queue-so is as it was",
        accept=lambda one: one == scene.before["queue"],
    )
    wait_until(
        lambda: held(scene.target("queue")), 30, "nothing is held", accept=lambda one: one == (False, [])
    )
    hpa = wait_until(
        lambda: scene.plane.api.get("HorizontalPodAutoscaler", "keda-hpa-queue-so", scene.namespace),
        60,
        "KEDA has taken it to the HPA",
        accept=lambda one: (
            one is not None and one["spec"]["maxReplicas"] == 12 and len(one["spec"]["metrics"]) == 2
        ),
    )
    assert hpa is not None
    scene.applies(
        scaled_object(
            scene.namespace, "queue-so", triggers(), target="queue", least=2, most=13, pollingInterval=10
        )
    )
    hold(lambda: scene.plane.replicas(scene.namespace, "queue"), 5, "replicas stay", accept=lambda n: n == 6)
    scene.never_fewer("queue", 6)


def test_a_maximum_below_what_runs_is_raised_and_told(scene: Scene) -> None:
    """Seven run where four were allowed: the HPA would cut three at once."""
    wait_until(
        lambda: scene.plane.replicas(scene.namespace, "peak"),
        90,
        "seven",
        accept=lambda n: n is not None and n >= 7,
    )
    count = scene.plane.replicas(scene.namespace, "peak")
    since = time.time()
    scene.observe("peak")
    wait_until(
        lambda: held(scene.target("peak")), 60, "nothing is held", accept=lambda one: one == (False, [])
    )
    now = users(scene.hpa("peak"))
    raised = {**scene.before["peak"], "spec": {**scene.before["peak"]["spec"], "maxReplicas": count}}
    assert raised == now
    hold(lambda: scene.plane.replicas(scene.namespace, "peak"), 20, "all stay", accept=lambda n: n == count)
    assert count == min(one.wanted or 0 for one in scene.workloads["peak"].since(since))
    told = scene.plane.kubectl(
        "get", "events", "--namespace", scene.namespace, "--output=jsonpath={.items[*].reason}"
    )
    assert "GivenBackRaised" in told


def test_a_keda_that_is_down_delays_and_does_not_prevent(scene: Scene, keda: Keda) -> None:
    """Half a minute; the operator and the command line are at it at once; and KEDA, back again, leaves the HPA alone."""
    keda.operator.stop()
    try:
        done = scene.release("slow", "--namespace", scene.namespace)
        assert 1 == done.returncode, done.stdout
        assert (
            "ScaledObject slow waits for KEDA, which does not answer, and goes once it does: run this again"
            in (done.stderr)
        )
        assert scene.before["slow"] == users(scene.hpa("slow"))
        wait_until(
            lambda: held(scene.target("slow")), 30, "the operator", accept=lambda one: one == (False, [])
        )
    finally:
        keda.operator.start()
    wait_until(lambda: scene.scaled_object("slow"), 60, "KEDA lets go", accept=lambda one: one is None)
    hold(lambda: users(scene.hpa("slow")), 5, "it stays", accept=lambda one: one == scene.before["slow"])
    scene.never_fewer("slow", REPLICAS)


def test_a_target_deleted_while_the_operator_is_down_waits_for_it(scene: Scene) -> None:
    """Its HPA goes on, on cpu: more load is served. Whoever cannot wait releases it by hand, with the operator's own rights."""
    scene.helios.operator.kill()
    for name in ("gone", "left"):
        scene.plane.kubectl("delete", "ht", name, "--namespace", scene.namespace, "--wait=false")
    since = time.time()
    scene.demands["gone"].cut(1.5, since)
    wait_until(
        lambda: scene.plane.replicas(scene.namespace, "gone"),
        90,
        "more replicas",
        accept=lambda n: n is not None and n > 5,
    )
    for name in ("gone", "left"):
        target = scene.target(name)
        assert target is not None
        assert target["metadata"]["deletionTimestamp"]
        assert [FINALIZER] == target["metadata"]["finalizers"]
        assert [name] == [one["name"] for one in scene.hpa(name)["metadata"]["ownerReferences"]]
    account = scene.plane.service_account("helios", "helios")
    done = scene.release("left", "--namespace", scene.namespace, user=account)
    assert 0 == done.returncode, done.stderr
    assert f"{scene.namespace}/left: HorizontalPodAutoscaler left-cpu is as it was" in done.stdout
    assert scene.target("left") is None
    assert scene.before["left"] == users(scene.hpa("left"))
    scene.never_fewer("left", REPLICAS)


def test_an_operator_that_is_up_again_gives_back_what_waited(scene: Scene) -> None:
    """And the target goes."""
    scene.helios.operator.start()
    wait_until(lambda: scene.target("gone"), 60, "the target goes", accept=lambda one: one is None)
    assert scene.before["gone"] == users(scene.hpa("gone"))
    assert scene.scaled_object("gone") is None
    scene.never_fewer("gone", REPLICAS)


def test_release_all_needs_no_operator_and_leaves_nothing_to_lose(scene: Scene) -> None:
    """Adopted and not; afterwards the very definition can be deleted, and no autoscaler goes with it."""
    scene.helios.operator.kill()
    plan = scene.release("--all", "--dry-run", "--json")
    told = {
        one["name"]: one["would"] for one in json.loads(plan.stdout) if one["namespace"] == scene.namespace
    }
    assert {"late", "made", "taken"} == told.keys()
    assert "HorizontalPodAutoscaler late-cpu is given back as it was" in told["late"]
    since = time.time()
    done = scene.release("--all")
    assert 0 == done.returncode, done.stderr
    scene.is_back("late")
    made = scene.scaled_object("made")
    assert made is not None
    assert ["cpu"] == [one["type"] for one in made["spec"]["triggers"]]
    scene.applies(
        scaled_object(scene.namespace, "made", made["spec"]["triggers"], target="made", least=2, most=15)
    )
    assert 0 == scene.release("--all").returncode
    scene.plane.kubectl("delete", "crd", CRD, "--wait=true", "--timeout=50s")
    hold(
        lambda: [scene.plane.replicas(scene.namespace, name) for name in ("late", "web", "left", "made")],
        20,
        "nobody is harmed",
        accept=lambda counts: counts[:3] == [REPLICAS] * 3 and counts[3] in GUARDED,
    )
    assert scene.before["late"] == users(scene.hpa("late"))
    hpa = scene.plane.api.get("HorizontalPodAutoscaler", "keda-hpa-made", scene.namespace)
    assert hpa is not None
    assert ["Resource"] == [one["type"] for one in hpa["spec"]["metrics"]]
    assert REPLICAS == min(one.wanted or 0 for one in scene.workloads["late"].since(since))
    install(scene.plane)
