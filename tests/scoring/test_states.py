"""A stored memory given back: what was known before a restart is known after it, and damage starts cold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from scoring.errors import InvalidState
from scoring.reports import RolloutReport
from scoring.scorer import Pace
from scoring.states import decided, history, restore_decided, restore_history
from tests.scoring.builders import MemorySource, steady, target
from tests.scoring.test_scorer import PACE, TARGETS, Run

Arrays = dict[str, np.ndarray]


class Kept(NamedTuple):
    """A state as it would come back from a disk; None: that part did not."""

    decided: Arrays | None
    history: Arrays | None


def kept(run: Run) -> Kept:
    """Both parts, of the same cycle."""
    return Kept(
        {name: array.copy() for name, array in decided(run.scorer).items()},
        {name: array.copy() for name, array in history(run.scorer).items()},
    )


def only(state: Kept, part: str) -> Kept:
    """One part alone."""
    return Kept(state.decided, None) if part == "decided" else Kept(None, state.history)


def old() -> Run:
    """A loop that has run for half a day."""
    run = Run(MemorySource()).warm()
    run.cycle(24)
    return run


@pytest.fixture(scope="module")
def lived() -> Run:
    """Such a loop, to be stored from and not to be run on."""
    return old()


def restarted(state: Kept, targets: tuple[Any, ...] = TARGETS, pace: Pace = PACE, *, at: float) -> Run:
    """A new loop that took a stored state at a moment."""
    run = Run(MemorySource(), targets, pace=pace)
    run.now = at
    if state.history is not None:
        restore_history(run.scorer, state.history, at)
    if state.decided is not None:
        restore_decided(run.scorer, state.decided, at)
    return run


SINCE_FIVE = ("rollouts.", "scores.rollout", "scores.beside")
SINCE_FOUR = (
    *SINCE_FIVE,
    *("breaker.", "memory.reactive", "memory.alone", "memory.withdrawn", "memory.turned", "ledger.newest"),
    *(f"scores.{name}" for name in ("breaker", "losing", "turned", "versus", "least", "most", "alarming_")),
)


def format_four(state: Arrays) -> Arrays:
    """A state as it was before the ledger had a reactive path and there was a breaker."""
    about = json.loads(state["about"].tobytes())
    about = {k: v for k, v in about.items() if k != "breaker"} | {"format": 4}
    kept = {name: array for name, array in state.items() if not name.startswith(SINCE_FOUR)}
    if "ledger.buckets" in kept:
        kept |= {
            "ledger.buckets": kept["ledger.buckets"][:, :, :5],
            "ledger.asked": kept["ledger.asked"][:, :, 0],
        }
    kept |= {name: kept[name][:, :2] for name in ("scores.hours", "scores.short") if name in kept}
    return kept | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}


def format_five(state: Arrays) -> Arrays:
    """A state as it was before anything was rolled out."""
    about = json.loads(state["about"].tobytes()) | {"format": 5}
    kept = {name: array for name, array in state.items() if not name.startswith(SINCE_FIVE)}
    return kept | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}


def test_a_state_from_before_roll_outs_goes_on() -> None:
    """Everything but the roll-out is as it was, digit for digit, and that is known with the next cycle."""
    before = old()
    state = kept(before)
    assert state.decided is not None
    assert state.history is not None
    after = restarted(Kept(format_five(state.decided), format_five(state.history)), at=before.now)
    assert replace(before.report(), rollout=RolloutReport()) == after.report()
    assert after.gauge("helios_rollout_ratio") is None
    assert before.cycle() == after.cycle()
    for one in ("api", "web", "job"):
        assert before.report(one) == after.report(one)
    np.testing.assert_array_equal(before.scorer.breaker.buckets, after.scorer.breaker.buckets)
    np.testing.assert_array_equal(before.scorer.ledger.buckets, after.scorer.ledger.buckets)


def test_a_ledger_of_one_path_goes_on() -> None:
    """Whoever upgrades keeps its sums; of the reactive path nothing is said until the days that did not know it are gone."""
    before = old()
    state = kept(before)
    assert state.decided is not None
    assert state.history is not None
    after = restarted(Kept(format_four(state.decided), format_four(state.history)), at=before.now)
    then, now = before.report().ledger, after.report().ledger
    assert then.replica_hours_reactive is not None
    nothing = {"replica_hours_reactive": None, "short_minutes_reactive": None}
    assert now == replace(then, line=then.line.partition("; reactive")[0], **nothing)
    assert not after.scorer.breaker.opened.any()
    before.cycle(4)
    assert {} == after.cycle(4).faults
    one, other = before.report(), after.report()
    assert one.recommended_replicas == other.recommended_replicas
    assert other.ledger.replica_hours_reactive is None
    for name in ("replica_hours_actual", "replica_hours_recommended", "short_minutes_recommended"):
        assert getattr(other.ledger, name) > 0 or "short" in name
    after.cycle(8 * 48)
    assert after.report().ledger.replica_hours_reactive is not None


def test_a_restart_goes_on_where_it_was() -> None:
    """The next cycle says the same, digit for digit, as if there had been no restart."""
    before = old()
    after = restarted(kept(before), at=before.now)
    assert before.cycle() == after.cycle()
    for one in ("api", "web", "job"):
        assert before.report(one) == after.report(one)
    np.testing.assert_array_equal(before.scorer.trail.coverage(), after.scorer.trail.coverage())
    np.testing.assert_array_equal(before.scorer.memory.at, after.scorer.memory.at)
    np.testing.assert_array_equal(before.scorer.breaker.buckets, after.scorer.breaker.buckets)


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


def test_history_may_be_older_than_decisions() -> None:
    """What was decided since is known, what was observed since is read again, and the next decision is the same."""
    before = old()
    older = kept(before).history
    before.cycle(6)
    after = restarted(Kept(kept(before).decided, older), at=before.now)
    for one in ("api", "web", "job"):
        assert before.report(one) == after.report(one)
    before.cycle()
    assert {} == after.cycle().faults
    while after.scorer.stream.fill():
        pass
    for part in ("values", "censored"):
        np.testing.assert_array_equal(
            getattr(before.scorer.stream.panel(), part), getattr(after.scorer.stream.panel(), part)
        )
    for one in ("api", "web", "job"):
        then, now = before.report(one), after.report(one)
        # bias, coverage and whether memory is judged follow from the trail of the last cycles, which is lost
        assert then == replace(now, metrics=then.metrics, anomaly=then.anomaly)


def test_older_history_does_not_disturb_the_account_of_past_forecasts() -> None:
    """What was said in between is not known, and judges nothing; what was known of it stays."""
    before = old()
    older = kept(before).history
    before.cycle(6)
    after = restarted(Kept(kept(before).decided, older), at=before.now)
    slot = round(before.scorer.stream.panel().end / 1800.0)
    for run in (before, after):
        assert 0 < run.scorer.trail.coverage()[0] <= 1
    np.testing.assert_array_equal(before.scorer.trail.coverage(), after.scorer.trail.coverage())
    then, now = (run.scorer.trail.stretch(0, slice(0, 1), slot, 18).done[:, 0] for run in (before, after))
    np.testing.assert_array_equal(then[:12], now[:12])
    assert np.isnan(now[12:]).all()
    assert np.isfinite(then[12:]).all()


def test_a_restart_within_the_same_step_judges_nothing_twice() -> None:
    """However old the history is, what came in this step was compared with its forecast before the restart."""
    before = old()
    older = kept(before).history
    before.cycle(3)
    after = restarted(Kept(kept(before).decided, older), at=before.now - 1800.0)
    assert {} == after.cycle().faults
    np.testing.assert_array_equal(
        before.scorer.trail.arrays()["judged"], after.scorer.trail.arrays()["judged"]
    )


def test_history_may_be_newer_than_decisions() -> None:
    """Written in the midst of a cycle's end: the history keeps its own account."""
    before = old()
    earlier = kept(before).decided
    before.cycle(2)
    after = restarted(Kept(earlier, kept(before).history), at=before.now)
    np.testing.assert_array_equal(before.scorer.trail.coverage(), after.scorer.trail.coverage())
    assert {} == after.cycle().faults
    assert "forecast" == after.report().outcome


def test_decisions_alone_are_enough_to_publish(lived: Run) -> None:
    """Without a history the last numbers are served, and the ledger and the account of forecasts go on."""
    after = restarted(Kept(kept(lived).decided, None), at=lived.now)
    assert lived.report() == after.report()
    np.testing.assert_array_equal(lived.scorer.trail.coverage(), after.scorer.trail.coverage())
    summary = after.cycle()
    assert {} == summary.faults
    assert summary.pending_points > 0
    assert "history" == after.report().outcome
    while after.scorer.stream.fill():
        pass
    after.cycle()
    assert "forecast" == after.report().outcome


def test_history_alone_is_enough_to_forecast(lived: Run) -> None:
    """Without decisions nothing is served before the first cycle, which forecasts; the ledger begins anew."""
    after = restarted(Kept(None, kept(lived).history), at=lived.now)
    assert after.scorer.board.latest() is None
    summary = after.cycle()
    assert ({}, 0) == (summary.faults, summary.pending_points)
    assert "forecast" == after.report().outcome
    assert 0 == after.scorer.ledger.buckets.sum()


def learned(run: Run) -> dict[str, np.ndarray]:
    """What the detector remembers, by path, as it is stored."""
    return {name: array.copy() for name, array in history(run.scorer).items() if name.startswith("detector.")}


def test_what_the_detector_has_learned_survives_a_restart() -> None:
    """Scores, states and alarms go on, digit for digit; nothing is calibrated anew."""
    before = old()
    after = restarted(kept(before), at=before.now)
    stored = learned(before)
    assert "detector.count" in stored
    for name, array in learned(after).items():
        np.testing.assert_array_equal(stored[name], array, err_msg=name)
    before.source.demand = after.source.demand = lambda name, at: 9.0 * steady(name, at)
    for _ in range(3):
        before.cycle()
        after.cycle()
        one, other = before.scorer.detection.state, after.scorer.detection.state
        for f in fields(one):
            np.testing.assert_array_equal(getattr(one, f.name), getattr(other, f.name), err_msg=f.name)
    assert one.alarms.all()


def test_what_the_detector_has_learned_follows_its_series(lived: Run) -> None:
    """In a fleet that has changed, each keeps its own, and who came has none."""
    stored = learned(lived)
    after = restarted(kept(lived), (target("new"), TARGETS[2]), at=lived.now)
    for name, array in learned(after).items():
        np.testing.assert_array_equal(stored[name][4:6], array[2:4], err_msg=name)
    assert [0, 0] == learned(after)["detector.count"][:2].tolist()


DETECTOR = [
    pytest.param(lambda s: s.pop("detector.count"), id="an array is missing"),
    pytest.param(lambda s: s.update({"detector.slot": s["detector.slot"][:2]}), id="an array is too short"),
    pytest.param(
        lambda s: s.update({"detector.tails.weight": s["detector.tails.weight"][..., :5]}),
        id="an array is too narrow",
    ),
    pytest.param(lambda s: s.update({"detector.levels.centre": np.zeros(3)}), id="an array is too flat"),
    pytest.param(lambda s: [s.pop(name) for name in [*s] if name.startswith("detector.")], id="none"),
]


@pytest.mark.parametrize("damage", DETECTOR)
def test_a_damaged_memory_of_the_detector_costs_only_itself(
    lived: Run, damage: Callable[[Arrays], object]
) -> None:
    """The panel is walked through again: the next cycle has scores, and all else is as it was."""
    state = kept(lived)
    assert state.history is not None
    damage(state.history)
    after = restarted(state, at=lived.now)
    assert lived.report() == after.report()
    assert not after.scorer.detection.memory.count.any()
    assert {} == after.cycle().faults
    assert "forecast" == after.report().outcome
    assert np.isfinite(after.scorer.detection.state.score).all()
    assert (after.scorer.detection.memory.count > 300).all()


def test_the_state_is_plain_arrays(lived: Run) -> None:
    """Named, without objects: it can be stored without pickle."""
    for part in kept(lived):
        assert part is not None
        assert {"f", "i", "u", "b"} >= {array.dtype.kind for array in part.values()}


def test_what_is_stored_after_every_cycle_is_small(lived: Run) -> None:
    """It does not grow with the columns that are remembered."""
    own, other = (
        {name: array.shape for name, array in decided(run.scorer).items() if name != "about"}
        for run in (lived, Run(MemorySource(), pace=Pace(1800.0, 1800.0, 672, 96)).warm())
    )
    assert own == other


ABOUTS = [
    pytest.param(lambda s: s.pop("about"), id="no table of contents"),
    pytest.param(lambda s: s.update(about=np.frombuffer(b"{nonsense", np.uint8)), id="a torn one"),
    pytest.param(lambda s: s.update(about=np.frombuffer(b"[]", np.uint8)), id="another one"),
    pytest.param(
        lambda s: s.update(about=np.frombuffer(b'{"format": 1, "step": 1800.0}', np.uint8)),
        id="another format",
    ),
    pytest.param(lambda s: s.pop("trail.judged"), id="no account"),
]
DECIDED = [
    *ABOUTS,
    pytest.param(lambda s: s.pop("memory.at"), id="an array is missing"),
    pytest.param(lambda s: s.update({"memory.at": s["memory.at"][:, :5]}), id="an array is too narrow"),
    pytest.param(lambda s: s.update({"memory.at": s["memory.at"][:1]}), id="an array is too short"),
    pytest.param(
        lambda s: s.update({"ledger.buckets": s["ledger.buckets"][:, :, :2]}), id="a ledger of another kind"
    ),
    pytest.param(lambda s: s.pop("breaker.opened"), id="no breaker"),
    pytest.param(
        lambda s: s.update({"breaker.then": s["breaker.then"][:, :3]}), id="a breaker of another kind"
    ),
    pytest.param(lambda s: s.pop("rollouts.steps"), id="no roll-outs"),
    pytest.param(
        lambda s: s.update({"rollouts.stage": s["rollouts.stage"][:, :2]}), id="roll-outs of another kind"
    ),
    pytest.param(
        lambda s: s.update({"onsets.expected": s["onsets.expected"][None]}), id="an array is too deep"
    ),
    pytest.param(
        lambda s: s.update({"scores.curve": s["scores.curve"][:, :, :1]}), id="scores of another kind"
    ),
    pytest.param(
        lambda s: s.update({"trail.judged": s["trail.judged"][:, :2]}), id="an account of another kind"
    ),
]
HISTORY = [
    *ABOUTS,
    pytest.param(lambda s: s.update({"panel.values": s["panel.values"][:2]}), id="a panel with fewer rows"),
    pytest.param(lambda s: s.update({"panel.values": s["panel.values"][0]}), id="a panel of one row"),
    pytest.param(
        lambda s: s.update({"panel.censored": s["panel.censored"][:, :2]}), id="a panel in two sizes"
    ),
    pytest.param(lambda s: s.pop("trail.done"), id="no trail"),
]


@pytest.mark.parametrize("damage", DECIDED)
def test_damaged_decisions_cost_the_decisions(lived: Run, damage: Callable[[Arrays], object]) -> None:
    """The error says what is wrong; the scorer is as it was, with the history that was not damaged."""
    state = kept(lived)
    assert state.decided is not None
    damage(state.decided)
    after = restarted(Kept(None, state.history), at=lived.now)
    with pytest.raises(InvalidState, match="starting cold"):
        restore_decided(after.scorer, state.decided, lived.now)
    assert after.scorer.board.latest() is None
    assert {} == after.cycle().faults
    assert "forecast" == after.report().outcome


@pytest.mark.parametrize("damage", HISTORY)
def test_a_damaged_history_costs_the_history(lived: Run, damage: Callable[[Arrays], object]) -> None:
    """The error says what is wrong; the scorer is as it was, and takes the decisions that were not damaged."""
    state = kept(lived)
    assert state.history is not None
    damage(state.history)
    after = Run(MemorySource())
    with pytest.raises(InvalidState, match="starting cold"):
        restore_history(after.scorer, state.history, lived.now)
    assert state.decided is not None
    restore_decided(after.scorer, state.decided, lived.now)
    after.now = lived.now
    assert lived.report() == after.report()
    assert {} == after.cycle().faults
    assert "history" == after.report().outcome


@pytest.mark.parametrize("part", ["decided", "history"])
@pytest.mark.parametrize("pace", [Pace(1800.0, 900.0, 336, 48), Pace(1800.0, 3600.0, 336, 48)])
def test_a_state_of_another_step_is_refused(lived: Run, pace: Pace, part: str) -> None:
    """Its grid says nothing about this one's."""
    with pytest.raises(InvalidState, match="step of 1800 s"):
        restarted(only(kept(lived), part), pace=pace, at=lived.now)


@pytest.mark.parametrize("part", ["decided", "history"])
@pytest.mark.parametrize("back", [2 * 1800.0, 86_400.0, 1e9])
def test_a_state_from_the_future_is_refused(lived: Run, back: float, part: str) -> None:
    """A clock that was set back, or a replay that began anew, starts cold, in words; half a step is no matter."""
    with pytest.raises(InvalidState, match="ahead of the present"):
        restarted(only(kept(lived), part), at=lived.now - 1800 - back)
    assert "forecast" == restarted(kept(lived), at=lived.now - 1800 - 900).report().outcome


def test_a_longer_memory_takes_a_shorter_one(lived: Run) -> None:
    """Another number of columns is no reason to start cold: the panel is taken, the rest of it is fetched."""
    after = restarted(kept(lived), pace=Pace(1800.0, 1800.0, 480, 96), at=lived.now)
    summary = after.cycle()
    assert {} == summary.faults
    assert 0 < summary.pending_points <= 6 * (480 - 336 + 8)
    assert "forecast" == after.report().outcome


def test_a_new_horizon_of_one_target_costs_nobody_a_warm_start(lived: Run) -> None:
    """What was said for the horizons that stay is published at once, the new one follows with the next cycle."""
    wider = (replace(TARGETS[0], horizons=(*TARGETS[0].horizons, 7200)), *TARGETS[1:])
    after = restarted(kept(lived), wider, at=lived.now)
    for one in ("api", "web"):
        assert lived.gauge("helios_recommended_replicas", one) == after.gauge(
            "helios_recommended_replicas", one
        )
    assert None is after.gauge("helios_predicted_cpu", "api", horizon="2h")
    after.cycle()
    assert None is not after.gauge("helios_predicted_cpu", "api", horizon="2h")


def test_another_kind_of_the_same_name_inherits_nothing(lived: Run) -> None:
    """Its numbers were those of other pods."""
    other = (replace(TARGETS[0], kind="StatefulSet"), *TARGETS[1:])
    after = restarted(kept(lived), other, at=lived.now)
    assert None is after.gauge("helios_recommended_replicas", TARGETS[0].deployment)
