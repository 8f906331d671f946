"""Whether memory may drive replicas: only where it is known not to follow them."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.recommending.footprints import is_independent, observed
from tests.scoring.builders import NAN


def known(replicas: list[float], memory: list[float]) -> bool:
    """What is concluded from cycles of replicas and memory."""
    sums = np.zeros((1, 6))
    for pods, total in zip(replicas, memory, strict=True):
        sums = observed(sums, np.array([pods], np.float32), np.array([total], np.float32))
    return bool(is_independent(sums)[0])


PODS = [float(2 + i % 4) for i in range(48)]


@pytest.mark.parametrize(
    ("shared", "footprint", "independent"),
    [
        pytest.param(8e9, 0.0, True, id="a shared cache"),
        pytest.param(8e9, 1e8, True, id="pods that bring next to nothing"),
        pytest.param(8e9, 1e9, False, id="pods that bring a gigabyte"),
        pytest.param(0.0, 1e9, False, id="nothing but footprints"),
        pytest.param(3e10, -4e9, False, id="memory that shrinks with pods"),
    ],
)
def test_the_slope_decides(shared: float, footprint: float, independent: bool) -> None:
    """A tenth of memory that follows the replicas is too much."""
    assert independent is known(PODS, [shared + footprint * n for n in PODS])


def test_without_evidence_it_may_not() -> None:
    """Too few cycles, or replicas that never varied."""
    assert not known(PODS[:12], [8e9] * 12)
    assert not known([4.0] * 500, [8e9] * 500)
    assert not known([], [])


def test_unknown_cycles_change_nothing() -> None:
    """Neither a missing count nor a missing sample is evidence."""
    sums = observed(np.zeros((1, 6)), np.array([4], np.float32), np.array([8e9], np.float32))
    for pods, memory in ((NAN, 8e9), (4.0, NAN)):
        np.testing.assert_array_equal(
            sums, observed(sums, np.array([pods], np.float32), np.array([memory], np.float32))
        )


def test_a_service_that_changed_is_judged_anew() -> None:
    """Old cycles are forgotten bit by bit, a thousand at a time."""
    followed, shared = [1e9 * n for n in PODS * 32], [8e9] * (48 * 84)
    assert not known(PODS * 32, followed)
    assert known(PODS * 32 + PODS * 84, followed + shared)
    assert not known(PODS * 84 + PODS * 32, shared + followed)
