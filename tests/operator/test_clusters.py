"""The door to Kubernetes: every failure a sentence that says what to do, no request without an end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from helios.errors import (
    ClusterConflict,
    ClusterMissing,
    ClusterRefused,
    ClusterUnreachable,
)
from helios.operator.clusters import Cluster
from helios.operator.discoveries import Resource
from helios.operator.transports import Transport
from tests.operator.api_server import ApiServer
from tests.operator.api_stores import ROLLOUT
from tests.operator.objects import deployment, helios_target, rollout, scaled_object

DEPLOYMENTS = ("apps/v1", "deployments")


def names(cluster: Cluster, namespace: str | None = None) -> list[str]:
    return [one["metadata"]["name"] for one in cluster.list(*DEPLOYMENTS, namespace)]


def manifest(**spec: object) -> dict[str, object]:
    one = scaled_object("web")
    return {**one, "spec": {**one["spec"], **spec}}


# lists


def test_a_list_comes_page_by_page_and_whole(api: ApiServer, cluster: Cluster) -> None:
    """Twelve hundred Deployments take three requests over one connection."""
    api.store.put(*(deployment(f"web-{i:04}") for i in range(1200)))
    assert [f"web-{i:04}" for i in range(1200)] == names(cluster)
    assert ["500"] * 3 == [one.query["limit"] for one in api.asked("list", "deployments")]
    assert 1 == api.connections


def test_a_list_can_be_of_one_namespace(api: ApiServer, cluster: Cluster) -> None:
    """What other namespaces have is not fetched."""
    api.store.put(deployment("web", "shop"), deployment("api", "saleor"))
    assert ["api"] == names(cluster, "saleor")


@pytest.mark.parametrize("token", [pytest.param(True, id="goes on"), pytest.param(False, id="starts over")])
def test_a_list_survives_that_the_server_forgot_how_it_began(
    api: ApiServer, cluster: Cluster, token: bool
) -> None:
    """A 410 between pages loses no object."""
    api.page = 2
    api.store.put(*(deployment(f"web-{i}") for i in range(6)))
    api.expire_next_list(token=token)
    assert {f"web-{i}" for i in range(6)} == set(names(cluster))


def test_a_list_starts_over_only_once(api: ApiServer, cluster: Cluster) -> None:
    """A server that forgets again and again is told of, not asked for ever."""
    api.page = 2
    api.store.put(*(deployment(f"web-{i}") for i in range(6)))
    api.expire_next_list(token=False)
    api.expire_next_list(token=False)
    with pytest.raises(ClusterRefused, match="continue parameter is too old"):
        names(cluster)
    assert 4 == len(api.asked("list"))


def test_a_list_of_many_slow_pages_ends(api: ApiServer) -> None:
    """Patience is for the whole list, not for each of its pages."""
    api.page = 1
    api.store.put(*(deployment(f"web-{i}") for i in range(9)))
    ticks = iter(range(0, 1000, 30))
    with (
        Cluster(Transport(api.configuration()), list_seconds=100.0, clock=lambda: float(next(ticks))) as slow,
        pytest.raises(ClusterUnreachable, match="not complete after 100 s"),
    ):
        names(slow)


# objects


def test_a_scale_can_be_read(api: ApiServer, cluster: Cluster) -> None:
    """Whatever has the subresource answers in one form."""
    api.store.kinds.append(ROLLOUT)
    api.store.put(rollout("web", replicas=4))
    scale = cluster.get_scale("argoproj.io/v1alpha1", "rollouts", "shop", "web")
    assert (4, 4, "app=web") == (
        scale["spec"]["replicas"],
        scale["status"]["replicas"],
        scale["status"]["selector"],
    )


def test_a_status_is_merged_and_the_spec_left_alone(api: ApiServer, cluster: Cluster) -> None:
    """What is not named stays, None takes away, and no generation passes."""
    api.store.put(helios_target("web"))
    cluster.patch_status("shop", "web", {"model": "baseline", "ledger": "7 days"})
    cluster.patch_status("shop", "web", {"ledger": None, "reason": "why"})
    stored = api.store.one("heliostargets", "web")
    assert {"model": "baseline", "reason": "why"} == stored["status"]
    assert 1 == stored["metadata"]["generation"]
    assert "helios" == api.asked("patch", "heliostargets/status")[0].query["fieldManager"]


def test_a_status_of_an_object_that_changed_meanwhile_is_refused(api: ApiServer, cluster: Cluster) -> None:
    """Whoever gives a resource version writes over nothing unseen."""
    api.store.put(helios_target("web"))
    version = api.store.one("heliostargets", "web")["metadata"]["resourceVersion"]
    api.store.put(helios_target("web", mode="Autoscale"))
    with pytest.raises(ClusterRefused, match="has been modified"):
        cluster.patch_status("shop", "web", {"model": "x"}, version)


def test_apply_creates_changes_and_takes_back_only_its_own(api: ApiServer, cluster: Cluster) -> None:
    """Fields that Helios no longer names go; what somebody else added stays."""
    cluster.apply(manifest(minReplicaCount=2, pollingInterval=30))
    theirs = api.store.one("scaledobjects", "web")
    theirs["spec"]["cooldownPeriod"] = 60
    api.store.put(theirs)
    cluster.apply(manifest(minReplicaCount=3))
    spec = api.store.one("scaledobjects", "web")["spec"]
    assert (3, 60, None) == tuple(
        spec.get(k) for k in ("minReplicaCount", "cooldownPeriod", "pollingInterval")
    )
    asked = api.asked("patch", "scaledobjects")[0]
    assert ("application/apply-patch+yaml", "helios", "true") == (
        asked.headers["Content-Type"],
        asked.query["fieldManager"],
        asked.query["force"],
    )


def test_annotations_are_merged_into_what_is_there(api: ApiServer, cluster: Cluster) -> None:
    """One is set, one is taken away, others and the spec stay; the answer is the object as it is then."""
    made = helios_target("web")
    made["metadata"]["annotations"] = {"team": "shop", "old": "yes"}
    api.store.put(made)
    answer = cluster.annotate("shop", "web", {"helios.dev/muted-until": "2026-03-01T12:00:00Z", "old": None})
    assert {"team": "shop", "helios.dev/muted-until": "2026-03-01T12:00:00Z"} == answer["metadata"][
        "annotations"
    ]
    assert made["spec"] == api.store.one("heliostargets", "web")["spec"]
    with pytest.raises(ClusterMissing, match="absent"):
        cluster.annotate("shop", "absent", {"old": None})


def test_apply_without_force_names_who_has_the_field(api: ApiServer, cluster: Cluster) -> None:
    """A conflict is refused in the server's words."""
    kind = api.store.kind("keda.sh/v1alpha1", "ScaledObject")
    api.store.apply(kind, "shop", "web", manifest(minReplicaCount=5), "argocd", force=False)
    with pytest.raises(ClusterRefused, match=r"conflict with 'argocd': .spec.minReplicaCount"):
        cluster.apply(manifest(minReplicaCount=2), force=False)


def test_a_webhooks_refusal_is_quoted(api: ApiServer, cluster: Cluster) -> None:
    """KEDA's own sentence reaches the user whole."""
    said = 'admission webhook "vscaledobject.kb.io" denied the request: the workload is already managed by an hpa'
    api.fail("scaledobjects", 400, message=said)
    with pytest.raises(ClusterRefused) as caught:
        cluster.apply(manifest())
    assert said == str(caught.value)


def test_apply_of_a_kind_that_is_not_installed_says_so(api: ApiServer, cluster: Cluster) -> None:
    """Without KEDA there is no ScaledObject to be written."""
    api.store.kinds = [kind for kind in api.store.kinds if kind.plural != "scaledobjects"]
    with pytest.raises(ClusterMissing, match=r"keda.sh/v1alpha1 is not served by this cluster"):
        cluster.apply(manifest())


def test_delete_takes_exactly_the_object_that_is_meant(api: ApiServer, cluster: Cluster) -> None:
    """Another object that has the name by now is not touched."""
    api.store.put(scaled_object("web"))
    uid = api.store.one("scaledobjects", "web")["metadata"]["uid"]
    with pytest.raises(ClusterRefused, match="UID in the precondition"):
        cluster.delete("keda.sh/v1alpha1", "scaledobjects", "shop", "web", "of another")
    cluster.delete("keda.sh/v1alpha1", "scaledobjects", "shop", "web", uid)
    assert [] == api.store.all("scaledobjects")
    with pytest.raises(ClusterMissing):
        cluster.delete("keda.sh/v1alpha1", "scaledobjects", "shop", "web", uid)


@pytest.mark.parametrize("api_version", ["v1", "events.k8s.io/v1"])
def test_an_event_is_created(api: ApiServer, cluster: Cluster, api_version: str) -> None:
    """In either of the two groups."""
    body = {"apiVersion": api_version, "kind": "Event", "metadata": {"name": "web.1"}, "reason": "Anomaly"}
    cluster.create_event("shop", body)
    assert [("Anomaly", "shop")] == [
        (e["reason"], e["metadata"]["namespace"]) for e in api.store.all("events")
    ]


# discovery


@pytest.fixture
def ages() -> list[float]:
    return [0.0]


@pytest.fixture
def aging(api: ApiServer, ages: list[float]) -> Iterator[Cluster]:
    with Cluster(Transport(api.configuration()), clock=lambda: ages[0]) as door:
        yield door


def test_kinds_are_looked_up_once(api: ApiServer, aging: Cluster) -> None:
    """Plurals are not guessed, nor asked for in every cycle."""
    found = [aging.plural_of("apps/v1", kind) for kind in ("Deployment", "DaemonSet", "StatefulSet")]
    assert [
        Resource("deployments", True),
        Resource("daemonsets", False),
        Resource("statefulsets", True),
    ] == found
    assert not aging.plural_of("v1", "Namespace").namespaced
    assert ["/apis/apps/v1", "/api/v1"] == [one.path for one in api.requests]


def test_a_kind_installed_later_is_found_a_minute_later(
    api: ApiServer, aging: Cluster, ages: list[float]
) -> None:
    """That there is none is not believed for long, nor asked for all the time."""
    for api_version in ("argoproj.io/v1alpha1", "apps/v1"):
        with pytest.raises(ClusterMissing):
            aging.plural_of(api_version, "Rollout")
    assert not aging.served("argoproj.io/v1alpha1")
    api.store.kinds.append(ROLLOUT)
    ages[0] = 59.0
    assert not aging.served("argoproj.io/v1alpha1")
    ages[0] = 61.0
    assert aging.served("argoproj.io/v1alpha1")
    assert Resource("rollouts", True) == aging.plural_of("argoproj.io/v1alpha1", "Rollout")
    assert 3 == len(api.requests)


def test_a_kind_that_is_upgraded_is_looked_up_again(
    api: ApiServer, aging: Cluster, ages: list[float]
) -> None:
    """What discovery said is believed for ten minutes."""
    aging.plural_of("apps/v1", "Deployment")
    ages[0] = 601.0
    aging.plural_of("apps/v1", "Deployment")
    assert 2 == len(api.requests)


def test_threads_share_one_door(api: ApiServer, cluster: Cluster) -> None:
    """The loop reads while the reconciler writes."""
    api.page = 10
    api.store.put(helios_target("web"), *(deployment(f"web-{i}") for i in range(50)))
    found: list[int] = []

    def work(number: int) -> None:
        cluster.patch_status("shop", "web", {"model": str(number)})
        found.append(len(names(cluster)))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [50] * 8 == found


# whole objects


def hpa(name: str = "web", **metadata: object) -> dict[str, object]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "shop", **metadata},
        "spec": {"maxReplicas": 9},
    }


def test_an_object_is_created_once(api: ApiServer, cluster: Cluster) -> None:
    """A name that is taken is a conflict, and what is there stays."""
    assert "web" == cluster.create(hpa())["metadata"]["name"]
    with pytest.raises(ClusterConflict, match="already exists"):
        cluster.create({**hpa(), "spec": {"maxReplicas": 2}})
    assert {"maxReplicas": 9} == api.store.one("horizontalpodautoscalers", "web")["spec"]


def test_nothing_can_be_created_where_the_namespace_ends(api: ApiServer, cluster: Cluster) -> None:
    """No right would help, so it is told as missing."""
    api.store.ending.add("shop")
    with pytest.raises(ClusterMissing, match="being terminated"):
        cluster.create(hpa())


def test_a_whole_object_is_put_in_the_place_of_the_one_that_was_read(
    api: ApiServer, cluster: Cluster
) -> None:
    """What it does not name goes; its status and its uid stay."""
    api.store.put({**hpa(labels={"team": "shop"}), "status": {"currentReplicas": 3}})
    read = cluster.get("autoscaling/v2", "horizontalpodautoscalers", "shop", "web")
    version = read["metadata"]["resourceVersion"]
    cluster.replace({**hpa(resourceVersion=version), "spec": {"maxReplicas": 4}})
    now = api.store.one("horizontalpodautoscalers", "web")
    assert ({"maxReplicas": 4}, {"currentReplicas": 3}) == (now["spec"], now["status"])
    assert "labels" not in now["metadata"]
    assert read["metadata"]["uid"] == now["metadata"]["uid"]
    with pytest.raises(ClusterConflict, match="has been modified"):
        cluster.replace(hpa(resourceVersion=version))


def test_what_an_object_owned_can_be_left_behind(api: ApiServer, cluster: Cluster) -> None:
    """Without an owner, so that nothing collects it."""
    api.store.put(scaled_object("web"))
    owner = api.store.one("scaledobjects", "web")["metadata"]["uid"]
    api.store.put(hpa(ownerReferences=[{"kind": "ScaledObject", "name": "web", "uid": owner}]))
    cluster.delete("keda.sh/v1alpha1", "scaledobjects", "shop", "web", owner, orphan=True)
    assert [] == api.store.all("scaledobjects")
    assert "ownerReferences" not in api.store.one("horizontalpodautoscalers", "web")["metadata"]


def test_an_object_with_a_finalizer_stays_until_it_is_taken_off(api: ApiServer, cluster: Cluster) -> None:
    """In one request with whatever else belongs to it, and only if nothing has changed since."""
    target = helios_target("web")
    target["metadata"] |= {"finalizers": ["helios.dev/adopted"], "annotations": {"a": "b", "team": "shop"}}
    api.store.put(target)
    uid = api.store.one("heliostargets", "web")["metadata"]["uid"]
    cluster.delete("helios.dev/v1alpha1", "heliostargets", "shop", "web", uid)
    metadata = api.store.one("heliostargets", "web")["metadata"]
    assert metadata["deletionTimestamp"]
    body = {"metadata": {"finalizers": None, "annotations": {"a": None}}}
    with pytest.raises(ClusterConflict, match="has been modified"):
        cluster.patch("shop", "web", body, "1")
    answer = cluster.patch("shop", "web", body, metadata["resourceVersion"])
    assert {"team": "shop"} == answer["metadata"]["annotations"]
    assert [] == api.store.all("heliostargets")
