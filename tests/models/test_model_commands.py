"""`helios models` and `helios train` as a user calls them: what is printed, for people and for scripts, and how they end."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from helios.cli import app
from helios.errors import HeliosError, ModelError, SettingsError, TraceError
from tests.models.builders import SOURCE, flip, put, put_fleet, tiny_booster
from tests.models.test_trainings import waves, write_trace
from tests.processes.commands import ran
from tests.scoring.snapshots import KNOWN, service


def called(*arguments: str | Path, path: Path | None = None) -> Result:
    """Call the command line in a wide terminal."""
    environment = {"COLUMNS": "220", "HELIOS_MODEL_PATH": str(path) if path else None}
    return CliRunner().invoke(app, [str(one) for one in arguments], env=environment)


def test_every_version_is_listed_with_its_state(tmp_path: Path) -> None:
    """Own and bundled, newest first, and which of them a process would use."""
    put_fleet(tmp_path, "1.9.0")
    put_fleet(tmp_path, "1.10.0")
    done = called("models", "list", "--json", path=tmp_path)
    listed = [m for m in json.loads(done.stdout)["models"] if m["source"] != "bundled" or m["in_force"]]
    assert 0 == done.exit_code
    assert [
        ("baseline", "1.0.0", True, "helios-reference/1"),
        ("expectations", "1.0.0", True, "helios-expectations/1"),
        ("fleet", "1.10.0", True, "helios-forecaster/1"),
        ("fleet", "1.9.0", False, "helios-forecaster/1"),
    ] == [(m["name"], m["version"], m["in_force"], m["kind"]) for m in listed]
    assert {"wql": 0.25} == listed[2]["metrics"]


def test_a_damaged_version_is_listed_with_its_fault(tmp_path: Path) -> None:
    """It is not hidden: the exit code is 1 and the fault is named."""
    put_fleet(tmp_path, "1.0.0")
    flip(put_fleet(tmp_path, "1.1.0"))
    done = called("models", "list", path=tmp_path)
    lines = [line.split()[:4] for line in done.stdout.splitlines() if str(tmp_path / "fleet") in line]
    assert 1 == done.exit_code
    assert [["fleet", "1.1.0", "damaged"], ["fleet", "1.0.0", "in"]] == [line[:3] for line in lines[:2]]
    assert "SHA-256" in done.stdout


def test_a_folder_can_be_looked_at_before_it_is_used(tmp_path: Path) -> None:
    """`--path` wins over the environment."""
    put(tmp_path / "candidate", "7.0.0")
    done = called("models", "list", "--path", tmp_path / "candidate", "--json", path=tmp_path)
    versions = {m["version"] for m in json.loads(done.stdout)["models"] if m["name"] == "baseline"}
    assert "7.0.0" in versions


def test_a_model_is_shown_with_what_it_was_made_of(tmp_path: Path) -> None:
    """Sources with licence and figures, settings and libraries, for people."""
    folder = put_fleet(tmp_path, booster=tiny_booster())
    done = called("models", "show", "fleet", path=tmp_path)
    assert 0 == done.exit_code
    for words in (
        "fleet/1.0.0",
        "in force",
        str(folder),
        SOURCE.licence,
        SOURCE.sha256[:12],
        "seed 7",
        "numpy",
    ):
        assert words in done.stdout


def test_a_version_is_shown_whole_for_scripts(tmp_path: Path) -> None:
    """All of its metadata, of the very version that was asked for."""
    put_fleet(tmp_path, "1.0.0")
    put_fleet(tmp_path, "1.1.0")
    shown = json.loads(called("models", "show", "fleet/1.0.0", "--json", path=tmp_path).stdout)
    assert ("1.0.0", False) == (shown["version"], shown["in_force"])
    assert [SOURCE.model_dump()] == shown["metadata"]["sources"]
    assert 64 == len(shown["metadata"]["files"]["arrays.npz"])


def test_a_damaged_version_is_shown_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    """Its metadata stands, its fault beside it, and the exit code is 1."""
    flip(put_fleet(tmp_path))
    done = called("models", "show", "fleet/1.0.0", path=tmp_path)
    assert 1 == done.exit_code
    assert "SHA-256" in done.stdout


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("prophet", "there is no model 'prophet'; there are: baseline"),
        ("fleet/9.9.9", "fleet has no version '9.9.9'; there are: 1.0.0"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(tmp_path: Path, wanted: str, words: str) -> None:
    """A wrong name is answered by the right ones."""
    put_fleet(tmp_path)
    error = called("models", "show", wanted, path=tmp_path).exception
    assert isinstance(error, ModelError)
    assert str(error).startswith(words)


def test_a_step_that_models_are_not_trained_on_is_refused(tmp_path: Path) -> None:
    """Before anything is read."""
    error = called("train", write_trace(tmp_path / "a.csv", waves()), "--step=10m").exception
    assert isinstance(error, SettingsError)
    assert "--step '10m': models are trained on a grid of 5m only" in str(error)


@pytest.mark.parametrize("text", ["5", "0s", "2h", "five", "-5m", "5 m"])
def test_a_step_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """The remedy is in the message."""
    error = called("train", write_trace(tmp_path / "a.csv", waves()), f"--step={text}").exception
    assert isinstance(error, SettingsError)
    assert f"--step {text!r}" in str(error)
    assert "such as 5m" in str(error)


@pytest.mark.parametrize(
    ("paths", "options", "words"),
    [
        pytest.param(["missing.csv"], [], "missing.csv: there is no such file", id="no such file"),
        pytest.param(["short.csv"], [], "training wants at least 4", id="too short"),
        pytest.param(["empty"], [], "no .csv or .csv.gz file", id="no trace in the folder"),
        pytest.param(["a.csv", "more"], [], "a is the name of two files", id="two of one name"),
        pytest.param(["a.csv"], ["--base", "9.9.9"], "'9.9.9'|no model 'fleet'", id="no such base"),
    ],
)
def test_training_on_what_is_not_there_writes_nothing(
    tmp_path: Path, paths: list[str], options: list[str], words: str
) -> None:
    """Unusable input is an error of ours before anything is trained, and no folder is left behind."""
    for folder in ("empty", "more"):
        (tmp_path / folder).mkdir()
    write_trace(tmp_path / "short.csv", waves(1000))
    for file in ("a.csv", "more/a.csv"):
        write_trace(tmp_path / file, waves())
    given = [tmp_path / path for path in paths]
    done = called("train", *given, "--out", tmp_path / "out", *options, path=tmp_path / "none")
    assert isinstance(done.exception, HeliosError)
    assert re.search(words, str(done.exception))
    assert not (tmp_path / "out").exists()


@pytest.mark.integration
def test_unusable_input_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """The real command line ends as it should, without a traceback."""
    done = ran(["train", str(tmp_path / "missing.csv")])
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(f"helios: {tmp_path / 'missing.csv'}: there is no such file")
    assert "Traceback" not in done.stderr


@pytest.mark.integration
def test_a_model_trained_on_ones_own_traces_is_in_force_where_it_was_written(tmp_path: Path) -> None:
    """The real command trains on a real trace, tells how good it is, and the path it names serves the new version."""
    pytest.importorskip("scoring.forecasting.trainings")
    trace = Path(__file__).parents[1] / "data" / "trace.csv.gz"
    done = ran(["train", str(trace), "--base", "none", "--out", str(tmp_path / "models"), "--json"])
    assert "Traceback" not in done.stderr
    told = json.loads(done.stdout)
    assert (told["worse"], str(tmp_path / "models" / "fleet" / "1.0.0")) == (
        done.returncode == 1,
        told["path"],
    )
    assert told["metrics"]["relative_mae_30m"] > 0
    listed = ran(["models", "list", "--json"], {"HELIOS_MODEL_PATH": str(tmp_path / "models")})
    (fleet,) = [m for m in json.loads(listed.stdout)["models"] if m["name"] == "fleet" and m["in_force"]]
    assert (str(tmp_path / "models" / "fleet"), None) == (fleet["source"], fleet["problem"])


def write_service(file: Path, rows: int = 1400, names: tuple[str, ...] = KNOWN) -> Path:
    """A recording of one service, a row each half hour."""
    recorded = service(rows)
    lines = [f"timestamp,{','.join(names)}"]
    for row, values in enumerate(recorded.values):
        moment = datetime.fromtimestamp(1_760_054_400 + 1800 * row, UTC)
        lines.append(f"{moment:%Y-%m-%dT%H:%M:%SZ},{','.join(f'{value:.4f}' for value in values)}")
    file.write_text("\n".join(lines))
    return file


def test_what_detect_expects_is_trained_on_a_service_of_ones_own(tmp_path: Path) -> None:
    """A version is written, told with how good it is on what was held out, and in force where it was written."""
    trace, out = write_service(tmp_path / "shop.csv"), tmp_path / "models"
    done = called("train", trace, "--anomaly", "--step=30m", "--out", out, "--json")
    told = json.loads(done.stdout)
    assert (0, False, str(out / "xgboost" / "1.0.0")) == (done.exit_code, told["worse"], told["path"])
    assert told["metrics"]["error_over_usual"] < 0.7
    assert told["metrics"]["anomaly_rate"] < 0.06
    assert set(KNOWN) == set(told["held_out"])
    shown = called("models", "show", "xgboost", path=out)
    assert 0 == shown.exit_code
    for words in ("xgboost/1.0.0", "in force", "helios-snapshots/1", "1400 rows of shop", "anomaly_rate"):
        assert words in shown.stdout


def test_training_for_detect_is_told_for_people(tmp_path: Path) -> None:
    """How far off it is, how often ordinary snapshots are loud, and what to set to use it."""
    done = called(
        "train", write_service(tmp_path / "shop.csv"), "--anomaly", "--step=30m", "--out", tmp_path / "m"
    )
    for words in ("db_connections", "1.2% are meant to", f"HELIOS_MODEL_PATH={tmp_path / 'm'}"):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("rows", "names", "words"),
    [
        pytest.param(
            1400, ("cpu", "memory_utilization", "db_cpu"), "cpu is no metric of a snapshot", id="another name"
        ),
        pytest.param(500, KNOWN, "400 rows: at least 500 are needed", id="too short"),
    ],
)
def test_training_for_detect_on_what_will_not_do_writes_nothing(
    tmp_path: Path, rows: int, names: tuple[str, ...], words: str
) -> None:
    """The fault and the remedy, and no folder."""
    trace = write_service(tmp_path / "shop.csv", rows, names)
    done = called("train", trace, "--anomaly", "--step=30m", "--out", tmp_path / "out")
    assert isinstance(done.exception, TraceError)
    assert words in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_detect_learns_one_service_at_a_time(tmp_path: Path) -> None:
    """Two files are two services."""
    files = [write_service(tmp_path / name) for name in ("a.csv", "b.csv")]
    done = called("train", *files, "--anomaly", "--step=30m", "--out", tmp_path / "out")
    assert isinstance(done.exception, TraceError)
    assert "--anomaly learns one service: give one file, not 2" in str(done.exception)
