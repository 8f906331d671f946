"""docker-compose.yml: as the real parser reads it, and its configuration as the real programs do."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from helios.settings import load_settings
from tests.image import builds, composes

pytestmark = pytest.mark.integration

Needs = Callable[[str], str]
SERVICES = ("alertmanager", "grafana", "helios", "prometheus")
EVERY = (*SERVICES, "past", "train")


@pytest.fixture(scope="module")
def project() -> Mapping[str, Any]:
    """The parsed file; skipped with one line where the parser cannot be built, a failure in CI."""
    if lacks := composes.lacks():
        if os.environ.get("CI") == "true":
            pytest.fail(lacks)
        pytest.skip(lacks)
    return composes.project(composes.FILE)


def test_the_services_are_those_that_the_page_promises(project: Mapping[str, Any]) -> None:
    """Four that stay, one that loads the past and is done, and one that trains when it is asked to."""
    assert set(EVERY) == set(project["services"])
    assert ["train"] == project["services"]["train"]["profiles"]


@pytest.mark.parametrize("name", EVERY)
def test_no_service_can_do_more_than_it_must(project: Mapping[str, Any], name: str) -> None:
    """A root file system that cannot be written to, no capability, and no way to get one."""
    service = project["services"][name]
    assert service["read_only"]
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", SERVICES)
def test_each_is_asked_for_its_health_and_reached_from_this_machine_alone(
    project: Mapping[str, Any], name: str
) -> None:
    """`docker compose ps` tells what works, and no network sees a port."""
    service = project["services"][name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"127.0.0.1"} == {port["host_ip"] for port in service["ports"]}


@pytest.mark.parametrize("name", ["alertmanager", "grafana", "past", "prometheus"])
def test_what_is_pulled_is_pinned_by_version_and_digest(project: Mapping[str, Any], name: str) -> None:
    """A tag may become another image tomorrow."""
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", project["services"][name]["image"])


def test_what_is_mounted_is_in_the_repository_and_read_only(project: Mapping[str, Any]) -> None:
    """Docker makes an empty folder of a file that is not there, and says nothing."""
    for service in project["services"].values():
        for one in service.get("volumes", []):
            if one["type"] == "bind":
                assert Path(one["source"]).exists(), one["source"]
                assert Path(one["source"]).is_relative_to(builds.ROOT)
                assert one["read_only"], one["source"]


def test_helios_and_the_training_share_the_models(project: Mapping[str, Any]) -> None:
    """Where the one writes, the other looks; the folder itself is not there before the first training."""
    helios, train = (project["services"][name] for name in ("helios", "train"))
    volumes = [
        {one["source"]: one["target"] for one in service["volumes"] if one["type"] == "volume"}
        for service in (helios, train)
    ]
    assert "/app" == volumes[0]["models"] == volumes[1]["models"]
    assert ["helios", "train", "--out", "/app/models"] == train["entrypoint"]
    assert helios["image"] == train["image"]
    assert helios["build"] == train["build"]


def test_prometheus_starts_when_the_past_is_there(project: Mapping[str, Any]) -> None:
    """Helios has written it, the tool of the very same Prometheus has loaded it: only then is anything scraped."""
    past, prometheus = (project["services"][name] for name in ("past", "prometheus"))
    assert "service_healthy" == past["depends_on"]["helios"]["condition"]
    assert "service_completed_successfully" == prometheus["depends_on"]["past"]["condition"]
    assert (prometheus["image"], "no") == (past["image"], past["restart"])
    assert ["/tmp"] == past["tmpfs"]  # noqa: S108 - a path of the container, which promtool writes to
    volumes = {one["source"]: one for one in past["volumes"]}
    assert volumes["state"]["read_only"]
    assert f"--storage.tsdb.path={volumes['prometheus']['target']}" in prometheus["command"]


def test_grafana_is_told_how_often_prometheus_scrapes(project: Mapping[str, Any]) -> None:
    """Its rates are over windows of several scrapes; a wrong number makes them empty."""
    config = composes.binds(project["services"]["prometheus"])["/etc/prometheus/prometheus.yml"]
    provisioned = composes.binds(project["services"]["grafana"])
    [source] = yaml.safe_load(provisioned["/etc/grafana/provisioning/datasources/helios.yaml"].read_text())[
        "datasources"
    ]
    scraped = yaml.safe_load(config.read_text())["global"]["scrape_interval"]
    assert scraped == source["jsonData"]["timeInterval"]


def test_prometheus_takes_its_configuration_and_the_alerts(
    project: Mapping[str, Any], tmp_path: Path, needs: Needs
) -> None:
    """Promtool checks the file with the rules that it names, as they are mounted."""
    files = composes.laid_out(project["services"]["prometheus"], tmp_path)
    config = files["/etc/prometheus/prometheus.yml"]
    ran = subprocess.run(
        [needs("promtool"), "check", "config", config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert "1 rule files found" in ran.stdout


def test_alertmanager_takes_its_configuration_and_the_templates(
    project: Mapping[str, Any], tmp_path: Path, needs: Needs
) -> None:
    """Amtool checks the file beside the templates that it names."""
    files = composes.laid_out(project["services"]["alertmanager"], tmp_path)
    ran = subprocess.run(
        [needs("amtool"), "check-config", files["/etc/alertmanager/alertmanager.yml"]],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert "1 templates" in ran.stdout


def test_the_settings_for_metrics_of_ones_own_are_valid(project: Mapping[str, Any]) -> None:
    """Helios itself reads the file that a user edits."""
    settings = load_settings(composes.binds(project["services"]["helios"])["/etc/helios/config.yaml"], {})
    assert {"saleor-api", "saleor-worker"} == {one.deployment for one in settings.target_specs()}
    assert settings.prometheus.url is not None


def test_grafana_finds_prometheus_and_every_dashboard(project: Mapping[str, Any]) -> None:
    """The provider looks where the dashboards are mounted, and asks Prometheus by the name that it has in the network."""
    seen = composes.binds(project["services"]["grafana"])
    provisioning = "/etc/grafana/provisioning"
    [source] = yaml.safe_load(seen[f"{provisioning}/datasources/helios.yaml"].read_text())["datasources"]
    [provider] = yaml.safe_load(seen[f"{provisioning}/dashboards/helios.yaml"].read_text())["providers"]
    assert ("prometheus", "http://prometheus:9090", True) == (
        source["type"],
        source["url"],
        source["isDefault"],
    )
    dashboards = seen[provider["options"]["path"]]
    assert 4 == len(list(dashboards.glob("helios-*.json")))
    home = project["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (dashboards / Path(home).relative_to(provider["options"]["path"])).exists()
