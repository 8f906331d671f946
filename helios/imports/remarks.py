"""What is said of an autoscaler that is imported: what could not be copied and why, and what to look at before Autoscale.

Every rule and its reason stands here once; the particular case is the remark's own words. Nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What became of it."""

    SKIPPED = "not imported"
    """The whole object."""
    LOST = "not copied"
    CHANGED = "changed"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Rule:
    """A reason that is the same for everyone.

    Attributes:
        name: kebab-case, for machines.
        effect: what became of it.
        why: the reason and the remedy.
        risk: what may go wrong in Autoscale, in few words; empty where nothing does.
        bars: whether it should be settled before Autoscale: such a target is not among those to switch on first.
    """

    name: str
    effect: Effect
    why: str
    risk: str = ""
    bars: bool = False


def _skipped(name: str, why: str) -> Rule:
    return Rule(name, Effect.SKIPPED, why)


def _lost(name: str, why: str, risk: str = "", *, bars: bool = False) -> Rule:
    return Rule(name, Effect.LOST, why, risk, bars)


UNREADABLE = _skipped(
    "unreadable", "it has not the form that its kind has: look at it with kubectl get -o yaml"
)
TWO_AUTOSCALERS = Rule(
    "two-autoscalers",
    Effect.SKIPPED,
    "two autoscalers on one workload stop each other: remove one, then import again",
    "two autoscalers stop each other",
    bars=True,
)
HAS_TARGET = _skipped("has-target", "its workload has a HeliosTarget already, which stays as it is")
SAME_NAME = _skipped(
    "same-name",
    "Helios tells workloads apart by namespace and name, not by kind: rename one of the two to observe both",
)
PAUSED = _skipped(
    "paused",
    "KEDA has removed its HPA, so nothing scales the workload: resume it, then import again",
)
SCALED_JOB = _skipped("scaled-job", "it starts Jobs, and Helios forecasts what replicas are needed")
OWNER_UNSEEN = _skipped(
    "owner-unseen",
    "KEDA made this HPA for a ScaledObject that could not be listed: see that you may list ScaledObjects",
)
IMPOSSIBLE = _skipped("impossible", "a HeliosTarget cannot say this")

ZERO = Rule(
    "min-zero",
    Effect.CHANGED,
    "replicas.min is 1: Helios keeps a replica, as an absent number must never end a workload",
    "no longer scales to zero in Autoscale",
)
IDLE = _lost(
    "idle-replicas",
    "Helios knows no idle count below the minimum, and takes no such ScaledObject over: take the field away first",
    "cannot be taken over",
    bars=True,
)
NO_CPU = Rule(
    "no-cpu",
    Effect.NOTE,
    "cpu does not decide today, and Helios forecasts cpu unless metrics[] names something else: compare the two in Observe",
    "cpu does not decide today",
    bars=True,
)
ONE_CONTAINER = _lost(
    "one-container",
    "Helios forecasts the cpu of whole pods, and its guard is on whole pods too: utilization stays at its defaults",
    "one container's cpu decides today, and the whole pod's would",
)
CPU_VALUE = _lost(
    "cpu-average-value",
    "Helios reads cpu as a share of what pods request: utilization stays at its defaults; set utilization.reactive to this "
    "value as a percentage of the request. The adopted autoscaler keeps it beside the forecast",
)
OVER_REQUEST = Rule(
    "over-request",
    Effect.CHANGED,
    "utilization ends at 100 % of the request: Helios will want more replicas than today; raise the pods' request",
    "wants more replicas than today, as the target is above the request",
)
MEMORY = _lost(
    "memory", "it stays beside the forecast when Helios takes the HPA over, and Helios does not forecast it"
)
OTHER_METRIC = _lost(
    "other-metric",
    "Helios takes no HPA over whose metric would not count any more: bring it to KEDA as a trigger of a ScaledObject, which "
    "stays beside the forecast, or give metrics[] a query for it and take it away here",
    "cannot be taken over",
    bars=True,
)
PROMETHEUS = _lost(
    "prometheus-trigger",
    "it stays beside the forecast when Helios takes the ScaledObject over; to have it forecast, put it into metrics[]",
)
PROMETHEUS_VALUE = _lost(
    "prometheus-value",
    "it stays beside the forecast when Helios takes the ScaledObject over; a threshold under Value does not say what one replica "
    "serves: where the query is a total demand, put it into metrics[] with a perReplica of your own",
)
OTHER_TRIGGER = _lost(
    "other-trigger",
    "it stays beside the forecast when Helios takes the ScaledObject over, and Helios does not forecast it",
)
MODIFIERS = _lost(
    "scaling-modifiers",
    "a formula over triggers leaves no room for one more: Helios does not take such a ScaledObject over",
    "cannot be taken over",
    bars=True,
)
CRON_INVALID = _lost("cron-invalid", "KEDA refuses it as well, so it has never counted: correct or remove it")
CRON_DIFFERS = _lost(
    "cron-differs",
    "KEDA asks whether the next firing is an end, Helios whether the last one was a start, so they must take turns, in one named "
    "time zone. The trigger stays beside the forecast; write schedules[] that do",
)
SCHEDULES = _lost(
    "too-many-schedules", "a HeliosTarget takes 50 schedules; the trigger stays beside the forecast"
)
WINDOW_UP = _lost(
    "scale-up-window",
    "Helios decides without it; the HPA keeps it, and follows that much later, when it is taken over",
)
SELECT_MIN = _lost(
    "select-min",
    "Helios takes the larger of its step limits, so its number has none in this direction; the HPA keeps its own when it is "
    "taken over",
    "the ledger does not know of its step limits",
)
DISABLED = _lost(
    "direction-disabled",
    "Helios' number moves in both directions, and the HPA, which keeps this when it is taken over, follows in one: the ledger "
    "promises too much",
    "one direction is forbidden today, and stays so",
    bars=True,
)
PERIOD = _lost(
    "policy-period",
    "Helios limits steps per scoring cycle, and these periods are no parts of one, or several, so its number has no limit in this "
    "direction; the HPA keeps its own when it is taken over",
    "the ledger does not know of its step limits",
)
PER_CYCLE = Rule(
    "policy-per-cycle",
    Effect.CHANGED,
    "Helios limits steps per scoring cycle: about as much as the HPA could do in one",
)
TOLERANCE = _lost("tolerance", "Helios publishes a count of replicas, which needs no dead-band")
FALLBACK = Rule(
    "fallback",
    Effect.CHANGED,
    "Helios' fallback never takes replicas away: below its count, at least replicas.min, it raises, above it holds; "
    "failureThreshold ends at 1000",
)
RESTORE = _lost(
    "restore-replicas",
    "Helios never takes replicas away on its way out: restoreToOriginalReplicaCount is false while it is in force",
)
PAUSED_SCALING = _lost(
    "paused-scaling",
    "an annotation forbids this direction; it stays on the ScaledObject, and Helios' number does not know of it",
    "one direction is paused today",
    bars=True,
)
LINE = Rule(
    "line",
    Effect.NOTE,
    "utilization.max and keda.cpuGuard are to this target what 90 and 80 are to 70; raise max towards 90 to run fuller and save more",
)
OWNED = Rule(
    "owned",
    Effect.NOTE,
    "another controller owns it and may write it back: settle with it who scales before Autoscale",
    "another controller owns the autoscaler",
    bars=True,
)
IN_GIT = Rule(
    "in-git",
    Effect.NOTE,
    "what deploys it would fight over an adopted autoscaler: see docs/adopt.md, GitOps",
    "deployed by GitOps or Helm",
)
NOT_WORKING = Rule(
    "not-working",
    Effect.NOTE,
    "the HPA controller says that this autoscaler does not work",
    "its autoscaler does not work today",
    bars=True,
)
LONG_NAME = Rule(
    "hpa-name-long",
    Effect.NOTE,
    "KEDA takes over no HPA whose name is longer than 63 characters: rename it before Autoscale",
    "cannot be taken over",
    bars=True,
)
API_VERSION = Rule(
    "api-version",
    Effect.CHANGED,
    "the HPA controller and KEDA find a workload by its group and kind alone; Helios needs a version that is served",
)
NOT_SERVED = Rule(
    "not-served",
    Effect.NOTE,
    "Helios cannot see such a workload: correct scaleTargetRef in its target",
)
RENAMED = Rule("renamed", Effect.NOTE, "the workload's own name is too long, or taken")


@dataclass(frozen=True, slots=True)
class Remark:
    """One case of a rule.

    Attributes:
        rule: why.
        what: the field and its value, in words.
    """

    rule: Rule
    what: str
