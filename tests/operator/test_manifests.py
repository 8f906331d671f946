"""`helios scaledobject` of a target that adopts: what it prints is what Autoscale would write in the adopted one's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from helios.cli import app
from helios.errors import HeliosError
from helios.operator.marks import DIGEST, FORM, OWNER
from tests.operator.adopted import HPA, SCALED_OBJECT, overwritten, taken, users_hpa, users_scaled_object
from tests.operator.api_server import ApiServer
from tests.operator.objects import Object, container, deployment, helios_target, pod

pytestmark = pytest.mark.usefixtures("logging_restored")  # the command sets it up for its process

MEMORY = {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 75}}


def asked(api: ApiServer, folder: Path) -> Result:
    """What the command says of target `web`."""
    environment = {
        "KUBECONFIG": str(api.kube_config(folder)),
        "HELIOS_KEDA_SERVER_ADDRESS": "http://prom:9090",
    }
    return CliRunner().invoke(app, ["scaledobject", "web", "-n", "shop"], env=environment)


def printed(api: ApiServer, folder: Path) -> Object:
    """The manifest that it prints."""
    done = asked(api, folder)
    assert 0 == done.exit_code
    found: Object = yaml.safe_load(done.stdout)
    return found


def adopting(kind: str, name: str, mode: str = "Observe") -> Object:
    """A target that names an autoscaler."""
    return helios_target("web", mode=mode, keda={"adopt": {"kind": kind, "name": name}})


def kinds(manifest: Object) -> list[str]:
    """Of its triggers."""
    return [trigger["type"] for trigger in manifest["spec"]["triggers"]]


def test_of_an_hpa_its_other_metrics_and_its_behavior_are_printed_too(api: ApiServer, tmp_path: Path) -> None:
    """And that KEDA may take that very HPA over, without which its webhook refuses a second owner."""
    hpa = users_hpa()
    hpa["spec"]["metrics"].append({"type": "Resource", "resource": MEMORY})
    hpa["spec"]["behavior"] = {"scaleDown": {"stabilizationWindowSeconds": 600}}
    api.store.put(deployment("web"), hpa, adopting(HPA, "web-cpu"))
    found = printed(api, tmp_path)
    assert ["prometheus", "cpu", "memory"] == kinds(found)
    config = found["spec"]["advanced"]["horizontalPodAutoscalerConfig"]
    assert ("web-cpu", 600) == (config["name"], config["behavior"]["scaleDown"]["stabilizationWindowSeconds"])
    assert {
        "name": "web",
        "namespace": "shop",
        "annotations": {"scaledobject.keda.sh/transfer-hpa-ownership": "true"},
    } == found["metadata"]
    assert {"get", "list"} == {one.verb for one in api.requests}


def test_of_a_scaled_object_it_is_that_one_with_the_forecast_in_it(api: ApiServer, tmp_path: Path) -> None:
    """By its own name, with its labels and its hours; nothing in it says that it is Helios'."""
    api.store.put(deployment("web"), users_scaled_object(), adopting(SCALED_OBJECT, "web-so"))
    found = printed(api, tmp_path)
    assert {"name": "web-so", "namespace": "shop", "labels": {"team": "shop"}} == found["metadata"]
    assert ["prometheus", "cpu", "cron"] == kinds(found)


def test_where_cpu_is_not_requested_there_is_no_guard(api: ApiServer, tmp_path: Path) -> None:
    """As it would be written."""
    bare = [container(cpu=None)]
    api.store.put(deployment("web", containers=bare), pod("web", containers=bare))
    api.store.put(users_hpa(), adopting(HPA, "web-cpu"))
    assert ["prometheus"] == kinds(printed(api, tmp_path))


@pytest.mark.parametrize(
    ("make", "adopt", "expected"),
    [
        pytest.param(taken, {"kind": HPA, "name": "web-cpu"}, ("web", ["prometheus", "cpu"]), id="an HPA"),
        pytest.param(
            overwritten,
            {"kind": SCALED_OBJECT, "name": "web-so"},
            ("web-so", ["prometheus", "cpu", "cron"]),
            id="a ScaledObject",
        ),
    ],
)
def test_what_is_adopted_already_is_printed_from_what_was_kept(
    api: ApiServer, tmp_path: Path, make: Any, adopt: dict[str, str], expected: tuple[str, list[str]]
) -> None:
    """What stands there now is KEDA's or Helios' own, and not what counts."""
    target = adopting(adopt["kind"], adopt["name"], "Autoscale")
    api.store.put(target)
    make(api, owner=api.store.one("heliostargets", "web")["metadata"]["uid"])
    found = printed(api, tmp_path)
    assert expected == (found["metadata"]["name"], kinds(found))
    assert {FORM, OWNER, DIGEST}.isdisjoint(found["metadata"].get("annotations") or {})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param(
            [], "there is no HorizontalPodAutoscaler web-cpu in namespace shop", id="none of that name"
        ),
        pytest.param(
            [
                users_hpa()
                | {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "api"}, "maxReplicas": 3}}
            ],
            "scales Deployment api, not Deployment web",
            id="of another workload",
        ),
    ],
)
def test_what_could_not_be_taken_over_is_not_printed(
    api: ApiServer, tmp_path: Path, more: list[Object], words: str
) -> None:
    """As Autoscale would write nothing; the reason is what the condition would say."""
    api.store.put(deployment("web"), *more, adopting(HPA, "web-cpu"))
    done = asked(api, tmp_path)
    assert isinstance(done.exception, HeliosError)
    assert "HeliosTarget shop/web: Autoscale would write nothing: spec.keda.adopt" in str(done.exception)
    assert words in str(done.exception)
    assert "" == done.stdout
