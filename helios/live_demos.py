"""The demo in real time: the last days are walked through at once, then trace time is wall time.

Expiries, alerts and the horizons of a dashboard are as long as they say. A demo that runs faster has a picture of its
own on the page, and none in Prometheus. It ends with the trace: gauges that stand still would be told as a loop that hangs.
"""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import generate_latest
from rich.console import Console

from helios import screens
from helios.app import Application, build
from helios.clocks import Clock, LiveClock, WallClock
from helios.demos.pasts import Past
from helios.demos.saleor import live_world
from helios.demos.worlds import World
from helios.errors import HeliosError, SettingsError
from helios.loops import ScoringLoop
from helios.processes import serve_until_told
from helios.settings import Settings

DAY = 86_400.0
OVER = "helios: the trace is over; started again, the demo begins a week earlier in it"

log = structlog.get_logger("helios.demo")


@dataclass(frozen=True)
class LiveDemo:
    """A shop that has come to the present, or is on its way.

    Attributes:
        world: what is replayed.
        clock: its time.
        built: the loop and the API over it.
        loop: of `built`.
    """

    world: World
    clock: LiveClock
    built: Application
    loop: ScoringLoop

    @classmethod
    def of(cls, settings: Settings, days: float, wall: Clock | None = None) -> LiveDemo:
        """A shop whose time begins to pass `days` ago.

        Args:
            settings: whose models and pace.
            days: at most: the trace may have less history.
            wall: the time; the machine's own where it is None.
        """
        wall = wall or WallClock()
        world = live_world(settings.scoring.interval_seconds, wall.now(), seconds=days * DAY)
        clock = LiveClock(world.start, end=world.end, wall=wall)
        built = build(settings, world.source(clock), clock=clock, targets=world.targets)
        if built.loop is None:
            raise HeliosError("a demo needs a loop")
        return cls(world, clock, built, built.loop)

    def catch_up(self, past: Past | None = None) -> None:
        """Run every cycle up to the present, and let `past` have what each published; from then on time is the wall's."""
        interval = self.loop.scorer.pace.interval
        with screens.filling() as progress:
            self.loop.fill(progress)
        cycles = math.ceil((self.clock.present() - self.clock.now()) / interval)
        with screens.walking(cycles, "to the present") as step:
            while (now := self.clock.now()) <= self.clock.present():
                self.loop.cycle(now)
                if past is not None:
                    past.take(self.exposition(), now)
                if self.clock.wait_until(now + interval, threading.Event()):
                    break
                step()
        self.clock.begin()

    def exposition(self) -> str:
        """What /metrics says."""
        return (generate_latest(self.built.registry) + self.built.live.exposition(self.clock.now())).decode()

    def run(self, stop: threading.Event) -> None:
        """Go on from the next cycle until `stop` is set; at the trace's end it is set here."""
        interval = self.loop.scorer.pace.interval
        due = (math.floor(self.clock.now() / interval) + 1) * interval
        if not self.clock.wait_until(due, stop):
            self.loop.run(stop)
        if self.clock.ended:
            stop.set()


def serve_live(
    settings: Settings,
    listener: socket.socket,
    *,
    days: float,
    file: Path | None = None,
    labels: Mapping[str, str] | None = None,
    wall: Clock | None = None,
) -> None:
    """Come to the present, write the past, and serve until the trace is over or the process is told to end.

    Args:
        settings: whose models and pace.
        listener: where the API is served.
        days: how far back it begins, at most.
        file: where the gauges of these days are written, for promtool; None writes nothing.
        labels: of every series in it.
        wall: the time; the machine's own where it is None.

    Raises:
        HeliosError: the file cannot be written.
    """
    demo = LiveDemo.of(settings, days, wall)
    past = None if file is None else Past(labels)
    demo.catch_up(past)
    if file is not None and past is not None:
        samples = past.write(file, demo.clock.now())
        log.info("the past is written", file=str(file), samples=samples)
    host, port = listener.getsockname()[:2]
    live = demo.built.live
    screen = screens.serving(host, port, demo.world.title, live, demo.clock, pages=("/", "/metrics", "/docs"))
    serve_until_told(demo.built.api, listener, demo.run, screen)
    if demo.clock.ended:
        Console(stderr=True).print(OVER, soft_wrap=True)


def parsed_labels(given: Sequence[str]) -> Mapping[str, str]:
    """`NAME=VALUE` as labels.

    Raises:
        SettingsError: one is not of that form.
    """
    labels = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not (name.isidentifier() and name.isascii()):
            raise SettingsError(f"--past-label {one} is not NAME=VALUE, such as job=helios")
        labels[name] = value
    return labels
