"""helios-predictions: what was predicted against what came, how wide the band was, and whether the forecast can be trusted."""

from __future__ import annotations

from scoring.gauges import (
    BIAS,
    COVERAGE,
    DEMAND,
    HORIZON_SKILL,
    PREDICTED_CPU,
    PREDICTED_DEMAND,
    PREDICTED_MEMORY,
    SKILL,
)
from scripts.dashboards.frames import (
    ANOMALIES,
    PREDICTIONS,
    RECOMMENDATIONS,
    Band,
    Board,
    Cell,
    horizon,
    large,
    metric,
)
from scripts.dashboards.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    Panel,
    Scale,
    Step,
    coloured,
    drawn,
    lines,
    numbers,
    rows,
)
from scripts.dashboards.queries import (
    HIGH,
    HORIZON,
    LOW,
    METRIC,
    MIDDLE,
    Query,
    most,
    of_large,
    of_target,
    over_range,
    predicted_for_now,
)

NOMINAL = 0.8
"""Share of demand that ought to fall between P10 and P90."""

NO_FORECAST = "nothing forecast: choose another horizon or metric, or wait for history"


def predictions() -> Board:
    """The dashboard."""
    against = "Prediction against actual: $metric, predicted $horizon before"
    return Board(
        PREDICTIONS,
        "Helios / Predictions",
        "What was predicted against what came. Choose what is drawn large.",
        (
            Band("Can the forecast of $metric be trusted?", _trust()),
            Band(against, (Cell(_against(), 12, 10),)),
            Band("What comes next", (_next(),)),
            Band("How far off was it?", _errors()),
            Band("Utilization predicted for $horizon from now", _ratios()),
        ),
        variables=(metric(), horizon(), large()),
    )


def _will(quantile: str) -> str:
    """What is predicted now, for a horizon ahead."""
    return of_target(PREDICTED_DEMAND, METRIC, HORIZON, quantile)


def _share(steps: tuple[Step, ...], decimals: int = 1) -> Scale:
    return Scale(unit="percentunit", decimals=decimals, steps=steps, no_value=NO_FORECAST)


def _trust() -> tuple[Cell, ...]:
    demand = of_target(DEMAND, METRIC)
    inside = f"({demand} >= bool {predicted_for_now(LOW, METRIC)}) * ({demand} <= bool {predicted_for_now(HIGH, METRIC)})"
    skilled = numbers(
        "Targets with skill",
        "Share whose forecast beats the last value over the lead time. The others are scaled reactively: safe, but late.",
        [Query(f"avg({of_target(SKILL, METRIC)} > bool 0)", "of the targets")],
        _share(((None, ORANGE), (0.5, GREEN)), decimals=0),
    )
    coverage = numbers(
        "Coverage",
        f"Mean share of demand that fell between P10 and P90; {NOMINAL:.0%} is right. Below: the band is too narrow, replicas too few. "
        "Above: it is too wide, and dear.",
        [Query(f"avg({of_target(COVERAGE, METRIC)})", "of the demand")],
        _share(((None, RED), (0.65, ORANGE), (0.72, GREEN), (0.9, ORANGE))),
    )
    bias = numbers(
        "Bias",
        "Mean over the targets of forecast less demand, over demand. Positive: too much is predicted; negative: too little.",
        [Query(f"avg({of_target(BIAS, METRIC)})", "of the demand")],
        _share(((None, ORANGE), (-0.05, GREEN), (0.05, ORANGE))),
    )
    now = numbers(
        "Inside the band now",
        "Share of targets whose demand is now between the P10 and P90 that were predicted for this moment. Low for many at once: a common cause.",
        [Query(f"avg({inside})", "of the targets")],
        _share(((None, BLUE),), decimals=0),
    )
    return (Cell(skilled, 6, 4), Cell(coverage, 6, 4), Cell(bias, 6, 4), Cell(now, 6, 4))


def _against() -> Panel:
    panel = lines(
        "$large",
        "The prediction is moved by its horizon: both lines stand at the time they speak of (not so in a replay at speed). Actual outside the band for long: "
        "see Anomalies. Let the time range end at now+$horizon to look ahead.",
        of_large(
            Query(of_target(DEMAND, METRIC), "actual"),
            Query(predicted_for_now(MIDDLE, METRIC), "predicted"),
            Query(predicted_for_now(HIGH, METRIC), "P90"),
            Query(predicted_for_now(LOW, METRIC), "P10"),
        ),
        Scale(unit="sishort", no_value=NO_FORECAST),
    )
    drawn(panel, "actual", BLUE, width=2)
    drawn(panel, "predicted", ORANGE, width=2)
    drawn(panel, "P90", ORANGE, width=0, below="P10")
    drawn(panel, "P10", ORANGE, width=0)
    return panel.repeat("large").repeat_direction("h").max_per_row(2)


def _next() -> Cell:
    demand = of_target(DEMAND, METRIC)
    steps = coloured((None, GREEN), (0.2, ORANGE), (0.5, RED))
    table = rows(
        "Demand now, and predicted for $horizon from now",
        "A rise of 20 % and more wants replicas before it comes: see Recommendations. Read it with the skill beside it.",
        [
            Query(demand, "now"),
            Query(_will(MIDDLE), "predicted"),
            Query(_will(LOW), "P10"),
            Query(_will(HIGH), "P90"),
            Query(f"{_will(MIDDLE)} / {demand} - 1", "change"),
            Query(of_target(SKILL, METRIC), "skill"),
            Query(of_target(COVERAGE, METRIC), "coverage"),
            Query(of_target(BIAS, METRIC), "bias"),
        ],
        Scale(unit="sishort", no_value="-"),
        sort="change",
        columns={
            "change": {"unit": "percentunit", "decimals": 1, **steps},
            "skill": {
                "unit": "short",
                "decimals": 2,
                **coloured((None, RED), (0, ORANGE), (0.1, GREEN)),
            },
            "coverage": {"unit": "percentunit", "decimals": 1},
            "bias": {"unit": "percentunit", "decimals": 1},
        },
        leads_to={RECOMMENDATIONS: "Recommendations", ANOMALIES: "Anomalies"},
    )
    return Cell(table, 24, 6)


def _errors() -> tuple[Cell, ...]:
    demand = of_target(DEMAND, METRIC)
    worst = f"abs({over_range('avg_over_time', BIAS, METRIC)})"
    error = lines(
        "Error",
        "|predicted - actual| over actual, at the time it was predicted for; the ten targets with the largest bias. "
        "A peak is an event that nobody foretold; a plateau is a forecast gone wrong.",
        [Query(most(f"abs({predicted_for_now(MIDDLE, METRIC)} - {demand}) / {demand}", worst))],
        Scale(unit="percentunit", no_value=NO_FORECAST, least=0),
    )
    skill = lines(
        "Skill by horizon",
        "1 - error / the last value's error, so far ahead; mean of the chosen targets. At 0 and below the last value is as good.",
        [Query(f"avg by (horizon) ({of_target(HORIZON_SKILL, METRIC, by=('horizon',))})", "{{horizon}}")],
        Scale(steps=((None, RED), (0, GREEN)), decimals=2, no_value=NO_FORECAST, least=0),
        line=True,
    )
    coverage = lines(
        "Coverage against the nominal 80 %",
        "Far below the line the band is too narrow, and the recommendation too low for its quantile; far above it is too wide, and dear. "
        "The ten targets with the largest bias.",
        [Query(most(of_target(COVERAGE, METRIC), worst))],
        Scale(unit="percentunit", steps=((None, ORANGE), (NOMINAL, GREEN)), no_value=NO_FORECAST),
        line=True,
    )
    bias = lines(
        "Bias",
        "Forecast less demand, over demand; the ten largest. Positive for long: replicas are wasted; negative: they come late.",
        [Query(most(of_target(BIAS, METRIC), worst))],
        Scale(unit="percentunit", steps=((None, RED), (-0.1, GREEN), (0.1, ORANGE)), no_value=NO_FORECAST),
        line=True,
    )
    return (Cell(error, 12, 8), Cell(skill, 12, 8), Cell(coverage, 12, 8), Cell(bias, 12, 8))


def _ratios() -> tuple[Cell, ...]:
    scale = Scale(
        unit="percentunit",
        steps=((None, GREEN), (0.7, ORANGE), (0.9, RED)),
        no_value="no request is known: give the containers resources.requests",
        least=0,
    )
    cpu = lines(
        "CPU",
        "Of what is requested, at the replica count of the same cycle. From 90 % on replicas are too few unless some are added first.",
        [Query(most(of_target(PREDICTED_CPU, HORIZON), over_range("max_over_time", PREDICTED_CPU, HORIZON)))],
        scale,
        line=True,
    )
    memory = lines(
        "Memory",
        "Of what is requested, at the replica count of the same cycle. Beyond 100 % pods may be evicted or killed: raise the request.",
        [
            Query(
                most(
                    of_target(PREDICTED_MEMORY, HORIZON),
                    over_range("max_over_time", PREDICTED_MEMORY, HORIZON),
                )
            )
        ],
        scale,
        line=True,
    )
    return (Cell(cpu, 12, 8), Cell(memory, 12, 8))
