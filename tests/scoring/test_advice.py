"""The stateless advice: when, how many, how urgent, and when rather not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.recommending.advice import Advice, Snapshot, Thresholds, advise, replicas_for
from scoring.references import Changes

DEFAULT = Thresholds()
CHANGES = Changes(
    np.array([0.1, 0.5, 0.9]),
    ratios=np.tile([0.9, 1.0, 1.2], (12, 1)) * np.linspace(1, 1.1, 12)[:, None],
    reached=np.tile([0.1, 0.5, 0.9], (12, 1)),
)
EXAMPLE = Snapshot(2, cpu=0.75, memory=0.60, predicted_cpu=0.85, predicted_memory=0.65, anomaly_score=1.2)


def only(snapshot: Snapshot, thresholds: Thresholds = DEFAULT) -> Advice:
    """The one advice there is."""
    (advice,) = advise(snapshot, thresholds, CHANGES).advice
    return advice


def test_the_requirements_example() -> None:
    """Two replicas at a predicted 85 % become four, in the requirements' words."""
    verdict = advise(EXAMPLE, DEFAULT, CHANGES)
    (advice,) = verdict.advice
    assert ("scaling", "scale_up", 4, "medium") == (
        advice.type,
        advice.action,
        advice.target_replicas,
        advice.urgency,
    )
    assert "Predicted CPU 85% exceeds threshold 80%" == advice.reason
    assert "Scale up recommended before predicted load increase" == verdict.summary
    assert 900 == advice.act_within


def test_load_that_is_there_already_is_urgent() -> None:
    """A current figure beyond its threshold is high: act within one period."""
    advice = only(Snapshot(4, cpu=0.9, predicted_cpu=0.7))
    assert ("high", 300, 8, "Current CPU 90% exceeds threshold 80%") == (
        advice.urgency,
        advice.act_within,
        advice.target_replicas,
        advice.reason,
    )


@pytest.mark.parametrize(
    ("snapshot", "target"),
    [
        pytest.param(Snapshot(10, cpu=0.10, predicted_cpu=0.15), 3, id="by the larger figure"),
        pytest.param(Snapshot(10, cpu=0.0, predicted_cpu=0.0), 1, id="never below one"),
        pytest.param(Snapshot(10, cpu=0.10), 2, id="without a prediction"),
    ],
)
def test_scaling_in_is_slow_and_careful(snapshot: Snapshot, target: int) -> None:
    """Scaling in is of low urgency, counts for the larger of now and then, and stops at one."""
    advice = only(snapshot)
    assert ("scale_down", target, "low", 3600) == (
        advice.action,
        advice.target_replicas,
        advice.urgency,
        advice.act_within,
    )


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        pytest.param(
            Snapshot(10, cpu=0.45, predicted_cpu=0.05), "No action", id="present load contradicts it"
        ),
        pytest.param(Snapshot(10, predicted_cpu=0.05), "No action", id="present load is unknown"),
        pytest.param(Snapshot(1, cpu=0.15, predicted_cpu=0.0), "CPU request", id="one replica is the least"),
        pytest.param(Snapshot(4, cpu=0.1, anomaly_score=3.6), "withheld", id="a critical anomaly"),
        pytest.param(Snapshot(4, cpu=0.1, memory=0.9), "withheld", id="memory is short"),
    ],
)
def test_scaling_in_is_withheld(snapshot: Snapshot, words: str) -> None:
    """No fewer replicas where something speaks against it."""
    verdict = advise(snapshot, DEFAULT, CHANGES)
    assert [] == [advice for advice in verdict.advice if advice.type == "scaling"]
    assert words in verdict.summary


def test_the_largest_count_is_kept() -> None:
    """At the allowed maximum there is no advice to scale, and the summary says why."""
    verdict = advise(EXAMPLE, Thresholds(max_replicas=2), CHANGES)
    assert () == verdict.advice
    assert "more than 2 replicas are not allowed" in verdict.summary
    assert 3 == only(EXAMPLE, Thresholds(max_replicas=3)).target_replicas


@pytest.mark.parametrize(
    ("snapshot", "action", "urgency", "words"),
    [
        pytest.param(
            Snapshot(2, memory=0.9), "increase_memory_request", "high", "Current memory 90%", id="short now"
        ),
        pytest.param(
            Snapshot(2, memory=0.8, predicted_memory=0.86),
            "increase_memory_request",
            "medium",
            "Predicted memory 86% exceeds warning 85%",
            id="short soon",
        ),
        pytest.param(
            Snapshot(2, memory=0.1), "decrease_memory_request", "low", "uses 10%", id="too much memory"
        ),
        pytest.param(
            Snapshot(1, cpu=0.1), "decrease_cpu_request", "low", "fewest replicas", id="too much CPU"
        ),
    ],
)
def test_requests_are_compared_with_what_is_used(
    snapshot: Snapshot, action: str, urgency: str, words: str
) -> None:
    """Memory beyond its warning, and requests far above use, give advice of the type resource."""
    advice = only(snapshot)
    assert ("resource", action, urgency) == (advice.type, advice.action, advice.urgency)
    assert words in advice.reason
    assert (None, None) == (advice.target_replicas, advice.confidence)


def test_memory_never_changes_replicas() -> None:
    """Memory short of breaking gets a larger request, not more pods."""
    advice = only(Snapshot(2, cpu=0.5, memory=1.05))
    assert ("increase_memory_request", None, 2.0) == (
        advice.action,
        advice.target_replicas,
        advice.request_factor,
    )


def test_an_anomaly_is_to_be_looked_into() -> None:
    """A score at the threshold gives advice of the type anomaly, most urgent of all."""
    verdict = advise(replace(EXAMPLE, anomaly_score=2.5), DEFAULT, CHANGES)
    assert [("anomaly", "high"), ("scaling", "medium")] == [(a.type, a.urgency) for a in verdict.advice]
    assert "Anomaly score 2.5 reaches threshold 2.5 (warning)" == verdict.advice[0].reason
    assert (
        "Scale up recommended before predicted load increase; Anomaly to be investigated" == verdict.summary
    )


def test_nothing_known_is_no_action() -> None:
    """Without any figure there is no advice."""
    verdict = advise(Snapshot(3), DEFAULT, CHANGES)
    assert ((), "No action recommended") == (verdict.advice, verdict.summary)


def test_confidence_is_the_chance_that_the_replicas_suffice() -> None:
    """Four replicas for 2 x 0.85 can take a rise of 2.35: more than was seen, so no more than was seen is claimed."""
    advice = only(EXAMPLE)
    assert 0.9 == advice.confidence
    assert advice.band is not None
    assert np.allclose((0.85 * 0.9, 0.85 * 1.2), advice.band, rtol=0.02)


def test_confidence_is_lower_where_the_count_is_capped() -> None:
    """Three replicas for 2 x 1.65 do not suffice as it is: the probability that they will is small."""
    capped = advise(Snapshot(2, cpu=1.65), Thresholds(max_replicas=3), CHANGES).advice[0]
    assert capped.confidence is not None
    assert capped.confidence < 0.2


def test_confidence_is_unknown_without_a_reference() -> None:
    """Without a model nothing is claimed."""
    (advice,) = advise(EXAMPLE, DEFAULT, None).advice
    assert (None, None) == (advice.confidence, advice.band)


ratios = st.none() | st.floats(0, 1000)


@given(
    st.integers(1, 100_000),
    ratios,
    ratios,
    ratios,
    ratios,
    st.none() | st.floats(0, 100),
    st.none() | st.integers(1, 1000),
)
def test_advice_is_never_absurd(
    replicas: int,
    cpu: float | None,
    memory: float | None,
    predicted_cpu: float | None,
    predicted_memory: float | None,
    score: float | None,
    most: int | None,
) -> None:
    """Whatever the figures: at least one replica, finite numbers, up means up, down means down."""
    snapshot = Snapshot(replicas, cpu, memory, predicted_cpu, predicted_memory, score)
    verdict = advise(snapshot, Thresholds(max_replicas=most), CHANGES)
    assert verdict.summary
    for advice in verdict.advice:
        assert advice.confidence is None or 0 <= advice.confidence <= 1
        assert advice.request_factor is None or math.isfinite(advice.request_factor)
        if advice.target_replicas is not None:
            assert 1 <= advice.target_replicas <= max(most or math.inf, 1)
            assert (advice.target_replicas > replicas) == (advice.action == "scale_up")


@given(st.integers(1, 1000), st.floats(0.8, 10))
def test_the_target_utilisation_is_reached(replicas: int, utilization: float) -> None:
    """After scaling the utilisation is at the midpoint of the thresholds, and one replica fewer would not do."""
    target = replicas_for(replicas, utilization, DEFAULT)
    assert replicas * utilization / target <= 0.5 + 1e-6
    assert replicas * utilization / (target - 1) > 0.5


def test_a_huge_figure_is_written_out() -> None:
    """No exponent in words for people."""
    advice = only(Snapshot(4, cpu=1000.0))
    assert "100000%" in advice.reason
