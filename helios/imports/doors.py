"""The door to the cluster: one list for each kind, and one request for each new HeliosTarget.

A target is created and never changed: one that exists stays as it is, whoever made it. Autoscalers are read and not written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from helios.errors import ClusterConflict, ClusterError, ClusterForbidden, ClusterMissing, ClusterUnreachable
from helios.imports.conversions import Imported
from helios.imports.fleets import Listed, Object
from helios.operator.adoptions import HPA_VERSION, KEDA_VERSION
from helios.operator.clusters import Cluster
from helios.operator.namespaces import existing
from helios.operator.resources import API_VERSION, PLURAL


class Outcome(StrEnum):
    """What became of a target that was to be created."""

    CREATED = "created"
    PLANNED = "planned"
    EXISTS = "exists"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Written:
    """One target: what became of it, and the API server's words where it was not taken."""

    made: Imported
    outcome: Outcome
    why: str = ""


def listed(cluster: Cluster, namespace: str | None) -> tuple[Listed, tuple[str, ...]]:
    """Everything that an import looks at, and in words what could not be listed.

    Args:
        cluster: the door, with the rights of whoever calls.
        namespace: this one alone; None is all of them.

    Raises:
        ClusterError: HPAs, ScaledObjects or HeliosTargets could not be listed; ClusterMissing if nothing is in the namespace,
            as there is no such namespace.
    """

    def all_of(api_version: str, plural: str) -> list[Object] | None:
        try:
            return _once(cluster.list(api_version, plural, namespace))
        except ClusterMissing:
            return None

    notes: tuple[str, ...] = ()
    try:
        jobs = all_of(KEDA_VERSION, "scaledjobs")
    except ClusterForbidden as error:
        jobs, notes = None, (f"ScaledJobs are not named here: {error}",)
    found = Listed(
        hpas=all_of(HPA_VERSION, "horizontalpodautoscalers") or (),
        scaled_objects=all_of(KEDA_VERSION, "scaledobjects"),
        scaled_jobs=jobs,
        targets=all_of(API_VERSION, PLURAL),
    )
    if namespace is not None and not any(
        (found.hpas, found.scaled_objects, found.scaled_jobs, found.targets)
    ):
        notes += tuple(filter(None, (existing(cluster, namespace),)))
    return found, notes


def unserved(cluster: Cluster, api_version: str, kind: str) -> str:
    """Why the cluster has no such kind; empty where it has, or cannot say. One request for each version."""
    try:
        cluster.plural_of(api_version, kind)
    except ClusterMissing as error:
        return str(error)
    except ClusterError:
        return ""
    return ""


def written(cluster: Cluster, imports: Sequence[Imported], step: Callable[[], None]) -> list[Written]:
    """Create the targets one after the other; an API server that is away ends it, anything else costs one target.

    Args:
        cluster: the door.
        imports: what to create.
        step: called after each.
    """
    done: list[Written] = []
    for i, made in enumerate(imports):
        try:
            cluster.create(made.manifest)
            done.append(Written(made, Outcome.CREATED))
        except ClusterConflict as error:
            done.append(Written(made, Outcome.EXISTS, str(error)))
        except ClusterUnreachable as error:
            why = f"{error}; run it again, what is there stays"
            return [*done, *(Written(rest, Outcome.FAILED, why) for rest in imports[i:])]
        except ClusterError as error:
            done.append(Written(made, Outcome.FAILED, str(error)))
        step()
    return done


def _once(bodies: Iterable[Object]) -> list[Object]:
    """A list that started over names some objects twice."""
    return list({_key(i, body): body for i, body in enumerate(bodies)}.values())


def _key(number: int, body: Object) -> tuple[object, ...]:
    metadata = body.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, dict) else None
    return (uid,) if uid else ("", number)


def planned(imports: Iterable[Imported]) -> Iterator[Written]:
    """The same without writing."""
    return (Written(made, Outcome.PLANNED) for made in imports)
