"""Two pods of Helios, one lease: only its holder publishes and writes, and whoever takes over goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime

import httpx
import pytest

from helios.operator.leases import RENEWED
from tests.cluster.audits import Request
from tests.cluster.conftest import NewPlace, Tell
from tests.cluster.control_planes import ControlPlane
from tests.cluster.helioses import STEP_SECONDS, USER
from tests.cluster.pairs import (
    LEASE_SECONDS,
    NAMES,
    REPLICAS,
    RETRY_SECONDS,
    SCRAPE_SECONDS,
    SLACK_SECONDS,
    TAKEOVER_SECONDS,
    Pair,
    Watch,
    paired,
)
from tests.cluster.proxies import Proxy
from tests.cluster.waits import wait_until

pytestmark = pytest.mark.timeout(900)

PARTITION_SECONDS = 30
"""Two periods of the HPA, as long as its window for scale-in, and as a request to the API server is waited for."""
WRITES = ("create", "update", "patch", "delete")


@pytest.fixture(scope="module")
def ways(plane: ControlPlane) -> Iterator[Mapping[str, Proxy]]:
    """Each pod's own way to the API server, which sees from where a request comes."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Proxy(plane.url, source=f"127.0.0.{n}"))
            for n, name in enumerate(NAMES, 2)
        }


@pytest.fixture(scope="module")
def scene(keda: object, new_place: NewPlace, ways: Mapping[str, Proxy]) -> Iterator[Pair]:
    """The first pod has scored for a while when the second, which knows nothing, comes beside it."""
    del keda
    with paired(new_place("two-pods"), {name: way.url for name, way in ways.items()}) as made:
        made.start("helios-0")
        wait_until(made.ledger_hours, 90, "the first has a ledger", accept=lambda h: h > 0, every=0.5)
        time.sleep(4 * STEP_SECONDS)
        made.start("helios-1")
        made.settled()
        yield made


@pytest.fixture(autouse=True)
def _whole(scene: Pair, ways: Mapping[str, Proxy]) -> None:
    """What a test before this one has killed, frozen, ended or cut is there again, and one of the two holds the lease."""
    for way in ways.values():
        way.heal()
    if not scene.plane.apiserver.running:
        scene.plane.apiserver.start()
    for name in scene.pods:
        scene.start(name)
    scene.settled()
    scene.warmed()


def test_the_second_pod_stands_by_and_shows_what_the_first_one_says(scene: Pair) -> None:
    """It has no gauge of a target, holds no lease, and answers as the holder does; its page's stream goes on."""
    assert "helios-0" == scene.holder
    other = scene.pods["helios-1"]
    for url in (other.url, other.operator_url):
        text = httpx.get(f"{url}/metrics", trust_env=False).text
        assert "helios_scaling_signal{" not in text
        assert "helios_lease_held 0.0" in text
    for path in ("/targets", f"/targets/{scene.namespace}/web", f"/targets/{scene.namespace}/web/history"):
        scene.show_the_same(path)
    with httpx.stream("GET", f"{other.url}/events", timeout=20, trust_env=False) as stream:
        cycles = (line for line in stream.iter_lines() if line.startswith("data:"))
        assert next(cycles) != next(cycles)


def test_a_holder_that_is_killed_is_followed_within_the_leases_time(scene: Pair, tell: Tell) -> None:
    """-9, the whole pod: the other publishes, nothing scales in, and the ledger goes on, though it began later."""
    gone, heir = scene.holder, scene.standby()
    hours = scene.ledger_hours()
    with Watch(scene.plane, scene.namespace) as watch:
        scene.pods[gone].operator.kill()
        scene.pods[gone].serve.kill()
        killed = time.time()
        took = scene.taken_over(heir, killed, LEASE_SECONDS)
        taken = scene.ledger_goes_on(hours)
        time.sleep(30)  # two periods of the HPA, and as long as its window for scale-in
    tell({"seconds_to_takeover": round(took, 1), "hours_before": hours, "hours_after": taken})
    assert TAKEOVER_SECONDS >= took
    assert min(watch.seen) >= REPLICAS
    scene.start(gone)
    scene.settled()
    assert heir == scene.holder


def test_a_holder_that_freezes_is_silent_with_its_first_answer_after_the_thaw(scene: Pair) -> None:
    """The other has taken over meanwhile; the old one writes and publishes nothing more, and follows it."""
    frozen, heir = scene.holder, scene.standby()
    with Watch(scene.plane, scene.namespace) as watch:
        scene.pods[frozen].operator.freeze()
        since = time.time()
        scene.taken_over(heir, since, LEASE_SECONDS)
        scene.pods[frozen].operator.thaw()
        for _ in range(50):
            text = httpx.get(f"{scene.pods[frozen].operator_url}/metrics", trust_env=False).text
            assert "helios_scaling_signal{" not in text
            assert "helios_lease_held 0.0" in text
        scene.settled()
    assert min(watch.seen) >= REPLICAS
    assert heir == scene.holder
    scene.show_the_same()


@pytest.mark.parametrize(
    "fail",
    [
        pytest.param(Proxy.cut, id="refused"),
        pytest.param(Proxy.hang, id="silent"),
        pytest.param(Proxy.lose_answers, id="answers lost"),
    ],
)
def test_a_holder_that_is_cut_off_from_the_api_server_is_silent_before_the_other_begins(
    scene: Pair, ways: Mapping[str, Proxy], fail: Callable[[Proxy], None], tell: Tell
) -> None:
    """Only its way fails: the other takes over, nothing scales in, its page says so, and once it is back it stands by."""
    gone, heir = scene.holder, scene.standby()
    hours, most, mark = scene.ledger_hours(), scene.most(), scene.plane.audit.mark()
    with Watch(scene.plane, scene.namespace) as watch:
        fail(ways[gone])
        cut = time.time()
        took = scene.taken_over(heir, cut, LEASE_SECONDS)
        scene.ledger_goes_on(hours)
        keeps_silent(scene, gone)
        # what the one that is cut off does not know, and would set back
        wish = json.dumps({"spec": {"replicas": {"max": most + 1}}})
        scene.plane.kubectl(
            "patch", "heliostarget/web", "--namespace", scene.namespace, "--type=merge", f"--patch={wish}"
        )
        wait_until(scene.most, 60, "the other writes", accept=lambda now: now == most + 1, every=0.2)
        time.sleep(max(0.0, cut + PARTITION_SECONDS - time.time()))
        assert "False" == scene.fallback()
        ways[gone].heal()
        healed = time.time()
        page = scene.show_the_same()
        followed = time.time() - healed
        scene.warmed()
    silent = max(when for when in scene.spoken()[gone] if when < healed) - cut
    figures = {"silent_after": silent, "spoken_after": took, "followed_after": followed}
    asked = scene.plane.audit.requests(user=USER, since=mark)
    writes = [one for one in asked if one.verb in WRITES and _when(one) > cut + took]
    late = [one for one in writes if one.source == ways[gone].source]
    tell(
        {
            **{name: round(value, 1) for name, value in figures.items()},
            "late_renewals": [one.code for one in late if _is_of_lease(one)],
        }
    )
    assert RENEWED * LEASE_SECONDS >= silent
    assert TAKEOVER_SECONDS + RETRY_SECONDS >= took  # a renewal whose answer is lost counts for the other
    assert scene.spoken()[gone][-1] < cut + took
    assert heir == scene.holder
    assert "lease" not in page["faults"]
    assert min(watch.seen) >= REPLICAS
    assert {ways[heir].source} == {one.source for one in writes if 200 <= one.code < 300}
    assert [] == [one for one in late if not _is_of_lease(one)]
    assert most + 1 == scene.most()


def keeps_silent(scene: Pair, gone: str) -> None:
    """No gauge of a target, no number to act on, and a page that goes on and says so."""
    for url in (scene.pods[gone].url, scene.pods[gone].operator_url):
        assert "helios_scaling_signal{" not in httpx.get(f"{url}/metrics", trust_env=False).text
    assert "lease" in scene.shown(gone, "/targets")["faults"]
    number = f"{scene.pods[gone].url}/targets/{scene.namespace}/web/replicas"
    assert 503 == httpx.get(number, trust_env=False).status_code


def _when(one: Request) -> float:
    return datetime.fromisoformat(one.when).timestamp()


def _is_of_lease(one: Request) -> bool:
    return one.resource == "leases.coordination.k8s.io"


def test_a_holder_that_is_told_to_end_gives_the_lease_up(scene: Pair, tell: Tell) -> None:
    """After its last pass: the other takes over in about a retry period, not in the lease's time."""
    ended, heir = scene.holder, scene.standby()
    hours = scene.ledger_hours()
    with Watch(scene.plane, scene.namespace) as watch:
        told = time.time()
        assert 0 == scene.pods[ended].operator.stop()
        scene.taken_over(heir, told, LEASE_SECONDS)
        words = scene.spoken()
        scene.ledger_goes_on(hours)
    took = min(when for when in words[heir] if when > told) - max(words[ended])
    tell({"seconds_between_their_last_and_first_numbers": round(took, 1)})
    assert 1.2 * RETRY_SECONDS + SCRAPE_SECONDS + SLACK_SECONDS >= took
    assert min(watch.seen) >= REPLICAS
    assert "Traceback" not in scene.pods[ended].operator.log.read_text()


def test_without_an_api_server_both_are_silent_and_one_goes_on_when_it_is_back(scene: Pair) -> None:
    """Nobody could take over, and nobody can know: nothing is published, nothing scales, and the page goes on."""
    scene.plane.apiserver.kill()
    scene.outages.append(time.time())
    wait_until(
        scene.published, LEASE_SECONDS, "the gauge vanishes", accept=lambda there: not there, every=0.2
    )
    for one in scene.pods.values():
        assert "helios_lease_held 0.0" in httpx.get(f"{one.operator_url}/metrics", trust_env=False).text
    both = wait_until(
        lambda: [scene.shown(name, "/targets") for name in scene.pods],
        20,
        "both pages go on, and say so",
        accept=lambda seen: all("lease" in one["faults"] for one in seen),
        every=0.2,
    )
    assert [["web"]] * 2 == [[target["deployment"] for target in one["targets"]] for one in both]
    scene.plane.apiserver.start()
    scene.outages.append(time.time())
    wait_until(scene.published, 30, "the gauge is back", every=0.2)
    scene.settled()  # whoever asks first after an outage longer than the lease may have it


def test_never_did_two_speak_at_a_time(scene: Pair, tell: Tell) -> None:
    """By every sample that Prometheus has stored: a pod's numbers end before another's begin."""
    speakers = scene.speakers()
    assert set(scene.pods) == set(speakers)
    assert 9 >= len(speakers)
    assert 1.0 == scene.most_at_a_time()
    tell({"speakers": speakers})


def test_nothing_of_all_this_was_forbidden(scene: Pair) -> None:
    """Not one request, under the shipped roles; a server that has just begun knows no roles yet."""
    began, ready = scene.outages
    refused = scene.plane.audit.forbidden(user=USER, since=scene.mark)
    assert [] == [one for one in refused if not began <= _when(one) <= ready + 5]
