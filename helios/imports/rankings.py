"""Whom to switch on first: the ledger's figures of each target, what it would have saved, and what may go wrong.

Minutes short saved count first, then replica-hours: in that order Helios promises them. Compared is what ran, the user's own
autoscaler, with what was recommended. Only a target that has been watched long enough, whose forecast has skill, that does not
lose, and of which nothing has to be settled first, is among the first; every other one says what it waits for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from helios.imports.autoscalers import Place
from helios.imports.fleets import Existing
from helios.imports.remarks import Remark

DAY = 86_400.0
_MISSED = 0.95
"""A twentieth of the time that is missing (a restart, a slow cycle) does not count, as in the ledger's own line."""


class _Figures(BaseModel):
    """Of an answer of `GET /targets`, the part that is read here; another version may say more."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class LedgerFigures(_Figures):
    """As `helios.api.target_answers.TargetLedger`."""

    seconds: float
    replica_hours_actual: float
    replica_hours_recommended: float
    short_minutes_actual: float
    short_minutes_recommended: float
    replica_hours_reactive: float | None = None
    short_minutes_reactive: float | None = None


class MetricFigures(_Figures):
    """As `helios.api.target_answers.TargetMetric`."""

    name: str
    drives: bool
    skill: float | None = None


class BreakerFigures(_Figures):
    """As `helios.api.target_answers.TargetBreaker`."""

    losing: bool = False


class AnomalyFigures(_Figures):
    """As `helios.api.target_answers.TargetAnomaly`."""

    detected: bool = False


class TargetFigures(_Figures):
    """As `helios.api.target_answers.Target`."""

    namespace: str
    deployment: str
    kind: str
    state: str
    current_replicas: int | None
    recommended_replicas: int | None
    reason: str
    model: str
    metrics: tuple[MetricFigures, ...]
    ledger: LedgerFigures
    breaker: BreakerFigures = BreakerFigures()
    anomaly: AnomalyFigures = AnomalyFigures()
    problem: str | None = None

    @property
    def place(self) -> Place:
        """The workload."""
        return self.namespace, self.kind, self.deployment

    @property
    def skill(self) -> float | None:
        """The least of the metrics that drive replicas: 1 - error / persistence's error; None where one is not known."""
        found = [metric.skill for metric in self.metrics if metric.drives]
        known = [skill for skill in found if skill is not None]
        return min(known) if known and len(known) == len(found) else None


class FleetFigures(_Figures):
    """The answer of `GET /targets`."""

    targets: tuple[TargetFigures, ...]


class Verdict(StrEnum):
    """What a target waits for, if anything; in the order in which it is asked."""

    READY = "ready"
    ON = "in Autoscale already"
    UNKNOWN = "not scored yet"
    YOUNG = "watched for less than the time asked for"
    NO_SKILL = "its forecast has no skill"
    LOSING = "its forecast loses to the reactive path"
    SHORTER = "it would have been short for longer than what ran"
    NO_GAIN = "nothing would have been saved"
    SETTLE = "something is to be settled first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One target, its gain and its risk.

    Attributes:
        target: which.
        verdict: whether it may be switched on, or what it waits for.
        why: what that verdict is about, in this case; empty where it says all.
        days: of ledger.
        figures: of the ledger; None where there are none.
        skill: of the forecast over persistence.
        replicas: current and recommended, now.
        risks: what may go wrong, in words.
    """

    target: Existing
    verdict: Verdict
    why: str = ""
    days: float = 0.0
    figures: LedgerFigures | None = None
    skill: float | None = None
    replicas: tuple[int | None, int | None] = (None, None)
    risks: tuple[str, ...] = ()

    @property
    def minutes_saved(self) -> float:
        """Minutes short that would not have been."""
        return (
            0.0
            if self.figures is None
            else self.figures.short_minutes_actual - self.figures.short_minutes_recommended
        )

    @property
    def hours_saved(self) -> float:
        """Replica-hours that would not have been; negative where it takes more."""
        return (
            0.0
            if self.figures is None
            else self.figures.replica_hours_actual - self.figures.replica_hours_recommended
        )

    @property
    def gain(self) -> tuple[int, float]:
        """Per week of ledger: whole minutes, then replica-hours."""
        weeks = max(self.days, 1e-9) / 7
        return round(self.minutes_saved / weeks), self.hours_saved / weeks

    @property
    def command(self) -> str:
        """What switches it on."""
        return (
            f"kubectl patch heliostarget {self.target.name} --namespace {self.target.namespace} --type merge "
            """--patch '{"spec":{"mode":"Autoscale"}}'"""
        )


def ranked(
    existing: Iterable[Existing],
    figures: Iterable[TargetFigures],
    known: Mapping[Place, Sequence[Remark]],
    *,
    least_days: float,
) -> list[Row]:
    """Every target: those that may be switched on by their gain, then the others by theirs.

    Args:
        existing: the targets of the cluster.
        figures: what a running Helios says.
        known: what is said of each workload's autoscaler.
        least_days: of ledger that a target needs.
    """
    by_place = {one.place: one for one in figures}
    rows = [
        _row(one, by_place.get(one.place), known.get(one.place, ()), least_days=least_days)
        for one in existing
    ]
    return sorted(rows, key=_order)


def _order(row: Row) -> tuple[bool, int, float, str, str]:
    minutes, hours = row.gain
    return row.verdict is not Verdict.READY, -minutes, -hours, row.target.namespace, row.target.name


def _row(target: Existing, found: TargetFigures | None, said: Sequence[Remark], *, least_days: float) -> Row:
    if found is None:
        verdict = Verdict.ON if target.mode == "Autoscale" else Verdict.UNKNOWN
        return Row(target=target, verdict=verdict)
    verdict, why = _judged(target, found, said, least_days)
    return Row(
        target=target,
        verdict=verdict,
        why=why,
        days=found.ledger.seconds / DAY,
        figures=found.ledger,
        skill=found.skill,
        replicas=(found.current_replicas, found.recommended_replicas),
        risks=_risks(found, said),
    )


def _judged(
    target: Existing, found: TargetFigures, said: Sequence[Remark], least_days: float
) -> tuple[Verdict, str]:
    """The first thing that stands in the way, and what it is in this case."""
    ledger = found.ledger
    minutes = ledger.short_minutes_actual - ledger.short_minutes_recommended
    saved = ledger.replica_hours_actual - ledger.replica_hours_recommended
    bars = [target.obstacle] if target.obstacle else [remark.what for remark in said if remark.rule.bars]
    skill = found.skill
    asked: tuple[tuple[bool, Verdict, str], ...] = (
        (target.mode == "Autoscale", Verdict.ON, ""),
        (found.state != "scored", Verdict.UNKNOWN, found.problem or found.state),
        (ledger.seconds < least_days * DAY * _MISSED, Verdict.YOUNG, ""),
        (skill is None or skill <= 0 or found.model == "reactive", Verdict.NO_SKILL, found.reason),
        (found.breaker.losing, Verdict.LOSING, ""),
        (minutes < 0, Verdict.SHORTER, f"{-minutes:.0f} minutes"),
        (minutes == 0 and saved <= 0, Verdict.NO_GAIN, ""),
        (bool(bars), Verdict.SETTLE, "; ".join(bars)),
    )
    return next(((verdict, why) for holds, verdict, why in asked if holds), (Verdict.READY, ""))


def _risks(found: TargetFigures, said: Sequence[Remark]) -> tuple[str, ...]:
    """What may go wrong: of the autoscaler as it is, and of the target as it stands."""
    ledger = found.ledger
    risks = list(dict.fromkeys(remark.rule.risk for remark in said if remark.rule.risk))
    if ledger.short_minutes_recommended > 0:
        risks.append(f"{ledger.short_minutes_recommended:.0f} minutes short remain")
    reactive = ledger.short_minutes_reactive
    if reactive is not None and ledger.short_minutes_recommended > reactive:
        risks.append(f"an ordinary reactive decision would have been short for {reactive:.0f}")
    if ledger.replica_hours_recommended > ledger.replica_hours_actual:
        risks.append("it takes more replicas than ran")
    if found.kind == "StatefulSet":
        risks.append("a StatefulSet starts and stops one pod after the other")
    if found.anomaly.detected:
        risks.append("it is unusual now")
    return tuple(risks)
