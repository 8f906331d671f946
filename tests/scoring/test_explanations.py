"""An anomaly in words: what came, what was expected, since when, and what Helios does about it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scoring.anomalies.anomalies import Kind
from scoring.anomalies.episodes import HOLD_SECONDS, SHIFT_SECONDS
from scoring.anomalies.sigmas import WARNING, alarms_per_week
from scoring.anomalies.walks import NEEDED_LEAST, NEEDED_MOST
from scoring.explanations import Finding, Measures, effects, explain, meaning, moment, past
from scoring.references import CRITICAL
from scoring.scorer import MASKED_DAYS
from tests.scoring.builders import NOW

NOON = NOW + 12 * 3600
GIB = 2.0**30
DROP = Finding(
    now=NOON + 1800,
    detected=True,
    severity="critical",
    kind="drop",
    since=NOON + 300,
    score=4.1,
    peak=4.1,
    metric="cpu",
    unit="cores",
    expected=3.1,
    came=0.4,
    threshold=2.5,
    points=2016,
    needed=288,
)
CALM = replace(DROP, detected=False, severity="normal", kind="none", since=None, score=0.7, metric=None)


def test_a_drop_is_told_with_what_helios_does_about_it() -> None:
    """What it is, since when, which metric, what came and what was expected, how bad; then each effect."""
    done = Measures(frozen_until=NOON + 3900, set_aside=True)
    assert (
        "Drop since 12:05 UTC: cpu came at 0.4 cores where 3.1 were expected (score 4.1, critical). "
        "Scale-in is frozen until 13:05 UTC at the latest. The sample is left out of training."
    ) == explain(DROP, done)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param(
            {"kind": "spike", "came": 4.0, "expected": 1.0},
            "Spike since 12:05 UTC: cpu came at 4 cores where 1 was expected",
            id="spike",
        ),
        pytest.param(
            {"kind": "shift", "came": 5.0}, "cpu moved to 5 cores where 3.1 were expected", id="shift"
        ),
        pytest.param(
            {"kind": "drift", "came": 5.0}, "cpu drifted to 5 cores where 3.1 were expected", id="drift"
        ),
        pytest.param(
            {"metric": "memory", "unit": "bytes", "came": 0.5 * GIB, "expected": 3.2 * GIB},
            "memory came at 512 MiB where 3.2 GiB were expected",
            id="bytes of another size",
        ),
        pytest.param(
            {"metric": "memory", "unit": "bytes", "came": 1.5 * GIB, "expected": 3.25 * GIB},
            "memory came at 1.5 GiB where 3.25 were expected",
            id="bytes of one size",
        ),
        pytest.param(
            {"metric": "orders", "unit": "1", "came": 12_345.0, "expected": 340.12},
            "orders came at 12,345 where 340 were expected",
            id="a metric of one's own",
        ),
        pytest.param(
            {"metric": "balance", "unit": "1", "came": -12.0, "expected": 3.0},
            "balance came at -12 where 3 were expected",
            id="below zero",
        ),
        pytest.param(
            {"metric": "memory", "unit": "bytes", "came": 21.81 * GIB, "expected": 21.84 * GIB},
            "memory came at 21.81 GiB where 21.84 were expected",
            id="alike in few digits",
        ),
        pytest.param(
            {"came": 3.10001},
            "cpu is near the 3.1 cores that was expected, and moves in an unusual way",
            id="as expected",
        ),
        pytest.param({"expected": None}, "cpu at 0.4 cores is unusual", id="expected unknown"),
        pytest.param({"came": None}, "cpu is unusual", id="both unknown"),
        pytest.param({"metric": None}, "the metrics together are unusual", id="no metric stands out"),
        pytest.param({"kind": "none"}, "Anomaly since 12:05 UTC: cpu came", id="no kind"),
        pytest.param({"since": None}, "Drop: cpu came", id="onset unknown"),
        pytest.param({"score": 1.2}, "(score 4.1 at its worst and 1.2 now, critical)", id="fading"),
        pytest.param({"score": None}, "(score 4.1 at its worst, critical)", id="nothing new"),
        pytest.param({"score": 4.4, "peak": None}, "(score 4.4, critical)", id="no peak"),
    ],
)
def test_every_anomaly_has_its_words(changed: dict[str, Any], expected: str) -> None:
    """For each kind, unit, and gap in what is known; never a NaN, a None or an exponent."""
    said = explain(replace(DROP, **changed))
    assert expected in said
    assert not re.search(r"nan|None|inf\b|e[+-]\d", said)


def test_what_is_over_is_told_from_its_onset_to_its_end() -> None:
    """A day is named where it is not the day of the report."""
    assert (
        "Drop from 12:05 UTC to 12:20 UTC: cpu came at 0.4 cores where 3.1 were expected (score 4.1, critical)."
    ) == past(DROP, NOON + 1200)
    assert past(replace(DROP, now=NOON + 2 * 86_400), NOON + 1200).startswith(
        "Drop from 16 Feb 12:05 UTC to 16 Feb 12:20 UTC: "
    )


def test_every_kind_can_be_said() -> None:
    """Whatever a detector calls it."""
    for kind in Kind:
        said = explain(replace(DROP, kind=kind.name.lower()))
        assert said.startswith("Anomaly" if kind is Kind.NONE else kind.name.capitalize())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "Nothing unusual: score 0.7; an alarm is raised from 2.5, about one alarm a week."),
        (
            {"threshold": 3.0},
            "Nothing unusual: score 0.7; an alarm is raised from 3, about one alarm in five weeks.",
        ),
        ({"score": 2.6}, "No new alarm: score 2.6; an alarm is raised from 2.5, about one alarm a week."),
        ({"score": None}, "No score: nothing new could be judged in the last cycle."),
        (
            {"points": 120, "score": None},
            "Calibrating: 120 of 288 points; no alarm before that.",
        ),
        ({"points": 120}, "Calibrating: 120 of 288 points; no alarm before that."),
    ],
)
def test_where_nothing_is_unusual_that_is_said(changed: dict[str, Any], expected: str) -> None:
    """With what it takes for an alarm; and honestly where no alarm can be raised yet."""
    assert expected == explain(replace(CALM, **changed))


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        pytest.param(Measures(), (), id="nothing"),
        pytest.param(
            Measures(frozen_until=NOON + 3900),
            ("scale-in is frozen until 13:05 UTC at the latest",),
            id="drop",
        ),
        pytest.param(
            Measures(frozen_until=NOON + 3900, reactive=True, set_aside=True),
            (
                "scale-in is frozen until 13:05 UTC at the latest",
                "the load of this moment decides, not the forecast",
                "the sample is left out of training",
            ),
            id="spike",
        ),
    ],
)
def test_effects_are_what_is_done_and_no_more(done: Measures, expected: tuple[str, ...]) -> None:
    """Each in a few words; whoever shows them gets the same as the text."""
    assert expected == effects(DROP, done)


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (Measures(muted_until=NOON + 7200), "Muted until 14:00 UTC: no alarm is raised."),
        (Measures(announced=True), "An announced event is on: no alarm is raised."),
        (Measures(acknowledged=True), "Acknowledged: it raises no alarm."),
    ],
)
def test_an_anomaly_that_raises_no_alarm_says_why(done: Measures, expected: str) -> None:
    """Its words stay, and the reason stands at their end."""
    said = explain(DROP, done)
    assert said.startswith("Drop since 12:05 UTC: cpu came at 0.4 cores")
    assert said.endswith(expected)


def test_what_is_muted_is_said_before_anything_happens() -> None:
    """A mute of the target's is told at once; an acknowledgement is of one anomaly, and is over with it."""
    assert explain(CALM, Measures(muted_until=NOON + 7200)).endswith(
        "Muted until 14:00 UTC: no alarm is raised."
    )
    assert "cknowledged" not in explain(CALM, Measures(acknowledged=True))


def test_a_moment_of_another_day_has_its_day() -> None:
    """And one of today is a time alone."""
    assert "12:00 UTC" == moment(NOON, NOON + 3600)
    assert "16 Feb 12:00 UTC" == moment(NOON, NOON + 86_400)
    assert "16 Feb 12:00 UTC" == moment(NOON, None)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.67, "about 40 alarms a week"),
        (2.0, "about four alarms a week"),
        (WARNING, "about one alarm a week"),
        (3.0, "about one alarm in five weeks"),
        (CRITICAL, "about one alarm in half a year"),
        (3.7, "about one alarm a year"),
        (4.0, "about one alarm in four years"),
        (100.0, "hardly ever an alarm"),
    ],
)
def test_a_threshold_has_a_meaning(threshold: float, expected: str) -> None:
    """How often an ordinary series reaches it; one that none ever reaches is no error."""
    assert expected == meaning(threshold)


def test_the_page_about_anomalies_says_what_the_code_does() -> None:
    """docs/anomalies.md: for each sigma the alarms a week and the same in words, and the limits in its sentences."""
    page = (Path(__file__).parents[2] / "docs" / "anomalies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d.]+) \| ([\d.]+) \| ([\w ]+) \|$", page, re.MULTILINE)
    assert {"1.5", "2.5", "3", "3.5"} < {sigma for sigma, _, _ in rows}
    for sigma, rate, words in rows:
        assert f"{alarms_per_week(float(sigma)):.2g}" == rate
        assert f"about {words}" == meaning(float(sigma))
    assert f"{WARNING:g} is the threshold" in page
    assert f"From {CRITICAL:g} an anomaly is *critical*" in page
    assert 1 / 8 == MASKED_DAYS
    assert "for an eighth of a day at most" in page
    assert f"{NEEDED_LEAST} at least and {NEEDED_MOST} at most" in page
    assert (1800, 3600) == (SHIFT_SECONDS, HOLD_SECONDS)
    assert "has lasted half an hour" in page
    assert "After an hour it is the new normal" in page
    kinds = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert [kind.name.lower() for kind in Kind if kind is not Kind.NONE] == kinds
