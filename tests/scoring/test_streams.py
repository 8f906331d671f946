"""The live panel: what is asked of a source, and what stands in the panel whatever the source and the clock do."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.errors import SourceUnavailable
from scoring.metrics_stream import CATCH_UP_COLUMNS, MetricsStream, Workloads
from scoring.panels import Panel, Series, Stretch
from tests.scoring.builders import DOWN, NAN, NOW, STEP, MemorySource, series, steady

ROWS = series(3)
COLUMNS = 40


def stream_of(
    source: MemorySource, *, columns: int = COLUMNS, rows: tuple[Series, ...] = ROWS
) -> MetricsStream:
    """A stream that follows `rows` and has not begun."""
    stream = MetricsStream(source, step=STEP, columns=columns)
    stream.follow(rows)
    return stream


def filled(source: MemorySource, now: float = NOW, **given: int) -> MetricsStream:
    """A stream whose window is complete at `now`."""
    stream = stream_of(source, **given)
    stream.advance(now)
    fill(stream)
    source.reads.clear()
    return stream


def fill(stream: MetricsStream) -> None:
    """Fetch all planned history."""
    while stream.fill():
        pass


def truth(stream: MetricsStream) -> np.ndarray:
    """What the panel would hold if nothing had ever failed."""
    panel = stream.panel()
    return np.array([steady(s.deployment, panel.times) for s in panel.series], np.float32).reshape(
        panel.values.shape
    )


def cells_read(source: MemorySource) -> Counter[tuple[str, int]]:
    """How often each cell was asked for."""
    return Counter(
        (row.deployment, slot)
        for rows, start, end in source.reads
        for row in rows
        for slot in range(round(start / STEP), round(end / STEP) + 1)
    )


def test_the_present_comes_first_and_history_after_it() -> None:
    """After the first cycle the newest columns are there; the rest is planned and comes newest first."""
    source = MemorySource(points_per_read=3 * 5)
    stream = stream_of(source)
    stream.advance(NOW + 20)
    assert NOW == stream.panel().end
    assert not np.isnan(stream.panel().values[:, -2:]).any()
    assert 3 * (COLUMNS - 2) == stream.pending_points
    source.reads.clear()
    fill(stream)
    ends = [end for _, _, end in source.reads]
    assert sorted(ends, reverse=True) == ends
    np.testing.assert_array_equal(truth(stream), stream.panel().values)


def test_nothing_is_asked_for_twice_at_the_start() -> None:
    """The first read and the back-fill together ask for every cell of the window once."""
    source = MemorySource(points_per_read=50)
    stream = stream_of(source)
    stream.advance(NOW)
    fill(stream)
    assert {1} == set(cells_read(source).values())
    assert 3 * COLUMNS == len(cells_read(source))


def test_a_steady_cycle_reads_the_newest_and_one_late_column() -> None:
    """One read of two columns for the whole fleet."""
    source = MemorySource()
    stream = filled(source)
    stream.advance(NOW + STEP)
    assert [(ROWS, NOW, NOW + STEP)] == source.reads
    assert 0 == stream.pending_points


def test_a_late_sample_still_counts() -> None:
    """A sample that arrives a column late fills its gap."""
    source = MemorySource()
    stream = filled(source)
    source.until = NOW
    stream.advance(NOW + STEP)
    assert np.isnan(stream.panel().values[:, -1]).all()
    source.until = NOW + STEP
    stream.advance(NOW + 2 * STEP)
    assert not np.isnan(stream.panel().values[:, -2]).any()


def test_a_repeated_sample_replaces_the_older() -> None:
    """A cell that was still filling up is read again, and its newer value stands."""
    source = MemorySource(demand=lambda _, at: np.ones_like(at))
    stream = filled(source)
    source.demand = lambda _, at: np.full_like(at, 2.0)
    stream.advance(NOW + 60)
    assert [1, 2, 2] == stream.panel().values[0, -3:].tolist()


def test_a_gap_in_the_answer_erases_nothing() -> None:
    """NaN, Inf, negative and absurd answers leave what was observed before."""
    source = MemorySource()
    stream = filled(source)
    before = stream.panel().values.copy()
    for garbage in (NAN, np.inf, -1.0, 1e20):
        source.demand = lambda _, at, g=garbage: np.full_like(at, g)
        stream.advance(NOW)
        np.testing.assert_array_equal(before, stream.panel().values)


def test_a_silent_source_leaves_gaps_never_zeros() -> None:
    """A series of which nothing is known any more ends in NaN while the others go on."""
    source = MemorySource()
    stream = filled(source)
    source.silent = {"api-1"}
    for cycle in range(1, 5):
        stream.advance(NOW + cycle * STEP)
    assert [False, True, False] == np.isnan(stream.panel().values[:, -1]).tolist()
    assert 4 == np.isnan(stream.panel().values[1]).sum()


@pytest.mark.parametrize("outage", [1, 5, CATCH_UP_COLUMNS - 1, CATCH_UP_COLUMNS, 30, COLUMNS, 3 * COLUMNS])
def test_an_outage_is_read_again_once(outage: int) -> None:
    """However long the source was down, no cell is lost and hardly any is asked for twice."""
    source = MemorySource(points_per_read=50)
    stream = filled(source)
    source.down = DOWN
    for cycle in range(1, outage + 1):
        with pytest.raises(SourceUnavailable):
            stream.advance(NOW + cycle * STEP)
        assert NOW + cycle * STEP == stream.panel().end
        with pytest.raises(SourceUnavailable) if stream.pending_points else contextlib.nullcontext():
            stream.fill()
    source.down = None
    stream.advance(NOW + (outage + 1) * STEP)
    fill(stream)
    np.testing.assert_array_equal(truth(stream), stream.panel().values)
    assert 1 == max(cells_read(source).values())


@pytest.mark.parametrize(
    "leap", [2, 11, 12, 13, COLUMNS // 8, COLUMNS - 1, COLUMNS, COLUMNS + 1, 10 * COLUMNS]
)
def test_a_clock_that_leaps_forward_leaves_a_gap_that_is_read_again(leap: int) -> None:
    """Beyond the slack, beyond the window: the panel ends now and is complete once history has come."""
    source = MemorySource(points_per_read=50)
    stream = filled(source)
    stream.advance(NOW + leap * STEP)
    fill(stream)
    assert NOW + leap * STEP == stream.panel().end
    np.testing.assert_array_equal(truth(stream), stream.panel().values)


@pytest.mark.parametrize("step_back", [1, 5, COLUMNS - 1, COLUMNS, 10 * COLUMNS])
def test_a_clock_that_steps_back_drops_what_has_not_happened_yet(step_back: int) -> None:
    """The panel ends now again, the room at its old end is fetched, and coming forward again is complete too."""
    source = MemorySource(points_per_read=50)
    stream = filled(source)
    then = NOW - step_back * STEP
    stream.advance(then)
    fill(stream)
    assert then == stream.panel().end
    np.testing.assert_array_equal(truth(stream), stream.panel().values)
    stream.advance(NOW)
    fill(stream)
    np.testing.assert_array_equal(truth(stream), stream.panel().values)


def test_history_planned_in_a_wrong_future_is_not_asked_for() -> None:
    """A machine that woke up with a clock years ahead asks for nothing that has not happened."""
    source = MemorySource(points_per_read=50)
    stream = stream_of(source)
    stream.advance(NOW + 1000 * STEP)
    source.reads.clear()
    stream.advance(NOW)
    fill(stream)
    assert max(end for _, _, end in source.reads) <= NOW
    np.testing.assert_array_equal(truth(stream), stream.panel().values)


def test_a_back_fill_that_fails_goes_on_where_it_was() -> None:
    """The chunk that failed is asked for again; those that came are not."""
    source = MemorySource(points_per_read=15)
    stream = stream_of(source)
    stream.advance(NOW)
    left = stream.fill(3)
    source.down = DOWN
    for _ in range(3):
        with pytest.raises(SourceUnavailable):
            stream.fill()
    assert left == stream.pending_points
    source.down = None
    fill(stream)
    np.testing.assert_array_equal(truth(stream), stream.panel().values)
    assert {1} == set(cells_read(source).values())


def test_history_that_has_left_the_window_is_not_fetched_any_more() -> None:
    """What is planned never lies outside the window, and the count of it is exact."""
    source = MemorySource(points_per_read=30)
    stream = stream_of(source)
    stream.advance(NOW)
    planned = stream.pending_points
    stream.advance(NOW + 5 * STEP)
    assert planned - 3 * 5 == stream.pending_points
    source.reads.clear()
    fill(stream)
    assert min(start for _, start, _ in source.reads) == stream.panel().start


@pytest.mark.parametrize("points", [1, 2, 3, 7, 40, 1000])
def test_a_read_never_asks_for_more_than_the_source_can_answer(points: int) -> None:
    """Rows and columns are cut to the source's limit, in the present as in the past (the source refuses more)."""
    source = MemorySource(points_per_read=points)
    stream = stream_of(source)
    stream.advance(NOW)
    stream.advance(NOW + 9 * STEP)
    fill(stream)
    np.testing.assert_array_equal(truth(stream), stream.panel().values)


def test_who_stays_keeps_its_past_and_who_comes_gets_one() -> None:
    """Following other series asks the source for the new ones alone."""
    source = MemorySource()
    stream = filled(source)
    more = (Series("shop", "web", "cpu"), *ROWS[1:])
    stream.follow(more)
    assert more == stream.series
    assert not np.isnan(stream.panel().values[1:]).any()
    fill(stream)
    assert {"web"} == {row.deployment for rows, _, _ in source.reads for row in rows}
    np.testing.assert_array_equal(truth(stream), stream.panel().values)


def test_who_goes_is_not_asked_for_any_more() -> None:
    """Planned history of a series that left is forgotten; when it comes back it is planned once."""
    source = MemorySource(points_per_read=30)
    stream = stream_of(source)
    stream.advance(NOW)
    stream.follow(ROWS[1:])
    assert 2 * (COLUMNS - 2) == stream.pending_points
    stream.follow(ROWS)
    source.reads.clear()
    fill(stream)
    assert {1} == set(cells_read(source).values())
    np.testing.assert_array_equal(truth(stream), stream.panel().values)


def test_a_fleet_that_was_empty_is_filled_when_targets_come() -> None:
    """No target for hours, then some: their history is fetched."""
    source = MemorySource()
    stream = stream_of(source, rows=())
    for cycle in range(3):
        stream.advance(NOW + cycle * STEP)
    assert [] == source.reads
    stream.follow(ROWS)
    fill(stream)
    stream.advance(NOW + 3 * STEP)
    np.testing.assert_array_equal(truth(stream), stream.panel().values)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda p: replace(p, step=60.0), id="another step"),
        pytest.param(lambda p: replace(p, start=p.start - STEP), id="another beginning"),
        pytest.param(lambda p: p.for_rows(slice(0, 1)), id="fewer rows"),
        pytest.param(lambda p: p.for_last(1), id="fewer columns"),
    ],
)
def test_an_answer_to_another_question_is_refused(answer: object) -> None:
    """A panel that does not fit counts as no answer, in words, and what was asked for stays planned."""
    source = MemorySource()
    stream = stream_of(source)
    stream.advance(NOW)
    left, before = stream.pending_points, stream.copy_of(slice(None)).values
    source.answer = answer  # type: ignore[assignment] # parametrize types its values as objects
    with pytest.raises(SourceUnavailable, match="asked for"):
        stream.fill()
    with pytest.raises(SourceUnavailable, match="asked for"):
        stream.advance(NOW)
    assert left == stream.pending_points
    np.testing.assert_array_equal(before, stream.panel().values)


ACTIONS = st.one_of(
    st.tuples(st.just("advance"), st.integers(-8, 30)),
    st.tuples(st.just("advance"), st.just(1)),
    st.tuples(st.just("down"), st.booleans()),
    st.tuples(st.just("fill"), st.integers(1, 4)),
    st.tuples(st.just("follow"), st.sampled_from([(0, 1, 2), (0, 2), (2, 1), (1,), (), (0, 1, 2, 3)])),
)


@given(st.lists(ACTIONS, max_size=25), st.sampled_from([4, 31, 1000]))
def test_whatever_happens_the_panel_becomes_whole(actions: list[tuple], points: int) -> None:
    """Outages, clock steps, targets that come and go: nothing false is ever in the panel, and in the end all is."""
    source, rows = MemorySource(points_per_read=points), series(4)
    stream, now = stream_of(source, columns=20), NOW
    stream.advance(now)
    for action, by in actions:
        try:
            if action == "advance":
                now += by * STEP
                stream.advance(now)
            elif action == "fill":
                stream.fill(by)
        except SourceUnavailable:
            pass
        if action == "down":
            source.down = DOWN if by else None
        elif action == "follow":
            stream.follow([rows[i] for i in by])
        seen = stream.panel().values
        np.testing.assert_array_equal(np.where(np.isnan(seen), seen, truth(stream)), seen)
    source.down = None
    stream.advance(now + STEP)
    fill(stream)
    np.testing.assert_array_equal(truth(stream), stream.panel().values)


def test_a_copy_is_safe_while_the_loop_advances() -> None:
    """From any thread a copy is one moment's panel: right values at its own times, however the ring turns."""
    source = MemorySource()
    stream = filled(source)
    wrong: list[float] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            copy = stream.copy_of(slice(1, 2))
            seen, right = copy.values[0], steady("api-1", copy.times).astype(np.float32)
            wrong.extend(seen[~np.isnan(seen) & (seen != right)].tolist())

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    for cycle in range(400):
        stream.advance(NOW + (cycle % 90 - cycle % 7) * STEP)
    stop.set()
    for watcher in watchers:
        watcher.join(10)
    assert [] == wrong


def test_a_copy_does_not_change_any_more() -> None:
    """What another thread holds stays as it was."""
    stream = filled(MemorySource())
    copy = stream.copy_of(slice(None))
    before = copy.values.copy()
    stream.advance(NOW + 3 * STEP)
    np.testing.assert_array_equal(before, copy.values)


def test_workloads_that_describe_another_fleet_are_refused() -> None:
    """Fewer rows than asked for are no answer, and the sentence says which."""
    odd = Workloads(np.ones(1, np.float32), *(np.ones(2, np.float32),) * 3)
    with pytest.raises(SourceUnavailable, match="replicas"):
        odd.checked(2, 2)


def test_impossible_counts_and_requests_are_unknown() -> None:
    """An infinite request would ask for no replicas at all, so it counts as none seen."""
    given = np.array([np.inf, -1, NAN, 1e20, 3], np.float32)
    seen = Workloads(given, given, given, given).checked(5, 5)
    for values in (seen.replicas, seen.request, seen.limit, seen.start_seconds):
        np.testing.assert_array_equal([NAN, NAN, NAN, NAN, 3], values)


def test_a_panel_without_columns_in_common_changes_nothing() -> None:
    """A block from before the window is passed over."""
    stream = filled(MemorySource())
    before = stream.copy_of(slice(None)).values
    old = Panel(ROWS, NOW - 1000 * STEP, STEP, np.ones((3, 5), np.float32), np.zeros((3, 5), np.bool_))
    stream.restore(old)
    np.testing.assert_array_equal(before, stream.panel().values)


def marked(stream: MetricsStream, cycles: int, rows: list[bool], **given: int) -> list[list[bool]]:
    """The mask after some cycles in each of which `rows` were abnormal."""
    for _ in range(cycles):
        stream.advance(stream.panel().end + STEP)
        stream.mark(np.array(rows), **given)
    return stream.panel().masked.tolist()


def test_what_is_abnormal_is_marked_where_it_is_newest() -> None:
    """One column in each cycle, of the abnormal rows alone, also after it was read again as late."""
    masks = marked(filled(MemorySource()), 3, [False, True, False])
    assert [[False] * COLUMNS, [False] * (COLUMNS - 3) + [True] * 3, [False] * COLUMNS] == masks


def test_a_copy_has_its_mask() -> None:
    """Another thread trains on the same stretches."""
    stream = filled(MemorySource())
    marked(stream, 1, [True, False, False], columns=2)
    copy = stream.copy_of(slice(0, 1))
    stream.mark(np.array([True, True, True]), 5)
    assert [[False] * (COLUMNS - 2) + [True] * 2] == copy.masked.tolist()


def test_what_lasts_is_the_new_normal() -> None:
    """After so many columns the mask ends, so that a level that stays is learned."""
    masks = marked(filled(MemorySource()), 8, [True, False, False], most=5)
    assert [False] * (COLUMNS - 8) + [True] * 5 + [False] * 3 == masks[0]


def test_a_young_series_is_never_starved() -> None:
    """Of what was observed of it no more than half is masked."""
    stream = stream_of(MemorySource(until=NOW))
    stream.advance(NOW)
    masks = marked(stream, 6, [True, True, True])
    assert 1 == sum(masks[0])


def test_an_event_is_masked_as_far_as_it_has_come() -> None:
    """Its stretch of the past at once, what follows as it comes, and nothing before it."""
    stream = filled(MemorySource())
    event = Stretch(slice(1, 3), NOW - 2 * STEP, NOW + 2 * STEP)
    stream.cover([event])
    stream.cover([event])
    assert [False] * (COLUMNS - 3) + [True] * 3 == stream.panel().masked[1].tolist()
    for _ in range(4):
        stream.advance(stream.panel().end + STEP)
        stream.cover([event])
    assert [False] * (COLUMNS - 7) + [True] * 4 + [False] * 3 == stream.panel().masked[2].tolist()
    assert not stream.panel().masked[0].any()
