"""Incidents from samples to replicas: an outage upstream, a spike, a sale, pods at their limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.calendars import Event
from scoring.panels import Panel
from scoring.scorer import Pace
from tests.scoring.builders import DAY, NOW, STEP, MemorySource, target
from tests.scoring.test_scorer import Run

PACE = Pace(interval=STEP, step=STEP, columns=2016)
HALF_HOUR = 1800.0
BEGIN = NOW + 4 * STEP
"""When something happens: the fourth cycle."""


def wave(name: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """A calm day: 8 cores and some, with a ripple that no profile explains."""
    del name
    return 8 + np.sin(2 * np.pi * at / DAY) + 0.2 * np.sin(at / STEP * 2.4)


def run(
    demand: object = wave, answer: Callable[[Panel], Panel] = lambda panel: panel, **wishes: object
) -> Run:
    """One target with a week of history, scored every five minutes; the next cycle is the third."""
    source = MemorySource(demand=demand, replicas=10.0, answer=answer)  # type: ignore[arg-type] # closures have no protocol
    return Run(source, [target(max_replicas=100, **wishes)], pace=PACE).warm()


def during(of: Run, cycles: int) -> list[tuple[int | None, str]]:
    """What is recommended and how, cycle by cycle."""
    seen = []
    for _ in range(cycles):
        assert {} == of.cycle().faults
        said = of.report()
        seen.append((said.recommended_replicas, said.outcome))
    return seen


def test_a_calm_day_is_forecast() -> None:
    """The same number again and again, by the forecast, without an anomaly."""
    seen = during(calm := run(), 6)
    assert 1 == len(set(seen))
    assert "forecast" == seen[0][1]
    assert not calm.report().anomaly.detected


def test_an_outage_upstream_takes_no_pods_away() -> None:
    """No load looks like nothing to do: while it lasts, at most an hour, replicas stay; then the demand counts."""

    def outage(name: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(at >= BEGIN, 0.01, wave(name, at))

    of = run(outage, cooldown_seconds=0.0)
    calm = during(of, 2)[-1][0]
    frozen = during(of, 12)
    assert {calm} == {number for number, _ in frozen}
    said = of.report()
    assert ("critical", "drop", BEGIN) == (said.anomaly.severity, said.anomaly.direction, said.anomaly.since)
    assert "scale-in is frozen by an anomaly" in said.reason
    assert during(of, 3)[-1][0] < calm


def outage(name: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Something upstream is down, and does not come back."""
    return np.where(at >= BEGIN, 0.01, wave(name, at))


def test_a_feature_switched_off_for_good_does_not_hold_the_peak() -> None:
    """An hour of waiting, once; then it is scaled in, and no later look at the same level freezes it again."""
    of = run(outage, cooldown_seconds=0.0)
    calm = during(of, 2)[-1][0]
    assert {calm} == {number for number, _ in during(of, 12)}
    after = [number for number, _ in during(of, 36)][2:]
    assert {1} == set(after)


@pytest.mark.parametrize(
    "wishes",
    [
        pytest.param({"muted_until": BEGIN + DAY}, id="muted"),
        pytest.param({"events": (Event(BEGIN, BEGIN + DAY, 1.0),)}, id="announced"),
        pytest.param({"acknowledged": BEGIN}, id="acknowledged"),
    ],
)
def test_whoever_wants_no_alarm_gets_the_score_and_the_protection(wishes: dict[str, Any]) -> None:
    """The alarm's gauge alone is 0: what is decided is what was decided anyway."""
    loud, quiet = run(outage, cooldown_seconds=0.0), run(outage, cooldown_seconds=0.0, **wishes)
    assert during(loud, 6) == during(quiet, 6)
    assert (1, 0) == tuple(of.gauge("helios_anomaly_detected") for of in (loud, quiet))
    scores = [of.gauge("helios_anomaly_score") for of in (loud, quiet)]
    assert scores[0] == scores[1]
    assert "scale-in is frozen by an anomaly" in quiet.report().reason


def test_a_mute_ends_by_itself() -> None:
    """While the anomaly lasts it alarms from then on."""
    of = run(outage, muted_until=BEGIN + 3 * STEP)
    during(of, 2)
    said = []
    for _ in range(6):
        during(of, 1)
        said.append(of.gauge("helios_anomaly_detected"))
    assert [0, 0, 0, 1, 1, 1] == said


def test_what_was_acknowledged_before_does_not_silence_the_next() -> None:
    """An acknowledgement is of one anomaly."""
    of = run(outage, acknowledged=BEGIN - STEP)
    during(of, 5)
    assert 1 == of.gauge("helios_anomaly_detected")


def test_a_spike_teaches_nothing_about_tomorrow() -> None:
    """The same time of the next day is decided as if it had not been: it is masked from training and seasonal memory."""

    def spiked(name: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where((at >= NOW + 3 * HALF_HOUR) & (at < NOW + 5 * HALF_HOUR), 40.0, wave(name, at))

    pace = Pace(HALF_HOUR, HALF_HOUR, 336)
    calm, seen = (
        Run(MemorySource(demand=one), [target(max_replicas=100)], pace=pace).warm() for one in (wave, spiked)
    )
    during(seen, 3)
    assert seen.report().anomaly.detected
    for of, cycles in ((calm, 48), (seen, 45)):
        during(of, cycles)
    same = [of.report().recommended_replicas for of in (calm, seen)]
    assert same[0] == same[1]


def test_after_an_outage_there_is_no_second_event() -> None:
    """The load that comes back is what was expected, not a spike."""

    def outage(name: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where((at >= BEGIN) & (at < BEGIN + 3 * STEP), 0.01, wave(name, at))

    of = run(outage)
    calm = during(of, 2)[-1]
    during(of, 3)
    assert of.report().anomaly.detected
    after = during(of, 4)
    assert not of.report().anomaly.detected
    assert calm[0] is not None
    assert all(number is not None and abs(number - calm[0]) <= 1 for number, _ in after)


def test_a_spike_is_answered_at_once() -> None:
    """By the reactive path, while the forecast does not know it, and nothing is taken away before it ends."""

    def spike(name: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where((at >= BEGIN) & (at < BEGIN + 4 * STEP), 21.0, wave(name, at))

    of = run(spike, cooldown_seconds=0.0)
    calm = during(of, 2)[-1][0]
    seen = during(of, 4)
    assert [(30, "spike")] * 4 == seen
    assert calm is not None
    assert calm < 30
    assert "a spike is under way" in of.report().reason
    assert during(of, 2)[-1][0] < 30


def test_an_announced_sale_is_prepared_a_lead_time_before() -> None:
    """Three times the usual from the lead time on, once, and the usual again after it."""
    sale = Event(BEGIN + 1800, BEGIN + 3600, 3.0)

    def sold(name: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where((at >= sale.start) & (at < sale.end), 3.0, 1.0) * wave(name, at)

    of = run(sold, events=(sale,), cooldown_seconds=0.0, lead_seconds=600.0)
    calm = during(of, 2)[-1][0]
    assert calm is not None
    before = [number for number, _ in during(of, 4)]
    assert all(number is not None and abs(number - calm) <= 1 for number in before)
    prepared = [number for number, _ in during(of, 2)]
    assert all(number is not None and 2.4 * calm <= number <= 3.2 * calm for number in prepared)
    assert "an announced event lifts the demand" in of.report().reason
    sold_out = [number for number, _ in during(of, 6)]
    assert all(number is not None and 2.4 * calm <= number <= 4.5 * calm for number in sold_out)


@pytest.mark.parametrize("late", [False, True], ids=["newest", "newest but one"])
def test_pods_at_their_limit_get_company(late: bool) -> None:
    """Demand was at least what is seen: one more than there are, also where the newest sample has not come yet."""

    def capped(panel: Panel) -> Panel:
        if late:
            panel.values[:, -1] = np.nan
        return replace(panel, censored=~np.isnan(panel.values))

    of = run()
    of.source.replicas = 30.0
    of.source.answer = capped
    said = during(of, 1)[0]
    assert 31 == said[0]
    assert "the pods are at their limit" in of.report().reason


def test_the_responsive_profile_scores_every_minute() -> None:
    """Grid and interval of a minute, a week of it: forecast like any other, with its own lead time."""
    source = MemorySource(demand=wave, replicas=10.0)
    of = Run(source, [target(max_replicas=100)], pace=Pace(60.0, 60.0, 7 * 1440)).warm()
    assert "forecast" == during(of, 2)[-1][1]
    assert 120 + 60 + 45 == of.report().lead_seconds
    assert 2 * 1440 == of.report().metrics[0].needed


@pytest.mark.parametrize("wanted", [20.0, 4.0], ids=["out", "in"])
def test_scaling_raises_no_alarm_by_the_memory_of_its_own_pods(wanted: float) -> None:
    """Each pod has its footprint: memory that comes and goes with them is nobody's anomaly."""

    def pods(panel: Panel) -> Panel:
        for i, series in enumerate(panel.series):
            if series.metric == "memory":
                panel.values[i] = np.where(panel.times >= BEGIN, wanted, 10.0) * 2.0**30
        return panel

    of = run(answer=pods)
    during(of, 2)
    of.source.replicas = wanted
    for _ in range(8):
        during(of, 1)
        assert not of.report().anomaly.detected


def test_memory_that_leaps_while_no_pod_comes_is_an_anomaly() -> None:
    """A leak is seen: the replicas are what they were."""

    def leak(panel: Panel) -> Panel:
        for i, series in enumerate(panel.series):
            if series.metric == "memory":
                panel.values[i] = np.where(panel.times >= BEGIN, 40.0, 10.0) * 2.0**30
        return panel

    of = run(answer=leak)
    during(of, 6)
    assert of.report().anomaly.detected
