"""The reactive autoscaler in arithmetic, against an HPA worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.simulation.autoscalers import ReactiveAutoscalers
from tests.scoring.builders import NAN, NOW


def floats(*values: float) -> np.ndarray:
    """One number per workload."""
    return np.array(values, np.float32)


def started(replicas: float, *, minimum: float = 1, maximum: float = 20) -> ReactiveAutoscalers:
    """One autoscaler at 50 % of a core per pod."""
    return ReactiveAutoscalers.started(floats(replicas), floats(minimum), floats(maximum), 0.5)


def followed(
    replicas: float, demand: Sequence[float], *, every: float = 300.0, minimum: float = 1, maximum: float = 20
) -> list[int]:
    """The counts after each sync."""
    scaler, counts = started(replicas, minimum=minimum, maximum=maximum), []
    for i, cores in enumerate(demand):
        scaler = scaler.step(NOW + i * every, floats(cores), floats(1.0))
        counts.append(int(scaler.replicas[0]))
    return counts


@pytest.mark.parametrize(
    ("replicas", "demand", "expected"),
    [
        pytest.param(4, 2.0, 4, id="at its aim"),
        pytest.param(4, 2.19, 4, id="9.5 % over: inside the tolerance"),
        pytest.param(4, 2.25, 5, id="12.5 % over"),
        pytest.param(4, 3.0, 6, id="half as much again"),
        pytest.param(4, 3.01, 7, id="rounded up"),
        pytest.param(4, 1.81, 4, id="9.5 % under: inside the tolerance"),
        pytest.param(4, NAN, 4, id="no metric"),
        pytest.param(0, 3.0, 0, id="at zero it is switched off"),
        pytest.param(2, 50.0, 6, id="at most four pods more"),
        pytest.param(8, 50.0, 16, id="or twice as many"),
        pytest.param(12, 50.0, 20, id="never beyond the maximum"),
    ],
)
def test_one_sync(replicas: float, demand: float, expected: int) -> None:
    """ceil(replicas x ratio) outside a tenth, limited as an HPA is by default."""
    assert [expected] == followed(replicas, [demand])


def test_scaling_in_waits_for_five_minutes() -> None:
    """The highest proposal of the last 300 s counts, one exactly so old included, and what was there at the start."""
    assert [8, 8, 2] == followed(8, [1.0, 1.0, 1.0])
    assert [8] * 20 + [8, 2, 2] == followed(8, [1.0] * 23, every=15)


def test_scaling_in_goes_to_the_highest_of_the_window() -> None:
    """Not at once to the lowest."""
    assert [8, 8, 5, 3] == followed(8, [4.0, 2.5, 1.5, 1.5])


def test_scaling_out_never_waits() -> None:
    """From one sync to the next."""
    assert [4, 6, 12, 20] == followed(4, [2.0, 3.0, 6.0, 20.0])


def test_without_a_metric_nothing_changes() -> None:
    """And nothing is held because of it."""
    assert [8, 8, 8, 2] == followed(8, [1.0, NAN, NAN, 1.0], every=400)


def test_bounds_hold() -> None:
    """A count outside them is brought back, except from zero."""
    assert [3] == followed(1, [0.1], minimum=3)
    assert [5] == followed(9, [4.5], maximum=5)


def test_workloads_are_independent() -> None:
    """Many are the same as one by one."""
    many = ReactiveAutoscalers.started(floats(4, 0, 8), floats(1, 1, 1), floats(20, 20, 20), 0.5)
    for i in range(3):
        many = many.step(NOW + 300 * i, floats(3.0, 1.0, NAN), floats(1, 1, 1))
    assert [6, 0, 8] == many.replicas.tolist()


@given(
    st.lists(st.one_of(st.just(NAN), st.integers(0, 400).map(lambda n: n / 16)), min_size=1, max_size=40),
    st.integers(1, 30),
    st.sampled_from([15, 60, 100, 300, 450]),
)
def test_it_is_the_hpa_at_every_pace(demand: list[float], replicas: int, every: int) -> None:
    """Against the controller's own steps, written down naively."""
    count, counts, proposals = replicas, [], [(0, replicas)]
    for i, cores in enumerate(demand):
        now = i * every
        if not math.isnan(cores):
            ratio = cores / (count * 0.5)
            asked = count if abs(ratio - 1) <= 0.1 else math.ceil(count * ratio - 1e-4)
            proposals.append((now, asked))
            highest = max(n for at, n in proposals if at >= now - 300)
            count = min(asked, count + max(4, count)) if asked >= count else min(highest, count)
        count = min(max(count, 1), 40)
        counts.append(count)
    assert counts == followed(replicas, demand, every=every, maximum=40)
