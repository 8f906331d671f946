"""Giving back what something stands in the way of: refusals, forged originals, two processes at once, a KEDA that still writes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from helios.errors import ClusterForbidden, ClusterRefused, ClusterUnreachable
from helios.operator.adoptions import Original
from helios.operator.clusters import Cluster
from helios.operator.restorations import Progress, Restorer
from tests.operator.adopted import (
    HPA,
    HPAS,
    KEDA_FINALIZER,
    SCALED_OBJECTS,
    Keda,
    as_users,
    collect,
    overwritten,
    taken,
    users_hpa,
    users_scaled_object,
)
from tests.operator.api_server import ApiServer
from tests.operator.objects import deployment
from tests.operator.restoring import WRITES, Work, stands

# what stands in the way


@pytest.mark.parametrize("make", [taken, overwritten], ids=["hpa", "scaledobject"])
def test_where_the_namespace_ends_nothing_is_waited_for(
    api: ApiServer, cluster: Cluster, make: Callable[[ApiServer], Original]
) -> None:
    """A finalizer must not hold up its deletion for ever."""
    original = make(api)
    api.store.ending.add("shop")
    for plural in (SCALED_OBJECTS, HPAS):
        for one in api.store.all(plural):
            api.store.put({**one, "metadata": {**one["metadata"], "finalizers": []}})
            api.store.remove(plural, one["metadata"]["name"])
    done = Work(api, cluster, original).step()
    assert done.done
    assert "cannot be made again" in done.said


@pytest.mark.parametrize(
    ("code", "error"), [(403, ClusterForbidden), (422, ClusterRefused), (503, ClusterUnreachable)]
)
def test_a_refusal_is_the_callers_to_tell(
    api: ApiServer, cluster: Cluster, code: int, error: type[Exception]
) -> None:
    """And the next call begins anew from what stands there."""
    work = Work(api, cluster, overwritten(api))
    api.fail(SCALED_OBJECTS, code, verb="update")
    with pytest.raises(error):
        work.step()
    api.heal()
    work.step()
    assert work.step().done


# on whose word


def forged() -> Original:
    """What a tenant who may write HeliosTargets alone has put into an annotation."""
    return Original(kind=HPA, name="web-cpu", uid="", spec={**users_hpa()["spec"], "maxReplicas": 1})


def test_the_operator_writes_what_stands_with_the_object_and_not_what_a_tenant_says(
    api: ApiServer, cluster: Cluster
) -> None:
    """The copy that came with the object wins; an object without one is not written at all."""
    api.store.put(users_hpa())
    assert Work(api, cluster, forged()).step().done
    assert as_users(users_hpa()) == stands(api)
    taken(api)
    work = Work(api, cluster, forged())
    for _ in range(4):
        work.step()
        Keda(api).look()
    assert as_users(users_hpa()) == stands(api)


def credentialed() -> Original:
    """A ScaledObject that used the cluster's credentials, and is gone."""
    one = users_scaled_object()
    one["spec"]["triggers"][0]["authenticationRef"] = {"name": "p", "kind": "ClusterTriggerAuthentication"}
    one["metadata"] |= {"uid": "gone", "finalizers": []}
    return Original.of("ScaledObject", one)


@pytest.mark.parametrize("trusting", [False, True], ids=["operator", "command line"])
def test_no_scaled_object_with_the_clusters_credentials_is_made_on_an_annotations_word(
    api: ApiServer, cluster: Cluster, trusting: bool
) -> None:
    """They would go wherever it says. A person applies it by hand; then it is its user's own."""
    original = credentialed()
    api.store.put(deployment("web"))
    restorer = Restorer(cluster, trusting=trusting)
    told = restorer.restore("shop", original, None, None)
    assert (not trusting, trusting) == (told.done, told.stuck)
    assert "it uses ClusterTriggerAuthentication p, so apply it again by hand" in told.said
    assert [] == api.store.all(SCALED_OBJECTS)
    api.store.put({**users_scaled_object(), "spec": dict(original.spec)})
    assert restorer.restore("shop", original, None, None).done


def test_what_helios_made_where_nothing_was_is_not_overwritten_by_a_forged_original(
    api: ApiServer, cluster: Cluster
) -> None:
    """Not by the command line either: it bears a mark, but none of something taken over."""
    made = users_scaled_object()
    made["metadata"]["annotations"] = {"helios.dev/form": "forecast", "helios.dev/digest": "0"}
    api.store.put(made)
    told = Restorer(cluster, trusting=True).restore("shop", credentialed(), None, None)
    assert told.done
    assert made["spec"] == api.store.one(SCALED_OBJECTS, "web-so")["spec"]


@pytest.mark.parametrize("secret", [False, True], ids=["plain", "with the cluster's credentials"])
def test_a_copy_that_was_taken_off_by_hand_is_no_obstacle(
    api: ApiServer, cluster: Cluster, secret: bool
) -> None:
    """Its HeliosTarget holds another, which serves the operator too, but for credentials; until then nothing is forgotten."""
    original = overwritten(api)
    if secret:
        original = replace(original, spec=credentialed().spec)
    live = api.store.one(SCALED_OBJECTS, "web-so")
    del live["metadata"]["annotations"]["helios.dev/adopted"]
    api.store.put(live)
    first = Restorer(cluster).restore("shop", original, None, None, uid="uid-of-web")
    assert (False, secret) == (first.done, first.stuck)
    if secret:
        assert (
            "its own copy of what it was (helios.dev/adopted) was taken off: run helios release" in first.said
        )
        assert live["spec"] == api.store.one(SCALED_OBJECTS, "web-so")["spec"]
        Restorer(cluster, trusting=True).restore("shop", original, None, None)
    assert original.spec == api.store.one(SCALED_OBJECTS, "web-so")["spec"]


@pytest.mark.parametrize("make", [taken, overwritten], ids=["hpa", "scaledobject"])
@pytest.mark.parametrize("trusting", [False, True], ids=["operator", "release"])
def test_what_another_target_has_taken_over_is_left_to_it(
    api: ApiServer, cluster: Cluster, make: Callable[..., Original], trusting: bool
) -> None:
    """A target copied from YAML, annotation and all, or one that was late to forget: the other goes on undisturbed."""
    original = make(api, owner="uid-of-another")
    api.requests.clear()
    told = Restorer(cluster, trusting=trusting).restore("shop", original, None, None, uid="uid-of-web")
    what = f"{original.kind} {original.name}"
    assert Progress(done=True, said=f"{what} is another HeliosTarget's now, and is left to it") == told
    assert [] == [str(one) for one in api.requests if one.verb in WRITES]


def test_a_keda_that_is_slow_takes_no_hpa_with_it(api: ApiServer, cluster: Cluster) -> None:
    """Frozen for minutes, it writes what it read before: the HPA is put back once more, and only then the ScaledObject goes."""
    work = Work(api, cluster, taken(api))
    read = api.store.one(SCALED_OBJECTS, "web")
    for seconds in (0.0, 0.0, 31.0, 0.0):
        work.now += seconds
        done = work.step()
    assert (True, True) == (done.done, done.stuck)
    keda = Keda(api)
    keda.write(read=read)
    keda.look()
    collect(api)
    for _ in range(3):
        work.step()
        collect(api)
    assert as_users(users_hpa()) == stands(api)
    assert [] == api.store.all(SCALED_OBJECTS)


@pytest.mark.parametrize("seed", range(40))
def test_in_whatever_order_two_processes_keda_and_the_collector_act(
    api: ApiServer, cluster: Cluster, seed: int
) -> None:
    """An operator and the command line at once, a KEDA that writes what it read before: it is as it was, and never was gone."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    original = taken(api)
    keda, read = Keda(api), api.store.one(SCALED_OBJECTS, "web")
    uid = api.store.one(HPAS, "web-cpu")["metadata"]["uid"]
    works = [Work(api, cluster, original) for _ in range(2)]

    def late() -> None:
        """Of one object KEDA does one thing at a time: once its finalizer is off, nothing is under way."""
        if KEDA_FINALIZER in str(api.store.all(SCALED_OBJECTS)):
            keda.write(read=read)

    def crash() -> None:
        works[chance.randint(0, 1)] = Work(api, cluster, original)

    def step(which: int) -> None:
        works[which].step(managed=chance.random() < 0.5)

    acts = (lambda: step(0), lambda: step(1), keda.look, late, crash, lambda: collect(api))
    for _ in range(chance.randint(5, 40)):
        chance.choice(acts)()
    for _ in range(8):
        for act in (works[0].step, keda.look, lambda: collect(api)):
            act()
    assert works[0].step().done
    assert as_users(users_hpa()) == stands(api)
    assert uid == api.store.one(HPAS, "web-cpu")["metadata"]["uid"]
    assert [] == api.store.all(SCALED_OBJECTS)
