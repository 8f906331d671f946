"""The kinds of panels that the dashboards are made of, in Grafana's own types: each looks the same wherever it stands.

What a panel shows and why is said by the module of its dashboard; where it stands, by `frames`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from scripts.dashboards.queries import TARGET, Query

Panel = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel
Kind = TypeVar("Kind", stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)
Step = tuple[float | None, str]
Value = dict[str, object]

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, ORANGE, RED, BLUE, PURPLE, GREY = "green", "orange", "red", "blue", "purple", "text"
MINUTES = "suffix: min"
"""Grafana's own minutes turn into hours and days, which cannot be compared at a glance."""

CALM: tuple[Step, ...] = ((None, GREEN),)
NEUTRAL: tuple[Step, ...] = ((None, BLUE),)
NAME_WIDTH = 160
"""Pixels of a column of names: the numbers beside it need half of them."""

UNSCORED = "no target is scored: is helios scraped, with honorLabels?"
KEPT = "${datasource:queryparam}&var-namespace=${__data.fields.namespace}&var-deployment=${__data.fields.deployment}&${__url_time_range}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How values are read.

    Attributes:
        unit: Grafana's id of it.
        steps: values from which on a colour holds.
        decimals: digits after the point; None leaves it to Grafana.
        least, most: the axis reaches down and up to them.
        no_value: what stands there when there is nothing.
    """

    unit: str = "short"
    steps: Sequence[Step] = NEUTRAL
    decimals: int | None = None
    least: float | None = None
    most: float | None = None
    no_value: str = UNSCORED


COUNT = Scale()


def numbers(
    title: str,
    description: str,
    queries: Sequence[Query],
    scale: Scale = COUNT,
    *,
    texts: Mapping[str, tuple[str, str]] | None = None,
    leads_to: str = "",
) -> stat.Panel:
    """Large numbers of this moment, side by side: each element of each query is one.

    Args:
        title: of the panel.
        description: what it says and what to do about it.
        queries: as they stand there.
        scale: of all of them.
        texts: value -> what stands there instead, and its colour.
        leads_to: uid of the dashboard that says more of it.
    """
    panel = _panel(stat.Panel(), title, description, scale)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
    panel.graph_mode(kinds.BigValueGraphMode.NONE).color_mode(kinds.BigValueColorMode.VALUE)
    panel.text_mode(
        kinds.BigValueTextMode.VALUE
        if len(queries) == 1 and "{{" not in queries[0].legend
        else kinds.BigValueTextMode.VALUE_AND_NAME
    )
    panel.orientation(kinds.VizOrientation.VERTICAL)
    panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    if texts:
        panel.mappings([mapped(texts)])
    if leads_to:
        link = {"title": "Which ones?", "url": f"/d/{leads_to}?${{__all_variables}}&${{__url_time_range}}"}
        panel.override_by_regexp("/.*/", [models.DynamicConfigValue("links", [link])])
    return panel.targets([_instant(query) for query in queries])


def lines(
    title: str,
    description: str,
    queries: Sequence[Query],
    scale: Scale = COUNT,
    *,
    stacked: bool = False,
    bars: bool = False,
    line: bool = False,
) -> timeseries.Panel:
    """Series over time.

    Args:
        title: of the panel.
        description: what it says and what to do about it.
        queries: their series.
        scale: of the axis.
        stacked: on top of each other.
        bars: counts of an interval are bars.
        line: draw the scale's steps as dashed lines.
    """
    panel = _panel(timeseries.Panel(), title, description, scale)
    panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    panel.legend(_legend(["lastNotNull"]))
    panel.tooltip(
        common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING)
    )
    panel.line_width(1).show_points(kinds.VisibilityMode.NEVER).fill_opacity(0)
    if bars:
        panel.draw_style(kinds.GraphDrawStyle.BARS).fill_opacity(70)
    if stacked:
        panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A")).fill_opacity(40)
    if line:
        style = kinds.GraphThresholdsStyleMode.DASHED
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
    if scale.least is not None:
        panel.axis_soft_min(scale.least)
    if scale.most is not None:
        panel.axis_soft_max(scale.most)
    return panel.targets([_range(query) for query in queries])


def states(
    title: str,
    description: str,
    queries: Sequence[Query],
    texts: Mapping[str, tuple[str, str]],
    *,
    no_value: str = UNSCORED,
) -> statetimeline.Panel:
    """States over time, a bar per series: value -> what it is called, and its colour."""
    scale = Scale(unit="none", steps=((None, GREY),), no_value=no_value)
    panel = _panel(statetimeline.Panel(), title, description, scale)
    panel.mappings([mapped(texts)]).show_value(kinds.VisibilityMode.NEVER).merge_values(True).row_height(0.8)
    panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel.legend(_legend([]))
    return panel.targets([_range(query) for query in queries])


def rows(
    title: str,
    description: str,
    queries: Sequence[Query],
    scale: Scale = COUNT,
    *,
    sort: str,
    labels: tuple[str, ...] = (),
    columns: Mapping[str, Value] | None = None,
    leads_to: Mapping[str, str],
) -> table.Panel:
    """A table: a row per target (or per further label), a column per query.

    Args:
        title: of the panel.
        description: what it says and what to do about it.
        queries: the columns; their legends are the columns' names. One without a legend gives its labels alone.
        scale: of columns that have none of their own.
        sort: the column that the rows are sorted by, the largest first; with a minus before it the smallest.
        labels: columns after the target that are labels.
        columns: column -> what it has of its own, as Grafana's field properties.
        leads_to: uid -> what the link from a target to that dashboard is called: the first from the deployment, another from
            the column that is sorted by. A cell with two links hides them in a menu.
    """
    panel = _panel(table.Panel(), title, description, scale).min_width(80)
    panel.targets([_instant(query, PromQueryFormat.TABLE) for query in queries])
    if len(queries) > 1:
        panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(_tidied(queries, labels))
    sorted_by, ascending = sort.removeprefix("-"), sort.startswith("-")
    panel.sort_by([common.TableSortByFieldState().display_name(sorted_by).desc(not ascending)])
    links = [[{"title": name, "url": f"/d/{uid}?{KEPT}"}] for uid, name in leads_to.items()]
    panel.override_by_name("deployment", [models.DynamicConfigValue("custom.minWidth", NAME_WIDTH)])
    for column, link in zip(("deployment", sorted_by), links, strict=False):
        panel.override_by_name(column, [models.DynamicConfigValue("links", link)])
    for column, own in (columns or {}).items():
        panel.override_by_name(column, [models.DynamicConfigValue(key, value) for key, value in own.items()])
    return panel


def drawn(
    panel: timeseries.Panel, name: str, colour: str, *, width: int = 1, dashed: bool = False, below: str = ""
) -> timeseries.Panel:
    """Give the series of this name a look of its own; `below`: fill down to the series of that name."""
    own = [
        models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour}),
        models.DynamicConfigValue("custom.lineWidth", width),
    ]
    if dashed:
        own.append(models.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [6, 6]}))
    if below:
        own.append(models.DynamicConfigValue("custom.fillBelowTo", below))
        own.append(models.DynamicConfigValue("custom.fillOpacity", 20))
    return panel.override_by_name(name, own)


def marked(panel: stat.Panel, name: str, *steps: Step) -> stat.Panel:
    """Give the number of this name steps of its own."""
    return panel.override_by_name(name, [models.DynamicConfigValue("thresholds", _thresholds(steps))])


def mapped(texts: Mapping[str, tuple[str, str]]) -> models.ValueMap:
    """Value -> what stands there instead, and its colour."""
    return models.ValueMap(
        options={
            value: models.ValueMappingResult(text=text, color=colour, index=place)
            for place, (value, (text, colour)) in enumerate(texts.items())
        }
    )


def coloured(*steps: Step) -> Value:
    """A column's field properties: its cells' text is coloured by value."""
    return {"thresholds": _thresholds(steps), "custom.cellOptions": {"type": "color-text"}}


def worded(texts: Mapping[str, tuple[str, str]]) -> Value:
    """A column's field properties: its cells say words, in colour."""
    return {"mappings": [mapped(texts)], "custom.cellOptions": {"type": "color-text"}}


def _tidied(queries: Sequence[Query], labels: tuple[str, ...]) -> models.DataTransformerConfig:
    """The target first, then its labels, then a column for each query under its own name."""
    values = ["Value"] if len(queries) == 1 else [f"Value #{_letter(place)}" for place in range(len(queries))]
    named = dict(zip(values, (query.legend for query in queries), strict=True))
    options = {
        "excludeByName": {"Time": True} | {value: True for value, name in named.items() if not name},
        "renameByName": {value: name for value, name in named.items() if name},
        "indexByName": {name: place for place, name in enumerate((*TARGET, *labels, *values))},
    }
    return models.DataTransformerConfig(id_val="organize", options=options)


def _thresholds(steps: Sequence[Step]) -> models.ThresholdsConfig:
    listed = [models.Threshold(value=value, color=colour) for value, colour in steps]
    return models.ThresholdsConfig(mode=models.ThresholdsMode.ABSOLUTE, steps=listed)


def _panel(panel: Kind, title: str, description: str, scale: Scale) -> Kind:
    listed = _thresholds(scale.steps).steps
    panel.title(title).description(description).datasource(SOURCE).unit(scale.unit).no_value(scale.no_value)
    panel.thresholds(builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(listed))
    if scale.decimals is not None:
        panel.decimals(scale.decimals)
    return panel


def _legend(calcs: list[str]) -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(kinds.LegendDisplayMode.LIST)
    return legend.placement(kinds.LegendPlacement.BOTTOM).show_legend(True).calcs(calcs)


def _range(query: Query) -> prometheus.Dataquery:
    return _query(query).range()


def _instant(query: Query, form: PromQueryFormat = PromQueryFormat.TIME_SERIES) -> prometheus.Dataquery:
    return _query(query).instant().format(form)


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _query(query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(SOURCE).expr(query.expr).legend_format(query.legend or "__auto")
