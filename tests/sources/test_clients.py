"""Every way in which a Prometheus can fail, over real HTTP: the user reads what came, from where, and what to do."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from helios.sources.access import Access
from helios.sources.clients import Client, Fault, Grid, QueryFailed
from helios.sources.sessions import BoundedSession
from scoring.errors import SourceUnavailable
from tests.sources.web_servers import (
    Answer,
    Reply,
    Request,
    error,
    json_reply,
    refused,
    result,
    said,
    serve,
)

GRID = Grid(0.0, 60.0, 3)


def failure(answer: Answer, timeout: float = 5.0) -> tuple[QueryFailed, str]:
    """What a range query to such a server raises, and the server's address."""
    with serve(answer) as server:
        client = Client.to(Access(url=server.url, timeout_seconds=timeout))
        try:
            with pytest.raises(QueryFailed) as caught:
                client.matrix("cpu demand", "up", GRID)
        finally:
            client.close()
        return caught.value, server.url


SERIES = {"metric": {"a": "b"}, "values": [[0, "1"], [60, "2"]]}
VECTOR = {"metric": {"a": "b"}, "value": [0, "1"]}
HTML = "<html><body><h1>Sign in</h1></body></html>"


@pytest.mark.parametrize(
    ("answer", "fault", "words"),
    [
        pytest.param(
            lambda _: error(422, "execution", "many-to-many matching not allowed"),
            Fault.QUERY,
            "HTTP 422: many-to-many matching not allowed",
            id="422",
        ),
        pytest.param(
            lambda _: error(400, "bad_data", "1:4: parse error: unexpected )"),
            Fault.QUERY,
            "HTTP 400: 1:4: parse error",
            id="bad PromQL",
        ),
        pytest.param(
            lambda _: error(422, "execution", "query processing would load too many samples into memory"),
            Fault.TOO_MUCH,
            "the server's limit is lower",
            id="too many samples",
        ),
        pytest.param(
            lambda _: error(
                422, "execution", 'found duplicate series: {__name__="kube_pod_container_resource_limits"}'
            ),
            Fault.QUERY,
            "HTTP 422: found duplicate series",
            id="a metric named limits",
        ),
        pytest.param(
            lambda _: error(
                422, "execution", "the query exceeded the maximum number of chunks (limit: 2000)"
            ),
            Fault.TOO_MUCH,
            "the server's limit is lower",
            id="Mimir's limit",
        ),
        pytest.param(said(414, "URI too long"), Fault.TOO_MUCH, "HTTP 414", id="address too long"),
        pytest.param(said(500, "boom"), Fault.SERVER, "HTTP 500: boom: look into the server", id="500"),
        pytest.param(said(502, HTML), Fault.SERVER, "HTTP 502: Sign in", id="502 page"),
        pytest.param(
            lambda _: error(503, "timeout", "query timed out in expression evaluation"),
            Fault.TIMEOUT,
            "too heavy for the server",
            id="the server's own time-out",
        ),
        pytest.param(said(403, ""), Fault.UNREACHABLE, "HTTP 403: check token", id="403"),
        pytest.param(said(404, "nothing"), Fault.UNREACHABLE, "without /api/v1", id="404"),
        pytest.param(said(200, HTML), Fault.GARBAGE, "not JSON", id="a login page"),
        pytest.param(said(200, b"\xff\xfe\x00"), Fault.GARBAGE, "not", id="bytes"),
        pytest.param(said(200, ""), Fault.GARBAGE, "not JSON", id="empty body"),
        pytest.param(said(200, "[1, 2]"), Fault.GARBAGE, "not Prometheus'", id="a list"),
        pytest.param(said(200, "[" * 200_000), Fault.GARBAGE, "nested too deeply", id="nested too deeply"),
        pytest.param(said(422, "[" * 200_000), Fault.QUERY, "HTTP 422: [[[", id="an error nested too deeply"),
        pytest.param(
            lambda _: result("matrix", [{"metric": {}, "values": [[10**400, "1"]]}]),
            Fault.GARBAGE,
            "not Prometheus'",
            id="a time beyond all numbers",
        ),
        pytest.param(
            lambda _: json_reply({"status": "success"}), Fault.GARBAGE, "not Prometheus'", id="no data"
        ),
        pytest.param(
            lambda _: result("vector", [VECTOR]),
            Fault.GARBAGE,
            "result type is wrong: expected 'values', got 'value'",
            id="a vector",
        ),
        pytest.param(lambda _: result("scalar", [0, "1"]), Fault.GARBAGE, "scalar", id="a scalar"),
        pytest.param(
            lambda _: result("matrix", [{"metric": {}, "values": [[0]]}]),
            Fault.GARBAGE,
            "not Prometheus'",
            id="half a sample",
        ),
        pytest.param(
            lambda _: result("matrix", [{"metric": {}, "values": [[0, "many"]]}]),
            Fault.GARBAGE,
            "not Prometheus'",
            id="a word",
        ),
        pytest.param(
            lambda _: result("matrix", [{"metric": {"a": {}}, "values": []}]),
            Fault.GARBAGE,
            "a label is not a string",
            id="odd labels",
        ),
        pytest.param(
            lambda _: result("matrix", [{"metric": {}, "histograms": []}]),
            Fault.GARBAGE,
            "got 'histograms'",
            id="native histograms",
        ),
        pytest.param(lambda _: Reply(200, [b'{"st'], length=100), Fault.GARBAGE, "broke off", id="cut short"),
        pytest.param(
            lambda _: Reply(200, [b"not gzip"], {"Content-Encoding": "gzip"}),
            Fault.GARBAGE,
            "broke off",
            id="bad gzip",
        ),
        pytest.param(
            lambda _: Reply(302, [], {"Location": "https://login.example/?state=1"}),
            Fault.UNREACHABLE,
            "it redirects to https://login.example/, and no redirect is followed",
            id="a redirect",
        ),
    ],
)
def test_a_bad_answer_becomes_a_clear_sentence(answer: Answer, fault: Fault, words: str) -> None:
    """It names the address, the query, what came, and mostly what to do; it is the scoring loop's own error."""
    caught, url = failure(answer)
    assert isinstance(caught, SourceUnavailable)
    assert fault is caught.fault
    assert str(caught).startswith(f"Prometheus at {url}, query cpu demand: ")
    assert words in str(caught)
    assert url not in caught.problem


def test_a_server_that_is_down_is_told_at_once() -> None:
    """Connection refused, after two more tries within a second."""
    url = refused()
    client = Client.to(Access(url=url))
    began = time.monotonic()
    with pytest.raises(QueryFailed, match=r"no connection \(Connection refused\): is it running") as caught:
        client.instant("presence", "up", len)
    client.close()
    assert Fault.UNREACHABLE is caught.value.fault
    assert time.monotonic() - began < 3


def test_an_unknown_host_is_told() -> None:
    """A name that does not resolve."""
    client = Client.to(Access(url="http://prometheus.invalid:9090", timeout_seconds=5))
    with pytest.raises(QueryFailed, match="no connection") as caught:
        client.instant("presence", "up", len)
    client.close()
    assert Fault.UNREACHABLE is caught.value.fault


def slow(_: Request) -> Reply:
    """Answers after a while."""

    def pieces() -> Iterator[bytes]:
        time.sleep(0.6)
        yield b"{}"

    return Reply(200, pieces(), length=2)


def dripping(_: Request) -> Reply:
    """Sends a byte now and then: no single pause is long."""

    def pieces() -> Iterator[bytes]:
        for _ in range(200):
            time.sleep(0.02)
            yield b" "

    return Reply(200, pieces(), length=200)


@pytest.mark.parametrize("answer", [slow, dripping], ids=["silent", "dripping"])
def test_a_slow_server_is_given_up_in_time_and_not_asked_again(answer: Answer) -> None:
    """A cycle never hangs: neither on silence nor on a byte now and then."""
    began = time.monotonic()
    with serve(answer) as server:
        client = Client.to(Access(url=server.url, timeout_seconds=0.3))
        with pytest.raises(QueryFailed, match=r"time-out after 0\.3 s: raise timeout_seconds") as caught:
            client.instant("presence", "up", len)
        client.close()
        assert len(server.requests) == 1
    assert Fault.TIMEOUT is caught.value.fault
    assert time.monotonic() - began < 2


def test_closing_lets_go_whoever_waits() -> None:
    """A question under way in another thread ends at once, and a later one is not asked at all."""
    done, ended = threading.Event(), list[str]()

    def hanging(_: Request) -> Reply:
        done.wait(20)
        return Reply(200, [b"{}"])

    with serve(hanging) as server:
        client = Client.to(Access(url=server.url, timeout_seconds=20))

        def wait() -> None:
            with pytest.raises(SourceUnavailable, match=r"^closed$"):
                client.matrix("cpu demand", "up", GRID)
            ended.append("ended")

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not server.requests:
            time.sleep(0.005)
        began = time.monotonic()
        client.close()
        waiting.join(10)
        assert ["ended"] == ended
        with pytest.raises(SourceUnavailable, match=r"^closed$"):
            client.instant("presence", "up", len)
        client.close()
        assert time.monotonic() - began < 2
        assert 1 == len(server.requests)
        done.set()


def test_a_passing_fault_of_a_proxy_is_survived() -> None:
    """429 and 502 are tried again; a healthy answer follows."""
    replies = iter([Reply(502), Reply(429), result("vector", [VECTOR])])
    with serve(lambda _: next(replies)) as server:
        client = Client.to(Access(url=server.url))
        assert client.instant("presence", "up", len) == 1
        assert len(server.requests) == 3
        client.close()


def test_an_endless_answer_is_cut() -> None:
    """No server can fill the memory."""
    with (
        serve(said(200, b" " * 100_000)) as server,
        BoundedSession(5, max_bytes=10_000) as session,
        pytest.raises(requests.RequestException, match="more than 10000 bytes"),
    ):
        session.get(server.url)


def test_a_compressed_answer_is_read() -> None:
    """Prometheus compresses by default."""
    body = gzip.compress(
        json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [SERIES]}}).encode()
    )
    with serve(lambda _: Reply(200, [body], {"Content-Encoding": "gzip"})) as server:
        client = Client.to(Access(url=server.url))
        assert client.matrix("cpu demand", "up", GRID).values.tolist() == [1.0, 2.0]
        client.close()


def test_the_grid_is_asked_for_exactly() -> None:
    """Start, end and step reach the server unrounded, with a time-out of the server's own."""
    with serve(lambda _: result("matrix", [])) as server:
        client = Client.to(Access(url=server.url, timeout_seconds=12))
        client.matrix("cpu demand", "up", Grid(1_700_000_000.5, 0.5, 3))
        client.close()
        asked = server.requests[0].parameters
    expected = {"start": "1700000000.500", "end": "1700000001.500", "step": "0.500", "timeout": "12s"}
    assert expected == {name: asked[name] for name in expected}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(
            lambda _: json_reply({"status": "success", "data": {"storage.tsdb.retention.time": "15d"}}),
            {"storage.tsdb.retention.time": "15d"},
            id="Prometheus",
        ),
        pytest.param(said(404, "not found"), {}, id="none"),
        pytest.param(said(200, "<html>"), {}, id="a page"),
        pytest.param(said(200, '{"data": ["a"]}'), {}, id="another form"),
        pytest.param(lambda _: Reply(200, [b"{"], length=99), {}, id="broken off"),
    ],
)
def test_flags_are_told_where_a_server_has_them(answer: Answer, expected: dict[str, str]) -> None:
    """Managed Prometheus, Thanos and others have none, which is no failure."""
    with serve(answer) as server:
        client = Client.to(Access(url=server.url, timeout_seconds=5))
        try:
            assert expected == client.flags()
        finally:
            client.close()
