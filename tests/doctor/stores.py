"""A Prometheus that knows nothing but what a test says, over real HTTP; and the checks run on it.

What it is asked is told by a few words of the query. That the queries themselves are right is tested on a real server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from helios.doctor.checks import Check, Skipped
from helios.doctor.findings import Finding
from helios.doctor.fleets import Fleet, Subject
from helios.doctor.prometheus_checks import prometheus_checks
from helios.doctor.stores import Store
from helios.errors import SettingsError
from helios.settings import Settings
from helios.sources.access import Access
from helios.sources.clients import Client
from tests.sources.web_servers import Reply, Request, json_reply, result

Labels = Mapping[str, str]
WEB = Subject(namespace="shop", kind="Deployment", name="web", runs=True, requested=True, scored=True)
RAW = ("cpu", "memory", "pod_owner", "replicaset_owner")
HEALTHY = ("requests", "Deployment")


@dataclass
class Shelf:
    """Answers requests; healthy unless a test takes something away.

    Attributes:
        ahead: seconds that its clock is.
        parts: what the metrics of namespace `shop` are, as `presence` names them.
        signs: the same of `queries.signs`.
        unlabelled: parts of `queries.unlabelled`.
        demand: labels of the workloads that have samples.
        clusters: values of the label.
        samples: per two windows; None for no element.
        since: seconds ago of the first sample, by part.
        gauges: labels of signals -> how many series; fresh ones have `part="fresh"`.
        flags: of the server; None answers 404.
        kept: seconds that its own metrics say it keeps samples.
        slow: seconds that every answer takes.
    """

    ahead: float = 0.0
    parts: Sequence[str] = RAW
    signs: Sequence[str] = HEALTHY
    unlabelled: Sequence[str] = ()
    demand: Sequence[Labels] = ({"namespace": "shop", "owner_kind": "Deployment", "owner_name": "web"},)
    clusters: Sequence[str] = ()
    samples: float | None = 20
    since: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(("usage", "owner"), 8 * 86_400))
    gauges: Sequence[tuple[Labels, float]] = (
        ({"namespace": "shop", "deployment": "web", "part": "all"}, 1),
        ({"namespace": "shop", "deployment": "web", "part": "fresh"}, 1),
    )
    flags: Mapping[str, str] | None = field(default_factory=lambda: {"storage.tsdb.retention.time": "30d"})
    kept: float | None = None
    slow: float = 0.0

    def __call__(self, request: Request) -> Reply:
        if self.slow:
            time.sleep(self.slow)
        if request.path.endswith("/status/flags"):
            return json_reply({}, 404) if self.flags is None else json_reply({"data": self.flags})
        return result("vector", [_item(labels, value) for labels, value in self._found(request.query)])

    def _found(self, query: str) -> list[tuple[Labels, float]]:
        now = time.time() + self.ahead
        shop = {"namespace": "shop"}
        answers: dict[str, Callable[[], list[tuple[Labels, float]]]] = {
            "min_over_time": lambda: [({"part": part}, now - ago) for part, ago in self.since.items()],
            "vector(time())": lambda: [({}, now)],
            "vector(1)": lambda: [({}, 1)],
            "exported_owner": lambda: [({**shop, "part": part}, 3) for part in self.signs],
            "old_labels": lambda: [({"part": part}, 3) for part in self.unlabelled],
            "rate_rule": lambda: [({**shop, "part": part}, 3) for part in self.parts],
            "by (namespace, cluster)": lambda: [({**shop, "cluster": one}, 3) for one in self.clusters],
            "count_over_time": lambda: [] if self.samples is None else [({}, self.samples)],
            "helios_scaling_signal": lambda: list(self.gauges),
            "prometheus_tsdb_retention": lambda: [] if self.kept is None else [({}, self.kept)],
            "group_left": lambda: [(labels, 1.0) for labels in self.demand],
        }
        return next(found() for words, found in answers.items() if words in query)


def _item(labels: Labels, value: float) -> dict[str, Any]:
    return {"metric": dict(labels), "value": [time.time(), repr(value)]}


def store(url: str, *, seconds: float = 5.0, **access: Any) -> Store:
    """A door to it."""
    return Store(Client.to(Access(url=url, timeout_seconds=seconds, **access)), url)


def closed() -> Store:
    """KEDA asks where Helios does."""
    raise Skipped("KEDA asks where Helios does")


def unnamed() -> Store:
    """The settings name none."""
    raise SettingsError("prometheus.url is not set")


def examined(
    url: str,
    *subjects: Subject,
    keda: Callable[[], Store] = closed,
    settings: Settings | None = None,
    clock: Callable[[], float] = time.monotonic,
    **access: Any,
) -> dict[str, Check]:
    """Every check by its name; of the Deployment `shop/web` where no subject is named."""
    fleet = Fleet(subjects or (WEB,))
    door = store(url, **access)
    try:
        checks = prometheus_checks(lambda: door, keda, fleet, settings or Settings(), clock=clock)
    finally:
        door.client.close()
    return {one.name: one for one in checks}


def found(checks: Mapping[str, Check]) -> list[Finding]:
    """All findings, in order."""
    return [finding for check in checks.values() for finding in check.findings]


def rules(checks: Mapping[str, Check]) -> list[str]:
    """Their rules."""
    return [finding.rule for finding in found(checks)]
