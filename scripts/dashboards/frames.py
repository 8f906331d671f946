"""What every dashboard has around its panels: variables, links, annotations, numbers and places.

Panels are given in rows; their places on Grafana's grid, their ids and the ids of their queries follow from the order, so
that the output is the same in every run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from scoring.gauges import ANOMALY_DETECTED, ANOMALY_MUTED, DEMAND, PREDICTED_DEMAND, TARGET_INFO
from scripts.dashboards.panels import GREY, ORANGE, SOURCE, Panel
from scripts.dashboards.queries import SELECTED, of_target, series

OVERVIEW, PREDICTIONS, ANOMALIES, RECOMMENDATIONS = UIDS = (
    "helios-overview",
    "helios-predictions",
    "helios-anomalies",
    "helios-recommendations",
)
WIDTH = 24
TAG = "helios"
INTERVALS_OWN = ("auto", "auto_min", "auto_count")
"""The SDK gives them to every variable; Grafana knows them of intervals alone."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A panel and its size on the grid of 24 columns."""

    panel: Panel
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Band:
    """A titled row of cells; the next line begins where the width is used up."""

    title: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard.

    Attributes:
        uid: and name of its file.
        title, description: as Grafana lists it.
        bands: what it shows, from the top.
        since: begin of the time range, as in `now-6h`.
        variables: beside datasource, namespace and deployment.
    """

    uid: str
    title: str
    description: str
    bands: Sequence[Band]
    since: str = "now-6h"
    variables: Sequence[builders.QueryVariable] = ()


def choice(
    name: str, label: str, query: str, description: str, *, several: bool = False
) -> builders.QueryVariable:
    """A variable whose values Prometheus knows; `several`: any number of them, all at first."""
    variable = builders.QueryVariable(name).label(label).description(description).datasource(SOURCE)
    variable.query({"query": query, "refId": f"Variable-{name}"})
    variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    variable.sort(models.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC).multi(several).include_all(several)
    return variable.all_value(".+") if several else variable


def horizon() -> builders.QueryVariable:
    """How far ahead: one of the horizons that the chosen targets are forecast for."""
    variable = choice(
        "horizon",
        "Horizon",
        f"label_values({series(PREDICTED_DEMAND)}, horizon)",
        "How far ahead the prediction was made.",
    )
    return variable.sort(models.VariableSort.NUMERICAL_ASC)


def metric() -> builders.QueryVariable:
    """What of the target: cpu, memory, or a metric of its own."""
    variable = choice(
        "metric",
        "Metric",
        f"label_values({series(DEMAND)}, metric)",
        "Demand of which kind: cpu in cores, memory in bytes, others in their own unit.",
    )
    return variable.current(models.VariableOption(text="cpu", value="cpu"))


def large() -> builders.QueryVariable:
    """Which of the chosen deployments have a large panel of their own: at first one, however large the fleet.

    Grafana takes the first value of a variable that has neither a value nor All; one that has All opens with All.
    """
    variable = choice(
        "large",
        "Drawn large",
        f"label_values({series(TARGET_INFO)}, deployment)",
        "Those of the chosen deployments that have a panel of their own: the first, until you choose others.",
    )
    return variable.multi(True)


def text(board: Board) -> str:
    """A dashboard as Grafana imports it: indented JSON with a final newline."""
    made = builders.Dashboard(board.title).uid(board.uid).description(board.description).tags([TAG])
    made.time(board.since, "now").refresh("1m").timezone("browser").editable()
    made.tooltip(models.DashboardCursorSync.CROSSHAIR)
    for variable in (_datasource(), *_selection(), *board.variables):
        made.with_variable(variable)
    for uid, title in TITLES.items():
        if uid != board.uid:
            made.link(_link(uid, title))
    for annotation in _annotations():
        made.annotation(annotation)
    content = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    for variable in content["templating"]["list"]:
        for key in INTERVALS_OWN:
            variable.pop(key, None)
    content["annotations"]["list"] = [
        _annotation(one, of_target(gauge))
        for one, gauge in zip(content["annotations"]["list"], (ANOMALY_DETECTED, ANOMALY_MUTED), strict=True)
    ]
    content["panels"] = _placed(board.bands)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


TITLES: Mapping[str, str] = {
    OVERVIEW: "Overview",
    PREDICTIONS: "Predictions",
    ANOMALIES: "Anomalies",
    RECOMMENDATIONS: "Recommendations",
}
"""What the links between the dashboards are called."""


def _datasource() -> builders.DatasourceVariable:
    variable = builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return variable.description("The Prometheus that scrapes Helios.")


def _selection() -> tuple[builders.QueryVariable, builders.QueryVariable]:
    known = TARGET_INFO.name
    return (
        choice(
            "namespace", "Namespace", f"label_values({known}, namespace)", "Of the targets.", several=True
        ),
        choice(
            "deployment",
            "Deployment",
            f"label_values({known}{{{SELECTED[0]}}}, deployment)",
            "The targets' workloads.",
            several=True,
        ),
    )


def _link(uid: str, title: str) -> builders.DashboardLink:
    link = builders.DashboardLink(title).type(models.DashboardLinkType.LINK).url(f"/d/{uid}")
    return link.icon("dashboard").include_vars(True).keep_time(True).tooltip(f"{title} of the same targets")


def _annotations() -> tuple[builders.AnnotationQuery, ...]:
    def regions(name: str, colour: str, *, enabled: bool) -> builders.AnnotationQuery:
        return builders.AnnotationQuery().name(name).datasource(SOURCE).enable(enabled).icon_color(colour)

    return (regions("Anomalies", ORANGE, enabled=True), regions("Muted anomalies", GREY, enabled=False))


def _annotation(made: dict[str, object], expr: str) -> dict[str, object]:
    """With its query, of which the SDK has no type: regions are drawn where it is 1."""
    target = {"refId": "Anno", "expr": expr, "datasource": made["datasource"]}
    texts = {"titleFormat": made["name"], "textFormat": "{{namespace}}/{{deployment}}"}
    return {**made, **texts, "target": target}


def _placed(bands: Sequence[Band]) -> list[dict[str, object]]:
    """Panels in the order of their ids: rows, and in them cells from left to right."""
    placed: list[dict[str, object]] = []
    top = 0
    for band in bands:
        title = {"title": band.title, "type": "row", "collapsed": False, "panels": []}
        placed.append({"id": len(placed) + 1, **title, "gridPos": _place(0, top, WIDTH, 1)})
        left, top, height = 0, top + 1, 0
        for cell in band.cells:
            if left + cell.width > WIDTH:
                left, top, height = 0, top + height, 0
            panel = json.loads(json.dumps(cell.panel.build(), cls=JSONEncoder))
            for place, target in enumerate(panel["targets"]):
                target["refId"] = chr(ord("A") + place)
            panel["options"].pop("footer", None)  # the SDK's default; Grafana 12 has it in columns
            panel["id"] = len(placed) + 1
            panel["gridPos"] = _place(left, top, cell.width, cell.height)
            placed.append(panel)
            left, height = left + cell.width, max(height, cell.height)
        top += height
    return placed


def _place(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "w": width, "h": height}
