"""`helios doctor` on a real installation: nothing to say of a healthy one, and each thing that is broken by its name, alone.

On a control plane of this file's own: what is broken here, the API services and the ClusterRole among it, belongs to everybody.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from helios.doctor.live_checks import NAMES
from helios.operator.crds import crd
from tests.cluster.apis import Object
from tests.cluster.conftest import Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import steady
from tests.cluster.exhibits import present
from tests.cluster.helioses import COMMAND, Helios, condition, helios_target, install
from tests.cluster.kedas import EXTERNAL_METRICS, Keda
from tests.cluster.manifests import deployment
from tests.cluster.meters import GROUP_VERSION, meter
from tests.cluster.prometheuses import Prometheus
from tests.cluster.servers import Server, texts
from tests.cluster.shops import Shop
from tests.cluster.waits import wait_until

ADOPT = Path(__file__).parents[2] / "docs" / "adopt.md"
SHOP = "shop"
LEASE_SECONDS = 3
KEDA_DEPLOYMENT = "keda-operator"


@dataclass(frozen=True)
class Told:
    """What the doctor said."""

    code: int
    findings: list[dict[str, str]]
    checks: dict[str, dict[str, Any]]

    @property
    def rules(self) -> list[str]:
        """Of the findings, in the doctor's order."""
        return [one["rule"] for one in self.findings]

    @property
    def skipped(self) -> list[str]:
        """Live checks that could not be made."""
        return [name for name in NAMES if self.checks[name]["skipped"]]


@dataclass(frozen=True)
class Scene:
    """A shop with two targets, one of them in Autoscale, all of it healthy."""

    plane: ControlPlane
    keda: Keda
    prometheus: Prometheus
    helios: Helios
    exposition: Server
    folder: Path

    def examined(self, user: Path | None = None, *more: str) -> Told:
        """Run the doctor with the operator's settings; as its service account, or as somebody else."""
        own = {k: v for k, v in os.environ.items() if not k.startswith(("HELIOS_", "KUBE", "GCP_"))}
        account = user or self.plane.folder / "helios-helios.kubeconfig"
        command = [*COMMAND, "doctor", "--config", self.folder / "config.yaml", "--json", *more]
        ran = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            env={**own, "KUBECONFIG": str(account)},
            check=False,
        )
        assert ran.returncode in {0, 1}, ran.stderr
        said = json.loads(ran.stdout)
        return Told(ran.returncode, said["findings"], {one["name"]: one for one in said["checks"]})

    def finds(self, *rules: str, seconds: float = 45) -> Told:
        """Wait until the doctor finds exactly these; they need time to show, and to go."""
        wanted = sorted(rules)
        return wait_until(
            self.examined,
            seconds,
            f"the doctor finds {wanted}",
            accept=lambda told: sorted(told.rules) == wanted,
        )

    def delete(self, kind: str, name: str) -> Object:
        """Delete what has no namespace; what it was, to be applied again."""
        found = self.plane.api.get(kind, name)
        assert found is not None
        self.plane.api.delete(kind, name)
        return {
            **{key: found[key] for key in ("apiVersion", "kind", "spec")},
            "metadata": {"name": name, "labels": found["metadata"].get("labels") or {}},
        }


@pytest.fixture(scope="module")
def scene(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Helios with a lease, under its shipped role, scraped, and scored; KEDA's Deployment is there for its version alone."""
    folder = tmp_path_factory.mktemp("doctor")
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(built / "bin", tmp_path_factory.mktemp("doctored")))
        keda = stack.enter_context(Keda(plane, built / "bin", built / "keda"))
        shop = stack.enter_context(Shop(plane.api))
        server = stack.enter_context(Server(meter(shop), tls=plane.certificate("meter")))
        plane.aggregate(GROUP_VERSION, "kube-system", "metrics-server", server.port)
        exposition = stack.enter_context(Server(texts(lambda _: present(shop))))
        install(plane)
        plane.api.create("Namespace", {"metadata": {"name": SHOP}})
        plane.apply(keda_deployment("2.21.0"))
        for name in ("api", "web"):
            shop.open(SHOP, name, steady(0.2))
        plane.apply(
            *(deployment(SHOP, name) for name in ("api", "web")),
            helios_target(SHOP, "api"),
            helios_target(SHOP, "web", mode="Autoscale"),
        )
        prometheus = Prometheus(folder / "prometheus")
        careless(folder / "prometheus", {})
        prometheus.scrape("shop", exposition.address)
        stack.enter_context(prometheus)
        lease = {"name": "helios", "namespace": "helios", "seconds": LEASE_SECONDS}
        helios = stack.enter_context(Helios(plane, prometheus, folder, operator={"lease": lease}))
        for name in ("api", "web"):
            wait_until(
                lambda name=name: condition(plane, SHOP, name, "Ready")[0] == "True", 60, f"{name} is scored"
            )
        yield Scene(plane, keda, prometheus, helios, exposition, folder)


def keda_deployment(version: str) -> Object:
    """What KEDA's chart installs, as far as the doctor looks; kwok plays its pod."""
    found = deployment("keda", KEDA_DEPLOYMENT, cpu=None, limit=None, start_seconds=0.1)
    found["metadata"]["labels"] = {"app.kubernetes.io/version": version}
    return found


def careless(folder: Path, targets: dict[str, tuple[str, str]]) -> None:
    """Let a Prometheus scrape these (job -> address and path) without `honor_labels`, from a namespace of its own."""
    groups = [
        {"targets": [address], "labels": {"job": job, "namespace": "monitoring", "__metrics_path__": path}}
        for job, (address, path) in targets.items()
    ]
    (folder / "careless.json").write_text(json.dumps(groups), encoding="utf-8")
    file = folder / "prometheus.yml"
    config = json.loads(file.read_text(encoding="utf-8"))
    files = [{"files": [str(folder / "careless.json")]}]
    config["scrape_configs"][1:] = [{"job_name": "careless", "file_sd_configs": files}]
    file.write_text(json.dumps(config), encoding="utf-8")


def test_a_healthy_installation_has_no_finding(scene: Scene, tell: Tell) -> None:
    """Under the shipped role, with a target in Autoscale and one in Observe: nothing found, nothing missed, exit code 0."""
    told = wait_until(
        scene.examined,
        60,
        "all is looked at, and nothing found",
        accept=lambda told: not told.findings and told.skipped == ["keda-prometheus"],
    )
    began = time.monotonic()
    assert 0 == scene.examined().code
    tell(
        {
            "seconds": round(time.monotonic() - began, 1),
            "checks": {name: told.checks[name]["said"] for name in NAMES},
        }
    )
    assert list(NAMES) == [name for name in told.checks if name in NAMES]
    assert "KEDA 2.21 is installed" == told.checks["keda"]["said"]
    assert told.checks["prometheus-history"]["said"].endswith("so the rest comes with time")


def test_an_administrator_is_told_the_same(scene: Scene) -> None:
    """Of the operator's rights, not of his own: the reviews ask for its service account."""
    told = scene.examined(scene.plane.admin)
    assert [] == told.findings
    assert told.checks["rights"]["said"].startswith("system:serviceaccount:helios:helios has ")


def test_somebody_who_may_nothing_is_told_what_could_not_be_looked_at(scene: Scene) -> None:
    """A service account without any role: what it may not see is skipped, and what everybody may see is looked at."""
    told = scene.examined(scene.plane.service_account("default", "default"))
    assert told.checks["targets"]["skipped"]
    assert "may not list heliostargets" in told.checks["targets"]["said"]
    assert not told.checks["resource"]["skipped"]
    assert [] == told.findings


def test_a_team_with_a_role_in_its_own_namespace_accuses_no_operator(scene: Scene) -> None:
    """The ClusterRole of docs/adopt.md, bound in one namespace: its manifests are linted, the operator's rights and lease skipped."""
    (role,) = [
        found
        for text in re.findall(r"```yaml\n(.*?)```", ADOPT.read_text(encoding="utf-8"), flags=re.DOTALL)
        for found in yaml.safe_load_all(text)
        if isinstance(found, dict) and found.get("kind") == "ClusterRole"
    ]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "team", "namespace": SHOP},
        "subjects": [{"kind": "ServiceAccount", "namespace": SHOP, "name": "default"}],
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": role["metadata"]["name"],
        },
    }
    scene.plane.apply(role, binding)
    told = scene.examined(scene.plane.service_account(SHOP, "default"), "-n", SHOP)
    assert ([], 0) == (told.findings, told.code)
    assert told.checks["targets"]["said"].startswith(
        "2 HeliosTargets, 1 in Recommend or Autoscale in namespace shop;"
    )
    assert told.checks["rights"]["skipped"]
    assert told.checks["rights"]["said"].startswith("you may not see the operator's account")
    assert told.checks["lease"]["skipped"]


@contextmanager
def patched(
    scene: Scene, kind: str, name: str, namespace: str | None, body: Object, back: Object
) -> Iterator[None]:
    """Another form of an object, for a while."""
    scene.plane.api.patch(kind, name, body, namespace)
    try:
        yield
    finally:
        scene.plane.api.patch(kind, name, back, namespace)


@pytest.mark.parametrize(
    ("group", "resource", "verb"),
    [
        pytest.param("", "pods", "list", id="pods"),
        pytest.param("keda.sh", "scaledobjects", "update", id="give-back"),
    ],
)
def test_a_verb_that_is_taken_from_the_role_is_named(
    scene: Scene, group: str, resource: str, verb: str
) -> None:
    """By the operator itself and by an administrator alike."""
    role = scene.plane.api.get("ClusterRole", "helios")
    assert role is not None
    rules = role["rules"]
    fewer = [
        {**rule, "verbs": [one for one in rule["verbs"] if one != verb]}
        if (rule["apiGroups"], rule["resources"]) == ([group], [resource])
        else rule
        for rule in rules
    ]
    less = {"rules": [rule for rule in fewer if rule["verbs"]]}
    with patched(scene, "ClusterRole", "helios", None, less, {"rules": rules}):
        told = scene.finds("rbac-missing")
        (found,) = scene.examined(scene.plane.admin).findings
    assert [found] == told.findings
    assert f"system:serviceaccount:helios:helios may not {verb} {resource}" in found["why"]
    assert f'resources: ["{resource}"]' in found["remedy"]


def test_an_older_resource_is_found_by_the_field_it_lacks(scene: Scene) -> None:
    """As after an upgrade of the image alone: what the API server would drop is named."""
    older = crd()
    fields = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del fields["behavior"]["properties"]["rollout"]
    scene.plane.apply(older)
    (found,) = scene.finds("crd-outdated").findings
    scene.plane.apply(crd())
    assert "the API server drops without a word: spec.behavior.rollout" == found["what"]


def test_an_old_keda_is_found_by_its_label(scene: Scene) -> None:
    """The version stands in the finding."""
    scene.plane.apply(keda_deployment("2.16.1"))
    (found,) = scene.finds("keda-too-old").findings
    scene.plane.apply(keda_deployment("2.21.0"))
    assert found["why"].startswith("its version is 2.16")


@pytest.mark.parametrize(
    ("group_version", "rule"),
    [
        pytest.param(EXTERNAL_METRICS, "keda-metrics-unavailable", id="external"),
        pytest.param(GROUP_VERSION, "resource-metrics-unavailable", id="resource"),
    ],
)
def test_a_metrics_api_that_is_gone_is_found(scene: Scene, group_version: str, rule: str) -> None:
    """Its APIService is deleted."""
    group, _, version = group_version.partition("/")
    was = scene.delete("APIService", f"{version}.{group}")
    try:
        (found,) = scene.finds(rule).findings
    finally:
        scene.plane.apply(was)
        wait_until(lambda: scene.plane.serves(group_version), 60, "it is served again", every=0.2)
    assert "no APIService is registered for it" == found["why"]


def test_a_keda_that_does_not_answer_is_found(scene: Scene) -> None:
    """Its metrics adapter is down: the APIService is there and leads nowhere."""
    scene.keda.adapter.stop()
    try:
        (found,) = scene.finds("keda-metrics-unavailable").findings
    finally:
        scene.keda.adapter.start()
        wait_until(lambda: scene.plane.serves(EXTERNAL_METRICS), 60, "it is served again", every=0.2)
    assert found["why"].startswith("what is registered for it does not answer")


def test_targets_that_cannot_be_scored_are_found(scene: Scene) -> None:
    """One is invalid, one came second to its workload, one has none."""
    plane = scene.plane
    second = helios_target(SHOP, "web-again", scaleTargetRef={"kind": "Deployment", "name": "web"})
    query = {"name": "queue", "query": "sum(queue)", "perReplica": "1"}
    plane.apply(second, helios_target(SHOP, "gone"), helios_target(SHOP, "foreign", metrics=[query]))
    try:
        told = scene.finds("target-conflict", "target-invalid", "target-without-workload")
    finally:
        for name in ("web-again", "gone", "foreign"):
            plane.api.delete("HeliosTarget", name, SHOP)
    where = {one["rule"]: one["where"] for one in told.findings}
    assert {
        "target-conflict": f"{SHOP}/HeliosTarget/web-again",
        "target-invalid": f"{SHOP}/HeliosTarget/foreign",
        "target-without-workload": f"{SHOP}/HeliosTarget/gone",
    } == where


def test_a_credential_that_keda_does_not_have_is_found(scene: Scene) -> None:
    """By an administrator: the operator itself may not see them, and says so."""
    reference = {"authenticationRef": {"kind": "TriggerAuthentication", "name": "prometheus"}}
    body = {"spec": {"keda": reference}}
    with patched(scene, "HeliosTarget", "web", SHOP, body, {"spec": {"keda": {"authenticationRef": None}}}):
        own = scene.examined()
        told = scene.examined(scene.plane.admin)
    assert "keda-authentication-missing" not in own.rules
    assert own.checks["keda-connection"]["said"].endswith("may not be seen by this account")
    assert "keda-authentication-missing" in told.rules
    scene.finds()


def test_a_prometheus_that_is_away_is_one_finding(scene: Scene) -> None:
    """What hangs on it is skipped, and says so."""
    scene.prometheus.process.stop()
    try:
        told = scene.examined()
    finally:
        scene.prometheus.process.start()
    assert ["prometheus-unreachable"] == told.rules
    assert 1 == told.code
    assert "Connection refused" in told.findings[0]["why"]
    assert told.checks["prometheus-metrics"]["skipped"]
    scene.finds()


def test_gauges_that_nobody_scrapes_are_found(scene: Scene) -> None:
    """KEDA would fall back: an error, as a target is in Autoscale."""
    address = scene.helios.url.removeprefix("http://")
    scene.prometheus.forget("helios")
    try:
        (found,) = scene.finds("gauges-not-scraped").findings
    finally:
        scene.prometheus.scrape("helios", address)
    assert "error" == found["severity"]
    scene.finds()


def test_gauges_that_are_scraped_without_honouring_their_labels_are_found(scene: Scene) -> None:
    """The triggers that Helios writes read both forms; everything else does not."""
    address = scene.helios.url.removeprefix("http://")
    scene.prometheus.forget("helios")
    careless(scene.folder / "prometheus", {"helios": (address, "/metrics")})
    try:
        (found,) = scene.finds("gauges-exported-namespace").findings
    finally:
        careless(scene.folder / "prometheus", {})
        scene.prometheus.scrape("helios", address)
    assert "warning" == found["severity"]
    assert "honorLabels: true" in found["remedy"]
    scene.finds()


def test_metrics_that_are_scraped_without_honouring_their_labels_are_found(scene: Scene) -> None:
    """Of the kubelets and of kube-state-metrics, one finding each; Helios goes on with what it has until reports expire."""
    scene.prometheus.forget("shop")
    careless(scene.folder / "prometheus", {"shop": (scene.exposition.address, "/metrics")})
    try:
        told = wait_until(
            scene.examined,
            45,
            "both are found",
            accept=lambda told: told.rules.count("prometheus-exported-namespace") == 2,
        )
    finally:
        careless(scene.folder / "prometheus", {})
        scene.prometheus.scrape("shop", scene.exposition.address)
    rules = set(told.rules) - {"gauges-not-scraped", "gauges-missing", "gauges-expired"}
    assert {"prometheus-exported-namespace"} == rules
    scene.finds(seconds=90)


def test_a_lease_that_nobody_renews_is_found(scene: Scene) -> None:
    """The operator is killed: its lease runs out, its gauges go."""
    scene.helios.operator.kill()
    try:
        told = wait_until(
            scene.examined, 60, "the lease has run out", accept=lambda told: "lease-not-held" in told.rules
        )
    finally:
        scene.helios.operator.start()
    assert set(told.rules) <= {"lease-not-held", "gauges-not-scraped"}
