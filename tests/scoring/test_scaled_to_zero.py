"""A workload without pods has no demand to see; in Autoscale its minimum is published all the same, or KEDA starts none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scoring.recommending.decisions import Memory
from scoring.recommending.reasons import Path
from scoring.recommending.recommender import Recommender
from tests.scoring.builders import NAN, MemorySource, fleet, situation, target
from tests.scoring.test_scorer import Run

EXPIRED = 5
"""Cycles after which no number of before is left."""


def to_zero(source: MemorySource, *, off: bool = True) -> None:
    """No pods: nothing observed, none there, and none wanted if `off`."""
    source.silent, source.replicas = {"api"}, 0.0
    source.seen = lambda seen: replace(seen, off=np.full(len(seen.replicas), off))


def run_of(mode: str) -> Run:
    wishes = target(mode=mode, min_replicas=2)
    return Run(MemorySource(), [wishes]).warm()


def test_in_autoscale_its_minimum_is_asked_for_as_long_as_it_has_no_pods() -> None:
    """However long that is: an operator that waits out a maintenance of days starts it again."""
    run = run_of("Autoscale")
    to_zero(run.source)
    summary = run.cycle(EXPIRED)
    assert (1, 1, {}) == (summary.scored, summary.decided, summary.faults)
    assert 2.0 == run.gauge("helios_scaling_signal") == run.gauge("helios_recommended_replicas")
    assert 0.0 == run.gauge("helios_current_replicas")
    said = run.report()
    assert ("scored", "scaled-to-zero", 2) == (said.state, said.outcome, said.scaling_signal)
    assert "Scaled to 0" in said.reason


def test_nothing_else_is_said_of_what_cannot_be_seen() -> None:
    """Neither demand nor a forecast's ratio, and that nothing is abnormal neither."""
    run = run_of("Autoscale")
    to_zero(run.source)
    run.cycle(EXPIRED)
    names = (
        "helios_demand",
        "helios_anomaly_detected",
        "helios_anomaly_score",
        "helios_recommended_replicas_uncapped",
    )
    assert [None] * 4 == [
        run.gauge(name, **({"metric": "cpu"} if name == "helios_demand" else {})) for name in names
    ]
    assert run.gauge("helios_predicted_cpu", horizon="5m") is None
    assert (False, None) == (run.report().anomaly.detected, run.report().anomaly.score)


def test_with_its_first_samples_demand_decides_again() -> None:
    """And what the ledger holds did not grow meanwhile."""
    run = run_of("Autoscale")
    before = run.report().recommended_replicas
    to_zero(run.source)
    run.cycle(EXPIRED)
    hours = run.report().ledger.replica_hours_recommended
    run.cycle(EXPIRED)
    assert hours == run.report().ledger.replica_hours_recommended
    run.source.silent, run.source.replicas = set(), 2.0
    run.source.seen = lambda seen: seen
    run.cycle()
    assert (before, True) == (run.report().recommended_replicas, run.report().outcome != "scaled-to-zero")


@pytest.mark.parametrize(
    ("mode", "off"),
    [
        pytest.param("Observe", True, id="where Helios scales nothing"),
        pytest.param("Recommend", True, id="where it only recommends"),
        pytest.param("Autoscale", False, id="pods are wanted and none is there yet"),
    ],
)
def test_otherwise_nothing_is_made_up(mode: str, off: bool) -> None:
    """Of pods that cannot start an HPA would take what is wanted down to the minimum."""
    run = run_of(mode)
    to_zero(run.source, off=off)
    run.cycle(EXPIRED)
    assert run.gauge("helios_scaling_signal") is None
    assert "expired" == run.report().state


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param(4.0, (Path.HISTORY, 6.0), id="requests at an ingress"),
        pytest.param(NAN, (Path.SCALED_TO_ZERO, 2.0), id="only what pods tell"),
    ],
)
def test_demand_that_can_be_seen_without_pods_decides(last: float, expected: tuple[Path, float]) -> None:
    """It is there whether or not anybody answers it."""
    of = fleet(target(mode="Autoscale", min_replicas=2))
    moment = situation(of, last=last, replicas=0.0, points=2)
    moment = replace(moment, workloads=replace(moment.workloads, off=np.array([True])))
    said, _ = Recommender().decide(of, moment, Memory.none(len(of), len(of.series)))
    assert expected == (said.path[0], said.signal[0])
