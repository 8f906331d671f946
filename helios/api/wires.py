"""What goes over the wire between an operator's door and a relay: one place for both, so that they cannot differ.

Change `VERSION` with any change of meaning: a relay believes no answer that carries another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from helios.api.live import Deviation, MetricCurve
from scoring.reports import History, Report

PREFIX = "/live/v1"
HELD = "/held/v1"
"""Where one operator asks another: the same answers, but only from whoever holds the lease, and never passed on."""
STATE = "application/x-helios-state"
"""The type of what was decided, as `helios.snapshots` stores it."""
HEADER = "helios-live"
VERSION = "2"
"""Of the header: whoever answers without it is no operator."""


@dataclass(frozen=True, slots=True)
class Status:
    """What whoever waits for news looks at again and again.

    Attributes:
        cycles: how many cycles have been posted.
        step_seconds: the grid step.
        faults: stage -> what the last cycle could not do.
    """

    cycles: int
    step_seconds: float
    faults: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outlook:
    """A live forecast with the grid step that its periods are counted in."""

    step_seconds: float
    curves: Sequence[MetricCurve]


STATUS = TypeAdapter(Status)
REPORTS = TypeAdapter(tuple[Report, ...])
REPORT: TypeAdapter[Report | None] = TypeAdapter(Report | None)
HISTORY: TypeAdapter[History | None] = TypeAdapter(History | None)
OUTLOOK: TypeAdapter[Outlook | None] = TypeAdapter(Outlook | None)
DEVIATIONS: TypeAdapter[Sequence[Deviation] | None] = TypeAdapter(Sequence[Deviation] | None)
"""JSON's null is a target that there is not."""
