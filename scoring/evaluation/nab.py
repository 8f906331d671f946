"""NAB's scorer: one number for detections on labelled windows, early ones worth more than late ones.

The rules are the Numenta Anomaly Benchmark's (Lavin & Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", ICMLA
2015, and its repository's `sweeper`): nothing counts in a file's probation; of the detections in a window the best one
counts; every other detection costs, less so shortly behind a window. One threshold holds for the whole corpus. The score
is 100 for every window found at its first row and nothing else, and 0 for saying nothing. Nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.evaluation.measures import Doubles
from scoring.panels import Bools

PROBATION_SHARE, LONGEST_PROBATION = 0.15, 750
Scores = NDArray[np.floating]
_FAR = 3.0
"""So many window widths behind a window a detection has nothing to do with it any more."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a window found (`tp`), a false detection (`fp`) and a window missed (`fn`) weigh."""

    name: str
    tp: float
    fp: float
    fn: float


STANDARD = Profile("standard", 1.0, 0.11, 1.0)
LOW_FP = Profile("reward_low_FP_rate", 1.0, 0.22, 1.0)
LOW_FN = Profile("reward_low_FN_rate", 1.0, 0.11, 2.0)
PROFILES = (STANDARD, LOW_FP, LOW_FN)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a detector got at one threshold.

    Attributes:
        threshold: scores from it on are detections; infinite where it is best to say nothing.
        score: 0..100, below 0 where saying nothing would have been better; NaN where there is no window.
        raw: the sum of weighted points that it comes from.
        windows: how many there are, and how many were `found`.
        false_alarms: detections outside of every window.
    """

    threshold: float
    score: float
    raw: float
    windows: int
    found: int
    false_alarms: int


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """The whole corpus' score at every threshold that makes a difference: `thresholds` fall, the first is infinite."""

    thresholds: Doubles
    scores: Doubles

    @property
    def best(self) -> tuple[float, float]:
        """The corpus-optimal threshold, the highest of them, and the score there."""
        place = int(np.argmax(self.scores))
        return float(self.thresholds[place]), float(self.scores[place])


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Labelled files laid end to end.

    Attributes:
        first: the row at which each file begins, and the end, `[files + 1]`.
        owner: the file of each window, `[windows]`.
        window: the window that a row lies in, -1: none, `[rows]`.
        worth: what a detection at the row is worth before weights: 0..1 in a window, -1..0 elsewhere, `[rows]`.
        counts: whether it is behind the probation, `[rows]`.
    """

    first: NDArray[np.intp]
    owner: NDArray[np.intp]
    window: NDArray[np.intp]
    worth: Doubles
    counts: Bools

    @classmethod
    def of(cls, lengths: Sequence[int], windows: Sequence[NDArray[np.intp]]) -> Corpus:
        """Files of so many rows.

        Args:
            lengths: rows of each file.
            windows: first and last row of each file's windows, `[windows, 2]`, as `rows_of` gives them.
        """
        first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
        numbers = np.array([len(of) for of in windows], np.intp)
        begin = np.concatenate([[0], np.cumsum(numbers)])
        parts = [_file(rows, of, begin[i]) for i, (rows, of) in enumerate(zip(lengths, windows, strict=True))]
        return cls(
            first,
            np.repeat(np.arange(len(lengths)), numbers),
            np.concatenate([window for window, _ in parts]),
            np.concatenate([worth for _, worth in parts]),
            np.concatenate([np.arange(rows) >= probation(rows) for rows in lengths]),
        )

    def sweep(self, scores: Sequence[Scores], profile: Profile = STANDARD) -> Sweep:
        """The score at every threshold, in one pass over the sorted scores.

        Args:
            scores: one array per file, a number per row; NaN is never a detection.
            profile: the weights.
        """
        s = np.concatenate(scores).astype(np.float64)
        rows = np.flatnonzero(self.counts & ~np.isnan(s))
        rows = rows[np.argsort(-s[rows], kind="stable")]
        gain = np.where(self.window[rows] < 0, profile.fp * self.worth[rows], 0.0)
        inside = np.flatnonzero(self.window[rows] >= 0)
        gain[inside] = _best_so_far(self.window[rows[inside]], self.worth[rows[inside]], profile)
        falls = np.flatnonzero(np.diff(s[rows], append=-np.inf) < 0) if len(rows) else np.empty(0, np.intp)
        raw = np.concatenate([[0.0], np.cumsum(gain)[falls]]) + self._null(profile)
        return Sweep(np.concatenate([[np.inf], s[rows][falls]]), self._normalised(raw, profile))

    def best(self, scores: Sequence[Scores], profile: Profile = STANDARD) -> Outcome:
        """What is got at the corpus-optimal threshold; arguments as of `sweep`."""
        return self.at(scores, self.sweep(scores, profile).best[0], profile)

    def at(self, scores: Sequence[Scores], threshold: float, profile: Profile = STANDARD) -> Outcome:
        """What is got at a threshold; arguments as of `sweep`."""
        files = self.files(scores, threshold, profile)
        raw = sum(one.raw for one in files)
        return Outcome(
            threshold=threshold,
            score=float(self._normalised(np.array([raw]), profile)[0]),
            raw=raw,
            windows=len(self.owner),
            found=sum(one.found for one in files),
            false_alarms=sum(one.false_alarms for one in files),
        )

    def files(self, scores: Sequence[Scores], threshold: float, profile: Profile = STANDARD) -> list[Outcome]:
        """The same of each file by itself; a file's score is on the scale of its own windows."""
        detected = (np.concatenate(scores) >= threshold) & self.counts
        of, files = np.searchsorted(self.first, np.arange(len(self.window)), side="right") - 1, len(scores)
        wrong = detected & (self.window < 0)
        best = np.full(len(self.owner), -profile.fn)
        right = detected & (self.window >= 0)
        np.maximum.at(best, self.window[right], profile.tp * self.worth[right])
        best[~self._reachable()] = 0
        raw = np.bincount(of[wrong], profile.fp * self.worth[wrong], files) + np.bincount(
            self.owner, best, files
        )
        found = np.bincount(self.owner[np.unique(self.window[right])], minlength=files)
        false_alarms = np.bincount(of[wrong], minlength=files)
        windows = np.bincount(self.owner, minlength=files)
        null = -profile.fn * np.bincount(self.owner[self._reachable()], minlength=files)
        score = np.full(files, np.nan)
        np.divide(100 * (raw - null), profile.tp * windows - null, out=score, where=windows > 0)
        return [
            Outcome(threshold, float(score[i]), float(raw[i]), int(windows[i]), int(found[i]), int(wrongs))
            for i, wrongs in enumerate(false_alarms)
        ]

    def _reachable(self) -> Bools:
        """Windows that reach beyond their file's probation: the others can neither be found nor missed."""
        reached = np.zeros(len(self.owner), np.bool_)
        reached[self.window[self.counts & (self.window >= 0)]] = True
        return reached

    def _null(self, profile: Profile) -> float:
        """What a detector gets that says nothing."""
        return -profile.fn * int(self._reachable().sum())

    def _normalised(self, raw: Doubles, profile: Profile) -> Doubles:
        null = self._null(profile)
        perfect = profile.tp * len(self.owner)
        score: Doubles = (
            100 * (raw - null) / (perfect - null) if len(self.owner) else np.full_like(raw, np.nan)
        )
        return score


def probation(rows: int) -> int:
    """How many rows at a file's beginning are not scored."""
    return min(int(PROBATION_SHARE * rows), LONGEST_PROBATION)


def rows_of(times: Doubles, windows: Sequence[tuple[float, float]]) -> NDArray[np.intp]:
    """First and last row of each window, in order: `[windows, 2]`.

    Args:
        times: of the rows, not falling, in the unit of the windows.
        windows: first and last moment, both inside.

    Raises:
        ValueError: a window holds no row, or begins before another one's end.
    """
    found = np.empty((len(windows), 2), np.intp)
    ordered = sorted(windows)
    for i, (begin, end) in enumerate(ordered):
        found[i] = np.searchsorted(times, begin, "left"), np.searchsorted(times, end, "right") - 1
        if found[i, 0] > found[i, 1]:
            raise ValueError(f"window {begin:.15g} to {end:.15g} holds no row")
        if i and found[i, 0] <= found[i - 1, 1]:
            raise ValueError(f"window {begin:.15g} to {end:.15g} begins before the end of the one before")
    return found


def sigmoid(place: Doubles) -> Doubles:
    """NAB's scaled sigmoid: 1 far before a window's right edge, 0 at it, -1 far behind it; `place` in widths."""
    out: Doubles = np.where(place > _FAR, -1.0, 2 / (1 + np.exp(5 * np.minimum(place, _FAR))) - 1)
    return out


def _file(rows: int, windows: NDArray[np.intp], number: int) -> tuple[NDArray[np.intp], Doubles]:
    """The window of each row of a file, the first being `number`, and what a detection is worth there."""
    at = np.arange(rows)
    window = np.full(rows, -1, np.intp)
    worth = np.full(rows, -1.0)
    for i, (left, right) in enumerate(windows):
        width = right - left + 1
        inside = slice(left, right + 1)
        window[inside] = number + i
        worth[inside] = sigmoid(-(right - at[inside] + 1) / width) / sigmoid(np.array(-1.0))
        behind = slice(right + 1, rows)
        worth[behind] = sigmoid((at[behind] - right) / max(width - 1, 1))
    return window, worth


def _best_so_far(window: NDArray[np.intp], worth: Doubles, profile: Profile) -> Doubles:
    """What each detection adds to its window's points, in the order in which they come: `[detections]`.

    A window starts as missed; a detection adds only what it is better than the best before it.
    """
    gain = np.zeros(len(window))
    order = np.argsort(window, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(window[order])) + 1) if len(order) else ():
        best = np.maximum.accumulate(profile.tp * worth[part])
        gain[part] = np.diff(best, prepend=-profile.fn)
    return gain
