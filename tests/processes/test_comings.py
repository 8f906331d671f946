"""Targets come and go while the loop runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from helios.clocks import SteppedClock
from helios.views import LoopView
from scoring.policies import Target
from scoring.scorer import Summary
from tests.processes.builders import START, STEP, DailySource, loop_over

FOREVER = threading.Event()


def fleet(*names: str) -> tuple[Target, ...]:
    """Workloads of namespace saleor."""
    return tuple(Target(namespace="saleor", deployment=name) for name in names)


@dataclass
class Wish:
    """What is wanted, and when (seconds after the start) it becomes something else."""

    clock: SteppedClock
    changes: Mapping[float, tuple[Target, ...]]
    unscored: Mapping[str, int] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """How many changes have come."""
        return sum(START + at <= self.clock.now() for at in self.changes)

    @property
    def scored(self) -> tuple[Target, ...]:
        """The newest of them."""
        due = [at for at in self.changes if START + at <= self.clock.now()]
        return self.changes[max(due)] if due else ()


def cycles(changes: Mapping[float, tuple[Target, ...]], count: int) -> tuple[list[Summary], DailySource]:
    """So many cycles of a loop whose targets change."""
    clock, source = SteppedClock(START), DailySource()
    told: list[Summary] = []
    loop = loop_over(source, clock, targets=0, summaries=told, wanted=lambda: Wish(clock, changes))
    loop.run(FOREVER, most_cycles=count)
    return told, source


def test_without_any_target_the_loop_goes_on() -> None:
    """A cycle over nobody is a good cycle."""
    told, _ = cycles({}, 3)
    assert [(0, 0, {})] * 3 == [(s.targets, s.scored, dict(s.faults)) for s in told]


def test_a_target_that_comes_is_scored_within_seconds() -> None:
    """Nobody waits for the next interval: the loop looks every second, and takes what has stood for a second."""
    told, _ = cycles({0: fleet("api"), 100: fleet("api", "web")}, 4)
    first = next(s for s in told if s.targets == 2)
    assert 100 <= first.now - START <= 103
    assert 2 == first.scored


def test_many_targets_applied_at_once_make_one_cycle() -> None:
    """A list that grows every half second is scored once it stands."""
    names = [f"service-{i}" for i in range(20)]
    growing = {100 + i / 2: fleet(*names[: i + 1]) for i in range(20)}
    told, _ = cycles({0: (), **growing}, 4)
    assert [0, 20] == [s.targets for s in told if s.now - START < STEP][:2]


@pytest.mark.parametrize("names", [(), ("web",)], ids=["all", "one of two"])
def test_a_target_that_goes_takes_its_gauges_with_it(names: tuple[str, ...]) -> None:
    """What is not followed any more is not published any more."""
    clock = SteppedClock(START)
    wish = Wish(clock, {0: fleet("api", "web"), 100: fleet(*names)})
    loop = loop_over(DailySource(), clock, targets=0, wanted=lambda: wish)
    loop.run(FOREVER, most_cycles=4)
    text = loop.scorer.board.exposition(clock.now()).decode()
    assert "api" not in text
    assert (b"" if not names else b"web") in loop.scorer.board.exposition(clock.now())


def test_how_many_targets_are_not_scored_is_told() -> None:
    """Conflicts and invalid ones are counted beside the scored."""
    clock = SteppedClock(START)
    wish = Wish(clock, {0: fleet("api")}, {"conflict": 2, "invalid": 1})
    loop = loop_over(DailySource(), clock, targets=0, wanted=lambda: wish)
    loop.run(FOREVER, most_cycles=2)
    metric = next(iter(loop._metrics.targets.collect()))
    counts = {s.labels["state"]: s.value for s in metric.samples}
    assert {"decided": 1, "undecided": 0, "no-data": 0, "conflict": 2, "invalid": 1} == counts


def test_nobody_is_shown_the_past_of_another_target_while_the_fleet_changes() -> None:
    """Between the rows of the old fleet and the new one an answer waits for the change to be over."""
    loop = loop_over(DailySource(), SteppedClock(START), targets=2)
    loop.run(FOREVER, most_cycles=2)
    view, scorer = LoopView(loop, dict), loop.scorer
    before = view.history("saleor", "service-1", 10)
    new = (*fleet("first"), *scorer.fleet.targets)
    scorer.stream.follow([s for t in new for s in scorer.fleet.series if s.deployment == t.deployment][2:])
    threading.Timer(0.1, lambda: scorer.follow(new)).start()
    after = view.history("saleor", "service-1", 10)
    assert before is not None
    assert after is not None
    assert before.metrics[0].demand == after.metrics[0].demand
    assert before.current_replicas == after.current_replicas


def test_a_loop_that_is_hurried_does_not_wait_for_its_interval() -> None:
    """Whoever takes over has a cycle of its own within seconds, and then the interval counts again."""
    clock, told = SteppedClock(START), list[Summary]()
    loop = loop_over(DailySource(), clock, targets=0, summaries=told, wanted=lambda: Wish(clock, {}))
    loop.before = lambda _, now: loop.hurry() if now == START + STEP else None
    loop.run(FOREVER, most_cycles=4)
    assert [0, STEP, STEP + 5, 2 * STEP] == [summary.now - START for summary in told]


def test_whoever_gives_the_scorer_a_memory_does_so_before_each_cycle() -> None:
    """When the fleet is what is wanted."""
    clock, seen = SteppedClock(START), list[tuple[int, float]]()
    changes = {0.0: fleet("one"), STEP: fleet("one", "two")}
    loop = loop_over(DailySource(), clock, targets=0, wanted=lambda: Wish(clock, changes))
    loop.before = lambda scorer, now: seen.append((len(scorer.fleet), now - START))
    loop.run(FOREVER, most_cycles=3)  # the second follows at once, as the history is complete
    assert [(1, 0.0), (1, 0.0), (2, STEP)] == seen
