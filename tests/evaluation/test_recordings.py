"""Recordings from files: as they come, put on a grid, and refused in clear words where they would mislead."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from helios.errors import TraceError
from helios.evaluation.recordings import files_in, read_recording
from tests.evaluation.files import FIRST, recorded, rows, stamp
from tests.scoring.builders import NAN, daily


@pytest.mark.parametrize(("step", "name"), [(10.0, "fast.csv.gz"), (60.0, "fast.csv"), (300.0, "even.csv")])
def test_a_finer_recording_becomes_means_of_its_steps(tmp_path: Path, step: float, name: str) -> None:
    """Ten seconds and a minute alike; every mean is that of what was observed in it."""
    count = round(2 * 86_400 / step)
    each = round(300 / step)
    values = np.arange(count, dtype=np.float64) % 7
    recording = read_recording(
        recorded(tmp_path, rows(values[None], step=step), columns=["a"], name=name), 300.0
    )
    np.testing.assert_allclose(values.reshape(-1, each).mean(axis=1), recording.panel.values[0], rtol=1e-5)
    assert (FIRST, 300.0, 2.0) == (recording.panel.start, recording.panel.step, recording.days)


def test_a_step_without_a_sample_is_a_gap_and_one_with_some_their_mean(tmp_path: Path) -> None:
    """Nothing is filled and nothing counts as zero."""
    values = np.ones((1, 2880))
    values[0, 10:15], values[0, 20:23] = NAN, NAN
    values[0, 23:25] = 2, 4
    panel = read_recording(recorded(tmp_path, rows(values, step=60), columns=["a"]), 300.0).panel
    np.testing.assert_array_equal([[1, 1, NAN, 1, 3, 1]], panel.values[:, :6])


@pytest.mark.parametrize(
    "phase", [0, 173, 299], ids=["around full steps", "between them", "just before them"]
)
@pytest.mark.parametrize("lag", [0, 4], ids=["even", "mostly late"])
def test_a_clock_that_jitters_keeps_each_sample_in_its_step(tmp_path: Path, phase: int, lag: int) -> None:
    """Rows every five minutes, some seconds early or late, lose nothing and double nothing."""
    late = np.random.default_rng(0).integers(-20, 20 + lag, 600)
    lines = [f"{stamp(phase + 300 * i + int(late[i]))},{i}" for i in range(600)]
    values = read_recording(recorded(tmp_path, lines, columns=["a"]), 300.0).panel.values
    np.testing.assert_array_equal(np.arange(600.0)[None], values)


def test_a_column_without_an_observation_is_left_out_and_named(tmp_path: Path) -> None:
    """It can be neither forecast nor judged."""
    values = np.vstack([daily(1, days=2), np.full((1, 576), NAN)])
    recording = read_recording(recorded(tmp_path, rows(values)), 300.0)
    assert ("b",) == recording.empty
    assert (1, 576) == recording.panel.values.shape


def test_a_sample_of_the_series_is_spread_over_the_columns(tmp_path: Path) -> None:
    """First and last among them; all where fewer are there."""
    values = np.repeat(np.arange(1.0, 8.0)[:, None], 576, axis=1)
    recording = read_recording(recorded(tmp_path, rows(values), columns=list("abcdefg")), 300.0)
    np.testing.assert_array_equal([1, 4, 7], recording.sample(3).panel.values[:, 0])
    assert recording is recording.sample(7) is recording.sample(None)


def test_a_recording_is_known_by_the_hash_of_its_bytes(tmp_path: Path) -> None:
    """What tells whether a model was trained on it."""
    file = recorded(tmp_path, rows(daily(2, days=2)), name="fleet.csv.gz")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == read_recording(file, 300.0).sha256


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            [f"{stamp(0)},1", f"{stamp(600)},1", f"{stamp(300)},1"],
            r"fleet.csv: line 4, column timestamp: .* is earlier than the row before: sort the rows",
            id="a clock that runs backwards",
        ),
        pytest.param(
            [f"{stamp(0)},1", f"{stamp(300)},1", f"{stamp(300)},2"],
            r"line 4, column timestamp: .* is the same time as the row before: .* give each series a column",
            id="a time twice",
        ),
        pytest.param(
            [f"{stamp(300 * i)}," for i in range(600)],
            r"fleet.csv: column a: nothing was observed, .*: export demand itself",
            id="nothing observed",
        ),
        pytest.param(
            [f"{stamp(300 * i)},1" for i in range(100)],
            r"fleet.csv: 0.3 days, an evaluation wants at least 2: record for longer",
            id="too short",
        ),
        pytest.param(
            [f"{stamp(3600 * i)},1" for i in range(100)],
            r"fleet.csv: a row every 3600 s, the grid has a column every 300 s: .* take a coarser --step",
            id="too coarse",
        ),
        pytest.param(
            ["yesterday,1"], r"fleet.csv: line 2: timestamp 'yesterday' is not ISO 8601", id="no time"
        ),
        pytest.param([f"{stamp(0)},many"], r"line 2, column a: 'many' is not a number", id="no number"),
    ],
)
def test_what_would_mislead_is_refused_with_line_and_remedy(
    tmp_path: Path, lines: list[str], said: str
) -> None:
    """Nothing is repaired in silence."""
    with pytest.raises(TraceError, match=said):
        read_recording(recorded(tmp_path, lines, columns=["a"]), 300.0)


def test_a_file_without_a_timestamp_column_is_refused(tmp_path: Path) -> None:
    """The first column must be it."""
    file = tmp_path / "wrong.csv"
    file.write_text("time,a\n2026-01-01T00:00:00Z,1\n")
    with pytest.raises(TraceError, match=re.escape("wrong.csv: line 1: the first column is 'time'")):
        read_recording(file, 300.0)


def test_folders_are_searched_and_each_file_is_taken_once(tmp_path: Path) -> None:
    """At any depth; other files are passed over."""
    one = recorded(tmp_path, [], name="b/one.csv")
    two = recorded(tmp_path, [], name="a/deep/two.csv.gz")
    (tmp_path / "README.md").touch()
    assert [two, one] == files_in([tmp_path, one])


@pytest.mark.parametrize(
    ("name", "said"), [("", "no .csv or .csv.gz file"), ("gone", "no such file or folder")]
)
def test_a_path_without_recordings_is_named(tmp_path: Path, name: str, said: str) -> None:
    """An empty folder, and one that is not there."""
    with pytest.raises(TraceError, match=said):
        files_in([tmp_path / name])
