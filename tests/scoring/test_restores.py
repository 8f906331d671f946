"""A stored panel given back: nothing that it holds is fetched, and everything that it lacks is."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.metrics_stream import MetricsStream
from scoring.panels import Panel, Series
from tests.scoring.builders import NAN, NOW, STEP, MemorySource, series, steady

ROWS = series(3)
COLUMNS = 64


def started(source: MemorySource, stored: Panel, rows: tuple[Series, ...] = ROWS) -> MetricsStream:
    """A new stream that was given a stored panel."""
    stream = MetricsStream(source, step=STEP, columns=COLUMNS)
    stream.follow(rows)
    stream.restore(stored)
    return stream


def stored(*, end: float = NOW, rows: tuple[Series, ...] = ROWS, step: float = STEP) -> Panel:
    """A complete panel."""
    times = end - step * np.arange(COLUMNS - 1, -1, -1)
    values = np.array([steady(s.deployment, times) for s in rows], np.float32)
    return Panel(rows, end - (COLUMNS - 1) * step, step, values, np.zeros(values.shape, np.bool_))


def whole(stream: MetricsStream, now: float) -> bool:
    """Whether the panel is complete and true at `now`, once history has come."""
    stream.advance(now)
    while stream.fill():
        pass
    panel = stream.panel()
    return np.array_equal(
        np.array([steady(s.deployment, panel.times) for s in panel.series], np.float32), panel.values
    )


def test_a_warm_start_fetches_nothing_but_the_present() -> None:
    """With a complete panel of a moment ago, one read brings the stream up to date."""
    source = MemorySource()
    stream = started(source, stored())
    assert whole(stream, NOW + 2 * STEP)
    assert [(ROWS, NOW + STEP, NOW + 2 * STEP)] == source.reads


@pytest.mark.parametrize("age", [5, 30, COLUMNS, 10 * COLUMNS])
def test_a_stale_panel_is_brought_up_to_date(age: int) -> None:
    """What has happened since is fetched, and only what still lies in the window."""
    source = MemorySource()
    stream = started(source, stored())
    assert whole(stream, NOW + age * STEP)
    assert (
        min(age, COLUMNS) * 3
        >= sum(len(rows) * (round((end - start) / STEP) + 1) for rows, start, end in source.reads) - 3 * 2
    )


def test_a_panel_from_the_future_is_cut_to_now() -> None:
    """If the clock was set back since, the columns that have not happened are dropped."""
    stream = started(MemorySource(), stored(end=NOW + 20 * STEP))
    assert whole(stream, NOW)
    assert NOW == stream.panel().end


@pytest.mark.parametrize("step", [60.0, 600.0])
def test_a_panel_of_another_step_is_not_taken(step: float) -> None:
    """Its grid says nothing about this one's: the stream starts cold."""
    source = MemorySource()
    stream = started(source, stored(step=step))
    assert np.isnan(stream.panel().values).all()
    assert whole(stream, NOW)


def test_an_empty_panel_is_not_taken() -> None:
    """A state stored before there were targets changes nothing."""
    stream = started(MemorySource(), stored().for_rows(slice(0, 0)))
    assert whole(stream, NOW)


def test_series_that_were_not_stored_are_fetched_and_others_are_not() -> None:
    """A target added while Helios was down gets its history; those that left are forgotten."""
    source = MemorySource()
    web = Series("shop", "web", "cpu")
    stream = started(source, stored(), (web, *ROWS[1:]))
    assert whole(stream, NOW)
    history = {row.deployment for rows, start, _ in source.reads if start < NOW - STEP for row in rows}
    assert {"web"} == history


def test_history_that_had_not_come_yet_is_planned_again() -> None:
    """A snapshot taken in the midst of a back-fill does not end it."""
    source = MemorySource(points_per_read=3 * 8)
    first = MetricsStream(source, step=STEP, columns=COLUMNS)
    first.follow(ROWS)
    first.advance(NOW)
    first.fill(2)
    source.reads.clear()
    stream = started(source, first.copy_of(slice(None)))
    assert first.pending_points == stream.pending_points
    assert whole(stream, NOW)


def test_an_outage_that_was_not_filled_yet_is_planned_again() -> None:
    """Columns in which nothing at all was observed are fetched after a restart."""
    source, panel = MemorySource(), stored()
    panel.values[:, 20:40] = NAN
    stream = started(source, panel)
    assert 3 * 20 == stream.pending_points
    assert whole(stream, NOW)


def test_the_gaps_of_single_series_are_taken_as_they_are() -> None:
    """A workload that was scaled to nothing for an hour is not asked about at every start."""
    panel = stored()
    panel.values[1, 20:40] = NAN
    assert 0 == started(MemorySource(), panel).pending_points


def test_young_series_make_few_reads() -> None:
    """A hundred targets of a hundred ages are asked about in a handful of reads."""
    rows = series(100)
    panel = stored(rows=rows)
    for age in range(100):
        panel.values[age, : age % COLUMNS] = NAN
    source = MemorySource()
    stream = started(source, panel, rows)
    assert whole(stream, NOW)
    assert len(source.reads) <= 9 + 1


def test_stored_garbage_is_not_believed() -> None:
    """Values that cannot be demand are gaps, wherever they come from."""
    panel = stored()
    panel.values[0, 3:6] = [-1, np.inf, 1e20]
    assert np.isnan(started(MemorySource(), panel).panel().values[0, 3:6]).all()


def test_a_panel_restored_late_erases_nothing() -> None:
    """What the source has said since is newer than what was stored."""
    source = MemorySource()
    stream = MetricsStream(source, step=STEP, columns=COLUMNS)
    stream.follow(ROWS)
    stream.advance(NOW)
    old = stored()
    old.values[:] = 1.0
    stream.restore(old)
    assert 1.0 not in stream.panel().values[:, -2:]
    assert (stream.panel().values[:, :-2] == 1.0).all()


def test_the_stored_panel_is_a_copy() -> None:
    """What is on its way to the disk does not change any more."""
    stream = started(MemorySource(), stored())
    kept = stream.copy_of(slice(None))
    before = kept.values.copy()
    stream.advance(NOW + 30 * STEP)
    np.testing.assert_array_equal(before, kept.values)
