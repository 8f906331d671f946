"""What was looked at, one thing after the other, within a time: how it stands, what is wrong, or why it could not be looked at.

A check that fails for outside reasons is told as skipped and costs the others nothing. What is looked at is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from helios.doctor.findings import Finding
from helios.errors import HeliosError
from scoring.errors import SourceUnavailable

Clock = Callable[[], float]
"""Seconds that only move forward."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look brought: how it stands, in one line, and what is wrong."""

    said: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was to be looked at.

    Attributes:
        name: such as `prometheus-metrics`.
        said: how it stands, or why it was skipped; one line.
        skipped: whether it could not be looked at, which is no fault by itself.
        findings: what is wrong; empty where all is well.
    """

    name: str
    said: str
    skipped: bool = False
    findings: tuple[Finding, ...] = ()


class Skipped(Exception):
    """A thing cannot be looked at, or there is no need to; the message says why."""


class Rounds:
    """Looks at things in order and tells of each as it ends.

    Args:
        tell: is given each check.
        seconds: what has not begun by then is skipped.
        clock: seconds that only move forward.

    Attributes:
        checks: those that ended, in order.
    """

    def __init__(self, tell: Callable[[Check], None], seconds: float, clock: Clock) -> None:
        self._tell, self._seconds, self._clock = tell, seconds, clock
        self._until = clock() + seconds
        self.checks: list[Check] = []

    def look(self, name: str, step: Callable[[], Seen]) -> Check:
        """Look at one thing; never raises for outside reasons."""
        if self._clock() >= self._until:
            return self._end(
                Check(name=name, said=f"the {self._seconds:g} s for these checks were used up", skipped=True)
            )
        try:
            seen = step()
        except (Skipped, HeliosError, SourceUnavailable) as reason:
            return self._end(Check(name=name, said=" ".join(str(reason).split()), skipped=True))
        return self._end(Check(name=name, said=seen.said, findings=seen.findings))

    def _end(self, check: Check) -> Check:
        self.checks.append(check)
        self._tell(check)
        return check


def listed(names: list[str] | tuple[str, ...], most: int = 5) -> str:
    """Names in a sentence, the first few of many."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def counted(number: int, noun: str) -> str:
    """`1 target`, `2 targets`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
