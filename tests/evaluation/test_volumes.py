"""VUS-PR against values of its authors' package (PyPI `vus` 0.0.6, get_metrics(..., metric="vus"), Apache-2.0)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scoring.evaluation.volumes import runs_of, vus_pr

Case = tuple[np.ndarray, np.ndarray]


def case(rows: int, *events: tuple[int, int], fine: bool = True) -> Case:
    """Labels, and scores that are half a label and otherwise scattered; `fine`: hardly two alike."""
    labels = np.zeros(rows, np.bool_)
    for first, last in events:
        labels[first : last + 1] = True
    scores = np.arange(rows) * 7919 % 9973 / 9973 + 0.5 * labels
    return labels, scores if fine else np.round(scores * 4) / 4


APART = case(1000, (100, 119), (500, 500), (700, 760))
TOUCHING = case(600, (0, 9), (30, 49), (60, 64), (590, 599))
COARSE = case(400, (50, 70), (300, 310), fine=False)


@pytest.mark.parametrize(
    ("of", "window", "expected"),
    [
        pytest.param(APART, 0, 0.48543871167721825, id="events apart, no slope"),
        pytest.param(APART, 10, 0.5250597386318695, id="events apart, short slopes"),
        pytest.param(APART, 100, 0.6921378001619619, id="events apart, long slopes"),
        pytest.param(TOUCHING, 10, 0.6480786146187195, id="events at both ends"),
        pytest.param(TOUCHING, 100, 0.7200956119022841, id="slopes that run into each other"),
        pytest.param(COARSE, 0, 0.484697561045348, id="scores that are alike"),
        pytest.param(COARSE, 100, 0.6423905789020983, id="scores that are alike, long slopes"),
    ],
)
def test_volumes_are_those_of_the_published_package(of: Case, window: int, expected: float) -> None:
    """So figures can be compared with others'."""
    assert expected == pytest.approx(vus_pr(*of, window=window), rel=1e-12)


def test_labels_as_scores_are_near_to_perfect_and_their_opposite_finds_what_chance_does() -> None:
    """The ends of the scale: the lowest is the share of labelled rows."""
    labels, _ = APART
    assert vus_pr(labels, labels.astype(float), window=0) > 0.99
    assert pytest.approx(labels.mean()) == vus_pr(labels, -labels.astype(float), window=0)


def test_what_is_not_known_counts_as_nothing_abnormal() -> None:
    """NaN before calibration is a score of zero."""
    labels, scores = APART
    unknown, zero = scores.copy(), scores.copy()
    unknown[:50], zero[:50] = np.nan, 0
    assert vus_pr(labels, zero) == vus_pr(labels, unknown)


def test_without_an_event_there_is_no_volume() -> None:
    """Not zero: there was nothing to find."""
    assert math.isnan(vus_pr(np.zeros(10, np.bool_), np.ones(10)))


def test_runs_reach_from_the_first_to_the_last_row() -> None:
    """At both ends of a recording too."""
    assert [[0, 1], [3, 3]] == runs_of(np.array([1, 1, 0, 1], np.bool_)).tolist()
