"""The section "Anomalies" of docs/evidence.md: what it says is what was measured, and it can be made again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from scripts import make_anomaly_evidence
from scripts.anomaly_evidence import section
from scripts.make_anomaly_evidence import BEGIN, END, made, read, rendered
from scripts.make_evidence import EvidenceError

SCRIPT = """
import json, os, sys
lines = open(sys.argv[2] + "/printed").read()
print(lines, end="")
if "fail" in os.listdir(sys.argv[2]): sys.exit(3)
"""
RATES = ("0.25", "0.5", "1", "2")


def nab(standard: float, low: float, default: float, **more: Any) -> dict[str, Any]:
    """A line of NAB's layout."""
    best = {"standard": standard, "reward_low_FP_rate": low, "reward_low_FN_rate": standard + 5}
    at = {"threshold": 2.4, "windows": 57, "found": 50, "false_alarms": 1234}
    profiles = {
        name: {"optimal": {**at, "score": score}, "default": {**at, "score": default}}
        for name, score in best.items()
    }
    return {**line("nab", median=0.9, p90=2.0), "profiles": profiles, **more}


def line(suite: str, *, median: float = 0.5, p90: float = 1.0, **more: Any) -> dict[str, Any]:
    """What every suite's line has."""
    told = {"suite": suite, "detector": "Helios", "default_threshold": 2.5, "series_rows_per_second": 1000.0}
    return {**told, "alarms_per_week": {"threshold": 2.5, "median": median, "p90": p90}, **more}


def group(
    name: str, recall: float, volume: float | None = None, threshold: float | None = 2.2
) -> dict[str, Any]:
    """Some series of a suite of labelled files; the same recall at every rate."""
    found = {rate: {"threshold": threshold, "recall": recall} for rate in RATES}
    default = {"recall": 0.4, "precision": 0.6, "false_alarms_per_week": 0.2}
    size = {"series": 33, "events": 132, "weeks": 145.4}
    return {"name": name, **size, "vus_pr": volume, "at_false_alarms_per_week": found, "default": default}


def mscloud(every: float, hourly: float, minutes: float) -> dict[str, Any]:
    """The groups that count, and the whole with its beginnings."""
    names = {"all": 0.1, "all, warmed up": every, "1h, warmed up": hourly, "1m, warmed up": minutes}
    return line("mscloud", groups=[group(*one) for one in names.items()])


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the tables' rows that begin so."""
    found = [one for one in text.splitlines() if one.startswith(f"| {first}")]
    return [[cell.strip() for cell in one.split("|")[1:-1]] for one in found]


def row(text: str, first: str) -> list[str]:
    """The only such row."""
    (found,) = rows(text, first)
    return found


def test_the_page_is_what_the_kept_lines_say() -> None:
    """Nobody edits a figure by hand: the committed page is the committed file, rendered."""
    page = make_anomaly_evidence.PAGE.read_text(encoding="utf-8")
    kept = make_anomaly_evidence.KEPT.read_text(encoding="utf-8").splitlines()
    assert rendered(page, read(kept, "kept")) == page


def test_what_was_not_measured_is_said_and_reaches_no_goal() -> None:
    """Without a line there is a whole section, and a part of the suites holds no goal that is about all."""
    text = section([])
    assert 6 == text.count("Not measured yet.")
    goals = text.split("| figure |")[1].split("\n\n")[0].splitlines()[2:]
    assert 7 * ["–"] == [one.split("|")[-2].strip() for one in goals]
    assert "–" == row(section([line("asd"), line("kpi")]), "shipped default, alarms")[-1]


@pytest.mark.parametrize(
    ("figures", "first", "measured", "verdict"),
    [
        pytest.param(nab(75, 66, 0), "NAB full", "75.0 / 66.0 at", "moonshot", id="NAB at its limits"),
        pytest.param(
            nab(80, 61.99, 0), "NAB full", "80.0 / 62.0 at", "good", id="as printed, not as rounded"
        ),
        pytest.param(nab(61, 70, 0), "NAB full", "61.0 / 70.0 at", "**short of good**", id="one short"),
        pytest.param(nab(0, 0, 55), "NAB sealed files at", "55.0 at", "excellent", id="NAB by default"),
        pytest.param(mscloud(0.9, 0.9, 0.3), "mscloud, recall", "0.90 (0.90; 0.30) at", "good", id="mscloud"),
        pytest.param(
            line("asd", groups=[group("all", 0.7, 0.6)]), "asd, VUS", "0.60 / 0.70 at", "excellent", id="asd"
        ),
        pytest.param(
            {"suite": "fleet", "series": 10, "series_rows_per_second": 99_999.0},
            "speed, series",
            "99,999,",
            "**short of good**",
            id="speed",
        ),
    ],
)
def test_a_goal_is_as_good_as_its_worst_part(
    figures: dict[str, Any], first: str, measured: str, verdict: str
) -> None:
    """Told from the figures as they were printed."""
    found = row(section([figures]), first)
    assert (True, verdict) == (found[1].startswith(measured), found[-1])


def test_so_many_alarms_a_week_are_the_most_of_all_suites() -> None:
    """One suite with more of them is enough to be no better than good."""
    quiet = [nab(1, 1, 1, alarms_per_week={"median": 1.0, "p90": 1.5}), line("mscloud"), line("asd")]
    assert "moonshot" == row(section([*quiet, line("kpi")]), "shipped default, alarms")[-1]
    assert "good" == row(section([*quiet, line("kpi", p90=2.6)]), "shipped default, alarms")[-1]
    assert (
        "**short of good**" == row(section([*quiet, line("kpi", median=1.1)]), "shipped default, alarms")[-1]
    )


def test_a_reader_is_told_what_flatters() -> None:
    """That goals are for other data, how thresholds were chosen, and what the model has seen."""
    asd = line("asd", groups=[group("all", 0.7, 0.6)])
    text = " ".join(section([nab(70, 60, 65), mscloud(0.7, 0.7, 0.3), asd]).split())
    for said in (
        "**The goals are about the half of the data that is kept sealed; measured is the open half**",
        "chosen by the very labels that it is judged by",
        "*Shipped default*: 2.5 sigma",
        "without a forecast",
        "**The bundled model of companions was trained on those same train parts**",
    ):
        assert said in text


def test_peers_stand_beside_helios_with_what_was_published() -> None:
    """NAB's profiles at both thresholds, random runs by their mean, the published figures apart."""
    runs = {name: {"mean": 13.2, "least": 10.2, "most": 17.7} for name in ("standard", "reward_low_FP_rate")}
    random = nab(14, 4, -94, detector="random", over_runs=runs, published_on_all_58_files={"standard": 11.0})
    text = section([nab(71.91, 61.9, 68.22), random])
    best, default = ["71.9", "61.9", "76.9"], ["68.2", "68.2", "68.2"]
    assert ["**Helios**", *best, *default, "50 of 57, 1,234"] == rows(text, "**Helios**")[0]
    spread = "13.2 (10.2 to 17.7)"
    assert [
        ["random", "14.0", "4.0", "19.0", "-94.0", "-94.0", "-94.0", "50 of 57, 1,234"],
        ["random, mean of several (least to most)", spread, spread, "–", "", "", "", ""],
        ["random, published, of all 58 files", "11.0", "–", "–", "", "", "", ""],
        ["random", "0.90, 2.00", "–", "–", "–"],
    ] == rows(text, "random")


def test_where_no_threshold_is_high_enough_there_is_no_recall() -> None:
    """A dash, and not a zero."""
    text = section([line("kpi", groups=[group("all", 0.0, 0.1, threshold=None)])])
    assert ["**Helios**", "0.10", "–", "–", "–", "–", "0.40", "0.60", "0.20"] == rows(text, "**Helios**")[0]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a page that has its marks, and a benchmark with what it prints."""
    (tmp_path / "page.md").write_text(f"# Before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    (tmp_path / "bench.py").write_text(SCRIPT, encoding="utf-8")
    prints(tmp_path, nab(70, 60, 65), mscloud(0.7, 0.7, 0.3))
    return tmp_path


def prints(place: Path, *lines: dict[str, Any]) -> None:
    """What the benchmark says from now on."""
    (place / "printed").write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")


def make(place: Path, **changed: Any) -> None:
    """As from the command line."""
    given = {"data": place, "kept": None, "out": place / "kept.jsonl", "page": place / "page.md"}
    made(argparse.Namespace(**{**given, **changed}), place / "bench.py", told=lambda _: None)


def test_lines_are_kept_as_they_are_and_the_page_is_made_of_them(place: Path) -> None:
    """What is around the marks is left alone, and the kept file gives the same page without the data."""
    make(place)
    assert (place / "printed").read_text() == (place / "kept.jsonl").read_text()
    page = (place / "page.md").read_text(encoding="utf-8")
    assert page.startswith(f"# Before\n{BEGIN}\n### The goals")
    assert page.endswith(f"{END}\nafter\n")
    (place / "page.md").write_text(f"# Before\n{BEGIN}\n{END}\nafter\n", encoding="utf-8")
    make(place, data=None, kept=place / "kept.jsonl")
    assert page == (place / "page.md").read_text(encoding="utf-8")


def test_a_run_that_fails_leaves_file_and_page_as_they_were(place: Path) -> None:
    """Half of the lines are no evidence."""
    make(place)
    before = [(place / name).read_text(encoding="utf-8") for name in ("kept.jsonl", "page.md")]
    prints(place, nab(1, 1, 1))
    (place / "fail").touch()
    with pytest.raises(EvidenceError, match=r"bench.py: ended with exit code 3"):
        make(place)
    assert before == [(place / name).read_text(encoding="utf-8") for name in ("kept.jsonl", "page.md")]


def test_what_is_wrong_is_named(place: Path) -> None:
    """The folder, the line, the page's marks; and nothing is kept of it."""
    with pytest.raises(EvidenceError, match="nowhere: no such folder"):
        make(place, data=place / "nowhere")
    prints(place, nab(1, 1, 1), {"run": "x"})
    with pytest.raises(EvidenceError, match=r"bench.py, line 2: not what benchmarks/anomaly.py printed"):
        make(place)
    prints(place, nab(1, 1, 1), nab(2, 2, 2))
    with pytest.raises(EvidenceError, match="line 2: nab Helios for the second time"):
        make(place)
    prints(place)
    with pytest.raises(EvidenceError, match="no line"):
        make(place)
    prints(place, nab(1, 1, 1))
    (place / "page.md").write_text("# No marks\n", encoding="utf-8")
    with pytest.raises(EvidenceError, match="once each"):
        make(place)
    assert not (place / "kept.jsonl").exists()
