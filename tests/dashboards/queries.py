"""Runs every query of a dashboard on a real Prometheus, as Grafana would ask it.

    answers = executed(dashboard("helios-overview"), prometheus.url)
    assert [] == empty(answers)

Variables are filled from the Prometheus itself, in their order, by the queries of the dashboard. Time series and annotations
are range queries, all else is asked at the end of the range. A repeated panel is asked once for each value of its variable.
No Grafana takes part: what it does with a query before it sends it is done here.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

FOLDER = Path(__file__).parents[2] / "dashboards"
UIDS = ("helios-overview", "helios-predictions", "helios-anomalies", "helios-recommendations")
MAX_POINTS = 1000
"""Of one line: a panel is about so many pixels wide."""

NEEDS_OPERATOR = frozenset({"helios_kubernetes_requests_total"})
"""Not there without a cluster: `helios run` and `helios demo` ask no API server."""

NEEDS_STATE = frozenset({"helios_snapshot_timestamp_seconds"})
"""Not there without a state_path: the demo keeps nothing."""

_LABEL_VALUES = re.compile(r"^label_values\((?P<series>.+), *(?P<label>\w+)\)$", re.DOTALL)
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


@dataclass(frozen=True)
class Window:
    """When a dashboard is looked at.

    Attributes:
        end: UNIX seconds.
        seconds: how far back it looks.
        scrape_seconds: what the data source is told about scrapes, Grafana's `timeInterval`.
    """

    end: float
    seconds: float
    scrape_seconds: float = 15.0

    @property
    def step(self) -> float:
        """Grafana's `$__interval`: of whole seconds, and never shorter than a scrape."""
        return max(self.scrape_seconds, float(math.ceil(self.seconds / MAX_POINTS)))

    def macros(self) -> dict[str, str]:
        """Grafana's own variables."""
        rate = max(self.step + self.scrape_seconds, 4 * self.scrape_seconds)
        known = {"__interval": self.step, "__rate_interval": rate, "__range": self.seconds}
        return {name: f"{round(1000 * seconds)}ms" for name, seconds in known.items()}


@dataclass(frozen=True)
class Answer:
    """What came of one query.

    Attributes:
        dashboard, panel, query: where it stands: uid, title, refId (or the variable's or annotation's name).
        asked: PromQL as it was sent.
        series: how many series have at least one number.
        error: what Prometheus said against it.
    """

    dashboard: str
    panel: str
    query: str
    asked: str
    series: int = 0
    error: str = ""

    @property
    def fails(self) -> bool:
        """Whether a reader would see nothing, or an error."""
        return bool(self.error) or not self.series

    def __str__(self) -> str:
        return f"{self.dashboard} / {self.panel} / {self.query}: {self.error or f'{self.series} series'}: {self.asked}"


@dataclass
class Chosen:
    """What is chosen in the variables.

    Attributes:
        values: name -> values.
        all: name -> what a variable that is set to All stands for.
        single: names of those that have one value, which stands in a string and not in a regular expression.
    """

    values: dict[str, list[str]]
    all: dict[str, str] = field(default_factory=dict)
    single: set[str] = field(default_factory=set)

    def filled(self, text: str, macros: Mapping[str, str]) -> str:
        """`text` with its variables replaced as Grafana's Prometheus data source does; unknown ones stay."""

        def put(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            if name in macros:
                return macros[name]
            if name in self.all:
                return self.all[name]
            values = self.values.get(name)
            if values is None:
                return found[0]
            if name in self.single:
                return values[0].replace("\\", "\\\\").replace('"', '\\"')
            if len(values) == 1:
                return _escaped(values[0])
            return f"({'|'.join(_escaped(value) for value in values)})"

        return _VARIABLE.sub(put, text)


def dashboard(uid: str) -> dict[str, Any]:
    """One of the shipped dashboards."""
    content: dict[str, Any] = json.loads((FOLDER / f"{uid}.json").read_text(encoding="utf-8"))
    return content


def panels(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Its panels but for the rows' titles, those of folded rows too."""
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def executed(
    board: Mapping[str, Any],
    url: str,
    window: Window | None = None,
    *,
    chosen: Mapping[str, Sequence[str]] | None = None,
    without: Collection[str] = (),
) -> list[Answer]:
    """Ask everything that a dashboard asks.

    Args:
        board: the dashboard.
        url: of a Prometheus.
        window: when; by default the last five minutes of a Prometheus that scrapes every second.
        chosen: variable -> values that a user (or a link) has chosen; others are as in a dashboard just opened.
        without: metrics that are rightly not there; queries that name one of them are not asked.
    """
    window = window or Window(time.time(), 300.0, 1.0)
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        run = _Run(board["uid"], client, window, frozenset(without))
        selection, answers = _variables(board, run, chosen or {})
        for note in board["annotations"]["list"]:
            answers += run.asked("annotation", note["name"], note["target"]["expr"], selection, instant=False)
        for panel in panels(board):
            answers += _of_panel(panel, run, selection)
    return answers


def failing(answers: Sequence[Answer]) -> list[str]:
    """Those that show nothing, in words."""
    return [str(answer) for answer in answers if answer.fails]


@dataclass(frozen=True)
class _Run:
    """One look at one dashboard."""

    uid: str
    client: httpx.Client
    window: Window
    without: frozenset[str]

    def asked(self, panel: str, name: str, expr: str, chosen: Chosen, *, instant: bool) -> list[Answer]:
        """The answer to a query; none where it is not to be asked."""
        if self.without & set(re.findall(r"\w+", expr)):
            return []
        query = chosen.filled(expr, self.window.macros())
        at = {"time": self.window.end}
        if not instant:
            end = math.floor(self.window.end / self.window.step) * self.window.step
            at = {"start": end - self.window.seconds, "end": end, "step": self.window.step}
        answer = self.client.post(f"/api/v1/query{'' if instant else '_range'}", data={"query": query, **at})
        told = answer.json()
        if told.get("status") != "success":
            return [Answer(self.uid, panel, name, query, error=str(told.get("error", answer.text)))]
        return [Answer(self.uid, panel, name, query, series=_numbers(told["data"]))]

    def values(self, series: str, label: str) -> list[str]:
        """The values of a label, as `label_values` gives them."""
        span = {"start": self.window.end - self.window.seconds, "end": self.window.end}
        answer = self.client.get(f"/api/v1/label/{label}/values", params={"match[]": series, **span})
        found: list[str] = answer.raise_for_status().json()["data"]
        return found


def _variables(
    board: Mapping[str, Any], run: _Run, wanted: Mapping[str, Sequence[str]]
) -> tuple[Chosen, list[Answer]]:
    """What is chosen when the dashboard opens, and what its variables' queries gave."""
    chosen, answers = Chosen({"datasource": ["prometheus"]}), []
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        name = variable["name"]
        asked = chosen.filled(variable["query"]["query"], run.window.macros())
        found = _LABEL_VALUES.match(asked)
        if found is None:
            answers.append(Answer(run.uid, "variable", name, asked, error="is no label_values(…)"))
            continue
        values = run.values(found["series"], found["label"])
        answers.append(Answer(run.uid, "variable", name, asked, series=len(values)))
        preset = variable.get("current", {}).get("value")
        if name in wanted:
            chosen.values[name] = list(wanted[name])
        elif variable["includeAll"]:
            chosen.values[name], chosen.all[name] = values, variable["allValue"]
        else:
            chosen.values[name] = [preset] if preset in values else sorted(values, key=_numbered)[:1] or [""]
        if not variable["multi"]:
            chosen.single.add(name)
    return chosen, answers


def _of_panel(panel: Mapping[str, Any], run: _Run, chosen: Chosen) -> list[Answer]:
    """Its queries' answers; of a repeated panel those for the value that has most to show."""
    repeat = panel.get("repeat")
    copies = [chosen]
    if repeat is not None:
        kept = {name: value for name, value in chosen.all.items() if name != repeat}
        copies = [
            Chosen({**chosen.values, repeat: [value]}, kept, chosen.single) for value in chosen.values[repeat]
        ]
    answers = [
        [
            answer
            for target in panel["targets"]
            for answer in run.asked(
                panel["title"], target["refId"], target["expr"], copy, instant=target["instant"]
            )
        ]
        for copy in copies
    ]
    return min(answers, key=lambda of_copy: sum(answer.fails for answer in of_copy), default=[])


def _numbers(data: Mapping[str, Any]) -> int:
    """How many series have at least one number: NaN is none."""
    found = data["result"] if data["resultType"] in ("vector", "matrix") else [{"value": data["result"]}]
    return sum(
        any(math.isfinite(float(value)) for _, value in one.get("values", [one.get("value")]))
        for one in found
    )


def _escaped(value: str) -> str:
    """A value inside a regular expression inside a string of PromQL."""
    return re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\" * 4))


def _numbered(value: str) -> tuple[float, str]:
    """Numbers within text first, as Grafana sorts numerically."""
    found = re.search(r"\d+", value)
    return (float(found[0]) if found else math.inf), value
