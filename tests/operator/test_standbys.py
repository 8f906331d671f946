"""The operator that stands by: silent, warm, and showing what the holder of the lease says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from helios import snapshots
from helios.api import wires
from helios.api.doors import Held
from helios.api.live import Live
from helios.api.problems import Problem
from helios.api.relays import relaying
from helios.errors import ClusterUnreachable
from helios.operator.clusters import Cluster
from helios.operator.standbys import LAPSED, NOBODY, Heir, LeasedView, Peer
from scoring.errors import InvalidState
from scoring.states import decided
from tests.api.builders import CannedLive
from tests.api.conftest import QUICK, STEADY, eventually, serving
from tests.api.impostors import Manners, impostor, silent, trickling
from tests.api.operators import Operator, operating
from tests.operator.api_server import ApiServer
from tests.operator.objects import deployment
from tests.scoring.builders import MemorySource
from tests.scoring.test_scorer import Run
from tests.scoring.test_successions import spanned
from tests.ui.builders import NOW, critical, report

OWN, HOLDERS = report(), critical(report("saleor-worker"))


def canned(*reports: object, cycle: int = 7) -> CannedLive:
    """A loop that knows these."""
    return CannedLive({(one.namespace, one.deployment): one for one in reports}, cycle=cycle)  # type: ignore[attr-defined]


@dataclass
class Office:
    """Whether an operator holds the lease, and whether it is the last one that did, as a test says."""

    holds: list[bool]
    recorded: list[bool]

    def held(self) -> bool:
        """As said."""
        return self.holds[0]

    def lapsed(self) -> bool:
        """As said."""
        return self.recorded[0] and not self.holds[0]


@dataclass
class Passing:
    """An operator whose lease passes from one look to the next."""

    looks: Iterator[bool]

    def held(self) -> bool:
        """The next look."""
        return next(self.looks)

    def lapsed(self) -> bool:
        """It does not matter."""
        return False


@dataclass
class Pod:
    """An operator that can be given the lease, and its server."""

    own: Live
    peer: Peer
    view: LeasedView
    operator: Operator
    holds: list[bool]
    recorded: list[bool]

    def metrics(self) -> str:
        """What is served on its port."""
        return httpx.get(f"{self.operator.url}/metrics").text


NewPod = Callable[..., Pod]


@pytest.fixture
def pod() -> Iterator[NewPod]:
    """Run operators of one cluster."""
    with ExitStack() as stack:

        def made(own: Live, *, holds: bool, state: bytes = b"") -> Pod:
            held, recorded, peer = [holds], [False], Peer(replace(STEADY, state=5.0))
            stack.callback(peer.follow, None)
            view = LeasedView(own, Office(held, recorded), lambda: peer.relay, lambda: NOW)
            told = Held(view, lambda: state, view.refuse)
            return Pod(own, peer, view, stack.enter_context(operating(view, held=told)), held, recorded)

        yield made


def test_who_stands_by_has_no_gauges_at_once(pod: NewPod) -> None:
    """The scrape after the lease is lost finds none of a target, and the loop's as ever; it is not ready for less."""
    one = pod(canned(OWN), holds=True)
    assert "helios_recommended_replicas{" in one.metrics()
    one.holds[0] = False
    assert "helios_recommended_replicas{" not in one.metrics()
    assert "helios_targets{" in one.metrics()
    assert 200 == httpx.get(f"{one.operator.url}/ready").status_code


def test_a_lease_that_is_lost_while_the_gauges_are_written_costs_them_too() -> None:
    """A process that was frozen in the midst of an answer does not end it."""
    held = iter([True, False])
    view = LeasedView(canned(OWN), Passing(held), lambda: None, lambda: NOW)
    assert b"" == view.exposition(NOW)


def test_serve_beside_who_stands_by_shows_what_serve_beside_the_holder_shows(pod: NewPod) -> None:
    """Targets, one target, its history, and the number of the cycle for the page's stream; gauges only here or there."""
    holder, other = pod(canned(HOLDERS, cycle=41), holds=True), pod(canned(OWN, cycle=7), holds=False)
    other.peer.follow(holder.operator.url)
    with (
        relaying(holder.operator.url, STEADY) as first,
        relaying(other.operator.url, STEADY) as second,
        serving(first) as here,
        serving(second) as there,
    ):
        for path in (
            "/targets",
            "/targets/saleor/saleor-worker",
            "/targets/saleor/saleor-api",
            "/targets/saleor/saleor-worker/history?points=60",
            "/targets/saleor/saleor-worker/replicas",
        ):
            mine, theirs = here.get(path), there.get(path)
            assert (mine.status_code, mine.json()) == (theirs.status_code, theirs.json())
        eventually(lambda: second.cycles() == 41, 20)
        assert "helios_recommended_replicas" in here.families()
        assert "helios_recommended_replicas" not in there.families()


def test_a_holder_that_is_away_is_named_to_whoever_asks(pod: NewPod) -> None:
    """503 in the words of who stands by, through its relay too; nothing of its own is shown instead."""
    holder, other = pod(canned(HOLDERS), holds=True), pod(canned(OWN), holds=False)
    other.peer.follow(holder.operator.url)
    holder.operator.stop()
    with relaying(other.operator.url, STEADY) as relay, serving(relay) as there:
        answer = there.get("/targets")
        assert 503 == answer.status_code
        assert holder.operator.url in answer.json()["detail"]


def test_without_a_holder_it_says_so(pod: NewPod) -> None:
    """The API server is away, or nobody has come yet: 503, a fault, and no answer of its own."""
    one = pod(canned(OWN), holds=False)
    with pytest.raises(Problem, match="does not hold the lease"):
        one.view.reports()
    assert {"lease": NOBODY} == one.view.faults()


def test_a_holder_that_could_not_renew_goes_on_showing_what_it_knows_and_lets_nobody_act_on_it(
    pod: NewPod,
) -> None:
    """The API server is away, just when one wants to look: the page has its targets, KEDA has no number, and it says why."""
    one = pod(canned(OWN), holds=True)
    one.holds[0], one.recorded[0] = False, True
    with relaying(one.operator.url, STEADY) as relay, serving(relay) as api:
        eventually(lambda: "lease" in relay.faults(), 20)
        assert LAPSED == relay.faults()["lease"]
        shown = api.get("/targets").json()["targets"]
        assert [OWN.deployment] == [target["deployment"] for target in shown]
        assert 200 == api.get("/targets/saleor/saleor-api/history").status_code
        refused = api.get("/targets/saleor/saleor-api/replicas")
        assert 503 == refused.status_code
        assert "cannot know whether another" in refused.json()["detail"]
        assert "helios_recommended_replicas" not in api.families()


def test_who_stands_by_shows_what_such_a_holder_shows(pod: NewPod) -> None:
    """Without an API server the record stands: both pages are the same."""
    holder, other = pod(canned(HOLDERS), holds=False), pod(canned(OWN), holds=False)
    holder.recorded[0] = True
    other.peer.follow(holder.operator.url)
    assert [HOLDERS.deployment] == [one.deployment for one in other.view.reports()]
    eventually(lambda: "lease" in other.view.faults(), 20)


def test_no_request_that_writes_leaves_once_the_lease_is_lost(api: ApiServer) -> None:
    """Not even in the midst of one target: it is asked before each; what is read goes on."""
    held = [True]
    api.store.put(deployment("web"))
    with Cluster.of(api.configuration(), seconds=2.0, writes=lambda: held[0]) as door:
        door.create_event("shop", {"metadata": {"name": "one"}, "apiVersion": "v1", "kind": "Event"})
        held[0] = False
        manifest = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop"},
        }
        for write in (
            lambda: door.create_event("shop", {"metadata": {"name": "two"}}),
            lambda: door.apply(manifest),
            lambda: door.create(manifest),
            lambda: door.replace(manifest),
            lambda: door.delete("apps/v1", "deployments", "shop", "web", "uid"),
            lambda: door.patch_status("shop", "web", {}),
        ):
            with pytest.raises(ClusterUnreachable, match="does not hold the lease"):
                write()
        assert "web" == door.get("apps/v1", "deployments", "shop", "web")["metadata"]["name"]
    writes = [asked for asked in api.requests if asked.verb not in {"get", "list"}]
    assert ["create"] == [asked.verb for asked in writes]


def test_who_takes_over_shows_its_own(pod: NewPod) -> None:
    """From one answer to the next, and the relay to the old holder is gone."""
    holder, other = pod(canned(HOLDERS), holds=True), pod(canned(OWN), holds=False)
    other.peer.follow(holder.operator.url)
    assert [HOLDERS] == list(other.view.reports())
    other.holds[0] = True
    other.peer.follow(None)
    assert [OWN] == list(other.view.reports())
    assert other.peer.relay is None


def test_two_that_take_each_other_for_the_holder_do_not_ask_in_a_circle(pod: NewPod) -> None:
    """What one operator asks another is never passed on: whoever does not hold the lease refuses."""
    one, two = pod(canned(OWN), holds=False), pod(canned(HOLDERS), holds=False)
    one.peer.follow(two.operator.url)
    two.peer.follow(one.operator.url)
    for pod_ in (one, two):
        with pytest.raises(Problem, match="this operator does not hold the lease"):
            pod_.view.reports()
    for path in ("status", "state", "reports"):
        assert 503 == httpx.get(f"{one.operator.url}{wires.HELD}/{path}").status_code


def test_an_operator_without_a_lease_tells_no_other(pod: NewPod) -> None:
    """There is no such door."""
    del pod
    with operating(canned(OWN)) as alone:
        assert 404 == httpx.get(f"{alone.url}{wires.HELD}/state").status_code


def test_an_address_that_is_none_is_said_and_survived(
    pod: NewPod, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stands in the Lease's annotation."""
    one = pod(canned(OWN), holds=False)
    one.peer.follow("http://[::1")
    assert one.peer.relay is None
    assert "operator.lease.url" in capsys.readouterr().out


@pytest.fixture(scope="module")
def lived() -> Run:
    """A loop that has run for a quarter of a day; not to be run on."""
    run = Run(MemorySource()).warm()
    run.cycle(12)
    return run


def stored(run: Run, folder: Path) -> bytes:
    """What the holder hands over: its file of the last cycle."""
    snapshots.save(folder, snapshots.STATE, decided(run.scorer))
    return snapshots.stored(folder, snapshots.STATE)


def test_who_stands_by_takes_what_the_holder_decided_over_http(
    pod: NewPod, lived: Run, tmp_path: Path
) -> None:
    """Its file as it is, verified: the ledger is the holder's."""
    holder = pod(canned(OWN), holds=True, state=stored(lived, tmp_path))
    other = pod(canned(OWN), holds=False)
    other.peer.follow(holder.operator.url)
    run = Run(MemorySource())
    Heir(lambda: False, lambda: other.peer.relay).inherit(run.scorer, lived.now)
    assert spanned(lived) == spanned(run)


@dataclass
class Giving:
    """A holder that hands over what it was given."""

    content: bytes | Exception

    def state(self, most: int) -> bytes:
        """That."""
        del most
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "scoring.state_path", id="keeps nothing"),
        pytest.param(b"not a state", "checksum", id="no state"),
        pytest.param(Problem(503, "the operator at X gave no answer"), "gave no answer", id="away"),
        pytest.param(InvalidState("of another format: starting cold"), "of another format", id="other"),
        pytest.param(RuntimeError("whatever"), "RuntimeError: whatever", id="anything"),
    ],
)
def test_a_holder_that_cannot_hand_over_costs_nothing_and_is_said_once(
    content: bytes | Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The own memory stays, and one line says why."""
    run = Run(MemorySource()).warm()
    run.cycle(3)
    before = spanned(run)
    heir = Heir(lambda: False, lambda: Giving(content))
    for _ in range(3):
        heir.inherit(run.scorer, run.now)
    assert before == spanned(run)
    lines = capsys.readouterr().out.splitlines()
    assert 1 == len(lines)
    assert said in lines[0]


def test_who_holds_the_lease_takes_nothing_from_anybody(lived: Run, tmp_path: Path) -> None:
    """Not even where the old holder still answers."""
    run, content = Run(MemorySource()), stored(lived, tmp_path)
    Heir(lambda: True, lambda: Giving(content)).inherit(run.scorer, lived.now)
    assert [0.0] * 3 == spanned(run)


def test_a_state_that_is_too_long_is_given_up(pod: NewPod) -> None:
    """A holder that sends without end fills no memory."""
    holder, other = pod(canned(OWN), holds=True, state=b"x" * 100_000), pod(canned(OWN), holds=False)
    other.peer.follow(holder.operator.url)
    assert other.peer.relay is not None
    with pytest.raises(Problem, match="more than 50000 bytes"):
        other.peer.relay.state(50_000)


@pytest.mark.parametrize("manners", [silent, trickling], ids=["silent", "trickling"])
def test_a_holder_that_does_not_end_its_answer_is_given_up_in_time(manners: Manners) -> None:
    """The whole answer has a time, not each byte of it."""
    peer = Peer(replace(QUICK, news=60.0, state=0.3))
    with impostor(manners) as url:
        peer.follow(url)
        assert peer.relay is not None
        with pytest.raises(Problem, match=r"gave no answer within 0\.3 s|does not answer as an operator"):
            peer.relay.state(1000)
        peer.follow(None)
