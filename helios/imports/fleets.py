"""All autoscalers of a cluster together: who is imported, who is not and why.

An HPA that KEDA made counts as its ScaledObject. Where two scale one workload, where a workload has a HeliosTarget, and
where Helios could not tell two workloads apart, nothing is imported. What cannot be read costs itself alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from helios.imports import remarks
from helios.imports.autoscalers import Autoscaler, Place, UnreadableError
from helios.imports.conversions import Imported, ImpossibleError, imported, target_name
from helios.imports.metrics import QueryProblem
from helios.imports.remarks import Remark, Rule
from helios.operator.adoptions import Kind
from helios.operator.conditions import Reason

Object = Mapping[str, Any]

COULD_NOT = "Autoscale could not take over: "
"""How the operator begins to say so."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object that becomes no target.

    Attributes:
        kind, namespace, name: which.
        remark: why.
    """

    kind: str
    namespace: str
    name: str
    remark: Remark


@dataclass(frozen=True, slots=True)
class Existing:
    """A HeliosTarget that there is.

    Attributes:
        namespace, name: its own.
        place: its workload.
        mode: as it stands.
        obstacle: why the operator could not take its autoscaler over, in its words; empty where nothing is in the way.
    """

    namespace: str
    name: str
    place: Place
    mode: str
    obstacle: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a cluster has, as listed; None where a kind does not exist there."""

    hpas: Sequence[Object] = ()
    scaled_objects: Sequence[Object] | None = None
    scaled_jobs: Sequence[Object] | None = None
    targets: Sequence[Object] | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """What an import found.

    Attributes:
        imports: what becomes a HeliosTarget, by namespace and name.
        skipped: what does not.
        existing: the HeliosTargets that there are.
        known: what is said of each workload's autoscaler, whether it is imported now or was before.
    """

    imports: tuple[Imported, ...]
    skipped: tuple[Skipped, ...]
    existing: tuple[Existing, ...]
    known: Mapping[Place, tuple[Remark, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an import is done by.

    Attributes:
        cycle: seconds between two of Helios' decisions.
        may_not: whether a namespace may bring PromQL of its own.
        unserved: why a group and version or a kind in it is not to be had in this cluster; empty where it is.
    """

    cycle: int
    may_not: QueryProblem
    unserved: Callable[[str, str], str] = lambda _version, _kind: ""


def sifted(listed: Listed, terms: Terms) -> Fleet:
    """Decide about everything that was listed: one list for each kind."""
    existing = tuple(_existing(body) for body in listed.targets or ())
    watched = {one.place for one in existing}
    found, skipped = _read(listed)
    jobs = listed.scaled_jobs or ()
    skipped += [_skip("ScaledJob", body, remarks.SCALED_JOB, "starts Jobs") for body in jobs]
    places: dict[Place, list[Autoscaler]] = {}
    for one in found:
        if not (one.is_managed and one.place in watched):
            places.setdefault(one.place, []).append(one)
    claimed = _claims(existing, places)
    names = _Names(existing, found)
    imports: list[Imported] = []
    known: dict[Place, tuple[Remark, ...]] = {}
    for place, scalers in sorted(places.items(), key=lambda item: (item[0][0], item[0][2], item[0][1])):
        if len(scalers) > 1:
            words = f"{place[1]} {place[2]} is scaled by {' and '.join(str(scaler) for scaler in scalers)}"
            skipped += [_left(scaler, remarks.TWO_AUTOSCALERS, words) for scaler in scalers]
            known[place] = (Remark(remarks.TWO_AUTOSCALERS, words),)
            continue
        try:
            one = scalers[0]
            made = _seen(imported(one, names.free(one), cycle=terms.cycle, may_not=terms.may_not), terms)
        except ImpossibleError as error:
            rule = remarks.HAS_TARGET if place in watched else remarks.IMPOSSIBLE
            skipped.append(_left(one, rule, str(error)))
            continue
        known[place] = made.said
        why = _withheld(one, claimed[place[0], place[2]], watched)
        if why is not None:
            skipped.append(_left(one, why.rule, why.what))
            continue
        names.take(made)
        imports.append(made)
    return Fleet(tuple(imports), tuple(skipped), existing, known)


def _seen(made: Imported, terms: Terms) -> Imported:
    """With a remark where Helios will not find the workload: the HPA controller and KEDA need no version to find it."""
    reference = made.manifest["spec"]["scaleTargetRef"]
    why = terms.unserved(reference["apiVersion"], reference["kind"])
    return replace(made, said=(Remark(remarks.NOT_SERVED, why), *made.said)) if why else made


def _withheld(one: Autoscaler, claimed: Place, watched: Collection[Place]) -> Remark | None:
    """Why an autoscaler that could be imported is not."""
    words = f"{one.place[1]} {one.place[2]}"
    if claimed != one.place:
        return Remark(remarks.SAME_NAME, f"{words} stands beside {claimed[1]} {claimed[2]}")
    if one.place in watched:
        return Remark(remarks.HAS_TARGET, words)
    return Remark(remarks.PAUSED, words) if one.paused else None


class _Names:
    """Which names of a namespace are free for a target: its ScaledObject would be named so too."""

    def __init__(self, existing: Iterable[Existing], found: Iterable[Autoscaler]) -> None:
        self._targets: dict[str, set[str]] = {}
        self._objects: dict[str, set[str]] = {}
        for target in existing:
            self._targets.setdefault(target.namespace, set()).add(target.name)
        for one in found:
            if one.kind == "ScaledObject":
                self._objects.setdefault(one.metadata.namespace, set()).add(one.metadata.name)

    def free(self, one: Autoscaler) -> str:
        """A name for the target of an autoscaler; a ScaledObject may lend its own."""
        namespace = one.metadata.namespace
        own = {one.metadata.name} if one.kind == "ScaledObject" else set()
        objects = self._objects.get(namespace, set()) - own
        return target_name(one, frozenset(self._targets.get(namespace, set()) | objects))

    def take(self, made: Imported) -> None:
        """Nobody else gets this one."""
        self._targets.setdefault(made.autoscaler.metadata.namespace, set()).add(made.name)


def _read(listed: Listed) -> tuple[list[Autoscaler], list[Skipped]]:
    """Every autoscaler of a user's own, and what cannot be one."""
    found: list[Autoscaler] = []
    skipped: list[Skipped] = []
    makers = set()
    kinds: tuple[tuple[Kind, Iterable[Object]], ...] = (
        ("ScaledObject", listed.scaled_objects or ()),
        ("HorizontalPodAutoscaler", listed.hpas),
    )
    for kind, bodies in kinds:
        for body in bodies:
            try:
                one = Autoscaler.of(kind, body)
            except UnreadableError as error:
                skipped.append(_skip(kind, body, remarks.UNREADABLE, str(error)))
                makers.add(_named(body))
                continue
            if kind == "ScaledObject":
                makers.add((one.metadata.namespace, one.metadata.name))
            elif one.maker:
                if (one.metadata.namespace, one.maker) not in makers:
                    words = f"of ScaledObject {one.maker}"
                    skipped.append(_left(one, remarks.OWNER_UNSEEN, words))
                continue
            found.append(one)
    return found, skipped


def _claims(existing: Sequence[Existing], places: Iterable[Place]) -> dict[tuple[str, str], Place]:
    """Which workload of a namespace and name is Helios': the one that has a target, else a Deployment, else by kind."""
    claimed = {(one.place[0], one.place[2]): one.place for one in existing}
    for place in sorted(places, key=lambda one: (one[1] != "Deployment", one)):
        claimed.setdefault((place[0], place[2]), place)
    return claimed


def _existing(body: Object) -> Existing:
    """A target as it stands, whatever is in it: who reads its spec is the operator."""
    namespace, name = _named(body)
    spec = _part(body, "spec")
    reference = _part(spec, "scaleTargetRef")
    place = (namespace, str(reference.get("kind") or "Deployment"), str(reference.get("name") or ""))
    obstacle = _obstacle(_part(body, "status").get("conditions"))
    return Existing(namespace, name, place, str(spec.get("mode") or "Observe"), obstacle)


def _obstacle(conditions: object) -> str:
    """What the status says of an adoption that could not be (`takeovers.takeover`)."""
    for one in conditions if isinstance(conditions, list) else ():
        if isinstance(one, Mapping) and one.get("reason") == Reason.ADOPTABLE:
            return str(one.get("message", "")).partition(COULD_NOT)[2]
    return ""


def _left(one: Autoscaler, rule: Rule, words: str) -> Skipped:
    return Skipped(one.kind, one.metadata.namespace, one.metadata.name, Remark(rule, words))


def _skip(kind: str, body: Object, rule: Rule, words: str) -> Skipped:
    return Skipped(kind, *_named(body), Remark(rule, words))


def _named(body: object) -> tuple[str, str]:
    metadata = _part(body, "metadata")
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def _part(body: object, name: str) -> Mapping[str, Any]:
    found = body.get(name) if isinstance(body, Mapping) else None
    return found if isinstance(found, Mapping) else {}
