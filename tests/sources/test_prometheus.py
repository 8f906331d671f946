"""Reading a fleet from Prometheus: few queries, rows in order, and whose fault costs whom."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from helios.sources.access import Access
from helios.sources.clients import Client
from helios.sources.prometheus import PrometheusSource
from scoring.errors import SourceUnavailable
from scoring.panels import Series
from tests.sources.fake_prometheus import FakePrometheus, Value
from tests.sources.web_servers import Reply, Request, Served, error, result, serve

WEB, API = Series("shop", "web", "cpu"), Series("shop", "api", "cpu")
WEB_MEMORY, DB = Series("shop", "web", "memory"), Series("data", "db", "cpu")
QUERY = "sum(rate(orders_total[5m]))"
ORDERS = Series("shop", "web", "orders", query=QUERY)
STEP = 300.0
END = 1_700_000_100.0 // STEP * STEP


def steady(value: float) -> Value:
    """The same at all times."""
    return lambda _: value


@dataclass
class Clock:
    """Time that a test moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def source(fake: FakePrometheus, **settings: Any) -> Iterator[tuple[PrometheusSource, Served]]:
    """A source that asks `fake`."""
    with serve(fake) as server:
        access = Access(url=server.url, timeout_seconds=settings.pop("timeout", 5.0))
        with PrometheusSource(Client.to(access), **settings) as opened:
            yield opened, server


def fleet(**settings: Any) -> FakePrometheus:
    """Two deployments in one namespace and one in another; each uses its own number of cores."""
    demand = {
        ("cpu", "shop", "web"): steady(2.0),
        ("cpu", "shop", "api"): lambda when: when - END + 900.0,
        ("cpu", "data", "db"): steady(4.0),
        ("cpu", "shop", "stranger"): steady(99.0),
        ("memory", "shop", "web"): steady(1e9),
    }
    return FakePrometheus(demand=demand, **settings)


def ranges(server: Served, part: str) -> list[Request]:
    """Range queries whose PromQL holds `part`."""
    return [one for one in server.queries(part) if one.path.endswith("query_range")]


def test_rows_come_in_the_order_asked_for() -> None:
    """Whatever order Prometheus answers in, and whoever else lives in the namespaces."""
    asked = (DB, WEB_MEMORY, API, WEB)
    with source(fleet()) as (prometheus, _):
        panel = prometheus.read(asked, END - 600, END, STEP)
        expected = [[4.0] * 3, [1e9] * 3, [300.0, 600.0, 900.0], [2.0] * 3]
        assert expected == panel.values.tolist()
        assert asked == panel.series
        assert (panel.start, panel.end) == (END - 600, END)
        assert prometheus.problems() == {}


def test_a_whole_fleet_costs_one_range_query_per_metric() -> None:
    """And one about ceilings; the choice of recipe is asked for once in ten minutes."""
    clock = Clock()
    with source(fleet(), clock=clock) as (prometheus, server):
        for _ in range(2):
            prometheus.read((WEB, API, DB, WEB_MEMORY), END, END, STEP)
        assert len(server.queries('"part"')) == 1
        assert len(server.requests) == 1 + 2 * 3
        clock.now = 600.0
        prometheus.read((WEB,), END, END, STEP)
        assert len(server.queries('"part"')) == 2


def test_the_mixins_rules_are_used_where_they_cover_all_namespaces() -> None:
    """The cheaper recording rules are preferred; the older instant rate is averaged."""
    for parts, expected in (
        (("cpu", "pod_owner", "owner_rule", "rate_rule", "irate_rule"), ":sum_rate5m{"),
        (("cpu", "pod_owner", "owner_rule", "irate_rule"), "avg_over_time(node_namespace_pod_container"),
        (("cpu", "pod_owner", "irate_rule"), "rate(container_cpu_usage_seconds_total"),
    ):
        with source(fleet(parts=parts)) as (prometheus, server):
            prometheus.read((WEB,), END, END, STEP)
            assert [expected in one.query for one in ranges(server, "container_cpu_usage")] == [True]


def test_a_long_history_is_fetched_in_pieces_that_prometheus_accepts() -> None:
    """At most 11,000 points per series in a request; the pieces fit together."""
    start = END - 60 * 25_000
    with source(fleet()) as (prometheus, server):
        panel = prometheus.read((WEB,), start, END, 60.0)
        assert panel.values.tolist() == [[2.0] * 25_001]
        pieces = sorted(
            (float(one.parameters["start"]), float(one.parameters["end"]))
            for one in ranges(server, "cpu_usage")
        )
    assert [(start, END)] == [(pieces[0][0], pieces[-1][1])]
    assert len(pieces) == 3
    assert all(end + 60 == following for (_, end), (following, _) in pairwise(pieces))
    assert all((end - begin) / 60 + 1 <= 11_000 for begin, end in pieces)


def test_a_wide_fleet_asks_for_at_most_a_million_points_at_a_time() -> None:
    """Four hundred series over 6,000 columns are three requests."""
    fleet_of_400 = [Series("shop", f"w{i}", "cpu") for i in range(400)]
    fake = FakePrometheus(demand={("cpu", "shop", "w0"): steady(1.0)})
    with source(fake) as (prometheus, server):
        panel = prometheus.read(fleet_of_400, END - 5_999 * STEP, END, STEP)
        assert len(ranges(server, "cpu_usage")) == 3
    assert int(np.isfinite(panel.values[0]).sum()) == 6_000
    assert np.isnan(panel.values[1:]).all()


def test_a_range_that_is_too_much_for_the_server_is_halved() -> None:
    """A server with lower limits still answers, in smaller pieces."""
    fake = fleet()

    def answer(request: Any) -> Reply:
        begin, end = (float(request.parameters.get(name, 0)) for name in ("start", "end"))
        if end - begin > 10 * STEP:
            return error(422, "execution", "query processing would load too many samples into memory")
        return fake(request)

    with serve(answer) as server, PrometheusSource(Client.to(Access(url=server.url))) as prometheus:
        panel = prometheus.read((WEB,), END - 30 * STEP, END, STEP)
        assert panel.values.tolist() == [[2.0] * 31]


def test_a_server_that_finds_everything_too_much_is_not_asked_for_ever() -> None:
    """The range is halved a few times, then the server's own words are the error."""
    much = error(422, "execution", "too many samples")
    with (
        source(fleet(broken={"sum by (namespace, owner_kind": lambda: much})) as (prometheus, server),
        pytest.raises(SourceUnavailable, match="too many samples: the server's limit is lower"),
    ):
        prometheus.read((WEB,), END - 2_000 * STEP, END, STEP)
    assert len(server.requests) < 20


def test_a_series_returned_twice_counts_once_and_the_larger_value_wins() -> None:
    """A duplicate never lowers a decision."""
    labels = {"namespace": "shop", "owner_kind": "deployment", "owner_name": "web"}
    twice = [
        {"metric": {**labels, "replica": "a"}, "values": [[END, "3"]]},
        {"metric": {**labels, "replica": "b"}, "values": [[END, "2"]]},
        {"metric": labels, "values": [[END, "1"]]},
    ]
    fake = fleet(broken={"cpu_usage_seconds_total{": lambda: result("matrix", twice)})
    fake.parts = ()
    with (
        serve(lambda request: result("vector", []) if '"part"' in request.query else fake(request)) as server,
        PrometheusSource(Client.to(Access(url=server.url))) as prometheus,
    ):
        assert prometheus.read((WEB,), END, END, STEP).values.tolist() == [[3.0]]


def test_impossible_values_are_gaps() -> None:
    """NaN, Inf, negative and absurd values are never demand."""
    odd = iter([math.nan, math.inf, -math.inf, -1.0, 1e30, 5.0])
    values = {END - (5 - i) * STEP: value for i, value in enumerate(odd)}
    fake = FakePrometheus(
        demand={("cpu", "shop", "web"): values.get, ("cpu", "shop", "api"): steady(math.nan)}
    )
    with source(fake) as (prometheus, _):
        panel = prometheus.read((WEB, API), END - 5 * STEP, END, STEP)
        assert np.isnan(panel.values[0]).tolist() == [True] * 5 + [False]
        assert float(panel.values[0, 5]) == 5.0
        assert {API} == prometheus.problems().keys()
        assert "every value is NaN" in prometheus.problems()[API]


def test_a_targets_own_query_is_asked_once_for_all_that_share_it() -> None:
    """Identical queries are one request."""
    shared = Series("shop", "api", "orders", query=QUERY)
    fake = fleet(own={QUERY: [({}, steady(7.0))]})
    with source(fake) as (prometheus, server):
        panel = prometheus.read((ORDERS, WEB, shared), END, END, STEP)
        assert panel.values.tolist() == [[7.0], [2.0], [7.0]]
        assert len(server.queries("orders_total")) == 1


SEVERAL = [({"pod": "a"}, steady(1.0)), ({"pod": "b"}, steady(1.0))]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param([], "query matches nothing", id="nothing"),
        pytest.param(SEVERAL, "query returned 2 series: aggregate it with sum", id="several"),
        pytest.param(error(422, "execution", "boom"), "HTTP 422: boom", id="422"),
        pytest.param(error(400, "bad_data", "parse error: at ("), "HTTP 400: parse error", id="bad PromQL"),
        pytest.param(Reply(500, [b"oops"]), "HTTP 500: oops", id="500"),
        pytest.param(
            result("vector", [{"metric": {}, "value": [0, "1"]}]), "result type is wrong", id="type"
        ),
        pytest.param(Reply(200, [b"<html>"]), "not JSON", id="garbage"),
    ],
)
def test_a_bad_query_costs_its_own_target_alone(answer: Any, words: str) -> None:
    """The row is a gap, the problem is readable, and the neighbours are read as always."""
    with source(fleet(own={QUERY: answer})) as (prometheus, _):
        panel = prometheus.read((ORDERS, WEB), END, END, STEP)
        assert np.isnan(panel.values[0]).all()
        assert panel.values[1].tolist() == [2.0]
        assert {ORDERS} == prometheus.problems().keys()
        assert words in prometheus.problems()[ORDERS]


def test_a_query_that_is_too_slow_rests_before_it_is_asked_again() -> None:
    """One heavy query does not cost every cycle its time-out; once it works, all is forgotten."""
    clock = Clock()
    heavy = error(503, "timeout", "query timed out")
    fake = fleet(own={QUERY: heavy})
    with source(fake, clock=clock) as (prometheus, server):
        for moment, asked in ((0.0, 1), (30.0, 1), (61.0, 2), (150.0, 2), (182.0, 3)):
            clock.now = moment
            panel = prometheus.read((ORDERS, WEB), END, END, STEP)
            assert asked == len(server.queries("orders_total")), moment
            assert panel.values[1].tolist() == [2.0]
            assert "query timed out" in prometheus.problems()[ORDERS]
        clock.now = 1_000.0
        fake.own = {QUERY: [({}, steady(7.0))]}
        assert prometheus.read((ORDERS,), END, END, STEP).values.tolist() == [[7.0]]
        assert prometheus.problems() == {}


def test_an_outage_is_an_outage_even_where_every_query_is_a_targets_own() -> None:
    """Then nothing would tell a dead server from bad queries: the read fails and is repeated."""
    with (
        source(FakePrometheus(own={QUERY: Reply(500)})) as (prometheus, _),
        pytest.raises(SourceUnavailable, match="HTTP 500"),
    ):
        prometheus.read((ORDERS,), END, END, STEP)
    clock = Clock()
    slow = FakePrometheus(own={QUERY: error(503, "timeout", "query timed out")})
    with source(slow, clock=clock) as (prometheus, server):
        for _ in range(2):
            with pytest.raises(SourceUnavailable, match="query timed out"):
                prometheus.read((ORDERS,), END, END, STEP)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply", [Reply(500), Reply(422), Reply(200, [b"garbage"])], ids=["500", "422", "garbage"]
)
def test_a_failing_recipe_fails_the_read(reply: Reply) -> None:
    """All targets share it: gaps would be read as history, an error is asked for again."""
    fake = fleet(broken={"max by (namespace, pod, container) (container_memory": lambda: reply})
    with source(fake) as (prometheus, _), pytest.raises(SourceUnavailable, match="query memory demand"):
        prometheus.read((WEB, WEB_MEMORY), END, END, STEP)


def test_a_workload_without_samples_is_told_what_is_missing() -> None:
    """The commonest complaint of all: nothing found, and no word why."""
    nowhere, nameless = Series("empty", "web", "cpu"), Series("shop", "wbe", "cpu")
    wordless = Series("shop", "web", "orders")
    with source(fleet()) as (prometheus, _):
        panel = prometheus.read((nowhere, nameless, wordless, WEB), END, END, STEP)
        found = prometheus.problems()
        assert np.isnan(panel.values[:, 0]).tolist() == [True, True, True, False]
        assert "neither cAdvisor nor kube-state-metrics has series for namespace empty" in found[nowhere]
        assert "no pod of Deployment shop/wbe has cpu samples" in found[nameless]
        assert "orders is neither cpu nor memory and has no query" in found[wordless]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        pytest.param(
            ("pod_owner",), "no container_cpu_usage_seconds_total for namespace shop", id="cAdvisor"
        ),
        pytest.param(("cpu",), "no kube_pod_owner for namespace shop", id="owners"),
        pytest.param(("cpu", "pod_owner"), "no kube_replicaset_owner for namespace shop", id="ReplicaSets"),
    ],
)
def test_what_a_namespace_lacks_is_named(parts: tuple[str, ...], words: str) -> None:
    """Which exporter is not scraped."""
    fake = FakePrometheus(demand={("cpu", "shop", "other"): steady(1.0)}, parts=parts)
    with source(fake) as (prometheus, _):
        prometheus.read((WEB,), END, END, STEP)
        assert words in prometheus.problems()[WEB]


def test_older_history_does_not_overrule_what_is_known_of_the_present() -> None:
    """A workload that did not exist last week has no problem today."""
    fake = FakePrometheus(demand={("cpu", "shop", "web"): lambda when: 1.0 if when > END - 600 else None})
    with source(fake) as (prometheus, _):
        prometheus.read((WEB,), END, END, STEP)
        prometheus.read((WEB,), END - 6_000, END - 3_000, STEP)
        assert prometheus.problems() == {}
        prometheus.read((WEB,), END + 300, END + 300, STEP)
        assert prometheus.problems() == {}


def test_samples_of_pods_at_their_ceiling_are_censored() -> None:
    """Throttled, or at 97 % of what the limits allow: demand was at least this."""
    fake = fleet(
        held={
            ("throttled", "shop", "web"): lambda when: 0.5 if when == END else None,
            ("limit", "shop", "api"): steady(910.0),
            ("limit", "data", "db"): steady(8.0),
            ("throttled", "shop", "stranger"): steady(0.9),
        }
    )
    with source(fake) as (prometheus, _):
        panel = prometheus.read((WEB, API, DB, WEB_MEMORY), END - 600, END, STEP)
    expected = [[False, False, True], [False, False, True], [False] * 3, [False] * 3]
    assert expected == panel.censored.tolist()


def test_failing_to_ask_about_ceilings_costs_nothing_else() -> None:
    """Samples then count as not censored, and the question rests."""
    clock = Clock()
    fake = fleet(broken={'"sign"': lambda: Reply(422)})
    with source(fake, clock=clock) as (prometheus, server):
        for _ in range(3):
            panel = prometheus.read((WEB,), END, END, STEP)
            assert panel.values.tolist() == [[2.0]]
            assert not panel.censored.any()
        assert len(server.queries('"sign"')) == 1


def test_the_present_state_is_observed() -> None:
    """Replicas and start-up per workload, requests and limits per series; NaN where nothing is known."""
    state = {
        "replicas": {("shop", "web"): 3.0, ("shop", "stranger"): 9.0},
        "starts": {("shop", "web"): 25.0},
        "requests cpu": {("shop", "web"): 0.5, ("data", "db"): 0.0},
        "limits cpu": {("shop", "web"): 1.0},
        "requests memory": {("shop", "web"): 2.0**30},
    }
    with source(fleet(state=state)) as (prometheus, server):
        seen = prometheus.observe(
            [("shop", "web", "Deployment"), ("data", "db", "Deployment")], (WEB, WEB_MEMORY, DB, ORDERS)
        )
        assert len(server.requests) == 1 + 6
    np.testing.assert_array_equal([3.0, np.nan], seen.replicas)
    np.testing.assert_array_equal([25.0, np.nan], seen.start_seconds)
    np.testing.assert_array_equal([0.5, 2.0**30, np.nan, np.nan], seen.request)
    np.testing.assert_array_equal([1.0, np.nan, np.nan, np.nan], seen.limit)
    assert seen.replicas.dtype == np.float32


def test_limits_and_start_up_may_stay_unknown_but_replicas_may_not() -> None:
    """What only refines a decision never costs the cycle."""
    state = {"replicas": {("shop", "web"): 3.0}}
    broken = {"resource_limits": lambda: Reply(422), "ready_time": lambda: Reply(500)}
    with source(fleet(state=state, broken=broken)) as (prometheus, _):
        seen = prometheus.observe([("shop", "web", "Deployment")], (WEB,))
        assert seen.replicas.tolist() == [3.0]
        assert np.isnan([*seen.limit, *seen.start_seconds, *seen.request]).all()
    with (
        source(fleet(broken={"status_replicas": lambda: Reply(500)})) as (prometheus, _),
        pytest.raises(SourceUnavailable, match="query replicas: HTTP 500"),
    ):
        prometheus.observe([("shop", "web", "Deployment")], (WEB,))


def test_a_fleet_without_targets_asks_nothing() -> None:
    """Not a single request."""
    with source(fleet()) as (prometheus, server):
        assert prometheus.read((), END - STEP, END, STEP).values.shape == (0, 2)
        assert prometheus.observe([], ()).replicas.shape == (0,)
        assert server.requests == []


def test_labels_that_tell_clusters_apart_are_asked_for() -> None:
    """One store may hold many clusters."""
    with source(fleet(), matchers={"cluster": 'eu"1'}) as (prometheus, server):
        prometheus.read((WEB,), END, END, STEP)
        metrics = sum(one.query.count("namespace=~") for one in server.requests)
        assert metrics == sum(one.query.count('cluster="eu\\"1"') for one in server.requests)
