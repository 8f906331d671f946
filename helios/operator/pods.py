"""What the pods tell of their workloads: how fast they start, and what admission made of their template.

Pods are many, so they are listed now and then, page by page, and forgotten at once but for these few numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from statistics import median

from helios.errors import ClusterError
from helios.operator.clusters import Cluster
from helios.operator.footprints import PodShape, start_seconds
from helios.operator.selectors import Place, Selector, SelectorIndex

FEW = 4
"""In so many namespaces pods or workloads are listed one namespace at a time, in more all at once."""
CHEAP_SECONDS = 10.0
"""A list that fails sooner than this costs little, and is tried again as usual."""
LONGEST_SECONDS = 3600.0
"""Most time between two tries of a list that costs much and fails."""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What the running pods of one workload told when they were last listed; start-up times stay known.

    Attributes:
        start_seconds: median from creation to readiness.
        shapes: what they request and are limited to, and how many of them do.
    """

    start_seconds: float | None = None
    shapes: Mapping[PodShape, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Seen:
    starts: list[float] = field(default_factory=list)
    shapes: Counter[PodShape] = field(default_factory=Counter)


def scopes(namespaces: Collection[str]) -> list[str | None]:
    """The namespaces to be listed one by one, or `[None]`: the whole cluster."""
    distinct = sorted(set(namespaces))
    return list(distinct) if len(distinct) <= FEW else [None]


class PodReader:
    """Lists pods when it is time.

    Args:
        cluster: the door.
        clock: seconds that only move forward.
        every_seconds: time between two lists.
        new_seconds: a workload not seen before is not waited for longer than this.

    Attributes:
        problem: why the last list failed; None if it did not.
    """

    def __init__(
        self, cluster: Cluster, clock: Callable[[], float], *, every_seconds: float, new_seconds: float
    ) -> None:
        self._cluster, self._clock = cluster, clock
        self._every, self._new = every_seconds, new_seconds
        self._asked, self._pause = -math.inf, 0.0
        self.problem: ClusterError | None = None
        self._covered: frozenset[Place] = frozenset()
        self._facts: dict[Place, PodFacts] = {}
        self._starts: dict[str, float] = {}  # by uid: a pod becomes ready for the first time once

    def facts(self, place: Place) -> PodFacts:
        """What is known of a workload's pods."""
        return self._facts.get(place, PodFacts())

    def look(self, selectors: Mapping[Place, Selector], fleet: Collection[Place]) -> None:
        """List the pods of these workloads if it is time; forget who is not in the fleet any more.

        Where they cannot be listed, `problem` says why, and what was known stays. A list that took long and failed is
        tried again after twice as long as before.
        """
        self._facts = {place: facts for place, facts in self._facts.items() if place in fleet}
        usual = self._every if selectors.keys() <= self._covered else self._new
        began = self._clock()
        if not selectors or began - self._asked < max(usual, self._pause):
            return
        self._asked = began
        try:
            seen, starts = self._listed(selectors)
        except ClusterError as error:
            self.problem, self._asked = error, self._clock()
            if self._asked - began > CHEAP_SECONDS:
                self._pause = min(LONGEST_SECONDS, 2 * max(self._pause, self._every))
            return
        self.problem, self._pause = None, 0.0
        self._covered, self._starts = frozenset(selectors), starts
        for place in selectors:
            of_pods = seen.get(place, _Seen())
            learned = median(of_pods.starts) if of_pods.starts else self.facts(place).start_seconds
            self._facts[place] = PodFacts(learned, of_pods.shapes)

    def _listed(self, selectors: Mapping[Place, Selector]) -> tuple[dict[Place, _Seen], dict[str, float]]:
        """Every workload's running pods, and every pod's start-up time."""
        index = SelectorIndex(selectors)
        seen: dict[Place, _Seen] = {}
        starts: dict[str, float] = {}
        read = set()
        for namespace in scopes({place[0] for place in selectors}):
            for pod in self._cluster.list("v1", "pods", namespace, field_selector="status.phase=Running"):
                metadata = pod.get("metadata") or {}
                places = list(index.of(metadata.get("namespace", ""), metadata.get("labels") or {}))
                uid = str(metadata.get("uid"))
                if not places or uid in read:
                    continue
                read.add(uid)
                start, shape = start_seconds(pod), PodShape.of(pod.get("spec") or {})
                times = [time for time in (start, self._starts.get(uid)) if time is not None]
                if times:
                    starts[uid] = min(times)  # ready again later is no start-up
                for place in places:
                    of_pods = seen.setdefault(place, _Seen())
                    of_pods.shapes[shape] += 1
                    if uid in starts:
                        of_pods.starts.append(starts[uid])
        return seen, starts
