"""The pod that the shipped manifests make, run as they say: what it may, what it does, how it ends and comes back, and how it is deleted.

On a control plane of this file's own: an installed Helios is there once, works cluster-wide, and is deleted here too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import yaml

from tests.cluster.conftest import Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import steady
from tests.cluster.exhibits import present
from tests.cluster.helioses import USER, condition
from tests.cluster.images import Image
from tests.cluster.images import built as built_image
from tests.cluster.kubelets import Kubelet
from tests.cluster.manifests import deployment
from tests.cluster.overlays import KUSTOMIZE, add_base, apply, bare, paced, settled
from tests.cluster.prometheuses import Prometheus
from tests.cluster.servers import Server, texts
from tests.cluster.shops import Shop
from tests.cluster.waits import wait_until
from tests.image import builds

SHOP = ("saleor-api", "saleor-worker", "saleor-dashboard")
PROMETHEUS = "prometheus.monitoring.svc:9090"

PROBE_SECONDS = 90
"""Three failures, ten seconds apart, each of five; then the start."""


@pytest.fixture(scope="module")
def prepared(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with Helios' kind and its namespace."""
    with bare(built, tmp_path_factory.mktemp("own")) as plane:
        add_base(plane)
        yield plane


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The real image where it can be built here, otherwise this checkout; in CI it can."""
    if builds.lacks() is not None:
        yield Image.here()
        return
    with built_image(builds.image()) as found:
        yield found


@pytest.fixture(scope="module")
def prometheus(prepared: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that knows the shop, which is served by two pods each."""
    with ExitStack() as stack:
        shop = stack.enter_context(Shop(prepared.api))
        for name in SHOP:
            prepared.apply(deployment("saleor", name, replicas=2))
            shop.open("saleor", name, steady(0.6))
        server = stack.enter_context(Server(texts(lambda _: present(shop, "saleor"))))
        made = Prometheus(tmp_path_factory.mktemp("prometheus"))
        made.scrape("shop", server.address)
        yield stack.enter_context(made)


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's, at a test's pace."""
    return paced(tmp_path_factory.mktemp("overlay"), "saleor")


@pytest.fixture(scope="module")
def pod(
    prepared: ControlPlane,
    overlay: Path,
    image: Image,
    prometheus: Prometheus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Kubelet]:
    """Helios, run as its Pod says."""
    apply(prepared, overlay)
    folder = tmp_path_factory.mktemp("kubelet")
    with Kubelet(
        prepared, "helios", "helios-0", folder, image=image, services={PROMETHEUS: prometheus.url}
    ) as running:
        running.wait()
        prometheus.scrape("helios", running.address("http"))
        yield running


def test_a_setting_that_nobody_knows_is_named_in_the_log(
    prepared: ControlPlane, image: Image, tmp_path: Path
) -> None:
    """Each container ends at once and is started again; the pod never becomes ready."""
    apply(prepared, paced(tmp_path / "overlay", "saleor", {"scoring": {"intervall_seconds": 5}}))
    with Kubelet(prepared, "helios", "helios-0", tmp_path, image=image) as running:
        for one in running.containers.values():
            wait_until(lambda one=one: one.restarts, 60, f"{one.name} is started again")  # type: ignore[misc]
            assert "ended by itself (exit code 2)" == one.faults[0]
            assert "scoring.intervall_seconds" in one.process.tail()
        assert not running.ready


def test_of_two_pods_one_stands_by_and_is_there_when_the_first_is_lost(
    prepared: ControlPlane, image: Image, prometheus: Prometheus, tmp_path: Path, tell: Tell
) -> None:
    """As `components/two-pods` is applied: one publishes, both answer; of a node that no longer answers nothing is heard any more."""
    folder = paced(tmp_path / "overlay", "saleor")
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    component = (KUSTOMIZE / "components" / "two-pods").resolve()
    kustomization["components"] = [os.path.relpath(component, folder.resolve())]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    apply(prepared, folder)
    settled(prepared, 2)
    services = {PROMETHEUS: prometheus.url}
    with ExitStack() as stack:
        pods = {
            name: stack.enter_context(
                Kubelet(prepared, "helios", name, tmp_path / name, image=image, services=services, ip=ip)
            )
            for name, ip in (("helios-0", "192.168.0.2"), ("helios-1", "192.168.1.2"))
        }
        pods["helios-0"].meet(pods["helios-1"])
        for name, one in pods.items():
            prometheus.scrape(name, one.wait().address("http"))
            stack.callback(prometheus.forget, name)

        def publishing() -> set[str]:
            """Who tells Prometheus of targets; the label that a scrape adds says whose they are."""
            return {labels["job"] for labels, _ in prometheus.query("helios_recommended_replicas")}

        def holding() -> dict[str, float]:
            return {labels["job"]: value for labels, value in prometheus.query("helios_lease_held")}

        held, (holder,) = wait_until(
            lambda: (holding(), publishing()),
            60,
            "one of them publishes",
            accept=lambda seen: sorted(seen[0].values()) == [0, 1] and len(seen[1]) == 1,
        )
        (standby,) = pods.keys() - {holder}
        assert {holder: 1, standby: 0} == held
        for name, each in pods.items():
            wait_until(
                lambda each=each: shown(each),  # type: ignore[misc] # bound here
                60,
                f"{name} shows the shop",
                accept=lambda seen: seen == {*SHOP},
            )
        assert pods[holder].pod["metadata"]["uid"] in held_by(prepared)
        for container in pods[holder].containers.values():
            container.freeze()
        lost = time.time()
        wait_until(
            publishing,
            60,
            "the other one does, and it alone",
            accept=lambda seen: seen == {standby},
            every=0.1,
        )
        tell({"silent or taken over after seconds": round(time.time() - lost, 1)})
        assert pods[standby].pod["metadata"]["uid"] in held_by(prepared)
    apply(prepared, KUSTOMIZE / "overlays" / "saleor")
    wait_until(lambda: prepared.api.get("Pod", "helios-1", "helios") is None, 30, "the second pod is gone")


def test_the_pod_becomes_ready_as_its_manifest_says(pod: Kubelet, image: Image, tell: Tell) -> None:
    """Command, arguments, environment, volumes and probes of the Pod that the controller made; nothing restarted."""
    assert {"operator": 0, "serve": 0} == {name: one.restarts for name, one in pod.containers.items()}
    assert all(
        probe.asked
        for one in pod.containers.values()
        for probe in one.probes.values()
        if probe.kind != "liveness"
    )
    answer = httpx.get(f"http://{pod.address('http')}/ready", trust_env=False).json()
    assert answer["ready"]
    tell(
        {
            "image": str(image.entrypoint),
            "peak MiB": {k: one.peak_bytes // 2**20 for k, one in pod.containers.items()},
        }
    )


def test_its_processes_are_as_restricted_as_the_manifest_says(pod: Kubelet) -> None:
    """User and group 65532, no capability, none to gain, and a root that cannot be written."""
    for one in pod.containers.values():
        status = dict(
            line.split(":\t", 1) for line in proc(one.process.pid, "status").splitlines() if ":\t" in line
        )
        assert ("65532\t" * 4).strip() == status["Uid"] == status["Gid"]
        assert ("0" * 16, "0" * 16, "1") == (status["CapEff"], status["CapBnd"], status["NoNewPrivs"])
        (root,) = [line for line in proc(one.process.pid, "mounts").splitlines() if line.split()[1] == "/"]
        assert "ro" == root.split()[3].split(",")[0]


def test_only_the_operator_has_a_token(pod: Kubelet) -> None:
    """At the path where clients look for it."""
    files = {
        name: Path(f"/proc/{one.process.pid}/root/run/secrets/kubernetes.io/serviceaccount/token").exists()
        for name, one in pod.containers.items()
    }
    assert {"operator": True, "serve": False} == files


def test_it_stays_within_the_memory_that_it_asks_for(pod: Kubelet) -> None:
    """The request is what a node keeps free for it."""
    asked = {
        body["name"]: int(body["resources"]["requests"]["memory"].removesuffix("Mi")) * 2**20
        for body in pod.pod["spec"]["containers"]
    }
    assert [] == [name for name, one in pod.containers.items() if one.peak_bytes > asked[name]]


def test_it_takes_the_shops_targets(prepared: ControlPlane, pod: Kubelet, prometheus: Prometheus) -> None:
    """With its own service account: their status is written, their gauges are in Prometheus under their own namespace."""
    for name in SHOP:
        wait_until(
            lambda name=name: condition(prepared, "saleor", name, "Ready")[:2],  # type: ignore[misc]
            60,
            f"{name} is scored",
            accept=lambda seen: seen == ("True", "Scored"),
        )
    query = "max by (namespace, deployment) (helios_recommended_replicas)"
    wait_until(
        lambda: {(labels["namespace"], labels["deployment"]) for labels, _ in prometheus.query(query)},
        30,
        "the gauges of all three",
        accept=lambda seen: seen == {("saleor", name) for name in SHOP},
    )


def test_it_sees_a_new_target_by_its_watch(prepared: ControlPlane, pod: Kubelet) -> None:
    """As the user of the image, who has no home and need not have a name."""
    prepared.apply(deployment("saleor", "saleor-search"))
    body = {
        "metadata": {"name": "saleor-search"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "saleor-search"}},
    }
    prepared.api.create(
        "HeliosTarget", {"apiVersion": "helios.dev/v1alpha1", "kind": "HeliosTarget", **body}, "saleor"
    )
    wait_until(lambda: condition(prepared, "saleor", "saleor-search", "DataAvailable")[0], 60, "its status")
    prepared.api.delete("HeliosTarget", "saleor-search", "saleor")


def test_an_operator_that_dies_comes_back_warm_and_the_api_stays(pod: Kubelet) -> None:
    """Its container is restarted, its volume is still there; `serve` is ready all the while."""
    operator, serve = (pod.containers[name] for name in ("operator", "serve"))
    operator.kill()
    wait_until(
        lambda: operator.restarts == 1 and operator.started, 60, "the operator is started again", every=0.2
    )
    wait_until(lambda: "warm start" in operator.process.tail(), 30, "it is warm")
    assert (True, 0) == (serve.ready, serve.restarts)


def test_a_hung_operator_is_restarted_by_its_liveness(pod: Kubelet) -> None:
    """Nothing answers on 8081: after three failures it is ended and started anew."""
    operator = pod.containers["operator"]
    before = operator.restarts
    operator.freeze()
    wait_until(lambda: operator.restarts == before + 1 and operator.started, PROBE_SECONDS, "another restart")
    assert "liveness" in operator.faults[-1]


def test_nothing_was_forbidden(prepared: ControlPlane, pod: Kubelet) -> None:
    """The shipped role is enough for all of this."""
    assert prepared.audit.requests(user=USER)
    assert [] == prepared.audit.forbidden(user=USER)


def test_it_can_be_deleted_as_it_was_applied(prepared: ControlPlane, overlay: Path) -> None:
    """All of it goes, and nothing of the shop; what went with its kind is no error."""
    prepared.kubectl("delete", "--kustomize", str(overlay), "--ignore-not-found", "--wait=false")
    wait_until(lambda: prepared.api.get("Namespace", "helios") is None, 60, "its namespace is gone")
    wait_until(
        lambda: prepared.api.get("CustomResourceDefinition", "heliostargets.helios.dev") is None,
        60,
        "its kind is gone",
    )
    assert {2} == {prepared.replicas("saleor", name) for name in SHOP}


def shown(pod: Kubelet) -> set[str]:
    """The deployments of which its API tells.

    Raises:
        AssertionError: it tells of none, and why.
    """
    answer = httpx.get(f"http://{pod.address('http')}/targets", trust_env=False)
    assert answer.is_success, answer.text
    return {one["deployment"] for one in answer.json()["targets"]}


def held_by(plane: ControlPlane) -> str:
    """Who holds the Lease."""
    lease = plane.api.ask("GET", "/apis/coordination.k8s.io/v1/namespaces/helios/leases/helios")
    return str(lease["spec"].get("holderIdentity") or "")


def proc(process: int, name: str) -> str:
    """What the kernel says of a process."""
    return Path(f"/proc/{process}/{name}").read_text(encoding="utf-8")
