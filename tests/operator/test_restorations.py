"""An adopted autoscaler comes back as it was, whatever stands in its place, whoever else is at it, and wherever it was broken off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from helios.errors import ClusterRefused
from helios.operator.adoptions import Original
from helios.operator.clusters import Cluster
from helios.operator.restorations import Progress
from tests.operator.adopted import (
    HPA,
    HPAS,
    SCALED_OBJECTS,
    Keda,
    as_users,
    collect,
    managed_by,
    marks,
    overwritten,
    taken,
    users_hpa,
    users_scaled_object,
)
from tests.operator.api_server import ApiServer
from tests.operator.objects import Object, deployment
from tests.operator.restoring import DELETED, HELD, PUT, Work, stands

# an HPA


def test_an_hpa_comes_back_in_its_own_place(api: ApiServer, cluster: Cluster) -> None:
    """Spec, labels, annotations and uid; KEDA lets go of it first, and it is looked at once more."""
    work = Work(api, cluster, taken(api))
    uid = api.store.one(HPAS, "web-cpu")["metadata"]["uid"]
    first = work.step()
    assert (False, "KEDA lets go of HorizontalPodAutoscaler web-cpu: ScaledObject web is being deleted") == (
        first.done,
        first.said,
    )
    assert [HELD, DELETED] == work.writes()
    second = work.step()
    assert (False, "KEDA has still to let go of ScaledObject web") == (second.done, second.said)
    assert [HELD, DELETED] == work.writes()
    Keda(api).look()
    assert not work.step().done
    assert ["web"] == [one["metadata"]["name"] for one in api.store.all(SCALED_OBJECTS)]
    assert not work.step().done
    assert Progress(done=True, said="HorizontalPodAutoscaler web-cpu is as it was") == work.step()
    assert as_users(users_hpa()) == stands(api)
    assert uid == api.store.one(HPAS, "web-cpu")["metadata"]["uid"]
    assert {"currentReplicas": 4, "desiredReplicas": 4} == api.store.one(HPAS, "web-cpu")["status"]
    assert [HELD, DELETED, PUT, HELD] == work.writes()
    assert [] == api.store.all(SCALED_OBJECTS)


def test_what_was_given_back_is_not_written_again(api: ApiServer, cluster: Cluster) -> None:
    """Its user may have edited it since: it bears no mark of Helios, and is theirs."""
    work = Work(api, cluster, taken(api))
    work.step()
    Keda(api).look()
    work.step()
    api.store.put({**api.store.one(HPAS, "web-cpu"), "spec": {**users_hpa()["spec"], "minReplicas": 3}})
    work.step()
    done = work.step()
    assert (True, "HorizontalPodAutoscaler web-cpu is its user's own, and is left as it is") == (
        done.done,
        done.said,
    )
    assert [HELD, DELETED, PUT, HELD] == work.writes()


def test_who_applies_it_server_side_has_nobody_to_conflict_with(api: ApiServer, cluster: Cluster) -> None:
    """Helios leaves the managers of its fields too; the others stay."""
    original = taken(api)
    given = users_hpa()
    uid = api.store.one(HPAS, "web-cpu")["metadata"]["uid"]
    given["metadata"] |= {"uid": uid, "managedFields": [{"manager": "argocd"}, {"manager": "helios"}]}
    api.store.remove(SCALED_OBJECTS, "web")
    Keda(api).look()
    api.store.put(given)
    work = Work(api, cluster, original)
    assert work.step().done
    assert ["update horizontalpodautoscalers shop/web-cpu"] == work.writes()
    assert [{"manager": "argocd"}] == api.store.one(HPAS, "web-cpu")["metadata"]["managedFields"]
    assert as_users(users_hpa()) == stands(api)


def test_an_hpa_that_was_stored_and_never_taken_is_left_alone(api: ApiServer, cluster: Cluster) -> None:
    """The operator ended between storing the original and its first write."""
    api.store.put(users_hpa())
    work = Work(api, cluster, Original.of(HPA, api.store.one(HPAS, "web-cpu")))
    assert work.step().done
    assert [] == work.writes()


def test_an_hpa_that_keda_has_not_taken_yet_is_never_touched(api: ApiServer, cluster: Cluster) -> None:
    """The ScaledObject goes before KEDA has seen it; the HPA was in force all the time."""
    api.store.put(users_hpa())
    original = Original.of(HPA, api.store.one(HPAS, "web-cpu"))
    unseen = managed_by(original)
    del unseen["metadata"]["finalizers"]
    api.store.put(unseen)
    work = Work(api, cluster, original)
    work.step()
    work.step()
    assert work.step().done
    assert [HELD, DELETED, HELD] == work.writes()


def test_the_scaled_object_is_found_by_the_hpas_own_word(api: ApiServer, cluster: Cluster) -> None:
    """Where a list did not have it yet."""
    work = Work(api, cluster, taken(api))
    work.step(managed=False)
    assert [HELD, DELETED] == work.writes()


def test_a_scaled_object_of_somebody_elses_is_not_deleted(api: ApiServer, cluster: Cluster) -> None:
    """One that has the name and bears no mark of Helios."""
    original = taken(api)
    own = users_scaled_object("web")
    del own["metadata"]["finalizers"]
    uid = api.store.one(SCALED_OBJECTS, "web")["metadata"]["uid"]
    cluster.delete("keda.sh/v1alpha1", SCALED_OBJECTS, "shop", "web", uid, orphan=True)
    Keda(api).look()
    api.store.put(own)
    api.requests.clear()
    work = Work(api, cluster, original)
    while not work.step().done:
        pass
    assert ["update horizontalpodautoscalers shop/web-cpu"] == work.writes()
    assert as_users(own) == stands(api, "web")


def test_a_keda_that_is_down_is_waited_for_and_then_no_longer(api: ApiServer, cluster: Cluster) -> None:
    """Half a minute; then the original is put back all the same, and what is left of the ScaledObject is told."""
    work = Work(api, cluster, taken(api))
    work.step()
    work.step()
    work.now += 29.0
    assert not work.step().done
    assert [HELD, DELETED] == work.writes()
    work.now += 1.0
    assert not work.step().done
    done = work.step()
    assert done.done
    assert done.said.endswith("ScaledObject web waits for KEDA, which does not answer, and goes once it does")
    assert as_users(users_hpa()) == stands(api)
    Keda(api).look()
    work.step()
    assert ([], 1) == (api.store.all(SCALED_OBJECTS), len(api.store.all(HPAS)))


def test_a_webhook_that_is_down_does_not_prevent_it(api: ApiServer, cluster: Cluster) -> None:
    """It refuses the finalizer; KEDA is as far away then, and the ScaledObject is deleted without."""
    work = Work(api, cluster, taken(api))
    api.fail(SCALED_OBJECTS, 500, verb="update", message="failed calling webhook vscaledobject.kb.io")
    work.step()
    Keda(api).look()
    assert not work.step().done
    assert work.step().done
    assert {HELD, DELETED, PUT} == set(work.writes())
    assert as_users(users_hpa()) == stands(api)


def test_a_keda_that_was_writing_takes_no_hpa_with_it(api: ApiServer, cluster: Cluster) -> None:
    """A reconcile under way puts its HPA back, with an owner that is about to go: it stays until that has ended."""
    work = Work(api, cluster, taken(api))
    uid = api.store.one(HPAS, "web-cpu")["metadata"]["uid"]
    read = api.store.one(SCALED_OBJECTS, "web")
    work.step()
    Keda(api).write(read=read)
    collect(api)
    Keda(api).look()
    collect(api)
    while not work.step().done:
        collect(api)
    assert as_users(users_hpa()) == stands(api)
    assert uid == api.store.one(HPAS, "web-cpu")["metadata"]["uid"]


def test_an_hpa_whose_annotations_were_taken_off_comes_back_too(api: ApiServer, cluster: Cluster) -> None:
    """By a tool that prunes what it does not know: its owner, and what it scales on, tell whose it is."""
    work = Work(api, cluster, taken(api))
    for owners in (True, False):
        live = api.store.one(HPAS, "web-cpu")
        live["metadata"]["annotations"] = {}
        if not owners:
            del live["metadata"]["ownerReferences"]
        api.store.put(live)
        if owners:
            work.step()
            Keda(api).look()
            Keda(api).write(read=api.store.one(SCALED_OBJECTS, "web"))
    while not work.step().done:
        pass
    assert as_users(users_hpa()) == stands(api)


def test_an_hpa_that_is_gone_is_made_again(api: ApiServer, cluster: Cluster) -> None:
    """Somebody deleted the ScaledObject with all that it owned."""
    work = Work(api, cluster, taken(api))
    api.store.remove(SCALED_OBJECTS, "web")
    Keda(api).look()
    assert [] == api.store.all(HPAS)
    assert not work.step(replicas=4).done
    assert work.step(replicas=4).done
    assert as_users(users_hpa()) == stands(api)


def test_an_hpa_is_not_made_again_where_something_else_scales_the_workload(
    api: ApiServer, cluster: Cluster
) -> None:
    """Two autoscalers would stop each other."""
    original = taken(api)
    api.store.remove(SCALED_OBJECTS, "web")
    Keda(api).look()
    api.store.put(users_hpa("another"))
    done = Work(api, cluster, original).step()
    assert (
        Progress(
            done=True,
            said="HorizontalPodAutoscaler web-cpu is gone, and HorizontalPodAutoscaler another scales its workload now",
        )
        == done
    )
    assert ["another"] == [one["metadata"]["name"] for one in api.store.all(HPAS)]


# replicas


@pytest.mark.parametrize(
    ("told", "status", "raised"),
    [
        pytest.param(None, {"currentReplicas": 12, "desiredReplicas": 12}, 12, id="as many as run"),
        pytest.param(None, {"currentReplicas": 12, "desiredReplicas": 14}, 14, id="as many as are wanted"),
        pytest.param(12, {"currentReplicas": 5}, None, id="its own word is newer"),
        pytest.param(12, {}, None, id="the workload's own word is newer than the caller's"),
        pytest.param(None, {"currentReplicas": 9}, None, id="as many as it allows"),
    ],
)
def test_a_maximum_below_what_runs_is_raised_to_it(
    api: ApiServer, cluster: Cluster, told: int | None, status: Object, raised: int | None
) -> None:
    """The HPA would cut the surplus at once; it is said at the write, and at the end."""
    work = Work(api, cluster, taken(api))
    api.store.put({**api.store.one(HPAS, "web-cpu"), "status": status})
    work.step(replicas=told)
    Keda(api).look()
    written, done = work.step(replicas=told), work.step(replicas=told)
    assert (raised, raised) == (written.raised, done.raised)
    assert (raised or 9) == api.store.one(HPAS, "web-cpu")["spec"]["maxReplicas"]
    assert ("its maximum is" in done.said) == (raised is not None)


def gone(api: ApiServer) -> None:
    """The ScaledObject was deleted with all that it owned."""
    api.store.remove(SCALED_OBJECTS, "web")
    Keda(api).look()
    assert [] == api.store.all(HPAS)


@pytest.mark.parametrize(
    ("version", "told", "raised"),
    [
        pytest.param("apps/v1", None, 30, id="by its scale"),
        pytest.param("apps/v1", 3, 30, id="and not by an old number"),
        pytest.param("apps/v1beta1", 20, 20, id="by the caller's word, where its version is not served"),
        pytest.param("apps/v1beta1", None, None, id="nobody knows"),
    ],
)
def test_an_hpa_that_is_made_again_cuts_nothing_either(
    api: ApiServer, cluster: Cluster, version: str, told: int | None, raised: int | None
) -> None:
    """No HPA can tell how many run: the workload itself is asked."""
    original = taken(api)
    gone(api)
    api.store.put(deployment("web", replicas=30))
    ref = {"apiVersion": version, "kind": "Deployment", "name": "web"}
    work = Work(api, cluster, replace(original, spec={**original.spec, "scaleTargetRef": ref}))
    assert raised == work.step(replicas=told).raised
    assert (raised or 9) == api.store.one(HPAS, "web-cpu")["spec"]["maxReplicas"]


@pytest.mark.parametrize("make", [taken, overwritten], ids=["hpa", "scaledobject"])
def test_what_went_with_its_workload_is_not_made_again(
    api: ApiServer, cluster: Cluster, make: Callable[[ApiServer], Original]
) -> None:
    """`kubectl delete -f` of a folder: what scales nothing would only be in the way of the next one."""
    original = make(api)
    for plural in (SCALED_OBJECTS, HPAS):
        for one in api.store.all(plural):
            api.store.put({**one, "metadata": {**one["metadata"], "finalizers": []}})
            api.store.remove(plural, one["metadata"]["name"])
    api.store.remove("deployments", "web")
    done = Work(api, cluster, original).step()
    assert done.done
    assert done.said.endswith("is gone, and so is its workload: it is not made again")
    assert [] == [*api.store.all(HPAS), *api.store.all(SCALED_OBJECTS)]


def test_a_scaled_object_that_kedas_webhook_will_not_take_without_its_workload_is_told(
    api: ApiServer, cluster: Cluster
) -> None:
    """It stays, for a person to delete; nothing waits for it. With the workload there a refusal is a refusal."""
    work = Work(api, cluster, overwritten(api))
    api.fail(
        SCALED_OBJECTS, 403, verb="update", message='admission webhook "v" denied the request: not found'
    )
    with pytest.raises(ClusterRefused):
        work.step()
    api.store.remove("deployments", "web")
    told = work.step()
    assert (True, True) == (told.done, told.stuck)
    assert told.said.startswith(
        "ScaledObject web-so scales a workload that is gone, and stays as it is: delete it"
    )


# a ScaledObject


def test_a_scaled_object_comes_back_where_it_stands(api: ApiServer, cluster: Cluster) -> None:
    """One write, and KEDA's finalizer stays: there is no moment without it."""
    work = Work(api, cluster, overwritten(api))
    assert not work.step().done
    assert Progress(done=True, said="ScaledObject web-so is as it was") == work.step()
    assert as_users(users_scaled_object()) == stands(api, "web-so")
    assert ["finalizer.keda.sh"] == api.store.one(SCALED_OBJECTS, "web-so")["metadata"]["finalizers"]
    assert ["update scaledobjects shop/web-so"] == work.writes()


def test_a_scaled_objects_maximum_is_raised_by_its_hpas_word(api: ApiServer, cluster: Cluster) -> None:
    """KEDA would hand its own to the HPA, which would cut at once."""
    work = Work(api, cluster, overwritten(api))
    api.store.put({**users_hpa("keda-hpa-web-so"), "status": {"currentReplicas": 13}})
    api.store.put({**api.store.one(SCALED_OBJECTS, "web-so"), "status": {"hpaName": "keda-hpa-web-so"}})
    assert 13 == work.step().raised
    assert 13 == work.step().raised
    assert 13 == api.store.one(SCALED_OBJECTS, "web-so")["spec"]["maxReplicaCount"]


def test_a_scaled_object_that_is_being_deleted_is_made_again_once_it_is_gone(
    api: ApiServer, cluster: Cluster
) -> None:
    """The workload is not to be left without the autoscaler it had."""
    work = Work(api, cluster, overwritten(api))
    api.store.remove(SCALED_OBJECTS, "web-so")
    assert "ScaledObject web-so is being deleted: it is made again once it is gone" == work.step().said
    assert [] == work.writes()
    Keda(api).look("web-so")
    work.step()
    assert work.step().done
    assert as_users(users_scaled_object()) == stands(api, "web-so")


def test_without_keda_a_scaled_object_cannot_be_made_again(api: ApiServer, cluster: Cluster) -> None:
    """KEDA was removed: there is nothing to put it into, and nothing to wait for."""
    original = overwritten(api)
    api.store.kinds = [one for one in api.store.kinds if one.plural != SCALED_OBJECTS]
    done = Work(api, cluster, original).step()
    assert done.done
    assert done.said.startswith("ScaledObject web-so cannot be made again: ")


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        pytest.param(
            {"autoscaling.keda.sh/paused": "true"}, {"autoscaling.keda.sh/paused": "true"}, id="paused"
        ),
        pytest.param(
            {"autoscaling.keda.sh/paused-scale-in": "true"},
            {"autoscaling.keda.sh/paused-scale-in": "true"},
            id="scale-in",
        ),
        pytest.param({}, {}, id="a pause that was taken away"),
    ],
)
def test_a_pause_of_somebodys_is_not_lifted(
    api: ApiServer, cluster: Cluster, now: dict[str, str], wanted: dict[str, str]
) -> None:
    """Who takes Helios out in an incident has not asked KEDA to go on."""
    original = replace(
        overwritten(api), annotations={"a": "b", "autoscaling.keda.sh/paused-scale-out": "true"}
    )
    live = api.store.one(SCALED_OBJECTS, "web-so")
    live["metadata"]["annotations"] = marks(original) | now
    api.store.put(live)
    work = Work(api, cluster, original)
    work.step()
    assert work.step().done
    assert {"a": "b"} | wanted == api.store.one(SCALED_OBJECTS, "web-so")["metadata"]["annotations"]
