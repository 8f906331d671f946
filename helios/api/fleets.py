"""The whole fleet as one text, written down once for all who ask.

A fleet of thousands takes seconds to write down. It is done in a thread, once per cycle and, while time passes, now
and then; whoever asks meanwhile gets the same bytes. Where the loop runs in another process, its text is taken as it is.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helios.api.live import Live, Relayed
from helios.api.renderings import json_bytes, time_of
from helios.api.target_answers import render_report

_WORTH_PACKING = 1024
_FAST = 1


@dataclass(frozen=True, slots=True)
class FleetText:
    """The answer of /targets.

    Attributes:
        state: cycle and faults that it tells of.
        body: JSON.
        packed: the same by gzip; None where that is not worth it.
        until: seconds of the monotonic clock until which it may be used.
    """

    state: tuple[int, dict[str, str]]
    body: bytes
    packed: bytes | None
    until: float


class FleetTexts:
    """Keeps the newest text of the fleet; used from one event loop.

    Args:
        live: the loop.
        clock: UNIX seconds now.
        seconds: so long a text is used again while no new cycle has been posted.
    """

    def __init__(self, live: Live, clock: Callable[[], float], seconds: float) -> None:
        self._live, self._clock, self._seconds = live, clock, seconds
        self._lock = asyncio.Lock()
        self._text: FleetText | None = None

    async def latest(self) -> FleetText:
        """The text: of the cycle that was posted last when this was called, or of a later one."""
        async with self._lock:  # who waits here finds the text of who came first
            text = self._text
            if text is None or time.monotonic() >= text.until or text.state != state_of(self._live):
                self._text = None  # of an operator that went away nothing is shown when it is back
                text = await asyncio.to_thread(render_fleet, self._live, self._clock, self._seconds)
                self._text = text
            return text


def state_of(live: Live) -> tuple[int, dict[str, str]]:
    """What a text is of: the number of the cycle, and what the last one could not do."""
    return live.cycles(), dict(live.faults())


def render_fleet(live: Live, clock: Callable[[], float], seconds: float) -> FleetText:
    """The fleet's text. What took long is used for as long again, so that half of the time is left for others."""
    began = time.monotonic()
    state = state_of(live)  # read first: what changes meanwhile will be announced again
    body, packed = live.fleet() if isinstance(live, Relayed) else written(live, clock(), *state)
    ended = time.monotonic()
    return FleetText(state, body, packed, ended + max(seconds, ended - began))


def written(live: Live, now: float, cycle: int, faults: dict[str, str]) -> tuple[bytes, bytes | None]:
    """Write the fleet down: plain, and packed where that is worth it."""
    content: dict[str, Any] = {
        "cycle": cycle,
        "generated_at": time_of(now),
        "step_seconds": live.step_seconds(),
        "faults": faults,
        "targets": [render_report(report) for report in live.reports()],
    }
    body = json_bytes(content)
    return body, gzip.compress(body, _FAST) if len(body) >= _WORTH_PACKING else None


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header allows gzip by name."""
    for part in accepted.lower().split(","):
        name, _, parameter = part.replace(" ", "").partition(";")
        if name == "gzip":
            return parameter not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
