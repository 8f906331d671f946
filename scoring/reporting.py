"""From the board's arrays to one target's report, in plain values and words. Made when asked for, never for the fleet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from scoring.anomalies.anomalies import Kind
from scoring.anomalies.sigmas import alarms_per_week
from scoring.choices import why
from scoring.explanations import Finding, Measures, effects, past
from scoring.explanations import explain as explain_anomaly
from scoring.forecasting.forecasts import LEVELS
from scoring.gauges import horizon_label
from scoring.ledgers import ledger_line
from scoring.policies import Fleet, Target
from scoring.publisher import Scores
from scoring.recommending.reasons import OUTCOMES, Grounds, Limit, Path, explain
from scoring.references import CRITICAL
from scoring.reports import (
    AnomalyReport,
    Contribution,
    HorizonForecast,
    LedgerReport,
    MetricReport,
    Report,
    number,
    time_of,
    whole,
)
from scoring.standings import breaker, compared, rollout

UNITS = {"cpu": "cores", "memory": "bytes"}
UNJUDGED = AnomalyReport(None, False, "normal", "none", None, (), text="Not judged: no recent score.")
DIRECTIONS = {1: "spike", -1: "drop"}


def unit_of(metric: str) -> str:
    """The unit of a well-known metric; `1` for a target's own."""
    return UNITS.get(metric, "1")


def report(fleet: Fleet, scores: Scores, row: int, *, now: float, horizons: Sequence[int]) -> Report:
    """All that is known of one target at `now`.

    After its expiry nothing is recommended any more, and what was true of the moment is unknown: how many replicas
    there are, and whether anything is abnormal. What has a time of its own (demand, forecasts) and the ledger stay.
    """
    target = fleet.targets[row]
    expires = time_of(scores.expires_at[row])
    path, fresh = Path(int(scores.path[row])), expires is not None and expires > now
    metrics = tuple(
        _metric(fleet, scores, i, row, horizons)
        for i in range(int(fleet.first_row[row]), int(fleet.first_row[row + 1]))
        if fleet.metrics[i].drives or scores.points[i] > 0
    )
    rows = slice(int(fleet.first_row[row]), int(fleet.first_row[row + 1]))
    points = int(scores.points[rows].max(initial=0))
    problem = _problem(target, path, fresh, expires, points)
    return Report(
        namespace=target.namespace,
        deployment=target.deployment,
        kind=target.kind,
        mode=target.mode,
        state=_state(path, fresh, expires),
        scored_at=time_of(scores.scored_at[row]),
        expires_at=expires,
        current_replicas=whole(scores.replicas[row]) if fresh else None,
        recommended_replicas=whole(scores.recommended[row]) if fresh else None,
        recommended_replicas_uncapped=whole(scores.uncapped[row]) if fresh else None,
        scaling_signal=whole(scores.signal[row]) if fresh else None,
        min_replicas=target.min_replicas,
        max_replicas=target.max_replicas,
        outcome=OUTCOMES[path],
        reason=explain(_grounds(fleet, scores, row)) if fresh or problem is None else problem,
        confidence=number(scores.confidence[row]) if fresh else None,
        lead_seconds=float(scores.lead_seconds[row]) if expires is not None else 0.0,
        model=target.model if path is Path.FORECAST else "reactive",
        metrics=metrics,
        anomaly=_anomaly(fleet, scores, row, now) if fresh and path is not Path.SCALED_TO_ZERO else UNJUDGED,
        ledger=_ledger(scores, row),
        problem=problem,
        breaker=breaker(scores, row),
        rollout=rollout(target, scores, row),
    )


def conflict(target: Target) -> Report:
    """What is said of a target whose name an older one already has."""
    why = (
        f"Another target already names {target.namespace}/{target.deployment}; their gauges would collide. "
        "Remove one of the two"
    )
    return Report(
        namespace=target.namespace,
        deployment=target.deployment,
        kind=target.kind,
        mode=target.mode,
        state="conflict",
        scored_at=None,
        expires_at=None,
        current_replicas=None,
        recommended_replicas=None,
        recommended_replicas_uncapped=None,
        scaling_signal=None,
        min_replicas=target.min_replicas,
        max_replicas=target.max_replicas,
        outcome="conflict",
        reason=why,
        confidence=None,
        lead_seconds=0.0,
        model="reactive",
        metrics=(),
        anomaly=UNJUDGED,
        ledger=LedgerReport(0, 0, 0, 0, 0, ledger_line(0, 0, 0, 0, 0)),
        problem=why,
    )


def _state(path: Path, fresh: bool, expires: float | None) -> str:
    if expires is None:
        return "no-data"
    if not fresh:
        return "expired"
    return OUTCOMES[path] if path in {Path.NO_DATA, Path.NO_REQUEST, Path.MEMORY_ONLY} else "scored"


def _problem(target: Target, path: Path, fresh: bool, expires: float | None, points: int) -> str | None:
    name = f"{target.namespace}/{target.deployment}"
    if expires is None and points > 0:
        return (
            f"{name} has {points} points of history and none that is recent: check that the {target.kind} still "
            "runs and that its metrics are still scraped"
        )
    if expires is None:
        return f"No samples of {name} have been seen: check that the {target.kind} runs and that its metrics are scraped"
    if not fresh:
        return f"The samples of {name} stopped; its gauges are gone until they come back"
    if path in {Path.NO_DATA, Path.NO_REQUEST, Path.MEMORY_ONLY}:
        return explain_missing(target, path)
    return None


def explain_missing(target: Target, path: Path) -> str:
    """Why a scored target has no decision, and the remedy."""
    driver = next((m.name for m in target.metrics if m.drives), "cpu")
    remedy = {
        Path.NO_DATA: f"{driver} has no recent samples: check that it is scraped",
        Path.NO_REQUEST: (
            f"no {driver} request of the pods is known: set resources.requests.{driver} or the metric's perReplica, "
            "and check that kube-state-metrics is scraped"
        ),
        Path.MEMORY_ONLY: "memory alone cannot drive replicas here: name a demand such as cpu",
    }
    return remedy[path]


def _metric(fleet: Fleet, scores: Scores, i: int, row: int, horizons: Sequence[int]) -> MetricReport:
    metric, target = fleet.metrics[i], fleet.targets[row]
    observed, per_replica = number(scores.last[i]), number(scores.request[i])
    replicas, scored_at = number(scores.replicas[row]), time_of(scores.scored_at[row])
    capacity = replicas * per_replica if replicas and per_replica else None
    ahead = []
    for h, seconds in enumerate(horizons):
        lower, median, upper = (number(v) for v in scores.curve[i, h])
        if (
            seconds not in target.horizons
            or lower is None
            or median is None
            or upper is None
            or scored_at is None
        ):
            continue
        ahead.append(
            HorizonForecast(
                horizon_label(seconds),
                scored_at + seconds,
                lower,
                median,
                upper,
                number(scores.ratio[i, h]),
                _expert(scores, i, h),
                number(scores.skill[i, h]),
            )
        )
    points, needed = int(scores.points[i]), int(scores.needed[i])
    maximum = {f"{level:g}": number(v) for level, v in zip(LEVELS, scores.maximum[i], strict=True)}
    return MetricReport(
        name=metric.name,
        unit=unit_of(metric.name),
        observed=observed,
        observed_at=scored_at if observed is not None else None,
        per_replica=per_replica,
        utilization=None if observed is None or capacity is None else observed / capacity,
        drives=metric.drives,
        points=points,
        needed=needed,
        skill=number(scores.lead_skill[i]),
        bias=number(scores.bias[i]),
        coverage=number(scores.coverage[i]),
        horizons=tuple(ahead),
        maximum={level: value for level, value in maximum.items() if value is not None},
        why=why(ahead) if ahead else _why_not(points, needed),
    )


def _why_not(points: int, needed: int) -> str:
    return (
        f"no forecast yet: {points} of {needed} points"
        if points < needed
        else "no forecast in the last cycle"
    )


def _expert(scores: Scores, i: int, h: int) -> str | None:
    place = int(scores.chosen[i, h])
    return scores.experts[place] if 0 <= place < len(scores.experts) else None


def _anomaly(fleet: Fleet, scores: Scores, row: int, now: float) -> AnomalyReport:
    found, done = _finding(fleet, scores, row), _measures(fleet, scores, row, now)
    rows = range(int(fleet.first_row[row]), int(fleet.first_row[row + 1]))
    shares = [(fleet.metrics[i].name, number(scores.share[i])) for i in rows]
    parts = sorted(
        (Contribution(name, s) for name, s in shares if s is not None), key=lambda c: -c.contribution
    )
    until = None if found.detected else time_of(scores.ended[row])
    always = AnomalyReport(
        score=found.score,
        detected=found.detected,
        severity="normal",
        direction="none",
        since=None,
        contributions=tuple(parts),
        threshold=found.threshold,
        alarms_per_week=float(f"{alarms_per_week(found.threshold):.3g}"),
        muted=done.announced or done.muted_until is not None,
        muted_until=done.muted_until,
        alarms=whole(scores.alarms[row]) or 0,
        points=found.points,
        needed=found.needed,
        calibrated=found.points >= found.needed,
        text=explain_anomaly(found, done),
        last_text="" if until is None else past(replace(found, score=found.peak), until),
        last_until=until,
    )
    if not found.detected:
        return always
    return replace(
        always,
        severity=found.severity,
        direction=DIRECTIONS.get(int(scores.direction[row]), "none"),
        since=found.since,
        kind=found.kind,
        peak=found.peak,
        metric=found.metric,
        unit=found.unit if found.metric else None,
        expected=found.expected,
        came=found.came,
        acknowledged=done.acknowledged,
        effects=effects(found, done),
    )


def _finding(fleet: Fleet, scores: Scores, row: int) -> Finding:
    """What was found; where it is over, of the anomaly that was."""
    target, culprit = fleet.targets[row], int(scores.culprit[row])
    score, detected = number(scores.score[row]), bool(scores.detected[row] > 0)
    critical = scores.critical[row] > 0 or (detected and (score or 0) >= CRITICAL)
    kind = Kind(int(scores.kind[row])).name.lower()
    if kind == "none":
        kind = DIRECTIONS.get(int(scores.direction[row]), "none")
    metric = fleet.metrics[culprit].name if culprit >= 0 else None
    return Finding(
        now=time_of(scores.scored_at[row]),
        detected=detected,
        severity="critical" if critical else "warning",
        kind=kind,
        since=time_of(scores.since[row]),
        score=score,
        peak=number(scores.peak[row]),
        metric=metric,
        unit=unit_of(metric or ""),
        expected=number(scores.expected[row]),
        came=number(scores.came[row]),
        threshold=number(scores.threshold[row]) or target.anomaly_threshold,
        points=whole(scores.calibrating[row]) or 0,
        needed=whole(scores.calibrated_at[row]) or 0,
    )


def _measures(fleet: Fleet, scores: Scores, row: int, now: float) -> Measures:
    """What is done about it: the freeze and the path of the decision, the mask of the stream, the users' wishes."""
    target, since = fleet.targets[row], time_of(scores.since[row])
    known = target.acknowledged is not None and since is not None and since <= target.acknowledged
    muted = target.muted_until is not None and target.muted_until > now
    announced = any(event.is_active(now) for event in target.events)
    frozen = time_of(scores.frozen_until[row])
    spike = bool(scores.detected[row] > 0) and int(scores.path[row]) == Path.SPIKE
    return Measures(
        frozen_until=frozen if number(scores.recommended[row]) is not None else None,
        reactive=spike,
        set_aside=bool(scores.set_aside[row] > 0),
        muted_until=target.muted_until if muted else None,
        announced=announced,
        acknowledged=known,
    )


def _ledger(scores: Scores, row: int) -> LedgerReport:
    seconds = number(scores.seconds[row]) or 0.0
    bare, bare_short = float(scores.hours[row, -1]), float(scores.short[row, -1])
    known = (*scores.hours[row, :2].tolist(), *scores.short[row, :2].tolist())
    actual, recommended, ran, would = (v if math.isfinite(v) else 0.0 for v in known)
    reactive = (bare, bare_short) if math.isfinite(bare + bare_short) else None
    line = ledger_line(seconds, actual, recommended, ran, would, reactive)
    if scores.losing[row] > 0:
        acts = scores.breaker[row] > 0
        line += "; the forecast is withdrawn" if acts else "; in Autoscale the forecast would be withdrawn"
    return LedgerReport(seconds, actual, recommended, ran, would, line, *(reactive or (None, None)))


def _grounds(fleet: Fleet, scores: Scores, row: int) -> Grounds:
    target, driver = fleet.targets[row], int(scores.driver[row])
    if driver < 0:
        rows = range(int(fleet.first_row[row]), int(fleet.first_row[row + 1]))
        driver = next((i for i in rows if fleet.metrics[i].drives), int(fleet.first_row[row]))
    name = fleet.metrics[driver].name
    return Grounds(
        path=Path(int(scores.path[row])),
        limits=Limit(int(scores.limits[row])),
        metric=name,
        unit=unit_of(name),
        demand=number(scores.demand[row]),
        observed=number(scores.last[driver]),
        per_replica=number(scores.request[driver]),
        quantile=target.quantile,
        lead_seconds=number(scores.lead_seconds[row]) or 0.0,
        max_utilization=target.max_utilization,
        reactive_utilization=target.reactive_utilization,
        guard_utilization=target.guard_utilization,
        points=int(scores.points[driver]),
        needed=int(scores.needed[driver]),
        skill=number(scores.lead_skill[driver]),
        uncapped=whole(scores.uncapped[row]),
        recommended=whole(scores.recommended[row]),
        cooldown_seconds=target.cooldown_seconds,
        kind=target.kind,
        withdrawn=f"withdrawn, as {compared(scores.turned_by[row]) or 'it lost to a reactive autoscaler'}",
        rollout=number(scores.rollout[row]) or 1.0,
        beside=whole(scores.beside[row]),
    )
