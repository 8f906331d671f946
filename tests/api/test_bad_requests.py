"""What is wrong with a request is said by field, value and remedy; nothing bad gets through."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from helios.api.problems import explain
from tests.api.conftest import Served

PROBLEM = "application/problem+json"
CPU = {"cpu_utilization": 0.5}
MANY_DIGITS = "1" + "0" * 5000


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem, which has the members of RFC 9457."""
    assert (status, PROBLEM) == (answer.status_code, answer.headers["content-type"])
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "errors"} <= set(problem)
    assert status == problem["status"]
    return problem


@pytest.mark.parametrize(
    ("body", "field", "remedy"),
    [
        pytest.param({"metrics": {"cpu_utilization": "0.5"}}, "metrics.cpu_utilization", "number", id="text"),
        pytest.param(
            {"metrics": {"cpu_utilization": True}}, "metrics.cpu_utilization", "number", id="boolean"
        ),
        pytest.param({"metrics": {"cpu_utilization": -0.1}}, "metrics.cpu_utilization", "0", id="negative"),
        pytest.param(
            {"metrics": {"cpu_utilization": 1000.5}}, "metrics.cpu_utilization", "1000", id="absurd"
        ),
        pytest.param({"metrics": {"cpu_utilization": 1e308}}, "metrics.cpu_utilization", "1000", id="huge"),
        pytest.param(
            {"metrics": {"cpu_utilization": 10**30}}, "metrics.cpu_utilization", "1000", id="huge int"
        ),
        pytest.param(
            {"metrics": CPU | {"memory_bytes": 1e19}}, "metrics.memory_bytes", "less than", id="bytes"
        ),
        pytest.param(
            {"metrics": CPU | {"gpu": 1}}, "metrics.gpu", "known: cpu_utilization", id="extra metric"
        ),
        pytest.param({"metrics": CPU, "steps": 3}, "steps", "known: metrics, periods", id="extra key"),
        pytest.param(
            {"metrics": CPU, "periods": 0}, "periods", "greater than or equal to 1", id="no periods"
        ),
        pytest.param(
            {"metrics": CPU, "periods": 289}, "periods", "less than or equal to 288", id="many periods"
        ),
        pytest.param({"metrics": CPU, "periods": 1.5}, "periods", "integer", id="half a period"),
        pytest.param(
            {"metrics": CPU, "model": "xyz"}, "model", "'baseline', 'prophet' or 'auto'", id="model"
        ),
        pytest.param({"metrics": []}, "metrics", "must be a JSON object", id="list"),
        pytest.param({"metrics": {}}, "body", "at least one of cpu_utilization", id="empty"),
        pytest.param({"metrics": {"db_cpu": 0.5}}, "body", "at least one of cpu_utilization", id="no cpu"),
        pytest.param({}, "body", "at least one of", id="nothing"),
        pytest.param([], "body", "must be a JSON object", id="no object"),
        pytest.param({"metrics": CPU, "namespace": "saleor"}, "body", "add deployment", id="half a target"),
        pytest.param({"namespace": "", "deployment": "a"}, "namespace", "at least 1", id="empty name"),
    ],
)
def test_a_bad_prediction_request_is_refused_by_name(api: Served, body: Any, field: str, remedy: str) -> None:
    """Wrong types, extra keys and huge numbers are refused with 422, naming field and remedy."""
    problem = problem_of(api.post("/predict", body), 422)
    (error,) = (error for error in problem["errors"] if error["field"] == field)
    assert remedy in error["remedy"]
    assert field in problem["detail"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        pytest.param("/detect", {"metrics": {}}, "body", id="nothing to score"),
        pytest.param("/detect", {"metrics": CPU, "hour": 24}, "hour", id="no hour of the day"),
        pytest.param(
            "/detect", {"metrics": CPU, "recent": [{"cpu": 1}]}, "recent.0.cpu", id="recent of another kind"
        ),
        pytest.param(
            "/detect", {"metrics": CPU, "recent": [CPU] * 289}, "recent", id="more than a day of recent"
        ),
        pytest.param("/detect", {}, "metrics", id="no metrics"),
        pytest.param("/recommend", {"current_metrics": CPU}, "current_replicas", id="no replicas"),
        pytest.param(
            "/recommend",
            {"current_metrics": CPU, "current_replicas": 0},
            "current_replicas",
            id="zero replicas",
        ),
        pytest.param(
            "/recommend",
            {"current_metrics": CPU, "current_replicas": 2, "anomaly_score": -1},
            "anomaly_score",
            id="negative score",
        ),
    ],
)
def test_the_other_questions_are_as_strict(api: Served, path: str, body: Any, field: str) -> None:
    """/detect and /recommend refuse what they cannot answer, by name."""
    assert field in [error["field"] for error in problem_of(api.post(path, body), 422)["errors"]]


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        pytest.param('{"metrics": {"cpu_utilization": NaN}}', 422, "finite", id="NaN"),
        pytest.param('{"metrics": {"cpu_utilization": -Infinity}}', 422, "finite", id="Infinity"),
        pytest.param('{"metrics": {"cpu_utilization": 1e999}}', 422, "finite", id="overflow"),
        pytest.param(
            f'{{"metrics": {{"cpu_utilization": {MANY_DIGITS}}}}}',
            400,
            "more than 4300 digits",
            id="5,000 digits",
        ),
        pytest.param('{"metrics": ', 422, "valid JSON", id="cut off"),
        pytest.param("[" * 100_000, 400, "no body has more than 2 levels", id="nested too deep"),
        pytest.param("", 422, "required", id="empty"),
        pytest.param(b"\xff\xfe\x00", 400, "not UTF-8", id="no text"),
    ],
)
def test_what_is_no_json_is_refused(api: Served, text: str | bytes, status: int, words: str) -> None:
    """NaN, Infinity, numbers of thousands of digits and broken JSON get a readable problem."""
    answer = api.client.post(api.url + "/predict", content=text, headers={"content-type": "application/json"})
    assert words in problem_of(answer, status)["detail"]


@pytest.mark.parametrize("levels", [3, 50, 200, 400, 600, 800, 900, 950, 990, 1500])
def test_a_nested_body_is_refused_however_deep(api: Served, levels: int) -> None:
    """No depth makes Helios fail instead of the request."""
    text = '{"metrics": {"cpu_utilization": ' + "[" * levels + "]" * levels + "}}"
    answer = api.client.post(api.url + "/predict", content=text, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    problem_of(answer, answer.status_code)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(r'{"metrics": {"cpu_utilization": "\ud800"}}', id="value"),
        pytest.param(r'{"\ud800": 1}', id="key"),
        pytest.param(r'{"metrics": {"\udc00": 1}}', id="inner key"),
        pytest.param(r'{"metrics": {"cpu_utilization": 0.5}, "model": "\udfff"}', id="model"),
        pytest.param(r'{"namespace": "\ud800", "deployment": "a"}', id="namespace"),
        pytest.param(r'"\ud800"', id="all of it"),
        pytest.param(r'{"metrics": ["\ud800"', id="broken JSON"),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/detect", "/recommend"])
def test_half_a_character_is_refused(api: Served, path: str, text: str) -> None:
    """A lone surrogate, which no UTF-8 can hold, is the request's fault and not Helios'."""
    answer = api.client.post(api.url + path, content=text, headers={"content-type": "application/json"})
    problem_of(answer, 422)


@pytest.mark.parametrize(
    "path", ["/targets/%ED%A0%80/x", "/targets/x/%ED%A0%80/replicas", "/%ED%A0%80", "/%FF"]
)
def test_half_a_character_in_the_address_is_not_found(api: Served, path: str) -> None:
    """Nor does it bring down an answer when it stands in the address."""
    problem_of(api.get(path), 404)


def test_pythons_words_are_not_the_clients(api: Served) -> None:
    """What must be sent is said in JSON's words."""
    errors = [
        {"loc": ("body", "a"), "type": kind, "msg": f"Input should be {words}", "input": 1}
        for kind, words in (("tuple_type", "a valid tuple"), ("list_type", "a valid list"))
    ]
    assert ["must be a list"] * 2 == [explain(error, {}).remedy for error in errors]
    bodies: tuple[Any, ...] = (7, [], "x")
    for body in bodies:
        assert "must be a JSON object" in problem_of(api.post("/recommend", body), 422)["detail"]


def test_a_body_of_another_type_is_refused(api: Served) -> None:
    """A form, as curl sends by default, gets 415 and the header to send."""
    answer = api.client.post(api.url + "/predict", data={"cpu": "1"})
    assert "Content-Type: application/json" in problem_of(answer, 415)["detail"]


def test_ten_megabytes_are_refused(api: Served) -> None:
    """A body of 10 MB gets 413 with its limit, and the client can read it."""
    answer = api.client.post(
        api.url + "/predict", content=b" " * 10_000_000, headers={"content-type": "application/json"}
    )
    assert "1048576 bytes" in problem_of(answer, 413)["detail"]


def test_ten_megabytes_without_a_length_are_refused(api: Served) -> None:
    """A body that does not say how long it is gets no further than the limit."""
    chunks = (b" " * 100_000 for _ in range(100))
    answer = api.client.post(
        api.url + "/detect", content=chunks, headers={"content-type": "application/json"}
    )
    assert "1048576 bytes" in problem_of(answer, 413)["detail"]


def test_a_body_at_the_limit_is_read(api: Served) -> None:
    """The limit is what it says: a body of exactly that size is answered."""
    body = b'{"metrics": {"cpu_utilization": 0.5}}'.ljust(2**20)
    answer = api.client.post(api.url + "/predict", content=body, headers={"content-type": "application/json"})
    assert 200 == answer.status_code


def test_an_unknown_path_is_a_problem(api: Served) -> None:
    """404 is a problem that says where to look."""
    assert "/docs" in problem_of(api.get("/nothing"), 404)["detail"]


def test_a_wrong_method_is_a_problem(api: Served) -> None:
    """405 is a problem that says which methods there are."""
    answer = api.get("/predict")
    assert "POST" in problem_of(answer, 405)["detail"]
    assert "POST" == answer.headers["allow"]


def test_a_wrong_number_in_the_address_is_a_problem(api: Served) -> None:
    """422 names the parameter of the query, too."""
    problem = problem_of(api.get("/targets/saleor/saleor-api/history?points=many"), 422)
    assert ["points"] == [error["field"] for error in problem["errors"]]
    assert '"many"' == problem["errors"][0]["value"]


def test_a_model_that_is_not_loaded_is_named(api: Served) -> None:
    """Asking for prophet gets 404 and the names of what is loaded."""
    problem = problem_of(api.post("/predict", {"metrics": CPU, "model": "prophet"}), 404)
    assert "loaded: baseline" in problem["detail"]


def test_every_error_is_listed(api: Served) -> None:
    """Of several faults each is listed, and the detail says how many there are."""
    problem = problem_of(
        api.post("/predict", {"metrics": {"cpu_utilization": "x", "y": 1}, "periods": -1}), 422
    )
    assert {"metrics.cpu_utilization", "metrics.y", "periods"} == {
        error["field"] for error in problem["errors"]
    }
    assert "(and 2 more)" in problem["detail"]
