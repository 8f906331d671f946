"""Reading traces from CSV: real files as they are, and a clear word about what is wrong with one."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.errors import TraceError
from helios.sources.traces import Trace

HEADER = "timestamp,cpu,memory"
FIRST = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
BUNDLED = Path(__file__).parents[2] / "helios" / "demos" / "trace.csv.gz"


def stamp(seconds: float) -> str:
    """ISO 8601 of a time after the first."""
    return datetime.fromtimestamp(FIRST + seconds, UTC).isoformat()


def written(folder: Path, *lines: str, name: str = "load.csv") -> Path:
    """A file of these lines."""
    file = folder / name
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return file


def test_empty_cells_and_missing_rows_are_gaps(tmp_path: Path) -> None:
    """Never zero; the step is the usual distance of rows."""
    rows = [f"{stamp(0)},1,10", f"{stamp(300)},,20", f"{stamp(600)},3, ", f"{stamp(1200)},5,50"]
    trace = Trace.from_csv(written(tmp_path, HEADER, *rows))
    assert ("load", ("cpu", "memory")) == (trace.name, trace.columns)
    assert (FIRST, 300.0, FIRST + 1200) == (trace.start, trace.step, trace.end)
    nan = np.nan
    np.testing.assert_array_equal([[1, nan, 3, nan, 5], [10, 20, nan, nan, 50]], trace.values)
    assert trace.values.dtype == np.float32


def test_rows_beside_the_grid_out_of_order_or_twice_are_put_right(tmp_path: Path) -> None:
    """A jittering exporter's rows go to the nearest point; of two there the later value wins."""
    rows = [
        *(f"{stamp(303)},2,", f"{stamp(0)},1,7", f"{stamp(598)},3,"),
        *(f"{stamp(900)},4,", f"{stamp(905)},,8", f"{stamp(901)},5,"),
    ]
    trace = Trace.from_csv(written(tmp_path, HEADER, *rows))
    assert trace.values.shape == (2, round(905 / trace.step) + 1)
    assert [1.0, 7.0] == trace.values[:, 0].tolist()
    assert [5.0, 8.0] == trace.values[:, -1].tolist()


def test_values_that_cannot_be_demand_are_gaps(tmp_path: Path) -> None:
    """NaN, infinite, negative, absurd: not observed."""
    rows = [f"{stamp(60 * i)},{value},1" for i, value in enumerate(("NaN", "inf", "-1", "1e30", "2"))]
    trace = Trace.from_csv(written(tmp_path, HEADER, *rows))
    np.testing.assert_array_equal([np.nan] * 4 + [2], trace.values[0])


def test_a_compressed_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """As spreadsheets and packers write them; times without a zone are UTC."""
    file = tmp_path / "load.csv.gz"
    text = "timestamp,cpu\r\n2026-01-01 00:00:00,1\r\n\r\n2026-01-01T01:05:00+01:00,2\r\n"
    file.write_bytes(gzip.compress(text.encode("utf-8-sig")))
    trace = Trace.from_csv(file)
    assert ("load", FIRST, 300.0) == (trace.name, trace.start, trace.step)
    assert trace.values.tolist() == [[1.0, 2.0]]


def test_a_folder_is_one_trace_per_file(tmp_path: Path) -> None:
    """In order of their names; other files are left alone."""
    for name in ("b.csv", "a.csv"):
        written(tmp_path, "timestamp,x", f"{stamp(0)},1", f"{stamp(60)},2", name=name)
    written(tmp_path, "not a trace", name="README.md")
    assert [one.name for one in Trace.from_folder(tmp_path)] == ["a", "b"]
    assert [one.name for one in Trace.from_folder(tmp_path / "a.csv")] == ["a"]


GOOD = (f"{stamp(0)},1,1", f"{stamp(300)},2,2")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        pytest.param([], "line 1: the first column is '': it must be named timestamp", id="empty file"),
        pytest.param(["time,cpu", *GOOD], "line 1: the first column is 'time'", id="no timestamp"),
        pytest.param(["timestamp", *GOOD], "no column at all", id="no series"),
        pytest.param(["timestamp,a,a", *GOOD], "column 'a' twice", id="a name twice"),
        pytest.param(["timestamp,a,", *GOOD], "a column without a name", id="no name"),
        pytest.param([HEADER], "no rows below the header", id="no rows"),
        pytest.param([HEADER, GOOD[0], GOOD[0]], "fewer than two different timestamps", id="one moment"),
        pytest.param(
            [HEADER, GOOD[0], "yesterday,1,2"],
            "line 3: timestamp 'yesterday' is not ISO 8601: write it as",
            id="bad time",
        ),
        pytest.param(
            [HEADER, GOOD[0], f"{stamp(300)},1,many"],
            "line 3, column memory: 'many' is not a number: write a number, or leave the cell empty",
            id="bad number",
        ),
        pytest.param(
            [HEADER, GOOD[0], f"{stamp(300)},1"], "line 3: 2 cells where the header has 3", id="short"
        ),
        pytest.param(
            [HEADER, *GOOD, "1970-01-01T00:00:00Z,1,1"],
            "lines 4 and 2 are .* s apart, where 300 s are usual",
            id="wild time",
        ),
        pytest.param([HEADER, *GOOD, '"open'], "not a CSV file", id="open quote"),
    ],
)
def test_a_bad_file_is_refused_with_line_value_and_remedy(
    tmp_path: Path, lines: list[str], words: str
) -> None:
    """The user can open the file at the place."""
    file = written(tmp_path, *lines)
    with pytest.raises(TraceError, match=words) as caught:
        Trace.from_csv(file)
    assert str(file) in str(caught.value)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    """Not there, not compressed, cut short, not text, and a folder of nothing."""
    bad = {
        "gone.csv": None,
        "plain.csv.gz": b"timestamp,a\n",
        "cut.csv.gz": gzip.compress(b"timestamp,a\n" * 100)[:-20],
        "latin.csv": b"timestamp,\xe4\n",
    }
    for name, content in bad.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(TraceError, match=r"cannot be read|not UTF-8"):
            Trace.from_csv(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(TraceError, match=r"no \.csv"):
        Trace.from_folder(tmp_path / "empty")


def test_an_unknown_column_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    """A typing error is easy to mend."""
    trace = Trace.from_csv(written(tmp_path, HEADER, *GOOD))
    assert trace.index("memory") == 1
    with pytest.raises(TraceError, match="has no column 'mem': choose one of cpu, memory"):
        trace.index("mem")


def test_the_bundled_trace_is_one() -> None:
    """What the demo plays is in the form that anyone's data must have."""
    trace = Trace.from_csv(BUNDLED)
    assert trace.step == 300.0
    assert np.isfinite(trace.values).any(axis=1).all()


cells = st.lists(st.one_of(st.none(), st.floats(0, 2.0**50, width=32)), min_size=2, max_size=40)


@given(values=cells, step=st.integers(1, 86_400))
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, values: list[float | None], step: int
) -> None:
    """Every cell at its place, for any step."""
    rows = [f"{stamp(i * step)},{'' if value is None else repr(value)}" for i, value in enumerate(values)]
    trace = Trace.from_csv(written(tmp_path_factory.mktemp("csv"), "timestamp,x", *rows))
    expected = np.array([[np.nan if value is None else value for value in values]], np.float32)
    assert (FIRST, float(step)) == (trace.start, trace.step)
    np.testing.assert_array_equal(expected, trace.values)
