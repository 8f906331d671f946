"""A stored memory given back: what was known before a restart is known after it, and damage starts cold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from scoring.errors import InvalidState
from scoring.scorer import Pace
from scoring.states import restore, stored
from tests.scoring.builders import MemorySource, target
from tests.scoring.test_scorer import PACE, TARGETS, Run

Arrays = dict[str, np.ndarray]


def kept(run: Run) -> Arrays:
    """The state as it would come back from a disk."""
    return {name: array.copy() for name, array in stored(run.scorer).items()}


def old() -> Run:
    """A loop that has run for half a day."""
    run = Run(MemorySource()).warm()
    run.cycle(24)
    return run


@pytest.fixture(scope="module")
def lived() -> Run:
    """Such a loop, to be stored from and not to be run on."""
    return old()


def restarted(state: Arrays, targets: tuple[Any, ...] = TARGETS, pace: Pace = PACE, *, at: float) -> Run:
    """A new loop that took a stored state at a moment."""
    run = Run(MemorySource(), targets, pace=pace)
    run.now = at
    restore(run.scorer, state, at)
    return run


def test_a_restart_goes_on_where_it_was() -> None:
    """The next cycle says the same, digit for digit, as if there had been no restart."""
    before = old()
    after = restarted(kept(before), at=before.now)
    assert before.cycle() == after.cycle()
    for one in ("api", "web", "job"):
        assert before.report(one) == after.report(one)
    np.testing.assert_array_equal(before.scorer.trail.coverage(), after.scorer.trail.coverage())
    np.testing.assert_array_equal(before.scorer.memory.at, after.scorer.memory.at)


def test_a_restart_serves_what_still_holds(lived: Run) -> None:
    """Before its first cycle, and no longer than it held."""
    before = lived
    after = restarted(kept(before), at=before.now)
    assert before.gauge("helios_recommended_replicas") == after.gauge("helios_recommended_replicas")
    assert after.gauge("helios_recommended_replicas", later=3 * 1800.0) is None


def test_a_state_fits_a_fleet_that_has_changed_meanwhile(lived: Run) -> None:
    """Those that are still there keep their past, those that came have none."""
    before = lived
    after = restarted(kept(before), (target("new"), TARGETS[2]), at=before.now)
    assert before.report("job").ledger == after.report("job").ledger
    summary = after.cycle()
    assert ({}, 2) == (summary.faults, summary.decided)
    assert ("history", "forecast") == (after.report("new").outcome, after.report("job").outcome)


def test_a_state_without_any_cycle_is_a_state() -> None:
    """Stored before the first cycle, or of an empty fleet."""
    after = restarted(kept(Run(MemorySource())), at=Run(MemorySource()).now)
    assert {} == after.cycle().faults
    empty = restarted(kept(Run(MemorySource(), [])), at=after.now)
    assert {} == empty.cycle().faults


def test_the_state_is_plain_arrays(lived: Run) -> None:
    """Named, without objects: it can be stored without pickle."""
    for name, array in kept(lived).items():
        assert array.dtype.kind in "fiub", name


DAMAGES = [
    pytest.param(lambda s: s.pop("about"), id="no table of contents"),
    pytest.param(lambda s: s.update(about=np.frombuffer(b"{nonsense", np.uint8)), id="a torn one"),
    pytest.param(lambda s: s.update(about=np.frombuffer(b"[]", np.uint8)), id="another one"),
    pytest.param(lambda s: s.pop("memory.at"), id="an array is missing"),
    pytest.param(lambda s: s.update({"memory.at": s["memory.at"][:, :5]}), id="an array is too narrow"),
    pytest.param(lambda s: s.update({"memory.at": s["memory.at"][:1]}), id="an array is too short"),
    pytest.param(
        lambda s: s.update({"ledger.buckets": s["ledger.buckets"][:, :, :2]}), id="a ledger of another kind"
    ),
    pytest.param(
        lambda s: s.update({"onsets.expected": s["onsets.expected"][None]}), id="an array is too deep"
    ),
    pytest.param(lambda s: s.update({"panel.values": s["panel.values"][:2]}), id="a panel with fewer rows"),
    pytest.param(
        lambda s: s.update({"panel.censored": s["panel.censored"][:, :2]}), id="a panel in two sizes"
    ),
    pytest.param(
        lambda s: s.update({"scores.curve": s["scores.curve"][:, :, :1]}), id="scores of another kind"
    ),
    pytest.param(lambda s: s.pop("trail.done"), id="no trail"),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_starts_cold(lived: Run, damage: Callable[[Arrays], object]) -> None:
    """The error says what is wrong; the scorer is as it was and runs as if there had been no state."""
    state = kept(lived)
    damage(state)
    after = Run(MemorySource())
    with pytest.raises(InvalidState, match="starting cold"):
        restore(after.scorer, state, lived.now)
    after.now = lived.now
    assert after.scorer.board.latest() is None
    assert {} == after.cycle().faults
    assert "history" == after.report().outcome


@pytest.mark.parametrize("pace", [Pace(1800.0, 900.0, 336, 48), Pace(1800.0, 3600.0, 336, 48)])
def test_a_state_of_another_step_is_refused(lived: Run, pace: Pace) -> None:
    """Its grid says nothing about this one's."""
    with pytest.raises(InvalidState, match="step of 1800 s"):
        restarted(kept(lived), pace=pace, at=lived.now)


@pytest.mark.parametrize("back", [2 * 1800.0, 86_400.0, 1e9])
def test_a_state_from_the_future_is_refused(lived: Run, back: float) -> None:
    """A clock that was set back, or a replay that began anew, starts cold, in words; half a step is no matter."""
    with pytest.raises(InvalidState, match="ahead of the present"):
        restarted(kept(lived), at=lived.now - 1800 - back)
    assert "forecast" == restarted(kept(lived), at=lived.now - 1800 - 900).report().outcome


def test_a_longer_memory_takes_a_shorter_one(lived: Run) -> None:
    """Another number of columns is no reason to start cold: the panel is taken, the rest of it is fetched."""
    after = restarted(kept(lived), pace=Pace(1800.0, 1800.0, 480, 96), at=lived.now)
    summary = after.cycle()
    assert {} == summary.faults
    assert 0 < summary.pending_points <= 6 * (480 - 336 + 8)
    assert "forecast" == after.report().outcome
