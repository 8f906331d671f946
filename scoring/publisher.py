"""The board: the latest scores of every target, each with its expiry, and the text rendered from them.

A target that was not scored keeps its last numbers until they expire, then vanishes; nothing is ever replaced by
zero. Rendering happens once per cycle; the text knows until when it may be served, so that a hung loop cannot
freeze a gauge. What is served over HTTP, and by whom, is not decided here.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.expositions import Labels, render
from scoring.forecasting.assortments import united
from scoring.panels import Bools, Floats, at_rows
from scoring.policies import Fleet

PER_SERIES = frozenset(
    {
        "last",
        "request",
        "ratio",
        "curve",
        "maximum",
        "lead_skill",
        "skill",
        "chosen",
        "points",
        "needed",
        "bias",
        "coverage",
        "share",
    }
)
OF_AN_ANOMALY = (
    "critical",
    "direction",
    "since",
    "kind",
    "peak",
    "culprit",
    "expected",
    "came",
    "ended",
)
PER_HORIZON = ("ratio", "curve", "skill", "chosen")
NOTHING: Mapping[str, object] = {
    **dict.fromkeys(("direction", "kind", "path", "limits", "points", "needed"), 0),
    **dict.fromkeys(("driver", "culprit", "chosen"), -1),
}
"""What stands where nothing is known; NaN in all others."""
CYCLES_UNTIL_EXPIRY = 3


@dataclass(frozen=True, slots=True)
class Scores:
    """All that is published of a fleet, as arrays; rows are targets, or series where `PER_SERIES` says so.

    Attributes:
        scored_at, expires_at: UNIX seconds, NaN where never scored.
        replicas, recommended, uncapped, signal, confidence, score, lead_seconds: float32; `least`, `most`: the bounds of the cycle.
        detected, critical: 0 or 1; `direction`: -1, 0, 1; `since`: UNIX seconds.
        kind, peak, culprit, expected, came: of the anomaly in force (see `scoring.anomalies.anomalies`); `alarms`: raised so far.
            The board keeps these, `critical`, `direction` and `since` when it is over, and in `ended` (UNIX seconds) when
            that was seen; NaN while it lasts, or where there never was one.
        calibrating, calibrated_at: points that the score's calibration rests on, and how many it wants.
        threshold: sigmas; `muted`: 1 where no alarm is raised: muted, announced or acknowledged; `alarming`: 1 where
            one is: detected and not muted, `alarming_critical`: and critical; `set_aside`: 1 where the newest sample of an anomaly is not learned from.
        frozen_until: UNIX seconds until which, at the latest, an anomaly takes no replica away; NaN where it does not.
        path, limits, driver, demand: of the decision (see `scoring.recommending.decisions`).
        hours, short: ledger sums, actual, recommended and reactive, `[targets, 3]`; `seconds`: what they span.
        breaker: 1 where the forecast is withdrawn; `losing`: 1 where it has lost to the reactive path, in whatever mode;
            `turned_at`: since when that is so, or is over, UNIX seconds, NaN where it never was; `turned_by`, `versus`: the
            figures of that moment and of now, `[targets, scoring.breakers.FIGURES]`.
        rollout: how far the number may be from the reactive one, as a share of it; 1: it is not limited; `rollout_since`: since when,
            UNIX seconds; `rollout_stage`: what was seen for the next step, `[targets, scoring.rollouts.COLUMNS]` (see `scoring.rollouts`); `beside`: that
            reactive number.
        curve: `[series, horizons, (P10, P50, P90)]`; `ratio`: the median over what replicas request, `[series, horizons]`.
        maximum: quantiles of the maximum over the lead time, `[series, levels]`.
        skill: over persistence, `[series, horizons]`; `lead_skill` that at the lead time, `[series]`.
        chosen: which of `experts` counts most, `[series, horizons]`; -1: none.
        points: observed columns, `[series]`; `needed`: how many a trusted forecast wants.
    """

    scored_at: NDArray[np.float64]
    expires_at: NDArray[np.float64]
    replicas: Floats
    recommended: Floats
    uncapped: Floats
    least: Floats
    most: Floats
    signal: Floats
    confidence: Floats
    score: Floats
    detected: Floats
    critical: Floats
    direction: NDArray[np.int8]
    since: NDArray[np.float64]
    kind: NDArray[np.int8]
    peak: Floats
    culprit: NDArray[np.intp]
    expected: Floats
    came: Floats
    ended: NDArray[np.float64]
    alarms: NDArray[np.float64]
    calibrating: Floats
    calibrated_at: Floats
    threshold: Floats
    muted: Floats
    alarming: Floats
    alarming_critical: Floats
    set_aside: Floats
    frozen_until: NDArray[np.float64]
    path: NDArray[np.int8]
    limits: NDArray[np.int32]
    driver: NDArray[np.intp]
    demand: Floats
    lead_seconds: Floats
    hours: NDArray[np.float64]
    short: NDArray[np.float64]
    seconds: NDArray[np.float64]
    breaker: Floats
    losing: Floats
    turned_at: NDArray[np.float64]
    turned_by: NDArray[np.float64]
    versus: NDArray[np.float64]
    rollout: Floats
    rollout_since: NDArray[np.float64]
    rollout_stage: NDArray[np.float64]
    beside: Floats
    last: Floats
    request: Floats
    ratio: Floats
    curve: Floats
    maximum: Floats
    lead_skill: Floats
    skill: Floats
    chosen: NDArray[np.int8]
    experts: tuple[str, ...]
    points: NDArray[np.int32]
    needed: NDArray[np.int32]
    bias: Floats
    coverage: Floats
    share: Floats

    def merged(self, newer: Scores, scored: Bools, owner: NDArray[np.intp]) -> Scores:
        """`newer` where a target was scored, else what stands here; how much history there is, is always new."""
        experts, places = united(self.experts, newer.experts)
        newer = replace(newer, chosen=places[newer.chosen], experts=experts)
        values: dict[str, Any] = {}
        for name in ARRAYS:
            rows = scored[owner] if name in PER_SERIES else scored
            old, new = getattr(self, name), getattr(newer, name)
            values[name] = np.where(rows.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
        values |= {"points": newer.points, "needed": newer.needed}
        over = scored & (newer.detected <= 0) & np.isfinite(self.since)
        values |= {name: np.where(over, getattr(self, name), values[name]) for name in OF_AN_ANOMALY}
        values["ended"] = np.where(over & np.isnan(self.ended), newer.scored_at, values["ended"])
        return replace(newer, **values)

    def for_rows(
        self, targets: NDArray[np.intp], series: NDArray[np.intp], horizons: NDArray[np.intp] | None = None
    ) -> Scores:
        """These scores for another fleet: old rows (and horizons), or -1 for what is new; a row that is named follows its series."""
        values: dict[str, Any] = {
            name: at_rows(
                getattr(self, name),
                series if name in PER_SERIES else targets,
                NOTHING.get(name, np.nan),
            )
            for name in ARRAYS
        }
        new_place = {old: new for new, old in enumerate(series.tolist()) if old >= 0}
        for name in ("driver", "culprit"):
            values[name] = np.array([new_place.get(row, -1) for row in values[name].tolist()], np.intp)
        if horizons is not None:
            for name in PER_HORIZON:
                unknown = NOTHING.get(name, np.nan)
                values[name] = at_rows(values[name].swapaxes(0, 1), horizons, unknown).swapaxes(0, 1)
        return replace(self, **values)


ARRAYS = tuple(f.name for f in fields(Scores) if f.name != "experts")
"""All but the names."""


@dataclass(frozen=True, slots=True)
class Text:
    """Rendered gauges and the UNIX time until which every one of them holds."""

    body: bytes
    until: float


class Board:
    """The latest scores; posted by the loop, read by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fleet = Fleet(())
        self._horizons: tuple[int, ...] = ()
        self._labels = Labels.of(self._fleet, ())
        self._scores: Scores | None = None
        self._text = Text(b"", np.inf)
        self._posted = 0

    @property
    def posted(self) -> int:
        """How many cycles were posted."""
        return self._posted

    def latest(self) -> tuple[Fleet, Scores] | None:
        """The fleet and its scores as last posted; None before the first cycle."""
        with self._lock:
            return None if self._scores is None else (self._fleet, self._scores)

    def follow(
        self,
        fleet: Fleet,
        horizons: tuple[int, ...],
        targets: NDArray[np.intp],
        series: NDArray[np.intp],
    ) -> None:
        """Another fleet: `targets` and `series` are its rows in the old one, or -1."""
        labels = Labels.of(fleet, horizons)
        before = {seconds: i for i, seconds in enumerate(self._horizons)}
        places = np.array([before.get(seconds, -1) for seconds in horizons], np.intp)
        with self._lock:
            if self._scores is not None:
                self._scores = self._scores.for_rows(targets, series, places)
            self._fleet, self._horizons, self._labels = fleet, horizons, labels
            self._text = Text(b"", -np.inf)

    def post(self, newer: Scores, scored: Bools, now: float) -> None:
        """Take one cycle's scores for the targets that were scored in it, and render."""
        with self._lock:
            before = self._scores
            merged = (
                _expired(newer, scored) if before is None else before.merged(newer, scored, self._fleet.owner)
            )
            self._text = self._rendered(merged, now)
            self._scores = merged
            self._posted += 1

    def exposition(self, now: float) -> bytes:
        """The gauges of every target whose numbers still hold at `now`; of the others, that there are such targets."""
        text = self._text
        if now < text.until:
            return text.body
        with self._lock:
            if now >= self._text.until:
                self._text = self._rendered(self._scores, now)
            return self._text.body

    def restore(self, scores: Scores) -> None:
        """Take stored scores of this very fleet; they are served until they expire.

        Raises:
            IndexError, ValueError: they do not fit the fleet; the board is as it was.
        """
        with self._lock:
            render(self._labels, scores, np.zeros(len(self._fleet), np.bool_), self._fleet.owner)
            self._scores = scores
            self._text = Text(b"", -np.inf)

    def _rendered(self, scores: Scores | None, now: float) -> Text:
        if scores is None:
            nobody = np.zeros(len(self._fleet), np.bool_)
            return Text(render(self._labels, None, nobody, self._fleet.owner), np.inf)
        with np.errstate(invalid="ignore"):
            holds = scores.expires_at > now
        until = float(scores.expires_at[holds].min(initial=np.inf))
        return Text(render(self._labels, scores, holds, self._fleet.owner), until)


def _expired(scores: Scores, scored: Bools) -> Scores:
    """The first cycle's scores, of which those not scored never held."""
    return replace(
        scores,
        expires_at=np.where(scored, scores.expires_at, np.nan),
        scored_at=np.where(scored, scores.scored_at, np.nan),
    )
