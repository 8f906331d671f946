"""A detector judged over folders: whose rules apply, and what groups of series are told."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from helios.evaluation.judgement_documents import judgement_document
from helios.evaluation.judgements import Judgement, judge
from helios.evaluation.suites import read_suite
from tests.evaluation.labelled import by_size, marked, nab_folder, saved, series, spiked

WEEK = 168
HOUR, MINUTE = 3600.0, 60.0


def judged(folder: Path, threshold: float | None = None, step: float | None = None) -> Judgement:
    return judge(read_suite(folder, step=step), by_size, threshold)


def labelled(folder: Path) -> Path:
    """Hours in two folders and minutes in one: five events, four of them seen, one false alarm."""
    series(folder / "a" / "x.csv", spiked(WEEK, 100, 130), labels=marked(WEEK, (99, 101)), step=HOUR)
    series(folder / "a" / "y.csv", spiked(WEEK, 50), labels=marked(WEEK, (49, 51), (80, 81)), step=HOUR)
    series(
        folder / "b" / "z.csv",
        spiked(2000, 900, 1900),
        labels=marked(2000, (899, 910), (1900, 1900)),
        step=MINUTE,
    )
    return folder


def test_nabs_profiles_are_judged_at_three_thresholds(tmp_path: Path) -> None:
    """Both windows found at their first rows, one false alarm just as strong: best, default, and one above all alarms."""
    folder = nab_folder(
        tmp_path,
        {"a.csv": spiked(100, 40, 80), "b.csv": spiked(100, 60)},
        {"a.csv": [(40, 49)], "b.csv": [(60, 69)]},
    )
    standard, low_fp, _ = judged(folder, 9.0).profiles
    lost = 100 * 0.11 / 4
    assert ("standard", 8.0, pytest.approx(100 - lost)) == (
        standard.name,
        standard.optimal.threshold,
        standard.optimal.score,
    )
    assert pytest.approx(100 - 2 * lost) == low_fp.shipped.score
    assert standard.given is not None
    assert (0.0, 0) == (standard.given.score, standard.given.found)


def test_groups_are_the_whole_its_steps_and_its_folders(tmp_path: Path) -> None:
    """Events seen and false alarms of each at the default; hours and minutes apart."""
    found = {group.name: group for group in judged(labelled(tmp_path)).groups}
    counts = {
        name: (one.series, one.shipped.events, one.shipped.seen, one.shipped.false_alarms)
        for name, one in found.items()
    }
    assert {
        "all": (3, 5, 4, 1),
        "all, warmed up": (3, 5, 4, 1),
        "1h, warmed up": (2, 3, 2, 1),
        "1m, warmed up": (1, 2, 2, 0),
        "1h": (2, 3, 2, 1),
        "1m": (1, 2, 2, 0),
        "a": (2, 3, 2, 1),
        "b": (1, 2, 2, 0),
    } == counts


def test_the_beginning_of_each_file_is_left_out_once(tmp_path: Path) -> None:
    """An event in the first fifteen percent is missing from the warmed-up whole, unless a past went before it."""
    series(tmp_path / "a.csv", spiked(WEEK, 5), labels=marked(WEEK, (5, 6)), step=HOUR)
    saved(tmp_path / "b_train.csv", ["v", *["1"] * 100])
    saved(tmp_path / "b_test.csv", ["v,label", *["1,0"] * 5, "9,1", *["1,0"] * 20])
    whole, warm = judged(tmp_path, step=HOUR).groups[:2]
    assert (2, 1) == (whole.shipped.events, warm.shipped.events)


def test_a_group_is_told_at_its_own_threshold_and_at_that_of_all(tmp_path: Path) -> None:
    """Minutes alone allow their one false alarm; over all the threshold must lie above it."""
    series(
        tmp_path / "a.csv",
        [2.0 if i == 9 else 1.0 for i in range(WEEK)],
        labels=marked(WEEK, (9, 9)),
        step=HOUR,
    )
    values = [3.0 if i % 900 == 800 else 1.0 for i in range(5040)]
    series(tmp_path / "b.csv", values, labels=marked(5040), step=MINUTE)
    hours = next(group for group in judged(tmp_path).groups if group.name == "1h")
    assert (1.0, 0.0) == (hours.at_rates[2].recall, hours.at_total[2].recall)


def test_the_past_is_walked_and_not_judged(tmp_path: Path) -> None:
    """An alarm in it is neither right nor wrong."""
    saved(tmp_path / "x_train.csv", ["v", "9", *["1"] * 30])
    saved(tmp_path / "x_test.csv", ["v,label", *["1,0"] * 29, "9,1"])
    verdict = judged(tmp_path, step=HOUR).verdicts[0]
    assert (30, 1, 0) == (len(verdict.walked.alarm), verdict.shipped.seen, verdict.shipped.false_alarms)


def test_the_document_says_null_for_what_is_not_known(tmp_path: Path) -> None:
    """No events: no recall, no volume; a threshold that nothing may pass."""
    series(tmp_path / "a.csv", spiked(WEEK, 50), labels=marked(WEEK), step=HOUR)
    found = judgement_document(judged(tmp_path), None)["groups"][0]
    rates = found["at_false_alarms_per_week"]
    assert [None, None, None] == [found["vus_pr"], rates["0.25"]["recall"], rates["0.25"]["threshold"]]
    assert 8.0 == rates["1"]["threshold"]


def test_alarms_a_week_are_told_in_every_layout(tmp_path: Path) -> None:
    """At the shipped default: the median and the 90th percentile of the series."""
    nab = nab_folder(tmp_path / "nab", {"a.csv": spiked(2016, 900, 1000)}, {"a.csv": []})
    found = [
        judgement_document(judged(folder), None)["alarms_per_week"]
        for folder in (nab, labelled(tmp_path / "csv"))
    ]
    assert [(2.5, 2.0, 2.0), (2.5, 2.0, pytest.approx(10.08))] == [
        (one["threshold"], one["median"], one["p90"]) for one in found
    ]


def test_a_file_with_no_window_has_no_score_and_no_volume(tmp_path: Path) -> None:
    """Not zero: there was nothing to find."""
    verdict = judged(nab_folder(tmp_path, {"a.csv": spiked(100)}, {"a.csv": []})).verdicts[0]
    assert verdict.nab is not None
    assert math.isnan(verdict.nab.score)
    assert math.isnan(verdict.volume)
