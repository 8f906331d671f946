"""Take the README's picture: `helios demo`, a target open, in headless Chromium.

python scripts/make_picture.py [--chromium /usr/bin/chromium]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.processes.commands import started

OUT = Path(__file__).parent.parent / "docs" / "page.png"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SECONDS = 20.0
"""So long the demo runs first: an hour or two of its trace."""


def main() -> None:
    """Run the demo, open a target, take the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--target", default="saleor-dashboard")
    options = parser.parse_args()
    with started(["demo"]) as demo, sync_playwright() as playwright:
        time.sleep(SECONDS)
        browser = playwright.chromium.launch(executable_path=options.chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        page.goto(f"{demo.url}/#/saleor/{options.target}")
        page.wait_for_timeout(2500)
        page.screenshot(path=OUT)
        browser.close()
    print(f"{OUT}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
