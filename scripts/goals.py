"""The goals that the project set itself for its forecaster before it was built, and whether they are held.

That is told from the figures as they were printed; they are rounded for the eye only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from scripts.readings import NOTHING, Line, Result, both, count, number, over, share, spanned, summary, table

Range = tuple[float, float]

FAR = "30m"
AHEAD = ("5m", "10m", "15m", "30m")
LEADS = ("5m", "10m", "30m")


def goals(of: Mapping[str, Sequence[Line]]) -> str:
    """The table of goals, from the lines by run; a run of a part of the data says nothing about them."""
    of = {run: [line for line in lines if line.whole] for run, lines in of.items()}
    rows = [
        [goal.figure, goal.measured, goal.good, goal.excellent, goal.verdict]
        for goal in (
            _gift_goal(of, "fast_storage", (0.75, 0.43), (0.68, 0.40)),
            _gift_goal(of, "rnd", (1.75, 0.45), (1.66, 0.42)),
            _cold_goal(summary(of.get("cold", []))),
            _trained_goal(summary(of.get("trained", []))),
            *(
                goal(said, summary(of.get(run, [])))
                for goal in (_decile_goal, _coverage_goal, _exceedance_goal)
                for run, said in (("cold", "cold start"), ("trained", "trained"))
            ),
            *_speed_goals(of.get("cycle", [])),
        )
    ]
    head = ["figure", "measured", "good", "excellent", "is"]
    said = (
        "They were set for data that is kept sealed. Measured is the open half, at which choices were made: expect a little "
        "less elsewhere."
    )
    return f"### Goals\n{said}\n\n{table(head, rows)}"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure beside what was wanted of it.

    Attributes:
        figure, measured, good, excellent: as they are told.
        marks: each value with the ranges that are good and excellent, ends included.
    """

    figure: str
    measured: str
    good: str
    excellent: str
    marks: Sequence[tuple[float | None, Range, Range]]

    @property
    def verdict(self) -> str:
        """As good as its worst part; nothing where a part is not known."""
        known = [(value, good, best) for value, good, best in self.marks if value is not None]
        if len(known) < len(self.marks) or not known:
            return NOTHING
        if all(best[0] <= value <= best[1] for value, _, best in known):
            return "excellent"
        return "good" if all(good[0] <= value <= good[1] for value, good, _ in known) else "**short of good**"


def _gift_goal(of: Mapping[str, Sequence[Line]], name: str, good: Range, best: Range) -> Goal:
    found = [line.result for line in of.get("gift", []) if name in line.result["dataset"]]
    ours = found[0]["helios"] if found else {}
    values = (ours.get("mase"), ours.get("crps"))
    measured = " / ".join(number(value, 3) for value in values) if ours else NOTHING
    return Goal(
        f"GIFT-Eval Bitbrains {name} 5T/short, MASE / CRPS",
        measured if ours or not of.get("gift") else "not in the open half",
        " / ".join(f"{limit:.2f}" for limit in good),
        " / ".join(f"{limit:.2f}" for limit in best),
        [(v, (-inf, g), (-inf, b)) for v, g, b in zip(values, good, best, strict=True)],
    )


def _cold_goal(of: Result) -> Goal:
    far, near = over(of, "relative_mae", FAR), over(of, "relative_mae", "5m")
    highest = [one["highest"] for one in (far, near) if one.get("highest") is not None]
    worst = max(highest) if len(highest) == 2 else None
    means = f"{number(far.get('mean'))} ({number(near.get('mean'))}), highest fleet {number(worst)}"
    return Goal(
        "cold start, MAE over persistence: mean of fleet medians at 30 min (5 min)",
        means if far else NOTHING,
        "0.90 (1.00)",
        "0.85 (0.90), none above 1.02",
        [
            (far.get("mean"), (-inf, 0.90), (-inf, 0.85)),
            (near.get("mean"), (-inf, 1.00), (-inf, 0.90)),
            (worst, (-inf, inf), (-inf, 1.02)),
        ],
    )


def _trained_goal(of: Result) -> Goal:
    mean = over(of, "relative_mae", FAR).get("mean")
    figure = "trained on the fleet's own past: the same at 30 min"
    return Goal(figure, number(mean), "0.80", "0.75", [(mean, (-inf, 0.80), (-inf, 0.75))])


def _decile_goal(said: str, of: Result) -> Goal:
    worst = over(of, "relative_mae", FAR).get("worst")
    figure = f"worst decile of all series at 30 min, {said}"
    return Goal(figure, number(worst), "1.05", "1.02", [(worst, (-inf, 1.05), (-inf, 1.02))])


def _coverage_goal(said: str, of: Result) -> Goal:
    found = [over(of, "coverage", at) for at in AHEAD]
    means = [one.get("mean") for one in found]
    lows = [one["worst"] for one in found if one.get("worst") is not None]
    lowest = min(lows, default=None)
    marks: list[tuple[float | None, Range, Range]] = [(mean, (0.75, 0.88), (0.78, 0.83)) for mean in means]
    return Goal(
        f"P10-P90 holds, fleet median (10th percentile of series), 5 to 30 min, {said}",
        f"{spanned(means)} ({share(lowest)})" if lows else NOTHING,
        "75-88 %",
        "78-83 % (75 %)",
        [*marks, (lowest, (-inf, inf), (0.75, inf))],
    )


def _exceedance_goal(said: str, of: Result) -> Goal:
    found = [over(of, "exceedance", lead) for lead in LEADS]
    text = (
        NOTHING
        if not any(found)
        else ", ".join(both(one.get("mean"), one.get("worst"), digits=1) for one in found)
    )
    marks = [(one.get("mean"), (0.01, 0.04), (0.015, 0.025)) for one in found]
    marks += [(one.get("worst"), (-inf, 0.07), (-inf, 0.05)) for one in found]
    figure = f"maximum over 5, 10, 30 min above its Q.98, fleet median (worst decile), {said}"
    return Goal(figure, text, "1-4 % (7 %)", "1.5-2.5 % (5 %)", marks)


def _speed_goals(cycles: Sequence[Line]) -> Iterator[Goal]:
    whole = next((line.result for line in cycles if line.result.get("targets") == 10_000), {})
    rate, cpu = whole.get("forecast_series_per_second"), whole.get("cpu_seconds")
    yield Goal(
        "a cycle of the loop with `auto`, 10,000 targets x 2 metrics",
        NOTHING if cpu is None else f"{cpu:.1f} CPU-s",
        "20",
        "8",
        [(cpu, (-inf, 20), (-inf, 8))],
    )
    yield Goal(
        "series forecast per second and core, features included, in that cycle",
        count(rate),
        "5,000",
        "15,000",
        [(rate, (5_000, inf), (15_000, inf))],
    )
