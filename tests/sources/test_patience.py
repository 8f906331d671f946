"""What is slow costs nobody else: rests, the time that targets' own queries have together, and a read that is ended."""

from __future__ import annotations

import threading
import time

import pytest

from scoring.errors import SourceUnavailable
from scoring.panels import Series
from tests.sources.test_prometheus import DB, END, ORDERS, QUERY, STEP, WEB, Clock, fleet, source, steady
from tests.sources.web_servers import Reply, error


def test_the_words_about_a_slow_query_stay_the_same() -> None:
    """While it rests and when it is asked in vain again: a fault is logged once, not every cycle."""
    clock = Clock()
    own = {QUERY: error(503, "timeout", "query timed out")}
    for read in ((ORDERS, WEB), (ORDERS,)):
        said = set()
        with source(fleet(own=own), clock=clock) as (prometheus, _):
            for _ in range(8):
                clock.now += 45.0
                try:
                    prometheus.read(read, END, END, STEP)
                    said.add(prometheus.problems()[ORDERS])
                except SourceUnavailable as fault:
                    said.add(str(fault))
        (words,) = said
        assert "it rests up to ten minutes" in words


def test_many_slow_queries_do_not_cost_the_fleet_its_cycle() -> None:
    """Sixty that take 30 s each get a minute together; recipes are asked first, and nobody's query starves."""
    clock = Clock()
    slow = [Series("shop", "web", f"slow{i}", query=f"slow{i}()") for i in range(60)]
    fine = Series("shop", "web", "fine", query="fine()")

    def late() -> Reply:
        clock.now += 15.0  # two at a time
        return error(503, "timeout", "query timed out")

    fake = fleet(broken={"slow": late}, own={"fine()": [({}, steady(7.0))]})
    with source(fake, clock=clock) as (prometheus, server):
        for cycle in range(16):
            began = clock.now
            panel = prometheus.read((*slow, fine, WEB), END, END, STEP)
            assert clock.now - began <= 75.0
            assert 2.0 == panel.values[-1, 0]
            asked = [one.query for one in server.requests]
            assert not any("slow" in query for query in asked[:3])
            problem = prometheus.problems()[slow[-1]]
            clock.now = (cycle + 1) * 300.0
            if cycle == 0:
                assert "not asked: within 60 s the targets' own queries had no time left for it" in problem
                assert {4, 5} >= {len(server.queries("slow"))}
        assert {one.query for one in slow} <= set(asked)
        assert [7.0, 2.0] == panel.values[-2:, 0].tolist()


def test_closing_ends_a_read_at_once() -> None:
    """Ctrl-C does not wait for a time-out: a read under way and those that follow end with "closed"."""
    done, ended = threading.Event(), list[str]()

    def hanging() -> Reply:
        done.wait(20)
        return Reply(500)

    fake = fleet(broken={"cpu_usage": hanging, "orders_total": hanging})
    with source(fake, timeout=20.0) as (prometheus, server):

        def read() -> None:
            for _ in range(2):
                with pytest.raises(SourceUnavailable, match=r"^closed$"):
                    prometheus.read((WEB, DB, ORDERS), END, END, STEP)
                ended.append("ended")

        reading = threading.Thread(target=read)
        reading.start()
        while not server.queries("cpu_usage"):
            time.sleep(0.005)
        began = time.monotonic()
        prometheus.close()
        reading.join(10)
        assert ["ended"] * 2 == ended
        with pytest.raises(SourceUnavailable, match=r"^closed$"):
            prometheus.observe([("shop", "web", "Deployment")], (WEB,))
        assert time.monotonic() - began < 2
        done.set()
