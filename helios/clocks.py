"""Time, as a door: the wall's, a trace's that runs faster, or a trace's that catches up with the wall's."""

from __future__ import annotations

import math
import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What time it is, how fast it runs, and how to wait for it."""

    @property
    def speed(self) -> float:
        """Its seconds per second on the wall."""

    def now(self) -> float:
        """UNIX seconds."""

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        """Wait until `moment` (UNIX seconds) or until `stop` is set; whether it was set."""


class WallClock:
    """The machine's own time."""

    speed = 1.0

    def now(self) -> float:
        """UNIX seconds."""
        return time.time()

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        """Wait in real time."""
        return stop.wait(max(0.0, moment - time.time()))


class TraceClock:
    """Trace time: from `begin` on it runs `speed` times as fast as the wall's, and stands still at `end`.

    Before `begin` it jumps to whatever is waited for, so that a first stretch can be walked through at once. It never
    runs more than half a `stride` ahead of what was last waited for: where cycles take longer than the speed allows, the
    trace slows down instead of leaving cycles out. Standing still at the end keeps what was published last valid: the
    trace is over, the loop has not hung.
    """

    def __init__(self, start: float, *, speed: float, end: float, stride: float) -> None:
        self.speed = speed
        self._at, self._end, self._stride = start, end, stride
        self._limit = start + stride / 2
        self._began: float | None = None

    def begin(self) -> None:
        """Let time run."""
        self._began = time.monotonic()

    def now(self) -> float:
        """UNIX seconds of the trace."""
        return min(self._passed(), self._limit, self._end)

    @property
    def ended(self) -> bool:
        """Whether the trace is over."""
        return self.now() >= self._end

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        """Wait until the trace reaches `moment`; past its end, for `stop` alone."""
        if moment > self._end and self._began is not None:
            self._limit = self._end
            return stop.wait()
        self._limit = max(self._limit, moment + self._stride / 2)
        ahead = moment - self._passed()
        if self._began is None or ahead <= 0:  # late: the time lost is lost, no cycle is
            self._at = max(self._at, min(moment, self._end))
            self._began = self._began and time.monotonic()
            return stop.is_set()
        return stop.wait(ahead / self.speed)

    def _passed(self) -> float:
        return self._at + (0.0 if self._began is None else (time.monotonic() - self._began) * self.speed)


class LiveClock:
    """Trace time that catches up with the wall's, and then is the wall's.

    Before `begin` it jumps to whatever is waited for; what would lie ahead of the wall is waited for in real time. It
    never passes the trace's end: whoever waits for more is told to stop.

    Args:
        start: UNIX seconds, in the past.
        end: of the trace.
        wall: the time to catch up with.
    """

    speed = 1.0

    def __init__(self, start: float, *, end: float, wall: Clock | None = None) -> None:
        self._at: float | None = start
        self._end, self._wall = end, wall or WallClock()
        self.ended = False

    def begin(self) -> None:
        """Be the wall's time from now on."""
        self._at = None

    def present(self) -> float:
        """UNIX seconds on the wall."""
        return self._wall.now()

    def now(self) -> float:
        """UNIX seconds."""
        return self._wall.now() if self._at is None else self._at

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        """Wait until `moment`; whether `stop` was set, or the trace does not reach so far."""
        self.ended = moment > self._end
        if self.ended:
            return True
        if self._at is not None:
            self._at = max(self._at, moment)
            return stop.is_set()
        while self._wall.now() < moment:  # a wait may be over a moment early
            if self._wall.wait_until(moment, stop):
                return True
        return stop.is_set()


class SteppedClock:
    """Trace time that jumps to whatever is waited for: cycles run one after the other, as fast as they can."""

    speed = math.inf

    def __init__(self, start: float) -> None:
        self._now = start

    def now(self) -> float:
        """UNIX seconds of the trace."""
        return self._now

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        """Be there."""
        self._now = max(self._now, moment)
        return stop.is_set()
