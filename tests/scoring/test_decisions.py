"""Demand to replicas: which number, by which path, on which metric."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.policies import Fleet, Metric
from scoring.recommending.decisions import Decisions, Memory, undecided
from scoring.recommending.reasons import Limit, Path
from tests.scoring.builders import NAN, NOW, Values, decide, fleet, target

REQUESTS = Metric("requests", "sum(rate(requests[5m]))", 50.0)
BOTH = (Metric("cpu"), REQUESTS)
MEMORY = (Metric("memory"),)


def decided(of: Fleet | None = None, **moment: Any) -> Decisions:
    """The decision of a first cycle; memory is not observed unless it is said."""
    return decide(of or fleet(), **moment)[0]


@pytest.mark.parametrize(
    ("peak", "last", "replicas"),
    [
        pytest.param(4.5, 2.0, 5, id="peak / (90 % of a core each)"),
        pytest.param(4.51, 2.0, 6, id="a little over five is six"),
        pytest.param(0.1, 0.0, 1, id="never less than the minimum"),
        pytest.param(0.9, 0.5, 1, id="one is enough"),
        pytest.param(2.7, 2.7, 4, id="the guard: 2.7 at 80 % is four, though 90 % were three"),
        pytest.param(2.7, 2.4, 3, id="below the guard's line"),
    ],
)
def test_with_skill_the_peak_over_the_lead_time_decides(peak: float, last: float, replicas: int) -> None:
    """The quantile of the maximum over 90 % of what one pod may use, never below the load of this moment at 80 %."""
    said = decided(peak={"cpu": peak}, last={"cpu": last})
    assert (replicas, Path.FORECAST) == (said.recommended[0], said.path[0])


@pytest.mark.parametrize(
    ("moment", "path"),
    [
        pytest.param({"points": 2}, Path.HISTORY, id="ten minutes of history"),
        pytest.param({"points": 575}, Path.HISTORY, id="a point too few"),
        pytest.param({"skill": -0.1}, Path.SKILL, id="worse than persistence"),
        pytest.param({"skill": 0.0}, Path.SKILL, id="no better than persistence"),
        pytest.param({"skill": NAN}, Path.SKILL, id="a skill nobody knows"),
        pytest.param({"peak": NAN}, Path.NO_FORECAST, id="a forecaster that failed"),
        pytest.param(
            {"critical": True, "direction": 1, "since": NOW, "peak": {"cpu": 3.6}},
            Path.SPIKE,
            id="a spike, where the forecast asks for no more",
        ),
    ],
)
def test_without_a_trusted_forecast_the_reactive_figure_decides(moment: dict[str, Any], path: Path) -> None:
    """The ordinary HPA arithmetic at 70 %: 2.4 cores are four pods of a core, and the reason is kept."""
    said = decided(**({"peak": {"cpu": 9.0}, "last": {"cpu": 2.4}} | moment))
    assert (4, path) == (said.recommended[0], said.path[0])
    assert not said.limits[0]


def test_the_last_point_of_two_days_is_enough() -> None:
    """With as many points as are needed the forecast is used."""
    assert Path.FORECAST == decided(points=576, last={"cpu": 1.0}).path[0]


@given(
    st.floats(0, 200, width=32),
    st.floats(0.0625, 4, width=32),
    st.integers(1, 500),
    st.sampled_from([0.5, 0.7, 0.9, 1.0]),
)
def test_the_reactive_figure_is_the_hpas(demand: float, request: float, replicas: int, aim: float) -> None:
    """ceil(replicas x utilisation / target), as an HPA computes outside its tolerance, whatever the count is now."""
    of = fleet(target(reactive_utilization=aim, guard_utilization=1.0, max_replicas=10**9, min_replicas=0))
    said = decided(of, last={"cpu": demand}, request=request, replicas=replicas, points=2)
    exact = replicas * (demand / (replicas * request)) / aim
    assert math.ceil(exact - 2e-3) <= said.recommended[0] <= math.ceil(exact + 2e-3)


def test_a_trifle_over_a_whole_number_is_rounding() -> None:
    """0.9 cores at 90 % of a core are one pod, whatever float32 makes of it."""
    for pods in range(1, 60):
        said = decided(fleet(target(max_replicas=100)), peak={"cpu": 0.9 * pods}, last={"cpu": 0.1})
        assert pods == said.recommended[0]


def test_no_demand_asks_for_nothing() -> None:
    """Zero is a demand: the number is 0 without a sign, and the minimum holds."""
    said = decided(last={"cpu": 0.0})
    assert (0.0, 1.0) == (said.uncapped[0], said.recommended[0])
    assert not np.signbit(said.uncapped[0])
    assert Limit.MINIMUM == said.limits[0]


def test_the_guard_says_so() -> None:
    """Where the load of this moment needs more than the forecast asks for, that is named."""
    assert Limit.GUARD == decided(peak={"cpu": 2.7}, last={"cpu": 2.7}).limits[0]
    assert not decided(peak={"cpu": 4.5}, last={"cpu": 2.7}).limits[0]


@pytest.mark.parametrize(
    ("wishes", "replicas"),
    [
        pytest.param({"max_utilization": 0.5}, 9, id="a line of one's own"),
        pytest.param({"guard_utilization": 0.5, "quantile": 0.5}, 8, id="a guard of one's own"),
    ],
)
def test_a_target_may_draw_its_own_lines(wishes: dict[str, float], replicas: int) -> None:
    """Utilisations are wishes, not constants."""
    assert replicas == decided(fleet(target(**wishes)), peak={"cpu": 4.5}, last={"cpu": 4.0}).recommended[0]


def test_the_quantile_is_the_margin() -> None:
    """A more careful target takes a higher quantile of the same forecast."""
    levels = [[2, 2, 2, 2.5, 3, 4, 4.4, 6.2, 8], [NAN] * 9]
    for quantile, replicas in ((0.5, 3), (0.95, 5), (0.98, 7), (0.99, 9)):
        of = fleet(target(quantile=quantile))
        said = decided(of, last={"cpu": 2.0}, maximum=np.array(levels))
        assert (replicas, Path.FORECAST) == (said.recommended[0], said.path[0])


@pytest.mark.parametrize(
    ("last", "replicas", "expected"),
    [
        pytest.param(3.9, 4, 6, id="the reactive margin where it asks for more"),
        pytest.param(3.9, 6, 7, id="one pod more than there are where that is more"),
        pytest.param(3.9, NAN, 6, id="unknown replicas"),
    ],
)
def test_a_censored_sample_raises_the_decision(last: float, replicas: float, expected: int) -> None:
    """Pods at their limit want at least what they use: nobody knows how much more."""
    said = decided(last={"cpu": last}, peak={"cpu": 3.0}, replicas=replicas, censored=True)
    assert (expected, Limit.CENSORED) == (said.recommended[0], said.limits[0])


def test_a_censored_sample_never_lowers_the_decision() -> None:
    """Where the forecast asks for more it stands."""
    said = decided(last={"cpu": 3.9}, peak={"cpu": 8.0}, replicas=4, censored=True)
    assert (9, 0) == (said.recommended[0], said.limits[0])


@pytest.mark.parametrize("replicas", [0.0, NAN])
def test_zero_and_unknown_replicas_are_decided_for(replicas: float) -> None:
    """The number follows from demand and requests; how many there are is not needed for it."""
    said = decided(last={"cpu": 2.4}, points=2, replicas=replicas)
    assert (4, 4) == (said.recommended[0], said.signal[0])


@pytest.mark.parametrize(
    ("metrics", "moment", "path"),
    [
        pytest.param((Metric("cpu"),), {"last": NAN}, Path.NO_DATA, id="nothing observed"),
        pytest.param(
            (Metric("cpu"),), {"last": {"memory": 1.0}}, Path.NO_DATA, id="only what does not drive"
        ),
        pytest.param((Metric("cpu"),), {"request": NAN}, Path.NO_REQUEST, id="no request"),
        pytest.param((Metric("cpu"),), {"request": 0.0}, Path.NO_REQUEST, id="a request of zero"),
        pytest.param(
            (Metric("cpu"),),
            {"request": {"memory": 1.0}},
            Path.NO_REQUEST,
            id="only what does not drive has one",
        ),
        pytest.param(
            (Metric("cpu"),), {"request": NAN, "censored": True}, Path.NO_REQUEST, id="censored, no request"
        ),
        pytest.param(MEMORY, {"last": {"memory": 2.0}}, Path.MEMORY_ONLY, id="memory alone"),
        pytest.param(MEMORY, {"last": {"cpu": 2.0}}, Path.NO_DATA, id="memory alone, and not observed"),
        pytest.param(
            (*MEMORY, Metric("cpu")), {"last": {"memory": 2.0}}, Path.NO_DATA, id="memory in cpu's place"
        ),
        pytest.param(
            BOTH,
            {"last": {"cpu": 2.0}, "request": {"requests": 50.0}},
            Path.NO_REQUEST,
            id="one unseen, one unmeasured",
        ),
    ],
)
def test_where_nothing_can_be_decided_the_missing_thing_is_named(
    metrics: tuple[Metric, ...], moment: dict[str, Any], path: Path
) -> None:
    """No number is made up, and the path says what is missing."""
    said = decided(fleet(target(metrics=metrics)), **moment)
    assert (path, -1, 0) == (said.path[0], said.driver[0], said.limits[0])
    for values in (said.recommended, said.uncapped, said.signal, said.confidence, said.demand):
        assert np.isnan(values[0])


@pytest.mark.parametrize(
    ("last", "driver", "replicas"),
    [
        pytest.param({"cpu": 2.0, "requests": 50.0}, "cpu", 3, id="cpu asks for more"),
        pytest.param({"cpu": 0.5, "requests": 200.0}, "requests", 6, id="requests do"),
        pytest.param({"cpu": 0.5, "requests": 200.0, "memory": 9e9}, "requests", 6, id="memory never does"),
    ],
)
def test_the_metric_that_asks_for_most_decides(last: Values, driver: str, replicas: int) -> None:
    """Per driving metric, the maximum over metrics; one replica serves what `perReplica` says."""
    of = fleet(target(metrics=BOTH))
    said = decided(of, last=last, request={"cpu": 1.0, "requests": 50.0, "memory": 1.0}, points=2)
    assert (replicas, driver) == (said.recommended[0], of.metrics[said.driver[0]].name)
    assert said.demand[0] == dict(last)[driver]


def test_metrics_are_judged_one_by_one() -> None:
    """One by its forecast, the other reactively; the path is that of the one that decides."""
    of = fleet(target(metrics=BOTH))
    moment = {
        "last": {"cpu": 1.0, "requests": 140.0},
        "peak": {"cpu": 3.6, "requests": 140.0},
        "request": {"cpu": 1.0, "requests": 50.0},
    }
    assert [4, Path.FORECAST] == [
        *(d := decided(of, **moment, skill={"cpu": 0.3, "requests": 0.3})).recommended,
        d.path[0],
    ]
    other = decided(of, **moment, skill={"cpu": 0.3, "requests": -0.3})
    assert [4, Path.FORECAST] == [other.recommended[0], other.path[0]]
    third = decided(
        of, **(moment | {"peak": {"cpu": 1.0, "requests": 140.0}}), skill={"cpu": 0.3, "requests": -0.3}
    )
    assert [4, Path.SKILL] == [third.recommended[0], third.path[0]]


def with_history(of: Fleet, *, footprint: float, cycles: int = 60) -> Memory:
    """The memory after some cycles in which replicas went from 2 to 6 and memory was 8 plus a footprint per pod."""
    memory = Memory.none(len(of), len(of.series))
    for i in range(cycles):
        pods = 2 + i % 5
        _, memory = decide(
            of, memory, now=NOW - (cycles - i) * 300, replicas=pods, last=8.0 + footprint * pods
        )
    return memory


@pytest.mark.parametrize(("footprint", "drives"), [(0.0, True), (0.1, True), (1.0, False), (4.0, False)])
def test_memory_drives_only_where_it_does_not_follow_replicas(footprint: float, drives: bool) -> None:
    """Each pod brings its own bytes, so scaling on them runs away; a shared demand such as a cache does not."""
    of = fleet(target(metrics=MEMORY))
    said, _ = decide(of, with_history(of, footprint=footprint), last={"memory": 8.0}, points=2)
    assert drives is bool(said.driver[0] >= 0)
    assert (12 if drives else Path.MEMORY_ONLY) == (said.uncapped[0] if drives else said.path[0])


def test_without_evidence_memory_does_not_drive() -> None:
    """As long as replicas have not varied nobody knows its slope."""
    of = fleet(target(metrics=MEMORY))
    assert Path.MEMORY_ONLY == decide(of, with_history(of, footprint=0.0, cycles=10))[0].path[0]


def test_every_target_is_decided_by_itself() -> None:
    """What is missing for one costs no other its number."""
    of = fleet(*(target(f"api-{i}") for i in range(4)))
    said = decided(
        of,
        last=[NAN, NAN, 2.4, 1.0, 2.4, NAN, 2.4, NAN],
        request=[1, 1, NAN, 1, 1, 1, 0.5, 1],
        points=2,
        replicas=[1, 2, 3, NAN],
    )
    np.testing.assert_array_equal([NAN, NAN, 4, 7], said.recommended)
    assert [Path.NO_DATA, Path.NO_REQUEST, Path.HISTORY, Path.HISTORY] == said.path.tolist()
    assert [-1, -1, 4, 6] == said.driver.tolist()


def test_an_empty_fleet_is_decided() -> None:
    """No targets, no decisions, no failure."""
    said, memory = decide(Fleet.of(()))
    assert 0 == len(said.recommended) == len(said.signal) == len(said.path) == len(memory.recommended)


def test_an_undecided_fleet_has_no_numbers() -> None:
    """What stands in for a stage that failed."""
    said = undecided(3)
    assert [-1] * 3 == said.driver.tolist()
    assert np.isnan([said.recommended, said.uncapped, said.signal, said.confidence, said.demand]).all()


def test_confidence_is_the_chance_to_stay_under_the_capacity() -> None:
    """Read off the maximum's quantiles at 90 % of what the recommended replicas request."""
    levels = np.array([[1, 2, 3, 3.6, 5, 6, 7, 8, 9], [NAN] * 9])
    of = fleet(target(max_replicas=4))
    said = decided(of, last={"cpu": 2.0}, maximum=levels)
    assert (4, 0.5) == (said.recommended[0], pytest.approx(float(said.confidence[0]), abs=1e-3))


def test_confidence_is_unknown_where_one_metric_is() -> None:
    """What is not known of one driving metric may be what breaks."""
    of = fleet(target(metrics=BOTH))
    both = {"cpu": 1.0, "requests": 50.0}
    assert 0.99 == pytest.approx(float(decided(of, last=both, peak=both, request=both).confidence[0]))
    assert np.isnan(decided(of, last=both, peak={"cpu": 1.0}, request=both).confidence[0])
    assert np.isnan(decided(of, last=both, peak=both, request={"cpu": 1.0}).confidence[0])


def test_the_least_sure_metric_is_the_confidence() -> None:
    """A number is as good as its weakest reason."""
    of = fleet(target(metrics=BOTH, max_replicas=2))
    said = decided(of, last=1.0, peak={"cpu": 1.0, "requests": 500.0}, request={"cpu": 1.0, "requests": 50.0})
    assert 0.05 == pytest.approx(float(said.confidence[0]))
