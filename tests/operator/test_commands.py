"""The commands around the operator, as a user types them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from helios.operator.crds import crd
from tests.operator.api_server import ApiServer
from tests.operator.objects import container, deployment
from tests.operator.operators import applied, shop
from tests.processes.commands import ran, started

pytestmark = pytest.mark.integration

NOBODY = "http://127.0.0.1:9"
"""Where no Prometheus listens."""


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """An API server."""
    with ApiServer() as server:
        yield server


def test_the_resource_is_printed_for_kubectl() -> None:
    """`helios crd | kubectl apply -f -`."""
    done = ran(["crd"])
    assert (0, crd()) == (done.returncode, yaml.safe_load(done.stdout))


@pytest.mark.parametrize("mode", ["Observe", "Recommend", "Autoscale"])
def test_the_scaled_object_is_printed_in_every_mode(api: ApiServer, tmp_path: Path, mode: str) -> None:
    """As Autoscale would write it, and nothing is written."""
    api.store.put(*shop("web", mode=mode))
    environment = {
        "KUBECONFIG": str(api.kube_config(tmp_path)),
        "HELIOS_KEDA_SERVER_ADDRESS": "http://prom:9090",
    }
    done = ran(["scaledobject", "web", "-n", "shop"], environment)
    manifest = yaml.safe_load(done.stdout)
    assert ["prometheus", "cpu"] == [t["type"] for t in manifest["spec"]["triggers"]]
    assert "annotations" not in manifest["metadata"]
    assert {"get", "list"} == {asked.verb for asked in api.requests}


def test_a_scaled_object_without_cpu_requests_has_no_cpu_trigger(api: ApiServer, tmp_path: Path) -> None:
    """As it would be written."""
    api.store.put(deployment("web", containers=[container(cpu=None)]), applied("web"))
    environment = {
        "KUBECONFIG": str(api.kube_config(tmp_path)),
        "HELIOS_KEDA_SERVER_ADDRESS": "http://prom:9090",
    }
    manifest = yaml.safe_load(ran(["scaledobject", "web", "-n", "shop"], environment).stdout)
    assert ["prometheus"] == [t["type"] for t in manifest["spec"]["triggers"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["web", "-n", "shop"], "set spec.keda.serverAddress"),
        (["absent", "-n", "shop"], "not found"),
        (["bad", "-n", "shop"], "min 9 is above max 2"),
    ],
    ids=["no address", "no such target", "an invalid one"],
)
def test_what_is_wrong_is_one_clear_line(
    api: ApiServer, tmp_path: Path, arguments: list[str], words: str
) -> None:
    """Exit code 2, and what to do."""
    api.store.put(*shop("web"), applied("bad", replicas={"min": 9, "max": 2}))
    done = ran(["scaledobject", *arguments], {"KUBECONFIG": str(api.kube_config(tmp_path))})
    assert (2, "") == (done.returncode, done.stdout)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_without_any_cluster_the_operator_says_how_to_name_one(tmp_path: Path) -> None:
    """Neither a pod nor a kube config."""
    done = ran(["operator"], {"KUBECONFIG": str(tmp_path / "none"), "HELIOS_PROMETHEUS_URL": NOBODY})
    assert 2 == done.returncode
    assert "set KUBECONFIG" in " ".join(done.stderr.split())


def test_the_operator_runs_beside_a_prometheus_that_is_away(api: ApiServer, tmp_path: Path) -> None:
    """Alive, with its targets' state in their conditions; SIGTERM ends it in order. The settings' target is ignored."""
    api.store.put(*shop("web"))
    environment = {
        "KUBECONFIG": str(api.kube_config(tmp_path)),
        "HELIOS_PROMETHEUS_URL": NOBODY,
        "HELIOS_STATE_PATH": str(tmp_path / "state"),
        "HELIOS_METRICS_NAMESPACE": "saleor",
        "HELIOS_METRICS_DEPLOYMENT": "saleor-api",
    }
    with started(["operator"], environment) as operator:
        conditions = operator.wait_for(
            "the status",
            lambda: (api.store.one("heliostargets", "web").get("status") or {}).get("conditions"),
        )
        assert 200 == operator.get("/live").status_code
        assert 'helios_targets{state="no-data"} 1.0' in operator.get("/metrics").text
        assert 0 == operator.end(signal.SIGTERM)
        said = "".join(operator.lines)
    reasons = {c["type"]: c["reason"] for c in conditions}
    assert ("Undecided", "NoSamples") == (reasons["Ready"], reasons["DataAvailable"])
    assert 1 == said.count("the settings' targets are not scored")
    assert "Traceback" not in said
    assert (tmp_path / "state" / "state.npz").exists()
