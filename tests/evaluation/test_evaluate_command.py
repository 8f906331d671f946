"""`helios evaluate forecast` as a process: what it prints where, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluation.files import recorded, rows
from tests.processes.commands import ran
from tests.scoring.builders import daily

pytestmark = pytest.mark.integration
COMMAND = ["evaluate", "forecast", "--models", "baseline", "--horizons", "5m,30m"]


def fleet(folder: Path, name: str = "fleet.csv.gz") -> Path:
    return recorded(folder, rows(daily(2, days=4)), name=name)


def test_json_is_one_document_and_nothing_else(tmp_path: Path) -> None:
    """For scripts: standard output can be parsed as it is, and nothing is said on the error stream."""
    fleet(tmp_path, "deep/fleet.csv.gz")
    done = ran([*COMMAND, str(tmp_path), "--json"])
    found = json.loads(done.stdout)
    assert (0, "") == (done.returncode, done.stderr)
    assert found["fleets"][0]["models"]["baseline"]["horizons"]["30m"]["relative_mae"]["median"] < 1


def test_people_get_a_table_per_file_and_one_over_all(tmp_path: Path) -> None:
    """Two fleets, then the summary."""
    done = ran([*COMMAND, str(fleet(tmp_path)), str(fleet(tmp_path, "other.csv"))])
    assert (0, "") == (done.returncode, done.stderr)
    for title in ("fleet: 2 series, 4.0 days", "other: 2 series", "over 2 fleets"):
        assert title in done.stdout


def test_a_file_without_figures_makes_the_exit_code_one(tmp_path: Path) -> None:
    """The others have theirs; the reason is on the error stream."""
    short = recorded(tmp_path, rows(daily(2, days=1)), name="short.csv")
    done = ran([*COMMAND, str(fleet(tmp_path)), str(short)])
    assert 1 == done.returncode
    assert "fleet: 2 series" in done.stdout
    assert "short.csv: 1.0 days, an evaluation wants at least 2" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--models", "nobody"], "no forecaster 'nobody' is installed", id="unknown model"),
        pytest.param(["--horizons", "7m"], "must be a multiple of --step", id="impossible horizon"),
    ],
)
def test_unusable_input_makes_the_exit_code_two(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Nothing is walked, and one line says why."""
    done = ran([*COMMAND, str(fleet(tmp_path)), *arguments])
    assert (2, "") == (done.returncode, done.stdout)
    assert said in done.stderr


def test_no_file_with_figures_makes_the_exit_code_two(tmp_path: Path) -> None:
    """There is nothing to show."""
    done = ran([*COMMAND, str(recorded(tmp_path, rows(daily(2, days=1)), name="short.csv"))])
    assert 2 == done.returncode
