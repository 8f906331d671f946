"""From Prometheus' JSON to flat arrays, and from labels to rows. No network, no recipes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Answer = list[dict[str, Any]]
"""`data.result` of Prometheus: one mapping per series, with `metric` and `value` or `values`."""

Key = tuple[str, str, str]
"""Namespace, kind in lower case (its casing varies between rules), name."""

_NAMES = (
    ("owner_kind", "owner_name"),
    ("workload_type", "workload"),
)
_KIND_LABELS = ("deployment", "statefulset", "daemonset")


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of one answer, flat.

    Attributes:
        labels: of each series, `[series]`.
        owner: which series a sample belongs to, `[samples]`.
        times: UNIX seconds, `[samples]`.
        values: `[samples]`; NaN and Inf as they came.
    """

    labels: Sequence[Mapping[str, str]]
    owner: NDArray[np.intp]
    times: NDArray[np.float64]
    values: NDArray[np.float64]


def key(namespace: str, kind: str, name: str) -> Key:
    """A workload's identity as answers carry it."""
    return namespace, kind.casefold(), name


def key_of(labels: Mapping[str, str]) -> Key | None:
    """The workload that an answered series is about; None where its labels name none."""
    namespace = labels.get("namespace", "")
    for kind_label, name_label in _NAMES:
        if name_label in labels:
            return key(namespace, labels.get(kind_label, ""), labels[name_label])
    for kind_label in _KIND_LABELS:
        if kind_label in labels:
            return key(namespace, kind_label, labels[kind_label])
    return None


def samples(answer: Answer) -> Samples:
    """Flatten a matrix.

    Raises:
        ValueError, TypeError, IndexError: a sample is not `[time, "value"]`.
    """
    counts = [len(item["values"]) for item in answer]
    flat = list(chain.from_iterable(item["values"] for item in answer))
    total = len(flat)
    return Samples(
        [item["metric"] for item in answer],
        np.repeat(np.arange(len(answer), dtype=np.intp), counts),
        np.fromiter((pair[0] for pair in flat), np.float64, total),
        np.fromiter((float(pair[1]) for pair in flat), np.float64, total),
    )


def merged(parts: Iterable[Samples]) -> Samples:
    """Several answers to one question as one; series of equal labels are one series."""
    numbers: dict[Hashable, int] = {}
    labels: list[Mapping[str, str]] = []
    owners, times, values = [], [], []
    for part in parts:
        slots = np.empty(len(part.labels), np.intp)
        for i, one in enumerate(part.labels):
            slots[i] = numbers.setdefault(frozenset(one.items()), len(labels))
            if slots[i] == len(labels):
                labels.append(one)
        owners.append(slots[part.owner])
        times.append(part.times)
        values.append(part.values)
    if not owners:
        return Samples([], np.empty(0, np.intp), np.empty(0), np.empty(0))
    return Samples(labels, np.concatenate(owners), np.concatenate(times), np.concatenate(values))


def vector(answer: Answer) -> dict[Key, float]:
    """An instant vector by workload; of a workload returned twice the larger value, NaN and Inf left out.

    Raises:
        ValueError, TypeError, IndexError: a sample is not `[time, "value"]`.
    """
    found: dict[Key, float] = {}
    for item in answer:
        workload, value = key_of(item["metric"]), float(item["value"][1])
        if workload is not None and np.isfinite(value):
            found[workload] = max(value, found.get(workload, value))
    return found


def parts(answer: Answer) -> dict[str, dict[str, float]]:
    """What `recipes.presence` answered: namespace -> part -> how many series.

    Raises:
        ValueError, TypeError, IndexError: a sample is not `[time, "value"]`.
    """
    found: dict[str, dict[str, float]] = {}
    for item in answer:
        labels = item["metric"]
        found.setdefault(labels.get("namespace", ""), {})[labels.get("part", "")] = float(item["value"][1])
    return found
