"""Five hundred targets: what one cycle asks of the API server and of Prometheus."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cluster.conftest import Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import steady
from tests.cluster.helioses import STEP_SECONDS, USER, Helios, helios_target, install
from tests.cluster.manifests import deployment
from tests.cluster.prometheuses import Prometheus
from tests.cluster.shops import Shop
from tests.cluster.waits import wait_until

pytestmark = pytest.mark.timeout(900)

TARGETS = 500
CYCLES = 8


def questions(prometheus: Prometheus) -> float:
    """How many queries a Prometheus has answered."""
    text = httpx.get(f"{prometheus.url}/metrics", trust_env=False).text
    found = re.findall(
        r'^prometheus_http_requests_total\{.*handler="/api/v1/query(?:_range)?".*\} (\S+)$',
        text,
        re.MULTILINE,
    )
    return sum(map(float, found))


def cycles(helios: Helios) -> float:
    """How many cycles were run."""
    return float(re.findall(r"^helios_cycles_total (\S+)$", helios.metrics(), re.MULTILINE)[0])


@pytest.fixture
def helios(
    plane: ControlPlane, shop: Shop, namespace: str, prometheus: Prometheus, tmp_path: Path
) -> Iterator[Helios]:
    """A Helios that knows of all five hundred."""
    install(plane)
    names = [f"web-{i}" for i in range(TARGETS)]
    for name in names:
        shop.open(namespace, name, steady(0.2))
    plane.apply(*(deployment(namespace, name) for name in names))
    plane.apply(*(helios_target(namespace, name) for name in names))
    with Helios(plane, prometheus, tmp_path, operator={"status_seconds": 300}) as started:
        yield started
        plane.kubectl("delete", "heliostargets", "--all", "--namespace", namespace, "--wait=false")
        wait_until(
            lambda: plane.api.objects("HeliosTarget", namespace), 120, "all gone", accept=lambda ht: not ht
        )


def test_a_cycle_over_five_hundred_targets_costs_a_handful_of_requests(
    plane: ControlPlane, namespace: str, prometheus: Prometheus, helios: Helios, tell: Tell
) -> None:
    """Lists in pages, a few queries for all, and no PATCH from a steady fleet."""

    def ready() -> int:
        rows = plane.api.objects("HeliosTarget", namespace)
        return sum(
            c["status"] == "True"
            for row in rows
            for c in row.get("status", {}).get("conditions", [])
            if c["type"] == "Ready"
        )

    wait_until(ready, 240, "all are scored", accept=lambda n: n == TARGETS, every=2)

    def quiet() -> bool:
        since = plane.audit.mark()
        time.sleep(4 * STEP_SECONDS)
        return {"patch", "create"}.isdisjoint(r.verb for r in plane.audit.requests(user=USER, since=since))

    wait_until(quiet, 240, "the past of every target has been walked through, and told")
    mark, asked, began = plane.audit.mark(), questions(prometheus), cycles(helios)
    wait_until(lambda: cycles(helios) - began, 300, "cycles", accept=lambda n: n >= CYCLES, every=1)
    count, asked = cycles(helios) - began, questions(prometheus) - asked
    requests = plane.audit.requests(user=USER, since=mark)
    per_cycle = Counter((r.verb, r.resource) for r in requests if r.verb != "watch")
    figures = {
        "targets": TARGETS,
        "cycles": count,
        "api_requests_per_cycle": {
            f"{v} {r}": round(n / count, 2) for (v, r), n in sorted(per_cycle.items())
        },
        "prometheus_queries_per_cycle": round(asked / count, 2),
        "cycle_seconds": float(
            re.findall(r"^helios_cycle_duration_seconds (\S+)$", helios.metrics(), re.MULTILINE)[0]
        ),
    }
    tell(figures)
    assert [] == plane.audit.forbidden(user=USER, since=mark)
    assert {"list"} == {verb for verb, _ in per_cycle}
    assert sum(per_cycle.values()) / count < 6
    assert asked / count < 15
