"""The operator's own server: probes that tell the truth, metrics each once, and a door that never holds them up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from helios.api import wires
from scoring.reports import Report
from tests.api.builders import KEY, CannedLive
from tests.api.operators import LIMIT, Operator, operating
from tests.ui.builders import NOW, STEP, report

Operate = Callable[..., Operator]


@pytest.fixture
def operate() -> Iterator[Operate]:
    """Run an operator's server with a loop of the test's own."""
    with ExitStack() as stack:
        yield lambda *given: stack.enter_context(operating(*given))


@pytest.mark.parametrize("path", ["/live", "/healthz"])
@pytest.mark.parametrize(
    ("beat", "running", "status"),
    [
        pytest.param(12.0, 3600.0, 200, id="it beats"),
        pytest.param(LIMIT + 1, 3600.0, 503, id="it is silent"),
        pytest.param(None, LIMIT - 1, 200, id="it is starting"),
        pytest.param(None, LIMIT + 1, 503, id="it never began"),
    ],
)
def test_liveness_is_that_of_the_loop(
    operate: Operate, path: str, beat: float | None, running: float, status: int
) -> None:
    """Kubernetes restarts an operator whose loop hangs, or never begins, and no other."""
    operator = operate(CannedLive(age=beat))
    operator.age[0] = running
    assert status == httpx.get(operator.url + path).status_code


@pytest.mark.parametrize("path", ["/ready", "/readyz"])
def test_an_operator_is_ready_once_its_loop_has_begun(operate: Operate, path: str) -> None:
    """Before the first cycle there is nothing to be asked for; then it is ready, whatever Prometheus does."""
    live = CannedLive(age=None)
    operator = operate(live)
    answer = httpx.get(operator.url + path)
    assert (503, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    live.age = 0.0
    assert {"ready": True} == httpx.get(operator.url + path).json()


def families(text: str) -> list[str]:
    """The names of all families, in order."""
    return [family.name for family in text_string_to_metric_families(text)]


def test_whoever_forwards_the_port_sees_all_metrics(operate: Operate) -> None:
    """The operator's own /metrics has its process, its loop and its targets, each family once."""
    names = families(httpx.get(operate().url + "/metrics").text)
    assert len(set(names)) == len(names)
    assert {"process_start_time_seconds", "helios_targets", "helios_recommended_replicas"} <= set(names)


def test_the_relayed_text_is_without_the_process(operate: Operate) -> None:
    """What is relayed are the loop and the targets: the serving process has such metrics of its own."""
    operator = operate()
    names = families(httpx.get(f"{operator.url}{wires.PREFIX}/exposition").text)
    assert {"helios_targets", "helios_recommended_replicas"} <= set(names)
    assert not {name for name in names if name.startswith(("process_", "python_"))}
    operator.moment[0] = NOW + 4 * STEP
    names = families(httpx.get(f"{operator.url}{wires.PREFIX}/exposition").text)
    assert ("helios_targets" in names, "helios_recommended_replicas" in names) == (True, False)


class SlowLive(CannedLive):
    """A fleet that takes a while to write down."""

    asked = threading.Event()

    def reports(self) -> Sequence[Report]:
        """Take half a second."""
        self.asked.set()
        time.sleep(0.5)
        return super().reports()


@pytest.mark.parametrize("path", ["targets", "reports"])
def test_probes_do_not_wait_for_a_large_fleet(operate: Operate, path: str) -> None:
    """While the fleet is written down for a relay, liveness and news answer at once."""
    live = SlowLive({KEY: report()})
    live.asked.clear()
    operator = operate(live)
    with ThreadPoolExecutor(1) as pool:
        fleet = pool.submit(httpx.get, f"{operator.url}{wires.PREFIX}/{path}")
        assert live.asked.wait(5)
        began = time.monotonic()
        assert [200, 200] == [
            httpx.get(operator.url + path).status_code for path in ("/live", f"{wires.PREFIX}/status")
        ]
        assert time.monotonic() - began < 0.3
        assert 200 == fleet.result().status_code


def test_there_is_no_page_at_the_door(operate: Operate) -> None:
    """Every error is a problem detail that promises nothing which is not there."""
    operator = operate()
    for path in ("/", "/docs", "/openapi.json", "/targets", "/predict"):
        answer = httpx.get(operator.url + path)
        assert (404, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
        assert f"there is nothing at {path}" == answer.json()["detail"]


def test_a_fault_of_the_loop_is_one_answer(operate: Operate) -> None:
    """Where the loop fails to answer the door says 500, and answers the next question."""

    class Failing(CannedLive):
        def reports(self) -> Sequence[Report]:
            raise RuntimeError("a fault")

    operator = operate(Failing({KEY: report()}))
    assert [500, 200] == [
        httpx.get(f"{operator.url}{wires.PREFIX}/{path}").status_code for path in ("targets", "status")
    ]
