"""`helios evaluate anomaly`: what it prints where, what it writes, and how it ends."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner, Result

from helios.errors import HeliosError
from helios.evaluation.anomaly_commands import anomaly_command
from helios.evaluation.commands import evaluate
from tests.evaluation.labelled import by_size, marked, nab_folder, saved, series, spiked
from tests.processes.commands import ran

WEEK, HOUR = 168, 3600.0


def run(*arguments: str | Path) -> Result:
    """The command around a detector that is simple to predict."""
    app = typer.Typer()
    app.command()(anomaly_command(lambda: by_size))
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "140"})


def nab(folder: Path) -> Path:
    files = {"real/a.csv": spiked(100, 40, 80), "real/b.csv.gz": spiked(100)}
    return nab_folder(folder, files, {"real/a.csv": [(40, 49)], "gone/c.csv": [(1, 2)]})


def labelled(folder: Path, name: str = "web/a.csv") -> Path:
    series(folder / name, spiked(WEEK, 100), labels=marked(WEEK, (99, 101)), step=HOUR)
    return folder


def test_json_of_nabs_layout_has_three_profiles(tmp_path: Path) -> None:
    """One document on standard output and nothing else; what is absent is mentioned in it."""
    done = run(nab(tmp_path), "--json", "--threshold", "3")
    found = json.loads(done.stdout)
    assert (0, "") == (done.exit_code, done.stderr)
    assert ["standard", "reward_low_FP_rate", "reward_low_FN_rate"] == list(found["profiles"])
    assert [3.0, 2.5, 8.0] == [
        found["profiles"]["standard"][at]["threshold"] for at in ("given", "default", "optimal")
    ]
    assert (["gone/c.csv"], ["real/b.csv"]) == (found["absent"], found["without_labels"])


def test_json_of_labelled_files_has_groups(tmp_path: Path) -> None:
    """The figures at rates, each with its threshold, and at the default."""
    found = json.loads(run(labelled(tmp_path), "--json").stdout)
    group = found["groups"][0]
    assert ("labelled", "all", 1) == (found["layout"], group["name"], group["default"]["seen"])
    assert {"threshold": 8.0, "recall": 1.0}.items() <= group["at_false_alarms_per_week"]["1"].items()


def test_people_get_tables_of_nabs_rules(tmp_path: Path) -> None:
    """By file and by profile; what was left out is said."""
    done = run(nab(tmp_path))
    assert 0 == done.exit_code
    for said in ("real/a.csv", "reward_low_FP_rate", "labels without a file here: gone/c.csv", "real/b.csv"):
        assert said in done.stdout


def test_people_get_tables_of_events(tmp_path: Path) -> None:
    """By target, at rates, at the default and at what was asked for."""
    done = run(labelled(tmp_path), "--threshold", "3")
    assert 0 == done.exit_code
    for said in ("web/a.csv", "1 of 1", "false alarms per series and week", "at 3 sigmas", "1h"):
        assert said in done.stdout


def rows_of(file: Path) -> list[list[str]]:
    with file.open(newline="") as lines:
        return list(csv.reader(lines))


def test_scores_of_nabs_layout_are_those_of_alarms(tmp_path: Path) -> None:
    """The relative path is kept, unpacked; a row says its time and value as they were written."""
    assert 0 == run(nab(tmp_path / "nab"), "--scores", tmp_path / "out").exit_code
    rows = rows_of(tmp_path / "out" / "real" / "a.csv")
    assert ["timestamp", "value", "anomaly_score"] == rows[0]
    assert ["2026-01-05 03:20:00", "9", "8"] == rows[41]
    assert (tmp_path / "out" / "real" / "b.csv").is_file()


def test_scores_of_several_metrics_are_continuous(tmp_path: Path) -> None:
    """Of the judged rows, the first metric's value; an empty cell where nothing could be said."""
    saved(tmp_path / "in" / "x_train.csv", ["a,b", "1,1", "1,1"])
    saved(tmp_path / "in" / "x_test.csv", ["a,b,label", "0.50,7,0", ",7,0", "3,7,1"])
    assert 0 == run(tmp_path / "in", "--step", "1m", "--scores", tmp_path / "out").exit_code
    file = tmp_path / "out" / "x_test.csv"
    assert [["0", "0.50", "-0.5"], ["60", "", ""], ["120", "3", "2"]] == rows_of(file)[1:]
    assert 0 == run(tmp_path / "in", "--step", "1m", "--scores", tmp_path / "out", "--alarms").exit_code
    assert [["0", "0.50", "0"], ["60", "", "0"], ["120", "3", "2"]] == rows_of(file)[1:]


def test_a_file_without_figures_makes_the_exit_code_one(tmp_path: Path) -> None:
    """The others have theirs; the reason is on the error stream."""
    saved(tmp_path / "bad.csv", ["timestamp,value,label", "60,1,0", "120,much,0"])
    done = run(labelled(tmp_path), "--json")
    assert (1, 1) == (done.exit_code, len(json.loads(done.stdout)["series"]))
    assert "bad.csv: line 3, column value: 'much' is not a number" in done.stderr


def test_no_file_with_figures_makes_the_exit_code_two(tmp_path: Path) -> None:
    """There is nothing to show."""
    saved(tmp_path / "bad.csv", ["timestamp,value,label", "60,1,0", "120,much,0"])
    done = run(tmp_path)
    assert (2, "") == (done.exit_code, done.stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--threshold", "0"], "--threshold 0: give a number of sigmas above 0", id="threshold"),
        pytest.param(["--threshold", "nan"], "--threshold nan: give a number", id="no number"),
        pytest.param(["--step", "soon"], "--step 'soon': write a duration", id="step"),
        pytest.param(["--labels", "gone.json"], "gone.json: cannot be read", id="labels"),
        pytest.param(["--scores", "{file}"], "cannot be written", id="scores"),
    ],
)
def test_options_that_cannot_be_met_are_refused(tmp_path: Path, arguments: list[str], said: str) -> None:
    """By name, with the remedy; the command line makes them exit code 2."""
    file = saved(tmp_path / "file", ["not a folder"])
    done = run(labelled(tmp_path / "in"), *(one.format(file=file) for one in arguments))
    assert isinstance(done.exception, HeliosError)
    assert said in str(done.exception)


def test_every_option_is_documented() -> None:
    """docs/evaluation.md lists them, and no other."""
    command = get_command(evaluate).commands["anomaly"]  # type: ignore[attr-defined] # a group has commands
    options = [
        one.opts[0] for one in command.params if one.param_type_name == "option" and one.name != "help"
    ]
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()
    assert sorted(options) == sorted(re.findall(r"^- `(--\w+)", page, re.MULTILINE))


@pytest.mark.integration
def test_the_shipped_detector_is_judged_by_the_real_command(tmp_path: Path) -> None:
    """A week of noise with one clear spike in a window: found, one JSON document and nothing on the error stream."""
    values = [1 + 0.1 * (i * 7919 % 997) / 997 + (5 if i == 1800 else 0) for i in range(2016)]
    folder = nab_folder(tmp_path, {"a.csv": values}, {"a.csv": [(1790, 1830)]})
    done = ran(["evaluate", "anomaly", str(folder), "--json"])
    assert (0, "") == (done.returncode, done.stderr)
    assert 1 == json.loads(done.stdout)["profiles"]["standard"]["default"]["found"]


@pytest.mark.integration
def test_a_folder_that_is_not_there_makes_the_exit_code_two(tmp_path: Path) -> None:
    """One line says why."""
    done = ran(["evaluate", "anomaly", str(tmp_path / "gone")])
    assert (2, "") == (done.returncode, done.stdout)
    assert "there is no such file or folder: check the path" in done.stderr
