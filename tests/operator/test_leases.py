"""Of several operators one acts: who takes the lease, how long it may believe so, and who comes after it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from helios.operator.clusters import Cluster
from helios.operator.leases import Candidacy, Elector, elapsed
from tests.operator.api_server import ApiServer
from tests.operator.api_stores import Kind
from tests.operator.objects import NOW, Object

LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
SECONDS = 15.0


@dataclass
class Time:
    """Time that passes when it is told to; the wall's is far from it, and differs from pod to pod."""

    now: float = 1000.0

    def timer(self) -> float:
        """Seconds that only move forward."""
        return self.now

    def passes(self, seconds: float) -> None:
        """It does."""
        self.now += seconds


class Pods:
    """Pods that want one lease of one API server."""

    def __init__(self, api: ApiServer) -> None:
        self.api, self.time = api, Time()
        self.followed: dict[str, list[str | None]] = {}
        self.doors: list[Cluster] = []

    def pod(
        self,
        name: str,
        *,
        seconds: float = SECONDS,
        wall: float = NOW,
        won: Callable[[], None] = lambda: None,
    ) -> Elector:
        """One of them."""
        door = Cluster.of(self.api.configuration(), seconds=1.0)
        self.doors.append(door)
        who = Candidacy("helios", "helios", name, f"http://{name}:8081", seconds)
        told, began = self.followed.setdefault(name, []), self.time.now
        return Elector(
            who,
            door,
            follow=told.append,
            won=won,
            timer=self.time.timer,
            wall=lambda: wall + self.time.now - began,
            chance=lambda: 0.5,
        )

    @property
    def lease(self) -> Object:
        """As it stands at the API server."""
        return self.api.store.one("leases", "helios", "helios")

    @property
    def holder(self) -> str:
        """Who holds it, by the record."""
        return str(self.lease["spec"]["holderIdentity"])


@pytest.fixture
def pods(api: ApiServer) -> Iterator[Pods]:
    api.store.kinds.append(LEASE)
    made = Pods(api)
    yield made
    for door in made.doors:
        door.close()


def test_the_first_to_ask_takes_the_lease_and_says_where_it_is(pods: Pods) -> None:
    """The record is as client-go writes it, with the address beside it."""
    one = pods.pod("a")
    assert one.attempt()
    assert one.held()
    assert {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-03-01T12:00:00.000000Z",
        "renewTime": "2026-03-01T12:00:00.000000Z",
        "leaseTransitions": 0,
    } == pods.lease["spec"]
    assert {"helios.dev/url": "http://a:8081"} == pods.lease["metadata"]["annotations"]


def test_of_two_only_one_acts_and_the_other_knows_where_it_is(pods: Pods) -> None:
    """The second one does not get it, and follows the first."""
    one, two = pods.pod("a"), pods.pod("b")
    assert [True, False] == [one.attempt(), two.attempt()]
    assert [True, False] == [one.held(), two.held()]
    assert [[None], ["http://a:8081"]] == [pods.followed["a"], pods.followed["b"]]


def test_a_lease_that_is_renewed_stays(pods: Pods) -> None:
    """However long it goes on, nobody takes it, and it does not change hands."""
    one, two = pods.pod("a"), pods.pod("b")
    for _ in range(20):
        assert one.attempt()
        assert not two.attempt()
        pods.time.passes(one.pause())
    assert ("a", 0) == (pods.holder, pods.lease["spec"]["leaseTransitions"])


def test_a_holder_that_dies_is_followed_within_the_leases_time_and_a_retry(pods: Pods) -> None:
    """Whoever stands by waits from when it saw the record change, and is there when that time is over."""
    one, two = pods.pod("a"), pods.pod("b")
    one.attempt()
    died, tries = pods.time.now, 0
    while not two.attempt():
        tries += 1
        pods.time.passes(two.pause())
    assert pytest.approx(SECONDS) == pods.time.now - died
    assert ("b", 1) == (pods.holder, pods.lease["spec"]["leaseTransitions"])
    assert "http://b:8081" == pods.lease["metadata"]["annotations"]["helios.dev/url"]
    assert 8 >= tries


def test_the_times_in_the_record_are_not_believed(pods: Pods) -> None:
    """A pod whose clock is hours ahead, or behind, neither loses the lease for that nor takes it."""
    one, two, three = pods.pod("a", wall=NOW - 9e4), pods.pod("b", wall=NOW + 9e4), pods.pod("c", wall=NOW)
    assert [True, False, False] == [pod.attempt() for pod in (one, two, three)]


def test_a_holder_that_was_frozen_is_silent_the_moment_it_is_thawed(pods: Pods) -> None:
    """Before it has asked anybody: its last renewal is too long ago by its own clock."""
    one, two = pods.pod("a"), pods.pod("b")
    one.attempt()
    two.attempt()
    pods.time.passes(SECONDS)
    assert not one.held()
    assert two.attempt()
    assert [False, True] == [one.held(), two.held()]
    assert not one.attempt()
    assert [False, True] == [one.held(), two.held()]
    assert "http://b:8081" == pods.followed["a"][-1]


def test_a_holder_is_silent_before_another_can_begin_at_every_moment(pods: Pods) -> None:
    """Whenever the holder's renewals end and whenever the other looks: there are never two."""
    for offset in range(30):
        one, two = pods.pod(f"a{offset}"), pods.pod(f"b{offset}")
        pods.api.store.objects.pop(LEASE, None)
        one.attempt()
        pods.time.passes(offset / 7)
        for _ in range(200):
            two.attempt()
            assert [True, True] != [one.held(), two.held()]
            if two.held():
                break
            pods.time.passes(0.1)
        assert two.held()


def test_a_renewal_counts_from_before_it_was_asked_for(pods: Pods) -> None:
    """An answer that takes eight seconds leaves two of the ten in which the holder believes it."""
    one = pods.pod("a")
    one.attempt()
    slow = pods.doors[0]
    replace = slow.replace

    class Slow:
        """The door, through which an answer takes eight seconds."""

        get, create, close = slow.get, slow.create, slow.close

        def replace(self, manifest: Object) -> Object:
            answer = replace(manifest)
            pods.time.passes(8)
            return answer

    two = Elector(Candidacy("helios", "helios", "a", "http://a:8081", SECONDS), Slow(), timer=pods.time.timer)
    assert two.attempt()
    assert two.held()
    pods.time.passes(2.1)
    assert not two.held()


def test_a_holder_that_cannot_renew_is_silent_and_goes_on_where_nobody_came(pods: Pods) -> None:
    """Without an API server nobody can take over, and nobody can know: all are silent until it is back."""
    one, two = pods.pod("a"), pods.pod("b")
    one.attempt()
    two.attempt()
    pods.api.fail("leases", 503)
    pods.time.passes(9)
    assert [False, False] == [one.attempt(), two.attempt()]
    assert one.held()
    pods.time.passes(2)
    assert [False, False] == [one.held(), two.held()]
    pods.api.heal()
    assert one.attempt()
    assert one.held()
    assert ("a", 0) == (pods.holder, pods.lease["spec"]["leaseTransitions"])


def test_a_lease_that_is_given_up_is_taken_with_the_next_try(pods: Pods) -> None:
    """Who gives it up is silent first; the record is empty, and counts for one second."""
    one, two = pods.pod("a"), pods.pod("b")
    one.attempt()
    two.attempt()
    one.release()
    assert ("", 1) == (pods.holder, pods.lease["spec"]["leaseDurationSeconds"])
    assert "helios.dev/url" not in pods.lease["metadata"]["annotations"]
    assert not one.held()
    pods.time.passes(two.pause())
    assert two.attempt()
    assert SECONDS / 5 > two.pause()
    assert 1 == pods.lease["spec"]["leaseTransitions"]


def test_one_that_stands_by_gives_up_nothing(pods: Pods) -> None:
    """Its end leaves the holder's record as it is."""
    one, two = pods.pod("a"), pods.pod("b")
    one.attempt()
    two.attempt()
    before = pods.lease
    two.release()
    assert before == pods.lease


def test_a_container_that_was_restarted_in_its_pod_goes_on_at_once(pods: Pods) -> None:
    """By the identity of its pod, which no other process can have; the lease does not change hands."""
    pods.pod("helios-0_uid").attempt()
    again = pods.pod("helios-0_uid")
    assert again.attempt()
    assert 0 == pods.lease["spec"]["leaseTransitions"]


def test_two_that_ask_at_the_same_time_do_not_both_get_it(pods: Pods) -> None:
    """Each write is refused where somebody else has written since: twenty ask at once, over real connections."""
    candidates = [pods.pod(f"pod-{n}") for n in range(20)]
    begin = threading.Barrier(len(candidates))

    def ask(one: Elector) -> None:
        begin.wait()
        one.attempt()

    threads = [threading.Thread(target=ask, args=(one,)) for one in candidates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [f"{pods.holder}"] == [f"pod-{n}" for n, one in enumerate(candidates) if one.held()]


def test_a_lease_that_somebody_deletes_or_writes_over_is_looked_at_anew(pods: Pods) -> None:
    """Deleted, it is made again; given to another by hand, it is that other's."""
    one = pods.pod("a")
    one.attempt()
    pods.api.store.remove("leases", "helios", "helios")
    assert one.attempt()
    given = pods.lease
    given["spec"]["holderIdentity"] = "somebody"
    del given["metadata"]["resourceVersion"]
    pods.api.store.put(given)
    assert not one.attempt()
    assert not one.held()


def test_who_deletes_the_lease_does_not_make_two_of_one(pods: Pods) -> None:
    """Who stands by waits as for a holder that has died, for that one may not know yet; it is back with its own next try."""
    one, two = pods.pod("a"), pods.pod("b")
    assert [True, False] == [one.attempt(), two.attempt()]
    pods.api.store.remove("leases", "helios", "helios")
    pods.time.passes(9.0)
    assert [True, False, False] == [one.held(), two.attempt(), two.held()]
    assert [] == pods.api.store.all("leases")
    pods.time.passes(6.0)
    assert [False, True] == [one.held(), two.attempt()]
    assert not one.attempt()
    pods.api.store.remove("leases", "helios", "helios")
    assert [False, True] == [one.attempt(), two.attempt()]
    assert "b" == pods.holder


def test_what_others_wrote_into_the_lease_stays(pods: Pods) -> None:
    """Labels and annotations of its metadata are not ours."""
    one = pods.pod("a")
    one.attempt()
    edited = pods.lease
    edited["metadata"] |= {
        "labels": {"team": "x"},
        "annotations": {"note": "y", "helios.dev/url": "http://a:8081"},
    }
    del edited["metadata"]["resourceVersion"]
    pods.api.store.put(edited)
    assert one.attempt()
    assert {"team": "x"} == pods.lease["metadata"]["labels"]
    assert "y" == pods.lease["metadata"]["annotations"]["note"]


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="empty"),
        pytest.param({"holderIdentity": None, "leaseTransitions": None}, id="nulls"),
        pytest.param({"holderIdentity": ""}, id="nobody"),
    ],
)
def test_a_lease_that_nobody_holds_is_taken(pods: Pods, spec: Object) -> None:
    """As an administrator, or another tool, may have made it."""
    metadata = {"name": "helios", "namespace": "helios"}
    pods.api.store.put(
        {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
    )
    assert pods.pod("a").attempt()
    assert ("a", 1) == (pods.holder, pods.lease["spec"]["leaseTransitions"])


def test_another_lease_time_of_the_holder_is_respected(pods: Pods) -> None:
    """While the setting is being changed pod by pod, the holder's own promise counts."""
    one, two = pods.pod("a", seconds=60), pods.pod("b", seconds=15)
    one.attempt()
    two.attempt()
    pods.time.passes(59)
    assert not two.attempt()
    pods.time.passes(1.1)
    assert two.attempt()


def test_rights_that_are_missing_are_said_once(pods: Pods, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line with the remedy, and the tries go on."""
    pods.api.fail("leases", 403)
    one = pods.pod("a")
    assert [False] * 3 == [one.attempt() for _ in range(3)]
    said = [line for line in capsys.readouterr().out.splitlines() if "may not get leases" in line]
    assert 1 == len(said)
    assert one.looked.is_set()


def test_whoever_takes_the_lease_is_told_so_once(pods: Pods) -> None:
    """A cycle is due then; a renewal is no news, nor is one after a silence in which nobody else came."""
    taken: list[float] = []
    one = pods.pod("a", won=lambda: taken.append(pods.time.now))
    for _ in range(3):
        one.attempt()
    assert [1000.0] == taken
    pods.time.passes(60)
    assert one.attempt()
    assert [1000.0] == taken


def test_a_thread_renews_until_it_is_told_to_stop_and_then_gives_it_up(pods: Pods) -> None:
    """In real time, with a lease of three seconds."""
    who = Candidacy("helios", "helios", "a", "http://a:8081", 3.0)
    door = Cluster.of(pods.api.configuration(), seconds=1.0)
    one, stop = Elector(who, door), threading.Event()
    thread = threading.Thread(target=one.run, args=(stop,))
    thread.start()
    assert one.looked.wait(5)
    time.sleep(1.0)
    assert one.held()
    renewals = len(pods.api.asked("update", "leases"))
    stop.set()
    thread.join(5)
    assert 2 <= renewals <= 4
    assert ("", False) == (pods.holder, one.held())


def test_the_clock_of_the_lease_only_moves_forward() -> None:
    """And measures seconds."""
    before = elapsed()
    time.sleep(0.05)
    assert 0.04 < elapsed() - before < 2


def test_a_lease_that_is_reached_again_is_said_once_with_who_holds_it(
    pods: Pods, capsys: pytest.CaptureFixture[str]
) -> None:
    """After an outage, or a partition in which another took it: who reads the log knows whom this one follows."""
    one, two = pods.pod("a"), pods.pod("b")
    one.attempt()
    two.attempt()
    pods.api.fail("leases", 503)
    one.attempt()
    pods.time.passes(SECONDS)
    pods.api.heal()
    assert [True, False, False] == [two.attempt(), one.attempt(), one.attempt()]
    said = [line for line in capsys.readouterr().out.splitlines() if "lease reached again" in line]
    assert [True] == ["holder=b" in line for line in said]
