"""Standing by: a scorer that takes what another has decided before each of its cycles goes on where that one ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scoring.errors import InvalidState
from scoring.ledgers import SECONDS
from scoring.scorer import Pace
from scoring.states import State, decided
from scoring.successions import succeed
from tests.scoring.builders import MemorySource, target
from tests.scoring.test_scorer import PACE, TARGETS, Run


def copied(run: Run) -> dict[str, Any]:
    """What a scorer has decided, as it comes over the wire: no array of it is the scorer's own."""
    return {name: np.array(array) for name, array in decided(run.scorer).items()}


def spanned(run: Run) -> list[float]:
    """Seconds that each target's ledger spans."""
    return run.scorer.ledger.buckets[:, :, SECONDS].sum(axis=1).tolist()


def beside(holder: Run, cycles: int = 3, targets: tuple[Any, ...] = TARGETS) -> Run:
    """One that came when the holder had scored for long, and has stood by for so many cycles."""
    run = Run(MemorySource(), targets)
    run.now = holder.now
    for _ in range(cycles):
        succeed(run.scorer, copied(holder), run.now)
        holder.cycle()
        run.cycle()
    return run


@pytest.fixture
def holder() -> Run:
    """A loop that has run for a quarter of a day."""
    run = Run(MemorySource()).warm()
    run.cycle(12)
    return run


def test_who_stands_by_has_the_holders_ledger(holder: Run) -> None:
    """To the second, though it came much later."""
    run = beside(holder)
    assert spanned(holder) == spanned(run)
    assert min(spanned(run)) > 10 * PACE.interval


def test_what_the_holder_published_is_there_to_be_published(holder: Run) -> None:
    """Before any cycle of its own: the very numbers, until they expire as they would have."""
    run = Run(MemorySource())
    run.now = holder.now
    succeed(run.scorer, copied(holder), run.now)
    assert holder.report() == run.report()
    for name in ("helios_scaling_signal", "helios_report_expires_timestamp_seconds"):
        assert holder.gauge(name) == run.gauge(name)
    assert run.gauge("helios_scaling_signal", later=4 * PACE.interval) is None


def test_a_state_of_the_same_cycle_is_not_counted_twice(holder: Run) -> None:
    """The holder was quicker: its state has the cycle already that is to come here."""
    run = beside(holder)
    holder.cycle()
    succeed(run.scorer, copied(holder), run.now)
    run.cycle()
    assert spanned(holder) == spanned(run)


def test_a_takeover_goes_on_without_a_gap(holder: Run) -> None:
    """The holder is gone after a cycle: the next one is the heir's own."""
    run = beside(holder)
    before = spanned(run)
    run.cycle(2)
    assert [seconds + 2 * PACE.interval for seconds in before] == spanned(run)


def test_a_takeover_holds_what_the_holder_held() -> None:
    """The heir sees less demand: no lower number before the cooldown is over that began with the holder's last proposal."""
    patient = (target("api", max_replicas=50, cooldown_seconds=4 * PACE.interval),)
    holder = Run(MemorySource(demand=lambda _, times: np.full(len(times), 12.0)), patient)
    holder.cycle(3)
    heir = Run(MemorySource(demand=lambda _, times: np.full(len(times), 2.0)), patient)
    heir.now = holder.now
    succeed(heir.scorer, copied(holder), heir.now)
    published = []
    for _ in range(5):
        heir.cycle()
        published.append(heir.gauge("helios_recommended_replicas"))
    held = holder.gauge("helios_recommended_replicas")
    assert [held] * 4 == published[:4]
    assert held is not None
    assert held > (published[4] or held)


def test_targets_are_told_apart_by_who_they_are(holder: Run) -> None:
    """A fleet in another order, with one that is new and without one that went: nobody gets another's past."""
    run = beside(holder, targets=(target("new"), *reversed(TARGETS[1:])))
    known = dict(zip((t.identity for t in holder.scorer.fleet.targets), spanned(holder), strict=True))
    found = dict(zip((t.identity for t in run.scorer.fleet.targets), spanned(run), strict=True))
    shared = known.keys() & found.keys()
    assert len(TARGETS) - 1 == len(shared)
    assert {who: known[who] for who in shared} == {who: found[who] for who in shared}
    assert 2 * PACE.interval >= found[target("new").identity]


def test_a_holder_that_began_cold_does_not_cost_the_other_its_ledger(holder: Run) -> None:
    """What spans less than half of what is known here is refused, and nothing of it is taken."""
    cold = Run(MemorySource())
    cold.now = holder.now - 2 * PACE.interval
    cold.cycle(3)
    before = spanned(holder)
    with pytest.raises(InvalidState, match="% of what is known here"):
        succeed(holder.scorer, copied(cold), holder.now)
    assert before == spanned(holder)
    holder.cycle()
    assert [seconds + PACE.interval for seconds in before] == spanned(holder)


def test_a_state_that_is_old_is_refused(holder: Run) -> None:
    """Of a loop that hangs, or that cannot store what it decides."""
    state, run = copied(holder), Run(MemorySource())
    run.now = holder.now + 3 * PACE.interval
    with pytest.raises(InvalidState, match="old"):
        succeed(run.scorer, state, run.now)


def emptied(state: State) -> State:
    """Without its table of contents."""
    return {name: array for name, array in state.items() if name != "about"}


def cut(state: State) -> State:
    """With a ledger of too few rows."""
    return {**state, "ledger.buckets": state["ledger.buckets"][:1]}


def flat(state: State) -> State:
    """With a ledger of no rows at all."""
    return {**state, "ledger.buckets": np.zeros(3)}


@pytest.mark.parametrize("damage", [emptied, cut, flat])
def test_a_state_that_is_no_state_costs_nothing(holder: Run, damage: Any) -> None:
    """It is refused in words, and the scorer goes on with its own."""
    run = beside(holder)
    before = spanned(run)
    with pytest.raises(InvalidState, match="damaged"):
        succeed(run.scorer, damage(copied(holder)), run.now)
    assert before == spanned(run)
    assert {} == run.cycle().faults


def test_a_holder_of_another_grid_step_is_refused(holder: Run) -> None:
    """While the setting is being changed pod by pod."""
    run = Run(MemorySource(), pace=Pace(interval=PACE.interval, step=PACE.step / 2, columns=PACE.columns))
    run.now = holder.now
    with pytest.raises(InvalidState, match="step"):
        succeed(run.scorer, copied(holder), run.now)
