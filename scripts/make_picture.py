"""Take the README's picture: `helios demo`, a target open, in headless Chromium, just after an anomaly of its CPU.

python scripts/make_picture.py [--chromium /usr/bin/chromium] [--target saleor-api]
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
SPEED = "3000"
LONGEST = 900.0
"""Seconds after which there is a picture without an anomaly."""
AFTERWARDS = 0.4
"""Seconds from an anomaly to its picture: with what came after it, and while it lasts."""


def main() -> None:
    """Run the demo, open a target, wait for an anomaly of its CPU, take the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--target", default="saleor-api")
    options = parser.parse_args()
    with started(["demo", "--speed", SPEED]) as demo, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 1120}, color_scheme="light")
        page.goto(f"{demo.url}/#/saleor/{options.target}")
        until, anomaly = time.monotonic() + LONGEST, {"metric": None}
        while anomaly["metric"] != "cpu" and time.monotonic() < until:
            page.wait_for_timeout(50)
            anomaly = demo.get(f"/targets/saleor/{options.target}").json()["anomaly"]
        print(anomaly["metric"] and anomaly["text"])
        page.wait_for_timeout(AFTERWARDS * 1000)
        page.screenshot(path=OUT)
        browser.close()
    print(f"{OUT}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
