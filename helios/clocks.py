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

    Before `begin` it jumps to whatever is waited for, so that a first stretch can be walked through at once. Standing
    still keeps what was published last valid: the trace has ended, the loop has not hung.
    """

    def __init__(self, start: float, *, speed: float, end: float) -> None:
        self._start, self._speed, self._end = start, speed, end
        self._began: float | None = None

    def begin(self) -> None:
        """Let time run."""
        self._began = time.monotonic()

    def now(self) -> float:
        """UNIX seconds of the trace."""
        passed = 0.0 if self._began is None else (time.monotonic() - self._began) * self._speed
        return min(self._start + passed, self._end)

    @property
    def ended(self) -> bool:
        """Whether the trace is over."""
        return self.now() >= self._end

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        """Wait until the trace reaches `moment`; past its end, for `stop` alone."""
        if self._began is None:
            self._start = max(self._start, min(moment, self._end))
            return stop.is_set()
        if moment > self._end:
            return stop.wait()
        return stop.wait(max(0.0, (moment - self.now()) / self._speed))


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
