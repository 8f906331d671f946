"""Every rule of the lint: its name, how bad it is, and its one line. docs/doctor.md is held to this table.

A rule accuses what is certain to be wrong, or to be other than it seems. What may be right, in whatever rare case, is no rule's.
"""

from __future__ import annotations

from dataclasses import dataclass

from helios.doctor.findings import Finding, Severity

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that the lint knows to be wrong.

    Attributes:
        name: as findings bear it.
        severity: of its findings, where they do not say otherwise.
        title: what happens, in one line.
    """

    name: str
    severity: Severity
    title: str

    def found(
        self, where: str, what: str, why: str, remedy: str, *, severity: Severity | None = None
    ) -> Finding:
        """A finding of this rule."""
        return Finding(
            rule=self.name,
            severity=severity or self.severity,
            where=where,
            what=what,
            why=why,
            remedy=remedy.strip("\n"),
        )


RATIO = Rule("ratio-under-average-value", _ERROR, "A ratio is divided by the replicas once more")
REPLICAS = Rule("replicas-under-value", _ERROR, "A count of replicas is multiplied by the replicas")
FORECAST = Rule("forecast-under-value", _ERROR, "A forecast is multiplied by the replicas at every sync")
TOTAL = Rule("total-under-value", _ERROR, "The whole load is multiplied by the replicas at every sync")
THRESHOLD_NOT_ONE = Rule("replicas-threshold", _ERROR, "A count of replicas is divided")
NULLS = Rule("null-read-as-zero", _ERROR, "An outage of the metrics is read as no load")
ZERO = Rule("or-vector-zero", _ERROR, "The query itself answers zero in an outage")
NO_VECTOR = Rule("not-a-vector", _ERROR, "KEDA cannot read what the query yields")
SEVERAL = Rule("several-elements", _ERROR, "The query yields more than one element, which is an error")
UNREADABLE = Rule("query-unreadable", _WARNING, "The query is not PromQL")
NO_EXPIRY = Rule("no-expiry", _ERROR, "A hung Helios' last number is followed for ever")
NO_MATCH = Rule("labels-never-match", _ERROR, "The query can never yield anything")
FOREIGN = Rule(
    "replicas-of-another-cycle", _WARNING, "A forecast is multiplied by pods that it does not know"
)
WHOLE_FLEET = Rule("gauge-of-every-workload", _ERROR, "The numbers of other workloads are read as well")
RENAMED = Rule("exported-namespace", _WARNING, "The query depends on a scrape that renames labels")
SCRAPE = Rule("scrape-renames-labels", _ERROR, "The scrape renames the labels of Helios' gauges")
METRIC_TYPE = Rule("metric-type-refused", _ERROR, "KEDA refuses the trigger")
THRESHOLD = Rule("threshold-unusable", _ERROR, "KEDA cannot read the threshold")
INCOMPLETE = Rule("trigger-incomplete", _ERROR, "KEDA does not know where or what to ask")
UNFIT = Rule("metadata-unusable", _ERROR, "KEDA cannot read a field of the trigger")
NOT_TEXT = Rule("metadata-not-text", _ERROR, "The API server refuses the trigger")
NO_FALLBACK = Rule("no-fallback", _WARNING, "Nothing is said for the time without metrics")
FALLBACK_LOWERS = Rule("fallback-lowers", _WARNING, "The fallback takes replicas away")
FALLBACK_OFF = Rule("fallback-disabled", _ERROR, "The fallback is there and never works")
MINIMUM = Rule("minimum-zero", _WARNING, "The workload can be taken to zero")
MAXIMUM = Rule("maximum-unsaid", _WARNING, "The workload may grow to a hundred replicas")
BOUNDS = Rule("bounds-impossible", _ERROR, "The bounds contradict each other")
ACTIVATION = Rule("activation-ignored", _WARNING, "The activation threshold does nothing")
COOLDOWN = Rule("cooldown-ignored", _WARNING, "The cooldown period does nothing")
PAUSED = Rule("paused", _WARNING, "Nothing scales the workload")
VERSION = Rule("api-version-gone", _ERROR, "The API server does not know the object")
REQUESTS = Rule("missing-requests", _ERROR, "A utilisation has nothing to be a ratio of")
MEMORY = Rule("memory-alone", _WARNING, "Scaling out does not lower what it is scaled on")
TWO = Rule("two-autoscalers", _ERROR, "Two autoscalers scale one workload")
NO_WINDOW = Rule("no-stabilization", _WARNING, "Every dip takes replicas away at once")
TARGET = Rule("target-invalid", _ERROR, "Helios does not score the target")

RULES = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
"""All of them."""
