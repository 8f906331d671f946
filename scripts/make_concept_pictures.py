"""Draw the pictures of docs/concepts.md from the demo's own loop over the bundled trace, as SVG.

    python scripts/make_concept_pictures.py

Nothing in them is made up: what the loop said of a service is drawn. They follow the reader's light or dark.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helios.app import build
from helios.clocks import TraceClock
from helios.demos.saleor import NAMESPACE, demo_world
from helios.settings import Settings
from scoring.reports import History, Report

OUT = Path(__file__).resolve().parent.parent / "docs" / "concepts"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860.0, 260.0, 50.0, 150.0, 14.0, 24.0
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.demand{stroke:#1f5fbf}.forecast{stroke:#c2410c}.band{fill:#c2410c;opacity:.18}"
    ".quiet{stroke:#888;stroke-dasharray:4 3}.state{fill:#b91c1c;opacity:.15}.ours{stroke:#047857}.line{fill:none;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.demand{stroke:#7db0ff}.forecast{stroke:#fb923c}.band{fill:#fb923c}"
    ".ours{stroke:#34d399}.state{fill:#f87171}}"
)
Points = Sequence[tuple[float, float]]


SERVICE, ODD, CYCLES = "saleor-dashboard", "saleor-storefront", 386
"""Whose load moves, whose has the trace's one evident incident, and how long after the demo's start both are looked at."""


@dataclass
class Chart:
    """A chart of hours before and after now, drawn piece by piece.

    Args:
        x, y: the least and the largest that is shown.
        title: for who cannot see it.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    title: str
    parts: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A place in the picture, pixels."""
        (x0, x1), (y0, y1) = self.x, self.y
        across = LEFT + (x - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)
        return across, HEIGHT - BOTTOM - (y - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)

    def line(self, points: Points, kind: str) -> None:
        """A line through points."""
        self.parts.append(f'<polyline class="line {kind}" points="{self._path(points)}"/>')

    def steps(self, points: Points, kind: str) -> None:
        """A line that stays until the next point."""
        corners = [p for a, b in pairwise(points) for p in (a, (b[0], a[1]))]
        self.line([*corners, *points[-1:]], kind)

    def band(self, lower: Points, upper: Points, kind: str = "band") -> None:
        """The area between two lines."""
        self.parts.append(f'<polygon class="{kind}" points="{self._path([*lower, *reversed(upper)])}"/>')

    def text(self, x: float, y: float, words: str, *, anchor: str = "start") -> None:
        """Words at a point of the chart."""
        across, down = self.at(x, y)
        self.parts.append(
            f'<text x="{across + 4:.1f}" y="{down + 4:.1f}" text-anchor="{anchor}">{words}</text>'
        )

    def axes(self, hours: Iterable[float], unit: str) -> None:
        """Hours below, the ends of the scale at the left."""
        for hour in hours:
            across, _ = self.at(hour, 0)
            words = "now" if hour == 0 else f"{hour:+g} h"
            self.parts.append(
                f'<text x="{across:.1f}" y="{HEIGHT - 6:.1f}" text-anchor="middle">{words}</text>'
            )
        for value in self.y:
            down = self.at(0, value)[1]
            self.parts.append(
                f'<text x="{LEFT - 6:.1f}" y="{down + 4:.1f}" text-anchor="end">{value:g}{unit}</text>'
            )

    def svg(self) -> str:
        """The picture."""
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{self.title}">'
        return "\n".join([head, f"<style>{STYLE}</style>", *self.parts, "</svg>"]) + "\n"

    def _path(self, points: Points) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.at(*point) for point in points))


def hours(history: History, values: Sequence[float | None], back: float) -> list[tuple[float, float]]:
    """What is known of the last `back` hours, by hours before now."""
    now = history.times[-1]
    both = zip(history.times, values, strict=True)
    return [((t - now) / 3600, v) for t, v in both if v is not None and now - t <= back * 3600]


def forecast(history: History, report: Report, lead_seconds: float) -> str:
    """Demand, the curve ahead with its band, and the maximum that replicas hang on."""
    metric, told = history.metrics[0], report.metrics[0]
    past, now = hours(history, metric.demand, 3), history.times[-1]
    ahead = [(t - now) / 3600 for t in metric.future_times if t - now <= 3600]
    lower, median, upper = (
        [past[-1], *((x, float(v)) for x, v in zip(ahead, values, strict=False) if v is not None)]
        for values in (metric.future_lower, metric.future_median, metric.future_upper)
    )
    most = max(told.maximum.values())
    every = [y for _, y in [*past, *lower, *upper]] + [most]
    chart = Chart((-3, 1), (float(int(min(every))), float(int(max(every)) + 1)), "demand and its forecast")
    chart.band(lower, upper)
    chart.line(past, "demand")
    chart.line(median, "forecast")
    lead = lead_seconds / 3600
    chart.line([(0, most), (lead, most)], "quiet")
    chart.text(0, most, f"P98 of the maximum, {lead_seconds / 60:.0f} min ahead", anchor="end")
    chart.text(median[-1][0], median[-1][1], "median, P10 to P90")
    chart.text(-3, past[0][1] + (chart.y[1] - chart.y[0]) * 0.08, "demand, cores")
    chart.axes((-3, -2, -1, 0, 1), "")
    return chart.svg()


def anomaly(history: History) -> str:
    """The score, the threshold, the state."""
    score = hours(history, history.anomaly_score, 6)
    top = max(4.0, *(y for _, y in score))
    chart = Chart((-6, 0), (0.0, float(int(top) + 1)), "the anomaly score")
    found = hours(history, [1.0 if on else None for on in history.anomaly_detected], 6)
    if found:
        first, last = found[0][0], found[-1][0] + history.step / 3600
        chart.band([(first, 0), (last, 0)], [(first, chart.y[1]), (last, chart.y[1])], "state")
        chart.text(last, chart.y[1] - 0.4, "detected; one alarm")
    chart.line(score, "forecast")
    chart.line([(-6, history.anomaly_threshold), (0, history.anomaly_threshold)], "quiet")
    chart.text(0, history.anomaly_threshold, f"threshold, {history.anomaly_threshold:g} sigma")
    chart.text(0, score[-1][1], "score")
    chart.axes((-6, -4, -2, 0), "")
    return chart.svg()


def ledger(history: History, report: Report) -> str:
    """Replicas as they ran and as recommended, over what demand needs."""
    metric, each = history.metrics[0], report.metrics[0].per_replica or 1.0
    needed = hours(history, [None if v is None else v / (0.9 * each) for v in metric.demand], 12)
    ran, ours = (
        hours(history, values, 12) for values in (history.current_replicas, history.recommended_replicas)
    )
    top = max(y for _, y in [*needed, *ran, *ours])
    chart = Chart((-12, 0), (0.0, float(int(top) + 1)), "replicas")
    chart.band([(-12, 0), (0, 0)], needed)
    chart.steps(ran, "quiet")
    chart.steps(ours, "ours")
    gap = 0.08 * chart.y[1]
    level = sorted(
        [(ran[-1][1], "as they ran"), (ours[-1][1], "recommended"), (needed[-1][1], "what 90 % full needs")]
    )
    height = -gap
    for value, words in level:
        height = max(value, height + gap)
        chart.text(0, height, words)
    chart.axes((-12, -8, -4, 0), "")
    return chart.svg()


def main() -> None:
    """Run the demo's fleet up to two hours after the incident, and draw."""
    # as quiet as a script is
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    world = demo_world(300)
    clock = TraceClock(world.start, speed=1, end=world.end, stride=world.step)
    built = build(Settings(), world.source(clock), clock=clock, targets=world.targets)
    if built.loop is None:
        raise RuntimeError("a replay has a loop")
    built.loop.fill()
    for cycle in range(CYCLES):
        clock.wait_until(world.start + cycle * world.step, threading.Event())
        built.loop.cycle(clock.now())
    latest = built.loop.scorer.board.latest()
    history, odd = (built.live.history(NAMESPACE, name, 288) for name in (SERVICE, ODD))
    report = built.live.report(NAMESPACE, SERVICE)
    if latest is None or history is None or odd is None or report is None:
        raise RuntimeError("the replay ended before anything was decided")
    row = [target.deployment for target in world.targets].index(SERVICE)
    OUT.mkdir(exist_ok=True)
    pictures = {
        "forecast.svg": forecast(history, report, float(latest[1].lead_seconds[row])),
        "anomaly.svg": anomaly(odd),
        "ledger.svg": ledger(history, report),
    }
    for name, picture in pictures.items():
        (OUT / name).write_text(picture, encoding="utf-8")
        print(OUT / name)


if __name__ == "__main__":
    main()
