"""helios-overview: the whole fleet. Is Helios at work, which workloads need a look, what is it worth."""

from __future__ import annotations

from scoring.gauges import (
    ANOMALY_CRITICAL,
    ANOMALY_DETECTED,
    ANOMALY_MUTED,
    ANOMALY_SCORE,
    ANOMALY_THRESHOLD,
    BREAKER_OPEN,
    CURRENT,
    LEDGER_HOURS,
    LEDGER_SHORT,
    RECOMMENDED,
    SKILL,
    TARGET_INFO,
    UNCAPPED,
)
from scripts.dashboards.frames import ANOMALIES, OVERVIEW, PREDICTIONS, RECOMMENDATIONS, Band, Board, Cell
from scripts.dashboards.panels import (
    BLUE,
    GREEN,
    GREY,
    MINUTES,
    ORANGE,
    PURPLE,
    RED,
    Scale,
    coloured,
    drawn,
    lines,
    marked,
    numbers,
    rows,
)
from scripts.dashboards.processes import NO_LOOP, api, loop
from scripts.dashboards.queries import (
    ACTUAL,
    CYCLE_AT,
    CYCLE_SECONDS,
    INTERVAL,
    REACTIVE,
    SOURCE_UP,
    TARGETS,
    TOP,
    WANTED,
    Query,
    above_maximum,
    comparable,
    compared,
    most,
    of_holder,
    of_target,
    publishing,
    total,
)

SOME_ORANGE = Scale(steps=((None, GREEN), (1, ORANGE)))
SOME_RED = Scale(steps=((None, GREEN), (1, RED)))
NOT_COMPARABLE = "no target has all three paths yet: an upgraded one has them after 7 days"


def overview() -> Board:
    """The dashboard."""
    return Board(
        OVERVIEW,
        "Helios / Overview",
        "Start here: is Helios at work, which workloads need a look, and what is it worth.",
        (
            Band("Is Helios at work?", _at_work()),
            Band("Which workloads need a look?", (*_counts(), *_lists())),
            Band("What is it worth? The last 7 days, all chosen targets together", _worth()),
            Band("API", api()),
            Band("Scoring loop", loop()),
        ),
    )


def _at_work() -> tuple[Cell, ...]:
    states = numbers(
        "Targets by state",
        "decided: has a replica count. undecided: scored, too little history so far. no-data: Prometheus knows nothing of it, "
        "check the workload's name. conflict: two targets, one workload. invalid: see the HeliosTarget's Ready condition.",
        [Query(f"max by (state) ({of_holder(TARGETS, 'state')})", "{{state}}")],
        Scale(no_value=NO_LOOP),
    )
    marked(states, "decided", (None, RED), (1, GREEN))
    for wrong in ("no-data", "conflict", "invalid"):
        marked(states, wrong, (None, GREY), (1, ORANGE))
    modes = numbers(
        "Targets by mode",
        "Observe and Recommend touch nothing. Only those in Autoscale move replicas.",
        [Query(f"count by (mode) ({of_target(TARGET_INFO, by=('mode',))})", "{{mode}}")],
    )
    source = numbers(
        "Prometheus",
        "Whether the last cycle could read its samples. Unreachable: reports expire after three cycles and KEDA falls back. Look at "
        "Prometheus, and at the NetworkPolicy.",
        [Query(f"min({of_holder(SOURCE_UP)})", "source")],
        Scale(steps=((None, RED), (1, GREEN)), no_value=NO_LOOP),
        texts={"0": ("unreachable", RED), "1": ("reachable", GREEN)},
    )
    since = numbers(
        "Last cycle",
        "In scoring intervals. Up to 1 is right. From 3 on the loop is stalled and its reports have expired: read the operator's log.",
        [Query(f"(time() - max({of_holder(CYCLE_AT)} > 0)) / max({INTERVAL})", "ago")],
        Scale(
            unit="suffix: intervals ago",
            decimals=1,
            steps=((None, GREEN), (2, ORANGE), (3, RED)),
            no_value="none has ended yet, or no loop is scraped",
        ),
    )
    took = numbers(
        "Cycle time",
        "The last cycle as a share of the scoring interval. Near 100 % the loop falls behind: lengthen the interval or split the fleet.",
        [Query(f"max({of_holder(CYCLE_SECONDS)}) / max({INTERVAL})", "of the interval")],
        Scale(unit="percentunit", steps=((None, GREEN), (0.5, ORANGE), (0.9, RED)), no_value=NO_LOOP),
    )
    pods = numbers(
        "Pods",
        "One publishes: it holds the lease, or there is none. Others stand by and take over within its 15 s. Where none publishes, no workload has "
        "gauges: read the operator's log.",
        [Query(publishing(), "publishes"), Query(f"count({CYCLE_AT}) - {publishing()}", "stand by")],
        Scale(no_value=NO_LOOP),
    )
    marked(pods, "publishes", (None, RED), (1, GREEN), (2, RED))
    return (
        Cell(states, 6, 4),
        Cell(modes, 4, 4),
        Cell(pods, 4, 4),
        Cell(source, 3, 4),
        Cell(since, 4, 4),
        Cell(took, 3, 4),
    )


def _counts() -> tuple[Cell, ...]:
    unusual = numbers(
        "Anomalies now",
        "Targets that behave as they never did. Critical: look now. Muted ones raise no alarm.",
        [
            Query(total(ANOMALY_DETECTED), "detected"),
            Query(total(ANOMALY_CRITICAL), "critical"),
            Query(total(ANOMALY_MUTED), "muted"),
        ],
        SOME_ORANGE,
        leads_to=ANOMALIES,
    )
    marked(unusual, "critical", (None, GREEN), (1, RED))
    marked(unusual, "muted", (None, GREY))
    capped = numbers(
        "Above their maximum",
        "Targets whose demand asks for more replicas than run and than spec.replicas.max allows: raise it, or expect saturation.",
        [Query(above_maximum(), "targets")],
        SOME_RED,
        leads_to=RECOMMENDATIONS,
    )
    unskilled = numbers(
        "Without skill",
        "Series whose forecast is no better than the last value. Those that drive replicas take the reactive path: safe, but late.",
        [Query(f"sum({of_target(SKILL, by=('metric',))} <= bool 0)", "series")],
        SOME_ORANGE,
        leads_to=PREDICTIONS,
    )
    breakers = numbers(
        "Breakers open",
        "Targets in Autoscale that lost to the reactive path and have withdrawn their forecast by themselves.",
        [Query(total(BREAKER_OPEN), "targets")],
        SOME_ORANGE,
        leads_to=RECOMMENDATIONS,
    )
    return (Cell(unusual, 9, 4), Cell(capped, 5, 4), Cell(unskilled, 5, 4), Cell(breakers, 5, 4))


def _lists() -> tuple[Cell, ...]:
    ratio = f"{of_target(ANOMALY_SCORE)} / {of_target(ANOMALY_THRESHOLD)}"
    short = of_target(LEDGER_SHORT, ACTUAL)
    saved = f"{of_target(LEDGER_HOURS, ACTUAL)} - {of_target(LEDGER_HOURS, WANTED)}"
    closest = rows(
        "Closest to an alarm",
        f"The {TOP} largest scores as multiples of their own threshold: from 1 on it is an anomaly. Follow the link to see since when.",
        [Query(f"topk({TOP}, {ratio})", "score / threshold")],
        sort="score / threshold",
        columns={"score / threshold": {"decimals": 2, **coloured((None, GREEN), (0.8, ORANGE), (1, RED))}},
        leads_to={ANOMALIES: "Anomalies", PREDICTIONS: "Predictions"},
    )
    least = rows(
        "Least skill",
        f"The {TOP} forecasts that gain least over the last value. At 0 and below there is no skill: is history missing, has the metric a pattern at all?",
        [Query(f"bottomk({TOP}, {of_target(SKILL, by=('metric',))})", "skill")],
        sort="-skill",
        labels=("metric",),
        columns={"skill": {"decimals": 2, **coloured((None, RED), (0, ORANGE), (0.1, GREEN))}},
        leads_to={PREDICTIONS: "Predictions"},
    )
    shortest = rows(
        "Most short",
        f"The {TOP} targets whose demand exceeded capacity longest in the last 7 days; and how long it would have with Helios, and with a plain HPA.",
        [
            Query(f"topk({TOP}, {short})", "as it ran"),
            Query(most(of_target(LEDGER_SHORT, WANTED), short), "recommended"),
            Query(most(of_target(LEDGER_SHORT, REACTIVE), short), "reactive"),
        ],
        Scale(unit=MINUTES),
        sort="as it ran",
        leads_to={RECOMMENDATIONS: "Recommendations"},
    )
    saving = rows(
        "Largest expected saving",
        f"The {TOP} targets that would have saved most replica-hours with Helios in the last 7 days: candidates for Autoscale, if they are not "
        "more short. Negative: it would have run more.",
        [
            Query(f"topk({TOP}, {saved})", "replica-hours"),
            Query(most(f"({saved}) / {of_target(LEDGER_HOURS, ACTUAL)}", saved), "share"),
        ],
        sort="replica-hours",
        columns={"replica-hours": {"decimals": 1}, "share": {"unit": "percentunit", "decimals": 1}},
        leads_to={RECOMMENDATIONS: "Recommendations"},
    )
    return (Cell(closest, 12, 8), Cell(least, 12, 8), Cell(shortest, 12, 8), Cell(saving, 12, 8))


def _worth() -> tuple[Cell, ...]:
    hours = numbers(
        "Replica-hours",
        "As they ran, as Helios recommended, and as a plain HPA would have run them; of the same targets.",
        [Query(compared(LEDGER_HOURS, by=("path",)), "{{path}}")],
        Scale(no_value=NOT_COMPARABLE),
    )
    short = numbers(
        "Minutes short",
        "Minutes in which demand exceeded capacity, of the same targets. Helios earns Autoscale where its minutes are the fewest.",
        [Query(compared(LEDGER_SHORT, by=("path",)), "{{path}}")],
        Scale(unit=MINUTES, no_value=NOT_COMPARABLE),
    )
    saved = numbers(
        "Saved by following",
        "Share of the replica-hours that would not have run. Negative: more would have run.",
        [Query(f"1 - {compared(LEDGER_HOURS, WANTED)} / {compared(LEDGER_HOURS, ACTUAL)}", "replica-hours")],
        Scale(unit="percentunit", decimals=1, steps=((None, ORANGE), (0, GREEN)), no_value=NOT_COMPARABLE),
    )
    counted = numbers(
        "Targets counted",
        "Share of the targets that these numbers are about: those whose ledger knows all three paths. The others are not in any of the sums.",
        [Query(f"count({comparable()}) / count({of_target(LEDGER_HOURS, ACTUAL)})", "of the targets")],
        Scale(unit="percentunit", decimals=0, steps=((None, ORANGE), (1, GREEN)), no_value="none"),
    )
    replicas = lines(
        "Replicas",
        "All chosen targets together. Recommended below current is what Autoscale would save now; above it, what is about to be missing.",
        [
            Query(total(CURRENT), "current"),
            Query(total(RECOMMENDED), "recommended"),
            Query(total(UNCAPPED), "uncapped"),
        ],
        Scale(least=0),
    )
    drawn(replicas, "current", BLUE)
    drawn(replicas, "recommended", GREEN, width=2)
    drawn(replicas, "uncapped", PURPLE, dashed=True)
    return (
        Cell(hours, 8, 4),
        Cell(short, 8, 4),
        Cell(saved, 4, 4),
        Cell(counted, 4, 4),
        Cell(replicas, 24, 8),
    )
