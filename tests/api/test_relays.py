"""`helios serve` beside an operator: what it shows is the operator's, of this moment, and of one operator at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import httpx
import pytest

from helios.api.live import Deviation, Live
from helios.api.problems import Problem
from helios.api.relays import Patience, Relay, relaying
from tests.api.builders import KEY, CannedLive, curve
from tests.api.conftest import QUICK, Served, eventually, serving
from tests.api.impostors import impostor, minded, silent
from tests.api.operators import Operator, operating
from tests.ui.builders import NOW, STEP, critical, report
from tests.ui.builders import silent as unknown

SIGMAS = (Deviation("cpu", 2.0, 1), Deviation("memory", 1.0, -1))
TARGET = {"namespace": KEY[0], "deployment": KEY[1]}

Serve = Callable[..., Served]
Operate = Callable[..., Operator]


def fleet() -> CannedLive:
    """Three targets: an ordinary one, an abnormal one, and one of which nothing is known."""
    reports = (report(), critical(report("saleor-worker")), unknown(report("saleor-new")))
    return CannedLive({(one.namespace, one.deployment): one for one in reports}, sigmas=SIGMAS)


@pytest.fixture
def operate(stack: ExitStack) -> Operate:
    """Run an operator, by default with three targets."""
    return lambda live=None, port=0: stack.enter_context(operating(live or fleet(), port))


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Served, Served]]:
    """The API beside an operator, and the API of a process that has the same loop itself; not to be changed."""
    with (
        operating(fleet()) as operator,
        relaying(operator.url) as relay,
        serving(relay) as beside_it,
        serving(fleet()) as itself,
    ):
        yield beside_it, itself


@pytest.mark.parametrize(
    "path",
    [
        "/targets",
        "/targets/saleor/saleor-api",
        "/targets/saleor/saleor-new",
        "/targets/saleor/saleor-api/history?points=60",
        "/targets/saleor/saleor-worker/replicas",
        "/targets/saleor/saleor-new/replicas",
        "/targets/saleor/nobody",
        "/targets/saleor/a%2Fb%3F%C3%A4",
        "/targets/saleor/nobody/history",
    ],
)
def test_targets_are_shown_as_the_operator_itself_would(both: tuple[Served, Served], path: str) -> None:
    """Status and every field are those of a process that has the loop itself."""
    relayed, own = (api.get(path) for api in both)
    assert (own.status_code, own.json()) == (relayed.status_code, relayed.json())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/predict", {**TARGET, "periods": 288}, id="predict"),
        pytest.param("/predict", {**TARGET, "deployment": "nobody"}, id="predict nobody"),
        pytest.param("/detect", {**TARGET, "metrics": {"cpu_utilization": 0.9, "db_cpu": 0.1}}, id="detect"),
        pytest.param(
            "/detect",
            {**TARGET, "deployment": "nobody", "metrics": {"cpu_utilization": 0.9}},
            id="detect nobody",
        ),
    ],
)
def test_inference_about_a_live_target_is_the_operators(
    both: tuple[Served, Served], path: str, body: object
) -> None:
    """Forecasts and scores from a target's own history come over whole."""
    relayed, own = (api.post(path, body) for api in both)
    assert (own.status_code, own.json()) == (relayed.status_code, relayed.json())


def test_every_value_comes_over_unchanged(operate: Operate, stack: ExitStack) -> None:
    """What the loop answers and what a relay answers are equal, None and the last digit included."""
    live = fleet()
    live.curves = (curve(), curve("rps", capacity=None, coverage=None))
    relay = stack.enter_context(relaying(operate(live).url))
    asked = {"cpu": 1 / 3, "memory": 1e-17}
    assert live.reports() == list(relay.reports())
    assert live.report(*KEY) == relay.report(*KEY)
    assert live.history(*KEY, 300) == relay.history(*KEY, 300)
    assert live.deviations(*KEY, asked) == relay.deviations(*KEY, asked)
    made = [replace(one, step=STEP) for one in live.curves]
    assert made == list(relay.forecast(*KEY, 288) or ())
    assert [None] * 4 == [
        relay.report("a/b", "ä ?"),
        relay.history("a/b", "ä ?", 1),
        relay.forecast("a/b", "ä ?", 1),
        relay.deviations("a/b", "ä ?", {}),
    ]


def test_metrics_are_the_own_ones_and_the_operators_gauges(operate: Operate, beside: Serve) -> None:
    """One scrape of `serve` brings its own metrics, the loop's and the targets', each family once."""
    names = beside(operate().url).families()
    assert len(set(names)) == len(names)
    assert {
        "helios_inference_duration_seconds",
        "helios_targets",
        "helios_recommended_replicas",
    } <= set(names)
    assert not {name for name in names if name.startswith("process_")}


def test_a_gauge_that_expired_is_not_relayed(operate: Operate, beside: Serve) -> None:
    """The operator's clock decides at each scrape: nothing is kept from the one before."""
    operator = operate()
    api = beside(operator.url)
    assert "helios_recommended_replicas" in api.families()
    operator.moment[0] = NOW + 4 * STEP
    names = api.families()
    assert ("helios_targets" in names, "helios_recommended_replicas" in names) == (True, False)


def test_an_operator_that_comes_back_is_shown_again(operate: Operate, beside: Serve) -> None:
    """Killed and started anew on its port, all is back within two seconds, and the page's stream tells both."""
    first = operate()
    api = beside(first.url)
    with httpx.Client() as client, client.stream("GET", api.url + "/events") as answer:
        news = (line for line in answer.iter_lines() if line.startswith(("event", "data")))
        assert ["event: cycle", 'data: {"cycle": 7}'] == [next(news), next(news)]
        assert 200 == api.get("/targets").status_code
        first.stop()
        assert ["event: faults", 'data: {"faults": 1}'] == [next(news), next(news)]
        assert 503 == api.get("/targets").status_code
        began = time.monotonic()
        operate(CannedLive({KEY: report(recommended=9)}), first.port)
        assert ["event: faults", 'data: {"faults": 0}'] == [next(news), next(news)]
        assert [9] == [target["recommended_replicas"] for target in api.get("/targets").json()["targets"]]
        assert "helios_recommended_replicas" in api.families()
        assert time.monotonic() - began < 2


def test_two_operators_are_never_mixed_in_one_answer(operate: Operate, beside: Serve) -> None:
    """Restarted unseen between two looks for news, each answer is of the one operator that gave it."""

    class Minutely(CannedLive):
        def step_seconds(self) -> float:
            return 60.0

    first = operate()
    api = beside(first.url, Patience(between=3600.0))
    eventually(lambda: api.live.cycles() == 7)
    first.stop()
    operate(Minutely({KEY: report("saleor-api")}, cycle=1, wrong={"observe": "late"}), first.port)
    answer = api.get("/targets").json()
    assert (1, 60.0, {"observe": "late"}, ["saleor-api"]) == (
        answer["cycle"],
        answer["step_seconds"],
        answer["faults"],
        [target["deployment"] for target in answer["targets"]],
    )
    times = [period["timestamp"] for period in api.post("/predict", TARGET).json()["predictions"]]
    assert ["2026-03-12T14:36:00Z", "2026-03-12T14:37:00Z"] == times[:2]


def test_whoever_waits_is_let_go_at_the_end(stack: ExitStack) -> None:
    """A process that ends does not wait for a hung operator; questions after its end are refused."""
    url = stack.enter_context(impostor(minded("report", silent)))
    with ThreadPoolExecutor(1) as pool:
        with relaying(url, replace(QUICK, answer=60.0)) as relay:
            waiting = pool.submit(relay.report, *KEY)
            time.sleep(0.1)
            began = time.monotonic()
        with pytest.raises(Problem, match="this process is ending"):
            waiting.result()
        with pytest.raises(Problem, match="this process is ending"):
            relay.report(*KEY)
        assert b"" == relay.gauges(1.0)
        assert time.monotonic() - began < 2


def test_a_relay_is_a_loop_to_the_api(stack: ExitStack) -> None:
    """It fulfils the whole protocol; its liveness is not the operator's."""
    relay: Live = stack.enter_context(relaying("http://127.0.0.1:1", QUICK))
    assert isinstance(relay, Relay)
    assert (None, 300.0, 0, b"") == (
        relay.heartbeat_age(NOW),
        relay.step_seconds(),
        relay.cycles(),
        relay.exposition(NOW),
    )
