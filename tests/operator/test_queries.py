"""Whose numbers a tenant's query may read: its own namespace's, wherever in the PromQL a selector hides."""

from __future__ import annotations

import pytest

from helios.operator.queries import problem
from helios.targets import QueryPolicy

OWN = 'namespace="saleor"'


def told(query: str, policy: QueryPolicy = QueryPolicy.OWN_NAMESPACE) -> str | None:
    """What is said to a target of namespace saleor."""
    return problem(query, "saleor", policy)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(f"sum(rate(requests_total{{{OWN}}}[5m]))", id="a rate"),
        pytest.param('sum(requests{exported_namespace="saleor"})', id="scraped without honoured labels"),
        pytest.param("sum(requests{namespace='saleor',code=~\"5..\"})", id="beside other matchers"),
        pytest.param("requests{namespace=`saleor`}", id="in back-quotes"),
        pytest.param('requests{namespace="\\u0073aleor"}', id="written in escapes"),
        pytest.param('{"namespace"="saleor",__name__="requests"}', id="with a quoted label"),
        pytest.param(f'{{__name__=~".+",{OWN}}}', id="every metric of its own"),
        pytest.param(
            'requests{namespace="saleor",namespace!="shop"}', id="with a second matcher that narrows"
        ),
        pytest.param(f"a{{{OWN}}} / ignoring(x) group_left b{{{OWN}}}", id="a quotient"),
        pytest.param(f"max_over_time(rate(a{{{OWN}}}[5m])[1h:1m] offset 1d)", id="a subquery"),
        pytest.param(f"topk(scalar(n{{{OWN}}}), a{{{OWN}}})", id="an aggregation with a parameter"),
        pytest.param(f"-sum by (pod) (a{{{OWN}}} @ end())", id="at a fixed time"),
        pytest.param(f'label_replace(a{{{OWN}}}, "namespace", "shop", "", "")', id="that renames its result"),
        pytest.param(f"histogram_quantile(0.9, sum by (le) (rate(a{{{OWN}}}[5m])))", id="a quantile"),
        pytest.param("vector(5) + time()", id="that reads no series"),
        pytest.param(f'count_values("x", a{{{OWN}}}) # or b', id="a comment"),
    ],
)
def test_a_query_of_its_own_namespace_is_taken(query: str) -> None:
    """Every selector names it."""
    assert told(query) is None


@pytest.mark.parametrize(
    ("query", "selector"),
    [
        pytest.param("requests", "requests", id="no matcher at all"),
        pytest.param('requests{namespace="shop"}', 'requests{namespace="shop"}', id="another namespace"),
        pytest.param('requests{namespace=~"saleor"}', '=~"saleor"', id="an expression, however exact"),
        pytest.param('requests{namespace=~"saleor|shop"}', '=~"saleor|shop"', id="an expression for two"),
        pytest.param('requests{namespace!="shop"}', '!="shop"', id="all but one"),
        pytest.param('requests{namespace!~"shop"}', '!~"shop"', id="all but some"),
        pytest.param('requests{namespace=""}', 'namespace=""', id="series without a namespace"),
        pytest.param('requests{Namespace="saleor"}', "Namespace", id="a label of another name"),
        pytest.param('requests{pod="saleor"}', "pod", id="its name in another label"),
        pytest.param('{__name__=~".+"}', "__name__", id="every series there is"),
        pytest.param(f"a{{{OWN}}} or secrets", "secrets", id="behind an or"),
        pytest.param(f"secrets and a{{{OWN}}}", "secrets", id="before an and"),
        pytest.param(f"a{{{OWN}}} unless on() secrets", "secrets", id="behind an unless"),
        pytest.param(f"a{{{OWN}}} * on() group_left(token) secrets", "secrets", id="joined for its labels"),
        pytest.param(f"max_over_time((a{{{OWN}}} + secrets)[1h:1m])", "secrets", id="in a subquery"),
        pytest.param("sum(rate(secrets[5m] offset 1h))", "secrets", id="in a range with an offset"),
        pytest.param("last_over_time(secrets[1h] @ 1700000000)", "secrets", id="in a range at another time"),
        pytest.param(f"topk(scalar(secrets), a{{{OWN}}})", "secrets", id="as an aggregation's parameter"),
        pytest.param(f"predict_linear(a{{{OWN}}}[5m], scalar(secrets))", "secrets", id="as a function's"),
        pytest.param("absent(secrets)", "secrets", id="as an absence"),
        pytest.param("-(((secrets)))", "secrets", id="in parentheses"),
        pytest.param('label_replace(secrets, "namespace", "saleor", "", "")', "secrets", id="renamed"),
        pytest.param(f"a{{{OWN}}} # hidden\n or secrets", "secrets", id="behind a comment"),
        pytest.param(
            'a{namespace="saleor" or namespace="shop"}', "or namespace", id="with an or of matchers"
        ),
    ],
)
def test_a_query_that_reads_others_is_refused(query: str, selector: str) -> None:
    """Naming the selector, and what to write."""
    said = told(query)
    assert said is not None
    assert selector in said
    assert 'write namespace="saleor" in it' in said


@pytest.mark.parametrize(
    ("query", "part"),
    [
        pytest.param(f"info(a{{{OWN}}})", "info() reads series that the query does not name", id="info"),
        pytest.param(f'info(a{{{OWN}}}, {{{OWN},x="y"}})', "info()", id="info with a selector of its own"),
        pytest.param("sum(", "is not PromQL that can be checked", id="half a query"),
        pytest.param("", "is not PromQL that can be checked", id="nothing"),
        pytest.param(f"made_up(a{{{OWN}}})", "made_up", id="a function that is not known"),
        pytest.param(f"WITH (x = a{{{OWN}}}) x", "is not PromQL", id="another language"),
        pytest.param(f"a{{{OWN}}}) or (secrets", "is not PromQL", id="a way out of parentheses"),
        pytest.param("-" * 300 + f"a{{{OWN}}}", "more than 200 parts", id="deeper than anybody writes"),
    ],
)
def test_what_cannot_be_checked_is_refused(query: str, part: str) -> None:
    """Prometheus may understand it; this check does not."""
    said = told(query)
    assert said is not None
    assert part in said


@pytest.mark.parametrize(
    "query", ["1" + "+1" * 100_000, "(" * 100_000 + "1" + ")" * 100_000, "-" * 100_000 + "1"]
)
def test_a_query_longer_than_a_target_may_have_is_not_parsed(query: str) -> None:
    """The parser recurses in C, and ends the process: one tenant's trigger would end everybody's import."""
    said = told(query)
    assert said is not None
    assert "more than 4096 characters" in said


@pytest.mark.parametrize("query", ["1" + "+1" * 2047, "(" * 2047 + "1" + ")" * 2047, "-" * 4095 + "1"])
def test_the_longest_query_is_parsed_however_it_nests(query: str) -> None:
    """What may be written can be read."""
    assert "more than 4096 characters" not in (told(query) or "")


def test_where_queries_are_refused_the_setting_is_named() -> None:
    """That is the default: even a harmless one is refused."""
    said = told(f"sum(a{{{OWN}}})", QueryPolicy.REFUSED)
    assert said is not None
    assert "operator.custom_queries" in said


def test_where_any_query_is_allowed_it_is_not_even_read() -> None:
    """It may be of a language that this parser does not know."""
    assert told("WITH (x = a) x", QueryPolicy.ANY) is None
