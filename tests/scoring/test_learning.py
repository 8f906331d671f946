"""What a forecaster learns from cycle to cycle, and that nothing but its own failure costs it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from scoring.errors import InvalidState
from scoring.forecasting.assortments import Assortment
from scoring.forecasting.auto import Auto
from scoring.forecasting.forecasts import Forecaster
from scoring.forecasting.learned import Models
from scoring.forecasting.networks import shapes
from scoring.forecasting.selection import PERSISTENCE, REGRESSION
from scoring.scorer import Pace
from scoring.states import decided, history, restore_decided, restore_history
from tests.scoring.builders import MemorySource, target
from tests.scoring.forecasters import Counted, Counting, Mood, Seasonal
from tests.scoring.test_scorer import PACE, TARGETS, Run
from tests.scoring.test_states import format_four


def counting(mood: Mood | None = None, *, pace: Pace = PACE) -> Run:
    """A run with a forecaster that counts its panels."""
    return Run(MemorySource(), forecaster=Counting(mood=mood or Mood()), pace=pace)


def seen(run: Run) -> list[int]:
    """How often each row was seen, by the forecaster's own account."""
    fitted = run.scorer.fitted
    assert isinstance(fitted, Counted)
    return [int(count) for count in fitted.seen]


def test_a_forecaster_learns_once_per_cycle() -> None:
    """It is fitted in the first, and follows in every other."""
    mood = Mood()
    run = counting(mood)
    assert run.scorer.fitted is None
    run.cycle(4)
    assert [4] * 6 == seen(run)
    assert ["fit", "forecast", *["after", "forecast"] * 3] == mood.calls


def test_within_one_grid_step_there_is_nothing_to_learn() -> None:
    """Scoring more often than the grid counts no panel twice."""
    run = counting(pace=Pace(interval=600.0, step=1800.0, columns=336))
    run.cycle(9)
    assert [3] * 6 == seen(run)


def test_history_that_arrives_within_a_step_is_learned_from_at_once() -> None:
    """The cycle that follows a back-fill does not wait for the grid to move on."""
    mood = Mood()
    run = counting(mood, pace=Pace(interval=60.0, step=1800.0, columns=336)).warm()
    assert ["fit", "forecast", "after", "forecast"] == mood.calls
    run.cycle(5)
    assert 1 == mood.calls.count("after")


@pytest.mark.parametrize("call", ["after", "forecast"])
def test_a_cycle_that_fails_goes_on_from_the_last_good_one(call: str) -> None:
    """The cycle is reactive and says why; nothing that was learned before is lost, nor counted twice."""
    mood = Mood()
    run = counting(mood)
    run.cycle(3)
    mood.raises[call] = ZeroDivisionError("of no use")
    assert {"forecast": "ZeroDivisionError: of no use"} == run.cycle(2).faults
    assert "reactive" == run.report().model
    assert [3] * 6 == seen(run)
    mood.raises.clear()
    assert {} == run.cycle().faults
    assert [4] * 6 == seen(run)


def test_what_was_learned_follows_the_fleet() -> None:
    """Of those that stay, in whatever order; who comes begins anew."""
    run = counting()
    run.cycle(3)
    run.scorer.follow([target("new"), TARGETS[2], TARGETS[0]])
    assert [0, 0, 3, 3, 3, 3] == seen(run)
    run.cycle()
    assert [1, 1, 4, 4, 4, 4] == seen(run)


def test_a_fleet_is_as_it_was_if_the_forecaster_cannot_follow() -> None:
    """Half a change would be worse than none."""
    mood = Mood()
    run = counting(mood)
    run.cycle()
    mood.raises["for_rows"] = IndexError("of no use")
    with pytest.raises(IndexError):
        run.scorer.follow([target("new")])
    assert TARGETS == run.scorer.fleet.targets
    assert {} == run.cycle().faults


def test_a_clock_that_was_set_back_forgets_nothing() -> None:
    """It learns on from there."""
    run = counting()
    run.cycle(5)
    run.now -= 3 * 1800
    run.cycle()
    assert [5] * 6 == seen(run)
    run.cycle()
    assert [6] * 6 == seen(run)


def mixed(mood: Mood | None = None) -> Run:
    """A run in which one target asks for another forecaster than the others."""
    forecasters: dict[str, Forecaster] = {
        "auto": Seasonal(),
        "counting": Counting(expert="count", mood=mood or Mood()),
    }
    wishes = (target("api", max_replicas=50), target("web", max_replicas=50, model="counting"))
    return Run(MemorySource(), wishes, forecaster=Assortment(forecasters)).warm()


def test_each_target_is_forecast_by_the_model_it_names() -> None:
    """And its report says so, with who was chosen, and what that is worth."""
    run = mixed()
    api, web = run.report("api"), run.report("web")
    assert ("auto", "counting", "forecast", "forecast") == (api.model, web.model, api.outcome, web.outcome)
    assert ["seasonal", "seasonal"] == [h.expert for h in api.metrics[0].horizons]
    assert [("count", 0.25), ("count", 0.25)] == [(h.expert, h.skill) for h in web.metrics[0].horizons]
    assert "count at 5m and 30m: 25 % better than persistence lately" == web.metrics[0].why
    assert 0.25 == run.gauge("helios_forecast_horizon_skill", "web", metric="cpu", horizon="30m")


def test_a_forecaster_that_fails_costs_its_own_targets_alone() -> None:
    """They are decided reactively, and the cycle says which forecaster and why."""
    mood = Mood()
    run = mixed(mood)
    mood.raises["after"] = ValueError("no convergence")
    summary = run.cycle()
    assert {"forecast": "counting: ValueError: no convergence"} == summary.faults
    assert (2, "forecast", "no-forecast") == (
        summary.decided,
        run.report("api").outcome,
        run.report("web").outcome,
    )
    assert "no forecast in the last cycle" == run.report("web").metrics[0].why
    mood.raises.clear()
    assert {} == run.cycle().faults
    assert "forecast" == run.report("web").outcome


def test_who_was_chosen_outlives_a_cycle_without_samples() -> None:
    """A target that was not scored keeps what was said of it, whoever forecasts the others meanwhile."""
    run = mixed()
    before = run.report("web")
    run.source.silent.add("web")
    run.cycle(2)
    assert before.metrics[0].why == run.report("web").metrics[0].why
    assert "seasonal" == run.report("api").metrics[0].horizons[0].expert


def arrays(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was decided, and the history, as they would come back from a disk."""
    return (
        {name: array.copy() for name, array in decided(run.scorer).items()},
        {name: array.copy() for name, array in history(run.scorer).items()},
    )


def restarted(run: Run, forecaster: Forecaster, *, history_alone: bool = False, **damage: Any) -> Run:
    """A new loop with a forecaster that took the memory of the old one."""
    after = Run(MemorySource(), run.scorer.fleet.targets, forecaster=forecaster)
    after.now = run.now
    decisions, past = arrays(run)
    past = {name: array for name, array in {**past, **damage}.items() if array is not None}
    restore_history(after.scorer, past, after.now)
    if not history_alone:
        restore_decided(after.scorer, decisions, after.now)
    return after


def test_a_restart_goes_on_learning() -> None:
    """What was learned is stored with the history."""
    run = counting().warm()
    run.cycle(4)
    after = restarted(run, Counting())
    assert [6] * 6 == seen(after)
    assert {} == after.cycle().faults
    assert [7] * 6 == seen(after)
    assert run.report().metrics[0].why == after.report().metrics[0].why


def test_auto_goes_on_learning_after_a_restart() -> None:
    """Bit for bit, and the cycle after it is as good as any."""
    random = np.random.default_rng(0)
    weights = {n: random.normal(0, 0.05, s).astype(np.float32) for n, s in shapes((8, 8, 8, 8)).items()}
    auto = Assortment({"auto": Auto(Models(weights))})
    run = Run(MemorySource(), forecaster=auto, pace=Pace(columns=600)).warm()
    run.cycle(3)
    after = Run(MemorySource(), forecaster=auto, pace=Pace(columns=600))
    after.now = run.now
    restore_history(after.scorer, arrays(run)[1], after.now)
    before, now = run.scorer.fitted, after.scorer.fitted
    assert before is not None
    assert now is not None
    for name, array in before.arrays().items():
        np.testing.assert_array_equal(array, now.arrays()[name])
    assert {} == after.cycle().faults
    assert {h.expert for h in after.report().metrics[0].horizons} <= {PERSISTENCE, "network", REGRESSION}


def test_a_restart_within_the_same_step_learns_nothing_twice() -> None:
    """The stored memory knows up to when it is."""
    run = counting().warm()
    after = restarted(run, Counting())
    after.now -= PACE.interval
    after.cycle()
    assert [2] * 6 == seen(after)


def test_another_forecaster_learns_anew_and_the_rest_is_kept() -> None:
    """Panel, ledger and board do not depend on who forecasts."""
    run = counting().warm()
    after = restarted(run, Assortment({"auto": Counting("auto")}))
    assert after.scorer.fitted is None
    assert run.report() == after.report()
    assert (0, {}) == (after.cycle().pending_points, after.cycle().faults)
    assert "forecast" == after.report().outcome


DAMAGES = {
    "missing": {"learned.seen": None},
    "of other rows": {"learned.seen": np.zeros(2, np.int32)},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_memory_costs_the_learning_alone(damage: dict[str, Any]) -> None:
    """The forecaster says that it cannot take it, or there is nothing to take."""
    after = restarted(counting().warm(), Counting(), **damage)
    assert after.scorer.fitted is None
    assert (0, {}) == (after.cycle().pending_points, after.scorer.cycle(after.now).faults)


def test_a_forecaster_that_fails_on_its_memory_learns_anew() -> None:
    """Whatever it raises, the history is taken."""
    after = restarted(counting().warm(), Counting(mood=Mood({"restored": KeyError("seen")})))
    assert after.scorer.fitted is None
    assert 0 == after.cycle().pending_points


def older(state: dict[str, Any], *without: str) -> dict[str, Any]:
    """A state as format 2 had it."""
    state = format_four(state)
    about = json.loads(state["about"].tobytes())
    about = {k: v for k, v in about.items() if k not in {"learned", "experts"}} | {"format": 2}
    kept = {name: array for name, array in state.items() if name not in without}
    return kept | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}


def test_the_memory_of_an_older_version_is_taken() -> None:
    """Whoever upgrades keeps panel, ledger and hold-down; what was not known then is learned."""
    run = Run(MemorySource()).warm()
    run.cycle(3)
    decisions, past = arrays(run)
    after = Run(MemorySource())
    after.now = run.now
    restore_history(after.scorer, older(past, "panel.masked"), after.now)
    restore_decided(
        after.scorer, older(decisions, "scores.skill", "scores.chosen", "scores.needed"), after.now
    )
    then, now = run.report().ledger, after.report().ledger
    assert then.seconds == now.seconds > 0
    assert then.replica_hours_recommended == now.replica_hours_recommended > 0
    assert [None, None] == [h.expert for h in after.report().metrics[0].horizons]
    assert (0, {}) == (after.cycle().pending_points, after.scorer.cycle(after.now).faults)
    assert "seasonal" == after.report().metrics[0].horizons[0].expert


def test_what_was_no_ordinary_time_is_remembered() -> None:
    """A masked stretch is still masked after a restart."""
    run = counting().warm()
    run.scorer.stream.mark(np.array([True] + [False] * 5))
    after = restarted(run, Counting(), history_alone=True)
    np.testing.assert_array_equal(run.scorer.stream.panel().masked, after.scorer.stream.panel().masked)
    assert 1 == after.scorer.stream.panel().masked.sum()


def test_a_mask_of_another_size_costs_the_history() -> None:
    """It is damaged, and is said to be."""
    run = counting().warm()
    damage: dict[str, Any] = {"panel.masked": np.zeros((2, 42), np.uint8)}
    with pytest.raises(InvalidState, match="starting cold"):
        restarted(run, Counting(), **damage)
