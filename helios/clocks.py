"""Time, as a door: the wall's, or a trace's that runs faster."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What time it is, and how to wait for it."""

    def now(self) -> float:
        """UNIX seconds."""

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        """Wait until `moment` (UNIX seconds) or until `stop` is set; whether it was set."""


class WallClock:
    """The machine's own time."""

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
        self._at, self._speed, self._end, self._stride = start, speed, end, stride
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
        return stop.wait(ahead / self._speed)

    def _passed(self) -> float:
        return self._at + (0.0 if self._began is None else (time.monotonic() - self._began) * self._speed)


class SteppedClock:
    """Trace time that jumps to whatever is waited for: cycles run one after the other, as fast as they can."""

    def __init__(self, start: float) -> None:
        self._now = start

    def now(self) -> float:
        """UNIX seconds of the trace."""
        return self._now

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        """Be there."""
        self._now = max(self._now, moment)
        return stop.is_set()
