"""docs/operations.md on a real control plane: its commands, as they stand there, do to a workload what it says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.conftest import (  # noqa: F401 - fixtures
    NewNamespace,
    built,
    exposition,
    keda,
    new_namespace,
    new_prometheus,
    plane,
    prometheus,
    shop,
)
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import steady
from tests.cluster.helioses import Helios, called, condition, helios_target, install
from tests.cluster.manifests import deployment
from tests.cluster.prometheuses import Prometheus
from tests.cluster.servers import Server
from tests.cluster.shops import Shop
from tests.cluster.waits import hold, wait_until
from tests.docs.pages import ROOT, Page

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

OPERATIONS = Page(ROOT / "docs" / "operations.md").text
NAMES = ("kept", "left", "own", "night", "out")


@dataclass(frozen=True)
class Scene:
    """Workloads in Autoscale, and who runs the page's commands."""

    plane: ControlPlane
    namespace: str

    def run(self, pattern: str, name: str) -> None:
        """The first command of the page that begins so, for one workload."""
        found = re.search(rf"(kubectl {pattern}[^\n|`]*)", OPERATIONS)
        assert found, pattern
        line = found[1].split("#")[0].replace("NAMESPACE", self.namespace).replace("NAME", name)
        self.plane.kubectl(*shlex.split(line)[1:])

    def helios(self, pattern: str, name: str = "") -> str:
        """The first such command of the page, for one workload; what it prints."""
        found = re.search(rf"helios ({pattern})\s*(?:#|\n)", OPERATIONS)
        assert found, pattern
        line = found[1].replace("NAMESPACE", self.namespace).replace("NAME", name)
        done = called(self.plane, *shlex.split(line))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def scaled_object(self, name: str) -> dict[str, object] | None:
        """As the API server has it."""
        return self.plane.api.get("ScaledObject", name, self.namespace)

    def hpa(self, name: str) -> dict[str, object] | None:
        """KEDA's."""
        return self.plane.api.get("HorizontalPodAutoscaler", f"keda-hpa-{name}", self.namespace)


@pytest.fixture(scope="module")
def scene(
    keda: object,  # noqa: F811
    plane: ControlPlane,  # noqa: F811
    shop: Shop,  # noqa: F811
    new_namespace: NewNamespace,  # noqa: F811
    exposition: Server,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """One Helios, four workloads that it scales."""
    install(plane)
    namespace, folder = new_namespace("uninstalling"), tmp_path_factory.mktemp("uninstalling")
    for name in NAMES:
        shop.open(namespace, name, steady(1.2))
        plane.apply(deployment(namespace, name, replicas=4))
    with Prometheus(folder / "prometheus") as prometheus:  # noqa: F811
        prometheus.scrape("shop", exposition.address, f"/metrics/{namespace}")
        with Helios(plane, prometheus, folder):
            plane.apply(*(helios_target(namespace, name, mode="Autoscale") for name in NAMES))
            made = Scene(plane, namespace)
            for name in NAMES:
                wait_until(
                    lambda name=name: made.hpa(name),
                    120,
                    f"an HPA of {name}",
                    accept=lambda hpa: hpa is not None,
                )
            yield made
            plane.kubectl("delete", "heliostargets", "--all", "--namespace", namespace, "--wait=true")


def test_a_workload_is_released_beside_an_operator_that_is_alive(scene: Scene) -> None:
    """One command: ScaledObject and HPA stay on cpu, nobody owns them, and the target can go."""
    assert "ScaledObject out stays, on cpu alone, and is yours" in scene.helios(
        "release NAME -n NAMESPACE --dry-run", "out"
    )
    scene.helios("release NAME -n NAMESPACE", "out")
    scene.run("delete ht NAME -n NAMESPACE", "out")
    hold(lambda: scene.hpa("out"), 20, "the HPA stays", accept=lambda hpa: hpa is not None)
    made = scene.scaled_object("out")
    assert made is not None
    assert ["cpu"] == [one["type"] for one in made["spec"]["triggers"]]  # type: ignore[index]


def test_a_workload_can_be_left_with_its_hpa_on_cpu(scene: Scene) -> None:
    """Observe, wait, take the owner off, delete the target: ScaledObject and HPA stay, and Helios lets go of them."""
    scene.run("patch ht NAME -n NAMESPACE", "kept")
    scene.run("wait ht NAME -n NAMESPACE", "kept")
    wait_until(
        lambda: condition(scene.plane, scene.namespace, "kept", "Scaling")[1],
        30,
        "released",
        accept=lambda r: r == "Released",
    )
    scene.run("patch scaledobject NAME -n NAMESPACE --type json", "kept")
    scene.run("delete ht NAME -n NAMESPACE", "kept")
    hold(lambda: scene.hpa("kept"), 20, "the HPA stays", accept=lambda hpa: hpa is not None)
    made = scene.scaled_object("kept")
    assert made is not None
    assert ["cpu"] == [one["type"] for one in made["spec"]["triggers"]]  # type: ignore[index]


def test_a_workload_whose_target_is_deleted_keeps_its_replicas_and_takes_an_hpa_of_ones_own(
    scene: Scene,
) -> None:
    """ScaledObject and HPA go, the replicas stay, and nothing is in the way of another HPA."""
    before = scene.plane.replicas(scene.namespace, "own")
    scene.run("delete ht NAME -n NAMESPACE", "own")
    wait_until(
        lambda: scene.scaled_object("own") or scene.hpa("own"),
        60,
        "both are gone",
        accept=lambda one: one is None,
    )
    hold(
        lambda: scene.plane.replicas(scene.namespace, "own"),
        10,
        "as many replicas",
        accept=lambda n: n == before,
    )
    scene.run("autoscale deployment NAME -n NAMESPACE", "own")
    assert scene.plane.api.get("HorizontalPodAutoscaler", "own", scene.namespace) is not None


def test_scale_in_alone_can_be_forbidden_and_allowed_again(scene: Scene) -> None:
    """By KEDA's annotation, which Helios leaves alone: the HPA stays and may only add."""

    def policy() -> object:
        hpa = scene.hpa("night") or {}
        return hpa.get("spec", {}).get("behavior", {}).get("scaleDown", {}).get("selectPolicy")  # type: ignore[attr-defined]

    scene.run("annotate scaledobject NAME -n NAMESPACE autoscaling.keda.sh/paused-scale-in=true", "night")
    wait_until(policy, 60, "scale-in is disabled", accept=lambda one: one == "Disabled")
    hold(policy, 15, "and stays so", accept=lambda one: one == "Disabled")
    scene.run("annotate scaledobject NAME -n NAMESPACE autoscaling.keda.sh/paused-scale-in-", "night")
    wait_until(policy, 60, "scale-in is allowed", accept=lambda one: one != "Disabled")


def test_deleting_the_resource_takes_targets_and_autoscalers_and_leaves_replicas(scene: Scene) -> None:
    """What the page warns of, where nothing was released first; what was is not touched by it."""
    before = scene.plane.replicas(scene.namespace, "left")
    scene.plane.kubectl("delete", "crd", "heliostargets.helios.dev", "--wait=true", "--timeout=50s")
    wait_until(
        lambda: scene.scaled_object("left") or scene.hpa("left"),
        90,
        "both are gone",
        accept=lambda one: one is None,
    )
    assert before == scene.plane.replicas(scene.namespace, "left")
    assert [True, True] == [scene.hpa(name) is not None for name in ("kept", "out")]
    install(scene.plane)
