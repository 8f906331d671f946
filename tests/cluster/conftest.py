"""The control plane of the whole session, and what each test gets of it. `make e2e` runs these; `make test` does not."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster import components
from tests.cluster.control_planes import ControlPlane
from tests.cluster.exhibits import present
from tests.cluster.helioses import install
from tests.cluster.kedas import Keda
from tests.cluster.meters import GROUP_VERSION, meter
from tests.cluster.places import Place
from tests.cluster.prometheuses import Prometheus
from tests.cluster.servers import Exporter, Server, texts
from tests.cluster.shops import Shop
from tests.cluster.waits import wait_until

FIGURES = "figures"
Tell = Callable[[Mapping[str, object]], None]
NewNamespace = Callable[[str], str]
NewPlace = Callable[[str], Place]
NewPrometheus = Callable[..., Prometheus]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a cluster."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker("cluster")


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of the built components; skipped with one line where this machine cannot, a failure in CI."""
    if lacks := components.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(lacks)
        pytest.skip(lacks)
    if not components.built():
        pytest.fail("the components are not built: run make e2e, or python -m tests.cluster.components")
    return components.folder()


@pytest.fixture(scope="session")
def plane(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane."""
    with ControlPlane(built / "bin", tmp_path_factory.mktemp("plane")) as started:
        yield started


@pytest.fixture(scope="session")
def keda(built: Path, plane: ControlPlane) -> Iterator[Keda]:
    """KEDA on it."""
    with Keda(plane, built / "bin", built / "keda") as started:
        yield started


@pytest.fixture(scope="session")
def shop(plane: ControlPlane) -> Iterator[Shop]:
    """The load; the HPA's cpu trigger reads it through metrics.k8s.io."""
    with Shop(plane.api) as opened, Server(meter(opened), tls=plane.certificate("meter")) as server:
        plane.aggregate(GROUP_VERSION, "kube-system", "metrics-server", server.port)
        wait_until(lambda: plane.serves(GROUP_VERSION), 60, "the shop's metrics are served", every=0.2)
        yield opened


@pytest.fixture(scope="session")
def exposition(shop: Shop) -> Iterator[Server]:
    """What cAdvisor and kube-state-metrics say of the shop: `/metrics/<namespace>`, or `/metrics` for all."""
    with Server(
        texts(lambda path: present(shop, path.removeprefix("/metrics").strip("/") or None))
    ) as server:
        yield server


@pytest.fixture(scope="session")
def new_namespace(plane: ControlPlane, shop: Shop) -> Iterator[NewNamespace]:
    """Makes a namespace with a name that begins so; all of them go at the end."""
    made: list[str] = []

    def make(begin: str) -> str:
        name = f"{re.sub('[^a-z0-9]+', '-', begin.lower())[:40].strip('-')}-{secrets.token_hex(3)}"
        plane.api.create("Namespace", {"metadata": {"name": name}})
        wait_until(
            lambda: plane.api.get("ServiceAccount", "default", name), 15, f"{name} is there", every=0.1
        )
        made.append(name)
        return name

    yield make
    for name in made:
        shop.close(name)


@pytest.fixture(scope="session")
def new_place(
    plane: ControlPlane,
    shop: Shop,
    exposition: Server,
    new_namespace: NewNamespace,
    tmp_path_factory: pytest.TempPathFactory,
) -> NewPlace:
    """Installs Helios' resource and rights, and makes a place for a scene: its namespace and its folder begin with a name."""

    def make(begin: str) -> Place:
        install(plane)
        return Place(plane, shop, exposition, new_namespace(begin), tmp_path_factory.mktemp(begin))

    return make


@pytest.fixture
def namespace(
    request: pytest.FixtureRequest, plane: ControlPlane, shop: Shop, new_namespace: NewNamespace
) -> Iterator[str]:
    """A namespace of the test's own, deleted after it (nobody waits for that)."""
    name = new_namespace(request.node.name.removeprefix("test_"))
    yield name
    shop.close(name)
    if plane.apiserver.running:
        plane.api.delete("Namespace", name)


@pytest.fixture
def new_prometheus(exposition: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewPrometheus]:
    """Starts a Prometheus that scrapes the shop's view of a namespace, after loading its past.

    `new_prometheus(namespace, history=None, scrape_seconds=1.0)`; `history` is a file of `exhibits.past`.
    """
    with ExitStack() as stack:

        def start(namespace: str, history: Path | None = None, scrape_seconds: float = 1.0) -> Prometheus:
            folder = tmp_path_factory.mktemp("prometheus")
            prometheus = Prometheus(folder, scrape_seconds=scrape_seconds)
            if history is not None:
                prometheus.load(history)
            prometheus.scrape("shop", exposition.address, f"/metrics/{namespace}")
            return stack.enter_context(prometheus)

        yield start


@pytest.fixture
def prometheus(namespace: str, new_prometheus: NewPrometheus) -> Prometheus:
    """A Prometheus without a past, for the test's own namespace."""
    return new_prometheus(namespace)


@pytest.fixture
def exporter(prometheus: Prometheus) -> Iterator[Exporter]:
    """Gauges that the test sets, scraped by its Prometheus."""
    with Exporter() as serving:
        prometheus.scrape("exporter", serving.address)
        yield serving


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Show measured figures at the end of the run, one JSON line each."""
    told: list[tuple[str, object]] = request.node.user_properties
    return lambda figures: told.append((FIGURES, json.dumps({"test": request.node.name, **figures})))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures that tests told, of every process."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, line in report.user_properties if report.when == "call" else ():
            if name == FIGURES:
                terminalreporter.write_line(str(line))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what was in its namespace."""
    report = yield
    found = getattr(item, "funcargs", {})
    if report.failed and "plane" in found and "namespace" in found and found["plane"].apiserver.running:
        for what in ("deploy,hpa,pods,events", "scaledobjects", "heliostargets"):
            try:
                shown = found["plane"].kubectl("get", what, "--namespace", found["namespace"])
            except AssertionError as problem:
                shown = str(problem)
            report.sections.append((f"{what} in its namespace", shown))
        report.sections.append(("KEDA's operator", found["keda"].operator.tail() if "keda" in found else ""))
    return report
