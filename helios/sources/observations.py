"""What the workloads look like now: replicas, requests, limits and start-up times, by instant queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from helios.sources import recipes
from helios.sources.answers import Key, key, vector
from helios.sources.clients import Client, QueryFailed
from helios.sources.families import Families
from helios.sources.questions import Rests, together
from helios.sources.recipes import WELL_KNOWN, Selection
from helios.sources.shards import selections
from scoring.metrics_stream import Workloads
from scoring.panels import Floats, Series, is_demand

Found = Mapping[str, Mapping[Key, float]]


class Observations:
    """Asks for the present state of workloads; one query per kind of fact, whatever the fleet's size.

    Args:
        client: the door to Prometheus.
        families: which recipe joins pods to workloads.
        rests: which queries failed lately.
        matchers: labels that every metric must carry besides.
    """

    def __init__(self, client: Client, families: Families, rests: Rests, matchers: Mapping[str, str]) -> None:
        self._client = client
        self._families = families
        self._rests = rests
        self._matchers = matchers

    def of(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        """The state of `(namespace, name, kind)` and of each series' pods, by the server's clock.

        Raises:
            SourceUnavailable: replicas or requests cannot be asked for; limits and start-up times may stay unknown.
        """
        names = sorted(
            {(namespace, name) for namespace, name, _ in workloads}
            | {(one.namespace, one.deployment) for one in series}
        )
        spaces = {namespace for namespace, _ in names}
        self._families.look(spaces, None)
        owner = self._families.family("owner", spaces)
        renders: dict[str, Callable[[Selection], str]] = {
            "replicas": recipes.replicas,
            "start-up times": partial(recipes.starts, owner),
        }
        for metric in WELL_KNOWN:
            if any(one.metric == metric for one in series):
                renders[f"{metric} requests"] = partial(recipes.per_pod, owner, "requests", metric)
                renders[f"{metric} limits"] = partial(recipes.per_pod, owner, "limits", metric)
        found = self._vectors(renders, names)
        keys = [key(namespace, kind, name) for namespace, name, kind in workloads]
        return Workloads(
            replicas=_values([found["replicas"].get(one) for one in keys]),
            request=_resources(series, found, "requests"),
            limit=_resources(series, found, "limits"),
            start_seconds=_values([found["start-up times"].get(one) for one in keys]),
        )

    def _vectors(
        self, renders: Mapping[str, Callable[[Selection], str]], names: Sequence[tuple[str, str]]
    ) -> Found:
        plans = [
            (name, render(selection))
            for name, render in renders.items()
            if _must(name) or self._rests.why(name) is None
            for selection in selections(names, render, self._matchers)
        ]
        calls = [partial(self._client.instant, name, query, vector) for name, query in plans]
        answers = together(calls, [_must(name) for name, _ in plans])
        found: dict[str, dict[Key, float]] = {name: {} for name in renders}
        for (name, _), answer in zip(plans, answers, strict=True):
            if isinstance(answer, QueryFailed):
                self._rests.failed(name, answer.problem)
            else:
                self._rests.worked(name)
                found[name].update(answer)
        return found


def _must(name: str) -> bool:
    """Whether a cycle is worth nothing without it."""
    return name == "replicas" or name.endswith("requests")


def _resources(series: Sequence[Series], found: Found, what: str) -> Floats:
    """Per pod of each series; a request or limit of zero is none."""
    values = [
        found.get(f"{one.metric} {what}", {}).get(key(one.namespace, one.kind, one.deployment))
        for one in series
    ]
    return _values([value if value != 0 else None for value in values])


def _values(values: Sequence[float | None]) -> Floats:
    column = np.array([np.nan if value is None else value for value in values], np.float64)
    column[~is_demand(column)] = np.nan
    return column.astype(np.float32)
