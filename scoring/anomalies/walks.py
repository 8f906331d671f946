"""A detector walked over recorded pasts, row by row, as it would have met them: what evaluations and benchmarks call.

Row t of an answer rests on rows up to t and on nothing behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies import channels
from scoring.anomalies.expectations import Expectations
from scoring.anomalies.joints import joined
from scoring.anomalies.memories import CHUNK, Memory
from scoring.anomalies.refractories import Refractory
from scoring.anomalies.sigmas import sigmas_of
from scoring.anomalies.surprises import FEWEST, surprises
from scoring.panels import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One target's recorded past.

    Attributes:
        times: UNIX seconds of the rows, rising, float64 `[rows]`.
        values: float32 `[metrics, rows]`, NaN where not observed.
        step: seconds between rows, the usual ones.
    """

    times: NDArray[np.float64]
    values: Floats
    step: float


@dataclass(frozen=True, slots=True, eq=False)
class Walked:
    """What a detector said of a track.

    Attributes:
        score: continuous, in sigmas, float32 `[rows]`; NaN before calibration.
        alarm: the score in rows where an alarm would be raised, at any threshold up to it, 0 elsewhere; float32 `[rows]`.
    """

    score: Floats
    alarm: Floats


Walk = Callable[[Sequence[Track], Callable[[float], None]], list[Walked]]
"""Tracks, and who is told the share that is done; the answers are in the order of the tracks."""


NEEDED_LEAST, NEEDED_MOST = 48, 288
COLUMNS = 2016
"""What the loop remembers by default, and so all that is looked back on here."""


def rows_needed(step: float) -> int:
    """Rows before a score means anything: a day of them, 48 at least and 288 at most."""
    return int(np.clip(86_400 // step, NEEDED_LEAST, NEEDED_MOST))


def walk(
    tracks: Sequence[Track], progress: Callable[[float], None], *, expectations: Expectations | None = None
) -> list[Walked]:
    """Walk the shipped detector over recorded pasts, as the loop would have met them without a forecast.

    Tracks of one step are walked together, each by rows of its own. What forecasts say is left out.

    Args:
        tracks: of any length and step.
        progress: told the share that is done, now and then.
        expectations: the trained model of metrics given their companions; None: it is not asked.
    """
    out: list[Walked | None] = [None] * len(tracks)
    total, done = sum(track.values.size for track in tracks), 0
    for step in sorted({track.step for track in tracks}):
        places = [i for i, track in enumerate(tracks) if track.step == step]
        cells = sum(tracks[i].values.size for i in places)

        def told(share: float, done: int = done, cells: int = cells) -> None:
            progress((done + share * cells) / max(total, 1))

        together = _together([tracks[i] for i in places], step, told, expectations)
        for i, walked in zip(places, together, strict=True):
            out[i] = walked
        done += cells
    return [one for one in out if one is not None]


def _together(
    tracks: Sequence[Track],
    step: float,
    progress: Callable[[float], None],
    expectations: Expectations | None,
) -> Iterator[Walked]:
    """Tracks of one step, side by side from their first rows on."""
    counts = np.array([len(track.values) for track in tracks], np.intp)
    first_row = np.concatenate(([0], counts.cumsum()))
    longest = max(track.values.shape[1] for track in tracks)
    grid = np.full((first_row[-1], COLUMNS + longest), np.nan, np.float32)
    for row, track in zip(first_row, tracks, strict=False):
        grid[row : row + len(track.values), COLUMNS : COLUMNS + track.values.shape[1]] = track.values
    figures = np.full((len(grid), longest), np.nan, np.float32)
    memory, weight, day = Memory.none(len(grid)), channels.weights(step), round(86_400 / step)
    others, seen = np.full((len(grid), 2), np.nan, np.float32), np.ones(len(grid), np.bool_)
    for t in range(longest):
        window = grid[:, t + 1 : t + 1 + COLUMNS]
        if expectations is not None and (counts >= FEWEST).any():
            hours = _hours(tracks, counts, t)
            others[:, 1] = surprises(expectations, memory, window, first_row, hours)
        for begin in range(0, len(grid), CHUNK):
            rows = slice(begin, min(begin + CHUNK, len(grid)))
            figures[rows, t], _ = memory.learn(rows, window[rows], seen[rows], day, others[rows], weight)
        if t % 256 == 0:
            progress(t / longest)
    for row, track in zip(first_row, tracks, strict=False):
        yield _joined(track, figures[row : row + len(track.values), : track.values.shape[1]])


def _joined(track: Track, figures: Floats) -> Walked:
    """One track's scores from the figures of its metrics, `[metrics, rows]`."""
    metrics, rows = figures.shape
    known = np.isfinite(figures).cumsum(axis=1)
    figures = np.where(known >= rows_needed(track.step), figures, np.float32(np.nan))
    firsts = np.arange(0, metrics * rows + 1, metrics)
    joint = joined(figures.T.reshape(-1), firsts)
    score = sigmas_of(joint.decades, track.step, joint.metrics)
    alarm = np.zeros(rows, np.float32)
    lately = Refractory.none(1)
    for t in range(rows):
        lately = lately.at(float(track.times[t]), track.step)
        if lately.beaten(joint.decades[t : t + 1])[0]:
            alarm[t] = score[t]
        lately = lately.with_figure(joint.decades[t : t + 1])
    return Walked(score, np.maximum(alarm, 0))


def _hours(tracks: Sequence[Track], counts: NDArray[np.intp], row: int) -> Floats:
    """The hour of each series' row, that of its last one where it is shorter: `[series]`."""
    times = [track.times[min(row, len(track.times) - 1)] % 86_400 / 3600 for track in tracks]
    return np.repeat(np.array(times, np.float32), counts)
