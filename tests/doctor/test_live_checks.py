"""All live checks together: their order, their rules, and the doors that they open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helios.doctor.checks import Check, Skipped
from helios.doctor.doors import Doors
from helios.doctor.live_checks import NAMES, RULES, Terms, live_checks
from helios.errors import SettingsError
from helios.operator.clusters import Cluster
from helios.operator.resources import HeliosTarget
from helios.operator.scaledobjects import KedaDefaults
from helios.settings import Keda, Prometheus, Scoring, Settings
from helios.targets import QueryPolicy
from tests.doctor.apis import ADDRESS, Hospital
from tests.doctor.stores import Shelf
from tests.operator.objects import deployment, pod
from tests.operator.targets import body
from tests.sources.web_servers import serve

FOLDER = Path(__file__).parents[2] / "helios" / "doctor"
LIVE = (
    "installations",
    "prometheus_checks",
    "rights",
    "schemas",
    "scrapes",
    "series",
    "signals",
    "stores",
    "target_checks",
    "tenures",
)
"""Modules that find something in a running installation."""
TERMS = Terms(
    parse=lambda found: HeliosTarget.of(found, fill=dict, queries=QueryPolicy.REFUSED),
    keda=KedaDefaults(server_address=ADDRESS),
)


def nowhere() -> Cluster:
    """There is no cluster."""
    raise SettingsError("kube config ~/.kube/config: Invalid")


def test_the_cluster_says_which_workloads_prometheus_must_know() -> None:
    """Each check is told as it ends, in order; a healthy installation has no finding."""
    told: list[Check] = []
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    with serve(Shelf()) as served, Hospital() as api:
        api.store.put(deployment("web"), pod("web"), body("web", status=ready))
        settings = Settings(prometheus=Prometheus(url=served.url))
        with Doors(settings, lambda: Cluster.of(api.configuration(), seconds=2.0)) as doors:
            checks = live_checks(settings, doors, TERMS, tell=told.append)
    assert [] == [finding for check in checks for finding in check.findings]
    assert list(NAMES) == [check.name for check in checks]
    assert checks == told
    assert "1 of 1 running workload have samples" == checks[list(NAMES).index("prometheus-workloads")].said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param(
            Settings(scoring=Scoring(namespace="shop", deployment="web")),
            "1 of 1 running workload have samples",
            id="a target of the settings",
        ),
        pytest.param(
            Settings(), "no target is known whose workload runs: there is nothing to look for", id="none"
        ),
    ],
)
def test_without_a_cluster_the_settings_targets_are_looked_for(settings: Settings, said: str) -> None:
    """`helios run` scores those; the cluster's checks are skipped, which is no fault."""
    with serve(Shelf()) as served:
        settings = settings.model_copy(update={"prometheus": Prometheus(url=served.url)})
        with Doors(settings, nowhere) as doors:
            checks = {one.name: one for one in live_checks(settings, doors, TERMS)}
    assert [] == [finding for check in checks.values() for finding in check.findings]
    assert "kube config ~/.kube/config: Invalid" == checks["kubernetes"].said
    assert said == checks["prometheus-workloads"].said


def test_the_rules_are_those_that_the_checks_use() -> None:
    """What docs/doctor.md is held to names every rule, and no other."""
    sources = [(FOLDER / f"{name}.py").read_text(encoding="utf-8") for name in LIVE]
    used = {rule for text in sources for rule in re.findall(r'(?:rule=|_crd\()"([a-z-]+)"', text)}
    assert used == RULES


@pytest.mark.parametrize(
    ("keda", "reason"),
    [
        pytest.param(None, "keda.server_address is not set", id="none"),
        pytest.param(f"{ADDRESS}/", f"KEDA asks where Helios does: {ADDRESS}/", id="the same"),
    ],
)
def test_kedas_address_is_looked_at_where_it_is_another(keda: str | None, reason: str) -> None:
    """Nothing is asked twice."""
    settings = Settings(prometheus=Prometheus(url=ADDRESS), keda=Keda(server_address=keda))
    with Doors(settings, nowhere) as doors, pytest.raises(Skipped, match=re.escape(reason)):
        doors.keda()


def test_doors_are_opened_once_and_closed_together() -> None:
    """The lint of the cluster's objects shares the connection."""
    with serve(Shelf()) as served, Hospital() as api:
        settings = Settings(prometheus=Prometheus(url=served.url))
        with Doors(settings, lambda: Cluster.of(api.configuration())) as doors:
            cluster, store = doors.cluster(), doors.prometheus()
            assert cluster is doors.cluster()
            assert store is doors.prometheus()
            assert f"Prometheus {served.url}" == store.where
    with pytest.raises(Exception, match="closed"):
        cluster.version()
