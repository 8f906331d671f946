"""Conditions of a HeliosTarget: their types, their reasons, and the words that say what is missing.

Messages are coarse on purpose (whole hours, bands): a condition that says something new every cycle would be patched every
cycle. Nothing here knows the API server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from helios.operator.annotations import written as rounded_up
from helios.operator.resources import HeliosTarget
from helios.operator.workloads import Workload
from scoring.reports import AnomalyReport, MetricReport, Report

ACKNOWLEDGED = "acknowledged"


class Type(StrEnum):
    """The conditions, in the order in which they are written."""

    READY = "Ready"
    DATA_AVAILABLE = "DataAvailable"
    FORECAST_READY = "ForecastReady"
    SCALING = "Scaling"


class Reason(StrEnum):
    """Why a condition is as it is; CamelCase as Kubernetes has them."""

    # Ready
    SCORED = "Scored"
    PENDING = "Pending"
    INVALID = "Invalid"
    NOT_ALLOWED = "NotAllowed"
    CONFLICT = "Conflict"
    WORKLOAD_MISSING = "WorkloadMissing"
    UNDECIDED = "Undecided"
    # DataAvailable
    OBSERVED = "Observed"
    INSUFFICIENT_HISTORY = "InsufficientHistory"
    NO_SAMPLES = "NoSamples"
    SAMPLES_STOPPED = "SamplesStopped"
    NO_REQUEST = "NoRequest"
    MEMORY_ONLY = "MemoryOnly"
    SCALED_TO_ZERO = "ScaledToZero"
    # ForecastReady
    SKILFUL = "Skilful"
    NO_SKILL = "NoSkill"
    SPIKE = "SpikeUnderWay"
    NO_FORECAST = "NoForecast"
    WITHDRAWN = "Withdrawn"
    # Scaling
    OBSERVING = "Observing"
    OFFERED = "Offered"
    AUTOSCALING = "Autoscaling"
    NO_CPU_GUARD = "NoCpuGuard"
    FALLBACK = "Fallback"
    RELEASED = "Released"
    RELEASING = "Releasing"
    PAUSED = "Paused"
    ADOPTABLE = "Adoptable"
    ADOPTION_REFUSED = "AdoptionRefused"
    ADOPTING = "Adopting"
    RESTORING = "Restoring"
    RESTORED = "Restored"
    OWNED_ELSEWHERE = "OwnedElsewhere"
    NAME_TAKEN = "NameTaken"
    TOO_MANY_RUN = "TooManyRun"
    KEDA_MISSING = "KedaMissing"
    KEDA_NOT_READY = "KedaNotReady"
    NO_SERVER_ADDRESS = "NoServerAddress"
    NO_AUTHENTICATION = "NoAuthentication"
    REFUSED = "Refused"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `status` is True, False or None for Unknown."""

    type: Type
    status: bool | None
    reason: Reason
    message: str


def ready(
    target: HeliosTarget, older: HeliosTarget | None, report: Report | None, workload: Workload | None
) -> Condition:
    """Whether Helios can do its work for this target at all; `older` has its workload already."""

    def said(status: bool | None, reason: Reason, message: str) -> Condition:
        return Condition(Type.READY, status, reason, message)

    if target.spec is None:
        reason = Reason.NOT_ALLOWED if target.not_allowed else Reason.INVALID
        return said(False, reason, target.problem or "spec cannot be read")
    ref = target.spec.scale_target_ref
    if older is not None:
        return said(
            False,
            Reason.CONFLICT,
            f"HeliosTarget {older.name} is older and already speaks for {ref.name}: their gauges would collide. "
            "Remove one of the two",
        )
    if workload is not None and not workload.exists:
        missing = f"there is no {ref.kind} {ref.name} in namespace {target.namespace}"
        return said(
            False, Reason.WORKLOAD_MISSING, workload.problem or f"{missing}; it is scored once there is"
        )
    if report is None or (report.scored_at is None and report.state == "no-data" and not report.problem):
        return said(None, Reason.PENDING, "waits for its first cycle")
    if report.state == "scored":
        return said(True, Reason.SCORED, "scored, and decided on")
    return said(False, Reason.UNDECIDED, report.problem or report.reason)


def data_available(report: Report | None, workload: Workload | None, step: float) -> Condition:
    """Whether demand is observed, and for long enough."""

    def said(status: bool | None, reason: Reason, message: str) -> Condition:
        return Condition(Type.DATA_AVAILABLE, status, reason, message)

    if workload is not None and workload.exists and workload.desired == 0:
        return said(
            False, Reason.SCALED_TO_ZERO, "scaled to 0: there is no demand to observe until it has pods again"
        )
    if report is None:
        return said(None, Reason.PENDING, "waits for its first cycle")
    lacking = {
        "no-data": Reason.NO_SAMPLES,
        "expired": Reason.SAMPLES_STOPPED,
        "no-request": Reason.NO_REQUEST,
        "memory-only": Reason.MEMORY_ONLY,
    }
    if report.state in lacking:
        return said(False, lacking[report.state], report.problem or report.reason)
    driver = _shortest(report)
    if driver is not None and driver.points < driver.needed:
        return said(False, Reason.INSUFFICIENT_HISTORY, _history(driver, step))
    return said(True, Reason.OBSERVED, "demand is observed")


def forecast_ready(report: Report | None, step: float) -> Condition:
    """Whether decisions stand on a forecast; if not, why they are reactive."""

    def said(status: bool | None, reason: Reason, message: str) -> Condition:
        return Condition(Type.FORECAST_READY, status, reason, message)

    if report is None or report.state != "scored" or report.outcome == "scaled-to-zero":
        return said(None, Reason.NO_FORECAST, "there is nothing to forecast from")
    driver = _shortest(report)
    if report.outcome == "forecast":
        return said(True, Reason.SKILFUL, f"skill over persistence: {skill_band(report)}")
    if report.outcome == "history" and driver is not None:
        return said(False, Reason.INSUFFICIENT_HISTORY, f"{_history(driver, step)}; decisions are reactive")
    reactive = {
        "skill": (
            Reason.NO_SKILL,
            "no better than persistence on this workload's own past; decisions are reactive",
        ),
        "spike": (Reason.SPIKE, "a spike is under way; decisions are reactive while it lasts"),
        "withdrawn": (
            Reason.WITHDRAWN,
            f"withdrawn by the breaker: {report.breaker.cause}; decisions are reactive",
        ),
    }
    lacking = (Reason.NO_FORECAST, "no forecast in the last cycle; decisions are reactive")
    return said(False, *reactive.get(report.outcome, lacking))


def skill_band(report: Report) -> str:
    """The least skill of the driving metrics, in bands that do not flicker; of too little history there is none yet."""
    seen = [m for m in report.metrics if m.drives and m.points >= m.needed]
    known = [m.skill for m in seen if m.skill is not None]
    if not known:
        return "unknown"
    least = min(known)
    return (
        "none"
        if least <= 0
        else "0 to 0.25"
        if least < 0.25
        else "0.25 to 0.5"
        if least < 0.5
        else "over 0.5"
    )


def score_band(anomaly: AnomalyReport) -> str:
    """The anomaly score in sigmas, in bands: 2.5 is about one alarm a week, 3.5 one in half a year.

    While abnormal it is that of the highest score since the onset, which only rises.
    """
    if not anomaly.calibrated:
        return "calibrating"
    score = anomaly.peak if anomaly.detected and anomaly.peak is not None else anomaly.score
    if score is None:
        return "unknown"
    return "under 2.5" if score < 2.5 else "2.5 to 3.5" if score < 3.5 else "over 3.5"


def quiet(anomaly: AnomalyReport) -> str | None:
    """Why an anomaly raises no alarm, or would raise none; None where it does."""
    if anomaly.acknowledged:
        return ACKNOWLEDGED
    if not anomaly.muted:
        return None
    until = anomaly.muted_until
    return "an announced event is on" if until is None else f"until {rounded_up(until)}"


def stamp(seconds: float) -> str:
    """UNIX seconds as Kubernetes writes them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def written(conditions: tuple[Condition, ...], target: HeliosTarget, now: str) -> list[dict[str, str | int]]:
    """Conditions as the status holds them; one that stays as it was keeps the time of its last transition."""
    held = target.status.get("conditions")
    before: Mapping[str, Mapping[str, str]] = {
        c["type"]: c
        for c in (held if isinstance(held, list) else [])
        if isinstance(c, Mapping) and "type" in c
    }
    out: list[dict[str, str | int]] = []
    for condition in conditions:
        status = {True: "True", False: "False", None: "Unknown"}[condition.status]
        old = before.get(condition.type, {})
        since = old.get("lastTransitionTime", now) if old.get("status") == status else now
        out.append(
            {
                "type": str(condition.type),
                "status": status,
                "reason": str(condition.reason),
                "message": condition.message,
                "observedGeneration": target.generation,
                "lastTransitionTime": since,
            }
        )
    return out


def _shortest(report: Report) -> MetricReport | None:
    """The driving metric with the least history."""
    return min((m for m in report.metrics if m.drives), key=lambda m: m.points, default=None)


def _history(metric: MetricReport, step: float) -> str:
    """How much there is of what a trusted forecast wants: `6h of 48h`."""
    has, wants = metric.points * step, metric.needed * step
    size, letter = (3600, "h") if wants >= 7200 else (60, "m")
    return f"{int(has // size)}{letter} of {int(wants // size)}{letter} of {metric.name} history"
