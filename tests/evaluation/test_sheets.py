"""Labelled CSV files in all the forms in which they are published, and what is said of those that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helios.errors import TraceError
from helios.evaluation.sheets import joined, read_sheet
from tests.evaluation.labelled import saved


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["timestamp,value,label", "60,1,0", "120,-2.5,1"], id="UNIX seconds"),
        pytest.param(
            ["TimeStamp,Value,Label", "1970-01-01 00:01:00,1,0", "1970-01-01 00:02:00,-2.5,1"], id="capitals"
        ),
        pytest.param(
            [
                '"TimeStamp","Value","Label"',
                '"1970-01-01T00:01:00Z","1","0"',
                '"1970-01-01T00:02:00Z","-2.5","1"',
            ],
            id="quoted, ISO with Z",
        ),
        pytest.param(["LABEL,value,timestamp", "false,1,60", "True,-2.5,120"], id="another order, words"),
        pytest.param(
            ["timestamp,value,label", "60,1,0.0", "", "120,-2.5,1.0"], id="an empty line, fractions"
        ),
    ],
)
def test_every_published_form_is_read(tmp_path: Path, lines: list[str]) -> None:
    """Times in UNIX seconds, values of either sign, labels as booleans."""
    sheet = read_sheet(saved(tmp_path / "a.csv.gz", lines))
    assert sheet.labels is not None
    assert ([60, 120], [[1], [-2.5]], [False, True], 60) == (
        sheet.times.tolist(),
        sheet.cells.tolist(),
        sheet.labels.tolist(),
        sheet.step,
    )


def test_what_was_written_is_kept(tmp_path: Path) -> None:
    """For files of scores: timestamps and values in their own words."""
    sheet = read_sheet(
        saved(tmp_path / "a.csv", ["timestamp,value", "1970-01-01T00:01Z,1.50", "1970-01-01T00:02Z,"])
    )
    assert (["1970-01-01T00:01Z", "1970-01-01T00:02Z"], ["1.50", ""]) == (sheet.stamps, sheet.first)


def test_an_empty_or_endless_cell_was_not_observed(tmp_path: Path) -> None:
    """Never zero."""
    sheet = read_sheet(saved(tmp_path / "a.csv", ["timestamp,a,b", "60,,1", "120,inf,1e99", "180,3,nan"]))
    assert [[True, False], [True, True], [False, True]] == np.isnan(sheet.cells).tolist()


def test_the_step_is_the_median_gap(tmp_path: Path) -> None:
    """An hour without samples does not make the steps longer."""
    lines = ["timestamp,value", *(f"{at},1" for at in (0, 300, 600, 4200, 4500))]
    assert 300 == read_sheet(saved(tmp_path / "a.csv", lines)).step


def test_rows_that_repeat_a_time_keep_their_order(tmp_path: Path) -> None:
    """A clock set back by an hour: its rows follow one another by a hair, and none is lost."""
    times = [*range(0, 72_000, 300), *(72_000 - 1200, 72_000 - 900), *range(72_000, 144_000, 300)]
    sheet = read_sheet(saved(tmp_path / "a.csv", ["timestamp,value", *(f"{at},1" for at in times)]))
    assert len(times) == len(sheet.times)
    assert (np.diff(sheet.times) > 0).all()
    assert np.abs(sheet.times - times).max() <= 1200


def test_without_timestamps_rows_are_counted_by_the_step(tmp_path: Path) -> None:
    """Three rows of five minutes."""
    sheet = read_sheet(saved(tmp_path / "a.csv", ["a,b,label", "1,2,0", "1,2,0", "1,2,1"]), step=300)
    assert ([0, 300, 600], ("a", "b"), False) == (sheet.times.tolist(), sheet.columns, sheet.timed)


def test_a_past_is_joined_by_the_names_of_its_columns(tmp_path: Path) -> None:
    """Their order may differ; without timestamps the past ends a step before."""
    past = read_sheet(saved(tmp_path / "past.csv", ["b,a", "2,1", "4,3"]), step=60)
    now = read_sheet(saved(tmp_path / "now.csv", ["a,b,label", "5,6,0", "7,8,0"]), step=60)
    times, cells = joined(past, now)
    assert ([0, 60, 120, 180], [[1, 2], [3, 4], [5, 6], [7, 8]]) == (times.tolist(), cells.tolist())


@pytest.mark.parametrize(
    ("past", "said"),
    [
        pytest.param(
            ["timestamp,b", "0,1", "60,1"], "column a: now.csv has other metrics", id="other metrics"
        ),
        pytest.param(["a", "1", "1"], "must both have one, or neither", id="no timestamps"),
        pytest.param(["timestamp,a", "0,1", "600,1"], "its last row, 600, is not before", id="not the past"),
    ],
)
def test_a_past_that_does_not_fit_is_refused(tmp_path: Path, past: list[str], said: str) -> None:
    """Both files and the column are named."""
    before = read_sheet(saved(tmp_path / "past.csv", past), step=60)
    now = read_sheet(saved(tmp_path / "now.csv", ["timestamp,a", "600,1", "660,1"]))
    with pytest.raises(TraceError, match=said):
        joined(before, now)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            ["timestamp,value", "60,1", "120,much"], "line 3, column value: 'much' is not a number", id="text"
        ),
        pytest.param(
            ["timestamp,value", "60,1", "soon,1"], "line 3, column timestamp: 'soon' is no time", id="time"
        ),
        pytest.param(
            ["timestamp,value", "1769864700000,1", "1769864760000,1"],
            "is no time: write .* UNIX seconds",
            id="ms",
        ),
        pytest.param(
            ["timestamp,value,label", "60,1,2", "120,1,0"],
            "line 2, column label: '2' is no label",
            id="label",
        ),
        pytest.param(
            ["timestamp,value,label", "60,1,0", "120,1,"], "line 3, column label: '' is no label", id="empty"
        ),
        pytest.param(
            ["timestamp,value", "60,1", "120"], "line 3: 1 cells where the header has 2", id="short row"
        ),
        pytest.param(["timestamp,a,A", "60,1,1", "120,1,1"], "line 1: column 'a' twice", id="a name twice"),
        pytest.param(["timestamp,", "60,1", "120,1"], "line 1: a column without a name", id="no name"),
        pytest.param(["timestamp,label", "60,1", "120,1"], "no column of values", id="no values"),
        pytest.param(
            ["timestamp,value", "60,", "120,"], "column value: nothing was observed", id="nothing observed"
        ),
        pytest.param(["timestamp,value", "60,1"], "1 rows below the header", id="one row"),
        pytest.param(["value", "1", "1"], "no column timestamp: add one, or .* --step", id="no timestamps"),
        pytest.param(
            ["timestamp,value", "60,1", "60,1"], "fewer than two different times", id="a clock that stands"
        ),
        pytest.param(
            ["timestamp,value", *(f"{at},1" for at in range(9000, 0, -300)), "9300,1"],
            "line 3, column timestamp: 8700 is not later",
            id="backwards",
        ),
        pytest.param(
            ["timestamp,value", *(f"{at},1" for at in (*range(0, 144_000, 3600), 7200, 144_000))],
            "line 42, column timestamp: 7200 is not later",
            id="far back once",
        ),
        pytest.param(["timestamp,value", '60,"1', "120,1"], "not a CSV file", id="a quote that never ends"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, lines: list[str], said: str) -> None:
    """File, line or column, value and what to do about it."""
    file = saved(tmp_path / "a.csv", lines)
    with pytest.raises(TraceError, match=f"{file}: .*{said}"):
        read_sheet(file)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("a.csv.gz", b"no gzip", "cannot be read", id="not packed"),
        pytest.param("a.csv", b"timestamp,\xff\n", "not UTF-8 at byte 10", id="not UTF-8"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """With the remedy."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TraceError, match=said):
        read_sheet(tmp_path / name)
