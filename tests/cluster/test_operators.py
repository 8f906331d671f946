"""An operator that lives with its resource on a real API server: kubectl's view, other kinds, and what comes, goes and changes.

One operator scores a fleet in two-second cycles and may write a status in every one of them (`status_seconds: 0`), so that a
PATCH too many would show.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from helios.operator.crds import COLUMNS, crd
from tests.cluster.apis import Object
from tests.cluster.audits import Request
from tests.cluster.conftest import NewNamespace, NewPlace, Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.demands import steady
from tests.cluster.helioses import USER, Helios, condition, helios_target
from tests.cluster.manifests import deployment
from tests.cluster.prometheuses import Prometheus
from tests.cluster.servers import Exporter
from tests.cluster.shops import Shop
from tests.cluster.test_resources import NAME, offered
from tests.cluster.waits import wait_until

STATUS = f"{NAME}/status"
FLEET = 20
CYCLES = 10
INTERVAL_SECONDS = 2
LIST_SECONDS = 10


@dataclass(frozen=True)
class Scene:
    """A fleet in Observe, and the operator that scores it."""

    plane: ControlPlane
    crowd: str
    prometheus: Prometheus
    helios: Helios
    mark: int

    def ready(self, namespace: str, name: str, reason: str = "Scored", seconds: float = 45) -> str:
        """Wait until Ready has this reason; its message."""
        return wait_until(
            lambda: condition(self.plane, namespace, name, "Ready"),
            seconds,
            f"{name} is {reason}",
            accept=lambda seen: seen[1] == reason,
        )[2]

    def tells(self, namespace: str, name: str, **replicas: int) -> None:
        """Wait until the status of a HeliosTarget says so, as in `current=3`."""

        def seen() -> dict[str, int]:
            found = self.plane.api.get("HeliosTarget", name, namespace) or {}
            return dict(found.get("status", {}).get("replicas", {}))

        wait_until(seen, 30, f"{name}: {replicas}", accept=lambda said: replicas.items() <= said.items())

    def gauges(self, namespace: str) -> int:
        """How many targets of a namespace have gauges."""
        return self.helios.metrics().count(f'helios_current_replicas{{namespace="{namespace}"')

    def cycles(self) -> float:
        """How many there were."""
        return float(re.findall(r"^helios_cycles_total (\S+)$", self.helios.metrics(), re.MULTILINE)[0])

    def cycled(self, count: int) -> float:
        """Wait for so many cycles; how many there were then."""
        began = self.cycles()
        wait_until(lambda: self.cycles() - began, 60, "cycles", accept=lambda n: n >= count)
        return self.cycles() - began

    def asked(self, since: int) -> list[Request]:
        """What the operator has asked of the API server since a mark, but for watches: they are written when they end."""
        return [r for r in self.plane.audit.requests(user=USER, since=since) if r.verb != "watch"]

    def quiet(self) -> bool:
        """Whether nothing is written over so many cycles that the first score of a young series would be."""
        since = self.plane.audit.mark()
        self.cycled(14)
        return {"list"} == {r.verb for r in self.asked(since)}

    def patched(self, since: int, *namespaces: str) -> Counter[str]:
        """How often the status of which target of these namespaces was written since a mark."""
        return Counter(
            r.name for r in self.asked(since) if r.resource == STATUS and r.namespace in namespaces
        )


@pytest.fixture(scope="module")
def scene(keda: object, new_place: NewPlace) -> Iterator[Scene]:
    """Twenty workloads that never change, and their targets."""
    place = new_place("crowd")
    plane, crowd = place.plane, place.namespace
    names = [f"web-{number}" for number in range(FLEET)]
    for name in names:
        place.shop.open(crowd, name, steady(0.2))
    plane.apply(*(deployment(crowd, name) for name in names), *(helios_target(crowd, name) for name in names))
    pace = {"interval_seconds": INTERVAL_SECONDS, "step_seconds": INTERVAL_SECONDS}
    # with days of a day there is never enough history in a test: every decision is reactive, and says so in the same words
    scoring = {**pace, "day_seconds": 86_400, "history_seconds": 600}
    rules = {"status_seconds": 0, "relist_seconds": LIST_SECONDS, "custom_queries": "own-namespace"}
    with ExitStack() as stack:
        prometheus = Prometheus(place.folder / "prometheus")
        prometheus.scrape("shop", place.exposition.address, "/metrics")
        stack.enter_context(prometheus)
        mark = plane.audit.mark()
        helios = stack.enter_context(place.helios(prometheus, scoring=scoring, operator=rules))
        yield Scene(plane, crowd, prometheus, helios, mark)


def test_a_steady_fleet_sends_no_patch(scene: Scene, tell: Tell) -> None:
    """After its first statuses nothing is written at all, and a cycle costs three lists however many targets there are.

    Beside them targets are listed every `relist_seconds`, and pods every five minutes.
    """
    names = [f"web-{number}" for number in range(FLEET)]
    for name in names:
        scene.ready(scene.crowd, name)
    wait_until(scene.quiet, 180, "the first evidence of every forecast is in")
    since = scene.plane.audit.mark()
    cycles = scene.cycled(CYCLES)
    asked = scene.asked(since)
    per_cycle = Counter(f"{one.verb} {one.resource}" for one in asked)
    tell(
        {
            "targets": FLEET,
            "cycles": cycles,
            "requests_per_cycle": {what: round(n / cycles, 2) for what, n in sorted(per_cycle.items())},
        }
    )
    assert {"list"} == {one.verb for one in asked}
    each_cycle = {
        "list deployments.apps",
        "list horizontalpodautoscalers.autoscaling",
        "list scaledobjects.keda.sh",
    }
    assert each_cycle <= per_cycle.keys() <= {*each_cycle, "list pods", f"list {NAME}"}
    assert all(abs(per_cycle[what] - cycles) <= 1 for what in each_cycle)
    assert per_cycle["list pods"] <= 1
    assert per_cycle[f"list {NAME}"] <= CYCLES * INTERVAL_SECONDS / LIST_SECONDS + 1


def test_kubectl_lists_targets_by_every_name_with_their_columns(scene: Scene) -> None:
    """Short name, category, full name; `-o wide` says also who scales it and whether there is data."""
    scene.ready(scene.crowd, "web-0")
    for name in ("ht", "helios", NAME):
        header, *rows = scene.plane.kubectl("get", name, "--namespace", scene.crowd).splitlines()
        assert [
            "NAME",
            *(column.upper() for column, _, _, priority in COLUMNS if not priority),
        ] == header.split()
        assert FLEET == len(rows)
    header, row = scene.plane.kubectl(
        "get", "ht", "web-0", "--namespace", scene.crowd, "--output=wide"
    ).splitlines()
    assert ["NAME", *(column.upper() for column, *_ in COLUMNS)] == header.split()
    shown = dict(zip(header.split(), re.split(r"\s{2,}", row), strict=True))
    assert ("web-0", "Observe", "1", "1", "reactive", "True", "Observing", "InsufficientHistory") == tuple(
        shown[column]
        for column in (
            "TARGET",
            "MODE",
            "CURRENT",
            "RECOMMENDED",
            "MODEL",
            "READY",
            "SCALING",
            "DATAAVAILABLE",
        )
    )


FARM: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "farms.e2e.helios.dev"},
    "spec": {
        "group": "e2e.helios.dev",
        "scope": "Namespaced",
        "names": {"kind": "Farm", "listKind": "FarmList", "plural": "farms", "singular": "farm"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            part: {"type": "object", "properties": {"replicas": {"type": "integer"}}}
                            for part in ("spec", "status")
                        },
                    }
                },
                "subresources": {
                    "status": {},
                    "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
                },
            }
        ],
    },
}
"""A kind that nobody has heard of, but that can be scaled. The test is its controller."""


def test_any_kind_with_a_scale_subresource_can_be_scored(scene: Scene, namespace: str) -> None:
    """Its replicas are read by `scale` under the shipped role, its demand by a query of its own."""
    plane, farms = scene.plane, f"/apis/e2e.helios.dev/v1/namespaces/{namespace}/farms"
    plane.apply(FARM)
    plane.kubectl("wait", "--for=condition=Established", "crd/farms.e2e.helios.dev", "--timeout=30s")

    def played(count: int) -> None:
        for part, where in (("spec", "farm"), ("status", "farm/status")):
            body = {part: {"replicas": count}}
            plane.api.ask("PATCH", f"{farms}/{where}", body, content_type="application/merge-patch+json")

    farm = {"apiVersion": "e2e.helios.dev/v1", "kind": "Farm", "metadata": {"name": "farm"}, "spec": {}}
    wait_until(lambda: plane.api.ask("POST", farms, farm), 15, "farms are served")
    played(3)
    load = {"name": "load", "query": f'max(farm_load{{namespace="{namespace}"}})', "perReplica": "1"}
    reference = {"apiVersion": "e2e.helios.dev/v1", "kind": "Farm", "name": "farm"}
    with Exporter() as exporter:
        exporter.set("farm_load", 2.5, namespace=namespace)
        scene.prometheus.scrape("farm", exporter.address)
        plane.apply(helios_target(namespace, "farm", scaleTargetRef=reference, metrics=[load]))
        scene.ready(namespace, "farm")
        # 2.5 at 70 % of 1 each
        scene.tells(namespace, "farm", current=3, recommended=4, uncapped=4)
        played(5)
        scene.tells(namespace, "farm", current=5)
        scene.prometheus.forget("farm")
    plane.api.delete("HeliosTarget", "farm", namespace)
    plane.api.delete("CustomResourceDefinition", "farms.e2e.helios.dev")


def test_a_stateful_set_is_scored_like_a_deployment(scene: Scene, shop: Shop, namespace: str) -> None:
    """Its pods are its own, without a ReplicaSet between them."""
    shop.open(namespace, "db", steady(1.2), kind="StatefulSet")
    scene.plane.apply(
        deployment(namespace, "db", replicas=3, kind="StatefulSet"),
        helios_target(namespace, "db", scaleTargetRef={"kind": "StatefulSet", "name": "db"}),
    )
    scene.ready(namespace, "db")
    # 1.2 cores at 70 % of 0.5 each
    scene.tells(namespace, "db", current=3, recommended=4)


def test_of_two_targets_on_one_workload_the_older_wins_until_it_goes(
    scene: Scene, shop: Shop, namespace: str
) -> None:
    """The younger says who was first, and is scored once it is alone."""
    plane, reference = scene.plane, {"kind": "Deployment", "name": "web"}
    shop.open(namespace, "web", steady(0.2))
    plane.apply(deployment(namespace, "web"), helios_target(namespace, "older", scaleTargetRef=reference))
    scene.ready(namespace, "older")
    plane.apply(helios_target(namespace, "a-younger", scaleTargetRef=reference))
    told = scene.ready(namespace, "a-younger", "Conflict")
    assert told.startswith("HeliosTarget older is older and already speaks for web")
    assert 1 == scene.gauges(namespace)
    plane.api.delete("HeliosTarget", "older", namespace)
    scene.ready(namespace, "a-younger")
    assert 1 == scene.gauges(namespace)


def coloured() -> Object:
    """The resource of a release to come: with one more optional field."""
    newer = crd()
    (version,) = newer["spec"]["versions"]
    fields = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    fields["colour"] = {"type": "string", "maxLength": 63, "description": "Of no use."}
    return newer


def exchange(scene: Scene, resource: Object) -> None:
    """Apply it, and wait until the API server uses it and the operator's watch has begun anew.

    A watch goes on for about a second as the old resource has it: of what is applied then it does not tell the new field.
    """
    plane, since = scene.plane, scene.plane.audit.mark()
    probe, wanted = helios_target(scene.crowd, "probe", colour="blue"), resource == coloured()

    def used() -> bool:
        return ("colour" in offered(plane, probe, validation="Ignore")["spec"]) == wanted

    def ended() -> bool:
        requests = plane.audit.requests(user=USER, since=since)
        return any((r.verb, r.resource) == ("watch", NAME) for r in requests)

    plane.apply(resource)
    wait_until(used, 15, "the resource is in use")
    wait_until(ended, 30, "the API server ends the watch")


@pytest.fixture(scope="module")
def hues(scene: Scene, shop: Shop, new_namespace: NewNamespace) -> Iterator[str]:
    """A namespace of workloads for targets that come while the resource is exchanged."""
    namespace = new_namespace("hues")
    for name in ("later", "blue", "last"):
        shop.open(namespace, name, steady(0.2))
        scene.plane.apply(deployment(namespace, name))
    yield namespace
    scene.plane.kubectl("delete", "heliostargets", "--all", "--namespace", namespace, "--wait=true")


def test_the_resource_can_be_exchanged_under_a_running_operator(scene: Scene, hues: str, tell: Tell) -> None:
    """A newer one and the old one again: the watch goes on, nobody is lost, and only who uses the new field is refused."""
    plane, since = scene.plane, scene.plane.audit.mark()
    exchange(scene, coloured())
    plane.apply(helios_target(hues, "later"), helios_target(hues, "blue", colour="blue"))
    scene.ready(hues, "later")
    assert "spec.colour is not a field" in scene.ready(hues, "blue", "Invalid")
    exchange(scene, crd())
    plane.apply(helios_target(hues, "last"))
    scene.ready(hues, "last")
    # everybody else has noticed nothing
    assert FLEET == scene.gauges(scene.crowd)
    patched = scene.patched(since, scene.crowd, hues)
    lists = sum((r.verb, r.resource) == ("list", NAME) for r in scene.asked(since))
    tell({"patches": patched, "lists_of_targets": lists})
    assert {"later", "blue", "last"} == patched.keys()
    assert max(patched.values()) <= 4
    assert "Traceback" not in scene.helios.operator.log.read_text()


def test_a_target_whose_unknown_field_is_gone_is_scored_after_the_next_list(scene: Scene, hues: str) -> None:
    """The API server drops the field without a new generation."""
    found = scene.plane.api.get("HeliosTarget", "blue", hues)
    assert found is not None
    assert "colour" not in found["spec"]
    scene.ready(hues, "blue", seconds=2 * LIST_SECONDS)


def test_a_namespace_that_is_deleted_takes_its_targets_along(
    scene: Scene, shop: Shop, namespace: str
) -> None:
    """Nothing can be created in it while it ends, which is no lack of rights; its gauges go, the others stay."""
    plane, since = scene.plane, scene.plane.audit.mark()
    for name in ("web", "scaled"):
        shop.open(namespace, name, steady(0.2))
    plane.apply(*(deployment(namespace, name) for name in ("web", "scaled")))
    plane.apply(helios_target(namespace, "web"), helios_target(namespace, "scaled", mode="Autoscale"))
    for name in ("web", "scaled"):
        scene.ready(namespace, name)
    wait_until(lambda: plane.api.get("ScaledObject", "scaled", namespace), 30, "it is scaled")
    assert 2 == scene.gauges(namespace)
    # 1 it ends, and nobody clears it up yet: whatever is due in it cannot be written
    plane.controllers.freeze()
    try:
        plane.api.delete("Namespace", namespace)
        plane.api.delete("ScaledObject", "scaled", namespace)
        plane.api.patch("HeliosTarget", "web", {"spec": {"replicas": {"min": 3}}}, namespace)

        def refused() -> set[str]:
            return {one.resource for one in plane.audit.forbidden(user=USER, since=since)}

        wait_until(refused, 30, "both are refused", accept=lambda r: r == {"events", "scaledobjects.keda.sh"})
        scene.tells(namespace, "web", recommended=3)
    finally:
        plane.controllers.thaw()
    # 2 it is cleared up
    wait_until(lambda: plane.api.get("Namespace", namespace) is None, 90, "it is gone", accept=bool)
    wait_until(lambda: scene.gauges(namespace), 15, "its gauges are gone", accept=lambda n: n == 0)
    assert FLEET == scene.gauges(scene.crowd)
    log = scene.helios.operator.log.read_text()
    assert "Traceback" not in log
    assert "apply the ClusterRole" not in log


def test_the_fleet_was_left_alone_all_the_while(scene: Scene, tell: Tell) -> None:
    """Whatever came and went beside it: one status each, or up to three where they began before their samples did."""
    patched = scene.patched(scene.mark, scene.crowd)
    tell({"cycles": scene.cycles(), "patches_per_target": sorted(Counter(patched.values()).items())})
    assert FLEET == len(patched)
    assert max(patched.values()) <= 3


def test_nothing_else_was_forbidden(scene: Scene) -> None:
    """The shipped ClusterRole is enough for all of this; what was refused is what nobody may do: create where all ends."""
    refused = scene.plane.audit.forbidden(user=USER, since=scene.mark)
    assert [] == [one for one in refused if scene.plane.api.get("Namespace", one.namespace) is not None]
