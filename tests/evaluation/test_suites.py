"""Folders of labelled recordings: NAB's layout, labelled files at any depth, pasts beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from helios.errors import TraceError
from helios.evaluation.suites import read_suite
from tests.evaluation.labelled import marked, nab_folder, saved, series, spiked

FLAT = spiked(40)


def small(folder: Path) -> Path:
    """Three files, one of them packed and one without labels; one label without a file."""
    files = {"real/a.csv": FLAT, "real/b.csv.gz": FLAT, "made/c.csv": FLAT}
    return nab_folder(folder, files, {"real/a.csv": [(20, 24)], "real/b.csv": [], "gone/d.csv": [(3, 4)]})


def test_a_folder_in_nabs_layout_is_known_by_its_labels(tmp_path: Path) -> None:
    """Windows by file, whether it is packed or not; what is absent or without labels is told."""
    suite = read_suite(small(tmp_path))
    windows = {case.name: case.windows.tolist() for case in suite.cases}
    assert {"made/c.csv": [], "real/a.csv": [[20, 24]], "real/b.csv": []} == windows
    assert ("nab", ("gone/d.csv",), ("made/c.csv",)) == (suite.layout, suite.absent, suite.unlabelled)


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        pytest.param("data/real", ["real/a.csv", "real/b.csv"], id="a category"),
        pytest.param("data/real/a.csv", ["real/a.csv"], id="a file"),
        pytest.param("data", ["made/c.csv", "real/a.csv", "real/b.csv"], id="all data"),
    ],
)
def test_a_part_of_nabs_layout_finds_its_labels(tmp_path: Path, inside: str, expected: list[str]) -> None:
    """The names are those of the labels; other categories' labels are not missed."""
    suite = read_suite(small(tmp_path) / inside)
    assert expected == [case.name for case in suite.cases]
    assert "real/b.csv" not in suite.absent


def test_labels_may_lie_elsewhere(tmp_path: Path) -> None:
    """A copied category, its labels named."""
    labels = small(tmp_path / "nab") / "labels" / "combined_windows.json"
    series(tmp_path / "mine" / "real" / "a.csv", FLAT)
    suite = read_suite(tmp_path / "mine" / "real" / "a.csv", labels)
    assert [("real/a.csv", [[20, 24]])] == [(case.name, case.windows.tolist()) for case in suite.cases]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        pytest.param("{", "write .*folder/file.csv", id="no JSON"),
        pytest.param('{"a.csv": [["soon", "later"]]}', "a.csv 0 0: .*got 'soon'", id="no time"),
        pytest.param('{"b.csv": []}', "names files such as b.csv, and none that is here", id="other files"),
        pytest.param("{}", "names no file", id="nothing"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(tmp_path: Path, labels: str, said: str) -> None:
    """Named, with the remedy."""
    series(tmp_path / "data" / "a.csv", FLAT)
    file = saved(tmp_path / "labels.json", [labels])
    with pytest.raises(TraceError, match=said):
        read_suite(tmp_path / "data", file)


def test_a_window_without_rows_costs_its_file_only(tmp_path: Path) -> None:
    """Labels of another recording: the file is named, the others are judged."""
    suite = read_suite(
        nab_folder(tmp_path, {"a.csv": FLAT, "b.csv": FLAT}, {"a.csv": [(50, 60)], "b.csv": [(20, 24)]})
    )
    assert ["b.csv"] == [case.name for case in suite.cases]
    assert "a.csv: its labels: window" in next(iter(suite.faults.values()))


def test_labelled_files_are_found_at_any_depth(tmp_path: Path) -> None:
    """Each is of its folder; those at the top are of the one that was named."""
    series(tmp_path / "web" / "a.csv.gz", FLAT, labels=marked(40, (5, 6)))
    series(tmp_path / "b.csv", FLAT, labels=marked(40))
    suite = read_suite(tmp_path)
    assert [("b.csv", tmp_path.name, 0), ("web/a.csv", "web", 2)] == [
        (case.name, case.group, int(case.labels.sum())) for case in suite.cases
    ]


def test_a_past_beside_a_test_is_walked_first_and_not_judged(tmp_path: Path) -> None:
    """Several metrics are one target's; the past has no labels, may be packed otherwise, and is no file of its own."""
    saved(tmp_path / "x_train.csv.gz", ["a,b", *["1,2"] * 30])
    saved(tmp_path / "x_test.csv", ["a,b,label", *["1,2,0"] * 9, "5,6,1"])
    (case,) = read_suite(tmp_path, step=300).cases
    assert ((2, 40), 30, 10, 1) == (
        case.track.values.shape,
        case.begin,
        len(case.labels),
        int(case.labels.sum()),
    )
    assert 300.0 * 39 == case.track.times[-1]


def test_a_file_without_labels_costs_the_others_nothing(tmp_path: Path) -> None:
    """It is named, with the remedy."""
    bad = series(tmp_path / "a.csv", FLAT)
    series(tmp_path / "b.csv", FLAT, labels=marked(40))
    suite = read_suite(tmp_path)
    assert ["b.csv"] == [case.name for case in suite.cases]
    assert suite.faults[bad].startswith(f"{bad}: line 1: no column label: add one")


def test_one_recording_twice_is_judged_once(tmp_path: Path) -> None:
    """Packed and unpacked side by side."""
    for name in ("a.csv", "a.csv.gz"):
        series(tmp_path / name, FLAT, labels=marked(40))
    suite = read_suite(tmp_path)
    assert (1, ["a.csv.gz: a.csv beside it is the same recording: keep one of them"]) == (
        len(suite.cases),
        [why.removeprefix(f"{tmp_path}/") for why in suite.faults.values()],
    )
