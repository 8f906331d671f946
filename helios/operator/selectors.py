"""Label selectors: which pods belong to which workload, for a whole fleet at once.

As `metav1.LabelSelector` in an object or as the text in a `scale` subresource. Nothing here asks a server.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Place = tuple[str, str, str]
"""Namespace, kind and name of a workload."""

_TERM = re.compile(
    r"\s*(?P<no>!)?\s*(?P<key>[^\s=!,()]+)\s*"
    r"(?:(?P<sign>==|=|!=)\s*(?P<value>[^\s,()]*)|(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?\s*(?:,|$)"
)


@dataclass(frozen=True, slots=True)
class Term:
    """One requirement.

    Attributes:
        key: of the label.
        allowed: whether a label that has one of `values` passes, or exactly one that has none of them.
        values: None stands for any value at all.
    """

    key: str
    allowed: bool
    values: frozenset[str] | None = None

    def passes(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it; a label that is not there has none of the values."""
        here = self.key in labels and (self.values is None or labels[self.key] in self.values)
        return here == self.allowed


@dataclass(frozen=True, slots=True)
class Selector:
    """All terms must pass; there is at least one: what selects everything is no workload's selector."""

    terms: tuple[Term, ...]

    @classmethod
    def of(cls, selector: Any) -> Selector | None:
        """From `matchLabels` and `matchExpressions`; None where nothing is selected or an operator is unknown."""
        if not isinstance(selector, Mapping):
            return None
        labels = selector.get("matchLabels") or {}
        terms = [Term(str(key), True, frozenset({str(value)})) for key, value in labels.items()]
        for one in selector.get("matchExpressions") or ():
            key, operator = str(one.get("key")), str(one.get("operator"))
            values = frozenset(str(value) for value in one.get("values") or ())
            if operator in ("In", "NotIn"):
                terms.append(Term(key, operator == "In", values))
            elif operator in ("Exists", "DoesNotExist"):
                terms.append(Term(key, operator == "Exists"))
            else:
                return None
        return cls(tuple(terms)) if terms else None

    @classmethod
    def parsed(cls, text: str) -> Selector | None:
        """From text such as `app=web,tier in (a,b),!canary`; None where it is empty or cannot be read."""
        terms, at = [], 0
        while at < len(text):
            found = _TERM.match(text, at)
            if found is None or (found["no"] and (found["sign"] or found["set"])):
                return None
            terms.append(_term(found))
            at = found.end()
        return cls(tuple(terms)) if terms else None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a pod with these labels is selected."""
        return all(term.passes(labels) for term in self.terms)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Labels that every selected pod has."""
        for term in self.terms:
            if term.allowed and term.values is not None and len(term.values) == 1:
                yield term.key, next(iter(term.values))


class SelectorIndex:
    """Finds the workloads of a pod without trying every selector of its namespace.

    Args:
        selectors: of the workloads.
    """

    def __init__(self, selectors: Mapping[Place, Selector]) -> None:
        shared = Counter((place[0], *pair) for place, one in selectors.items() for pair in one.pairs())
        self._by_label: dict[tuple[str, str, str], list[tuple[Place, Selector]]] = {}
        self._others: dict[str, list[tuple[Place, Selector]]] = {}
        for place, one in selectors.items():
            keys = [(place[0], *pair) for pair in one.pairs()]
            if keys:
                rarest = min(keys, key=lambda key: shared[key])
                self._by_label.setdefault(rarest, []).append((place, one))
            else:
                self._others.setdefault(place[0], []).append((place, one))

    def of(self, namespace: str, labels: Mapping[str, str]) -> Iterator[Place]:
        """Every workload that selects such a pod."""
        tried = [self._others.get(namespace, ())]
        tried += [self._by_label.get((namespace, key, value), ()) for key, value in labels.items()]
        for places in tried:
            for place, selector in places:
                if selector.matches(labels):
                    yield place


def _term(found: re.Match[str]) -> Term:
    key = found["key"]
    if found["set"]:
        values = frozenset(value.strip() for value in found["values"].split(","))
        return Term(key, found["set"] == "in", values)
    if found["sign"]:
        return Term(key, found["sign"] != "!=", frozenset({found["value"]}))
    return Term(key, not found["no"])
