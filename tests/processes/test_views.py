"""The running loop as the API sees it: asked at any moment, it answers from what the loop has learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from helios.api.live import MetricCurve
from helios.clocks import SteppedClock
from helios.loops import ScoringLoop
from helios.views import LoopView
from scoring.forecasting.assortments import Assortment
from scoring.panels import Panel, Series
from scoring.policies import Target
from scoring.scorer import Pace, Scorer
from tests.processes.builders import START, STEP, DailySource, loop_over
from tests.scoring.forecasters import Counting, Mood, Seasonal

KEY = ("saleor", "service-0")


def counting(mood: Mood | None = None) -> tuple[LoopView, ScoringLoop]:
    """A loop in which `service-0` asks for a forecaster that counts its panels, and what the API sees of it."""
    loop = loop_over(DailySource())
    both = Assortment({"auto": Seasonal(), "counting": Counting(expert="count", mood=mood or Mood())})
    loop.scorer = Scorer(DailySource(), both, Pace(columns=864), timer=lambda: 0.0)
    loop.scorer.follow(
        [
            Target(namespace="saleor", deployment="service-1"),
            Target(namespace="saleor", deployment="service-0", model="counting"),
        ]
    )
    return LoopView(loop, dict), loop


def curve(view: LoopView, periods: int = 12) -> MetricCurve:
    """The forecast of `service-0`'s cpu."""
    found = view.forecast(*KEY, periods)
    assert found is not None
    return found[0]


def test_a_forecast_on_demand_is_what_the_loop_has_learned() -> None:
    """It is not fitted anew: it knows what every cycle taught."""
    view, loop = counting()
    for cycle in range(5):
        loop.cycle(START + cycle * STEP)
    assert [(5.0, 5.0, 5.0)] * 12 == curve(view).curve


def test_who_answers_is_named_after_the_one_who_chose() -> None:
    """The expert that counts most in the first period."""
    view, loop = counting()
    loop.cycle(START)
    assert "counting: count" == curve(view).model


@dataclass
class Falling(DailySource):
    """The daily rhythm, and nothing for half an hour from a moment on."""

    falls: float = START + 3 * STEP

    def read(self, series: Sequence[Series], start: float, end: float, step: float) -> Panel:
        """The rhythm; in a stretch that holds the outage, without it."""
        panel = super().read(series, start, end, step)
        out = (panel.times >= self.falls) & (panel.times < self.falls + 6 * STEP)
        return replace(panel, values=np.where(out, np.float32(0.01), panel.values))


def test_a_history_marks_where_an_anomaly_began() -> None:
    """Once, at its onset, with the threshold in force; the state that follows is no other."""
    loop = loop_over(Falling())
    loop.fill()
    for cycle in range(6):
        loop.cycle(START + cycle * STEP)
    told = LoopView(loop, dict).history(*KEY, 12)
    assert told is not None
    assert [START + 3 * STEP] == told.anomaly_onsets
    assert [False] * 9 + [True] * 3 == told.anomaly_detected
    assert 2.5 == told.anomaly_threshold
    score = told.anomaly_score[told.times.index(told.anomaly_onsets[0])]
    assert score is not None
    assert score > told.anomaly_threshold


@pytest.mark.parametrize("periods", [1, 2, 13, 287, 288])
def test_any_number_of_periods_can_be_asked_for(periods: int) -> None:
    """Up to a day, each with its band."""
    loop = loop_over(DailySource())
    loop.fill()
    loop.cycle(START)
    found = LoopView(loop, dict).forecast(*KEY, periods)
    assert found is not None
    assert periods == len(found[0].curve)
    low, middle, high = np.array(found[0].curve).T
    assert ((low <= middle) & (middle <= high)).all()


def test_a_forecast_before_the_first_cycle_is_made_anew() -> None:
    """After a restart the numbers are there before anything was learned."""
    mood = Mood()
    view, loop = counting(mood)
    loop.cycle(START)
    loop.scorer.experience = type(loop.scorer.experience)()
    assert (1.0, 1.0, 1.0) == curve(view).curve[0]


def test_asking_changes_nothing_that_was_learned() -> None:
    """However often the page looks."""
    view, loop = counting()
    loop.cycle(START)
    for _ in range(3):
        view.forecast(*KEY, 12)
        view.history(*KEY, 12)
        view.deviations(*KEY, {"cpu": 0.5})
    assert (1.0, 1.0, 1.0) == curve(view).curve[0]


def test_a_forecaster_that_fails_has_no_curve() -> None:
    """Rather than a wrong one; the others answer."""
    mood = Mood()
    view, loop = counting(mood)
    loop.cycle(START)
    mood.raises["forecast"] = ValueError("no convergence")
    assert [] == view.forecast(*KEY, 12)
    loop.scorer.stream.advance(START)
    while loop.scorer.stream.fill():
        pass
    assert [] != view.forecast("saleor", "service-1", 12)


def test_the_default_is_auto() -> None:
    """In a loop as it is built for users."""
    loop = loop_over(DailySource(), SteppedClock(START))
    loop.fill()
    loop.cycle(START)
    assert "auto" == curve(LoopView(loop, dict)).model.split(":")[0]
