"""What docker-compose.yml starts, started: Helios from the image as its service says, Debian's Prometheus and Alertmanager beside it.

There is no container engine here: Helios runs in a container of our own making (`runs.py`), the others as processes with their
service's command and files. Only addresses and the paths of volumes are replaced. Grafana cannot be had.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from helios.demos.saleor import FLEET
from scripts.dashboards.queries import FOREIGN, LATENCY_BUCKETS, REQUESTS
from tests.cluster.images import Image
from tests.cluster.processes import LOOPBACK, Process, free_port
from tests.cluster.waits import wait_until
from tests.dashboards.queries import NEEDS_OPERATOR, NEEDS_STATE, UIDS, Window, dashboard, executed, failing
from tests.image import composes
from tests.image.runs import Container

pytestmark = [pytest.mark.image, pytest.mark.timeout(1800)]

START_SECONDS = 400.0
"""Three days of the trace are walked through first: half a minute on two idle processors."""

LOAD_SECONDS = 120
DAY = 86_400.0
SCRAPE_SECONDS = 30.0
CYCLE_SECONDS = 300.0
SEEN_SECONDS = 60.0
"""Groups of rules that are evaluated more seldom than this are not waited for."""

OF_THE_TRACE = {
    "HeliosAnomalyCritical",
    "HeliosAnomalyWarning",
    "HeliosForecastWithoutSkill",
    "HeliosPredictedCpuSaturation",
    "HeliosPredictedMemorySaturation",
    "HeliosRecommendationAboveMaximum",
}
"""What they tell is true of the recorded workloads."""


TRAIN_SECONDS = 600
BINARIES = {"prometheus": "prometheus", "alertmanager": "prometheus-alertmanager"}
WITHOUT = {*FOREIGN, *NEEDS_OPERATOR, *NEEDS_STATE, LATENCY_BUCKETS, REQUESTS}
HEALTH = {"prometheus": "/-/ready", "alertmanager": "/-/ready"}


@dataclass
class Stack:
    """The running services.

    Attributes:
        project: the parsed file.
        container: of Helios; another command in it shares its volumes.
        addresses: service -> address:port.
        data: Prometheus' volume.
    """

    project: Mapping[str, Any]
    container: Container
    addresses: Mapping[str, str]
    data: Path

    def get(self, service: str, path: str) -> Any:
        """What a service answers."""
        return httpx.get(f"http://{self.addresses[service]}{path}", timeout=10).raise_for_status().json()

    def health(self, service: str) -> list[str]:
        """The command of its health check, asked at the address that it has here."""
        kind, *command = self.project["services"][service]["healthcheck"]["test"]
        assert kind == "CMD"
        port = self.project["services"][service]["ports"][0]["target"]
        return [part.replace(f"{LOOPBACK}:{port}", self.addresses[service]) for part in command]


@pytest.fixture(scope="module")
def stack(files: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All of them, for the tests of this file."""
    if lacks := composes.lacks():
        pytest.fail(lacks) if os.environ.get("CI") == "true" else pytest.skip(lacks)
    project = composes.project(composes.FILE)
    folder = tmp_path_factory.mktemp("compose")
    for above in (folder, folder.parent):
        above.chmod(0o711)
    addresses = {name: f"{LOOPBACK}:{free_port()}" for name in ("helios", *BINARIES)}
    container = contained(project["services"]["helios"], files, folder / "helios")
    given = [
        part.replace("helios:8080", addresses["helios"]) for part in project["services"]["helios"]["command"]
    ]
    command = container.command(*given, "--port", addresses["helios"].split(":")[1])
    ready = answers(f"http://{addresses['helios']}/ready")
    with ExitStack() as running:
        running.enter_context(Process("helios", command, folder, ready=ready, seconds=START_SECONDS))
        for name in BINARIES:
            (folder / name).mkdir()
        there = Stack(project, container, addresses, folder / "prometheus" / "data")
        assert 0 == load(there).returncode
        for name in BINARIES:
            running.enter_context(process(name, project["services"][name], folder / name, addresses))
        yield there


def contained(service: composes.Service, image: Image, folder: Path) -> Container:
    """A service of the image's: its environment, its files, and its volumes and memory as what can be written to."""
    volumes = [one["target"] for one in service["volumes"] if one["type"] == "volume"]
    environment = service.get("environment") or {}
    folder.mkdir()
    return Container(
        image, folder, seen=composes.binds(service), environment=environment,
        entrypoint=service["entrypoint"], writable=[*service["tmpfs"], *volumes],
    )  # fmt: skip


def process(name: str, service: composes.Service, folder: Path, addresses: Mapping[str, str]) -> Process:
    """Debian's program with a service's own command and files."""
    ports = {"helios": 8080, "prometheus": 9090, "alertmanager": 9093}
    others = {f"{other}:{ports[other]}": address for other, address in addresses.items()}
    places = composes.laid_out(service, folder, others)
    volumes = {one["target"] for one in service["volumes"] if one["type"] == "volume"}
    command = [BINARIES[name], *service["command"], f"--web.listen-address={addresses[name]}"]
    for target, place in {**places, **dict.fromkeys(volumes, folder / "data")}.items():
        command = [part.replace(f"={target}", f"={place}") for part in command]
    return Process(name, command, folder, ready=answers(f"http://{addresses[name]}{HEALTH[name]}"))


def load(stack: Stack) -> subprocess.CompletedProcess[str]:
    """The one-shot service that loads the past, with Debian's promtool: its own script, on the volumes as they are here."""
    past = stack.project["services"]["past"]
    places = {"/prometheus": stack.data, "/past": stack.container.volume("/var/lib/helios")}
    assert set(places) == {one["target"] for one in past["volumes"]}
    script = past["command"][0]
    for target, place in places.items():
        script = re.sub(rf"(?<=\s){target}\b", str(place), script)
    return subprocess.run(
        [*past["entrypoint"], script], capture_output=True, text=True, timeout=LOAD_SECONDS, check=False
    )


def answers(url: str) -> Callable[[], bool]:
    """Whether it does, with 200."""
    return lambda: httpx.get(url, timeout=5).status_code == 200


def value(stack: Stack, query: str) -> Mapping[str, float]:
    """Deployment -> value of an instant query."""
    found = httpx.get(f"http://{stack.addresses['prometheus']}/api/v1/query", params={"query": query}).json()
    return {one["metric"].get("deployment", ""): float(one["value"][1]) for one in found["data"]["result"]}


def test_prometheus_has_every_gauge_of_the_shop_at_once(stack: Stack) -> None:
    """Under the workloads' own namespace: a newcomer's dashboards are not empty."""
    fleet = {service.name for service in FLEET}
    query = 'helios_recommended_replicas{namespace="saleor"}'
    seen = wait_until(lambda: value(stack, query), 60, "Helios was scraped", accept=lambda v: fleet == set(v))
    assert all(replicas >= 2 for replicas in seen.values())
    wait_until(
        lambda: value(stack, 'up{job="helios"}'), 60, "Helios is up", accept=lambda up: [1] == [*up.values()]
    )
    ago = value(stack, 'time() - timestamp(helios_cycles_total{job="helios"})')
    assert max(ago.values()) < 2 * SCRAPE_SECONDS


@pytest.mark.parametrize("uid", UIDS)
def test_every_dashboard_shows_a_day_at_the_first_look(stack: Stack, uid: str) -> None:
    """Predictions moved by their horizon too. Only what nobody has asked yet, the API's latency, and what a cluster tells is empty."""
    window = Window(time.time(), DAY, SCRAPE_SECONDS)
    found = executed(dashboard(uid), f"http://{stack.addresses['prometheus']}", window, without=WITHOUT)
    assert [] == failing(found)


def test_a_prediction_stands_beside_what_came(stack: Stack) -> None:
    """In the last day, half an hour ahead; moved by sixty times as much, as a replay at speed would show it, it is far off."""
    right, wrong = (errors(stack, offset) for offset in ("30m", "30h"))
    assert {"saleor-api", "saleor-dashboard", "saleor-worker"} == right.keys() == wrong.keys()
    assert max(right.values()) < 0.5
    assert sum(right.values()) < 0.7 * sum(wrong.values())


def errors(stack: Stack, offset: str) -> Mapping[str, float]:
    """The mean relative error over a day of what was predicted half an hour ahead, moved by `offset`."""
    predicted = f'helios_predicted_demand{{metric="cpu",horizon="30m",quantile="0.5"}} offset {offset}'
    one = f'max by (deployment) ({predicted}) / max by (deployment) (helios_demand{{metric="cpu"}})'
    return value(stack, f"avg_over_time(abs(1 - {one})[20h:5m])")


def test_what_is_scraped_goes_on_where_the_past_ends(stack: Stack) -> None:
    """The same series, without a gap that Prometheus would see, and counted once."""
    lived = value(stack, "count_over_time(max by (deployment) (helios_scaling_signal)[2d:5m])")
    assert {service.name for service in FLEET} == lived.keys()
    assert min(lived.values()) >= 2 * DAY / 300 - 1
    assert {1.0} == set(value(stack, "count by (deployment) (helios_scaling_signal)").values())


def test_in_a_healthy_demo_no_alert_says_that_helios_is_ill(stack: Stack) -> None:
    """Neither now nor in the day that is shown; what the trace does (an anomaly, memory above its request) may be told."""
    groups = stack.get("prometheus", "/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"] if rule["type"] == "alerting"]
    own = [rule for rule in rules if rule["name"] not in OF_THE_TRACE]
    assert {"HeliosAbsent", "HeliosLoopStalled", "HeliosTargetStale"} <= {rule["name"] for rule in own}
    assert [] == [rule["name"] for rule in own if rule["state"] == "firing" or fired(stack, rule)]


def fired(stack: Stack, rule: Mapping[str, Any]) -> bool:
    """Whether the alert would have fired in the last day: its expression held for as long as it must."""
    end = time.time()
    asked = {"query": rule["query"], "start": end - DAY, "end": end, "step": CYCLE_SECONDS}
    url = f"http://{stack.addresses['prometheus']}/api/v1/query_range"
    found = httpx.post(url, data=asked, timeout=60).raise_for_status().json()["data"]["result"]
    for series in found:
        times = [float(when) for when, _ in series["values"]]
        since = times[0]
        for earlier, later in itertools.pairwise([times[0], *times]):
            since = later if later - earlier > CYCLE_SECONDS else since
            if later - since >= rule["duration"]:
                return True
    return False


def test_a_prometheus_that_has_run_is_left_alone(stack: Stack) -> None:
    """`docker compose up` a second time: the past is in it already."""
    before = sorted(path.name for path in stack.data.iterdir())
    assert (0, "") == ((ran := load(stack)).returncode, ran.stdout)
    assert before == sorted(path.name for path in stack.data.iterdir())


def test_prometheus_evaluates_the_alerts_and_knows_its_alertmanager(stack: Stack) -> None:
    """Each rule without an error, on the gauges that Helios really has."""
    rules = wait_until(
        lambda: [
            rule
            for group in stack.get("prometheus", "/api/v1/rules")["data"]["groups"]
            if group["interval"] <= SEEN_SECONDS
            for rule in group["rules"]
        ],
        60, "all rules were evaluated", accept=lambda rules: rules and all(one["health"] != "unknown" for one in rules),
    )  # fmt: skip
    assert {"ok"} == {rule["health"] for rule in rules}
    known = stack.get("prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
    assert [f"http://{stack.addresses['alertmanager']}/api/v2/alerts"] == [one["url"] for one in known]


@pytest.mark.parametrize("name", sorted(BINARIES))
def test_the_health_check_of_a_pulled_image_passes(stack: Stack, name: str) -> None:
    """The tool is in the same image as the server."""
    ran = subprocess.run(stack.health(name), capture_output=True, text=True, timeout=30, check=False)
    assert 0 == ran.returncode, ran.stdout + ran.stderr


def test_the_health_check_of_helios_passes_and_fails_where_nothing_answers(stack: Stack) -> None:
    """It is run inside the container, as its user."""
    inside = Container(stack.container.image, stack.container.folder / "health", entrypoint=())
    command = stack.health("helios")
    assert 0 == inside.run(*command).returncode
    elsewhere = [part.replace(stack.addresses["helios"], f"{LOOPBACK}:{free_port()}") for part in command]
    assert 1 == inside.run(*elsewhere).returncode


def test_a_model_that_was_trained_beside_it_is_taken_by_the_running_helios(stack: Stack) -> None:
    """`docker compose run --rm train`: a version in the shared volume, found without a restart."""
    train = stack.project["services"]["train"]
    beside = contained(train, stack.container.image, stack.container.folder / "train")
    volume, shared = beside.volume("/app"), stack.container.volume("/app")
    volume.rmdir()
    volume.symlink_to(shared)
    ran = subprocess.run(
        [*beside.command(*train["command"], "--json")],
        capture_output=True, text=True, timeout=TRAIN_SECONDS, check=False,
    )  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr  # 1: no better than the bundled, which has seen this trace
    version = json.loads(ran.stdout)["version"]
    assert (shared / "models" / "fleet" / version / "metadata.json").exists()
    wait_until(
        lambda: [one["version"] for one in stack.get("helios", "/models")["models"] if one["name"] == "fleet"],
        60, "Helios lists it", accept=lambda versions: version in versions,
    )  # fmt: skip
