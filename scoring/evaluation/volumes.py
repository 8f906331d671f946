"""VUS-PR: the volume under the surface of precision and recall over thresholds and tolerances around labelled ranges.

Paparrizos et al., "Volume Under the Surface", VLDB 2022: labels are widened on both sides by a falling slope, and the
range-aware area under the precision-recall curve is averaged over slopes of every length up to a window. It needs no
threshold and forgives labels that are some rows off; a score that is high everywhere gets the share of labelled rows.
Thresholds are sampled as in the authors' package `vus` (0.0.6, `version="opt"`), whose numbers these are.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scoring.evaluation.measures import Doubles
from scoring.panels import Bools

WINDOW = 100
"""Rows of the longest slope, both sides together: the default of the TSB-AD benchmark."""
THRESHOLDS = 250


def vus_pr(
    labels: Bools, scores: NDArray[np.floating], window: int = WINDOW, thresholds: int = THRESHOLDS
) -> float:
    """The volume, 0..1; NaN where no row is labelled.

    Args:
        labels: whether a row belongs to an event, `[rows]`.
        scores: higher is more abnormal, `[rows]`; NaN counts as 0.
        window: rows of the longest slope, both sides together.
        thresholds: how many are taken, evenly spread over the sorted scores.
    """
    if not labels.any():
        return float("nan")
    s = np.nan_to_num(scores.astype(np.float64), nan=0.0, posinf=None, neginf=None)
    falling = -np.sort(-s)
    levels = falling[np.linspace(0, len(s) - 1, thresholds).astype(int)]
    # the first of the thresholds at which each row counts as detected; all do at the last one
    detected_from = np.searchsorted(-levels, -s, side="left")
    detected = np.cumsum(np.bincount(detected_from, minlength=thresholds))
    events = runs_of(labels)
    areas = [
        _area(labels, events, slope, detected_from=detected_from, detected=detected)
        for slope in range(window + 1)
    ]
    return float(np.mean(areas))


def runs_of(labels: Bools) -> NDArray[np.intp]:
    """First and last row of each run of labelled rows: `[events, 2]`."""
    edges = np.flatnonzero(np.diff(labels.astype(np.int8), prepend=0, append=0))
    found: NDArray[np.intp] = np.stack([edges[::2], edges[1::2] - 1], axis=1)
    return found


def _area(
    labels: Bools,
    events: NDArray[np.intp],
    slope: int,
    *,
    detected_from: NDArray[np.intp],
    detected: NDArray[np.intp],
) -> float:
    """The range-aware area under the curve for one length of slope."""
    soft = _widened(labels, events, slope)
    near = np.flatnonzero(soft)
    beside = near[~labels[near]]
    thresholds = len(detected)
    hits = np.cumsum(np.bincount(detected_from[near], soft[near], thresholds))
    margin = np.cumsum(np.bincount(detected_from[beside], soft[beside], thresholds))
    # the rows that recall is of: the labelled ones, and half of those beside them that were detected
    recall = np.minimum(hits / (labels.sum() + margin / 2), 1)
    groups = _groups(events, slope // 2, len(labels))
    found_from = np.array([detected_from[first : last + 1].min() for first, last in groups])
    existence = np.cumsum(np.bincount(found_from, minlength=thresholds)) / len(groups)
    return float(np.sum(np.diff(recall * existence, prepend=0) * hits / detected))


def _widened(labels: Bools, events: NDArray[np.intp], slope: int) -> Doubles:
    """Labels as shares: 1 in an event, falling as a root beside it, over half the slope on each side."""
    soft = labels.astype(np.float64)
    rows = len(labels)
    for first, last in events:
        behind = np.arange(last + 1, min(last + slope // 2 + 1, rows))
        soft[behind] += np.sqrt(1 - (behind - last) / max(slope, 1))
        before = np.arange(max(first - slope // 2, 0), first)
        soft[before] += np.sqrt(1 - (first - before) / max(slope, 1))
    return np.minimum(soft, 1)


def _groups(events: NDArray[np.intp], reach: int, rows: int) -> list[tuple[int, int]]:
    """First and last row of the widened events; those that touch are one."""
    apart = [
        0,
        *(i + 1 for i, (a, b) in enumerate(pairwise(events)) if a[1] + reach < b[0] - reach),
        len(events),
    ]
    return [
        (max(int(events[i, 0]) - reach, 0), min(int(events[j - 1, 1]) + reach, rows - 1))
        for i, j in pairwise(apart)
    ]
