"""Live metrics of the fleet from a Prometheus: demand over time, and what the workloads look like now.

One range query per metric for all targets (more only where a fleet is too large for one), one for every distinct query
that targets bring. It decides nothing, fills no gap and waits for nothing but an answer. See `docs/prometheus.md`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np

from helios.sources.answers import Key, Samples, merged
from helios.sources.ceilings import censored
from helios.sources.clients import Client, Fault, Grid, QueryFailed
from helios.sources.families import Families
from helios.sources.observations import Observations
from helios.sources.questions import Allowance, Question, Rests, ask
from helios.sources.recipes import WELL_KNOWN, Family, Selection, demand, saturation
from helios.sources.rows import Findings, Rows
from helios.sources.shards import selections
from scoring.metrics_stream import Workloads
from scoring.panels import Panel, Series

_CEILINGS = "cpu throttling and limits"
_FORGET_SECONDS = 86_400.0
_FORGET_READS = 1_000


class PrometheusSource:
    """Fulfils `scoring.metrics_stream.Source`.

    Args:
        client: the door to Prometheus; closed with the source.
        matchers: labels that every well-known metric must carry besides, such as `{"cluster": "eu-1"}` where one
            store holds several clusters.
        window_seconds: cpu is averaged over this much, and at least over the grid's step: four scrapes or more.
        recheck_seconds: how long the choice of recipe is kept.
        own_seconds: the targets' own queries of one read have so long together; those that have not begun by then
            wait for a later read, where they come first. The recipes that all share are asked before them.
        clock: seconds that only move forward.
    """

    points_per_read: int = 1_000_000

    def __init__(
        self,
        client: Client,
        *,
        matchers: Mapping[str, str] | None = None,
        window_seconds: float = 300.0,
        recheck_seconds: float = 600.0,
        own_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._matchers = dict(matchers or {})
        self._window = window_seconds
        self._families = Families(client, self._matchers, recheck_seconds, clock)
        self._own_seconds = own_seconds
        self._clock = clock
        self._asked: dict[str, int] = {}
        self._reads = 0
        self._rests = Rests(clock)
        self._widths: dict[tuple[str, tuple[str, ...]], int] = {}
        self._judged: dict[Series, tuple[float, str | None]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections, and every read: one under way in another thread, and those that follow.

        They end at once with SourceUnavailable("closed"). May be called from any thread, more than once.
        """
        self._client.close()

    def problems(self) -> Mapping[Series, str]:
        """What is wrong with single series, by the newest read that asked for each; a healthy series is not in it."""
        return {series: problem for series, (_, problem) in self._judged.items() if problem is not None}

    def read(self, series: Sequence[Series], start: float, end: float, step: float) -> Panel:
        """Demand of `series` on the grid `start, start + step, …, end`.

        A series of which nothing came is a row of NaN, and `problems` says why.

        Raises:
            SourceUnavailable: a query that all share failed, or nothing answers; or the source is closed.
        """
        grid = Grid(start, step, round((end - start) / step) + 1)
        rows = Rows.of(series)
        known, own = self._known_questions(rows, grid), self._own_questions(rows)
        answers = ask(self._client, [one.question for one in known], grid)
        # a fleet's recipes first: what single targets bring may take long, and never costs the others their cycle
        allowance = Allowance.of(self._own_seconds, self._clock)
        answers += ask(self._client, [one.question for one in own], grid, allowance)
        asked = [*known, *own]
        findings = Findings()
        for one, answer in zip(asked, answers, strict=True):
            self._note(one, answer)
            if one.rows is not None:
                findings.add_known(one.rows, answer)
            elif one.row is not None:
                findings.add_own(one.row, answer)
        self._refuse_if_nothing_answered(rows, asked, answers)
        panel = findings.panel(series, grid)
        panel = self._with_ceilings(panel, rows, asked, answers)
        for row, first in rows.twins.items():
            panel.values[row], panel.censored[row] = panel.values[first], panel.censored[first]
        self._judge(panel, rows, findings)
        return panel

    def observe(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        """Replicas, requests, limits and start-up time at this moment by the server's clock; NaN where unknown.

        A metric of a target's own has neither request nor limit here.

        Raises:
            SourceUnavailable: replicas or requests cannot be asked for.
        """
        ask_now = Observations(self._client, self._families, self._rests, self._matchers)
        return ask_now.of(workloads, series)

    def _known_questions(self, rows: Rows, grid: Grid) -> list[_Asked]:
        """One question per well-known metric and shard, and one about ceilings beside each of cpu."""
        spaces = {namespace for known in rows.known.values() for namespace, _, _ in known}
        if not spaces:
            return []
        self._families.look(spaces, grid.end)
        window = max(self._window, grid.step)
        asked = []
        for metric, known in rows.known.items():
            names = [(namespace, name) for namespace, _, name in known]
            sizes = Counter(namespace for namespace, _ in names)
            family = self._families.family(metric, sizes)
            renders: dict[str, Callable[[Selection], str]] = {
                f"{metric} demand": partial(_demand, family, metric, window),
            }
            if metric == "cpu" and self._rests.why(_CEILINGS) is None:
                renders[_CEILINGS] = partial(_saturation, family, window)
            for name, render in renders.items():
                for selection in selections(names, render, self._matchers):
                    wanted = sum(sizes[namespace] for namespace in selection.namespaces)
                    width = max(wanted, self._widths.get((name, selection.namespaces), 0))
                    question = Question(name, render(selection), width, shared=name != _CEILINGS)
                    rows_of = known if name != _CEILINGS else None
                    asked.append(_Asked(question, rows=rows_of, namespaces=selection.namespaces))
        return asked

    def _own_questions(self, rows: Rows) -> list[_Asked]:
        """The targets' own that do not rest: the slow ones last, among equals those that waited longest first."""
        self._reads += 1
        self._asked = {
            query: read for query, read in self._asked.items() if read > self._reads - _FORGET_READS
        }
        awake = [query for query in rows.own if self._rests.why(query) is None]
        questions = []
        for query in sorted(awake, key=lambda one: (self._rests.is_suspect(one), self._asked.get(one, 0))):
            row, name = rows.own[query]
            questions.append(_Asked(Question(_label(name, query), query, 1, shared=False), row=row))
        return questions

    def _note(self, one: _Asked, answer: Samples | QueryFailed) -> None:
        """Remember how wide an answer was, and which query needs a rest."""
        label = _CEILINGS if one.question.name == _CEILINGS else one.question.query
        if one.row is not None and not (isinstance(answer, QueryFailed) and answer.fault is Fault.SKIPPED):
            self._asked[label] = self._reads
        if isinstance(answer, Samples):
            self._rests.worked(label)
            if one.namespaces:
                self._widths[one.question.name, one.namespaces] = len(answer.labels)
        elif answer.fault is Fault.TIMEOUT or label == _CEILINGS:
            self._rests.failed(label, answer.problem)

    def _refuse_if_nothing_answered(
        self, rows: Rows, asked: Sequence[_Asked], answers: Sequence[Samples | QueryFailed]
    ) -> None:
        """Tell an outage from bad queries where all queries are targets' own.

        Raises:
            SourceUnavailable: none was answered, and not because the queries are wrong.
        """
        if rows.known or not rows.own:
            return
        failures = [answer for answer in answers if isinstance(answer, QueryFailed)]
        if len(failures) == len(asked) and all(one.fault is not Fault.QUERY for one in failures):
            query, (_, name) = next(iter(rows.own.items()))
            resting = self._rests.why(query)  # in the same words whether it was asked just now or not
            if resting is not None:
                raise self._client.failure(_label(name, query), Fault.TIMEOUT, resting)
            if failures:
                raise failures[0]

    def _with_ceilings(
        self,
        panel: Panel,
        rows: Rows,
        asked: Sequence[_Asked],
        answers: Sequence[Samples | QueryFailed],
    ) -> Panel:
        held = [
            answer
            for one, answer in zip(asked, answers, strict=True)
            if one.question.name == _CEILINGS and isinstance(answer, Samples)
        ]
        if not held:
            return panel
        return replace(panel, censored=censored(panel, rows.known["cpu"], merged(held)))

    def _judge(self, panel: Panel, rows: Rows, findings: Findings) -> None:
        """Keep what is wrong with each series; a read of older history does not overrule a newer one."""
        silent = np.flatnonzero(np.isnan(panel.values).all(axis=1))
        empty = set(silent.tolist())
        for row, series in enumerate(panel.series):
            problem = self._problem(rows.twins.get(row, row), series, findings) if row in empty else None
            if panel.end >= self._judged.get(series, (-np.inf, None))[0]:
                self._judged[series] = (panel.end, problem)
        newest = max((end for end, _ in self._judged.values()), default=0.0)
        self._judged = {
            series: seen for series, seen in self._judged.items() if seen[0] > newest - _FORGET_SECONDS
        }

    def _problem(self, first: int, series: Series, findings: Findings) -> str:
        if series.query is not None and (resting := self._rests.why(series.query)) is not None:
            return resting
        if first in findings.problems:
            return findings.problems[first]
        if first in findings.returned:
            return "every value is NaN, infinite, negative or absurd: look at the query's own result"
        if series.query is not None:
            return "query matches nothing: run it in Prometheus, and correct the metric's query"
        if series.metric in WELL_KNOWN:
            return self._families.missing(series)
        return (
            f"{series.metric} is neither {' nor '.join(WELL_KNOWN)} and has no query: give the metric a query"
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question and where its answer belongs: to the rows of a recipe, to one row, or to the ceilings."""

    question: Question
    rows: Mapping[Key, int] | None = None
    row: int | None = None
    namespaces: tuple[str, ...] = ()


def _label(name: str, query: str) -> str:
    return f"{name} ({query[:60]})"


def _demand(family: Family, metric: str, window: float, selection: Selection) -> str:
    return demand(family, metric, selection, window)


def _saturation(family: Family, window: float, selection: Selection) -> str:
    return saturation(family, selection, window)
