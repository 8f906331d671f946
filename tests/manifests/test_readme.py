"""What the README tells people to write works as it is written there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.cluster.overlays import KUSTOMIZE
from tests.manifests.builds import Build, containers, environment, kubectl, loaded
from tests.manifests.test_schemas import validators

ROOT = Path(__file__).parents[2]
README = KUSTOMIZE / "README.md"

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A kustomization of the user's own, with base's settings beside it."""
    shutil.copy(KUSTOMIZE / "base" / "config.yaml", tmp_path)
    return tmp_path


def test_an_overlay_of_ones_own_has_ones_own_image_and_pace(folder: Path) -> None:
    """The README's example, on base and two components."""
    build = made(folder, snippet("my/kustomization.yaml"))
    assert {"registry.example/helios:0.1.0"} == {one["image"] for one in containers(build).values()}
    assert "60" == environment(build, containers(build)["operator"])["HELIOS_SCORING_INTERVAL"]
    assert {"PodMonitor", "PrometheusRule", "StatefulSet"} <= {one["kind"] for one in build}


def test_ones_own_google_project_is_the_one_that_is_asked(folder: Path) -> None:
    """The README's line over the overlay for Google."""
    over = {"resources": ["../helios/deploy/kustomize/overlays/gmp"], **yaml.safe_load(snippet("my-project"))}
    build = made(folder, yaml.safe_dump(over))
    assert "my-project" == environment(build, containers(build)["operator"])["GCP_PROJECT_ID"]


def test_the_scrape_job_is_one_that_prometheus_takes(folder: Path, needs: Callable[[str], str]) -> None:
    """And honours the labels. Debian's Prometheus is built without Kubernetes, so how pods are found is not looked at."""
    (job,) = yaml.safe_load(snippet("job_name"))
    assert job["honor_labels"]
    assert [{"role": "pod", "namespaces": {"names": ["helios"]}}] == job.pop("kubernetes_sd_configs")
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump({"scrape_configs": [job]}), encoding="utf-8")
    subprocess.run(
        [needs("promtool"), "check", "config", str(file)], check=True, capture_output=True, timeout=30
    )


def test_googles_alertmanager_takes_what_is_made_for_it(folder: Path, needs: Callable[[str], str]) -> None:
    """By the README's own commands: one file, no template, no secret in another file, every receiver that alerts are sent to."""
    (text,) = [
        one for one in re.findall(r"```sh\n(.*?)```", README.read_text("utf-8"), re.DOTALL) if "grep" in one
    ]
    command, create = text.rsplit("\n", 2)[:2]
    assert create.endswith("--from-file=alertmanager.yaml")
    shutil.copytree(ROOT / "alerts", folder / "alerts")
    subprocess.run(["sh", "-ec", command], cwd=folder, check=True, timeout=30)
    shutil.rmtree(folder / "alerts")
    said = subprocess.run(
        [needs("amtool"), "check-config", "alertmanager.yaml"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout
    assert "0 templates" in said
    source = yaml.safe_load((ROOT / "alerts" / "alertmanager-config.yaml").read_text(encoding="utf-8"))
    made = yaml.safe_load((folder / "alertmanager.yaml").read_text(encoding="utf-8"))
    assert source["route"] == made["route"]
    assert source["inhibit_rules"] == made["inhibit_rules"]
    used = [one for one in made["receivers"] if not one["name"].startswith("example-")]
    assert "_file" not in yaml.safe_dump(used)
    assert "https://hooks.slack.com/services/YOURS" in yaml.safe_dump(used)


def test_an_alertmanager_of_ones_own_is_one_that_google_can_be_told_of(kinds: list[Path]) -> None:
    """The README's OperatorConfig fits its CRD, and names the Alertmanager in full."""
    body = yaml.safe_load(snippet("OperatorConfig"))
    problems = validators(tuple(kinds))[body["apiVersion"], body["kind"]].iter_errors(body)
    assert [] == [one.message for one in problems]
    (one,) = body["rules"]["alerting"]["alertmanagers"]
    assert {"name", "namespace", "port"} == one.keys()


def test_every_link_leads_to_a_file() -> None:
    """Of this repository."""
    links = re.findall(r"\]\(([^)]+)\)", README.read_text(encoding="utf-8"))
    assert links
    assert [] == [link for link in links if not (KUSTOMIZE / link.partition("#")[0]).exists()]


def snippet(word: str) -> str:
    """The only YAML of the README with this word in it."""
    found = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (one,) = [text for text in found if word in text]
    return str(one)


def made(folder: Path, text: str) -> Build:
    """What kustomize makes of it, with the checkout where the README has `../helios`."""
    here = os.path.relpath(ROOT, folder.resolve())
    (folder / "kustomization.yaml").write_text(text.replace("../helios", here), encoding="utf-8")
    command = [str(kubectl()), "kustomize", str(folder)]
    return loaded(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
