"""The shipped dashboards: made by their code, whole in themselves, and asking for nothing that nobody exports."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
from prometheus_client import CollectorRegistry

from helios.api.middlewares import build_meters
from helios.loops import LoopMetrics
from helios.operator.leases import lease_gauge
from helios.operator.transports import request_counter
from scoring.gauges import TARGET_GAUGES
from scripts import make_dashboards
from scripts.dashboards.queries import FOREIGN
from tests.dashboards.queries import (
    FOLDER,
    NEEDS_OPERATOR,
    NEEDS_STATE,
    UIDS,
    Chosen,
    Window,
    dashboard,
    panels,
)

GRAFANAS = frozenset(
    {"__all_variables", "__url_time_range", "__data", "__interval", "__rate_interval", "__range"}
)
"""Variables that Grafana itself fills."""

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
EXAMPLES = {
    "namespace": ["saleor"],
    "deployment": ["api", "worker"],
    "metric": ["cpu"],
    "horizon": ["30m"],
    "large": ["api"],
}
every_dashboard = pytest.mark.parametrize("uid", UIDS)


def own_metrics() -> set[str]:
    """Every name that Helios exports."""
    registry = CollectorRegistry()
    LoopMetrics.registered(registry)
    build_meters(registry)
    request_counter(registry)
    lease_gauge(registry, lambda: True)
    families = registry.collect()
    names = {f.name + suffix for f in families for suffix in SUFFIXES.get(f.type, ("",))}
    return names | {gauge.name for gauge in TARGET_GAUGES}


def expressions(uid: str) -> Iterator[tuple[str, str]]:
    """Where it stands and what it asks: panels, variables and annotations, in PromQL that is filled in."""
    board, window = dashboard(uid), Window(0.0, 3600.0)
    chosen = Chosen(EXAMPLES, single={"metric", "horizon"})
    for panel in panels(board):
        for target in panel["targets"]:
            yield f"{panel['title']} / {target['refId']}", chosen.filled(target["expr"], window.macros())
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]["query"].removeprefix("label_values(").rpartition(",")[0]
            yield f"variable {variable['name']}", chosen.filled(query, window.macros())
    for note in board["annotations"]["list"]:
        yield f"annotation {note['name']}", chosen.filled(note["target"]["expr"], window.macros())


def _selector(expr: promql_parser.Expr) -> list[promql_parser.VectorSelector]:
    if isinstance(expr, promql_parser.MatrixSelector):
        return [expr.vector_selector]
    return [expr] if isinstance(expr, promql_parser.VectorSelector) else []


def aggregated(query: str) -> list[tuple[str, list[promql_parser.AggregateExpr]]]:
    """Each selector's name and the aggregations around it, the outermost first."""
    found: list[tuple[str, list[promql_parser.AggregateExpr]]] = []
    around: list[promql_parser.AggregateExpr] = []

    def enter(expr: promql_parser.Expr) -> None:
        if isinstance(expr, promql_parser.AggregateExpr):
            around.append(expr)
        found.extend((str(one.name), list(around)) for one in _selector(expr))

    def leave(expr: promql_parser.Expr) -> None:
        if isinstance(expr, promql_parser.AggregateExpr):
            around.pop()

    promql_parser.walk(promql_parser.parse(query), enter, leave)
    return found


def strings(value: Any) -> Iterator[str]:
    """Every text in a piece of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


def test_the_files_are_what_the_code_makes_and_nothing_else() -> None:
    """`python scripts/make_dashboards.py` would change no byte."""
    assert make_dashboards.made() == {
        file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")
    }


@every_dashboard
def test_a_dashboard_is_named_for_its_file(uid: str) -> None:
    """Alerts link to `/d/<uid>`."""
    assert uid == dashboard(uid)["uid"]


@every_dashboard
def test_every_panel_and_every_query_of_a_panel_can_be_told_apart(uid: str) -> None:
    """Grafana mixes up panels of one id, and queries of one refId."""
    ids = [panel["id"] for panel in dashboard(uid)["panels"]]
    assert list(range(1, len(ids) + 1)) == ids
    for panel in panels(dashboard(uid)):
        refs = [target["refId"] for target in panel["targets"]]
        assert [*string.ascii_uppercase][: len(refs)] == refs


@every_dashboard
def test_everything_asks_the_chosen_data_source(uid: str) -> None:
    """No panel, query, variable or annotation names a data source of somebody's own."""
    board = dashboard(uid)
    asking = [*board["annotations"]["list"], *panels(board)]
    asking += [target for panel in panels(board) for target in panel["targets"]]
    asking += [v for v in board["templating"]["list"] if v["type"] == "query"]
    assert {("prometheus", "${datasource}")} == {
        (one["datasource"]["type"], one["datasource"]["uid"]) for one in asking
    }


@every_dashboard
def test_every_panel_says_what_it_shows_in_which_unit_and_what_when_there_is_nothing(uid: str) -> None:
    """A reader at night has no manual."""
    for panel in panels(dashboard(uid)):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"]
        assert panel["description"].endswith((".", "?"))
        assert 40 < len(panel["description"]) < 260, panel["title"]
        assert defaults["unit"]
        assert defaults["noValue"]


@every_dashboard
def test_no_panel_covers_another(uid: str) -> None:
    """Nor leaves the grid of 24 columns."""
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard(uid)["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


@every_dashboard
def test_every_variable_that_is_used_is_defined_and_every_one_defined_is_used(uid: str) -> None:
    """An unknown one would be sent to Prometheus as it stands."""
    board = dashboard(uid)
    defined = {variable["name"] for variable in board["templating"]["list"]}
    texts = list(strings(board))
    used = {name for text in texts for name in re.findall(r"\$\{?([a-zA-Z_]\w*)", text)} - GRAFANAS
    assert defined == used


@every_dashboard
def test_a_chosen_target_is_chosen_on_every_dashboard(uid: str) -> None:
    """Links carry variables: all four have the same three, several values at once."""
    variables = {v["name"]: v for v in dashboard(uid)["templating"]["list"]}
    assert ["datasource", "namespace", "deployment"] == list(variables)[:3]
    for name in ("namespace", "deployment"):
        assert (True, True, ".+") == tuple(
            variables[name][key] for key in ("multi", "includeAll", "allValue")
        )


@pytest.mark.parametrize("uid", ["helios-predictions", "helios-recommendations"])
def test_a_dashboard_opens_with_one_large_panel_however_many_targets_there_are(uid: str) -> None:
    """Of the first of the chosen deployments: Grafana takes the first value where there is neither a preset nor All."""
    board = dashboard(uid)
    (repeated,) = (panel for panel in panels(board) if "repeat" in panel)
    variable = next(v for v in board["templating"]["list"] if v["name"] == repeated["repeat"])
    assert (True, False) == (variable["multi"], variable["includeAll"])
    assert "current" not in variable
    assert 'deployment=~"$deployment"' in variable["query"]["query"]
    assert f"${variable['name']}" == repeated["title"]
    for target in repeated["targets"]:
        assert f'deployment=~"${variable["name"]}"' in target["expr"]
        assert "$deployment" not in target["expr"]


@every_dashboard
def test_links_lead_to_dashboards_that_exist_and_keep_what_was_chosen(uid: str) -> None:
    """Three links to the others, and those of tables and numbers."""
    board = dashboard(uid)
    assert set(UIDS) - {uid} == {link["url"].removeprefix("/d/") for link in board["links"]}
    assert {(True, True)} == {(link["includeVars"], link["keepTime"]) for link in board["links"]}
    leading = [text for panel in panels(board) for text in strings(panel) if text.startswith("/d/")]
    assert leading
    for url in leading:
        path, _, query = url.partition("?")
        assert path.removeprefix("/d/") in set(UIDS) - {uid}
        assert "${__url_time_range}" in query
        assert "var-deployment=" in query or "${__all_variables}" in query


def test_alerts_lead_to_dashboards_that_exist_and_choose_what_these_can() -> None:
    """An alert's link is a dashboard's uid and, where it is about a target, its namespace and deployment."""
    rules = (FOLDER.parent / "alerts" / "helios-rules.yaml").read_text(encoding="utf-8")
    urls = re.findall(r"dashboard_url: (\S+?)(?:\?(.*))?$", rules, re.MULTILINE)
    assert urls
    for path, query in urls:
        defined = {v["name"] for v in dashboard(path.removeprefix("/d/"))["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", query)) <= defined


@every_dashboard
def test_every_query_is_promql_and_asks_for_what_is_exported(uid: str) -> None:
    """By Helios, or by what is listed of KEDA and kube-state-metrics."""
    known = own_metrics() | set(FOREIGN)
    for where, query in expressions(uid):
        assert {name for name, _ in aggregated(query)} <= known, where


@every_dashboard
def test_a_second_pod_does_not_double_a_target(uid: str) -> None:
    """Every selector of a target's gauge is made one by target, by the maximum, before anything else is done over targets."""
    gauges = {gauge.name for gauge in TARGET_GAUGES}
    for where, query in expressions(uid):
        for name, aggregates in aggregated(query):
            if name in gauges and not where.startswith("variable"):
                assert aggregates, where
                assert "max" == str(aggregates[-1].op), where
                by = aggregates[-1].modifier
                assert by is not None, where
                assert {"namespace", "deployment"} <= set(by.labels), where


def test_what_a_replay_does_not_export_is_exported_by_an_operator() -> None:
    """The list of what is rightly missing without a cluster names no metric that is gone."""
    assert own_metrics() >= NEEDS_OPERATOR | NEEDS_STATE


def test_all_stands_for_anything_and_names_stand_for_themselves() -> None:
    """A dot in a name is a dot; several values are alternatives; one that is not several is a plain string."""
    everything = Chosen({"namespace": ["a", "b"]}, all={"namespace": ".+"})
    assert 'x{namespace=~".+"}' == everything.filled('x{namespace=~"$namespace"}', {})
    some = Chosen({"namespace": ["a.b", "c"], "horizon": ["5m"]}, single={"horizon"})
    assert r'x{namespace=~"(a\\.b|c)"} offset 5m' == some.filled(
        'x{namespace=~"${namespace}"} offset $horizon', {}
    )
    assert '"$1"' == some.filled('"$1"', {})


def test_a_rate_is_taken_over_four_scrapes_at_least() -> None:
    """As `$__rate_interval` is."""
    macros = Window(end=0.0, seconds=3600.0, scrape_seconds=15.0).macros()
    assert {"__interval": "15000ms", "__rate_interval": "60000ms", "__range": "3600000ms"} == macros
