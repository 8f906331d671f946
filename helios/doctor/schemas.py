"""Whether the HeliosTarget resource of the cluster is the one that this Helios knows: an older one drops fields without a word.

By the schema that the API server publishes to everybody, so that the operator's own rights suffice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from helios.doctor.accounts import Sight
from helios.doctor.checks import Seen, Skipped, listed
from helios.doctor.findings import Finding, Severity
from helios.errors import ClusterMissing
from helios.operator.clusters import Cluster
from helios.operator.crds import crd
from helios.operator.resources import API_VERSION, KIND, PLURAL

_COMPARED = (
    "type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "required",
)  # fmt: skip
_RULES = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Differences:
    """Between our schema and the one that is served: paths of fields.

    Attributes:
        lacking: the served one has not.
        unknown: ours has not.
        other: both have, with other limits or rules.
    """

    lacking: tuple[str, ...]
    unknown: tuple[str, ...]
    other: tuple[str, ...]


def resource(cluster: Cluster, sight: Callable[[], Sight], *, meant: bool) -> Seen:
    """Whether HeliosTargets are served, and as this Helios knows them.

    Args:
        cluster: the door.
        sight: looks for an operator; asked only where they are not served.
        meant: whether the settings say that there is to be an operator.

    Raises:
        Skipped: Helios is not installed, as far as can be seen.
        ClusterError: it cannot be found out.
    """
    if not cluster.served(API_VERSION):
        if not meant:
            _hold_operator(sight())
        return Seen(
            "there are no HeliosTargets here",
            (_crd("crd-missing", "there is no target to score", "is not installed"),),
        )
    try:
        served = cluster.schema(API_VERSION, KIND)
    except ClusterMissing:
        served = {}
    if not served:
        raise Skipped("the API server publishes no schema of HeliosTargets (is it being installed?)")
    found = differences(_schema(), served)
    said = f"{PLURAL} are served as {API_VERSION}"
    if found.lacking:
        what = f"the API server drops without a word: {listed(found.lacking)}"
        return Seen(said, (_crd("crd-outdated", what, "is older than this Helios"),))
    if found.unknown:
        what = f"this Helios refuses targets that use {listed(found.unknown)}"
        return Seen(said, (_crd("crd-outdated", what, "is newer than this Helios, or was edited"),))
    if found.other:
        what = f"the API server refuses, or takes, what this Helios does not: {listed(found.other)}"
        return Seen(said, (_crd("crd-outdated", what, "is of another version"),))
    return Seen(f"{said}, as this Helios knows them")


def _hold_operator(sight: Sight) -> None:
    if sight.operator is None and sight.hidden:
        raise Skipped("there are no HeliosTargets here, and you may not see whether there is an operator")
    if sight.operator is None:
        raise Skipped("Helios is not installed here: neither its resource nor an operator")


def differences(ours: Mapping[str, Any], served: Mapping[str, Any]) -> Differences:
    """Compare two schemas; words for people do not count."""
    mine, theirs = dict(_fields(ours)), dict(_fields(served))
    shared = mine.keys() & theirs.keys()
    return Differences(
        lacking=tuple(_topmost(mine.keys() - theirs.keys())),
        unknown=tuple(_topmost(theirs.keys() - mine.keys())),
        other=tuple(sorted(path for path in shared if mine[path] != theirs[path])),
    )


def _schema() -> Mapping[str, Any]:
    found: Mapping[str, Any] = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def _fields(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    """Path -> what limits its value, of spec and status and all below; what the API server adds by itself is left out."""
    fields = schema.get("properties") or {}
    for name, inner in fields.items():
        if not path and name not in ("spec", "status"):
            continue
        here = f"{path}.{name}" if path else name
        limits = {key: inner[key] for key in _COMPARED if key in inner}
        limits["required"] = sorted(inner.get("required") or ())
        limits[_RULES] = sorted(str(one.get("rule")) for one in inner.get(_RULES) or ())
        items = inner.get("items") or {}
        limits["items"] = {key: items[key] for key in _COMPARED if key in items and key != "required"}
        yield here, limits
        yield from _fields(inner, here)
        yield from _fields(items, f"{here}[]")


def _topmost(paths: set[str]) -> list[str]:
    """Of a field and those below it the field alone."""
    return sorted(
        path for path in paths if not any(path.startswith((f"{other}.", f"{other}[")) for other in paths)
    )


def _crd(rule: str, what: str, why: str) -> Finding:
    return Finding(
        rule=rule,
        severity=Severity.ERROR,
        where=f"CustomResourceDefinition {crd()['metadata']['name']}",
        what=what,
        why=f"the resource {why}",
        remedy="helios crd | kubectl apply --server-side --force-conflicts -f -   # by the Helios that the operator runs",
    )
