"""An operator that is away, in whatever way, takes nothing else along; and it is told in clear words."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest

from helios.api.callers import Caller
from helios.api.conditions import SCRAPE_TIMEOUT, waiting_time
from helios.api.relays import Patience
from helios.errors import SettingsError
from tests.api.builders import GAUGE, KEY
from tests.api.conftest import QUICK, STEADY, Served, eventually
from tests.api.impostors import (
    KNOWN,
    Manners,
    closing,
    impostor,
    minded,
    raw,
    saying,
    silent,
    told,
    trickling,
)

STATELESS = {
    "/predict": {"metrics": {"cpu_utilization": 0.5}},
    "/detect": {"metrics": {"cpu_utilization": 0.5}},
    "/recommend": {"current_replicas": 2, "current_metrics": {"cpu_utilization": 0.9}},
}
OWN = [
    "helios_inference_duration_seconds",
    "helios_inference_duration_seconds_created",
    "helios_inference_requests",
    "helios_inference_requests_created",
]
"""All that a test's `serve` has to say of itself."""
TARGET = {"namespace": KEY[0], "deployment": KEY[1]}

Serve = Callable[..., Served]

AWAY: dict[str, tuple[Manners | None, str]] = {
    "nobody listens": (None, "cannot be reached (Connection refused)"),
    "it accepts and never answers": (silent, "gave no answer within 0.15 s"),
    "it closes at once": (closing, "broke off its answer"),
    "it trickles": (trickling, "gave no answer within 0.15 s"),
    "half an answer": (saying(told(b'{"cycles": 7, "st', length=60)), "broke off its answer"),
    "an answer without an end": (
        saying(raw(b'{"cycles": 7}', KNOWN, "Content-Type: application/json")),
        "an answer without a length",
    ),
    "no HTTP": (saying(b"220 mail.example.org ESMTP\r\n"), "broke off its answer"),
    "a login page": (
        saying(raw(b"<html>", "Content-Type: text/html", "Content-Length: 6")),
        "does not answer as an operator of this version (HTTP 200, text/html)",
    ),
    "something without a door": (
        saying(raw(b"", "Content-Length: 0", status="404 Not Found")),
        "does not answer as an operator of this version (HTTP 404",
    ),
    "another version": (
        saying(raw(b"{}", "helios-live: 2", "Content-Type: application/json", "Content-Length: 2")),
        "does not answer as an operator of this version",
    ),
    "another shape": (saying(told(b'{"cycles": "many"}')), "a status of another shape"),
    "no JSON": (saying(told(b"<html>")), "a status of another shape"),
    "a failing one": (
        saying(raw(b"", "Content-Length: 0", status="500 Internal Server Error")),
        "failed to answer (HTTP 500): its log says why",
    ),
}


@pytest.mark.parametrize(("manners", "words"), AWAY.values(), ids=AWAY.keys())
def test_an_operator_that_is_away_takes_nothing_else_along(
    stack: ExitStack, beside: Serve, manners: Manners | None, words: str
) -> None:
    """However it is away: the own metrics can be scraped, snapshots are answered, targets are 503 in clear words."""
    url = "http://127.0.0.1:1" if manners is None else stack.enter_context(impostor(manners))
    api = beside(url, QUICK if "gave no answer" in words else STEADY)
    eventually(lambda: "operator" in api.live.faults(), 10)
    began = time.monotonic()
    assert OWN == api.families()
    assert time.monotonic() - began < 2
    assert [200] * 3 == [api.post(path, body).status_code for path, body in STATELESS.items()]
    assert (200, None) == (api.get("/live").status_code, api.get("/live").json()["heartbeat_age_seconds"])
    assert 200 == api.get("/ready").status_code
    health = api.get("/health").json()
    assert ("degraded", {"operator"}) == (health["status"], set(health["faults"]))
    for answer in (
        api.get("/targets"),
        api.get("/targets/saleor/saleor-api"),
        api.get("/targets/saleor/saleor-api/history"),
        api.get("/targets/saleor/saleor-api/replicas"),
        api.post("/predict", TARGET),
        api.post("/detect", {**TARGET, "metrics": {"cpu_utilization": 0.5}}),
    ):
        assert (503, "application/problem+json", "2") == (
            answer.status_code,
            answer.headers["content-type"],
            answer.headers["retry-after"],
        )
        assert f"the operator at {url} " in answer.json()["detail"]
        assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(saying(told(GAUGE[:-20], length=len(GAUGE), kind="text/plain")), id="half of them"),
        pytest.param(saying(raw(GAUGE, KNOWN, "Content-Type: text/plain")), id="without a length"),
        pytest.param(
            saying(raw(GAUGE, "Content-Type: text/plain", f"Content-Length: {len(GAUGE)}")),
            id="somebody else's",
        ),
        pytest.param(saying(told(b"{}")), id="no gauges at all"),
        pytest.param(trickling, id="byte by byte"),
        pytest.param(silent, id="never"),
    ],
)
def test_gauges_come_whole_or_not_at_all(stack: ExitStack, beside: Serve, manners: Manners) -> None:
    """Gauges that do not arrive whole and in time are cut as a whole, and the scrape succeeds without them."""
    api = beside(stack.enter_context(impostor(minded("exposition", manners))))
    began = time.monotonic()
    assert OWN == api.families()
    assert time.monotonic() - began < 2


def test_a_scrape_waits_no_longer_than_prometheus_does(stack: ExitStack, beside: Serve) -> None:
    """With a short scrape time-out the own metrics come well before it, whatever the operator does."""
    url = stack.enter_context(impostor(minded("exposition", silent)))
    api = beside(url, replace(QUICK, gauges=5.0))
    began = time.monotonic()
    assert OWN == api.families(**{SCRAPE_TIMEOUT: "1.5"})
    assert 0.5 < time.monotonic() - began < 1.5


ODD_TIMES = ("", "soon", "nan", "inf", "-1", "0")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("10", 5.0), ("2", 1.0), ("60.000000", 5.0), ("0.5", 0.25), *((odd, 5.0) for odd in ODD_TIMES)],
)
def test_half_of_a_scrapes_time_is_waited(header: str, seconds: float) -> None:
    """And never more than five seconds; what is no time counts as not said."""
    assert seconds == waiting_time(header)


@pytest.mark.parametrize(
    ("path", "manners", "words"),
    [
        pytest.param("targets", silent, "gave no answer within 0.5 s", id="a slow fleet"),
        pytest.param("targets", saying(told(b"[]", length=20)), "broke off its answer", id="half a fleet"),
        pytest.param(
            "targets",
            saying(
                raw(
                    b"no gzip",
                    KNOWN,
                    "Content-Type: application/json",
                    "Content-Encoding: gzip",
                    "Content-Length: 7",
                ),
            ),
            "targets that cannot be unpacked",
            id="a damaged fleet",
        ),
        pytest.param("report", silent, "gave no answer within 0.3 s", id="a slow report"),
        pytest.param("report", saying(told(b'{"namespace": 1}')), "report of another shape", id="no report"),
    ],
)
def test_an_answer_that_fails_is_a_problem(
    stack: ExitStack, beside: Serve, path: str, manners: Manners, words: str
) -> None:
    """An operator that has news but cannot answer one question costs that question alone."""
    api = beside(stack.enter_context(impostor(minded(path, manners))))
    answer = api.get("/targets" if path == "targets" else "/targets/saleor/saleor-api")
    assert 503 == answer.status_code
    assert words in answer.json()["detail"]
    assert "healthy" == api.get("/health").json()["status"]


def test_many_questions_to_a_hung_operator_keep_nobody_waiting(stack: ExitStack, beside: Serve) -> None:
    """Once it is known to hang nobody waits for it: a hundred questions are refused at once."""
    api = beside(stack.enter_context(impostor(silent)), replace(QUICK, answer=5.0))
    eventually(lambda: "operator" in api.live.faults())
    began = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(api.get, "/targets/saleor/saleor-api") for _ in range(100)]
        assert {503} == {one.result().status_code for one in asked}
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://no-such-host.invalid:8081"])
def test_an_address_that_leads_nowhere_is_an_operator_that_is_away(beside: Serve, url: str) -> None:
    """However odd the address, the process starts, says what is wrong with it, and does all else."""
    api = beside(url, Patience())
    eventually(lambda: "operator" in api.live.faults(), 5)
    assert OWN == api.families()
    assert f"the operator at {url} " in api.get("/targets").json()["detail"]


def test_an_address_that_is_none_is_refused_at_start() -> None:
    """By the name of its setting, with an example."""
    with pytest.raises(
        SettingsError, match=r"operator\.url 'http://\[::1' is no address .*: give one such as http"
    ):
        Caller("http://[::1")


def test_credentials_in_the_address_are_not_told(beside: Serve) -> None:
    """The problem names the address without what lets one in."""
    api = beside("http://helios:secret@127.0.0.1:1")
    eventually(lambda: "operator" in api.live.faults())
    detail = api.get("/targets").json()["detail"]
    assert "the operator at http://127.0.0.1:1 cannot be reached" in detail
    assert "secret" not in detail


@pytest.mark.integration
def test_a_stopped_process_is_away_until_it_goes_on(beside: Serve) -> None:
    """A real operator under SIGSTOP: the scrape goes on without its gauges; under SIGCONT they are back."""
    command = [sys.executable, "-m", "tests.api.operators"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        api = beside(f"http://127.0.0.1:{int(process.stdout.readline())}")
        assert "helios_recommended_replicas" in api.families()
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: api.get("/targets").status_code == 503)
        assert OWN == api.families()
        process.send_signal(signal.SIGCONT)
        eventually(lambda: api.get("/targets").status_code == 200)
        assert "helios_recommended_replicas" in api.families()
        process.kill()
