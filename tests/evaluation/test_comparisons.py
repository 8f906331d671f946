"""Comparisons of forecasters over files: what is told of each, and that one file's fault is its own."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from rich.console import Console

from helios.errors import HeliosError, SettingsError
from helios.evaluation.commands import plan_of
from helios.evaluation.comparisons import Bench, Plan, Result, compare
from helios.evaluation.documents import document, label
from helios.evaluation.recordings import read_recording
from helios.evaluation.tables import fleet_table, summary_table
from scoring.evaluation.backtests import Split
from scoring.forecasting.forecasts import Ask, Forecast, Forecaster
from scoring.forecasting.learned import Models
from scoring.panels import Panel
from tests.evaluation.builders import Shifted, ticking
from tests.evaluation.files import recorded, rows
from tests.scoring.builders import NAN, daily

PLAN = Plan(models=("last", "high"), horizons=(300.0, 1800.0))
TRAINED = Models({"weights": np.ones(1, np.float32)})


class Failing(Shifted):
    """A plug-in with a fault."""

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        raise ZeroDivisionError("it divides by zero")


def build(name: str, models: Models) -> Forecaster:
    """Forecasters by name: the last value, one that is better where something was trained, one that fails."""
    known: dict[str, Forecaster] = {
        "last": Shifted(width=1.0, name="last"),
        "high": Shifted(by=0.0 if models.network else 5.0, width=1.0, name="high"),
        "silent": Shifted(unknown=(0, 1), name="silent"),
        "failing": Failing(name="failing"),
    }
    if name not in known:
        raise HeliosError(f"no forecaster {name!r} is installed")
    return known[name]


class Trainer:
    """Remembers what it was given to train on."""

    def __init__(self) -> None:
        self.panels: list[Panel] = []

    def __call__(
        self, panels: Sequence[Panel], *, base: Models | None, progress: Callable[[str, float], None]
    ) -> Models:
        self.panels.extend(panels)
        progress("network", 1.0)
        return TRAINED


def bench(*sources: str, train: Trainer | None = None) -> Bench:
    return Bench(Models.none(), frozenset(sources), build, ticking(0.01), train or Trainer())


def fleet(folder: Path, *, name: str = "fleet.csv", days: float = 3) -> Path:
    return recorded(folder, rows(daily(2, days=days)), name=name)


def printed(*tables: object) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    for table in tables:
        console.print(table)
    return console.export_text()


def test_every_forecaster_is_compared_on_every_file(tmp_path: Path) -> None:
    """The last value is persistence itself; one that is always 5 too high is much worse."""
    results, faults = compare([fleet(tmp_path), fleet(tmp_path, name="other.csv")], PLAN, bench())
    assert {} == faults
    assert ["fleet", "other"] == [result.recording.name for result in results]
    for result in results:
        np.testing.assert_allclose(1.0, result.scores["last"].relative_mae)
        assert (result.scores["high"].relative_mae > 2).all()
        assert (1, 6) == result.scores["last"].steps == result.scores["last"].peaks


def test_a_file_that_cannot_be_read_costs_the_others_nothing(tmp_path: Path) -> None:
    """It is named, with the reason."""
    short = fleet(tmp_path, name="short.csv", days=0.5)
    results, faults = compare([short, fleet(tmp_path)], PLAN, bench())
    assert ["fleet"] == [result.recording.name for result in results]
    assert [short] == list(faults)
    assert "at least 2" in faults[short]


def test_a_forecaster_that_fails_costs_the_others_nothing(tmp_path: Path) -> None:
    """It is named, in its own words, in table and document."""
    plan = replace(PLAN, models=("last", "failing"))
    results, faults = compare([fleet(tmp_path)], plan, bench())
    why = "ZeroDivisionError: it divides by zero"
    assert {"failing": why} == results[0].faults
    assert {"failing": why} == document(results, faults, plan, None)["fleets"][0]["errors"]
    assert f"failing failed: {why}" in printed(fleet_table(results[0]))
    assert ["last"] == list(results[0].scores)


def test_an_unknown_forecaster_is_told_before_anything_is_walked(tmp_path: Path) -> None:
    """It is wrong for every file."""
    with pytest.raises(HeliosError, match="no forecaster 'nobody'"):
        compare([fleet(tmp_path)], replace(PLAN, models=("last", "nobody")), bench())


def test_training_sees_nothing_that_is_warmed_or_judged_on(tmp_path: Path) -> None:
    """Only what comes before both, and the forecasters are built from what was learned."""
    file, trainer = fleet(tmp_path, days=10), Trainer()
    results, _ = compare([file], replace(PLAN, train=True), bench(train=trainer))
    split = Split.of(2880)
    whole = read_recording(file, 300.0).panel
    np.testing.assert_array_equal(whole.values[:, : split.begin], trainer.panels[0].values)
    np.testing.assert_allclose(1.0, results[0].scores["high"].relative_mae)
    assert results[0].trained


def test_too_short_a_past_to_train_on_is_refused(tmp_path: Path) -> None:
    """Of two days and a half less than a day comes before what is warmed and judged on."""
    short = fleet(tmp_path, days=2.5)
    _, faults = compare([short], replace(PLAN, train=True), bench())
    assert "21.0 h come before" in faults[short]


def test_a_horizon_longer_than_what_counts_is_refused(tmp_path: Path) -> None:
    """No target would ever come."""
    file = fleet(tmp_path, days=2)
    _, faults = compare([file], replace(PLAN, horizons=(86_400.0,)), bench())
    assert "a larger --share or a shorter horizon" in faults[file]


@pytest.mark.parametrize("seen", [True, False], ids=["trained on", "never seen"])
def test_a_file_that_the_models_were_trained_on_is_said_plainly(tmp_path: Path, seen: bool) -> None:
    """In the table, in the summary and in the document, whose second summary leaves it out."""
    file = fleet(tmp_path)
    sources = [read_recording(file, 300.0).sha256] if seen else []
    results, faults = compare([file], PLAN, bench(*sources))
    found = document(results, faults, PLAN, {"name": "fleet"})
    assert seen is found["fleets"][0]["seen_in_training"]
    assert seen is ("were trained on this file" in printed(fleet_table(results[0])))
    assert seen is ("trained on 1 of the 1 files" in printed(summary_table(results, PLAN)))
    assert ([] if seen else ["last", "high"]) == list(found["summary_unseen"])


def compared(folder: Path, *models: str) -> list[Result]:
    """Two fleets, the second with a series that was not observed where it counts."""
    values = daily(2, days=3)
    values[1, 500:] = NAN
    files = [fleet(folder), recorded(folder, rows(values), name="gappy.csv")]
    return compare(files, replace(PLAN, models=models), bench())[0]


def test_the_document_is_json_with_a_null_for_what_is_not_known(tmp_path: Path) -> None:
    """Every figure by model and horizon, medians and worst deciles, persistence beside them."""
    results = compared(tmp_path, "last", "high")
    found = orjson.loads(orjson.dumps(document(results, {Path("x.csv"): "why"}, PLAN, None)))
    first = found["fleets"][0]["models"]
    assert ["last", "high", "persistence"] == list(first)
    assert ["5m", "30m"] == list(first["last"]["horizons"]) == list(first["last"]["exceedance"])
    assert {"median": 1.0, "worst": 1.0} == first["persistence"]["horizons"]["5m"]["relative_mae"]
    assert {"median": None, "worst": None} == first["persistence"]["horizons"]["5m"]["coverage"]
    assert [{"file": "x.csv", "error": "why"}] == found["errors"]
    over = found["summary"]["high"]
    medians = [
        fleet["models"]["high"]["horizons"]["30m"]["relative_mae"]["median"] for fleet in found["fleets"]
    ]
    assert 2 == over["fleets"]
    assert pytest.approx(np.mean(medians)) == over["horizons"]["30m"]["relative_mae"]["mean"]
    assert (min(medians), max(medians)) == tuple(
        over["horizons"]["30m"]["relative_mae"][end] for end in ("lowest", "highest")
    )
    assert pytest.approx(100.0) == first["last"]["series_per_second"]  # two series, two looks of 10 ms


def test_the_table_has_a_row_for_each_model_and_horizon(tmp_path: Path) -> None:
    """Medians, and the worst decile behind them; what a forecaster left out stands there."""
    results = compared(tmp_path, "last", "silent")
    text = printed(fleet_table(results[0]), summary_table(results, replace(PLAN, models=("last", "silent"))))
    lines = [line.split() for line in text.splitlines()]
    assert ["last", "5m", "1.00", "(1.00)"] in [line[:4] for line in lines]
    assert ["30m", "1.00", "(1.00)"] in [line[:3] for line in lines]
    assert "silent had no forecast for 100.0% of the points; the last value stood in" in text
    assert "over 2 fleets" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"models": " , "}, "--models ' , ': name at least one", id="no model"),
        pytest.param(
            {"horizons": "7m"}, "--horizons '7m': each must be a multiple of --step 5m", id="between steps"
        ),
        pytest.param({"horizons": "25h"}, "at most a day", id="beyond a day"),
        pytest.param({"horizons": "soon"}, "--horizons 'soon': write a duration such as", id="no duration"),
        pytest.param({"horizons": ","}, "--horizons ',': name at least one", id="no horizon"),
        pytest.param({"step": "0s"}, "--step '0s': write a duration", id="no step"),
        pytest.param({"step": "2h"}, "--step '2h': give a duration from 1s to 1h", id="too long a step"),
    ],
)
def test_an_option_that_cannot_be_met_is_named_with_its_value(options: dict[str, str], said: str) -> None:
    """Before any file is read."""
    asked = {"models": "auto", "horizons": "5m", "step": "5m"} | options
    with pytest.raises(SettingsError, match=said):
        plan_of(asked["models"], asked["horizons"], 0.3, asked["step"], train=False, series=None)


def test_training_on_another_grid_is_refused() -> None:
    """The learned models know one."""
    with pytest.raises(SettingsError, match="--step '60s': models are trained on a grid of 5m only"):
        plan_of("auto", "5m", 0.3, "60s", train=True, series=None)


def test_a_fleet_that_cannot_be_trained_on_costs_the_others_nothing(tmp_path: Path) -> None:
    """It is named, in the trainer's words."""

    def refuse(panels: Sequence[Panel], **_: object) -> Models:
        raise ValueError("there is nothing to learn from")

    file = fleet(tmp_path, days=4)
    _, faults = compare([file], replace(PLAN, train=True), replace(bench(), train=refuse))
    assert {file: f"{file}: cannot be trained on: there is nothing to learn from"} == faults


def test_options_are_put_in_order_and_doubles_left_out() -> None:
    """Models as they were named, horizons by length."""
    plan = plan_of("b, a,b", "1h,5m,300s", 0.3, "60s", train=False, series=None)
    assert (("b", "a"), (300.0, 3600.0), (5, 60)) == (plan.models, plan.horizons, plan.steps)
    assert ["5m", "1h", "90s"] == [label(seconds) for seconds in (300, 3600, 90)]
