"""What is abnormal of a fleet at one moment: the value that detectors give and everything else reads.

Three different things: the score is continuous; `detected` is a state that holds while it lasts; an alarm is raised once, when
a state begins. Nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.panels import Bools, Floats, at_rows


class Kind(IntEnum):
    """What an anomaly looks like; it can change while the state lasts."""

    NONE = 0
    SPIKE = 1
    DROP = 2
    SHIFT = 3
    DRIFT = 4


@dataclass(frozen=True, slots=True)
class Anomalies:
    """What is abnormal now; rows are targets, but for `share`.

    Attributes:
        score: sigmas (`scoring.anomalies.sigmas`), float32; NaN where there was nothing to judge.
        detected: held while abnormal.
        critical: whether the state began at, or has since reached, the critical score.
        direction: +1 demand is higher, -1 lower than expected, 0 neither, of the state while it lasts; int8.
        kind: of `Kind`, while the state lasts; int8.
        since: UNIX seconds of the onset, NaN while normal; float64.
        peak: the highest score since the onset, NaN while normal; float32.
        culprit: the series row that says most about it (at its worst), -1 while normal; intp.
        expected, came: of the culprit at its worst, in its own unit; NaN while normal; float32.
        alarms: how many have been raised since the target was first seen; float64, whole numbers.
        points: rows that the score's calibration rests on, float32; `needed`: how many it wants before any alarm.
        share: each series' share of its target's score, summing to 1 per scored target, `[series]`.
    """

    score: Floats
    detected: Bools
    critical: Bools
    direction: NDArray[np.int8]
    kind: NDArray[np.int8]
    since: NDArray[np.float64]
    peak: Floats
    culprit: NDArray[np.intp]
    expected: Floats
    came: Floats
    alarms: NDArray[np.float64]
    points: Floats
    needed: Floats
    share: Floats

    @classmethod
    def none(cls, targets: int, series: int) -> Anomalies:
        """Nothing could be judged."""
        unknown = np.full(targets, np.nan, np.float32)
        return cls(
            score=unknown,
            detected=np.zeros(targets, np.bool_),
            critical=np.zeros(targets, np.bool_),
            direction=np.zeros(targets, np.int8),
            kind=np.zeros(targets, np.int8),
            since=np.full(targets, np.nan, np.float64),
            peak=unknown,
            culprit=np.full(targets, -1, np.intp),
            expected=unknown,
            came=unknown,
            alarms=np.zeros(targets, np.float64),
            points=np.zeros(targets, np.float32),
            needed=np.zeros(targets, np.float32),
            share=np.full(series, np.nan, np.float32),
        )

    def for_rows(self, targets: NDArray[np.intp], series: NDArray[np.intp]) -> Anomalies:
        """The same for another fleet: its old rows, or -1 for what is new; a culprit follows its series."""
        blank = Anomalies.none(1, 1)
        values: dict[str, Any] = {
            f.name: at_rows(
                getattr(self, f.name),
                series if f.name == "share" else targets,
                getattr(blank, f.name)[0],
            )
            for f in fields(self)
        }
        place = np.full(len(self.share) + 1, -1, np.intp)
        place[series[series >= 0]] = np.flatnonzero(series >= 0)
        values["culprit"] = place[values["culprit"]]
        return Anomalies(**values)
