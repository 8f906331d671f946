"""A browser for all tests of the page, and for each a server and a page that must leave no fault behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.ui.builders import report
from tests.ui.servers import Served

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


class Tab:
    """A page that remembers what went wrong on it."""

    def __init__(self, page: Page, served: Served) -> None:
        """Watch `page` before it opens anything."""
        self.page = page
        self.served = served
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.add_init_script(LISTEN)
        page.on("console", lambda m: self.errors.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, route: str = "") -> Page:
        """Open the page and wait for its first answer."""
        self.page.goto(self.served.address + route)
        self.page.locator(".row").first.wait_for()
        return self.page

    def faults(self) -> list[str]:
        """Errors on the console, breaches of the policy, requests that left the server."""
        breaches: list[str] = self.page.evaluate("window.violations ?? []")
        left = [url for url in self.requests if not url.startswith(self.served.address)]
        return [*self.errors, *breaches, *left]


@pytest.fixture(scope="package")
def browsers() -> Iterator[Callable[[str], Browser]]:
    """One browser, started when first asked for.

    It ends with this package and not with the session: Playwright keeps an event loop running in this thread.
    """
    manager = sync_playwright()
    running: list[Any] = []

    def launched(path: str) -> Browser:
        if not running:
            playwright = manager.start()
            running.extend(
                [playwright, playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))]
            )
        browser: Browser = running[1]
        return browser

    yield launched
    if running:
        running[1].close()
        running[0].stop()


@pytest.fixture
def served() -> Iterator[Served]:
    """A server with two targets, in its first cycle."""
    server = Served([report("saleor-api"), report("saleor-worker", current=5, recommended=3)])
    server.start()
    yield server
    server.stop()


@pytest.fixture
def tabs(
    browsers: Callable[[str], Browser], needs: Callable[[str], str], served: Served
) -> Iterator[Callable[..., Tab]]:
    """Make a tab with a context's options (viewport, color_scheme, …)."""
    browser = browsers(needs("chromium"))
    contexts = []

    def tab(**options: Any) -> Tab:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        context.set_default_timeout(8000)
        contexts.append(context)
        return Tab(context.new_page(), served)

    yield tab
    for context in contexts:
        context.close()


@pytest.fixture
def tab(tabs: Callable[..., Tab]) -> Iterator[Tab]:
    """A wide light tab; a fault that it collects fails the test."""
    made = tabs(color_scheme="light")
    yield made
    assert made.faults() == []
