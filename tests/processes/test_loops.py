"""The loop runs through bad days and says what is wrong."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest

from helios.clocks import SteppedClock, TraceClock
from helios.views import LoopView
from scoring.panels import Panel, Series
from scoring.scorer import Summary
from tests.processes.builders import START, STEP, DailySource, loop_over
from tests.scoring.builders import numbers_in

FOREVER = threading.Event()


def test_history_is_fetched_between_cycles_and_a_forecast_follows() -> None:
    """The first cycle is reactive; once history is complete the next one forecasts."""
    summaries: list[Summary] = []
    source = DailySource()
    loop = loop_over(source, summaries=summaries)
    loop.run(FOREVER, most_cycles=2)
    assert [True, False] == [bool(s.pending_points) for s in summaries]
    assert np.isfinite(loop.scorer.stream.panel().values).all()


def test_a_source_that_is_down_at_start_costs_nothing_but_time() -> None:
    """The loop goes on, says why, and decides as soon as the source answers."""
    summaries: list[Summary] = []
    source, clock = DailySource(down=True), SteppedClock(START)
    loop = loop_over(source, clock, summaries=summaries)
    loop.run(FOREVER, most_cycles=2)
    assert ["the test's source is down"] * 2 == [s.faults["advance"] for s in summaries]
    assert {0} == {s.decided for s in summaries}
    source.down = False
    loop.run(FOREVER, most_cycles=3)
    assert (2, {}) == (summaries[-1].decided, dict(summaries[-1].faults))


def test_gauges_vanish_when_the_source_stays_away() -> None:
    """Numbers hold for three cycles and are gone after them; they never freeze and never become zero."""
    source, clock = DailySource(), SteppedClock(START)
    loop = loop_over(source, clock)
    loop.run(FOREVER, most_cycles=3)
    assert b"helios_recommended_replicas{" in loop.scorer.board.exposition(clock.now())
    source.down = True
    loop.run(FOREVER, most_cycles=6)
    assert [] == numbers_in(loop.scorer.board.exposition(clock.now()))


def test_a_hung_loop_does_not_hold_a_gauge() -> None:
    """The text is compared with the clock when it is served, not when it was made."""
    clock = SteppedClock(START)
    loop = loop_over(DailySource(), clock)
    loop.run(FOREVER, most_cycles=2)
    assert b"helios_scaling_signal{" in loop.scorer.board.exposition(clock.now())
    assert [] == numbers_in(loop.scorer.board.exposition(clock.now() + 4 * STEP))


@pytest.mark.parametrize(
    "garbage", [float("nan"), float("inf"), -3.0, 1e30], ids=["nan", "inf", "negative", "absurd"]
)
def test_garbage_of_one_target_costs_only_that_target(garbage: float) -> None:
    """The other target is decided, and no NaN or Inf is exported."""
    source = DailySource(garbage=garbage)
    clock = SteppedClock(START)
    loop = loop_over(source, clock)
    loop.run(FOREVER, most_cycles=3)
    text = loop.scorer.board.exposition(clock.now()).decode()
    assert 'helios_recommended_replicas{namespace="saleor",deployment="service-1"}' in text
    assert 'helios_recommended_replicas{namespace="saleor",deployment="service-0"}' not in text
    assert not [line for line in text.splitlines() if line.endswith(("NaN", "nan", "inf", "Inf"))]


def test_a_stop_finishes_the_cycle() -> None:
    """Ctrl-C in the middle of a wait ends the loop within a moment."""
    stop = threading.Event()
    summaries: list[Summary] = []
    clock = TraceClock(START, speed=1.0, end=START + 1e6, stride=STEP)
    clock.begin()
    loop = loop_over(DailySource(), clock, summaries=summaries)
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    while len(summaries) < 2:
        time.sleep(0.01)
    stop.set()
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_trace_time_stands_still_at_the_end() -> None:
    """A trace that is over keeps its last numbers valid; nothing waits for what never comes but the stop."""
    clock = TraceClock(START, speed=1e9, end=START + 600, stride=STEP)
    assert (False, START + 300) == (
        clock.wait_until(START + 300, FOREVER),
        clock.now(),
    )  # not begun: it jumps
    clock.begin()
    clock.wait_until(START + 600, FOREVER)
    time.sleep(0.01)
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    assert (START + 600, True, True) == (clock.now(), clock.ended, clock.wait_until(START + 900, stop))


def test_a_trace_waits_for_a_loop_that_is_slower_than_its_speed() -> None:
    """At any speed every cycle is run: time never runs past the interval that was waited for."""
    clock = TraceClock(START, speed=1e9, end=START + 100 * STEP, stride=STEP)
    clock.begin()
    seen = []
    for _ in range(5):
        time.sleep(0.002)
        seen.append(clock.now())
        clock.wait_until((seen[-1] // STEP + 1) * STEP, FOREVER)
    assert [STEP] * 4 == [later - earlier for earlier, later in itertools.pairwise(seen)]


def test_a_source_that_breaks_during_back_fill_does_not_end_the_loop() -> None:
    """Whatever a source raises, the next cycle comes."""

    class Breaking(DailySource):
        def read(self, series: Sequence[Series], start: float, end: float, step: float) -> Panel:
            if end - start > STEP:
                raise RecursionError("an answer nested too deep")
            return super().read(series, start, end, step)

    summaries: list[Summary] = []
    loop_over(Breaking(), summaries=summaries).run(FOREVER, most_cycles=3)
    assert [2, 2, 2] == [s.decided for s in summaries]
    assert summaries[-1].pending_points > 0


def test_a_wall_clock_that_is_set_back_does_not_stop_the_loop() -> None:
    """It waits one interval at most."""

    class SetBack(SteppedClock):
        waits: list[float]

        def now(self) -> float:
            return super().now() - (7200 if self.waits else 0)

        def wait_until(self, moment: float, stop: threading.Event) -> bool:
            self.waits.append(moment - super().now())
            return super().wait_until(moment, stop)

    clock = SetBack(START)
    clock.waits = []
    loop_over(DailySource(), clock).run(FOREVER, most_cycles=4)
    assert max(clock.waits) <= STEP


def test_the_loop_tells_of_its_pace_and_of_its_source() -> None:
    """On the wall's clock, whatever it replays; before its first cycle it claims none."""
    source, clock = DailySource(), TraceClock(START, speed=10.0, end=START + 1e6, stride=STEP)
    loop = loop_over(source, clock)
    metrics = loop._metrics
    assert [STEP / 10, 0] == [metrics.interval._value.get(), metrics.last._value.get()]
    seen = []
    for source.down in (False, True, False):
        loop.run(FOREVER, most_cycles=1)
        seen.append(metrics.source._value.get())
    assert [1, 0, 1] == seen
    assert pytest.approx(time.time(), abs=60) == metrics.last._value.get()


def test_liveness_is_real_time() -> None:
    """The heartbeat is the timer's, whatever the clock says."""
    ticks = iter(range(0, 10_000, 10))
    loop = loop_over(DailySource())
    loop.timer = lambda: float(next(ticks))
    loop.run(FOREVER, most_cycles=1)
    view = LoopView(loop, dict)
    assert (10.0, 20.0) == (view.heartbeat_age(START), view.heartbeat_age(START + 1e9))


def test_a_source_that_is_down_is_named_in_every_report() -> None:
    """The user reads what is wrong and where, not that his Deployment should be checked."""
    loop = loop_over(DailySource(down=True))
    loop.run(FOREVER, most_cycles=2)
    view = LoopView(loop, dict)
    assert {"the test's source is down"} == {report.problem for report in view.reports()}
    assert "the test's source is down" == view.faults()["advance"]
