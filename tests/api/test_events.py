"""The event stream: news at once, a sign of life, and an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from helios.api.contexts import ApiSettings
from tests.api.builders import CannedLive
from tests.api.conftest import Served

Serve = Callable[..., Served]


class CountingLive(CannedLive):
    """A loop that counts how often it is asked for its cycle."""

    polls = 0

    def cycles(self) -> int:
        """Count and answer."""
        self.polls += 1
        return self.cycle


def lines(answer: httpx.Response) -> Iterator[str]:
    """The stream's lines that say something."""
    return (line for line in answer.iter_lines() if line)


def test_the_stream_tells_every_new_cycle(serve: Serve) -> None:
    """A page learns the present cycle at once and each new one as it comes."""
    live = CannedLive(cycle=7)
    api = serve(live=live, settings=ApiSettings(event_poll_seconds=0.01))
    with api.client.stream("GET", api.url + "/events") as answer:
        assert "text/event-stream; charset=utf-8" == answer.headers["content-type"]
        told = lines(answer)
        assert ["retry: 2000", "event: cycle", 'data: {"cycle": 7}'] == [next(told) for _ in range(3)]
        live.cycle = 8
        assert ["event: cycle", 'data: {"cycle": 8}'] == [next(told) for _ in range(2)]


def test_the_stream_tells_when_faults_change(serve: Serve) -> None:
    """A cycle that fails may post nothing: its faults, and their end, are told all the same."""
    live = CannedLive(cycle=7)
    api = serve(live=live, settings=ApiSettings(event_poll_seconds=0.01))
    with api.client.stream("GET", api.url + "/events") as answer:
        told = lines(answer)
        assert 'data: {"cycle": 7}' == [next(told) for _ in range(3)][-1]
        for wrong in ({"advance": "no connection"}, {}):
            live.wrong = wrong
            assert ["event: faults", f'data: {{"faults": {len(wrong)}}}'] == [next(told) for _ in range(2)]


def test_a_quiet_stream_gives_a_sign_of_life(serve: Serve) -> None:
    """Between cycles a comment keeps proxies from closing the line."""
    settings = ApiSettings(event_poll_seconds=0.01, event_heartbeat_seconds=0.05)
    api = serve(settings=settings)
    with api.client.stream("GET", api.url + "/events") as answer:
        told = lines(answer)
        assert ": still here" == [next(told) for _ in range(4)][-1]


def test_an_open_stream_does_not_hold_up_the_shutdown(serve: Serve) -> None:
    """Ending the server ends the streams: Ctrl-C does not hang on a page left open."""
    api = serve()
    with api.client.stream("GET", api.url + "/events") as answer:
        told = lines(answer)
        next(told)
        started = time.monotonic()
        api.stop()
        assert not api.thread.is_alive()
        assert time.monotonic() - started < 2
        assert [] == [line for line in told if line.startswith("error")]


def test_a_client_that_leaves_is_forgotten(serve: Serve) -> None:
    """A closed page leaves nothing behind that goes on asking the loop."""
    live = CountingLive()
    api = serve(live=live, settings=ApiSettings(event_poll_seconds=0.01))
    with api.client.stream("GET", api.url + "/events") as answer:
        next(lines(answer))
    give_up = time.monotonic() + 5
    before = -1
    while live.polls != before and time.monotonic() < give_up:
        before = live.polls
        time.sleep(0.1)
    assert before == live.polls


def test_requests_are_answered_while_streams_are_open(serve: Serve) -> None:
    """Twenty open pages do not slow down the rest."""
    api = serve()
    with httpx.Client() as client:
        streams = [client.stream("GET", api.url + "/events") for _ in range(20)]
        opened = [stream.__enter__() for stream in streams]
        assert {200} == {answer.status_code for answer in opened}
        started = time.monotonic()
        assert 200 == api.get("/health").status_code
        assert time.monotonic() - started < 1
        for stream in streams:
            stream.__exit__(None, None, None)


@pytest.mark.parametrize("path", ["/events"])
def test_the_stream_is_not_cached(api: Served, path: str) -> None:
    """No proxy may answer for it."""
    with api.client.stream("GET", api.url + path) as answer:
        assert "no-store" == answer.headers["cache-control"]
