"""The section "Forecasts" of docs/evidence.md: what it says is what was measured, and it can be made again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts import make_evidence
from scripts.evidence import section
from scripts.make_evidence import BEGIN, END, EvidenceError, Run, made, read, rendered, written
from scripts.readings import Line

SCRIPT = """
import json, os, sys
if "--fail" in sys.argv: sys.exit(3)
if "--chatter" in sys.argv: print("hello")
if "--quiet" not in sys.argv: print(json.dumps({"dataset": "tiny", "said": sys.argv[1:], "threads": os.environ["OMP_NUM_THREADS"]}))
"""
OVER = {"mean": 0.8, "lowest": 0.5, "highest": 1.0, "worst": 1.01}


def line(run: str, result: Mapping[str, Any], *, whole: bool = True) -> Line:
    """A line as a benchmark prints it."""
    return Line(run, f"benchmarks/{run}.py --json", "2026-03-01", "fleet 1.0.0", whole, result)


def summary(**figures: Any) -> dict[str, Any]:
    """The last line of benchmarks/forecast.py: figures of `auto` by horizon."""
    return {"summary": {"auto": {"fleets": 1, **figures, "series_per_second": 900.0}}, "sample": {}}


def fleet(**changed: Any) -> dict[str, Any]:
    """A fleet's line of benchmarks/forecast.py."""
    both = {at: {"median": 0.81, "worst": None} for at in ("5m", "30m")}
    told = {"relative_mae": both, "coverage": both, "exceedance": both}
    made_of = {"series": 1234, "days": 3.5, "learned_from": "fleets of other origin"}
    return {"fleet": "mine", **made_of, "seen_in_training": False, "models": {"auto": told}, **changed}


def row(text: str, first: str) -> list[str]:
    """The cells of the table's row that begins so."""
    found = [one for one in text.splitlines() if one.startswith(f"| {first}")]
    assert len(found) == 1, text
    return [cell.strip() for cell in found[0].split("|")[1:-1]]


def test_the_page_is_what_the_kept_lines_say() -> None:
    """Nobody edits a figure by hand: the committed page is the committed file, rendered."""
    page = make_evidence.PAGE.read_text(encoding="utf-8")
    assert rendered(page, read(make_evidence.KEPT)) == page


def test_what_was_not_measured_is_said_and_no_goal_is_held_by_it() -> None:
    """An empty file makes a whole section."""
    text = section([])
    assert 6 == text.count("Not measured yet.")
    assert "good |" not in text.replace("| good | excellent | is |", "")


@pytest.mark.parametrize(
    ("far", "near", "highest", "verdict"),
    [
        pytest.param(0.85, 0.90, 1.02, "excellent", id="each at its limit"),
        pytest.param(0.85, 0.91, 1.02, "good", id="five minutes are only good"),
        pytest.param(0.80, 0.80, 1.03, "good", id="one fleet above"),
        pytest.param(0.901, 0.90, 1.0, "**short of good**", id="thirty minutes are too much"),
    ],
)
def test_a_goal_is_as_good_as_its_worst_part(far: float, near: float, highest: float, verdict: str) -> None:
    """Told from the figures as they were printed, not as they are rounded."""
    over = {"30m": {**OVER, "mean": far, "highest": highest}, "5m": {**OVER, "mean": near}}
    text = section([line("cold", summary(relative_mae=over))])
    assert [f"{far:.2f} ({near:.2f}), highest fleet {highest:.2f}", verdict] == [
        row(text, "cold start, MAE")[1],
        row(text, "cold start, MAE")[4],
    ]


def test_a_run_of_a_part_of_the_data_is_no_goal() -> None:
    """It stands in the tables with its command, and proves nothing."""
    over = {"30m": OVER, "5m": OVER}
    text = section(
        [line("cold", fleet(), whole=False), line("cold", summary(relative_mae=over), whole=False)]
    )
    assert ["–", "–"] == row(text, "cold start, MAE")[1::3]
    assert ["mine", "1,234", "0.81 (–)"] == row(text, "mine")[:3]


def test_a_file_that_the_models_have_seen_is_marked() -> None:
    """Its figures flatter them."""
    text = section([line("cold", fleet(seen_in_training=True)), line("cold", fleet(fleet="other"))])
    assert ["mine \\*", "other"] == [row(text, "mine")[0], row(text, "other")[0]]
    assert "\\* The models in force were trained on this file." in text


def test_ours_stands_among_the_published_by_its_mase() -> None:
    """With a choice of them, the best of each figure, and how many are better."""
    names = {"auto_theta": 1.15, "chronos-2": 0.656, "Best": 0.6, "deepar": 0.945, "unheard-of": 0.7}
    found = {
        "dataset": "bitbrains_fast_storage_5T",
        "helios": {"mase": 0.68, "crps": 0.4, "coverage": 0.8, "series_per_second": 20_000.0},
        "seasonal_naive": {"mase": 1.136, "crps": 1.21},
        "naive": {"mase": 1.095, "crps": 0.89},
        "published": {name: {"mase": mase, "crps": mase / 2} for name, mase in names.items()},
    }
    text = section([line("gift", found)])
    order = [
        one.split("|")[1].strip() for one in text.split("### GIFT-Eval")[1].split("\n\n")[1].splitlines()
    ]
    assert order[2:] == [
        "best MASE and CRPS: Best (published)",
        "Chronos-2 (published)",
        "**Helios `auto`**",
        "DeepAR (published)",
        "naive, measured here",
        "seasonal naive, measured here",
        "AutoTheta (published)",
    ]
    assert "Of 5 published results 2 have a lower MASE and 3 a lower CRPS." in text
    assert "zero-shot" in text
    assert ["0.680 / 0.400", "excellent"] == row(text, "GIFT-Eval Bitbrains fast_storage")[1::3]
    assert ["not in the open half", "–"] == row(text, "GIFT-Eval Bitbrains rnd")[1::3]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a page that has its marks, and a benchmark."""
    (tmp_path / "page.md").write_text(f"# Before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    (tmp_path / "bench.py").write_text(SCRIPT, encoding="utf-8")
    return tmp_path


def runs(place: Path) -> dict[str, Run]:
    """Two runs of that benchmark, of which one needs no data."""
    script = str(place / "bench.py")
    return {"one": Run(script, (("--a",),)), "two": Run(script, (("--b",), ("--c",)), data=False)}


def options(place: Path, **changed: Any) -> argparse.Namespace:
    """As they are parsed from the command line."""
    given = {"data": place, "kept": None, "only": None, "one": "", "two": ""}
    paths = {"out": place / "kept.jsonl", "page": place / "page.md"}
    return argparse.Namespace(**{**given, **paths, **changed})


def quiet(_: str) -> None:
    """Nobody listens."""


def test_every_line_is_kept_with_how_it_was_made(place: Path) -> None:
    """One core, the data's place left out, and what is around the marks left alone."""
    assert [] == made(options(place, one="--few 'of it'"), runs(place), told=quiet)
    kept = read(place / "kept.jsonl")
    script = place / "bench.py"
    assert [
        (f"{script} --data DIR --a --few 'of it' --json", False),
        (f"{script} --b --json", True),
        (f"{script} --c --json", True),
    ] == [(one.command, one.whole) for one in kept]
    assert ["--data", str(place), "--a", "--few", "of it", "--json"] == kept[0].result["said"]
    assert {"1"} == {one.result["threads"] for one in kept}
    page = (place / "page.md").read_text(encoding="utf-8")
    assert page.startswith(f"# Before\n{BEGIN}\n### Goals")
    assert page.endswith(f"{END}\nafter\n")


@pytest.mark.parametrize("how", ["--fail", "--chatter", "--quiet"])
def test_a_run_that_fails_keeps_what_it_had_and_costs_no_other(place: Path, how: str) -> None:
    """Be it an exit code, something that is no JSON, or silence."""
    made(options(place), runs(place), told=quiet)
    assert ["one"] == made(options(place, one=how, two="--again"), runs(place), told=quiet)
    kept = read(place / "kept.jsonl")
    assert [["--a", "--json"], ["--b", "--again", "--json"], ["--c", "--again", "--json"]] == [
        one.result["said"][2 * (one.run == "one") :] for one in kept
    ]


def test_one_run_can_be_made_again_alone(place: Path) -> None:
    """The others keep their lines."""
    made(options(place), runs(place), told=quiet)
    assert [] == made(options(place, only="two", two="--again"), runs(place), told=quiet)
    again = [(one.run, "--again" in one.result["said"]) for one in read(place / "kept.jsonl")]
    assert [("one", False), ("two", True), ("two", True)] == again


def test_the_page_is_rendered_again_without_the_data(place: Path) -> None:
    """From the kept file alone, to the same text."""
    made(options(place), runs(place), told=quiet)
    before = (place / "page.md").read_text(encoding="utf-8")
    (place / "page.md").write_text(f"# Before\n{BEGIN}\n{END}\nafter\n", encoding="utf-8")
    made(options(place, data=None, kept=place / "kept.jsonl"), runs(place), told=quiet)
    assert before == (place / "page.md").read_text(encoding="utf-8")


def test_what_is_wrong_is_named(place: Path) -> None:
    """The folder, the run, the line of the file, the page's marks."""
    with pytest.raises(EvidenceError, match="nowhere: no such folder"):
        made(options(place, data=place / "nowhere"), runs(place), told=quiet)
    with pytest.raises(EvidenceError, match="--only three: name some of one, two"):
        made(options(place, only="one,three"), runs(place), told=quiet)
    good = written([line("gift", {})])
    (place / "bad.jsonl").write_text(good + json.dumps({"run": "x"}) + "\n", encoding="utf-8")
    with pytest.raises(EvidenceError, match=r"bad.jsonl, line 2: not what this script wrote"):
        read(place / "bad.jsonl")
    with pytest.raises(EvidenceError, match="once each"):
        rendered(f"{END}\n{BEGIN}\n", [])
