"""helios-recommendations: how many replicas Helios wants and why not more, and what KEDA and the HPA made of it."""

from __future__ import annotations

from scoring.gauges import (
    BREAKER_OPEN,
    CONFIDENCE,
    CURRENT,
    LEDGER_HOURS,
    LEDGER_SHORT,
    MAXIMUM,
    MINIMUM,
    RECOMMENDED,
    ROLLOUT,
    SIGNAL,
    TARGET_INFO,
    UNCAPPED,
)
from scripts.dashboards.followers import followed
from scripts.dashboards.frames import ANOMALIES, PREDICTIONS, RECOMMENDATIONS, Band, Board, Cell, large
from scripts.dashboards.panels import (
    BLUE,
    GREEN,
    GREY,
    MINUTES,
    ORANGE,
    PURPLE,
    RED,
    Panel,
    Scale,
    coloured,
    drawn,
    lines,
    numbers,
    rows,
    worded,
)
from scripts.dashboards.queries import (
    ACTUAL,
    REACTIVE,
    WANTED,
    Query,
    above_maximum,
    at_end,
    autoscaled,
    most,
    of_large,
    of_target,
    over_range,
    total,
)

DEAD_BAND = 0.1
"""The HPA ignores a smaller change of the replica count."""

GAP = f"{of_target(RECOMMENDED)} - {of_target(CURRENT)}"


def recommendations() -> Board:
    """The dashboard."""
    return Board(
        RECOMMENDATIONS,
        "Helios / Recommendations",
        "How many replicas Helios wants, and what KEDA and the HPA made of it. Choose what is drawn large.",
        (
            Band("Now", (*_counts(), _targets())),
            Band("Recommended, current, bounds", (Cell(_replicas(), 12, 9),)),
            Band("How sure, and how far from it", _sure()),
            Band("What KEDA and the HPA did", followed()),
            Band("Ledger: the last 7 days", (_ledger(),)),
        ),
        variables=(large(),),
    )


def _counts() -> tuple[Cell, ...]:
    def count(title: str, description: str, expr: str, colour: str) -> Cell:
        scale = Scale(steps=((None, GREEN), (1, colour)), decimals=0)
        return Cell(numbers(title, description, [Query(expr, "targets")], scale), 6, 4)

    gap = f"abs({GAP}) > bool {DEAD_BAND} * {of_target(CURRENT)}"
    return (
        count(
            "In Autoscale",
            "Targets whose replicas Helios moves. For all others this page says what it would do.",
            autoscaled("1"),
            GREEN,
        ),
        count(
            "Not there yet",
            "Targets in Autoscale more than 10 % away from what is recommended. For minutes: KEDA or the HPA does not follow, see below.",
            autoscaled(gap),
            ORANGE,
        ),
        count(
            "Above their maximum",
            "Targets whose demand asks for more replicas than run and than spec.replicas.max allows: raise it, or expect saturation.",
            above_maximum(),
            RED,
        ),
        count(
            "Breakers open",
            "Targets in Autoscale that lost to the reactive path and have withdrawn their forecast: their Scaling condition says why.",
            total(BREAKER_OPEN),
            ORANGE,
        ),
    )


def _targets() -> Cell:
    table = rows(
        "Targets",
        "gap: recommended less current. Uncapped above max: raise max. Recommended above uncapped: something keeps replicas, `kubectl describe ht` "
        "says what. rollout: how far the signal may be from a plain HPA's; 100 %: not limited.",
        [
            Query(of_target(TARGET_INFO, by=("mode", "model")), ""),
            Query(of_target(CURRENT), "current"),
            Query(of_target(RECOMMENDED), "recommended"),
            Query(GAP, "gap"),
            Query(of_target(UNCAPPED), "uncapped"),
            Query(of_target(MINIMUM), "min"),
            Query(of_target(MAXIMUM), "max"),
            Query(of_target(CONFIDENCE), "confidence"),
            Query(of_target(BREAKER_OPEN), "breaker"),
            Query(of_target(ROLLOUT), "rollout"),
        ],
        Scale(no_value="-"),
        sort="gap",
        labels=("mode", "model"),
        columns={
            "gap": coloured((None, BLUE), (0, GREEN), (1, ORANGE)),
            "confidence": {"unit": "percentunit", "decimals": 1},
            "breaker": worded({"0": ("closed", GREEN), "1": ("open", RED)}),
            "rollout": {"unit": "percentunit", "decimals": 0},
        },
        leads_to={PREDICTIONS: "Predictions", ANOMALIES: "Anomalies"},
    )
    return Cell(table, 24, 7)


def _replicas() -> Panel:
    panel = lines(
        "$large",
        "Recommended is what Helios publishes; the signal is what KEDA reads; uncapped is what demand alone asks for. "
        "Uncapped beyond max: saturation is near.",
        of_large(
            Query(of_target(CURRENT), "current"),
            Query(of_target(RECOMMENDED), "recommended"),
            Query(of_target(SIGNAL), "signal"),
            Query(of_target(UNCAPPED), "uncapped"),
            Query(of_target(MINIMUM), "min"),
            Query(of_target(MAXIMUM), "max"),
        ),
        Scale(least=0),
    )
    drawn(panel, "current", BLUE, width=2)
    drawn(panel, "recommended", GREEN, width=2)
    drawn(panel, "signal", ORANGE, dashed=True)
    drawn(panel, "uncapped", PURPLE, dashed=True)
    drawn(panel, "min", GREY, dashed=True)
    drawn(panel, "max", RED, dashed=True)
    return panel.repeat("large").repeat_direction("h").max_per_row(2)


def _sure() -> tuple[Cell, ...]:
    confidence = lines(
        "Confidence",
        "Probability that demand stays under the recommended capacity over the lead time; the ten lowest. Below 90 %: max is in the way, or "
        "demand is beyond what was seen.",
        [Query(most(of_target(CONFIDENCE), f"0 - {over_range('min_over_time', CONFIDENCE)}"))],
        Scale(
            unit="percentunit",
            steps=((None, RED), (0.9, GREEN)),
            most=1,
            no_value="no forecast with skill: decided reactively",
        ),
        line=True,
    )
    gap = lines(
        "Recommended less current",
        "Above 0 more replicas are wanted than run. In Autoscale it returns to 0 within a minute or two; else look below. The ten largest now.",
        [Query(most(GAP, f"abs({at_end(RECOMMENDED)} - {at_end(CURRENT)})"))],
        Scale(steps=((None, BLUE), (0, GREEN))),
        line=True,
    )
    return (Cell(confidence, 12, 8), Cell(gap, 12, 8))


def _ledger() -> Cell:
    own = {"unit": MINUTES, "decimals": 0}
    hours, short = (
        ("hours as it ran", "hours recommended", "hours reactive"),
        ("short as it ran", "short recommended", "short reactive"),
    )
    change = f"{of_target(LEDGER_HOURS, WANTED)} / {of_target(LEDGER_HOURS, ACTUAL)} - 1"
    table = rows(
        "Ledger",
        "Replica-hours, and minutes short. Choose Autoscale where Helios is less short, or as short with fewer hours, than as it ran and than a plain HPA.",
        [
            Query(of_target(LEDGER_HOURS, ACTUAL), hours[0]),
            Query(of_target(LEDGER_HOURS, WANTED), hours[1]),
            Query(of_target(LEDGER_HOURS, REACTIVE), hours[2]),
            Query(change, "change"),
            Query(of_target(LEDGER_SHORT, ACTUAL), short[0]),
            Query(of_target(LEDGER_SHORT, WANTED), short[1]),
            Query(of_target(LEDGER_SHORT, REACTIVE), short[2]),
        ],
        Scale(no_value="-"),
        sort="-change",
        columns={"change": {"unit": "percentunit", "decimals": 1, **coloured((None, GREEN), (0, ORANGE))}}
        | dict.fromkeys(short, own),
        leads_to={PREDICTIONS: "Predictions"},
    )
    return Cell(table, 24, 7)
