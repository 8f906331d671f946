"""What KEDA and the HPA made of a recommendation, as they say it themselves. A part of the recommendations."""

from __future__ import annotations

from scoring.gauges import CURRENT, RECOMMENDED
from scripts.dashboards.frames import PREDICTIONS, Cell
from scripts.dashboards.panels import GREEN, ORANGE, RED, Panel, Scale, lines, rows, worded
from scripts.dashboards.queries import (
    HPA_CONDITION,
    HPA_CURRENT,
    HPA_DESIRED,
    HPA_MAXIMUM,
    HPA_MINIMUM,
    KEDA_ERRORS,
    KEDA_PAUSED,
    KEDA_VALUE,
    Query,
    at_end,
    most,
    of_hpa,
    of_keda,
    of_target,
    of_workload,
)

NO_KEDA = "KEDA's operator is not scraped, or scales nothing here"
NO_STATE = "kube-state-metrics is not scraped, or no HPA scales these"
TRIGGER = "{{namespace}}/{{scaledObject}} {{metric}}"


def followed() -> tuple[Cell, ...]:
    """From the trigger to the replicas."""
    read = lines(
        "What KEDA read",
        "The value of each trigger as KEDA hands it to the HPA. The forecast's (s0-prometheus in Helios' ScaledObjects) is the scaling signal. "
        "A line that stands still for hours: is Prometheus answered?",
        [Query(of_keda(KEDA_VALUE, "metric"), TRIGGER)],
        Scale(no_value=NO_KEDA, least=0),
    )
    errors = lines(
        "KEDA's errors",
        "Triggers that failed. After three in a row KEDA keeps the replicas, or what spec.keda.fallback says: can KEDA reach Prometheus, has "
        "the report expired?",
        [Query(of_keda(KEDA_ERRORS, "metric", window="$__rate_interval"), TRIGGER)],
        Scale(no_value=NO_KEDA, least=0, most=1),
        bars=True,
    )
    furthest = f"abs({at_end(RECOMMENDED)} - {at_end(CURRENT)})"
    wanted = lines(
        "Recommended, desired, there",
        "From Helios to the HPA to the workload. Desired apart from recommended: another trigger, a bound, or the HPA's own behavior. "
        "The ten furthest from what is recommended now.",
        [
            Query(most(of_target(RECOMMENDED), furthest), "recommended {{namespace}}/{{deployment}}"),
            Query(most(of_hpa(HPA_DESIRED), furthest), "desired {{namespace}}/{{deployment}}"),
            Query(most(of_workload(), furthest), "there {{namespace}}/{{deployment}}"),
        ],
        Scale(no_value=NO_STATE, least=0),
    )
    paused = lines(
        "Paused ScaledObjects",
        "1: KEDA has deleted the HPA, nothing scales. Right in Recommend; in Autoscale somebody has set the annotation.",
        [Query(of_keda(KEDA_PAUSED), "{{namespace}}/{{scaledObject}}")],
        Scale(no_value=NO_KEDA, least=0, most=1),
    )
    return (
        Cell(read, 12, 8),
        Cell(errors, 12, 8),
        Cell(wanted, 24, 9),
        Cell(_table(), 14, 6),
        Cell(paused, 10, 6),
    )


def _table() -> Panel:
    limited = of_hpa(HPA_CONDITION, 'condition="ScalingLimited"', 'status="true"')
    active = of_hpa(HPA_CONDITION, 'condition="ScalingActive"', 'status="true"')
    yes = {"0": ("no", GREEN), "1": ("yes", ORANGE)}
    return rows(
        "HPA",
        "limited: it wants more, or fewer, than its bounds allow. Not active: it cannot read its metrics and takes no replica away; "
        "`kubectl describe hpa` says why.",
        [
            Query(of_hpa(HPA_DESIRED), "desired"),
            Query(of_hpa(HPA_CURRENT), "current"),
            Query(of_hpa(HPA_MINIMUM), "min"),
            Query(of_hpa(HPA_MAXIMUM), "max"),
            Query(limited, "limited"),
            Query(active, "active"),
        ],
        Scale(no_value=NO_STATE),
        sort="limited",
        columns={"limited": worded(yes), "active": worded({"0": ("no", RED), "1": ("yes", GREEN)})},
        leads_to={PREDICTIONS: "Predictions"},
    )
