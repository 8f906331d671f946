"""docs/api.md and /docs are true of every route."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from helios.api.contexts import ApiSettings
from tests.api.conftest import Served

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
UI = Path(__file__).parents[2] / "helios" / "ui"


def operations(api: Served) -> list[tuple[str, str]]:
    """Every method and path of the OpenAPI document."""
    paths = api.get("/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def test_every_route_is_documented(api: Served) -> None:
    """docs/api.md lists each route, by method and path."""
    text = DOCUMENT.read_text()
    assert [] == [f"{method} {path}" for method, path in operations(api) if f"`{method} {path}`" not in text]


def test_nothing_else_is_documented(api: Served) -> None:
    """docs/api.md promises no route that there is not."""
    known = {f"{method} {path}" for method, path in operations(api)} | {"GET /"}
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith(("| `GET /", "| `POST /"))]
    named = {part for row in rows for part in row.split("|")[1].replace(", ", "").split("`") if part.strip()}
    assert known == named


@pytest.mark.parametrize(
    "word", ["confidence", "urgency", "execute_by", "basis", "unscored", "request_factor"]
)
def test_every_field_of_our_own_is_defined(word: str) -> None:
    """The fields that need a definition have one."""
    assert f"`{word}`" in DOCUMENT.read_text()


@pytest.mark.parametrize("part", ["TargetLedger", "TargetBreaker", "TargetRollout"])
def test_every_field_of_what_paths_are_compared_by_is_documented(api: Served, part: str) -> None:
    """docs/api.md names each figure of the ledger, of the breaker and of the roll-out."""
    fields = api.get("/openapi.json").json()["components"]["schemas"][part]["properties"]
    text = DOCUMENT.read_text()
    assert [] == [name for name in fields if f"`{name}`" not in text]


def test_every_problem_is_in_the_openapi_document(api: Served) -> None:
    """Each route documents its errors as problem details, and nothing of the framework's own kind is left."""
    document = api.get("/openapi.json").json()
    assert "ProblemDetail" in document["components"]["schemas"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for methods in document["paths"].values():
        for operation in methods.values():
            errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
            assert "500" in errors
            assert {("application/problem+json",)} == {tuple(answer["content"]) for answer in errors.values()}


def test_the_page_is_served(serve: Callable[..., Served]) -> None:
    """`/` is the page and `/static` its files, where the server is given them."""
    api = serve(settings=ApiSettings(ui=UI))
    assert "<title>" in api.get("/").text
    assert 200 == api.get("/static/helios.css").status_code
    assert "application/problem+json" == api.get("/static/nothing.js").headers["content-type"]


def test_without_a_page_the_docs_are_shown(api: Served) -> None:
    """A server without a page leads to the description of the API."""
    answer = api.get("/")
    assert (307, "docs") == (answer.status_code, answer.headers["location"])


@pytest.mark.integration
def test_docs_show_the_whole_api_offline(api: Served, needs: Callable[[str], str]) -> None:
    """In a browser `/docs` shows every route and tries them, and asks no other host for anything."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        asked: list[str] = []
        faults: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{api.url}/docs")
        page.wait_for_selector("details")
        shown = page.locator("summary").all_inner_texts()
        for method, path in operations(api):
            assert any(method in text and path in text for text in shown)
        route = page.locator("#post-recommend")
        route.locator("summary").click()
        route.get_by_role("button", name="Send").click()
        page.wait_for_selector("#post-recommend .status")
        assert "200" in route.locator(".status").inner_text()
        assert "Predicted CPU 85% exceeds threshold 80%" in route.inner_text()
        browser.close()
    assert [] == faults
    assert {True} == {url.startswith(f"{api.url}/") for url in asked}
