"""Replaying a trace: real values at their time, on any grid, and never one before its time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.errors import TraceError
from helios.sources.replay import Column, ReplaySource
from helios.sources.traces import Trace
from scoring.metrics_stream import Workloads
from scoring.panels import Series

WEB, API = Series("shop", "web", "cpu"), Series("shop", "api", "cpu")
NAN = np.nan


def trace(*columns: list[float], start: float = 0.0, step: float = 300.0) -> Trace:
    """Columns a, b, … on a grid."""
    names = tuple("abcdefgh"[: len(columns)])
    return Trace("made", names, start, step, np.array(columns, np.float32))


def always(moment: float) -> Callable[[], float]:
    """A clock that stands still."""
    return lambda: moment


def test_the_same_grid_is_played_as_it_is() -> None:
    """Scaled and moved in time; a series that nobody plays is a gap and a readable problem."""
    source = ReplaySource({WEB: Column(trace([1, NAN, 3], [7, 8, 9]), "b", scale=2.0)}, shift_seconds=900)
    panel = source.read((API, WEB), 600, 2100, 300)
    np.testing.assert_array_equal([[NAN] * 6, [NAN, 14, 16, 18, NAN, NAN]], panel.values)
    assert ((API, WEB), 600, 300, 2100) == (panel.series, panel.start, panel.step, panel.end)
    assert not panel.censored.any()
    assert "assign one" in source.problems()[API]


def test_a_finer_trace_is_averaged_over_what_was_observed() -> None:
    """Gaps do not count as zero, and a step without any observation is a gap."""
    made = trace([1, 2, 3, NAN, 5, 6, NAN, NAN, NAN, 10], step=100)
    panel = ReplaySource({WEB: Column(made, "a")}, now=lambda: 1e9).read((WEB,), 0, 1200, 300)
    np.testing.assert_array_equal([[2, 5.5, NAN, 10, NAN]], panel.values)


def test_a_coarser_trace_holds_for_one_step_and_is_never_interpolated() -> None:
    """A gap in the trace stays one; the last value does not last for ever."""
    made = trace([1, NAN, 3], step=300)
    panel = ReplaySource({WEB: Column(made, "a")}).read((WEB,), 0, 1000, 100)
    np.testing.assert_array_equal([[1, 1, 1, NAN, NAN, NAN, 3, 3, 3, NAN, NAN]], panel.values)


def test_the_newest_step_knows_only_what_has_been_reached() -> None:
    """Samples inside the newest step that lie after the moment of reading are not told."""
    made = trace([1, 2, 3, 4, 5, 6], step=100)
    for now, expected in ((300.0, 4.0), (399.0, 4.0), (400.0, 4.5), (500.0, 5.0), (900.0, 5.0)):
        source = ReplaySource({WEB: Column(made, "a")}, now=always(now))
        assert [2.0, expected] == source.read((WEB,), 0, 300, 300).values[0].tolist()
    assert [2.0, 4.0] == ReplaySource({WEB: Column(made, "a")}).read((WEB,), 0, 300, 300).values[0].tolist()


def test_traces_of_different_years_play_together() -> None:
    """Each column has a shift of its own."""
    old, new = trace([1, 2], start=0), trace([3, 4], start=86_400)
    source = ReplaySource({WEB: Column(old, "a", shift_seconds=86_400), API: Column(new, "a")})
    assert source.read((WEB, API), 86_400, 86_700, 300).values.tolist() == [[1, 2], [3, 4]]
    assert source.read((API,), 86_400, 86_700, 300).values.tolist() == [[3, 4]]


def test_the_observer_tells_replicas() -> None:
    """Whoever plays the autoscaler says what is there; without one, nothing is known."""

    class Three:
        """Always three replicas."""

        def observe(self, workloads: object, series: object) -> Workloads:
            ones = np.ones(1, np.float32)
            return Workloads(ones * 3, ones, ones, ones)

    columns = {WEB: Column(trace([1, 2]), "a")}
    asked = [("shop", "web", "Deployment")]
    assert ReplaySource(columns, observer=Three()).observe(asked, (WEB,)).replicas.tolist() == [3]
    unknown = ReplaySource(columns).observe(asked, (WEB, API))
    assert [1, 2, 2, 1] == [
        len(one) for one in (unknown.replicas, unknown.request, unknown.limit, unknown.start_seconds)
    ]
    assert np.isnan([*unknown.replicas, *unknown.request, *unknown.limit, *unknown.start_seconds]).all()


def test_impossible_assignments_are_refused() -> None:
    """By the column's name and the scale's value."""
    with pytest.raises(TraceError, match="has no column 'z'"):
        Column(trace([1, 2]), "z")
    for scale in (0.0, -1.0, NAN, np.inf):
        with pytest.raises(TraceError, match="is not a positive number"):
            Column(trace([1, 2]), "a", scale=scale)


sample = st.one_of(st.just(NAN), st.floats(0, 1e6, width=32))


@given(
    values=st.lists(sample, min_size=1, max_size=40),
    trace_step=st.sampled_from([10, 60, 100, 300, 450, 3600]),
    step=st.sampled_from([60, 300, 600]),
    first=st.integers(-20, 40),
    columns=st.integers(1, 30),
    offset=st.integers(-1000, 1000),
    late=st.integers(0, 1000),
)
def test_every_cell_is_what_a_plain_loop_says(
    values: list[float], trace_step: int, step: int, first: int, columns: int, offset: int, late: int
) -> None:
    """For any steps, shifts and gaps; and no cell depends on a sample from after the moment of reading."""
    start, end = first * step, (first + columns - 1) * step
    now = end + late
    samples = {offset + i * trace_step: np.float32(value) for i, value in enumerate(values)}

    def plain(at: int) -> float:
        if trace_step < step:
            inside = [one for when, one in samples.items() if at <= when < at + step and when <= now]
            seen = [float(one) for one in inside if not np.isnan(one)]
            return sum(seen) / len(seen) if seen else NAN
        held = [one for when, one in samples.items() if at - trace_step < when <= at]
        return float(held[0]) if held else NAN

    source = ReplaySource(
        {WEB: Column(trace(values, step=trace_step), "a")}, shift_seconds=offset, now=lambda: now
    )
    expected = [[plain(start + i * step) for i in range(columns)]]
    np.testing.assert_allclose(source.read((WEB,), start, end, step).values, expected, rtol=1e-5, atol=1e-5)
