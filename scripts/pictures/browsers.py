"""The page of scripts/pictures in headless Chromium: built by npm, served from loopback, given one order, photographed."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, sync_playwright

PROJECT = Path(__file__).resolve().parent
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WIDTH = 1600
SETTLE_MILLISECONDS = 500
"""After the icons have come, charts are drawn in the frames that follow."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the page told of one picture.

    Attributes:
        empty: titles of panels whose queries gave nothing.
        faults: why a panel could not be drawn, and what went wrong in the page.
    """

    empty: tuple[str, ...]
    faults: tuple[str, ...]


def built() -> Path:
    """Install what the lock file names, where it is not there, and bundle the page; the folder to be served.

    Raises:
        FileNotFoundError: there is no npm.
        subprocess.CalledProcessError: the page could not be built.
    """
    beside = Path(sys.executable).parent
    npm = shutil.which("npm", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if npm is None:
        raise FileNotFoundError("npm is not installed (Debian: apt-get install npm)")
    environment = {**os.environ, "PATH": f"{Path(npm).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    steps = [["run", "build"]] if (PROJECT / "node_modules").is_dir() else [["ci"], ["run", "build"]]
    for step in steps:
        subprocess.run([npm, *step], cwd=PROJECT, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - fixed words
    return PROJECT / "dist"


class Photographer:
    """Draws dashboards and saves them as pictures.

    Args:
        page: of a browser, on the served page's address.
        address: where the page is served.
    """

    def __init__(self, page: Page, address: str) -> None:
        """Nothing is drawn yet."""
        self._page, self._address = page, address
        self._errors: list[str] = []
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self._errors.append(str(error)))

    def take(self, order: Mapping[str, Any], out: Path) -> Outcome:
        """Draw what is ordered (`Order` in src/models.ts) and save it whole.

        Raises:
            playwright.sync_api.Error: the page failed; it says how.
        """
        self._errors.clear()
        self._page.goto(self._address)
        self._page.wait_for_function("window.draw !== undefined")
        told = self._page.evaluate("order => window.draw(order)", dict(order))
        self._page.wait_for_load_state("networkidle")
        self._page.wait_for_timeout(SETTLE_MILLISECONDS)
        if not self._page.locator("#dashboard > *").count():  # React takes all away where a part fails
            return Outcome((), tuple(self._errors))
        self._page.locator("#dashboard").screenshot(path=out)
        faults = [f"{title}: {fault}" for title, fault in told["faults"].items()]
        return Outcome(tuple(told["empty"]), (*faults, *self._errors))

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._errors.append(f"{message.text} {message.location['url']}")


@contextmanager
def photographer(folder: Path, chromium: str) -> Iterator[Photographer]:
    """A browser before the page in `folder`."""
    with _served(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        page = browser.new_page(viewport={"width": WIDTH, "height": 1000}, timezone_id="UTC", locale="en-GB")
        yield Photographer(page, address)
        browser.close()


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The folder over HTTP on loopback: scripts that are modules are not loaded from files."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/index.html"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""
