"""NAB's arithmetic, on examples small enough to be worked out by hand, and its sweep against a row-by-row version."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.evaluation.nab import (
    LOW_FN,
    LOW_FP,
    PROFILES,
    STANDARD,
    Corpus,
    Profile,
    probation,
    rows_of,
    sigmoid,
)


def spans(*of: tuple[int, int]) -> NDArray[np.intp]:
    return np.array(of, np.intp).reshape(-1, 2)


def at(rows: int, *detected: int) -> NDArray[np.float64]:
    """Scores of 1 in some rows, 0 elsewhere."""
    scores = np.zeros(rows)
    scores[list(detected)] = 1
    return scores


def one(*windows: tuple[int, int], rows: int = 100) -> Corpus:
    return Corpus.of([rows], [spans(*windows)])


@pytest.mark.parametrize("profile", PROFILES, ids=lambda one: one.name)
def test_every_window_at_its_first_row_is_worth_a_hundred(profile: Profile) -> None:
    """Two windows in one file and one in another, found at once, nothing else."""
    corpus = Corpus.of([100, 50], [spans((40, 49), (70, 89)), spans((20, 29))])
    found = corpus.best([at(100, 40, 70), at(50, 20)], profile)
    assert (100.0, 1.0, 3, 0) == (
        pytest.approx(found.score),
        found.threshold,
        found.found,
        found.false_alarms,
    )


@pytest.mark.parametrize("profile", PROFILES, ids=lambda one: one.name)
def test_saying_nothing_is_worth_zero(profile: Profile) -> None:
    """No score reaches the threshold."""
    assert 0.0 == one((40, 49)).at([at(100)], 0.5, profile).score


def test_where_silence_is_best_the_threshold_is_infinite() -> None:
    """One detection far from everything costs more than it brings: the best is to say nothing."""
    found = one((40, 49)).best([at(100, 30)])
    assert (math.inf, 0.0) == (found.threshold, found.score)


@pytest.mark.parametrize(
    ("profile", "cost"),
    [
        pytest.param(STANDARD, 0.11 / 2, id="standard: of one window found and one not missed"),
        pytest.param(LOW_FP, 0.22 / 2, id="a false one costs twice"),
        pytest.param(LOW_FN, 0.11 / 3, id="a window counts three"),
    ],
)
def test_a_false_detection_before_any_window_costs_its_whole_weight(profile: Profile, cost: float) -> None:
    """Raw points over the distance from silence to perfection."""
    found = one((40, 49)).at([at(100, 30, 40)], 1, profile)
    assert (pytest.approx(100 * (1 - cost)), 1) == (found.score, found.false_alarms)


def test_a_late_detection_is_worth_less() -> None:
    """In the last of ten rows: sigma(-0.1) / sigma(-1) of the points."""
    share = (2 / (1 + math.exp(-0.5)) - 1) / (2 / (1 + math.exp(-5)) - 1)
    assert pytest.approx(50 * (1 + share)) == one((40, 49)).at([at(100, 49)], 1).score


def test_of_many_detections_in_a_window_the_best_one_counts() -> None:
    """A whole window marked is worth what its first row is, and nothing is false."""
    found = one((40, 49)).at([at(100, *range(40, 50))], 1)
    assert (pytest.approx(100), 1, 0) == (found.score, found.found, found.false_alarms)


@pytest.mark.parametrize(
    ("row", "lost"),
    [
        pytest.param(58, 0.11 * -sigmoid(np.array(1.0)), id="a window's width behind"),
        pytest.param(77, 0.11, id="more than three widths behind"),
    ],
)
def test_a_detection_shortly_behind_a_window_costs_less(row: int, lost: float) -> None:
    """The distance counts in the window's rows less one: 49 + 9 is one width."""
    assert pytest.approx(100 - 50 * lost) == one((40, 49)).at([at(100, 40, row)], 1).score


def test_nothing_counts_in_the_probation() -> None:
    """Fifteen of a hundred rows: a detection there is neither right nor wrong."""
    corpus = one((40, 49))
    with_it, without = (corpus.at([at(100, 40, *more)], 1).score for more in ((14,), ()))
    assert with_it == without
    assert corpus.at([at(100, 40, 15)], 1).score < without


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(4032, 604, id="fifteen percent, rounded down"),
        pytest.param(22695, 750, id="at most 750"),
    ],
)
def test_the_probation_is_as_published(rows: int, expected: int) -> None:
    """NAB's own numbers."""
    assert expected == probation(rows)


def test_a_score_that_is_not_known_is_no_detection() -> None:
    """NaN before calibration is silence."""
    unknown = np.full(100, np.nan)
    assert (0.0, 0) == ((found := one((40, 49)).best([unknown])).score, found.false_alarms)


def test_a_file_is_told_on_the_scale_of_its_own_windows() -> None:
    """One file perfect, one missed, one without windows has no score but its false detection."""
    corpus = Corpus.of([100, 100, 100], [spans((40, 49)), spans((40, 49)), spans()])
    found = corpus.files([at(100, 40), at(100), at(100, 50)], 1)
    assert [pytest.approx(100), 0.0, pytest.approx(math.nan, nan_ok=True)] == [each.score for each in found]
    assert [(1, 1, 0), (1, 0, 0), (0, 0, 1)] == [
        (each.windows, each.found, each.false_alarms) for each in found
    ]


def slow(
    scores: list[list[float]], windows: list[list[tuple[int, int]]], threshold: float, profile: Profile
) -> float:
    """The published rules, row by row."""
    raw = null = perfect = 0.0
    for file, of in zip(scores, windows, strict=True):
        best = [-profile.fn] * len(of)
        perfect, null = perfect + profile.tp * len(of), null - profile.fn * len(of)
        for i, score in enumerate(file):
            if i < probation(len(file)) or score < threshold:
                continue
            inside = [k for k, (left, right) in enumerate(of) if left <= i <= right]
            behind = [(left, right) for left, right in of if right < i]
            if inside:
                left, right = of[inside[0]]
                worth = float(
                    sigmoid(np.array(-(right - i + 1) / (right - left + 1))) / sigmoid(np.array(-1.0))
                )
                best[inside[0]] = max(best[inside[0]], profile.tp * worth)
            elif behind:
                left, right = behind[-1]
                raw += profile.fp * float(sigmoid(np.array((i - right) / (right - left))))
            else:
                raw -= profile.fp
        raw += sum(best)
    return 100 * (raw - null) / (perfect - null)


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=40, max_size=60), min_size=1, max_size=3
    ),
    st.sampled_from(PROFILES),
)
@settings(max_examples=60, deadline=None)
def test_the_sweep_gives_what_each_threshold_gives_by_itself(
    scores: list[list[float]], profile: Profile
) -> None:
    """Every threshold of the one pass, ties and all, and so the best of them."""
    windows = [[(12, 15), (25, 27)] for _ in scores]
    corpus = Corpus.of([len(file) for file in scores], [spans(*of) for of in windows])
    arrays = [np.array(file) for file in scores]
    found = corpus.sweep(arrays, profile)
    expected = [slow(scores, windows, threshold, profile) for threshold in found.thresholds]
    assert pytest.approx(expected) == found.scores
    threshold, best = found.best
    assert (max(expected), best) == (
        pytest.approx(best),
        pytest.approx(corpus.at(arrays, threshold, profile).score),
    )


def test_windows_are_found_by_time_in_any_order() -> None:
    """First and last row, both inside."""
    times = np.arange(10) * 300.0
    assert [[1, 2], [5, 9]] == rows_of(times, [(1500, 2700), (300, 600)]).tolist()


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        pytest.param([(301.0, 302.0)], "holds no row", id="between two rows"),
        pytest.param([(0.0, 600.0), (600.0, 900.0)], "before the end of the one before", id="overlapping"),
    ],
)
def test_a_window_that_fits_no_rows_is_refused(windows: list[tuple[float, float]], said: str) -> None:
    """Labels of another recording would else be counted as missed."""
    with pytest.raises(ValueError, match=said):
        rows_of(np.arange(10) * 300.0, windows)
