"""GET /targets for a large fleet: written down once for all, never older than its cycle, and nobody else waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from helios.api.contexts import ApiSettings
from helios.api.fleets import takes_gzip
from scoring.reports import Report
from tests.api.builders import KEY, CannedLive
from tests.api.conftest import Served
from tests.ui.builders import report

Serve = Callable[..., Served]
LONG = ApiSettings(fleet_seconds=3600)


class WrittenLive(CannedLive):
    """A loop that counts how often its reports are asked for, and takes its time."""

    times = 0
    seconds = 0.0

    def reports(self) -> Sequence[Report]:
        """Count, wait, answer."""
        self.times += 1
        time.sleep(self.seconds)
        return super().reports()


def test_a_fleet_is_written_down_once_per_cycle(serve: Serve) -> None:
    """Within a cycle all get the same bytes; a new cycle, or other faults, are told at once."""
    live = WrittenLive({KEY: report()})
    api = serve(live=live, settings=LONG)
    assert api.get("/targets").content == api.get("/targets").content
    assert 1 == live.times
    live.cycle = 8
    live.known[KEY] = replace(report(), recommended_replicas=9)
    answer = api.get("/targets").json()
    assert (8, 9) == (answer["cycle"], answer["targets"][0]["recommended_replicas"])
    live.wrong = {"advance": "no connection"}
    assert {"advance": "no connection"} == api.get("/targets").json()["faults"]
    assert 3 == live.times


def test_a_text_ages(serve: Serve) -> None:
    """While time passes without a cycle the fleet is written down anew, so that an expired decision shows."""
    live = WrittenLive({KEY: report()})
    api = serve(live=live, settings=ApiSettings(fleet_seconds=0.05))
    before = api.get("/targets").json()
    api.moment[0] += 5.0
    time.sleep(0.1)
    assert before["generated_at"] != api.get("/targets").json()["generated_at"]
    assert 2 == live.times


def test_many_who_ask_at_once_share_one_text(serve: Serve) -> None:
    """Ten open pages cost a large fleet one rendering, and /health answers meanwhile."""
    live = WrittenLive({KEY: report()})
    live.seconds = 0.4
    api = serve(live=live)
    start = threading.Barrier(10)

    def ask() -> bytes:
        start.wait()
        return httpx.get(api.url + "/targets").content

    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(ask) for _ in range(10)]
        time.sleep(0.1)
        began = time.monotonic()
        assert 200 == api.get("/health").status_code
        assert time.monotonic() - began < 0.25
        assert 1 == len({answer.result() for answer in answers})
    assert 1 == live.times


def test_a_cycle_posted_meanwhile_is_not_missed(serve: Serve) -> None:
    """Who asks after a new cycle is never given the text of the one before, even while that is being written."""
    live = WrittenLive({KEY: report()})
    live.seconds = 0.2
    api = serve(live=live, settings=LONG)
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(httpx.get, api.url + "/targets")
        while not live.times:
            time.sleep(0.005)
        live.cycle = 8
        assert 8 == api.get("/targets").json()["cycle"]
        assert 7 == early.result().json()["cycle"]


def test_a_fault_is_not_kept(serve: Serve) -> None:
    """A text that could not be written is a 500 once, and is tried again by the next who asks."""

    class Failing(WrittenLive):
        def reports(self) -> Sequence[Report]:
            if not self.times:
                self.times = 1
                raise RuntimeError("a fault")
            return super().reports()

    api = serve(live=Failing({KEY: report()}), settings=LONG)
    assert [500, 200] == [api.get("/targets").status_code for _ in range(2)]


def test_who_takes_gzip_gets_it(api: Served) -> None:
    """A browser gets the fleet packed; whoever does not ask for it, or refuses it, gets it as it is."""
    packed, plain, refused = (
        httpx.get(api.url + "/targets", headers={"accept-encoding": accepted})
        for accepted in ("gzip, br", "identity", "gzip;q=0")
    )
    assert ["gzip", None, None] == [one.headers.get("content-encoding") for one in (packed, plain, refused)]
    assert packed.json()["targets"] == plain.json()["targets"] == refused.json()["targets"]
    assert {"Accept-Encoding"} == {one.headers["vary"] for one in (packed, plain, refused)}


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip", True),
        ("br;q=1, GZIP ;q=0.5", True),
        ("", False),
        ("*", False),
        ("gzip; q=0.0", False),
        ("x-gzip", False),
    ],
)
def test_what_a_client_takes_is_read_from_its_header(accepted: str, expected: bool) -> None:
    """By name, and not where its weight is zero."""
    assert expected is takes_gzip(accepted)
