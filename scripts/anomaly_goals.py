"""The goals that the project set itself for its anomaly detector, and which of them the open half of the data reaches.

They are about the sealed half, which this cannot see: what is reached here is no proof that they are held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.readings import NOTHING, Result, count, number, table

Results = Mapping[str, Mapping[str, Result]]
"""By suite, then by detector; the fleet's own line is Helios'."""
Levels = tuple[float, float, float]
"""Good, excellent, moonshot."""

HELIOS, FLEET = "Helios", "fleet"
SUITES = ("nab", "mscloud", "asd", "kpi")
ALL, WARM, HOURLY, MINUTES = "all", "all, warmed up", "1h, warmed up", "1m, warmed up"
NAMES = ("good", "excellent", "moonshot")
BEST = "at the threshold best for these labels"
UNSEEN = "not in the open half"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure beside what was wanted of it.

    Attributes:
        figure, measured, levels: as they are told; `levels` are good, excellent and moonshot.
        marks: each value with its three levels.
        most: whether a level is the most that a value may be; the least otherwise.
    """

    figure: str
    measured: str
    levels: tuple[str, str, str]
    marks: Sequence[tuple[float | None, Levels]] = ()
    most: bool = False

    @property
    def verdict(self) -> str:
        """As good as its worst part; nothing where a part is not known."""
        known = [(value, levels) for value, levels in self.marks if value is not None]
        if len(known) < len(self.marks) or not known:
            return NOTHING
        reached = [
            name
            for i, name in enumerate(NAMES)
            if all(value <= levels[i] if self.most else value >= levels[i] for value, levels in known)
        ]
        return reached[-1] if reached else "**short of good**"


def goals(results: Results) -> str:
    """The table of goals."""
    rows = [
        [goal.figure, goal.measured, *goal.levels, goal.verdict]
        for goal in (
            _nab_goal(results),
            Goal(
                "NAB sealed files, the same threshold: standard / low-FP",
                UNSEEN,
                ("55 / 42", "63 / 54", "70 / 60"),
            ),
            _default_goal(results),
            _recall_goal(results),
            _alarms_goal(results),
            _servers_goal(results),
            _speed_goal(results),
        )
    ]
    head = ["figure", "measured on the open half", *NAMES, "reached there"]
    return table(head, rows)


def group(result: Result, name: str) -> Result:
    """A group of a suite's series; empty where there is none."""
    found: Result = next((one for one in result.get("groups", ()) if one["name"] == name), {})
    return found


def at_rate(of: Result, rate: str) -> Result:
    """A group's figures at so many false alarms a week, `0.25` to `2`; empty where it was not measured."""
    found: Result = of.get("at_false_alarms_per_week", {}).get(rate, {})
    return found


def nab_score(result: Result, profile: str, at: str) -> float | None:
    """NAB's score at the `optimal` threshold of a profile or at the `default` one."""
    found: float | None = result.get("profiles", {}).get(profile, {}).get(at, {}).get("score")
    return found


def ours(results: Results, suite: str) -> Result:
    """Helios' line; empty where it was not measured."""
    return results.get(suite, {}).get(HELIOS, {})


def _nab_goal(results: Results) -> Goal:
    of = ours(results, "nab")
    standard = nab_score(of, "standard", "optimal")
    low = nab_score(of, "reward_low_FP_rate", "optimal")
    return Goal(
        "NAB full, threshold from the open half: standard / low-FP",
        f"{number(standard, 1)} / {number(low, 1)} {BEST}" if of else NOTHING,
        ("62 / 50", "70 / 62", "75 / 66"),
        [(standard, (62, 70, 75)), (low, (50, 62, 66))],
    )


def _default_goal(results: Results) -> Goal:
    score = nab_score(ours(results, "nab"), "standard", "default")
    return Goal(
        "NAB sealed files at the shipped default: standard",
        NOTHING if score is None else f"{score:.1f} at the shipped default",
        ("45", "55", "65"),
        [(score, (45, 55, 65))],
    )


def _recall_goal(results: Results) -> Goal:
    of = ours(results, "mscloud")
    every, hourly, minutes = (at_rate(group(of, name), "1").get("recall") for name in (WARM, HOURLY, MINUTES))
    return Goal(
        "mscloud, recall at 1 false alarm a week, warmed up (hourly; 1-minute)",
        f"{number(every)} ({number(hourly)}; {number(minutes)}) {BEST}" if of else NOTHING,
        (".65 (.70; .25)", ".75 (.80; .45)", ".85 (.90; .65)"),
        [(every, (0.65, 0.75, 0.85)), (hourly, (0.70, 0.80, 0.90)), (minutes, (0.25, 0.45, 0.65))],
    )


def _alarms_goal(results: Results) -> Goal:
    """As good as the suite in which there are most."""
    of = {suite: ours(results, suite).get("alarms_per_week", {}) for suite in SUITES}
    told = [f"{suite} {number(one['median'])}, {number(one['p90'])}" for suite, one in of.items() if one]
    marks: list[tuple[float | None, Levels]] = [(one.get("median"), (1, 1, 1)) for one in of.values()]
    marks += [(one.get("p90"), (4, 2.5, 1.5)) for one in of.values()]
    return Goal(
        "shipped default, alarms a week per series: median, 90th percentile",
        "; ".join(told) or NOTHING,
        ("≤ 1, ≤ 4", "≤ 1, ≤ 2.5", "≤ 1, ≤ 1.5"),
        marks,
        most=True,
    )


def _servers_goal(results: Results) -> Goal:
    every = group(ours(results, "asd"), ALL)
    volume, recall = every.get("vus_pr"), at_rate(every, "1").get("recall")
    return Goal(
        "asd, VUS-PR / recall at 1 false alarm a week",
        f"{number(volume)} / {number(recall)} {BEST}; the model has seen these servers' train parts"
        if every
        else NOTHING,
        (".30 / .50", ".42 / .65", ".55 / .80"),
        [(volume, (0.30, 0.42, 0.55)), (recall, (0.50, 0.65, 0.80))],
    )


def _speed_goal(results: Results) -> Goal:
    rate = ours(results, FLEET).get("series_rows_per_second")
    return Goal(
        "speed, series-rows a second on one core",
        NOTHING if rate is None else f"{count(rate)}, without forecast and companions",
        ("100,000", "500,000", "2,000,000"),
        [(rate, (100_000, 500_000, 2_000_000))],
    )
