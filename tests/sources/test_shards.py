"""Questions are cut to what servers and proxies accept, and no cell is asked for twice or left out."""

from __future__ import annotations

from urllib.parse import quote_plus

from hypothesis import given
from hypothesis import strategies as st

from helios.sources.recipes import Family, Selection, demand
from helios.sources.shards import MAX_POINTS, MAX_POINTS_PER_SERIES, selections, windows


@given(columns=st.integers(1, 200_000), width=st.integers(0, 3_000_000))
def test_windows_cover_every_column_once_within_both_limits(columns: int, width: int) -> None:
    """Never more than 11,000 points per series, nor a million in all unless one column alone is wider."""
    cut = list(windows(columns, width)) if columns * max(1, width) < 5_000_000_000 else []
    at = 0
    for first, many in cut:
        assert at == first
        assert 1 <= many <= MAX_POINTS_PER_SERIES
        assert many == 1 or many * width <= MAX_POINTS
        at += many
    assert not cut or at == columns


names = st.tuples(st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True), st.just("web"))


def render(selection: Selection) -> str:
    return demand(Family.RAW, "cpu", selection, 300)


@given(wanted=st.sets(names, min_size=1, max_size=120))
def test_every_namespace_is_in_exactly_one_selection_that_fits(wanted: set[tuple[str, str]]) -> None:
    """A query's address stays within the budget unless a single namespace alone is too long."""
    cut = list(selections(wanted, render, budget=2_000))
    assert sorted({space for space, _ in wanted}) == [space for one in cut for space in one.namespaces]
    for one in cut:
        assert len(one.namespaces) == 1 or len(quote_plus(render(one))) <= 2_000


def test_a_small_fleet_is_one_selection_with_its_workloads() -> None:
    """Neighbours in the same namespace are not even asked for."""
    found = list(selections([("shop", "web"), ("shop", "api"), ("data", "db")], render))
    assert [Selection(("data", "shop"), ("api", "db", "web"))] == found


def test_a_large_fleet_leaves_out_the_names_before_it_is_cut() -> None:
    """Hundreds of workloads in one namespace are still one query."""
    wanted = [("shop", f"workload-{i}") for i in range(500)]
    assert [Selection(("shop",))] == list(selections(wanted, render))
