"""The scaling signal: the recommended number, where an HPA would hear it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scoring.recommending.recommender import nudged
from tests.scoring.builders import NAN, decide, fleet, target


def ignored(value: float, replicas: int) -> bool:
    """Whether an HPA on AverageValue 1 ignores `value`, by either form of its tolerance, in doubles as Go computes.

    Until 1.32 `math.Abs(1.0-ratio) <= 0.1`, since then `1.0-0.1 <= ratio && ratio <= 1.0+0.1`: at exactly a tenth
    they differ.
    """
    ratio = value * 1000 / (1000 * replicas)
    return abs(1.0 - ratio) <= 0.1 or 1.0 - 0.1 <= ratio <= 1.0 + 0.1


def signal(recommended: float, replicas: float) -> float:
    """The signal of one target."""
    return float(nudged(np.array([recommended], np.float32), np.array([replicas], np.float32))[0])


@pytest.mark.parametrize("replicas", range(1, 61))
def test_no_recommendation_to_scale_up_is_ignored(replicas: int) -> None:
    """For every count: the signal is the smallest number from the recommended one on that moves an HPA."""
    for recommended in range(replicas + 1, 2 * replicas + 3):
        heard = next(n for n in range(recommended, 3 * replicas + 3) if not ignored(n, replicas))
        assert heard == signal(recommended, replicas)


@pytest.mark.parametrize("replicas", range(1, 61))
def test_downwards_and_unchanged_the_signal_is_the_recommendation(replicas: int) -> None:
    """Below the current count an ignored number costs replicas, a nudged one would cost capacity."""
    for recommended in range(replicas + 1):
        assert recommended == signal(recommended, replicas)


@pytest.mark.parametrize(
    ("recommended", "replicas", "expected"),
    [
        pytest.param(11, 10, 12, id="exactly a tenth: newer HPAs ignore it, older do not"),
        pytest.param(12, 10, 12, id="beyond the tenth"),
        pytest.param(52, 50, 56, id="at fifty pods up to five more are ignored"),
        pytest.param(1001, 1000, 1101, id="at a thousand a hundred"),
        pytest.param(5, 0, 5, id="from zero"),
        pytest.param(5, NAN, 5, id="from an unknown count"),
    ],
)
def test_the_dead_band_is_a_tenth_of_the_current_count(
    recommended: float, replicas: float, expected: float
) -> None:
    """Whatever lies in it is nudged past it."""
    assert expected == signal(recommended, replicas)


def test_no_recommendation_has_no_signal() -> None:
    """What is not known is not nudged."""
    assert math.isnan(signal(NAN, 10))


def test_the_recommendation_stays_honest() -> None:
    """Only the signal is nudged, also past the maximum, where the HPA cuts it to the maximum and so reaches it."""
    said, _ = decide(fleet(target(max_replicas=11)), last={"cpu": 11 * 0.7}, points=2, replicas=10)
    assert (11, 12) == (said.recommended[0], said.signal[0])
