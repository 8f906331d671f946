"""The ClusterRole of docs/adopt.md is what import, doctor and release ask of the API server: all of it, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from helios.cli import app
from helios.operator.clusters import Cluster
from tests.docs.pages import ROOT, Page
from tests.doctor.apis import ADMIN, Hospital, lease
from tests.imports.objects import hpa, scaled, trigger
from tests.operator.adopted import HPAS, SCALED_OBJECTS, overwritten, taken
from tests.operator.api_handlers import Asked
from tests.operator.api_stores import Kind
from tests.operator.objects import deployment, helios_target
from tests.operator.releasing import World
from tests.sources.web_servers import refused

Rights = set[tuple[str, str, str]]
JOBS = Kind("keda.sh/v1alpha1", "ScaledJob", "scaledjobs")
LIMITS = Kind("v1", "LimitRange", "limitranges")
KUBECTL = {("helios.dev", "heliostargets", verb) for verb in ("get", "watch", "patch")}
"""What `kubectl get`, `patch` and `wait` ask, which the page has typed."""
EVERYBODYS = {"discovery", "selfsubjectreviews", "selfsubjectaccessreviews"}
"""Granted to whoever has logged in: system:discovery, system:basic-user."""


def granted() -> Rights:
    """Group, resource and verb of every rule that the page shows."""
    (role,) = [
        yaml.safe_load(text)
        for text in Page(ROOT / "docs" / "adopt.md").blocks("yaml")
        if "ClusterRole" in text
    ]
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def asked(requests: Iterable[Asked]) -> Rights:
    """The same of what was asked, but for what everybody may."""
    found = set()
    for one in requests:
        if one.resource not in EVERYBODYS:
            _, root, group, *_ = one.path.split("/")
            is_scale = one.resource.endswith("/scale")
            found.add(
                ("*", "*/scale", one.verb)
                if is_scale
                else ("" if root == "api" else group, one.resource, one.verb)
            )
    return found


def typed(api: Hospital, folder: Path, *arguments: str) -> None:
    """A command, as a person types it; what it finds is not the matter here."""
    CliRunner().invoke(app, arguments, env={"KUBECONFIG": str(api.kube_config(folder)), "NO_COLOR": "1"})


def imported(folder: Path) -> Rights:
    """What `helios import` asks."""
    with Hospital() as api:
        api.store.kinds.append(JOBS)
        api.store.put(hpa("web"), scaled(trigger(), name="queue"))
        typed(api, folder, "import", "--url", refused())
        assert 2 == len(api.store.all("heliostargets"))
        typed(api, folder, "import", "--namespace", "nowhere")
        return asked(api.requests)


def examined(folder: Path, kind: str) -> Rights:
    """What `helios doctor` asks where Helios is installed, with a lease, and credentials of such a kind for KEDA."""
    settings = folder / "helios.yaml"
    settings.write_text(
        yaml.safe_dump(
            {
                "operator": {"lease": {"name": "helios", "namespace": "helios"}},
                "keda": {
                    "server_address": "https://prometheus.example.com",
                    "authentication_ref": {"name": "prometheus", "kind": kind},
                },
            }
        )
    )
    with Hospital() as api:
        api.store.kinds.append(LIMITS)
        api.user = ADMIN
        target = helios_target("web", mode="Autoscale")
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "helios", "namespace": "helios"},
        }
        api.store.put(hpa("calm"), deployment("calm"), deployment("web"), target, lease(1), account)
        typed(api, folder, "doctor", "--config", str(settings))
        return asked(api.requests)


def released() -> Rights:
    """What `helios release` asks: of an HPA and of a ScaledObject, of those that are gone, and of an offer."""
    found: Rights = set()
    for scene in ("hpa", "hpa gone", "scaled object", "scaled object gone", "offer"):
        with Hospital() as api, Cluster.of(api.configuration(), seconds=2.0) as cluster:
            world = World(api, cluster)
            if scene == "offer":
                world.managed("web", mode="Recommend", form="paused")
            else:
                world.adopted(overwritten if scene.startswith("scaled object") else taken)
            if scene.endswith("gone"):
                api.store.remove(
                    *((HPAS, "web-cpu") if scene.startswith("hpa") else (SCALED_OBJECTS, "web-so"))
                )
            api.requests.clear()
            assert all(done for done, _ in world.release().values())
            found |= asked(api.requests)
    return found


@pytest.fixture(scope="module")
def needed(tmp_path_factory: pytest.TempPathFactory) -> Rights:
    """All that the three ask."""
    folder = tmp_path_factory.mktemp("home")
    kinds = ("TriggerAuthentication", "ClusterTriggerAuthentication")
    return imported(folder) | released() | set().union(*(examined(folder, kind) for kind in kinds))


def test_the_role_shown_is_enough(needed: Rights) -> None:
    """Nobody who has it is told Forbidden."""
    assert set() == needed - granted()


def test_the_role_shown_grants_nothing_that_is_not_asked(needed: Rights) -> None:
    """But what kubectl asks in the commands of the page."""
    assert set() == granted() - needed - KUBECTL
