"""Real gauges of a replay as a past: `helios demo` at speed, scraped as often as it changes, each scrape at the time of the trace.

A dashboard looks back for hours and moves predictions by their horizon; a replay lives through a day in a quarter of a
minute, and its samples must stand where they happened. So they are scraped here and loaded into Prometheus by promtool.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from scoring.publisher import CYCLES_UNTIL_EXPIRY
from tests.dashboards.visitors import visit

_EXPIRES = re.compile(r"^helios_report_expires_timestamp_seconds\{.*\} (\S+)$", re.MULTILINE)
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$")


SCRAPE_SECONDS = 100.0
"""Between two samples, in the trace: a gauge stands still between cycles, and is scraped more often than it changes."""

CYCLE_SECONDS = 300.0
"""Of the demo, in the trace."""


@dataclass(frozen=True)
class Recording:
    """What was scraped.

    Attributes:
        file: OpenMetrics text with timestamps, for promtool.
        start, end: UNIX seconds of the trace: its first and last sample.
        cycles: of how many there is one.
    """

    file: Path
    start: float
    end: float
    cycles: int


def record(url: str, file: Path, *, hours: float, seconds: float = 120.0) -> Recording:
    """Scrape a demo until so many hours of its trace have passed, asking its API in between.

    Args:
        url: of the demo.
        file: to be written.
        hours: of the trace.
        seconds: patience.

    Raises:
        AssertionError: the trace did not get so far.
    """
    scrapes: dict[float, str] = {}
    deadline = time.monotonic() + seconds
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
        while not scrapes or max(scrapes) - min(scrapes) < hours * 3600:
            assert time.monotonic() < deadline, f"the trace came no further than {[*scrapes][-1:]}"
            text = client.get("/metrics").text
            expires = max((float(found) for found in _EXPIRES.findall(text)), default=0.0)
            now = expires - CYCLES_UNTIL_EXPIRY * CYCLE_SECONDS
            if expires and now not in scrapes:
                scrapes[now] = text
                visit(client)
            time.sleep(0.01)
    file.write_text(_history(scrapes), encoding="utf-8")
    return Recording(file, min(scrapes), max(scrapes), len(scrapes))


def _history(scrapes: Mapping[float, str]) -> str:
    """All scrapes, each repeated until the next; OpenMetrics wants a metric's samples together and a series' in order."""
    lines: dict[str, list[str]] = {}
    times = sorted(scrapes)
    for now, until in zip(times, (*times[1:], times[-1] + 1), strict=True):
        samples = [(found[1], line) for line in scrapes[now].splitlines() if (found := _SAMPLE.match(line))]
        for again in range(math.ceil((until - now) / SCRAPE_SECONDS)):
            when = now + again * SCRAPE_SECONDS
            for name, line in samples:
                lines.setdefault(name, []).append(f"{line} {when:.3f}")
    return "\n".join([*(line for name in sorted(lines) for line in lines[name]), "# EOF", ""])
