"""Each kustomization is what the README says, and what it holds is made of its one source."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from helios.operator.crds import crd
from scripts.make_manifests import written
from tests.cluster.overlays import KUSTOMIZE, OVERLAYS
from tests.manifests.builds import BUILDS, HELIOS, built, containers, environment, named, of_kind, pod

ROOT = Path(__file__).parents[2]
APPLIED_BYTES = 262_144
"""`kubectl apply` keeps the whole object in an annotation, and annotations are no larger."""

pytestmark = pytest.mark.integration


def test_what_is_written_twice_is_the_same() -> None:
    """The resource, the alerts and their routes, the list of dashboards: `python scripts/make_manifests.py` writes them."""
    stale = [path for path, text in written().items() if text != path.read_text(encoding="utf-8")]
    assert [] == [str(path.relative_to(ROOT)) for path in stale]


@pytest.mark.parametrize("name", HELIOS)
def test_every_kustomization_makes_one_helios(name: str) -> None:
    """Its namespace, its resource, its pod, its rights, and what others need to find it."""
    kinds = {(one["kind"], one["metadata"]["name"]) for one in built(name)}
    assert {
        ("Namespace", "helios"),
        ("CustomResourceDefinition", "heliostargets.helios.dev"),
        ("ServiceAccount", "helios"),
        ("ClusterRole", "helios"),
        ("ClusterRoleBinding", "helios"),
        ("Service", "helios-inference"),
        ("NetworkPolicy", "helios"),
        ("PodDisruptionBudget", "helios"),
        ("StatefulSet", "helios"),
    } <= kinds


def test_the_resource_that_is_applied_is_the_one_that_helios_prints() -> None:
    """Whichever way it came into the cluster."""
    assert crd() == named(built("base"), "CustomResourceDefinition", "heliostargets.helios.dev")


@pytest.mark.parametrize("name", BUILDS)
def test_every_object_is_small_enough_for_kubectl_apply(name: str) -> None:
    """A dashboard that outgrows the annotation would be refused."""
    assert [] == [
        (one["kind"], one["metadata"]["name"]) for one in built(name) if len(json.dumps(one)) > APPLIED_BYTES
    ]


@pytest.mark.parametrize("name", BUILDS)
def test_no_overlay_makes_a_namespace_that_is_not_its_own(name: str) -> None:
    """`kubectl delete -k` would delete it, and with it whatever else lives there."""
    expected = ["keda"] if name == "keda" else ["helios"]
    assert expected == [one["metadata"]["name"] for one in of_kind(built(name), "Namespace")]


def test_a_changed_setting_is_another_pod() -> None:
    """The ConfigMap's name goes with its content, so the StatefulSet rolls out what was changed."""
    names = {name: _config_map(name) for name in ("base", "overlays/gmp", "overlays/grafana")}
    assert all(re.fullmatch(r"helios-config-[a-z0-9]{10}", one) for one in names.values())
    assert names["base"] == names["overlays/grafana"] != names["overlays/gmp"]


def test_the_alerts_are_the_same_on_every_stack() -> None:
    """One source, three forms: a rule file, a PrometheusRule, ClusterRules."""
    source = yaml.safe_load((ROOT / "alerts" / "helios-rules.yaml").read_text(encoding="utf-8"))
    (rule,) = of_kind(built("overlays/saleor"), "PrometheusRule")
    (cluster,) = of_kind(built("overlays/gmp"), "ClusterRules")
    assert source["groups"] == rule["spec"]["groups"] == cluster["spec"]["groups"]


def test_each_dashboard_is_a_config_map_that_the_sidecar_finds() -> None:
    """By its label; the JSON is the one in dashboards/."""
    files = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "dashboards").glob("*.json")}
    found = [
        one
        for one in of_kind(built("overlays/grafana"), "ConfigMap")
        if "grafana_dashboard" in one["metadata"].get("labels", {})
    ]
    assert len(files) == 4
    assert files == {name: text for one in found for name, text in one["data"].items()}
    assert {"1"} == {one["metadata"]["labels"]["grafana_dashboard"] for one in found}


def test_the_shop_is_watched_and_not_touched() -> None:
    """Three targets, all in Observe."""
    targets = of_kind(built("overlays/saleor"), "HeliosTarget")
    assert {"saleor-api", "saleor-worker", "saleor-dashboard"} == {one["metadata"]["name"] for one in targets}
    assert {("saleor", "Observe")} == {(one["metadata"]["namespace"], one["spec"]["mode"]) for one in targets}


def test_alerts_of_the_shop_and_of_helios_itself_both_have_a_route() -> None:
    """An AlertmanagerConfig sees the alerts of its own namespace alone."""
    found = of_kind(built("overlays/saleor"), "AlertmanagerConfig")
    assert ["helios", "saleor"] == sorted(one["metadata"]["namespace"] for one in found)
    for one in found:
        receivers = {receiver["name"] for receiver in one["spec"]["receivers"]}
        assert receivers == {
            one["spec"]["route"]["receiver"],
            *(r["receiver"] for r in one["spec"]["route"]["routes"]),
        }
        assert "{{ template" not in json.dumps(one["spec"])


def test_dev_keeps_nothing_and_says_everything() -> None:
    """No claim, debug logs, half the memory."""
    build = built("overlays/dev")
    assert "volumeClaimTemplates" not in named(build, "StatefulSet", "helios")["spec"]
    assert {"name": "state", "emptyDir": {}} in pod(build)["spec"]["volumes"]
    assert {"DEBUG"} == {environment(build, one)["HELIOS_LOG_LEVEL"] for one in containers(build).values()}


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_readme_says_what_each_overlay_is(name: str) -> None:
    """In its table."""
    assert f"| `overlays/{name}` |" in (KUSTOMIZE / "README.md").read_text(encoding="utf-8")


def _config_map(name: str) -> str:
    (volume,) = [one for one in pod(built(name))["spec"]["volumes"] if one["name"] == "config"]
    found: str = volume["configMap"]["name"]
    return found
