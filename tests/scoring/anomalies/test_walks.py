"""The detector over recorded pasts: causal, each series for itself, calm on what is ordinary, awake to what is not."""

from __future__ import annotations

import csv
import gzip
import json
import os
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.anomalies.sigmas import WARNING, alarms_per_week
from scoring.anomalies.walks import Track, Walked, rows_needed, walk
from scoring.panels import Floats
from tests.scoring.anomalies.builders import HOUR, ordinary, track, walked
from tests.scoring.builders import NAN

DATA = Path(os.environ.get("HELIOS_DATA", "/work/shared/data"))
"""The folder with the real data; it is part of no repository."""
WEEK = 604_800.0
ROWS = 200


@cache
def eventful() -> Floats:
    """Two metrics over eight days of hours, with a spike, a drop, a gap and a new level."""
    made = ordinary(2, ROWS, step=HOUR, seed=7)
    made[0, 90] += 9
    made[1, 120:123] = 0
    made[0, 140:150] = NAN
    made[:, 170:] += 12
    return made


@cache
def lived() -> Walked:
    """What is said of it."""
    return walked(eventful())[0]


# What rests on what


@settings(max_examples=6)
@given(st.integers(1, ROWS - 1), st.sampled_from([0.0, 1e9, NAN]))
def test_a_score_rests_on_nothing_that_comes_after_it(cut: int, then: float) -> None:
    """Of a past that ends there, or that goes on in another way, the first scores are the same."""
    other = eventful().copy()
    other[:, cut:] = then
    for one in walked(eventful()[:, :cut], other):
        np.testing.assert_array_equal(lived().score[:cut], one.score[:cut])
        np.testing.assert_array_equal(lived().alarm[:cut], one.alarm[:cut])


def test_something_is_said_of_an_eventful_past() -> None:
    """Else what it rests on could not be told: the spike, the outage and the new level stand out."""
    for row in (90, 120, 170):
        assert lived().score[row] >= WARNING
        assert lived().score[row] == lived().alarm[row]


def test_a_fleet_is_as_so_many_fleets_of_one() -> None:
    """Whatever else is walked: other targets, with other lengths, metrics and steps."""
    pasts = [
        track(eventful()),
        track(ordinary(3, 150, step=HOUR, seed=1)),
        track(ordinary(1, 120, step=1800.0), step=1800.0),
        track(eventful()[:1, :100]),
    ]
    together = walk(pasts, lambda _share: None)
    for past, found in zip(pasts, together, strict=True):
        (own,) = walk([past], lambda _share: None)
        np.testing.assert_array_equal(own.score, found.score)
        np.testing.assert_array_equal(own.alarm, found.alarm)


def test_progress_is_told_up_to_the_end() -> None:
    """Shares of the whole, rising."""
    told: list[float] = []
    walk([track(ordinary(1, 60, step=s), step=s) for s in (HOUR, 1800.0)], told.append)
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] <= 1


def test_nothing_to_walk_is_walked() -> None:
    """No track, no answer; a track of nothing has no score."""
    assert [] == walk([], lambda _share: None)
    (silent,) = walked(np.full(80, NAN))
    assert np.isnan(silent.score).all()
    assert not silent.alarm.any()


# Before there is enough


@pytest.mark.parametrize(
    ("step", "needed"), [(10.0, 288), (60.0, 288), (300.0, 288), (900.0, 96), (3600.0, 48), (86_400.0, 48)]
)
def test_a_day_is_needed_before_anything_is_said(step: float, needed: int) -> None:
    """Two of hours at least, and no more rows than a day has of five minutes."""
    assert needed == rows_needed(step)
    if step >= 900.0:
        (found,) = walked(ordinary(1, needed + 5, step=step), step=step)
        begin = int(np.isfinite(found.score).argmax())
        assert needed - 1 <= begin <= needed + 1  # of the first rows there is nothing to be said
        assert not found.alarm[:begin].any()
        assert np.isfinite(found.score[begin:]).all()


def test_a_jump_before_there_is_enough_is_no_alarm() -> None:
    """Nobody is called for the first minutes of a new service."""
    young = np.concatenate([np.zeros(5), ordinary(1, 40, step=HOUR)[0]])
    (found,) = walked(young)
    assert np.isnan(found.score).all()
    assert not found.alarm.any()


def test_gaps_do_not_count_as_rows() -> None:
    """Half of the rows observed: twice the time until there is enough; and a gap has no score."""
    half = ordinary(1, 160, step=HOUR)
    half[:, ::2] = NAN
    (found,) = walked(half)
    assert 0 <= int(np.isfinite(found.score).argmax()) - 2 * (rows_needed(HOUR) - 1) <= 5
    assert np.isnan(found.score[::2]).all()


# What is ordinary


@cache
def weeks(step: float) -> dict[str, tuple[list[Walked], float]]:
    """What is said of ordinary series by their noise, and how many weeks were judged."""
    rows, columns = {60.0: (30, 1500), 300.0: (15, 1500), 3600.0: (20, 500)}[step]
    kinds = {"normal": False, "heavy": True}
    every = [
        one for heavy in kinds.values() for one in ordinary(rows, columns, step=step, seed=11, heavy=heavy)
    ]
    found = walked(*every, step=step)
    out = {}
    for i, kind in enumerate(kinds):
        own = found[i * rows : (i + 1) * rows]
        out[kind] = own, sum(int(np.isfinite(one.score).sum()) for one in own) * step / WEEK
    return out


@pytest.mark.parametrize("noise", ["normal", "heavy"])
@pytest.mark.parametrize("step", [60.0, 300.0, 3600.0])
def test_ordinary_series_raise_about_one_alarm_a_week_or_fewer(step: float, noise: str) -> None:
    """At 2.5, on any grid; at a lower threshold more, and about as many as it says."""
    found, judged = weeks(step)[noise]
    assert judged > 3.5
    raised = {t: sum(int((one.alarm >= t).sum()) for one in found) / judged for t in (WARNING, 2.0, 1.5)}
    assert raised[WARNING] <= 1.0
    assert raised[2.0] <= 2 * alarms_per_week(2.0)
    assert raised[1.5] > 1


@pytest.mark.parametrize(("step", "height"), [(10.0, 20.0), (60.0, 6.0), (300.0, 6.0), (3600.0, 6.0)])
def test_a_spike_is_seen_on_every_grid(step: float, height: float) -> None:
    """In the row in which it comes, and the way back is no other; an hour of seconds wants more than a day of minutes."""
    one = ordinary(1, 330, step=step, seed=5)
    one[0, 315:317] += height
    (found,) = walked(one, step=step)
    assert [315] == np.flatnonzero(found.alarm >= WARNING).tolist()


def test_the_unit_of_a_series_makes_no_difference() -> None:
    """Cores or millicores, bytes or GiB."""
    (plain,) = walked(eventful())
    for unit in (1000.0, 1e-3, 2.0**30):
        (other,) = walked(eventful() * np.float32(unit))
        np.testing.assert_allclose(plain.score, other.score, atol=2e-3)


def test_a_new_level_is_one_alarm_and_then_ordinary() -> None:
    """Nobody is called a second time, not on the next day either."""
    five_days = ordinary(6, 96 * 5, step=900.0, seed=4)
    five_days[:, 300:] += 6
    for found in walked(*five_days, step=900.0):
        assert [300] == np.flatnonzero(found.alarm >= WARNING).tolist()


def test_a_constant_that_jumps_is_abnormal() -> None:
    """However small the jump beside what others do; its first wobble, half a percent, is not."""
    one = np.full(150, 10.0)
    one[100] = 10.05
    one[130:] = 13
    (found,) = walked(one)
    assert [130] == np.flatnonzero(found.alarm >= WARNING).tolist()


def test_the_first_activity_of_a_constant_zero_is_no_hundred_sigmas() -> None:
    """There is nothing to compare with: a score like others at most, and one alarm at most."""
    one = np.zeros(200)
    one[100:] = ordinary(1, 100, step=HOUR)[0]
    (found,) = walked(one)
    assert np.nanmax(found.score) < 6
    assert np.count_nonzero(found.alarm >= WARNING) <= 1
    assert np.isfinite(found.score[160:]).all()


def test_a_counter_that_was_reset_is_one_event() -> None:
    """A rate that is nothing for one row and then as before."""
    one = ordinary(1, 200, step=HOUR, seed=3)
    one[0, 150] = 0
    (found,) = walked(one)
    alarms = np.flatnonzero(found.alarm >= WARNING)
    assert [150] == alarms.tolist()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.zeros(120), id="nothing"),
        pytest.param(np.full(120, 1e17), id="next to absurd"),
        pytest.param(np.full(120, 1e-30), id="next to nothing"),
        pytest.param(np.tile([0.0, 1e17], 60), id="from nothing to absurd"),
        pytest.param(np.exp(np.arange(120) / 4.0), id="growing without end"),
        pytest.param(np.where(np.arange(120) % 7 == 0, 5.0, NAN), id="one row in seven"),
        pytest.param(np.where(np.arange(120) < 119, 0.0, 1e17), id="a first and absurd activity"),
        pytest.param(np.random.default_rng(0).lognormal(0, 3, 120), id="rough"),
    ],
)
def test_whatever_comes_a_score_is_a_number(values: Floats) -> None:
    """Never infinite, never below zero; and where nothing came there is none."""
    (found,) = walked(values)
    known = np.isfinite(found.score)
    assert not np.isinf(found.score).any()
    assert (found.score[known] >= 0).all()
    assert np.isfinite(found.alarm).all()
    assert not known[np.isnan(values)].any()


def test_of_several_metrics_one_that_is_abnormal_is_enough() -> None:
    """Whichever it is."""
    for row in range(3):
        three = ordinary(3, 150, step=HOUR, seed=2)
        three[row, 120] += 8
        (found,) = walked(three)
        assert found.alarm[120] >= WARNING


# A real shape


def recorded(name: str) -> tuple[Track, list[tuple[float, float]]]:
    """A file of NAB and its labelled windows, UNIX seconds."""
    with gzip.open(DATA / "nab" / "data" / f"{name}.gz", "rt") as file:
        rows = list(csv.reader(file))[1:]
    labels = json.loads(next((DATA / "nab" / "labels").glob("*windows*.json")).read_text())
    at = [datetime.fromisoformat(row[0] + "+00:00").timestamp() for row in rows]
    windows = [
        tuple(datetime.fromisoformat(t + "+00:00").timestamp() for t in window) for window in labels[name]
    ]
    values = np.array([[float(row[1]) for row in rows]], np.float32)
    return Track(np.array(at), values, float(np.median(np.diff(at)))), windows  # type: ignore[return-value]


@pytest.mark.integration
@pytest.mark.skipif(not (DATA / "nab").is_dir(), reason=f"the real data is not in {DATA} (set HELIOS_DATA)")
@pytest.mark.parametrize("name", ["realAWSCloudwatch/ec2_cpu_utilization_825cc2.csv"])
def test_the_windows_of_a_real_series_are_found(name: str) -> None:
    """At the shipped threshold, with few alarms beside them."""
    past, windows = recorded(name)
    (found,) = walk([past], lambda _share: None)
    raised = past.times[found.alarm >= WARNING]
    for begin, end in windows:
        assert ((raised >= begin) & (raised <= end)).any()
    outside = [t for t in raised if not any(begin <= t <= end for begin, end in windows)]
    judged = np.count_nonzero(np.isfinite(found.score)) * past.step / WEEK
    assert len(outside) <= 1.5 * judged
