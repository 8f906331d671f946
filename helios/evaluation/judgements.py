"""A detector walked over labelled recordings and judged: by NAB's rules where they are NAB's, by events otherwise.

One threshold holds for all files. The shipped default is judged beside the thresholds that look at the labels: it is what a
user has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helios.evaluation.documents import label
from helios.evaluation.suites import Case, Suite
from scoring.anomalies.sigmas import WARNING
from scoring.anomalies.walks import Walk, Walked
from scoring.evaluation import nab
from scoring.evaluation.alarms import RATES, Figures, Judged, at_rate, figures, threshold_at
from scoring.evaluation.volumes import runs_of, vus_pr

Told = Callable[[float], None]
WARM = "warm"
COLD, NEARLY = 0.15, 3
"""The share of a series' rows that warms up a detector, and the rows between two events that are one."""


@dataclass(frozen=True, slots=True)
class Profiled:
    """One of NAB's profiles: at the corpus-optimal threshold, at the shipped default and at a given one."""

    name: str
    optimal: nab.Outcome
    shipped: nab.Outcome
    given: nab.Outcome | None


@dataclass(frozen=True, slots=True)
class Group:
    """Some series judged together.

    Attributes:
        name: a folder, a step, or what else they share; `kind` which of these.
        series, weeks: how many, and how long they are together.
        at_rates: at each of `RATES` by a threshold of the group's own; `at_total` by the whole suite's.
        shipped, given: at the default threshold, and at the one that was asked for.
        volume: the mean VUS-PR of the series with events, all their rows; NaN where there is none.
    """

    name: str
    kind: str
    series: int
    weeks: float
    at_rates: tuple[Figures, ...]
    at_total: tuple[Figures, ...]
    shipped: Figures
    given: Figures | None
    volume: float


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """One file: what the detector said of its judged rows, and what that is worth at the shipped default.

    Attributes:
        case: the file.
        walked: of its judged rows.
        shipped: its events.
        nab: its windows, in the standard profile; None outside of NAB's layout.
        volume: VUS-PR; NaN without an event.
    """

    case: Case
    walked: Walked
    shipped: Figures
    nab: nab.Outcome | None
    volume: float


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """All figures of a suite.

    Attributes:
        suite: what was judged.
        verdicts: by file.
        profiles: NAB's; none in another layout.
        groups: the whole first; in NAB's layout nothing but the whole.
    """

    suite: Suite
    verdicts: tuple[Verdict, ...]
    profiles: tuple[Profiled, ...]
    groups: tuple[Group, ...]


def judge(suite: Suite, walk: Walk, threshold: float | None = None, told: Told = lambda _: None) -> Judgement:
    """Walk a detector over every case and judge it.

    Args:
        suite: at least one case.
        walk: the detector.
        threshold: one more at which it is judged.
        told: is told the share that is walked.
    """
    whole = walk([case.track for case in suite.cases], told)
    walked = [
        Walked(one.score[case.begin :], one.alarm[case.begin :])
        for one, case in zip(whole, suite.cases, strict=True)
    ]
    judged = [
        Judged(one.alarm, case.labels, case.track.step) for one, case in zip(walked, suite.cases, strict=True)
    ]
    volumes = [vus_pr(case.labels, one.score) for one, case in zip(walked, suite.cases, strict=True)]
    scores: Sequence[nab.Outcome | None] = [None] * len(walked)
    profiles: tuple[Profiled, ...] = ()
    if suite.layout == "nab":
        corpus = nab.Corpus.of(
            [len(case.labels) for case in suite.cases], [case.windows for case in suite.cases]
        )
        alarms = [one.alarm for one in walked]
        profiles = tuple(_profiled(corpus, alarms, profile, threshold) for profile in nab.PROFILES)
        scores = corpus.files(alarms, WARNING)
    verdicts = tuple(
        Verdict(case, one, figures([rows], WARNING), score, volume)
        for case, one, rows, score, volume in zip(suite.cases, walked, judged, scores, volumes, strict=True)
    )
    return Judgement(suite, verdicts, profiles, _groups(suite, judged, np.array(volumes), threshold))


def _profiled(
    corpus: nab.Corpus, alarms: Sequence[nab.Scores], profile: nab.Profile, threshold: float | None
) -> Profiled:
    given = None if threshold is None else corpus.at(alarms, threshold, profile)
    return Profiled(profile.name, corpus.best(alarms, profile), corpus.at(alarms, WARNING, profile), given)


def _groups(
    suite: Suite, judged: Sequence[Judged], volumes: NDArray[Any], threshold: float | None
) -> tuple[Group, ...]:
    """The whole, and in the layout of labelled files its steps, its folders and the whole without each file's beginning."""
    cases = suite.cases
    every = np.ones(len(cases), np.bool_)
    total = [threshold_at(judged, rate) for rate in RATES]

    def group(name: str, kind: str, which: NDArray[Any], of: Sequence[Judged] = judged) -> Group:
        some = [one for one, picked in zip(of, which, strict=True) if picked]
        known = volumes[which & ~np.isnan(volumes)] if kind != WARM else np.empty(0)
        return Group(
            name=name,
            kind=kind,
            series=len(some),
            weeks=sum(one.weeks for one in some),
            at_rates=tuple(at_rate(some, rate) for rate in RATES),
            at_total=tuple(figures(some, one) for one in total),
            shipped=figures(some, WARNING),
            given=None if threshold is None else figures(some, threshold),
            volume=float(known.mean()) if len(known) else math.nan,
        )

    found = [group("all", "all", every)]
    if suite.layout == "nab":
        return tuple(found)
    steps = [label(round(case.track.step)) for case in cases]
    warm = [_warm(*pair) for pair in zip(judged, cases, strict=True)]
    found.append(group("all, warmed up", WARM, every, warm))
    found += [
        group(f"{step}, warmed up", WARM, np.array([one == step for one in steps]), warm)
        for step in dict.fromkeys(steps)
        if len(set(steps)) > 1
    ]
    for kind, names in (("step", steps), ("folder", [case.group for case in cases])):
        found += [
            group(name, kind, np.array([one == name for one in names])) for name in dict.fromkeys(names)
        ]
    return tuple(found)


def _warm(judged: Judged, case: Case) -> Judged:
    """Without the first part, where there is no past in front of it, and with events that nearly touch as one.

    No detector knows a series' first rows; and who labels by hand leaves gaps of a row or three within one event.
    """
    begin = max(0, math.ceil(COLD * len(case.track.times)) - case.begin)
    labels = judged.labels.copy()
    for (_, end), (start, _) in pairwise(runs_of(labels).tolist()):
        if start - end - 1 <= NEARLY:
            labels[end:start] = True
    return Judged(judged.alarm[begin:], labels[begin:], judged.step)
