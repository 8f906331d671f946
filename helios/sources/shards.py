"""Cutting one question into requests that a server and the proxies before it accept.

In space: a query's address may not grow beyond what proxies take, so a large fleet's namespaces are split. In time:
Prometheus answers at most 11,000 points per series, and a million points are enough for one request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import quote_plus

from helios.sources.recipes import Selection

MAX_POINTS_PER_SERIES = 11_000
MAX_POINTS = 1_000_000
MAX_QUERY_CHARACTERS = 7_000
"""Of a query as it stands in an address; common proxies take 8 KiB in all."""


def selections(
    names: Iterable[tuple[str, str]],
    render: Callable[[Selection], str],
    matchers: Mapping[str, str] | None = None,
    budget: int = MAX_QUERY_CHARACTERS,
) -> Iterator[Selection]:
    """Cut workloads into as few selections as possible whose query stays within `budget` characters.

    First the names of the workloads are left out (the query then answers for whole namespaces), then the namespaces
    are halved. A single namespace is never cut.

    Args:
        names: `(namespace, workload)` of all that are wanted.
        render: the query for a selection.
        matchers: labels that every metric must carry besides.
        budget: characters of a query in an address.
    """
    by_namespace: dict[str, set[str]] = {}
    for namespace, workload in names:
        by_namespace.setdefault(namespace, set()).add(workload)

    def cut(namespaces: list[str]) -> Iterator[Selection]:
        wide = Selection(tuple(namespaces), (), matchers or {})
        choices = [wide]
        if sum(len(name) for one in namespaces for name in by_namespace[one]) <= budget:
            workloads = tuple(sorted(set().union(*(by_namespace[one] for one in namespaces))))
            choices.insert(0, Selection(tuple(namespaces), workloads, matchers or {}))
        fitting = (one for one in choices if len(quote_plus(render(one))) <= budget)
        chosen = next(fitting, wide if len(namespaces) == 1 else None)
        if chosen is not None:
            yield chosen
            return
        middle = len(namespaces) // 2
        yield from cut(namespaces[:middle])
        yield from cut(namespaces[middle:])

    if by_namespace:
        yield from cut(sorted(by_namespace))


def windows(columns: int, width: int) -> Iterator[tuple[int, int]]:
    """Cut `columns` of `width` series into `(first column, columns)` that keep both limits, in order of time."""
    most = max(1, min(MAX_POINTS_PER_SERIES, MAX_POINTS // max(1, width)))
    for first in range(0, columns, most):
        yield first, min(most, columns - first)
