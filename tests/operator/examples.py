"""Specs of HeliosTargets, good and bad, with what is said of the bad ones: by the model, and by the real API server.

The end-to-end suite sends the same examples to a kube-apiserver, with `manifest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from helios.operator.resources import API_VERSION, KIND

Spec = dict[str, Any]

RPS = {"name": "rps", "query": 'sum(rate(http_requests_total{namespace="saleor"}[5m]))', "perReplica": "50"}
OFFICE = {"start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "timezone": "Europe/Berlin"}
SALE = {"start": "2026-11-27T00:00:00", "end": "2026-11-28T00:00:00", "expectedLift": "2.5"}


@dataclass(frozen=True, slots=True)
class Example:
    """A spec and, where it is bad, a part of what is said of it."""

    id: str
    spec: Spec
    part: str = ""


def spec(**wishes: Any) -> Spec:
    """The least spec, and what is wished beside it."""
    return {"scaleTargetRef": {"name": "saleor-api"}, **wishes}


def manifest(given: Spec, name: str = "saleor-api", namespace: str = "saleor") -> dict[str, Any]:
    """A HeliosTarget as a user applies it."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": given,
    }


FULL: Spec = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "saleor-api"},
    "mode": "Autoscale",
    "replicas": {"min": 2, "max": 20},
    "metrics": [{"name": "cpu"}, RPS],
    "utilization": {"max": 85, "reactive": 65},
    "forecast": {"model": "baseline", "horizons": [300, 900], "quantile": "0.95", "leadTimeSeconds": 120},
    "anomaly": {"threshold": "3", "mutedUntil": "2026-11-29T00:00:00"},
    "behavior": {
        "scaleUp": {"pods": 4, "percent": 100},
        "scaleDown": {"pods": 2},
        "cooldownSeconds": 600,
        "freezeMaxSeconds": 1800,
        "rollout": {"startPercent": 10, "stepPercent": 30, "everySeconds": 43_200},
    },
    "schedules": [{**OFFICE, "min": 4, "max": 20}],
    "events": [{**SALE, "timezone": "America/New_York", "name": "Black Friday"}],
    "timezone": "Europe/Berlin",
    "holidays": "DE-BY",
    "keda": {
        "serverAddress": "http://prometheus.monitoring:9090",
        "authenticationRef": {"name": "prometheus", "kind": "ClusterTriggerAuthentication"},
        "cpuGuard": 75,
        "fallback": {"failureThreshold": 5, "replicas": 6},
    },
}
"""Every field but alarmsPerWeek, which stands in place of threshold; none at its default but the workload's apiVersion and the
forecaster's lists."""

ACCEPTED: Sequence[Example] = (
    Example("the least", spec()),
    Example("everything", FULL),
    Example("a roll-out as it comes", spec(behavior={"rollout": {}})),
    Example("the requirements'", spec(replicas={"min": 1, "max": 10}, mode="Observe")),
    Example("one replica and no more", spec(replicas={"min": 1, "max": 1})),
    Example("memory drives", spec(metrics=[{"name": "memory"}])),
    Example("cpu by a query", spec(metrics=[{"name": "cpu", "query": "sum(x)"}])),
    Example("a fraction per replica", spec(metrics=[{**RPS, "perReplica": "0.5"}])),
    Example("a quantity per replica", spec(metrics=[{**RPS, "perReplica": "64Mi"}])),
    Example("a quantile without its zero", spec(forecast={"quantile": ".5"})),
    Example("the lowest quantile", spec(forecast={"quantile": "0.05"})),
    Example("the highest quantile", spec(forecast={"quantile": "0.99"})),
    Example("a ceiling alone", spec(schedules=[{**OFFICE, "max": 3}])),
    Example(
        "an exact event",
        spec(events=[{**SALE, "start": "2026-11-26T23:00:00Z", "end": "2026-11-28T00:00:00+01:00"}]),
    ),
    Example(
        "an event whose offsets turn its wall times about",
        spec(events=[{**SALE, "start": "2026-11-27T10:00:00+05:00", "end": "2026-11-27T09:00:00Z"}]),
    ),
    Example("an event without a name", spec(events=[SALE])),
    Example("another forecaster", spec(forecast={"model": "holt-winters"})),
    Example("a country's holidays", spec(holidays="US")),
    Example("alarms a week", spec(anomaly={"alarmsPerWeek": "0.2"})),
    Example("the fewest alarms a week", spec(anomaly={"alarmsPerWeek": "0.001"})),
    Example("the most alarms a week", spec(anomaly={"alarmsPerWeek": "40"})),
    Example("an exact mute", spec(anomaly={"mutedUntil": "2026-11-29T00:00:00+01:00"})),
    Example("a lift of one", spec(events=[{**SALE, "expectedLift": "1"}])),
    Example(
        "a workload of another kind",
        spec(scaleTargetRef={"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "a.b"}),
    ),
)
"""Both take them."""

REFUSED: Sequence[Example] = (
    Example("no workload", {"mode": "Observe"}, "scaleTargetRef"),
    Example("a workload without a name", spec(scaleTargetRef={"kind": "Deployment"}), "name"),
    Example("a workload's name in capitals", spec(scaleTargetRef={"name": "Web"}), "match"),
    Example("a mode that is none", spec(mode="Auto"), "Observe"),
    Example("bounds in the wrong order", spec(replicas={"min": 4, "max": 2}), "swap them or raise max"),
    Example("no replicas", spec(replicas={"min": 0}), "greater than or equal to 1"),
    Example("bounds that are text", spec(replicas={"max": "many"}), "integer"),
    Example("no metrics", spec(metrics=[]), "at least 1 item"),
    Example(
        "a metric of one's own without a query",
        spec(metrics=[{"name": "rps"}]),
        "what one replica serves at 100 %",
    ),
    Example(
        "a metric of one's own without a size",
        spec(metrics=[{"name": "rps", "query": "x"}]),
        "what one replica serves at 100 %",
    ),
    Example("a metric twice", spec(metrics=[{"name": "cpu"}, {"name": "cpu"}]), "metric"),
    Example("nothing per replica", spec(metrics=[{**RPS, "perReplica": "0.0"}]), "0"),
    Example("too much per replica", spec(metrics=[{**RPS, "perReplica": "100000000000000Gi"}]), "1"),
    Example("a size that is no quantity", spec(metrics=[{**RPS, "perReplica": "fifty"}]), "perReplica"),
    Example("a utilization of zero", spec(utilization={"max": 0}), "greater than or equal to 1"),
    Example("a utilization beyond all", spec(utilization={"reactive": 101}), "less than or equal to 100"),
    Example("a forecaster in capitals", spec(forecast={"model": "Auto"}), "Auto"),
    Example("holidays of nowhere", spec(holidays="germany"), "germany"),
    Example("no horizons", spec(forecast={"horizons": []}), "at least 1 item"),
    Example("a horizon of seconds", spec(forecast={"horizons": [30]}), "greater than or equal to 60"),
    Example("a quantile too high", spec(forecast={"quantile": "0.999"}), "outside 0.05..0.99"),
    Example("a quantile too low", spec(forecast={"quantile": "0.01"}), "outside 0.05..0.99"),
    Example("a quantile in percent", spec(forecast={"quantile": "98"}), "match"),
    Example("an anomaly at nothing", spec(anomaly={"threshold": "0"}), "outside 0..100"),
    Example("an anomaly never", spec(anomaly={"threshold": "1000"}), "outside 0..100"),
    Example("no alarms a week", spec(anomaly={"alarmsPerWeek": "0"}), "outside 0.001..40"),
    Example("alarms all day", spec(anomaly={"alarmsPerWeek": "41"}), "outside 0.001..40"),
    Example("an anomaly said twice", spec(anomaly={"threshold": "3", "alarmsPerWeek": "1"}), "remove one"),
    Example("alarms a week in words", spec(anomaly={"alarmsPerWeek": "one"}), "alarmsPerWeek"),
    Example("a mute without a time", spec(anomaly={"mutedUntil": "2026-11-29"}), "mutedUntil"),
    Example("a step of nothing", spec(behavior={"scaleUp": {"pods": 0}}), "greater than or equal to 1"),
    Example(
        "a roll-out that starts with nothing",
        spec(behavior={"rollout": {"startPercent": 0}}),
        "greater than or equal to 1",
    ),
    Example(
        "a roll-out of more than all",
        spec(behavior={"rollout": {"stepPercent": 101}}),
        "less than or equal to 100",
    ),
    Example("a cooldown of days", spec(behavior={"cooldownSeconds": 86_401}), "less than or equal to 86400"),
    Example("a schedule without bounds", spec(schedules=[OFFICE]), "needs min, max, or both"),
    Example("a schedule in the wrong order", spec(schedules=[{**OFFICE, "min": 4, "max": 2}]), "above max"),
    Example("a schedule of two fields", spec(schedules=[{**OFFICE, "start": "at eight", "min": 4}]), "start"),
    Example(
        "an event that ends first",
        spec(events=[{**SALE, "end": "2026-11-26T00:00:00"}]),
        "end is not after start",
    ),
    Example("an event of no length", spec(events=[{**SALE, "end": SALE["start"]}]), "end is not after start"),
    Example(
        "an exact event that ends first",
        spec(events=[{**SALE, "start": "2026-11-27T00:00:00Z", "end": "2026-11-27T00:30:00+01:00"}]),
        "end is not after start",
    ),
    Example(
        "half an offset", spec(events=[{**SALE, "end": "2026-11-28T00:00:00Z"}]), "give both one, or neither"
    ),
    Example("an event without a time", spec(events=[{**SALE, "start": "2026-11-27"}]), "start"),
    Example("an event in no month", spec(events=[{**SALE, "start": "2026-13-01T00:00:00"}]), "start"),
    Example("an event on no day", spec(events=[{**SALE, "start": "2026-02-30T00:00:00"}]), "spec.events"),
    Example("an event that lifts nothing", spec(events=[{**SALE, "expectedLift": "0.5"}]), "outside 1..100"),
    Example("an event with an empty name", spec(events=[{**SALE, "name": ""}]), "name"),
    Example("an event beyond belief", spec(events=[{**SALE, "expectedLift": "101"}]), "outside 1..100"),
    Example("an address without a scheme", spec(keda={"serverAddress": "prometheus:9090"}), "match"),
    Example("a guard beyond all", spec(keda={"cpuGuard": 101}), "less than or equal to 100"),
    Example(
        "a fallback beyond the bounds",
        spec(replicas={"max": 5}, keda={"fallback": {"replicas": 6}}),
        "above replicas.max",
    ),
    Example(
        "credentials of another kind",
        spec(keda={"authenticationRef": {"name": "a", "kind": "Secret"}}),
        "ClusterTriggerAuthentication",
    ),
)
"""Both refuse them, and both say the part."""

MODEL_ONLY: Sequence[Example] = (
    Example("a place on Mars", spec(timezone="Mars/Olympus"), "IANA time zone"),
    Example(
        "a schedule on Mars",
        spec(schedules=[{**OFFICE, "timezone": "Mars/Olympus", "min": 2}]),
        "IANA time zone",
    ),
    Example(
        "cron with a 61st minute",
        spec(schedules=[{**OFFICE, "end": "61 8 * * *", "min": 4}]),
        "cron expression",
    ),
    Example(
        "a forecaster that is not installed",
        spec(forecast={"model": "oracle"}),
        "auto, baseline, holt-winters",
    ),
    Example("holidays of an unknown country", spec(holidays="ZZ"), "ISO 3166"),
    Example("holidays of another country's part", spec(holidays="DE-CA"), "write DE with one of"),
    Example("a bound below the operator's", spec(replicas={"min": 11}), "above max 10"),
    Example(
        "a fallback beyond the operator's bound",
        spec(keda={"fallback": {"replicas": 11}}),
        "above replicas.max",
    ),
)
"""The API server takes them, as it knows neither time zones nor cron nor holidays nor what is installed nor the operator's defaults; a condition tells."""

UNKNOWN: Sequence[Example] = (
    Example(
        "a roll-out in percent a day", spec(behavior={"rollout": {"percentPerDay": 20}}), "percentPerDay"
    ),
    Example("a field that is none", spec(colour="blue"), "colour"),
    Example("a namespace of another", spec(scaleTargetRef={"name": "db", "namespace": "other"}), "namespace"),
)
"""The model refuses them; the API server prunes them, and refuses where a client asks for strict validation, as kubectl does."""
