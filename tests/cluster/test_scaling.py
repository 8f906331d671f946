"""From `kubectl apply` to a scaled deployment: one shop under a replayed real trace, through Prometheus, KEDA and the HPA."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.cluster.conftest import NewPlace, Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import Demand, Interrupted, Traced, steady
from tests.cluster.exhibits import Past
from tests.cluster.helioses import (
    DAY_SECONDS,
    ROOT,
    SPEED,
    USER,
    Helios,
    condition,
    helios_target,
)
from tests.cluster.manifests import scaled_object
from tests.cluster.prometheuses import Prometheus
from tests.cluster.shops import Workload
from tests.cluster.waits import hold, wait_until

pytestmark = pytest.mark.timeout(900)

TRACE = ROOT / "helios" / "demos" / "trace.csv.gz"
RAMP = 1956 * 300
"""Trace seconds at which the morning begins: within six minutes at speed 60 demand is 3.7 times as much."""

RAMP_SECONDS = 390
REQUEST, LINE = 0.5, 0.9
START_SECONDS = 15.0


@dataclass(frozen=True)
class Scene:
    """Everything at once: one namespace, several workloads, one Helios."""

    namespace: str
    prometheus: Prometheus
    helios: Helios
    began: float
    workloads: dict[str, Workload]
    outage: Interrupted
    mark: int


@pytest.fixture(scope="module")
def scene(keda: object, new_place: NewPlace) -> Iterator[Scene]:
    """The past is loaded, the pods are there, Helios has its history; then the targets are applied."""
    place = new_place("scaling")
    plane, namespace = place.plane, place.namespace
    began = time.time() + 90
    ramp = Traced.of(
        "alibaba_cpu_util_percent", now=began, at=RAMP, low=1.0, high=8.0, speed=SPEED, trace=TRACE
    )
    calm = Traced.of("azure_cpu_usage", now=began, at=RAMP, low=2.6, high=3.4, speed=SPEED, trace=TRACE)
    outage = Interrupted(calm)
    curves: dict[str, Demand] = {
        "web": ramp,
        "twin": ramp,
        "watched": ramp,
        "worker": outage,
        "taken": steady(0.8),
        "saleor-api": steady(2.05),
    }
    with ExitStack() as stack:
        # 1 pods that serve
        first = {name: math.ceil(curve(began) / (REQUEST * LINE)) for name, curve in curves.items()}
        pods = {
            name: Past(replicas=count, request=REQUEST, limit=1.0, ready_after=START_SECONDS)
            for name, count in first.items()
        }
        workloads = place.serving(curves, pods)
        # 2 their past, up to now
        prometheus = Prometheus(place.folder / "prometheus")
        stack.enter_context(place.remembering(prometheus, workloads, pods, seconds=4 * DAY_SECONDS))
        time.sleep(10)
        # 3 who scales them
        cpu = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}
        plane.apply(
            scaled_object(namespace, "twin", [cpu], target="twin", most=20),
            scaled_object(namespace, "taken", [cpu], target="taken", most=20),
        )
        mark = plane.audit.mark()
        helios = stack.enter_context(place.helios(prometheus))
        plane.apply(
            helios_target(namespace, "web", mode="Autoscale"),
            helios_target(namespace, "worker", mode="Autoscale"),
            helios_target(namespace, "taken", mode="Autoscale"),
            helios_target(namespace, "watched"),
            helios_target(namespace, "saleor-api", forecast={"horizons": [300, 1800]}),
        )
        yield Scene(namespace, prometheus, helios, began, workloads, outage, mark)


def test_within_a_cycle_kubectl_shows_the_target(plane: ControlPlane, scene: Scene) -> None:
    """Current, recommended, model, mode, the ledger's line, ready and age; `describe` explains in words."""
    wait_until(
        lambda: condition(plane, scene.namespace, "watched", "Ready")[:2],
        30,
        "it is scored",
        accept=lambda seen: seen == ("True", "Scored"),
    )
    header, *rows = plane.kubectl("get", "ht", "--namespace", scene.namespace).splitlines()
    assert [
        "NAME",
        "TARGET",
        "MODE",
        "CURRENT",
        "RECOMMENDED",
        "MODEL",
        "LEDGER",
        "READY",
        "AGE",
    ] == header.split()
    assert 5 == len(rows)
    told = plane.kubectl("describe", "ht", "watched", "--namespace", scene.namespace)
    assert "mode is Observe: nothing is touched" in told
    assert "cores" in told


def test_a_workload_that_something_else_scales_is_left_alone(plane: ControlPlane, scene: Scene) -> None:
    """Its ScaledObject is somebody's: OwnedElsewhere names it, and nothing is written."""
    wait_until(
        lambda: condition(plane, scene.namespace, "taken", "Scaling")[1],
        30,
        "the condition",
        accept=lambda reason: reason == "OwnedElsewhere",
    )
    owner = plane.api.get("ScaledObject", "taken", scene.namespace)
    assert owner is not None
    assert {"helios"}.isdisjoint(one["manager"] for one in owner["metadata"]["managedFields"])


def test_autoscale_owns_a_scaled_object_that_keda_accepts(plane: ControlPlane, scene: Scene) -> None:
    """Applied under a field manager of its own, with an owner, and Ready by KEDA's own word."""
    wait_until(
        lambda: condition(plane, scene.namespace, "web", "Scaling")[:2],
        60,
        "it autoscales",
        accept=lambda seen: seen == ("True", "Autoscaling"),
    )
    made = plane.api.get("ScaledObject", "web", scene.namespace)
    assert made is not None
    assert ["HeliosTarget"] == [one["kind"] for one in made["metadata"]["ownerReferences"]]
    assert ("helios", "Apply") in {
        (one["manager"], one["operation"]) for one in made["metadata"]["managedFields"]
    }
    assert ["prometheus", "cpu"] == [one["type"] for one in made["spec"]["triggers"]]
    states = wait_until(
        lambda: {
            c["type"]: c["status"]
            for c in plane.api.get("ScaledObject", "web", scene.namespace)["status"]["conditions"]  # type: ignore[index]
        },
        30,
        "KEDA is ready",
        accept=lambda seen: seen.get("Ready") == "True",
    )
    assert "True" != states.get("Fallback")


def test_a_drop_freezes_scale_in_and_the_freeze_ends(plane: ControlPlane, scene: Scene) -> None:
    """An outage in front of the workload looks like no load: its replicas stay, with a word and an Event, until it is over."""
    namespace = scene.namespace

    def replicas() -> int | None:
        return plane.replicas(namespace, "worker")

    before = wait_until(replicas, 30, "the worker is scaled", accept=lambda n: n is not None and n >= 5)
    wait_until(
        lambda: scene.helios.target(namespace, "worker")["anomaly"],
        60,
        "what is ordinary is known",
        accept=lambda said: said["calibrated"] and said["score"] is not None and not said["detected"],
    )
    scene.outage.cut(0.02, time.time())
    wait_until(
        lambda: scene.helios.target(namespace, "worker"),
        60,
        "the drop is seen",
        accept=lambda seen: seen["anomaly"]["direction"] == "drop" and "frozen" in seen["reason"],
    )
    hold(replicas, 75, "nothing scales in", accept=lambda n: n is not None and n >= (before or 0) - 1)
    reason = scene.helios.target(namespace, "worker")["reason"]
    assert "scale-in is frozen by an anomaly" in reason
    told = plane.kubectl("get", "events", "--namespace", namespace, "--output=jsonpath={.items[*].reason}")
    assert "AnomalyDetected" in told
    plane.kubectl(
        "patch",
        "ht",
        "worker",
        "--namespace",
        namespace,
        "--type=merge",
        '--patch={"spec":{"behavior":{"freezeMaxSeconds":60}}}',
    )
    wait_until(replicas, 180, "the freeze ends", accept=lambda n: n is not None and n <= 2)


def test_replicas_are_there_before_the_load_arrives(scene: Scene, tell: Tell) -> None:
    """Each pod count is ready before demand crosses the line of the one below; an HPA at 70 % comes later."""
    time.sleep(max(0.0, scene.began + RAMP_SECONDS - time.time()))
    leads: dict[str, list[float]] = {}
    figures: dict[str, dict[str, Any]] = {}
    for name in ("web", "twin"):
        workload = scene.workloads[name]
        samples = workload.since(scene.began)
        leads[name] = _leads(workload, scene.began)
        figures[name] = {
            "leads_seconds": [round(lead) for lead in leads[name]],
            "short_seconds": sum(s.demand > s.ready * REQUEST * LINE for s in samples),
            "replica_hours": round(sum(s.wanted or 0 for s in samples) / 3600, 2),
        }
    tell(figures)
    assert len(leads["web"]) >= 3
    assert sum(lead > 0 for lead in leads["web"]) > len(leads["web"]) / 2
    assert figures["web"]["short_seconds"] < figures["twin"]["short_seconds"]


def _leads(workload: Workload, since: float) -> list[float]:
    """Seconds by which `n` ready replicas were there before demand needed them, for each `n` that came to be needed.

    Those that were there from the start are counted too: an early forecast has nothing left to add.
    """
    samples = workload.since(since)
    needed = list(itertools.accumulate((math.ceil(s.demand / (REQUEST * LINE) - 1e-9) for s in samples), max))
    found = []
    for count in range(needed[0] + 1, needed[-1] + 1):
        need = next(s.when for s, n in zip(samples, needed, strict=True) if n >= count)
        have = next((s.when for s in samples if s.ready >= count), math.inf)
        found.append(need - have)
    return found


def test_observe_touches_nothing(plane: ControlPlane, scene: Scene) -> None:
    """However high the recommendation: no ScaledObject, no HPA, not one replica, and no write to the workload."""
    watched = scene.workloads["watched"]
    assert 1 == len({s.wanted for s in watched.since(scene.began)})
    assert None is plane.api.get("ScaledObject", "watched", scene.namespace)
    report = scene.helios.target(scene.namespace, "watched")
    assert report["recommended_replicas"] > report["current_replicas"]
    writes = [
        r for r in plane.audit.requests(user=USER, since=scene.mark) if r.verb not in {"get", "list", "watch"}
    ]
    assert {"heliostargets.helios.dev/status", "scaledobjects.keda.sh", "events"} >= {
        r.resource for r in writes
    }
    assert {"web", "worker"} >= {r.name for r in writes if r.resource == "scaledobjects.keda.sh"}


def test_leaving_autoscale_keeps_the_hpa_and_the_replicas(plane: ControlPlane, scene: Scene) -> None:
    """On the cpu trigger alone, and with the floor of that moment."""
    namespace, left = scene.namespace, time.time()
    change = '--patch={"spec":{"mode":"Observe"}}'
    plane.kubectl("patch", "ht", "web", "--namespace", namespace, "--type=merge", change)
    wait_until(
        lambda: condition(plane, namespace, "web", "Scaling")[1],
        30,
        "it is released",
        accept=lambda r: r == "Released",
    )
    made = plane.api.get("ScaledObject", "web", namespace)
    assert made is not None
    assert ["cpu"] == [one["type"] for one in made["spec"]["triggers"]]
    assert None is not plane.api.get("HorizontalPodAutoscaler", "keda-hpa-web", namespace)
    floor = made["spec"]["minReplicaCount"]
    assert floor in {sample.wanted for sample in scene.workloads["web"].since(left - 10)}

    def replicas() -> int:
        return plane.replicas(namespace, "web") or 0

    # the HPA may have taken one away between the cycle that chose the floor and the one that set it
    wait_until(replicas, 30, "as many replicas as a moment ago", accept=lambda n: n >= floor)
    hold(replicas, 60, "no fewer replicas", accept=lambda n: n >= floor)


def test_the_shipped_scaled_object_scales_to_the_ceiling_of_its_own_expression(
    plane: ControlPlane, scene: Scene
) -> None:
    """The requirements' trigger in its working form, as the file is shipped, on what Helios really publishes."""
    (shipped,) = yaml.safe_load_all(
        (ROOT / "deploy/kustomize/components/keda/scaledobject-saleor.yaml").read_text()
    )
    namespace, trigger = scene.namespace, shipped["spec"]["triggers"][0]
    query = trigger["metadata"]["query"].replace('"saleor"', f'"{namespace}"')
    trigger["metadata"] |= {"serverAddress": scene.prometheus.url, "query": query}
    shipped["metadata"]["namespace"] = namespace
    wait_until(lambda: scene.prometheus.value(query), 120, "the expression has its one element")
    plane.apply(shipped)
    wait_until(
        lambda: (
            plane.replicas(namespace, "saleor-api"),
            math.ceil(scene.prometheus.value(query) / 70 - 1e-6),  # type: ignore[operator]
        ),
        120,
        "the ceiling",
        accept=lambda seen: seen == (6, 6),
    )


def test_nothing_was_forbidden(plane: ControlPlane, scene: Scene) -> None:
    """The shipped ClusterRole is enough for all of this."""
    refused = plane.audit.forbidden(user=USER, since=scene.mark)
    assert [] == [(one.verb, one.resource, one.namespace) for one in refused]
