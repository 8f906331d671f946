"""What the benchmarks printed, looked up and told as cells of a table; a dash stands for what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Result = Mapping[str, Any]

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Line:
    """One JSON line of one benchmark.

    Attributes:
        run: what it was run for, as in `make_evidence.RUNS`.
        command: how, to be repeated.
        date: the day.
        models: which models were in force, such as `fleet 1.0.0`.
        whole: whether nothing but what the run is for was asked of it: all fleets, all machines, every origin.
        result: what was printed.
    """

    run: str
    command: str
    date: str
    models: str
    whole: bool
    result: Result


def summary_line(lines: Sequence[Line]) -> Result:
    """The line over all fleets; empty where there is none."""
    return next((line.result for line in reversed(lines) if "summary" in line.result), {})


def summary(lines: Sequence[Line]) -> Result:
    """Of `auto` over all fleets; empty where it was not measured."""
    found: Result = summary_line(lines).get("summary", {}).get("auto", {})
    return found


def over(of: Result, name: str, at: str) -> Result:
    """One figure over all fleets at one horizon or lead time."""
    found: Result = of.get(name, {}).get(at, {})
    return found


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def count(value: float | None, empty: str = NOTHING) -> str:
    """A rounded number with its thousands apart, or `empty`."""
    return empty if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def share(value: float | None, *, digits: int = 0, empty: str = NOTHING) -> str:
    """A share in percent, or `empty`."""
    return empty if value is None else f"{100 * value:.{digits}f} %"


def both(value: float | None, worst: float | None, *, digits: int = 0) -> str:
    """A share and, in brackets, that of the worst decile."""
    return NOTHING if value is None else f"{share(value, digits=digits)} ({share(worst, digits=digits)})"


def spanned(values: Sequence[float | None]) -> str:
    """From the lowest to the highest share."""
    known = [value for value in values if value is not None]
    if not known:
        return NOTHING
    low, high = (f"{100 * value:.0f}" for value in (min(known), max(known)))
    return f"{low} %" if low == high else f"{low}-{high} %"


def slashed(shares: Iterable[float | None]) -> str:
    """Several shares in one cell."""
    return " / ".join(NOTHING if share is None else f"{100 * share:.0f}" for share in shares) + " %"
