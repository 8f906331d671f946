"""Advice on one snapshot, without a history: the requirements' stateless `POST /recommend`.

Thresholds in, sentences out. Whoever has a target with a history asks `scoring.recommending` for a decision instead;
the target utilisation of 0.50 (the thresholds' midpoint) belongs to this module alone.

Every piece of advice has an urgency and a time by which to act:

- `high`: a *current* figure is beyond its threshold already. Act within one period: now + 5 minutes.
- `medium`: only a *prediction* is beyond its threshold. Act before it comes true: now + 15 minutes.
- `low`: nothing is beyond a threshold that hurts; scaling in, or advice on requests. now + 60 minutes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scoring.references import CRITICAL, FLOOR, Changes, severity_of

HIGH, MEDIUM, LOW = "high", "medium", "low"

ACT_WITHIN = {HIGH: 300.0, MEDIUM: 900.0, LOW: 3600.0}
"""Seconds from now until `execute_by`, by urgency."""

_ORDER = {HIGH: 0, MEDIUM: 1, LOW: 2}
_HAIR = 1e-9
"""Rounding alone must not buy a replica."""

_SUMMARIES = {
    ("resource", "increase_memory_request"): "Memory is running short",
    ("resource", "decrease_memory_request"): "Memory request is larger than needed",
    ("resource", "decrease_cpu_request"): "CPU request is larger than needed",
    ("anomaly", "investigate"): "Anomaly to be investigated",
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When to say something; ratios of what is requested, the anomaly threshold in sigmas."""

    scale_up: float = 0.80
    scale_down: float = 0.20
    memory_warning: float = 0.85
    anomaly: float = 2.5
    min_replicas: int = 1
    max_replicas: int | None = None

    @property
    def cpu_target(self) -> float:
        """The utilisation that replicas are counted for."""
        return (self.scale_up + self.scale_down) / 2

    @property
    def memory_target(self) -> float:
        """The utilisation that a memory request is counted for."""
        return (self.memory_warning + self.scale_down) / 2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a workload at one moment; None where it is not known.

    Attributes:
        replicas: replicas now, 1 or more.
        cpu, memory: utilisation now, a ratio of what is requested.
        predicted_cpu, predicted_memory: the same, as somebody predicts it at these replicas.
        anomaly_score: in sigmas.
    """

    replicas: int
    cpu: float | None = None
    memory: float | None = None
    predicted_cpu: float | None = None
    predicted_memory: float | None = None
    anomaly_score: float | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do.

    Attributes:
        type: `scaling`, `resource` or `anomaly`.
        action: `scale_up`, `scale_down`, `increase_memory_request`, `decrease_memory_request`,
            `decrease_cpu_request` or `investigate`.
        reason: why, in words.
        urgency: `high`, `medium` or `low`; see the module.
        target_replicas: for scaling only.
        confidence: probability that demand at `execute_by` stays under what `target_replicas` can serve; None for
            other advice and where it is not known.
        band: P10 and P90 of CPU utilisation at `execute_by`, at the present replicas; None as above.
        request_factor: for requests only: multiply the present request by this.
    """

    type: str
    action: str
    reason: str
    urgency: str
    target_replicas: int | None = None
    confidence: float | None = None
    band: tuple[float, float] | None = None
    request_factor: float | None = None

    @property
    def act_within(self) -> float:
        """Seconds from now until `execute_by`."""
        return ACT_WITHIN[self.urgency]


@dataclass(frozen=True, slots=True)
class Verdict:
    """All advice, the most urgent first, and one line about it."""

    advice: tuple[Advice, ...]
    summary: str


def advise(
    snapshot: Snapshot, thresholds: Thresholds, changes: Changes | None, step: float = 300.0
) -> Verdict:
    """What to do about a snapshot.

    Args:
        snapshot: what is known.
        thresholds: when to say something.
        changes: how CPU utilisation changes, for the confidence; None leaves it unknown.
        step: seconds of one period of `changes`.
    """
    scaling, remark = _scaling(snapshot, thresholds)
    if scaling is not None and changes is not None:
        scaling = _with_confidence(scaling, snapshot, changes, step)
    found = (
        (scaling, remark),
        (_memory(snapshot, thresholds), None),
        (_cpu_request(snapshot, thresholds), None),
        (_anomaly(snapshot, thresholds), None),
    )
    advice = sorted((item for item, _ in found if item is not None), key=lambda item: _ORDER[item.urgency])
    sentences = [remark] if remark else []
    sentences += [_SUMMARIES[item.type, item.action] for item in advice if item is not scaling]
    return Verdict(tuple(advice), "; ".join(sentences) or "No action recommended")


def _scaling(snapshot: Snapshot, thresholds: Thresholds) -> tuple[Advice | None, str | None]:
    """Scale up or down on CPU, and the line about it (which may also say why there is no advice)."""
    known = [value for value in (snapshot.cpu, snapshot.predicted_cpu) if value is not None]
    if not known:
        return None, None
    if max(known) > thresholds.scale_up:
        return _scale_up(snapshot, thresholds, max(known))
    if snapshot.cpu is not None and max(known) < thresholds.scale_down:
        return _scale_down(snapshot, thresholds, max(known))
    return None, None


def _scale_up(snapshot: Snapshot, thresholds: Thresholds, peak: float) -> tuple[Advice | None, str | None]:
    """More replicas: at once if load is there already, in time if it is only coming."""
    now = snapshot.cpu is not None and snapshot.cpu > thresholds.scale_up
    word, value = ("Current", snapshot.cpu) if now else ("Predicted", snapshot.predicted_cpu)
    reason = f"{word} CPU {_percent(value)} exceeds threshold {_percent(thresholds.scale_up)}"
    target = replicas_for(snapshot.replicas, peak, thresholds)
    if target <= snapshot.replicas:
        return None, f"{reason}, but more than {snapshot.replicas} replicas are not allowed"
    line = "Scale up recommended now" if now else "Scale up recommended before predicted load increase"
    return Advice("scaling", "scale_up", reason, HIGH if now else MEDIUM, target), line


def _scale_down(snapshot: Snapshot, thresholds: Thresholds, peak: float) -> tuple[Advice | None, str | None]:
    """Fewer replicas, unless something says that the quiet is not to be trusted."""
    target = replicas_for(snapshot.replicas, peak, thresholds)
    if target >= snapshot.replicas:
        return None, None
    if snapshot.anomaly_score is not None and snapshot.anomaly_score >= CRITICAL:
        return None, "Scale down withheld while the anomaly score is critical"
    memory = [value for value in (snapshot.memory, snapshot.predicted_memory) if value is not None]
    if any(value > thresholds.memory_warning for value in memory):
        return None, "Scale down withheld while memory is beyond its warning"
    what = "Current CPU" if snapshot.predicted_cpu is None else "Current and predicted CPU at most"
    reason = f"{what} {_percent(peak)} is below threshold {_percent(thresholds.scale_down)}"
    return Advice("scaling", "scale_down", reason, LOW, target), "Scale down recommended"


def replicas_for(replicas: int, utilization: float, thresholds: Thresholds) -> int:
    """Replicas that bring the utilisation to the target: ceil(replicas x utilization / target), within bounds."""
    wanted = math.ceil(replicas * utilization / thresholds.cpu_target - _HAIR)
    if thresholds.max_replicas is not None:
        wanted = min(wanted, thresholds.max_replicas)
    return max(wanted, thresholds.min_replicas, 1)


def _with_confidence(advice: Advice, snapshot: Snapshot, changes: Changes, step: float) -> Advice:
    """The advice with the probability that its replicas suffice at `execute_by`, and the band there.

    The band lies around the figure that the replicas were counted for: the larger of the current and the predicted
    one. Capacity is reached where every replica uses all that it requests.
    """
    centre = max(value for value in (snapshot.cpu, snapshot.predicted_cpu) if value is not None)
    if advice.target_replicas is None or centre < FLOOR:
        return advice
    periods = max(1, min(len(changes.ratios), round(advice.act_within / step)))
    room = advice.target_replicas / (snapshot.replicas * centre)
    low, _, high = changes.band[periods - 1].tolist()
    confidence = changes.probability_below(periods, room)
    return replace(advice, confidence=confidence, band=(centre * low, centre * high))


def _memory(snapshot: Snapshot, thresholds: Thresholds) -> Advice | None:
    """Memory beyond its warning, or a request that is larger than needed. Never a matter of replicas."""
    known = [value for value in (snapshot.memory, snapshot.predicted_memory) if value is not None]
    if not known:
        return None
    factor = max(known) / thresholds.memory_target
    if max(known) > thresholds.memory_warning:
        now = snapshot.memory is not None and snapshot.memory > thresholds.memory_warning
        word, value = ("Current", snapshot.memory) if now else ("Predicted", snapshot.predicted_memory)
        reason = f"{word} memory {_percent(value)} exceeds warning {_percent(thresholds.memory_warning)}"
        urgency = HIGH if now else MEDIUM
        return Advice("resource", "increase_memory_request", reason, urgency, request_factor=factor)
    if snapshot.memory is not None and FLOOR <= max(known) < thresholds.scale_down:
        reason = (
            f"Memory uses {_percent(max(known))} of its request; {_percent(factor)} of the request would do"
        )
        return Advice("resource", "decrease_memory_request", reason, LOW, request_factor=factor)
    return None


def _cpu_request(snapshot: Snapshot, thresholds: Thresholds) -> Advice | None:
    """A CPU request larger than needed, where there are no replicas left to take away."""
    known = [value for value in (snapshot.cpu, snapshot.predicted_cpu) if value is not None]
    if snapshot.cpu is None or snapshot.replicas > max(1, thresholds.min_replicas):
        return None
    if not FLOOR <= max(known) < thresholds.scale_down:
        return None
    factor = max(known) / thresholds.cpu_target
    reason = (
        f"CPU uses {_percent(max(known))} of its request at the fewest replicas; "
        f"{_percent(factor)} of the request would do"
    )
    return Advice("resource", "decrease_cpu_request", reason, LOW, request_factor=factor)


def _anomaly(snapshot: Snapshot, thresholds: Thresholds) -> Advice | None:
    """An anomaly to be looked into by a person."""
    score = snapshot.anomaly_score
    if score is None or score < thresholds.anomaly:
        return None
    reason = f"Anomaly score {score:.3g} reaches threshold {thresholds.anomaly:g}"
    severity = severity_of(score, thresholds.anomaly)
    return Advice("anomaly", "investigate", f"{reason} ({severity})", HIGH)


def _percent(value: float | None) -> str:
    """0.85 -> 85%, 0.805 -> 80.5%, 1000 -> 100000%."""
    if value is None:
        return "unknown"
    percent = 100 * value
    return f"{percent:.0f}%" if percent >= 1000 else f"{percent:.4g}%"
